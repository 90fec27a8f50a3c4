/* eval_random.c -- random ops: element i of a statement's n-th execution is a function of
 * (seed, n, i), so two statements with one seed draw the same; those without a seed count among
 * themselves. */
#include "eval.h"

#include <math.h>
#include <string.h>

static uint64_t stream_of(const Call *c)
{
    int64_t seed = call_int(c, P_seed);
    return seed < 0 ? rng_u64(c->random_seed, c->random_serial)
                    : rng_u64((uint64_t)seed, c->random_draw);
}

/* Elements first .. first + n, of float type t, with the op's two parameters. */
typedef void Draw(uint64_t stream, size_t first, size_t n, double a, double b, DType t,
                  double *z);

static void draw_bernoulli(uint64_t stream, size_t first, size_t n, double p, double b, DType t,
                           double *z)
{
    (void)b, (void)t;
    for (size_t i = 0; i < n; i++) z[i] = rng_unit(stream, first + i) < p;
}

static void draw_normal(uint64_t stream, size_t first, size_t n, double mean, double deviation,
                        DType t, double *z)
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

static bool fill(Call *c, Draw *draw, double a, double b)
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
    return fill(c, draw_bernoulli, call_float(c, P_prob), 0);
}

bool eval_random_normal(Call *c)
{
    return fill(c, draw_normal, call_float(c, P_mean), call_float(c, P_stddev));
}

bool eval_random_uniform(Call *c)
{
    return fill(c, draw_uniform, call_float(c, P_low), call_float(c, P_high));
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
    bool logits = (call_str(c, P_mode)[0] | 32) == 'l'; /* or "probs", infer has seen to it */
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
