/* flat_rows.c -- softmax, layer_norm and reductions: over the last dimensions as rows, over
 * others as columns, a block of them at a time. */
#include "flat_pack.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* x is [outer, n, inner]; what is reduced is n. Of sums it may be [apart, outer, n], where apart is
 * reduced as well. */
typedef struct {
    int x_slot;
    const ElemProgram *made; /* what makes x; NULL: it is there */
    DType type;
    int64_t outer, n, inner, apart;
    int64_t grain, parts; /* rows or blocks of columns of a part */
    int kind;
    RowOp op;
    float by, eps;
    bool root;
    /* BY: what becomes of a row's reduced number, and is done with it to the row */
    const ElemProgram *number;
    RowBy how;
} Rows;

enum { ROWS_SOFTMAX, ROWS_NORM, ROWS_REDUCE, ROWS_BY, COLUMNS = ELEM_BLOCK };

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

/* n elements of x, from `first` on; room: where they may be put. */
static const float *row_of(const RowsWork *w, int64_t first, int64_t n, float *room)
{
    const Rows *g = w->g;
    if (!g->made) return flat_row(w->r, g->x_slot, g->type, first, (size_t)n, room);
    elem_run_row(g->made, w->r, first, n, room);
    return room;
}

/* Rows of a part, and room of its lane for one of them and for a number of each. */
typedef struct {
    int64_t first, end;
    float *room, *made;
} RowsPart;

static const float *rows_row(const RowsWork *w, const RowsPart *p, int64_t i)
{
    return row_of(w, i * w->g->n, w->g->n, p->room);
}

/* Of row i, the one after the other of those that are apart. */
static float rows_sum(const RowsWork *w, const RowsPart *p, int64_t i)
{
    const Rows *g = w->g;
    const Kernels *k = w->r->k;
    float sum = k->row[g->op](rows_row(w, p, i), (size_t)g->n);
    for (int64_t a = 1; a < g->apart; a++)
        sum += k->row[g->op](rows_row(w, p, a * g->outer + i), (size_t)g->n);
    return sum;
}

/* The reduced number of each row. */
static void rows_numbers(const RowsWork *w, const RowsPart *p)
{
    const Rows *g = w->g;
    for (int64_t i = p->first; i < p->end; i++) {
        const float sum = rows_sum(w, p, i);
        p->made[i - p->first] = g->root && rows_lost(sum)
                                  ? row_root(rows_row(w, p, i), g->n)
                                  : rows_ended(g, sum);
    }
}

/* Row i becomes what the kernel makes of it. */
static void rows_made(const RowsWork *w, const RowsPart *p, int64_t i)
{
    const Rows *g = w->g;
    const Kernels *k = w->r->k;
    const size_t n = (size_t)g->n;
    const float *x = rows_row(w, p, i);
    if (g->kind == ROWS_BY) {
        k->by(g->how, p->room, x, p->made[i - p->first], n);
        return;
    }
    if (x != p->room) memcpy(p->room, x, n * sizeof *x);
    if (g->kind == ROWS_SOFTMAX) k->softmax(p->room, n);
    else k->standardise(p->room, n, g->eps);
}

