/* plan.h -- a function as steps over numbered slots: what `ref` walks, and what `cpu` lowers to
 * kernels. A plan knows when each value is needed last; it holds no values. */
#ifndef ANEC_PLAN_H
#define ANEC_PLAN_H

#include "../../ir/ops/ops.h"

/* A Value of the function is a slot. Slots of a block, and of the blocks inside it, are a
 * range. */
typedef struct Steps Steps;
typedef struct Step Step;
typedef struct {
    const Value *value;
    const Const *lit;    /* a literal: loaded on first use and kept */
    bool constant;       /* known at compile time: a literal or decoded from literals */
    const Step *decoder; /* decoded from literals: by this step, when something reads it */
    bool used;           /* something reads it */
    /* the step of its block after which nothing reads it; INT_MAX: a result */
    int last;
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
    const signed char *choice;       /* Call.choice: which words its parameters have */
    const struct Equation *equation; /* Call.equation */
    int *out;                        /* op->nout slots */
    int *drop;                       /* slots that nothing reads after this step */
    int ndrop;
    Steps **block; /* op->nblock */
    /* executions of an impure op since a reset */
    struct Drawn {
        uint64_t epoch, times;
    } * drawn;
    /* A constexpr of literals; NULL for all others. pins: steps under way that read its
     * results. */
    struct Decoded {
        int pins;
        bool kept, shown;
        size_t bytes;
    } * decoded;
};

struct Steps {
    const Block *block;
    Steps *parent; /* the block that the owner stands in, and the step the owner is there */
    int at;
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
    PtrMap slot_of;    /* by Value: its number + 1, while the plan is made */
    size_t compressed; /* bytes of the literals that constexpr ops decode */
} Plan;

/* Makes the steps of a verified function, which live in p->arena. */
bool plan_make(Plan *p, const Func *f, Diag *d);
/* Whether a while_loop may make turn `turn`, of at most `most` (0: as many as it wants). */
bool plan_turns(const Op *op, uint64_t turn, uint64_t most, Diag *d);
/* Whether the values of known shape that are needed at once fit into mem_most(); a failure
 * names the op. */
bool plan_fits(const Plan *p, Diag *d);

#endif
