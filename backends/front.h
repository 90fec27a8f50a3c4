/* front.h -- a function on an engine that takes no integers: the processor looks up first what they
 * stand for. */
#ifndef ANEC_FRONT_H
#define ANEC_FRONT_H

#include "backend.h"

/* Whether there is something to look up (op_is_ahead). */
bool front_wanted(const Func *f);
/* Two modules of f, the caller's: what is looked up, whose inputs are those of f that it reads; and
 * the rest, whose inputs are the others, and what part[0] gives it, by its name. */
void front_cut(const Func *f, Module *part[2]);

#endif
