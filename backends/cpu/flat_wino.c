/* flat_wino.c -- convolutions of 3 x 3 with steps of 1 by Winograd's method, where it is cheaper
 * (k_wino.h has the numbers).
 *
 * x is laid out by flat_pack.h as for steps of 4: then an element of a tile is, for tiles side by
 * side, elements side by side. A block is some whole lines of tiles: all channels of x become 36
 * matrices [channel, tile], each is multiplied by its matrix of the weights, and what comes of that
 * for a channel of the result is made into its lines. */
#include "flat_pack.h"

#include <math.h>
#include <string.h>

/* BYTE: products in the time that a byte of weights takes to be read, at 75 of them a nanosecond and
 * the 6 bytes that a busy machine of two processors was seen to give. */
enum { BYTE = 13, NUMBERS = 36, SIDE = 4, LINES = 8, WIDEST = 320, ROOM = 1 << 20 };

typedef struct {
    Staged g; /* of tiles */
    int x_slot;
    DType type;
    int64_t batch, cin, cout, high, wide; /* high, wide: of the result */
    const float *weight;                  /* by number, in panels of rows */
    const Tensor *given;                  /* the weights as they are */
    int64_t off[NUMBERS];
    int64_t lines, padded; /* of a block: lines of tiles, and tiles with what fills up */
    int64_t row;           /* padded, and a vector that the last line may write past it */
    int64_t high_tiles, wide_tiles;
    int64_t blocks, together; /* how many blocks are transformed at a time */
    int64_t panels;
} Wino;

typedef struct {
    const FlatStep *s;
    const FlatRun *r;
    const Wino *c;
    int64_t image, first, count; /* blocks */
    float *x, *v;
} WinoWork;

static int64_t wino_least(int64_t a, int64_t b) { return a < b ? a : b; }

/* ---- running ----------------------------------------------------------------------------- */

static void stage_part(void *ctx, int64_t ch, int lane)
{
    const WinoWork *w = ctx;
    const Wino *c = w->c;
    const int64_t from = (w->image * c->cin + ch) * window_in(&c->g.w);
    const size_t size = c->type == DT_FP16 ? 2 : 4;
    stage_channel(&c->g, w->r->k, flat_at(w->r, c->x_slot) + (size_t)from * size, c->type, 0,
                  w->x + ch * c->g.channel, flat_lane(w->r, lane));
}

/* Matrix p of block b is [cin, row]. */
static float *matrix_of(const WinoWork *w, int64_t b, int64_t p)
{
    return w->v + (b * NUMBERS + p) * w->c->cin * w->c->row;
}

/* Where channel ch of x is for the first tile of a block. */
static const float *tiles_at(const WinoWork *w, int64_t ch, int64_t block)
{
    const Wino *c = w->c;
    return w->x + ch * c->g.channel + (w->first + block) * c->lines * c->g.size[2];
}

static void transform_part(void *ctx, int64_t ch, int lane)
{
    const WinoWork *w = ctx;
    const Wino *c = w->c;
    (void)lane;
    for (int64_t b = 0; b < w->count; b++) {
        const int64_t left = c->high_tiles - (w->first + b) * c->lines;
        w->r->k->wino_in(matrix_of(w, b, 0) + ch * c->row, c->cin * c->row, tiles_at(w, ch, b),
                         c->off, (size_t)c->wide_tiles, c->g.size[2],
                         wino_least(c->lines, left));
    }
}

static void wino_multiply(const WinoWork *w, int64_t block, int64_t panel, float *sums)
{
    const Wino *c = w->c;
    const Kernels *k = w->r->k;
    const int64_t each = c->panels * k->mr * c->cin;
    for (int64_t p = 0; p < NUMBERS; p++)
        for (int64_t j = 0; j < c->padded; j += k->nr) {
            const GemmTile t = { .depth = c->cin,
                                 .rows = (int)wino_least(k->mr, c->cout - panel * k->mr),
                                 .a = c->weight + p * each + panel * k->mr * c->cin,
                                 .b = matrix_of(w, block, p) + j,
                                 .ldb = c->row,
                                 .narrow = c->padded - j < k->nr,
                                 .c = sums + p * k->mr * c->padded + j,
                                 .ldc = c->padded };
            k->tile(&t);
        }
}

/* Lines of the result from planes of tiles' elements; how many elements. */
static int64_t gather_lines(const Wino *c, const Kernels *k, int64_t line, const float *planes,
                            float *to)
{
    const int64_t whole = c->wide / SIDE;
    int64_t n = 0;
    for (int64_t t = 0; t < c->lines; t++)
        for (int64_t i = 0; i < SIDE && (line + t) * SIDE + i < c->high; i++, n += c->wide) {
            const float *p = planes + SIDE * i * c->padded + t * c->wide_tiles;
            k->join4(to + n, p, c->padded, (size_t)whole);
            for (int64_t j = 0; j < c->wide % SIDE; j++)
                to[n + whole * SIDE + j] = p[j * c->padded + whole];
        }
    return n;
}

