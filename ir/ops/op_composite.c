/* op_composite.c -- ops that MIL does not have, said in those that it has.
 *
 * Engines compute in fp16, whose range ends at 65504: what is squared is divided by its largest
 * magnitude before, and differences are taken of halves, so that nothing on the way overflows
 * or vanishes where inputs and results do not. */
#include "ops.h"

#include <math.h>

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
 * that. / */
static const double tiny = 0x1p-24;

/* The root of the optional argument or its default, and not 0. */
static Value *root_of_epsilon(Builder *b, const Op *op, DType t)
{
    Value *v = op_value(op, "epsilon");
    double e = 1e-5;
    if (!v || value_float(v, &e)) return build_float(b, t, fmax(sqrt(e), tiny));
    v = build(b, "root", "sqrt", "x", v, NULL);
    return build(b, "root", "maximum", "x", v, "y", build_float(b, t, tiny), NULL);
}

/* The largest magnitude along the axes (NULL: all), which stay as 1; at least `least`. */
static Value *magnitude(Builder *b, Value *x, Value *axes, Value *least)
{
    Value *keep = build_bool(b, true), *size = build(b, "size", "abs", "x", x, NULL);
    Value *most = axes ? build(b, "most", "reduce_max", "x", size, "axes", axes, "keep_dims",
                               keep, NULL)
                       : build(b, "most", "reduce_max", "x", size, "keep_dims", keep, NULL);
    return build(b, "most", "maximum", "x", most, "y", least, NULL);
}

static Value *times(Builder *b, const char *name, Value *x, Value *y)
{
    return build(b, name, "mul", "x", x, "y", y, NULL);
}

/* With s the larger of root = sqrt(epsilon) and the largest magnitude of x:
 * x / s / sqrt(mean((x / s)^2) + (root / s)^2). */
bool expand_rms_norm(Builder *b, Op *op, Value **results)
{
    Value *x = op_value(op, "x"), *gamma = op_value(op, "gamma");
    Value *axes = op_value(op, "axes"), *root = root_of_epsilon(b, op, x->type->dtype);
    Value *most = magnitude(b, x, axes, root), *keep = build_bool(b, true);
    Value *unit = build(b, "unit", "real_div", "x", x, "y", most, NULL);
    Value *small = build(b, "small", "real_div", "x", root, "y", most, NULL);
    Value *mean = build(b, "mean", "reduce_mean", "x", times(b, "square", unit, unit), "axes",
                        axes, "keep_dims", keep, NULL);
    Value *sum = build(b, "sum", "add", "x", mean, "y", times(b, "small", small, small), NULL);
    Value *scale = build(b, "scale", "pow", "x", sum, "y", build_float(b, x->type->dtype, -0.5),
                         NULL);
    results[0] = times(b, op->out[0]->name, unit, scale);
    if (gamma) results[0] = times(b, op->out[0]->name, results[0], gamma);
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
    Value *x = op_value(op, "x"), *y = op_value(op, "y");
    const DType t = x->type->dtype;
    Value *half = build_float(b, t, 0.5), *keep = build_bool(b, true);
    Value *d = build(b, "difference", "sub", "x", times(b, "half", x, half), "y",
                     times(b, "half", y, half), NULL);
    Value *most = magnitude(b, d, NULL, build_float(b, t, tiny));
    Value *unit = build(b, "unit", "real_div", "x", d, "y", most, NULL);
    Value *mean = build(b, "mean", "reduce_mean", "x", times(b, "square", unit, unit),
                        "keep_dims", keep, NULL);
    Value *part = times(b, "part", times(b, "part", mean, most),
                        build_float(b, t, 4)); /* of halves */
    results[0] = build(b, op->out[0]->name, "reduce_mean", "x", times(b, "whole", part, most),
                       "keep_dims", build_bool(b, false), NULL);
    return true;
}
