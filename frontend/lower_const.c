/* lower_const.c -- numbers, bools, strings and lists of these become constants of the element
 * type that the place where they stand asks for. */
#include "lower.h"

#include <math.h>
#include <string.h>

/* Joins what an element is with what those before it were: bool, string, int, or float above
 * int. */
static bool join_leaf(ValKind *leaf, ValKind kind)
{
    if (*leaf == V_NONE || kind == *leaf) *leaf = kind;
    else if (*leaf == V_INT && kind == V_FLOAT) *leaf = V_FLOAT;
    else return *leaf == V_FLOAT && kind == V_INT;
    return true;
}

static bool measure_list(Lower *l, const List *list, Loc loc, int depth, Shape *s,
                         ValKind *leaf)
{
    if (depth == MAX_RANK)
        return lower_error(l, loc, "a list is nested deeper than %d", MAX_RANK);
    if (list->shape) {
        *s = *list->shape;
        *leaf = list->leaf;
        return true;
    }
    *s = shape_of(1, &list->n);
    *leaf = V_NONE;
    bool rows = list->n && list->at[0].kind == V_LIST;
    for (int64_t i = 0; i < list->n; i++) {
        if (!lower_step(l, loc))
            return false; /* the same list may stand in it many times */
        Shape inner = { .rank = 0 };
        ValKind kind = list->at[i].kind;
        if (kind == V_LIST
            && !measure_list(l, list->at[i].u.list, loc, depth + 1, &inner, &kind))
            return false;
        if (rows && !i && inner.rank < MAX_RANK) {
            s->rank = inner.rank + 1;
            memcpy(s->dim + 1, inner.dim, (size_t)inner.rank * sizeof *s->dim);
        }
        if ((rows || inner.rank)
            && (inner.rank != s->rank - 1
                || memcmp(inner.dim, s->dim + 1, (size_t)inner.rank * sizeof *s->dim)))
            return lower_error(
                l, loc, "the elements of this list differ in shape: number %lld is %s",
                (long long)i, shape_text(&l->arena, &inner));
        if (!join_leaf(leaf, kind))
            return lower_error(l, loc,
                               "a list of constants holds numbers, or bools, or strings");
    }
    return true;
}

/* The dimensions of a list of lists, which must be regular, and what its elements are at
 * most. */
bool list_shape(Lower *l, Val v, Loc loc, Shape *s, ValKind *leaf)
{
    *s = (Shape){ .rank = 0 };
    *leaf = v.kind;
    if (v.kind != V_LIST) return true;
    List *list = v.u.list;
    if (!list->shape) {
        Shape *kept = NEW(&l->arena, Shape);
        if (!measure_list(l, list, loc, 0, kept, &list->leaf)) return false;
        list->shape = kept;
    }
    *s = *list->shape;
    *leaf = list->leaf;
    return true;
}

static bool fits_type(Lower *l, Val v, DType t, Loc loc)
{
    if (v.kind == V_BOOL) return true;
    if (v.kind == V_FLOAT && !dtype_is_float(t))
        return lower_error(l, loc, "%s is not a whole number, but %s is needed",
                           val_text(l, v), dtypes[t].name);
    double x = val_double(v);
    if (t == DT_FP16 || t == DT_FP32) {
        double limit = t == DT_FP16 ? 65519.99 : 3.4028235677973366e38;
        if (isfinite(x) && fabs(x) > limit)
            diag_warn(l->diag, WARN_PRECISION, lower_blame(l, loc),
                      "%s becomes infinite in %s", val_text(l, v), dtypes[t].name);
        else if (x != 0 && fabs(x) < (t == DT_FP16 ? 0x1p-25 : 0x1p-150))
            diag_warn(l->diag, WARN_PRECISION, lower_blame(l, loc),
                      "%s becomes zero in %s", val_text(l, v), dtypes[t].name);
    } else if (dtype_is_int(t) && v.kind == V_INT) {
        int bits = dtypes[t].bits - (dtypes[t].cls == CLASS_INT);
        int64_t low = dtypes[t].cls == CLASS_INT
                        ? -((int64_t)1 << (bits < 63 ? bits : 62))
                        : 0;
        if (bits < 63 && (v.u.i < low || v.u.i >= (int64_t)1 << bits))
            return lower_error(l, loc, "%lld does not fit %s", (long long)v.u.i,
                               dtypes[t].name);
    }
    return true;
}

static bool fill_elements(Lower *l, Val v, Tensor *t, size_t *at, Loc loc)
{
    if (!lower_step(l, loc)) return false;
    if (v.kind == V_LIST) {
        for (int64_t i = 0; i < v.u.list->n; i++)
            if (!fill_elements(l, v.u.list->at[i], t, at, loc)) return false;
        return true;
    }
    if (t->dtype == DT_STRING) {
        ((const char **)t->data)[(*at)++] = arena_strdup(&l->m->arena, v.u.s);
        return true;
    }
    if (!fits_type(l, v, t->dtype, loc)) return false;
    if (v.kind == V_BOOL) tensor_set_int(t, (*at)++, v.u.b);
    else if (dtype_is_float(t->dtype)) tensor_set_float(t, (*at)++, val_double(v));
    else tensor_set_int(t, (*at)++, v.u.i);
    return true;
}

