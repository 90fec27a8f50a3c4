/* legal_conv_matmul.c -- convolutions whose weight is computed, as matrix products: for each
 * tap of the kernel, the product of the tap's weights with the elements of x that the tap
 * meets; the products are added.
 *
 * With g groups the weights of a tap are [1, g, out / g, in / g] and the elements that it
 * meets [batch, g, in / g, s], s being the number of positions in the result; without groups
 * both lack the axis g. */
#include "legal_shape.h"

typedef struct {
    Builder *b;
    const ConvOp *v;
    Value *taps;       /* [taps, out, in / groups] */
    Value *padded;     /* x between its zeros */
    int64_t positions; /* of the result */
} TapProducts;

/* Slices are along an axis in front of the last two, which every chip takes. */
static Value *weights_by_tap(Builder *b, const ConvOp *v)
{
    const Shape *s = &v->weight->type->shape;
    int64_t perm[MAX_RANK];
    for (int i = 0; i < s->rank - 2; i++) perm[i] = i + 2;
    perm[s->rank - 2] = 0;
    perm[s->rank - 1] = 1;
    const Shape by_tap = SHAPE(window_taps(&v->conv.window), s->dim[0], s->dim[1]);
    return make_shape(b, make_transpose(b, v->weight, perm), &by_tap);
}

static Value *padded_input(Builder *b, const ConvOp *v)
{
    const Window *w = &v->conv.window;
    int64_t before[MAX_RANK] = { 0 }, after[MAX_RANK] = { 0 }, begin[MAX_RANK] = { 0 };
    Shape s = v->x->type->shape;
    for (int i = 0; i < MAX_SPATIAL; i++) {
        const int axis = window_axis(w, i);
        if (axis < 0) continue;
        before[axis] = w->before[i] > 0 ? w->before[i] : 0;
        after[axis] = w->after[i] > 0 ? w->after[i] : 0;
        begin[axis] = before[axis] - w->before[i]; /* negative padding takes away */
        s.dim[axis] -= begin[axis] + after[axis] - w->after[i];
    }
    return make_zeros(b, make_box(b, v->x, begin, s.dim), before, after);
}

/* The elements of x under one tap, at every position of the result. */
static Value *seen_by(const TapProducts *p, const int64_t *tap)
{
    const Window *w = &p->v->conv.window;
    int64_t begin[MAX_RANK] = { 0 }, end[MAX_RANK], stride[MAX_RANK];
    const Shape *s = &p->padded->type->shape;
    bool steps = false;
    for (int i = 0; i < s->rank; i++) {
        end[i] = s->dim[i];
        stride[i] = 1;
    }
    for (int i = 0; i < MAX_SPATIAL; i++) {
        const int axis = window_axis(w, i);
        if (axis < 0) continue;
        begin[axis] = tap[i] * w->dilation[i];
        stride[axis] = w->stride[i];
        end[axis] = begin[axis] + (w->out[i] - 1) * w->stride[i] + 1;
        steps = steps || w->stride[i] != 1;
    }
    for (int i = 0; !steps && i < s->rank; i++) end[i] -= begin[i];
    if (!steps) return make_box(p->b, p->padded, begin, end);
    return make_strided(p->b, p->padded, begin, end, stride);
}

static Value *product_of_tap(const TapProducts *p, int64_t index, const int64_t *tap)
{
    const Conv *c = &p->v->conv;
    const int64_t out = c->cout / c->groups, in = c->cin / c->groups;
    const bool grouped = c->groups > 1;
    const Shape weights = grouped ? SHAPE(1, c->groups, out, in) : SHAPE(1, out, in);
    const Shape seen = grouped ? SHAPE(c->batch, c->groups, in, p->positions)
                               : SHAPE(c->batch, in, p->positions);
    Value *a = make_shape(p->b, make_piece(p->b, p->taps, 0, index, 1), &weights);
    Value *x = make_shape(p->b, seen_by(p, tap), &seen);
    return make_matmul(p->b, a, x, false, false);
}

static bool conv_matmul_applies(const Legal *l, const Op *op)
{
    return legal_asks(l, RULE_conv_weight, op)
        || legal_asks(l, RULE_conv_weight_batch, op);
}

static Value *conv_as_products(const Legal *l, Builder *b, Op *op)
{
    enum { MOST = 1024 };
    ConvOp v;
    Value *part[MOST];
    if (!conv_matmul_applies(l, op) || !conv_read(op, &v)) return NULL;
    const Window *w = &v.conv.window;
    const int64_t taps = window_taps(w);
    if (taps > MOST) return NULL;
    TapProducts p = { .b = b, .v = &v, .positions = window_out(w) };
    p.taps = weights_by_tap(b, &v);
    p.padded = padded_input(b, &v);
    for (int64_t k = 0; k < taps; k++) {
        const int64_t tap[MAX_SPATIAL] = { k / (w->kernel[1] * w->kernel[2]),
                                           k / w->kernel[2] % w->kernel[1],
                                           k % w->kernel[2] };
        part[k] = product_of_tap(&p, k, tap);
    }
    Value *y = make_shape(b, make_sum(b, part, (int)taps), &op->out[0]->type->shape);
    return v.bias ? make_two(b, OP_add, y, make_bias(b, v.bias, w->n + 2)) : y;
}

int pass_conv_matmul(Module *m, const PassOptions *o, Diag *d)
{
    return legal_rewrite(m, o, d, conv_as_products);
}
