/* geometry.h -- the geometry of the large ops, computed from a call's parameters: windows of
 * convolutions and pools, labelled dimensions of products, steps of a recurrence, blocks that
 * share a scale. Inference, the reference kernels and the kernels of other backends use it. */
#ifndef ANEC_GEOMETRY_H
#define ANEC_GEOMETRY_H

#include "ops.h"

/* ---- windows: how a kernel slides over the spatial dimensions of x (window.c) ------------ */

enum { MAX_SPATIAL = 3 };

/* One entry for each spatial dimension. There are always three: those that an op lacks come
 * first and are 1, so that a convolution over a line is one over a volume of depth and
 * height 1. An unknown `in` or `kernel` is DIM_ANY, and so is `out` then. */
typedef struct {
    int n; /* real dimensions: the last n of the three */
    int64_t in[MAX_SPATIAL], kernel[MAX_SPATIAL], stride[MAX_SPATIAL],
        dilation[MAX_SPATIAL];
    int64_t before[MAX_SPATIAL], after[MAX_SPATIAL]; /* padding */
    int64_t out[MAX_SPATIAL];
} Window;

typedef enum { WINDOW_CONV, WINDOW_TRANSPOSE, WINDOW_POOL } WindowKind;

/* Fills w for x of shape [batch, channels, spatial..] from the parameters strides, pad_type,
 * pad and, as the kind has them, dilations, ceil_mode and output_shape; kernel holds x.rank - 2
 * dimensions. Reports what does not fit. */
bool window_of(Call *c, WindowKind kind, const Shape *x, const int64_t *kernel,
               Window *w);
/* Whether x has 1 to 3 spatial dimensions, so a rank of 3 to 5; another is an error. */
bool window_rank(Call *c, const Shape *x);
/* [batch, channels, w->out..] */
Shape window_shape(const Window *w, int64_t batch, int64_t channels);
/* Number of input elements, output elements and kernel taps: products over the dimensions. */
int64_t window_in(const Window *w);
int64_t window_out(const Window *w);
int64_t window_taps(const Window *w);

/* The size that a kernel covers, with the gaps of its dilation. */
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

/* The activation that a parameter of these ops names, with its default constants. */
typedef double RecurrentActivation(double);
/* NULL after an error */
RecurrentActivation *recurrent_activation(Call *c, ParamId param);

typedef struct {
    /* x is [steps, batch, width]; DIM_ANY where not known */
    int64_t steps, batch, width, hidden;
    int gates;     /* weights stack this many matrices of `hidden` rows */
    int ways;      /* 2: bidirectional; else 1 */
    bool backward; /* direction "reverse" */
    bool sequence; /* the result has all steps, not the last alone */
} Recurrent;

bool recurrent_of(Call *c, Recurrent *r); /* checks all and reports */

/* ---- blocks: elements that share scales, offsets or tables (quant.c) --------------------- */

/* An axis of `dim` elements has `groups` blocks of dim / groups elements, each with a scale
 * of its own. One scale for the tensor is one group on each axis, one scale for each channel
 * as many groups on that axis as there are channels. */
typedef struct {
    int rank;
    int64_t dim[MAX_RANK], block[MAX_RANK]; /* block: elements of an axis that share */
    int64_t stride[MAX_RANK];               /* of the array of blocks, C order */
    int64_t run; /* elements that follow each other in one block */
} Blocks;

void blocks_of(Blocks *b, int rank, const int64_t *dim, const int64_t *groups);
void blocks_of_axis(Blocks *b, const Shape *s, int axis); /* axis < 0: one block */
int64_t blocks_at(const Blocks *b, int64_t element);      /* the block that it lies in */

/* A sparse or palettised weight, whichever way it is spelled: up to ios17 as packed bytes and a
 * shape, from ios18 on as tensors of uint1 .. uint8. */
typedef struct {
    Shape shape;         /* of the mask or the indices */
    const Tensor *mask;  /* uint1; NULL: dense, or not known */
    const Tensor *index; /* uintN; NULL when not known */
    int64_t vector;      /* number of elements in each entry of the table, */
    int axis;            /* and the axis along which they lie in the result */
    Tensor mask_view, index_view;
} Packed;

/* Whether this call spells it as packed bytes and a shape. */
bool weight_in_bytes(const Call *c);
/* Both check the arguments and report what is wrong. */
bool sparse_of(Call *c, ParamId mask, ParamId data, Packed *p);
bool lut_of(Call *c, ParamId indices, ParamId mask, Packed *p);
int64_t mask_count(const Tensor *mask); /* bits that are set */

#endif
