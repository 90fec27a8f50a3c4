/* eval_norm.c -- the reference meaning of the normalisations. */
#include "eval.h"

#include <math.h>

static bool put(Call *c, const double *x)
{
    tensor_put_floats(c->res[0], 0, c->res[0]->count, x);
    return true;
}

/* gamma * x + beta, where absent ones are 1 and 0. */
static double scaled(double x, const double *gamma, const double *beta, int64_t i)
{
    if (gamma) x *= gamma[i];
    return beta ? x + beta[i] : x;
}

/* ---- statistics given -------------------------------------------------------------------- */

bool eval_batch_norm(Call *c)
{
    const Shape *s = call_shape(c, P_x);
    double *x = call_doubles(c, P_x), *mean = call_doubles(c, P_mean);
    double *variance = call_doubles(c, P_variance);
    double *gamma = call_doubles(c, P_gamma), *beta = call_doubles(c, P_beta);
    double eps = call_float(c, P_epsilon);
    int64_t inner = shape_elements(s, 2, s->rank), rows = s->dim[0] * s->dim[1];
    for (int64_t r = 0; r < rows; r++) {
        int64_t ch = r % s->dim[1];
        double root = sqrt(variance[ch] + eps);
        for (int64_t i = r * inner; i < (r + 1) * inner; i++)
            x[i] = scaled((x[i] - mean[ch]) / root, gamma, beta, ch);
    }
    return put(c, x);
}

/* ---- statistics of rows ------------------------------------------------------------------ */

/* Takes the mean off n numbers and divides by the deviation, eps under the root. */
static void standardise(double *x, int64_t n, double eps)
{
    double mean = 0, square = 0;
    for (int64_t i = 0; i < n; i++) mean += x[i];
    mean /= (double)n;
    for (int64_t i = 0; i < n; i++) {
        x[i] -= mean;
        square += x[i] * x[i];
    }
    double root = sqrt(square / (double)n + eps);
    for (int64_t i = 0; i < n; i++) x[i] /= root;
}

bool eval_instance_norm(Call *c)
{
    const Shape *s = call_shape(c, P_x);
    double *x = call_doubles(c, P_x);
    double *gamma = call_doubles(c, P_gamma), *beta = call_doubles(c, P_beta);
    double eps = call_float(c, P_epsilon);
    int64_t inner = shape_elements(s, 2, s->rank), rows = s->dim[0] * s->dim[1];
    for (int64_t r = 0; r < rows; r++) {
        standardise(x + r * inner, inner, eps);
        for (int64_t i = r * inner; i < (r + 1) * inner; i++)
            x[i] = scaled(x[i], gamma, beta, r % s->dim[1]);
    }
    return put(c, x);
}

bool eval_layer_norm(Call *c)
{
    bool in[MAX_RANK];
    const Shape *s = call_shape(c, P_x);
    double *x = call_doubles(c, P_x);
    double *gamma = call_doubles(c, P_gamma), *beta = call_doubles(c, P_beta);
    double eps = call_float(c, P_epsilon);
    if (!call_axes_or_all(c, P_axes, s->rank, in)) return false;
    AxisRows r = axis_rows(c, s, in, x);
    for (int64_t k = 0; k < r.count; k++) {
        double *row = (double *)r.word + k * r.length;
        standardise(row, r.length, eps);
        for (int64_t i = 0; i < r.length; i++) row[i] = scaled(row[i], gamma, beta, i);
    }
    axis_rows_put(&r, x);
    return put(c, x);
}

/* Over the last three dimensions together. */
bool eval_l2_norm(Call *c)
{
    const Shape *s = call_shape(c, P_x);
    double *x = call_doubles(c, P_x), eps = call_float(c, P_epsilon);
    int64_t n = shape_elements(s, s->rank - 3, s->rank),
            rows = shape_elements(s, 0, s->rank - 3);
    for (int64_t r = 0; r < rows; r++) {
        double square = 0;
        for (int64_t i = r * n; i < (r + 1) * n; i++) square += x[i] * x[i];
        for (int64_t i = r * n; i < (r + 1) * n; i++) x[i] /= sqrt(square + eps);
    }
    return put(c, x);
}

/* ---- of neighbouring channels ------------------------------------------------------------ */

typedef struct {
    int64_t size;
    double alpha, beta, k;
} Window;

/* n channels, `step` apart: x / (k + alpha / size * sum of the window's squares) ^ beta. The
 * window of channel i is [i - size / 2, i + (size - 1) / 2], cut at the ends. */
static void local_response(const double *x, double *y, int64_t n, int64_t step, Window w)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t from = i < w.size / 2 ? 0 : i - w.size / 2;
        int64_t to = (w.size - 1) / 2 < n - 1 - i ? i + (w.size - 1) / 2 : n - 1;
        double square = 0;
        for (int64_t j = from; j <= to; j++) square += x[j * step] * x[j * step];
        y[i * step] = x[i * step] / pow(w.k + w.alpha / (double)w.size * square, w.beta);
    }
}

bool eval_local_response_norm(Call *c)
{
    const Shape *s = call_shape(c, P_x);
    double *x = call_doubles(c, P_x), *y = call_scratch(c, c->res[0]->count + 1, sizeof *y);
    Window w = { call_int(c, P_size), call_float(c, P_alpha), call_float(c, P_beta),
                 call_float(c, P_k) };
    int64_t inner = shape_elements(s, 2, s->rank), channels = s->dim[1];
    for (int64_t b = 0; b < s->dim[0]; b++)
        for (int64_t i = 0; i < inner; i++) {
            int64_t at = b * channels * inner + i;
            local_response(x + at, y + at, channels, inner, w);
        }
    return put(c, y);
}
