/* near_bounds.h -- where something changes as a number of a program grows: the bounds of rules
 * and of rewrites, to one, without a list of them. */
#ifndef ANEC_TEST_NEAR_BOUNDS_H
#define ANEC_TEST_NEAR_BOUNDS_H

#include "../../ir/passes/passes.h"

/* Puts into out what becomes of the program, in words that do not have the number; nothing where
 * the text is no valid program. */
typedef void NearSays(void *ctx, const char *text, Buf *out);

/* For each number of the program, which is in the short notation of micro.h: what is said where it
 * is 0, and from which number on, up to `most`, something else. The number changes wherever it
 * stands. Looked at are powers of two, and between two that differ the first that does. */
void near_bounds(Buf *out, const char *text, long most, NearSays *says, void *ctx);

/* The ops that a program has behind the passes of an opset or a chip, or why it has none. */
typedef struct {
    const char *opset; /* of the program, as `ios18` */
    PassOptions options;
} NearRewrite;

void near_says_ops(void *rewrite, const char *text, Buf *out);

#endif
