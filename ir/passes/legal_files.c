/* legal_files.c -- weights that lie in more files than a target takes: as arrays of their own,
 * which the writer puts into one file. Their bytes stay mapped and are not touched. */
#include "legal.h"

#include <string.h>

typedef struct {
    Legal legal;
    const WeightFile **file;
    int count, most;
} Files;

static void count_file(Files *f, const WeightFile *w)
{
    for (int i = 0; i < f->count; i++)
        if (f->file[i] == w) return;
    if (f->count < f->most) f->file[f->count] = w;
    f->count++;
}

static bool count_files(void *ctx, Op *op)
{
    Files *f = ctx;
    for (int i = 0; i < op->attrs.count; i++) {
        const Const *c = op->attrs.at[i].val;
        if (c->kind == CONST_BLOB && c->file) count_file(f, c->file);
    }
    return true;
}

/* A weight of an absent file stays what it is, as do types that are packed below a byte. */
static const Const *loose(Files *f, const Const *c)
{
    size_t n;
    if (c->kind != CONST_BLOB || !c->file || c->file->absent || dtypes[c->type->dtype].bits < 8)
        return NULL;
    if (!shape_count(&c->type->shape, &n)) return NULL;
    const void *data = weight_data(c->file, f->legal.diag, c->loc, c->offset, c->type->dtype,
                                   n);
    if (!data) return NULL;
    Const *out = NEW(&f->legal.m->arena, Const);
    *out = (Const){ .type = c->type,
                    .kind = CONST_FILE,
                    .loc = c->loc,
                    .file = c->file,
                    .src = c->type->dtype,
                    .src_data = data,
                    .in_file = true };
    return out;
}

static bool loosen(void *ctx, Op *op)
{
    Files *f = ctx;
    for (int i = 0; i < op->attrs.count; i++) {
        const Const *out = loose(f, op->attrs.at[i].val);
        if (!out) continue;
        op->attrs.at[i].val = out;
        if (op->kind == OP_const && op->nout) op->out[0]->lit = out;
        f->legal.changes++;
    }
    return !f->legal.diag->errors;
}

int pass_weights(Module *m, const PassOptions *o, Diag *d)
{
    enum { MOST = 256 };
    const WeightFile *file[MOST];
    Files f = { .legal = { .m = m, .options = o, .rules = o->rules, .diag = d },
                .file = file,
                .most = MOST };
    const int errors = d->errors + d->fails;
    if (!rule_heals(o->rules, RULE_weight_files)) return 0;
    for (Func *g = m->first; g; g = g->next) func_walk(g, count_files, &f);
    if (!over_limit(o->rules, LIMIT_weight_files, f.count)) return 0;
    for (Func *g = m->first; g; g = g->next) func_walk(g, loosen, &f);
    return errors == d->errors + d->fails ? f.legal.changes : -1;
}
