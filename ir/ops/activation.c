/* activation.c -- activations and softmax. */
#include "eval.h"
#include "grad.h"

#include <math.h>
#include <string.h>

/* ==== inference
 * ============================================================================= */

/* As near to the first as Core ML asks for. */
static bool all_near(const Tensor *t)
{
    for (size_t i = 1; t && i < t->count; i++)
        if (fabs(tensor_float(t, i) - tensor_float(t, 0)) > 1e-5) return false;
    return true;
}

bool infer_prelu(Call *c)
{
    const Shape *x = call_shape(c, P_x);
    if (!call_channels(c, P_alpha)) return false;
    if (x->rank > 5)
        return call_error(c, "x is %s; it must be of rank 3 to 5",
                          shape_text(c->arena, x));
    if (x->rank != 4 && !all_near(call_val(c, P_alpha)))
        return call_error(
            c, "x is %s; the numbers of alpha may differ where x is of rank 4 alone",
            shape_text(c->arena, x));
    return call_out(c, call_dtype(c, P_x), *x);
}

bool infer_softplus_parametric(Call *c)
{
    const Shape *x = call_shape(c, P_x);
    if (x->rank < 3)
        return call_error(c, "x is %s; it must be of rank 3 or more",
                          shape_text(c->arena, x));
    return call_channels(c, P_alpha) && call_channels(c, P_beta)
        && call_out(c, call_dtype(c, P_x), *x);
}

bool infer_softmax(Call *c)
{
    int axis;
    const Shape *x = call_shape(c, P_x);
    return call_axis(c, P_axis, x->rank, &axis) && call_out(c, call_dtype(c, P_x), *x);
}

bool infer_gelu(Call *c)
{
    if (call_known(c, P_mode) && call_choice(c, P_mode) < 0) return false;
    return call_out(c, call_dtype(c, P_x), *call_shape(c, P_x));
}

/* ==== reference kernels =================================================================== */

static double activation_sigmoid(double x) { return 1 / (1 + exp(-x)); }
static double activation_softplus(double x)
{
    return num_max(x, 0) + log1p(exp(-fabs(x)));
}

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
    F(sigmoid, P_NONE, P_NONE, activation_sigmoid(x))                                                             \
    F(sigmoid_hard, P_alpha, P_beta, num_min(num_max(a * x + b, 0), 1))                            \
    F(silu, P_NONE, P_NONE, x * activation_sigmoid(x))                                                            \
    F(softplus, P_NONE, P_NONE, activation_softplus(x))                                                           \
    F(softsign, P_NONE, P_NONE, x / (1 + fabs(x)))                                                     \
    F(thresholded_relu, P_alpha, P_NONE, x < a ? 0 : x)
/* clang-format on */

#define F(op, pa, pb, value) \
    static double n_##op(double x, double a, double b) \
    { \
        return (void)a, (void)b, (value); \
    }
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
    return x * activation_sigmoid(1.702 * x);
}

bool eval_gelu(Call *c)
{
    static double (*const meant[GELU_COUNT])(double, double, double) = {
        [GELU_EXACT] = gelu_exact, [GELU_TANH] = gelu_tanh, [GELU_SIGMOID] = gelu_sigmoid
    };
    const Pointwise f = { .number = meant[call_chosen(c, P_mode)] };
    return eval_pointwise(c, &f);
}

/* ---- of an element and its channel ------------------------------------------------------- */

static double f_prelu(double x, double a, double b) { return (void)b, x < 0 ? a * x : x; }
static double f_softplus(double x, double a, double b)
{
    return a * activation_softplus(b * x);
}

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

/* ==== gradients
 * ============================================================================= */

/* Gradients of activations: of their definition, whatever table a chip has
 * for them. */

typedef struct {
    Builder *b;
    Value *x, *y, *d;
} Act;

static bool open_act(const Grad *g, Act *a)
{
    *a = (Act){ .b = g->b, .x = grad_arg(g, P_x), .y = g->op->out[0], .d = g->dy[0] };
    return grad_wants(g, P_x);
}

static bool activation_done(Grad *g, Value *dx)
{
    grad_give(g, P_x, dx);
    return true;
}

/* 1 - v */
static Value *activation_rest(const Act *a, Value *v)
{
    return make_two(a->b, OP_sub, make_number(a->b, v, 1), v);
}

bool grad_relu(Grad *g)
{
    Act a;
    return !open_act(g, &a)
        || activation_done(
            g, grad_where(a.b, make_with(a.b, OP_greater, a.x, 0), a.d, NULL));
}

/* d where low < y < high */
static Value *activation_inside(const Act *a, Value *y, double low, double high, Value *d)
{
    Value *above = make_with(a->b, OP_greater, y, low),
          *below = make_with(a->b, OP_less, y, high);
    return grad_where(a->b, above, grad_where(a->b, below, d, NULL), NULL);
}

