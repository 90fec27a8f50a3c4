/* flat_attention.c -- scaled_dot_product_attention as one step.
 *
 * Keys and values are put into panels once for each head; then some rows of the query at a
 * time have their scores, softmax and products with the values in scratch memory, so that no
 * matrix of all scores is ever there. What a known mask shuts out behind the last key of all
 * rows of a part, as one that looks back alone does for half of them, is not computed. */
#include "flat_attention.h"

#include <math.h>
#include <string.h>

enum { DEPTH = 512 };

typedef struct {
    const FlatStep *s;
    const FlatRun *r;
    const FlatAttention *g;
    float *panels;
} AttentionWork;

/* A row of n sums: whole panels, and whole blocks of elementwise functions; rows of them are
 * read by tiles. */
static int64_t line_of(int64_t n, const Kernels *k)
{
    return pack_apart(k, pack_panels(n, k->nr) * k->nr);
}

static Matrix matrix_of(const AttentionWork *w, const Heads *h, int64_t head)
{
    Matrix m = h->m;
    m.data = flat_at(w->r, h->slot) + h->at[head] * (m.dtype == DT_FP16 ? 2 : 4);
    return m;
}

/* ---- a head's keys and values in panels -------------------------------------------------- */

/* How large its keys and its values are. */
static float *head_sizes(const AttentionWork *w, int64_t head)
{
    return w->panels + w->g->batch * w->g->head_room + 2 * head;
}

static void pack_head(void *ctx, int64_t head, int lane)
{
    const AttentionWork *w = ctx;
    const FlatAttention *g = w->g;
    const Kernels *k = w->r->k;
    const int nr = k->nr;
    const Matrix keys = matrix_of(w, &g->key, head),
                 values = matrix_of(w, &g->value, head),
                 turned = { values.data, values.dtype, values.cols, values.rows };
    float *to = w->panels + head * g->head_room;
    (void)lane;
    for (int64_t j = 0; j < g->keys; j += nr)
        pack_panel(k, matrix_at(keys, j, 0), attention_least(nr, g->keys - j), g->size,
                   nr, to + j * g->size);
    if (g->shut.end) head_sizes(w, head)[0] = causal_size(k, to, (size_t)g->key_room);
    to += g->key_room;
    for (int64_t j = 0; j < g->width; j += nr)
        pack_panel(k, matrix_at(turned, j, 0), attention_least(nr, g->width - j), g->keys,
                   nr, to + j * g->keys);
    const size_t room = (size_t)(g->head_room - g->key_room);
    if (g->shut.end) head_sizes(w, head)[1] = causal_size(k, to, room);
}

/* ---- some rows of the query -------------------------------------------------------------- */

typedef struct {
    int64_t head, first, rows, keys; /* keys: that count */
    int64_t lds, ldo;                /* of scores and results */
    float *score, *left, *out, *mask;
} AttentionPart;

/* c = a b, of rows of a and panels of b of all of `all`, or, of a few rows, b as it lies. Sums are
 * formed as flat_gemm.c forms those of as many rows, so that joining ops changes nothing. */
typedef struct {
    Matrix a;
    int64_t rows, depth;
    const float *b;
    int64_t all, cols;
    float *left, *c;
    int64_t ldc;
    Matrix lying; /* of a few rows, in place of b */
} AttentionProduct;

static void product_few(const Kernels *k, const AttentionProduct *p)
{
    const FewProduct few = { .a = p->a,
                             .b = p->lying,
                             .rows = p->rows,
                             .depth = p->depth,
                             .cols = p->cols,
                             .c = p->c,
                             .ldc = p->ldc,
                             .room = p->left };
    few_run(k, &few);
}

/* Rows of the left side as tiles read them, of d elements: as they lie, as copies, or in panels. */
static Matrix product_left(const Kernels *k, const AttentionProduct *p, Matrix a,
                           int64_t d, bool panels)
{
    if (panels) {
        for (int64_t i = 0; i < p->rows; i += k->mr)
            pack_panel(k, matrix_at(a, i, 0), attention_least(k->mr, p->rows - i), d,
                       k->mr, p->left + i * d);
        return (Matrix){ p->left, DT_FP32, d, 1 };
    }
    if (a.dtype != DT_FP16 && !pack_crowds(k, a.rows)) return a;
    const int64_t apart = pack_apart(k, d);
    pack_rows(k, a, p->rows, d, apart, p->left);
    return (Matrix){ p->left, DT_FP32, apart, 1 };
}

