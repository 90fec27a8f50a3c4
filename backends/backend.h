/* backend.h -- backends: what compiles and runs programs.
 *
 * A Backend compiles one function of a verified Module into a Program, which can be run any
 * number of times with named tensors. The module must outlive its programs. They only read it,
 * so several threads may compile one module, and run its programs, at once; one program belongs
 * to one thread at a time. Input tensors stay the caller's; results belong to the Program until
 * its next run. States begin at zero and keep their values between runs.
 *
 *   Program *p = program_new(backend_find("ref"), m, f, d);
 *   if (p && program_run(p, d, in, nin, &(RunOptions){ 0 })) n = program_results(p, &out);
 *   program_free(p); */
#ifndef ANEC_BACKEND_H
#define ANEC_BACKEND_H

#include "../ir/targets/targets.h"
#include "../ir/mil/described.h"

typedef struct Backend Backend;
typedef struct BackendOptions BackendOptions;
struct RuleSet; /* ir/targets/rules.h */

/* In which form a program runs, for messages; the texts live as long as the program. */
typedef struct {
    const char *io, *dialect; /* NULL: those of the function itself */
    const char *precision;    /* in which it computes: "fp16", .. (forms.h) */
    /* "hit", "miss", "first" or "off"; NULL: this backend keeps no compiled programs */
    const char *cache;
    /* why not in another form: "fp32 refused: .."; NULL: there is no reason to tell */
    const char *why;
} RunsAs;

/* The first member of every backend's own program struct. */
typedef struct Program Program;
struct Program {
    const Backend *backend;
    const Module *module;
    const Func *func;
    RunsAs as;
    struct InputFacts *takes; /* what its inputs have to be (session.h) */
    struct Wire *wire;        /* by parameter, or NULL (program_wire) */
    /* by parameter: the default values of optional inputs, or NULL */
    struct LeftOut *left_out;
    bool ran; /* it has results */
    /* by result, or NULL: the caller does not need it. Reading a result may be costly, so
     * program_results may leave such a one as it was. */
    const bool *unread;
    /* the last run failed, and neither because of its inputs nor because a callback ended it */
    bool broke;
    /* repeats a run that broke, and does all later ones; NULL: such a run is an error */
    const Backend *other;
    Program *instead; /* the program of `other`, once that has happened, */
    char *broke_why;  /* the reason, */
    RunsAs before;    /* and the form in which it ran before */
    GuardTask fell;   /* takes that back where memory runs out in the same call */
};

typedef struct {
    const char *name;
    const char *origin; /* for messages: "x.npy"; NULL: the caller */
    Tensor value; /* of an input: the caller's; of a result or state: the program's */
} Binding;

/* Called when a phase of a backend's work begins and ends: "compile", "load", "bind", "copy
 * in", "run", "copy out" and the like, which may be nested. {0}: no calls. */
typedef struct {
    void (*mark)(void *ctx, const char *phase, bool begins);
    void *ctx;
} PhaseHook;

static inline void phase_begin(const PhaseHook *h, const char *phase)
{
    if (h->mark) h->mark(h->ctx, phase, true);
}

static inline void phase_end(const PhaseHook *h, const char *phase)
{
    if (h->mark) h->mark(h->ctx, phase, false);
}

/* A step of the backend cpu: ops that are computed together. The texts live as long as the list, or
 * in a run until the program's next one. */
typedef struct {
    const char *how;  /* "gemm, packed weights"; "reference": the op's reference kernel */
    const char *name; /* the first result of the last op in it, or "" */
    const char *ops;  /* the ops in it: "linear relu" */
    double bytes,
        flop; /* bytes that it reads and writes; two operations for a multiply-add */
    double weights, least; /* bytes of weights; seconds that a core takes at least */
    uint64_t times;        /* that it ran in the last run whose steps were timed, */
    double took; /* and the least seconds that it took in any; 0: it never ran so */
} PlanStep;

/* One that ran, or a loop or branch as a whole: `how` and `ops` are the operation then. */
typedef struct {
    const PlanStep *step;
    int number;          /* in the plan; -1: it is a whole */
    double begun, ended; /* seconds of CLOCK_MONOTONIC */
} TimedStep;

