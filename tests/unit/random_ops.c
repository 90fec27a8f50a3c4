/* random_ops.c -- the ops of random_ops.h: numbers are quarters, dimensions small. */
#include "random_ops.h"

#include "../../ir/ops/ops.h"

#include <math.h>

/* ---- what is drawn ----------------------------------------------------------------------- */

Value *random_value(Gen *g) { return g->at[gen_draw(g, g->n)]; }

/* Quarters, so that short sums are exact in fp16; neutral elements more often than by
 * chance. */
static double number(Gen *g)
{
    static const double often[] = { 0, 1, -1, 0.5, 2 };
    return gen_draw(g, 2) ? often[gen_draw(g, COUNT(often))]
                          : (gen_draw(g, 17) - 8) / 4.0;
}

static Value *constant(Gen *g, Shape s)
{
    const Type *t = type_tensor(&g->m->arena, DT_FP16, s);
    size_t n;
    if (!shape_count(&s, &n)) return NULL;
    uint16_t *v = arena_alloc(&g->m->arena, n * sizeof *v + 1);
    const bool same = gen_draw(g, 3) == 0;
    for (size_t i = 0; i < n; i++) v[i] = same && i ? v[0] : f16_from_double(number(g));
    return build_const(&g->b, "k", const_data(&g->m->arena, t, v));
}

static Value *ints(Gen *g, int n, const int64_t *v) { return build_ints(&g->b, n, v); }
static Value *flag(Gen *g) { return build_bool(&g->b, gen_draw(g, 2)); }
static int axis_in(Gen *g, int rank)
{
    return gen_draw(g, rank) - (gen_draw(g, 3) ? 0 : rank);
}

/* ---- ops -------------------------------------------------------------------------- */

static Value *binary(Gen *g, Value *x)
{
    static const char *const op[] = { "add",     "sub", "mul", "maximum",
                                      "minimum", "add", "mul" };
    Shape s = x->type->shape, scalar = { .rank = 0 };
    for (int i = 0; i < s.rank; i++)
        if (gen_draw(g, 3) == 0) s.dim[i] = 1;
    Value *y = gen_draw(g, 3) ? constant(g, gen_draw(g, 2) ? s : scalar)
                              : random_value(g),
          *swap = x;
    if (gen_draw(g, 2)) x = y, y = swap;
    const char *name = op[gen_draw(g, COUNT(op))];
    return build_of(&g->b, name, op_find(name), P_x, x, P_y, y, P_NONE);
}

static Value *divided(Gen *g, Value *x)
{
    static const double by[] = { 1, 2, -1, 4 };
    Value *y = build_float(&g->b, DT_FP16, by[gen_draw(g, COUNT(by))]);
    return gen_draw(g, 2) ? mil_real_div(&g->b, "q", .x = x, .y = y)
                          : mil_pow(&g->b, "p", .x = x,
                                    .y = build_float(&g->b, DT_FP16, 1 + gen_draw(g, 2)));
}

static Value *unary(Gen *g, Value *x)
{
    static const char *const op[] = { "relu", "abs",     "identity", "square",  "relu6",
                                      "tanh", "sigmoid", "silu",     "softsign" };
    const char *name = op[gen_draw(g, COUNT(op))];
    return build_of(&g->b, name, op_find(name), P_x, x, P_NONE);
}

static Value *cast(Gen *g, Value *x)
{
    Value *wide = mil_cast(&g->b, "w", .x = x, .dtype = build_string(&g->b, "fp32"));
    if (gen_draw(g, 2)) wide = mil_abs(&g->b, "a", .x = wide);
    return mil_cast(&g->b, "h", .x = wide, .dtype = build_string(&g->b, "fp16"));
}

static Value *reshape(Gen *g, Value *x)
{
    size_t left;
    int64_t dim[MAX_RANK];
    int rank = 1 + gen_draw(g, 5), n = 0;
    if (!shape_count(&x->type->shape, &left)) return NULL;
    for (; n < rank - 1; n++) {
        static const int by[] = { 1, 2, 3, 4, 5, 6 };
        const int64_t d = by[gen_draw(g, COUNT(by))];
        dim[n] = left % (size_t)d ? 1 : d;
        left /= (size_t)dim[n];
    }
    dim[n++] = gen_draw(g, 4) ? (int64_t)left : -1;
    return mil_reshape(&g->b, "r", .x = x, .shape = ints(g, n, dim));
}

