/* gemm.c -- matrix products of the reference kernels: in double or int64, summed in one fixed
 * order. */
#include "eval.h"

/* A tile of ROWS by COLS sums stays in registers (two numbers each on every processor of note)
 * while l runs; the block of b that the tiles share is packed in the order in which they read
 * it. Each sum takes its products in the order of l, and edges are padded: tiling changes the
 * speed, never the value. A single row is not worth a packed block: its sums are made where b
 * lies. Written once for both element types; C has no other word for it than a macro.
 *
 * b[l][j] is b[l * down + j * across]: a matrix as it lies has across 1, a turned one down 1. */
enum { ROWS = 4, COLS = 4, KC = 128, NC = 64 };

typedef struct {
    int64_t rows, cols, k; /* of this tile; rows and cols may be short at the edges */
} TileSize;

static int64_t gemm_min(int64_t a, int64_t b) { return a < b ? a : b; }

#define GEMM(NAME, E, T) \
    typedef T NAME##_pair __attribute__((vector_size(2 * sizeof(T)))); \
    typedef T NAME##_loose \
        __attribute__((vector_size(2 * sizeof(T)), aligned(sizeof(T)))); \
    /* sum[i] += a[i][..] times the packed columns b. */ \
    static void NAME##_sum(int64_t k, const E *const a[ROWS], const T *b, \
                           NAME##_pair sum[ROWS][COLS / 2]) \
    { \
        NAME##_pair s[ROWS][COLS / 2]; \
        _Pragma("GCC unroll 4") for (int i = 0; i < ROWS; i++) for (int j = 0; \
                                                                    j < COLS / 2; j++) \
            s[i][j] = sum[i][j]; \
        for (int64_t l = 0; l < k; l++, b += COLS) { \
            const NAME##_pair lo = { b[0], b[1] }, hi = { b[2], b[3] }; \
            _Pragma("GCC unroll 4") for (int i = 0; i < ROWS; i++) \
            { \
                const NAME##_pair v = { (T)a[i][l], (T)a[i][l] }; \
                s[i][0] += v * lo; \
                s[i][1] += v * hi; \
            } \
        } \
        _Pragma("GCC unroll 4") for (int i = 0; i < ROWS; i++) for (int j = 0; \
                                                                    j < COLS / 2; j++) \
            sum[i][j] = s[i][j]; \
    } \
    static void NAME##_tile(TileSize x, const E *a, int64_t lda, const T *b, E *c, \
                            int64_t ldc) \
    { \
        const E *row[ROWS]; \
        NAME##_pair sum[ROWS][COLS / 2] = { { { 0 } } }; \
        for (int64_t i = 0; i < ROWS; i++) row[i] = a + gemm_min(i, x.rows - 1) * lda; \
        for (int64_t i = 0; i < x.rows; i++) \
            for (int64_t j = 0; j < x.cols; j++) \
                sum[i][j / 2][j % 2] = (T)c[i * ldc + j]; \
        NAME##_sum(x.k, row, b, sum); \
        for (int64_t i = 0; i < x.rows; i++) \
            for (int64_t j = 0; j < x.cols; j++) \
                c[i * ldc + j] = (E)sum[i][j / 2][j % 2]; \
    } \
    /* k by n of b, in strips of COLS columns that are padded with zeros. */ \
    static void NAME##_pack(int64_t k, int64_t n, const E *b, int64_t down, \
                            int64_t across, T *to) \
    { \
        for (int64_t j = 0; j < n; j += COLS) \
            for (int64_t l = 0; l < k; l++) \
                for (int64_t i = j; i < j + COLS; i++) \
                    *to++ = i < n ? (T)b[l * down + i * across] : 0; \
    } \
    /* c[j] += a[0] b[0][j], then a[1] b[1][j] .., of b as it lies. */ \
    static void NAME##_row(int64_t n, int64_t k, const E *a, const E *b, int64_t down, \
                           E *c) \
    { \
        for (int64_t l = 0; l < k; l++, b += down) { \
            const T v = (T)a[l]; \
            int64_t j = 0; \
            for (; j + 2 <= n; j += 2) \
                *(NAME##_loose *)(void *)(c + j) += \
                    v * *(const NAME##_loose *)(const void *)(b + j); \
            if (j < n) c[j] = (E)((T)c[j] + v * (T)b[j]); \
        } \
    } \
    /* The same of a turned one: so many sums at once as there is time for between two adds. */ \
    static void NAME##_line(int64_t n, int64_t k, const E *a, const E *b, \
                            int64_t across, E *c) \
    { \
        enum { SUMS = 8 }; \
        for (int64_t j = 0; j < n; j += SUMS) { \
            const E *col[SUMS]; \
            T sum[SUMS]; \
            for (int64_t i = 0; i < SUMS; i++) { \
                col[i] = b + gemm_min(j + i, n - 1) * across; \
                sum[i] = (T)c[gemm_min(j + i, n - 1)]; \
            } \
            for (int64_t l = 0; l < k; l++) \
                _Pragma("GCC unroll 8") for (int i = 0; i < SUMS; i++) \
                    sum[i] += (T)a[l] * (T)col[i][l]; \
            for (int64_t i = 0; i < SUMS && j + i < n; i++) c[j + i] = (E)sum[i]; \
        } \
    } \
    static void NAME##_any(int64_t m, int64_t n, int64_t k, const E *a, int64_t lda, \
                           const E *b, int64_t down, int64_t across, E *c, int64_t ldc) \
    { \
        T pack[KC * NC]; \
        if (m == 1 && across == 1) { \
            NAME##_row(n, k, a, b, down, c); \
            return; \
        } \
        if (m == 1 && down == 1) { \
            NAME##_line(n, k, a, b, across, c); \
            return; \
        } \
        for (int64_t l = 0; l < k; l += KC) \
            for (int64_t j0 = 0; j0 < n; j0 += NC) { \
                int64_t kc = gemm_min(KC, k - l), nc = gemm_min(NC, n - j0); \
                NAME##_pack(kc, nc, b + l * down + j0 * across, down, across, pack); \
                for (int64_t i = 0; i < m; i += ROWS) \
                    for (int64_t j = 0; j < nc; j += COLS) { \
                        TileSize x = { gemm_min(ROWS, m - i), gemm_min(COLS, nc - j), \
                                       kc }; \
                        NAME##_tile(x, a + i * lda + l, lda, pack + j * kc, \
                                    c + i * ldc + j0 + j, ldc); \
                    } \
            } \
    } \
    void NAME(int64_t m, int64_t n, int64_t k, const E *a, int64_t lda, const E *b, \
              int64_t ldb, E *c, int64_t ldc) \
    { \
        NAME##_any(m, n, k, a, lda, b, ldb, 1, c, ldc); \
    }

GEMM(gemm_double, double, double)
GEMM(gemm_int, int64_t, uint64_t)

void gemm_double_turned(int64_t m, int64_t n, int64_t k, const double *a, int64_t lda,
                        const double *b, int64_t ldb, double *c, int64_t ldc)
{
    gemm_double_any(m, n, k, a, lda, b, 1, ldb, c, ldc);
}

void call_gemm(const Call *call, int64_t m, int64_t n, int64_t k, const double *a,
               int64_t lda, const double *b, int64_t ldb, double *c, int64_t ldc)
{
    const Products *how = call->products;
    if (how) how->gemm(how, m, n, k, a, lda, b, ldb, c, ldc);
    else gemm_double(m, n, k, a, lda, b, ldb, c, ldc);
}
