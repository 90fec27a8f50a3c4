/* unary.c -- functions of one tensor, element by element. */
#include "grad.h"
#include "ops.h"
#include "eval.h"

#include <math.h>
#include <string.h>

/* ==== inference
 * ============================================================================= */

bool infer_like_x(Call *c)
{
    return call_out(c, call_dtype(c, P_x), *call_shape(c, P_x));
}

/* From ios17 on the bounds may not be equal, or the wrong way round. */
bool infer_clip(Call *c)
{
    const double low = call_float(c, P_alpha), high = call_float(c, P_beta);
    if (c->opset >= OPSET_IOS17 && call_known(c, P_alpha) && call_known(c, P_beta)
        && low >= high)
        return call_error(
            c, "alpha is %g and beta is %g; from ios17 on alpha must be below beta", low,
            high);
    return infer_like_x(c);
}

bool infer_cast(Call *c)
{
    const char *name = call_known(c, P_dtype) ? call_str(c, P_dtype) : NULL;
    DType t = name ? call_type_named(c, P_dtype) : DT_NONE;
    if (!name)
        return call_error(c, "dtype must be a string that is known at compile time");
    const DTypes all = domain_types(DOM_MOVE, OPSET_IOS18),
                 here = domain_types(DOM_MOVE, c->opset);
    if (t == DT_NONE || !(all >> t & 1))
        return call_error(
            c,
            "dtype \"%s\" is none that can be cast to; the types are bool, fp16, "
            "fp32, int32, and from ios17 on int8, uint8, int16 and uint16",
            name);
    if (!(here >> t & 1))
        return call_error(
            c, "dtype \"%s\" exists from ios17 on; this is %s, which has int32 for it",
            name, opset_text(c->opset));
    return call_out(c, t, *call_shape(c, P_x));
}

/* ==== reference kernels =================================================================== */

/* ---- one loop for all -------------------------------------------------------------------- */

enum { CHUNK = 1024 };

static void unary_numbers(Call *c, const Pointwise *f, const Tensor *x)
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

static void unary_wholes(Call *c, const Pointwise *f, const Tensor *x)
{
    int64_t a = f->a ? call_int(c, f->a) : 0, b = f->b ? call_int(c, f->b) : 0;
    for (size_t i = 0; i < x->count; i++)
        tensor_set_int(c->res[0], i, f->whole(tensor_int(x, i), a, b));
}

bool eval_pointwise(Call *c, const Pointwise *f)
{
    const Tensor *x = call_val(c, P_x);
    if (dtype_is_float(x->dtype)) unary_numbers(c, f, x);
    else unary_wholes(c, f, x);
    return true;
}

/* ---- the functions ----------------------------------------------------------------------- */

static int64_t unary_pow2(int64_t x)
{
    return x < 0 || x > 63 ? 0 : (int64_t)((uint64_t)1 << x);
}

/* NaN stays NaN, -0 becomes 0. */
static double unary_sign(double x) { return x > 0 ? 1 : x < 0 ? -1 : x == 0 ? 0 : x; }

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
    F(exp2, P_NONE, P_NONE, exp2(x), unary_pow2(w))                                                          \
    F(floor, P_NONE, P_NONE, floor(x), w)                                                              \
    F(inverse, P_epsilon, P_NONE, 1 / (x + a), 0)                                                    \
    F(log, P_epsilon, P_NONE, log(x + a), 0)                                                         \
    F(logical_not, P_NONE, P_NONE, x == 0, w == 0)                                                     \
    F(round, P_NONE, P_NONE, rint(x), w)                                                               \
    F(rsqrt, P_epsilon, P_NONE, 1 / sqrt(x + a), 0)                                                  \
    F(sign, P_NONE, P_NONE, unary_sign(x), (w > 0) - (w < 0))                                                \
    F(sin, P_NONE, P_NONE, sin(x), 0)                                                                  \
    F(sinh, P_NONE, P_NONE, sinh(x), 0)                                                                \
    F(sqrt, P_NONE, P_NONE, sqrt(x), 0)                                                                \
    F(square, P_NONE, P_NONE, x * x, w * w)                                                            \
    F(tan, P_NONE, P_NONE, tan(x), 0)                                                                  \
    F(tanh, P_NONE, P_NONE, tanh(x), 0)                                                                \
    F(threshold, P_alpha, P_NONE, num_max(x, a), w > wa ? w : wa)
/* clang-format on */

#define F(op, pa, pb, number, whole) \
    static double n_##op(double x, double a, double b) \
    { \
        return (void)a, (void)b, (number); \
    } \
    static int64_t w_##op(int64_t w, int64_t wa, int64_t wb) \
    { \
        return (void)w, (void)wa, (void)wb, (whole); \
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
        else if (to_int)
            tensor_set_int(y, i, int_from_double(y->dtype, tensor_float(x, i)));
        else tensor_set_float(y, i, tensor_float(x, i));
    return true;
}

/* ==== gradients
 * ============================================================================= */

/* Gradients of functions of one number. x is the argument, y the result, d what
 * flows back into it. */

typedef struct {
    Builder *b;
    Value *x, *y, *d;
} One;

static bool open_one(const Grad *g, One *o)
{
    *o = (One){ .b = g->b, .x = grad_arg(g, P_x), .y = g->op->out[0], .d = g->dy[0] };
    return grad_wants(g, P_x);
}

static bool unary_done(Grad *g, Value *dx)
{
    grad_give(g, P_x, dx);
    return true;
}

/* d * v */
static bool unary_times(Grad *g, const One *o, Value *v)
{
    return unary_done(g, grad_times(o->b, o->d, v));
}

