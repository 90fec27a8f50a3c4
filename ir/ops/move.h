/* move.h -- shared by the ops that move elements without computing: a strided copy, arithmetic
 * with dimensions that may be unknown, and vectors of axes and sizes.
 *
 * A Move is a loop nest over `dim`, in which source and destination advance by strides of
 * their own, in elements (negative: backwards; 0: the element is repeated). Transpose,
 * slice, reverse, concat, split, tile and pad differ only in these numbers. Elements are
 * copied by their size, so any type of whole bytes is copied bit for bit. */
#ifndef ANEC_MOVE_H
#define ANEC_MOVE_H

#include "eval.h"

enum { MOVE_RANK = 2 * MAX_RANK };

typedef struct {
    int rank;
    int64_t dim[MOVE_RANK], src[MOVE_RANK], dst[MOVE_RANK];
    int64_t src_at, dst_at; /* first element of each side */
} Move;

/* appends an inner axis */
void move_axis(Move *m, int64_t dim, int64_t src, int64_t dst);
/* Source and destination may be the same tensor when no element is both read and written. */
void move_run(const Move *m, const Tensor *src, Tensor *dst);
void move_all(const Tensor *src, Tensor *dst); /* copies all bytes; shapes may differ */
/* every element becomes element 0 of elem */
void move_fill(const Tensor *elem, Tensor *dst);

/* ---- dimensions that may be unknown ------------------------------------------------------ */

/* DIM_ANY stays; reports overflow */
bool dim_mul(Call *c, int64_t a, int64_t b, int64_t *out);
bool dim_add(Call *c, int64_t a, int64_t b, int64_t *out);
bool dim_fits(int64_t a, int64_t b); /* DIM_ANY fits anything */
/* Append dimensions; a rank above MAX_RANK is an error. */
bool shape_append(Call *c, Shape *s, int64_t dim);
bool shape_append_some(Call *c, Shape *s, const Shape *from, int first, int end);
const char *call_text(Call *c, const Shape *s); /* the shape as text, for messages */

/* ---- arguments that are vectors ---------------------------------------------------------- */

typedef struct {
    int n;      /* how many; -1: not known (then known is false too) */
    bool known; /* v holds them */
    int64_t v[MOVE_RANK];
} Vector;

/* A rank 0 or 1 argument that is present, of at most max (<= MOVE_RANK) integers. */
bool call_vector(Call *c, ParamId param, int max, Vector *out);
/* The same with one number per axis of `s`; absent: `fill` for each. */
bool call_per_axis(Call *c, ParamId param, const Shape *s, int64_t fill, Vector *out);
/* Axes of a tensor of that rank, negative ones from the end, none twice: set[axis] is true. */
bool call_axes(Call *c, ParamId param, int rank, bool set[MAX_RANK], bool *known);

/* ---- plans that inference and kernels both use ------------------------------------------- */

typedef struct {
    int64_t start, step; /* in the source; start is valid only where count is known */
    int64_t count;       /* DIM_ANY when it is not known */
    bool squeeze;
} SliceAxis;
/* From begin, end, stride and the masks of slice_by_index and slice_update, for x of shape
 * s. */
bool slice_plan(Call *c, const Shape *s, SliceAxis axis[MAX_RANK]);

typedef struct {
    int64_t factor[6];   /* dimensions of the six parts of x */
    const uint8_t *perm; /* their order in the result */
} BlockPlan;
/* depth_to_space, space_to_depth, pixel_(un)shuffle */
bool block_plan(Call *c, BlockPlan *p);

/* Where rows of elements lie in a tensor that gather reads or scatter updates. */
typedef enum { ROWS_AXIS, ROWS_ALONG, ROWS_ND } RowKind;
typedef struct {
    RowKind kind;
    int axis, batch, depth; /* depth: how many axes an index of gather_nd names */
} RowPlan;
/* Checks axis, batch_dims and the shapes; *rows is the shape that the indices address. */
bool row_plan(Call *c, ParamId data, RowPlan *p, Shape *rows);

/* Whether every value of a variadic parameter is a tensor; another is an error. */
bool call_tensors(Call *c, ParamId param);

#endif
