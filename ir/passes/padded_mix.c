/* padded_mix.c -- ops that compute with the elements of what was padded (padded.c): place by
 * place, or mixing several into one. What they would mix of the padding is replaced first by
 * what counts for nothing. */
#include "padded.h"

#include <float.h>

/* Place by place, with broadcasting: each operand is padded where another one is. */
bool pad_elementwise(Padder *p, Op *op)
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
                    && !pad_along(p, v, axis - off)) {
                    pad_meet(p, v, axis - off);
                    return pad_refuse(p, op,
                                      "an operand has that size and was not padded");
                }
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
static bool pad_batch_fits(Padder *p, const Value *v, int rank, unsigned out)
{
    const int off = rank - pad_rank(v);
    for (int axis = off; axis < rank - 2; axis++)
        if (out >> axis & 1 && v->type->shape.dim[axis - off] != 1
            && !pad_along(p, v, axis - off)) {
            pad_meet(p, v, axis - off);
            return false;
        }
    return true;
}

bool pad_matmul(Padder *p, Op *op)
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
    /* By a function: where both bits are shifted out here, gcc 12 at -O2 compares one alone. */
    const bool cx = pad_along(p, x, kx), cy = pad_along(p, y, ky);
    if (cx != cy) {
        pad_meet(p, cx ? y : x, cx ? ky : kx);
        return pad_refuse(p, op, "one side of what it sums over was not padded");
    }
    unsigned out = pad_batch(p, x, rank) | pad_batch(p, y, rank);
    if (!pad_batch_fits(p, x, rank, out) || !pad_batch_fits(p, y, rank, out))
        return pad_refuse(p, op, "one side of a batch was not padded");
    out |= (ax >> row & 1) << (rank - 2) | (ay >> column & 1) << (rank - 1);
    if (cx && (!pad_fill(p, op, P_x, kx, 0) || !pad_fill(p, op, P_y, ky, 0)))
        return false;
    return pad_mark(p, op->out[0], out);
}

bool pad_linear(Padder *p, Op *op)
{
    const Value *x = op_value(op, P_x);
    if (!pad_only_x(p, op)) return false;
    if (pad_axes(p, x) >> (pad_rank(x) - 1) & 1)
        return pad_refuse(p, op, "it sums over what was padded");
    return pad_mark(p, op->out[0], pad_axes(p, x));
}

/* Along a dimension that was padded: zeros stand behind it in the exact program too, as long as the
 * result is as long as x. */
bool pad_conv(Padder *p, Op *op)
{
    const Value *x = op_value(op, P_x), *w = op_value(op, P_weight);
    const unsigned axes = pad_axes(p, x);
    int64_t stride[MAX_RANK * 2];
    const int strides = value_ints(op_value(op, P_strides), stride);
    if (!pad_only_x(p, op)) return false;
    if (axes & 2) return pad_refuse(p, op, "its channels were padded");
    for (int i = 2; i < pad_rank(x); i++) {
        if (!(axes >> i & 1)) continue;
        const bool by_one = !op_value(op, P_strides)
                         || (i - 2 < strides && stride[i - 2] == 1);
        if (!by_one || op->out[0]->type->shape.dim[i] != pad_size(p))
            return pad_refuse(p, op, "its result is shorter or longer than x");
        if (w->type->shape.dim[i] > 1 && !pad_fill(p, op, P_x, i, 0)) return false;
    }
    return pad_mark(p, op->out[0], axes);
}

/* So low that it counts for nothing: the lowest there is, or what an engine can still add. */
static double pad_lowest(const Padder *p, const Value *v)
{
    if (p->engine) return -30000;
    return v->type->dtype == DT_FP16 ? -F16_MAX : -(double)FLT_MAX;
}

bool pad_softmax(Padder *p, Op *op)
{
    Value *x = op_value(op, P_x);
    const unsigned axes = pad_axes(p, x);
    int64_t axis = -1;
    if (!pad_only_x(p, op)) return false;
    if (!op_value(op, P_axis)) axis = pad_rank(x) - 1;
    else if (!pad_axis_of(op, P_axis, pad_rank(x), &axis))
        return pad_refuse(p, op, "its axis is not known");
    if (axes >> axis & 1 && !pad_fill(p, op, P_x, (int)axis, pad_lowest(p, x)))
        return false;
    return pad_mark(p, op->out[0], axes);
}

/* The mean over what is kept: the mean over all, zeros included, by the part that is kept. */
static void pad_mean(Padder *p, Op *op)
{
    Func *f = p->func;
    Builder b = builder_at(op->parent, op->next, p->d, op_loc(op));
    Value *was = op->out[0], *kept = p->masks[p->now].kept;
    Value *keep = build_bool(&b, false);
    Value *part = mil_reduce_mean(&b, "part", .x = kept, .keep_dims = keep);
    if (part->type->dtype != was->type->dtype) {
        Value *type = build_string(&b, dtypes[was->type->dtype].name);
        part = mil_cast(&b, "part", .x = part, .dtype = type);
    }
    Value *mean = mil_real_div(&b, was->name, .x = was, .y = part);
    func_replace_uses(f, was, mean);
    op_set_arg(f->module, mean->def, P_x, was); /* which is followed as ops are */
}

bool pad_reduce(Padder *p, Op *op)
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
bool pad_norm(Padder *p, Op *op)
{
    const Value *x = op_value(op, P_x);
    unsigned over = 2; /* the channels */
    if (!pad_only_x(p, op)) return false;
    if (op->kind == OP_layer_norm && !pad_axes_of(op, P_axes, pad_rank(x), &over))
        return pad_refuse(p, op, "its axes are not known");
    if (pad_axes(p, x) & over)
        return pad_refuse(p, op, "it takes the mean of what was padded");
    return pad_mark(p, op->out[0], pad_axes(p, x));
}

bool pad_cumsum(Padder *p, Op *op)
{
    bool reverse = false;
    if (!pad_only_x(p, op)) return false;
    value_bool(op_value(op, P_reverse), &reverse);
    if (reverse) return pad_refuse(p, op, "it adds from the end on");
    return pad_mark(p, op->out[0], pad_axes(p, op_value(op, P_x)));
}
