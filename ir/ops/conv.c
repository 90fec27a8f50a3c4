/* conv.c -- convolutions: inference and reference kernels; gradients are in conv_grad.c. */
#include "geometry.h"
#include "eval.h"

#include <string.h>

/* ==== inference
 * ============================================================================= */

/* Result types of the convolutions. */

static bool conv_fits(int64_t a, int64_t b)
{
    return a == DIM_ANY || b == DIM_ANY || a == b;
}

static bool check_channels(Call *c, const Shape *x, const Shape *w, const Conv *v)
{
    long long g = (long long)v->groups;
    if (v->transposed) {
        if (!conv_fits(x->dim[1], w->dim[0]))
            return call_error(
                c,
                "x is %s and weight is %s: weight's first dimension must be x's "
                "%lld channels",
                shape_text(c->arena, x), shape_text(c->arena, w), (long long)x->dim[1]);
        if (x->dim[1] != DIM_ANY && x->dim[1] % v->groups)
            return call_error(c,
                              "x is %s: its %lld channels do not divide into %lld groups",
                              shape_text(c->arena, x), (long long)x->dim[1], g);
        return true;
    }
    if (x->dim[1] != DIM_ANY && w->dim[1] != DIM_ANY
        && (x->dim[1] % v->groups || x->dim[1] / v->groups != w->dim[1]))
        return call_error(
            c,
            "x is %s and weight is %s: with %lld groups weight's second dimension "
            "must be %lld / %lld",
            shape_text(c->arena, x), shape_text(c->arena, w), g, (long long)x->dim[1], g);
    if (w->dim[0] != DIM_ANY && w->dim[0] % v->groups)
        return call_error(
            c,
            "weight is %s: its %lld output channels do not divide into %lld "
            "groups",
            shape_text(c->arena, w), (long long)w->dim[0], g);
    return true;
}

static bool check_bias(Call *c, const Conv *v)
{
    const Shape *b = call_shape(c, P_bias);
    if (!b) return true;
    const Shape want = SHAPE(v->cout);
    if (b->rank != 1 || !conv_fits(b->dim[0], v->cout))
        return call_error(c, "bias is %s; it must be one number an output channel: %s",
                          shape_text(c->arena, b), shape_text(c->arena, &want));
    return true;
}

/* weight is [cout, cin / groups, kernel..]; of conv_transpose [cin, cout / groups,
 * kernel..]. */
bool conv_of(Call *c, bool transposed, Conv *v)
{
    const Shape *x = call_shape(c, P_x), *w = call_shape(c, P_weight);
    *v = (Conv){ .transposed = transposed, .groups = call_int(c, P_groups) };
    if (!window_rank(c, x)) return false;
    if (w->rank != x->rank)
        return call_error(c, "x is %s but weight is %s; both must have the same rank",
                          shape_text(c->arena, x), shape_text(c->arena, w));
    if (v->groups < 1)
        return call_error(c, "groups is %lld; it must be 1 or more",
                          (long long)v->groups);
    if (!check_channels(c, x, w, v)) return false;
    v->batch = x->dim[0];
    v->cin = x->dim[1];
    v->cout = w->dim[0];
    if (transposed) v->cout = w->dim[1] == DIM_ANY ? DIM_ANY : w->dim[1] * v->groups;
    return check_bias(c, v)
        && window_of(c, transposed ? WINDOW_TRANSPOSE : WINDOW_CONV, x, w->dim + 2,
                     &v->window);
}

/* Core ML has no convolution with holes whose weight is computed while it runs. */
static bool holes_allowed(Call *c, const Conv *v)
{
    if (call_arg(c, P_weight, 0)->constant) return true;
    for (int i = 0; i < MAX_SPATIAL; i++)
        if (v->window.dilation[i] > 1)
            return call_error(
                c,
                "dilations has %lld and weight is no constant; a weight that is "
                "computed goes with dilations of 1 alone",
                (long long)v->window.dilation[i]);
    return true;
}

