/* program_gen.c -- programs made at random: what is drawn, the ops that have no window, and the
 * program that is made of them all. */
#include "program_gen.h"

#include <math.h>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

enum { STEPS = 7 };

/* ---- what is drawn ------------------------------------------------------------------------- */

int gen_draw(Gen *g, int n)
{
    g->seed = g->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int)((g->seed >> 33) % (uint64_t)n);
}

int64_t gen_dim(Gen *g)
{
    static const int edge[] = { 1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33 };
    return edge[gen_draw(g, COUNT(edge))];
}

size_t gen_count_of(const Value *v)
{
    size_t n = 0;
    return v && shape_count(&v->type->shape, &n) ? n : 0;
}

Value *gen_constant(Gen *g, Shape s, double size)
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
            f16_to_double(f16_from_double(size * (gen_draw(g, 2001) - 1000) / 1000.0)));
    return build_const(&g->b, "k", c);
}

Value *gen_ints(Gen *g, int n, const int64_t *v) { return build_ints(&g->b, n, v); }
Value *gen_flag(Gen *g) { return build_bool(&g->b, gen_draw(g, 2)); }
Value *gen_real(Gen *g, double v) { return build_float(&g->b, g->type, v); }

/* ---- ops ---------------------------------------------------------------------------- */

Value *gen_shaped(Gen *g, Value *x, int rank)
{
    int64_t dim[MAX_RANK];
    size_t left = gen_count_of(x);
    for (int i = 0; i < rank - 1; i++) {
        const int64_t d = gen_dim(g);
        dim[i] = left % (size_t)d ? 1 : d;
        left /= (size_t)dim[i];
    }
    dim[rank - 1] = (int64_t)left;
    return mil_reshape(&g->b, "r", .x = x, .shape = gen_ints(g, rank, dim));
}

static Value *unary(Gen *g, Value *x)
{
    static const char *const op[] = { "relu",    "abs",  "square",   "relu6", "tanh",
                                      "sigmoid", "silu", "softsign", "erf",   "softplus",
                                      "floor",   "ceil", "sign" };
    if (gen_draw(g, 6) == 0)
        return mil_gelu(
            &g->b, "g", .x = x,
            .mode = build_string(&g->b, gen_draw(g, 2) ? "EXACT" : "TANH_APPROXIMATION"));
    if (gen_draw(g, 6) == 0)
        return mil_clip(&g->b, "c", .x = x, .alpha = gen_real(g, -0.5),
                        .beta = gen_real(g, 0.75));
    if (gen_draw(g, 6) == 0)
        return mil_leaky_relu(&g->b, "l", .x = x, .alpha = gen_real(g, 0.25));
    if (gen_draw(g, 6) == 0)
        return mil_pow(&g->b, "p", .x = x, .y = gen_real(g, 1 + gen_draw(g, 3)));
    if (gen_draw(g, 6) == 0) { /* quotients and roots of what is above 0 */
        static const double powers[] = { -1, 0.5, -0.5, 1.5 };
        Value *above = mil_clip(&g->b, "a", .x = x, .alpha = gen_real(g, 0.25),
                                .beta = gen_real(g, 8));
        return mil_pow(&g->b, "p", .x = above,
                       .y = gen_real(g, powers[gen_draw(g, COUNT(powers))]));
    }
    if (gen_draw(g, 8) == 0) /* roots of what is above 0 */
        return mil_rsqrt(&g->b, "q", .x = mil_square(&g->b, "s", .x = x),
                         .epsilon = gen_real(g, 0.5));
    if (gen_draw(g, 8) == 0)
        return mil_exp(&g->b, "e", .x = mil_tanh(&g->b, "t", .x = x));
    const char *name = op[gen_draw(g, COUNT(op))];
    return build_of(&g->b, name, op_find(name), P_x, x, P_NONE);
}

static Value *binary(Gen *g, Value *x)
{
    static const char *const op[] = { "add", "sub", "mul", "maximum", "minimum" };
    Shape s = x->type->shape;
    Value *y = NULL;
    for (int i = 0; i < g->n && gen_draw(g, 2); i++)
        if (shape_equal(&g->at[i]->type->shape, &s)) y = g->at[i];
    for (int i = 0; i < s.rank; i++)
        if (gen_draw(g, 2)) s.dim[i] = 1;
    if (!y) y = gen_draw(g, 4) ? gen_constant(g, s, 1) : gen_real(g, 0.5);
    const char *name = op[gen_draw(g, COUNT(op))];
    if (gen_draw(g, 2))
        return build_of(&g->b, name, op_find(name), P_x, x, P_y, y, P_NONE);
    return build_of(&g->b, name, op_find(name), P_x, y, P_y, x, P_NONE);
}

