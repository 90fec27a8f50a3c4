/* composites.c -- expands ops that MIL does not have into those that it has. */
#include "pass.h"

typedef struct {
    Diag *diag;
    int changes;
    bool failed;
} Expanding;

static bool composites_visit(void *ctx, Op *op)
{
    Expanding *e = ctx;
    if (op->kind == OP_NONE || !(ops[op->kind].flags & F_COMPOSITE)) return true;
    Value *results[MAX_RESULT] = { NULL };
    Builder b = before_op(op, e->diag);
    if (!ops[op->kind].expand(&b, op, results)) {
        e->failed = true;
        return false;
    }
    Func *f = op->parent->func;
    for (int i = 0; i < op->nout; i++) {
        const char *name = op->out[i]->name;
        func_replace_uses(f, op->out[i], results[i]);
        if (!results[i]->def || !is_result(results[i])) continue;
        results[i]->name = name;
        op_set_name(f->module, results[i]->def, name);
    }
    op_unlink(op);
    e->changes++;
    return true;
}

int pass_composites(Module *m, const PassOptions *o, Diag *d)
{
    (void)o;
    Expanding e = { .diag = d };
    for (Func *f = m->first; f; f = f->next)
        if (!func_walk(f, composites_visit, &e)) break;
    return e.failed ? -1 : e.changes;
}
