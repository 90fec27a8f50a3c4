/* anerun.h -- what the files of anerun share: what it is given, how long runs take, and where
 * two backends part. */
#ifndef ANEC_ANERUN_H
#define ANEC_ANERUN_H

#include "main.h"

/* ---- what -i gives: NAME=FILE.npy, NAME=0.5, NAME=-, NAME@k=.. (given.c) ----------------- */

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

/* ---- how long runs took (trace.c) -------------------------------------------------------- */

void report_times(Buf *out, double *seconds, size_t n); /* sorts them */
/* A line: multiply-adds of a run, and what they make a second where one takes `seconds`. */
void report_rate(Buf *out, const anec_macs_info *macs, double seconds);

/* ---- --trace: what took how long, as Chrome's trace events (trace.c) --------------------- */

/* For chrome://tracing and Perfetto. */

/* One complete event ("ph": "X") an op and a phase; phases of the tool follow each other
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
void trace_end(Trace *t, const anec_op *s, const anec_tensor *result);
bool trace_close(Trace *t); /* the file appears */
void trace_abort(Trace *t); /* it does not */

/* ---- --compare, op by op: where two backends first part (watch.c) ------------------------ */

/* The first run's float values are kept until the second run has computed them too, at most
 * WATCH_BYTES of them: what comes after is counted, not compared. */

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
/* Lines that name the op where a value first is infinite or NaN on one side only, and
 * the one where it is first out of tolerance; nothing when there is none. Then w is ready
 * again. */
void watch_report(Watch *w, Buf *out, const char *prefix, const char *first,
                  const char *second);
void watch_free(Watch *w);

#endif
