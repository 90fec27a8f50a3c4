/* onnx_layer.c -- products of matrices, convolutions, pooling. */
#include "onnx.h"

#include <string.h>

/* ---- products ---------------------------------------------------------------------------- */

/* As numpy multiplies: a vector is a row on the left and a column on the right. */
bool node_matmul(OnnxCall *c)
{
    Builder *b = &c->b;
    Value *x = c->in[0], *y = c->in[1];
    const int64_t front = 0, back = 1;
    const bool row = onnx_rank(x) == 1, column = onnx_rank(y) == 1;
    if (row) x = mil_expand_dims(b, "row", .x = x, .axes = build_ints(b, 1, &front));
    if (column) y = mil_expand_dims(b, "column", .x = y, .axes = build_ints(b, 1, &back));
    Value *z = mil_matmul(b, "t", .x = x, .y = y);
    if (!z) return false;
    int64_t axes[2];
    int n = 0;
    if (row) axes[n++] = onnx_rank(z) - 2;
    if (column) axes[n++] = onnx_rank(z) - 1;
    c->out[0] = n ? mil_squeeze(b, "t", .x = z, .axes = build_ints(b, n, axes)) : z;
    return true;
}

static Value *scaled(OnnxCall *c, Value *x, double by)
{
    return by == 1 ? x : onnx_both(c, OP_mul, x, onnx_number(c, x, by));
}

bool node_gemm(OnnxCall *c)
{
    Builder *b = &c->b;
    Value *left = build_bool(b, onnx_int(c, "transA", 0) != 0);
    Value *right = build_bool(b, onnx_int(c, "transB", 0) != 0);
    Value *y = mil_matmul(b, "product", .x = c->in[0], .y = c->in[1], .transpose_x = left,
                          .transpose_y = right);
    if (!y) return false;
    y = scaled(c, y, onnx_float(c, "alpha", 1));
    if (onnx_given(c, 2))
        y = onnx_both(c, OP_add, y, scaled(c, c->in[2], onnx_float(c, "beta", 1)));
    c->out[0] = y;
    return true;
}

/* Without an arrow the result has the letters that stand once, in their order. */
static void add_result(char *plain, size_t n)
{
    int times[128] = { 0 };
    for (size_t i = 0; i < n; i++) times[plain[i] & 127]++;
    plain[n++] = '-';
    plain[n++] = '>';
    for (int letter = 'A'; letter <= 'z'; letter++)
        if (times[letter] == 1) plain[n++] = (char)letter;
    plain[n] = 0;
}

bool node_einsum(OnnxCall *c)
{
    Builder *b = &c->b;
    char plain[512];
    size_t n = 0;
    for (const char *s = onnx_text(c, "equation", ""); *s && n < sizeof plain / 2; s++)
        if (*s != ' ') plain[n++] = *s;
    plain[n] = 0;
    if (strchr(plain, '.')) return onnx_refuse(c, "its equation is '%s'", plain);
    if (!strstr(plain, "->")) add_result(plain, n);
    c->out[0] = mil_einsum(b, "t", .values = &(Values){ 2, c->in },
                           .equation = build_string(b, plain));
    return true;
}

/* ---- windows: kernels, strides, pads ----------------------------------------------------- */

typedef struct {
    int n; /* axes of space */
    int64_t kernel[MAX_RANK * 2], stride[MAX_RANK * 2], dilation[MAX_RANK * 2];
    int64_t pad[MAX_RANK * 2]; /* a pair for each axis */
    const char *type;          /* of pad, in MIL */
} OnnxWindow;

static bool window_list(OnnxCall *c, const char *name, int n, int64_t *out)
{
    const int given = onnx_ints(c, name, out);
    for (int i = 0; given < 0 && i < n; i++) out[i] = 1;
    for (int i = 0; i < given; i++)
        if (out[i] < 1 || out[i] > INT32_MAX)
            return onnx_refuse(c, "%s has %lld", name, (long long)out[i]);
    return given < 0 || given == n
        || onnx_refuse(c, "%s has %d numbers for %d axes", name, given, n);
}

