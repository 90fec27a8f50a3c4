/* programs.c -- the programs of a run: what computes gradients on the device, and what computes
 * the loss alone, in fp32 on the processor where the device does so in fp16. */
#include "train.h"

#include <math.h>
#include <stdlib.h>

bool programs_said(const TrainPrograms *e, anec_status s, const anec_error *error)
{
    if (s && diag_ok(e->diag)) return diag_fail(e->diag, "%s", error->text);
    return s == ANEC_OK;
}

/* What runs on the processor: where the reference was asked for, it does all. */
static const char *host_of(const TrainJob *job)
{
    return job->backend && !strcmp(job->backend, "ref") ? "ref" : "cpu";
}

/* ---- opening ----------------------------------------------------------------------------- */

static bool load_program(TrainPrograms *e, anec_device *device, anec_model **out)
{
    anec_error error;
    const char *text = e->text, *path = e->path, *folder = file_dir(&e->arena, path);
    return programs_said(
        e,
        text ? anec_load_text(device, text, strlen(text), folder, out, &error)
             : anec_load(device, path, out, &error),
        &error);
}

/* The program with a loss of std behind it. */
static bool load_with_loss(TrainPrograms *e, anec_device *device, anec_model *plain,
                           anec_model **out)
{
    anec_error error;
    Buf text = { 0 };
    Mapped file = { 0 };
    const char *folder = file_dir(&e->arena, e->path);
    bool ok = e->text || file_read(e->diag, e->path, &file);
    if (e->text) buf_puts(&text, e->text);
    else if (ok) buf_add(&text, file.data, file.size);
    ok = ok && loss_add(e, plain, &text)
      && programs_said(e, anec_load_text(device, text.s, text.len, folder, out, &error),
                       &error);
    file_unmap(&file);
    buf_free(&text);
    return ok;
}

/* Types that a loss is written for are those of the program as it is written, not those that
 * an engine takes. */
static bool load_model(TrainPrograms *e, anec_device *device, anec_model **out)
{
    anec_model *plain = NULL;
    e->function = e->job->set.at[SET_loss].text;
    if (!loss_known(e->function)) return load_program(e, device, out);
    anec_device *host = device == e->device ? e->host : device;
    if (!load_program(e, host, &plain)) return false;
    const bool ok = loss_has_model(plain, e->function)
                      ? load_program(e, device, out)
                      : load_with_loss(e, device, plain, out);
    anec_model_free(plain);
    return ok;
}

/* A step of the model, compiled. */
static bool make_step(TrainPrograms *e, anec_model *model, bool forward,
                      anec_model **step, anec_kernel **kernel)
{
    anec_error error;
    const anec_step_options o = { .size = sizeof o,
                                  .function = e->function,
                                  .lifted = rule_divides(&e->job->set),
                                  .scaled = 1,
                                  .baked = e->job->bake && !forward,
                                  .trained = e->job->set.at[SET_train].text,
                                  .forward = forward };
    return programs_said(e, anec_step(model, &o, step, &error), &error)
        && programs_said(e, anec_compile(*step, o.function, kernel, &error), &error);
}

bool programs_result(const TrainPrograms *e, const char *name)
{
    anec_tensor t;
    const char *other;
    if (!e->kernel) return segments_part(&e->segments, name) >= 0;
    for (int i = 0; (other = anec_port(e->kernel, ANEC_RESULT, i, &t)); i++)
        if (!strcmp(other, name)) return true;
    return false;
}

static bool is_one(const anec_tensor *t)
{
    for (int i = 0; i < t->rank; i++)
        if (t->shape[i] != 1) return false;
    return !strncmp(t->dtype, "fp", 2);
}

/* The loss is the last result; another one of one float is what evaluations tell too. */
static void find_results(TrainPrograms *e)
{
    anec_tensor t;
    const char *name;
    for (int i = 0; (name = anec_port(e->look, ANEC_RESULT, i, &t)); i++) {
        if (e->loss && !e->metric && is_one(&t)) e->metric = e->loss;
        if (is_one(&t) || e->loss) e->loss = name;
    }
}

/* What computes gradients: in parts, or as one program. What an engine takes only in parts
 * cannot be read for it as a whole, so that the host's model is cut. */
