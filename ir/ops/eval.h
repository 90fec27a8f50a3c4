/* eval.h -- shared by the reference kernels: walks over strided elements, conversions to
 * numbers, products of matrices.
 *
 * Strides and offsets count elements, never bytes. A walk goes through the elements of one
 * shape in C order and keeps, for each of up to WALK_MAX operands, the offset of its
 * element:
 *
 *     Walk w;
 *     walk_init(&w, &out);                      // the elements that are visited
 *     walk_broadcast(&w, &out);                 // operand 0
 *     walk_broadcast(&w, &x);                   // operand 1, repeated as numpy does
 *     for (bool go = walk_start(&w); go; go = walk_next(&w))
 *         for (int64_t i = 0; i < w.run; i++)   // the innermost dimension is the caller's loop
 *             z[w.at[0] + i * w.step[0]] = f(x[w.at[1] + i * w.step[1]]);
 *
 * Dimensions that all operands can treat as one are merged at walk_start, so runs are long. */
#ifndef ANEC_EVAL_H
#define ANEC_EVAL_H

#include "ops.h"

/* ---- shapes ------------------------------------------------------------------------------ */

void shape_strides(const Shape *s, int64_t *stride); /* C order; stride[rank - 1] is 1 */
/* Strides that let s be read as if it had the shape `as`, a broadcast of it: 0 where s
 * repeats. */
void shape_strides_as(const Shape *s, const Shape *as, int64_t *stride);
/* The product of dim[from..to) of a known shape. */
int64_t shape_elements(const Shape *s, int from, int to);

/* ---- walks ------------------------------------------------------------------------------- */

enum { WALK_MAX = 6 };

typedef struct {
    int rank, nop;
    /* after walk_start: of the merged outer dimensions */
    int64_t dim[MAX_RANK], index[MAX_RANK];
    int64_t stride[WALK_MAX][MAX_RANK];
    int64_t at[WALK_MAX];   /* where each operand's run begins */
    int64_t step[WALK_MAX]; /* each operand's stride along the run */
    int64_t run;            /* elements of a run */
} Walk;

void walk_init(Walk *w, const Shape *s);
/* Add an operand and return its number: one with given strides, or a packed one of this shape,
 * broadcast to the shape of the walk. */
int walk_add(Walk *w, const int64_t *stride, int64_t first);
int walk_broadcast(Walk *w, const Shape *operand);
bool walk_start(Walk *w); /* false: there are no elements */
bool walk_next(Walk *w);  /* false: that was the last run */

/* Copies the elements of shape s from src to dst, each laid out by its own strides (which may
 * be negative or 0) from its own first element. `size` is bytes an element: 1, 2, 4 or 8. */
void copy_strided(const Shape *s, size_t size, void *dst, int64_t dst_first,
                  const int64_t *dst_stride, const void *src, int64_t src_first,
                  const int64_t *src_stride);
/* Bytes an element of t, whose type must be of whole bytes (strings: a pointer). */
size_t tensor_elem_size(const Tensor *t);

/* ---- rows: a tensor as `count` runs of `length` over a set of its dimensions ------------- */

typedef struct {
    int64_t count, length;
    void *word;               /* doubles or int64s, the rows one after the other */
    Shape order;              /* the dimensions outside the set, then those inside */
    int64_t stride[MAX_RANK]; /* theirs in the tensor */
} AxisRows;

/* copies */
AxisRows axis_rows(Call *c, const Shape *s, const bool *in, const void *words);
/* writes them back in the order of s */
void axis_rows_put(const AxisRows *r, void *words);

/* ---- numbers ----------------------------------------------------------------------------- */

/* A tensor of ints or bools as int64, from the call's arena; NULL when the argument is
 * absent. */
int64_t *call_int64s(Call *c, ParamId param);
int64_t *call_int64s_of(Call *c, const Tensor *t);
/* Stores n integers from element i on, each wrapped modulo 2^bits of the type. */
void tensor_put_ints(Tensor *t, size_t i, size_t n, const int64_t *src);
/* A vector of axes as a set, in[MAX_RANK]; absent: all axes. One that is out of range or twice
 * in it is an error. */
bool call_axes_or_all(Call *c, ParamId param, int rank, bool *in);
/* True where it is absent or has one number for each channel (the second dimension of x);
 * another shape is an error. */
bool call_channels(Call *c, ParamId param);
/* A scalar float parameter; its default is rounded to the element type of x. */
double call_float_like(Call *c, ParamId param, ParamId x);
/* v truncated toward zero and clamped to the range of integer type t. */
int64_t int_from_double(DType t, double v);
/* v rounded to float type t. */
double round_to(DType t, double v);
/* The larger (smaller) one, and NaN when either is. */
static inline double num_max(double x, double y) { return x != x || x > y ? x : y; }
static inline double num_min(double x, double y) { return x != x || x < y ? x : y; }

/* softmax of n numbers that lie `step` apart, in place. */
void softmax_of(double *x, int64_t n, int64_t step);

/* ---- products of matrices ---------------------------------------------------------------- */

/* c[i][j] += sum over l of a[i][l] * b[l][j], in this order of l; a is m by k, b is k by n, c
 * is m by n, each with the distance between its rows. gemm_int wraps modulo 2^64. */
void gemm_double(int64_t m, int64_t n, int64_t k, const double *a, int64_t lda,
                 const double *b, int64_t ldb, double *c, int64_t ldc);
/* The same with b transposed: it is n by k, and the sum is over a[i][l] * b[j][l]. */
void gemm_double_turned(int64_t m, int64_t n, int64_t k, const double *a, int64_t lda,
                        const double *b, int64_t ldb, double *c, int64_t ldc);
void gemm_int(int64_t m, int64_t n, int64_t k, const int64_t *a, int64_t lda,
              const int64_t *b, int64_t ldb, int64_t *c, int64_t ldc);

/* Replaces gemm_double in a call, so that products are summed as a simulated engine does. The
 * arguments are those of gemm_double, and c is zero. */
typedef struct Products Products;
struct Products {
    void (*gemm)(const Products *how, int64_t m, int64_t n, int64_t k, const double *a,
                 int64_t lda, const double *b, int64_t ldb, double *c, int64_t ldc);
};
/* The product that matmul, linear, einsum and the convolutions use: call->products, or
 * gemm_double. */
void call_gemm(const Call *call, int64_t m, int64_t n, int64_t k, const double *a,
               int64_t lda, const double *b, int64_t ldb, double *c, int64_t ldc);

/* ---- functions of one element and two numbers (unary.c) ---------------------------------- */

/* z = number(x, a, b) for floats, whole(x, a, b) for integers and bools; the domain of the op
 * tells which is needed. `a` and `b` are the parameters that are passed (P_NONE: 0). */
typedef struct {
    double (*number)(double x, double a, double b);
    int64_t (*whole)(int64_t x, int64_t a, int64_t b);
    ParamId a, b;
} Pointwise;

bool eval_pointwise(Call *c, const Pointwise *f);

#endif
