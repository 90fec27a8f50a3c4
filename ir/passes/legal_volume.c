/* legal_volume.c -- convolutions over volumes, which no engine has: the depth of x is moved
 * into the batch, and each depth of the kernel is a convolution over planes; these are
 * added. */
#include "legal_shape.h"

/* What a depth of the kernel works with. */
typedef struct {
    const ConvOp *conv;
    Window plane; /* the window without the depth */
    Shape out;    /* [batch, depth, channels, rows, columns] of the result */
} Volume;

static int64_t end_of(const Window *w, int64_t tap)
{
    return tap * w->dilation[0] - w->before[0] + (w->out[0] - 1) * w->stride[0] + 1;
}

/* Depth `tap` of the weight, as a weight of planes. */
static Value *weight_at(Builder *b, Value *weight, int64_t tap)
{
    Shape s = weight->type->shape;
    Value *one = make_piece(b, weight, 2, tap, 1);
    s.rank = 4;
    s.dim[2] = s.dim[3];
    s.dim[3] = s.dim[4];
    return make_relabel(b, one, &s);
}

/* [batch * depth, channels, rows, columns] */
static Value *volume_planes(Builder *b, Value *x)
{
    const Shape *s = &x->type->shape;
    return make_as(b, x, SHAPE(s->dim[0] * s->dim[1], s->dim[2], s->dim[3], s->dim[4]));
}

/* The channels and the depth exchanged; the same there and back. */
static Value *volume_turned(Builder *b, Value *x)
{
    return make_transpose(b, x, (const int64_t[]){ 0, 2, 1, 3, 4 });
}

static Value *conv_planes(Builder *b, const Volume *v, Value *x, int64_t tap, Value *bias)
{
    const Conv *c = &v->conv->conv;
    return make_conv(b, c->transposed, x, weight_at(b, v->conv->weight, tap), bias,
                     c->groups, &v->plane);
}

/* The entries of the depth that a tap meets, one for each of the result. */
static Value *forward_tap(Builder *b, const Volume *v, Value *x, int64_t tap, Value *bias)
{
    const Window *w = &v->conv->conv.window;
    int64_t begin[MAX_RANK] = { 0 }, step[MAX_RANK] = { 1, w->stride[0], 1, 1, 1 };
    Shape end = x->type->shape;
    begin[1] = tap * w->dilation[0];
    end.dim[1] = begin[1] + (w->out[0] - 1) * w->stride[0] + 1;
    Value *met = make_strided(b, x, begin, end.dim, step);
    return conv_planes(b, v, volume_planes(b, met), tap, bias);
}

static Value *volume_forward(Builder *b, const Volume *v, Value **part)
{
    const Window *w = &v->conv->conv.window;
    int64_t before[MAX_RANK] = { 0 }, after[MAX_RANK] = { 0 }, begin[MAX_RANK] = { 0 };
    Value *x = volume_turned(b, v->conv->x);
    Shape s = x->type->shape;
    const int64_t end = end_of(w, w->kernel[0] - 1);
    before[1] = w->before[0] > 0 ? w->before[0] : 0;
    after[1] = end > w->in[0] ? end - w->in[0] : 0;
    begin[1] = w->before[0] < 0 ? -w->before[0] : 0; /* padding below 0 crops */
    s.dim[1] -= begin[1];
    x = make_zeros(b, make_box(b, x, begin, s.dim), before, after);
    for (int64_t i = 0; i < w->kernel[0]; i++)
        part[i] = forward_tap(b, v, x, i, i ? NULL : v->conv->bias);
    return make_sum(b, part, (int)w->kernel[0]);
}

/* Entries of the depth `stride` apart, with zeros between them. */
static Value *volume_spread(Builder *b, Value *y, const Shape *one, int64_t stride)
{
    int64_t before[MAX_RANK] = { 0 }, after[MAX_RANK] = { 0 };
    Shape s = *one;
    s.dim[1] *= stride;
    if (stride > 1) {
        y = make_as(
            b, y,
            SHAPE(one->dim[0] * one->dim[1], 1, one->dim[2], one->dim[3] * one->dim[4]));
        after[1] = stride - 1;
        y = make_zeros(b, y, before, after);
    }
    return make_shape(b, y, &s);
}

/* A tap's result lies in the whole one, which padding then crops, at tap * dilation. */
static Value *transposed_tap(Builder *b, const Volume *v, Value *x, int64_t tap)
{
    const Window *w = &v->conv->conv.window;
    int64_t begin[MAX_RANK] = { 0 }, before[MAX_RANK] = { 0 }, after[MAX_RANK] = { 0 };
    Shape s = v->out;
    s.dim[1] = w->in[0];
    Value *y = volume_spread(b, conv_planes(b, v, x, tap, NULL), &s, w->stride[0]);
    s = y->type->shape;
    int64_t start = w->before[0] - tap * w->dilation[0], end = start + w->out[0];
    before[1] = start < 0 ? -start : 0;
    after[1] = end > s.dim[1] ? end - s.dim[1] : 0;
    if (start < 0) start = 0;
    if (end > s.dim[1]) end = s.dim[1];
    if (end <= start) return NULL;
    begin[1] = start;
    s.dim[1] = end - start;
    return volume_planes(b, make_zeros(b, make_box(b, y, begin, s.dim), before, after));
}

static Value *volume_transposed(Builder *b, const Volume *v, Value **part)
{
    const int64_t taps = v->conv->conv.window.kernel[0];
    Value *x = volume_planes(b, volume_turned(b, v->conv->x));
    int n = 0;
    for (int64_t i = 0; i < taps; i++)
        if ((part[n] = transposed_tap(b, v, x, i))) n++;
    if (!n) return NULL;
    Value *sum = make_sum(b, part, n);
    return v->conv->bias ? make_two(b, OP_add, sum, make_bias(b, v->conv->bias, 4)) : sum;
}

/* A result that output_shape makes longer or shorter than its window is another than planes
 * give. */
static bool as_computed(const Window *w)
{
    for (int i = 0; i < MAX_SPATIAL; i++)
        if (w->stride[i] * (w->in[i] - 1) + window_span(w, i) - w->before[i] - w->after[i]
            != w->out[i])
            return false;
    return true;
}

Value *make_planes(Builder *b, const ConvOp *conv)
{
    enum { MOST = 64 };
    Value *part[MOST];
    ConvOp dense = *conv;
    Volume v = { .conv = &dense, .plane = conv->conv.window };
    const Window *w = &conv->conv.window;
    if (w->n != 3 || w->kernel[0] > MOST || !conv_can_cut(conv)) return NULL;
    if (conv->conv.transposed && !as_computed(w)) return NULL;
    dense.weight = make_dense(b, conv->weight);
    v.plane.n = 2;
    v.out = (Shape){ .rank = 5,
                     .dim = { conv->conv.batch, w->out[0], conv->conv.cout, w->out[1],
                              w->out[2] } };
    Value *y = conv->conv.transposed ? volume_transposed(b, &v, part)
                                     : volume_forward(b, &v, part);
    return y ? volume_turned(b, make_shape(b, y, &v.out)) : NULL;
}
