/* legal_decompose.c -- what an engine refuses, in operations that it has: the table of
 * rewrites, and those of single operations. What depends on constants alone becomes a
 * constant. */
#include "legal_ops.h"
#include "legal_shape.h"

#include <string.h>

/* ---- roots, squares, norms --------------------------------------------------------------- */

static Value *reciprocal_root(Builder *b, Value *x, double epsilon)
{
    return make_with(b, OP_pow, make_with(b, OP_add, x, epsilon), -0.5);
}

static Value *rsqrt(const Legal *l, Builder *b, Op *op)
{
    double epsilon;
    (void)l;
    return float_of(op, P_epsilon, 1e-12, &epsilon)
             ? reciprocal_root(b, op_value(op, P_x), epsilon)
             : NULL;
}

static bool is_activation(const Op *op)
{
    return op->kind != OP_NONE && !strcmp(ops[op->kind].family, "activation");
}

/* Where the rule looks: an activation follows, and the width is above 64 modulo 128. */
static Value *square(const Legal *l, Builder *b, Op *op)
{
    const int64_t width = extent_of(op->out[0], 0);
    Value *x = op_value(op, P_x);
    return width % 128 > 64 && used_by(l->func, op->out[0], is_activation)
             ? make2(b, OP_mul, x, x)
             : NULL;
}

static Value *l2_norm(const Legal *l, Builder *b, Op *op)
{
    double epsilon;
    Value *x = op_value(op, P_x);
    (void)l;
    if (!float_of(op, P_epsilon, 1e-6, &epsilon) || extent_of(x, 2) < 0) return NULL;
    Value *axes = build_ints(b, 3, (int64_t[]){ -3, -2, -1 });
    Value *square = make2(b, OP_mul, x, x), *keep = build_bool(b, true);
    Value *sum = mil_reduce_sum(b, "sum", .x = square, .axes = axes, .keep_dims = keep);
    return make2(b, OP_mul, x, reciprocal_root(b, sum, epsilon));
}

/* ---- truth ------------------------------------------------------------------------------- */

/* Both as 0 or 1, joined by `by`, and what that gives other than 0. */
static Value *logic(Builder *b, Op *op, int by)
{
    Value *x = make_cast(b, op_value(op, P_x), DT_FP16),
          *y = make_cast(b, op_value(op, P_y), DT_FP16);
    return make_with(b, OP_not_equal, make2(b, by, x, y), 0);
}

static Value *logical_and(const Legal *l, Builder *b, Op *op)
{
    return (void)l, logic(b, op, OP_mul);
}
static Value *logical_or(const Legal *l, Builder *b, Op *op)
{
    return (void)l, logic(b, op, OP_maximum);
}

static Value *logical_xor(const Legal *l, Builder *b, Op *op)
{
    (void)l;
    Value *x = make_cast(b, op_value(op, P_x), DT_FP16);
    return make2(b, OP_not_equal, x, make_cast(b, op_value(op, P_y), DT_FP16));
}

/* ---- arithmetic -------------------------------------------------------------------------- */

/* x - y * floor(x / y). A quotient just below a whole number may be rounded up to it; the
 * remainder has the wrong sign then, and y is added. */
static Value *mod(const Legal *l, Builder *b, Op *op)
{
    Value *x = op_value(op, P_x), *y = op_value(op, P_y);
    (void)l;
    if (!dtype_is_float(op->out[0]->type->dtype)) return NULL;
    Value *whole = make1(b, OP_floor, make2(b, OP_real_div, x, y));
    Value *rest = make2(b, OP_sub, x, make2(b, OP_mul, y, whole));
    Value *sign = make1(b, OP_sign, y);
    Value *below = make_with(b, OP_less, make2(b, OP_mul, rest, sign), 0);
    return make_select(b, below, make2(b, OP_add, rest, y), rest);
}

static Value *argmin(const Legal *l, Builder *b, Op *op)
{
    Value *x = op_value(op, P_x);
    (void)l;
    if (!dtype_is_float(x->type->dtype)) return NULL;
    Arg arg[MAX_PARAM];
    Value *negative = make_with(b, OP_mul, x, -1);
    const int n = args_with(op, arg, op->narg, P_x, &negative);
    return build_op(b, "argmax", OP_reduce_argmax, arg, n)->out[0];
}

/* The product along one axis: halves by each other, what is over on the way into the last
 * product. */
