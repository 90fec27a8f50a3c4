/* padded.c -- a function of a flexible dimension as one of a fixed, larger size, which computes
 * the same of inputs that are padded to it.
 *
 * What was padded is followed from the inputs through every op. Where it stays in the places
 * behind the kept ones it changes nothing there. Where an op would mix it with what is kept
 * (sums along the dimension, softmax, products that contract it, convolutions along it), it is
 * replaced first by what counts for nothing: zero, or a number so low or so high that it is
 * never chosen. Which places are kept the run says by one more input, `anec_kept`. An op of
 * which nobody knows how it mixes is refused: there is no guess.
 *
 * Sizes that the program computes (`shape`) are the padded ones: they may say how large
 * something becomes, and nothing else. */
#include "passes.h"

#include <float.h>
#include <string.h>

/* What is known of a value; of one that nothing is known of it is as in the program. */
typedef struct {
    unsigned axes;            /* those that were padded, a bit each */
    bool sized;               /* ints that follow from the size: */
    signed char by[MAX_RANK]; /* each is that many sizes and something */
} PadState;

typedef struct {
    Func *func;
    Diag *d;
    int64_t size;
    bool engine; /* it will be one that computes in fp16 */
    Arena arena;
    ValueTable state; /* -> PadState */
    Value *kept;
    Value *mask[MAX_RANK + 1][MAX_RANK]; /* by rank and axis, where it was needed */
    Op *begin;                           /* masks stand before it */
} Padder;

static PadState *pad_state(const Padder *p, const Value *v)
{
    return v ? values_get(&p->state, v) : NULL;
}

static unsigned pad_axes(const Padder *p, const Value *v)
{
    const PadState *s = pad_state(p, v);
    return s ? s->axes : 0;
}

static bool pad_sized(const Padder *p, const Value *v)
{
    const PadState *s = pad_state(p, v);
    return s && s->sized;
}

static PadState *pad_note(Padder *p, const Value *v)
{
    PadState *s = pad_state(p, v);
    if (!s) {
        s = NEW(&p->arena, PadState);
        values_set(&p->state, v, s);
    }
    return s;
}

static bool pad_mark(Padder *p, const Value *v, unsigned axes)
{
    if (axes) pad_note(p, v)->axes = axes;
    return true;
}

static bool pad_refuse(const Padder *p, const Op *op, const char *why)
{
    return diag_error(p->d, op_loc(op), "padding to a bucket may change what %s gives: %s",
                      op_name(op), why);
}

static int pad_rank(const Value *v) { return v->type->shape.rank; }

static Builder pad_before(const Padder *p, Op *op)
{
    Builder b = builder_at(op->parent, op, p->d, op_loc(op));
    if (op->opset) b.opset = op->opset;
    return b;
}

/* ---- masks ------------------------------------------------------------------------------- */

/* True at what is kept, for a value of that rank. */
static Value *pad_mask(Padder *p, int rank, int axis)
{
    Value **mask = &p->mask[rank][axis];
    int64_t shape[MAX_RANK];
    if (*mask) return *mask;
    Builder b = builder_at(p->func->body, p->begin, p->d, p->func->loc);
    for (int i = 0; i < rank; i++) shape[i] = i == axis ? p->size : 1;
    Value *to = build_ints(&b, rank, shape);
    Value *kept = mil_reshape(&b, "kept", .x = p->kept, .shape = to);
    Value *half = build_float(&b, p->kept->type->dtype, 0.5);
    return *mask = mil_greater(&b, "kept", .x = kept, .y = half);
}

/* An argument with `fill` in the place of what was padded along the axis. */
static bool pad_fill(Padder *p, Op *op, ParamId param, int axis, double fill)
{
    Value *v = op_value(op, param);
    if (!dtype_is_float(v->type->dtype))
        return pad_refuse(p, op, "its integers would be mixed with those that were padded");
    Value *mask = pad_mask(p, pad_rank(v), axis);
    Builder b = pad_before(p, op);
    Value *other = build_float(&b, v->type->dtype, fill);
    Value *out = mil_select(&b, "filled", .cond = mask, .a = v, .b = other);
    pad_mark(p, out, pad_axes(p, v));
    op_set_arg(p->func->module, op, param, out);
    return true;
}

