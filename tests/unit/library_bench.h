/* library_bench.h -- for unit tests of the public library: a device, a model and a kernel,
 * and the messages that the library gave. */
#ifndef ANEC_TEST_LIBRARY_BENCH_H
#define ANEC_TEST_LIBRARY_BENCH_H

#include "../../include/anec.h"
#include "unit.h"

static const char text[] =
    "program(1.3)\n{\n"
    "    func main<ios18>(tensor<fp32, [?, 3]> x, state<tensor<fp16, [3]>> s)[FlexibleShapeInformation = "
    "tuple<tuple<string, dict<string, tensor<int32, [?]>>>, tuple<string, dict<string, list<tensor<int32, [2]>, "
    "?>>>>((("
    "\"DefaultShapes\", {{\"x\", [2, 3]}}), (\"RangeDims\", {{\"x\", [[1, 4], [3, 3]]}})))] {\n"
    "        string to = const()[name = string(\"to\"), val = string(\"fp16\")];\n"
    "        string back = const()[name = string(\"back\"), val = string(\"fp32\")];\n"
    "        tensor<fp16, [3]> r = read_state(input = s)[name = string(\"r\")];\n"
    "        tensor<fp16, [?, 3]> h = cast(dtype = to, x = x)[name = string(\"h\")];\n"
    "        tensor<fp16, [?, 3]> v = mul(x = h, y = r)[name = string(\"v\")];\n"
    "        tensor<fp32, [?, 3]> y = cast(dtype = back, x = v)[name = string(\"y\")];\n"
    "    } -> (y);\n"
    "    func other<ios18>(tensor<int4, [3]> q) {\n"
    "        tensor<int4, [3]> z = identity(x = q)[name = string(\"z\")];\n"
    "    } -> (z);\n}\n";

static const char dsl[] = "param width = 2\n"
                          "model main(x: fp32[1, width, 1, 32]) -> y {\n"
                          "    y = x * 2\n}\n";

static char *top; /* the tests' folder */
static Arena arena;

typedef struct {
    anec_config *config;
    anec_device *device;
    anec_model *model;
    anec_kernel *kernel;
    anec_error error;
    Buf said; /* the messages, each behind its severity */
} Bench;

#define GOOD(t, call) \
    do { \
        if (call) fail_msg("%s: %s", #call, (t)->error.text); \
    } while (0)

static inline void hear(void *ctx, anec_severity severity, const char *message)
{
    buf_printf(ctx, "%d %s", (int)severity, message);
}

static inline void refused(anec_status got, anec_status want, const anec_error *e,
                           const char *says)
{
    printf("error: %s\n", e->text);
    if (got != want) fail_msg("status %d, not %d: %s", (int)got, (int)want, e->text);
    if (!strstr(e->text, says)) fail_msg("`%s` is not in `%s`", says, e->text);
}

static inline void open_bench(Bench *t, const char *backend)
{
    *t = (Bench){ .config = anec_config_new() };
    anec_config_messages(t->config, hear, &t->said);
    GOOD(t, anec_config_set(t->config, "cache-dir", arena_printf(&arena, "%s/cache", top),
                            &t->error));
    GOOD(t, anec_open_with(backend, t->config, &t->device, &t->error));
}

static inline void load_bench(Bench *t, const char *backend)
{
    open_bench(t, backend);
    GOOD(t, anec_load_text(t->device, text, strlen(text), NULL, &t->model, &t->error));
    GOOD(t, anec_compile(t->model, NULL, &t->kernel, &t->error));
}

static inline void close_bench(Bench *t)
{
    anec_free(t->kernel);
    anec_model_free(t->model);
    anec_close(t->device);
    anec_config_free(t->config);
    buf_free(&t->said);
}

static inline int bench_main(const struct CMUnitTest *tests, size_t n)
{
    top = make_folder(&arena);
    return run_in_folder(tests, n, top, &arena);
}

#endif
