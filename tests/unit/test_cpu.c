/* test_cpu.c -- the backend cpu against ref: programs made at random, of what has a kernel and of
 * what has none, with dimensions around the sizes that kernels work in; by each kind of kernels
 * that this processor has, with one, two and three threads, joined and op by op.
 *
 * In fp32 a result may be off by 1e-5 of the largest number, 1e-4 where a convolution is by Winograd's
 * method, and 5e-6 where it is asked to be exact. Of fp16 the truth is the same
 * program in fp32, as ref computes it: cpu may be no further from it than ref's own roundings
 * are, by a quarter, and two units of an fp16. */
#include "unit.h"

#include "../../ir/mil/mil.h"

#include "../../backends/backend.h"
#include "../../backends/cpu/cpu.h"
#include "../../backends/ref/ref.h"
#include "../../backends/vector/kernels.h"

#include <math.h>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

enum { PROGRAMS = 150, STEPS = 7, MOST = 64, LARGEST = 40000 };

typedef struct {
    Module *m;
    Func *f;
    Builder b;
    Diag diag;
    uint64_t seed;
    DType type;
    Value *at[MOST];
    int n;
    bool winograd; /* there is a convolution that may be by it */
} Gen;

/* ---- what is drawn ------------------------------------------------------------------------- */

static int draw(Gen *g, int n)
{
    g->seed = g->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int)((g->seed >> 33) % (uint64_t)n);
}

static int64_t extent(Gen *g)
{
    static const int edge[] = { 1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33 };
    return edge[draw(g, COUNT(edge))];
}

static size_t count_of(const Value *v)
{
    size_t n = 0;
    return v && shape_count(&v->type->shape, &n) ? n : 0;
}

/* Numbers that fp16 has, so that a program is the same in both types. */
static Value *constant(Gen *g, Shape s, double size)
{
    size_t n;
    void *data;
    if (!shape_count(&s, &n)) return NULL;
    const Type *t = type_tensor(&g->m->arena, g->type, s);
    Const *c = const_room(&g->m->arena, t, type_bytes(t), &data);
    Tensor v = tensor_view(g->type, &s, data);
    for (size_t i = 0; i < n; i++)
        tensor_set_float(
            &v, i,
            f16_to_double(f16_from_double(size * (draw(g, 2001) - 1000) / 1000.0)));
    return build_const(&g->b, "k", c);
}

static Value *ints(Gen *g, int n, const int64_t *v) { return build_ints(&g->b, n, v); }
static Value *flag(Gen *g) { return build_bool(&g->b, draw(g, 2)); }
static Value *real(Gen *g, double v) { return build_float(&g->b, g->type, v); }

/* ---- ops ---------------------------------------------------------------------------- */

static Value *shaped(Gen *g, Value *x, int rank)
{
    int64_t dim[MAX_RANK];
    size_t left = count_of(x);
    for (int i = 0; i < rank - 1; i++) {
        const int64_t d = extent(g);
        dim[i] = left % (size_t)d ? 1 : d;
        left /= (size_t)dim[i];
    }
    dim[rank - 1] = (int64_t)left;
    return mil_reshape(&g->b, "r", .x = x, .shape = ints(g, rank, dim));
}

static Value *unary(Gen *g, Value *x)
{
    static const char *const op[] = { "relu",    "abs",  "square",   "relu6", "tanh",
                                      "sigmoid", "silu", "softsign", "erf",   "softplus",
                                      "floor",   "ceil", "sign" };
    if (draw(g, 6) == 0)
        return mil_gelu(
            &g->b, "g", .x = x,
            .mode = build_string(&g->b, draw(g, 2) ? "EXACT" : "TANH_APPROXIMATION"));
    if (draw(g, 6) == 0)
        return mil_clip(&g->b, "c", .x = x, .alpha = real(g, -0.5),
                        .beta = real(g, 0.75));
    if (draw(g, 6) == 0)
        return mil_leaky_relu(&g->b, "l", .x = x, .alpha = real(g, 0.25));
    if (draw(g, 6) == 0) return mil_pow(&g->b, "p", .x = x, .y = real(g, 1 + draw(g, 3)));
    if (draw(g, 6) == 0) { /* quotients and roots of what is above 0 */
        static const double powers[] = { -1, 0.5, -0.5, 1.5 };
        Value *above = mil_clip(&g->b, "a", .x = x, .alpha = real(g, 0.25),
                                .beta = real(g, 8));
        return mil_pow(&g->b, "p", .x = above,
                       .y = real(g, powers[draw(g, COUNT(powers))]));
    }
    if (draw(g, 8) == 0) /* roots of what is above 0 */
        return mil_rsqrt(&g->b, "q", .x = mil_square(&g->b, "s", .x = x),
                         .epsilon = real(g, 0.5));
    if (draw(g, 8) == 0) return mil_exp(&g->b, "e", .x = mil_tanh(&g->b, "t", .x = x));
    const char *name = op[draw(g, COUNT(op))];
    return build_of(&g->b, name, op_find(name), P_x, x, P_NONE);
}

