/* sums.c -- adds the gradients of a step's batches as the leaves of a binary tree, in one
 * process or in several, each of which has some of the leaves.
 *
 * The tree depends on the number of batches alone: each node divides its batches into two
 * halves. A node is added by the process that has its first batch, which receives the second
 * half from the process that has the first batch of that. So any number of processes adds the
 * same numbers in the same order, and the result is the same to the last bit.
 *
 * Gradients are sent in buckets. One is added, and sent, as soon as all weights in it have a
 * gradient, while the device computes those of the layers in front of them. A process asks for
 * what it will receive before it computes its own part. */
#include "run.h"

enum { BUCKET = 1 << 20 }; /* floats */
enum { TAG_TREE = RANKS_TAGS };

typedef struct {
    RanksPost **at;
    size_t n;
} Posts;

/* What happens to the sum over a second half of batches as soon as it is there. */
typedef struct {
    int level;
    int to; /* it goes to this process; -1: the sum over the first half is added */
} SumsDue;

struct TrainSums {
    uint64_t batches, step; /* of a step; at work */
    float **level;          /* a half of the tree each */
    int levels;
    float *all; /* the sum, on its way to everybody */
    Posts *coming, *going, cast;
    SumsDue due[64]; /* from `base` to `top` with what is at work, the last one first */
    int base, top;
    size_t *first, *left; /* where each weight is among all; what each bucket lacks */
    double *told;         /* the losses of the batches, and whether the run is to end */
};

static size_t sums_learned(const TrainRun *r) { return r->programs.learned; }

static size_t sums_buckets(const TrainRun *r)
{
    return (sums_learned(r) + BUCKET - 1) / BUCKET;
}

/* ---- whose batches ----------------------------------------------------------------------- */

static uint64_t sums_first(const TrainRun *r, int rank)
{
    return (uint64_t)rank * r->sums->batches / (uint64_t)ranks_count(r->ranks);
}

static int sums_owner(const TrainRun *r, uint64_t batch)
{
    int rank = ranks_count(r->ranks) - 1;
    while (sums_first(r, rank) > batch) rank--;
    return rank;
}

static bool sums_mine(const TrainRun *r, uint64_t at, uint64_t n)
{
    const int me = ranks_index(r->ranks);
    return at < sums_first(r, me + 1) && at + n > sums_first(r, me);
}

/* ---- gradients as one row of floats ------------------------------------------------------ */

typedef enum { SUMS_OUT, SUMS_IN, SUMS_ADD } SumsMove;

/* Floats from .. from + n - 1 of all gradients: out to a row, in from it, or added to
 * them. */
static void sums_move(TrainRun *r, float *row, size_t from, size_t n, SumsMove how)
{
    size_t at = 0;
    for (int i = 0; n && i < r->programs.nparam; i++) {
        TrainParam *p = &r->programs.param[i];
        const size_t count = p->frozen ? 0 : p->count;
        const size_t skip = from > at ? from - at : 0,
                     left = skip < count ? count - skip : 0;
        const size_t some = left < n ? left : n;
        float *g = some ? p->grad + skip : NULL, *to = row + at + skip;
        if (some && how == SUMS_OUT) memcpy(to, g, some * sizeof *g);
        else if (some && how == SUMS_IN) memcpy(g, to, some * sizeof *g);
        else
            for (size_t k = 0; k < some; k++) g[k] = g[k] + to[k];
        at += count;
        from += some;
        n -= some;
    }
}

static void sums_move_all(TrainRun *r, float *row, SumsMove how)
{
    sums_move(r, row, 0, sums_learned(r), how);
}

static size_t sums_bucket(const TrainRun *r, size_t i)
{
    const size_t left = sums_learned(r) - i * BUCKET;
    return left < BUCKET ? left : BUCKET;
}

/* ---- from one process to another --------------------------------------------------------- */

static int sums_tag(int level, size_t bucket)
{
    return TAG_TREE + (int)bucket * 64 + level;
}

static void sums_expect(TrainRun *r, Posts *posts, int from, int level, float *row)
{
    for (size_t i = 0; i < sums_buckets(r); i++)
        posts->at[i] = ranks_get(r->ranks, from, sums_tag(level, i), row + i * BUCKET,
                                 sums_bucket(r, i) * sizeof *row);
    posts->n = sums_buckets(r);
}

static bool sums_wait(TrainRun *r, Posts *posts)
{
    bool ok = true;
    for (size_t i = 0; ok && i < posts->n; i++) ok = ranks_wait(r->ranks, posts->at[i]);
    posts->n = 0;
    return ok;
}

