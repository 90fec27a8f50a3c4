/* rules.c -- the tables of rules, limits and operations, and their standing for one target. */
#include "rules.h"

#include "probes_texts.h"

#include <ctype.h>
#include <string.h>

const char *const standing_names[STAND_COUNT] = {
    [STAND_UNKNOWN] = "nothing known",
    [STAND_NOT] = "seen not to hold",
    [STAND_CONTRADICTED] = "contradicted",
    [STAND_REPORTED] = "reported",
    [STAND_DERIVED] = "derived",
    [STAND_MEASURED] = "measured by one",
    [STAND_MEASURED_OFTEN] = "measured by several",
};

const char standing_letters[] = "??.crdmM";

const char *const effect_names[FX_COUNT] = {
    [FX_REFUSED] = "refused", [FX_CRASH] = "crash", [FX_WRONG] = "wrong",
    [FX_NUMERIC] = "numeric", [FX_SLOW] = "slow",
};

const Rule rules[RULE_COUNT] = {
#define RULE(id, n, ...) [RULE_##id] = { .name = n, probes_##id, __VA_ARGS__ },
#define UNSHOWN(id, n, why, ...) [RULE_##id] = { .name = n, .left = why, __VA_ARGS__ },
#include "rules.def"
};

const Limit limits[LIMIT_COUNT] = {
#define LIMIT(id, n, u, ev, ag) \
    [LIMIT_##id] = { .name = n, .unit = u, .evidence = ev, .against = ag },
#include "limits.def"
};

const LimitChange limit_changes[] = {
#define LIMIT(...)
#define LIMIT_FROM(id, r, n, ev) \
    { .limit = LIMIT_##id, .from = r, .number = n, .evidence = ev },
#include "limits.def"
};
const int limit_change_count = (int)COUNT(limit_changes);

const ChipFacts op_refusals[OP_COUNT] = {
#define OP(name, ...) [OP_##name] =
#define CHIPS(f, ...) f,
#include "../ops/ops.def"
};

const Support op_support[OP_COUNT] = {
#define OP(name, ...) [OP_##name] =
#define CHIPS(f, n, ev, ag) { .note = n, .evidence = ev, .against = ag },
#include "../ops/ops.def"
};

/* ---- chips ------------------------------------------------------------------------------- */

bool target_has_rules(const Target *t)
{
    return t->chip >= 0 || !strcmp(t->name, targets[TARGET_generic].name);
}

static bool names_chip(const Target *t, const ChipFacts *f)
{
    while (f->of[t->chip] == STAND_UNNAMED && target_base(t)) t = target_base(t);
    return f->of[t->chip] != STAND_UNNAMED;
}

Standing op_standing(const Target *t, const ChipFacts *refused)
{
    for (int i = 0; i < chip_count; i++)
        if ((t->chip < 0 || t->chip == i) && !names_chip(chip_at(i), refused))
            return STAND_DERIVED;
    return target_standing(t, refused);
}

/* Of generic the least that is known of any chip. */
static int64_t limit_for(const Target *t, int limit)
{
    int64_t least = chip_limit(t, limit);
    for (int i = 0; t->chip < 0 && i < chip_count; i++) {
        const int64_t one = chip_limit(chip_at(i), limit);
        if (one >= 0 && (least < 0 || one < least)) least = one;
    }
    return least;
}

/* ---- releases ---------------------------------------------------------------------------- */

/* Words of a row's `os`: "27.2+" bounds from below, "<27" from above, others bound nothing. */
bool rule_on_release(int rule, const char *os)
{
    const int at = release_number(os, strlen(os));
    for (const char *s = rules[rule].os; s && *s; s += strspn(s, " ")) {
        const size_t n = strcspn(s, " ");
        if (s[n - 1] == '+' && at < release_number(s, n - 1)) return false;
        if (s[0] == '<' && at >= release_number(s + 1, n - 1)) return false;
        s += n;
    }
    return true;
}

static void change_limits(RuleSet *rs)
{
    const int at = release_number(rs->os, strlen(rs->os));
    for (int i = 0; i < limit_change_count; i++) {
        const LimitChange *c = &limit_changes[i];
        if (!rs->limit_profiled[c->limit] && rs->limit[c->limit] >= 0
            && at >= release_number(c->from, strlen(c->from)))
            rs->limit[c->limit] = c->number;
    }
}

void ruleset_release(RuleSet *rs, const char *os)
{
    snprintf(rs->os, sizeof rs->os, "%s", os);
    if (!target_has_rules(rs->target)) return;
    for (int i = 0; i < RULE_COUNT; i++)
        if (!rs->profiled[i])
            rs->stand[i] = (unsigned char)(rule_on_release(i, rs->os) ? target_standing(
                                               rs->target, &rules[i].facts)
                                                                      : STAND_UNKNOWN);
    for (int i = 0; i < LIMIT_COUNT; i++)
        if (!rs->limit_profiled[i]) rs->limit[i] = limit_for(rs->target, i);
    change_limits(rs);
}

void ruleset_init(RuleSet *rs, const Target *target, const char *asked)
{
    *rs = (RuleSet){ .target = target };
    rs->os_asked = asked && strchr(asked, ',');
    ruleset_clear(rs);
    ruleset_release(rs, release_asked(asked));
    for (int i = 0; i < OP_COUNT && target_has_rules(target); i++)
        rs->op_stand[i] = (unsigned char)op_standing(rs->target, &op_refusals[i]);
}

void ruleset_clear(RuleSet *rs)
{
    memset(rs->stand, STAND_UNKNOWN, sizeof rs->stand);
    memset(rs->op_stand, STAND_UNKNOWN, sizeof rs->op_stand);
    for (int i = 0; i < LIMIT_COUNT; i++) rs->limit[i] = -1;
}

/* ---- looking up -------------------------------------------------------------------------- */

int rule_find(const char *name)
{
    for (int i = 0; i < RULE_COUNT; i++)
        if (!strcmp(rules[i].name, name)) return i;
    return -1;
}

static bool same_word(const char *a, size_t n, const char *b)
{
    if (strlen(b) != n) return false;
    for (size_t i = 0; i < n; i++)
        if (tolower((unsigned char)a[i]) != tolower((unsigned char)b[i])) return false;
    return true;
}

static bool has_finding(const Rule *r, const char *text)
{
    for (const char *s = r->finding; s && *s; s += strspn(s, " ")) {
        size_t n = strcspn(s, " ");
        if (same_word(s, n, text)) return true;
        s += n;
    }
    return false;
}

int rule_lookup(const char *text, int *out, int max)
{
    int n = 0;
    for (int i = 0; i < RULE_COUNT; i++)
        if (n < max && (!strcmp(rules[i].name, text) || has_finding(&rules[i], text)))
            out[n++] = i;
    return n;
}

/* ---- how a rule stands ------------------------------------------------------------------- */

Standing rule_stands(const RuleSet *rs, int rule) { return (Standing)rs->stand[rule]; }

bool rule_holds(const RuleSet *rs, int rule) { return rs->stand[rule] >= STAND_REPORTED; }

bool rule_fixes(const RuleSet *rs, int rule)
{
    switch (rules[rule].fixes) {
    case FIXES_NEVER:
        return false;
    case FIXES_DOUBT:
        return rs->stand[rule] >= STAND_CONTRADICTED;
    case FIXES_PROFILE:
        return rs->profiled[rule] && rule_holds(rs, rule);
    case FIXES_HOLDS:
        return rule_holds(rs, rule);
    }
    bug("rule %s fixes at %d", rules[rule].name, (int)rules[rule].fixes);
}

Standing op_refused(const RuleSet *rs, int op)
{
    return op == OP_NONE ? STAND_UNKNOWN : (Standing)rs->op_stand[op];
}

static RuleLevel level_of(const RuleSet *rs, int rule, Standing s)
{
    const Effect e = rules[rule].effect;
    if (s < STAND_CONTRADICTED) return LEVEL_OFF;
    if (s == STAND_CONTRADICTED || e == FX_NUMERIC || e == FX_SLOW)
        return rs->doubts ? LEVEL_WARNING : LEVEL_OFF;
    return s >= STAND_DERIVED ? LEVEL_ERROR : LEVEL_WARNING;
}

RuleLevel rule_level(const RuleSet *rs, int rule, Standing s)
{
    const RuleLevel level = level_of(rs, rule, s);
    const bool known = s >= STAND_CONTRADICTED;
    switch ((Wish)rs->wish[rule]) {
    case WISH_OFF:
        return LEVEL_OFF;
    case WISH_ERROR:
        return known ? LEVEL_ERROR : LEVEL_OFF;
    case WISH_ON:
        return known && level == LEVEL_OFF ? LEVEL_WARNING : level;
    case WISH_WARNING:
        return level == LEVEL_ERROR ? LEVEL_WARNING : level;
    case WISH_NONE:
        break;
    }
    return level;
}
