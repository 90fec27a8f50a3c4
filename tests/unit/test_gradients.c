/* test_gradients.c -- each gradient function of the op table against central differences of the
 * row's own example, so that a new row is covered without being named here; besides those of
 * perturbed.def, and of forms that neither has.
 *
 * Float arguments of the example become inputs, constant ones constants, all moved away from
 * whole numbers, where functions have their kinks. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "../../ir/mil/mil.h"
#include "../../ir/ops/grad.h"
#include "../../ir/passes/passes.h"

enum { MOST_X = MAX_PARAM * 4 };

typedef struct {
    const OpInfo *row;
    Arena arena;
    Diag diag;
    Module *from, *m;
    Func *f;
    Value *x[MOST_X], *y[MAX_RESULT], *seed[MAX_RESULT], *dx[MOST_X];
    Tensor value[MOST_X];
    int nx, ny;
    Op *last; /* the op of the example */
    Tensor *made[4096];
    int nmade;
    ValueTable value_of;
} Case;

/* ---- the example ------------------------------------------------------------------------- */

typedef struct {
    const char *op;
    int opset;
    const char *args; /* as examples of the op table have them */
} GradCall;

static const GradCall grad_calls[] = {
#define SEED(op, opset, args) { #op, opset, args },
#include "perturbed.def"
    /* vectors stand for a row or a column, which the product has not */
    SEED(matmul, 15, "x = " F("3", "[1, -2, 3]") ", y = " F("3", "[2, 1, 4]")) SEED(
        matmul, 15,
        "x = " F("3", "[1, -2, 3]") ", y = " F("3, 2", "[[2, 1], [4, 0], [1, 5]]"))
        SEED(matmul, 15,
             "x = " F("2, 3", "[[1, -2, 3], [0, 2, 1]]") ", y = " F(
                 "3", "[2, 1, 4]")) SEED(matmul, 15,
                                         "x = " F("3", "[1, -2, 3]") ", y = " F(
                                             "2, 3, 1",
                                             "[[[2], [4], [1]], [[1], [0], [5]]]"))
            SEED(matmul, 15,
                 "x = " F("2, 1, 3",
                          "[[[1, -2, 3]], [[0, 2, 1]]]") ", y = " F("3", "[2, 1, 4]"))
                SEED(matmul, 15,
                     "x = " F("2, 3, 1", "[[[2], [4], [1]], [[1], [0], [5]]]") ", y = " F(
                         "3, 2", "[[2, 1], [4, 0], [1, 5]]") ", transpose_x = " B("",
                                                                                  "true"))
                    SEED(
                        matmul, 15,
                        "x = " F("1, 3", "[[1, -2, 3]]") ", y = " F(
                            "2, 2, 3",
                            "[[[2, 4, 1], [1, 0, 5]], [[1, 1, 2], [3, 4, 0]]]") ", transpose_y = " B("",
                                                                                                     "true"))
    /* steps and turns along an axis with others behind it */
    SEED(slice_by_index, 15,
         "x = " F("5, 2", "[[1, 2], [3, 4], [5, 6], [7, 8], [9, 10]]") ", begin = " I(
             "2", "[0, 0]") ", end = " I("2", "[5, 2]") ", stride = " I("2", "[2, 1]"))
        SEED(
            slice_by_index, 15,
            "x = " F("5, 2, 1", "[[[1], [2]], [[3], [4]], [[5], [6]], [[7], [8]], [[9], [10]]]") ", begin = " I(
                "3", "[4, 0, 0]") ", end = " I("3",
                                               "[0, 2, 1]") ", stride = " I("3",
                                                                            "[-3, 1, 1]"))
            SEED(
                slice_by_index, 15,
                "x = " F("3, 4", "[[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]]") ", begin = " I(
                    "2", "[2, 3]") ", end = " I("2",
                                                "[1, 0]") ", stride = " I("2",
                                                                          "[-1, -2]"))
                SEED(
                    slice_by_index, 15,
                    "x = " F("3, 4", "[[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]]") ", begin = " I(
                        "2",
                        "[1, -3]") ", end = " I("2",
                                                "[0, -1]") ", stride = " I("2",
                                                                           "[1, 1]") ", squeeze_mask = " B("2",
                                                                                                           "[true, false]"))
    /* of all pads, and of the number that is there */
    SEED(
        pad, 15,
        "x = " F("2, 3", "[[1, 2, 3], [4, 5, 6]]") ", pad = " I(
            "4", "[2, 1, 0, 3]") ", mode = " S("constant") ", constant_val = " F("", "7"))
        SEED(
            pad, 15,
            "x = " F("2, 2, 3", "[[[1, 2, 3], [4, 5, 6]], [[7, 8, 9], [1, 0, 1]]]") ", pad = " I(
                "2", "[1, 2]") ", mode = " S("constant") ", constant_val = " F("", "7"))
            SEED(pad, 15,
                 "x = " F("3, 3", "[[1, 2, 3], [4, 5, 6], [7, 8, 9]]") ", pad = " I(
                     "4", "[2, 1, 0, 2]") ", mode = " S("reflect"))
                SEED(pad, 15,
                     "x = " F("2, 3", "[[1, 2, 3], [4, 5, 6]]") ", pad = " I(
                         "4", "[2, 0, 1, 3]") ", mode = " S("replicate"))
    /* axes before, between and behind */
    SEED(
        stack, 15,
        "values = (" F("2, 3", "[[1, 2, 3], [4, 5, 6]]") ", " F("2, 3", "[[0, 1, 0], [2, 0, 3]]") "), axis = " I(
            "", "1")) SEED(stack, 15,
                           "values = (" F("2, 3", "[[1, 2, 3], [4, 5, 6]]") ", " F(
                               "2, 3", "[[0, 1, 0], [2, 0, 3]]") "), axis = " I("", "-1"))
        SEED(
            concat, 15,
            "values = (" F("2, 1", "[[1], [2]]") ", " F(
                "2, 2",
                "[[3, 4], [5, 6]]") "), axis = " I("",
                                                   "-1") ", interleave = " B("", "false"))
            SEED(concat, 15,
                 "values = (" F("2, 2", "[[1, 0], [2, 7]]") ", " F(
                     "2, 2",
                     "[[3, 4], [5, 6]]") "), axis = " I("",
                                                        "1") ", interleave = " B("",
                                                                                 "true"))
                SEED(
                    tile, 15,
                    "x = " F("2, 2", "[[1, 2], [3, 4]]") ", reps = " I(
                        "2",
                        "[1, 3]")) SEED(tile, 15,
                                        "x = " F(
                                            "2, 2",
                                            "[[1, 2], [3, 4]]") ", reps = " I("2",
                                                                              "[3, 2]"))
                    SEED(cumsum, 15,
                         "x = " F("2, 3", "[[1, 2, 3], [4, 5, 6]]") ", axis = " I(
                             "",
                             "0") ", exclusive = " B("",
                                                     "false") ", reverse = " B("",
                                                                               "true"))
                        SEED(
                            cumsum,
                            15,
                            "x = " F("2, 3", "[[1, 2, 3], [4, 5, 6]]") ", axis = " I(
                                "",
                                "-1") ", exclusive = " B("",
                                                         "true") ", reverse = " B("",
                                                                                  "false"))
                            SEED(topk, 15,
                                 "x = " F("3, 2", "[[1, 4], [5, 0], [3, 7]]") ", k = " I(
                                     "",
                                     "2") ", axis = " I("",
                                                        "0") ", ascending = " B("",
                                                                                "true"))
                                SEED(
                                    transpose, 15,
                                    "x = " F(
                                        "2, 1, 3",
                                        "[[[1, 2, 3]], [[4, 5, 6]]]") ", perm = " I("3",
                                                                                    "[2, 0, 1]"))
                                    SEED(
                                        reduce_max, 15,
                                        "x = " F("2, 3", "[[1, 5, 3], [4, 2, 6]]") ", axes = " I(
                                            "1",
                                            "[0]") ", keep_dims = " B("", "false"))
                                        SEED(
                                            reduce_min, 15,
                                            "x = " F("2, 3", "[[1, 5, 3], [4, 2, 6]]") ", axes = " I(
                                                "1",
                                                "[-1]") ", keep_dims = " B("", "true"))
                                            SEED(
                                                reduce_prod, 15,
                                                "x = " F("2, 3", "[[1, 5, 3], [4, 2, 6]]") ", axes = " I(
                                                    "2",
                                                    "[0, 1]") ", keep_dims = " B("",
                                                                                 "false"))
                                                SEED(
                                                    einsum, 15,
                                                    "equation = " S("ab,cb->ac") ", values = (" F(
                                                        "2, 3",
                                                        "[[1, 5, 3], [4, 2, 6]]") ", " F("1, 3",
                                                                                         "[[2, 0, 1]]") ")")
                                                    SEED(
                                                        einsum, 15,
                                                        "equation = " S("aB,Bc->cB") ", values = (" F(
                                                            "2, 3",
                                                            "[[1, 5, 3], [4, 2, 6]]") ", " F("3, 1",
                                                                                             "[[2], [0], [1]]") ")")
};

