/* legal_ops.h -- the rewrites of operations that an engine refuses (legal_forms.c holds
 * the table of them). Each gives what op results in, in other operations, or NULL where it
 * cannot. */
#ifndef ANEC_LEGAL_OPS_H
#define ANEC_LEGAL_OPS_H

#include "legal.h"

/* Bytes above which a constant is not made up: the text or the weight file would carry them. */
enum { COMPUTED_MAX = 1 << 24 };

/* Those that the column FORM of the op table names, each in the legal_<topic>.c of its kind. */
#define NONE
#define INSTEAD(pass, rule, f) Rewrite f;
#define INSTEAD_ALL(pass, rule, f) RewriteAll f;
#define FORM(...) __VA_ARGS__
#include "../ops/ops.def"
#undef NONE
#undef INSTEAD
#undef INSTEAD_ALL

/* 0, 1 .. n - 1 along one axis of a tensor that is 1 wide along the others. */
Value *make_counting(Builder *b, DType t, int rank, int axis, int64_t n);
/* The sum of c[i] * x^i, n of them. */
Value *make_polynomial(Builder *b, Value *x, int n, const double *c);

#endif
