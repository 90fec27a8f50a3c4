/* flat_recurrent.c -- lstm, gru and rnn: what all steps take from x is one product of matrices;
 * then step by step what they take from the state, whose weights stay in panels. */
#include "flat_pack.h"
#include "../../ir/ops/geometry.h"

#include <string.h>

/* A direction. Its weights are panels of columns, `parts` times as many as the columns of a part
 * need. */
typedef struct {
    const void *input, *state;
    const float *bias; /* by column, zeros where there is none; padded */
    const float *more; /* gru: what the candidate takes beside x */
} LayerWay;

/* An activation as a function of elements. */
typedef struct {
    ElemOp op;
    float a, b;
} LayerCurve;

typedef struct Layer Layer;
typedef struct LayerRun LayerRun;

struct Layer {
    Recurrent r;
    LayerWay way[2];
    LayerCurve gate, cell, out;
    DType type;
    bool half;  /* weights are fp16 */
    bool after; /* gru: the candidate's part of the state is multiplied once it is made */
    int x, h, c; /* c -1: there is none */
    const int *out_slot;
    /* A part has `part` columns, and begins `apart` columns behind the one before it, with a
     * panel of its own. In it are `within` of gates. */
    int64_t parts, part, apart;
    int64_t wide; /* columns of all parts */
    /* pre: what a step takes from x, a row for each of the batch; makes h (and c) */
    void (*turn)(const LayerRun *u, float *pre);
};

/* A run of one direction. */
struct LayerRun {
    const Layer *g;
    const LayerWay *w;
    const FlatRun *r;
    int at;
    float *pre;       /* steps * batch rows of `wide` */
    float *panel;     /* of rows on the left */
    float *from;      /* gru: batch rows of `wide`: products of the state */
    float *h, *c, *s; /* batch rows of `hidden`, padded; s: gru's r h */
    float *gate[4], *line;
    bool back; /* weights are read to and fro */
};

static int64_t layer_least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t layer_padded(int64_t n)
{
    return (n + 2 * ELEM_PAD - 1) / ELEM_PAD * ELEM_PAD;
}

/* ---- products ---------------------------------------------------------------------------- */

/* Some of the parts, of weights with `depth` rows. */
typedef struct {
    const void *weights;
    int64_t depth, first, parts;
    bool add, back;
} LayerProduct;

/* n rows on the left times panels of weights, into rows `wide` apart. */
static void layer_product(const LayerRun *u, Matrix left, int64_t n, LayerProduct p,
                          float *to)
{
    const Kernels *k = u->r->k;
    const Layer *g = u->g;
    const int64_t first = p.first * g->apart, end = first + p.parts * g->apart;
    if (n <= GEMM_FEW) {
        const size_t at = (size_t)(first * p.depth) * (g->half ? 2 : 4);
        const FewProduct few = { .a = left,
                                 .packed = (const char *)p.weights + at,
                                 .half = g->half,
                                 .add = p.add,
                                 .back = p.back,
                                 .rows = n,
                                 .depth = p.depth,
                                 .cols = end - first,
                                 .c = to + first,
                                 .ldc = g->wide,
                                 .room = u->panel };
        few_run(k, &few);
        return;
    }
    for (int64_t i = 0; i < n; i += k->mr) {
        const int64_t rows = layer_least(k->mr, n - i);
        pack_panel(k, matrix_at(left, i, 0), rows, p.depth, k->mr, u->panel);
        for (int64_t j = first; j < end; j += k->nr) {
            const size_t at = (size_t)(j * p.depth) * (g->half ? 2 : 4);
            const GemmTile t = { .depth = p.depth,
                                 .rows = (int)rows,
                                 .half = g->half,
                                 .add = p.add,
                                 .a = u->panel,
                                 .b = (const char *)p.weights + at,
                                 .ldb = k->nr,
                                 .c = to + i * g->wide + j,
                                 .ldc = g->wide };
            k->tile(&t);
        }
    }
}

