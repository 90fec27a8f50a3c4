/* load.c -- loading programs, of which an engine holds a limited number. Most loads find
 * what the system has compiled; where it has not kept that, loading compiles, and a process
 * has only so many compilations. */
#include "load.h"
#include "../forms.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    /* programs loaded at once; some of the system's places are others' */
    BUDGET = ENGINE_PLACES - 7,
    TRIES = 6, /* to load, and to run */
    /* Loads that compile nothing were seen to take 1 to 66 ms; where the system does not tell
     * whether it has compiled, one that takes longer counts as a compilation. */
    LOAD_MOST_MS = 100,
    NOT_FOUND = 23 /* trouble.def */
};

void ane_wait_ms(int64_t ms)
{
    struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };
    while (nanosleep(&t, &t)) continue;
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- files ------------------------------------------------------------------------------- */

typedef struct {
    Arena *arena;
    const char *from, *to;
    Diag diag;
} LoadMove;

static bool move_file(void *ctx, const char *rel)
{
    LoadMove *m = ctx;
    Mapped map;
    const char *to = arena_printf(m->arena, "%s/%s", m->to, rel);
    if (!file_map(&m->diag, arena_printf(m->arena, "%s/%s", m->from, rel), &map))
        return false;
    const bool ok = file_make_dirs(&m->diag, file_dir(m->arena, to))
                 && file_write_all(&m->diag, to, map.data, map.size)
                 && file_stayed(&m->diag, &map);
    file_unmap(&map);
    return ok;
}

/* TMPDIR may name another volume than the one where the framework looks. */
bool ane_move(Arena *a, const char *from, const char *to)
{
    if (!rename(from, to)) return true;
    if (errno != EXDEV) return false;
    LoadMove m = { .arena = a, .from = from, .to = to, .diag = { .quiet = true } };
    const bool ok = file_walk(from, move_file, &m);
    diag_free(&m.diag);
    if (!ok) file_remove_tree(to);
    return ok && file_remove_tree(from);
}

/* The files are where the framework looks for them: they were all the time, were moved out of
 * its way when it was unloaded, or are made again from the cache's entry. */
static bool put_back(AneModel *m, Arena *a)
{
    if (file_exists(arena_printf(a, "%s/model.mil", m->dir))) return true;
    file_remove_tree(m->dir);
    return !rename(m->aside, m->dir) || cache_get(&m->ane->cache, &m->slot, m->dir);
}

/* ---- who compiles ------------------------------------------------------------------------ */

static Compiler compiler_of(const Ane *s)
{
    if (s->helper && !s->no_helper && s->compiles >= ENGINE_COMPILES_SAFE)
        return BY_HELPER;
    return s->compiles < ENGINE_COMPILES ? BY_US : BY_NOBODY;
}

/* Another identity's compilations are kept apart by the system: such a helper is of no use. */
static bool load_help(AneModel *m, Arena *a, Trouble *why)
{
    Ane *s = m->ane;
    const char *other = NULL;
    bool ok = helper_compile(s->helper, m->dir, s->engine->identity, a, &other, why);
    if (other)
        s->no_helper = arena_printf(
            &s->arena, "the helper %s is signed as %s, and this process as %s",
            s->helper[0], other, s->engine->identity ? s->engine->identity : "nobody");
    else if (ok && engine_has_compiled(s->engine, m->id) == 0)
        s->no_helper = arena_printf(
            &s->arena,
            "what the helper %s compiles the system keeps apart from this process",
            s->helper[0]);
    return ok && !s->no_helper;
}

/* Nobody may compile any more. */
static bool load_spent(AneModel *m, Trouble *why)
{
    m->spent = true;
    *why = (Trouble){ .text = m->ane->no_helper };
    if (!why->text)
        why->text =
            "what the system has compiled before still loads; start again, or name a "
            "helper that compiles";
    return false;
}

bool ane_compile_model(AneModel *m, Arena *a, Trouble *why)
{
    Ane *s = m->ane;
    Compiler by;
    do {
        by = compiler_of(s);
        if (by == BY_NOBODY) return load_spent(m, why);
        m->fresh = by == BY_HELPER ? load_help(m, a, why)
                                   : engine_compile(s->engine, a, m->id, why);
    } while (!m->fresh && by == BY_HELPER && s->no_helper);
    s->compiles += by == BY_US;
    return m->fresh;
}

/* ---- loading ----------------------------------------------------------------------------- */

