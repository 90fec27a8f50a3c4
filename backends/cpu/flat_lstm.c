/* flat_lstm.c -- lstm with its usual activations: what all steps take from x is one product of
 * matrices; then step by step what they take from the state, whose weights stay in panels. */
#include "flat_pack.h"
#include "../../ir/ops/geometry.h"

#include <string.h>

/* A direction. Panels of columns: gates * hidden of them. */
typedef struct {
    const void *input, *state;
    const float *bias; /* gates * hidden, zeros where there is none; padded */
} LstmWay;

typedef struct {
    Recurrent r;
    LstmWay way[2];
    DType type;
    bool half; /* weights are fp16 */
    int x, h, c;
    const int *out;
    int64_t wide; /* gates * hidden, to whole panels */
} Lstm;

/* A run of one direction. */
typedef struct {
    const Lstm *g;
    const LstmWay *w;
    const FlatRun *r;
    int at;
    float *pre;   /* steps * batch rows of `wide` */
    float *panel; /* of rows on the left */
    float *h, *c; /* batch rows of `hidden`, padded */
    float *gate[4], *line;
} LstmRun;

static int64_t lstm_least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t lstm_padded(int64_t n)
{
    return (n + 2 * ELEM_PAD - 1) / ELEM_PAD * ELEM_PAD;
}

/* Rows [0, n) by depth on the left times panels of weights, into rows of pre. */
static void add_product(const LstmRun *u, Matrix left, int64_t n, int64_t depth,
                        const void *weights, float *pre, bool add)
{
    const Kernels *k = u->r->k;
    for (int64_t i = 0; i < n; i += k->mr) {
        const int64_t rows = lstm_least(k->mr, n - i);
        pack_panel(k, matrix_at(left, i, 0), rows, depth, k->mr, u->panel);
        for (int64_t j = 0; j < u->g->wide; j += k->nr) {
            const size_t at = (size_t)(j * depth) * (u->g->half ? 2 : 4);
            const GemmTile t = { .depth = depth,
                                 .rows = (int)rows,
                                 .half = u->g->half,
                                 .add = add,
                                 .a = u->panel,
                                 .b = (const char *)weights + at,
                                 .ldb = k->nr,
                                 .c = pre + i * u->g->wide + j,
                                 .ldc = u->g->wide };
            k->tile(&t);
        }
    }
}

/* c' = f c + i z, h' = o tanh(c'), of one row of the batch. */
static void lstm_cell(const LstmRun *u, const float *pre, float *h, float *c)
{
    ElemFn *const *f = u->r->k->elem;
    const size_t n = (size_t)u->g->r.hidden,
                 all = (n + ELEM_PAD - 1) / ELEM_PAD * ELEM_PAD;
    for (int i = 0; i < 4; i++) {
        float *g = u->gate[i];
        const int64_t at = i * u->g->r.hidden;
        f[ELEM_add](g, pre + at, u->w->bias + at, NULL, 0, 0, all);
        f[i < 3 ? ELEM_sigmoid : ELEM_tanh](g, g, NULL, NULL, 0, 0, all);
    }
    f[ELEM_mul](c, u->gate[1], c, NULL, 0, 0, all);
    f[ELEM_scale](c, u->gate[0], u->gate[3], c, 0, 0, all);
    f[ELEM_tanh](u->line, c, NULL, NULL, 0, 0, all);
    f[ELEM_mul](h, u->gate[2], u->line, NULL, 0, 0, all);
}

/* Rows of a state or a result are `ways * hidden` long, of which a direction has its part. */
static void put_state(const LstmRun *u, int result, int64_t first, const float *v)
{
    const Recurrent *r = &u->g->r;
    const int64_t n = r->hidden, line = lstm_padded(n);
    char *z = flat_at(u->r, u->g->out[result]);
    for (int64_t b = 0; b < r->batch; b++) {
        const int64_t at = (first + b) * n * r->ways + u->at * n;
        if (u->g->type == DT_FP16)
            u->r->k->narrow((uint16_t *)(void *)z + at, v + b * line, (size_t)n);
        else memcpy((float *)(void *)z + at, v + b * line, (size_t)n * sizeof *v);
    }
}

static void get_state(const LstmRun *u, int slot, float *v)
{
    const Recurrent *r = &u->g->r;
    const int64_t n = r->hidden, line = lstm_padded(n);
    for (int64_t b = 0; b < r->batch; b++) {
        const int64_t at = b * n * r->ways + u->at * n;
        const float *s = flat_row(u->r, slot, u->g->type, at, (size_t)n, v + b * line);
        if (s != v + b * line) memcpy(v + b * line, s, (size_t)n * sizeof *v);
    }
}

static void lstm_way(const LstmRun *u)
{
    const Lstm *g = u->g;
    const Recurrent *r = &g->r;
    const int64_t line = lstm_padded(r->hidden);
    const Matrix x = { flat_at(u->r, g->x), g->type, r->width, 1 };
    const Matrix h = { u->h, DT_FP32, line, 1 };
    get_state(u, g->h, u->h);
    get_state(u, g->c, u->c);
    add_product(u, x, r->steps * r->batch, r->width, u->w->input, u->pre, false);
    for (int64_t t = 0; t < r->steps; t++) {
        const int64_t time = u->at || r->backward ? r->steps - 1 - t : t;
        float *pre = u->pre + time * r->batch * g->wide;
        add_product(u, h, r->batch, r->hidden, u->w->state, pre, true);
        for (int64_t b = 0; b < r->batch; b++)
            lstm_cell(u, pre + b * g->wide, u->h + b * line, u->c + b * line);
        if (r->sequence) put_state(u, 0, (u->at ? time : t) * r->batch, u->h);
    }
    if (!r->sequence) put_state(u, 0, 0, u->h);
    put_state(u, 1, 0, u->h);
    put_state(u, 2, 0, u->c);
}

