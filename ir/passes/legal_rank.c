/* legal_rank.c -- ops on tensors of too many axes: axes that the op treats alike are merged
 * by a reshape in front and split by one behind, which algebra merges with those of its
 * neighbours. */
#include "legal_shape.h"

/* Axis i of a shape of `rank` axes is part of axis of[i] of `n`. */
typedef struct {
    int rank, n, of[MAX_RANK];
} Merge;

/* Whether axes i < k, with nothing but axes of 1 between, may be one. */
typedef bool Alike(const void *ctx, int i, int k);

/* Axes of 1 go with what stands in front of them, unless `alone` says that they count. */
static Merge merge_axes(const Shape *s, const bool *alone, Alike *alike, const void *ctx)
{
    Merge m = { .rank = s->rank };
    int last = -1; /* the last axis that counts in the group at work */
    for (int i = 0; i < s->rank; i++) {
        const bool counts = s->dim[i] != 1 || (alone && alone[i]);
        if (m.n == 0 || (counts && last >= 0 && !alike(ctx, last, i))) {
            m.n++;
            last = -1;
        }
        if (counts) last = i;
        m.of[i] = m.n - 1;
    }
    return m;
}

/* s, which broadcasts with the shape that was merged: axes that it lacks are 1. */
static Shape rank_merged(const void *ctx, const Shape *s)
{
    const Merge *m = ctx;
    Shape r = { .rank = m->n };
    for (int i = 0; i < m->n; i++) r.dim[i] = 1;
    for (int i = 0; i < s->rank; i++) r.dim[m->of[i + m->rank - s->rank]] *= s->dim[i];
    return r;
}

static bool rank_fits(const Legal *l, int rank) { return rule_rank_fits(l->rules, rank); }

/* ---- elementwise ------------------------------------------------------------------------- */

/* Whether v is repeated along an axis of the result. */
static bool rank_repeats(const Value *v, const Shape *out, int axis)
{
    const Shape *s = shape_of_value(v);
    const int at = s ? axis - (out->rank - s->rank) : -1;
    return at < 0 || (s->dim[at] == 1 && out->dim[axis] != 1);
}

static bool alike_for_arguments(const void *ctx, int i, int k)
{
    const Op *op = ctx;
    const Shape *out = &op->out[0]->type->shape;
    for (int a = 0; a < op->narg; a++)
        for (int j = 0; j < arg_count(&op->arg[a]); j++)
            if (rank_repeats(op->arg[a].val[j], out, i)
                != rank_repeats(op->arg[a].val[j], out, k))
                return false;
    return true;
}

static Value *rank_elementwise(const Legal *l, Builder *b, Op *op)
{
    const Shape *out = shape_of_value(op->out[0]);
    for (int i = 0; i < op->narg; i++)
        if (arg_count(&op->arg[i]) != 1) return NULL;
    const Merge m = merge_axes(out, NULL, alike_for_arguments, op);
    return rank_fits(l, m.n) ? make_relaid(b, op, rank_merged, &m) : NULL;
}

/* ---- what tells axes apart --------------------------------------------------------------- */

static bool alike_by_flag(const void *ctx, int i, int k)
{
    const bool *flag = ctx;
    return flag[i] == flag[k];
}

static bool alike_untouched(const void *ctx, int i, int k)
{
    const bool *touched = ctx;
    return !touched[i] && !touched[k];
}

static Value *rank_reduction(const Legal *l, Builder *b, Op *op, Value *x, const Shape *s)
{
    bool reduced[MAX_RANK];
    int64_t axes[MAX_RANK];
    int n = 0;
    if (!reduced_axes(op, s->rank, reduced)) return NULL;
    const Merge m = merge_axes(s, reduced, alike_by_flag, reduced);
    for (int i = 0; i < s->rank; i++)
        if (reduced[i] && (!n || axes[n - 1] != m.of[i])) axes[n++] = m.of[i];
    /* an axis of 1 that is kept in front of the first group is of it, which changes nothing */
    const Shape to = rank_merged(&m, s);
    return n && rank_fits(l, m.n) ? make_reduced(b, op, make_shape(b, x, &to), n, axes)
                                  : NULL;
}

static Value *rank_axis(const Legal *l, Builder *b, Op *op, Value *x, const Shape *s)
{
    bool touched[MAX_RANK] = { false };
    const int axis = axis_of(op, P_axis, -1, s->rank);
    if (axis < 0) return NULL;
    touched[axis] = true;
    const Merge m = merge_axes(s, touched, alike_untouched, touched);
    const Shape to = rank_merged(&m, s);
    Value *at = build_int(b, m.of[axis]);
    if (!rank_fits(l, m.n)) return NULL;
    Value *y = build_of(b, op_name(op), op->kind, P_x, make_shape(b, x, &to), P_axis, at,
                        P_NONE);
    return make_shape(b, y, &op->out[0]->type->shape);
}