/* So low that it counts for nothing: the lowest there is, or what an engine can still add. */
static double pad_lowest(const Padder *p, const Value *v)
{
    if (p->engine) return -30000;
    return v->type->dtype == DT_FP16 ? -F16_MAX : -(double)FLT_MAX;
}

/* ---- ops --------------------------------------------------------------------------------- */

typedef bool PadRule(Padder *p, Op *op);

static bool pad_any(const Padder *p, const Op *op)
{
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++)
            if (pad_state(p, op->arg[i].val[k])) return true;
    return false;
}

/* Nothing but its x comes from what was padded, which is no size. */
static bool pad_only_x(const Padder *p, const Op *op)
{
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++)
            if (op->arg[i].param != P_x && pad_state(p, op->arg[i].val[k]))
                return pad_refuse(p, op, "another argument than x was padded");
    return !pad_sized(p, op_value(op, P_x)) || pad_refuse(p, op, "it computes with a size");
}

static bool pad_axis_of(const Op *op, ParamId param, int rank, int64_t *out)
{
    if (!value_int(op_value(op, param), out)) return false;
    if (*out < 0) *out += rank;
    return *out >= 0 && *out < rank;
}

/* Axes that a parameter lists; absent: all. */
static bool pad_axes_of(const Op *op, ParamId param, int rank, unsigned *out)
{
    int64_t v[MAX_RANK * 2];
    const Value *list = op_value(op, param);
    *out = (1u << rank) - 1;
    if (!list) return true;
    const int n = value_ints(list, v);
    *out = 0;
    for (int i = 0; i < n; i++) {
        const int64_t axis = v[i] < 0 ? v[i] + rank : v[i];
        if (axis < 0 || axis >= rank) return false;
        *out |= 1u << axis;
    }
    return n >= 0;
}

/* Place by place, with broadcasting: each operand is padded where another one is. */
static bool pad_elementwise(Padder *p, Op *op)
{
    const int rank = pad_rank(op->out[0]);
    unsigned all = 0;
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++) {
            const Value *v = op->arg[i].val[k];
            if (pad_sized(p, v)) return pad_refuse(p, op, "it computes with a size");
            all |= pad_axes(p, v) << (rank - pad_rank(v));
        }
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++) {
            const Value *v = op->arg[i].val[k];
            const int off = rank - pad_rank(v);
            for (int axis = off; axis < rank; axis++)
                if (all >> axis & 1 && v->type->shape.dim[axis - off] != 1
                    && !(pad_axes(p, v) >> (axis - off) & 1))
                    return pad_refuse(p, op, "an operand has that size and was not padded");
        }
    return pad_mark(p, op->out[0], all);
}

/* Axes of the batch that were padded, where they are in a result of that rank. */
static unsigned pad_batch(const Padder *p, const Value *v, int rank)
{
    const int own = pad_rank(v);
    return (pad_axes(p, v) & ((1u << (own - 2)) - 1)) << (rank - own);
}

/* Where the result is padded an operand is too, or has one element. */
static bool pad_batch_fits(const Padder *p, const Value *v, int rank, unsigned out)
{
    const int off = rank - pad_rank(v);
    for (int axis = off; axis < rank - 2; axis++)
        if (out >> axis & 1 && v->type->shape.dim[axis - off] != 1
            && !(pad_axes(p, v) >> (axis - off) & 1))
            return false;
    return true;
}

static bool pad_matmul(Padder *p, Op *op)
{
    const Value *x = op_value(op, P_x), *y = op_value(op, P_y);
    bool tx = false, ty = false;
    value_bool(op_value(op, P_transpose_x), &tx);
    value_bool(op_value(op, P_transpose_y), &ty);
    const int rx = pad_rank(x), ry = pad_rank(y), rank = pad_rank(op->out[0]);
    const unsigned ax = pad_axes(p, x), ay = pad_axes(p, y);
    if (rx < 2 || ry < 2 || pad_sized(p, x) || pad_sized(p, y))
        return pad_refuse(p, op, "it is a product of vectors, or of sizes");
    const int kx = tx ? rx - 2 : rx - 1, ky = ty ? ry - 1 : ry - 2;
    const int row = tx ? rx - 1 : rx - 2, column = ty ? ry - 2 : ry - 1;
    const bool cx = ax >> kx & 1, cy = ay >> ky & 1;
    if (cx != cy) return pad_refuse(p, op, "one side of what it sums over was not padded");
    unsigned out = pad_batch(p, x, rank) | pad_batch(p, y, rank);
    if (!pad_batch_fits(p, x, rank, out) || !pad_batch_fits(p, y, rank, out))
        return pad_refuse(p, op, "one side of a batch was not padded");
    out |= (ax >> row & 1) << (rank - 2) | (ay >> column & 1) << (rank - 1);
    if (cx && (!pad_fill(p, op, P_x, kx, 0) || !pad_fill(p, op, P_y, ky, 0))) return false;
    return pad_mark(p, op->out[0], out);
}

