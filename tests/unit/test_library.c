/* test_library.c -- the public library beyond running: options, messages, the language, what a
 * run shows, tensors and files, several backends for one model. Also built for the thread
 * sanitizer (make tsan). */
#include "../../include/anec.h"
#include "unit.h"

#include <math.h>
#include <pthread.h>
#include <unistd.h>

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

static char *top;
static Arena arena;

typedef struct {
    anec_config *config;
    anec_device *device;
    anec_model *model;
    anec_kernel *kernel;
    anec_error error;
    Buf said; /* messages, each with its severity before it */
} Bench;

#define GOOD(t, call)                                                                          \
    do {                                                                                       \
        if (call) fail_msg("%s: %s", #call, (t)->error.text);                                  \
    } while (0)

static void hear(void *ctx, anec_severity severity, const char *message)
{
    buf_printf(ctx, "%d %s", (int)severity, message);
}

static void refused(anec_status got, anec_status want, const anec_error *e, const char *says)
{
    printf("error: %s\n", e->text);
    if (got != want) fail_msg("status %d, not %d: %s", (int)got, (int)want, e->text);
    if (!strstr(e->text, says)) fail_msg("`%s` is not in `%s`", says, e->text);
}

static void open_bench(Bench *t, const char *backend)
{
    *t = (Bench){ .config = anec_config_new() };
    anec_config_messages(t->config, hear, &t->said);
    GOOD(t, anec_config_set(t->config, "cache-dir", arena_printf(&arena, "%s/cache", top),
                            &t->error));
    GOOD(t, anec_open_with(backend, t->config, &t->device, &t->error));
}

static void load_bench(Bench *t, const char *backend)
{
    open_bench(t, backend);
    GOOD(t, anec_load_text(t->device, text, strlen(text), NULL, &t->model, &t->error));
    GOOD(t, anec_compile(t->model, NULL, &t->kernel, &t->error));
}

static void close_bench(Bench *t)
{
    anec_free(t->kernel);
    anec_model_free(t->model);
    anec_close(t->device);
    anec_config_free(t->config);
    buf_free(&t->said);
}

/* ---- gradients --------------------------------------------------------------------------- */

static void test_grad(void **state)
{
    static const char cube[] = "model main(x: fp32[2]) -> y {\n"
                               "    weight w: [2] = [2, 3]\n"
                               "    y = reduce_sum(w * x ** 3.0, axes = [0])\n}\n";
    static const float x[] = { 1, -2 }, want[2][2] = { { 6, 36 }, { 1, -8 } };
    anec_model *grad = NULL;
    Bench t;
    (void)state;
    open_bench(&t, "ref");
    GOOD(&t, anec_config_set(t.config, "from", "anedsl", &t.error));
    GOOD(&t, anec_load_text(t.device, cube, strlen(cube), NULL, &t.model, &t.error));
    refused(anec_grad(t.model, "z", 1, &grad, &t.error), ANEC_WRONG, &t.error,
            "main has no input, weight or value z");
    refused(anec_grad(t.model, NULL, 1, NULL, &t.error), ANEC_WRONG, &t.error, "out is NULL");
    refused(anec_grad(NULL, NULL, 1, &grad, &t.error), ANEC_WRONG, &t.error, "model is NULL");
    GOOD(&t, anec_grad(t.model, NULL, 1, &grad, &t.error));
    GOOD(&t, anec_compile(grad, NULL, &t.kernel, &t.error));
    const anec_tensor in = { .dtype = "fp32",
                             .rank = 1,
                             .shape = { 2 },
                             .data = (void *)(uintptr_t)x,
                             .bytes = sizeof x };
    GOOD(&t, anec_bind(t.kernel, "x", &in, &t.error));
    GOOD(&t, anec_run(t.kernel, &t.error));
    for (int i = 0; i < 2; i++) {
        anec_tensor got;
        GOOD(&t, anec_result(t.kernel, i ? "d_w" : "d_x", &got, &t.error));
        assert_int_equal(got.bytes, sizeof want[i]);
        for (int k = 0; k < 2; k++)
            assert_true(fabsf(((const float *)got.data)[k] - want[i][k]) < 1e-5f);
    }
    anec_model_free(grad);
    close_bench(&t);
}

/* A step of training: weights are inputs, in the order of their paths, and the loss's gradients
 * are multiplied with another. */
static void test_step(void **state)
{
    static const char net[] = "layer L { weight w: [2] = [2, 3]\n fn (x) = x * w }\n"
                              "model main(x: fp32[2]) -> loss {\n"
                              "    layer l: L()[2]\n"
                              "    loss = reduce_sum(l[1](l[0](x)), axes = [0])\n}\n";
    static const float x[] = { 1, -2 }, w[2][2] = { { 2, 3 }, { 5, 7 } }, scale = 10;
    const float want[2][2] = { { 50, -140 }, { 20, -60 } };
    const anec_step_options scaled = { .size = sizeof scaled, .scaled = 1 };
    const anec_step_options gone = { .size = sizeof gone, .function = "gone" };
    anec_model *step = NULL, *mil = NULL;
    const char *input;
    anec_tensor first, got;
    Bench t;
    (void)state;
    open_bench(&t, "ref");
    GOOD(&t, anec_load_text(t.device, text, strlen(text), NULL, &mil, &t.error));
    refused(anec_step(mil, &scaled, &step, &t.error), ANEC_WRONG, &t.error,
            "a step of training is made of an .anedsl, whose weights have paths");
    GOOD(&t, anec_config_set(t.config, "from", "anedsl", &t.error));
    GOOD(&t, anec_load_text(t.device, net, strlen(net), NULL, &t.model, &t.error));
    refused(anec_step(t.model, &gone, &step, &t.error), ANEC_WRONG, &t.error,
            "<text> has no function gone");
    refused(anec_step(t.model, NULL, &step, &t.error), ANEC_WRONG, &t.error, "options is NULL");
    GOOD(&t, anec_step(t.model, &scaled, &step, &t.error));
    assert_string_equal(anec_weight(step, 0, &input), "l.0.w");
    assert_string_equal(input, "l_0_w");
    assert_string_equal(anec_weight(step, 1, &input), "l.1.w");
    assert_null(anec_weight(step, 2, &input));
    assert_null(anec_weight(t.model, 0, NULL));
    refused(anec_weight_value(step, 2, &first, &t.error), ANEC_WRONG, &t.error,
            "there is no such weight");
    GOOD(&t, anec_weight_value(step, 0, &first, &t.error));
    assert_memory_equal(first.data, w[0], sizeof w[0]);
    anec_tensor_free(&first);
    GOOD(&t, anec_compile(step, NULL, &t.kernel, &t.error));
    const void *const data[] = { x, w[0], w[1], &scale };
    static const char *const name[] = { "x", "l_0_w", "l_1_w", "loss_scale" };
    for (int i = 0; i < 4; i++) {
        const anec_tensor in = { .dtype = "fp32",
                                 .rank = i < 3,
                                 .shape = { 2 },
                                 .data = (void *)(uintptr_t)data[i],
                                 .bytes = i < 3 ? sizeof x : sizeof scale };
        GOOD(&t, anec_bind(t.kernel, name[i], &in, &t.error));
    }
    GOOD(&t, anec_run(t.kernel, &t.error));
    for (int i = 0; i < 2; i++) {
        GOOD(&t, anec_result(t.kernel, i ? "d_l_1_w" : "d_l_0_w", &got, &t.error));
        assert_memory_equal(got.data, want[i], sizeof want[i]);
    }
    anec_model_free(step);
    anec_model_free(mil);
    close_bench(&t);
}

/* ---- options and messages ---------------------------------------------------------------- */

static void test_options(void **state)
{
    static const struct {
        const char *name, *value, *says;
    } wrong[] = {
        { "tarket", "m1", "there is no option tarket; did you mean target?" },
        { "zzzzzzzz", "m1", "there is no option zzzzzzzz" },
        { "io", "fp8", "io takes auto|fp16|fp32, not 'fp8'" },
        { "io", "fp16|fp32", "io takes auto|fp16|fp32, not 'fp16|fp32'" },
        { "target", NULL, "target needs CHIP[,OS]" },
        { "W", NULL, "W needs [no-]NAME" },
        { "W", "error=missing-weight", "did you mean missing-weights?" },
        { "W", "no-qqqqqqqqqqqq",
          "there is no warning or rule called qqqqqqqqqqqq; anec --list-rules" },
    };
    anec_config *c = anec_config_new();
    anec_error e;
    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++)
        refused(anec_config_set(c, wrong[i].name, wrong[i].value, &e), ANEC_USAGE, &e,
                wrong[i].says);
    assert_int_equal(anec_config_set(c, "quiet", NULL, &e), ANEC_OK);
    assert_string_equal(e.text, "");
    anec_config_free(c);
}

