/* random_ops.h -- ops that are drawn at random: test_random_programs.c makes programs of them. */
#ifndef ANEC_TEST_RANDOM_OPS_H
#define ANEC_TEST_RANDOM_OPS_H

#include "program_gen.h"

Value *random_value(Gen *g); /* one of those that there are */
/* An op of x, which may not fit: whoever calls looks at what was reported, and at the result. */
Value *random_op(Gen *g, Value *x);

#endif
