/* test_verify.c -- modules that no text can say: built wrong, and what the verifier says of
 * them. */
#include "unit.h"

#include "../../ir/ir.h"
#include "../../ir/passes/passes.h"

#include <math.h>
#include <string.h>

typedef struct {
    Module *m;
    Func *f;
    Value *x;
    Diag diag;
    Builder b;
} Made;

static Made made(void)
{
    Made t = { .m = module_new() };
    t.f = func_new(t.m, "main", OPSET_IOS17);
    t.x = block_param(t.f->body, "x", type_tensor(&t.m->arena, DT_FP16, SHAPE(2, 3)),
                      (Loc){ 0 });
    return t;
}

static void expect(Made *t, const char *message)
{
    assert_false(module_verify(t->m, &t->diag, NULL));
    if (!t->diag.text.s || !strstr(t->diag.text.s, message))
        fail_msg("said: %s", t->diag.text.s);
    print_message("%s", t->diag.text.s);
    diag_free(&t->diag);
    module_free(t->m);
}

static void test_no_function(void **state)
{
    (void)state;
    Made t = { .m = module_new() };
    expect(&t, "the program has no function");
}

static void test_function_twice(void **state)
{
    (void)state;
    Made t = made();
    block_result(t.f->body, t.x);
    block_result(func_new(t.m, "main", OPSET_IOS17)->body, t.x);
    expect(&t, "function main is defined a second time");
}

static void test_use_before_definition(void **state)
{
    (void)state;
    Made t = made();
    t.b = builder_at(t.f->body, NULL, &t.diag, (Loc){ 0 });
    Value *a = mil_relu(&t.b, "a", .x = t.x);
    Value *y = mil_exp(&t.b, "y", .x = a);
    block_result(t.f->body, y);
    op_move_before(a->def, t.f->body, NULL);
    expect(&t, "a is used where it is not defined");
}

/* Names of a nested block end with it, though a pass may have kept the value. */
static void test_use_outside_its_block(void **state)
{
    (void)state;
    Made t = made();
    t.b = builder_at(t.f->body, NULL, &t.diag, (Loc){ 0 });
    Op *cond = op_new_of(t.m, t.f->body, NULL, OP_cond, (Loc){ 0 });
    op_arg(t.m, cond, P_pred, build_bool(&t.b, true));
    op_move_before(cond, t.f->body, NULL);
    Value *inner[2];
    for (int i = 0; i < 2; i++) {
        Block *block = block_new(cond, "b");
        Builder in = builder_at(block, NULL, &t.diag, (Loc){ 0 });
        inner[i] = mil_relu(&in, "inner", .x = t.x);
        block_result(block, inner[i]);
    }
    op_out(t.m, cond, "y", t.x->type, (Loc){ 0 });
    block_result(t.f->body, inner[0]);
    expect(&t, "inner is used where it is not defined");
}

typedef struct {
    int nparam[2]; /* of each block */
    bool flag;     /* the first block yields a bool, which is what a condition is */
    int nresult;   /* of the second */
    DType yields;  /* of its results */
} Loop;

/* while_loop over one fp16 variable, with the blocks that are asked for. */
static Made loop(const Loop *l)
{
    Made t = made();
    Arena *a = &t.m->arena;
    Op *op = op_new_of(t.m, t.f->body, NULL, OP_while_loop, (Loc){ 0 });
    op_arg(t.m, op, P_loop_vars, t.x);
    for (int k = 0; k < 2; k++) {
        Block *block = block_new(op, k ? "body" : "cond");
        for (int i = 0; i < l->nparam[k]; i++)
            block_param(block, arena_printf(a, "p%d%d", k, i), t.x->type, (Loc){ 0 });
        Builder in = builder_at(block, NULL, &t.diag, (Loc){ 0 });
        if (k == 0)
            block_result(block,
                         l->flag ? build_const(&in, "go", const_bool(a, false)) : t.x);
        for (int i = 0; k && i < l->nresult; i++)
            block_result(block, l->yields == DT_FP16
                                    ? t.x
                                    : build_const(&in, "n", const_int(a, l->yields, 1)));
    }
    block_result(t.f->body, op_out(t.m, op, "y", t.x->type, (Loc){ 0 }));
    return t;
}

