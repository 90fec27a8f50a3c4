/* control.c -- control flow (cond, while_loop), lists, classify, and the ops at the boundary of
 * an E5 program. */
#include "move.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ==== inference
 * ============================================================================= */

/* Result types of classify, and of the list and state ops.
 * 
 * cond and while_loop have the types of what their blocks yield, a const that of its literal:
 * neither needs inference here. */

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

/* A dimension of elem_shape: an integer, or a string, which names one that is not known. */
static bool append_dims(Call *c, Shape *s, const CallArg *a)
{
    const Tensor *t = a->val;
    if (a->type->kind == TY_TENSOR && a->type->dtype == DT_STRING)
        return shape_append(c, s, DIM_ANY);
    if (!t || t->shape.rank > 1 || !dtype_is_int(t->dtype))
        return call_error(
            c, "elem_shape must hold integer constants, or strings for open dimensions");
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
    DType t = call_type_named(c, P_dtype);
    Shape s = { .rank = 0 };
    int64_t n = call_int(c, P_init_length);
    if (t == DT_NONE || !(domain_types(DOM_ANY, c->opset) >> t & 1))
        return call_error(c, "dtype \"%s\" is none of bool, fp16, fp32 and int32", name);
    if (n < 0) return call_error(c, "init_length is %lld", (long long)n);
    if (!call_known(c, P_init_length)) n = DIM_ANY;
    for (int i = 0; i < call_has(c, P_elem_shape); i++)
        if (!append_dims(c, &s, call_arg(c, P_elem_shape, i))) return false;
    return call_out_type(c, type_list(c->arena, type_tensor(c->arena, t, s), n));
}

bool infer_list_length(Call *c)
{
    return list_elem(c) && call_out_type(c, type_scalar(DT_INT32));
}

static bool check_index(Call *c, ParamId param, int rank)
{
    const Shape *s = call_shape(c, param);
    if (s->rank == rank || (s->rank == 1 && dim_fits(s->dim[0], 1))) return true;
    return call_error(c, "%s must be %s, not %s", param_names[param],
                      rank ? "a vector" : "a scalar", call_text(c, s));
}

bool infer_list_read(Call *c)
{
    const Type *elem = list_elem(c);
    return elem && check_index(c, P_index, 0) && call_out_type(c, elem);
}

/* `count` in front of the element's dimensions. */
static bool control_stacked(Call *c, const Type *elem, int64_t count, Shape *s)
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
        && control_stacked(c, elem, call_shape(c, P_indices)->dim[0], &s)
        && call_out(c, elem->dtype, s);
}

static bool check_element(Call *c, DType t, const Shape *want)
{
    const Type *v = call_arg(c, P_value, 0)->type;
    if (v->dtype == t && shape_fits(&v->shape, want)) return true;
    return call_error(c, "value is %s, but %s is needed: ls is %s",
                      type_text(c->arena, v),
                      type_text(c->arena, type_tensor(c->arena, t, *want)),
                      type_text(c->arena, call_arg(c, P_ls, 0)->type));
}

bool infer_list_write(Call *c)
{
    const Type *elem = list_elem(c);
    return elem && check_index(c, P_index, 0)
        && check_element(c, elem->dtype, &elem->shape)
        && call_out_type(c, call_arg(c, P_ls, 0)->type);
}

