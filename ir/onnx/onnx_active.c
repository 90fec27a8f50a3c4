/* onnx_active.c -- activations. */
#include "onnx.h"

#include <string.h>

static Value *as_float(OnnxCall *c, double v)
{
    Builder *b = &c->b;
    return build_float(b, onnx_dtype(c->in[0]), v);
}

bool node_relu(OnnxCall *c)
{
    Builder *b = &c->b;
    Value *x = c->in[0];
    const bool is_float = dtype_is_float(onnx_dtype(x));
    c->out[0] = is_float ? mil_relu(b, "t", .x = x)
                         : onnx_both(c, OP_maximum, x, onnx_number(c, x, 0));
    return true;
}

bool node_leaky_relu(OnnxCall *c)
{
    Builder *b = &c->b;
    c->out[0] = mil_leaky_relu(b, "t", .x = c->in[0],
                               .alpha = as_float(c, onnx_float(c, "alpha", 0.01)));
    return true;
}

bool node_elu(OnnxCall *c)
{
    Builder *b = &c->b;
    c->out[0] = mil_elu(b, "t", .x = c->in[0],
                        .alpha = as_float(c, onnx_float(c, "alpha", 1)));
    return true;
}

/* The defaults are those of the operator's schema. */
bool node_selu(OnnxCall *c)
{
    Builder *b = &c->b;
    const double alpha = onnx_float(c, "alpha", 1.67326319217681884765625);
    const double gamma = onnx_float(c, "gamma", 1.05070102214813232421875);
    Value *bent = mil_elu(b, "bent", .x = c->in[0], .alpha = as_float(c, alpha));
    c->out[0] = onnx_both(c, OP_mul, bent, as_float(c, gamma));
    return true;
}

/* alpha * elu(x / alpha) */
bool node_celu(OnnxCall *c)
{
    Builder *b = &c->b;
    Value *alpha = as_float(c, onnx_float(c, "alpha", 1));
    Value *small = onnx_both(c, OP_real_div, c->in[0], alpha);
    Value *bent = mil_elu(b, "bent", .x = small, .alpha = as_float(c, 1));
    c->out[0] = onnx_both(c, OP_mul, bent, alpha);
    return true;
}

bool node_thresholded_relu(OnnxCall *c)
{
    Builder *b = &c->b;
    Value *x = c->in[0], *alpha = as_float(c, onnx_float(c, "alpha", 1));
    Value *above = onnx_both(c, OP_greater, x, alpha), *zero = NULL;
    zero = as_float(c, 0);
    c->out[0] = mil_select(b, "t", .cond = above, .a = x, .b = zero);
    return true;
}

static Value *hard_sigmoid(OnnxCall *c, double alpha, double beta)
{
    Builder *b = &c->b;
    Value *slope = as_float(c, alpha);
    Value *shift = as_float(c, beta);
    return mil_sigmoid_hard(b, "t", .x = c->in[0], .alpha = slope, .beta = shift);
}

bool node_hard_sigmoid(OnnxCall *c)
{
    c->out[0] = hard_sigmoid(c, onnx_float(c, "alpha", 0.2), onnx_float(c, "beta", 0.5));
    return true;
}

bool node_hard_swish(OnnxCall *c)
{
    c->out[0] = onnx_both(c, OP_mul, c->in[0], hard_sigmoid(c, 1.0 / 6, 0.5));
    return true;
}

bool node_mish(OnnxCall *c)
{
    Builder *b = &c->b;
    Value *soft = mil_softplus(b, "soft", .x = c->in[0]);
    c->out[0] = onnx_both(c, OP_mul, c->in[0], mil_tanh(b, "bent", .x = soft));
    return true;
}

bool node_gelu(OnnxCall *c)
{
    Builder *b = &c->b;
    const bool tanh_form = !strcmp(onnx_text(c, "approximate", "none"), "tanh");
    const char *mode = tanh_form ? "TANH_APPROXIMATION" : "EXACT";
    c->out[0] = mil_gelu(b, "t", .x = c->in[0], .mode = build_string(b, mode));
    return true;
}

