/* eval_reduce.c -- the reference meaning of what folds dimensions away. */
#include "eval.h"

#include <math.h>

/* ---- of a row of floats ------------------------------------------------------------------ */

static double sum(const double *x, int64_t n)
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

static double product(const double *x, int64_t n)
{
    double p = 1;
    for (int64_t i = 0; i < n; i++) p *= x[i];
    return p;
}

static double largest(const double *x, int64_t n)
{
    double m = -INFINITY;
    for (int64_t i = 0; i < n; i++) m = num_max(x[i], m);
    return m;
}

static double smallest(const double *x, int64_t n)
{
    double m = INFINITY;
    for (int64_t i = 0; i < n; i++) m = num_min(x[i], m);
    return m;
}

/* The largest is taken off first, so that exp cannot overflow; an infinite one is the
 * answer. */
static double log_sum_exp(const double *x, int64_t n)
{
    double top = largest(x, n), s = 0;
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
    int64_t (*whole)(const int64_t *v, int64_t n); /* NULL: number, and then toward zero */
} Reduction;

static double l2_norm(const double *x, int64_t n) { return sqrt(sum_square(x, n)); }
static double log_sum(const double *x, int64_t n) { return log(sum(x, n)); }
static double mean(const double *x, int64_t n) { return sum(x, n) / (double)n; }

static const Reduction functions[OP_COUNT] = {
    [OP_reduce_l1_norm] = { sum_abs, int_sum_abs },
    [OP_reduce_l2_norm] = { l2_norm, NULL },
    [OP_reduce_log_sum] = { log_sum, NULL },
    [OP_reduce_log_sum_exp] = { log_sum_exp, NULL },
    [OP_reduce_max] = { largest, int_largest },
    [OP_reduce_mean] = { mean, NULL },
    [OP_reduce_min] = { smallest, int_smallest },
    [OP_reduce_prod] = { product, int_product },
    [OP_reduce_sum] = { sum, int_sum },
    [OP_reduce_sum_square] = { sum_square, int_sum_square },
};

static bool wholes(Call *c, const Reduction *f, const bool *in)
{
    const Tensor *x = call_val(c, P_x);
    AxisRows r = axis_rows(c, &x->shape, in, call_int64s_of(c, x));
    const int64_t *v = r.word;
    for (int64_t i = 0; i < r.count; i++)
        tensor_set_int(c->res[0], (size_t)i, f->whole(v + i * r.length, r.length));
    return true;
}

static bool numbers(Call *c, const Reduction *f, const bool *in)
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
    return f->whole && !dtype_is_float(call_dtype(c, P_x)) ? wholes(c, f, in)
                                                           : numbers(c, f, in);
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
        tensor_set_int(c->res[0], (size_t)i, arg_best(v + i * r.length, r.length, want_max));
    return true;
}

bool eval_reduce_argmax(Call *c) { return arg_reduce(c, true); }
bool eval_reduce_argmin(Call *c) { return arg_reduce(c, false); }
