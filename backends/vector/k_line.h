/* k_line.h -- windows that slide over a plane whose elements are vectors of channels (DepthLine),
 * a line of results at a time. Each lane is a channel, which has its own weights and sum, or
 * the largest of its elements. */

/* How many positions are computed side by side, and, of the rest of a line, LINE_FEW: each has a
 * sum of its own, and while one is added to, the next need not wait. LINE_SPAN: the elements that
 * their windows reach over at most where they share them. */
enum {
    LINE_FEW = 4,
    LINE_WIDE = VEC_LANES == 16 ? 8 : LINE_FEW, /* by how many registers there are */
    LINE_SPAN = (LINE_WIDE - 1) * 2 + 5
};

/* Lines first .. end - 1 of the window lie inside of the plane. */
typedef struct {
    int first, end;
    int64_t line; /* the line of the plane on which line 0 of the window lies */
} LineRows;

/* What is the same for all of a line. It is a constant wherever it is inlined, so that none of
 * it is asked in a loop. */
typedef struct {
    int side, step;
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

/* Computes one position; some columns of its window may lie outside of the plane. */
INLINE void line_edge(const DepthLine *d, const LineKind k, LineRows r, int64_t x,
                      const SumsEnd *e)
{
    V sum[1][2] = { { line_start(k) } };
    const int64_t at = x * k.step - d->left, first = at < 0 ? -at : 0,
                  end = d->wide - at < k.side ? d->wide - at : k.side;
    for (int i = r.first; i < r.end; i++)
        for (int64_t j = first; j < end; j++) {
            const V v = line_load(d, k, (r.line + i) * d->wide + at + j);
            sum[0][0] = line_add(k, sum[0][0], v, line_by(d, k, i * k.side + (int)j));
        }
    end_rows(e, x * VEC_LANES, sum, 1, 0);
}

/* A line of the windows of n positions, which share most of their elements: each is
 * loaded once. n is a constant wherever this is inlined. */
INLINE void line_shared(const DepthLine *d, const LineKind k, int i, int64_t from,
                        V (*sum)[2], const int n)
{
    V v[LINE_SPAN];
    _Pragma("GCC unroll 32") for (int j = 0; j < (n - 1) * k.step + k.side; j++)
        v[j] = line_load(d, k, from + j);
    _Pragma("GCC unroll 5") for (int j = 0; j < k.side; j++)
    {
        const V by = line_by(d, k, i * k.side + j);
        _Pragma("GCC unroll 8") for (int p = 0; p < n; p++)
            sum[p][0] = line_add(k, sum[p][0], v[p * k.step + j], by);
    }
}

INLINE void line_apart(const DepthLine *d, const LineKind k, int i, int64_t from,
                       V (*sum)[2], const int n)
{
    _Pragma("GCC unroll 5") for (int j = 0; j < k.side; j++)
    {
        const V by = line_by(d, k, i * k.side + j);
        _Pragma("GCC unroll 8") for (int p = 0; p < n; p++) sum[p][0] = line_add(
            k, sum[p][0], line_load(d, k, from + j + p * k.step), by);
    }
}

/* Computes n positions side by side, all columns of whose windows lie inside. */
INLINE void line_inside(const DepthLine *d, const LineKind k, LineRows r, int64_t x,
                        const SumsEnd *e, const bool shared, const int n)
{
    V sum[LINE_WIDE][2];
    const int64_t at = x * k.step - d->left;
    _Pragma("GCC unroll 8") for (int p = 0; p < n; p++) sum[p][0] = line_start(k);
    for (int i = r.first; i < r.end; i++) {
        const int64_t from = (r.line + i) * d->wide + at;
        if (shared) line_shared(d, k, i, from, sum, n);
        else line_apart(d, k, i, from, sum, n);
    }
    end_rows(e, x * VEC_LANES, sum, n, 0);
}

INLINE void line_of(const DepthLine *d, const LineKind k, LineRows r, const SumsEnd *e,
                    const bool shared)
{
    /* the windows of positions first .. end - 1 begin and end inside of the plane */
    int64_t first = (d->left + k.step - 1) / k.step;
    int64_t end = (d->wide - k.side + d->left) / k.step + 1;
    if (d->wide + d->left < k.side) end = 0;
    if (end > d->out_wide) end = d->out_wide;
    if (first > end) first = end;
    int64_t x = 0;
    for (; x < first; x++) line_edge(d, k, r, x, e);
    for (; x + LINE_WIDE <= end; x += LINE_WIDE)
        line_inside(d, k, r, x, e, shared, LINE_WIDE);
    for (; x + LINE_FEW <= end; x += LINE_FEW)
        line_inside(d, k, r, x, e, shared, LINE_FEW);
    for (; x < d->out_wide; x++) line_edge(d, k, r, x, e);
}

/* What several windows multiply is loaded once; the distance of windows is then a constant. */
INLINE void line_stepped(const DepthLine *d, LineKind k, LineRows r, const SumsEnd *e)
{
    const bool shared = !k.largest && d->step <= 2;
    k.step = d->step;
    if (!shared) line_of(d, k, r, e, false);
    else if (k.step == 1) line_of(d, (LineKind){ k.side, 1, false, k.half }, r, e, true);
    else line_of(d, (LineKind){ k.side, 2, false, k.half }, r, e, true);
}

INLINE void line_sized(const DepthLine *d, const bool largest, const bool half,
                       LineRows r, const SumsEnd *e)
{
    if (d->side == 3) line_stepped(d, (LineKind){ 3, 0, largest, half }, r, e);
    else if (d->side == 5) line_stepped(d, (LineKind){ 5, 0, largest, half }, r, e);
    else line_of(d, (LineKind){ d->side, d->step, largest, half }, r, e, false);
}

static void depth_line(const DepthLine *d, int64_t y, const SumsEnd *e)
{
    LineRows r = { .end = d->side, .line = y * d->step - d->top };
    if (r.line < 0) r.first = r.line < -d->side ? d->side : (int)-r.line;
    if (r.line + d->side > d->high)
        r.end = r.line > d->high ? 0 : (int)(d->high - r.line);
    if (d->largest && d->half) line_sized(d, true, true, r, e);
    else if (d->largest) line_sized(d, true, false, r, e);
    else if (d->half) line_sized(d, false, true, r, e);
    else line_sized(d, false, false, r, e);
}
