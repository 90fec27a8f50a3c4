/* make.c -- short ways to build common ops (ops.h). */
#include "ops.h"

/* ---- operands ---------------------------------------------------------------------------- */

Value *make_one(Builder *b, int kind, Value *x)
{
    return build_of(b, ops[kind].name, kind, P_x, x, P_NONE);
}

Value *make_two(Builder *b, int kind, Value *x, Value *y)
{
    return build_of(b, ops[kind].name, kind, P_x, x, P_y, y, P_NONE);
}

/* Behind an error, where `like` is poison, any type will do. */
Value *make_number(Builder *b, const Value *like, double v)
{
    const bool poison = like->type->kind == TY_POISON;
    return build_float(b, poison ? DT_FP32 : like->type->dtype, v);
}

Value *make_with(Builder *b, int kind, Value *x, double y)
{
    return make_two(b, kind, x, make_number(b, x, y));
}

Value *make_matmul(Builder *b, Value *x, Value *y, bool transpose_x, bool transpose_y)
{
    Value *turn_x = build_bool(b, transpose_x), *turn_y = build_bool(b, transpose_y);
    return mil_matmul(b, "matmul", .x = x, .y = y, .transpose_x = turn_x,
                      .transpose_y = turn_y);
}

/* ---- elements that move ------------------------------------------------------------------ */

Value *make_transpose(Builder *b, Value *x, const int64_t *perm)
{
    Value *order = build_ints(b, x->type->shape.rank, perm);
    return mil_transpose(b, "transpose", .x = x, .perm = order);
}

Value *make_pad(Builder *b, Value *x, const int64_t *pad, double value)
{
    Value *widths = build_ints(b, 2 * x->type->shape.rank, pad);
    Value *mode = build_string(b, "constant"), *fill = make_number(b, x, value);
    return mil_pad(b, "pad", .x = x, .pad = widths, .mode = mode, .constant_val = fill);
}

Value *make_slice(Builder *b, Value *x, int axis, int64_t from, int64_t n)
{
    int64_t begin[MAX_RANK] = { 0 };
    Shape s = x->type->shape;
    begin[axis] = from;
    s.dim[axis] = n;
    Value *first = build_ints(b, s.rank, begin), *size = build_ints(b, s.rank, s.dim);
    return mil_slice_by_size(b, "slice", .x = x, .begin = first, .size = size);
}

Value *make_concat(Builder *b, Value **v, int n, int axis)
{
    Value *at = build_int(b, axis), *no = build_bool(b, false);
    return mil_concat(b, "concat", .values = &(Values){ n, v }, .axis = at,
                      .interleave = no);
}
