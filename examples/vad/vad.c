/* vad.c -- runs an Apple-compiled voice activity model over a wave file, on any machine.
 *
 * usage: vad MODEL SOUND.wav [PLOT.svg] MODEL is a .mlmodelc, a folder that holds model.mil and
 * weights, or the .mil itself. Its inputs are audio_input [1, 64 + n], hidden_state and
 * cell_state; n new samples follow 64 of context, and both states are fed back. Prints a line:
 * how many chunks are speech, and the highest probability. */
#include "../../backends/backend.h"
#include "../../ir/mil/mil.h"
#include "wav.h"

#include <stdlib.h>
#include <string.h>

enum { CONTEXT = 64 };

typedef struct {
    Diag diag;
    Arena arena;
    Mapped file;
    Source src;
    Module *module;
    Program *program;
    Binding in[3]; /* audio_input, hidden_state, cell_state */
    Wav sound;
    float *probability;
    size_t chunks;
} Vad;

static const struct {
    const char *input, *result;
} fed_back[] = {
    { "hidden_state", "new_hidden_state" },
    { "cell_state", "new_cell_state" },
};

static void show(void *ctx, DiagKind kind, const char *message)
{
    (void)ctx, (void)kind;
    fputs(message, stderr);
}

/* ---- the model --------------------------------------------------------------------------- */

static bool open_model(Vad *v, const char *path)
{
    if (file_is_dir(path)) path = arena_printf(&v->arena, "%s/model.mil", path);
    if (!file_map(&v->diag, path, &v->file)) return false;
    v->src =
        (Source){ .name = path, .text = (const char *)v->file.data, .len = v->file.size };
    v->module = mil_read(&v->diag, &v->src, file_dir(&v->arena, path));
    if (!v->module || !module_verify(v->module, &v->diag, NULL)) return false;
    v->program = program_new(backend_find("ref"), v->module, module_main(v->module),
                             &v->diag);
    return v->program != NULL;
}

static bool bind_inputs(Vad *v)
{
    const Block *body = module_main(v->module)->body;
    const char *const names[] = { "audio_input", fed_back[0].input, fed_back[1].input };
    for (size_t i = 0; i < COUNT(names); i++) {
        const Value *p = NULL;
        for (int k = 0; k < body->nparam; k++)
            if (!strcmp(body->param[k]->name, names[i])) p = body->param[k];
        if (!p || p->type->kind != TY_TENSOR)
            return diag_error(&v->diag, (Loc){ 0 }, "the model has no input %s",
                              names[i]);
        v->in[i].name = names[i];
        if (!tensor_alloc(&v->in[i].value, &v->diag, p->type->dtype, &p->type->shape))
            return false;
    }
    if (v->in[0].value.count > CONTEXT) return true;
    return diag_error(&v->diag, (Loc){ 0 },
                      "audio_input takes %zu samples; more than %d are needed",
                      v->in[0].value.count, CONTEXT);
}

static const Tensor *result(const Binding *out, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(out[i].name, name)) return &out[i].value;
    return NULL;
}

/* The results become the next chunk's states; returns the probability, or -1 after an error. */
static double feed_back(Vad *v)
{
    const Binding *out;
    int n = program_results(v->program, &out);
    const Tensor *p = result(out, n, "vad_output");
    for (size_t i = 0; p && i < COUNT(fed_back); i++) {
        const Tensor *from = result(out, n, fed_back[i].result);
        Tensor *to = &v->in[1 + i].value;
        if (!from || from->count != to->count) p = NULL;
        for (size_t k = 0; p && k < to->count; k++)
            tensor_set_float(to, k, tensor_float(from, k));
    }
    if (p && p->count) return tensor_float(p, 0);
    diag_error(&v->diag, (Loc){ 0 },
               "the model's results are not vad_output and its two states");
    return -1;
}

/* ---- running ----------------------------------------------------------------------------- */

static double sample_at(const Wav *w, int64_t i)
{
    return i < 0 || (size_t)i >= w->count ? 0 : (double)w->sample[i];
}

static bool run_chunk(Vad *v, size_t chunk)
{
    Tensor *x = &v->in[0].value;
    int64_t fresh = (int64_t)x->count - CONTEXT, first = (int64_t)chunk * fresh - CONTEXT;
    for (size_t k = 0; k < x->count; k++)
        tensor_set_float(x, k, sample_at(&v->sound, first + (int64_t)k));
    if (!program_run(v->program, &v->diag, v->in, (int)COUNT(v->in), &(RunOptions){ 0 }))
        return false;
    double p = feed_back(v);
    v->probability[chunk] = (float)p;
    return p >= 0;
}

