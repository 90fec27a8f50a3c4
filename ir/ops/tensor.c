/* tensor.c -- inference of the ops that join, split, fill, sort and count. */
#include "move.h"

#include <math.h>
#include <string.h>

/* ---- joining ----------------------------------------------------------------------------- */

/* values: tensors of one element type and one rank; all dimensions agree but that of
 * `axis` (-1: no exception). *s has the first's shape, with the dimensions that any of them
 * knows. */
static bool check_values(Call *c, int axis, Shape *s)
{
    const CallArg *first = call_arg(c, P_values, 0);
    if (!call_tensors(c, P_values)) return false;
    *s = first->type->shape;
    for (int i = 1; i < call_has(c, P_values); i++) {
        const Type *t = call_arg(c, P_values, i)->type;
        bool fits = t->shape.rank == s->rank && t->dtype == first->type->dtype;
        for (int k = 0; fits && k < s->rank; k++) {
            if (k == axis) continue;
            fits = dim_fits(s->dim[k], t->shape.dim[k]);
            if (s->dim[k] == DIM_ANY) s->dim[k] = t->shape.dim[k];
        }
        if (!fits)
            return call_error(c,
                              "values[%d] is %s and values[0] is %s; they must agree%s",
                              i, type_text(c->arena, t), type_text(c->arena, first->type),
                              axis < 0 ? "" : " but for the axis");
    }
    return true;
}

/* Scalars are joined as vectors of one element. */
bool infer_concat(Call *c)
{
    Shape s;
    int axis, n = call_has(c, P_values);
    if (!call_tensors(c, P_values)) return false;
    int rank = call_arg(c, P_values, 0)->type->shape.rank;
    if (!call_axis(c, P_axis, rank ? rank : 1, &axis)) return false;
    bool interleave = call_bool(c, P_interleave);
    if (!check_values(c, interleave ? -1 : axis, &s)) return false;
    DType t = call_arg(c, P_values, 0)->type->dtype;
    if (!rank) return call_out(c, t, SHAPE(n));
    if (interleave) return dim_mul(c, s.dim[axis], n, &s.dim[axis]) && call_out(c, t, s);
    s.dim[axis] = 0;
    for (int i = 0; i < n; i++)
        if (!dim_add(c, s.dim[axis], call_arg(c, P_values, i)->type->shape.dim[axis],
                     &s.dim[axis]))
            return false;
    return call_out(c, t, s);
}

bool infer_stack(Call *c)
{
    Shape s, r = { .rank = 0 };
    int axis;
    if (!check_values(c, -1, &s) || !call_axis(c, P_axis, s.rank + 1, &axis)
        || !shape_append_some(c, &r, &s, 0, axis)
        || !shape_append(c, &r, call_has(c, P_values))
        || !shape_append_some(c, &r, &s, axis, s.rank))
        return false;
    return call_out(c, call_arg(c, P_values, 0)->type->dtype, r);
}

/* ---- cutting ----------------------------------------------------------------------------- */

static bool even_sizes(Call *c, int64_t dim, int64_t n, int64_t *size)
{
    if (n < 1) return call_error(c, "num_splits is %lld", (long long)n);
    *size = dim == DIM_ANY ? DIM_ANY : dim / n;
    if (dim == DIM_ANY || dim % n == 0) return true;
    return call_error(c, "x is %s; %lld entries are not %lld equal parts",
                      call_text(c, call_shape(c, P_x)), (long long)dim, (long long)n);
}

