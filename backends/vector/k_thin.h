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

/* ---- columns that are rows in memory ------------------------------------------------------- */

/* Adds the products of all elements. */
INLINE void dots_some(const DotProduct *d, const void *b, V (*sum)[2], const int rows,
                      const bool half)
{
    int64_t l = 0;
    for (; l + 2 * VEC_LANES <= d->depth; l += 2 * VEC_LANES) {
        const V b0 = thin_load(b, half, l), b1 = thin_load(b, half, l + VEC_LANES);
        _Pragma("GCC unroll 4") for (int i = 0; i < rows; i++)
        {
            const float *a = d->a + i * d->apart + l;
            sum[i][0] = v_fma(v_load(a), b0, sum[i][0]);
            sum[i][1] = v_fma(v_load(a + VEC_LANES), b1, sum[i][1]);
        }
    }
    for (; l < d->depth; l += VEC_LANES) {
        const int64_t left = d->depth - l;
        const size_t n = left < VEC_LANES ? (size_t)left : VEC_LANES;
        const V v = end_load(end_at(b, half, l), half, n);
        _Pragma("GCC unroll 4") for (int i = 0; i < rows; i++)
            sum[i][0] = v_fma(v_load_part(d->a + i * d->apart + l, n, 0), v, sum[i][0]);
    }
}

INLINE void dots_of(const DotProduct *d, const int rows, const bool half)
{
    for (int64_t j = 0; j < d->cols; j++) {
        V sum[THIN_ROWS][2];
        _Pragma("GCC unroll 4") for (int i = 0; i < rows; i++)
            sum[i][0] = sum[i][1] = v_set(0);
        dots_some(d, end_at(d->b, half, j * d->ldb), sum, rows, half);
        _Pragma("GCC unroll 4") for (int i = 0; i < rows; i++)
            d->c[i * d->ldc + j] = v_sum(sum[i][0] + sum[i][1]);
    }
}

INLINE void dots_rows(const DotProduct *d, const bool half)
{
    if (d->rows == 1) dots_of(d, 1, half);
    else if (d->rows == 2) dots_of(d, 2, half);
    else if (d->rows == 3) dots_of(d, 3, half);
    else dots_of(d, 4, half);
}

static void dots_full(const DotProduct *d) { dots_rows(d, false); }
static void dots_half(const DotProduct *d) { dots_rows(d, true); }
static void dots(const DotProduct *d) { (d->half ? dots_half : dots_full)(d); }