static Value *binary(Gen *g, Value *x)
{
    static const char *const op[] = { "add", "sub", "mul", "maximum", "minimum" };
    Shape s = x->type->shape;
    Value *y = NULL;
    for (int i = 0; i < g->n && draw(g, 2); i++)
        if (shape_equal(&g->at[i]->type->shape, &s)) y = g->at[i];
    for (int i = 0; i < s.rank; i++)
        if (draw(g, 2)) s.dim[i] = 1;
    if (!y) y = draw(g, 4) ? constant(g, s, 1) : real(g, 0.5);
    const char *name = op[draw(g, COUNT(op))];
    if (draw(g, 2)) return build_of(&g->b, name, op_find(name), P_x, x, P_y, y, P_NONE);
    return build_of(&g->b, name, op_find(name), P_x, y, P_y, x, P_NONE);
}

static Value *chosen(Gen *g, Value *x)
{
    Value *low = mil_less(&g->b, "l", .x = x, .y = real(g, 0.125));
    if (draw(g, 2)) low = mil_logical_not(&g->b, "n", .x = low);
    return mil_select(&g->b, "s", .cond = low, .a = x, .b = real(g, 0.125));
}

static Value *linear(Gen *g, Value *x)
{
    if (x->type->shape.rank < 2) x = shaped(g, x, 2);
    const int64_t k = x->type->shape.dim[x->type->shape.rank - 1], n = extent(g);
    Value *w = constant(g, SHAPE(n, k), 1 / sqrt((double)k + 1));
    return mil_linear(&g->b, "y", .x = x, .weight = w,
                      .bias = draw(g, 2) ? constant(g, SHAPE(n), 1) : NULL);
}

static Value *matmul(Gen *g, Value *x)
{
    if (x->type->shape.rank < 2 || draw(g, 2)) x = shaped(g, x, 2 + draw(g, 2));
    const Shape *s = &x->type->shape;
    const bool tx = draw(g, 2), ty = draw(g, 2), left = draw(g, 4) == 0;
    const int64_t k = s->dim[s->rank - (tx ? 2 : 1)], n = extent(g);
    Shape ys = *s;
    if (draw(g, 2)) ys.rank = 2;
    if (left) { /* the constant on the left */
        const int64_t in = s->dim[s->rank - (ty ? 1 : 2)];
        Value *w = constant(g, SHAPE(n, in), 1 / sqrt((double)in + 1));
        return mil_matmul(&g->b, "m", .x = w, .y = x,
                          .transpose_y = build_bool(&g->b, ty));
    }
    ys.dim[ys.rank - (ty ? 1 : 2)] = k;
    ys.dim[ys.rank - (ty ? 2 : 1)] = n;
    size_t count;
    if (!shape_count(&ys, &count) || count > LARGEST) return NULL;
    Value *y = constant(g, ys, 1 / sqrt((double)k + 1));
    if (draw(g, 2))
        y = mil_add(&g->b, "a", .x = y, .y = g->at[0]); /* not known beforehand */
    return mil_matmul(&g->b, "m", .x = x, .y = y, .transpose_x = build_bool(&g->b, tx),
                      .transpose_y = build_bool(&g->b, ty));
}

static Value *conv(Gen *g, Value *x)
{
    const int n = draw(g, 3) ? 2 : 1;
    if (x->type->shape.rank != n + 2) x = shaped(g, x, n + 2);
    const Shape *s = &x->type->shape;
    const int64_t cin = s->dim[1];
    const int64_t groups = draw(g, 3) == 0                 ? cin
                         : cin % 2 == 0 && draw(g, 4) == 0 ? 2
                                                           : 1;
    const int64_t cout = groups == 1 ? extent(g) : groups * (1 + draw(g, 2));
    int64_t kernel[2], stride[2], dilation[2], pad[4], taps = 1;
    bool square = n == 2 && groups == 1;
    for (int i = 0; i < n; i++) {
        kernel[i] = 1 + draw(g, 4);
        stride[i] = 1 + draw(g, 3);
        dilation[i] = 1 + (draw(g, 4) == 0);
        pad[2 * i] = draw(g, 3);
        pad[2 * i + 1] = draw(g, 3);
        taps *= kernel[i];
        square = square && kernel[i] == 3 && stride[i] == 1;
        if (s->dim[2 + i] + pad[2 * i] + pad[2 * i + 1]
            < (kernel[i] - 1) * dilation[i] + 1)
            return NULL;
    }
    Shape w = { .rank = n + 2, .dim = { cout, cin / groups, kernel[0], kernel[1] } };
    g->winograd = g->winograd || square;
    return mil_conv(&g->b, "c", .x = x,
                    .weight = constant(g, w, 1 / sqrt((double)(cin / groups * taps))),
                    .bias = draw(g, 2) ? constant(g, SHAPE(cout), 1) : NULL,
                    .strides = ints(g, n, stride), .dilations = ints(g, n, dilation),
                    .pad_type = build_string(&g->b, "custom"), .pad = ints(g, 2 * n, pad),
                    .groups = build_int(&g->b, groups));
}