/* Bucket i of what is at work is there. */
static void sums_settle(TrainRun *r, size_t i)
{
    TrainSums *s = r->sums;
    const size_t from = i * BUCKET, n = sums_bucket(r, i);
    for (int k = s->top; k-- > s->base;) {
        const SumsDue due = s->due[k];
        float *row = s->level[due.level];
        sums_move(r, row, from, n, due.to < 0 ? SUMS_ADD : SUMS_OUT);
        if (due.to < 0) continue;
        Posts *posts = &s->going[due.level];
        posts->at[posts->n++] = ranks_send(r->ranks, due.to, sums_tag(due.level, i),
                                           row + from, n * sizeof *row);
    }
}

/* The gradient of weight i is there, while those of layers in front of it are computed. */
static void sums_made(void *run, int i)
{
    TrainRun *r = run;
    TrainSums *s = r->sums;
    const size_t end = s->first[i] + r->programs.param[i].count;
    for (size_t at = s->first[i], next; at < end && s->base < s->top; at = next) {
        const size_t bucket = at / BUCKET, bound = (bucket + 1) * BUCKET;
        next = end < bound ? end : bound;
        s->left[bucket] -= next - at;
        if (!s->left[bucket]) sums_settle(r, bucket);
    }
}

/* Bucket i of the sum to those who get it from this process: its number with one more bit below
 * its own lowest one. */
static void sums_spread(TrainRun *r, size_t i)
{
    const int me = ranks_index(r->ranks), n = ranks_count(r->ranks);
    Posts *posts = &r->sums->cast;
    for (int bit = 1; me + bit < n && !(me & bit); bit *= 2)
        posts->at[posts->n++] = ranks_send(r->ranks, me + bit, sums_tag(63, i),
                                           r->sums->all + i * BUCKET,
                                           sums_bucket(r, i) * sizeof(float));
}

/* What comes is added to what is there; at the root of the tree that is the sum, which goes to
 * all. */
static bool sums_take(TrainRun *r, int level)
{
    Posts *posts = &r->sums->coming[level];
    for (size_t i = 0; i < posts->n; i++) {
        if (!ranks_wait(r->ranks, posts->at[i])) return false;
        sums_move(r, r->sums->level[level], i * BUCKET, sums_bucket(r, i), SUMS_ADD);
        sums_settle(r, i);
        if (level) continue;
        sums_move(r, r->sums->all, i * BUCKET, sums_bucket(r, i), SUMS_OUT);
        sums_spread(r, i);
    }
    posts->n = 0;
    return true;
}

/* The sum from the process that has it before this one. */
static bool sums_receive(TrainRun *r)
{
    const int me = ranks_index(r->ranks);
    Posts *posts = &r->sums->coming[0];
    sums_expect(r, posts, me & (me - 1), 63, r->sums->all);
    for (size_t i = 0; i < posts->n; i++) {
        if (!ranks_wait(r->ranks, posts->at[i])) return false;
        sums_spread(r, i);
        sums_move(r, r->sums->all, i * BUCKET, sums_bucket(r, i), SUMS_IN);
    }
    posts->n = 0;
    return true;
}

/* ---- the tree ---------------------------------------------------------------------------- */

bool sums_exact(const TrainRun *r, uint64_t step)
{
    return !r->programs.half || step % run_set(r, SET_log_every)->count == 0;
}

/* What fp16 has computed with, a loss that is shown is computed of anew. */
static bool sums_leaf_loss(TrainRun *r, double *loss)
{
    double metric;
    return !r->programs.half || !sums_exact(r, r->sums->step)
        || programs_loss(&r->programs, &r->data, loss, &metric);
}

static bool sums_leaf(TrainRun *r, uint64_t at)
{
    double start = run_now();
    data_batch(&r->data, run_set(r, SET_seed)->count,
               r->sums->step * r->sums->batches + at);
    r->ms_data += 1000 * (run_now() - start);
    start = run_now();
    for (size_t i = 0; i < sums_buckets(r); i++) r->sums->left[i] = sums_bucket(r, i);
    const bool ok = data_sound(&r->data)
                 && programs_gradients(&r->programs, &r->data, r->sums->step,
                                       (float)r->scale.value, &r->sums->told[at]);
    r->ms_run += 1000 * (run_now() - start);
    return ok && sums_leaf_loss(r, &r->sums->told[at]);
}

