/* legal_shape.c -- shared by the passes that cut and join values, or apply an op over other
 * axes. */
#include "legal_shape.h"

#include <string.h>

/* ---- pieces of values -------------------------------------------------------------------- */

Value *make_box(Builder *b, Value *x, const int64_t *begin, const int64_t *size)
{
    const Shape *s = &x->type->shape;
    bool whole = true;
    for (int i = 0; i < s->rank; i++)
        whole = whole && begin[i] == 0 && size[i] == s->dim[i];
    if (whole) return x;
    Value *from = build_ints(b, s->rank, begin), *length = build_ints(b, s->rank, size);
    return mil_slice_by_size(b, "slice", .x = x, .begin = from, .size = length);
}

Value *make_zeros(Builder *b, Value *x, const int64_t *before, const int64_t *after)
{
    int64_t pad[2 * MAX_RANK];
    const int rank = x->type->shape.rank;
    bool none = true;
    for (int i = 0; i < rank; i++) {
        pad[2 * i] = before[i];
        pad[2 * i + 1] = after[i];
        none = none && !before[i] && !after[i];
    }
    return none ? x : make_pad(b, x, pad, 0);
}

/* By pairs, so that rounding grows with the logarithm of n. */
Value *make_sum(Builder *b, Value **v, int n)
{
    while (n > 1) {
        int left = 0;
        for (int i = 0; i + 1 < n; i += 2)
            v[left++] = make_two(b, OP_add, v[i], v[i + 1]);
        if (n % 2) v[left++] = v[n - 1];
        n = left;
    }
    return v[0];
}

Value *make_expand(Builder *b, Value *x, int axis)
{
    const int64_t at = axis;
    return mil_expand_dims(b, "expand_dims", .x = x, .axes = build_ints(b, 1, &at));
}

int64_t piece_count(int64_t n, int64_t most)
{
    return most > 0 && n > most ? (n - 1) / most + 1 : 1;
}

int64_t piece_size(int64_t n, int64_t pieces, int64_t i, int64_t *from)
{
    const int64_t least = n / pieces, longer = n % pieces;
    *from = i * least + (i < longer ? i : longer);
    return least + (i < longer);
}

/* ---- pieces of weights ------------------------------------------------------------------- */

/* Whether the elements of a literal can be had in pieces: without a word when they cannot. */
static bool can_read(const Const *c)
{
    Diag quiet = { .quiet = true };
    double room;
    const bool ok = const_at_hand(c) && c->type->dtype != DT_STRING
                 && dtypes[c->type->dtype].bits % 8 == 0
                 && const_read(c, &quiet, 0, 0, &room);
    diag_free(&quiet);
    return ok;
}

bool can_cut(const Value *w)
{
    return value_lit(w) ? can_read(value_lit(w)) : value_at_hand(w);
}

/* Copies the box, one run of the last axis after the other. */
static const Const *copy_box(Module *m, const Const *c, const int64_t *begin,
                             const Shape *box)
{
    Diag quiet = { .quiet = true };
    const Shape *s = &c->type->shape;
    const int last = box->rank - 1;
    const Type *t = type_tensor(&m->arena, c->type->dtype, *box);
    const size_t width = (size_t)dtypes[t->dtype].bits / 8, run = (size_t)box->dim[last];
    const size_t bytes = type_bytes(t);
    int64_t i[MAX_RANK] = { 0 };
    char *to = arena_alloc(&m->arena, bytes + 1);
    bool ok = true;
    for (size_t at = 0; ok && at < bytes; at += run * width) {
        size_t from = 0;
        for (int k = 0; k <= last; k++)
            from = from * (size_t)s->dim[k] + (size_t)(begin[k] + i[k]);
        ok = const_read(c, &quiet, from, run, to + at);
        for (int k = last - 1; k >= 0 && ++i[k] == box->dim[k]; k--) i[k] = 0;
    }
    diag_free(&quiet);
    return ok ? const_data(&m->arena, t, to) : NULL;
}