static Value *axes_changed(Gen *g, Value *x)
{
    const int64_t axis = gen_draw(g, x->type->shape.rank + 1);
    if (gen_draw(g, 2))
        return mil_expand_dims(&g->b, "e", .x = x, .axes = ints(g, 1, &axis));
    return mil_squeeze(&g->b, "q", .x = x);
}

static Value *transpose(Gen *g, Value *x)
{
    int64_t perm[MAX_RANK];
    const int n = x->type->shape.rank;
    for (int i = 0; i < n; i++) perm[i] = i;
    for (int i = n - 1; i > 0; i--) {
        const int k = gen_draw(g, i + 1);
        const int64_t t = perm[i];
        perm[i] = perm[k], perm[k] = t;
    }
    for (int i = 0; i < n; i++) perm[i] -= gen_draw(g, 4) ? 0 : n;
    return mil_transpose(&g->b, "t", .x = x, .perm = ints(g, n, perm));
}

static Value *slice_size(Gen *g, Value *x)
{
    const Shape *s = &x->type->shape;
    int64_t begin[MAX_RANK], size[MAX_RANK];
    for (int i = 0; i < s->rank; i++) {
        const int64_t d = s->dim[i];
        begin[i] = gen_draw(g, 2) ? 0 : gen_draw(g, (int)d);
        size[i] = gen_draw(g, 4) ? 1 + gen_draw(g, (int)(d - begin[i])) : -1;
        if (gen_draw(g, 3) == 0) begin[i] -= d;
    }
    return mil_slice_by_size(&g->b, "s", .x = x, .begin = ints(g, s->rank, begin),
                             .size = ints(g, s->rank, size));
}

static Value *slice_index(Gen *g, Value *x)
{
    const Shape *s = &x->type->shape;
    int64_t begin[MAX_RANK], end[MAX_RANK], stride[MAX_RANK];
    bool from[MAX_RANK], to[MAX_RANK], squeeze[MAX_RANK];
    Arena *a = &g->m->arena;
    for (int i = 0; i < s->rank; i++) {
        const int64_t d = s->dim[i];
        const bool back = gen_draw(g, 5) == 0;
        begin[i] = gen_draw(g, 2) ? (back ? d - 1 : 0) : gen_draw(g, (int)d);
        end[i] = back ? gen_draw(g, (int)begin[i] + 1)
                      : begin[i] + 1 + gen_draw(g, (int)(d - begin[i]));
        stride[i] = (back ? -1 : 1) * (1 + gen_draw(g, 2));
        from[i] = gen_draw(g, 4) == 0;
        to[i] = gen_draw(g, 4) == 0;
        squeeze[i] = !back && !from[i] && s->rank > 1 && gen_draw(g, 6) == 0;
        if (gen_draw(g, 4) == 0) begin[i] -= d;
    }
    const int n = s->rank;
    return mil_slice_by_index(
        &g->b, "s", .x = x, .begin = ints(g, n, begin), .end = ints(g, n, end),
        .stride = ints(g, n, stride),
        .begin_mask = build_const(&g->b, "m", const_bools(a, n, from)),
        .end_mask = build_const(&g->b, "m", const_bools(a, n, to)),
        .squeeze_mask = build_const(&g->b, "m", const_bools(a, n, squeeze)));
}

static Value *tile(Gen *g, Value *x)
{
    int64_t reps[MAX_RANK];
    for (int i = 0; i < x->type->shape.rank; i++) reps[i] = 1 + (gen_draw(g, 3) == 0);
    return mil_tile(&g->b, "t", .x = x, .reps = ints(g, x->type->shape.rank, reps));
}

static Value *joined(Gen *g, Value *x)
{
    const bool stack = gen_draw(g, 3) == 0;
    Value *with = gen_draw(g, 2) ? x : constant(g, x->type->shape),
          *v[3] = { x, with, x };
    Value *axis = build_int(&g->b, axis_in(g, x->type->shape.rank + stack)),
          *no = build_bool(&g->b, !stack && gen_draw(g, 5) == 0);
    const BuildArg arg[] = { { .param = P_values, .val = v, .count = 1 + gen_draw(g, 3) },
                             { .param = P_axis, .val = &axis, .count = 1 },
                             { .param = P_interleave, .val = &no, .count = 1 } };
    return build_op(&g->b, "j", stack ? OP_stack : OP_concat, arg, stack ? 2 : 3)->out[0];
}

