/* test_random_programs.c -- programs made at random: what the passes make of them, for each
 * chip and opset, computes the same. Limits are made small in half of them, so that what is cut
 * for a limit is cut here. */
#include "random_ops.h"

#include "../../backends/backend.h"
#include "../../ir/mil/mil.h"
#include "../../ir/passes/passes.h"

#include <math.h>

enum { PROGRAMS = 400, STEPS = 7, INPUTS = 3, LARGEST = 600 };

/* ---- programs ---------------------------------------------------------------------------- */

static bool is_fine(const Value *v)
{
    size_t n;
    return v && v->type->kind == TY_TENSOR && v->type->dtype == DT_FP16
        && v->type->shape.rank > 0 && v->type->shape.rank <= 5
        && shape_count(&v->type->shape, &n) && n > 0 && n <= LARGEST;
}

/* What an op of the wrong shape left behind goes: it and its constants. */
static void take_back(Gen *g, Op *last)
{
    while (g->f->body->last != last) op_unlink(g->f->body->last);
    buf_free(&g->diag.text);
    g->diag.errors = 0;
}

static void make_program(Gen *g, uint64_t seed)
{
    static const Shape shapes[] = {
        { 4, { 1, 4, 6, 5 } }, { 3, { 2, 4, 6 } },       { 2, { 6, 4 } },
        { 4, { 2, 2, 3, 4 } }, { 5, { 1, 2, 3, 2, 4 } }, { 4, { 1, 6, 1, 8 } },
        { 1, { 12 } }
    };
    *g = (Gen){ .m = module_new(), .seed = seed, .diag = { .quiet = false } };
    for (int i = 0; i < 4; i++) gen_draw(g, 2);
    g->f = func_new(g->m, "main", OPSET_IOS18);
    g->m->version = "1.3";
    g->b = builder_at(g->f->body, NULL, &g->diag, (Loc){ 0 });
    for (int i = 0; i < INPUTS; i++) {
        const Shape s =
            shapes[i ? gen_draw(g, COUNT(shapes)) : (int)(seed % COUNT(shapes))];
        g->at[g->n++] = block_param(g->f->body, (const char *[]){ "a", "b", "c" }[i],
                                    type_tensor(&g->m->arena, DT_FP16, s), (Loc){ 0 });
    }
    for (int made = 0, tried = 0; made < STEPS && tried < 200; tried++) {
        Op *last = g->f->body->last;
        Value *x = gen_draw(g, 3) ? g->at[g->n - 1] : random_value(g),
              *y = random_op(g, x);
        if (g->diag.errors || !is_fine(y)) {
            take_back(g, last);
            continue;
        }
        g->at[g->n++] = y;
        made++;
    }
    for (int i = g->n - 2; i < g->n; i++)
        if (g->at[i]->def) block_result(g->f->body, g->at[i]);
}

static void run_program(Module *m, Diag *d, uint64_t seed, Tensor out[2], int *nout)
{
    Gen g = { .seed = seed };
    const Func *f = module_main(m);
    Arena a = { 0 };
    Program *p = program_new(backend_find("ref"), m, module_main(m), d);
    Binding in[INPUTS] = { { 0 } };
    const Binding *res;
    for (int i = 0; i < f->body->nparam; i++) {
        const Type *t = f->body->param[i]->type;
        in[i] = (Binding){ .name = f->body->param[i]->name,
                           .value = tensor_view(t->dtype, &t->shape,
                                                arena_alloc(&a, type_bytes(t) + 1)) };
        for (size_t k = 0; k < in[i].value.count; k++)
            tensor_set_float(&in[i].value, k, (gen_draw(&g, 17) - 8) / 4.0);
    }
    if (!p || !program_run(p, d, in, f->body->nparam, &(RunOptions){ 0 }))
        fail_msg("program %llu: %s", (unsigned long long)seed, d->text.s);
    *nout = program_results(p, &res);
    for (int i = 0; i < *nout; i++) assert_true(tensor_copy(&out[i], d, &res[i].value));
    program_free(p);
    arena_free(&a);
}

