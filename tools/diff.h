/* diff.h -- what anediff compares: two programs, or two folders of arrays. */
#ifndef ANEC_DIFF_H
#define ANEC_DIFF_H

#include "../ir/ir.h"
#include "../lib/report.h"

/* A side of the comparison: a program and what to call it. */
typedef struct {
    const char *path;
    Module *module;
} Side;

typedef enum { DIFF_SAME, DIFF_OTHER, DIFF_FAILED } Verdict; /* FAILED: reported */

/* Walks both programs in step and describes the first thing that differs, with both places.
 * Weights are compared by their bytes, or by their reference where a file is absent; where they
 * lie is not compared. names: values and the attribute `name` may differ, if they do so
 * consistently. */
Verdict diff_models(Buf *out, Diag *d, const Side *a, const Side *b, bool ignore_names);

/* Compares the .npy files of two folders, in the order in which `order` computes their values
 * (NULL: alphabetically), and describes the first that differs. */
Verdict diff_folders(Buf *out, Diag *d, const char *a, const char *b, const Module *order,
                     const Tolerance *tol);

#endif
