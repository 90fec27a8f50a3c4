/* flat_wino.c -- convolutions of 3 x 3 with steps of 1 by Winograd's method, of values
 * whose channels lie in blocks, where it is cheaper (k_wino.h has the numbers).
 *
 * A group is some tiles of some lines, of 4 x 4 results each: all blocks of x become 36
 * matrices [tile, channel], each is multiplied by its matrix of the weights, and what comes
 * of that for two blocks of the result is made into its lines. Where there is a group for each
 * thread it is the thread's own, from laying out x on; else threads share the parts of one. */
#include "flat_pack.h"

#include <math.h>
#include <string.h>

/* BYTE: products in the time that a byte of weights takes to be read, by a core whose
 * caches do not hold them. ROOM: bytes of a group's x and matrices, or of all weights, which are to
 * stay in a cache. TILES: side by side in a group, at most. WIDEST: columns of a panel. */
enum {
    BYTE = 5,
    NUMBERS = 36,
    SIDE = 4,
    ROOM = 3 << 18,
    TILES = 28,
    WHOLE = 512,
    WIDEST = 32
};

typedef struct {
    BlockLines x;
    int64_t batch, cout, high, wide; /* high, wide: of the result */
    const float *weight;             /* by panel and number, nr channels of the result */
    const Tensor *given;             /* the weights as they are */
    int64_t depth, apart; /* channels of a tile with what fills up, and their distance */
    int64_t high_tiles, wide_tiles;
    int64_t lines, tiles;     /* of a group: lines of tiles, and tiles of each */
    int64_t groups, acrosses; /* all, and those side by side */
    int64_t panels;
    int64_t x_room, v_room; /* floats of a group */
} Wino;

typedef struct {
    const FlatStep *s;
    const FlatRun *r;
    const Wino *c;
    int64_t image, first, lines, left,
        tiles; /* under way: lines of tiles, and tiles of each */
    float *x, *v;
    float *own; /* a lane's scratch, where the group is its own; NULL: it is not */
} WinoWork;

static int64_t wino_least(int64_t a, int64_t b) { return a < b ? a : b; }

/* ---- running ----------------------------------------------------------------------------- */

typedef float WinoPatch[NUMBERS * WIDEST];

/* The tile's first element in block `block` of x, and how far its lines are apart; a patch
 * is filled where some of x is padding. */
static const float *tile_at(const WinoWork *w, int64_t block, int64_t line, int64_t tile,
                            float *patch, int64_t *apart)
{
    const BlockLines *x = &w->c->x;
    const int64_t side = x->side, *in = x->w.in;
    if (x->staged) {
        const int64_t y = block * (w->lines * SIDE + 2) + line * SIDE;
        *apart = (w->tiles * SIDE + 2) * side;
        return w->x + y * *apart + tile * SIDE * side;
    }
    const int64_t top = (w->first + line) * SIDE - x->w.before[1];
    const int64_t left = (w->left + tile) * SIDE - x->w.before[2];
    const float *plane = (const float *)(void *)flat_at(w->r, x->x_slot)
                       + (w->image * x->blocks + block) * in[1] * in[2] * side;
    if (top >= 0 && left >= 0 && top + 6 <= in[1] && left + 6 <= in[2]) {
        *apart = in[2] * side;
        return plane + (top * in[2] + left) * side;
    }
    *apart = 6 * side;
    for (int64_t i = 0; i < 6; i++)
        for (int64_t j = 0; j < 6; j++) {
            const int64_t y = top + i, z = left + j;
            const bool there = y >= 0 && y < in[1] && z >= 0 && z < in[2];
            float *to = patch + (6 * i + j) * side;
            if (there)
                memcpy(to, plane + (y * in[2] + z) * side, (size_t)side * sizeof *to);
            else memset(to, 0, (size_t)side * sizeof *to);
        }
    return patch;
}

