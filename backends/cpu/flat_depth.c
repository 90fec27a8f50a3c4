/* flat_depth.c -- convolutions of each channel by itself, and pools, of values whose
 * channels lie in blocks (flat_layout.c): a line of the result at a time, straight from x. */
#include "flat_pack.h"

#include <string.h>

enum { LINES = 4 };

DepthLine depth_plane_of(const Depth *c, const FlatRun *r, int64_t plane)
{
    const int64_t side = r->k->lanes, in = plane * window_in(&c->w) * side;
    DepthLine d = { .half = c->type == DT_FP16,
                    .high = c->w.in[1],
                    .wide = c->w.in[2],
                    .out_wide = c->w.out[2],
                    .top = c->w.before[1],
                    .left = c->w.before[2],
                    .side = (int)c->w.kernel[2],
                    .step = (int)c->w.stride[2],
                    .largest = !c->weight };
    if (c->x_slot >= 0) d.x = flat_at(r, c->x_slot) + in * (d.half ? 2 : 4);
    if (c->weight) d.weight = c->weight + plane % c->blocks * window_taps(&c->w) * side;
    return d;
}

void depth_put_line(const DepthWork *w, const DepthLine *d, int64_t plane, int64_t y,
                    float *room)
{
    const int64_t side = w->r->k->lanes, high = w->c->w.out[1], wide = w->c->w.out[2];
    const ElemBlock b = { (plane * high + y) * wide * side, side,
                          wide < END_ROWS ? wide : END_ROWS, side };
    EndRoom rows;
    SumsEnd e;
    if (elem_end(w->s->elem, w->r, b, &rows, &e) && !e.row) {
        w->r->k->depth_line(d, y, &e);
        return;
    }
    e = (SumsEnd){ .to = room, .apart = side };
    w->r->k->depth_line(d, y, &e);
    layout_end(w->s, w->r, b.first, wide, room);
}

/* Parts of the same lines follow each other: a thread has lines of all channels, as it has of the
 * convolutions before and behind. */
static void depth_lines(void *ctx, int64_t part, int lane)
{
    const DepthWork *w = ctx;
    const int64_t high = w->c->w.out[1];
    const int64_t blocks = w->c->blocks, parts = (high + LINES - 1) / LINES;
    const int64_t image = part / blocks / parts, plane = image * blocks + part % blocks;
    const int64_t first = part / blocks % parts * LINES,
                  end = first + LINES < high ? first + LINES : high;
    const DepthLine d = depth_plane_of(w->c, w->r, plane);
    for (int64_t y = first; y < end; y++)
        depth_put_line(w, &d, plane, y, flat_lane(w->r, lane));
}

static void depth_run(const FlatStep *s, FlatRun *r)
{
    const Depth *c = s->data;
    DepthWork w = { s, r, c };
    const int64_t parts = (c->w.out[1] + LINES - 1) / LINES;
    team_run(r->team, depth_lines, &w, c->batch * c->blocks * parts);
}

const Depth *depth_of(const FlatStep *s) { return s->run == depth_run ? s->data : NULL; }

/* ---- lowering ---------------------------------------------------------------------------- */

static bool window_suits(const Window *w)
{
    return w->n == 2 && w->kernel[1] == w->kernel[2] && w->stride[1] == w->stride[2]
        && w->dilation[1] == 1 && w->dilation[2] == 1;
}

bool depth_blocks(const FlatLower *l, const Conv *v)
{
    return layout_twin(l->p, lower_slot(l, P_x)) && v->groups == v->cin
        && v->cout == v->cin && window_suits(&v->window);
}

static const float *depth_weights(FlatLower *l, const Depth *c, const Tensor *given)
{
    const int64_t side = l->p->kernels->lanes, taps = window_taps(&c->w);
    const size_t all = (size_t)(c->blocks * taps * side);
    bool there;
    float *to = flat_big(l->p, all * sizeof *to, PACK_DEPTH, &there);
    if (there) return to;
    memset(to, 0, all * sizeof *to);
    for (int64_t ch = 0; ch < c->channels; ch++)
        for (int64_t t = 0; t < taps; t++)
            flat_floats(given, (size_t)(ch * taps + t), 1,
                        &to[(ch / side * taps + t) * side + ch % side]);
    return to;
}

static void depth_finish(FlatLower *l, FlatStep *s, const Depth *c)
{
    Chain *chain = chain_window(l, c);
    s->lane_room = (size_t)(c->w.out[2] * l->p->kernels->lanes + ELEM_PAD)
                 * sizeof(float);
    if (chain) {
        chain_finish(l, s, chain);
        return;
    }
    Depth *kept = NEW(&l->p->arena, Depth);
    *kept = *c;
    s->data = kept;
    s->run = depth_run;
    s->read = NEW_ARRAY(&l->p->arena, 1, int);
    s->read[s->nread++] = c->x_slot;
}

bool lower_depth(FlatLower *l, FlatStep *s)
{
    Conv v;
    if (!conv_of(l->c, false, &v) || !lower_bias(l, v.cout, window_out(&v.window)))
        return false;
    Depth c = { .x_slot = lower_slot(l, P_x),
                .type = call_dtype(l->c, P_x),
                .w = v.window,
                .batch = v.batch,
                .channels = v.cout,
                .blocks = layout_blocks(v.cout, l->p->kernels->lanes) };
    c.weight = depth_weights(l, &c, lower_known(l, P_weight));
    lower_packs(l, P_weight);
    s->how = "conv, depthwise blocks";
    s->macs = (double)(v.batch * v.cout * window_out(&c.w)) * (double)window_taps(&c.w);
    depth_finish(l, s, &c);
    return true;
}

static bool pool_window(const FlatLower *l, Window *w)
{
    int64_t kernel[MAX_SPATIAL];
    const Shape *x = call_shape(l->c, P_x);
    return x->rank == 4 && call_ints_or(l->c, P_kernel_sizes, 2, 1, kernel)
        && window_of(l->c, WINDOW_POOL, x, kernel, w);
}

bool pool_blocks(const FlatLower *l)
{
    Window w;
    return pool_window(l, &w) && window_suits(&w);
}

bool lower_depth_pool(FlatLower *l, FlatStep *s)
{
    const Shape *x = call_shape(l->c, P_x);
    Depth c = { .x_slot = lower_slot(l, P_x),
                .type = call_dtype(l->c, P_x),
                .batch = x->dim[0],
                .channels = x->dim[1],
                .blocks = layout_blocks(x->dim[1], l->p->kernels->lanes) };
    if (!pool_window(l, &c.w)) return false;
    s->how = "pool, blocks";
    depth_finish(l, s, &c);
    return true;
}
