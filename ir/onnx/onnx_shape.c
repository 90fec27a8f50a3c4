/* onnx_shape.c -- nodes that ask for shapes, change them, or cut and join tensors. */
#include "onnx.h"

#include <string.h>

/* ---- what shapes are --------------------------------------------------------------------- */

bool node_shape(OnnxCall *c)
{
    Builder *b = &c->b;
    const Shape *s = onnx_shape(c->in[0]);
    int64_t start = onnx_int(c, "start", 0), end = onnx_int(c, "end", s->rank);
    if (start < 0) start += s->rank;
    if (end < 0) end += s->rank;
    start = start < 0 ? 0 : start > s->rank ? s->rank : start;
    end = end < start ? start : end > s->rank ? s->rank : end;
    bool known = true;
    for (int64_t i = start; i < end; i++) known = known && s->dim[i] >= 0;
    if (known) {
        c->out[0] = build_ints(b, (int)(end - start), s->dim + start);
    } else {
        c->out[0] = mil_shape(b, "t", .x = c->in[0]);
        if (start || end < s->rank) c->out[0] = onnx_part(c, c->out[0], 0, start, end);
    }
    return true;
}

bool node_size(OnnxCall *c)
{
    Builder *b = &c->b;
    size_t count;
    if (shape_count(onnx_shape(c->in[0]), &count)) {
        c->out[0] = build_int(b, (int64_t)count);
        return true;
    }
    Value *dims = mil_shape(b, "shape", .x = c->in[0]);
    c->out[0] = mil_reduce_prod(b, "t", .x = dims, .keep_dims = build_bool(b, false));
    return true;
}

/* ---- another shape ----------------------------------------------------------------------- */

/* A shape that the program computes: where it has a 0, x's dimension of that place. */
static Value *kept_dims(OnnxCall *c, Value *x, Value *shape)
{
    Builder *b = &c->b;
    const int64_t n = onnx_shape(shape)->dim[0];
    if (onnx_rank(shape) != 1 || n < 0 || n > MAX_RANK || onnx_int(c, "allowzero", 0))
        return shape;
    int64_t ones[MAX_RANK];
    for (int i = 0; i < n; i++) ones[i] = 1;
    Value *dims[2];
    dims[0] = mil_shape(b, "dims", .x = x);
    dims[1] = build_ints(b, (int)n, ones);
    Value *own = onnx_part(c, onnx_join(c, 2, dims, 0), 0, 0, n);
    Value *none = onnx_both(c, OP_equal, shape, build_int(b, 0));
    return mil_select(b, "wanted", .cond = none, .a = own, .b = shape);
}

bool node_reshape(OnnxCall *c)
{
    Builder *b = &c->b;
    int64_t dim[MAX_RANK * 2];
    Value *x = c->in[0];
    const int n = onnx_list(c, "shape", 1, dim);
    if (n == -1) return onnx_refuse(c, "it has no shape");
    if (n == -2) {
        c->out[0] = mil_reshape(b, "t", .x = x, .shape = kept_dims(c, x, c->in[1]));
        return true;
    }
    if (n > MAX_RANK) return onnx_refuse(c, "its shape has more than 16 dimensions");
    /* a 0 is the dimension of x, or with allowzero none */
    for (int i = 0; i < n; i++) {
        if (dim[i] || onnx_int(c, "allowzero", 0)) continue;
        if (i >= onnx_rank(x))
            return onnx_refuse(c, "its shape keeps a dimension that is not there");
        if (onnx_shape(x)->dim[i] >= 0) dim[i] = onnx_shape(x)->dim[i];
    }
    c->out[0] = onnx_reshape(c, x, n, dim);
    return true;
}

bool node_flatten(OnnxCall *c)
{
    const Shape *s = onnx_shape(c->in[0]);
    int64_t axis = onnx_int(c, "axis", 1), dim[2] = { 1, 1 };
    if (axis < 0) axis += s->rank;
    if (axis < 0 || axis > s->rank) return onnx_refuse(c, "there is no such axis");
    for (int i = 0; i < s->rank; i++) {
        int64_t *d = &dim[i >= axis];
        *d = *d < 0 || s->dim[i] < 0 ? -1 : *d * s->dim[i];
    }
    if (dim[0] < 0 && dim[1] < 0) return onnx_unknown(c, "one of its sides");
    c->out[0] = onnx_reshape(c, c->in[0], 2, dim);
    return true;
}

