/* composed.h -- what the files of a session share, and programs that are made of other programs, because
 * one backend does not take a function as one: in a row, behind a look-up, split, or with states
 * carried from run to run.
 *
 * registry.c knows the backends, auto.c chooses one, session.c compiles and runs, wires.c joins runs;
 * of the ways to compose each file knows one. */
#ifndef ANEC_COMPOSED_H
#define ANEC_COMPOSED_H

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

/* ---- several in a row (row.c) ------------------------------------------------------------ */

/* b's programs of the parts of f (func_cut), run one after the other; *out NULL after an error,
 * as Backend.compile has it. False: f is not too deep for b, or cannot be cut. */
bool row_compile(const Backend *b, const Module *m, const Func *f, Diag *d, Program **out);
/* The processor's program of what integers look up (front_cut), and b's of the rest. False: b
 * is no engine, or one that takes integers, or there is nothing to look up. */
bool row_compile_behind(const Backend *b, const Func *f, Diag *d, Program **out);

/* ---- what is looked up first (front.c) --------------------------------------------------- */

/* An engine takes no integers: the processor looks up first what they stand for. */

/* Whether there is something to look up (op_is_ahead). */
bool front_wanted(const Func *f);
/* Two modules of f, the caller's: what is looked up, whose inputs are those of f that it reads;
 * and the rest, whose inputs are the others, and what part[0] gives it, by its name. */
void front_cut(const Func *f, Module *part[2]);

/* ---- a choice at the end (split.c) ------------------------------------------------------- */

/* The engine runs the first part and the processor the rest. */

/* Whether f ends in what is the processor's: the choice of a class. */
bool split_wanted(const Func *f);
/* b's program of what is before that, with `ref` behind it. As Backend.compile. */
Program *split_compile(const Backend *b, const Module *m, const Func *f, Diag *d);

/* ---- states (carry.c) -------------------------------------------------------------------- */

/* On what has no states: each run begins with what the last one left. */

/* Whether f has states that b does not keep, or inputs that stand for states. */
bool carry_wanted(const Backend *b, const Func *f, Diag *d);
/* b's program of the same without states, which holds them itself. As Backend.compile. */
Program *carry_compile(const Backend *b, const Module *m, const Func *f, Diag *d);

#endif
