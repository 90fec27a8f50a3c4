/* coreml.c -- the backend `coreml`: writes a program as a compiled model and runs it by Core
 * ML, with arrays in the memory of the tensors, and states that Core ML keeps. */
#include "ane.h"
#include "coreml.h"

#include "../../ir/targets/rules.h"

#include <stdlib.h>
#include <string.h>

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
static bool check_value(const CoreMl *c, const Func *f, const Value *v, bool input,
                        Diag *d)
{
    const Type *t = param_type(v);
    const int since = t->kind == TY_TENSOR ? ml_type_since(t->dtype) : 0;
    if (!since) return true; /* the container's writer refuses it */
    if (!ml_system(c->ml, since))
        return diag_fail(
            d,
            "Core ML has arrays of %s from macOS %d on, and this system is older: %s is one",
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
    return diag_error(
        d, f->loc,
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
    for (int i = 0; i < b->nresult; i++)
        ok = check_value(c, f, b->result[i], false, d) && ok;
    if (states) ok = check_need(c, NEED_STATES, d) && ok;
    if (f != module_main(f->module)) ok = check_need(c, NEED_FUNCTIONS, d) && ok;
    return check_size(c, f, d) && ok;
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
    if (p->folder) coreml_folder_leave(p->c, p->folder);
    pthread_mutex_unlock(&p->c->lock);
    arena_free(&p->arena);
    mem_free(p);
}

static void program_lost(void *program) { ml_program_free(program); }

static Program *ml_compile_program(const Backend *self, const Module *m, const Func *f,
                                   Diag *d)
{
    CoreMl *c = (CoreMl *)(uintptr_t)self->row;
    if (!check_func(c, f, d)) return NULL;
    MlProgram *p = mem_zero(1, sizeof *p);
    if (!p) mem_out(sizeof *p);
    *p = (MlProgram){ .base = { .backend = self, .module = m, .func = f }, .c = c };
    guard_task(&p->lost, program_lost, p);
    p->result = NEW_ARRAY(&p->arena, f->body->nresult + 1, Binding);
    p->backing = NEW_ARRAY(&p->arena, f->body->nresult + 1, Id);
    for (int i = 0; i < f->body->nresult; i++)
        p->result[i].name = f->body->result[i]->name;
    GuardTask lost;
    guard_lock(&lost, &c->lock);
    p->folder = coreml_folder(c, m, d);
    phase_begin(&c->phase, "load");
    bool ok = p->folder && coreml_load(p, d);
    phase_end(&c->phase, "load");
    if (ok) p->base.as = (RunsAs){ .why = p->folder->why, .cache = p->folder->cache };
    guard_unlock(&lost, &c->lock);
    if (ok && coreml_states(p, d)) return &p->base;
    ml_program_free(&p->base);
    return NULL;
}

/* ---- running ----------------------------------------------------------------------------- */

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

static bool ml_run(Program *program, Diag *d, const Binding *in, int nin,
                   const RunOptions *opt)
{
    MlProgram *p = (MlProgram *)program;
    Objc *o = p->c->ml->objc;
    Arena a = { 0 };
    Trouble why;
    bool ok = coreml_state(p, d) && coreml_backings(p, &a, d);
    Id inputs = ok ? coreml_inputs(p, &a, in, nin, d) : NULL, results = NULL;
    ok = inputs && (!p->seen || coreml_write_states(p) || lost_states(d));
    if (ok) {
        phase_begin(&opt->phase, "run");
        results = ml_predict(p->c->ml, &a, p->model, inputs, p->state, p->options, &why);
        phase_end(&opt->phase, "run");
        if (!results)
            diag_fail(d, "Core ML did not run the program: %s", trouble_text(&a, &why));
    }
    phase_begin(&opt->phase, "copy out");
    ok = results && coreml_read_results(p, results, &a, d);
    if (results && p->seen && !coreml_read_states(p)) ok = lost_states(d);
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
    if (p->nkept && !p->seen && p->state && !coreml_read_states(p))
        return 0; /* none that are right */
    p->seen = true;
    *out = p->kept;
    return p->nkept;
}

/* The next run makes a new state, which is zero. */
static void ml_reset(Program *program)
{
    MlProgram *p = (MlProgram *)program;
    objc_drop(p->c->ml->objc, &p->state);
    for (int i = 0; i < p->nkept; i++)
        memset(p->kept[i].value.data, 0, p->kept[i].value.bytes);
}

static bool ml_place(Program *program, Arena *a, Diag *d, Placings *out)
{
    MlProgram *p = (MlProgram *)program;
    Trouble why;
    if (ml_plan(p->c->ml, a, p->folder->path, program->func->name, out, &why))
        return true;
    return diag_fail(d, "Core ML does not say where operations run: %s",
                     trouble_text(a, &why));
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
    *b =
        (Backend){ .name = "coreml",
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
