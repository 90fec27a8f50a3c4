/* legal_lift.c -- scales the operands of products for an engine that makes products below the
 * least normal number of fp16 zero.
 *
 * x and y are multiplied by powers of two, chosen while the program runs from the largest
 * magnitude of each, and the result is divided by both. The powers are chosen so that no sum
 * can leave the range in which the engine adds, whatever the signs: with sums of n products,
 *
 *     max|x 2^i| max|y 2^j| n <= 2^14
 *
 * The error of a product is below 2^-25 n of the largest that there could be. Where an
 * operand is so small that even the largest factor, 2^9, is not enough, the results are near
 * the smallest numbers of fp16 themselves. Multiplying by a power of two rounds nothing.
 * Used for steps of training only, where gradients may have any magnitude. */
#include "legal.h"

#include <math.h>

enum {
    SUM_BITS = 12, /* 14, less a bit for what is above the power of two in each operand */
    MOST_BITS = 9  /* the largest power that an operand is multiplied with */
};

/* ---- how far ----------------------------------------------------------------------------- */

/* The exponent of the largest magnitude of x, in the dimensions of a scalar of its rank. */
static Value *lift_exponent(Builder *b, Value *x, int least)
{
    int64_t axes[MAX_RANK];
    const int rank = x->type->shape.rank;
    for (int i = 0; i < rank; i++) axes[i] = i;
    Value *size = make_one(b, OP_abs, x);
    Value *most = make_over(b, "most", OP_reduce_max, size, rank, axes);
    most = make_with(b, OP_maximum, most, 0x1p-14);
    Value *e = make_with(b, OP_mul, make_one(b, OP_log, most), 1 / log(2));
    return make_with(b, OP_maximum, make_one(b, OP_floor, e), least);
}

/* ---- operands ---------------------------------------------------------------------------- */

typedef struct {
    Value *v;
    bool fixed;   /* a constant, which stays as it is */
    double power; /* 2^power is at most its largest magnitude */
} LiftOperand;

static double lift_largest(const Tensor *t)
{
    enum { AT_ONCE = 256 };
    double v[AT_ONCE], most = 0;
    for (size_t i = 0, n; i < t->count; i += n) {
        n = t->count - i < AT_ONCE ? t->count - i : AT_ONCE;
        tensor_get_floats(t, i, n, v);
        for (size_t k = 0; k < n; k++) most = fmax(most, fabs(v[k]));
    }
    return most;
}

/* False: of no type or dimensions that this is for, or a constant of zeros. */
static bool lift_operand(Builder *b, Value *v, LiftOperand *o)
{
    Tensor t;
    const Shape *s = shape_of_value(v);
    *o = (LiftOperand){ .v = v, .fixed = v && value_is_const(v) };
    if (!s || !s->rank || v->type->dtype != DT_FP16) return false;
    if (!o->fixed) return true;
    if (!value_at_hand(v) || !value_tensor(v, b->diag, &t)) return false;
    const double most = lift_largest(&t);
    tensor_free(&t);
    if (most == 0 || !isfinite(most)) return false;
    o->power = floor(log2(most));
    return true;
}

/* The operand becomes what it is to be, by 2^(bits - e); gives e. */
static Value *lift_up(Builder *b, LiftOperand *o, int bits)
{
    Value *e = lift_exponent(b, o->v, bits - MOST_BITS);
    Value *power = make_one(b, OP_exp2, make_two(b, OP_sub, make_number(b, e, bits), e));
    o->v = make_two(b, OP_mul, o->v, power);
    return e;
}

/* The same of both; gives what their product is multiplied with behind. */
static Value *lift_both(Builder *b, LiftOperand *x, LiftOperand *y, int64_t n)
{
    int bits = SUM_BITS;
    for (int64_t k = 1; k < n; k *= 2) bits--;
    if (x->fixed || y->fixed) {
        LiftOperand *moves = x->fixed ? y : x;
        const int left = bits - (int)(x->fixed ? x->power : y->power);
        return make_one(b, OP_exp2, make_with(b, OP_add, lift_up(b, moves, left), -left));
    }
    Value *ex = lift_up(b, x, bits / 2), *ey = lift_up(b, y, bits - bits / 2);
    return make_one(b, OP_exp2, make_with(b, OP_add, make_two(b, OP_add, ex, ey), -bits));
}

/* ---- ops -------------------------------------------------------------------------- */

/* How many products an element is the sum of, at most. */
static int64_t lift_sums(const Op *op, const Value *y)
{
    const Shape *s = &y->type->shape;
    int64_t n = 1;
    if (op->kind == OP_matmul) {
        const int first = s->rank < 2 || flag_of(op, P_transpose_y) ? 0 : 1;
        return dim_of(y, first);
    }
    for (int i = 0; i < s->rank; i++) n *= s->dim[i];
    return n / s->dim[op->kind == OP_conv_transpose];
}

static bool lift_some(const Shape *s)
{
    size_t n;
    return shape_count(s, &n) && n > 0;
}

/* The one element of x in a shape of that rank, which of a vector's product is less. */
static Value *lift_scalar(Builder *b, Value *x, int rank)
{
    Shape one = { .rank = rank };
    for (int i = 0; i < rank; i++) one.dim[i] = 1;
    return make_shape(b, x, &one);
}

/* op with both operands scaled. With a bias, which is added within the op, it stays: no step has
 * one that is learned. */
static Value *lift_op(const Legal *l, Builder *b, Op *op, ParamId other)
{
    LiftOperand x, y;
    BuildArg arg[MAX_PARAM];
    const Shape *out = shape_of_value(op->out[0]);
    if (!l->options->lift || !rule_holds(l->rules, RULE_mac_denormal)) return NULL;
    if (op_value(op, P_bias) || !out || !lift_some(out)) return NULL;
    if (!lift_operand(b, op_value(op, P_x), &x)
        || !lift_operand(b, op_value(op, other), &y) || (x.fixed && y.fixed)
        || !lift_some(&x.v->type->shape))
        return NULL;
    Value *back = lift_both(b, &x, &y, lift_sums(op, y.v));
    int narg = args_with(op, arg, op->narg, P_x, &x.v);
    narg = args_with(NULL, arg, narg, other, &y.v);
    Op *product = build_op(b, ops[op->kind].name, op->kind, arg, narg);
    if (back->type->shape.rank > out->rank) back = lift_scalar(b, back, out->rank);
    return make_two(b, OP_mul, product->out[0], back);
}

Value *lift_by_y(const Legal *l, Builder *b, Op *op) { return lift_op(l, b, op, P_y); }

Value *lift_by_weight(const Legal *l, Builder *b, Op *op)
{
    return lift_op(l, b, op, P_weight);
}
