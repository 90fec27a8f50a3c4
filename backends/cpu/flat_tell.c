/* flat_tell.c -- the steps of a plan for who wants to see them (--plan). */
#include "flat.h"

#include <string.h>

static double tell_bytes(const FlatPlan *p, int slot)
{
    return slot >= 0 && p->slot[slot].type ? (double)type_bytes(p->slot[slot].type) : 0;
}

static double tell_step_bytes(const FlatPlan *p, const FlatStep *s)
{
    double bytes = 0;
    for (int i = 0; i < s->nread; i++) bytes += tell_bytes(p, s->read[i]);
    for (int i = 0; i < s->nwrite; i++) bytes += tell_bytes(p, s->write[i]);
    for (int i = 0; s->elem && i < s->elem->nin; i++)
        bytes += tell_bytes(p, s->elem->in[i].slot);
    for (int i = 0; s->elem && i < s->elem->nout; i++)
        bytes += tell_bytes(p, s->elem->out[i].slot);
    return bytes;
}

static CoreSpeed tell_measure(const FlatPlan *p)
{
    float *room = mem_alloc(MACHINE_ROOM * sizeof *room);
    if (!room) mem_out(MACHINE_ROOM * sizeof *room);
    const CoreSpeed m = machine_measure(p->kernels, room);
    mem_free(room);
    return m;
}

PlanStep *flat_told(FlatPlan *p)
{
    if (p->told) return p->told;
    PlanStep *to = NEW_ARRAY(&p->arena, p->nstep + 1, PlanStep);
    p->speed = tell_measure(p);
    for (int i = 0; i < p->nstep; i++) {
        const FlatStep *s = &p->step[i];
        to[i] = (PlanStep){ .how = s->how,
                            .name = s->step->op->nout ? s->step->op->out[0]->name : "",
                            .ops = s->ops,
                            .bytes = tell_step_bytes(p, s),
                            .flop = 2 * s->macs,
                            .weights = (double)s->weights };
        to[i].least = machine_least(&p->speed, to[i].flop, to[i].bytes + to[i].weights);
    }
    return p->told = to;
}

void flat_tell(FlatPlan *p, Arena *a, Placings *out)
{
    PlanStep *to = NEW_ARRAY(a, p->nstep + 1, PlanStep);
    memcpy(to, flat_told(p), (size_t)p->nstep * sizeof *to);
    for (int i = 0; i < p->nstep; i++) {
        to[i].name = arena_strdup(a, to[i].name);
        to[i].ops = arena_strdup(a, to[i].ops);
    }
    *out = (Placings){ .step = to,
                       .nstep = p->nstep,
                       .kernels = p->kernels->name,
                       .arena = p->arena_bytes,
                       .packed = p->packed,
                       .cache = kept_word(p),
                       .flops = p->speed.flops,
                       .bytes = p->speed.far_bytes };
}
