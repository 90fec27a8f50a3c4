/* flat_weights.c -- constants while a plan is made: what is compressed is decoded when an op first
 * reads it, zeros that an op makes need not be there, and what kernels have packed is let go once no
 * other op needs it. */
#include "flat_pack.h"

#include <math.h>

/* ---- who reads what ---------------------------------------------------------------------- */

static void count_list(FlatPlan *p, const int *slot, int n, bool zeros)
{
    for (int i = 0; i < n; i++) {
        if (slot[i] < 0) continue;
        p->slot[slot[i]].readers++;
        p->slot[slot[i]].zero_readers += zeros;
    }
}

void weights_count(FlatPlan *p, const Steps *b)
{
    for (int i = 0; i < b->nstep; i++) {
        const Step *s = &b->step[i];
        for (int k = 0; k < s->narg; k++)
            count_list(p, s->arg[k].slot, s->arg[k].n,
                       fast_of(s->op)->zeros == s->arg[k].param);
        for (int k = 0; k < op_nblock(s->op); k++) weights_count(p, s->block[k]);
    }
    count_list(p, b->result, b->block->nresult, false);
}

/* ---- decoding ---------------------------------------------------------------------------- */

/* A small one is decoded at once: that takes less than reading it again and again would. */
enum { CODED_LEAST = 4096 };

bool weights_wait(Make *m, const Step *s, Call *c)
{
    size_t n;
    if (!(c->info->flags & F_CONSTEXPR) || c->nout != 1
        || !shape_count(&c->out[0]->shape, &n) || n < CODED_LEAST)
        return false;
    FlatSlot *f = &m->p->slot[s->out[0]];
    f->coded = c;
    f->kind = ROOT_CONST;
    f->type = c->out[0];
    return m->p->how.fused || weights_decode(m, s->out[0]); /* which is shown */
}

bool weights_zeros(Make *m, const Step *s, Call *c)
{
    FlatSlot *f = &m->p->slot[s->out[0]];
    const int value = step_slot(s, P_value);
    const Tensor *v = value < 0 ? NULL : m->p->slot[value].known;
    if (c->info->eval != eval_fills || !m->p->how.fused || f->readers != f->zero_readers
        || dtypes[c->out[0]->dtype].bits < 8)
        return false;
    if (value >= 0
        && (!v || v->count != 1 || tensor_float(v, 0) != 0
            || signbit(tensor_float(v, 0))))
        return false;
    f->coded = c;
    f->zeros = true;
    f->kind = ROOT_CONST;
    f->type = c->out[0];
    return true;
}

bool weights_decode(Make *m, int slot)
{
    FlatSlot *f = &m->p->slot[slot];
    Tensor res[MAX_RESULT] = { { 0 } };
    if (!f->coded || f->known) return true;
    Call again = *f->coded;
    again.nout = 0;
    if (!call_run(&again, res, MAX_RESULT)) return false;
    Tensor *t = flat_hold(m->p);
    *t = res[0];
    tensor_follow(m->p->owner, t);
    f->known = t;
    f->type = type_tensor(&m->p->arena, t->dtype, t->shape);
    return true;
}

/* ---- letting go -------------------------------------------------------------------------- */

void weights_read(const FlatLower *l, ParamId param)
{
    const int slot = lower_slot(l, param);
    const Const *lit = slot < 0 ? NULL : l->p->plan->slot[slot].lit;
    if (lit) const_let_go(lit);
}

void weights_packed(const FlatLower *l, ParamId param)
{
    const int slot = lower_slot(l, param);
    FlatSlot *f = &l->p->slot[slot];
    weights_read(l, param);
    if (--f->readers > 0 || !f->known || !l->p->how.fused) return;
    for (int i = 0; i < l->p->nheld; i++)
        if (l->p->held[i] == f->known && f->known->owned) {
            tensor_free(l->p->held[i]);
            f->known = NULL;
            return;
        }
}