/* The same planes by the definition, for what is not finite: an infinity in a tile would be in all
 * of its elements, or NaN. */
static void plain_planes(const WinoWork *w, int64_t out, int64_t block, float *planes,
                         float *room)
{
    const Wino *c = w->c;
    const Kernels *k = w->r->k;
    const size_t n = (size_t)c->padded;
    k->fill(planes, 0, SIDE * SIDE * n);
    for (int64_t ch = 0; ch < c->cin; ch++) {
        float g[9];
        flat_floats(c->given, (size_t)(out * c->cin + ch) * 9, 9, g);
        for (int at = 0; at < SIDE * SIDE; at++) {
            const float *x = tiles_at(w, ch, block);
            float *to = planes + (size_t)at * n;
            int64_t off[9];
            for (int t = 0; t < 9; t++)
                off[t] = c->off[6 * (at / SIDE + t / 3) + at % SIDE + t % 3];
            for (int64_t i = 0; i < c->lines; i++, x += c->g.size[2], to += c->wide_tiles) {
                k->window_sum(room, x, g, off, 9, (size_t)c->wide_tiles);
                for (int64_t t = 0; t < c->wide_tiles; t++) to[t] += room[t];
            }
        }
    }
}

static void multiply_part(void *ctx, int64_t part, int lane)
{
    const WinoWork *w = ctx;
    const Wino *c = w->c;
    const Kernels *k = w->r->k;
    const int64_t panel = part % c->panels, block = part / c->panels;
    const int64_t line = (w->first + block) * c->lines;
    float *sums = flat_lane(w->r, lane), *planes = sums + NUMBERS * k->mr * c->padded,
          *made = planes + SIDE * SIDE * c->padded;
    wino_multiply(w, block, panel, sums);
    for (int64_t i = 0; i < wino_least(k->mr, c->cout - panel * k->mr); i++) {
        const int64_t ch = w->image * c->cout + panel * k->mr + i;
        k->wino_out(planes, c->padded, sums + i * c->padded, k->mr * c->padded,
                    (size_t)c->padded);
        const int64_t n = gather_lines(c, k, line, planes, made);
        if (!isfinite(k->row[ROW_ABS](made, (size_t)n))) {
            plain_planes(w, panel * k->mr + i, block, planes, made);
            gather_lines(c, k, line, planes, made);
        }
        elem_run_row(w->s->elem, w->r, (ch * c->high + line * SIDE) * c->wide, n, made);
    }
}

static void wino_run(const FlatStep *s, FlatRun *r)
{
    const Wino *c = s->data;
    WinoWork w = { .s = s, .r = r, .c = c, .x = (float *)(void *)r->room };
    w.v = w.x + c->cin * c->g.channel + WIDEST;
    for (w.image = 0; w.image < c->batch; w.image++) {
        team_run(r->team, stage_part, &w, c->cin);
        for (w.first = 0; w.first < c->blocks; w.first += c->together) {
            w.count = wino_least(c->together, c->blocks - w.first);
            team_run(r->team, transform_part, &w, c->cin);
            team_run(r->team, multiply_part, &w, w.count * c->panels);
        }
    }
}

/* ---- weights ----------------------------------------------------------------------------- */

/* The 36 numbers of a kernel: G g G', in double and rounded once. */
static void wino_numbers(const float *g, double *to)
{
    static const double by[6][3] = { { 1. / 4, 0, 0 },
                                     { -1. / 6, -1. / 6, -1. / 6 },
                                     { -1. / 6, 1. / 6, -1. / 6 },
                                     { 1. / 24, 1. / 12, 1. / 6 },
                                     { 1. / 24, -1. / 12, 1. / 6 },
                                     { 0, 0, 1 } };
    double t[6][3];
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < 3; j++)
            t[i][j] = by[i][0] * g[j] + by[i][1] * g[3 + j] + by[i][2] * g[6 + j];
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < 6; j++)
            to[6 * i + j] = t[i][0] * by[j][0] + t[i][1] * by[j][1] + t[i][2] * by[j][2];
}

