/* grad_composite.c -- gradients of composites in the closed form, whose products are as safe
 * from overflow as the expansions are. */
#include "composite.h"
#include "grad.h"

/* r * (h - n * mean(h * n)) with h = d * gamma, n the result without gamma and r one over the
 * root of the mean square */
bool grad_rms_norm(Grad *g)
{
    Builder *b = g->b;
    Value *gamma = grad_arg(g, P_gamma), *d = g->dy[0];
    const RmsParts p = composite_rms(b, g->op);
    Value *n = grad_times(b, p.unit, p.scale);
    if (grad_wants(g, P_gamma)) grad_give_sum(g, P_gamma, grad_times(b, d, n));
    if (!grad_wants(g, P_x)) return true;
    Value *h = gamma ? grad_times(b, d, gamma) : d;
    Value *share = grad_times(b, h, n), *keep = build_bool(b, true);
    Value *mean = mil_reduce_mean(b, "mean", .x = share, .axes = grad_arg(g, P_axes),
                                  .keep_dims = keep);
    Value *root = grad_two(b, OP_real_div, p.scale, p.most);
    grad_give(g, P_x, grad_times(b, root, grad_two(b, OP_sub, h, grad_times(b, n, mean))));
    return true;
}

bool grad_mse_loss(Grad *g)
{
    Builder *b = g->b;
    Value *off = grad_two(b, OP_sub, grad_arg(g, P_x), grad_arg(g, P_y));
    size_t n = 1;
    shape_count(&off->type->shape, &n);
    Value *dx = grad_times(b, grad_scaled(b, off, 2 / (double)(n ? n : 1)), g->dy[0]);
    if (grad_wants(g, P_x)) grad_give_sum(g, P_x, dx);
    if (grad_wants(g, P_y)) grad_give_sum(g, P_y, grad_scaled(b, dx, -1));
    return true;
}
