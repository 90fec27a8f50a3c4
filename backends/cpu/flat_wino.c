/* flat_wino.c -- convolutions of 3 x 3 with steps of 1 by Winograd's method, of values whose
 * channels lie in blocks, where it is cheaper (k_wino.h has the numbers).
 *
 * A group is some whole lines of tiles of 4 x 4 results: all blocks of x become 36 matrices
 * [tile, channel], each is multiplied by its matrix of the weights, and what comes of that
 * for two blocks of the result is made into its lines. */
#include "flat_pack.h"

#include <math.h>
#include <string.h>

/* BYTE: products in the time that a byte of weights takes to be read, by a core whose caches
 * do not hold them. ROOM: bytes of a group's matrices, which are to stay in a cache. WIDEST:
 * columns of a panel. */
enum { BYTE = 5, NUMBERS = 36, SIDE = 4, ROOM = 3 << 18, WHOLE = 512, WIDEST = 32 };

typedef struct {
    BlockLines x;
    int64_t batch, cout, high, wide; /* high, wide: of the result */
    const float *weight;             /* by panel and number, nr channels of the result */
    const Tensor *given;             /* the weights as they are */
    int64_t depth, apart; /* channels of a tile with what fills up, and their distance */
    int64_t high_tiles, wide_tiles;
    int64_t lines, groups; /* lines of tiles of a group */
    int64_t panels;
} Wino;

typedef struct {
    const FlatStep *s;
    const FlatRun *r;
    const Wino *c;
    const float *x;              /* of this image */
    int64_t image, first, lines; /* lines of tiles under way */
    float *v;
} WinoWork;

static int64_t wino_least(int64_t a, int64_t b) { return a < b ? a : b; }

/* ---- running ----------------------------------------------------------------------------- */

/* The tile's first element in block `block` of x. */
static const float *tile_at(const WinoWork *w, int64_t block, int64_t line, int64_t tile)
{
    const BlockLines *x = &w->c->x;
    const int64_t y = block * x->high + (w->first + line) * SIDE;
    return w->x + (y * x->broad + tile * SIDE) * x->side;
}

static void wino_transform(void *ctx, int64_t part, int lane)
{
    const WinoWork *w = ctx;
    const Wino *c = w->c;
    const int64_t block = part / w->lines, line = part % w->lines, side = c->x.side;
    const int64_t step = w->lines * c->wide_tiles * c->apart;
    float *to = w->v + line * c->wide_tiles * c->apart + block * side;
    (void)lane;
    for (int64_t t = 0; t < c->wide_tiles; t++)
        w->r->k->wino_in(to + t * c->apart, step, tile_at(w, block, line, t),
                         c->x.broad * side);
}

/* The sums of a line of tiles: 36 matrices [tile, nr]. */
static void wino_multiply(const WinoWork *w, int64_t panel, int64_t line, float *sums)
{
    const Wino *c = w->c;
    const Kernels *k = w->r->k;
    const int64_t tiles = c->wide_tiles,
                  each = pack_panels(tiles, (int)pack_panels(tiles, k->mr));
    RunTile t = { .runs = 1,
                  .apart = c->apart,
                  .narrow = c->cout - panel * k->nr <= k->lanes,
                  .ldf = k->nr,
                  .from_second = k->lanes,
                  .ldc = k->nr,
                  .second = k->lanes };
    for (int64_t p = 0; p < NUMBERS; p++)
        for (int64_t l = 0; l < c->depth; l += WHOLE)
            for (int64_t i = 0; i < tiles; i += each) {
                t.rows = (int)wino_least(each, tiles - i);
                t.last = wino_least(WHOLE, c->depth - l);
                t.a = w->v + ((p * w->lines + line) * tiles + i) * c->apart + l;
                t.b = c->weight + ((panel * NUMBERS + p) * c->depth + l) * k->nr;
                t.c = sums + (p * tiles + i) * k->nr;
                t.from = l ? t.c : NULL;
                k->runs(&t);
            }
}

/* The results of a tile by the definition, for what is not finite: an infinity would be in
 * all of them, or NaN. */
static void wino_plain(const WinoWork *w, int64_t channel, int64_t line, int64_t tile,
                       float *to, int64_t apart)
{
    const Wino *c = w->c;
    const int64_t side = c->x.side, lanes = w->r->k->lanes;
    for (int64_t at = 0; at < SIDE * SIDE; at++)
        for (int64_t o = 0; o < lanes && channel + o < c->cout; o++) {
            float sum = 0;
            for (int64_t i = 0; i < c->x.cin; i++) {
                const float *x = tile_at(w, i / side, line, tile) + i % side;
                float g[9];
                flat_floats(c->given, (size_t)((channel + o) * c->x.cin + i) * 9, 9, g);
                for (int t = 0; t < 9; t++)
                    sum += g[t]
                         * x[((at / SIDE + t / 3) * c->x.broad + at % SIDE + t % 3) * side];
            }
            to[at / SIDE * apart + at % SIDE * lanes + o] = sum;
        }
}

