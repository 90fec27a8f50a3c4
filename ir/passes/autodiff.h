/* autodiff.h -- gradients: reverse mode over the statements of a function, as they were lowered
 * or read, before any pass for a target.
 *
 * What each op gives back is its row's GRAD (ir/ops/grad.h). The statements that are made are
 * ordinary ones, and can be differentiated again. */
#ifndef ANEC_AUTODIFF_H
#define ANEC_AUTODIFF_H

#include "../ir.h"

/* How the ny values y, all floats, depend on the nx floats x: dx[i] is the sum over all
 * elements of y, each by that of seed (of y's type), differentiated by x[i], and of x[i]'s
 * type; NULL where no y depends on x[i]. Only what that needs is built, at `at`, where all of y
 * must be visible. Sums are taken in the order of the uses, from the last to the first. Names
 * are d_<value>, places those of the statements that are differentiated. False: some op on the
 * way has no gradient, or extents are not known, which was reported. */
bool autodiff(Builder *at, Value *const *y, Value *const *seed, int ny, Value *const *x, int nx,
              Value **dx);

/* The same of the statements of one block, which is being built and yields nothing yet: all of x
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

#endif
