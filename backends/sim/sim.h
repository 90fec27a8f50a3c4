/* sim.h -- the simulated engine, from inside: what a chip's numbers are and who uses them.
 *
 *   numbers.c   a chip's numbers, as a profile leaves them
 *   mac.c       sums of products as the engine forms them
 *   tables.c    activations that are looked up
 *   sim_op.c one op: operands and result as the engine has them
 *   accept.c    whether the chip's compiler takes a program
 *   layout.c    surfaces
 *   sim.c       the Backend
 *
 * Nothing here knows a chip by name: all of it reads chips by their rows, tables.def and the
 * rules. */
#ifndef ANEC_SIM_H
#define ANEC_SIM_H

#include "../../ir/ops/eval.h"
#include "../../ir/targets/rules.h"
#include "../backend.h"

/* The simulated engine of a chip, by the chip's number; NULL: there are not so many. */
const Backend *sim_at(int chip);

/* ---- numbers ----------------------------------------------------------------------------- */

typedef struct {
    const char *name, *unit;
    double plain;
    const char *rule, *doc, *evidence;
} Numeric;
extern const Numeric numerics[NUM_COUNT];

typedef struct {
    double v[NUM_COUNT];
} Numbers;

/* Those of the chip that rs is for, with what a profile says of their rules. */
void numbers_of(Numbers *n, const RuleSet *rs);
bool number_has_rule(const char *rule); /* some number simulates what this rule says */
/* v as the engine writes it into fp16, the only type it has; NaN stays NaN. */
double sim_half(const Numbers *n, double v);

/* ---- sums of products -------------------------------------------------------------------- */

/* A Products that forms sums as n says; partial sums that overflow are left infinite. */
typedef struct {
    Products products; /* first */
    struct {
        uint32_t bias, odd, shift, mask;
    } product, partial; /* how to round to 11 and to mac_bits bits */
    uint32_t tiny, big, keep, not_nan, limit;
    int lanes;
    double flush;
} MacProducts;
void mac_init(MacProducts *p, const Numbers *n);

/* ---- tables ------------------------------------------------------------------------------ */

enum { KNOTS = 33 };
typedef struct {
    int op;                                  /* index into ops[] */
    double x[KNOTS], y[KNOTS], below, above; /* NAN: the function itself */
    double at_zero, error_max;
    double (*f)(double);
} Table;
enum {
#define TABLE(op, ...) TABLE_##op,
#include "tables.def"
    TABLE_COUNT
};
void tables_make(Table t[TABLE_COUNT]);
double table_at(const Table *t, double x);

/* ---- ops -------------------------------------------------------------------------- */

typedef struct {
    const Op *op;
    int rule;
} Spoiled;

/* What a program's ops need; `spoiled` holds the ops that rules say go wrong
 * silently. */
typedef struct {
    Numbers numbers;
    MacProducts mac, single; /* single: of convolutions of one product an element */
    Table table[TABLE_COUNT];
    Spoiled *spoiled;
    int nspoiled, cap;
    bool all_spoiled;
} SimEngine;

void engine_init(SimEngine *e); /* from e->numbers */
/* A CallHook's run, with an SimEngine as ctx. */
bool engine_call(void *engine, const Op *op, Call *c, Tensor *res, int max);

/* ---- acceptance -------------------------------------------------------------------------- */

/* False: refused, and reported as its users see it, with the rules as notes. Fills
 * e->spoiled. */
bool sim_accepts(const Module *m, const Func *f, const RuleSet *rs, Diag *d, Arena *a,
                 SimEngine *e);

/* The engine of a program made by a sim:CHIP, for tests that change its numbers between
 * runs. */
SimEngine *sim_engine(Program *p);

/* ---- surfaces: how the engine has inputs and results in memory (layout.c) ---------------- */

/* A tensor is planes of rows: the last axis is a row's width, the one before its height, the
 * one before that the channels; what stands in front counts as batch. Each row begins at a
 * multiple of 64 bytes, so a surface is larger than its tensor wherever a row is not such a
 * multiple (findings C05 to C17: reported on m1, m2, m3, m4, m5; not verified on a device). The
 * names are those of the compiled model's own attributes: Name, Symbol, Channels, Height,
 * Width, RowStride, PlaneStride, Type.
 *
 * Functions are bound by symbol, not by their order in the text: layouts_order says which is
 * which. */

typedef struct {
    const char *name;
    int symbol; /* its place in the engine's order; layouts_order sets it */
    DType type;
    int64_t batch, channels, height, width; /* elements */
    /* bytes of a row's elements; of all of the surface */
    size_t row, row_stride, plane_stride, bytes;
} SimLayout;

/* False: strings, types below 8 bits and tensors whose surface is beyond any memory have
 * none. */
bool layout_of(const char *name, DType t, const Shape *s, SimLayout *out);
/* Every byte 0xff: NaN in every float type. What is not written is then seen. */
void layout_poison(const SimLayout *l, void *surface);
void layout_put(const SimLayout *l, const void *packed,
                void *surface); /* C order into rows.. */
void layout_get(const SimLayout *l, const void *surface, void *packed); /* ..and back */
/* Symbols by name, in the order of its bytes (C11, C12: reported on m4 and m5, contradicted
 * elsewhere). */
void layouts_order(SimLayout *l, int n);

#endif
