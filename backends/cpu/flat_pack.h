/* flat_pack.h -- matrices in the order in which GemmTile reads them.
 *
 * Rows of the left matrix go by panels of mr, columns of the right one by panels of nr; a panel
 * holds, for each of the summed index, its rows (columns) side by side, zeros where there are
 * none. */
#ifndef ANEC_FLAT_PACK_H
#define ANEC_FLAT_PACK_H

#include "flat.h"

/* A matrix in memory: element (i, j) is data[i * rows + j * cols], fp32 or fp16. */
typedef struct {
    const void *data;
    DType dtype;
    int64_t rows, cols; /* distances */
} Matrix;

static inline Matrix matrix_at(Matrix m, int64_t i, int64_t j)
{
    const int64_t at = i * m.rows + j * m.cols;
    m.data = (const char *)m.data + at * (m.dtype == DT_FP16 ? 2 : 4);
    return m;
}

/* Rows [0, n) by depth of a as one panel of `width` columns; fp32. */
void pack_panel(const Kernels *k, Matrix a, int64_t n, int64_t depth, int width, float *to);
/* the same, kept as fp16 */
void pack_panel_half(Matrix a, int64_t n, int64_t depth, int width, uint16_t *to);
static inline int64_t pack_panels(int64_t n, int width) { return (n + width - 1) / width; }

#endif
