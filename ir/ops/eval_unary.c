/* eval_unary.c -- the reference meaning of what works on each element alone. */
#include "pointwise.h"

#include <math.h>

/* ---- one loop for all -------------------------------------------------------------------- */

enum { CHUNK = 1024 };

static void numbers(Call *c, const Pointwise *f, const Tensor *x)
{
    double v[CHUNK];
    double a = f->a ? call_float_like(c, f->a, "x") : 0;
    double b = f->b ? call_float_like(c, f->b, "x") : 0;
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
    const Tensor *x = call_val(c, "x");
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
    F(abs, NULL, NULL, fabs(x), w < 0 ? -w : w)                                                    \
    F(acos, NULL, NULL, acos(x), 0)                                                                \
    F(asin, NULL, NULL, asin(x), 0)                                                                \
    F(atan, NULL, NULL, atan(x), 0)                                                                \
    F(atanh, NULL, NULL, atanh(x), 0)                                                              \
    F(ceil, NULL, NULL, ceil(x), w)                                                                \
    F(clip, "alpha", "beta", num_min(num_max(x, a), b), w)                                         \
    F(cos, NULL, NULL, cos(x), 0)                                                                  \
    F(cosh, NULL, NULL, cosh(x), 0)                                                                \
    F(erf, NULL, NULL, erf(x), 0)                                                                  \
    F(exp, NULL, NULL, exp(x), 0)                                                                  \
    F(exp2, NULL, NULL, exp2(x), pow2(w))                                                          \
    F(floor, NULL, NULL, floor(x), w)                                                              \
    F(inverse, "epsilon", NULL, 1 / (x + a), 0)                                                    \
    F(log, "epsilon", NULL, log(x + a), 0)                                                         \
    F(logical_not, NULL, NULL, x == 0, w == 0)                                                     \
    F(round, NULL, NULL, rint(x), w)                                                               \
    F(rsqrt, "epsilon", NULL, 1 / sqrt(x + a), 0)                                                  \
    F(sign, NULL, NULL, sign(x), (w > 0) - (w < 0))                                                \
    F(sin, NULL, NULL, sin(x), 0)                                                                  \
    F(sinh, NULL, NULL, sinh(x), 0)                                                                \
    F(sqrt, NULL, NULL, sqrt(x), 0)                                                                \
    F(square, NULL, NULL, x * x, w * w)                                                            \
    F(tan, NULL, NULL, tan(x), 0)                                                                  \
    F(tanh, NULL, NULL, tanh(x), 0)                                                                \
    F(threshold, "alpha", NULL, num_max(x, a), w > wa ? w : wa)
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
    const Tensor *x = call_val(c, "x");
    Tensor *y = c->res[0];
    bool whole = !dtype_is_float(x->dtype), to_int = dtype_is_int(y->dtype);
    for (size_t i = 0; i < x->count; i++)
        if (to_int && whole) tensor_set_int(y, i, tensor_int(x, i));
        else if (to_int) tensor_set_int(y, i, int_from_double(y->dtype, tensor_float(x, i)));
        else tensor_set_float(y, i, tensor_float(x, i));
    return true;
}
