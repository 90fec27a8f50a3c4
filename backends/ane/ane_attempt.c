/* ane_attempt.c -- a program is offered to the engine in one form after the other, from the cache or
 * compiled, until it takes one. Who calls holds the lock of ane_model.c. */
#include "load.h"

#include "../../ir/mil/mil.h"
#include "../forms.h"

#include <stdlib.h>
#include <string.h>

#define SCHEMA \
    "anec ane 2" /* of what is cached: changes when older entries are of no use */

/* Every file of the program but its text is a weight file. */
static bool add_weight(void *ctx, const char *rel)
{
    Weights *w = ctx;
    if (strncmp(rel, "weights/", 8) != 0) return true;
    if (w->n == (int)COUNT(w->map)) return false;
    if (!file_map(&w->diag, arena_printf(w->arena, "%s/%s", w->dir, rel), &w->map[w->n]))
        return false;
    w->weight[w->n] = (EngineWeight){ .path = arena_printf(w->arena, "@model_path/%s",
                                                           rel),
                                      .data = w->map[w->n].data,
                                      .size = w->map[w->n].size };
    w->n++;
    return true;
}

void ane_weights_free(Weights *w)
{
    for (int i = 0; i < w->n; i++) file_unmap(&w->map[i]);
    w->n = 0;
}

Id ane_folder_model(Engine *e, Arena *a, const char *dir, Weights *w, Trouble *why)
{
    Id id = NULL;
    Mapped text = { 0 };
    *w = (Weights){ .arena = a, .dir = dir, .diag = { .quiet = true } };
    bool ok = file_map(&w->diag, arena_printf(a, "%s/model.mil", dir), &text)
           && file_walk(dir, add_weight, w);
    *why = (Trouble){ .text = "its files cannot be read, or are too many" };
    if (ok)
        id = engine_model_new(e, a, (const char *)text.data, text.size, w->weight, w->n,
                              why);
    file_unmap(&text);
    if (!id) ane_weights_free(w);
    diag_free(&w->diag);
    return id;
}

/* Makes the framework's model of a folder with model.mil, and moves the folder to where the
 * framework looks for it. */
static bool open_folder(Attempt *t, const char *dir, Trouble *why)
{
    Engine *e = t->ane->engine;
    AneModel *m = t->model;
    if (!m->weights) m->weights = NEW(&m->arena, Weights);
    m->id = ane_folder_model(e, t->arena, dir, m->weights, why);
    m->dir = m->id ? engine_model_dir(e, &m->arena, m->id) : NULL;
    if (m->id && !m->dir)
        *why = (Trouble){ .text = "the framework names no folder for it" };
    if (!m->dir) return false;
    Buf aside = { 0 };
    temp_name(&aside, m->dir, (size_t)(file_base(m->dir) - m->dir), 0);
    m->aside = arena_strdup(&m->arena, aside.s);
    buf_free(&aside);
    temp_tree_hold(m->aside);
    if (file_remove_tree(m->dir)) temp_tree_hold(m->dir);
    if (ane_move(t->arena, dir, m->dir)) return true;
    *why = (Trouble){ .text = arena_printf(t->arena, "the folder %s cannot be made",
                                           m->dir) };
    t->outside = true;
    return false;
}

void ane_model_close(AneModel *m)
{
    ane_unload(m);
    objc_drop(m->ane->engine->objc, &m->id);
    if (m->weights) ane_weights_free(m->weights);
    temp_tree_end(m->dir);
    temp_tree_end(m->aside);
    m->dir = m->aside = NULL;
}

static bool attempt_refuse(Attempt *t, const Form *f, const char *text)
{
    const char *name = arena_printf(t->arena, "%s refused", f->io);
    if (t->refused.len && strstr(t->refused.s, name)) /* the other spelling was */
        name = arena_printf(t->arena, "%s %s refused", f->io, f->dialect);
    buf_printf(&t->refused, "%s%s: %.*s", t->refused.len ? "; " : "", name,
               (int)strcspn(text, "\n"), text);
    return false;
}

