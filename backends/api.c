/* api.c -- the public library (include/anec.h) over backends and programs. */
#include "../include/anec.h"

#include "../ir/mil/mil.h"
#include "backend.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#ifndef ANEC_VERSION
#define ANEC_VERSION "0.1"
#endif

struct anec_device {
    const Backend *backend;
};

struct anec_model {
    anec_device *device;
    Module *module;
    Source source;
    char *text;           /* owned, of anec_load_text */
    pthread_mutex_t lock; /* weights are opened when they are first needed: one run at a time */
};

struct anec_kernel {
    anec_model *model;
    Func *func;
    Program *program;     /* NULL: unloaded */
    atomic_bool busy;
    Binding *bound;       /* by parameter; without data: nothing is bound */
    Tensor *own;          /* by parameter: the kernel's own memory */
    anec_kernel **source; /* by parameter: what it is wired to */
    char *how, *how_now;  /* as compiled; after a run failed on the engine, as since then */
    _Atomic(const char *) said_how;
    bool started;         /* a thread is to be joined */
    pthread_t thread;
    anec_done done;
    void *ctx;
    anec_status status;
    anec_error error;
};

const char *anec_version(void) { return ANEC_VERSION; }

/* ---- statuses ----------------------------------------------------------------------------------- */

static anec_status say(anec_error *error, anec_status status, const char *text)
{
    size_t n = strlen(text);
    while (n && text[n - 1] == '\n') n--;
    if (error) snprintf(error->text, sizeof error->text, "%.*s", (int)n, text);
    return status;
}

/* Ends a call: its messages go to the caller, its status is theirs. */
static anec_status conclude(Diag *d, bool ok, anec_error *error)
{
    anec_status status = ok ? ANEC_OK : d->fails ? ANEC_WORLD : ANEC_WRONG;
    const char *text = d->text.s ? d->text.s : "";
    say(error, status, ok ? "" : !strncmp(text, "error: ", 7) ? text + 7 : text);
    diag_free(d);
    return status;
}

static bool wrong(Diag *d, const char *fmt, const char *a, const char *b)
{
    return diag_error(d, (Loc){ 0 }, fmt, a, b);
}

/* ---- devices and models --------------------------------------------------------------------------- */

anec_status anec_open(const char *backend, const anec_options *options, anec_device **out, anec_error *error)
{
    Diag d = { .quiet = true };
    const BackendOptions o = { .cache_dir = options ? options->cache : NULL,
                               .helper = options ? options->helper : NULL };
    anec_device *device = calloc(1, sizeof *device);
    *out = NULL;
    if (!device) return say(error, ANEC_WORLD, "no memory for a device");
    device->backend = backend_open(backend, &o, &d);
    if (!device->backend && diag_ok(&d)) wrong(&d, "there is no backend %s%s", backend, "");
    if (device->backend) *out = device;
    else free(device);
    return conclude(&d, *out != NULL, error);
}

void anec_close(anec_device *device)
{
    if (!device) return;
    backend_close(device->backend);
    free(device);
}

static anec_status model_made(anec_model *m, Diag *d, anec_model **out, anec_error *error)
{
    bool ok = m->module && module_verify(m->module, d, NULL);
    if (ok) *out = m;
    else anec_model_free(m);
    return conclude(d, ok, error);
}

static anec_model *model_new(anec_device *device)
{
    anec_model *m = calloc(1, sizeof *m);
    if (!m) return NULL;
    m->device = device;
    pthread_mutex_init(&m->lock, NULL);
    return m;
}

anec_status anec_load(anec_device *device, const char *path, anec_model **out, anec_error *error)
{
    Diag d = { .quiet = true };
    anec_model *m = model_new(device);
    *out = NULL;
    if (!m) return say(error, ANEC_WORLD, "no memory for a model");
    m->module = container_read(&d, path);
    return model_made(m, &d, out, error);
}

anec_status anec_load_text(anec_device *device, const char *text, size_t size, const char *folder,
                           anec_model **out, anec_error *error)
{
    Diag d = { .quiet = true };
    anec_model *m = model_new(device);
    const size_t room = folder ? strlen(folder) + 1 : 0;
    *out = NULL;
    if (m && size < FILE_MAX_TEXT) m->text = malloc(size + 1 + room);
    if (!m || !m->text) {
        anec_model_free(m);
        return say(error, ANEC_WORLD, "no memory for a model");
    }
    memcpy(m->text, text, size);
    m->text[size] = 0;
    if (room) memcpy(m->text + size + 1, folder, room);
    m->source = (Source){ .name = "<text>", .text = m->text, .len = size };
    m->module = mil_read(&d, &m->source, room ? m->text + size + 1 : NULL);
    return model_made(m, &d, out, error);
}

