/* made.h -- for const.c and module.c: reading literals that are computed (const_made). */
#ifndef ANEC_MADE_H
#define ANEC_MADE_H

#include "ir.h"

/* As const_read and const_tensor; the tensor is a copy. */
bool made_read(const Const *c, Diag *d, size_t first, size_t n, void *dst);
bool made_tensor(const Const *c, Diag *d, Tensor *out);
void made_free(Module *m); /* what was computed last */

#endif
