/* values.h -- tensors in and out of files, from a word of the command line, and made up. */
#ifndef ANEC_VALUES_H
#define ANEC_VALUES_H

#include "../backends/backend.h"
#include "../ir/mil/described.h"

/* .npy has no bf16, no type below 8 bits: those are written and read as a type that holds them
 * exactly (fp32, int8, uint8). Strings are numpy's fixed-width text (<U). */
DType npy_stand_in(DType t);

bool tensor_load(Tensor *t, Diag *d, const char *path); /* "-": standard input */
bool tensor_save(const Tensor *t, Diag *d, const char *path);
/* Every element in another type, rounded once; ints that do not fit are an error naming
 * `what`. */
bool tensor_convert(Tensor *t, Diag *d, DType to, const char *what);
/* The elements that --random gives an input: docs/runtime.md. */
bool tensor_random(Tensor *t, Diag *d, uint64_t seed, const char *name, DType dtype,
                   const Shape *s);

/* A parameter that is given a tensor. */
typedef struct {
    const char *name;
    const Type *want; /* its type */
    const Type *own;  /* what the model itself declared before it was rewritten, or NULL */
    Described described;
    bool strict; /* floats and integers of another width are not converted */
} Place;

/* `text` is a .npy or .png file, "-", or a number or text that fills the tensor. */
bool tensor_given(Tensor *t, Diag *d, const char *text, const Place *p);

#endif
