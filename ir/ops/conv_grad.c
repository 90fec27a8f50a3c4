/* conv_grad.c -- gradients of convolutions and pools.
 *
 * Extracting the patches that a kernel meets (im2col) is itself a convolution: depthwise,
 * with a constant kernel that has one element for each tap (`taps`), and the strides,
 * padding and dilations of the layer. Adding patches back into an image (col2im) is the
 * transposed convolution with the same kernel. So no strides or paddings are special cases,
 * nothing is sliced, and every chip takes both. */
#include "geometry.h"
#include "grad.h"

#include <string.h>

typedef struct {
    Builder *b;
    Window w;
    int64_t batch, channels; /* of the image */
    Shape image;
    int64_t taps, places; /* of the kernel, of the result */
} GradSlide;

static void open_slide(GradSlide *s, Builder *b, const Window *w, const Shape *image)
{
    *s = (GradSlide){ .b = b,
                      .w = *w,
                      .image = *image,
                      .batch = image->dim[0],
                      .channels = image->dim[1],
                      .taps = window_taps(w),
                      .places = window_out(w) };
}

/* kernel [outputs, 1, dimensions..], each element a function of its output and its place in the
 * window */
static Value *conv_grad_kernel(const GradSlide *s, DType t, int64_t outputs, bool one_hot,
                               double v)
{
    Tensor room;
    Shape shape = { .rank = 2 + s->w.n, .dim = { outputs, 1 } };
    for (int i = 0; i < s->w.n; i++)
        shape.dim[2 + i] = s->w.kernel[MAX_SPATIAL - s->w.n + i];
    const Const *c = grad_table(s->b, t, shape, &room);
    for (int64_t o = 0; o < outputs; o++)
        for (int64_t k = 0; k < s->taps; k++)
            if (!one_hot || o % s->taps == k)
                tensor_set_float(&room, (size_t)(o * s->taps + k), v);
    return build_const(s->b, "taps", c);
}

static Value *conv_grad_spatial(const GradSlide *s, const int64_t *v)
{
    return build_ints(s->b, s->w.n, v + MAX_SPATIAL - s->w.n);
}

static Value *conv_grad_pads(const GradSlide *s)
{
    int64_t pad[2 * MAX_SPATIAL];
    for (int i = 0; i < s->w.n; i++) {
        pad[2 * i] = s->w.before[MAX_SPATIAL - s->w.n + i];
        pad[2 * i + 1] = s->w.after[MAX_SPATIAL - s->w.n + i];
    }
    return build_ints(s->b, 2 * s->w.n, pad);
}

/* The image by weight: [batch, outputs, places..]. */
static Value *conv_grad_forward(const GradSlide *s, Value *x, Value *weight,
                                int64_t groups)
{
    Builder *b = s->b;
    Value *step = conv_grad_spatial(s, s->w.stride), *type = build_string(b, "custom");
    Value *pad = conv_grad_pads(s), *spread = conv_grad_spatial(s, s->w.dilation);
    return mil_conv(b, "conv", .x = x, .weight = weight, .strides = step,
                    .pad_type = type, .pad = pad, .dilations = spread,
                    .groups = build_int(b, groups));
}

/* What the places hold, back in an image. */
static Value *conv_grad_backward(const GradSlide *s, Value *d, Value *weight,
                                 int64_t groups)
{
    Builder *b = s->b;
    Value *step = conv_grad_spatial(s, s->w.stride), *type = build_string(b, "custom");
    Value *pad = conv_grad_pads(s), *spread = conv_grad_spatial(s, s->w.dilation),
          *parts = build_int(b, groups);
    return mil_conv_transpose(b, "conv_transpose", .x = d, .weight = weight,
                              .strides = step, .pad_type = type, .pad = pad,
                              .dilations = spread, .groups = parts,
                              .output_shape = build_ints(b, s->image.rank, s->image.dim));
}

/* A kernel of one element that takes each element once. */
static bool is_pointwise(const GradSlide *s)
{
    if (s->taps != 1) return false;
    for (int i = 0; i < MAX_SPATIAL; i++)
        if (s->w.stride[i] != 1 || s->w.before[i] || s->w.after[i]) return false;
    return true;
}