static bool attempt_fail(Attempt *t, const char *what, const char *text)
{
    t->world = true;
    return diag_fail(t->diag, "%s: %s", what, text);
}

static const char spent[] = "this process has compiled as often as the system allows";

static bool from_cache(Attempt *t)
{
    Trouble why;
    const char *dir = arena_printf(t->arena, "%s/hit", t->work);
    AneModel *m = t->model;
    phase_begin(&t->ane->phase, "read cache");
    bool got = cache_get(&t->ane->cache, &m->slot, dir);
    phase_end(&t->ane->phase, "read cache");
    if (!got) return false;
    if (open_folder(t, dir, &why) && ane_load(m, &t->ane->phase, t->arena, &why)) {
        if (m->again) m->as.cache = "recompiled";
        return true;
    }
    t->outside = false;
    if (m->spent) return attempt_fail(t, spent, why.text);
    ane_model_close(m);
    file_remove_tree(dir);
    cache_drop(&m->slot); /* it is made again, once */
    return false;
}

enum { MAX_PACE_MS = 15000 }; /* a failed compilation restarts the system's compiler */

/* After failures in a row the compiler is given time to come back. */
static void attempt_pace(const Ane *s)
{
    int64_t wait = s->failures < 2 ? 0
                                   : (int64_t)FIRST_WAIT_MS
                                         << (s->failures < 12 ? s->failures - 2 : 10);
    if (wait) ane_wait_ms(wait < MAX_PACE_MS ? wait : MAX_PACE_MS);
}

static bool attempt_compile(Attempt *t, const Form *f, Trouble *why)
{
    Ane *s = t->ane;
    phase_begin(&s->phase, "compile");
    attempt_pace(s);
    const bool ok = ane_compile_model(t->model, t->arena, why);
    phase_end(&s->phase, "compile");
    if (t->model->spent) return attempt_fail(t, spent, why->text);
    s->failures = ok ? 0 : s->failures + 1;
    return ok || attempt_refuse(t, f, trouble_text(t->arena, why));
}

/* The first thing that was said, without the word. */
static const char *first_line(Arena *a, const Diag *d)
{
    const char *said = d->text.s ? d->text.s : "", *error = strstr(said, "error: ");
    if (error) said = error + 7;
    return arena_strndup(a, said, strcspn(said, "\n"));
}

/* Writes the program as it is, for its bytes to be its name. */
static bool digest_whole(Attempt *t, char hex[65])
{
    const char *own = arena_printf(t->arena, "%s/own/model.mil", t->work),
               *dir = file_dir(t->arena, own);
    Module *m = module_clone(t->module); /* writing hoists literals */
    const bool ok = file_make_dirs(t->diag, dir) && mil_save(m, t->diag, own)
                 && cache_digest(t->diag, dir, hex);
    module_free(m);
    return file_remove_tree(dir) && ok;
}

static bool from_scratch(Attempt *t, const Form *f)
{
    AneModel *m = t->model;
    Trouble why;
    Diag d = { .quiet = true };
    const char *dir = arena_printf(t->arena, "%s/form", t->work);
    const char *path = arena_printf(t->arena, "%s/model.mil", dir);
    bool ok = file_remove_tree(dir) && file_make_dirs(&d, dir)
           && form_write(f, m->slot.name, t->module, path, &d);
    t->outside = !ok && !d.errors; /* a full disk is no refusal */
    if (t->outside)
        attempt_fail(t, "the program cannot be written",
                     d.fails ? first_line(t->arena, &d) : dir);
    else if (!ok) attempt_refuse(t, f, d.text.s ? d.text.s : dir);
    diag_free(&d);
    if (!ok) return false;
    if (!open_folder(t, dir, &why))
        return t->outside ? attempt_fail(t, "the program cannot be written", why.text)
                          : attempt_refuse(t, f, why.text);
    if (!attempt_compile(t, f, &why)) return false;
    if (!ane_load(m, &t->ane->phase, t->arena, &why))
        return attempt_fail(t, "the engine does not load the program",
                            trouble_text(t->arena, &why));
    phase_begin(&t->ane->phase, "write cache");
    m->as.cache = cache_put(&t->ane->cache, &m->slot, m->dir) ? "miss" : "off";
    phase_end(&t->ane->phase, "write cache");
    return true;
}

