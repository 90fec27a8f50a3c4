/* test_cpu_attention.c -- attention written as products and a softmax, with a mask that is known, by
 * the backend cpu: against ref, and against itself op by op, where nothing is left out. What the
 * mask shuts out is not computed where that changes no bit, and is where it does. */
#include "program_gen.h"

#include "../../ir/mil/mil.h"

#include "../../backends/backend.h"
#include "../../backends/cpu/cpu.h"
#include "../../backends/ref/ref.h"
#include "../../backends/vector/kernels.h"

#include <math.h>
#include <string.h>

typedef struct {
    int heads, rows, keys, size, width;
    double shut;  /* what the mask has where it shuts out */
    double scale; /* 0: scores are not multiplied */
    double large; /* the size of numbers of queries and keys */
    double one;   /* a value of the last key; 0: as the others */
    bool each;    /* a mask for each head, which looks further with each */
    bool divides; /* the scale divides */
    bool skips;   /* what is shut out is no step of the plan's */
} AttentionCase;

enum { QUERY, KEY, VALUE, INPUTS };

static Value *attention_mask(Gen *g, const AttentionCase *c)
{
    void *data;
    const int heads = c->each ? c->heads : 1;
    const Shape s = SHAPE(1, heads, c->rows, c->keys);
    const Type *t = type_tensor(&g->m->arena, g->type, s);
    Const *k = const_room(&g->m->arena, t, type_bytes(t), &data);
    Tensor v = tensor_view(g->type, &s, data);
    for (int h = 0, n = 0; h < heads; h++)
        for (int i = 0; i < c->rows; i++)
            for (int j = 0; j < c->keys; j++, n++)
                tensor_set_float(&v, (size_t)n,
                                 j <= i + 9 * h ? 0.25 * (j % 3) : c->shut);
    return build_const(&g->b, "mask", k);
}

static void attention_program(Gen *g, const AttentionCase *c)
{
    const int64_t wide[INPUTS][2] = { { c->rows, c->size },
                                      { c->keys, c->size },
                                      { c->keys, c->width } };
    static const char *const name[] = { "q", "k", "v" };
    Value *in[INPUTS];
    g->f = func_new(g->m, "main", OPSET_IOS18);
    g->b = builder_at(g->f->body, NULL, &g->diag, (Loc){ 0 });
    for (int i = 0; i < INPUTS; i++) {
        const Shape s = SHAPE(1, c->heads, wide[i][0], wide[i][1]);
        in[i] = block_param(g->f->body, name[i], type_tensor(&g->m->arena, g->type, s),
                            (Loc){ 0 });
    }
    Value *z = mil_matmul(&g->b, "s", .x = in[QUERY], .y = in[KEY],
                          .transpose_x = build_bool(&g->b, false),
                          .transpose_y = build_bool(&g->b, true));
    if (c->divides) z = mil_real_div(&g->b, "d", .x = z, .y = gen_real(g, c->scale));
    else if (c->scale != 0) z = mil_mul(&g->b, "m", .x = z, .y = gen_real(g, c->scale));
    z = mil_add(&g->b, "a", .x = z, .y = attention_mask(g, c));
    z = mil_softmax(&g->b, "p", .x = z, .axis = build_int(&g->b, -1));
    z = mil_matmul(&g->b, "z", .x = z, .y = in[VALUE],
                   .transpose_x = build_bool(&g->b, false),
                   .transpose_y = build_bool(&g->b, false));
    block_result(g->f->body, z);
}

static void attention_inputs(Gen *g, const AttentionCase *c, Binding *in)
{
    static const char *const name[] = { "q", "k", "v" };
    for (int i = 0; i < INPUTS; i++) {
        in[i].name = name[i];
        assert_true(tensor_alloc(&in[i].value, &g->diag, g->type,
                                 &g->f->body->param[i]->type->shape));
        Tensor *t = &in[i].value;
        for (size_t n = 0; n < t->count; n++)
            tensor_set_float(
                t, n, (i < VALUE ? c->large : 1) * (gen_draw(g, 2001) - 1000) / 1000.0);
    }
    if (c->one != 0)
        tensor_set_float(&in[VALUE].value, in[VALUE].value.count - 1, c->one);
}

static bool goes_on(void *ctx, const Value *v, const Tensor *t)
{
    (void)ctx, (void)v, (void)t;
    return true;
}

