/* blocks.h -- tensors whose elements share scales, offsets or tables by blocks. */
#ifndef ANEC_BLOCKS_H
#define ANEC_BLOCKS_H

#include "ops.h"

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

/* ---- what inference and meaning of the compressed weights share -------------------------- */

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
