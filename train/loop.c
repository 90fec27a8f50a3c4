/* loop.c -- the loop of a run: steps, evaluations, checkpoints. */
#include "run.h"

#include <math.h>

/* ---- gradients --------------------------------------------------------------------------- */

/* A gradient that vanishes all at once is what an M3 makes of one that is too large. */
static const TrainParam *loop_vanished(TrainRun *r)
{
    const TrainParam *found = NULL;
    for (int i = 0; r->programs.half && i < r->programs.nparam; i++) {
        const TrainParam *p = &r->programs.param[i];
        bool zero = true;
        if (p->frozen) continue;
        for (size_t k = 0; zero && k < p->count; k++) zero = p->grad[k] == 0;
        if (zero && !r->was_zero[i] && r->state.updates) found = p;
        r->was_zero[i] = zero;
    }
    return found;
}

static bool loop_update(TrainRun *r, double factor)
{
    const TrainStep h = rule_step(&r->rule, r->lr, r->state.updates + 1, factor);
    for (int i = 0; i < r->programs.nparam; i++) {
        TrainParam *p = &r->programs.param[i];
        if (p->frozen) continue;
        if (!rule_update(&r->rule, p, &h)) return false;
        for (size_t k = 0; k < p->count; k++)
            if (!isfinite(p->master[k]))
                return diag_error(
                    r->diag, (Loc){ 0 },
                    "step %llu: the weight %s has an element that is no finite "
                    "number after the update",
                    (unsigned long long)r->state.step, p->path);
    }
    r->state.updates++;
    return true;
}

/* ---- a step ------------------------------------------------------------------------------ */

static bool make_step(TrainRun *r)
{
    const uint64_t step = r->state.step, n = job_batches(r->job);
    const TrainParam *bad;
    double loss = 0;
    r->ms_data = r->ms_run = r->ms_update = 0;
    r->lr = schedule_lr(&r->job->set, step, r->steps);
    if (!sums_make(r, &loss)) return false;
    r->state.loss = loss / (double)n;
    const double factor = 1 / (r->scale.value * (double)n);
    r->norm = scale_norm(r->programs.param, r->programs.nparam, &bad) * factor;
    if (!bad && r->programs.half && r->scale.dynamic)
        bad = scale_saturated(r->programs.param, r->programs.nparam);
    if (!bad) bad = loop_vanished(r);
    r->skipped = bad != NULL;
    if (bad && !r->scale.dynamic)
        return diag_error(r->diag, (Loc){ 0 },
                          "step %llu: the gradient of %s is not finite (loss %g)",
                          (unsigned long long)step, bad->path, r->state.loss);
    const bool small = r->scale.dynamic && !bad
                    && scale_small(r->programs.param, r->programs.nparam);
    if (!scale_after(&r->scale, !bad, small))
        return diag_error(
            r->diag, (Loc){ 0 },
            "step %llu: the gradient of %s was not finite 20 steps in a row, and "
            "the loss scale is down to %g",
            (unsigned long long)step, bad->path, r->scale.value);
    const double clip = run_set(r, SET_clip)->real, start = run_now();
    const double less = clip > 0 && r->norm > clip ? clip / r->norm : 1;
    several_lock(r);
    const bool ok = bad || loop_update(r, factor * less);
    if (ok) {
        r->state.step++;
        r->state.samples += n * r->data.batch;
        several_note(r);
    }
    several_unlock(r);
    r->ms_update = 1000 * (run_now() - start);
    return ok;
}

/* ---- evaluations and checkpoints --------------------------------------------------------- */

static bool loop_due(const TrainRun *r, int id)
{
    const uint64_t every = run_set(r, id)->text ? run_set(r, id)->count : 0;
    return every && r->state.step % every == 0;
}

/* One that comes at the end of a command alone says something and changes nothing: the run may
 * go on. True in *best: none was better. */
static bool loop_evaluate(TrainRun *r, bool counts, bool *best)
{
    TrainState *s = &r->state;
    const char *metric = r->programs.metric;
    if (!programs_evaluate(&r->programs, &r->eval, &r->eval_loss, &r->eval_metric))
        return false;
    r->evaluated = true;
    run_line(r, false, "step %llu  eval_loss=%s%s", (unsigned long long)s->step,
             run_loss_text(r, r->eval_loss),
             metric ? arena_printf(&r->arena, "  %s=%.4g", metric, r->eval_metric) : "");
    if (!counts) return true;
    *best = r->eval_loss < s->best_loss;
    s->stale = *best ? 0 : s->stale + 1;
    if (*best) s->best_loss = r->eval_loss, s->best_step = s->step;
    const uint64_t patience = run_set(r, SET_patience)->count;
    r->ended = r->ended || (patience && s->stale >= patience);
    return true;
}

/* Without evaluations the loss of a step tells, which is of the weights before it. */
static void note_loss(TrainRun *r, uint64_t step)
{
    if (r->has_eval || !sums_exact(r, step)) return;
    if (!(r->state.loss < r->state.best_loss)) return;
    r->state.best_loss = r->state.loss;
    r->state.best_step = step;
}

/* What says the same for all of a run is made once. */
static void loop_describe_all(TrainRun *r)
{
    TrainState *s = &r->state;
    s->settings = run_settings_json(r);
    s->options = run_options_json(r);
    s->anec_version = anec_version();
    s->machine = run_machine(r);
    s->os_build = run_os_build(r);
    s->rules = run_rules();
    s->refused = segments_refused(&r->programs.segments, &r->arena);
    s->states = r->rule.states;
    r->described = true;
}