bool infer_split(Call *c)
{
    const Shape *x = call_shape(c, P_x);
    int64_t size[MAX_RESULT], n, sum = 0;
    int axis;
    if (!call_axis(c, P_axis, x->rank, &axis)) return false;
    if (call_has(c, P_split_sizes)) {
        n = call_ints(c, P_split_sizes, size, MAX_RESULT);
        if (n < 0)
            return call_error(c, "split_sizes must be known, and at most %d", MAX_RESULT);
        if (call_has(c, P_num_splits) && call_int(c, P_num_splits) != n)
            return call_error(c, "num_splits is %lld, but split_sizes has %lld elements",
                              (long long)call_int(c, P_num_splits), (long long)n);
    } else if (call_has(c, P_num_splits)) {
        n = call_int(c, P_num_splits);
        if (n > MAX_RESULT)
            return call_error(c, "num_splits is %lld; %d is the most", (long long)n,
                              MAX_RESULT);
        if (!even_sizes(c, x->dim[axis], n, &size[0])) return false;
        for (int64_t i = 1; i < n; i++) size[i] = size[0];
        sum = x->dim[axis];
    } else {
        return call_error(c, "one of num_splits and split_sizes is needed");
    }
    for (int64_t i = 0; i < n && call_has(c, P_split_sizes); i++) {
        if (size[i] < 0)
            return call_error(c, "split_sizes holds %lld", (long long)size[i]);
        sum += size[i];
    }
    if (!dim_fits(sum, x->dim[axis]))
        return call_error(
            c, "split_sizes makes %lld, but axis %d of x, which is %s, has %lld entries",
            (long long)sum, axis, call_text(c, x), (long long)x->dim[axis]);
    for (int64_t i = 0; i < n; i++) {
        Shape s = *x;
        s.dim[axis] = size[i];
        if (!call_out(c, call_dtype(c, P_x), s)) return false;
    }
    return true;
}

/* ---- repeating and filling --------------------------------------------------------------- */

bool infer_tile(Call *c)
{
    const Shape *x = call_shape(c, P_x);
    Shape r = *x;
    Vector reps;
    /* Core ML refuses a 0 that is written down, and makes an empty tensor of one that is
     * computed. */
    const bool constant = call_arg(c, P_reps, 0)->constant;
    if (!x->rank) return call_error(c, "x is a scalar; it has no axis to repeat");
    if (!call_per_axis(c, P_reps, x, 1, &reps)) return false;
    for (int i = 0; i < x->rank; i++) {
        if (reps.known && reps.v[i] < (constant ? 1 : 0))
            return call_error(c, "reps holds %lld; at least %d is needed",
                              (long long)reps.v[i], constant ? 1 : 0);
        if (!dim_mul(c, x->dim[i], reps.known ? reps.v[i] : DIM_ANY, &r.dim[i]))
            return false;
    }
    return call_out(c, call_dtype(c, P_x), r);
}

bool infer_pad(Call *c)
{
    const Shape *x = call_shape(c, P_x);
    const int mode = call_choice(c, P_mode);
    const bool reflect = mode == EXTEND_REFLECT, replicate = mode == EXTEND_REPLICATE;
    Shape r = *x;
    Vector p;
    if (mode < 0) return false;
    if (!call_vector(c, P_pad, MOVE_RANK, &p)) return false;
    if (p.n >= 0 && (p.n % 2 || p.n / 2 > x->rank))
        return call_error(
            c, "pad has %d elements; x is %s, so an even number up to %d is needed", p.n,
            call_text(c, x), 2 * x->rank);
    if (!call_arg(c, P_pad, 0)->constant && p.n >= 0 && p.n != 2 * x->rank)
        return call_error(
            c, "pad is computed and has %d elements; x is %s, so it must have %d", p.n,
            call_text(c, x), 2 * x->rank);
    int first = p.n < 0 ? 0 : x->rank - p.n / 2;
    for (int i = first; i < x->rank; i++) {
        const int64_t *v = &p.v[2 * (i - first)];
        int64_t dim = x->dim[i];
        r.dim[i] = DIM_ANY;
        if (!p.known) continue;
        if (v[0] < 0 || v[1] < 0) return call_error(c, "pad holds a negative number");
        int64_t most = v[0] > v[1] ? v[0] : v[1];
        if (dim != DIM_ANY
            && ((reflect && most && most >= dim) || (replicate && most && !dim)))
            return call_error(
                c, "mode %s cannot make %lld entries from axis %d of x, which is %s",
                call_str(c, P_mode), (long long)most, i, call_text(c, x));
        if (!dim_add(c, dim, v[0] + v[1], &r.dim[i])) return false;
    }
    return call_out(c, call_dtype(c, P_x), r);
}

/* A dimension that an argument gives. */
static bool given_dim(Call *c, ParamId param, int64_t v, int64_t *dim)
{
    *dim = v;
    return v >= 0 || call_error(c, "%s holds %lld", param_names[param], (long long)v);
}

