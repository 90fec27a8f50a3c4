/* k_rows.h -- what is computed of whole rows of floats: sums, extremes, products of two rows,
 * softmax, and rows with a mean of 0 and a variance of 1. */

/* The number that an operation begins with, and the accumulator after one more element. */
INLINE V row_first(RowOp op)
{
    return v_set(op == ROW_MAX   ? -__builtin_inff()
                 : op == ROW_MIN ? __builtin_inff()
                                 : 0);
}

INLINE V row_step(RowOp op, V acc, V x)
{
    switch (op) {
    case ROW_SQUARES:
        return v_fma(x, x, acc);
    case ROW_ROUNDED:
        return acc + x * x;
    case ROW_HALVED:
        return acc + v_round16(x * x);
    case ROW_ABS:
        return acc + v_abs(x);
    case ROW_MAX:
        return v_max(x, acc);
    case ROW_MIN:
        return v_min(x, acc);
    default:
        return acc + x;
    }
}

/* The lanes of an accumulator become one number. */
INLINE float row_end(RowOp op, V a)
{
    if (op == ROW_MAX) return v_most(a);
    if (op == ROW_MIN) return -v_most(-a);
    return v_sum(a);
}

INLINE V row_join(RowOp op, V a, V b)
{
    return op == ROW_MAX ? v_max(a, b) : op == ROW_MIN ? v_min(a, b) : a + b;
}

/* Four accumulators take turns, so that none waits for its own last step. */
INLINE float row_of(RowOp op, const float *x, size_t n)
{
    V acc[4];
    size_t i = 0;
    for (int k = 0; k < 4; k++) acc[k] = row_first(op);
    for (; i + 4 * VEC_LANES <= n; i += 4 * VEC_LANES)
        _Pragma("GCC unroll 4") for (int k = 0; k < 4; k++)
            acc[k] = row_step(op, acc[k], v_load(x + i + (size_t)k * VEC_LANES));
    for (; i + VEC_LANES <= n; i += VEC_LANES)
        acc[0] = row_step(op, acc[0], v_load(x + i));
    if (i < n) acc[1] = row_step(op, acc[1], v_load_part(x + i, n - i, row_first(op)[0]));
    return row_end(
        op, row_join(op, row_join(op, acc[0], acc[1]), row_join(op, acc[2], acc[3])));
}

/* acc[i] = op(acc[i], x[i]), for rows that are reduced together element by element. */
INLINE void fold_of(RowOp op, float *acc, const float *x, size_t n)
{
    size_t i = 0;
    for (; i + VEC_LANES <= n; i += VEC_LANES)
        v_store(acc + i, row_step(op, v_load(acc + i), v_load(x + i)));
    if (i < n)
        v_store_part(
            acc + i,
            row_step(op, v_load_part(acc + i, n - i, 0), v_load_part(x + i, n - i, 0)),
            n - i);
}

#define ROW(name, op) \
    static float row_##name(const float *x, size_t n) { return row_of(op, x, n); } \
    static void fold_##name(float *acc, const float *x, size_t n) \
    { \
        fold_of(op, acc, x, n); \
    }
ROW(sum, ROW_SUM)
ROW(squares, ROW_SQUARES)
ROW(abs, ROW_ABS)
ROW(max, ROW_MAX)
ROW(min, ROW_MIN)
ROW(rounded, ROW_ROUNDED)
ROW(halved, ROW_HALVED)
#undef ROW

static void row_scale(float *x, size_t n, float by)
{
    size_t i = 0;
    for (; i + VEC_LANES <= n; i += VEC_LANES) v_store(x + i, v_load(x + i) * by);
    if (i < n) v_store_part(x + i, v_load_part(x + i, n - i, 0) * by, n - i);
}

INLINE V row_by_one(const RowBy how, V x, V y)
{
    return how == BY_MUL ? x * y : how == BY_DIV ? x / y : x - y;
}

INLINE void row_by_of(const RowBy how, float *z, const float *x, float by, size_t n)
{
    const V y = v_set(by);
    size_t i = 0;
    for (; i + VEC_LANES <= n; i += VEC_LANES)
        v_store(z + i, row_by_one(how, v_load(x + i), y));
    if (i < n)
        v_store_part(z + i, row_by_one(how, v_load_part(x + i, n - i, 0), y), n - i);
}

static void row_by(RowBy how, float *z, const float *x, float y, size_t n)
{
    if (how == BY_MUL) row_by_of(BY_MUL, z, x, y, n);
    else if (how == BY_DIV) row_by_of(BY_DIV, z, x, y, n);
    else row_by_of(BY_SUB, z, x, y, n);
}

/* The largest element. Where some are NaN it may be that of the others: who takes exponentials of
 * the differences to it has NaN in their sum then. */
INLINE float row_top(const float *x, size_t n)
{
    V most = v_set(-__builtin_inff()), other = most;
    size_t i = 0;
    for (; i + 2 * VEC_LANES <= n; i += 2 * VEC_LANES) {
        most = v_larger(v_load(x + i), most);
        other = v_larger(v_load(x + i + VEC_LANES), other);
    }
    for (; i < n; i += VEC_LANES) {
        const size_t m = n - i < VEC_LANES ? n - i : VEC_LANES;
        most = v_larger(v_load_part(x + i, m, -__builtin_inff()), most);
    }
    return v_most(v_larger(most, other));
}

