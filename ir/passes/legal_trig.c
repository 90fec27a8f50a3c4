/* legal_trig.c -- trigonometric and hyperbolic functions by operations that an engine has:
 * polynomials, exp, log and pow.
 *
 * With every step rounded to fp16 the error is below 2e-3, absolute (sin, cos, acos) or
 * relative (the others). Angles may be up to |x| = 100; sinh and cosh end at 11.09, where
 * exp does. */
#include "legal.h"

Value *make_polynomial(Builder *b, Value *x, int n, const double *c)
{
    Value *p = make_with(b, OP_mul, x, c[n - 1]);
    for (int i = n - 2; i > 0; i--)
        p = make_two(b, OP_mul, make_with(b, OP_add, p, c[i]), x);
    return make_with(b, OP_add, p, c[0]);
}

/* x * P(x^2), the form of an odd function near 0: relative accuracy is kept there. */
static Value *odd_polynomial(Builder *b, Value *x, int n, const double *c)
{
    return make_two(b, OP_mul, make_polynomial(b, make_two(b, OP_mul, x, x), n, c), x);
}

/* near where |x| < edge, else far */
static Value *by_size(Builder *b, Value *x, double edge, Value *near, Value *far)
{
    return make_select(b, make_with(b, OP_less, make_one(b, OP_abs, x), edge), near, far);
}

/* ---- angles ------------------------------------------------------------------------------ */

typedef struct {
    Value *sine, *k;
} TrigTurned;

static Value *half_turns(Builder *b, Value *x)
{
    return make_with(b, OP_mul, x, 0.31830988618);
}

/* sin(x - (k + shift) pi), where k is the whole number that makes the angle smallest; shift is
 * 0 or a half, turns are those of x. The product with pi is taken in three parts: those with
 * the first two are exact in fp16 for the k of the range, so that the angle is as good as x
 * is. */
static TrigTurned turned_sine(Builder *b, Value *x, Value *turns, double shift)
{
    static const double part[] = { 3.125, 0.015625, 9.6765358979e-4 };
    static const double sine[] = { 0.9999966, -0.16664824, 0.00830629, -0.00018363 };
    Value *k = make_one(b, OP_floor,
                        shift != 0 ? turns : make_with(b, OP_add, turns, 0.5));
    Value *from = shift != 0 ? make_with(b, OP_add, k, shift) : k;
    for (size_t i = 0; i < COUNT(part); i++)
        x = make_two(b, OP_sub, x, make_with(b, OP_mul, from, part[i]));
    return (TrigTurned){ odd_polynomial(b, x, (int)COUNT(sine), sine), k };
}

/* (-1)^k times the sine */
static Value *signed_sine(Builder *b, TrigTurned t)
{
    Value *half = make_one(b, OP_floor, make_with(b, OP_mul, t.k, 0.5));
    Value *odd = make_two(b, OP_sub, t.k, make_with(b, OP_mul, half, 2));
    Value *sign = make_with(b, OP_add, make_with(b, OP_mul, odd, -2), 1);
    return make_two(b, OP_mul, sign, t.sine);
}

Value *sin_by_polynomial(const Legal *l, Builder *b, Op *op)
{
    (void)l;
    Value *x = op_value(op, P_x);
    return signed_sine(b, turned_sine(b, x, half_turns(b, x), 0));
}

/* cos(k pi + pi / 2 + r) is (-1)^k times -sin(r) */
Value *cos_by_polynomial(const Legal *l, Builder *b, Op *op)
{
    (void)l;
    Value *x = op_value(op, P_x);
    const TrigTurned sine = turned_sine(b, x, half_turns(b, x), 0.5);
    return make_with(b, OP_mul, signed_sine(b, sine), -1);
}

/* The k of the sine is that of the cosine or one more, which says what becomes of both
 * signs. */
