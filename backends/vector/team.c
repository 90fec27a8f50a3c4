/* team.c -- threads that share the parts of a step.
 *
 * Each lane begins with as many parts as the others, which follow each other, and takes them from the
 * first on; what has none left takes the last of another's. So a thread meets in one step what it wrote
 * in the one before, and what another core's cache holds is read seldom. One atomic number has what is
 * left of a lane's parts and the number of the step, so that a late thread cannot take a part of a later
 * step by mistake. The caller waits for parts, never for threads, so a thread that sleeps or has lost its
 * core delays nobody. A thread spins for a moment, since the next step mostly follows at once, and then
 * sleeps. */
#include "kernels.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#if defined(__linux__)
#include <sched.h>
#endif

enum { AWAKE_NS = 30000 };

/* The tickets that are left of a lane's: the number of the step, the first of them, and the one behind
 * the last. What is apart by APART bytes lies in no line of a cache, and no pair of lines, with another. */
enum { APART = 128 };
typedef struct {
    _Atomic uint64_t left;
    char apart[APART - sizeof(uint64_t)];
} Share;

typedef struct {
    Team *team;
    int lane;
    pthread_t thread;
} Member;

struct Team {
    int lanes; /* members, and the caller */
    pid_t process;
    Member member[TEAM_MOST];
    TeamWork *work; /* of this step: read by who has taken a part of it */
    void *ctx;
    int64_t count, each; /* parts, and those of a ticket */
    char apart[APART];
    Share share[TEAM_MOST];
    _Atomic uint64_t step; /* its number */
    _Atomic int64_t done;  /* parts */
    _Atomic int asleep;
    _Atomic bool end;
    pthread_mutex_t lock;
    pthread_cond_t wake, ready;
};

/* A share's number: the number of the step, and twice TICKET_BITS. */
enum { TICKET_BITS = 20 };
static const uint64_t TICKETS = ((uint64_t)1 << TICKET_BITS) - 1;

static uint64_t share_of(uint64_t step, uint64_t first, uint64_t end)
{
    return step << 2 * TICKET_BITS | first << TICKET_BITS | end;
}

static uint64_t share_first(uint64_t s) { return s >> TICKET_BITS & TICKETS; }
static uint64_t share_end(uint64_t s) { return s & TICKETS; }

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void team_breathe(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Takes the first ticket of a share, or the last one. */
static bool take_ticket(Share *s, bool first, int64_t *ticket)
{
    uint64_t seen = atomic_load(&s->left), then;
    do {
        if (share_first(seen) == share_end(seen)) return false;
        then = first ? seen + ((uint64_t)1 << TICKET_BITS) : seen - 1;
    } while (!atomic_compare_exchange_weak(&s->left, &seen, then));
    *ticket = (int64_t)(first ? share_first(seen) : share_end(then));
    return true;
}

static bool take_any(Team *t, int lane, int64_t *ticket)
{
    if (take_ticket(&t->share[lane], true, ticket)) return true;
    for (int i = 1; i < t->lanes; i++)
        if (take_ticket(&t->share[(lane + i) % t->lanes], false, ticket)) return true;
    return false;
}

/* What a lane has done is said once, when there is nothing left: a number that all threads write at every
 * part would go from core to core. */
static void take_parts(Team *t, int lane)
{
    int64_t ticket, count = 0, made = 0;
    while (take_any(t, lane, &ticket)) {
        const int64_t first = ticket * t->each;
        count = t->count;
        const int64_t end = count - first < t->each ? count : first + t->each;
        for (int64_t part = first; part < end; part++) t->work(t->ctx, part, lane);
        made += end - first;
    }
    if (!made || atomic_fetch_add(&t->done, made) + made != count || !lane) return;
    pthread_mutex_lock(&t->lock);
    pthread_cond_signal(&t->ready);
    pthread_mutex_unlock(&t->lock);
}

static bool same_step(Team *t, uint64_t step)
{
    return atomic_load(&t->step) == step && !atomic_load(&t->end);
}

/* Waits for another step than the one that is known, and gives its number. */
static uint64_t await_step(Team *t, uint64_t known)
{
    const int64_t until = now_ns() + AWAKE_NS;
    while (same_step(t, known)) {
        for (int i = 0; i < 64 && same_step(t, known); i++) team_breathe();
        if (now_ns() < until) continue;
        pthread_mutex_lock(&t->lock);
        atomic_fetch_add(&t->asleep, 1);
        while (same_step(t, known)) pthread_cond_wait(&t->wake, &t->lock);
        atomic_fetch_sub(&t->asleep, 1);
        pthread_mutex_unlock(&t->lock);
    }
    return atomic_load(&t->step);
}

static void *member_main(void *arg)
{
    const Member *m = arg;
    for (uint64_t step = 0;;) {
        step = await_step(m->team, step);
        if (atomic_load(&m->team->end)) return NULL;
        take_parts(m->team, m->lane);
    }
}

Team *team_new(int threads)
{
    if (threads > TEAM_MOST) threads = TEAM_MOST;
    Team *t = mem_zero(1, sizeof *t);
    if (!t) mem_out(sizeof *t);
    t->process = getpid();
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->wake, NULL);
    pthread_cond_init(&t->ready, NULL);
    for (t->lanes = 1; t->lanes < threads; t->lanes++) {
        Member *m = &t->member[t->lanes];
        *m = (Member){ .team = t, .lane = t->lanes };
        if (pthread_create(&m->thread, NULL, member_main, m)) break;
    }
    return t;
}

