/* onnx_shape.c -- nodes that make constants, and that change shapes or cut and join tensors. */
#include "onnx.h"

#include <string.h>

static bool unknown(OnnxCall *c, const char *what)
{
    return onnx_refuse(c, "%s must be known before it runs", what);
}

/* ---- constants --------------------------------------------------------------------------- */

static Value *const_of(OnnxCall *c, const Const *lit)
{
    Builder *b = &c->b;
    return build_const(b, c->node->nout ? c->node->out[0] : "t", lit);
}

/* Integers of an attribute, as int32. */
static const Const *const_numbers(OnnxCall *c, int n, const int64_t *from, bool scalar)
{
    Arena *a = &c->b.m->arena;
    int64_t *v = NEW_ARRAY(c->file->arena, n + 1, int64_t);
    for (int i = 0; i < n; i++) {
        v[i] = from[i] < INT32_MIN ? INT32_MIN
             : from[i] > INT32_MAX ? INT32_MAX
                                   : from[i];
        c->gives_clamped |= v[i] != from[i];
    }
    return scalar ? const_int(a, DT_INT32, v[0]) : const_ints(a, DT_INT32, n, v);
}

bool node_constant(OnnxCall *c)
{
    Arena *a = &c->b.m->arena;
    const OnnxAttr *v;
    const Const *lit = NULL;
    if ((v = onnx_attr(c, "value")) && v->tensor) {
        lit = v->tensor->value;
        c->gives_clamped = v->tensor->clamped;
    } else if ((v = onnx_attr(c, "value_float"))) {
        lit = const_float(a, DT_FP32, v->f);
    } else if ((v = onnx_attr(c, "value_int"))) {
        lit = const_numbers(c, 1, &v->i, true);
    } else if ((v = onnx_attr(c, "value_ints"))) {
        lit = const_numbers(c, v->nints, v->ints, false);
    } else if ((v = onnx_attr(c, "value_floats"))) {
        const Type *t = type_tensor(a, DT_FP32, SHAPE(v->nfloats));
        float *data = NEW_ARRAY(a, v->nfloats + 1, float);
        if (v->nfloats) memcpy(data, v->floats, (size_t)v->nfloats * sizeof *data);
        lit = const_data(a, t, data);
    }
    if (!lit)
        return onnx_refuse(c, "it has no value, or one that is no tensor of numbers");
    c->out[0] = const_of(c, lit);
    return true;
}

bool node_constant_of_shape(OnnxCall *c)
{
    Builder *b = &c->b;
    const OnnxAttr *v = onnx_attr(c, "value");
    Value *one = build_float(b, DT_FP32, 0);
    if (v && v->tensor) {
        c->gives_clamped = v->tensor->clamped;
        one = onnx_scalar(c, build_const(b, "value", v->tensor->value));
    }
    c->out[0] = mil_fill(b, "t", .shape = c->in[0], .value = one);
    return true;
}

bool node_range(OnnxCall *c)
{
    Builder *b = &c->b;
    c->out[0] = mil_range_1d(b, "t", .start = c->in[0], .end = c->in[1],
                             .step = c->in[2]);
    return true;
}

/* A matrix with a number where `on` says. */
static Value *drawn(OnnxCall *c, DType t, int64_t rows, int64_t columns, int64_t k,
                    bool (*on)(int64_t row, int64_t column, int64_t k))
{
    Builder *b = &c->b;
    Arena *a = &c->b.m->arena;
    const Type *type = type_tensor(a, DT_BOOL, SHAPE(rows, columns));
    void *data;
    Const *lit = const_room(a, type, type_bytes(type), &data);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++)
            ((uint8_t *)data)[i * columns + j] = on(i, j, k);
    return onnx_cast(c, build_const(b, "drawn", lit), t);
}

static bool on_diagonal(int64_t row, int64_t column, int64_t k)
{
    return column - row == k;
}
static bool above_diagonal(int64_t row, int64_t column, int64_t k)
{
    return column - row >= k;
}
static bool below_diagonal(int64_t row, int64_t column, int64_t k)
{
    return column - row <= k;
}

enum { ONNX_DRAWN = 1 << 14 }; /* rows and columns of what is drawn, at most */

static bool drawn_size(OnnxCall *c, const Shape *s)
{
    if (s->rank < 2) return onnx_refuse(c, "its input is no matrix");
    const int64_t rows = s->dim[s->rank - 2], columns = s->dim[s->rank - 1];
    if (rows < 0 || columns < 0) return unknown(c, "the size of its matrix");
    return (rows <= ONNX_DRAWN && columns <= ONNX_DRAWN)
        || onnx_refuse(c, "its matrix is too large");
}

bool node_eye_like(OnnxCall *c)
{
    const Shape *s = onnx_shape(c->in[0]);
    const OnnxAttr *to = onnx_attr(c, "dtype");
    const DType t = to ? onnx_type(to->i)->as : onnx_dtype(c->in[0]);
    if (t == DT_NONE) return onnx_refuse(c, "MIL has no such type");
    if (!drawn_size(c, s)) return false;
    c->out[0] = drawn(c, t, s->dim[0], s->dim[1], onnx_int(c, "k", 0), on_diagonal);
    return true;
}

bool node_trilu(OnnxCall *c)
{
    Builder *b = &c->b;
    Value *x = c->in[0];
    const Shape *s = onnx_shape(x);
    int64_t k = 0;
    if (onnx_given(c, 1) && !value_int(c->in[1], &k)) return unknown(c, "its k");
    if (!drawn_size(c, s)) return false;
    const bool upper = onnx_int(c, "upper", 1) != 0;
    Value *keep = drawn(c, DT_BOOL, s->dim[s->rank - 2], s->dim[s->rank - 1], k,
                        upper ? above_diagonal : below_diagonal);
    if (onnx_dtype(x) == DT_BOOL)
        return (c->out[0] = onnx_both(c, OP_logical_and, x, keep)) != NULL;
    c->out[0] = mil_select(b, "t", .cond = keep, .a = x, .b = onnx_number(c, x, 0));
    return true;
}

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
    if (dim[0] < 0 && dim[1] < 0) return unknown(c, "one of its sides");
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
    if (n == -2) return unknown(c, "its axes");
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
    if (n == -2) return unknown(c, "its axes");
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
    if (n < 0 || n > MAX_RANK) return unknown(c, "its shape");
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
            return unknown(c, "its input's shape");
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
    if (total < 0) return unknown(c, "the dimension that it splits");
    const int n = split_sizes(c, total, size);
    if (n < c->node->nout) return unknown(c, "the sizes of its parts");
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
        return unknown(c, "where it begins and ends");
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
    if (n < 0 || na == -2) return unknown(c, "how much it pads");
    if (na < 0)
        for (na = 0; na < rank; na++) axis[na] = na;
    if (n != 2 * na) return onnx_refuse(c, "it has %d pads for %d axes", n, na);
    int first = rank;
    for (int i = 0; i < na; i++) {
        if (!onnx_axis(c, &axis[i], rank)) return false;
        const int64_t low = pad[i], high = pad[na + i], dim = onnx_shape(x)->dim[axis[i]];
        if ((low < 0 || high < 0) && dim < 0)
            return unknown(c, "the dimension that it cuts");
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