/* panels: elements of the left rows do not lie side by side. */
static void product_many(const Kernels *k, const AttentionProduct *p, bool panels)
{
    const int64_t tiles = pack_panels(p->rows, k->mr),
                  high = panels ? k->mr : pack_panels(p->rows, (int)tiles);
    for (int64_t l = 0; l < p->depth; l += DEPTH) {
        const int64_t d = attention_least(DEPTH, p->depth - l);
        const Matrix a = product_left(k, p, matrix_at(p->a, 0, l), d, panels);
        RunTile t = { .runs = 1,
                      .last = d,
                      .panel = panels,
                      .apart = panels ? 1 : a.rows,
                      .second = k->lanes,
                      .from_second = k->lanes };
        t.ldf = t.ldc = p->ldc;
        for (int64_t j = 0; j < p->cols; j += k->nr)
            for (int64_t i = 0; i < p->rows; i += high) {
                t.rows = (int)attention_least(high, p->rows - i);
                t.narrow = p->cols - j <= k->lanes;
                t.a = matrix_at(a, i, 0).data;
                t.b = p->b + j * p->all + l * k->nr;
                t.c = p->c + i * p->ldc + j;
                t.from = l ? t.c : NULL;
                k->runs(&t);
            }
    }
}

static void product_run(const AttentionWork *w, int64_t cols, const AttentionProduct *p)
{
    if (attention_few(w->g)) product_few(w->r->k, p);
    else product_many(w->r->k, p, !pack_is_straight(w->g->rows, cols));
}

/* What is added to the scores of a row, of a slot from element `at` on. */
static const float *added_row(const AttentionWork *w, const AttentionPart *p, int slot,
                              DType type, int64_t at)
{
    return flat_row(w->r, slot, type, at, (size_t)p->keys, p->mask);
}

/* Scores of all rows become probabilities, in one pass. */
static void attention_weigh_all(const AttentionWork *w, const AttentionPart *p)
{
    const FlatAttention *g = w->g;
    const ElemIn *in = g->added;
    WeighRow row = g->weigh;
    const int64_t first = p->head * g->rows + p->first;
    int64_t at = in          ? scores_mask(in, first * g->keys)
               : g->mask < 0 ? 0
                             : g->mask_at[p->head] + p->first * g->mask_row;
    for (int64_t i = 0; i < p->rows; i++, at += in ? g->added_row : g->mask_row) {
        if (in && in->slot < 0) row.add = in->table + at;
        else if (in) row.add = added_row(w, p, in->slot, in->dtype, at);
        else if (g->mask >= 0) row.add = added_row(w, p, g->mask, g->mask_type, at);
        w->r->k->weigh(&row, p->score + i * p->lds, (size_t)p->keys);
    }
}

/* Scores of a row become its probabilities. */
static void attention_weigh(const AttentionWork *w, const AttentionPart *p, int64_t row,
                            float *score)
{
    const FlatAttention *g = w->g;
    const Kernels *k = w->r->k;
    const size_t n = (size_t)p->keys;
    if (g->scored) {
        const int64_t at = (p->head * g->rows + p->first + row) * g->keys;
        elem_run_row(g->scored, w->r, at, p->keys, score);
        k->softmax(score, n);
        elem_run_row(g->weighed, w->r, at, p->keys, score);
        return;
    }
    const char *m = flat_at(w->r, g->mask) + g->mask_at[p->head]
                  + (p->first + row) * g->mask_row;
    k->elem[ELEM_linear](score, score, NULL, NULL, g->scale, 0,
                         (n + ELEM_PAD - 1) / ELEM_PAD * ELEM_PAD);
    for (size_t i = 0; i < n; i++) score[i] = m[i] ? score[i] : -INFINITY;
    k->softmax(score, n);
}

