/* test_near.c -- rules on either side of their conditions: what breaks one, and what nearly
 * does, on chips and releases of macOS (near_cases.def). */
#include "unit.h"

#include "micro.h"
#include "../../ir/mil/mil.h"
#include "../../ir/passes/passes.h"

#include <string.h>

#include "targets/probes_texts.h"

typedef enum { IS_BROKEN, IS_NEAR, IS_LEFT } Side;

typedef struct {
    Side side;
    const char *target;
    int rule;
    const char *text;
} Case;

static const Case cases[] = {
#define BROKEN(target, rule, text) { IS_BROKEN, target, RULE_##rule, text },
#define NEAR(target, rule, text) { IS_NEAR, target, RULE_##rule, text },
#define LEFT(target, rule, text) { IS_LEFT, target, RULE_##rule, text },
#include "near_cases.def"
};

typedef struct {
    const Case *is;
    int broken;
} Count;

static void count(void *ctx, const RuleBreak *b)
{
    Count *c = ctx;
    c->broken += b->rule == &rules[c->is->rule];
}

/* What the rule's pass makes of the program is what it was. */
static void check_left(const Case *c, Module *m, const RuleSet *rs, Diag *d)
{
    Buf was = { 0 }, is = { 0 };
    const PassOptions o = { .target = rs->target,
                            .rules = rs,
                            .only = rules[c->rule].pass };
    assert_non_null(o.only);
    mil_print(m, &was);
    if (!passes_run(m, &o, d)) fail_msg("%s: %s", c->text, d->text.s);
    mil_print(m, &is);
    if (strcmp(was.s, is.s) != 0)
        fail_msg("%s for %s is rewritten by %s:\n%s", c->text, c->target, o.only, is.s);
    buf_free(&was);
    buf_free(&is);
}

static void check(const Case *c)
{
    Arena a = { 0 };
    Diag d = { .quiet = true };
    RuleSet rs;
    Count n = { .is = c };
    const char *text = micro_text(&a, "ios18", c->text);
    const Source src = { .name = "case.mil", .text = text, .len = strlen(text) };
    Module *m = mil_read(&d, &src, "/nowhere");
    if (!m || !module_verify(m, &d, NULL)) fail_msg("%s\n%s", d.text.s, text);
    assert_non_null(target_find(c->target));
    ruleset_init(&rs, target_find(c->target), c->target);
    rs.doubts = true;
    assert_true(rules_check(m, &rs, &d, count, &n) >= 0);
    if ((n.broken > 0) != (c->side == IS_BROKEN))
        fail_msg("%s for %s is broken %d times by %s", rules[c->rule].name, c->target,
                 n.broken, text);
    if (c->side == IS_LEFT) check_left(c, m, &rs, &d);
    module_free(m);
    diag_free(&d);
    arena_free(&a);
}

static void either_side(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) check(&cases[i]);
}

/* A rule that has a case has one on each side. */
static void both_sides(void **state)
{
    (void)state;
    bool broken[RULE_COUNT] = { false }, kept[RULE_COUNT] = { false };
    for (size_t i = 0; i < COUNT(cases); i++)
        (cases[i].side == IS_BROKEN ? broken : kept)[cases[i].rule] = true;
    for (int r = 0; r < RULE_COUNT; r++)
        if (broken[r] != kept[r])
            fail_msg("%s has cases on one side alone", rules[r].name);
}

/* News that programs show are rules whose finding is an N; each has its cases here. */
static void all_news(void **state)
{
    (void)state;
    for (int r = 0; r < RULE_COUNT; r++) {
        const char *finding = rules[r].finding;
        bool found = rules[r].on == ON_RUN || !finding || !strchr(finding, 'N')
                  || r == RULE_extent; /* whose limits have tests of their own */
        for (size_t i = 0; i < COUNT(cases); i++) found = found || cases[i].rule == r;
        if (!found) fail_msg("%s has no case", rules[r].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(either_side),
        cmocka_unit_test(both_sides),
        cmocka_unit_test(all_news),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