/* Infinite and no numbers in the same places, as bytes of NaN may differ. */
static void expect_near(const Tensor *got, const Tensor *want, double allowed)
{
    for (size_t i = 0; i < want->count; i++) {
        const double a = tensor_float(got, i), b = tensor_float(want, i);
        if (isnan(b) ? !isnan(a) : !(a == b || fabs(a - b) <= allowed))
            fail_msg("element %zu is %g, not %g", i, a, b);
    }
}

static void expect_skips(Program *cpu, Gen *g, bool skips)
{
    Arena a = { 0 };
    Placings p;
    bool some = false;
    assert_true(program_place(cpu, &a, &g->diag, &p));
    for (int i = 0; i < p.nstep; i++)
        some = some || !strcmp(p.step[i].how, "attention, masked");
    assert_int_equal(some, skips);
    arena_free(&a);
}

static void check_attention(const AttentionCase *c, DType type)
{
    Gen g = { .m = module_new(), .seed = 11, .type = type };
    Binding in[INPUTS] = { { 0 } };
    attention_program(&g, c);
    attention_inputs(&g, c, in);
    for (int kernels = 0; kernels_at(kernels); kernels++) {
        const Binding *want, *got;
        Tensor all;
        setenv("ANEC_CPU", kernels_at(kernels)->name, 1);
        Program *ref = program_new(&backend_ref, g.m, g.f, &g.diag);
        Program *cpu = program_new(&backend_cpu, g.m, g.f, &g.diag);
        expect_skips(cpu, &g, c->skips);
        assert_true(program_run(ref, &g.diag, in, INPUTS, &(RunOptions){ 0 }));
        assert_true(
            program_run(cpu, &g.diag, in, INPUTS, &(RunOptions){ .each = goes_on }));
        assert_int_equal(program_results(ref, &want), 1);
        assert_int_equal(program_results(cpu, &got), 1);
        assert_true(tensor_copy(&all, &g.diag, &got->value));
        /* large scores are further apart when they are rounded */
        expect_near(&all, &want->value,
                    (type == DT_FP16 ? 4e-3 : 2e-5) * c->large * c->large);
        for (int threads = 1; threads < 4; threads++) {
            const RunOptions o = { .threads = threads, .poison = 0xff };
            assert_true(program_run(cpu, &g.diag, in, INPUTS, &o));
            assert_int_equal(program_results(cpu, &got), 1);
            assert_memory_equal(got->value.data, all.data, all.bytes);
        }
        tensor_free(&all);
        program_free(ref);
        program_free(cpu);
    }
    unsetenv("ANEC_CPU");
    for (int i = 0; i < INPUTS; i++) tensor_free(&in[i].value);
    module_free(g.m);
    diag_free(&g.diag);
}

static const AttentionCase cases[] = {
    { 2, 70, 70, 48, 40, -30000, 0.125, 1, 0, .skips = true },
    { 3, 33, 90, 7, 17, -INFINITY, 0, 1, 0, .skips = true },
    { 2, 64, 64, 16, 33, -30000, 4, 2, 0, .divides = true, .skips = true },
    { 3, 60, 128, 20, 16, -INFINITY, 0.25, 1, 0, .each = true, .skips = true },
    /* not so far below, and scores that make up for what there is */
    { 2, 70, 70, 48, 40, -900, 0.125, 1, 0, .skips = false },
    { 2, 70, 70, 48, 40, -2000, 1, 30, 0, .skips = true },
    /* what is shut out, times 0, is no number */
    { 1, 70, 70, 16, 40, -30000, 0.125, 1, INFINITY, .skips = true },
    { 1, 70, 70, 16, 40, -INFINITY, 0.125, 1, NAN, .skips = true },
    /* a few rows */
    { 3, 1, 90, 24, 32, -30000, 0.125, 1, 0, .skips = false },
    { 3, 4, 70, 24, 33, -30000, 0.125, 1, 0, .skips = false },
};

static void what_a_mask_shuts_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        check_attention(&cases[i], DT_FP32);
        check_attention(&cases[i], DT_FP16);
    }
}

int main(void)
{
    gen_perturb_memory();
    const struct CMUnitTest tests[] = { cmocka_unit_test(what_a_mask_shuts_out) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
