/* flat_conv.c -- convolutions and pools over x in the order of its windows (flat_pack.h).
 *
 * A convolution is a product of the weights, rows of which are channels of the result, and x,
 * whose row for an input channel and a tap is that channel from the tap's place on. Nothing is
 * spread out into patches but a block of columns at a time, which all rows of weights then
 * share. A convolution of one channel into one, and a pool, is a window that slides. */
#include "flat_pack.h"

#include <math.h>
#include <string.h>

enum { DEPTH = 256, COLUMNS = 256, PANELS = 8 };

static int64_t conv_least(int64_t a, int64_t b) { return a < b ? a : b; }

/* ---- products ---------------------------------------------------------------------------- */

typedef struct {
    Staged g;
    int x_slot;
    DType type;
    int64_t batch, cin, cout, groups, gin, gout;
    int64_t depth;       /* gin * taps */
    const float *weight; /* by group, in panels of rows */
    const int64_t *off;  /* by row of x of a group */
    int64_t rows, mparts, nparts;
} Conv2;

typedef struct {
    const FlatStep *s;
    const FlatRun *r;
    const Conv2 *c;
    const float *x; /* of this image, staged or itself */
    int64_t image;
} ConvWork;

static size_t size_of(const Conv2 *c) { return c->type == DT_FP16 ? 2 : 4; }

static void stage_part(void *ctx, int64_t ch, int lane)
{
    const ConvWork *w = ctx;
    const Conv2 *c = w->c;
    const int64_t from = (w->image * c->cin + ch) * window_in(&c->g.w);
    stage_channel(&c->g, w->r->k, flat_at(w->r, c->x_slot) + (size_t)from * size_of(c),
                  c->type, 0, (float *)(void *)w->r->room + ch * c->g.channel,
                  flat_lane(w->r, lane));
}

static void conv_block(const ConvWork *w, int64_t group, int64_t row, int64_t rows,
                       int64_t first, int64_t cols, int64_t l, int64_t depth, float *c,
                       float *b)
{
    const Conv2 *v = w->c;
    const Kernels *k = w->r->k;
    const float *a = v->weight + group * pack_panels(v->gout, k->mr) * k->mr * v->depth;
    const bool gathered = rows > 2 * k->mr;
    for (int64_t j = 0; j < cols; j += k->nr) {
        GemmTile t = { .depth = depth, .add = l > 0, .ldc = COLUMNS };
        const float *x = w->x + group * v->gin * v->g.channel + first + j;
        if (gathered) {
            k->gather(b, x, v->off + l, depth);
            t.b = b;
            t.ldb = k->nr;
        } else {
            t.b = x;
            t.off = v->off + l;
        }
        for (int64_t i = 0; i < rows; i += k->mr) {
            t.a = a + (row + i) * v->depth + l * k->mr;
            t.rows = (int)conv_least(k->mr, rows - i);
            t.c = c + i * COLUMNS + j;
            k->tile(&t);
        }
    }
}

/* Positions first .. of the rows' sums become results, a run of those that are kept at a
 * time. */
static void conv_end(const ConvWork *w, ElemBlock b, int64_t first, float *c)
{
    const int64_t begin = b.first, end = first + b.cols;
    StagedRun run;
    for (int64_t at = first; stage_run(&w->c->g, at, end, &run); at = run.from + run.n) {
        b.first = begin + run.at;
        b.cols = run.n;
        elem_run_block(w->s->elem, w->r, b, c + (run.from - first), COLUMNS);
    }
}

static void conv_part(void *ctx, int64_t part, int lane)
{
    const ConvWork *w = ctx;
    const Conv2 *v = w->c;
    float *c = flat_lane(w->r, lane), *b = c + v->rows * COLUMNS;
    const int64_t group = part / (v->mparts * v->nparts);
    const int64_t row = part % v->mparts * v->rows;
    const int64_t first = part / v->mparts % v->nparts * COLUMNS;
    const int64_t rows = conv_least(v->rows, v->gout - row),
                  cols = conv_least(COLUMNS, v->g.span - first);
    for (int64_t l = 0; l < v->depth; l += DEPTH)
        conv_block(w, group, row, rows, first, cols, l, conv_least(DEPTH, v->depth - l),
                   c, b);
    const int64_t ch = w->image * v->cout + group * v->gout + row;
    const ElemBlock made = { .first = ch * window_out(&v->g.w),
                             .apart = window_out(&v->g.w),
                             .rows = rows,
                             .cols = cols };
    conv_end(w, made, first, c);
}