bool infer_conv(Call *c)
{
    Conv v;
    return conv_of(c, false, &v) && holes_allowed(c, &v)
        && call_out(c, call_dtype(c, P_x), window_shape(&v.window, v.batch, v.cout));
}

bool infer_conv_transpose(Call *c)
{
    Conv v;
    int64_t wanted[2 + MAX_SPATIAL];
    if (!conv_of(c, true, &v)) return false;
    if (call_ints(c, P_output_shape, wanted, COUNT(wanted)) > 1
        && !conv_fits(wanted[1], v.cout))
        return call_error(
            c,
            "output_shape has %lld channels, weight %s with %lld groups makes "
            "%lld",
            (long long)wanted[1], shape_text(c->arena, call_shape(c, P_weight)),
            (long long)v.groups, (long long)v.cout);
    return call_out(c, call_dtype(c, P_x), window_shape(&v.window, v.batch, v.cout));
}

/* A deprecated op whose quantised weights Core ML never specified; the types are those of
 * conv. */
bool infer_conv_quantized(Call *c) { return infer_conv(c); }

/* Each output (of conv_transpose: each input) element meets a kernel's taps in the channels of
 * its group. Taps that fall on padding are counted too. */
static double conv_macs(Call *c, bool transposed)
{
    Conv v;
    if (!shape_known(call_shape(c, P_x)) || !shape_known(call_shape(c, P_weight)))
        return -1;
    if (!conv_of(c, transposed, &v)) return -1;
    const Shape out = window_shape(&v.window, v.batch, v.cout);
    if (!shape_known(&out)) return -1;
    const int64_t at = transposed ? window_in(&v.window) : window_out(&v.window);
    return (double)v.batch * (double)at * (double)window_taps(&v.window) * (double)v.cin
         * (double)v.cout / (double)v.groups;
}

double macs_conv(Call *c) { return conv_macs(c, false); }
double macs_conv_transpose(Call *c) { return conv_macs(c, true); }

/* ==== reference kernels =================================================================== */

/* Convolution as a product of matrices: patches of x times weights, both as
 * doubles.
 * 
 * conv:           out[cout, positions] =
 *                 weight[cout, cin * taps] * patches[cin * taps, positions]
 * conv_transpose: spread[cout * taps, in] = weight'[cout * taps, cin] * x[cin, in], and every
 *                 element of spread is added to the position that it lands on
 * 
 * Both go by groups, and by slices of the positions so that memory stays bounded. Sums are
 * doubles throughout and are rounded once, with the bias. */

enum { SLICE = 1 << 20 }; /* doubles of patches at a time, at least one column of them */

/* What a group works on. */
typedef struct {
    Call *c;
    Conv v;
    int64_t gin, gout;     /* channels of a group */
    int64_t taps, in, out; /* kernel elements; positions of x and of the result */
    int64_t columns;       /* positions in a slice */
    double *weight, *x, *bias, *patch, *acc;
} ConvRun;

static double *conv_rough(ConvRun *k, int64_t a, int64_t b)
{
    return call_rough(k->c, (size_t)a, (size_t)b * sizeof(double));
}

static bool work_of(Call *c, bool transposed, ConvRun *k)
{
    *k = (ConvRun){ .c = c };
    if (!conv_of(c, transposed, &k->v)) return false;
    const Window *w = &k->v.window;
    k->gin = k->v.cin / k->v.groups;
    k->gout = k->v.cout / k->v.groups;
    k->taps = window_taps(w);
    k->in = window_in(w);
    k->out = window_out(w);
    k->bias = call_doubles(c, P_bias);
    int64_t rows = (transposed ? k->gout : k->gin) * k->taps;
    int64_t most = transposed ? k->in : k->out;
    k->columns = SLICE / (rows > k->gout ? rows : k->gout > 0 ? k->gout : 1);
    if (k->columns < 1) k->columns = 1;
    if (k->columns > most) k->columns = most;
    k->weight = conv_rough(k, k->gout * k->gin, k->taps);
    k->x = conv_rough(k, k->gin, k->in);
    k->patch = conv_rough(k, rows, k->columns);
    k->acc = conv_rough(k, k->gout, transposed ? k->out : k->columns);
    return true;
}

