/* test_room.c -- programs whose values are more than this machine can hold are refused before
 * they run. */
#include "../../backends/backend.h"
#include "../../ir/mil/mil.h"
#include "unit.h"

#include <sys/resource.h>

static bool compiles(Diag *d, const char *body, const char *results)
{
    Arena a = { 0 };
    const char *text = arena_printf(
        &a,
        "program(1.3)\n{\n    func main<ios18>(tensor<int32, [1, 1, 1]> x) {\n%s    } -> (%s);\n}\n",
        body, results);
    const Source src = { .name = "x.mil", .text = text, .len = strlen(text) };
    Module *m = mil_read(d, &src, NULL);
    if (!m || !module_verify(m, d, NULL)) fail_msg("%s", d->text.s);
    Program *p = program_new(backend_find("cpu"), m, module_main(m), d);
    const bool ok = p != NULL;
    program_free(p);
    module_free(m);
    arena_free(&a);
    return ok;
}

/* 70 TB: more than any machine has. */
static void test_one_value(void **state)
{
    (void)state;
    Diag d = { 0 };
    assert_false(compiles(
        &d,
        "        tensor<int32, [32768, 32768, 16384]> big = tile(x = x, reps = tensor<int32, [3]>"
        "([32768, 32768, 16384]))[name = string(\"big\")];\n"
        "        int32 s = reduce_sum(x = big, axes = tensor<int32, [3]>([0, 1, 2]), keep_dims = "
        "bool(false))[name = string(\"s\")];\n",
        "s"));
    assert_int_equal(diag_exit(&d), 3);
    expect_says(
        &d,
        "tile: big is tensor<int32, [32768, 32768, 16384]>, which takes 70368744177664 bytes; this machine has ");
    diag_free(&d);
}

/* Three values of half of what there is: two at once are too many, one after the other are
 * not. */
static const char *fills(Arena *a, int64_t rows, bool at_once)
{
    Buf b = { 0 };
    for (int i = 0; i < 3; i++) {
        buf_printf(
            &b,
            "        tensor<bool, [%lld, 1048576]> v%d = fill(shape = tensor<int32, [2]>([%lld, 1048576]), "
            "value = bool(true))[name = string(\"v%d\")];\n",
            (long long)rows, i, (long long)rows, i);
        if (!at_once)
            buf_printf(
                &b,
                "        tensor<bool, [1, 1]> s%d = slice_by_index(x = v%d, begin = tensor<int32, [2]>([0, 0]), "
                "end = tensor<int32, [2]>([1, 1]))[name = string(\"s%d\")];\n",
                i, i, i);
    }
    const char *text = arena_strdup(a, b.s);
    buf_free(&b);
    return text;
}

static void test_values_at_once(void **state)
{
    (void)state;
    Diag d = { 0 };
    Arena a = { 0 };
    const size_t rows = mem_most() / 5 * 3 >> 20, bytes = rows << 20;
    assert_false(compiles(&d, fills(&a, (int64_t)rows, true), "v0, v1, v2"));
    assert_int_equal(diag_exit(&d), 3);
    expect_says(
        &d,
        arena_printf(
            &a,
            "fill: while it computes v1, tensor<bool, [%zu, 1048576]>, values that are still "
            "needed take %zu bytes together; this machine has %zu",
            rows, 2 * bytes, mem_most()));
    assert_true(compiles(&d, fills(&a, (int64_t)rows, false), "s0, s1, s2"));
    diag_free(&d);
    arena_free(&a);
}

/* What is found when it runs: dimensions that the program does not tell. */
static void test_a_tensor(void **state)
{
    (void)state;
    Diag d = { 0 };
    Tensor t;
    const Shape s = SHAPE(INT64_C(1) << 45);
    assert_false(tensor_alloc(&t, &d, DT_FP16, &s));
    expect_said(&d, "error: no memory for a tensor of fp16 [35184372088832]\n");
    assert_null(mem_alloc((size_t)1 << 50));
    assert_null(mem_zero((size_t)1 << 32, (size_t)1 << 32));
    diag_free(&d);
}

/* A process that may have less than the machine has is told so; one that may have more gets no
 * more. */
static void the_limit_of_a_process_counts(void **state)
{
    (void)state;
    struct rlimit old;
    const size_t most = mem_most();
    assert_int_equal(getrlimit(RLIMIT_AS, &old), 0);
    const struct rlimit less = { most / 2, old.rlim_max },
                        more = { most + 1, old.rlim_max };
    if (old.rlim_max < most + 1) return; /* it cannot be set */
    assert_int_equal(setrlimit(RLIMIT_AS, &less), 0);
    const size_t with_less = mem_most();
    assert_int_equal(setrlimit(RLIMIT_AS, &more), 0);
    const size_t with_more = mem_most();
    assert_int_equal(setrlimit(RLIMIT_AS, &old), 0);
    assert_true(with_less == most / 2);
    assert_true(with_more == most);
    assert_true(mem_most() == most);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_limit_of_a_process_counts),
        cmocka_unit_test(test_one_value),
        cmocka_unit_test(test_values_at_once),
        cmocka_unit_test(test_a_tensor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
