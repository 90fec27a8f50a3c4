/* norm.c -- norms. */
#include "eval.h"
#include "grad.h"
#include "move.h"

#include <math.h>
#include <string.h>

/* ==== inference
 * ============================================================================= */

static bool like_x(Call *c)
{
    return call_out(c, call_dtype(c, P_x), *call_shape(c, P_x));
}

static bool check_rank(Call *c, int least, int most)
{
    const Shape *x = call_shape(c, P_x);
    if (x->rank >= least && x->rank <= most) return true;
    return call_error(c, "x is %s; its rank must be %d to %d", call_text(c, x), least,
                      most);
}

bool call_channels(Call *c, ParamId param)
{
    const Shape *x = call_shape(c, P_x), *p = call_shape(c, param);
    if (x->rank < 2)
        return call_error(c, "x is %s; it has no second dimension, the channels",
                          call_text(c, x));
    Shape want = { .rank = 1, .dim = { x->dim[1] } };
    if (!p || shape_fits(p, &want) || shape_fits(&want, p)) return true;
    return call_error(
        c, "%s is %s where x, which is %s, needs %s: a number for each channel",
        param_names[param], call_text(c, p), call_text(c, x), call_text(c, &want));
}

bool infer_batch_norm(Call *c)
{
    return check_rank(c, 3, 5) && call_channels(c, P_mean) && call_channels(c, P_variance)
        && call_channels(c, P_gamma) && call_channels(c, P_beta) && like_x(c);
}

bool infer_instance_norm(Call *c)
{
    return check_rank(c, 3, 5) && call_channels(c, P_gamma) && call_channels(c, P_beta)
        && like_x(c);
}

bool infer_l2_norm(Call *c) { return check_rank(c, 3, MAX_RANK) && like_x(c); }

bool infer_local_response_norm(Call *c)
{
    if (call_known(c, P_size) && call_int(c, P_size) < 1)
        return call_error(c, "size is %lld; it must be at least 1",
                          (long long)call_int(c, P_size));
    return check_rank(c, 3, 5) && like_x(c);
}

/* Absent, or of the dimensions of x along the axes: in x's order, or in the order they are
 * named. */
static bool check_scale(Call *c, ParamId param, const bool *in)
{
    const Shape *x = call_shape(c, P_x), *p = call_shape(c, param);
    Shape want = { .rank = 0 }, named = { .rank = 0 };
    int64_t axis[MAX_RANK];
    int n = call_ints(c, P_axes, axis, MAX_RANK);
    for (int i = 0; i < x->rank; i++)
        if (in[i]) want.dim[want.rank++] = x->dim[i];
    for (int i = 0; i < n; i++)
        named.dim[named.rank++] = x->dim[axis[i] < 0 ? axis[i] + x->rank : axis[i]];
    if (!p || shape_fits(p, &want) || shape_fits(&want, p)) return true;
    if (n > 0 && (shape_fits(p, &named) || shape_fits(&named, p))) return true;
    return call_error(c, "%s is %s; along the axes x, which is %s, has %s",
                      param_names[param], call_text(c, p), call_text(c, x),
                      call_text(c, &want));
}

bool infer_layer_norm(Call *c)
{
    bool in[MAX_RANK];
    return call_axes_or_all(c, P_axes, call_shape(c, P_x)->rank, in)
        && check_scale(c, P_gamma, in) && check_scale(c, P_beta, in) && like_x(c);
}

/* ==== reference kernels =================================================================== */

static bool norm_put(Call *c, const double *x)
{
    tensor_put_floats(c->res[0], 0, c->res[0]->count, x);
    return true;
}

/* gamma * x + beta, where absent ones are 1 and 0. */
static double norm_scaled(double x, const double *gamma, const double *beta, int64_t i)
{
    if (gamma) x *= gamma[i];
    return beta ? x + beta[i] : x;
}

/* ---- statistics given -------------------------------------------------------------------- */

bool eval_batch_norm(Call *c)
{
    const Shape *s = call_shape(c, P_x);
    double *x = call_doubles(c, P_x), *mean = call_doubles(c, P_mean);
    double *variance = call_doubles(c, P_variance);
    double *gamma = call_doubles(c, P_gamma), *beta = call_doubles(c, P_beta);
    double eps = call_float(c, P_epsilon);
    int64_t inner = shape_elements(s, 2, s->rank), rows = s->dim[0] * s->dim[1];
    for (int64_t r = 0; r < rows; r++) {
        int64_t ch = r % s->dim[1];
        double root = sqrt(variance[ch] + eps);
        for (int64_t i = r * inner; i < (r + 1) * inner; i++)
            x[i] = norm_scaled((x[i] - mean[ch]) / root, gamma, beta, ch);
    }
    return norm_put(c, x);
}

