/* several.c -- a run of several processes: which of them writes messages, whether all can
 * begin, and what happens when one of them ends. */
#include "run.h"

#include <stdlib.h>
#include <unistd.h>

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

void several_listen(TrainRun *r)
{
    TrainVoice *v = r->voice = NEW(&r->arena, TrainVoice);
    Diag *d = r->diag;
    const char *here = getenv("OMPI_COMM_WORLD_LOCAL_SIZE");
    const long share = here ? strtol(here, NULL, 10) : 0;
    const long all = sysconf(_SC_NPROCESSORS_ONLN);
    *v = (TrainVoice){ .emit = d->emit, .ctx = d->ctx, .arena = &r->arena, .holds = true };
    /* those of one machine share its processors */
    if (r->ranks && share > 0 && !r->job->threads)
        r->job->threads = all > share ? (uint64_t)(all / share) : 1;
    if (!ranks_index(r->ranks) || !d->emit) return;
    d->emit = several_emit;
    d->ctx = v;
    d->progress = NULL;
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
        diag_fail(r->diag, "%g of %d processes cannot begin", failed[0], ranks_count(r->ranks));
    v->holds = false;
    return ok && failed[0] == 0;
}

/* ---- a process is gone ------------------------------------------------------------------- */

/* What was done before another process was lost is not: the first of those that are left writes
 * it. */
void several_save(TrainRun *r)
{
    if (r->started == 0 || !ranks_lost(r->ranks)
        || ranks_first(r->ranks) != ranks_index(r->ranks))
        return;
    if (r->folder.lock < 0 && !folder_open(&r->folder, r->diag, run_folder(r))) return;
    r->leads = true;
    if (run_save(r, false))
        run_line(r, false, "stopped: step %llu is in %s", (unsigned long long)r->state.step,
                 folder_checkpoint(&r->folder, r->state.step));
}