static bool put_program(Buf *b, const OpInfo *row, const GradCall *call)
{
    const char *args = call ? call->args : row->example, *expect = row->expect;
    if (!args) return false;
    if (call) expect = "tensor<fp32, []>"; /* nobody asks what it is */
    buf_printf(b, "program(1.0)\n{\n    func main<ios%d>() {\n        ",
               call                 ? call->opset
               : row->example_opset ? row->example_opset
                                    : 16);
    /* types alone: "TYPE(" .. "), TYPE(" .. */
    int depth = 0, n = 0;
    bool type = true;
    for (const char *s = expect; *s; s++) {
        if (*s == '(' && !depth++) {
            buf_printf(b, " y%d", n++);
            type = false;
        }
        if (type) buf_putc(b, *s);
        if (*s == ')' && !--depth && s[1]) {
            buf_puts(b, ", ");
            type = true;
            s++;
        }
    }
    if (!n) buf_puts(b, " y0");
    buf_printf(b, " = %s(%s)[name = tensor<string, []>(\"y0\")];\n    } -> (y0);\n}\n",
               row->name, args);
    return true;
}

/* Whether an argument of this type may be a float: then it is made one. */
static bool may_be_float(const Case *c, const Param *p, const Value *v)
{
    const DType t = v->type->kind == TY_TENSOR ? v->type->dtype : DT_NONE;
    const bool number = dtype_is_float(t) || dtype_is_int(t);
    const bool variadic = (p->flags & P_VARIADIC) != 0;
    (void)c;
    return number && (domain_types(p->dom, OPSET_IOS18) >> DT_FP32 & 1)
        && (!variadic || strcmp(param_name(p), "begins"));
}

