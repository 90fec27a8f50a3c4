/* inside.h -- what the files of ir share; not for outside. */
#ifndef ANEC_IR_INSIDE_H
#define ANEC_IR_INSIDE_H

#include "ir.h"

/* ---- the index of users (uses.c, query.c, module.c) -------------------------------------- */

typedef struct Uses Uses;

/* op has v among its arguments, or a block of it yields v, from now on. */
void func_note_use(Func *f, Value *v, Op *op);
bool func_visit(Func *f, OpVisitor *fn, void *ctx); /* func_walk, without an index at its end */

/* ---- literals that are computed: const_made (made.c) ------------------------------------- */

/* As const_read and const_tensor; the tensor is a copy. */
bool made_read(const Const *c, Diag *d, size_t first, size_t n, void *dst);
bool made_tensor(const Const *c, Diag *d, Tensor *out);
void made_free(Module *m); /* what was computed last */

#endif