static bool pad_linear(Padder *p, Op *op)
{
    const Value *x = op_value(op, P_x);
    if (!pad_only_x(p, op)) return false;
    if (pad_axes(p, x) >> (pad_rank(x) - 1) & 1)
        return pad_refuse(p, op, "it sums over what was padded");
    return pad_mark(p, op->out[0], pad_axes(p, x));
}

/* Along a dimension that was padded: zeros stand behind it in the exact program too, as long as the
 * result is as long as x. */
static bool pad_conv(Padder *p, Op *op)
{
    const Value *x = op_value(op, P_x), *w = op_value(op, P_weight);
    const unsigned axes = pad_axes(p, x);
    int64_t stride[MAX_RANK * 2];
    const int strides = value_ints(op_value(op, P_strides), stride);
    if (!pad_only_x(p, op)) return false;
    if (axes & 2) return pad_refuse(p, op, "its channels were padded");
    for (int i = 2; i < pad_rank(x); i++) {
        if (!(axes >> i & 1)) continue;
        const bool by_one = !op_value(op, P_strides) || (i - 2 < strides && stride[i - 2] == 1);
        if (!by_one || op->out[0]->type->shape.dim[i] != p->size)
            return pad_refuse(p, op, "its result is shorter or longer than x");
        if (w->type->shape.dim[i] > 1 && !pad_fill(p, op, P_x, i, 0)) return false;
    }
    return pad_mark(p, op->out[0], axes);
}

static bool pad_softmax(Padder *p, Op *op)
{
    Value *x = op_value(op, P_x);
    const unsigned axes = pad_axes(p, x);
    int64_t axis = -1;
    if (!pad_only_x(p, op)) return false;
    if (!op_value(op, P_axis)) axis = pad_rank(x) - 1;
    else if (!pad_axis_of(op, P_axis, pad_rank(x), &axis))
        return pad_refuse(p, op, "its axis is not known");
    if (axes >> axis & 1 && !pad_fill(p, op, P_x, (int)axis, pad_lowest(p, x))) return false;
    return pad_mark(p, op->out[0], axes);
}

/* Axes that stay, in their new places. */
static unsigned pad_without(unsigned axes, unsigned gone, int rank)
{
    unsigned out = 0;
    for (int i = 0, to = 0; i < rank; i++)
        if (!(gone >> i & 1)) out |= (axes >> i & 1) << to++;
    return out;
}

/* The mean over what is kept: the mean over all, zeros included, by the part that is kept. */
static void pad_mean(Padder *p, Op *op)
{
    Func *f = p->func;
    Builder b = builder_at(op->parent, op->next, p->d, op_loc(op));
    Value *was = op->out[0];
    Value *keep = build_bool(&b, false);
    Value *part = mil_reduce_mean(&b, "part", .x = p->kept, .keep_dims = keep);
    if (part->type->dtype != was->type->dtype) {
        Value *type = build_string(&b, dtypes[was->type->dtype].name);
        part = mil_cast(&b, "part", .x = part, .dtype = type);
    }
    Value *mean = mil_real_div(&b, was->name, .x = was, .y = part);
    func_replace_uses(f, was, mean);
    op_set_arg(f->module, mean->def, P_x, was);
    pad_mark(p, mean, pad_axes(p, was));
}

