/* coreml.c -- the backend `coreml`: writes a program as a compiled model and runs it by Core
 * ML, with arrays in the memory of the tensors, and states that Core ML keeps. */
#include "ane.h"
#include "cache.h"
#include "ml.h"

#include "../../ir/mil/mil.h"
#include "../../ir/targets/rules.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of what is cached: it changes when older entries are of no use. */
#define SCHEMA "anec coreml 1"

typedef struct CoreMl CoreMl;

/* A module as a compiled model on disk. The programs of its functions share it, and it stays
 * until the last is gone: a model may read its weights at any time. An entry of the cache is
 * loaded where it is, so that a model has the same path in every process: what Core ML keeps of
 * it is tied to that. */
typedef struct Folder Folder;
struct Folder {
    Folder *next;
    Arena arena;
    const Module *module;
    int refs;
    char *top; /* a temporary folder of its own */
    CacheSlot slot;
    const char *path;  /* the .mlmodelc that is loaded */
    const char *cache; /* as in RunsAs */
    char *compiled;    /* by Core ML, from a package: when it does not take ours */
    const char *why;   /* it did not */
};

struct CoreMl {
    Arena arena;
    Ml *ml;
    Cache cache;
    PhaseHook phase;
    pthread_mutex_t lock; /* of the folders, the cache, and of loading */
    Folder *first;
};

typedef struct {
    Program base; /* first */
    Arena arena;
    CoreMl *c;
    Folder *folder;
    Id model, state,
        options; /* state: NULL without one, or after a reset; options: NULL: to be made */
    Binding *result, *kept; /* kept: the states as the caller sees them */
    Id *backing;            /* by result: its memory as an array; NULL: none */
    int nkept;
    bool seen;      /* the caller has the states' tensors: they are copied around each run */
    GuardTask lost; /* gives it up when memory runs out in the call that makes it */
} MlProgram;

/* ---- what Core ML takes ------------------------------------------------------------------ */

typedef enum {
#define NEED(id, since, what) NEED_##id,
#include "ml.def"
} CoremlNeed;

static const struct {
    int since;
    const char *what;
} needs[] = {
#define NEED(id, since, what) { since, what },
#include "ml.def"
};

static bool check_need(const CoreMl *c, CoremlNeed need, Diag *d)
{
    if (ml_system(c->ml, needs[need].since)) return true;
    return diag_fail(d, "Core ML has %s from macOS %d on, and this system is older",
                     needs[need].what, needs[need].since);
}

/* What no container says: types that are younger than the system or the function's opset,
 * scalars. */
static bool check_value(const CoreMl *c, const Func *f, const Value *v, bool input, Diag *d)
{
    const Type *t = param_type(v);
    const int since = t->kind == TY_TENSOR ? ml_type_since(t->dtype) : 0;
    if (!since) return true; /* the container's writer refuses it */
    if (!ml_system(c->ml, since))
        return diag_fail(
            d, "Core ML has arrays of %s from macOS %d on, and this system is older: %s is one",
            dtypes[t->dtype].name, since, v->name);
    if (t->dtype == DT_FP16 && f->opset == OPSET_IOS15)
        return diag_error(
            d, value_loc(v),
            "Core ML has inputs and results of fp16 from ios16 on; %s is ios15, and "
            "its %s is fp16: --io fp32 makes it fp32",
            f->name, v->name);
    if (input && !t->shape.rank)
        return diag_error(
            d, value_loc(v),
            "Core ML takes no input without dimensions, and %s is one: [1] is a shape "
            "that it takes",
            v->name);
    return true;
}

