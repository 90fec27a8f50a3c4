/* rewritten.h -- compares the programs that passes make, op by op, with a file beside the
 * test. Equal results alone do not show a rewrite that was missed, or that was not needed.
 * `make golden` writes the file anew; its difference is then to be reviewed. */
#ifndef ANEC_TEST_REWRITTEN_H
#define ANEC_TEST_REWRITTEN_H

#include "../../ir/ir.h"

typedef struct {
    const char *path;
    Buf text;
} Rewritten;

/* Adds the ops of m's main function under the heading `of: from`. */
void rewritten_add(Rewritten *r, const char *of, const char *from, const Module *m);
/* Fails the test when the file differs from what was added. Frees the text. */
void rewritten_end(Rewritten *r);

#endif
