/* shape.c -- inference of the ops that give a tensor another shape or another order. */
#include "move.h"

#include <string.h>

/* ---- reshape ----------------------------------------------------------------------------- */

/* 0 inherits a dimension: up to ios16 the one at its own place, from ios17 on counted from the
 * right, where there is none it is 1. */
static bool inherit_dim(Call *c, const Shape *x, const Vector *shape, int i, int64_t *dim)
{
    if (c->opset < OPSET_IOS17 && shape->n != x->rank)
        return call_error(
            c,
            "a 0 in shape copies the dimension of x at its place, so shape must have as "
            "many elements as x has axes: it has %d, x is %s",
            shape->n, call_text(c, x));
    int from = c->opset < OPSET_IOS17 ? i : x->rank - shape->n + i;
    *dim = from >= 0 ? x->dim[from] : 1;
    return true;
}

static bool check_same_size(Call *c, const Shape *x, const Shape *r)
{
    size_t have, want;
    if (!shape_count(x, &have) || !shape_known(r)) return true;
    if (shape_count(r, &want) && have == want) return true;
    return call_error(c, "x is %s, %zu elements; they do not fill %s", call_text(c, x),
                      have, call_text(c, r));
}

/* The dimension that -1 stands for. */
static bool solve_dim(Call *c, const Shape *x, Shape *r, int wild)
{
    size_t have, rest;
    r->dim[wild] = 1;
    bool known = shape_count(x, &have) && shape_count(r, &rest);
    r->dim[wild] = DIM_ANY;
    if (!known) return true;
    if (!rest || have % rest)
        return call_error(
            c, "x is %s, %zu elements; no dimension in place of ? makes them %s",
            call_text(c, x), have, call_text(c, r));
    r->dim[wild] = (int64_t)(have / rest);
    return true;
}

bool infer_reshape(Call *c)
{
    const Shape *x = call_shape(c, P_x);
    Vector s;
    if (!call_vector(c, P_shape, MAX_RANK, &s)) return false;
    if (s.n < 0)
        return call_error(
            c, "the length of shape, which is the result's rank, must be known");
    Shape r = { .rank = s.n };
    int wild = -1;
    for (int i = 0; i < s.n; i++) {
        r.dim[i] = s.known ? s.v[i] : DIM_ANY;
        if (!s.known || s.v[i] > 0) continue;
        if (s.v[i] < -1) return call_error(c, "shape holds %lld", (long long)s.v[i]);
        if (!s.v[i]) {
            if (!inherit_dim(c, x, &s, i, &r.dim[i])) return false;
        } else if (wild >= 0) {
            return call_error(c, "shape holds -1 twice; one dimension can be left open");
        } else {
            wild = i;
        }
    }
    const bool known = s.known || !s.n; /* one of rank 0 says all */
    if (known && !(wild >= 0 ? solve_dim(c, x, &r, wild) : check_same_size(c, x, &r)))
        return false;
    return call_out(c, call_dtype(c, P_x), r);
}

/* begins and ends are numbers and end_masks are bools, each a scalar that is known. */
static bool scalar_of(Call *c, ParamId param, DType type, int i, int64_t *out)
{
    const CallArg *a = call_arg(c, param, i);
    if (!a->val || a->type->kind != TY_TENSOR || a->type->dtype != type
        || a->type->shape.rank)
        return call_error(c, "%s[%d] is %s; it must be a known constant, a scalar of %s",
                          param_names[param], i, type_text(c->arena, a->type),
                          dtypes[type].name);
    *out = tensor_int(a->val, 0);
    return true;
}

/* An index into a range of n as Python slices take it: from the end when negative, then
 * clamped. */
static int clamp_index(int64_t i, int n)
{
    if (i < 0) i += n;
    return i < 0 ? 0 : i > n ? n : (int)i;
}

