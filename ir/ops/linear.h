/* linear.h -- sums of products over named dimensions, which matmul, linear and einsum all
 * are. */
#ifndef ANEC_LINEAR_H
#define ANEC_LINEAR_H

#include "move.h"

/* A label names a dimension: those that share it are equal, or 1 and repeated. Labels that the
 * result lacks are summed over. */
enum { LABELS = 96, MAX_TERM = 16 };

typedef struct {
    int rank, label[MAX_RANK];
} Labels;

typedef struct Equation {
    int n;
    Labels in[MAX_TERM], out;
} Equation;

/* The equation of matmul (linear, einsum) for arguments of these shapes; reports what is
 * wrong. */
bool equation_matmul(Call *c, Equation *e);
void equation_linear(const Call *c, Equation *e);
bool equation_einsum(Call *c, Equation *e);
/* The result's shape; false when the operands disagree about the label *bad. */
bool equation_shape(const Equation *e, const Shape *const *in, Shape *out, int *bad);

/* Whether Core ML defines this equation for two tensors of this rank (ir/ops/doubt.c). */
bool einsum_is_defined(const char *equation, int rank);

#endif