/* A channel's own window, of the sizes that have a kernel, and what often follows. */
static Value *depthwise(Gen *g, Value *x)
{
    const int64_t side = draw(g, 2) ? 3 : 5, step = 1 + draw(g, 2),
                  sides[] = { step, step };
    const int64_t channels = 1 + draw(g, 5), high = side + draw(g, 20),
                  wide = side + draw(g, 40);
    const int64_t pad[] = { draw(g, 3), draw(g, 3), draw(g, 3), draw(g, 3) };
    (void)x;
    Value *y = constant(g, SHAPE(1 + draw(g, 2), channels, high, wide), 1);
    y = mil_add(&g->b, "a", .x = y, .y = g->at[0]);
    Value *w = constant(g, SHAPE(channels * (1 + draw(g, 2)), 1, side, side), 1);
    y = mil_conv(&g->b, "d", .x = y, .weight = w, .strides = ints(g, 2, sides),
                 .bias = draw(g, 2) ? constant(g, SHAPE(w->type->shape.dim[0]), 1) : NULL,
                 .pad_type = build_string(&g->b, "custom"), .pad = ints(g, 4, pad),
                 .groups = build_int(&g->b, channels));
    if (draw(g, 2)) y = mil_add(&g->b, "s", .x = constant(g, y->type->shape, 1), .y = y);
    return draw(g, 2) ? mil_relu6(&g->b, "r", .x = y) : y;
}

static Value *pool(Gen *g, Value *x)
{
    if (x->type->shape.rank != 4) x = shaped(g, x, 4);
    int64_t kernel[2], stride[2], pad[4];
    for (int i = 0; i < 2; i++) {
        kernel[i] = 1 + draw(g, 4);
        stride[i] = 1 + draw(g, 3);
        pad[2 * i] = draw(g, (int)kernel[i]);
        pad[2 * i + 1] = draw(g, (int)kernel[i]);
        if (x->type->shape.dim[2 + i] + pad[2 * i] + pad[2 * i + 1] < kernel[i])
            return NULL;
    }
    Value *k = ints(g, 2, kernel), *st = ints(g, 2, stride), *p = ints(g, 4, pad);
    Value *how = build_string(&g->b, "custom");
    if (draw(g, 2))
        return mil_max_pool(&g->b, "p", .x = x, .kernel_sizes = k, .strides = st,
                            .pad_type = how, .pad = p);
    return mil_avg_pool(&g->b, "p", .x = x, .kernel_sizes = k, .strides = st,
                        .pad_type = how, .pad = p,
                        .exclude_padding_from_average = flag(g));
}

static Value *rows(Gen *g, Value *x)
{
    const Shape *s = &x->type->shape;
    if (!s->rank) return NULL;
    const int64_t axis = draw(g, s->rank);
    static const char *const op[] = {
        "reduce_mean",       "reduce_max",     "reduce_min",
        "reduce_sum_square", "reduce_l2_norm", "reduce_sum"
    };
    if (draw(g, 3) == 0)
        return mil_softmax(&g->b, "s", .x = x, .axis = build_int(&g->b, axis));
    if (draw(g, 2))
        return mil_layer_norm(
            &g->b, "n", .x = x, .axes = ints(g, 1, &axis),
            .gamma = draw(g, 2) ? constant(g, SHAPE(s->dim[axis]), 1) : NULL,
            .beta = draw(g, 2) ? constant(g, SHAPE(s->dim[axis]), 1) : NULL,
            .epsilon = real(g, 0.125));
    const char *name = op[draw(g, COUNT(op))];
    return build_of(&g->b, name, op_find(name), P_x, x, P_axes, ints(g, 1, &axis),
                    P_keep_dims, flag(g), P_NONE);
}

static Value *moved(Gen *g, Value *x)
{
    const Shape *s = &x->type->shape;
    int64_t perm[MAX_RANK], begin[MAX_RANK], size[MAX_RANK];
    if (!s->rank) return NULL;
    for (int i = 0; i < s->rank; i++) {
        perm[i] = s->rank - 1 - i;
        begin[i] = draw(g, (int)s->dim[i]);
        size[i] = 1 + draw(g, (int)(s->dim[i] - begin[i]));
        if (draw(g, 3)) begin[i] = 0, size[i] = s->dim[i];
    }
    if (draw(g, 3) == 0)
        return mil_transpose(&g->b, "t", .x = x, .perm = ints(g, s->rank, perm));
    if (draw(g, 2))
        return mil_slice_by_size(&g->b, "z", .x = x, .begin = ints(g, s->rank, begin),
                                 .size = ints(g, s->rank, size));
    Value *both[] = { x, g->at[draw(g, g->n)] };
    if (!shape_equal(&both[1]->type->shape, s)) both[1] = x;
    return mil_concat(&g->b, "j", .values = &(Values){ 2, both },
                      .axis = build_int(&g->b, draw(g, s->rank)),
                      .interleave = build_bool(&g->b, false));
}

static Value *channels(Gen *g, Value *x)
{
    if (x->type->shape.rank < 3) x = shaped(g, x, 3);
    const Shape c = SHAPE(x->type->shape.dim[1]);
    if (x->type->shape.rank > 5 || x->type->shape.rank < 3) return NULL;
    Value *variance = constant(g, c, 0);
    return mil_batch_norm(&g->b, "b", .x = x, .mean = constant(g, c, 1),
                          .variance = variance, .gamma = constant(g, c, 1),
                          .beta = constant(g, c, 1), .epsilon = real(g, 1));
}