static Value *rank_concat(const Legal *l, Builder *b, Op *op)
{
    bool touched[MAX_RANK] = { false };
    const Arg *values = op_find_arg(op, P_values);
    const Shape *out = shape_of_value(op->out[0]);
    const int axis = axis_of(op, P_axis, 0, out->rank);
    if (!values || axis < 0 || flag_of(op, P_interleave)) return NULL;
    for (int i = 0; i < arg_count(values); i++)
        if (!shape_of_value(values->val[i])) return NULL;
    touched[axis] = true;
    const Merge m = merge_axes(out, touched, alike_untouched, touched);
    if (!rank_fits(l, m.n)) return NULL;
    Value **part = arena_alloc(&l->m->arena, (size_t)arg_count(values) * sizeof(Value *));
    for (int i = 0; i < arg_count(values); i++) {
        const Shape to = rank_merged(&m, &values->val[i]->type->shape);
        part[i] = make_relabel(b, values->val[i], &to);
    }
    return make_shape(b, make_concat(b, part, arg_count(values), m.of[axis]), out);
}

/* ---- transposition ----------------------------------------------------------------------- */

/* ctx: where each axis of x goes, counted without axes of 1. */
static bool alike_neighbours(const void *ctx, int i, int k)
{
    const int *place = ctx;
    return place[k] == place[i] + 1;
}

static Value *rank_transpose(const Legal *l, Builder *b, Op *op, Value *x, const Shape *s)
{
    int64_t perm[MAX_RANK * 2], to_perm[MAX_RANK];
    int place[MAX_RANK] = { 0 }, n = 0;
    if (value_ints(op_value(op, P_perm), perm) != s->rank) return NULL;
    for (int i = 0; i < s->rank; i++) {
        if (perm[i] < 0) perm[i] += s->rank;
        if (s->dim[perm[i]] != 1) place[perm[i]] = n++;
    }
    const Merge m = merge_axes(s, NULL, alike_neighbours, place);
    if (!rank_fits(l, m.n) || !n) return NULL;
    bool seen[MAX_RANK] = { false };
    n = 0;
    for (int i = 0; i < s->rank; i++) {
        const int group = m.of[perm[i]];
        if (s->dim[perm[i]] == 1 || seen[group]) continue;
        seen[group] = true;
        to_perm[n++] = group;
    }
    const Shape to = rank_merged(&m, s);
    if (n != m.n) return NULL; /* a group of axes of 1 alone */
    return make_shape(b, make_transpose(b, make_shape(b, x, &to), to_perm),
                      &op->out[0]->type->shape);
}

/* ---- slices ------------------------------------------------------------------------------ */

typedef struct {
    int64_t begin[MAX_RANK * 2], stride[MAX_RANK * 2], count[MAX_RANK];
} Cut;

/* `other` each where the argument is absent. */
static bool ints_or(const Op *op, ParamId arg, int n, int64_t other, int64_t *out)
{
    for (int i = 0; i < n; i++) out[i] = other;
    return !op_value(op, arg) || value_ints(op_value(op, arg), out) == n;
}

/* What a slice takes, as many elements of each axis from begin on; false: backwards or not
 * known. */
static bool cut_of(const Op *op, const Shape *s, const Shape *out, Cut *c)
{
    int64_t masked[MAX_RANK * 2], dropped[MAX_RANK * 2];
    int at = 0;
    if (!ints_or(op, P_begin, s->rank, 0, c->begin)) return false;
    if (!ints_or(op, P_stride, s->rank, 1, c->stride)) return false;
    if (!ints_or(op, P_begin_mask, s->rank, 0, masked)) return false;
    if (!ints_or(op, P_squeeze_mask, s->rank, 0, dropped)) return false;
    for (int i = 0; i < s->rank; i++) {
        if (c->begin[i] < 0) c->begin[i] += s->dim[i];
        if (masked[i]) c->begin[i] = 0;
        if (dropped[i]) c->stride[i] = 1;
        c->count[i] = dropped[i] ? 1 : at < out->rank ? out->dim[at++] : 0;
        const int64_t last = c->begin[i] + (c->count[i] - 1) * c->stride[i];
        if (c->stride[i] < 1 || c->begin[i] < 0 || c->count[i] < 1 || last >= s->dim[i])
            return false;
    }
    return at == out->rank;
}

static Value *rank_slice(const Legal *l, Builder *b, Op *op, Value *x, const Shape *s)
{
    Cut c;
    bool touched[MAX_RANK];
    int64_t begin[MAX_RANK] = { 0 }, end[MAX_RANK], stride[MAX_RANK];
    const Shape *out = shape_of_value(op->out[0]);
    if (!out || !cut_of(op, s, out, &c)) return NULL;
    for (int i = 0; i < s->rank; i++) touched[i] = c.count[i] != s->dim[i];
    const Merge m = merge_axes(s, touched, alike_untouched, touched);
    const Shape to = rank_merged(&m, s);
    if (!rank_fits(l, m.n)) return NULL;
    for (int i = 0; i < m.n; i++) {
        end[i] = to.dim[i];
        stride[i] = 1;
    }
    for (int i = 0; i < s->rank; i++) {
        if (!touched[i]) continue;
        begin[m.of[i]] = c.begin[i];
        stride[m.of[i]] = c.stride[i];
        end[m.of[i]] = c.begin[i] + (c.count[i] - 1) * c.stride[i] + 1;
    }
    Value *y = make_strided(b, make_shape(b, x, &to), begin, end, stride);
    return make_shape(b, y, out);
}

