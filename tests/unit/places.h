/* places.h -- templates of texts that depend on a number n, for tests of bounds. A template
 * holds
 *   {N} {2N} {N+1} {2N-3}   a number computed from n {N:x}                   x n times, with
 *   commas between {N=x}                   x n times, with nothing between {N#3}
 *   0, 3, 6 .., n numbers {N;line}                n lines, in which $ is the line's number
 *   from 0, and @ that of the next */
#ifndef ANEC_TEST_PLACES_H
#define ANEC_TEST_PLACES_H

#include "../../base/base.h"

/* Expands what comes next in the template, one character or one place, into b. Returns what follows
 * it. */
const char *places_add(Buf *b, const char *text, long n);
/* Expands a whole template. The caller frees the buffer. */
Buf places_text(const char *text, long n);

#endif
