/* eval_unary.c -- the reference meaning of what works on each element alone. */
#include "pointwise.h"

#include <math.h>

/* ---- one loop for all -------------------------------------------------------------------- */

enum { CHUNK = 1024 };

static void numbers(Call *c, const Pointwise *f, const Tensor *x)
{
    double v[CHUNK];
    double a = f->a ? call_float_like(c, f->a, P_x) : 0;
    double b = f->b ? call_float_like(c, f->b, P_x) : 0;
    for (size_t i = 0; i < x->count; i += CHUNK) {
        size_t n = x->count - i < CHUNK ? x->count - i : CHUNK;
        tensor_get_floats(x, i, n, v);
        for (size_t k = 0; k < n; k++) v[k] = f->number(v[k], a, b);
        tensor_put_floats(c->res[0], i, n, v);
    }
}

static void wholes(Call *c, const Pointwise *f, const Tensor *x)
{
    int64_t a = f->a ? call_int(c, f->a) : 0, b = f->b ? call_int(c, f->b) : 0;
    for (size_t i = 0; i < x->count; i++)
        tensor_set_int(c->res[0], i, f->whole(tensor_int(x, i), a, b));
}

bool eval_pointwise(Call *c, const Pointwise *f)
{
    const Tensor *x = call_val(c, P_x);
    if (dtype_is_float(x->dtype)) numbers(c, f, x);
    else wholes(c, f, x);
    return true;
}

/* ---- the functions ----------------------------------------------------------------------- */

static int64_t pow2(int64_t x) { return x < 0 || x > 63 ? 0 : (int64_t)((uint64_t)1 << x); }

/* NaN stays NaN, -0 becomes 0. */
static double sign(double x) { return x > 0 ? 1 : x < 0 ? -1 : x == 0 ? 0 : x; }

/* F(op, parameter a, parameter b, value for floats, value for ints and bools) */
/* clang-format off */
#define FUNCTIONS                                                                                  \
    F(abs, P_NONE, P_NONE, fabs(x), w < 0 ? -w : w)                                                    \
    F(acos, P_NONE, P_NONE, acos(x), 0)                                                                \
    F(asin, P_NONE, P_NONE, asin(x), 0)                                                                \
    F(atan, P_NONE, P_NONE, atan(x), 0)                                                                \
    F(atanh, P_NONE, P_NONE, atanh(x), 0)                                                              \
    F(ceil, P_NONE, P_NONE, ceil(x), w)                                                                \
    F(clip, P_alpha, P_beta, num_min(num_max(x, a), b), w)                                         \
    F(cos, P_NONE, P_NONE, cos(x), 0)                                                                  \
    F(cosh, P_NONE, P_NONE, cosh(x), 0)                                                                \
    F(erf, P_NONE, P_NONE, erf(x), 0)                                                                  \
    F(exp, P_NONE, P_NONE, exp(x), 0)                                                                  \
    F(exp2, P_NONE, P_NONE, exp2(x), pow2(w))                                                          \
    F(floor, P_NONE, P_NONE, floor(x), w)                                                              \
    F(inverse, P_epsilon, P_NONE, 1 / (x + a), 0)                                                    \
    F(log, P_epsilon, P_NONE, log(x + a), 0)                                                         \
    F(logical_not, P_NONE, P_NONE, x == 0, w == 0)                                                     \
    F(round, P_NONE, P_NONE, rint(x), w)                                                               \
    F(rsqrt, P_epsilon, P_NONE, 1 / sqrt(x + a), 0)                                                  \
    F(sign, P_NONE, P_NONE, sign(x), (w > 0) - (w < 0))                                                \
    F(sin, P_NONE, P_NONE, sin(x), 0)                                                                  \
    F(sinh, P_NONE, P_NONE, sinh(x), 0)                                                                \
    F(sqrt, P_NONE, P_NONE, sqrt(x), 0)                                                                \
    F(square, P_NONE, P_NONE, x * x, w * w)                                                            \
    F(tan, P_NONE, P_NONE, tan(x), 0)                                                                  \
    F(tanh, P_NONE, P_NONE, tanh(x), 0)                                                                \
    F(threshold, P_alpha, P_NONE, num_max(x, a), w > wa ? w : wa)
/* clang-format on */

#define F(op, pa, pb, number, whole)                                                           \
    static double n_##op(double x, double a, double b) { return (void)a, (void)b, (number); }  \
    static int64_t w_##op(int64_t w, int64_t wa, int64_t wb)                                   \
    {                                                                                          \
        return (void)w, (void)wa, (void)wb, (whole);                                           \
    }
FUNCTIONS
#undef F

static const Pointwise functions[OP_COUNT] = {
#define F(op, pa, pb, number, whole) [OP_##op] = { n_##op, w_##op, pa, pb },
    FUNCTIONS
#undef F
};

bool eval_unary(Call *c) { return eval_pointwise(c, &functions[c->info - ops]); }

/* ---- cast -------------------------------------------------------------------------------- */

bool eval_cast(Call *c)
{
    const Tensor *x = call_val(c, P_x);
    Tensor *y = c->res[0];
    bool whole = !dtype_is_float(x->dtype), to_int = dtype_is_int(y->dtype);
    for (size_t i = 0; i < x->count; i++)
        if (to_int && whole) tensor_set_int(y, i, tensor_int(x, i));
        else if (to_int) tensor_set_int(y, i, int_from_double(y->dtype, tensor_float(x, i)));
        else tensor_set_float(y, i, tensor_float(x, i));
    return true;
}