bool grad_relu6(Grad *g)
{
    Act a;
    return !open_act(g, &a) || activation_done(g, activation_inside(&a, a.x, 0, 6, a.d));
}

/* d above 0, else by alpha */
static Value *activation_leaky(const Act *a, Value *alpha)
{
    Value *above = make_with(a->b, OP_greater_equal, a->x, 0);
    return grad_where(a->b, above, a->d, grad_times(a->b, a->d, alpha));
}

bool grad_leaky_relu(Grad *g)
{
    Act a;
    return !open_act(g, &a)
        || activation_done(
            g, activation_leaky(&a, make_number(a.b, a.x, grad_float(g, P_alpha))));
}

bool grad_clamped_relu(Grad *g)
{
    Act a;
    if (!open_act(g, &a)) return true;
    Value *below = make_with(a.b, OP_less, a.y, grad_float(g, P_beta));
    Value *d = activation_leaky(&a, make_number(a.b, a.x, grad_float(g, P_alpha)));
    return activation_done(g, grad_where(a.b, below, d, NULL));
}

/* Below 0 the result is alpha * (exp(x) - 1): its slope is that and alpha, and never
 * overflows. */
bool grad_elu(Grad *g)
{
    Act a;
    if (!open_act(g, &a)) return true;
    Value *above = make_with(a.b, OP_greater_equal, a.x, 0);
    Value *slope = make_with(a.b, OP_add, a.y, grad_float(g, P_alpha));
    return activation_done(g, grad_where(a.b, above, a.d, grad_times(a.b, a.d, slope)));
}

/* ---- gelu -------------------------------------------------------------------------------- */

/* The share of the normal distribution below x, and x by its density. */
static Value *gelu_slope_exact(const Act *a)
{
    const double root_half = sqrt(0.5), density = 0.3989422804014327;
    Value *share = make_one(a->b, OP_erf, grad_scaled(a->b, a->x, root_half));
    share = grad_scaled(a->b, make_with(a->b, OP_add, share, 1), 0.5);
    Value *half = grad_scaled(a->b, grad_times(a->b, a->x, a->x), -0.5);
    Value *bell = grad_times(a->b, a->x, make_one(a->b, OP_exp, half));
    return make_two(a->b, OP_add, share, grad_scaled(a->b, bell, density));
}

/* (1 + t) / 2 + x (1 - t^2) u' / 2 for t = tanh(u), u = root(2 / pi) (x + 0.044715 x^3) */
static Value *gelu_slope_tanh(const Act *a)
{
    const double k = 0.7978845608028654, c = 0.044715;
    Value *square = grad_times(a->b, a->x, a->x);
    Value *inner = make_with(a->b, OP_add, grad_scaled(a->b, square, k * c), k);
    Value *t = make_one(a->b, OP_tanh, grad_times(a->b, a->x, inner));
    Value *slope = make_with(a->b, OP_add, grad_scaled(a->b, square, 3 * k * c), k);
    Value *less = grad_times(a->b, activation_rest(a, grad_times(a->b, t, t)), slope);
    Value *sum = make_two(a->b, OP_add, t, grad_times(a->b, a->x, less));
    return grad_scaled(a->b, make_with(a->b, OP_add, sum, 1), 0.5);
}

/* s + 1.702 x s (1 - s) for s = sigmoid(1.702 x) */
static Value *gelu_slope_sigmoid(const Act *a)
{
    Value *scaled = grad_scaled(a->b, a->x, 1.702),
          *s = make_one(a->b, OP_sigmoid, scaled);
    Value *more = make_with(a->b, OP_add, grad_times(a->b, scaled, activation_rest(a, s)),
                            1);
    return grad_times(a->b, s, more);
}

bool grad_gelu(Grad *g)
{
    Act a;
    if (!open_act(g, &a)) return true;
    const int mode = grad_choice(g, P_mode);
    Value *slope = mode == GELU_EXACT ? gelu_slope_exact(&a)
                 : mode == GELU_TANH  ? gelu_slope_tanh(&a)
                                      : gelu_slope_sigmoid(&a);
    return activation_done(g, grad_times(a.b, a.d, slope));
}

/* ---- smooth ones ------------------------------------------------------------------------- */

bool grad_linear_activation(Grad *g)
{
    Act a;
    return !open_act(g, &a)
        || activation_done(g, grad_scaled(a.b, a.d, grad_float(g, P_alpha)));
}

bool grad_scaled_tanh(Grad *g)
{
    Act a;
    if (!open_act(g, &a)) return true;
    const double alpha = grad_float(g, P_alpha), beta = grad_float(g, P_beta);
    Value *t = make_one(a.b, OP_tanh, grad_scaled(a.b, a.x, beta));
    Value *slope = grad_scaled(a.b, activation_rest(&a, grad_times(a.b, t, t)),
                               alpha * beta);
    return activation_done(g, grad_times(a.b, a.d, slope));
}

