/* report.h -- what anerun tells: summaries, comparisons, times, what a model takes. */
#ifndef ANEC_REPORT_H
#define ANEC_REPORT_H

#include "../backends/backend.h"
#include "../ir/ops/ops.h"

/* A line about a result: type, range, mean, first values. prefix: "it3_" or "". */
void report_tensor(Buf *out, const char *prefix, const char *name, const Tensor *t);

void report_element(Buf *out, const Tensor *t, size_t i); /* as text, strings quoted */

typedef struct {
    bool has_rtol, has_atol;
    double rtol, atol;  /* when has_..; else by element type */
} Tolerance;

/* A line with the largest differences; true when all are within |a - b| <= atol + rtol |b|. The
 * tolerance is that of elements of type `as`. */
bool report_compare(Buf *out, const char *prefix, const char *name, const Tensor *a,
                    const Tensor *b, DType as, const Tolerance *tol);
/* As what a value is to be compared: as fp16 when it is only cast from there, else as its type. */
DType report_precision(const Value *v);

/* Whether two elements of type t are; NaN equals NaN, an infinity itself. */
bool report_within(const Tolerance *tol, DType t, double a, double b);

void report_times(Buf *out, double *seconds, size_t n); /* sorts them */
/* A line: multiply-adds of a run, and what they make a second where one takes `seconds`. */
void report_rate(Buf *out, const Macs *macs, double seconds);

/* --describe: every function; false when an attribute is malformed. */
bool describe_text(Buf *out, const char *path, const Module *m, Diag *d);
bool describe_json(Buf *out, const char *path, const Module *m, Diag *d);

#endif
