/* pool.c -- pooling: inference and reference kernels; gradients are in conv_grad.c, with those
 * of the other ops that slide windows. */
#include "eval.h"
#include "geometry.h"

#include <math.h>

/* ==== inference
 * ============================================================================= */

/* Result types of the poolings. */

bool infer_pool(Call *c)
{
    const Shape *x = call_shape(c, P_x);
    int64_t kernel[MAX_SPATIAL];
    Window w;
    if (!window_rank(c, x)) return false;
    if (x->rank == 5 && c->info == &ops[OP_l2_pool])
        return call_error(c, "x is %s; windows are of one or two spatial dimensions",
                          shape_text(c->arena, x));
    if (x->rank == 5 && call_bool(c, P_ceil_mode))
        return call_error(c, "x is %s; ceil_mode goes with one or two spatial dimensions",
                          shape_text(c->arena, x));
    if (call_val(c, P_kernel_sizes)) {
        if (!call_ints_or(c, P_kernel_sizes, x->rank - 2, 1, kernel)) return false;
        for (int i = 0; i < x->rank - 2; i++)
            if (kernel[i] < 1)
                return call_error(c, "kernel_sizes has %lld where at least 1 is needed",
                                  (long long)kernel[i]);
    } else {
        for (int i = 0; i < x->rank - 2; i++) kernel[i] = DIM_ANY;
    }
    return window_of(c, WINDOW_POOL, x, kernel, &w)
        && call_out(c, call_dtype(c, P_x), window_shape(&w, x->dim[0], x->dim[1]));
}

/* ==== reference kernels =================================================================== */

/* Pooling: a window of a plane reduced to one number. */

/* How a window's elements become one. `reach` counts the window's elements in x and in its
 * padding, not those beyond it; `inside` those in x. */
typedef struct {
    double first;
    double (*step)(double acc, double v);
    double (*last)(double acc, int64_t inside, int64_t reach);
} Pool;

static double step_max(double acc, double v) { return v > acc || isnan(v) ? v : acc; }
static double step_sum(double acc, double v) { return acc + v; }
static double step_square(double acc, double v) { return acc + v * v; }

static double last_same(double acc, int64_t inside, int64_t reach)
{
    (void)inside, (void)reach;
    return acc;
}
static double last_mean(double acc, int64_t inside, int64_t reach)
{
    (void)inside;
    return reach ? acc / (double)reach : 0;
}
static double last_mean_inside(double acc, int64_t inside, int64_t reach)
{
    (void)reach;
    return inside ? acc / (double)inside : 0;
}
static double last_root(double acc, int64_t inside, int64_t reach)
{
    (void)inside, (void)reach;
    return sqrt(acc);
}

static const Pool pool_max = { -INFINITY, step_max, last_same };
static const Pool pool_mean = { 0, step_sum, last_mean };
static const Pool pool_mean_inside = { 0, step_sum, last_mean_inside };
static const Pool pool_l2 = { 0, step_square, last_root };

typedef struct {
    int64_t from, to; /* of x */
    int64_t reach;    /* with padding */
} Range;

static Range range_at(const Window *w, int i, int64_t out)
{
    int64_t a = out * w->stride[i] - w->before[i], b = a + w->kernel[i];
    int64_t edge = w->in[i] + w->after[i];
    Range r = { a < 0 ? 0 : a, b > w->in[i] ? w->in[i] : b, (b > edge ? edge : b) - a };
    if (r.to < r.from) r.to = r.from;
    return r;
}

static double pool_reduce(const Window *w, const Pool *p, const double *x,
                          const int64_t *out)
{
    Range a = range_at(w, 0, out[0]), b = range_at(w, 1, out[1]),
          d = range_at(w, 2, out[2]);
    double acc = p->first;
    for (int64_t i = a.from; i < a.to; i++)
        for (int64_t j = b.from; j < b.to; j++)
            for (int64_t k = d.from; k < d.to; k++)
                acc = p->step(acc, x[(i * w->in[1] + j) * w->in[2] + k]);
    int64_t inside = (a.to - a.from) * (b.to - b.from) * (d.to - d.from);
    return p->last(acc, inside, a.reach * b.reach * d.reach);
}

static bool pool_run(Call *c, const Pool *p)
{
    const Tensor *x = call_val(c, P_x);
    int64_t kernel[MAX_SPATIAL], at[MAX_SPATIAL];
    Window w;
    if (!c->res[0]->count) return true;
    if (!call_ints_or(c, P_kernel_sizes, x->shape.rank - 2, 1, kernel)
        || !window_of(c, WINDOW_POOL, &x->shape, kernel, &w))
        return false;
    int64_t planes = x->shape.dim[0] * x->shape.dim[1], in = window_in(&w),
            out = window_out(&w);
    double *src = call_scratch(c, (size_t)in, sizeof *src);
    double *dst = call_scratch(c, (size_t)out, sizeof *dst);
    for (int64_t n = 0; n < planes; n++) {
        double *z = dst;
        tensor_get_floats(x, (size_t)(n * in), (size_t)in, src);
        for (at[0] = 0; at[0] < w.out[0]; at[0]++)
            for (at[1] = 0; at[1] < w.out[1]; at[1]++)
                for (at[2] = 0; at[2] < w.out[2]; at[2]++)
                    *z++ = pool_reduce(&w, p, src, at);
        tensor_put_floats(c->res[0], (size_t)(n * out), (size_t)out, dst);
    }
    return true;
}

bool eval_max_pool(Call *c) { return pool_run(c, &pool_max); }
bool eval_l2_pool(Call *c) { return pool_run(c, &pool_l2); }
bool eval_avg_pool(Call *c)
{
    return pool_run(c, call_bool(c, P_exclude_padding_from_average) ? &pool_mean_inside
                                                                    : &pool_mean);
}
