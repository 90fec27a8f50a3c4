/* backend.h -- the door to what runs programs.
 *
 * A Backend compiles one function of a verified Module into a Program; a Program runs with
 * named tensors, as often as wanted. The module must outlive its programs, which read it and
 * change nothing in it: several threads may compile one module, and run its programs, at once;
 * one program is one thread's at a time. Tensors given stay the caller's; results are the
 * Program's until its next run. States start at zero and stay between runs.
 *
 *   Program *p = program_new(backend_find("ref"), m, f, d);
 *   if (p && program_run(p, d, in, nin, &(RunOptions){ 0 })) n = program_results(p, &out);
 *   program_free(p); */
#ifndef ANEC_BACKEND_H
#define ANEC_BACKEND_H

#include "../ir/targets/targets.h"
#include "../ir/mil/described.h"

typedef struct Backend Backend;
struct RuleSet; /* ir/targets/rules.h */

/* How a program came to run, for messages; texts live as long as the program. */
typedef struct {
    const char *io, *dialect; /* NULL: those of the function as it was given */
    const char *precision;    /* of what it computes: "fp16", .. (forms.h) */
    /* "hit", "miss" or "off"; NULL: compiling is nothing that is kept */
    const char *cache;
    /* why it does not run otherwise: "fp32 refused: .."; NULL: nothing to say */
    const char *why;
} RunsAs;

/* Every backend's own struct begins with this. */
typedef struct Program Program;
struct Program {
    const Backend *backend;
    const Module *module;
    const Func *func;
    RunsAs as;
    struct Wire *wire; /* by parameter, or NULL (program_wire) */
    /* by parameter: what an optional input is when it is not given, or NULL */
    struct LeftOut *left_out;
    bool ran; /* it has results */
    /* By result, or NULL: of no interest to who runs it. It may be costly to read, so that
     * program_results may leave it as it was. */
    const bool *unread;
    /* the last run failed, and neither by what was given nor by who watched */
    bool broke;
    /* does a run that broke, and all after it; NULL: such a run is an error */
    const Backend *other;
    Program *instead; /* other's program, once that has happened */
    char *broke_why;  /* and why it has */
    RunsAs before;    /* that */
    GuardTask fell;   /* it has not where memory runs out in the very call */
};

typedef struct {
    const char *name;
    const char *origin; /* for messages: "x.npy"; NULL: the caller */
    Tensor value;       /* inputs: bound by the caller. results and states: the program's */
} Binding;

/* Hears what a backend is at work on: "compile", "load", "bind", "copy in", "run", "copy out"
 * and the like begin and end, one inside another or after it. {0}: nobody listens. */
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

typedef struct {
    uint64_t random_seed; /* what MIL's seed -1 stands for */
    uint64_t max_steps;   /* of one while_loop; 0: no bound */
    int threads;          /* of the processor's; 0: as many as it has */
    bool exact;           /* sums of products in their direct form alone */
    bool lean;            /* memory that only a run needs is not kept for the next one */
    /* called with every value computed; false ends the run; may be NULL */
    bool (*each)(void *ctx, const Value *v, const Tensor *t);
    /* bracket each op that runs, those of nested blocks inside their owner's; result is
     * its first, NULL without one or after an error; both may be NULL, end is called where
     * begin was */
    void (*begin)(void *ctx, const Op *op);
    void (*end)(void *ctx, const Op *op, const Tensor *result);
    void *ctx;
    /* of this run; with it results are copied out before the run ends */
    PhaseHook phase;
} RunOptions;

/* ---- where a system would run a program, as it says itself ------------------------------- */

/* An op. All texts live where the list does. */
typedef struct {
    const char *op, *name; /* "conv"; its first result, or "" */
    const char *prefers;   /* "engine", "gpu", "processor", "another device"; NULL: not said */
    const char *can[4];    /* what could run it */
    int ncan, depth;       /* depth: how many blocks are around it */
    double cost;           /* its part of the whole run, 0 to 1; NaN: not said */
} Placing;

/* A step that a backend of ours makes of ops: what the processor does at once. */
typedef struct {
    const char *how;    /* "gemm, packed weights"; "reference": the op's reference kernel */
    const char *name;   /* the first result of the last op in it, or "" */
    const char *ops;    /* the ops in it: "linear relu" */
    double bytes, flop; /* of values that it reads and writes; two for each multiply-add */
} PlanStep;

typedef struct {
    const Placing *at; /* in the program's order, constants left out */
    int n;
    /* in their place: of a backend that has steps, */
    const PlanStep *step;
    int nstep;
    const char *kernels;  /* with these: "avx512"; NULL: there are no steps */
    size_t arena, packed; /* bytes of values at once, and of weights in the kernels' order */
    const char *why;      /* of no steps, a backend's that has such: the reason; or NULL */
} Placings;

/* ---- backends ---------------------------------------------------------------------------- */