bool infer_reshape_like(Call *c)
{
    int n = call_has(c, P_ref_tensors);
    if (call_has(c, P_begins) != n || call_has(c, P_ends) != n
        || call_has(c, P_end_masks) != n)
        return call_error(
            c,
            "%d ref_tensors need as many begins, ends and end_masks; there are %d, %d "
            "and %d",
            n, call_has(c, P_begins), call_has(c, P_ends), call_has(c, P_end_masks));
    Shape r = { .rank = 0 };
    if (!call_tensors(c, P_ref_tensors)) return false;
    for (int i = 0; i < n; i++) {
        const Shape *ref = &call_arg(c, P_ref_tensors, i)->type->shape;
        int64_t begin, end, mask;
        if (!scalar_of(c, P_begins, DT_INT32, i, &begin)
            || !scalar_of(c, P_ends, DT_INT32, i, &end)
            || !scalar_of(c, P_end_masks, DT_BOOL, i, &mask)
            || !shape_append_some(c, &r, ref, clamp_index(begin, ref->rank),
                                  mask ? ref->rank : clamp_index(end, ref->rank)))
            return false;
    }
    if (!shape_known(&r))
        return call_error(
            c,
            "the result is %s; the dimensions that it takes of ref_tensors must be "
            "known",
            call_text(c, &r));
    return check_same_size(c, call_shape(c, P_x), &r)
        && call_out(c, call_dtype(c, P_x), r);
}

/* ---- axes of one ------------------------------------------------------------------------- */

bool infer_expand_dims(Call *c)
{
    const Shape *x = call_shape(c, P_x);
    const Shape *a = call_shape(c, P_axes);
    bool set[MAX_RANK], known;
    int64_t added = a->rank == 1 ? a->dim[0] : 1;
    if (added == DIM_ANY || added > MAX_RANK - x->rank)
        return call_error(c, "x is %s and axes is %s; the largest rank is %d",
                          call_text(c, x), call_text(c, a), MAX_RANK);
    Shape r = { .rank = x->rank + (int)added };
    if (!call_axes(c, P_axes, r.rank, set, &known)) return false;
    for (int i = 0, k = 0; i < r.rank; i++)
        r.dim[i] = !known ? DIM_ANY : set[i] ? 1 : x->dim[k++];
    return call_out(c, call_dtype(c, P_x), r);
}

/* A named axis whose dimension is not 1 stays; one whose dimension is not known yet counts as
 * 1. */
bool infer_squeeze(Call *c)
{
    const Shape *x = call_shape(c, P_x);
    bool set[MAX_RANK] = { false }, known = true, all = !call_has(c, P_axes);
    if (!all && !call_axes(c, P_axes, x->rank, set, &known)) return false;
    if (!known) return call_error(c, "axes must be known");
    Shape r = { .rank = 0 };
    for (int i = 0; i < x->rank; i++) {
        bool drop = all ? x->dim[i] == 1 : set[i] && dim_fits(x->dim[i], 1);
        if (!drop) r.dim[r.rank++] = x->dim[i];
    }
    return call_out(c, call_dtype(c, P_x), r);
}

/* ---- orders ------------------------------------------------------------------------------ */

bool infer_transpose(Call *c)
{
    const Shape *x = call_shape(c, P_x);
    Vector perm;
    Shape r = { .rank = x->rank };
    bool seen[MAX_RANK] = { false };
    if (!call_per_axis(c, P_perm, x, 0, &perm)) return false;
    for (int i = 0; i < x->rank; i++) {
        int from;
        r.dim[i] = DIM_ANY;
        if (!perm.known) continue;
        if (!call_norm_axis(c, P_perm, perm.v[i], x->rank, &from)) return false;
        if (seen[from]) return call_error(c, "perm names axis %d twice", from);
        seen[from] = true;
        r.dim[i] = x->dim[from];
    }
    return call_out(c, call_dtype(c, P_x), r);
}

bool infer_reverse(Call *c)
{
    bool set[MAX_RANK], known;
    const Shape *x = call_shape(c, P_x);
    if (call_has(c, P_axes) && !call_axes(c, P_axes, x->rank, set, &known)) return false;
    return call_out(c, call_dtype(c, P_x), *x);
}

