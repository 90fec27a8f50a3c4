/* test_cpu.c -- the backend cpu against ref: programs made at random (program_gen.h), by each
 * kind of kernels that this processor has, with one, two and three threads, joined and op by op.
 *
 * In fp32 a result may be off by 1e-5 of the largest number, 1e-4 where a convolution is by Winograd's
 * method, and 5e-6 where it is asked to be exact. Of fp16 the truth is the same
 * program in fp32, as ref computes it: cpu may be no further from it than ref's own roundings
 * are, by a quarter, and two units of an fp16.
 *
 * A third of the programs has denormals, infinities, NaN or huge numbers among its inputs, and is
 * held against ref element by element: what is infinite or no number is so in both. Sums
 * of finite numbers that overflow in one order alone are no subject: the largest input is 1e33, so that
 * no sum of so few overflows, while squares and products do. */
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

static bool largest(void *ctx, const Value *v, const Tensor *t)
{
    double *most = ctx;
    (void)v;
    if (dtype_is_float(t->dtype)) *most = fmax(*most, gen_largest(t));
    return true;
}

/* What some of the inputs are: of every third seed. MIXED: any of the others. */
typedef enum { PLAIN, DENORMAL, INFINITE, NO_NUMBER, HUGE_ONE, MIXED, KINDS } Special;

static Special special_of(int seed)
{
    return seed % 3 == 2 ? (Special)(1 + seed / 3 % (KINDS - 1)) : PLAIN;
}

static double special_number(Gen *d, Special kind, DType type)
{
    static const double huge[][4] = { { 65504, -60000, 300, -255 },
                                      { 1e33, -4e32, 1e30, -3e19 } };
    const bool half = type == DT_FP16;
    const double sign = gen_draw(d, 2) ? 1 : -1;
    if (kind == MIXED) kind = (Special)(1 + gen_draw(d, MIXED - 1));
    if (kind == INFINITE) return sign * INFINITY;
    if (kind == NO_NUMBER) return (double)NAN;
    if (kind == HUGE_ONE) return huge[!half][gen_draw(d, 4)];
    return half ? sign * ldexp(gen_draw(d, 1024), -24)
                : sign * ldexp(gen_draw(d, 1 << 22), -149 + gen_draw(d, 2));
}

static double input_number(Gen *d, Special kind, DType type, int apart)
{
    const double plain = (gen_draw(d, 2001) - 1000) / 500.0;
    if (kind != PLAIN && gen_draw(d, apart) == 0) return special_number(d, kind, type);
    return f16_to_double(f16_from_double(plain));
}

/* `of`: the type whose special numbers are taken. */
static void fill(Gen *g, Binding *in, Special kind, DType of)
{
    Gen d = { .seed = 99 };
    const int apart = kind == DENORMAL ? 1 : 2 + g->number % 40;
    for (int k = 0; k < g->f->body->nparam; k++) {
        const Value *v = g->f->body->param[k];
        in[k] = (Binding){ .name = v->name };
        assert_true(tensor_alloc(&in[k].value, &g->diag, g->type, &v->type->shape));
        for (size_t i = 0; i < in[k].value.count; i++)
            tensor_set_float(&in[k].value, i,
                             v->type->shape.rank ? input_number(&d, kind, of, apart)
                                                 : 0.5);
    }
}

/* Twice, so that what the first run left behind is there in the second; what either finds in
 * memory is other numbers, which must not show: NaN, then the largest there are. */
