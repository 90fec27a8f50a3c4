/* stats.h -- --stats: what a function costs, from its types alone; no weight is read. */
#ifndef ANEC_STATS_H
#define ANEC_STATS_H

#include "../ir/ir.h"

typedef struct {
    /* at once in values, inputs counted, constants and states not; -1: not known */
    double bytes;
    const Op *at;      /* the statement during which; NULL: none computes anything */
    const Value *open; /* bytes is -1: a value whose size is not known */
} Peak;

/* The largest sum of values that are still needed, statement by statement in the order written;
 * a loop counts with the larger of its blocks. */
Peak liveness_peak(const Func *f);

void stats_text(Buf *out, const char *path, const Module *m);
void stats_json(Buf *out, const char *path, const Module *m);

#endif