static Value *chosen(Gen *g, Value *x)
{
    Value *low = mil_less(&g->b, "l", .x = x, .y = gen_real(g, 0.125));
    if (gen_draw(g, 2)) low = mil_logical_not(&g->b, "n", .x = low);
    return mil_select(&g->b, "s", .cond = low, .a = x, .b = gen_real(g, 0.125));
}

static Value *linear(Gen *g, Value *x)
{
    if (x->type->shape.rank < 2) x = gen_shaped(g, x, 2);
    const int64_t k = x->type->shape.dim[x->type->shape.rank - 1];
    Value *w = gen_draw(g, 2)
                 ? gen_coded(g, k, false)
                 : gen_constant(g, SHAPE(gen_dim(g), k), 1 / sqrt((double)k + 1));
    if (!w) return NULL;
    const int64_t n = w->type->shape.dim[0];
    return mil_linear(&g->b, "y", .x = x, .weight = w,
                      .bias = gen_draw(g, 2) ? gen_constant(g, SHAPE(n), 1) : NULL);
}

static Value *matmul(Gen *g, Value *x)
{
    if (x->type->shape.rank < 2 || gen_draw(g, 2))
        x = gen_shaped(g, x, 2 + gen_draw(g, 2));
    const Shape *s = &x->type->shape;
    const bool tx = gen_draw(g, 2), ty = gen_draw(g, 2), left = gen_draw(g, 4) == 0;
    const int64_t k = s->dim[s->rank - (tx ? 2 : 1)], n = gen_dim(g);
    Shape ys = *s;
    if (gen_draw(g, 2)) ys.rank = 2;
    if (left) { /* the constant on the left */
        const int64_t in = s->dim[s->rank - (ty ? 1 : 2)];
        Value *w = gen_constant(g, SHAPE(n, in), 1 / sqrt((double)in + 1));
        return mil_matmul(&g->b, "m", .x = w, .y = x,
                          .transpose_y = build_bool(&g->b, ty));
    }
    if (gen_draw(g, 3) == 0) {
        Value *w = gen_coded(g, k, !ty);
        return w ? mil_matmul(&g->b, "m", .x = x, .y = w,
                              .transpose_x = build_bool(&g->b, tx),
                              .transpose_y = build_bool(&g->b, ty))
                 : NULL;
    }
    ys.dim[ys.rank - (ty ? 1 : 2)] = k;
    ys.dim[ys.rank - (ty ? 2 : 1)] = n;
    size_t count;
    if (!shape_count(&ys, &count) || count > GEN_LARGEST) return NULL;
    Value *y = gen_constant(g, ys, 1 / sqrt((double)k + 1));
    if (gen_draw(g, 2))
        y = mil_add(&g->b, "a", .x = y, .y = g->at[0]); /* not known beforehand */
    return mil_matmul(&g->b, "m", .x = x, .y = y, .transpose_x = build_bool(&g->b, tx),
                      .transpose_y = build_bool(&g->b, ty));
}

static Value *rows(Gen *g, Value *x)
{
    const Shape *s = &x->type->shape;
    if (!s->rank) return NULL;
    const int64_t axis = gen_draw(g, s->rank);
    static const char *const op[] = {
        "reduce_mean",       "reduce_max",     "reduce_min",
        "reduce_sum_square", "reduce_l2_norm", "reduce_sum"
    };
    if (gen_draw(g, 3) == 0)
        return mil_softmax(&g->b, "s", .x = x, .axis = build_int(&g->b, axis));
    if (gen_draw(g, 2))
        return mil_layer_norm(
            &g->b, "n", .x = x, .axes = gen_ints(g, 1, &axis),
            .gamma = gen_draw(g, 2) ? gen_constant(g, SHAPE(s->dim[axis]), 1) : NULL,
            .beta = gen_draw(g, 2) ? gen_constant(g, SHAPE(s->dim[axis]), 1) : NULL,
            .epsilon = gen_real(g, 0.125));
    const char *name = op[gen_draw(g, COUNT(op))];
    return build_of(&g->b, name, op_find(name), P_x, x, P_axes, gen_ints(g, 1, &axis),
                    P_keep_dims, gen_flag(g), P_NONE);
}