/* Four lines of the result from the sums, for one block. */
static void wino_lines(const WinoWork *w, int64_t block, int64_t line, const float *sums,
                       float *made)
{
    const Wino *c = w->c;
    const Kernels *k = w->r->k;
    const int64_t tiles = c->wide_tiles, wide = SIDE * tiles * k->lanes;
    for (int64_t t = 0; t < tiles; t++) {
        float *to = made + t * SIDE * k->lanes;
        float most = 0;
        k->wino_out(to, wide, sums + t * k->nr, tiles * k->nr);
        for (int i = 0; i < SIDE; i++)
            most += k->row[ROW_ABS](to + i * wide, (size_t)(SIDE * k->lanes));
        if (!isfinite(most)) wino_plain(w, block * k->lanes, line, t, to, wide);
    }
    const int64_t blocks = layout_blocks(c->cout, k->lanes);
    for (int64_t i = 0; i < SIDE; i++) {
        const int64_t y = (w->first + line) * SIDE + i;
        if (y >= c->high) return;
        layout_end(w->s, w->r, ((w->image * blocks + block) * c->high + y) * c->wide * k->lanes,
                   c->wide, made + i * wide);
    }
}

static void wino_part(void *ctx, int64_t part, int lane)
{
    const WinoWork *w = ctx;
    const Wino *c = w->c;
    const Kernels *k = w->r->k;
    const int64_t panel = part / w->lines, line = part % w->lines;
    float *sums = flat_lane(w->r, lane), *made = sums + NUMBERS * c->wide_tiles * k->nr;
    wino_multiply(w, panel, line, sums);
    wino_lines(w, 2 * panel, line, sums, made);
    if (c->cout - panel * k->nr > k->lanes)
        wino_lines(w, 2 * panel + 1, line, sums + k->lanes, made);
}

static void wino_run(const FlatStep *s, FlatRun *r)
{
    const Wino *c = s->data;
    WinoWork w = { .s = s, .r = r, .c = c };
    w.v = (float *)(void *)(r->room + block_lines_room(&c->x));
    for (w.image = 0; w.image < c->batch; w.image++) {
        w.x = block_lines(&c->x, r, w.image);
        for (w.first = 0; w.first < c->high_tiles; w.first += c->lines) {
            w.lines = wino_least(c->lines, c->high_tiles - w.first);
            team_run(r->team, wino_transform, &w, c->x.blocks * w.lines);
            team_run(r->team, wino_part, &w, w.lines * c->panels);
        }
    }
}

/* ---- weights ----------------------------------------------------------------------------- */

/* The 36 numbers of some kernels side by side: G g G', in double and rounded once. */
static void wino_numbers(double (*g)[WIDEST], int n, double (*to)[WIDEST])
{
    static const double by[6][3] = { { 1. / 4, 0, 0 },
                                     { -1. / 6, -1. / 6, -1. / 6 },
                                     { -1. / 6, 1. / 6, -1. / 6 },
                                     { 1. / 24, 1. / 12, 1. / 6 },
                                     { 1. / 24, -1. / 12, 1. / 6 },
                                     { 0, 0, 1 } };
    double t[6 * 3][WIDEST];
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < 3; j++)
            for (int o = 0; o < n; o++)
                t[3 * i + j][o] = by[i][0] * g[j][o] + by[i][1] * g[3 + j][o]
                                + by[i][2] * g[6 + j][o];
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < 6; j++)
            for (int o = 0; o < n; o++)
                to[6 * i + j][o] = t[3 * i][o] * by[j][0] + t[3 * i + 1][o] * by[j][1]
                                 + t[3 * i + 2][o] * by[j][2];
}

/* Of one panel and one channel of x. */
static void wino_column(const Wino *c, int nr, int64_t panel, int64_t i, float *to)
{
    double g[9][WIDEST], u[NUMBERS][WIDEST];
    const int64_t n = wino_least(nr, c->cout - panel * nr);
    for (int64_t o = 0; o < n; o++) {
        float f[9];
        flat_floats(c->given, (size_t)((panel * nr + o) * c->x.cin + i) * 9, 9, f);
        for (int t = 0; t < 9; t++) g[t][o] = (double)f[t];
    }
    wino_numbers(g, (int)n, u);
    for (int p = 0; p < NUMBERS; p++)
        for (int64_t o = 0; o < nr; o++) to[p * c->depth * nr + o] = o < n ? (float)u[p][o] : 0;
}

