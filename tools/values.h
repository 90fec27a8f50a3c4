/* values.h -- tensors in and out of files: .npy, numbers on the command line, --random. */
#ifndef ANEC_VALUES_H
#define ANEC_VALUES_H

#include "options.h"
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

/* ---- -i NAME[@k]=VALUE ----------------------------------------------------------------------- */

typedef struct {
    const char *name, *text; /* text: a file, "-" or a number */
    bool each;               /* for one iteration alone: `iteration` */
    uint64_t iteration;
    Tensor value;            /* once loaded */
    bool loaded;
} Given;

typedef struct {
    Given *item;
    int count;
} GivenList;

/* false: wrong usage, and said. */
bool given_parse(GivenList *g, Args *a, const OptValue *list, uint64_t iterations);
void given_free(GivenList *g);
/* What is given for a name in an iteration; NULL: nothing. */
Given *given_find(const GivenList *g, const char *name, uint64_t iteration);
/* Loads it: `want` is the parameter's type; `own` what the model itself declared before it was
 * rewritten for a target, whose floats are taken too. */
bool given_load(Given *g, Diag *d, const Type *want, const Type *own);

/* After iteration k: what was for it alone is not needed any more. */
void given_done(Given *g, uint64_t iteration);

#endif