static Value *recurrent(Gen *g, Value *x)
{
    if (x->type->shape.rank != 3) x = shaped(g, x, 3);
    const Shape *s = &x->type->shape;
    const int64_t batch = s->dim[1], width = s->dim[2], n = extent(g),
                  ways = 1 + draw(g, 2);
    if (s->dim[0] * batch > 64) return NULL;
    Value *w[4], *bias[2];
    for (int i = 0; i < 2; i++) {
        w[2 * i] = constant(g, SHAPE(4 * n, width), 1 / sqrt((double)width));
        w[2 * i + 1] = constant(g, SHAPE(4 * n, n), 1 / sqrt((double)n));
        bias[i] = draw(g, 2) ? constant(g, SHAPE(4 * n), 0.5) : NULL;
    }
    const char *way = ways == 2 ? "bidirectional" : draw(g, 2) ? "forward" : "reverse";
    const Shape state = SHAPE(batch, n * ways);
    Value *y = mil_lstm(
        &g->b, "l", .x = x, .initial_h = constant(g, state, 1),
        .initial_c = constant(g, state, 1), .weight_ih = w[0], .weight_hh = w[1],
        .bias = bias[0], .direction = build_string(&g->b, way),
        .weight_ih_back = ways == 2 ? w[2] : NULL,
        .weight_hh_back = ways == 2 ? w[3] : NULL,
        .bias_back = ways == 2 ? bias[1] : NULL, .output_sequence = flag(g));
    return y ? y->def->out[draw(g, 4) ? 0 : 2] : NULL;
}

static Value *parts(Gen *g, Value *x)
{
    const Shape *s = &x->type->shape;
    const int64_t axis = s->rank ? draw(g, s->rank) : 0;
    if (!s->rank || s->dim[axis] < 2) return NULL;
    const int64_t first = 1 + draw(g, (int)s->dim[axis] - 1),
                  size[] = { first, s->dim[axis] - first };
    Value *y = mil_split(&g->b, "h", .x = x, .split_sizes = ints(g, 2, size),
                         .axis = build_int(&g->b, axis));
    return y ? y->def->out[draw(g, 2)] : NULL;
}

/* Large enough for Winograd's method to be the cheaper one. */
static Value *square(Gen *g, Value *x)
{
    static const int64_t ones[] = { 1, 1 };
    (void)x;
    const int64_t cin = 24 + draw(g, 9), cout = 24 + draw(g, 9);
    const int64_t high = 11 + draw(g, 7), wide = 11 + draw(g, 7);
    const int64_t pad[] = { draw(g, 2), draw(g, 2), draw(g, 2), draw(g, 2) };
    Value *y = constant(g, SHAPE(1, cin, high, wide), 1);
    y = mil_add(&g->b, "a", .x = y, .y = g->at[0]);
    g->winograd = true;
    return mil_conv(&g->b, "c", .x = y,
                    .weight = constant(g, SHAPE(cout, cin, 3, 3), 0.05),
                    .bias = draw(g, 2) ? constant(g, SHAPE(cout), 1) : NULL,
                    .strides = ints(g, 2, ones), .dilations = ints(g, 2, ones),
                    .pad_type = build_string(&g->b, "custom"), .pad = ints(g, 4, pad),
                    .groups = build_int(&g->b, 1));
}

static Value *tower_conv(Gen *g, Value *x, int64_t cout, int64_t side, int64_t step,
                         bool own)
{
    const int64_t cin = x->type->shape.dim[1], steps[] = { step, step };
    const int64_t most = side / 2, pad[] = { draw(g, (int)most + 1), most, most, most };
    Value *w = constant(g, SHAPE(own ? cin : cout, own ? 1 : cin, side, side),
                        1 / sqrt((double)(own ? side * side : cin * side * side)));
    if (!own && side == 3 && step == 1) g->winograd = true;
    return mil_conv(&g->b, "c", .x = x, .weight = w, .strides = ints(g, 2, steps),
                    .bias = draw(g, 2) ? constant(g, SHAPE(own ? cin : cout), 1) : NULL,
                    .pad_type = build_string(&g->b, "custom"), .pad = ints(g, 4, pad),
                    .groups = build_int(&g->b, own ? cin : 1));
}

/* What follows a convolution: an activation, a number for each channel, a norm. */
static Value *tower_end(Gen *g, Value *x)
{
    const int64_t channels = x->type->shape.dim[1];
    switch (draw(g, 6)) {
    case 0:
        return mil_relu(&g->b, "r", .x = x);
    case 1:
        return mil_clip(&g->b, "c", .x = x, .alpha = real(g, -0.5),
                        .beta = real(g, 0.75));
    case 2:
        return mil_silu(&g->b, "s", .x = x);
    case 3:
        return mil_mul(&g->b, "m", .x = x, .y = constant(g, SHAPE(1, channels, 1, 1), 1));
    case 4:
        return mil_add(&g->b, "a", .x = constant(g, SHAPE(channels, 1, 1), 1), .y = x);
    default:
        return x;
    }
}

