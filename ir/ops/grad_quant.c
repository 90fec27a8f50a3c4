/* grad_quant.c -- the gradient of dequantize, whose only float is its scale. */
#include "grad.h"

bool grad_dequantize(Grad *g)
{
    Builder *b = g->b;
    Value *scale = grad_arg(g, P_scale);
    if (!grad_wants(g, P_scale)) return true;
    Value *one = grad_spread(b, grad_number(b, scale, 1), &scale->type->shape);
    const Arg with = { .param = P_scale, .val = &one, .count = 1 };
    Value *whole = grad_same(g, OP_dequantize, 1, &with);
    Value *dx = grad_times(b, g->dy[0], whole);
    bool axes[MAX_RANK];
    const int rank = dx->type->shape.rank;
    for (int i = 0; i < MAX_RANK; i++) axes[i] = true;
    if (scale->type->shape.rank) axes[grad_axis(g, P_axis, rank)] = false;
    grad_give(g, P_scale, grad_like(b, grad_reduce(b, OP_reduce_sum, dx, axes, true), scale));
    return true;
}
