/* ranks.c -- processes that train together: the thread that calls MPI.
 *
 * MPI does not tell that a process has ended, at least not to those that wait for a message
 * of it; so every process tells all others several times a second that it is there. */
#include "run.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define BEAT 0.1     /* seconds between two signs of life */
#define PATIENCE 6.0 /* without one, until a process counts as gone */
#define HURRY 0.35   /* the same when the run is asked to end: who asked may not wait */
#define WOKEN \
    0.7 /* and for a while after a SIGCONT, with which mpirun begins to end all */
#define AWAKE 2.0    /* so long */
#define FAREWELL 2.0 /* for the word that this process has failed; in a hurry BRIEF */
#define BRIEF 0.05
enum { TAG_BEAT = 1, TAG_SUM, TAG_SUMMED };
enum { THREAD_FUNNELED = 1 };
enum { ALIVE = 1, FAILED, PARTED }; /* what a process tells of itself */

typedef struct {
#define FN(name, args) int(*name) args;
#define DATA(name, symbol) void *name;
#include "mpi.def"
} Mpi;

struct RanksPost {
    RanksPost *next;
    void *data;
    const void *from;
    int peer, tag, bytes;
    bool sends, done;
    void *request;
};

typedef struct { /* another process */
    void *sending, *getting;
    int said, heard; /* what goes out, what came in */
    int state;
    bool waits; /* for a sign of it */
    double last;
} Peer;

struct TrainRanks {
    Mpi mpi;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed, work;
    const volatile sig_atomic_t *stop, *woken;
    int woke;     /* of *woken, those that were seen */
    double awake; /* until then one of them is fresh */
    int rank, size;
    _Atomic int state; /* what is told to others */
    bool ready;
    _Atomic bool closing;
    int lost;                  /* the process that is gone; -1: none */
    RanksPost *posted, **last; /* not taken up yet */
    RanksPost *active, *free;
    Peer *peer;
    char why[96];
};

static double ranks_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- the library ------------------------------------------------------------------------- */

static void *ranks_library(void)
{
    static const char *const names[] = { "libmpi.so.40", "libmpi.so", "libmpi.40.dylib",
                                         "libmpi.dylib" };
    const char *own = getenv("ANEC_MPI_LIB");
    if (own) return dlopen(own, RTLD_NOW | RTLD_GLOBAL);
    for (size_t i = 0; i < COUNT(names); i++) {
        /* global: its own parts look for it */
        void *lib = dlopen(names[i], RTLD_NOW | RTLD_GLOBAL);
        if (lib) return lib;
    }
    return NULL;
}

