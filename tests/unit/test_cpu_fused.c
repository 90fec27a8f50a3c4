/* test_cpu_fused.c -- what the backend cpu makes one step of, and what it does not: pairs that are
 * turned, norms that are written as ops, ends of products, parts and transposes that are read where they
 * lie. Each program is held against ref, and against itself op by op, which has to give the same bytes
 * by each kind of kernels with one, two and three threads. */
#include "program_gen.h"

#include "../../backends/backend.h"
#include "../../backends/cpu/cpu.h"
#include "../../backends/ref/ref.h"
#include "../../backends/vector/kernels.h"

#include <math.h>
#include <string.h>

/* A program over x; `how` is the step that it is looked for, and `steps` how many of them there are. */
typedef struct {
    const char *name;
    Value *(*make)(Gen *g, Value *x);
    int64_t dim[4];
    const char *how;
    int steps;
    double large; /* the size of x; 0: 1 */
} FusedCase;

/* ---- programs ------------------------------------------------------------------------------ */

static const GenRope rope_plain = { .heads = 3, .places = 17, .half = 24, .axis = 3 };

#define ROPE_CASE(name, ...) \
    static Value *name(Gen *g, Value *x) \
    { \
        GenRope r = rope_plain; \
        (void)x; \
        __VA_ARGS__; \
        return gen_rope(g, &r); \
    }
ROPE_CASE(rope_as_is, r.half = 16)
ROPE_CASE(rope_of_turned, r.turned = true)
ROPE_CASE(rope_of_split, r.split = r.turned = r.swapped = true)
ROPE_CASE(rope_of_few, r.half = 3)
ROPE_CASE(rope_of_one_place, r.places = 1)
ROPE_CASE(rope_along_places, r.axis = 2)
ROPE_CASE(rope_of_two_angles, r.other = true)
ROPE_CASE(rope_that_is_read, r.read = true)

#define NORM_CASE(name, ...) \
    static Value *name(Gen *g, Value *x) \
    { \
        const GenNorm n = { __VA_ARGS__ }; \
        return gen_norm(g, x, &n); \
    }
NORM_CASE(norm_by_roots, .divides = true, .gamma = true)
NORM_CASE(norm_by_powers, .squares = 2, .sums = true, .gamma = true)
NORM_CASE(norm_of_squares, .squares = 1, .swapped = true)
NORM_CASE(norm_of_another, .other = true)
NORM_CASE(norm_of_columns, .columns = true)
NORM_CASE(norm_that_is_read, .read = true)

/* The product's end makes x as well, whose squares are no value that is kept. */
static Value *norm_of_product(Gen *g, Value *x)
{
    const GenNorm n = { .divides = true, .gamma = true };
    const int64_t k = x->type->shape.dim[1];
    Value *y = mil_linear(&g->b, "l", .x = x,
                          .weight = gen_constant(g, SHAPE(k, k), 0.1));
    y = mil_add(&g->b, "a", .x = y, .y = x);
    return mil_add(&g->b, "b", .x = y, .y = gen_norm(g, y, &n));
}

/* What is subtracted from rows, and what they are divided by: a softmax as ops. */
static Value *softmax_as_ops(Gen *g, Value *x)
{
    static const int64_t last[] = { -1 };
    Value *axes = gen_ints(g, 1, last), *keep = build_bool(&g->b, true);
    Value *top = mil_reduce_max(&g->b, "t", .x = x, .axes = axes, .keep_dims = keep);
    x = mil_exp(&g->b, "e", .x = mil_sub(&g->b, "s", .x = x, .y = top));
    Value *sum = mil_reduce_sum(&g->b, "r", .x = x, .axes = axes, .keep_dims = keep);
    return mil_real_div(&g->b, "z", .x = x, .y = sum);
}

static Value *gate_of(Gen *g, Value *x) { return gen_gate(g, x, 49); }

/* A layer_norm, whose end multiplies by a number for each column and adds one. */
static Value *end_of_norm(Gen *g, Value *x)
{
    static const int64_t last[] = { -1 };
    const Shape s = SHAPE(x->type->shape.dim[1]);
    return mil_layer_norm(&g->b, "n", .x = x, .axes = gen_ints(g, 1, last),
                          .gamma = gen_constant(g, s, 1), .beta = gen_constant(g, s, 1),
                          .epsilon = gen_real(g, 0.125));
}

