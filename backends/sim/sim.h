/* sim.h -- the simulated engine of a chip, for this folder and its tests.
 *
 *   numbers.c   how the chip computes, in numbers (numerics.def), with a profile's changes
 *   mac.c       sums of products as the engine forms them
 *   tables.c    activations that the engine looks up in tables
 *   sim_op.c    one op: operands and result in the engine's formats
 *   accept.c    whether the chip's compiler takes a program
 *   layout.c    surfaces: inputs and results in the engine's memory
 *   sim.c       the Backend
 *
 * No file knows a chip by name: all is read from the chips' rows, tables.def and the rules. */
#ifndef ANEC_SIM_H
#define ANEC_SIM_H

#include "../../ir/ops/eval.h"
#include "../../ir/targets/rules.h"
#include "../backend.h"

/* The backend for the chip of this number; NULL: there are no more chips. */
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

/* The numbers of the chip of rs, changed where a profile has measured their rules. */
void numbers_of(Numbers *n, const RuleSet *rs);
bool number_has_rule(const char *rule); /* whether a number simulates this rule */
/* v as the engine stores it in fp16, its only type; NaN stays NaN. */
double sim_half(const Numbers *n, double v);

/* ---- sums of products -------------------------------------------------------------------- */

/* A Products (ir/ops/eval.h) that sums as the numbers n say; a partial sum that overflows stays
 * infinite. */
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
    int op; /* index into ops[] */
    double x[KNOTS], y[KNOTS], below,
        above; /* values outside of the knots; NAN: that of f */
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

/* The engine of one program; `spoiled` has the ops that, by a rule, are computed wrongly. */
typedef struct {
    Numbers numbers;
    MacProducts mac,
        single; /* single: for convolutions with one product for each element */
    Table table[TABLE_COUNT];
    Spoiled *spoiled;
    int nspoiled, cap;
    bool all_spoiled;
} SimEngine;

void engine_init(SimEngine *e); /* from e->numbers */
/* For CallHook.run, with a SimEngine as ctx. */
bool engine_call(void *engine, const Op *op, Call *c, Tensor *res, int max);

/* ---- acceptance -------------------------------------------------------------------------- */

/* Whether the chip takes f. False: the error is reported in the engine's words, with notes
 * about the rules that are broken. Fills e->spoiled. */
bool sim_accepts(const Module *m, const Func *f, const RuleSet *rs, Diag *d, Arena *a,
                 SimEngine *e);

/* The engine of a program of sim:CHIP, for tests that change its numbers between runs. */
SimEngine *sim_engine(Program *p);

/* ---- surfaces: how the engine has inputs and results in memory (layout.c) ---------------- */

/* In a surface a tensor is stored as planes of rows: its last axis is the width of a row, the
 * one before the height of a plane, the one before that the channels; all axes in front count
 * as batch. Each row begins at a multiple of 64 bytes, so a surface is larger than its tensor
 * wherever a row is no such multiple (findings C05 to C17: reported on m1, m2, m3, m4, m5; not
 * verified on a device). The names are those of the compiled model's attributes: Name, Symbol,
 * Channels, Height, Width, RowStride, PlaneStride, Type.
 *
 * Inputs and results are bound by their symbols, not by their order in the text: layouts_order
 * numbers them. */

typedef struct {
    const char *name;
    int symbol; /* its number in the engine's order, set by layouts_order */
    DType type;
    int64_t batch, channels, height, width; /* elements */
    /* bytes: row of a row's elements, bytes of the whole surface */
    size_t row, row_stride, plane_stride, bytes;
} SimLayout;

/* False: there is no surface for strings, types below 8 bits, and tensors too large for
 * memory. */
bool layout_of(const char *name, DType t, const Shape *s, SimLayout *out);
/* Fills a surface with 0xff, which is NaN in every float type, so that unwritten elements
 * show. */
void layout_poison(const SimLayout *l, void *surface);
/* Copy elements from C order to rows, and back. */
void layout_put(const SimLayout *l, const void *packed, void *surface);
void layout_get(const SimLayout *l, const void *surface, void *packed);
/* Numbers symbols by the byte order of their names (C11, C12: reported on m4 and m5,
 * contradicted elsewhere). */
void layouts_order(SimLayout *l, int n);

#endif
