/* near.h -- variants of a test program, each with one thing changed: a line doubled, a
 * number, a type, a truth value or an op replaced, two operands exchanged. A condition of a
 * rule or a pass that the program itself does not reach, one of its variants does. */
#ifndef ANEC_TEST_NEAR_H
#define ANEC_TEST_NEAR_H

#include "../../ir/passes/passes.h"

#define NEAR_START UINT64_C(14695981039346656037)

typedef void NearFn(void *ctx, const char *text, const char *by);

/* The text with one word or number another, wherever it stands alone. */
char *near_with(Arena *a, const char *text, const char *was, const char *is);
/* Call fn with the text of the program and of each variant; `by` says what was changed. A
 * variant may be no valid program. Changed are words and numbers of the text (near_words),
 * uses of values (near_values), or both (near_each). */
void near_words(Arena *a, const char *text, NearFn *fn, void *ctx);
void near_values(Arena *a, const char *text, NearFn *fn, void *ctx);
void near_each(Arena *a, const char *text, NearFn *fn, void *ctx);
/* Reads a variant. The types that it declares for results are replaced by the inferred ones.
 * NULL when the text is no valid program. */
Module *near_read(Diag *d, const Source *src);
/* The checksum h continued over s; the first h is NEAR_START. */
uint64_t near_sum(uint64_t h, const char *s);
/* Runs the passes of o over m and prints the number of ops and the checksum of their text,
 * or the error. */
void near_rewrite(Buf *out, Module *m, const PassOptions *o);
/* Prints a line for a program in the notation of micro.h: how many variants it has, and the
 * checksum of what the passes make of them. With ANEC_NEAR=1 in the environment it prints
 * the variants. */
void near_case(Buf *out, const char *title, const char *opset, const char *text,
               const PassOptions *o);

#endif
