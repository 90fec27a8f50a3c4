/* row.h -- programs that an engine does not take as one, as several in a row. */
#ifndef ANEC_ROW_H
#define ANEC_ROW_H

#include "backend.h"

/* b's programs of the parts of f (func_cut), run one after the other; *out NULL after an error, as
 * Backend.compile has it. False: f is not too deep for b, or cannot be cut. */
bool row_compile(const Backend *b, const Module *m, const Func *f, Diag *d, Program **out);
/* The processor's program of what integers look up (front.h), and b's of the rest. False: b is no
 * engine, or one that takes integers, or there is nothing to look up. */
bool row_compile_behind(const Backend *b, const Func *f, Diag *d, Program **out);

#endif