/* An attention whose heads lie apart before and behind it: no step moves them. */
static Value *attention_of_heads(Gen *g, Value *x)
{
    static const int64_t perm[] = { 0, 2, 1, 3 };
    Value *side[3];
    const Shape *s = &x->type->shape;
    const int64_t all = s->dim[2] * s->dim[3], flat[] = { s->dim[0], s->dim[1], all };
    for (int i = 0; i < 3; i++) {
        Value *y = mil_add(&g->b, "a", .x = x, .y = gen_real(g, 0.25 * i));
        side[i] = mil_transpose(&g->b, "h", .x = y, .perm = gen_ints(g, 4, perm));
    }
    Value *y = mil_matmul(&g->b, "s", .x = side[0], .y = side[1],
                          .transpose_y = build_bool(&g->b, true));
    y = mil_softmax(&g->b, "p", .x = mil_mul(&g->b, "m", .x = y, .y = gen_real(g, 0.25)),
                    .axis = build_int(&g->b, -1));
    y = mil_matmul(&g->b, "y", .x = y, .y = side[2]);
    y = mil_transpose(&g->b, "t", .x = y, .perm = gen_ints(g, 4, perm));
    y = mil_reshape(&g->b, "f", .x = y, .shape = gen_ints(g, 3, flat));
    return mil_add(&g->b, "z", .x = y, .y = gen_constant(g, SHAPE(all), 1));
}

/* ..whose result is read as it is, too. */
static Value *attention_that_is_read(Gen *g, Value *x)
{
    static const int64_t perm[] = { 0, 2, 1, 3 };
    Value *y = mil_scaled_dot_product_attention(&g->b, "a", .query = x, .key = x,
                                                .value = x);
    g->at[g->n++] = y;
    return mil_transpose(&g->b, "t", .x = y, .perm = gen_ints(g, 4, perm));
}

/* A matrix, larger than what is turned at a time. */
static Value *turned_whole(Gen *g, Value *x)
{
    static const int64_t perm[] = { 1, 0 };
    return mil_transpose(&g->b, "t", .x = x, .perm = gen_ints(g, 2, perm));
}

/* Products of parts of a value. */
static Value *product_of_parts(Gen *g, Value *x)
{
    const int64_t n = x->type->shape.dim[1] / 2, rows = x->type->shape.dim[0];
    const int64_t from[] = { 1, 0 }, to[] = { rows, n }, size[] = { n, n };
    Value *y = mil_mul(&g->b, "m", .x = x, .y = g->at[0]);
    Value *b = mil_split(&g->b, "p", .x = y, .split_sizes = gen_ints(g, 2, size),
                         .axis = build_int(&g->b, 1));
    Value *a = mil_slice_by_index(&g->b, "i", .x = y, .begin = gen_ints(g, 2, from),
                                  .end = gen_ints(g, 2, to));
    return mil_matmul(&g->b, "z", .x = a, .y = b->def->out[1],
                      .transpose_y = build_bool(&g->b, true));
}

/* A state that has x, and one number later. */
static Value *state_read(Gen *g, Value *x, Value **state)
{
    *state = block_param(g->f->body, "s", type_state(&g->m->arena, x->type), (Loc){ 0 });
    mil_write_state(&g->b, "w", .input = *state, .data = x);
    return mil_read_state(&g->b, "r", .input = *state);
}

static void state_written(Gen *g, Value *x, Value *state)
{
    mil_write_state(&g->b, "w", .input = state,
                    .data = mil_mul(&g->b, "t", .x = x, .y = gen_real(g, 100)));
}

/* Its queries are a state, which is written while there are scores alone. */
static Value *attention_of_state(Gen *g, Value *x)
{
    Value *state, *q = state_read(g, x, &state);
    Value *s = mil_matmul(&g->b, "s", .x = q, .y = x,
                          .transpose_y = build_bool(&g->b, true));
    state_written(g, x, state);
    s = mil_softmax(&g->b, "p", .x = s, .axis = build_int(&g->b, -1));
    return mil_matmul(&g->b, "y", .x = s, .y = x);
}

