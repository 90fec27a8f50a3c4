/* micro.c -- small programs as text, and the chips on which they break a rule. */
#include "micro.h"

#include "../../ir/mil/mil.h"
#include "unit.h"

#include <string.h>

const char *micro_text(Arena *a, const char *opset, const char *text)
{
    if (!strncmp(text, "program(", 8)) return text;
    const char *body = strchr(text, '|'), *results = body ? strrchr(text, '|') : NULL;
    if (!results) fail_msg("a program is inputs | ops | results: %s", text);
    return arena_printf(
        a,
        "program(1.3)\n[buildInfo = dict<string, string>({{\"coremlc-version\", "
        "\"3505.4.1\"}})]\n{\n    func main<%s>(%.*s) {\n%.*s\n    } -> (%s);\n}\n",
        opset, (int)(body - text), text, (int)(results - body - 1), body + 1,
        results + 1);
}

Module *micro_read(Arena *a, Diag *d, const char *opset, const char *text)
{
    Source *src = NEW(a, Source);
    src->name = "case.mil";
    src->text = micro_text(a, opset, text);
    src->len = strlen(src->text);
    Module *m = mil_read(d, src, NULL);
    if (!m || !module_verify(m, d, NULL)) fail_msg("%s\n%s", d->text.s, src->text);
    return m;
}

const char *micro_short(Arena *a, const char *text)
{
    enum { LONG = 4000 };
    const char *func = strstr(text, "func "), *in = func ? strchr(func, '(') : NULL,
               *body = in ? strstr(in, ") {") : NULL,
               *out = body ? strstr(body, "} -> (") : NULL;
    if (!out || strstr(out, "func ") || strlen(text) > LONG) return NULL;
    const char *results = out + strlen("} -> (");
    return arena_printf(a, "%.*s | %.*s | %.*s", (int)(body - in - 1), in + 1,
                        (int)(out - body - 3), body + 3, (int)strcspn(results, ")"),
                        results);
}

typedef struct {
    const Rule *rule;
    int count;
} MicroBreaks;

static void micro_count(void *ctx, const RuleBreak *b)
{
    MicroBreaks *c = ctx;
    c->count += b->rule == c->rule;
}

int micro_breaks(const Target *chip, int rule, const char *text)
{
    Diag d = { .quiet = true };
    const Source src = { .name = "case.mil", .text = text, .len = strlen(text) };
    RuleSet rs;
    MicroBreaks c = { .rule = &rules[rule] };
    ruleset_init(&rs, chip, NULL);
    rs.doubts = true;
    Module *m = mil_read(&d, &src, "/nowhere");
    if (m) rules_check(m, &rs, &d, micro_count, &c);
    module_free(m);
    diag_free(&d);
    return c.count;
}

const Target *micro_chip(int rule, const RulePrograms *pair)
{
    const Target *chip;
    for (int i = 0; (chip = generation_at(i)); i++)
        if (micro_breaks(chip, rule, pair->breaks)
            && !micro_breaks(chip, rule, pair->keeps))
            return chip;
    return NULL;
}
