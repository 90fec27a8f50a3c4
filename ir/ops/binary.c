/* binary.c -- arithmetic and comparisons of two tensors. */
#include "eval.h"
#include "grad.h"
#include "move.h"

#include <math.h>
#include <string.h>

/* ==== inference
 * ============================================================================= */

/* The shape that the arguments have in common, after numpy's rules; none is reported. */
static bool binary_broadcast(Call *c, const char *a, ParamId b, const Shape *x,
                             Shape *out)
{
    const Shape *y = call_shape(c, b);
    if (shape_broadcast(x, y, out)) return true;
    return call_error(c, "shapes do not broadcast: %s is %s, %s is %s", a,
                      call_text(c, x), param_names[b], call_text(c, y));
}

bool infer_binary(Call *c)
{
    Shape out;
    return binary_broadcast(c, "x", P_y, call_shape(c, P_x), &out)
        && call_out(c, call_dtype(c, P_x), out);
}

bool infer_compare(Call *c)
{
    Shape out;
    return binary_broadcast(c, "x", P_y, call_shape(c, P_x), &out)
        && call_out(c, DT_BOOL, out);
}

bool infer_select(Call *c)
{
    Shape ab, out;
    return binary_broadcast(c, "a", P_b, call_shape(c, P_a), &ab)
        && binary_broadcast(c, "the result of a and b", P_cond, &ab, &out)
        && call_out(c, call_dtype(c, P_a), out);
}

/* ==== reference kernels =================================================================== */

/* ---- division ---------------------------------------------------------------------------- */

/* Ints: a divisor of 0 gives 0, as in numpy; the smallest number by -1 wraps when stored. */
static int64_t int_div(int64_t x, int64_t y) { return y ? x / y : 0; }

static int64_t int_floor_div(int64_t x, int64_t y)
{
    if (!y) return 0;
    return x / y - (x % y != 0 && (x < 0) != (y < 0));
}

static int64_t int_mod(int64_t x, int64_t y)
{
    return y ? x - y * int_floor_div(x, y) : 0;
}

/* The remainder has the divisor's sign; fmod is exact, so quotient and remainder agree. */
static double num_mod(double x, double y)
{
    double r = fmod(x, y);
    if (r == 0) return copysign(0, y);
    return (r < 0) != (y < 0) ? r + y : r;
}

static double num_floor_div(double x, double y)
{
    if (y == 0) return x / y;
    double r = fmod(x, y), q = (x - r) / y;
    if (r != 0 && (r < 0) != (y < 0)) q -= 1;
    if (q == 0) return copysign(0, x / y);
    double whole = floor(q);
    return q - whole > 0.5 ? whole + 1 : whole;
}

/* ---- power ------------------------------------------------------------------------------- */

/* Modulo 2^64. A negative exponent gives the quotient toward zero: 0 unless x is 1 or -1. */
static int64_t int_pow(int64_t x, int64_t y)
{
    if (y < 0) return x == 1 ? 1 : x == -1 ? (y % 2 ? -1 : 1) : 0;
    uint64_t p = 1, b = (uint64_t)x;
    for (; y; y >>= 1, b *= b)
        if (y & 1) p *= b;
    return (int64_t)p;
}

/* ---- the functions ----------------------------------------------------------------------- */

typedef struct {
    double (*number)(double, double);
    /* of ints below 2^32 and bools; results wrap when stored */
    int64_t (*whole)(int64_t, int64_t);
} BinaryPair;

/* F(op, value for floats, value for ints and bools) */
/* clang-format off */
#define FUNCTIONS                                                                                  \
    F(add, x + y, v + w)                                                                           \
    F(equal, x == y, v == w)                                                                       \
    F(floor_div, num_floor_div(x, y), int_floor_div(v, w))                                         \
    F(greater, x > y, v > w)                                                                       \
    F(greater_equal, x >= y, v >= w)                                                               \
    F(less, x < y, v < w)                                                                          \
    F(less_equal, x <= y, v <= w)                                                                  \
    F(logical_and, x != 0 && y != 0, v && w)                                                       \
    F(logical_or, x != 0 || y != 0, v || w)                                                        \
    F(logical_xor, (x != 0) != (y != 0), !v != !w)                                                 \
    F(maximum, num_max(x, y), v > w ? v : w)                                                       \
    F(minimum, num_min(x, y), v < w ? v : w)                                                       \
    F(mod, num_mod(x, y), int_mod(v, w))                                                           \
    F(mul, x * y, v * w)                                                                           \
    F(not_equal, x != y, v != w)                                                                   \
    F(pow, pow(x, y), int_pow(v, w))                                                               \
    F(real_div, x / y, int_div(v, w))                                                              \
    F(sub, x - y, v - w)
/* clang-format on */

#define F(op, number, whole) \
    static double n_##op(double x, double y) { return (number); } \
    static int64_t w_##op(int64_t v, int64_t w) { return (whole); }
FUNCTIONS
#undef F

static const BinaryPair functions[OP_COUNT] = {
#define F(op, number, whole) [OP_##op] = { n_##op, w_##op },
    FUNCTIONS
#undef F
};

/* ---- the loops --------------------------------------------------------------------------- */

/* A broadcast result may be far larger than what it comes from: it is made in pieces. */
enum { CHUNK = 1024 };

static Walk walk_xy(const Tensor *z, const Tensor *x, const Tensor *y)
{
    Walk w;
    walk_init(&w, &z->shape);
    walk_broadcast(&w, &z->shape);
    walk_broadcast(&w, &x->shape);
    walk_broadcast(&w, &y->shape);
    return w;
}

