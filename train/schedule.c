/* schedule.c -- what a run is told, and the learning rate that follows for a step. */
#include "train.h"

#include <math.h>
#include <stdlib.h>

typedef enum { SETTING_TEXT, SETTING_COUNT, SETTING_NUMBER, SETTING_CHOICE, SETTING_FLAG } Kind;

static const struct {
    Kind kind;
    const char *choices, *otherwise;
} rows[] = {
#define SET(id, name, kind, arg, choices, otherwise, help)                                     \
    { SETTING_##kind, choices, otherwise },
#include "settings.def"
};

const char *const train_setting_names[SET_COUNT] = {
#define SET(id, name, ...) name,
#include "settings.def"
};

static bool is_choice(const char *choices, const char *text)
{
    const size_t n = strlen(text);
    for (const char *s = choices; s; s = strchr(s, '|') ? strchr(s, '|') + 1 : NULL)
        if (strcspn(s, "|") == n && !memcmp(s, text, n)) return true;
    return false;
}

bool settings_put(TrainSettings *s, int id, const char *text)
{
    TrainSetting *v = &s->at[id];
    char *end = NULL;
    const bool number = (*text >= '0' && *text <= '9') || *text == '.';
    *v = (TrainSetting){ .text = text };
    switch (rows[id].kind) {
    case SETTING_COUNT:
        v->count = number ? strtoull(text, &end, 10) : 0;
        return number && end != text && !*end;
    case SETTING_NUMBER:
        v->real = number ? strtod(text, &end) : 0;
        return number && end != text && !*end && isfinite(v->real);
    case SETTING_CHOICE: return is_choice(rows[id].choices, text);
    case SETTING_TEXT:
    case SETTING_FLAG: break;
    }
    return true;
}

void settings_init(TrainSettings *s)
{
    *s = (TrainSettings){ 0 };
    for (int i = 0; i < SET_COUNT; i++)
        if (rows[i].otherwise) settings_put(s, i, rows[i].otherwise);
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
