/* k_runs.h -- tiles of products whose left rows are read where they lie, or in panels (RunTile),
 * and the transposition of matrices. */

/* Three rows are reached from one address by two distances, so that the addresses of all rows
 * fit into registers. */
enum { RUNS_EACH = 3, RUNS_BASES = (VEC_ROWS + RUNS_EACH - 1) / RUNS_EACH };

typedef struct {
    const float *base[RUNS_BASES];
    int64_t one, two; /* the distance to the next row, and to the one after it */
} RunsLeft;

/* The element of row i that comes next, in all lanes. */
INLINE V runs_left(const RunsLeft *a, int i)
{
    const float *p = a->base[i / RUNS_EACH];
    return v_set(i % RUNS_EACH == 0 ? *p : i % RUNS_EACH == 1 ? p[a->one] : p[a->two]);
}

/* Loads vector j of the row of the panel that begins at b. */
INLINE V runs_right(const void *b, const bool half, int j)
{
    return half ? v_load16((const uint16_t *)b + j * VEC_LANES)
                : v_load((const float *)b + j * VEC_LANES);
}

/* Asks for what follows the row at b at some distance. */
INLINE void runs_ahead(const char *b, const int wide, const bool half)
{
    enum { AHEAD = 16 };
    const char *p = b + AHEAD * NR * (half ? 2 : 4);
    __builtin_prefetch(p);
    if (!half && wide == 2 && VEC_LANES == 16) __builtin_prefetch(p + 64);
}

/* Adds one run to the sums: n products to each, from row l of the panel on. */
INLINE void runs_add(const RunTile *t, const float *a, int64_t l, int64_t n, V (*sum)[2],
                     const int rows, const int wide, const bool half)
{
    const char *ahead = t->ahead ? (const char *)t->ahead + l * t->ahead_by : t->b;
    const int64_t ahead_by = t->ahead ? t->ahead_by : 0;
    RunsLeft left = { .one = t->apart, .two = 2 * t->apart };
    _Pragma("GCC unroll 16") for (int k = 0; k < RUNS_BASES; k++)
        left.base[k] = a + k * RUNS_EACH * t->apart;
    const int64_t next = t->panel ? VEC_ROWS : 1;
    const char *b = (const char *)t->b + l * NR * (half ? 2 : 4);
    for (; n > 0; n--, b += NR * (half ? 2 : 4)) {
        runs_ahead(b, wide, half);
        __builtin_prefetch(ahead, 0, 2);
        ahead += ahead_by;
        const V b0 = runs_right(b, half, 0);
        const V b1 = wide == 2 ? runs_right(b, half, 1) : b0;
        _Pragma("GCC unroll 16") for (int i = 0; i < rows; i++)
        {
            const V v = runs_left(&left, i);
            sum[i][0] = v_fma(v, b0, sum[i][0]);
            if (wide == 2) sum[i][1] = v_fma(v, b1, sum[i][1]);
        }
        _Pragma("GCC unroll 16") for (int k = 0; k < RUNS_BASES; k++)
            left.base[k] += next;
    }
}

INLINE void runs_start(const RunTile *t, V (*sum)[2], const int rows, const int j)
{
    if (t->from) END_EACH sum[i][j] = v_load(t->from + i * t->ldf + j * t->from_second);
    else END_EACH sum[i][j] = v_set(0);
}

INLINE void runs_put(const RunTile *t, V (*sum)[2], const int rows, const int j)
{
    if (t->end) end_rows(t->end, j * t->second, sum, rows, j);
    else END_EACH v_store(t->c + i * t->ldc + j * t->second, sum[i][j]);
}

/* The same tile, of which the compiler forgets what it has read. What it kept from run to run
 * would take registers from the sums. */
INLINE const RunTile *runs_again(const RunTile *t)
{
    __asm__("" : "+r"(t));
    return t;
}

/* Asks for where results go, and for what is joined with them: they are wanted once the sums are
 * formed, and a store that misses all caches has those behind it wait. */
INLINE void runs_fetch(const RunTile *t, const int rows, const int j)
{
    const SumsEnd *e = t->end;
    const int64_t at = j * t->second;
    END_EACH __builtin_prefetch(end_at(e->to, e->to_half, i * e->apart + at), 1);
    if (e->more)
        END_EACH __builtin_prefetch(end_at(e->more, e->more_half, i * e->apart + at));
}

/* Whether sums take long enough for that. */
INLINE bool runs_fetches(const RunTile *t)
{
    enum { LONG = 128 };
    return t->end && t->runs == 1 && t->last >= LONG;
}

