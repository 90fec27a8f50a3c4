/* families.c -- what share of what the processor can do each family of kernels beside products and
 * convolutions reaches, in both types of floats, and how much faster two threads are.
 *
 * usage: families
 *
 * Each row is an op, or a few, as a program of the backend cpu, over values that are there as in a
 * net. `peak` is the share of the peak of products alone, and `bound` that of the least time for
 * its operations and for its values and weights, read and written once, step by step: of little
 * memory at the rate of the nearest cache, of more at that of far memory, which what stays in
 * between exceeds. Both are what the same run measures. Functions of elements count as no operations.
 * `two` is the time by the clock with one thread by that with two: 2 is twice as fast, where both
 * cores are free. */
#include "../unit/program_gen.h"

#include "../../backends/backend.h"
#include "../../backends/cpu/cpu.h"
#include "../../backends/vector/kernels.h"

#include <math.h>
#include <time.h>

typedef Value *FamilyFn(Gen *g, Value *x);

static Value *linear_of(Gen *g, Value *x, int64_t out)
{
    const Shape *s = &x->type->shape;
    return mil_linear(&g->b, "l", .x = x,
                      .weight = gen_constant(g, SHAPE(out, s->dim[s->rank - 1]), 0.1));
}

static Value *family_gemm(Gen *g, Value *x) { return linear_of(g, x, 768); }
static Value *family_gemv(Gen *g, Value *x) { return linear_of(g, x, 2048); }

static Value *family_conv(Gen *g, Value *x)
{
    static const int64_t ones[] = { 1, 1 }, pad[] = { 1, 1, 1, 1 };
    const int64_t c = x->type->shape.dim[1];
    return mil_conv(&g->b, "c", .x = x, .weight = gen_constant(g, SHAPE(c, c, 3, 3), 0.1),
                    .strides = gen_ints(g, 2, ones), .dilations = gen_ints(g, 2, ones),
                    .pad_type = build_string(&g->b, "custom"), .pad = gen_ints(g, 4, pad),
                    .groups = build_int(&g->b, 1));
}

static Value *family_attention(Gen *g, Value *x)
{
    return mil_scaled_dot_product_attention(&g->b, "a", .query = x, .key = x, .value = x);
}

/* Of what lies before a place, by a mask that is added. */
static Value *family_causal(Gen *g, Value *x)
{
    void *data;
    const int64_t n = x->type->shape.dim[2];
    const Shape s = SHAPE(n, n);
    const Type *t = type_tensor(&g->m->arena, g->type, s);
    Const *c = const_room(&g->m->arena, t, type_bytes(t), &data);
    Tensor v = tensor_view(g->type, &s, data);
    for (int64_t i = 0; i < n * n; i++)
        tensor_set_float(&v, (size_t)i, i % n <= i / n ? 0 : -30000);
    Value *z = mil_matmul(&g->b, "s", .x = x, .y = x,
                          .transpose_y = build_bool(&g->b, true));
    z = mil_mul(&g->b, "m", .x = z, .y = gen_real(g, 0.125));
    z = mil_add(&g->b, "a", .x = z, .y = build_const(&g->b, "mask", c));
    z = mil_softmax(&g->b, "p", .x = z, .axis = build_int(&g->b, -1));
    return mil_matmul(&g->b, "y", .x = z, .y = x);
}

static Value *family_softmax(Gen *g, Value *x)
{
    return mil_softmax(&g->b, "p", .x = x, .axis = build_int(&g->b, -1));
}

static Value *family_layer_norm(Gen *g, Value *x)
{
    static const int64_t last[] = { -1 };
    const int64_t n = x->type->shape.dim[1];
    return mil_layer_norm(&g->b, "n", .x = x, .axes = gen_ints(g, 1, last),
                          .gamma = gen_constant(g, SHAPE(n), 1),
                          .beta = gen_constant(g, SHAPE(n), 1),
                          .epsilon = gen_real(g, 1e-5));
}

