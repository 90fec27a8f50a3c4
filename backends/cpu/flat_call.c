/* flat_call.c -- steps that run an op's reference kernel, on values in the memory of the
 * plan. */
#include "flat.h"

#include <string.h>

/* Whether a run's own numbers may say where something is, or how much. */
static bool may_count(const Type *t)
{
    return !dtype_is_float(t->dtype) && t->shape.rank <= 1;
}

static void refer_slot(FlatLower *l, FlatStep *f, int slot)
{
    const FlatSlot *s = &l->p->slot[slot];
    if (s->known) return;
    f->read[f->nread++] = slot;
    f->asks = f->asks || may_count(s->type);
}

void flat_refer(FlatLower *l, FlatStep *f)
{
    const Step *s = l->s;
    int n = 0;
    for (int i = 0; i < s->narg; i++) n += s->arg[i].n;
    f->read = NEW_ARRAY(&l->p->arena, n + 1, int);
    for (int i = 0; i < s->narg; i++)
        for (int k = 0; k < s->arg[i].n; k++) refer_slot(l, f, s->arg[i].slot[k]);
    f->write = s->out;
    f->nwrite = s->op->nout;
    f->refers = l->c;
}

/* The tensors of arguments that a run makes, at their places. */
static void set_values(const FlatStep *f, const FlatRun *r, Call *c, Arena *scratch)
{
    const Step *s = f->step;
    for (int i = 0; i < s->narg; i++)
        for (int k = 0; k < s->arg[i].n; k++) {
            const int slot = s->arg[i].slot[k];
            const FlatSlot *from = &r->p->slot[slot];
            if (from->known) continue;
            Tensor *t = NEW(scratch, Tensor);
            *t = tensor_view(from->type->dtype, &from->type->shape, flat_at(r, slot));
            c->p[c->info->place[s->arg[i].param] - 1].v[k].val = t;
        }
}

static void set_results(const FlatStep *f, const FlatRun *r, Call *c, Arena *scratch)
{
    for (int i = 0; i < c->nout; i++) {
        Tensor *t = NEW(scratch, Tensor);
        *t = tensor_view(c->out[i]->dtype, &c->out[i]->shape,
                         flat_at(r, f->step->out[i]));
        if (t->bytes) memset(t->data, 0, t->bytes);
        c->res[i] = t;
    }
}

/* A reference kernel may have put a result into memory of its own. */
static void take_results(const FlatStep *f, const FlatRun *r, Call *c)
{
    for (int i = 0; i < c->nout; i++) {
        Tensor *t = c->res[i];
        char *at = flat_at(r, f->step->out[i]);
        if (t->bytes != type_bytes(c->out[i]))
            bug("%s resulted in another shape than was inferred", c->info->name);
        if (t->bytes && t->data != at) memcpy(at, t->data, t->bytes);
        tensor_free(t);
        c->res[i] = NULL;
    }
}

/* Where something is, or how much, is known to fit only when the run has it. */
static bool call_fits(const FlatStep *f, Call *c)
{
    const Type *planned[MAX_RESULT];
    if (!f->asks) return true;
    const int n = c->nout;
    memcpy(planned, c->out, sizeof planned);
    const bool ok = call_check(c) && c->info->infer(c);
    memcpy(c->out, planned, sizeof planned);
    c->nout = n;
    return ok;
}

bool flat_call(const FlatStep *f, FlatRun *r)
{
    Arena scratch = { 0 };
    Call *c = f->refers;
    struct Drawn *drawn = f->step->drawn;
    Arena *const planned = c->arena;
    c->arena = &scratch;
    c->diag = r->diag;
    c->random_seed = r->seed;
    if (c->info->flags & F_IMPURE) {
        if (drawn->epoch != r->epoch) *drawn = (struct Drawn){ .epoch = r->epoch };
        c->random_draw = drawn->times++;
        c->random_serial = (*r->draws)++;
    }
    set_values(f, r, c, &scratch);
    const bool fit = call_fits(f, c);
    if (fit) set_results(f, r, c, &scratch);
    const bool ok = fit && c->info->eval(c);
    if (ok) take_results(f, r, c);
    for (int i = 0; i < c->nout && fit && !ok; i++)
        if (c->res[i]) tensor_free(c->res[i]);
    c->arena = planned;
    arena_free(&scratch);
    return ok;
}
