/* layout.h -- surfaces: how the engine has inputs and results in memory.
 *
 * A tensor is planes of rows: the last axis is a row's width, the one before its height, the
 * one before that the channels; what stands in front counts as batch. Each row begins at a
 * multiple of 64 bytes, so a surface is larger than its tensor wherever a row is not such a
 * multiple (findings C05 to C17: reported on m1, m2, m3, m4, m5; not verified on a device). The
 * names are those of the compiled model's own attributes: Name, Symbol, Channels, Height,
 * Width, RowStride, PlaneStride, Type.
 *
 * Functions are bound by symbol, not by their order in the text: layouts_order says which is
 * which. */
#ifndef ANEC_SIM_LAYOUT_H
#define ANEC_SIM_LAYOUT_H

#include "../../ir/ir.h"

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
