/* ane_part.c -- programs of more functions than the engine takes at once.
 *
 * A request names its procedure and its surfaces by small numbers, and those are counted over
 * all functions of a program (rules symbol-count and procedure-count). Functions share nothing
 * when they run, so a module that has too many of them is cut into several programs: from the
 * first function on, as many as fit, then from the next one on. */
#include "ane_model.h"

#include "../../ir/targets/rules.h"

typedef struct {
    const Func *first;
    int n; /* functions */
    int64_t in, out;
} EnginePart;

static bool part_within(int64_t n, int64_t most) { return most < 0 || n <= most; }

/* Adds f to the part where it fits; a function that is too large by itself is a part alone,
 * which the engine then refuses by its own words. */
static bool add_func(EnginePart *p, const Func *f, const RuleSet *rs)
{
    const int64_t symbols = rule_limit(rs, LIMIT_symbols);
    const int64_t in = p->in + f->body->nparam, out = p->out + f->body->nresult;
    if (p->n
        && (!part_within(in, symbols) || !part_within(out, symbols)
            || !part_within(p->n + 1, rule_limit(rs, LIMIT_procedures))))
        return false;
    if (!p->n) p->first = f;
    p->n++;
    p->in = in;
    p->out = out;
    return true;
}

Module *ane_part(const Func *f, const Target *chip)
{
    RuleSet rs;
    EnginePart part = { 0 };
    bool found = false;
    ruleset_init(&rs, chip ? chip : target_find("generic"), NULL);
    for (const Func *g = f->module->first; g; g = g->next) {
        if (!add_func(&part, g, &rs)) {
            if (found) break;
            part = (EnginePart){ 0 };
            add_func(&part, g, &rs);
        }
        found |= g == f;
    }
    int n = 0;
    for (const Func *g = f->module->first; g; g = g->next) n++;
    return part.n == n ? NULL : func_extract_all(part.first, part.n);
}