/* What does not go with the model, or with other options. */
static void test_usage(void **state)
{
    static const struct {
        const char *name, *value, *says;
    } wrong[] = {
        { "target", "m99", "there is no target m99" },
        { "profile", "none", "--profile goes with --target" },
        { "missing-weights", "one",
          "--missing-weights takes random, random:SEED or zero, not 'one'" },
        { "missing-weights", "random:x", "not 'random:x'" },
    };
    Bench t;
    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        open_bench(&t, "ref");
        GOOD(&t, anec_config_set(t.config, wrong[i].name, wrong[i].value, &t.error));
        refused(anec_load_text(t.device, text, strlen(text), NULL, &t.model, &t.error),
                ANEC_USAGE, &t.error, wrong[i].says);
        assert_null(t.model);
        assert_int_equal(t.said.len, 0);
        close_bench(&t);
    }
    open_bench(&t, "ref");
    refused(anec_load(t.device, "model.onnx", &t.model, &t.error), ANEC_USAGE, &t.error,
            "by its name");
    refused(anec_load(t.device, "-", &t.model, &t.error), ANEC_USAGE, &t.error,
            "the standard input");
    GOOD(&t, anec_config_set(t.config, "set", "a=1", &t.error));
    refused(anec_load(t.device, "a.mil", &t.model, &t.error), ANEC_USAGE, &t.error,
            "--set is for .anedsl");
    close_bench(&t);
}

