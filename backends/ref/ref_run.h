/* ref_run.h -- the program of `ref` while it runs; for this folder alone. */
#ifndef ANEC_REF_RUN_H
#define ANEC_REF_RUN_H

#include "ref.h"

/* The contents of a slot during a run. */
typedef struct {
    Tensor t;
    /* set: it has a value. mine: t is freed by this slot; else it is a view. Where it is
     * mine and not set, its memory is kept for the next value (ref_spare). */
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
    uint64_t draws; /* executions of all random ops since the last reset */
    uint64_t epoch; /* counts resets */
    CallHook hook;  /* hook.run NULL: call_run */
    DecodedBytes decoded;
    size_t spare; /* bytes that slots keep for the next run */
    /* memory for ops while they run, as much as one has needed so far; rough is not zeroed */
    RefRoom room, rough;
    Tensor *res; /* MAX_RESULT results of the op that runs, empty otherwise */
    bool busy;   /* room and res are in use */
} Ref;

typedef struct {
    Ref *ref;
    Diag *diag;
    const RunOptions *opt;
    int decoding; /* how many constexpr ops are under way, each to decode for the one before */
} RefRun;

/* ---- values (ref_held.c) ----------------------------------------------------------------- */

void ref_release(Ref *r, Held *h); /* frees value and memory */
/* Ends the value; a small piece of memory stays for the next value of the slot. */
void ref_drop(Ref *r, Held *h);
void ref_drop_range(Ref *r, int first, int end); /* of slots; constants stay */
Tensor ref_spare(Ref *r, Held *h); /* the memory that stayed, or an empty tensor */
/* The value of a slot. Literals are loaded, and weights decoded, when they are first needed.
 * NULL: an error was reported. */
const Tensor *ref_value(RefRun *run, int slot);
/* Keeps decoded weights while a step reads them: called with 1 before it and -1 after it. */
void ref_pin(Ref *r, const Step *s, int by);
void ref_let_go(Ref *r, const Step *s); /* frees them unless they are pinned or kept */
bool ref_show_decoded(RefRun *run, const Step *s);
/* Moves the i-th result of a block out, so that it outlives the block's slots. */
bool ref_take_result(RefRun *run, const Steps *b, int i, Tensor *out);

/* ---- ops (ref_run.c) -------------------------------------------------------------- */

bool ref_call(RefRun *run, const Step *s); /* runs a step by its op's reference kernel */
bool ref_steps(RefRun *run, const Steps *b);
bool ref_is_special(int kind); /* whether ops of this kind are no calls: blocks, states */

#endif
