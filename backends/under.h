/* under.h -- what programs that are made of other programs ask the session for (session.c). */
#ifndef ANEC_UNDER_H
#define ANEC_UNDER_H

#include "../ir/targets/rules.h"
#include "backend.h"

/* What b takes, as far as that is known; false: it takes everything, or that cannot be read. */
bool backend_rules(const Backend *b, RuleSet *out, Diag *d);
/* As program_new, of a function without states: parts of it may be several programs. */
Program *program_under(const Backend *b, const Module *m, const Func *f, Diag *d);

#endif
