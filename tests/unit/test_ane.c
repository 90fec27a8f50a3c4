/* test_ane.c -- programs on the stand-in's engine: wires, runs that fail, what the engine cannot. */
#include "ane_bench.h"

static const char *const everywhere[] = { "ane", "coreml", "cpu", "ref", "auto" };

/* ---- wires: the same everywhere ---------------------------------------------------------- */

static void ping_pong(const char *backend, const char *chip)
{
    Bench t;
    float w[6], x[6];
    set_machine(chip, "");
    open_bench(&t, backend, two);
    Program *p = new_program(&t, "main"), *q = new_program(&t, "twice");
    fill(w, 10);
    fill(x, 1);
    assert_true(program_wire(p, "w", p, "v", &t.d)); /* v of a run is w of the next */
    assert_true(program_wire(q, "w", p, "v", &t.d));
    assert_float_equal(run(p, &t.d, w, x), 11, 0);
    assert_float_equal(run(p, &t.d, NULL, x), 12, 0);
    assert_float_equal(run(q, &t.d, NULL, x), 14, 0); /* 12 + 2 */
    /* what is given for a wired input does not count */
    assert_float_equal(run(p, &t.d, w, x), 13, 0);
    assert_float_equal(run(q, &t.d, NULL, x), 15, 0);
    assert_float_equal(run(q, &t.d, NULL, x), 15, 0);
    assert_true(program_wire(p, "w", NULL, NULL, &t.d)); /* given again */
    assert_float_equal(run(p, &t.d, w, x), 11, 0);
    assert_float_equal(run(q, &t.d, NULL, x), 13, 0);
    assert_true(program_wire(q, "w", NULL, NULL, &t.d));
    assert_float_equal(run(q, &t.d, w, x), 12, 0);
    program_free(q);
    program_free(p);
    close_bench(&t);
}

static void test_wires(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(everywhere); i++) {
        ping_pong(everywhere[i], "m1");
        ping_pong(everywhere[i], "m4");
    }
}

static void test_wire_errors(void **state)
{
    Bench t, u;
    (void)state;
    static const char other[] =
        "program(1.3)\n{\n    func main<ios18>(tensor<fp32, [1, 2, 1, 3]> x) {\n"
        "        tensor<fp32, [1, 2, 1, 3]> y = relu(x = x)[name = string(\"y\")];\n"
        "        tensor<bool, [1, 2, 1, 3]> z = greater(x = x, y = y)[name = string(\"z\")];\n    } -> (y, z);\n}\n";
    open_bench(&t, "cpu", one);
    open_bench(&u, "cpu", other);
    Program *p = new_program(&t, "main"), *q = new_program(&u, "main");
    assert_false(program_wire(p, "u", q, "y", &t.d));
    expect_said(&t.d, "error: main has no input u\n");
    assert_false(program_wire(p, "w", q, "v", &t.d));
    expect_said(&t.d, "error: main has no result v\n");
    assert_false(program_wire(p, "w", q, "z", &t.d));
    expect_said(
        &t.d,
        "error: input w is tensor<fp32, [1, 2, 1, 3]>, but result z is tensor<bool, [1, 2, 1, 3]>: they cannot be one\n");
    program_free(p);
    program_free(q);
    close_bench(&t);
    close_bench(&u);
}

/* What a program keeps between its runs is no input that another's result could be: a state, also
 * after a wire was given up. */
static void a_state_takes_no_wire(void **state)
{
    Bench t;
    (void)state;
    static const char kept[] =
        "program(1.3)\n{\n    func main<ios18>(state<tensor<fp16, [2]>> s, "
        "tensor<fp16, [2]> x) {\n"
        "        tensor<fp16, [2]> y = read_state(input = s)[name = string(\"y\")];\n"
        "        tensor<fp16, [2]> z = add(x = x, y = y)[name = string(\"z\")];\n"
        "    } -> (z);\n}\n";
    open_bench(&t, "ref", kept);
    Program *p = new_program(&t, "main");
    for (int round = 0; round < 2; round++) {
        assert_false(program_wire(p, "s", p, "z", &t.d));
        expect_said(&t.d, "error: main has no input s\n");
        assert_false(program_wire(p, "s", NULL, NULL, &t.d));
        expect_said(&t.d, "error: main has no input s\n");
        assert_false(program_wire(p, "z", p, "z", &t.d));
        expect_said(&t.d, "error: main has no input z\n");
        assert_false(program_wire(p, "x", p, "x", &t.d));
        expect_said(&t.d, "error: main has no result x\n");
        assert_true(program_wire(p, "x", NULL, NULL, &t.d));
        assert_true(program_wire(p, "x", p, "z", &t.d));
    }
    program_free(p);
    close_bench(&t);
}