bool node_transpose(OnnxCall *c)
{
    Builder *b = &c->b;
    int64_t perm[MAX_RANK * 2];
    const int rank = onnx_rank(c->in[0]);
    int n = onnx_ints(c, "perm", perm);
    if (n < 0)
        for (n = 0; n < rank; n++) perm[n] = rank - 1 - n;
    if (!rank) return node_identity(c);
    c->out[0] = mil_transpose(b, "t", .x = c->in[0], .perm = build_ints(b, n, perm));
    return true;
}

bool node_squeeze(OnnxCall *c)
{
    Builder *b = &c->b;
    int64_t axis[MAX_RANK * 2];
    const int n = onnx_list(c, "axes", 1, axis);
    if (n == -2) return onnx_unknown(c, "its axes");
    for (int i = 0; i < n; i++)
        if (!onnx_axis(c, &axis[i], onnx_rank(c->in[0]))) return false;
    c->out[0] = n < 0 ? mil_squeeze(b, "t", .x = c->in[0])
              : n == 0
                  ? c->in[0]
                  : mil_squeeze(b, "t", .x = c->in[0], .axes = build_ints(b, n, axis));
    return true;
}

bool node_unsqueeze(OnnxCall *c)
{
    Builder *b = &c->b;
    int64_t axis[MAX_RANK * 2];
    const int n = onnx_list(c, "axes", 1, axis);
    if (n == -2) return onnx_unknown(c, "its axes");
    if (n < 0) return onnx_refuse(c, "it has no axes");
    if (n + onnx_rank(c->in[0]) > MAX_RANK)
        return onnx_refuse(c, "it gives more than 16 dimensions");
    for (int i = 0; i < n; i++)
        if (!onnx_axis(c, &axis[i], onnx_rank(c->in[0]) + n)) return false;
    c->out[0] = n ? mil_expand_dims(b, "t", .x = c->in[0], .axes = build_ints(b, n, axis))
                  : c->in[0];
    return true;
}

bool node_tile(OnnxCall *c)
{
    Builder *b = &c->b;
    c->out[0] = mil_tile(b, "t", .x = c->in[0], .reps = c->in[1]);
    return true;
}

/* The shape broadcasts with that of x, both ways. */
bool node_expand(OnnxCall *c)
{
    Builder *b = &c->b;
    int64_t dim[MAX_RANK * 2], reps[MAX_RANK];
    Value *x = c->in[0];
    Shape out;
    const int n = value_ints(c->in[1], dim);
    if (n < 0 || n > MAX_RANK) return onnx_unknown(c, "its shape");
    const Shape wanted = shape_of(n, dim);
    if (!shape_broadcast(onnx_shape(x), &wanted, &out))
        return onnx_refuse(c, "%s does not broadcast to %s",
                           shape_text(c->file->arena, onnx_shape(x)),
                           shape_text(c->file->arena, &wanted));
    int64_t from[MAX_RANK];
    const int added = out.rank - onnx_rank(x);
    bool same = !added;
    for (int i = 0; i < out.rank; i++) {
        from[i] = i < added ? 1 : onnx_shape(x)->dim[i - added];
        if (from[i] < 0 && i >= added && out.dim[i] >= 0)
            return onnx_unknown(c, "its input's shape");
        reps[i] = from[i] == 1 ? out.dim[i] : 1;
        same = same && reps[i] == 1;
    }
    if (added) x = onnx_reshape(c, x, out.rank, from);
    const bool logical = onnx_dtype(x) == DT_BOOL;
    if (logical && !same) x = onnx_cast(c, x, DT_INT32);
    if (!same) x = mil_tile(b, "t", .x = x, .reps = build_ints(b, out.rank, reps));
    c->out[0] = logical ? onnx_cast(c, x, DT_BOOL) : x;
    return x != NULL;
}

/* NULL: it is none, which was reported. */
static Value *block_of(OnnxCall *c)
{
    const int64_t n = onnx_int(c, "blocksize", 0);
    if (n >= 1) return build_int(&c->b, n);
    onnx_refuse(c, "its blocksize is %lld", (long long)n);
    return NULL;
}