/* Core ML says nothing of it: it runs all of such a model on the processor. */
static bool check_size(const CoreMl *c, const Func *f, Diag *d)
{
    RuleSet rs;
    char release[16];
    int major = atoi(release_newest());
    while (major > 11 && !ml_system(c->ml, major)) major--;
    snprintf(release, sizeof release, "%d", major);
    ruleset_init(&rs, &targets[TARGET_generic], NULL);
    ruleset_release(&rs, release);
    const double bytes = func_weight_bytes(f);
    const int64_t most = rule_limit(&rs, LIMIT_coreml_weights);
    if (most < 0 || bytes <= (double)most) return true;
    return diag_error(d, f->loc,
                      "function %s has %.0f bytes of weights; above %lld Core ML on macOS %d "
                      "runs all of a model on the processor without a word: smaller weights "
                      "or several models, or --backend cpu",
                      f->name, bytes, (long long)most, major);
}

static bool check_func(const CoreMl *c, const Func *f, Diag *d)
{
    const Block *b = f->body;
    bool ok = check_need(c, NEED_UNITS, d), states = false;
    for (int i = 0; i < b->nparam; i++) {
        states |= param_is_state(b->param[i]);
        ok = check_value(c, f, b->param[i], true, d) && ok;
    }
    for (int i = 0; i < b->nresult; i++) ok = check_value(c, f, b->result[i], false, d) && ok;
    if (states) ok = check_need(c, NEED_STATES, d) && ok;
    if (f != module_main(f->module)) ok = check_need(c, NEED_FUNCTIONS, d) && ok;
    return check_size(c, f, d) && ok;
}

/* ---- the folder -------------------------------------------------------------------------- */

/* Needs no memory. */
static void folder_free(Folder *f)
{
    temp_tree_end(f->compiled);
    temp_tree_end(f->top);
    cache_leave(&f->slot);
    arena_free(&f->arena);
    mem_free(f);
}

/* Of processes that come at once one makes the entry; all then have it together. */
static const char *make_entry(CoreMl *c, Folder *f, const char *key, const char *own)
{
    CacheSlot s = cache_slot(&c->cache, &f->arena, key);
    const bool there = cache_get(&c->cache, &s, NULL);
    const bool made = !there && cache_put(&c->cache, &s, own);
    cache_leave(&s);
    if (!cache_share(&c->cache, &f->arena, key, &f->slot)) return "off";
    return made ? "miss" : "hit";
}

/* Makes what was written to `own` an entry, unless there is one that is whole. */
static bool coreml_keep(CoreMl *c, Folder *f, const char *own, Diag *d)
{
    char hex[65];
    if (!cache_digest(d, own, hex)) return false;
    Sha256 sha = sha256_start();
    sha256_add(&sha, SCHEMA, sizeof SCHEMA);
    sha256_add(&sha, hex, sizeof hex);
    sha256_end(&sha, hex);
    f->cache = "hit";
    if (!cache_share(&c->cache, &f->arena, hex, &f->slot))
        f->cache = make_entry(c, f, hex, own);
    cache_tell(&c->cache, d);
    const bool kept = strcmp(f->cache, "off") != 0;
    f->path = arena_printf(&f->arena, "%s/model.mlmodelc", kept ? f->slot.path : own);
    return !kept || file_remove_tree(own);
}

/* Described by its program alone, which is what a clone has: images go in and out as the arrays
 * that they are inside, and what is optional is always given. */
static bool save_plainly(const Module *m, Diag *d, const char *path)
{
    Module *plain = module_clone(m);
    const bool ok = container_save(plain, d, path);
    module_free(plain);
    return ok;
}

static Folder *folder_new(CoreMl *c, const Module *m, Diag *d)
{
    Folder *f = mem_zero(1, sizeof *f);
    if (!f) mem_out(sizeof *f);
    *f = (Folder){ .module = m, .refs = 1, .slot.lock = -1 };
    f->top = temp_folder(&f->arena, d);
    const char *own = f->top ? arena_printf(&f->arena, "%s/own", f->top) : NULL;
    if (f->top && file_make_dirs(d, own)
        && save_plainly(m, d, arena_printf(&f->arena, "%s/model.mlmodelc", own))
        && coreml_keep(c, f, own, d)) {
        cache_count_one(&c->cache, f->cache);
        return f;
    }
    folder_free(f);
    return NULL;
}

