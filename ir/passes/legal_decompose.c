/* legal_decompose.c -- operations that a target refuses, in those that it runs.
 *
 * A row of the table is an operation, the rule that may be about it beside op-refused, and what it
 * becomes. Approximations are good to fp16 where the arguments are of the size of angles and logits;
 * reductions of the range are in two steps, since fp16 holds 3.14159 to three digits alone. */
#include "legal.h"

#include <math.h>

/* ---- angles --------------------------------------------------------------------------------------- */

/* r - r^3/6 + r^5/120 - r^7/5040, for |r| <= pi/2. */
static Value *sine_near_zero(Builder *b, Value *r)
{
    Value *q = make2(b, "mul", r, r);
    Value *p = make_with(b, "add", make_with(b, "mul", q, -1.0 / 5040), 1.0 / 120);
    p = make_with(b, "add", make2(b, "mul", p, q), -1.0 / 6);
    p = make_with(b, "add", make2(b, "mul", p, q), 1);
    return make2(b, "mul", p, r);
}

/* x - n pi; the first part of pi has 8 bits, so that its product with a small n is exact. */
static Value *less_pi(Builder *b, Value *x, Value *n)
{
    const double much = 3.140625, rest = 3.14159265358979 - much;
    x = make2(b, "sub", x, make_with(b, "mul", n, much));
    return make2(b, "sub", x, make_with(b, "mul", n, rest));
}

/* 1 for even n, -1 for odd ones. */
static Value *parity(Builder *b, Value *n)
{
    Value *half = make_with(b, "mul", make1(b, "floor", make_with(b, "mul", n, 0.5)), 2);
    return make_with(b, "add", make_with(b, "mul", make2(b, "sub", n, half), -2), 1);
}

static Value *as_sin(Builder *b, Op *op)
{
    Value *x = op_value(op, "x");
    Value *n = make1(b, "floor", make_with(b, "add", make_with(b, "mul", x, 0.318309886), 0.5));
    return make2(b, "mul", sine_near_zero(b, less_pi(b, x, n)), parity(b, n));
}

/* cos(n pi + pi/2 + r) = -(-1)^n sin(r). */
static Value *as_cos(Builder *b, Op *op)
{
    Value *x = op_value(op, "x"), *n = make1(b, "floor", make_with(b, "mul", x, 0.318309886));
    Value *r = less_pi(b, x, make_with(b, "add", n, 0.5));
    return make2(b, "mul", sine_near_zero(b, r), make_with(b, "mul", parity(b, n), -1));
}

static Value *as_tan(Builder *b, Op *op) { return make2(b, "real_div", as_sin(b, op), as_cos(b, op)); }

/* acos(a) for 0 <= a <= 1 as a root times a cubic, to 7e-5 (Abramowitz and Stegun 4.4.45). */
static Value *acos_of_positive(Builder *b, Value *a)
{
    Value *p = make_with(b, "add", make_with(b, "mul", a, -0.0187293), 0.0742610);
    p = make_with(b, "add", make2(b, "mul", p, a), -0.2121144);
    p = make_with(b, "add", make2(b, "mul", p, a), 1.5707288);
    Value *left = make_with(b, "add", make_with(b, "mul", a, -1), 1);
    return make2(b, "mul", make_with(b, "pow", left, 0.5), p);
}

static Value *as_asin(Builder *b, Op *op)
{
    Value *x = op_value(op, "x"), *c = acos_of_positive(b, make1(b, "abs", x));
    Value *s = make_with(b, "add", make_with(b, "mul", c, -1), 1.57079633);
    return make2(b, "mul", s, make1(b, "sign", x));
}

static Value *as_acos(Builder *b, Op *op)
{
    return make_with(b, "add", make_with(b, "mul", as_asin(b, op), -1), 1.57079633);
}

/* ---- hyperbolic ----------------------------------------------------------------------------------- */

/* exp(x - ln 2) + exp(-x - ln 2): halving first keeps the whole range of fp16. */
static Value *as_cosh(Builder *b, Op *op)
{
    Value *x = op_value(op, "x");
    Value *up = make1(b, "exp", make_with(b, "add", x, -0.693147181));
    Value *down = make1(b, "exp", make_with(b, "add", make_with(b, "mul", x, -1), -0.693147181));
    return make2(b, "add", up, down);
}

static Value *as_sinh(Builder *b, Op *op)
{
    return make2(b, "mul", make1(b, "tanh", op_value(op, "x")), as_cosh(b, op));
}

