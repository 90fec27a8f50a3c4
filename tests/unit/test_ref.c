/* test_ref.c -- programs run op by op: blocks, states, results, bad inputs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../backends/backend.h"
#include "../../backends/ref/ref.h"

/* ---- a program being made and run -------------------------------------------------------- */

typedef struct {
    Diag diag;
    Module *m;
    Func *f;
    Builder b;
    Program *p;
    const Binding *result;
    int nresult;
} Test;

static int setup(void **state)
{
    Test *t = calloc(1, sizeof *t);
    t->m = module_new();
    t->f = func_new(t->m, "main", OPSET_IOS18);
    t->b = builder_at(t->f->body, NULL, &t->diag, (Loc){ 0 });
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    Test *t = *state;
    program_free(t->p);
    module_free(t->m);
    diag_free(&t->diag);
    free(t);
    return 0;
}

static Value *param(Test *t, const char *name, DType type, Shape s)
{
    return block_param(t->f->body, name, type_tensor(&t->m->arena, type, s), (Loc){ 0 });
}

static Value *constant(Test *t, const char *name, Const *c)
{
    return build_const(&t->b, name, c);
}

static Binding ints(const char *name, const Shape *s, const int32_t *v)
{
    return (Binding){ .name = name, .value = tensor_view(DT_INT32, s, v) };
}

static bool run_with(Test *t, const Binding *in, int nin, uint64_t max_steps)
{
    if (!t->p) {
        assert_true(module_verify(t->m, &t->diag, NULL));
        t->p = program_new(backend_find("ref"), t->m, t->f, &t->diag);
        assert_non_null(t->p);
    }
    bool ok = program_run(t->p, &t->diag, in, nin,
                          &(RunOptions){ .max_steps = max_steps });
    t->nresult = program_results(t->p, &t->result);
    return ok;
}

static void has_ints(const Test *t, int i, const char *name, size_t n, const int32_t *v)
{
    assert_true(i < t->nresult);
    assert_string_equal(t->result[i].name, name);
    assert_int_equal(t->result[i].value.count, n);
    for (size_t k = 0; k < n; k++)
        assert_int_equal(tensor_int(&t->result[i].value, k), v[k]);
}

static void said(Test *t, const char *text)
{
    assert_non_null(t->diag.text.s);
    if (!strstr(t->diag.text.s, text))
        fail_msg("'%s' is not in: %s", text, t->diag.text.s);
}

/* ---- results ----------------------------------------------------------------------------- */

static void results_may_be_inputs_constants_and_repeated(void **state)
{
    Test *t = *state;
    const Shape s = SHAPE(3);
    const int32_t v[] = { 4, 5, 6 }, back[] = { 6, 5, 4 }, k[] = { 7, 8 };
    Value *x = param(t, "x", DT_INT32, s);
    Value *c = constant(t, "k",
                        const_ints(&t->m->arena, DT_INT32, 2, (int64_t[]){ 7, 8 }));
    Value *r = mil_reverse(&t->b, "r", .x = x,
                           .axes = build_ints(&t->b, 1, (int64_t[]){ 0 }));
    Value *const all[] = { r, x, c, r };
    for (size_t i = 0; i < COUNT(all); i++) block_result(t->f->body, all[i]);
    for (int turn = 0; turn < 2; turn++) {
        assert_true(run_with(t, (Binding[]){ ints("x", &s, v) }, 1, 0));
        assert_int_equal(t->nresult, 4);
        has_ints(t, 0, "r", 3, back);
        has_ints(t, 1, "x", 3, v);
        has_ints(t, 2, "k", 2, k);
        has_ints(t, 3, "r", 3, back);
    }
}

/* What a parameter says is read when a program is compiled: changed behind its back, it computes as
 * before. */
