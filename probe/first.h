/* first.h -- the first run on a Mac: tries, one by one, what this project assumes of the
 * engine's private framework (assumptions.def).
 *
 * Each trial opens the framework anew and leaves it as it was. The caller gives each a
 * process of its own, since a wrong assumption may be an exception or a call that does not
 * return. */
#ifndef ANEC_PROBE_FIRST_H
#define ANEC_PROBE_FIRST_H

#include "../backends/ane/engine.h"
#include "probe.h"

/* UNCLAIMED: something was observed about which nothing is assumed. */
typedef enum { FIRST_HOLDS, FIRST_DIFFERS, FIRST_UNKNOWN, FIRST_UNCLAIMED } FirstVerdict;
enum { FIRST_VERDICTS = FIRST_UNCLAIMED + 1 };

typedef struct {
    const char *name, *what, *how, *otherwise;
} Assumption;

const Assumption *first_at(int i); /* NULL: there are no more */
int first_find(const char *name);  /* the number by name; -1: there is none */
/* Tries assumption i. `said` receives what was observed, without names of folders. */
FirstVerdict first_try(int i, Diag *d, char *said, size_t room);
/* Measures a rule whose programs must reach the framework with their text unchanged
 * (Rule.raw): the one that keeps the rule must run, and the other is refused or runs too.
 * `dir` is for weights. */
Verdict first_rule(int rule, Diag *d, const char *dir, char *said, size_t room);

/* ---- a trial; shared by first*.c alone --------------------------------------------------- */

typedef struct {
    Arena arena;
    Diag *diag;
    EngineWeight *weight; /* weight files of the text */
    int nweight;
    Engine *engine; /* NULL: it cannot be opened, and `why` tells the reason */
    const char *why;
    const char *text;     /* the model's; NULL: first_program */
    const char *function; /* the one to run; NULL: main */
    Id model;
    char *dir; /* the folder of the model's files */
    bool loaded;
    char *said;
    size_t room;
} FirstTrial;

/* r = a - b, of fp16 [2, 2, 2, 40]: rows have 80 bytes and are padded; there are two
 * batches, two channels and two lines. */
extern const char first_program[];
/* The same program as a text that no other process has, so that nobody has compiled it. */
const char *first_own_text(FirstTrial *t);
/* Writes the observation to t->said and returns v. */
FirstVerdict first_say(FirstTrial *t, FirstVerdict v, const char *fmt, ...) PRINTF(3, 4);
/* Gives every weight file that the text names the same valid content, n ones, 64 at most;
 * the file is in `dir`. */
bool first_weights(FirstTrial *t, const char *text, int n, const char *dir);
/* Makes a model of a text with its weights. False: t->said tells why; t->model is NULL where the
 * text itself is refused. */
bool first_make(FirstTrial *t, const char *text);
/* Makes, compiles and loads the model, and reads its layout. False: t->said tells what
 * failed. */
bool first_layout(FirstTrial *t, Layout *l);
/* Unloads the model and removes its files. */
void first_end(FirstTrial *t);

/* The trials that are in other files than first.c, named as in assumptions.def. */
FirstVerdict try_result(FirstTrial *t), try_functions(FirstTrial *t),
    try_weights(FirstTrial *t), try_turns(FirstTrial *t),
    try_handed_on(FirstTrial *t); /* first_runs.c */
FirstVerdict try_coreml(FirstTrial *t), try_coreml_states(FirstTrial *t),
    try_coreml_functions(FirstTrial *t), try_coreml_plan(FirstTrial *t); /* first_ml.c */

#endif