static Value *as_atanh(Builder *b, Op *op)
{
    Value *x = op_value(op, "x");
    Value *up = make_with(b, "add", x, 1), *down = make_with(b, "add", make_with(b, "mul", x, -1), 1);
    Value *log = build(b, "log", "log", "x", make2(b, "real_div", up, down), "epsilon", make_number(b, x, 0), NULL);
    return make_with(b, "mul", log, 0.5);
}

/* ---- bools and remainders --------------------------------------------------------------------------- */

/* op of both sides as numbers; true is 1. */
static Value *numeric(Builder *b, const Op *op, const char *name)
{
    Value *x = make_cast(b, op_value(op, "x"), DT_FP16), *y = make_cast(b, op_value(op, "y"), DT_FP16);
    return make2(b, name, x, y);
}

static Value *as_and(Builder *b, Op *op) { return make_with(b, "greater", numeric(b, op, "mul"), 0.5); }
static Value *as_or(Builder *b, Op *op) { return make_with(b, "greater", numeric(b, op, "maximum"), 0.5); }
static Value *as_xor(Builder *b, Op *op) { return numeric(b, op, "not_equal"); }

static Value *as_mod(Builder *b, Op *op)
{
    Value *x = op_value(op, "x"), *y = op_value(op, "y");
    const bool whole = dtype_is_int(x->type->dtype);
    Value *q = whole ? make2(b, "floor_div", x, y) : make1(b, "floor", make2(b, "real_div", x, y));
    return make2(b, "sub", x, make2(b, "mul", q, y));
}

/* ---- powers and norms -------------------------------------------------------------------------------- */

static Value *as_rsqrt(Builder *b, Op *op)
{
    double eps;
    Value *x = op_value(op, "x");
    if (!float_of(op, "epsilon", 1e-12, &eps)) return NULL;
    return make_with(b, "pow", make_with(b, "add", x, eps), -0.5);
}

static Value *as_square(Builder *b, Op *op) { return make2(b, "mul", op_value(op, "x"), op_value(op, "x")); }

static Value *as_l2_norm(Builder *b, Op *op)
{
    double eps;
    const int64_t axes[] = { -3, -2, -1 };
    Value *x = op_value(op, "x");
    if (!float_of(op, "epsilon", 1e-6, &eps)) return NULL;
    Value *sum = build(b, "sum", "reduce_sum", "x", make2(b, "mul", x, x), "axes", build_ints(b, 3, axes),
                       "keep_dims", build_bool(b, true), NULL);
    return make2(b, "mul", x, make_with(b, "pow", make_with(b, "add", sum, eps), -0.5));
}

/* ---- tensors ----------------------------------------------------------------------------------------- */

/* The product along one axis: halves are multiplied until one entry is left. */
static Value *product_along(Builder *b, Value *x, int axis)
{
    Value *rest = NULL;
    for (int64_t n = x->type->shape.dim[axis]; n > 1; n /= 2) {
        if (n % 2) {
            Value *last = make_slice(b, x, axis, n - 1, 1);
            rest = rest ? make2(b, "mul", rest, last) : last;
        }
        x = make2(b, "mul", make_slice(b, x, axis, 0, n / 2), make_slice(b, x, axis, n / 2, n / 2));
    }
    return rest ? make2(b, "mul", x, rest) : x;
}

static Value *as_products(Builder *b, Op *op)
{
    int64_t axes[MAX_RANK * 2];
    Value *x = op_value(op, "x");
    const Shape *s = shape_of_value(x), *out = shape_of_value(op->out[0]);
    if (!s || !out || !s->rank) return NULL;
    int n = op_value(op, "axes") ? value_ints(op_value(op, "axes"), axes) : s->rank;
    for (int i = 0; i < n; i++) {
        int64_t axis = !op_value(op, "axes") ? i : axes[i] < 0 ? axes[i] + s->rank : axes[i];
        if (axis < 0 || axis >= s->rank || s->dim[axis] < 1) return NULL;
        x = product_along(b, x, (int)axis);
    }
    if (n < 0 || x == op_value(op, "x")) return NULL;
    return shape_equal(&x->type->shape, out) ? x : make_shape(b, x, out);
}