static Value *split(Gen *g, Value *x)
{
    Value *axis = build_int(&g->b, axis_in(g, x->type->shape.rank)),
          *n = build_int(&g->b, 2 + gen_draw(g, 2));
    const BuildArg arg[] = { { .param = P_x, .val = &x, .count = 1 },
                             { .param = P_num_splits, .val = &n, .count = 1 },
                             { .param = P_axis, .val = &axis, .count = 1 } };
    Op *op = build_op(&g->b, "p", OP_split, arg, 3);
    return op->out[gen_draw(g, op->nout)];
}

static Value *pad(Gen *g, Value *x)
{
    int64_t by[4];
    const int n = x->type->shape.rank > 1 ? 1 + gen_draw(g, 2) : 1;
    for (int i = 0; i < 2 * n; i++) by[i] = gen_draw(g, 3);
    return mil_pad(&g->b, "p", .x = x, .pad = ints(g, 2 * n, by),
                   .mode = build_string(&g->b, "constant"),
                   .constant_val = build_float(&g->b, DT_FP16, number(g)));
}

static Value *reduce(Gen *g, Value *x)
{
    static const char *const op[] = { "reduce_sum", "reduce_mean", "reduce_max",
                                      "reduce_min", "reduce_sum_square" };
    int64_t axes[2] = { axis_in(g, x->type->shape.rank), 0 };
    const int n = x->type->shape.rank > 1 && gen_draw(g, 2) ? 2 : 1;
    axes[1] = axes[0] < x->type->shape.rank - 1 && axes[0] != -1 ? axes[0] + 1
                                                                 : axes[0] - 1;
    const char *name = op[gen_draw(g, COUNT(op))];
    return build_of(&g->b, "r", op_find(name), P_x, x, P_axes, ints(g, n, axes),
                    P_keep_dims, flag(g), P_NONE);
}

static Value *matmul(Gen *g, Value *x)
{
    const Shape *s = &x->type->shape;
    if (s->rank < 2) return NULL;
    const bool tx = gen_draw(g, 2), ty = gen_draw(g, 2);
    const int64_t inner = s->dim[s->rank - (tx ? 2 : 1)], out = 1 + gen_draw(g, 4);
    Shape w = ty ? SHAPE(out, inner) : SHAPE(inner, out);
    Value *y = gen_draw(g, 3) ? constant(g, w) : random_value(g);
    return mil_matmul(&g->b, "m", .x = x, .y = y, .transpose_x = build_bool(&g->b, tx),
                      .transpose_y = build_bool(&g->b, ty));
}

static Value *linear(Gen *g, Value *x)
{
    const int64_t out = 1 + gen_draw(g, 4),
                  in = x->type->shape.dim[x->type->shape.rank - 1];
    Value *w = constant(g, SHAPE(out, in)),
          *bias = constant(g, (Shape){ .rank = 1, .dim = { out } });
    return gen_draw(g, 2) ? mil_linear(&g->b, "l", .x = x, .weight = w)
                          : mil_linear(&g->b, "l", .x = x, .weight = w, .bias = bias);
}

static const char *padding(Gen *g)
{
    static const char *const types[] = { "valid", "same", "same_lower", "custom",
                                         "custom" };
    return types[gen_draw(g, COUNT(types))];
}

static Value *conv(Gen *g, Value *x)
{
    const Shape *s = &x->type->shape;
    if (s->rank < 3 || s->rank > 4) return NULL;
    const int n = s->rank - 2, groups = s->dim[1] % 2 == 0 && gen_draw(g, 3) == 0 ? 2 : 1;
    int64_t stride[2], hole[2], pads[4];
    const bool back = gen_draw(g, 4) == 0;
    const int64_t out = groups * (1 + gen_draw(g, 3));
    Shape w = { .rank = s->rank,
                .dim = { back ? s->dim[1] : out,
                         back ? out / groups : s->dim[1] / groups } };
    for (int i = 0; i < n; i++) {
        w.dim[2 + i] = 1 + gen_draw(g, 5);
        stride[i] = 1 + gen_draw(g, 2);
        hole[i] = 1 + (gen_draw(g, 4) == 0);
        pads[2 * i] = gen_draw(g, 3), pads[2 * i + 1] = gen_draw(g, 3);
    }
    return build_of(&g->b, "c", back ? OP_conv_transpose : OP_conv, P_x, x, P_weight,
                    constant(g, w), P_strides, ints(g, n, stride), P_dilations,
                    ints(g, n, hole), P_pad, ints(g, 2 * n, pads), P_pad_type,
                    build_string(&g->b, padding(g)), P_groups, build_int(&g->b, groups),
                    P_NONE);
}

