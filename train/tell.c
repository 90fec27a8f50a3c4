/* tell.c -- messages about a run: lines for people, log.csv for programs. */
#include "run.h"

#include <math.h>
#include <time.h>

double run_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void run_line(TrainRun *r, bool over, const char *fmt, ...)
{
    va_list ap;
    Buf b = { 0 };
    if (!r->leads) return;
    va_start(ap, fmt);
    buf_vmessage(&b, fmt, ap);
    va_end(ap);
    r->job->line(r->job->ctx, b.s, over);
    buf_free(&b);
}

/* Small numbers with three digits, others with four places. */
const char *run_loss_text(TrainRun *r, double v)
{
    return arena_printf(&r->arena, fabs(v) < .01 ? "%.3g" : "%.4f", v);
}

static const char *with_commas(TrainRun *r, size_t n)
{
    char digits[32];
    Buf b = { 0 };
    const int len = snprintf(digits, sizeof digits, "%zu", n);
    for (int i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0) buf_putc(&b, ',');
        buf_putc(&b, digits[i]);
    }
    const char *s = arena_strdup(&r->arena, b.s);
    buf_free(&b);
    return s;
}

/* ---- what is said ------------------------------------------------------------------------ */

const char *run_fact(const TrainRun *r, const char *part)
{
    const char *s = anec_fact(programs_tells(&r->programs), part);
    return s ? s : "";
}

/* ---- the step in parts ------------------------------------------------------------------- */

static const char *segments_text(TrainRun *r)
{
    const TrainSegments *s = &r->programs.segments;
    const int host = s->programs - s->engine;
    if (!s->parts) return "1 segment, 1 program";
    return arena_printf(
        &r->arena, "%d segments, %d programs%s", s->n, s->programs,
        host && s->engine ? arena_printf(&r->arena, ", %d of them the processor's", host)
                          : "");
}

static int port_count(const anec_kernel *k, anec_kind kind)
{
    anec_tensor t;
    int n = 0;
    while (anec_port(k, kind, n, &t)) n++;
    return n;
}

static size_t port_bytes(const anec_kernel *k, anec_kind kind)
{
    anec_tensor t;
    size_t bytes = 0;
    for (int i = 0; anec_port(k, kind, i, &t); i++) bytes += t.bytes;
    return bytes;
}

/* "blocks.0 .. blocks.11 backward" of a program's segments, which come in one order or the
 * other. */
static const char *say_layers(TrainRun *r, int program, int *count)
{
    const TrainSegments *s = &r->programs.segments;
    const char *first = NULL, *last = NULL;
    *count = 0;
    for (int i = 0; i < s->n; i++) {
        if (s->part[i].info.program != program) continue;
        if (!first) first = s->part[i].info.layer;
        last = s->part[i].info.layer;
        ++*count;
    }
    if (!first || !last) return "no layer";
    return *count == 1 ? first : arena_printf(&r->arena, "%s .. %s", first, last);
}

static void say_program(TrainRun *r, int program, const TrainPart *p)
{
    int count;
    const char *layers = say_layers(r, program, &count), *why = p->info.why;
    if (!why) why = anec_fact(p->kernel, "why");
    const int in = port_count(p->kernel, ANEC_INPUT),
              out = port_count(p->kernel, ANEC_RESULT);
    const char *bytes = "";
    if (r->job->plan)
        bytes = arena_printf(&r->arena, ", %s bytes taken, %s given",
                             with_commas(r, port_bytes(p->kernel, ANEC_INPUT)),
                             with_commas(r, port_bytes(p->kernel, ANEC_RESULT)));
    run_line(
        r, false,
        "program %d: %d segment%s, %s%s; buffers %d in, %d out%s; backend=%s io=%s%s%s%s",
        program + 1, count, count == 1 ? "" : "s", layers,
        p->info.again ? ", forward again" : "", in, out, bytes,
        anec_fact(p->kernel, "backend"), anec_fact(p->kernel, "io"), why ? " (" : "",
        why ? why : "", why ? ")" : "");
}

