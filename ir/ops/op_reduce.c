/* op_reduce.c -- inference of what folds dimensions away. */
#include "move.h"
#include "window.h"

#include <string.h>

bool call_axes_or_all(Call *c, ParamId param, int rank, bool *in)
{
    bool known;
    if (!call_has(c, param)) {
        memset(in, 1, MAX_RANK * sizeof *in);
        return true;
    }
    if (!call_axes(c, param, rank, in, &known)) return false;
    return known || call_error(c, "%s must be known at compile time", param_names[param]);
}

static Shape reduced(const Shape *x, const bool *in, bool keep)
{
    Shape s = { .rank = 0 };
    for (int i = 0; i < x->rank; i++)
        if (!in[i] || keep) s.dim[s.rank++] = in[i] ? 1 : x->dim[i];
    return s;
}

bool infer_reduce(Call *c)
{
    bool in[MAX_RANK];
    const Shape *x = call_shape(c, P_x);
    if (!call_axes_or_all(c, P_axes, x->rank, in)) return false;
    return call_out(c, call_dtype(c, P_x), reduced(x, in, call_bool(c, P_keep_dims)));
}

/* The type of the indices: int32, or from ios17 on what output_dtype names. */
static bool index_type(Call *c, DType *t)
{
    static const char *const names[] = { "int32", "uint16" };
    int i = call_mode_any_case(c, P_output_dtype, names, COUNT(names));
    *t = i == 1 ? DT_UINT16 : DT_INT32;
    return i >= 0;
}

bool infer_argreduce(Call *c)
{
    int axis;
    DType t;
    bool in[MAX_RANK] = { false };
    const Shape *x = call_shape(c, P_x);
    if (!call_axis(c, P_axis, x->rank, &axis) || !index_type(c, &t)) return false;
    if (x->dim[axis] == 0)
        return call_error(c, "x is %s; dimension %d has no element to choose", call_text(c, x),
                          axis);
    in[axis] = true;
    return call_out(c, t, reduced(x, in, call_bool(c, P_keep_dims)));
}
