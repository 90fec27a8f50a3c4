/* padded_move.c -- ops that move elements of what was padded without changing them (padded.c),
 * and those that make sizes, compute with them, or make something of a size. */
#include "padded.h"

/* ---- elements ---------------------------------------------------------------------------- */

bool pad_transpose(Padder *p, Op *op)
{
    int64_t perm[MAX_RANK * 2];
    const Value *x = op_value(op, P_x);
    const int rank = pad_rank(x);
    unsigned out = 0;
    if (!pad_only_x(p, op)) return false;
    if (value_ints(op_value(op, P_perm), perm) != rank)
        return pad_refuse(p, op, "its axes are not known");
    for (int i = 0; i < rank; i++)
        out |= (pad_axes(p, x) >> (perm[i] < 0 ? perm[i] + rank : perm[i]) & 1) << i;
    return pad_mark(p, op->out[0], out);
}

/* Numbers that follow from the size stay what they are where they are moved as a whole. */
bool pad_identity(Padder *p, Op *op)
{
    return pad_copy(p, op->out[0], op_value(op, P_x));
}

/* The axis that a 0 of n in a shape copies. */
static int pad_copied(const Op *op, int n, int k)
{
    const bool left = op_opset(op) < OPSET_IOS17;
    return left ? k : pad_rank(op_value(op, P_x)) - n + k;
}

static int pad_at(const Padder *p, const Value *v, int axis)
{
    return axis >= 0 && pad_axes(p, v) >> axis & 1 ? 1 : 0;
}

/* Whether a -1 in a shape stands for the size: it is what is left of x, and of its padded axes
 * that is one of this dimension, and none of another. */
static bool pad_left(Padder *p, const Op *op, const int64_t *v, int n)
{
    const Value *x = op_value(op, P_x), *shape = op_value(op, P_shape);
    const int own = p->now;
    bool ok = true;
    for (p->now = 0; p->now < p->dims->count; p->now++) {
        int left = p->now == own ? -1 : 0;
        for (int i = 0; i < pad_rank(x); i++) left += pad_at(p, x, i);
        for (int k = 0; k < n; k++) {
            if (v[k]) left -= pad_by(p, shape, k);
            else left -= pad_at(p, x, pad_copied(op, n, k));
        }
        ok = ok && !left;
    }
    p->now = own;
    return ok;
}

/* Whether dimension k of the result follows from the size by what the shape says: a size, -1, or
 * a 0 that copies that axis. Another is of that length by chance. */
static bool pad_follows(Padder *p, const Op *op, int axis, int k)
{
    const Value *shape = op_value(op, P_shape);
    int64_t v[MAX_RANK * 2];
    if (pad_by(p, shape, k)) return pad_by(p, shape, k) == 1;
    const int n = value_ints(shape, v);
    if (k >= n || v[k] > 0) return false;
    return v[k] ? pad_left(p, op, v, n) : axis == pad_copied(op, n, k);
}

/* An axis that was padded has to stay one, with as many elements before it. */
bool pad_reshape(Padder *p, Op *op)
{
    const Value *x = op_value(op, P_x);
    const Shape *from = &x->type->shape, *to = &op->out[0]->type->shape;
    unsigned out = 0;
    if (pad_sized(p, x) && from->rank <= 1 && to->rank <= 1) return pad_identity(p, op);
    if (pad_sized(p, x)) return pad_refuse(p, op, "it moves sizes");
    for (int i = 0; i < from->rank; i++) {
        int64_t before = 1, seen = 1;
        int k = 0;
        if (!(pad_axes(p, x) >> i & 1)) continue;
        for (int j = 0; j < i; j++) before *= from->dim[j];
        while (k < to->rank && (seen < before || to->dim[k] == 1)) seen *= to->dim[k++];
        if (k == to->rank || seen != before || to->dim[k] != pad_size(p)
            || !pad_follows(p, op, i, k))
            return pad_refuse(p, op, "it joins or splits the dimension that was padded");
        out |= 1u << k;
    }
    for (int k = 0; k < to->rank; k++)
        if (pad_by(p, op_value(op, P_shape), k) && !(out >> k & 1))
            return pad_refuse(p, op, "it makes a dimension that was not padded so long");
    return pad_mark(p, op->out[0], out);
}

bool pad_expand(Padder *p, Op *op)
{
    const Value *x = op_value(op, P_x);
    const int rank = pad_rank(op->out[0]);
    unsigned made, out = 0;
    if (pad_sized(p, x) && rank <= 1) return pad_identity(p, op);
    if (!pad_only_x(p, op)) return false;
    if (!op_value(op, P_axes) || !pad_axes_of(op, P_axes, rank, &made))
        return pad_refuse(p, op, "its axes are not known");
    for (int i = 0, from = 0; i < rank; i++)
        if (!(made >> i & 1)) out |= (pad_axes(p, x) >> from++ & 1) << i;
    return pad_mark(p, op->out[0], out);
}

