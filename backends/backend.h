/* backend.h -- the door to what runs programs.
 *
 * A Backend compiles one function of a verified Module into a Program; a Program runs with named
 * tensors. Tensors given stay the caller's; results are the Program's until its next run. */
#ifndef ANEC_BACKEND_H
#define ANEC_BACKEND_H

#include "../ir/ir.h"

typedef struct Program Program;

typedef struct {
    const char *name;
    Tensor value; /* inputs: bound by the caller. results and states: the program's */
} Binding;

typedef struct {
    uint64_t random_seed;   /* what MIL's seed -1 stands for */
    uint64_t max_steps;     /* of one while_loop; 0: no bound */
    /* called with every value computed, for --dump; may be NULL */
    bool (*each)(void *ctx, const Value *v, const Tensor *t);
    void *ctx;
} RunOptions;

typedef struct {
    const char *name, *doc;
    Program *(*compile)(Module *m, Func *f, Diag *d);
    /* Inputs by name; all must be there, of the parameter's dtype and a fitting shape. */
    bool (*run)(Program *p, Diag *d, const Binding *in, int nin, const RunOptions *opt);
    int (*results)(Program *p, const Binding **out);   /* of the last run, in the function's order */
    int (*states)(Program *p, Binding **out);          /* kept between runs; the caller may set them */
    void (*reset)(Program *p);                         /* states to zero */
    void (*free)(Program *p);
} Backend;

const Backend *backend_find(const char *name);         /* NULL: no such backend in this build */
const Backend *const *backend_list(void);              /* ends with NULL */

#endif
