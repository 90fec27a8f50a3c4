/* test_legal_ops.c -- each rewrite of operations that makes a program legal for a chip: the
 * rule is broken before and not after, nothing else is broken as an error, and `ref` computes
 * the same from random inputs. */
#include "micro.h"
#include "near.h"
#include "near_bounds.h"
#include "ref_run.h"
#include "rewritten.h"
#include "unit.h"

#include "../../ir/mil/mil.h"
#include "../../ir/passes/passes.h"

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
    Diag diag;
    RuleSet rules;
    int looked_for, broken; /* the rule, and how often it is broken */
    RefRun results;
} Test;

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

static void test_end(Test *t)
{
    ref_free(&t->results);
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
    Module *before = micro_read(&was.arena, &was.diag, "ios18", c->text),
           *after = micro_read(&is.arena, &is.diag, "ios18", c->text);
    RefRange range = { c->low, c->high };
    if (!breaks(&was, before, c->rule))
        fail_msg("%s is not broken by %s", rules[c->rule].name, c->text);
    ref_run(&was.results, before, ref_draw, &range, c->text);
    PassOptions o = { .target = is.rules.target, .rules = &is.rules, .io = IO_FP16 };
    if (!passes_run(after, &o, &is.diag)) fail_msg("%s: %s", c->text, is.diag.text.s);
    mil_print(after, &text);
    if (breaks(&is, after, c->rule))
        fail_msg("%s is broken still:\n%s", rules[c->rule].name, text.s);
    if (rules_check(after, &is.rules, &is.diag, NULL, NULL))
        fail_msg("%s\n%s", is.diag.text.s, text.s);
    ref_run(&is.results, after, ref_draw, &range, text.s);
    ref_compare(&was.results, &is.results, c->tolerance, c->least, text.s);
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

static void test_bounds(void **state)
{
    enum { MOST = 1 << 6 };
    Rewritten r = { .path = "tests/unit/legal_ops_bounds.txt" };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        NearRewrite how = { .opset = "ios18",
                            .options = { .target = target_find(cases[i].chip) } };
        buf_printf(&r.text, "%s for %s: %.60s\n", rules[cases[i].rule].name,
                   cases[i].chip, cases[i].text);
        near_bounds(&r.text, cases[i].text, MOST, near_says_ops, &how);
    }
    rewritten_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_rewrites),
                                        cmocka_unit_test(test_near),
                                        cmocka_unit_test(test_bounds) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