bool infer_reverse_sequence(Call *c)
{
    const Shape *x = call_shape(c, P_x), *lengths = call_shape(c, P_lengths);
    int seq, batch;
    if (!call_axis(c, P_seq_axis, x->rank, &seq)
        || !call_axis(c, P_batch_axis, x->rank, &batch))
        return false;
    if (seq == batch) return call_error(c, "seq_axis and batch_axis are both %d", seq);
    if (lengths->rank != 1 || !dim_fits(lengths->dim[0], x->dim[batch]))
        return call_error(
            c,
            "lengths is %s; x is %s, so axis %d needs one length for each of its "
            "entries",
            call_text(c, lengths), call_text(c, x), batch);
    return call_out(c, call_dtype(c, P_x), *x);
}

/* ---- blocks of pixels -------------------------------------------------------------------- */

/* Each op views x in six parts and permutes them: batch, channel, rows, block rows, columns and
 * block columns, in some order. */
static const struct BlockOp {
    int op;
    ParamId param;
    bool to_depth;
    /* the channel axis of the deep side is block major, else channel major */
    bool block_first;
    uint8_t perm[6];
} block_ops[] = {
    { OP_depth_to_space, P_block_size, false, true, { 0, 3, 4, 1, 5, 2 } },
    { OP_pixel_shuffle, P_upscale_factor, false, false, { 0, 1, 4, 2, 5, 3 } },
    { OP_space_to_depth, P_block_size, true, true, { 0, 3, 5, 1, 2, 4 } },
    { OP_pixel_unshuffle, P_downscale_factor, true, false, { 0, 1, 3, 5, 2, 4 } },
};

static const struct BlockOp *block_op(const Call *c)
{
    for (size_t i = 0; i < COUNT(block_ops); i++)
        if (c->info == &ops[block_ops[i].op]) return &block_ops[i];
    bug("%s moves no blocks", c->info->name);
}

/* The channels, rows and columns of the result; DIM_ANY where not known. */
static bool block_dims(Call *c, const struct BlockOp *o, Shape *r)
{
    const Shape *x = call_shape(c, P_x);
    int64_t b = call_int(c, o->param);
    if (x->rank != 4)
        return call_error(c,
                          "x must have the axes batch, channel, height, width; it is %s",
                          call_text(c, x));
    if (b < 1 || b > INT32_MAX)
        return call_error(c, "%s is %lld", param_names[o->param], (long long)b);
    *r = *x;
    for (int i = 1; i < 4; i++) {
        bool shrinks = (i == 1) != o->to_depth;
        int64_t by = i == 1 ? b * b : b;
        if (x->dim[i] == DIM_ANY) continue;
        if (!shrinks) {
            if (!dim_mul(c, x->dim[i], by, &r->dim[i])) return false;
        } else if (x->dim[i] % by) {
            return call_error(c, "%lld %s are not a multiple of %lld; x is %s",
                              (long long)x->dim[i],
                              i == 1   ? "channels"
                              : i == 2 ? "rows"
                                       : "columns",
                              (long long)by, call_text(c, x));
        } else {
            r->dim[i] = x->dim[i] / by;
        }
    }
    return true;
}

bool infer_block_moves(Call *c)
{
    Shape r;
    return block_dims(c, block_op(c), &r) && call_out(c, call_dtype(c, P_x), r);
}

bool block_plan(Call *c, BlockPlan *p)
{
    const struct BlockOp *o = block_op(c);
    const Shape *x = call_shape(c, P_x);
    int64_t b = call_int(c, o->param);
    Shape r;
    if (!block_dims(c, o, &r)) return false;
    p->perm = o->perm;
    if (o->to_depth) {
        const int64_t f[6] = { x->dim[0], x->dim[1], r.dim[2], b, r.dim[3], b };
        memcpy(p->factor, f, sizeof f);
    } else if (o->block_first) {
        const int64_t f[6] = { x->dim[0], b, b, r.dim[1], x->dim[2], x->dim[3] };
        memcpy(p->factor, f, sizeof f);
    } else {
        const int64_t f[6] = { x->dim[0], r.dim[1], b, b, x->dim[2], x->dim[3] };
        memcpy(p->factor, f, sizeof f);
    }
    return true;
}

