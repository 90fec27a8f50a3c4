/* grad_reduce.c -- gradients of reductions. x is the argument, y the result and d what flows
 * back into it, both with the axes that were reduced as 1. */
#include "grad.h"

#include <string.h>

typedef struct {
    Builder *b;
    Value *x, *y, *d;
    bool axes[MAX_RANK];
    int64_t n; /* elements that one of y is made of */
} Reduce;

static bool open_reduce(Grad *g, Reduce *r)
{
    int64_t axes[MAX_RANK * 2];
    *r = (Reduce){ .b = g->b, .x = grad_arg(g, P_x), .n = 1 };
    if (!grad_wants(g, P_x)) return false;
    const Value *given = grad_arg(g, P_axes);
    const int rank = r->x->type->shape.rank, n = given ? value_ints(given, axes) : 0;
    Shape kept = r->x->type->shape;
    for (int i = 0; i < rank; i++) r->axes[i] = !given;
    for (int i = 0; i < n; i++) r->axes[axes[i] < 0 ? axes[i] + rank : axes[i]] = true;
    for (int i = 0; i < rank; i++) {
        if (!r->axes[i]) continue;
        r->n *= kept.dim[i];
        kept.dim[i] = 1;
    }
    r->y = grad_as(g->b, g->op->out[0], kept);
    r->d = grad_as(g->b, g->dy[0], kept);
    return true;
}

static bool done(Grad *g, const Reduce *r, Value *dx)
{
    grad_give(g, P_x, grad_spread(r->b, dx, &r->x->type->shape));
    return true;
}

static Value *sum(const Reduce *r, Value *v)
{
    return grad_reduce(r->b, OP_reduce_sum, v, r->axes, true);
}

bool grad_reduce_sum(Grad *g)
{
    Reduce r;
    return !open_reduce(g, &r) || done(g, &r, r.d);
}

bool grad_reduce_mean(Grad *g)
{
    Reduce r;
    return !open_reduce(g, &r) || done(g, &r, grad_scaled(r.b, r.d, 1 / (double)r.n));
}

/* Elements that are the largest share the gradient. */
bool grad_reduce_extreme(Grad *g)
{
    Reduce r;
    if (!open_reduce(g, &r)) return true;
    Value *is = grad_two(r.b, OP_equal, r.x, r.y);
    Value *one = grad_spread(r.b, grad_number(r.b, r.x, 1), &r.x->type->shape);
    Value *mark = grad_where(r.b, is, one, NULL);
    Value *share = grad_two(r.b, OP_real_div, mark, sum(&r, mark));
    return done(g, &r, grad_times(r.b, r.d, share));
}

/* The product of the others: y / x where no factor is 0; where one is, the product of the rest
 * at its place and 0 elsewhere. */
bool grad_reduce_prod(Grad *g)
{
    Reduce r;
    if (!open_reduce(g, &r)) return true;
    Builder *b = r.b;
    Value *zero = grad_with(b, OP_equal, r.x, 0);
    Value *ones = grad_spread(b, grad_number(b, r.x, 1), &r.x->type->shape);
    Value *factor = grad_where(b, zero, ones, r.x);
    Value *rest = grad_reduce(b, OP_reduce_prod, factor, r.axes, true);
    Value *zeros = sum(&r, grad_where(b, zero, ones, NULL));
    Value *none = grad_with(b, OP_equal, zeros, 0), *one = grad_with(b, OP_equal, zeros, 1);
    Value *at_zero = grad_where(b, one, rest, NULL);
    Value *elsewhere = grad_where(b, none, rest, NULL);
    Value *others = grad_two(b, OP_real_div, grad_where(b, zero, at_zero, elsewhere), factor);
    return done(g, &r, grad_times(b, r.d, others));
}

bool grad_reduce_l1_norm(Grad *g)
{
    Reduce r;
    return !open_reduce(g, &r)
        || done(g, &r, grad_times(r.b, r.d, grad_one(r.b, OP_sign, r.x)));
}

/* x over the norm, and 0 where that is 0 */
bool grad_reduce_l2_norm(Grad *g)
{
    Reduce r;
    if (!open_reduce(g, &r)) return true;
    Value *root = grad_with(r.b, OP_pow, sum(&r, grad_times(r.b, r.x, r.x)), -0.5);
    Value *none = grad_with(r.b, OP_equal, r.y, 0);
    Value *scale = grad_times(r.b, r.d, grad_where(r.b, none, NULL, root));
    return done(g, &r, grad_times(r.b, r.x, scale));
}

bool grad_reduce_log_sum(Grad *g)
{
    Reduce r;
    return !open_reduce(g, &r) || done(g, &r, grad_two(r.b, OP_real_div, r.d, sum(&r, r.x)));
}

bool grad_reduce_log_sum_exp(Grad *g)
{
    Reduce r;
    if (!open_reduce(g, &r)) return true;
    Value *share = grad_one(r.b, OP_exp, grad_two(r.b, OP_sub, r.x, r.y));
    return done(g, &r, grad_times(r.b, r.d, share));
}

bool grad_reduce_sum_square(Grad *g)
{
    Reduce r;
    return !open_reduce(g, &r) || done(g, &r, grad_times(r.b, r.d, grad_scaled(r.b, r.x, 2)));
}
