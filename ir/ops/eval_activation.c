/* eval_activation.c -- the reference meaning of the activations. */
#include "pointwise.h"

#include <math.h>
#include <string.h>

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }
static double softplus(double x) { return num_max(x, 0) + log1p(exp(-fabs(x))); }

/* ---- of each element alone --------------------------------------------------------------- */

/* F(op, parameter a, parameter b, value) */
/* clang-format off */
#define FUNCTIONS                                                                                  \
    F(clamped_relu, P_alpha, P_beta, num_min(x < 0 ? a * x : x, b))                                \
    F(elu, P_alpha, P_NONE, x < 0 ? a * expm1(x) : x)                                                \
    F(leaky_relu, P_alpha, P_NONE, x < 0 ? a * x : x)                                                \
    F(linear_activation, P_alpha, P_beta, a * x + b)                                               \
    F(relu, P_NONE, P_NONE, num_max(x, 0))                                                             \
    F(relu6, P_NONE, P_NONE, num_min(num_max(x, 0), 6))                                                \
    F(scaled_tanh, P_alpha, P_beta, a * tanh(b * x))                                               \
    F(sigmoid, P_NONE, P_NONE, sigmoid(x))                                                             \
    F(sigmoid_hard, P_alpha, P_beta, num_min(num_max(a * x + b, 0), 1))                            \
    F(silu, P_NONE, P_NONE, x * sigmoid(x))                                                            \
    F(softplus, P_NONE, P_NONE, softplus(x))                                                           \
    F(softsign, P_NONE, P_NONE, x / (1 + fabs(x)))                                                     \
    F(thresholded_relu, P_alpha, P_NONE, x < a ? 0 : x)
/* clang-format on */

#define F(op, pa, pb, value)                                                                   \
    static double n_##op(double x, double a, double b) { return (void)a, (void)b, (value); }
FUNCTIONS
#undef F

static const Pointwise functions[OP_COUNT] = {
#define F(op, pa, pb, value) [OP_##op] = { .number = n_##op, .a = pa, .b = pb },
    FUNCTIONS
#undef F
};

bool eval_activation(Call *c) { return eval_pointwise(c, &functions[c->info - ops]); }

/* ---- gelu -------------------------------------------------------------------------------- */

/* x times the normal distribution's integral; erfc keeps the digits of the left tail. */
static double gelu_exact(double x, double a, double b)
{
    (void)a, (void)b;
    return 0.5 * x * erfc(-x * 0.70710678118654752440);
}

static double gelu_tanh(double x, double a, double b)
{
    (void)a, (void)b;
    const double root_2_over_pi = 0.79788456080286535588;
    return 0.5 * x * (1 + tanh(root_2_over_pi * (x + 0.044715 * x * x * x)));
}

static double gelu_sigmoid(double x, double a, double b)
{
    (void)a, (void)b;
    return x * sigmoid(1.702 * x);
}

bool eval_gelu(Call *c)
{
    const char *mode = call_str(c, P_mode);
    Pointwise f = { .number = !strcmp(mode, "TANH_APPROXIMATION")    ? gelu_tanh
                            : !strcmp(mode, "SIGMOID_APPROXIMATION") ? gelu_sigmoid
                                                                     : gelu_exact };
    return eval_pointwise(c, &f);
}

/* ---- of an element and its channel ------------------------------------------------------- */

static double f_prelu(double x, double a, double b) { return (void)b, x < 0 ? a * x : x; }
static double f_softplus(double x, double a, double b) { return a * softplus(b * x); }

/* x is [n, channels, ..]; a and b hold a number for each channel. */
static bool by_channel(Call *c, double (*f)(double, double, double), const double *a,
                       const double *b)
{
    const Shape *s = call_shape(c, P_x);
    double *x = call_doubles(c, P_x);
    int64_t inner = shape_elements(s, 2, s->rank), rows = s->dim[0] * s->dim[1];
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = r * inner, ch = r % s->dim[1]; i < (r + 1) * inner; i++)
            x[i] = f(x[i], a[ch], b[ch]);
    tensor_put_floats(c->res[0], 0, c->res[0]->count, x);
    return true;
}

bool eval_prelu(Call *c)
{
    double *alpha = call_doubles(c, P_alpha);
    return by_channel(c, f_prelu, alpha, alpha);
}

bool eval_softplus_parametric(Call *c)
{
    return by_channel(c, f_softplus, call_doubles(c, P_alpha), call_doubles(c, P_beta));
}

/* ---- softmax ----------------------------------------------------------------------------- */

/* The largest is taken off first, so that exp cannot overflow. */
void softmax_of(double *x, int64_t n, int64_t step)
{
    double top = -INFINITY, sum = 0;
    for (int64_t i = 0; i < n; i++) top = num_max(x[i * step], top);
    for (int64_t i = 0; i < n; i++) sum += x[i * step] = exp(x[i * step] - top);
    for (int64_t i = 0; i < n; i++) x[i * step] /= sum;
}

bool eval_softmax(Call *c)
{
    int axis;
    const Shape *s = call_shape(c, P_x);
    if (!call_axis(c, P_axis, s->rank, &axis)) return false;
    double *x = call_doubles(c, P_x);
    int64_t n = s->dim[axis], inner = shape_elements(s, axis + 1, s->rank);
    int64_t outer = shape_elements(s, 0, axis);
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < inner; i++) softmax_of(x + o * n * inner + i, n, inner);
    tensor_put_floats(c->res[0], 0, c->res[0]->count, x);
    return true;
}
