/* alike.h -- a step of training as several programs, one for all layers that are alike. */
#ifndef ANEC_PASSES_ALIKE_H
#define ANEC_PASSES_ALIKE_H

#include "../ops/ops.h"

typedef struct {
    const char *port;  /* an input or a result of the program */
    const char *value; /* the input, or the value, of the whole function that it is there */
} AlikePort;

typedef struct {
    int program;
    const char *layer; /* "blocks.3"; NULL: of no layer of a list */
    bool host;         /* whole numbers go into it, or it is too little: the processor's */
    bool again;        /* it computes again what the layer's forward part had */
    AlikePort *in, *out;
    int nin, nout;
} AlikePart;

typedef struct {
    bool engine; /* parts that an engine has no form for are cut off: ids, gather, scatter */
    /* bytes that may be kept between parts, beyond which forward parts are computed again in
     * the backward ones; 0: as many as there are */
    uint64_t memory;
} AlikeOptions;

/* In the order in which they run: what a part takes are inputs of the function and results of
 * parts before it. */
typedef struct {
    Module **program; /* each the caller's to free, and before the function's module */
    int nprogram;
    AlikePart *part;
    int npart;
    uint64_t kept; /* bytes that go over from part to part, all together */
} AlikeCut;

/* Cuts f, of which the module notes the layers (Module.layer_of). npart 0: it is one program.
 * All that is told of is in arena. */
void func_cut_alike(const Func *f, const AlikeOptions *o, Arena *arena, AlikeCut *out, Diag *d);

/* ---- what alike.c and alike_form.c share: a function while it is cut; not for outside ---- */

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
    PtrMap place, input; /* of an op, plus 1; the inputs */
    AlikeRun *run;
    int nrun;
    AlikeGroup *group;
    int ngroup;
    PtrMap number; /* of values, while a part is written down */
} AlikeWork;

int alike_place(const AlikeWork *w, const Value *v);
typedef bool AlikeUse(void *ctx, const Value *v);
/* Each value that op takes, and that ops in its blocks take; false: fn said so. */
bool alike_uses(const Op *op, AlikeUse *fn, void *ctx);
uint64_t alike_bytes(const AlikeWork *w, const Value *v); /* as it goes from part to part */
/* Parts that are alike become one program; out->part stays empty where nothing is gained. */
void alike_form(AlikeWork *w, Arena *arena, AlikeCut *out, Diag *d);

#endif
