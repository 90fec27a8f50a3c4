/* places.h -- texts with places for a number, for tests of bounds. In a text stand {N}, {2N},
 * {N+1}, {2N-3} for numbers; {N:x} for x n times with commas between, {N=x} without; {N#3} for
 * 0, 3, 6 .., n of them; {N;line} for n lines in which $ is the line's number from 0 and @ the
 * next one's. */
#ifndef ANEC_TEST_PLACES_H
#define ANEC_TEST_PLACES_H

#include "../../base/base.h"

/* Adds one piece of the text to b; behind it. */
const char *places_add(Buf *b, const char *text, long n);
Buf places_text(const char *text, long n);

#endif
