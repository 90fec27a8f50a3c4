/* mem.c -- the guard's list of what a call has allocated, and its release when memory runs
 * out. */
#include "base.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/sysinfo.h>
#endif
#ifdef __GLIBC__
#include <limits.h>
#include <malloc.h>
#endif

struct Owned {
    void *p; /* NULL: a free slot */
    size_t size;
    MemRelease *release; /* NULL: free */
    uint64_t serial;     /* what came last is released first */
};

_Static_assert(sizeof(struct Owned) * GUARD_FIRST == sizeof((Guard){ 0 }.first),
               "room for the first slots");

/* The innermost guard of this thread. */
static _Thread_local Guard *now;

/* ---- the list: a hash table, at most half full ------------------------------------------- */

static size_t mem_place(const Guard *g, const void *p)
{
    return (size_t)(((uintptr_t)p >> 4) * UINT64_C(0x9E3779B97F4A7C15) >> 24)
         & (g->cap - 1);
}

static struct Owned *mem_find(const Guard *g, const void *p)
{
    size_t i = mem_place(g, p);
    while (g->slot[i].p && g->slot[i].p != p) i = (i + 1) & (g->cap - 1);
    return g->slot[i].p ? &g->slot[i] : NULL;
}

static void mem_put(Guard *g, struct Owned o)
{
    size_t i = mem_place(g, o.p);
    while (g->slot[i].p) i = (i + 1) & (g->cap - 1);
    g->slot[i] = o;
}

/* Room for one more; false: no memory. */
static bool make_room(Guard *g)
{
    if (2 * (g->count + 1) <= g->cap) return true;
    struct Owned *old = g->slot, *more = calloc(2 * g->cap, sizeof *more);
    const size_t cap = g->cap;
    if (!more) return false;
    g->slot = more;
    g->cap = 2 * cap;
    for (size_t i = 0; i < cap; i++)
        if (old[i].p) mem_put(g, old[i]);
    if (old != (struct Owned *)g->first) free(old);
    return true;
}

/* While all is given back, what that itself takes may be had without a place on a list that is
 * full. */
static bool may_hold(Guard *g) { return make_room(g) || g->released; }

static void mem_add(Guard *g, void *p, size_t size, MemRelease *release)
{
    if (2 * (g->count + 1) > g->cap) return;
    mem_put(g, (struct Owned){ p, size, release, g->serial++ });
    g->count++;
}

/* What stood behind it in a row moves up, so that searches still end at a free slot. */
static bool mem_take(Guard *g, const void *p)
{
    struct Owned *o = g && g->count ? mem_find(g, p) : NULL;
    if (!o) return false;
    const size_t mask = g->cap - 1;
    size_t hole = (size_t)(o - g->slot);
    for (size_t i = (hole + 1) & mask; g->slot[i].p; i = (i + 1) & mask)
        if (((i - mem_place(g, g->slot[i].p)) & mask) >= ((i - hole) & mask)) {
            g->slot[hole] = g->slot[i];
            hole = i;
        }
    g->slot[hole].p = NULL;
    g->count--;
    return true;
}

bool mem_owned(const void *p) { return now && now->count && mem_find(now, p); }

void mem_own(void *p, size_t size, MemRelease *release)
{
    if (!now || !p) return;
    if (may_hold(now)) {
        mem_add(now, p, size, release);
        return;
    }
    release(p, size);
    mem_out(sizeof *now->slot);
}

bool mem_disown(const void *p) { return mem_take(now, p); }

void mem_follow(const void *owner, const void *p)
{
    if (p && !mem_owned(owner)) mem_disown(p);
}

/* ---- how much there is ------------------------------------------------------------------- */

size_t mem_most(void)
{
    size_t most = SIZE_MAX;
    struct rlimit limit;
    const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    if (pages > 0 && page > 0) most = (size_t)pages * (size_t)page;
#ifdef __linux__
    struct sysinfo info;
    size_t swap;
    if (!sysinfo(&info) && size_mul(info.totalswap, info.mem_unit, &swap))
        (void)size_add(most, swap, &most);
#else
    if (!size_mul(most, 2, &most)) most = SIZE_MAX; /* swap comes when it is wanted */
#endif
    if (!getrlimit(RLIMIT_AS, &limit) && limit.rlim_cur != RLIM_INFINITY
        && limit.rlim_cur < most)
        most = (size_t)limit.rlim_cur;
    return most;
}

/* The system may promise more than there is, and end the process when it is used. */
static bool is_too_much(size_t size)
{
    enum { LOOK_FROM = 1 << 26 };
    if (size < LOOK_FROM || size <= mem_most()) return false;
    errno = ENOMEM;
    return true;
}

/* ---- blocks ------------------------------------------------------------------------------ */

void *mem_zero(size_t count, size_t size)
{
    size_t bytes;
    if (!size_mul(count, size, &bytes) || is_too_much(bytes) || (now && !may_hold(now)))
        return NULL;
    void *p = calloc(count ? count : 1, size ? size : 1);
    if (p && now) mem_add(now, p, 0, NULL);
    return p;
}

