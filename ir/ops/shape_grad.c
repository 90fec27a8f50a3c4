/* shape_grad.c -- gradients of ops that move elements: the gradient of an element goes back to
 * where the element came from; that of an element that was filled in is dropped. */
#include "grad.h"
#include "move.h"

#include <string.h>

/* reshape, expand_dims, squeeze, flatten2d, identity */
bool grad_relabel(Grad *g)
{
    if (grad_wants(g, P_x))
        grad_give(g, P_x, grad_like(g->b, g->dy[0], grad_arg(g, P_x)));
    return true;
}

bool grad_transpose_op(Grad *g)
{
    int64_t perm[MAX_RANK * 2], back[MAX_RANK];
    if (!grad_wants(g, P_x)) return true;
    const int n = value_ints(grad_arg(g, P_perm), perm);
    for (int i = 0; i < n; i++) back[perm[i] < 0 ? perm[i] + n : perm[i]] = i;
    grad_give(g, P_x, make_transpose(g->b, g->dy[0], back));
    return true;
}

/* A permutation that is its own inverse: the same op of what flows back. */
bool grad_itself(Grad *g)
{
    const BuildArg with = { .param = P_x,
                            .val = (Value **)(uintptr_t)&g->dy[0],
                            .count = 1 };
    if (grad_wants(g, P_x)) grad_give(g, P_x, grad_same(g, g->op->kind, 1, &with));
    return true;
}

/* ---- blocks ------------------------------------------------------------------------------ */

static bool blocks_back(Grad *g, int op, ParamId from, ParamId to)
{
    if (!grad_wants(g, P_x)) return true;
    grad_give(g, P_x,
              build_of(g->b, ops[op].name, op, P_x, g->dy[0], to,
                       build_int(g->b, grad_int(g, from)), P_NONE));
    return true;
}

bool grad_depth_to_space(Grad *g)
{
    return blocks_back(g, OP_space_to_depth, P_block_size, P_block_size);
}
bool grad_space_to_depth(Grad *g)
{
    return blocks_back(g, OP_depth_to_space, P_block_size, P_block_size);
}
bool grad_pixel_unshuffle(Grad *g)
{
    return blocks_back(g, OP_pixel_shuffle, P_downscale_factor, P_upscale_factor);
}

/* By moving axes, since pixel_unshuffle is younger than pixel_shuffle. */
bool grad_pixel_shuffle(Grad *g)
{
    if (!grad_wants(g, P_x)) return true;
    const Shape s = grad_arg(g, P_x)->type->shape;
    const int64_t r = grad_int(g, P_upscale_factor), n = s.dim[0] * s.dim[1] / (r * r);
    Value *d = grad_as(g->b, g->dy[0], SHAPE(n, s.dim[2], r, s.dim[3] * r));
    d = make_transpose(g->b, d, (int64_t[]){ 0, 2, 1, 3 });
    d = grad_as(g->b, d, SHAPE(n * r, s.dim[2], s.dim[3], r));
    d = make_transpose(g->b, d, (int64_t[]){ 0, 3, 1, 2 });
    grad_give(g, P_x, grad_as(g->b, d, s));
    return true;
}

static bool batch_back(Grad *g, int op, ParamId from, ParamId to)
{
    if (!grad_wants(g, P_x)) return true;
    grad_give(g, P_x,
              build_of(g->b, ops[op].name, op, P_x, g->dy[0], P_block_shape,
                       grad_arg(g, P_block_shape), to, grad_arg(g, from), P_NONE));
    return true;
}
bool grad_batch_to_space(Grad *g)
{
    return batch_back(g, OP_space_to_batch, P_crops, P_paddings);
}
bool grad_space_to_batch(Grad *g)
{
    return batch_back(g, OP_batch_to_space, P_paddings, P_crops);
}

/* ---- slices ------------------------------------------------------------------------------ */

/* Elements of d that were every step-th of an axis of n, from `start` on, in zeros. */
static Value *put_axis(Builder *b, Value *d, int axis, const SliceAxis *a, int64_t n)
{
    int64_t before[MAX_RANK] = { 0 }, after[MAX_RANK] = { 0 }, start = a->start,
            step = a->step;
    Shape s = d->type->shape;
    const int64_t count = s.dim[axis];
    if (step < 0 && count > 1) {
        const int64_t at = axis;
        d = mil_reverse(b, "reverse", .x = d, .axes = build_ints(b, 1, &at));
        start += (count - 1) * step;
    }
    if (step < 0) step = -step;
    if (step > 1 && count > 1) {
        /* a zero axis of step behind it, joined with it: zeros between the elements */
        Shape wide = s;
        for (int i = s.rank; i > axis + 1; i--) wide.dim[i] = wide.dim[i - 1];
        wide.dim[axis + 1] = 1;
        wide.rank++;
        d = grad_as(b, d, wide);
        after[axis + 1] = step - 1;
        d = grad_pad(b, d, before, after);
        after[axis + 1] = 0;
        s.dim[axis] = count * step;
        d = grad_slice(b, grad_as(b, d, s), axis, 0, (count - 1) * step + 1);
    }
    before[axis] = start;
    after[axis] = n - start - d->type->shape.dim[axis];
    return grad_pad(b, d, before, after);
}

static bool is_empty(const Shape *s)
{
    size_t n;
    return shape_count(s, &n) && !n;
}

/* Elements that were picked at places which are computed: the op picks the numbers of
 * the places too, and to those d is added. */
