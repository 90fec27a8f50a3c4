/* program_gen.h -- programs made at random for the tests of the backend cpu: of what has a kernel
 * and of what has none, with dimensions around the sizes that kernels work in.
 *
 * A program is made by its seed alone, so that a failure is found again by its number, and is
 * the same in both float types. Values are drawn from what is there, ops from a table. */
#ifndef ANEC_TEST_PROGRAM_GEN_H
#define ANEC_TEST_PROGRAM_GEN_H

#include "unit.h"

#include "../../ir/ops/ops.h"

/* GEN_LARGEST: the elements that a value may have. */
enum { GEN_MOST = 64, GEN_LARGEST = 40000 };

typedef struct {
    Module *m;
    Func *f;
    Builder b;
    Diag diag;
    uint64_t seed;
    DType type;
    Value *at[GEN_MOST];
    int n;
    int number;    /* of the program, in what is said of it */
    bool winograd; /* there is a convolution that may be by it */
} Gen;

/* The caller frees g->m and g->diag. Its parameters are a scalar and a tensor. */
void gen_program(Gen *g, uint64_t seed, DType type);

/* ---- what is drawn ------------------------------------------------------------------------- */

int gen_draw(Gen *g, int n); /* 0 .. n - 1 */
int64_t gen_dim(Gen *g);
size_t gen_count_of(const Value *v); /* 0 where it is not known */

/* Numbers that fp16 has, so that a program is the same in both types. */
Value *gen_constant(Gen *g, Shape s, double size);
Value *gen_ints(Gen *g, int n, const int64_t *v);
Value *gen_flag(Gen *g);
Value *gen_real(Gen *g, double v);
Value *gen_shaped(Gen *g, Value *x, int rank); /* the elements of x in another shape */

/* ---- windows: an op of x, or NULL where it would not fit; program_gen_conv.c ---------------- */

Value *gen_conv(Gen *g, Value *x);
Value *gen_depthwise(Gen *g, Value *x);
Value *gen_pool(Gen *g, Value *x);
Value *gen_square(Gen *g, Value *x);
Value *gen_tower(Gen *g, Value *x);
Value *gen_transposed(Gen *g, Value *x);

/* ---- a matrix of weights that is compressed; program_gen_coded.c ----------------------------- */

/* One of rows is as long as cols; there are so many rows that it stays compressed. */
Value *gen_coded(Gen *g, int64_t cols, bool turned);

/* ---- lstm, gru or rnn over x, or NULL; program_gen_recurrent.c -------------------------------- */

Value *gen_recurrent(Gen *g, Value *x);

/* ---- ops that become one step; program_gen_fused.c ------------------------------------------- */

/* Pairs [1, heads, places, 2 half] that are turned. */
typedef struct {
    int64_t heads, places, half;
    int axis;     /* of the concat */
    bool turned;  /* heads are transposed */
    bool split;   /* the halves are parts of a split, not slices */
    bool swapped; /* b cos + a sin */
    bool other;   /* a is multiplied by other sines */
    bool read;    /* b sin is a value of the program too */
} GenRope;
Value *gen_rope(Gen *g, const GenRope *r);

/* x by the root of the mean of its squares. */
typedef struct {
    int squares;  /* spelled as a product, as square or as a power */
    bool sums;    /* in place of means */
    bool divides; /* real_div by sqrt, not mul by rsqrt */
    bool swapped; /* the root on the left */
    bool gamma;
    bool other;   /* of the squares of something else */
    bool read;    /* the root is a value of the program too */
    bool columns; /* along the first axis */
} GenNorm;
Value *gen_norm(Gen *g, Value *x, const GenNorm *n);

/* A function of a linear of x, times another linear of x. */
Value *gen_gate(Gen *g, Value *x, int64_t columns);
/* Any of those. */
Value *gen_fused(Gen *g, Value *x);

/* ---- what is made of the results ------------------------------------------------------------ */

double gen_largest(const Tensor *t); /* of the finite elements, without its sign */

/* The most that two elements differ by; INFINITY where one alone is not finite. */
double gen_difference(const Tensor *a, const Tensor *b);

/* From here on memory that was never written to is seen, where the C library can do that. */
void gen_perturb_memory(void);

#endif
