/* bisect.h -- finds the smallest part of a program that an engine refuses or computes wrongly,
 * by compiling and running parts of it, and by nothing else.
 *
 * A part consists of some ops of the function's body. Values that they use of other ops become
 * inputs, with the numbers that the reference computed in a run of the whole program; values
 * that other ops use of them become results. Constants go along. A part fails as the whole
 * does: it is refused, or runs and gives other results than the reference for the same inputs.
 * Ops are left out by delta debugging (Zeller, Hildebrandt 2002) until none can be.
 *
 * A part must not fail because of the cut, so each type and shape of a value at a cut is
 * first tried in a program of its own. */
#ifndef ANEC_PROBE_BISECT_H
#define ANEC_PROBE_BISECT_H

#include "../backends/backend.h"

typedef enum {
    PART_RUNS,    /* it gives what the reference gives */
    PART_REFUSED, /* it is refused when compiled, loaded or run */
    PART_WRONG,   /* it gives something else */
    PART_UNKNOWN, /* it cannot be tried: the reference does not run it, or no cut is possible */
    PART_FAILED /* something else failed, such as a full disk */
} PartVerdict;

typedef struct {
    const Backend *engine, *reference;
    Diag *diag;
    double rtol, atol; /* elements are equal where |got - want| <= atol + rtol |want| */
    int most;          /* how many programs the engine may compile; 0: any number */
    double pause;      /* seconds to wait after a program that it refused */
    /* called before each part is tried: it has n of `all` ops; may be NULL */
    void (*step)(void *ctx, int n, int all);
    void *ctx;
    uint64_t max_steps; /* of one loop; 0: any number */
} Bisect;

typedef struct {
    PartVerdict verdict; /* of the whole program */
    Module *module; /* the part, to be freed before the program; NULL: nothing fails */
    Binding *in;    /* inputs of the part, in the arena; views of tensors in `record` */
    int nin;
    int nops, all; /* ops of the part and of the whole, constants left out */
    int compiles;  /* how many programs the engine has compiled */
    int uncut;     /* how many parts were not tried because of a value at the cut */
    /* the program printed anew is taken: the fault is in the model's text */
    bool spelling;
    bool stopped;   /* `most` was reached, so a smaller part may fail too */
    char said[256]; /* the engine's message about the part, or the element that differs */
    Arena arena;
    struct Record *record;
} BisectResult;

/* f has been verified, `in` are its inputs; both must outlive the result. False: an error was
 * reported. */
bool bisect(const Bisect *b, const Func *f, const Binding *in, int nin,
            BisectResult *out);
void bisect_free(BisectResult *r);

/* ---- parts (part.c); for this folder alone ----------------------------------------------- */

/* The values that a run of the whole program computed, by name. */
typedef struct Record {
    struct Recorded {
        const char *name;
        Tensor value;
    } * at;
    int n, room;
} Record;

bool record_run(Record *r, const Backend *reference, const Func *f, const Binding *in,
                int nin, uint64_t max_steps, Diag *d);
/* NULL: it was not recorded */
const Tensor *record_find(const Record *r, const char *name);
void record_free(Record *r);

/* The ops of f's body that compute something at run time, in order, in the arena; returns the
 * count. */
int part_ops(const Func *f, Arena *a, const Op ***out);
/* A program of those ops for which `in` is true, in the order of part_ops; `given` are the
 * inputs of the whole. NULL: a value at the cut is no tensor, or the part is no valid
 * program. */
Module *part_new(const Func *f, const bool *in, const Record *r, const Binding *given,
                 int ngiven);
/* The i-th program of one op whose input and result have this type and shape; NULL: there
 * are no more. */
Module *part_control(const Func *f, const Type *t, int i);
/* The values for the inputs of a part, from r or from `in`, in the arena; returns the count. */
int part_inputs(const Func *part, Arena *a, const Record *r, const Binding *in, int nin,
                Binding **out);

#endif