static Value *product(Builder *b, Value *x, int axis)
{
    Value *over = NULL;
    for (int64_t n; (n = x->type->shape.dim[axis]) > 1;) {
        const int64_t half = n / 2;
        Value *last = n % 2 ? make_slice(b, x, axis, n - 1, 1) : NULL;
        Value *front = make_slice(b, x, axis, 0, half);
        x = make2(b, OP_mul, front, make_slice(b, x, axis, half, half));
        if (last) over = over ? make2(b, OP_mul, over, last) : last;
    }
    return over ? make2(b, OP_mul, x, over) : x;
}

static Value *reduce_prod(const Legal *l, Builder *b, Op *op)
{
    int64_t axes[MAX_RANK * 2];
    int n;
    Value *x = op_value(op, P_x);
    const Shape *s = shape_of_value(x);
    size_t count;
    (void)l;
    if (!s || !shape_count(s, &count) || !count || !ints_of(op, P_axes, axes, &n)) return NULL;
    if (!op_value(op, P_axes))
        for (n = 0; n < s->rank; n++) axes[n] = n;
    const int rank = s->rank;
    Value *first = x;
    for (int i = 0; i < n; i++)
        x = product(b, x, (int)(axes[i] < 0 ? axes[i] + rank : axes[i]));
    if (x == first) return make_with(b, OP_mul, make_shape(b, x, &op->out[0]->type->shape), 1);
    return make_shape(b, x, &op->out[0]->type->shape);
}

/* The product of a reduction and 0, as a constant. What is not finite would give NaN, which the
 * engine has not: 0 there, too. */
static Value *zero_product(const Legal *l, Builder *b, Op *op)
{
    static const ParamId side[] = { P_x, P_y };
    const Type *t = op->out[0]->type;
    double f;
    (void)l;
    for (int i = 0; i < 2 && shape_of_value(op->out[0]); i++) {
        const Value *zero = op_value(op, side[i]), *other = op_value(op, side[1 - i]);
        if (!value_float(zero, &f) || f != 0 || !other->def || !is_family(other->def, "reduce"))
            continue;
        Const *c = NEW(&b->m->arena, Const);
        *c = (Const){ .type = t, .kind = CONST_INIT, .init = INIT_FILL };
        return build_const(b, "zero", c);
    }
    return NULL;
}

/* A product with a mask of ones: what is not a finite number outside of the band becomes
 * NaN. */
static Value *band_part(const Legal *l, Builder *b, Op *op)
{
    int64_t lower, upper;
    Value *x = op_value(op, P_x);
    const int64_t rows = extent_of(x, 1), cols = extent_of(x, 0);
    (void)l;
    if (rows < 0 || cols < 0 || !dtype_is_float(x->type->dtype)) return NULL;
    if (!int_of(op, P_lower, -1, &lower) || !int_of(op, P_upper, -1, &upper)) return NULL;
    const Type *t = type_tensor(&b->m->arena, x->type->dtype, SHAPE(rows, cols));
    if (!type_bytes(t) || type_bytes(t) > COMPUTED_MAX) return NULL;
    void *data = arena_alloc(&b->m->arena, type_bytes(t));
    Tensor mask = tensor_view(t->dtype, &t->shape, data);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++)
            tensor_set_float(&mask, (size_t)(i * cols + j),
                             (lower < 0 || i - j <= lower) && (upper < 0 || j - i <= upper));
    return make2(b, OP_mul, x, build_const(b, "band", const_data(&b->m->arena, t, data)));
}

/* ---- what is known ----------------------------------------------------------------------- */

static Value *shape_as_const(const Legal *l, Builder *b, Op *op)
{
    const Shape *s = shape_of_value(op_value(op, P_x));
    (void)l;
    return s && s->rank ? build_ints(b, s->rank, s->dim) : NULL;
}

static bool all_known(const Op *op)
{
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < op->arg[i].count; k++)
            if (!value_at_hand(op->arg[i].val[k]) || op->arg[i].val[k]->type->kind != TY_TENSOR)
                return false;
    return op_is_computable(op);
}

/* The results of a statement of constants alone, by its reference meaning. */
static bool compute(Builder *b, Op *op, Value **out)
{
    const Const *c[MAX_RESULT];
    size_t bytes = 0;
    for (int i = 0; i < op->nout; i++) bytes += type_bytes(op->out[i]->type);
    if (bytes > COMPUTED_MAX || !all_known(op)
        || !op_literals(b->m, op, COMPUTED_MAX, b->diag, c))
        return false;
    for (int i = 0; i < op->nout; i++) {
        if (!type_equal(c[i]->type, op->out[i]->type)) return false;
        out[i] = build_const(b, op->out[i]->name, c[i]);
    }
    return true;
}

