/* op_conv.c -- result types of the convolutions. */
#include "conv.h"

static bool fits(int64_t a, int64_t b) { return a == DIM_ANY || b == DIM_ANY || a == b; }

static bool check_channels(Call *c, const Shape *x, const Shape *w, const Conv *v)
{
    const char *xs = shape_text(c->arena, x), *ws = shape_text(c->arena, w);
    long long g = (long long)v->groups;
    if (v->transposed) {
        if (!fits(x->dim[1], w->dim[0]))
            return call_error(c,
                              "x is %s and weight is %s: weight's first dimension must be x's "
                              "%lld channels",
                              xs, ws, (long long)x->dim[1]);
        if (x->dim[1] != DIM_ANY && x->dim[1] % v->groups)
            return call_error(c, "x is %s: its %lld channels do not divide into %lld groups",
                              xs, (long long)x->dim[1], g);
        return true;
    }
    if (x->dim[1] != DIM_ANY && w->dim[1] != DIM_ANY
        && (x->dim[1] % v->groups || x->dim[1] / v->groups != w->dim[1]))
        return call_error(
            c,
            "x is %s and weight is %s: with %lld groups weight's second dimension "
            "must be %lld / %lld",
            xs, ws, g, (long long)x->dim[1], g);
    if (w->dim[0] != DIM_ANY && w->dim[0] % v->groups)
        return call_error(c,
                          "weight is %s: its %lld output channels do not divide into %lld "
                          "groups",
                          ws, (long long)w->dim[0], g);
    return true;
}

static bool check_bias(Call *c, const Conv *v)
{
    const Shape *b = call_shape(c, P_bias);
    if (!b) return true;
    const Shape want = SHAPE(v->cout);
    if (b->rank != 1 || !fits(b->dim[0], v->cout))
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
        return call_error(c, "groups is %lld; it must be 1 or more", (long long)v->groups);
    if (!check_channels(c, x, w, v)) return false;
    v->batch = x->dim[0];
    v->cin = x->dim[1];
    v->cout = w->dim[0];
    if (transposed) v->cout = w->dim[1] == DIM_ANY ? DIM_ANY : w->dim[1] * v->groups;
    return check_bias(c, v)
        && window_of(c, transposed ? WINDOW_TRANSPOSE : WINDOW_CONV, x, w->dim + 2, &v->window);
}

/* Core ML has no convolution with holes whose weight is computed while it runs. */
static bool holes_allowed(Call *c, const Conv *v)
{
    if (call_arg(c, P_weight, 0)->constant) return true;
    for (int i = 0; i < MAX_SPATIAL; i++)
        if (v->window.dilation[i] > 1)
            return call_error(c,
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
    if (call_ints(c, P_output_shape, wanted, COUNT(wanted)) > 1 && !fits(wanted[1], v.cout))
        return call_error(c,
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
static double macs(Call *c, bool transposed)
{
    Conv v;
    if (!shape_known(call_shape(c, P_x)) || !shape_known(call_shape(c, P_weight))) return -1;
    if (!conv_of(c, transposed, &v)) return -1;
    const Shape out = window_shape(&v.window, v.batch, v.cout);
    if (!shape_known(&out)) return -1;
    const int64_t at = transposed ? window_in(&v.window) : window_out(&v.window);
    return (double)v.batch * (double)at * (double)window_taps(&v.window) * (double)v.cin
         * (double)v.cout / (double)v.groups;
}

double macs_conv(Call *c) { return macs(c, false); }
double macs_conv_transpose(Call *c) { return macs(c, true); }