void *mem_alloc(size_t size)
{
    if (is_too_much(size) || (now && !may_hold(now))) return NULL;
    void *p = malloc(size ? size : 1);
    if (p && now) mem_add(now, p, 0, NULL);
    return p;
}

/* A block that is older than the guard stays out of its list. */
void *mem_resize(void *p, size_t size)
{
    if (is_too_much(size)) return NULL;
    const bool list = now && (p ? mem_take(now, p) : may_hold(now));
    if (now && !p && !list) return NULL;
    void *q = realloc(p, size ? size : 1);
    if (list && (q || p)) mem_add(now, q ? q : p, 0, NULL);
    return q;
}

char *mem_strdup(const char *s)
{
    const size_t n = strlen(s) + 1;
    char *p = mem_alloc(n);
    return p ? memcpy(p, s, n) : NULL;
}

void mem_free(void *p)
{
    if (p) mem_take(now, p);
    free(p);
}

/* ---- guards ------------------------------------------------------------------------------ */

Guard *guard_pause(void)
{
    Guard *g = now;
    if (!g) return NULL;
    now = g->outer;
    if (now) now->paused = g;
    return g;
}

void guard_resume(Guard *g)
{
    if (!g) return;
    if (now) now->paused = NULL;
    now = g;
}

void guard_push(Guard *g)
{
    memset(g->first, 0, sizeof g->first);
    g->slot = (struct Owned *)g->first;
    g->cap = GUARD_FIRST;
    g->count = 0;
    g->serial = 0;
    g->task = NULL;
    g->released = false;
    g->wanted = 0;
    g->keeps = false;
    g->said[0] = 0;
    g->paused = NULL;
    g->outer = now;
    now = g;
}

void guard_end(Guard *g)
{
    if (g->slot != (struct Owned *)g->first) free(g->slot);
    now = g->outer;
}

void guard_task(GuardTask *t, void (*run)(void *ctx), void *ctx)
{
    *t = (GuardTask){ .run = run, .ctx = ctx, .before = now ? now->task : NULL };
    if (now) now->task = t;
}

/* A task of a guard that has ended is on no list. */
void guard_task_end(GuardTask *t)
{
    for (GuardTask **at = now ? &now->task : NULL; at && *at; at = &(*at)->before)
        if (*at == t) {
            *at = t->before;
            return;
        }
}

/* Frames of the calls under way are still there: tasks may look at them. One that needs memory
 * itself, and gets none, is given up. */
static void run_tasks(Guard *g)
{
    while (g->task) {
        GuardTask *t = g->task;
        g->task = t->before;
        if (!_setjmp(g->next_task)) t->run(t->ctx);
    }
}

static int later_first(const void *a, const void *b)
{
    const uint64_t x = ((const struct Owned *)a)->serial,
                   y = ((const struct Owned *)b)->serial;
    return x < y ? 1 : x > y ? -1 : 0;
}

static void release_all(Guard *g)
{
    size_t n = 0;
    for (size_t i = 0; i < g->cap; i++)
        if (g->slot[i].p) g->slot[n++] = g->slot[i];
    if (n) qsort(g->slot, n, sizeof *g->slot, later_first);
    g->count = 0; /* a release may free, which looks */
    for (size_t i = 0; i < n; i++)
        if (g->slot[i].release) g->slot[i].release(g->slot[i].p, g->slot[i].size);
        else free(g->slot[i].p);
}

static void mem_release(Guard *g)
{
    if (g->paused) mem_release(g->paused);
    now = g;
    g->released = true;
    run_tasks(g);
    release_all(g);
    guard_end(g);
}

_Noreturn void mem_out(size_t wanted)
{
    Guard *g = now;
    if (!g) {
        fprintf(stderr, "error: out of memory (%zu bytes wanted)\n", wanted);
        _Exit(3);
    }
    if (g->released) longjmp(g->next_task, 1);
    g->wanted = wanted;
    mem_release(g);
    longjmp(g->back, 1);
}

/* ---- locks that are let go when memory runs out under them ------------------------------- */

static void let_go(void *lock) { pthread_mutex_unlock(lock); }

void guard_lock(GuardTask *t, pthread_mutex_t *lock)
{
    pthread_mutex_lock(lock);
    guard_task(t, let_go, lock);
}

void guard_unlock(GuardTask *t, pthread_mutex_t *lock)
{
    guard_task_end(t);
    pthread_mutex_unlock(lock);
}

/* ---- bugs -------------------------------------------------------------------------------- */

_Noreturn void bug_at(const char *file, int line, const char *fmt, ...)
{
    char what[160];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    Guard *g = now;
    if (g && g->keeps && !g->released) {
        snprintf(g->said, sizeof g->said,
                 "a bug of anec's own, please report it: %s:%d: %s", file, line, what);
        mem_release(g);
        longjmp(g->back, 1);
    }
    fprintf(stderr, "%s:%d: bug: %s\n", file, line, what);
    abort();
}

/* Large blocks of glibc's are mappings of their own, which a free gives back. */
void mem_keep(void)
{
#ifdef __GLIBC__
    mallopt(M_MMAP_MAX, 0);
    mallopt(M_TRIM_THRESHOLD, INT_MAX);
#endif
}
