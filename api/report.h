/* report.h -- lines about tensors: summaries and comparisons. */
#ifndef ANEC_REPORT_H
#define ANEC_REPORT_H

#include "../backends/backend.h"

void report_tensor(Buf *out, const Tensor *t); /* a line: type, range, mean, first values */

void report_element(Buf *out, const Tensor *t, size_t i); /* as text, strings quoted */

typedef struct {
    bool has_rtol, has_atol;
    double rtol, atol; /* when has_..; else by element type */
} Tolerance;

/* A line with the largest differences; true when all are within |a - b| <= atol + rtol |b|. The
 * tolerance is that of elements of type `as`. Floats of two types are compared when a tolerance
 * other than 0 is given. */
bool report_compare(Buf *out, const Tensor *a, const Tensor *b, DType as, const Tolerance *tol);
/* As what a value is to be compared: as fp16 when it is only cast from there, else as its
 * type. */
DType report_precision(const Value *v);

/* The first element that is finite on one side only, and the first other that is not; -1:
 * none. */
void report_parting(const Tolerance *tol, DType as, const Tensor *a, const Tensor *b,
                    int64_t *overflow, int64_t *loss);

#endif
