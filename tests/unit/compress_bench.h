/* compress_bench.h -- shared by the tests of compressed weights: a program with one weight
 * `w`, which is compressed by rules. */
#ifndef COMPRESS_BENCH_H
#define COMPRESS_BENCH_H

#include "unit.h"

#include "../../ir/ops/ops.h"
#include "../../ir/passes/compress.h"
#include "../../ir/passes/passes.h"

typedef struct {
    Arena arena;
    Diag diag;
    Module *m;
    Func *f;
    CompressPlan plan;
    double *was; /* the weight's elements */
    size_t n;
    DType dtype;
} CompressBench;

/* How the program uses the weight. */
typedef enum {
    BY_MUL,
    BY_LINEAR,
    BY_MATMUL,
    BY_MATMUL_T,
    BY_CONV,
    BY_DECONV,
    BY_COUNT
} By;

/* An empty program of that opset, with a plan that measures errors. */
void compress_begin(CompressBench *t, Opset o);
void compress_end(CompressBench *t);
/* Adds a weight with the elements v and an op that uses it. */
void compress_program(CompressBench *t, DType dtype, Shape s, By by, const double *v);
/* Compresses by rules, in addition to those of earlier calls. */
bool compress_run(CompressBench *t, const char *text);
/* The value of that name in the program. */
Value *compress_value(const Module *m, const char *name);

#endif
