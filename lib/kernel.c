/* kernel.c -- the public library: kernels: compiling, binding, wiring, running. */
#include "library.h"

#include "../ir/ops/ops.h"

#include <stdlib.h>
#include <string.h>

/* ---- kernels: one thread at a time ------------------------------------------------------- */

int param_of(const anec_kernel *k, const char *name)
{
    int at = atomic_load(&k->asked); /* of several threads any one's is as good */
    const int p = param_find(k->func, name, &at);
    atomic_store(&((anec_kernel *)(uintptr_t)k)->asked, at);
    return p;
}

/* Those that feed the first n inputs, which are this thread's already, are given back. */
static void leave_some(anec_kernel *k, int n)
{
    for (int i = 0; i < n; i++) {
        anec_kernel *s = k->source[i];
        if (!s || s == k || atomic_load(&s->holder) != k) continue;
        atomic_store(&s->holder, NULL);
        s->busy = false;
    }
}

void leave(anec_kernel *k, bool sources)
{
    if (sources) leave_some(k, k->func->body->nparam);
    k->busy = false;
}

static anec_status kernel_entered(ApiCall *c, anec_kernel *k, anec_status status,
                                  const char *text)
{
    k->busy = false;
    return call_say(c, status, text);
}

/* A source that feeds two inputs is entered once. */
static const char *enter_sources(anec_kernel *k, anec_status *status)
{
    for (int i = 0; i < k->func->body->nparam; i++) {
        anec_kernel *s = k->source[i];
        if (!s || s == k || atomic_load(&s->holder) == k) continue;
        const bool busy = atomic_exchange(&s->busy, true);
        if (!busy && s->program) {
            atomic_store(&s->holder, k);
            continue;
        }
        if (!busy) s->busy = false;
        leave_some(k, i);
        *status = busy ? ANEC_BUSY : ANEC_UNLOADED;
        return busy ? "a kernel that this one is wired to is at work"
                    : "a kernel that this one is wired to is unloaded";
    }
    return NULL;
}

anec_status call_enter(ApiCall *c, anec_kernel *k, bool sources)
{
    anec_status status = ANEC_UNLOADED;
    if (atomic_exchange(&k->busy, true))
        return call_say(c, ANEC_BUSY, "the kernel is at work");
    if (k->given_up) return kernel_entered(c, k, status, "the kernel was freed");
    if (k->model->given_up)
        return kernel_entered(c, k, status, "the kernel's model was freed");
    if (k->model->device->given_up || k->device->given_up)
        return kernel_entered(c, k, status, "the kernel's device was closed");
    if (!k->program) return kernel_entered(c, k, status, "the kernel is unloaded");
    const char *why = sources ? enter_sources(k, &status) : NULL;
    if (why) return kernel_entered(c, k, status, why);
    c->kernel[c->kernel[0] != NULL] = k;
    c->sources |= sources;
    return ANEC_OK;
}

void join(anec_kernel *k)
{
    if (k->started) pthread_join(k->thread, NULL);
    k->started = false;
}

/* ---- compiling --------------------------------------------------------------------------- */

static void set_facts(anec_kernel *k, const RunsAs *as, const Backend *by)
{
    pthread_mutex_lock(&k->facts_lock);
    k->as = *as;
    k->by = by;
    pthread_mutex_unlock(&k->facts_lock);
}

void describe_kernel(anec_kernel *k, char **out)
{
    const RunsAs *as = &k->program->as;
    set_facts(k, as, program_backend(k->program));
    Buf b = { 0 };
    buf_printf(&b, "backend=%s io=%s dialect=%s", program_backend(k->program)->name,
               as->io, as->dialect);
    if (as->cache) buf_printf(&b, " cache=%s", as->cache);
    if (as->why) buf_printf(&b, " (%s)", as->why);
    *out = b.s;
    /* the one before stays: another thread may be reading it */
    atomic_store(&k->said_how, b.s);
}

