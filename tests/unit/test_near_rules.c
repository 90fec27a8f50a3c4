/* test_near_rules.c -- programs beside those that break a rule and those that keep it: one
 * number another wherever it stands, the sides of operations exchanged, other types, truths.
 * Which rules these break on the rule's chip, and what the passes make of them for it, is held against near_rules.txt; `make golden`
 * writes that anew. */
#include "near.h"
#include "rewritten.h"
#include "unit.h"

#include "../../backends/probe/probe.h"
#include "../../ir/mil/mil.h"

typedef struct {
    int rule;
    const char *chip, *breaks, *keeps;
} Case;

static const Case cases[] = {
#define CASE(id, chip, breaks, keeps) { RULE_##id, #chip, breaks, keeps },
#define HEAVY(id) { RULE_##id, NULL, NULL, NULL },
#include "../../backends/probe/probes.def"
};

static bool is_heavy(int rule)
{
    for (size_t i = 0; i < COUNT(cases); i++)
        if (cases[i].rule == rule && !cases[i].chip) return true;
    return false;
}

typedef struct {
    const Case *c;
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
    src->text = micro_text(&a, text);
    src->len = strlen(src->text);
    ruleset_init(&rs, target_find(n->c->chip), NULL);
    rs.doubts = true;
    Module *m = mil_read(&d, src, "/nowhere");
    const bool ok = m && module_verify(m, &d, NULL) && rules_check(m, &rs, &d, note, &f) >= 0;
    if (ok) buf_printf(n->out, "    %s:", by);
    for (int i = 0; ok && i < RULE_COUNT; i++)
        if (f.broken[i])
            buf_printf(n->out, f.broken[i] > 1 ? " %s*%d" : " %s", rules[i].name, f.broken[i]);
    if (ok && f.said != NEAR_START)
        buf_printf(n->out, " %08llx", (unsigned long long)(f.said >> 32));
    if (ok) buf_puts(n->out, "; ");
    if (ok) near_rewrite(n->out, m, &(PassOptions){ .target = target_find(n->c->chip) });
    if (ok) buf_putc(n->out, '\n');
    n->programs += ok;
    module_free(m);
    diag_free(&d);
    arena_free(&a);
}

static void one_program(Buf *out, const Case *c, const char *text, const char *what)
{
    Arena a = { 0 };
    Near n = { .c = c, .out = out };
    if (!strchr(text, '|')) return; /* it is made, or stands in a file */
    buf_printf(out, "%s on %s %s\n", rules[c->rule].name, c->chip, what);
    near_each(&a, text, check, &n);
    arena_free(&a);
}

static void programs_beside_break_what_they_broke(void **state)
{
    Rewritten r = { .path = "tests/unit/near_rules.txt" };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (!cases[i].chip || is_heavy(cases[i].rule)) continue;
        one_program(&r.text, &cases[i], cases[i].breaks, "breaks");
        one_program(&r.text, &cases[i], cases[i].keeps, "keeps");
    }
    rewritten_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(
        programs_beside_break_what_they_broke) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
