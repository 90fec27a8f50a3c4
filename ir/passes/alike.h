/* alike.h -- a step of training as several programs, one for all layers that are alike. */
#ifndef ANEC_PASSES_ALIKE_H
#define ANEC_PASSES_ALIKE_H

#include "../ir.h"

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

#endif
