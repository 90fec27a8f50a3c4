/* load.h -- shared by ane_model.c, ane_attempt.c, load.c and helper.c alone: an opened engine,
 * offering it a program, loading programs, and compiling in another process. */
#ifndef ANEC_ANE_LOAD_H
#define ANEC_ANE_LOAD_H

#include "../forms.h"
#include "ane_model.h"

#include <pthread.h>

enum {
    FIRST_WAIT_MS = 100 /* before the second try; doubled with each further one */
};

struct Ane {
    Arena arena;
    Engine *engine;
    Cache cache;
    pthread_mutex_t lock;
    AneModel *first;
    bool as_given; /* offers a program in its own form only */
    PhaseHook phase;
    const char *const *helper; /* NULL: none */
    const char *no_helper;     /* why the helper that was named is not used, or NULL */
    uint64_t clock;
    int loaded, compiles,
        failures; /* failures: how many compilations in a row have failed */
    bool outside; /* the last program failed for a reason that is not the engine's */
    bool told;    /* the warning that the chip is not known was given */
};

typedef enum {
    BY_US,
    BY_HELPER,
    BY_NOBODY
} Compiler; /* who can compile the next program */

void ane_wait_ms(int64_t ms);

/* Compiles the program in a model's folder, here or by the helper. False: it is refused, or
 * nobody can compile any more (m->spent). */
bool ane_compile_model(AneModel *m, Arena *a, Trouble *why);
/* Loads a model. m->again: the system had not kept what it compiled, so loading compiled
 * once more; where no compilation is left, it fails and m->spent is set. */
bool ane_load(AneModel *m, const PhaseHook *phase, Arena *a, Trouble *why);
void ane_unload(AneModel *m); /* allocates nothing */
/* Moves a folder, also to another volume. */
bool ane_move(Arena *a, const char *from, const char *to);

/* ---- offering a program (ane_attempt.c) -------------------------------------------------- */

typedef struct {
    Ane *ane;
    AneModel *model;
    Arena *arena;         /* of the attempt */
    const char *work;     /* a folder of its own: temp_folder */
    const Module *module; /* the program as it was given */
    const char *key;      /* of program, chip and system */
    Form form[MAX_FORMS];
    int nform;
    Buf refused;  /* "fp32 refused: Apple's words; .." */
    bool world;   /* what failed is not the program's fault: no other form would help */
    bool outside; /* nor the engine's: a file, a folder */
    Diag *diag;
} Attempt;

/* Makes the work folder, and the key of the program m. */
bool attempt_stage(Attempt *t, const Module *m);
/* Offers t->form one after the other, first the one that was taken before. */
bool attempt_forms(Attempt *t);
void ane_model_close(AneModel *m); /* gives its folder back; needs no memory */

/* ---- compiling in another process (helper.c) --------------------------------------------- */

/* For a process that has compiled as often as the system allows.
 *
 * A helper is a command that is given a folder with model.mil and weights as its last
 * argument. It has the engine's compiler leave its files in the folder where the framework
 * looks for that program, which is the same for every process, and answers on its standard
 * output with a line "compiled" or "refused: WHY". This process then loads the program
 * without compiling, as it loads one from the cache. The system keeps compiled programs
 * apart by the code identity of processes, so the helper is told that of its caller
 * (ANEC_HELPER_FOR in its environment); a helper that is signed with another one compiles
 * nothing and answers "another identity: NAME". ane_compile_folder is the helper's side
 * (anerun --compile-only). */

#define HELPER_FOR "ANEC_HELPER_FOR"

/* argv ends with NULL. identity: that of this process, NULL: not known. False: the program was
 * refused, or the helper did not work, as *why tells; or the helper has another identity, whose
 * name is then stored in *other. */
bool helper_compile(const char *const *argv, const char *dir, const char *identity,
                    Arena *a, const char **other, Trouble *why);

#endif
