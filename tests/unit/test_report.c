/* test_report.c -- lines about tensors, and comparisons: integers exactly, floats within a
 * tolerance. */
#include "../../ir/ops/ops.h"
#include "unit.h"

#include "../../lib/report.h"

#include <math.h>

enum { MOST = 4 };

typedef struct {
    DType dtype;
    int n;
    int64_t ints[MOST];
    double floats[MOST];
} Given;

#define INTS(t, ...) \
    { \
        .dtype = DT_##t, .n = MOST, .ints = { __VA_ARGS__ } \
    }
#define FLOATS(t, ...) \
    { \
        .dtype = DT_##t, .n = MOST, .floats = { __VA_ARGS__ } \
    }

static Tensor tensor_of(const Given *g)
{
    Diag d = { 0 };
    Tensor t;
    const Shape s = { .rank = 1, .dim = { g->n } };
    assert_true(tensor_alloc(&t, &d, g->dtype, &s));
    for (size_t i = 0; i < t.count; i++)
        if (dtype_is_float(g->dtype)) tensor_set_float(&t, i, g->floats[i]);
        else tensor_set_int(&t, i, g->ints[i]);
    return t;
}

typedef struct {
    Given a, b;
    Tolerance tol;
    const char *says; /* "" for alike */
    int64_t overflow, loss;
} Case;

#define BIG INT64_C(9007199254740992) /* 2^53: doubles beyond are even */
#define ANY(r, a) \
    { \
        .has_rtol = true, .has_atol = true, .rtol = r, .atol = a \
    }

static const Case cases[] = {
    { INTS(INT64, BIG, BIG + 1), INTS(INT64, BIG, BIG + 1), { 0 }, "", -1, -1 },
    { INTS(INT64, BIG, BIG + 1),
      INTS(INT64, BIG, BIG),
      { 0 },
      "at element 1: 9007199254740993 against 9007199254740992  DIFFERS in 1 of 4",
      -1,
      1 },
    { INTS(INT64, BIG),
      INTS(INT64, BIG + 1),
      { 0 },
      "max abs 1  max rel 1.11e-16  at element 0: 9007199254740992 against 9007199254740993",
      -1,
      0 },
    { INTS(INT64, INT64_MIN, 0),
      INTS(INT64, INT64_MAX, 0),
      { 0 },
      "at element 0: -9223372036854775808 against 9223372036854775807",
      -1,
      0 },
    { INTS(INT64, 0, 0, -1),
      INTS(INT64, 0, 0, 1),
      { 0 },
      "max abs 2  max rel 2  at element 2: -1 against 1",
      -1,
      2 },
    { INTS(UINT64, -1),
      INTS(UINT64, -2),
      { 0 },
      "max abs 1  max rel 5.42e-20  at element 0: 18446744073709551615 against 18446744073709551614",
      -1,
      0 },
    { INTS(UINT64, 1), INTS(UINT64, -1), { 0 }, "max abs 1.84e+19  max rel 1", -1, 0 },
    { INTS(INT32, 0, 0, 0, 16777217),
      INTS(INT32, 0, 0, 0, 16777216),
      { 0 },
      "at element 3: 16777217 against 16777216  DIFFERS in 1 of 4 (rtol 0, atol 0)",
      -1,
      3 },
    { INTS(INT32, 7), INTS(INT32, 5), ANY(0, 2), "", -1, -1 },
    { INTS(INT32, 8), INTS(INT32, 5), ANY(0, 2), "DIFFERS in 1 of 4 (rtol 0, atol 2)", -1,
      0 },
    { INTS(INT8, -110), INTS(INT8, -100), ANY(0.1, 0), "", -1, -1 },
    { INTS(INT8, -111), INTS(INT8, -100), ANY(0.1, 0), "DIFFERS in 1 of 4", -1, 0 },
    { INTS(BOOL, 1, 0, 1),
      INTS(BOOL, 1, 0, 0),
      { 0 },
      "at element 2: true against false",
      -1,
      2 },
    { FLOATS(FP32, 1, NAN, INFINITY, -INFINITY),
      FLOATS(FP32, 1, NAN, INFINITY, -INFINITY),
      { 0 },
      "",
      -1,
      -1 },
    { FLOATS(FP32, 1.0012),
      FLOATS(FP32, 1),
      { 0 },
      "DIFFERS in 1 of 4 (rtol 0.001, atol 0.0001)",
      -1,
      0 },
    { FLOATS(FP32, 1.00105), FLOATS(FP32, 1), { 0 }, "", -1, -1 },
    { FLOATS(FP16, 1.0146), FLOATS(FP16, 1), { 0 }, "", -1, -1 },
    { FLOATS(FP16, 1.0166),
      FLOATS(FP16, 1),
      { 0 },
      "DIFFERS in 1 of 4 (rtol 0.01, atol 0.005)",
      -1,
      0 },
    { FLOATS(FP32, 0, INFINITY), FLOATS(FP32, 0, 1), { 0 }, "max abs inf", 1, -1 },
    { FLOATS(FP32, 0, INFINITY),
      FLOATS(FP32, 0, -INFINITY),
      { 0 },
      "at element 1: inf against -inf",
      -1,
      1 },
    { FLOATS(FP32, 5, 0, NAN), FLOATS(FP32, 4, 0, 0), { 0 }, "DIFFERS in 2 of 4", 2, 0 },
    { FLOATS(FP32, 0, 0, 2, 9),
      FLOATS(FP32, 0, 0, 1, 10),
      { 0 },
      "max abs 1  max rel 1  at element 2: 2 against 1  DIFFERS in 2 of 4",
      -1,
      2 },
    { INTS(INT32, 1),
      FLOATS(FP32, 1),
      { 0 },
      "int32 [4] against fp32 [4]  DIFFERS",
      -1,
      -1 },
};

