/* check.c -- checks a program against the rules of a target: walks it, calls the match of each
 * rule, and reports what is broken. */
#include "rules.h"

#include <string.h>

/* ---- reporting --------------------------------------------------------------------------- */

static const char *finding_text(Arena *a, const Rule *r)
{
    return r->finding ? arena_printf(a, ", %s", r->finding) : "";
}

/* How it stands, for which chip, and where that is from. */
static void check_explain(const RuleCheck *c, const RuleBreak *b)
{
    const Rule *r = b->rule;
    const char *target = c->rules->target->name;
    diag_note(c->diag, (Loc){ 0 },
              "on the engine: %s; %s for %s%s, anec --explain %s has the evidence",
              r->happens, standing_names[b->standing], target,
              c->rules->profiled[c->rule] ? " in the profile" : "", r->name);
    if (b->left)
        diag_note(c->diag, (Loc){ 0 }, "fix: %s; no pass applies it: %s", r->fix,
                  b->left);
    else if (c->rules->doubts && rule_fixes(c->rules, c->rule))
        diag_note(c->diag, (Loc){ 0 }, "fix: %s; anec --target %s applies it (pass %s)",
                  r->fix, target, r->pass);
    else diag_note(c->diag, (Loc){ 0 }, "fix: %s", r->fix);
}

static void check_report(RuleCheck *c, const RuleBreak *b)
{
    const Rule *r = b->rule;
    const char *more = finding_text(c->scratch, r);
    if (b->standing == STAND_CONTRADICTED && b->level == LEVEL_WARNING
        && !c->rules->each_doubt && c->rules->wish[c->rule] == WISH_NONE) {
        c->doubted[c->rule] = true;
        return;
    }
    const bool once =
        b->level
        == LEVEL_WARNING; /* a doubt about an operation need not be said of each */
    if (once && c->func && c->said[c->rule] == c->func) return;
    c->said[c->rule] = c->func;
    if (b->level == LEVEL_ERROR)
        diag_error(c->diag, b->loc, "%s [%s: %s%s]", b->message, c->rules->target->name,
                   r->name, more);
    else
        diag_warn(
            c->diag, b->standing == STAND_CONTRADICTED ? WARN_CONTRADICTED : WARN_RULE,
            b->loc, "%s [%s: %s%s]", b->message, c->rules->target->name, r->name, more);
    check_explain(c, b);
}

static void check_broken(RuleCheck *c, Standing s, Loc loc, const char *fmt, va_list ap)
{
    RuleLevel level = rule_level(c->rules, c->rule, s);
    c->broken++;
    c->asking += !c->left && !rules[c->rule].left;
    if (c->silent) return;
    if (level == LEVEL_OFF) return;
    if (level == LEVEL_ERROR) c->errors++;
    RuleBreak b = { .rule = &rules[c->rule],
                    .level = level,
                    .standing = s,
                    .func = c->func,
                    .op = c->op,
                    .loc = loc,
                    .message = arena_vprintf(c->scratch, fmt, ap),
                    .left = c->left ? c->left : rules[c->rule].left };
    if (c->sink) c->sink(c->ctx, &b);
    else check_report(c, &b);
}

void rule_broken(RuleCheck *c, Loc loc, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    check_broken(c, rule_stands(c->rules, c->rule), loc, fmt, ap);
    va_end(ap);
}

void rule_broken_as(RuleCheck *c, Standing s, Loc loc, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    check_broken(c, s, loc, fmt, ap);
    va_end(ap);
}

/* ---- which rules look at what ------------------------------------------------------------ */

static bool check_applies(const Rule *r, const char *op)
{
    if (!r->ops || !strcmp(r->ops, "*")) return true;
    const size_t n = strlen(op);
    for (const char *s = n ? r->ops : NULL; s && (s = strstr(s, op)); s += n)
        if (s > r->ops && s[-1] == ' ' && s[n] == ' ') return true;
    return false;
}

/* For each kind of op the rules that look at it, found once: programs have thousands of
 * ops. */
typedef struct {
    /* rule_of[at[k] .. at[k + 1]): of op kind k; the last is for OP_NONE */
    int at[OP_COUNT + 2];
    int *rule_of;
} Index;

static bool check_asked(const RuleCheck *c, int rule)
{
    const Rule *r = &rules[rule];
    return r->match && rule_level(c->rules, rule, rule_stands(c->rules, rule));
}