/* What runs where: each program, and the order. */
static void say_programs(TrainRun *r)
{
    const TrainSegments *s = &r->programs.segments;
    Buf order = { 0 };
    for (int program = 0, i = 0; i < s->n; i++)
        if (s->part[i].info.program == program) say_program(r, program++, &s->part[i]);
    for (int i = 0, n; i < s->n; i += n) {
        const int program = s->part[i].info.program;
        for (n = 1; i + n < s->n && s->part[i + n].info.program == program;) n++;
        buf_printf(&order, n > 1 ? " %dx%d" : " %d", program + 1, n);
    }
    if (s->parts)
        run_line(
            r, false,
            "order:%s; %s bytes go from segment to segment, %d of %d inputs read them "
            "where the device left them",
            order.s, with_commas(r, (size_t)anec_parts_bytes(s->parts)), s->handed,
            s->wires);
    buf_free(&order);
}

/* What computes here: an engine by its chip. */
static const char *tell_here(TrainRun *r)
{
    const char *backend = run_fact(r, "backend"), *chip = run_fact(r, "target");
    return !strcmp(backend, "ane") && *chip ? chip : backend;
}

void run_say_start(TrainRun *r)
{
    const TrainPrograms *e = &r->programs;
    const char *file = file_base(r->state.model_path), *why = run_fact(r, "why");
    const int stem = (int)strcspn(file, ".");
    const char *where = r->folder.path ? r->folder.path : r->at;
    const char *kept = arena_printf(&r->arena, "checkpoint every %s steps in %s",
                                    run_set(r, SET_save_every)->text,
                                    where ? where : "no folder (--dry-run)");
    if (r->resumed
        && (strcmp(r->from.state.backend, run_fact(r, "backend")) != 0
            || strcmp(r->from.state.io, run_fact(r, "io")) != 0))
        run_line(r, false,
                 "anetrain: run was backend=%s io=%s; here %s: io=%s%s%s%s; masters stay "
                 "fp32; scale=%s",
                 r->from.state.backend, r->from.state.io, tell_here(r), run_fact(r, "io"),
                 *why ? " (" : "", why, *why ? ")" : "",
                 r->scale.on ? arena_printf(&r->arena, "%g", r->scale.value) : "off");
    run_line(r, false,
             "anetrain: %.*s: %d weight%s, %s parameters%s; %s; backend=%s io=%s"
             "%s%s%s; data %zu sample%s; %s",
             stem, file, e->nparam, e->nparam == 1 ? "" : "s", with_commas(r, e->numbers),
             e->learned == e->numbers ? ""
                                      : arena_printf(&r->arena, ", %s of them learned",
                                                     with_commas(r, e->learned)),
             segments_text(r), run_fact(r, "backend"), run_fact(r, "io"),
             *why ? " (" : "", why, *why ? ")" : "", r->data.samples,
             r->data.samples == 1 ? "" : "s",
             r->job->bench ? "no checkpoints (--bench)" : kept);
    if (r->job->dry) say_programs(r);
    if (r->serve)
        run_line(r, false, "anetrain: http://127.0.0.1:%u/ follows the run",
                 serve_port(r->serve));
}

static const char *time_text(TrainRun *r, double seconds)
{
    const int s = (int)seconds;
    return arena_printf(&r->arena, "%dm%02ds", s / 60, s % 60);
}

/* Of a text: the tokens of a window that are learned, which all have one before them. */
static uint64_t tell_window(const TrainRun *r)
{
    return r->data.window > 1 ? r->data.window - 1 : 1;
}

double run_tokens(const TrainRun *r)
{
    const uint64_t samples = job_batches(r->job) * r->data.batch;
    return r->data.token ? (double)(samples * tell_window(r)) : 0;
}

double run_teraflops(const TrainRun *r, double ms)
{
    return 6 * (double)r->programs.numbers * run_tokens(r) / ms / 1e9;
}

