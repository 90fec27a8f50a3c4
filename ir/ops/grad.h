/* grad.h -- the gradient column of the op table: how what flows back into the results of a
 * statement becomes what flows back into its arguments.
 *
 * A function of the column is called for a statement of which a result has a gradient. It
 * builds statements with g->b, of the types and shapes of the arguments that it answers for,
 * and never one for an argument that is not wanted. Extents of all that has a gradient are
 * known. False: it cannot, and has reported why. An argument that is wanted and is not answered
 * has no gradient, which is the caller's error to report. */
#ifndef ANEC_GRAD_H
#define ANEC_GRAD_H

#include "ops.h"

struct Grad {
    Builder *b;
    const Op *op;
    Value *const *dy; /* by result; NULL: nothing flows back into it */
    const bool
        *wanted; /* by argument value, in the order of the arguments, tuples one by one */
    Value **dx;  /* likewise: the answer */
};

/* ---- asking and answering ---------------------------------------------------------------- */

/* The place of value k of an argument in `wanted` and `dx`; -1: it is absent. */
int grad_place(const Grad *g, ParamId p, int k);
bool grad_wants(const Grad *g, ParamId p); /* of the argument's first value */
/* Weights may be of another width than x: it is given in the argument's type. */
void grad_give(Grad *g, ParamId p, Value *dx);
/* dx summed over the axes along which the argument was repeated */
void grad_give_sum(Grad *g, ParamId p, Value *dx);
/* "<op>: <message>" at the statement; always false */
bool grad_error(const Grad *g, const char *fmt, ...) PRINTF(2, 3);
Value *grad_arg(const Grad *g, ParamId p); /* NULL: absent */
/* A number or a choice that is known when compiling; absent: the row's default. */
double grad_float(const Grad *g, ParamId p);
int64_t grad_int(const Grad *g, ParamId p);
bool grad_bool(const Grad *g, ParamId p);
const char *grad_str(const Grad *g, ParamId p);
int grad_choice(const Grad *g, ParamId p);         /* as call_chosen */
int grad_axis(const Grad *g, ParamId p, int rank); /* counted from the start */
/* The statement as a call, for the plans that inference makes; in scratch. NULL after an
 * error. */
Call *grad_call(const Grad *g, Arena *scratch);

/* ---- building ---------------------------------------------------------------------------- */

Value *grad_one(Builder *b, int kind, Value *x);
Value *grad_two(Builder *b, int kind, Value *x, Value *y);
Value *grad_number(Builder *b, const Value *like, double v); /* a scalar of like's type */
Value *grad_with(Builder *b, int kind, Value *x, double y);
Value *grad_times(Builder *b, Value *x, Value *y);
Value *grad_scaled(Builder *b, Value *x, double by); /* x itself when by is 1 */
/* x where cond, else y; NULL stands for 0 */
Value *grad_where(Builder *b, Value *cond, Value *x, Value *y);
Value *grad_as(Builder *b, Value *x, Shape s); /* the same elements; x itself when it is so */
Value *grad_like(Builder *b, Value *x, const Value *like); /* in its shape */
Value *grad_typed(Builder *b, Value *x,
                  const Value *like); /* in its type; x itself when it is so */
/* x summed over what broadcasting from s repeats, in shape s */
Value *grad_sum_to(Builder *b, Value *x, const Shape *s);
/* x, whose extents are those of s or 1, repeated to s; a scalar goes anywhere */
Value *grad_spread(Builder *b, Value *x, const Shape *s);
Value *grad_zeros(Builder *b, const Value *like);
Value *grad_reduce(Builder *b, int kind, Value *x, const bool *axes, bool keep);
/* the same over one axis, which stays as 1 */
Value *grad_reduce_axis(Builder *b, int kind, Value *x, int axis);
Value *grad_slice(Builder *b, Value *x, int axis, int64_t from, int64_t n);
Value *grad_concat(Builder *b, Value **v, int n, int axis);
Value *grad_transpose(Builder *b, Value *x, const int64_t *perm);
Value *grad_matmul(Builder *b, Value *x, Value *y, bool transpose_x, bool transpose_y);
/* x among the value: pad is before and after, axis by axis */
Value *grad_padded(Builder *b, Value *x, const int64_t *pad, double value);
/* zeros around x, before and after it along each axis */
Value *grad_pad(Builder *b, Value *x, const int64_t *before, const int64_t *after);
/* data, with v added where the indices lie along the axis */
Value *grad_scatter_sum(Builder *b, Value *data, Value *at, Value *v, int axis);
/* A constant of element type t and shape s, whose elements the caller sets. */
Const *grad_table(Builder *b, DType t, Shape s, Tensor *room);
/* Along an axis of x, the product with the constant matrix [from, to] whose elements m are. */
Value *grad_along(Builder *b, Value *x, int axis, int64_t from, int64_t to, const double *m);
/* What op, a conv or conv_transpose, results in with another weight of that shape, by a product
 * and a convolution whose weight is constant. NULL after an error. */
Value *grad_by_taps(Builder *b, const Op *op, Value *weight);
/* For x, of which the results are elements at places that may be computed. On the processor. */
bool grad_picked(Grad *g);
/* The arguments of g->op, but those in `with`, as build_op takes them; kind is what they are
 * for. */
Value *grad_same(Grad *g, int kind, int n, const BuildArg *with);

#endif