/* The same of what is added to scores. */
static Value *mask_of_state(Gen *g, Value *x)
{
    Value *state, *mask = state_read(g, x, &state);
    Value *s = mil_matmul(&g->b, "s", .x = x, .y = x,
                          .transpose_y = build_bool(&g->b, true));
    s = mil_add(&g->b, "a", .x = s, .y = mask);
    state_written(g, x, state);
    s = mil_softmax(&g->b, "p", .x = s, .axis = build_int(&g->b, -1));
    return mil_matmul(&g->b, "y", .x = s, .y = x);
}

/* A row of a state, whose squares are read before the row is. */
static Value *norm_of_state(Gen *g, Value *x)
{
    static const int64_t last[] = { -1 };
    Value *state, *q = state_read(g, x, &state);
    Value *mean = mil_reduce_mean(&g->b, "m", .x = mil_square(&g->b, "q", .x = q),
                                  .axes = gen_ints(g, 1, last),
                                  .keep_dims = build_bool(&g->b, true));
    Value *root = mil_sqrt(&g->b, "w", .x = mean);
    Value *z = mil_real_div(&g->b, "z", .x = q, .y = root);
    state_written(g, x, state);
    return z;
}

/* Rows are added into zeros that fill makes, in fp32; `read`: which are read otherwise as well. */
static Value *rows_into_zeros(Gen *g, Value *x, double value, bool read)
{
    static const int64_t dim[] = { 1000, 300 };
    const int64_t n = x->type->shape.dim[0];
    int64_t at[8];
    for (int64_t i = 0; i < n; i++) at[i] = 7 * i % 5;
    Value *fill = mil_fill(&g->b, "f", .shape = gen_ints(g, 2, dim),
                           .value = build_float(&g->b, DT_FP32, value));
    if (read) g->at[g->n++] = fill;
    Value *rows = mil_cast(&g->b, "c", .x = x, .dtype = build_string(&g->b, "fp32"));
    return mil_scatter(&g->b, "s", .data = fill, .indices = gen_ints(g, (int)n, at),
                       .updates = rows, .axis = build_int(&g->b, 0),
                       .mode = build_string(&g->b, "add"));
}

static Value *scatter_into_zeros(Gen *g, Value *x)
{
    return rows_into_zeros(g, x, 0, false);
}

static Value *scatter_into_ones(Gen *g, Value *x)
{
    return rows_into_zeros(g, x, 1, false);
}

static Value *scatter_into_read(Gen *g, Value *x)
{
    return rows_into_zeros(g, x, 0, true);
}

/* A shape that is told by a value which only a run makes. */
static Value *shape_of_value(Gen *g, Value *x)
{
    Value *y = mil_mul(&g->b, "m", .x = x, .y = gen_real(g, 2));
    Value *flat = mil_reshape(&g->b, "f", .x = y,
                              .shape = gen_ints(g, 1, (const int64_t[]){ -1 }));
    Value *like = mil_fill_like(&g->b, "l", .ref_tensor = y, .value = gen_real(g, 3));
    Value *back = mil_reshape(&g->b, "b", .x = flat,
                              .shape = mil_shape(&g->b, "s", .x = y));
    return mil_add(&g->b, "a", .x = back, .y = like);
}

/* ---- cases --------------------------------------------------------------------------------- */

