/* model.c -- the public library: models: loading, gradients, steps. */
#include "library.h"

#include "../ir/passes/passes.h"
#include "report.h"

#include <stdlib.h>
#include <string.h>

/* ---- models: loading --------------------------------------------------------------------- */

void model_stage(const ApiCall *c, const char *name)
{
    Guard *g = guard_pause();
    if (c->config->stage) c->config->stage(c->config->stage_ctx, name);
    guard_resume(g);
}

/* The types that the model declares itself, before passes change them. */
static void keep_declared(anec_model *m)
{
    int n = 0;
    for (const Func *f = m->m.module->first; f; f = f->next) n++;
    m->declared = NEW_ARRAY(&m->m.arena, n, Declared);
    for (const Func *f = m->m.module->first; f; f = f->next) {
        Declared *to = &m->declared[m->ndeclared++];
        *to = (Declared){ f->name,
                          NEW_ARRAY(&m->m.arena, f->body->nparam, const Type *) };
        for (int i = 0; i < f->body->nparam; i++) to->type[i] = f->body->param[i]->type;
    }
}

static anec_status model_retarget(anec_model *m, ApiCall *c)
{
    Pipeline p;
    if (!read_wants_passes(&m->m, c->config)) return ANEC_OK;
    if (m->m.module->nbucket) return ANEC_OK; /* each bucket is rewritten by itself */
    anec_status s = read_pipeline(&m->m, c->config, &c->d, &p);
    if (s) return s;
    if (p.enforced) m->target = p.pass.target->name;
    return passes_run(m->m.module, &p.pass, &c->d) ? ANEC_OK : read_failed(&c->d);
}

static bool step_trains(const char *patterns, const char *path)
{
    for (const char *s = patterns; s; s = list_next(s))
        if (name_matches(s, strcspn(s, ","), path)) return true;
    return !patterns;
}

/* A step is differentiated by the weights that became inputs, those of them that are meant. */
static anec_status step_weights(anec_model *m, ApiCall *c, GradOptions *grad)
{
    Buf names = { 0 };
    const Module *module = m->m.module;
    if (!module_func(module, m->m.promote)) {
        wrong(&c->d, "%s has no function %s", m->m.path, m->m.promote);
        return ANEC_WRONG;
    }
    if (!m->m.weights.count) {
        wrong(&c->d,
              "%s declares no weight of floats that %s uses: nothing can be trained",
              m->m.path, m->m.promote);
        return ANEC_WRONG;
    }
    for (int i = 0; grad && i < m->m.weights.count; i++)
        if (step_trains(grad->names, m->m.weights.at[i].path))
            buf_printf(&names, "%s%s", names.len ? "," : "", m->m.weights.at[i].input);
    if (grad && !names.len) {
        diag_error(&c->d, (Loc){ 0 }, "no weight of %s is called %s: it has %s%s",
                   m->m.promote, grad->names, m->m.weights.at[0].path,
                   m->m.weights.count > 1 ? " and others" : "");
        return ANEC_WRONG;
    }
    if (grad) grad->names = arena_strdup(&m->m.arena, names.s);
    buf_free(&names);
    return ANEC_OK;
}

/* As it is read: parsed, differentiated where grad is not NULL. */
static anec_status model_read(anec_model *m, ApiCall *c, GradOptions *grad)
{
    anec_status s = read_parse(&m->m, c->config, &c->d);
    model_stage(c, "verify");
    if (!s && !m->m.dsl) s = read_check(&m->m, &c->d);
    model_stage(c, "compile");
    if (!s && m->m.promote) s = step_weights(m, c, grad);
    if (!s && grad) {
        grad->declared = m->m.dsl;
        if (!autodiff_module(m->m.module, grad, &c->d)) s = read_failed(&c->d);
    }
    if (!s && m->m.baked) model_bake(m);
    return s;
}

anec_status model_prepare(anec_model *m, ApiCall *c)
{
    keep_declared(m);
    return model_retarget(m, c);
}

void model_counts(const anec_model *m)
{
    m->device->refs++;
    if (m->of) m->of->refs++;
}

/* What follows once there is a text or a container, and ends the call. grad: NULL, or the
 * gradients that the model gets before the passes. */
static anec_status finish_with(anec_model *m, ApiCall *c, anec_status s,
                               GradOptions *grad, anec_model **out)
{
    if (!s) s = model_read(m, c, grad);
    if (!s) s = model_prepare(m, c);
    const anec_status end = call_end(c, s == ANEC_OK);
    if (s == ANEC_USAGE) say(c->error, s, m->m.usage);
    model_counts(m);
    if (s) model_release(m);
    else *out = m;
    return s == ANEC_USAGE ? s : end;
}

