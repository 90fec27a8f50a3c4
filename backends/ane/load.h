/* load.h -- what ane_model.c and load.c share: an opened engine, and bringing its programs into
 * their places. */
#ifndef ANEC_ANE_LOAD_H
#define ANEC_ANE_LOAD_H

#include "../../base/lock.h"
#include "helper.h"
#include "ane_model.h"

#include <pthread.h>

enum {
    FIRST_WAIT_MS = 100 /* doubled with each try */
};

struct Ane {
    Arena arena;
    Engine *engine;
    Cache cache;
    pthread_mutex_t lock;
    AneModel *first;
    bool as_given; /* the program's own form alone is offered */
    PhaseHook phase;
    const char *const *helper; /* NULL: none */
    const char *no_helper;     /* why the one that was named is not used; NULL: it is */
    uint64_t clock;
    int loaded, compiles, failures; /* failures: compilations in a row */
    bool outside; /* the last program failed for a reason that is not the engine's */
    bool told;    /* that its chip is not known */
};

typedef enum { BY_US, BY_HELPER, BY_NOBODY } Compiler; /* whose turn it is to compile */

void ane_wait_ms(int64_t ms);

/* Compiles what lies in a model's folder, here or by the helper. False: it is refused, or
 * nobody may compile any more, which m->spent says. */
bool ane_compile_model(AneModel *m, Arena *a, Trouble *why);
/* Brings a model into its place. m->again says that the system had not kept what it compiled,
 * and a compilation was spent on it; where none is left m->spent is set. */
bool ane_load(AneModel *m, const PhaseHook *phase, Arena *a, Trouble *why);
void ane_unload(AneModel *m); /* needs no memory */
/* The folder `from` becomes `to`, on another volume too. */
bool ane_move(Arena *a, const char *from, const char *to);

#endif
