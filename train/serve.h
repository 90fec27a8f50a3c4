/* serve.h -- a page that follows a run, for browsers of this machine. */
#ifndef ANEC_TRAIN_SERVE_H
#define ANEC_TRAIN_SERVE_H

#include "train.h"

typedef struct TrainServe TrainServe;

/* Listens at 127.0.0.1 and there alone. port 0: one that is free. folder: of the run, whose
 * log.csv and samples.txt are shown; about: JSON, what the run is. */
bool serve_open(TrainServe **out, Diag *d, unsigned port, const char *folder,
                const char *about);
unsigned serve_port(const TrainServe *s);
/* A line to all pages that are open, under a name: "step", "sample", "end". s may be NULL. */
void serve_tell(TrainServe *s, const char *name, const char *line);
/* What was told goes out first, for a second at most. s may be NULL. */
void serve_close(TrainServe *s);

/* The page (live.html). */
extern const unsigned char live_text[];
extern const size_t live_size;

#endif