/* Rows of a state times `parts` parts of its weights, from `first` on. */
static void layer_state(const LayerRun *u, const float *h, int first, int64_t parts,
                        bool add, float *to)
{
    const Recurrent *r = &u->g->r;
    const Matrix left = { h, DT_FP32, layer_padded(r->hidden), 1 };
    const LayerProduct p = { u->w->state, r->hidden, first, parts, add, u->back };
    layer_product(u, left, r->batch, p, to);
}

/* ---- cells ------------------------------------------------------------------------------- */

/* Elements of a row of gates and what pads it. */
static size_t layer_all(const LayerRun *u)
{
    return (size_t)(u->g->r.hidden + ELEM_PAD - 1) / ELEM_PAD * ELEM_PAD;
}

/* z = curve(x + y) */
static void layer_curve(const LayerRun *u, LayerCurve c, float *z, const float *x,
                        const float *y)
{
    ElemFn *const *f = u->r->k->elem;
    const size_t all = layer_all(u);
    if (y) f[ELEM_add](z, x, y, NULL, 0, 0, all);
    f[c.op](z, y ? z : x, NULL, NULL, c.a, c.b, all);
}

/* h' = f(W x + R h + b) */
static void rnn_turn(const LayerRun *u, float *pre)
{
    const Layer *g = u->g;
    const int64_t line = layer_padded(g->r.hidden);
    layer_state(u, u->h, 0, 1, true, pre);
    for (int64_t b = 0; b < g->r.batch; b++)
        layer_curve(u, g->out, u->h + b * line, pre + b * g->wide, u->w->bias);
}

/* c' = f c + i z, h' = o k(c'), of one row of the batch. */
static void lstm_cell(const LayerRun *u, const float *pre, float *h, float *c)
{
    ElemFn *const *f = u->r->k->elem;
    const Layer *g = u->g;
    const size_t all = layer_all(u);
    for (int i = 0; i < 4; i++) {
        const int64_t at = i * g->r.hidden;
        layer_curve(u, i < 3 ? g->gate : g->cell, u->gate[i], pre + at, u->w->bias + at);
    }
    f[ELEM_mul](c, u->gate[1], c, NULL, 0, 0, all);
    f[ELEM_scale](c, u->gate[0], u->gate[3], c, 0, 0, all);
    layer_curve(u, g->out, u->line, c, NULL);
    f[ELEM_mul](h, u->gate[2], u->line, NULL, 0, 0, all);
}

static void lstm_turn(const LayerRun *u, float *pre)
{
    const Recurrent *r = &u->g->r;
    const int64_t line = layer_padded(r->hidden);
    layer_state(u, u->h, 0, 1, true, pre);
    for (int64_t b = 0; b < r->batch; b++)
        lstm_cell(u, pre + b * u->g->wide, u->h + b * line, u->c + b * line);
}

/* Parts of gru are its gates in this order: what its candidate is made of comes last, since that
 * may need the product of r and h. */
enum { GRU_R, GRU_Z, GRU_O, GRU_GATES };
static const int gru_gate[GRU_GATES] = { 0, 2, 1 };

/* A gate of a row of the batch: of what it takes from x and of the state. */
static void gru_gate_of(const LayerRun *u, int part, const float *pre, const float *from,
                        float *z)
{
    const int64_t at = part * u->g->apart;
    u->r->k->elem[ELEM_add](z, pre + at, from + at, NULL, 0, 0, layer_all(u));
    layer_curve(u, u->g->gate, z, z, u->w->bias + at);
}

/* What the candidate takes of the state is multiplied by r, after the product or before it. */
static void gru_reset(const LayerRun *u, const float *pre, int64_t b)
{
    ElemFn *const *f = u->r->k->elem;
    const Layer *g = u->g;
    const int64_t line = layer_padded(g->r.hidden), at = GRU_O * g->apart;
    float *from = u->from + b * g->wide, *o = from + at;
    const size_t all = layer_all(u);
    gru_gate_of(u, GRU_R, pre + b * g->wide, from, u->line);
    if (g->after) {
        f[ELEM_add](o, o, u->w->bias + at, NULL, 0, 0, all);
        f[ELEM_mul](o, o, u->line, NULL, 0, 0, all);
    } else f[ELEM_mul](u->s + b * line, u->line, u->h + b * line, NULL, 0, 0, all);
}

