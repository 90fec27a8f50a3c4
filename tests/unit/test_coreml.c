/* test_coreml.c -- programs through the stand-in's Core ML: what comes out, functions,
 * shapes, and what goes wrong in which words. */
#include "coreml_bench.h"

/* ---- programs ---------------------------------------------------------------------------- */

static const char two[] = HEAD STEP("main", "0x1p+1") STEP("third", "0x1.8p+1") "}\n";

static const char flexible[] =
    "program(1.0)\n{\n"
    "    func main<ios16>(tensor<fp32, [1, ?]> x)[FlexibleShapeInformation = "
    "tuple<tuple<tensor<string, []>, "
    "dict<tensor<string, []>, tensor<int32, [?]>>>, tuple<tensor<string, []>, dict<tensor<string, "
    "[]>, "
    "dict<tensor<string, []>, tensor<int32, [?]>>>>>(((\"DefaultShapes\", {{\"x\", [1, 4]}}), "
    "(\"EnumeratedShapes\", {{\"543d0f94\", {{\"x\", [1, 2]}}}, {\"697b758f\", {{\"x\", [1, "
    "3]}}}})))] {\n"
    "        tensor<fp32, [1, ?]> y = relu(x = x)[name = tensor<string, []>(\"y\")];\n    } -> "
    "(y);\n}\n";

/* ---- results ----------------------------------------------------------------------------- */

static void test_results(void **state)
{
    static const char *const chips[] = { "m1", "m4", "m5" }, *const how[] = {
        "", "ml-own", "ml-written"
    };
    (void)state;
    for (size_t c = 0; c < COUNT(chips); c++)
        for (size_t i = 0; i < COUNT(how); i++) {
            Bench t;
            Inputs in;
            set_machine(chips[c], how[i]);
            must_open(&t, "coreml", one, NULL);
            make_inputs(&in, &t.d);
            assert_string_equal(t.p->as.io, "mixed");
            if (i < 2) assert_null(t.p->as.why);
            else
                assert_string_equal(
                    t.p->as.why,
                    "compiled by Core ML, which did not load what was written: "
                    "com.apple.CoreML 3: Unable to load the model");
            check_results(&t, &in, 2);
            check_results(&t, &in, 2);
            assert_int_equal(folders(), i == 2 ? 2 : 1);
            free_inputs(&in);
            close_bench(&t);
            assert_int_equal(folders(), 0);
        }
}

/* What was written stays under one path, for what Core ML keeps of it; what is broken is made
 * again. */
static const char *cache_word(void)
{
    Bench t;
    Inputs in;
    set_machine("m4", "");
    must_open(&t, "coreml", two, NULL);
    make_inputs(&in, &t.d);
    check_results(&t, &in, 2);
    const char *word = arena_strdup(&arena, t.p->as.cache);
    free_inputs(&in);
    close_bench(&t);
    assert_int_equal(folders(), 0);
    return word;
}

static void test_cache(void **state)
{
    char *dir = arena_printf(&arena, "%s/cache", top);
    (void)state;
    assert_true(file_remove_tree(dir));
    assert_string_equal(cache_word(), "miss");
    assert_string_equal(cache_word(), "hit");
    assert_true(file_walk(dir, break_file, &(Break){ dir, "model.mil" }));
    assert_string_equal(cache_word(), "miss");
    assert_string_equal(cache_word(), "hit");
    setenv("ANEC_CACHE_DIR", "/proc/nowhere", 1);
    assert_string_equal(cache_word(), "off");
    setenv("ANEC_CACHE_DIR", dir, 1);
    assert_string_equal(cache_word(), "hit");
}

/* A result may be taken: the next run has new memory for it. */
static void test_taken(void **state)
{
    Bench t;
    Inputs in;
    Tensor v;
    (void)state;
    set_machine("m4", "");
    must_open(&t, "coreml", one, NULL);
    make_inputs(&in, &t.d);
    check_results(&t, &in, 2);
    assert_true(t.b->take(t.p, 0, &v));
    assert_false(t.b->take(t.p, 0, &(Tensor){ 0 }));
    const double was = tensor_float(&v, 3);
    fill(&in.x, 5);
    check_results(&t, &in, 2);
    assert_float_equal(tensor_float(&v, 3), was, 0);
    tensor_free(&v);
    free_inputs(&in);
    close_bench(&t);
}