/* weight NULL: the node says kernel_shape. */
static bool window_of(OnnxCall *c, const Value *weight, OnnxWindow *w)
{
    int64_t pads[MAX_RANK * 2];
    const char *automatic = onnx_text(c, "auto_pad", "NOTSET");
    *w = (OnnxWindow){ .n = onnx_rank(c->in[0]) - 2, .type = "custom" };
    if (w->n < 1) return onnx_refuse(c, "its input has no axis of space");
    if (weight && onnx_rank(weight) != w->n + 2)
        return onnx_refuse(c, "its weight has another rank");
    for (int i = 0; weight && i < w->n; i++)
        w->kernel[i] = onnx_shape(weight)->dim[2 + i];
    if (!weight && !window_list(c, "kernel_shape", w->n, w->kernel)) return false;
    if (!window_list(c, "strides", w->n, w->stride)
        || !window_list(c, "dilations", w->n, w->dilation))
        return false;
    const int n = onnx_ints(c, "pads", pads);
    if (!strcmp(automatic, "VALID")) return true;
    if (!strcmp(automatic, "SAME_UPPER")) return (w->type = "same") != NULL;
    if (!strcmp(automatic, "SAME_LOWER")) return (w->type = "same_lower") != NULL;
    if (strcmp(automatic, "NOTSET") != 0)
        return onnx_refuse(c, "its auto_pad is %s", automatic);
    if (n >= 0 && n != 2 * w->n)
        return onnx_refuse(c, "pads has %d numbers for %d axes", n, w->n);
    for (int i = 0; n > 0 && i < w->n; i++) {
        w->pad[2 * i] = pads[i];
        w->pad[2 * i + 1] = pads[w->n + i];
        if (pads[i] < 0 || pads[w->n + i] < 0) return onnx_refuse(c, "a pad is negative");
    }
    return true;
}

/* The same as values. */
typedef struct {
    Value *kernel, *stride, *type, *pad, *dilation, *groups;
} WindowValues;

static WindowValues window_values(OnnxCall *c, const OnnxWindow *w)
{
    Builder *b = &c->b;
    WindowValues v;
    v.kernel = build_ints(b, w->n, w->kernel);
    v.stride = build_ints(b, w->n, w->stride);
    v.type = build_string(b, w->type);
    v.pad = build_ints(b, 2 * w->n, w->pad);
    v.dilation = build_ints(b, w->n, w->dilation);
    v.groups = build_int(b, onnx_int(c, "group", 1));
    return v;
}

/* [C] as [1, C, 1, ..], for what is added to each channel. */
static Value *by_channel(OnnxCall *c, Value *v, int rank)
{
    int64_t dim[MAX_RANK];
    for (int i = 0; i < rank; i++) dim[i] = i == 1 ? -1 : 1;
    return onnx_reshape(c, v, rank, dim);
}

bool node_conv(OnnxCall *c)
{
    Builder *b = &c->b;
    OnnxWindow w;
    if (!window_of(c, c->in[1], &w)) return false;
    Value *bias = onnx_given(c, 2) ? c->in[2] : NULL;
    Value *fixed = bias && value_lit(bias) ? bias : NULL;
    const WindowValues v = window_values(c, &w);
    Value *y = mil_conv(b, "t", .x = c->in[0], .weight = c->in[1], .bias = fixed,
                        .strides = v.stride, .pad_type = v.type, .pad = v.pad,
                        .dilations = v.dilation, .groups = v.groups);
    c->out[0] = bias && !fixed && y
                  ? onnx_both(c, OP_add, y, by_channel(c, bias, w.n + 2))
                  : y;
    return y != NULL;
}

/* What output_shape or a word of auto_pad makes of the pads, as the operator's schema has it. */
static bool transposed_pads(OnnxCall *c, OnnxWindow *w, const int64_t *more)
{
    int64_t shape[MAX_RANK * 2];
    const char *automatic = onnx_text(c, "auto_pad", "NOTSET");
    const int given = onnx_ints(c, "output_shape", shape);
    const bool same = !strncmp(automatic, "SAME", 4),
               upper = !strcmp(automatic, "SAME_UPPER");
    w->type = "custom";
    if (given < 0 && !same) return true;
    if (given > w->n) memmove(shape, shape + given - w->n, (size_t)w->n * sizeof *shape);
    for (int i = 0; i < w->n; i++) {
        const int64_t in = onnx_shape(c->in[0])->dim[2 + i];
        if (in < 0) return onnx_refuse(c, "its dimensions are not known");
        const int64_t out = given < 0 ? in * w->stride[i] : shape[i];
        const int64_t whole = w->stride[i] * (in - 1) + more[i]
                            + (w->kernel[i] - 1) * w->dilation[i] + 1;
        const int64_t total = whole - out;
        w->pad[2 * i] = total < 0 ? 0 : upper ? total / 2 : total - total / 2;
        w->pad[2 * i + 1] = total - w->pad[2 * i];
    }
    return true;
}

