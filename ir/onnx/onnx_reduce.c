/* onnx_reduce.c -- nodes that sum, search or sort along axes. */
#include "onnx.h"

/* The axes of a reduction, counted from the front: how many; 0: it changes nothing. */
static int reduce_axes(OnnxCall *c, int64_t *axis)
{
    const int rank = onnx_rank(c->in[0]);
    int n = onnx_list(c, "axes", 1, axis);
    if (n == -2) {
        onnx_refuse(c, "its axes are not known before it runs");
        return -1;
    }
    if (n <= 0 && onnx_int(c, "noop_with_empty_axes", 0)) return 0;
    if (n <= 0)
        for (n = 0; n < rank; n++) axis[n] = n;
    for (int i = 0; i < n; i++)
        if (!onnx_axis(c, &axis[i], rank)) return -1;
    return n;
}

bool node_reduce(OnnxCall *c)
{
    int64_t axis[MAX_RANK * 2];
    const int n = reduce_axes(c, axis);
    if (n < 0) return false;
    const bool keep = onnx_int(c, "keepdims", 1) != 0;
    c->out[0] = n ? onnx_reduce(c, c->row->kind, c->in[0], n, axis, keep) : c->in[0];
    return true;
}

/* Of equal ones the last is the first from the other end. */
bool node_arg(OnnxCall *c)
{
    Builder *b = &c->b;
    Value *x = c->in[0];
    int64_t axis = onnx_int(c, "axis", 0);
    const bool keep = onnx_int(c, "keepdims", 1) != 0,
               last = onnx_int(c, "select_last_index", 0) != 0;
    if (!onnx_axis(c, &axis, onnx_rank(x))) return false;
    const int64_t size = onnx_shape(x)->dim[axis];
    if (last && size < 0) return onnx_refuse(c, "its dimensions are not known");
    if (last) x = mil_reverse(b, "back", .x = x, .axes = build_ints(b, 1, &axis));
    Value *along = build_int(b, axis);
    Value *kept = build_bool(b, keep);
    Value *at = build_of(b, "t", c->row->kind, P_x, x, P_axis, along, P_keep_dims, kept,
                         P_NONE);
    c->out[0] = last ? onnx_both(c, OP_sub, build_int(b, size - 1), at) : at;
    return true;
}

bool node_cumsum(OnnxCall *c)
{
    Builder *b = &c->b;
    int64_t axis;
    if (!value_int(c->in[1], &axis))
        return onnx_refuse(c, "its axis is not known before it runs");
    if (!onnx_axis(c, &axis, onnx_rank(c->in[0]))) return false;
    Value *along = build_int(b, axis);
    Value *before = build_bool(b, onnx_int(c, "exclusive", 0) != 0);
    Value *back = build_bool(b, onnx_int(c, "reverse", 0) != 0);
    c->out[0] = mil_cumsum(b, "t", .x = c->in[0], .axis = along, .exclusive = before,
                           .reverse = back);
    return true;
}

bool node_topk(OnnxCall *c)
{
    Builder *b = &c->b;
    int64_t list[MAX_RANK * 2], axis = onnx_int(c, "axis", -1), k = onnx_int(c, "k", 1);
    if (onnx_given(c, 1) && value_ints(c->in[1], list) == 1) k = list[0];
    else if (onnx_given(c, 1)) return onnx_refuse(c, "its k is not known before it runs");
    if (!onnx_axis(c, &axis, onnx_rank(c->in[0]))) return false;
    Value *n = build_int(b, k);
    Value *along = build_int(b, axis);
    Value *up = build_bool(b, onnx_int(c, "largest", 1) == 0);
    Value *yes = build_bool(b, true);
    c->out[0] = mil_topk(b, "values", .x = c->in[0], .k = n, .axis = along,
                         .ascending = up, .sort = yes, .return_indices = yes);
    if (!c->out[0]) return false;
    c->out[1] = c->out[0]->def->out[1];
    return true;
}
