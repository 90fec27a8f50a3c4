/* plan.h -- a function as a list of steps over numbered slots, shared by `ref`, which walks
 * it, and `cpu`, which lowers it to kernels. A plan tells when each value is needed last; it
 * holds no values itself. */
#ifndef ANEC_PLAN_H
#define ANEC_PLAN_H

#include "../../ir/ops/ops.h"

/* Each Value of the function has a slot. The slots of a block, with those of the blocks
 * inside of it, are a range. */
typedef struct Steps Steps;
typedef struct Step Step;
typedef struct {
    const Value *value;
    const Const *lit; /* of a literal, which is loaded on first use and kept; or NULL */
    bool constant;    /* known at compile time: a literal, or decoded from literals */
    /* the step that decodes it from literals when it is read; or NULL */
    const Step *decoder;
    bool used;    /* some step reads it */
    int last;     /* the last step of its block that reads it; INT_MAX: it is a result */
    Steps *owner; /* the block that defines it */
} SlotInfo;

typedef struct {
    ParamId param;
    int n;
    int *slot;
} StepArg;

struct Step {
    const Op *op;
    Opset opset;
    StepArg *arg;
    int narg;
    const signed char *choice;       /* for Call.choice */
    const struct Equation *equation; /* for Call.equation */
    int *out;                        /* slots of its op->nout results */
    int *drop;                       /* slots that nothing reads after this step */
    int ndrop;
    Steps **block; /* of its nested blocks */
    /* of an impure op: how often it was executed since a reset */
    struct Drawn {
        uint64_t epoch, times;
    } * drawn;
    /* of a constexpr op on literals; NULL for all others. pins: how many steps that are
     * under way read its results */
    struct Decoded {
        int pins;
        bool kept, shown;
        size_t bytes;
    } * decoded;
};

struct Steps {
    const Block *block;
    Steps *parent; /* of a nested block: the block around it, */
    int at;        /* and the step of that which owns it */
    Step *step;
    int nstep;
    int *param, *result;
    int first, end; /* range of slots */
};

typedef struct {
    Arena *arena;
    SlotInfo *slot;
    int nslot, cap;
    Steps *body;
    PtrMap slot_of;    /* by Value: its slot + 1, while the plan is made */
    size_t compressed; /* bytes of the literals that constexpr ops decode */
} Plan;

/* Makes the steps of a verified function, which live in p->arena. */
bool plan_make(Plan *p, const Func *f, Diag *d);
/* Whether a while_loop may make another turn, having made `turn` of at most `most` (0: no
 * bound); false is reported. */
bool plan_turns(const Op *op, uint64_t turn, uint64_t most, Diag *d);
/* Whether the values of known shape that are needed at once fit into mem_most(). False: a
 * failure that names the op was reported. */
bool plan_fits(const Plan *p, Diag *d);

#endif