void anec_model_free(anec_model *model)
{
    if (!model) return;
    if (model->module) module_free(model->module);
    pthread_mutex_destroy(&model->lock);
    free(model->text);
    free(model);
}

/* ---- kernels: one thread at a time ------------------------------------------------------------------- */

static int param_of(const anec_kernel *k, const char *name)
{
    for (int i = 0; i < k->func->body->nparam; i++)
        if (!strcmp(k->func->body->param[i]->name, name)) return i;
    return -1;
}

static void leave(anec_kernel *k, int wires)
{
    for (int i = 0; i < wires; i++)
        if (k->source[i] && k->source[i] != k) k->source[i]->busy = false;
    k->busy = false;
}

/* The kernel and those that feed it are this thread's; else a status. A source that feeds two inputs is
 * entered once. */
static anec_status enter(anec_kernel *k, bool sources, anec_error *error)
{
    if (atomic_exchange(&k->busy, true)) return say(error, ANEC_BUSY, "the kernel is at work");
    if (!k->program) {
        k->busy = false;
        return say(error, ANEC_UNLOADED, "the kernel is unloaded");
    }
    for (int i = 0; sources && i < k->func->body->nparam; i++) {
        anec_kernel *s = k->source[i];
        bool have = !s || s == k;
        for (int j = 0; j < i; j++) have |= k->source[j] == s;
        if (have || !atomic_exchange(&s->busy, true)) continue;
        leave(k, i);
        return say(error, ANEC_BUSY, "a kernel that this one is wired to is at work");
    }
    return ANEC_OK;
}

/* The thread of an earlier run; its status stays in the kernel. */
static void join(anec_kernel *k)
{
    if (k->started) pthread_join(k->thread, NULL);
    k->started = false;
}

/* ---- compiling ----------------------------------------------------------------------------------------- */

static void describe(anec_kernel *k, char **out)
{
    const RunsAs *as = &k->program->as;
    Buf b = { 0 };
    buf_printf(&b, "backend=%s io=%s dialect=%s", program_backend(k->program)->name, as->io, as->dialect);
    if (as->cache) buf_printf(&b, " cache=%s", as->cache);
    if (as->why) buf_printf(&b, " (%s)", as->why);
    *out = b.s;
    atomic_store(&k->said_how, b.s); /* the one before stays: another thread may be reading it */
}

static bool make_kernel(anec_kernel *k, const char *function, Diag *d)
{
    Module *m = k->model->module;
    k->func = function ? module_func(m, function) : module_main(m);
    if (!k->func) return wrong(d, "the model has no function %s%s", function ? function : "at all", "");
    const size_t n = (size_t)k->func->body->nparam + 1;
    k->bound = calloc(n, sizeof *k->bound);
    k->own = calloc(n, sizeof *k->own);
    k->source = calloc(n, sizeof(anec_kernel *));
    if (!k->bound || !k->own || !k->source) return diag_fail(d, "no memory for a kernel");
    pthread_mutex_lock(&k->model->lock);
    k->program = program_new(k->model->device->backend, m, k->func, d);
    pthread_mutex_unlock(&k->model->lock);
    if (k->program) describe(k, &k->how);
    return k->program != NULL;
}

anec_status anec_compile(anec_model *model, const char *function, anec_kernel **out, anec_error *error)
{
    Diag d = { .quiet = true };
    anec_kernel *k = calloc(1, sizeof *k);
    *out = NULL;
    if (!k) return say(error, ANEC_WORLD, "no memory for a kernel");
    k->model = model;
    bool ok = make_kernel(k, function, &d);
    if (ok) *out = k;
    else anec_free(k);
    return conclude(&d, ok, error);
}

static void unload(anec_kernel *k)
{
    pthread_mutex_lock(&k->model->lock);
    program_free(k->program);
    pthread_mutex_unlock(&k->model->lock);
    k->program = NULL;
}

anec_status anec_unload(anec_kernel *k, anec_error *error)
{
    anec_status s = enter(k, false, error);
    if (s) return s;
    join(k);
    unload(k);
    leave(k, 0);
    return say(error, ANEC_OK, "");
}