static const char *rate_text(TrainRun *r, double ms)
{
    const double tokens = run_tokens(r);
    return tokens > 0 ? arena_printf(&r->arena, "  tok/s=%.0f", 1000 * tokens / ms) : "";
}

void run_say_step(TrainRun *r, uint64_t step, double ms)
{
    const bool logs = step % run_set(r, SET_log_every)->count == 0;
    Arena before = r->arena;
    r->arena = (Arena){ 0 };
    const double left = (double)(r->steps - step) * ms / 1000;
    run_line(r, !logs,
             "step %llu  loss=%s  lr=%.2e  %.1fms/step%s  |g|=%.3g  scale=%s%s%s%s",
             (unsigned long long)step, run_loss_text(r, r->state.loss), r->lr, ms,
             rate_text(r, ms), r->norm,
             r->scale.on ? arena_printf(&r->arena, "%g", r->scale.value) : "off",
             left >= 60 ? "  eta=" : "", left >= 60 ? time_text(r, left) : "",
             r->skipped ? "  skip" : "");
    arena_free(&r->arena);
    r->arena = before;
}

bool run_log_step(TrainRun *r, uint64_t step, double ms)
{
    Buf b = { 0 };
    char text[512];
    if (!r->leads) return true;
    char tokens[24] = "";
    const unsigned long long so_far = r->state.samples * tell_window(r);
    if (r->data.token) snprintf(tokens, sizeof tokens, "%llu", so_far);
    snprintf(text, sizeof text, "%llu,%s,%.9g,%.9g,%.9g,%.9g,%llu,%.3f,%.3f,,%.3f,%.3f,",
             (unsigned long long)step, tokens, r->state.loss, r->lr, r->norm,
             r->scale.value, (unsigned long long)r->scale.skipped, ms, r->ms_data,
             r->ms_run, r->ms_update);
    buf_puts(&b, text);
    if (r->evaluated) {
        snprintf(text, sizeof text, "%.9g,", r->eval_loss);
        buf_puts(&b, text);
        if (r->programs.metric) {
            snprintf(text, sizeof text, "%.9g", r->eval_metric);
            buf_puts(&b, text);
        }
    } else buf_puts(&b, ",");
    buf_puts(&b, "\n");
    const bool ok = folder_line(&r->folder, b.s);
    serve_tell(r->serve, "step", b.s);
    buf_free(&b);
    return ok;
}

/* The shares are of the mean; what is missing to 100 is the norm of the gradients, and the loss
 * in fp32. */
void run_say_bench(TrainRun *r)
{
    const TrainTimes *t = &r->times;
    const double part = 100 / t->all, ms = t->all / (double)t->steps;
    const char *speed = run_tokens(r) > 0 ? arena_printf(&r->arena, "  TFLOP/s=%.3g",
                                                         run_teraflops(r, ms))
                                          : "";
    run_line(
        r, false,
        "bench: %llu steps, %.2fms/step (least %.2f): data %.1f %%, gradients %.1f %%, "
        "updates %.1f %%%s%s",
        (unsigned long long)t->steps, ms, t->least, part * t->data, part * t->run,
        part * t->update, rate_text(r, ms), speed);
}

void run_say_end(TrainRun *r)
{
    const TrainState *s = &r->state;
    const double took = run_now() - r->started;
    const bool better = !r->has_eval && r->end_loss < s->best_loss;
    run_line(
        r, false,
        "%s: %llu steps, loss %s (best %s at %llu), %llu skipped, compile %.2f s, train %.1f s; "
        "%s",
        r->stopping ? "stopped" : "done", (unsigned long long)s->step,
        arena_printf(&r->arena, "%.2e", r->end_loss),
        arena_printf(&r->arena, "%.2e", better ? r->end_loss : s->best_loss),
        (unsigned long long)(better ? s->step : s->best_step),
        (unsigned long long)r->scale.skipped, r->compiled, took,
        folder_checkpoint(&r->folder, s->step));
}