/* Where the ports of each kind are, in order. */
static void list_ports(anec_kernel *k)
{
    const Block *b = k->func->body;
    const int count[] = {
        [ANEC_INPUT] = b->nparam, [ANEC_STATE] = b->nparam, [ANEC_RESULT] = b->nresult
    };
    for (size_t i = 0; i < COUNT(count); i++) {
        k->port[i] = mem_zero((size_t)count[i] + 1, sizeof(int));
        if (!k->port[i]) mem_out(((size_t)count[i] + 1) * sizeof(int));
    }
    for (int i = 0; i < b->nparam; i++) {
        const anec_kind kind = param_is_kept(k->func, b->param[i]) ? ANEC_STATE
                                                                   : ANEC_INPUT;
        k->port[kind][k->nport[kind]++] = i;
    }
    for (int i = 0; i < b->nresult; i++)
        k->port[ANEC_RESULT][k->nport[ANEC_RESULT]++] = i;
}

static bool make_kernel(anec_kernel *k, const char *function, ApiCall *c)
{
    const Module *m = k->model->m.module;
    k->func = function ? module_func(m, function) : module_main(m);
    if (!k->func)
        return wrong(&c->d, "the model has no function %s%s",
                     function ? function : "at all", "");
    const size_t n = (size_t)k->func->body->nparam + 1;
    k->bound = mem_zero(n, sizeof *k->bound);
    k->own = mem_zero(n, sizeof *k->own);
    k->source = mem_zero(n, sizeof(anec_kernel *));
    if (!k->bound || !k->own || !k->source) mem_out(n * sizeof *k->bound);
    list_ports(k);
    k->program = program_new(k->device->backend, m, k->func, &c->d);
    if (k->program) describe_kernel(k, &k->how);
    return k->program != NULL;
}

anec_status anec_compile(anec_model *model, const char *function, anec_kernel **out,
                         anec_error *error)
{
    GIVEN(model);
    return anec_compile_on(model, model->device, function, out, error);
}

/* The kernel holds its model and its device, which hold it up no longer than it lives. */
static anec_kernel *kernel_new(anec_model *model, anec_device *device)
{
    anec_kernel *k = mem_zero(1, sizeof *k);
    if (!k) mem_out(sizeof *k);
    k->model = model;
    k->device = device;
    k->refs = 1;
    pthread_mutex_init(&k->facts_lock, NULL);
    return k;
}

/* The same; emit, if it is not NULL, hears what is wrong in the caller's place. */
static anec_status kernel_compile(anec_model *model, anec_device *device,
                                  const char *function, CallTrial *emit, void *ctx,
                                  anec_kernel **out, anec_error *error)
{
    ApiCall c;
    if (call_start(&c, model->device->config, error)) return call_status(&c);
    anec_kernel *k = kernel_new(model, device);
    if (emit) call_hear(&c, emit, ctx);
    const bool ok = make_kernel(k, function, &c);
    const anec_status s = call_end(&c, ok);
    model->refs++;
    device->refs++;
    if (ok) *out = k;
    else kernel_release(k);
    return s;
}

anec_status kernel_try(anec_model *model, const char *function, CallTrial *emit,
                       void *ctx, anec_kernel **out, anec_error *error)
{
    return kernel_compile(model, model->device, function, emit, ctx, out, error);
}

anec_status anec_compile_on(anec_model *model, anec_device *device, const char *function,
                            anec_kernel **out, anec_error *error)
{
    GIVEN(out);
    *out = NULL;
    GIVEN(model);
    GIVEN(device);
    if (model->given_up) return say(error, ANEC_WRONG, "the model was freed");
    if (device->given_up || model->device->given_up)
        return say(error, ANEC_WRONG, "the device was closed");
    return kernel_compile(model, device, function, NULL, NULL, out, error);
}

/* The backends know a model's program again, so that it is compiled no second time. */
anec_status anec_instance(anec_kernel *kernel, anec_kernel **out, anec_error *error)
{
    ApiCall c;
    GIVEN(out);
    *out = NULL;
    GIVEN(kernel);
    ENTER(&c, kernel, false, error);
    const anec_status s = call_end(&c, true);
    return s ? s
             : anec_compile_on(kernel->model, kernel->device, kernel->func->name, out,
                               error);
}

