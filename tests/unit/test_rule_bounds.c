/* test_rule_bounds.c -- where rules begin and end: of the programs that break a rule and those
 * that keep it, each number grows, and what they break is held against
 * rule_bounds.txt, with the number from which on it is another; what they break where a number of
 * the chip is another, against rule_limits.txt. `make golden` writes both anew. */
#include "micro.h"
#include "near.h"
#include "near_bounds.h"
#include "rewritten.h"
#include "unit.h"

#include "../../ir/mil/mil.h"

enum { MOST = 1 << 17, MOST_PASSES = 1 << 11 };

static void note_rule(void *ctx, const RuleBreak *b)
{
    int *broken = ctx;
    broken[b->rule - rules] += b->left ? 100 : 1;
}

/* The rules that a program breaks, and how often. */
static void put_broken(const RuleSet *rs, const char *text, Buf *out)
{
    Diag d = { .quiet = true };
    int broken[RULE_COUNT] = { 0 };
    const Source src = { .name = "near.mil", .text = text, .len = strlen(text) };
    Module *m = near_read(&d, &src);
    const bool ok = m && rules_check(m, rs, &d, note_rule, broken) >= 0;
    for (int i = 0; ok && i < RULE_COUNT; i++)
        if (broken[i]) buf_printf(out, "%s*%d ", rules[i].name, broken[i]);
    if (ok && !out->len) buf_puts(out, "none");
    module_free(m);
    diag_free(&d);
}

static void says_rules(void *chip, const char *text, Buf *out)
{
    Arena a = { 0 };
    RuleSet rs;
    ruleset_init(&rs, chip, NULL);
    rs.doubts = true;
    put_broken(&rs, micro_text(&a, "ios18", text), out);
    arena_free(&a);
}

static void on_chip(Buf *out, const char *title, const Target *chip, const char *micro)
{
    buf_printf(out, "%s on %s\n", title, chip->name);
    near_bounds(out, micro, MOST, says_rules, (void *)(uintptr_t)chip);
}

/* On its own chip and one of the others, which take turns. */
static void one_program(Buf *out, int rule, const Target *chip, const char *text,
                        const char *what)
{
    Arena a = { 0 };
    const char *micro = micro_short(&a, text);
    const char *title = arena_printf(&a, "%s %s", rules[rule].name, what);
    const Target *other = generation_at(rule % generation_count());
    NearRewrite r = { .opset = "ios18", .options = { .target = chip } };
    if (micro) {
        on_chip(out, title, chip, micro);
        if (other != chip) on_chip(out, title, other, micro);
        buf_printf(out, "%s for %s\n", title, chip->name);
        near_bounds(out, micro, MOST_PASSES, near_says_ops, &r);
    }
    arena_free(&a);
}

static void rules_begin_where_they_did(void **state)
{
    Rewritten r = { .path = "tests/unit/rule_bounds.txt" };
    (void)state;
    for (int i = 0; i < RULE_COUNT; i++) {
        if (rules[i].heavy || rules[i].spelled || i == RULE_weight_record) continue;
        for (const RulePrograms *k = rules[i].programs; k->breaks; k++) {
            const Target *chip = micro_chip(i, k);
            assert_non_null(chip);
            one_program(&r.text, i, chip, k->breaks, "is broken");
            one_program(&r.text, i, chip, k->keeps, "is kept");
        }
    }
    rewritten_end(&r);
}

/* What a program breaks where a number of the chip is not known, or is 1, and that was another
 * before. */
static void other_limits(Buf *out, const char *title, const Target *chip,
                         const char *text)
{
    static const struct {
        const char *name;
        int64_t most;
    } instead[] = { { "without", -1 }, { "with 1 as", 1 } };
    RuleSet rs;
    Buf was = { 0 }, is = { 0 };
    ruleset_init(&rs, chip, NULL);
    rs.doubts = true;
    put_broken(&rs, text, &was);
    if (was.len) buf_printf(out, "%s on %s: %s\n", title, chip->name, was.s);
    for (int i = 0; was.len && i < LIMIT_COUNT; i++)
        for (size_t k = 0; k < COUNT(instead); k++) {
            const int64_t most = rs.limit[i];
            rs.limit[i] = instead[k].most;
            is.len = 0;
            put_broken(&rs, text, &is);
            if (strcmp(is.s, was.s))
                buf_printf(out, "    %s %s: %s\n", instead[k].name, limits[i].name, is.s);
            rs.limit[i] = most;
        }
    buf_free(&was);
    buf_free(&is);
}

static void rules_ask_for_their_limits(void **state)
{
    Rewritten r = { .path = "tests/unit/rule_limits.txt" };
    (void)state;
    for (int i = 0; i < RULE_COUNT; i++) {
        if (rules[i].heavy || rules[i].spelled || i == RULE_weight_record) continue;
        for (const RulePrograms *k = rules[i].programs; k->breaks; k++)
            other_limits(&r.text, rules[i].name, micro_chip(i, k), k->breaks);
    }
    rewritten_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(rules_begin_where_they_did),
                                        cmocka_unit_test(rules_ask_for_their_limits) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
