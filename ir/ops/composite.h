/* composite.h -- what the expansion of a composite and its gradient share. */
#ifndef ANEC_COMPOSITE_H
#define ANEC_COMPOSITE_H

#include "ops.h"

/* rms_norm without gamma is unit * scale, and one over the root of the mean square is
 * scale / most. */
typedef struct {
    Value *unit, *scale, *most;
} RmsParts;
RmsParts composite_rms(Builder *b, const Op *op);

#endif
