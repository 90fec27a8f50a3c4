/* lower_index.c -- indexing and slicing of lists, which is done at once, and of tensors, by
 * ops. */
#include "lower.h"

#include <string.h>

/* ---- lists and strings ------------------------------------------------------------------- */

static bool list_bound(Lower *l, const Node *n, int64_t size, int64_t otherwise,
                       int64_t *out)
{
    *out = otherwise;
    if (!n) return true;
    if (!eval_int(l, n, out)) return false;
    if (*out < 0) *out += size;
    if (*out >= 0 && *out <= size) return true;
    return lower_error(l, n->loc, "the bound is outside a list of %lld elements",
                       (long long)size);
}

static Val index_list(Lower *l, const Node *n, List *list)
{
    const Node *p = n->b;
    int64_t from = 0, to = 0, at = 0;
    if (p->next || p->kind == N_REST) {
        lower_error(l, n->loc, "a list has one index; rows of rows are x[i][j]");
        return val_poison();
    }
    if (p->kind != N_SLICE) {
        if (!eval_int(l, p, &at)) return val_poison();
        if (at >= -list->n && at < list->n) return list->at[at < 0 ? at + list->n : at];
        lower_error(l, p->loc, "index %lld is outside a list of %lld elements",
                    (long long)at, (long long)list->n);
        return val_poison();
    }
    if (p->c) {
        lower_error(l, p->c->loc, "a slice of a list has no step");
        return val_poison();
    }
    if (!list_bound(l, p->a, list->n, 0, &from)
        || !list_bound(l, p->b, list->n, list->n, &to))
        return val_poison();
    return list_slice(l, list, from, to > from ? to - from : 0);
}

/* ---- tensors ----------------------------------------------------------------------------- */

typedef struct {
    Lower *l;
    const Shape *shape;
    int64_t begin[MAX_RANK], end[MAX_RANK], step[MAX_RANK];
    bool squeeze[MAX_RANK];
    bool any, strided, squeezed; /* something is cut, has a step, loses its axis */
    bool loose;                  /* a bound or a dimension is known when the model runs */
    bool from_first[MAX_RANK], to_last[MAX_RANK];
    Val run[2][MAX_RANK]; /* bounds of that kind, else NONE: where it begins and ends */
    int gather_axis;      /* -1: no index is a tensor */
    Val indices;
    Loc indices_loc;
} IndexCut;

static bool axis_error(IndexCut *c, Loc loc, int64_t at, int axis)
{
    return lower_error(c->l, loc, "index %lld is outside axis %d of a tensor %s",
                       (long long)at, axis, shape_text(&c->l->arena, c->shape));
}

/* end: whether it is where the slice ends. */
static bool cut_bound(IndexCut *c, const Node *n, int axis, bool end, int64_t *out)
{
    int64_t size = c->shape->dim[axis];
    *out = end ? size : 0;
    if (!n) return true;
    const Val v = eval(c->l, n, NULL);
    if (dim_is_run(v)) {
        c->run[end][axis] = v;
        c->loose = true;
        return true;
    }
    if (v.kind != V_INT && v.kind != V_POISON)
        lower_error(c->l, n->loc, "an int is needed here, not %s", val_kind(c->l, v));
    if (v.kind != V_INT) return false;
    *out = v.u.i;
    if (size == DIM_ANY) return true;
    int64_t at = *out < 0 ? *out + size : *out;
    if (at < 0 || at > size) return axis_error(c, n->loc, *out, axis);
    *out = at;
    return true;
}