static Folder *folder_of(CoreMl *c, const Module *m, Diag *d)
{
    Folder *f = c->first;
    while (f && f->module != m) f = f->next;
    if (f) {
        f->refs++;
        return f;
    }
    f = folder_new(c, m, d);
    if (!f) return NULL;
    f->next = c->first;
    return c->first = f;
}

static void folder_leave(CoreMl *c, Folder *f)
{
    if (--f->refs) return;
    Folder **at = &c->first;
    while (*at != f) at = &(*at)->next;
    *at = f->next;
    folder_free(f);
}

/* Has Core ML compile the module as a package: its own compiler knows more than we do of the
 * files that describe a compiled model. False: it does not, `why`. */
static bool compile_package(CoreMl *c, Folder *f, const Module *m, const Trouble *first,
                            Trouble *why)
{
    Diag quiet = { .quiet = true };
    const char *package = arena_printf(&f->arena, "%s/model.mlpackage", f->top);
    *why = (Trouble){ .text = "no package can be written" };
    if (save_plainly(m, &quiet, package))
        f->compiled = ml_compile(c->ml, &f->arena, package, why);
    if (f->compiled) temp_tree_hold(f->compiled);
    diag_free(&quiet);
    file_remove_tree(package);
    if (!f->compiled) return false;
    f->path = f->compiled;
    f->why = arena_printf(&f->arena,
                          "compiled by Core ML, which did not load what was written: %s",
                          trouble_text(&f->arena, first));
    return true;
}

static bool coreml_load(MlProgram *p, Diag *d)
{
    Arena *a = &p->arena;
    Trouble why, other;
    Folder *f = p->folder;
    const char *function = p->base.func == module_main(p->base.module) ? NULL
                                                                       : p->base.func->name;
    p->model = ml_model_new(p->c->ml, a, f->path, function, &why);
    if (p->model) return true;
    const char *first = trouble_text(a, &why);
    if (f->compiled) return diag_fail(d, "Core ML does not load the program: %s", first);
    bool ok = compile_package(p->c, f, p->base.module, &why, &other);
    if (ok) p->model = ml_model_new(p->c->ml, a, f->path, function, &other);
    return p->model
        || diag_fail(d, "Core ML does not load the program: %s; nor %s a package of it: %s",
                     first, ok ? "what it compiles from" : "does it compile",
                     trouble_text(a, &other));
}

/* ---- compiling --------------------------------------------------------------------------- */

/* Needs no memory. */
static void ml_program_free(Program *program)
{
    MlProgram *p = (MlProgram *)program;
    Objc *o = p->c->ml->objc;
    guard_task_end(&p->lost);
    objc_drop(o, &p->options);
    for (int i = 0; p->backing && i < p->base.func->body->nresult; i++) {
        objc_drop(o, &p->backing[i]);
        tensor_free(&p->result[i].value);
    }
    for (int i = 0; i < p->nkept; i++) tensor_free(&p->kept[i].value);
    objc_drop(o, &p->state);
    objc_drop(o, &p->model);
    pthread_mutex_lock(&p->c->lock);
    if (p->folder) folder_leave(p->c, p->folder);
    pthread_mutex_unlock(&p->c->lock);
    arena_free(&p->arena);
    mem_free(p);
}

static bool make_state(MlProgram *p, Diag *d)
{
    if (!p->nkept || p->state) return true;
    p->state = ml_state_new(p->c->ml, p->model);
    mem_follow(p, p->state);
    return p->state || diag_fail(d, "Core ML makes no states for the program");
}

/* Of every state a tensor. That they can be read shows that they are what the program says. */
static bool make_states(MlProgram *p, Diag *d)
{
    const Block *b = p->base.func->body;
    p->kept = NEW_ARRAY(&p->arena, b->nparam + 1, Binding);
    for (int i = 0; i < b->nparam; i++) {
        if (!param_is_state(b->param[i])) continue;
        const Type *t = param_type(b->param[i]);
        Binding *s = &p->kept[p->nkept++];
        *s = (Binding){ .name = b->param[i]->name };
        if (!tensor_alloc(&s->value, d, t->dtype, &t->shape)) return false;
    }
    if (!make_state(p, d)) return false;
    for (int i = 0; i < p->nkept; i++)
        if (!ml_state_read(p->c->ml, p->state, p->kept[i].name, &p->kept[i].value))
            return diag_fail(d, "Core ML has another state %s than the program",
                             p->kept[i].name);
    return true;
}