static bool leaf_fits(Lower *l, ValKind leaf, DType t, Loc loc)
{
    static const char *const what[] = {
        [V_INT] = "int", [V_FLOAT] = "float", [V_BOOL] = "bool", [V_STRING] = "string"
    };
    bool ok = leaf == V_NONE || (leaf == V_BOOL && t == DT_BOOL)
           || (leaf == V_STRING && t == DT_STRING)
           || ((leaf == V_INT || leaf == V_FLOAT) && t != DT_BOOL && t != DT_STRING);
    if (ok) return true;
    if (leaf > V_STRING || leaf < V_INT)
        return lower_error(l, loc,
                           "a list of tensors is no tensor; concat or stack joins them, "
                           "a, b = .. names the results of an op");
    return lower_error(
        l, loc, "a %s cannot be %s%s", what[leaf], dtypes[t].name,
        leaf == V_BOOL && dtype_is_float(t)
            ? "; what is compared with none is known now, x == 0.0 is of each element"
            : "");
}

/* The list of rows at the bottom of lists of one; NULL: there is none. */
static const List *list_of_rows(Val v, int rank)
{
    for (; rank > 2 && v.u.list->n == 1; rank--) v = v.u.list->at[0];
    return rank == 2 ? v.u.list : NULL;
}

/* Rows that are pieces of one list, each as far behind the one before: a causal mask, or a
 * band. The literal refers to the list's, and is a row long in memory. NULL: they are
 * others. */
static const Const *windows_const(Lower *l, Val v, const Shape *s, DType t, Loc loc)
{
    enum { LEAST = 64 };
    const List *rows = s->rank >= 2 ? list_of_rows(v, s->rank) : NULL;
    if (!rows || rows->n < LEAST || s->dim[s->rank - 1] < LEAST || dtypes[t].bits % 8)
        return NULL;
    List *line = rows->at[0].u.list->whole;
    const ptrdiff_t step = line ? rows->at[1].u.list->at - rows->at[0].u.list->at : 0;
    for (int64_t i = 0; line && i < rows->n; i++) {
        const List *row = rows->at[i].u.list;
        if (row->whole != line || row->at - rows->at[0].u.list->at != i * step)
            return NULL;
    }
    if (!line || step > INT32_MAX || step < INT32_MIN) return NULL;
    const Const *whole = make_const(l, (Val){ .kind = V_LIST, .u.list = line }, t, loc);
    return whole ? const_windows(&l->m->arena, type_tensor(&l->m->arena, t, *s), whole,
                                 (size_t)(rows->at[0].u.list->at - line->at), (int)step)
                 : NULL;
}

const Const *make_const(Lower *l, Val v, DType t, Loc loc)
{
    Shape s;
    ValKind leaf;
    size_t at = 0;
    if (!list_shape(l, v, loc, &s, &leaf) || !leaf_fits(l, leaf, t, loc)) return NULL;
    const Const *windows = v.kind == V_LIST ? windows_const(l, v, &s, t, loc) : NULL;
    if (windows) return windows;
    const Type *type = type_tensor(&l->m->arena, t, s);
    size_t each = t == DT_STRING ? sizeof(char *) : 8, count = 1;
    if (!shape_count(&s, &count)) return NULL;
    Tensor view = tensor_view(
        t, &s,
        arena_array(&l->m->arena, count + 1,
                    t == DT_STRING ? each : (size_t)dtypes[t].bits / 8 + 1));
    if (!fill_elements(l, v, &view, &at, loc)) return NULL;
    Const *c = const_data(&l->m->arena, type, view.data);
    c->loc = loc;
    return c;
}

Value *to_value(Lower *l, Val v, DType t, const char *name, Loc loc)
{
    if (v.kind == V_TENSOR) return v.u.tensor;
    if (v.kind == V_WEIGHT) return weight_value(l, v.u.view);
    List *list = v.kind == V_LIST && v.u.list->n ? v.u.list : NULL;
    if (list && list->func == l->func && list->dtype == t) return list->value;
    if (v.kind != V_LIST && (v.kind < V_INT || v.kind > V_STRING)) {
        lower_error(l, loc, "a tensor or a number is needed here, not %s",
                    val_kind(l, v));
        return NULL;
    }
    const Const *c = make_const(l, v, t, loc);
    if (!c) return NULL;
    l->b.loc = lower_blame(l, loc);
    Value *value = build_const(&l->b, name, c);
    size_t count;
    bool lasts = !l->b.block->owner; /* what a block holds ends with it */
    if (list && lasts && shape_count(&c->type->shape, &count) && count >= CACHED_LIST) {
        list->func = l->func;
        list->dtype = t;
        list->value = value;
    }
    return value;
}
