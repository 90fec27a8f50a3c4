/* dce.c -- drops ops whose results nothing needs. */
#include "passes.h"

static void dce_mark(ValueSet *live, Value *const *val, int n)
{
    for (int i = 0; i < n; i++) value_set_put(live, val[i], true);
}

/* Of what table rows do not say anything is assumed; effects are kept. */
static bool has_effect(const Op *op)
{
    return op->keep || op->kind == OP_NONE || !op->nout
        || (ops[op->kind].flags & F_IMPURE);
}

static bool block_has_effect(const Block *b)
{
    for (const Op *op = b->first; op; op = op->next) {
        if (has_effect(op)) return true;
        for (int i = 0; i < op_nblock(op); i++)
            if (block_has_effect(op_block(op, i))) return true;
    }
    return false;
}

static bool is_live(const ValueSet *live, const Op *op)
{
    if (has_effect(op)) return true;
    for (int i = 0; i < op->nout; i++)
        if (value_set_has(live, op->out[i])) return true;
    for (int i = 0; i < op_nblock(op); i++)
        if (block_has_effect(op_block(op, i))) return true;
    return false;
}

/* Backward through a block, one sweep is enough: uses follow definitions. */
static int dce_sweep(ValueSet *live, Block *b)
{
    int dropped = 0;
    dce_mark(live, b->result, b->nresult);
    for (Op *op = b->last, *prev; op; op = prev) {
        prev = op->prev;
        if (!is_live(live, op)) {
            op_unlink(op);
            dropped++;
            continue;
        }
        for (int i = 0; i < op->narg; i++)
            dce_mark(live, op->arg[i].val, arg_count(&op->arg[i]));
        for (int i = op_nblock(op); i-- > 0;) dropped += dce_sweep(live, op_block(op, i));
    }
    return dropped;
}

int pass_dce(Module *m, const PassOptions *o, Diag *d)
{
    (void)o, (void)d;
    int dropped = 0;
    ValueSet live = { 0 };
    for (Func *f = m->first; f; f = f->next) dropped += dce_sweep(&live, f->body);
    value_set_free(&live);
    return dropped;
}
