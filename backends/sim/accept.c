/* accept.c -- decides, by the rules of a chip, whether its compiler takes a program.
 *
 * The error is in the words that users of the engine see, which tell no reason; notes tell
 * which rules are broken. A rule counts where it stands as reported or better, so a
 * contradicted one refuses nothing. Rules about silently wrong results refuse nothing
 * either: the results of their op are spoiled instead. */
#include "sim.h"

#include <string.h>

enum { MAX_NOTES = 8 };

typedef struct {
    const RuleSet *rules;
    Diag *diag;
    Arena *arena;
    SimEngine *engine;
    int broken; /* rules that refuse */
    bool ok;
} Judge;

/* ---- weights ----------------------------------------------------------------------------- */

static void check_literal(Judge *j, const Const *c)
{
    size_t n;
    if (!c || c->kind != CONST_BLOB || !shape_count(&c->type->shape, &n)) return;
    const WeightFile *w = c->file;
    if (!w) j->ok = false;
    if (!w || w->absent || weight_data(w, j->diag, c->loc, c->offset, c->type->dtype, n))
        return;
    diag_note(
        j->diag, (Loc){ 0 },
        "users of %s see: _ANECompiler : ANECCompile() FAILED (InvalidMILProgram); or the engine "
        "computes with garbage",
        j->rules->target->name);
    j->ok = false;
}

static bool check_weights(void *ctx, const Op *op)
{
    Judge *j = ctx;
    Attr one;
    const Attrs attrs = op_attrs(op, &one);
    for (int i = 0; i < attrs.count; i++) check_literal(j, attrs.at[i].val);
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++)
            if (!op->arg[i].val[k]->def) check_literal(j, value_lit(op->arg[i].val[k]));
    return j->ok;
}

/* ---- rules ------------------------------------------------------------------------------- */

static void accept_refuse(Judge *j, const RuleBreak *b)
{
    if (!j->broken++)
        diag_error(j->diag, b->loc,
                   "sim:%s refuses this program: _ANECompiler : ANECCompile() FAILED "
                   "(CompilationFailure)",
                   j->rules->target->name);
    if (j->broken <= MAX_NOTES)
        diag_note(j->diag, b->loc, "%s [%s: %s]%s", b->message, j->rules->target->name,
                  b->rule->name,
                  b->rule->effect == FX_CRASH ? "; its compiler crashes" : "");
}

static void accept_spoil(Judge *j, const RuleBreak *b)
{
    SimEngine *e = j->engine;
    if (!b->op) {
        e->all_spoiled = true;
        return;
    }
    ARENA_ROOM(j->arena, e->spoiled, e->nspoiled, e->cap);
    e->spoiled[e->nspoiled++] = (Spoiled){ b->op, (int)(b->rule - rules) };
}

/* Silent faults that are simulated as what they are, or that running through surfaces avoids.
 * A number about the ops that a rule names is for them alone (sim_op.c). */
static bool accept_simulated(const char *rule)
{
    if (rule_find(rule) == RULE_transposed_products) return false;
    static const char *const elsewhere[] = { "slot-order", "weight-record" };
    for (size_t i = 0; i < COUNT(elsewhere); i++)
        if (!strcmp(elsewhere[i], rule)) return true;
    return number_has_rule(rule);
}

static void accept_judge(void *ctx, const RuleBreak *b)
{
    Judge *j = ctx;
    if (b->standing < STAND_REPORTED) return;
    if (b->rule->effect == FX_REFUSED || b->rule->effect == FX_CRASH) accept_refuse(j, b);
    else if (b->rule->effect == FX_WRONG && !accept_simulated(b->rule->name))
        accept_spoil(j, b);
}

bool sim_accepts(const Module *m, const Func *f, const RuleSet *rs, Diag *d, Arena *a,
                 SimEngine *e)
{
    Judge j = { .rules = rs, .diag = d, .arena = a, .engine = e, .ok = true };
    func_read(f, check_weights, &j);
    if (!j.ok || rules_check(m, rs, d, accept_judge, &j) < 0) return false;
    if (!j.broken) return true;
    if (j.broken > MAX_NOTES)
        diag_note(d, (Loc){ 0 }, "and %d more; anec --check --target %s shows all",
                  j.broken - MAX_NOTES, rs->target->name);
    diag_note(d, (Loc){ 0 },
              "--target %s rewrites a program for the chip, and --explain has the "
              "evidence of a rule; sim:CHIP runs the text as it is given",
              rs->target->name);
    return false;
}
