/* test_lift.c -- products of operands of any magnitude on chips that make small products zero: with the
 * pass `lift` they are what they should be, and without it they are not. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../../ir/passes/passes.h"
#include "program_bench.h"

enum { LEAST = -14, MOST = 13, STEP = 3 };

#define PROGRAM(x, y, r, op) \
    "program(1.0)\n{\n    func main<ios16>(tensor<fp16, " x "> x" y ") {\n" op \
    "        } -> (r);\n}\n"
#define TWO(v) "tensor<int32, [2]>([" v "])"
#define PLAIN \
    ", pad_type = \"valid\", strides = " TWO( \
        "1, 1") ", pad = tensor<int32, [4]>([0, 0, 0, 0])" \
                ", dilations = " TWO("1, 1") ", groups = 1)"

static const struct {
    const char *name, *text;
} cases[] = {
    { "matmul",
      PROGRAM("[4, 96]", ", tensor<fp16, [96, 5]> y", "[4, 5]",
              "tensor<fp16, [4, 5]> r = matmul(x = x, y = y, transpose_x = false, "
              "transpose_y = false);\n") },
    { "turned",
      PROGRAM("[2, 7, 4]", ", tensor<fp16, [5, 7]> y", "[2, 4, 5]",
              "tensor<fp16, [2, 4, 5]> r = matmul(x = x, y = y, transpose_x = true, "
              "transpose_y = true);\n") },
    { "vector", PROGRAM("[96]", ", tensor<fp16, [96, 5]> y", "[5]",
                        "tensor<fp16, [5]> r = matmul(x = x, y = y, transpose_x = false, "
                        "transpose_y = false);\n") },
    { "constant",
      PROGRAM("[4, 3]", "", "[4, 2]",
              "tensor<fp16, [2, 3]> w = const()[val = tensor<fp16, [2, 3]>([[0.25, "
              "-3, 0.5], [0.125, 1, 2]])];\n"
              "tensor<fp16, [4, 2]> r = linear(x = x, weight = w);\n") },
    { "conv",
      PROGRAM("[1, 3, 5, 6]", ", tensor<fp16, [4, 3, 2, 2]> y", "[1, 4, 4, 5]",
              "tensor<fp16, [1, 4, 4, 5]> r = conv(x = x, weight = y" PLAIN ";\n") },
    { "col2im",
      PROGRAM("[1, 2, 4, 5]", "", "[1, 1, 5, 5]",
              "tensor<fp16, [2, 1, 2, 1]> w = const()[val = tensor<fp16, [2, 1, 2, "
              "1]>([[[[1], [0]]], [[[0], [1]]]])];\n"
              "tensor<fp16, [1, 1, 5, 5]> r = conv_transpose(x = x, weight = w" PLAIN
              ";\n") },
};

/* ---- one program ------------------------------------------------------------------------- */

static int lift_ops(const Module *m)
{
    int n = 0;
    for (const Op *op = module_main(m)->body->first; op; op = op->next) n++;
    return n;
}

/* For a chip, with the pass or without. */
static bool lift_compiles(Bench *t, const char *chip, const char *text, bool lift)
{
    *t = (Bench){ .src = { .name = "t.mil", .text = text, .len = strlen(text) } };
    t->m = mil_read(&t->d, &t->src, ".");
    t->b = t->m ? backend_open(chip, NULL, &t->d) : NULL;
    if (!t->b) fail_msg("%s", t->d.text.s);
    RuleSet set;
    ruleset_init(&set, t->b->target, NULL);
    const PassOptions o = { .target = t->b->target, .rules = &set, .lift = lift };
    if (!passes_run(t->m, &o, &t->d)) fail_msg("%s", t->d.text.s);
    t->p = program_new(t->b, t->m, module_main(t->m), &t->d);
    if (!t->p) fail_msg("%s", t->d.text.s);
    return true;
}

