/* tensor_eval.c -- reference kernels of the ops that join, split, fill, sort and count. */
#include "move.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- joining and cutting ----------------------------------------------------------------- */

/* A whole tensor against a part of a larger one along `axis`: from entry `at` on, every
 * `step`-th. */
static Move tensor_along(const Shape *part, const Shape *whole, int axis, int64_t at,
                         int64_t step, bool out)
{
    int64_t p[MAX_RANK], w[MAX_RANK];
    Move m = { 0 };
    shape_strides(part, p);
    shape_strides(whole, w);
    if (out) m.src_at = at * w[axis];
    else m.dst_at = at * w[axis];
    for (int i = 0; i < part->rank; i++) {
        int64_t by = i == axis ? w[i] * step : w[i];
        move_axis(&m, part->dim[i], out ? by : p[i], out ? p[i] : by);
    }
    return m;
}

/* values[i] is seen with the axes it has in the result: scalars, and the values of stack, gain
 * one. */
static bool tensor_join(Call *c, bool stack)
{
    const Shape *whole = &c->res[0]->shape;
    int axis, n = call_has(c, P_values);
    bool interleave = !stack && call_bool(c, P_interleave);
    if (!call_axis(c, P_axis, whole->rank, &axis)) return false;
    int64_t at = 0;
    for (int i = 0; i < n; i++) {
        const Tensor *v = call_arg(c, P_values, i)->val;
        Shape part = v->shape;
        if (part.rank < whole->rank) {
            part = *whole;
            part.dim[axis] = 1;
        }
        Move m = tensor_along(&part, whole, axis, interleave ? i : at, interleave ? n : 1,
                              false);
        move_run(&m, v, c->res[0]);
        at += part.dim[axis];
    }
    return true;
}

bool eval_concat(Call *c) { return tensor_join(c, false); }
bool eval_stack(Call *c) { return tensor_join(c, true); }

bool eval_split(Call *c)
{
    const Tensor *x = call_val(c, P_x);
    int axis;
    int64_t at = 0;
    if (!call_axis(c, P_axis, x->shape.rank, &axis)) return false;
    for (int i = 0; i < c->nout; i++) {
        Move m = tensor_along(&c->res[i]->shape, &x->shape, axis, at, 1, true);
        move_run(&m, x, c->res[i]);
        at += c->res[i]->shape.dim[axis];
    }
    return true;
}

/* ---- repeating and filling --------------------------------------------------------------- */

bool eval_tile(Call *c)
{
    const Tensor *x = call_val(c, P_x);
    int64_t from[MAX_RANK], to[MAX_RANK];
    Vector reps;
    Move m = { 0 };
    if (!call_per_axis(c, P_reps, &x->shape, 1, &reps)) return false;
    shape_strides(&x->shape, from);
    shape_strides(&c->res[0]->shape, to);
    for (int i = 0; i < x->shape.rank; i++) {
        move_axis(&m, reps.v[i], 0, to[i] * x->shape.dim[i]);
        move_axis(&m, x->shape.dim[i], from[i], to[i]);
    }
    move_run(&m, x, c->res[0]);
    return true;
}

/* Slab `to` of an axis becomes a copy of slab `from`, over the whole of every other axis. */
static void copy_slab(Tensor *t, int axis, int64_t to, int64_t from)
{
    Shape part = t->shape;
    int64_t stride[MAX_RANK];
    shape_strides(&t->shape, stride);
    part.dim[axis] = 1;
    Move m = { .src_at = from * stride[axis], .dst_at = to * stride[axis] };
    for (int i = 0; i < part.rank; i++) move_axis(&m, part.dim[i], stride[i], stride[i]);
    move_run(&m, t, t);
}

/* The edges of one axis, from its `n` middle entries. Done axis after axis, the corners come
 * right. */
static void pad_edges(Tensor *t, int axis, int64_t before, int64_t n, int64_t after,
                      bool reflect)
{
    for (int64_t i = 1; i <= before; i++)
        copy_slab(t, axis, before - i, reflect ? before + i : before);
    for (int64_t i = 1; i <= after; i++)
        copy_slab(t, axis, before + n - 1 + i, before + n - 1 - (reflect ? i : 0));
}

