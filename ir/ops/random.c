/* random.c -- random numbers. */
#include "eval.h"
#include "ops.h"
#include "geometry.h"

#include <math.h>
#include <string.h>

/* ==== inference
 * ============================================================================= */

/* Result types of the random ops. */

/* The type of the first parameter that says one; fp32 when all are left out. */
static DType type_of(const Call *c, ParamId a, ParamId b)
{
    DType t = call_dtype(c, a);
    if (t == DT_NONE && b) t = call_dtype(c, b);
    return t == DT_NONE ? DT_FP32 : t;
}

static bool random_shaped(Call *c, DType t)
{
    const Shape *s = call_shape(c, P_shape);
    Shape out = { .rank = 0 };
    if (s->rank != 1)
        return call_error(c, "shape is %s; it must be of rank 1",
                          shape_text(c->arena, s));
    if (s->dim[0] == DIM_ANY)
        return call_error(c, "the number of dimensions in shape is not known");
    if (s->dim[0] > MAX_RANK)
        return call_error(c, "shape has %lld dimensions, at most %d are supported",
                          (long long)s->dim[0], MAX_RANK);
    out.rank = (int)s->dim[0];
    bool known = call_ints(c, P_shape, out.dim, MAX_RANK) >= 0;
    for (int i = 0; i < out.rank; i++) {
        if (!known) out.dim[i] = DIM_ANY;
        else if (out.dim[i] < 0)
            return call_error(c, "shape asks for a dimension of %lld",
                              (long long)out.dim[i]);
    }
    return call_out(c, t, out);
}

bool infer_random_bernoulli(Call *c)
{
    return random_shaped(c, type_of(c, P_prob, P_NONE));
}
bool infer_random_normal(Call *c)
{
    return random_shaped(c, type_of(c, P_mean, P_stddev));
}
bool infer_random_uniform(Call *c) { return random_shaped(c, type_of(c, P_low, P_high)); }

bool infer_random_categorical(Call *c)
{
    const Shape *x = call_shape(c, P_x);
    Shape s = *x;
    if (call_known(c, P_mode) && call_choice(c, P_mode) < 0) return false;
    if (!s.rank || s.dim[s.rank - 1] == 0)
        return call_error(c, "x is %s; its last dimension must hold the classes",
                          shape_text(c->arena, x));
    s.dim[s.rank - 1] = call_known(c, P_size) ? call_int(c, P_size) : DIM_ANY;
    if (call_known(c, P_size) && call_int(c, P_size) < 1)
        return call_error(c, "size is %lld", (long long)call_int(c, P_size));
    return call_out(c, call_dtype(c, P_x), s);
}

/* ==== reference kernels =================================================================== */

/* Random ops: element i of an op's n-th execution is a function of
 * (seed, n, i), so two ops with one seed draw the same; those without a seed count among
 * themselves. */

static uint64_t stream_of(const Call *c)
{
    int64_t seed = call_int(c, P_seed);
    return seed < 0 ? rng_u64(c->random_seed, c->random_serial)
                    : rng_u64((uint64_t)seed, c->random_draw);
}

/* Elements first .. first + n, of float type t, with the op's two parameters. */
typedef void Draw(uint64_t stream, size_t first, size_t n, double a, double b, DType t,
                  double *z);

static void draw_bernoulli(uint64_t stream, size_t first, size_t n, double p, double b,
                           DType t, double *z)
{
    (void)b, (void)t;
    for (size_t i = 0; i < n; i++) z[i] = rng_unit(stream, first + i) < p;
}

static void draw_normal(uint64_t stream, size_t first, size_t n, double mean,
                        double deviation, DType t, double *z)
{
    (void)t;
    rng_normals(stream, first, n, z);
    for (size_t i = 0; i < n; i++) z[i] = mean + deviation * z[i];
}

/* From low up to, and not including, high: what rounding lifts to high is drawn again. */
static double uniform_below(uint64_t stream, uint64_t i, double low, double high, DType t)
{
    double v = low + (high - low) * rng_unit(stream, i);
    for (uint64_t n = 0; low < high && round_to(t, v) >= high; n++) {
        if (n == 64) return low;
        v = low + (high - low) * rng_unit(rng_u64(stream, i), n);
    }
    return v;
}

static void draw_uniform(uint64_t stream, size_t first, size_t n, double low, double high,
                         DType t, double *z)
{
    for (size_t i = 0; i < n; i++) z[i] = uniform_below(stream, first + i, low, high, t);
}

static bool random_fill(Call *c, Draw *draw, double a, double b)
{
    enum { CHUNK = 512 };
    Tensor *z = c->res[0];
    uint64_t stream = stream_of(c);
    double v[CHUNK];
    for (size_t i = 0; i < z->count; i += CHUNK) {
        size_t n = z->count - i < CHUNK ? z->count - i : CHUNK;
        draw(stream, i, n, a, b, z->dtype, v);
        tensor_put_floats(z, i, n, v);
    }
    return true;
}

bool eval_random_bernoulli(Call *c)
{
    return random_fill(c, draw_bernoulli, call_float(c, P_prob), 0);
}

bool eval_random_normal(Call *c)
{
    return random_fill(c, draw_normal, call_float(c, P_mean), call_float(c, P_stddev));
}

bool eval_random_uniform(Call *c)
{
    return random_fill(c, draw_uniform, call_float(c, P_low), call_float(c, P_high));
}

/* ---- categorical ------------------------------------------------------------------------- */

/* Makes running sums of weights proportional to the classes' probabilities; their total. */
static double running_sums(double *p, int64_t n, bool logits)
{
    double most = p[0], sum = 0;
    for (int64_t i = 1; i < n; i++) most = p[i] > most ? p[i] : most;
    for (int64_t i = 0; i < n; i++) {
        double w = !logits ? p[i] : p[i] == most ? 1 : exp(p[i] - most);
        p[i] = sum += w > 0 ? w : 0;
    }
    return sum;
}

static int64_t class_at(const double *sum, int64_t n, double v)
{
    int64_t low = 0, high = n - 1; /* the first class whose running sum is above v */
    while (low < high) {
        int64_t mid = low + (high - low) / 2;
        if (sum[mid] > v) high = mid;
        else low = mid + 1;
    }
    return low;
}

bool eval_random_categorical(Call *c)
{
    const Tensor *x = call_val(c, P_x);
    Tensor *z = c->res[0];
    size_t classes = (size_t)x->shape.dim[x->shape.rank - 1];
    size_t size = (size_t)z->shape.dim[z->shape.rank - 1];
    bool logits = call_chosen(c, P_mode) == DRAW_LOGITS;
    uint64_t stream = stream_of(c);
    double *p = call_scratch(c, classes, sizeof *p);
    for (size_t row = 0; row < x->count / classes; row++) {
        tensor_get_floats(x, row * classes, classes, p);
        double total = running_sums(p, (int64_t)classes, logits);
        for (size_t i = row * size; i < (row + 1) * size; i++) {
            int64_t k = class_at(p, (int64_t)classes, rng_unit(stream, i) * total);
            tensor_set_float(z, i, (double)k);
        }
    }
    return true;
}