static void rows_part(void *ctx, int64_t part, int lane)
{
    const RowsWork *w = ctx;
    const Rows *g = w->g;
    float *room = flat_lane(w->r, lane);
    RowsPart p = { .first = part * g->grain, .room = room };
    p.end = p.first + g->grain < g->outer ? p.first + g->grain : g->outer;
    p.made = room + g->n + ELEM_PAD;
    if (g->kind == ROWS_REDUCE || g->kind == ROWS_BY) rows_numbers(w, &p);
    if (g->kind == ROWS_REDUCE) {
        elem_run_row(w->s->elem, w->r, p.first, p.end - p.first, p.made);
        return;
    }
    if (g->kind == ROWS_BY)
        elem_run_row(g->number, w->r, p.first, p.end - p.first, p.made);
    for (int64_t i = p.first; i < p.end; i++) {
        const ElemBlock row = { i * g->n, g->n, 1, g->n };
        rows_made(w, &p, i);
        elem_run_block(w->s->elem, w->r, row, room, g->n);
    }
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
    return row_of(c->w, c->first + row * c->w->g->inner, (int64_t)c->n, c->x);
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

/* The step reads what a program of it does. */
static void rows_read(FlatStep *s, const ElemProgram *e)
{
    for (int i = 0; e && i < e->nin; i++)
        if (e->in[i].slot >= 0) s->read[s->nread++] = e->in[i].slot;
}

static bool rows_finish(FlatLower *l, FlatStep *s, Rows *g, int x_slot, const char *how)
{
    enum { GRAIN = 1 << 14 };
    g->x_slot = x_slot;
    g->type = l->p->slot[x_slot].type->dtype;
    if (g->kind == ROWS_REDUCE) g->made = again_program(l->p, x_slot);
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
    s->read = NEW_ARRAY(&l->p->arena, 1 + 2 * ELEM_INS, int);
    if (!g->made) s->read[s->nread++] = g->x_slot;
    rows_read(s, g->made);
    rows_read(s, g->number);
    const int64_t row = g->n + 2 * ELEM_PAD + g->grain,
                  columns = 3 * (COLUMNS + ELEM_PAD);
    s->lane_room = (size_t)(g->inner == 1 ? row : columns) * sizeof(float);
    return true;
}

/* A set of first and one of last dimensions, of which a sum is formed. */
static bool split_apart(const Shape *s, const bool *in, Rows *g)
{
    int from = 0, to = s->rank;
    while (from < s->rank && in[from]) from++;
    while (to > from && in[to - 1]) to--;
    for (int i = from; i < to; i++)
        if (in[i]) return false;
    if (g->root || g->op == ROW_MAX || g->op == ROW_MIN) return false;
    g->apart = shape_elements(s, 0, from);
    g->outer = shape_elements(s, from, to);
    g->n = shape_elements(s, to, s->rank);
    g->inner = 1;
    return g->apart > 0;
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
    return split_at(x, in, &g) && rows_finish(l, s, &g, lower_slot(l, P_x), "softmax");
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
        && rows_finish(l, s, &g, lower_slot(l, P_x), "layer_norm");
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
    if (!call_axes_or_all(l->c, P_axes, x->rank, in)
        || !(split_at(x, in, &g) || split_apart(x, in, &g)))
        return false;
    if (kind == OP_reduce_sum && !g.apart && g.outer == 1 && g.n > 1
        && lower_summed(l, s, lower_slot(l, P_x), g.n))
        return true;
    if (kind == OP_reduce_mean) g.by = 1 / (float)((g.apart ? g.apart : 1) * g.n);
    return rows_finish(l, s, &g, lower_slot(l, P_x), "reduce");
}

/* ---- rows and a number of each ----------------------------------------------------------- */

/* What lower_rows_by needs to know: the row, its number, and the step that makes that. */
typedef struct {
    int x, y;
    RowBy how;
    const FlatStep *made;
    RowOp op;
} RowsBy;

/* The slot whose squares a slot is, which nothing else reads; -1: it is something else. */
static int rows_squared(const FlatPlan *p, int slot)
{
    const Step *mul = step_of(p, slot, OP_mul), *square = step_of(p, slot, OP_square),
               *power = step_of(p, slot, OP_pow);
    if (square) return step_slot(square, P_x);
    if (mul) {
        const int x = step_slot(mul, P_x);
        return step_slot(mul, P_y) == x ? x : -1;
    }
    const int y = power ? step_slot(power, P_y) : -1;
    const Tensor *two = y < 0 ? NULL : p->slot[y].known;
    const bool squared = two && two->count == 1 && tensor_float(two, 0) == 2;
    return squared ? step_slot(power, P_x) : -1;
}

/* Whether the number of row i of x is element i of y. */
static bool rows_in_order(const Rows *g, const Shape *y, const Shape *x)
{
    int64_t stride[MAX_RANK], *to = stride;
    Shape as = *x;
    shape_strides_as(y, x, stride);
    const int rank = dims_merge(as.rank, as.dim, 1, &to);
    if (rank < 1 || as.dim[rank - 1] != g->n || stride[rank - 1]) return false;
    return rank == 1 ? g->outer == 1
                     : rank == 2 && as.dim[0] == g->outer && stride[0] == 1;
}

/* What ops that are left out read may have changed by now where it is a state. */
static bool rows_stay(const FlatPlan *p, int slot)
{
    return slot < 0 || p->slot[p->slot[slot].root].kind != ROOT_STATE;
}

static bool rows_by_of(const FlatLower *l, int x, int y, RowsBy *b)
{
    const FlatPlan *p = l->p;
    const FlatSlot *f = x < 0 || y < 0 ? NULL : &p->slot[y];
    if (!f || f->known || f->root != y || f->maker < 0 || f->readers != 1
        || p->slot[x].known || !rows_stay(p, x) || layout_twin(p, x) || layout_twin(p, y))
        return false;
    const FlatStep *s = &p->step[f->maker];
    const Rows *g = s->data;
    if (s->run != rows_run || g->kind != ROWS_REDUCE || g->inner != 1 || g->made
        || g->apart || g->type != p->slot[x].type->dtype || f->type->dtype != g->type
        || !shape_equal(&p->slot[x].type->shape, &l->c->out[0]->shape)
        || !rows_in_order(g, &f->type->shape, &l->c->out[0]->shape))
        return false;
    for (int i = 0; i < s->elem->nin; i++)
        if (!rows_stay(p, s->elem->in[i].slot)) return false;
    *b = (RowsBy){ .x = x, .y = y, .made = s, .op = g->op };
    if (g->x_slot == x) return true;
    b->op = g->type == DT_FP16 ? ROW_HALVED : ROW_ROUNDED;
    return g->op == ROW_SUM && rows_squared(p, g->x_slot) == x;
}

static bool rows_by(const FlatLower *l, RowsBy *b)
{
    const int kind = l->s->op->kind;
    const RowBy how = kind == OP_mul ? BY_MUL : kind == OP_real_div ? BY_DIV : BY_SUB;
    if (!l->p->how.fused || (kind != OP_mul && kind != OP_real_div && kind != OP_sub)
        || !dtype_fast(l->c->out[0]->dtype))
        return false;
    const int x = lower_slot(l, P_x), y = lower_slot(l, P_y);
    const bool ok = rows_by_of(l, x, y, b) || (how == BY_MUL && rows_by_of(l, y, x, b));
    b->how = how;
    return ok;
}

bool rows_by_suits(const FlatLower *l)
{
    RowsBy b;
    return rows_by(l, &b);
}

bool lower_rows_by(FlatLower *l, FlatStep *s)
{
    RowsBy b;
    if (!rows_by(l, &b)) return false;
    Rows g = *(const Rows *)b.made->data;
    g.kind = ROWS_BY;
    g.op = b.op;
    g.how = b.how;
    g.number = elem_kept(l->p, b.made, b.y);
    s->ops = arena_printf(&l->p->arena, "%s %s", b.made->ops, s->ops);
    return g.number && rows_finish(l, s, &g, b.x, "norm");
}
