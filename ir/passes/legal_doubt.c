/* legal_doubt.c -- rewrites for rules about which reports disagree, applied only where a
 * profile measured them on the user's own machine: matmul of another rank than 3, operands
 * of size 1. */
#include "legal.h"

/* ---- products of three axes -------------------------------------------------------------- */

/* The leading axes as one. */
static Value *as_three(Builder *b, Value *x)
{
    const Shape *s = &x->type->shape;
    int64_t batch = 1;
    for (int i = 0; i < s->rank - 2; i++) batch *= s->dim[i];
    return make_as(b, x, SHAPE(batch, s->dim[s->rank - 2], s->dim[s->rank - 1]));
}

/* Where both have the same leading axes, or none. */
static Value *matmul_of_three(Builder *b, const Op *op)
{
    Value *x = op_value(op, P_x), *y = op_value(op, P_y);
    const Shape *s = shape_of_value(x), *t = shape_of_value(y),
                *out = shape_of_value(op->out[0]);
    if (!s || !t || !out || value_is_const(x) || value_is_const(y)) return NULL;
    if (s->rank != t->rank || s->rank < 2 || s->rank == 3) return NULL;
    for (int i = 0; i < s->rank - 2; i++)
        if (s->dim[i] != t->dim[i]) return NULL;
    x = as_three(b, x);
    y = as_three(b, y);
    Value *r = make_matmul(b, x, y, flag_of(op, P_transpose_x),
                           flag_of(op, P_transpose_y));
    return make_shape(b, r, out);
}

/* ---- operands that are one wide ---------------------------------------------------------- */

/* One of them is repeated along the axis. */
static bool doubt_repeats(const Shape *x, const Shape *y, int axis)
{
    return (x->dim[axis] == 1) != (y->dim[axis] == 1);
}

static Shape with_rank(const Shape *s, int rank)
{
    Shape r = { .rank = rank };
    for (int i = 0; i < rank; i++)
        r.dim[i] = i < rank - s->rank ? 1 : s->dim[i - (rank - s->rank)];
    return r;
}

/* The last axis changes places with one along which nothing is repeated, and back. */
static Value *repeated_elsewhere(Builder *b, const Op *op)
{
    Value *x = op_value(op, P_x), *y = op_value(op, P_y);
    const Shape *s = shape_of_value(x), *t = shape_of_value(y),
                *out = shape_of_value(op->out[0]);
    int64_t perm[MAX_RANK];
    if (!s || !t || !out || out->rank < 2) return NULL;
    const Shape sx = with_rank(s, out->rank), sy = with_rank(t, out->rank);
    const int last = out->rank - 1;
    int axis = last - 1;
    if (!doubt_repeats(&sx, &sy, last)) return NULL;
    while (axis >= 0 && doubt_repeats(&sx, &sy, axis)) axis--;
    if (axis < 0) return NULL;
    for (int i = 0; i < out->rank; i++) perm[i] = i == last ? axis : i == axis ? last : i;
    x = make_transpose(b, make_shape(b, x, &sx), perm);
    y = make_transpose(b, make_shape(b, y, &sy), perm);
    return make_transpose(b, make_two(b, op->kind, x, y), perm);
}

/* ---- the pass ---------------------------------------------------------------------------- */

static Value *doubt_applies(const Legal *l, Builder *b, Op *op)
{
    if (legal_asks(l, RULE_rank3_matmul, op)) return matmul_of_three(b, op);
    return legal_asks(l, RULE_broadcast, op) ? repeated_elsewhere(b, op) : NULL;
}

int pass_doubt(Module *m, const PassOptions *o, Diag *d)
{
    return legal_rewrite(m, o, d, doubt_applies);
}
