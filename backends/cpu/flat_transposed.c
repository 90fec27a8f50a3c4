/* flat_transposed.c -- conv_transpose: a product of the weights, rows of which are a channel of
 * the result and a tap, with x, whose rows are its channels; each row is then added to the
 * result's channel where its tap lies. */
#include "flat_pack.h"
#include "../../ir/ops/geometry.h"

#include <string.h>

enum { DEPTH = 256, COLUMNS = 256, PANELS = 4, PLANES = 1 << 19 };

typedef struct {
    Window w;
    int x_slot;
    DType type;
    int64_t batch, cin, cout, groups, gin, gout;
    int64_t taps, in, out;    /* positions of x and of the result */
    int64_t plane;            /* floats of a channel of the result, with room */
    int64_t channels, cparts; /* of the result in a part, parts of a group */
    const float *weight;      /* by group and part, in panels of rows */
    int64_t part_room;        /* floats of a part's weights */
} Turned;

typedef struct {
    const FlatStep *s;
    const FlatRun *r;
    const Turned *c;
    const float *x;      /* of this image */
    int64_t image, line; /* line: between rows of x */
} TurnedWork;

static int64_t transposed_least(int64_t a, int64_t b) { return a < b ? a : b; }

/* ---- running ----------------------------------------------------------------------------- */

static void widen_part(void *ctx, int64_t ch, int lane)
{
    const TurnedWork *w = ctx;
    const Turned *c = w->c;
    const int64_t first = (w->image * c->cin + ch) * c->in;
    float *to = (float *)(void *)w->r->room + ch * w->line;
    (void)lane;
    const float *from = flat_row(w->r, c->x_slot, c->type, first, (size_t)c->in, to);
    if (from != to) memcpy(to, from, (size_t)c->in * sizeof *to);
}

/* n sums of one tap, of positions of x from `first` on, are added to a channel. */
static void add_tap(const Turned *c, const int64_t *tap, int64_t first, int64_t n,
                    const float *sums, float *plane)
{
    const Window *w = &c->w;
    for (int64_t p = first; p < first + n;) {
        const int64_t i2 = p % w->in[2], i1 = p / w->in[2] % w->in[1];
        const int64_t i0 = p / w->in[2] / w->in[1];
        const int64_t run = transposed_least(w->in[2] - i2, first + n - p);
        const int64_t o0 = i0 * w->stride[0] + tap[0] * w->dilation[0] - w->before[0];
        const int64_t o1 = i1 * w->stride[1] + tap[1] * w->dilation[1] - w->before[1];
        const int64_t o2 = i2 * w->stride[2] + tap[2] * w->dilation[2] - w->before[2];
        const float *from = sums + (p - first);
        float *to = plane + (o0 * w->out[1] + o1) * w->out[2];
        p += run;
        if (o0 < 0 || o0 >= w->out[0] || o1 < 0 || o1 >= w->out[1]) continue;
        for (int64_t i = 0; i < run; i++) {
            const int64_t o = o2 + i * w->stride[2];
            if (o >= 0 && o < w->out[2]) to[o] += from[i];
        }
    }
}

static void add_taps(const Turned *c, int64_t channels, int64_t first, int64_t n,
                     const float *sums, float *planes)
{
    const int64_t *k = c->w.kernel;
    for (int64_t ch = 0; ch < channels; ch++)
        for (int64_t t = 0; t < c->taps; t++) {
            const int64_t tap[] = { t / k[2] / k[1], t / k[2] % k[1], t % k[2] };
            add_tap(c, tap, first, n, sums + (ch * c->taps + t) * COLUMNS,
                    planes + ch * c->plane);
        }
}

/* Sums of all rows of a part for some positions. */
static void transposed_multiply(const TurnedWork *w, const float *weight, int64_t group,
                                int64_t rows, int64_t first, int64_t n, float *sums)
{
    const Turned *c = w->c;
    const Kernels *k = w->r->k;
    for (int64_t l = 0; l < c->gin; l += DEPTH)
        for (int64_t j = 0; j < n; j += k->nr)
            for (int64_t i = 0; i < rows; i += k->mr) {
                const GemmTile t = { .depth = transposed_least(DEPTH, c->gin - l),
                                     .rows = (int)transposed_least(k->mr, rows - i),
                                     .add = l > 0,
                                     .a = weight + i * c->gin + l * k->mr,
                                     .b = w->x + (group * c->gin + l) * w->line + first
                                        + j,
                                     .ldb = w->line,
                                     .c = sums + i * COLUMNS + j,
                                     .ldc = COLUMNS };
                k->tile(&t);
            }
}

