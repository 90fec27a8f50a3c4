/* onnx_math.c -- nodes that compute element by element. */
#include "onnx.h"

#include <math.h>
#include <string.h>

bool node_unary(OnnxCall *c)
{
    Builder *b = &c->b;
    c->out[0] = build_of(b, "t", c->row->kind, P_x, c->in[0], P_NONE);
    return c->out[0] != NULL;
}

bool node_identity(OnnxCall *c) { return (c->out[0] = c->in[0]) != NULL; }

/* When a network is used it keeps everything; the mask of that is true. */
bool node_dropout(OnnxCall *c)
{
    Builder *b = &c->b;
    bool training = false;
    if (onnx_given(c, 2) && (!value_bool(c->in[2], &training) || training))
        return onnx_refuse(
            c, "dropout while training draws random numbers: export it for inference");
    c->out[0] = c->in[0];
    if (c->node->nout < 2) return true;
    Value *dims = mil_shape(b, "dims", .x = c->in[0]);
    Value *all = build_bool(b, true);
    c->out[1] = mil_fill(b, "mask", .shape = dims, .value = all);
    return true;
}

static bool is_float(const Value *v) { return dtype_is_float(onnx_dtype(v)); }

/* The root of x * x plus or minus 1. */
static Value *root_of(OnnxCall *c, int kind, Value *x)
{
    Value *one = onnx_number(c, x, 1);
    Value *square = onnx_both(c, OP_mul, x, x);
    return mil_sqrt(&c->b, "root", .x = onnx_both(c, kind, square, one));
}

static Value *log_of(OnnxCall *c, Value *x)
{
    Builder *b = &c->b;
    return mil_log(b, "log", .x = x, .epsilon = onnx_number(c, x, 0));
}

/* By the magnitude, since a large negative x would cancel. */
bool node_asinh(OnnxCall *c)
{
    Builder *b = &c->b;
    Value *x = c->in[0], *size = mil_abs(b, "size", .x = x);
    Value *root = root_of(c, OP_add, x);
    Value *grown = log_of(c, onnx_both(c, OP_add, size, root));
    Value *sign = mil_sign(b, "sign", .x = x);
    c->out[0] = onnx_both(c, OP_mul, sign, grown);
    return true;
}

bool node_acosh(OnnxCall *c)
{
    Value *x = c->in[0];
    Value *root = root_of(c, OP_sub, x);
    c->out[0] = log_of(c, onnx_both(c, OP_add, x, root));
    return true;
}

bool node_is_nan(OnnxCall *c)
{
    c->out[0] = onnx_both(c, OP_not_equal, c->in[0], c->in[0]);
    return true;
}

bool node_is_inf(OnnxCall *c)
{
    Builder *b = &c->b;
    Value *x = c->in[0];
    const bool below = onnx_int(c, "detect_negative", 1),
               above = onnx_int(c, "detect_positive", 1);
    Value *y = below && above ? mil_abs(b, "size", .x = x) : x;
    const double limit = below && !above ? -INFINITY : INFINITY;
    Value *is = onnx_both(c, OP_equal, y, build_float(b, onnx_dtype(x), limit));
    Value *never = build_bool(b, false);
    c->out[0] = below || above ? is : onnx_both(c, OP_logical_and, is, never);
    return true;
}

bool node_log(OnnxCall *c) { return (c->out[0] = log_of(c, c->in[0])) != NULL; }

bool node_neg(OnnxCall *c)
{
    c->out[0] = onnx_both(c, OP_mul, c->in[0], onnx_number(c, c->in[0], -1));
    return true;
}

bool node_reciprocal(OnnxCall *c)
{
    c->out[0] = onnx_both(c, OP_real_div, onnx_number(c, c->in[0], 1), c->in[0]);
    return true;
}

bool node_cast(OnnxCall *c)
{
    const OnnxType *t = onnx_type(onnx_int(c, "to", 0));
    if (t->as == DT_NONE) return onnx_refuse(c, "MIL has no type %s", t->name);
    c->out[0] = onnx_cast(c, c->in[0], t->as);
    return true;
}

bool node_cast_like(OnnxCall *c)
{
    c->out[0] = onnx_cast(c, c->in[0], onnx_dtype(c->in[1]));
    return true;
}

/* A bound of clip: a constant number, or the limit where it is left out. */
static bool clip_bound(const OnnxCall *c, const char *name, int i, double other,
                       double *out)
{
    *out = onnx_float(c, name, other);
    return !onnx_given(c, i) || value_float(c->in[i], out);
}

