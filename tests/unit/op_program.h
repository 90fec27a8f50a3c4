/* op_program.h -- calls of ops as programs, with more and with less of them known. */
#ifndef ANEC_TEST_OP_PROGRAM_H
#define ANEC_TEST_OP_PROGRAM_H

#include "../../ir/ops/ops.h"

/* An example of the op table, or a call of perturbed.def. */
typedef struct {
    const char *op;
    int opset;
    const char *args; /* as examples of the op table have them */
} OpSeed;

/* How a call is asked for: what is known of it. */
typedef struct {
    const char *says;
    int inputs;       /* so many tensors of numbers at most */
    bool values;      /* what need not be a constant is none */
    int unknown;      /* so many first extents of inputs are */
    const char *type; /* in place of fp32 */
    int opset;        /* 0: its own */
} OpVariant;

/* All of them, those of ops with blocks left out; `more`: and the calls of op_more.def. */
int op_seed_count(bool more);
OpSeed op_seed_at(int i);
/* The program; NULL: it is none in this way. */
const char *op_program(Arena *a, const OpSeed *s, const OpVariant *how);

#endif
