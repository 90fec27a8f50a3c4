/* composite.c -- ops that MIL does not have. */
#include "composite.h"
#include "grad.h"

#include <math.h>

/* ==== expansion ============================================================================= */

/* Ops that MIL does not have, said in those that it has.
 * 
 * Engines compute in fp16, whose range ends at 65504: what is squared is divided by its largest
 * magnitude before, and differences are taken of halves, so that nothing on the way overflows
 * or vanishes where inputs and results do not. */

bool infer_rms_norm(Call *c)
{
    const Shape *x = call_shape(c, P_x), *gamma = call_shape(c, P_gamma);
    Shape out = *x;
    if (gamma && (!shape_broadcast(x, gamma, &out) || !shape_fits(x, &out)))
        return call_error(c, "gamma is %s; it does not broadcast to x, which is %s",
                          shape_text(c->arena, gamma), shape_text(c->arena, x));
    return call_out(c, call_dtype(c, P_x), out);
}

/* The smallest number of fp16, which is in every float type: what is divided by is at least
 * that. */
static const double tiny = 0x1p-24;

/* The root of the optional argument or its default, and not 0. */
static Value *root_of_epsilon(Builder *b, const Op *op, DType t)
{
    Value *v = op_value(op, P_epsilon);
    double e = 1e-5;
    if (!v || value_float(v, &e)) return build_float(b, t, fmax(sqrt(e), tiny));
    v = mil_sqrt(b, "root", .x = v);
    return mil_maximum(b, "root", .x = v, .y = build_float(b, t, tiny));
}

/* The largest magnitude along the axes (NULL: all), which stay as 1; at least `least`. */
static Value *composite_magnitude(Builder *b, Value *x, Value *axes, Value *least)
{
    Value *keep = build_bool(b, true), *size = mil_abs(b, "size", .x = x);
    Value *most = mil_reduce_max(b, "most", .x = size, .axes = axes, .keep_dims = keep);
    return mil_maximum(b, "most", .x = most, .y = least);
}

static Value *composite_times(Builder *b, const char *name, Value *x, Value *y)
{
    return mil_mul(b, name, .x = x, .y = y);
}

/* With s the larger of root = sqrt(epsilon) and the largest magnitude of x:
 * x / s / sqrt(mean((x / s)^2) + (root / s)^2). */
RmsParts composite_rms(Builder *b, const Op *op)
{
    Value *x = op_value(op, P_x), *axes = op_value(op, P_axes);
    Value *root = root_of_epsilon(b, op, x->type->dtype);
    Value *most = composite_magnitude(b, x, axes, root), *keep = build_bool(b, true);
    Value *unit = mil_real_div(b, "unit", .x = x, .y = most);
    Value *small = mil_real_div(b, "small", .x = root, .y = most);
    Value *mean = mil_reduce_mean(b, "mean", .x = composite_times(b, "square", unit, unit),
                                  .axes = axes, .keep_dims = keep);
    Value *sum = mil_add(b, "sum", .x = mean, .y = composite_times(b, "small", small, small));
    Value *scale = mil_pow(b, "scale", .x = sum, .y = build_float(b, x->type->dtype, -0.5));
    return (RmsParts){ .unit = unit, .scale = scale, .most = most };
}

bool expand_rms_norm(Builder *b, Op *op, Value **results)
{
    Value *gamma = op_value(op, P_gamma);
    const RmsParts r = composite_rms(b, op);
    results[0] = composite_times(b, op->out[0]->name, r.unit, r.scale);
    if (gamma) results[0] = composite_times(b, op->out[0]->name, results[0], gamma);
    return true;
}

bool infer_mse_loss(Call *c)
{
    Shape both;
    const Shape *x = call_shape(c, P_x), *y = call_shape(c, P_y);
    if (!shape_broadcast(x, y, &both))
        return call_error(c, "x is %s and y is %s; they do not broadcast",
                          shape_text(c->arena, x), shape_text(c->arena, y));
    return call_out(c, call_dtype(c, P_x), (Shape){ .rank = 0 });
}

bool expand_mse_loss(Builder *b, Op *op, Value **results)
{
    Value *x = op_value(op, P_x), *y = op_value(op, P_y);
    const DType t = x->type->dtype;
    Value *half = build_float(b, t, 0.5), *keep = build_bool(b, true);
    x = composite_times(b, "half", x, half);
    y = composite_times(b, "half", y, half);
    Value *d = mil_sub(b, "difference", .x = x, .y = y);
    Value *most = composite_magnitude(b, d, NULL, build_float(b, t, tiny));
    Value *unit = mil_real_div(b, "unit", .x = d, .y = most);
    Value *mean = mil_reduce_mean(b, "mean", .x = composite_times(b, "square", unit, unit),
                                  .keep_dims = keep);
    Value *part = composite_times(b, "part", mean, most);
    part = composite_times(b, "part", part, build_float(b, t, 4)); /* of halves */
    Value *whole = composite_times(b, "whole", part, most), *no = build_bool(b, false);
    results[0] = mil_reduce_mean(b, op->out[0]->name, .x = whole, .keep_dims = no);
    return true;
}

/* ==== gradients ============================================================================= */

/* Gradients of composites in the closed form, whose products are as safe
 * from overflow as the expansions are. */

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
