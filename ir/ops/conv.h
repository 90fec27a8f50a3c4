/* conv.h -- what inference and meaning of the convolutions share. */
#ifndef ANEC_CONV_H
#define ANEC_CONV_H

#include "window.h"

typedef struct {
    bool transposed;
    int64_t batch, cin, cout, groups; /* DIM_ANY where not known */
    Window window;
} Conv;

bool conv_of(Call *c, bool transposed, Conv *v); /* checks all and reports */

#endif
