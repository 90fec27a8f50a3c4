/* test_cpu_chain.c -- a convolution, a window over each channel by itself, and a convolution, which
 * the backend cpu computes as one step a few lines at a time, against ref: by each kind of kernels,
 * with one to three threads. All numbers are whole, so that both have the same bytes. */
#include "program_gen.h"

#include "../../backends/backend.h"
#include "../../backends/cpu/cpu.h"
#include "../../backends/ref/ref.h"
#include "../../backends/vector/kernels.h"

/* What is a result of the function beside the last; STATE: none is, but x is a state, which is written
 * behind the op that reads it. */
typedef enum { NOTHING, FIRST, MIDDLE, STATE } Seen;

typedef struct {
    int batch, cin, high, wide;
    int side, step;     /* of the first convolution (0: there is none), */
    int channels;       /* and of its result */
    int window, stride; /* of each channel by itself */
    int before, after;
    int cout; /* of the last convolution; 0: there is none */
    bool pool;
    Seen seen;
    const char *ops; /* of the longest chain; NULL: there is none */
} ChainCase;

static Value *whole_weights(Gen *g, Shape s, int most)
{
    void *data;
    const Type *t = type_tensor(&g->m->arena, g->type, s);
    Const *c = const_room(&g->m->arena, t, type_bytes(t), &data);
    Tensor w = tensor_view(g->type, &s, data);
    for (size_t i = 0; i < w.count; i++)
        tensor_set_float(&w, i, gen_draw(g, 2 * most + 1) - most);
    return build_const(&g->b, "w", c);
}

static Value *chain_conv(Gen *g, Value *x, Shape weight, int step, int before, int after,
                         int groups)
{
    const int64_t steps[] = { step, step }, ones[] = { 1, 1 },
                  pad[] = { before, after, before, after };
    return mil_conv(&g->b, "c", .x = x, .weight = whole_weights(g, weight, 2),
                    .bias = whole_weights(g, SHAPE(weight.dim[0]), 3),
                    .strides = gen_ints(g, 2, steps), .dilations = gen_ints(g, 2, ones),
                    .pad_type = build_string(&g->b, "custom"), .pad = gen_ints(g, 4, pad),
                    .groups = build_int(&g->b, groups));
}

static Value *chain_window(Gen *g, Value *x, const ChainCase *c)
{
    const int64_t sides[] = { c->window, c->window }, steps[] = { c->stride, c->stride },
                  pad[] = { c->before, c->after, c->before, c->after };
    if (!c->pool)
        return chain_conv(g, x, SHAPE(c->channels, 1, c->window, c->window), c->stride,
                          c->before, c->after, c->channels);
    return mil_max_pool(&g->b, "p", .x = x, .kernel_sizes = gen_ints(g, 2, sides),
                        .strides = gen_ints(g, 2, steps), .pad = gen_ints(g, 4, pad),
                        .pad_type = build_string(&g->b, "custom"));
}

static void chain_changes(Gen *g, Value *x, Value *state)
{
    if (state)
        mil_write_state(&g->b, "w", .input = state,
                        .data = mil_mul(&g->b, "t", .x = x, .y = gen_real(g, 2)));
}

static void chain_program(Gen *g, const ChainCase *c)
{
    const Shape s = SHAPE(c->batch, c->cin, c->high, c->wide);
    g->f = func_new(g->m, "main", OPSET_IOS18);
    g->b = builder_at(g->f->body, NULL, &g->diag, (Loc){ 0 });
    Value *x = block_param(g->f->body, "x", type_tensor(&g->m->arena, g->type, s),
                           (Loc){ 0 });
    Value *given = x,
          *state = c->seen == STATE ? block_param(
                       g->f->body, "s", type_state(&g->m->arena, x->type), (Loc){ 0 })
                                    : NULL;
    if (state) {
        mil_write_state(&g->b, "w", .input = state, .data = x);
        x = mil_read_state(&g->b, "r", .input = state);
    }
    if (c->side) {
        x = chain_conv(g, x, SHAPE(c->channels, c->cin, c->side, c->side), c->step,
                       c->side / 2, c->side / 2, 1);
        x = mil_relu6(&g->b, "r", .x = x);
        chain_changes(g, given, state);
    }
    if (c->seen == FIRST) block_result(g->f->body, x);
    x = mil_relu6(&g->b, "s", .x = chain_window(g, x, c));
    if (!c->side) chain_changes(g, given, state);
    if (c->seen == MIDDLE) block_result(g->f->body, x);
    if (c->cout) {
        x = chain_conv(g, x, SHAPE(c->cout, c->channels, 1, 1), 1, 0, 0, 1);
        Value *y = chain_conv(g, x, SHAPE(c->cout, c->cout, 1, 1), 1, 0, 0, 1);
        x = mil_add(&g->b, "a", .x = x, .y = y);
    }
    block_result(g->f->body, x);
}