/* NULL: all is there; else what is not. */
static const char *ranks_load(Mpi *m)
{
    void *lib = ranks_library(), *at;
    if (!lib) return "libmpi";
#define FN(name, args) \
    at = dlsym(lib, #name); \
    if (!at) return #name; \
    memcpy(&m->name, &at, sizeof at);
#define DATA(name, symbol) \
    at = dlsym(lib, symbol); \
    if (!at) return symbol; \
    m->name = at;
#include "mpi.def"
    return NULL;
}

bool ranks_possible(void)
{
    Mpi m;
    return !ranks_load(&m);
}

/* ---- signs of life ----------------------------------------------------------------------- */

static void ranks_lose(TrainRanks *r, int rank, const char *why)
{
    pthread_mutex_lock(&r->lock);
    if (r->lost < 0) {
        r->lost = rank;
        snprintf(r->why, sizeof r->why, "rank %d of %d %s", rank, r->size, why);
    }
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
}

static bool ranks_tested(TrainRanks *r, void **request)
{
    int done = 0;
    return !*request || (!r->mpi.MPI_Test(request, &done, NULL) && done);
}

static void beat_out(TrainRanks *r, int i)
{
    Peer *p = &r->peer[i];
    if (i == r->rank || p->state == PARTED || !ranks_tested(r, &p->sending)) return;
    p->said = r->state;
    r->mpi.MPI_Isend(&p->said, sizeof p->said, r->mpi.bytes, i, TAG_BEAT, r->mpi.world,
                     &p->sending);
}

/* Who was stopped has heard nobody meanwhile. */
static void ranks_wake(TrainRanks *r, double now)
{
    if (*r->woken == r->woke) return;
    r->woke = *r->woken;
    r->awake = now + AWAKE;
    for (int i = 0; i < r->size; i++)
        if (r->peer[i].last < now) r->peer[i].last = now;
}

static double ranks_patience(const TrainRanks *r, double now)
{
    return *r->stop ? HURRY : now < r->awake ? WOKEN : PATIENCE;
}

static void beat_in(TrainRanks *r, int i, double now)
{
    Peer *p = &r->peer[i];
    if (i == r->rank || p->state == PARTED) return;
    if (p->waits && ranks_tested(r, &p->getting)) {
        p->waits = false;
        p->last = now;
        p->state = p->heard;
        if (p->state == FAILED) ranks_lose(r, i, "has ended with an error");
        if (p->state != ALIVE) return;
    }
    if (!p->waits && p->state != FAILED) {
        p->waits = !r->mpi.MPI_Irecv(&p->heard, sizeof p->heard, r->mpi.bytes, i,
                                     TAG_BEAT, r->mpi.world, &p->getting);
    }
    if (now - p->last > ranks_patience(r, now))
        ranks_lose(r, i, "does not answer any more");
}

/* ---- posts ------------------------------------------------------------------------------- */

static void ranks_start(TrainRanks *r, RanksPost *p)
{
    const Mpi *m = &r->mpi;
    const int wrong = p->sends ? m->MPI_Isend(p->from, p->bytes, m->bytes, p->peer,
                                              p->tag, m->world, &p->request)
                               : m->MPI_Irecv(p->data, p->bytes, m->bytes, p->peer,
                                              p->tag, m->world, &p->request);
    if (wrong) ranks_lose(r, p->peer, "cannot be reached");
    p->next = r->active;
    r->active = p;
}

/* True: something was taken up, or has come to its end. */
static bool ranks_progress(TrainRanks *r)
{
    bool any = false;
    pthread_mutex_lock(&r->lock);
    RanksPost *todo = r->posted;
    r->posted = NULL;
    r->last = &r->posted;
    pthread_mutex_unlock(&r->lock);
    for (RanksPost *p = todo, *next; p; p = next) {
        next = p->next;
        ranks_start(r, p);
        any = true;
    }
    for (RanksPost **at = &r->active; *at && r->lost < 0;) {
        RanksPost *p = *at;
        int done = 0;
        if (r->mpi.MPI_Test(&p->request, &done, NULL))
            ranks_lose(r, p->peer, "cannot be reached");
        if (!done) {
            at = &p->next;
            continue;
        }
        *at = p->next;
        any = true;
        pthread_mutex_lock(&r->lock);
        p->done = true;
        pthread_cond_broadcast(&r->changed);
        pthread_mutex_unlock(&r->lock);
    }
    return any;
}

/* ---- the thread -------------------------------------------------------------------------- */

static void ranks_begin(TrainRanks *r)
{
    int provided;
    r->mpi.MPI_Init_thread(NULL, NULL, THREAD_FUNNELED, &provided);
    r->mpi.MPI_Comm_set_errhandler(r->mpi.world, r->mpi.errors_return);
    r->mpi.MPI_Comm_rank(r->mpi.world, &r->rank);
    r->mpi.MPI_Comm_size(r->mpi.world, &r->size);
    r->peer = mem_zero((size_t)r->size, sizeof *r->peer);
    for (int i = 0; r->peer && i < r->size; i++)
        r->peer[i] = (Peer){ .state = ALIVE, .last = ranks_now() + PATIENCE };
    pthread_mutex_lock(&r->lock);
    r->ready = true;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
}

/* Waits while there is nothing to do: shortly where something is under way. */
static void ranks_rest(TrainRanks *r, int idle)
{
    struct timespec until;
    const long most = r->active ? (idle < 40     ? 30000
                                   : idle < 4000 ? 200000
                                                 : 1000000)
                                : 20000000;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += most;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&r->lock);
    if (!r->posted) pthread_cond_timedwait(&r->work, &r->lock, &until);
    pthread_mutex_unlock(&r->lock);
}

