/* k_thin.h -- products with few rows on the left (ThinProduct), which take as long as their right
 * side is read. Some panels go side by side, so that each has a sum of its own while another is
 * added to. */

/* Sums stay in registers for so many products, then they are added to c. */
enum { THIN_DEPTH = 512 };

INLINE V thin_load(const void *b, const bool half, int64_t at)
{
    return half ? v_load16((const uint16_t *)b + at) : v_load((const float *)b + at);
}

/* n products from row l on, of panels j .. j + wide - 1. `rows`, `wide` and `half` are constants
 * wherever this is inlined, so that the sums are registers. */
INLINE void thin_some(const ThinProduct *t, int64_t j, int64_t l, int64_t n,
                      const int rows, const int wide, const bool half)
{
    V sum[THIN_ROWS][2 * THIN_ROWS];
    const float *a = t->a + l;
    const int64_t apart = t->apart;
    int64_t at = j * t->panel + l * t->ldb;
    _Pragma("GCC unroll 4") for (int i = 0; i < rows; i++)
        _Pragma("GCC unroll 8") for (int p = 0; p < 2 * wide; p++) sum[i][p] = v_set(0);
    for (; n > 0; n--, a++, at += t->ldb) {
        V v[THIN_ROWS];
        _Pragma("GCC unroll 4") for (int i = 0; i < rows; i++) v[i] = v_set(a[i * apart]);
        _Pragma("GCC unroll 8") for (int p = 0; p < 2 * wide; p++)
        {
            const V b = thin_load(t->b, half, at + p / 2 * t->panel + p % 2 * VEC_LANES);
            _Pragma("GCC unroll 4") for (int i = 0; i < rows; i++)
                sum[i][p] = v_fma(v[i], b, sum[i][p]);
        }
    }
    _Pragma("GCC unroll 4") for (int i = 0; i < rows; i++)
        _Pragma("GCC unroll 8") for (int p = 0; p < 2 * wide; p++)
    {
        float *c = t->c + i * t->ldc + j * NR + p * VEC_LANES;
        v_store(c, l || t->add ? v_load(c) + sum[i][p] : sum[i][p]);
    }
}

INLINE void thin_group(const ThinProduct *t, int64_t j, const int rows, const int wide,
                       const bool half)
{
    for (int64_t l = 0; l < t->depth; l += THIN_DEPTH) {
        const int64_t n = t->depth - l < THIN_DEPTH ? t->depth - l : THIN_DEPTH;
        thin_some(t, j, l, n, rows, wide, half);
    }
}

/* Whole groups of `wide` panels, and what is left over a panel at a time. */
INLINE void thin_all(const ThinProduct *t, const int rows, const int wide,
                     const bool half)
{
    const int64_t whole = t->panels / wide * wide;
    if (t->back)
        for (int64_t j = t->panels; j-- > whole;) thin_group(t, j, rows, 1, half);
    for (int64_t j = 0; j < whole; j += wide)
        thin_group(t, t->back ? whole - wide - j : j, rows, wide, half);
    if (!t->back)
        for (int64_t j = whole; j < t->panels; j++) thin_group(t, j, rows, 1, half);
}

INLINE void thin_of(const ThinProduct *t, const bool half)
{
    if (t->rows == 1) thin_all(t, 1, 4, half);
    else if (t->rows == 2) thin_all(t, 2, 2, half);
    else if (t->rows == 3) thin_all(t, 3, 1, half);
    else thin_all(t, 4, 1, half);
}

static void thin_full(const ThinProduct *t) { thin_of(t, false); }
static void thin_half(const ThinProduct *t) { thin_of(t, true); }
static void thin(const ThinProduct *t) { (t->half ? thin_half : thin_full)(t); }