static Value *moved(Gen *g, Value *x)
{
    const Shape *s = &x->type->shape;
    int64_t perm[MAX_RANK], begin[MAX_RANK], size[MAX_RANK];
    if (!s->rank) return NULL;
    for (int i = 0; i < s->rank; i++) {
        perm[i] = s->rank - 1 - i;
        begin[i] = gen_draw(g, (int)s->dim[i]);
        size[i] = 1 + gen_draw(g, (int)(s->dim[i] - begin[i]));
        if (gen_draw(g, 3)) begin[i] = 0, size[i] = s->dim[i];
    }
    if (gen_draw(g, 3) == 0)
        return mil_transpose(&g->b, "t", .x = x, .perm = gen_ints(g, s->rank, perm));
    if (gen_draw(g, 2))
        return mil_slice_by_size(&g->b, "z", .x = x, .begin = gen_ints(g, s->rank, begin),
                                 .size = gen_ints(g, s->rank, size));
    Value *both[] = { x, g->at[gen_draw(g, g->n)] };
    if (!shape_equal(&both[1]->type->shape, s)) both[1] = x;
    return mil_concat(&g->b, "j", .values = &(Values){ 2, both },
                      .axis = build_int(&g->b, gen_draw(g, s->rank)),
                      .interleave = build_bool(&g->b, false));
}

static Value *channels(Gen *g, Value *x)
{
    if (x->type->shape.rank < 3) x = gen_shaped(g, x, 3);
    const Shape c = SHAPE(x->type->shape.dim[1]);
    if (x->type->shape.rank > 5 || x->type->shape.rank < 3) return NULL;
    Value *variance = gen_constant(g, c, 0);
    return mil_batch_norm(&g->b, "b", .x = x, .mean = gen_constant(g, c, 1),
                          .variance = variance, .gamma = gen_constant(g, c, 1),
                          .beta = gen_constant(g, c, 1), .epsilon = gen_real(g, 1));
}

static Value *parts(Gen *g, Value *x)
{
    const Shape *s = &x->type->shape;
    const int64_t axis = s->rank ? gen_draw(g, s->rank) : 0;
    if (!s->rank || s->dim[axis] < 2) return NULL;
    const int64_t first = 1 + gen_draw(g, (int)s->dim[axis] - 1),
                  size[] = { first, s->dim[axis] - first };
    Value *y = mil_split(&g->b, "h", .x = x, .split_sizes = gen_ints(g, 2, size),
                         .axis = build_int(&g->b, axis));
    return y ? y->def->out[gen_draw(g, 2)] : NULL;
}

/* Keys that a row may look at: those up to its own. */
static Value *causal(Gen *g, int64_t rows, int64_t keys)
{
    const Shape s = SHAPE(rows, keys);
    const bool truth = gen_draw(g, 2);
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
    x = gen_shaped(g, x, 3);
    const Shape *s = &x->type->shape;
    const int64_t keys = gen_dim(g), width = gen_dim(g);
    Value *key = gen_constant(g, SHAPE(s->dim[0], keys, s->dim[2]), 1),
          *value = gen_constant(g, SHAPE(s->dim[0], keys, width), 1);
    if (gen_count_of(key) > GEN_LARGEST || s->dim[0] * s->dim[1] * keys > GEN_LARGEST)
        return NULL;
    key = mil_mul(&g->b, "k", .x = key, .y = g->at[0]);
    Value *mask = gen_draw(g, 3) == 0 ? NULL
                : gen_draw(g, 2)      ? causal(g, s->dim[1], keys)
                                      : gen_constant(g, SHAPE(1, keys), 1);
    if (mask && mask->type->dtype != DT_BOOL && gen_draw(g, 2))
        mask = mil_add(&g->b, "q", .x = mask, .y = g->at[0]); /* of a run */
    return mil_scaled_dot_product_attention(&g->b, "s", .query = x, .key = key,
                                            .value = value, .attn_mask = mask);
}

/* Heads of a matrix [n, heads * size], by a reshape and mostly a transpose. */
static Value *heads_of(Gen *g, int64_t n, int64_t heads, int64_t size, bool turned)
{
    static const int64_t perm[] = { 1, 0, 2 };
    Value *x = gen_constant(g, turned ? SHAPE(n, heads, size) : SHAPE(heads, n, size), 1);
    x = mil_mul(&g->b, "h", .x = x, .y = g->at[0]);
    return turned ? mil_transpose(&g->b, "t", .x = x, .perm = gen_ints(g, 3, perm)) : x;
}