/* A mask of what lies inside of the band, 1 or 0. */
static Value *as_band_mask(Builder *b, Op *op)
{
    enum { MOST = 1 << 24 };
    int64_t lower, upper;
    Value *x = op_value(op, "x");
    const int64_t rows = extent_of(x, 1), cols = extent_of(x, 0);
    if (!int_of(op, "lower", -1, &lower) || !int_of(op, "upper", -1, &upper)) return NULL;
    if (rows <= 0 || cols <= 0 || rows > MOST / cols || !dtype_is_float(x->type->dtype)) return NULL;
    const Type *t = type_tensor(&b->m->arena, x->type->dtype, SHAPE(rows, cols));
    void *data = arena_alloc(&b->m->arena, type_bytes(t));
    Tensor mask = tensor_view(t->dtype, &t->shape, data);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t k = 0; k < cols; k++)
            tensor_set_float(&mask, (size_t)(i * cols + k),
                             (lower < 0 || i - k <= lower) && (upper < 0 || k - i <= upper));
    return make2(b, "mul", x, build_const(b, "band", const_data(&b->m->arena, t, data)));
}

/* Indices compared with 0, 1, .. laid along the new axis. */
static Value *as_comparison(Builder *b, Op *op)
{
    enum { MOST = 1 << 20 };
    int64_t size;
    Value *indices = op_value(op, "indices"), *on = op_value(op, "on_value"), *off = op_value(op, "off_value");
    const Shape *s = shape_of_value(indices);
    if (!s || !on || !off || !int_of(op, "one_hot_vector_size", -1, &size) || size < 1 || size > MOST) return NULL;
    const int axis = axis_of(op, "axis", -1, s->rank + 1);
    if (axis < 0) return NULL;
    Shape count = { .rank = s->rank + 1 }, wide = { .rank = s->rank + 1 };
    for (int i = 0; i < count.rank; i++) {
        count.dim[i] = i == axis ? size : 1;
        wide.dim[i] = i == axis ? 1 : s->dim[i > axis ? i - 1 : i];
    }
    const Type *t = type_tensor(&b->m->arena, DT_INT32, count);
    int32_t *data = arena_alloc(&b->m->arena, type_bytes(t));
    for (int64_t i = 0; i < size; i++) data[i] = (int32_t)i;
    Value *places = build_const(b, "places", const_data(&b->m->arena, t, data));
    Value *hit = make2(b, "equal", make_shape(b, indices, &wide), places);
    return build(b, "one_hot", "select", "cond", hit, "a", on, "b", off, NULL);
}

static Value *as_argmax(Builder *b, Op *op)
{
    Arg arg[MAX_PARAM];
    Value *x = op_value(op, "x");
    if (!dtype_is_float(x->type->dtype) || op->narg > MAX_PARAM) return NULL;
    Value *minus = make_with(b, "mul", x, -1);
    for (int i = 0; i < op->narg; i++) {
        arg[i] = op->arg[i];
        if (arg[i].val[0] == x) arg[i].val = &minus;
    }
    return build_op(b, "argmax", "reduce_argmax", arg, op->narg)->out[0];
}

/* ---- the table ---------------------------------------------------------------------------------------- */

enum { NO_RULE = -1 };

static const struct {
    int op, rule;
    Value *(*as)(Builder *b, Op *op);
} rows[] = {
    { OP_sin, NO_RULE, as_sin },
    { OP_cos, NO_RULE, as_cos },
    { OP_tan, NO_RULE, as_tan },
    { OP_asin, NO_RULE, as_asin },
    { OP_acos, NO_RULE, as_acos },
    { OP_sinh, NO_RULE, as_sinh },
    { OP_cosh, NO_RULE, as_cosh },
    { OP_atanh, NO_RULE, as_atanh },
    { OP_logical_and, NO_RULE, as_and },
    { OP_logical_or, NO_RULE, as_or },
    { OP_logical_xor, NO_RULE, as_xor },
    { OP_mod, NO_RULE, as_mod },
    { OP_rsqrt, RULE_rsqrt, as_rsqrt },
    { OP_square, RULE_square, as_square },
    { OP_l2_norm, RULE_l2_norm, as_l2_norm },
    { OP_reduce_prod, NO_RULE, as_products },
    { OP_band_part, NO_RULE, as_band_mask },
    { OP_one_hot, NO_RULE, as_comparison },
    { OP_reduce_argmin, NO_RULE, as_argmax },
};

static Value *decompose(const Legal *l, Builder *b, Op *op)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (op->kind != rows[i].op) continue;
        if (rows[i].rule != NO_RULE && rule_heals(l->rules, rows[i].rule)) return rows[i].as(b, op);
        return op_refused(l->rules, op->name) >= STAND_REPORTED ? rows[i].as(b, op) : NULL;
    }
    return NULL;
}

int pass_decompose(Module *m, const PassOptions *o, Diag *d) { return legal_rewrite(m, o, d, decompose); }
