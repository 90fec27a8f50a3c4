/* k_gemm.h -- a tile of a product of matrices (GemmTile). All its sums are registers: for each
 * l, every element of column l of a is multiplied by row l of b, two vectors wide. */

/* The columns of a tile. */
enum { NR = 2 * VEC_LANES };

/* Loads the two vectors of row l of b. `half`: b is fp16; `table`: its rows are where t->off
 * says. */
INLINE void gemm_row(const GemmTile *t, bool half, bool table, int64_t l, V *b0, V *b1)
{
    const int64_t at = table ? t->off[l] : l * t->ldb;
    if (half) {
        const uint16_t *p = (const uint16_t *)t->b + at;
        *b0 = v_load16(p);
        *b1 = v_load16(p + VEC_LANES);
    } else {
        const float *p = (const float *)t->b + at;
        *b0 = v_load(p);
        *b1 = v_load(p + VEC_LANES);
    }
}

/* Asks for what follows row l of b at some distance. The processor does so by itself, but stops
 * at the end of each page. */
INLINE void gemm_ahead(const GemmTile *t, bool half, int64_t l)
{
    enum { AHEAD = 4096 };
    const int64_t at = l * t->ldb * (half ? 2 : 4) + AHEAD;
    __builtin_prefetch((const char *)t->b + at);
    if (!half && VEC_LANES == 16) __builtin_prefetch((const char *)t->b + at + 64);
}

/* `rows` is a constant wherever this is inlined, so that the sums are registers. */
INLINE void gemm_rows(const GemmTile *t, const int rows, bool half, bool table)
{
    V sum[VEC_ROWS][2];
    const float *a = t->a;
    _Pragma("GCC unroll 16") for (int i = 0; i < rows; i++)
    {
        sum[i][0] = t->add ? v_load(t->c + i * t->ldc) : v_set(0);
        sum[i][1] = t->add ? v_load(t->c + i * t->ldc + VEC_LANES) : v_set(0);
    }
    for (int64_t l = 0; l < t->depth; l++, a += VEC_ROWS) {
        V b0, b1;
        gemm_row(t, half, table, l, &b0, &b1);
        _Pragma("GCC unroll 16") for (int i = 0; i < rows; i++)
        {
            const V v = v_set(a[i]);
            sum[i][0] = v_fma(v, b0, sum[i][0]);
            sum[i][1] = v_fma(v, b1, sum[i][1]);
        }
    }
    _Pragma("GCC unroll 16") for (int i = 0; i < rows; i++)
    {
        v_store(t->c + i * t->ldc, sum[i][0]);
        v_store(t->c + i * t->ldc + VEC_LANES, sum[i][1]);
    }
}

/* One row alone has four sums, each of every fourth product: a single sum would have to wait
 * for its last addition before the next. */
INLINE void gemm_one(const GemmTile *t, bool half, bool table)
{
    V s[4][2];
    const float *a = t->a;
    _Pragma("GCC unroll 4") for (int i = 0; i < 4; i++) s[i][0] = s[i][1] = v_set(0);
    int64_t l = 0;
    for (; l + 4 <= t->depth; l += 4) _Pragma("GCC unroll 4") for (int i = 0; i < 4; i++)
        {
            V b0, b1;
            if (!table) gemm_ahead(t, half, l + i);
            gemm_row(t, half, table, l + i, &b0, &b1);
            const V v = v_set(a[(l + i) * VEC_ROWS]);
            s[i][0] = v_fma(v, b0, s[i][0]);
            s[i][1] = v_fma(v, b1, s[i][1]);
        }
    for (; l < t->depth; l++) {
        V b0, b1;
        gemm_row(t, half, table, l, &b0, &b1);
        const V v = v_set(a[l * VEC_ROWS]);
        s[0][0] = v_fma(v, b0, s[0][0]);
        s[0][1] = v_fma(v, b1, s[0][1]);
    }
    const V r0 = (s[0][0] + s[1][0]) + (s[2][0] + s[3][0]);
    const V r1 = (s[0][1] + s[1][1]) + (s[2][1] + s[3][1]);
    v_store(t->c, t->add ? v_load(t->c) + r0 : r0);
    v_store(t->c + VEC_LANES, t->add ? v_load(t->c + VEC_LANES) + r1 : r1);
}

#define GEMM_CASE(n) \
    case n: \
        if (n <= VEC_ROWS) gemm_rows(t, n <= VEC_ROWS ? n : 1, half, table); \
        break;

INLINE void gemm_of(const GemmTile *t, bool half, bool table)
{
    switch (t->rows) {
    case 1:
        gemm_one(t, half, table);
        break;
        GEMM_CASE(2)
        GEMM_CASE(3)
        GEMM_CASE(4)
        GEMM_CASE(5)
        GEMM_CASE(6)
        GEMM_CASE(7)
        GEMM_CASE(8)
        GEMM_CASE(9)
        GEMM_CASE(10)
        GEMM_CASE(11)
        GEMM_CASE(12)
        GEMM_CASE(13)
        GEMM_CASE(14)
    }
}

static void gemm_half(const GemmTile *t) { gemm_of(t, true, false); }
static void gemm_full(const GemmTile *t) { gemm_of(t, false, false); }
static void gemm_table(const GemmTile *t) { gemm_of(t, false, true); }

/* A tile of half as many columns reads one vector of each row of b. */
INLINE void gemm_rows_narrow(const GemmTile *t, const int rows)
{
    V sum[VEC_ROWS];
    const float *a = t->a, *b = t->b;
    _Pragma("GCC unroll 16") for (int i = 0; i < rows; i++)
        sum[i] = t->add ? v_load(t->c + i * t->ldc) : v_set(0);
    for (int64_t l = 0; l < t->depth; l++, a += VEC_ROWS, b += t->ldb) {
        const V v = v_load(b);
        _Pragma("GCC unroll 16") for (int i = 0; i < rows; i++)
            sum[i] = v_fma(v_set(a[i]), v, sum[i]);
    }
    _Pragma("GCC unroll 16") for (int i = 0; i < rows; i++)
        v_store(t->c + i * t->ldc, sum[i]);
}

/* A tile of fewer rows than a panel is computed whole, in memory of its own, and the rows that
 * exist are copied. */
static void gemm_narrow(const GemmTile *t)
{
    GemmTile whole = *t;
    float c[VEC_ROWS * VEC_LANES];
    if (t->rows == VEC_ROWS) {
        gemm_rows_narrow(t, VEC_ROWS);
        return;
    }
    for (int i = 0; i < VEC_ROWS; i++)
        v_store(c + i * VEC_LANES,
                t->add && i < t->rows ? v_load(t->c + i * t->ldc) : v_set(0));
    whole.c = c;
    whole.ldc = VEC_LANES;
    gemm_rows_narrow(&whole, VEC_ROWS);
    for (int i = 0; i < t->rows; i++)
        v_store(t->c + i * t->ldc, v_load(c + i * VEC_LANES));
}

/* b by a table is always fp32. */
static void gemm_tile(const GemmTile *t)
{
    if (t->narrow) gemm_narrow(t);
    else if (t->off) gemm_table(t);
    else if (t->half) gemm_half(t);
    else gemm_full(t);
}

/* Rows off[0] .. off[depth - 1] of x, NR columns of each, side by side. */
static void gemm_gather(float *to, const float *x, const int64_t *off, int64_t depth)
{
    for (int64_t l = 0; l < depth; l++, to += NR) {
        const V a = v_load(x + off[l]), b = v_load(x + off[l] + VEC_LANES);
        v_store(to, a);
        v_store(to + VEC_LANES, b);
    }
}
