/* legal_attention.c -- scaled_dot_product_attention in the steps that it stands for.
 *
 * Where the engine ignores its mask; the pass opset writes it so where there is none. The scale
 * goes to the query, so that the products stay small. A mask of bools lets pass where it is
 * true; what it holds back gets the score HELD_BACK, which is far enough for fp16 and leaves a
 * row that is held back as a whole uniform instead of NaN. */
#include "legal.h"

#include <math.h>

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
        return make2(b, OP_add, scores, make_cast(b, mask, scores->type->dtype));
    Value *added = added_mask(b, mask, scores->type->dtype);
    if (added) return make2(b, OP_add, scores, added);
    return mil_select(b, "select", .cond = mask, .a = scores,
                      .b = make_number(b, scores, HELD_BACK));
}

Value *legal_attention(Builder *b, const Op *op)
{
    Value *q = op_value(op, P_query), *k = op_value(op, P_key), *v = op_value(op, P_value);
    Value *mask = op_value(op, P_attn_mask);
    const int64_t size = extent_of(q, 0);
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
