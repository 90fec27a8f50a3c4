/* test_queries.c -- what a literal answers when it is asked for a number, a truth, a text or a
 * list of whole numbers: the answer, or that there is none. */
#include "unit.h"

#include "../../ir/mil/mil.h"
#include "../../ir/ops/ops.h"

#include <math.h>

#define NO NAN

typedef struct {
    const char *literal;
    double is_int, is_bool, is_float; /* NO: it is none */
    int ints;                         /* how many; -1: they are not asked for so */
    const char *text;
} Answer;

#define ONES_16 "1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1"
#define ONES_64 ONES_16 ", " ONES_16 ", " ONES_16 ", " ONES_16

static const Answer answers[] = {
    { "int32(5)", 5, NO, 5, 1, NULL },
    { "int32(-2147483648)", -2147483648.0, NO, -2147483648.0, 1, NULL },
    { "int64(4611686018427387904)", 0x1p62, NO, 0x1p62, 1, NULL },
    { "int64(9007199254740993)", 0x1p53, NO, NO, 1, NULL },
    { "uint8(255)", 255, NO, 255, 1, NULL },
    { "bool(true)", NO, 1, 1, 1, NULL },
    { "bool(false)", NO, 0, 0, 1, NULL },
    { "fp16(0x1.8p+0)", NO, NO, 1.5, -1, NULL },
    { "fp32(-3)", NO, NO, -3, -1, NULL },
    { "string(\"a\")", NO, NO, NO, -1, "a" },
    { "string(\"\")", NO, NO, NO, -1, "" },
    { "tensor<string, [2]>([\"a\", \"b\"])", NO, NO, NO, -1, NULL },
    { "tensor<string, [1]>([\"a\"])", NO, NO, NO, -1, "a" },
    { "tensor<int32, [1]>([7])", 7, NO, 7, 1, NULL },
    { "tensor<int32, [0]>([])", NO, NO, NO, 0, NULL },
    { "tensor<int32, [2]>([7, 7])", NO, NO, 7, 2, NULL },
    { "tensor<int32, [2]>([7, 8])", NO, NO, NO, 2, NULL },
    { "tensor<bool, [2]>([true, true])", NO, NO, 1, 2, NULL },
    { "tensor<bool, [2]>([true, false])", NO, NO, NO, 2, NULL },
    { "tensor<fp16, [3]>([2, 2, 2])", NO, NO, 2, -1, NULL },
    { "tensor<fp16, [3]>([2, 2, 3])", NO, NO, NO, -1, NULL },
    { "tensor<fp16, [3]>([3, 2, 2])", NO, NO, NO, -1, NULL },
    { "tensor<fp32, [2]>([0x0p+0, -0x0p+0])", NO, NO, 0, -1, NULL },
    { "tensor<int32, [32]>([" ONES_16 ", " ONES_16 "])", NO, NO, 1, 32, NULL },
    { "tensor<int32, [33]>([" ONES_16 ", " ONES_16 ", 1])", NO, NO, 1, -1, NULL },
    { "tensor<int32, [64]>([" ONES_64 "])", NO, NO, 1, -1, NULL },
    { "tensor<int32, [65]>([" ONES_64 ", 1])", NO, NO, 1, -1, NULL },
    { "tensor<int32, [65]>([" ONES_64 ", 2])", NO, NO, NO, -1, NULL },
    { "tensor<int32, [65]>([2, " ONES_64 "])", NO, NO, NO, -1, NULL },
    { "tensor<fp16, [66]>([" ONES_64 ", 1, 2])", NO, NO, NO, -1, NULL },
    /* One double stands for both. */
    { "tensor<int64, [2]>([9007199254740992, 9007199254740992])", NO, NO, 0x1p53, 2,
      NULL },
    { "tensor<int64, [2]>([9007199254740992, 9007199254740991])", NO, NO, NO, 2, NULL },
    { "tensor<int64, [2]>([9007199254740992, 9007199254740993])", NO, NO, NO, 2, NULL },
    { "tensor<int64, [2]>([9007199254740993, 9007199254740992])", NO, NO, NO, 2, NULL },
};

