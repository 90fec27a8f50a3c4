/* kernel.c -- the public library: functions that are compiled, bound and run. */
#include "api.h"

#include <stdlib.h>
#include <string.h>

/* ---- kernels: one thread at a time ----------------------------------------------------------- */

int param_of(const anec_kernel *k, const char *name)
{
    for (int i = 0; i < k->func->body->nparam; i++)
        if (!strcmp(k->func->body->param[i]->name, name)) return i;
    return -1;
}

void leave(anec_kernel *k, int wires)
{
    for (int i = 0; i < wires; i++)
        if (k->source[i] && k->source[i] != k) k->source[i]->busy = false;
    k->busy = false;
}

/* A source that feeds two inputs is entered once. */
anec_status enter(anec_kernel *k, bool sources, anec_error *error)
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

void join(anec_kernel *k)
{
    if (k->started) pthread_join(k->thread, NULL);
    k->started = false;
}

/* ---- compiling ------------------------------------------------------------------------------- */

void describe_kernel(anec_kernel *k, char **out)
{
    const RunsAs *as = &k->program->as;
    Buf b = { 0 };
    buf_printf(&b, "backend=%s io=%s dialect=%s", program_backend(k->program)->name, as->io, as->dialect);
    if (as->cache) buf_printf(&b, " cache=%s", as->cache);
    if (as->why) buf_printf(&b, " (%s)", as->why);
    *out = b.s;
    atomic_store(&k->said_how, b.s); /* the one before stays: another thread may be reading it */
}

static bool make_kernel(anec_kernel *k, const anec_device *device, const char *function, Diag *d)
{
    Module *m = k->model->m.module;
    k->func = function ? module_func(m, function) : module_main(m);
    if (!k->func) return wrong(d, "the model has no function %s%s", function ? function : "at all", "");
    const size_t n = (size_t)k->func->body->nparam + 1;
    k->bound = calloc(n, sizeof *k->bound);
    k->own = calloc(n, sizeof *k->own);
    k->source = calloc(n, sizeof(anec_kernel *));
    if (!k->bound || !k->own || !k->source) return diag_fail(d, "no memory for a kernel");
    pthread_mutex_lock(&k->model->lock);
    k->program = program_new(device->backend, m, k->func, d);
    pthread_mutex_unlock(&k->model->lock);
    if (k->program) describe_kernel(k, &k->how);
    return k->program != NULL;
}

anec_status anec_compile(anec_model *model, const char *function, anec_kernel **out, anec_error *error)
{
    return anec_compile_on(model, model->device, function, out, error);
}

