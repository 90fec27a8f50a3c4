/* flat_trim.c -- what of an elementwise program is needed: by the results that are read, or by who
 * takes over one of them. */
#include "flat.h"

const ElemProgram *elem_kept(FlatPlan *p, const FlatStep *s, int slot)
{
    ElemProgram *e = NEW(&p->arena, ElemProgram);
    int n = 0;
    *e = *s->elem;
    for (int i = 0; i < s->elem->nout; i++)
        if (s->elem->out[i].slot == slot) e->out[n++] = s->elem->out[i];
    if (!n) return NULL;
    e->out[0].slot = -1;
    e->nout = n;
    return e;
}

/* The register before it was rounded: what is stored as fp16 is rounded there. */
static int elem_unrounded(const ElemProgram *e, int reg)
{
    for (int i = 0; i < e->nstep; i++)
        if (e->step[i].z == reg && e->step[i].op == ELEM_half) return e->step[i].x;
    return reg;
}

void elem_trim(ElemProgram *e)
{
    bool used[ELEM_REGS] = { false }, needed[ELEM_STEPS];
    for (int i = 0; i < e->nout; i++) {
        if (e->out[i].dtype == DT_FP16) e->out[i].reg = elem_unrounded(e, e->out[i].reg);
        used[e->out[i].reg] = true;
    }
    for (int i = e->nstep - 1; i >= 0; i--) {
        const ElemStep *s = &e->step[i];
        needed[i] = used[s->z];
        if (needed[i]) used[s->x] = used[s->y] = used[s->w] = true;
    }
    int n = 0;
    for (int i = 0; i < e->nstep; i++)
        if (needed[i]) e->step[n++] = e->step[i];
    e->nstep = n;
    n = 0;
    for (int i = 0; i < e->nin; i++)
        if (used[e->in[i].reg]) e->in[n++] = e->in[i];
    e->nin = n;
}
