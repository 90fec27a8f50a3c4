/* flat_window.h -- x laid out so that a window's tap is x from another place on.
 *
 * A channel is copied with its padding and split by what the strides leave over, one plane for
 * each: then every tap of a window reads, for result positions side by side, elements side by side.
 * Positions count along the planes' lines, which are longer than the result's: what falls between
 * is computed and left out. */
#ifndef ANEC_FLAT_WINDOW_H
#define ANEC_FLAT_WINDOW_H

#include "../../ir/ops/window.h"
#include "flat.h"

typedef struct {
    Window w;
    int64_t phases[MAX_SPATIAL]; /* planes: what is left over by the stride, where it matters */
    int64_t size[MAX_SPATIAL];   /* of a plane */
    int64_t plane, channel;      /* elements */
    int64_t span;                /* positions that are computed */
    int64_t *off;                /* by tap */
    int taps;
    bool direct; /* x itself is laid out so */
} Staged;

void stage_init(Staged *g, const Window *w, Arena *a);
/* One channel of x, `rest` where it is padding, to `to`: g->channel floats. */
void stage_channel(const Staged *g, const Kernels *k, const void *x, DType t, float rest,
                   float *to, float *line);
/* In room of a line and a bit: of the longest line of x. */
int64_t stage_line(const Staged *g);
/* Leaves out of positions [first, first + n) of v those between lines; how many stay. *at: the
 * first one's number among the results of a channel. */
int64_t stage_valid(const Staged *g, int64_t first, int64_t n, float *v, int64_t *at);

#endif
