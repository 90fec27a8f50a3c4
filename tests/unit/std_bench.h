/* std_bench.h -- for unit tests of the language's library std: compiles a program, runs it
 * on `ref` and checks the results. */
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
/* Adds an fp32 input with numbers in [low, low + span) and returns its elements, which are
 * already rounded to fp32. */
double *std_given(StdTest *t, const char *name, Shape s, double low, double span);
/* Compiles and runs the program on the inputs so far; fails the test when that is not
 * possible. */
void std_compute(StdTest *t, const char *text);
/* Checks that result r has this shape and these values, up to a few roundings of fp32. */
void std_expect(const StdTest *t, int r, Shape s, const double *want);
/* The elements that `weights init normal(std = .., seed = 3)` draws for the weight of that
 * path. */
void std_drawn(const char *path, double std, double *w, size_t n);

/* The matrix product y[o][s] = sum over i of w[o][i] x[i][s]; w is [rows, inner], x is [inner,
 * positions]. */
void std_product(const double *w, const double *x, int rows, int inner, int positions,
                 double *y);

#endif