static void test_messages(void **state)
{
    static const char bad[] =
        "program(1.3)\n{\n    func main<ios18>(tensor<fp32, [2]> x) {\n"
        "        tensor<fp32, [3]> y = relu(x = x)[name = string(\"y\")];\n    } -> (y);\n}\n";
    Bench t;
    (void)state;
    open_bench(&t, "ref");
    refused(anec_load_text(t.device, bad, strlen(bad), NULL, &t.model, &t.error), ANEC_WRONG,
            &t.error, "<text>:4:");
    assert_non_null(strstr(t.said.s, "2 <text>:4:"));
    assert_non_null(strstr(t.said.s, "error: "));
    assert_non_null(strstr(t.said.s, "^")); /* the caret */
    t.said.len = 0;
    refused(anec_load(t.device, "none.mil", &t.model, &t.error), ANEC_WORLD, &t.error,
            "none.mil");
    assert_true(!strncmp(t.said.s, "3 error: ", 9));
    close_bench(&t);
}

/* ---- the language ------------------------------------------------------------------------ */

static void stages(void *ctx, const char *name) { buf_printf(ctx, "%s ", name); }

static void test_language(void **state)
{
    Bench t;
    Buf seen = { 0 };
    anec_tensor p;
    (void)state;
    open_bench(&t, "cpu");
    anec_config_stages(t.config, stages, &seen);
    GOOD(&t, anec_config_set(t.config, "from", "anedsl", &t.error));
    GOOD(&t, anec_config_set(t.config, "target", "m4", &t.error));
    GOOD(&t, anec_config_set(t.config, "set", "width=4", &t.error));
    GOOD(&t, anec_load_text(t.device, dsl, strlen(dsl), NULL, &t.model, &t.error));
    assert_string_equal(seen.s, "load verify compile ");
    GOOD(&t, anec_compile(t.model, NULL, &t.kernel, &t.error));
    assert_string_equal(anec_port(t.kernel, ANEC_INPUT, 0, &p), "x");
    assert_int_equal(p.shape[1], 4);
    assert_string_equal(p.dtype, "fp32"); /* m4's boundary */
    anec_free(t.kernel), anec_model_free(t.model);
    GOOD(&t, anec_config_set(t.config, "io", "fp16", &t.error));
    GOOD(&t, anec_load_text(t.device, dsl, strlen(dsl), NULL, &t.model, &t.error));
    GOOD(&t, anec_compile(t.model, "main", &t.kernel, &t.error));
    assert_string_equal(anec_fact(t.kernel, "io"), "fp16");
    /* An array of the type that the program itself declares is rounded. */
    const float x[4 * 32] = { 1.0f / 3 };
    const anec_tensor own = { "fp32", 4, { 1, 4, 1, 32 }, (void *)(uintptr_t)x, sizeof x };
    anec_tensor got;
    double v;
    const char *path = arena_printf(&arena, "%s/x.npy", top);
    GOOD(&t, anec_tensor_save(t.config, &own, path, &t.error));
    GOOD(&t, anec_tensor_read(t.kernel, "x", path, &got, &t.error));
    assert_string_equal(got.dtype, "fp16");
    assert_true(anec_doubles(&got, 0, 1, &v));
    assert_float_equal(v, 0.333251953125, 0);
    anec_tensor_free(&got);
    GOOD(&t, anec_tensor_load(NULL, path, &got, &t.error)); /* as it is */
    assert_string_equal(got.dtype, "fp32");
    anec_tensor_free(&got);
    buf_free(&seen);
    close_bench(&t);
}