void anec_free(anec_kernel *k)
{
    if (!k) return;
    join(k);
    unload(k);
    for (int i = 0; k->own && i < k->func->body->nparam; i++) tensor_free(&k->own[i]);
    free(k->bound);
    free(k->own);
    free(k->source);
    free(k->how);
    free(k->how_now);
    free(k);
}

const char *anec_how(const anec_kernel *k) { return atomic_load(&k->said_how); }

/* ---- ports ------------------------------------------------------------------------------------------------ */

static void tell_type(const Type *t, anec_tensor *out)
{
    *out = (anec_tensor){ .dtype = dtypes[t->dtype].name, .rank = t->shape.rank };
    for (int i = 0; i < t->shape.rank; i++) out->shape[i] = t->shape.dim[i];
    out->bytes = shape_known(&t->shape) ? type_bytes(t) : 0;
}

static void tell_tensor(const Tensor *t, anec_tensor *out)
{
    const Type type = { .kind = TY_TENSOR, .dtype = t->dtype, .shape = t->shape };
    tell_type(&type, out);
    out->data = t->data;
    out->bytes = t->bytes;
}

const char *anec_port(const anec_kernel *k, anec_kind kind, int i, anec_tensor *out)
{
    const Block *b = k->func->body;
    Value *const *v = kind == ANEC_RESULT ? b->result : b->param;
    const int n = kind == ANEC_RESULT ? b->nresult : b->nparam;
    for (int p = 0; p < n; p++) {
        if (kind != ANEC_RESULT && param_is_state(v[p]) != (kind == ANEC_STATE)) continue;
        if (i--) continue;
        tell_type(param_type(v[p]), out);
        return v[p]->name;
    }
    return NULL;
}

/* ---- binding ---------------------------------------------------------------------------------------------- */

static bool bind(anec_kernel *k, const char *input, const anec_tensor *t, Diag *d)
{
    const int p = param_of(k, input);
    const DType type = t->dtype ? dtype_find(t->dtype, strlen(t->dtype)) : DT_NONE;
    if (p < 0 || param_is_state(k->func->body->param[p]))
        return wrong(d, "%s has no input %s", k->func->name, input);
    if (type == DT_NONE || type == DT_STRING || t->rank < 0 || t->rank > ANEC_MAX_RANK)
        return wrong(d, "%s: there is no tensor of type %s and this rank", input, t->dtype ? t->dtype : "NULL");
    const Shape s = shape_of(t->rank, t->shape);
    size_t count;
    bool fits = shape_known(&s);
    for (int i = 0; i < t->rank; i++) fits = fits && t->shape[i] >= 0;
    fits = fits && shape_count(&s, &count) && count < SIZE_MAX / 8;
    if (!fits) return wrong(d, "%s: an extent is less than 0, or all are too large%s", input, "");
    const Tensor view = tensor_view(type, &s, t->data);
    if (view.bytes != t->bytes)
        return diag_error(d, (Loc){ 0 }, "%s: a tensor of this type and shape has %zu bytes, not %zu", input,
                          view.bytes, t->bytes);
    if (!t->data && t->bytes) return wrong(d, "%s: the tensor has no data%s", input, "");
    k->bound[p] = (Binding){ .name = k->func->body->param[p]->name, .value = view };
    return true;
}

anec_status anec_bind(anec_kernel *k, const char *input, const anec_tensor *tensor, anec_error *error)
{
    Diag d = { .quiet = true };
    anec_status s = enter(k, false, error);
    if (s) return s;
    bool ok = bind(k, input, tensor, &d);
    leave(k, 0);
    return conclude(&d, ok, error);
}

static bool own_buffer(anec_kernel *k, const char *input, anec_tensor *out, Diag *d)
{
    const int p = param_of(k, input);
    if (p < 0 || param_is_state(k->func->body->param[p]))
        return wrong(d, "%s has no input %s", k->func->name, input);
    const Type *t = k->func->body->param[p]->type;
    if (t->kind != TY_TENSOR || !shape_known(&t->shape))
        return wrong(d, "%s has no shape of its own: bind a tensor to it%s", input, "");
    if (!k->own[p].owned && !tensor_alloc(&k->own[p], d, t->dtype, &t->shape)) return false;
    k->bound[p] = (Binding){ .name = k->func->body->param[p]->name, .value = k->own[p] };
    k->bound[p].value.owned = false;
    tell_tensor(&k->own[p], out);
    return true;
}

