/* flat_lines.c -- x laid out for convolutions by blocks of channels (flat_pack.h): lines
 * with their padding, in fp32, from a twin or from a value whose channels are planes. */
#include "flat_pack.h"

#include <string.h>

enum { LINES = 4 }; /* of a part */

typedef struct {
    const BlockLines *b;
    const FlatRun *r;
    BlockPart p;
} LinesWork;

static int64_t lines_least(int64_t a, int64_t b) { return a < b ? a : b; }

/* n positions of a line of a twin, from x on. */
static void lines_of_twin(const LinesWork *w, int64_t block, int64_t y, int64_t x,
                          int64_t n, float *to)
{
    const BlockLines *b = w->b;
    const int64_t line = (w->p.image * b->blocks + block) * b->w.in[1] + y;
    const int64_t at = (line * b->w.in[2] + x) * b->side;
    const size_t all = (size_t)(n * b->side);
    const char *from = flat_at(w->r, b->x_slot);
    const int64_t there = lines_least(b->side, b->cin - block * b->side);
    if (b->type == DT_FP32)
        memcpy(to, (const float *)(const void *)from + at, all * sizeof *to);
    else w->r->k->widen(to, (const uint16_t *)(const void *)from + at, all);
    for (int64_t i = 0; i < n && there < b->side; i++)
        memset(to + i * b->side + there, 0, (size_t)(b->side - there) * sizeof *to);
}

/* And from channels that are planes of their own. */
static void lines_of_planes(const LinesWork *w, int64_t block, int64_t y, int64_t x,
                            int64_t n, float *to, float *room)
{
    const BlockLines *b = w->b;
    const Kernels *k = w->r->k;
    const int64_t plane = window_in(&b->w), channel = block * b->side;
    const int64_t rows = lines_least(b->side, b->cin - channel);
    const int64_t at = (w->p.image * b->cin + channel) * plane + y * b->w.in[2] + x;
    const char *from = flat_at(w->r, b->x_slot);
    if (rows < b->side) memset(to, 0, (size_t)(n * b->side) * sizeof *to);
    if (b->type == DT_FP32) {
        k->turn(to, b->side, (const float *)(const void *)from + at, plane, rows,
                (size_t)n);
        return;
    }
    for (int64_t i = 0; i < rows; i++)
        k->widen(room + i * n, (const uint16_t *)(const void *)from + at + i * plane,
                 (size_t)n);
    k->turn(to, b->side, room, n, rows, (size_t)n);
}

static void lines_line(const LinesWork *w, int64_t block, int64_t line, float *room)
{
    const BlockLines *b = w->b;
    const BlockPart *p = &w->p;
    /* of the part's positions those before x, of x, and behind it */
    const int64_t x = p->at > b->w.before[2] ? p->at - b->w.before[2] : 0;
    const int64_t before = lines_least(b->w.before[2] + x - p->at, p->wide);
    int64_t n = lines_least(b->w.in[2] - x, p->wide - before);
    const int64_t y = p->first + line - b->w.before[1];
    float *to = p->to + (block * p->count + line) * p->wide * b->side;
    if (y < 0 || y >= b->w.in[1]) {
        memset(to, 0, (size_t)(p->wide * b->side) * sizeof *to);
        return;
    }
    if (n < 0) n = 0;
    float *inside = to + before * b->side, *behind = inside + n * b->side;
    memset(to, 0, (size_t)(before * b->side) * sizeof *to);
    if (b->twin) lines_of_twin(w, block, y, x, n, inside);
    else lines_of_planes(w, block, y, x, n, inside, room);
    memset(behind, 0, (size_t)((p->wide - before - n) * b->side) * sizeof *to);
}

static void lines_part(void *ctx, int64_t part, int lane)
{
    const LinesWork *w = ctx;
    const int64_t first = part / w->b->blocks * LINES;
    const int64_t end = lines_least(first + LINES, w->p.count);
    float *room = w->p.room ? w->p.room : flat_lane(w->r, lane);
    for (int64_t line = first; line < end; line++)
        lines_line(w, part % w->b->blocks, line, room);
}

void block_lines_lay(const BlockLines *b, const FlatRun *r, BlockPart p)
{
    LinesWork w = { b, r, p };
    team_run(p.room ? NULL : r->team, lines_part, &w,
             b->blocks * ((p.count + LINES - 1) / LINES));
}

const float *block_lines(const BlockLines *b, const FlatRun *r, int64_t image)
{
    const BlockPart all = {
        image, 0, b->high, 0, b->broad, (float *)(void *)r->room, NULL
    };
    if (!b->staged) {
        const int64_t plane = b->blocks * b->high * b->broad * b->side;
        return (const float *)(void *)flat_at(r, b->x_slot) + image * plane;
    }
    block_lines_lay(b, r, all);
    return all.to;
}

void block_lines_of(const FlatLower *l, const Conv *v, BlockLines *b)
{
    const int lanes = l->p->kernels->lanes;
    const Window *w = &v->window;
    *b = (BlockLines){ .w = *w,
                       .x_slot = lower_slot(l, P_x),
                       .type = call_dtype(l->c, P_x),
                       .cin = v->cin,
                       .side = v->cin < lanes ? v->cin : lanes,
                       .high = (w->out[1] - 1) * w->stride[1] + window_span(w, 1),
                       .broad = (w->out[2] - 1) * w->stride[2] + window_span(w, 2) };
    b->twin = b->x_slot >= l->p->plan->nslot;
    if (b->twin) b->side = lanes;
    b->blocks = layout_blocks(v->cin, (int)b->side);
    b->padded = w->before[1] || w->before[2] || w->after[1] || w->after[2];
    b->staged = !b->twin || b->padded || b->type != DT_FP32
             || (v->cin % b->side && window_taps(w) > 1);
    if (b->staged) return;
    b->high = w->in[1];
    b->broad = w->in[2];
}

size_t block_lines_room(const BlockLines *b)
{
    const int64_t all = b->blocks * b->high * b->broad * b->side;
    return b->staged ? (size_t)all * sizeof(float) : 0;
}

size_t block_lines_lane(const BlockLines *b)
{
    return (size_t)(b->side * b->w.in[2] + ELEM_PAD) * sizeof(float);
}
