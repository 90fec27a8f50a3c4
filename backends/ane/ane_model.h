/* ane_model.h -- shared by the files of this folder alone: tensors in surfaces, and programs
 * that are compiled and loaded. */
#ifndef ANEC_ANE_MODEL_H
#define ANEC_ANE_MODEL_H

#include "../backend.h"
#include "../cache/cache.h"
#include "engine.h"

/* ---- tensors in surfaces (surface.c) ----------------------------------------------------- */

/* Adapts a port to the tensor that goes through it: the number of batches is that of the
 * compiled model, or of the tensor where the model has one or none. False: the tensor does
 * not fit, or the element types differ in more than the width of a float. */
bool port_fit(Port *p, const Type *t);
/* The layout where the model does not tell: rows of the last dimension, padded to 64 bytes. */
void port_guess(Port *p, const char *name, const Type *t, int element);
/* Copy elements into and out of a surface, rounded once or widened where the float types
 * differ. */
void surface_write(void *base, const Port *p, const Tensor *t);
void surface_read(const void *base, const Port *p, Tensor *t);
/* Fills a surface with a pattern that no program computes; and counts the rows that still have
 * nothing but the pattern. */
void surface_poison(void *base, const Port *p);
int64_t surface_untouched(const void *base, const Port *p);

/* ---- loaded programs (ane_model.c) ------------------------------------------------------- */

typedef struct Ane Ane;

/* The weight files of a folder, mapped; they must outlive the model of the framework that is
 * given their bytes. */
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
    const Module *module; /* the program that it is of */
    /* a module with only those functions that fit into one program; NULL: all do */
    Module *part;
    int refs, running;
    Id id;
    char *dir; /* the folder where the framework looks for its files */
    /* where they are kept while it is not loaded, since unloading removes them */
    char *aside;
    Weights *weights; /* while `id` exists; in the arena */
    CacheSlot slot;
    /* settled: it was loaded once, so it can be compiled again in the same form */
    bool loaded, settled;
    bool fresh;    /* it was compiled, and not loaded since */
    bool again;    /* its last load had to compile */
    bool spent;    /* it had to be compiled, and this process may not compile any more */
    uint64_t used; /* when it was used last, by Ane.clock */
    RunsAs as;
};

/* Compiles the module, or finds it compiled: in the cache, or for another function of the
 * module. The boundary of f decides which forms are tried. NULL: an error was reported. */
AneModel *ane_model(Ane *s, const Module *m, const Func *f, Diag *d);
void ane_tell_cache(Ane *s, Diag *d); /* cache_tell of its cache */
/* Whether the last ane_model failed for a reason that is not the engine's. */
bool ane_failed_outside(Ane *s);
void ane_model_free(AneModel *model); /* allocates nothing */
/* Loads the model again if its place was given to another one. Until ane_model_end it keeps its
 * place. */
bool ane_model_begin(AneModel *model, const PhaseHook *phase, Diag *d);
/* Evaluates. While the status is one that is known to pass it waits, longer each time, and
 * tries again. */
bool ane_model_run(AneModel *model, Arena *a, Id request, Trouble *why);
void ane_model_end(AneModel *model);
Engine *ane_engine(const AneModel *model);
/* The module that was compiled: that of the program, or AneModel.part. */
const Module *ane_module(const AneModel *model);

/* Where the inputs and results of f lie. What the model does not tell is guessed, with a warning,
 * l->guessed and the reason in *why. */
bool ane_layout(const AneModel *model, Arena *arena, const Func *f, Layout *l,
                const char **why, Diag *d);

/* Makes a model of the framework from a folder with model.mil and weights/, which are mapped
 * into w. NULL: refused. */
Id ane_folder_model(Engine *e, Arena *a, const char *dir, Weights *w, Trouble *why);
void ane_weights_free(Weights *w);

Ane *ane_new(const BackendOptions *o, Arena *a, const char **why);
void ane_free(Ane *s);
const Target *ane_target(const Ane *s);
const PhaseHook *ane_phase(const Ane *s); /* of compiling */

#endif
