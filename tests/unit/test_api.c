/* test_api.c -- the public library: statuses, binding, rewiring, threads. Also built for the
 * thread sanitizer (make tsan). */
#include "../../include/anec.h"
#include "standin.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

static const char text[] =
    "program(1.3)\n{\n"
    "    func main<ios18>(tensor<fp32, [1, 2, 1, 3]> w, tensor<fp32, [1, 2, 1, 3]> x) {\n"
    "        tensor<fp32, [1, 2, 1, 3]> v = add(x = w, y = x)[name = string(\"v\")];\n"
    "    } -> (v);\n"
    "    func other<ios18>(tensor<fp32, [1, 2, 1, 3]> x) {\n"
    "        tensor<fp32, [1, 2, 1, 3]> y = mul(x = x, y = fp32(3))[name = string(\"y\")];\n"
    "    } -> (y);\n}\n";

static char *top;
static Arena arena;

typedef struct {
    anec_device *device;
    anec_model *model;
    anec_kernel *kernel;
    anec_error error;
    float w[6], x[6];
} Bench;

#define FP32(p) (&(anec_tensor){ "fp32", 4, { 1, 2, 1, 3 }, (p), 6 * sizeof(float) })
#define GOOD(t, call) \
    do { \
        if (call) fail_msg("%s: %s", #call, (t)->error.text); \
    } while (0)

static void open_bench(Bench *t, const char *backend, const char *chip)
{
    set_machine(chip, "");
    *t = (Bench){ 0 };
    for (int i = 0; i < 6; i++) t->w[i] = 10, t->x[i] = (float)i;
    const anec_options o = { .cache = arena_printf(&arena, "%s/cache", top) };
    GOOD(t, anec_open(backend, &o, &t->device, &t->error));
    GOOD(t, anec_load_text(t->device, text, strlen(text), NULL, &t->model, &t->error));
    GOOD(t, anec_compile(t->model, NULL, &t->kernel, &t->error));
}

static void close_bench(Bench *t)
{
    anec_free(t->kernel);
    anec_model_free(t->model);
    anec_close(t->device);
}

static float result(anec_kernel *k, const char *name, int i)
{
    anec_tensor v;
    anec_error e;
    if (anec_result(k, name, &v, &e)) fail_msg("%s", e.text);
    assert_string_equal(v.dtype, "fp32");
    assert_int_equal(v.bytes, 24);
    return ((float *)v.data)[i];
}

/* What a call answers, and in which words. */
static void refused(anec_status got, anec_status want, const anec_error *e,
                    const char *says)
{
    printf("error: %s\n", e->text);
    if (got != want) fail_msg("status %d, not %d: %s", (int)got, (int)want, e->text);
    if (!strstr(e->text, says)) fail_msg("`%s` is not in `%s`", says, e->text);
}

static const char *const backends[] = { "ane", "coreml", "cpu", "ref", "auto" };

static void test_runs(void **state)
{
    Bench t;
    anec_tensor p;
    anec_kernel *other;
    (void)state;
    for (size_t i = 0; i < COUNT(backends); i++) {
        open_bench(&t, backends[i], "m1");
        GOOD(&t, anec_bind(t.kernel, "w", FP32(t.w), &t.error));
        GOOD(&t, anec_bind(t.kernel, "x", FP32(t.x), &t.error));
        GOOD(&t, anec_run(t.kernel, &t.error));
        assert_float_equal(result(t.kernel, "v", 5), 15, 0);
        t.w[5] = 20; /* bound memory is read at every run */
        GOOD(&t, anec_run(t.kernel, &t.error));
        assert_float_equal(result(t.kernel, "v", 5), 25, 0);
        GOOD(&t, anec_compile(t.model, "other", &other, &t.error));
        GOOD(&t, anec_buffer(other, "x", &p, &t.error));
        ((float *)p.data)[2] = 7;
        GOOD(&t, anec_run(other, &t.error));
        assert_float_equal(result(other, "y", 2), 21, 0);
        GOOD(&t, anec_rewire(other, "x", t.kernel, "v", &t.error));
        GOOD(&t, anec_run(other, &t.error));
        assert_float_equal(result(other, "y", 5), 75, 0);
        assert_non_null(strstr(anec_how(other), "backend="));
        assert_string_equal(anec_port(t.kernel, ANEC_INPUT, 1, &p), "x");
        assert_int_equal(p.rank, 4);
        assert_null(anec_port(t.kernel, ANEC_INPUT, 2, &p));
        assert_string_equal(anec_port(t.kernel, ANEC_RESULT, 0, &p), "v");
        assert_null(anec_port(t.kernel, ANEC_STATE, 0, &p));
        anec_free(other);
        close_bench(&t);
    }
}

static void test_refused(void **state)
{
    Bench t;
    anec_device *d;
    anec_model *m;
    anec_kernel *k;
    anec_tensor v;
    (void)state;
    open_bench(&t, "ane", "m4");
    anec_error *e = &t.error;
    refused(anec_open("gpu", NULL, &d, e), ANEC_WRONG, e, "there is no backend gpu");
    refused(anec_load(t.device, "/nowhere.mil", &m, e), ANEC_WORLD, e, "/nowhere.mil");
    refused(anec_load_text(t.device, "program(", 8, NULL, &m, e), ANEC_WRONG, e,
            "<text>:1:");
    refused(anec_compile(t.model, "third", &k, e), ANEC_WRONG, e,
            "the model has no function third");
    refused(anec_bind(t.kernel, "z", FP32(t.x), e), ANEC_WRONG, e, "main has no input z");
    refused(anec_bind(t.kernel, "x", &(anec_tensor){ "fp31", 0, { 0 }, t.x, 4 }, e),
            ANEC_WRONG, e, "x: there is no tensor of type fp31 and this rank");
    refused(anec_bind(t.kernel, "x", &(anec_tensor){ "fp32", 1, { -1 }, t.x, 4 }, e),
            ANEC_WRONG, e, "x: a dimension is less than 0");
    refused(anec_bind(t.kernel, "x", &(anec_tensor){ "fp32", 1, { 6 }, t.x, 12 }, e),
            ANEC_WRONG, e, "x: a tensor of this type and shape has 24 bytes, not 12");
    refused(anec_bind(t.kernel, "x", FP32(NULL), e), ANEC_WRONG, e,
            "x: the tensor has no data");
    refused(anec_buffer(t.kernel, "z", &v, e), ANEC_WRONG, e, "main has no input z");
    refused(anec_run(t.kernel, e), ANEC_WRONG, e,
            "input w (tensor<fp32, [1, 2, 1, 3]>) is not given");
    refused(anec_result(t.kernel, "v", &v, e), ANEC_EMPTY, e,
            "there are no results of a run");
    refused(anec_state(t.kernel, "s", &v, e), ANEC_WRONG, e, "main has no state s");
    GOOD(&t, anec_bind(t.kernel, "w", FP32(t.w), e));
    GOOD(&t, anec_bind(t.kernel, "x",
                       &(anec_tensor){ "fp16", 4, { 1, 2, 1, 3 }, t.x, 12 }, e));
    refused(anec_run(t.kernel, e), ANEC_WRONG, e, "fp16");
    GOOD(&t, anec_bind(t.kernel, "x", FP32(t.x), e));
    GOOD(&t, anec_run(t.kernel, e));
    refused(anec_result(t.kernel, "u", &v, e), ANEC_WRONG, e, "main has no result u");
    GOOD(&t, anec_reset(t.kernel, e));
    GOOD(&t, anec_unload(t.kernel, e));
    refused(anec_run(t.kernel, e), ANEC_UNLOADED, e, "unloaded");
    refused(anec_result(t.kernel, "v", &v, e), ANEC_UNLOADED, e, "unloaded");
    refused(anec_unload(t.kernel, e), ANEC_UNLOADED, e, "unloaded");
    close_bench(&t);
}

static void test_no_shape(void **state)
{
    static const char any[] =
        "program(1.3)\n{\n    func main<ios18>(tensor<fp32, [?]> x) {\n"
        "        tensor<fp32, [?]> y = relu(x = x)[name = string(\"y\")];\n    } -> (y);\n}\n";
    Bench t = { 0 };
    anec_tensor v;
    (void)state;
    GOOD(&t, anec_open("cpu", NULL, &t.device, &t.error));
    GOOD(&t, anec_load_text(t.device, any, strlen(any), NULL, &t.model, &t.error));
    GOOD(&t, anec_compile(t.model, NULL, &t.kernel, &t.error));
    refused(anec_buffer(t.kernel, "x", &v, &t.error), ANEC_WRONG, &t.error,
            "x has no shape of its own");
    close_bench(&t);
}

/* ---- threads ----------------------------------------------------------------------------- */

typedef struct {
    Bench *t;
    anec_kernel *kernel;
    float w[6], x[6];
    int ran, busy;
} Thread;

static void *run_own(void *arg)
{
    Thread *a = arg;
    anec_error e;
    if (anec_compile(a->t->model, "main", &a->kernel, &e)) return (void *)1;
    for (int i = 0; i < 6; i++) a->x[i] = 1, a->w[i] = (float)i;
    if (anec_bind(a->kernel, "w", FP32(a->w), &e)
        || anec_bind(a->kernel, "x", FP32(a->x), &e))
        return (void *)2;
    for (int n = 0; n < 20; n++) {
        a->w[3] = (float)n;
        if (anec_run(a->kernel, &e)) return (void *)3;
        if (result(a->kernel, "v", 3) != (float)n + 1) return (void *)4;
    }
    anec_free(a->kernel);
    return NULL;
}

/* Two threads with one kernel: each run is right, or ANEC_BUSY. */
static void *run_shared(void *arg)
{
    Thread *a = arg;
    anec_error e;
    for (int n = 0; n < 50; n++) {
        anec_status s = anec_run(a->kernel, &e);
        if (s && s != ANEC_BUSY) return (void *)1;
        a->ran += !s;
        a->busy += s == ANEC_BUSY;
    }
    return NULL;
}

static void together(Thread *a, int n, void *(*fn)(void *))
{
    pthread_t id[8];
    for (int i = 0; i < n; i++)
        assert_int_equal(pthread_create(&id[i], NULL, fn, &a[i]), 0);
    for (int i = 0; i < n; i++) {
        void *wrong;
        pthread_join(id[i], &wrong);
        if (wrong) fail_msg("thread %d ended at %d", i, (int)(intptr_t)wrong);
    }
}

static void test_threads(void **state)
{
    Bench t, u;
    (void)state;
    for (size_t i = 0; i < COUNT(backends); i++) {
        open_bench(&t, backends[i], "m4");
        open_bench(&u, backends[i], "m4");
        Thread own[4] = { { .t = &t }, { .t = &u }, { .t = &t }, { .t = &u } };
        together(own, 4, run_own);
        GOOD(&t, anec_bind(t.kernel, "w", FP32(t.w), &t.error));
        GOOD(&t, anec_bind(t.kernel, "x", FP32(t.x), &t.error));
        Thread shared[2] = { { .kernel = t.kernel }, { .kernel = t.kernel } };
        together(shared, 2, run_shared);
        assert_int_equal(shared[0].ran + shared[0].busy + shared[1].ran + shared[1].busy,
                         100);
        assert_true(shared[0].ran + shared[1].ran > 0);
        assert_float_equal(result(t.kernel, "v", 5), 15, 0);
        close_bench(&u);
        close_bench(&t);
    }
}

typedef struct {
    atomic_int calls;
    anec_status status;
    anec_kernel *kernel;
    float seen;
} Done;

static void done(void *ctx, anec_status status, const char *message)
{
    Done *d = ctx;
    anec_tensor v;
    (void)message;
    d->status = status;
    if (!status && !anec_result(d->kernel, "v", &v, NULL)) d->seen = ((float *)v.data)[5];
    d->calls++;
}

/* A run that fails on the engine is the processor's, in whichever thread; how it runs is then
 * said anew. */
static void test_fallback(void **state)
{
    Bench t;
    (void)state;
    open_bench(&t, "auto", "m4");
    GOOD(&t, anec_bind(t.kernel, "w", FP32(t.w), &t.error));
    GOOD(&t, anec_bind(t.kernel, "x", FP32(t.x), &t.error));
    GOOD(&t, anec_run(t.kernel, &t.error));
    const char *how = anec_how(t.kernel);
    assert_non_null(strstr(how, "backend=ane"));
    GOOD(&t, anec_rewire(t.kernel, "w", t.kernel, "v", &t.error));
    set_machine("m4", "eval-fails");
    GOOD(&t, anec_run_async(t.kernel, NULL, NULL, &t.error));
    GOOD(&t, anec_wait(t.kernel, &t.error));
    assert_float_equal(result(t.kernel, "v", 5), 20, 0);
    assert_non_null(strstr(anec_how(t.kernel), "backend=cpu"));
    assert_non_null(strstr(anec_how(t.kernel),
                           "a run failed on ane: the engine did not run the program: "));
    assert_non_null(strstr(how, "backend=ane")); /* it is still to be read */
    GOOD(&t, anec_run(t.kernel, &t.error));
    assert_float_equal(result(t.kernel, "v", 5), 25, 0);
    close_bench(&t);
    open_bench(&t, "ane", "m4");
    GOOD(&t, anec_bind(t.kernel, "w", FP32(t.w), &t.error));
    GOOD(&t, anec_bind(t.kernel, "x", FP32(t.x), &t.error));
    set_machine("m4", "eval-fails");
    refused(anec_run(t.kernel, &t.error), ANEC_WORLD, &t.error,
            "the engine did not run the program: ");
    assert_non_null(strstr(anec_how(t.kernel), "backend=ane"));
    close_bench(&t);
}

static void count_compiles(void *ctx, const char *name, int begins)
{
    *(int *)ctx += begins && !strcmp(name, "compile");
}

/* Two of one program, each with its own wires and results, which neither reads of the other; the
 * engine's compiler is asked once. The first may go. */
static void test_instances(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(backends); i++) {
        Bench t;
        anec_kernel *k;
        int compiles = 0;
        float w[6] = { 100, 100, 100, 100, 100, 100 };
        set_machine("m1", "");
        t = (Bench){ .x = { 0, 1, 2, 3, 4, 5 } };
        anec_config *c = anec_config_new();
        GOOD(&t, anec_config_set(c, "cache-dir",
                                 arena_printf(&arena, "%s/own%zu", top, i), &t.error));
        anec_config_phases(c, count_compiles, &compiles);
        GOOD(&t, anec_open_with(backends[i], c, &t.device, &t.error));
        GOOD(&t, anec_load_text(t.device, text, strlen(text), NULL, &t.model, &t.error));
        GOOD(&t, anec_compile(t.model, NULL, &t.kernel, &t.error));
        const int first = compiles;
        GOOD(&t, anec_instance(t.kernel, &k, &t.error));
        assert_int_equal(compiles, first);
        if (!strcmp(backends[i], "ane")) assert_true(first > 0);
        GOOD(&t, anec_bind(t.kernel, "w", FP32(t.x), &t.error));
        GOOD(&t, anec_bind(t.kernel, "x", FP32(t.x), &t.error));
        refused(anec_run(k, &t.error), ANEC_WRONG, &t.error, "input w");
        GOOD(&t, anec_bind(k, "w", FP32(w), &t.error));
        GOOD(&t, anec_bind(k, "x", FP32(t.x), &t.error));
        GOOD(&t, anec_rewire(k, "w", k, "v", &t.error));
        for (int n = 0; n < 3; n++) GOOD(&t, anec_run(k, &t.error));
        GOOD(&t, anec_run(t.kernel, &t.error));
        assert_float_equal(result(k, "v", 5), 115, 0);
        assert_float_equal(result(t.kernel, "v", 5), 10, 0);
        GOOD(&t, anec_unload(t.kernel, &t.error));
        anec_kernel *none = t.kernel;
        refused(anec_instance(t.kernel, &none, &t.error), ANEC_UNLOADED, &t.error,
                "the kernel is unloaded");
        assert_null(none);
        GOOD(&t, anec_run(k, &t.error));
        assert_float_equal(result(k, "v", 5), 120, 0);
        anec_free(k);
        close_bench(&t);
        anec_config_free(c);
    }
}

