/* algebra.c -- removes ops that change nothing, and pairs that undo each other. */
#include "passes.h"

#include <string.h>

/* ---- ops with a neutral element ---------------------------------------------------------- */

static bool is_number(const Op *op, ParamId p, double number)
{
    double v;
    return value_float(op_value(op, p), &v) && v == number;
}

/* Adding zero may turn -0 into 0 and nothing else, so this is kept to within equality of
 * numbers. */
static Value *without_neutral(const Op *op)
{
    const Laws *l = &op_laws[op->kind];
    if (l->right.is && is_number(op, P_y, l->right.number)) return op_value(op, P_x);
    if (l->left.is && is_number(op, P_x, l->left.number)) return op_value(op, P_y);
    return NULL;
}

/* ---- ops that are the identity for their parameters -------------------------------------- */

static bool counts_up(const Value *v)
{
    int64_t p[MAX_RANK * 2];
    int n = value_ints(v, p);
    for (int i = 0; i < n; i++)
        if (p[i] != i) return false;
    return n >= 0;
}

static bool all_equal(const Value *v, int64_t want)
{
    int64_t p[MAX_RANK * 2];
    int n = value_ints(v, p);
    for (int i = 0; i < n; i++)
        if (p[i] != want) return false;
    return n >= 0;
}

static Value *when_idle(const Op *op)
{
    const Laws *l = &op_laws[op->kind];
    Value *x = op_value(op, P_x);
    if (!l->idle.when || !x || !type_equal(op->out[0]->type, x->type)) return NULL;
    const Value *by = op_value(op, l->idle.param);
    switch (l->idle.when) {
    case IDLE_NEVER:
        return NULL;
    case IDLE_SAME_TYPE:
        return x;
    case IDLE_SAME_SHAPE:
        return shape_known(&x->type->shape) ? x : NULL;
    case IDLE_COUNTS_UP:
        return counts_up(by) ? x : NULL;
    case IDLE_ALL_ARE:
        return all_equal(by, l->idle.number) ? x : NULL;
    }
    return NULL;
}

/* ---- pairs ------------------------------------------------------------------------------- */

/* Every value of `from` is a value of `to`. */
static bool algebra_widens(DType from, DType to)
{
    static const struct {
        DType from, to;
    } wider[] = {
        { DT_FP16, DT_FP32 },   { DT_BOOL, DT_FP16 },    { DT_BOOL, DT_FP32 },
        { DT_BOOL, DT_INT32 },  { DT_INT8, DT_INT32 },   { DT_UINT8, DT_INT32 },
        { DT_INT16, DT_INT32 }, { DT_UINT16, DT_INT32 }, { DT_INT8, DT_FP16 },
        { DT_UINT8, DT_FP16 },  { DT_INT8, DT_FP32 },    { DT_UINT8, DT_FP32 },
        { DT_INT16, DT_FP32 },  { DT_UINT16, DT_FP32 },
    };
    for (size_t i = 0; i < COUNT(wider); i++)
        if (wider[i].from == from && wider[i].to == to) return true;
    return false;
}

/* cast(cast(x, wide), type of x) is x: a round trip through a wider type. */
static Value *round_trip(const Op *op)
{
    const Op *inner = op_laws[op->kind].round_trip ? op_value(op, P_x)->def : NULL;
    if (!inner || inner->kind != op->kind) return NULL;
    Value *x = op_value(inner, P_x);
    if (!type_equal(x->type, op->out[0]->type)) return NULL;
    return algebra_widens(x->type->dtype, inner->out[0]->type->dtype) ? x : NULL;
}

static Value *relabel_pair(const Op *op)
{
    const Op *inner = is_relabel(op) ? op_value(op, P_x)->def : NULL;
    if (!inner || !is_relabel(inner)) return NULL;
    Value *x = op_value(inner, P_x);
    return type_equal(x->type, op->out[0]->type) && shape_known(&x->type->shape) ? x
                                                                                 : NULL;
}

/* reshape(reshape(x)) is the outer one of x, when its shape says all. */
static bool skip_inner_reshape(Op *op, Module *m)
{
    int64_t shape[MAX_RANK * 2];
    const Op *inner = op->kind == OP_reshape ? op_value(op, P_x)->def : NULL;
    if (!inner || !is_relabel(inner)) return false;
    int n = value_ints(op_value(op, P_shape), shape);
    for (int i = 0; i < n; i++)
        if (shape[i] <= 0) return false;
    if (n < 0) return false;
    op_set_arg(m, op, P_x, op_value(inner, P_x));
    return true;
}

static Value *the_only_one(const Op *op)
{
    const Arg *values = op_laws[op->kind].of_one ? op_find_arg(op, P_values) : NULL;
    return values && arg_count(values) == 1 ? values->val[0] : NULL;
}

/* ---- the pass ---------------------------------------------------------------------------- */

static Value *(*const simplers[])(const Op *) = {
    without_neutral, when_idle, round_trip, relabel_pair, the_only_one,
};

/* A function's result keeps its name, so its op stays, unless its argument is computed
 * for it alone and can take the name over. */
static bool take_name(Module *m, Op *op, Value *with)
{
    Value *out = op->out[0];
    if (!is_result(out)) return true;
    if (!with->def || with->def->parent != op->parent || value_lit(with)
        || is_result(with))
        return false;
    with->name = out->name;
    if (with->def->nout == 1) op_set_name(m, with->def, out->name);
    return true;
}

typedef struct {
    Module *m;
    int changes;
} Clean;

static bool algebra_visit(void *ctx, Op *op)
{
    Clean *c = ctx;
    if (op->kind == OP_NONE || op->nout != 1 || op_nblock(op)
        || op->out[0]->type->kind != TY_TENSOR)
        return true;
    if (skip_inner_reshape(op, c->m)) c->changes++;
    for (size_t i = 0; i < COUNT(simplers); i++) {
        Value *with = simplers[i](op);
        if (!with || !type_equal(with->type, op->out[0]->type)
            || !take_name(c->m, op, with))
            continue;
        replace_op(op, with);
        c->changes++;
        break;
    }
    return true;
}

int pass_algebra(Module *m, const PassOptions *o, Diag *d)
{
    (void)o, (void)d;
    Clean c = { .m = m };
    for (Func *f = m->first; f; f = f->next) func_walk(f, algebra_visit, &c);
    return c.changes;
}
