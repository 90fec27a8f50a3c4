/* micro.h -- small programs: in a short notation, and those of rules (ir/targets/probes). */
#ifndef ANEC_TEST_MICRO_H
#define ANEC_TEST_MICRO_H

#include "../../ir/targets/rules.h"

/* "inputs | statements | results" as a program; whole ones as they are. */
const char *micro_text(Arena *a, const char *text);
/* The other way; NULL: it has several functions, or is too long to change each number of it. */
const char *micro_short(Arena *a, const char *text);

/* How often the program breaks the rule on that chip; a rule about weight files, whose are not
 * there, is looked at elsewhere. */
int micro_breaks(const Target *chip, int rule, const char *text);
/* The first chip on which the first program of the pair breaks the rule, and the second does not;
 * NULL: none. */
const Target *micro_chip(int rule, const RulePrograms *pair);

#endif
