/* scale.c -- what gradients are multiplied with so that fp16 holds them, and how large they
 * are. */
#include "train.h"

#include <math.h>
#include <stdlib.h>

enum { START = 1024, MOST = 16384, GROWS_AFTER = 1000, SKIPS = 20 };
#define SMALL 0x1p-8 /* 64 times the least normal number of fp16 */

bool scale_open(TrainScale *s, Diag *d, const char *text, bool half)
{
    char *end;
    *s = (TrainScale){ .value = 1 };
    if (!text) text = half ? "dynamic" : "off";
    if (!strcmp(text, "off")) return true;
    s->on = true;
    s->dynamic = !strcmp(text, "dynamic");
    s->value = s->dynamic ? START : strtod(text, &end);
    if (s->dynamic || (end != text && !*end && s->value >= 1 && s->value <= 65536)) return true;
    return diag_error(d, (Loc){ 0 },
                      "--loss-scale takes dynamic, off, or a number from 1 to 65536, not '%s'",
                      text);
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
        for (size_t k = 0; k < p[i].count; k++) sum += (double)p[i].grad[k] * p[i].grad[k];
        if (!isfinite(sum) && !*bad) *bad = &p[i];
        all += sum;
    }
    return sqrt(all);
}

bool scale_small(const TrainParam *p, int n)
{
    for (int i = 0; i < n; i++) {
        double sum = 0;
        if (p[i].frozen) continue;
        for (size_t k = 0; k < p[i].count; k++) sum += (double)p[i].grad[k] * p[i].grad[k];
        if (sum > 0 && sum < SMALL * SMALL * (double)p[i].count) return true;
    }
    return false;
}
