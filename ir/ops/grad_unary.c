/* grad_unary.c -- gradients of functions of one number. x is the argument, y the result, d what
 * flows back into it. */
#include "grad.h"

#include <string.h>

typedef struct {
    Builder *b;
    Value *x, *y, *d;
} One;

static bool open_one(const Grad *g, One *o)
{
    *o = (One){ .b = g->b, .x = grad_arg(g, P_x), .y = g->op->out[0], .d = g->dy[0] };
    return grad_wants(g, P_x);
}

static bool done(Grad *g, Value *dx)
{
    grad_give(g, P_x, dx);
    return true;
}

/* d * v */
static bool times(Grad *g, const One *o, Value *v)
{
    return done(g, grad_times(o->b, o->d, v));
}

static Value *square(const One *o, Value *v) { return grad_times(o->b, v, v); }
/* 1 - v * v, 1 + v * v */
static Value *one_less(const One *o, Value *v)
{
    Value *one = grad_number(o->b, v, 1);
    return grad_two(o->b, OP_sub, one, square(o, v));
}
static Value *one_more(const One *o, Value *v)
{
    return grad_with(o->b, OP_add, square(o, v), 1);
}

bool grad_abs(Grad *g)
{
    One o;
    return !open_one(g, &o) || times(g, &o, grad_one(o.b, OP_sign, o.x));
}

/* Of asin, by the power of a product that no chip gets wrong as it does some roots. */
static bool arc(Grad *g, double sign)
{
    One o;
    if (!open_one(g, &o)) return true;
    Value *slope = grad_with(o.b, OP_pow, one_less(&o, o.x), -0.5);
    return times(g, &o, grad_scaled(o.b, slope, sign));
}
bool grad_asin(Grad *g) { return arc(g, 1); }
bool grad_acos(Grad *g) { return arc(g, -1); }

bool grad_atan(Grad *g)
{
    One o;
    return !open_one(g, &o) || done(g, grad_two(o.b, OP_real_div, o.d, one_more(&o, o.x)));
}

bool grad_atanh(Grad *g)
{
    One o;
    return !open_one(g, &o) || done(g, grad_two(o.b, OP_real_div, o.d, one_less(&o, o.x)));
}

bool grad_cast(Grad *g)
{
    One o;
    if (!open_one(g, &o)) return true;
    const char *type = dtypes[o.x->type->dtype].name;
    if (o.d->type->dtype == o.x->type->dtype) return done(g, o.d);
    return done(g, mil_cast(o.b, "cast", .x = o.d, .dtype = build_string(o.b, type)));
}

bool grad_clip(Grad *g)
{
    One o;
    if (!open_one(g, &o)) return true;
    Value *low = grad_two(o.b, OP_greater_equal, o.x, grad_arg(g, P_alpha));
    Value *high = grad_two(o.b, OP_less_equal, o.x, grad_arg(g, P_beta));
    return done(g, grad_where(o.b, low, grad_where(o.b, high, o.d, NULL), NULL));
}

bool grad_sin(Grad *g)
{
    One o;
    return !open_one(g, &o) || times(g, &o, grad_one(o.b, OP_cos, o.x));
}

bool grad_cos(Grad *g)
{
    One o;
    return !open_one(g, &o) || times(g, &o, grad_scaled(o.b, grad_one(o.b, OP_sin, o.x), -1));
}

bool grad_tan(Grad *g)
{
    One o;
    return !open_one(g, &o) || times(g, &o, one_more(&o, o.y));
}

bool grad_sinh(Grad *g)
{
    One o;
    return !open_one(g, &o) || times(g, &o, grad_one(o.b, OP_cosh, o.x));
}

bool grad_cosh(Grad *g)
{
    One o;
    return !open_one(g, &o) || times(g, &o, grad_one(o.b, OP_sinh, o.x));
}

bool grad_tanh(Grad *g)
{
    One o;
    return !open_one(g, &o) || times(g, &o, one_less(&o, o.y));
}

bool grad_erf(Grad *g)
{
    const double two_by_root_pi = 1.1283791670955126;
    One o;
    if (!open_one(g, &o)) return true;
    Value *bell = grad_one(o.b, OP_exp, grad_scaled(o.b, square(&o, o.x), -1));
    return times(g, &o, grad_scaled(o.b, bell, two_by_root_pi));
}

bool grad_exp(Grad *g)
{
    One o;
    return !open_one(g, &o) || times(g, &o, o.y);
}

bool grad_exp2(Grad *g)
{
    const double ln2 = 0.6931471805599453;
    One o;
    return !open_one(g, &o) || times(g, &o, grad_scaled(o.b, o.y, ln2));
}

bool grad_inverse(Grad *g)
{
    One o;
    return !open_one(g, &o) || times(g, &o, grad_scaled(o.b, square(&o, o.y), -1));
}

bool grad_log(Grad *g)
{
    One o;
    if (!open_one(g, &o)) return true;
    Value *epsilon = grad_arg(g, P_epsilon);
    if (!epsilon) epsilon = grad_number(o.b, o.x, grad_float(g, P_epsilon));
    return times(g, &o, mil_inverse(o.b, "inverse", .x = o.x, .epsilon = epsilon));
}

bool grad_rsqrt(Grad *g)
{
    One o;
    if (!open_one(g, &o)) return true;
    Value *sum = grad_with(o.b, OP_add, o.x, grad_float(g, P_epsilon));
    return times(g, &o, grad_scaled(o.b, grad_with(o.b, OP_pow, sum, -1.5), -0.5));
}

bool grad_sqrt(Grad *g)
{
    One o;
    return !open_one(g, &o)
        || times(g, &o, grad_scaled(o.b, grad_with(o.b, OP_pow, o.x, -0.5), 0.5));
}

bool grad_square(Grad *g)
{
    One o;
    return !open_one(g, &o) || times(g, &o, grad_scaled(o.b, o.x, 2));
}

bool grad_threshold(Grad *g)
{
    One o;
    if (!open_one(g, &o)) return true;
    Value *above = grad_two(o.b, OP_greater, o.x, grad_arg(g, P_alpha));
    return done(g, grad_where(o.b, above, o.d, NULL));
}