/* ---- runs that fail ---------------------------------------------------------------------- */

/* On auto the processor goes on, with what the failed run was given: also through wires. */
static void break_at(const char *chip, const char *faults, int good)
{
    Bench t;
    float w[6], x[6];
    set_machine(chip, "");
    open_bench(&t, "auto", two);
    Program *p = new_program(&t, "main"), *q = new_program(&t, "twice");
    fill(w, 10);
    fill(x, 1);
    assert_true(program_wire(p, "w", p, "v", &t.d));
    assert_true(program_wire(q, "w", p, "v", &t.d));
    double v = 10;
    for (int i = 0; i < 6; i++) {
        if (i == good) set_machine(chip, faults);
        v += 1;
        assert_float_equal(run(p, &t.d, i ? NULL : w, x), v, 0);
        assert_string_equal(program_backend(p)->name, i < good ? "ane" : "cpu");
        if (i == good)
            expect_says(
                &t.d,
                "warning: cpu does this program from here on: a run failed on ane: the ");
        if (i == good) set_machine(chip, "");
        assert_float_equal(run(q, &t.d, NULL, x), v + 2, 0);
        assert_string_equal(program_backend(q)->name, "ane");
    }
    assert_null(t.d.text.s); /* said once */
    assert_non_null(strstr(p->as.why, "a run failed on ane: the "));
    assert_true(program_wire(q, "w", NULL, NULL, &t.d));
    assert_true(program_wire(q, "w", p, "v", &t.d));
    assert_float_equal(run(q, &t.d, NULL, x), v + 2, 0);
    assert_true(program_wire(p, "w", NULL, NULL, &t.d));
    assert_float_equal(run(p, &t.d, w, x), 11, 0);
    program_reset(p);
    program_free(q);
    program_free(p);
    close_bench(&t);
}

static void test_runs_that_fail(void **state)
{
    static const char *const chips[] = { "m1", "m4" };
    static const char *const faults[] = { "eval-fails", "silent-zeros", "half-written",
                                          "no-lock" };
    (void)state;
    for (size_t c = 0; c < COUNT(chips); c++)
        for (int good = 0; good < 4; good++)
            for (size_t i = 0; i < (good ? 1 : COUNT(faults)); i++)
                break_at(chips[c], faults[i], good);
}

/* Between two programs that feed each other either may fall. */
static void test_one_of_two_fails(void **state)
{
    Bench t;
    float w[6], x[6];
    (void)state;
    fill(w, 10);
    fill(x, 1);
    for (int falls = 0; falls < 2; falls++) {
        set_machine("m4", "");
        open_bench(&t, "auto", two);
        Program *p = new_program(&t, "main"), *q = new_program(&t, "twice");
        assert_true(program_wire(p, "w", q, "v", &t.d));
        assert_true(program_wire(q, "w", p, "v", &t.d));
        double v = 10;
        for (int i = 0; i < 4; i++) {
            if (i == 2 && falls == 0) set_machine("m4", "eval-fails");
            v += 1;
            assert_float_equal(run(p, &t.d, i ? NULL : w, x), v, 0);
            set_machine("m4", i == 2 && falls == 1 ? "eval-fails" : "");
            v += 2;
            assert_float_equal(run(q, &t.d, NULL, x), v, 0);
            set_machine("m4", "");
        }
        assert_string_equal(program_backend(p)->name, falls == 0 ? "cpu" : "ane");
        assert_string_equal(program_backend(q)->name, falls == 1 ? "cpu" : "ane");
        expect_says(&t.d,
                    "warning: cpu does this program from here on: a run failed on ane: ");
        program_free(q);
        program_free(p);
        close_bench(&t);
    }
}

/* Alone the engine's failure stays an error; what passes is waited for. */
static void test_run_alone(void **state)
{
    Bench t;
    float w[6], x[6];
    (void)state;
    fill(w, 1);
    fill(x, 2);
    set_machine("m4", "");
    open_bench(&t, "ane", one);
    Program *p = new_program(&t, "main");
    Binding in[2] = { { .name = "w", .value = tensor_view(DT_FP32, &shape, w) },
                      { .name = "x", .value = tensor_view(DT_FP32, &shape, x) } };
    set_machine("m4", "eval-fails");
    assert_false(program_run(p, &t.d, in, 2, &(RunOptions){ 0 }));
    expect_says(
        &t.d,
        "error: the engine did not run the program: com.apple.appleneuralengine 8: ");
    set_machine("m4", "eval-busy:2");
    assert_float_equal(run(p, &t.d, w, x), 3, 0);
    program_free(p);
    close_bench(&t);
}

