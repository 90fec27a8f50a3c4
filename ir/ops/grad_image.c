/* grad_image.c -- gradients of cropping and resizing. A resize is a product with a constant
 * matrix along each axis, and so is its gradient: with the transposed one. */
#include "grad.h"
#include "image.h"

bool grad_crop(Grad *g)
{
    int64_t h[MAX_RANK * 2], w[MAX_RANK * 2], before[MAX_RANK] = { 0 }, after[MAX_RANK] = { 0 };
    if (!grad_wants(g, P_x)) return true;
    const int rank = grad_arg(g, P_x)->type->shape.rank;
    value_ints(grad_arg(g, P_crop_height), h);
    value_ints(grad_arg(g, P_crop_width), w);
    before[rank - 2] = h[0], after[rank - 2] = h[1];
    before[rank - 1] = w[0], after[rank - 1] = w[1];
    grad_give(g, P_x, grad_pad(g->b, g->dy[0], before, after));
    return true;
}

static Value *resize_axis(Builder *b, Value *d, const Resize *r, int axis, int64_t n)
{
    Arena scratch = { 0 };
    const int64_t from = d->type->shape.dim[axis];
    double *m = NEW_ARRAY(&scratch, from * n + 1, double);
    for (int64_t i = 0; i < from; i++) {
        const Tap t = tap_at(r->pick, EDGE_BORDER, n, grid_point(r->grid, (double)n, from, i));
        m[i * n + t.a] += 1 - t.t;
        m[i * n + t.b] += t.t;
    }
    d = grad_along(b, d, axis, from, n, m);
    arena_free(&scratch);
    return d;
}

/* Each element was copied to a block of equal size: the sum of the block, by its mean. */
static Value *blocks_summed(Builder *b, Value *d, int64_t high, int64_t wide)
{
    const int64_t size[] = { high, wide }, none[] = { 0, 0, 0, 0 };
    Value *kernel = build_ints(b, 2, size);
    Value *type = build_string(b, "valid");
    d = mil_avg_pool(b, "avg_pool", .x = d, .kernel_sizes = kernel, .strides = kernel,
                     .pad_type = type, .pad = build_ints(b, 4, none));
    return grad_scaled(b, d, (double)(high * wide));
}

bool grad_resize(Grad *g)
{
    Arena scratch = { 0 };
    Resize r;
    Value *x = grad_arg(g, P_x), *d = g->dy[0];
    const Shape *from = &x->type->shape, *to = &d->type->shape;
    if (!grad_wants(g, P_x)) return true;
    Call *c = grad_call(g, &scratch);
    const bool ok = c && resize_of(c, &r);
    const int last = from->rank - 1;
    const bool blocks = ok && from->rank == 4 && r.n == 2 && r.pick == PICK_FLOOR
                     && to->dim[2] % from->dim[2] == 0 && to->dim[3] % from->dim[3] == 0;
    if (blocks)
        d = blocks_summed(g->b, d, to->dim[2] / from->dim[2], to->dim[3] / from->dim[3]);
    for (int i = last; ok && !blocks && i > last - r.n; i--)
        if (from->dim[i] != to->dim[i]) d = resize_axis(g->b, d, &r, i, from->dim[i]);
    if (ok) grad_give(g, P_x, d);
    arena_free(&scratch);
    return ok;
}
