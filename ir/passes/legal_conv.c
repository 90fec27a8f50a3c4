/* legal_conv.c -- convolutions in forms that an engine takes: over two axes, with the bias
 * added behind, and with kernels that are small enough. */
#include "legal_shape.h"

/* ---- conv-shape: a line becomes a row, a volume planes, the bias goes behind ------------- */

/* A bias of fp16 goes to the weight file (literals), except where a machine was seen to refuse
 * that. */
static bool bias_behind(const Legal *l, const Op *op)
{
    return legal_asks(l, RULE_conv_bias, op)
        && (l->rules->profiled[RULE_conv_bias]
            || op_value(op, P_bias)->type->dtype != DT_FP16);
}

static Value *shape_conv(const Legal *l, Builder *b, Op *op)
{
    ConvOp v;
    if ((op->kind != OP_conv && op->kind != OP_conv_transpose) || !conv_read(op, &v))
        return NULL;
    const bool flat = legal_asks(l, RULE_conv_flat, op)
                   && (value_lit(v.weight) || !value_is_const(v.weight));
    const bool behind = bias_behind(l, op);
    if (legal_asks(l, RULE_conv_rank, op)) {
        Value *bias = v.bias;
        if (behind) v.bias = NULL;
        Value *y = make_planes(b, &v);
        return y && behind ? make_two(b, OP_add, y, make_bias(b, bias, 5)) : y;
    }
    if (!flat && !behind) return NULL;
    Value *x = v.x, *weight = v.weight;
    if (flat) {
        Shape s = weight->type->shape;
        s.rank = 4;
        s.dim[3] = s.dim[2];
        s.dim[2] = 1;
        x = make_expand(b, x, 2);
        weight = make_relabel(b, weight, &s);
        v.conv.window.n = 2;
    }
    Value *y = make_conv(b, v.conv.transposed, x, weight, behind ? NULL : v.bias,
                         v.conv.groups, &v.conv.window);
    if (behind) y = make_two(b, OP_add, y, make_bias(b, v.bias, y->type->shape.rank));
    const int64_t two = 2;
    return flat ? mil_squeeze(b, "squeeze", .x = y, .axes = build_ints(b, 1, &two)) : y;
}

int pass_conv_shape(Module *m, const PassOptions *o, Diag *d)
{
    return legal_rewrite(m, o, d, shape_conv);
}

/* ---- conv-split: a kernel in pieces whose results are added ------------------------------ */

/* Taps from..from + n of a kernel, a piece along each of the three axes. */
typedef struct {
    int64_t from[MAX_SPATIAL], n[MAX_SPATIAL];
} Taps;

static Value *weight_taps(Builder *b, const ConvOp *v, const Taps *t)
{
    Value *w = v->weight;
    int64_t begin[MAX_RANK] = { 0 };
    Shape s = w->type->shape;
    for (int i = 0; i < MAX_SPATIAL; i++) {
        const int axis = window_axis(&v->conv.window, i);
        if (axis < 0) continue;
        begin[axis] = t->from[i];
        s.dim[axis] = t->n[i];
    }
    Value *piece = make_literal_box(b, w, begin, s.dim);
    return piece ? piece : make_box(b, w, begin, s.dim);
}

/* The taps see x from from * dilation - before on. What they see of x, and the zeros around it,
 * make the padding; NULL: they see zeros alone. */
static Value *forward_piece(Builder *b, const ConvOp *v, const Taps *t, Value *bias)
{
    Window w = v->conv.window;
    int64_t begin[MAX_RANK] = { 0 };
    Shape s = v->x->type->shape;
    for (int i = 0; i < MAX_SPATIAL; i++) {
        const int axis = window_axis(&w, i);
        if (axis < 0) continue;
        const int64_t span = (w.out[i] - 1) * w.stride[i] + (t->n[i] - 1) * w.dilation[i]
                           + 1;
        int64_t start = t->from[i] * w.dilation[i] - w.before[i], end = start + span;
        w.before[i] = start < 0 ? -start : 0;
        w.after[i] = end > w.in[i] ? end - w.in[i] : 0;
        if (start < 0) start = 0;
        if (end > w.in[i]) end = w.in[i];
        if (end <= start) return NULL;
        begin[axis] = start;
        s.dim[axis] = end - start;
    }
    Value *x = make_box(b, v->x, begin, s.dim);
    return make_conv(b, false, x, weight_taps(b, v, t), bias, v->conv.groups, &w);
}