static void turned_part(void *ctx, int64_t part, int lane)
{
    const TurnedWork *w = ctx;
    const Turned *c = w->c;
    const int64_t group = part / c->cparts, from = part % c->cparts * c->channels;
    const int64_t channels = transposed_least(c->channels, c->gout - from);
    float *planes = flat_lane(w->r, lane), *sums = planes + c->channels * c->plane;
    memset(planes, 0, (size_t)(channels * c->plane) * sizeof *planes);
    for (int64_t p = 0; p < c->in; p += COLUMNS) {
        const int64_t n = transposed_least(COLUMNS, c->in - p);
        transposed_multiply(w, c->weight + part * c->part_room, group, channels * c->taps,
                            p, n, sums);
        add_taps(c, channels, p, n, sums, planes);
    }
    for (int64_t i = 0; i < channels; i++)
        elem_run_row(w->s->elem, w->r,
                     (w->image * c->cout + group * c->gout + from + i) * c->out, c->out,
                     planes + i * c->plane);
}

static void turned_run(const FlatStep *s, FlatRun *r)
{
    const Turned *c = s->data;
    TurnedWork w = { .s = s, .r = r, .c = c, .x = (float *)(void *)r->room };
    w.line = c->in + ELEM_PAD;
    for (w.image = 0; w.image < c->batch; w.image++) {
        team_run(r->team, widen_part, &w, c->cin);
        team_run(r->team, turned_part, &w, c->groups * c->cparts);
    }
}

/* ---- lowering ---------------------------------------------------------------------------- */

/* Weights are [cin, channels of a group, taps]. */
static void pack_weights(FlatLower *l, Turned *c, const Tensor *weight)
{
    const Kernels *k = l->p->kernels;
    const int64_t all = c->gout * c->taps, parts = c->groups * c->cparts;
    c->part_room = pack_panels(c->channels * c->taps, k->mr) * k->mr * c->gin;
    bool there;
    float *to = flat_big(l->p, (size_t)(parts * c->part_room) * sizeof *to, PACK_TURNED,
                         &there);
    for (int64_t p = 0; !there && p < parts; p++) {
        const int64_t from = p % c->cparts * c->channels * c->taps;
        const int64_t rows = transposed_least(c->channels * c->taps, all - from);
        const Matrix turned = { weight->data, weight->dtype, 1, all };
        for (int64_t i = 0; i < rows; i += k->mr)
            pack_panel(k, matrix_at(turned, from + i, p / c->cparts * c->gin),
                       transposed_least(k->mr, rows - i), c->gin, k->mr,
                       to + p * c->part_room + i * c->gin);
    }
    c->weight = to;
}

bool lower_conv_transpose(FlatLower *l, FlatStep *s)
{
    Conv v;
    const Kernels *k = l->p->kernels;
    const Tensor *weight = lower_known(l, P_weight);
    const int x = lower_slot(l, P_x);
    if (!weight || !dtype_fast(call_dtype(l->c, P_x)) || !dtype_fast(weight->dtype)
        || !conv_of(l->c, true, &v))
        return false;
    Turned c = { .w = v.window,
                 .x_slot = x,
                 .type = call_dtype(l->c, P_x),
                 .batch = v.batch,
                 .cin = v.cin,
                 .cout = v.cout,
                 .groups = v.groups,
                 .gin = v.cin / v.groups,
                 .gout = v.cout / v.groups,
                 .taps = window_taps(&v.window),
                 .in = window_in(&v.window),
                 .out = window_out(&v.window) };
    if (!c.batch || !c.gin || !c.gout || !c.in || !c.out || !lower_bias(l, v.cout, c.out))
        return false;
    c.plane = (c.out + ELEM_PAD - 1) / ELEM_PAD * ELEM_PAD;
    c.channels = transposed_least((PANELS * k->mr + c.taps - 1) / c.taps, c.gout);
    if (c.channels * c.plane > PLANES)
        c.channels = PLANES / c.plane ? PLANES / c.plane : 1;
    c.cparts = (c.gout + c.channels - 1) / c.channels;
    pack_weights(l, &c, weight);
    lower_packs(l, P_weight);
    Turned *kept = NEW(&l->p->arena, Turned);
    *kept = c;
    s->data = kept;
    s->run = turned_run;
    s->how = "conv, transposed";
    s->read = NEW_ARRAY(&l->p->arena, 1, int);
    s->read[s->nread++] = x;
    s->room = (size_t)(c.cin * (c.in + ELEM_PAD) + COLUMNS) * sizeof(float);
    s->lane_room = (size_t)(c.channels * c.plane
                            + pack_panels(c.channels * c.taps, k->mr) * k->mr * COLUMNS)
                 * sizeof(float);
    return true;
}