static bool open_gradients(TrainPrograms *e)
{
    const char *how = e->job->set.at[SET_segments].text, *name = e->job->backend;
    const bool cut = !e->job->bake && !strcmp(how, "layers");
    const bool engine = !name || (strcmp(name, "cpu") != 0 && strcmp(name, "ref") != 0);
    if (!cut || !engine) {
        if (!load_model(e, e->device, &e->model)) return false;
        if (cut && !segments_open(e, e->model)) return false;
    } else if (!load_model(e, e->host, &e->host_model)
               || !segments_open(e, e->host_model))
        return false;
    if (e->segments.parts) return true;
    return (e->model || load_model(e, e->device, &e->model))
        && make_step(e, e->model, false, &e->step, &e->kernel);
}

const anec_kernel *programs_takes(const TrainPrograms *e)
{
    return e->kernel ? e->kernel : e->look;
}

const anec_kernel *programs_tells(const TrainPrograms *e)
{
    const TrainSegments *s = &e->segments;
    if (e->kernel) return e->kernel;
    for (int i = 0; i < s->n; i++)
        if (!s->part[i].info.host) return s->part[i].kernel;
    return s->part[0].kernel;
}

bool programs_open(TrainPrograms *e, Diag *d, const TrainJob *job, const char *text,
                   const char *path)
{
    anec_error error;
    *e = (TrainPrograms){ .diag = d, .job = job, .text = text, .path = path };
    const char *backend = job->backend ? job->backend : "auto";
    if (!programs_said(e, anec_open_with(backend, job->config, &e->device, &error),
                       &error)
        || !programs_said(e, anec_open_with(host_of(e->job), job->host, &e->host, &error),
                          &error)
        || !programs_said(
            e, anec_open_with(host_of(e->job), job->plain, &e->plain, &error), &error)
        || !open_gradients(e))
        return false;
    const char *on = job->set.at[SET_optimizer_on].text;
    if (on && !strcmp(on, "engine")
        && !programs_said(e, anec_open_with(backend, job->updates, &e->updates, &error),
                          &error))
        return false;
    const char *precision = anec_fact(programs_tells(e), "precision");
    e->half = precision && !strcmp(precision, "fp16");
    if (!e->model && !e->host_model) bug("no model was read");
    if (e->half && !e->host_model && !load_model(e, e->host, &e->host_model))
        return false;
    if (!make_step(e, e->host_model ? e->host_model : e->model, true, &e->forward,
                   &e->look))
        return false;
    find_results(e);
    return programs_weights(e);
}

void programs_close(TrainPrograms *e)
{
    if (e->segments.parts) e->step = NULL; /* theirs */
    anec_kernel *const kernels[] = { e->rest_look, e->look, e->kernel };
    anec_model *const models[] = { e->rest,       e->rest_model, e->forward,
                                   e->host_model, e->step,       e->model };
    segments_close(&e->segments);
    for (size_t i = 0; i < COUNT(kernels); i++) anec_free(kernels[i]);
    for (size_t i = 0; i < COUNT(models); i++) anec_model_free(models[i]);
    anec_close(e->rest_device);
    anec_close(e->updates);
    anec_close(e->plain);
    anec_close(e->host);
    anec_close(e->device);
    arena_free(&e->arena);
}

/* ---- running ----------------------------------------------------------------------------- */

/* The model with the masters for its weights. */
static bool with_masters(TrainPrograms *e, anec_model *model, anec_model **out)
{
    Arena a = { 0 };
    anec_error error;
    anec_input *in = NEW_ARRAY(&a, e->nparam + 1, anec_input);
    anec_tensor *t = NEW_ARRAY(&a, e->nparam + 1, anec_tensor);
    for (int i = 0; i < e->nparam; i++) {
        t[i] = weight_tensor(&e->param[i]);
        in[i] = (anec_input){ .name = e->param[i].path, .tensor = &t[i] };
    }
    const bool ok = programs_said(e, anec_with_weights(model, in, e->nparam, out, &error),
                                  &error);
    arena_free(&a);
    return ok;
}

