/* onnx_const.c -- nodes that make constants: what the graph holds, numbers in a row, matrices that
 * are drawn. */
#include "onnx.h"

#include <string.h>

static Value *const_of(OnnxCall *c, const Const *lit)
{
    Builder *b = &c->b;
    return build_const(b, c->node->nout ? c->node->out[0] : "t", lit);
}

/* Integers of an attribute, as int32. */
static const Const *const_numbers(OnnxCall *c, int n, const int64_t *from, bool scalar)
{
    Arena *a = &c->b.m->arena;
    int64_t *v = NEW_ARRAY(c->file->arena, n + 1, int64_t);
    for (int i = 0; i < n; i++) {
        v[i] = from[i] < INT32_MIN ? INT32_MIN
             : from[i] > INT32_MAX ? INT32_MAX
                                   : from[i];
        c->gives_clamped |= v[i] != from[i];
    }
    return scalar ? const_int(a, DT_INT32, v[0]) : const_ints(a, DT_INT32, n, v);
}

bool node_constant(OnnxCall *c)
{
    Arena *a = &c->b.m->arena;
    const OnnxAttr *v;
    const Const *lit = NULL;
    if ((v = onnx_attr(c, "value")) && v->tensor) {
        lit = v->tensor->value;
        c->gives_clamped = v->tensor->clamped;
    } else if ((v = onnx_attr(c, "value_float"))) {
        lit = const_float(a, DT_FP32, v->f);
    } else if ((v = onnx_attr(c, "value_int"))) {
        lit = const_numbers(c, 1, &v->i, true);
    } else if ((v = onnx_attr(c, "value_ints"))) {
        lit = const_numbers(c, v->nints, v->ints, false);
    } else if ((v = onnx_attr(c, "value_floats"))) {
        const Type *t = type_tensor(a, DT_FP32, SHAPE(v->nfloats));
        float *data = NEW_ARRAY(a, v->nfloats + 1, float);
        if (v->nfloats) memcpy(data, v->floats, (size_t)v->nfloats * sizeof *data);
        lit = const_data(a, t, data);
    }
    if (!lit)
        return onnx_refuse(c, "it has no value, or one that is no tensor of numbers");
    c->out[0] = const_of(c, lit);
    return true;
}

bool node_constant_of_shape(OnnxCall *c)
{
    Builder *b = &c->b;
    const OnnxAttr *v = onnx_attr(c, "value");
    Value *one = build_float(b, DT_FP32, 0);
    if (v && v->tensor) {
        c->gives_clamped = v->tensor->clamped;
        one = onnx_scalar(c, build_const(b, "value", v->tensor->value));
    }
    c->out[0] = mil_fill(b, "t", .shape = c->in[0], .value = one);
    return true;
}

bool node_range(OnnxCall *c)
{
    Builder *b = &c->b;
    c->out[0] = mil_range_1d(b, "t", .start = c->in[0], .end = c->in[1],
                             .step = c->in[2]);
    return true;
}

/* A matrix with a number where `on` says. */
static Value *drawn(OnnxCall *c, DType t, int64_t rows, int64_t columns, int64_t k,
                    bool (*on)(int64_t row, int64_t column, int64_t k))
{
    Builder *b = &c->b;
    Arena *a = &c->b.m->arena;
    const Type *type = type_tensor(a, DT_BOOL, SHAPE(rows, columns));
    void *data;
    Const *lit = const_room(a, type, type_bytes(type), &data);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++)
            ((uint8_t *)data)[i * columns + j] = on(i, j, k);
    return onnx_cast(c, build_const(b, "drawn", lit), t);
}

static bool on_diagonal(int64_t row, int64_t column, int64_t k)
{
    return column - row == k;
}
static bool above_diagonal(int64_t row, int64_t column, int64_t k)
{
    return column - row >= k;
}
static bool below_diagonal(int64_t row, int64_t column, int64_t k)
{
    return column - row <= k;
}

enum { ONNX_DRAWN = 1 << 14 }; /* rows and columns of what is drawn, at most */

static bool drawn_size(OnnxCall *c, const Shape *s)
{
    if (s->rank < 2) return onnx_refuse(c, "its input is no matrix");
    const int64_t rows = s->dim[s->rank - 2], columns = s->dim[s->rank - 1];
    if (rows < 0 || columns < 0) return onnx_unknown(c, "the size of its matrix");
    return (rows <= ONNX_DRAWN && columns <= ONNX_DRAWN)
        || onnx_refuse(c, "its matrix is too large");
}

bool node_eye_like(OnnxCall *c)
{
    const Shape *s = onnx_shape(c->in[0]);
    const OnnxAttr *to = onnx_attr(c, "dtype");
    const DType t = to ? onnx_type(to->i)->as : onnx_dtype(c->in[0]);
    if (t == DT_NONE) return onnx_refuse(c, "MIL has no such type");
    if (!drawn_size(c, s)) return false;
    c->out[0] = drawn(c, t, s->dim[0], s->dim[1], onnx_int(c, "k", 0), on_diagonal);
    return true;
}

bool node_trilu(OnnxCall *c)
{
    Builder *b = &c->b;
    Value *x = c->in[0];
    const Shape *s = onnx_shape(x);
    int64_t k = 0;
    if (onnx_given(c, 1) && !value_int(c->in[1], &k)) return onnx_unknown(c, "its k");
    if (!drawn_size(c, s)) return false;
    const bool upper = onnx_int(c, "upper", 1) != 0;
    Value *keep = drawn(c, DT_BOOL, s->dim[s->rank - 2], s->dim[s->rank - 1], k,
                        upper ? above_diagonal : below_diagonal);
    if (onnx_dtype(x) == DT_BOOL)
        return (c->out[0] = onnx_both(c, OP_logical_and, x, keep)) != NULL;
    c->out[0] = mil_select(b, "t", .cond = keep, .a = x, .b = onnx_number(c, x, 0));
    return true;
}
