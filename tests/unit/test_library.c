/* test_library.c -- the public library beyond running: what models and backends say, what a run shows,
 * several backends for one model, threads. Also built for the thread sanitizer (make tsan). */
#include "library_bench.h"

#include <math.h>
#include <pthread.h>

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

static void test_count(void **state)
{
    Bench t;
    char *said;
    (void)state;
    load_bench(&t, "ref");
    GOOD(&t, anec_count(t.model, "text", &said, &t.error));
    assert_non_null(strstr(said, "func main ("));
    assert_non_null(strstr(said, "values at once"));
    anec_text_free(said);
    GOOD(&t, anec_count(t.model, "json", &said, &t.error));
    assert_non_null(strstr(said, "\"macs_complete\""));
    anec_text_free(said);
    refused(anec_count(t.model, "xml", &said, &t.error), ANEC_WRONG, &t.error,
            "as text or as json");
    refused(anec_count(NULL, "text", &said, &t.error), ANEC_WRONG, &t.error,
            "model is NULL");
    close_bench(&t);
}

typedef struct {
    int count[4]; /* by severity */
    int rules, notes;
    bool placed, fixed;
    int unsaid; /* findings of a rule with neither a pass nor why there is none */
    int more;   /* "N more errors" */
} Heard;

static void hear_finding(void *heard, const anec_finding *f)
{
    Heard *h = heard;
    assert_int_equal(f->size, sizeof *f);
    h->count[f->severity]++;
    h->rules += f->is_rule;
    h->notes += !f->id;
    h->placed |= f->line > 0 && f->column > 0 && f->file && f->function;
    h->fixed |= f->pass && !f->left;
    h->unsaid += f->is_rule && !f->pass && !f->left;
    h->more += strstr(f->text, "more error") != NULL;
}

static void write_text(const char *path, const char *mil)
{
    Diag d = { 0 };
    assert_true(file_write_all(&d, path, mil, strlen(mil)));
}

static void test_check(void **state)
{
    anec_error e;
    Heard none = { 0 }, m1 = { 0 }, full = { 0 }, lost = { 0 }, cut = { 0 };
    anec_config *c = anec_config_new();
    const char *path = arena_printf(&arena, "%s/check.mil", top);
    const char *gone = arena_printf(&arena, "%s/no.mil", top);
    (void)state;
    write_text(path,
               "program(1.0)\n{\n  func main<ios15>(tensor<fp32, [1, 4]> x) {\n"
               "    tensor<fp32, [1, 4]> y = add(x = x, y = x)[name = string(\"y\")];\n"
               "  } -> (y);\n}\n");
    assert_int_equal(anec_check(NULL, path, hear_finding, &none, &e), ANEC_OK);
    assert_int_equal(none.rules + none.count[ANEC_ERROR], 0);
    assert_string_equal(e.text, "");
    assert_int_equal(anec_config_set(c, "target", "m1", &e), ANEC_OK);
    refused(anec_check(c, path, hear_finding, &m1, &e), ANEC_WRONG, &e, "error");
    assert_true(m1.count[ANEC_ERROR] > 0 && m1.rules >= m1.count[ANEC_ERROR]);
    assert_true(m1.placed && m1.fixed);
    assert_int_equal(m1.unsaid, 0);
    /* more errors than are told one by one: their number is told in the call's own time */
    Buf many = { 0 };
    buf_puts(&many, "program(1.0)\n{\n  func main<ios15>(tensor<fp32, [1]> x) {\n");
    for (int i = 0; i < 40; i++)
        buf_printf(&many,
                   "    tensor<fp32, [1]> y%d = relu(z = x)[name = string(\"y%d\")];\n",
                   i, i);
    buf_puts(&many, "  } -> (x);\n}\n");
    write_text(path, many.s);
    buf_free(&many);
    refused(anec_check(c, path, hear_finding, &full, &e), ANEC_WRONG, &e, "errors");
    assert_true(full.count[ANEC_ERROR] >= 20);
    assert_int_equal(full.more, 1);
    refused(anec_check(c, gone, hear_finding, &lost, &e), ANEC_WORLD, &e,
            "no.mil has 1 error");
    assert_int_equal(lost.count[ANEC_FAILURE], 1);
    write_text(path, "program(1.0)\n{\n  func main<ios15>(tensor<fp32, [1, 4]> x) {\n");
    refused(anec_check(c, path, hear_finding, &cut, &e), ANEC_WRONG, &e, "error");
    assert_true(cut.count[ANEC_ERROR] > 0 && !cut.rules);
    refused(anec_check(c, NULL, hear_finding, &cut, &e), ANEC_WRONG, &e, "path is NULL");
    refused(anec_check(c, path, NULL, &cut, &e), ANEC_WRONG, &e, "found is NULL");
    assert_int_equal(anec_config_set(c, "target", "m77", &e), ANEC_OK);
    write_text(
        path,
        "program(1.0)\n{\n  func main<ios15>(tensor<fp32, [1, 4]> x) {\n  } -> (x);\n}\n");
    refused(anec_check(c, path, hear_finding, &cut, &e), ANEC_USAGE, &e, "m77");
    anec_config_free(c);
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
    GOOD(&t,
         anec_cache(t.config, 1, &small, &t.error)); /* a caller that knows less of it */
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
    buf_printf(&s->text, "%s=%s(%s %s)@%s ", anec_value_name(v), anec_value_op(v),
               t->dtype, anec_value_precision(v), where);
    return s->until && !--s->until;
}

static void see_begin(void *ctx, const anec_op *st)
{
    buf_printf(&((Seen *)ctx)->text, "<%s:%s ", anec_op_name(st), anec_op_type(st));
}

static void see_end(void *ctx, const anec_op *st, const anec_tensor *t)
{
    buf_printf(&((Seen *)ctx)->text, "%s:%s> ", anec_op_name(st), t ? t->dtype : "-");
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
    anec_run_options o = { .size = sizeof o,
                           .value = see_value,
                           .begin = see_begin,
                           .end = see_end,
                           .ctx = &seen };
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
    const char *path = arena_printf(&arena, "%s/x.npy", top);
    (void)state;
    load_bench(&t, "ref");
    const anec_tensor two = { "fp32", 1, { 2 }, w.data, 2 * sizeof *wrong };
    GOOD(&t, anec_tensor_save(NULL, &two, path, &t.error));
    GOOD(&t, anec_tensor_read(t.kernel, "s", path, &x, &t.error));
    refused(anec_set_state(t.kernel, "s", &x, "x.npy", &t.error), ANEC_WRONG, &t.error,
            "state s is fp16 [3], but x.npy holds fp32 [2]");
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
                      y = { "fp32", 1, { 4 }, b, sizeof b },
                      z = { "fp32", 1, { 3 }, b, 12 },
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
        if (anec_compile(model, "main", &k, &e)
            || anec_describe(model, "json", &said, &e))
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_describe), cmocka_unit_test(test_count),
        cmocka_unit_test(test_check),    cmocka_unit_test(test_backends),
        cmocka_unit_test(test_cache),    cmocka_unit_test(test_run),
        cmocka_unit_test(test_ports),    cmocka_unit_test(test_two_devices),
        cmocka_unit_test(test_macs),     cmocka_unit_test(test_compare),
        cmocka_unit_test(test_threads),  cmocka_unit_test(test_kernels_side_by_side),
    };
    return bench_main(tests, COUNT(tests));
}
