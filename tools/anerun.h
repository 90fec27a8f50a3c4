/* anerun.h -- shared by the files of anerun alone: the inputs that it is given, how long
 * runs take, the first difference between two backends, and the job that has all of these. */
#ifndef ANEC_ANERUN_H
#define ANEC_ANERUN_H

#include "main.h"

/* ---- inputs: -i NAME=FILE.npy, NAME=0.5, NAME=-, NAME@k=.. (given.c) --------------------- */

typedef struct {
    const char *name, *text; /* text: a file, "-" or a number */
    bool each;               /* it is for one iteration only, */
    uint64_t iteration;      /* this one */
    anec_tensor value;       /* where `loaded` */
    bool loaded;
} Given;

typedef struct {
    Given *item;
    int count;
} GivenList;

/* Parses the values of -i; false: one is wrong, which was reported as wrong usage. */
bool given_parse(GivenList *g, ToolArgs *a, const OptValue *list, uint64_t iterations);
void given_free(GivenList *g);
/* The tensor for an input or state in an iteration; NULL: none is given. */
Given *given_find(const GivenList *g, const char *name, uint64_t iteration);
/* Loads it, unless that was done. */
anec_status given_load(Given *g, anec_kernel *kernel, anec_error *e);

/* Frees it after an iteration if it was for that one only. */
void given_done(Given *g, uint64_t iteration);

/* --feed: a result of a run that is an input of the next one. */
typedef struct {
    const char *result, *input;
} Feed;

typedef struct {
    Feed *item;
    int count;
} FeedList;

bool feed_parse(FeedList *f, ToolArgs *a, const OptValue *list);
bool feed_has(const FeedList *f, const char *input);
/* Wires the inputs before iteration k; a tensor that is given for this iteration takes
 * precedence. */
anec_status feed_wire(const FeedList *f, const GivenList *g, anec_kernel *kernel,
                      uint64_t k, anec_error *e);

/* ---- how long runs took (trace.c) -------------------------------------------------------- */

void report_times(Buf *out, double *seconds, size_t n); /* sorts `seconds` */
/* Writes a line with the multiply-adds of a run, and how many a second that is. */
void report_rate(Buf *out, const anec_macs_info *macs, double seconds);

/* ---- --trace: a file of Chrome's trace events, for chrome://tracing and Perfetto (trace.c)
 * -- */

/* Each op or step and each phase is one complete event ("ph": "X"). Phases of the tool follow each
 * other without a gap, so beginning one ends the one before; those of a backend are nested
 * in them. Steps are written when the phase ends, so that writing takes no time between them.
 * Calls on a trace that is not open do nothing. */
typedef struct {
    OutFile out;
    bool open, any;    /* any: an event has been written */
    double zero;       /* seconds, which times are counted from */
    const char *phase; /* the current one, or NULL */
    double phase_at;
    double *begun; /* by nesting depth */
    int depth, cap;
    anec_timed_step *step; /* that ran in this phase */
    int nstep, step_cap;
    uint64_t run; /* as of trace_run */
} Trace;

bool trace_open(Trace *t, Diag *d, const char *path);
void trace_phase(Trace *t, const char *name);
/* A phase that is, with all that follows, of one of several runs: 1 + its number; 0: of none. */
void trace_run(Trace *t, const char *name, uint64_t run);
/* A phase of a backend; an anec_phase whose ctx is the Trace. */
void trace_inner(void *trace, const char *name, int begins);
void trace_begin(Trace *t);
void trace_end(Trace *t, const anec_op *s, const anec_tensor *result);
void trace_step(Trace *t, const anec_timed_step *s);
bool trace_close(Trace *t); /* makes the file appear, which it does not before */
void trace_abort(Trace *t);

/* ---- --compare: the first op at which two backends differ (watch.c) ---------------------- */

/* The float values of the first run are kept until the second run has computed them too, at
 * most WATCH_BYTES of them; later ones are counted and not compared. */

#define WATCH_BYTES ((size_t)1 << 30)

typedef struct {
    const anec_value *value; /* NULL: there is no difference */
    size_t at;               /* index of the element */
    double a, b;             /* that of the first and of the second backend */
} Parting;

typedef struct {
    Diag *diag;
    anec_tolerance tolerance;
    struct Kept {
        const anec_value *value;
        anec_tensor t;
    } * kept;
    /* next: the first value that was not compared yet; passed: how many were not kept */
    size_t count, cap, next, bytes, passed;
    Parting overflow, loss;
} Watch; /* ready when it is {0} with diag and tolerance set */

/* For anec_run_options.value of the first run and of the second, with the Watch as ctx. */
int watch_keep(void *watch, const anec_value *v, const anec_tensor *t);
int watch_meet(void *watch, const anec_value *v, const anec_tensor *t);
/* Writes lines about the first op whose value is infinite or NaN on one side only, and the
 * first whose value is out of tolerance, where there are such. Then w is ready again. */
void watch_report(Watch *w, Buf *out, const char *prefix, const char *first,
                  const char *second);
void watch_free(Watch *w);

/* ---- the job: one call of the tool (anerun.c) -------------------------------------------- */

/* An option of the tool by its place in the table. */
enum {
#define OPT(id, ...) RUN_##id,
#include "anerun.def"
};

typedef struct {
    const ToolArgs *args;
    Diag *diag;
    Progress *progress;
    Arena arena;
    GivenList given;
    FeedList feed;
    const char *function;            /* that runs */
    const char *helper[3];           /* this program, as one that compiles for it */
    anec_device *device, *reference; /* reference: --compare's */
    anec_model *model;
    anec_kernel *kernel, *other; /* of the one device and the other */
    uint64_t iterations;
    anec_run_options run;
    Trace trace;
    const char *dump, *prefix; /* prefix: "it3_" or "" */
    Watch watch;               /* --compare's, of each op */
    bool differs, missing;
} RunJob;

const OptValue *anerun_opt(const RunJob *j, int id);
/* Whether a call of the library went well; what no message told of its error is told. */
bool anerun_good(RunJob *j, anec_status s, const anec_error *e);

/* ---- the iterations (run_iterations.c) --------------------------------------------------- */

/* Runs as often as the options say; false: something went wrong, which was reported. */
bool run_all(RunJob *j);
/* A line that says where the program runs, with what numbers, and why there:
 * "backend=cpu target=host precision=fp16 io=fp16 dialect=1.3 function=main (no engine: ..)" */
void run_put_backend(Buf *out, const anec_kernel *k);

/* ---- their values (run_results.c) -------------------------------------------------------- */

/* A value of the first backend, for --dump and --compare: anec_run_options.value, whose ctx is
 * the RunJob. Not 0: the run ends. */
int results_take(void *job, const anec_value *v, const anec_tensor *t);
/* Writes results, and states where they are wanted, or prints a line of each. */
bool results_put(RunJob *j);
/* Prints how the results of the two backends differ. */
bool results_compare(RunJob *j);

#endif