anec_status anec_buffer(anec_kernel *k, const char *input, anec_tensor *out, anec_error *error)
{
    Diag d = { .quiet = true };
    anec_status s = enter(k, false, error);
    if (s) return s;
    bool ok = own_buffer(k, input, out, &d);
    leave(k, 0);
    return conclude(&d, ok, error);
}

anec_status anec_rewire(anec_kernel *to, const char *input, anec_kernel *from, const char *result,
                        anec_error *error)
{
    Diag d = { .quiet = true };
    anec_status s = enter(to, false, error);
    if (!s && from && from != to && (s = enter(from, false, error))) leave(to, 0);
    if (s) return s;
    bool ok = program_wire(to->program, input, from ? from->program : NULL, result, &d);
    const int p = param_of(to, input);
    if (ok && p >= 0) to->source[p] = from;
    if (from && from != to) leave(from, 0);
    leave(to, 0);
    return conclude(&d, ok, error);
}

/* ---- running ----------------------------------------------------------------------------------------------- */

static anec_status run(anec_kernel *k, anec_error *error)
{
    Diag d = { .quiet = true };
    const int n = k->func->body->nparam;
    Binding *in = calloc((size_t)n + 1, sizeof *in);
    int nin = 0;
    if (!in) return say(error, ANEC_WORLD, "no memory for a run");
    for (int i = 0; i < n; i++)
        if (k->bound[i].name) in[nin++] = k->bound[i];
    pthread_mutex_lock(&k->model->lock);
    bool ok = program_run(k->program, &d, in, nin, &(RunOptions){ 0 });
    if (!k->how_now && k->program->instead) describe(k, &k->how_now);
    pthread_mutex_unlock(&k->model->lock);
    free(in);
    return conclude(&d, ok, error);
}

anec_status anec_run(anec_kernel *k, anec_error *error)
{
    anec_status s = enter(k, true, error);
    if (s) return s;
    join(k);
    s = run(k, error);
    leave(k, k->func->body->nparam);
    return s;
}

static void *run_apart(void *kernel)
{
    anec_kernel *k = kernel;
    k->status = run(k, &k->error);
    leave(k, k->func->body->nparam);
    if (k->done) k->done(k->ctx, k->status, k->error.text);
    return NULL;
}

anec_status anec_run_async(anec_kernel *k, anec_done done, void *ctx, anec_error *error)
{
    anec_status s = enter(k, true, error);
    if (s) return s;
    join(k);
    k->done = done;
    k->ctx = ctx;
    k->started = !pthread_create(&k->thread, NULL, run_apart, k);
    if (k->started) return say(error, ANEC_OK, "");
    leave(k, k->func->body->nparam);
    return say(error, ANEC_WORLD, "no thread can be made");
}

anec_status anec_wait(anec_kernel *k, anec_error *error)
{
    if (!k->started) return say(error, ANEC_OK, "");
    join(k);
    return say(error, k->status, k->error.text);
}

/* ---- results ------------------------------------------------------------------------------------------------ */

static anec_status find(const Binding *b, int n, const char *name, const anec_kernel *k, const char *kind,
                        anec_tensor *out, Diag *d, anec_error *error)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(b[i].name, name)) {
            tell_tensor(&b[i].value, out);
            return conclude(d, true, error);
        }
    diag_error(d, (Loc){ 0 }, "%s has no %s %s", k->func->name, kind, name);
    return conclude(d, false, error);
}

anec_status anec_result(anec_kernel *k, const char *name, anec_tensor *out, anec_error *error)
{
    Diag d = { .quiet = true };
    const Binding *b;
    anec_status s = enter(k, false, error);
    if (s) return s;
    if (k->program->ran) {
        const int n = program_results(k->program, &b);
        s = find(b, n, name, k, "result", out, &d, error);
    } else s = say(error, ANEC_EMPTY, "there are no results of a run");
    leave(k, 0);
    return s;
}

anec_status anec_state(anec_kernel *k, const char *name, anec_tensor *out, anec_error *error)
{
    Diag d = { .quiet = true };
    Binding *b;
    anec_status s = enter(k, false, error);
    if (s) return s;
    const int n = program_states(k->program, &b);
    s = find(b, n, name, k, "state", out, &d, error);
    leave(k, 0);
    return s;
}

anec_status anec_reset(anec_kernel *k, anec_error *error)
{
    anec_status s = enter(k, false, error);
    if (s) return s;
    program_reset(k->program);
    leave(k, 0);
    return say(error, ANEC_OK, "");
}
