/* op_activation.c -- inference of the activations. */
#include "ops.h"

#include <string.h>

/* Parameters of one number a channel: rank 1, of x's second dimension. */
static bool check_channels(Call *c, const char *name)
{
    const Shape *x = call_shape(c, "x"), *p = call_shape(c, name);
    int64_t channels = x->rank > 1 ? x->dim[1] : DIM_ANY;
    if (x->rank < 2)
        return call_error(c, "x is %s; it needs a channel dimension, the second",
                          shape_text(c->arena, x));
    if (p->rank != 1 || (p->dim[0] != channels && p->dim[0] != DIM_ANY && channels != DIM_ANY))
        return call_error(c, "%s is %s where x, which is %s, needs one number for each channel", name,
                          shape_text(c->arena, p), shape_text(c->arena, x));
    return true;
}

bool infer_prelu(Call *c)
{
    return check_channels(c, "alpha") && call_out(c, call_dtype(c, "x"), *call_shape(c, "x"));
}

bool infer_softplus_parametric(Call *c)
{
    return check_channels(c, "alpha") && check_channels(c, "beta")
           && call_out(c, call_dtype(c, "x"), *call_shape(c, "x"));
}

bool infer_softmax(Call *c)
{
    int axis;
    const Shape *x = call_shape(c, "x");
    return call_axis(c, "axis", x->rank, &axis) && call_out(c, call_dtype(c, "x"), *x);
}

bool infer_gelu(Call *c)
{
    const char *mode = call_str(c, "mode");
    if (call_known(c, "mode") && strcmp(mode, "EXACT") && strcmp(mode, "TANH_APPROXIMATION")
        && strcmp(mode, "SIGMOID_APPROXIMATION"))
        return call_error(c, "mode \"%s\" is none of EXACT, TANH_APPROXIMATION and "
                          "SIGMOID_APPROXIMATION", mode);
    return call_out(c, call_dtype(c, "x"), *call_shape(c, "x"));
}
