/* padded.h -- shared by the files that pad a function to a bucket: what is known of each value,
 * masks of what is kept, and a rule for each op. padded.c follows the ops, padded_dims.c says
 * which dimensions are one, padded_mix.c and padded_move.c have the rules. */
#ifndef ANEC_PADDED_H
#define ANEC_PADDED_H

#include "passes.h"

/* What came to a value from one dimension. */
typedef struct {
    unsigned axes;            /* those that were padded, a bit each */
    signed char by[MAX_RANK]; /* of ints: each is that many sizes and something */
} PadOf;

/* What is known of a value. One without it is as it was in the program. */
typedef struct {
    bool sized; /* it is ints that follow from sizes */
    PadOf of[]; /* by dimension */
} PadState;

typedef struct {
    Value *kept;
    Value *mask[MAX_RANK + 1][MAX_RANK]; /* by rank and axis, where it was needed */
} PadMasks;

/* An op is looked at once for each dimension that reaches it, as if that were the only one: axes
 * of another dimension count as axes of a fixed size then. */
typedef struct {
    Func *func;
    Diag *d;
    const PadDims *dims;
    const int64_t *size; /* by dimension */
    int now;             /* the dimension */
    int meets;           /* another that an op takes for it; -1: none */
    bool engine;         /* it will be one that computes in fp16 */
    Arena arena;
    ValueTable state; /* -> PadState */
    PadMasks *masks;  /* by dimension */
    Op *begin;        /* masks stand before it */
} Padder;

/* padded.c: follows all ops. False: one cannot be followed, which was reported. */
bool pad_all(Padder *p);
void pad_end(Padder *p);

/* The size that the dimension has here. */
int64_t pad_size(const Padder *p);
/* Whether anything came to a value from what was padded, along any dimension. */
bool pad_known(const Padder *p, const Value *v);
/* Axes that were padded, a bit each. */
unsigned pad_axes(const Padder *p, const Value *v);
/* Whether that axis was. */
bool pad_along(const Padder *p, const Value *v, int axis);
/* How many sizes int k of a value has in it. */
int pad_by(const Padder *p, const Value *v, int k);
/* It is ints that follow from a size of any dimension. */
bool pad_sized(const Padder *p, const Value *v);
/* What is known of a value, to be written to. */
PadState *pad_note(Padder *p, const Value *v);
/* All that is known of one value is of another one too. */
bool pad_copy(Padder *p, const Value *to, const Value *from);
/* If another dimension padded that axis of v, notes that an op takes the two for one. */
void pad_meet(Padder *p, const Value *v, int axis);
/* Notes which axes of a result were padded; always true, as a rule that went well returns. */
bool pad_mark(Padder *p, const Value *v, unsigned axes);
/* Reports why an op cannot be followed; always false. */
bool pad_refuse(const Padder *p, const Op *op, const char *why);
int pad_rank(const Value *v);
/* A builder of ops that stand before this one, in its opset. */
Builder pad_before(const Padder *p, Op *op);
/* Puts `fill` in the place of what was padded along an axis of an argument. False: it cannot
 * be, which was reported. */
bool pad_fill(Padder *p, Op *op, ParamId param, int axis, double fill);

/* A constant in the place of what `shape` gives. */
Value *pad_told(Padder *p, Op *op);
/* Whether nothing but x came from what was padded, and x is no size; otherwise it was
 * reported. */
bool pad_only_x(const Padder *p, const Op *op);
/* The axis that a parameter names, counted from the first; false: it is not known. */
bool pad_axis_of(const Op *op, ParamId param, int rank, int64_t *out);
/* The axes that a parameter lists, a bit each; all where it is absent. */
bool pad_axes_of(const Op *op, ParamId param, int rank, unsigned *out);
/* The axes that stay when others are gone, in their new places. */
unsigned pad_without(unsigned axes, unsigned gone, int rank);

/* A rule notes what becomes of an op's results, and changes the op where that is needed so
 * that what is kept stays right. False: it cannot be, which was reported. */
typedef bool PadRule(Padder *p, Op *op);

/* padded_mix.c */
PadRule pad_elementwise, pad_matmul, pad_linear, pad_conv, pad_softmax, pad_reduce,
    pad_norm, pad_cumsum;

/* padded_move.c */
PadRule pad_sum, pad_transpose, pad_reshape, pad_expand, pad_squeeze, pad_concat,
    pad_split, pad_slice, pad_slice_index, pad_gather, pad_shape, pad_range, pad_filled,
    pad_identity;

#endif
