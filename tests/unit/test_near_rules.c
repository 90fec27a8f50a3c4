/* test_near_rules.c -- programs beside those that break a rule and those that keep it: one
 * number another wherever it stands, the sides of operations exchanged, other types, truths.
 * Which rules these break on the rule's chip, and what the passes make of them for it, is held against near_rules.txt; `make golden`
 * writes that anew. */
#include "rewritten.h"
#include "unit.h"

#include "../../backends/probe/probe.h"
#include "../../ir/mil/mil.h"
#include "../../ir/passes/passes.h"

#include <ctype.h>

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

static void note(void *ctx, const RuleBreak *b)
{
    char *broken = ctx;
    broken[b->rule - rules]++;
}

static bool count(void *ctx, Op *op)
{
    *(int *)ctx += op->kind != OP_const;
    return true;
}

/* How many statements it becomes for the chip, and the sum of their text. */
static void put_rewritten(Buf *out, Module *m, const char *chip)
{
    Diag d = { .quiet = true };
    Buf text = { 0 };
    uint64_t h = UINT64_C(14695981039346656037);
    int n = 0;
    if (passes_run(m, &(PassOptions){ .target = target_find(chip) }, &d)) {
        func_walk(module_main(m), count, &n);
        mil_print(m, &text);
        for (size_t i = 0; i < text.len; i++)
            h = (h ^ (uint8_t)text.s[i]) * UINT64_C(1099511628211);
        buf_printf(out, "; becomes %d, %08llx", n, (unsigned long long)(h >> 32));
    }
    buf_free(&text);
    diag_free(&d);
}

/* What the program breaks; nothing where it is none. */
static void check(Near *n, const char *text, const char *by)
{
    Arena a = { 0 };
    Diag d = { .quiet = true };
    RuleSet rs;
    char broken[RULE_COUNT] = { 0 };
    Source *src = NEW(&a, Source);
    src->name = "near.mil";
    src->text = micro_text(&a, text);
    src->len = strlen(src->text);
    ruleset_init(&rs, target_find(n->c->chip), NULL);
    rs.doubts = true;
    Module *m = mil_read(&d, src, "/nowhere");
    const bool ok = m && module_verify(m, &d, NULL)
                 && rules_check(m, &rs, &d, note, broken) >= 0;
    if (ok) buf_printf(n->out, "    %s:", by);
    for (int i = 0; ok && i < RULE_COUNT; i++)
        if (broken[i])
            buf_printf(n->out, broken[i] > 1 ? " %s*%d" : " %s", rules[i].name, broken[i]);
    if (ok) put_rewritten(n->out, m, n->c->chip);
    if (ok) buf_putc(n->out, '\n');
    n->programs += ok;
    module_free(m);
    diag_free(&d);
    arena_free(&a);
}

/* The text with one word another, wherever it stands alone. */
static char *with(Arena *a, const char *text, const char *was, const char *is)
{
    Buf b = { 0 };
    const size_t n = strlen(was);
    for (const char *s = text; *s;) {
        const bool begins = s == text
                         || !(isalnum((unsigned char)s[-1]) || strchr("_.@", s[-1]));
        if (begins && !strncmp(s, was, n) && !isalnum((unsigned char)s[n]) && s[n] != '_'
            && s[n] != '.') {
            buf_puts(&b, is);
            s += n;
        } else buf_putc(&b, *s++);
    }
    char *r = arena_strndup(a, b.s, b.len);
    buf_free(&b);
    return r;
}

static void change_words(Near *n, Arena *a, const char *text)
{
    static const char *const pairs[][2] = { { "fp16", "fp32" },     { "true", "false" },
                                            { "false", "true" },    { "valid", "same" },
                                            { "relu", "identity" }, { "matmul", "mul" },
                                            { "add", "mul" },       { "mul", "add" },
                                            { "fp32", "fp16" } };
    for (size_t i = 0; i < COUNT(pairs); i++) {
        const char *other = with(a, text, pairs[i][0], pairs[i][1]);
        if (strcmp(other, text) != 0) check(n, other, pairs[i][0]);
    }
    const char *turned = with(a, with(a, with(a, text, "x", "x_y"), "y", "x"), "x_y", "y");
    if (strcmp(turned, text) != 0) check(n, turned, "x and y");
}

static void change_numbers(Near *n, Arena *a, const char *text)
{
    long seen[32];
    int count = 0;
    for (const char *s = text; *s && count < 32; s++) {
        if (!isdigit((unsigned char)*s) || isalnum((unsigned char)s[-1]) || strchr("_.", s[-1]))
            continue;
        const long v = strtol(s, NULL, 10);
        bool again = false;
        for (int i = 0; i < count; i++) again = again || seen[i] == v;
        if (again || s[strspn(s, "0123456789")] == '.') continue;
        seen[count++] = v;
        const long to[] = { v + 1, v - 1, 2 * v, 1 };
        for (size_t k = 0; k < COUNT(to); k++)
            if (to[k] >= 0 && to[k] != v && (k == 0 || to[k] != to[0]))
                check(n,
                      with(a, text, arena_printf(a, "%ld", v), arena_printf(a, "%ld", to[k])),
                      arena_printf(a, "%ld is %ld", v, to[k]));
    }
}

static void one_program(Buf *out, const Case *c, const char *text, const char *what)
{
    Arena a = { 0 };
    Near n = { .c = c, .out = out };
    if (!strchr(text, '|')) return; /* it is made, or stands in a file */
    buf_printf(out, "%s on %s %s\n", rules[c->rule].name, c->chip, what);
    check(&n, text, "as it is");
    change_words(&n, &a, text);
    change_numbers(&n, &a, text);
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
