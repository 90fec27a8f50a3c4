/* names.c -- renames inner values whose names are words of MIL's own text, or that a target's
 * compiler takes for its own.
 *
 * Apple's reader takes the keywords as such where a value stands. Inputs and results are the
 * user's and are never renamed: the rule reports them. A name attribute that repeats the name
 * of a value follows it. */
#include "../mil/mil.h"
#include "pass.h"

typedef struct {
    const RuleSet *rules;
    Func *func;
    int changes;
} Renaming;

static void rename_value(Renaming *r, Value *v)
{
    if (!v->name || is_result(v)) return;
    if (!mil_is_word(v->name)
        && !(rule_heals(r->rules, RULE_names) && rule_name_taken(v->name)))
        return;
    mil_rename_word(r->func, v);
    r->changes++;
}

static bool rename_visit(void *ctx, Op *op)
{
    Renaming *r = ctx;
    for (int i = 0; i < op->nout; i++) rename_value(r, op->out[i]);
    for (int b = 0; b < op_nblock(op); b++)
        for (int i = 0; i < op_block(op, b)->nparam; i++)
            rename_value(r, op_block(op, b)->param[i]);
    return true;
}

int pass_names(Module *m, const PassOptions *o, Diag *d)
{
    (void)d;
    Renaming r = { .rules = o->rules };
    for (r.func = m->first; r.func; r.func = r.func->next) func_walk(r.func, rename_visit, &r);
    return r.changes;
}
