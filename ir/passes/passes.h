/* passes.h -- rewriting a Module: the pipeline of passes, whose order passes.def gives with
 * reasons; gradients; weights as inputs; and what passes share among themselves. */
#ifndef ANEC_PASSES_H
#define ANEC_PASSES_H

#include "../ops/ops.h"
#include "../targets/cost.h"
#include "../targets/rules.h"

typedef struct {
    const Target *target; /* never NULL; says which passes run */
    /* the rules of the target, perhaps with a profile; NULL: as the tables have them */
    const RuleSet *rules;
    IoMode io;         /* IO_AUTO: that of the target */
    Opset opset;       /* OPSET_NONE: that of the target */
    bool states_as_io; /* states become inputs and results */
    /* scales operands, so that products too small for the target are not lost */
    bool lift;
    /* which weights to compress and how, in addition to what the program declares; NULL: none.
     * Receives a note for each weight. */
    struct CompressPlan *compress;
    const char *only; /* "a,b": run just these, in table order; NULL: the target's */
    const char *dump; /* "NAME" or "all": text after that pass to `dump_to`; NULL: none */
    void (*dump_to)(void *ctx, const char *pass, int changes, const Module *m);
    void *ctx;
    bool about[OP_COUNT]; /* of the pass under way: pass_begin */
} PassOptions;

typedef struct {
    /* why: what it is for, and the reason for its place in the order */
    const char *name, *why;
    /* the ops without one of which it changes nothing, to OP_NONE; NULL: it may change any */
    const int16_t *about;
    /* returns the number of changes; -1: an error was reported */
    int (*run)(Module *m, const PassOptions *o, Diag *d);
} Pass;

extern const Pass passes[];
extern const int pass_count;

/* Runs the passes that the target names (NULL: all), and those that --io and --opset need.
 * The verifier runs after each pass that changed something, in a program of more than 50,000 ops
 * once behind all of them; what it finds there is a bug() of the pass. False: an
 * error was reported. */
bool passes_run(Module *m, const PassOptions *o, Diag *d);

/* Whether f has more layers of attention behind each other than one program may have on the
 * target of rs. */
bool func_is_deep(const Func *f, const RuleSet *rs);
/* Cuts a deep f into several programs, to be run in order, each with one function of its
 * name. A part takes, by name, inputs of f and results of parts before it, and gives results
 * of f and what later parts take. Returns the count; the modules are the caller's to free,
 * the array is in the arena. 0: f is not too deep, or has no place to cut where only tensors
 * that an engine takes go over. */
int func_cut(const Func *f, const RuleSet *rs, Arena *a, Module ***part, Diag *d);
/* The places in the body of a function, before op i and, for i = n, behind the last. */
typedef struct {
    int n;
    bool *open;    /* it may be cut there: only tensors that an engine takes go over */
    double *bytes; /* of what goes over */
} CutPlaces;
/* In the arena. False: a result of f is a constant or an input, so that no part would make it. */
bool func_cut_places(const Func *f, const RuleSet *rs, Arena *a, CutPlaces *out);
/* Cuts f behind op end[0] - 1, end[1] - 1 .. into n parts, as func_cut does; the last end is the
 * count of ops. */
Module **func_cut_at(const Func *f, const RuleSet *rs, int n, const int *end, Arena *a,
                     Diag *d);

/* ---- engine or processor (place.c) ------------------------------------------------------- */

/* Why an op runs on the processor. */
typedef enum {
    PLACED_ENGINE, /* it does not */
    PLACED_ASIDE,  /* it never is the engine's part: op_on_processor */
    PLACED_RULE,   /* a rule keeps it, or its whole function, from the engine */
    PLACED_COST,   /* what it saves there does not pay for a dispatch and copies */
    PLACED_UNCUT,  /* between it and an op of the processor's no cut is possible */
    PLACED_STATES  /* a program with states stays one */
} PlacedWhy;

/* Of neighbouring ops that an engine could run: what the best cut among them saves and costs. */
typedef struct {
    int ops;
    double saves, dispatch, copies;
} PlacedSaving;

