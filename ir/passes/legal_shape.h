/* legal_shape.h -- what the passes share that cut and join: pieces of values and of weights,
 * zeros around a value, sums of many, convolutions with their windows. */
#ifndef ANEC_LEGAL_SHAPE_H
#define ANEC_LEGAL_SHAPE_H

#include "../ops/geometry.h"
#include "legal.h"

/* ---- pieces: x is of a known shape ------------------------------------------------------- */

/* The box of x from begin on; x itself when that is all of it. */
Value *make_box(Builder *b, Value *x, const int64_t *begin, const int64_t *size);
/* x between zeros; x itself when there are none. */
Value *make_zeros(Builder *b, Value *x, const int64_t *before, const int64_t *after);
Value *make_sum(Builder *b, Value **v, int n); /* v is overwritten */
Value *make_expand(Builder *b, Value *x, int axis);
/* Whether the elements of a constant can be had, so that pieces of it are constants too. */
bool can_cut(const Value *w);
/* A piece of a weight. Where the bytes of a literal are at hand the piece is a literal too,
 * along the first axis without a copy; otherwise it is cut by an op. */
Value *make_piece(Builder *b, Value *w, int axis, int64_t from, int64_t n);
/* As make_piece over a box; NULL where the bytes of a literal are not at hand. */
Value *make_literal_box(Builder *b, const Value *w, const int64_t *begin, const int64_t *size);
/* The same elements in another shape: a literal stays one, wherever its bytes are. */
Value *make_relabel(Builder *b, Value *w, const Shape *s);
/* How many equal pieces, none longer than most, n falls into. */
int64_t piece_count(int64_t n, int64_t most);
/* The elements of piece i of so many, which differ by one at most; *from is where it begins. */
int64_t piece_size(int64_t n, int64_t pieces, int64_t i, int64_t *from);

/* ---- the same op over other axes -------------------------------------------------- */

/* The shape that a value of shape s takes; ctx is the caller's. */
typedef Shape Relayout(const void *ctx, const Shape *s);
/* An elementwise op over its arguments in other shapes, back in its own; NULL: it has a
 * variadic argument. */
Value *make_relaid(Builder *b, Op *op, Relayout *to, const void *ctx);
/* A reduction of x, which holds the elements of its argument, over other axes. */
Value *make_reduced(Builder *b, Op *op, Value *x, int n, const int64_t *axes);
/* The axes that a reduction is over, by flags; false when they are not known. */
bool reduced_axes(const Op *op, int rank, bool *reduced);
bool is_family(const Op *op, const char *family);

/* ---- convolutions ------------------------------------------------------------------------ */

typedef struct {
    Value *x, *weight, *bias; /* bias may be NULL */
    Conv conv;                /* with a window whose dimensions are all known */
} ConvOp;

/* False when op is no conv or conv_transpose, or its shapes are not known. */
bool conv_read(Op *op, ConvOp *v);
/* Whether the weight can be had in pieces: a transposed one takes no computed weight, so that
 * its bytes must be at hand. */
bool conv_can_cut(const ConvOp *v);
/* One over a volume as convolutions of planes (legal_volume.c); NULL: it cannot be. */
Value *make_planes(Builder *b, const ConvOp *v);
/* The axis of x and weight that entry i of a window is; -1: the op lacks it. */
int window_axis(const Window *w, int i);
/* The constant that `pad` is with pad_type custom: before and after, axis by axis. */
Value *build_padding(Builder *b, const Window *w);
/* What y has from `start` on along each axis of w, as long as its results, with zeros where y
 * ends; NULL: there are zeros alone. */
Value *make_span(Builder *b, Value *y, const Window *w, const int64_t *start);
/* With the strides, dilations and padding of w, for x and weight of rank 2 + w->n; bias may be
 * NULL. */
Value *make_conv(Builder *b, bool transposed, Value *x, Value *weight, Value *bias,
                 int64_t groups, const Window *w);
/* bias as it is added to a result of that rank. */
Value *make_bias(Builder *b, Value *bias, int rank);

#endif
