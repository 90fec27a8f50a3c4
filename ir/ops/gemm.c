/* gemm.c -- products of matrices for the reference: wide elements, one order of summation. */
#include "eval.h"

/* A tile of ROWS by COLS sums stays in registers (two numbers each on every processor of note)
 * while l runs; the block of b that the tiles share is packed in the order in which they read
 * it. Each sum takes its products in the order of l, and edges are padded: tiling changes the
 * speed, never the value. Written once for both element types; C has no other word for it than
 * a macro. */
enum { ROWS = 4, COLS = 4, KC = 128, NC = 64 };

typedef struct {
    int64_t rows, cols, k; /* of this tile; rows and cols may be short at the edges */
} Extent;

static int64_t gemm_min(int64_t a, int64_t b) { return a < b ? a : b; }

#define GEMM(NAME, E, T) \
    typedef T NAME##_pair __attribute__((vector_size(2 * sizeof(T)))); \
    /* sum[i] += a[i][..] times the packed columns b. */ \
    static void NAME##_sum(int64_t k, const E *const a[ROWS], const T *b, \
                           NAME##_pair sum[ROWS][COLS / 2]) \
    { \
        NAME##_pair s[ROWS][COLS / 2]; \
        _Pragma("GCC unroll 4") for (int i = 0; i < ROWS; i++) for (int j = 0; j < COLS / 2; \
                                                                    j++) s[i][j] = sum[i][j]; \
        for (int64_t l = 0; l < k; l++, b += COLS) { \
            const NAME##_pair lo = { b[0], b[1] }, hi = { b[2], b[3] }; \
            _Pragma("GCC unroll 4") for (int i = 0; i < ROWS; i++) \
            { \
                const NAME##_pair v = { (T)a[i][l], (T)a[i][l] }; \
                s[i][0] += v * lo; \
                s[i][1] += v * hi; \
            } \
        } \
        _Pragma("GCC unroll 4") for (int i = 0; i < ROWS; i++) for (int j = 0; j < COLS / 2; \
                                                                    j++) sum[i][j] = s[i][j]; \
    } \
    static void NAME##_tile(Extent x, const E *a, int64_t lda, const T *b, E *c, int64_t ldc) \
    { \
        const E *row[ROWS]; \
        NAME##_pair sum[ROWS][COLS / 2] = { { { 0 } } }; \
        for (int64_t i = 0; i < ROWS; i++) row[i] = a + gemm_min(i, x.rows - 1) * lda; \
        for (int64_t i = 0; i < x.rows; i++) \
            for (int64_t j = 0; j < x.cols; j++) sum[i][j / 2][j % 2] = (T)c[i * ldc + j]; \
        NAME##_sum(x.k, row, b, sum); \
        for (int64_t i = 0; i < x.rows; i++) \
            for (int64_t j = 0; j < x.cols; j++) c[i * ldc + j] = (E)sum[i][j / 2][j % 2]; \
    } \
    /* k by n of b, in strips of COLS columns that are padded with zeros. */ \
    static void NAME##_pack(int64_t k, int64_t n, const E *b, int64_t ldb, T *to) \
    { \
        for (int64_t j = 0; j < n; j += COLS) \
            for (int64_t l = 0; l < k; l++) \
                for (int64_t i = j; i < j + COLS; i++) *to++ = i < n ? (T)b[l * ldb + i] : 0; \
    } \
    void NAME(int64_t m, int64_t n, int64_t k, const E *a, int64_t lda, const E *b, \
              int64_t ldb, E *c, int64_t ldc) \
    { \
        T pack[KC * NC]; \
        for (int64_t l = 0; l < k; l += KC) \
            for (int64_t j0 = 0; j0 < n; j0 += NC) { \
                int64_t kc = gemm_min(KC, k - l), nc = gemm_min(NC, n - j0); \
                NAME##_pack(kc, nc, b + l * ldb + j0, ldb, pack); \
                for (int64_t i = 0; i < m; i += ROWS) \
                    for (int64_t j = 0; j < nc; j += COLS) { \
                        Extent x = { gemm_min(ROWS, m - i), gemm_min(COLS, nc - j), kc }; \
                        NAME##_tile(x, a + i * lda + l, lda, pack + j * kc, \
                                    c + i * ldc + j0 + j, ldc); \
                    } \
            } \
    }

GEMM(gemm_double, double, double)
GEMM(gemm_int, int64_t, uint64_t)

void call_gemm(const Call *call, int64_t m, int64_t n, int64_t k, const double *a, int64_t lda,
               const double *b, int64_t ldb, double *c, int64_t ldc)
{
    const Products *how = call->products;
    if (how) how->gemm(how, m, n, k, a, lda, b, ldb, c, ldc);
    else gemm_double(m, n, k, a, lda, b, ldb, c, ldc);
}
