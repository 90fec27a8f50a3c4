/* program_gen_fused.c -- ops that stand together in transformers, which the backend cpu makes one step
 * of: pairs that are turned by angles, norms that are written as ops, and gates. */
#include "program_gen.h"

#include <math.h>

/* A value that is not known beforehand. */
static Value *fused_drawn(Gen *g, Shape s)
{
    return mil_mul(&g->b, "d", .x = gen_constant(g, s, 1), .y = g->at[0]);
}

static Value *fused_half(Gen *g, Value *x, int64_t first, int64_t size, bool split)
{
    const Shape *s = &x->type->shape;
    const int64_t begin[] = { 0, 0, 0, first },
                  all[] = { s->dim[0], s->dim[1], s->dim[2], size },
                  sizes[] = { size, size };
    if (!split)
        return mil_slice_by_size(&g->b, "p", .x = x, .begin = gen_ints(g, 4, begin),
                                 .size = gen_ints(g, 4, all));
    Value *y = mil_split(&g->b, "p", .x = x, .split_sizes = gen_ints(g, 2, sizes),
                         .axis = build_int(&g->b, 3));
    return y->def->out[first > 0];
}

Value *gen_rope(Gen *g, const GenRope *r)
{
    static const int64_t perm[] = { 0, 2, 1, 3 };
    const Shape angles = SHAPE(1, 1, r->places, r->half);
    Value *x = fused_drawn(g, r->turned ? SHAPE(1, r->places, r->heads, 2 * r->half)
                                        : SHAPE(1, r->heads, r->places, 2 * r->half));
    if (r->turned) x = mil_transpose(&g->b, "t", .x = x, .perm = gen_ints(g, 4, perm));
    Value *a = fused_half(g, x, 0, r->half, r->split),
          *b = fused_half(g, x, r->half, r->half, r->split);
    Value *cosine = gen_constant(g, angles, 1), *sine = gen_constant(g, angles, 1);
    Value *other = r->other ? gen_constant(g, angles, 1) : sine;
    Value *bs = mil_mul(&g->b, "bs", .x = b, .y = sine),
          *as = mil_mul(&g->b, "as", .x = a, .y = other);
    Value *bc = mil_mul(&g->b, "bc", .x = cosine, .y = b);
    Value *both[] = {
        mil_sub(&g->b, "m", .x = mil_mul(&g->b, "ac", .x = a, .y = cosine), .y = bs),
        mil_add(&g->b, "n", .x = r->swapped ? bc : as, .y = r->swapped ? as : bc)
    };
    if (r->read) g->at[g->n++] = bs;
    return mil_concat(&g->b, "z", .values = &(Values){ 2, both },
                      .axis = build_int(&g->b, r->axis),
                      .interleave = build_bool(&g->b, false));
}

static Value *fused_squares(Gen *g, Value *x, int how)
{
    return how == 0 ? mil_mul(&g->b, "q", .x = x, .y = x)
         : how == 1 ? mil_square(&g->b, "q", .x = x)
                    : mil_pow(&g->b, "q", .x = x, .y = gen_real(g, 2));
}

Value *gen_norm(Gen *g, Value *x, const GenNorm *n)
{
    const Shape *s = &x->type->shape;
    const int64_t axis = n->columns ? 0 : s->rank - 1;
    Value *of = n->other ? mil_mul(&g->b, "o", .x = x, .y = gen_real(g, 0.5)) : x;
    Value *squares = fused_squares(g, of, n->squares);
    Value *axes = gen_ints(g, 1, &axis), *keep = build_bool(&g->b, true);
    Value *mean = n->sums ? mil_reduce_sum(&g->b, "r", .x = squares, .axes = axes,
                                           .keep_dims = keep)
                          : mil_reduce_mean(&g->b, "r", .x = squares, .axes = axes,
                                            .keep_dims = keep);
    Value *root = NULL, *y;
    if (n->divides) {
        Value *some = mil_add(&g->b, "e", .x = mean, .y = gen_real(g, 0.125));
        root = mil_sqrt(&g->b, "w", .x = some);
        y = mil_real_div(&g->b, "y", .x = x, .y = root);
    } else {
        root = mil_rsqrt(&g->b, "w", .x = mean, .epsilon = gen_real(g, 0.125));
        y = mil_mul(&g->b, "y", .x = n->swapped ? root : x, .y = n->swapped ? x : root);
    }
    if (n->read) g->at[g->n++] = root;
    if (!n->gamma) return y;
    return mil_mul(&g->b, "z", .x = y,
                   .y = gen_constant(g, SHAPE(s->dim[s->rank - 1]), 1));
}

Value *gen_gate(Gen *g, Value *x, int64_t columns)
{
    static const char *const act[] = { "silu", "sigmoid", "tanh", "gelu" };
    const int64_t k = x->type->shape.dim[x->type->shape.rank - 1];
    const char *name = act[gen_draw(g, COUNT(act))];
    const double size = 1 / sqrt((double)k + 1);
    Value *w[2];
    for (int i = 0; i < 2; i++)
        w[i] = mil_linear(
            &g->b, "l", .x = x, .weight = gen_constant(g, SHAPE(columns, k), size),
            .bias = gen_draw(g, 2) ? gen_constant(g, SHAPE(columns), 1) : NULL);
    Value *gate = op_find(name) == OP_gelu
                    ? mil_gelu(&g->b, "g", .x = w[0],
                               .mode = build_string(&g->b, "EXACT"))
                    : build_of(&g->b, name, op_find(name), P_x, w[0], P_NONE);
    if (gen_draw(g, 2)) return mil_mul(&g->b, "z", .x = gate, .y = w[1]);
    return mil_mul(&g->b, "z", .x = w[1], .y = gate);
}

Value *gen_fused(Gen *g, Value *x)
{
    const int64_t *d = x->type->shape.dim;
    switch (gen_draw(g, 3)) {
    case 0: {
        const GenRope r = { .heads = 1 + gen_draw(g, 3),
                            .places = gen_dim(g),
                            .half = gen_dim(g),
                            .axis = gen_draw(g, 4) ? 3 : 2,
                            .turned = gen_draw(g, 2),
                            .split = gen_draw(g, 2),
                            .swapped = gen_draw(g, 2),
                            .other = gen_draw(g, 6) == 0,
                            .read = gen_draw(g, 6) == 0 };
        return gen_rope(g, &r);
    }
    case 1: {
        const GenNorm n = { .squares = gen_draw(g, 3),
                            .sums = gen_draw(g, 2),
                            .divides = gen_draw(g, 2),
                            .swapped = gen_draw(g, 2),
                            .gamma = gen_draw(g, 2),
                            .other = gen_draw(g, 6) == 0,
                            .read = gen_draw(g, 6) == 0,
                            .columns = gen_draw(g, 6) == 0 };
        return x->type->shape.rank < 2 ? NULL : gen_norm(g, x, &n);
    }
    default:
        if (x->type->shape.rank < 2
            || gen_count_of(x) / (size_t)d[x->type->shape.rank - 1] * 33 > GEN_LARGEST)
            return NULL;
        return gen_gate(g, x, gen_dim(g));
    }
}