static void load_x(ConvRun *k, int64_t n, int64_t g)
{
    int64_t first = (n * k->v.cin + g * k->gin) * k->in;
    tensor_get_floats(call_val(k->c, P_x), (size_t)first, (size_t)(k->gin * k->in), k->x);
}

static void add_bias(const ConvRun *k, int64_t g, double *row0, int64_t rows, int64_t len)
{
    for (int64_t r = 0; k->bias && r < rows; r++)
        for (int64_t i = 0; i < len; i++) row0[r * len + i] += k->bias[g * k->gout + r];
}

/* ---- conv -------------------------------------------------------------------------------- */

/* Every tap must be x itself for the patches to be x itself. */
static bool patches_are_x(const ConvRun *k)
{
    const Window *w = &k->v.window;
    for (int i = 0; i < MAX_SPATIAL; i++)
        if (w->kernel[i] != 1 || w->stride[i] != 1 || w->before[i] || w->after[i])
            return false;
    return true;
}

/* One row of patches: channel x, tap (t0, t1, t2), positions first .. first + n. */
static void patch_row(const Window *w, const double *x, const int64_t *tap, int64_t first,
                      int64_t n, double *row)
{
    int64_t o2 = w->out[2], p = first;
    while (p < first + n) {
        int64_t line = p / o2, at = p % o2,
                end = at + first + n - p < o2 ? at + first + n - p : o2;
        int64_t i0 = line / w->out[1] * w->stride[0] - w->before[0]
                   + tap[0] * w->dilation[0];
        int64_t i1 = line % w->out[1] * w->stride[1] - w->before[1]
                   + tap[1] * w->dilation[1];
        int64_t i2 = at * w->stride[2] - w->before[2] + tap[2] * w->dilation[2];
        bool in = i0 >= 0 && i0 < w->in[0] && i1 >= 0 && i1 < w->in[1];
        const double *src = in ? x + (i0 * w->in[1] + i1) * w->in[2] : NULL;
        for (p += end - at; at < end; at++, i2 += w->stride[2])
            *row++ = in && i2 >= 0 && i2 < w->in[2] ? src[i2] : 0;
    }
}

static void make_patches(ConvRun *k, int64_t first, int64_t n)
{
    const Window *w = &k->v.window;
    double *row = k->patch;
    int64_t tap[MAX_SPATIAL];
    for (int64_t ch = 0; ch < k->gin; ch++)
        for (tap[0] = 0; tap[0] < w->kernel[0]; tap[0]++)
            for (tap[1] = 0; tap[1] < w->kernel[1]; tap[1]++)
                for (tap[2] = 0; tap[2] < w->kernel[2]; tap[2]++, row += n)
                    patch_row(w, k->x + ch * k->in, tap, first, n, row);
}

static void conv_slice(ConvRun *k, int64_t batch, int64_t g, int64_t first, int64_t n)
{
    int64_t depth = k->gin * k->taps;
    const double *b = k->x + first;
    int64_t ldb = k->in;
    if (!patches_are_x(k)) {
        make_patches(k, first, n);
        b = k->patch;
        ldb = n;
    }
    memset(k->acc, 0, (size_t)(k->gout * n) * sizeof *k->acc);
    call_gemm(k->c, k->gout, n, depth, k->weight, depth, b, ldb, k->acc, n);
    add_bias(k, g, k->acc, k->gout, n);
    for (int64_t r = 0; r < k->gout; r++) {
        int64_t at = ((batch * k->v.cout + g * k->gout + r) * k->out) + first;
        tensor_put_floats(k->c->res[0], (size_t)at, (size_t)n, k->acc + r * n);
    }
}

