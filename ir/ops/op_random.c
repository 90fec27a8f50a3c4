/* op_random.c -- result types of the random ops. */
#include "ops.h"
#include "window.h"

/* The type of the first parameter that says one; fp32 when all are left out. */
static DType type_of(const Call *c, ParamId a, ParamId b)
{
    DType t = call_dtype(c, a);
    if (t == DT_NONE && b) t = call_dtype(c, b);
    return t == DT_NONE ? DT_FP32 : t;
}

static bool shaped(Call *c, DType t)
{
    const Shape *s = call_shape(c, P_shape);
    Shape out = { .rank = 0 };
    if (s->rank != 1)
        return call_error(c, "shape is %s; it must be of rank 1", shape_text(c->arena, s));
    if (s->dim[0] == DIM_ANY)
        return call_error(c, "the number of dimensions in shape is not known");
    if (s->dim[0] > MAX_RANK)
        return call_error(c, "shape has %lld dimensions, at most %d are supported",
                          (long long)s->dim[0], MAX_RANK);
    out.rank = (int)s->dim[0];
    bool known = call_ints(c, P_shape, out.dim, MAX_RANK) >= 0;
    for (int i = 0; i < out.rank; i++) {
        if (!known) out.dim[i] = DIM_ANY;
        else if (out.dim[i] < 0)
            return call_error(c, "shape asks for an extent of %lld", (long long)out.dim[i]);
    }
    return call_out(c, t, out);
}

bool infer_random_bernoulli(Call *c) { return shaped(c, type_of(c, P_prob, P_NONE)); }
bool infer_random_normal(Call *c) { return shaped(c, type_of(c, P_mean, P_stddev)); }
bool infer_random_uniform(Call *c) { return shaped(c, type_of(c, P_low, P_high)); }

bool infer_random_categorical(Call *c)
{
    static const char *const modes[] = { "logits", "probs" };
    const Shape *x = call_shape(c, P_x);
    Shape s = *x;
    if (call_known(c, P_mode) && call_mode_any_case(c, P_mode, modes, COUNT(modes)) < 0)
        return false;
    if (!s.rank || s.dim[s.rank - 1] == 0)
        return call_error(c, "x is %s; its last dimension must hold the classes",
                          shape_text(c->arena, x));
    s.dim[s.rank - 1] = call_known(c, P_size) ? call_int(c, P_size) : DIM_ANY;
    if (call_known(c, P_size) && call_int(c, P_size) < 1)
        return call_error(c, "size is %lld", (long long)call_int(c, P_size));
    return call_out(c, call_dtype(c, P_x), s);
}
