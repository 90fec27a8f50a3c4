/* passes.h -- the door to what rewrites a Module, and what passes share among themselves. passes.def
 * holds the order, with reasons. */
#ifndef ANEC_PASSES_H
#define ANEC_PASSES_H

#include "../ops/ops.h"
#include "../targets/rules.h"

typedef struct {
    const Target *target; /* never NULL; which passes run is its say */
    /* as they stand for the target; NULL: as its row of the tables says */
    const RuleSet *rules;
    IoMode io;         /* IO_AUTO: the target's */
    Opset opset;       /* OPSET_NONE: the target's */
    bool states_as_io; /* states become inputs and results */
    bool lift; /* products of any magnitude are kept where the target loses small ones */
    /* of compress.h; NULL: what the program declares alone. It is told what came of it. */
    struct CompressPlan *compress;
    const char *only; /* "a,b": run just these, in table order; NULL: the target's */
    const char *dump; /* "NAME" or "all": text after that pass to `dump_to`; NULL: none */
    void (*dump_to)(void *ctx, const char *pass, int changes, const Module *m);
    void *ctx;
} PassOptions;

typedef struct {
    /* why it exists and stands where it does in the order */
    const char *name, *why;
    /* the number of changes, -1 after an error */
    int (*run)(Module *m, const PassOptions *o, Diag *d);
} Pass;

extern const Pass passes[];
extern const int pass_count;

/* Runs the pipeline, or the part of it that the target names (and what --io and --opset need);
 * verifies after each pass: a failure there is a bug of the pass, which ends the process. */
bool passes_run(Module *m, const PassOptions *o, Diag *d);

/* Whether f has more layers of attention in a row than rs says that a program may have. */
bool func_is_deep(const Func *f, const RuleSet *rs);
/* A deep f as several programs of a function of its name, to be run in order: what a part
 * takes are inputs of f and results of the parts before it, by name; what it gives are results of f
 * and what parts behind it take. The count, each the caller's to free, the array in a; 0: it
 * need not be, or there is no place where what goes over is all tensors that an engine takes. */
int func_cut(const Func *f, const RuleSet *rs, Arena *a, Module ***part, Diag *d);

/* Inputs and results of f that have an axis longer than rs allows get two for it, the same
 * elements in the same order: for a caller who reads and writes them in any shape. Names stay. The
 * number of changes. */
int func_fold_edges(Func *f, const RuleSet *rs, Diag *d);

/* Weights that would lie in several files when m is written come to lie in one; those of
 * absent files stay where they are said to be. False: a record of them cannot be read. */
bool weights_join(Module *m, Diag *d);

/* ---- weights as inputs (promote.c) ------------------------------------------------------- */

/* An op's result in a form that takes computed values where its op wants constants: products
 * and sums outside of it. arg may say anything that build_op takes. NULL: it has no such
 * form, or all such arguments are constants, or an error was reported. */
Value *promoted_form(Builder *b, const char *wish, int kind, const BuildArg *arg, int narg);
/* Float constants of more than one element of m's main function become inputs of it, under their
 * names: all that may (names NULL), or those that a list of names, in which * stands for any
 * characters, has. False: reported. */
bool promote_module(Module *m, const char *names, Diag *d);
/* Whether a name is as one of "a,blocks.*.wq". */
bool promote_listed(const char *names, const char *name);

/* ---- gradients (autodiff.c) -------------------------------------------------------------- */

/* Reverse mode over the ops of a function, as they were lowered or read, before any pass for a
 * target. What each op gives back is its row's GRAD (ir/ops/grad.h). The ops that are made are
 * ordinary ones, and can be differentiated again. */

/* How the ny values y, all floats, depend on the nx floats x: dx[i] is the sum over all
 * elements of y, each by that of seed (of y's type), differentiated by x[i], and of x[i]'s
 * type; NULL where no y depends on x[i]. Only what that needs is built, at `at`, where all of y
 * must be visible. Sums are taken in the order of the uses, from the last to the first. Names
 * are d_<value>, places those of the ops that are differentiated. False: some op on the
 * way has no gradient, or dimensions are not known, which was reported. */
bool autodiff(Builder *at, Value *const *y, Value *const *seed, int ny, Value *const *x, int nx,
              Value **dx);

/* The same of the ops of one block, which is being built and yields nothing yet: all of x
 * are of outside. */
bool autodiff_within(Builder *at, Block *block, Value *const *y, Value *const *seed, int ny,
                     Value *const *x, int nx, Value **dx);

/* What flows back through a cond, to what its blocks take from outside and `depends` has:
 * dx[i] by x[i], NULL for nothing. Both are the arena's. */
typedef struct {
    const PtrMap *depends;
    Value **x, **dx;
    int n;
} CondFlow;
/* dy: what flows back into its results, NULL for nothing. Builds with b. False: an error. */
bool autodiff_cond(Builder *b, const Op *op, Value *const *dy, Arena *arena, CondFlow *flow);

typedef struct {
    /* "x,w1,blocks.0.wq": what is differentiated by, inputs, weights (by path) or other floats;
     * NULL: all float inputs and weights */
    const char *names;
    bool only;     /* the gradients are all results */
    bool declared; /* weights are those that were declared, else all floats of more elements */
    const char *function; /* NULL: the main one */
    bool last;            /* the last result alone is differentiated, which has one element */
    const char *seed;     /* with `last`: an input of this name is what it is multiplied with */
    bool sparse; /* what nothing depends on has no result in place of zeros; an error for all */
} GradOptions;

/* Makes the main function of a verified module one that computes gradients too: inputs, then
 * d_<result> for every float result that is no scalar (which has 1); results, then d_<name>,
 * with _ for what no name may have. One that nothing depends on is zeros, and the warning
 * zero-gradient. False after an error; the module is then good to be freed. */
bool autodiff_module(Module *m, const GradOptions *o, Diag *d);

/* ---- what passes share among themselves; not for outside --------------------------------- */

#define PASS(f, n, w) int pass_##f(Module *m, const PassOptions *o, Diag *d);
#include "passes.def"

bool pass_listed(const char *list, const char *name); /* name is one of "a,b,c" */
/* the option's or the target's */
IoMode pass_io(const PassOptions *o);
/* The type that an input or result, a tensor, is to have outside; DT_NONE: it stays. */
typedef DType EdgeType(void *ctx, const Func *f, const Value *v);
/* Inputs and results take those types; casts join them to what is inside, and names stay
 * outside. The number of changes. (boundary.c) */
int edges_take(Func *f, Diag *d, EdgeType *wanted, void *ctx);
Builder before_op(Op *op, Diag *d); /* builds in front of op */
/* Uses of the only result of op become `with`; op goes. The name of a function's result must
 * stay what it is: callers check is_result first. */
void replace_op(Op *op, Value *with);
/* Computes an op whose arguments are small constants; its results become constants, which
 * also go to with[0..nout) unless that is NULL. False: it stays. */
bool fold_op(Module *m, Op *op, Diag *d, Value **with);
/* Lays the same elements out anew; the last one of a row of them decides. */
bool is_relabel(const Op *op);
const char *op_const_string(const Op *op, ParamId arg);

#endif