/* ---- what models and backends say -------------------------------------------------------- */

static void test_describe(void **state)
{
    Bench t;
    char *said;
    (void)state;
    load_bench(&t, "ref");
    assert_string_equal(anec_function(t.model, 0), "main");
    assert_string_equal(anec_function(t.model, 1), "other");
    assert_null(anec_function(t.model, 2));
    assert_string_equal(anec_main_function(t.model), "main");
    GOOD(&t, anec_describe(t.model, "text", &said, &t.error));
    assert_non_null(strstr(said, "default [2, 3]  range [1..4, 3..3]"));
    anec_text_free(said);
    GOOD(&t, anec_describe(t.model, "json", &said, &t.error));
    assert_non_null(strstr(said, "\"default_function\":\t\"main\""));
    anec_text_free(said);
    refused(anec_describe(t.model, "xml", &said, &t.error), ANEC_WRONG, &t.error,
            "as text or as json");
    assert_string_equal(anec_fact(t.kernel, "backend"), "ref");
    assert_string_equal(anec_fact(t.kernel, "function"), "main");
    assert_null(anec_fact(t.kernel, "weather"));
    close_bench(&t);
}

static void test_backends(void **state)
{
    const char *name, *what;
    static const char *const some[] = { "ref", "sim:m1", "auto", "ane", "coreml" };
    size_t found = 0;
    (void)state;
    for (int n = 0; (name = anec_backend(n, &what)); n++) {
        assert_non_null(what);
        for (size_t i = 0; i < COUNT(some); i++) found += !strcmp(name, some[i]);
    }
    assert_int_equal(found, COUNT(some));
    assert_non_null(anec_backend(0, NULL));
}

static void test_cache(void **state)
{
    anec_cache_info c = { .size = sizeof c },
                    small = { .size = offsetof(anec_cache_info, bytes), .bytes = 7 };
    Bench t;
    (void)state;
    open_bench(&t, "ref");
    GOOD(&t, anec_cache(t.config, 0, &c, &t.error));
    assert_int_equal(c.programs, 0);
    assert_true(c.limit > 0);
    assert_string_equal(c.folder, arena_printf(&arena, "%s/cache", top));
    GOOD(&t, anec_cache(t.config, 1, &small, &t.error)); /* a caller that knows less of it */
    assert_int_equal(small.bytes, 7);
    close_bench(&t);
}

/* ---- runs -------------------------------------------------------------------------------- */

typedef struct {
    Buf text;
    int until; /* values until the run is to end; 0: never */
} Seen;

static int see_value(void *ctx, const anec_value *v, const anec_tensor *t)
{
    Seen *s = ctx;
    char where[64];
    anec_value_where(v, where, sizeof where);
    buf_printf(&s->text, "%s=%s(%s %s)@%s ", anec_value_name(v), anec_value_op(v), t->dtype,
               anec_value_precision(v), where);
    return s->until && !--s->until;
}

static void see_begin(void *ctx, const anec_statement *st)
{
    buf_printf(&((Seen *)ctx)->text, "<%s:%s ", anec_statement_name(st), anec_statement_op(st));
}

