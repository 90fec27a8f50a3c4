/* test_cpu.c -- the backend cpu against ref: programs made at random (program_gen.h), by each
 * kind of kernels that this processor has, with one, two and three threads, joined and op by op.
 *
 * In fp32 a result may be off by 1e-5 of the largest number, 1e-4 where a convolution is by Winograd's
 * method, and 5e-6 where it is asked to be exact. Of fp16 the truth is the same
 * program in fp32, as ref computes it: cpu may be no further from it than ref's own roundings
 * are, by a quarter, and two units of an fp16. */
#include "program_gen.h"

#include "../../backends/backend.h"
#include "../../backends/cpu/cpu.h"
#include "../../backends/ref/ref.h"
#include "../../backends/vector/kernels.h"

#include <math.h>

enum { PROGRAMS = 150 };

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
                k ? f16_to_double(f16_from_double((gen_draw(&d, 2001) - 1000) / 500.0))
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

static void same_bytes(const Results *a, const Results *b, int seed, const char *what)
{
    for (int i = 0; i < a->n; i++)
        if (gen_difference(&a->t[i], &b->t[i]) != 0)
            fail_msg("program %d, %s: other bytes", seed, what);
}

static void near_enough(int seed, const char *kernels, const Gen *g, const Results *got,
                        const Results *ref, const Results *truth, double part)
{
    const DType type = g->type;
    for (int i = 0; i < got->n; i++) {
        const double most = gen_largest(&truth->t[i]),
                     unit = type == DT_FP16 ? most / 1024 + 1e-7 : 0;
        const double off = gen_difference(&got->t[i], &truth->t[i]);
        const double allowed = type == DT_FP16
                                 ? 1.25 * gen_difference(&ref->t[i], &truth->t[i])
                                       + 2 * unit
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
            gen_program(&g, (uint64_t)seed, type);
            gen_program(&wide, (uint64_t)seed, DT_FP32);
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
static void unknown_kernels(void **state)
{
    (void)state;
    Gen g;
    gen_program(&g, 1, DT_FP32);
    setenv("ANEC_CPU", "sse9", 1);
    assert_null(program_new(&backend_cpu, g.m, g.f, &g.diag));
    unsetenv("ANEC_CPU");
    expect_says(&g.diag, "ANEC_CPU is sse9; kernels that this processor can run are ");
    module_free(g.m);
    diag_free(&g.diag);
}

int main(void)
{
    gen_perturb_memory();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_programs),
        cmocka_unit_test(unknown_kernels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
