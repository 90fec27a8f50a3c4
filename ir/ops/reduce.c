/* reduce.c -- reductions over axes. */
#include "eval.h"
#include "grad.h"
#include "move.h"
#include "geometry.h"

#include <math.h>
#include <string.h>

/* ==== inference
 * ============================================================================= */

bool call_axes_or_all(Call *c, ParamId param, int rank, bool *in)
{
    bool known;
    if (!call_has(c, param)) {
        memset(in, 1, MAX_RANK * sizeof *in);
        return true;
    }
    if (!call_axes(c, param, rank, in, &known)) return false;
    return known || call_error(c, "%s must be known at compile time", param_names[param]);
}

static Shape reduce_dims(const Shape *x, const bool *in, bool keep)
{
    Shape s = { .rank = 0 };
    for (int i = 0; i < x->rank; i++)
        if (!in[i] || keep) s.dim[s.rank++] = in[i] ? 1 : x->dim[i];
    return s;
}

bool infer_reduce(Call *c)
{
    bool in[MAX_RANK];
    const Shape *x = call_shape(c, P_x);
    if (!call_axes_or_all(c, P_axes, x->rank, in)) return false;
    return call_out(c, call_dtype(c, P_x), reduce_dims(x, in, call_bool(c, P_keep_dims)));
}

/* The type of the indices: int32, or from ios17 on what output_dtype names. */
static bool index_type(Call *c, DType *t)
{
    const int i = call_choice(c, P_output_dtype);
    *t = i == INDEX_UINT16 ? DT_UINT16 : DT_INT32;
    return i >= 0;
}

bool infer_argreduce(Call *c)
{
    int axis;
    DType t;
    bool in[MAX_RANK] = { false };
    const Shape *x = call_shape(c, P_x);
    if (!call_axis(c, P_axis, x->rank, &axis) || !index_type(c, &t)) return false;
    if (x->dim[axis] == 0)
        return call_error(c, "x is %s; dimension %d has no element to choose",
                          call_text(c, x), axis);
    in[axis] = true;
    return call_out(c, t, reduce_dims(x, in, call_bool(c, P_keep_dims)));
}

/* ==== reference kernels =================================================================== */

/* ---- of a row of floats ------------------------------------------------------------------ */

static double reduce_sum(const double *x, int64_t n)
{
    double s = 0;
    for (int64_t i = 0; i < n; i++) s += x[i];
    return s;
}

static double sum_abs(const double *x, int64_t n)
{
    double s = 0;
    for (int64_t i = 0; i < n; i++) s += fabs(x[i]);
    return s;
}

static double sum_square(const double *x, int64_t n)
{
    double s = 0;
    for (int64_t i = 0; i < n; i++) s += x[i] * x[i];
    return s;
}

static double reduce_product(const double *x, int64_t n)
{
    double p = 1;
    for (int64_t i = 0; i < n; i++) p *= x[i];
    return p;
}

static double reduce_largest(const double *x, int64_t n)
{
    double m = -INFINITY;
    for (int64_t i = 0; i < n; i++) m = num_max(x[i], m);
    return m;
}

static double reduce_smallest(const double *x, int64_t n)
{
    double m = INFINITY;
    for (int64_t i = 0; i < n; i++) m = num_min(x[i], m);
    return m;
}

/* The largest is taken off first, so that exp cannot overflow; an infinite one is the
 * answer. */
static double log_sum_exp(const double *x, int64_t n)
{
    double top = reduce_largest(x, n), s = 0;
    if (isinf(top)) return top;
    for (int64_t i = 0; i < n; i++) s += exp(x[i] - top);
    return top + log(s);
}

/* ---- of a row of ints: modulo 2^64, and wrapped into the type when stored ---------------- */

static int64_t int_sum(const int64_t *v, int64_t n)
{
    uint64_t s = 0;
    for (int64_t i = 0; i < n; i++) s += (uint64_t)v[i];
    return (int64_t)s;
}

static int64_t int_sum_abs(const int64_t *v, int64_t n)
{
    uint64_t s = 0;
    for (int64_t i = 0; i < n; i++) s += (uint64_t)(v[i] < 0 ? -v[i] : v[i]);
    return (int64_t)s;
}

static int64_t int_sum_square(const int64_t *v, int64_t n)
{
    uint64_t s = 0;
    for (int64_t i = 0; i < n; i++) s += (uint64_t)(v[i] * v[i]);
    return (int64_t)s;
}

static int64_t int_product(const int64_t *v, int64_t n)
{
    uint64_t p = 1;
    for (int64_t i = 0; i < n; i++) p *= (uint64_t)v[i];
    return (int64_t)p;
}

static int64_t int_largest(const int64_t *v, int64_t n)
{
    int64_t m = INT32_MIN;
    for (int64_t i = 0; i < n; i++) m = v[i] > m ? v[i] : m;
    return m;
}

