/* legal.h -- what the passes share that make a program legal for the rules of its target.
 *
 * Each asks the rule, whose match says where it is broken (legal_asks), and does nothing where
 * the target does not need it. What cannot be rewritten stays as it is: the check names its
 * rule, and why no pass applies the fix. */
#ifndef ANEC_LEGAL_H
#define ANEC_LEGAL_H

#include "passes.h"

typedef struct {
    Module *m;
    const PassOptions *options;
    const RuleSet *rules;
    Diag *diag;
    Func *func;
    int changes;
} Legal;

/* Whether that rule is to be fixed at op, or, without one, in the function at work. */
static inline bool legal_asks(const Legal *l, int rule, const Op *op)
{
    return rule_asks(l->rules, rule, l->func, op);
}

/* What an op with one result becomes, built in front of it and of its type; NULL: it
 * stays. The value must be new: it takes the name over. */
typedef Value *Rewrite(const Legal *l, Builder *b, Op *op);

/* Offers every op of one tensor result whose row is known to fn, in order; what fn
 * builds is not offered. The number of rewritten ones. */
int legal_rewrite(Module *m, const PassOptions *o, Diag *d, Rewrite *fn);

/* The same for ops of several tensor results: out[i] is what becomes result i; false: it
 * stays. */
typedef bool RewriteAll(const Legal *l, Builder *b, Op *op, Value **out);
int legal_rewrite_all(Module *m, const PassOptions *o, Diag *d, RewriteAll *fn);

/* The only result of op becomes `with`, under its own name, and op goes. */
void legal_replace(Op *op, Value *with);

/* Compressed weights (legal_weights.c). decoded: what one holds, as a literal; NULL: it is not
 * at hand. make_dense: a new op of that, else w itself; NULL is NULL. decompress: it
 * stands instead of the op that decodes it. as_affine: a blockwise form as the affine
 * one of ios16, when it has one scale a tensor or channel, written for opset `to`. False: the
 * op stays. */
Value *make_dense(Builder *b, Value *w);
Const *legal_decoded(Module *m, const Value *v, Diag *d);
bool legal_decompress(Module *m, Op *op, Diag *d);
bool legal_as_affine(Module *m, Op *op, Opset to, Diag *d);

/* scaled_dot_product_attention in the steps that it stands for; NULL: its dimensions are not
 * known. */
Value *legal_attention(Builder *b, const Op *op);
/* lstm, gru or rnn written out, computed in t (legal_recurrent.c); false: it cannot be. */
bool legal_unroll(Builder *b, Op *op, DType t, Value **out);

/* ---- asking ------------------------------------------------------------------------------ */

/* NULL: absent, no tensor, or dimensions unknown */
const Shape *shape_of_value(const Value *v);
int64_t dim_of(const Value *v, int from_last); /* -1: there is no such axis */
bool flag_of(const Op *op, ParamId arg);       /* a bool argument; absent: false */
/* An int argument, or `other` when it is absent; false when it is there and not known. */
bool int_of(const Op *op, ParamId arg, int64_t other, int64_t *out);
/* A float argument, or `other`; false when it is there and not known. */
bool float_of(const Op *op, ParamId arg, double other, double *out);
/* An axis counted from the start; -1 when it is not known or out of range. */
int axis_of(const Op *op, ParamId arg, int64_t other, int rank);
/* An int vector of at most MAX_RANK * 2; absent: n = 0. False when it is there and not
 * known. */
bool ints_of(const Op *op, ParamId arg, int64_t *v, int *n);
/* The n arguments of op, in arg (MAX_PARAM), where the parameter of that name is *with, which
 * must live on; op NULL: of those that are in arg already. The count. */
int args_with(const Op *op, BuildArg *arg, int n, ParamId p, Value **with);
bool over_limit(const RuleSet *rs, int limit, int64_t n);

/* ---- building: x is of a known shape where shapes matter --------------------------------- */

Value *make1(Builder *b, int kind, Value *x);
Value *make2(Builder *b, int kind, Value *x, Value *y);
/* a scalar of like's element type */
Value *make_number(Builder *b, const Value *like, double v);
/* op(x, y), y of x's element type */
Value *make_with(Builder *b, int kind, Value *x, double y);
Value *make_select(Builder *b, Value *cond, Value *x, Value *y);
Value *make_cast(Builder *b, Value *x, DType t); /* x itself when it is a t */
/* reshape; x itself when it is so */
Value *make_shape(Builder *b, Value *x, const Shape *s);
static inline Value *make_as(Builder *b, Value *x, Shape s) { return make_shape(b, x, &s); }
Value *make_transpose(Builder *b, Value *x, int n, const int64_t *perm);
/* its last two axes exchanged */
Value *make_swap(Builder *b, Value *x);
Value *make_slice(Builder *b, Value *x, int axis, int64_t from, int64_t n);
/* slice_by_index, with a begin, an end and a stride for each axis of x */
Value *make_strided(Builder *b, Value *x, const int64_t *begin, const int64_t *end,
                    const int64_t *stride);
/* x among the value: pad is before and after, axis by axis */
Value *make_pad(Builder *b, Value *x, const int64_t *pad, double value);
Value *make_clip(Builder *b, Value *x, double low, double high);
/* a reduction over n axes, which it keeps */
Value *make_over(Builder *b, const char *wish, int kind, Value *x, int n, const int64_t *axes);
Value *make_concat(Builder *b, Value **v, int n, int axis);
Value *make_matmul(Builder *b, Value *x, Value *y, bool transpose_x, bool transpose_y);

/* ---- rewrites of operations that an engine refuses (legal_forms.c has the table) --------- */

/* Each gives what op results in, in other operations, or NULL where it cannot. */

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