typedef struct {
    const Op *op;
    bool free; /* a constant: it runs nowhere */
    PlacedWhy reason;
    const Rule *rule;           /* that keeps it from the engine, or NULL */
    const char *why;            /* what the rule says of it, or NULL */
    const PlacedSaving *saving; /* PLACED_COST: of all that stay with it; else NULL */
    CostWork work;
    CostUs us[2]; /* on the processor, and on the engine */
} PlacedOp;

typedef struct {
    int from, to; /* ops */
    bool engine;
    CostUs us;    /* with the dispatch, and what goes over at its beginning */
    double bytes; /* that go over there */
} PlacedPart;

typedef struct {
    PlacedOp *op;
    PlacedPart *part;
    int nop, npart, engines; /* engines: parts that are the engine's */
    CostUs us;               /* of all parts */
    CostUs alone;            /* of the processor alone */
    bool slower; /* the processor alone costs less than the least that the engine may */
} Placement;

/* Where each op of f runs under the backend `auto`. What the engine takes as a whole it runs as a
 * whole, also where the processor alone would cost less (`slower`), as published figures differ too
 * much to decide that. Of another function the parts are the engine's that no rule of rs forbids
 * there and that save more than the dispatch and the copies cost, by the figures of costs.def.
 * Nothing was measured on a device. In the arena; op i is the i-th of the body. */
void func_place(const Func *f, const RuleSet *rs, Arena *a, Diag *d, Placement *out);

/* The flexible dimensions of the inputs of a function: those of which its ops demand that they
 * are equal are one. */
typedef struct {
    int count; /* of those that may differ */
    int *of;   /* by input and axis, at i * MAX_RANK + axis; -1: its size is known */
} PadDims;
/* Two are one: they have the number of the first, and those behind the other move up. places: of `of`. */
void pad_dims_join(PadDims *dims, int places, int a, int b);
/* In the arena. size: one of 2 or more that each may have. Those of one name (dim_name) are one. */
void func_pad_dims(const Func *f, int64_t size, Arena *a, PadDims *out);

/* Arrays of the caller's, which func_pad fills in. */
typedef struct {
    int *
        cut; /* by result and axis: the dimension of which what is kept stands first; or -1 */
    int *kept; /* by dimension: the number of the input that says what is kept; or -1 */
} Padding;
/* Makes f a function of these sizes, one a dimension, whose inputs are padded with zeros: where
 * masks are needed it has more inputs, the last ones, which are 1 at what is kept along a
 * dimension and 0 behind it ([1, 1, 1, size]).
 * engine: what counts for nothing in softmax and a maximum is -30000, else the lowest there is.
 * False: an op may give something else than without padding, which was reported; f is
 * broken. */
bool func_pad(Func *f, const PadDims *dims, const int64_t *size, bool engine,
              const Padding *out, Diag *d);

/* Splits each axis of an input or result of f that is longer than rs allows into two, with the
 * same elements in the same order; for callers who bind memory by its size. Names stay. Returns
 * the number of changes. */
int func_fold_edges(Func *f, const RuleSet *rs, Diag *d);

/* Makes weights that would be in several files when m is written be in one; references to
 * absent files stay. False: a record cannot be read, which was reported. */
bool weights_join(Module *m, Diag *d);

/* ---- weights as inputs (promote.c) ------------------------------------------------------- */

/* The result of an op that requires constants, for arguments that are computed: products and
 * sums behind the op without them. The arguments are those of build_op. NULL: there is no
 * such form, or it is not needed, or an error was reported. */
Value *promoted_form(Builder *b, const char *wish, int kind, const BuildArg *arg,
                     int narg);
/* Makes float constants of more than one element of m's main function inputs of the same names:
 * all that can be (names NULL), or those in a list of names, in which * stands for any text.
 * False: an error was reported. */
bool promote_module(Module *m, const char *names, Diag *d);
/* Whether a name matches one of a list like "a,blocks.*.wq". */
bool promote_listed(const char *names, const char *name);

/* ---- gradients (autodiff.c) -------------------------------------------------------------- */

