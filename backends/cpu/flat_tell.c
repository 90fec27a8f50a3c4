/* flat_tell.c -- the steps of a plan, for who wants to see them (--plan). */
#include "flat.h"

static double bytes_of(const FlatPlan *p, int slot)
{
    return slot >= 0 && p->slot[slot].type ? (double)type_bytes(p->slot[slot].type) : 0;
}

static double step_bytes(const FlatPlan *p, const FlatStep *s)
{
    double bytes = 0;
    for (int i = 0; i < s->nread; i++) bytes += bytes_of(p, s->read[i]);
    for (int i = 0; i < s->nwrite; i++) bytes += bytes_of(p, s->write[i]);
    for (int i = 0; s->elem && i < s->elem->nin; i++) bytes += bytes_of(p, s->elem->in[i].slot);
    for (int i = 0; s->elem && i < s->elem->nout; i++)
        bytes += bytes_of(p, s->elem->out[i].slot);
    return bytes;
}

void flat_tell(const FlatPlan *p, Arena *a, Placings *out)
{
    PlanStep *to = NEW_ARRAY(a, p->nstep + 1, PlanStep);
    for (int i = 0; i < p->nstep; i++) {
        const FlatStep *s = &p->step[i];
        to[i] = (PlanStep){ .how = s->how,
                            .name = arena_strdup(
                                a, s->step->op->nout ? s->step->op->out[0]->name : ""),
                            .ops = arena_strdup(a, s->ops),
                            .bytes = step_bytes(p, s),
                            .flop = 2 * s->macs };
    }
    *out = (Placings){ .step = to,
                       .nstep = p->nstep,
                       .kernels = p->kernels->name,
                       .arena = p->arena_bytes,
                       .packed = p->packed };
}
