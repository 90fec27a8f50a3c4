/* report.c -- summaries and comparisons of tensors, as lines of text. */
#include "report.h"
#include "../ir/ops/ops.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN = 6 };

/* ---- summaries --------------------------------------------------------------------------- */

typedef struct {
    double min, max, sum;
    size_t finite, nan, inf;
} ReportStats;

static ReportStats stats_of(const Tensor *t)
{
    ReportStats s = { .min = INFINITY, .max = -INFINITY };
    for (size_t i = 0; i < t->count; i++) {
        double v = tensor_float(t, i);
        if (isnan(v)) {
            s.nan++;
            continue;
        }
        if (isinf(v)) s.inf++;
        else {
            s.finite++;
            s.sum += v;
        }
        if (v < s.min) s.min = v;
        if (v > s.max) s.max = v;
    }
    return s;
}

void report_element(Buf *out, const Tensor *t, size_t i)
{
    if (t->dtype == DT_STRING) {
        const char *s = ((const char *const *)t->data)[i];
        buf_quote(out, s ? s : "");
    } else if (t->dtype == DT_BOOL) {
        buf_puts(out, tensor_int(t, i) ? "true" : "false");
    } else if (t->dtype == DT_UINT64) {
        buf_printf(out, "%llu", (unsigned long long)tensor_int(t, i));
    } else if (dtype_is_float(t->dtype)) {
        buf_printf(out, "%.6g", tensor_float(t, i));
    } else {
        buf_printf(out, "%lld", (long long)tensor_int(t, i));
    }
}

static void put_shape(Buf *out, const Shape *s)
{
    buf_putc(out, '[');
    for (int i = 0; i < s->rank; i++)
        buf_printf(out, "%s%lld", i ? ", " : "", (long long)s->dim[i]);
    buf_putc(out, ']');
}

void report_tensor(Buf *out, const Tensor *t)
{
    if (t->is_list) {
        buf_printf(out, "list of %lld\n", (long long)t->nitem);
        return;
    }
    buf_printf(out, "%s ", dtypes[t->dtype].name);
    put_shape(out, &t->shape);
    if (t->dtype != DT_STRING && t->dtype != DT_BOOL && t->count > 1) {
        ReportStats s = stats_of(t);
        if (s.nan < t->count) buf_printf(out, "  min %.6g  max %.6g", s.min, s.max);
        if (s.finite) buf_printf(out, "  mean %.6g", s.sum / (double)s.finite);
        if (s.nan) buf_printf(out, "  nan %zu", s.nan);
        if (s.inf) buf_printf(out, "  inf %zu", s.inf);
    }
    buf_puts(out, t->shape.rank ? "  [" : "  ");
    for (size_t i = 0; i < t->count && i < SHOWN; i++) {
        if (i) buf_puts(out, ", ");
        report_element(out, t, i);
    }
    if (t->count > SHOWN) buf_puts(out, ", ..");
    buf_puts(out, t->shape.rank ? "]\n" : "\n");
}

/* ---- comparisons ------------------------------------------------------------------------- */

static void limits_for(const Tolerance *tol, DType t, double *rtol, double *atol)
{
    bool half = t == DT_FP16 || t == DT_BF16;
    *rtol = tol->has_rtol ? tol->rtol : !dtype_is_float(t) ? 0 : half ? 1e-2 : 1e-3;
    *atol = tol->has_atol ? tol->atol : !dtype_is_float(t) ? 0 : half ? 5e-3 : 1e-4;
}

typedef struct {
    double abs, rel;
    size_t at, bad;
} Difference;

/* NaN equals NaN, an infinity equals itself. */
static double report_distance(double a, double b)
{
    if (a == b || (isnan(a) && isnan(b))) return 0;
    double d = fabs(a - b);
    return isnan(d) ? INFINITY : d;
}

/* Of integers exactly, whatever their width: 0 when and only when they are equal. */
static double int_distance(DType t, int64_t a, int64_t b)
{
    const bool less = t == DT_UINT64 ? (uint64_t)a < (uint64_t)b : a < b;
    return (double)(less ? (uint64_t)b - (uint64_t)a : (uint64_t)a - (uint64_t)b);
}

static double element_distance(const Tensor *a, const Tensor *b, size_t i)
{
    return dtype_is_float(a->dtype)
             ? report_distance(tensor_float(a, i), tensor_float(b, i))
             : int_distance(a->dtype, tensor_int(a, i), tensor_int(b, i));
}

