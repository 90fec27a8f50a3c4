/* ane_model.h -- what the files of this folder share: tensors in surfaces, programs that are
 * loaded. */
#ifndef ANEC_ANE_MODEL_H
#define ANEC_ANE_MODEL_H

#include "../backend.h"
#include "cache.h"
#include "engine.h"

/* ---- tensors in surfaces (surface.c) ----------------------------------------------------- */

/* Fits a port to the tensor that goes through it: as many batches as the compiled model says,
 * or as the tensor has where it says one or nothing. False: it cannot hold it, or elements
 * differ in more than a float's width. */
bool port_fit(Port *p, const Type *t);
/* The layout where the model does not say: rows of the last dimension, padded to 64 bytes. */
void port_guess(Port *p, const char *name, const Type *t, int element);
/* Elements in and out, rounded once or widened where the float types differ. */
void surface_write(void *base, const Port *p, const Tensor *t);
void surface_read(const void *base, const Port *p, Tensor *t);
/* A pattern that no program computes; then how many rows still have nothing else in them. */
void surface_poison(void *base, const Port *p);
int64_t surface_untouched(const void *base, const Port *p);

/* ---- loaded programs (ane_model.c) ------------------------------------------------------- */

typedef struct Ane Ane;

/* Weight files of a folder, mapped: what the framework's model is given, so that they outlive
 * it. */
typedef struct {
    Arena *arena;
    const char *dir;
    EngineWeight weight[256];
    Mapped map[256];
    int n;
    Diag diag;
} Weights;

typedef struct AneModel AneModel;
struct AneModel {
    AneModel *next;
    Ane *ane;
    Arena arena;
    const Module *module; /* whose program it is */
    /* its own, of those functions that fit into one; NULL: all do */
    Module *part;
    int refs, running;
    Id id;
    char *dir;        /* where the framework looks for its files */
    char *aside;      /* where they are while it is not loaded: unloading removes them there */
    Weights *weights; /* while it is there; in the arena */
    CacheSlot slot;
    /* settled: it was loaded once, so that it can be compiled again as it is */
    bool loaded, settled;
    bool fresh;    /* it was compiled and not loaded since */
    bool again;    /* its last load had to compile */
    bool spent;    /* it was to be compiled, and this process may not any more */
    uint64_t used; /* when, by Ane.clock */
    RunsAs as;
};

/* Compiles the module, or finds it compiled: from the cache, or shared with another function of
 * it. f is the function whose boundary decides about forms. NULL after an error. */
AneModel *ane_model(Ane *s, const Module *m, const Func *f, Diag *d);
void ane_tell_cache(Ane *s, Diag *d); /* cache_tell of its cache */
/* the last ane_model did, for a reason that is not the engine's */
bool ane_failed_outside(Ane *s);
void ane_model_free(AneModel *model); /* needs no memory */
/* Loads it again if its place was given to another; between the two calls it keeps its
 * place. */
bool ane_model_begin(AneModel *model, const PhaseHook *phase, Diag *d);
/* Evaluates; again, longer each time, while the status is one that passes. */
bool ane_model_run(AneModel *model, Arena *a, Id request, Trouble *why);
void ane_model_end(AneModel *model);
Engine *ane_engine(const AneModel *model);
/* The module that was compiled: all functions of the program given, or those of its part. */
const Module *ane_module(const AneModel *model);

/* The sum of a program whose weights all lie in files, by their remembered sums: nothing is
 * written and little read. False: some are made, or not there: the program has to be written
 * out to be known. */
bool ane_key(const Cache *c, const Module *m, char hex[65]);

/* A model of the framework from a folder with model.mil and weights/.., which go to w; NULL:
 * refused. */
Id ane_folder_model(Engine *e, Arena *a, const char *dir, Weights *w, Trouble *why);
void ane_weights_free(Weights *w);

Ane *ane_new(const BackendOptions *o, Arena *a, const char **why);
void ane_free(Ane *s);
const Target *ane_target(const Ane *s);
const PhaseHook *ane_phase(const Ane *s); /* of compiling */

#endif
