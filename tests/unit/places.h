/* places.h -- templates of texts that depend on a number n, for tests of bounds.
 *
 * {N}, {2N}, {N+1} and {2N-3} are a number computed from n.
 * {N:x} is x n times, with commas between; {N=x} the same with nothing between.
 * {N#3} is 0, 3, 6 and so on, n numbers.
 * {N;line} is n lines, in which $ is the line's number from 0, and @ that of the next. */
#ifndef ANEC_TEST_PLACES_H
#define ANEC_TEST_PLACES_H

#include "../../base/base.h"

/* Expands what comes next in the template, one character or one place, into b. Returns what follows
 * it. */
const char *places_add(Buf *b, const char *text, long n);
/* Expands a whole template. The caller frees the buffer. */
Buf places_text(const char *text, long n);

#endif
