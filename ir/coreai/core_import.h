/* core_import.h -- shared by the files that make a program of a text of Core AI: the table of its
 * operations, and one of them at work. For ir/coreai alone. */
#ifndef ANEC_CORE_IMPORT_H
#define ANEC_CORE_IMPORT_H

#include "../build.h"
#include "../ops/ops.h"
#include "../query.h"
#include "core_text.h"

enum { CORE_IN = 256, CORE_OUT = 256 };

typedef struct CoreCall CoreCall;
/* Takes the operands and sets the results; false: it cannot, which was reported. */
typedef bool CoreLower(CoreCall *c);

/* A row of core_ops.def. */
typedef struct {
    const char *name;   /* of the operation, without what stands before it */
    CoreLower *lower;   /* NULL: it is not read, `why` says why not */
    int kind;           /* the op that means the same, operand by operand; or OP_NONE */
    int min, max;       /* operands */
    const char *python; /* the function of its package, or NULL: not known */
    const char *why;
} CoreRow;
extern const CoreRow core_rows[];
extern const int core_row_count;
const CoreRow *core_row(const char *name); /* NULL: there is none */
const CoreRow *core_row_of(int kind);      /* of an op; NULL: none means the same */

/* Element types of Core AI. */
typedef struct {
    const char *name;
    DType as;          /* DT_NONE: MIL has none */
    bool wide;         /* it is unsigned and becomes int32 */
    const char *numpy; /* as the package's Python takes it, or NULL */
} CoreElem;
const CoreElem *core_elem(const char *name); /* NULL: it is not known */
const CoreElem *core_elem_of(DType t);       /* of a type of MIL; NULL: there is none */

typedef struct CoreScope CoreScope;

typedef struct {
    CoreReader *text;
    Module *m;
    Diag *diag;
    Arena *arena;
    Func *func;
    int depth; /* graphs that are being inlined */
} CoreImport;

struct CoreCall {
    Builder b;
    CoreImport *im;
    CoreNode *node;
    const CoreRow *row;
    CoreScope *scope;
    Value *in[CORE_IN]; /* NULL: a token */
    int nin;
    Value *out[CORE_OUT]; /* NULL: a token */
    int nout;
    Op *before; /* the op behind which the node's ops begin, or NULL */
};

/* Reports that the operation has what it cannot have; always false. */
bool core_refuse(CoreCall *c, const char *fmt, ...) PRINTF(2, 3);
/* The word behind "key =" or in a dictionary; NULL: there is none. */
const char *core_option(const CoreCall *c, const char *key);
/* Constants among the operands; false: it is none, which was reported. */
bool core_int(CoreCall *c, int i, int64_t *out);
bool core_ints(CoreCall *c, int i, int64_t out[MAX_RANK * 2], int *n);
bool core_axis(CoreCall *c, int i, int rank,
               int64_t *out); /* a dimension, from the front */

static inline const Shape *core_shape(const Value *v) { return &v->type->shape; }
static inline int core_rank(const Value *v) { return v->type->shape.rank; }
static inline DType core_dtype(const Value *v) { return v->type->dtype; }

Value *core_cast(CoreCall *c, Value *x, DType t); /* x itself where it has the type */
Value *core_both(CoreCall *c, int kind, Value *x, Value *y);
Value *core_number(CoreCall *c, const Value *like,
                   double v); /* a scalar of like's type */
Value *core_reshaped(CoreCall *c, Value *x, int n, const int64_t *dim);

/* The literal of a constant of type t; NULL: it is wrong, which was reported. */
const Const *core_literal(CoreImport *im, const CoreDense *d, const CoreType *t);
/* The type of a value; NULL: MIL has no such elements, which was reported. */
const Type *core_mil_type(CoreImport *im, const CoreType *t);

/* The functions of the rows. */
#define SAME(name, kind, python) CoreLower core_do_one;
#define PAIR(name, kind, python) CoreLower core_do_pair;
#define CORE(name, lower, kind, min, max, python) CoreLower lower;
#define CLOSED(name, why)
#include "core_ops.def"
#undef SAME
#undef PAIR
#undef CORE
#undef CLOSED

#endif