/* `rows`, `wide` (vectors of columns) and `half` are constants wherever this is inlined. */
INLINE void runs_rows(const RunTile *t, const int rows, const int wide, const bool half)
{
    V sum[VEC_ROWS][2];
    const bool fetches = runs_fetches(t);
    if (fetches) runs_fetch(t, rows, 0);
    if (fetches && wide == 2) runs_fetch(t, rows, 1);
    runs_start(t, sum, rows, 0);
    if (wide == 2) runs_start(t, sum, rows, 1);
    for (int64_t g = 0; g < t->runs; g++) {
        const RunTile *u = runs_again(t);
        const int64_t n = g + 1 < u->runs ? u->run : u->last;
        runs_add(u, u->a + (u->off ? u->off[g] : 0), g * u->run, n, sum, rows, wide,
                 half);
    }
    /* no loop, whose counter would have the sums in memory instead of registers */
    runs_put(t, sum, rows, 0);
    if (wide == 2) runs_put(t, sum, rows, 1);
}

#define RUNS_CASE(n) \
    case n: \
        if (n <= VEC_ROWS) runs_rows(t, n <= VEC_ROWS ? n : 1, wide, half); \
        break;

INLINE void runs_of(const RunTile *t, const int wide, const bool half)
{
    switch (t->rows) {
        RUNS_CASE(1)
        RUNS_CASE(2)
        RUNS_CASE(3)
        RUNS_CASE(4)
        RUNS_CASE(5)
        RUNS_CASE(6)
        RUNS_CASE(7)
        RUNS_CASE(8)
        RUNS_CASE(9)
        RUNS_CASE(10)
        RUNS_CASE(11)
        RUNS_CASE(12)
        RUNS_CASE(13)
        RUNS_CASE(14)
    }
}

static void runs_full(const RunTile *t) { runs_of(t, 2, false); }
static void runs_half(const RunTile *t) { runs_of(t, 2, true); }
static void runs_narrow(const RunTile *t) { runs_of(t, 1, false); }
static void runs_narrow_half(const RunTile *t) { runs_of(t, 1, true); }

static void runs_tile(const RunTile *t)
{
    if (t->narrow) (t->half ? runs_narrow_half : runs_narrow)(t);
    else (t->half ? runs_half : runs_full)(t);
}

/* Transposes a square of VEC_LANES vectors. Each round takes the lanes of a row of the first
 * half and one of the second half by turns; after log2(VEC_LANES) rounds rows are columns. */
INLINE void turn_square(V *r)
{
    V t[VEC_LANES];
    for (int n = 1; n < VEC_LANES; n *= 2) {
        _Pragma("GCC unroll 16") for (int i = 0; i < VEC_LANES / 2; i++)
        {
            t[2 * i] = v_turns_low(r[i], r[i + VEC_LANES / 2]);
            t[2 * i + 1] = v_turns_high(r[i], r[i + VEC_LANES / 2]);
        }
        _Pragma("GCC unroll 16") for (int i = 0; i < VEC_LANES; i++) r[i] = t[i];
    }
}

/* Transposes up to VEC_LANES rows of a matrix, of n elements each. */
INLINE void turn_rows(float *to, int64_t width, const float *x, int64_t apart, int rows,
                      size_t n)
{
    V r[VEC_LANES];
    size_t l = 0;
    for (; l + VEC_LANES <= n; l += VEC_LANES) {
        _Pragma("GCC unroll 16") for (int i = 0; i < VEC_LANES; i++)
            r[i] = i < rows ? v_load(x + i * apart + (int64_t)l) : v_set(0);
        turn_square(r);
        float *at = to + (int64_t)l * width;
        if (rows == VEC_LANES)
            _Pragma("GCC unroll 16") for (int i = 0; i < VEC_LANES; i++)
                v_store(at + i * width, r[i]);
        else
            for (int i = 0; i < VEC_LANES; i++)
                v_store_part(at + i * width, r[i], (size_t)rows);
    }
    for (; l < n; l++)
        for (int i = 0; i < rows; i++)
            to[(int64_t)l * width + i] = x[i * apart + (int64_t)l];
}

static void turn(float *to, int64_t width, const float *x, int64_t apart, int64_t rows,
                 size_t n)
{
    for (int64_t i = 0; i < rows; i += VEC_LANES) {
        const int64_t left = rows - i < VEC_LANES ? rows - i : VEC_LANES;
        turn_rows(to + i, width, x + i * apart, apart, (int)left, n);
    }
}
