/* shape_eval.c -- reference kernels of the ops that give a tensor another shape or take a part
 * of it. */
#include "move.h"

/* reshape, expand_dims, squeeze and their kin: the same elements in the same order. */
bool eval_same_bytes(Call *c)
{
    move_all(call_val(c, P_x), c->res[0]);
    return true;
}

bool eval_transpose(Call *c)
{
    const Tensor *x = call_val(c, P_x);
    int64_t from[MAX_RANK], to[MAX_RANK];
    Vector perm;
    Move m = { 0 };
    if (!call_per_axis(c, P_perm, &x->shape, 0, &perm)) return false;
    shape_strides(&x->shape, from);
    shape_strides(&c->res[0]->shape, to);
    for (int i = 0; i < perm.n; i++) {
        int64_t k = perm.v[i] < 0 ? perm.v[i] + x->shape.rank : perm.v[i];
        move_axis(&m, x->shape.dim[k], from[k], to[i]);
    }
    move_run(&m, x, c->res[0]);
    return true;
}

bool eval_reverse(Call *c)
{
    const Tensor *x = call_val(c, P_x);
    int64_t stride[MAX_RANK];
    bool set[MAX_RANK] = { false }, known, all = !call_has(c, P_axes);
    Move m = { 0 };
    if (!all && !call_axes(c, P_axes, x->shape.rank, set, &known)) return false;
    shape_strides(&x->shape, stride);
    for (int i = 0; i < x->shape.rank; i++) {
        bool back = all || set[i];
        if (back) m.src_at += (x->shape.dim[i] - 1) * stride[i];
        move_axis(&m, x->shape.dim[i], back ? -stride[i] : stride[i], stride[i]);
    }
    move_run(&m, x, c->res[0]);
    return true;
}

/* One entry of the batch: the first `n` entries of the sequence backwards. */
static void reverse_part(Call *c, int seq, int batch, int64_t entry, int64_t n)
{
    const Tensor *x = call_val(c, P_x);
    int64_t stride[MAX_RANK];
    shape_strides(&x->shape, stride);
    Move m = { .dst_at = entry * stride[batch],
               .src_at = entry * stride[batch] + (n - 1) * stride[seq] };
    for (int i = 0; i < x->shape.rank; i++)
        if (i == seq) move_axis(&m, n, -stride[i], stride[i]);
        else if (i != batch) move_axis(&m, x->shape.dim[i], stride[i], stride[i]);
    move_run(&m, x, c->res[0]);
}

bool eval_reverse_sequence(Call *c)
{
    const Tensor *x = call_val(c, P_x), *lengths = call_val(c, P_lengths);
    int seq, batch;
    if (!call_axis(c, P_seq_axis, x->shape.rank, &seq)
        || !call_axis(c, P_batch_axis, x->shape.rank, &batch))
        return false;
    move_all(x, c->res[0]);
    for (size_t i = 0; i < lengths->count; i++) {
        int64_t n = tensor_int(lengths, i);
        if (n < 0 || n > x->shape.dim[seq])
            return call_error(c, "lengths[%zu] is %lld; axis %d of x has %lld entries", i,
                              (long long)n, seq, (long long)x->shape.dim[seq]);
        if (n) reverse_part(c, seq, batch, (int64_t)i, n);
    }
    return true;
}

/* ---- slices ------------------------------------------------------------------------------ */

/* The part of a tensor of shape s, against a packed tensor that holds just it. */
static Move slice_move(const Shape *s, const SliceAxis *axis, bool update)
{
    int64_t stride[MAX_RANK], packed[MAX_RANK];
    Shape part = { .rank = s->rank };
    Move m = { 0 };
    for (int i = 0; i < s->rank; i++) part.dim[i] = axis[i].count;
    shape_strides(s, stride);
    shape_strides(&part, packed);
    for (int i = 0; i < s->rank; i++) {
        int64_t step = axis[i].step * stride[i], at = axis[i].start * stride[i];
        move_axis(&m, part.dim[i], update ? packed[i] : step, update ? step : packed[i]);
        if (update) m.dst_at += at;
        else m.src_at += at;
    }
    return m;
}

bool eval_slice_by_index(Call *c)
{
    const Tensor *x = call_val(c, P_x);
    SliceAxis axis[MAX_RANK];
    if (!slice_plan(c, &x->shape, axis)) return false;
    Move m = slice_move(&x->shape, axis, false);
    move_run(&m, x, c->res[0]);
    return true;
}

bool eval_slice_update(Call *c)
{
    const Tensor *x = call_val(c, P_x);
    SliceAxis axis[MAX_RANK];
    if (!slice_plan(c, &x->shape, axis)) return false;
    Move m = slice_move(&x->shape, axis, true);
    move_all(x, c->res[0]);
    move_run(&m, call_val(c, P_update), c->res[0]);
    return true;
}

