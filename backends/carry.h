/* carry.h -- programs with states on what has none: each run begins with what the last one left. */
#ifndef ANEC_CARRY_H
#define ANEC_CARRY_H

#include "backend.h"

/* Whether f has states that b does not keep, or inputs that stand for states. */
bool carry_wanted(const Backend *b, const Func *f, Diag *d);
/* b's program of the same without states, which holds them itself. As Backend.compile. */
Program *carry_compile(const Backend *b, const Module *m, const Func *f, Diag *d);

#endif
