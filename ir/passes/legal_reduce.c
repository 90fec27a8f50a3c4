/* legal_reduce.c -- reduce_mean in terms of ops that an engine takes, and reduce_argmax and
 * reduce_argmin over axes that are not too long for it. */
#include "legal_shape.h"

#include <math.h>
#include <string.h>

/* ---- means ------------------------------------------------------------------------------- */

/* x / 2^k summed, times 2^k / n, with 2^k about the root of n. A sum of x / n would lose what
 * is below 6.1e-5 * n: a denormal is 0 on its way into products of some chips. A sum of x
 * itself would overflow from a mean of 65504 / n on. This way n = 4096 keeps 0.004 and more
 * exactly (k is 6, and x / 2^k has no rounding of its own), and the sum is 64 times the mean:
 * it overflows from 1023 on. */
static Value *mean_as_sum(Builder *b, const Op *op, Value *x)
{
    const Shape *in = shape_of_value(x), *out = shape_of_value(op->out[0]);
    size_t all, left;
    if (!in || !out || !shape_count(in, &all) || !shape_count(out, &left) || !left
        || all < left)
        return NULL;
    const double n = (double)all / (double)left, root = exp2(ceil(log2(n) / 2));
    Value *axes = op_value(op, P_axes), *keep = op_value(op, P_keep_dims);
    Value *part = make_with(b, OP_mul, x, 1 / root);
    part = mil_reduce_sum(b, "sum", .x = part, .axes = axes, .keep_dims = keep);
    return make_with(b, OP_mul, part, root / n);
}

/* Over the channels: brought to the last axis, where the mean is taken. */
static Value *mean_of_last(Builder *b, const Op *op, Value *x)
{
    int64_t axes[MAX_RANK * 2], perm[MAX_RANK], last[] = { -1 };
    const Shape *s = shape_of_value(x), *out = shape_of_value(op->out[0]);
    if (!s || !out || s->rank < 3 || value_ints(op_value(op, P_axes), axes) != 1)
        return NULL;
    for (int i = 0; i < s->rank; i++) perm[i] = i;
    perm[1] = s->rank - 1;
    perm[s->rank - 1] = 1;
    Value *turned = make_transpose(b, x, perm);
    Value *over = build_ints(b, 1, last), *keep = build_bool(b, true);
    Value *mean = mil_reduce_mean(b, "mean", .x = turned, .axes = over,
                                  .keep_dims = keep);
    return make_shape(b, make_transpose(b, mean, perm), out);
}

/* ---- places of the largest and the smallest ---------------------------------------------- */

typedef struct {
    Value *best, *place; /* along the axis of length 1, the place in the whole axis */
} Best;

typedef struct {
    int arg, reduce, better; /* kinds: reduce_argmax, reduce_max, greater */
    int axis;
} ReduceSearch;

static Best reduce_search(Builder *b, const ReduceSearch *s, Value *x, int axis)
{
    const int64_t at = axis;
    Value *keep = build_bool(b, true), *axes = build_ints(b, 1, &at);
    Value *best = build_of(b, "best", s->reduce, P_x, x, P_axes, axes, P_keep_dims, keep,
                           P_NONE);
    Value *along = build_int(b, axis);
    Value *place = build_of(b, "place", s->arg, P_x, x, P_axis, along, P_keep_dims, keep,
                            P_NONE);
    return (Best){ best, place };
}

/* Of equals the one in front: it comes first in the axis. */
static Best reduce_better(Builder *b, const ReduceSearch *s, Best front, Best behind,
                          bool last)
{
    Value *is = make_two(b, s->better, behind.best, front.best);
    Value *best = last ? NULL : make_select(b, is, behind.best, front.best);
    return (Best){ best, make_select(b, is, behind.place, front.place) };
}