bool eval_pad(Call *c)
{
    const Tensor *x = call_val(c, P_x), *value = call_val(c, P_constant_val);
    const int mode = call_chosen(c, P_mode);
    Tensor *r = c->res[0];
    int64_t from[MAX_RANK], to[MAX_RANK];
    Vector p;
    Move m = { 0 };
    if (!call_vector(c, P_pad, MOVE_RANK, &p)) return false;
    int first = x->shape.rank - p.n / 2;
    if (value && mode == EXTEND_CONSTANT && r->count) move_fill(value, r);
    shape_strides(&x->shape, from);
    shape_strides(&r->shape, to);
    for (int i = 0; i < x->shape.rank; i++) {
        if (i >= first) m.dst_at += p.v[2 * (i - first)] * to[i];
        move_axis(&m, x->shape.dim[i], from[i], to[i]);
    }
    move_run(&m, x, r);
    for (int i = first; i < x->shape.rank && mode != EXTEND_CONSTANT && r->count; i++)
        pad_edges(r, i, p.v[2 * (i - first)], x->shape.dim[i], p.v[2 * (i - first) + 1],
                  mode == EXTEND_REFLECT);
    return true;
}

/* fill, fill_like: results are zeros already when no value is given. */
bool eval_fills(Call *c)
{
    const Tensor *value = call_val(c, P_value);
    if (value && value->count && c->res[0]->count) move_fill(value, c->res[0]);
    return true;
}

bool eval_range_1d(Call *c)
{
    Tensor *r = c->res[0];
    const Tensor *start = call_val(c, P_start), *step = call_val(c, P_step);
    for (size_t i = 0; i < r->count; i++)
        if (dtype_is_float(r->dtype))
            tensor_set_float(r, i,
                             tensor_float(start, 0) + (double)i * tensor_float(step, 0));
        else
            tensor_set_int(r, i, tensor_int(start, 0) + (int64_t)i * tensor_int(step, 0));
    return true;
}

/* An index that is outside marks nothing. */
bool eval_one_hot(Call *c)
{
    const Tensor *ix = call_val(c, P_indices), *on = call_val(c, P_on_value),
                 *off = call_val(c, P_off_value);
    Tensor *r = c->res[0];
    int axis;
    if (!call_axis(c, P_axis, r->shape.rank, &axis)) return false;
    int64_t inner = shape_elements(&r->shape, axis + 1, r->shape.rank),
            dim = r->shape.dim[axis];
    size_t size = tensor_elem_size(r);
    if (off && r->count) move_fill(off, r);
    for (size_t i = 0; i < ix->count && r->count; i++) {
        int64_t v = tensor_int(ix, i), k = (int64_t)i;
        size_t at = (size_t)((k / inner * dim + v) * inner + k % inner);
        if (v < 0 || v >= dim) continue;
        if (on) memcpy((char *)r->data + at * size, on->data, size);
        else if (dtype_is_float(r->dtype)) tensor_set_float(r, at, 1);
        else tensor_set_int(r, at, 1);
    }
    return true;
}

/* ---- lines: the elements along one axis -------------------------------------------------- */

typedef struct {
    int64_t n, stride;    /* of a line */
    int64_t lines, inner; /* how many; `inner` of them lie side by side */
} Lines;

static bool lines_of(Call *c, const Shape *s, Lines *l)
{
    int axis;
    if (!call_axis(c, P_axis, s->rank, &axis)) return false;
    l->n = s->dim[axis];
    l->inner = l->stride = shape_elements(s, axis + 1, s->rank);
    l->lines = shape_elements(s, 0, axis) * l->inner;
    return true;
}

static int64_t line_start(const Lines *l, int64_t i)
{
    return i / l->inner * l->n * l->stride + i % l->inner;
}

bool eval_cumsum(Call *c)
{
    const Tensor *x = call_val(c, P_x);
    Tensor *r = c->res[0];
    bool exclusive = call_bool(c, P_exclusive), back = call_bool(c, P_reverse);
    Lines l;
    if (!lines_of(c, &x->shape, &l)) return false;
    for (int64_t i = 0; i < l.lines; i++) {
        double sum = 0;
        uint64_t whole = 0;
        for (int64_t k = 0; k < l.n; k++) {
            size_t at = (size_t)(line_start(&l, i) + (back ? l.n - 1 - k : k) * l.stride);
            double before = sum;
            uint64_t whole_before = whole;
            if (dtype_is_float(x->dtype)) {
                sum += tensor_float(x, at);
                tensor_set_float(r, at, exclusive ? before : sum);
            } else {
                whole += (uint64_t)tensor_int(x, at);
                tensor_set_int(r, at, (int64_t)(exclusive ? whole_before : whole));
            }
        }
    }
    return true;
}

/* ---- sorting: equal elements keep their order, NaN is last ------------------------------- */

typedef struct {
    double v;
    int64_t i;
} Ranked;

static int by_value(double a, double b)
{
    bool an = isnan(a), bn = isnan(b);
    return an || bn ? an - bn : (a > b) - (a < b);
}

