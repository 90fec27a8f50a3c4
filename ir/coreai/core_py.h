/* core_py.h -- a program as a Python program that makes it by Core AI's package. */
#ifndef ANEC_CORE_PY_H
#define ANEC_CORE_PY_H

#include "../ir.h"

/* What an op is in such a program, as its row in ops.def says (the column COREAI).
 *
 * In an expression {p} is the variable of parameter p, or None where it is absent; {#p} a
 * constant parameter's value, or its default; {values} a list of variables; of the first result
 * {dims} the dimensions and {dtype} the element type; {@p} is that of parameter p; {window} the
 * geometry of a convolution or pool. `ops.NAME` is a function of the package, others are those
 * of core_helpers.py. */
typedef struct {
    const char *only; /* "p=word": p has this value; "p:float": its elements; NULL: any */
    const char *python; /* an expression */
    const char *lacks;  /* why there is none, or it is not public; what to do. Or NULL */
    bool many;          /* the expression is a list of all results */
    bool table;         /* the row of core_ops.def that names the op has the function */
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

/* ---- between the two files --------------------------------------------------------------- */

typedef struct {
    CorePython *out;
    Module *m;
    Diag *d;
    PtrMap var;  /* of Value: its variable */
    PtrMap made; /* const_of_value */
    int number;  /* of variables that have no name of their own */
} CorePy;

/* A text, a list of dimensions, and a tensor's elements, as Python has them. */
void core_py_text(Buf *b, const char *s);
void core_py_dims(Buf *b, const int64_t *v, int n);
void core_py_elements(Buf *b, const Tensor *t);
/* The name that NumPy has for the element type of v, a tensor of known shape; NULL: reported. */
const char *core_py_type(CorePy *p, const Value *v, Loc loc);
/* The variable of a value; a constant is made before it is used. NULL: reported. */
const char *core_py_var(CorePy *p, const Value *v, Loc loc);

/* An op, and the expression that is written for it (core_py_expr.c). False: reported. */
typedef struct {
    CorePy *p;
    const Op *op;
    Buf text;
} CorePyCall;
bool core_py_only(CorePyCall *c, const char *only);
bool core_py_expression(CorePyCall *c, const char *s);

#endif
