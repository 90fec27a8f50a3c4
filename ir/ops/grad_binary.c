/* grad_binary.c -- gradients of functions of two numbers, and of select. What an argument was
 * repeated along, its gradient is summed over. */
#include "grad.h"

typedef struct {
    Builder *b;
    Value *x, *y, *z, *d; /* z: the result */
    bool wants_x, wants_y;
} Two;

static Two open_two(const Grad *g)
{
    return (Two){ .b = g->b,
                  .x = grad_arg(g, P_x),
                  .y = grad_arg(g, P_y),
                  .z = g->op->out[0],
                  .d = g->dy[0],
                  .wants_x = grad_wants(g, P_x),
                  .wants_y = grad_wants(g, P_y) };
}

bool grad_add(Grad *g)
{
    const Two t = open_two(g);
    if (t.wants_x) grad_give_sum(g, P_x, t.d);
    if (t.wants_y) grad_give_sum(g, P_y, t.d);
    return true;
}

bool grad_sub(Grad *g)
{
    const Two t = open_two(g);
    if (t.wants_x) grad_give_sum(g, P_x, t.d);
    if (t.wants_y) grad_give_sum(g, P_y, grad_scaled(t.b, t.d, -1));
    return true;
}

bool grad_mul(Grad *g)
{
    const Two t = open_two(g);
    if (t.wants_x) grad_give_sum(g, P_x, grad_times(t.b, t.d, t.y));
    if (t.wants_y) grad_give_sum(g, P_y, grad_times(t.b, t.d, t.x));
    return true;
}

bool grad_real_div(Grad *g)
{
    const Two t = open_two(g);
    Value *part = grad_two(t.b, OP_real_div, t.d, t.y);
    if (t.wants_x) grad_give_sum(g, P_x, part);
    if (t.wants_y) grad_give_sum(g, P_y, grad_times(t.b, grad_scaled(t.b, part, -1), t.z));
    return true;
}

/* x has the gradient where it is chosen, ties too; y has the rest. */
static bool choice(Grad *g, int chosen)
{
    const Two t = open_two(g);
    Value *x_is = grad_two(t.b, chosen, t.x, t.y);
    if (t.wants_x) grad_give_sum(g, P_x, grad_where(t.b, x_is, t.d, NULL));
    if (t.wants_y) grad_give_sum(g, P_y, grad_where(t.b, x_is, NULL, t.d));
    return true;
}
bool grad_maximum(Grad *g) { return choice(g, OP_greater_equal); }
bool grad_minimum(Grad *g) { return choice(g, OP_less_equal); }

/* d * y * x^(y - 1), without a power where y is 1 or 2, so that x may be 0 */
static Value *power_by_base(const Two *t)
{
    double p;
    const bool known = value_float(t->y, &p);
    if (known && p == 0) return grad_zeros(t->b, t->z);
    if (known && p == 1) return t->d;
    if (known && p == 2) return grad_times(t->b, t->d, grad_scaled(t->b, t->x, 2));
    Value *less = known ? grad_number(t->b, t->x, p - 1) : grad_with(t->b, OP_sub, t->y, 1);
    Value *slope = grad_two(t->b, OP_pow, t->x, less);
    slope = known ? grad_scaled(t->b, slope, p) : grad_times(t->b, t->y, slope);
    return grad_times(t->b, t->d, slope);
}

/* d * z * log(x), and 0 where x is */
static Value *power_by_exponent(const Two *t)
{
    Value *log = mil_log(t->b, "log", .x = t->x, .epsilon = grad_number(t->b, t->x, 0));
    Value *slope = grad_times(t->b, t->z, log);
    Value *above = grad_with(t->b, OP_equal, t->x, 0);
    return grad_times(t->b, t->d, grad_where(t->b, above, NULL, slope));
}

bool grad_pow(Grad *g)
{
    const Two t = open_two(g);
    if (t.wants_x) grad_give_sum(g, P_x, power_by_base(&t));
    if (t.wants_y) grad_give_sum(g, P_y, power_by_exponent(&t));
    return true;
}

bool grad_mod(Grad *g)
{
    const Two t = open_two(g);
    if (t.wants_x) grad_give_sum(g, P_x, t.d);
    if (t.wants_y) {
        Value *times = grad_two(t.b, OP_floor_div, t.x, t.y);
        grad_give_sum(g, P_y, grad_times(t.b, grad_scaled(t.b, t.d, -1), times));
    }
    return true;
}

bool grad_select(Grad *g)
{
    Value *cond = grad_arg(g, P_cond), *d = g->dy[0];
    if (grad_wants(g, P_a)) grad_give_sum(g, P_a, grad_where(g->b, cond, d, NULL));
    if (grad_wants(g, P_b)) grad_give_sum(g, P_b, grad_where(g->b, cond, NULL, d));
    return true;
}