/* The keys that count for a part. An infinite value times 0 would be none. */
static int64_t keys_that_count(const AttentionWork *w, const AttentionPart *p, int64_t at,
                               Matrix query)
{
    const FlatAttention *g = w->g;
    const Kernels *k = w->r->k;
    const float *size = g->shut.end ? head_sizes(w, p->head) : NULL;
    float most = 0;
    if (!size || g->shut.end[at] == g->keys || !isfinite(size[1])) return g->keys;
    for (int64_t i = 0; i < p->rows; i++) {
        const Matrix row = matrix_at(query, i, 0);
        if (row.dtype == DT_FP16) k->widen(p->left, row.data, (size_t)g->size);
        const float *x = row.dtype == DT_FP16 ? p->left : row.data;
        most = fmaxf(most, causal_size(k, x, (size_t)g->size));
    }
    const float score = (float)g->size * most * size[0];
    return causal_holds(&g->shut, score, query.dtype == DT_FP16) ? g->shut.end[at]
                                                                 : g->keys;
}

static void attend_part(void *ctx, int64_t at, int lane)
{
    const AttentionWork *w = ctx;
    const FlatAttention *g = w->g;
    const Kernels *k = w->r->k;
    AttentionPart p = { .head = at / g->parts, .first = at % g->parts * g->part };
    const float *panels = w->panels + p.head * g->head_room;
    p.rows = attention_least(g->part, g->rows - p.first);
    p.lds = line_of(g->keys, k);
    p.ldo = line_of(g->width, k);
    p.score = flat_lane(w->r, lane);
    p.out = p.score + g->part * p.lds;
    p.mask = p.out + g->part * p.ldo + ELEM_PAD;
    p.left = p.mask + g->keys + ELEM_PAD;
    const Matrix query = matrix_at(matrix_of(w, &g->query, p.head), p.first, 0);
    p.keys = keys_that_count(w, &p, at, query);
    const Matrix keys = matrix_of(w, &g->key, p.head);
    AttentionProduct v = {
        query,  p.rows, g->size, panels, g->size,
        p.keys, p.left, p.score, p.lds,  { keys.data, keys.dtype, keys.cols, keys.rows }
    };
    product_run(w, v.a.cols, &v);
    if (g->weighs) attention_weigh_all(w, &p);
    for (int64_t i = 0; i < p.rows && !g->weighs; i++)
        attention_weigh(w, &p, i, p.score + i * p.lds);
    v = (AttentionProduct){ { p.score, DT_FP32, p.lds, 1 },
                            p.rows,
                            p.keys,
                            panels + g->key_room,
                            g->keys,
                            g->width,
                            p.left,
                            p.out,
                            p.ldo,
                            matrix_of(w, &g->value, p.head) };
    product_run(w, 1, &v);
    const ElemBlock done = { .first = g->to_at[p.head] + p.first * g->to_row,
                             .apart = g->to_row,
                             .rows = p.rows,
                             .cols = g->width };
    elem_run_block(w->s->elem, w->r, done, p.out, p.ldo);
}

static void attention_run(const FlatStep *s, FlatRun *r)
{
    const FlatAttention *g = s->data;
    AttentionWork w = { s, r, g, (float *)(void *)r->room };
    if (!attention_few(g)) team_run(r->team, pack_head, &w, g->batch);
    team_run(r->team, attend_part, &w, g->batch * g->parts);
}

/* ---- a result that is transposed --------------------------------------------------------- */

/* The attention that makes all of x, which only a transpose reads, element for element. */
static FlatStep *turned_attention(const FlatPlan *p, int x)
{
    const FlatSlot *f = &p->slot[x];
    FlatStep *s = f->maker < 0 ? NULL : &p->step[f->maker];
    if (!p->how.fused || !s || s->run != attention_run || !s->open || f->root != x
        || f->readers != 1 || s->elem->nout != 1)
        return NULL;
    for (int i = 0; i < s->elem->nin; i++)
        if (s->elem->in[i].rank) return NULL;
    return s;
}