/* ---- the table --------------------------------------------------------------------------- */

static const struct {
    int op, rule; /* RULE_op_refused: where support.def says that the engine refuses it */
    Rewrite *one;
    RewriteAll *all;
} rewrites[] = {
    { OP_rsqrt, RULE_rsqrt, rsqrt, NULL },
    { OP_square, RULE_square, square, NULL },
    { OP_l2_norm, RULE_l2_norm, l2_norm, NULL },
    { OP_sin, RULE_op_refused, sin_by_polynomial, NULL },
    { OP_cos, RULE_op_refused, cos_by_polynomial, NULL },
    { OP_tan, RULE_op_refused, tan_by_quotient, NULL },
    { OP_sinh, RULE_op_refused, sinh_by_exp, NULL },
    { OP_cosh, RULE_op_refused, cosh_by_exp, NULL },
    { OP_asin, RULE_op_refused, asin_by_polynomial, NULL },
    { OP_acos, RULE_op_refused, acos_by_polynomial, NULL },
    { OP_atanh, RULE_op_refused, atanh_by_log, NULL },
    { OP_logical_and, RULE_op_refused, logical_and, NULL },
    { OP_logical_or, RULE_op_refused, logical_or, NULL },
    { OP_logical_xor, RULE_op_refused, logical_xor, NULL },
    { OP_mod, RULE_op_refused, mod, NULL },
    { OP_reduce_argmin, RULE_op_refused, argmin, NULL },
    { OP_reduce_prod, RULE_op_refused, reduce_prod, NULL },
    { OP_band_part, RULE_op_refused, band_part, NULL },
    { OP_shape, RULE_op_refused, shape_as_const, NULL },
    { OP_one_hot, RULE_op_refused, one_hot_by_equal, NULL },
    { OP_gather_nd, RULE_op_refused, gather_nd_by_gather, NULL },
    { OP_scatter, RULE_op_refused, scatter_by_slices, NULL },
    { OP_scatter_nd, RULE_op_refused, scatter_by_slices, NULL },
    { OP_scatter_along_axis, RULE_op_refused, scatter_by_slices, NULL },
    { OP_reverse_sequence, RULE_op_refused, reverse_sequence_by_reverse, NULL },
    { OP_sliding_windows, RULE_op_refused, windows_by_slices, NULL },
    { OP_mul, RULE_mul_zero, zero_product, NULL },
    { OP_softmax, RULE_softmax_axis, softmax_of_more, NULL },
    { OP_local_response_norm, RULE_lrn_channels, lrn_by_groups, NULL },
    { OP_topk, RULE_topk_k, NULL, topk_as_taken },
    { OP_space_to_depth, RULE_block_factor, blocks_by_transpose, NULL },
    { OP_depth_to_space, RULE_block_factor, blocks_by_transpose, NULL },
    { OP_pixel_shuffle, RULE_block_factor, blocks_by_transpose, NULL },
    { OP_pixel_unshuffle, RULE_block_factor, blocks_by_transpose, NULL },
    { OP_space_to_batch, RULE_block_factor, blocks_by_transpose, NULL },
    { OP_batch_to_space, RULE_block_factor, blocks_by_transpose, NULL },
    { OP_lstm, RULE_op_refused, NULL, unroll },
    { OP_gru, RULE_op_refused, NULL, unroll },
    { OP_rnn, RULE_op_refused, NULL, unroll },
};

static bool decompose(const Legal *l, Builder *b, Op *op, Value **out)
{
    const bool refused = op_refused(l->rules, op->name) >= STAND_REPORTED;
    if (refused && compute(b, op, out)) return true;
    for (size_t i = 0; i < COUNT(rewrites); i++) {
        if (rewrites[i].op != op->kind) continue;
        const int rule = rewrites[i].rule;
        if (!refused && (rule == RULE_op_refused || !rule_heals(l->rules, rule))) return false;
        if (rewrites[i].all) return rewrites[i].all(l, b, op, out);
        return (out[0] = rewrites[i].one(l, b, op)) != NULL;
    }
    return false;
}

int pass_decompose(Module *m, const PassOptions *o, Diag *d)
{
    return legal_rewrite_all(m, o, d, decompose);
}