static void test_compare(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const Case *c = &cases[i];
        Tensor a = tensor_of(&c->a), b = tensor_of(&c->b);
        Buf out = { 0 };
        int64_t overflow, loss;
        const bool same = report_compare(&out, &a, &b, a.dtype, &c->tol);
        report_parting(&c->tol, a.dtype, &a, &b, &overflow, &loss);
        if (same != !*c->says || !strstr(out.s, *c->says ? c->says : "ok\n")
            || overflow != c->overflow || loss != c->loss)
            fail_msg("case %zu: %s overflow at %lld, loss at %lld", i, out.s,
                     (long long)overflow, (long long)loss);
        buf_free(&out);
        tensor_free(&a);
        tensor_free(&b);
    }
}

/* The tolerance is that of what a value was computed as, which another type may hold. */
static void test_as(void **state)
{
    (void)state;
    const Given x = FLOATS(FP32, 1.009), y = FLOATS(FP32, 1);
    Tensor a = tensor_of(&x), b = tensor_of(&y);
    Buf out = { 0 };
    const Tolerance none = { 0 };
    assert_true(report_compare(&out, &a, &b, DT_FP16, &none));
    assert_true(report_compare(&out, &a, &b, DT_BF16, &none));
    assert_false(report_compare(&out, &a, &b, DT_FP32, &none));
    b.shape.dim[0] = 2, b.count = 2;
    assert_false(report_compare(&out, &a, &b, DT_FP16, &none));
    buf_free(&out);
    tensor_free(&a);
    tensor_free(&b);
}

