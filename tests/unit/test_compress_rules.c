/* test_compress_rules.c -- rules that choose a form for a weight: which rule counts, what is said of
 * one that selects nothing, and rules that are wrong. */
#include "compress_bench.h"

#include <string.h>

/* ---- which weights ----------------------------------------------------------------------- */

typedef struct {
    const char *rules, *want; /* "w1: int8, w2: -" of those that are weights */
} Choice;

static void put_weights(CompressBench *t)
{
    static const struct {
        const char *name;
        int64_t dim[2];
        int rank;
    } at[] = { { "layers_0_w", { 64, 64 }, 2 },
               { "layers_1_w", { 64, 128 }, 2 },
               { "head", { 16, 8 }, 2 },
               { "norm", { 4096 }, 1 } };
    t->dtype = DT_FP16;
    Builder b = builder_at(t->f->body, NULL, &t->diag, (Loc){ 0 });
    for (size_t i = 0; i < COUNT(at); i++) {
        const Shape s = shape_of(at[i].rank, at[i].dim);
        Const *c = NEW(&t->m->arena, Const);
        *c = (Const){ .type = type_tensor(&t->m->arena, DT_FP16, s),
                      .kind = CONST_INIT,
                      .init = INIT_NORMAL,
                      .b = 1,
                      .seed = i };
        Value *w = build_const(&b, at[i].name, c);
        Value *x = block_param(t->f->body, func_unique_name(t->f, "x"), c->type,
                               (Loc){ 0 });
        block_result(t->f->body, mil_mul(&b, "y", .x = x, .y = w));
    }
}