static void pack_numbers(FlatLower *l, Wino *c, const Tensor *weight)
{
    const int64_t mr = l->p->kernels->mr, each = c->panels * mr * c->cin;
    float *to = flat_big(l->p, (size_t)(NUMBERS * each) * sizeof *to);
    memset(to, 0, (size_t)(NUMBERS * each) * sizeof *to);
    for (int64_t o = 0; o < c->cout; o++)
        for (int64_t i = 0; i < c->cin; i++) {
            float g[9];
            double u[NUMBERS];
            flat_floats(weight, (size_t)(o * c->cin + i) * 9, 9, g);
            wino_numbers(g, u);
            for (int p = 0; p < NUMBERS; p++)
                to[p * each + (o / mr * c->cin + i) * mr + o % mr] = (float)u[p];
        }
    c->weight = to;
}

/* ---- lowering ---------------------------------------------------------------------------- */

/* Lines of a block: what fills up its columns, to whole vectors, is a small part of it; of equals
 * the largest, since all weights are read for each. */
static void cut_blocks(Wino *c, const Kernels *k)
{
    double best = 1e18;
    for (int64_t n = 1; n <= LINES && n <= c->high_tiles; n++) {
        const int64_t padded = (n * c->wide_tiles + k->lanes - 1) / k->lanes * k->lanes;
        const int64_t blocks = (c->high_tiles + n - 1) / n;
        const double cost = (double)(blocks * padded);
        if ((padded > WIDEST && n > 1) || cost > best) continue;
        best = cost;
        c->lines = n;
        c->padded = padded;
        c->blocks = blocks;
    }
    c->row = c->padded + k->lanes;
    const int64_t each = NUMBERS * c->cin * c->row;
    c->together = ROOM / each ? wino_least(ROOM / each, c->blocks) : 1;
}

/* In products: those of the method, or the reading of its weights where that takes longer, and
 * its transforms, against those of the convolution. */
static bool is_cheaper(const Wino *c, int64_t direct)
{
    const double columns = (double)(c->blocks * c->padded), numbers = NUMBERS;
    const double products = numbers * (double)(c->cin * c->cout) * columns;
    const double reading = BYTE * 4 * numbers * (double)(c->cin * c->cout);
    const double transforms = 8 * numbers * (double)(c->cin + c->cout) * columns;
    return (products > reading ? products : reading) + transforms < 0.9 * (double)direct;
}

static bool wino_suits(const Conv *v)
{
    const Window *w = &v->window;
    for (int i = 0; i < MAX_SPATIAL; i++)
        if (w->stride[i] != 1 || w->dilation[i] != 1 || w->kernel[i] != (i ? 3 : 1))
            return false;
    return v->groups == 1 && w->out[0] == 1 && w->in[0] == 1;
}

/* The window of tiles: 6 x 6 elements of x with steps of 4. */
static Window tiles_of(const Window *w)
{
    Window t = *w;
    for (int i = 1; i < MAX_SPATIAL; i++) {
        t.kernel[i] = 6;
        t.stride[i] = SIDE;
        t.out[i] = (w->out[i] + SIDE - 1) / SIDE;
    }
    return t;
}

bool lower_wino(FlatLower *l, FlatStep *s, const Conv *v, const Tensor *weight)
{
    const Kernels *k = l->p->kernels;
    const Window *w = &v->window;
    if (l->p->how.exact || !wino_suits(v)) return false;
    Wino c = { .x_slot = lower_slot(l, P_x),
               .type = call_dtype(l->c, P_x),
               .batch = v->batch,
               .cin = v->cin,
               .cout = v->cout,
               .high = w->out[1],
               .wide = w->out[2],
               .given = weight,
               .panels = pack_panels(v->cout, k->mr) };
    const Window tiles = tiles_of(w);
    stage_init(&c.g, &tiles, &l->p->arena);
    memcpy(c.off, c.g.off, sizeof c.off);
    c.high_tiles = tiles.out[1];
    c.wide_tiles = tiles.out[2];
    cut_blocks(&c, k);
    const int64_t line = w->in[2] + 2;
    if (!is_cheaper(&c, 9 * v->cin * v->cout * w->out[1] * line)) return false;
    pack_numbers(l, &c, weight);
    Wino *kept = NEW(&l->p->arena, Wino);
    *kept = c;
    s->data = kept;
    s->run = wino_run;
    s->how = "conv, winograd 4 x 4";
    s->read = NEW_ARRAY(&l->p->arena, 1, int);
    s->read[s->nread++] = c.x_slot;
    s->room = (size_t)(c.cin * c.g.channel + WIDEST + c.together * NUMBERS * c.cin * c.row
                       + WIDEST)
            * sizeof(float);
    const int64_t work = NUMBERS * k->mr * c.padded + SIDE * SIDE * c.padded
                       + SIDE * c.lines * c.wide + 2 * c.padded + 4 * ELEM_PAD;
    s->lane_room = (size_t)(work > stage_line(&c.g) ? work : stage_line(&c.g)) * sizeof(float);
    return true;
}
