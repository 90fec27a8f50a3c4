/* trace.c -- how long runs took: a line, and --trace, a file of Chrome's trace events. */
#include "anerun.h"

#include <stdlib.h>
#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>
#include <time.h>

/* ---- lines ------------------------------------------------------------------------------- */

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
        buf_printf(
            out,
            "%.0f multiply-adds a run, two operations each: %.4g GFLOP/s at the median",
            macs->count, seconds > 0 ? 2e-9 * macs->count / seconds : 0);
    else buf_puts(out, "no multiply-adds are counted");
    if (macs->blocks)
        buf_puts(out, "; loop bodies and both branches of conds are counted once");
    if (macs->open)
        buf_printf(out, "; those of %s are not counted, whose dimensions are not known",
                   macs->open);
    buf_putc(out, '\n');
}

/* ---- events ------------------------------------------------------------------------------ */

static double trace_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

bool trace_open(Trace *t, Diag *d, const char *path)
{
    static const char head[] = "{\"displayTimeUnit\": \"ms\", \"traceEvents\": [";
    *t = (Trace){ .zero = trace_now() };
    t->open = out_open(&t->out, d, path);
    return t->open && out_write(&t->out, head, sizeof head - 1);
}

/* Phases are thread 0, ops thread 1: each has a row of its own. */
static void put_event(Trace *t, const char *name, const char *kind, int thread,
                      double from, double to, cJSON *args)
{
    cJSON *o = json_root(cJSON_CreateObject());
    json_item(o, "name", cJSON_CreateString(name));
    json_item(o, "cat", cJSON_CreateString(kind));
    json_item(o, "ph", cJSON_CreateString("X"));
    json_item(o, "ts", cJSON_CreateNumber(1e6 * (from - t->zero)));
    json_item(o, "dur", cJSON_CreateNumber(1e6 * (to - from)));
    json_item(o, "pid", cJSON_CreateNumber(1));
    json_item(o, "tid", cJSON_CreateNumber(thread));
    if (args) json_item(o, "args", args);
    Buf line = { 0 };
    char *text = json_text(o, false);
    buf_printf(&line, "%s\n%s", t->any ? "," : "", text);
    out_write(&t->out, line.s, line.len);
    t->any = true;
    json_text_free(text);
    json_free(o);
    buf_free(&line);
}

static cJSON *new_args(const Trace *t)
{
    cJSON *args = json_root(cJSON_CreateObject());
    if (t->run) json_item(args, "run", cJSON_CreateNumber((double)t->run - 1));
    return args;
}

static void put_step(Trace *t, const anec_timed_step *s)
{
    cJSON *args = new_args(t);
    const double took = s->ended - s->begun;
    if (s->number >= 0) {
        json_item(args, "step", cJSON_CreateNumber(s->number));
        json_item(args, "operations", cJSON_CreateString(s->operations));
        json_item(args, "bytes", cJSON_CreateNumber(s->bytes));
        json_item(args, "of weights", cJSON_CreateNumber(s->weights));
        json_item(args, "us, least", cJSON_CreateNumber(round(1e9 * s->least) / 1e3));
    }
    if (s->flop > 0) {
        json_item(args, "MFLOP", cJSON_CreateNumber(1e-6 * s->flop));
        if (took > 0)
            json_item(args, "GFLOP/s",
                      cJSON_CreateNumber(round(1e-6 * s->flop / took) / 1e3));
    }
    put_event(t, *s->result ? s->result : s->operations, s->how, 1, s->begun, s->ended,
              args);
}

static void put_steps(Trace *t)
{
    for (int i = 0; i < t->nstep; i++) put_step(t, &t->step[i]);
    t->nstep = 0;
}

void trace_step(Trace *t, const anec_timed_step *s)
{
    enum { STEPS = 1 << 16 }; /* of a long loop: no more are kept */
    if (!t->open) return;
    if (t->nstep == STEPS) put_steps(t);
    MEM_ROOM(t->step, t->nstep, t->step_cap);
    t->step[t->nstep++] = *s;
}

void trace_phase(Trace *t, const char *name)
{
    if (!t->open) return;
    double at = trace_now();
    put_steps(t);
    if (t->phase)
        put_event(t, t->phase, "phase", 0, t->phase_at, at, t->run ? new_args(t) : NULL);
    t->phase = name;
    t->phase_at = at;
}

void trace_run(Trace *t, const char *name, uint64_t run)
{
    trace_phase(t, name);
    t->run = run;
}

void trace_begin(Trace *t)
{
    MEM_ROOM(t->begun, t->depth, t->cap);
    t->begun[t->depth++] = trace_now();
}

void trace_inner(void *trace, const char *name, int begins)
{
    Trace *t = trace;
    if (!t->open) return;
    if (begins) trace_begin(t);
    else put_event(t, name, "backend", 0, t->begun[--t->depth], trace_now(), NULL);
}

void trace_end(Trace *t, const anec_op *s, const anec_tensor *result)
{
    double at = trace_now();
    cJSON *args = new_args(t);
    json_item(args, "op", cJSON_CreateString(anec_op_type(s)));
    if (result && strcmp(result->dtype, "list") != 0) {
        json_item(args, "dtype", cJSON_CreateString(result->dtype));
        cJSON *shape = json_item(args, "shape", cJSON_CreateArray());
        for (int i = 0; i < result->rank; i++)
            json_item(shape, NULL, cJSON_CreateNumber((double)result->shape[i]));
    }
    put_event(t, anec_op_name(s), anec_op_type(s), 1, t->begun[--t->depth], at, args);
}

static void trace_done(Trace *t)
{
    mem_free(t->begun);
    mem_free(t->step);
    t->open = false;
}

bool trace_close(Trace *t)
{
    if (!t->open) return true;
    trace_phase(t, NULL);
    bool ok = out_write(&t->out, "\n]}\n", 4) && out_commit(&t->out);
    trace_done(t);
    return ok;
}

void trace_abort(Trace *t)
{
    if (!t->open) return;
    out_abort(&t->out);
    trace_done(t);
}
