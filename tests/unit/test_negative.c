/* test_negative.c -- what no pass may take: beside each program that a rewrite applies to,
 * those that lack one of its conditions. The ops that are left are counted out, and both
 * compute the same to the last bit. */
#include "near.h"
#include "rewritten.h"
#include "unit.h"

#include "../../backends/backend.h"
#include "../../ir/mil/mil.h"
#include "../../ir/passes/passes.h"

enum { MAX_VALUES = 8 };

typedef struct {
    /* the ops' names behind the passes, without const */
    const char *chip, *passes, *left;
    const char *text; /* inputs | ops | results */
} Case;

static const Case cases[] = {
#define CASE(passes, left, text) { "m4", passes, left, text },
#define ON(chip, passes, left, text) { #chip, passes, left, text },
#include "negative_cases.def"
};

static Module *read_case(Arena *a, Diag *d, const Case *c)
{
    const char *body = strchr(c->text, '|'),
               *results = body ? strrchr(c->text, '|') : NULL;
    if (!results) fail_msg("a case is inputs | ops | results: %s", c->text);
    Source *src = NEW(a, Source);
    src->name = "case.mil";
    src->text = arena_printf(
        a, "program(1.3)\n{\n    func main<ios18>(%.*s) {\n%.*s\n    } -> (%s);\n}\n",
        (int)(body - c->text), c->text, (int)(results - body - 1), body + 1, results + 1);
    src->len = strlen(src->text);
    Module *m = mil_read(d, src, NULL);
    if (!m || !module_verify(m, d, NULL)) fail_msg("%s\n%s", d->text.s, src->text);
    return m;
}

static bool put_name(void *ctx, Op *op)
{
    Buf *b = ctx;
    if (op->kind != OP_const) buf_printf(b, "%s%s", b->len ? " " : "", op_name(op));
    return true;
}

/* Numbers that no other type holds: thirds of either sign, and whole ones beyond fp16 and
 * int16. */
static void fill(Tensor *x, int which)
{
    for (size_t i = 0; i < x->count; i++) {
        const int n = (int)i * 7 + which * 3 - 5;
        if (dtype_is_float(x->dtype))
            tensor_set_float(x, i, i % 4 == 3 ? n * 30011.0 : n / 3.0);
        else
            tensor_set_int(x, i,
                           x->dtype == DT_BOOL ? n & 1
                           : i % 4 == 3        ? n * 30011
                                               : n);
    }
}

static void run(Arena *a, Diag *d, Module *m, const char *text, Tensor *out, int *nout)
{
    const Func *f = module_main(m);
    Program *p = program_new(backend_find("ref"), m, module_main(m), d);
    if (!p) fail_msg("%s: %s", d->text.s, text);
    Binding in[MAX_VALUES] = { { 0 } };
    const Binding *res;
    for (int i = 0; i < f->body->nparam; i++) {
        const Value *v = f->body->param[i];
        in[i].name = v->name;
        Shape s = v->type->shape;
        for (int k = 0; k < s.rank; k++) s.dim[k] = s.dim[k] == DIM_ANY ? 2 : s.dim[k];
        const Type *t = type_tensor(a, v->type->dtype, s);
        in[i].value = tensor_view(t->dtype, &s, arena_alloc(a, type_bytes(t) + 1));
        fill(&in[i].value, i);
    }
    if (!program_run(p, d, in, f->body->nparam, &(RunOptions){ 0 }))
        fail_msg("%s: %s", d->text.s, text);
    *nout = program_results(p, &res);
    for (int i = 0; i < *nout; i++) assert_true(tensor_copy(&out[i], d, &res[i].value));
    program_free(p);
}

/* As fp16, where `boundary` has made fp32 of it. */
static bool same_element(const Tensor *a, const Tensor *b, size_t i)
{
    const double x = tensor_float(a, i), y = tensor_float(b, i);
    if (!dtype_is_float(a->dtype) && !dtype_is_float(b->dtype))
        return tensor_int(a, i) == tensor_int(b, i);
    if (a->dtype == b->dtype) return x == y || (x != x && y != y);
    return f16_from_double(x) == f16_from_double(y);
}

static void compare(const Tensor *was, int nwas, const Tensor *is, int nis, const Case *c)
{
    if (!strcmp(c->passes, "fp16")) return; /* which rounds by its nature */
    if (nwas != nis) fail_msg("%d results are %d: %s", nwas, nis, c->text);
    for (int i = 0; i < nis; i++) {
        bool same = shape_equal(&was[i].shape, &is[i].shape);
        for (size_t k = 0; same && k < is[i].count; k++)
            same = same_element(&was[i], &is[i], k);
        if (!same) fail_msg("result %d is another: %s", i, c->text);
    }
}

static Rewritten programs = { .path = "tests/unit/negative_cases.txt" };
static int wrong;

static void check(const Case *c)
{
    Arena a = { 0 };
    Diag d = { .quiet = true };
    Buf left = { 0 };
    Tensor was[MAX_VALUES], is[MAX_VALUES];
    int nwas, nis;
    Module *before = read_case(&a, &d, c), *after = read_case(&a, &d, c);
    const PassOptions o = { .target = target_find(c->chip), .only = c->passes };
    if (!passes_run(after, &o, &d)) fail_msg("%s: %s", d.text.s, c->text);
    func_walk(module_main(after), put_name, &left);
    if (strcmp(left.s ? left.s : "", c->left) != 0) {
        print_error("%s leaves `%s`, not `%s`, of %s\n", c->passes, left.s, c->left,
                    c->text);
        wrong++;
    }
    run(&a, &d, before, c->text, was, &nwas);
    run(&a, &d, after, c->text, is, &nis);
    compare(was, nwas, is, nis, c);
    rewritten_add(&programs, arena_printf(&a, "%s %s", c->chip, c->passes), c->text,
                  after);
    for (int i = 0; i < nwas; i++) tensor_free(&was[i]);
    for (int i = 0; i < nis; i++) tensor_free(&is[i]);
    module_free(before);
    module_free(after);
    buf_free(&left);
    diag_free(&d);
    arena_free(&a);
}

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) check(&cases[i]);
    assert_int_equal(wrong, 0);
    rewritten_end(&programs);
}

static void test_near(void **state)
{
    Rewritten r = { .path = "tests/unit/negative_near.txt" };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const PassOptions o = { .target = target_find(cases[i].chip),
                                .only = cases[i].passes };
        near_case(&r.text, cases[i].passes, "ios18", cases[i].text, &o);
    }
    rewritten_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_near),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