static void test_functions(void **state)
{
    Bench t;
    Inputs in;
    (void)state;
    set_machine("m4", "");
    must_open(&t, "coreml", two, "third");
    make_inputs(&in, &t.d);
    check_results(&t, &in, 3);
    Program *third = t.p;
    t.p = program_new(t.b, t.m, module_main(t.m), &t.d);
    assert_non_null(t.p);
    assert_int_equal(folders(), 1); /* they share it */
    check_results(&t, &in, 2);
    program_free(third);
    check_results(&t, &in, 2);
    free_inputs(&in);
    close_bench(&t);
    assert_int_equal(folders(), 0);
}

static void run_flexible(const char *faults)
{
    Bench t;
    float x[4] = { -1, 2, 3, 4 };
    set_machine("m1", faults);
    must_open(&t, "coreml", flexible, NULL);
    for (int n = 2; n <= 4; n++) {
        const Binding *out;
        const Shape s = SHAPE(1, n);
        const Binding in = { .name = "x", .value = tensor_view(DT_FP32, &s, x) };
        const bool ok = run(&t, &in, 1);
        if (ok != (n < 4))
            fail_msg("%d: %s", n, ok ? "not one of the shapes" : t.d.text.s);
        if (!ok) continue;
        program_results(t.p, &out);
        assert_true(shape_equal(&out[0].value.shape, &s));
        assert_float_equal(tensor_float(&out[0].value, 0), 0, 0);
        assert_float_equal(tensor_float(&out[0].value, (size_t)n - 1), n, 0);
    }
    close_bench(&t);
}

static void test_flexible(void **state)
{
    (void)state;
    run_flexible("");
    run_flexible("ml-own");
}

/* ---- types ------------------------------------------------------------------------------- */

static void check_type(const char *text, DType dtype)
{
    Bench t;
    const Binding *out;
    const Shape s = SHAPE(2, 2);
    Tensor x = { 0 };
    set_machine("m4", "");
    must_open(&t, "coreml", text, NULL);
    assert_true(tensor_alloc(&x, &t.d, dtype, &s));
    for (size_t i = 0; i < 4; i++) tensor_set_float(&x, i, (double)i - 2);
    Binding in = { .name = "x", .value = x };
    if (!run(&t, &in, 1)) fail_msg("%s", t.d.text.s);
    program_results(t.p, &out);
    assert_int_equal(out[0].value.dtype, dtype);
    for (size_t i = 0; i < 4; i++)
        assert_float_equal(tensor_float(&out[0].value, i),
                           i < 2 ? 2 - (float)i : (float)i - 2, 0);
    tensor_free(&x);
    close_bench(&t);
}

static void test_types(void **state)
{
    (void)state;
    check_type(UNARY("ios18", "tensor<fp16, [2, 2]>", "abs"), DT_FP16);
    check_type(UNARY("ios18", "tensor<fp32, [2, 2]>", "abs"), DT_FP32);
    check_type(UNARY("ios18", "tensor<int32, [2, 2]>", "abs"), DT_INT32);
}

/* A result without dimensions is an array of one element. */
static void test_scalar_result(void **state)
{
    Bench t;
    const Binding *out;
    const Shape s = SHAPE(3);
    (void)state;
    set_machine("m1", "");
    must_open(&t, "coreml",
              HEAD
              "    func main<ios18>(tensor<fp32, [3]> x) {\n"
              "        fp32 y = reduce_sum(axes = tensor<int32, [1]>([0]), keep_dims = "
              "bool(false), x = x)"
              "[name = string(\"y\")];\n    } -> (y);\n}\n",
              NULL);
    Binding in = { .name = "x",
                   .value = tensor_view(DT_FP32, &s, (float[3]){ 1, 2, 3 }) };
    if (!run(&t, &in, 1)) fail_msg("%s", t.d.text.s);
    program_results(t.p, &out);
    assert_int_equal(out[0].value.shape.rank, 0);
    assert_float_equal(tensor_float(&out[0].value, 0), 6, 0);
    close_bench(&t);
}

