/* flat_attended.c -- an attention that is written as products and a softmax becomes one step
 * (flat_attention.h). */
#include "flat_attention.h"

const FlatStep *flat_made_for_one(const FlatPlan *p, int slot)
{
    const FlatSlot *f = &p->slot[slot];
    const Steps *b = p->plan->body;
    int readers = 0;
    if (f->known || f->root != slot || f->maker < 0) return NULL;
    for (int i = 0; i < b->nstep; i++)
        for (int k = 0; k < b->step[i].narg; k++)
            for (int a = 0; a < b->step[i].arg[k].n; a++)
                readers += b->step[i].arg[k].slot[a] == slot;
    for (int i = 0; i < b->block->nresult; i++) readers += b->result[i] == slot;
    return readers == 1 ? &p->step[f->maker] : NULL;
}

static void attention_shuts(const FlatLower *l, const Scores *z, FlatAttention *a)
{
    FlatAttention g = *a;
    if (attention_few(a) || a->query.m.cols != 1) return;
    attention_cut(&g, ATTENTION_MASKED * l->p->kernels->mr);
    const CausalShape s = { g.batch, g.rows, g.keys, g.part, g.parts };
    if (causal_of(l, z, &s, &g.shut)) *a = g;
}

/* Whether the program leaves what it is given as it is, or rounds it alone. */
static bool only_rounds(const ElemProgram *e, bool round)
{
    return e->nstep == round && (!round || e->step[0].op == ELEM_half)
        && e->out[0].reg == (round ? e->step[0].z : 0);
}

static void attention_scores(const FlatLower *l, FlatAttention *a)
{
    Scores z;
    if (!scores_of(a->scored, &z)) return;
    attention_shuts(l, &z, a);
    if (!z.plain || !only_rounds(a->weighed, z.round)) return;
    if (z.mask && (!scores_mask_lies(&z, a->keys) || !dtype_fast(z.mask->dtype))) return;
    a->added = z.mask;
    a->weigh = (WeighRow){ .by = z.by, .scaled = z.scaled, .round = z.round };
    if (z.mask && a->rows > 1)
        a->added_row = scores_mask(z.mask, a->keys) - scores_mask(z.mask, 0);
    for (int64_t i = 0; z.mask && i < a->batch * a->rows; i++) {
        const int64_t head = i / a->rows * a->rows * a->keys;
        if (scores_mask(z.mask, i * a->keys)
            != scores_mask(z.mask, head) + i % a->rows * a->added_row)
            return;
    }
    a->weighs = true;
}

bool lower_attended(FlatLower *l, FlatStep *s, const Gemm *g)
{
    FlatPlan *p = l->p;
    int x;
    const int weights = g->a_slot;
    if (!p->how.fused || weights < 0 || g->b_slot < 0 || g->a.cols != 1 || g->n == 1)
        return false;
    const FlatStep *soft = flat_made_for_one(p, weights);
    if (!soft || !rows_softmax(soft, &x)) return false;
    const FlatStep *product = flat_made_for_one(p, x);
    const Gemm *f = product ? gemm_of(product) : NULL;
    if (!f || f->a_slot < 0 || f->b_slot < 0 || f->packed || f->batch != g->batch
        || f->summed > 1 || f->m != g->m || f->n != g->k || !step_stays(p, product)
        || !step_stays(p, soft))
        return false;
    FlatAttention a = {
        .query = { f->a_slot, f->a, f->a_at },
        .key = { f->b_slot, { NULL, f->b.dtype, f->b.cols, f->b.rows }, f->b_at },
        .value = { g->b_slot, g->b, g->b_at },
        .mask = -1,
        .batch = g->batch,
        .rows = g->m,
        .keys = g->k,
        .size = f->k,
        .width = g->n,
        .scored = elem_kept(p, product, x),
        .weighed = elem_kept(p, soft, weights)
    };
    if (!a.scored || !a.weighed) return false;
    s->macs = product->macs;
    s->ops = arena_printf(&p->arena, "%s %s %s", product->ops, soft->ops, s->ops);
    attention_cut(&a, ATTENTION_PANELS * p->kernels->mr);
    attention_scores(l, &a);
    return attention_finish(l, s, &a);
}
