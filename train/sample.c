/* sample.c -- which token comes next: by the logits, and by what is allowed. */
#include "train.h"

#include <math.h>
#include <stdlib.h>

typedef struct {
    double p;
    int token;
} Chance;

static int by_chance(const void *a, const void *b)
{
    const Chance *x = a, *y = b;
    return x->p < y->p ? 1 : x->p > y->p ? -1 : x->token - y->token;
}

static int sample_largest(const float *logit, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (logit[i] > logit[best]) best = i;
    return (int)best;
}

/* How many of the chances, the largest first, are allowed. */
static size_t sample_allowed(const TrainSampling *s, const Chance *c, size_t n)
{
    double sum = 0;
    if (s->top_k && s->top_k < n) n = (size_t)s->top_k;
    for (size_t i = 1; i < n; i++)
        if (c[i].p < s->min_p * c[0].p) n = i;
    for (size_t i = 0; i < n; i++) {
        sum += c[i].p;
        if (sum >= s->top_p) return i + 1;
    }
    return n;
}

int sample_token(const TrainSampling *s, const float *logit, size_t n, uint64_t index)
{
    if (s->temperature <= 0) return sample_largest(logit, n);
    Arena a = { 0 };
    Chance *c = NEW_ARRAY(&a, n, Chance);
    const double most = logit[sample_largest(logit, n)];
    double all = 0, sum = 0;
    for (size_t i = 0; i < n; i++) {
        c[i] = (Chance){ exp((logit[i] - most) / s->temperature), (int)i };
        all += c[i].p;
    }
    for (size_t i = 0; i < n; i++) c[i].p /= all;
    qsort(c, n, sizeof *c, by_chance);
    n = sample_allowed(s, c, n);
    for (size_t i = 0; i < n; i++) sum += c[i].p;
    const double u = rng_unit(rng_key(s->seed, "anegen"), index) * sum;
    size_t at = 0;
    for (double so_far = c[0].p; at + 1 < n && so_far <= u; so_far += c[at].p) at++;
    const int token = c[at].token;
    arena_free(&a);
    return token;
}
