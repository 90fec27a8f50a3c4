/* opset.h -- shared by the files that convert a function from one opset to another.
 *
 * The function's opset is set first; then each op is converted in order. When it is an op's
 * turn, its arguments are those of the new opset already, its own parameters and result
 * types still those of the old. */
#ifndef ANEC_OPSET_H
#define ANEC_OPSET_H

#include "legal.h"

typedef struct {
    Module *m;
    Func *func;
    Opset from, to; /* of the op that is being converted */
    Diag *diag;
    Arena scratch;
    int changes;
    bool failed;
    /* inputs and results must have types that Core ML has in the new opset */
    bool arrays;
    bool lost; /* the function has values of types that the new opset cannot compute */
    ValueTable was; /* a Was for each integer value of the function that has a name */
} Level;

/* What is known of an integer value. */
typedef struct {
    /* where the new opset cannot compute its type: that type, while the value now has the
     * next wider one; else DT_NONE */
    DType dtype;
    /* where it is used as indices only: the size of the longest axis; else INT64_MAX */
    int64_t reach;
    /* the same whole numbers as floats, where quantize was replaced; or NULL */
    Value *real;
} Was;

/* Builds what replaces op: out[i] replaces result i, has its type or the wider one that
 * replaces this type, and is the only result of a new op. False: there is no such form,
 * which was not reported. */
typedef bool OpsetForm(Level *l, Builder *b, Op *op, Value **out);
/* The function in the column OPSETS for an op that the new opset lacks; NULL: none. */
OpsetForm *opset_form(const Op *op);

#define NONE opset_none_
#define OPSETS(f) bool f(Level *l, Builder *b, Op *op, Value **out);
#include "../ops/ops.def"
#undef NONE

/* v in another element type: a constant at hand is converted, other values are cast. */
Value *opset_as(Builder *b, Value *v, DType t);
/* Whether an op can result in this element type. */
bool opset_computes(Opset o, DType t);
/* Whether it is the type of a tensor that no op of the new opset can result in. */
bool opset_lost(const Level *l, const Type *t);
/* The type of a tensor with elements of another type. */
const Type *opset_retyped(Level *l, const Type *t, DType to);
/* Casts arguments of a type that the parameter lacks in the new opset, and those that may
 * differ in type in the old one alone (opset_types.c). */
void opset_fit_types(Level *l, Builder *b, Op *op);
/* Sets l->was for all values of l->func (opset_flow.c). */
void opset_flow(Level *l);
/* Converts a compressed weight whose form the opset lacks to another form, or decompresses it.
 * True: op was replaced, or an error reported. */
bool opset_weight(Level *l, Op *op);
/* For a function that goes below ios26 (opset_ios26.c): tables that are scaled after the lookup
 * are scaled before it; inputs and results of int8 become int32, with casts. */
void opset_scale_tables(Level *l);
void opset_arrays(Level *l);
/* Warns of a crop_resize whose numbers change from one opset to another (opset_image.c). */
void opset_say_edge(Level *l, const Op *op);
/* Warn that an input or result has another type now. */
void opset_say_input(const Level *l, const Value *v, DType is);
void opset_say_result(const Level *l, const Value *v, DType was, DType is);

#endif
