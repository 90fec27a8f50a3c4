/* tables.c -- activations as tables of 33 points with straight lines between them. */
#include "sim.h"

#include <math.h>

static double table_sigmoid(double x) { return 1 / (1 + exp(-x)); }
static double table_silu(double x) { return x * table_sigmoid(x); }
static double table_gelu(double x) { return 0.5 * x * erfc(-x * 0.70710678118654752440); }

static const struct {
    int op;
    double (*f)(double);
    double from, to, below, above, at_zero, error_max;
} rows[TABLE_COUNT] = {
#define TABLE(o, fn, a, b, lo, hi, z, max, evidence) { OP_##o, fn, a, b, lo, hi, z, max },
#include "tables.def"
};

static double table_bend(double (*f)(double), double x)
{
    const double h = 1e-3;
    return (f(x + h) - 2 * f(x) + f(x - h)) / (h * h);
}

/* The error of a line over a stretch w is as bend * w^2: points at equal steps of the integral
 * of the root of the bend make it the same everywhere. A little is added so that flat parts get
 * points too. */
static void table_place(Table *t, double from, double to)
{
    enum { STEPS = 4096 };
    double sum[STEPS + 1] = { 0 }, w = (to - from) / STEPS;
    for (int i = 0; i < STEPS; i++)
        sum[i + 1] = sum[i]
                   + (sqrt(fabs(table_bend(t->f, from + (i + 0.5) * w))) + 0.002) * w;
    for (int k = 0, i = 0; k < KNOTS; k++) {
        double want = sum[STEPS] * k / (KNOTS - 1);
        while (i < STEPS - 1 && sum[i + 1] < want) i++;
        t->x[k] = from + (i + (want - sum[i]) / (sum[i + 1] - sum[i])) * w;
    }
    t->x[0] = from;
    t->x[KNOTS - 1] = to;
}

static double table_line(const Table *t, double x)
{
    int lo = 0, hi = KNOTS - 1;
    while (hi - lo > 1) {
        int mid = (lo + hi) / 2;
        if (t->x[mid] <= x) lo = mid;
        else hi = mid;
    }
    return t->y[lo] + (t->y[hi] - t->y[lo]) * (x - t->x[lo]) / (t->x[hi] - t->x[lo]);
}

/* Half of the error that the chord would have is taken off each point. */
static void table_fill(Table *t)
{
    for (int k = 0; k < KNOTS; k++) {
        double l = k ? t->x[k] - t->x[k - 1] : 0,
               r = k < KNOTS - 1 ? t->x[k + 1] - t->x[k] : 0;
        t->y[k] = t->f(t->x[k]) - table_bend(t->f, t->x[k]) * l * r / 16;
    }
    if (isnan(t->at_zero)) return;
    int k = 0;
    while (t->x[k + 1] <= 0) k++;
    double shift = t->at_zero - table_line(t, 0);
    t->y[k] += shift;
    t->y[k + 1] += shift;
}

void tables_make(Table t[TABLE_COUNT])
{
    for (int i = 0; i < TABLE_COUNT; i++) {
        t[i] = (Table){ .op = rows[i].op,
                        .f = rows[i].f,
                        .below = rows[i].below,
                        .above = rows[i].above,
                        .at_zero = rows[i].at_zero,
                        .error_max = rows[i].error_max };
        table_place(&t[i], rows[i].from, rows[i].to);
        table_fill(&t[i]);
    }
}

double table_at(const Table *t, double x)
{
    if (x < t->x[0]) return isnan(t->below) ? t->f(x) : t->below;
    if (x > t->x[KNOTS - 1]) return isnan(t->above) ? t->f(x) : t->above;
    return isnan(x) ? x : table_line(t, x);
}
