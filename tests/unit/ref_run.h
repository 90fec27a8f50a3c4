/* ref_run.h -- for unit tests that ask whether a rewritten program computes the same: runs the
 * main function of a module on `ref`, on inputs that the test fills, and compares two runs. */
#ifndef ANEC_TEST_REF_RUN_H
#define ANEC_TEST_REF_RUN_H

#include "../../ir/ir.h"

enum { REF_MOST = 16 };

/* The results of one run, in the order of the function. */
typedef struct {
    Tensor value[REF_MOST];
    int n;
} RefRun;

/* Fills the input of that number and name. */
typedef void RefFill(void *ctx, Tensor *x, int input, const char *name);

/* Runs m; `what` stands in the message of a test that fails. A dimension that an input's type
 * leaves open is 2. */
void ref_run(RefRun *r, const Module *m, RefFill *fill, void *ctx, const char *what);
/* The runs of one program have the same shapes, the same integers, and floats that differ by
 * `tolerance` of their magnitude at most, where what is smaller than `least` counts as
 * `least`. */
void ref_compare(const RefRun *was, const RefRun *is, double tolerance, double least,
                 const char *what);
void ref_free(RefRun *r);

/* A fill: values drawn evenly between two bounds, by the input's name. */
typedef struct {
    double low, high;
} RefRange;

void ref_draw(void *ctx, Tensor *x, int input, const char *name); /* ctx: RefRange */

#endif
