/* recurrent.h -- what inference and meaning of lstm, gru and rnn share. */
#ifndef ANEC_RECURRENT_H
#define ANEC_RECURRENT_H

#include "ops.h"

/* Activations by their names in these ops, with their default constants. */
typedef double RecurrentActivation(double);
RecurrentActivation *recurrent_activation(Call *c, ParamId param); /* NULL after an error */

typedef struct {
    /* x is [steps, batch, width]; DIM_ANY where not known */
    int64_t steps, batch, width, hidden;
    int gates;     /* weights stack this many matrices of `hidden` rows */
    int ways;      /* 2: bidirectional */
    bool backward; /* direction "reverse" */
    bool sequence; /* all steps are results, not the last alone */
} Recurrent;

bool recurrent_of(Call *c, Recurrent *r); /* checks all and reports */

#endif