static void see_end(void *ctx, const anec_statement *st, const anec_tensor *t)
{
    buf_printf(&((Seen *)ctx)->text, "%s:%s> ", anec_statement_name(st), t ? t->dtype : "-");
}

static void set_half(Bench *t, uint16_t bits)
{
    const uint16_t half[3] = { bits, bits, bits };
    const anec_tensor s = { "fp16", 1, { 3 }, (void *)(uintptr_t)half, sizeof half };
    GOOD(t, anec_set_state(t->kernel, "s", &s, NULL, &t->error));
}

static void test_run(void **state)
{
    Bench t;
    Seen seen = { 0 };
    anec_tensor x, y;
    double v[6];
    (void)state;
    load_bench(&t, "ref");
    set_half(&t, 0x4000); /* 2 */
    GOOD(&t, anec_tensor_random(t.kernel, "x", 1, &x, &t.error));
    assert_int_equal(x.shape[0], 2); /* its default */
    const anec_input in = { .name = "x", .tensor = &x };
    anec_run_options o = {
        .size = sizeof o, .value = see_value, .begin = see_begin, .end = see_end, .ctx = &seen
    };
    GOOD(&t, anec_run_with(t.kernel, &in, 1, &o, &t.error));
    assert_non_null(strstr(seen.text.s, "<v:mul v=mul(fp16 fp16)@<text>:8:"));
    assert_non_null(strstr(seen.text.s, "y=cast(fp32 fp16)"));
    assert_non_null(strstr(seen.text.s, "v:fp16> "));
    GOOD(&t, anec_result(t.kernel, "y", &y, &t.error));
    assert_true(anec_doubles(&y, 0, 6, v));
    for (int i = 0; i < 6; i++) assert_float_equal(v[i], 2 * ((float *)x.data)[i], 0);
    assert_false(anec_doubles(&y, 1, 6, v));
    assert_string_equal(anec_value_precision(anec_result_value(t.kernel, 0)), "fp16");
    assert_null(anec_result_value(t.kernel, 1));
    seen.until = 2;
    assert_int_equal(anec_run_with(t.kernel, &in, 1, &o, &t.error), ANEC_WRONG);
    assert_string_equal(t.error.text, "");
    const anec_input both[] = { { .name = "x", .origin = "x.npy", .tensor = &y },
                                { .name = "zz" } };
    o.size = offsetof(anec_run_options, value); /* a caller that knows less of it */
    refused(anec_run_with(t.kernel, both, 2, &o, &t.error), ANEC_WRONG, &t.error,
            "main has no input called zz");
    anec_tensor_free(&x);
    buf_free(&seen.text);
    close_bench(&t);
}

static void test_ports(void **state)
{
    Bench t;
    anec_tensor x;
    const float wrong[3] = { 0 };
    const anec_tensor w = { "fp32", 1, { 3 }, (void *)(uintptr_t)wrong, sizeof wrong };
    (void)state;
    load_bench(&t, "ref");
    GOOD(&t,
         anec_tensor_read(t.kernel, "s", arena_printf(&arena, "%s/x.npy", top), &x, &t.error));
    refused(anec_set_state(t.kernel, "s", &x, "x.npy", &t.error), ANEC_WRONG, &t.error,
            "state s is fp16 [3], but x.npy holds fp32 [1, 4, 1, 32]");
    anec_tensor_free(&x);
    refused(anec_set_state(t.kernel, "s", &w, NULL, &t.error), ANEC_WRONG, &t.error,
            "the tensor given holds fp32");
    refused(anec_set_state(t.kernel, "x", &w, NULL, &t.error), ANEC_WRONG, &t.error,
            "main has no state x");
    refused(anec_tensor_read(t.kernel, "x", "7", &x, &t.error), ANEC_WRONG, &t.error,
            "does not fill it");
    refused(anec_tensor_read(t.kernel, "z", "7", &x, &t.error), ANEC_WRONG, &t.error,
            "no input or state z");
    refused(anec_tensor_random(t.kernel, "s", 1, &x, &t.error), ANEC_WRONG, &t.error,
            "main has no input s");
    assert_null(x.data);
    close_bench(&t);
}

