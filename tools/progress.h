/* progress.h -- a line on the terminal about work that takes long; nothing where stderr is
 * none. */
#ifndef ANEC_PROGRESS_H
#define ANEC_PROGRESS_H

#include "../base/base.h"

typedef struct {
    bool on;    /* stderr is a terminal, and nobody asked for quiet */
    bool drawn; /* the line is there now */
    double due; /* when it may be drawn again; 0: the clock has not started */
} Progress;

void progress_start(Progress *p, bool quiet);
void progress_count(Progress *p, const char *what, uint64_t done, uint64_t all); /* a bar */
void progress_file(void *progress, const char *path, uint64_t written);          /* a Diag's */
void progress_clear(Progress *p); /* before anything else is written there */

#endif
