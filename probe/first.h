/* first.h -- what is taken for granted of the engine's private framework, tried one by one.
 *
 * Each trial opens the framework anew and leaves it as it was; who calls gives it a process of
 * its own, since what is wrong may be an exception or a call that does not come back. */
#ifndef ANEC_PROBE_FIRST_H
#define ANEC_PROBE_FIRST_H

#include "../backends/ane/engine.h"
#include "probe.h"

/* UNCLAIMED: it was seen, and nothing was said of it. */
typedef enum { FIRST_HOLDS, FIRST_DIFFERS, FIRST_UNKNOWN, FIRST_UNCLAIMED } FirstVerdict;
enum { FIRST_VERDICTS = FIRST_UNCLAIMED + 1 };

typedef struct {
    const char *name, *what, *how, *otherwise;
} Assumption;

const Assumption *first_at(int i); /* NULL: past the last */
int first_find(const char *name);  /* -1: there is none of that name */
/* `said` has what was seen, without names of folders. */
FirstVerdict first_try(int i, Diag *d, char *said, size_t room);
/* A rule of which only texts tell that go to the framework as they stand (Rule.raw): the
 * one that keeps it runs, and the other is refused, or runs as well. `dir`: for weights. */
Verdict first_rule(int rule, Diag *d, const char *dir, char *said, size_t room);

/* ---- what the files of trials share: a small program, its model, what was seen ----------- */

typedef struct {
    Arena arena;
    Diag *diag;
    EngineWeight *weight; /* files beside the text */
    int nweight;
    Engine *engine; /* NULL: it does not open, and why says so */
    const char *why;
    const char *text;     /* of the model; NULL: first_program */
    const char *function; /* that runs; NULL: main */
    Id model;
    char *dir; /* of the model's files */
    bool loaded;
    char *said;
    size_t room;
} FirstTrial;

/* r = a - b, of fp16 [2, 2, 2, 40]: rows of 80 bytes, which are padded; two batches, channels,
 * lines. */
extern const char first_program[];
/* The same in a text of this process alone, which nobody has compiled. */
const char *first_own_text(FirstTrial *t);
/* `said`, and the verdict again. */
FirstVerdict first_say(FirstTrial *t, FirstVerdict v, const char *fmt, ...) PRINTF(3, 4);
/* Every weight file that the text names is the same sound one, of n ones, 64 at most; `dir`:
 * for it. */
bool first_weights(FirstTrial *t, const char *text, int n, const char *dir);
/* The model is made, compiled, loaded, and says where its ports lie; false: said. */
bool first_layout(FirstTrial *t, Layout *l);
/* Unloads it, and removes its files. */
void first_end(FirstTrial *t);

/* Trials of other files than first.c, by the names of assumptions.def. */
FirstVerdict try_result(FirstTrial *t), try_functions(FirstTrial *t),
    try_weights(FirstTrial *t), try_turns(FirstTrial *t),
    try_handed_on(FirstTrial *t); /* first_runs.c */
FirstVerdict try_coreml(FirstTrial *t), try_coreml_states(FirstTrial *t),
    try_coreml_functions(FirstTrial *t), try_coreml_plan(FirstTrial *t); /* first_ml.c */

#endif