/* --bake: the step's program with the weights as they are now. */
static bool programs_bake(TrainPrograms *e)
{
    anec_model *now = NULL;
    anec_free(e->kernel);
    anec_model_free(e->step);
    e->kernel = NULL;
    e->step = NULL;
    const bool ok = with_masters(e, e->model, &now)
                 && make_step(e, now, false, &e->step, &e->kernel);
    anec_model_free(now);
    return ok;
}

bool programs_save(TrainPrograms *e, const char *path)
{
    anec_error error;
    anec_model *plain = NULL, *now = NULL;
    const bool ok = load_program(e, e->host, &plain) && with_masters(e, plain, &now)
                 && programs_said(e, anec_save(now, path, &error), &error);
    anec_model_free(now);
    anec_model_free(plain);
    return ok;
}

/* Columns, weights, and with `scale` the loss's. */
static bool programs_run(TrainPrograms *e, anec_kernel *kernel, const TrainData *t,
                         const float *scale, size_t batch)
{
    TrainInputs in;
    anec_run_options o = { .size = sizeof o, .threads = (int)e->job->threads };
    anec_error error;
    inputs_open(&in, kernel, t->ncolumn + e->nparam + 1);
    for (int i = 0; i < t->ncolumn; i++) {
        anec_tensor v = t->column[i].tensor;
        if (batch != t->batch) {
            v.bytes = v.bytes / t->batch * batch;
            v.shape[0] = (int64_t)batch;
        }
        inputs_give(&in, t->column[i].input, t->column[i].file, &v);
    }
    for (int i = 0; i < e->nparam && (!e->job->bake || kernel != e->kernel); i++) {
        const TrainParam *p = &e->param[i];
        const anec_tensor v = kernel == e->kernel ? weight_given(e, &in.arena, p)
                                                  : weight_tensor(p);
        inputs_give(&in, p->input, "a weight", &v);
    }
    if (scale) inputs_give_scale(&in, "loss_scale", scale);
    const bool ok = programs_said(e, anec_run_with(kernel, in.at, in.n, &o, &error),
                                  &error);
    arena_free(&in.arena);
    return ok;
}

static bool one_result(TrainPrograms *e, anec_kernel *kernel, const char *name,
                       double *out)
{
    anec_tensor t;
    anec_error error;
    return programs_said(e, anec_result(kernel, name, &t, &error), &error)
        && anec_doubles(&t, 0, 1, out);
}

/* One of fp32 is read where it is, unless it is to be added to others. */
static bool take_gradient(TrainPrograms *e, TrainParam *p)
{
    anec_tensor t;
    anec_error error;
    if (e->kernel
            ? !programs_said(e, anec_result(e->kernel, p->gradient, &t, &error), &error)
            : !segments_result(e, p->gradient, &t))
        return false;
    p->grad = p->room;
    if (!strcmp(t.dtype, "fp16") && t.bytes == 2 * p->count)
        f16_to_floats(t.data, p->grad, p->count);
    else if (strcmp(t.dtype, "fp32") != 0 || t.bytes != 4 * p->count)
        bug("the gradient of %s is %zu bytes of %s", p->path, t.bytes, t.dtype);
    else if (job_batches(e->job) > 1) memcpy(p->grad, t.data, t.bytes);
    else p->grad = t.data;
    return true;
}

/* Those of the weights that part i of the step makes, or of all where it is one program. */
static bool take_gradients(TrainPrograms *e, int i)
{
    bool ok = true;
    for (int k = 0; ok && k < e->nparam; k++) {
        TrainParam *p = &e->param[k];
        if (p->frozen || (e->segments.parts && p->part != i)) continue;
        ok = take_gradient(e, p);
        if (ok && e->made) e->made(e->made_by, k);
    }
    return ok;
}

bool programs_gradients(TrainPrograms *e, const TrainData *t, uint64_t step, float scale,
                        double *loss)
{
    anec_tensor one;
    e->turn = step;
    bool ok = !e->job->bake || programs_bake(e);
    for (int i = 0; ok && i < e->segments.n; i++)
        ok = segments_run(e, i, t, &scale) && take_gradients(e, i);
    if (e->segments.parts)
        return ok && segments_result(e, e->loss, &one) && anec_doubles(&one, 0, 1, loss);
    return ok && programs_run(e, e->kernel, t, &scale, t->batch)
        && one_result(e, e->kernel, e->loss, loss) && take_gradients(e, 0);
}