static void kernel_unload(anec_kernel *k)
{
    Program *p = k->program;
    k->program = NULL; /* whatever becomes of it */
    set_facts(k, &(RunsAs){ 0 }, NULL);
    program_free(p);
}

anec_status anec_unload(anec_kernel *kernel, anec_error *error)
{
    ApiCall c;
    GIVEN(kernel);
    ENTER(&c, kernel, false, error);
    join(kernel);
    kernel_unload(kernel);
    return call_end(&c, true);
}

/* The inputs from `first` on are wired to nothing any more. */
static void cut_wires(anec_kernel *k)
{
    for (int i = 0; k->source && i < k->func->body->nparam; i++) {
        anec_kernel *s = k->source[i];
        k->source[i] = NULL;
        if (s && s != k) kernel_release(s);
    }
}

void kernel_release(anec_kernel *k)
{
    if (--k->refs) return;
    for (int i = 0; k->own && i < k->func->body->nparam; i++) tensor_free(&k->own[i]);
    mem_free(k->bound);
    mem_free(k->own);
    mem_free(k->source);
    for (size_t i = 0; i < COUNT(k->port); i++) mem_free(k->port[i]);
    mem_free(k->how);
    mem_free(k->how_now);
    pthread_mutex_destroy(&k->facts_lock);
    device_release(k->device);
    model_release(k->model);
    mem_free(k);
}

/* One that feeds others stays as an empty shell, which tells them that it is gone. */
void anec_free(anec_kernel *k)
{
    ApiCall c;
    if (!k || atomic_exchange(&k->given_up, true)) return;
    join(k);
    if (!call_start(&c, k->model->device->config, NULL)) {
        kernel_unload(k);
        call_end(&c, true);
    }
    cut_wires(k);
    kernel_release(k);
}

const char *anec_how(const anec_kernel *k)
{
    return k ? atomic_load(&k->said_how) : NULL;
}

const char *anec_fact(const anec_kernel *k, const char *part)
{
    if (!k || !part) return NULL;
    /* A run that fails on the engine changes what there is to say. */
    pthread_mutex_t *const lock = (pthread_mutex_t *)(uintptr_t)&k->facts_lock;
    pthread_mutex_lock(lock);
    const RunsAs as = k->as;
    const Backend *b = k->by;
    pthread_mutex_unlock(lock);
    const struct {
        const char *part, *text;
    } facts[] = {
        { "backend", b ? b->name : NULL },
        { "what", b ? b->doc : NULL },
        { "io", as.io },
        { "dialect", as.dialect },
        { "cache", as.cache },
        { "why", as.why },
        { "function", k->func->name },
        { "precision", as.precision },
        { "target", k->model->target },
    };
    for (size_t i = 0; i < COUNT(facts); i++)
        if (!strcmp(facts[i].part, part)) return facts[i].text;
    return NULL;
}

/* ---- ports ------------------------------------------------------------------------------- */

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

/* The vector of its values. */
static void tell_dictionary(const Value *v, anec_tensor *out)
{
    const Value *p = v->def && op_chooses(v->def) ? op_value(v->def, P_classes) : NULL;
    *out =
        (anec_tensor){ .dtype = dtypes[DT_FP64].name, .rank = 1, .shape = { DIM_ANY } };
    if (!p || p->type->kind != TY_LIST || p->type->length < 0) return;
    out->shape[0] = p->type->length;
    out->bytes = (size_t)p->type->length * sizeof(double);
}

const char *anec_port(const anec_kernel *k, anec_kind kind, int i, anec_tensor *out)
{
    if (!k || !out || i < 0) return NULL;
    const Block *b = k->func->body;
    if ((size_t)kind >= COUNT(k->port) || i >= k->nport[kind]) return NULL;
    const int at = k->port[kind][i];
    const Value *v = kind == ANEC_RESULT ? b->result[at] : b->param[at];
    tell_type(param_type(v), out);
    if (v->type->kind == TY_DICT) tell_dictionary(v, out);
    return v->name;
}

/* ---- binding ----------------------------------------------------------------------------- */