static bool cut_slice(IndexCut *c, const Node *p, int axis)
{
    int64_t size = c->shape->dim[axis], step = 1;
    if (p->c && !eval_int(c->l, p->c, &step)) return false;
    if (step < 1)
        return lower_error(
            c->l, p->c->loc,
            "a step must be 1 or more; reverse(x, [%d]) turns an axis round", axis);
    if (!cut_bound(c, p->a, axis, false, &c->begin[axis])
        || !cut_bound(c, p->b, axis, true, &c->end[axis]))
        return false;
    c->from_first[axis] = !p->a;
    c->to_last[axis] = !p->b;
    const bool run = c->run[0][axis].kind != V_NONE || c->run[1][axis].kind != V_NONE;
    if (!run && size != DIM_ANY && c->begin[axis] >= c->end[axis])
        return lower_error(c->l, p->loc,
                           "the slice %lld:%lld of axis %d, of a tensor %s, is empty",
                           (long long)c->begin[axis], (long long)c->end[axis], axis,
                           shape_text(&c->l->arena, c->shape));
    c->step[axis] = step;
    if (step > 1) c->strided = true;
    if (c->begin[axis] || c->end[axis] != size) c->any = true;
    return true;
}

static bool cut_index(IndexCut *c, const Node *p, int axis)
{
    int64_t size = c->shape->dim[axis];
    Val v = eval(c->l, p, NULL);
    if (v.kind == V_POISON) return false;
    if (val_is_tensor(v)) {
        if (v.kind == V_TENSOR && v.u.tensor->type->dtype == DT_BOOL)
            return lower_error(
                c->l, p->loc,
                "a mask is no index, since how many it picks is not known; "
                "select(mask, a, b) takes a where it holds, else b");
        if (c->gather_axis >= 0)
            return lower_error(c->l, p->loc, "one index at most may be a tensor");
        c->gather_axis = axis;
        c->indices = v;
        c->indices_loc = p->loc;
        return true;
    }
    if (v.kind != V_INT)
        return lower_error(
            c->l, p->loc, "an index is an int, not %s%s", val_kind(c->l, v),
            v.kind == V_LIST   ? "; gather(x, [..], axis = ..) picks several"
            : v.kind == V_NONE ? "; expand_dims(x, axes = [..]) adds axes of 1"
                               : "");
    const bool open = size == DIM_ANY;
    int64_t at = v.u.i < 0 && !open ? v.u.i + size : v.u.i;
    if (!open && (at < 0 || at >= size)) return axis_error(c, p->loc, v.u.i, axis);
    c->begin[axis] = at;
    c->end[axis] = at + 1;
    c->from_first[axis] = c->to_last[axis] = false;
    c->squeeze[axis] = c->any = c->squeezed = true;
    return true;
}

static bool read_positions(IndexCut *c, const Node *n)
{
    int axis = 0, rest = 0;
    for (const Node *p = n->b; p; p = p->next) rest += p->kind != N_REST;
    const bool once = rest < c->shape->rank;
    rest = once ? c->shape->rank - rest : 0; /* axes that `...` stands for */
    for (const Node *p = n->b; p; p = p->next, axis++) {
        if (p->kind == N_REST) {
            axis += rest - 1;
            for (const Node *q = p->next; q; q = q->next)
                if (q->kind == N_REST)
                    return lower_error(c->l, q->loc,
                                       "`...` stands for the axes between once");
            continue;
        }
        if (axis >= c->shape->rank)
            return lower_error(c->l, p->loc,
                               "there are more indices than axes: the tensor is %s",
                               shape_text(&c->l->arena, c->shape));
        if (p->kind == N_SLICE ? !cut_slice(c, p, axis) : !cut_index(c, p, axis))
            return false;
    }
    return true;
}

static Val int_list(Lower *l, int n, const int64_t *v)
{
    Val list = val_list(l, n);
    for (int i = 0; i < n; i++) list.u.list->at[i] = val_int(v[i]);
    return list;
}

/* slice_by_size where it says all that is meant: it is what engines take most readily. */
static Val emit_slice(IndexCut *c, Loc loc, const char *hint, Val x)
{
    Lower *l = c->l;
    int rank = c->shape->rank;
    if (!c->strided) {
        int64_t size[MAX_RANK];
        for (int i = 0; i < rank; i++) size[i] = c->end[i] - c->begin[i];
        NamedVal arg[] = { given(P_x, x, loc),
                           given(P_begin, int_list(l, rank, c->begin), loc),
                           given(P_size, int_list(l, rank, size), loc) };
        return emit(l, loc, hint, OP_slice_by_size, arg, 3);
    }
    NamedVal arg[] = { given(P_x, x, loc),
                       given(P_begin, int_list(l, rank, c->begin), loc),
                       given(P_end, int_list(l, rank, c->end), loc),
                       given(P_stride, int_list(l, rank, c->step), loc) };
    return emit(l, loc, hint, OP_slice_by_index, arg, 4);
}