anec_status anec_compile_on(anec_model *model, anec_device *device, const char *function, anec_kernel **out,
                            anec_error *error)
{
    ApiCall c;
    anec_kernel *k = calloc(1, sizeof *k);
    *out = NULL;
    if (!k) return say(error, ANEC_WORLD, "no memory for a kernel");
    k->model = model;
    call_start(&c, model->device->config);
    bool ok = make_kernel(k, device, function, &c.d);
    if (ok) *out = k;
    else anec_free(k);
    return call_end(&c, ok, error);
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

const char *anec_fact(const anec_kernel *k, const char *part)
{
    pthread_mutex_lock(&k->model->lock); /* a run that fails on the engine changes what there is to say */
    const RunsAs as = k->program ? k->program->as : (RunsAs){ 0 };
    const Backend *b = k->program ? program_backend(k->program) : NULL;
    pthread_mutex_unlock(&k->model->lock);
    const struct {
        const char *part, *text;
    } facts[] = {
        { "backend", b ? b->name : NULL }, { "what", b ? b->doc : NULL },
        { "io", as.io },                   { "dialect", as.dialect },
        { "cache", as.cache },             { "why", as.why },
        { "function", k->func->name },    { "precision", as.precision },
        { "target", k->model->target },
    };
    for (size_t i = 0; i < COUNT(facts); i++)
        if (!strcmp(facts[i].part, part)) return facts[i].text;
    return NULL;
}

/* ---- ports ----------------------------------------------------------------------------------- */

void tell_type(const Type *t, anec_tensor *out)
{
    *out = (anec_tensor){ .dtype = dtypes[t->dtype].name, .rank = t->shape.rank };
    for (int i = 0; i < t->shape.rank; i++) out->shape[i] = t->shape.dim[i];
    out->bytes = shape_known(&t->shape) ? type_bytes(t) : 0;
}

/* A list is what anec_tensor_save knows: `data` is the Tensor. */
void tell_tensor(const Tensor *t, anec_tensor *out)
{
    const Type type = { .kind = TY_TENSOR, .dtype = t->dtype, .shape = t->shape };
    if (t->is_list) {
        *out = (anec_tensor){ .dtype = "list", .rank = 1, .shape = { t->nitem } };
        out->data = (void *)(uintptr_t)t;
        return;
    }
    tell_type(&type, out);
    out->data = t->data;
    out->bytes = t->dtype == DT_STRING ? t->count * sizeof(char *) : t->bytes;
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

/* ---- binding --------------------------------------------------------------------------------- */

bool view_tensor(Diag *d, const char *name, const anec_tensor *t, bool strings, Tensor *out)
{
    const DType type = t->dtype ? dtype_find(t->dtype, strlen(t->dtype)) : DT_NONE;
    if (type == DT_NONE || (type == DT_STRING && !strings) || t->rank < 0 || t->rank > ANEC_MAX_RANK)
        return wrong(d, "%s: there is no tensor of type %s and this rank", name, t->dtype ? t->dtype : "NULL");
    const Shape s = shape_of(t->rank, t->shape);
    size_t count;
    bool fits = shape_known(&s);
    for (int i = 0; i < t->rank; i++) fits = fits && t->shape[i] >= 0;
    fits = fits && shape_count(&s, &count) && count < SIZE_MAX / 8;
    if (!fits) return wrong(d, "%s: an extent is less than 0, or all are too large%s", name, "");
    *out = tensor_view(type, &s, t->data);
    if (type == DT_STRING) out->bytes = out->count * sizeof(char *);
    if (out->bytes != t->bytes)
        return diag_error(d, (Loc){ 0 }, "%s: a tensor of this type and shape has %zu bytes, not %zu", name,
                          out->bytes, t->bytes);
    return (t->data || !t->bytes) || wrong(d, "%s: the tensor has no data%s", name, "");
}

static bool bind(anec_kernel *k, const char *input, const anec_tensor *t, Diag *d)
{
    const int p = param_of(k, input);
    Tensor view;
    if (p < 0 || param_is_state(k->func->body->param[p]))
        return wrong(d, "%s has no input %s", k->func->name, input);
    if (!view_tensor(d, input, t, false, &view)) return false;
    k->bound[p] = (Binding){ .name = k->func->body->param[p]->name, .value = view };
    return true;
}

anec_status anec_bind(anec_kernel *k, const char *input, const anec_tensor *tensor, anec_error *error)
{
    ApiCall c;
    anec_status s = enter(k, false, error);
    if (s) return s;
    call_start(&c, k->model->device->config);
    bool ok = bind(k, input, tensor, &c.d);
    leave(k, 0);
    return call_end(&c, ok, error);
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
    ApiCall c;
    anec_status s = enter(k, false, error);
    if (s) return s;
    call_start(&c, k->model->device->config);
    bool ok = own_buffer(k, input, out, &c.d);
    leave(k, 0);
    return call_end(&c, ok, error);
}

anec_status anec_rewire(anec_kernel *to, const char *input, anec_kernel *from, const char *result,
                        anec_error *error)
{
    ApiCall c;
    anec_status s = enter(to, false, error);
    if (!s && from && from != to && (s = enter(from, false, error))) leave(to, 0);
    if (s) return s;
    call_start(&c, to->model->device->config);
    bool ok = program_wire(to->program, input, from ? from->program : NULL, result, &c.d);
    const int p = param_of(to, input);
    if (ok && p >= 0) to->source[p] = from;
    if (from && from != to) leave(from, 0);
    leave(to, 0);
    return call_end(&c, ok, error);
}
