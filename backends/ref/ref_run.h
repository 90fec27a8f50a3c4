/* ref_run.h -- what a program of the reference is, and what the files that run it ask each other. */
#ifndef ANEC_REF_RUN_H
#define ANEC_REF_RUN_H

#include "ref.h"

/* What a slot holds during a run. */
typedef struct {
    Tensor t;
    /* mine: t is this slot's to free; else a view of what another owns. mine, but not set:
     * memory that the value of the next run may have (spare) */
    bool set, mine;
} Held;

typedef struct {
    char *at;
    size_t size;
} RefRoom;

typedef struct {
    Program base; /* first */
    Arena arena;
    Plan plan;
    Held *held; /* by slot */
    Binding *result, *state;
    int nresult, nstate;
    int *state_slot;
    /* executions of all ops that draw random numbers, since the last reset */
    uint64_t draws;
    uint64_t epoch; /* counts resets */
    CallHook hook;  /* run NULL: call_run */
    DecodedBytes decoded;
    size_t spare; /* bytes that slots keep for the next run */
    /* what ops need while they run, as much as one has asked for so far: zero but for the
     * op at work, and of any bytes */
    RefRoom room, rough;
    Tensor *res; /* MAX_RESULT of that op, empty otherwise */
    bool busy;   /* room and res are in use */
} Ref;

typedef struct {
    Ref *ref;
    Diag *diag;
    const RunOptions *opt;
    int decoding; /* constexpr ops under way, each for the one before it */
} RefRun;

/* ---- values (ref_held.c) ----------------------------------------------------------------- */

void ref_release(Ref *r, Held *h); /* and its memory */
/* The value goes; small memory stays for what the op results in next. */
void ref_drop(Ref *r, Held *h);
void ref_drop_range(Ref *r, int first, int end); /* of slots, but for what is constant */
Tensor ref_spare(Ref *r, Held *h);               /* memory that stayed, or nothing */
/* The value of a slot; literals are loaded when they are first asked for, weights decoded. NULL after
 * an error. */
const Tensor *ref_value(RefRun *run, int slot);
/* Decoded weights stay while a step reads them: by 1 before it does, -1 after it. */
void ref_pin(Ref *r, const Step *s, int by);
void ref_let_go(Ref *r, const Step *s); /* unless they are read or kept */
bool ref_show_decoded(RefRun *run, const Step *s);
/* The i-th result of a block, which outlives the block's slots. */
bool ref_take_result(RefRun *run, const Steps *b, int i, Tensor *out);

/* ---- ops (ref_run.c) -------------------------------------------------------------- */

bool ref_call(RefRun *run, const Step *s); /* by its reference kernel */
bool ref_steps(RefRun *run, const Steps *b);
bool ref_is_special(int kind); /* a kind of op that is no call */

#endif
