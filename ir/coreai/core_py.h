/* core_py.h -- a program as a Python program that makes it by Core AI's package. */
#ifndef ANEC_CORE_PY_H
#define ANEC_CORE_PY_H

#include "../ir.h"

/* A row of core_words.def. */
typedef struct {
    const char *only;   /* a condition, or NULL */
    const char *python; /* an expression */
    const char *lacks;  /* why there is none, or NULL */
    bool many, table;
} CoreWord;
const CoreWord *core_py_row(int kind);

typedef struct CoreWeight {
    const char *file; /* without .npy */
    const Const *c;
} CoreWeight;

typedef struct {
    Arena arena;
    Buf text;
    CoreWeight *weight; /* which the program reads from its folder */
    size_t nweight, room;
} CorePython; /* {0} is empty */

/* `model` is what the program is made of, `weights` the folder beside it that its weights are to
 * be in. False: reported; all ops that have no equivalent are, whatever their number. */
bool core_py_make(CorePython *out, Diag *d, Module *m, const char *model,
                  const char *weights);
void core_py_free(CorePython *p);

#endif
