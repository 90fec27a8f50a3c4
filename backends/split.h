/* split.h -- programs of which the engine runs the first part and the processor the rest. */
#ifndef ANEC_SPLIT_H
#define ANEC_SPLIT_H

#include "backend.h"

/* Whether f ends in what is the processor's: the choice of a class. */
bool split_wanted(const Func *f);
/* b's program of what is before that, with `ref` behind it. As Backend.compile. */
Program *split_compile(const Backend *b, const Module *m, const Func *f, Diag *d);

#endif