/* Reverse mode over the ops of a function as they were lowered or read, before passes for a
 * target. The gradient of each op is the column GRAD of its row (ir/ops/grad.h). The ops
 * that are built are ordinary ones, and can be differentiated again. */

/* The gradients of ny float values y by nx float values x. dx[i], of the type of x[i], is
 * the derivative by x[i] of the sum over all elements of y, each times that element of seed,
 * which has the type of y; NULL: no y depends on x[i]. Only the ops that are needed are
 * built, at `at`, where all of y must be in scope. Contributions of several uses are added
 * from the last use to the first. Values are named d_<value> and have the places of the ops
 * that are differentiated. False: an op on the way has no gradient, or dimensions are not
 * known, which was reported. */
bool autodiff(Builder *at, Value *const *y, Value *const *seed, int ny, Value *const *x,
              int nx, Value **dx);

/* The same for the ops of one nested block that is being built and yields nothing yet; all of x
 * are defined outside of it. */
bool autodiff_within(Builder *at, Block *block, Value *const *y, Value *const *seed,
                     int ny, Value *const *x, int nx, Value **dx);

/* The gradients of a cond: x are the values from outside that its blocks use and that are in
 * `depends`, dx[i] the gradient by x[i], or NULL. The arrays are in the arena. */
typedef struct {
    const PtrMap *depends;
    Value **x, **dx;
    int n;
} CondFlow;
/* dy: the gradients of its results, NULL for one that has none. False: an error was
 * reported. */
bool autodiff_cond(Builder *b, const Op *op, Value *const *dy, Arena *arena,
                   CondFlow *flow);

typedef struct {
    /* "x,w1,blocks.0.wq": the inputs, weights (by path) or other floats to differentiate by;
     * NULL: all float inputs and weights */
    const char *names;
    bool only; /* the function returns the gradients alone */
    /* weights are declared ones; else float constants of several elements */
    bool declared;
    const char *function; /* NULL: the main one */
    bool last; /* differentiates the last result alone, which must have one element */
    /* with `last`: name of a new input by which gradients are multiplied */
    const char *seed;
    /* a value that no result depends on gets no gradient, instead of zeros */
    bool sparse;
} GradOptions;

/* Makes the main function of a verified module compute gradients too. Behind its inputs come
 * d_<result>, the seed of each float result that is no scalar (a scalar's is 1); behind its
 * results d_<name>, in which _ replaces characters that a name may not have. A gradient by a
 * value that no result depends on is zeros, with the warning zero-gradient. False: an error was
 * reported, and the module may only be freed. */
bool autodiff_module(Module *m, const GradOptions *o, Diag *d);

/* ---- shared by passes; for ir/passes alone ----------------------------------------------- */

/* Says in o->about which ops legal_rewrite shows the pass. False: m never had one of them, so that
 * the pass has nothing to do. */
bool pass_begin(const Pass *p, const Module *m, PassOptions *o);
#define PASS(f, n, kinds, w) int pass_##f(Module *m, const PassOptions *o, Diag *d);
#include "passes.def"

bool pass_listed(const char *list, const char *name); /* whether the name is in "a,b,c" */
IoMode pass_io(const PassOptions *o);                 /* o->io, or that of the target */
/* The element type that an input or result tensor is to get; DT_NONE: it stays. */
typedef DType EdgeType(void *ctx, const Func *f, const Value *v);
/* Changes inputs and results to those types and casts between them and the program. The inputs
 * and results keep their names. Returns the number of changes. (boundary.c) */
int edges_take(Func *f, Diag *d, EdgeType *wanted, void *ctx);
Builder before_op(Op *op, Diag *d); /* a builder in front of op */
/* Replaces all uses of the only result of op and removes op. Results of the function must keep
 * their names, so callers check is_result first. */
void replace_op(Op *op, Value *with);
/* Computes an op whose arguments are small constants and replaces its results by constants,
 * which are also stored in with[0..nout) unless that is NULL. False: op stays. */
bool fold_op(Module *m, Op *op, Diag *d, Value **with);
/* Whether op gives the same elements another shape, so that of several in a row only the last
 * counts. */
bool is_relabel(const Op *op);
const char *op_const_string(const Op *op, ParamId arg);

#endif
