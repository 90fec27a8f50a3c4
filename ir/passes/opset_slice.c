/* opset_slice.c -- slice_update for opsets that lack it.
 *
 * Where the slice is known and its strides are 1: the part before, the update and the part
 * behind are concatenated along each axis. Otherwise each element of x looks up whether an
 * element of the update belongs there: a gather along each axis, and a select. */
#include "../ops/move.h"
#include "opset.h"

#include <string.h>

typedef struct {
    Builder *b;
    const Op *op;
    Shape x;
    SliceAxis axis[MAX_RANK];
} Update;

/* ---- joined ------------------------------------------------------------------------------ */

static bool opset_slice_whole(const Update *u, int i)
{
    return u->axis[i].start == 0 && u->axis[i].count == u->x.dim[i];
}

static bool whole_from(const Update *u, int first)
{
    bool all = true;
    for (int i = first; i < u->x.rank; i++) all = all && opset_slice_whole(u, i);
    return all;
}

/* x with the update in it, where both agree along the axes before `axis`. */
static Value *opset_slice_join(const Update *u, Value *x, Value *update, int axis)
{
    const SliceAxis *a = &u->axis[axis];
    Value *part[3];
    int n = 0;
    if (whole_from(u, axis)) return update;
    if (opset_slice_whole(u, axis)) return opset_slice_join(u, x, update, axis + 1);
    const int64_t end = a->start + a->count;
    if (a->start > 0) part[n++] = make_slice(u->b, x, axis, 0, a->start);
    Value *inner = whole_from(u, axis + 1)
                     ? x
                     : make_slice(u->b, x, axis, a->start, a->count);
    part[n++] = opset_slice_join(u, inner, update, axis + 1);
    if (end < u->x.dim[axis])
        part[n++] = make_slice(u->b, x, axis, end, u->x.dim[axis] - end);
    return make_concat(u->b, part, n, axis);
}

/* Whether it is known where the slice begins along an axis, and how long it is there. An axis
 * that squeeze_mask takes away is one long, wherever it begins. */
static bool opset_slice_placed(const Update *u, int i)
{
    int64_t begin[MAX_RANK * 2];
    if (u->axis[i].count == DIM_ANY) return false;
    return !u->axis[i].squeeze
        || value_ints(op_value(u->op, P_begin), begin) == u->x.rank;
}

static bool opset_slice_joins(const Update *u)
{
    for (int i = 0; i < u->x.rank; i++)
        if (!opset_slice_placed(u, i) || (u->axis[i].step != 1 && u->axis[i].count > 1))
            return false;
    return true;
}

/* ---- gathered ---------------------------------------------------------------------------- */

static Value *int_op(Builder *b, int kind, Value *x, int64_t y)
{
    return make_two(b, kind, x, build_int(b, y));
}

/* Where the slice begins along an axis: a constant, or [1]. */
static Value *begin_of(const Update *u, int i)
{
    Builder *b = u->b;
    const int64_t at = i, one = 1;
    if (opset_slice_placed(u, i)) return build_int(b, u->axis[i].start);
    Value *mask = op_value(u->op, P_begin_mask);
    int64_t masks[MAX_RANK * 2];
    if (mask && value_ints(mask, masks) == u->x.rank && masks[i])
        return build_int(b, u->axis[i].step > 0 ? 0 : u->x.dim[i] - 1);
    Value *v = make_cast(b, op_value(u->op, P_begin), DT_INT32);
    Value *begin = build_ints(b, 1, &at), *size = build_ints(b, 1, &one);
    v = mil_slice_by_size(b, "begin", .x = v, .begin = begin, .size = size);
    Value *below = int_op(b, OP_less, v, 0);
    v = make_select(b, below, int_op(b, OP_add, v, u->x.dim[i]), v);
    if (u->axis[i].squeeze) return v; /* one beyond the axis has no result */
    const int64_t low = u->axis[i].step > 0 ? 0 : -1;
    return int_op(b, OP_minimum, int_op(b, OP_maximum, v, low), low + u->x.dim[i]);
}