static void equations_are_read_once(void **state)
{
    Test *t = *state;
    const Shape s = SHAPE(2, 3);
    const int32_t v[] = { 1, 2, 3, 4, 5, 6 }, sums[] = { 6, 15 };
    char *text = arena_strdup(&t->m->arena, "ij->i");
    Const *word = const_string(&t->m->arena, "");
    *(const char **)(uintptr_t)word->data = text;
    Value *x = param(t, "x", DT_INT32, s);
    Value *y = mil_einsum(&t->b, "y", .values = &(Values){ 1, &x },
                          .equation = constant(t, "equation", word));
    block_result(t->f->body, y);
    for (int turn = 0; turn < 2; turn++) {
        assert_true(run_with(t, (Binding[]){ ints("x", &s, v) }, 1, 0));
        has_ints(t, 0, "y", 2, sums);
        memcpy(text, "ij->j", 5);
    }
}

/* ---- blocks ------------------------------------------------------------------------------ */

static void cond_runs_one_block(void **state)
{
    Test *t = *state;
    const Shape s = SHAPE(2), none = { .rank = 0 };
    const int32_t v[] = { 1, 2 }, back[] = { 2, 1 };
    Value *p = param(t, "p", DT_BOOL, none), *x = param(t, "x", DT_INT32, s);
    Op *op = op_new_of(t->m, t->f->body, NULL, OP_cond, (Loc){ 0 });
    op_arg(t->m, op, P_pred, p);
    Block *yes = block_new(op, "yes"), *no = block_new(op, "no");
    Builder in = builder_at(yes, NULL, &t->diag, (Loc){ 0 });
    block_result(
        yes, mil_reverse(&in, "r", .x = x, .axes = build_ints(&in, 1, (int64_t[]){ 0 })));
    block_result(no, x);
    block_result(t->f->body, op_out(t->m, op, "y", x->type, (Loc){ 0 }));
    for (int turn = 0; turn < 4; turn++) {
        const uint8_t pred = turn & 1;
        Binding given[] = { { .name = "p", .value = tensor_view(DT_BOOL, &none, &pred) },
                            ints("x", &s, v) };
        assert_true(run_with(t, given, 2, 0));
        has_ints(t, 0, "y", 2, pred ? back : v);
    }
}

/* while (go) { go, next, a, b, c = next, false, b, a, c }: one step exchanges a and b. */
static void make_loop(Test *t, bool forever)
{
    Arena *a = &t->m->arena;
    const Type *flag = type_scalar(DT_BOOL), *vec = type_tensor(a, DT_INT32, SHAPE(2));
    const Type *types[] = { flag, flag, vec, vec, vec };
    static const char *const names[] = { "go", "next", "a", "b", "c" };
    Value *start[5] = { constant(t, "yes", const_bool(a, true)),
                        constant(t, "stop", const_bool(a, forever)) };
    for (int i = 2; i < 5; i++) start[i] = param(t, names[i], DT_INT32, SHAPE(2));
    Op *op = op_new_of(t->m, t->f->body, NULL, OP_while_loop, (Loc){ 0 });
    for (int i = 0; i < 5; i++) op_arg(t->m, op, P_loop_vars, start[i]);
    Block *cond = block_new(op, "cond"), *body = block_new(op, "body");
    for (int i = 0; i < 5; i++)
        block_param(cond, arena_printf(a, "%s0", names[i]), types[i], (Loc){ 0 });
    for (int i = 0; i < 5; i++)
        block_param(body, arena_printf(a, "%s1", names[i]), types[i], (Loc){ 0 });
    block_result(cond, cond->param[0]);
    Builder in = builder_at(body, NULL, &t->diag, (Loc){ 0 });
    Value *no = build_const(&in, "no", const_bool(a, forever));
    Value *const next[] = { body->param[1], no, body->param[3], body->param[2],
                            body->param[4] };
    for (int i = 0; i < 5; i++) block_result(body, next[i]);
    for (int i = 0; i < 5; i++) {
        Value *out = op_out(t->m, op, arena_printf(a, "%s2", names[i]), types[i],
                            (Loc){ 0 });
        if (i > 1) block_result(t->f->body, out);
    }
}

static bool run_loop(Test *t, uint64_t max_steps)
{
    static const int32_t a[] = { 1, 2 }, b[] = { 3, 4 }, c[] = { 5, 6 };
    const Shape s = SHAPE(2);
    return run_with(t,
                    (Binding[]){ ints("a", &s, a), ints("b", &s, b), ints("c", &s, c) },
                    3, max_steps);
}