/* The last word goes to all; who parts well waits for that of the others. */
static void ranks_part(TrainRanks *r)
{
    const double word = *r->stop || *r->woken ? BRIEF : FAREWELL;
    const double end = ranks_now() + (r->state == PARTED ? PATIENCE : word);
    bool all = false;
    bool *told = mem_zero((size_t)r->size, sizeof *told);
    while (told && !all && ranks_now() < end) {
        all = true;
        for (int i = 0; i < r->size; i++) {
            Peer *p = &r->peer[i];
            if (i == r->rank) continue;
            if (!told[i] && ranks_tested(r, &p->sending)) {
                p->said = r->state;
                r->mpi.MPI_Isend(&p->said, sizeof p->said, r->mpi.bytes, i, TAG_BEAT,
                                 r->mpi.world, &p->sending);
                told[i] = true;
            }
            if (r->state == PARTED) beat_in(r, i, ranks_now());
            all = all && told[i] && ranks_tested(r, &p->sending)
               && (r->state != PARTED || p->state == PARTED);
        }
        usleep(200);
    }
    mem_free(told);
    if (all && r->state == PARTED) r->mpi.MPI_Finalize();
}

static void *ranks_thread(void *ctx)
{
    TrainRanks *r = ctx;
    double next = 0;
    int idle = 0;
    ranks_begin(r);
    while (r->peer && !r->closing) {
        const double now = ranks_now();
        ranks_wake(r, now);
        idle = ranks_progress(r) ? 0 : idle + 1;
        for (int i = 0; now >= next && i < r->size; i++) {
            beat_out(r, i);
            beat_in(r, i, now);
        }
        if (now >= next) next = now + BEAT / 4;
        ranks_rest(r, idle);
    }
    if (r->peer && r->size > 1) ranks_part(r);
    else if (r->peer) r->mpi.MPI_Finalize();
    return NULL;
}

/* ---- for the others ---------------------------------------------------------------------- */

bool ranks_open(TrainRanks **out, Diag *d, const TrainJob *job)
{
    *out = NULL;
    if (!getenv("OMPI_COMM_WORLD_SIZE")) return true;
    TrainRanks *r = mem_zero(1, sizeof *r);
    if (!r) mem_out(sizeof *r);
    r->stop = job->stop;
    r->woken = job->woken;
    r->lost = -1;
    r->last = &r->posted;
    r->state = ALIVE;
    const char *lacks = ranks_load(&r->mpi);
    if (lacks) {
        mem_free(r);
        return diag_fail(
            d,
            "mpirun has started this, but Open MPI's library cannot be used (%s is "
            "not there): install it, as libopenmpi3 of Debian, or name it in "
            "ANEC_MPI_LIB",
            lacks);
    }
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->changed, NULL);
    pthread_cond_init(&r->work, NULL);
    const int wrong = pthread_create(&r->thread, NULL, ranks_thread, r);
    if (wrong) {
        mem_free(r);
        return diag_fail(d, "no thread can be made: %s", strerror(wrong));
    }
    pthread_mutex_lock(&r->lock);
    while (!r->ready) pthread_cond_wait(&r->changed, &r->lock);
    pthread_mutex_unlock(&r->lock);
    if (!r->peer) mem_out((size_t)r->size * sizeof(Peer));
    *out = r;
    return true;
}