/* Every element of magnitude 2^e and less, of both signs. */
static void lift_give(Bench *t, const int *e, double *out, size_t *n)
{
    Binding in[2] = { { 0 } };
    const Binding *r;
    const Block *b = module_main(t->m)->body;
    for (int i = 0; i < b->nparam; i++) {
        const Type *type = b->param[i]->type;
        in[i].name = b->param[i]->name;
        assert_true(tensor_alloc(&in[i].value, &t->d, type->dtype, &type->shape));
        for (size_t k = 0; k < in[i].value.count; k++) {
            const double unit = rng_unit(rng_key(3, in[i].name), k) * 2 - 1;
            tensor_set_float(&in[i].value, k, ldexp(k % 7 == 3 ? 1 : unit, e[i]));
        }
    }
    if (!program_run(t->p, &t->d, in, b->nparam, &(RunOptions){ 0 }))
        fail_msg("%s", t->d.text.s);
    assert_int_equal(program_results(t->p, &r), 1);
    *n = r[0].value.count;
    for (size_t k = 0; k < *n; k++) out[k] = tensor_float(&r[0].value, k);
    for (int i = 0; i < b->nparam; i++) tensor_free(&in[i].value);
}

static double lift_off(const double *got, const double *want, size_t n, double *most)
{
    double off = 0;
    *most = 0;
    for (size_t k = 0; k < n; k++) {
        off = fmax(off, fabs(got[k] - want[k]));
        *most = fmax(*most, fabs(want[k]));
    }
    return off;
}

/* ---- tests ------------------------------------------------------------------------------- */

/* Off by 2^-8 of the largest result at most, or by the last place of the smallest numbers; what ends
 * above what the engine adds up is not asked for. */
static void lift_sweep(const char *chip, const char *text, const char *name)
{
    enum { ROOM = 512 };
    static double want[ROOM], got[ROOM], bare[ROOM];
    Bench ref, with, without;
    size_t n;
    int lost = 0;
    assert_true(bench_compiles(&ref, "ref", NULL, text, NULL));
    lift_compiles(&with, chip, text, true);
    lift_compiles(&without, chip, text, false);
    const bool two = module_main(ref.m)->body->nparam == 2;
    for (int x = LEAST; x <= MOST; x += STEP)
        for (int y = two ? LEAST : 0; y <= (two ? MOST : 0); y += STEP) {
            const int e[] = { x, y };
            double most;
            lift_give(&ref, e, want, &n);
            lift_give(&with, e, got, &n);
            lift_give(&without, e, bare, &n);
            const double off = lift_off(got, want, n, &most);
            if (most >= 0x1p15) continue;
            if (!(off <= 0x1p-8 * most + 0x1p-24))
                fail_msg("%s on %s: operands of 2^%d and 2^%d are %g off of %g", name,
                         chip, x, y, off, most);
            lost += !(lift_off(bare, want, n, &most) <= 0x1p-8 * most + 0x1p-24);
        }
    if (!lost) fail_msg("%s on %s: nothing was lost without the pass", name, chip);
    close_bench(&ref);
    close_bench(&with);
    close_bench(&without);
}

static void test_magnitudes(void **state)
{
    (void)state;
    static const char *const chips[] = { "sim:m1", "sim:m2", "sim:m3" };
    for (size_t c = 0; c < COUNT(chips); c++)
        for (size_t i = 0; i < COUNT(cases); i++)
            lift_sweep(chips[c], cases[i].text, cases[i].name);
}

/* Where the chip keeps small products, nobody asks, or the operand is zeros or has no largest
 * number. */
static void test_lift_stays(void **state)
{
    (void)state;
#define WEIGHT_OF(rows) \
    PROGRAM("[4, 3]", "", "[4, 2]", \
            "tensor<fp16, [2, 3]> w = const()[val = tensor<fp16, [2, 3]>(" rows ")];\n" \
            "tensor<fp16, [4, 2]> r = linear(x = x, weight = w);\n")
    static const char zeros[] = WEIGHT_OF("[[0, 0, 0], [0, 0, 0]]"),
                      endless[] = WEIGHT_OF("[[1, 0, -inf], [0, 2, 0]]");
    static const struct {
        const char *chip, *text;
        bool asked;
    } stays[] = { { "sim:m5", NULL, true },
                  { "sim:m1", NULL, false },
                  { "sim:m1", zeros, true },
                  { "sim:m1", endless, true } };
    for (size_t i = 0; i < COUNT(stays); i++) {
        const char *text = stays[i].text ? stays[i].text : cases[0].text;
        Bench a, b;
        lift_compiles(&a, stays[i].chip, text, false);
        lift_compiles(&b, stays[i].chip, text, stays[i].asked);
        assert_int_equal(lift_ops(a.m), lift_ops(b.m));
        close_bench(&a);
        close_bench(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_magnitudes),
                                        cmocka_unit_test(test_lift_stays) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
