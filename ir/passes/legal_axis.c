/* legal_axis.c -- ops along an axis that an engine takes for some sizes or counts only: topk,
 * softmax and local_response_norm. */
#include "legal.h"
#include "legal_shape.h"

#include <math.h>

/* x with more entries behind those of the axis, all of the value. */
static Value *axis_longer(Builder *b, Value *x, int axis, int64_t more, double value)
{
    int64_t pad[2 * MAX_RANK] = { 0 };
    pad[2 * axis + 1] = more;
    return make_pad(b, x, pad, value);
}

/* ---- topk -------------------------------------------------------------------------------- */

/* More than are asked for, sorted, and the first of these. What fills up an axis that is too
 * short stands behind all else, and behind its equals, since it comes later. */
static bool topk_of_more(Builder *b, const Op *op, Value *x, int axis, int64_t k,
                         Value **out)
{
    BuildArg arg[MAX_PARAM];
    int64_t more = k;
    while (rule_topk_refuses(more)) more++;
    const int64_t n = x->type->shape.dim[axis];
    if (n < more && !dtype_is_float(x->type->dtype)) return false;
    if (n < more)
        x = axis_longer(b, x, axis, more - n,
                        flag_of(op, P_ascending) ? INFINITY : -INFINITY);
    Value *count = build_int(b, more), *sorted = build_bool(b, true);
    int narg = args_with(op, arg, op->narg, P_x, &x);
    narg = args_with(NULL, arg, narg, P_k, &count);
    if (op_value(op, P_sort)) narg = args_with(NULL, arg, narg, P_sort, &sorted);
    Op *all = build_op(b, "topk", OP_topk, arg, narg);
    for (int i = 0; i < op->nout; i++) out[i] = make_slice(b, all->out[i], axis, 0, k);
    return true;
}

/* The largest, its place, and again without it: k times. Of equals the first comes first in
 * both. A place is told from others as fp16. An entry that is -inf itself may be taken
 * twice. */
static bool topk_by_reductions(Builder *b, const Op *op, Value *x, int axis, int64_t k,
                               Value **out)
{
    enum { MOST = 16, FP16_WHOLE = 2048 };
    Value *value[MOST], *place[MOST];
    const Shape *s = &x->type->shape;
    const DType t = x->type->dtype;
    if (k < 1 || k > MOST || s->dim[axis] > FP16_WHOLE || !dtype_is_float(t))
        return false;
    const bool up = flag_of(op, P_ascending);
    const int64_t at = axis;
    Value *axes = build_ints(b, 1, &at), *one = build_int(b, axis),
          *keep = build_bool(b, true);
    Value *all = make_counting(b, t, s->rank, axis, s->dim[axis]),
          *least = make_number(b, x, -INFINITY);
    if (up) x = make_with(b, OP_mul, x, -1);
    for (int64_t i = 0; i < k; i++) {
        value[i] = mil_reduce_max(b, "largest", .x = x, .axes = axes, .keep_dims = keep);
        place[i] = mil_reduce_argmax(b, "place", .x = x, .axis = one, .keep_dims = keep);
        if (i + 1 < k)
            x = make_select(b, make_two(b, OP_equal, all, make_cast(b, place[i], t)),
                            least, x);
    }
    out[0] = make_concat(b, value, (int)k, axis);
    if (up) out[0] = make_with(b, OP_mul, out[0], -1);
    if (op->nout < 2) return true;
    out[1] = make_cast(b, make_concat(b, place, (int)k, axis), op->out[1]->type->dtype);
    return true;
}

bool topk_as_taken(const Legal *l, Builder *b, Op *op, Value **out)
{
    int64_t k;
    Value *x = op_value(op, P_x);
    const Shape *s = shape_of_value(x);
    const int axis = s ? axis_of(op, P_axis, -1, s->rank) : -1;
    if (axis < 0 || !int_of(op, P_k, 1, &k)) return false;
    if (op_refused(l->rules, OP_topk) >= STAND_REPORTED)
        return topk_by_reductions(b, op, x, axis, k == -1 ? s->dim[axis] : k, out);
    return legal_asks(l, RULE_topk_k, op) && topk_of_more(b, op, x, axis, k, out);
}

/* ---- softmax ----------------------------------------------------------------------------- */

/* Over the next power of two: what is added has no share, as exp(-65504) is 0. */
Value *softmax_of_more(const Legal *l, Builder *b, Op *op)
{
    Value *x = op_value(op, P_x);
    const Shape *s = shape_of_value(x);
    const int axis = s ? axis_of(op, P_axis, -1, s->rank) : -1;
    int64_t n = 1;
    (void)l;
    if (axis < 0 || s->dim[axis] < 1 || s->dim[axis] > INT32_MAX) return NULL;
    while (n < s->dim[axis]) n *= 2;
    if (n == s->dim[axis]) return NULL;
    x = axis_longer(b, x, axis, n - s->dim[axis], -65504);
    Value *y = mil_softmax(b, "softmax", .x = x, .axis = build_int(b, axis));
    return make_slice(b, y, axis, 0, s->dim[axis]);
}

/* ---- local_response_norm ----------------------------------------------------------------- */

/* Channels of x from..to and their neighbours, normalized, without the neighbours. */
static Value *axis_normalized(Builder *b, const Op *op, Value *x, int64_t from,
                              int64_t to, int64_t size)
{
    BuildArg arg[MAX_PARAM];
    const int64_t all = x->type->shape.dim[1];
    const int64_t first = from < size / 2 ? 0 : from - size / 2;
    const int64_t end = all - to < (size - 1) / 2 ? all : to + (size - 1) / 2;
    Value *part = make_slice(b, x, 1, first, end - first);
    const int narg = args_with(op, arg, op->narg, P_x, &part);
    part = build_op(b, "norm", op->kind, arg, narg)->out[0];
    return make_slice(b, part, 1, from - first, to - from);
}

/* In groups of channels, each with the neighbours that its window sees: as many as the limit
 * leaves room for. A window that fills it leaves none. */
Value *lrn_by_groups(const Legal *l, Builder *b, Op *op)
{
    enum { MOST = 128 };
    Value *part[MOST], *x = op_value(op, P_x);
    const Shape *s = shape_of_value(x);
    const int64_t most = rule_limit(l->rules, LIMIT_lrn_channels);
    int64_t size, from;
    if (!s || !legal_asks(l, RULE_lrn_channels, op)) return NULL;
    if (!int_of(op, P_size, 1, &size) || size < 1 || size > most) return NULL;
    const int64_t groups = piece_count(s->dim[1], most - (size - 1));
    if (groups > MOST) return NULL;
    for (int64_t i = 0; i < groups; i++) {
        const int64_t n = piece_size(s->dim[1], groups, i, &from);
        part[i] = axis_normalized(b, op, x, from, from + n, size);
    }
    return make_concat(b, part, (int)groups, 1);
}
