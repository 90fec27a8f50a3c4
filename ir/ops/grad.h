/* grad.h -- the gradient column of the op table (reverse mode): given the gradients of an op's
 * results, the gradients of its arguments.
 *
 * A function of the column is called for an op when one of its results has a gradient. For
 * each argument that is wanted it builds ops with g->b, whose result has the argument's type
 * and shape, and hands it to grad_give. All dimensions are known. False: it cannot, and has
 * reported why. Where it gives nothing for an argument that is wanted, the caller reports
 * that. */
#ifndef ANEC_GRAD_H
#define ANEC_GRAD_H

#include "ops.h"

struct Grad {
    Builder *b;
    const Op *op;
    Value *const *dy;   /* gradient of each result; NULL: it has none */
    const bool *wanted; /* for each value of the arguments, in order, tuples one by one */
    Value **dx;         /* in the same order: the gradients that the function gives */
};

/* ---- arguments and gradients ------------------------------------------------------------- */

/* The index of value k of an argument in `wanted` and `dx`; -1: it is absent. */
int grad_place(const Grad *g, ParamId p, int k);
bool grad_wants(const Grad *g, ParamId p); /* for the argument's first value */
/* Sets the gradient of an argument; dx may be of another float type, and is cast. */
void grad_give(Grad *g, ParamId p, Value *dx);
/* The same, after a sum over the axes along which the argument was broadcast. */
void grad_give_sum(Grad *g, ParamId p, Value *dx);
/* Reports "<op>: <message>" at the op; always false. */
bool grad_error(const Grad *g, const char *fmt, ...) PRINTF(2, 3);
Value *grad_arg(const Grad *g, ParamId p); /* NULL: absent */
/* A number or word that is known at compile time, else the row's default. */
double grad_float(const Grad *g, ParamId p);
int64_t grad_int(const Grad *g, ParamId p);
bool grad_bool(const Grad *g, ParamId p);
const char *grad_str(const Grad *g, ParamId p);
int grad_choice(const Grad *g, ParamId p);         /* as call_chosen */
int grad_axis(const Grad *g, ParamId p, int rank); /* counted from the start */
/* The op as a call, in scratch, for functions such as window_of and slice_plan. NULL: an error
 * was reported. */
Call *grad_call(const Grad *g, Arena *scratch);

/* ---- building ---------------------------------------------------------------------------- */

Value *grad_times(Builder *b, Value *x, Value *y);
Value *grad_scaled(Builder *b, Value *x, double by); /* x itself when by is 1 */
/* x where cond is true, else y; NULL for either stands for 0 */
Value *grad_where(Builder *b, Value *cond, Value *x, Value *y);
/* reshaped; x itself where it has the shape */
Value *grad_as(Builder *b, Value *x, Shape s);
/* reshaped to the shape of `like` */
Value *grad_like(Builder *b, Value *x, const Value *like);
/* cast to its type; x itself where it has that */
Value *grad_typed(Builder *b, Value *x, const Value *like);
/* x summed over the axes along which broadcasting from s repeats, in shape s */
Value *grad_sum_to(Builder *b, Value *x, const Shape *s);
/* x, whose dimensions are those of s or 1, or a scalar, broadcast to s */
Value *grad_spread(Builder *b, Value *x, const Shape *s);
Value *grad_zeros(Builder *b, const Value *like);
Value *grad_reduce(Builder *b, int kind, Value *x, const bool *axes, bool keep);
/* the same over one axis, which stays, of size 1 */
Value *grad_reduce_axis(Builder *b, int kind, Value *x, int axis);
Value *grad_slice(Builder *b, Value *x, int axis, int64_t from, int64_t n);
Value *grad_concat(Builder *b, Value **v, int n, int axis);
/* zeros around x, before and after it along each axis */
Value *grad_pad(Builder *b, Value *x, const int64_t *before, const int64_t *after);
/* data, to which v is added at the indices `at` along the axis */
Value *grad_scatter_sum(Builder *b, Value *data, Value *at, Value *v, int axis);
/* A constant of element type t and shape s, whose elements the caller sets. */
Const *grad_table(Builder *b, DType t, Shape s, Tensor *room);
/* The product along an axis of x with the constant matrix m of shape [from, to]. */
Value *grad_along(Builder *b, Value *x, int axis, int64_t from, int64_t to,
                  const double *m);
/* The result of op, a conv or conv_transpose, for a weight that is computed: a product, and a
 * convolution whose weight is constant. NULL: an error was reported. */
Value *grad_by_taps(Builder *b, const Op *op, Value *weight);
/* Gives the gradient of x for ops whose results are elements of x at computed indices; it is a
 * scatter, which runs on the processor. */
bool grad_picked(Grad *g);
/* An op of `kind` with the arguments of g->op, those in `with` in the place of its own. */
Value *grad_same(Grad *g, int kind, int n, const BuildArg *with);

#endif
