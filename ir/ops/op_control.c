/* op_control.c -- result types of classify, and of the list and state ops.
 *
 * cond and while_loop have the types of what their blocks yield, a const that of its literal:
 * neither needs inference here. */
#include "move.h"

#include <string.h>

/* ---- classifiers ------------------------------------------------------------------------- */

/* classes holds a constant for each probability: texts or 64-bit integers, which are the
 * labels. */
bool infer_classify(Call *c)
{
    const CallArg *classes = call_arg(c, P_classes, 0);
    const Type *t = classes->type, *label = t->kind == TY_LIST ? t->sub[0] : NULL;
    const Shape *s = call_shape(c, P_probabilities);
    size_t n;
    if (!label || label->kind != TY_TENSOR || label->shape.rank
        || (label->dtype != DT_STRING && label->dtype != DT_INT64))
        return call_error(c, "classes must be a list of strings or int64 numbers, not %s",
                          type_text(c->arena, t));
    if (!classes->val && !classes->constant)
        return call_error(c, "classes must be known at compile time");
    if (t->length != DIM_ANY && shape_count(s, &n) && (!n || n != (uint64_t)t->length))
        return call_error(c, "probabilities are %s, but there are %lld classes",
                          call_text(c, s), (long long)t->length);
    return call_out_type(c, label)
        && call_out_type(c, type_dict(c->arena, label, type_scalar(DT_FP64)));
}

/* ---- lists ------------------------------------------------------------------------------- */

/* The element type of the list `ls`; NULL when it is no list of tensors. */
static const Type *list_elem(Call *c)
{
    const Type *t = call_arg(c, P_ls, 0)->type;
    if (t->kind == TY_LIST && t->sub[0]->kind == TY_TENSOR) return t->sub[0];
    call_error(c, "ls must be a list of tensors, not %s", type_text(c->arena, t));
    return NULL;
}

/* An extent of elem_shape: an integer, or a string, which names one that is not known. */
static bool append_extents(Call *c, Shape *s, const CallArg *a)
{
    const Tensor *t = a->val;
    if (a->type->kind == TY_TENSOR && a->type->dtype == DT_STRING)
        return shape_append(c, s, DIM_ANY);
    if (!t || t->shape.rank > 1 || !dtype_is_int(t->dtype))
        return call_error(
            c, "elem_shape must hold integer constants, or strings for open extents");
    for (size_t i = 0; i < t->count; i++) {
        int64_t dim = tensor_int(t, i);
        if (dim < -1) return call_error(c, "elem_shape holds %lld", (long long)dim);
        if (!shape_append(c, s, dim)) return false;
    }
    return true;
}

bool infer_make_list(Call *c)
{
    const char *name = call_str(c, P_dtype);
    DType t = dtype_find(name, strlen(name));
    Shape s = { .rank = 0 };
    int64_t n = call_int(c, P_init_length);
    if (t == DT_NONE || !(domain_types(DOM_ANY, c->opset) >> t & 1))
        return call_error(c, "dtype \"%s\" is none of bool, fp16, fp32 and int32", name);
    if (n < 0) return call_error(c, "init_length is %lld", (long long)n);
    if (!call_known(c, P_init_length)) n = DIM_ANY;
    for (int i = 0; i < call_has(c, P_elem_shape); i++)
        if (!append_extents(c, &s, call_arg(c, P_elem_shape, i))) return false;
    return call_out_type(c, type_list(c->arena, type_tensor(c->arena, t, s), n));
}

bool infer_list_length(Call *c)
{
    return list_elem(c) && call_out_type(c, type_scalar(DT_INT32));
}

static bool check_index(Call *c, ParamId param, int rank)
{
    const Shape *s = call_shape(c, param);
    if (s->rank == rank || (rank == 0 && s->rank == 1 && dim_fits(s->dim[0], 1))) return true;
    return call_error(c, "%s must be %s, not %s", param_names[param],
                      rank ? "a vector" : "a scalar", call_text(c, s));
}

bool infer_list_read(Call *c)
{
    const Type *elem = list_elem(c);
    return elem && check_index(c, P_index, 0) && call_out_type(c, elem);
}

/* `count` in front of the element's extents. */
static bool stacked(Call *c, const Type *elem, int64_t count, Shape *s)
{
    *s = (Shape){ .rank = 0 };
    return shape_append(c, s, count)
        && shape_append_some(c, s, &elem->shape, 0, elem->shape.rank);
}

bool infer_list_gather(Call *c)
{
    const Type *elem = list_elem(c);
    Shape s;
    return elem && check_index(c, P_indices, 1)
        && stacked(c, elem, call_shape(c, P_indices)->dim[0], &s)
        && call_out(c, elem->dtype, s);
}

static bool check_element(Call *c, DType t, const Shape *want)
{
    const Type *v = call_arg(c, P_value, 0)->type;
    if (v->dtype == t && shape_fits(&v->shape, want)) return true;
    return call_error(c, "value is %s, but %s is needed: ls is %s", type_text(c->arena, v),
                      type_text(c->arena, type_tensor(c->arena, t, *want)),
                      type_text(c->arena, call_arg(c, P_ls, 0)->type));
}

bool infer_list_write(Call *c)
{
    const Type *elem = list_elem(c);
    return elem && check_index(c, P_index, 0) && check_element(c, elem->dtype, &elem->shape)
        && call_out_type(c, call_arg(c, P_ls, 0)->type);
}

bool infer_list_scatter(Call *c)
{
    const Type *elem = list_elem(c);
    Shape s;
    return elem && check_index(c, P_indices, 1)
        && stacked(c, elem, call_shape(c, P_indices)->dim[0], &s)
        && check_element(c, elem->dtype, &s) && call_out_type(c, call_arg(c, P_ls, 0)->type);
}

/* ---- states ------------------------------------------------------------------------------ */

static const Type *state_elem(Call *c)
{
    const Type *t = call_arg(c, P_input, 0)->type;
    if (t->kind == TY_STATE && t->sub[0]->kind == TY_TENSOR) return t->sub[0];
    call_error(c, "input must be a state, not %s", type_text(c->arena, t));
    return NULL;
}

bool infer_read_state(Call *c)
{
    const Type *elem = state_elem(c);
    return elem && call_out_type(c, elem);
}

bool infer_write_state(Call *c)
{
    const Type *elem = state_elem(c), *data = call_arg(c, P_data, 0)->type;
    if (!elem || type_fits(data, elem)) return elem != NULL;
    return call_error(c, "data is %s, but the state holds %s", type_text(c->arena, data),
                      type_text(c->arena, elem));
}