static bool pad_reduce(Padder *p, Op *op)
{
    Value *x = op_value(op, P_x);
    const int rank = pad_rank(x);
    unsigned over, mixed, axes = pad_axes(p, x);
    bool keep = false;
    double fill = 0;
    if (!pad_only_x(p, op)) return false;
    if (!pad_axes_of(op, P_axes, rank, &over))
        return pad_refuse(p, op, "its axes are not known");
    value_bool(op_value(op, P_keep_dims), &keep);
    mixed = axes & over;
    if (op->kind == OP_reduce_max) fill = pad_lowest(p, x);
    if (op->kind == OP_reduce_min) fill = -pad_lowest(p, x);
    for (int i = 0; i < rank; i++)
        if (mixed >> i & 1 && !pad_fill(p, op, P_x, i, fill)) return false;
    pad_mark(p, op->out[0], keep ? axes & ~over : pad_without(axes, over, rank));
    if (mixed & (mixed - 1) && op->kind == OP_reduce_mean)
        return pad_refuse(p, op, "it is a mean over two dimensions that were padded");
    if (mixed && op->kind == OP_reduce_mean) pad_mean(p, op);
    return true;
}

/* Ops that mix along the axes they are told alone. */
static bool pad_norm(Padder *p, Op *op)
{
    const Value *x = op_value(op, P_x);
    unsigned over = 2; /* the channels */
    if (!pad_only_x(p, op)) return false;
    if (op->kind == OP_layer_norm && !pad_axes_of(op, P_axes, pad_rank(x), &over))
        return pad_refuse(p, op, "its axes are not known");
    if (pad_axes(p, x) & over) return pad_refuse(p, op, "it takes the mean of what was padded");
    return pad_mark(p, op->out[0], pad_axes(p, x));
}

static bool pad_transpose(Padder *p, Op *op)
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
static bool pad_same_numbers(Padder *p, Op *op)
{
    const PadState *x = pad_state(p, op_value(op, P_x));
    *pad_note(p, op->out[0]) = *x;
    return true;
}

/* An axis that was padded has to stay one, with as many elements before it. */
static bool pad_reshape(Padder *p, Op *op)
{
    const Value *x = op_value(op, P_x);
    const Shape *from = &x->type->shape, *to = &op->out[0]->type->shape;
    unsigned out = 0;
    if (pad_sized(p, x) && from->rank <= 1 && to->rank <= 1) return pad_same_numbers(p, op);
    if (pad_sized(p, x)) return pad_refuse(p, op, "it moves sizes");
    for (int i = 0; i < from->rank; i++) {
        int64_t before = 1, seen = 1;
        int k = 0;
        if (!(pad_axes(p, x) >> i & 1)) continue;
        for (int j = 0; j < i; j++) before *= from->dim[j];
        while (k < to->rank && (seen < before || to->dim[k] == 1)) seen *= to->dim[k++];
        if (k == to->rank || seen != before || to->dim[k] != p->size)
            return pad_refuse(p, op, "it joins or splits the dimension that was padded");
        out |= 1u << k;
    }
    return pad_mark(p, op->out[0], out);
}

static bool pad_expand(Padder *p, Op *op)
{
    const Value *x = op_value(op, P_x);
    const int rank = pad_rank(op->out[0]);
    unsigned made, out = 0;
    if (pad_sized(p, x) && rank <= 1) return pad_same_numbers(p, op);
    if (!pad_only_x(p, op)) return false;
    if (!op_value(op, P_axes) || !pad_axes_of(op, P_axes, rank, &made))
        return pad_refuse(p, op, "its axes are not known");
    for (int i = 0, from = 0; i < rank; i++)
        if (!(made >> i & 1)) out |= (pad_axes(p, x) >> from++ & 1) << i;
    return pad_mark(p, op->out[0], out);
}

static bool pad_squeeze(Padder *p, Op *op)
{
    const Value *x = op_value(op, P_x);
    unsigned gone;
    if (pad_sized(p, x)) return pad_same_numbers(p, op);
    if (!pad_only_x(p, op)) return false;
    if (!op_value(op, P_axes) || !pad_axes_of(op, P_axes, pad_rank(x), &gone))
        return pad_refuse(p, op, "its axes are not known");
    if (gone & pad_axes(p, x)) return pad_refuse(p, op, "it drops what was padded");
    return pad_mark(p, op->out[0], pad_without(pad_axes(p, x), gone, pad_rank(x)));
}

