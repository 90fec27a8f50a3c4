/* rewritten.h -- what rewrites make of programs, statement by statement, held against a file
 * beside the test: numbers alone do not tell a rewrite that was not needed, or one that was not
 * taken. `make golden` writes the file anew; the difference is then the review. */
#ifndef ANEC_TEST_REWRITTEN_H
#define ANEC_TEST_REWRITTEN_H

#include "../../ir/ir.h"

typedef struct {
    const char *path;
    Buf text;
} Rewritten;

/* Under the heading `of: from`, the statements that the main function has now. */
void rewritten_add(Rewritten *r, const char *of, const char *from, const Module *m);
/* Fails the test where the file differs from what was added; frees the text. */
void rewritten_end(Rewritten *r);

#endif