static bool is_number(bool answered, double got, double want)
{
    return answered == !isnan(want) && (!answered || got == want);
}

static void literals_answer(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(answers); i++) {
        const Answer *k = &answers[i];
        const Source src = { .name = "literal",
                             .text = k->literal,
                             .len = strlen(k->literal) };
        Diag d = { .quiet = true };
        Module *m = module_new();
        const Const *c = mil_read_literal(m, &d, &src);
        if (!c) fail_msg("%s: %s", k->literal, d.text.s);
        const Value *v = value_literal(m, c, (Loc){ 0 });
        int64_t whole = 0, ints[2 * MAX_RANK];
        double real = 0;
        bool truth = false;
        const bool is_int = value_int(v, &whole), is_bool = value_bool(v, &truth),
                   is_float = value_float(v, &real);
        const int n = value_ints(v, ints);
        const char *s = value_string(v);
        if (!is_number(is_int, (double)whole, k->is_int))
            fail_msg("as an int: %s", k->literal);
        if (!is_number(is_bool, truth, k->is_bool))
            fail_msg("as a truth: %s", k->literal);
        if (!is_number(is_float, real, k->is_float))
            fail_msg("as a number: %s", k->literal);
        if (n != k->ints) fail_msg("%d ints: %s", n, k->literal);
        if (n > 0 && is_int && ints[0] != whole)
            fail_msg("the first int: %s", k->literal);
        if (!s != !k->text || (s && strcmp(s, k->text) != 0))
            fail_msg("text: %s", k->literal);
        module_free(m);
        diag_free(&d);
    }
    int64_t whole;
    double real;
    assert_false(value_int(NULL, &whole));
    assert_false(value_float(NULL, &real));
    assert_null(value_string(NULL));
}

/* ---- who uses a value -------------------------------------------------------------------- */

typedef struct {
    Func *func;
    Value *x, *y;
    int seen;
} Asked;

/* At each of three users of x: what was taken out before it counts no more, and is not rewritten. */
static bool ask_at(void *ctx, Op *op)
{
    Asked *a = ctx;
    if (!op->narg || op->arg[0].val[0] != a->x) return true;
    assert_int_equal(func_count_uses(a->func, a->x), 3 - a->seen);
    op_unlink(op);
    if (++a->seen < 3) return true;
    assert_int_equal(func_replace_uses(a->func, a->x, a->y), 0);
    assert_ptr_equal(op->arg[0].val[0], a->x);
    return true;
}

static void what_was_taken_out_uses_nothing(void **state)
{
    (void)state;
    const char *text =
        "program(1.3)\n{\n func main<ios18>(tensor<fp16, [2]> x, tensor<fp16, [2]> y) {\n"
        " tensor<fp16, [2]> a = relu(x = x)[name = string(\"a\")];\n"
        " tensor<fp16, [2]> b = abs(x = x)[name = string(\"b\")];\n"
        " tensor<fp16, [2]> c = sign(x = x)[name = string(\"c\")];\n"
        " tensor<fp16, [2]> r = relu(x = y)[name = string(\"r\")];\n"
        " } -> (r);\n}\n";
    Diag d = { 0 };
    const Source src = { .name = "case.mil", .text = text, .len = strlen(text) };
    Module *m = mil_read(&d, &src, NULL);
    assert_non_null(m);
    Asked a = { .func = m->first,
                .x = m->first->body->param[0],
                .y = m->first->body->param[1] };
    func_walk(m->first, ask_at, &a);
    assert_int_equal(a.seen, 3);
    module_free(m);
    diag_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(literals_answer),
        cmocka_unit_test(what_was_taken_out_uses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
