/* geometry.h -- how the large ops go over their operands: windows, sums of products over named
 * dimensions, steps of a recurrence, blocks that share a scale. Inference and meaning of an op
 * have it from here, and so have backends that compute it by kernels of their own. */
#ifndef ANEC_GEOMETRY_H
#define ANEC_GEOMETRY_H

#include "ops.h"

/* ---- windows: how a kernel slides over the spatial dimensions of x (window.c) ------------ */

enum { MAX_SPATIAL = 3 };

/* One entry a spatial dimension. Kernels walk all three: those an op lacks come first and are
 * 1, so that a convolution over a line is one over a volume of depth and height 1. Extents are
 * DIM_ANY where they are not known; `out` is then too. */
typedef struct {
    int n; /* real dimensions: the last n of the three */
    int64_t in[MAX_SPATIAL], kernel[MAX_SPATIAL], stride[MAX_SPATIAL], dilation[MAX_SPATIAL];
    int64_t before[MAX_SPATIAL], after[MAX_SPATIAL]; /* padding */
    int64_t out[MAX_SPATIAL];
} Window;

typedef enum { WINDOW_CONV, WINDOW_TRANSPOSE, WINDOW_POOL } WindowKind;

/* Fills w for x of shape [batch, channels, spatial..] from the parameters strides, pad_type,
 * pad and, as the kind has them, dilations, ceil_mode and output_shape; kernel holds x.rank - 2
 * extents. Reports what does not fit. */
bool window_of(Call *c, WindowKind kind, const Shape *x, const int64_t *kernel, Window *w);
/* The rank and shape checks that come first; reports a rank outside 3 to 5. */
bool window_rank(Call *c, const Shape *x);
/* [batch, channels, w->out..] */
Shape window_shape(const Window *w, int64_t batch, int64_t channels);
/* Products over the three dimensions. */
int64_t window_in(const Window *w);
int64_t window_out(const Window *w);
int64_t window_taps(const Window *w);

/* The extent of a kernel with its holes. */
static inline int64_t window_span(const Window *w, int i)
{
    return (w->kernel[i] - 1) * w->dilation[i] + 1;
}

/* ---- convolutions (conv.c) --------------------------------------------------------------- */

typedef struct {
    bool transposed;
    int64_t batch, cin, cout, groups; /* DIM_ANY where not known */
    Window window;
} Conv;

bool conv_of(Call *c, bool transposed, Conv *v); /* checks all and reports */

/* ---- sums of products: matmul, linear and einsum (linear.c) ------------------------------ */

/* A label names a dimension: those that share it are equal, or 1 and repeated. Labels that the
 * result lacks are summed over. */
enum { LABELS = 96, MAX_TERM = 16 };

typedef struct {
    int rank, label[MAX_RANK];
} Labels;

typedef struct Equation {
    int n;
    Labels in[MAX_TERM], out;
} Equation;

/* The equation of matmul (linear, einsum) for arguments of these shapes; reports what is
 * wrong. */
bool equation_matmul(Call *c, Equation *e);
void equation_linear(const Call *c, Equation *e);
bool equation_einsum(Call *c, Equation *e);
/* The result's shape; false when the operands disagree about the label *bad. */
bool equation_shape(const Equation *e, const Shape *const *in, Shape *out, int *bad);

/* Whether Core ML defines this equation for two tensors of this rank (ir/ops/doubt.c). */
bool einsum_is_defined(const char *equation, int rank);

/* ---- recurrences: lstm, gru and rnn (recurrent.c) ---------------------------------------- */

/* Activations by their names in these ops, with their default constants. */
typedef double RecurrentActivation(double);
RecurrentActivation *recurrent_activation(Call *c, ParamId param); /* NULL after an error */

typedef struct {
    /* x is [steps, batch, width]; DIM_ANY where not known */
    int64_t steps, batch, width, hidden;
    int gates;     /* weights stack this many matrices of `hidden` rows */
    int ways;      /* 2: bidirectional */
    bool backward; /* direction "reverse" */
    bool sequence; /* all steps are results, not the last alone */
} Recurrent;

bool recurrent_of(Call *c, Recurrent *r); /* checks all and reports */

/* ---- blocks: elements that share scales, offsets or tables (quant.c) --------------------- */

/* An axis of dim elements has `groups` blocks of dim / groups elements. Per tensor is one group
 * an axis, per channel as many groups as channels. */
typedef struct {
    int rank;
    int64_t dim[MAX_RANK], block[MAX_RANK]; /* block: elements of an axis that share */
    int64_t stride[MAX_RANK];               /* of the array of blocks, C order */
    int64_t run;                            /* so many elements on end lie in one block */
} Blocks;

void blocks_of(Blocks *b, int rank, const int64_t *dim, const int64_t *groups);
void blocks_of_axis(Blocks *b, const Shape *s, int axis); /* axis < 0: one block */
int64_t blocks_at(const Blocks *b, int64_t element);      /* which block */

/* A sparse or palettised weight seen alike in both spellings: up to ios17 packed bytes and a
 * shape, then tensors of uint1 .. uint8. */
typedef struct {
    Shape shape;         /* of the mask or the indices */
    const Tensor *mask;  /* uint1; NULL: dense, or not known */
    const Tensor *index; /* uintN; NULL when not known */
    int64_t vector;      /* elements a table's entry holds */
    int axis;            /* along which they are laid */
    Tensor mask_view, index_view;
} Packed;

/* Whether this call spells it as packed bytes and a shape. */
bool weight_in_bytes(const Call *c);
bool sparse_of(Call *c, ParamId mask, ParamId data, Packed *p); /* checks and reports */
bool lut_of(Call *c, ParamId indices, ParamId mask, Packed *p);
int64_t mask_count(const Tensor *mask); /* bits that are set */

#endif
