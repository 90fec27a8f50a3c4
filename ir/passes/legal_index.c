/* legal_index.c -- gather, scatter and their kin as slices and concat, where the indices are
 * constants and few enough. */
#include "legal.h"

#include <string.h>

enum {
    MAX_PARTS = 128,    /* slices that an op may become */
    MAX_ROWS = 1 << 20, /* of what is scattered into */
    FP16_WHOLE = 2048,  /* whole numbers up to here are exact in fp16 */
};

/* The constant of ints that v is, when its elements can be had; they stay as long as the
 * module. */
static bool known_tensor(Builder *b, const Value *v, Tensor *out)
{
    Tensor t;
    if (!v || v->type->kind != TY_TENSOR || !dtype_is_int(v->type->dtype)
        || !value_at_hand(v) || !value_tensor(v, b->diag, &t))
        return false;
    *out = t.owned ? tensor_view(
               t.dtype, &t.shape,
               memcpy(arena_alloc(&b->m->arena, t.bytes + 1), t.data, t.bytes))
                   : t;
    tensor_free(&t);
    return true;
}

/* ---- one_hot ----------------------------------------------------------------------------- */

static Value *one_element(Builder *b, DType t, double v)
{
    const Type *type = type_scalar(t);
    void *data = arena_alloc(&b->m->arena, sizeof(double));
    Tensor one = tensor_view(t, &type->shape, data);
    tensor_set_float(&one, 0, v);
    return build_const(b, "c", const_data(&b->m->arena, type, data));
}

/* The indices as they were before a cast to int32, which engines do not take: whole still, and
 * exact as far as n entries tell them apart. Others: as they are. */
static Value *index_uncast(Builder *b, Value *v, int64_t n)
{
    Value *from = v->def && v->def->kind == OP_cast ? op_value(v->def, P_x) : NULL;
    if (!from || n > FP16_WHOLE || from->type->dtype == DT_BOOL) return v;
    if (!dtype_is_float(from->type->dtype)) return make_cast(b, from, DT_FP16);
    Value *size = make_one(b, OP_floor, make_one(b, OP_abs, from));
    return make_two(b, OP_mul, size, make_one(b, OP_sign, from));
}

Value *make_counting(Builder *b, DType t, int rank, int axis, int64_t n)
{
    Shape s = { .rank = rank };
    for (int i = 0; i < rank; i++) s.dim[i] = i == axis ? n : 1;
    const Type *type = type_tensor(&b->m->arena, t, s);
    void *data = arena_alloc(&b->m->arena, type_bytes(type) + 1);
    Tensor all = tensor_view(t, &s, data);
    for (int64_t i = 0; i < n; i++) tensor_set_float(&all, (size_t)i, (double)i);
    return build_const(b, "range", const_data(&b->m->arena, type, data));
}

Value *one_hot_by_equal(const Legal *l, Builder *b, Op *op)
{
    const Shape *out = shape_of_value(op->out[0]);
    Value *indices = op_value(op, P_indices), *on = op_value(op, P_on_value),
          *off = op_value(op, P_off_value);
    const DType t = op->out[0]->type->dtype;
    (void)l;
    if (!out || !shape_of_value(indices)) return NULL;
    const int axis = axis_of(op, P_axis, -1, out->rank);
    if (axis < 0 || out->dim[axis] > COMPUTED_MAX / 4) return NULL;
    Shape s = *out;
    s.dim[axis] = 1;
    indices = make_shape(b, index_uncast(b, indices, out->dim[axis]), &s);
    Value *hot = make_two(
        b, OP_equal, indices,
        make_counting(b, indices->type->dtype, s.rank, axis, out->dim[axis]));
    if (!on) on = one_element(b, t, 1);
    if (!off) off = one_element(b, t, 0);
    return make_select(b, hot, on, off);
}

/* ---- one element of a line, by an input -------------------------------------------------- */