static double largest(const Tensor *t)
{
    double most = 1;
    for (size_t i = 0; i < t->count; i++) {
        const double v = fabs(tensor_float(t, i));
        /* a window of padding alone has no largest element */
        most = isfinite(v) ? fmax(most, v) : INFINITY;
    }
    return most;
}

static void print_program(const Module *m)
{
    Buf b = { 0 };
    mil_print(m, &b);
    fputs(b.s, stderr);
    buf_free(&b);
}

static void compare(const Gen *was, const Gen *is, const Tensor *x, const Tensor *y,
                    uint64_t seed, const char *what)
{
    const double most = largest(x);
    bool same = shape_equal(&x->shape, &y->shape);
    if (most > 1000) return; /* where rounding shows */
    for (size_t k = 0; same && k < x->count; k++)
        same = fabs(tensor_float(x, k) - tensor_float(y, k)) <= 0.02 * most;
    if (same) return;
    print_program(was->m);
    print_program(is->m);
    fail_msg("program %llu for %s computes another thing", (unsigned long long)seed,
             what);
}

/* The program again, rewritten; a refusal that names a fix is none of this test's
 * business. */
static void rewrite(const Gen *was, uint64_t seed, const PassOptions *o, const char *what)
{
    Gen is;
    Tensor x[2], y[2];
    int nx, ny;
    make_program(&is, seed);
    if (passes_run(is.m, o, &is.diag)) {
        run_program(was->m, &is.diag, seed, x, &nx);
        run_program(is.m, &is.diag, seed, y, &ny);
        assert_int_equal(nx, ny);
        for (int i = 0; i < nx; i++) compare(was, &is, &x[i], &y[i], seed, what);
        for (int i = 0; i < nx; i++) tensor_free(&x[i]), tensor_free(&y[i]);
    } else if (!o->opset) {
        fail_msg("program %llu for %s: %s", (unsigned long long)seed, what,
                 is.diag.text.s);
    }
    diag_free(&is.diag);
    module_free(is.m);
}

static void for_chip(const Gen *was, uint64_t seed, const char *chip, bool tight)
{
    RuleSet rs;
    ruleset_init(&rs, target_find(chip), NULL);
    if (tight) {
        rs.doubts = true;
        for (int i = 0; i < RULE_COUNT; i++) rs.profiled[i] = seed % 2;
        rs.limit[LIMIT_kernel_width] = rs.limit[LIMIT_kernel_height] = 3;
        rs.limit[LIMIT_pool_window] = 4;
        rs.limit[LIMIT_width] = rs.limit[LIMIT_height] = rs.limit[LIMIT_channels] =
            8 + (int64_t)(seed % 7);
        rs.limit[LIMIT_matmul_inner] = 4;
        rs.limit[LIMIT_rank] = 4;
        rs.limit[LIMIT_reduce_route] = rs.limit[LIMIT_lrn_channels] = 4;
    }
    rewrite(was, seed,
            &(PassOptions){ .target = target_find(chip), .rules = &rs, .io = IO_FP16 },
            chip);
}

static void check_program(uint64_t seed)
{
    static const char *const chips[] = { "m1", "m4", "m1", "generic", "m5", "m2" };
    Gen was;
    make_program(&was, seed);
    if (!module_verify(was.m, &was.diag, NULL)) fail_msg("%s", was.diag.text.s);
    for_chip(&was, seed, chips[seed % COUNT(chips)], false);
    for_chip(&was, seed, chips[(seed + 1) % COUNT(chips)], true);
    const PassOptions o = { .target = target_find("host"),
                            .opset = (Opset)(15 + seed % 3),
                            .only = "opset,fold,algebra,transpose,cse,dce" };
    rewrite(&was, seed, &o, opset_text(o.opset));
    diag_free(&was.diag);
    module_free(was.m);
}

static void test_programs(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= PROGRAMS; seed++) check_program(seed);
}

/* Those that a pass once left wrong: padding that no window reaches, a window of padding alone,
 * a transposed convolution whose result is longer than its padding makes it. */
static void test_found(void **state)
{
    (void)state;
    static const uint64_t found[] = { 710, 988, 1541, 3313, 3623, 4199, 6623, 6913 };
    for (size_t i = 0; i < COUNT(found); i++) check_program(found[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found),
        cmocka_unit_test(test_programs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