static void conv_run(const FlatStep *s, FlatRun *r)
{
    const Conv2 *c = s->data;
    ConvWork w = { .s = s, .r = r, .c = c };
    for (w.image = 0; w.image < c->batch; w.image++) {
        const int64_t from = w.image * c->cin * window_in(&c->g.w);
        w.x = (const float *)(void *)flat_at(r, c->x_slot) + from;
        if (s->room) {
            team_run(r->team, stage_part, &w, c->cin);
            w.x = (const float *)(void *)r->room;
        }
        team_run(r->team, conv_part, &w, c->groups * c->mparts * c->nparts);
    }
}

/* ---- a channel at a time: depthwise convolutions and pools ------------------------------- */

typedef struct {
    Staged g;
    int x_slot;
    DType type;
    int64_t planes, channels; /* of the result: channel n is of x's channel n / per */
    int64_t per;
    const float *weight; /* by channel of the result; NULL: the largest element */
    bool shared;         /* one weight for all channels */
    bool straight;       /* from x itself: DepthPlane */
    float rest;
} Slide;

typedef struct {
    const FlatStep *s;
    const FlatRun *r;
    const Slide *c;
} SlideWork;

static void slide_part(void *ctx, int64_t part, int lane)
{
    const SlideWork *w = ctx;
    const Slide *c = w->c;
    const Kernels *k = w->r->k;
    const size_t size = c->type == DT_FP16 ? 2 : 4;
    float *v = flat_lane(w->r, lane), *room = v + COLUMNS + ELEM_PAD,
          *x = room + stage_line(&c->g);
    const int64_t from = part / c->per;
    stage_channel(&c->g, k,
                  flat_at(w->r, c->x_slot) + (size_t)(from * window_in(&c->g.w)) * size,
                  c->type, c->rest, x, room);
    const float *weight = c->weight;
    if (weight && !c->shared) weight += part % c->channels * c->g.taps;
    for (int64_t p = 0; p < c->g.span; p += COLUMNS) {
        const int64_t n = conv_least(COLUMNS, c->g.span - p);
        int64_t at;
        if (weight) k->window_sum(v, x + p, weight, c->g.off, c->g.taps, (size_t)n);
        else k->window_max(v, x + p, c->g.off, c->g.taps, (size_t)n);
        const int64_t kept = stage_valid(&c->g, p, n, v, &at);
        if (kept)
            elem_run_row(w->s->elem, w->r, part * window_out(&c->g.w) + at, kept, v);
    }
}

/* Straight from the plane of x, where the kernel knows the window. */
static void depth_part(void *ctx, int64_t part, int lane)
{
    const SlideWork *w = ctx;
    const Slide *c = w->c;
    const Window *v = &c->g.w;
    const int64_t in = window_in(v), out = window_out(v);
    float *room = flat_lane(w->r, lane), *made = room + in + ELEM_PAD;
    DepthPlane d = { .weight = c->weight + part % c->channels * c->g.taps,
                     .high = v->in[1],
                     .wide = v->in[2],
                     .out_high = v->out[1],
                     .out_wide = v->out[2],
                     .top = v->before[1],
                     .left = v->before[2],
                     .side = (int)v->kernel[1],
                     .step = (int)v->stride[1] };
    d.x = flat_row(w->r, c->x_slot, c->type, part / c->per * in, (size_t)in, room);
    const ElemBlock b = { .first = part * out, .rows = 1, .cols = out };
    EndRoom rows;
    SumsEnd e;
    if (elem_end(w->s->elem, w->r, b, &rows, &e)) {
        w->r->k->depth(&d, &e);
        return;
    }
    e = (SumsEnd){ .to = made };
    w->r->k->depth(&d, &e);
    elem_run_row(w->s->elem, w->r, b.first, out, made);
}