typedef struct {
    uint64_t random_seed; /* the seed of random ops whose own is -1 */
    uint64_t max_steps;   /* of one while_loop; 0: no bound */
    int threads;          /* of the processor; 0: as many as it has */
    bool exact;           /* sums of products in their direct form only (no Winograd) */
    bool lean;            /* memory that only a run needs is freed after it */
    int poison; /* tests: the byte that cpu's memory is filled with before the run; 0: none */
    /* called with every value that is computed; false ends the run; may be NULL */
    bool (*each)(void *ctx, const Value *v, const Tensor *t);
    /* called before and after each op, for those in nested blocks between the calls of their
     * owner; result is its first, NULL where it has none or failed. Both or none are NULL. */
    void (*begin)(void *ctx, const Op *op);
    void (*end)(void *ctx, const Op *op, const Tensor *result);
    /* called after each step of cpu's plan, and after a loop or branch whose steps were told before;
     * a run of which this is told calls neither begin nor end. Where `each` is set, or there is no
     * plan, ops run one by one, and this is not called. May be NULL. */
    void (*step)(void *ctx, const TimedStep *t);
    void *ctx;
    /* phases of this run; where it is set results are copied out before the run ends */
    PhaseHook phase;
} RunOptions;

/* ---- where ops run (anerun --plan) ------------------------------------------------------- */

/* Where Core ML would run an op. The texts live as long as the list. */
typedef struct {
    const char *op, *name; /* "conv"; the name of its first result, or "" */
    /* "engine", "gpu", "processor", "another device"; NULL: not told */
    const char *prefers;
    const char *can[4]; /* the devices that support it */
    int ncan, depth;    /* depth: the number of blocks around it */
    double cost;        /* its part of the whole run, 0 to 1; NaN: not told */
} Placing;

/* Either places of ops, or steps. */
typedef struct {
    const Placing *at; /* in the program's order, constants left out */
    int n;
    const PlanStep *step;
    int nstep;
    const char *kernels;  /* of the steps: "avx512"; NULL: there are none */
    size_t arena, packed; /* bytes of values at once; of weights packed for the kernels */
    const char *cache;    /* of these, as RunsAs.cache */
    double flops, bytes;  /* a second: what a core was measured to compute, and to read */
    const char *why;      /* why a backend that makes steps has made none, or NULL */
} Placings;

/* ---- backends ---------------------------------------------------------------------------- */

struct Backend {
    const char *name, *doc;
    /* for aneprobe: seconds to wait after it refused a program, and how many programs one
     * process should compile at most (0: no limit) */
    double pause;
    int compiles;
    const Target
        *target;     /* that programs of the language are compiled for; NULL: its chip is
                             not known, and they are compiled for all chips */
    bool engine;     /* runs no op that is for the processor (ir/query.h) */
    const void *row; /* data of the backend's own: the Target of a sim:CHIP */
    /* A copy with what the options say, which is to be closed; NULL: it needs none. */
    const Backend *(*open)(const Backend *self, const BackendOptions *o);
    Program *(*compile)(const Backend *self, const Module *m, const Func *f, Diag *d);
    bool (*run)(Program *p, Diag *d, const Binding *in, int nin, const RunOptions *opt);
    int (*results)(Program *p, const Binding **out);
    int (*states)(Program *p, Binding **out);
    void (*reset)(Program *p);
    void (*free)(Program *p);
    /* The rest may be NULL. */
    /* the rules of its engine; NULL: it takes every program; false: an error was reported */
    bool (*rules)(const Backend *self, struct RuleSet *out, Diag *d);
    /* moves a result of the last run out of p */
    bool (*take)(Program *p, int result, Tensor *out);
    /* Makes a parameter of `to` and a result of `from` the same memory; false: it cannot. */
    bool (*wire)(Program *to, int param, Program *from, int result);
    /* The value, to be freed by tensor_free, that a parameter with shared memory had in a
     * run that broke, or would have had in one that did not begin. `undone`: the last run
     * went well, but was part of one that broke, and is taken back. */
    bool (*given)(Program *p, int param, bool undone, Diag *d, Tensor *out);
    /* where the ops of p run; in the arena */
    bool (*place)(Program *p, Arena *a, Diag *d, Placings *out);
    void (*close)(const Backend *self); /* for one that backend_open made */
};

