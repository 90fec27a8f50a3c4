/* legal_accurate.c -- activations and norms in forms that a target computes accurately: silu
 * and gelu without the engine's tables, softplus where the engine gives 0, layer_norm
 * without gamma and beta, roots in front of products. */
#include "legal.h"

#include <string.h>

/* ---- activations ------------------------------------------------------------------------- */

/* x / (1 + exp(-u)): x times the sigmoid of u. */
static Value *accurate_gated(Builder *b, Value *x, Value *u)
{
    Value *e = make_one(b, OP_exp, make_with(b, OP_mul, u, -1));
    return make_two(b, OP_real_div, x, make_with(b, OP_add, e, 1));
}

Value *silu_by_exp(const Legal *l, Builder *b, Op *op)
{
    Value *x = op_value(op, P_x);
    (void)l;
    return accurate_gated(b, x, x);
}

/* The exact mode is computed as the one with tanh, which is within 5e-4 of it. */
Value *gelu_by_exp(const Legal *l, Builder *b, Op *op)
{
    Value *x = op_value(op, P_x);
    const char *mode = op_value(op, P_mode) ? op_const_string(op, P_mode) : "EXACT";
    (void)l;
    if (!mode) return NULL;
    if (!strcmp(mode, "SIGMOID_APPROXIMATION"))
        return accurate_gated(b, x, make_with(b, OP_mul, x, 1.702));
    Value *cubic = make_with(
        b, OP_add, make_with(b, OP_mul, make_two(b, OP_mul, x, x), 0.044715), 1);
    return accurate_gated(
        b, x, make_with(b, OP_mul, make_two(b, OP_mul, x, cubic), 1.59576912));
}

Value *softplus_by_maximum(const Legal *l, Builder *b, Op *op)
{
    Value *x = op_value(op, P_x);
    (void)l;
    return make_two(b, OP_maximum, make_one(b, OP_softplus, x), x);
}

/* ---- layer_norm -------------------------------------------------------------------------- */

/* A gamma or beta, whose dimensions are those of the axes in order, as it broadcasts to x. */
static Value *along_axes(Builder *b, const Op *op, Value *v, const Shape *x)
{
    int64_t axes[MAX_RANK * 2], last = -1;
    Shape s = { .rank = x->rank };
    const int n = op_value(op, P_axes) ? value_ints(op_value(op, P_axes), axes) : x->rank;
    for (int i = 0; i < x->rank; i++) s.dim[i] = 1;
    for (int i = 0; i < n; i++) {
        int64_t axis = !op_value(op, P_axes) ? i
                     : axes[i] < 0           ? axes[i] + x->rank
                                             : axes[i];
        if (axis <= last || axis >= x->rank) return NULL;
        s.dim[axis] = x->dim[axis];
        last = axis;
    }
    return n < 0 ? NULL : make_shape(b, v, &s);
}

/* Whether gamma and beta go behind. */
static bool affine_apart(const Legal *l, const Op *op)
{
    return legal_asks(l, RULE_norm_affine, op) || legal_asks(l, RULE_norm_rows, op)
        || legal_asks(l, RULE_norm_wide, op) || legal_asks(l, RULE_norm_values, op);
}

Value *norm_apart(const Legal *l, Builder *b, Op *op)
{
    Value *x = op_value(op, P_x), *gamma = op_value(op, P_gamma),
          *beta = op_value(op, P_beta);
    Value *eps = op_value(op, P_epsilon), *axes = op_value(op, P_axes);
    const Shape *s = shape_of_value(x);
    const bool split = affine_apart(l, op);
    const bool retype = legal_asks(l, RULE_epsilon_type, op);
    double e;
    if (!s || (!split && !retype) || !float_of(op, P_epsilon, 1e-5, &e)) return NULL;
    const DType t = x->type->dtype;
    if (split && gamma && !(gamma = along_axes(b, op, make_cast(b, gamma, t), s)))
        return NULL;
    if (split && beta && !(beta = along_axes(b, op, make_cast(b, beta, t), s)))
        return NULL;
    Value *last = build_float(b, retype || !eps ? t : eps->type->dtype, e);
    Value *y = mil_layer_norm(b, "layer_norm", .x = x, .epsilon = last, .axes = axes,
                              .gamma = split ? NULL : gamma, .beta = split ? NULL : beta);
    if (split && gamma) y = make_two(b, OP_mul, y, gamma);
    if (split && beta) y = make_two(b, OP_add, y, beta);
    return y;
}

/* ---- roots ------------------------------------------------------------------------------- */

Value *sqrt_by_pow(const Legal *l, Builder *b, Op *op)
{
    (void)l;
    return make_with(b, OP_pow, op_value(op, P_x), 0.5);
}