static Value *scatter_back(Grad *g)
{
    Builder *b = g->b;
    Tensor room;
    const Shape shape = grad_arg(g, P_x)->type->shape;
    size_t n = 1, k = 1;
    shape_count(&shape, &n);
    const Const *c = grad_table(b, DT_INT32, shape, &room);
    for (size_t i = 0; i < n; i++) tensor_set_int(&room, i, (int64_t)i);
    Value *numbers = build_const(b, "places", c);
    const BuildArg with = { .param = P_x, .val = &numbers, .count = 1 };
    Value *at = grad_same(g, g->op->kind, 1, &with);
    shape_count(&at->type->shape, &k);
    const Shape flat = SHAPE((int64_t)n), picked = SHAPE((int64_t)k);
    const Const zero = { .type = module_tensor(b->m, g->dy[0]->type->dtype, &flat),
                         .kind = CONST_INIT,
                         .init = INIT_FILL };
    Const *zeros = NEW(&b->m->arena, Const);
    *zeros = zero;
    Value *none = build_const(b, "zeros", zeros);
    at = grad_as(b, at, picked);
    Value *sum = grad_scatter_sum(b, none, at, grad_as(b, g->dy[0], picked), 0);
    return grad_as(b, sum, shape);
}

bool grad_picked(Grad *g)
{
    if (grad_wants(g, P_x)) grad_give(g, P_x, scatter_back(g));
    return true;
}

/* d as a part of x, which `axis` describes, in zeros; axes that the part dropped are there
 * again as 1. */
static Value *put_part(Builder *b, Value *d, const SliceAxis *axis, const Value *x)
{
    Shape whole = x->type->shape;
    for (int i = 0; i < whole.rank; i++)
        whole.dim[i] = axis[i].squeeze ? 1 : axis[i].count;
    d = grad_as(b, d, whole);
    for (int i = whole.rank - 1; i >= 0; i--)
        d = put_axis(b, d, i, &axis[i], x->type->shape.dim[i]);
    return d;
}

bool grad_slice_by_index(Grad *g)
{
    Arena scratch = { 0 };
    SliceAxis axis[MAX_RANK];
    Value *x = grad_arg(g, P_x);
    if (!grad_wants(g, P_x)) return true;
    Call *c = grad_call(g, &scratch);
    const bool ok = c && slice_plan(c, &x->type->shape, axis);
    bool known = ok;
    for (int i = 0; ok && i < x->type->shape.rank; i++)
        known = known && (axis[i].squeeze || axis[i].count != DIM_ANY);
    const Value *begin = grad_arg(g, P_begin), *end = grad_arg(g, P_end);
    if (!value_is_const(begin) || !value_is_const(end)) known = false;
    if (ok && is_empty(&g->dy[0]->type->shape)) grad_give(g, P_x, grad_zeros(g->b, x));
    else if (ok)
        grad_give(g, P_x, known ? put_part(g->b, g->dy[0], axis, x) : scatter_back(g));
    arena_free(&scratch);
    return ok;
}

bool grad_slice_by_size(Grad *g)
{
    int64_t begin[MAX_RANK * 2], after[MAX_RANK];
    Value *x = grad_arg(g, P_x), *d = g->dy[0];
    if (!grad_wants(g, P_x)) return true;
    const int n = value_ints(grad_arg(g, P_begin), begin);
    for (int i = 0; i < n; i++) {
        if (begin[i] < 0) begin[i] += x->type->shape.dim[i];
        after[i] = x->type->shape.dim[i] - begin[i] - d->type->shape.dim[i];
    }
    grad_give(g, P_x, n < 0 ? scatter_back(g) : grad_pad(g->b, d, begin, after));
    return true;
}

/* The update has what lies in its place; x has the rest. */
bool grad_slice_update(Grad *g)
{
    Value *update = grad_arg(g, P_update);
    Value *const d = g->dy[0];
    if (grad_wants(g, P_update)) {
        const BuildArg with[] = {
            { .param = P_x, .val = (Value **)(uintptr_t)&d, .count = 1 },
            { .param = P_update }
        };
        Value *part = grad_same(g, OP_slice_by_index, 2, with);
        grad_give(g, P_update, grad_like(g->b, part, update));
    }
    if (grad_wants(g, P_x)) {
        Value *zeros = grad_zeros(g->b, update);
        const BuildArg with[] = {
            { .param = P_x, .val = (Value **)(uintptr_t)&d, .count = 1 },
            { .param = P_update, .val = &zeros, .count = 1 }
        };
        grad_give(g, P_x, grad_same(g, OP_slice_update, 2, with));
    }
    return true;
}

/* Windows overlap: a product with a constant matrix adds what came from the same place. */
bool grad_sliding_windows(Grad *g)
{
    if (!grad_wants(g, P_x)) return true;
    Arena scratch = { 0 };
    Value *x = grad_arg(g, P_x);
    Shape s = x->type->shape;
    const int axis = grad_axis(g, P_axis, s.rank);
    const int64_t size = grad_int(g, P_size), stride = grad_int(g, P_stride),
                  n = s.dim[axis];
    const int64_t windows = g->dy[0]->type->shape.dim[axis];
    double *m = NEW_ARRAY(&scratch, windows * size * n + 1, double);
    for (int64_t w = 0; w < windows; w++)
        for (int64_t k = 0; k < size; k++) m[(w * size + k) * n + w * stride + k] = 1;
    s.dim[axis] = windows * size;
    grad_give(g, P_x,
              grad_along(g->b, grad_as(g->b, g->dy[0], s), axis, windows * size, n, m));
    arena_free(&scratch);
    return true;
}
