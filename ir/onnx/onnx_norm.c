/* onnx_norm.c -- normalisations, and numbers as integers with a scale. */
#include "onnx.h"

#include <string.h>

static Value *epsilon_of(OnnxCall *c, double v)
{
    Builder *b = &c->b;
    return build_float(b, onnx_dtype(c->in[0]), v);
}

static bool all_lit(const OnnxCall *c, int first, int last)
{
    for (int i = first; i <= last; i++)
        if (onnx_given(c, i) && !value_lit(c->in[i])) return false;
    return true;
}

/* v, which has a number for each channel, in the shape that goes with x. */
static Value *with_channels(OnnxCall *c, Value *v, const Value *x)
{
    int64_t dim[MAX_RANK];
    const int rank = onnx_rank(x);
    for (int i = 0; i < rank; i++) dim[i] = i == 1 ? -1 : 1;
    return onnx_reshape(c, v, rank, dim);
}

static Value *apply(OnnxCall *c, Value *x, Value *scale, Value *shift)
{
    if (scale) x = onnx_both(c, OP_mul, x, scale);
    return shift ? onnx_both(c, OP_add, x, shift) : x;
}

/* (x - mean) / sqrt(variance + epsilon) of numbers that the program computes. */
static Value *normal_by(OnnxCall *c, Value *x, Value *mean, Value *variance,
                        double epsilon)
{
    Builder *b = &c->b;
    Value *sum = onnx_both(c, OP_add, variance, epsilon_of(c, epsilon));
    Value *root = mil_sqrt(b, "root", .x = sum);
    return onnx_both(c, OP_real_div, onnx_both(c, OP_sub, x, mean), root);
}

bool node_batch_norm(OnnxCall *c)
{
    Builder *b = &c->b;
    Value *x = c->in[0];
    const int rank = onnx_rank(x);
    const double epsilon = onnx_float(c, "epsilon", 1e-5);
    if (onnx_int(c, "training_mode", 0))
        return onnx_refuse(c, "it computes statistics: export it for inference");
    if (rank < 2) return onnx_refuse(c, "its input has no channels");
    if (all_lit(c, 1, 4) && rank >= 3 && rank <= 5) {
        c->out[0] = mil_batch_norm(b, "t", .x = x, .gamma = c->in[1], .beta = c->in[2],
                                   .mean = c->in[3], .variance = c->in[4],
                                   .epsilon = epsilon_of(c, epsilon));
        return true;
    }
    Value *v[5];
    for (int i = 1; i < 5; i++) v[i] = with_channels(c, c->in[i], x);
    c->out[0] = apply(c, normal_by(c, x, v[3], v[4], epsilon), v[1], v[2]);
    return true;
}

/* (x - mean) / sqrt(variance + epsilon) along axes, whose statistics may be results too. */
static Value *normal_along(OnnxCall *c, Value *x, int n, const int64_t *axes,
                           double epsilon)
{
    Builder *b = &c->b;
    Value *along = build_ints(b, n, axes);
    Value *more = epsilon_of(c, epsilon);
    return mil_layer_norm(b, "normal", .x = x, .axes = along, .epsilon = more);
}

bool node_instance_norm(OnnxCall *c)
{
    Builder *b = &c->b;
    Value *x = c->in[0];
    int64_t axes[MAX_RANK];
    const int rank = onnx_rank(x);
    const double epsilon = onnx_float(c, "epsilon", 1e-5);
    if (rank < 3) return onnx_refuse(c, "its input has no axis of space");
    if (all_lit(c, 1, 2) && rank <= 4) {
        c->out[0] = mil_instance_norm(b, "t", .x = x, .gamma = c->in[1], .beta = c->in[2],
                                      .epsilon = epsilon_of(c, epsilon));
        return true;
    }
    for (int i = 2; i < rank; i++) axes[i - 2] = i;
    Value *scale = with_channels(c, c->in[1], x);
    Value *shift = with_channels(c, c->in[2], x);
    c->out[0] = apply(c, normal_along(c, x, rank - 2, axes, epsilon), scale, shift);
    return true;
}