static bool pad_concat_sizes(Padder *p, Op *op, const Arg *values)
{
    PadState *out = pad_note(p, op->out[0]);
    int n = 0;
    out->sized = true;
    for (int k = 0; k < arg_count(values); k++) {
        const Value *v = values->val[k];
        const PadState *s = pad_state(p, v);
        const int64_t count = pad_rank(v) ? v->type->shape.dim[0] : 1;
        if (pad_rank(v) > 1 || n + count > MAX_RANK)
            return pad_refuse(p, op, "it joins sizes with something else");
        for (int64_t i = 0; i < count; i++) out->by[n++] = s ? s->by[i] : 0;
    }
    return true;
}

static bool pad_concat(Padder *p, Op *op)
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
        if (pad_axes(p, values->val[k]) != all)
            return pad_refuse(p, op, "it joins what was padded with what was not");
    return pad_mark(p, op->out[0], all);
}

static bool pad_split(Padder *p, Op *op)
{
    const Value *x = op_value(op, P_x);
    int64_t axis;
    if (!pad_only_x(p, op)) return false;
    if (!pad_axis_of(op, P_axis, pad_rank(x), &axis) || pad_axes(p, x) >> axis & 1)
        return pad_refuse(p, op, "it cuts what was padded");
    for (int i = 0; i < op->nout; i++) pad_mark(p, op->out[i], pad_axes(p, x));
    return true;
}

/* One number of several that follow from the size. */
static bool pad_pick_size(Padder *p, Op *op)
{
    int64_t at[MAX_RANK * 2];
    const PadState *x = pad_state(p, op_value(op, P_x));
    size_t n;
    if (value_ints(op_value(op, P_begin), at) != 1 || at[0] < 0 || at[0] >= MAX_RANK
        || !shape_count(&op->out[0]->type->shape, &n) || n != 1)
        return pad_refuse(p, op, "it takes several sizes");
    const PadState one = { .sized = x->by[at[0]] != 0, .by = { x->by[at[0]] } };
    if (one.sized) *pad_note(p, op->out[0]) = one;
    return true;
}

