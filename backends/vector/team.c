/* team.c -- threads that share the parts of a step.
 *
 * One atomic number has the number of the step and how many parts of it are left. A thread
 * takes a part by lowering it, so that a late thread cannot take a part of a later step by
 * mistake. The caller waits for parts, never for threads, so a thread that sleeps or has
 * lost its core delays nobody. A thread spins for a moment, since the next step mostly
 * follows at once, and then sleeps. */
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
    int64_t count;
    _Atomic uint64_t
        left; /* the number of the step, and LEFT_BITS of how many parts are left */
    _Atomic int64_t done; /* parts */
    _Atomic int asleep;
    _Atomic bool end;
    pthread_mutex_t lock;
    pthread_cond_t wake, ready;
};

enum { LEFT_BITS = 40 };
static const uint64_t LEFT = ((uint64_t)1 << LEFT_BITS) - 1;

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

static bool take_part(Team *t, int64_t *part)
{
    uint64_t seen = atomic_load(&t->left);
    do {
        if (!(seen & LEFT)) return false;
    } while (!atomic_compare_exchange_weak(&t->left, &seen, seen - 1));
    *part = t->count - (int64_t)(seen & LEFT);
    return true;
}

static void take_parts(Team *t, int lane)
{
    int64_t part;
    while (take_part(t, &part)) {
        const int64_t count = t->count;
        t->work(t->ctx, part, lane);
        if (atomic_fetch_add(&t->done, 1) + 1 != count || !lane) continue;
        pthread_mutex_lock(&t->lock);
        pthread_cond_signal(&t->ready);
        pthread_mutex_unlock(&t->lock);
    }
}

static bool nothing_left(Team *t)
{
    return !(atomic_load(&t->left) & LEFT) && !atomic_load(&t->end);
}

static void await_parts(Team *t)
{
    const int64_t until = now_ns() + AWAKE_NS;
    while (nothing_left(t)) {
        for (int i = 0; i < 64 && nothing_left(t); i++) team_breathe();
        if (now_ns() < until) continue;
        pthread_mutex_lock(&t->lock);
        atomic_fetch_add(&t->asleep, 1);
        while (nothing_left(t)) pthread_cond_wait(&t->wake, &t->lock);
        atomic_fetch_sub(&t->asleep, 1);
        pthread_mutex_unlock(&t->lock);
    }
}

static void *member_main(void *arg)
{
    const Member *m = arg;
    for (;;) {
        await_parts(m->team);
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
    atomic_store(&t->done, 0);
    const uint64_t step = (atomic_load(&t->left) >> LEFT_BITS) + 1;
    atomic_store(&t->left, step << LEFT_BITS | (uint64_t)count);
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
