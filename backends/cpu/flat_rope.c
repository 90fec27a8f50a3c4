/* flat_rope.c -- pairs that are turned by angles, as positions of a transformer are: the concat of
 * a cos - b sin and a sin + b cos is one step, which reads a and b where they lie in what they are
 * parts of. */
#include "flat_pack.h"

#include <string.h>

enum { SIDE_A, SIDE_B, COSINE, SINE, TO = ROPE_SIDES, WALKED };

/* Elements of a half, merged, from `first` on in each of the slots, and of the result. */
typedef struct {
    DType type;
    int slot[WALKED];
    int64_t first[WALKED], second; /* from the first half of the result to the second */
    int rank;
    int64_t dim[MAX_RANK], stride[WALKED][MAX_RANK];
    int64_t grain, parts; /* rows of a part, parts of the rows of a matrix */
} Rope;

typedef struct {
    const Rope *g;
    const FlatRun *r;
} RopeWork;

/* ---- running ----------------------------------------------------------------------------- */

static void *rope_at(const RopeWork *w, int i, int64_t at)
{
    return flat_at(w->r, w->g->slot[i]) + at * (w->g->type == DT_FP16 ? 2 : 4);
}

static void rope_part(void *ctx, int64_t part, int lane)
{
    const RopeWork *w = ctx;
    const Rope *g = w->g;
    const int rows = g->rank - 2;
    const int64_t first = part % g->parts * g->grain, left = g->dim[rows] - first;
    int64_t at[WALKED], rest = part / g->parts;
    RopeRows v = { .half = g->type == DT_FP16,
                   .rows = left < g->grain ? left : g->grain,
                   .n = g->dim[rows + 1],
                   .to_apart = g->stride[TO][rows] };
    (void)lane;
    for (int i = 0; i < WALKED; i++) at[i] = g->first[i] + first * g->stride[i][rows];
    for (int d = rows - 1; d >= 0; rest /= g->dim[d--])
        for (int i = 0; i < WALKED; i++) at[i] += rest % g->dim[d] * g->stride[i][d];
    for (int i = 0; i < ROPE_SIDES; i++) {
        v.x[i] = rope_at(w, i, at[i]);
        v.apart[i] = g->stride[i][rows];
    }
    v.to[0] = rope_at(w, TO, at[TO]);
    v.to[1] = rope_at(w, TO, at[TO] + g->second);
    w->r->k->rope(&v);
}

static void rope_run(const FlatStep *s, FlatRun *r)
{
    const Rope *g = s->data;
    RopeWork w = { g, r };
    int64_t parts = g->parts;
    for (int i = 0; i < g->rank - 2; i++) parts *= g->dim[i];
    team_run(r->team, rope_part, &w, parts);
}

/* ---- finding one ------------------------------------------------------------------------- */

typedef struct {
    int x, y;
} Factors;

/* The factors of a product that is an operand of s; false: it is none. */
static bool factors_of(const FlatPlan *p, const Step *s, ParamId param, Factors *f)
{
    const Step *mul = step_of(p, step_slot(s, param), OP_mul);
    if (mul) *f = (Factors){ step_slot(mul, P_x), step_slot(mul, P_y) };
    return mul;
}

static bool are_factors(Factors f, int x, int y)
{
    return (f.x == x && f.y == y) || (f.x == y && f.y == x);
}

/* The slots of a, b, cos and sin, where `minus` is a cos - b sin and `plus` a sin + b cos, in either
 * order of terms and factors. */
static bool sides_of(const FlatPlan *p, const Step *minus, const Step *plus, int *side)
{
    Factors ac, bs, m, n;
    if (!minus || !plus || !factors_of(p, minus, P_x, &ac)
        || !factors_of(p, minus, P_y, &bs) || !factors_of(p, plus, P_x, &m)
        || !factors_of(p, plus, P_y, &n))
        return false;
    for (int i = 0; i < 4; i++) {
        const int a = i & 1 ? ac.y : ac.x, cosine = i & 1 ? ac.x : ac.y;
        const int b = i & 2 ? bs.y : bs.x, sine = i & 2 ? bs.x : bs.y;
        if (!(are_factors(m, a, sine) && are_factors(n, b, cosine))
            && !(are_factors(n, a, sine) && are_factors(m, b, cosine)))
            continue;
        memcpy(side, (int[ROPE_SIDES]){ a, b, cosine, sine }, ROPE_SIDES * sizeof *side);
        return true;
    }
    return false;
}