static void program_lost(void *program) { ml_program_free(program); }

static Program *ml_compile_program(const Backend *self, const Module *m, const Func *f, Diag *d)
{
    CoreMl *c = (CoreMl *)(uintptr_t)self->row;
    if (!check_func(c, f, d)) return NULL;
    MlProgram *p = mem_zero(1, sizeof *p);
    if (!p) mem_out(sizeof *p);
    *p = (MlProgram){ .base = { .backend = self, .module = m, .func = f }, .c = c };
    guard_task(&p->lost, program_lost, p);
    p->result = NEW_ARRAY(&p->arena, f->body->nresult + 1, Binding);
    p->backing = NEW_ARRAY(&p->arena, f->body->nresult + 1, Id);
    for (int i = 0; i < f->body->nresult; i++) p->result[i].name = f->body->result[i]->name;
    GuardTask lost;
    guard_lock(&lost, &c->lock);
    p->folder = folder_of(c, m, d);
    phase_begin(&c->phase, "load");
    bool ok = p->folder && coreml_load(p, d);
    phase_end(&c->phase, "load");
    if (ok) p->base.as = (RunsAs){ .why = p->folder->why, .cache = p->folder->cache };
    guard_unlock(&lost, &c->lock);
    if (ok && make_states(p, d)) return &p->base;
    ml_program_free(&p->base);
    return NULL;
}

/* ---- inputs and results ------------------------------------------------------------------ */

static void drop_all(Objc *o, MlFeature *f, int n)
{
    for (int i = 0; i < n; i++) objc_drop(o, &f[i].array);
}

static Id inputs_new(MlProgram *p, Arena *a, const Binding *in, int nin, Diag *d)
{
    const Block *b = p->base.func->body;
    MlFeature *f = NEW_ARRAY(a, b->nparam + 1, MlFeature);
    Trouble why;
    int n = 0;
    bool ok = true;
    for (int i = 0; ok && i < b->nparam; i++)
        for (int k = 0; ok && k < nin; k++) {
            if (param_is_state(b->param[i]) || strcmp(in[k].name, b->param[i]->name) != 0)
                continue;
            if (!in[k].value.count) {
                ok = diag_error(d, (Loc){ 0 },
                                "Core ML takes no input without elements, and %s has none",
                                in[k].name);
                continue;
            }
            f[n] = (MlFeature){ .name = in[k].name,
                                .array = ml_array_new(p->c->ml, &in[k].value, a, &why) };
            ok = f[n].array
              || diag_fail(d, "Core ML makes no array of %s: %s", in[k].name,
                           trouble_text(a, &why));
            n += ok;
        }
    Id features = ok ? ml_features_new(p->c->ml, a, f, n, &why) : NULL;
    if (ok && !features)
        diag_fail(d, "Core ML does not take the inputs: %s", trouble_text(a, &why));
    drop_all(p->c->ml->objc, f, n);
    return features;
}

/* The program is older than the run that fills its results. */
static bool alloc_result(MlProgram *p, Tensor *to, Diag *d, DType t, const Shape *shape)
{
    if (!tensor_alloc(to, d, t, shape)) return false;
    mem_follow(p, to->data);
    return true;
}

