/* tensor_grad.c -- gradients of the ops that join, split, repeat and pad tensors. */
#include "grad.h"

#include <string.h>

/* Gradients of the values of a tuple, which lie in d one after the other along an axis. */
bool grad_concat_op(Grad *g)
{
    Builder *b = g->b;
    const Arg *v = op_find_arg(g->op, P_values);
    Value *d = g->dy[0];
    const Shape out = d->type->shape;
    const int axis = grad_axis(g, P_axis, out.rank);
    const bool turns = grad_bool(g, P_interleave);
    int64_t from = 0;
    if (turns) { /* the values take turns: their number is the inner of two axes */
        Shape s = { .rank = out.rank + 1 };
        for (int i = 0; i < out.rank; i++) s.dim[i > axis ? i + 1 : i] = out.dim[i];
        s.dim[axis] = out.dim[axis] / arg_count(v);
        s.dim[axis + 1] = arg_count(v);
        d = grad_as(b, d, s);
    }
    for (int k = 0; k < arg_count(v); k++) {
        const Shape *s = &v->val[k]->type->shape;
        const int at = grad_place(g, P_values, k);
        const int64_t n = s->dim[axis];
        if (g->wanted[at] && turns)
            g->dx[at] = grad_as(b, grad_slice(b, d, axis + 1, k, 1), *s);
        else if (g->wanted[at]) g->dx[at] = grad_slice(b, d, axis, from, n);
        from += n;
    }
    return true;
}

bool grad_stack(Grad *g)
{
    const Arg *v = op_find_arg(g->op, P_values);
    const int axis = grad_axis(g, P_axis, g->dy[0]->type->shape.rank);
    for (int k = 0; k < arg_count(v); k++) {
        const int at = grad_place(g, P_values, k);
        if (g->wanted[at])
            g->dx[at] = grad_like(g->b, grad_slice(g->b, g->dy[0], axis, k, 1),
                                  v->val[k]);
    }
    return true;
}

bool grad_split(Grad *g)
{
    Value *part[MAX_RESULT], *x = grad_arg(g, P_x);
    if (!grad_wants(g, P_x)) return true;
    for (int i = 0; i < g->op->nout; i++)
        part[i] = g->dy[i] ? g->dy[i] : grad_zeros(g->b, g->op->out[i]);
    const int axis = grad_axis(g, P_axis, x->type->shape.rank);
    grad_give(g, P_x, grad_concat(g->b, part, g->op->nout, axis));
    return true;
}

/* Each repeated axis as two, of which the first is summed over, with the axes before and behind
 * as one each. */
bool grad_tile(Grad *g)
{
    Value *x = grad_arg(g, P_x), *d = g->dy[0];
    const Shape from = x->type->shape;
    const bool second[MAX_RANK] = { false, true };
    int64_t before = 1, after = 1;
    if (!grad_wants(g, P_x)) return true;
    for (int i = 0; i < from.rank; i++) after *= d->type->shape.dim[i];
    Shape s = d->type->shape;
    for (int i = 0; i < from.rank; i++) {
        const int64_t n = from.dim[i], reps = n ? s.dim[i] / n : 1;
        after = s.dim[i] ? after / s.dim[i] : after;
        if (reps != 1) {
            d = grad_as(g->b, d, SHAPE(before, reps, n * after));
            d = grad_reduce(g->b, OP_reduce_sum, d, second, true);
        }
        before *= n;
    }
    grad_give(g, P_x, grad_like(g->b, d, x));
    return true;
}

/* What was summed from the left is summed from the right. */
bool grad_cumsum(Grad *g)
{
    if (!grad_wants(g, P_x)) return true;
    Builder *b = g->b;
    const int axis = grad_axis(g, P_axis, g->dy[0]->type->shape.rank);
    Value *along = build_int(b, axis);
    Value *exclusive = build_bool(b, grad_bool(g, P_exclusive));
    Value *back = build_bool(b, !grad_bool(g, P_reverse));
    grad_give(g, P_x,
              mil_cumsum(b, "cumsum", .x = g->dy[0], .axis = along,
                         .exclusive = exclusive, .reverse = back));
    return true;
}

