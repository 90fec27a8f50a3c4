/* program_gen_conv.c -- ops that have a window, for programs made at random: convolutions of every
 * kind, towers of them, and pools. */
#include "program_gen.h"

#include <math.h>

Value *gen_conv(Gen *g, Value *x)
{
    const int n = gen_draw(g, 3) ? 2 : 1;
    if (x->type->shape.rank != n + 2) x = gen_shaped(g, x, n + 2);
    const Shape *s = &x->type->shape;
    const int64_t cin = s->dim[1];
    const int64_t groups = gen_draw(g, 3) == 0                 ? cin
                         : cin % 2 == 0 && gen_draw(g, 4) == 0 ? 2
                                                               : 1;
    const int64_t cout = groups == 1 ? gen_dim(g) : groups * (1 + gen_draw(g, 2));
    int64_t kernel[2], stride[2], dilation[2], pad[4], taps = 1;
    bool square = n == 2 && groups == 1;
    for (int i = 0; i < n; i++) {
        kernel[i] = 1 + gen_draw(g, 4);
        stride[i] = 1 + gen_draw(g, 3);
        dilation[i] = 1 + (gen_draw(g, 4) == 0);
        pad[2 * i] = gen_draw(g, 3);
        pad[2 * i + 1] = gen_draw(g, 3);
        taps *= kernel[i];
        square = square && kernel[i] == 3 && stride[i] == 1;
        if (s->dim[2 + i] + pad[2 * i] + pad[2 * i + 1]
            < (kernel[i] - 1) * dilation[i] + 1)
            return NULL;
    }
    Shape w = { .rank = n + 2, .dim = { cout, cin / groups, kernel[0], kernel[1] } };
    g->winograd = g->winograd || square;
    return mil_conv(&g->b, "c", .x = x,
                    .weight = gen_constant(g, w, 1 / sqrt((double)(cin / groups * taps))),
                    .bias = gen_draw(g, 2) ? gen_constant(g, SHAPE(cout), 1) : NULL,
                    .strides = gen_ints(g, n, stride),
                    .dilations = gen_ints(g, n, dilation),
                    .pad_type = build_string(&g->b, "custom"),
                    .pad = gen_ints(g, 2 * n, pad), .groups = build_int(&g->b, groups));
}

/* A channel's own window, of the sizes that have a kernel, and what often follows. */
Value *gen_depthwise(Gen *g, Value *x)
{
    const int64_t side = gen_draw(g, 2) ? 3 : 5, step = 1 + gen_draw(g, 2),
                  sides[] = { step, step };
    const int64_t channels = 1 + gen_draw(g, 5), high = side + gen_draw(g, 20),
                  wide = side + gen_draw(g, 40);
    const int64_t pad[] = { gen_draw(g, 3), gen_draw(g, 3), gen_draw(g, 3),
                            gen_draw(g, 3) };
    (void)x;
    Value *y = gen_constant(g, SHAPE(1 + gen_draw(g, 2), channels, high, wide), 1);
    y = mil_add(&g->b, "a", .x = y, .y = g->at[0]);
    Value *w = gen_constant(g, SHAPE(channels * (1 + gen_draw(g, 2)), 1, side, side), 1);
    y = mil_conv(&g->b, "d", .x = y, .weight = w, .strides = gen_ints(g, 2, sides),
                 .bias = gen_draw(g, 2) ? gen_constant(g, SHAPE(w->type->shape.dim[0]), 1)
                                        : NULL,
                 .pad_type = build_string(&g->b, "custom"), .pad = gen_ints(g, 4, pad),
                 .groups = build_int(&g->b, channels));
    if (gen_draw(g, 2))
        y = mil_add(&g->b, "s", .x = gen_constant(g, y->type->shape, 1), .y = y);
    return gen_draw(g, 2) ? mil_relu6(&g->b, "r", .x = y) : y;
}

