/* eval_conv.c -- convolution as a product of matrices: patches of x times weights, both as
 * doubles.
 *
 * conv:           out[cout, positions] =
 *                 weight[cout, cin * taps] * patches[cin * taps, positions]
 * conv_transpose: spread[cout * taps, in] = weight'[cout * taps, cin] * x[cin, in], and every
 *                 element of spread is added to the position that it lands on
 *
 * Both go by groups, and by slices of the positions so that memory stays bounded. Sums are
 * doubles throughout and are rounded once, with the bias. */
#include "conv.h"
#include "eval.h"

#include <string.h>

enum { SLICE = 1 << 20 }; /* doubles of patches at a time, at least one column of them */

/* What a group works on. */
typedef struct {
    Call *c;
    Conv v;
    int64_t gin, gout;     /* channels of a group */
    int64_t taps, in, out; /* kernel elements; positions of x and of the result */
    int64_t columns;       /* positions in a slice */
    double *weight, *x, *bias, *patch, *acc;
} Work;

static double *scratch(Work *k, int64_t a, int64_t b)
{
    return call_scratch(k->c, (size_t)a, (size_t)b * sizeof(double));
}

static bool work_of(Call *c, bool transposed, Work *k)
{
    *k = (Work){ .c = c };
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
    k->weight = scratch(k, k->gout * k->gin, k->taps);
    k->x = scratch(k, k->gin, k->in);
    k->patch = scratch(k, rows, k->columns);
    k->acc = scratch(k, k->gout, transposed ? k->out : k->columns);
    return true;
}

static void load_x(Work *k, int64_t n, int64_t g)
{
    int64_t first = (n * k->v.cin + g * k->gin) * k->in;
    tensor_get_floats(call_val(k->c, P_x), (size_t)first, (size_t)(k->gin * k->in), k->x);
}

static void add_bias(const Work *k, int64_t g, double *row0, int64_t rows, int64_t len)
{
    for (int64_t r = 0; k->bias && r < rows; r++)
        for (int64_t i = 0; i < len; i++) row0[r * len + i] += k->bias[g * k->gout + r];
}

/* ---- conv -------------------------------------------------------------------------------- */

/* Every tap must be x itself for the patches to be x itself. */
static bool patches_are_x(const Work *k)
{
    const Window *w = &k->v.window;
    for (int i = 0; i < MAX_SPATIAL; i++)
        if (w->kernel[i] != 1 || w->stride[i] != 1 || w->before[i] || w->after[i]) return false;
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
        int64_t i0 = line / w->out[1] * w->stride[0] - w->before[0] + tap[0] * w->dilation[0];
        int64_t i1 = line % w->out[1] * w->stride[1] - w->before[1] + tap[1] * w->dilation[1];
        int64_t i2 = at * w->stride[2] - w->before[2] + tap[2] * w->dilation[2];
        bool in = i0 >= 0 && i0 < w->in[0] && i1 >= 0 && i1 < w->in[1];
        const double *src = in ? x + (i0 * w->in[1] + i1) * w->in[2] : NULL;
        for (p += end - at; at < end; at++, i2 += w->stride[2])
            *row++ = in && i2 >= 0 && i2 < w->in[2] ? src[i2] : 0;
    }
}

static void make_patches(Work *k, int64_t first, int64_t n)
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

static void conv_slice(Work *k, int64_t batch, int64_t g, int64_t first, int64_t n)
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
    Work k;
    if (!c->res[0]->count) return true;
    if (!work_of(c, false, &k)) return false;
    int64_t size = k.gout * k.gin * k.taps;
    for (int64_t g = 0; g < k.v.groups; g++) {
        tensor_get_floats(call_val(c, P_weight), (size_t)(g * size), (size_t)size, k.weight);
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
static void load_turned(Work *k, int64_t g)
{
    int64_t cols = k->gout * k->taps;
    double *line = scratch(k, 1, cols);
    for (int64_t i = 0; i < k->gin; i++) {
        int64_t at = (g * k->gin + i) * cols;
        tensor_get_floats(call_val(k->c, P_weight), (size_t)at, (size_t)cols, line);
        for (int64_t j = 0; j < cols; j++) k->weight[j * k->gin + i] = line[j];
    }
}

/* Adds row, one tap's products for x's positions first .. first + n, where they land. */
static void spread_row(const Window *w, const double *row, const int64_t *tap, int64_t first,
                       int64_t n, double *out)
{
    for (int64_t p = first; p < first + n; p++) {
        int64_t line = p / w->in[2];
        int64_t o0 = line / w->in[1] * w->stride[0] - w->before[0] + tap[0] * w->dilation[0];
        int64_t o1 = line % w->in[1] * w->stride[1] - w->before[1] + tap[1] * w->dilation[1];
        int64_t o2 = p % w->in[2] * w->stride[2] - w->before[2] + tap[2] * w->dilation[2];
        if (o0 >= 0 && o0 < w->out[0] && o1 >= 0 && o1 < w->out[1] && o2 >= 0 && o2 < w->out[2])
            out[(o0 * w->out[1] + o1) * w->out[2] + o2] += row[p - first];
    }
}

static void spread_slice(Work *k, int64_t first, int64_t n)
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
    Work k;
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