anec_status model_finish(anec_model *m, ApiCall *c, anec_status s, anec_model **out)
{
    return finish_with(m, c, s, NULL, out);
}

anec_model *model_new(anec_device *device)
{
    anec_model *m = mem_zero(1, sizeof *m);
    if (!m) mem_out(sizeof *m);
    m->device = device;
    m->m.target = device->backend->target;
    m->refs = 1;
    return m;
}

anec_status anec_load(anec_device *device, const char *path, anec_model **out,
                      anec_error *error)
{
    ApiCall c;
    GIVEN(out);
    *out = NULL;
    GIVEN(device);
    GIVEN(path);
    if (device->given_up) return say(error, ANEC_WRONG, "the device was closed");
    if (call_start(&c, device->config, error)) return call_status(&c);
    anec_model *m = model_new(device);
    model_stage(&c, "load");
    return model_finish(m, &c, read_open(&m->m, c.config, &c.d, path), out);
}

anec_status anec_load_text(anec_device *device, const char *text, size_t size,
                           const char *folder, anec_model **out, anec_error *error)
{
    ApiCall c;
    GIVEN(out);
    *out = NULL;
    GIVEN(device);
    GIVEN(text);
    if (device->given_up) return say(error, ANEC_WRONG, "the device was closed");
    if (size >= FILE_MAX_TEXT)
        return say(error, ANEC_WRONG, "the program is larger than 1 GiB");
    if (call_start(&c, device->config, error)) return call_status(&c);
    anec_model *m = model_new(device);
    char *copy = mem_alloc(size + 1);
    if (!copy) mem_out(size + 1);
    memcpy(copy, text, size);
    copy[size] = 0;
    model_stage(&c, "load");
    m->m.file = (Mapped){ .data = (const unsigned char *)copy, .size = size };
    m->m.path = "<text>";
    m->m.dir = folder ? arena_strdup(&m->m.arena, folder) : NULL;
    m->m.src = (Source){ .name = m->m.path, .text = copy, .len = size };
    const Setting *from = config_get(c.config, CONFIG_from);
    m->m.dsl = from->count && strcmp(from->text, "mil") != 0;
    return model_finish(m, &c, read_suits(&m->m, c.config), out);
}

/* The text of another model, as it was read. */
static void copy_text(anec_model *m, const Model *from)
{
    const size_t size = from->src.len;
    char *copy = mem_alloc(size + 1);
    if (!copy) mem_out(size + 1);
    memcpy(copy, from->src.text, size);
    copy[size] = 0;
    m->m.file = (Mapped){ .data = (const unsigned char *)copy, .size = size };
    m->m.path = arena_strdup(&m->m.arena, from->path);
    m->m.dir = from->dir ? arena_strdup(&m->m.arena, from->dir) : NULL;
    m->m.src = (Source){ .name = m->m.path, .text = copy, .len = size };
    m->m.dsl = from->dsl;
    m->m.lean = from->lean;
    m->m.stored = from->stored ? m->m.path : NULL;
    m->m.beside = from->beside;
    m->m.given = from->given;
    m->m.ngiven = from->ngiven;
}

/* A model of the text of another, whose given weights it goes on to use. */
anec_model *model_again(anec_model *model)
{
    anec_model *m = model_new(model->device);
    copy_text(m, &model->m);
    m->of = model;
    return m;
}

anec_status anec_grad(anec_model *model, const char *names, int only, anec_model **out,
                      anec_error *error)
{
    ApiCall c;
    GIVEN(out);
    *out = NULL;
    GIVEN(model);
    if (model->given_up) return say(error, ANEC_WRONG, "the model was freed");
    if (model->device->given_up) return say(error, ANEC_WRONG, "the device was closed");
    if (call_start(&c, model->device->config, error)) return call_status(&c);
    GradOptions o = { .names = names, .only = only != 0 };
    anec_model *m = model->m.container ? model_new(model->device) : model_again(model);
    anec_status s = ANEC_OK;
    model_stage(&c, "load");
    if (model->m.container) s = read_open(&m->m, c.config, &c.d, model->m.path);
    return finish_with(m, &c, s, &o, out);
}

anec_status step_refused(const anec_model *model, anec_error *error)
{
    if (model->given_up) return say(error, ANEC_WRONG, "the model was freed");
    if (model->device->given_up) return say(error, ANEC_WRONG, "the device was closed");
    if (model->m.dsl) return ANEC_OK;
    return say(error, ANEC_WRONG,
               "a step of training is made of an .anedsl, whose weights have paths");
}

