/* flat_scores.c -- what becomes of the scores of an attention that is written as products and a
 * softmax (flat_pack.h): they are multiplied, and a mask is added.
 *
 * What a known mask brings so far below the largest number of its row that its exponential is 0
 * need not be computed, as long as scores are not so large that they make up for that: how far
 * below it is, is found here; a run looks at its scores. */
#include "flat_pack.h"

#include <math.h>

/* What is less far below the largest is computed, and larger masks are no masks. */
#define CAUSAL_LEAST 1000
#define CAUSAL_MOST 1e6f

static const ElemIn *input_at(const ElemProgram *e, int reg)
{
    for (int i = 0; i < e->nin; i++)
        if (e->in[i].reg == reg) return &e->in[i];
    return NULL;
}

/* A step that multiplies scores by a number; false: it does not. */
static bool multiplies(const ElemProgram *e, const ElemStep *s, int score, Scores *z)
{
    const bool divides = s->op == ELEM_div;
    if (s->op != ELEM_mul && !(divides && s->x == score)) return false;
    const ElemIn *in = input_at(e, s->x == score ? s->y : s->x);
    if (!in || in->rank || !in->table) return false;
    z->plain = z->plain && !divides && !z->scaled;
    z->scaled = true;
    z->by = in->table[0];
    z->factor *= fabsf(divides ? 1 / in->table[0] : in->table[0]);
    z->most = fmaxf(z->most, z->factor);
    return isfinite(z->factor);
}

bool scores_of(const ElemProgram *e, Scores *z)
{
    int score = 0, halves = 0;
    *z = (Scores){ .plain = true, .by = 1, .factor = 1, .most = 1 };
    for (int i = 0; i < e->nstep; i++) {
        const ElemStep *s = &e->step[i];
        const bool left = s->x == score, half = s->op == ELEM_half;
        if (!left && s->y != score) return false;
        halves += half;
        z->plain = z->plain
                && (!halves || half == !(i % 2)); /* each is rounded, or none */
        if (s->op == ELEM_add && !z->mask) {
            z->mask = input_at(e, left ? s->y : s->x);
            if (!z->mask || !z->mask->rank) return false;
        } else if (!half && (z->mask || !multiplies(e, s, score, z))) return false;
        score = s->z;
    }
    z->round = halves > 0;
    return e->nout == 1 && e->out[0].reg == score;
}

int64_t scores_mask(const ElemIn *in, int64_t first)
{
    int64_t at = 0;
    for (int i = in->rank - 1; i >= 0; i--) {
        at += first % in->dim[i] * in->stride[i];
        first /= in->dim[i];
    }
    return at;
}

bool scores_mask_lies(const Scores *z, int64_t keys)
{
    const ElemIn *m = z->mask;
    return m && m->stride[m->rank - 1] == 1 && m->dim[m->rank - 1] % keys == 0;
}

/* How many keys a row counts: up to the last that is not far below the largest. */
static int64_t row_counts(const float *row, int64_t keys, float *gap)
{
    float top = row[0];
    int64_t n = keys;
    for (int64_t j = 0; j < keys; j++) {
        if (isnan(row[j])) return keys;
        if (row[j] > top) top = row[j];
    }
    if (!(fabsf(top) < CAUSAL_MOST)) return keys;
    while (n && row[n - 1] <= top - CAUSAL_LEAST) {
        if (top - row[n - 1] < *gap) *gap = top - row[n - 1];
        n--;
    }
    return n;
}

bool causal_of(const FlatLower *l, const Scores *z, const CausalShape *s, Causal *c)
{
    FlatPlan *p = l->p;
    const ElemIn *mask = z->mask;
    if (!mask || mask->slot < 0 || !p->slot[mask->slot].known
        || !scores_mask_lies(z, s->keys))
        return false;
    c->factor = z->factor;
    c->most = z->most;
    const int nr = p->kernels->nr;
    int64_t *end = NEW_ARRAY(&p->arena, s->batch * s->parts + 1, int64_t);
    int64_t *count = NEW_ARRAY(&p->arena, s->rows + 1, int64_t);
    int64_t *from = NEW_ARRAY(&p->arena, s->rows + 1, int64_t);
    float *row = NEW_ARRAY(&p->arena, s->keys + 1, float);
    bool some = false;
    c->gap = INFINITY;
    for (int64_t b = 0; b < s->batch; b++)
        for (int64_t i = 0; i < s->rows; i++) {
            const int64_t at = scores_mask(mask, (b * s->rows + i) * s->keys);
            if (!b || from[i] != at) { /* heads share a mask, as a rule */
                flat_floats(p->slot[mask->slot].known, (size_t)at, (size_t)s->keys, row);
                count[i] = pack_panels(row_counts(row, s->keys, &c->gap), nr) * nr;
                from[i] = at;
            }
            int64_t *to = &end[b * s->parts + i / s->part];
            if (count[i] > *to) *to = count[i] < s->keys ? count[i] : s->keys;
        }
    for (int64_t i = 0; i < s->batch * s->parts; i++) some = some || end[i] < s->keys;
    c->end = end;
    return some;
}

float causal_size(const Kernels *k, const float *x, size_t n)
{
    const float most = fabsf(k->row[ROW_MAX](x, n)), least = fabsf(k->row[ROW_MIN](x, n));
    if (isnan(most) || isnan(least)) return INFINITY;
    return most > least ? most : least;
}

bool causal_holds(const Causal *c, float score, bool half)
{
    enum { GONE = 150, HALVES = 60000 }; /* exp(-GONE) is 0 */
    const float least = 0.99f * c->gap - 2.05f * score * c->factor;
    return least > GONE && (!half || score * c->most < HALVES);
}
