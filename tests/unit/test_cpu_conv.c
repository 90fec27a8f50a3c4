/* test_cpu_conv.c -- convolutions by the backend cpu against ref: what they read beyond the end of
 * another result, and elements that are not finite. */
#include "program_gen.h"

#include "../../ir/mil/mil.h"

#include "../../backends/backend.h"
#include "../../backends/cpu/cpu.h"
#include "../../backends/ref/ref.h"
#include "../../backends/vector/kernels.h"

#include <math.h>

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

/* The program's input: whole numbers from -3 to 3. */
static void small_numbers(Gen *g, Binding *in)
{
    const Type *t = g->f->body->param[0]->type;
    assert_true(tensor_alloc(&in->value, &g->diag, t->dtype, &t->shape));
    for (size_t i = 0; i < in->value.count; i++)
        tensor_set_float(&in->value, i, (double)(i * 5 % 7) - 3);
}

static void conv_close(Gen *g, Binding *in)
{
    unsetenv("ANEC_CPU");
    tensor_free(&in->value);
    module_free(g->m);
    diag_free(&g->diag);
}

/* x along one dimension, with few positions in the result. */
typedef struct {
    int batch, cin, wide, cout, kernel, step, before, after;
} NarrowCase;

static Value *narrow_conv(Gen *g, const NarrowCase *c)
{
    Value *x = block_param(
        g->f->body, "x",
        type_tensor(&g->m->arena, g->type, SHAPE(c->batch, c->cin, c->wide)), (Loc){ 0 });
    const Shape s = SHAPE(c->cout, c->cin, c->kernel);
    void *data;
    const Type *t = type_tensor(&g->m->arena, g->type, s);
    Const *k = const_room(&g->m->arena, t, type_bytes(t), &data);
    Tensor w = tensor_view(g->type, &s, data);
    for (size_t i = 0; i < w.count; i++) tensor_set_float(&w, i, (double)(i * 7 % 5) - 2);
    Value *weight = build_const(&g->b, "w", k);
    return mil_conv(&g->b, "c", .x = x, .weight = weight,
                    .strides = gen_ints(g, 1, (int64_t[]){ c->step }),
                    .dilations = gen_ints(g, 1, (int64_t[]){ 1 }),
                    .pad_type = build_string(&g->b, "custom"),
                    .pad = gen_ints(g, 2, (int64_t[]){ c->before, c->after }),
                    .groups = build_int(&g->b, 1));
}

static void check_narrow(const NarrowCase *c, DType type)
{
    Gen g = { .m = module_new(), .seed = 3, .type = type };
    g.f = func_new(g.m, "main", OPSET_IOS18);
    g.b = builder_at(g.f->body, NULL, &g.diag, (Loc){ 0 });
    block_result(g.f->body, narrow_conv(&g, c));
    Binding in = { .name = "x" };
    small_numbers(&g, &in);
    for (int kernels = 0; kernels_at(kernels); kernels++) {
        const Binding *want, *got;
        setenv("ANEC_CPU", kernels_at(kernels)->name, 1);
        Program *ref = program_new(&backend_ref, g.m, g.f, &g.diag);
        Program *cpu = program_new(&backend_cpu, g.m, g.f, &g.diag);
        assert_true(program_run(ref, &g.diag, &in, 1, &(RunOptions){ 0 }));
        for (int threads = 1; threads < 3; threads++) {
            const RunOptions o = { .threads = threads, .poison = 0xff };
            assert_true(program_run(cpu, &g.diag, &in, 1, &o));
            assert_int_equal(program_results(ref, &want), 1);
            assert_int_equal(program_results(cpu, &got), 1);
            assert_memory_equal(got->value.data, want->value.data, want->value.bytes);
        }
        program_free(ref);
        program_free(cpu);
    }
    conv_close(&g, &in);
}

/* Sums of whole numbers, which both types hold. */
static void few_positions(void **state)
{
    static const NarrowCase cases[] = {
        { 1, 129, 4, 128, 3, 1, 1, 1 }, { 2, 1, 576, 258, 256, 128, 0, 64 },
        { 1, 64, 1, 40, 3, 1, 1, 1 },   { 3, 17, 7, 33, 1, 3, 0, 0 },
        { 1, 20, 16, 131, 5, 1, 2, 2 }, { 1, 5, 2, 32, 9, 2, 9, 9 },
        { 1, 33, 20, 64, 2, 1, 0, 0 },  { 2, 8, 9, 16, 4, 5, 1, 0 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        check_narrow(&cases[i], DT_FP32);
        check_narrow(&cases[i], DT_FP16);
    }
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
                     .weight = gen_constant(&g, SHAPE(CHANNELS, CHANNELS, 3, 3), 1),
                     .strides = gen_ints(&g, 2, ones), .dilations = gen_ints(&g, 2, ones),
                     .pad_type = build_string(&g.b, "custom"),
                     .pad = gen_ints(&g, 4, pad), .groups = build_int(&g.b, 1));
    block_result(g.f->body, x);
    Binding in = { .name = "x" };
    small_numbers(&g, &in);
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
        const double most = gen_largest(&want->value);
        assert_true(gen_difference(&got->value, &want->value) <= 1e-4 * most);
        program_free(ref);
        program_free(cpu);
    }
    conv_close(&g, &in);
}

int main(void)
{
    gen_perturb_memory();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_that_a_convolution_reads),
        cmocka_unit_test(few_positions),
        cmocka_unit_test(what_is_not_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
