/* window.h -- how a kernel slides over the spatial dimensions of x: what conv and pool
 * share. */
#ifndef ANEC_WINDOW_H
#define ANEC_WINDOW_H

#include "ops.h"

enum { MAX_SPATIAL = 3 };

/* One entry a spatial dimension. Kernels walk all three: those an op lacks come first and are
 * 1, so that a convolution over a line is one over a volume of depth and height 1. Extents are
 * DIM_ANY where they are not known; `out` is then too. */
typedef struct {
    int n; /* real dimensions: the last n of the three */
    int64_t in[MAX_SPATIAL], kernel[MAX_SPATIAL], stride[MAX_SPATIAL], dilation[MAX_SPATIAL];
    int64_t before[MAX_SPATIAL], after[MAX_SPATIAL]; /* padding */
    int64_t out[MAX_SPATIAL];
} Window;

typedef enum { WINDOW_CONV, WINDOW_TRANSPOSE, WINDOW_POOL } WindowKind;

/* Fills w for x of shape [batch, channels, spatial..] from the parameters strides, pad_type,
 * pad and, as the kind has them, dilations, ceil_mode and output_shape; kernel holds x.rank - 2
 * extents. Reports what does not fit. */
bool window_of(Call *c, WindowKind kind, const Shape *x, const int64_t *kernel, Window *w);
/* The rank and shape checks that come first; reports a rank outside 3 to 5. */
bool window_rank(Call *c, const Shape *x);
/* [batch, channels, w->out..] */
Shape window_shape(const Window *w, int64_t batch, int64_t channels);
/* Products over the three dimensions. */
int64_t window_in(const Window *w);
int64_t window_out(const Window *w);
int64_t window_taps(const Window *w);

/* The extent of a kernel with its holes. */
static inline int64_t window_span(const Window *w, int i)
{
    return (w->kernel[i] - 1) * w->dilation[i] + 1;
}

#endif