bool eval_conv(Call *c)
{
    ConvRun k;
    if (!c->res[0]->count) return true;
    if (!work_of(c, false, &k)) return false;
    int64_t size = k.gout * k.gin * k.taps;
    for (int64_t g = 0; g < k.v.groups; g++) {
        tensor_get_floats(call_val(c, P_weight), (size_t)(g * size), (size_t)size,
                          k.weight);
        for (int64_t n = 0; n < k.v.batch; n++) {
            load_x(&k, n, g);
            for (int64_t p = 0; p < k.out; p += k.columns)
                conv_slice(&k, n, g, p, k.columns < k.out - p ? k.columns : k.out - p);
        }
    }
    return true;
}

/* ---- conv_transpose ---------------------------------------------------------------------- */

/* weight[cin, cout * taps] of a group, turned over */
static void load_turned(ConvRun *k, int64_t g)
{
    int64_t cols = k->gout * k->taps;
    double *line = conv_rough(k, 1, cols);
    for (int64_t i = 0; i < k->gin; i++) {
        int64_t at = (g * k->gin + i) * cols;
        tensor_get_floats(call_val(k->c, P_weight), (size_t)at, (size_t)cols, line);
        for (int64_t j = 0; j < cols; j++) k->weight[j * k->gin + i] = line[j];
    }
}

/* Adds row, one tap's products for x's positions first .. first + n, where they land. */
static void spread_row(const Window *w, const double *row, const int64_t *tap,
                       int64_t first, int64_t n, double *out)
{
    for (int64_t p = first; p < first + n; p++) {
        int64_t line = p / w->in[2];
        int64_t o0 = line / w->in[1] * w->stride[0] - w->before[0]
                   + tap[0] * w->dilation[0];
        int64_t o1 = line % w->in[1] * w->stride[1] - w->before[1]
                   + tap[1] * w->dilation[1];
        int64_t o2 = p % w->in[2] * w->stride[2] - w->before[2] + tap[2] * w->dilation[2];
        if (o0 >= 0 && o0 < w->out[0] && o1 >= 0 && o1 < w->out[1] && o2 >= 0
            && o2 < w->out[2])
            out[(o0 * w->out[1] + o1) * w->out[2] + o2] += row[p - first];
    }
}

static void spread_slice(ConvRun *k, int64_t first, int64_t n)
{
    const Window *w = &k->v.window;
    int64_t rows = k->gout * k->taps, tap[MAX_SPATIAL];
    const double *row = k->patch;
    memset(k->patch, 0, (size_t)(rows * n) * sizeof *k->patch);
    call_gemm(k->c, rows, n, k->gin, k->weight, k->gin, k->x + first, k->in, k->patch, n);
    for (int64_t ch = 0; ch < k->gout; ch++)
        for (tap[0] = 0; tap[0] < w->kernel[0]; tap[0]++)
            for (tap[1] = 0; tap[1] < w->kernel[1]; tap[1]++)
                for (tap[2] = 0; tap[2] < w->kernel[2]; tap[2]++, row += n)
                    spread_row(w, row, tap, first, n, k->acc + ch * k->out);
}

bool eval_conv_transpose(Call *c)
{
    ConvRun k;
    if (!c->res[0]->count) return true;
    if (!work_of(c, true, &k)) return false;
    int64_t size = k.gout * k.out;
    for (int64_t g = 0; g < k.v.groups; g++) {
        load_turned(&k, g);
        for (int64_t n = 0; n < k.v.batch; n++) {
            load_x(&k, n, g);
            memset(k.acc, 0, (size_t)size * sizeof *k.acc);
            for (int64_t p = 0; p < k.in; p += k.columns)
                spread_slice(&k, p, k.columns < k.in - p ? k.columns : k.in - p);
            add_bias(&k, g, k.acc, k.gout, k.out);
            int64_t at = (n * k.v.cout + g * k.gout) * k.out;
            tensor_put_floats(c->res[0], (size_t)at, (size_t)size, k.acc);
        }
    }
    return true;
}