Value *make_literal_box(Builder *b, const Value *w, const int64_t *begin,
                        const int64_t *size)
{
    const int rank = w->type->shape.rank;
    if (!value_lit(w) || !rank || !can_read(value_lit(w))) return NULL;
    const Shape box = shape_of(rank, size);
    bool rows = true; /* whole rows are where they are */
    size_t row = 1;
    for (int i = 1; i < rank; i++) {
        rows = rows && size[i] == w->type->shape.dim[i];
        row *= (size_t)w->type->shape.dim[i];
    }
    const Const *piece = rows
                           ? const_part(b->m, value_lit(w), (size_t)begin[0] * row, box)
                           : copy_box(b->m, value_lit(w), begin, &box);
    if (!piece) return NULL;
    Const *c = NEW(&b->m->arena, Const);
    *c = *piece;
    c->loc = (Loc){ .src = NULL };
    c->in_file = const_in_file(b->block->func, value_lit(w));
    return build_const(b, w->name ? w->name : "weight", c);
}

Value *make_piece(Builder *b, Value *w, int axis, int64_t from, int64_t n)
{
    int64_t begin[MAX_RANK] = { 0 };
    Shape s = w->type->shape;
    begin[axis] = from;
    s.dim[axis] = n;
    if (shape_equal(&s, &w->type->shape)) return w;
    Value *v = make_literal_box(b, w, begin, s.dim);
    return v ? v : make_box(b, w, begin, s.dim);
}

Value *make_relabel(Builder *b, Value *w, const Shape *s)
{
    w = make_dense(b, w);
    if (!value_lit(w) || value_lit(w)->kind == CONST_GROUP) return make_shape(b, w, s);
    Const *c = NEW(&b->m->arena, Const);
    *c = *value_lit(w);
    c->type = type_tensor(&b->m->arena, w->type->dtype, *s);
    return build_const(b, w->name ? w->name : "weight", c);
}

/* ---- convolutions ------------------------------------------------------------------------ */

bool conv_read(Op *op, ConvOp *v)
{
    Arena scratch = { 0 };
    Diag quiet = { .quiet = true };
    Call *c = NEW(&scratch, Call);
    *v = (ConvOp){ .x = op_value(op, P_x),
                   .weight = op_value(op, P_weight),
                   .bias = op_value(op, P_bias) };
    bool ok = op->kind == OP_conv || op->kind == OP_conv_transpose;
    ok = ok && shape_of_value(v->x) && shape_of_value(v->weight)
      && shape_of_value(op->out[0]);
    ok = ok && call_of_op(c, op, &scratch, &quiet) && call_check(c);
    ok = ok && conv_of(c, op->kind == OP_conv_transpose, &v->conv);
    for (int i = 0; ok && i < MAX_SPATIAL; i++)
        ok = v->conv.window.kernel[i] > 0
          && v->conv.window.out[i] > 0; /* DIM_ANY: a parameter is not known */
    diag_free(&quiet);
    arena_free(&scratch);
    return ok;
}

bool conv_can_cut(const ConvOp *v) { return !v->conv.transposed || can_cut(v->weight); }

int window_axis(const Window *w, int i)
{
    return i < MAX_SPATIAL - w->n ? -1 : 2 + i - (MAX_SPATIAL - w->n);
}

Value *make_bias(Builder *b, Value *bias, int rank)
{
    Shape s = { .rank = rank };
    for (int i = 0; i < rank; i++) s.dim[i] = 1;
    s.dim[1] = bias->type->shape.dim[0];
    return make_relabel(b, bias, &s);
}

Value *build_padding(Builder *b, const Window *w)
{
    int64_t pad[2 * MAX_SPATIAL];
    for (int i = 0; i < w->n; i++) {
        pad[2 * i] = w->before[MAX_SPATIAL - w->n + i];
        pad[2 * i + 1] = w->after[MAX_SPATIAL - w->n + i];
    }
    return build_ints(b, 2 * w->n, pad);
}

Value *make_span(Builder *b, Value *y, const Window *w, const int64_t *start)
{
    int64_t begin[MAX_RANK] = { 0 }, before[MAX_RANK] = { 0 }, after[MAX_RANK] = { 0 };
    Shape s = y->type->shape;
    for (int i = 0; i < MAX_SPATIAL; i++) {
        const int axis = window_axis(w, i);
        if (axis < 0) continue;
        int64_t from = start[i], end = from + w->out[i];
        before[axis] = from < 0 ? -from : 0;
        after[axis] = end > s.dim[axis] ? end - s.dim[axis] : 0;
        if (from < 0) from = 0;
        if (end > s.dim[axis]) end = s.dim[axis];
        if (end <= from) return NULL;
        begin[axis] = from;
        s.dim[axis] = end - from;
    }
    return make_zeros(b, make_box(b, y, begin, s.dim), before, after);
}

