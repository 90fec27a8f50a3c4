/* times.c -- lines about how long runs took, and what that makes a second. */
#include "times.h"

#include <stdlib.h>

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void put_time(Buf *out, const char *what, double s)
{
    if (s < 1e-3) buf_printf(out, "  %s %.1f us", what, s * 1e6);
    else if (s < 1) buf_printf(out, "  %s %.2f ms", what, s * 1e3);
    else buf_printf(out, "  %s %.3f s", what, s);
}

void report_times(Buf *out, double *seconds, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += seconds[i];
    qsort(seconds, n, sizeof *seconds, by_value);
    buf_printf(out, "%zu run%s:", n, n == 1 ? "" : "s");
    put_time(out, "min", seconds[0]);
    put_time(out, "median", seconds[n / 2]);
    put_time(out, "p90", seconds[(n - 1) * 9 / 10]);
    put_time(out, "p99", seconds[(n - 1) * 99 / 100]);
    put_time(out, "max", seconds[n - 1]);
    put_time(out, "mean", sum / (double)n);
    buf_putc(out, '\n');
}

void report_rate(Buf *out, const anec_macs_info *macs, double seconds)
{
    if (macs->count > 0)
        buf_printf(out,
                   "%.0f multiply-adds a run, two operations each: %.4g GFLOP/s at the median",
                   macs->count, seconds > 0 ? 2e-9 * macs->count / seconds : 0);
    else buf_puts(out, "no multiply-adds are counted");
    if (macs->blocks)
        buf_puts(out, "; loop bodies and both branches of conds are counted once");
    if (macs->open)
        buf_printf(out, "; those of %s are not counted, whose extents are not known",
                   macs->open);
    buf_putc(out, '\n');
}
