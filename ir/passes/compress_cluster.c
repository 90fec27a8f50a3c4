/* compress_cluster.c -- k-means of numbers on a line.
 *
 * On a line a cluster is a run of the sorted numbers, and sums over a run are differences of
 * prefix sums. So the best k runs of a few thousand of the points are found exactly, by dynamic
 * programming; Lloyd's steps over all numbers then refine them. Nothing is random and nothing
 * depends on the machine.
 *
 * Up to a million numbers are sorted. More are counted by their first 19 bits, which are all
 * that a number of fp16 has. */
#include "compress_part.h"

#include <math.h>
#include <string.h>

enum {
    SORTED_MOST = 1 << 20,
    BINS = 1 << 19,
    BIN_SHIFT = 32 - 19,
    POINTS = 2048,  /* for dynamic programming, */
    WORK = 1 << 19, /* which takes so many steps or fewer: of many values fewer points */
    STEPS = 200     /* of Lloyd's */
};

struct ClusterPoints {
    Arena arena;
    float *number; /* NULL: they are counted */
    size_t n;
    double *sum, *weight; /* by bin */
};

/* ---- numbers ----------------------------------------------------------------------------- */

/* In the order of the numbers. */
static uint32_t cluster_key(float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits >> 31 ? ~bits : bits | 0x80000000u;
}

ClusterPoints *cluster_begin(size_t n)
{
    Arena arena = { 0 };
    ClusterPoints *p = NEW(&arena, ClusterPoints);
    p->arena = arena;
    if (n <= SORTED_MOST) {
        p->number = NEW_ARRAY(&p->arena, n + 1, float);
    } else {
        p->sum = NEW_ARRAY(&p->arena, BINS, double);
        p->weight = NEW_ARRAY(&p->arena, BINS, double);
    }
    return p;
}

void cluster_add(ClusterPoints *p, const double *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const float f = (float)(v[i] == 0 ? 0 : v[i]);
        if (p->number) {
            p->number[p->n++] = f;
        } else {
            const uint32_t bin = cluster_key(f) >> BIN_SHIFT;
            p->sum[bin] += f;
            p->weight[bin]++;
        }
    }
}

void cluster_end(ClusterPoints *p)
{
    Arena arena = p->arena;
    arena_free(&arena);
}

/* By 11 bits of the key at a time, the last ones first. */
static void cluster_sort(float *v, float *other, size_t n)
{
    enum { DIGIT = 11, DIGITS = 1 << DIGIT, ROUNDS = 3 };
    for (int round = 0; round < ROUNDS; round++) {
        size_t begin[DIGITS] = { 0 }, at = 0;
        const int shift = round * DIGIT;
        for (size_t i = 0; i < n; i++) begin[cluster_key(v[i]) >> shift & (DIGITS - 1)]++;
        for (int i = 0; i < DIGITS; i++) {
            const size_t count = begin[i];
            begin[i] = at;
            at += count;
        }
        for (size_t i = 0; i < n; i++)
            other[begin[cluster_key(v[i]) >> shift & (DIGITS - 1)]++] = v[i];
        memcpy(v, other, n * sizeof *v);
    }
}

/* ---- points ------------------------------------------------------------------------------ */

/* Different numbers, ascending, and their running sums: of [from, to) they are [to] -
 * [from]. */
typedef struct {
    size_t n;
    double *value, *weight;
    double *w, *s, *q; /* of weights, of weighted numbers, of weighted squares */
} ClusterLine;

static void line_add(ClusterLine *l, double v, double weight)
{
    if (l->n && l->value[l->n - 1] == v) {
        l->weight[l->n - 1] += weight;
        return;
    }
    l->value[l->n] = v;
    l->weight[l->n++] = weight;
}

static void line_sums(Arena *a, ClusterLine *l)
{
    l->w = NEW_ARRAY(a, l->n + 1, double);
    l->s = NEW_ARRAY(a, l->n + 1, double);
    l->q = NEW_ARRAY(a, l->n + 1, double);
    for (size_t i = 0; i < l->n; i++) {
        l->w[i + 1] = l->w[i] + l->weight[i];
        l->s[i + 1] = l->s[i] + l->weight[i] * l->value[i];
        l->q[i + 1] = l->q[i] + l->weight[i] * l->value[i] * l->value[i];
    }
}

static ClusterLine line_room(Arena *a, size_t n)
{
    return (ClusterLine){ .value = NEW_ARRAY(a, n + 1, double),
                          .weight = NEW_ARRAY(a, n + 1, double) };
}

static ClusterLine line_of(ClusterPoints *p)
{
    ClusterLine l = line_room(&p->arena, p->number ? p->n : BINS);
    if (p->number) {
        cluster_sort(p->number, NEW_ARRAY(&p->arena, p->n + 1, float), p->n);
        for (size_t i = 0; i < p->n; i++) line_add(&l, p->number[i], 1);
    } else {
        for (size_t i = 0; i < BINS; i++)
            if (p->weight[i] > 0) line_add(&l, p->sum[i] / p->weight[i], p->weight[i]);
    }
    line_sums(&p->arena, &l);
    return l;
}

