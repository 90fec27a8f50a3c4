/* core_layer.c -- convolutions, pooling, weights in fewer bits and states of Core AI. */
#include "core_import.h"

static bool gives_layer(CoreCall *c, Value *v)
{
    c->out[c->nout++] = v;
    return v != NULL;
}

/* As many numbers as there are dimensions of space. */
static bool space_ints(CoreCall *c, int i, int64_t out[MAX_RANK * 2])
{
    int n;
    const int space = core_rank(c->in[0]) - 2;
    if (!core_ints(c, i, out, &n)) return false;
    return n == space
        || core_refuse(c, "operand %d has %d numbers for %d dimensions of space", i, n,
                       space);
}

static bool all_are(const int64_t *v, int n, int64_t one)
{
    for (int i = 0; i < n; i++)
        if (v[i] != one) return false;
    return true;
}

static bool none_is_zero(const int64_t *v, int n)
{
    for (int i = 0; i < n; i++)
        if (v[i] < 1) return false;
    return true;
}

/* ---- convolutions ------------------------------------------------------------------------ */

bool core_do_conv(CoreCall *c)
{
    Builder *b = &c->b;
    int64_t stride[MAX_RANK * 2], dilation[MAX_RANK * 2], groups;
    const int space = core_rank(c->in[0]) - 2;
    if (!space_ints(c, 2, stride) || !space_ints(c, 3, dilation)
        || !core_int(c, 4, &groups))
        return false;
    Value *steps = build_ints(b, space, stride);
    Value *apart = build_ints(b, space, dilation);
    Value *parts = build_int(b, groups);
    Value *type = build_string(b, "valid");
    return gives_layer(c, mil_conv(b, "t", .x = c->in[0], .weight = c->in[1],
                                   .strides = steps, .dilations = apart, .groups = parts,
                                   .pad_type = type));
}

/* Its operands 3 to 5 are dilation, padding and what is added behind, in an order that is not
 * public. A dilation is no zero: where two of them are zeros, it is the third. */
bool core_do_conv_transpose(CoreCall *c)
{
    Builder *b = &c->b;
    int64_t stride[MAX_RANK * 2], v[3][MAX_RANK * 2], groups;
    const int space = core_rank(c->in[0]) - 2;
    int zeros = 0, dilation = -1;
    if (!space_ints(c, 2, stride) || !core_int(c, 6, &groups)) return false;
    for (int k = 0; k < 3; k++) {
        if (!space_ints(c, 3 + k, v[k])) return false;
        if (all_are(v[k], space, 0)) zeros++;
        else if (none_is_zero(v[k], space)) dilation = k;
    }
    if (zeros != 2 || dilation < 0)
        return core_refuse(
            c, "which of its operands 3 to 5 is the dilation, the padding and "
               "the padding of the result is not public: two of them must be "
               "zeros");
    Value *steps = build_ints(b, space, stride);
    Value *apart = build_ints(b, space, v[dilation]);
    Value *parts = build_int(b, groups);
    Value *type = build_string(b, "valid");
    return gives_layer(c, mil_conv_transpose(b, "t", .x = c->in[0], .weight = c->in[1],
                                             .strides = steps, .dilations = apart,
                                             .groups = parts, .pad_type = type));
}

/* ---- pooling ----------------------------------------------------------------------------- */

typedef struct {
    Value *kernel, *stride, *type, *pad;
    int64_t count; /* elements of a window */
} CoreWindow;

static bool window_of(CoreCall *c, CoreWindow *w)
{
    Builder *b = &c->b;
    int64_t kernel[MAX_RANK * 2], stride[MAX_RANK * 2], dilation[MAX_RANK * 2];
    int64_t pad[MAX_RANK * 2] = { 0 };
    const int space = core_rank(c->in[0]) - 2;
    if (!space_ints(c, 1, kernel) || !space_ints(c, 2, stride)
        || !space_ints(c, 3, dilation))
        return false;
    if (!all_are(dilation, space, 1))
        return core_refuse(c, "pooling in MIL has no dilations");
    w->count = 1;
    for (int i = 0; i < space; i++) w->count *= kernel[i] & 0xFFFF;
    w->kernel = build_ints(b, space, kernel);
    w->stride = build_ints(b, space, stride);
    w->type = build_string(b, "valid");
    w->pad = build_ints(b, 2 * space, pad);
    return true;
}