static void wino_transform(void *ctx, int64_t part, int lane)
{
    const WinoWork *w = ctx;
    const Wino *c = w->c;
    const int64_t block = part / w->lines, line = part % w->lines;
    const int64_t step = w->lines * w->tiles * c->apart;
    float *to = w->v + line * w->tiles * c->apart + block * c->x.side;
    WinoPatch patch;
    (void)lane;
    for (int64_t t = 0; t < w->tiles; t++) {
        int64_t apart;
        const float *x = tile_at(w, block, line, t, patch, &apart);
        w->r->k->wino_in(to + t * c->apart, step, x, apart);
    }
}

/* The sums of a line of tiles: 36 matrices [tile, nr]. */
static void wino_multiply(const WinoWork *w, int64_t panel, int64_t line, float *sums)
{
    const Wino *c = w->c;
    const Kernels *k = w->r->k;
    const int64_t tiles = w->tiles,
                  each = pack_panels(tiles, (int)pack_panels(tiles, k->mr));
    RunTile t = { .runs = 1,
                  .apart = c->apart,
                  .narrow = c->cout - panel * k->nr <= k->lanes,
                  .ldf = k->nr,
                  .from_second = k->lanes,
                  .ldc = k->nr,
                  .second = k->lanes };
    for (int64_t p = 0; p < NUMBERS; p++)
        for (int64_t l = 0; l < c->x.cin; l += WHOLE)
            for (int64_t i = 0; i < tiles; i += each) {
                t.rows = (int)wino_least(each, tiles - i);
                t.last = wino_least(WHOLE, c->x.cin - l);
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
    const int64_t n = wino_least(lanes, c->cout - channel);
    WinoPatch patch;
    for (int64_t at = 0; at < SIDE * SIDE; at++)
        for (int64_t o = 0; o < lanes; o++)
            to[at / SIDE * apart + at % SIDE * lanes + o] = 0;
    for (int64_t i = 0; i < c->x.cin; i++) {
        int64_t broad;
        const float *x = tile_at(w, i / side, line, tile, patch, &broad) + i % side;
        for (int64_t o = 0; o < n; o++) {
            float g[9];
            flat_floats(c->given, (size_t)((channel + o) * c->x.cin + i) * 9, 9, g);
            for (int64_t at = 0; at < SIDE * SIDE; at++)
                for (int t = 0; t < 9; t++)
                    to[at / SIDE * apart + at % SIDE * lanes + o] +=
                        g[t]
                        * x[(at / SIDE + t / 3) * broad + (at % SIDE + t % 3) * side];
        }
    }
}

/* The result's element of a block at a line and a position. */
static int64_t wino_element(const WinoWork *w, int64_t block, int64_t y, int64_t x)
{
    const Wino *c = w->c;
    const int64_t lanes = w->r->k->lanes, blocks = layout_blocks(c->cout, (int)lanes);
    return (((w->image * blocks + block) * c->high + y) * c->wide + x) * lanes;
}

/* Four lines of the result from the sums, for one block. Tiles that are whole, and need no
 * more than a kernel does by itself, are made where they belong; others in made. */
static void wino_lines(const WinoWork *w, int64_t block, int64_t line, const float *sums,
                       float *made)
{
    const Wino *c = w->c;
    const Kernels *k = w->r->k;
    const int64_t top = (w->first + line) * SIDE, high = wino_least(SIDE, c->high - top);
    const ElemBlock b = { wino_element(w, block, top, w->left * SIDE), k->lanes, 1,
                          k->lanes };
    EndRoom room;
    SumsEnd e;
    const bool plain = elem_end(w->s->elem, w->r, b, &room, &e) && !e.row;
    for (int64_t t = 0; t < w->tiles; t++) {
        const int64_t left = (w->left + t) * SIDE,
                      wide = wino_least(SIDE, c->wide - left);
        WinoTile tile = { .m = sums + t * k->nr,
                          .step = w->tiles * k->nr,
                          .to = made,
                          .line = SIDE * k->lanes };
        const bool at_once = plain && high == SIDE && wide == SIDE;
        SumsEnd here;
        if (at_once) {
            here = sums_end_at(&e, t * SIDE * k->lanes, 0);
            here.apart = c->wide * k->lanes;
            tile.end = &here;
        }
        const bool finite = k->wino_out(&tile);
        if (finite && at_once) continue;
        if (!finite) wino_plain(w, block * k->lanes, line, t, made, SIDE * k->lanes);
        for (int64_t i = 0; i < high; i++)
            layout_end(w->s, w->r, wino_element(w, block, top + i, left), wide,
                       made + i * SIDE * k->lanes);
    }
}

static void wino_part(void *ctx, int64_t part, int lane)
{
    const WinoWork *w = ctx;
    const Wino *c = w->c;
    const Kernels *k = w->r->k;
    const int64_t panel = part / w->lines, line = part % w->lines;
    float *sums = w->own ? w->own : flat_lane(w->r, lane),
          *made = sums + NUMBERS * w->tiles * k->nr;
    wino_multiply(w, panel, line, sums);
    wino_lines(w, 2 * panel, line, sums, made);
    if (c->cout - panel * k->nr > k->lanes)
        wino_lines(w, 2 * panel + 1, line, sums + k->lanes, made);
}

static void wino_group(WinoWork *w, int64_t group)
{
    const Wino *c = w->c;
    Team *team = w->own ? NULL : w->r->team;
    w->first = group / c->acrosses * c->lines;
    w->lines = wino_least(c->lines, c->high_tiles - w->first);
    w->left = group % c->acrosses * c->tiles;
    w->tiles = wino_least(c->tiles, c->wide_tiles - w->left);
    const BlockPart x = { .image = w->image,
                          .first = w->first * SIDE,
                          .count = w->lines * SIDE + 2,
                          .at = w->left * SIDE,
                          .wide = w->tiles * SIDE + 2,
                          .to = w->x,
                          .room = w->own };
    if (c->x.staged) block_lines_lay(&c->x, w->r, x);
    team_run(team, wino_transform, w, c->x.blocks * w->lines);
    team_run(team, wino_part, w, w->lines * c->panels);
}

static void wino_own(void *ctx, int64_t group, int lane)
{
    WinoWork w = *(const WinoWork *)ctx;
    w.x = flat_lane(w.r, lane);
    w.v = w.x + w.c->x_room;
    w.own = w.v + w.c->v_room;
    wino_group(&w, group);
}

/* Whether a group may be a thread's own. */
static bool wino_owned(const Wino *c) { return c->groups > 1; }

static void wino_run(const FlatStep *s, FlatRun *r)
{
    const Wino *c = s->data;
    WinoWork w = { .s = s, .r = r, .c = c, .x = (float *)(void *)r->room };
    w.v = w.x + c->x_room;
    const bool own = wino_owned(c) && c->groups >= team_lanes(r->team);
    for (w.image = 0; w.image < c->batch; w.image++) {
        if (own) team_run(r->team, wino_own, &w, c->groups);
        for (int64_t g = 0; g < c->groups && !own; g++) wino_group(&w, g);
    }
}

/* ---- weights ----------------------------------------------------------------------------- */

/* Of one panel: the channels of the result from `first` on, `n` of them, side by side in a
 * vector; to is where they belong among the panel's columns. */
static void wino_columns(const Wino *c, const Kernels *k, int64_t first, int64_t n,
                         float *to)
{
    enum { SOME = 64, TAPS = 9 };
    float rows[WIDEST * SOME * TAPS / 2], turned[SOME * TAPS * WIDEST / 2];
    for (int64_t i = 0; i < c->x.cin; i += SOME) {
        const int64_t channels = wino_least(SOME, c->x.cin - i), taps = channels * TAPS;
        for (int64_t o = 0; o < n; o++)
            flat_floats(c->given, (size_t)(((first + o) * c->x.cin + i) * TAPS),
                        (size_t)taps, rows + o * taps);
        if (n < k->lanes) memset(turned, 0, (size_t)(taps * k->lanes) * sizeof *turned);
        k->turn(turned, k->lanes, rows, taps, n, (size_t)taps);
        for (int64_t l = 0; l < channels; l++)
            k->wino_weight(to + (i + l) * k->nr, c->depth * k->nr,
                           turned + l * TAPS * k->lanes);
    }
}

static void wino_weights(FlatLower *l, Wino *c)
{
    const Kernels *k = l->p->kernels;
    const int64_t each = NUMBERS * c->depth * k->nr;
    bool there;
    float *to = flat_big(l->p, (size_t)(c->panels * each) * sizeof *to, PACK_WINO,
                         &there);
    for (int64_t q = 0; !there && q < c->panels; q++)
        for (int64_t j = 0; j < k->nr; j += k->lanes) {
            const int64_t first = q * k->nr + j,
                          left = wino_least(k->lanes, c->cout - first);
            wino_columns(c, k, first, left > 0 ? left : 0, to + q * each + j);
        }
    c->weight = to;
}

/* ---- lowering ---------------------------------------------------------------------------- */

/* Whether all weights stay in a cache from group to group. */
static bool wino_stays(const Wino *c, const Kernels *k)
{
    const int64_t all = NUMBERS * c->depth * c->panels * k->nr;
    return all * (int64_t)sizeof(float) <= ROOM;
}

static Wino wino_of(const FlatLower *l, const Conv *v)
{
    const Kernels *k = l->p->kernels;
    const Window *w = &v->window;
    Wino c = { .batch = v->batch, .cout = v->cout, .high = w->out[1], .wide = w->out[2] };
    block_lines_of(l, v, &c.x);
    c.x.staged = !c.x.twin || c.x.type != DT_FP32;
    c.x.side = k->lanes;
    c.x.blocks = layout_blocks(v->cin, k->lanes);
    c.high_tiles = pack_panels(c.high, SIDE);
    c.wide_tiles = pack_panels(c.wide, SIDE);
    c.x.high = c.high_tiles * SIDE + 2;
    c.x.broad = c.wide_tiles * SIDE + 2;
    c.panels = pack_panels(v->cout, k->nr);
    c.depth = c.x.blocks * k->lanes;
    c.apart = pack_apart(k, c.depth);
    const int64_t acrosses = pack_panels(c.wide_tiles, TILES);
    c.tiles = pack_panels(c.wide_tiles, (int)acrosses);
    c.acrosses = pack_panels(c.wide_tiles, (int)c.tiles);
    const int64_t numbers = NUMBERS * c.tiles * c.apart;
    const int64_t line = c.depth * (c.tiles * SIDE + 2);
    const int64_t each = (numbers + (c.x.staged ? SIDE * line : 0))
                       * (int64_t)sizeof(float);
    const int64_t fit = wino_stays(&c, k) ? 1 : ROOM / each;
    const int64_t most = fit ? wino_least(fit, c.high_tiles) : 1;
    c.lines = pack_panels(c.high_tiles, (int)pack_panels(c.high_tiles, (int)most));
    c.groups = c.acrosses * pack_panels(c.high_tiles, (int)c.lines);
    c.x_room = c.x.staged ? (SIDE * c.lines + 2) * line : 0;
    c.v_room = c.lines * numbers;
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
    const double tiles = (double)(c.high_tiles * c.wide_tiles), numbers = NUMBERS,
                 byte = BYTE;
    const double wide = (double)(c.panels * l->p->kernels->nr), deep = (double)c.depth;
    const double products = numbers * tiles * deep * wide;
    const double times = wino_stays(&c, l->p->kernels) ? 1 : (double)c.groups;
    const double reading = byte * 4 * numbers * deep * wide * times;
    const double transforms = 8 * numbers * (deep + wide) * tiles;
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
    weights_read(l, P_weight); /* and again where a sum is not finite */
    s->data = c;
    s->run = wino_run;
    s->how = "conv, winograd 4 x 4";
    s->macs = 9 * (double)(v.batch * v.cout * v.cin) * (double)(c->high * c->wide);
    s->read = NEW_ARRAY(&l->p->arena, 1, int);
    s->read[s->nread++] = c->x.x_slot;
    const int64_t work = NUMBERS * c->tiles * k->nr + SIDE * SIDE * k->lanes;
    const size_t bytes = (size_t)(work + ELEM_PAD) * sizeof(float);
    const size_t group = (size_t)(c->x_room + c->v_room) * sizeof(float);
    s->lane_room = bytes > block_lines_lane(&c->x) ? bytes : block_lines_lane(&c->x);
    if (wino_owned(c)) s->lane_room += group;
    s->room = group;
    return true;
}
