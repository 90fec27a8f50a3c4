/* composed.h -- programs that consist of other programs, where a backend does not take a
 * function as one: several in a row, ops on integers in front, a classifier behind, or states
 * carried from run to run.
 *
 * session.c chooses among them; each has a file. */
#ifndef ANEC_COMPOSED_H
#define ANEC_COMPOSED_H

#include "session.h"

/* ---- the inputs of a part (inputs.c) ----------------------------------------------------- */

/* By parameter of the whole: which one of the part has its name; -1: none. To be freed. */
int *part_params(const Func *whole, const Func *part);
/* Of what the whole is given what the part takes, under the names of the part's; how many. */
int part_given(const Func *whole, const Func *part, const int *param, const Binding *in,
               int nin, Binding *out);

/* ---- several in a row (row.c) ------------------------------------------------------------ */

/* Compiles the parts of f (func_cut) for b, to be run one after the other; *out is NULL
 * after an error. False: f is not too deep for b, or cannot be cut. */
bool row_compile(const Backend *b, const Module *m, const Func *f, Diag *d,
                 Program **out);
/* Compiles the ops on integers in front of f for the processor (front_cut) and the rest for b.
 * False: b is no engine, or there are none. */
bool row_compile_behind(const Backend *b, const Func *f, Diag *d, Program **out);

/* Compiles the parts of f that are worth a dispatch for the engine, and the others for `other`
 * (func_place). NULL: the engine has no part of it, or all, or a part does not compile; *d may
 * say why. */
Program *row_compile_placed(const Backend *engine, const Backend *other, const Func *f,
                            Diag *d);

/* ---- ops on integers in front (front.c) -------------------------------------------------- */

/* An engine takes no integers: the processor looks up first what they stand for. */

/* Whether there is something to look up (op_is_ahead). */
bool front_wanted(const Func *f);
/* Makes two modules of f, which the caller frees: the ops in front, whose inputs are those
 * of f that they read; and the rest, whose inputs are the others and the results of part[0],
 * by name. */
void front_cut(const Func *f, Module *part[2]);

/* ---- a classifier behind (split.c) ------------------------------------------------------- */

/* Whether f ends with the op `classify`, which is for the processor. */
bool split_wanted(const Func *f);
/* Compiles the part before that for b, and the rest for `ref`. */
Program *split_compile(const Backend *b, const Module *m, const Func *f, Diag *d);

/* ---- a flexible dimension, by programs of a few sizes (buckets.c) ----------------------- */

/* Whether sizes are asked for (Module.bucket); a function of known dimensions is compiled once. */
bool buckets_wanted(const Module *m);
Program *buckets_compile(const Backend *b, const Module *m, const Func *f, Diag *d);

/* ---- states, for an engine that has none (carry.c) --------------------------------------- */

/* Whether f has states that b does not keep, or inputs that stand for states. */
bool carry_wanted(const Backend *b, const Func *f, Diag *d);
/* Compiles f for b with inputs and results in place of states; the program holds their
 * values. */
Program *carry_compile(const Backend *b, const Module *m, const Func *f, Diag *d);

#endif
