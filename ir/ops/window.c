/* window.c -- padding, strides and dimensions of sliding windows, from a call's parameters. */
#include "geometry.h"

#include <string.h>

enum {
    DIM_MAX = 1 << 30
}; /* keeps every sum and product of two dimensions inside int64 */

/* ---- dimensions -------------------------------------------------------------------------- */

bool window_rank(Call *c, const Shape *x)
{
    if (x->rank >= 3 && x->rank <= 2 + MAX_SPATIAL) return true;
    return call_error(
        c,
        "x is %s; it must be of rank 3 to 5: [batch, channels, 1 to 3 spatial "
        "dimensions]",
        shape_text(c->arena, x));
}

static int64_t window_product(const int64_t *v)
{
    int64_t n = 1;
    for (int i = 0; i < MAX_SPATIAL; i++) n *= v[i];
    return n;
}

int64_t window_in(const Window *w) { return window_product(w->in); }
int64_t window_out(const Window *w) { return window_product(w->out); }
int64_t window_taps(const Window *w) { return window_product(w->kernel); }

Shape window_shape(const Window *w, int64_t batch, int64_t channels)
{
    Shape s = { .rank = 2 + w->n, .dim = { batch, channels } };
    for (int i = 0; i < w->n; i++) s.dim[2 + i] = w->out[MAX_SPATIAL - w->n + i];
    return s;
}

/* A vector parameter of n * per numbers, at least `least` each, laid into the last n places;
 * *sure becomes false when it is there but its value is not known. */
static bool window_vector(Call *c, ParamId param, int n, int per, int64_t fill,
                          int64_t least, int64_t *out, bool *sure)
{
    int64_t *at = out + (MAX_SPATIAL - n) * per;
    for (int i = 0; i < MAX_SPATIAL * per; i++) out[i] = fill;
    if (!call_takes(c, param)) return true;
    if (!call_known(c, param)) *sure = false;
    const Shape *s = call_shape(c, param);
    if (s && s->rank > 1)
        return call_error(c, "%s is %s; it must be of rank 1", param_names[param],
                          shape_text(c->arena, s));
    if (!call_ints_or(c, param, n * per, fill, at)) return false;
    for (int i = 0; i < n * per; i++)
        if (at[i] < least)
            return call_error(c, "%s has %lld where at least %lld is needed",
                              param_names[param], (long long)at[i], (long long)least);
    return true;
}

static bool dims_fit(Call *c, const Window *w, const Shape *x)
{
    for (int i = 0; i < MAX_SPATIAL; i++) {
        if (w->kernel[i] != DIM_ANY && (w->kernel[i] < 1 || w->kernel[i] > DIM_MAX))
            return call_error(c, "the kernel has size %lld; it must be 1 to 2^30",
                              (long long)w->kernel[i]);
        if (w->in[i] > DIM_MAX)
            return call_error(c, "x is %s; dimensions above 2^30 are not supported",
                              shape_text(c->arena, x));
    }
    return true;
}

/* ---- padding ----------------------------------------------------------------------------- */

/* The odd element goes to the end, or with same_lower to the start. */
static void split_pad(Window *w, int i, int64_t total, int type)
{
    int64_t less = total / 2, more = total - less;
    w->before[i] = type == PAD_SAME_LOWER ? more : less;
    w->after[i] = type == PAD_SAME_LOWER ? less : more;
}

static void pad_one(Window *w, int i, int type, const int64_t *custom)
{
    if (type == PAD_CUSTOM) {
        w->before[i] = custom[2 * i];
        w->after[i] = custom[2 * i + 1];
    } else if (type != PAD_VALID && w->in[i] != DIM_ANY && w->kernel[i] != DIM_ANY) {
        int64_t s = w->stride[i], steps = (w->in[i] + s - 1) / s;
        int64_t total = s * (steps - 1) + window_span(w, i) - w->in[i];
        split_pad(w, i, total > 0 ? total : 0, type);
    }
}

/* ---- the three kinds --------------------------------------------------------------------- */

static bool out_forward(Call *c, Window *w, bool ceil, const Shape *x, int i)
{
    if (w->in[i] == DIM_ANY || w->kernel[i] == DIM_ANY) {
        w->out[i] = DIM_ANY;
        return true;
    }
    int64_t pad = w->before[i] + w->after[i], s = w->stride[i];
    int64_t room = w->in[i] + pad - window_span(w, i);
    /* rounded up, one window may reach beyond the end by less than its stride */
    if (room < 0 && !(ceil && room > -s))
        return call_error(
            c,
            "x is %s; with padding %lld + %lld its dimension %d is shorter than "
            "the kernel, which spans %lld",
            shape_text(c->arena, x), (long long)w->before[i], (long long)w->after[i],
            i - MAX_SPATIAL + w->n + 2, (long long)window_span(w, i));
    w->out[i] = (ceil && room >= 0 ? (room + s - 1) / s : room / s) + 1;
    /* a window that would begin in the padding after the last element is left out */
    if (ceil && pad && (w->out[i] - 1) * s >= w->in[i] + w->before[i]) w->out[i]--;
    return true;
}

