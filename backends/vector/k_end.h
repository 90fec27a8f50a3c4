/* k_end.h -- the end of a product (SumsEnd): what is done to sums on their way from registers or
 * scratch memory to the place of the result. */

/* Loads and stores of n elements that are floats or, where `half`, 16-bit floats. n may exceed
 * VEC_LANES, which counts as a whole vector; of a part, lanes that are not loaded are 0. */

INLINE V end_load(const void *p, bool half, size_t n)
{
    if (!half) return n < VEC_LANES ? v_load_part(p, n, 0) : v_load(p);
    if (n >= VEC_LANES) return v_load16(p);
    uint16_t some[VEC_LANES] = { 0 };
    for (size_t i = 0; i < n; i++) some[i] = ((const uint16_t *)p)[i];
    return v_load16(some);
}

INLINE void end_store(void *p, bool half, size_t n, V v)
{
    if (!half && n < VEC_LANES) v_store_part(p, v, n);
    else if (!half) v_store(p, v);
    else if (n >= VEC_LANES) v_store16(p, v);
    else {
        uint16_t some[VEC_LANES];
        v_store16(some, v);
        for (size_t i = 0; i < n; i++) ((uint16_t *)p)[i] = some[i];
    }
}

/* The address of element i. */
INLINE const void *end_at(const void *p, bool half, int64_t i)
{
    return half ? (const void *)((const uint16_t *)p + i)
                : (const void *)((const float *)p + i);
}

INLINE V end_acted(const EndAct act, V v)
{
    switch (act) {
#define ACT(name) \
    case END_BY_##name: \
        return elem_of_##name(v, 0, 0);
        END_ACTS(ACT)
#undef ACT
    default:
        return v;
    }
}

INLINE V end_joined(const SumsEnd *e, V v, V more)
{
    return e->times ? v * more : v + more;
}

/* The results of a vector of sums v that begins at row i and column j, of which n lanes exist;
 * `row` is what is added to each element of the row. */
INLINE V end_value(const SumsEnd *e, const EndAct act, V v, V row, int64_t i, int64_t j,
                   size_t n)
{
    if (e->round[END_SUM]) v = v_round16(v);
    if (e->scale) v = v * end_load(e->scale + j, false, n);
    if (e->row) v = v + row;
    if (e->col) v = v + end_load(e->col + j, false, n);
    if (e->round[END_TABLE]) v = v_round16(v);
    v = end_acted(act, v);
    if (e->round[END_ACT]) v = v_round16(v);
    if (e->more) {
        const void *more = end_at(e->more, e->more_half, i * e->apart + j);
        v = end_joined(e, v, end_load(more, e->more_half, n));
    }
    if (e->round[END_MORE]) v = v_round16(v);
    if (e->bounded) v = v_held(v, e->low, e->high) + 0; /* of -0 it is 0, as of v_max */
    return v;
}

/* `act` is a constant wherever this is inlined. */
INLINE void sums_end_of(const SumsEnd *e, const EndAct act, const float *c, int64_t ldc,
                        int64_t rows, int64_t cols)
{
    for (int64_t i = 0; i < rows; i++, c += ldc) {
        const V row = v_set(e->row ? e->row[i] : 0);
        for (int64_t j = 0; j < cols; j += VEC_LANES) {
            const size_t n = cols - j < VEC_LANES ? (size_t)(cols - j) : VEC_LANES;
            const V v = end_value(e, act, v_load(c + j), row, i, j, n);
            void *to = (void *)(uintptr_t)end_at(e->to, e->to_half, i * e->apart + j);
            end_store(to, e->to_half, n, v);
        }
    }
}

static void sums_end(const SumsEnd *e, const float *c, int64_t ldc, int64_t rows,
                     int64_t cols)
{
    switch (e->act) {
#define ACT(name) \
    case END_BY_##name: \
        sums_end_of(e, END_BY_##name, c, ldc, rows, cols); \
        return;
        END_ACTS(ACT)
#undef ACT
    case END_BY_NONE:
        sums_end_of(e, END_BY_NONE, c, ldc, rows, cols);
    }
}

/* Finishes and stores a whole vector of sums, `at` elements behind the place where e begins;
 * `col` is what is added to the columns, if anything is. */
INLINE void end_put(const SumsEnd *e, V v, V col, int64_t at)
{
    if (e->round[END_SUM]) v = v_round16(v);
    if (e->col) v += col;
    if (e->round[END_TABLE]) v = v_round16(v);
    if (e->more) {
        const void *more = end_at(e->more, e->more_half, at);
        v = end_joined(e, v, end_load(more, e->more_half, VEC_LANES));
    }
    if (e->round[END_MORE]) v = v_round16(v);
    if (e->bounded) v = v_held(v, e->low, e->high) + 0; /* of -0 it is 0, as of v_max */
    void *to = (void *)(uintptr_t)end_at(e->to, e->to_half, at);
    end_store(to, e->to_half, VEC_LANES, v);
}

/* The same for vector j of each of some rows, of which the first begins `at` elements behind e's
 * place, so that what e says is asked once for all. `rows` is a constant. */
#define END_EACH _Pragma("GCC unroll 16") for (int i = 0; i < rows; i++)

INLINE void end_rows(const SumsEnd *e, int64_t at, V (*sum)[2], const int rows,
                     const int j)
{
    const V col = e->col ? v_load(e->col + j * VEC_LANES) : v_set(0);
    const uint16_t *half = e->more ? (const uint16_t *)e->more + at : NULL;
    const float *full = e->more ? (const float *)e->more + at : NULL;
    if (e->round[END_SUM]) END_EACH sum[i][j] = v_round16(sum[i][j]);
    if (e->col) END_EACH sum[i][j] += col;
    if (e->round[END_TABLE]) END_EACH sum[i][j] = v_round16(sum[i][j]);
    if (e->more && e->times && e->more_half)
        END_EACH sum[i][j] *= v_load16(half + i * e->apart);
    else if (e->more && e->times) END_EACH sum[i][j] *= v_load(full + i * e->apart);
    else if (e->more && e->more_half) END_EACH sum[i][j] += v_load16(half + i * e->apart);
    else if (e->more) END_EACH sum[i][j] += v_load(full + i * e->apart);
    if (e->round[END_MORE]) END_EACH sum[i][j] = v_round16(sum[i][j]);
    if (e->bounded) /* of -0 it is 0, as of v_max */
        END_EACH sum[i][j] = v_held(sum[i][j], e->low, e->high) + 0;
    const int64_t apart =
        e->apart; /* a store might change e, as far as the compiler knows */
    uint16_t *to_half = (uint16_t *)e->to + at;
    float *to_full = (float *)e->to + at;
    if (e->to_half) END_EACH v_store16(to_half + i * apart, sum[i][j]);
    else END_EACH v_store(to_full + i * apart, sum[i][j]);
}
