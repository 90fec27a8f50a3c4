/* flat_wino.h -- convolutions by Winograd's method. */
#ifndef ANEC_FLAT_WINO_H
#define ANEC_FLAT_WINO_H

#include "../../ir/ops/conv.h"
#include "flat_window.h"

/* As a LowerFn. False: it is not of that kind, or not cheaper so. */
bool lower_wino(FlatLower *l, FlatStep *s, const Conv *v, const Tensor *weight);

#endif