bool pad_squeeze(Padder *p, Op *op)
{
    const Value *x = op_value(op, P_x);
    unsigned gone;
    if (pad_sized(p, x)) return pad_identity(p, op);
    if (!pad_only_x(p, op)) return false;
    if (!op_value(op, P_axes) || !pad_axes_of(op, P_axes, pad_rank(x), &gone))
        return pad_refuse(p, op, "its axes are not known");
    if (gone & pad_axes(p, x)) return pad_refuse(p, op, "it drops what was padded");
    for (int i = 0; i < pad_rank(x); i++) /* a longer one stays */
        if (x->type->shape.dim[i] != 1) gone &= ~(1u << i);
    return pad_mark(p, op->out[0], pad_without(pad_axes(p, x), gone, pad_rank(x)));
}

static bool pad_concat_sizes(Padder *p, Op *op, const Arg *values)
{
    PadState *out = pad_note(p, op->out[0]);
    int n = 0;
    out->sized = true;
    for (int k = 0; k < arg_count(values); k++) {
        const Value *v = values->val[k];
        const int64_t count = pad_rank(v) ? v->type->shape.dim[0] : 1;
        const bool other = pad_known(p, v) && !pad_sized(p, v);
        if (other || pad_rank(v) > 1 || n + count > MAX_RANK)
            return pad_refuse(p, op, "it joins sizes with something else");
        for (int i = 0; i < count; i++)
            out->of[p->now].by[n++] = (signed char)pad_by(p, v, i);
    }
    return true;
}

bool pad_concat(Padder *p, Op *op)
{
    const Arg *values = op_find_arg(op, P_values);
    const int rank = pad_rank(op->out[0]);
    unsigned all = 0;
    int64_t axis;
    for (int k = 0; k < arg_count(values); k++) {
        if (pad_sized(p, values->val[k])) return pad_concat_sizes(p, op, values);
        all |= pad_axes(p, values->val[k]);
    }
    if (!pad_axis_of(op, P_axis, rank, &axis))
        return pad_refuse(p, op, "its axis is not known");
    if (all >> axis & 1) return pad_refuse(p, op, "it joins along what was padded");
    for (int k = 0; k < arg_count(values); k++)
        if (pad_axes(p, values->val[k]) != all) {
            for (int i = 0; i < rank; i++)
                if (all >> i & 1) pad_meet(p, values->val[k], i);
            return pad_refuse(p, op, "it joins what was padded with what was not");
        }
    return pad_mark(p, op->out[0], all);
}

bool pad_split(Padder *p, Op *op)
{
    const Value *x = op_value(op, P_x);
    int64_t axis;
    if (!pad_only_x(p, op)) return false;
    if (!pad_axis_of(op, P_axis, pad_rank(x), &axis) || pad_axes(p, x) >> axis & 1)
        return pad_refuse(p, op, "it cuts what was padded");
    for (int i = 0; i < op->nout; i++) pad_mark(p, op->out[i], pad_axes(p, x));
    return true;
}

/* A number that has the size in it so often. */
static void pad_size_by(Padder *p, const Value *v, int by)
{
    PadState *s = pad_note(p, v);
    s->sized = true;
    s->of[p->now].by[0] = (signed char)by;
}

/* One number of several that follow from the size. */
static bool pad_pick_size(Padder *p, Op *op)
{
    int64_t at[MAX_RANK * 2];
    size_t n;
    if (value_ints(op_value(op, P_begin), at) != 1 || at[0] < 0 || at[0] >= MAX_RANK
        || !shape_count(&op->out[0]->type->shape, &n) || n != 1)
        return pad_refuse(p, op, "it takes several sizes");
    const int by = pad_by(p, op_value(op, P_x), (int)at[0]);
    if (by) pad_size_by(p, op->out[0], by);
    return true;
}

/* What was padded stays whole; other axes are cut as they are. */
bool pad_slice(Padder *p, Op *op)
{
    const Value *x = op_value(op, P_x);
    const unsigned axes = pad_axes(p, x);
    if (pad_sized(p, x)) return pad_pick_size(p, op);
    if (!pad_only_x(p, op)) return false;
    for (int i = 0; i < pad_rank(x); i++)
        if (axes >> i & 1 && op->out[0]->type->shape.dim[i] != pad_size(p))
            return pad_refuse(p, op, "it cuts what was padded");
    return pad_mark(p, op->out[0], axes);
}

static bool pad_mask_bit(const Op *op, ParamId param, int axis)
{
    const Value *v = op_value(op, param);
    Tensor t;
    Diag quiet = { .quiet = true };
    bool set = false;
    if (v && value_tensor(v, &quiet, &t)) {
        set = (size_t)axis < t.count && tensor_int(&t, (size_t)axis) != 0;
        tensor_free(&t);
    }
    diag_free(&quiet);
    return set;
}