/* The literal's elements as fp32, moved by a sixth and a little more for each; what is huge or
 * no number, by which ends of integers are shown, is made small. */
static Tensor moved(Case *c, const Value *v, bool scalar)
{
    Tensor from, to = { 0 };
    assert_true(value_tensor(v, &c->diag, &from));
    assert_true(tensor_alloc(&to, &c->diag, DT_FP32, &from.shape));
    for (size_t i = 0; i < to.count; i++) {
        double x = tensor_float(&from, i);
        if (!(fabs(x) <= 1000)) x = x < 0 ? -3 : 3;
        tensor_set_float(&to, i, x + (scalar ? 0 : 0.17 + 0.011 * (double)(i * 7 % 11)));
    }
    tensor_free(&from);
    return to;
}

static Value *as_input(Case *c, Builder *b, const Param *p, const Value *v)
{
    const bool constant = (param_flags(p, b->opset) & P_CONST) != 0;
    const bool scalar = constant && (p->flags & P_SCALAR);
    Tensor t = moved(c, v, scalar);
    const Type *type = module_tensor(c->m, DT_FP32, &t.shape);
    Value *made;
    assert_true(c->nx < MOST_X);
    if (constant) {
        void *data;
        Const *k = const_room(&c->m->arena, type, t.bytes, &data);
        memcpy(data, t.data, t.bytes);
        made = build_const(b, param_name(p), k);
    } else {
        Buf name = { 0 };
        buf_printf(&name, "x%d", c->nx);
        made = block_param(c->f->body, module_name(c->m, name.s), type, (Loc){ 0 });
        buf_free(&name);
    }
    if (scalar) tensor_free(&t);
    else {
        c->value[c->nx] = t;
        c->x[c->nx++] = made;
    }
    return made;
}

