/* op_unary.c -- inference of what works on each element alone. */
#include "ops.h"

#include <string.h>

bool infer_like_x(Call *c) { return call_out(c, call_dtype(c, "x"), *call_shape(c, "x")); }

bool infer_cast(Call *c)
{
    const char *name = call_known(c, "dtype") ? call_str(c, "dtype") : NULL;
    DType t = name ? dtype_find(name, strlen(name)) : DT_NONE;
    if (!name) return call_error(c, "dtype must be a string that is known at compile time");
    if (t == DT_NONE || t == DT_STRING || dtypes[t].bits < 8)
        return call_error(c, "dtype \"%s\" is none that can be cast to; the types are bool, fp16, "
                          "fp32, fp64, bf16, int8 to int64 and uint8 to uint64", name);
    if ((domain_types(DOM_MOVE, OPSET_IOS18) & ~domain_types(DOM_MOVE, c->opset)) >> t & 1)
        return call_error(c, "dtype \"%s\" exists from ios17 on; this is %s, which has int32 for it", name,
                          opset_text(c->opset));
    return call_out(c, t, *call_shape(c, "x"));
}
