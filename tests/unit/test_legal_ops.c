/* test_legal_ops.c -- each rewrite of operations that makes a program legal for a chip: the
 * rule is broken before and not after, nothing else is broken as an error, and `ref` computes
 * the same from random inputs. */
#include "near.h"
#include "rewritten.h"
#include "unit.h"

#include "../../backends/backend.h"
#include "../../ir/mil/mil.h"
#include "../../ir/passes/passes.h"

#include <math.h>

enum { MAX_VALUES = 4 };

typedef struct {
    int rule;
    const char *chip;
    double low, high;        /* of inputs */
    double tolerance, least; /* of results, relative; what is smaller counts as `least` */
    const char *text;        /* inputs | ops | results */
} Case;

static const Case cases[] = {
#define CASE(id, chip, low, high, tolerance, least, text) \
    { RULE_##id, #chip, low, high, tolerance, least, text },
#include "legal_ops_cases.def"
};

/* ---- programs ---------------------------------------------------------------------------- */

typedef struct {
    Arena arena;
    Source src;
    Diag diag;
    RuleSet rules;
    int looked_for, broken; /* the rule, and how often it is broken */
    Tensor result[MAX_VALUES];
    int nresult;
} Test;

static Module *program(Test *t, const char *text)
{
    const char *body = strchr(text, '|'), *results = body ? strrchr(text, '|') : NULL;
    if (!results) fail_msg("a case is inputs | ops | results: %s", text);
    const char *s = arena_printf(
        &t->arena,
        "program(1.3)\n{\n    func main<ios18>(%.*s) {\n%.*s\n    } -> (%s);\n}\n",
        (int)(body - text), text, (int)(results - body - 1), body + 1, results + 1);
    t->src = (Source){ .name = "case.mil", .text = s, .len = strlen(s) };
    Module *m = mil_read(&t->diag, &t->src, NULL);
    if (!m || !module_verify(m, &t->diag, NULL)) fail_msg("%s\n%s", t->diag.text.s, s);
    return m;
}

static void note(void *ctx, const RuleBreak *b)
{
    Test *t = ctx;
    if (b->rule == &rules[t->looked_for]) t->broken++;
}

static int breaks(Test *t, Module *m, int rule)
{
    t->looked_for = rule;
    t->broken = 0;
    t->rules.doubts = true;
    assert_true(rules_check(m, &t->rules, &t->diag, note, t) >= 0);
    t->rules.doubts = false;
    return t->broken;
}

/* A rule that is fixed where a profile says so is measured here. */
static void rules_for(Test *t, const Case *c)
{
    ruleset_init(&t->rules, target_find(c->chip), NULL);
    if (rules[c->rule].fixes != FIXES_PROFILE) return;
    t->rules.stand[c->rule] = STAND_MEASURED;
    t->rules.profiled[c->rule] = true;
}

/* ---- running ----------------------------------------------------------------------------- */

static void fill(Tensor *x, const Case *c, const char *name)
{
    const bool whole = !dtype_is_float(x->dtype);
    for (size_t i = 0; i < x->count; i++) {
        double v = c->low + (c->high - c->low) * rng_unit(rng_key(7, name), i);
        tensor_set_float(x, i, whole ? floor(v) : v);
    }
}

static void run(Test *t, const Case *c, Module *m)
{
    const Backend *ref = backend_find("ref");
    const Func *f = module_main(m);
    Program *p = program_new(ref, m, module_main(m), &t->diag);
    if (!p) fail_msg("%s", t->diag.text.s);
    Binding in[MAX_VALUES] = { { 0 } };
    const Binding *out;
    const RunOptions how = { 0 };
    for (int i = 0; i < f->body->nparam; i++) {
        const Value *v = f->body->param[i];
        in[i].name = v->name;
        assert_true(
            tensor_alloc(&in[i].value, &t->diag, v->type->dtype, &v->type->shape));
        fill(&in[i].value, c, v->name);
    }
    if (!program_run(p, &t->diag, in, f->body->nparam, &how))
        fail_msg("%s", t->diag.text.s);
    t->nresult = program_results(p, &out);
    for (int i = 0; i < t->nresult; i++)
        assert_true(tensor_copy(&t->result[i], &t->diag, &out[i].value));
    for (int i = 0; i < f->body->nparam; i++) tensor_free(&in[i].value);
    program_free(p);
}

static void compare(const Test *was, const Test *is, const Case *c, const char *text)
{
    assert_int_equal(was->nresult, is->nresult);
    for (int i = 0; i < was->nresult; i++) {
        const Tensor *a = &was->result[i], *b = &is->result[i];
        assert_true(shape_equal(&a->shape, &b->shape));
        for (size_t k = 0; k < a->count; k++) {
            const double x = tensor_float(a, k), y = tensor_float(b, k);
            if (!dtype_is_float(a->dtype))
                assert_int_equal(tensor_int(a, k), tensor_int(b, k));
            else if (x != y && !(fabs(x - y) <= c->tolerance * fmax(c->least, fabs(x))))
                fail_msg("result %d [%zu] is %g, and was %g: %s\n%s", i, k, y, x, c->text,
                         text);
        }
    }
}

static void test_end(Test *t)
{
    for (int i = 0; i < t->nresult; i++) tensor_free(&t->result[i]);
    diag_free(&t->diag);
    arena_free(&t->arena);
}

static Rewritten programs = { .path = "tests/unit/legal_ops_cases.txt" };

static void check_case(const Case *c)
{
    Test was = { .diag = { .quiet = true } }, is = { .diag = { .quiet = true } };
    Buf text = { 0 };
    rules_for(&was, c);
    rules_for(&is, c);
    Module *before = program(&was, c->text), *after = program(&is, c->text);
    if (!breaks(&was, before, c->rule))
        fail_msg("%s is not broken by %s", rules[c->rule].name, c->text);
    run(&was, c, before);
    PassOptions o = { .target = is.rules.target, .rules = &is.rules, .io = IO_FP16 };
    if (!passes_run(after, &o, &is.diag)) fail_msg("%s: %s", c->text, is.diag.text.s);
    mil_print(after, &text);
    if (breaks(&is, after, c->rule))
        fail_msg("%s is broken still:\n%s", rules[c->rule].name, text.s);
    if (rules_check(after, &is.rules, &is.diag, NULL, NULL))
        fail_msg("%s\n%s", is.diag.text.s, text.s);
    run(&is, c, after);
    compare(&was, &is, c, text.s);
    rewritten_add(&programs,
                  arena_printf(&is.arena, "%s on %s", rules[c->rule].name, c->chip),
                  c->text, after);
    module_free(before);
    module_free(after);
    buf_free(&text);
    test_end(&was);
    test_end(&is);
}

static void test_rewrites(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) check_case(&cases[i]);
    rewritten_end(&programs);
}

static void test_near(void **state)
{
    Rewritten r = { .path = "tests/unit/legal_ops_near.txt" };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        Test t = { .diag = { .quiet = true } };
        rules_for(&t, &cases[i]);
        const PassOptions o = { .target = t.rules.target, .rules = &t.rules };
        near_case(&r.text, rules[cases[i].rule].name, "ios18", cases[i].text, &o);
        test_end(&t);
    }
    rewritten_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_rewrites),
                                        cmocka_unit_test(test_near) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