/* Attention as products, a softmax and what stands between them. */
static Value *attended(Gen *g, Value *x)
{
    static const int64_t perm[] = { 0, 2, 1 };
    const int64_t heads = 1 + gen_draw(g, 3), rows = gen_dim(g), keys = gen_dim(g),
                  size = gen_dim(g);
    (void)x;
    Value *q = heads_of(g, rows, heads, size, gen_draw(g, 2)),
          *k = heads_of(g, keys, heads, size, gen_draw(g, 2)),
          *v = heads_of(g, keys, heads, gen_dim(g), gen_draw(g, 2));
    const bool turned = gen_draw(g, 2);
    if (turned) k = mil_transpose(&g->b, "k", .x = k, .perm = gen_ints(g, 3, perm));
    Value *s = mil_matmul(&g->b, "s", .x = q, .y = k,
                          .transpose_y = build_bool(&g->b, !turned));
    if (gen_draw(g, 2)) s = mil_mul(&g->b, "m", .x = s, .y = gen_real(g, 0.25));
    if (gen_draw(g, 2))
        s = mil_add(&g->b, "a", .x = s, .y = gen_constant(g, SHAPE(rows, keys), 1));
    Value *p = mil_softmax(&g->b, "p", .x = s, .axis = build_int(&g->b, -1));
    Value *y = mil_matmul(&g->b, "y", .x = p, .y = v);
    if (gen_draw(g, 4) == 0) g->at[g->n++] = p; /* which may be a result too */
    if (gen_draw(g, 2)) {
        static const int64_t back[] = { 1, 0, 2 };
        if (gen_draw(g, 4) == 0) g->at[g->n++] = y;
        y = mil_transpose(&g->b, "b", .x = y, .perm = gen_ints(g, 3, back));
    }
    return gen_draw(g, 2) ? mil_relu(&g->b, "r", .x = y) : y;
}

/* ---- the program ---------------------------------------------------------------------------- */

typedef Value *OpMaker(Gen *g, Value *x);
static OpMaker *const makers[] = { unary,      binary,    unary,          binary,
                                   chosen,     linear,    matmul,         gen_conv,
                                   gen_pool,   rows,      moved,          gen_conv,
                                   channels,   binary,    gen_recurrent,  parts,
                                   gen_square, attention, gen_transposed, gen_depthwise,
                                   attended,   gen_tower, gen_tower,      gen_fused,
                                   gen_fused };

void gen_program(Gen *g, uint64_t seed, DType type)
{
    *g = (Gen){ .m = module_new(), .seed = seed * 77 + 5, .type = type };
    g->f = func_new(g->m, "main", OPSET_IOS18);
    g->b = builder_at(g->f->body, NULL, &g->diag, (Loc){ 0 });
    Shape one = { .rank = 0 }, x = { .rank = 2 + gen_draw(g, 3) };
    for (int i = 0; i < x.rank; i++) x.dim[i] = i ? gen_dim(g) : 1 + gen_draw(g, 2);
    while (x.rank > 2 && x.dim[x.rank - 1] * x.dim[x.rank - 2] * x.dim[1] > 9000)
        x.rank--;
    g->at[g->n++] = block_param(g->f->body, "one", type_tensor(&g->m->arena, type, one),
                                (Loc){ 0 });
    g->at[g->n++] = block_param(g->f->body, "x", type_tensor(&g->m->arena, type, x),
                                (Loc){ 0 });
    for (int i = 0; i < STEPS; i++) {
        Value *from = g->at[gen_draw(g, 3) ? g->n - 1 : gen_draw(g, g->n)];
        Value *y = makers[gen_draw(g, COUNT(makers))](g, from);
        const size_t n = gen_count_of(y);
        if (n && n <= GEN_LARGEST) g->at[g->n++] = y;
    }
    block_result(g->f->body, g->at[g->n - 1]);
    if (gen_draw(g, 2)) block_result(g->f->body, g->at[g->n / 2]);
    if (!diag_ok(&g->diag)) fail_msg("program %d: %s", (int)seed, g->diag.text.s);
}

/* ---- what is made of the results ------------------------------------------------------------ */

double gen_largest(const Tensor *t)
{
    double m = 0;
    for (size_t i = 0; i < t->count; i++)
        if (isfinite(tensor_float(t, i))) m = fmax(m, fabs(tensor_float(t, i)));
    return m;
}

double gen_difference(const Tensor *a, const Tensor *b)
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

void gen_perturb_memory(void)
{
#if defined(__GLIBC__)
    mallopt(M_PERTURB, 0x5a);
#endif
}