bool node_layer_norm(OnnxCall *c)
{
    Builder *b = &c->b;
    Value *x = c->in[0], *shift = onnx_given(c, 2) ? c->in[2] : NULL;
    int64_t axis = onnx_int(c, "axis", -1), axes[MAX_RANK];
    const int rank = onnx_rank(x);
    const double epsilon = onnx_float(c, "epsilon", 1e-5);
    if (!onnx_axis(c, &axis, rank)) return false;
    const int n = rank - (int)axis;
    for (int i = 0; i < n; i++) axes[i] = axis + i;
    const bool own = all_lit(c, 1, 2) && onnx_rank(c->in[1]) == n
                  && (!shift || onnx_rank(shift) == n);
    Value *along = build_ints(b, n, axes);
    Value *more = epsilon_of(c, epsilon);
    c->out[0] = mil_layer_norm(b, "t", .x = x, .axes = along,
                               .gamma = own ? c->in[1] : NULL, .beta = own ? shift : NULL,
                               .epsilon = more);
    if (!own) c->out[0] = apply(c, c->out[0], c->in[1], shift);
    if (c->node->nout < 2) return true;
    Value *keep = build_bool(b, true);
    c->out[1] = mil_reduce_mean(b, "mean", .x = x, .axes = along, .keep_dims = keep);
    if (!c->out[1]) return false;
    Value *off = onnx_both(c, OP_sub, x, c->out[1]);
    Value *variance = mil_reduce_mean(b, "variance", .x = onnx_both(c, OP_mul, off, off),
                                      .axes = along, .keep_dims = keep);
    c->out[2] = mil_rsqrt(b, "scale", .x = variance, .epsilon = epsilon_of(c, epsilon));
    return true;
}

/* Scale and shift have a number for each channel, until opset 20 for each group. */
bool node_group_norm(OnnxCall *c)
{
    Value *x = c->in[0];
    const Shape *s = onnx_shape(x);
    const int64_t groups = onnx_int(c, "num_groups", 0), last = 2;
    size_t count;
    if (s->rank < 2 || !shape_count(s, &count))
        return onnx_refuse(c, "its dimensions are not known");
    if (groups < 1 || s->dim[1] % groups)
        return onnx_refuse(c, "its channels do not make %lld groups", (long long)groups);
    const int64_t grouped[] = { s->dim[0], groups, -1 };
    Value *y = normal_along(c, onnx_reshape(c, x, 3, grouped), 1, &last,
                            onnx_float(c, "epsilon", 1e-5));
    Value *of[2];
    const bool by_group = onnx_shape(c->in[1])->dim[0] == groups && groups != s->dim[1];
    for (int i = 0; i < 2; i++) {
        const int64_t each[] = { 1, groups, 1 };
        of[i] = by_group ? onnx_reshape(c, c->in[1 + i], 3, each)
                         : with_channels(c, c->in[1 + i], x);
    }
    if (by_group) y = apply(c, y, of[0], of[1]);
    y = onnx_reshape(c, y, s->rank, s->dim);
    c->out[0] = by_group ? y : apply(c, y, of[0], of[1]);
    return true;
}

bool node_lp_norm(OnnxCall *c)
{
    int64_t axis = onnx_int(c, "axis", -1);
    const int64_t p = onnx_int(c, "p", 2);
    if (p != 1 && p != 2) return onnx_refuse(c, "its p is %lld", (long long)p);
    if (!onnx_axis(c, &axis, onnx_rank(c->in[0]))) return false;
    const int kind = p == 1 ? OP_reduce_l1_norm : OP_reduce_l2_norm;
    Value *size = onnx_reduce(c, kind, c->in[0], 1, &axis, true);
    c->out[0] = onnx_both(c, OP_real_div, c->in[0], size);
    return true;
}

/* (x - mean) / (deviation + 1e-9) */
bool node_mean_variance(OnnxCall *c)
{
    Builder *b = &c->b;
    int64_t axes[MAX_RANK * 2] = { 0, 2, 3 };
    Value *x = c->in[0];
    int n = onnx_ints(c, "axes", axes);
    if (n < 0) n = 3;
    for (int i = 0; i < n; i++)
        if (!onnx_axis(c, &axes[i], onnx_rank(x))) return false;
    Value *along = build_ints(b, n, axes), *keep = build_bool(b, true);
    Value *mean = mil_reduce_mean(b, "mean", .x = x, .axes = along, .keep_dims = keep);
    Value *off = onnx_both(c, OP_sub, x, mean);
    Value *variance = mil_reduce_mean(b, "variance", .x = onnx_both(c, OP_mul, off, off),
                                      .axes = along, .keep_dims = keep);
    Value *root = mil_sqrt(b, "root", .x = variance);
    c->out[0] = onnx_both(c, OP_real_div, off,
                          onnx_both(c, OP_add, root, epsilon_of(c, 1e-9)));
    return true;
}

