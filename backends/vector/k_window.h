/* k_window.h -- windows that slide along a line: depthwise convolutions and pools. */

/* z[i] = the sum over t < taps of w[t] * x[off[t] + i], or with w NULL the largest of the x. n is
 * rounded up to vectors. */
INLINE V window_at(const float *x, const float *w, const int64_t *off, int taps)
{
    V acc = w ? v_set(0) : v_set(-__builtin_inff());
    for (int t = 0; t < taps; t++)
        acc = w ? v_fma(v_set(w[t]), v_load(x + off[t]), acc) : v_max(v_load(x + off[t]), acc);
    return acc;
}

INLINE void window_of(float *z, const float *x, const float *w, const int64_t *off, int taps,
                      size_t n)
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

static void window_sum(float *z, const float *x, const float *w, const int64_t *off, int taps,
                       size_t n)
{
    window_of(z, x, w, off, taps, n);
}

static void window_max(float *z, const float *x, const int64_t *off, int taps, size_t n)
{
    window_of(z, x, NULL, off, taps, n);
}
