/* lower_extent.c -- dimensions that are known only when the model runs: elements of x.shape
 * for an axis of variable size, arithmetic with them, and lists that have some. */
#include "lower.h"
#include "grammar.h"

#include "../ir/ops/ops.h"

#include <string.h>

Val extent_value(Lower *l, Val of, int axis)
{
    const Shape *s = val_shape(of);
    if (s->dim[axis] != DIM_ANY) return val_int(s->dim[axis]);
    RunExtent *e = NEW(&l->arena, RunExtent);
    *e = (RunExtent){ .of = of.u.tensor, .axis = axis };
    return (Val){ .kind = V_EXTENT, .u.extent = e };
}

bool extent_same(Val a, Val b)
{
    return a.kind == V_EXTENT && b.kind == V_EXTENT && a.u.extent->of == b.u.extent->of
        && a.u.extent->axis == b.u.extent->axis;
}

/* An int32 tensor without axes. */
static bool extent_is_number(Val v)
{
    return v.kind == V_TENSOR && v.u.tensor->type->dtype == DT_INT32
        && !v.u.tensor->type->shape.rank;
}

bool extent_is_run(Val v) { return v.kind == V_EXTENT || extent_is_number(v); }

/* ---- as statements ----------------------------------------------------------------------- */

/* A vector of one number. */
static Value *extent_vector(Lower *l, Val v, Loc loc)
{
    Builder *b = &l->b;
    b->loc = lower_blame(l, loc);
    if (v.kind == V_INT) return build_ints(b, 1, &v.u.i);
    if (v.kind == V_TENSOR)
        return mil_reshape(b, "extent", .x = v.u.tensor,
                           .shape = build_ints(b, 1, (int64_t[]){ 1 }));
    const int64_t at = v.u.extent->axis, one = 1;
    Value *all = mil_shape(b, "extents", .x = v.u.extent->of);
    Value *begin = build_ints(b, 1, &at), *size = build_ints(b, 1, &one);
    return mil_slice_by_size(b, "extent", .x = all, .begin = begin, .size = size);
}

Val extent_tensor(Lower *l, Val v, Loc loc)
{
    const int64_t axis = 0;
    Value *one = extent_vector(l, v, loc), *axes = build_ints(&l->b, 1, &axis);
    return val_tensor(mil_squeeze(&l->b, "extent", .x = one, .axes = axes));
}

static Val extent_joined(Lower *l, const List *list, Loc loc)
{
    Value **part = NEW_ARRAY(&l->arena, list->n, Value *);
    for (int64_t i = 0; i < list->n; i++) part[i] = extent_vector(l, list->at[i], loc);
    Value *axis = build_int(&l->b, 0), *turns = build_bool(&l->b, false);
    return val_tensor(mil_concat(&l->b, "extents",
                                 .values = &(Values){ (int)list->n, part }, .axis = axis,
                                 .interleave = turns));
}

/* How many of its elements a run knows; -1: there is something else than ints beside them. */
static int64_t extent_count(const List *list)
{
    int64_t n = 0;
    for (int64_t i = 0; i < list->n; i++) {
        const bool run = extent_is_run(list->at[i]);
        if (!run && list->at[i].kind != V_INT) return -1;
        n += run;
    }
    return n;
}

/* The one that is not known follows from the others, where each of these is a number. */
static Val extent_rest(Lower *l, const List *list)
{
    Val v = val_list(l, list->n);
    for (int64_t i = 0; i < list->n; i++) {
        const Val x = list->at[i];
        if (x.kind == V_INT && x.u.i < 1) return (Val){ .kind = V_NONE };
        v.u.list->at[i] = x.kind == V_INT ? x : val_int(-1);
    }
    return v;
}

Val extent_argument(Lower *l, Val v, bool shape, Loc loc)
{
    if (v.kind == V_EXTENT) return extent_tensor(l, v, loc);
    if (v.kind != V_LIST || v.u.list->n > MAX_RANK) return v;
    const int64_t n = extent_count(v.u.list);
    if (n < 1) return v;
    const Val rest = shape && n == 1 ? extent_rest(l, v.u.list) : (Val){ .kind = V_NONE };
    return rest.kind == V_LIST ? rest : extent_joined(l, v.u.list, loc);
}

/* ---- operators --------------------------------------------------------------------------- */

static bool extent_compares(int token)
{
    return token == TK_EQ || token == TK_NE || token == TK_LT || token == TK_LE
        || token == TK_GT || token == TK_GE;
}

static Val extent_compare(int token, Val a, Val b)
{
    if (!extent_same(a, b)) return (Val){ .kind = V_MAYBE };
    return val_bool(token == TK_EQ || token == TK_LE || token == TK_GE);
}

/* What stands beside an extent: a tensor of floats wants it as such. */
static Val extent_operand(Lower *l, Val v, Val other, Loc loc)
{
    if (v.kind != V_EXTENT) return v;
    v = extent_tensor(l, v, loc);
    if (!val_is_tensor(other) || !dtype_is_float(val_dtype(other))) return v;
    Value *type = build_string(&l->b, dtypes[val_dtype(other)].name);
    return val_tensor(mil_cast(&l->b, "extent", .x = v.u.tensor, .dtype = type));
}

bool extent_operator(Lower *l, const Node *n, Val *a, Val *b, Val *out)
{
    const bool number = val_is_number(*a) || val_is_number(*b);
    if (a->kind != V_EXTENT && b->kind != V_EXTENT) return false;
    if (a->kind == V_STRING || b->kind == V_STRING) return false;
    if (a->kind == V_LIST || b->kind == V_LIST) return false;
    if (extent_compares(n->op) && (number || a->kind == b->kind)) {
        *out = extent_compare(n->op, *a, *b);
        return true;
    }
    const Val first = extent_operand(l, *a, *b, n->loc);
    *b = extent_operand(l, *b, *a, n->loc);
    *a = first;
    return false;
}

/* `and`, `or` of truths of which one is not known yet. */
Val extent_logic(int token, Val a, Val b)
{
    const Val known = a.kind == V_BOOL ? a : b;
    const bool decides = known.kind == V_BOOL && known.u.b == (token == TK_OR);
    return decides ? known : (Val){ .kind = V_MAYBE };
}