/* ---- pad --------------------------------------------------------------------------------- */

/* Which entry of an axis of n stands at place i of it, which may be outside. */
static int64_t tensor_grad_mirrored(int64_t i, int64_t n, bool reflect)
{
    if (i < 0) return reflect ? -i : 0;
    if (i >= n) return reflect ? 2 * (n - 1) - i : n - 1;
    return i;
}

static Value *tensor_grad_unpad(Builder *b, Value *d, int axis, int64_t before, int64_t n,
                                bool reflect)
{
    Arena scratch = { 0 };
    const int64_t from = d->type->shape.dim[axis];
    double *m = NEW_ARRAY(&scratch, from * n + 1, double);
    for (int64_t i = 0; i < from; i++)
        m[i * n + tensor_grad_mirrored(i - before, n, reflect)] = 1;
    d = grad_along(b, d, axis, from, n, m);
    arena_free(&scratch);
    return d;
}

bool grad_pad_op(Grad *g)
{
    int64_t pad[MAX_RANK * 2];
    Value *x = grad_arg(g, P_x), *d = g->dy[0];
    const Shape s = x->type->shape;
    const int mode = grad_choice(g, P_mode);
    const int n = value_ints(grad_arg(g, P_pad), pad), first = s.rank - n / 2;
    if (n < 0) return grad_error(g, "pad must be a constant");
    if (grad_wants(g, P_constant_val) && mode == EXTEND_CONSTANT) {
        bool axes[MAX_RANK];
        for (int i = 0; i < MAX_RANK; i++) axes[i] = true;
        Value *inside = d;
        for (int i = first; i < s.rank; i++)
            inside = grad_slice(g->b, inside, i, pad[2 * (i - first)], s.dim[i]);
        Value *all = grad_reduce(g->b, OP_reduce_sum, d, axes, true);
        inside = grad_reduce(g->b, OP_reduce_sum, inside, axes, true);
        grad_give(g, P_constant_val,
                  grad_like(g->b, make_two(g->b, OP_sub, all, inside),
                            grad_arg(g, P_constant_val)));
    }
    if (!grad_wants(g, P_x)) return true;
    for (int i = first; i < s.rank; i++) {
        const int64_t before = pad[2 * (i - first)];
        if (d->type->shape.dim[i] == s.dim[i]) continue;
        d = mode == EXTEND_CONSTANT
              ? grad_slice(g->b, d, i, before, s.dim[i])
              : tensor_grad_unpad(g->b, d, i, before, s.dim[i], mode == EXTEND_REFLECT);
    }
    grad_give(g, P_x, d);
    return true;
}

/* ---- topk -------------------------------------------------------------------------------- */

bool grad_topk(Grad *g)
{
    Builder *b = g->b;
    Value *x = grad_arg(g, P_x);
    if (!grad_wants(g, P_x) || !g->dy[0]) return true;
    Value *places = g->op->nout > 1 ? g->op->out[1] : NULL;
    if (!places) { /* return_indices is false: once more, with them */
        const BuildArg with = { .param = P_return_indices };
        Value *again = grad_same(g, OP_topk, 1, &with);
        places = again->def->out[1];
    }
    if (places->type->dtype != DT_INT32)
        places = mil_cast(b, "cast", .x = places, .dtype = build_string(b, "int32"));
    const int axis = grad_axis(g, P_axis, x->type->shape.rank);
    grad_give(g, P_x, grad_scatter_sum(b, grad_zeros(b, x), places, g->dy[0], axis));
    return true;
}

/* The same matrix elements, whose places have no gradient. */
bool grad_band_part(Grad *g)
{
    const BuildArg with = { .param = P_x,
                            .val = (Value **)(uintptr_t)&g->dy[0],
                            .count = 1 };
    if (grad_wants(g, P_x)) grad_give(g, P_x, grad_same(g, OP_band_part, 1, &with));
    return true;
}
