/* schedule.c -- the settings of a run, the learning rate of a step, and the loss scale. */
#include "train.h"

#include "../base/option.h"

#include <float.h>
#include <math.h>

/* ---- settings ---------------------------------------------------------------------------- */

static const Option rows[] = {
#define SET(id, name, kind, arg, choices, otherwise, help) \
    OPTION_ROW(id, name, 0, kind, arg, choices, help)
#include "settings.def"
};

static const char *const otherwise_of[] = {
#define SET(id, name, kind, arg, choices, otherwise, help) otherwise,
#include "settings.def"
};

const char *const train_setting_names[SET_COUNT] = {
#define SET(id, name, ...) name,
#include "settings.def"
};

bool settings_put(TrainSettings *s, int id, const char *text)
{
    Arena a = { 0 };
    TrainSetting *v = &s->at[id];
    const bool wrong = option_wrong(&a, &rows[id], rows[id].name, text) != NULL;
    arena_free(&a);
    *v = (TrainSetting){ .text = text };
    if (wrong) return false;
    if (rows[id].kind == OPT_COUNT) option_count(text, &v->count);
    if (rows[id].kind == OPT_NUMBER) option_number(text, &v->real);
    return isfinite(v->real);
}

void settings_init(TrainSettings *s)
{
    *s = (TrainSettings){ 0 };
    for (int i = 0; i < SET_COUNT; i++)
        if (otherwise_of[i]) settings_put(s, i, otherwise_of[i]);
}

/* What is computed with them is fp32; a beta of 1 never forgets, and what corrects for it is
 * infinite. `below`: the bound itself is too large. */
static const struct {
    int id;
    double least, most;
    bool below;
} bounds[] = {
    { SET_batch, 1, 1 << 24, false },
    { SET_micro, 1, 1 << 24, false },
    { SET_accum, 1, 1 << 24, false },
    { SET_save_every, 1, INFINITY, false },
    { SET_log_every, 1, INFINITY, false },
    { SET_epochs, 0, 1 << 30, false },
    { SET_lr, 0, FLT_MAX, false },
    { SET_min_lr, 0, FLT_MAX, false },
    { SET_eps, 0, FLT_MAX, false },
    { SET_decay, 0, FLT_MAX, false },
    { SET_beta1, 0, 1, true },
    { SET_beta2, 0, 1, true },
    { SET_momentum, 0, 1, true },
};

bool settings_check(const TrainSettings *s, Diag *d)
{
    for (size_t i = 0; i < COUNT(bounds); i++) {
        const int id = bounds[i].id;
        const TrainSetting *v = &s->at[id];
        const char *name = train_setting_names[id];
        const double most = bounds[i].most;
        const double is = rows[id].kind == OPT_COUNT ? (double)v->count : v->real;
        if (!v->text) continue;
        if (is < bounds[i].least)
            return diag_error(d, (Loc){ 0 }, "--%s must be at least %.9g", name,
                              bounds[i].least);
        if (bounds[i].below && is >= most)
            return diag_error(d, (Loc){ 0 }, "--%s must be below %.9g", name, most);
        if (is > most)
            return diag_error(d, (Loc){ 0 }, "--%s must be at most %.9g", name, most);
    }
    return true;
}

uint64_t job_batches(const TrainJob *job)
{
    return job->set.at[SET_accum].count * (job->parts ? job->parts : 1);
}

/* ---- the learning rate ------------------------------------------------------------------- */

/* Up to the whole rate over the warm-up, then down to the least one at the last step. */
double schedule_lr(const TrainSettings *s, uint64_t step, uint64_t steps)
{
    const double top = s->at[SET_lr].real, warm = (double)s->at[SET_warmup].count;
    const double least = s->at[SET_min_lr].text ? s->at[SET_min_lr].real : top * .1;
    const double at = (double)step, all = (double)steps - warm;
    const char *rule = s->at[SET_optimizer].text, *how = s->at[SET_schedule].text;
    if (!how)
        how = !strcmp(rule, "sgd") || !strcmp(rule, "momentum") ? "constant" : "cosine";
    if (at < warm) return top * (at + 1) / warm;
    const double part = all > 0 ? fmin((at - warm) / all, 1) : 1;
    if (!strcmp(how, "constant")) return top;
    if (!strcmp(how, "linear")) return top + (least - top) * part;
    return least + .5 * (top - least) * (1 + cos(3.14159265358979323846 * part));
}

/* ---- the loss scale ---------------------------------------------------------------------- */

/* What gradients are multiplied with so that fp16 holds them, and how large they are. */

enum { START = 1024, MOST = 16384, GROWS_AFTER = 1000, SKIPS = 20, END_OF_HALF = 65504 };
#define SMALL 0x1p-8 /* 64 times the least normal number of fp16 */

bool scale_open(TrainScale *s, Diag *d, const char *text, bool half)
{
    *s = (TrainScale){ .value = 1 };
    if (!text) text = half ? "dynamic" : "off";
    if (!strcmp(text, "off")) return true;
    s->on = true;
    s->dynamic = !strcmp(text, "dynamic");
    s->value = START;
    if (s->dynamic) return true;
    if (option_number(text, &s->value) && s->value >= 1 && s->value <= END_OF_HALF)
        return true;
    return diag_error(
        d, (Loc){ 0 },
        "--loss-scale takes dynamic, off, or a number from 1 to %d, where fp16 "
        "ends, not '%s'",
        END_OF_HALF, text);
}

bool scale_after(TrainScale *s, bool finite, bool small)
{
    if (finite) {
        s->in_a_row = 0;
        if (!s->dynamic || ++s->good < GROWS_AFTER || !small) return true;
        s->good = 0;
        if (s->value < MOST) s->value *= 2;
        return true;
    }
    s->skipped++;
    s->good = 0;
    if (!s->dynamic) return false;
    if (s->value > 1) s->value /= 2;
    return ++s->in_a_row < SKIPS;
}

double scale_norm(const TrainParam *p, int n, const TrainParam **bad)
{
    double all = 0;
    *bad = NULL;
    for (int i = 0; i < n; i++) {
        double sum = 0;
        if (p[i].frozen) continue;
        for (size_t k = 0; k < p[i].count; k++)
            sum += (double)p[i].grad[k] * p[i].grad[k];
        if (!isfinite(sum) && !*bad) *bad = &p[i];
        all += sum;
    }
    return sqrt(all);
}

const TrainParam *scale_saturated(const TrainParam *p, int n)
{
    for (int i = 0; i < n; i++)
        for (size_t k = 0; !p[i].frozen && k < p[i].count; k++)
            if (fabsf(p[i].grad[k]) == END_OF_HALF) return &p[i];
    return NULL;
}

bool scale_small(const TrainParam *p, int n)
{
    for (int i = 0; i < n; i++) {
        double sum = 0;
        if (p[i].frozen) continue;
        for (size_t k = 0; k < p[i].count; k++)
            sum += (double)p[i].grad[k] * p[i].grad[k];
        if (sum > 0 && sum < SMALL * SMALL * (double)p[i].count) return true;
    }
    return false;
}
