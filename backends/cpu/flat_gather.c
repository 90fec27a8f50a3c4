/* flat_gather.c -- gather and scatter along an axis: rows that indices name are copied, or have
 * others added to them.
 *
 * Indices are a run's own numbers, which may be out of range. */
#include "flat_pack.h"

#include "../../ir/ops/move.h"

#include <string.h>

/* `many` has dim rows for each of `outer` places before the axis and `inner` behind it, and `few`
 * has `per` instead, which indices name among them. */
typedef struct {
    int many, few, at; /* slots; of the indices */
    bool each; /* each row has an index of its own; else all of `outer` share them */
    int64_t outer, per, inner, dim, size; /* of a row, in elements */
    size_t element;                       /* bytes */
    int from;   /* what rows are added to is there first; -1: zeros */
    int axis;   /* for messages */
    Call *call; /* which has their place */
} GatherStep;

/* ---- running ----------------------------------------------------------------------------- */

typedef struct {
    const GatherStep *g;
    Diag *diag;
    Tensor index;
    int64_t rows;
} GatherWork;

static GatherWork gather_work(const FlatStep *s, const FlatRun *r)
{
    const GatherStep *g = s->data;
    const Type *t = r->p->slot[g->at].type;
    return (GatherWork){ .g = g,
                         .diag = r->diag,
                         .index = tensor_view(t->dtype, &t->shape, flat_at(r, g->at)),
                         .rows = g->outer * g->per * g->inner };
}

/* Where the row begins that is row i of `few`, in elements; false, and reported: there is none. */
static bool gather_row(const GatherWork *w, int64_t i, int64_t *at)
{
    const GatherStep *g = w->g;
    const int64_t all = g->per * g->inner, number = g->each ? i : i % all;
    const int64_t named = tensor_int(&w->index, (size_t)number);
    const int64_t row = named < 0 ? named + g->dim : named;
    *at = ((i / all * g->dim + row) * g->inner + i % g->inner) * g->size;
    if (row >= 0 && row < g->dim) return true;
    Call c = *g->call;
    c.diag = w->diag;
    return call_error(&c, "indices[%lld] is %lld; axis %d has %lld entries",
                      (long long)number, (long long)named, g->axis, (long long)g->dim);
}

static bool gather_run(const FlatStep *s, FlatRun *r)
{
    const GatherWork w = gather_work(s, r);
    const GatherStep *g = w.g;
    const size_t row = (size_t)g->size * g->element;
    const char *from = flat_at(r, g->many);
    char *to = flat_at(r, g->few);
    int64_t at;
    for (int64_t i = 0; i < w.rows; i++, to += row) {
        if (!gather_row(&w, i, &at)) return false;
        memcpy(to, from + (size_t)at * g->element, row);
    }
    return true;
}

/* One row after the other, since two may be added to the same. */
static bool scatter_run(const FlatStep *s, FlatRun *r)
{
    const GatherWork w = gather_work(s, r);
    const GatherStep *g = w.g;
    const size_t bytes = (size_t)(g->outer * g->dim * g->inner * g->size) * g->element;
    float *to = (float *)(void *)flat_at(r, g->many);
    const float *x = (const float *)(void *)flat_at(r, g->few);
    int64_t at;
    if (g->from < 0) memset(to, 0, bytes);
    else if (g->from != g->many) memcpy(to, flat_at(r, g->from), bytes);
    for (int64_t i = 0; i < w.rows; i++, x += g->size) {
        if (!gather_row(&w, i, &at)) return false;
        for (int64_t k = 0; k < g->size; k++) to[at + k] += x[k];
    }
    return true;
}

/* ---- lowering ---------------------------------------------------------------------------- */

/* Of an op whose parameter `many` has the rows that indices name; false: it is none of these. */
static bool gather_of(const FlatLower *l, ParamId many, GatherStep *g)
{
    RowPlan p;
    Shape rows;
    const Shape *data = call_shape(l->c, many), *index = call_shape(l->c, P_indices);
    const DType t = l->c->out[0]->dtype;
    const bool strict = call_takes(l->c, P_validate_indices)
                     && call_bool(l->c, P_validate_indices);
    if (strict || dtypes[t].bits < 8 || t == DT_STRING || !row_plan(l->c, many, &p, &rows)
        || p.batch || p.kind == ROWS_ND)
        return false;
    *g = (GatherStep){ .at = lower_slot(l, P_indices),
                       .each = p.kind == ROWS_ALONG,
                       .outer = shape_elements(data, 0, p.axis),
                       .dim = data->dim[p.axis],
                       .axis = p.axis,
                       .call = l->c,
                       .element = (size_t)dtypes[t].bits / 8 };
    const int64_t behind = shape_elements(data, p.axis + 1, data->rank);
    g->inner = g->each ? behind : 1;
    g->size = g->each ? 1 : behind;
    g->per = g->each ? index->dim[p.axis] : shape_elements(index, 0, index->rank);
    return g->outer && g->dim && g->per && behind;
}