/* [batch, groups, rows, places]; without the groups where there is one */
static Value *by_groups(const GradSlide *s, Value *v, int64_t groups, int64_t rows)
{
    if (groups == 1) return grad_as(s->b, v, SHAPE(s->batch, rows, s->places));
    return grad_as(s->b, v, SHAPE(s->batch, groups, rows, s->places));
}

/* The patches of x, [batch, groups, channels of a group * taps, places]. */
static Value *conv_grad_patches(const GradSlide *s, Value *x, int64_t groups)
{
    if (!is_pointwise(s))
        x = conv_grad_forward(
            s, x, conv_grad_kernel(s, x->type->dtype, s->channels * s->taps, true, 1),
            s->channels);
    return by_groups(s, x, groups, s->channels / groups * s->taps);
}

/* The gradient of weight [outputs, channels / groups, kernel..], which takes the image x to
 * what d is the gradient of. */
static Value *weight_gradient(const GradSlide *s, Value *x, Value *d, const Value *weight,
                              int64_t groups)
{
    Builder *b = s->b;
    const int64_t outputs = weight->type->shape.dim[0];
    d = by_groups(s, d, groups, outputs / groups);
    Value *product = make_matmul(b, d, conv_grad_patches(s, x, groups), false, true);
    bool batch[MAX_RANK] = { true };
    if (s->batch != 1) product = grad_reduce(b, OP_reduce_sum, product, batch, false);
    return grad_like(b, product, weight);
}

/* The gradient of the image. A weight that is computed is multiplied with d first: what is then
 * convolved has a constant kernel, which every opset and chip takes. */
static Value *image_gradient(const GradSlide *s, Value *d, Value *weight, int64_t groups)
{
    Builder *b = s->b;
    if (value_is_const(weight)) return conv_grad_backward(s, d, weight, groups);
    const int64_t outputs = weight->type->shape.dim[0],
                  rows = s->channels / groups * s->taps;
    Value *w = grad_as(b, weight,
                       groups == 1 ? SHAPE(outputs, rows)
                                   : SHAPE(groups, outputs / groups, rows));
    Value *product = make_matmul(b, w, by_groups(s, d, groups, outputs / groups), true,
                                 false);
    if (is_pointwise(s)) return grad_as(b, product, s->image);
    product = grad_as(b, product, window_shape(&s->w, s->batch, s->channels * s->taps));
    return conv_grad_backward(
        s, product, conv_grad_kernel(s, d->type->dtype, s->channels * s->taps, true, 1),
        s->channels);
}

static void give_bias(Grad *g)
{
    bool axes[MAX_RANK];
    if (!grad_wants(g, P_bias)) return;
    for (int i = 0; i < MAX_RANK; i++) axes[i] = i != 1;
    Value *sum = grad_reduce(g->b, OP_reduce_sum, g->dy[0], axes, true);
    grad_give(g, P_bias, grad_like(g->b, sum, grad_arg(g, P_bias)));
}

bool grad_conv(Grad *g)
{
    Arena scratch = { 0 };
    Conv v;
    GradSlide s;
    Value *x = grad_arg(g, P_x), *weight = grad_arg(g, P_weight);
    Call *c = grad_call(g, &scratch);
    const bool ok = c && conv_of(c, false, &v);
    if (ok) {
        open_slide(&s, g->b, &v.window, &x->type->shape);
        if (grad_wants(g, P_x))
            grad_give(g, P_x, image_gradient(&s, g->dy[0], weight, v.groups));
        if (grad_wants(g, P_weight))
            grad_give(g, P_weight, weight_gradient(&s, x, g->dy[0], weight, v.groups));
        give_bias(g);
    }
    arena_free(&scratch);
    return ok;
}

/* The windows of a conv_transpose with the roles exchanged: its result is the image, and x lies
 * at the places of the kernel. False after an error. */
static bool open_transposed(GradSlide *s, const Grad *g, const Shape *image,
                            int64_t *groups)
{
    Arena scratch = { 0 };
    Conv v;
    Call *c = grad_call(g, &scratch);
    const bool ok = c && conv_of(c, true, &v);
    if (ok) {
        Window w = v.window;
        for (int i = 0; i < MAX_SPATIAL; i++) {
            w.in[i] = v.window.out[i];
            w.out[i] = v.window.in[i];
            /* what output_shape adds or takes away at the end */
            w.after[i] = (w.out[i] - 1) * w.stride[i] + window_span(&w, i) - w.in[i]
                       - w.before[i];
        }
        open_slide(s, g->b, &w, image);
        *groups = v.groups;
    }
    arena_free(&scratch);
    return ok;
}