bool grad_sigmoid(Grad *g)
{
    Act a;
    return !open_act(g, &a)
        || activation_done(
            g, grad_times(a.b, a.d, grad_times(a.b, a.y, activation_rest(&a, a.y))));
}

bool grad_sigmoid_hard(Grad *g)
{
    Act a;
    return !open_act(g, &a)
        || activation_done(
            g, activation_inside(&a, a.y, 0, 1,
                                 grad_scaled(a.b, a.d, grad_float(g, P_alpha))));
}

bool grad_silu(Grad *g)
{
    Act a;
    if (!open_act(g, &a)) return true;
    Value *s = make_one(a.b, OP_sigmoid, a.x);
    Value *more = make_with(a.b, OP_add, grad_times(a.b, a.x, activation_rest(&a, s)), 1);
    return activation_done(g, grad_times(a.b, a.d, grad_times(a.b, s, more)));
}

bool grad_softmax(Grad *g)
{
    Act a;
    if (!open_act(g, &a)) return true;
    const int axis = grad_axis(g, P_axis, a.x->type->shape.rank);
    Value *sum = grad_reduce_axis(a.b, OP_reduce_sum, grad_times(a.b, a.d, a.y), axis);
    return activation_done(g, grad_times(a.b, a.y, make_two(a.b, OP_sub, a.d, sum)));
}

bool grad_softplus(Grad *g)
{
    Act a;
    return !open_act(g, &a)
        || activation_done(g, grad_times(a.b, a.d, make_one(a.b, OP_sigmoid, a.x)));
}

bool grad_softsign(Grad *g)
{
    Act a;
    if (!open_act(g, &a)) return true;
    Value *below = make_with(a.b, OP_add, make_one(a.b, OP_abs, a.x), 1);
    return activation_done(
        g, make_two(a.b, OP_real_div, a.d, grad_times(a.b, below, below)));
}

bool grad_thresholded_relu(Grad *g)
{
    Act a;
    if (!open_act(g, &a)) return true;
    Value *above = make_with(a.b, OP_greater_equal, a.x, grad_float(g, P_alpha));
    return activation_done(g, grad_where(a.b, above, a.d, NULL));
}

/* ---- those with a number for each channel ------------------------------------------------ */

/* v, which has one element or one for each channel of x, so that it broadcasts to x. */
static Value *as_channels(const Act *a, Value *v)
{
    Shape s = { .rank = a->x->type->shape.rank };
    size_t n = 1;
    for (int i = 0; i < s.rank; i++) s.dim[i] = 1;
    shape_count(&v->type->shape, &n);
    if (s.rank > 1) s.dim[1] = (int64_t)n;
    else if (s.rank) s.dim[0] = (int64_t)n;
    return grad_typed(a->b, grad_as(a->b, v, s), a->x);
}

static void give_channels(Grad *g, const Act *a, ParamId name, Value *dx)
{
    Value *v = grad_arg(g, name);
    const Shape s = as_channels(a, v)->type->shape;
    grad_give(g, name, grad_like(a->b, grad_sum_to(a->b, dx, &s), v));
}

bool grad_prelu(Grad *g)
{
    Act a;
    const bool wanted = open_act(g, &a);
    if (wanted)
        grad_give(g, P_x, activation_leaky(&a, as_channels(&a, grad_arg(g, P_alpha))));
    if (grad_wants(g, P_alpha)) {
        Value *above = make_with(a.b, OP_greater_equal, a.x, 0);
        Value *dx = grad_where(a.b, above, NULL, grad_times(a.b, a.d, a.x));
        give_channels(g, &a, P_alpha, dx);
    }
    return true;
}

bool grad_softplus_parametric(Grad *g)
{
    Act a;
    const bool wanted = open_act(g, &a);
    Value *alpha = as_channels(&a, grad_arg(g, P_alpha));
    Value *beta = as_channels(&a, grad_arg(g, P_beta));
    Value *inner = grad_times(a.b, a.x, beta);
    Value *slope = grad_times(a.b, alpha, make_one(a.b, OP_sigmoid, inner));
    if (wanted) grad_give(g, P_x, grad_times(a.b, a.d, grad_times(a.b, slope, beta)));
    if (grad_wants(g, P_alpha))
        give_channels(g, &a, P_alpha,
                      grad_times(a.b, a.d, make_one(a.b, OP_softplus, inner)));
    if (grad_wants(g, P_beta))
        give_channels(g, &a, P_beta, grad_times(a.b, a.d, grad_times(a.b, slope, a.x)));
    return true;
}
