/* test_op_near.c -- programs of one op and those beside them (near.h): what they compute, what
 * flows back, and what they become for a chip, held against op_near_0.txt to _3.txt. Data are quarters, so
 * that sums are exact where the op's are; of results five digits count. `make golden` writes it
 * anew, and ANEC_NEAR=conv before the program's name prints each program of conv with what
 * comes of it. */
#include "micro.h"
#include "near.h"
#include "op_program.h"
#include "rewritten.h"
#include "unit.h"

#include "../../backends/backend.h"
#include "../../ir/mil/mil.h"
#include "../../ir/passes/passes.h"
#include "../../lib/report.h"

#include <math.h>

enum { MOST_VALUES = 40, MOST_ELEMENTS = 5000, PARTS = 4 };

static const OpVariant variants[] = {
    { "one input", 1, false, 0, NULL, 0 },
    { "values", MAX_PARAM, true, 0, NULL, 18 },
    { "fp16", 2, false, 0, "fp16", 0 },
    { "constants", 0, false, 0, NULL, 18 },
};

typedef struct {
    Arena *arena;
    const char *op;
    int opset;
    uint64_t sum;
    int programs, computed, differentiated;
} OpNear;

/* ---- what a program computes --------------------------------------------------------------- */

/* Quarters from -4 to 4 of floats, of other types numbers that may be places. */
static void fill(Tensor *x, uint32_t seed)
{
    uint32_t r = 2463534242u + seed;
    for (size_t i = 0; i < x->count; i++) {
        r ^= r << 13;
        r ^= r >> 17;
        r ^= r << 5;
        if (dtype_is_float(x->dtype)) tensor_set_float(x, i, (double)(r % 32) / 4 - 4);
        else tensor_set_int(x, i, r % 2);
    }
}

static void put_result(Buf *b, const Tensor *t)
{
    buf_printf(b, " %s%zu:", dtypes[t->dtype].name, t->count);
    for (size_t i = 0; i < t->count && t->dtype != DT_STRING; i++)
        if (!dtype_is_float(t->dtype))
            buf_printf(b, " %lld", (long long)tensor_int(t, i));
        else if (isnan(tensor_float(t, i))) buf_puts(b, " nan");
        else buf_printf(b, " %.5g", tensor_float(t, i));
}

/* Where dimensions are not known they are 2. */
static bool bind(Arena *a, Binding *in, const Func *f)
{
    if (f->body->nparam > MOST_VALUES) return false;
    for (int i = 0; i < f->body->nparam; i++) {
        const Value *v = f->body->param[i];
        if (v->type->kind != TY_TENSOR || v->type->dtype == DT_STRING) return false;
        Shape s = v->type->shape;
        for (int k = 0; k < s.rank; k++) s.dim[k] = s.dim[k] == DIM_ANY ? 2 : s.dim[k];
        const Type *t = type_tensor(a, v->type->dtype, s);
        if (type_bytes(t) > 8 * MOST_ELEMENTS) return false;
        in[i] = (Binding){ .name = v->name };
        in[i].value = tensor_view(t->dtype, &s, arena_alloc(a, type_bytes(t) + 8));
        fill(&in[i].value, (uint32_t)i);
    }
    return true;
}

static void put_said(Buf *b, const char *said)
{
    said = strstr(said, "error: ");
    if (said) buf_printf(b, " %.*s", (int)strcspn(said, "\n"), said);
}

static bool compute(OpNear *n, const char *backend, const Module *m, Buf *b)
{
    Diag d = { .quiet = true };
    Binding in[MOST_VALUES];
    const Binding *out;
    const Func *f = module_main(m);
    Program *p = bind(n->arena, in, f) ? program_new(backend_find(backend), m, f, &d)
                                       : NULL;
    const bool ok = p && program_run(p, &d, in, f->body->nparam, &(RunOptions){ 0 });
    const int count = ok ? program_results(p, &out) : 0;
    for (int i = 0; i < count; i++) put_result(b, &out[i].value);
    if (!ok && d.text.s) put_said(b, d.text.s);
    program_free(p);
    diag_free(&d);
    return ok;
}

/* The same, whatever a kernel rounds between its sums. */
static bool are_near(const char *ref, const char *cpu)
{
    if (!strncmp(ref, " error: ", 8) && !strncmp(cpu, " error: ", 8)) return true;
    while (*ref && *cpu) {
        char *r, *c;
        const double x = strtod(ref, &r), y = strtod(cpu, &c);
        if (r == ref) {
            if (*ref++ != *cpu++) return false;
            continue;
        }
        if (fabs(x - y) > 1e-2 * fmax(1, fabs(x))) return false;
        ref = r;
        cpu = c;
    }
    return *ref == *cpu;
}

static void compute_on_both(OpNear *n, const Module *m, const char *text, Buf *b)
{
    Buf cpu = { 0 };
    n->computed += compute(n, "ref", m, b);
    compute(n, "cpu", m, &cpu);
    if (!are_near(b->s ? b->s : "", cpu.s ? cpu.s : ""))
        fail_msg("%s\n ref has%s\n cpu has%s", text, b->s, cpu.s);
    buf_free(&cpu);
}

