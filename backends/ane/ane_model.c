/* ane_model.c -- programs on the engine: trying forms, the cache, and which programs are
 * loaded. One lock covers it all, since the system's compiler does one thing at a time too. */
#include "load.h"

#include "../../ir/mil/mil.h"
#include "../../ir/targets/rules.h"
#include "../forms.h"

#include <stdlib.h>
#include <string.h>

#define SCHEMA \
    "anec ane 2" /* of what is cached: changes when older entries are of no use */

Engine *ane_engine(const AneModel *model) { return model->ane->engine; }

const Module *ane_module(const AneModel *model)
{
    return model->part ? model->part : model->module;
}

Ane *ane_new(const BackendOptions *o, Arena *a, const char **why)
{
    Ane *s = mem_zero(1, sizeof *s);
    if (!s) mem_out(sizeof *s);
    s->engine = engine_open(&s->arena, why);
    if (!s->engine) {
        *why = arena_strdup(a, *why);
        arena_free(&s->arena);
        mem_free(s);
        return NULL;
    }
    s->as_given = o && o->as_given;
    if (o) s->phase = o->phase;
    if (o) s->helper = o->helper;
    cache_open(&s->cache, &s->arena, o ? o->cache_dir : NULL);
    pthread_mutex_init(&s->lock, NULL);
    return s;
}

void ane_free(Ane *s)
{
    if (s->first) bug("the engine is closed before its programs");
    engine_close(s->engine);
    pthread_mutex_destroy(&s->lock);
    arena_free(&s->arena);
    mem_free(s);
}

const PhaseHook *ane_phase(const Ane *s) { return &s->phase; }

const Target *ane_target(const Ane *s)
{
    return s->engine->chip ? target_find(s->engine->chip) : NULL;
}

/* ---- programs of more functions than the engine takes at once ---------------------------- */

/* A request names its procedure and its surfaces by small numbers, and those are counted over
 * all functions of a program (rules symbol-count and procedure-count). Functions share nothing
 * when they run, so a module that has too many of them is cut into several programs: from the
 * first function on, as many as fit, then from the next one on. */
typedef struct {
    const Func *first;
    int n; /* functions */
    int64_t in, out;
} EnginePart;

static bool part_within(int64_t n, int64_t most) { return most < 0 || n <= most; }

/* Adds f to the part where it fits; a function that is too large by itself is a part alone,
 * which the engine then refuses by its own words. */
static bool add_func(EnginePart *p, const Func *f, const RuleSet *rs)
{
    const int64_t symbols = rule_limit(rs, LIMIT_symbols);
    const int64_t in = p->in + f->body->nparam, out = p->out + f->body->nresult;
    if (p->n
        && (!part_within(in, symbols) || !part_within(out, symbols)
            || !part_within(p->n + 1, rule_limit(rs, LIMIT_procedures))))
        return false;
    if (!p->n) p->first = f;
    p->n++;
    p->in = in;
    p->out = out;
    return true;
}

/* A program takes so many functions, and so many symbols over all of them. NULL: all functions
 * of f's module fit into one; else a module of f and its neighbours, the same for each of them,
 * which is the caller's and must not outlive f's. chip NULL: one that no row knows. */
static Module *ane_part(const Func *f, const Target *chip)
{
    RuleSet rs;
    EnginePart part = { 0 };
    bool found = false;
    ruleset_init(&rs, chip ? chip : target_find("generic"), NULL);
    for (const Func *g = f->module->first; g; g = g->next) {
        if (!add_func(&part, g, &rs)) {
            if (found) break;
            part = (EnginePart){ 0 };
            add_func(&part, g, &rs);
        }
        found |= g == f;
    }
    int n = 0;
    for (const Func *g = f->module->first; g; g = g->next) n++;
    return part.n == n ? NULL : func_extract_all(part.first, part.n);
}

/* ---- one form ---------------------------------------------------------------------------- */