/* Two backends for one model; elements below a byte, which .npy has as bytes. */
static void test_two_devices(void **state)
{
    Bench t;
    anec_device *cpu;
    anec_kernel *k[2];
    anec_tensor q, a, b;
    anec_difference d = { .size = sizeof d };
    const char *path = arena_printf(&arena, "%s/z.npy", top);
    double v[3], w[3];
    (void)state;
    load_bench(&t, "ref");
    GOOD(&t, anec_open_with("cpu", t.config, &cpu, &t.error));
    GOOD(&t, anec_compile_on(t.model, t.device, "other", &k[0], &t.error));
    GOOD(&t, anec_compile_on(t.model, cpu, "other", &k[1], &t.error));
    assert_string_equal(anec_fact(k[1], "backend"), "cpu");
    GOOD(&t, anec_tensor_random(k[0], "q", 7, &q, &t.error));
    assert_int_equal(q.bytes, 2);
    for (int i = 0; i < 2; i++) {
        GOOD(&t, anec_bind(k[i], "q", &q, &t.error));
        GOOD(&t, anec_run(k[i], &t.error));
    }
    GOOD(&t, anec_result(k[0], "z", &a, &t.error));
    GOOD(&t, anec_result(k[1], "z", &b, &t.error));
    anec_compare(&a, &b, NULL, NULL, &d);
    assert_false(d.differs);
    assert_string_equal(d.text, "max abs 0  max rel 0  ok");
    GOOD(&t, anec_tensor_save(NULL, &a, path, &t.error));
    GOOD(&t, anec_tensor_read(k[0], "q", path, &b, &t.error));
    assert_string_equal(b.dtype, "int4");
    assert_true(anec_doubles(&b, 0, 3, v) && anec_doubles(&q, 0, 3, w));
    assert_memory_equal(v, w, sizeof v);
    anec_tensor_free(&b);
    anec_tensor_free(&q);
    anec_free(k[0]);
    anec_free(k[1]);
    anec_close(cpu);
    close_bench(&t);
}

static void test_macs(void **state)
{
    static const char any[] =
        "program(1.3)\n{\n    func main<ios18>(tensor<fp32, [?, 8]> x, tensor<fp32, [8, 4]> w) {\n"
        "        tensor<fp32, [?, 4]> y = matmul(x = x, y = w)[name = string(\"y\")];\n    } -> (y);\n}\n";
    Bench t;
    float x[2 * 8] = { 0 };
    const anec_tensor bound = { "fp32", 2, { 2, 8 }, x, sizeof x },
                      given = { "fp32", 2, { 1, 8 }, x, 32 };
    anec_macs_info m = { .size = sizeof m };
    (void)state;
    open_bench(&t, "ref");
    GOOD(&t, anec_load_text(t.device, any, strlen(any), NULL, &t.model, &t.error));
    GOOD(&t, anec_compile(t.model, NULL, &t.kernel, &t.error));
    anec_macs(t.kernel, NULL, 0, &m);
    assert_string_equal(m.open, "y");
    GOOD(&t, anec_bind(t.kernel, "x", &bound, &t.error));
    anec_macs(t.kernel, NULL, 0, &m);
    assert_float_equal(m.count, 2 * 8 * 4, 0);
    anec_macs(t.kernel, &(anec_input){ .name = "x", .tensor = &given }, 1, &m);
    assert_float_equal(m.count, 8 * 4, 0);
    close_bench(&t);
}

/* ---- tensors ----------------------------------------------------------------------------- */