static Value *family_mean(Gen *g, Value *x)
{
    static const int64_t last[] = { -1 };
    return mil_reduce_mean(&g->b, "r", .x = x, .axes = gen_ints(g, 1, last),
                           .keep_dims = build_bool(&g->b, true));
}

static Value *family_add(Gen *g, Value *x)
{
    return mil_add(&g->b, "a", .x = x, .y = mil_mul(&g->b, "m", .x = x, .y = x));
}

static Value *family_gelu(Gen *g, Value *x) { return mil_gelu(&g->b, "g", .x = x); }
static Value *family_silu(Gen *g, Value *x) { return mil_silu(&g->b, "s", .x = x); }
static Value *family_exp(Gen *g, Value *x) { return mil_exp(&g->b, "e", .x = x); }
static Value *family_tanh(Gen *g, Value *x) { return mil_tanh(&g->b, "t", .x = x); }

static Value *family_transpose(Gen *g, Value *x)
{
    static const int64_t perm[] = { 1, 0 };
    return mil_transpose(&g->b, "t", .x = x, .perm = gen_ints(g, 2, perm));
}

static Value *family_concat(Gen *g, Value *x)
{
    Value *both[] = { x, x };
    return mil_concat(&g->b, "c", .values = &(Values){ 2, both },
                      .axis = build_int(&g->b, 1),
                      .interleave = build_bool(&g->b, false));
}

static Value *family_lstm(Gen *g, Value *x)
{
    const int64_t n = x->type->shape.dim[2];
    Value *zero = gen_constant(g, SHAPE(1, n), 0);
    return mil_lstm(&g->b, "l", .x = x, .initial_h = zero, .initial_c = zero,
                    .weight_ih = gen_constant(g, SHAPE(4 * n, n), 0.1),
                    .weight_hh = gen_constant(g, SHAPE(4 * n, n), 0.1),
                    .output_sequence = build_bool(&g->b, true));
}

static Value *family_gru(Gen *g, Value *x)
{
    const int64_t n = x->type->shape.dim[2];
    return mil_gru(&g->b, "u", .x = x, .initial_h = gen_constant(g, SHAPE(1, n), 0),
                   .weight_ih = gen_constant(g, SHAPE(3 * n, n), 0.1),
                   .weight_hh = gen_constant(g, SHAPE(3 * n, n), 0.1),
                   .output_sequence = build_bool(&g->b, true));
}

static const struct {
    const char *name;
    FamilyFn *make;
    int64_t dim[4];
} families[] = {
    { "GEMM 256 x 288 x 768", family_gemm, { 256, 288 } },
    { "GEMV 1 x 768 x 2048", family_gemv, { 1, 768 } },
    { "conv 3x3 64 to 64, 56", family_conv, { 1, 64, 56, 56 } },
    { "attention 12 x 256 x 64", family_attention, { 1, 12, 256, 64 } },
    { "the same, causal, as ops", family_causal, { 1, 12, 256, 64 } },
    { "attention 6 x 1500 x 64", family_attention, { 1, 6, 1500, 64 } },
    { "softmax 1536 x 256", family_softmax, { 1536, 256 } },
    { "layer_norm 1500 x 384", family_layer_norm, { 1500, 384 } },
    { "reduce_mean 1024 x 768", family_mean, { 1024, 768 } },
    { "mul, add 256 x 2048", family_add, { 256, 2048 } },
    { "gelu 256 x 2048", family_gelu, { 256, 2048 } },
    { "silu 256 x 2048", family_silu, { 256, 2048 } },
    { "exp 256 x 2048", family_exp, { 256, 2048 } },
    { "tanh 256 x 2048", family_tanh, { 256, 2048 } },
    { "transpose 256 x 2048", family_transpose, { 256, 2048 } },
    { "concat 2 of 256 x 2048", family_concat, { 256, 2048 } },
    { "lstm 256, 100 steps", family_lstm, { 100, 1, 256 } },
    { "gru 256, 100 steps", family_gru, { 100, 1, 256 } },
};