/* ---- products ---------------------------------------------------------------------------- */

/* [batch.., m, k] with its batch axes as one: of 1 element when all are, else as many as the
 * result has, repeated where that is more. NULL: repeating a literal would make it large. */
static Value *one_batch(Builder *b, Value *v, const Shape *out)
{
    const Shape *s = &v->type->shape;
    const int lacks = out->rank - s->rank;
    int64_t all = 1, own = 1, reps[MAX_RANK];
    for (int i = 0; i < out->rank - 2; i++) {
        const int64_t n = i < lacks ? 1 : s->dim[i - lacks];
        all *= out->dim[i];
        own *= n;
        reps[i] = n ? out->dim[i] / n : 1; /* of none there is none */
    }
    Shape to = SHAPE(own, s->dim[s->rank - 2], s->dim[s->rank - 1]);
    if (s->rank == 2) return v;
    if (own == 1 && value_lit(v)) { /* as literals are best: [n, k] */
        const Shape flat = SHAPE(to.dim[1], to.dim[2]);
        return make_relabel(b, v, &flat);
    }
    if (own == 1 || own == all) return make_relabel(b, v, &to);
    reps[out->rank - 2] = reps[out->rank - 1] = 1;
    Shape full = { .rank = out->rank };
    for (int i = 0; i < out->rank; i++) full.dim[i] = i < lacks ? 1 : s->dim[i - lacks];
    v = make_shape(b, v, &full);
    Value *y = mil_tile(b, "tile", .x = v, .reps = build_ints(b, out->rank, reps));
    to.dim[0] = all;
    return make_shape(b, y, &to);
}

static Value *rank_matmul(const Legal *l, Builder *b, Op *op)
{
    Value *x = op_value(op, P_x), *y = op_value(op, P_y);
    const Shape *sx = shape_of_value(x), *sy = shape_of_value(y),
                *out = shape_of_value(op->out[0]);
    if (!sx || !sy || !out || sx->rank < 2 || sy->rank < 2) return NULL;
    if (!legal_asks(l, RULE_matmul_rank, op) && rank_fits(l, out->rank)) return NULL;
    x = one_batch(b, x, out);
    y = one_batch(b, y, out);
    Value *product = make_matmul(b, x, y, flag_of(op, P_transpose_x),
                                 flag_of(op, P_transpose_y));
    return make_shape(b, product, out);
}

static Value *rank_linear(const Legal *l, Builder *b, Op *op)
{
    Value *x = op_value(op, P_x), *weight = op_value(op, P_weight),
          *bias = op_value(op, P_bias);
    const Shape *s = shape_of_value(x), *out = shape_of_value(op->out[0]);
    if (!s || !out || !legal_asks(l, RULE_linear_rank, op)) return NULL;
    Shape to = SHAPE(1, s->dim[s->rank - 1]);
    for (int i = 0; i < s->rank - 1; i++) to.dim[0] *= s->dim[i];
    Value *rows = make_shape(b, x, &to);
    Value *y = mil_linear(b, "linear", .x = rows, .weight = weight, .bias = bias);
    return make_shape(b, y, out);
}

/* ---- the pass ---------------------------------------------------------------------------- */

static Value *lower_rank(const Legal *l, Builder *b, Op *op)
{
    if (op->kind == OP_matmul) return rank_matmul(l, b, op);
    if (op->kind == OP_linear) return rank_linear(l, b, op);
    Value *x = op_value(op, P_x);
    const Shape *s = shape_of_value(x), *out = shape_of_value(op->out[0]);
    if (!rule_fixes(l->rules, RULE_rank) || !out
        || (rank_fits(l, out->rank) && (!s || rank_fits(l, s->rank))))
        return NULL;
    if (ops[op->kind].flags & F_ELEMENTWISE) return rank_elementwise(l, b, op);
    if (op->kind == OP_concat) return rank_concat(l, b, op);
    if (!s) return NULL;
    if (op->kind == OP_transpose) return rank_transpose(l, b, op, x, s);
    if (op->kind == OP_slice_by_index || op->kind == OP_slice_by_size)
        return rank_slice(l, b, op, x, s);
    if (op->kind == OP_softmax) return rank_axis(l, b, op, x, s);
    const bool one_axis = op->kind == OP_reduce_argmax || op->kind == OP_reduce_argmin;
    return op_is_of(op, OPS_reduce) && !one_axis ? rank_reduction(l, b, op, x, s) : NULL;
}

int pass_rank(Module *m, const PassOptions *o, Diag *d)
{
    return legal_rewrite(m, o, d, lower_rank);
}