/* h' = (1 - z) o + z h, of one row of the batch. */
static void gru_cell(const LayerRun *u, const float *pre, const float *from, float *h)
{
    ElemFn *const *f = u->r->k->elem;
    const Layer *g = u->g;
    const int64_t at = GRU_O * g->apart;
    const size_t all = layer_all(u);
    float *o = u->gate[0], *z = u->gate[1];
    gru_gate_of(u, GRU_Z, pre, from, z);
    f[ELEM_add](o, pre + at, from + at, NULL, 0, 0, all);
    layer_curve(u, g->out, o, o, g->after ? u->w->more : u->w->bias + at);
    f[ELEM_linear](u->line, z, NULL, NULL, -1, 1, all);
    f[ELEM_mul](o, o, u->line, NULL, 0, 0, all);
    f[ELEM_scale](h, z, h, o, 0, 0, all);
}

static void gru_turn(const LayerRun *u, float *pre)
{
    const Layer *g = u->g;
    const int64_t line = layer_padded(g->r.hidden);
    layer_state(u, u->h, GRU_R, g->after ? 3 : 2, false, u->from);
    for (int64_t b = 0; b < g->r.batch; b++) gru_reset(u, pre, b);
    if (!g->after) layer_state(u, u->s, GRU_O, 1, false, u->from);
    for (int64_t b = 0; b < g->r.batch; b++)
        gru_cell(u, pre + b * g->wide, u->from + b * g->wide, u->h + b * line);
}

/* ---- the walk ---------------------------------------------------------------------------- */

/* Rows of a state or a result are `ways * hidden` long, of which a direction has its part. */
static void put_state(const LayerRun *u, int result, int64_t first, const float *v)
{
    const Recurrent *r = &u->g->r;
    const int64_t n = r->hidden, line = layer_padded(n);
    char *z = flat_at(u->r, u->g->out_slot[result]);
    for (int64_t b = 0; b < r->batch; b++) {
        const int64_t at = (first + b) * n * r->ways + u->at * n;
        if (u->g->type == DT_FP16)
            u->r->k->narrow((uint16_t *)(void *)z + at, v + b * line, (size_t)n);
        else memcpy((float *)(void *)z + at, v + b * line, (size_t)n * sizeof *v);
    }
}

static void get_state(const LayerRun *u, int slot, float *v)
{
    const Recurrent *r = &u->g->r;
    const int64_t n = r->hidden, line = layer_padded(n);
    for (int64_t b = 0; b < r->batch; b++) {
        const int64_t at = b * n * r->ways + u->at * n;
        const float *s = flat_row(u->r, slot, u->g->type, at, (size_t)n, v + b * line);
        if (s != v + b * line) memcpy(v + b * line, s, (size_t)n * sizeof *v);
    }
}

static void layer_way(LayerRun *u)
{
    const Layer *g = u->g;
    const Recurrent *r = &g->r;
    const Matrix x = { flat_at(u->r, g->x), g->type, r->width, 1 };
    const LayerProduct all = { u->w->input, r->width, 0, g->parts, false, false };
    get_state(u, g->h, u->h);
    if (g->c >= 0) get_state(u, g->c, u->c);
    layer_product(u, x, r->steps * r->batch, all, u->pre);
    for (int64_t t = 0; t < r->steps; t++) {
        const int64_t time = u->at || r->backward ? r->steps - 1 - t : t;
        u->back = t % 2;
        g->turn(u, u->pre + time * r->batch * g->wide);
        if (r->sequence) put_state(u, 0, (u->at ? time : t) * r->batch, u->h);
    }
    if (!r->sequence) put_state(u, 0, 0, u->h);
    put_state(u, 1, 0, u->h);
    if (g->c >= 0) put_state(u, 2, 0, u->c);
}

/* Lines of `hidden` elements: three states of the batch, four gates and one more. */
static int64_t layer_lines(const Layer *g) { return 3 * g->r.batch + 5; }