/* ---- one program ---------------------------------------------------------------------------- */

static void put_gradient(OpNear *n, const Source *src, Buf *b)
{
    Diag d = { .quiet = true };
    Module *m = near_read(&d, src);
    if (m && autodiff_module(m, &(GradOptions){ .only = true }, &d))
        n->differentiated += compute(n, "ref", m, b);
    else if (d.text.s) put_said(b, d.text.s);
    module_free(m);
    diag_free(&d);
}

/* What it costs, and what is left for a run when its weights are inputs. */
static void put_further(Buf *b, const Source *src)
{
    Diag d = { .quiet = true };
    Module *m = near_read(&d, src);
    buf_puts(b, "; ");
    if (stats_text(b, "near.mil", m, &d) && promote_module(m, NULL, &d)) mil_print(m, b);
    else put_said(b, d.text.s);
    module_free(m);
    diag_free(&d);
}

/* Options of the passes take turns. */
static PassOptions turn_of(int k)
{
    static const IoMode io[] = { IO_AUTO, IO_FP16, IO_FP32 };
    return (PassOptions){ .target = generation_at(k % generation_count()),
                          .io = io[k % 7 < 5 ? 0 : k % 7 - 4],
                          .lift = k % 3 == 0,
                          .states_as_io = k % 4 == 1 };
}

static void put_in_opset(Buf *b, const Source *src, Opset o)
{
    Diag d = { .quiet = true };
    Module *m = near_read(&d, src);
    buf_puts(b, "; ");
    near_rewrite(b, m, &(PassOptions){ .target = target_find("host"), .opset = o });
    module_free(m);
    diag_free(&d);
}

static void one_program(void *ctx, const char *text, const char *by)
{
    OpNear *n = ctx;
    Diag d = { .quiet = true };
    Buf b = { 0 };
    const char *body = strchr(text, '|'), *results = strrchr(text, '|');
    const char *all = arena_printf(
        n->arena, "program(1.3)\n{\nfunc main<ios%d>(%.*s) {\n%.*s\n} -> (%s);\n}\n",
        n->opset, (int)(body - text), text, (int)(results - body - 1), body + 1,
        results + 1);
    const Source src = { .name = "near.mil", .text = all, .len = strlen(all) };
    Module *m = near_read(&d, &src);
    const char *shown = m ? getenv("ANEC_NEAR") : NULL;
    if (shown && !strcmp(shown, n->op)) fprintf(stderr, "%s: %s\n", by, text);
    if (m) {
        n->programs++;
        compute_on_both(n, m, text, &b);
        put_gradient(n, &src, &b);
        for (int i = OPSET_IOS15; i <= OPSET_IOS18; i++) put_in_opset(&b, &src, (Opset)i);
        buf_puts(&b, "; ");
        put_further(&b, &src);
        const PassOptions turn = turn_of(n->programs);
        near_rewrite(&b, m, &turn);
        n->sum = near_sum(near_sum(n->sum, by), b.s);
    }
    if (shown && !strcmp(shown, n->op)) fprintf(stderr, "   %s\n", b.s);
    module_free(m);
    buf_free(&b);
    diag_free(&d);
}

static void one_seed(Buf *out, const OpSeed *s, const OpVariant *how)
{
    Arena a = { 0 };
    OpNear n = { .arena = &a, .op = s->op, .sum = NEAR_START };
    n.opset = how->opset ? how->opset : s->opset;
    const char *text = op_program(&a, s, how),
               *micro = text ? micro_short(&a, text) : NULL;
    if (micro) {
        near_each(&a, micro, one_program, &n);
        buf_printf(out, "%s, %s: %d programs, %d run, %d backwards, %016llx: %.60s\n",
                   s->op, how->says, n.programs, n.computed, n.differentiated,
                   (unsigned long long)n.sum, s->args);
    }
    arena_free(&a);
}

/* Each fourth call, so that no part takes long. */
static void calls_from(int first)
{
    Arena a = { 0 };
    Rewritten r = { .path = arena_printf(&a, "tests/unit/op_near_%d.txt", first) };
    for (int i = first; i < op_seed_count(true); i += PARTS) {
        const OpSeed s = op_seed_at(i);
        for (size_t k = 0; k < COUNT(variants); k++) one_seed(&r.text, &s, &variants[k]);
    }
    rewritten_end(&r);
    arena_free(&a);
}

static void calls_compute_what_they_did(void **state)
{
    (void)state;
    calls_from(0);
}

static void second_calls_do(void **state)
{
    (void)state;
    calls_from(1);
}

static void third_calls_do(void **state)
{
    (void)state;
    calls_from(2);
}

static void fourth_calls_do(void **state)
{
    (void)state;
    calls_from(3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_compute_what_they_did),
        cmocka_unit_test(second_calls_do),
        cmocka_unit_test(third_calls_do),
        cmocka_unit_test(fourth_calls_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
