/* session.h -- what the files of this folder ask of each other: registry.c knows the backends, auto.c
 * chooses one, session.c compiles and runs, wires.c joins runs. Whoever runs programs has backend.h. */
#ifndef ANEC_SESSION_H
#define ANEC_SESSION_H

#include "../ir/targets/rules.h"
#include "backend.h"

/* ---- sessions (registry.c, session.c) ----------------------------------------------------- */

/* What b takes, as far as that is known; false: it takes everything, or that cannot be read. */
bool backend_rules(const Backend *b, RuleSet *out, Diag *d);
/* As program_new, of a function without states: parts of it may be several programs. */
Program *program_under(const Backend *b, const Module *m, const Func *f, Diag *d);

/* The same with the states that b lacks: all that program_new makes of a function. */
Program *program_whole(const Backend *b, const Module *m, const Func *f, Diag *d);
/* Itself, or what runs in its place. */
static inline Program *program_now(Program *p) { return p->instead ? p->instead : p; }

/* ---- the one that chooses (auto.c) ------------------------------------------------------- */

const Backend *auto_open(const BackendOptions *o, Diag *d);
/* It leaves states to what it chooses. */
bool auto_chooses(const Backend *b);
/* The first error of what was said, without the word; `other` where nothing was. */
const char *auto_reason(Arena *a, const Diag *d, const char *other);

/* ---- inputs that are results (wires.c; program_wire) ------------------------------------- */

int wire_port(Value *const *v, int n, const char *name); /* -1: there is none of that name */
/* Whether something comes through the wire of this parameter now: what it is wired to has run. */
bool wire_flows(const Program *to, int param);
/* The value that comes. A run frees the results of the one before, so what a program hands to
 * itself is taken from it first. */
bool wire_value(Program *to, int param, Diag *d, Tensor *out);
bool wire_shares(const Program *to, int param); /* it is memory of both */
void wire_unshare(Program *to, int param);
void wires_free(Program *p);

#endif
