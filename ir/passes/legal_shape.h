/* legal_shape.h -- shared by the passes that cut and join: pieces of values and weights, zeros
 * around a value, sums of several values, convolutions with their windows. */
#ifndef ANEC_LEGAL_SHAPE_H
#define ANEC_LEGAL_SHAPE_H

#include "../ops/geometry.h"
#include "legal.h"

/* ---- pieces: x is of a known shape ------------------------------------------------------- */

/* A slice of x of `size` from `begin` on, axis by axis; x itself where that is all of it. */
Value *make_box(Builder *b, Value *x, const int64_t *begin, const int64_t *size);
/* x with zeros before and after it, axis by axis; x itself where there are none. */
Value *make_zeros(Builder *b, Value *x, const int64_t *before, const int64_t *after);
Value *make_sum(Builder *b, Value **v, int n); /* v is overwritten */
Value *make_expand(Builder *b, Value *x, int axis);
/* Whether pieces of w can be constants: w is one, and its elements are at hand. */
bool can_cut(const Value *w);
/* Elements from .. from + n - 1 of a weight along an axis. A piece of a literal at hand is a
 * literal, along the first axis without a copy; otherwise it is an op that slices. */
Value *make_piece(Builder *b, Value *w, int axis, int64_t from, int64_t n);
/* A box of a literal as a literal; NULL: its bytes are not at hand. */
Value *make_literal_box(Builder *b, const Value *w, const int64_t *begin,
                        const int64_t *size);
/* The same elements in another shape; that of a literal is a literal, wherever its bytes
 * are. */
Value *make_relabel(Builder *b, Value *w, const Shape *s);
/* The number of pieces of n elements if none is longer than `most`. */
int64_t piece_count(int64_t n, int64_t most);
/* The size of piece i of that many, which differ by one element at most; *from is its begin. */
int64_t piece_size(int64_t n, int64_t pieces, int64_t i, int64_t *from);

/* ---- the same op over other axes -------------------------------------------------- */

/* Returns the shape that a value of shape s is to have; ctx is the caller's. */
typedef Shape Relayout(const void *ctx, const Shape *s);
/* An elementwise op on its arguments in other shapes, reshaped back to its own. NULL: it has a
 * variadic argument. */
Value *make_relaid(Builder *b, Op *op, Relayout *to, const void *ctx);
/* A reduction like op of x, which is op's argument in another shape, over other axes. */
Value *make_reduced(Builder *b, Op *op, Value *x, int n, const int64_t *axes);
/* Sets a flag for each axis that the reduction op goes over; false: they are not known. */
bool reduced_axes(const Op *op, int rank, bool *reduced);

/* ---- convolutions ------------------------------------------------------------------------ */

typedef struct {
    Value *x, *weight, *bias; /* bias may be NULL */
    Conv conv;                /* with a window whose dimensions are all known */
} ConvOp;

/* Reads op; false: it is no conv or conv_transpose, or its shapes are not known. */
bool conv_read(Op *op, ConvOp *v);
/* Whether the weight can be split. A conv_transpose takes no computed weight, so the bytes
 * of its weight must be at hand. */
bool conv_can_cut(const ConvOp *v);
/* A convolution over a volume as convolutions over planes (legal_volume.c); NULL: it cannot
 * be. */
Value *make_planes(Builder *b, const ConvOp *v);
/* The axis of x and weight for entry i of a window; -1: the op has none. */
int window_axis(const Window *w, int i);
/* The constant for the parameter `pad` with pad_type custom: before and after, axis by axis. */
Value *build_padding(Builder *b, const Window *w);
/* A slice of y that begins at `start` along each axis of w and has the size of w's results,
 * with zeros where it is outside of y; NULL: it is all zeros. */
Value *make_span(Builder *b, Value *y, const Window *w, const int64_t *start);
/* A convolution with the strides, dilations and padding of w, of x and weight of rank 2 + w->n;
 * bias may be NULL. */
Value *make_conv(Builder *b, bool transposed, Value *x, Value *weight, Value *bias,
                 int64_t groups, const Window *w);
/* bias, one number for each channel, in the shape in which it is added to a result of that
 * rank. */
Value *make_bias(Builder *b, Value *bias, int rank);

#endif
