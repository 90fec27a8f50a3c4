/* eval_binary.c -- the reference meaning of ops on pairs of broadcast elements; select. */
#include "eval.h"

#include <math.h>
#include <string.h>

/* ---- division ---------------------------------------------------------------------------- */

/* Ints: a divisor of 0 gives 0, as in numpy; the smallest number by -1 wraps when stored. */
static int64_t int_div(int64_t x, int64_t y) { return y ? x / y : 0; }

static int64_t int_floor_div(int64_t x, int64_t y)
{
    if (!y) return 0;
    return x / y - (x % y != 0 && (x < 0) != (y < 0));
}

static int64_t int_mod(int64_t x, int64_t y) { return y ? x - y * int_floor_div(x, y) : 0; }

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
} Pair;

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

#define F(op, number, whole)                                                                   \
    static double n_##op(double x, double y) { return (number); }                              \
    static int64_t w_##op(int64_t v, int64_t w) { return (whole); }
FUNCTIONS
#undef F

static const Pair functions[OP_COUNT] = {
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

static bool numbers(Call *c, double (*f)(double, double), const Tensor *x, const Tensor *y)
{
    Tensor *t = c->res[0];
    double *a = call_doubles_of(c, x), *b = call_doubles_of(c, y), z[CHUNK];
    Walk w = walk_xy(t, x, y);
    for (bool go = walk_start(&w); go; go = walk_next(&w))
        for (int64_t i = 0, n; i < w.run; i += n) {
            for (n = 0; n < CHUNK && i + n < w.run; n++)
                z[n] = f(a[w.at[1] + (i + n) * w.step[1]], b[w.at[2] + (i + n) * w.step[2]]);
            tensor_put_floats(t, (size_t)(w.at[0] + i), (size_t)n, z);
        }
    return true;
}

static bool wholes(Call *c, int64_t (*f)(int64_t, int64_t), const Tensor *x, const Tensor *y)
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
    const Pair *f = &functions[c->info - ops];
    const Tensor *x = call_val(c, P_x), *y = call_val(c, P_y);
    return dtype_is_float(x->dtype) ? numbers(c, f->number, x, y) : wholes(c, f->whole, x, y);
}

/* ---- select ------------------------------------------------------------------------------ */

bool eval_select(Call *c)
{
    const Tensor *cond = call_val(c, P_cond), *a = call_val(c, P_a), *b = call_val(c, P_b);
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