static void test_async(void **state)
{
    Bench t;
    (void)state;
    for (size_t i = 0; i < COUNT(backends); i++) {
        open_bench(&t, backends[i], "m1");
        Done d = { .kernel = t.kernel };
        GOOD(&t, anec_run_async(t.kernel, done, &d, &t.error));
        refused(anec_wait(t.kernel, &t.error), ANEC_WRONG, &t.error, "input w");
        assert_int_equal(d.status, ANEC_WRONG);
        GOOD(&t, anec_bind(t.kernel, "w", FP32(t.w), &t.error));
        GOOD(&t, anec_bind(t.kernel, "x", FP32(t.x), &t.error));
        GOOD(&t, anec_run_async(t.kernel, done, &d, &t.error));
        GOOD(&t, anec_wait(t.kernel, &t.error));
        GOOD(&t, anec_wait(t.kernel, &t.error));
        assert_int_equal(d.calls, 2);
        assert_float_equal(d.seen, 15, 0);
        /* nobody waits: freeing does */
        GOOD(&t, anec_run_async(t.kernel, NULL, NULL, &t.error));
        close_bench(&t);
    }
}

/* ---- a file of weights that somebody cuts ------------------------------------------------ */

enum { ELEMENTS = 4 << 20 };

static const char *put_large(void)
{
    const uint32_t head[16] = { 1, 2 },
                   record[16] = { 0xdeadbeef, 1, 2 * ELEMENTS, 0, 128, 0 };
    const char *path = arena_printf(&arena, "%s/large.bin", top);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fwrite(head, sizeof head, 1, f);
    fwrite(record, sizeof record, 1, f);
    fflush(f);
    assert_int_equal(ftruncate(fileno(f), 128 + 2 * ELEMENTS), 0);
    fclose(f);
    return path;
}