bool infer_fill(Call *c)
{
    Vector s;
    Shape r = { .rank = 0 };
    if (!call_vector(c, P_shape, MAX_RANK, &s)) return false;
    if (s.n < 0)
        return call_error(
            c, "the length of shape, which is the result's rank, must be known");
    for (r.rank = 0; r.rank < s.n; r.rank++)
        if (!s.known) r.dim[r.rank] = DIM_ANY;
        else if (!given_dim(c, P_shape, s.v[r.rank], &r.dim[r.rank])) return false;
    return call_out(c, call_has(c, P_value) ? call_dtype(c, P_value) : DT_FP32, r);
}

bool infer_fill_like(Call *c)
{
    return call_out(c, call_has(c, P_value) ? call_dtype(c, P_value) : DT_FP32,
                    *call_shape(c, P_ref_tensor));
}

/* How many, as numpy counts: difference and quotient are numbers of the element type t, so that
 * 0 to 0.3 by 0.1 are three although 0.1 is stored as less than a third of what 0.3 is. */
static double range_count(DType t, double start, double end, double step)
{
    double n = round_to(t, round_to(t, end - start) / step);
    return ceil(isinf(n) ? (end - start) / step : n);
}

bool infer_range_1d(Call *c)
{
    int64_t n = DIM_ANY;
    const Tensor *start = call_val(c, P_start), *end = call_val(c, P_end);
    const Tensor *step = call_val(c, P_step);
    if (start && end && step) {
        double by = tensor_float(step, 0);
        double count = range_count(start->dtype, tensor_float(start, 0),
                                   tensor_float(end, 0), by);
        if (by == 0) return call_error(c, "step is 0");
        if (isnan(count) || count > (double)INT32_MAX)
            return call_error(c, "there is no end from %g to %g by %g",
                              tensor_float(start, 0), tensor_float(end, 0), by);
        n = count > 0 ? (int64_t)count : 0;
    }
    return call_out(c, call_dtype(c, P_start), SHAPE(n));
}

bool infer_one_hot(Call *c)
{
    const Shape *ix = call_shape(c, P_indices);
    const Tensor *size = call_val(c, P_one_hot_vector_size);
    int64_t n = DIM_ANY;
    Shape r = { .rank = 0 };
    int axis;
    if (size && !given_dim(c, P_one_hot_vector_size, tensor_int(size, 0), &n))
        return false;
    if (!call_axis(c, P_axis, ix->rank + 1, &axis)
        || !shape_append_some(c, &r, ix, 0, axis) || !shape_append(c, &r, n)
        || !shape_append_some(c, &r, ix, axis, ix->rank))
        return false;
    DType t = call_has(c, P_on_value) ? call_dtype(c, P_on_value)
                                      : call_dtype(c, P_off_value);
    return call_out(c, t == DT_NONE ? DT_INT32 : t, r);
}

/* ---- orders ------------------------------------------------------------------------------ */

bool infer_along_axis(Call *c)
{
    const Shape *x = call_shape(c, P_x);
    int axis;
    if (c->info == &ops[OP_cumsum] && call_int(c, P_axis) < -1)
        return call_error(c, "axis is %lld; it must be -1, or count from the front",
                          (long long)call_int(c, P_axis));
    return call_axis(c, P_axis, x->rank, &axis)
        && call_out(c, c->info == &ops[OP_argsort] ? DT_INT32 : call_dtype(c, P_x), *x);
}

/* k -1 takes all. */
bool infer_topk(Call *c)
{
    Shape r = *call_shape(c, P_x);
    const char *name = call_str(c, P_output_indices_dtype);
    DType t = call_type_named(c, P_output_indices_dtype);
    int64_t k = call_int(c, P_k);
    int axis;
    if (!call_axis(c, P_axis, r.rank, &axis)) return false;
    if (k < -1 || (k > r.dim[axis] && r.dim[axis] != DIM_ANY))
        return call_error(c, "k is %lld, but axis %d of x, which is %s, has %lld entries",
                          (long long)k, axis, call_text(c, &r), (long long)r.dim[axis]);
    if (t != DT_INT32 && t != DT_UINT16)
        return call_error(
            c, "output_indices_dtype \"%s\" is no type for indices: int32 or uint16",
            name);
    if (call_has(c, P_output_indices_dtype) && !call_bool(c, P_return_indices))
        return call_error(c, "output_indices_dtype goes with return_indices");
    if (k != -1) r.dim[axis] = call_known(c, P_k) ? k : DIM_ANY;
    return call_out(c, call_dtype(c, P_x), r)
        && (!call_bool(c, P_return_indices) || call_out(c, t, r));
}

