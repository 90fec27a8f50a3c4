/* op_binary.c -- inference of what pairs the elements of broadcast tensors; select. */
#include "move.h"

/* The shape that the arguments have in common, after numpy's rules; none is reported. */
static bool broadcast(Call *c, const char *a, ParamId b, const Shape *x, Shape *out)
{
    const Shape *y = call_shape(c, b);
    if (shape_broadcast(x, y, out)) return true;
    return call_error(c, "shapes do not broadcast: %s is %s, %s is %s", a, call_text(c, x),
                      param_names[b], call_text(c, y));
}

bool infer_binary(Call *c)
{
    Shape out;
    return broadcast(c, "x", P_y, call_shape(c, P_x), &out)
        && call_out(c, call_dtype(c, P_x), out);
}

bool infer_compare(Call *c)
{
    Shape out;
    return broadcast(c, "x", P_y, call_shape(c, P_x), &out) && call_out(c, DT_BOOL, out);
}

bool infer_select(Call *c)
{
    Shape ab, out;
    return broadcast(c, "a", P_b, call_shape(c, P_a), &ab)
        && broadcast(c, "the result of a and b", P_cond, &ab, &out)
        && call_out(c, call_dtype(c, P_a), out);
}
