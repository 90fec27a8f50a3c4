/* legal_ops.h -- the rewrites of operations that an engine refuses (legal_decompose.c holds
 * the table of them). Each gives what op results in, in other operations, or NULL where it
 * cannot. */
#ifndef ANEC_LEGAL_OPS_H
#define ANEC_LEGAL_OPS_H

#include "legal.h"

/* Bytes above which a constant is not made up: the text or the weight file would carry them. */
enum { COMPUTED_MAX = 1 << 24 };

/* legal_trig.c */
Value *sin_by_polynomial(const Legal *l, Builder *b, Op *op);
Value *cos_by_polynomial(const Legal *l, Builder *b, Op *op);
Value *tan_by_quotient(const Legal *l, Builder *b, Op *op);
Value *sinh_by_exp(const Legal *l, Builder *b, Op *op);
Value *cosh_by_exp(const Legal *l, Builder *b, Op *op);
Value *asin_by_polynomial(const Legal *l, Builder *b, Op *op);
Value *acos_by_polynomial(const Legal *l, Builder *b, Op *op);
Value *atanh_by_log(const Legal *l, Builder *b, Op *op);

/* legal_index.c */
Value *one_hot_by_equal(const Legal *l, Builder *b, Op *op);
Value *gather_nd_by_gather(const Legal *l, Builder *b, Op *op);
Value *scatter_by_slices(const Legal *l, Builder *b, Op *op);
Value *reverse_sequence_by_reverse(const Legal *l, Builder *b, Op *op);
Value *windows_by_slices(const Legal *l, Builder *b, Op *op);

/* legal_axis.c */
bool topk_as_taken(const Legal *l, Builder *b, Op *op, Value **out);
Value *softmax_of_more(const Legal *l, Builder *b, Op *op);
Value *lrn_by_groups(const Legal *l, Builder *b, Op *op);

/* legal_blocks.c */
Value *blocks_by_transpose(const Legal *l, Builder *b, Op *op);

/* legal_recurrent.c: of lstm, gru and rnn */
bool unroll(const Legal *l, Builder *b, Op *op, Value **out);

/* 0, 1 .. n - 1 along one axis of a tensor that is 1 wide along the others. */
Value *make_counting(Builder *b, DType t, int rank, int axis, int64_t n);
/* The sum of c[i] * x^i, n of them. */
Value *make_polynomial(Builder *b, Value *x, int n, const double *c);

#endif
