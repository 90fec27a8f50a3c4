/* op_unary.c -- inference of what works on each element alone. */
#include "ops.h"

#include <string.h>

bool infer_like_x(Call *c) { return call_out(c, call_dtype(c, P_x), *call_shape(c, P_x)); }

/* From ios17 on the bounds may not be equal, or the wrong way round. */
bool infer_clip(Call *c)
{
    const double low = call_float(c, P_alpha), high = call_float(c, P_beta);
    if (c->opset >= OPSET_IOS17 && call_known(c, P_alpha) && call_known(c, P_beta)
        && low >= high)
        return call_error(
            c, "alpha is %g and beta is %g; from ios17 on alpha must be below beta", low, high);
    return infer_like_x(c);
}

bool infer_cast(Call *c)
{
    const char *name = call_known(c, P_dtype) ? call_str(c, P_dtype) : NULL;
    DType t = name ? dtype_find(name, strlen(name)) : DT_NONE;
    if (!name) return call_error(c, "dtype must be a string that is known at compile time");
    const DTypes all = domain_types(DOM_MOVE, OPSET_IOS18),
                 here = domain_types(DOM_MOVE, c->opset);
    if (t == DT_NONE || !(all >> t & 1))
        return call_error(c,
                          "dtype \"%s\" is none that can be cast to; the types are bool, fp16, "
                          "fp32, int32, and from ios17 on int8, uint8, int16 and uint16",
                          name);
    if (!(here >> t & 1))
        return call_error(
            c, "dtype \"%s\" exists from ios17 on; this is %s, which has int32 for it", name,
            opset_text(c->opset));
    return call_out(c, t, *call_shape(c, P_x));
}