/* Distances in the result of a transpose along the axes of what it is of. */
static bool turned_strides(const FlatLower *l, int rank, int64_t *stride)
{
    int64_t perm[MAX_RANK], own[MAX_RANK];
    if (!lower_known(l, P_perm) || call_ints(l->c, P_perm, perm, MAX_RANK) != rank)
        return false;
    shape_strides(&l->c->out[0]->shape, own);
    for (int i = 0; i < rank; i++)
        stride[perm[i] < 0 ? perm[i] + rank : perm[i]] = own[i];
    return true;
}

bool attention_turned(Make *m, const FlatLower *l)
{
    FlatPlan *p = m->p;
    int64_t stride[MAX_RANK];
    const int x = l->s->op->kind == OP_transpose ? lower_slot(l, P_x) : -1;
    FlatStep *s = x < 0 ? NULL : turned_attention(p, x);
    if (!s) return false;
    const Shape *from = &p->slot[x].type->shape;
    const int rows = from->rank - 2;
    FlatAttention *g = NEW(&p->arena, FlatAttention);
    *g = *(const FlatAttention *)s->data;
    if (g->batch != shape_elements(from, 0, rows) || g->rows != from->dim[rows]
        || g->width != from->dim[rows + 1] || !turned_strides(l, from->rank, stride)
        || stride[rows + 1] != 1)
        return false;
    g->to_row = stride[rows];
    g->to_at = NEW_ARRAY(&p->arena, g->batch + 1, int64_t);
    for (int64_t b = 0; b < g->batch; b++) {
        int64_t rest = b;
        for (int i = rows - 1; i >= 0; rest /= from->dim[i--])
            g->to_at[b] += rest % from->dim[i] * stride[i];
    }
    s->data = g;
    s->step = l->s;
    s->at = m->now;
    s->ops = arena_printf(&p->arena, "%s transpose", s->ops);
    s->elem->out[0].slot = l->s->out[0];
    p->slot[x].kind = ROOT_NONE;
    make_outs(m, l->s, l->c, p->slot[x].maker);
    return true;
}

/* ---- lowering ---------------------------------------------------------------------------- */

/* Strides of the mask through [batch.., rows, keys]. */
static bool place_mask(FlatLower *l, FlatAttention *g, const Shape *lead)
{
    const Shape *s = call_shape(l->c, P_attn_mask);
    int64_t stride[MAX_RANK];
    Shape as = *lead;
    g->mask = lower_slot(l, P_attn_mask);
    g->mask_at = NEW_ARRAY(&l->p->arena, g->batch + 1, int64_t);
    if (!s) return true;
    g->mask_type = call_dtype(l->c, P_attn_mask);
    if ((!dtype_fast(g->mask_type) && g->mask_type != DT_BOOL) || as.rank + 2 > MAX_RANK
        || s->rank > as.rank + 2)
        return false;
    as.dim[as.rank++] = g->rows;
    as.dim[as.rank++] = g->keys;
    shape_strides_as(s, &as, stride);
    g->mask_row = stride[as.rank - 2];
    for (int64_t b = 0; b < g->batch; b++) {
        int64_t rest = b;
        for (int i = as.rank - 3; i >= 0; i--) {
            g->mask_at[b] += rest % as.dim[i] * stride[i];
            rest /= as.dim[i];
        }
    }
    return true;
}

/* The keys that count for a row by a known mask: up to the last that is let pass; all where
 * none is. */
static int64_t keys_of(const FlatAttention *g, const Tensor *mask, int64_t at)
{
    for (int64_t i = g->keys; i > 0; i--) {
        const double v = tensor_float(mask, (size_t)(at + i - 1));
        if (mask->dtype == DT_BOOL ? v != 0 : !(v == -INFINITY)) return i;
    }
    return g->keys;
}

static const int64_t *ends_of(FlatLower *l, const FlatAttention *g, const Tensor *mask)
{
    if (!mask) return NULL;
    int64_t *end = NEW_ARRAY(&l->p->arena, g->batch * g->parts + 1, int64_t);
    for (int64_t b = 0; b < g->batch; b++)
        for (int64_t i = 0; i < g->rows; i++) {
            const int64_t n = keys_of(g, mask, g->mask_at[b] + i * g->mask_row);
            int64_t *to = &end[b * g->parts + i / g->part];
            if (n > *to) *to = n;
        }
    return end;
}

