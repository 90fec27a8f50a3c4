/* k_line.h -- windows that slide over a plane whose elements are vectors of channels (DepthLine),
 * a line of results at a time. Each lane is a channel, which has its own weights and sum, or
 * the largest of its elements. */

/* How many positions are computed side by side. */
enum { LINE_WIDE = 4 };

/* Lines first .. end - 1 of the window lie inside of the plane. */
typedef struct {
    int first, end;
    int64_t line; /* the line of the plane on which line 0 of the window lies */
} LineRows;

/* What is the same for all of a line. It is a constant wherever it is inlined, so that none of
 * it is asked in a loop. */
typedef struct {
    int side;
    bool largest, half;
} LineKind;

INLINE V line_load(const DepthLine *d, const LineKind k, int64_t at)
{
    at *= VEC_LANES;
    return k.half ? v_load16((const uint16_t *)d->x + at)
                  : v_load((const float *)d->x + at);
}

INLINE V line_add(const LineKind k, V sum, V x, V by)
{
    return k.largest ? v_max(x, sum) : v_fma(x, by, sum);
}

INLINE V line_start(const LineKind k) { return v_set(k.largest ? -__builtin_inff() : 0); }

INLINE V line_by(const DepthLine *d, const LineKind k, int i)
{
    return k.largest ? v_set(0) : v_load(d->weight + (int64_t)i * VEC_LANES);
}

INLINE void line_put(const DepthLine *d, float *to, V sum)
{
    if (d->col) sum += v_load(d->col);
    if (d->bounded)
        sum = v_held(sum, d->least, d->most) + 0; /* of -0 it is 0, as of v_max */
    v_store(to, sum);
}

/* Computes one position; some columns of its window may lie outside of the plane. */
INLINE void line_edge(const DepthLine *d, const LineKind k, LineRows r, int64_t x,
                      float *to)
{
    V sum = line_start(k);
    const int64_t at = x * d->step - d->left;
    for (int i = r.first; i < r.end; i++)
        for (int j = 0; j < k.side; j++) {
            if (at + j < 0 || at + j >= d->wide) continue;
            const V v = line_load(d, k, (r.line + i) * d->wide + at + j);
            sum = line_add(k, sum, v, line_by(d, k, i * k.side + j));
        }
    line_put(d, to + x * VEC_LANES, sum);
}

/* Computes LINE_WIDE positions side by side, all columns of whose windows lie inside. */
INLINE void line_inside(const DepthLine *d, const LineKind k, LineRows r, int64_t x,
                        float *to)
{
    V sum[LINE_WIDE];
    const int64_t at = x * d->step - d->left;
    _Pragma("GCC unroll 4") for (int p = 0; p < LINE_WIDE; p++) sum[p] = line_start(k);
    for (int i = r.first; i < r.end; i++)
        _Pragma("GCC unroll 5") for (int j = 0; j < k.side; j++)
        {
            const V by = line_by(d, k, i * k.side + j);
            const int64_t from = (r.line + i) * d->wide + at + j;
            _Pragma("GCC unroll 4") for (int p = 0; p < LINE_WIDE; p++)
                sum[p] = line_add(k, sum[p], line_load(d, k, from + p * d->step), by);
        }
    _Pragma("GCC unroll 4") for (int p = 0; p < LINE_WIDE; p++)
        line_put(d, to + (x + p) * VEC_LANES, sum[p]);
}

INLINE void line_of(const DepthLine *d, const LineKind k, LineRows r, float *to)
{
    /* the windows of positions first .. end - 1 begin and end inside of the plane */
    int64_t first = (d->left + d->step - 1) / d->step;
    int64_t end = (d->wide - k.side + d->left) / d->step + 1;
    if (d->wide + d->left < k.side) end = 0;
    if (end > d->out_wide) end = d->out_wide;
    if (first > end) first = end;
    int64_t x = 0;
    for (; x < first; x++) line_edge(d, k, r, x, to);
    for (; x + LINE_WIDE <= end; x += LINE_WIDE) line_inside(d, k, r, x, to);
    for (; x < d->out_wide; x++) line_edge(d, k, r, x, to);
}

INLINE void line_sized(const DepthLine *d, bool largest, bool half, LineRows r, float *to)
{
    if (d->side == 3) line_of(d, (LineKind){ 3, largest, half }, r, to);
    else if (d->side == 5) line_of(d, (LineKind){ 5, largest, half }, r, to);
    else line_of(d, (LineKind){ d->side, largest, half }, r, to);
}

static void depth_line(const DepthLine *d, int64_t y, float *to)
{
    LineRows r = { .end = d->side, .line = y * d->step - d->top };
    if (r.line < 0) r.first = r.line < -d->side ? d->side : (int)-r.line;
    if (r.line + d->side > d->high)
        r.end = r.line > d->high ? 0 : (int)(d->high - r.line);
    if (d->largest && d->half) line_sized(d, true, true, r, to);
    else if (d->largest) line_sized(d, true, false, r, to);
    else if (d->half) line_sized(d, false, true, r, to);
    else line_sized(d, false, false, r, to);
}
