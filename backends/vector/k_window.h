/* k_window.h -- windows that slide along a line of a plane, for depthwise convolutions and pools,
 * and lines that are split into every second or fourth element for windows that skip some. */

/* A vector of results: the sums over t < taps of w[t] * x[off[t] + i], or where w is NULL the
 * largest of x[off[t] + i]. */
INLINE V window_at(const float *x, const float *w, const int64_t *off, int taps)
{
    V acc = w ? v_set(0) : v_set(-__builtin_inff());
    for (int t = 0; t < taps; t++)
        acc = w ? v_fma(v_set(w[t]), v_load(x + off[t]), acc)
                : v_max(v_load(x + off[t]), acc);
    return acc;
}

/* The same for n results, four vectors at a time; n is rounded up to a whole vector. */
INLINE void window_of(float *z, const float *x, const float *w, const int64_t *off,
                      int taps, size_t n)
{
    size_t i = 0;
    for (; i + 4 * VEC_LANES <= n; i += 4 * VEC_LANES) {
        V acc[4];
        for (int k = 0; k < 4; k++) acc[k] = w ? v_set(0) : v_set(-__builtin_inff());
        for (int t = 0; t < taps; t++) {
            const float *p = x + off[t] + i;
            const V by = w ? v_set(w[t]) : v_set(0);
            _Pragma("GCC unroll 4") for (int k = 0; k < 4; k++)
            {
                const V v = v_load(p + k * VEC_LANES);
                acc[k] = w ? v_fma(by, v, acc[k]) : v_max(v, acc[k]);
            }
        }
        for (int k = 0; k < 4; k++) v_store(z + i + (size_t)k * VEC_LANES, acc[k]);
    }
    for (; i < n; i += VEC_LANES) v_store(z + i, window_at(x + i, w, off, taps));
}

static void window_sum(float *z, const float *x, const float *w, const int64_t *off,
                       int taps, size_t n)
{
    window_of(z, x, w, off, taps, n);
}

static void window_max(float *z, const float *x, const int64_t *off, int taps, size_t n)
{
    window_of(z, x, NULL, off, taps, n);
}

/* to[p * plane + i] = x[by * i + p] for each p < by, which is 2 or 4. */
static void split(float *to, int64_t plane, const float *x, int by, size_t n)
{
    size_t i = 0;
    for (; by == 2 && i + VEC_LANES <= n; i += VEC_LANES) {
        const V a = v_load(x + 2 * i), b = v_load(x + 2 * i + VEC_LANES);
        v_store(to + i, v_even(a, b));
        v_store(to + plane + i, v_odd(a, b));
    }
    for (; by == 4 && i + VEC_LANES <= n; i += VEC_LANES) {
        const float *p = x + 4 * i;
        const V a = v_load(p), b = v_load(p + VEC_LANES), c = v_load(p + 2 * VEC_LANES),
                d = v_load(p + 3 * VEC_LANES);
        const V even0 = v_even(a, b), even1 = v_even(c, d);
        const V odd0 = v_odd(a, b), odd1 = v_odd(c, d);
        v_store(to + i, v_even(even0, even1));
        v_store(to + plane + i, v_even(odd0, odd1));
        v_store(to + 2 * plane + i, v_odd(even0, even1));
        v_store(to + 3 * plane + i, v_odd(odd0, odd1));
    }
    for (; i < n; i++)
        for (int p = 0; p < by; p++) to[p * plane + (int64_t)i] = x[by * (int64_t)i + p];
}
