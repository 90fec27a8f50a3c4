/* flat_narrow.c -- convolutions along one dimension with few positions.
 *
 * A vector of such positions would be mostly empty, so channels of the result are the columns of a
 * product instead: x is turned, once, so that the channels of a position lie side by side; then a
 * window is a row that lies there already, and weights are panels that are read once. */
#include "flat_pack.h"

#include <string.h>

enum { COLUMNS = 128 }; /* of a part: END_ROWS at most */

typedef struct {
    int x_slot;
    DType type;
    bool half; /* weights are fp16 */
    int64_t batch, cin, cout, wide, before, lines, step, depth, positions;
    const void
        *weight; /* panels of channels; a channel's taps, each of all of x's channels */
} NarrowConv;

typedef struct {
    const FlatStep *s;
    const FlatRun *r;
    const NarrowConv *c;
    int64_t image;
} NarrowWork;

static int64_t narrow_least(int64_t a, int64_t b) { return a < b ? a : b; }

/* Floats of x as it is turned, with its padding; what comes behind is for fp16. */
static int64_t narrow_turned(const NarrowConv *c) { return c->lines * c->cin + ELEM_PAD; }

static void narrow_turn(const NarrowWork *w)
{
    const NarrowConv *c = w->c;
    const Kernels *k = w->r->k;
    float *to = (float *)(void *)w->r->room, *wide = to + narrow_turned(c);
    const int64_t kept = narrow_least(c->wide, c->lines - c->before);
    const float *x = flat_row(w->r, c->x_slot, c->type, w->image * c->cin * c->wide,
                              (size_t)(c->cin * c->wide), wide);
    memset(to, 0, (size_t)(c->before * c->cin) * sizeof *to);
    k->turn(to + c->before * c->cin, c->cin, x, c->wide, c->cin, (size_t)kept);
    to += (c->before + kept) * c->cin;
    memset(to, 0, (size_t)((c->lines - c->before - kept) * c->cin) * sizeof *to);
}

/* Sums of all positions of columns that are a part, each position a line. */
static void narrow_sums(const NarrowWork *w, int64_t col, int64_t cols, float *sums)
{
    const NarrowConv *c = w->c;
    const Kernels *k = w->r->k;
    const float *x = (const float *)(const void *)w->r->room;
    const char *weight = (const char *)c->weight + col * c->depth * (c->half ? 2 : 4);
    const int64_t apart = c->step * c->cin;
    for (int64_t i = 0; i < c->positions; i += GEMM_FEW) {
        const FewProduct few = { .a = { x + i * apart, DT_FP32, apart, 1 },
                                 .packed = weight,
                                 .half = c->half,
                                 .rows = narrow_least(GEMM_FEW, c->positions - i),
                                 .depth = c->depth,
                                 .cols = cols,
                                 .c = sums + i * COLUMNS,
                                 .ldc = COLUMNS };
        few_run(k, &few);
    }
}

static void narrow_part(void *ctx, int64_t part, int lane)
{
    const NarrowWork *w = ctx;
    const NarrowConv *c = w->c;
    const int64_t n = c->positions, col = part * COLUMNS;
    const int64_t cols = narrow_least(COLUMNS, c->cout - col);
    float *sums = flat_lane(w->r, lane), *turned = sums + n * COLUMNS;
    ElemBlock b = {
        .first = (w->image * c->cout + col) * n, .apart = n, .rows = cols, .cols = n
    };
    narrow_sums(w, col, cols, sums);
    if (n == 1) {
        b.rows = 1;
        b.cols = cols;
        elem_run_block(w->s->elem, w->r, b, sums, COLUMNS);
        return;
    }
    w->r->k->turn(turned, n, sums, COLUMNS, n, (size_t)cols);
    elem_run_block(w->s->elem, w->r, b, turned, n);
}

static void narrow_run(const FlatStep *s, FlatRun *r)
{
    const NarrowConv *c = s->data;
    NarrowWork w = { .s = s, .r = r, .c = c };
    for (w.image = 0; w.image < c->batch; w.image++) {
        narrow_turn(&w);
        team_run(r->team, narrow_part, &w, (c->cout + COLUMNS - 1) / COLUMNS);
    }
}

/* ---- lowering ---------------------------------------------------------------------------- */

bool narrow_suits(const FlatLower *l, const Conv *v)
{
    const Window *w = &v->window;
    const int nr = l->p->kernels->nr;
    for (int i = 0; i + 1 < MAX_SPATIAL; i++)
        if (w->in[i] != 1 || w->kernel[i] != 1 || w->out[i] != 1) return false;
    const int last = MAX_SPATIAL - 1;
    return v->groups == 1 && w->dilation[last] == 1 && w->out[last] > 0
        && 2 * w->out[last] <= nr && v->cout >= nr;
}

static void narrow_pack(FlatLower *l, NarrowConv *c, const Tensor *weight)
{
    const Kernels *k = l->p->kernels;
    const int64_t taps = c->depth / c->cin, panels = pack_panels(c->cout, k->nr);
    const Matrix all = { weight->data, weight->dtype, c->depth, taps };
    c->half = weight->dtype == DT_FP16;
    bool there;
    char *to = flat_big(l->p, (size_t)(panels * k->nr * c->depth) * (c->half ? 2 : 4),
                        PACK_NARROW, &there);
    c->weight = to;
    for (int64_t i = 0; !there && i < c->cout; i += k->nr)
        for (int64_t t = 0; t < taps; t++) {
            Matrix tap = matrix_at(all, i, 0);
            const int64_t n = narrow_least(k->nr, c->cout - i),
                          at = i * c->depth + t * c->cin * k->nr;
            tap.data = (const char *)tap.data + t * (c->half ? 2 : 4);
            if (c->half)
                pack_panel_half(tap, n, c->cin, k->nr, (uint16_t *)(void *)to + at);
            else pack_panel(k, tap, n, c->cin, k->nr, (float *)(void *)to + at);
        }
}

bool lower_narrow(FlatLower *l, FlatStep *s, const Conv *v, const Tensor *weight)
{
    const Window *w = &v->window;
    const int last = MAX_SPATIAL - 1;
    NarrowConv *c = NEW(&l->p->arena, NarrowConv);
    *c = (NarrowConv){ .x_slot = lower_slot(l, P_x),
                       .type = call_dtype(l->c, P_x),
                       .batch = v->batch,
                       .cin = v->cin,
                       .cout = v->cout,
                       .wide = w->in[last],
                       .lines = (w->out[last] - 1) * w->stride[last] + w->kernel[last],
                       .step = w->stride[last],
                       .depth = v->cin * w->kernel[last],
                       .positions = w->out[last] };
    c->before = narrow_least(w->before[last], c->lines);
    narrow_pack(l, c, weight);
    s->data = c;
    s->run = narrow_run;
    s->how = "conv, few positions";
    s->read = NEW_ARRAY(&l->p->arena, 1, int);
    s->read[s->nread++] = c->x_slot;
    s->room = (size_t)(narrow_turned(c) + c->cin * c->wide + ELEM_PAD) * sizeof(float);
    s->lane_room = (size_t)(2 * (c->positions * COLUMNS + ELEM_PAD)) * sizeof(float);
    return true;
}