/* 1 where `indices`, one for each line of s along an axis, names the place, else 0, of type t.
 * Integers that are inputs are the processor's, and what an engine computes is not known when
 * it looks up: so it makes this table, and the engine multiplies by it, which is exact where
 * the line is finite. Places from the end are negative. NULL: the indices are others, or an
 * engine takes them. */
static Value *index_table(const Legal *l, Builder *b, const Op *op, const Shape *s,
                          int axis, DType t)
{
    Value *indices = op_value(op, P_indices);
    const Shape *at = shape_of_value(indices);
    if (!rule_holds(l->rules, RULE_io_type) || !at || !value_is_number(indices))
        return NULL;
    if (axis < 0 || at->rank != s->rank || at->dim[axis] != 1
        || s->dim[axis] > COMPUTED_MAX)
        return NULL;
    const DType n = indices->type->dtype;
    Shape line = { .rank = 0 };
    for (int i = 0; i < s->rank; i++)
        if (i != axis) line.dim[line.rank++] = at->dim[i];
    Value *size = build_const(b, "size", const_int(&b->m->arena, n, s->dim[axis]));
    Value *zero = build_const(b, "zero", const_int(&b->m->arena, n, 0));
    Value *behind = make_two(b, OP_add, indices, size),
          *below = make_two(b, OP_less, indices, zero);
    indices = make_shape(b, make_select(b, below, behind, indices), &line);
    Value *depth = build_int(b, s->dim[axis]), *along = build_int(b, axis);
    Value *one = one_element(b, t, 1), *none = one_element(b, t, 0);
    return mil_one_hot(b, "hot", .indices = indices, .one_hot_vector_size = depth,
                       .axis = along, .on_value = one, .off_value = none);
}

Value *gather_along_by_one_hot(const Legal *l, Builder *b, Op *op)
{
    Value *x = op_value(op, P_x);
    const Shape *s = shape_of_value(x);
    if (!s || value_is_const(x)) return NULL;
    const int axis = axis_of(op, P_axis, 0, s->rank);
    Value *hot = index_table(l, b, op, s, axis, x->type->dtype);
    if (!hot) return NULL;
    const int64_t at_axis[] = { axis };
    Value *product = make_two(b, OP_mul, x, hot);
    Value *axes = build_const(b, "axes", const_ints(&b->m->arena, DT_INT32, 1, at_axis));
    Value *keep = build_bool(b, true);
    return mil_reduce_sum(b, "sum", .x = product, .axes = axes, .keep_dims = keep);
}

/* The gradient of that, and what is written so: added, or in the place of what is there. */
static Value *scatter_along_by_one_hot(const Legal *l, Builder *b, Op *op,
                                       const char *mode)
{
    Value *data = op_value(op, P_data), *updates = op_value(op, P_updates);
    const Shape *s = shape_of_value(data);
    const bool adds = !strcmp(mode, "add"), sets = !strcmp(mode, "update");
    if (!s || (!adds && !sets)) return NULL;
    const DType t = data->type->dtype;
    Value *hot = index_table(l, b, op, s, axis_of(op, P_axis, 0, s->rank), t);
    if (!hot) return NULL;
    Value *put = make_two(b, OP_mul, updates, hot);
    if (sets) {
        Value *one = one_element(b, t, 1);
        data = make_two(b, OP_mul, data, make_two(b, OP_sub, one, hot));
    }
    return make_two(b, OP_add, data, put);
}

/* ---- rows that indices name -------------------------------------------------------------- */

/* The rows that n index vectors name in a tensor whose first `depth` axes are counted as
 * one. */
static bool flat_rows(const Tensor *ix, const Shape *data, int depth, int64_t n,
                      int64_t *row)
{
    for (int64_t i = 0; i < n; i++) {
        row[i] = 0;
        for (int k = 0; k < depth; k++) {
            int64_t v = tensor_int(ix, (size_t)(i * depth + k));
            if (v < 0) v += data->dim[k];
            if (v < 0 || v >= data->dim[k]) return false;
            row[i] = row[i] * data->dim[k] + v;
        }
    }
    return true;
}

