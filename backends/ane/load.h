/* load.h -- what ane_model.c and load.c share: an opened engine, bringing its programs into
 * their places, and compiling in another process. */
#ifndef ANEC_ANE_LOAD_H
#define ANEC_ANE_LOAD_H

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

/* ---- compiling in another process (helper.c) --------------------------------------------- */

/* When this one has compiled as often as the system allows.
 *
 * A helper is a command whose last argument is a folder with model.mil and weights. It has the
 * engine's compiler leave its files in the folder where the framework looks for that program,
 * which is the same for every process, and says so on its standard output: a line "compiled",
 * or "refused: WHY". What another process compiled is loaded here as what the cache holds is,
 * without compiling. The system keeps that apart by the code identity of the process, so a
 * helper is told that of who asks (ANEC_HELPER_FOR in its environment), and one that is signed
 * as somebody else compiles nothing and answers "another identity: NAME". ane_compile_folder is
 * the other side, for who is the helper (anerun --compile-only). */

#define HELPER_FOR "ANEC_HELPER_FOR"

/* argv: ends with NULL. identity: this process's, NULL: not known. False: refused, or the
 * helper did not work (`why`), or is another identity's: *other is its name, which else stays
 * as it is. */
bool helper_compile(const char *const *argv, const char *dir, const char *identity, Arena *a,
                    const char **other, Trouble *why);

#endif