static Heads heads_of(FlatLower *l, ParamId p, int64_t batch, int64_t rows, int64_t cols)
{
    int64_t *at = NEW_ARRAY(&l->p->arena, batch + 1, int64_t);
    for (int64_t i = 0; i < batch; i++) at[i] = i * rows * cols;
    return (Heads){ lower_slot(l, p), { NULL, call_dtype(l->c, p), cols, 1 }, at };
}

static void attention_reads(const ElemProgram *e, FlatStep *s)
{
    for (int i = 0; e && i < e->nin; i++)
        if (e->in[i].slot >= 0) s->read[s->nread++] = e->in[i].slot;
}

bool attention_finish(FlatLower *l, FlatStep *s, const FlatAttention *made)
{
    const Kernels *k = l->p->kernels;
    FlatAttention *g = NEW(&l->p->arena, FlatAttention);
    *g = *made;
    g->key_room = pack_panels(g->keys, k->nr) * k->nr * g->size;
    g->head_room = g->key_room + pack_panels(g->width, k->nr) * k->nr * g->keys;
    g->to_row = g->width;
    g->to_at = NEW_ARRAY(&l->p->arena, g->batch + 1, int64_t);
    for (int64_t i = 0; i < g->batch; i++) g->to_at[i] = i * g->rows * g->width;
    s->data = g;
    s->run = attention_run;
    s->how = g->shut.end ? "attention, masked" : "attention";
    const int slots[] = { g->query.slot, g->key.slot, g->value.slot, g->mask };
    s->read = NEW_ARRAY(&l->p->arena, COUNT(slots) + 2 * ELEM_INS, int);
    for (size_t i = 0; i < COUNT(slots); i++)
        if (slots[i] >= 0) s->read[s->nread++] = slots[i];
    attention_reads(g->scored, s);
    attention_reads(g->weighed, s);
    const int64_t wide = line_of(g->keys, k) + line_of(g->width, k);
    const int64_t deepest = g->size > g->keys ? g->size : g->keys;
    const int64_t left = attention_few(g)
                           ? (int64_t)few_room(k, g->rows, deepest)
                           : pack_panels(g->part, k->mr) * k->mr * pack_apart(k, DEPTH);
    if (!attention_few(g))
        s->room = (size_t)(g->batch * (g->head_room + 2)) * sizeof(float);
    s->lane_room = (size_t)(g->part * wide + g->keys + 4 * ELEM_PAD + left)
                 * sizeof(float);
    return true;
}

bool lower_attention(FlatLower *l, FlatStep *s)
{
    const Shape *q = call_shape(l->c, P_query), *key = call_shape(l->c, P_key),
                *v = call_shape(l->c, P_value);
    const DType type = call_dtype(l->c, P_query);
    Shape lead = l->c->out[0]->shape;
    lead.rank -= 2;
    FlatAttention g = { .batch = shape_elements(&lead, 0, lead.rank),
                        .rows = q->dim[q->rank - 2],
                        .keys = key->dim[key->rank - 2],
                        .size = q->dim[q->rank - 1],
                        .width = v->dim[v->rank - 1] };
    if (!dtype_fast(type) || !g.batch || !g.rows || !g.keys || !g.size || !g.width
        || !place_mask(l, &g, &lead))
        return false;
    g.query = heads_of(l, P_query, g.batch, g.rows, g.size);
    g.key = heads_of(l, P_key, g.batch, g.keys, g.size);
    g.value = heads_of(l, P_value, g.batch, g.keys, g.width);
    g.scale = (float)(1 / sqrt((double)g.size));
    g.weighs = g.mask < 0 || g.mask_type != DT_BOOL;
    g.weigh = (WeighRow){ .by = g.scale, .scaled = true };
    attention_cut(&g, ATTENTION_PANELS * l->p->kernels->mr);
    if (g.mask >= 0 && !attention_few(&g)) {
        g.shut = (Causal){ .gap = INFINITY, .factor = g.scale, .most = 1 };
        g.shut.end = ends_of(l, &g, l->p->slot[g.mask].known);
    }
    return attention_finish(l, s, &g);
}