static Value *pool(Gen *g, Value *x)
{
    const Shape *s = &x->type->shape;
    if (s->rank < 3 || s->rank > 4) return NULL;
    const int n = s->rank - 2, kind = gen_draw(g, 2);
    int64_t kernel[2], stride[2], pads[4];
    for (int i = 0; i < n; i++) {
        kernel[i] = 1 + gen_draw(g, 6);
        stride[i] = 1 + gen_draw(g, 3);
        pads[2 * i] = gen_draw(g, 2), pads[2 * i + 1] = gen_draw(g, 2);
    }
    if (kind)
        return mil_max_pool(&g->b, "p", .x = x, .kernel_sizes = ints(g, n, kernel),
                            .strides = ints(g, n, stride), .pad = ints(g, 2 * n, pads),
                            .pad_type = build_string(&g->b, padding(g)));
    return mil_avg_pool(&g->b, "p", .x = x, .kernel_sizes = ints(g, n, kernel),
                        .strides = ints(g, n, stride), .pad = ints(g, 2 * n, pads),
                        .pad_type = build_string(&g->b, padding(g)),
                        .exclude_padding_from_average = flag(g));
}

static Value *gather(Gen *g, Value *x)
{
    const int axis = axis_in(g, x->type->shape.rank);
    const int64_t d = x->type->shape.dim[axis < 0 ? axis + x->type->shape.rank : axis];
    int64_t at[3];
    for (int i = 0; i < 3; i++) at[i] = gen_draw(g, (int)d) - (gen_draw(g, 4) ? 0 : d);
    return mil_gather(&g->b, "g", .x = x, .indices = ints(g, 1 + gen_draw(g, 3), at),
                      .axis = build_int(&g->b, axis));
}

static Value *along(Gen *g, Value *x)
{
    const int64_t axis = axis_in(g, x->type->shape.rank);
    if (gen_draw(g, 2)) return mil_reverse(&g->b, "r", .x = x, .axes = ints(g, 1, &axis));
    return gen_draw(g, 2)
             ? mil_softmax(&g->b, "s", .x = x, .axis = build_int(&g->b, axis))
             : mil_cumsum(&g->b, "c", .x = x,
                          .axis = build_int(&g->b, axis < 0 ? 0 : axis),
                          .exclusive = flag(g), .reverse = flag(g));
}

/* The values that stay apart before a norm stay so behind it: epsilon is large. */
static Value *norm(Gen *g, Value *x)
{
    static const char *const modes[] = { "EXACT", "TANH_APPROXIMATION",
                                         "SIGMOID_APPROXIMATION" };
    const Shape *s = &x->type->shape;
    const int64_t axes[2] = { gen_draw(g, 2) ? s->rank - 1 : -1, 0 };
    const Shape last = { .rank = 1, .dim = { s->dim[s->rank - 1] } };
    Value *eps = build_float(&g->b, DT_FP16, 0.5), *at = ints(g, 1, axes);
    switch (gen_draw(g, 4)) {
    case 0:
        return mil_layer_norm(&g->b, "n", .x = x, .axes = at, .epsilon = eps);
    case 1:
        return mil_layer_norm(&g->b, "n", .x = x, .axes = at, .epsilon = eps,
                              .gamma = constant(g, last), .beta = constant(g, last));
    case 2:
        return mil_gelu(&g->b, "g", .x = x,
                        .mode = build_string(&g->b, modes[gen_draw(g, COUNT(modes))]));
    default:
        return mil_local_response_norm(&g->b, "l", .x = x,
                                       .size = build_int(&g->b, 1 + gen_draw(g, 4)),
                                       .alpha = build_float(&g->b, DT_FP16, 0.5),
                                       .beta = build_float(&g->b, DT_FP16, 0.75),
                                       .k = build_float(&g->b, DT_FP16, 1));
    }
}

static Value *(*const makers[])(Gen *, Value *) = {
    binary,     binary,      binary,      divided,      unary,     unary,
    cast,       reshape,     reshape,     axes_changed, transpose, transpose,
    slice_size, slice_index, slice_index, tile,         joined,    split,
    pad,        reduce,      matmul,      matmul,       linear,    conv,
    conv,       pool,        pool,        gather,       along,     norm,
};

Value *random_op(Gen *g, Value *x) { return makers[gen_draw(g, COUNT(makers))](g, x); }
