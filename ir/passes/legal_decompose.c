/* legal_decompose.c -- single operations that an engine refuses, in terms of others. */
#include "legal.h"
#include "legal_shape.h"

#include <math.h>
#include <string.h>

/* ---- roots, squares, norms --------------------------------------------------------------- */

static Value *reciprocal_root(Builder *b, Value *x, double epsilon)
{
    return make_with(b, OP_pow, make_with(b, OP_add, x, epsilon), -0.5);
}

Value *rsqrt_by_pow(const Legal *l, Builder *b, Op *op)
{
    double epsilon;
    (void)l;
    return float_of(op, P_epsilon, 1e-12, &epsilon)
             ? reciprocal_root(b, op_value(op, P_x), epsilon)
             : NULL;
}

Value *square_by_mul(const Legal *l, Builder *b, Op *op)
{
    Value *x = op_value(op, P_x);
    (void)l;
    return make_two(b, OP_mul, x, x);
}

Value *l2_norm_by_sum(const Legal *l, Builder *b, Op *op)
{
    double epsilon;
    Value *x = op_value(op, P_x);
    (void)l;
    if (!float_of(op, P_epsilon, 1e-6, &epsilon) || dim_of(x, 2) < 0) return NULL;
    Value *axes = build_ints(b, 3, (int64_t[]){ -3, -2, -1 });
    Value *square = make_two(b, OP_mul, x, x), *keep = build_bool(b, true);
    Value *sum = mil_reduce_sum(b, "sum", .x = square, .axes = axes, .keep_dims = keep);
    return make_two(b, OP_mul, x, reciprocal_root(b, sum, epsilon));
}

/* ---- truth ------------------------------------------------------------------------------- */

/* Both as 0 or 1, joined by `by`, and what that gives other than 0. */
static Value *decompose_logic(Builder *b, Op *op, int by)
{
    Value *x = make_cast(b, op_value(op, P_x), DT_FP16),
          *y = make_cast(b, op_value(op, P_y), DT_FP16);
    return make_with(b, OP_not_equal, make_two(b, by, x, y), 0);
}

Value *and_by_product(const Legal *l, Builder *b, Op *op)
{
    return (void)l, decompose_logic(b, op, OP_mul);
}
Value *or_by_maximum(const Legal *l, Builder *b, Op *op)
{
    return (void)l, decompose_logic(b, op, OP_maximum);
}

Value *xor_by_difference(const Legal *l, Builder *b, Op *op)
{
    (void)l;
    Value *x = make_cast(b, op_value(op, P_x), DT_FP16);
    return make_two(b, OP_not_equal, x, make_cast(b, op_value(op, P_y), DT_FP16));
}

/* ---- arithmetic -------------------------------------------------------------------------- */

/* x - y * floor(x / y). A quotient just below a whole number may be rounded up to it; the
 * remainder has the wrong sign then, and y is added. */
Value *mod_by_quotient(const Legal *l, Builder *b, Op *op)
{
    Value *x = op_value(op, P_x), *y = op_value(op, P_y);
    (void)l;
    if (!dtype_is_float(op->out[0]->type->dtype)) return NULL;
    Value *whole = make_one(b, OP_floor, make_two(b, OP_real_div, x, y));
    Value *rest = make_two(b, OP_sub, x, make_two(b, OP_mul, y, whole));
    Value *sign = make_one(b, OP_sign, y);
    Value *below = make_with(b, OP_less, make_two(b, OP_mul, rest, sign), 0);
    return make_select(b, below, make_two(b, OP_add, rest, y), rest);
}

Value *argmin_by_argmax(const Legal *l, Builder *b, Op *op)
{
    Value *x = op_value(op, P_x);
    (void)l;
    if (!dtype_is_float(x->type->dtype)) return NULL;
    BuildArg arg[MAX_PARAM];
    Value *negative = make_with(b, OP_mul, x, -1);
    const int n = args_with(op, arg, op->narg, P_x, &negative);
    return build_op(b, "argmax", OP_reduce_argmax, arg, n)->out[0];
}

/* The product along one axis: halves by each other, what is over on the way into the last
 * product. */
static Value *decompose_product(Builder *b, Value *x, int axis)
{
    Value *over = NULL;
    for (int64_t n; (n = x->type->shape.dim[axis]) > 1;) {
        const int64_t half = n / 2;
        Value *last = n % 2 ? make_slice(b, x, axis, n - 1, 1) : NULL;
        Value *front = make_slice(b, x, axis, 0, half);
        x = make_two(b, OP_mul, front, make_slice(b, x, axis, half, half));
        if (last) over = over ? make_two(b, OP_mul, over, last) : last;
    }
    return over ? make_two(b, OP_mul, x, over) : x;
}

Value *prod_by_halves(const Legal *l, Builder *b, Op *op)
{
    int64_t axes[MAX_RANK * 2];
    int n;
    Value *x = op_value(op, P_x);
    const Shape *s = shape_of_value(x);
    size_t count;
    (void)l;
    if (!s || !shape_count(s, &count) || !count || !ints_of(op, P_axes, axes, &n))
        return NULL;
    if (!op_value(op, P_axes))
        for (n = 0; n < s->rank; n++) axes[n] = n;
    const int rank = s->rank;
    Value *first = x;
    for (int i = 0; i < n; i++)
        x = decompose_product(b, x, (int)(axes[i] < 0 ? axes[i] + rank : axes[i]));
    if (x == first)
        return make_with(b, OP_mul, make_shape(b, x, &op->out[0]->type->shape), 1);
    return make_shape(b, x, &op->out[0]->type->shape);
}

