/* test_plan.c -- where Core ML would run operations, as the stand-in plans it, and what goes wrong
 * in which words; and by which steps the processor does. */
#include "../../include/anec.h"
#include "standin.h"

#include <string.h>

static Arena arena;

static const char plain[] =
    "program(1.3)\n{\n    func main<ios18>(tensor<fp16, [2, 3]> x) {\n"
    "        fp16 two = const()[name = string(\"two\"), val = fp16(0x1p+1)];\n"
    "        tensor<fp16, [2, 3]> y = mul(x = x, y = two)[name = string(\"y\")];\n"
    "        tensor<fp16, [2, 1]> z = reduce_sum(x = y, axes = tensor<int32, [1]>([1]), "
    "keep_dims = bool(true))[name = string(\"z\")];\n"
    "    } -> (z);\n"
    "    func other<ios18>(tensor<fp16, [4]> x) {\n"
    "        tensor<fp16, [4]> y = abs(x = x)[name = string(\"y\")];\n    } -> (y);\n}\n";

static const char branches[] =
    "program(1.3)\n{\n    func main<ios18>(tensor<fp16, [4]> x, tensor<int32, [1]> n) {\n"
    "        tensor<int32, []> k = squeeze(x = n)[name = string(\"k\")];\n"
    "        bool more = greater(x = k, y = int32(0))[name = string(\"more\")];\n"
    "        tensor<fp16, [4]> r = cond(pred = more)[name = string(\"r\")]\n"
    "            yes() {\n                tensor<fp16, [4]> a = abs(x = x)[name = "
    "string(\"a\")];\n            } -> (a),\n"
    "            no() {\n                tensor<fp16, [4]> b = exp(x = x)[name = "
    "string(\"b\")];\n            } -> (b);\n"
    "    } -> (r);\n}\n";

typedef struct {
    anec_device *device;
    anec_model *model;
    anec_kernel *kernel;
    anec_error e;
    char *text;
} Bench;

static void open_bench(Bench *b, const char *backend, const char *text,
                       const char *function)
{
    *b = (Bench){ 0 };
    if (anec_open(backend, NULL, &b->device, &b->e)
        || anec_load_text(b->device, text, strlen(text), NULL, &b->model, &b->e)
        || anec_compile(b->model, function, &b->kernel, &b->e))
        fail_msg("%s", b->e.text);
}

static void close_bench(Bench *b)
{
    anec_text_free(b->text);
    anec_free(b->kernel);
    anec_model_free(b->model);
    anec_close(b->device);
}

static void check_says(const char *faults, const char *text, const char *function,
                       const char *format, const char *want)
{
    Bench b;
    set_machine("m4", "");
    open_bench(&b, "coreml", text, function);
    set_machine("m4", faults);
    if (anec_plan(b.kernel, format, &b.text, &b.e)) fail_msg("%s: %s", faults, b.e.text);
    if (!strstr(b.text, want)) fail_msg("%s: not \"%s\" in:\n%s", faults, want, b.text);
    set_machine("m4", "");
    close_bench(&b);
}

static void test_plans(void **state)
{
    (void)state;
    check_says("", plain, NULL, "text",
               "func main, 2 operations: 2 engine\n"
               "  operation   result  prefers            cost  can run on\n"
               "  mul         y       engine           75.0 %  engine, processor\n"
               "  reduce_sum  z       engine           25.0 %  engine, processor\n");
    check_says("", plain, "other", "text", "func other, 1 operation: 1 engine\n");
    check_says(
        "", plain, NULL, "json",
        "\"op\":\t\"mul\",\n\t\t\t\"result\":\t\"y\",\n\t\t\t\"prefers\":\t\"engine\",");
    check_says("", branches, NULL, "text",
               "  cond       r       processor        28.6 %  processor\n"
               "    abs      a       processor        28.6 %  processor\n"
               "    exp      b       processor        28.6 %  processor\n");
    check_says("", branches, NULL, "json", "\"depth\":\t1,");
    check_says("ml-plan-cost", plain, NULL, "text",
               "mul         y       engine                ?");
    check_says("ml-plan-cost", plain, NULL, "json", "\"cost\":\tnull");
    check_says("ml-plan-usage", plain, NULL, "text",
               "2 not said\n  operation   result  prefers            cost  can run on\n"
               "  mul         y       not said         75.0 %  not said\n");
    check_says("ml-plan-usage", plain, NULL, "json", "\"prefers\":\tnull");
    check_says("ml-plan-device:1", plain, NULL, "text", "mul         y       gpu  ");
    check_says("ml-plan-device:2", plain, NULL, "text",
               "mul         y       another device   75.0");
    check_says("raise:weight", plain, NULL, "text", "mul         y       engine ");
    check_says("raise:preferredComputeDevice", plain, NULL, "text",
               "mul         y       not said         75.0 %  engine, processor");
}