static const FusedCase cases[] = {
    { "rope", rope_as_is, { 1 }, "rope", 1, 0 },
    { "of heads that are turned", rope_of_turned, { 1 }, "rope", 1, 0 },
    { "of parts of a split", rope_of_split, { 1 }, "rope", 1, 0 },
    { "of fewer than a vector", rope_of_few, { 1 }, "rope", 1, 0 },
    { "of one place", rope_of_one_place, { 1 }, "rope", 1, 0 },
    { "rope along places", rope_along_places, { 1 }, "rope", 1, 0 },
    { "two angles", rope_of_two_angles, { 1 }, "rope", 0, 0 },
    { "a product that is read", rope_that_is_read, { 1 }, "rope", 0, 0 },
    { "norm", norm_by_roots, { 37, 33 }, "norm", 1, 0 },
    { "of three axes", norm_by_roots, { 2, 9, 288 }, "norm", 1, 0 },
    { "of one row", norm_by_roots, { 1, 288 }, "norm", 1, 0 },
    { "spelled as powers", norm_by_powers, { 37, 47 }, "norm", 1, 0 },
    { "spelled as squares", norm_of_squares, { 5, 300 }, "norm", 1, 0 },
    { "squares beyond fp16", norm_by_roots, { 37, 33 }, "norm", 1, 3000 },
    { "behind a product", norm_of_product, { 37, 48 }, "norm", 1, 0 },
    { "the squares of another", norm_of_another, { 37, 33 }, "norm", 0, 0 },
    { "columns", norm_of_columns, { 37, 33 }, "norm", 0, 0 },
    { "a root that is read", norm_that_is_read, { 37, 33 }, "norm", 0, 0 },
    { "softmax as ops", softmax_as_ops, { 19, 65 }, "norm", 2, 0 },
    { "gate", gate_of, { 37, 48 }, "elementwise", 0, 0 },
    { "gate of a few rows", gate_of, { 3, 48 }, "elementwise", 0, 0 },
    { "gates beyond fp16", gate_of, { 37, 48 }, "elementwise", 0, 20000 },
    { "layer_norm", end_of_norm, { 19, 300 }, "layer_norm", 1, 0 },
    { "attention of heads", attention_of_heads, { 1, 60, 3, 20 }, "move", 0, 0 },
    { "heads of few rows", attention_of_heads, { 2, 3, 3, 20 }, "move", 0, 0 },
    { "an attention that is read",
      attention_that_is_read,
      { 1, 3, 60, 20 },
      "move",
      1,
      0 },
    { "an attention of a state", attention_of_state, { 1, 2, 16, 8 }, "attention", 0, 0 },
    { "a mask of a state", mask_of_state, { 1, 2, 16, 16 }, "attention", 0, 0 },
    { "a norm of a state", norm_of_state, { 5, 33 }, "norm", 0, 0 },
    { "a transpose", turned_whole, { 131, 75 }, "move", 1, 0 },
    { "products of parts", product_of_parts, { 37, 48 }, "move", 0, 0 },
    { "rows into zeros", scatter_into_zeros, { 5, 300 }, "reference", 0, 0 },
    { "rows into ones", scatter_into_ones, { 5, 300 }, "reference", 1, 0 },
    { "rows into zeros that are read", scatter_into_read, { 5, 300 }, "reference", 1, 0 },
    { "a shape of a value", shape_of_value, { 5, 33 }, "elementwise", 1, 0 },
    { "products of few rows", product_of_parts, { 4, 48 }, "move", 0, 0 },
};

enum { INPUTS = 2 }; /* states are none */

/* ---- running ------------------------------------------------------------------------------- */

static void fused_program(Gen *g, const FusedCase *c)
{
    const Shape one = { .rank = 0 };
    Shape s = { .rank = 0 };
    for (; s.rank < 4 && c->dim[s.rank]; s.rank++) s.dim[s.rank] = c->dim[s.rank];
    g->f = func_new(g->m, "main", OPSET_IOS18);
    g->b = builder_at(g->f->body, NULL, &g->diag, (Loc){ 0 });
    g->at[g->n++] = block_param(g->f->body, "one",
                                type_tensor(&g->m->arena, g->type, one), (Loc){ 0 });
    Value *x = block_param(g->f->body, "x", type_tensor(&g->m->arena, g->type, s),
                           (Loc){ 0 });
    const int before = g->n;
    Value *y = c->make(g, x);
    if (!y) fail_msg("%s: %s", c->name, g->diag.text.s);
    block_result(g->f->body, y);
    for (int i = before; i < g->n; i++) block_result(g->f->body, g->at[i]);
}

static bool goes_on(void *ctx, const Value *v, const Tensor *t)
{
    (void)ctx, (void)v, (void)t;
    return true;
}