/* ---- blocks into the batch --------------------------------------------------------------- */

/* space_to_batch pads height and width and deals them out; batch_to_space deals them back and
 * crops. Reads the blocks and what is padded or cropped before and after each axis; without them,
 * *known is false and *r is x with a batch, height and width of any size. */
static bool blocks_and_edges(Call *c, ParamId param, Vector *block, int64_t *edge,
                             bool *known, Shape *r)
{
    const Shape *x = call_shape(c, P_x), *e = call_shape(c, param);
    if (!call_vector(c, P_block_shape, MAX_RANK, block)) return false;
    if (x->rank != 4 || block->n != 2)
        return call_error(
            c,
            "x is %s and block_shape has %d elements; it must be batch, channel, "
            "height and width, and two elements",
            call_text(c, x), block->n);
    if (e->rank != 2 || !dim_fits(e->dim[0], block->n) || !dim_fits(e->dim[1], 2))
        return call_error(c, "%s is %s; it must be [%d, 2]", param_names[param],
                          call_text(c, e), block->n);
    for (int i = 0; block->known && i < block->n; i++)
        if (block->v[i] < 1)
            return call_error(c, "block_shape holds %lld", (long long)block->v[i]);
    *r = *x;
    *known = block->known && call_ints(c, param, edge, 2 * MAX_RANK) == 2 * block->n;
    if (!*known) r->dim[0] = r->dim[2] = r->dim[3] = DIM_ANY;
    for (int i = 0; *known && i < 2 * block->n; i++)
        if (edge[i] < 0)
            return call_error(c, "%s holds a negative number", param_names[param]);
    return true;
}

bool infer_space_to_batch(Call *c)
{
    Vector b;
    int64_t pad[2 * MAX_RANK];
    bool known;
    Shape r;
    if (!blocks_and_edges(c, P_paddings, &b, pad, &known, &r)) return false;
    for (int i = 0; known && i < b.n; i++) {
        int64_t *dim = &r.dim[2 + i];
        if (!dim_mul(c, r.dim[0], b.v[i], &r.dim[0])
            || !dim_add(c, *dim, pad[2 * i] + pad[2 * i + 1], dim))
            return false;
        if (*dim == DIM_ANY) continue;
        if (*dim % b.v[i])
            return call_error(
                c,
                "axis %d of x, which is %s, is %lld with its padding: no multiple of %lld",
                2 + i, call_text(c, call_shape(c, P_x)), (long long)*dim,
                (long long)b.v[i]);
        *dim /= b.v[i];
    }
    return call_out(c, call_dtype(c, P_x), r);
}

bool infer_batch_to_space(Call *c)
{
    Vector b;
    int64_t crop[2 * MAX_RANK];
    bool known;
    Shape r;
    if (!blocks_and_edges(c, P_crops, &b, crop, &known, &r)) return false;
    for (int i = 0; known && i < b.n; i++) {
        int64_t *dim = &r.dim[2 + i];
        if (r.dim[0] != DIM_ANY) {
            if (r.dim[0] % b.v[i])
                return call_error(
                    c, "the batch of x, which is %s, is no multiple of the blocks",
                    call_text(c, call_shape(c, P_x)));
            r.dim[0] /= b.v[i];
        }
        if (!dim_mul(c, *dim, b.v[i], dim)) return false;
        if (*dim == DIM_ANY) continue;
        if (*dim < crop[2 * i] + crop[2 * i + 1])
            return call_error(c, "crops takes more from axis %d than its %lld entries",
                              2 + i, (long long)*dim);
        *dim -= crop[2 * i] + crop[2 * i + 1];
    }
    return call_out(c, call_dtype(c, P_x), r);
}