bool grad_conv_transpose(Grad *g)
{
    GradSlide s;
    int64_t groups;
    Value *x = grad_arg(g, P_x), *weight = grad_arg(g, P_weight), *d = g->dy[0];
    if (!open_transposed(&s, g, &d->type->shape, &groups)) return false;
    if (grad_wants(g, P_x)) grad_give(g, P_x, conv_grad_forward(&s, d, weight, groups));
    if (grad_wants(g, P_weight))
        grad_give(g, P_weight, weight_gradient(&s, d, x, weight, groups));
    give_bias(g);
    return true;
}

/* The patches of x by a weight: what a convolution is. */
static Value *conv_grad_product(const GradSlide *s, Value *x, Value *weight,
                                int64_t groups)
{
    const int64_t outputs = weight->type->shape.dim[0],
                  rows = s->channels / groups * s->taps;
    Value *w = grad_as(s->b, weight,
                       groups == 1 ? SHAPE(outputs, rows)
                                   : SHAPE(groups, outputs / groups, rows));
    return make_matmul(s->b, w, conv_grad_patches(s, x, groups), false, false);
}

Value *grad_by_taps(Builder *b, const Op *op, Value *weight)
{
    Arena scratch = { 0 };
    GradSlide s;
    Conv v;
    int64_t groups;
    Value *y = NULL;
    const Grad g = { .b = b, .op = op };
    Value *x = grad_arg(&g, P_x);
    if (op->kind == OP_conv_transpose) {
        if (open_transposed(&s, &g, &op->out[0]->type->shape, &groups))
            y = image_gradient(&s, x, weight, groups);
        return y;
    }
    Call *c = grad_call(&g, &scratch);
    if (c && conv_of(c, false, &v)) {
        open_slide(&s, b, &v.window, &x->type->shape);
        y = grad_like(b, conv_grad_product(&s, x, weight, v.groups), op->out[0]);
    }
    arena_free(&scratch);
    return y;
}

/* ---- pools ------------------------------------------------------------------------------- */

/* The windows of a pool. What ceil_mode lets a window reach beyond the padding is padding
 * too. */
static bool open_pool(Grad *g, GradSlide *s)
{
    Arena scratch = { 0 };
    int64_t window[MAX_SPATIAL];
    Window w;
    const Shape *x = &grad_arg(g, P_x)->type->shape;
    Call *c = grad_call(g, &scratch);
    const bool ok = c && call_ints_or(c, P_kernel_sizes, x->rank - 2, 1, window)
                 && window_of(c, WINDOW_POOL, x, window, &w);
    for (int i = 0; ok && i < MAX_SPATIAL; i++) {
        const int64_t end = (w.out[i] - 1) * w.stride[i] + w.kernel[i] - w.before[i];
        if (end > w.in[i] + w.after[i]) w.after[i] = end - w.in[i];
    }
    if (ok) open_slide(s, g->b, &w, x);
    arena_free(&scratch);
    return ok;
}

/* One over how many elements count in each window, [1, 1, places..]. */
static Value *conv_grad_counts(const GradSlide *s, DType t, const Window *given,
                               bool inside)
{
    Tensor room;
    const Window *w = &s->w;
    const Shape shape = window_shape(w, 1, 1);
    const Const *c = grad_table(s->b, t, shape, &room);
    size_t at = 0;
    int64_t o[MAX_SPATIAL];
    for (o[0] = 0; o[0] < w->out[0]; o[0]++)
        for (o[1] = 0; o[1] < w->out[1]; o[1]++)
            for (o[2] = 0; o[2] < w->out[2]; o[2]++) {
                double n = 1;
                for (int i = 0; i < MAX_SPATIAL; i++) {
                    int64_t from = o[i] * w->stride[i] - w->before[i],
                            to = from + w->kernel[i];
                    const int64_t end = w->in[i] + (inside ? 0 : given->after[i]);
                    if (inside && from < 0) from = 0;
                    n *= (double)((to > end ? end : to) - from);
                }
                tensor_set_float(&room, at++, n > 0 ? 1 / n : 0);
            }
    return build_const(s->b, "counts", c);
}