static void loop_variables_are_exchanged_and_kept(void **state)
{
    Test *t = *state;
    make_loop(t, false);
    assert_true(run_loop(t, 1));
    has_ints(t, 0, "a2", 2, (int32_t[]){ 3, 4 });
    has_ints(t, 1, "b2", 2, (int32_t[]){ 1, 2 });
    has_ints(t, 2, "c2", 2, (int32_t[]){ 5, 6 });
}

static void loop_without_end_is_an_error(void **state)
{
    Test *t = *state;
    make_loop(t, true);
    assert_false(run_loop(t, 10));
    said(t, "while_loop has not ended after 10 steps");
    assert_int_equal(t->nresult, 0);
}

/* ---- states ------------------------------------------------------------------------------ */

static void states_stay_until_reset(void **state)
{
    Test *t = *state;
    const Shape s = SHAPE(2);
    const int32_t v[] = { 1, 2 }, zero[] = { 0, 0 };
    const Type *vec = type_tensor(&t->m->arena, DT_INT32, s);
    Value *kv = block_param(t->f->body, "kv", type_state(&t->m->arena, vec), (Loc){ 0 });
    Value *x = param(t, "x", DT_INT32, s);
    block_result(t->f->body, mil_read_state(&t->b, "before", .input = kv));
    Op *w = op_new_of(t->m, t->f->body, NULL, OP_write_state, (Loc){ 0 });
    op_arg(t->m, w, P_input, kv);
    op_arg(t->m, w, P_data, x);
    const Binding in[] = { ints("x", &s, v) };
    assert_true(run_with(t, in, 1, 0));
    has_ints(t, 0, "before", 2, zero);
    assert_true(run_with(t, in, 1, 0));
    has_ints(t, 0, "before", 2, v);
    program_reset(t->p);
    assert_true(run_with(t, in, 1, 0));
    has_ints(t, 0, "before", 2, zero);
    Binding *held;
    assert_int_equal(program_states(t->p, &held), 1);
    assert_string_equal(held[0].name, "kv");
    assert_int_equal(tensor_int(&held[0].value, 1), 2);
}

/* ---- inputs ------------------------------------------------------------------------------ */

static void inputs_that_do_not_fit_are_told(void **state)
{
    Test *t = *state;
    const Shape two = SHAPE(2), three = SHAPE(3);
    const int32_t v[] = { 1, 2, 3 };
    block_result(t->f->body, param(t, "left", DT_INT32, two));
    assert_false(run_with(t, NULL, 0, 0));
    said(t, "input left (tensor<int32, [2]>) is not given");
    assert_false(run_with(t, (Binding[]){ ints("left", &three, v) }, 1, 0));
    said(t, "input left is int32 [2], but the tensor given holds int32 [3]");
    Binding other = { .name = "left",
                      .origin = "x.npy",
                      .value = tensor_view(DT_UINT32, &two, v) };
    assert_false(run_with(t, &other, 1, 0));
    said(t, "x.npy holds uint32 [2]");
    assert_false(
        run_with(t, (Binding[]){ ints("left", &two, v), ints("lefd", &two, v) }, 2, 0));
    said(t, "did you mean left?");
    assert_false(
        run_with(t, (Binding[]){ ints("left", &two, v), ints("left", &two, v) }, 2, 0));
    said(t, "given twice");
    assert_true(run_with(t, (Binding[]){ ints("left", &two, v) }, 1, 0));
}

/* ---- compressed weights ------------------------------------------------------------------ */

/* Of 8-bit elements, all q, to be decoded into n numbers scale * q. */
static Value *weight(Test *t, Builder *b, int64_t n, int8_t q, double scale)
{
    int8_t *data = NEW_ARRAY(&t->m->arena, n, int8_t);
    const Shape s = SHAPE(n), one = SHAPE(1);
    float *of = NEW(&t->m->arena, float);
    memset(data, q, (size_t)n);
    *of = (float)scale;
    const Type *bytes = type_tensor(&t->m->arena, DT_INT8, s);
    const Type *number = type_tensor(&t->m->arena, DT_FP32, one);
    Value *w = build_const(b, "q", const_data(&t->m->arena, bytes, data));
    Value *s1 = build_const(b, "s", const_data(&t->m->arena, number, of));
    return mil_constexpr_blockwise_shift_scale(b, "w", .data = w, .scale = s1);
}