static int64_t layer_room(const Layer *g, const Kernels *k)
{
    const Recurrent *r = &g->r;
    const int64_t depth = r->width > r->hidden ? r->width : r->hidden;
    const int64_t few = (int64_t)few_room(k, GEMM_FEW, depth), panel = k->mr * depth;
    return (r->steps + 1) * r->batch * g->wide + (few > panel ? few : panel)
         + layer_lines(g) * layer_padded(r->hidden) + 8 * ELEM_PAD;
}

static void layer_run(const FlatStep *s, FlatRun *r)
{
    const Layer *g = s->data;
    const int64_t line = layer_padded(g->r.hidden), rows = g->r.batch * line;
    for (int way = 0; way < g->r.ways; way++) {
        LayerRun u = {
            .g = g, .w = &g->way[way], .r = r, .at = way, .pre = (float *)(void *)r->room
        };
        u.from = u.pre + g->r.steps * g->r.batch * g->wide;
        u.h = u.from + g->r.batch * g->wide;
        u.c = u.h + rows;
        u.s = u.c + rows;
        for (int i = 0; i < 4; i++) u.gate[i] = u.s + rows + i * line;
        u.line = u.gate[3] + line;
        u.panel = u.line + line;
        memset(u.h, 0, (size_t)(layer_lines(g) * line) * sizeof *u.h);
        layer_way(&u);
    }
}

/* ---- lowering ---------------------------------------------------------------------------- */

/* The row of the weights that is the first of a part. */
static int64_t layer_row(const Layer *g, int64_t part)
{
    return g->parts == GRU_GATES ? gru_gate[part] * g->part : 0;
}

static void *layer_pack(const FlatLower *l, const Layer *g, const Tensor *w,
                        int64_t depth)
{
    const Kernels *k = l->p->kernels;
    bool there;
    char *to = flat_big(l->p, (size_t)(g->wide * depth) * (g->half ? 2 : 4), PACK_GATES,
                        &there);
    for (int64_t j = 0; !there && j < g->wide; j += k->nr) {
        const int64_t in = j % g->apart, row = layer_row(g, j / g->apart) + in;
        const Matrix m = matrix_at((Matrix){ w->data, w->dtype, depth, 1 }, row, 0);
        const int64_t left = g->part - in, cols = left < 0 ? 0 : layer_least(k->nr, left);
        if (g->half)
            pack_panel_half(m, cols, depth, k->nr, (uint16_t *)(void *)to + j * depth);
        else pack_panel(k, m, cols, depth, k->nr, (float *)(void *)to + j * depth);
    }
    return to;
}

/* What is added to each column; NULL: zeros. */
static float *layer_bias(const FlatLower *l, const Layer *g, const Tensor *bias)
{
    float *table = NEW_ARRAY(&l->p->arena, (size_t)g->wide + 2 * ELEM_PAD, float);
    for (int64_t i = 0; bias && i < g->parts; i++)
        flat_floats(bias, (size_t)layer_row(g, i), (size_t)g->part, table + i * g->apart);
    return table;
}

/* gru adds input_bias to what it takes from x. Only its candidate cares which of both it is:
 * `more` is that one's, and the other gates have the sum. */
static void layer_input_bias(const FlatLower *l, const Layer *g, LayerWay *w, float *bias)
{
    const float *more = layer_bias(l, g, lower_known(l, P_input_bias));
    const int64_t own = g->after ? GRU_O * g->apart : g->wide;
    for (int64_t i = 0; i < own; i++) bias[i] += more[i];
    w->more = more + GRU_O * g->apart;
}

static bool layer_pack_way(FlatLower *l, Layer *g, int way)
{
    const Tensor *ih = lower_known(l, way ? P_weight_ih_back : P_weight_ih);
    const Tensor *hh = lower_known(l, way ? P_weight_hh_back : P_weight_hh);
    const ParamId p = way ? P_bias_back : P_bias;
    const Tensor *bias = lower_known(l, p);
    if (!ih || !hh || (call_has(l->c, p) && !bias)) return false;
    float *table = layer_bias(l, g, bias);
    LayerWay *w = &g->way[way];
    g->half = ih->dtype == DT_FP16;
    *w = (LayerWay){ layer_pack(l, g, ih, g->r.width), layer_pack(l, g, hh, g->r.hidden),
                     table, NULL };
    lower_packs(l, way ? P_weight_ih_back : P_weight_ih);
    lower_packs(l, way ? P_weight_hh_back : P_weight_hh);
    if (g->parts == GRU_GATES) layer_input_bias(l, g, w, table);
    return true;
}