/* ---- statistics of rows ------------------------------------------------------------------ */

/* Takes the mean off n numbers and divides by the deviation, eps under the root. */
static void norm_standardise(double *x, int64_t n, double eps)
{
    double mean = 0, square = 0;
    for (int64_t i = 0; i < n; i++) mean += x[i];
    mean /= (double)n;
    for (int64_t i = 0; i < n; i++) {
        x[i] -= mean;
        square += x[i] * x[i];
    }
    double root = sqrt(square / (double)n + eps);
    for (int64_t i = 0; i < n; i++) x[i] /= root;
}

bool eval_instance_norm(Call *c)
{
    const Shape *s = call_shape(c, P_x);
    double *x = call_doubles(c, P_x);
    double *gamma = call_doubles(c, P_gamma), *beta = call_doubles(c, P_beta);
    double eps = call_float(c, P_epsilon);
    int64_t inner = shape_elements(s, 2, s->rank), rows = s->dim[0] * s->dim[1];
    for (int64_t r = 0; r < rows; r++) {
        norm_standardise(x + r * inner, inner, eps);
        for (int64_t i = r * inner; i < (r + 1) * inner; i++)
            x[i] = norm_scaled(x[i], gamma, beta, r % s->dim[1]);
    }
    return norm_put(c, x);
}

bool eval_layer_norm(Call *c)
{
    bool in[MAX_RANK];
    const Shape *s = call_shape(c, P_x);
    double *x = call_doubles(c, P_x);
    double *gamma = call_doubles(c, P_gamma), *beta = call_doubles(c, P_beta);
    double eps = call_float(c, P_epsilon);
    if (!call_axes_or_all(c, P_axes, s->rank, in)) return false;
    AxisRows r = axis_rows(c, s, in, x);
    for (int64_t k = 0; k < r.count; k++) {
        double *row = (double *)r.word + k * r.length;
        norm_standardise(row, r.length, eps);
        for (int64_t i = 0; i < r.length; i++)
            row[i] = norm_scaled(row[i], gamma, beta, i);
    }
    axis_rows_put(&r, x);
    return norm_put(c, x);
}

/* Over the last three dimensions together. */
bool eval_l2_norm(Call *c)
{
    const Shape *s = call_shape(c, P_x);
    double *x = call_doubles(c, P_x), eps = call_float(c, P_epsilon);
    int64_t n = shape_elements(s, s->rank - 3, s->rank),
            rows = shape_elements(s, 0, s->rank - 3);
    for (int64_t r = 0; r < rows; r++) {
        double square = 0;
        for (int64_t i = r * n; i < (r + 1) * n; i++) square += x[i] * x[i];
        for (int64_t i = r * n; i < (r + 1) * n; i++) x[i] /= sqrt(square + eps);
    }
    return norm_put(c, x);
}

/* ---- of neighbouring channels ------------------------------------------------------------ */

typedef struct {
    int64_t size;
    double alpha, beta, k;
} NormWindow;

/* n channels, `step` apart: x / (k + alpha / size * sum of the window's squares) ^ beta. The
 * window of channel i is [i - size / 2, i + (size - 1) / 2], cut at the ends. */
static void local_response(const double *x, double *y, int64_t n, int64_t step,
                           NormWindow w)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t from = i < w.size / 2 ? 0 : i - w.size / 2;
        int64_t to = (w.size - 1) / 2 < n - 1 - i ? i + (w.size - 1) / 2 : n - 1;
        double square = 0;
        for (int64_t j = from; j <= to; j++) square += x[j * step] * x[j * step];
        y[i * step] = x[i * step] / pow(w.k + w.alpha / (double)w.size * square, w.beta);
    }
}

