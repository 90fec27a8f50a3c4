/* op_activation.c -- inference of the activations. */
#include "eval.h"

#include <math.h>
#include <string.h>

/* As near to the first as Core ML asks for. */
static bool all_near(const Tensor *t)
{
    for (size_t i = 1; t && i < t->count; i++)
        if (fabs(tensor_float(t, i) - tensor_float(t, 0)) > 1e-5) return false;
    return true;
}

bool infer_prelu(Call *c)
{
    const Shape *x = call_shape(c, P_x);
    if (!call_channels(c, P_alpha)) return false;
    if (x->rank > 5)
        return call_error(c, "x is %s; it must be of rank 3 to 5", shape_text(c->arena, x));
    if (x->rank != 4 && !all_near(call_val(c, P_alpha)))
        return call_error(c,
                          "x is %s; the numbers of alpha may differ where x is of rank 4 alone",
                          shape_text(c->arena, x));
    return call_out(c, call_dtype(c, P_x), *x);
}

bool infer_softplus_parametric(Call *c)
{
    const Shape *x = call_shape(c, P_x);
    if (x->rank < 3)
        return call_error(c, "x is %s; it must be of rank 3 or more", shape_text(c->arena, x));
    return call_channels(c, P_alpha) && call_channels(c, P_beta)
        && call_out(c, call_dtype(c, P_x), *x);
}

bool infer_softmax(Call *c)
{
    int axis;
    const Shape *x = call_shape(c, P_x);
    return call_axis(c, P_axis, x->rank, &axis) && call_out(c, call_dtype(c, P_x), *x);
}

bool infer_gelu(Call *c)
{
    const char *mode = call_str(c, P_mode);
    if (call_known(c, P_mode) && strcmp(mode, "EXACT") && strcmp(mode, "TANH_APPROXIMATION")
        && strcmp(mode, "SIGMOID_APPROXIMATION"))
        return call_error(c,
                          "mode \"%s\" is none of EXACT, TANH_APPROXIMATION and "
                          "SIGMOID_APPROXIMATION",
                          mode);
    return call_out(c, call_dtype(c, P_x), *call_shape(c, P_x));
}