/* What was padded stays whole; other axes are cut as they are. */
static bool pad_slice(Padder *p, Op *op)
{
    const Value *x = op_value(op, P_x);
    const unsigned axes = pad_axes(p, x);
    if (pad_sized(p, x)) return pad_pick_size(p, op);
    if (!pad_only_x(p, op)) return false;
    for (int i = 0; i < pad_rank(x); i++)
        if (axes >> i & 1 && op->out[0]->type->shape.dim[i] != p->size)
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
static bool pad_slice_axis(Padder *p, const Op *op, int axis, const int64_t *begin, bool sized)
{
    int64_t step[MAX_RANK * 2];
    const Value *stride = op_value(op, P_stride);
    const bool whole = pad_mask_bit(op, P_end_mask, axis) || sized;
    const bool first = pad_mask_bit(op, P_begin_mask, axis) || (begin && !begin[axis]);
    const bool by_one = !stride || (value_ints(stride, step) > axis && step[axis] == 1);
    return whole && first && by_one && !pad_mask_bit(op, P_squeeze_mask, axis)
        && op->out[0]->type->shape.rank && p->size > 0;
}

static bool pad_slice_index(Padder *p, Op *op)
{
    const Value *x = op_value(op, P_x), *end = op_value(op, P_end);
    int64_t begin[MAX_RANK * 2];
    const int rank = pad_rank(x);
    const PadState *to = pad_state(p, end);
    const bool known = value_ints(op_value(op, P_begin), begin) == rank;
    unsigned out = 0, gone = 0;
    if (pad_sized(p, x)) return pad_pick_size(p, op);
    if (pad_state(p, op_value(op, P_begin)))
        return pad_refuse(p, op, "it begins at a place that follows from a size");
    for (int i = 0; i < rank; i++) {
        const bool sized = to && to->sized && to->by[i] == 1;
        if (pad_mask_bit(op, P_squeeze_mask, i)) gone |= 1u << i;
        if (!(pad_axes(p, x) >> i & 1) && !(to && to->by[i])) continue;
        if (!pad_slice_axis(p, op, i, known ? begin : NULL, sized))
            return pad_refuse(p, op, "it cuts what was padded");
        out |= 1u << i;
    }
    return pad_mark(p, op->out[0], pad_without(out, gone, rank));
}

/* Rows by indices that were padded with zeros, which are places too. */
static bool pad_gather(Padder *p, Op *op)
{
    const Value *x = op_value(op, P_x), *at = op_value(op, P_indices);
    int64_t axis, batch;
    if (pad_state(p, x) || !pad_axis_of(op, P_axis, pad_rank(x), &axis))
        return pad_refuse(p, op, "it takes elements out of what was padded");
    if (pad_sized(p, at)) return pad_refuse(p, op, "it computes with a size");
    if (value_int(op_value(op, P_batch_dims), &batch) && batch)
        return pad_refuse(p, op, "its indices are of a batch");
    return pad_mark(p, op->out[0], pad_axes(p, at) << axis);
}

static bool pad_cumsum(Padder *p, Op *op)
{
    bool reverse = false;
    if (!pad_only_x(p, op)) return false;
    value_bool(op_value(op, P_reverse), &reverse);
    if (reverse) return pad_refuse(p, op, "it adds from the end on");
    return pad_mark(p, op->out[0], pad_axes(p, op_value(op, P_x)));
}

static bool pad_shape(Padder *p, Op *op)
{
    const Value *x = op_value(op, P_x);
    const unsigned axes = pad_axes(p, x);
    Builder b = pad_before(p, op);
    Value *known = build_ints(&b, pad_rank(x), x->type->shape.dim);
    PadState *out = pad_note(p, known);
    func_replace_uses(p->func, op->out[0], known);
    out->sized = true;
    for (int i = 0; i < MAX_RANK; i++) out->by[i] = axes >> i & 1;
    return true;
}

/* 0, 1, 2 .. below the size. */
static bool pad_range(Padder *p, Op *op)
{
    const PadState *end = pad_state(p, op_value(op, P_end));
    int64_t start, step;
    if (!end || end->by[0] != 1 || !value_int(op_value(op, P_start), &start)
        || !value_int(op_value(op, P_step), &step) || start || step != 1)
        return pad_refuse(p, op, "it counts otherwise than from 0 up to the size");
    return pad_mark(p, op->out[0], 1);
}

static bool pad_filled(Padder *p, Op *op)
{
    const PadState *s = pad_state(p, op_value(op, P_shape));
    unsigned out = 0;
    if (!s || pad_state(p, op_value(op, P_value)))
        return pad_refuse(p, op, "its value comes from what was padded");
    for (int i = 0; i < pad_rank(op->out[0]); i++) {
        if (s->by[i] && s->by[i] != 1) return pad_refuse(p, op, "it is of another size");
        out |= (unsigned)(s->by[i] == 1) << i;
    }
    return pad_mark(p, op->out[0], out);
}

/* Sums and differences of sizes; where they cancel nothing of the size is left. */
static bool pad_sum(Padder *p, Op *op)
{
    const PadState *x = pad_state(p, op_value(op, P_x)), *y = pad_state(p, op_value(op, P_y));
    const int sign = op->kind == OP_add ? 1 : -1;
    if (!(x && x->sized) && !(y && y->sized)) return pad_elementwise(p, op);
    if ((x && x->axes) || (y && y->axes) || pad_rank(op->out[0]))
        return pad_refuse(p, op, "it computes with a size");
    const int by = (x ? x->by[0] : 0) + sign * (y ? y->by[0] : 0);
    if (by) *pad_note(p, op->out[0]) = (PadState){ .sized = true, .by = { (signed char)by } };
    return true;
}

static bool pad_identity(Padder *p, Op *op) { return pad_same_numbers(p, op); }

static const struct {
    int kind;
    PadRule *rule;
} pad_rules[] = {
    { OP_add, pad_sum },
    { OP_sub, pad_sum },
    { OP_matmul, pad_matmul },
    { OP_linear, pad_linear },
    { OP_conv, pad_conv },
    { OP_softmax, pad_softmax },
    { OP_reduce_sum, pad_reduce },
    { OP_reduce_mean, pad_reduce },
    { OP_reduce_max, pad_reduce },
    { OP_reduce_min, pad_reduce },
    { OP_layer_norm, pad_norm },
    { OP_batch_norm, pad_norm },
    { OP_transpose, pad_transpose },
    { OP_reshape, pad_reshape },
    { OP_expand_dims, pad_expand },
    { OP_squeeze, pad_squeeze },
    { OP_concat, pad_concat },
    { OP_split, pad_split },
    { OP_slice_by_size, pad_slice },
    { OP_slice_by_index, pad_slice_index },
    { OP_gather, pad_gather },
    { OP_cumsum, pad_cumsum },
    { OP_shape, pad_shape },
    { OP_range_1d, pad_range },
    { OP_fill, pad_filled },
    { OP_identity, pad_identity },
};

/* Numbers that follow from the size are constants here, from which types follow. */
static void pad_fold(Padder *p, Op *op)
{
    enum { MOST = MAX_RANK * 4 };
    const Const *c;
    const PadState *s = pad_state(p, op->out[0]);
    if (op->kind == OP_shape || op->nout != 1 || op->out[0]->type->dtype != DT_INT32
        || (s && !s->sized))
        return;
    if (!op_literals(p->func->module, op, MOST, p->d, &c)) return;
    Builder b = pad_before(p, op);
    Value *known = build_const(&b, "size", c);
    if (s) *pad_note(p, known) = *s;
    func_replace_uses(p->func, op->out[0], known);
}

static bool pad_rule(Padder *p, Op *op)
{
    for (size_t i = 0; i < COUNT(pad_rules); i++)
        if (pad_rules[i].kind == op->kind) return pad_rules[i].rule(p, op);
    if (op->kind != OP_NONE && ops[op->kind].flags & F_ELEMENTWISE)
        return pad_elementwise(p, op);
    return pad_refuse(p, op, "nobody knows what it makes of it");
}

/* What was before it may have another type now. */
static bool pad_op(Padder *p, Op *op)
{
    if (op->kind == OP_const) return true;
    if (op_nblock(op)) return pad_refuse(p, op, "what stands in its blocks is not followed");
    Builder b = pad_before(p, op);
    if (!build_infer(&b, NULL, op)) return false;
    if (!pad_any(p, op)) return true;
    if (!pad_rule(p, op)) return false;
    pad_fold(p, op);
    return true;
}

/* ---- a function -------------------------------------------------------------------------- */

/* The one flexible axis of an input; -1: it has none, -2: it has several. */
int pad_input_axis(const Value *v)
{
    int axis = -1;
    if (v->type->kind != TY_TENSOR) return -1;
    for (int i = 0; i < v->type->shape.rank; i++) {
        if (v->type->shape.dim[i] != DIM_ANY) continue;
        if (axis >= 0) return -2;
        axis = i;
    }
    return axis;
}

static void pad_inputs(Padder *p)
{
    Module *m = p->func->module;
    Block *body = p->func->body;
    DType real = DT_FP16;
    for (int i = 0; i < body->nparam; i++) {
        Value *v = body->param[i];
        const int axis = pad_input_axis(v);
        if (v->type->kind == TY_TENSOR && v->type->dtype == DT_FP32) real = DT_FP32;
        if (axis < 0) continue;
        Shape s = v->type->shape;
        s.dim[axis] = p->size;
        v->type = type_tensor(&m->arena, v->type->dtype, s);
        if (p->size > 1) pad_mark(p, v, 1u << axis); /* of one nothing is padded */
    }
    const Type *t = type_tensor(&m->arena, real, SHAPE(1, 1, 1, p->size));
    const char *name = func_unique_name(p->func, "anec_kept");
    p->kept = block_param(body, name, t, p->func->loc);
}

bool func_pad(Func *f, int64_t size, bool engine, unsigned *cut, Diag *d)
{
    Padder p = { .func = f, .d = d, .size = size, .engine = engine };
    pad_inputs(&p);
    p.begin = f->body->first;
    bool ok = true;
    for (Op *op = f->body->first, *next; ok && op; op = next) {
        next = op->next;
        ok = pad_op(&p, op);
    }
    for (int i = 0; ok && i < f->body->nresult; i++) {
        const Value *v = f->body->result[i];
        cut[i] = pad_axes(&p, v);
        if (pad_sized(&p, v))
            ok = diag_error(d, f->loc,
                            "result %d of %s is a size, which a bucket has of its own", i + 1,
                            f->name);
    }
    if (ok && !func_count_uses(f, p.kept)) block_drop_param(f->body, p.kept);
    values_free(&p.state);
    arena_free(&p.arena);
    return ok;
}
