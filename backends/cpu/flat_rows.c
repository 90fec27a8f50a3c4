/* flat_rows.c -- softmax, layer_norm and reductions: over the last dimensions as rows, over
 * others as columns, a block of them at a time. */
#include "flat.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* x is [outer, n, inner]; what is reduced is n. */
typedef struct {
    int x_slot;
    DType type;
    int64_t outer, n, inner;
    int64_t grain, parts; /* rows or blocks of columns of a part */
    int kind;
    RowOp op;
    float by, eps;
    bool root;
} Rows;

enum { ROWS_SOFTMAX, ROWS_NORM, ROWS_REDUCE, COLUMNS = ELEM_BLOCK };

typedef struct {
    const FlatStep *s;
    const FlatRun *r;
    const Rows *g;
} RowsWork;

/* ---- rows -------------------------------------------------------------------------------- */

static float rows_ended(const Rows *g, float v)
{
    v *= g->by;
    return g->root ? sqrtf(v) : v;
}

/* The sum of these squares has lost something, or is beyond the largest number. */
static bool rows_lost(float squares) { return squares < 1e-30f || squares > FLT_MAX; }

static float row_root(const float *x, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += (double)x[i] * (double)x[i];
    return (float)sqrt(sum);
}

static void rows_part(void *ctx, int64_t part, int lane)
{
    const RowsWork *w = ctx;
    const Rows *g = w->g;
    const Kernels *k = w->r->k;
    float *room = flat_lane(w->r, lane), *made = room + g->n + ELEM_PAD;
    const int64_t first = part * g->grain;
    const int64_t end = first + g->grain < g->outer ? first + g->grain : g->outer;
    for (int64_t i = first; i < end; i++) {
        const float *x = flat_row(w->r, g->x_slot, g->type, i * g->n, (size_t)g->n, room);
        if (g->kind == ROWS_REDUCE) {
            const float sum = k->row[g->op](x, (size_t)g->n);
            made[i - first] = g->root && rows_lost(sum) ? row_root(x, g->n)
                                                        : rows_ended(g, sum);
            continue;
        }
        if (x != room) memcpy(room, x, (size_t)g->n * sizeof *room);
        if (g->kind == ROWS_SOFTMAX) k->softmax(room, (size_t)g->n);
        else k->standardise(room, (size_t)g->n, g->eps);
        elem_run_row(w->s->elem, w->r, i * g->n, g->n, room);
    }
    if (g->kind == ROWS_REDUCE) elem_run_row(w->s->elem, w->r, first, end - first, made);
}

/* ---- columns ----------------------------------------------------------------------------- */

typedef struct {
    const RowsWork *w;
    int64_t first; /* of row 0 */
    size_t n, padded;
    float *x; /* room for a row */
} Columns;

/* A row as it lies, or as floats. */
static const float *columns_row(const Columns *c, int64_t row)
{
    const Rows *g = c->w->g;
    return flat_row(c->w->r, g->x_slot, g->type, c->first + row * g->inner, c->n, c->x);
}

/* A row where it may be written to, and read in whole vectors. */
static const float *columns_at(const Columns *c, int64_t row)
{
    const float *x = columns_row(c, row);
    if (x != c->x) memcpy(c->x, x, c->n * sizeof *x);
    return c->x;
}

static void fold_columns(const Columns *c, RowOp op, float *acc)
{
    const Kernels *k = c->w->r->k;
    const float start = op == ROW_MAX ? -INFINITY : op == ROW_MIN ? INFINITY : 0;
    for (size_t i = 0; i < c->padded; i++) acc[i] = start;
    for (int64_t r = 0; r < c->w->g->n; r++) k->fold[op](acc, columns_row(c, r), c->n);
}