/* Convolutions one after the other, whose values need not be in the order that others read. */
static Value *tower(Gen *g, Value *x)
{
    static const int64_t channels[] = { 3, 5, 8, 15, 16, 17, 24, 31, 32, 33, 40 };
    (void)x;
    Value *y = constant(g,
                        SHAPE(1 + (draw(g, 4) == 0), channels[draw(g, COUNT(channels))],
                              4 + draw(g, 13), 4 + draw(g, 13)),
                        1);
    y = mil_add(&g->b, "a", .x = y, .y = g->at[0]);
    for (int i = 0, n = 2 + draw(g, 4); i < n && y; i++) {
        const int64_t cout = channels[draw(g, COUNT(channels))],
                      side = 1 + 2 * draw(g, 3);
        const Shape *s = &y->type->shape;
        Value *was = y;
        if (s->dim[2] < side || s->dim[3] < side) return y;
        y = tower_end(
            g, tower_conv(g, y, cout, side, 1 + (draw(g, 4) == 0), draw(g, 3) == 0));
        if (draw(g, 2) && shape_equal(s, &y->type->shape))
            y = mil_add(&g->b, "s", .x = draw(g, 2) ? y : was, .y = draw(g, 2) ? was : y);
        if (draw(g, 8) == 0) g->at[g->n++] = y; /* which others read */
    }
    if (draw(g, 3) || y->type->shape.dim[2] < 3 || y->type->shape.dim[3] < 3) return y;
    const int64_t sides[] = { 3, 3 }, steps[] = { 2, 2 }, pad[] = { 1, 1, 1, 1 };
    return mil_max_pool(&g->b, "p", .x = y, .kernel_sizes = ints(g, 2, sides),
                        .strides = ints(g, 2, steps), .pad = ints(g, 4, pad),
                        .pad_type = build_string(&g->b, "custom"));
}

static Value *transposed(Gen *g, Value *x)
{
    const int n = draw(g, 3) ? 2 : 1;
    if (x->type->shape.rank != n + 2) x = shaped(g, x, n + 2);
    const Shape *s = &x->type->shape;
    const int64_t cin = s->dim[1], groups = cin % 2 == 0 && draw(g, 3) == 0 ? 2 : 1;
    int64_t kernel[2], stride[2], dilation[2], pad[4], out = 1;
    for (int i = 0; i < n; i++) {
        kernel[i] = 1 + draw(g, 4);
        stride[i] = 1 + draw(g, 3);
        dilation[i] = 1 + (draw(g, 4) == 0);
        pad[2 * i] = draw(g, (int)kernel[i]);
        pad[2 * i + 1] = draw(g, 2);
        const int64_t size = (s->dim[2 + i] - 1) * stride[i]
                           + (kernel[i] - 1) * dilation[i] + 1 - pad[2 * i]
                           - pad[2 * i + 1];
        if (size < 1) return NULL;
        out *= size;
    }
    const Shape w = { .rank = n + 2,
                      .dim = { cin, 1 + draw(g, 9), kernel[0], kernel[1] } };
    if (s->dim[0] * w.dim[1] * groups * out > LARGEST) return NULL;
    return mil_conv_transpose(
        &g->b, "t", .x = x, .weight = constant(g, w, 1 / sqrt((double)cin)),
        .bias = draw(g, 2) ? constant(g, SHAPE(w.dim[1] * groups), 1) : NULL,
        .strides = ints(g, n, stride), .dilations = ints(g, n, dilation),
        .pad_type = build_string(&g->b, "custom"), .pad = ints(g, 2 * n, pad),
        .groups = build_int(&g->b, groups));
}

/* Keys that a row may look at: those up to its own. */
static Value *causal(Gen *g, int64_t rows, int64_t keys)
{
    const Shape s = SHAPE(rows, keys);
    const bool truth = draw(g, 2);
    const Type *t = type_tensor(&g->m->arena, truth ? DT_BOOL : g->type, s);
    void *data;
    Const *c = const_room(&g->m->arena, t, type_bytes(t), &data);
    Tensor v = tensor_view(t->dtype, &s, data);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t k = 0; k < keys; k++)
            if (truth) tensor_set_int(&v, (size_t)(i * keys + k), k <= i);
            else tensor_set_float(&v, (size_t)(i * keys + k), k <= i ? 0 : -INFINITY);
    return build_const(&g->b, "mask", c);
}

static Value *attention(Gen *g, Value *x)
{
    x = shaped(g, x, 3);
    const Shape *s = &x->type->shape;
    const int64_t keys = extent(g), width = extent(g);
    Value *key = constant(g, SHAPE(s->dim[0], keys, s->dim[2]), 1),
          *value = constant(g, SHAPE(s->dim[0], keys, width), 1);
    if (count_of(key) > LARGEST || s->dim[0] * s->dim[1] * keys > LARGEST) return NULL;
    key = mil_mul(&g->b, "k", .x = key, .y = g->at[0]);
    Value *mask = draw(g, 3) == 0 ? NULL
                : draw(g, 2)      ? causal(g, s->dim[1], keys)
                                  : constant(g, SHAPE(1, keys), 1);
    if (mask && mask->type->dtype != DT_BOOL && draw(g, 2))
        mask = mil_add(&g->b, "q", .x = mask, .y = g->at[0]); /* of a run */
    return mil_scaled_dot_product_attention(&g->b, "s", .query = x, .key = key,
                                            .value = value, .attn_mask = mask);
}

/* Heads of a matrix [n, heads * size], by a reshape and mostly a transpose. */
static Value *heads_of(Gen *g, int64_t n, int64_t heads, int64_t size, bool turned)
{
    static const int64_t perm[] = { 1, 0, 2 };
    Value *x = constant(g, turned ? SHAPE(n, heads, size) : SHAPE(heads, n, size), 1);
    x = mil_mul(&g->b, "h", .x = x, .y = g->at[0]);
    return turned ? mil_transpose(&g->b, "t", .x = x, .perm = ints(g, 3, perm)) : x;
}

