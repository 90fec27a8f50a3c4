/* k_depth.h -- depthwise convolutions, in which each channel has a kernel of its own. They read
 * the channel's plane where it lies; elements outside of it are not read and count as 0. */

enum { DEPTH_ROWS = 4, DEPTH_SIDE = 5 };

/* What VEC_LANES positions side by side read from a line of the plane. `at` is where the first
 * column of weights reads; there[j] says which of the elements that column j reads lie inside
 * of the line. Where the step is 2, there[j][1] is about the second vector that is read. */
typedef struct {
    int64_t at;
    VM there[DEPTH_SIDE][2];
} DepthTaps;

/* The elements of a line of the plane that column j of the weights is multiplied by. */
INLINE V depth_tap(const DepthTaps *t, const float *line, int j, const int step)
{
    const float *p = line + t->at + j;
    const V v = v_load_some(p, t->there[j][0]);
    return step == 1 ? v : v_even(v, v_load_some(p + VEC_LANES, t->there[j][1]));
}

/* Computes the sums of rows y .. y + rows - 1. `rows`, `side` and `step` are constants where
 * this is inlined, so that the loops over them are unrolled. */
INLINE void depth_sums(const DepthPlane *d, const DepthTaps *t, int64_t y, V *sum,
                       const int rows, const int side, const int step)
{
    for (int r = 0; r < rows; r++) sum[r] = v_set(0);
    _Pragma("GCC unroll 16") for (int l = 0; l < (rows - 1) * step + side; l++)
    {
        const int64_t line = y * step - d->top + l;
        if (line < 0 || line >= d->high) continue;
        _Pragma("GCC unroll 5") for (int j = 0; j < side; j++)
        {
            const V v = depth_tap(t, d->x + line * d->wide, j, step);
            _Pragma("GCC unroll 4") for (int r = 0; r < rows; r++)
            {
                const int i = l - r * step;
                if (i >= 0 && i < side)
                    sum[r] = v_fma(v_set(d->weight[i * side + j]), v, sum[r]);
            }
        }
    }
}

INLINE void depth_put(const DepthPlane *d, const SumsEnd *e, int64_t y, int64_t x, V v,
                      V row)
{
    const int64_t left = d->out_wide - x, at = y * d->out_wide + x;
    const size_t n = left < VEC_LANES ? (size_t)left : VEC_LANES;
    void *to = (void *)(uintptr_t)end_at(e->to, e->to_half, at);
    end_store(to, e->to_half, n, end_value(e, END_BY_NONE, v, row, 0, at, n));
}

INLINE void depth_of(const DepthPlane *d, const SumsEnd *e, const int side,
                     const int step)
{
    const V row = v_set(e->row ? e->row[0] : 0);
    V sum[DEPTH_ROWS];
    for (int64_t x = 0; x < d->out_wide; x += VEC_LANES) {
        DepthTaps t = { .at = x * step - d->left };
        for (int j = 0; j < side; j++)
            for (int k = 0; k < step; k++)
                t.there[j][k] = v_inside(t.at + j + k * VEC_LANES, d->wide);
        int64_t y = 0;
        for (; y + DEPTH_ROWS <= d->out_high; y += DEPTH_ROWS) {
            depth_sums(d, &t, y, sum, DEPTH_ROWS, side, step);
            for (int r = 0; r < DEPTH_ROWS; r++) depth_put(d, e, y + r, x, sum[r], row);
        }
        for (; y < d->out_high; y++) {
            depth_sums(d, &t, y, sum, 1, side, step);
            depth_put(d, e, y, x, sum[0], row);
        }
    }
}

static void depth_plane(const DepthPlane *d, const SumsEnd *e)
{
    if (d->side == 3 && d->step == 1) depth_of(d, e, 3, 1);
    else if (d->side == 3) depth_of(d, e, 3, 2);
    else if (d->step == 1) depth_of(d, e, 5, 1);
    else depth_of(d, e, 5, 2);
}
