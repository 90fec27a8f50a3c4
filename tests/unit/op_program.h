/* op_program.h -- calls of ops as MIL programs, in variants in which more or fewer operands are
 * constants. */
#ifndef ANEC_TEST_OP_PROGRAM_H
#define ANEC_TEST_OP_PROGRAM_H

#include "../../ir/ops/ops.h"

/* An example of the op table, or a call of perturbed.def. */
typedef struct {
    const char *op;
    int opset;
    const char *args; /* as examples of the op table have them */
} OpSeed;

/* Which operands of the call are inputs, and of what types. */
typedef struct {
    const char *says;
    int inputs;       /* at most this many tensors of floats become inputs */
    bool values;      /* every operand that may be computed is an input */
    int unknown;      /* this many leading dimensions of inputs are unknown */
    const char *type; /* replaces fp32 */
    int opset;        /* 0: that of the seed */
} OpVariant;

/* All seeds but those of ops with blocks; `more` adds the calls of op_more.def. */
int op_seed_count(bool more);
OpSeed op_seed_at(int i);
/* Where the call's own arguments begin in `args`: ops that they need stand before them. */
const char *op_seed_arguments(const char *args);
/* The text of the program; NULL when the variant does not apply to the call. */
const char *op_program(Arena *a, const OpSeed *s, const OpVariant *how);

#endif