static int64_t int_smallest(const int64_t *v, int64_t n)
{
    int64_t m = INT32_MAX;
    for (int64_t i = 0; i < n; i++) m = v[i] < m ? v[i] : m;
    return m;
}

/* ---- the functions ----------------------------------------------------------------------- */

typedef struct {
    double (*number)(const double *x, int64_t n);
    int64_t (*whole)(const int64_t *v,
                     int64_t n); /* NULL: number, and then toward zero */
} Reduction;

static double l2_norm(const double *x, int64_t n) { return sqrt(sum_square(x, n)); }
static double log_sum(const double *x, int64_t n) { return log(reduce_sum(x, n)); }
static double reduce_mean(const double *x, int64_t n)
{
    return reduce_sum(x, n) / (double)n;
}

static const Reduction functions[OP_COUNT] = {
    [OP_reduce_l1_norm] = { sum_abs, int_sum_abs },
    [OP_reduce_l2_norm] = { l2_norm, NULL },
    [OP_reduce_log_sum] = { log_sum, NULL },
    [OP_reduce_log_sum_exp] = { log_sum_exp, NULL },
    [OP_reduce_max] = { reduce_largest, int_largest },
    [OP_reduce_mean] = { reduce_mean, NULL },
    [OP_reduce_min] = { reduce_smallest, int_smallest },
    [OP_reduce_prod] = { reduce_product, int_product },
    [OP_reduce_sum] = { reduce_sum, int_sum },
    [OP_reduce_sum_square] = { sum_square, int_sum_square },
};

static bool reduce_wholes(Call *c, const Reduction *f, const bool *in)
{
    const Tensor *x = call_val(c, P_x);
    AxisRows r = axis_rows(c, &x->shape, in, call_int64s_of(c, x));
    const int64_t *v = r.word;
    for (int64_t i = 0; i < r.count; i++)
        tensor_set_int(c->res[0], (size_t)i, f->whole(v + i * r.length, r.length));
    return true;
}

static bool reduce_numbers(Call *c, const Reduction *f, const bool *in)
{
    const Tensor *x = call_val(c, P_x);
    Tensor *y = c->res[0];
    AxisRows r = axis_rows(c, &x->shape, in, call_doubles_of(c, x));
    const double *v = r.word;
    for (int64_t i = 0; i < r.count; i++) {
        double s = f->number(v + i * r.length, r.length);
        if (dtype_is_float(y->dtype)) tensor_set_float(y, (size_t)i, s);
        else tensor_set_int(y, (size_t)i, int_from_double(y->dtype, s));
    }
    return true;
}

bool eval_reduce(Call *c)
{
    bool in[MAX_RANK];
    const Reduction *f = &functions[c->info - ops];
    if (!call_axes_or_all(c, P_axes, call_shape(c, P_x)->rank, in)) return false;
    return f->whole && !dtype_is_float(call_dtype(c, P_x)) ? reduce_wholes(c, f, in)
                                                           : reduce_numbers(c, f, in);
}

/* ---- where the largest and the smallest are ---------------------------------------------- */

/* The first of equals; the first NaN before all else, as in numpy. */
static int64_t arg_best(const double *x, int64_t n, bool want_max)
{
    int64_t best = 0;
    for (int64_t i = 1; i < n && x[best] == x[best]; i++)
        if (x[i] != x[i] || (want_max ? x[i] > x[best] : x[i] < x[best])) best = i;
    return best;
}

static bool arg_reduce(Call *c, bool want_max)
{
    int axis;
    bool in[MAX_RANK] = { false };
    const Tensor *x = call_val(c, P_x);
    if (!call_axis(c, P_axis, x->shape.rank, &axis)) return false;
    in[axis] = true;
    AxisRows r = axis_rows(c, &x->shape, in, call_doubles_of(c, x));
    const double *v = r.word;
    for (int64_t i = 0; i < r.count; i++)
        tensor_set_int(c->res[0], (size_t)i,
                       arg_best(v + i * r.length, r.length, want_max));
    return true;
}

bool eval_reduce_argmax(Call *c) { return arg_reduce(c, true); }
bool eval_reduce_argmin(Call *c) { return arg_reduce(c, false); }

/* ==== gradients
 * ============================================================================= */

/* Gradients of reductions. x is the argument, y the result and d what flows
 * back into it, both with the axes that were reduced as 1. */

typedef struct {
    Builder *b;
    Value *x, *y, *d;
    bool axes[MAX_RANK];
    int64_t n; /* elements that one of y is made of */
} Reduce;