static void gather_step(FlatLower *l, FlatStep *s, const GatherStep *g)
{
    GatherStep *kept = NEW(&l->p->arena, GatherStep);
    *kept = *g;
    s->data = kept;
    s->read = NEW_ARRAY(&l->p->arena, 3, int);
    s->read[s->nread++] = g->at;
    s->write = l->s->out;
    s->nwrite = 1;
}

bool lower_gather(FlatLower *l, FlatStep *s)
{
    GatherStep g;
    if (!gather_of(l, P_x, &g)) return false;
    g.many = lower_slot(l, P_x);
    g.few = l->s->out[0];
    gather_step(l, s, &g);
    s->read[s->nread++] = g.many;
    s->checks = gather_run;
    s->how = "gather";
    return true;
}

bool lower_scatter(FlatLower *l, FlatStep *s)
{
    GatherStep g;
    const int data = lower_slot(l, P_data);
    if (l->c->out[0]->dtype != DT_FP32 || call_chosen(l->c, P_mode) != SCATTER_ADD
        || !gather_of(l, P_data, &g))
        return false;
    g.many = l->s->out[0];
    g.few = lower_slot(l, P_updates);
    g.from = l->p->slot[data].zeros ? -1 : data;
    gather_step(l, s, &g);
    s->read[s->nread++] = g.few;
    if (g.from >= 0) s->read[s->nread++] = g.from;
    s->checks = scatter_run;
    s->how = "scatter";
    return true;
}

/* ---- what a scatter into zeros is added to ----------------------------------------------- */

/* Whether no op but the one at work reads the memory of a slot, which a run makes. */
static bool gather_alone(const FlatPlan *p, int slot)
{
    const FlatSlot *s = &p->slot[slot], *root = &p->slot[s->root];
    if (s->known || root->kind != ROOT_ARENA || s->offset || root->maker < 0
        || type_bytes(s->type) != root->bytes || layout_twin(p, s->root))
        return false;
    for (int i = 0; i < p->nslot; i++)
        if (p->slot[i].type && p->slot[i].root == s->root && p->slot[i].readers > 1)
            return false;
    return true;
}

/* The step of a scatter into zeros that alone makes a slot; NULL: it is none. */
static const FlatStep *scatter_made(const FlatPlan *p, int slot)
{
    const FlatSlot *f = &p->slot[slot];
    if (slot < 0 || f->known || f->root != slot || f->readers != 1 || f->maker < 0)
        return NULL;
    const FlatStep *s = &p->step[f->maker];
    if (s->checks != scatter_run || !step_stays(p, s)) return NULL;
    const GatherStep *g = s->data;
    return g->from < 0 && g->many == slot ? s : NULL;
}

bool make_scattered(Make *m, FlatLower *l)
{
    FlatPlan *p = m->p;
    if (l->s->op->kind != OP_add || !m->twins || !p->how.fused) return false;
    int to = lower_slot(l, P_y);
    const FlatStep *made = scatter_made(p, lower_slot(l, P_x));
    if (!made) {
        made = scatter_made(p, lower_slot(l, P_y));
        to = lower_slot(l, P_x);
    }
    if (!made || to < 0 || !gather_alone(p, to)
        || !shape_equal(&p->slot[to].type->shape, &l->c->out[0]->shape))
        return false;
    const FlatStep was = *made;
    const int root = p->slot[to].root, out = l->s->out[0];
    GatherStep *g = NEW(&p->arena, GatherStep);
    *g = *(const GatherStep *)was.data;
    g->many = g->from = root;
    make_close(m, l->s, -1);
    FlatStep *f = make_step(m, l->s);
    f->data = g;
    f->checks = scatter_run;
    f->how = "scatter";
    f->ops = arena_printf(&p->arena, "%s add", was.ops);
    f->read = was.read;
    f->nread = was.nread;
    f->write = NEW_ARRAY(&p->arena, 1, int);
    f->write[f->nwrite++] = root;
    p->slot[out].type = l->c->out[0];
    p->slot[out].root = root;
    return true;
}