static bool report_within(double distance_ab, double b, double rtol, double atol)
{
    return distance_ab == 0
        || (isfinite(distance_ab) && distance_ab <= atol + rtol * fabs(b));
}

DType report_precision(const Value *v)
{
    const Value *x = v->def && v->def->kind == OP_cast ? op_value(v->def, P_x) : v;
    bool half = x && x->type->kind == TY_TENSOR && x->type->dtype == DT_FP16;
    return half ? DT_FP16 : v->type->kind == TY_TENSOR ? v->type->dtype : DT_NONE;
}

void report_parting(const Tolerance *tol, DType as, const Tensor *a, const Tensor *b,
                    int64_t *overflow, int64_t *loss)
{
    double rtol, atol;
    *overflow = *loss = -1;
    if (a->dtype != b->dtype || a->count != b->count || a->dtype == DT_STRING) return;
    limits_for(tol, as, &rtol, &atol);
    for (size_t i = 0; i < a->count && (*overflow < 0 || *loss < 0); i++) {
        double x = tensor_float(a, i), y = tensor_float(b, i);
        if (isfinite(x) != isfinite(y)) {
            if (*overflow < 0) *overflow = (int64_t)i;
        } else if (*loss < 0 && !report_within(element_distance(a, b, i), y, rtol, atol))
            *loss = (int64_t)i;
    }
}

static Difference difference_of(const Tensor *a, const Tensor *b, double rtol,
                                double atol)
{
    Difference r = { 0 };
    for (size_t i = 0; i < a->count; i++) {
        double y = tensor_float(b, i), d = element_distance(a, b, i);
        double rel = d > 0 ? d / fabs(y) : 0;
        if (d > r.abs) {
            r.abs = d;
            r.at = i;
        }
        if (rel > r.rel) r.rel = rel;
        if (!report_within(d, y, rtol, atol)) r.bad++;
    }
    return r;
}

static bool same_strings(const Tensor *a, const Tensor *b)
{
    const char *const *x = a->data, *const *y = b->data;
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(x[i], y[i])) return false;
    return true;
}

/* The two elements that differ most: nine digits tell any two fp32 apart, integers are
 * whole. */
static void put_bad(Buf *out, const Tensor *a, const Tensor *b, const Difference *d)
{
    buf_printf(out, "  at element %zu: ", d->at);
    if (dtype_is_float(a->dtype)) {
        buf_printf(out, "%.9g against %.9g", tensor_float(a, d->at),
                   tensor_float(b, d->at));
        return;
    }
    report_element(out, a, d->at);
    buf_puts(out, " against ");
    report_element(out, b, d->at);
}

/* Floats of two widths are alike for who gives a tolerance other than 0. */
static bool are_alike(const Tensor *a, const Tensor *b, const Tolerance *tol)
{
    const bool tolerant = (tol->has_rtol && tol->rtol > 0)
                       || (tol->has_atol && tol->atol > 0);
    return a->dtype == b->dtype
        || (tolerant && dtype_is_float(a->dtype) && dtype_is_float(b->dtype));
}

bool report_compare(Buf *out, const Tensor *a, const Tensor *b, DType as,
                    const Tolerance *tol)
{
    double rtol, atol;
    if (a->is_list || b->is_list) {
        buf_puts(out, "a list, not compared\n");
        return true;
    }
    if (!are_alike(a, b, tol) || !shape_equal(&a->shape, &b->shape)) {
        buf_printf(out, "%s ", dtypes[a->dtype].name);
        put_shape(out, &a->shape);
        buf_printf(out, " against %s ", dtypes[b->dtype].name);
        put_shape(out, &b->shape);
        buf_puts(out, "  DIFFERS\n");
        return false;
    }
    if (a->dtype == DT_STRING) {
        bool same = same_strings(a, b);
        buf_puts(out, same ? "equal\n" : "DIFFERS\n");
        return same;
    }
    limits_for(tol, as, &rtol, &atol);
    Difference d = difference_of(a, b, rtol, atol);
    buf_printf(out, "max abs %.3g  max rel %.3g", d.abs, d.rel);
    if (!d.bad) buf_puts(out, "  ok\n");
    else put_bad(out, a, b, &d);
    if (d.bad)
        buf_printf(out, "  DIFFERS in %zu of %zu (rtol %g, atol %g)\n", d.bad, a->count,
                   rtol, atol);
    return !d.bad;
}
