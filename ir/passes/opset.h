/* opset.h -- what the files share that take ops from one opset to another.
 *
 * A function's opset is set first; then each op is taken over in order. Its arguments
 * are those of the new opset by then, its own parameters and result types are still those of
 * the old. */
#ifndef ANEC_OPSET_H
#define ANEC_OPSET_H

#include "legal.h"

typedef struct {
    Module *m;
    Func *func;
    Opset from, to; /* of the op at hand */
    Diag *diag;
    Arena scratch;
    int changes;
    bool failed;
    bool arrays; /* inputs and results are to be of types that Core ML has in the new opset */
    bool lost;   /* the function has values of types that the new opset cannot compute */
    ValueTable was; /* a Was of each integer value of the function that has a name */
} Level;

/* What is known of an integer value. */
typedef struct {
    DType dtype; /* its type in the old opset where the new one cannot compute it: it has the
                    next wider one now; else DT_NONE */
    /* used as indices alone: the entries of the longest axis; otherwise INT64_MAX */
    int64_t reach;
    /* the same whole numbers as floats, where quantize was written out; or NULL */
    Value *real;
} Was;

/* The op in other words, built by b: out[i] is what result i becomes, of its type or of
 * the one that this type is widened to; each is the only result of a new op. False:
 * there are no such words, which was not reported. */
typedef bool OpsetForm(Level *l, Builder *b, Op *op, Value **out);
/* The column OPSETS of this op, which the new opset does not have as it is; or
 * NULL. */
OpsetForm *opset_form(const Op *op);

#define NONE opset_none_
#define OPSETS(f) bool f(Level *l, Builder *b, Op *op, Value **out);
#include "../ops/ops.def"
#undef NONE

/* v in another element type, in front of the builder: a constant is converted when its bytes
 * are at hand, what is computed is cast. */
Value *opset_as(Builder *b, Value *v, DType t);
/* Whether an op can result in this element type. */
bool opset_computes(Opset o, DType t);
/* Sets l->was for all values of l->func (opset_flow.c). */
void opset_flow(Level *l);
/* A compressed weight whose form the opset does not have: in the other form, or decompressed.
 * True: the op is gone, or was reported. */
bool opset_weight(Level *l, Op *op);
/* What ios26 brought, for l->func when it leaves it (opset_ios26.c): tables that are scaled
 * after they were looked up are scaled before; inputs and results of int8 become int32, by
 * casts at the edge. */
void opset_scale_tables(Level *l);
void opset_arrays(Level *l);
/* Warn that an input or result has another type now. */
void opset_say_input(const Level *l, const Value *v, DType is);
void opset_say_result(const Level *l, const Value *v, DType was, DType is);

#endif
