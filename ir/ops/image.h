/* image.h -- sampling an image between its pixels, shared by inference and kernels of all image
 * ops.
 *
 * Along each axis an element of the result is a Tap: a mix of two elements of x, or one of
 * them. The ops differ in where the taps come from: resizing lays a grid over the axis (or
 * over a box), resample and affine are given coordinates. Grid, Edge and Coord are enums of
 * choices.def. */
#ifndef ANEC_IMAGE_H
#define ANEC_IMAGE_H

#include "ops.h"

typedef struct {
    int64_t a, b; /* indices of elements; below 0: the padding value */
    double t;     /* (1 - t) * x[a] + t * x[b]; exactly x[a] when 0 */
} Tap;

/* ---- how a grid of n points lies over an axis of `len` pixels (0 .. len - 1) ------------- */

double grid_point(Grid g, double len, int64_t n, int64_t i); /* inside [0, len - 1] */

/* ---- the elements that a coordinate reads ------------------------------------------------ */

typedef enum { PICK_LINEAR, PICK_ROUND, PICK_FLOOR } Pick;
Tap tap_at(Pick p, Edge e, int64_t len, double at);

/* ---- coordinates to pixels, and back ----------------------------------------------------- */

double coord_to_pixel(Coord m, bool align, int64_t len, double v);
double coord_of_pixel(Coord m, bool align, int64_t len, int64_t i);

/* ---- sampling ---------------------------------------------------------------------------- */

/* One sample of x, whose dimensions are in[0..rank), by one tap for each axis. */
double sample_point(int rank, const int64_t *in, const Tap *const *tap, double pad,
                    const double *x);
/* All of z, whose dimensions are out[0..rank), by out[i] taps for each axis i. */
void sample_grid(int rank, const int64_t *in, const int64_t *out, Tap *const *tap,
                 double pad, const double *x, double *z);

/* ---- resizing: the last n axes of x, all with one grid and pick -------------------------- */

typedef struct {
    Grid grid;
    Pick pick;
    int n; /* axes that are resized, the last of x */
    /* x's dimensions with those replaced; DIM_ANY where not known */
    int64_t out[MAX_RANK];
} Resize;

bool resize_of(Call *c, Resize *r); /* of any of the five resizing ops; reports errors */

/* ---- crop_resize ------------------------------------------------------------------------- */

/* Whether it is known, from boxes that are, that no point of a box lies outside of its image, where opsets
 * differ: up to ios15 the edge goes on, from ios16 on there is pad_value. */
bool crop_is_inside(Call *c);

/* ---- points: resample and affine --------------------------------------------------------- */

typedef struct {
    Pick pick;
    Edge edge;
    Coord coord;
    bool align;
} Points;

bool points_of(Call *c, Points *p);

#endif
