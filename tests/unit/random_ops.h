/* random_ops.h -- ops that are drawn at random: test_random_programs.c makes programs of them. */
#ifndef ANEC_TEST_RANDOM_OPS_H
#define ANEC_TEST_RANDOM_OPS_H

#include "unit.h"

#include "../../ir/ir.h"

enum { MOST = 32 };

typedef struct {
    Module *m;
    Func *f;
    Builder b;
    Diag diag;
    uint64_t seed;
    Value *at[MOST]; /* fp16 tensors so far */
    int n;
} Gen;

int random_draw(Gen *g, int n); /* from 0 on, below n */
Value *random_value(Gen *g);    /* one of those that there are */
/* An op of x, which may not fit: whoever calls looks at what was reported, and at the result. */
Value *random_op(Gen *g, Value *x);

#endif