bool eval_local_response_norm(Call *c)
{
    const Shape *s = call_shape(c, P_x);
    double *x = call_doubles(c, P_x),
           *y = call_scratch(c, c->res[0]->count + 1, sizeof *y);
    NormWindow w = { call_int(c, P_size), call_float(c, P_alpha), call_float(c, P_beta),
                     call_float(c, P_k) };
    int64_t inner = shape_elements(s, 2, s->rank), channels = s->dim[1];
    for (int64_t b = 0; b < s->dim[0]; b++)
        for (int64_t i = 0; i < inner; i++) {
            int64_t at = b * channels * inner + i;
            local_response(x + at, y + at, channels, inner, w);
        }
    return norm_put(c, y);
}

/* ==== gradients
 * ============================================================================= */

/* Gradients of normalisations, in the closed form: for n = (x - mean) * r, where
 * r is one over the deviation, r * (h - mean(h) - n * mean(h * n)) with h = d * gamma. */

typedef struct {
    Builder *b;
    Value *x, *d, *gamma; /* gamma so that it broadcasts to x, or NULL */
    bool axes[MAX_RANK];  /* that are normalised over */
    Shape scale;          /* the shape of gamma and beta, with 1 for the axes they lack */
} NormGrad;

static void open_norm(Grad *g, NormGrad *n)
{
    *n = (NormGrad){ .b = g->b, .x = grad_arg(g, P_x), .d = g->dy[0] };
    n->scale = n->x->type->shape;
}

static Value *norm_mean(const NormGrad *n, Value *v)
{
    return grad_reduce(n->b, OP_reduce_mean, v, n->axes, true);
}

static Value *as_scale(const NormGrad *n, Value *v)
{
    return v ? grad_typed(n->b, grad_as(n->b, v, n->scale), n->x) : NULL;
}

static void give_scale(Grad *g, const NormGrad *n, ParamId name, Value *dx)
{
    if (!grad_wants(g, name)) return;
    Value *sum = grad_sum_to(n->b, dx, &n->scale);
    grad_give(g, name, grad_like(n->b, sum, grad_arg(g, name)));
}

/* With unit = (x - mean) * root, or x * root where nothing is subtracted. */
static void give_norm(Grad *g, const NormGrad *n, Value *unit, Value *root, bool centred)
{
    Builder *b = n->b;
    give_scale(g, n, P_gamma, grad_times(b, n->d, unit));
    give_scale(g, n, P_beta, n->d);
    if (!grad_wants(g, P_x)) return;
    Value *h = n->gamma ? grad_times(b, n->d, n->gamma) : n->d;
    Value *along = grad_times(b, unit, norm_mean(n, grad_times(b, h, unit)));
    Value *left = centred ? make_two(b, OP_sub, h, norm_mean(n, h)) : h;
    grad_give(g, P_x, grad_times(b, root, make_two(b, OP_sub, left, along)));
}

static void give_centred(Grad *g, const NormGrad *n)
{
    Builder *b = n->b;
    Value *centred = make_two(b, OP_sub, n->x, norm_mean(n, n->x));
    Value *variance = norm_mean(n, grad_times(b, centred, centred));
    Value *sum = make_with(b, OP_add, variance, grad_float(g, P_epsilon));
    Value *root = make_with(b, OP_pow, sum, -0.5);
    give_norm(g, n, grad_times(b, centred, root), root, true);
}

bool grad_layer_norm(Grad *g)
{
    NormGrad n;
    int64_t axes[MAX_RANK * 2];
    open_norm(g, &n);
    const Value *given = grad_arg(g, P_axes);
    const int rank = n.x->type->shape.rank, count = given ? value_ints(given, axes) : 0;
    for (int i = 0; i < rank; i++) n.axes[i] = !given;
    for (int i = 0; i < count; i++) n.axes[axes[i] < 0 ? axes[i] + rank : axes[i]] = true;
    for (int i = 0; i < rank; i++)
        if (!n.axes[i]) n.scale.dim[i] = 1;
    n.gamma = as_scale(&n, grad_arg(g, P_gamma));
    give_centred(g, &n);
    return true;
}

static void by_channel(NormGrad *n)
{
    for (int i = 0; i < n->scale.rank; i++)
        if (i != 1) n->scale.dim[i] = 1;
}

bool grad_instance_norm(Grad *g)
{
    NormGrad n;
    open_norm(g, &n);
    for (int i = 2; i < n.x->type->shape.rank; i++) n.axes[i] = true;
    by_channel(&n);
    n.gamma = as_scale(&n, grad_arg(g, P_gamma));
    give_centred(g, &n);
    return true;
}

