/* legal_slice.c -- slices that do not begin at index 0 of the last axis, where an engine
 * multiplies the elements that it should move, or takes a wrong column in front of products.
 * They are taken along the second last axis, between two transposes. cse shares the first
 * one among the slices of a value, and `transpose` merges the second into what follows. */
#include "legal.h"

typedef struct {
    int64_t begin[MAX_RANK * 2], end[MAX_RANK * 2], stride[MAX_RANK * 2];
    int64_t from_start[MAX_RANK * 2], to_end[MAX_RANK * 2], squeezed[MAX_RANK * 2];
} Bounds;

/* An argument of n numbers, `other` each when it is absent. */
static bool slice_numbers(const Op *op, ParamId arg, int n, int64_t other, int64_t *out)
{
    const Value *v = op_value(op, arg);
    for (int i = 0; !v && i < n; i++) out[i] = other;
    return !v || value_ints(v, out) == n;
}

static void swap_last(int64_t *v, int n)
{
    const int64_t t = v[n - 1];
    v[n - 1] = v[n - 2];
    v[n - 2] = t;
}

/* An axis that is dropped keeps its one element here; the reshape behind drops it. */
static void keep_squeezed(Bounds *s, int n)
{
    for (int i = 0; i < n; i++) {
        if (!s->squeezed[i]) continue;
        if (s->from_start[i]) s->begin[i] = 0;
        s->from_start[i] = 0;
        s->end[i] = s->begin[i] + 1;
        s->to_end[i] = s->begin[i] == -1;
        s->stride[i] = 1;
    }
}

static Value *build_flags(Builder *b, int n, const int64_t *v)
{
    bool flag[MAX_RANK];
    for (int i = 0; i < n; i++) flag[i] = v[i] != 0;
    return build_const(b, "mask", const_bools(&b->m->arena, n, flag));
}

static Value *build_slice(Builder *b, Value *x, int n, const Bounds *s)
{
    Value *begin = build_ints(b, n, s->begin), *end = build_ints(b, n, s->end);
    Value *stride = build_ints(b, n, s->stride);
    Value *from_start = build_flags(b, n, s->from_start);
    Value *to_end = build_flags(b, n, s->to_end);
    return mil_slice_by_index(b, "slice", .x = x, .begin = begin, .end = end,
                              .stride = stride, .begin_mask = from_start,
                              .end_mask = to_end);
}

static void take_all(Bounds *s, int axis)
{
    s->begin[axis] = s->end[axis] = 0;
    s->stride[axis] = s->from_start[axis] = s->to_end[axis] = 1;
}

/* The axis that becomes the last one must not be sliced inside either: the others go first. */
static Value *slice_others(Builder *b, Value *x, int n, Bounds *s)
{
    Bounds first = *s;
    if (s->from_start[n - 2] || s->begin[n - 2] == 0) return x;
    take_all(&first, n - 1);
    for (int i = 0; i < n - 1; i++) take_all(s, i);
    return build_slice(b, x, n, &first);
}

static Value *slice_index(Builder *b, Op *op, Value *x, int n)
{
    Bounds s;
    if (!slice_numbers(op, P_begin, n, 0, s.begin)
        || !slice_numbers(op, P_end, n, 0, s.end)
        || !slice_numbers(op, P_stride, n, 1, s.stride)
        || !slice_numbers(op, P_begin_mask, n, 0, s.from_start)
        || !slice_numbers(op, P_end_mask, n, 0, s.to_end)
        || !slice_numbers(op, P_squeeze_mask, n, 0, s.squeezed))
        return NULL;
    keep_squeezed(&s, n);
    x = slice_others(b, x, n, &s);
    int64_t *const all[] = { s.begin, s.end, s.stride, s.from_start, s.to_end };
    for (size_t i = 0; i < COUNT(all); i++) swap_last(all[i], n);
    return build_slice(b, make_swap(b, x), n, &s);
}

static Value *slice_size(Builder *b, Op *op, Value *x, int n)
{
    int64_t begin[MAX_RANK * 2], size[MAX_RANK * 2];
    if (!slice_numbers(op, P_begin, n, 0, begin)
        || !slice_numbers(op, P_size, n, 0, size))
        return NULL;
    if (begin[n - 2] != 0) {
        const int64_t at = begin[n - 2] < 0 ? begin[n - 2] + dim_of(x, 1) : begin[n - 2];
        x = make_slice(b, x, n - 2, at,
                       size[n - 2] < 0 ? dim_of(x, 1) - at : size[n - 2]);
        begin[n - 2] = 0;
        size[n - 2] = -1;
    }
    swap_last(begin, n);
    swap_last(size, n);
    x = make_swap(b, x);
    Value *from = build_ints(b, n, begin), *length = build_ints(b, n, size);
    return mil_slice_by_size(b, "slice", .x = x, .begin = from, .size = length);
}

/* op, which begins inside of the last axis, along the second last; NULL: what it takes is not
 * known. */
static Value *slice_moved(Builder *b, Op *op)
{
    Value *x = op_value(op, P_x);
    const Shape *out = shape_of_value(op->out[0]), *in = shape_of_value(x);
    if (!in || !out || in->rank < 2) return NULL;
    Value *y = op->kind == OP_slice_by_index ? slice_index(b, op, x, in->rank)
                                             : slice_size(b, op, x, in->rank);
    return y ? make_shape(b, make_swap(b, y), out) : NULL;
}

/* ---- which slices ------------------------------------------------------------------------ */

static bool slice_takes(Legal *l, Op *op)
{
    Builder b = before_op(op, l->diag);
    Value *with = slice_moved(&b, op);
    if (with) legal_replace(op, with);
    l->changes += with != NULL;
    return true;
}

static Value *slice_op(const Legal *l, Builder *b, Op *op)
{
    return legal_asks(l, RULE_width_slice, op) ? slice_moved(b, op) : NULL;
}

/* Those that a concat joins. */
static bool slice_joined(void *legal, Op *op)
{
    Legal *l = legal;
    const Arg *values = op->kind == OP_concat ? op_find_arg(op, P_values) : NULL;
    if (!values || !legal_asks(l, RULE_width_slices_joined, op)) return true;
    for (int i = 0; i < arg_count(values); i++)
        if (values->val[i]->def && rule_begins_inside(values->val[i]->def))
            slice_takes(l, values->val[i]->def);
    return true;
}

/* Those that products take at different places. */
static void slices_for_products(Legal *l)
{
    Arena scratch = { 0 };
    GuardTask lost;
    Op **at;
    const int n = rule_sliced_for_products(l->func, &scratch, &at);
    func_walk_begin(l->func, &lost);
    for (int i = 0; i < n; i++) slice_takes(l, at[i]);
    func_walk_end(l->func, &lost);
    arena_free(&scratch);
}

int pass_width_slice(Module *m, const PassOptions *o, Diag *d)
{
    Legal l = { .m = m, .options = o, .rules = o->rules, .diag = d };
    const int n = legal_rewrite(m, o, d, slice_op), errors = diag_wrong(d);
    for (l.func = m->first; n >= 0 && l.func; l.func = l.func->next) {
        func_walk(l.func, slice_joined, &l);
        if (legal_asks(&l, RULE_sliced_products, NULL)) slices_for_products(&l);
    }
    return n >= 0 && errors == diag_wrong(d) ? n + l.changes : -1;
}