struct BackendOptions {
    /* of compiled programs and packed weights; NULL: ANEC_CACHE_DIR, else ~/.cache/anec */
    const char *cache_dir;
    /* A command that compiles a folder, given as its last argument, in a process of its own,
     * since one process may compile only about 119 times. Ends with NULL, and must outlive
     * the backend. NULL: there is none. */
    const char *const *helper;
    PhaseHook phase; /* of compiling; called by the thread that compiles, one at a time */
    /* offers a program in its own form only: aneprobe wants to see it refused */
    bool as_given;
};

/* Opens a backend, with what its programs share: the engine's places, the cache. To be
 * closed after its programs. NULL, and reported: there is no such backend, or its engine is
 * not on this machine. "auto" is the engine, and the processor for programs that the engine
 * does not run, or where there is no engine. */
const Backend *backend_open(const char *name, const BackendOptions *o, Diag *d);
void backend_close(const Backend *b); /* NULL is allowed */
/* A backend that needs no opening, by name; NULL: there is none. */
const Backend *backend_find(const char *name);
/* The i-th of these; NULL: there are no more. */
const Backend *backend_at(int i);
/* The name of the i-th that has to be opened: "auto", "ane", "coreml"; NULL: no more. */
const char *backend_opened_at(int i);

/* Compiles f. NULL: an error was reported, such as an op that the backend lacks, or absent
 * weights. States that b lacks are kept for it (carry.c). */
Program *program_new(const Backend *b, const Module *m, const Func *f, Diag *d);
/* The same without such help: for measuring what b itself refuses. */
Program *program_new_as_given(const Backend *b, const Module *m, const Func *f, Diag *d);
/* Checks the inputs (inputs_check) and runs. An optional input that is neither given nor
 * wired has its default value. */
bool program_run(Program *p, Diag *d, const Binding *in, int nin, const RunOptions *opt);
/* The backend that runs p. After a run broke on the engine, "auto" repeats it on the
 * processor, with the same inputs and the states from before it, and goes on there (warning
 * `fallback`, once; as.why tells it too). */
const Backend *program_backend(const Program *p);
/* The results of the last run, in the function's order; returns the count. */
int program_results(Program *p, const Binding **out);
/* those of Program.unread too */
int program_all_results(Program *p, const Binding **out);
/* The states, in the function's order. The caller may write their elements between runs. */
int program_states(Program *p, Binding **out);
/* From the next run of `to` on its input is what the last run of `from` gave as `result`;
 * the memory is shared where the backend can, which changes nothing else. `from` may be
 * `to`: a value that goes from run to run. Until `from` has run, the input is the one that
 * program_run is given; then it need not be given. from NULL ends it. The types must be
 * equal; others are an error. */
bool program_wire(Program *to, const char *input, Program *from, const char *result,
                  Diag *d);
/* Where the ops of p run. False, and reported: the backend cannot tell. */
bool program_place(Program *p, Arena *a, Diag *d, Placings *out);
void program_reset(Program *p); /* sets states to zero and begins random numbers anew */
void program_free(Program *p);  /* NULL is allowed */

/* ---- the parameters of a function -------------------------------------------------------- */

bool param_is_state(const Value *v);
/* Whether a program of f keeps it from run to run: a state, or an input that stands for one
 * (ir/query.h). It is one of program_states and is not given as an input. */
bool param_is_kept(const Func *f, const Value *v);
/* The index of the parameter of that name; -1: none. The search begins at *at and sets *at
 * behind what it found. A name that is the parameter's own, by its address, is known without
 * reading it: bindings that have these cost a run no comparison of strings. */
int param_find(const Func *f, const char *name, int *at);
/* The type of a parameter's tensor; of a state that of its contents. */
const Type *param_type(const Value *v);

/* Checks that every input of f that is not kept is given once, that none is unknown, and
 * that each has its dtype and a shape that fits the declared one and the flexible ranges.
 * Reports all that is wrong. */
bool inputs_check(const Func *f, Diag *d, const Binding *in, int nin);

#endif
