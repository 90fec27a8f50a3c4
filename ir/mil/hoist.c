/* hoist.c -- a literal of an argument that is in a weight file, or goes to one, becomes a
 * const.
 *
 * MIL text of Apple's compiler has BLOBFILE in constants and in the attributes of constexpr
 * operations alone; no compiler is known to read it inside of an argument. */
#include "mil.h"

static bool hoist_value(void *ctx, Op *op)
{
    Module *m = ctx;
    const Func *f = op->parent->func;
    Diag quiet = { .quiet = true };
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++) {
            const Value *v = op->arg[i].val[k];
            if (v->name || !value_lit(v)) continue;
            if (value_lit(v)->kind != CONST_BLOB
                && !const_leaves_text(f, value_lit(v), CONST_FILE_MIN))
                continue;
            Builder b = builder_at(op->parent, op, &quiet, op_loc(op));
            const char *of = op->nout ? op->out[0]->name : op_name(op);
            const char *name = arena_printf(&m->arena, "%s_%s", of, arg_name(&op->arg[i]));
            op_put_arg(op, i, k, build_const(&b, name, value_lit(v)));
        }
    diag_free(&quiet);
    return true;
}

void mil_hoist(Module *m)
{
    for (Func *f = m->first; f; f = f->next) func_walk(f, hoist_value, m);
}
