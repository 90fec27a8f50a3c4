/* composed.h -- programs that are made of other programs, because one backend does not take a
 * function as one: in a row, behind a look-up, split, or with states carried from run to run.
 *
 * session.c chooses among them; each of their files knows one way. */
#ifndef ANEC_COMPOSED_H
#define ANEC_COMPOSED_H

#include "session.h"

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
