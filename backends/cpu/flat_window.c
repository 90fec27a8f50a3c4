/* flat_window.c -- x in the order in which windows read it. */
#include "flat_pack.h"

#include <string.h>

static bool is_direct(const Window *w)
{
    for (int i = 0; i < MAX_SPATIAL; i++)
        if (w->stride[i] != 1 || w->before[i] || w->after[i]) return false;
    return true;
}

static int64_t tap_place(const Staged *g, const int64_t *tap)
{
    int64_t plane = 0, at = 0;
    for (int i = 0; i < MAX_SPATIAL; i++) {
        const int64_t d = tap[i] * g->w.dilation[i];
        plane = plane * g->phases[i] + d % g->w.stride[i];
        at = at * g->size[i] + d / g->w.stride[i];
    }
    return plane * g->plane + at;
}

void stage_init(Staged *g, const Window *w, Arena *a)
{
    *g = (Staged){ .w = *w, .direct = is_direct(w), .plane = 1, .channel = 1 };
    for (int i = 0; i < MAX_SPATIAL; i++) {
        const int64_t padded = (w->out[i] - 1) * w->stride[i] + window_span(w, i);
        g->phases[i] = w->kernel[i] == 1 ? 1 : w->stride[i];
        g->size[i] = g->direct ? w->in[i] : (padded + w->stride[i] - 1) / w->stride[i];
        g->plane *= g->size[i];
        g->channel *= g->phases[i];
    }
    g->channel *= g->plane;
    if (!g->direct)
        g->channel += (g->channel % 256 ? 0 : 16); /* not all in one set of a cache */
    g->span = ((w->out[0] - 1) * g->size[1] + w->out[1] - 1) * g->size[2] + w->out[2];
    g->taps = (int)window_taps(w);
    g->off = NEW_ARRAY(a, g->taps + 1, int64_t);
    int64_t tap[MAX_SPATIAL], n = 0;
    for (tap[0] = 0; tap[0] < w->kernel[0]; tap[0]++)
        for (tap[1] = 0; tap[1] < w->kernel[1]; tap[1]++)
            for (tap[2] = 0; tap[2] < w->kernel[2]; tap[2]++)
                g->off[n++] = tap_place(g, tap);
}

/* Whether a line with its padding is made first, and then split by what the stride leaves
 * over. */
static bool is_split(const Staged *g)
{
    const int64_t by = g->w.stride[2];
    return (by == 2 || by == 4) && g->phases[2] == by;
}

int64_t stage_line(const Staged *g)
{
    const int64_t line = is_split(g) ? g->size[2] * g->w.stride[2] : 0;
    return line + g->w.in[2] + 2 * ELEM_PAD;
}

/* Line (i0, i1) of the planes of phase (p0, p1), all phases of the last dimension. */
static void stage_row(const Staged *g, const float *x, float rest, float *to)
{
    const Window *w = &g->w;
    const int64_t by = w->stride[2], n = g->size[2];
    for (int64_t p = 0; p < g->phases[2]; p++, to += g->plane) {
        const int64_t from = p - w->before[2];
        int64_t i = 0, first = from < 0 ? (by - 1 - from) / by : 0;
        int64_t end = x && w->in[2] > from ? (w->in[2] - from + by - 1) / by : 0;
        if (first > n) first = n;
        if (end > n) end = n;
        for (; i < first; i++) to[i] = rest;
        for (; i < end; i++) to[i] = x[from + i * by];
        for (; i < n; i++) to[i] = rest;
    }
}

static void stage_row_split(const Staged *g, const Kernels *k, const float *x, float rest,
                            float *to, float *line)
{
    const Window *w = &g->w;
    const int64_t by = w->stride[2], n = g->size[2] * by;
    const int64_t before = w->before[2] < n ? w->before[2] : n;
    const int64_t mid = x ? (w->in[2] < n - before ? w->in[2] : n - before) : 0;
    for (int64_t i = 0; i < before; i++) line[i] = rest;
    if (mid) memcpy(line + before, x, (size_t)mid * sizeof *line);
    for (int64_t i = before + mid; i < n; i++) line[i] = rest;
    k->split(to, g->plane, line, (int)by, (size_t)g->size[2]);
}

