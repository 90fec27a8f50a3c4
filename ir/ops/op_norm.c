/* op_norm.c -- inference of the normalisations: the result is like x, the checks differ. */
#include "move.h"

static bool like_x(Call *c) { return call_out(c, call_dtype(c, P_x), *call_shape(c, P_x)); }

static bool check_rank(Call *c, int least, int most)
{
    const Shape *x = call_shape(c, P_x);
    if (x->rank >= least && x->rank <= most) return true;
    return call_error(c, "x is %s; its rank must be %d to %d", call_text(c, x), least, most);
}

bool call_channels(Call *c, ParamId param)
{
    const Shape *x = call_shape(c, P_x), *p = call_shape(c, param);
    if (x->rank < 2)
        return call_error(c, "x is %s; it has no second dimension, the channels",
                          call_text(c, x));
    Shape want = { .rank = 1, .dim = { x->dim[1] } };
    if (!p || shape_fits(p, &want) || shape_fits(&want, p)) return true;
    return call_error(c, "%s is %s where x, which is %s, needs %s: a number for each channel",
                      param_names[param], call_text(c, p), call_text(c, x),
                      call_text(c, &want));
}

bool infer_batch_norm(Call *c)
{
    return check_rank(c, 3, 5) && call_channels(c, P_mean) && call_channels(c, P_variance)
        && call_channels(c, P_gamma) && call_channels(c, P_beta) && like_x(c);
}

bool infer_instance_norm(Call *c)
{
    return check_rank(c, 3, 5) && call_channels(c, P_gamma) && call_channels(c, P_beta)
        && like_x(c);
}

bool infer_l2_norm(Call *c) { return check_rank(c, 3, MAX_RANK) && like_x(c); }

bool infer_local_response_norm(Call *c)
{
    if (call_known(c, P_size) && call_int(c, P_size) < 1)
        return call_error(c, "size is %lld; it must be at least 1",
                          (long long)call_int(c, P_size));
    return check_rank(c, 3, 5) && like_x(c);
}

/* Absent, or of the extents of x along the axes: in x's order, or in the order they are
 * named. */
static bool check_scale(Call *c, ParamId param, const bool *in)
{
    const Shape *x = call_shape(c, P_x), *p = call_shape(c, param);
    Shape want = { .rank = 0 }, named = { .rank = 0 };
    int64_t axis[MAX_RANK];
    int n = call_ints(c, P_axes, axis, MAX_RANK);
    for (int i = 0; i < x->rank; i++)
        if (in[i]) want.dim[want.rank++] = x->dim[i];
    for (int i = 0; i < n; i++)
        named.dim[named.rank++] = x->dim[axis[i] < 0 ? axis[i] + x->rank : axis[i]];
    if (!p || shape_fits(p, &want) || shape_fits(&want, p)) return true;
    if (n > 0 && (shape_fits(p, &named) || shape_fits(&named, p))) return true;
    return call_error(c, "%s is %s; along the axes x, which is %s, has %s", param_names[param],
                      call_text(c, p), call_text(c, x), call_text(c, &want));
}

bool infer_layer_norm(Call *c)
{
    bool in[MAX_RANK];
    return call_axes_or_all(c, P_axes, call_shape(c, P_x)->rank, in)
        && check_scale(c, P_gamma, in) && check_scale(c, P_beta, in) && like_x(c);
}