struct Backend {
    const char *name, *doc;
    /* seconds that it should be left alone after it refused a program; aneprobe heeds it */
    double pause;
    /* programs that one process should compile at most; aneprobe heeds it; 0: any number */
    int compiles;
    const Target *target; /* that programs of the language are compiled for; NULL: its chip is
                             not known, and they are for all */
    bool engine;          /* runs no op that is the processor's (split.c) */
    const void *row;      /* what sets it apart from others with the same calls: the Target of a
                             sim:CHIP; of      an opened one, its own */
    Program *(*compile)(const Backend *self, const Module *m, const Func *f, Diag *d);
    bool (*run)(Program *p, Diag *d, const Binding *in, int nin, const RunOptions *opt);
    int (*results)(Program *p, const Binding **out);
    int (*states)(Program *p, Binding **out);
    void (*reset)(Program *p);
    void (*free)(Program *p);
    /* The rest may be NULL. */
    /* what it refuses or gets wrong; NULL: nothing; false after an error */
    bool (*rules)(const Backend *self, struct RuleSet *out, Diag *d);
    /* a result of the last run, no longer p's */
    bool (*take)(Program *p, int result, Tensor *out);
    /* Makes parameter `param` of `to` the memory of a result of `from`; false: it cannot be
     * shared. */
    bool (*wire)(Program *to, int param, Program *from, int result);
    /* The value that a parameter whose memory is shared had in a run that broke, or would have
     * had in one that did not begin. `undone`: the last run went well, and is taken back since
     * it was a part of one that broke. tensor_free's. */
    bool (*given)(Program *p, int param, bool undone, Diag *d, Tensor *out);
    /* where the system would run p's ops; in the arena */
    bool (*place)(Program *p, Arena *a, Diag *d, Placings *out);
    void (*close)(const Backend *self); /* of one that backend_open made */
};

typedef struct {
    const char *cache_dir; /* of compiled programs; NULL: ANEC_CACHE_DIR, else ~/.cache/anec */
    /* A command that compiles a folder, its last argument, in a process of its own: a
     * process may compile about 119 times. Ends with NULL, outlives the backend; NULL: there
     * is none. */
    const char *const *helper;
    PhaseHook phase; /* of compiling; called by who compiles, one thread at a time */
    /* a program is offered in its own form alone: aneprobe wants to see it refused */
    bool as_given;
} BackendOptions;

/* A backend and what its programs share: the engine's places, the cache. NULL: there is no
 * such backend (usage), or its engine is not here; both reported. To be closed after its
 * programs. "auto" is the engine, and the processor for what that does not run, or where
 * there is none. */
const Backend *backend_open(const char *name, const BackendOptions *o, Diag *d);
void backend_close(const Backend *b); /* NULL is allowed */
/* of those that need no opening; NULL: none */
const Backend *backend_find(const char *name);
/* the backends that need none; NULL: past them */
const Backend *backend_at(int i);
/* names of those that do: "auto", "ane", "coreml" */
const char *backend_opened_at(int i);

/* NULL after an error: an op that the backend lacks, weights that are absent. */
Program *program_new(const Backend *b, const Module *m, const Func *f, Diag *d);
/* Offers f to b as it is: whoever measures b wants to see it refused. program_new keeps the
 * states that b lacks. */
Program *program_new_as_given(const Backend *b, const Module *m, const Func *f, Diag *d);
/* Checks the inputs (inputs_check), then runs. An input that the description makes optional and
 * that is neither given nor wired has its default value. */
bool program_run(Program *p, Diag *d, const Binding *in, int nin, const RunOptions *opt);
/* What runs it: not the one it was made for after a run broke and auto went on with the
 * processor (warning `fallback`, once; as.why says it too). Such a run has the inputs of the
 * one that broke, and states as they were before it. */
const Backend *program_backend(const Program *p);
/* Of the last run, in the function's order; the count. */
int program_results(Program *p, const Binding **out);
int program_all_results(Program *p, const Binding **out); /* those of Program.unread too */
/* In the function's order. The caller may write into the elements, between runs. */
int program_states(Program *p, Binding **out);
/* From its next run on, input `input` of `to` is what the last run of `from` gave as `result`:
 * the same memory where the backend can, and never with another meaning. `from` may be `to`: a
 * value that goes from run to run. Before `from` has run, the input is what program_run is
 * given; after, it need not be. from NULL: the input is given again. Types must be equal (an
 * error). */
bool program_wire(Program *to, const char *input, Program *from, const char *result, Diag *d);
/* Where the ops would run, as the system plans it; false: reported, as it is of a backend
 * that has no such plans. */
bool program_place(Program *p, Arena *a, Diag *d, Placings *out);
void program_reset(Program *p); /* states to zero, random draws anew */
void program_free(Program *p);  /* NULL is allowed */

/* ---- what a function takes --------------------------------------------------------------- */

bool param_is_state(const Value *v);
/* Whether a program of f keeps it from run to run: a state, or an input that stands for one
 * (ir/query.h). It is among program_states, and not given. */
bool param_is_kept(const Func *f, const Value *v);
/* The parameter of that name, or -1. The search begins at *at, goes round, and leaves *at
 * behind what it found: whoever asks in the function's order pays one comparison each. */
int param_find(const Func *f, const char *name, int *at);
/* The type of a parameter's tensor: of a state, what it holds. */
const Type *param_type(const Value *v);

/* Every input of f that is not kept is there, none twice, none unknown, each of its dtype and a shape that fits
 * the declared one and the flexible ranges. Reports all that is wrong. */
bool inputs_check(const Func *f, Diag *d, const Binding *in, int nin);

#endif