bool node_clip(OnnxCall *c)
{
    Builder *b = &c->b;
    double low, high;
    Value *x = c->in[0];
    const bool lowest = clip_bound(c, "min", 1, -INFINITY, &low);
    const bool known = clip_bound(c, "max", 2, INFINITY, &high) && lowest;
    const DType t = onnx_dtype(x);
    if (known && is_float(x) && isfinite(low) && isfinite(high) && low <= high) {
        Value *alpha = build_float(b, t, low);
        Value *beta = build_float(b, t, high);
        c->out[0] = mil_clip(b, "t", .x = x, .alpha = alpha, .beta = beta);
        return true;
    }
    const bool lower = onnx_given(c, 1) || onnx_attr(c, "min"),
               upper = onnx_given(c, 2) || onnx_attr(c, "max");
    Value *least = onnx_given(c, 1) ? c->in[1] : build_float(b, t, low);
    Value *most = onnx_given(c, 2) ? c->in[2] : build_float(b, t, high);
    x = onnx_wide(c, x);
    if (lower) x = onnx_both(c, OP_maximum, x, onnx_wide(c, least));
    if (upper) x = onnx_both(c, OP_minimum, x, onnx_wide(c, most));
    c->out[0] = onnx_narrow(c, x, t);
    return true;
}

/* ---- two and more operands --------------------------------------------------------------- */

bool node_binary(OnnxCall *c)
{
    Value *p = onnx_wide(c, c->in[0]);
    Value *q = onnx_wide(c, c->in[1]);
    Value *y = onnx_both(c, c->row->kind, p, q);
    c->out[0] = onnx_narrow(c, y, onnx_dtype(c->in[0]));
    return y != NULL;
}

/* Truth values are compared as numbers. */
bool node_compare(OnnxCall *c)
{
    Value *x = c->in[0], *y = c->in[1];
    if (onnx_dtype(x) == DT_BOOL)
        x = onnx_cast(c, x, DT_INT32), y = onnx_cast(c, y, DT_INT32);
    x = onnx_wide(c, x), y = onnx_wide(c, y);
    c->out[0] = onnx_both(c, c->row->kind, x, y);
    return true;
}

bool node_several(OnnxCall *c)
{
    Value *sum = onnx_wide(c, c->in[0]);
    for (int i = 1; i < c->nin; i++)
        sum = onnx_both(c, c->row->kind, sum, onnx_wide(c, c->in[i]));
    c->out[0] = onnx_narrow(c, sum, onnx_dtype(c->in[0]));
    return true;
}

bool node_mean(OnnxCall *c)
{
    node_several(c);
    if (c->nin > 1)
        c->out[0] = onnx_both(c, OP_real_div, c->out[0],
                              onnx_number(c, c->in[0], c->nin));
    return true;
}

/* With fmod what is left has the sign of x: x less y times the quotient cut off. */
bool node_mod(OnnxCall *c)
{
    Builder *b = &c->b;
    Value *x = onnx_wide(c, c->in[0]), *y = onnx_wide(c, c->in[1]);
    const DType t = onnx_dtype(c->in[0]);
    if (!onnx_int(c, "fmod", 0))
        return (c->out[0] = onnx_narrow(c, onnx_both(c, OP_mod, x, y), t)) != NULL;
    Value *q = onnx_both(c, OP_real_div, x, y);
    if (is_float(x)) {
        Value *whole = mil_floor(b, "whole", .x = mil_abs(b, "size", .x = q));
        q = onnx_both(c, OP_mul, mil_sign(b, "sign", .x = q), whole);
    }
    c->out[0] = onnx_narrow(c, onnx_both(c, OP_sub, x, onnx_both(c, OP_mul, q, y)), t);
    return true;
}

/* An integer to a power that is none is computed in fp32, and exact below 2^24. */
bool node_pow(OnnxCall *c)
{
    Builder *b = &c->b;
    Value *x = c->in[0];
    if (!is_float(x) && !is_float(c->in[1])) return node_binary(c);
    const DType t = onnx_dtype(x), wide = is_float(x) ? t : DT_FP32;
    Value *base = onnx_cast(c, x, wide);
    Value *power = onnx_cast(c, c->in[1], wide);
    Value *y = onnx_both(c, OP_pow, base, power);
    if (!is_float(x)) y = mil_round(b, "whole", .x = y);
    c->out[0] = onnx_cast(c, y, t);
    return true;
}

bool node_where(OnnxCall *c)
{
    Builder *b = &c->b;
    c->out[0] = mil_select(b, "t", .cond = c->in[0], .a = c->in[1], .b = c->in[2]);
    return true;
}