bool eval_slice_by_size(Call *c)
{
    const Tensor *x = call_val(c, P_x);
    SliceAxis axis[MAX_RANK];
    Vector b;
    if (!call_per_axis(c, P_begin, &x->shape, 0, &b)) return false;
    for (int i = 0; i < x->shape.rank; i++)
        axis[i] = (SliceAxis){ .start = b.v[i] < 0 ? b.v[i] + x->shape.dim[i] : b.v[i],
                               .step = 1,
                               .count = c->res[0]->shape.dim[i] };
    Move m = slice_move(&x->shape, axis, false);
    move_run(&m, x, c->res[0]);
    return true;
}

bool eval_sliding_windows(Call *c)
{
    const Tensor *x = call_val(c, P_x);
    const Shape *r = &c->res[0]->shape;
    int64_t from[MAX_RANK], to[MAX_RANK], stride = call_int(c, P_stride);
    int axis;
    Move m = { 0 };
    if (!call_axis(c, P_axis, x->shape.rank, &axis)) return false;
    shape_strides(&x->shape, from);
    shape_strides(r, to);
    for (int i = 0; i < r->rank; i++) {
        int k =
            /* axes `axis` and `axis` + 1 of the result run along one of x */
            i > axis ? i - 1 : i;
        move_axis(&m, r->dim[i], i == axis ? from[k] * stride : from[k], to[i]);
    }
    move_run(&m, x, c->res[0]);
    return true;
}

/* ---- blocks ------------------------------------------------------------------------------ */

bool eval_block_moves(Call *c)
{
    BlockPlan p;
    int64_t from[MAX_RANK], step = 1;
    Move m = { 0 };
    if (!block_plan(c, &p)) return false;
    Shape parts = shape_of(6, p.factor);
    shape_strides(&parts, from);
    for (int i = 0; i < 6; i++) step *= p.factor[i];
    for (int i = 0; i < 6 && step; i++) {
        step /= p.factor[p.perm[i]];
        move_axis(&m, p.factor[p.perm[i]], from[p.perm[i]], step);
    }
    if (c->res[0]->count) move_run(&m, call_val(c, P_x), c->res[0]);
    return true;
}

/* The space and the batch side of space_to_batch and batch_to_space. Entry j of block place
 * `at` in the batch is entry j * block + at - edge of the space, where that exists. */
typedef struct {
    const Shape *space, *batch;
    int m;
    int64_t block[MAX_RANK], edge[MAX_RANK], at[MAX_RANK];
} Deal;

static Move deal_place(const Deal *d, int64_t place)
{
    int64_t s[MAX_RANK], b[MAX_RANK];
    Move m = { 0 };
    shape_strides(d->space, s);
    shape_strides(d->batch, b);
    m.dst_at = place * d->space->dim[0] * b[0];
    for (int i = 0; i < d->space->rank; i++) {
        int k = i - 2;
        if (k < 0 || k >= d->m) {
            move_axis(&m, d->space->dim[i], s[i], b[i]);
            continue;
        }
        int64_t off = d->at[k] - d->edge[k], n = d->space->dim[i], step = d->block[k];
        int64_t first = off >= 0 ? 0 : (-off + step - 1) / step;
        int64_t last = n - 1 - off < 0 ? -1 : (n - 1 - off) / step;
        if (last > d->batch->dim[i] - 1) last = d->batch->dim[i] - 1;
        move_axis(&m, last >= first ? last - first + 1 : 0, step * s[i], b[i]);
        m.src_at += (first * step + off) * s[i];
        m.dst_at += first * b[i];
    }
    return m;
}

static bool shape_deal(Call *c, ParamId edges, bool to_batch)
{
    const Tensor *x = call_val(c, P_x);
    Deal d = { .space = to_batch ? &x->shape : &c->res[0]->shape,
               .batch = to_batch ? &c->res[0]->shape : &x->shape };
    int64_t edge[2 * MAX_RANK], places = 1;
    d.m = call_ints(c, P_block_shape, d.block, MAX_RANK);
    if (call_ints(c, edges, edge, 2 * MAX_RANK) != 2 * d.m)
        return call_error(c, "%s must be known", param_names[edges]);
    for (int i = 0; i < d.m; i++) {
        d.edge[i] = edge[2 * i];
        places *= d.block[i];
    }
    if (!x->count || !c->res[0]->count) return true;
    for (int64_t p = 0; p < places; p++) {
        int64_t rest = p;
        for (int i = d.m - 1; i >= 0; i--) {
            d.at[i] = rest % d.block[i];
            rest /= d.block[i];
        }
        Move m = deal_place(&d, p);
        if (!to_batch) {
            Move back = { .rank = m.rank, .src_at = m.dst_at, .dst_at = m.src_at };
            for (int i = 0; i < m.rank; i++) {
                back.dim[i] = m.dim[i];
                back.src[i] = m.dst[i];
                back.dst[i] = m.src[i];
            }
            m = back;
        }
        move_run(&m, x, c->res[0]);
    }
    return true;
}

bool eval_space_to_batch(Call *c) { return shape_deal(c, P_paddings, true); }
bool eval_batch_to_space(Call *c) { return shape_deal(c, P_crops, false); }