Value *tan_by_quotient(const Legal *l, Builder *b, Op *op)
{
    (void)l;
    Value *x = op_value(op, P_x), *turns = half_turns(b, x);
    const TrigTurned sine = turned_sine(b, x, turns, 0),
                     cosine = turned_sine(b, x, turns, 0.5);
    Value *more = make_two(b, OP_sub, sine.k, cosine.k);
    Value *sign = make_with(b, OP_add, make_with(b, OP_mul, more, 2), -1);
    return make_two(b, OP_mul, make_two(b, OP_real_div, sine.sine, cosine.sine), sign);
}

/* ---- hyperbolic functions ---------------------------------------------------------------- */

static Value *half_exp(Builder *b, Value *x)
{
    return make_with(b, OP_mul, make_one(b, OP_exp, x), 0.5);
}

static Value *trig_negated(Builder *b, Value *x) { return make_with(b, OP_mul, x, -1); }

Value *sinh_by_exp(const Legal *l, Builder *b, Op *op)
{
    static const double series[] = { 1, 1.0 / 6, 1.0 / 120, 1.0 / 5040 };
    (void)l;
    Value *x = op_value(op, P_x);
    Value *far = half_exp(b, x);
    far = make_two(b, OP_sub, far, half_exp(b, trig_negated(b, x)));
    return by_size(b, x, 1, odd_polynomial(b, x, (int)COUNT(series), series), far);
}

Value *cosh_by_exp(const Legal *l, Builder *b, Op *op)
{
    (void)l;
    Value *x = op_value(op, P_x);
    Value *half = half_exp(b, x);
    return make_two(b, OP_add, half, half_exp(b, trig_negated(b, x)));
}

/* sign(x) * log((1 + |x|) / (1 - |x|)) / 2. The epsilon is the least that the engine's
 * logarithm takes; what it is added to is 3 or more. */
Value *atanh_by_log(const Legal *l, Builder *b, Op *op)
{
    static const double series[] = { 1, 1.0 / 3, 1.0 / 5, 1.0 / 7, 1.0 / 9 };
    (void)l;
    Value *x = op_value(op, P_x), *size = make_one(b, OP_abs, x);
    Value *below = make_with(b, OP_add, trig_negated(b, size), 1);
    Value *ratio = make_two(b, OP_real_div, make_with(b, OP_add, size, 1), below);
    Value *log = mil_log(b, "log", .x = ratio, .epsilon = make_number(b, x, 0x1.1p-17));
    Value *far = make_with(b, OP_mul, log, 0.5);
    far = make_two(b, OP_mul, far, make_one(b, OP_sign, x));
    return by_size(b, x, 0.5, odd_polynomial(b, x, (int)COUNT(series), series), far);
}

/* ---- arcs -------------------------------------------------------------------------------- */

/* acos(|x|) as sqrt(1 - |x|) times a polynomial, to 7e-5. The root is a power: products of
 * roots are wrong on some engines. */
static Value *arc_of_size(Builder *b, Value *x)
{
    static const double c[] = { 1.5707288, -0.2121144, 0.0742610, -0.0187293 };
    Value *size = make_one(b, OP_abs, x);
    Value *root = make_with(b, OP_pow, make_with(b, OP_add, trig_negated(b, size), 1),
                            0.5);
    return make_two(b, OP_mul, root, make_polynomial(b, size, (int)COUNT(c), c));
}

Value *acos_by_polynomial(const Legal *l, Builder *b, Op *op)
{
    (void)l;
    Value *x = op_value(op, P_x), *arc = arc_of_size(b, x);
    Value *other = make_with(b, OP_add, trig_negated(b, arc), 3.14159265359);
    return make_select(b, make_with(b, OP_less, x, 0), other, arc);
}

Value *asin_by_polynomial(const Legal *l, Builder *b, Op *op)
{
    static const double series[] = { 1, 1.0 / 6, 3.0 / 40, 15.0 / 336, 105.0 / 3456 };
    (void)l;
    Value *x = op_value(op, P_x);
    Value *arc = make_with(b, OP_add, trig_negated(b, arc_of_size(b, x)), 1.57079632679);
    Value *far = make_two(b, OP_mul, arc, make_one(b, OP_sign, x));
    return by_size(b, x, 0.5, odd_polynomial(b, x, (int)COUNT(series), series), far);
}
