/* alike_part.h -- what alike.c and alike_form.c share: a function while it is cut. */
#ifndef ANEC_PASSES_ALIKE_PART_H
#define ANEC_PASSES_ALIKE_PART_H

#include "../ops/ops.h"
#include "alike.h"

typedef struct {
    const Op *op;
    const char *layer;
    bool fixed, gives, host; /* depends on no input; makes a result; the processor's */
    bool drawn;              /* another result each time: it is made once */
    int run, level, group;   /* group -1: none, it is fixed */
    int late;                /* the last level that it may have; -1: any */
    int reader;              /* the part that reads it, -1: none; */
    bool several;            /* and there are others */
} AlikeOp;

typedef struct {
    const char *layer;
    int forward; /* of a backward one, the run that it is of; -1: it is none */
} AlikeRun;

typedef struct {
    int run, level;
    const char *layer;
    bool host;
    int again; /* the part of which it computes again what it needs; -1: none */
} AlikeGroup;

typedef struct {
    const Func *func;
    const AlikeOptions *options;
    Arena arena;
    AlikeOp *op; /* by place */
    int n;
    PtrMap place, input; /* of a statement, plus 1; the inputs */
    AlikeRun *run;
    int nrun;
    AlikeGroup *group;
    int ngroup;
    PtrMap number; /* of values, while a part is written down */
} AlikeWork;

int alike_place(const AlikeWork *w, const Value *v);
typedef bool AlikeUse(void *ctx, const Value *v);
/* Each value that op takes, and that statements in its blocks take; false: fn said so. */
bool alike_uses(const Op *op, AlikeUse *fn, void *ctx);
uint64_t alike_bytes(const AlikeWork *w, const Value *v); /* as it goes from part to part */
/* Parts that are alike become one program; out->part stays empty where nothing is gained. */
void alike_form(AlikeWork *w, Arena *arena, AlikeCut *out, Diag *d);

#endif
