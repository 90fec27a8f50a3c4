/* watch.c -- where two backends first part. */
#include "watch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool watch_keep(void *watch, const Value *v, const Tensor *t)
{
    Watch *w = watch;
    if (t->is_list || !dtype_is_float(t->dtype)) return true;
    if (t->bytes > WATCH_BYTES - w->bytes) {
        w->passed++;
        return true;
    }
    if (w->count == w->cap) {
        size_t cap = w->cap ? 2 * w->cap : 64;
        struct Kept *more = realloc(w->kept, cap * sizeof *more);
        if (!more) return diag_fail(w->diag, "no memory for %zu values", cap);
        w->kept = more;
        w->cap = cap;
    }
    struct Kept *k = &w->kept[w->count];
    *k = (struct Kept){ .value = v };
    if (!tensor_copy(&k->t, w->diag, t)) return false;
    w->bytes += t->bytes;
    w->count++;
    return true;
}

static void drop(Watch *w, struct Kept *k)
{
    w->bytes -= k->t.bytes;
    tensor_free(&k->t);
}

static void note(Parting *p, const Value *v, size_t at, double a, double b)
{
    if (!p->value) *p = (Parting){ v, at, a, b };
}

static void compare(Watch *w, const Value *v, const Tensor *a, const Tensor *b)
{
    const DType as = report_precision(v);
    if (a->dtype != b->dtype || a->count != b->count) return;
    for (size_t i = 0; i < a->count && !(w->overflow.value && w->loss.value); i++) {
        double x = tensor_float(a, i), y = tensor_float(b, i);
        if (isfinite(x) != isfinite(y)) note(&w->overflow, v, i, x, y);
        else if (!report_within(w->tolerance, as, x, y)) note(&w->loss, v, i, x, y);
    }
}

/* Both runs compute in the same order; what only the first did is passed over. */
bool watch_meet(void *watch, const Value *v, const Tensor *t)
{
    Watch *w = watch;
    size_t k = w->next;
    while (k < w->count && w->kept[k].value != v) k++;
    if (k == w->count || t->is_list) return true;
    compare(w, v, &w->kept[k].t, t);
    while (w->next <= k) drop(w, &w->kept[w->next++]);
    return true;
}

static void put_parting(Buf *out, const char *prefix, const char *what, const Parting *p,
                        const char *first, const char *second)
{
    const Value *v = p->value;
    const Loc loc = v && v->def ? v->def->loc : (Loc){ 0 };
    int line, col;
    if (!v) return;
    if (*prefix) buf_printf(out, "%.*s: ", (int)strcspn(prefix, "_"), prefix); /* "it3_" */
    buf_printf(out, "%s: %s = %s", what, v->name, v->def ? v->def->name : "?");
    if (loc.src && loc.src->text) {
        loc_line_col(loc, &line, &col);
        buf_printf(out, " at %s:%d:%d", loc.src->name, line, col);
    }
    buf_printf(out, ", element %zu: %.9g on %s, %.9g on %s\n", p->at, p->a, first, p->b, second);
}

void watch_report(Watch *w, Buf *out, const char *prefix, const char *first, const char *second)
{
    put_parting(out, prefix, "first overflow", &w->overflow, first, second);
    put_parting(out, prefix, "first loss of accuracy", &w->loss, first, second);
    if (w->passed)
        buf_printf(out, "%s%zu values were not compared: those of %s are kept up to 1 GiB\n",
                   prefix, w->passed, first);
    watch_free(w);
}

void watch_free(Watch *w)
{
    while (w->next < w->count) drop(w, &w->kept[w->next++]);
    free(w->kept);
    *w = (Watch){ .diag = w->diag, .tolerance = w->tolerance };
}
