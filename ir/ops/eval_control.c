/* eval_control.c -- the meaning of classify and of the list ops.
 *
 * A list is a value like any other: writing makes a new one. An element that was never written
 * is zeros. States are read and written by whoever runs the program: a call cannot change its
 * arguments. */
#include "move.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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
    return call_error(c, "index %lld is outside a list of %lld", (long long)i, (long long)n);
}

/* The elements named by `ix`, one after the other, into result 0: list_read has one,
 * list_gather an axis of them. Where the element's extents are open, the elements decide. */
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
        return call_error(c, "nothing was written, so the extents of %s are not known",
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
            return call_error(c, "index %lld is outside a list of %s length %lld", (long long)k,
                              ls->fixed ? "fixed" : "dynamic", (long long)ls->nitem);
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
