/* watch.h -- --compare, statement by statement: where two backends first part.
 *
 * The first run's float values are kept until the second run has computed them too, at most
 * WATCH_BYTES of them: what comes after is counted, not compared. */
#ifndef ANEC_WATCH_H
#define ANEC_WATCH_H

#include "report.h"

#define WATCH_BYTES ((size_t)1 << 30)

typedef struct {
    const Value *value; /* NULL: none */
    size_t at;          /* element */
    double a, b;        /* of the first and of the second backend */
} Parting;

typedef struct {
    Diag *diag;
    const Tolerance *tolerance;
    struct Kept { const Value *value; Tensor t; } *kept;
    size_t count, cap, next, bytes, passed; /* next: the first that was not met; passed: not kept */
    Parting overflow, loss;
} Watch; /* {0} with diag and tolerance set is ready */

/* Values as they come (RunOptions.each, with the Watch as ctx); false after an error. */
bool watch_keep(void *watch, const Value *v, const Tensor *t); /* of the first run */
bool watch_meet(void *watch, const Value *v, const Tensor *t); /* of the second */
/* Lines that name the statement where a value first is infinite or NaN on one side only, and the one
 * where it is first out of tolerance; nothing when there is none. Then w is ready again. */
void watch_report(Watch *w, Buf *out, const char *prefix, const char *first, const char *second);
void watch_free(Watch *w);

#endif
