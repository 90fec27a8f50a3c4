/* algebra.c -- removes statements that change nothing, and pairs that undo each other. */
#include "pass.h"

#include <string.h>

/* ---- ops with a neutral element ---------------------------------------------------------- */

static const struct {
    int op;
    ParamId arg; /* when this argument is `neutral` everywhere .. */
    double neutral;
    ParamId is; /* .. the op is its other argument */
} neutrals[] = {
    { OP_add, P_y, 0, P_x }, { OP_add, P_x, 0, P_y }, { OP_sub, P_y, 0, P_x },
    { OP_mul, P_y, 1, P_x }, { OP_mul, P_x, 1, P_y }, { OP_real_div, P_y, 1, P_x },
    { OP_pow, P_y, 1, P_x },
};

/* Adding zero may turn -0 into 0 and nothing else, so this is kept to within equality of
 * numbers. */
static Value *without_neutral(const Op *op)
{
    double v;
    for (size_t i = 0; i < COUNT(neutrals); i++)
        if (op->kind == neutrals[i].op && value_float(op_value(op, neutrals[i].arg), &v)
            && v == neutrals[i].neutral)
            return op_value(op, neutrals[i].is);
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

static bool same_type(const Op *op, const Value *x)
{
    return type_equal(op->out[0]->type, x->type);
}

static bool idle_identity(const Op *op, const Value *x) { return same_type(op, x); }
static bool idle_shape(const Op *op, const Value *x)
{
    return same_type(op, x) && shape_known(&x->type->shape);
}
static bool idle_transpose(const Op *op, const Value *x)
{
    return same_type(op, x) && counts_up(op_value(op, P_perm));
}
static bool idle_tile(const Op *op, const Value *x)
{
    return same_type(op, x) && all_equal(op_value(op, P_reps), 1);
}
static bool idle_slice(const Op *op, const Value *x)
{
    return idle_shape(op, x) && all_equal(op_value(op, P_begin), 0);
}

static const struct {
    int op;
    bool (*idle)(const Op *op, const Value *x);
} idles[] = {
    { OP_identity, idle_identity },   { OP_cast, idle_identity },
    { OP_reshape, idle_shape },       { OP_squeeze, idle_shape },
    { OP_transpose, idle_transpose }, { OP_tile, idle_tile },
    { OP_slice_by_size, idle_slice },
};

static Value *when_idle(const Op *op)
{
    Value *x = op_value(op, P_x);
    for (size_t i = 0; x && i < COUNT(idles); i++)
        if (op->kind == idles[i].op && idles[i].idle(op, x)) return x;
    return NULL;
}

/* ---- pairs ------------------------------------------------------------------------------- */

/* Every value of `from` is a value of `to`. */
static bool widens(DType from, DType to)
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
static Value *cast_pair(const Op *op)
{
    const Op *inner = op->kind == OP_cast ? op_value(op, P_x)->def : NULL;
    if (!inner || inner->kind != OP_cast) return NULL;
    Value *x = op_value(inner, P_x);
    if (!type_equal(x->type, op->out[0]->type)) return NULL;
    return widens(x->type->dtype, inner->out[0]->type->dtype) ? x : NULL;
}

static Value *relabel_pair(const Op *op)
{
    const Op *inner = is_relabel(op) ? op_value(op, P_x)->def : NULL;
    if (!inner || !is_relabel(inner)) return NULL;
    Value *x = op_value(inner, P_x);
    return type_equal(x->type, op->out[0]->type) && shape_known(&x->type->shape) ? x : NULL;
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

static Value *one_concat(const Op *op)
{
    const Arg *values = op->kind == OP_concat ? op_find_arg(op, P_values) : NULL;
    return values && values->count == 1 ? values->val[0] : NULL;
}

/* ---- the pass ---------------------------------------------------------------------------- */

static Value *(*const simplers[])(const Op *) = {
    without_neutral, when_idle, cast_pair, relabel_pair, one_concat,
};

/* A function's result keeps its name, so its statement stays, unless its argument is computed
 * for it alone and can take the name over. */
static bool take_name(Module *m, Op *op, Value *with)
{
    Value *out = op->out[0];
    if (!is_result(out)) return true;
    if (!with->def || with->def->parent != op->parent || with->lit || is_result(with))
        return false;
    with->name = out->name;
    if (with->def->nout == 1) op_set_name(m, with->def, out->name);
    return true;
}

typedef struct {
    Module *m;
    int changes;
} Clean;

static bool visit(void *ctx, Op *op)
{
    Clean *c = ctx;
    if (op->kind == OP_NONE || op->nout != 1 || op->nblock
        || op->out[0]->type->kind != TY_TENSOR)
        return true;
    if (skip_inner_reshape(op, c->m)) c->changes++;
    for (size_t i = 0; i < COUNT(simplers); i++) {
        Value *with = simplers[i](op);
        if (!with || !type_equal(with->type, op->out[0]->type) || !take_name(c->m, op, with))
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
    for (Func *f = m->first; f; f = f->next) func_walk(f, visit, &c);
    return c.changes;
}