static void test_compare(void **state)
{
    float a[4] = { 1, INFINITY, NAN, 2 }, b[4] = { 1, 5, NAN, 2.1f };
    const char *words[2] = { "a", "b" };
    const anec_tensor x = { "fp32", 1, { 4 }, a, sizeof a },
                      y = { "fp32", 1, { 4 }, b, sizeof b }, z = { "fp32", 1, { 3 }, b, 12 },
                      bad = { "fp31", 1, { 4 }, b, sizeof b },
                      s = { "string", 1, { 2 }, (void *)(uintptr_t)words, sizeof words };
    anec_difference d = { .size = sizeof d };
    double v;
    (void)state;
    anec_compare(&x, &y, NULL, NULL, &d);
    assert_true(d.differs);
    assert_int_equal(d.overflow, 1);
    assert_int_equal(d.loss, 3);
    anec_compare(&y, &y, NULL, NULL, &d);
    assert_false(d.differs);
    assert_int_equal(d.overflow, -1);
    a[1] = 5;
    anec_compare(&x, &y, "fp32", &(anec_tolerance){ 0.1, -1 }, &d);
    assert_false(d.differs);
    anec_compare(&x, &z, NULL, NULL, &d);
    assert_true(d.differs);
    assert_string_equal(d.text, "fp32 [4] against fp32 [3]  DIFFERS");
    anec_compare(&x, &bad, NULL, NULL, &d);
    assert_true(d.differs);
    anec_compare(&s, &s, NULL, NULL, &d);
    assert_string_equal(d.text, "equal");
    assert_false(anec_doubles(&s, 0, 1, &v));
    char *line = anec_summary(&z);
    assert_string_equal(line, "fp32 [3]  min 1  max 5  mean 3  nan 1  [1, 5, nan]\n");
    anec_text_free(line);
    line = anec_summary(&bad);
    assert_string_equal(line, "no tensor\n");
    anec_text_free(line);
}

/* ---- threads ----------------------------------------------------------------------------- */

static void count(void *ctx, anec_severity severity, const char *message)
{
    pthread_mutex_t *lock = ctx; /* the callback's own business */
    (void)severity;
    pthread_mutex_lock(lock);
    assert_non_null(message);
    pthread_mutex_unlock(lock);
}

static void *use_model(void *model)
{
    anec_kernel *k;
    anec_error e;
    anec_tensor x;
    char *said;
    for (int i = 0; i < 10; i++) {
        if (anec_compile(model, "main", &k, &e) || anec_describe(model, "json", &said, &e))
            return model;
        anec_text_free(said);
        if (anec_tensor_random(k, "x", 3, &x, &e)) return model;
        const anec_input in = { .name = "x", .tensor = &x };
        anec_macs_info m = { .size = sizeof m };
        anec_macs(k, &in, 1, &m);
        /* nothing is bound */
        if (anec_run_with(k, &in, 1, NULL, &e) || !anec_run(k, &e)) return model;
        anec_tensor_free(&x);
        anec_free(k);
    }
    return NULL;
}

/* Runs a kernel of its own; what other threads compute with the same model is not seen in it. */
static void *run_own(void *kernel)
{
    anec_error e;
    anec_tensor x, y;
    for (int i = 0; i < 20; i++) {
        if (anec_tensor_random(kernel, "x", (uint64_t)i + 1, &x, &e)) return kernel;
        const anec_input in = { .name = "x", .tensor = &x };
        if (anec_run_with(kernel, &in, 1, NULL, &e) || anec_result(kernel, "y", &y, &e))
            return kernel;
        const float *a = x.data, *b = y.data;
        for (size_t k = 0; k < y.bytes / sizeof *b; k++)
            if (b[k] != 2 * a[k]) return kernel;
        anec_tensor_free(&x);
    }
    return NULL;
}

static void test_kernels_side_by_side(void **state)
{
    anec_kernel *k[4];
    pthread_t id[4];
    void *wrong = NULL;
    Bench t;
    (void)state;
    open_bench(&t, "cpu");
    GOOD(&t, anec_config_set(t.config, "from", "anedsl", &t.error));
    GOOD(&t, anec_load_text(t.device, dsl, strlen(dsl), NULL, &t.model, &t.error));
    GOOD(&t, anec_compile(t.model, NULL, &t.kernel, &t.error));
    for (int i = 0; i < 4; i++) GOOD(&t, anec_compile(t.model, "main", &k[i], &t.error));
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&id[i], NULL, run_own, k[i]), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(id[i], &wrong);
        assert_null(wrong);
        anec_free(k[i]);
    }
    close_bench(&t);
}

static void test_threads(void **state)
{
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_t id[4];
    void *wrong = NULL;
    Bench t;
    (void)state;
    load_bench(&t, "cpu");
    anec_config_messages(t.config, count, &lock);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&id[i], NULL, use_model, t.model), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(id[i], &wrong);
        assert_null(wrong);
    }
    close_bench(&t);
}

/* ---- classes and features ---------------------------------------------------------------- */