/* Fewer points: where there are many numbers as well as where they are far apart. */
static ClusterLine line_reduced(Arena *a, const ClusterLine *l, size_t most)
{
    ClusterLine r = line_room(a, most + 1);
    const double low = l->value[0], width = l->value[l->n - 1] - low, all = l->w[l->n];
    size_t from = 0, bin = 0;
    for (size_t i = 0; i <= l->n; i++) {
        const double share = i == l->n ? 2 : l->w[i] / all + (l->value[i] - low) / width;
        const size_t to = i == l->n ? most : (size_t)(share / 2 * (double)most);
        if (to == bin || i == from) {
            bin = to;
            continue;
        }
        line_add(&r, (l->s[i] - l->s[from]) / (l->w[i] - l->w[from]),
                 l->w[i] - l->w[from]);
        from = i;
        bin = to;
    }
    line_sums(a, &r);
    return r;
}

static double line_mean(const ClusterLine *l, size_t from, size_t to)
{
    return (l->s[to] - l->s[from]) / (l->w[to] - l->w[from]);
}

/* What the squares of the distances to their mean add up to. */
static double line_cost(const ClusterLine *l, size_t from, size_t to)
{
    const double s = l->s[to] - l->s[from], w = l->w[to] - l->w[from];
    const double cost = l->q[to] - l->q[from] - s * s / w;
    return cost > 0 ? cost : 0;
}

/* ---- the best runs of few points --------------------------------------------------------- */

typedef struct {
    const ClusterLine *line;
    const double *before; /* the cost of the first i points in one run less */
    double *cost;
    uint32_t *from; /* where the last run of them begins */
} ClusterLayer;

/* Where the last run begins does not go back as points are added: halves, then halves of
 * them. */
static void layer_fill(ClusterLayer *y, size_t low, size_t high, size_t first,
                       size_t last)
{
    while (low < high) {
        const size_t mid = low + (high - low) / 2;
        size_t best = first;
        double least = INFINITY;
        for (size_t j = first; j <= last && j < mid; j++) {
            const double cost = y->before[j] + line_cost(y->line, j, mid);
            if (cost < least) {
                least = cost;
                best = j;
            }
        }
        y->cost[mid] = least;
        y->from[mid] = (uint32_t)best;
        layer_fill(y, low, mid, first, best);
        low = mid + 1;
        first = best;
    }
}

/* The begins of k runs of all points, and the end. */
static void line_best_runs(Arena *a, const ClusterLine *l, int k, size_t *begin)
{
    const size_t n = l->n;
    uint32_t *from = NEW_ARRAY(a, (size_t)k * (n + 1), uint32_t);
    double *before = NEW_ARRAY(a, n + 1, double), *cost = NEW_ARRAY(a, n + 1, double);
    for (size_t i = 1; i <= n; i++) before[i] = line_cost(l, 0, i);
    for (int run = 1; run < k; run++) {
        ClusterLayer y = { l, before, cost, from + (size_t)run * (n + 1) };
        const size_t least = (size_t)run + 1;
        layer_fill(&y, least, n + 1, (size_t)run, n - 1);
        double *other = before;
        before = cost;
        cost = other;
    }
    begin[k] = n;
    for (int run = k; run-- > 0;)
        begin[run] = run ? from[(size_t)run * (n + 1) + begin[run + 1]] : 0;
}

/* ---- Lloyd's steps ----------------------------------------------------------------------- */

/* The first point that is nearer to the next value than to this one. */
static size_t line_parted(const ClusterLine *l, double edge)
{
    size_t low = 0, high = l->n;
    while (low < high) {
        const size_t mid = low + (high - low) / 2;
        if (l->value[mid] <= edge) low = mid + 1;
        else high = mid;
    }
    return low;
}

static void line_settle(const ClusterLine *l, int k, double *value)
{
    for (int step = 0; step < STEPS; step++) {
        size_t from = 0;
        bool moved = false;
        for (int i = 0; i < k; i++) {
            const size_t to = i + 1 < k ? line_parted(l, (value[i] + value[i + 1]) / 2)
                                        : l->n;
            const double mean = to > from ? line_mean(l, from, to) : value[i];
            moved = moved || mean != value[i];
            value[i] = mean;
            from = to > from ? to : from;
        }
        if (!moved) return;
    }
}

void cluster_values(ClusterPoints *p, int k, double *value)
{
    const ClusterLine l = line_of(p);
    size_t begin[257];
    if (k > 256) bug("a table of %d values", k);
    if (l.n <= (size_t)k) {
        for (int i = 0; i < k; i++)
            value[i] = !l.n ? 0 : l.value[(size_t)i < l.n ? (size_t)i : l.n - 1];
        return;
    }
    size_t most = WORK / (size_t)k;
    if (most > POINTS) most = POINTS;
    const ClusterLine few = l.n > most ? line_reduced(&p->arena, &l, most) : l;
    const int runs = few.n < (size_t)k ? (int)few.n : k;
    line_best_runs(&p->arena, &few, runs, begin);
    for (int i = 0; i < k; i++)
        value[i] = i < runs ? line_mean(&few, begin[i], begin[i + 1])
                            : few.value[few.n - 1];
    line_settle(&l, k, value);
}
