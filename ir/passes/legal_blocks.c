/* legal_blocks.c -- depth_to_space, pixel_shuffle and their inverses as reshapes and
 * transposes, where an engine does not have the factor. Each factor is split off one axis
 * and merged into another, one at a time, so that no step has more than one axis more than
 * x. */
#include "legal.h"
#include "legal_shape.h"

#include <string.h>

/* Of the axes of x from the third on, the factors go to the axis `deep` (0 the batch, 1 the
 * channels), in front of what is there or behind it; or they come from there. */
typedef struct {
    int op;
    ParamId param, edges; /* what is padded or cropped, or P_NONE */
    bool gathers;         /* from pixels to `deep` */
    int deep;
    bool front;
} BlockOp;

static const BlockOp block_ops[] = {
    { OP_space_to_depth, P_block_size, P_NONE, true, 1, true },
    { OP_pixel_unshuffle, P_downscale_factor, P_NONE, true, 1, false },
    { OP_space_to_batch, P_block_shape, P_paddings, true, 0, true },
    { OP_depth_to_space, P_block_size, P_NONE, false, 1, true },
    { OP_pixel_shuffle, P_upscale_factor, P_NONE, false, 1, false },
    { OP_batch_to_space, P_block_shape, P_crops, false, 0, true },
};

/* The axis as two, which may be empty. */
static Value *split_axis(Builder *b, Value *x, int axis, int64_t first, int64_t second)
{
    Shape s = x->type->shape;
    for (int i = s.rank++; i > axis; i--) s.dim[i] = s.dim[i - 1];
    s.dim[axis] = first;
    s.dim[axis + 1] = second;
    return make_shape(b, x, &s);
}

/* The axis and the one behind it as one. */
static Value *join_axes(Builder *b, Value *x, int axis)
{
    Shape s = x->type->shape;
    s.dim[axis] *= s.dim[axis + 1];
    s.rank--;
    for (int i = axis + 1; i < s.rank; i++) s.dim[i] = s.dim[i + 1];
    return make_shape(b, x, &s);
}

/* The axis stands at place `to` then; the others keep their order. */
static Value *move_axis(Builder *b, Value *x, int from, int to)
{
    int64_t perm[MAX_RANK];
    const int rank = x->type->shape.rank;
    for (int i = 0, next = 0; i < rank; i++) {
        if (i != to && next == from) next++;
        perm[i] = i == to ? from : next++;
    }
    return make_transpose(b, x, perm);
}

/* Each n-th element of the axis side by side in the deep one. */
static Value *blocks_gather(Builder *b, const BlockOp *o, Value *x, int axis, int64_t n)
{
    x = split_axis(b, x, axis, x->type->shape.dim[axis] / n, n);
    return join_axes(b, move_axis(b, x, axis + 1, o->deep + !o->front), o->deep);
}

static Value *blocks_deal(Builder *b, const BlockOp *o, Value *x, int axis, int64_t n)
{
    const int64_t rest = x->type->shape.dim[o->deep] / n;
    x = split_axis(b, x, o->deep, o->front ? n : rest, o->front ? rest : n);
    return join_axes(b, move_axis(b, x, o->deep + !o->front, axis + 1), axis);
}

/* x between zeros, or without its edges; edge holds two numbers an axis from the third on. */
static Value *blocks_padded(Builder *b, Value *x, const int64_t *edge, int m)
{
    int64_t before[MAX_RANK] = { 0 }, after[MAX_RANK] = { 0 };
    for (int i = 0; i < m; i++) {
        before[2 + i] = edge[2 * i];
        after[2 + i] = edge[2 * i + 1];
    }
    return make_zeros(b, x, before, after);
}

static Value *blocks_cropped(Builder *b, Value *x, const int64_t *edge, int m)
{
    int64_t begin[MAX_RANK] = { 0 };
    Shape s = x->type->shape;
    for (int i = 0; i < m; i++) {
        begin[2 + i] = edge[2 * i];
        s.dim[2 + i] -= edge[2 * i] + edge[2 * i + 1];
    }
    return make_box(b, x, begin, s.dim);
}

/* The factors of the axes from the third on; false when they are not known. */
static bool blocks_factors(const Op *op, const BlockOp *o, int64_t *f, int *m)
{
    if (!ints_of(op, o->param, f, m) || *m < 1) return false;
    if (!o->edges) {
        f[1] = f[0];
        *m = 2;
    }
    return true;
}

Value *blocks_by_transpose(const Legal *l, Builder *b, Op *op)
{
    const BlockOp *o = block_ops;
    int64_t f[MAX_RANK * 2], edge[MAX_RANK * 2] = { 0 };
    Value *x = op_value(op, P_x);
    const Shape *s = shape_of_value(x), *out = shape_of_value(op->out[0]);
    int m, n;
    (void)l;
    while (o->op != op->kind) o++;
    if (!s || !out || s->rank >= MAX_RANK || !blocks_factors(op, o, f, &m)) return NULL;
    if (o->edges && (!ints_of(op, o->edges, edge, &n) || n != 2 * m)) return NULL;
    if (o->gathers) x = blocks_padded(b, x, edge, m);
    const bool backwards = o->gathers == o->front; /* the last factor first */
    for (int i = 0; i < m; i++) {
        const int k = backwards ? m - 1 - i : i;
        x = o->gathers ? blocks_gather(b, o, x, 2 + k, f[k])
                       : blocks_deal(b, o, x, 2 + k, f[k]);
    }
    return o->gathers ? x : blocks_cropped(b, x, edge, m);
}