static void cut_while(void *path, const anec_op *s)
{
    (void)s;
    assert_int_equal(truncate(path, 64), 0);
}

static void end_of(void *ctx, const anec_op *s, const anec_tensor *result)
{
    (void)ctx;
    (void)s;
    (void)result;
}

static bool default_action(void)
{
    struct sigaction now;
    assert_int_equal(sigaction(SIGBUS, NULL, &now), 0);
    return now.sa_handler == SIG_DFL;
}

/* It is a status, of this call and of those that follow; the host sees no signal and keeps its
 * handler. */
static void test_cut(void **state)
{
    static const char large[] =
        "program(1.3)\n{\n    func main<ios18>(tensor<fp16, [1]> x) {\n"
        "        tensor<fp16, [4194304]> w = const()[name = string(\"w\"), val = tensor<fp16, [4194304]>"
        "(BLOBFILE(path = string(\"@model_path/large.bin\"), offset = uint64(64)))];\n"
        "        tensor<fp16, [4194304]> y = add(x = w, y = x)[name = string(\"y\")];\n    } -> (y);\n}\n";
    uint16_t one = 0x3c00;
    const anec_tensor x = { "fp16", 1, { 1 }, &one, 2 };
    const char *path = put_large();
    anec_run_options o = { .size = sizeof o, .ctx = (void *)(uintptr_t)path };
    anec_tensor y;
    Bench t = { 0 };
    (void)state;
    struct sigaction old, none = { .sa_handler = SIG_DFL };
    assert_int_equal(sigaction(SIGBUS, &none, &old), 0);
    GOOD(&t, anec_open("ref", NULL, &t.device, &t.error));
    GOOD(&t, anec_load_text(t.device, large, strlen(large), top, &t.model, &t.error));
    GOOD(&t, anec_compile(t.model, NULL, &t.kernel, &t.error));
    GOOD(&t, anec_bind(t.kernel, "x", &x, &t.error));
    GOOD(&t, anec_run(t.kernel, &t.error));
    GOOD(&t, anec_result(t.kernel, "y", &y, &t.error));
    assert_int_equal(*(uint16_t *)y.data, 0x3c00);
    assert_true(default_action());
    o.begin = cut_while;
    o.end = end_of;
    refused(anec_run_with(t.kernel, NULL, 0, &o, &t.error), ANEC_WORLD, &t.error,
            "large.bin was cut to 64 bytes while its 8388736 were in use");
    refused(anec_result(t.kernel, "y", &y, &t.error), ANEC_EMPTY, &t.error, "");
    refused(anec_run(t.kernel, &t.error), ANEC_WORLD, &t.error,
            "large.bin was cut to 64 bytes");
    assert_true(default_action());
    close_bench(&t);
    sigaction(SIGBUS, &old, NULL);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runs),     cmocka_unit_test(test_refused),
        cmocka_unit_test(test_no_shape), cmocka_unit_test(test_threads),
        cmocka_unit_test(test_fallback), cmocka_unit_test(test_async),
        cmocka_unit_test(test_cut),      cmocka_unit_test(test_instances),
    };
    (void)argc;
    top = use_standin(&arena, argv[0]);
    return run_in_folder(tests, COUNT(tests), top, &arena);
}