bool view_tensor(Diag *d, const char *name, const anec_tensor *t, bool strings,
                 Tensor *out)
{
    const DType type = t->dtype ? dtype_find(t->dtype, strlen(t->dtype)) : DT_NONE;
    if (type == DT_NONE || (type == DT_STRING && !strings) || t->rank < 0
        || t->rank > ANEC_MAX_RANK)
        return wrong(d, "%s: there is no tensor of type %s and this rank", name,
                     t->dtype ? t->dtype : "NULL");
    const Shape s = shape_of(t->rank, t->shape);
    size_t count;
    bool fits = shape_known(&s);
    for (int i = 0; i < t->rank; i++) fits = fits && t->shape[i] >= 0;
    fits = fits && shape_count(&s, &count) && count < SIZE_MAX / 8;
    if (!fits)
        return wrong(d, "%s: a dimension is less than 0, or all are too large%s", name,
                     "");
    *out = tensor_view(type, &s, t->data);
    if (type == DT_STRING) out->bytes = out->count * sizeof(char *);
    if (out->bytes != t->bytes)
        return diag_error(d, (Loc){ 0 },
                          "%s: a tensor of this type and shape has %zu bytes, not %zu",
                          name, out->bytes, t->bytes);
    return (t->data || !t->bytes) || wrong(d, "%s: the tensor has no data%s", name, "");
}

static bool kernel_bind(anec_kernel *k, const char *input, const anec_tensor *t, Diag *d)
{
    const int p = param_of(k, input);
    Tensor view;
    if (p < 0 || param_is_kept(k->func, k->func->body->param[p]))
        return wrong(d, "%s has no input %s", k->func->name, input);
    if (!view_tensor(d, input, t, false, &view)) return false;
    k->bound[p] = (Binding){ .name = k->func->body->param[p]->name, .value = view };
    return true;
}

anec_status anec_bind(anec_kernel *kernel, const char *input, const anec_tensor *tensor,
                      anec_error *error)
{
    ApiCall c;
    GIVEN(kernel);
    GIVEN(input);
    GIVEN(tensor);
    ENTER(&c, kernel, false, error);
    return call_end(&c, kernel_bind(kernel, input, tensor, &c.d));
}

static bool own_buffer(anec_kernel *k, const char *input, anec_tensor *out, Diag *d)
{
    const int p = param_of(k, input);
    if (p < 0 || param_is_kept(k->func, k->func->body->param[p]))
        return wrong(d, "%s has no input %s", k->func->name, input);
    const Type *t = k->func->body->param[p]->type;
    if (t->kind != TY_TENSOR || !shape_known(&t->shape))
        return wrong(d, "%s has no shape of its own: bind a tensor to it%s", input, "");
    if (!k->own[p].owned && !tensor_alloc(&k->own[p], d, t->dtype, &t->shape))
        return false;
    k->bound[p] = (Binding){ .name = k->func->body->param[p]->name, .value = k->own[p] };
    k->bound[p].value.owned = false;
    tell_tensor(&k->own[p], out);
    return true;
}

anec_status anec_buffer(anec_kernel *kernel, const char *input, anec_tensor *out,
                        anec_error *error)
{
    ApiCall c;
    GIVEN(kernel);
    GIVEN(input);
    GIVEN(out);
    ENTER(&c, kernel, false, error);
    return call_end(&c, own_buffer(kernel, input, out, &c.d));
}

/* The input's source from now on, or none. */
static void set_source(anec_kernel *to, const char *input, anec_kernel *from)
{
    const int p = param_of(to, input);
    anec_kernel *before = to->source[p];
    to->source[p] = from;
    if (from && from != to) from->refs++;
    if (before && before != to) kernel_release(before);
}

anec_status anec_rewire(anec_kernel *to, const char *input, anec_kernel *from,
                        const char *result, anec_error *error)
{
    ApiCall c;
    GIVEN(to);
    GIVEN(input);
    if (from) GIVEN(result);
    ENTER(&c, to, false, error);
    anec_status s = from && from != to ? call_enter(&c, from, false) : ANEC_OK;
    if (s) return s;
    const bool ok = program_wire(to->program, input, from ? from->program : NULL, result,
                                 &c.d);
    s = call_end(&c, ok);
    if (ok) set_source(to, input, from);
    return s;
}