static bool look_away(void *ctx, const Value *v, const Tensor *t)
{
    (void)ctx, (void)v, (void)t;
    return false;
}

/* Neither who watches nor an input of another type makes a run fall. */
static void test_not_broken(void **state)
{
    Bench t;
    float w[6], x[6];
    (void)state;
    fill(w, 1);
    fill(x, 2);
    set_machine("m4", "");
    open_bench(&t, "auto", one);
    Program *p = new_program(&t, "main");
    Binding in[2] = { { .name = "w", .value = tensor_view(DT_FP32, &shape, w) },
                      { .name = "x", .value = tensor_view(DT_FP32, &shape, x) } };
    assert_false(program_run(p, &t.d, in, 2, &(RunOptions){ .each = look_away }));
    assert_false(program_run(p, &t.d, in, 1, &(RunOptions){ 0 }));
    expect_says(&t.d, "error: input x (tensor<fp32, [1, 2, 1, 3]>) is not given");
    assert_float_equal(run(p, &t.d, w, x), 3, 0);
    assert_string_equal(program_backend(p)->name, "ane");
    program_free(p);
    close_bench(&t);
}

/* ---- what the engine cannot -------------------------------------------------------------- */

static void test_not_for_the_engine(void **state)
{
    Bench t;
    (void)state;
    set_machine("m4", "");
    open_bench(
        &t, "ane",
        "program(1.3)\n{\n    func main<ios18>(state<tensor<fp16, [4]>> s, tensor<fp16, [?]> x) {\n"
        "        tensor<fp16, [?]> y = relu(x = x)[name = string(\"y\")];\n    } -> (y);\n}\n");
    assert_null(program_new_as_given(t.b, t.m, module_main(t.m), &t.d));
    const char *said = t.d.text.s;
    assert_non_null(strstr(said, "the engine keeps no states, and s is one"));
    assert_non_null(strstr(said, "the engine takes tensors of known shape; x is none"));
    expect_says(&t.d, "error: the engine keeps no states, and s is one");
    close_bench(&t);
}

static void test_wrong_input(void **state)
{
    Bench t;
    float x[6] = { 0 };
    (void)state;
    set_machine("m4", "");
    open_bench(&t, "ane", one);
    Program *p = new_program(&t, "main");
    Binding in[2] = { { .name = "w", .value = tensor_view(DT_FP32, &shape, x) },
                      { .name = "x", .value = tensor_view(DT_FP16, &shape, x) } };
    assert_false(program_run(p, &t.d, in, 2, &(RunOptions){ 0 }));
    assert_non_null(strstr(t.d.text.s, "fp16"));
    program_free(p);
    close_bench(&t);
}

/* The processor takes over without a word where the engine does not want a program; that a
 * folder cannot be written is no reason of the engine's, and is told. */
static void test_told(void **state)
{
    Bench t;
    (void)state;
    const char *temp = arena_strdup(&arena, getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    const char *const folder[] = { temp, "/dev/null" };
    for (size_t i = 0; i < COUNT(folder); i++) {
        set_machine("m4", "");
        open_bench(&t, "auto", one);
        setenv("TMPDIR", folder[i], 1);
        Program *p = new_program(&t, "main");
        setenv("TMPDIR", temp, 1);
        const bool told = t.d.text.s
                       && strstr(t.d.text.s,
                                 "warning: the processor does this program: ");
        assert_int_equal(told, i);
        if (i) assert_string_equal(p->backend->name, "cpu");
        program_free(p);
        if (i)
            expect_says(
                &t.d,
                "warning: the processor does this program: no temporary folder can be made: /dev/null: Not a directory");
        close_bench(&t);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wires),
        cmocka_unit_test(test_wire_errors),
        cmocka_unit_test(a_state_takes_no_wire),
        cmocka_unit_test(test_not_for_the_engine),
        cmocka_unit_test(test_wrong_input),
        cmocka_unit_test(test_runs_that_fail),
        cmocka_unit_test(test_one_of_two_fails),
        cmocka_unit_test(test_run_alone),
        cmocka_unit_test(test_not_broken),
        cmocka_unit_test(test_told),
    };
    (void)argc;
    return bench_main(tests, COUNT(tests), argv[0]);
}