/* The statistics are given: they are no function of x, and have gradients of their own. */
bool grad_batch_norm(Grad *g)
{
    NormGrad n;
    open_norm(g, &n);
    by_channel(&n);
    n.gamma = as_scale(&n, grad_arg(g, P_gamma));
    Builder *b = n.b;
    Value *variance = as_scale(&n, grad_arg(g, P_variance));
    Value *sum = make_with(b, OP_add, variance, grad_float(g, P_epsilon));
    Value *root = make_with(b, OP_pow, sum, -0.5);
    Value *scale = n.gamma ? grad_times(b, n.gamma, root) : root;
    Value *h = grad_times(b, n.d, scale);
    if (grad_wants(g, P_x)) grad_give(g, P_x, h);
    give_scale(g, &n, P_beta, n.d);
    give_scale(g, &n, P_mean, grad_scaled(b, h, -1));
    if (!grad_wants(g, P_gamma) && !grad_wants(g, P_variance)) return true;
    Value *off = make_two(b, OP_sub, n.x, as_scale(&n, grad_arg(g, P_mean)));
    give_scale(g, &n, P_gamma, grad_times(b, n.d, grad_times(b, off, root)));
    if (grad_wants(g, P_variance)) {
        Value *slope = grad_scaled(b, make_with(b, OP_pow, sum, -1), -0.5);
        give_scale(g, &n, P_variance, grad_times(b, grad_times(b, h, off), slope));
    }
    return true;
}

/* r * (d - n * sum(d * n)) for n = x * r, r one over the root of the sum of squares */
bool grad_l2_norm(Grad *g)
{
    NormGrad n;
    open_norm(g, &n);
    const int rank = n.x->type->shape.rank;
    if (!grad_wants(g, P_x)) return true;
    for (int i = rank > 3 ? rank - 3 : 0; i < rank; i++) n.axes[i] = true;
    Builder *b = n.b;
    Value *sum = grad_reduce(b, OP_reduce_sum, grad_times(b, n.x, n.x), n.axes, true);
    Value *root = make_with(b, OP_pow,
                            make_with(b, OP_add, sum, grad_float(g, P_epsilon)), -0.5);
    Value *unit = grad_times(b, n.x, root);
    Value *part = grad_reduce(b, OP_reduce_sum, grad_times(b, n.d, unit), n.axes, true);
    Value *dx = make_two(b, OP_sub, n.d, grad_times(b, unit, part));
    grad_give(g, P_x, grad_times(b, root, dx));
    return true;
}

/* Of a reduction of size channels around each: s = k + alpha / size * sum(x^2), y = x *
 * s^-beta; dx = d * s^-beta - 2 alpha beta / size * x * sum over the neighbours of d * x *
 * s^(-beta - 1). */
bool grad_local_response_norm(Grad *g)
{
    NormGrad n;
    open_norm(g, &n);
    if (!grad_wants(g, P_x)) return true;
    Builder *b = n.b;
    const int64_t size = grad_int(g, P_size), c = n.x->type->shape.dim[1];
    const double alpha = grad_float(g, P_alpha), beta = grad_float(g, P_beta);
    const int64_t before = size / 2, after = (size - 1) / 2;
    Arena scratch = { 0 };
    double *near = NEW_ARRAY(&scratch, c * c + 1, double);
    for (int64_t i = 0; i < c; i++)
        for (int64_t k = 0; k < c; k++)
            near[i * c + k] = k - i <= before && i - k <= after;
    Value *sum = grad_along(b, grad_times(b, n.x, n.x), 1, c, c, near);
    sum = make_with(b, OP_add, grad_scaled(b, sum, alpha / (double)size),
                    grad_float(g, P_k));
    Value *scale = make_with(b, OP_pow, sum, -beta);
    Value *part = grad_times(b, n.d, n.x);
    part = grad_times(b, part, make_with(b, OP_pow, sum, -beta - 1));
    for (int64_t i = 0; i < c; i++)
        for (int64_t k = 0; k < c; k++)
            near[i * c + k] = i - k <= before && k - i <= after;
    part = grad_along(b, part, 1, c, c, near);
    part = grad_scaled(b, grad_times(b, n.x, part), 2 * alpha * beta / (double)size);
    grad_give(g, P_x, make_two(b, OP_sub, grad_times(b, n.d, scale), part));
    arena_free(&scratch);
    return true;
}