static void the_first_rule_that_takes_a_weight_counts(void **state)
{
    static const Choice choices[] = {
        { "int8", "layers_0_w int8; layers_1_w int8; " },
        { "* = int8", "layers_0_w int8; layers_1_w int8; " },
        { "layers.1.* = lut4(group = 8), *=int4(block=32)",
          "layers_0_w int4(block = 32); layers_1_w lut4(group = 8); " },
        { "size < 5000 = none; * = lut2\n# a comment, with = signs\n",
          "layers_1_w lut2; " },
        { "size<=4096&layers.*=none,*=int8", "layers_1_w int8; " },
        { "size >= 100 = int8", "layers_0_w int8; layers_1_w int8; head int8; " },
        { "size > 100 & rank == 1 = int8", "norm int8; " },
        { "rank >= 1 = int8", "layers_0_w int8; layers_1_w int8; norm int8; " },
        { "head = int8", "head int8; " },
        { "norm = int8, h*ad & size > 1 = lut1", "head lut1; norm int8; " },
        { "op:mul = int4", "layers_0_w int4; layers_1_w int4; " },
        { "func:main & layers.0.w = uint8(affine)", "layers_0_w uint8(affine); " },
        { "layers_0* = sparse(0.5, lut4, 8, scaled)",
          "layers_0_w sparse(0.5, lut4, group = 8, scaled); " },
        { "auto", "layers_0_w int8; layers_1_w int8; " },
        { "none", "" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(choices); i++) {
        CompressBench t;
        Buf got = { 0 };
        compress_begin(&t, OPSET_IOS18);
        put_weights(&t);
        buf_puts(&got, "");
        if (!compress_run(&t, choices[i].rules)) fail_msg("%s", t.diag.text.s);
        for (size_t k = 0; k < t.plan.nnote; k++)
            buf_printf(&got, "%s %s; ", t.plan.note[k].name, t.plan.note[k].as);
        if (strcmp(got.s ? got.s : "", choices[i].want) != 0)
            fail_msg("%s: %s, not %s", choices[i].rules, got.s, choices[i].want);
        buf_free(&got);
        compress_end(&t);
    }
}

static void a_rule_that_takes_nothing_is_said(void **state)
{
    (void)state;
    CompressBench t;
    compress_begin(&t, OPSET_IOS18);
    put_weights(&t);
    assert_true(
        compress_run(&t, "layers.0.v = int8, size > 1000000 = lut4, head = int8"));
    expect_said(&t.diag,
                "--compress:1:1: warning: the rule takes no weight; did you mean "
                "layers_0_w? [-Wcompress]\n"
                "layers.0.v = int8, size > 1000000 = lut4, head = int8\n"
                "^~~~~~~~~~~~~~~~~\n"
                "--compress:1:20: warning: the rule takes no weight [-Wcompress]\n"
                "layers.0.v = int8, size > 1000000 = lut4, head = int8\n"
                "                   ^~~~~~~~~~~~~~~~~~~~~\n");
    compress_end(&t);
}

/* ---- what is refused --------------------------------------------------------------------- */

static void wrong_rules_are_refused(void **state)
{
    static const struct {
        const char *rules, *says;
    } wrong[] = {
        { "int9", "there is no form int9; did you mean int8?" },
        { "xyz", "there is no form xyz, but none, auto, int8, lut4, uint8," },
        { "* =", "a form is missing here" },
        { "= int8", "a name or condition is missing before =" },
        { "a & = int8", "a name or condition is missing" },
        { "int8(block = 32", "there is no ) at the end" },
        { "int8(blok = 32)", "int8 takes no blok; did you mean block?" },
        { "int8(group = 8)",
          "int8 takes no group, but block, axis, tensor, affine, again" },
        { "lut4(block = 8)", "lut4 takes no block, but" },
        { "int8(block = 0)",
          "int8: block is 0; it must be a whole number from 1 to 16777216" },
        { "int8(block = 1.5)", "int8: block is 1.5; it must be a whole number" },
        { "sparse(1.5)", "sparse: ratio is 1.5; it must be a number from 0 to 1" },
        { "sparse(nan)", "sparse: ratio is nan; it must be" },
        { "sparse", "sparse needs the part that becomes zeros, as in sparse(0.5)" },
        { "sparse(int8)", "sparse needs the part that becomes zeros" },
        { "sparse(0.5, below = 3)", "ratio and below contradict each other" },
        { "sparse(below = -1)", "sparse: below is -1; it must be a number from 0 to" },
        { "sparse(0.5, int8, 4, 5)", "sparse: block is given twice" },
        { "sparse(0.5, lut4, vector = 2)",
          "sparse leaves single elements: it has no vectors" },
        { "lut4(vector = 2, uniform)",
          "vectors have no order: uniform is for single values" },
        { "lut4(vector = 2, int8)",
          "a table of vectors has no bytes: int8 is for single values" },
        { "int8(block = 8, tensor)", "block and tensor contradict each other" },
        { "int8(tensor = 3)", "int8: tensor is a word without a number" },
        { "int8(block = tensor)", "int8: block is a number" },
        { "int8(tensor, tensor)", "int8: tensor is given twice" },
        { "int8(,)", "an argument is missing here" },
        { "none(3)", "none takes no number here" },
        { "sise < 3 = int8",
          "sise has no number to compare: size (elements) and rank have one" },
        { "size < x = int8", "size: `x` is no number" },
        { "int8(1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1)",
          "no form is told more than 32 things" },
        { "op:convv = int8", "there is no operation convv; --list-ops shows all" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        CompressBench t;
        compress_begin(&t, OPSET_IOS18);
        t.plan.rules = compress_rules_new(&t.arena);
        assert_false(compress_rules_add(t.plan.rules, &t.diag, wrong[i].rules));
        expect_says(&t.diag, wrong[i].says);
        compress_end(&t);
    }
}

/* Whatever is written, it is read or refused with a word. */
static void rules_of_any_pieces(void **state)
{
    static const char *const piece[] = {
        "int8",  "lut4",  "sparse", "none",     "(",    ")",    "=",  ",",    ";",
        "&",     "*",     "block",  "4",        "0.5",  "size", "<",  ">=",   "rank",
        "op:",   "func:", "#",      "\n",       " ",    "conv", "-1", "1e99", "x.",
        "group", "((",    "vector", "\xff\x01", "auto", "nan",
    };
    enum { PIECES = 12, TIMES = 20000 };
    int good = 0;
    (void)state;
    for (uint64_t n = 0; n < TIMES; n++) {
        Arena a = { 0 };
        Diag d = { 0 };
        Buf text = { 0 };
        const uint64_t count = rng_u64(n, 0) % PIECES + 1;
        for (uint64_t i = 1; i <= count; i++)
            buf_puts(&text, piece[rng_u64(n, i) % COUNT(piece)]);
        CompressRules *r = compress_rules_new(&a);
        const bool ok = compress_rules_add(r, &d, text.s);
        if (ok != !d.errors || (!ok && !d.text.len)) fail_msg("%s", text.s);
        good += ok;
        compress_rules_free(r);
        buf_free(&text);
        diag_free(&d);
        arena_free(&a);
    }
    assert_true(good > TIMES / 100 && good < TIMES / 2);
}

static void an_opset_without_forms_is_refused(void **state)
{
    (void)state;
    CompressBench t;
    double v[40] = { 1, 2, 3 };
    compress_begin(&t, OPSET_IOS15);
    compress_program(&t, DT_FP16, SHAPE(8, 5), BY_MUL, v);
    assert_false(compress_run(&t, "w = lut4"));
    expect_says(
        &t.diag,
        "the weight w cannot be lut4 in ios15: constexpr_lut_to_dense exists from "
        "ios16 on; --opset ios16 has it, and so has every --target");
    compress_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_rule_that_takes_a_weight_counts),
        cmocka_unit_test(a_rule_that_takes_nothing_is_said),
        cmocka_unit_test(wrong_rules_are_refused),
        cmocka_unit_test(rules_of_any_pieces),
        cmocka_unit_test(an_opset_without_forms_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