typedef struct {
    const char *faults, *text, *func, *said;
} Refused;

static void check_refused(const Refused *r)
{
    Bench t;
    set_machine("m4", r->faults);
    if (bench_compiles(&t, "coreml", NULL, r->text, r->func))
        fail_msg("%s: nothing was refused", r->said);
    expect_says(&t.d, r->said);
    close_bench(&t);
    assert_int_equal(folders(), 0);
}

static void test_refused(void **state)
{
    static const Refused cases[] = {
        { "ml-class", one, NULL,
          "error: Core ML is not here: this system has no class MLModel; it is a part of macOS" },
        { "ml-load", one, NULL,
          "error: Core ML does not load the program: com.apple.CoreML 3: Failed to load the model; "
          "nor what it compiles from a package of it: com.apple.CoreML 3: Failed to load" },
        { "ml-load,ml-compile", one, NULL,
          "the model; nor does it compile a package of it: com.apple.CoreML 0: Failed to "
          "compile the package" },
        { "ml-no-state", counts, NULL, "error: Core ML makes no states for the program" },
        { "ml-state", counts, NULL,
          "error: Core ML has another state acc than the program" },
        { "ml-short", counts, NULL,
          "error: Core ML has another state acc than the program" },
        { "macos:12", one, NULL,
          "error: Core ML has the choice of processor and engine from macOS 13 on, and this "
          "system is older" },
        { "macos:14", counts, NULL,
          "error: Core ML has states from macOS 15 on, and this system is older" },
        { "macos:14", two, "third",
          "error: Core ML has functions other than the default one from macOS 15 on" },
        { "macos:15", UNARY("ios26", "tensor<int8, [2, 2]>", "identity"), NULL,
          "error: Core ML has arrays of int8 from macOS 26 on, and this system is older: x is "
          "one" },
        { "", UNARY("ios15", "tensor<fp16, [2, 2]>", "abs"), NULL,
          "error: Core ML has inputs and results of fp16 from ios16 on; main is ios15, and its x "
          "is fp16: --io fp32 makes "
          "it fp32" },
        { "", UNARY("ios18", "fp32", "abs"), NULL,
          "error: Core ML takes no input without dimensions, and x is one: [1] is a shape that it "
          "takes" },
        { "", UNARY("ios18", "tensor<bool, [2, 2]>", "identity"), NULL,
          "x of function main is no tensor of fp16, fp32, fp64, int8 or int32, the types that Core "
          "ML has for inputs and results" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) check_refused(&cases[i]);
}

#define HEAVY \
    HEAD \
        "    func main<ios18>(tensor<fp16, [1, 16384]> x) {\n" \
        "        tensor<fp16, [32769, 16384]> w = const()[name = string(\"w\"), val = " \
        "tensor<fp16, [32769, 16384]>(BLOBFILE(path = string(\"@model_path/none.bin\"), " \
        "offset = uint64(64)))];\n" \
        "        tensor<fp16, [1, 32769]> y = linear(x = x, weight = w)[name = " \
        "string(\"y\")];\n    } -> (y);\n}\n"

/* Above the limit of the release Core ML would leave the engine alone and say nothing; below
 * it what is said is that there is no such file. */
static void test_weights_too_large(void **state)
{
    (void)state;
    for (int macos = 26; macos <= 27; macos++) {
        Bench t;
        char faults[16];
        snprintf(faults, sizeof faults, "macos:%d", macos);
        set_machine("m2", faults);
        if (bench_compiles(&t, "coreml", NULL, HEAVY, NULL))
            fail_msg("1 GiB and more is taken");
        expect_says(&t.d, macos == 27
                              ? "function main has 1073774592 bytes of weights; above "
                                "1073741824 Core ML on macOS 27 runs all of a model on "
                                "the processor without a word: "
                              : "none.bin is absent");
        close_bench(&t);
        assert_int_equal(folders(), 0);
    }
}

/* Later systems have what the older ones lack; models of one function need nothing new. */
static void test_systems(void **state)
{
    static const Refused cases[] = { { "macos:13", one, NULL, "" },
                                     { "macos:15", counts, NULL, "" },
                                     { "macos:15", two, "third", "" },
                                     { "macos:14", two, "main", "" } };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        Bench t;
        set_machine("m4", cases[i].faults);
        must_open(&t, "coreml", cases[i].text, cases[i].func);
        close_bench(&t);
    }
}

