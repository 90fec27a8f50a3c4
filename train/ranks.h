/* ranks.h -- processes that train together, as mpirun starts them: what goes between them.
 *
 * One thread of each process makes all calls of MPI: what is posted goes out or comes in while
 * the process computes, and the processes tell each other several times a second that they are
 * there. The library is Open MPI's, loaded where mpirun has started the process and nowhere
 * else. */
#ifndef ANEC_TRAIN_RANKS_H
#define ANEC_TRAIN_RANKS_H

#include "train.h"

typedef struct TrainRanks TrainRanks;
typedef struct RanksPost RanksPost;

/* *out is NULL where mpirun did not start this process. stop: not 0, the run is asked to end. */
bool ranks_open(TrainRanks **out, Diag *d, const volatile sig_atomic_t *stop);
/* well: all processes have come to their end, and part; else the others are told that this one
 * has failed. */
void ranks_close(TrainRanks *r, bool well);
int ranks_index(const TrainRanks *r);
int ranks_count(const TrainRanks *r);
/* The first of those that are there still, this one included. */
int ranks_first(TrainRanks *r);

/* Posts, which are taken up in their order between two processes where tags are equal; the memory
 * must stay until ranks_wait, which each of them needs. */
RanksPost *ranks_send(TrainRanks *r, int to, int tag, const void *p, size_t bytes);
RanksPost *ranks_get(TrainRanks *r, int from, int tag, void *p, size_t bytes);
/* False: a process is gone, and nothing more will come. */
bool ranks_wait(TrainRanks *r, RanksPost *post);
/* Sums over all processes, in the order of their numbers; v is the sum in each of them then. */
bool ranks_sum(TrainRanks *r, double *v, size_t n);
enum { RANKS_TAGS = 8 }; /* tags below it are its own */
/* What is known of the process that is gone; NULL: none is. */
const char *ranks_lost(TrainRanks *r);

/* Whether Open MPI's library can be loaded, for --version. */
bool ranks_possible(void);

#endif