/* Of a constant it is known how many there are. */
bool infer_non_zero(Call *c)
{
    const Tensor *x = call_arg(c, P_x, 0)->constant ? call_val(c, P_x) : NULL;
    int64_t n = x ? 0 : DIM_ANY;
    for (size_t i = 0; x && i < x->count; i++) n += tensor_float(x, i) != 0;
    return call_out(c, DT_INT32, SHAPE(n, call_shape(c, P_x)->rank));
}

/* Up to ios16 a row is a box; from ios17 on a column is, and how many there are is no
 * result. */
bool infer_non_maximum_suppression(Call *c)
{
    const Shape *b = call_shape(c, P_boxes), *s = call_shape(c, P_scores);
    const bool columns = c->opset >= OPSET_IOS17;
    const int box = columns ? 2 : 1, of = columns ? 1 : 2;
    int64_t most = call_int(c, P_max_boxes);
    DType t = call_dtype(c, P_boxes);
    if (b->rank != 3 || s->rank != 3 || !dim_fits(b->dim[of], 4)
        || !dim_fits(b->dim[0], s->dim[0]) || !dim_fits(b->dim[box], s->dim[box]))
        return call_error(c, "boxes is %s and scores is %s; %s has them as %s",
                          call_text(c, b), call_text(c, s), opset_text(c->opset),
                          columns ? "[n, 4, B] and [n, classes, B]"
                                  : "[n, B, 4] and [n, B, classes]");
    if (most < 0) return call_error(c, "max_boxes is %lld", (long long)most);
    if (!call_known(c, P_max_boxes)) most = DIM_ANY;
    if (s->dim[of] == 0)
        return call_error(c, "scores is %s: there is no class", call_text(c, s));
    int64_t n = b->dim[0] == DIM_ANY ? s->dim[0] : b->dim[0];
    if (columns)
        return call_out(c, t, SHAPE(n, 4, most))
            && call_out(c, t, SHAPE(n, s->dim[of], most))
            && call_out(c, DT_INT32, SHAPE(n, most));
    return call_out(c, t, SHAPE(n, most, 4)) && call_out(c, t, SHAPE(n, most, s->dim[2]))
        && call_out(c, DT_INT32, SHAPE(n, most)) && call_out(c, DT_INT32, SHAPE(n));
}

/* ---- the rest ---------------------------------------------------------------------------- */

bool infer_band_part(Call *c)
{
    const Shape *x = call_shape(c, P_x);
    if (x->rank < 2) return call_error(c, "x is %s: a matrix is needed", call_text(c, x));
    return call_out(c, call_dtype(c, P_x), *x);
}

/* Axes before `axis` become the rows, the rest the columns; axis may be the rank itself. */
bool infer_flatten2d(Call *c)
{
    const Shape *x = call_shape(c, P_x);
    int64_t axis = call_int(c, P_axis), side[2] = { 1, 1 };
    if (axis < 0) axis += x->rank;
    if (axis < 0 || axis > x->rank)
        return call_error(c, "axis %lld is outside x, which is %s",
                          (long long)call_int(c, P_axis), call_text(c, x));
    for (int i = 0; i < x->rank; i++)
        if (!dim_mul(c, side[i >= axis], x->dim[i], &side[i >= axis])) return false;
    return call_out(c, call_dtype(c, P_x), SHAPE(side[0], side[1]));
}

bool infer_shape(Call *c)
{
    return call_out(c, DT_INT32, SHAPE(call_shape(c, P_x)->rank));
}

bool infer_identity(Call *c) { return call_out_type(c, call_arg(c, P_x, 0)->type); }
