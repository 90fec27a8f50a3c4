/* test_sim.c -- the simulated engine around its numbers: what it accepts, profiles that turn
 * rules, surfaces. */
#include "../../backends/sim/sim.h"
#include "../../ir/mil/mil.h"
#include "unit.h"

#include <math.h>

/* ---- programs ---------------------------------------------------------------------------- */

typedef struct {
    Diag diag;
    Arena arena;
    Source src;
    Module *m;
    Program *p;
    char *folder;
} Test;

static int setup(void **state)
{
    Test *t = calloc(1, sizeof *t);
    t->folder = make_folder(&t->arena);
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    Test *t = *state;
    unsetenv("ANESIM_PROFILE");
    program_free(t->p);
    module_free(t->m);
    diag_free(&t->diag);
    remove_folder(t->folder);
    arena_free(&t->arena);
    free(t);
    return 0;
}

#define SHORT \
    "program(1.3)\n[buildInfo = dict<string, string>({{\"coremlc-version\", \"3505.4.1\"}})]\n{\n"
#define LONG \
    "program(1.0)\n[buildInfo = dict<tensor<string, []>, tensor<string, " \
    "[]>>({{\"coremlc-version\", \"3505.4.1\"}})]\n{\n"
#define RELU(t) \
    SHORT "    func main<ios18>(tensor<" t ", [1, 4]> x) {\n" \
          "        tensor<" t \
          ", [1, 4]> y = relu(x = x)[name = string(\"y\")];\n    } -> (y);\n}\n"
#define SLICE \
    SHORT \
    "    func main<ios18>(tensor<fp16, [1, 4]> x) {\n" \
    "        tensor<fp16, [1, 3]> y = slice_by_size(begin = tensor<int32, [2]>([0, 1]), " \
    "size = tensor<int32, [2]>([1, 3]), x = x)[name = string(\"y\")];\n    } -> (y);\n}\n"

static bool compile(Test *t, const char *text, const char *backend)
{
    program_free(t->p);
    module_free(t->m);
    t->p = NULL;
    t->src = (Source){ .name = "t.mil", .text = text, .len = strlen(text) };
    t->m = mil_read(&t->diag, &t->src, t->folder);
    assert_non_null(t->m);
    assert_true(module_verify(t->m, &t->diag, NULL));
    t->p = program_new(backend_find(backend), t->m, module_main(t->m), &t->diag);
    return t->p != NULL;
}

/* Runs with x = [v, v, ..]; the result's first element. */
static double run(Test *t, double v)
{
    const Value *x = module_main(t->m)->body->param[0];
    Binding in = { .name = x->name };
    const Binding *out;
    assert_true(tensor_alloc(&in.value, &t->diag, x->type->dtype, &x->type->shape));
    for (size_t i = 0; i < in.value.count; i++) tensor_set_float(&in.value, i, v);
    assert_true(program_run(t->p, &t->diag, &in, 1, &(RunOptions){ 0 }));
    assert_int_equal(program_results(t->p, &out), 1);
    tensor_free(&in.value);
    return tensor_float(&out[0].value, 0);
}

static void profile(Test *t, const char *lines)
{
    char *path = arena_printf(&t->arena, "%s/profile", t->folder);
    char *text = arena_printf(&t->arena, "anec-profile 1\n%s", lines);
    assert_true(file_write_all(&t->diag, path, text, strlen(text)));
    setenv("ANESIM_PROFILE", path, 1);
}

/* ---- acceptance -------------------------------------------------------------------------- */

static void both_spellings_are_taken(void **state)
{
    Test *t = *state;
    const Backend *chip;
    const char *verbose = LONG
        "    func main<ios16>(tensor<fp16, [1, 4]> x) {\n"
        "        tensor<fp16, [1, 4]> y = relu(x = x)[name = tensor<string, []>(\"y\")];\n"
        "    } -> (y);\n}\n";
    for (int i = 0; (chip = sim_at(i)); i++) {
        assert_true(compile(t, RELU("fp16"), chip->name));
        assert_true(run(t, 2) == 2);
        assert_true(compile(t, verbose, chip->name));
        assert_true(run(t, -2) == 0);
    }
    assert_true(diag_ok(&t->diag));
}