/* The product of a reduction and 0, as a constant. What is not finite would give NaN, which the
 * engine has not: 0 there, too. */
Value *product_of_zero(const Legal *l, Builder *b, Op *op)
{
    (void)l;
    if (!shape_of_value(op->out[0])) return NULL;
    Const *c = NEW(&b->m->arena, Const);
    *c = (Const){ .type = op->out[0]->type, .kind = CONST_INIT, .init = INIT_FILL };
    return build_const(b, "zero", c);
}

/* A product with a mask of ones: what is not a finite number outside of the band becomes
 * NaN. */
Value *band_by_mask(const Legal *l, Builder *b, Op *op)
{
    int64_t lower, upper;
    Value *x = op_value(op, P_x);
    const int64_t rows = dim_of(x, 1), cols = dim_of(x, 0);
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
                             (lower < 0 || i - j <= lower)
                                 && (upper < 0 || j - i <= upper));
    return make_two(b, OP_mul, x,
                    build_const(b, "band", const_data(&b->m->arena, t, data)));
}

/* ---- what is known ----------------------------------------------------------------------- */

typedef struct {
    Value *known;
    Diag *diag;
} Known;

/* Says so where the op does not take what has become known. */
static bool take_known(void *ctx, Op *op)
{
    const Known *k = ctx;
    bool uses = false;
    for (int i = 0; i < op->narg; i++)
        for (int n = 0; n < arg_count(&op->arg[i]); n++)
            uses = uses || op->arg[i].val[n] == k->known;
    if (!uses || op->kind == OP_NONE) return true;
    Arena scratch = { 0 };
    Call *c = NEW(&scratch, Call);
    const bool ok = op_infer(op, c, &scratch, k->diag);
    arena_free(&scratch);
    return ok;
}

/* Its uses have the constant at once: one of them may not fit it, which is the program's fault
 * and could not be told while the shape was computed. */
Value *shape_as_const(const Legal *l, Builder *b, Op *op)
{
    const Shape *s = shape_of_value(op_value(op, P_x));
    if (!s || !s->rank) return NULL;
    Known k = { build_ints(b, s->rank, s->dim), b->diag };
    func_replace_uses(l->func, op->out[0], k.known);
    func_walk(l->func, take_known, &k);
    return k.known;
}

/* ---- attention: scaled_dot_product_attention in the steps that it stands for ------------- */

/* Where the engine ignores its mask; the pass opset writes it so where there is none. The scale
 * goes to the query, so that the products stay small. A mask of bools lets pass where it is
 * true; what it holds back gets the score HELD_BACK, which is far enough for fp16 and leaves a
 * row that is held back as a whole uniform instead of NaN. */

enum { HELD_BACK = -40000 };

/* A constant mask of bools as what is added; NULL: its bytes are not at hand. */
static Value *added_mask(Builder *b, const Value *mask, DType t)
{
    Tensor from;
    if (!value_at_hand(mask) || !value_tensor(mask, b->diag, &from)) return NULL;
    const Type *type = type_tensor(&b->m->arena, t, mask->type->shape);
    void *data = arena_alloc(&b->m->arena, type_bytes(type) + 1);
    Tensor to = tensor_view(t, &type->shape, data);
    for (size_t i = 0; i < from.count; i++)
        tensor_set_float(&to, i, tensor_int(&from, i) ? 0 : HELD_BACK);
    tensor_free(&from);
    return build_const(b, "mask", const_data(&b->m->arena, type, data));
}

static Value *apply_mask(Builder *b, Value *scores, Value *mask)
{
    if (mask->type->dtype != DT_BOOL)
        return make_two(b, OP_add, scores, make_cast(b, mask, scores->type->dtype));
    Value *added = added_mask(b, mask, scores->type->dtype);
    if (added) return make_two(b, OP_add, scores, added);
    return mil_select(b, "select", .cond = mask, .a = scores,
                      .b = make_number(b, scores, HELD_BACK));
}

Value *legal_attention(Builder *b, const Op *op)
{
    Value *q = op_value(op, P_query), *k = op_value(op, P_key),
          *v = op_value(op, P_value);
    Value *mask = op_value(op, P_attn_mask);
    const int64_t size = dim_of(q, 0);
    if (size <= 0) return NULL;
    Value *scaled = make_with(b, OP_mul, q, 1 / sqrt((double)size));
    Value *scores = make_matmul(b, scaled, k, false, true);
    if (mask) scores = apply_mask(b, scores, mask);
    Value *share = mil_softmax(b, "softmax", .x = scores, .axis = build_int(b, -1));
    return make_matmul(b, share, v, false, false);
}

static Value *attention_attend_in_steps(const Legal *l, Builder *b, Op *op)
{
    return legal_asks(l, RULE_sdpa_mask, op) ? legal_attention(b, op) : NULL;
}

int pass_attention(Module *m, const PassOptions *o, Diag *d)
{
    return legal_rewrite(m, o, d, attention_attend_in_steps);
}
