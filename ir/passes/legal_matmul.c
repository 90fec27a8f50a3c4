/* legal_matmul.c -- matmul and linear in the form that a target takes: constants as the second
 * operand, transposed. */
#include "legal.h"

#include <string.h>

/* ---- constants --------------------------------------------------------------------------- */

/* The matrix [r, c] as [c, r]; its leading axes are of one entry. NULL: its bytes are not
 * here. */
static Value *turned_const(const Legal *l, Builder *b, const Value *v)
{
    Tensor from;
    Arena *a = &b->m->arena;
    const int64_t rows = dim_of(v, 1), cols = dim_of(v, 0);
    if (!const_at_hand(value_lit(v)) || !const_tensor(value_lit(v), l->diag, &from))
        return NULL;
    const Type *t = type_tensor(a, v->type->dtype, SHAPE(cols, rows));
    const size_t each = (size_t)dtypes[t->dtype].bits / 8;
    char *data = arena_alloc(a, type_bytes(t) + 1);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t k = 0; k < cols; k++)
            memcpy(data + (size_t)(k * rows + i) * each,
                   (const char *)from.data + (size_t)(i * cols + k) * each, each);
    tensor_free(&from);
    return build_const(b, v->name ? v->name : "weight", const_data(a, t, data));
}

/* The constant as a matrix of two axes, turned or not; NULL when it is none or cannot be. */
static Value *matrix_of(const Legal *l, Builder *b, Value *v, bool turn)
{
    const Shape *s = shape_of_value(v);
    if (!value_lit(v) || !s || s->rank < 2 || dtypes[v->type->dtype].bits < 8)
        return NULL;
    for (int i = 0; i < s->rank - 2; i++)
        if (s->dim[i] != 1) return NULL;
    if (turn) return turned_const(l, b, v);
    const Shape flat = SHAPE(s->dim[s->rank - 2], s->dim[s->rank - 1]);
    return make_shape(b, v, &flat);
}

static Value *constant_side(const Legal *l, Builder *b, const Op *op, Value *x, Value *y)
{
    const bool tx = flag_of(op, P_transpose_x), ty = flag_of(op, P_transpose_y);
    const Shape *out = shape_of_value(op->out[0]);
    if (!out || (value_is_const(x) && value_is_const(y))) return NULL;
    if (value_is_const(x) && y->type->shape.rank > 1) { /* (y^T x^T)^T */
        Value *w = matrix_of(l, b, x, tx);
        return w ? make_shape(b, make_swap(b, make_matmul(b, y, w, !ty, true)), out)
                 : NULL;
    }
    if (!value_is_const(y) || (ty && y->type->shape.rank == 2) || x->type->shape.rank < 2)
        return NULL;
    Value *w = matrix_of(l, b, y, !ty);
    return w ? make_shape(b, make_matmul(b, x, w, tx, true), out) : NULL;
}

/* So many rows by such a constant are refused; halves of them are not. */
static Value *two_halves(Builder *b, Value *x, Value *y)
{
    Value *half[2];
    const int axis = x->type->shape.rank - 2;
    const int64_t n = dim_of(x, 1) / 2;
    for (int i = 0; i < 2; i++)
        half[i] = make_matmul(b, make_slice(b, x, axis, i * n, n), y, false, true);
    return make_concat(b, half, 2, axis);
}

/* A compressed side is to be turned: it becomes the weight itself first. */
static void decompress_side(const Legal *l, Op *op, ParamId side, bool fits)
{
    Value *v = op_value(op, side);
    if (value_lit(v) || !value_is_const(v) || (fits && v->type->shape.rank == 2)) return;
    legal_decompress(l->m, v->def, l->diag);
}

static Value *matmul_constants(const Legal *l, Builder *b, Op *op)
{
    if (op->kind != OP_matmul) return NULL;
    const bool constant = legal_asks(l, RULE_matmul_constant, op);
    if (constant) {
        decompress_side(l, op, P_x, false);
        decompress_side(l, op, P_y, flag_of(op, P_transpose_y));
    }
    Value *x = op_value(op, P_x), *y = op_value(op, P_y);
    Value *r = constant ? constant_side(l, b, op, x, y) : NULL;
    return r || !legal_asks(l, RULE_matmul_shape, op) ? r : two_halves(b, x, y);
}

int pass_matmul_const(Module *m, const PassOptions *o, Diag *d)
{
    return legal_rewrite(m, o, d, matmul_constants);
}
