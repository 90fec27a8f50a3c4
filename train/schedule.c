/* schedule.c -- what a run is told, and the learning rate that follows for a step. */
#include "train.h"

#include "../base/option.h"

#include <math.h>

static const Option rows[] = {
#define SET(id, name, kind, arg, choices, otherwise, help)                                     \
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

/* Up to the whole rate over the warm-up, then down to the least one at the last step. */
double schedule_lr(const TrainSettings *s, uint64_t step, uint64_t steps)
{
    const double top = s->at[SET_lr].real, warm = (double)s->at[SET_warmup].count;
    const double least = s->at[SET_min_lr].text ? s->at[SET_min_lr].real : top * .1;
    const double at = (double)step, all = (double)steps - warm;
    const char *rule = s->at[SET_optimizer].text, *how = s->at[SET_schedule].text;
    if (!how) how = !strcmp(rule, "sgd") || !strcmp(rule, "momentum") ? "constant" : "cosine";
    if (at < warm) return top * (at + 1) / warm;
    const double part = all > 0 ? fmin((at - warm) / all, 1) : 1;
    if (!strcmp(how, "constant")) return top;
    if (!strcmp(how, "linear")) return top + (least - top) * part;
    return least + .5 * (top - least) * (1 + cos(3.14159265358979323846 * part));
}
