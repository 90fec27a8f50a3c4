/* opset_flow.c -- finds integers that are used as indices only, and the sizes of the axes that
 * they index.
 *
 * coremltools casts indices to int16 and back where an axis is short enough. An index that
 * int16 cannot hold is outside of such an axis anyway, so a cast that only indices pass
 * through need not wrap around when its type is replaced by a wider one. The walk goes from
 * the last op to the first. */
#include "opset.h"

#include <string.h>

static bool is_flag(const Value *v)
{
    return v->type->kind == TY_TENSOR && v->type->dtype == DT_BOOL;
}

static bool opset_flow_counts(const Value *v)
{
    return v->type->kind == TY_TENSOR && (dtype_is_int(v->type->dtype) || is_flag(v));
}

static void opset_flow_remember(Level *l, Value *v)
{
    if (!v->name || !opset_flow_counts(v)) return;
    Was *w = NEW(&l->scratch, Was);
    const bool lost = !opset_computes(l->to, v->type->dtype);
    *w = (Was){ .dtype = lost ? v->type->dtype : DT_NONE };
    values_set(&l->was, v, w);
    l->lost = l->lost || lost;
}

static void opset_flow_reach(const Level *l, const Value *v, int64_t n)
{
    Was *w = values_get(&l->was, v);
    if (w && w->reach < n) w->reach = n;
}

/* The entries of the longest axis that indices of an op may point into. */
static int64_t longest_axis(const Op *op)
{
    const Shape *x = shape_of_value(op_value(op, P_x));
    int64_t most = 0;
    if (!x) return INT64_MAX;
    for (int i = 0; i < x->rank; i++) most = x->dim[i] > most ? x->dim[i] : most;
    return most;
}

/* Ops whose result is indices, or a choice between indices, when their arguments are. */
static bool passes_on(int kind)
{
    static const int kinds[] = { OP_cast,        OP_select,        OP_add,
                                 OP_greater,     OP_greater_equal, OP_less,
                                 OP_less_equal,  OP_logical_and,   OP_logical_or,
                                 OP_logical_not, OP_reshape,       OP_expand_dims,
                                 OP_squeeze,     OP_transpose,     OP_concat,
                                 OP_stack,       OP_identity };
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (kind == kinds[i]) return true;
    return false;
}

static int64_t reach_of(const Level *l, const Op *op, const char *arg)
{
    const bool gathers = op->kind == OP_gather || op->kind == OP_gather_along_axis
                      || op->kind == OP_gather_nd;
    if (gathers && !strcmp(arg, "indices")) return longest_axis(op);
    const Was *w = op->nout == 1 ? values_get(&l->was, op->out[0]) : NULL;
    return passes_on(op->kind) && w ? w->reach : INT64_MAX;
}

static void opset_flow_use(const Level *l, const Op *op, bool inside)
{
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++)
            opset_flow_reach(l, op->arg[i].val[k],
                             inside ? INT64_MAX : reach_of(l, op, arg_name(&op->arg[i])));
}

static bool opset_flow_look(void *ctx, Op *op)
{
    Level *l = ctx;
    for (int i = 0; i < op->nout; i++) opset_flow_remember(l, op->out[i]);
    for (int i = 0; i < op_nblock(op); i++)
        for (int k = 0; k < op_block(op, i)->nparam; k++)
            opset_flow_remember(l, op_block(op, i)->param[k]);
    return true;
}

/* What blocks do with values is not followed. */
static bool look_inside(void *ctx, Op *op)
{
    const Level *l = ctx;
    if (op->parent->owner) opset_flow_use(l, op, true);
    for (int i = 0; i < op_nblock(op); i++) {
        for (int k = 0; k < op_block(op, i)->nparam; k++)
            opset_flow_reach(l, op_block(op, i)->param[k], INT64_MAX);
        for (int k = 0; k < op_block(op, i)->nresult; k++)
            opset_flow_reach(l, op_block(op, i)->result[k], INT64_MAX);
    }
    return true;
}

void opset_flow(Level *l)
{
    Block *body = l->func->body;
    for (int i = 0; i < body->nparam; i++) opset_flow_remember(l, body->param[i]);
    func_walk(l->func, opset_flow_look, l);
    if (!l->lost) return;
    func_walk(l->func, look_inside, l);
    for (int i = 0; i < body->nresult; i++)
        opset_flow_reach(l, body->result[i], INT64_MAX);
    for (const Op *op = body->last; op; op = op->prev) opset_flow_use(l, op, false);
}