static void test_refused(void **state)
{
    static const struct {
        const char *faults, *said;
    } cases[] = {
        { "ml-plan",
          "Core ML does not say where operations run: com.apple.CoreML 0: Failed to load the "
          "compute plan" },
        { "ml-plan-nil",
          "Core ML does not say where operations run: no reason is given" },
        { "ml-plan-program",
          "Core ML does not say where operations run: its plan is of no program" },
        { "ml-plan-function",
          "Core ML does not say where operations run: its plan has no function main" },
        { "macos:13",
          "Core ML does not say where operations run: it has plans from macOS 14.4 on, and macOS "
          "Version 13.0 (Build 25D125) has no class MLComputePlan" },
        { "no-selector:weight",
          "Core ML does not say where operations run: macOS Version 26.0 (Build 25D125) has no "
          "-[MLComputePlanCost weight], which is sent here" },
        { "raise:functions",
          "Core ML does not say where operations run: the framework raised "
          "NSInvalidArgumentException: *** functions" },
        { "raise:loadContentsOfURL:configuration:completionHandler:",
          "Core ML does not say where operations run: the framework raised "
          "NSInvalidArgumentException: *** loadContentsOfURL" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        Bench b;
        set_machine("m4", "");
        open_bench(&b, "coreml", plain, NULL);
        set_machine("m4", cases[i].faults);
        assert_int_equal(anec_plan(b.kernel, "text", &b.text, &b.e), ANEC_WORLD);
        printf("%s\n", b.e.text);
        if (!strstr(b.e.text, cases[i].said)) fail_msg("%s: %s", cases[i].said, b.e.text);
        assert_null(b.text);
        set_machine("m4", ""); /* it has passed */
        if (anec_plan(b.kernel, "text", &b.text, &b.e)) fail_msg("%s", b.e.text);
        close_bench(&b);
    }
}

static void test_others(void **state)
{
    static const char *const backends[] = { "ref", "sim:m4", "ane" };
    (void)state;
    set_machine("m4", "");
    for (size_t i = 0; i < COUNT(backends); i++) {
        Bench b;
        open_bench(&b, backends[i], plain, NULL);
        assert_int_equal(anec_plan(b.kernel, "text", &b.text, &b.e), ANEC_WRONG);
        const char *want = arena_printf(
            &arena, "%s has no plan; --backend coreml says where ", backends[i]);
        if (!strstr(b.e.text, want)) fail_msg("%s", b.e.text);
        close_bench(&b);
    }
}

static void test_unloaded(void **state)
{
    Bench b;
    (void)state;
    set_machine("m4", "");
    open_bench(&b, "coreml", plain, NULL);
    assert_int_equal(anec_plan(b.kernel, "xml", &b.text, &b.e), ANEC_WRONG);
    puts(b.e.text); /* for the list of messages that are tested */
    assert_int_equal(anec_unload(b.kernel, &b.e), ANEC_OK);
    assert_int_equal(anec_plan(b.kernel, "text", &b.text, &b.e), ANEC_UNLOADED);
    if (!strstr(b.e.text, "the kernel is unloaded")) fail_msg("%s", b.e.text);
    close_bench(&b);
}

static void plan_has(Bench *b, const char *want)
{
    anec_text_free(b->text);
    if (anec_plan(b->kernel, "text", &b->text, &b->e)) fail_msg("%s", b->e.text);
    if (!strstr(b->text, want)) fail_msg("not \"%s\" in:\n%s", want, b->text);
}

/* The processor's steps are those of the shapes that were run last. */
static void test_steps(void **state)
{
    static const char open[] =
        "program(1.3)\n{\n    func main<ios18>(tensor<fp32, [?, 8]> x) {\n"
        "        tensor<fp32, [?, 8]> y = abs(x = x)[name = string(\"y\")];\n    } -> (y);\n}\n";
    static float data[16 * 8];
    Bench b;
    (void)state;
    open_bench(&b, "cpu", open, NULL);
    plan_has(
        &b,
        "func main, 0 steps: it is planned in a run, for the shapes that are given\n");
    for (int rows = 2; rows <= 16; rows *= 8) {
        anec_tensor x = { .dtype = "fp32",
                          .rank = 2,
                          .shape = { rows, 8 },
                          .data = data,
                          .bytes = (size_t)rows * 32 };
        const anec_input given = { .name = "x", .tensor = &x };
        if (anec_run_with(b.kernel, &given, 1, NULL, &b.e)) fail_msg("%s", b.e.text);
        plan_has(&b, rows == 2 ? "elementwise  y                128 "
                               : "elementwise  y               1024 ");
    }
    close_bench(&b);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plans),  cmocka_unit_test(test_refused),
        cmocka_unit_test(test_others), cmocka_unit_test(test_unloaded),
        cmocka_unit_test(test_steps),
    };
    (void)argc;
    char *top = use_standin(&arena, argv[0]);
    setenv("ANEC_CACHE_DIR", arena_printf(&arena, "%s/cache", top), 1);
    return run_in_folder(tests, COUNT(tests), top, &arena);
}
