/* session.h -- shared by the files of this folder alone: registry.c has the list of
 * backends, auto.c chooses one, session.c compiles and runs, wires.c connects runs. Others
 * include backend.h. */
#ifndef ANEC_SESSION_H
#define ANEC_SESSION_H

#include "../ir/targets/rules.h"
#include "backend.h"

/* ---- sessions (registry.c, session.c) ---------------------------------------------------- */

/* The rules of b's engine. False: it has none, or they cannot be read. */
bool backend_rules(const Backend *b, RuleSet *out, Diag *d);
/* Compiles a function without states, as several programs where b needs that. */
Program *program_under(const Backend *b, const Module *m, const Func *f, Diag *d);

/* The same, and keeps states that b lacks: all that program_new does. */
Program *program_whole(const Backend *b, const Module *m, const Func *f, Diag *d);
/* p, or the program that runs in its place. */
static inline Program *program_now(Program *p) { return p->instead ? p->instead : p; }

/* ---- what a function takes (inputs.c) ---------------------------------------------------- */

/* As its text and its attributes say; read once, when a program of it is made. */
typedef struct InputFacts InputFacts;
InputFacts *inputs_facts(const Func *f);
void inputs_forget(InputFacts *facts); /* NULL is allowed */
/* inputs_check. */
bool inputs_suit(const InputFacts *facts, Diag *d, const Binding *in, int nin);

/* ---- the backend "auto" (auto.c) --------------------------------------------------------- */

const Backend *auto_open(const BackendOptions *o, Diag *d);
/* Whether b is "auto", which leaves states to the backend that it chooses. */
bool auto_chooses(const Backend *b);
/* The text of the first error in d, without the word `error`; `other` where there is none. */
const char *auto_reason(Arena *a, const Diag *d, const char *other);

/* ---- inputs that are results (wires.c; program_wire) ------------------------------------- */

int wire_port(Value *const *v, int n, const char *name); /* index by name; -1: none */
/* Whether the parameter is wired to a program that has run. */
bool wire_flows(const Program *to, int param);
/* The value that comes through the wire. A run frees the results of the run before, so a
 * value that a program hands to itself is moved out of it first. */
bool wire_value(Program *to, int param, Diag *d, Tensor *out);
bool wire_shares(const Program *to, int param); /* whether the two share memory */
void wire_unshare(Program *to, int param);
void wires_free(Program *p);

#endif