bool node_lrn(OnnxCall *c)
{
    Builder *b = &c->b;
    const int64_t size = onnx_int(c, "size", 0);
    if (size < 1) return onnx_refuse(c, "its size is %lld", (long long)size);
    Value *n = build_int(b, size);
    Value *alpha = epsilon_of(c, onnx_float(c, "alpha", 1e-4));
    Value *beta = epsilon_of(c, onnx_float(c, "beta", 0.75));
    Value *k = epsilon_of(c, onnx_float(c, "bias", 1));
    c->out[0] = mil_local_response_norm(b, "t", .x = c->in[0], .size = n, .alpha = alpha,
                                        .beta = beta, .k = k);
    return true;
}

/* ---- integers with a scale --------------------------------------------------------------- */

/* The axis of a scale that has several numbers; NULL: it has one. */
static bool scale_axis(OnnxCall *c, const Value *scale, Value **axis)
{
    Builder *b = &c->b;
    int64_t at = onnx_int(c, "axis", 1);
    *axis = NULL;
    if (onnx_rank(scale) == 0) return true;
    if (onnx_rank(scale) > 1 || onnx_int(c, "block_size", 0))
        return onnx_refuse(c, "scales of blocks are not read");
    if (!onnx_axis(c, &at, onnx_rank(c->in[0]))) return false;
    *axis = build_int(b, at);
    return true;
}

/* One number in a tensor of rank 1 is a scalar. */
static Value *as_scale(OnnxCall *c, Value *v)
{
    return v && onnx_rank(v) == 1 && onnx_shape(v)->dim[0] == 1 ? onnx_scalar(c, v) : v;
}

/* Scale and zero point as they go with x, for what MIL's own ops do not take: numbers that the
 * program computes. */
static Value *scale_wide(OnnxCall *c, Value *v, const Value *axis)
{
    int64_t dim[MAX_RANK], at = 0;
    const int rank = onnx_rank(c->in[0]);
    if (!axis) return v;
    value_int(axis, &at);
    for (int i = 0; i < rank; i++) dim[i] = i == at ? -1 : 1;
    return onnx_reshape(c, v, rank, dim);
}

static bool scale_is_known(const Value *scale, const Value *zero)
{
    return value_lit(scale) && (!zero || value_lit(zero));
}

bool node_quantize(OnnxCall *c)
{
    Builder *b = &c->b;
    Value *axis, *scale = as_scale(c, c->in[1]),
                 *zero = as_scale(c, onnx_given(c, 2) ? c->in[2] : NULL);
    if (!scale_axis(c, scale, &axis)) return false;
    const DType t = zero ? onnx_dtype(zero) : DT_UINT8, wide = onnx_dtype(c->in[0]);
    if (scale_is_known(scale, zero)) {
        c->out[0] = mil_quantize(b, "t", .input = c->in[0], .zero_point = zero,
                                 .scale = scale, .axis = axis,
                                 .output_dtype = build_string(b, dtypes[t].name));
        return true;
    }
    if (dtypes[t].bits != 8) return onnx_refuse(c, "it gives %s", dtypes[t].name);
    const double low = t == DT_INT8 ? -128 : 0;
    Value *y = onnx_both(c, OP_real_div, c->in[0], scale_wide(c, scale, axis));
    y = mil_round(b, "whole", .x = y);
    if (zero) y = onnx_both(c, OP_add, y, onnx_cast(c, scale_wide(c, zero, axis), wide));
    Value *least = epsilon_of(c, low);
    Value *most = epsilon_of(c, low + 255);
    y = mil_clip(b, "kept", .x = y, .alpha = least, .beta = most);
    c->out[0] = onnx_cast(c, y, t);
    return true;
}

bool node_dequantize(OnnxCall *c)
{
    Builder *b = &c->b;
    Value *axis, *scale = as_scale(c, c->in[1]),
                 *zero = as_scale(c, onnx_given(c, 2) ? c->in[2] : NULL);
    if (!scale_axis(c, scale, &axis)) return false;
    if (scale_is_known(scale, zero) && dtypes[onnx_dtype(c->in[0])].bits == 8) {
        c->out[0] = mil_dequantize(b, "t", .input = c->in[0], .zero_point = zero,
                                   .scale = scale, .axis = axis);
        return true;
    }
    Value *y = onnx_wide(c, c->in[0]);
    if (zero) y = onnx_both(c, OP_sub, y, onnx_wide(c, scale_wide(c, zero, axis)));
    Value *by = scale_wide(c, scale, axis);
    c->out[0] = onnx_both(c, OP_mul, onnx_cast(c, y, onnx_dtype(scale)), by);
    return true;
}
