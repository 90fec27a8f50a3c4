/* op_buffer.c -- result types at the boundary of E5 programs: buffers with strides. */
#include "move.h"

bool infer_tensor_buffer_to_tensor(Call *c)
{
    const Type *t = call_arg(c, P_input, 0)->type;
    if (t->kind != TY_BUFFER)
        return call_error(c, "input must be a tensor_buffer, not %s", type_text(c->arena, t));
    return call_out(c, t->dtype, t->shape);
}

/* One number per axis, as a field of the buffer's type. */
static bool buffer_field(Call *c, ParamId param, const Shape *x, struct TypeField *f)
{
    Vector v;
    if (!call_vector(c, param, MAX_RANK, &v)) return false;
    if (v.n >= 0 && v.n != x->rank)
        return call_error(c, "%s has %d elements; input is %s", param_names[param], v.n,
                          call_text(c, x));
    *f = (struct TypeField){ .name = param_names[param], .dims = { .rank = x->rank } };
    for (int i = 0; i < x->rank; i++) f->dims.dim[i] = v.known ? v.v[i] : DIM_ANY;
    return true;
}

bool infer_tensor_to_tensor_buffer(Call *c)
{
    const Type *in = call_arg(c, P_input, 0)->type;
    Type *t = NEW(c->arena, Type);
    if (in->kind != TY_TENSOR)
        return call_error(c, "input must be a tensor, not %s", type_text(c->arena, in));
    *t = (Type){ .kind = TY_BUFFER, .dtype = in->dtype, .shape = in->shape, .nfield = 2 };
    t->field = NEW_ARRAY(c->arena, 2, struct TypeField);
    return buffer_field(c, P_strides, &in->shape, &t->field[0])
        && buffer_field(c, P_interleave_factors, &in->shape, &t->field[1])
        && call_out_type(c, t);
}
