/* padded.h -- shared by the files that pad a function to a bucket: what is known of each value,
 * masks of what is kept, and a rule for each op. padded.c follows the ops, padded_mix.c and
 * padded_move.c have the rules. */
#ifndef ANEC_PADDED_H
#define ANEC_PADDED_H

#include "passes.h"

/* What is known of a value; of one that nothing is known of it is as in the program. */
typedef struct {
    unsigned axes;            /* those that were padded, a bit each */
    bool sized;               /* ints that follow from the size: */
    signed char by[MAX_RANK]; /* each is that many sizes and something */
} PadState;

typedef struct {
    Func *func;
    Diag *d;
    int64_t size;
    bool engine; /* it will be one that computes in fp16 */
    Arena arena;
    ValueTable state; /* -> PadState */
    Value *kept;
    Value *mask[MAX_RANK + 1][MAX_RANK]; /* by rank and axis, where it was needed */
    Op *begin;                           /* masks stand before it */
} Padder;

/* What is known of a value; NULL: nothing came to it from what was padded. */
PadState *pad_state(const Padder *p, const Value *v);
/* those that were padded, a bit each */
unsigned pad_axes(const Padder *p, const Value *v);
/* it is ints that follow from the size */
bool pad_sized(const Padder *p, const Value *v);
/* The same to be written to: from now on something is known of the value. */
PadState *pad_note(Padder *p, const Value *v);
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
