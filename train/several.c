/* several.c -- a run of several processes: which of them writes messages, whether all can
 * begin, and what happens when one of them ends.
 *
 * mpirun ends all processes when one is gone: SIGCONT, a second later SIGTERM, and a second later
 * SIGKILL. A step may take longer. So each process has a keeper, a thread that waits for these
 * signals and then writes the last whole step, whatever the run is at: weights and states change
 * in one short part of a step, which holds the keeper's lock. The folder's lock decides which
 * process does it. */
#include "run.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define LOOKS 0.02 /* seconds between two looks for the signal */
#define GRACE 0.05 /* for the run to see by itself that another process is gone */

/* ---- who speaks -------------------------------------------------------------------------- */

/* The first process tells what all of them would. Of another one come errors alone: while they
 * all begin, those that the first does not have. */
struct TrainVoice {
    void (*emit)(void *ctx, DiagKind kind, const char *message);
    void *ctx;
    Arena *arena;
    const char *held;
    DiagKind kind;
    bool holds;
};

static void several_emit(void *ctx, DiagKind kind, const char *message)
{
    TrainVoice *v = ctx;
    if (kind != DIAG_ERROR && kind != DIAG_FAIL) return;
    if (!v->holds) v->emit(v->ctx, kind, message);
    else if (!v->held) {
        v->held = arena_strdup(v->arena, message);
        v->kind = kind;
    }
}

/* ---- beginning --------------------------------------------------------------------------- */

bool several_begin(TrainRun *r, bool ok)
{
    TrainVoice *v = r->voice;
    const bool first = !ranks_index(r->ranks);
    double failed[2] = { ok ? 0 : 1, first && !ok ? 1 : 0 };
    v->holds = false;
    if (!r->ranks) return ok;
    const bool met = ranks_sum(r->ranks, failed, COUNT(failed));
    if (v->held && (!met || failed[1] == 0)) v->emit(v->ctx, v->kind, v->held);
    if (!met) return ok && diag_fail(r->diag, "%s", ranks_lost(r->ranks));
    v->holds = !first; /* one of them says it */
    if (ok && failed[0] > 0)
        diag_fail(r->diag, "%g of %d processes cannot begin", failed[0],
                  ranks_count(r->ranks));
    v->holds = false;
    return ok && failed[0] == 0;
}

/* ---- the last whole step ----------------------------------------------------------------- */

struct TrainKeeper {
    TrainRun *run;
    pthread_t thread;
    pthread_mutex_t lock; /* of weights, states, checkpoints and what follows */
    _Atomic bool closing;
    bool has; /* a step was made, after which the run was `state` */
    TrainState state;
    uint64_t wrote; /* the step of the checkpoint that the keeper wrote; 0: none */
};

void several_lock(TrainRun *r)
{
    if (r->keeper) pthread_mutex_lock(&r->keeper->lock);
}

void several_unlock(TrainRun *r)
{
    if (r->keeper) pthread_mutex_unlock(&r->keeper->lock);
}

void several_note(TrainRun *r)
{
    if (!r->keeper) return;
    run_describe(r);
    r->keeper->state = r->state;
    r->keeper->has = true;
}

/* Another process may hold the folder, or have written this step there. */
static void keeper_write(TrainKeeper *k, Diag *quiet)
{
    const TrainRun *r = k->run;
    const TrainPrograms *e = &r->programs;
    TrainFolder f = { .diag = quiet, .path = run_folder(r), .lock = -1 };
    uint64_t newest;
    const bool free = r->folder.lock >= 0 || folder_open(&f, quiet, run_folder(r));
    const bool done = free && folder_has(&f, &newest) && newest >= k->state.step;
    if (free && !done
        && folder_save(&f, &k->state, e->param, e->nparam, run_set(r, SET_keep)->count,
                       false))
        k->wrote = k->state.step;
    folder_close(&f);
}

static void keeper_save(TrainKeeper *k)
{
    Guard g;
    Diag quiet = { .quiet = true };
    pthread_mutex_lock(&k->lock);
    if (k->has && k->wrote < k->state.step && !guard_begin(&g)) {
        keeper_write(k, &quiet);
        diag_free(&quiet);
        guard_end(&g);
    }
    pthread_mutex_unlock(&k->lock);
}

static void keeper_sleep(double seconds)
{
    const struct timespec t = { .tv_nsec = (long)(seconds * 1e9) };
    nanosleep(&t, NULL);
}

/* The run is computing, and would not see what has happened before mpirun ends the process. */
static void keeper_leave(TrainKeeper *k)
{
    const TrainJob *job = k->run->job;
    keeper_sleep(GRACE);
    pthread_mutex_lock(&k->lock); /* nothing is being written */
    if (!k->closing) job->leave(job->ctx, ranks_lost(k->run->ranks));
    pthread_mutex_unlock(&k->lock);
}

static void *keeper_main(void *ctx)
{
    TrainKeeper *k = ctx;
    const TrainJob *job = k->run->job;
    int seen = 0;
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL); /* they are the run's */
    while (!k->closing) {
        keeper_sleep(LOOKS);
        const int signs = *job->woken + (*job->stop != 0);
        if (!signs) continue;
        const bool lost = ranks_lost(k->run->ranks) != NULL;
        if (signs != seen || lost) keeper_save(k);
        seen = signs;
        if (lost) keeper_leave(k);
    }
    return NULL;
}

static void several_keep(TrainRun *r)
{
    TrainKeeper *k = NEW(&r->arena, TrainKeeper);
    *k = (TrainKeeper){ .run = r };
    pthread_mutex_init(&k->lock, NULL);
    if (!pthread_create(&k->thread, NULL, keeper_main, k)) r->keeper = k;
}

void several_listen(TrainRun *r)
{
    TrainVoice *v = r->voice = NEW(&r->arena, TrainVoice);
    Diag *d = r->diag;
    const char *here = getenv("OMPI_COMM_WORLD_LOCAL_SIZE");
    const long share = here ? strtol(here, NULL, 10) : 0;
    const long all = sysconf(_SC_NPROCESSORS_ONLN);
    *v =
        (TrainVoice){ .emit = d->emit, .ctx = d->ctx, .arena = &r->arena, .holds = true };
    /* those of one machine share its processors */
    if (r->ranks && share > 0 && !r->job->threads)
        r->job->threads = all > share ? (uint64_t)(all / share) : 1;
    if (ranks_count(r->ranks) > 1 && run_keeps(r)) several_keep(r);
    if (!ranks_index(r->ranks) || !d->emit) return;
    d->emit = several_emit;
    d->ctx = v;
    d->progress = NULL;
}

/* ---- a process is gone ------------------------------------------------------------------- */

/* What was done before another process was lost is not: the first of those that are left writes
 * it, where its keeper has not. */
static void several_save(TrainRun *r)
{
    const uint64_t step = r->state.step;
    if (r->started == 0 || !ranks_lost(r->ranks)) return;
    const bool kept = r->keeper && step && r->keeper->wrote == step;
    if (!kept
        && (ranks_first(r->ranks) != ranks_index(r->ranks)
            || (r->folder.lock < 0 && !folder_open(&r->folder, r->diag, run_folder(r)))))
        return;
    r->leads = true;
    if (kept || run_save(r, false))
        run_line(r, false, "stopped: step %llu is in %s", (unsigned long long)step,
                 arena_printf(&r->arena, "%s/step-%08llu.safetensors", run_folder(r),
                              (unsigned long long)step));
}

void several_end(TrainRun *r)
{
    if (r->keeper) {
        r->keeper->closing = true;
        pthread_join(r->keeper->thread, NULL);
    }
    several_save(r);
}