void ranks_close(TrainRanks *r, bool well)
{
    if (!r) return;
    pthread_mutex_lock(&r->lock);
    r->state = well ? PARTED : FAILED;
    r->closing = true;
    pthread_cond_broadcast(&r->work);
    pthread_mutex_unlock(&r->lock);
    pthread_join(r->thread, NULL);
    for (RanksPost *p = r->free, *next; p; p = next) {
        next = p->next;
        mem_free(p);
    }
    mem_free(r->peer);
    mem_free(r);
}

int ranks_index(const TrainRanks *r) { return r ? r->rank : 0; }
int ranks_count(const TrainRanks *r) { return r ? r->size : 1; }

int ranks_first(TrainRanks *r)
{
    for (int i = 0; i < r->rank; i++)
        if (i != r->lost && r->peer[i].state == ALIVE
            && ranks_now() - r->peer[i].last < PATIENCE / 2)
            return i;
    return r->rank;
}

static RanksPost *ranks_post(TrainRanks *r, const RanksPost *what)
{
    RanksPost *p = r->free;
    if (p) r->free = p->next;
    else if (!(p = mem_zero(1, sizeof *p))) mem_out(sizeof *p);
    *p = *what;
    pthread_mutex_lock(&r->lock);
    *r->last = p;
    r->last = &p->next;
    pthread_cond_signal(&r->work);
    pthread_mutex_unlock(&r->lock);
    return p;
}

RanksPost *ranks_send(TrainRanks *r, int to, int tag, const void *p, size_t bytes)
{
    return ranks_post(
        r, &(RanksPost){
               .from = p, .peer = to, .tag = tag, .bytes = (int)bytes, .sends = true });
}

RanksPost *ranks_get(TrainRanks *r, int from, int tag, void *p, size_t bytes)
{
    return ranks_post(
        r, &(RanksPost){ .data = p, .peer = from, .tag = tag, .bytes = (int)bytes });
}

bool ranks_wait(TrainRanks *r, RanksPost *post)
{
    pthread_mutex_lock(&r->lock);
    while (!post->done && r->lost < 0) pthread_cond_wait(&r->changed, &r->lock);
    const bool done = post->done;
    pthread_mutex_unlock(&r->lock);
    if (!done) return false; /* MPI may write there still: it is left where it is */
    post->next = r->free;
    r->free = post;
    return true;
}

const char *ranks_lost(TrainRanks *r)
{
    if (!r) return NULL;
    pthread_mutex_lock(&r->lock);
    const bool lost = r->lost >= 0;
    pthread_mutex_unlock(&r->lock);
    return lost ? r->why : NULL;
}

/* ---- sums -------------------------------------------------------------------------------- */

static bool sum_first(TrainRanks *r, double *v, size_t n)
{
    Arena a = { 0 };
    const size_t others = (size_t)r->size - 1;
    double *got = NEW_ARRAY(&a, others * n + 1, double);
    RanksPost **post = NEW_ARRAY(&a, others + 1, RanksPost *);
    bool ok = true;
    for (size_t i = 0; i < others; i++)
        post[i] = ranks_get(r, (int)i + 1, TAG_SUM, got + i * n, n * sizeof *v);
    for (size_t i = 0; i < others; i++) {
        ok = ok && ranks_wait(r, post[i]);
        for (size_t k = 0; ok && k < n; k++) v[k] += got[i * n + k];
    }
    for (size_t i = 0; ok && i < others; i++)
        post[i] = ranks_send(r, (int)i + 1, TAG_SUMMED, v, n * sizeof *v);
    for (size_t i = 0; ok && i < others; i++) ok = ranks_wait(r, post[i]);
    if (ok) arena_free(&a); /* else MPI may write there still */
    return ok;
}

bool ranks_sum(TrainRanks *r, double *v, size_t n)
{
    if (!r || r->size == 1) return true;
    if (!r->rank) return sum_first(r, v, n);
    return ranks_wait(r, ranks_send(r, 0, TAG_SUM, v, n * sizeof *v))
        && ranks_wait(r, ranks_get(r, 0, TAG_SUMMED, v, n * sizeof *v));
}
