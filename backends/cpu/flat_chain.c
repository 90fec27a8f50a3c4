/* flat_chain.c -- a window over each channel by itself, the convolution before it, and the one
 * behind it, as one step (flat_pack.h).
 *
 * What is between them is much larger than what goes in and comes out: it would be written to
 * and read from memory that is far away. So a few lines of the result are computed at a time, in
 * scratch memory that stays near: the lines of x that their windows reach over, of which those
 * that the lines before have reached over are there already; the windows; and the
 * convolution behind. Sums are formed in the same order as by a step each. */
#include "flat_pack.h"

#include <string.h>

/* Bytes of scratch memory that stay near, and of what would be between the steps when it is worth
 * the while; lines of a thread's part, at least. */
enum { NEAR = 3 << 17, FAR = 1 << 19, HALO = 8 };

struct Chain {
    const Direct *wide; /* what makes the window's x; NULL: it lies in memory */
    const ElemProgram *widened;
    const Depth *depth;
    const ElemProgram *filtered; /* NULL: they are the step's results */
    const Direct *narrow;        /* what reads them; NULL: nothing does */
    int64_t rows;                /* of the window's result at a time */
    int64_t lines;               /* of its x that these reach over */
    const FlatStep *first;       /* that was taken over, while the plan is made */
};

typedef struct {
    const FlatStep *s;
    const FlatRun *r;
    const Chain *h;
    const float *x; /* of wide, of this image */
    int64_t image, share;
} ChainWork;

/* Lines of the window's result that are computed, those of its x that lie in scratch memory, and
 * those that are wanted there. */
typedef struct {
    int64_t y, n;
    int64_t first, end;
    int64_t from, to;
    float *x, *made, *rest; /* scratch */
} ChainPart;

static int64_t chain_least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t chain_most(int64_t a, int64_t b) { return a > b ? a : b; }

/* Elements of a line of a block of the window's x, and of its result. */
static int64_t chain_line(const Chain *h, const Kernels *k)
{
    return h->depth->w.in[2] * k->lanes;
}

static int64_t chain_made(const Chain *h, const Kernels *k)
{
    return h->depth->w.out[2] * k->lanes;
}

/* ---- a part ------------------------------------------------------------------------------ */

/* Two blocks of the window's x: lines that are there move to the front, others are computed. */
static void chain_widen(const ChainWork *w, const ChainPart *p, int64_t panel)
{
    const Direct *c = w->h->wide;
    const Kernels *k = w->r->k;
    const int64_t side = k->lanes, line = chain_line(w->h, k), plane = w->h->lines * line;
    const int64_t keep = chain_most(p->end - p->from, 0), first = p->from + keep;
    float *to = p->x + 2 * panel * plane;
    const bool one = direct_narrow(c, panel, k);
    for (int i = 0; keep && i < (one ? 1 : 2); i++)
        memmove(to + i * plane, to + i * plane + (p->from - p->first) * line,
                (size_t)(keep * line) * sizeof *to);
    const int64_t lines = p->to - first, wide = w->h->depth->w.in[2];
    if (lines <= 0) return;
    DirectPart d = { .panel = panel, .lines = lines, .cols = wide, .second = plane };
    if (c->out_high == 1)
        d.lines = 1, d.cols = lines * wide; /* one line follows the other */
    d.at = w->x + first * c->x.w.stride[1] * c->x.broad * c->x.side;
    const int64_t all = c->out_high * c->out_wide * side;
    const int64_t block = w->image * w->h->depth->blocks + 2 * panel;
    const ElemBlock b = { .first = block * all, .apart = side, .rows = 1, .cols = side };
    EndRoom room;
    SumsEnd e;
    elem_end(w->h->widened, w->r, b, &room, &e);
    e.to = d.sums = to + keep * line;
    direct_sums(k, c, &d, &e);
}

static void chain_filter(const ChainWork *w, const ChainPart *p, int64_t block)
{
    const Chain *h = w->h;
    const Kernels *k = w->r->k;
    const int64_t plane = w->image * h->depth->blocks + block, side = k->lanes;
    DepthLine d = depth_plane_of(h->depth, w->r, plane);
    if (h->wide) {
        d.x = p->x + block * h->lines * chain_line(h, k);
        d.half = false;
        d.high = p->to - p->from;
        d.top += p->from;
    }
    const DepthWork put = { w->s, w->r, h->depth };
    const ElemBlock b = { .first = plane * window_out(&h->depth->w) * side,
                          .apart = side,
                          .rows = 1,
                          .cols = side };
    EndRoom room;
    SumsEnd e;
    if (h->narrow) elem_end(h->filtered, w->r, b, &room, &e);
    for (int64_t i = 0; i < p->n; i++) {
        if (h->narrow) {
            e.to = p->made + (block * h->rows + i) * chain_made(h, k);
            k->depth_line(&d, p->y + i, &e);
        } else depth_put_line(&put, &d, plane, p->y + i, p->rest);
    }
}

