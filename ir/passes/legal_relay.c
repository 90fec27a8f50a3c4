/* legal_relay.c -- the same statement over other axes, between reshapes that algebra then
 * merges. */
#include "legal_shape.h"

#include <string.h>

bool is_family(const Op *op, const char *family)
{
    return op->kind != OP_NONE && !strcmp(ops[op->kind].family, family);
}

Value *make_relaid(Builder *b, Op *op, Relayout *to, const void *ctx)
{
    BuildArg arg[MAX_PARAM];
    Value *val[MAX_PARAM];
    if (op->narg > MAX_PARAM) return NULL;
    for (int i = 0; i < op->narg; i++)
        if (arg_count(&op->arg[i]) != 1) return NULL;
    for (int i = 0; i < op->narg; i++) {
        const Shape *s = shape_of_value(op->arg[i].val[0]);
        val[i] = op->arg[i].val[0];
        if (s && s->rank) {
            const Shape new_shape = to(ctx, s);
            val[i] = make_relabel(b, val[i], &new_shape);
        }
        arg[i] = (BuildArg){ .param = op->arg[i].param, .val = &val[i], .count = 1 };
    }
    Value *y = build_op(b, op_name(op), op->kind, arg, op->narg)->out[0];
    return make_shape(b, y, &op->out[0]->type->shape);
}

bool reduced_axes(const Op *op, int rank, bool *reduced)
{
    int64_t axes[MAX_RANK * 2];
    const Value *given = op_value(op, P_axes);
    const int n = given ? value_ints(given, axes) : 0;
    for (int i = 0; i < rank; i++) reduced[i] = !given;
    for (int i = 0; i < n; i++) {
        const int64_t at = axes[i] < 0 ? axes[i] + rank : axes[i];
        if (at < 0 || at >= rank) return false;
        reduced[at] = true;
    }
    return n >= 0;
}

Value *make_reduced(Builder *b, Op *op, Value *x, int n, const int64_t *axes)
{
    Value *y = make_over(b, op_name(op), op->kind, x, n, axes);
    return make_shape(b, y, &op->out[0]->type->shape);
}