static LayerCurve layer_chosen(const FlatLower *l, ParamId p)
{
    static const LayerCurve curves[ACT_COUNT] = {
        [ACT_HARD_SIGMOID] = { ELEM_sigmoid_hard, 0.2f, 0.5f },
        [ACT_LINEAR] = { ELEM_copy, 0, 0 },
        [ACT_RELU] = { ELEM_thresholded_relu, 0, 0 },
        [ACT_SCALED_TANH] = { ELEM_tanh, 0, 0 },
        [ACT_SIGMOID] = { ELEM_sigmoid, 0, 0 },
        [ACT_SIGMOID_HARD] = { ELEM_sigmoid_hard, 0.2f, 0.5f },
        [ACT_TANH] = { ELEM_tanh, 0, 0 },
    };
    return curves[call_takes(l->c, p) ? call_chosen(l->c, p) : ACT_LINEAR];
}

/* Peepholes and clipping are the reference's, and a bias that a run makes. */
static bool layer_usual(const FlatLower *l)
{
    static const ParamId others[] = { P_clip, P_peephole, P_peephole_back };
    for (size_t i = 0; i < COUNT(others); i++)
        if (call_takes(l->c, others[i]) && call_has(l->c, others[i])) return false;
    return !call_takes(l->c, P_input_bias) || !call_has(l->c, P_input_bias)
        || lower_known(l, P_input_bias);
}

/* The gates of lstm are one part, those of gru three, since one may be computed last. */
static void layer_parts(const FlatLower *l, Layer *g)
{
    const int64_t gates = g->r.gates;
    const int nr = l->p->kernels->nr, width = nr < ELEM_PAD ? ELEM_PAD : nr;
    g->turn = gates == 4 ? lstm_turn : gates == 3 ? gru_turn : rnn_turn;
    g->parts = gates == 3 ? GRU_GATES : 1;
    g->part = gates / g->parts * g->r.hidden;
    g->apart = pack_panels(g->part, width) * width;
    g->wide = g->parts * g->apart;
    g->gate = layer_chosen(l, P_recurrent_activation);
    g->cell = layer_chosen(l, P_cell_activation);
    g->out = layer_chosen(l, P_activation);
    g->after = call_takes(l->c, P_reset_after) && call_bool(l->c, P_reset_after);
}

static void layer_slots(const FlatLower *l, FlatStep *s, const Layer *g)
{
    const int in[] = { g->x, g->h, g->c };
    s->read = NEW_ARRAY(&l->p->arena, COUNT(in), int);
    for (size_t i = 0; i < COUNT(in); i++)
        if (in[i] >= 0) s->read[s->nread++] = in[i];
    s->write = l->s->out;
    s->nwrite = l->s->op->nout;
}

bool lower_recurrent(FlatLower *l, FlatStep *s)
{
    static const char *const how[] = { [1] = "rnn, packed weights",
                                       [3] = "gru, packed weights",
                                       [4] = "lstm, packed weights" };
    Layer g = { .type = call_dtype(l->c, P_x),
                .x = lower_slot(l, P_x),
                .h = lower_slot(l, P_initial_h),
                .c = -1,
                .out_slot = l->s->out };
    if (!dtype_fast(g.type) || !layer_usual(l) || !recurrent_of(l->c, &g.r)) return false;
    if (!g.r.steps || !g.r.batch || !g.r.hidden || !g.r.width) return false;
    if (g.r.gates == 4) g.c = lower_slot(l, P_initial_c);
    layer_parts(l, &g);
    for (int way = 0; way < g.r.ways; way++)
        if (!layer_pack_way(l, &g, way)) return false;
    Layer *kept = NEW(&l->p->arena, Layer);
    *kept = g;
    s->data = kept;
    s->run = layer_run;
    s->how = how[g.r.gates];
    s->room = (size_t)layer_room(&g, l->p->kernels) * sizeof(float);
    layer_slots(l, s, kept);
    return true;
}