bool infer_list_scatter(Call *c)
{
    const Type *elem = list_elem(c);
    Shape s;
    return elem && check_index(c, P_indices, 1)
        && control_stacked(c, elem, call_shape(c, P_indices)->dim[0], &s)
        && check_element(c, elem->dtype, &s)
        && call_out_type(c, call_arg(c, P_ls, 0)->type);
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

/* ==== reference kernels =================================================================== */

/* The kernels of classify and of the list ops.
 * 
 * A list is a value like any other: writing makes a new one. An element that was never written
 * is zeros. States are read and written by whoever runs the program: a call cannot change its
 * arguments. */

enum { LIST_MAX = 1 << 24 };

/* The label of the largest probability, of equal ones the first; NaN is never the largest. The
 * value of the dictionary is the vector of its values, in the order of the classes, which are
 * its keys. */
bool eval_classify(Call *c)
{
    const Tensor *p = call_val(c, P_probabilities), *classes = call_val(c, P_classes);
    const Shape s = SHAPE((int64_t)p->count);
    size_t best = 0;
    if (!p->count || p->count != (size_t)classes->nitem)
        return call_error(c, "%zu probabilities for %lld classes", p->count,
                          (long long)classes->nitem);
    if (!call_alloc(c, 1, DT_FP64, &s)) return false;
    for (size_t i = 0; i < p->count; i++) {
        const double v = tensor_float(p, i), most = tensor_float(p, best);
        if (v > most || (isnan(most) && !isnan(v))) best = i;
        tensor_set_float(c->res[1], i, v);
    }
    memcpy(c->res[0]->data, classes->item[best]->data, c->res[0]->bytes);
    return true;
}

/* Makes result 0 a list of at least n elements that begins with a copy of `from` (or
 * nothing). */
static bool list_start(Call *c, const Tensor *from, int64_t n)
{
    Tensor *r = c->res[0];
    tensor_free(r);
    if (n < 0 || n > LIST_MAX)
        return call_error(c, "a list of %lld elements is too long", (long long)n);
    if (from && !tensor_copy(r, c->diag, from)) return false;
    r->is_list = true;
    if (r->item && r->nitem >= n) return true;
    Tensor **item = mem_resize(r->item, ((size_t)n + 1) * sizeof *item);
    if (!item) return diag_fail(c->diag, "no memory for a list of %lld", (long long)n);
    memset(item + r->nitem, 0, (size_t)(n + 1 - r->nitem) * sizeof *item);
    r->item = item;
    r->nitem = n;
    return true;
}

bool eval_make_list(Call *c)
{
    if (!list_start(c, NULL, call_int(c, P_init_length))) return false;
    c->res[0]->fixed = !call_bool(c, P_dynamic_length);
    return true;
}

bool eval_list_length(Call *c)
{
    tensor_set_int(c->res[0], 0, call_val(c, P_ls)->nitem);
    return true;
}

/* An index to read from, counted from the end when negative. */
static bool read_place(Call *c, int64_t i, int64_t *out)
{
    int64_t n = call_val(c, P_ls)->nitem;
    *out = i < 0 ? i + n : i;
    if (*out >= 0 && *out < n) return true;
    return call_error(c, "index %lld is outside a list of %lld", (long long)i,
                      (long long)n);
}

/* The elements named by `ix`, one after the other, into result 0: list_read has one,
 * list_gather an axis of them. Where the element's dimensions are open, the elements decide. */
static bool read_items(Call *c, const Tensor *ix, bool stack)
{
    const Tensor *ls = call_val(c, P_ls);
    Tensor *r = c->res[0];
    const Type *elem = call_arg(c, P_ls, 0)->type->sub[0];
    Shape shape = elem->shape;
    for (size_t i = 0; i < ix->count; i++) {
        int64_t k;
        if (!read_place(c, tensor_int(ix, i), &k)) return false;
        if (ls->item[k]) shape = ls->item[k]->shape;
    }
    if (!shape_known(&shape))
        return call_error(c, "nothing was written, so the dimensions of %s are not known",
                          type_text(c->arena, elem));
    if (!r->data) {
        Shape all = { .rank = 0 };
        if ((stack && !shape_append(c, &all, (int64_t)ix->count))
            || !shape_append_some(c, &all, &shape, 0, shape.rank)
            || !call_alloc(c, 0, elem->dtype, &all))
            return false;
    }
    for (size_t i = 0, at = 0; i < ix->count; i++) {
        int64_t k = 0;
        const Tensor *t = read_place(c, tensor_int(ix, i), &k) ? ls->item[k] : NULL;
        size_t each = r->bytes / ix->count;
        if (t && (t->dtype != elem->dtype || t->bytes != each))
            return call_error(c, "element %lld is %s, but others are %s", (long long)k,
                              call_text(c, &t->shape), call_text(c, &shape));
        if (t && each) memcpy((char *)r->data + at, t->data, each);
        at += each;
    }
    return true;
}

bool eval_list_read(Call *c) { return read_items(c, call_val(c, P_index), false); }
bool eval_list_gather(Call *c) { return read_items(c, call_val(c, P_indices), true); }

/* Entry `from` of `value` (its first axis is dropped when stack is true) becomes element
 * `at`. */
static bool write_item(Call *c, int64_t at, int64_t from, bool stack)
{
    const Tensor *value = call_val(c, P_value);
    Tensor *r = c->res[0], view = *value, *item = r->item[at];
    if (stack) {
        view.shape.rank--;
        memmove(view.shape.dim, view.shape.dim + 1,
                (size_t)view.shape.rank * sizeof *view.shape.dim);
        view.count = value->count / (size_t)value->shape.dim[0];
        view.bytes = value->bytes / (size_t)value->shape.dim[0];
        if (view.bytes) view.data = (char *)value->data + (size_t)from * view.bytes;
    }
    if (!item) {
        item = mem_zero(1, sizeof *item);
        if (!item) return diag_fail(c->diag, "no memory for a list element");
        r->item[at] = item;
    }
    tensor_free(item);
    return tensor_copy(item, c->diag, &view);
}

/* The elements that `ix` names are replaced; a list of dynamic length grows to hold them. */
static bool write_items(Call *c, const Tensor *ix, bool stack)
{
    const Tensor *ls = call_val(c, P_ls);
    int64_t n = ls->nitem;
    for (size_t i = 0; i < ix->count; i++) {
        int64_t k = tensor_int(ix, i), at = k < 0 ? k + ls->nitem : k;
        if (at < 0 || (ls->fixed && at >= ls->nitem))
            return call_error(c, "index %lld is outside a list of %s length %lld",
                              (long long)k, ls->fixed ? "fixed" : "dynamic",
                              (long long)ls->nitem);
        if (at >= n) n = at + 1;
    }
    if (!list_start(c, ls, n)) return false;
    for (size_t i = 0; i < ix->count; i++) {
        int64_t k = tensor_int(ix, i);
        if (!write_item(c, k < 0 ? k + ls->nitem : k, (int64_t)i, stack)) return false;
    }
    return true;
}

bool eval_list_write(Call *c) { return write_items(c, call_val(c, P_index), false); }
bool eval_list_scatter(Call *c) { return write_items(c, call_val(c, P_indices), true); }

/* ==== the E5 dialect's boundary
 * ============================================================= */

/* Result types at the boundary of E5 programs: buffers with strides. */

bool infer_tensor_buffer_to_tensor(Call *c)
{
    const Type *t = call_arg(c, P_input, 0)->type;
    if (t->kind != TY_BUFFER)
        return call_error(c, "input must be a tensor_buffer, not %s",
                          type_text(c->arena, t));
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