static void chain_put(const ChainWork *w, const ChainPart *p)
{
    const Chain *h = w->h;
    const Direct *c = h->narrow;
    const DirectWork d = { .s = w->s, .r = w->r, .c = c, .image = w->image };
    const int64_t side = w->r->k->lanes, wide = h->depth->w.out[2], n = p->n * wide;
    for (int64_t i = 0; i < n; i += c->cols) {
        DirectPart q = { .x = p->y * wide + i,
                         .lines = 1,
                         .cols = chain_least(c->cols, n - i),
                         .at = p->made + i * side,
                         .sums = p->rest,
                         .second = c->out_wide * side };
        q.plane = q.cols * side;
        for (q.panel = 0; q.panel < c->panels; q.panel++) direct_panel(&d, &q);
    }
}

/* Some lines of the step's result. */
static void chain_lines(const ChainWork *w, ChainPart *p)
{
    const Chain *h = w->h;
    const Window *v = &h->depth->w;
    const int64_t blocks = h->depth->blocks, from = p->y * v->stride[1] - v->before[1];
    p->from = chain_least(chain_most(from, 0), v->in[1]);
    p->to = chain_least(from + (p->n - 1) * v->stride[1] + v->kernel[1], v->in[1]);
    for (int64_t block = 0; block < blocks; block++) {
        if (h->wide && block % 2 == 0) chain_widen(w, p, block / 2);
        chain_filter(w, p, block);
    }
    p->first = p->from;
    p->end = p->to;
    if (h->narrow) chain_put(w, p);
}

static void chain_part(void *ctx, int64_t part, int lane)
{
    const ChainWork *w = ctx;
    const Chain *h = w->h;
    const Kernels *k = w->r->k;
    const int64_t blocks = h->depth->blocks, high = h->depth->w.out[1];
    const int64_t end = chain_least((part + 1) * w->share, high);
    ChainPart p = { .x = flat_lane(w->r, lane) };
    p.made = p.x + (h->wide ? (blocks + 1) * h->lines * chain_line(h, k) : 0);
    p.rest = p.made + (h->narrow ? blocks * h->rows * chain_made(h, k) : 0);
    for (p.y = part * w->share; p.y < end; p.y += h->rows) {
        p.n = chain_least(h->rows, end - p.y);
        chain_lines(w, &p);
    }
}

/* Each thread has lines that follow each other: what those before a part have reached over is
 * computed again. */
static void chain_run(const FlatStep *s, FlatRun *r)
{
    const Chain *h = s->data;
    ChainWork w = { .s = s, .r = r, .h = h };
    const int64_t high = h->depth->w.out[1];
    const int64_t parts = chain_most(chain_least(team_lanes(r->team), high / HALO), 1);
    w.share = (high + parts - 1) / parts;
    for (w.image = 0; w.image < h->depth->batch; w.image++) {
        if (h->wide) w.x = block_lines(&h->wide->x, r, w.image);
        team_run(r->team, chain_part, &w, (high + w.share - 1) / w.share);
    }
}

/* ---- lowering ---------------------------------------------------------------------------- */

/* The step that makes all of a twin, which one op alone reads, as are the values on its way;
 * NULL: there is none. */
static const FlatStep *chain_maker(const FlatPlan *p, int slot)
{
    const FlatSlot *f = &p->slot[slot];
    if (!p->how.fused || slot < p->plan->nslot || f->root != slot || f->maker < 0)
        return NULL;
    const FlatStep *s = &p->step[f->maker];
    if (!step_stays(p, s)) return NULL;
    for (int i = 0; i < s->elem->nout; i++) {
        const int plain = s->elem->out[i].slot - p->plan->nslot;
        if (plain < 0 || p->slot[plain].readers != 1) return NULL;
    }
    for (int i = 0; i < s->elem->nin; i++) {
        const int in = s->elem->in[i].slot;
        if (in >= 0 && !p->slot[in].known) return NULL;
    }
    return s;
}

/* The program of a step, whose result is left in scratch memory; NULL: there is no kernel for
 * it. */
