/* calls.h -- op calls written as short texts, for unit tests.
 *
 * A call is arguments with `;` between them: `name=VALUE`, or `name=VALUE,VALUE` for a
 * tuple. A VALUE is a type and its elements: `fp32[2,2] 1 2 3 4`, `int32[] 1`, `string[]
 * add`. One element fills the tensor; `~` stands for arbitrary numbers, `~n` for whole
 * numbers below n. A value without elements is not known at compile time: `fp32[2,?]`. One
 * with `..` is a constant whose elements are not at hand, as those of a missing weight file.
 * A string may hold commas, so a tuple of strings cannot be written. `list[n] TYPE`, `state
 * TYPE` are types of their own, never with elements. The expected text has the results in
 * the same form, or `error: ` and a part of the message, or `doubt: ` and a part of the warning
 * that Core ML may get such a call wrong; `doubt: none`. */
#ifndef ANEC_TEST_CALLS_H
#define ANEC_TEST_CALLS_H

#include "../../ir/ops/ops.h"

typedef struct {
    const char *op;
    int opset;
    const char *args, *expect;
} CallCase;

/* fails the cmocka test, naming the case */
void check_calls(const CallCase *cases, size_t n);

/* The results of a call in that form, or `error: ` and the message. Elements that are fewer
 * than the tensor has are repeated. */
void call_answer(Arena *a, const char *op, int opset, const char *args, Buf *out);

/* In a cmocka test: CHECK({ op, opset, arguments, expected }, ..); */
#define CHECK(...) \
    do { \
        static const CallCase cases[] = { __VA_ARGS__ }; \
        (void)state; \
        check_calls(cases, COUNT(cases)); \
    } while (0)

#endif
