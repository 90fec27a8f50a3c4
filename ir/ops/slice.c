/* slice.c -- inference of the ops that take parts of a tensor, or write one. */
#include "move.h"

/* The number of steps when the dimension is not known: sure only where clamping cannot change
 * it. */
static int64_t open_count(bool bm, bool em, int64_t b, int64_t e, int64_t s)
{
    if (!bm && !em && (b < 0) == (e < 0)) {
        int64_t way = s > 0 ? e - b : b - e;
        if (way <= 0) return 0;
        if (way <= (s > 0 ? s : -s)) return 1;
    }
    if (!bm && em && b == (s > 0 ? -1 : 0)) return 1;
    if (bm && !em && e == 0 && s > 0) return 0;
    return DIM_ANY;
}

/* Begin or end as Python takes it: from the end when negative, then clamped into reach. */
static int64_t slice_bound(int64_t i, int64_t n, int64_t step)
{
    if (i < 0) i += n;
    int64_t low = step < 0 ? -1 : 0, high = step < 0 ? n - 1 : n;
    return i < low ? low : i > high ? high : i;
}

static void slice_range(SliceAxis *a, int64_t n, bool bm, bool em, int64_t b, int64_t e)
{
    int64_t s = a->step;
    b = bm ? (s > 0 ? 0 : n - 1) : slice_bound(b, n, s);
    e = em ? (s > 0 ? n : -1) : slice_bound(e, n, s);
    int64_t way = s > 0 ? e - b : b - e;
    a->start = b;
    a->count = way > 0 ? (way - 1) / (s > 0 ? s : -s) + 1 : 0;
}

static bool slice_point(Call *c, SliceAxis *a, int axis, int64_t n, bool mask, int64_t b)
{
    a->count = 1;
    a->step = 1;
    if (n == DIM_ANY) return true;
    a->start = mask ? 0 : b < 0 ? b + n : b;
    if (a->start >= 0 && a->start < n) return true;
    return call_error(c, "begin %lld is outside axis %d, which has %lld entries",
                      (long long)b, axis, (long long)n);
}

bool slice_plan(Call *c, const Shape *s, SliceAxis axis[MAX_RANK])
{
    Vector b, e, st, bm, em, sq;
    if (!call_per_axis(c, P_begin, s, 0, &b) || !call_per_axis(c, P_end, s, 0, &e)
        || !call_per_axis(c, P_stride, s, 1, &st)
        || !call_per_axis(c, P_begin_mask, s, 0, &bm)
        || !call_per_axis(c, P_end_mask, s, 0, &em)
        || !call_per_axis(c, P_squeeze_mask, s, 0, &sq))
        return false;
    if (!sq.known)
        return call_error(c,
                          "squeeze_mask, which makes the result's rank, must be known");
    for (int i = 0; i < s->rank; i++) {
        SliceAxis *a = &axis[i];
        bool from = (bm.known && bm.v[i]) || b.known,
             to = (em.known && em.v[i]) || e.known;
        *a = (SliceAxis){ .step = st.known ? st.v[i] : 1,
                          .count = DIM_ANY,
                          .squeeze = sq.v[i] != 0 };
        if (!a->step) return call_error(c, "stride is 0 at axis %d", i);
        if (a->squeeze) {
            if (!slice_point(c, a, i, from ? s->dim[i] : DIM_ANY, bm.v[i] != 0, b.v[i]))
                return false;
        } else if (from && to && st.known && bm.known && em.known) {
            if (s->dim[i] == DIM_ANY)
                a->count = open_count(bm.v[i] != 0, em.v[i] != 0, b.v[i], e.v[i],
                                      a->step);
            else slice_range(a, s->dim[i], bm.v[i] != 0, em.v[i] != 0, b.v[i], e.v[i]);
        }
    }
    return true;
}

/* A range that is written down and has its ends the wrong way round is refused, where both of
 * them count from the side that the stride leaves. */