void team_free(Team *t)
{
    if (!t) return;
    if (t->process == getpid()) { /* after a fork the child has no such threads */
        pthread_mutex_lock(&t->lock);
        atomic_store(&t->end, true);
        pthread_cond_broadcast(&t->wake);
        pthread_mutex_unlock(&t->lock);
        for (int i = 1; i < t->lanes; i++) pthread_join(t->member[i].thread, NULL);
        pthread_mutex_destroy(&t->lock);
        pthread_cond_destroy(&t->wake);
        pthread_cond_destroy(&t->ready);
    }
    mem_free(t);
}

int team_lanes(const Team *t) { return t && t->process == getpid() ? t->lanes : 1; }

static void await_done(Team *t)
{
    const int64_t until = now_ns() + AWAKE_NS;
    while (atomic_load(&t->done) < t->count) {
        for (int i = 0; i < 64 && atomic_load(&t->done) < t->count; i++) team_breathe();
        if (now_ns() < until) continue;
        pthread_mutex_lock(&t->lock);
        while (atomic_load(&t->done) < t->count) pthread_cond_wait(&t->ready, &t->lock);
        pthread_mutex_unlock(&t->lock);
    }
}

void team_run(Team *t, TeamWork *work, void *ctx, int64_t count)
{
    if (count < 2 || team_lanes(t) < 2) {
        for (int64_t i = 0; i < count; i++) work(ctx, i, 0);
        return;
    }
    t->work = work;
    t->ctx = ctx;
    t->count = count;
    t->each = count / (int64_t)TICKETS + 1;
    atomic_store(&t->done, 0);
    const uint64_t step = atomic_load(&t->step) + 1, lanes = (uint64_t)t->lanes;
    const uint64_t tickets = (uint64_t)((count + t->each - 1) / t->each);
    for (uint64_t i = 0; i < lanes; i++)
        atomic_store(&t->share[i].left,
                     share_of(step, tickets * i / lanes, tickets * (i + 1) / lanes));
    atomic_store(&t->step, step);
    if (atomic_load(&t->asleep)) {
        pthread_mutex_lock(&t->lock);
        pthread_cond_broadcast(&t->wake);
        pthread_mutex_unlock(&t->lock);
    }
    take_parts(t, 0);
    await_done(t);
}

int team_processors(void)
{
#if defined(__linux__)
    cpu_set_t set;
    if (!sched_getaffinity(0, sizeof set, &set)) return CPU_COUNT(&set);
#endif
    const long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > TEAM_MOST ? TEAM_MOST : (int)n;
}
