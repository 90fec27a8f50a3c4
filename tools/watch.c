/* watch.c -- --compare: finds the first op at which two backends differ. */
#include "anerun.h"

#include <stdlib.h>
#include <string.h>

static bool is_float(const anec_tensor *t)
{
    return t->dtype && (!strncmp(t->dtype, "fp", 2) || !strcmp(t->dtype, "bf16"));
}

int watch_keep(void *watch, const anec_value *v, const anec_tensor *t)
{
    Watch *w = watch;
    if (!is_float(t)) return 0;
    if (t->bytes > WATCH_BYTES - w->bytes) {
        w->passed++;
        return 0;
    }
    MEM_ROOM(w->kept, w->count, w->cap);
    struct Kept *k = &w->kept[w->count];
    *k = (struct Kept){ .value = v, .t = *t };
    k->t.data = mem_alloc(t->bytes + 1);
    if (!k->t.data) return !diag_fail(w->diag, "no memory for %zu values", w->count);
    if (t->bytes) memcpy(k->t.data, t->data, t->bytes);
    w->bytes += t->bytes;
    w->count++;
    return 0;
}

static void watch_drop(Watch *w, struct Kept *k)
{
    w->bytes -= k->t.bytes;
    mem_free(k->t.data);
}

static void watch_note(Parting *p, const anec_value *v, int64_t at, const anec_tensor *a,
                       const anec_tensor *b)
{
    if (p->value || at < 0) return;
    *p = (Parting){ .value = v, .at = (size_t)at };
    anec_doubles(a, p->at, 1, &p->a);
    anec_doubles(b, p->at, 1, &p->b);
}

static void watch_compare(Watch *w, const anec_value *v, const anec_tensor *a,
                          const anec_tensor *b)
{
    anec_difference d = { .size = sizeof d };
    if (w->overflow.value && w->loss.value) return;
    anec_compare(a, b, anec_value_precision(v), &w->tolerance, &d);
    if (d.differs < 0) mem_out(1);
    watch_note(&w->overflow, v, d.overflow, a, b);
    watch_note(&w->loss, v, d.loss, a, b);
}

/* Both runs compute in the same order; what only the first did is passed over. */
int watch_meet(void *watch, const anec_value *v, const anec_tensor *t)
{
    Watch *w = watch;
    size_t k = w->next;
    while (k < w->count && w->kept[k].value != v) k++;
    if (k == w->count || !is_float(t)) return 0;
    watch_compare(w, v, &w->kept[k].t, t);
    while (w->next <= k) watch_drop(w, &w->kept[w->next++]);
    return 0;
}

static void put_parting(Buf *out, const char *prefix, const char *what, const Parting *p,
                        const char *first, const char *second)
{
    const anec_value *v = p->value;
    char where[512];
    if (!v) return;
    if (*prefix)
        buf_printf(out, "%.*s: ", (int)strcspn(prefix, "_"), prefix); /* "it3_" */
    buf_printf(out, "%s: %s = %s", what, anec_value_name(v),
               anec_value_op(v) ? anec_value_op(v) : "?");
    anec_value_where(v, where, sizeof where);
    if (*where) buf_printf(out, " at %s", where);
    buf_printf(out, ", element %zu: %.9g on %s, %.9g on %s\n", p->at, p->a, first, p->b,
               second);
}

void watch_report(Watch *w, Buf *out, const char *prefix, const char *first,
                  const char *second)
{
    put_parting(out, prefix, "first overflow", &w->overflow, first, second);
    put_parting(out, prefix, "first loss of accuracy", &w->loss, first, second);
    if (w->passed)
        buf_printf(out,
                   "%s%zu values were not compared: those of %s are kept up to 1 GiB\n",
                   prefix, w->passed, first);
    watch_free(w);
}

void watch_free(Watch *w)
{
    while (w->next < w->count) watch_drop(w, &w->kept[w->next++]);
    mem_free(w->kept);
    *w = (Watch){ .diag = w->diag, .tolerance = w->tolerance };
}