/* A text that a program owns, and may have another one for after its next run. */
static void loop_describe_by(TrainRun *r, const char **text, const char *part)
{
    const char *now = run_fact(r, part);
    if (!*text || strcmp(*text, now) != 0) *text = arena_strdup(&r->arena, now);
}

void run_describe(TrainRun *r)
{
    TrainState *s = &r->state;
    if (!r->described) loop_describe_all(r);
    s->good = r->scale.good;
    s->skipped = r->scale.skipped;
    s->scale = r->scale.value;
    loop_describe_by(r, &s->backend, "backend");
    loop_describe_by(r, &s->io, "io");
    loop_describe_by(r, &s->chip, "target");
    loop_describe_by(r, &s->why, "why");
}

bool run_save(TrainRun *r, bool best)
{
    if (!r->leads) return true;
    several_lock(r);
    run_describe(r);
    const bool ok = folder_save(&r->folder, &r->state, r->programs.param,
                                r->programs.nparam, run_set(r, SET_keep)->count, best);
    several_unlock(r);
    return ok;
}

/* The loss with the weights that the run ends with, of the batch that would be next. */
static bool end_loss(TrainRun *r)
{
    const uint64_t first = r->state.step * job_batches(r->job), n = r->data.parts;
    double metric, loss = 0, all = 0;
    bool ok = true;
    for (uint64_t i = 0; ok && i < n; i++, all += loss) {
        data_batch(&r->data, run_set(r, SET_seed)->count, first + i);
        ok = programs_loss(&r->programs, &r->data, &loss, &metric);
    }
    r->end_loss = all / (double)n;
    return ok;
}

static bool timed_step(TrainRun *r, double *ms)
{
    TrainTimes *t = &r->times;
    const double start = run_now();
    if (!make_step(r)) return false;
    *ms = 1000 * (run_now() - start);
    t->least = t->steps++ ? fmin(t->least, *ms) : *ms;
    t->all += *ms;
    t->data += r->ms_data;
    t->run += r->ms_run;
    t->update += r->ms_update;
    return true;
}

static bool one_step(TrainRun *r)
{
    const uint64_t step = r->state.step;
    bool best = false;
    double ms;
    r->evaluated = false;
    if (!timed_step(r, &ms)) return false;
    r->ended = r->state.step >= r->steps || r->stopping;
    const bool look = loop_due(r, run_set(r, SET_eval_every)->text ? SET_eval_every
                                                                   : SET_save_every);
    run_say_step(r, step, ms);
    note_loss(r, step);
    if (r->has_eval && (look || r->ended) && !loop_evaluate(r, look, &best)) return false;
    if (!run_log_step(r, step, ms)) return false;
    const bool sample = loop_due(r, SET_sample_every);
    if (best || r->ended || sample || loop_due(r, SET_save_every))
        if (!run_save(r, best)) return false;
    if (sample && r->leads && !run_sample(r)) return false;
    if (r->evaluated && !run_put_pages(r, false)) return false;
    return !r->ended || (end_loss(r) && run_put_pages(r, true));
}

static bool export_weights(TrainRun *r)
{
    TrainExport o = { 0 };
    TrainPrograms *e = &r->programs;
    if (!r->job->export || !r->leads) return true;
    if (export_is_program(r->job->export)) return programs_save(e, r->job->export);
    return programs_param(e, r->state.model, "heads", &o.heads)
        && programs_param(e, r->state.model, "positions", &o.positions)
        && export_write(&o, r->diag, r->job->export, e->param, e->nparam);
}

static bool run_steps(TrainRun *r)
{
    bool ok = true;
    r->started = run_now();
    if (!r->resumed) r->state.best_loss = INFINITY;
    if (r->state.step >= r->steps) {
        run_line(r, false, "the run has %llu steps already: --steps says where it ends",
                 (unsigned long long)r->state.step);
        return true;
    }
    while (ok && !r->ended) ok = one_step(r);
    if (ok) run_say_end(r);
    return ok;
}

/* The first steps ask for memory that those behind them have. */
static bool bench_steps(TrainRun *r)
{
    enum { WARM = 3 };
    double ms;
    for (uint64_t i = 0; i < WARM + r->job->bench && !r->stopping; i++) {
        if (i == WARM) r->times = (TrainTimes){ 0 };
        if (!timed_step(r, &ms)) return false;
    }
    run_say_bench(r);
    return true;
}

bool train_run(TrainJob *job, Diag *d)
{
    TrainRun r = { .job = job, .diag = d, .folder.lock = -1 };
    bool ok = ranks_open(&r.ranks, d, job);
    several_listen(&r);
    ok = ok && several_begin(&r, run_open(&r))
      && (run_say_start(&r), job->bench ? bench_steps(&r) : job->dry || run_steps(&r))
      && (!run_keeps(&r) || export_weights(&r));
    several_end(&r);
    run_show_end(&r, ok);
    ranks_close(r.ranks, ok);
    if (r.has_data) data_close(&r.data);
    if (r.has_eval) data_close(&r.eval);
    for (int i = 0; i < r.programs.nparam; i++) rule_release(&r.programs.param[i]);
    rule_close(&r.rule);
    programs_close(&r.programs);
    if (r.from.path) checkpoint_close(&r.from);
    folder_close(&r.folder);
    arena_free(&r.arena);
    return ok;
}
