/* values.h -- tensors in and out of files, from a word of the command line, and made up. */
#ifndef ANEC_VALUES_H
#define ANEC_VALUES_H

#include "../backends/backend.h"

/* .npy has no bf16, no type below 8 bits: those are written and read as a type that holds them
 * exactly (fp32, int8, uint8). Strings are numpy's fixed-width text (<U). */
DType npy_stand_in(DType t);

bool tensor_load(Tensor *t, Diag *d, const char *path); /* "-": standard input */
bool tensor_save(const Tensor *t, Diag *d, const char *path);
/* Every element in another type, rounded once; ints that do not fit are an error naming `what`. */
bool tensor_convert(Tensor *t, Diag *d, DType to, const char *what);
/* The elements that --random gives an input: docs/runtime.md. */
bool tensor_random(Tensor *t, Diag *d, uint64_t seed, const char *name, DType dtype,
                   const Shape *s);

/* A tensor for a parameter called `name`: `text` is a .npy file, "-", or a number or text that fills it.
 * `want` is the parameter's type; `own` what the model itself declared before it was rewritten, whose
 * floats are taken too, or NULL. */
bool tensor_given(Tensor *t, Diag *d, const char *name, const char *text, const Type *want, const Type *own);

#endif
