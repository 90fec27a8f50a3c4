/* uses.h -- what the keepers of the index of users share; not for outside ir. */
#ifndef ANEC_USES_H
#define ANEC_USES_H

#include "ir.h"

typedef struct Uses Uses;

/* op has v among its arguments, or a block of it yields v, from now on. */
void func_note_use(Func *f, Value *v, Op *op);
bool func_visit(Func *f, OpVisitor *fn, void *ctx); /* func_walk, without an index at its end */

#endif
