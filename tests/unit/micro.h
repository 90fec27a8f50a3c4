/* micro.h -- small test programs in the short notation "inputs | ops | results", and the
 * programs that break a rule (ir/targets/probes). */
#ifndef ANEC_TEST_MICRO_H
#define ANEC_TEST_MICRO_H

#include "../../ir/targets/rules.h"

/* The program of the short notation as MIL text of that opset (as `ios18`); a whole program is
 * returned as it is. The test fails where the text is neither. */
const char *micro_text(Arena *a, const char *opset, const char *text);
/* That program, read and verified; the test fails where it is not valid. */
Module *micro_read(Arena *a, Diag *d, const char *opset, const char *text);
/* The short notation of a program; NULL when it has several functions, or is too long for
 * tests that change each of its numbers. */
const char *micro_short(Arena *a, const char *text);

/* How often the program breaks the rule on that chip. Not for rules about weight files: the
 * program has none. */
int micro_breaks(const Target *chip, int rule, const char *text);
/* The first chip on which the first program of the pair breaks the rule and the second keeps
 * it; NULL when there is none. */
const Target *micro_chip(int rule, const RulePrograms *pair);

#endif
