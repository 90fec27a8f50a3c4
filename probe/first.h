/* first.h -- what is taken for granted of the engine's private framework, tried one by one.
 *
 * Each trial opens the framework anew and leaves it as it was; who calls gives it a process of
 * its own, since what is wrong may be an exception or a call that does not come back. */
#ifndef ANEC_PROBE_FIRST_H
#define ANEC_PROBE_FIRST_H

#include "probe.h"

/* UNCLAIMED: it was seen, and nothing was said of it. */
typedef enum { FIRST_HOLDS, FIRST_DIFFERS, FIRST_UNKNOWN, FIRST_UNCLAIMED } FirstVerdict;
enum { FIRST_VERDICTS = FIRST_UNCLAIMED + 1 };

typedef struct {
    const char *name, *what, *how, *otherwise;
} Assumption;

const Assumption *first_at(int i); /* NULL: past the last */
int first_find(const char *name);  /* -1: there is none of that name */
/* `said` has what was seen, without names of folders. */
FirstVerdict first_try(int i, Diag *d, char *said, size_t room);
/* A rule of which only texts tell that go to the framework as they stand (Rule.raw): the
 * one that keeps it runs, and the other is refused, or runs as well. `dir`: for weights. */
Verdict first_rule(int rule, Diag *d, const char *dir, char *said, size_t room);

#endif