/* A transposed convolution whose result is longer or shorter than its padding makes it ("same"
 * with a stride beyond the kernel, output_shape) is cut out of the whole one. */
static Value *cut_out(Builder *b, Value *x, Value *weight, Value *bias, int64_t groups,
                      const Window *w)
{
    Window whole = *w;
    bool plain = true;
    for (int i = MAX_SPATIAL - w->n; i < MAX_SPATIAL; i++) {
        const int64_t full = w->stride[i] * (w->in[i] - 1)
                           + (w->kernel[i] - 1) * w->dilation[i] + 1;
        plain = plain && w->out[i] == full - w->before[i] - w->after[i];
        whole.before[i] = whole.after[i] = 0;
        whole.out[i] = full;
    }
    if (plain) return NULL;
    Value *y = make_span(b, make_conv(b, true, x, weight, NULL, groups, &whole), w,
                         w->before);
    return y && bias ? make_two(b, OP_add, y, make_bias(b, bias, w->n + 2)) : y;
}

Value *make_conv(Builder *b, bool transposed, Value *x, Value *weight, Value *bias,
                 int64_t groups, const Window *w)
{
    const int first = MAX_SPATIAL - w->n;
    Value *cut = transposed ? cut_out(b, x, weight, bias, groups, w) : NULL;
    if (cut) return cut;
    Value *step = build_ints(b, w->n, w->stride + first),
          *type = build_string(b, "custom");
    Value *pad = build_padding(b, w), *spread = build_ints(b, w->n, w->dilation + first);
    Value *given[] = { x, weight, step, type, pad, spread, build_int(b, groups), bias };
    static const ParamId names[] = { P_x,   P_weight,    P_strides, P_pad_type,
                                     P_pad, P_dilations, P_groups,  P_bias };
    BuildArg arg[COUNT(names)];
    for (size_t i = 0; i < COUNT(names); i++)
        arg[i] = (BuildArg){ .param = names[i], .val = &given[i], .count = 1 };
    const int kind = transposed ? OP_conv_transpose : OP_conv;
    return build_op(b, ops[kind].name, kind, arg, (int)COUNT(names) - !bias)->out[0];
}

/* ---- the same op over other axes -------------------------------------------------- */

/* Between reshapes that algebra then merges. */

Value *make_relaid(Builder *b, Op *op, Relayout *to, const void *ctx)
{
    BuildArg arg[MAX_PARAM];
    Value *val[MAX_PARAM];
    if (op->narg > MAX_PARAM) return NULL;
    for (int i = 0; i < op->narg; i++)
        if (arg_count(&op->arg[i]) != 1) return NULL;
    for (int i = 0; i < op->narg; i++) {
        const Shape *s = shape_of_value(op->arg[i].val[0]);
        val[i] = op->arg[i].val[0];
        if (s && s->rank) {
            const Shape new_shape = to(ctx, s);
            val[i] = make_relabel(b, val[i], &new_shape);
        }
        arg[i] = (BuildArg){ .param = op->arg[i].param, .val = &val[i], .count = 1 };
    }
    Value *y = build_op(b, op_name(op), op->kind, arg, op->narg)->out[0];
    return make_shape(b, y, &op->out[0]->type->shape);
}

bool reduced_axes(const Op *op, int rank, bool *reduced)
{
    int64_t axes[MAX_RANK * 2];
    const Value *given = op_value(op, P_axes);
    const int n = given ? value_ints(given, axes) : 0;
    for (int i = 0; i < rank; i++) reduced[i] = !given;
    for (int i = 0; i < n; i++) {
        const int64_t at = axes[i] < 0 ? axes[i] + rank : axes[i];
        if (at < 0 || at >= rank) return false;
        reduced[at] = true;
    }
    return n >= 0;
}

Value *make_reduced(Builder *b, Op *op, Value *x, int n, const int64_t *axes)
{
    Value *y = make_over(b, op_name(op), op->kind, x, n, axes);
    return make_shape(b, y, &op->out[0]->type->shape);
}