bool node_depth_to_space(OnnxCall *c)
{
    Builder *b = &c->b;
    Value *size = block_of(c);
    if (!size) return false;
    const bool column = !strcmp(onnx_text(c, "mode", "DCR"), "CRD");
    c->out[0] = column ? mil_pixel_shuffle(b, "t", .x = c->in[0], .upscale_factor = size)
                       : mil_depth_to_space(b, "t", .x = c->in[0], .block_size = size);
    return true;
}

bool node_space_to_depth(OnnxCall *c)
{
    Builder *b = &c->b;
    Value *size = block_of(c);
    if (!size) return false;
    c->out[0] = mil_space_to_depth(b, "t", .x = c->in[0], .block_size = size);
    return true;
}

/* ---- cutting and joining ----------------------------------------------------------------- */

bool node_concat(OnnxCall *c)
{
    int64_t axis = onnx_int(c, "axis", c->file->opset < 4 ? 1 : 0);
    if (!onnx_axis(c, &axis, onnx_rank(c->in[0]))) return false;
    c->out[0] = onnx_join(c, c->nin, c->in, (int)axis);
    return true;
}

/* Sizes that are given; else equal ones, of which the last may be smaller. */
static int split_sizes(OnnxCall *c, int64_t total, int64_t *size)
{
    int n = onnx_list(c, "split", 1, size);
    if (n != -1) return n;
    n = (int)onnx_int(c, "num_outputs", c->node->nout);
    if (n < 1 || n > ONNX_MAX_OUT || n > MAX_RANK * 2) return -2;
    const int64_t each = (total + n - 1) / n;
    for (int i = 0; i < n; i++) size[i] = i < n - 1 ? each : total - each * (n - 1);
    return n;
}

bool node_split(OnnxCall *c)
{
    int64_t axis = onnx_int(c, "axis", 0), size[MAX_RANK * 2], at = 0;
    if (!onnx_axis(c, &axis, onnx_rank(c->in[0]))) return false;
    const int64_t total = onnx_shape(c->in[0])->dim[axis];
    if (total < 0) return onnx_unknown(c, "the dimension that it splits");
    const int n = split_sizes(c, total, size);
    if (n < c->node->nout) return onnx_unknown(c, "the sizes of its parts");
    for (int i = 0; i < n && i < c->node->nout; i++) {
        if (size[i] < 0 || size[i] > total - at)
            return onnx_refuse(c, "its parts are larger than its input");
        c->out[i] = onnx_part(c, c->in[0], (int)axis, at, at + size[i]);
        at += size[i];
    }
    return at == total || n > c->node->nout
        || onnx_refuse(c, "its parts are smaller than its input");
}

typedef struct {
    int64_t begin[MAX_RANK], end[MAX_RANK], step[MAX_RANK];
    bool first[MAX_RANK], last[MAX_RANK]; /* from, and to, the very end */
} OnnxCut;

static int64_t between(int64_t v, int64_t low, int64_t high)
{
    return v < low ? low : v > high ? high : v;
}

/* One axis of a slice, as ONNX moves its ends into the tensor. */
static void cut_axis(OnnxCut *s, int64_t axis, int64_t dim, int64_t begin, int64_t end,
                     int64_t step)
{
    s->step[axis] = step;
    s->begin[axis] = begin;
    s->end[axis] = end;
    s->first[axis] = s->last[axis] = false;
    if (dim < 0) {
        s->last[axis] = step > 0 ? end == INT32_MAX : end <= -INT32_MAX;
        s->first[axis] = step < 0 && begin == INT32_MAX;
        return;
    }
    if (begin < 0) begin += dim;
    if (end < 0) end += dim;
    s->begin[axis] = step > 0 ? between(begin, 0, dim) : between(begin, 0, dim - 1);
    s->end[axis] = step > 0 ? between(end, 0, dim) : between(end, -1, dim - 1);
    s->last[axis] = s->end[axis] == (step > 0 ? dim : -1);
    if (s->end[axis] < 0) s->end[axis] = 0; /* the mask says it */
}

