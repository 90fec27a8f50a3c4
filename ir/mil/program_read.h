/* program_read.h -- what the two halves of the reader of MIL.proto share; not for outside. */
#ifndef ANEC_MIL_PROGRAM_READ_H
#define ANEC_MIL_PROGRAM_READ_H

#include "spec.h"

typedef struct {
    const char *name;
    Value *val;
    int older; /* the binding before it in its chain, or -1 */
} ProgramName;

enum { NAME_CHAINS = 1 << 12 };

typedef struct {
    Module *m;
    Diag *d;
    Func *func;
    bool failed; /* reported */
    Arena scratch;
    int *chain; /* NAME_CHAINS heads: the last binding, or -1 */
    ProgramName *name;
    int nname, name_cap;
} ProgramReader;

const Type *program_type(ProgramReader *r, PbIn in);
const Const *program_value(ProgramReader *r, PbIn in); /* never NULL; poison after damage */

#endif