static bool programs_look(TrainPrograms *e, anec_kernel *kernel, const TrainData *t,
                          size_t batch, double *loss, double *metric)
{
    return programs_run(e, kernel, t, NULL, batch) && one_result(e, kernel, e->loss, loss)
        && (!e->metric || one_result(e, kernel, e->metric, metric));
}

bool programs_loss(TrainPrograms *e, const TrainData *t, double *loss, double *metric)
{
    return programs_look(e, e->look, t, t->batch, loss, metric);
}

/* ---- evaluation -------------------------------------------------------------------------- */

/* The same program for `batch` samples; its device has a config of its own. */
static bool open_rest(TrainPrograms *e, size_t batch)
{
    anec_error error;
    char set[40];
    snprintf(set, sizeof set, "batch=%zu", batch);
    anec_config *c = e->job->rest;
    return programs_said(e, anec_config_set(c, "set", set, &error), &error)
        && programs_said(e, anec_open_with(host_of(e->job), c, &e->rest_device, &error),
                         &error)
        && load_model(e, e->rest_device, &e->rest_model)
        && make_step(e, e->rest_model, true, &e->rest, &e->rest_look);
}

bool programs_evaluate(TrainPrograms *e, TrainData *t, double *loss, double *metric)
{
    const size_t rest = t->samples % t->batch;
    double sum = 0, sum_metric = 0;
    size_t n = 0;
    for (; n + t->batch <= t->samples; n += t->batch) {
        double a = 0, b = 0;
        data_range(t, n, t->batch);
        if (!data_sound(t) || !programs_loss(e, t, &a, &b)) return false;
        sum += a * (double)t->batch;
        sum_metric += b * (double)t->batch;
    }
    if (rest && e->job->batches) {
        double a = 0, b = 0;
        data_range(t, n, rest);
        if (!e->rest_look && !open_rest(e, rest)) return false;
        if (!data_sound(t) || !programs_look(e, e->rest_look, t, rest, &a, &b))
            return false;
        sum += a * (double)rest;
        sum_metric += b * (double)rest;
        n += rest;
    }
    *loss = sum / (double)n;
    *metric = e->metric ? sum_metric / (double)n : NAN;
    return true;
}

/* ---- parameters -------------------------------------------------------------------------- */

bool program_has_param(const char *text, const char *name)
{
    const size_t len = strlen(name);
    for (const char *s = text; (s = strstr(s, "param")); s += 5) {
        const size_t n = strcspn(s, "\n");
        for (const char *at = s; (at = strstr(at, name)) && at < s + n; at += len)
            if (at[-1] == ' ' && (at[len] == ' ' || at[len] == '=')) return true;
    }
    return false;
}

/* The program tells it, by one more model that results in it. */
bool programs_param(TrainPrograms *e, const char *text, const char *name, int64_t *out)
{
    anec_error error;
    anec_model *m = NULL;
    anec_kernel *k = NULL;
    anec_tensor t = { 0 };
    Buf b = { 0 };
    float zero = 0;
    double v = 0;
    const anec_tensor in = { .dtype = "fp32", .data = &zero, .bytes = 4 };
    *out = 0;
    if (!program_has_param(text, name)) return true;
    buf_printf(&b, "%s\nmodel told__(x: fp32[]) -> n = x + %s * 1.0\n", text, name);
    const bool ok = programs_said(e,
                                  anec_load_text(e->host, b.s, b.len,
                                                 file_dir(&e->arena, e->path), &m,
                                                 &error),
                                  &error)
                 && programs_said(e, anec_compile(m, "told__", &k, &error), &error)
                 && programs_said(e, anec_bind(k, "x", &in, &error), &error)
                 && programs_said(e, anec_run(k, &error), &error)
                 && programs_said(e, anec_result(k, "n", &t, &error), &error)
                 && anec_doubles(&t, 0, 1, &v);
    anec_free(k);
    anec_model_free(m);
    buf_free(&b);
    *out = (int64_t)v;
    return ok;
}