static bool run(Vad *v)
{
    size_t fresh = v->in[0].value.count - CONTEXT;
    v->chunks = (v->sound.count + fresh - 1) / fresh;
    v->probability = NEW_ARRAY(&v->arena, v->chunks + 1, float);
    for (size_t i = 0; i < v->chunks; i++)
        if (!run_chunk(v, i)) return false;
    return true;
}

static void report(const Vad *v)
{
    size_t speech = 0;
    float most = 0;
    for (size_t i = 0; i < v->chunks; i++) {
        speech += v->probability[i] > 0.5f;
        if (v->probability[i] > most) most = v->probability[i];
    }
    printf("speech in %zu of %zu chunks, highest probability %.3f\n", speech, v->chunks,
           (double)most);
}

/* ---- the plot: the wave above, the probability below ------------------------------------- */

enum { WIDTH = 960, WAVE = 120, PLOT = 160, LEFT = 40, BOTTOM = 30 };

static void draw_wave(const Vad *v, Buf *svg)
{
    buf_puts(svg, "<path fill='none' stroke='#9aa5b1' d='");
    for (int x = 0; x < WIDTH; x++) {
        size_t from = v->sound.count * (size_t)x / WIDTH,
               to = v->sound.count * (size_t)(x + 1) / WIDTH;
        float low = 0, high = 0;
        for (size_t i = from; i < to; i++) {
            if (v->sound.sample[i] < low) low = v->sound.sample[i];
            if (v->sound.sample[i] > high) high = v->sound.sample[i];
        }
        buf_printf(svg, "M%d %.1fV%.1f", LEFT + x, WAVE / 2 * (1 - (double)high),
                   WAVE / 2 * (1 - (double)low) + 0.5);
    }
    buf_puts(svg, "'/>\n");
}

static void draw_axes(const Vad *v, Buf *svg)
{
    static const double levels[] = { 0, 0.5, 1 };
    double seconds = (double)v->sound.count / WAV_RATE;
    for (size_t i = 0; i < COUNT(levels); i++) {
        double y = WAVE + PLOT * (1 - levels[i]);
        buf_printf(
            svg,
            "<path stroke='#d5dae0' d='M%d %.1fH%d'/><text x='%d' y='%.1f' text-anchor='end'>%g</text>\n",
            LEFT, y, LEFT + WIDTH, LEFT - 6, y + 4, levels[i]);
    }
    for (int s = 0; s <= (int)seconds; s += seconds > 20 ? 5 : 1)
        buf_printf(svg, "<text x='%.1f' y='%d' text-anchor='middle'>%d s</text>\n",
                   LEFT + WIDTH * s / (seconds > 0 ? seconds : 1), WAVE + PLOT + 20, s);
}

static bool plot(Vad *v, const char *path)
{
    Buf svg = { 0 };
    buf_printf(
        &svg,
        "<svg xmlns='http://www.w3.org/2000/svg' width='%d' height='%d' "
        "font-family='sans-serif' font-size='11'>\n<rect width='100%%' height='100%%' fill='white'/>\n",
        LEFT + WIDTH + 20, WAVE + PLOT + BOTTOM);
    draw_wave(v, &svg);
    draw_axes(v, &svg);
    buf_puts(&svg, "<polyline fill='none' stroke='#c2410c' stroke-width='1.5' points='");
    for (size_t i = 0; i < v->chunks; i++)
        buf_printf(&svg, "%.1f,%.1f ",
                   LEFT + WIDTH * ((double)i + 0.5) / (double)v->chunks,
                   WAVE + PLOT * (1 - (double)v->probability[i]));
    buf_puts(&svg, "'/>\n</svg>\n");
    bool ok = file_write_all(&v->diag, path, svg.s, svg.len);
    buf_free(&svg);
    return ok;
}

int main(int argc, char **argv)
{
    Vad v = { .diag.emit = show };
    if (argc < 3 || argc > 4) {
        fputs("usage: vad MODEL SOUND.wav [PLOT.svg]\n", stderr);
        return 2;
    }
    bool ok = open_model(&v, argv[1]) && bind_inputs(&v)
           && wav_read(&v.diag, argv[2], &v.sound) && run(&v);
    if (ok) report(&v);
    if (ok && argc == 4) plot(&v, argv[3]);
    int code = diag_exit(&v.diag);
    program_free(v.program);
    module_free(v.module);
    for (size_t i = 0; i < COUNT(v.in); i++) tensor_free(&v.in[i].value);
    if (v.src.text) file_unmap(&v.file);
    wav_free(&v.sound);
    arena_free(&v.arena);
    diag_free(&v.diag);
    return code;
}