bool node_conv_transpose(OnnxCall *c)
{
    Builder *b = &c->b;
    OnnxWindow w;
    int64_t more[MAX_RANK * 2] = { 0 }, extra[MAX_RANK * 2] = { 0 };
    bool padded = false;
    if (!window_of(c, c->in[1], &w)) return false;
    if (onnx_ints(c, "output_padding", more) > w.n)
        return onnx_refuse(c, "output_padding is too long");
    if (!transposed_pads(c, &w, more)) return false;
    for (int i = 0; i < w.n; i++) {
        /* rows at the end that no kernel reaches are zeros before the bias */
        const int64_t end = w.pad[2 * i + 1] - more[i];
        extra[2 * i + 1] = end < 0 ? -end : 0;
        w.pad[2 * i + 1] = end < 0 ? 0 : end;
        padded |= end < 0;
    }
    Value *bias = onnx_given(c, 2) ? c->in[2] : NULL;
    Value *fixed = bias && value_lit(bias) && !padded ? bias : NULL;
    const WindowValues v = window_values(c, &w);
    Value *y = mil_conv_transpose(b, "t", .x = c->in[0], .weight = c->in[1],
                                  .bias = fixed, .pad = v.pad, .pad_type = v.type,
                                  .strides = v.stride, .dilations = v.dilation,
                                  .groups = v.groups);
    if (!y) return false;
    if (padded) {
        Value *more_rows = build_ints(b, 2 * w.n, extra);
        Value *mode = build_string(b, "constant");
        Value *zero = onnx_number(c, y, 0);
        y = mil_pad(b, "t", .x = y, .pad = more_rows, .mode = mode, .constant_val = zero);
    }
    c->out[0] = bias && !fixed ? onnx_both(c, OP_add, y, by_channel(c, bias, w.n + 2))
                               : y;
    return true;
}

bool node_pool(OnnxCall *c)
{
    Builder *b = &c->b;
    OnnxWindow w;
    if (!onnx_attr(c, "kernel_shape")) return onnx_refuse(c, "it has no kernel_shape");
    if (!window_of(c, NULL, &w)) return false;
    for (int i = 0; i < w.n; i++)
        if (w.dilation[i] != 1) return onnx_refuse(c, "pooling in MIL has no dilations");
    /* numbers of a byte are exact in fp32 */
    const DType t = onnx_dtype(c->in[0]);
    Value *x = dtype_is_float(t) ? c->in[0] : onnx_cast(c, c->in[0], DT_FP32);
    const WindowValues v = window_values(c, &w);
    Value *ceil = build_bool(b, onnx_int(c, "ceil_mode", 0) != 0);
    Value *inside = build_bool(b, onnx_int(c, "count_include_pad", 0) == 0);
    if (c->row->kind == OP_max_pool)
        c->out[0] = mil_max_pool(b, "t", .x = x, .kernel_sizes = v.kernel,
                                 .strides = v.stride, .pad_type = v.type, .pad = v.pad,
                                 .ceil_mode = ceil);
    else
        c->out[0] = mil_avg_pool(b, "t", .x = x, .kernel_sizes = v.kernel,
                                 .strides = v.stride, .pad_type = v.type, .pad = v.pad,
                                 .ceil_mode = ceil,
                                 .exclude_padding_from_average = inside);
    if (c->out[0]) c->out[0] = onnx_cast(c, c->out[0], t);
    return true;
}

bool node_global_pool(OnnxCall *c)
{
    int64_t axes[MAX_RANK];
    const int n = onnx_rank(c->in[0]) - 2;
    if (n < 1) return onnx_refuse(c, "its input has no axis of space");
    for (int i = 0; i < n; i++) axes[i] = 2 + i;
    c->out[0] = onnx_reduce(c, c->row->kind, c->in[0], n, axes, true);
    return true;
}
