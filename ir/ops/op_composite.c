/* op_composite.c -- ops that MIL does not have, said in those that it has. */
#include "ops.h"

bool infer_rms_norm(Call *c)
{
    const Shape *x = call_shape(c, "x"), *gamma = call_shape(c, "gamma");
    Shape out = *x;
    if (gamma && (!shape_broadcast(x, gamma, &out) || !shape_fits(x, &out)))
        return call_error(c, "gamma is %s; it does not broadcast to x, which is %s",
                          shape_text(c->arena, gamma), shape_text(c->arena, x));
    return call_out(c, call_dtype(c, "x"), out);
}

/* The optional argument, or a constant of x's type for its default. */
static Value *epsilon_of(Builder *b, const Op *op, DType t)
{
    Value *v = op_value(op, "epsilon");
    return v ? v : build_float(b, t, 1e-5);
}

bool expand_rms_norm(Builder *b, Op *op, Value **results)
{
    Value *x = op_value(op, "x"), *gamma = op_value(op, "gamma");
    Value *eps = epsilon_of(b, op, x->type->dtype), *keep = build_bool(b, true);
    Value *square = build(b, "square", "mul", "x", x, "y", x, NULL);
    Value *mean = build(b, "mean", "reduce_mean", "x", square, "axes", op_value(op, "axes"),
                        "keep_dims", keep, NULL);
    Value *scale = build(b, "scale", "rsqrt", "x", mean, "epsilon", eps, NULL);
    results[0] = build(b, op->out[0]->name, "mul", "x", x, "y", scale, NULL);
    if (gamma) results[0] = build(b, op->out[0]->name, "mul", "x", results[0], "y", gamma, NULL);
    return true;
}

bool infer_mse_loss(Call *c)
{
    Shape both;
    const Shape *x = call_shape(c, "x"), *y = call_shape(c, "y");
    if (!shape_broadcast(x, y, &both))
        return call_error(c, "x is %s and y is %s; they do not broadcast", shape_text(c->arena, x),
                          shape_text(c->arena, y));
    return call_out(c, call_dtype(c, "x"), (Shape){ .rank = 0 });
}

bool expand_mse_loss(Builder *b, Op *op, Value **results)
{
    Value *keep = build_bool(b, false);
    Value *d = build(b, "difference", "sub", "x", op_value(op, "x"), "y", op_value(op, "y"), NULL);
    Value *square = build(b, "square", "mul", "x", d, "y", d, NULL);
    results[0] = build(b, op->out[0]->name, "reduce_mean", "x", square, "keep_dims", keep, NULL);
    return true;
}