Value *gen_pool(Gen *g, Value *x)
{
    if (x->type->shape.rank != 4) x = gen_shaped(g, x, 4);
    int64_t kernel[2], stride[2], pad[4];
    for (int i = 0; i < 2; i++) {
        kernel[i] = 1 + gen_draw(g, 4);
        stride[i] = 1 + gen_draw(g, 3);
        pad[2 * i] = gen_draw(g, (int)kernel[i]);
        pad[2 * i + 1] = gen_draw(g, (int)kernel[i]);
        if (x->type->shape.dim[2 + i] + pad[2 * i] + pad[2 * i + 1] < kernel[i])
            return NULL;
    }
    Value *k = gen_ints(g, 2, kernel), *st = gen_ints(g, 2, stride),
          *p = gen_ints(g, 4, pad);
    Value *how = build_string(&g->b, "custom");
    if (gen_draw(g, 2))
        return mil_max_pool(&g->b, "p", .x = x, .kernel_sizes = k, .strides = st,
                            .pad_type = how, .pad = p);
    return mil_avg_pool(&g->b, "p", .x = x, .kernel_sizes = k, .strides = st,
                        .pad_type = how, .pad = p,
                        .exclude_padding_from_average = gen_flag(g));
}

/* Large enough for Winograd's method to be the cheaper one. */
Value *gen_square(Gen *g, Value *x)
{
    static const int64_t ones[] = { 1, 1 };
    (void)x;
    const int64_t cin = 24 + gen_draw(g, 9), cout = 24 + gen_draw(g, 9);
    const int64_t high = 11 + gen_draw(g, 7), wide = 11 + gen_draw(g, 7);
    const int64_t pad[] = { gen_draw(g, 2), gen_draw(g, 2), gen_draw(g, 2),
                            gen_draw(g, 2) };
    Value *y = gen_constant(g, SHAPE(1, cin, high, wide), 1);
    y = mil_add(&g->b, "a", .x = y, .y = g->at[0]);
    g->winograd = true;
    return mil_conv(&g->b, "c", .x = y,
                    .weight = gen_constant(g, SHAPE(cout, cin, 3, 3), 0.05),
                    .bias = gen_draw(g, 2) ? gen_constant(g, SHAPE(cout), 1) : NULL,
                    .strides = gen_ints(g, 2, ones), .dilations = gen_ints(g, 2, ones),
                    .pad_type = build_string(&g->b, "custom"), .pad = gen_ints(g, 4, pad),
                    .groups = build_int(&g->b, 1));
}

static Value *tower_conv(Gen *g, Value *x, int64_t cout, int64_t side, int64_t step,
                         bool own)
{
    const int64_t cin = x->type->shape.dim[1], steps[] = { step, step };
    const int64_t most = side / 2,
                  pad[] = { gen_draw(g, (int)most + 1), most, most, most };
    Value *w = gen_constant(g, SHAPE(own ? cin : cout, own ? 1 : cin, side, side),
                            1 / sqrt((double)(own ? side * side : cin * side * side)));
    if (!own && side == 3 && step == 1) g->winograd = true;
    return mil_conv(&g->b, "c", .x = x, .weight = w, .strides = gen_ints(g, 2, steps),
                    .bias = gen_draw(g, 2) ? gen_constant(g, SHAPE(own ? cin : cout), 1)
                                           : NULL,
                    .pad_type = build_string(&g->b, "custom"), .pad = gen_ints(g, 4, pad),
                    .groups = build_int(&g->b, own ? cin : 1));
}

/* What follows a convolution: an activation, a number for each channel, a norm. */
static Value *tower_end(Gen *g, Value *x)
{
    const int64_t channels = x->type->shape.dim[1];
    switch (gen_draw(g, 6)) {
    case 0:
        return mil_relu(&g->b, "r", .x = x);
    case 1:
        return mil_clip(&g->b, "c", .x = x, .alpha = gen_real(g, -0.5),
                        .beta = gen_real(g, 0.75));
    case 2:
        return mil_silu(&g->b, "s", .x = x);
    case 3:
        return mil_mul(&g->b, "m", .x = x,
                       .y = gen_constant(g, SHAPE(1, channels, 1, 1), 1));
    case 4:
        return mil_add(&g->b, "a", .x = gen_constant(g, SHAPE(channels, 1, 1), 1),
                       .y = x);
    default:
        return x;
    }
}