/* The same where nothing is left over: a copy between two paddings. */
static void stage_row_whole(const Staged *g, const float *x, float rest, float *to)
{
    const Window *w = &g->w;
    const int64_t n = g->size[2], before = w->before[2] < n ? w->before[2] : n;
    const int64_t mid = x ? (w->in[2] < n - before ? w->in[2] : n - before) : 0;
    for (int64_t i = 0; i < before; i++) to[i] = rest;
    if (mid) memcpy(to + before, x, (size_t)mid * sizeof *to);
    for (int64_t i = before + mid; i < n; i++) to[i] = rest;
}

void stage_channel(const Staged *g, const Kernels *k, const void *x, DType t, float rest,
                   float *to, float *line)
{
    const Window *w = &g->w;
    const bool whole = w->stride[2] == 1, split = is_split(g);
    float *padded = line + w->in[2] + ELEM_PAD;
    int64_t at[2], p[2];
    for (p[0] = 0; p[0] < g->phases[0]; p[0]++)
        for (p[1] = 0; p[1] < g->phases[1]; p[1]++)
            for (at[0] = 0; at[0] < g->size[0]; at[0]++)
                for (at[1] = 0; at[1] < g->size[1]; at[1]++) {
                    const int64_t i0 = at[0] * w->stride[0] + p[0] - w->before[0];
                    const int64_t i1 = at[1] * w->stride[1] + p[1] - w->before[1];
                    const bool in = i0 >= 0 && i0 < w->in[0] && i1 >= 0 && i1 < w->in[1];
                    const int64_t from = (i0 * w->in[1] + i1) * w->in[2];
                    const float *src = in ? line : NULL;
                    if (in && t == DT_FP32) src = (const float *)x + from;
                    else if (in)
                        k->widen(line, (const uint16_t *)x + from, (size_t)w->in[2]);
                    float *dst = to
                               + (p[0] * g->phases[1] + p[1]) * g->phases[2] * g->plane
                               + (at[0] * g->size[1] + at[1]) * g->size[2];
                    if (whole) stage_row_whole(g, src, rest, dst);
                    else if (split) stage_row_split(g, k, src, rest, dst, padded);
                    else stage_row(g, src, rest, dst);
                }
}

bool stage_run(const Staged *g, int64_t first, int64_t end, StagedRun *run)
{
    const int64_t *out = g->w.out;
    *run = (StagedRun){ first, end - first, first };
    if (g->size[1] == out[1] && g->size[2] == out[2])
        return first < end; /* nothing is left out */
    while (first < end) {
        const int64_t line = first / g->size[2], i2 = first % g->size[2];
        const int64_t i0 = line / g->size[1], i1 = line % g->size[1];
        if (i1 < out[1] && i2 < out[2]) {
            const int64_t n = out[2] - i2 < end - first ? out[2] - i2 : end - first;
            *run = (StagedRun){ first, n, (i0 * out[1] + i1) * out[2] + i2 };
            return true;
        }
        first = (line + 1) * g->size[2];
    }
    return false;
}

int64_t stage_valid(const Staged *g, int64_t first, int64_t n, float *v, int64_t *at)
{
    const int64_t *out = g->w.out, end = first + n;
    int64_t kept = 0;
    *at = first;
    if (g->size[1] == out[1] && g->size[2] == out[2])
        return n; /* there is nothing between */
    *at = -1;
    for (int64_t p = first; p < end;) {
        const int64_t line = p / g->size[2], i2 = p % g->size[2];
        const int64_t i0 = line / g->size[1], i1 = line % g->size[1];
        const int64_t next = (line + 1) * g->size[2];
        if (i1 < out[1] && i2 < out[2]) {
            int64_t m = out[2] - i2 < end - p ? out[2] - i2 : end - p;
            if (*at < 0) *at = (i0 * out[1] + i1) * out[2] + i2;
            if (kept != p - first)
                memmove(v + kept, v + (p - first), (size_t)m * sizeof *v);
            kept += m;
        }
        p = next;
    }
    return kept;
}
