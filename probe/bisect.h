/* bisect.h -- the smallest part of a program that an engine refuses or gets wrong, found from
 * what compiling and running parts of it gives, and from nothing else.
 *
 * A part is some ops of the function's body. What they take from ops that are not
 * in it are parameters, whose values the reference has recorded in a run of the whole program;
 * what others take from them are its results. Constants go along. A part fails as the whole
 * does: it is refused, or runs and differs from the reference given the same inputs. Ops
 * are left out by delta debugging (Zeller, Hildebrandt 2002) until none can be.
 *
 * A part must not fail for what the cut made of it, so that each type and shape that comes to
 * stand at a cut is first tried by itself. */
#ifndef ANEC_PROBE_BISECT_H
#define ANEC_PROBE_BISECT_H

#include "../backends/backend.h"

typedef enum {
    PART_RUNS,    /* as the reference */
    PART_REFUSED, /* by the compiler, when loaded or when run */
    PART_WRONG,   /* it gives something else */
    PART_UNKNOWN, /* it cannot be tried: the reference does not run it, the cut stands in the
                     way */
    PART_FAILED   /* the world's fault */
} PartVerdict;

typedef struct {
    const Backend *engine, *reference;
    Diag *diag;
    double rtol, atol; /* |got - want| <= atol + rtol |want| is no difference */
    int most;          /* programs that the engine may be asked to compile; 0: any number */
    double pause;      /* seconds after one that it refused */
    /* hears of each part before it is tried: ops in it, of how many; may be NULL */
    void (*step)(void *ctx, int n, int all);
    void *ctx;
    uint64_t max_steps; /* of one loop; 0: any number */
} Bisect;

typedef struct {
    PartVerdict verdict; /* of the whole program */
    Module *module; /* the part; NULL where nothing fails; module_free's, before the program */
    Binding *in;    /* of the part, in the arena; views of what `record` holds */
    int nin;
    int statements, all; /* of the part and of the whole, constants left out */
    int compiles;        /* programs that the engine was asked to compile */
    int uncut;           /* parts that were not tried because of what would stand at the cut */
    bool spelling;       /* printed it is not refused: how the model writes its text is */
    bool stopped;        /* after `most` compilations: a smaller part may fail too */
    char said[256];      /* what the engine says of the part, or which element differs */
    Arena arena;
    struct Record *record;
} BisectResult;

/* f has been verified, in are its inputs; both outlive the result. False: an error,
 * reported. */
bool bisect(const Bisect *b, const Func *f, const Binding *in, int nin, BisectResult *out);
void bisect_free(BisectResult *r);

/* ---- parts (part.c; not for outside)
 * ------------------------------------------------------ */

/* The values that a run of the whole program computed, by name. */
typedef struct Record {
    struct Recorded {
        const char *name;
        Tensor value;
    } * at;
    int n, room;
} Record;

bool record_run(Record *r, const Backend *reference, const Func *f, const Binding *in, int nin,
                uint64_t max_steps, Diag *d);
const Tensor *record_find(const Record *r, const char *name); /* NULL: it was not recorded */
void record_free(Record *r);

/* Ops of f's body that compute something at run time, in order; in the arena, the
 * count. */
int part_ops(const Func *f, Arena *a, const Op ***out);
/* Only the ops that `in` says, by their place in that order; `given` are the inputs of
 * the whole. NULL: what comes to stand at the cut is no tensor, or the part is no program. */
Module *part_new(const Func *f, const bool *in, const Record *r, const Binding *given,
                 int ngiven);
/* A program of one op whose input and result have this type and shape, the i-th that is
 * known for it; NULL past the last. */
Module *part_control(const Func *f, const Type *t, int i);
/* The values for its inputs, out of r or of those given; in the arena, the count. */
int part_inputs(const Func *part, Arena *a, const Record *r, const Binding *in, int nin,
                Binding **out);

#endif
