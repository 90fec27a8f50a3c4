/* flat_direct.c -- convolutions whose results lie in blocks of channels (flat_layout.c).
 *
 * A product of matrices again: its rows are positions of the result side by side, its
 * columns the channels of two blocks, and what is summed comes in runs, the channels of x
 * that lie side by side at one place of the window. Tiles read x where it lies; where there
 * is padding, or x is in another order or in fp16, it is laid out first, a line at a time. */
#include "flat_pack.h"

#include <string.h>

enum { DEPTH = 512, POSITIONS = 112, CACHED = 1 << 18 };

static int64_t direct_least(int64_t a, int64_t b) { return a < b ? a : b; }

/* ---- a part ------------------------------------------------------------------------------ */

/* The result's element for a panel's first channel, at line i of the part. */
static int64_t direct_first(const DirectWork *w, const DirectPart *p, int64_t i)
{
    const Direct *c = w->c;
    const int64_t side = w->r->k->lanes, blocks = layout_blocks(c->cout, (int)side);
    const int64_t block = w->image * blocks + 2 * p->panel;
    return ((block * c->out_high + p->y + i) * c->out_wide + p->x) * side;
}

/* Some runs of all positions of a part. end: what becomes of the sums; NULL: they stay. */
static void direct_chunk(const Kernels *k, const Direct *c, const DirectPart *p,
                         int64_t first, const SumsEnd *end)
{
    const int64_t side = k->lanes, at = (p->panel * c->depth + first * c->run) * k->nr;
    const int64_t tiles = pack_panels(p->cols, k->mr),
                  each = pack_panels(p->cols, (int)tiles);
    RunTile t = { .half = c->half,
                  .narrow = direct_narrow(c, p->panel, k),
                  .runs = direct_least(c->chunk, c->runs - first),
                  .run = c->run,
                  .apart = c->x.w.stride[2] * c->x.side,
                  .off = c->off + first,
                  .b = (const char *)c->weight + at * (c->half ? 2 : 4),
                  .ldf = side,
                  .ldc = side,
                  .from_second = p->plane,
                  .second = end ? p->second : p->plane };
    t.last = first + t.runs == c->runs ? c->last : c->run;
    for (int64_t i = 0; i < p->lines; i++)
        for (int64_t j = 0; j < p->cols; j += each) {
            float *sums = p->sums + (i * p->cols + j) * side;
            t.rows = (int)direct_least(each, p->cols - j);
            t.a = p->at
                + (i * c->x.w.stride[1] * c->x.broad + j * c->x.w.stride[2]) * c->x.side;
            t.from = first ? sums : NULL;
            SumsEnd here;
            if (end) here = sums_end_at(end, (i * c->out_wide + j) * side, 0);
            t.end = end ? &here : NULL;
            t.c = sums;
            k->runs(&t);
        }
}

void direct_sums(const Kernels *k, const Direct *c, const DirectPart *p,
                 const SumsEnd *end)
{
    for (int64_t g = 0; g < c->runs; g += c->chunk)
        direct_chunk(k, c, p, g, g + c->chunk >= c->runs ? end : NULL);
}

void direct_panel(const DirectWork *w, const DirectPart *p)
{
    const Direct *c = w->c;
    const int64_t side = w->r->k->lanes;
    const ElemBlock b = {
        .first = direct_first(w, p, 0), .apart = side, .rows = p->cols, .cols = side
    };
    EndRoom room;
    SumsEnd e;
    const bool plain = elem_end(w->s->elem, w->r, b, &room, &e) && !e.row;
    direct_sums(w->r->k, c, p, plain ? &e : NULL);
    const int64_t blocks = direct_narrow(c, p->panel, w->r->k) ? 1 : 2;
    for (int64_t j = 0; j < blocks && !plain; j++)
        for (int64_t i = 0; i < p->lines; i++)
            layout_end(w->s, w->r,
                       direct_first(w, p, i) + j * c->out_high * c->out_wide * side,
                       p->cols, p->sums + j * p->plane + i * p->cols * side);
}

static void direct_part(void *ctx, int64_t part, int lane)
{
    const DirectWork *w = ctx;
    const Direct *c = w->c;
    const int64_t across = part % c->acrosses, down = part / c->acrosses % c->downs;
    const int64_t group = part / (c->acrosses * c->downs);
    DirectPart p = { .y = down * c->lines,
                     .x = across * c->cols,
                     .sums = flat_lane(w->r, lane) };
    p.lines = direct_least(c->lines, c->out_high - p.y);
    p.cols = direct_least(c->cols, c->out_wide - p.x);
    p.plane = p.lines * p.cols * w->r->k->lanes;
    p.second = c->out_high * c->out_wide * w->r->k->lanes;
    p.at = w->x
         + (p.y * c->x.w.stride[1] * c->x.broad + p.x * c->x.w.stride[2]) * c->x.side;
    const int64_t end = direct_least((group + 1) * c->group, c->panels);
    for (p.panel = group * c->group; p.panel < end; p.panel++) direct_panel(w, &p);
}

static void direct_run(const FlatStep *s, FlatRun *r)
{
    const Direct *c = s->data;
    DirectWork w = { .s = s, .r = r, .c = c };
    const int64_t groups = (c->panels + c->group - 1) / c->group;
    for (w.image = 0; w.image < c->batch; w.image++) {
        w.x = block_lines(&c->x, r, w.image);
        team_run(r->team, direct_part, &w, c->acrosses * c->downs * groups);
    }
}

const Direct *direct_of(const FlatStep *s)
{
    return s->run == direct_run ? s->data : NULL;
}

/* ---- lowering ---------------------------------------------------------------------------- */

/* Tables by number of what is summed: where a run begins, and which of a channel's weights,
 * channel by channel, it takes. */