static void wino_weights(FlatLower *l, Wino *c)
{
    const int nr = l->p->kernels->nr;
    const int64_t each = NUMBERS * c->depth * nr;
    float *to = flat_big(l->p, (size_t)(c->panels * each) * sizeof *to);
    memset(to, 0, (size_t)(c->panels * each) * sizeof *to);
    for (int64_t q = 0; q < c->panels; q++)
        for (int64_t i = 0; i < c->x.cin; i++) wino_column(c, nr, q, i, to + q * each + i * nr);
    c->weight = to;
}

/* ---- lowering ---------------------------------------------------------------------------- */

static Wino wino_of(const FlatLower *l, const Conv *v)
{
    const Kernels *k = l->p->kernels;
    const Window *w = &v->window;
    Wino c = { .batch = v->batch, .cout = v->cout, .high = w->out[1], .wide = w->out[2] };
    block_lines_of(l, v, &c.x);
    c.x.staged = true;
    c.x.side = k->lanes;
    c.x.blocks = layout_blocks(v->cin, k->lanes);
    c.high_tiles = pack_panels(c.high, SIDE);
    c.wide_tiles = pack_panels(c.wide, SIDE);
    c.x.high = c.high_tiles * SIDE + 2;
    c.x.broad = c.wide_tiles * SIDE + 2;
    c.panels = pack_panels(v->cout, k->nr);
    c.depth = c.x.blocks * k->lanes;
    c.apart = pack_apart(k, c.depth);
    const int64_t each = NUMBERS * c.wide_tiles * c.apart * (int64_t)sizeof(float);
    const int64_t most = ROOM / each ? wino_least(ROOM / each, c.high_tiles) : 1;
    c.groups = pack_panels(c.high_tiles, (int)most);
    c.lines = pack_panels(c.high_tiles, (int)c.groups);
    return c;
}

/* In products: those of the method, or the reading of its weights where that takes longer, and
 * its transforms, against those of the convolution. */
bool wino_suits(const FlatLower *l, const Conv *v)
{
    const Window *w = &v->window;
    for (int i = 1; i < MAX_SPATIAL; i++)
        if (w->stride[i] != 1 || w->dilation[i] != 1 || w->kernel[i] != 3) return false;
    if (l->p->how.exact || !direct_suits(l, v)) return false;
    const Wino c = wino_of(l, v);
    const double tiles = (double)(c.high_tiles * c.wide_tiles);
    const double wide = (double)(c.panels * l->p->kernels->nr), deep = (double)c.depth;
    const double products = NUMBERS * tiles * deep * wide;
    const double reading = BYTE * 4. * NUMBERS * deep * wide * (double)c.groups;
    const double transforms = 8 * NUMBERS * (deep + wide) * tiles;
    const double direct = 9 * (double)v->cin * wide * (double)(w->out[1] * w->out[2]);
    return (products > reading ? products : reading) + transforms < 0.9 * direct;
}

bool lower_wino(FlatLower *l, FlatStep *s)
{
    Conv v;
    const Kernels *k = l->p->kernels;
    if (!conv_of(l->c, false, &v) || !lower_bias(l, v.cout, window_out(&v.window)))
        return false;
    Wino *c = NEW(&l->p->arena, Wino);
    *c = wino_of(l, &v);
    c->given = lower_known(l, P_weight);
    wino_weights(l, c);
    s->data = c;
    s->run = wino_run;
    s->how = "conv, winograd 4 x 4";
    s->macs = 9 * (double)(v.batch * v.cout * v.cin) * (double)(c->high * c->wide);
    s->read = NEW_ARRAY(&l->p->arena, 1, int);
    s->read[s->nread++] = c->x.x_slot;
    const int64_t tiles = c->lines * c->wide_tiles;
    s->room = block_lines_room(&c->x) + (size_t)(NUMBERS * tiles * c->apart) * sizeof(float);
    const int64_t work = NUMBERS * c->wide_tiles * k->nr
                       + SIDE * SIDE * c->wide_tiles * k->lanes;
    const size_t bytes = (size_t)(work + ELEM_PAD) * sizeof(float);
    s->lane_room = bytes > block_lines_lane(&c->x) ? bytes : block_lines_lane(&c->x);
    return true;
}
