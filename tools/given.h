/* given.h -- what -i gives: NAME=FILE.npy, NAME=0.5, NAME=-, NAME@k=.. */
#ifndef ANEC_GIVEN_H
#define ANEC_GIVEN_H

#include "main.h"

typedef struct {
    const char *name, *text; /* text: a file, "-" or a number */
    bool each;               /* for one iteration alone: `iteration` */
    uint64_t iteration;
    anec_tensor value; /* once loaded */
    bool loaded;
} Given;

typedef struct {
    Given *item;
    int count;
} GivenList;

/* false: wrong usage, and said. */
bool given_parse(GivenList *g, ToolArgs *a, const OptValue *list, uint64_t iterations);
void given_free(GivenList *g);
/* What is given for a name in an iteration; NULL: nothing. */
Given *given_find(const GivenList *g, const char *name, uint64_t iteration);
/* Loads it once, for the input or state of its name. */
anec_status given_load(Given *g, anec_kernel *kernel, anec_error *e);

/* After iteration k: what was for it alone is not needed any more. */
void given_done(Given *g, uint64_t iteration);

/* What --feed gives: a result of a run that is an input of the next. */
typedef struct {
    const char *result, *input;
} Feed;

typedef struct {
    Feed *item;
    int count;
} FeedList;

bool feed_parse(FeedList *f, ToolArgs *a, const OptValue *list);
bool feed_has(const FeedList *f, const char *input);
/* Before iteration k: what is given for it alone goes before what is fed. */
anec_status feed_wire(const FeedList *f, const GivenList *g, anec_kernel *kernel, uint64_t k,
                      anec_error *e);

#endif
