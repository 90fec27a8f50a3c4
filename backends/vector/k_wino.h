/* k_wino.h -- convolutions of 3 x 3 by the method of Winograd, F(4, 3). A square of 6 x 6 elements
 * of x becomes 36 numbers, 9 weights become 36 others; their products are summed over the
 * input's channels, and the 36 sums become 4 x 4 elements of the result, with 36 products in
 * place of 144. Elements are vectors, a channel a lane. The matrices B, G and A are those of
 * Lavin and Gray, Fast Algorithms for Convolutional Neural Networks (2016), section 4.3; each
 * is applied to the columns first and then to the rows. */

/* z = B' d, of a line of the input. */
INLINE void wino_in_line(V z[6], const V d[6])
{
    const V a = v_fma(v_set(-4), d[2], d[4]), b = v_fma(v_set(-4), d[1], d[3]);
    const V c = d[4] - d[2], e = 2 * (d[3] - d[1]);
    z[0] = v_fma(v_set(4), d[0], v_fma(v_set(-5), d[2], d[4]));
    z[1] = a + b;
    z[2] = a - b;
    z[3] = c + e;
    z[4] = c - e;
    z[5] = v_fma(v_set(4), d[1], v_fma(v_set(-5), d[3], d[5]));
}

static void wino_in(float *to, int64_t step, const float *x, int64_t line)
{
    V rows[6][6], d[6], z[6];
    _Pragma("GCC unroll 6") for (int j = 0; j < 6; j++)
    {
        for (int i = 0; i < 6; i++) d[i] = v_load(x + i * line + j * VEC_LANES);
        wino_in_line(z, d);
        for (int i = 0; i < 6; i++) rows[i][j] = z[i];
    }
    _Pragma("GCC unroll 6") for (int i = 0; i < 6; i++)
    {
        wino_in_line(z, rows[i]);
        for (int j = 0; j < 6; j++) v_store(to + (6 * i + j) * step, z[j]);
    }
}

/* z = A' m, of a line of sums. */
INLINE void wino_out_line(V z[4], const V m[6])
{
    const V a = m[1] + m[2], b = m[1] - m[2], c = m[3] + m[4], d = m[3] - m[4];
    z[0] = m[0] + a + c;
    z[1] = v_fma(v_set(2), d, b);
    z[2] = v_fma(v_set(4), c, a);
    z[3] = v_fma(v_set(8), d, b) + m[5];
}

/* Stores line i of a tile. *all gets 0 times each result, which is NaN where one is not finite. */
INLINE void wino_put(const WinoTile *t, int i, const V z[4], V col, V *all)
{
    for (int j = 0; j < 4; j++) {
        *all = v_fma(z[j], v_set(0), *all);
        if (t->end) end_put(t->end, z[j], col, i * t->end->apart + j * VEC_LANES);
        else v_store(t->to + i * t->line + j * VEC_LANES, z[j]);
    }
}

static bool wino_out(const WinoTile *t)
{
    V rows[4][6], d[6], z[4], all = v_set(0);
    const V col = t->end && t->end->col ? v_load(t->end->col) : v_set(0);
    _Pragma("GCC unroll 6") for (int j = 0; j < 6; j++)
    {
        for (int i = 0; i < 6; i++) d[i] = v_load(t->m + (6 * i + j) * t->step);
        wino_out_line(z, d);
        for (int i = 0; i < 4; i++) rows[i][j] = z[i];
    }
    _Pragma("GCC unroll 4") for (int i = 0; i < 4; i++)
    {
        wino_out_line(z, rows[i]);
        wino_put(t, i, z, col, &all);
    }
    const float none = v_sum(all); /* 0, or NaN where a result is not finite */
    return none == none;
}

/* z = G g, of a line of weights. */
INLINE void wino_weight_line(V z[6], const V g[3])
{
    const V a = (g[0] + g[2]) * (1 / 6.0f), b = g[1] * (1 / 6.0f);
    const V c = v_fma(g[0], v_set(1 / 24.0f), g[2] * (1 / 6.0f)), d = g[1] * (1 / 12.0f);
    z[0] = g[0] * 0.25f;
    z[1] = -a - b;
    z[2] = b - a;
    z[3] = c + d;
    z[4] = c - d;
    z[5] = g[2];
}

static void wino_weight(float *to, int64_t step, const float *g)
{
    V rows[6][3], line[3], z[6];
    for (int j = 0; j < 3; j++) {
        for (int i = 0; i < 3; i++) line[i] = v_load(g + (3 * i + j) * VEC_LANES);
        wino_weight_line(z, line);
        for (int i = 0; i < 6; i++) rows[i][j] = z[i];
    }
    for (int i = 0; i < 6; i++) {
        wino_weight_line(z, rows[i]);
        for (int j = 0; j < 6; j++) v_store(to + (6 * i + j) * step, z[j]);
    }
}
