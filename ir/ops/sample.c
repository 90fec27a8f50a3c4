/* sample.c -- sampling of images (image.h): grids, coordinates, taps and edges. */
#include "image.h"

#include <math.h>

/* ---- grids ------------------------------------------------------------------------------- */

static double grid_strict(double len, double n, double i)
{
    return n > 1 ? i * (len - 1) / (n - 1) : 0;
}
static double grid_align(double len, double n, double i)
{
    return n > 1 ? i * (len - 1) / (n - 1) : (len - 1) / 2;
}
static double grid_default(double len, double n, double i) { return i * len / n; }
static double grid_offset(double len, double n, double i)
{
    return (i + 0.5) * (len > 2 ? len - 1 : 1) / n;
}
static double grid_unalign(double len, double n, double i)
{
    return (i + 0.5) * len / n - 0.5;
}

static double (*const grids[GRID_COUNT])(double, double, double) = {
    [GRID_STRICT] = grid_strict,   [GRID_ALIGN] = grid_align,
    [GRID_DEFAULT] = grid_default, [GRID_OFFSET] = grid_offset,
    [GRID_UNALIGN] = grid_unalign,
};

double grid_point(Grid g, double len, int64_t n, int64_t i)
{
    double v = grids[g](len, (double)n, (double)i);
    return v > len - 1 ? len - 1 : v > 0 ? v : 0;
}

/* ---- edges ------------------------------------------------------------------------------- */

static int64_t edge_index(Edge e, int64_t i, int64_t len)
{
    if (i >= 0 && i < len) return i;
    if (e == EDGE_CONSTANT) return -1;
    if (e == EDGE_BORDER) return i < 0 ? 0 : len - 1;
    /* the axis and its mirror image, again and again; reflection shows the ends once */
    int64_t period = e == EDGE_SYMMETRIC ? 2 * len : len > 1 ? 2 * (len - 1) : 1;
    int64_t m = i % period;
    if (m < 0) m += period;
    return m < len ? m : e == EDGE_SYMMETRIC ? period - 1 - m : period - m;
}

Tap tap_at(Pick p, Edge e, int64_t len, double at)
{
    const double far = 1e15; /* whole numbers are still exact; NaN counts as far below */
    if (!(at > -far)) at = -far;
    if (at > far) at = far;
    if (p == PICK_ROUND) at = rint(at);
    double low = floor(at);
    int64_t i = (int64_t)low;
    Tap t = { .a = edge_index(e, i, len), .t = p == PICK_LINEAR ? at - low : 0 };
    t.b = t.t != 0 ? edge_index(e, i + 1, len) : t.a;
    return t;
}

/* ---- coordinates ------------------------------------------------------------------------- */

/* align: the ends of the range are the centres of the outer pixels, otherwise their outer
 * edges. */
double coord_to_pixel(Coord m, bool align, int64_t len, double v)
{
    if (m == COORD_PIXELS) return v;
    if (m == COORD_SIGNED) v = (v + 1) / 2;
    return align ? v * (double)(len - 1) : v * (double)len - 0.5;
}

double coord_of_pixel(Coord m, bool align, int64_t len, int64_t i)
{
    if (m == COORD_PIXELS) return (double)i;
    double v = ((double)i + 0.5) / (double)len;
    if (align && len > 1) v = (double)i / (double)(len - 1);
    return m == COORD_SIGNED ? 2 * v - 1 : v;
}

/* ---- sampling ---------------------------------------------------------------------------- */

double sample_point(int rank, const int64_t *in, const Tap *const *tap, double pad,
                    const double *x)
{
    if (!rank) return *x;
    const Tap *t = tap[0];
    int64_t step = 1;
    for (int i = 1; i < rank; i++) step *= in[i];
    double a = t->a < 0 ? pad
                        : sample_point(rank - 1, in + 1, tap + 1, pad, x + t->a * step);
    if (t->t == 0) return a;
    double b = t->b < 0 ? pad
                        : sample_point(rank - 1, in + 1, tap + 1, pad, x + t->b * step);
    return (1 - t->t) * a + t->t * b;
}

void sample_grid(int rank, const int64_t *in, const int64_t *out, Tap *const *tap,
                 double pad, const double *x, double *z)
{
    int64_t at[MAX_RANK] = { 0 };
    const Tap *one[MAX_RANK];
    for (int i = 0; i < rank; i++) {
        if (!out[i]) return;
        one[i] = tap[i];
    }
    for (int i = rank; i >= 0;) {
        *z++ = sample_point(rank, in, one, pad, x);
        for (i = rank - 1; i >= 0; i--) { /* the next place, the last axis fastest */
            at[i] = at[i] + 1 < out[i] ? at[i] + 1 : 0;
            one[i] = tap[i] + at[i];
            if (at[i]) break;
        }
    }
}
