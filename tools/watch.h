/* watch.h -- --compare, statement by statement: where two backends first part.
 *
 * The first run's float values are kept until the second run has computed them too, at most
 * WATCH_BYTES of them: what comes after is counted, not compared. */
#ifndef ANEC_WATCH_H
#define ANEC_WATCH_H

#include "main.h"

#define WATCH_BYTES ((size_t)1 << 30)

typedef struct {
    const anec_value *value; /* NULL: none */
    size_t at;               /* element */
    double a, b;             /* of the first and of the second backend */
} Parting;

typedef struct {
    Diag *diag;
    anec_tolerance tolerance;
    struct Kept {
        const anec_value *value;
        anec_tensor t;
    } * kept;
    /* next: the first that was not met; passed: not kept */
    size_t count, cap, next, bytes, passed;
    Parting overflow, loss;
} Watch; /* {0} with diag and tolerance set is ready */

/* Values as they come (anec_run_options.value, with the Watch as ctx); not 0 after an error. */
int watch_keep(void *watch, const anec_value *v, const anec_tensor *t); /* of the first run */
int watch_meet(void *watch, const anec_value *v, const anec_tensor *t); /* of the second */
/* Lines that name the statement where a value first is infinite or NaN on one side only, and
 * the one where it is first out of tolerance; nothing when there is none. Then w is ready
 * again. */
void watch_report(Watch *w, Buf *out, const char *prefix, const char *first,
                  const char *second);
void watch_free(Watch *w);

#endif
