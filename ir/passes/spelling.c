/* spelling.c -- two passes that change how a program is written and not what it computes: its
 * version, and names that its text cannot have. */
#include "passes.h"

#include "../ir.h"
#include "../mil/mil.h"

#include <string.h>

/* ---- spelling ---------------------------------------------------------------------------- */

/* The program version decides how scalars are written; without buildInfo the in-memory route of
 * the engine's framework gives a nil descriptor. */

/* Which versions Apple's compiler writes an opset with; NULL: either, the target decides. */
static const struct {
    Opset opset;
    const char *version;
} written_with[] = {
    { OPSET_IOS15, "1.0" }, { OPSET_IOS16, "1.0" }, { OPSET_IOS17, NULL },
    { OPSET_IOS18, "1.3" }, { OPSET_IOS26, "1.3" },
};

int pass_spelling(Module *m, const PassOptions *o, Diag *d)
{
    (void)d;
    const char *version = target_version(o->target);
    int changes = 0;
    Opset newest = OPSET_NONE;
    for (const Func *f = m->first; f; f = f->next)
        if (f->opset > newest) newest = f->opset;
    for (size_t i = 0; i < COUNT(written_with); i++)
        if (written_with[i].opset == newest && written_with[i].version)
            version = written_with[i].version;
    if (strcmp(m->version, version) != 0) {
        m->version = version;
        changes++;
    }
    return changes + build_info_make(m);
}

/* ---- names ------------------------------------------------------------------------------- */

/* Inner values whose names are words of MIL's own text, or that a target's compiler takes for
 * its own, get others: Apple's reader takes the keywords as such where a value stands. Inputs
 * and results are the user's and are never renamed: the rule reports them. A name attribute
 * that repeats the name of a value follows it. */
typedef struct {
    const RuleSet *rules;
    Func *func;
    int changes;
} Renaming;

static void rename_value(Renaming *r, Value *v)
{
    if (!v->name || is_result(v)) return;
    if (!mil_is_word(v->name)
        && !(rule_fixes(r->rules, RULE_names) && rule_name_taken(v->name)))
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
    for (r.func = m->first; r.func; r.func = r.func->next)
        func_walk(r.func, rename_visit, &r);
    return r.changes;
}