static Value *opset_slice_places(Builder *b, int64_t n)
{
    Arena *a = &b->m->arena;
    int32_t *v = arena_array(a, (size_t)n, sizeof *v);
    for (int64_t i = 0; i < n; i++) v[i] = (int32_t)i;
    return build_const(b, "places", const_data(a, type_tensor(a, DT_INT32, SHAPE(n)), v));
}

/* The update with an entry for each place of x along the axis; *in: where it belongs. */
static Value *opset_slice_spread(const Update *u, Value *update, int i, Value **in)
{
    Builder *b = u->b;
    const int64_t n = update->type->shape.dim[i], step = u->axis[i].step,
                  by = step < 0 ? -step : step;
    Value *at = opset_slice_places(b, u->x.dim[i]), *begin = begin_of(u, i);
    Value *way = step > 0 ? make_two(b, OP_sub, at, begin)
                          : make_two(b, OP_sub, begin, at);
    Value *entry = int_op(b, OP_floor_div, way, by);
    Value *hit = make_two(b, OP_equal, int_op(b, OP_mul, entry, by), way);
    hit = make_two(b, OP_logical_and, hit, int_op(b, OP_greater_equal, entry, 0));
    hit = make_two(b, OP_logical_and, hit, int_op(b, OP_less, entry, n));
    entry = int_op(b, OP_minimum, int_op(b, OP_maximum, entry, 0), n - 1);
    Shape s = { .rank = u->x.rank };
    for (int k = 0; k < s.rank; k++) s.dim[k] = k == i ? u->x.dim[i] : 1;
    hit = make_shape(b, hit, &s);
    *in = *in ? make_two(b, OP_logical_and, *in, hit) : hit;
    return mil_gather(b, "entry", .x = update, .indices = entry, .axis = build_int(b, i));
}

static Value *opset_slice_gathered(const Update *u, Value *x, Value *update)
{
    Value *in = NULL;
    const bool flags = x->type->dtype == DT_BOOL;
    if (whole_from(u, 0)) return update; /* axes of one, wherever the slice begins */
    if (flags)
        update = make_cast(u->b, update, DT_INT32), x = make_cast(u->b, x, DT_INT32);
    for (int i = 0; i < u->x.rank; i++)
        if (!opset_slice_whole(u, i)) update = opset_slice_spread(u, update, i, &in);
    Value *v = make_select(u->b, in, update, x);
    return flags ? make_cast(u->b, v, DT_BOOL) : v;
}

/* ---- the op ----------------------------------------------------------------------- */

/* The update with the axes that squeeze_mask took away. */
static Value *all_axes(const Update *u, Value *update)
{
    Shape s = { .rank = u->x.rank };
    const Shape *given = shape_of_value(update);
    if (!given) return NULL;
    for (int i = 0, k = 0; i < s.rank; i++) {
        if (!u->axis[i].squeeze && k >= given->rank) return NULL;
        s.dim[i] = u->axis[i].squeeze ? 1 : given->dim[k++];
    }
    return make_shape(u->b, update, &s);
}

static bool opset_slice_plan(Update *u)
{
    Arena scratch = { 0 };
    Call *c = NEW(&scratch, Call);
    const bool ok = call_of_op(c, u->op, &scratch, u->b->diag)
                 && slice_plan(c, &u->x, u->axis);
    arena_free(&scratch);
    return ok;
}

bool form_slice_update(Level *l, Builder *b, Op *op, Value **out)
{
    Value *x = op_value(op, P_x), *update = op_value(op, P_update);
    const Shape *s = shape_of_value(x);
    Update u = { .b = b, .op = op };
    (void)l;
    if (!s || !s->rank) return false;
    u.x = *s;
    if (!opset_slice_plan(&u) || !(update = all_axes(&u, update))) return false;
    size_t n;
    Value *v = NULL;
    const bool nothing = shape_count(&update->type->shape, &n) && n == 0;
    if (!nothing)
        v = opset_slice_joins(&u) ? opset_slice_join(&u, x, update, 0)
                                  : opset_slice_gathered(&u, x, update);
    if (nothing || v == update) v = mil_identity(b, "same", .x = nothing ? x : v);
    *out = v;
    return true;
}
