/* legal_files.c -- weights in more files than a target takes become literals that the writer
 * puts into one file. Their bytes stay mapped and are not read here. */
#include "legal.h"

#include <string.h>

enum { MOST = 256 };

typedef struct {
    Module *m;
    Diag *diag;
    const Func *func;
    const WeightFile *file[MOST];
    int count;
    bool fresh; /* some that the writer puts into a file, which is then another one */
    int changes;
} Files;

/* What stands for the literal c, or c itself. */
typedef const Const *EachConst(Files *f, const Const *c);

typedef struct {
    Files *files;
    EachConst *fn;
} FilesWalk;

static bool files_visit(void *ctx, Op *op)
{
    const FilesWalk *w = ctx;
    Attr one;
    const Attrs attrs = op_attrs(op, &one);
    for (int i = 0; i < attrs.count; i++) {
        const Const *was = attrs.at[i].val, *c = w->fn(w->files, was);
        if (c != was) op_set_attr(op->parent->func->module, op, attrs.at[i].name, c);
    }
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++) {
            Value *v = op->arg[i].val[k];
            if (!v->name && value_lit(v)) value_set_lit(v, w->fn(w->files, value_lit(v)));
        }
    return !w->files->diag->errors;
}

static void each_const(Files *f, EachConst *fn)
{
    FilesWalk w = { f, fn };
    for (Func *g = f->m->first; g; g = g->next) {
        f->func = g;
        func_walk(g, files_visit, &w);
    }
}

static const Const *count_file(Files *f, const Const *c)
{
    if (c->kind != CONST_BLOB || !c->file) {
        f->fresh |= c->kind != CONST_BLOB && const_in_file(f->func, c);
        return c;
    }
    for (int i = 0; i < f->count && i < MOST; i++)
        if (f->file[i] == c->file) return c;
    if (f->count < MOST) f->file[f->count] = c->file;
    f->count++;
    return c;
}

/* A weight of an absent file stays what it is. */
static const Const *files_loose(Files *f, const Const *c)
{
    size_t n;
    if (c->kind != CONST_BLOB || !c->file || c->file->absent) return c;
    if (!shape_count(&c->type->shape, &n)) return c;
    const void *data = weight_data(c->file, f->diag, c->loc, c->offset, c->type->dtype,
                                   n);
    if (!data) return c;
    const Const as = { .type = c->type,
                       .kind = CONST_FILE,
                       .loc = c->loc,
                       .file = c->file,
                       .src = c->type->dtype,
                       .src_data = data,
                       .in_file = true };
    if (!const_in_file(f->func, &as)) return c; /* it would be spelled out instead */
    Const *out = NEW(&f->m->arena, Const);
    *out = as;
    f->changes++;
    return out;
}

/* The number of weights that moved; -1 after an error. */
static int files_join(Module *m, Diag *d)
{
    Files f = { .m = m, .diag = d };
    const int errors = diag_wrong(d);
    each_const(&f, count_file);
    if (!f.count || f.count + f.fresh < 2) return 0;
    each_const(&f, files_loose);
    return errors == diag_wrong(d) ? f.changes : -1;
}

bool weights_join(Module *m, Diag *d) { return files_join(m, d) >= 0; }

int pass_weights(Module *m, const PassOptions *o, Diag *d)
{
    bool asked = false;
    for (const Func *f = m->first; f; f = f->next)
        asked = asked || rule_asks(o->rules, RULE_weight_files, f, NULL)
             || rule_asks(o->rules, RULE_one_weight_file, f, NULL);
    return asked ? files_join(m, d) : 0;
}
