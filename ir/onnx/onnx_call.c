/* onnx_call.c -- what the functions of nodes use: attributes of the node at hand, its refusal, and
 * small ops that many of them are made of. */
#include "onnx.h"

#include <stdarg.h>
#include <string.h>

const char *onnx_node_name(Arena *a, const OnnxNode *n)
{
    const char *name = *n->name ? n->name : n->nout ? n->out[0] : "";
    return arena_printf(a, "node '%s' (%s)", name, n->op);
}

bool onnx_refuse(OnnxCall *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *why = arena_vprintf(c->file->arena, fmt, ap);
    va_end(ap);
    return diag_error(c->b.diag, (Loc){ 0 }, "%s: %s: %s", c->file->path,
                      onnx_node_name(c->file->arena, c->node), why);
}

bool onnx_unknown(OnnxCall *c, const char *what)
{
    return onnx_refuse(c, "%s must be known before it runs", what);
}

const OnnxAttr *onnx_attr(const OnnxCall *c, const char *name)
{
    for (int i = 0; i < c->node->nattr; i++)
        if (!strcmp(c->node->attr[i].name, name)) return &c->node->attr[i];
    return NULL;
}

int64_t onnx_int(const OnnxCall *c, const char *name, int64_t other)
{
    const OnnxAttr *a = onnx_attr(c, name);
    return a ? a->i : other;
}

double onnx_float(const OnnxCall *c, const char *name, double other)
{
    const OnnxAttr *a = onnx_attr(c, name);
    return a ? a->f : other;
}

const char *onnx_text(const OnnxCall *c, const char *name, const char *other)
{
    const OnnxAttr *a = onnx_attr(c, name);
    return a ? a->text : other;
}

int onnx_ints(const OnnxCall *c, const char *name, int64_t *out)
{
    const OnnxAttr *a = onnx_attr(c, name);
    if (!a) return -1;
    const int n = a->nints < MAX_RANK * 2 ? a->nints : MAX_RANK * 2;
    for (int i = 0; i < n; i++) out[i] = a->ints[i];
    return n;
}

int onnx_list(const OnnxCall *c, const char *name, int i, int64_t *out)
{
    if (!onnx_given(c, i)) return onnx_ints(c, name, out);
    const int n = value_ints(c->in[i], out);
    return n < 0 ? -2 : n;
}

bool onnx_axis(OnnxCall *c, int64_t *axis, int rank)
{
    if (*axis < -rank || *axis >= (rank ? rank : 1))
        return onnx_refuse(c, "there is no axis %lld in %d dimensions", (long long)*axis,
                           rank);
    if (*axis < 0) *axis += rank;
    return true;
}

Value *onnx_cast(OnnxCall *c, Value *x, DType t)
{
    Builder *b = &c->b;
    if (onnx_dtype(x) == t) return x;
    return mil_cast(b, "cast", .x = x, .dtype = build_string(b, dtypes[t].name));
}

Value *onnx_reshape(OnnxCall *c, Value *x, int n, const int64_t *dim)
{
    Builder *b = &c->b;
    return mil_reshape(b, "shaped", .x = x, .shape = build_ints(b, n, dim));
}

Value *onnx_scalar(OnnxCall *c, Value *v)
{
    Builder *b = &c->b;
    const Const *lit = value_lit(v);
    size_t count;
    if (!lit || !shape_count(onnx_shape(v), &count) || count != 1)
        return onnx_reshape(c, v, 0, NULL);
    return build_const(b, "number", const_part(c->b.m, lit, 0, (Shape){ .rank = 0 }));
}

Value *onnx_wide(OnnxCall *c, Value *x)
{
    return dtype_is_int(onnx_dtype(x)) ? onnx_cast(c, x, DT_INT32) : x;
}

Value *onnx_narrow(OnnxCall *c, Value *x, DType t)
{
    Builder *b = &c->b;
    if (!dtype_is_int(t) || t == DT_INT32) return onnx_cast(c, x, t);
    const int64_t count = (int64_t)1 << dtypes[t].bits,
                  low = dtypes[t].cls == CLASS_INT ? -count / 2 : 0;
    Value *from = build_int(b, low);
    Value *all = build_int(b, count);
    Value *left = onnx_both(c, OP_mod, onnx_both(c, OP_sub, x, from), all);
    return onnx_cast(c, onnx_both(c, OP_add, left, from), t);
}

Value *onnx_number(OnnxCall *c, const Value *like, double v)
{
    Builder *b = &c->b;
    const DType t = onnx_dtype(like);
    if (dtype_is_float(t)) return build_float(b, t, v);
    if (v >= INT32_MIN && v <= INT32_MAX) return build_int(b, (int64_t)v);
    onnx_refuse(c, "an attribute is %g, which int32 cannot hold", v);
    return build_int(b, 0);
}

Value *onnx_both(OnnxCall *c, int kind, Value *x, Value *y)
{
    Builder *b = &c->b;
    return build_of(b, "t", kind, P_x, x, P_y, y, P_NONE);
}

Value *onnx_part(OnnxCall *c, Value *x, int axis, int64_t begin, int64_t end)
{
    Builder *b = &c->b;
    int64_t from[MAX_RANK] = { 0 }, to[MAX_RANK] = { 0 };
    bool whole[MAX_RANK];
    const int n = onnx_rank(x);
    for (int i = 0; i < n; i++) whole[i] = i != axis;
    from[axis] = begin;
    to[axis] = end;
    Value *mask = build_const(b, "mask", const_bools(&c->b.m->arena, n, whole));
    Value *first = build_ints(b, n, from);
    Value *last = build_ints(b, n, to);
    return mil_slice_by_index(b, "part", .x = x, .begin = first, .end = last,
                              .begin_mask = mask, .end_mask = mask);
}

Value *onnx_join(OnnxCall *c, int n, Value *const *v, int axis)
{
    Builder *b = &c->b;
    if (n == 1) return v[0];
    const Values all = { n, v };
    Value *along = build_int(b, axis);
    Value *never = build_bool(b, false);
    return mil_concat(b, "joined", .values = &all, .axis = along, .interleave = never);
}

Value *onnx_reduce(OnnxCall *c, int kind, Value *x, int n, const int64_t *axis, bool keep)
{
    Value *axes = build_ints(&c->b, n, axis);
    Value *kept = build_bool(&c->b, keep);
    return build_of(&c->b, "t", kind, P_x, x, P_axes, axes, P_keep_dims, kept, P_NONE);
}