bool node_slice(OnnxCall *c)
{
    Builder *b = &c->b;
    int64_t begin[MAX_RANK * 2], end[MAX_RANK * 2], axis[MAX_RANK * 2],
        step[MAX_RANK * 2];
    Value *x = c->in[0];
    const int rank = onnx_rank(x), n = onnx_list(c, "starts", 1, begin),
              m = onnx_list(c, "ends", 2, end);
    const int na = onnx_list(c, "axes", 3, axis), ns = onnx_list(c, "steps", 4, step);
    if (n < 0 || m < 0 || na == -2 || ns == -2)
        return onnx_unknown(c, "where it begins and ends");
    if (n != m || (na >= 0 && na != n) || (ns >= 0 && ns != n) || n > rank)
        return onnx_refuse(c, "its starts, ends, axes and steps are not as many");
    OnnxCut s;
    for (int i = 0; i < rank; i++) {
        s.begin[i] = s.end[i] = 0;
        s.step[i] = 1;
        s.first[i] = s.last[i] = true;
    }
    for (int i = 0; i < n; i++) {
        if (na < 0) axis[i] = i;
        if (ns < 0) step[i] = 1;
        if (!step[i]) return onnx_refuse(c, "a step is 0");
        if (!onnx_axis(c, &axis[i], rank)) return false;
        cut_axis(&s, axis[i], onnx_shape(x)->dim[axis[i]], begin[i], end[i], step[i]);
    }
    Arena *a = &c->b.m->arena;
    Value *from = build_ints(b, rank, s.begin);
    Value *to = build_ints(b, rank, s.end);
    Value *by = build_ints(b, rank, s.step);
    Value *first = build_const(b, "first", const_bools(a, rank, s.first));
    Value *last = build_const(b, "last", const_bools(a, rank, s.last));
    c->out[0] = mil_slice_by_index(b, "t", .x = x, .begin = from, .end = to, .stride = by,
                                   .begin_mask = first, .end_mask = last);
    return true;
}

static const char *pad_mode(const char *mode)
{
    static const char *const modes[][2] = { { "constant", "constant" },
                                            { "reflect", "reflect" },
                                            { "edge", "replicate" } };
    for (size_t i = 0; i < COUNT(modes); i++)
        if (!strcmp(modes[i][0], mode)) return modes[i][1];
    return NULL;
}

/* ONNX has all begins and then all ends, MIL a pair for each axis; negative ones cut off. */
bool node_pad(OnnxCall *c)
{
    Builder *b = &c->b;
    int64_t pad[MAX_RANK * 2], axis[MAX_RANK * 2], pair[MAX_RANK * 2] = { 0 };
    Value *x = c->in[0];
    const int rank = onnx_rank(x),
              n = onnx_list(c, c->file->opset < 2 ? "paddings" : "pads", 1, pad);
    const char *mode = pad_mode(onnx_text(c, "mode", "constant"));
    int na = onnx_list(c, "axes", 3, axis);
    if (!mode) return onnx_refuse(c, "its mode is %s", onnx_text(c, "mode", ""));
    if (n < 0 || na == -2) return onnx_unknown(c, "how much it pads");
    if (na < 0)
        for (na = 0; na < rank; na++) axis[na] = na;
    if (n != 2 * na) return onnx_refuse(c, "it has %d pads for %d axes", n, na);
    int first = rank;
    for (int i = 0; i < na; i++) {
        if (!onnx_axis(c, &axis[i], rank)) return false;
        const int64_t low = pad[i], high = pad[na + i], dim = onnx_shape(x)->dim[axis[i]];
        if ((low < 0 || high < 0) && dim < 0)
            return onnx_unknown(c, "the dimension that it cuts");
        if (low < 0 || high < 0)
            x = onnx_part(c, x, (int)axis[i], low < 0 ? -low : 0,
                          dim + (high < 0 ? high : 0));
        pair[2 * axis[i]] = low > 0 ? low : 0;
        pair[2 * axis[i] + 1] = high > 0 ? high : 0;
        if ((low > 0 || high > 0) && axis[i] < first) first = (int)axis[i];
    }
    if (first == rank) return (c->out[0] = x) != NULL;
    const DType t = onnx_dtype(x);
    Value *value = onnx_given(c, 2) ? onnx_scalar(c, c->in[2])
                                    : onnx_number(c, x, onnx_float(c, "value", 0));
    value = onnx_cast(c, value, t);
    Value *pads = build_ints(b, 2 * (rank - first), pair + 2 * first);
    Value *way = build_string(b, mode);
    c->out[0] = mil_pad(b, "t", .x = x, .pad = pads, .mode = way, .constant_val = value);
    return true;
}