/* The slope is the op's own where it is a number for each channel, or one for all. */
static Value *channel_slope(OnnxCall *c, Value *x, Value *slope)
{
    Builder *b = &c->b;
    const int n = onnx_rank(slope), rank = onnx_rank(x);
    const int64_t channels = rank >= 3 ? onnx_shape(x)->dim[1] : DIM_ANY;
    size_t count;
    if (!value_lit(slope) || !shape_count(onnx_shape(slope), &count) || channels < 1)
        return NULL;
    /* until opset 6 it is a list of channels, and does not broadcast */
    const bool listed = n == 1 && c->file->opset < 7;
    const bool own = (n == rank - 1 || listed) && onnx_shape(slope)->dim[0] == channels;
    if (!own || count != (size_t)channels) return NULL;
    return build_const(b, "slope",
                       const_part(c->b.m, value_lit(slope), 0, SHAPE(channels)));
}

bool node_prelu(OnnxCall *c)
{
    Builder *b = &c->b;
    Value *x = c->in[0], *slope = c->in[1], *alpha = channel_slope(c, x, slope);
    if (alpha) return (c->out[0] = mil_prelu(b, "t", .x = x, .alpha = alpha)) != NULL;
    Value *zero = onnx_number(c, x, 0);
    Value *below = onnx_both(c, OP_mul, onnx_both(c, OP_minimum, x, zero), slope);
    c->out[0] = onnx_both(c, OP_add, onnx_both(c, OP_maximum, x, zero), below);
    return true;
}

/* ---- along an axis ----------------------------------------------------------------------- */

/* Until opset 12 the axes from `axis` on are one. */
static bool softmax_axis(OnnxCall *c, Value **x, int64_t *axis)
{
    const bool joined = c->file->opset < 13;
    const int rank = onnx_rank(*x);
    *axis = onnx_int(c, "axis", joined ? 1 : -1);
    if (!onnx_axis(c, axis, rank)) return false;
    if (!joined || *axis == rank - 1) return true;
    int64_t dim[MAX_RANK], tail = 1;
    for (int i = 0; i < rank; i++) {
        dim[i] = onnx_shape(*x)->dim[i];
        if (i >= *axis) tail *= dim[i];
        if (i >= *axis && dim[i] < 0)
            return onnx_refuse(c, "its dimensions are not known");
    }
    dim[*axis] = tail;
    *x = onnx_reshape(c, *x, (int)*axis + 1, dim);
    return *x != NULL;
}

static Value *softmax_of(OnnxCall *c, Value *x, int64_t axis)
{
    Builder *b = &c->b;
    Value *at = build_int(b, axis);
    if (c->row->kind == OP_softmax) return mil_softmax(b, "t", .x = x, .axis = at);
    Value *axes = build_ints(b, 1, &axis);
    Value *keep = build_bool(b, true);
    Value *sum = mil_reduce_log_sum_exp(b, "sum", .x = x, .axes = axes,
                                        .keep_dims = keep);
    return onnx_both(c, OP_sub, x, sum);
}

/* The result has the shape of the input again. */
static bool shaped_back(OnnxCall *c, Value *y)
{
    const Shape *s = onnx_shape(c->in[0]);
    c->out[0] = onnx_rank(y) == s->rank ? y : onnx_reshape(c, y, s->rank, s->dim);
    return true;
}

bool node_softmax(OnnxCall *c)
{
    int64_t axis;
    Value *x = c->in[0];
    return softmax_axis(c, &x, &axis) && shaped_back(c, softmax_of(c, x, axis));
}

bool node_hardmax(OnnxCall *c)
{
    Builder *b = &c->b;
    int64_t axis;
    Value *x = c->in[0];
    if (!softmax_axis(c, &x, &axis)) return false;
    const int64_t size = onnx_shape(x)->dim[axis];
    if (size < 0) return onnx_refuse(c, "its dimensions are not known");
    Value *along = build_int(b, axis);
    Value *keep = build_bool(b, false);
    Value *at = mil_reduce_argmax(b, "at", .x = x, .axis = along, .keep_dims = keep);
    Value *n = build_int(b, size);
    Value *on = as_float(c, 1);
    Value *off = as_float(c, 0);
    Value *y = mil_one_hot(b, "t", .indices = at, .one_hot_vector_size = n, .axis = along,
                           .on_value = on, .off_value = off);
    return y && shaped_back(c, y);
}
