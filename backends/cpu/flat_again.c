/* flat_again.c -- large values that are computed again by each step that reads them, instead of once
 * into memory: reading what they are made of takes as long as reading them would, and they need
 * not be written.
 *
 * That is so where elementwise ops and reductions alone read a value, and an elementwise program
 * makes it, of what is in memory anyhow. */
#include "flat.h"

/* ---- who needs a value in memory --------------------------------------------------------- */

static bool again_is_view(const Op *op)
{
    return ops[op->kind].eval == eval_same_bytes || ops[op->kind].eval == eval_identity;
}

static bool again_reads(const Op *op)
{
    return fast_of(op)->elem || fast_of(op)->rows == lower_reduce;
}

/* From the last step to the first: a view needs x in memory if something needs the view so. */
void again_count(FlatPlan *p, const Steps *b)
{
    p->again = p->how.fused && !flat_blocks(b);
    for (int i = 0; i < b->block->nresult; i++) p->slot[b->result[i]].stored = true;
    for (int i = b->nstep - 1; i >= 0 && p->again; i--) {
        const Step *s = &b->step[i];
        const bool passes = again_reads(s->op)
                         || (again_is_view(s->op) && !p->slot[s->out[0]].stored);
        for (int k = 0; k < s->narg && !passes; k++)
            for (int n = 0; n < s->arg[k].n; n++)
                if (s->arg[k].slot[n] >= 0) p->slot[s->arg[k].slot[n]].stored = true;
    }
}

/* ---- computing one again ----------------------------------------------------------------- */

typedef struct {
    FlatPlan *p;
    ElemProgram *to;
    const FlatStep *from;
    int reg[ELEM_REGS]; /* where those of from are in to; -1: nowhere so far */
} Again;

static int again_reg(Again *a, int reg);

static int again_load(Again *a, const ElemIn *in)
{
    if (in->slot >= 0 && a->p->slot[a->p->slot[in->slot].root].kind == ROOT_STATE)
        return -1; /* it may have been written to since */
    return elem_input(a->to, in);
}

static int again_step(Again *a, const ElemStep *s)
{
    const int n = elem_args[s->op];
    const int x = again_reg(a, s->x), y = n > 1 ? again_reg(a, s->y) : x,
              w = n > 2 ? again_reg(a, s->w) : x;
    return elem_step(a->to, (ElemOp)s->op, x, y, w, s->a, s->b);
}

/* The result of a kernel, or what its step makes of it, where that is in memory anyhow. */
static int again_stored(const Again *a, int reg)
{
    const ElemProgram *e = a->from->elem;
    for (int i = 0; i < e->nout; i++) {
        const FlatSlot *s = &a->p->slot[e->out[i].slot];
        if (e->out[i].reg != reg || !a->from->run || !s->stored) continue;
        ElemIn in = { .slot = e->out[i].slot, .dtype = s->type->dtype, .rank = 1 };
        in.dim[0] = e->count;
        in.stride[0] = 1;
        in.dense = true;
        return elem_input(a->to, &in);
    }
    return -1;
}

static int again_made(Again *a, int reg)
{
    const ElemProgram *e = a->from->elem;
    const int stored = again_stored(a, reg);
    if (stored >= 0) return stored;
    for (int i = 0; i < e->nin; i++)
        if (e->in[i].reg == reg) return again_load(a, &e->in[i]);
    for (int i = 0; i < e->nstep; i++)
        if (e->step[i].z == reg) return again_step(a, &e->step[i]);
    return -1;
}

static int again_reg(Again *a, int reg)
{
    if (a->reg[reg] < 0) a->reg[reg] = again_made(a, reg);
    return a->reg[reg];
}

/* The steps of a program that make what is in a register. */
static int again_in(FlatPlan *p, ElemProgram *to, const FlatStep *from, int reg)
{
    enum { LONGEST = 12 };
    const int nin = to->nin, nstep = to->nstep, nreg = to->nreg;
    Again a = { .p = p, .to = to, .from = from };
    for (int i = 0; i < ELEM_REGS; i++) a.reg[i] = -1;
    const int made = again_reg(&a, reg);
    if (made >= 0 && to->nstep - nstep <= LONGEST) return made;
    to->nin = nin;
    to->nstep = nstep;
    to->nreg = nreg;
    return -1;
}

int again_value(FlatPlan *p, ElemProgram *e, int slot)
{
    enum { LEAST = 1 << 22 }; /* bytes that stay in no cache until they are read */
    const FlatSlot *s = &p->slot[slot], *root = &p->slot[s->root];
    if (!p->again || s->known || root->maker < 0 || root->stored || s->offset
        || root->bytes < LEAST || type_bytes(s->type) != root->bytes)
        return -1;
    const FlatStep *from = &p->step[root->maker];
    const ElemProgram *made = from->elem;
    if (!made || made == e || made->count != e->count || made->block || e->block)
        return -1;
    for (int i = 0; i < made->nout; i++)
        if (made->out[i].slot == s->root) return again_in(p, e, from, made->out[i].reg);
    return -1;
}

ElemProgram *again_program(FlatPlan *p, int slot)
{
    size_t count;
    if (!p->again || !shape_count(&p->slot[slot].type->shape, &count)) return NULL;
    ElemProgram *e = NEW(&p->arena, ElemProgram);
    e->count = (int64_t)count;
    e->nreg = 1;
    const int reg = again_value(p, e, slot);
    if (reg < 0) return NULL;
    e->out[e->nout++] = (ElemOut){ .slot = -1, .dtype = DT_FP32, .reg = reg };
    return e;
}