/* The product of dimensions from axis `from` up to `to`. */
static int64_t index_dims(const Shape *s, int from, int to)
{
    int64_t n = 1;
    for (int i = from; i < to; i++) n *= s->dim[i];
    return n;
}

/* gather of the rows: the axes that an index vector names are one axis first. */
Value *gather_nd_by_gather(const Legal *l, Builder *b, Op *op)
{
    Value *x = op_value(op, P_x);
    const Shape *s = shape_of_value(x), *out = shape_of_value(op->out[0]);
    int64_t batch;
    Tensor ix;
    (void)l;
    if (!s || !out || !known_tensor(b, op_value(op, P_indices), &ix)) return NULL;
    if (!int_of(op, P_batch_dims, 0, &batch) || batch) return NULL;
    const int lead = ix.shape.rank - 1, depth = (int)ix.shape.dim[lead];
    const int64_t n = index_dims(&ix.shape, 0, lead);
    int64_t *row = arena_alloc(&b->m->arena, ix.count * sizeof *row + 1);
    if (depth < 1 || !flat_rows(&ix, s, depth, n, row)) return NULL;
    Shape merged = { .rank = s->rank - depth + 1 };
    merged.dim[0] = index_dims(s, 0, depth);
    for (int i = 1; i < merged.rank; i++) merged.dim[i] = s->dim[depth + i - 1];
    Value *rows = build_const(b, "rows", const_ints(&b->m->arena, DT_INT32, (int)n, row));
    x = make_shape(b, x, &merged);
    Value *y = mil_gather(b, "gather", .x = x, .indices = rows, .axis = build_int(b, 0));
    return make_shape(b, y, out);
}

/* ---- scatter ----------------------------------------------------------------------------- */

typedef struct {
    Value *data, *updates;
    int axis;
    int64_t n, *row;
    int by; /* the op that joins the two; OP_NONE: the update alone */
} Scatter;

static bool joined_by(const char *mode, int *by)
{
    static const struct {
        const char *mode;
        int op;
    } modes[] = { { "add", OP_add },      { "sub", OP_sub },     { "mul", OP_mul },
                  { "div", OP_real_div }, { "max", OP_maximum }, { "min", OP_minimum },
                  { "update", OP_NONE } };
    for (size_t i = 0; i < COUNT(modes); i++)
        if (!strcmp(mode, modes[i].mode)) {
            *by = modes[i].op;
            return true;
        }
    return false;
}

static Value *index_joined(Builder *b, const Scatter *s, Value *old, Value *update)
{
    return s->by != OP_NONE ? make_two(b, s->by, old, update) : update;
}

static bool in_a_row(const Scatter *s)
{
    for (int64_t i = 1; i < s->n; i++)
        if (s->row[i] != s->row[0] + i) return false;
    return true;
}

/* The parts of the result: the rows that are updated, and between them what stays. */
static Value *join_parts(Builder *b, const Scatter *s, Value **made, int64_t step)
{
    Value *part[2 * MAX_PARTS + 1];
    const int64_t all = s->data->type->shape.dim[s->axis];
    int n = 0;
    for (int64_t at = 0, from = 0; at <= all;) {
        const bool end = at == all;
        if (!end && !made[at]) {
            at++;
            continue;
        }
        if (from < at) part[n++] = make_slice(b, s->data, s->axis, from, at - from);
        if (end) break;
        part[n++] = made[at];
        from = at += step;
    }
    return make_concat(b, part, n, s->axis);
}

