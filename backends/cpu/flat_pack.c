/* flat_pack.c -- packs matrices into panels (flat_pack.h). */
#include "flat_pack.h"

#include <string.h>

enum { STRIP = 64 }; /* of the summed index that is widened at a time */

/* One row's elements j .. j + n - 1 as floats. */
static const float *row_of(const Kernels *k, Matrix a, int64_t i, int64_t j, size_t n,
                           float *room)
{
    const Matrix at = matrix_at(a, i, j);
    const float *f = at.data;
    const uint16_t *h = at.data;
    if (a.cols == 1 && a.dtype == DT_FP32) return f;
    if (a.cols == 1) {
        k->widen(room, h, n);
        return room;
    }
    for (size_t x = 0; x < n; x++)
        if (a.dtype == DT_FP32) room[x] = f[(int64_t)x * a.cols];
        else k->widen(room + x, h + (int64_t)x * a.cols, 1);
    return room;
}

/* Lines of so many floats, a number that is known where this is inlined. They lie in pages of their own,
 * as a rule, where the processor sees no order in them. */
static inline void pack_lines(Matrix a, const int width, int64_t depth, float *to)
{
    enum { AHEAD = 12 };
    const float *x = a.data;
    for (int64_t j = 0; j < depth; j++, to += width, x += a.cols) {
        if (j + AHEAD < depth) {
            __builtin_prefetch(x + AHEAD * a.cols);
            __builtin_prefetch(x + AHEAD * a.cols + width - 1);
        }
        memcpy(to, x, (size_t)width * sizeof *to);
    }
}

/* Whether the panel is as wide as one of those that kernels have, and all of it is there. */
static bool pack_whole(Matrix a, int64_t n, int64_t depth, int width, float *to)
{
    if (a.dtype != DT_FP32 || n != width) return false;
    if (width == 32) pack_lines(a, 32, depth, to);
    else if (width == 16) pack_lines(a, 16, depth, to);
    else if (width == 14) pack_lines(a, 14, depth, to);
    else if (width == 8) pack_lines(a, 8, depth, to);
    else return false;
    return true;
}

/* Where neighbours in memory are neighbours in the panel. */
static void pack_along(const Kernels *k, Matrix a, int64_t n, int64_t depth, int width,
                       float *to)
{
    if (pack_whole(a, n, depth, width, to)) return;
    for (int64_t j = 0; j < depth; j++, to += width) {
        const Matrix at = matrix_at(a, 0, j);
        if (a.dtype == DT_FP32) memcpy(to, at.data, (size_t)n * sizeof *to);
        else k->widen(to, at.data, (size_t)n);
        for (int64_t i = n; i < width; i++) to[i] = 0;
    }
}

/* Rows of fp16 side by side, widened a strip at a time and turned. */
static void pack_halves(const Kernels *k, Matrix a, int64_t n, int64_t depth, int width,
                        float *to)
{
    enum { ROWS = 16 };
    float room[ROWS * STRIP];
    for (int64_t i = 0; i < n; i += ROWS)
        for (int64_t j = 0; j < depth; j += STRIP) {
            const int64_t rows = n - i < ROWS ? n - i : ROWS,
                          m = depth - j < STRIP ? depth - j : STRIP;
            for (int64_t x = 0; x < rows; x++)
                k->widen(room + x * STRIP, matrix_at(a, i + x, j).data, (size_t)m);
            k->turn(to + j * width + i, width, room, STRIP, rows, (size_t)m);
        }
}

/* Where they are not, a strip at a time: each line of memory is read once. */
static void pack_across(const Kernels *k, Matrix a, int64_t n, int64_t depth, int width,
                        float *to)
{
    float room[STRIP];
    if (n < width) memset(to, 0, (size_t)(depth * width) * sizeof *to);
    if (a.cols == 1 && a.dtype == DT_FP32) {
        k->turn(to, width, a.data, a.rows, n, (size_t)depth);
        return;
    }
    if (a.cols == 1) {
        pack_halves(k, a, n, depth, width, to);
        return;
    }
    for (int64_t j = 0; j < depth; j += STRIP) {
        const int64_t m = depth - j < STRIP ? depth - j : STRIP;
        float *at = to + j * width;
        for (int64_t i = 0; i < n; i++) {
            const float *row = row_of(k, a, i, j, (size_t)m, room);
            for (int64_t x = 0; x < m; x++) at[x * width + i] = row[x];
        }
    }
}

void pack_panel(const Kernels *k, Matrix a, int64_t n, int64_t depth, int width,
                float *to)
{
    if (a.rows == 1) pack_along(k, a, n, depth, width, to);
    else pack_across(k, a, n, depth, width, to);
}

/* Neighbours in memory are neighbours in the panel. */
static void pack_half_along(Matrix a, int64_t n, int64_t depth, int width, uint16_t *to)
{
    for (int64_t j = 0; j < depth; j++, to += width) {
        memcpy(to, matrix_at(a, 0, j).data, (size_t)n * sizeof *to);
        for (int64_t i = n; i < width; i++) to[i] = 0;
    }
}

void pack_panel_half(Matrix a, int64_t n, int64_t depth, int width, uint16_t *to)
{
    if (a.rows == 1) {
        pack_half_along(a, n, depth, width, to);
        return;
    }
    for (int64_t j = 0; j < depth; j += STRIP) {
        const int64_t m = depth - j < STRIP ? depth - j : STRIP;
        uint16_t *at = to + j * width;
        for (int64_t i = 0; i < width; i++) {
            const uint16_t *row = i < n ? matrix_at(a, i, j).data : NULL;
            for (int64_t x = 0; x < m; x++) at[x * width + i] = row ? row[x * a.cols] : 0;
        }
    }
}

bool pack_crowds(const Kernels *k, int64_t apart)
{
    enum { LINE = 16, SETS = 64, MOST = 4 };
    int in_set[SETS] = { 0 };
    for (int64_t i = 0; i < k->mr; i++)
        if (++in_set[i * apart / LINE % SETS] > MOST) return true;
    return false;
}

int64_t pack_apart(const Kernels *k, int64_t n)
{
    int64_t apart = (n + ELEM_PAD - 1) / ELEM_PAD * ELEM_PAD;
    while (pack_crowds(k, apart)) apart += ELEM_PAD;
    return apart;
}

void pack_rows(const Kernels *k, Matrix a, int64_t n, int64_t depth, int64_t apart,
               float *to)
{
    for (int64_t i = 0; i < n; i++, to += apart) {
        const float *row = row_of(k, a, i, 0, (size_t)depth, to);
        if (row != to) memcpy(to, row, (size_t)depth * sizeof *to);
    }
}
