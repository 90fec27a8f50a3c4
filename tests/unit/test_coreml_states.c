/* test_coreml_states.c -- states of programs that the stand-in's Core ML keeps, and loses. */
#include "coreml_bench.h"

static double count_up(Bench *t, float by)
{
    const Binding *out;
    const Shape s = SHAPE(2, 3);
    Tensor x = { 0 };
    assert_true(tensor_alloc(&x, &t->d, DT_FP16, &s));
    for (size_t i = 0; i < 6; i++) tensor_set_float(&x, i, by);
    Binding in = { .name = "x", .value = x };
    if (!run(t, &in, 1)) fail_msg("%s", t->d.text.s);
    tensor_free(&x);
    program_results(t->p, &out);
    return tensor_float(&out[0].value, 5);
}

static void keep_counting(const char *backend, const char *chip)
{
    Bench t;
    Binding *kept;
    set_machine(chip, "");
    must_open(&t, backend, counts, NULL);
    assert_float_equal(count_up(&t, 1), 1, 0);
    assert_float_equal(count_up(&t, 2), 3, 0);
    assert_int_equal(program_states(t.p, &kept), 1);
    assert_string_equal(kept[0].name, "acc");
    assert_float_equal(tensor_float(&kept[0].value, 5), 3, 0);
    tensor_set_float(&kept[0].value, 5,
                     100); /* the caller may write into it, between runs */
    assert_float_equal(count_up(&t, 1), 101, 0);
    assert_float_equal(tensor_float(&kept[0].value, 5), 101, 0);
    assert_float_equal(tensor_float(&kept[0].value, 0), 4, 0);
    program_reset(t.p);
    program_states(t.p, &kept);
    assert_float_equal(tensor_float(&kept[0].value, 5), 0, 0);
    assert_float_equal(count_up(&t, 7), 7, 0);
    program_reset(t.p);
    tensor_set_float(&kept[0].value, 5, 20);
    assert_float_equal(count_up(&t, 1), 21, 0);
    close_bench(&t);
}

static void test_states(void **state)
{
    (void)state;
    keep_counting("ref", "m1"); /* the reference */
    keep_counting("coreml", "m1");
    keep_counting("coreml", "m4");
}

/* Each program has a state of its own, without one that was asked for. */
static void test_two_states(void **state)
{
    Bench t;
    (void)state;
    set_machine("m4", "");
    must_open(&t, "coreml", counts, NULL);
    Program *other = program_new(t.b, t.m, module_main(t.m), &t.d);
    assert_non_null(other);
    count_up(&t, 1);
    count_up(&t, 1);
    Program *first = t.p;
    t.p = other;
    assert_float_equal(count_up(&t, 1), 1, 0);
    t.p = first;
    assert_float_equal(count_up(&t, 1), 3, 0);
    program_free(other);
    close_bench(&t);
}

/* A state that Core ML does not give any more is told, and no number stands for it. */
static void test_lost_states(void **state)
{
    const Shape s = { .rank = 2, .dim = { 2, 3 } };
    const RunOptions o = { 0 };
    Binding in = { .name = "x" }, *kept;
    Bench t;
    (void)state;
    set_machine("m4", "");
    must_open(&t, "coreml", counts, NULL);
    uint16_t half[6] = { 0 };
    in.value = tensor_view(DT_FP16, &s, half);
    assert_true(program_run(t.p, &t.d, &in, 1, &o));
    set_machine("m4", "ml-state");
    assert_int_equal(program_states(t.p, &kept), 0);
    set_machine("m4", "");
    assert_int_equal(program_states(t.p, &kept), 1);
    set_machine("m4", "ml-state");
    assert_false(program_run(t.p, &t.d, &in, 1, &o));
    expect_says(&t.d, "error: Core ML does not give the program's states");
    set_machine("m4", "");
    assert_true(program_run(t.p, &t.d, &in, 1, &o));
    close_bench(&t);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lost_states),
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_two_states),
    };
    (void)argc;
    return coreml_main(argv[0], tests, COUNT(tests));
}
