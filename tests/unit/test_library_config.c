/* test_library_config.c -- the public library's options, its messages, and the language through it. */
#include "library_bench.h"

#include <unistd.h>

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

/* Options of a model: what goes, and what does not go with the model or with other options. */
typedef struct {
    const char *name, *value;
    const char *says; /* NULL: it goes */
} OptionCase;

static const OptionCase of_text[] = {
    { "target", "m99", "there is no target m99" },
    { "profile", "none", "--profile goes with --target" },
    { "missing-weights", "one",
      "--missing-weights takes random, random:SEED or zero, not 'one'" },
    { "missing-weights", "random:x", "not 'random:x'" },
    { "missing-weights", "random:/", "not 'random:/'" },
    { "missing-weights", "random::", "not 'random::'" },
    { "missing-weights", "random:9x", "not 'random:9x'" },
    { "missing-weights", "random:", "not 'random:'" },
    { "missing-weights", "randomly", "not 'randomly'" },
    { "missing-weights", "zeros", "not 'zeros'" },
    { "missing-weights", "random:18446744073709551616", "551616'" },
    { "set", "a=1", "--set is for .anedsl" },
    { "weights", "a.npy", "--weights is for .anedsl" },
    { "buckets", "0",
      "as in x.0=1,4;x.2=64,128, or x.0+z.0=1,4 for two that are one, not '0'" },
    { "buckets", "2,2", "not '2,2'" },
    { "buckets", "2,3,", "not '2,3,'" },
    { "buckets", "2;3", "not '2;3'" },
    { "buckets", "x.0=2;3;x.0=3", "not 'x.0=2;3;x.0=3'" },
    { "buckets", "2147483648", "not '2147483648'" },
    { "part", "a", "--part is for pipelines" },
    { "missing-weights", "random:0", NULL },
    { "missing-weights", "random:9", NULL },
    { "missing-weights", "random:90", NULL },
    { "missing-weights", "random:18446744073709551615", NULL },
    { "missing-weights", "random", NULL },
    { "missing-weights", "zero", NULL },
    { "buckets", "1", NULL },
    { "buckets", "2,3,2147483647", NULL },
    { "buckets", "3;x.15=2;x.0=3", NULL },
    { "buckets", "x.0+x.0=3", "not 'x.0+x.0=3'" },
    { "buckets", "x.0+3", "not 'x.0+3'" },
    { "buckets", "x.0+", "not 'x.0+'" },
    { "buckets", "+", "not '+'" },
    { "buckets", "x.0+y.0+x.1=3;4", NULL },
};

/* The file is not there: its name is enough. */
static const OptionCase of_mil[] = {
    { "set", "a=1", "--set is for .anedsl" },
    { "weights", "a.npy", "--weights is for .anedsl" },
    { "part", "a", "--part is for pipelines" },
};

static void test_usage_of_texts(void **state)
{
    Bench t;
    (void)state;
    for (size_t i = 0; i < COUNT(of_text); i++) {
        const OptionCase *c = &of_text[i];
        open_bench(&t, "ref");
        GOOD(&t, anec_config_set(t.config, c->name, c->value, &t.error));
        const anec_status got = anec_load_text(t.device, text, strlen(text), NULL,
                                               &t.model, &t.error);
        if (c->says) {
            refused(got, ANEC_USAGE, &t.error, c->says);
            assert_null(t.model);
            assert_int_equal(t.said.len, 0);
        } else GOOD(&t, got);
        close_bench(&t);
    }
    open_bench(&t, "ref");
    GOOD(&t, anec_config_set(t.config, "from", "anedsl", &t.error));
    GOOD(&t, anec_config_set(t.config, "set", "=1", &t.error));
    refused(anec_load_text(t.device, "", 0, NULL, &t.model, &t.error), ANEC_USAGE,
            &t.error, "--set takes NAME=VALUE, not '=1'");
    close_bench(&t);
}