typedef struct {
    Ane *ane;
    AneModel *model;
    Arena *arena;         /* of the attempt */
    const char *work;     /* a folder of its own: temp_folder */
    const Module *module; /* the program as it was given */
    const char *key;      /* of program, chip and system */
    Form form[MAX_FORMS];
    int nform;
    Buf refused;  /* "fp32 refused: Apple's words; .." */
    bool world;   /* what failed is not the program's fault: no other form would help */
    bool outside; /* nor the engine's: a file, a folder */
    Diag *diag;
} Attempt;

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

/* Needs no memory. */
static void close_folder(AneModel *m)
{
    ane_unload(m);
    objc_drop(m->ane->engine->objc, &m->id);
    if (m->weights) ane_weights_free(m->weights);
    temp_tree_end(m->dir);
    temp_tree_end(m->aside);
    m->dir = m->aside = NULL;
}

static bool ane_model_refuse(Attempt *t, const Form *f, const char *text)
{
    const char *name = arena_printf(t->arena, "%s refused", f->io);
    if (t->refused.len && strstr(t->refused.s, name)) /* the other spelling was */
        name = arena_printf(t->arena, "%s %s refused", f->io, f->dialect);
    buf_printf(&t->refused, "%s%s: %.*s", t->refused.len ? "; " : "", name,
               (int)strcspn(text, "\n"), text);
    return false;
}

static bool ane_model_fail(Attempt *t, const char *what, const char *text)
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
    if (m->spent) return ane_model_fail(t, spent, why.text);
    close_folder(m);
    file_remove_tree(dir);
    cache_drop(&m->slot); /* it is made again, once */
    return false;
}

enum { MAX_PACE_MS = 15000 }; /* a failed compilation restarts the system's compiler */

/* After failures in a row the compiler is given time to come back. */
static void ane_model_pace(const Ane *s)
{
    int64_t wait = s->failures < 2 ? 0
                                   : (int64_t)FIRST_WAIT_MS
                                         << (s->failures < 12 ? s->failures - 2 : 10);
    if (wait) ane_wait_ms(wait < MAX_PACE_MS ? wait : MAX_PACE_MS);
}