/* The taps' result lies in the whole one, which padding then crops, at from * dilation. */
static Value *transposed_piece(Builder *b, const ConvOp *v, const Taps *t)
{
    Window w = v->conv.window;
    int64_t start[MAX_SPATIAL];
    for (int i = 0; i < MAX_SPATIAL; i++) {
        start[i] = w.before[i] - t->from[i] * w.dilation[i];
        w.before[i] = w.after[i] = 0;
        w.kernel[i] = t->n[i];
        w.out[i] = w.stride[i] * (w.in[i] - 1) + (t->n[i] - 1) * w.dilation[i] + 1;
    }
    Value *y = make_conv(b, true, v->x, weight_taps(b, v, t), NULL, v->conv.groups, &w);
    return make_span(b, y, &v->conv.window, start);
}

static int64_t pieces_along(const Legal *l, const Op *op, const Window *w, int i)
{
    static const struct {
        int rule, limit;
    } axes[MAX_SPATIAL] = { { -1, -1 },
                            { RULE_kernel_height, LIMIT_kernel_height },
                            { RULE_kernel_width, LIMIT_kernel_width } };
    if (axes[i].rule < 0 || !legal_asks(l, axes[i].rule, op)) return 1;
    return piece_count(w->kernel[i], rule_limit(l->rules, axes[i].limit));
}

enum { MOST = 1024 };

/* The results n from `from` on along a row: of x what they see, and the zeros at its ends. */
static Value *row_piece(Builder *b, const ConvOp *v, int64_t from, int64_t n)
{
    const int last = MAX_SPATIAL - 1, axis = v->conv.window.n + 1;
    Window w = v->conv.window;
    int64_t begin[MAX_RANK] = { 0 };
    Shape s = v->x->type->shape;
    int64_t start = from * w.stride[last] - w.before[last];
    int64_t end = start + (n - 1) * w.stride[last] + window_span(&w, last);
    w.before[last] = start < 0 ? -start : 0;
    w.after[last] = end > w.in[last] ? end - w.in[last] : 0;
    if (start < 0) start = 0;
    if (end > w.in[last]) end = w.in[last];
    if (end <= start) return NULL;
    begin[axis] = start;
    s.dim[axis] = end - start;
    w.out[last] = n;
    w.in[last] = end - start;
    return make_conv(b, false, make_box(b, v->x, begin, s.dim), v->weight, v->bias,
                     v->conv.groups, &w);
}

/* A row that is too long with its zeros: in pieces side by side. */
static Value *split_row(const Legal *l, Builder *b, const ConvOp *v)
{
    const int last = MAX_SPATIAL - 1;
    const Window *w = &v->conv.window;
    const int64_t room = rule_limit(l->rules, LIMIT_width) - window_span(w, last);
    if (room < 0) return NULL;
    const int64_t pieces = piece_count(w->out[last], room / w->stride[last] + 1);
    Value *part[MOST];
    if (pieces > MOST) return NULL;
    for (int64_t i = 0; i < pieces; i++) {
        int64_t from;
        const int64_t n = piece_size(w->out[last], pieces, i, &from);
        if (!(part[i] = row_piece(b, v, from, n))) return NULL;
    }
    return make_concat(b, part, (int)pieces, w->n + 1);
}

static Value *split_conv(const Legal *l, Builder *b, Op *op)
{
    ConvOp v;
    Value *part[MOST];
    int64_t pieces[MAX_SPATIAL];
    if ((op->kind != OP_conv && op->kind != OP_conv_transpose) || !conv_read(op, &v))
        return NULL;
    const Window *w = &v.conv.window;
    for (int i = 0; i < MAX_SPATIAL; i++) pieces[i] = pieces_along(l, op, w, i);
    const int64_t all = pieces[1] * pieces[2];
    if (all == 1 && legal_asks(l, RULE_conv_padded, op)) return split_row(l, b, &v);
    if (all == 1 || all > MOST || !conv_can_cut(&v)) return NULL;
    v.weight = make_dense(b, v.weight);
    int n = 0;
    for (int64_t k = 0; k < all; k++) {
        Taps t = { .n = { w->kernel[0] } };
        t.n[1] = piece_size(w->kernel[1], pieces[1], k / pieces[2], &t.from[1]);
        t.n[2] = piece_size(w->kernel[2], pieces[2], k % pieces[2], &t.from[2]);
        Value *bias = n ? NULL : v.bias; /* with the first piece, or behind */
        Value *y = v.conv.transposed ? transposed_piece(b, &v, &t)
                                     : forward_piece(b, &v, &t, bias);
        if (y) part[n++] = y;
    }
    if (!n) return NULL;
    Value *sum = make_sum(b, part, n);
    return v.bias && v.conv.transposed
             ? make_two(b, OP_add, sum, make_bias(b, v.bias, w->n + 2))
             : sum;
}

int pass_conv_split(Module *m, const PassOptions *o, Diag *d)
{
    return legal_rewrite(m, o, d, split_conv);
}