static bool depth_suits(const Window *w)
{
    const int64_t side = w->kernel[2], step = w->stride[2];
    for (int i = 1; i < MAX_SPATIAL; i++)
        if (w->kernel[i] != side || w->stride[i] != step || w->dilation[i] != 1)
            return false;
    return (side == 3 || side == 5) && (step == 1 || step == 2) && w->kernel[0] == 1
        && w->in[0] == 1 && w->out[0] == 1;
}

static void slide_run(const FlatStep *s, FlatRun *r)
{
    const Slide *c = s->data;
    SlideWork w = { s, r, c };
    team_run(r->team, c->straight ? depth_part : slide_part, &w, c->planes);
}

static void finish_slide(FlatLower *l, FlatStep *s, const Slide *c)
{
    Slide *kept = NEW(&l->p->arena, Slide);
    *kept = *c;
    s->data = kept;
    s->run = slide_run;
    s->read = NEW_ARRAY(&l->p->arena, 1, int);
    s->read[s->nread++] = c->x_slot;
    s->lane_room = (size_t)(COLUMNS + 4 * ELEM_PAD + stage_line(&c->g) + c->g.channel
                            + 64)
                 * sizeof(float);
}

/* ---- lowering ---------------------------------------------------------------------------- */

static void pack_weights(FlatLower *l, Conv2 *c, const Tensor *weight)
{
    const Kernels *k = l->p->kernels;
    const int64_t panels = pack_panels(c->gout, k->mr) * k->mr * c->depth;
    bool there;
    float *to = flat_big(l->p, (size_t)(c->groups * panels) * sizeof *to, PACK_ROWS,
                         &there);
    for (int64_t g = 0; !there && g < c->groups; g++)
        for (int64_t i = 0; i < c->gout; i += k->mr) {
            const Matrix all = { weight->data, weight->dtype, c->depth, 1 };
            pack_panel(k, matrix_at(all, g * c->gout + i, 0),
                       conv_least(k->mr, c->gout - i), c->depth, k->mr,
                       to + g * panels + i * c->depth);
        }
    c->weight = to;
}

static void table_of_rows(FlatLower *l, Conv2 *c)
{
    int64_t *off = NEW_ARRAY(&l->p->arena, c->depth + 1, int64_t);
    for (int64_t ch = 0; ch < c->gin; ch++)
        for (int t = 0; t < c->g.taps; t++)
            off[ch * c->g.taps + t] = ch * c->g.channel + c->g.off[t];
    c->off = off;
}

static bool lower_depthwise(FlatLower *l, FlatStep *s, const Conv *v,
                            const Tensor *weight)
{
    Slide c = { .x_slot = lower_slot(l, P_x),
                .type = call_dtype(l->c, P_x),
                .planes = v->batch * v->cout,
                .channels = v->cout,
                .per = v->cout / v->cin };
    stage_init(&c.g, &v->window, &l->p->arena);
    const size_t n = (size_t)(v->cout * c.g.taps);
    bool there;
    float *w = flat_big(l->p, n * sizeof *w, PACK_TAPS, &there);
    if (!there) flat_floats(weight, 0, n, w);
    c.weight = w;
    c.straight = depth_suits(&v->window);
    finish_slide(l, s, &c);
    if (c.straight)
        s->lane_room = (size_t)(window_in(&v->window) + window_out(&v->window)
                                + 4 * ELEM_PAD)
                     * sizeof(float);
    s->how = "conv, depthwise";
    return true;
}

