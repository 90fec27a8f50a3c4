/* legal.h -- shared by the passes that make a program legal for the rules of its target.
 *
 * Such a pass asks legal_asks whether its rule is broken at an op and has to be fixed there,
 * and decides nothing of this itself. An op that it cannot rewrite stays as it is; the check
 * then names the rule, and why no pass applies the fix. */
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

/* Whether the rule has to be fixed at op, or, where op is NULL, in the function l->func. */
static inline bool legal_asks(const Legal *l, int rule, const Op *op)
{
    return rule_asks(l->rules, rule, l->func, op);
}

/* Builds, in front of op, what replaces its only result: a new value of the same type, which
 * takes the name over. NULL: op stays. */
typedef Value *Rewrite(const Legal *l, Builder *b, Op *op);

/* Calls fn for every op that the table knows, is no const and has one tensor as its result, in
 * order, but not for ops that fn built. Returns the number of ops that were replaced. */
int legal_rewrite(Module *m, const PassOptions *o, Diag *d, Rewrite *fn);

/* The same for ops of several tensor results: out[i] replaces result i. False: op stays. */
typedef bool RewriteAll(const Legal *l, Builder *b, Op *op, Value **out);
int legal_rewrite_all(Module *m, const PassOptions *o, Diag *d, RewriteAll *fn);

/* Replaces the only result of op by `with`, which gets its name, and removes op. */
void legal_replace(Op *op, Value *with);

/* Compressed weights (legal_weights.c). legal_decoded: the elements of one as a literal; NULL:
 * they are not at hand. make_dense: a const op of them, or w itself where it is not compressed.
 * legal_decompress replaces the op that decodes a weight by such a const. legal_as_affine
 * replaces a blockwise form that has one scale for the tensor or one for each channel by the
 * affine form of ios16, for opset `to`. False: op stays. */
Value *make_dense(Builder *b, Value *w);
Const *legal_decoded(Module *m, const Value *v, Diag *d);
bool legal_decompress(Module *m, Op *op, Diag *d);
bool legal_as_affine(Module *m, Op *op, Opset to, Diag *d);

/* scaled_dot_product_attention as products and a softmax; NULL: dimensions are not known. */
Value *legal_attention(Builder *b, const Op *op);
/* lstm, gru or rnn step by step, computed in type t (legal_recurrent.c). False: it cannot
 * be. */
bool legal_unroll(Builder *b, Op *op, DType t, Value **out);

/* ---- arguments and shapes ---------------------------------------------------------------- */

/* The shape of a tensor; NULL: v is NULL, no tensor, or has unknown dimensions. */
const Shape *shape_of_value(const Value *v);
int64_t dim_of(const Value *v, int from_last); /* -1: there is no such axis */
bool flag_of(const Op *op, ParamId arg);       /* a bool argument; absent: false */
/* An int or float argument, `other` where it is absent. False: it is given and not known. */
bool int_of(const Op *op, ParamId arg, int64_t other, int64_t *out);
bool float_of(const Op *op, ParamId arg, double other, double *out);
/* An axis from 0; -1: it is not known or out of range. */
int axis_of(const Op *op, ParamId arg, int64_t other, int rank);
/* A vector of up to MAX_RANK * 2 ints; absent: *n is 0. False: it is given and not known. */
bool ints_of(const Op *op, ParamId arg, int64_t *v, int *n);
/* Writes the arguments of op to arg, which has room for MAX_PARAM, with *with in place of
 * the one for p; *with must live as long. Where op is NULL, changes the n that are in arg
 * already. Returns the count. */
int args_with(const Op *op, BuildArg *arg, int n, ParamId p, Value **with);
bool over_limit(const RuleSet *rs, int limit, int64_t n);

/* ---- building ops; x must have a known shape where that is needed ------------------------ */

Value *make_select(Builder *b, Value *cond, Value *x, Value *y);
Value *make_cast(Builder *b, Value *x, DType t); /* x itself where it has the type */
/* reshape; x itself where it has the shape */
Value *make_shape(Builder *b, Value *x, const Shape *s);
static inline Value *make_as(Builder *b, Value *x, Shape s)
{
    return make_shape(b, x, &s);
}
/* a transpose that exchanges the last two axes */
Value *make_swap(Builder *b, Value *x);
/* slice_by_index, with a begin, an end and a stride for each axis of x */
Value *make_strided(Builder *b, Value *x, const int64_t *begin, const int64_t *end,
                    const int64_t *stride);
Value *make_clip(Builder *b, Value *x, double low, double high);
/* a reduction over n axes with keep_dims */
Value *make_over(Builder *b, const char *wish, int kind, Value *x, int n,
                 const int64_t *axes);

/* ---- rewrites of operations that an engine refuses (legal_forms.c applies them) ---------- */

/* Bytes above which a rewrite makes no constant, since the text or weight file would have
 * it. */
enum { COMPUTED_MAX = 1 << 24 };

/* The functions in the column FORM of the op table, each in the legal_<topic>.c of its subject:
 * op in terms of other operations; NULL: it cannot be. */
#define NONE
#define INSTEAD(pass, rule, f) Rewrite f;
#define INSTEAD_ALL(pass, rule, f) RewriteAll f;
#define FORM(...) __VA_ARGS__
#include "../ops/ops.def"
#undef NONE
#undef INSTEAD
#undef INSTEAD_ALL

/* A constant 0, 1 .. n - 1 along one axis, of size 1 along the others. */
Value *make_counting(Builder *b, DType t, int rank, int axis, int64_t n);
/* The polynomial with coefficients c[0..n), c[i] being that of x^i. */
Value *make_polynomial(Builder *b, Value *x, int n, const double *c);

#endif