static void softmax_columns(const Columns *c, float *top, float *sum)
{
    const RowsWork *w = c->w;
    ElemFn *const *f = w->r->k->elem;
    fold_columns(c, ROW_MAX, top);
    for (size_t i = 0; i < c->padded; i++) sum[i] = 0;
    for (int64_t r = 0; r < w->g->n; r++) {
        columns_at(c, r);
        f[ELEM_sub](c->x, c->x, top, NULL, 0, 0, c->padded);
        f[ELEM_exp](c->x, c->x, NULL, NULL, 0, 0, c->padded);
        f[ELEM_add](sum, sum, c->x, NULL, 0, 0, c->padded);
    }
    for (int64_t r = 0; r < w->g->n; r++) {
        columns_at(c, r);
        f[ELEM_sub](c->x, c->x, top, NULL, 0, 0, c->padded);
        f[ELEM_exp](c->x, c->x, NULL, NULL, 0, 0, c->padded);
        f[ELEM_div](c->x, c->x, sum, NULL, 0, 0, c->padded);
        elem_run_row(w->s->elem, w->r, c->first + r * w->g->inner, (int64_t)c->n, c->x);
    }
}

/* The root of the sum of squares of column i, or of what lies beyond its mean. */
static double column_root(const Columns *c, size_t i, double mean, double n, double eps)
{
    double sum = 0;
    for (int64_t r = 0; r < c->w->g->n; r++) {
        const double off = (double)columns_at(c, r)[i] - mean;
        sum += off * off;
    }
    return sqrt(sum / n + eps);
}

static void norm_columns(const Columns *c, float *mean, float *root)
{
    const RowsWork *w = c->w;
    const Rows *g = w->g;
    ElemFn *const *f = w->r->k->elem;
    fold_columns(c, ROW_SUM, mean);
    for (size_t i = 0; i < c->padded; i++) {
        mean[i] /= (float)g->n;
        root[i] = 0;
    }
    for (int64_t r = 0; r < g->n; r++) {
        columns_at(c, r);
        f[ELEM_sub](c->x, c->x, mean, NULL, 0, 0, c->padded);
        w->r->k->fold[ROW_SQUARES](root, c->x, c->n);
    }
    for (size_t i = 0; i < c->padded; i++) {
        const float squares = root[i] / (float)g->n + g->eps;
        root[i] = i < c->n && rows_lost(squares) ? (float)column_root(
                      c, i, (double)mean[i], (double)g->n, (double)g->eps)
                                                 : sqrtf(squares);
    }
    for (int64_t r = 0; r < g->n; r++) {
        columns_at(c, r);
        f[ELEM_standard](c->x, c->x, mean, root, 0, 0, c->padded);
        elem_run_row(w->s->elem, w->r, c->first + r * g->inner, (int64_t)c->n, c->x);
    }
}

static void columns_part(void *ctx, int64_t part, int lane)
{
    const RowsWork *w = ctx;
    const Rows *g = w->g;
    const int64_t blocks = (g->inner + COLUMNS - 1) / COLUMNS;
    const int64_t o = part / blocks, at = part % blocks * COLUMNS;
    Columns c = { .w = w, .first = o * g->n * g->inner + at, .x = flat_lane(w->r, lane) };
    c.n = (size_t)(g->inner - at < COLUMNS ? g->inner - at : COLUMNS);
    c.padded = (c.n + ELEM_PAD - 1) / ELEM_PAD * ELEM_PAD;
    float *a = c.x + COLUMNS + ELEM_PAD, *b = a + COLUMNS + ELEM_PAD;
    for (size_t i = c.n; i < c.padded; i++) c.x[i] = 0;
    if (g->kind == ROWS_SOFTMAX) softmax_columns(&c, a, b);
    else if (g->kind == ROWS_NORM) norm_columns(&c, a, b);
    else {
        fold_columns(&c, g->op, a);
        for (size_t i = 0; i < c.n; i++)
            a[i] = g->root && rows_lost(a[i]) ? (float)column_root(&c, i, 0, 1, 0)
                                              : rows_ended(g, a[i]);
        elem_run_row(w->s->elem, w->r, o * g->inner + at, (int64_t)c.n, a);
    }
}

static void rows_run(const FlatStep *s, FlatRun *r)
{
    const Rows *g = s->data;
    RowsWork w = { s, r, g };
    team_run(r->team, g->inner == 1 ? rows_part : columns_part, &w, g->parts);
}

/* ---- lowering ---------------------------------------------------------------------------- */