static bool lower_product(FlatLower *l, FlatStep *s, const Conv *v, const Tensor *weight)
{
    Conv2 c = { .x_slot = lower_slot(l, P_x),
                .type = call_dtype(l->c, P_x),
                .batch = v->batch,
                .cin = v->cin,
                .cout = v->cout,
                .groups = v->groups,
                .gin = v->cin / v->groups,
                .gout = v->cout / v->groups };
    const Kernels *k = l->p->kernels;
    stage_init(&c.g, &v->window, &l->p->arena);
    c.depth = c.gin * c.g.taps;
    c.rows = c.gout < PANELS * k->mr ? pack_panels(c.gout, k->mr) * k->mr
                                     : PANELS * k->mr;
    c.mparts = (c.gout + c.rows - 1) / c.rows;
    c.nparts = (c.g.span + COLUMNS - 1) / COLUMNS;
    pack_weights(l, &c, weight);
    table_of_rows(l, &c);
    /* x itself has no room past its end where it is the caller's */
    FlatSlot *root = &l->p->slot[l->p->slot[c.x_slot].root];
    if (c.g.direct && c.type == DT_FP32 && root->kind == ROOT_ARENA) root->past = true;
    else s->room = (size_t)(c.cin * c.g.channel + 64) * sizeof(float);
    Conv2 *kept = NEW(&l->p->arena, Conv2);
    *kept = c;
    s->data = kept;
    s->run = conv_run;
    s->how = "conv, direct";
    s->read = NEW_ARRAY(&l->p->arena, 1, int);
    s->read[s->nread++] = c.x_slot;
    const int64_t line = stage_line(&c.g),
                  work = c.rows * COLUMNS + DEPTH * k->nr + ELEM_PAD;
    s->lane_room = (size_t)(line > work ? line : work) * sizeof(float);
    return true;
}

bool lower_conv(FlatLower *l, FlatStep *s)
{
    Conv v;
    const Tensor *weight = lower_known(l, P_weight);
    const int x = lower_slot(l, P_x);
    if (!weight || !dtype_fast(call_dtype(l->c, P_x)) || !dtype_fast(weight->dtype)
        || l->p->slot[x].known || !conv_of(l->c, false, &v))
        return false;
    if (!lower_bias(l, v.cout, window_out(&v.window))) return false;
    lower_packs(l, P_weight);
    if (v.groups == v.cin && v.cout % v.cin == 0 && v.groups > 1)
        return lower_depthwise(l, s, &v, weight);
    return narrow_suits(l, &v) ? lower_narrow(l, s, &v, weight)
                               : lower_product(l, s, &v, weight);
}

/* How many elements a mean at each position is of; 0 becomes 1: their sum is 0. */
static int64_t reach_of(const Window *w, int i, int64_t out, bool inside)
{
    const int64_t from = out * w->stride[i] - w->before[i], to = from + w->kernel[i];
    const int64_t edge = inside ? w->in[i] : w->in[i] + w->after[i];
    const int64_t n = conv_least(to, edge) - (inside && from < 0 ? 0 : from);
    return n < 0 ? 0 : n;
}

static float *conv_reaches(FlatLower *l, const Window *w, bool inside)
{
    float *n = NEW_ARRAY(&l->p->arena, window_out(w) + 1, float), *to = n;
    for (int64_t i = 0; i < w->out[0]; i++)
        for (int64_t j = 0; j < w->out[1]; j++)
            for (int64_t k = 0; k < w->out[2]; k++) {
                const int64_t all = reach_of(w, 0, i, inside) * reach_of(w, 1, j, inside)
                                  * reach_of(w, 2, k, inside);
                *to++ = all > 0 ? (float)all : 1;
            }
    return n;
}

bool lower_pool(FlatLower *l, FlatStep *s)
{
    const Shape *x = call_shape(l->c, P_x);
    int64_t kernel[MAX_SPATIAL];
    Window w;
    const bool mean = l->s->op->kind == OP_avg_pool;
    if (!dtype_fast(call_dtype(l->c, P_x))
        || !call_ints_or(l->c, P_kernel_sizes, x->rank - 2, 1, kernel)
        || !window_of(l->c, WINDOW_POOL, x, kernel, &w))
        return false;
    Slide c = { .x_slot = lower_slot(l, P_x),
                .type = call_dtype(l->c, P_x),
                .planes = x->dim[0] * x->dim[1],
                .channels = x->dim[1],
                .per = 1,
                .shared = true,
                .rest = mean ? 0 : -INFINITY };
    stage_init(&c.g, &w, &l->p->arena);
    if (mean) {
        float *ones = NEW_ARRAY(&l->p->arena, c.g.taps + 1, float);
        for (int i = 0; i < c.g.taps; i++) ones[i] = 1;
        c.weight = ones;
        const bool inside = call_bool(l->c, P_exclude_padding_from_average);
        const float *n = conv_reaches(l, &w, inside);
        if (!lower_then(l, ELEM_div, elem_table(l->p, l->elem, n, window_out(&w), 1)))
            return false;
    }
    finish_slide(l, s, &c);
    s->how = "pool";
    return true;
}