/* Where the elements of a slot lie as those of the shape `as`. What the ops that are left out read
 * may have changed by now where it is a state. */
static bool rope_side(const FlatPlan *p, Rope *g, int i, int slot, const Shape *as)
{
    const FlatSlot *f = &p->slot[slot];
    if (f->type->dtype != g->type || layout_twin(p, slot)) return false;
    g->slot[i] = slot;
    shape_strides_as(&f->type->shape, as, g->stride[i]);
    if (f->lies && shape_equal(&f->type->shape, as)) {
        g->slot[i] = f->lies_in;
        g->first[i] = f->lies_at;
        memcpy(g->stride[i], f->lies, (size_t)as->rank * sizeof *f->lies);
    }
    return p->slot[p->slot[g->slot[i]].root].kind != ROOT_STATE;
}

/* Merges dimensions, until there are rows of a matrix; false: they do not lie side by side. */
static bool rope_merge(Rope *g)
{
    int64_t *stride[WALKED];
    for (int i = 0; i < WALKED; i++) stride[i] = g->stride[i];
    g->rank = dims_merge(g->rank, g->dim, WALKED, stride);
    if (!g->rank) return false;
    if (g->rank == 1) {
        g->dim[g->rank++] = g->dim[0];
        g->dim[0] = 1;
        for (int i = 0; i < WALKED; i++) stride[i][1] = stride[i][0];
    }
    for (int i = 0; i < WALKED; i++)
        if (stride[i][g->rank - 1] != 1) return false;
    return true;
}

static bool rope_finish(FlatLower *l, FlatStep *s, Rope *g)
{
    enum { GRAIN = 1 << 13 }; /* elements of a part */
    const int64_t rows = g->dim[g->rank - 2], n = g->dim[g->rank - 1];
    Rope *kept = NEW(&l->p->arena, Rope);
    g->grain = n < GRAIN ? GRAIN / n : 1;
    g->parts = (rows + g->grain - 1) / g->grain;
    *kept = *g;
    s->data = kept;
    s->run = rope_run;
    s->how = "rope";
    s->ops = "mul mul sub mul mul add concat";
    s->read = NEW_ARRAY(&l->p->arena, ROPE_SIDES, int);
    for (int i = 0; i < ROPE_SIDES; i++) s->read[s->nread++] = g->slot[i];
    s->write = l->s->out;
    s->nwrite = 1;
    return true;
}

bool lower_rope(FlatLower *l, FlatStep *s, const StepArg *values, int axis)
{
    const FlatPlan *p = l->p;
    const Type *z = l->c->out[0];
    int side[ROPE_SIDES];
    if (!p->how.fused || values->n != 2 || !dtype_fast(z->dtype)
        || !sides_of(p, step_of(p, values->slot[0], OP_sub),
                     step_of(p, values->slot[1], OP_add), side))
        return false;
    const Shape *half = &p->slot[values->slot[0]].type->shape;
    Rope g = { .type = z->dtype, .rank = half->rank };
    if (!shape_equal(half, &p->slot[values->slot[1]].type->shape)) return false;
    for (int i = 0; i < ROPE_SIDES; i++)
        if (!rope_side(p, &g, i, side[i], half)) return false;
    memcpy(g.dim, half->dim, sizeof g.dim);
    g.slot[TO] = l->s->out[0];
    shape_strides(&z->shape, g.stride[TO]);
    g.second = half->dim[axis] * g.stride[TO][axis];
    return rope_merge(&g) && rope_finish(l, s, &g);
}