static bool binary_numbers(Call *c, double (*f)(double, double), const Tensor *x,
                           const Tensor *y)
{
    Tensor *t = c->res[0];
    double *a = call_doubles_of(c, x), *b = call_doubles_of(c, y), z[CHUNK];
    Walk w = walk_xy(t, x, y);
    for (bool go = walk_start(&w); go; go = walk_next(&w))
        for (int64_t i = 0, n; i < w.run; i += n) {
            for (n = 0; n < CHUNK && i + n < w.run; n++)
                z[n] = f(a[w.at[1] + (i + n) * w.step[1]],
                         b[w.at[2] + (i + n) * w.step[2]]);
            tensor_put_floats(t, (size_t)(w.at[0] + i), (size_t)n, z);
        }
    return true;
}

static bool binary_wholes(Call *c, int64_t (*f)(int64_t, int64_t), const Tensor *x,
                          const Tensor *y)
{
    Tensor *t = c->res[0];
    int64_t *a = call_int64s_of(c, x), *b = call_int64s_of(c, y);
    Walk w = walk_xy(t, x, y);
    for (bool go = walk_start(&w); go; go = walk_next(&w))
        for (int64_t i = 0; i < w.run; i++)
            tensor_set_int(t, (size_t)(w.at[0] + i),
                           f(a[w.at[1] + i * w.step[1]], b[w.at[2] + i * w.step[2]]));
    return true;
}

bool eval_binary(Call *c)
{
    const BinaryPair *f = &functions[c->info - ops];
    const Tensor *x = call_val(c, P_x), *y = call_val(c, P_y);
    return dtype_is_float(x->dtype) ? binary_numbers(c, f->number, x, y)
                                    : binary_wholes(c, f->whole, x, y);
}

/* ---- select ------------------------------------------------------------------------------ */

bool eval_select(Call *c)
{
    const Tensor *cond = call_val(c, P_cond), *a = call_val(c, P_a),
                 *b = call_val(c, P_b);
    Tensor *z = c->res[0];
    const uint8_t *which = cond->data;
    size_t size = tensor_elem_size(z);
    int64_t from[2][MAX_RANK], to[MAX_RANK];
    shape_strides(&z->shape, to);
    shape_strides_as(&a->shape, &z->shape, from[0]);
    shape_strides_as(&b->shape, &z->shape, from[1]);
    copy_strided(&z->shape, size, z->data, 0, to, a->data, 0, from[0]);
    Walk w;
    walk_init(&w, &z->shape);
    walk_add(&w, to, 0);
    walk_broadcast(&w, &cond->shape);
    walk_add(&w, from[1], 0);
    for (bool go = walk_start(&w); go; go = walk_next(&w))
        for (int64_t i = 0; i < w.run; i++) {
            int64_t at = w.at[0] + i * w.step[0], src = w.at[2] + i * w.step[2];
            if (which[w.at[1] + i * w.step[1]]) continue;
            memcpy((char *)z->data + (size_t)at * size,
                   (const char *)b->data + (size_t)src * size, size);
        }
    return true;
}

/* ==== gradients
 * ============================================================================= */

/* Gradients of functions of two numbers, and of select. What an argument was
 * repeated along, its gradient is summed over. */

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
    Value *part = make_two(t.b, OP_real_div, t.d, t.y);
    if (t.wants_x) grad_give_sum(g, P_x, part);
    if (t.wants_y)
        grad_give_sum(g, P_y, grad_times(t.b, grad_scaled(t.b, part, -1), t.z));
    return true;
}

/* x has the gradient where it is chosen, ties too; y has the rest. */
static bool binary_choice(Grad *g, int chosen)
{
    const Two t = open_two(g);
    Value *x_is = make_two(t.b, chosen, t.x, t.y);
    if (t.wants_x) grad_give_sum(g, P_x, grad_where(t.b, x_is, t.d, NULL));
    if (t.wants_y) grad_give_sum(g, P_y, grad_where(t.b, x_is, NULL, t.d));
    return true;
}
bool grad_maximum(Grad *g) { return binary_choice(g, OP_greater_equal); }
bool grad_minimum(Grad *g) { return binary_choice(g, OP_less_equal); }

/* d * y * x^(y - 1), without a power where y is 1 or 2, so that x may be 0 */
static Value *power_by_base(const Two *t)
{
    double p;
    const bool known = value_float(t->y, &p);
    if (known && p == 0) return grad_zeros(t->b, t->z);
    if (known && p == 1) return t->d;
    if (known && p == 2) return grad_times(t->b, t->d, grad_scaled(t->b, t->x, 2));
    Value *less = known ? make_number(t->b, t->x, p - 1)
                        : make_with(t->b, OP_sub, t->y, 1);
    Value *slope = make_two(t->b, OP_pow, t->x, less);
    slope = known ? grad_scaled(t->b, slope, p) : grad_times(t->b, t->y, slope);
    return grad_times(t->b, t->d, slope);
}

/* d * z * log(x), and 0 where x is */
static Value *power_by_exponent(const Two *t)
{
    Value *log = mil_log(t->b, "log", .x = t->x, .epsilon = make_number(t->b, t->x, 0));
    Value *slope = grad_times(t->b, t->z, log);
    Value *above = make_with(t->b, OP_equal, t->x, 0);
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
        Value *times = make_two(t.b, OP_floor_div, t.x, t.y);
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