static bool rows_finish(FlatLower *l, FlatStep *s, Rows *g, const char *how)
{
    enum { GRAIN = 1 << 14 };
    g->x_slot = lower_slot(l, P_x);
    g->type = call_dtype(l->c, P_x);
    if (!dtype_fast(g->type) || l->p->slot[g->x_slot].known || !g->n || !g->outer
        || !g->inner)
        return false;
    g->grain = GRAIN / g->n ? GRAIN / g->n : 1;
    g->parts = g->inner == 1 ? (g->outer + g->grain - 1) / g->grain
                             : g->outer * ((g->inner + COLUMNS - 1) / COLUMNS);
    Rows *kept = NEW(&l->p->arena, Rows);
    *kept = *g;
    s->data = kept;
    s->run = rows_run;
    s->how = how;
    s->read = NEW_ARRAY(&l->p->arena, 1, int);
    s->read[s->nread++] = g->x_slot;
    const int64_t row = g->n + 2 * ELEM_PAD + g->grain,
                  columns = 3 * (COLUMNS + ELEM_PAD);
    s->lane_room = (size_t)(g->inner == 1 ? row : columns) * sizeof(float);
    return true;
}

/* A set of neighbouring dimensions is one. */
static bool split_at(const Shape *s, const bool *in, Rows *g)
{
    int from = 0, to;
    while (from < s->rank && !in[from]) from++;
    for (to = from; to < s->rank && in[to];) to++;
    for (int i = to; i < s->rank; i++)
        if (in[i]) return false;
    if (from == s->rank) return false;
    g->outer = shape_elements(s, 0, from);
    g->n = shape_elements(s, from, to);
    g->inner = shape_elements(s, to, s->rank);
    return true;
}

bool rows_softmax(const FlatStep *s, int *x_slot)
{
    const Rows *g = s->data;
    if (s->run != rows_run || g->kind != ROWS_SOFTMAX || g->inner != 1) return false;
    *x_slot = g->x_slot;
    return true;
}

bool lower_softmax(FlatLower *l, FlatStep *s)
{
    int axis;
    bool in[MAX_RANK] = { false };
    const Shape *x = call_shape(l->c, P_x);
    Rows g = { .kind = ROWS_SOFTMAX };
    if (!x->rank || !call_axis(l->c, P_axis, x->rank, &axis)) return false;
    in[axis] = true;
    return split_at(x, in, &g) && rows_finish(l, s, &g, "softmax");
}

static bool then_table(FlatLower *l, ElemOp op, ParamId p, const Rows *g)
{
    const Tensor *t = lower_known(l, p);
    if (!call_has(l->c, p)) return true;
    if (!t || t->count != (size_t)g->n) return false;
    float *table = NEW_ARRAY(&l->p->arena, g->n + 1, float);
    flat_floats(t, 0, (size_t)g->n, table);
    return lower_then(l, op, elem_table(l->p, l->elem, table, g->n, g->inner));
}

bool lower_layer_norm(FlatLower *l, FlatStep *s)
{
    bool in[MAX_RANK];
    const Shape *x = call_shape(l->c, P_x);
    Rows g = { .kind = ROWS_NORM, .eps = (float)call_float(l->c, P_epsilon) };
    return call_axes_or_all(l->c, P_axes, x->rank, in) && split_at(x, in, &g)
        && then_table(l, ELEM_mul, P_gamma, &g) && then_table(l, ELEM_add, P_beta, &g)
        && rows_finish(l, s, &g, "layer_norm");
}

bool lower_reduce(FlatLower *l, FlatStep *s)
{
    bool in[MAX_RANK];
    const Shape *x = call_shape(l->c, P_x);
    const int kind = l->s->op->kind;
    Rows g = { .kind = ROWS_REDUCE, .by = 1, .root = kind == OP_reduce_l2_norm };
    g.op = kind == OP_reduce_max                                     ? ROW_MAX
         : kind == OP_reduce_min                                     ? ROW_MIN
         : kind == OP_reduce_l1_norm                                 ? ROW_ABS
         : kind == OP_reduce_l2_norm || kind == OP_reduce_sum_square ? ROW_SQUARES
                                                                     : ROW_SUM;
    if (!call_axes_or_all(l->c, P_axes, x->rank, in) || !split_at(x, in, &g))
        return false;
    if (kind == OP_reduce_mean) g.by = 1 / (float)g.n;
    return rows_finish(l, s, &g, "reduce");
}
