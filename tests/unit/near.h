/* near.h -- programs beside a program: everything twice, one number another wherever it stands,
 * the sides of operations exchanged, other types, truths, operations. Conditions of rules and
 * rewrites that a case does not touch are touched by one of these. */
#ifndef ANEC_TEST_NEAR_H
#define ANEC_TEST_NEAR_H

#include "../../ir/passes/passes.h"

#define NEAR_START UINT64_C(14695981039346656037)

typedef void NearFn(void *ctx, const char *text, const char *by);

/* The program itself and those beside it, as texts; not all of them are programs: by words and
 * numbers, by values, and by both. */
void near_words(Arena *a, const char *text, NearFn *fn, void *ctx);
void near_values(Arena *a, const char *text, NearFn *fn, void *ctx);
void near_each(Arena *a, const char *text, NearFn *fn, void *ctx);
/* The program of a text whose results are of the types that they have, not those that it says;
 * NULL: it is none. */
Module *near_read(Diag *d, const Source *src);
uint64_t near_sum(uint64_t h, const char *s);
/* How many statements m becomes, and the sum of their text; or the error. */
void near_rewrite(Buf *out, Module *m, const PassOptions *o);
/* A line for a case "inputs | statements | results": how many programs there are beside it, and
 * the sum of what they become. ANEC_NEAR=1 prints them. */
void near_case(Buf *out, const char *title, const char *opset, const char *text,
               const PassOptions *o);

#endif