static void out_transposed(Window *w, int type, const int64_t *wanted, int i)
{
    if (w->in[i] == DIM_ANY || w->kernel[i] == DIM_ANY) {
        w->out[i] = wanted[i];
        return;
    }
    int64_t full = w->stride[i] * (w->in[i] - 1) + window_span(w, i);
    bool same = type == PAD_SAME || type == PAD_SAME_LOWER;
    int64_t out = same ? w->stride[i] * w->in[i] : full - w->before[i] - w->after[i];
    w->out[i] = wanted[i] != DIM_ANY ? wanted[i] : out > 0 ? out : 0;
    if (same) split_pad(w, i, full > w->out[i] ? full - w->out[i] : 0, type);
}

/* output_shape names all dimensions, the first two too. */
static bool wanted_shape(Call *c, const Shape *x, int64_t *wanted, bool *sure)
{
    int64_t v[2 + MAX_SPATIAL];
    for (int i = 0; i < MAX_SPATIAL; i++) wanted[i] = DIM_ANY;
    if (!call_takes(c, P_output_shape) || !call_has(c, P_output_shape)) return true;
    if (!call_known(c, P_output_shape)) {
        *sure = false;
        return true;
    }
    if (!call_ints_or(c, P_output_shape, x->rank, 1, v)) return false;
    if (x->dim[0] != DIM_ANY && v[0] != x->dim[0])
        return call_error(c, "output_shape begins with %lld, x is %s: the batches differ",
                          (long long)v[0], shape_text(c->arena, x));
    for (int i = 2; i < x->rank; i++) {
        if (v[i] < 1 || v[i] > DIM_MAX)
            return call_error(c, "output_shape has %lld; dimensions must be 1 to 2^30",
                              (long long)v[i]);
        wanted[MAX_SPATIAL - x->rank + i] = v[i];
    }
    return true;
}

/* Core ML looks at pad here whether or not pad_type is "custom". */
static bool ceil_allowed(Call *c, int type, const int64_t *custom)
{
    if (type == PAD_SAME || type == PAD_SAME_LOWER)
        return call_error(
            c, "ceil_mode goes with pad_type \"valid\" or \"custom\", not \"%s\"",
            call_str(c, P_pad_type));
    for (int i = 0; i < MAX_SPATIAL; i++)
        if (custom[2 * i] != custom[2 * i + 1])
            return call_error(
                c,
                "ceil_mode needs the same padding at both ends; pad has %lld and "
                "%lld",
                (long long)custom[2 * i], (long long)custom[2 * i + 1]);
    return true;
}

static bool window_outputs(Call *c, WindowKind kind, const Shape *x, int type,
                           const int64_t *wanted, Window *w)
{
    bool ceil = kind == WINDOW_POOL && call_bool(c, P_ceil_mode);
    for (int i = 0; i < MAX_SPATIAL; i++) {
        if (kind == WINDOW_TRANSPOSE) out_transposed(w, type, wanted, i);
        else if (!out_forward(c, w, ceil, x, i)) return false;
        if (w->out[i] != DIM_ANY && w->out[i] < 1)
            return call_error(c, "x is %s; padding takes away all of the result",
                              shape_text(c->arena, x));
    }
    return true;
}

static int pad_type(Call *c, WindowKind kind)
{
    int type = call_choice(c, P_pad_type); /* a PadType; PoolPadType has the same words */
    if (type != PAD_SAME_LOWER) return type;
    if (kind == WINDOW_TRANSPOSE)
        call_error(c, "pad_type \"same_lower\" goes with conv and the pools alone");
    else if (c->opset < OPSET_IOS16) call_error(c, "pad_type \"same_lower\" needs ios16");
    else return type;
    return -1;
}

bool window_of(Call *c, WindowKind kind, const Shape *x, const int64_t *kernel, Window *w)
{
    int64_t custom[2 * MAX_SPATIAL], wanted[MAX_SPATIAL];
    bool sure = call_known(c, P_pad_type);
    int n = x->rank - 2, type = pad_type(c, kind);
    if (type < 0) return false;
    *w = (Window){ .n = n };
    for (int i = 0; i < MAX_SPATIAL; i++) {
        bool real = i >= MAX_SPATIAL - n;
        w->in[i] = real ? x->dim[2 + i - MAX_SPATIAL + n] : 1;
        w->kernel[i] = real ? kernel[i - MAX_SPATIAL + n] : 1;
    }
    if (!dims_fit(c, w, x) || !window_vector(c, P_strides, n, 1, 1, 1, w->stride, &sure)
        || !window_vector(c, P_dilations, n, 1, 1, 1, w->dilation, &sure)
        || !window_vector(c, P_pad, n, 2, 0, kind == WINDOW_POOL ? 0 : INT32_MIN, custom,
                          &sure)
        || !wanted_shape(c, x, wanted, &sure))
        return false;
    if (kind == WINDOW_POOL && call_bool(c, P_ceil_mode)
        && !ceil_allowed(c, type, custom))
        return false;
    for (int i = 0; i < MAX_SPATIAL; i++) {
        if (kind != WINDOW_TRANSPOSE || type == PAD_CUSTOM) pad_one(w, i, type, custom);
        if (!sure && i >= MAX_SPATIAL - n) w->kernel[i] = DIM_ANY;
    }
    return window_outputs(c, kind, x, type, wanted, w);
}