/* The same op with inputs; false: there is nothing to differentiate. */
static bool open_case(Case *c, const OpInfo *row, const GradCall *call)
{
    Buf text = { 0 };
    *c = (Case){ .row = row };
    if (!put_program(&text, row, call)) {
        buf_free(&text);
        return false;
    }
    Source src = { .name = row->name, .text = text.s, .len = text.len };
    c->from = mil_read(&c->diag, &src, NULL);
    if (!c->from) fail_msg("%s\n%s", text.s, c->diag.text.s);
    const Op *op = module_main(c->from)->body->last;
    c->m = module_new();
    c->f = func_new(c->m, "main", module_main(c->from)->opset);
    Builder b = builder_at(c->f->body, NULL, &c->diag, (Loc){ 0 });
    Arg own[MAX_PARAM];
    BuildArg arg[MAX_PARAM];
    for (int i = 0; i < op->narg; i++) {
        const Param *p = op_param(row, arg_name(&op->arg[i]));
        own[i] = op->arg[i];
        arg_reserve(c->m, &own[i], arg_count(&op->arg[i]));
        for (int k = 0; k < arg_count(&op->arg[i]); k++) {
            const Value *v = op->arg[i].val[k];
            arg_put(&own[i], k,
                    may_be_float(c, p, v)
                        ? as_input(c, &b, p, v)
                        : value_literal(c->m, value_lit(v), (Loc){ 0 }));
        }
        arg[i] = arg_given(&own[i]);
    }
    c->last = build_op(&b, "y", op->kind, arg, op->narg);
    if (c->diag.errors && !call) fail_msg("%s: %s", row->name, c->diag.text.s);
    for (int i = 0; c->last && i < c->last->nout; i++)
        if (dtype_is_float(c->last->out[i]->type->dtype)) c->y[c->ny++] = c->last->out[i];
    buf_free(&text);
    return c->ny && c->nx;
}

static void close_case(Case *c)
{
    for (int i = 0; i < c->nmade; i++) tensor_free(c->made[i]);
    for (int i = 0; i < c->nx; i++) tensor_free(&c->value[i]);
    values_free(&c->value_of);
    module_free(c->m);
    module_free(c->from);
    diag_free(&c->diag);
    arena_free(&c->arena);
}

/* ---- running ----------------------------------------------------------------------------- */

static void run_op(Case *c, const Op *op)
{
    if (op->kind == OP_const) return;
    Call *call = NEW(&c->arena, Call);
    Tensor *out = NEW_ARRAY(&c->arena, MAX_RESULT, Tensor);
    assert_true(call_of_op(call, op, &c->arena, &c->diag));
    for (int i = 0; i < op->narg; i++) {
        const Param *p = op_param(call->info, arg_name(&op->arg[i]));
        for (int k = 0; k < arg_count(&op->arg[i]); k++) {
            const Value *v = op->arg[i].val[k];
            const Tensor *t = values_get(&c->value_of, v);
            if (t) call->p[p - call->info->param].v[k].val = t;
        }
    }
    if (!call_run(call, out, MAX_RESULT))
        fail_msg("%s: %s", c->row->name, c->diag.text.s);
    for (int i = 0; i < op->nout; i++) {
        values_set(&c->value_of, op->out[i], &out[i]);
        assert_true(c->nmade < (int)COUNT(c->made));
        c->made[c->nmade++] = &out[i];
    }
}

/* All ops, with the values of x as they are. */
static void run_all(Case *c)
{
    for (int i = 0; i < c->nmade; i++) tensor_free(c->made[i]);
    c->nmade = 0;
    values_free(&c->value_of);
    for (int i = 0; i < c->nx; i++) values_set(&c->value_of, c->x[i], &c->value[i]);
    for (const Op *op = c->f->body->first; op; op = op->next) run_op(c, op);
}

/* The weights of the results: no two alike. */
static double weight(size_t i) { return 0.5 + 0.25 * (double)(i * 5 % 7); }

