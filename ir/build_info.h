/* build_info.h -- what stands in a program's attribute buildInfo, a dictionary of texts that
 * every container keeps: versions of the compiler, without which the engine's framework gives
 * no descriptor, and notes of ours, each under a key of its own.
 *
 * One of them says which inputs stand for states. An engine has no states: what one holds comes
 * in as the input of its name, and goes out as a result. Whoever runs the program hands that
 * result to the next run, and begins with zeros, as a state does. */
#ifndef ANEC_BUILD_INFO_H
#define ANEC_BUILD_INFO_H

#include "ir.h"

const char *build_info_get(const Module *m, const char *key); /* NULL: it is not there */
/* Makes the attribute where there is none; value NULL takes the key away. */
void build_info_set(Module *m, const char *key, const char *value);
/* The versions of a compiler, where there is no attribute yet. Whether that was so. */
bool build_info_make(Module *m);

/* ---- inputs that stand for states -------------------------------------------------------- */

/* result NULL: what the state holds is never changed. */
void carried_add(Func *f, const char *input, const char *result);
/* Whether param stands for a state. A note that fits no result of its type counts for none. */
bool carried_is(const Func *f, const Value *param);
/* Which result the next run has in its place; -1: none, it stays as it is. */
int carried_result(const Func *f, const Value *param);
void carried_forget(Module *m); /* they are inputs like others from now on */

#endif