static const char cats[] =
    "program(1.3)\n{\n"
    "    func main<ios18>(tensor<fp32, [1, 4]> p) {\n"
    "        string label, dict<string, fp64> all = classify(classes = list<string, 4>([\"cat\", "
    "\"dog\", \"cow\", \"hen\"]), probabilities = p)[name = string(\"c\")];\n"
    "    } -> (label, all);\n}\n";

static void test_classes(void **state)
{
    Bench t;
    anec_class best[3];
    anec_tensor l;
    const char *probabilities;
    float p[4] = { 0.25f, NAN, 0.5f, 0.25f };
    const anec_tensor x = { "fp32", 2, { 1, 4 }, p, sizeof p };
    (void)state;
    open_bench(&t, "cpu");
    GOOD(&t, anec_load_text(t.device, cats, strlen(cats), NULL, &t.model, &t.error));
    GOOD(&t, anec_compile(t.model, NULL, &t.kernel, &t.error));
    assert_string_equal(anec_port(t.kernel, ANEC_RESULT, 1, &l), "all");
    assert_string_equal(l.dtype, "fp64");
    assert_int_equal(l.shape[0], 4);
    assert_int_equal(anec_best(t.kernel, best, 3), 0);
    GOOD(&t, anec_bind(t.kernel, "p", &x, &t.error));
    GOOD(&t, anec_run(t.kernel, &t.error));
    GOOD(&t, anec_result(t.kernel, "label", &l, &t.error));
    assert_string_equal(*(const char *const *)l.data, "cow");
    assert_int_equal(anec_best(t.kernel, best, 3), 3);
    assert_string_equal(best[0].text, "cow");
    assert_string_equal(best[1].text, "cat");
    assert_string_equal(best[2].text, "hen");
    assert_true(best[0].probability == 0.5);
    assert_string_equal(anec_classifier(t.kernel, &probabilities), "label");
    assert_string_equal(probabilities, "all");
    GOOD(&t, anec_classes(t.kernel, &l, &t.error));
    assert_string_equal(((const char *const *)l.data)[1], "dog");
    anec_tensor_free(&l);
    close_bench(&t);
}

static void test_no_classes(void **state)
{
    Bench t;
    anec_class best;
    anec_tensor l;
    anec_feature f = { .size = sizeof f };
    float x[3] = { 1, 2, 3 };
    const anec_tensor in = { "fp32", 2, { 1, 3 }, x, sizeof x };
    (void)state;
    load_bench(&t, "ref");
    assert_null(anec_classifier(t.kernel, NULL));
    refused(anec_classes(t.kernel, &l, &t.error), ANEC_WRONG, &t.error,
            "main is no classifier");
    refused(anec_image_save(t.kernel, "y", "y.png", &t.error), ANEC_EMPTY, &t.error,
            "no results");
    GOOD(&t, anec_bind(t.kernel, "x", &in, &t.error));
    GOOD(&t, anec_run(t.kernel, &t.error));
    assert_int_equal(anec_best(t.kernel, &best, 1), 0);
    refused(anec_image_save(t.kernel, "y", "y.png", &t.error), ANEC_WRONG, &t.error,
            "main has no result y that is an image");
    assert_int_equal(anec_port_feature(t.kernel, ANEC_INPUT, 0, &f), 1);
    assert_false(f.optional || f.color);
    assert_int_equal(anec_port_feature(t.kernel, ANEC_RESULT, 1, &f), 0);
    close_bench(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grad),     cmocka_unit_test(test_step),
        cmocka_unit_test(test_options),  cmocka_unit_test(test_usage),
        cmocka_unit_test(test_messages), cmocka_unit_test(test_language),
        cmocka_unit_test(test_describe), cmocka_unit_test(test_backends),
        cmocka_unit_test(test_cache),    cmocka_unit_test(test_run),
        cmocka_unit_test(test_ports),    cmocka_unit_test(test_two_devices),
        cmocka_unit_test(test_macs),     cmocka_unit_test(test_compare),
        cmocka_unit_test(test_threads),  cmocka_unit_test(test_kernels_side_by_side),
        cmocka_unit_test(test_classes),  cmocka_unit_test(test_no_classes),
    };
    top = make_folder(&arena);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    remove_folder(top);
    arena_free(&arena);
    return failed;
}