/* Attention as products, a softmax and what stands between them. */
static Value *attended(Gen *g, Value *x)
{
    static const int64_t perm[] = { 0, 2, 1 };
    const int64_t heads = 1 + draw(g, 3), rows = extent(g), keys = extent(g),
                  size = extent(g);
    (void)x;
    Value *q = heads_of(g, rows, heads, size, draw(g, 2)),
          *k = heads_of(g, keys, heads, size, draw(g, 2)),
          *v = heads_of(g, keys, heads, extent(g), draw(g, 2));
    const bool turned = draw(g, 2);
    if (turned) k = mil_transpose(&g->b, "k", .x = k, .perm = ints(g, 3, perm));
    Value *s = mil_matmul(&g->b, "s", .x = q, .y = k,
                          .transpose_y = build_bool(&g->b, !turned));
    if (draw(g, 2)) s = mil_mul(&g->b, "m", .x = s, .y = real(g, 0.25));
    if (draw(g, 2))
        s = mil_add(&g->b, "a", .x = s, .y = constant(g, SHAPE(rows, keys), 1));
    Value *p = mil_softmax(&g->b, "p", .x = s, .axis = build_int(&g->b, -1));
    Value *y = mil_matmul(&g->b, "y", .x = p, .y = v);
    if (draw(g, 4) == 0) g->at[g->n++] = p; /* which may be a result too */
    return draw(g, 2) ? mil_relu(&g->b, "r", .x = y) : y;
}

typedef Value *OpMaker(Gen *g, Value *x);
static OpMaker *const makers[] = { unary,    binary, unary,     binary,     chosen,
                                   linear,   matmul, conv,      pool,       rows,
                                   moved,    conv,   channels,  binary,     recurrent,
                                   parts,    square, attention, transposed, depthwise,
                                   attended, tower,  tower };

static void make_program(Gen *g, uint64_t seed, DType type)
{
    *g = (Gen){ .m = module_new(), .seed = seed * 77 + 5, .type = type };
    g->f = func_new(g->m, "main", OPSET_IOS18);
    g->b = builder_at(g->f->body, NULL, &g->diag, (Loc){ 0 });
    Shape one = { .rank = 0 }, x = { .rank = 2 + draw(g, 3) };
    for (int i = 0; i < x.rank; i++) x.dim[i] = i ? extent(g) : 1 + draw(g, 2);
    while (x.rank > 2 && x.dim[x.rank - 1] * x.dim[x.rank - 2] * x.dim[1] > 9000)
        x.rank--;
    g->at[g->n++] = block_param(g->f->body, "one", type_tensor(&g->m->arena, type, one),
                                (Loc){ 0 });
    g->at[g->n++] = block_param(g->f->body, "x", type_tensor(&g->m->arena, type, x),
                                (Loc){ 0 });
    for (int i = 0; i < STEPS; i++) {
        Value *from = g->at[draw(g, 3) ? g->n - 1 : draw(g, g->n)];
        Value *y = makers[draw(g, COUNT(makers))](g, from);
        const size_t n = count_of(y);
        if (n && n <= LARGEST) g->at[g->n++] = y;
    }
    block_result(g->f->body, g->at[g->n - 1]);
    if (draw(g, 2)) block_result(g->f->body, g->at[g->n / 2]);
    if (!diag_ok(&g->diag)) fail_msg("program %d: %s", (int)seed, g->diag.text.s);
}

/* ---- running ------------------------------------------------------------------------------- */

typedef struct {
    Tensor t[2];
    int n;
} Results;

static bool watch(void *ctx, const Value *v, const Tensor *t)
{
    (void)ctx, (void)v, (void)t;
    return true;
}

static void fill(Gen *g, Binding *in)
{
    Gen d = { .seed = 99 };
    for (int k = 0; k < g->f->body->nparam; k++) {
        const Value *v = g->f->body->param[k];
        in[k] = (Binding){ .name = v->name };
        assert_true(tensor_alloc(&in[k].value, &g->diag, g->type, &v->type->shape));
        for (size_t i = 0; i < in[k].value.count; i++)
            tensor_set_float(
                &in[k].value, i,
                k ? f16_to_double(f16_from_double((draw(&d, 2001) - 1000) / 500.0))
                  : 0.5);
    }
}

/* Twice, so that what the first run left behind is there in the second. */
static Results run_as(Gen *g, const Backend *b, int threads, bool shown, bool exact)
{
    Results r = { .n = 0 };
    Binding in[2];
    const Binding *out;
    const RunOptions o = { .threads = threads,
                           .each = shown ? watch : NULL,
                           .exact = exact };
    fill(g, in);
    Program *p = program_new(b, g->m, g->f, &g->diag);
    for (int i = 0; i < 2; i++)
        if (!p || !program_run(p, &g->diag, in, g->f->body->nparam, &o))
            fail_msg("%s", g->diag.text.s);
    r.n = program_results(p, &out);
    for (int i = 0; i < r.n; i++)
        assert_true(tensor_copy(&r.t[i], &g->diag, &out[i].value));
    for (int i = 0; i < g->f->body->nparam; i++) tensor_free(&in[i].value);
    program_free(p);
    return r;
}

static Results run(Gen *g, const Backend *b, int threads, bool shown)
{
    return run_as(g, b, threads, shown, false);
}

static void free_results(Results *r)
{
    for (int i = 0; i < r->n; i++) tensor_free(&r->t[i]);
}

static double largest(const Tensor *t)
{
    double m = 0;
    for (size_t i = 0; i < t->count; i++)
        if (isfinite(tensor_float(t, i))) m = fmax(m, fabs(tensor_float(t, i)));
    return m;
}