bool grad_avg_pool(Grad *g)
{
    GradSlide s;
    Value *x = grad_arg(g, P_x), *d = g->dy[0];
    if (!grad_wants(g, P_x)) return true;
    if (!open_pool(g, &s)) return false;
    Window given = s.w;
    const bool inside = grad_bool(g, P_exclude_padding_from_average);
    bool even = !inside && !grad_bool(g, P_ceil_mode);
    double each = 1 / (double)s.taps;
    if (!even) {
        for (int i = 0; i < MAX_SPATIAL; i++) given.after[i] = given.before[i];
        each = 1;
        d = grad_times(g->b, d, conv_grad_counts(&s, x->type->dtype, &given, inside));
    }
    Value *ones = conv_grad_kernel(&s, x->type->dtype, s.channels, false, each);
    grad_give(g, P_x, conv_grad_backward(&s, d, ones, s.channels));
    return true;
}

/* y is the root of the sum of x^2: x by the sum of d / y over the windows; 0 where y is. */
bool grad_l2_pool(Grad *g)
{
    GradSlide s;
    Builder *b = g->b;
    Value *x = grad_arg(g, P_x), *y = g->op->out[0];
    if (!grad_wants(g, P_x)) return true;
    if (!open_pool(g, &s)) return false;
    Value *none = make_with(b, OP_equal, y, 0);
    Value *root = grad_where(b, none,
                             grad_spread(b, make_number(b, y, 1), &y->type->shape), y);
    Value *share = grad_where(b, none, NULL, make_two(b, OP_real_div, g->dy[0], root));
    Value *ones = conv_grad_kernel(&s, x->type->dtype, s.channels, false, 1);
    grad_give(g, P_x, grad_times(b, x, conv_grad_backward(&s, share, ones, s.channels)));
    return true;
}

/* Elements that are the largest of a window share its gradient. Padding is lower than what fp16
 * holds in practice, so that it is never one of them. */
bool grad_max_pool(Grad *g)
{
    enum { LOW = -30000 };
    GradSlide s;
    Builder *b = g->b;
    Value *x = grad_arg(g, P_x);
    int64_t before[MAX_RANK] = { 0 }, after[MAX_RANK] = { 0 }, pad[2 * MAX_RANK];
    bool padded = false;
    if (!grad_wants(g, P_x)) return true;
    if (!open_pool(g, &s)) return false;
    GradSlide inner = s;
    for (int i = 0; i < MAX_SPATIAL; i++) {
        const int at = 2 + i - (MAX_SPATIAL - s.w.n);
        if (at >= 2) before[at] = s.w.before[i], after[at] = s.w.after[i];
        padded = padded || s.w.before[i] || s.w.after[i];
        inner.w.in[i] += s.w.before[i] + s.w.after[i];
        inner.w.before[i] = inner.w.after[i] = 0;
    }
    const int rank = s.image.rank;
    for (int i = 0; i < rank; i++) pad[2 * i] = before[i], pad[2 * i + 1] = after[i];
    if (padded) x = make_pad(b, x, pad, LOW);
    Value *all = grad_as(b, conv_grad_patches(&inner, x, 1),
                         SHAPE(s.batch * s.channels, s.taps, s.places));
    Value *y = grad_as(b, g->op->out[0], SHAPE(s.batch * s.channels, 1, s.places));
    Value *d = grad_as(b, g->dy[0], SHAPE(s.batch * s.channels, 1, s.places));
    Value *one = grad_spread(b, make_number(b, x, 1), &all->type->shape);
    Value *mark = grad_where(b, make_two(b, OP_equal, all, y), one, NULL);
    Value *n = grad_reduce_axis(b, OP_reduce_sum, mark, 1);
    Value *share = grad_times(b, mark, make_two(b, OP_real_div, d, n));
    share = grad_as(b, share, window_shape(&s.w, s.batch, s.channels * s.taps));
    Value *taps = conv_grad_kernel(&s, x->type->dtype, s.channels * s.taps, true, 1);
    grad_give(g, P_x, conv_grad_backward(&s, share, taps, s.channels));
    return true;
}
