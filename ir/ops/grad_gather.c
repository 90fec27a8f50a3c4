/* grad_gather.c -- gradients of gathering, which is scattering, and of scattering. They run on
 * the processor: the engine has no scatter. */
#include "grad.h"

#include <string.h>

static Value *int32_indices(Grad *g)
{
    Value *v = grad_arg(g, P_indices);
    if (v->type->dtype == DT_INT32) return v;
    return mil_cast(g->b, "cast", .x = v, .dtype = build_string(g->b, "int32"));
}

/* d added into zeros of data's shape by the scatter that undoes op */
static Value *add_into(Grad *g, int op, const Value *data, bool has_axis)
{
    Builder *b = g->b;
    Value *zeros = grad_zeros(b, data), *at = int32_indices(g), *mode = build_string(b, "add");
    if (!has_axis)
        return build_of(b, "scatter", op, P_data, zeros, P_indices, at, P_updates, g->dy[0],
                        P_mode, mode, P_NONE);
    const int axis = grad_axis(g, P_axis, data->type->shape.rank);
    return build_of(b, "scatter", op, P_data, zeros, P_indices, at, P_updates, g->dy[0], P_axis,
                    build_int(b, axis), P_mode, mode, P_NONE);
}

/* Without batch_dims, which scatter lacks; with them by the numbers of the places. */
static bool gathered(Grad *g, int op, bool has_axis)
{
    Value *x = grad_arg(g, P_x);
    if (!grad_wants(g, P_x)) return true;
    const bool scalar = !grad_arg(g, P_indices)->type->shape.rank;
    const bool batches = op_find_arg(g->op, P_batch_dims) && grad_int(g, P_batch_dims);
    if (scalar || batches) return grad_picked(g);
    grad_give(g, P_x, add_into(g, op, x, has_axis));
    return true;
}
bool grad_gather(Grad *g) { return gathered(g, OP_scatter, true); }
bool grad_gather_along(Grad *g) { return gathered(g, OP_scatter_along_axis, true); }
bool grad_gather_nd(Grad *g) { return gathered(g, OP_scatter_nd, false); }

/* mode add: all of d; update: d but where something was put. */
static bool scattered(Grad *g, int op, int gather, bool has_axis)
{
    Builder *b = g->b;
    Value *const d = g->dy[0];
    const char *mode = grad_str(g, P_mode);
    const bool add = !strcmp(mode, "add"), sub = !strcmp(mode, "sub");
    if (!add && !sub && strcmp(mode, "update") != 0)
        return grad_error(g, "mode \"%s\" has none; add, sub and update have", mode);
    if (grad_wants(g, P_data)) {
        Value *none = add || sub ? NULL : grad_zeros(b, grad_arg(g, P_updates));
        const Arg with[] = { { .param = P_data, .val = (Value **)(uintptr_t)&d, .count = 1 },
                             { .param = P_updates, .val = &none, .count = 1 } };
        grad_give(g, P_data, none ? grad_same(g, op, 2, with) : d);
    }
    if (!grad_wants(g, P_updates)) return true;
    Value *at = grad_arg(g, P_indices), *part;
    if (has_axis)
        part = build_of(b, ops[gather].name, gather, P_x, d, P_indices, at, P_axis,
                        build_int(b, grad_axis(g, P_axis, d->type->shape.rank)), P_NONE);
    else part = build_of(b, ops[gather].name, gather, P_x, d, P_indices, at, P_NONE);
    grad_give(g, P_updates, grad_scaled(b, part, sub ? -1 : 1));
    return true;
}
bool grad_scatter(Grad *g) { return scattered(g, OP_scatter, OP_gather, true); }
bool grad_scatter_along(Grad *g)
{
    return scattered(g, OP_scatter_along_axis, OP_gather_along_axis, true);
}
bool grad_scatter_nd(Grad *g) { return scattered(g, OP_scatter_nd, OP_gather_nd, false); }
