/* coreml.h -- shared by the files of the backend `coreml`: the backend, its folders and its
 * programs. coreml.c loads and runs programs; what goes in and out is coreml_values.c. */
#ifndef ANEC_COREML_H
#define ANEC_COREML_H

#include "../cache/cache.h"
#include "ml.h"

#include <pthread.h>

typedef struct CoreMl CoreMl;

/* A module as a compiled model on disk. The programs of its functions share it, and it stays
 * until the last is gone: a model may read its weights at any time. An entry of the cache is
 * loaded where it is, so that a model has the same path in every process: what Core ML keeps of
 * it is tied to that. */
typedef struct Folder Folder;
struct Folder {
    Folder *next;
    Arena arena;
    const Module *module;
    int refs;
    char *top; /* a temporary folder of its own */
    CacheSlot slot;
    const char *path;  /* the .mlmodelc that is loaded */
    const char *cache; /* as in RunsAs */
    char *compiled;    /* by Core ML, from a package: when it does not take ours */
    const char *why;   /* it did not */
};

struct CoreMl {
    Arena arena;
    Ml *ml;
    Cache cache;
    PhaseHook phase;
    pthread_mutex_t lock; /* of the folders, the cache, and of loading */
    Folder *first;
};

typedef struct {
    Program base; /* first */
    Arena arena;
    CoreMl *c;
    Folder *folder;
    Id model, state,
        options; /* state: NULL without one, or after a reset; options: NULL: to be made */
    Binding *result, *kept; /* kept: the states as the caller sees them */
    Id *backing;            /* by result: its memory as an array; NULL: none */
    int nkept;
    bool seen; /* the caller has the states' tensors: they are copied around each run */
    GuardTask lost; /* gives it up when memory runs out in the call that makes it */
} MlProgram;

/* ---- folders (coreml_folder.c); the caller holds the lock of the backend ------------------ */

/* The folder of a module, made on the first call; NULL: it cannot be written, which was
 * reported. Each call is followed by one of coreml_folder_leave. */
Folder *coreml_folder(CoreMl *c, const Module *m, Diag *d);
void coreml_folder_leave(CoreMl *c, Folder *f); /* needs no memory */
/* Loads what the program's folder has: what was written, or what Core ML compiles from a
 * package where it does not take that. False: neither, which was reported. */
bool coreml_load(MlProgram *p, Diag *d);

/* ---- tensors as arrays (coreml_values.c); false, NULL: it was reported -------------------- */

/* The inputs of a run, which the caller drops. */
Id coreml_inputs(MlProgram *p, Arena *a, const Binding *in, int nin, Diag *d);
/* Sees to it that results of known shape have their memory, and Core ML knows it. */
bool coreml_backings(MlProgram *p, Arena *a, Diag *d);
/* Copies what Core ML gave elsewhere than in that memory. */
bool coreml_read_results(MlProgram *p, Id results, Arena *a, Diag *d);

/* ---- states, which Core ML keeps from run to run (coreml_values.c) ------------------------ */

/* Sees to it that the program has a state, which is zero when it is made; false: Core ML makes
 * none, which was reported. */
bool coreml_state(MlProgram *p, Diag *d);
/* Makes the tensors by which the caller sees the states, and reads them once. False: they are
 * not what the program says, which was reported. */
bool coreml_states(MlProgram *p, Diag *d);
/* Copy the states to these tensors, or from them; false: Core ML does not give one. */
bool coreml_read_states(MlProgram *p);
bool coreml_write_states(MlProgram *p);

#endif