static bool slice_runs(Call *c, const Shape *s)
{
    static const ParamId ends[] = { P_begin, P_end };
    int64_t v[2][MAX_RANK], stride[MAX_RANK];
    bool mask[2][MAX_RANK] = { { false } }, squeeze[MAX_RANK] = { false };
    for (int i = 0; i < 2; i++)
        if (!call_arg(c, ends[i], 0)->constant
            || call_ints(c, ends[i], v[i], MAX_RANK) != s->rank)
            return true;
    if (call_ints(c, P_stride, stride, MAX_RANK) != s->rank)
        for (int i = 0; i < s->rank; i++) stride[i] = 1;
    call_bools(c, P_begin_mask, mask[0], MAX_RANK);
    call_bools(c, P_end_mask, mask[1], MAX_RANK);
    call_bools(c, P_squeeze_mask, squeeze, MAX_RANK);
    for (int i = 0; i < s->rank; i++) {
        const int64_t b = v[0][i], e = v[1][i];
        if (mask[0][i] || mask[1][i] || squeeze[i]) continue;
        if (stride[i] > 0 ? b >= 0 && e >= 0 && e < b : b < 0 && e < 0 && b < e)
            return call_error(
                c, "begin %lld, end %lld and stride %lld go the wrong way at axis %d",
                (long long)b, (long long)e, (long long)stride[i], i);
    }
    return true;
}

static Shape shape_sliced(const Shape *s, const SliceAxis *axis)
{
    Shape r = { .rank = 0 };
    for (int i = 0; i < s->rank; i++)
        if (!axis[i].squeeze) r.dim[r.rank++] = axis[i].count;
    return r;
}

bool infer_slice_by_index(Call *c)
{
    SliceAxis axis[MAX_RANK];
    const Shape *x = call_shape(c, P_x);
    return slice_plan(c, x, axis) && slice_runs(c, x)
        && call_out(c, call_dtype(c, P_x), shape_sliced(x, axis));
}

bool infer_slice_update(Call *c)
{
    SliceAxis axis[MAX_RANK];
    const Shape *x = call_shape(c, P_x), *update = call_shape(c, P_update);
    if (!slice_plan(c, x, axis) || !slice_runs(c, x)) return false;
    Shape part = shape_sliced(x, axis);
    if (!update->rank)
        return call_error(
            c, "update is a scalar; Core ML has no update of rank 0: leave an axis "
               "unsqueezed");
    if (!shape_fits(&part, update))
        return call_error(c, "update is %s, but the slice of x, which is %s, is %s",
                          call_text(c, update), call_text(c, x), call_text(c, &part));
    return call_out(c, call_dtype(c, P_x), *x);
}

bool infer_slice_by_size(Call *c)
{
    const Shape *x = call_shape(c, P_x);
    Vector b, n;
    Shape r = { .rank = x->rank };
    if (!call_per_axis(c, P_begin, x, 0, &b) || !call_per_axis(c, P_size, x, 0, &n))
        return false;
    for (int i = 0; i < x->rank; i++) {
        int64_t dim = x->dim[i], size = n.known ? n.v[i] : DIM_ANY,
                from = b.known ? b.v[i] : 0;
        if (size < -1)
            return call_error(c, "size is %lld at axis %d", (long long)size, i);
        r.dim[i] = size;
        if (!b.known || dim == DIM_ANY) continue;
        if (from < 0) from += dim;
        if (from < 0 || from > dim || size > dim - from)
            return call_error(c,
                              "begin %lld and size %lld leave axis %d of x, which is %s",
                              (long long)b.v[i], (long long)size, i, call_text(c, x));
        if (n.known && size < 0) r.dim[i] = dim - from;
    }
    return call_out(c, call_dtype(c, P_x), r);
}

bool infer_sliding_windows(Call *c)
{
    const Shape *x = call_shape(c, P_x);
    int64_t size = call_int(c, P_size), stride = call_int(c, P_stride);
    int axis;
    if (!call_axis(c, P_axis, x->rank, &axis)) return false;
    int64_t dim = x->dim[axis];
    if (size < 1 || stride < 1)
        return call_error(c, "size %lld and stride %lld must be at least 1",
                          (long long)size, (long long)stride);
    if (dim != DIM_ANY && size > dim)
        return call_error(c, "windows of %lld do not fit axis %d of x, which is %s",
                          (long long)size, axis, call_text(c, x));
    Shape r = { .rank = 0 };
    if (!shape_append_some(c, &r, x, 0, axis)
        || !shape_append(c, &r, dim == DIM_ANY ? DIM_ANY : (dim - size) / stride + 1)
        || !shape_append(c, &r, size) || !shape_append_some(c, &r, x, axis + 1, x->rank))
        return false;
    return call_out(c, call_dtype(c, P_x), r);
}