/* ---- runs that fail ---------------------------------------------------------------------- */

static void check_fails(const char *faults, const char *said)
{
    Bench t;
    Inputs in;
    set_machine("m4", faults);
    must_open(&t, "coreml", one, NULL);
    make_inputs(&in, &t.d);
    if (run(&t, in.in, 2)) fail_msg("%s: the run is good", faults);
    expect_says(&t.d, said);
    set_machine("m4", "");
    check_results(&t, &in, 2); /* it has passed, and nothing was broken by it */
    free_inputs(&in);
    close_bench(&t);
    assert_int_equal(folders(), 0);
}

static void test_fails(void **state)
{
    (void)state;
    check_fails("ml-predict",
                "error: Core ML did not run the program: com.apple.CoreML 0: Unable "
                "to compute the prediction");
    check_fails("ml-nil", "error: Core ML did not run the program: no reason is given");
    check_fails("ml-missing", "error: Core ML gave no array for the result v");
    check_fails(
        "ml-shape",
        "error: Core ML gave tensor<fp32, [3, 3, 5]> for v, which is tensor<fp32, [2, 3, 5]>");
    check_fails(
        "ml-type",
        "error: Core ML gave tensor<fp64, [2, 3, 5]> for v, which is tensor<fp32, [2, 3, 5]>");
    check_fails("ml-kind", "error: Core ML gave an array for v that no tensor can be");
    check_fails(
        "ml-short",
        "error: the array that Core ML gave for v is smaller than its strides say");
    check_fails(
        "ml-array",
        "error: Core ML makes no array of v: com.apple.CoreML 0: Failed to create the multi array");
    check_fails("ml-inputs",
                "error: Core ML does not take the inputs: com.apple.CoreML 1: Failed "
                "to create the features");
}

/* Results whose shape is not known have no memory before the run, so the input's array is the
 * first. */
static void test_input_arrays(void **state)
{
    Bench t;
    const Shape s = SHAPE(1, 2), none = SHAPE(1, 0);
    (void)state;
    set_machine("m4", "ml-array");
    must_open(&t, "coreml", flexible, NULL);
    Binding in = { .name = "x", .value = tensor_view(DT_FP32, &s, (float[2]){ 1, 2 }) };
    assert_false(run(&t, &in, 1));
    expect_says(
        &t.d,
        "error: Core ML makes no array of x: com.apple.CoreML 0: Failed to create the multi array");
    close_bench(&t);
    set_machine("m4", "");
    static const char any[] = HEAD
        "    func main<ios18>(tensor<fp32, [1, 0]> x) {\n"
        "        tensor<fp32, [1, 0]> y = relu(x = x)[name = string(\"y\")];\n    } -> (y);\n}\n";
    if (bench_compiles(&t, "coreml", NULL, any, NULL)) {
        in.value = tensor_view(DT_FP32, &none, (float[1]){ 0 });
        assert_false(run(&t, &in, 1));
        expect_said(&t.d,
                    "error: Core ML takes no input without elements, and x has none\n");
    } else {
        fail_msg("%s", t.d.text.s);
    }
    close_bench(&t);
}

static void test_no_folder(void **state)
{
    (void)state;
    setenv("TMPDIR", "/nowhere", 1);
    Bench t;
    set_machine("m4", "");
    assert_false(bench_compiles(&t, "coreml", NULL, one, NULL));
    expect_said(
        &t.d,
        "error: no temporary folder can be made: /nowhere: No such file or directory\n");
    close_bench(&t);
    setenv("TMPDIR", top, 1);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cache),
        cmocka_unit_test(test_results),
        cmocka_unit_test(test_taken),
        cmocka_unit_test(test_functions),
        cmocka_unit_test(test_flexible),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_scalar_result),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_weights_too_large),
        cmocka_unit_test(test_systems),
        cmocka_unit_test(test_fails),
        cmocka_unit_test(test_input_arrays),
        cmocka_unit_test(test_no_folder),
    };
    (void)argc;
    return coreml_main(argv[0], tests, COUNT(tests));
}
