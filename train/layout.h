/* layout.h -- how a checkpoint lies in its file: for what writes it and what reads it. */
#ifndef ANEC_TRAIN_LAYOUT_H
#define ANEC_TRAIN_LAYOUT_H

#include "train.h"

enum { CHECKPOINT_LENGTH = 8 };
#define CHECKPOINT_START "{\"__metadata__\":{\"header\":\""
#define CHECKPOINT_FORMAT "anec-train"
#define CHECKPOINT_VERSION "1"
#define CHECKPOINT_FILL "_fill."

/* Part 0 of a weight are its numbers, part k + 1 its state k; NULL: it has none, being frozen. */
const float *checkpoint_part(const TrainParam *p, int part);
const char *checkpoint_name(Arena *a, const TrainParam *p, int part);

#endif