void ane_unload(AneModel *m)
{
    if (!m->loaded) return;
    (void)!rename(m->dir, m->aside); /* the framework removes what it finds */
    engine_unload(m->ane->engine, NULL, m->id,
                  NULL); /* its place counts as free either way */
    m->loaded = false;
    m->ane->loaded--;
}

/* Takes the place of the program that ran longest ago; false: all are running. */
static bool unload_oldest(Ane *s)
{
    AneModel *oldest = NULL;
    for (AneModel *m = s->first; m; m = m->next)
        if (m->loaded && !m->running && (!oldest || m->used < oldest->used)) oldest = m;
    if (oldest) ane_unload(oldest);
    return oldest != NULL;
}

/* A load may fail once right after compiling; what is transient gets longer to pass. */
static bool load_tried(AneModel *m, Arena *a, Trouble *why)
{
    Ane *s = m->ane;
    int64_t wait = FIRST_WAIT_MS;
    if (s->loaded >= BUDGET) unload_oldest(s);
    for (int i = 0; i < TRIES; i++, wait *= 2) {
        if (engine_load(s->engine, a, m->id, why)) {
            m->loaded = m->settled = true;
            m->fresh = false;
            m->used = ++s->clock;
            s->loaded++;
            return true;
        }
        if (why->full && unload_oldest(s)) continue;
        if (i && !why->transient) break;
        if (why->full) break;
        ane_wait_ms(wait);
    }
    return false;
}

/* The system has not kept what it compiled, so this load compiles, in this process or, where
 * that has done it often enough, in the helper before. */
static bool load_compiling(AneModel *m, const PhaseHook *phase, Arena *a, Trouble *why)
{
    const bool here = compiler_of(m->ane) == BY_US;
    phase_begin(phase, "compile");
    bool ok = here || ane_compile_model(m, a, why);
    if (ok && here) {
        ok = load_tried(m, a, why);
        m->ane->compiles += ok || why->code != NOT_FOUND;
    }
    phase_end(phase, "compile");
    m->again = ok;
    if (here || !ok) return ok;
    phase_begin(phase, "load");
    ok = load_tried(m, a, why);
    phase_end(phase, "load");
    return ok;
}

static bool load_timed(AneModel *m, const PhaseHook *phase, Arena *a, bool told,
                       Trouble *why)
{
    const bool fresh = m->fresh;
    const int64_t start = now_ms();
    phase_begin(phase, "load");
    const bool ok = load_tried(m, a, why);
    phase_end(phase, "load");
    m->again = ok && !told && !fresh && now_ms() - start > LOAD_MOST_MS;
    m->ane->compiles += m->again;
    return ok;
}

bool ane_load(AneModel *m, const PhaseHook *phase, Arena *a, Trouble *why)
{
    const bool there = put_back(m, a);
    const int has = m->fresh ? 1 : engine_has_compiled(m->ane->engine, m->id);
    *why = (Trouble){ .text = "its files are not there any more" };
    if (!there && has != 1) return false;
    bool ok = has ? load_timed(m, phase, a, has == 1, why)
                  : load_compiling(m, phase, a, why);
    if (ok || m->spent || !m->settled || why->code != NOT_FOUND || !there) return ok;
    phase_begin(phase,
                "compile"); /* the system keeps what it compiled for a day at most */
    m->again = ok = ane_compile_model(m, a, why);
    phase_end(phase, "compile");
    return ok && load_tried(m, a, why);
}

/* ---- running ----------------------------------------------------------------------------- */

bool ane_model_begin(AneModel *m, const PhaseHook *phase, Diag *d)
{
    Arena a = { 0 };
    Trouble why;
    GuardTask lost;
    guard_lock(&lost, &m->ane->lock);
    bool ok = m->loaded || ane_load(m, phase, &a, &why);
    if (!ok)
        diag_fail(d, "the engine cannot load the program again: %s",
                  trouble_text(&a, &why));
    m->running += ok;
    m->used = ++m->ane->clock;
    guard_unlock(&lost, &m->ane->lock);
    arena_free(&a);
    return ok;
}

bool ane_model_run(AneModel *m, Arena *a, Id request, Trouble *why)
{
    int64_t wait = FIRST_WAIT_MS;
    for (int i = 1; !engine_run(m->ane->engine, a, m->id, request, why); i++, wait *= 2) {
        if (!why->transient || i == TRIES) return false;
        ane_wait_ms(wait);
    }
    return true;
}

void ane_model_end(AneModel *m)
{
    pthread_mutex_lock(&m->ane->lock);
    m->running--;
    pthread_mutex_unlock(&m->ane->lock);
}