static void fp32_inputs_are_refused_where_the_rule_holds(void **state)
{
    Test *t = *state;
    const char *text = RELU("fp32");
    int refused = 0;
    for (int i = 0; i < chip_count; i++) {
        RuleSet rs;
        ruleset_init(&rs, chip_at(i), NULL);
        if (!rule_holds(&rs, RULE_io_fp32)) {
            assert_true(compile(t, text, sim_at(i)->name));
            continue;
        }
        refused++;
        assert_false(compile(t, text, sim_at(i)->name));
        assert_non_null(strstr(
            t->diag.text.s, "_ANECompiler : ANECCompile() FAILED (CompilationFailure)"));
        assert_non_null(strstr(t->diag.text.s, "io-fp32]"));
        expect_says(&t->diag, "rewrites a program for the chip");
    }
    assert_true(refused > 0);
}

static void many_broken_rules_are_counted(void **state)
{
    Test *t = *state;
    Buf text = { 0 };
    buf_puts(&text, SHORT "    func main<ios18>(tensor<fp16, [1, 4]> x) {\n");
    for (int i = 0; i < 10; i++)
        buf_printf(
            &text,
            "        tensor<fp16, [1, 4]> y%d = tan(x = x)[name = string(\"y%d\")];\n", i,
            i);
    buf_puts(&text, "    } -> (y9);\n}\n");
    assert_false(compile(t, text.s, "sim:m5"));
    expect_says(&t->diag, "and 2 more; anec --check --target m5 shows all");
    module_free(t->m);
    t->m = NULL;
    buf_free(&text);
}

static void broken_weight_headers_are_refused(void **state)
{
    Test *t = *state;
    char *path = arena_printf(&t->arena, "%s/weight.bin", t->folder);
    assert_true(file_write_all(&t->diag, path, (char[512]){ 2 }, 512));
    const char *text = SHORT
        "    func main<ios18>(tensor<fp16, [1, 4]> x) {\n"
        "        tensor<fp16, [1, 4]> w = const()[name = string(\"w\"), val = tensor<fp16, [1, 4]>"
        "(BLOBFILE(path = string(\"@model_path/weight.bin\"), offset = uint64(64)))];\n"
        "        tensor<fp16, [1, 4]> y = add(x = x, y = w)[name = string(\"y\")];\n    } -> "
        "(y);\n}\n";
    assert_false(compile(t, text, "sim:m4"));
    expect_says(
        &t->diag,
        "users of m4 see: _ANECompiler : ANECCompile() FAILED (InvalidMILProgram)");
}

/* ---- profiles ---------------------------------------------------------------------------- */

static void a_profile_turns_what_is_refused(void **state)
{
    Test *t = *state;
    profile(t, "rule io-fp32 absent\n");
    assert_true(compile(t, RELU("fp32"), "sim:m1"));
    assert_true(run(t, 2) == 2);
    profile(t, "rule io-fp32 holds\n");
    assert_false(compile(t, RELU("fp32"), "sim:m5"));
    expect_says(&t->diag, "sim:m5 refuses this program");
}

static void a_profile_turns_numbers(void **state)
{
    Test *t = *state;
    profile(t, "rule width-slice absent\n");
    assert_true(compile(t, SLICE, "sim:m1"));
    assert_true(run(t, 4096) == 4096);
    profile(t, "rule width-slice holds\n");
    assert_true(compile(t, SLICE, "sim:m5"));
    assert_true(isinf(run(t, 4096)));
}

/* Silent faults that no number describes give zeros. */
static void a_profile_turns_silent_faults(void **state)
{
    Test *t = *state;
    const char *text = SHORT
        "    func main<ios18>(tensor<fp16, [1, 4]> x) {\n"
        "        tensor<fp16, [1, 8]> y = tile(reps = tensor<int32, [2]>([1, "
        "2]), x = x)[name = string(\"y\")];\n"
        "    } -> (y);\n}\n";
    assert_true(compile(t, text, "sim:m4"));
    assert_true(run(t, 3) == 3);
    profile(t, "rule tile holds\n");
    assert_true(compile(t, text, "sim:m4"));
    assert_true(run(t, 3) == 0);
    profile(t, "rule row-padding holds\n");
    assert_true(compile(t, RELU("fp16"), "sim:m4"));
    assert_true(run(t, 3) == 0);
}