/* Convolutions one after the other, whose values need not be in the order that others read. */
Value *gen_tower(Gen *g, Value *x)
{
    static const int64_t channels[] = { 3, 5, 8, 15, 16, 17, 24, 31, 32, 33, 40 };
    (void)x;
    Value *y = gen_constant(g,
                            SHAPE(1 + (gen_draw(g, 4) == 0),
                                  channels[gen_draw(g, COUNT(channels))],
                                  4 + gen_draw(g, 13), 4 + gen_draw(g, 13)),
                            1);
    y = mil_add(&g->b, "a", .x = y, .y = g->at[0]);
    for (int i = 0, n = 2 + gen_draw(g, 4); i < n && y; i++) {
        const int64_t cout = channels[gen_draw(g, COUNT(channels))],
                      side = 1 + 2 * gen_draw(g, 3);
        const Shape *s = &y->type->shape;
        Value *was = y;
        if (s->dim[2] < side || s->dim[3] < side) return y;
        y = tower_end(g, tower_conv(g, y, cout, side, 1 + (gen_draw(g, 4) == 0),
                                    gen_draw(g, 3) == 0));
        if (gen_draw(g, 2) && shape_equal(s, &y->type->shape))
            y = mil_add(&g->b, "s", .x = gen_draw(g, 2) ? y : was,
                        .y = gen_draw(g, 2) ? was : y);
        if (gen_draw(g, 8) == 0) g->at[g->n++] = y; /* which others read */
    }
    if (gen_draw(g, 3) || y->type->shape.dim[2] < 3 || y->type->shape.dim[3] < 3)
        return y;
    const int64_t sides[] = { 3, 3 }, steps[] = { 2, 2 }, pad[] = { 1, 1, 1, 1 };
    return mil_max_pool(&g->b, "p", .x = y, .kernel_sizes = gen_ints(g, 2, sides),
                        .strides = gen_ints(g, 2, steps), .pad = gen_ints(g, 4, pad),
                        .pad_type = build_string(&g->b, "custom"));
}

Value *gen_transposed(Gen *g, Value *x)
{
    const int n = gen_draw(g, 3) ? 2 : 1;
    if (x->type->shape.rank != n + 2) x = gen_shaped(g, x, n + 2);
    const Shape *s = &x->type->shape;
    const int64_t cin = s->dim[1], groups = cin % 2 == 0 && gen_draw(g, 3) == 0 ? 2 : 1;
    int64_t kernel[2], stride[2], dilation[2], pad[4], out = 1;
    for (int i = 0; i < n; i++) {
        kernel[i] = 1 + gen_draw(g, 4);
        stride[i] = 1 + gen_draw(g, 3);
        dilation[i] = 1 + (gen_draw(g, 4) == 0);
        pad[2 * i] = gen_draw(g, (int)kernel[i]);
        pad[2 * i + 1] = gen_draw(g, 2);
        const int64_t size = (s->dim[2 + i] - 1) * stride[i]
                           + (kernel[i] - 1) * dilation[i] + 1 - pad[2 * i]
                           - pad[2 * i + 1];
        if (size < 1) return NULL;
        out *= size;
    }
    const Shape w = { .rank = n + 2,
                      .dim = { cin, 1 + gen_draw(g, 9), kernel[0], kernel[1] } };
    if (s->dim[0] * w.dim[1] * groups * out > GEN_LARGEST) return NULL;
    return mil_conv_transpose(
        &g->b, "t", .x = x, .weight = gen_constant(g, w, 1 / sqrt((double)cin)),
        .bias = gen_draw(g, 2) ? gen_constant(g, SHAPE(w.dim[1] * groups), 1) : NULL,
        .strides = gen_ints(g, n, stride), .dilations = gen_ints(g, n, dilation),
        .pad_type = build_string(&g->b, "custom"), .pad = gen_ints(g, 2 * n, pad),
        .groups = build_int(&g->b, groups));
}
