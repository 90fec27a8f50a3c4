/* op_activation.c -- inference of the activations. */
#include "eval.h"

#include <string.h>

bool infer_prelu(Call *c)
{
    return call_channels(c, "alpha") && call_out(c, call_dtype(c, "x"), *call_shape(c, "x"));
}

bool infer_softplus_parametric(Call *c)
{
    return call_channels(c, "alpha") && call_channels(c, "beta")
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
