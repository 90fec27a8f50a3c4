/* std_bench.h -- a program that imports the language's library, compiled and run by `ref`, and what its
 * results must be. */
#ifndef ANEC_STD_BENCH_H
#define ANEC_STD_BENCH_H

#include "../../ir/ir.h"
#include "unit.h"

enum { MAX_IN = 8, MAX_ELEMS = 4096 };

typedef struct {
    const char *name;
    DType dtype;
    Shape shape;
    double v[MAX_ELEMS];
    size_t n;
} StdArray;

typedef struct {
    Diag diag;
    StdArray in[MAX_IN], out[MAX_IN];
    int nin, nout;
} StdTest;

StdTest *std_begin(void);
void std_end(StdTest *t);
/* An input of numbers in [low, low + span), rounded to fp32 as the model will see them. */
double *std_given(StdTest *t, const char *name, Shape s, double low, double span);
void std_compute(StdTest *t, const char *text);
/* Result r must have this shape and these values, within a few roundings of fp32. */
void std_expect(const StdTest *t, int r, Shape s, const double *want);
/* What `weights init normal(std = .., seed = 3)` gives the weight of this path. */
void std_drawn(const char *path, double std, double *w, size_t n);

/* y[o][s] = sum of w[o][i] x[i][s]: features first, as on axis 1. */
void std_product(const double *w, const double *x, int rows, int inner, int positions,
                 double *y);

#endif