static Val bool_list(Lower *l, int n, const bool *v)
{
    Val list = val_list(l, n);
    for (int i = 0; i < n; i++) list.u.list->at[i] = val_bool(v[i]);
    return list;
}

/* Ends that the model's run knows: masks stand for those of the tensor. */
static Val emit_loose(IndexCut *c, Loc loc, const char *hint, Val x)
{
    Lower *l = c->l;
    const int rank = c->shape->rank;
    Val bound[2] = { int_list(l, rank, c->begin), int_list(l, rank, c->end) };
    for (int i = 0; i < rank; i++)
        for (int end = 0; end < 2; end++)
            if (c->run[end][i].kind != V_NONE) bound[end].u.list->at[i] = c->run[end][i];
    NamedVal arg[] = { given(P_x, x, loc),
                       given(P_begin, bound[0], loc),
                       given(P_end, bound[1], loc),
                       given(P_stride, int_list(l, rank, c->step), loc),
                       given(P_begin_mask, bool_list(l, rank, c->from_first), loc),
                       given(P_end_mask, bool_list(l, rank, c->to_last), loc),
                       given(P_squeeze_mask, bool_list(l, rank, c->squeeze), loc) };
    c->squeezed = false;
    return emit(l, loc, hint, OP_slice_by_index, arg, COUNT(arg));
}

static Val emit_squeeze(IndexCut *c, Loc loc, const char *hint, Val x)
{
    int64_t axes[MAX_RANK];
    int n = 0;
    for (int i = 0; i < c->shape->rank; i++)
        if (c->squeeze[i]) axes[n++] = i;
    NamedVal arg[] = { given(P_x, x, loc), given(P_axes, int_list(c->l, n, axes), loc) };
    return emit(c->l, loc, hint, OP_squeeze, arg, 2);
}

static Val cut_tensor(IndexCut *c, const Node *n, const char *hint, Val x)
{
    if (c->loose && c->gather_axis >= 0) {
        lower_error(
            c->l, n->loc,
            "a tensor that indexes stands alone where dimensions are known when the model runs");
        return val_poison();
    }
    if (c->loose) return emit_loose(c, n->loc, hint, x);
    if (c->any || c->strided)
        x = emit_slice(c, n->loc, c->squeezed || c->gather_axis >= 0 ? NULL : hint, x);
    if (c->gather_axis >= 0 && x.kind != V_POISON) {
        NamedVal arg[] = { given(P_x, x, n->loc),
                           given(P_indices, c->indices, c->indices_loc),
                           given(P_axis, val_int(c->gather_axis), n->loc) };
        if (c->squeezed) {
            lower_error(
                c->l, n->loc,
                "an int and a tensor cannot index together; use [i:i+1] for the int");
            return val_poison();
        }
        x = emit(c->l, n->loc, hint, OP_gather, arg, 3);
    }
    return c->squeezed && x.kind != V_POISON ? emit_squeeze(c, n->loc, hint, x) : x;
}

Val eval_index(Lower *l, const Node *n, const char *hint)
{
    Val x = eval(l, n->a, NULL);
    if (x.kind == V_POISON) return x;
    if (x.kind == V_LIST) return index_list(l, n, x.u.list);
    if (!val_is_tensor(x)) {
        lower_error(l, n->loc, "%s cannot be indexed", val_kind(l, x));
        return val_poison();
    }
    IndexCut c = { .l = l, .shape = val_shape(x), .gather_axis = -1 };
    for (int i = 0; i < c.shape->rank; i++) {
        c.end[i] = c.shape->dim[i];
        c.step[i] = 1;
        c.from_first[i] = c.to_last[i] = true;
    }
    if (!read_positions(&c, n)) return val_poison();
    if (!shape_known(c.shape) && (c.any || c.strided)) c.loose = true;
    return cut_tensor(&c, n, hint, x);
}
