/* doubt.c -- warnings about calls that are valid, but that Core ML itself is known to refuse or
 * to compute wrongly. */
#include "geometry.h"

#include <string.h>

/* A term of `n` different letters; order[letter]: at which place of all terms it came first. */
static bool term_is(const char **s, int n, const int *want, int order[26], int *next)
{
    for (int i = 0; i < n; i++, (*s)++) {
        while (**s == ' ') (*s)++;
        if (**s < 'a' || **s > 'z') return false;
        int *at = &order[**s - 'a'];
        if (*at < 0) *at = (*next)++;
        if (*at != want[i]) return false;
    }
    while (**s == ' ') (*s)++;
    return true;
}

/* Core ML defines nchw,nwhu->nchu and chw,whr->chr alone, with any letters. */
bool einsum_is_defined(const char *s, int rank)
{
    static const int terms[2][3][4] = {
        { { 0, 1, 2 }, { 2, 1, 3 }, { 0, 1, 3 } },
        { { 0, 1, 2, 3 }, { 0, 3, 2, 4 }, { 0, 1, 2, 4 } }
    };
    int order[26], next = 0;
    memset(order, -1, sizeof order);
    if (rank != 3 && rank != 4) return false;
    for (int t = 0; t < 3; t++) {
        if (!term_is(&s, rank, terms[rank - 3][t], order, &next)) return false;
        const char *sep = t == 0 ? "," : t == 1 ? "->" : "";
        if (strncmp(s, sep, strlen(sep)) != 0) return false;
        s += strlen(sep);
    }
    return !*s;
}

static void doubt_einsum(Call *c)
{
    const char *equation = call_str(c, P_equation);
    const Shape *x = &call_arg(c, P_values, 0)->type->shape;
    if (equation && einsum_is_defined(equation, x->rank)) return;
    diag_warn(
        c->diag, WARN_UNRELIABLE, c->loc,
        "einsum: Core ML defines the equations nchw,nwhu->nchu and "
        "chw,whr->chr alone, with any letters; \"%s\" may be refused, or computed otherwise",
        equation ? equation : "");
}

static void doubt_conv_transpose(Call *c)
{
    Conv v;
    if (!call_has(c, P_output_shape) || !conv_of(c, true, &v)) return;
    const Window *w = &v.window;
    for (int i = MAX_SPATIAL - w->n; i < MAX_SPATIAL; i++) {
        if (w->in[i] == DIM_ANY || w->kernel[i] == DIM_ANY || w->out[i] == DIM_ANY)
            continue;
        const int64_t full = w->stride[i] * (w->in[i] - 1) + window_span(w, i)
                           - w->before[i] - w->after[i];
        if (w->out[i] >= full) continue;
        diag_warn(c->diag, WARN_UNRELIABLE, c->loc,
                  "conv_transpose: output_shape has %lld where %lld are made; "
                  "Core ML is known to get a smaller one wrong: crop the result instead",
                  (long long)w->out[i], (long long)full);
        return;
    }
}

/* Torch's rule, which the definition follows, leaves what lies beyond the padding out of a
 * mean. */
static void doubt_avg_pool(Call *c)
{
    const Shape *x = call_shape(c, P_x);
    int64_t kernel[MAX_SPATIAL];
    Window w;
    if (!call_bool(c, P_ceil_mode) || call_bool(c, P_exclude_padding_from_average)
        || call_ints(c, P_kernel_sizes, kernel, MAX_SPATIAL) != x->rank - 2
        || !window_of(c, WINDOW_POOL, x, kernel, &w))
        return;
    for (int i = MAX_SPATIAL - w.n; i < MAX_SPATIAL; i++) {
        const int64_t end = (w.out[i] - 1) * w.stride[i] + w.kernel[i];
        if (w.out[i] == DIM_ANY || end <= w.in[i] + w.before[i] + w.after[i]) continue;
        diag_warn(
            c->diag, WARN_UNRELIABLE, c->loc,
            "avg_pool: with ceil_mode the last window reaches beyond the end; Core ML is known to "
            "divide it by all of the kernel: exclude_padding_from_average says otherwise");
        return;
    }
}

/* Of the modes but "constant". */
static void doubt_pad(Call *c)
{
    const int mode = call_chosen(c, P_mode);
    const Shape *x = call_shape(c, P_x);
    int64_t pad[2 * MAX_RANK];
    const int n = call_ints(c, P_pad, pad, COUNT(pad));
    if (mode == EXTEND_CONSTANT) return;
    for (int i = 0; i < n; i++) {
        const int axis = x->rank - n / 2 + i / 2;
        const bool outer = pad[i] && axis < x->rank - 2;
        if (!outer && (x->dim[axis] == DIM_ANY || pad[i] <= x->dim[axis])) continue;
        if (outer)
            diag_warn(
                c->diag, WARN_UNRELIABLE, c->loc,
                "pad: mode \"%s\" is asked for at axis %d of x; Core ML is known to refuse it "
                "but for the last two: transpose, or mirror by slices",
                call_str(c, P_mode), axis);
        else
            diag_warn(
                c->diag, WARN_UNRELIABLE, c->loc,
                "pad: mode \"%s\" is to make %lld entries at axis %d of x, which has %lld; "
                "Core ML defines at most as many",
                call_str(c, P_mode), (long long)pad[i], axis, (long long)x->dim[axis]);
        return;
    }
}

static void doubt_affine(Call *c)
{
    if (call_bool(c, P_align_corners) || !call_known(c, P_align_corners)) return;
    diag_warn(c->diag, WARN_UNRELIABLE, c->loc,
              "affine: Core ML does not support align_corners = false: resample does");
}

static const struct {
    int op;
    void (*doubt)(Call *c);
} doubts[] = {
    { OP_affine, doubt_affine },
    { OP_avg_pool, doubt_avg_pool },
    { OP_conv_transpose, doubt_conv_transpose },
    { OP_einsum, doubt_einsum },
    { OP_pad, doubt_pad },
};

void call_doubt(const Call *c)
{
    Call copy = *c; /* asking again must leave the results alone */
    for (size_t i = 0; i < COUNT(doubts); i++)
        if (c->info == &ops[doubts[i].op]) doubts[i].doubt(&copy);
}
