/* grad_norm.c -- gradients of normalisations, in the closed form: for n = (x - mean) * r, where
 * r is one over the deviation, r * (h - mean(h) - n * mean(h * n)) with h = d * gamma. */
#include "grad.h"

#include <string.h>

typedef struct {
    Builder *b;
    Value *x, *d, *gamma; /* gamma so that it broadcasts to x, or NULL */
    bool axes[MAX_RANK];  /* that are normalised over */
    Shape scale;          /* the shape of gamma and beta, with 1 for the axes they lack */
} Norm;

static void open_norm(Grad *g, Norm *n)
{
    *n = (Norm){ .b = g->b, .x = grad_arg(g, P_x), .d = g->dy[0] };
    n->scale = n->x->type->shape;
}

static Value *mean(const Norm *n, Value *v)
{
    return grad_reduce(n->b, OP_reduce_mean, v, n->axes, true);
}

static Value *as_scale(const Norm *n, Value *v)
{
    return v ? grad_as(n->b, v, n->scale) : NULL;
}

static void give_scale(Grad *g, const Norm *n, ParamId name, Value *dx)
{
    if (!grad_wants(g, name)) return;
    Value *sum = grad_sum_to(n->b, dx, &n->scale);
    grad_give(g, name, grad_like(n->b, sum, grad_arg(g, name)));
}

/* With unit = (x - mean) * root, or x * root where nothing is subtracted. */
static void give_norm(Grad *g, const Norm *n, Value *unit, Value *root, bool centred)
{
    Builder *b = n->b;
    give_scale(g, n, P_gamma, grad_times(b, n->d, unit));
    give_scale(g, n, P_beta, n->d);
    if (!grad_wants(g, P_x)) return;
    Value *h = n->gamma ? grad_times(b, n->d, n->gamma) : n->d;
    Value *along = grad_times(b, unit, mean(n, grad_times(b, h, unit)));
    Value *left = centred ? grad_two(b, OP_sub, h, mean(n, h)) : h;
    grad_give(g, P_x, grad_times(b, root, grad_two(b, OP_sub, left, along)));
}

static void give_centred(Grad *g, const Norm *n)
{
    Builder *b = n->b;
    Value *centred = grad_two(b, OP_sub, n->x, mean(n, n->x));
    Value *variance = mean(n, grad_times(b, centred, centred));
    Value *sum = grad_with(b, OP_add, variance, grad_float(g, P_epsilon));
    Value *root = grad_with(b, OP_pow, sum, -0.5);
    give_norm(g, n, grad_times(b, centred, root), root, true);
}

bool grad_layer_norm(Grad *g)
{
    Norm n;
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

static void by_channel(Norm *n)
{
    for (int i = 0; i < n->scale.rank; i++)
        if (i != 1) n->scale.dim[i] = 1;
}

bool grad_instance_norm(Grad *g)
{
    Norm n;
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
    Norm n;
    open_norm(g, &n);
    by_channel(&n);
    n.gamma = as_scale(&n, grad_arg(g, P_gamma));
    Builder *b = n.b;
    Value *variance = as_scale(&n, grad_arg(g, P_variance));
    Value *sum = grad_with(b, OP_add, variance, grad_float(g, P_epsilon));
    Value *root = grad_with(b, OP_pow, sum, -0.5);
    Value *scale = n.gamma ? grad_times(b, n.gamma, root) : root;
    Value *h = grad_times(b, n.d, scale);
    if (grad_wants(g, P_x)) grad_give(g, P_x, h);
    give_scale(g, &n, P_beta, n.d);
    give_scale(g, &n, P_mean, grad_scaled(b, h, -1));
    if (!grad_wants(g, P_gamma) && !grad_wants(g, P_variance)) return true;
    Value *off = grad_two(b, OP_sub, n.x, as_scale(&n, grad_arg(g, P_mean)));
    give_scale(g, &n, P_gamma, grad_times(b, n.d, grad_times(b, off, root)));
    if (grad_wants(g, P_variance)) {
        Value *slope = grad_scaled(b, grad_with(b, OP_pow, sum, -1), -0.5);
        give_scale(g, &n, P_variance, grad_times(b, grad_times(b, h, off), slope));
    }
    return true;
}

/* r * (d - n * sum(d * n)) for n = x * r, r one over the root of the sum of squares */
bool grad_l2_norm(Grad *g)
{
    Norm n;
    open_norm(g, &n);
    const int rank = n.x->type->shape.rank;
    if (!grad_wants(g, P_x)) return true;
    for (int i = rank > 3 ? rank - 3 : 0; i < rank; i++) n.axes[i] = true;
    Builder *b = n.b;
    Value *sum = grad_reduce(b, OP_reduce_sum, grad_times(b, n.x, n.x), n.axes, true);
    Value *root = grad_with(b, OP_pow, grad_with(b, OP_add, sum, grad_float(g, P_epsilon)),
                            -0.5);
    Value *unit = grad_times(b, n.x, root);
    Value *part = grad_reduce(b, OP_reduce_sum, grad_times(b, n.d, unit), n.axes, true);
    Value *dx = grad_two(b, OP_sub, n.d, grad_times(b, unit, part));
    grad_give(g, P_x, grad_times(b, root, dx));
    return true;
}

/* Of a reduction of size channels around each: s = k + alpha / size * sum(x^2), y = x *
 * s^-beta; dx = d * s^-beta - 2 alpha beta / size * x * sum over the neighbours of d * x *
 * s^(-beta - 1). */
bool grad_local_response_norm(Grad *g)
{
    Norm n;
    open_norm(g, &n);
    if (!grad_wants(g, P_x)) return true;
    Builder *b = n.b;
    const int64_t size = grad_int(g, P_size), c = n.x->type->shape.dim[1];
    const double alpha = grad_float(g, P_alpha), beta = grad_float(g, P_beta);
    const int64_t before = size / 2, after = (size - 1) / 2;
    Arena scratch = { 0 };
    double *near = NEW_ARRAY(&scratch, c * c + 1, double);
    for (int64_t i = 0; i < c; i++)
        for (int64_t k = 0; k < c; k++) near[i * c + k] = k - i <= before && i - k <= after;
    Value *sum = grad_along(b, grad_times(b, n.x, n.x), 1, c, c, near);
    sum = grad_with(b, OP_add, grad_scaled(b, sum, alpha / (double)size), grad_float(g, P_k));
    Value *scale = grad_with(b, OP_pow, sum, -beta);
    Value *part = grad_times(b, n.d, n.x);
    part = grad_times(b, part, grad_with(b, OP_pow, sum, -beta - 1));
    for (int64_t i = 0; i < c; i++)
        for (int64_t k = 0; k < c; k++) near[i * c + k] = i - k <= before && k - i <= after;
    part = grad_along(b, part, 1, c, c, near);
    part = grad_scaled(b, grad_times(b, n.x, part), 2 * alpha * beta / (double)size);
    grad_give(g, P_x, grad_two(b, OP_sub, grad_times(b, n.d, scale), part));
    arena_free(&scratch);
    return true;
}
