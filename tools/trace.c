/* trace.c -- --trace: writes Chrome's trace events. */
#include "trace.h"

#include <cjson/cJSON.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

bool trace_open(Trace *t, Diag *d, const char *path)
{
    static const char head[] = "{\"displayTimeUnit\": \"ms\", \"traceEvents\": [";
    *t = (Trace){ .zero = now() };
    t->open = out_open(&t->out, d, path);
    return t->open && out_write(&t->out, head, sizeof head - 1);
}

/* Phases are thread 0, statements thread 1: each has a row of its own. */
static void put_event(Trace *t, const char *name, const char *kind, int thread, double from,
                      double to, cJSON *args)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "name", name);
    cJSON_AddStringToObject(o, "cat", kind);
    cJSON_AddStringToObject(o, "ph", "X");
    cJSON_AddNumberToObject(o, "ts", 1e6 * (from - t->zero));
    cJSON_AddNumberToObject(o, "dur", 1e6 * (to - from));
    cJSON_AddNumberToObject(o, "pid", 1);
    cJSON_AddNumberToObject(o, "tid", thread);
    if (args) cJSON_AddItemToObject(o, "args", args);
    Buf line = { 0 };
    char *text = cJSON_PrintUnformatted(o);
    if (!text) bug("out of memory: an event");
    buf_printf(&line, "%s\n%s", t->any ? "," : "", text);
    out_write(&t->out, line.s, line.len);
    t->any = true;
    cJSON_free(text);
    cJSON_Delete(o);
    buf_free(&line);
}

void trace_phase(Trace *t, const char *name)
{
    if (!t->open) return;
    double at = now();
    if (t->phase) put_event(t, t->phase, "phase", 0, t->phase_at, at, NULL);
    t->phase = name;
    t->phase_at = at;
}

void trace_begin(Trace *t)
{
    if (t->depth == t->cap) {
        t->cap = t->cap ? 2 * t->cap : 16;
        t->begun = realloc(t->begun, (size_t)t->cap * sizeof *t->begun);
        if (!t->begun) bug("out of memory: nested events");
    }
    t->begun[t->depth++] = now();
}

void trace_inner(void *trace, const char *name, int begins)
{
    Trace *t = trace;
    if (!t->open) return;
    if (begins) trace_begin(t);
    else put_event(t, name, "backend", 0, t->begun[--t->depth], now(), NULL);
}

void trace_end(Trace *t, const anec_statement *s, const anec_tensor *result)
{
    double at = now();
    cJSON *args = cJSON_CreateObject();
    cJSON_AddStringToObject(args, "op", anec_statement_op(s));
    if (result && strcmp(result->dtype, "list") != 0) {
        cJSON_AddStringToObject(args, "dtype", result->dtype);
        cJSON *shape = cJSON_AddArrayToObject(args, "shape");
        for (int i = 0; i < result->rank; i++)
            cJSON_AddItemToArray(shape, cJSON_CreateNumber((double)result->shape[i]));
    }
    put_event(t, anec_statement_name(s), anec_statement_op(s), 1, t->begun[--t->depth], at, args);
}

bool trace_close(Trace *t)
{
    if (!t->open) return true;
    trace_phase(t, NULL);
    bool ok = out_write(&t->out, "\n]}\n", 4) && out_commit(&t->out);
    t->open = false;
    free(t->begun);
    return ok;
}

void trace_abort(Trace *t)
{
    if (!t->open) return;
    out_abort(&t->out);
    free(t->begun);
    t->open = false;
}
