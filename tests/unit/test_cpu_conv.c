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
        const double most = gen_largest(&want->value);
        assert_true(gen_difference(&got->value, &want->value) <= 1e-4 * most);
        program_free(ref);
        program_free(cpu);
    }
    unsetenv("ANEC_CPU");
    tensor_free(&in.value);
    module_free(g.m);
    diag_free(&g.diag);
}

int main(void)
{
    gen_perturb_memory();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_that_a_convolution_reads),
        cmocka_unit_test(what_is_not_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