bool core_do_max_pool(CoreCall *c)
{
    Builder *b = &c->b;
    CoreWindow w;
    bool ceil;
    if (!window_of(c, &w)) return false;
    if (!value_bool(c->in[4], &ceil))
        return core_refuse(c, "whether it rounds up must be a constant");
    Value *up = build_bool(b, ceil);
    return gives_layer(c, mil_max_pool(b, "t", .x = c->in[0], .kernel_sizes = w.kernel,
                                       .strides = w.stride, .pad_type = w.type,
                                       .pad = w.pad, .ceil_mode = up));
}

/* The mean of each window, times its elements. */
bool core_do_sum_pool(CoreCall *c)
{
    Builder *b = &c->b;
    CoreWindow w;
    if (!window_of(c, &w)) return false;
    Value *mean = mil_avg_pool(b, "mean", .x = c->in[0], .kernel_sizes = w.kernel,
                               .strides = w.stride, .pad_type = w.type, .pad = w.pad);
    if (!mean) return false;
    return gives_layer(
        c, core_both(c, OP_mul, mean, core_number(c, c->in[0], (double)w.count)));
}

/* ---- weights in fewer bits --------------------------------------------------------------- */

/* Its palette ends with how many entries a palette has, and of how many numbers each is. */
bool core_do_lut(CoreCall *c)
{
    Builder *b = &c->b;
    int64_t axis;
    const Shape *lut = core_shape(c->in[1]);
    if (!core_int(c, 2, &axis)) return false;
    if (lut->rank < 2) return core_refuse(c, "its palette has too few dimensions");
    Value *along = lut->dim[lut->rank - 1] == 1 ? NULL : build_int(b, axis);
    return gives_layer(c,
                       mil_constexpr_lut_to_dense(b, "t", .indices = c->in[0],
                                                  .lut = c->in[1], .vector_axis = along));
}

/* A second offset that is not zeros has no public meaning. */
static bool is_zero(CoreCall *c, int i)
{
    double v;
    return (value_float(c->in[i], &v) && v == 0)
        || core_refuse(
               c,
               "its operand %d, a second offset, must be zeros: what others mean is "
               "not public",
               i);
}

static bool all_zero(const Value *v)
{
    double one;
    int64_t whole;
    return (value_float(v, &one) && one == 0) || (value_int(v, &whole) && whole == 0);
}

bool core_do_shift_scale(CoreCall *c)
{
    Builder *b = &c->b;
    if (!is_zero(c, 3)) return false;
    Value *offset = all_zero(c->in[2]) ? NULL : c->in[2];
    return gives_layer(c, mil_constexpr_blockwise_shift_scale(b, "t", .data = c->in[0],
                                                              .scale = c->in[1],
                                                              .offset = offset));
}

bool core_do_quantize(CoreCall *c)
{
    Builder *b = &c->b;
    int64_t axis;
    const bool scalar = !core_rank(c->in[1]);
    if (!is_zero(c, 3) || (!scalar && !core_axis(c, 4, core_rank(c->in[0]), &axis)))
        return false;
    Value *along = scalar ? NULL : build_int(b, axis);
    if (c->row->kind == OP_dequantize)
        return gives_layer(c, mil_dequantize(b, "t", .input = c->in[0], .scale = c->in[1],
                                             .zero_point = c->in[2], .axis = along));
    const DType t = core_dtype(c->in[2]);
    Value *as = build_string(b, dtypes[t].name);
    return gives_layer(c, mil_quantize(b, "t", .input = c->in[0], .scale = c->in[1],
                                       .zero_point = c->in[2], .axis = along,
                                       .output_dtype = as));
}

/* ---- states ------------------------------------------------------------------------------ */

/* Tokens say an order, which a program has of itself. */
bool core_do_token(CoreCall *c)
{
    c->out[c->nout++] = NULL;
    return true;
}

static bool is_state(CoreCall *c)
{
    return (c->in[0] && c->in[0]->type->kind == TY_STATE && !c->in[c->nin - 1])
        || core_refuse(c, "it takes a handle first and a token last");
}

bool core_do_read_handle(CoreCall *c)
{
    Builder *b = &c->b;
    if (!is_state(c)) return false;
    Value *v = mil_read_state(b, "t", .input = c->in[0]);
    return gives_layer(c, v) && core_do_token(c);
}

bool core_do_write_handle(CoreCall *c)
{
    Builder *b = &c->b;
    if (!is_state(c)) return false;
    mil_write_state(b, "t", .data = c->in[1], .input = c->in[0]);
    return core_do_token(c);
}