static Value *scatter_rows(Builder *b, const Scatter *s)
{
    const int64_t all = s->data->type->shape.dim[s->axis];
    const bool run = in_a_row(s);
    if ((!run && s->n > MAX_PARTS) || all > MAX_ROWS) return NULL;
    Value **made = NEW_ARRAY(&b->m->arena, all, Value *);
    if (run) {
        Value *old = make_slice(b, s->data, s->axis, s->row[0], s->n);
        made[s->row[0]] = index_joined(b, s, old, s->updates);
        return join_parts(b, s, made, s->n);
    }
    for (int64_t i = 0; i < s->n; i++) {
        Value **at = &made[s->row[i]];
        if (!*at && s->by != OP_NONE) *at = make_slice(b, s->data, s->axis, s->row[i], 1);
        *at = index_joined(b, s, *at, make_slice(b, s->updates, s->axis, i, 1));
    }
    return join_parts(b, s, made, 1);
}

/* scatter_along_axis where every line of updates goes to the same places */
static bool same_in_each_line(const Tensor *ix, Scatter *s)
{
    const Shape *u = &ix->shape;
    const int64_t inner = index_dims(u, s->axis + 1, u->rank);
    for (int i = 0; i < u->rank; i++)
        if (i != s->axis && u->dim[i] != s->data->type->shape.dim[i]) return false;
    for (size_t i = 0; i < ix->count; i++) {
        const int64_t at = (int64_t)i / inner % s->n;
        if (tensor_int(ix, i) != tensor_int(ix, (size_t)(at * inner))) return false;
    }
    for (int64_t i = 0; i < s->n; i++) s->row[i] = tensor_int(ix, (size_t)(i * inner));
    return true;
}

/* Index vectors name rows of the data with its first axes as one. */
static bool plan_nd(Builder *b, const Tensor *ix, Scatter *s)
{
    const Shape *data = &s->data->type->shape;
    const int lead = ix->shape.rank - 1, depth = (int)ix->shape.dim[lead];
    s->n = index_dims(&ix->shape, 0, lead);
    if (!flat_rows(ix, data, depth, s->n, s->row)) return false;
    const int64_t size = index_dims(data, depth, data->rank);
    s->data = make_as(b, s->data, SHAPE(index_dims(data, 0, depth), size));
    s->updates = make_as(b, s->updates, SHAPE(s->n, size));
    return true;
}

static bool plan_axis(Op *op, const Tensor *ix, Scatter *s)
{
    const Shape *data = &s->data->type->shape;
    s->axis = axis_of(op, P_axis, 0, data->rank);
    const bool along = op->kind == OP_scatter_along_axis;
    if (s->axis < 0 || (!along && ix->shape.rank != 1)) return false;
    s->n = along ? ix->shape.dim[s->axis] : ix->shape.dim[0];
    if (along && !same_in_each_line(ix, s)) return false;
    for (int64_t i = 0; i < s->n; i++) {
        if (!along) s->row[i] = tensor_int(ix, (size_t)i);
        if (s->row[i] < 0) s->row[i] += data->dim[s->axis];
        if (s->row[i] < 0 || s->row[i] >= data->dim[s->axis]) return false;
    }
    return true;
}

Value *scatter_by_slices(const Legal *l, Builder *b, Op *op)
{
    Scatter s = { .data = op_value(op, P_data), .updates = op_value(op, P_updates) };
    const char *mode = op_value(op, P_mode) ? op_const_string(op, P_mode) : "add";
    Tensor ix;
    if (mode && op->kind == OP_scatter_along_axis
        && value_is_number(op_value(op, P_indices)))
        return scatter_along_by_one_hot(l, b, op, mode);
    if (!mode || !joined_by(mode, &s.by)
        || !known_tensor(b, op_value(op, P_indices), &ix))
        return NULL;
    if (!shape_of_value(s.data) || !shape_of_value(s.updates) || !ix.count) return NULL;
    s.row = arena_alloc(&b->m->arena, ix.count * sizeof *s.row);
    if (op->kind == OP_scatter_nd ? !plan_nd(b, &ix, &s) : !plan_axis(op, &ix, &s))
        return NULL;
    Value *y = scatter_rows(b, &s);
    return y ? make_shape(b, y, &op->out[0]->type->shape) : NULL;
}

