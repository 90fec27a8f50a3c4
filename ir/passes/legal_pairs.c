/* legal_pairs.c -- pairs of ops that an engine computes wrongly together: a rounding times a
 * number, a product of two axes and its hard-swish. */
#include "legal.h"

/* The number becomes a constant of the whole shape: the engine drops a multiplication by a
 * single one. */
static Value *scale_whole(const Legal *l, Builder *b, Op *op)
{
    Value *rounded, *number;
    double scale;
    size_t n;
    if (!legal_asks(l, RULE_rounded_scale, op)
        || !rule_scales_rounded(op, &rounded, &number))
        return NULL;
    const Type *t = op->out[0]->type;
    if (!value_float(number, &scale) || !shape_count(&t->shape, &n)) return NULL;
    Const *c = NEW(&b->m->arena, Const);
    *c = (Const){ .type = t, .kind = CONST_INIT, .init = INIT_FILL, .a = scale };
    return make_two(b, OP_mul, rounded, build_const(b, "scale", c));
}

static Value *with_four_axes(Builder *b, Value *x)
{
    const Shape *s = shape_of_value(x);
    return s && s->rank == 2 ? make_as(b, x, SHAPE(1, 1, s->dim[0], s->dim[1])) : NULL;
}

/* Product, sigmoid_hard and product with four axes. A constant goes on having two, which is how
 * engines take one. */
static Value *swish_of_four(const Legal *l, Builder *b, Op *op)
{
    Value *product;
    if (!legal_asks(l, RULE_hard_swish_rank, op) || !rule_hard_swish(op, &product))
        return NULL;
    const Value *side = op_value(op, P_x) == product ? op_value(op, P_y)
                                                     : op_value(op, P_x);
    const Op *matmul = product->def, *hard = side->def;
    Value *x = op_value(matmul, P_x), *y = op_value(matmul, P_y);
    if (value_is_const(x) || !shape_of_value(y) || !(x = with_four_axes(b, x)))
        return NULL;
    if (!value_is_const(y) && !(y = with_four_axes(b, y))) return NULL;
    Value *p = make_matmul(b, x, y, flag_of(matmul, P_transpose_x),
                           flag_of(matmul, P_transpose_y));
    Value *gate = mil_sigmoid_hard(b, "sigmoid_hard", .x = p,
                                   .alpha = op_value(hard, P_alpha),
                                   .beta = op_value(hard, P_beta));
    return make_shape(b, make_two(b, OP_mul, gate, p), &op->out[0]->type->shape);
}

static Value *pairs_apart(const Legal *l, Builder *b, Op *op)
{
    Value *y = scale_whole(l, b, op);
    return y ? y : swish_of_four(l, b, op);
}

int pass_pairs(Module *m, const PassOptions *o, Diag *d)
{
    return legal_rewrite(m, o, d, pairs_apart);
}
