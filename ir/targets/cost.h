/* cost.h -- what work costs on an engine and on the processor, in microseconds, computed from the
 * figures of costs.def. They were published by others; nothing was measured on a device. */
#ifndef ANEC_COST_H
#define ANEC_COST_H

#include "../ops/ops.h"
#include "rules.h"

/* By the figures that make it least and most, and by their middle. */
typedef struct {
    double least, middle, most;
} CostUs;

/* What an op has to do, those inside of its blocks included. */
typedef struct {
    double macs;    /* multiply-adds */
    double weights; /* bytes of constants that it reads */
    double values;  /* bytes of what it computes */
} CostWork;

CostUs cost_add(CostUs a, CostUs b);
CostWork cost_work(const Op *op);
/* A run of a program that does nothing. */
CostUs cost_dispatch(const Target *t);
/* Bytes that go from one program to another. */
CostUs cost_copy(const Target *t, double bytes);
/* Nobody published whether a value that the next op reads goes through memory: at least it costs
 * nothing, at most all its bytes, and half of them in the middle. */
CostUs cost_engine(const Target *t, CostWork w);
/* The same of an op of f, which takes longer where it breaks a rule that says by how much (Rule.slower). */
CostUs cost_op(const RuleSet *rs, const Func *f, const Op *op);
/* The processor's figures are an assumption of this project, one for all chips. */
CostUs cost_processor(CostWork w);
/* One run of a function that is the engine's: the dispatch, and each op. */
CostUs cost_run(const RuleSet *rs, const Func *f);

#endif
