/* lower_dim.c -- dimensions that are known only when the model runs: elements of x.shape
 * for an axis of variable size, arithmetic with them, and lists that have some. */
#include "lower.h"
#include "grammar.h"

#include "../ir/ops/ops.h"

#include <string.h>

Val dim_value(Lower *l, Val of, int axis)
{
    const Shape *s = val_shape(of);
    if (s->dim[axis] != DIM_ANY) return val_int(s->dim[axis]);
    RunDim *e = NEW(&l->arena, RunDim);
    *e = (RunDim){ .of = of.u.tensor, .axis = axis };
    return (Val){ .kind = V_DIM, .u.dim = e };
}

bool dim_same(Val a, Val b)
{
    return a.kind == V_DIM && b.kind == V_DIM && a.u.dim->of == b.u.dim->of
        && a.u.dim->axis == b.u.dim->axis;
}

/* An int32 tensor without axes. */
static bool dim_is_number(Val v)
{
    return v.kind == V_TENSOR && v.u.tensor->type->dtype == DT_INT32
        && !v.u.tensor->type->shape.rank;
}

bool dim_is_run(Val v) { return v.kind == V_DIM || dim_is_number(v); }

/* ---- as ops ------------------------------------------------------------------------------ */

/* A vector of one number. */
static Value *dim_vector(Lower *l, Val v, Loc loc)
{
    Builder *b = &l->b;
    b->loc = lower_blame(l, loc);
    if (v.kind == V_INT) return build_ints(b, 1, &v.u.i);
    if (v.kind == V_TENSOR)
        return mil_reshape(b, "dim", .x = v.u.tensor,
                           .shape = build_ints(b, 1, (int64_t[]){ 1 }));
    const int64_t at = v.u.dim->axis, one = 1;
    Value *all = mil_shape(b, "dims", .x = v.u.dim->of);
    Value *begin = build_ints(b, 1, &at), *size = build_ints(b, 1, &one);
    return mil_slice_by_size(b, "dim", .x = all, .begin = begin, .size = size);
}

Val dim_tensor(Lower *l, Val v, Loc loc)
{
    const int64_t axis = 0;
    Value *one = dim_vector(l, v, loc), *axes = build_ints(&l->b, 1, &axis);
    return val_tensor(mil_squeeze(&l->b, "dim", .x = one, .axes = axes));
}

static Val dim_joined(Lower *l, const List *list, Loc loc)
{
    Value **part = NEW_ARRAY(&l->arena, list->n, Value *);
    for (int64_t i = 0; i < list->n; i++) part[i] = dim_vector(l, list->at[i], loc);
    Value *axis = build_int(&l->b, 0), *turns = build_bool(&l->b, false);
    return val_tensor(mil_concat(&l->b, "dims", .values = &(Values){ (int)list->n, part },
                                 .axis = axis, .interleave = turns));
}

/* How many of its elements a run knows; -1: there is something else than ints beside them. */
static int64_t dim_count(const List *list)
{
    int64_t n = 0;
    for (int64_t i = 0; i < list->n; i++) {
        const bool run = dim_is_run(list->at[i]);
        if (!run && list->at[i].kind != V_INT) return -1;
        n += run;
    }
    return n;
}

/* The one that is not known follows from the others, where each of these is a number. */
static Val dim_rest(Lower *l, const List *list)
{
    Val v = val_list(l, list->n);
    for (int64_t i = 0; i < list->n; i++) {
        const Val x = list->at[i];
        if (x.kind == V_INT && x.u.i < 1) return (Val){ .kind = V_NONE };
        v.u.list->at[i] = x.kind == V_INT ? x : val_int(-1);
    }
    return v;
}

Val dim_argument(Lower *l, Val v, bool shape, Loc loc)
{
    if (v.kind == V_DIM) return dim_tensor(l, v, loc);
    if (v.kind != V_LIST || v.u.list->n > MAX_RANK) return v;
    const int64_t n = dim_count(v.u.list);
    if (n < 1) return v;
    const Val rest = shape && n == 1 ? dim_rest(l, v.u.list) : (Val){ .kind = V_NONE };
    return rest.kind == V_LIST ? rest : dim_joined(l, v.u.list, loc);
}

/* ---- operators --------------------------------------------------------------------------- */

static bool dim_compares(int token)
{
    return token == TK_EQ || token == TK_NE || token == TK_LT || token == TK_LE
        || token == TK_GT || token == TK_GE;
}

static Val dim_compare(int token, Val a, Val b)
{
    if (!dim_same(a, b)) return (Val){ .kind = V_MAYBE };
    return val_bool(token == TK_EQ || token == TK_LE || token == TK_GE);
}

/* What stands beside a dimension: a tensor of floats wants it as such. */
static Val dim_operand(Lower *l, Val v, Val other, Loc loc)
{
    if (v.kind != V_DIM) return v;
    v = dim_tensor(l, v, loc);
    if (!val_is_tensor(other) || !dtype_is_float(val_dtype(other))) return v;
    Value *type = build_string(&l->b, dtypes[val_dtype(other)].name);
    return val_tensor(mil_cast(&l->b, "dim", .x = v.u.tensor, .dtype = type));
}

bool dim_operator(Lower *l, const Node *n, Val *a, Val *b, Val *out)
{
    const bool number = val_is_number(*a) || val_is_number(*b);
    if (a->kind != V_DIM && b->kind != V_DIM) return false;
    if (a->kind == V_STRING || b->kind == V_STRING) return false;
    if (a->kind == V_LIST || b->kind == V_LIST) return false;
    if (dim_compares(n->op) && (number || a->kind == b->kind)) {
        *out = dim_compare(n->op, *a, *b);
        return true;
    }
    const Val first = dim_operand(l, *a, *b, n->loc);
    *b = dim_operand(l, *b, *a, n->loc);
    *a = first;
    return false;
}

/* `and`, `or` of truths of which one is not known yet. */
Val dim_logic(int token, Val a, Val b)
{
    const Val known = a.kind == V_BOOL ? a : b;
    const bool decides = known.kind == V_BOOL && known.u.b == (token == TK_OR);
    return decides ? known : (Val){ .kind = V_MAYBE };
}
