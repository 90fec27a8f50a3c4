/* trace.h -- --trace: what took how long, as Chrome's trace events (chrome://tracing,
 * Perfetto). */
#ifndef ANEC_TRACE_H
#define ANEC_TRACE_H

#include "main.h"

/* One complete event ("ph": "X") a statement and a phase; phases of the tool follow each other
 * without a gap, so that beginning one ends the one before; those of a backend lie inside them.
 * Calls on a trace that is not open do nothing. */
typedef struct {
    OutFile out;
    bool open, any;    /* any: an event is written */
    double zero;       /* seconds; times count from here */
    const char *phase; /* the one at work, or NULL */
    double phase_at;
    double *begun; /* by nesting depth */
    int depth, cap;
} Trace;

/* written as it goes, whole or not at all */
bool trace_open(Trace *t, Diag *d, const char *path);
void trace_phase(Trace *t, const char *name);
/* A phase of a backend (anec_phase, with the Trace as ctx), inside a phase of the tool. */
void trace_inner(void *trace, const char *name, int begins);
void trace_begin(Trace *t);
void trace_end(Trace *t, const anec_statement *s, const anec_tensor *result);
bool trace_close(Trace *t); /* the file appears */
void trace_abort(Trace *t); /* it does not */

#endif