/* Four weights of 8 MB each, 2 MB compressed: one may stay, the others come and go. */
static void decoded_weights_come_and_go(void **state)
{
    Test *t = *state;
    const size_t each = DECODED_KEEP;
    const float v = 1;
    const Shape one = SHAPE(1);
    Value *y = param(t, "x", DT_FP32, one);
    for (int8_t i = 1; i <= 4; i++)
        y = mil_add(&t->b, "y", .x = y, .y = weight(t, &t->b, (int64_t)each / 4, i, 0.5));
    block_result(t->f->body, y);
    const Binding in = { .name = "x", .value = tensor_view(DT_FP32, &one, &v) };
    for (int turn = 0; turn < 2; turn++) {
        assert_true(run_with(t, &in, 1, 0));
        assert_true(tensor_float(&t->result[0].value, each / 4 - 1) == 6);
        const DecodedBytes d = ref_decoded(t->p);
        assert_int_equal(d.keep, DECODED_KEEP);
        assert_int_equal(d.kept, each);
        assert_int_equal(d.now, each);
        assert_int_equal(d.peak, 2 * each);
    }
}

/* The weight of a loop's body, and one that a loop begins with and its body reads too. */
static void decoded_weights_outlive_what_reads_them(void **state)
{
    Test *t = *state;
    const int64_t n = DECODED_KEEP / 4 + 4; /* too large to stay */
    const Shape one = SHAPE(1);
    const int32_t v = 3;
    Value *times = param(t, "times", DT_INT32, one), *w = weight(t, &t->b, n, 2, 0.5);
    Op *op = op_new_of(t->m, t->f->body, NULL, OP_while_loop, (Loc){ 0 });
    op_arg(t->m, op, P_loop_vars, w);
    op_arg(t->m, op, P_loop_vars, times);
    op_arg(t->m, op, P_loop_vars, w);
    Value *p[2][3];
    Block *b[2];
    for (int i = 0; i < 2; i++) {
        b[i] = block_new(op, i ? "body" : "cond");
        for (int k = 0; k < 3; k++)
            p[i][k] = block_param(b[i], (const char *[]){ "a", "k", "c" }[k],
                                  k == 1 ? times->type : w->type, (Loc){ 0 });
    }
    Builder c = builder_at(b[0], NULL, &t->diag, (Loc){ 0 });
    Builder body = builder_at(b[1], NULL, &t->diag, (Loc){ 0 });
    Value *go = mil_greater(&c, "go", .x = p[0][1], .y = build_int(&c, 0));
    block_result(b[0], mil_squeeze(&c, "go0", .x = go));
    block_result(b[1], mil_add(&body, "a1", .x = p[1][0], .y = w));
    block_result(b[1], mil_sub(&body, "k1", .x = p[1][1], .y = build_int(&body, 1)));
    block_result(b[1], p[1][2]);
    for (int k = 0; k < 3; k++)
        block_result(t->f->body, op_out(t->m, op, (const char *[]){ "ra", "rk", "rc" }[k],
                                        k == 1 ? times->type : w->type, (Loc){ 0 }));
    for (int turn = 0; turn < 2; turn++) {
        assert_true(run_with(t, (Binding[]){ ints("times", &one, &v) }, 1, 0));
        assert_true(tensor_float(&t->result[0].value, (size_t)n - 1) == 4);
        assert_true(tensor_float(&t->result[2].value, (size_t)n - 1) == 1);
        assert_int_equal(ref_decoded(t->p).now, 0);
        assert_int_equal(ref_decoded(t->p).peak, 4 * n);
    }
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(results_may_be_inputs_constants_and_repeated),
        TEST(equations_are_read_once),
        TEST(cond_runs_one_block),
        TEST(loop_variables_are_exchanged_and_kept),
        TEST(loop_without_end_is_an_error),
        TEST(states_stay_until_reset),
        TEST(inputs_that_do_not_fit_are_told),
        TEST(decoded_weights_come_and_go),
        TEST(decoded_weights_outlive_what_reads_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