static int64_t room_of(const Lstm *g, const Kernels *k)
{
    const Recurrent *r = &g->r;
    const int64_t depth = r->width > r->hidden ? r->width : r->hidden;
    return r->steps * r->batch * g->wide + k->mr * depth
         + (2 * r->batch + 5) * lstm_padded(r->hidden) + 8 * ELEM_PAD;
}

static void lstm_run(const FlatStep *s, FlatRun *r)
{
    const Lstm *g = s->data;
    const int64_t line = lstm_padded(g->r.hidden);
    for (int way = 0; way < g->r.ways; way++) {
        LstmRun u = {
            .g = g, .w = &g->way[way], .r = r, .at = way, .pre = (float *)(void *)r->room
        };
        u.h = u.pre + g->r.steps * g->r.batch * g->wide;
        u.c = u.h + g->r.batch * line;
        for (int i = 0; i < 4; i++) u.gate[i] = u.c + (g->r.batch + i) * line;
        u.line = u.gate[3] + line;
        u.panel = u.line + line;
        memset(u.h, 0, (size_t)((2 * g->r.batch + 5) * line) * sizeof *u.h);
        lstm_way(&u);
    }
}

/* ---- lowering ---------------------------------------------------------------------------- */

static void *pack_weights(const FlatLower *l, const Lstm *g, const Tensor *w,
                          int64_t depth)
{
    const Kernels *k = l->p->kernels;
    const int64_t n = g->r.gates * g->r.hidden;
    char *to = flat_big(l->p, (size_t)(g->wide * depth) * (g->half ? 2 : 4));
    for (int64_t j = 0; j < g->wide; j += k->nr) {
        const Matrix m = matrix_at((Matrix){ w->data, w->dtype, depth, 1 }, j, 0);
        const int64_t cols = lstm_least(k->nr, n - j);
        if (g->half)
            pack_panel_half(m, cols, depth, k->nr, (uint16_t *)(void *)to + j * depth);
        else pack_panel(k, m, cols, depth, k->nr, (float *)(void *)to + j * depth);
    }
    return to;
}

static bool pack_way(const FlatLower *l, Lstm *g, int way)
{
    const Tensor *ih = lower_known(l, way ? P_weight_ih_back : P_weight_ih);
    const Tensor *hh = lower_known(l, way ? P_weight_hh_back : P_weight_hh);
    const ParamId p = way ? P_bias_back : P_bias;
    const Tensor *bias = lower_known(l, p);
    const size_t n = (size_t)(g->r.gates * g->r.hidden);
    float *table = NEW_ARRAY(&l->p->arena, n + 2 * ELEM_PAD, float);
    if (!ih || !hh || (call_has(l->c, p) && !bias)) return false;
    if (bias) flat_floats(bias, 0, n, table);
    g->half = ih->dtype == DT_FP16;
    g->way[way] = (LstmWay){ pack_weights(l, g, ih, g->r.width),
                             pack_weights(l, g, hh, g->r.hidden), table };
    return true;
}

/* Activations other than the usual, peepholes and clipping are the reference's. */
static bool is_usual(const FlatLower *l)
{
    static const struct {
        ParamId p;
        Activation is;
    } usual[] = { { P_recurrent_activation, ACT_SIGMOID },
                  { P_cell_activation, ACT_TANH },
                  { P_activation, ACT_TANH } };
    for (size_t i = 0; i < COUNT(usual); i++)
        if (call_chosen(l->c, usual[i].p) != (int)usual[i].is) return false;
    return !call_has(l->c, P_clip) && !call_has(l->c, P_peephole)
        && !call_has(l->c, P_peephole_back);
}

bool lower_lstm(FlatLower *l, FlatStep *s)
{
    const Kernels *k = l->p->kernels;
    Lstm g = { .type = call_dtype(l->c, P_x),
               .x = lower_slot(l, P_x),
               .h = lower_slot(l, P_initial_h),
               .c = lower_slot(l, P_initial_c),
               .out = l->s->out };
    if (!dtype_fast(g.type) || !is_usual(l) || !recurrent_of(l->c, &g.r)) return false;
    if (!g.r.steps || !g.r.batch || !g.r.hidden || !g.r.width) return false;
    g.wide = pack_panels(g.r.gates * g.r.hidden, k->nr) * k->nr;
    for (int way = 0; way < g.r.ways; way++)
        if (!pack_way(l, &g, way)) return false;
    Lstm *kept = NEW(&l->p->arena, Lstm);
    *kept = g;
    s->data = kept;
    s->run = lstm_run;
    s->how = "lstm, packed weights";
    s->room = (size_t)room_of(&g, k) * sizeof(float);
    s->read = NEW_ARRAY(&l->p->arena, 3, int);
    s->read[s->nread++] = g.x;
    s->read[s->nread++] = g.h;
    s->read[s->nread++] = g.c;
    s->write = l->s->out;
    s->nwrite = l->s->op->nout;
    return true;
}