static double difference(const Tensor *a, const Tensor *b)
{
    double d = 0;
    assert_true(shape_equal(&a->shape, &b->shape));
    for (size_t i = 0; i < a->count; i++) {
        const double x = tensor_float(a, i), y = tensor_float(b, i);
        if (x == y || (x != x && y != y)) continue;
        d = fmax(d, isfinite(x) && isfinite(y) ? fabs(x - y) : INFINITY);
    }
    return d;
}

static void same_bytes(const Results *a, const Results *b, int seed, const char *what)
{
    for (int i = 0; i < a->n; i++)
        if (difference(&a->t[i], &b->t[i]) != 0)
            fail_msg("program %d, %s: other bytes", seed, what);
}

static void near_enough(int seed, const char *kernels, const Gen *g, const Results *got,
                        const Results *ref, const Results *truth, double part)
{
    const DType type = g->type;
    for (int i = 0; i < got->n; i++) {
        const double most = largest(&truth->t[i]),
                     unit = type == DT_FP16 ? most / 1024 + 1e-7 : 0;
        const double off = difference(&got->t[i], &truth->t[i]);
        const double allowed = type == DT_FP16
                                 ? 1.25 * difference(&ref->t[i], &truth->t[i]) + 2 * unit
                                 : part * most + 1e-6;
        if (off > allowed)
            fail_msg("program %d, %s, %s, result %d: off by %g of %g; %g is allowed",
                     seed, kernels, dtypes[type].name, i, off, most, allowed);
    }
}

/* A whole number may fall to either side where what it is of is off by a bit. */
static bool jumps(const Gen *g)
{
    for (const Op *op = g->f->body->first; op; op = op->next)
        if (op->kind == OP_floor || op->kind == OP_ceil || op->kind == OP_sign
            || op->kind == OP_less)
            return true;
    return false;
}

static void random_programs(void **state)
{
    (void)state;
    const char *many = getenv("ANEC_PROGRAMS");
    const int count = many ? atoi(many) : PROGRAMS;
    for (int seed = 0; seed < count; seed++)
        for (DType type = DT_FP16; type <= DT_FP32; type += DT_FP32 - DT_FP16) {
            Gen g, wide;
            const Kernels *k;
            make_program(&g, (uint64_t)seed, type);
            make_program(&wide, (uint64_t)seed, DT_FP32);
            Results ref = run(&g, &backend_ref, 1, false),
                    truth = run(&wide, &backend_ref, 1, false);
            for (int i = 0; (k = kernels_at(i)); i++) {
                setenv("ANEC_CPU", k->name, 1);
                Results one = run(&g, &backend_cpu, 1, false),
                        two = run(&g, &backend_cpu, 2, false);
                Results three = run(&g, &backend_cpu, 3, false),
                        each = run(&g, &backend_cpu, 1, true);
                Results exact = run_as(&g, &backend_cpu, 2, false, true);
                if (!jumps(&g)) {
                    const double part = g.winograd ? 1e-4 : 1e-5;
                    near_enough(seed, k->name, &g, &one, &ref, &truth, part);
                    near_enough(seed, k->name, &g, &exact, &ref, &truth, 5e-6);
                }
                if (!g.winograd) same_bytes(&one, &exact, seed, "exact");
                free_results(&exact);
                same_bytes(&one, &two, seed, "two threads");
                same_bytes(&one, &three, seed, "three threads");
                same_bytes(&one, &each, seed, "op by op");
                free_results(&one), free_results(&two), free_results(&three),
                    free_results(&each);
            }
            unsetenv("ANEC_CPU");
            free_results(&ref), free_results(&truth);
            module_free(g.m), module_free(wide.m);
            diag_free(&g.diag), diag_free(&wide.diag);
        }
}

/* What is no kind of kernels is said with those that are. */
/* conv(from) as an op `name`, each weight of c * c another number. */
static void put_conv(Buf *b, const char *name, const char *from, int c, int wide)
{
    buf_printf(
        b,
        "tensor<fp32, [1, %d, 1, %d]> %s = conv(x = %s, weight = tensor<fp32, [%d, %d, 1, 1]>([",
        c, wide, name, from, c, c);
    for (int i = 0; i < c * c; i++)
        buf_printf(b, "%s%s[[%d]]%s", i ? ", " : "", i % c ? "" : "[",
                   (i * 7 + 3) % 11 - 5, i % c == c - 1 ? "]" : "");
    buf_printf(b, "]))[name = string(\"%s\")];\n", name);
}

/* A convolution reads whole vectors, beyond the end of what another result lies in: where sanitizers
 * look, results have no such room. */