static Value *first_of(Builder *b, const ReduceSearch *s, Best *part, int n)
{
    while (n > 1) {
        int left = 0;
        for (int i = 0; i + 1 < n; i += 2)
            part[left++] = reduce_better(b, s, part[i], part[i + 1], n == 2);
        if (n % 2) part[left++] = part[n - 1];
        n = left;
    }
    return part[0].place;
}

enum { MOST_PARTS = 64 };

static Best reduce_shifted(Builder *b, Best part, int64_t by)
{
    if (by) part.place = make_two(b, OP_add, part.place, build_int(b, by));
    return part;
}

/* Where the axis falls into equal parts they become an axis of their own, in front of it: both
 * reductions are of all parts at once, and no long axis is sliced. */
static bool equal_parts(Builder *b, const ReduceSearch *s, Value *x, int64_t n,
                        Best *part)
{
    const int64_t all = x->type->shape.dim[s->axis];
    Shape two = x->type->shape;
    if (all % n) return false;
    for (int i = two.rank++; i > s->axis; i--) two.dim[i] = two.dim[i - 1];
    two.dim[s->axis] = n;
    two.dim[s->axis + 1] = all / n;
    const Best both = reduce_search(b, s, make_shape(b, x, &two), s->axis + 1);
    for (int64_t i = 0; i < n; i++) {
        Value *best = make_slice(b, both.best, s->axis, i, 1);
        const Best one = { best, make_slice(b, both.place, s->axis, i, 1) };
        part[i] = reduce_shifted(b, one, i * (all / n));
    }
    return true;
}

static void any_parts(Builder *b, const ReduceSearch *s, Value *x, int64_t n, Best *part)
{
    for (int64_t i = 0, from; i < n; i++) {
        const int64_t size = piece_size(x->type->shape.dim[s->axis], n, i, &from);
        part[i] = reduce_shifted(
            b, reduce_search(b, s, make_slice(b, x, s->axis, from, size), s->axis), from);
    }
}

static Value *places_in_parts(const Legal *l, Builder *b, Op *op)
{
    const bool largest = op->kind == OP_reduce_argmax;
    Best part[MOST_PARTS];
    Value *x = op_value(op, P_x);
    const Shape *in = shape_of_value(x), *out = shape_of_value(op->out[0]);
    ReduceSearch s = { op->kind, largest ? OP_reduce_max : OP_reduce_min,
                       largest ? OP_greater : OP_less, 0 };
    s.axis = in && out ? axis_of(op, P_axis, -1, in->rank) : -1;
    if (s.axis < 0) return NULL;
    const int64_t least = piece_count(in->dim[s.axis],
                                      rule_limit(l->rules, LIMIT_arg_axis));
    int64_t n = over_limit(l->rules, LIMIT_rank, in->rank + 1) ? MOST_PARTS + 1 : least;
    if (least > MOST_PARTS) return NULL;
    while (n <= MOST_PARTS && !equal_parts(b, &s, x, n, part)) n++;
    if (n > MOST_PARTS) any_parts(b, &s, x, n = least, part);
    Value *place = make_shape(b, first_of(b, &s, part, (int)n), out);
    return make_cast(b, place, op->out[0]->type->dtype);
}

/* ---- the pass ---------------------------------------------------------------------------- */

static Value *reduce_op(const Legal *l, Builder *b, Op *op)
{
    if (op->kind == OP_reduce_argmax || op->kind == OP_reduce_argmin)
        return legal_asks(l, RULE_arg_axis, op) ? places_in_parts(l, b, op) : NULL;
    if (op->kind != OP_reduce_mean || !dtype_is_float(op->out[0]->type->dtype))
        return NULL;
    Value *x = op_value(op, P_x);
    if (legal_asks(l, RULE_reduce_mean, op)) return mean_as_sum(b, op, x);
    return legal_asks(l, RULE_channel_reduce, op) ? mean_of_last(b, op, x) : NULL;
}

int pass_reduce(Module *m, const PassOptions *o, Diag *d)
{
    return legal_rewrite(m, o, d, reduce_op);
}