/* The whole of an axis, or from its first element up to the size, with a step of one. */
static bool pad_slice_axis(const Op *op, int axis, const int64_t *begin, bool sized)
{
    int64_t step[MAX_RANK * 2];
    const Value *stride = op_value(op, P_stride);
    const bool whole = pad_mask_bit(op, P_end_mask, axis) || sized;
    const bool first = pad_mask_bit(op, P_begin_mask, axis) || (begin && !begin[axis]);
    const bool by_one = !stride || (value_ints(stride, step) > axis && step[axis] == 1);
    return whole && first && by_one && !pad_mask_bit(op, P_squeeze_mask, axis)
        && op->out[0]->type->shape.rank;
}

bool pad_slice_index(Padder *p, Op *op)
{
    const Value *x = op_value(op, P_x), *end = op_value(op, P_end);
    int64_t begin[MAX_RANK * 2], last[MAX_RANK * 2];
    const int rank = pad_rank(x);
    const bool known = value_ints(op_value(op, P_begin), begin) == rank;
    const bool ends = value_ints(end, last) == rank;
    unsigned out = 0, gone = 0;
    if (pad_sized(p, x)) return pad_pick_size(p, op);
    if (pad_known(p, op_value(op, P_begin)))
        return pad_refuse(p, op, "it begins at a place that follows from a size");
    for (int i = 0; i < rank; i++) {
        const int by = pad_by(p, end, i);
        const bool sized = by == 1 && ends && last[i] == pad_size(p)
                        && x->type->shape.dim[i] >= last[i];
        if (pad_mask_bit(op, P_squeeze_mask, i)) gone |= 1u << i;
        if (!(pad_axes(p, x) >> i & 1) && !by) continue;
        if (!pad_slice_axis(op, i, known ? begin : NULL, sized))
            return pad_refuse(p, op, "it cuts what was padded");
        out |= 1u << i;
    }
    return pad_mark(p, op->out[0], pad_without(out, gone, rank));
}

/* Rows by indices that were padded with zeros, which are places too. */
bool pad_gather(Padder *p, Op *op)
{
    const Value *x = op_value(op, P_x), *at = op_value(op, P_indices);
    int64_t axis, batch;
    if (pad_known(p, x) || !pad_axis_of(op, P_axis, pad_rank(x), &axis))
        return pad_refuse(p, op, "it takes elements out of what was padded");
    if (pad_sized(p, at)) return pad_refuse(p, op, "it computes with a size");
    if (value_int(op_value(op, P_batch_dims), &batch) && batch)
        return pad_refuse(p, op, "its indices are of a batch");
    return pad_mark(p, op->out[0], pad_axes(p, at) << axis);
}

/* ---- sizes ------------------------------------------------------------------------------- */

bool pad_shape(Padder *p, Op *op)
{
    const Value *x = op_value(op, P_x);
    const int own = p->now;
    if (pad_known(p, op->out[0])) return true; /* by another dimension */
    Value *known = pad_told(p, op);
    PadState *out = pad_note(p, known);
    out->sized = true;
    for (p->now = 0; p->now < p->dims->count; p->now++)
        for (int i = 0; i < MAX_RANK; i++)
            out->of[p->now].by[i] = pad_axes(p, x) >> i & 1;
    p->now = own;
    return pad_copy(p, op->out[0], known);
}

/* 0, 1, 2 .. below the size. */
bool pad_range(Padder *p, Op *op)
{
    const Value *end = op_value(op, P_end), *y = op->out[0];
    int64_t start, step;
    if (pad_by(p, end, 0) != 1 || y->type->shape.dim[0] != pad_size(p)
        || !value_int(op_value(op, P_start), &start)
        || !value_int(op_value(op, P_step), &step) || start || step != 1)
        return pad_refuse(p, op, "it counts otherwise than from 0 up to the size");
    return pad_mark(p, op->out[0], 1);
}

bool pad_filled(Padder *p, Op *op)
{
    const Value *shape = op_value(op, P_shape), *y = op->out[0];
    unsigned out = 0;
    if (!pad_known(p, shape) || pad_known(p, op_value(op, P_value)))
        return pad_refuse(p, op, "its value comes from what was padded");
    for (int i = 0; i < pad_rank(y); i++) {
        const int by = pad_by(p, shape, i);
        if (!by) continue;
        if (by != 1 || y->type->shape.dim[i] != pad_size(p))
            return pad_refuse(p, op, "it is of another size");
        out |= 1u << i;
    }
    return pad_mark(p, op->out[0], out);
}

/* Sums and differences of sizes; where they cancel nothing of the size is left. */
bool pad_sum(Padder *p, Op *op)
{
    const Value *x = op_value(op, P_x), *y = op_value(op, P_y);
    const int sign = op->kind == OP_add ? 1 : -1;
    if (!pad_sized(p, x) && !pad_sized(p, y)) return pad_elementwise(p, op);
    if (pad_axes(p, x) || pad_axes(p, y) || pad_rank(op->out[0]))
        return pad_refuse(p, op, "it computes with a size");
    const int by = pad_by(p, x, 0) + sign * pad_by(p, y, 0);
    if (by) pad_size_by(p, op->out[0], by);
    return true;
}