static void expect_chain(Program *cpu, Gen *g, const char *want)
{
    Arena a = { 0 };
    Placings p;
    const char *longest = NULL;
    assert_true(program_place(cpu, &a, &g->diag, &p));
    for (int i = 0; i < p.nstep; i++)
        if (!strcmp(p.step[i].how, "conv, chain")) longest = p.step[i].ops;
    if (!want) assert_null(longest);
    else assert_string_equal(longest ? longest : "none", want);
    arena_free(&a);
}

static void same_results(Program *got, Program *want)
{
    const Binding *a, *b;
    const int n = program_results(want, &b);
    assert_int_equal(program_results(got, &a), n);
    for (int i = 0; i < n; i++)
        assert_memory_equal(a[i].value.data, b[i].value.data, b[i].value.bytes);
}

static void check_chain(const ChainCase *c, DType type)
{
    Gen g = { .m = module_new(), .seed = 7, .type = type };
    chain_program(&g, c);
    const Type *t = g.f->body->param[0]->type;
    Binding in = { .name = "x" };
    assert_true(tensor_alloc(&in.value, &g.diag, t->dtype, &t->shape));
    for (size_t i = 0; i < in.value.count; i++)
        tensor_set_float(&in.value, i, gen_draw(&g, 5) - 2);
    Program *ref = program_new(&backend_ref, g.m, g.f, &g.diag);
    assert_true(program_run(ref, &g.diag, &in, 1, &(RunOptions){ 0 }));
    for (int kernels = 0; kernels_at(kernels); kernels++) {
        setenv("ANEC_CPU", kernels_at(kernels)->name, 1);
        Program *cpu = program_new(&backend_cpu, g.m, g.f, &g.diag);
        expect_chain(cpu, &g, c->ops);
        for (int threads = 1; threads < 4; threads++) {
            const RunOptions o = { .threads = threads, .poison = 0xff };
            assert_true(program_run(cpu, &g.diag, &in, 1, &o));
            same_results(cpu, ref);
        }
        program_free(cpu);
    }
    unsetenv("ANEC_CPU");
    program_free(ref);
    tensor_free(&in.value);
    module_free(g.m);
    diag_free(&g.diag);
}

#define WIDENED "conv relu6 conv relu6"
#define WHOLE WIDENED " conv"

static const ChainCase cases[] = {
    /* several times as many lines as scratch memory has at once, which leaves some over */
    { 1, 5, 61, 203, 1, 1, 40, 3, 1, 1, 1, 9, false, NOTHING, WHOLE },
    { 2, 9, 47, 190, 1, 1, 33, 3, 2, 1, 1, 40, false, NOTHING, WHOLE },
    { 1, 3, 96, 180, 3, 2, 32, 3, 1, 1, 1, 16, false, NOTHING, WHOLE },
    { 1, 8, 40, 230, 1, 1, 24, 5, 2, 2, 2, 31, false, NOTHING, WHOLE },
    { 1, 17, 50, 160, 1, 1, 48, 5, 1, 2, 2, 0, false, NOTHING, WIDENED },
    /* windows that leave lines out, that begin and end outside of x, and in padding alone */
    { 1, 6, 44, 210, 1, 1, 40, 2, 3, 0, 1, 8, false, NOTHING, WHOLE },
    { 1, 4, 90, 100, 1, 1, 17, 3, 1, 2, 4, 5, false, NOTHING, WHOLE },
    { 1, 4, 80, 90, 1, 1, 20, 1, 1, 3, 3, 12, false, NOTHING, WHOLE },
    /* pools */
    { 1, 3, 70, 150, 7, 2, 64, 3, 2, 1, 1, 0, true, NOTHING,
      "conv relu6 max_pool relu6" },
    { 1, 3, 190, 191, 3, 2, 16, 2, 2, 0, 0, 33, true, NOTHING,
      "conv relu6 max_pool relu6 conv" },
    /* what others read as well is written, and what is small */
    { 1, 5, 30, 120, 1, 1, 40, 3, 1, 1, 1, 9, false, FIRST, "conv relu6 conv" },
    { 1, 5, 30, 120, 1, 1, 40, 3, 1, 1, 1, 9, false, MIDDLE, WIDENED },
    { 1, 5, 30, 30, 1, 1, 40, 3, 1, 1, 1, 9, false, NOTHING, NULL },
    /* the window is the first that reads */
    { 1, 40, 61, 203, 0, 0, 40, 3, 1, 1, 1, 9, false, NOTHING, NULL },
    { 1, 40, 61, 203, 0, 0, 40, 3, 1, 1, 1, 9, false, STATE, NULL },
    /* a state that is another when the last convolution is there */
    { 1, 5, 61, 203, 1, 1, 40, 3, 1, 1, 1, 9, false, STATE, "conv relu6 conv" },
    { 1, 3, 96, 180, 3, 2, 32, 3, 1, 1, 1, 16, false, STATE, "conv relu6 conv" },
};

static void chains(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        check_chain(&cases[i], DT_FP32);
        check_chain(&cases[i], DT_FP16);
    }
}

int main(void)
{
    gen_perturb_memory();
    const struct CMUnitTest tests[] = { cmocka_unit_test(chains) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