static void results_that_a_convolution_reads(void **state)
{
    static const int sizes[][2] = {
        { 1, 3 }, { 2, 17 }, { 5, 33 }, { 40, 7 }, { 64, 16 }
    };
    (void)state;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        const int c = sizes[i][0], wide = sizes[i][1];
        Buf b = { 0 };
        Diag d = { 0 };
        buf_printf(
            &b, "program(1.3)\n{\nfunc main<ios18>(tensor<fp32, [1, %d, 1, %d]> x) {\n",
            c, wide);
        put_conv(&b, "p", "x", c, wide);
        put_conv(&b, "q", "p", c, wide);
        put_conv(&b, "r", "q", c, wide);
        buf_puts(&b, "} -> (p, q, r);\n}\n");
        const Source src = { .name = "conv.mil", .text = b.s, .len = b.len };
        Module *m = mil_read(&d, &src, NULL);
        if (!m || !module_verify(m, &d, NULL)) fail_msg("%s", d.text.s);
        const Shape s = SHAPE(1, c, 1, wide);
        Binding in = { .name = "x" };
        assert_true(tensor_alloc(&in.value, &d, DT_FP32, &s));
        for (size_t k = 0; k < in.value.count; k++)
            tensor_set_float(&in.value, k, (double)(k * 5 % 7) - 3);
        for (int kernels = 0; kernels_at(kernels); kernels++) {
            const Binding *want, *got;
            setenv("ANEC_CPU", kernels_at(kernels)->name, 1);
            Program *ref = program_new(&backend_ref, m, module_main(m), &d);
            Program *cpu = program_new(&backend_cpu, m, module_main(m), &d);
            assert_true(program_run(ref, &d, &in, 1, &(RunOptions){ 0 }));
            assert_true(program_run(cpu, &d, &in, 1, &(RunOptions){ 0 }));
            const int n = program_results(ref, &want);
            assert_int_equal(program_results(cpu, &got), n);
            /* whole numbers, which fp32 holds */
            for (int r = 0; r < n; r++)
                assert_memory_equal(got[r].value.data, want[r].value.data,
                                    want[r].value.bytes);
            program_free(ref);
            program_free(cpu);
        }
        tensor_free(&in.value);
        module_free(m);
        buf_free(&b);
        diag_free(&d);
    }
    unsetenv("ANEC_CPU");
}

/* A convolution that is by Winograd's method, of x [1, 20, 17, 18] with some elements that are not
 * finite: they are in the results that have them in their window, and in no other. */
static void what_is_not_finite(void **state)
{
    enum { CHANNELS = 20, HIGH = 17, WIDE = 18 };
    static const int64_t ones[] = { 1, 1 }, pad[] = { 1, 1, 1, 1 };
    Gen g = { .m = module_new(), .seed = 3, .type = DT_FP32 };
    const Shape s = SHAPE(1, CHANNELS, HIGH, WIDE);
    (void)state;
    g.f = func_new(g.m, "main", OPSET_IOS18);
    g.b = builder_at(g.f->body, NULL, &g.diag, (Loc){ 0 });
    Value *x = block_param(g.f->body, "x", type_tensor(&g.m->arena, DT_FP32, s),
                           (Loc){ 0 });
    for (int i = 0; i < 2; i++) /* of an input, and of a value in blocks */
        x = mil_conv(&g.b, "c", .x = x,
                     .weight = constant(&g, SHAPE(CHANNELS, CHANNELS, 3, 3), 1),
                     .strides = ints(&g, 2, ones), .dilations = ints(&g, 2, ones),
                     .pad_type = build_string(&g.b, "custom"), .pad = ints(&g, 4, pad),
                     .groups = build_int(&g.b, 1));
    block_result(g.f->body, x);
    Binding in = { .name = "x" };
    assert_true(tensor_alloc(&in.value, &g.diag, DT_FP32, &s));
    for (size_t i = 0; i < in.value.count; i++)
        tensor_set_float(&in.value, i, (double)(i * 5 % 7) - 3);
    tensor_set_float(&in.value, 2 * HIGH * WIDE + 3, INFINITY);
    tensor_set_float(&in.value, (CHANNELS - 1) * HIGH * WIDE + 9 * WIDE + 4, -INFINITY);
    tensor_set_float(&in.value, CHANNELS * HIGH * WIDE - 1, (double)NAN);
    for (int kernels = 0; kernels_at(kernels); kernels++) {
        const Binding *want, *got;
        setenv("ANEC_CPU", kernels_at(kernels)->name, 1);
        Program *ref = program_new(&backend_ref, g.m, g.f, &g.diag);
        Program *cpu = program_new(&backend_cpu, g.m, g.f, &g.diag);
        assert_true(program_run(ref, &g.diag, &in, 1, &(RunOptions){ 0 }));
        assert_true(program_run(cpu, &g.diag, &in, 1, &(RunOptions){ .threads = 2 }));
        assert_int_equal(program_results(ref, &want), 1);
        assert_int_equal(program_results(cpu, &got), 1);
        const double most = largest(&want->value);
        assert_true(difference(&got->value, &want->value) <= 1e-4 * most);
        program_free(ref);
        program_free(cpu);
    }
    unsetenv("ANEC_CPU");
    tensor_free(&in.value);
    module_free(g.m);
    diag_free(&g.diag);
}

static void unknown_kernels(void **state)
{
    (void)state;
    Gen g;
    make_program(&g, 1, DT_FP32);
    setenv("ANEC_CPU", "sse9", 1);
    assert_null(program_new(&backend_cpu, g.m, g.f, &g.diag));
    unsetenv("ANEC_CPU");
    expect_says(&g.diag, "ANEC_CPU is sse9; kernels that this processor can run are ");
    module_free(g.m);
    diag_free(&g.diag);
}

int main(void)
{
#if defined(__GLIBC__)
    mallopt(M_PERTURB, 0x5a); /* memory that was never written to is seen */
#endif
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_programs),
        cmocka_unit_test(results_that_a_convolution_reads),
        cmocka_unit_test(what_is_not_finite), cmocka_unit_test(unknown_kernels)
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