/* The sum over n batches from `at` on, in each weight's grad where this process makes it; then
 * what was due with it has happened, too. */
static bool sums_add(TrainRun *r, uint64_t at, uint64_t n, int level)
{
    TrainSums *s = r->sums;
    const uint64_t half = n / 2;
    if (!sums_mine(r, at, n)) return true;
    if (n == 1) return sums_leaf(r, at);
    /* what was given away from another part of the tree has left its row */
    if (!sums_wait(r, &s->going[level])) return false;
    const int me = ranks_index(r->ranks), left = sums_owner(r, at),
              right = sums_owner(r, at + half), base = s->base;
    if (left == me && right != me)
        sums_expect(r, &s->coming[level], right, level, s->level[level]);
    s->base = s->top;
    bool ok = sums_add(r, at, half, level + 1);
    s->base = base;
    if (ok && left == me && right == me) sums_move_all(r, s->level[level], SUMS_OUT);
    if (right == me) s->due[s->top++] = (SumsDue){ level, left == me ? -1 : left };
    ok = ok && sums_add(r, at + half, n - half, level + 1);
    if (right == me) s->top--;
    return ok && (right == me || left != me || sums_take(r, level));
}

static bool sums_sent(TrainRun *r)
{
    bool ok = sums_wait(r, &r->sums->cast);
    for (int i = 0; ok && i < r->sums->levels; i++) ok = sums_wait(r, &r->sums->going[i]);
    return ok;
}

bool sums_make(TrainRun *r, double *loss)
{
    TrainSums *s = r->sums;
    const size_t n = (size_t)s->batches;
    const bool several = ranks_count(r->ranks) > 1;
    memset(s->told, 0, (n + 1) * sizeof *s->told);
    s->step = r->state.step;
    bool ok = sums_add(r, 0, n, 0);
    s->told[n] = *r->job->stop ? 1 : 0;
    ok = ok && (!several || !ranks_index(r->ranks) || sums_receive(r));
    ok = ok && (!several || (sums_sent(r) && ranks_sum(r->ranks, s->told, n + 1)));
    if (!ok && ranks_lost(r->ranks))
        return diag_fail(r->diag, "%s", ranks_lost(r->ranks));
    for (size_t i = 0; ok && i < n; i++) *loss += s->told[i];
    r->stopping = s->told[n] > 0;
    return ok;
}

/* ---- opening ----------------------------------------------------------------------------- */

bool sums_open(TrainRun *r)
{
    TrainSums *s = r->sums = NEW(&r->arena, TrainSums);
    const size_t floats = sums_learned(r) + 1, buckets = sums_buckets(r) + 1;
    const int n = ranks_count(r->ranks);
    s->batches = job_batches(r->job);
    if (s->batches < (uint64_t)n)
        return diag_error(
            r->diag, (Loc){ 0 },
            "%d processes train together, and a step is of %llu batch%s: each of "
            "them takes one at least, --accum %d",
            n, (unsigned long long)s->batches, s->batches == 1 ? "" : "es", n);
    for (uint64_t k = s->batches; k > 1; k = (k + 1) / 2) s->levels++;
    s->level = NEW_ARRAY(&r->arena, s->levels + 1, float *);
    s->coming = NEW_ARRAY(&r->arena, s->levels + 1, Posts);
    s->going = NEW_ARRAY(&r->arena, s->levels + 1, Posts);
    s->told = NEW_ARRAY(&r->arena, s->batches + 2, double);
    for (int i = 0; i < s->levels; i++)
        s->level[i] = arena_array(&r->arena, floats, sizeof(float));
    s->first = arena_array(&r->arena, (size_t)r->programs.nparam + 1, sizeof *s->first);
    s->left = arena_array(&r->arena, buckets, sizeof *s->left);
    for (size_t i = 0, at = 0; i < (size_t)r->programs.nparam; i++) {
        const TrainParam *p = &r->programs.param[i];
        s->first[i] = at;
        at += p->frozen ? 0 : p->count;
    }
    r->programs.made = sums_made;
    r->programs.made_by = r;
    if (n == 1) return true;
    s->all = arena_array(&r->arena, floats, sizeof(float));
    for (int i = 0; i < s->levels; i++) {
        s->coming[i].at = NEW_ARRAY(&r->arena, buckets, RanksPost *);
        s->going[i].at = NEW_ARRAY(&r->arena, buckets, RanksPost *);
    }
    s->cast.at = NEW_ARRAY(&r->arena, buckets * 32, RanksPost *);
    return true;
}