static Value *unary_square(const One *o, Value *v) { return grad_times(o->b, v, v); }
/* 1 - v * v, 1 + v * v */
static Value *one_less(const One *o, Value *v)
{
    Value *one = make_number(o->b, v, 1);
    return make_two(o->b, OP_sub, one, unary_square(o, v));
}
static Value *one_more(const One *o, Value *v)
{
    return make_with(o->b, OP_add, unary_square(o, v), 1);
}

bool grad_abs(Grad *g)
{
    One o;
    return !open_one(g, &o) || unary_times(g, &o, make_one(o.b, OP_sign, o.x));
}

/* Of asin, by the power of a product that no chip gets wrong as it does some roots. */
static bool unary_arc(Grad *g, double sign)
{
    One o;
    if (!open_one(g, &o)) return true;
    Value *slope = make_with(o.b, OP_pow, one_less(&o, o.x), -0.5);
    return unary_times(g, &o, grad_scaled(o.b, slope, sign));
}
bool grad_asin(Grad *g) { return unary_arc(g, 1); }
bool grad_acos(Grad *g) { return unary_arc(g, -1); }

bool grad_atan(Grad *g)
{
    One o;
    return !open_one(g, &o)
        || unary_done(g, make_two(o.b, OP_real_div, o.d, one_more(&o, o.x)));
}

bool grad_atanh(Grad *g)
{
    One o;
    return !open_one(g, &o)
        || unary_done(g, make_two(o.b, OP_real_div, o.d, one_less(&o, o.x)));
}

bool grad_cast(Grad *g)
{
    One o;
    if (!open_one(g, &o)) return true;
    const char *type = dtypes[o.x->type->dtype].name;
    if (o.d->type->dtype == o.x->type->dtype) return unary_done(g, o.d);
    return unary_done(g,
                      mil_cast(o.b, "cast", .x = o.d, .dtype = build_string(o.b, type)));
}

bool grad_clip(Grad *g)
{
    One o;
    if (!open_one(g, &o)) return true;
    Value *low = make_two(o.b, OP_greater_equal, o.x, grad_arg(g, P_alpha));
    Value *high = make_two(o.b, OP_less_equal, o.x, grad_arg(g, P_beta));
    return unary_done(g, grad_where(o.b, low, grad_where(o.b, high, o.d, NULL), NULL));
}

bool grad_sin(Grad *g)
{
    One o;
    return !open_one(g, &o) || unary_times(g, &o, make_one(o.b, OP_cos, o.x));
}

bool grad_cos(Grad *g)
{
    One o;
    return !open_one(g, &o)
        || unary_times(g, &o, grad_scaled(o.b, make_one(o.b, OP_sin, o.x), -1));
}

bool grad_tan(Grad *g)
{
    One o;
    return !open_one(g, &o) || unary_times(g, &o, one_more(&o, o.y));
}

bool grad_sinh(Grad *g)
{
    One o;
    return !open_one(g, &o) || unary_times(g, &o, make_one(o.b, OP_cosh, o.x));
}

bool grad_cosh(Grad *g)
{
    One o;
    return !open_one(g, &o) || unary_times(g, &o, make_one(o.b, OP_sinh, o.x));
}

bool grad_tanh(Grad *g)
{
    One o;
    return !open_one(g, &o) || unary_times(g, &o, one_less(&o, o.y));
}

bool grad_erf(Grad *g)
{
    const double two_by_root_pi = 1.1283791670955126;
    One o;
    if (!open_one(g, &o)) return true;
    Value *bell = make_one(o.b, OP_exp, grad_scaled(o.b, unary_square(&o, o.x), -1));
    return unary_times(g, &o, grad_scaled(o.b, bell, two_by_root_pi));
}

bool grad_exp(Grad *g)
{
    One o;
    return !open_one(g, &o) || unary_times(g, &o, o.y);
}

bool grad_exp2(Grad *g)
{
    const double ln2 = 0.6931471805599453;
    One o;
    return !open_one(g, &o) || unary_times(g, &o, grad_scaled(o.b, o.y, ln2));
}

bool grad_inverse(Grad *g)
{
    One o;
    return !open_one(g, &o)
        || unary_times(g, &o, grad_scaled(o.b, unary_square(&o, o.y), -1));
}

bool grad_log(Grad *g)
{
    One o;
    if (!open_one(g, &o)) return true;
    Value *epsilon = grad_arg(g, P_epsilon);
    if (!epsilon) epsilon = make_number(o.b, o.x, grad_float(g, P_epsilon));
    return unary_times(g, &o, mil_inverse(o.b, "inverse", .x = o.x, .epsilon = epsilon));
}

bool grad_rsqrt(Grad *g)
{
    One o;
    if (!open_one(g, &o)) return true;
    Value *sum = make_with(o.b, OP_add, o.x, grad_float(g, P_epsilon));
    return unary_times(g, &o, grad_scaled(o.b, make_with(o.b, OP_pow, sum, -1.5), -0.5));
}

bool grad_sqrt(Grad *g)
{
    One o;
    return !open_one(g, &o)
        || unary_times(g, &o, grad_scaled(o.b, make_with(o.b, OP_pow, o.x, -0.5), 0.5));
}

bool grad_square(Grad *g)
{
    One o;
    return !open_one(g, &o) || unary_times(g, &o, grad_scaled(o.b, o.x, 2));
}

bool grad_threshold(Grad *g)
{
    One o;
    if (!open_one(g, &o)) return true;
    Value *above = make_two(o.b, OP_greater, o.x, grad_arg(g, P_alpha));
    return unary_done(g, grad_where(o.b, above, o.d, NULL));
}