static void make_index(RuleCheck *c, Index *x, Arena *a)
{
    int n = 0;
    x->rule_of = NEW_ARRAY(a, (OP_COUNT + 1) * RULE_COUNT, int);
    for (int k = 0; k <= OP_COUNT; k++) {
        x->at[k] = n;
        for (int i = 0; i < RULE_COUNT; i++)
            if (rules[i].on == ON_OP && check_asked(c, i)
                && check_applies(&rules[i], k < OP_COUNT ? ops[k].name : ""))
                x->rule_of[n++] = i;
    }
    x->at[OP_COUNT + 1] = n;
}

/* What may be so, since it was reported, and may not, since another finding contradicts it. */
static void check_doubts(const RuleCheck *c)
{
    Buf b = { 0 };
    int n = 0;
    for (int i = 0; i < RULE_COUNT; i++)
        if (c->doubted[i]) buf_printf(&b, "%s%s", n++ ? ", " : "", rules[i].name);
    if (n)
        diag_warn(c->diag, WARN_CONTRADICTED, (Loc){ 0 },
                  "%s: %d rule%s that other findings contradict may be broken: %s; "
                  "-Wcontradicted shows where, --explain what is known",
                  c->rules->target->name, n, n > 1 ? "s" : "", b.s);
    buf_free(&b);
}

typedef struct {
    RuleCheck *check;
    Index index;
} CheckWalk;

static void check_ask(RuleCheck *c, int rule)
{
    Arena scratch = { 0 };
    c->rule = rule;
    c->scratch = &scratch;
    rules[rule].match(c);
    c->scratch = NULL;
    arena_free(&scratch);
}

static bool check_visit(void *ctx, const Op *op)
{
    CheckWalk *w = ctx;
    const int k = op->kind == OP_NONE ? OP_COUNT : op->kind;
    if (op_on_processor(op)) return true;
    w->check->op = op;
    for (int i = w->index.at[k]; i < w->index.at[k + 1]; i++)
        check_ask(w->check, w->index.rule_of[i]);
    w->check->op = NULL;
    return true;
}

static void ask_all(RuleCheck *c, RuleOn on)
{
    for (int i = 0; i < RULE_COUNT; i++)
        if (rules[i].on == on && check_asked(c, i)) check_ask(c, i);
}

int rules_check(const Module *m, const RuleSet *rs, Diag *d, RuleSink *sink, void *ctx)
{
    const Func *said[RULE_COUNT] = { NULL };
    bool doubted[RULE_COUNT] = { false };
    RuleCheck c = { .said = said,
                    .doubted = doubted,
                    .rules = rs,
                    .module = m,
                    .diag = d,
                    .sink = sink,
                    .ctx = ctx };
    Arena a = { 0 };
    CheckWalk w = { .check = &c };
    make_index(&c, &w.index, &a);
    ask_all(&c, ON_MODULE);
    for (c.func = m->first; c.func; c.func = c.func->next) {
        if (func_on_processor(c.func)) continue; /* nothing of it is the engine's */
        ask_all(&c, ON_FUNC);
        func_read(c.func, check_visit, &w);
    }
    arena_free(&a);
    check_doubts(&c);
    return d->fails ? -1 : c.errors;
}

/* ---- for passes -------------------------------------------------------------------------- */

static RuleCheck check_silent(const RuleSet *rs, int rule, const Func *f, const Op *op)
{
    RuleCheck c = {
        .rules = rs, .module = f->module, .func = f, .op = op, .silent = true
    };
    const Rule *r = &rules[rule];
    if (r->match && (!op || check_applies(r, op_name(op)))) check_ask(&c, rule);
    return c;
}

bool rule_matches(const RuleSet *rs, int rule, const Func *f, const Op *op)
{
    return check_silent(rs, rule, f, op).broken > 0;
}

double rules_slower(const RuleSet *rs, const Func *f, const Op *op)
{
    double most = 1;
    for (int i = 0; i < RULE_COUNT; i++)
        if (rules[i].slower > most && rs->stand[i] >= STAND_CONTRADICTED
            && rule_matches(rs, i, f, op))
            most = rules[i].slower;
    return most;
}

bool rule_asks(const RuleSet *rs, int rule, const Func *f, const Op *op)
{
    return rule_fixes(rs, rule) && check_silent(rs, rule, f, op).asking > 0;
}