static int by_index(const Ranked *a, const Ranked *b)
{
    return (a->i > b->i) - (a->i < b->i);
}

static int rank_up(const void *p, const void *q)
{
    const Ranked *a = p, *b = q;
    int d = by_value(a->v, b->v);
    return d ? d : by_index(a, b);
}

static int rank_down(const void *p, const void *q)
{
    const Ranked *a = p, *b = q;
    bool nan = isnan(a->v) || isnan(b->v);
    int d = nan ? by_value(a->v, b->v) : by_value(b->v, a->v);
    return d ? d : by_index(a, b);
}

static void tensor_rank(Ranked *v, size_t n, bool ascending)
{
    if (n) qsort(v, n, sizeof *v, ascending ? rank_up : rank_down);
}

/* Sorts each line of x; the first entries, as many as the results have, are stored: elements
 * into `values` and their places into `places`, either of which may be NULL. */
static bool sort_lines(Call *c, Tensor *values, Tensor *places)
{
    const Tensor *x = call_val(c, P_x);
    bool ascending = call_bool(c, P_ascending);
    Lines l, k;
    if (!lines_of(c, &x->shape, &l)
        || !lines_of(c, values ? &values->shape : &places->shape, &k))
        return false;
    size_t size = tensor_elem_size(x);
    Ranked *line = call_scratch(c, (size_t)l.n + 1, sizeof *line);
    for (int64_t i = 0; i < l.lines; i++) {
        for (int64_t j = 0; j < l.n; j++)
            line[j] = (Ranked){
                tensor_float(x, (size_t)(line_start(&l, i) + j * l.stride)), j
            };
        tensor_rank(line, (size_t)l.n, ascending);
        for (int64_t j = 0; j < k.n; j++) {
            size_t to = (size_t)(line_start(&k, i) + j * k.stride);
            size_t from = (size_t)(line_start(&l, i) + line[j].i * l.stride);
            if (values)
                memcpy((char *)values->data + to * size,
                       (const char *)x->data + from * size, size);
            if (places) tensor_set_int(places, to, line[j].i);
        }
    }
    return true;
}

bool eval_argsort(Call *c) { return sort_lines(c, NULL, c->res[0]); }
bool eval_topk(Call *c)
{
    return sort_lines(c, c->res[0], c->nout > 1 ? c->res[1] : NULL);
}

/* ---- results whose dimension depends on the data ----------------------------------------- */

bool eval_non_zero(Call *c)
{
    const Tensor *x = call_val(c, P_x);
    int rank_x = x->shape.rank;
    int64_t stride[MAX_RANK], found = 0, at = 0;
    for (size_t i = 0; i < x->count; i++) found += tensor_float(x, i) != 0;
    shape_strides(&x->shape, stride);
    Shape s = SHAPE(found, rank_x);
    if (!call_alloc(c, 0, DT_INT32, &s)) return false;
    for (size_t i = 0; i < x->count; i++) {
        if (tensor_float(x, i) == 0) continue;
        for (int k = 0; k < rank_x; k++)
            tensor_set_int(c->res[0], (size_t)at++,
                           (int64_t)i / stride[k] % x->shape.dim[k]);
    }
    return true;
}

/* ---- the rest ---------------------------------------------------------------------------- */

bool eval_band_part(Call *c)
{
    const Tensor *x = call_val(c, P_x);
    int64_t lower = call_int(c, P_lower), upper = call_int(c, P_upper);
    int64_t cols = x->shape.dim[x->shape.rank - 1],
            rows = x->shape.dim[x->shape.rank - 2];
    int64_t all = cols ? (int64_t)x->count / cols : 0;
    size_t size = tensor_elem_size(x);
    for (int64_t i = 0; i < all; i++) {
        int64_t row = i % rows, from = lower < 0 || row - lower < 0 ? 0 : row - lower;
        int64_t to = upper < 0 || row + upper >= cols ? cols : row + upper + 1;
        size_t at = (size_t)(i * cols + from) * size;
        if (from < to)
            memcpy((char *)c->res[0]->data + at, (const char *)x->data + at,
                   (size_t)(to - from) * size);
    }
    return true;
}

bool eval_shape(Call *c)
{
    const Shape *s = &call_val(c, P_x)->shape;
    for (int i = 0; i < s->rank; i++) tensor_set_int(c->res[0], (size_t)i, s->dim[i]);
    return true;
}

bool eval_identity(Call *c)
{
    tensor_free(c->res[0]);
    return tensor_copy(c->res[0], c->diag, call_val(c, P_x));
}