anec_step_options step_options(const anec_step_options *given)
{
    anec_step_options how = { 0 };
    memcpy(&how, given, given->size < sizeof how ? given->size : sizeof how);
    if (!how.function) how.function = "main";
    return how;
}

/* The model once more, to become a step. */
static anec_model *step_of(anec_model *model, const anec_step_options *how, ApiCall *c,
                           GradOptions *grad)
{
    anec_model *m = model_again(model);
    model_stage(c, "load");
    m->m.baked = how->baked != 0;
    m->m.lift = !how->forward && how->lifted;
    m->m.promote = arena_strdup(&m->m.arena, how->function);
    *grad = (GradOptions){ .function = m->m.promote,
                           .last = true,
                           .sparse = true,
                           .names = how->trained,
                           .seed = how->scaled ? "loss_scale" : NULL };
    return m;
}

anec_status anec_step(anec_model *model, const anec_step_options *options,
                      anec_model **out, anec_error *error)
{
    ApiCall c;
    GradOptions grad;
    GIVEN(out);
    *out = NULL;
    GIVEN(model);
    GIVEN(options);
    const anec_step_options how = step_options(options);
    const anec_status refused = step_refused(model, error);
    if (refused) return refused;
    if (call_start(&c, model->device->config, error)) return call_status(&c);
    anec_model *m = step_of(model, &how, &c, &grad);
    return finish_with(m, &c, ANEC_OK, how.forward ? NULL : &grad, out);
}

anec_model *step_read(anec_model *model, const anec_device *device,
                      const anec_step_options *how, ApiCall *c, anec_status *status)
{
    GradOptions grad;
    anec_model *m = step_of(model, how, c, &grad);
    m->m.target = device->backend->target;
    *status = model_read(m, c, &grad);
    if (!*status) keep_declared(m);
    return m;
}

const char *anec_weight(const anec_model *step, int i, const char **input)
{
    const bool there = step && i >= 0 && i < step->m.weights.count;
    if (input) *input = there ? step->m.weights.at[i].input : NULL;
    return there ? step->m.weights.at[i].path : NULL;
}

void model_release(anec_model *m)
{
    if (--m->refs) return;
    anec_model *of = m->of;
    read_free(&m->m);
    device_release(m->device);
    mem_free(m);
    if (of) model_release(of);
}

void anec_model_free(anec_model *model)
{
    if (model && !atomic_exchange(&model->given_up, true)) model_release(model);
}

/* ---- models: asking ---------------------------------------------------------------------- */

const char *anec_function(const anec_model *model, int i)
{
    const Func *f = model && i >= 0 ? model->m.module->first : NULL;
    while (f && i-- > 0) f = f->next;
    return f ? f->name : NULL;
}

const char *anec_main_function(const anec_model *model)
{
    const Func *f = model ? module_main(model->m.module) : NULL;
    return f ? f->name : NULL;
}

typedef bool ModelText(Buf *out, const char *path, const Module *m, Diag *d);

/* What two functions write of a model, as text and as JSON. */
static anec_status model_text(const anec_model *model, const char *format,
                              ModelText *text, ModelText *json, char **out,
                              anec_error *error)
{
    ApiCall c;
    Buf buf = { 0 };
    GIVEN(out);
    *out = NULL;
    GIVEN(model);
    GIVEN(format);
    const bool is_json = !strcmp(format, "json");
    if (!is_json && strcmp(format, "text") != 0)
        return say(error, ANEC_WRONG, "a model is described as text or as json");
    if (model->given_up) return say(error, ANEC_WRONG, "the model was freed");
    if (call_start(&c, model->device->config, error)) return call_status(&c);
    const bool ok = (is_json ? json : text)(&buf, model->m.path, model->m.module, &c.d);
    if (!ok) buf_free(&buf);
    const anec_status s = call_end(&c, ok);
    *out = buf.s;
    return s;
}

anec_status anec_describe(const anec_model *model, const char *format, char **out,
                          anec_error *error)
{
    return model_text(model, format, describe_text, describe_json, out, error);
}

anec_status anec_count(const anec_model *model, const char *format, char **out,
                       anec_error *error)
{
    return model_text(model, format, stats_text, stats_json, out, error);
}

void anec_text_free(char *text) { mem_free(text); }

const Type *declared_type(const anec_kernel *k, int param)
{
    for (int i = 0; i < k->model->ndeclared; i++)
        if (!strcmp(k->model->declared[i].func, k->func->name))
            return k->model->declared[i].type[param];
    return NULL;
}