static bool open_reduce(Grad *g, Reduce *r)
{
    int64_t axes[MAX_RANK * 2];
    *r = (Reduce){ .b = g->b, .x = grad_arg(g, P_x), .n = 1 };
    if (!grad_wants(g, P_x)) return false;
    const Value *given = grad_arg(g, P_axes);
    const int rank = r->x->type->shape.rank, n = given ? value_ints(given, axes) : 0;
    Shape kept = r->x->type->shape;
    for (int i = 0; i < rank; i++) r->axes[i] = !given;
    for (int i = 0; i < n; i++) r->axes[axes[i] < 0 ? axes[i] + rank : axes[i]] = true;
    for (int i = 0; i < rank; i++) {
        if (!r->axes[i]) continue;
        r->n *= kept.dim[i];
        kept.dim[i] = 1;
    }
    r->y = grad_as(g->b, g->op->out[0], kept);
    r->d = grad_as(g->b, g->dy[0], kept);
    return true;
}

static bool reduce_done(Grad *g, const Reduce *r, Value *dx)
{
    grad_give(g, P_x, grad_spread(r->b, dx, &r->x->type->shape));
    return true;
}

static Value *sum_over(const Reduce *r, Value *v)
{
    return grad_reduce(r->b, OP_reduce_sum, v, r->axes, true);
}

bool grad_reduce_sum(Grad *g)
{
    Reduce r;
    return !open_reduce(g, &r) || reduce_done(g, &r, r.d);
}

bool grad_reduce_mean(Grad *g)
{
    Reduce r;
    return !open_reduce(g, &r)
        || reduce_done(g, &r, grad_scaled(r.b, r.d, 1 / (double)r.n));
}

/* Elements that are the largest share the gradient. */
bool grad_reduce_extreme(Grad *g)
{
    Reduce r;
    if (!open_reduce(g, &r)) return true;
    Value *is = make_two(r.b, OP_equal, r.x, r.y);
    Value *one = grad_spread(r.b, make_number(r.b, r.x, 1), &r.x->type->shape);
    Value *mark = grad_where(r.b, is, one, NULL);
    Value *share = make_two(r.b, OP_real_div, mark, sum_over(&r, mark));
    return reduce_done(g, &r, grad_times(r.b, r.d, share));
}

/* The product of the others: y / x where no factor is 0; where one is, the product of the rest
 * at its place and 0 elsewhere. */
bool grad_reduce_prod(Grad *g)
{
    Reduce r;
    if (!open_reduce(g, &r)) return true;
    Builder *b = r.b;
    Value *zero = make_with(b, OP_equal, r.x, 0);
    Value *ones = grad_spread(b, make_number(b, r.x, 1), &r.x->type->shape);
    Value *factor = grad_where(b, zero, ones, r.x);
    Value *rest = grad_reduce(b, OP_reduce_prod, factor, r.axes, true);
    Value *zeros = sum_over(&r, grad_where(b, zero, ones, NULL));
    Value *none = make_with(b, OP_equal, zeros, 0),
          *one = make_with(b, OP_equal, zeros, 1);
    Value *at_zero = grad_where(b, one, rest, NULL);
    Value *elsewhere = grad_where(b, none, rest, NULL);
    Value *others = make_two(b, OP_real_div, grad_where(b, zero, at_zero, elsewhere),
                             factor);
    return reduce_done(g, &r, grad_times(b, r.d, others));
}

bool grad_reduce_l1_norm(Grad *g)
{
    Reduce r;
    return !open_reduce(g, &r)
        || reduce_done(g, &r, grad_times(r.b, r.d, make_one(r.b, OP_sign, r.x)));
}

/* x over the norm, and 0 where that is 0 */
bool grad_reduce_l2_norm(Grad *g)
{
    Reduce r;
    if (!open_reduce(g, &r)) return true;
    Value *root = make_with(r.b, OP_pow, sum_over(&r, grad_times(r.b, r.x, r.x)), -0.5);
    Value *none = make_with(r.b, OP_equal, r.y, 0);
    Value *scale = grad_times(r.b, r.d, grad_where(r.b, none, NULL, root));
    return reduce_done(g, &r, grad_times(r.b, r.x, scale));
}

bool grad_reduce_log_sum(Grad *g)
{
    Reduce r;
    return !open_reduce(g, &r)
        || reduce_done(g, &r, make_two(r.b, OP_real_div, r.d, sum_over(&r, r.x)));
}

bool grad_reduce_log_sum_exp(Grad *g)
{
    Reduce r;
    if (!open_reduce(g, &r)) return true;
    Value *share = make_one(r.b, OP_exp, make_two(r.b, OP_sub, r.x, r.y));
    return reduce_done(g, &r, grad_times(r.b, r.d, share));
}

bool grad_reduce_sum_square(Grad *g)
{
    Reduce r;
    return !open_reduce(g, &r)
        || reduce_done(g, &r, grad_times(r.b, r.d, grad_scaled(r.b, r.x, 2)));
}
