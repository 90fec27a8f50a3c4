/* ane_model.c -- programs on the engine: which are made, of which functions, and who uses them.
 * One lock covers it all and the attempts, since the compiler of the system does one thing at a time
 * too. */
#include "load.h"

#include "../../ir/targets/rules.h"
#include "../forms.h"

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

/* ---- models ----------------------------------------------------------------------------- */

/* Memory has run out in the attempt. */
static void attempt_lost(void *attempt)
{
    AneModel *m = ((Attempt *)attempt)->model;
    ane_model_close(m);
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
           && attempt_stage(t, model->part ? model->part : m);
    phase_end(&s->phase, "key");
    ok = ok && attempt_forms(t);
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
        ane_model_close(m);
        cache_leave(&m->slot);
        module_free(m->part);
        arena_free(&m->arena);
        mem_free(m);
    }
    pthread_mutex_unlock(&s->lock);
}