static double loss(const Case *c)
{
    double sum = 0;
    for (int i = 0; i < c->ny; i++) {
        const Tensor *t = values_get(&c->value_of, c->y[i]);
        for (size_t k = 0; k < t->count; k++) sum += weight(k) * tensor_float(t, k);
    }
    return sum;
}

static void add_gradients(Case *c)
{
    Builder b = builder_at(c->f->body, NULL, &c->diag, (Loc){ 0 });
    for (int i = 0; i < c->ny; i++) {
        Tensor room;
        const Const *k = grad_table(&b, DT_FP32, c->y[i]->type->shape, &room);
        for (size_t n = 0; n < room.count; n++) tensor_set_float(&room, n, weight(n));
        c->seed[i] = build_const(&b, "seed", k);
    }
    for (int i = 0; i < c->ny; i++) block_result(c->f->body, c->y[i]);
    if (!autodiff(&b, c->y, c->seed, c->ny, c->x, c->nx, c->dx)) return;
    for (int i = 0; i < c->nx; i++)
        if (c->dx[i]) block_result(c->f->body, c->dx[i]);
    assert_true(module_verify(c->m, &c->diag, "autodiff"));
}

static void compare(Case *c, int i)
{
    const double h = 0x1p-9;
    Tensor *x = &c->value[i];
    double most = 0, *want = NEW_ARRAY(&c->arena, x->count + 1, double);
    for (size_t k = 0; k < x->count; k++) {
        const double v = tensor_float(x, k);
        double y[2];
        for (int side = 0; side < 2; side++) {
            tensor_set_float(x, k, side ? v + h : v - h);
            run_all(c);
            y[side] = loss(c);
        }
        tensor_set_float(x, k, v);
        want[k] = (y[1] - y[0]) / (2 * h);
        if (isfinite(want[k])) most = fmax(most, fabs(want[k]));
    }
    run_all(c);
    Tensor got = { 0 };
    const Tensor *dx = values_get(&c->value_of, c->dx[i]);
    if (dx) got = tensor_view(DT_FP32, &x->shape, dx->data);
    else assert_true(value_tensor(c->dx[i], &c->diag, &got)); /* a seed as it is */
    for (size_t k = 0; k < x->count; k++) /* a root of what is negative has no slope */
        if (isfinite(want[k])
            && !(fabs(tensor_float(&got, k) - want[k]) <= 1e-2 * most + 2e-3))
            fail_msg("%s: by argument %d, element %zu: %.6g, by differences %.6g",
                     c->row->name, i, k, tensor_float(&got, k), want[k]);
}

static bool has_gradient(const OpInfo *row)
{
    return row->grad && row->grad != grad_zero && row->grad != grad_blocks;
}

/* Whether the gradients of a row, of its example or of a call, are those that differences show;
 * false: there are none, and why. */
static bool by_differences(const OpInfo *row, const GradCall *call)
{
    static Case c;
    bool ok = open_case(&c, row, call);
    if (ok) add_gradients(&c);
    else print_message("%s: no float result\n", row->name);
    if (c.diag.errors) print_message("%s: %s", row->name, c.diag.text.s);
    ok = ok && !c.diag.errors;
    for (int k = 0; ok && k < c.nx; k++)
        if (c.dx[k]) compare(&c, k);
    close_case(&c);
    return ok;
}

static void test_differences(void **state)
{
    int rows = 0;
    (void)state;
    for (int i = 0; i < OP_COUNT; i++) {
        const OpInfo *row = &ops[i];
        if (!has_gradient(row)) continue;
        if (!row->example) fail_msg("%s has a gradient and no example", row->name);
        rows += by_differences(row, NULL);
    }
    print_message("%d rows by differences\n", rows);
    assert_true(rows > 88);
}

static void test_other_forms(void **state)
{
    int calls = 0;
    (void)state;
    for (size_t i = 0; i < COUNT(grad_calls); i++) {
        const OpInfo *row = &ops[op_find(grad_calls[i].op)];
        calls += has_gradient(row) && by_differences(row, &grad_calls[i]);
    }
    print_message("%d calls by differences\n", calls);
    assert_true(calls > 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_differences),
                                        cmocka_unit_test(test_other_forms) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