static double family_now(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void family_run(Program *p, Gen *g, const Binding *in, int threads)
{
    if (!program_run(p, &g->diag, in, 1, &(RunOptions){ .threads = threads }))
        fail_msg("%s", g->diag.text.s);
}

/* Seconds of a run: of processor time, and of the clock with one thread and with two. */
static void family_timed(Program *p, Gen *g, const Binding *in, double *least)
{
    enum { ROUNDS = 15, SPENT = 3000 }; /* microseconds a round */
    for (int i = 0; i < ROUNDS; i++)
        for (int threads = 1; threads <= 2; threads++) {
            family_run(p, g, in, threads);
            const double from = family_now(CLOCK_THREAD_CPUTIME_ID),
                         began = family_now(CLOCK_MONOTONIC);
            int n = 0;
            double took;
            do {
                family_run(p, g, in, threads);
                n++;
                took = family_now(CLOCK_MONOTONIC) - began;
            } while (took < SPENT * 1e-6);
            const double used = family_now(CLOCK_THREAD_CPUTIME_ID) - from;
            if (threads == 1) least[0] = fmin(least[0], used / n);
            least[threads] = fmin(least[threads], took / n);
        }
}

static void family_row(size_t i, DType type)
{
    Gen g = { .m = module_new(), .seed = 5, .type = type };
    Arena a = { 0 };
    Placings plan;
    double least[3] = { INFINITY, INFINITY, INFINITY }, flop = 0, bound = 0;
    Shape s = { .rank = 0 };
    for (; s.rank < 4 && families[i].dim[s.rank]; s.rank++)
        s.dim[s.rank] = families[i].dim[s.rank];
    g.f = func_new(g.m, "main", OPSET_IOS18);
    g.b = builder_at(g.f->body, NULL, &g.diag, (Loc){ 0 });
    Value *x = block_param(g.f->body, "x", type_tensor(&g.m->arena, type, s), (Loc){ 0 });
    Value *y = families[i].make(&g, x);
    if (!y) fail_msg("%s: %s", families[i].name, g.diag.text.s);
    block_result(g.f->body, y);
    Binding in = { .name = "x" };
    assert_true(tensor_alloc(&in.value, &g.diag, type, &s));
    for (size_t k = 0; k < in.value.count; k++)
        tensor_set_float(&in.value, k, (gen_draw(&g, 2001) - 1000) / 500.0);
    Program *p = program_new(&backend_cpu, g.m, g.f, &g.diag);
    if (!p) fail_msg("%s: %s", families[i].name, g.diag.text.s);
    assert_true(program_place(p, &a, &g.diag, &plan));
    for (int k = 0; k < plan.nstep; k++) {
        flop += plan.step[k].flop;
        bound += plan.step[k].least;
    }
    family_timed(p, &g, &in, least);
    printf("%-26s %s %9.1f %8.1f %5.0f %% %5.0f %% %6.2f\n", families[i].name,
           type == DT_FP16 ? "fp16" : "fp32", least[0] * 1e6, flop / least[0] / 1e9,
           100 * flop / least[0] / plan.flops, 100 * bound / least[0],
           least[1] / least[2]);
    fflush(stdout);
    program_free(p);
    tensor_free(&in.value);
    arena_free(&a);
    module_free(g.m);
    diag_free(&g.diag);
}

static void all_families(void **state)
{
    (void)state;
    printf("%-26s %4s %9s %8s %7s %7s %6s\n", "", "", "us", "GFLOP/s", "peak", "bound",
           "two");
    for (size_t i = 0; i < COUNT(families); i++) {
        family_row(i, DT_FP32);
        family_row(i, DT_FP16);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(all_families) };
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
