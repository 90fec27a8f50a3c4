/* alike.h -- cuts a step of training into parts, such that layers which are alike share one
 * program. */
#ifndef ANEC_PASSES_ALIKE_H
#define ANEC_PASSES_ALIKE_H

#include "../ops/ops.h"

typedef struct {
    const char *port; /* name of an input or result of the program */
    /* name of the input or value of the whole function that it stands for */
    const char *value;
} AlikePort;

typedef struct {
    int program;
    const char *layer; /* "blocks.3"; NULL: of no layer of a list */
    bool host;  /* for the processor: it takes integers, or is too small for an engine */
    bool again; /* it recomputes what the layer's forward part had computed */
    AlikePort *in, *out;
    int nin, nout;
} AlikePart;

typedef struct {
    /* separates ops that an engine has no form for: on ids, gather, scatter */
    bool engine;
    /* bytes that may be kept from part to part; beyond that backward parts recompute what
     * forward parts had (checkpointing); 0: no bound */
    uint64_t memory;
    bool cheap; /* backward parts recompute what is elementwise, a move or a softmax */
} AlikeOptions;

/* The parts in the order in which they run. A part takes inputs of the function and results of
 * parts before it. */
typedef struct {
    Module **program; /* to be freed by the caller, before the function's module */
    int nprogram;
    AlikePart *part;
    int npart;
    uint64_t kept; /* bytes that go from part to part, all together */
} AlikeCut;

/* Cuts f by the layers that its module notes (Module.layer_of). out->npart is 0 where it
 * stays one program. Texts and arrays are in the arena. */
void func_cut_alike(const Func *f, const AlikeOptions *o, Arena *arena, AlikeCut *out,
                    Diag *d);

/* ---- shared by alike.c and alike_form.c alone: a function while it is cut ---------------- */

typedef struct {
    const Op *op;
    const char *layer;
    bool fixed, gives, host; /* depends on no input; makes a result; for the processor */
    bool drawn; /* has another result each time, so it must not be recomputed */
    int run, level, group; /* group -1: none, since it is fixed */
    int late;              /* the last level that it may be put into; -1: any */
    int reader;            /* a part that reads it; -1: none */
    bool several;          /* more than one part reads it */
} AlikeOp;

typedef struct {
    const char *layer;
    int forward; /* of a backward run: its forward run; else -1 */
} AlikeRun;

typedef struct {
    int run, level;
    const char *layer;
    bool host;
    int again; /* the part whose values it recomputes; -1: none */
    int of;    /* of a backward part: that of its layer which is forward; else -1 */
} AlikeGroup;

typedef struct {
    const Func *func;
    const AlikeOptions *options;
    Arena arena;
    AlikeOp *op; /* in the function's order */
    int n;
    PtrMap place, input; /* by op: 1 + its index; the set of inputs */
    AlikeRun *run;
    int nrun;
    AlikeGroup *group;
    int ngroup;
    PtrMap number; /* by value, while a part is compared with others */
} AlikeWork;

int alike_place(const AlikeWork *w, const Value *v);
typedef bool AlikeUse(void *ctx, const Value *v);
/* Calls fn for each value that op and the ops in its blocks use; false: fn returned false. */
bool alike_uses(const Op *op, AlikeUse *fn, void *ctx);
/* when it goes from part to part */
uint64_t alike_bytes(const AlikeWork *w, const Value *v);
/* Makes one program of parts that are alike; out->part stays empty where none are. */
void alike_form(AlikeWork *w, Arena *arena, AlikeCut *out, Diag *d);

#endif