static void test_blocks_of_loops(void **state)
{
    (void)state;
    static const struct {
        Loop loop;
        const char *says; /* NULL: it is right */
    } cases[] = {
        { { { 1, 1 }, true, 1, DT_FP16 }, NULL },
        { { { 0, 1 }, true, 1, DT_FP16 },
          "while_loop: its blocks take 0 and 1 values, not 1" },
        { { { 1, 0 }, true, 1, DT_FP16 },
          "while_loop: its blocks take 1 and 0 values, not 1" },
        { { { 2, 1 }, true, 1, DT_FP16 },
          "while_loop: its blocks take 2 and 1 values, not 1" },
        { { { 1, 2 }, true, 1, DT_FP16 },
          "while_loop: its blocks take 1 and 2 values, not 1" },
        { { { 1, 1 }, false, 1, DT_FP16 },
          "while_loop: its condition must yield one bool" },
        { { { 1, 1 }, true, 0, DT_FP16 }, "while_loop: its second block yields" },
        { { { 1, 1 }, true, 2, DT_FP16 }, "while_loop: its second block yields" },
        { { { 1, 1 }, true, 1, DT_INT32 }, "while_loop: its second block yields" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        Made t = loop(&cases[i].loop);
        if (cases[i].says) {
            expect(&t, cases[i].says);
            continue;
        }
        if (!module_verify(t.m, &t.diag, NULL)) fail_msg("said: %s", t.diag.text.s);
        diag_free(&t.diag);
        module_free(t.m);
    }
}

static void test_pass_names(void **state)
{
    (void)state;
    Made t = made();
    block_result(t.f->body, t.x);
    PassOptions o = { .target = target_find("m1"), .only = "fodl" };
    assert_false(passes_run(t.m, &o, &t.diag));
    o.only = "quaternions";
    assert_false(passes_run(t.m, &o, &t.diag));
    print_message("%s", t.diag.text.s);
    assert_non_null(
        strstr(t.diag.text.s, "there is no pass called fodl; did you mean fold?"));
    assert_non_null(strstr(
        t.diag.text.s, "there is no pass called quaternions; --list-passes shows all"));
    diag_free(&t.diag);
    module_free(t.m);
}

/* relu becomes abs, whose users are asked for anew: by the index that a walk has, as without
 * it. */
static bool abs_for_relu(void *ctx, Op *op)
{
    Made *t = ctx;
    if (strcmp(op_name(op), "relu") != 0) return true;
    t->b = builder_at(op->parent, op, &t->diag, (Loc){ 0 });
    Value *y = mil_abs(&t->b, "a", .x = op_value(op, P_x));
    const int uses = func_count_uses(t->f, op->out[0]);
    assert_int_equal(func_replace_uses(t->f, op->out[0], y), uses);
    assert_int_equal(func_count_uses(t->f, op->out[0]), 0);
    assert_int_equal(func_count_uses(t->f, y), uses);
    op_unlink(op);
    return true;
}

static void test_replacing_while_walking(void **state)
{
    (void)state;
    Made t = made();
    Value *y = t.x;
    t.b = builder_at(t.f->body, NULL, &t.diag, (Loc){ 0 });
    for (int i = 0; i < 300; i++) {
        Value *r = mil_relu(&t.b, "r", .x = y);
        y = mil_add(&t.b, "y", .x = r, .y = i % 2 ? r : y);
    }
    block_result(t.f->body, y);
    block_result(t.f->body, op_value(y->def, P_x)); /* a relu, which is a result too */
    assert_true(func_walk(t.f, abs_for_relu, &t));
    assert_null(t.f->uses);
    assert_true(module_verify(t.m, &t.diag, "the test"));
    for (Op *op = t.f->body->first; op; op = op->next)
        assert_string_not_equal(op_name(op), "relu");
    diag_free(&t.diag);
    module_free(t.m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_function),
        cmocka_unit_test(test_function_twice),
        cmocka_unit_test(test_use_before_definition),
        cmocka_unit_test(test_use_outside_its_block),
        cmocka_unit_test(test_replacing_while_walking),
        cmocka_unit_test(test_blocks_of_loops),
        cmocka_unit_test(test_pass_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