static bool ane_model_compile(Attempt *t, const Form *f, Trouble *why)
{
    Ane *s = t->ane;
    phase_begin(&s->phase, "compile");
    ane_model_pace(s);
    const bool ok = ane_compile_model(t->model, t->arena, why);
    phase_end(&s->phase, "compile");
    if (t->model->spent) return ane_model_fail(t, spent, why->text);
    s->failures = ok ? 0 : s->failures + 1;
    return ok || ane_model_refuse(t, f, trouble_text(t->arena, why));
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
        ane_model_fail(t, "the program cannot be written",
                       d.fails ? first_line(t->arena, &d) : dir);
    else if (!ok) ane_model_refuse(t, f, d.text.s ? d.text.s : dir);
    diag_free(&d);
    if (!ok) return false;
    if (!open_folder(t, dir, &why))
        return t->outside ? ane_model_fail(t, "the program cannot be written", why.text)
                          : ane_model_refuse(t, f, why.text);
    if (!ane_model_compile(t, f, &why)) return false;
    if (!ane_load(m, &t->ane->phase, t->arena, &why))
        return ane_model_fail(t, "the engine does not load the program",
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
    close_folder(m);
    cache_leave(&m->slot);
    return false;
}

/* What the user should hear once, of the cache and of the chip; who does not listen now may do
 * so later. */
static void ane_model_tell(Ane *s, Diag *d)
{
    const Engine *e = s->engine;
    cache_tell(&s->cache, d);
    if (e->chip || s->told || d->quiet) return;
    s->told = true;
    diag_warn(
        d, WARN_CHIP, (Loc){ 0 },
        "the engine calls itself %s, which is none of the chips known here: programs of the language are compiled for "
        "all of them, and every form is offered",
        e->arch ? e->arch : "nothing");
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

static bool try_forms(Attempt *t)
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

/* A work folder, and the program's key. */
static bool ane_model_stage(Attempt *t, const Module *m)
{
    char hex[65];
    const Engine *e = t->ane->engine;
    t->work = temp_folder(t->arena, t->diag);
    t->world = t->outside = !t->work;
    if (!t->work) return false;
    t->module = m;
    const bool whole = !ane_key(&t->ane->cache, m, hex);
    t->outside = whole && !digest_whole(t, hex);
    if (t->outside) return false;
    const char *const part[] = { SCHEMA, whole ? "written" : "as it lies", hex, e->arch,
                                 e->build };
    t->key = digest_of(t->arena, part, COUNT(part));
    return true;
}

/* Memory has run out in the attempt. */
static void attempt_lost(void *attempt)
{
    AneModel *m = ((Attempt *)attempt)->model;
    close_folder(m);
    cache_leave(&m->slot);
}

static AneModel *model_new(Ane *s, const Module *m, const Func *f, Diag *d)
{
    GuardTask lost;
    AneModel *model = mem_zero(1, sizeof *model);
    Arena scratch = { 0 };
    Attempt *t = NEW(&scratch, Attempt);
    if (!model) mem_out(sizeof *model);
    *model = (AneModel){ .ane = s, .module = m, .slot.lock = -1, .refs = 1 };
    t->ane = s;
    t->model = model;
    t->arena = &scratch;
    t->diag = d;
    guard_task(&lost, attempt_lost, t);
    model->part = ane_part(f, ane_target(s));
    t->nform = forms_of(f, ane_target(s), t->form);
    t->form[0].scattered = s->as_given;
    if (s->as_given) t->nform = 1; /* the first is the program's own */
    phase_begin(&s->phase, "key");
    bool ok = (!model->part || module_verify(model->part, d, "part"))
           && ane_model_stage(t, model->part ? model->part : m);
    phase_end(&s->phase, "key");
    ok = ok && try_forms(t);
    ane_model_tell(s, d);
    s->outside = !ok && t->outside;
    if (ok && s->no_helper)
        buf_printf(&t->refused, "%s%s", t->refused.len ? "; " : "", s->no_helper);
    if (ok) cache_count_one(&s->cache, model->as.cache);
    if (ok && t->refused.len) model->as.why = arena_strdup(&model->arena, t->refused.s);
    temp_tree_end(t->work);
    guard_task_end(&lost);
    buf_free(&t->refused);
    arena_free(&scratch);
    if (ok) {
        model->next = s->first;
        s->first = model;
        return model;
    }
    module_free(model->part);
    arena_free(&model->arena);
    mem_free(model);
    return NULL;
}

static bool is_for(const AneModel *model, const Module *m, const Func *f)
{
    return model->module == m && (!model->part || module_func(model->part, f->name));
}

AneModel *ane_model(Ane *s, const Module *m, const Func *f, Diag *d)
{
    GuardTask lost;
    guard_lock(&lost, &s->lock);
    AneModel *model = s->first;
    while (model && !is_for(model, m, f)) model = model->next;
    if (model) model->refs++;
    else model = model_new(s, m, f, d);
    guard_unlock(&lost, &s->lock);
    return model;
}

void ane_tell_cache(Ane *s, Diag *d)
{
    GuardTask lost;
    guard_lock(&lost, &s->lock);
    ane_model_tell(s, d);
    guard_unlock(&lost, &s->lock);
}

bool ane_failed_outside(Ane *s)
{
    pthread_mutex_lock(&s->lock);
    const bool outside = s->outside;
    pthread_mutex_unlock(&s->lock);
    return outside;
}

void ane_model_free(AneModel *m)
{
    Ane *s = m->ane;
    pthread_mutex_lock(&s->lock);
    bool last = --m->refs == 0;
    for (AneModel **at = &s->first; last && *at; at = &(*at)->next)
        if (*at == m) {
            *at = m->next;
            break;
        }
    if (last) {
        close_folder(m);
        cache_leave(&m->slot);
        module_free(m->part);
        arena_free(&m->arena);
        mem_free(m);
    }
    pthread_mutex_unlock(&s->lock);
}
