/* test_near_rules.c -- programs beside those that break a rule and those that keep it: one
 * number another wherever it stands, the sides of operations exchanged, other types, truths.
 * Which rules these break on the rule's chip, and what the passes make of them for it, is held against near_rules.txt; `make golden`
 * writes that anew. */
#include "micro.h"
#include "near.h"
#include "rewritten.h"
#include "unit.h"

#include "../../ir/mil/mil.h"

typedef struct {
    int rule;
    const Target *chip;
    Buf *out;
    int programs;
} Near;

typedef struct {
    int broken[RULE_COUNT];
    uint64_t said; /* the sum of the messages */
} Said;

static void note(void *ctx, const RuleBreak *b)
{
    Said *f = ctx;
    f->broken[b->rule - rules]++;
    f->said = near_sum(near_sum(f->said, b->message), b->left ? b->left : "");
}

/* What the program breaks; nothing where it is none. */
static void check(void *ctx, const char *text, const char *by)
{
    Near *n = ctx;
    Arena a = { 0 };
    Diag d = { .quiet = true };
    RuleSet rs;
    Said f = { .said = NEAR_START };
    Source *src = NEW(&a, Source);
    src->name = "near.mil";
    src->text = micro_text(&a, "ios18", text);
    src->len = strlen(src->text);
    ruleset_init(&rs, n->chip, NULL);
    rs.doubts = true;
    Module *m = near_read(&d, src);
    const bool ok = m && rules_check(m, &rs, &d, note, &f) >= 0;
    if (ok) buf_printf(n->out, "    %s:", by);
    for (int i = 0; ok && i < RULE_COUNT; i++)
        if (f.broken[i])
            buf_printf(n->out, f.broken[i] > 1 ? " %s*%d" : " %s", rules[i].name,
                       f.broken[i]);
    if (ok && f.said != NEAR_START)
        buf_printf(n->out, " %08llx", (unsigned long long)(f.said >> 32));
    if (ok) buf_puts(n->out, "; ");
    if (ok) near_rewrite(n->out, m, &(PassOptions){ .target = n->chip });
    if (ok) buf_putc(n->out, '\n');
    n->programs += ok;
    module_free(m);
    diag_free(&d);
    arena_free(&a);
}

static void one_program(Near *n, const char *text, const char *what)
{
    Arena a = { 0 };
    const char *micro = micro_short(&a, text);
    if (micro) {
        buf_printf(n->out, "%s on %s %s\n", rules[n->rule].name, n->chip->name, what);
        near_words(&a, micro, check, n);
        Buf *all = n->out, others = { 0 };
        n->out = &others;
        n->programs = 0;
        near_values(&a, micro, check, n);
        buf_printf(all, "    %d with other values: %016llx\n", n->programs,
                   (unsigned long long)near_sum(NEAR_START, others.s ? others.s : ""));
        buf_free(&others);
        n->out = all;
    }
    arena_free(&a);
}

static void programs_beside_break_what_they_broke(void **state)
{
    Rewritten r = { .path = "tests/unit/near_rules.txt" };
    (void)state;
    for (int i = 0; i < RULE_COUNT; i++) {
        if (rules[i].heavy || rules[i].spelled || i == RULE_weight_record) continue;
        for (const RulePrograms *k = rules[i].programs; k->breaks; k++) {
            Near n = { .rule = i, .chip = micro_chip(i, k), .out = &r.text };
            assert_non_null(n.chip);
            one_program(&n, k->breaks, "breaks");
            one_program(&n, k->keeps, "keeps");
        }
    }
    rewritten_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(
        programs_beside_break_what_they_broke) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
