/* demo.c -- classifies the 1,000 real test digits with a compiled model for each chip given.
 *
 * usage: digits-demo FOLDER CHIP=MODEL.mil ..
 * FOLDER holds test_images.npy and test_labels.npy. Prints a line a chip:
 * `m1 accuracy 97.3% of 1000, 12 ms`; exit 1 when any is below 95 %. */
#include "../../backends/backend.h"
#include "../../ir/mil/mil.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PIXELS = 28 * 28, CLASSES = 10, WANTED_PERCENT = 95 };

typedef struct {
    NpyArray images, labels;
} Digits;

static void show(void *ctx, DiagKind kind, const char *message)
{
    (void)ctx, (void)kind;
    fputs(message, stderr);
}

static bool load(Diag *d, Arena *a, const char *folder, Digits *out)
{
    return npy_open(d, arena_printf(a, "%s/test_images.npy", folder), &out->images)
        && npy_open(d, arena_printf(a, "%s/test_labels.npy", folder), &out->labels);
}

/* Pixels 0..255 as the model's input: 0..1 in its element type. */
static bool make_input(Diag *d, const Digits *g, const Value *param, Tensor *x)
{
    const unsigned char *pixel = g->images.data;
    if (!tensor_alloc(x, d, param->type->dtype, &param->type->shape)) return false;
    if (x->count != (size_t)g->images.shape[0] * PIXELS)
        return diag_error(d, value_loc(param),
                          "the model takes %zu pixels, the test set has %lld", x->count,
                          (long long)g->images.shape[0] * PIXELS);
    for (size_t i = 0; i < x->count; i++) tensor_set_float(x, i, pixel[i] / 255.0);
    return true;
}

static int count_right(const Digits *g, const Tensor *logits)
{
    const unsigned char *label = g->labels.data;
    int right = 0;
    for (size_t i = 0; i * CLASSES < logits->count; i++) {
        size_t best = 0;
        for (size_t k = 1; k < CLASSES; k++)
            if (tensor_float(logits, i * CLASSES + k)
                > tensor_float(logits, i * CLASSES + best))
                best = k;
        right += best == label[i];
    }
    return right;
}

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static bool classify(Diag *d, const Digits *g, const char *chip, Module *m)
{
    Func *f = module_main(m);
    const Value *param = f->body->param[0];
    Binding in = { .name = param->name };
    Program *p = program_new(backend_find("ref"), m, f, d);
    bool ok = p && make_input(d, g, param, &in.value);
    double start = now_ms();
    ok = ok && program_run(p, d, &in, 1, &(RunOptions){ 0 });
    if (ok) {
        const Binding *out;
        program_results(p, &out);
        int right = count_right(g, &out[0].value), all = (int)g->labels.shape[0];
        printf("%s accuracy %.1f%% of %d, %.0f ms\n", chip, 100.0 * right / all, all,
               now_ms() - start);
        ok = 100 * right >= WANTED_PERCENT * all;
        if (!ok) diag_error(d, (Loc){ 0 }, "%s is below %d %%", chip, WANTED_PERCENT);
    }
    tensor_free(&in.value);
    program_free(p);
    return ok;
}

/* `m1=build/demo/m1/digits.mil` */
static bool run_one(Diag *d, Arena *a, const Digits *g, const char *arg)
{
    const char *path = strchr(arg, '=');
    Mapped text;
    if (!path++) return diag_error(d, (Loc){ 0 }, "expected CHIP=MODEL.mil, not %s", arg);
    if (!file_map(d, path, &text)) return false;
    Source src = { .name = path, .text = (const char *)text.data, .len = text.size };
    Module *m = mil_read(d, &src, file_dir(a, path));
    bool ok = m && classify(d, g, arena_strndup(a, arg, (size_t)(path - 1 - arg)), m);
    module_free(m);
    file_unmap(&text);
    return ok;
}

int main(int argc, char **argv)
{
    Diag d = { .emit = show };
    Arena a = { 0 };
    Digits g = { 0 };
    if (argc < 3) {
        fputs("usage: digits-demo FOLDER CHIP=MODEL.mil ..\n", stderr);
        return 2;
    }
    bool ok = load(&d, &a, argv[1], &g);
    for (int i = 2; ok && i < argc; i++) ok = run_one(&d, &a, &g, argv[i]);
    npy_close(&g.images);
    npy_close(&g.labels);
    arena_free(&a);
    return diag_exit(&d);
}