static void a_profile_that_is_none_is_an_error(void **state)
{
    Test *t = *state;
    setenv("ANESIM_PROFILE", t->folder, 1);
    assert_false(compile(t, RELU("fp16"), "sim:m1"));
    assert_false(diag_ok(&t->diag));
}

/* ---- surfaces ---------------------------------------------------------------------------- */

static void rows_begin_at_64_bytes(void **state)
{
    (void)state;
    static const struct {
        DType type;
        Shape shape;
        size_t row_stride, plane_stride, bytes;
    } want[] = {
        { DT_FP16, { .rank = 4, .dim = { 1, 1, 1, 1 } }, 64, 64, 64 },
        { DT_FP16, { .rank = 4, .dim = { 1, 4, 1, 1 } }, 64, 64, 256 },
        { DT_FP16, { .rank = 4, .dim = { 2, 3, 5, 33 } }, 128, 640, 3840 },
        { DT_FP16, { .rank = 3, .dim = { 64, 1, 32 } }, 64, 64, 4096 },
        { DT_FP32, { .rank = 2, .dim = { 3, 17 } }, 128, 384, 384 },
        { DT_INT8, { .rank = 1, .dim = { 65 } }, 128, 128, 128 },
        { DT_FP16, { .rank = 0 }, 64, 64, 64 },
        { DT_FP16, { .rank = 2, .dim = { 0, 8 } }, 64, 0, 0 },
    };
    for (size_t i = 0; i < COUNT(want); i++) {
        SimLayout l;
        assert_true(layout_of("x", want[i].type, &want[i].shape, &l));
        assert_int_equal(l.row_stride, want[i].row_stride);
        assert_int_equal(l.plane_stride, want[i].plane_stride);
        assert_int_equal(l.bytes, want[i].bytes);
    }
    SimLayout none;
    const Shape s = SHAPE(4), vast = SHAPE(INT64_MAX / 2, INT64_MAX / 2);
    assert_false(layout_of("x", DT_INT4, &s, &none));
    assert_false(layout_of("x", DT_STRING, &s, &none));
    assert_false(layout_of("x", DT_FP32, &vast, &none));
}

static void packed_data_come_back_and_poison_stays(void **state)
{
    (void)state;
    const Shape s = SHAPE(2, 3, 2, 5);
    SimLayout l;
    uint16_t in[60], out[60];
    assert_true(layout_of("x", DT_FP16, &s, &l));
    assert_int_equal(l.bytes, 2 * 3 * 2 * 64);
    unsigned char *surface = malloc(l.bytes);
    for (int i = 0; i < 60; i++) in[i] = (uint16_t)i;
    layout_poison(&l, surface);
    layout_put(&l, in, surface);
    layout_get(&l, surface, out);
    assert_memory_equal(in, out, sizeof in);
    for (size_t row = 0; row < 12; row++)
        for (size_t i = 10; i < 64; i++) assert_int_equal(surface[row * 64 + i], 0xff);
    assert_int_equal(surface[64 * 7 + 2], 36); /* row 7, column 1 */
    free(surface);
}

static void symbols_are_alphabetical(void **state)
{
    (void)state;
    SimLayout l[] = {
        { .name = "x" }, { .name = "W" }, { .name = "a10" }, { .name = "a9" }
    };
    layouts_order(l, 4);
    assert_int_equal(l[0].symbol, 3);
    assert_int_equal(l[1].symbol, 0);
    assert_int_equal(l[2].symbol, 1);
    assert_int_equal(l[3].symbol, 2);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(both_spellings_are_taken),
        TEST(fp32_inputs_are_refused_where_the_rule_holds),
        TEST(many_broken_rules_are_counted),
        TEST(broken_weight_headers_are_refused),
        TEST(a_profile_turns_what_is_refused),
        TEST(a_profile_turns_numbers),
        TEST(a_profile_turns_silent_faults),
        TEST(a_profile_that_is_none_is_an_error),
        cmocka_unit_test(rows_begin_at_64_bytes),
        cmocka_unit_test(packed_data_come_back_and_poison_stays),
        cmocka_unit_test(symbols_are_alphabetical),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