/* Results of known shape have their memory before the run. One that was taken gets new. */
static bool make_backings(MlProgram *p, Arena *a, Diag *d)
{
    const Block *b = p->base.func->body;
    MlFeature *f = NEW_ARRAY(a, b->nresult + 1, MlFeature);
    Trouble why;
    int n = 0;
    for (int i = 0; i < b->nresult; i++) {
        const Type *t = b->result[i]->type;
        Tensor *to = &p->result[i].value;
        if (!shape_known(&t->shape)) continue;
        if (!to->owned) {
            objc_drop(p->c->ml->objc, &p->backing[i]);
            objc_drop(p->c->ml->objc, &p->options);
            if (!alloc_result(p, to, d, t->dtype, &t->shape)) return false;
        }
        /* Core ML describes these without a shape */
        if (!t->shape.rank || !to->count) continue;
        if (!p->backing[i]) p->backing[i] = ml_array_new(p->c->ml, to, a, &why);
        mem_follow(p, p->backing[i]);
        if (!p->backing[i])
            return diag_fail(d, "Core ML makes no array of %s: %s", p->result[i].name,
                             trouble_text(a, &why));
        f[n++] = (MlFeature){ .name = p->result[i].name, .array = p->backing[i] };
    }
    if (!p->options) p->options = ml_options_new(p->c->ml, a, f, n);
    mem_follow(p, p->options);
    return true;
}

/* A scalar may come as an array of one element. */
static bool coreml_fits(const MlLayout *l, const Type *t)
{
    const Type got = { .kind = TY_TENSOR, .dtype = l->dtype, .shape = l->shape };
    size_t n;
    if (!t->shape.rank) return l->dtype == t->dtype && shape_count(&l->shape, &n) && n == 1;
    return type_fits(&got, t);
}

static bool read_result(MlProgram *p, int i, Id array, Arena *a, Diag *d)
{
    const Type *t = p->base.func->body->result[i]->type;
    const char *name = p->result[i].name;
    Tensor *to = &p->result[i].value;
    MlLayout l;
    if (!ml_array_layout(p->c->ml, array, &l))
        return diag_fail(d, "Core ML gave an array for %s that no tensor can be", name);
    if (!coreml_fits(&l, t)) {
        const Type got = { .kind = TY_TENSOR, .dtype = l.dtype, .shape = l.shape };
        return diag_fail(d, "Core ML gave %s for %s, which is %s", type_text(a, &got), name,
                         type_text(a, t));
    }
    if (!shape_known(&t->shape)) {
        tensor_free(to);
        if (!alloc_result(p, to, d, l.dtype, &l.shape)) return false;
    }
    if (!to->count || ml_array_read(p->c->ml, array, to->data)) return true;
    return diag_fail(d, "the array that Core ML gave for %s is smaller than its strides say",
                     name);
}

static bool read_results(MlProgram *p, Id results, Arena *a, Diag *d)
{
    bool ok = true;
    for (int i = 0; ok && i < p->base.func->body->nresult; i++) {
        Id array = ml_feature_new(p->c->ml, results, p->result[i].name);
        if (!array)
            ok = diag_fail(d, "Core ML gave no array for the result %s", p->result[i].name);
        else if (array != p->backing[i]) ok = read_result(p, i, array, a, d);
        objc_drop(p->c->ml->objc, &array);
    }
    return ok;
}

/* ---- running ----------------------------------------------------------------------------- */

static bool read_states(MlProgram *p)
{
    for (int i = 0; i < p->nkept; i++)
        if (!ml_state_read(p->c->ml, p->state, p->kept[i].name, &p->kept[i].value))
            return false;
    return true;
}

static bool write_states(MlProgram *p)
{
    for (int i = 0; i < p->nkept; i++)
        if (!ml_state_write(p->c->ml, p->state, p->kept[i].name, &p->kept[i].value))
            return false;
    return true;
}

/* A state that could be read once cannot any more. */
static bool lost_states(Diag *d)
{
    return diag_fail(d, "Core ML does not give the program's states");
}

/* Of the values computed the results alone can be seen. */
static bool report_results(MlProgram *p, const RunOptions *opt)
{
    const Block *b = p->base.func->body;
    for (int i = 0; opt->each && i < b->nresult; i++)
        if (!opt->each(opt->ctx, b->result[i], &p->result[i].value)) return false;
    return true;
}