/* ---- sequences and windows --------------------------------------------------------------- */

/* x with its first n entries along the axis backwards */
static Value *reversed_start(Builder *b, Value *x, int axis, int64_t n)
{
    const int64_t all = x->type->shape.dim[axis];
    if (n < 2) return x;
    Value *part[2] = { n < all ? make_slice(b, x, axis, 0, n) : x };
    part[0] = mil_reverse(b, "reverse", .x = part[0],
                          .axes = build_ints(b, 1, (int64_t[]){ axis }));
    if (n < all) part[1] = make_slice(b, x, axis, n, all - n);
    return n < all ? make_concat(b, part, 2, axis) : part[0];
}

Value *reverse_sequence_by_reverse(const Legal *l, Builder *b, Op *op)
{
    Value *x = op_value(op, P_x), *part[MAX_PARTS];
    const Shape *s = shape_of_value(x);
    Tensor lengths;
    (void)l;
    if (!s || !known_tensor(b, op_value(op, P_lengths), &lengths) || lengths.count < 1)
        return NULL;
    const int along = axis_of(op, P_seq_axis, 0, s->rank),
              batch = axis_of(op, P_batch_axis, 0, s->rank);
    if (along < 0 || batch < 0 || along == batch
        || (int64_t)lengths.count != s->dim[batch])
        return NULL;
    if (lengths.count > MAX_PARTS) return NULL;
    int n = 0;
    for (size_t i = 0, next; i < lengths.count; i = next) {
        const int64_t len = tensor_int(&lengths, i);
        if (len < 0 || len > s->dim[along]) return NULL;
        for (next = i + 1; next < lengths.count && tensor_int(&lengths, next) == len;)
            next++;
        Value *entry = make_slice(b, x, batch, (int64_t)i, (int64_t)(next - i));
        part[n++] = reversed_start(b, entry, along, len);
    }
    return make_concat(b, part, n, batch);
}

/* Entries from, from + stride .. along the axis, n of them. */
static Value *index_strided(Builder *b, Value *x, int axis, int64_t from, int64_t stride,
                            int64_t n)
{
    int64_t begin[MAX_RANK] = { 0 }, step[MAX_RANK];
    Shape end = x->type->shape;
    for (int i = 0; i < end.rank; i++) step[i] = 1;
    begin[axis] = from;
    step[axis] = stride;
    end.dim[axis] = from + (n - 1) * stride + 1;
    return make_strided(b, x, begin, end.dim, step);
}

/* The windows one after the other, or their first entries, their second ones ..: the fewer. */
Value *windows_by_slices(const Legal *l, Builder *b, Op *op)
{
    Value *x = op_value(op, P_x), *part[MAX_PARTS];
    const Shape *s = shape_of_value(x), *out = shape_of_value(op->out[0]);
    int64_t size, stride;
    (void)l;
    if (!s || !out || !int_of(op, P_size, 1, &size) || !int_of(op, P_stride, 1, &stride))
        return NULL;
    const int axis = axis_of(op, P_axis, 0, s->rank);
    if (axis < 0 || stride < 1 || size < 1 || out->dim[axis] < 1) return NULL;
    const int64_t windows = out->dim[axis];
    const bool whole = windows <= size;
    const int64_t n = whole ? windows : size;
    if (n > MAX_PARTS) return NULL;
    Shape one = *out;
    one.dim[whole ? axis : axis + 1] = 1;
    for (int64_t i = 0; i < n; i++) {
        part[i] = whole ? make_slice(b, x, axis, i * stride, size)
                        : index_strided(b, x, axis, i, stride, windows);
        part[i] = make_shape(b, part[i], &one);
    }
    return make_concat(b, part, (int)n, whole ? axis : axis + 1);
}