static Results run_as(Gen *g, const Backend *b, RunOptions o, Special kind, DType of)
{
    static const int poison[] = { 0xff, 0x7f };
    Results r = { .n = 0 };
    Binding in[2];
    const Binding *out;
    fill(g, in, kind, of);
    Program *p = program_new(b, g->m, g->f, &g->diag);
    for (int i = 0; i < 2; i++) {
        o.poison = poison[i];
        if (!p || !program_run(p, &g->diag, in, g->f->body->nparam, &o))
            fail_msg("%s", g->diag.text.s);
        r.n = program_results(p, &out);
        for (int k = 0; k < r.n; k++) {
            if (i && gen_difference(&r.t[k], &out[k].value) != 0)
                fail_msg("program %d, %s: the second run differs", g->number, b->name);
            if (!i) assert_true(tensor_copy(&r.t[k], &g->diag, &out[k].value));
        }
    }
    for (int i = 0; i < g->f->body->nparam; i++) tensor_free(&in[i].value);
    program_free(p);
    return r;
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

/* ---- numbers that are none, or at an end of what there is ----------------------------------- */

/* What is infinite counts as the number that would follow the largest, which is where a sum
 * may fall that is a unit larger in one order than in another. */
static double bounded(const Tensor *t, size_t i)
{
    const double most = t->dtype == DT_FP16 ? 65536 : ldexp(1, 128),
                 x = tensor_float(t, i);
    return isinf(x) ? copysign(most, x) : x;
}

/* What is no number is none in both, and what is beyond the largest is so in both, with its
 * sign. */
static double off_special(const Tensor *got, const Tensor *ref, size_t i)
{
    const double x = bounded(got, i), y = bounded(ref, i);
    return isnan(x) != isnan(y) ? INFINITY : isnan(x) ? 0 : fabs(x - y);
}

/* The most that ref is off by its roundings, of what is a number in both types. */
static double rounded_by(const Tensor *ref, const Tensor *truth)
{
    double d = 0;
    for (size_t i = 0; i < ref->count; i++) {
        const double x = tensor_float(ref, i), y = tensor_float(truth, i);
        if (isfinite(x) && isfinite(y) && fabs(y) < 65504) d = fmax(d, fabs(x - y));
    }
    return d;
}

/* `most`: the largest number on the way, of which each may be off by a part. */
static void near_special(const char *kernels, const Gen *g, const Results *got,
                         const Results *ref, const Results *truth, double most,
                         double part)
{
    for (int i = 0; i < got->n; i++) {
        const double allowed = g->type == DT_FP16
                                 ? 2.25 * rounded_by(&ref->t[i], &truth->t[i])
                                       + 2 * (most / 1024 + 1e-7)
                                 : part * most + GEN_LARGEST * ldexp(1, -149);
        for (size_t k = 0; k < got->t[i].count; k++)
            if (!(off_special(&got->t[i], &ref->t[i], k) <= allowed))
                fail_msg("program %d, %s, %s, result %d: [%zu] is %g, not %g; it may be "
                         "off by %g",
                         g->number, kernels, dtypes[g->type].name, i, k,
                         tensor_float(&got->t[i], k), tensor_float(&ref->t[i], k),
                         allowed);
    }
}

/* ---- programs ------------------------------------------------------------------------------ */

static void by_kernels(Gen *g, const Kernels *k, Special kind, const Results *ref,
                       const Results *truth, double most)
{
    const int seed = g->number;
    const RunOptions how[] = { { .threads = 1 },
                               { .threads = 2 },
                               { .threads = 3 },
                               { .threads = 1, .each = watch },
                               { .threads = 2, .exact = true } };
    static const char *const what[] = { "one", "two threads", "three threads", "op by op",
                                        "exact" };
    Results r[COUNT(how)];
    setenv("ANEC_CPU", k->name, 1);
    for (size_t i = 0; i < COUNT(how); i++)
        r[i] = run_as(g, &backend_cpu, how[i], kind, g->type);
    const Results *exact = &r[COUNT(how) - 1];
    if (!jumps(g) && kind != PLAIN) {
        const double part = g->winograd ? 1e-4 : 1e-5;
        near_special(k->name, g, &r[0], ref, truth, most, part);
        near_special(k->name, g, exact, ref, truth, most, 1e-5);
    }
    if (!jumps(g) && kind == PLAIN) {
        near_enough(seed, k->name, g, &r[0], ref, truth, g->winograd ? 1e-4 : 1e-5);
        near_enough(seed, k->name, g, exact, ref, truth, 5e-6);
    }
    for (size_t i = 1; i < COUNT(how); i++)
        if (&r[i] != exact || !g->winograd) same_bytes(&r[0], &r[i], seed, what[i]);
    for (size_t i = 0; i < COUNT(how); i++) free_results(&r[i]);
    unsetenv("ANEC_CPU");
}

static void one_program(int seed, DType type)
{
    Gen g, wide;
    const Kernels *k;
    const Special kind = special_of(seed);
    double most = 0;
    gen_program(&g, (uint64_t)seed, type);
    gen_program(&wide, (uint64_t)seed, DT_FP32);
    g.number = wide.number = seed;
    const RunOptions o = { .threads = 1, .each = largest, .ctx = &most };
    Results ref = run_as(&g, &backend_ref, o, kind, type),
            truth = run_as(&wide, &backend_ref, (RunOptions){ .threads = 1 }, kind, type);
    for (int i = 0; (k = kernels_at(i)); i++) by_kernels(&g, k, kind, &ref, &truth, most);
    free_results(&ref), free_results(&truth);
    module_free(g.m), module_free(wide.m);
    diag_free(&g.diag), diag_free(&wide.diag);
}

static void random_programs(void **state)
{
    (void)state;
    const char *many = getenv("ANEC_PROGRAMS"), *one = getenv("ANEC_PROGRAM");
    const int count = many ? atoi(many) : PROGRAMS;
    for (int seed = one ? atoi(one) : 0; seed < count; seed++) {
        one_program(seed, DT_FP16);
        one_program(seed, DT_FP32);
    }
}

/* Norms of what has infinite squares, or none above 0, over rows and over columns. */
static void norms_of_any_size(void **state)
{
    static const double sizes[] = { 1e-30, 1e-19, 1, 1e20, 1e33 };
    (void)state;
    for (int i = 0; i < 2 * (int)COUNT(sizes); i++) {
        Gen g = { .m = module_new(), .type = DT_FP32, .number = i };
        const Shape s = SHAPE(37, 33);
        const int64_t axis = i % 2;
        const Kernels *k;
        g.f = func_new(g.m, "main", OPSET_IOS18);
        g.b = builder_at(g.f->body, NULL, &g.diag, (Loc){ 0 });
        Value *x = block_param(g.f->body, "x", type_tensor(&g.m->arena, DT_FP32, s),
                               (Loc){ 0 });
        x = mil_mul(&g.b, "m", .x = x, .y = gen_real(&g, sizes[i / 2]));
        Value *axes = gen_ints(&g, 1, &axis);
        block_result(g.f->body, mil_layer_norm(&g.b, "n", .x = x, .axes = axes,
                                               .epsilon = gen_real(&g, 0)));
        Value *norm = mil_reduce_l2_norm(&g.b, "r", .x = x, .axes = axes,
                                         .keep_dims = gen_flag(&g));
        block_result(g.f->body,
                     mil_mul(&g.b, "o", .x = norm, .y = gen_real(&g, 1 / sizes[i / 2])));
        const RunOptions o = { .threads = 1 };
        Results ref = run_as(&g, &backend_ref, o, PLAIN, DT_FP32);
        for (int j = 0; (k = kernels_at(j)); j++) {
            setenv("ANEC_CPU", k->name, 1);
            Results got = run_as(&g, &backend_cpu, o, PLAIN, DT_FP32);
            near_enough(i, k->name, &g, &got, &ref, &ref, 1e-5);
            free_results(&got);
        }
        unsetenv("ANEC_CPU");
        free_results(&ref);
        module_free(g.m);
        diag_free(&g.diag);
    }
}

/* What is below the normal numbers stays: by steps, by products, and by fused ones. */
static void denormals_stay(void **state)
{
    Gen g = { .m = module_new(), .seed = 3, .type = DT_FP32 };
    const Shape s = SHAPE(17, 33);
    const Kernels *k;
    double most = 0;
    (void)state;
    g.f = func_new(g.m, "main", OPSET_IOS18);
    g.b = builder_at(g.f->body, NULL, &g.diag, (Loc){ 0 });
    Value *x = block_param(g.f->body, "x", type_tensor(&g.m->arena, DT_FP32, s),
                           (Loc){ 0 });
    Value *half = mil_mul(&g.b, "h", .x = x, .y = gen_real(&g, 0.5));
    Value *w = gen_constant(&g, SHAPE(31, 33), 1);
    block_result(g.f->body, mil_relu(&g.b, "r", .x = half));
    block_result(g.f->body, mil_linear(&g.b, "y", .x = half, .weight = w));
    const RunOptions told = { .threads = 1, .each = largest, .ctx = &most };
    Results ref = run_as(&g, &backend_ref, told, DENORMAL, DT_FP32);
    assert_true(most > 0 && most < 1e-36);
    for (int i = 0; (k = kernels_at(i)); i++) {
        setenv("ANEC_CPU", k->name, 1);
        Results got = run_as(&g, &backend_cpu, (RunOptions){ .threads = 1 }, DENORMAL,
                             DT_FP32);
        near_special(k->name, &g, &got, &ref, &ref, most, 1e-5);
        free_results(&got);
    }
    unsetenv("ANEC_CPU");
    free_results(&ref);
    module_free(g.m);
    diag_free(&g.diag);
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
        cmocka_unit_test(norms_of_any_size),
        cmocka_unit_test(denormals_stay),
        cmocka_unit_test(unknown_kernels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