static bool ml_run(Program *program, Diag *d, const Binding *in, int nin, const RunOptions *opt)
{
    MlProgram *p = (MlProgram *)program;
    Objc *o = p->c->ml->objc;
    Arena a = { 0 };
    Trouble why;
    bool ok = make_state(p, d) && make_backings(p, &a, d);
    Id inputs = ok ? inputs_new(p, &a, in, nin, d) : NULL, results = NULL;
    ok = inputs && (!p->seen || write_states(p) || lost_states(d));
    if (ok) {
        phase_begin(&opt->phase, "run");
        results = ml_predict(p->c->ml, &a, p->model, inputs, p->state, p->options, &why);
        phase_end(&opt->phase, "run");
        if (!results)
            diag_fail(d, "Core ML did not run the program: %s", trouble_text(&a, &why));
    }
    phase_begin(&opt->phase, "copy out");
    ok = results && read_results(p, results, &a, d);
    if (results && p->seen && !read_states(p)) ok = lost_states(d);
    phase_end(&opt->phase, "copy out");
    objc_drop(o, &results);
    objc_drop(o, &inputs);
    arena_free(&a);
    return ok && report_results(p, opt);
}

static int ml_results(Program *program, const Binding **out)
{
    *out = ((MlProgram *)program)->result;
    return program->func->body->nresult;
}

static bool ml_take(Program *program, int result, Tensor *out)
{
    Tensor *t = &((MlProgram *)program)->result[result].value;
    if (!t->owned) return false;
    *out = *t;
    t->owned = false;
    return true;
}

static int ml_states(Program *program, Binding **out)
{
    MlProgram *p = (MlProgram *)program;
    if (p->nkept && !p->seen && p->state && !read_states(p)) return 0; /* none that are right */
    p->seen = true;
    *out = p->kept;
    return p->nkept;
}

/* The next run makes a new state, which is zero. */
static void ml_reset(Program *program)
{
    MlProgram *p = (MlProgram *)program;
    objc_drop(p->c->ml->objc, &p->state);
    for (int i = 0; i < p->nkept; i++) memset(p->kept[i].value.data, 0, p->kept[i].value.bytes);
}

static bool ml_place(Program *program, Arena *a, Diag *d, Placings *out)
{
    MlProgram *p = (MlProgram *)program;
    Trouble why;
    if (ml_plan(p->c->ml, a, p->folder->path, program->func->name, out, &why)) return true;
    return diag_fail(d, "Core ML does not say where operations run: %s", trouble_text(a, &why));
}

/* ---- the backend ------------------------------------------------------------------------- */

static void coreml_close(const Backend *self)
{
    CoreMl *c = (CoreMl *)(uintptr_t)self->row;
    if (c->first) bug("Core ML is closed before its programs");
    ml_close(c->ml);
    pthread_mutex_destroy(&c->lock);
    arena_free(&c->arena);
    mem_free(c);
    mem_free((void *)(uintptr_t)self);
}

const Backend *coreml_open(const BackendOptions *o, Arena *a, const char **why)
{
    CoreMl *c = mem_zero(1, sizeof *c);
    Backend *b = mem_zero(1, sizeof *b);
    if (!c || !b) mem_out(sizeof *b);
    c->ml = ml_open(&c->arena, why);
    if (!c->ml) {
        *why = arena_strdup(a, *why);
        arena_free(&c->arena);
        mem_free(c);
        mem_free(b);
        return NULL;
    }
    if (o) c->phase = o->phase;
    cache_open(&c->cache, &c->arena, o ? o->cache_dir : NULL);
    pthread_mutex_init(&c->lock, NULL);
    *b = (Backend){ .name = "coreml",
                    .doc = "Core ML, on the processor and the Neural Engine as it chooses",
                    .row = c,
                    .engine = true,
                    .compile = ml_compile_program,
                    .run = ml_run,
                    .results = ml_results,
                    .states = ml_states,
                    .reset = ml_reset,
                    .free = ml_program_free,
                    .take = ml_take,
                    .place = ml_place,
                    .close = coreml_close };
    return b;
}