/* A value that is only cast from fp16 is compared as that; from an integer, as what it is. */
static void test_precision(void **state)
{
    (void)state;
    Module *m = module_new();
    Diag d = { 0 };
    Func *f = func_new(m, "main", OPSET_IOS17);
    Value *half = block_param(f->body, "h", type_tensor(&m->arena, DT_FP16, SHAPE(2)),
                              (Loc){ 0 });
    Value *full = block_param(f->body, "f", type_tensor(&m->arena, DT_FP32, SHAPE(2)),
                              (Loc){ 0 });
    Value *whole = block_param(f->body, "i", type_tensor(&m->arena, DT_INT32, SHAPE(2)),
                               (Loc){ 0 });
    Value *list = block_param(f->body, "l", type_list(&m->arena, half->type, 2),
                              (Loc){ 0 });
    Builder b = builder_at(f->body, NULL, &d, (Loc){ 0 });
    Value *from_half = mil_cast(&b, "c", .x = half, .dtype = build_string(&b, "fp32"));
    Value *from_int = mil_cast(&b, "c", .x = whole, .dtype = build_string(&b, "fp32"));
    Value *computed = mil_abs(&b, "a", .x = full);
    assert_int_equal(report_precision(half), DT_FP16);
    assert_int_equal(report_precision(full), DT_FP32);
    assert_int_equal(report_precision(whole), DT_INT32);
    assert_int_equal(report_precision(list), DT_NONE);
    assert_int_equal(report_precision(from_half), DT_FP16);
    assert_int_equal(report_precision(from_int), DT_FP32);
    assert_int_equal(report_precision(computed), DT_FP32);
    module_free(m);
    diag_free(&d);
}

static void test_strings_and_lists(void **state)
{
    (void)state;
    const char *one[] = { "a", "b" }, *two[] = { "a", "c" };
    const Shape s = { .rank = 1, .dim = { 2 } };
    const Tensor a = tensor_view(DT_STRING, &s, one), b = tensor_view(DT_STRING, &s, two),
                 list = { .is_list = true };
    const Tolerance none = { 0 };
    Buf out = { 0 };
    int64_t overflow, loss;
    assert_true(report_compare(&out, &a, &a, DT_STRING, &none));
    assert_false(report_compare(&out, &a, &b, DT_STRING, &none));
    assert_true(report_compare(&out, &list, &a, DT_STRING, &none));
    assert_true(report_compare(&out, &a, &list, DT_STRING, &none));
    report_parting(&none, DT_STRING, &a, &b, &overflow, &loss);
    assert_true(overflow == -1 && loss == -1);
    report_tensor(&out, &a);
    report_tensor(&out, &list);
    assert_string_equal(out.s,
                        "equal\nDIFFERS\na list, not compared\na list, not compared\n"
                        "string [2]  [\"a\", \"b\"]\nlist of 0\n");
    buf_free(&out);
}

static void summary(const Given *g, const char *want)
{
    Tensor t = tensor_of(g);
    Buf out = { 0 };
    report_tensor(&out, &t);
    assert_string_equal(out.s, want);
    buf_free(&out);
    tensor_free(&t);
}

static void test_summaries(void **state)
{
    (void)state;
    summary(&(Given)FLOATS(FP32, 1, -2, NAN, INFINITY),
            "fp32 [4]  min -2  max inf  mean -0.5  nan 1  inf 1  [1, -2, nan, inf]\n");
    summary(&(Given)FLOATS(FP16, NAN, NAN, NAN, NAN),
            "fp16 [4]  nan 4  [nan, nan, nan, nan]\n");
    summary(
        &(Given)INTS(UINT64, -1, 0, 0, 0),
        "uint64 [4]  min 0  max 1.84467e+19  mean 4.61169e+18  [18446744073709551615, 0, 0, 0]\n");
    summary(&(Given)INTS(BOOL, 1, 0, 0, 1), "bool [4]  [true, false, false, true]\n");
    Given one = INTS(INT32, -5);
    one.n = 1;
    summary(&one, "int32 [1]  [-5]\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compare),   cmocka_unit_test(test_as),
        cmocka_unit_test(test_precision), cmocka_unit_test(test_strings_and_lists),
        cmocka_unit_test(test_summaries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