static void direct_runs(FlatLower *l, Direct *c, int64_t *weight)
{
    const Window *w = &c->x.w;
    const int64_t taps = window_taps(w), plane = c->x.high * c->x.broad * c->x.side;
    const bool lines = c->x.blocks == 1
                    && w->dilation[2] == 1; /* a line of the window is a run */
    const int64_t per = lines ? w->kernel[1] : taps;
    int64_t *off = NEW_ARRAY(&l->p->arena, c->x.blocks * per + 1, int64_t), n = 0;
    c->runs = c->x.blocks * per;
    c->run = lines ? w->kernel[2] * c->x.side : c->x.side;
    c->last = taps == 1 ? c->x.cin - (c->x.blocks - 1) * c->x.side : c->run;
    for (int64_t g = 0; g < c->runs; g++) {
        const int64_t block = g / per, tap = lines ? g % per * w->kernel[2] : g % per;
        const int64_t i = tap / w->kernel[2] * w->dilation[1],
                      j = tap % w->kernel[2] * w->dilation[2];
        off[g] = block * plane + (i * c->x.broad + j) * c->x.side;
        for (int64_t e = 0; e < c->run; e++) {
            const int64_t channel = block * c->x.side + e % c->x.side;
            weight[n++] = channel < c->x.cin ? channel * taps + tap + e / c->x.side : -1;
        }
    }
    c->off = off;
    c->depth = c->runs * c->run;
}

static void direct_weights(FlatLower *l, Direct *c, const Tensor *given,
                           const int64_t *from)
{
    const Kernels *k = l->p->kernels;
    const int64_t row = c->x.cin * window_taps(&c->x.w),
                  all = c->panels * c->depth * k->nr;
    c->half = given->dtype == DT_FP16;
    bool there;
    char *to = flat_big(l->p, (size_t)all * (c->half ? 2 : 4), PACK_DIRECT, &there);
    c->weight = to;
    if (there) return;
    memset(to, 0, (size_t)all * (c->half ? 2 : 4));
    for (int64_t o = 0; o < c->cout; o++) {
        const int64_t at = o / k->nr * c->depth * k->nr + o % k->nr;
        float *full = (float *)(void *)to + at;
        uint16_t *half = (uint16_t *)(void *)to + at;
        const float *f = (const float *)given->data + o * row;
        const uint16_t *h = (const uint16_t *)given->data + o * row;
        for (int64_t i = 0; i < c->depth; i++) {
            if (from[i] < 0) continue;
            if (c->half) half[i * k->nr] = h[from[i]];
            else full[i * k->nr] = f[from[i]];
        }
    }
}

static void direct_cut(Direct *c, const Kernels *k)
{
    const int64_t chunks = pack_panels(c->depth, DEPTH);
    const int64_t acrosses = pack_panels(c->out_wide, POSITIONS);
    c->chunk = pack_panels(c->runs, (int)direct_least(chunks, c->runs));
    c->cols = (c->out_wide + acrosses - 1) / acrosses;
    c->acrosses = pack_panels(c->out_wide, (int)c->cols);
    c->lines = direct_least(POSITIONS / c->cols ? POSITIONS / c->cols : 1, c->out_high);
    c->downs = pack_panels(c->out_high, (int)c->lines);
    const int64_t panel = c->depth * k->nr * (c->half ? 2 : 4);
    c->group = CACHED / panel ? direct_least(CACHED / panel, c->panels) : 1;
}

bool direct_suits(const FlatLower *l, const Conv *v)
{
    const Window *w = &v->window;
    (void)l;
    return v->groups == 1 && w->n == 2 && w->out[1] > 1 && w->out[2] > 1 && v->cout > 4
        && v->cin && v->batch;
}

bool lower_direct(FlatLower *l, FlatStep *s)
{
    Conv v;
    const Kernels *k = l->p->kernels;
    if (!conv_of(l->c, false, &v) || !lower_bias(l, v.cout, window_out(&v.window)))
        return false;
    const Window *w = &v.window;
    Direct c = { .batch = v.batch,
                 .cout = v.cout,
                 .panels = pack_panels(v.cout, k->nr),
                 .out_high = w->out[1],
                 .out_wide = w->out[2] };
    block_lines_of(l, &v, &c.x);
    Chain *chain = chain_narrow(l, &v, &c);
    if (window_taps(w) == 1 && !c.x.padded && w->stride[1] == 1 && w->stride[2] == 1) {
        c.out_wide *= c.out_high; /* lines follow each other */
        c.out_high = 1;
    }
    int64_t *from = NEW_ARRAY(&l->p->arena, c.x.blocks * c.x.side * window_taps(w) + 1,
                              int64_t);
    direct_runs(l, &c, from);
    direct_weights(l, &c, lower_known(l, P_weight), from);
    lower_packs(l, P_weight);
    direct_cut(&c, k);
    s->macs = (double)(v.batch * v.cout * window_out(w))
            * (double)(v.cin * window_taps(w));
    const size_t sums = (size_t)(2 * c.lines * c.cols * k->lanes + ELEM_PAD)
                      * sizeof(float);
    s->lane_room = sums;
    if (chain) {
        chain_end(l, s, chain, &c);
        return true;
    }
    Direct *kept = NEW(&l->p->arena, Direct);
    *kept = c;
    s->data = kept;
    s->run = direct_run;
    s->how = "conv, blocks";
    s->read = NEW_ARRAY(&l->p->arena, 1, int);
    s->read[s->nread++] = c.x.x_slot;
    s->room = block_lines_room(&c.x);
    const size_t line = block_lines_lane(&c.x);
    if (line > sums) s->lane_room = line;
    return true;
}