static const ElemProgram *chain_program(FlatPlan *p, const FlatStep *s, int slot)
{
    ElemProgram *e = NEW(&p->arena, ElemProgram);
    *e = *s->elem;
    e->nout = 0;
    for (int i = 0; i < s->elem->nout; i++)
        if (s->elem->out[i].slot == slot) e->out[e->nout++] = s->elem->out[i];
    if (!e->nout) return NULL;
    e->out[0].slot = -1;
    e->out[0].dtype = DT_FP32;
    elem_find_end(p, e);
    return elem_ends_blocks(e) ? e : NULL;
}

/* Elements of scratch memory for so many lines of the result. */
static int64_t chain_room(const Chain *h, const Kernels *k, int64_t rows)
{
    const Window *v = &h->depth->w;
    const int64_t blocks = h->depth->blocks;
    const int64_t lines = (rows - 1) * v->stride[1] + v->kernel[1];
    return (h->wide ? (blocks + 1) * lines * chain_line(h, k) : 0)
         + (h->narrow ? blocks * rows * chain_made(h, k) : 0);
}

/* As many lines at a time as stay near; false: not one does, or all of what is between would. */
static bool chain_cut(Chain *h, const Kernels *k)
{
    const int64_t high = h->depth->w.out[1], near = NEAR / (int64_t)sizeof(float);
    h->rows = high;
    for (int64_t n = 2; h->rows > 1 && chain_room(h, k, h->rows) > near; n++)
        h->rows = (high + n - 1) / n;
    h->lines = (h->rows - 1) * h->depth->w.stride[1] + h->depth->w.kernel[1];
    const Depth *d = h->depth;
    const int64_t all = d->blocks * window_in(&d->w) * k->lanes;
    return chain_room(h, k, h->rows) <= near && all * (int64_t)sizeof(float) >= FAR;
}

static Depth *chain_depth(FlatPlan *p, const Depth *c)
{
    Depth *kept = NEW(&p->arena, Depth);
    *kept = *c;
    return kept;
}

Chain *chain_window(const FlatLower *l, const Depth *c)
{
    FlatPlan *p = l->p;
    const FlatStep *s = chain_maker(p, c->x_slot);
    const Direct *d = s ? direct_of(s) : NULL;
    if (!d || d->chunk < d->runs) return NULL;
    Chain *h = NEW(&p->arena, Chain);
    Depth *depth = chain_depth(p, c);
    *h = (Chain){ .wide = d, .depth = depth, .first = s };
    h->widened = chain_program(p, s, c->x_slot);
    depth->x_slot = -1;
    return h->widened && chain_cut(h, p->kernels) ? h : NULL;
}

Chain *chain_narrow(const FlatLower *l, const Conv *v, Direct *c)
{
    FlatPlan *p = l->p;
    const Window *w = &v->window;
    const FlatStep *s = chain_maker(p, c->x.x_slot);
    if (!s || window_taps(w) != 1 || c->x.padded || w->stride[1] != 1
        || w->stride[2] != 1)
        return NULL;
    Chain *h = NEW(&p->arena, Chain);
    if (s->run == chain_run) *h = *(const Chain *)s->data;
    else if (depth_of(s)) *h = (Chain){ .depth = chain_depth(p, depth_of(s)) };
    if (!h->depth || h->narrow) return NULL;
    h->first = s;
    h->narrow = c;
    h->filtered = chain_program(p, s, c->x.x_slot);
    if (!h->filtered || !chain_cut(h, p->kernels)) return NULL;
    c->x.staged = false;
    c->x.high = h->rows;
    c->x.broad = w->in[2];
    return h;
}

void chain_finish(const FlatLower *l, FlatStep *s, Chain *h)
{
    const FlatStep *first = h->first;
    const size_t room = (size_t)(chain_room(h, l->p->kernels, h->rows)) * sizeof(float);
    s->lane_room += room;
    s->room = first->room;
    if (h->wide && block_lines_lane(&h->wide->x) > s->lane_room)
        s->lane_room = block_lines_lane(&h->wide->x);
    s->data = h;
    s->run = chain_run;
    s->how = "conv, chain";
    s->macs += first->macs;
    s->weights += first->weights;
    s->ops = arena_printf(&l->p->arena, "%s %s", first->ops, s->ops);
    s->read = NEW_ARRAY(&l->p->arena, 1, int);
    s->read[s->nread++] = h->wide ? h->wide->x.x_slot : h->depth->x_slot;
}

void chain_end(const FlatLower *l, FlatStep *s, Chain *h, const Direct *c)
{
    Direct *kept = NEW(&l->p->arena, Direct);
    *kept = *c;
    h->narrow = kept;
    chain_finish(l, s, h);
}