static char *digest_of(Arena *a, const char *const *part, size_t n)
{
    char *hex = arena_alloc(a, 65);
    Sha256 sha = sha256_start();
    for (size_t i = 0; i < n; i++)
        sha256_add(&sha, part[i] ? part[i] : "", strlen(part[i] ? part[i] : "") + 1);
    sha256_end(&sha, hex);
    return hex;
}

static bool try_form(Attempt *t, const Form *f)
{
    AneModel *m = t->model;
    /* Locks are of one cache, but folders of the whole machine: each cache has its own
     * names. */
    const char *const part[] = { t->key, f->io, f->dialect, t->ane->cache.dir,
                                 f->scattered ? "scattered" : NULL };
    m->slot = cache_slot(&t->ane->cache, &m->arena,
                         digest_of(t->arena, part, COUNT(part)));
    /* it is this process that has it already */
    for (const AneModel *k = t->ane->first; k; k = k->next)
        if (k->slot.kept && m->slot.key && !strcmp(k->slot.key, m->slot.key))
            m->slot.kept = true;
    m->as = (RunsAs){ .io = f->io,
                      .dialect = arena_strdup(&m->arena, f->dialect),
                      .cache = "hit" };
    if (from_cache(t) || (!t->world && from_scratch(t, f))) return true;
    ane_model_close(m);
    cache_leave(&m->slot);
    return false;
}

/* ---- the chain --------------------------------------------------------------------------- */

/* A note: the number of the form that was taken, and why not those before it. */
static int read_note(Attempt *t)
{
    char *end, *note = cache_note(&t->ane->cache, t->arena, t->key);
    long k = note ? strtol(note, &end, 10) : -1;
    if (!note || *end != '\n' || k < 0 || k >= t->nform) return -1;
    char *why = end + 1;
    why[strcspn(why, "\n")] = 0;
    buf_puts(&t->refused, why);
    return (int)k;
}

static void write_note(Attempt *t, int k)
{
    Buf note = { 0 };
    buf_printf(&note, "%d\n%s\n", k, t->refused.s ? t->refused.s : "");
    cache_set_note(&t->ane->cache, t->key, note.s);
    buf_free(&note);
}

bool attempt_forms(Attempt *t)
{
    int known = read_note(t);
    if (known >= 0 && try_form(t, &t->form[known])) return true;
    if (known >= 0 && !t->world) t->refused.len = 0; /* what was true is not any more */
    for (int i = 0; i < t->nform && !t->world; i++) {
        if (!try_form(t, &t->form[i])) continue;
        write_note(t, i);
        return true;
    }
    if (!t->world)
        diag_error(t->diag, (Loc){ 0 }, "the engine takes no form of this program: %s",
                   t->refused.s);
    return false;
}

bool attempt_stage(Attempt *t, const Module *m)
{
    char hex[65];
    const Engine *e = t->ane->engine;
    t->work = temp_folder(t->arena, t->diag);
    t->world = t->outside = !t->work;
    if (!t->work) return false;
    t->module = m;
    const bool whole = !cache_key(&t->ane->cache, m, hex);
    t->outside = whole && !digest_whole(t, hex);
    if (t->outside) return false;
    const char *const part[] = { SCHEMA, whole ? "written" : "as it lies", hex, e->arch,
                                 e->build };
    t->key = digest_of(t->arena, part, COUNT(part));
    return true;
}