/* exp(x by - top) in place of x, and the sum of all; `scaled`, a constant, is false where by is 1. */
INLINE float row_exp(float *x, size_t n, float most, const bool scaled, float by)
{
    const V top = v_set(most), factor = v_set(by);
    V sum = v_set(0);
    size_t i = 0;
    for (; i + VEC_LANES <= n; i += VEC_LANES) {
        const V v = v_load(x + i), e = v_exp_below((scaled ? v * factor : v) - top);
        v_store(x + i, e);
        sum += e;
    }
    if (i < n) {
        const V v = v_load_part(x + i, n - i, -__builtin_inff());
        v_store_part(x + i, v_exp_below((scaled ? v * factor : v) - top), n - i);
        sum += v_load_part(x + i, n - i, 0);
    }
    return v_sum(sum);
}

/* The largest element is subtracted first, so that exp cannot overflow. */
static void row_softmax(float *x, size_t n)
{
    const float sum = row_exp(x, n, row_top(x, n), false, 1);
    row_scale(x, n, 1 / sum);
}

/* What is made of scores. `round` and `scaled` are constants wherever this is inlined. */
INLINE V weigh_of(const WeighRow *w, V x, V add, const bool round, const bool scaled)
{
    if (round) x = v_round16(x);
    if (scaled) x = x * w->by;
    if (round && scaled) x = v_round16(x);
    if (w->add) x += add;
    return round && w->add ? v_round16(x) : x;
}

/* The same in place of n elements, and the largest of them (row_top). */
INLINE float weigh_all(const WeighRow *w, float *x, size_t n, const bool round,
                       const bool scaled)
{
    V most = v_set(-__builtin_inff()), other = most;
    const V none = v_set(0);
    size_t i = 0;
    for (; i + 2 * VEC_LANES <= n; i += 2 * VEC_LANES) {
        const size_t k = i + VEC_LANES;
        const V a = weigh_of(w, v_load(x + i), w->add ? v_load(w->add + i) : none, round,
                             scaled);
        const V b = weigh_of(w, v_load(x + k), w->add ? v_load(w->add + k) : none, round,
                             scaled);
        v_store(x + i, a);
        v_store(x + k, b);
        most = v_larger(a, most);
        other = v_larger(b, other);
    }
    for (; i < n; i += VEC_LANES) {
        const size_t m = n - i < VEC_LANES ? n - i : VEC_LANES;
        const V add = w->add ? v_load_part(w->add + i, m, 0) : none;
        v_store_part(x + i, weigh_of(w, v_load_part(x + i, m, 0), add, round, scaled), m);
        most = v_larger(v_load_part(x + i, m, -__builtin_inff()), most);
    }
    return v_most(v_larger(most, other));
}

/* The exponentials in place of scores, and their sum. The largest of products with one number, which is
 * above 0, is that of the largest, so that these need not be stored first. */
INLINE float weigh_exp(const WeighRow *w, float *x, size_t n, const bool round,
                       const bool scaled)
{
    if (round || w->add || (scaled && !(w->by > 0)))
        return row_exp(x, n, weigh_all(w, x, n, round, scaled), false, 1);
    const float top = row_top(x, n);
    return row_exp(x, n, scaled ? top * w->by : top, scaled, w->by);
}

INLINE void weigh_row(const WeighRow *w, float *x, size_t n, const bool round,
                      const bool scaled)
{
    const V by = v_set(1 / weigh_exp(w, x, n, round, scaled));
    size_t i = 0;
    for (; i + VEC_LANES <= n; i += VEC_LANES) {
        const V p = v_load(x + i) * by;
        v_store(x + i, round ? v_round16(p) : p);
    }
    if (i < n) {
        const V p = v_load_part(x + i, n - i, 0) * by;
        v_store_part(x + i, round ? v_round16(p) : p, n - i);
    }
}

static void weigh(const WeighRow *w, float *x, size_t n)
{
    if (w->round && w->scaled) weigh_row(w, x, n, true, true);
    else if (w->round) weigh_row(w, x, n, true, false);
    else if (w->scaled) weigh_row(w, x, n, false, true);
    else weigh_row(w, x, n, false, false);
}

/* A power of two that brings numbers with such a mean of squares to where squares neither are
 * infinite nor become 0. */
static float row_unit(float squares)
{
    if (squares > 3.4028235e38f) return 0x1p-64f;
    return squares < 1e-30f ? 0x1p64f : 1;
}

static void row_standardise(float *x, size_t n, float eps)
{
    const V mean = v_set(row_sum(x, n) / (float)n);
    size_t i = 0;
    for (; i + VEC_LANES <= n; i += VEC_LANES) v_store(x + i, v_load(x + i) - mean);
    if (i < n) v_store_part(x + i, v_load_part(x + i, n - i, 0) - mean, n - i);
    float squares = row_squares(x, n) / (float)n + eps;
    const float by = row_unit(squares);
    if (by < 1 || by > 1) {
        row_scale(x, n, by);
        squares = row_squares(x, n) / (float)n + eps * by * by;
    }
    const V root = v_set(__builtin_sqrtf(squares));
    for (i = 0; i + VEC_LANES <= n; i += VEC_LANES) v_store(x + i, v_load(x + i) / root);
    if (i < n) v_store_part(x + i, v_load_part(x + i, n - i, 0) / root, n - i);
}

static float row_dot(const float *x, const float *y, size_t n)
{
    V acc[2] = { v_set(0), v_set(0) };
    size_t i = 0;
    for (; i + 2 * VEC_LANES <= n; i += 2 * VEC_LANES) {
        acc[0] = v_fma(v_load(x + i), v_load(y + i), acc[0]);
        acc[1] = v_fma(v_load(x + i + VEC_LANES), v_load(y + i + VEC_LANES), acc[1]);
    }
    for (; i < n; i += VEC_LANES) {
        const size_t k = n - i < VEC_LANES ? n - i : VEC_LANES;
        acc[0] = v_fma(v_load_part(x + i, k, 0), v_load_part(y + i, k, 0), acc[0]);
    }
    return v_sum(acc[0] + acc[1]);
}