static void test_usage_of_files(void **state)
{
    Bench t;
    (void)state;
    open_bench(&t, "ref");
    refused(anec_load(t.device, "model.pt", &t.model, &t.error), ANEC_USAGE, &t.error,
            "by its name");
    refused(anec_load(t.device, "-", &t.model, &t.error), ANEC_USAGE, &t.error,
            "the standard input");
    close_bench(&t);
    for (size_t i = 0; i < COUNT(of_mil); i++) {
        open_bench(&t, "ref");
        GOOD(&t, anec_config_set(t.config, of_mil[i].name, of_mil[i].value, &t.error));
        refused(anec_load(t.device, "a.mil", &t.model, &t.error), ANEC_USAGE, &t.error,
                of_mil[i].says);
        close_bench(&t);
    }
}

static anec_status load_with_buckets(int n)
{
    Bench t;
    Buf sizes = { 0 };
    for (int i = 1; i <= n; i++) buf_printf(&sizes, i < n ? "%d," : "%d", i);
    open_bench(&t, "ref");
    GOOD(&t, anec_config_set(t.config, "buckets", sizes.s, &t.error));
    const anec_status s = anec_load_text(t.device, text, strlen(text), NULL, &t.model,
                                         &t.error);
    close_bench(&t);
    buf_free(&sizes);
    return s;
}

static void test_buckets(void **state)
{
    Bench t;
    (void)state;
    assert_int_equal(load_with_buckets(64), ANEC_OK);
    assert_int_equal(load_with_buckets(65), ANEC_USAGE);
    open_bench(&t, "ref");
    GOOD(&t, anec_config_set(t.config, "buckets", "2", &t.error));
    GOOD(&t, anec_config_set(t.config, "target", "m4", &t.error));
    refused(anec_load_text(t.device, text, strlen(text), NULL, &t.model, &t.error),
            ANEC_USAGE, &t.error, "it goes without --target");
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
    refused(anec_load_text(t.device, bad, strlen(bad), NULL, &t.model, &t.error),
            ANEC_WRONG, &t.error, "<text>:4:");
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
    const anec_tensor own = {
        "fp32", 4, { 1, 4, 1, 32 }, (void *)(uintptr_t)x, sizeof x
    };
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

/* Pixels of a PNG are an array as they are, in their own order. */
static void test_pixels(void **state)
{
    static const unsigned char png[] = {
        137, 80,  78,  71,  13,  10, 26, 10, 0,   0,  0,   13,  73,  72, 68,
        82,  0,   0,   0,   2,   0,  0,  0,  1,   8,  2,   0,   0,   0,  123,
        64,  232, 221, 0,   0,   0,  15, 73, 68,  65, 84,  120, 218, 99, 96,
        100, 98,  254, 245, 251, 15, 0,  6,  3,   2,  248, 247, 237, 17, 241,
        0,   0,   0,   0,   73,  69, 78, 68, 174, 66, 96,  130,
    };
    static const double want[] = { 1, 2, 3, 250, 251, 252 };
    const char *path = arena_printf(&arena, "%s/two.png", top);
    anec_tensor got;
    anec_error e;
    double v[6];
    (void)state;
    if (!anec_has_png()) return;
    FILE *f = fopen(path, "wb");
    assert_int_equal(fwrite(png, 1, sizeof png, f), sizeof png);
    fclose(f);
    assert_int_equal(anec_tensor_load(NULL, path, &got, &e), ANEC_OK);
    assert_string_equal(got.dtype, "uint8");
    assert_int_equal(got.rank, 3);
    assert_true(got.shape[0] == 1 && got.shape[1] == 2 && got.shape[2] == 3);
    assert_true(anec_doubles(&got, 0, 6, v));
    for (int i = 0; i < 6; i++) assert_float_equal(v[i], want[i], 0);
    anec_tensor_free(&got);
    assert_int_equal(truncate(path, 60), 0);
    assert_int_equal(anec_tensor_load(NULL, path, &got, &e), ANEC_WRONG);
    assert_non_null(
        strstr(e.text, "two.png is no PNG that can be read: the file is cut off"));
    assert_null(got.data);
    assert_int_equal(
        anec_tensor_load(NULL, arena_printf(&arena, "%s/gone.png", top), &got, &e),
        ANEC_WORLD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options),        cmocka_unit_test(test_pixels),
        cmocka_unit_test(test_usage_of_texts), cmocka_unit_test(test_usage_of_files),
        cmocka_unit_test(test_buckets),        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_language),
    };
    return bench_main(tests, COUNT(tests));
}
