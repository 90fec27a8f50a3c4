/* image.h -- what inference and meaning of the image ops share. */
#ifndef ANEC_IMAGE_H
#define ANEC_IMAGE_H

#include "sample.h"

/* ---- resizing: the last n axes of x, all with one grid and pick -------------------------- */

typedef struct {
    Grid grid;
    Pick pick;
    int n;                 /* axes that are resized, the last of x */
    int64_t out[MAX_RANK]; /* x's extents with those replaced; DIM_ANY where not known */
} Resize;

bool resize_of(Call *c, Resize *r); /* of any of the five resizing ops; reports */

/* ---- points: resample and affine --------------------------------------------------------- */

typedef struct {
    Pick pick;
    Edge edge;
    Coord coord;
    bool align;
} Points;

bool points_of(Call *c, Points *p);

#endif