/* Infinite and no numbers are so in both. */
static void expect_near(const char *name, const Tensor *got, const Tensor *want,
                        double part)
{
    const double allowed = part * gen_largest(want) + 1e-6;
    for (size_t i = 0; i < want->count; i++) {
        const double a = tensor_float(got, i), b = tensor_float(want, i);
        if (isnan(b) ? !isnan(a) : !(a == b || fabs(a - b) <= allowed))
            fail_msg("%s: element %zu is %g, not %g", name, i, a, b);
    }
}

static void expect_steps(Program *cpu, Gen *g, const FusedCase *c)
{
    Arena a = { 0 };
    Placings p;
    int n = 0;
    assert_true(program_place(cpu, &a, &g->diag, &p));
    for (int i = 0; i < p.nstep; i++) n += !strcmp(p.step[i].how, c->how);
    if (n != c->steps)
        fail_msg("%s: %d steps are `%s`, not %d", c->name, n, c->how, c->steps);
    arena_free(&a);
}

static void fused_run(Program *p, Gen *g, const Binding *in, RunOptions o)
{
    if (!program_run(p, &g->diag, in, INPUTS, &o)) fail_msg("%s", g->diag.text.s);
}

/* By one kind of kernels: near to ref, and the same bytes in all ways. */
static void check_kernels(Gen *g, const FusedCase *c, const Binding *in,
                          const Binding *want)
{
    const Binding *got;
    Tensor all[4];
    Program *cpu = program_new(&backend_cpu, g->m, g->f, &g->diag);
    expect_steps(cpu, g, c);
    fused_run(cpu, g, in, (RunOptions){ .each = goes_on });
    const int n = program_results(cpu, &got);
    for (int k = 0; k < n; k++) {
        expect_near(c->name, &got[k].value, &want[k].value,
                    g->type == DT_FP16 ? 8e-3 : 2e-5);
        assert_true(tensor_copy(&all[k], &g->diag, &got[k].value));
    }
    for (int threads = 1; threads < 4; threads++) {
        fused_run(cpu, g, in, (RunOptions){ .threads = threads, .poison = 0xff });
        assert_int_equal(program_results(cpu, &got), n);
        for (int k = 0; k < n; k++)
            if (gen_difference(&got[k].value, &all[k]) != 0)
                fail_msg("%s, result %d, %d threads: other bytes than op by op", c->name,
                         k, threads);
    }
    for (int k = 0; k < n; k++) tensor_free(&all[k]);
    program_free(cpu);
}

static void check_case(const FusedCase *c, DType type)
{
    Gen g = { .m = module_new(), .seed = 7, .type = type };
    Binding in[INPUTS] = { { .name = "one" }, { .name = "x" } };
    const Binding *want;
    fused_program(&g, c);
    for (int i = 0; i < INPUTS; i++) {
        Tensor *t = &in[i].value;
        assert_true(tensor_alloc(t, &g.diag, type, &g.f->body->param[i]->type->shape));
        for (size_t n = 0; n < t->count; n++)
            tensor_set_float(t, n,
                             i ? (c->large > 0 ? c->large : 1)
                                     * (gen_draw(&g, 2001) - 1000) / 1000.0
                               : 0.5);
    }
    Program *ref = program_new(&backend_ref, g.m, g.f, &g.diag);
    if (!ref) fail_msg("%s: %s", c->name, g.diag.text.s);
    fused_run(ref, &g, in, (RunOptions){ 0 });
    program_results(ref, &want);
    for (int i = 0; kernels_at(i); i++) {
        setenv("ANEC_CPU", kernels_at(i)->name, 1);
        check_kernels(&g, c, in, want);
    }
    unsetenv("ANEC_CPU");
    program_free(ref);
    for (int i = 0; i < INPUTS; i++) tensor_free(&in[i].value);
    module_free(g.m);
    diag_free(&g.diag);
}

static void what_is_one_step(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        check_case(&cases[i], DT_FP32);
        check_case(&cases[i], DT_FP16);
    }
}

int main(void)
{
    gen_perturb_memory();
    const struct CMUnitTest tests[] = { cmocka_unit_test(what_is_one_step) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
