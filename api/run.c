/* run.c -- the public library: runs, what is seen of them, results and states. */
#include "api.h"
#include "report.h"

#include <stdlib.h>
#include <string.h>

/* ---- what a run shows ------------------------------------------------------------------------ */

const char *anec_value_name(const anec_value *value)
{
    return ((const Value *)value)->name;
}

const char *anec_value_op(const anec_value *value)
{
    const Op *def = ((const Value *)value)->def;
    return def ? def->name : NULL;
}

const char *anec_value_precision(const anec_value *value)
{
    return dtypes[report_precision((const Value *)value)].name;
}

void anec_value_where(const anec_value *value, char *out, size_t size)
{
    const Op *def = ((const Value *)value)->def;
    const Loc loc = def ? def->loc : (Loc){ 0 };
    int line, col;
    if (size) *out = 0;
    if (!loc.src || !loc.src->text) return;
    loc_line_col(loc, &line, &col);
    snprintf(out, size, "%s:%d:%d", loc.src->name, line, col);
}

const char *anec_statement_op(const anec_statement *statement)
{
    return ((const Op *)statement)->name;
}

const char *anec_statement_name(const anec_statement *statement)
{
    const Op *op = (const Op *)statement;
    return op->nout ? op->out[0]->name : op->name;
}

const anec_value *anec_result_value(const anec_kernel *kernel, int i)
{
    const Block *b = kernel->func->body;
    return i >= 0 && i < b->nresult ? (const anec_value *)b->result[i] : NULL;
}

static bool see_value(void *ctx, const Value *v, const Tensor *t)
{
    const anec_run_options *o = ctx;
    anec_tensor told;
    tell_tensor(t, &told);
    return !o->value(o->ctx, (const anec_value *)v, &told);
}

static void see_begin(void *ctx, const Op *op)
{
    const anec_run_options *o = ctx;
    o->begin(o->ctx, (const anec_statement *)op);
}

static void see_end(void *ctx, const Op *op, const Tensor *result)
{
    const anec_run_options *o = ctx;
    anec_tensor told;
    if (result) tell_tensor(result, &told);
    o->end(o->ctx, (const anec_statement *)op, result ? &told : NULL);
}

static void see_phase(void *ctx, const char *phase, bool begins)
{
    const anec_run_options *o = ctx;
    o->phase(o->ctx, phase, begins);
}

/* ---- running --------------------------------------------------------------------------------- */

/* What is bound, and instead of it what is given for this run. */
static bool gather(anec_kernel *k, const anec_input *input, int inputs, Binding *in, int *nin,
                   Diag *d)
{
    const int n = k->func->body->nparam;
    bool ok = true;
    for (int i = 0; i < n; i++) {
        bool given = !k->bound[i].name;
        for (int j = 0; j < inputs; j++)
            given |= !strcmp(input[j].name, k->func->body->param[i]->name);
        if (!given) in[(*nin)++] = k->bound[i];
    }
    for (int j = 0; j < inputs; j++) {
        Binding *b = &in[(*nin)++];
        *b = (Binding){ .name = input[j].name, .origin = input[j].origin };
        if (input[j].tensor) ok = view_tensor(d, b->name, input[j].tensor, true, &b->value) && ok;
    }
    return ok;
}

static anec_status run(anec_kernel *k, const anec_input *input, int inputs, const RunOptions *opt,
                       anec_error *error)
{
    ApiCall c;
    const size_t room = (size_t)k->func->body->nparam + (size_t)inputs + 1;
    Binding *in = calloc(room, sizeof *in);
    int nin = 0;
    if (!in) return say(error, ANEC_WORLD, "no memory for a run");
    call_start(&c, k->model->device->config);
    bool ok = gather(k, input, inputs, in, &nin, &c.d);
    if (ok) {
        pthread_mutex_lock(&k->model->lock);
        ok = program_run(k->program, &c.d, in, nin, opt);
        if (!k->how_now && k->program->instead) describe_kernel(k, &k->how_now);
        pthread_mutex_unlock(&k->model->lock);
    }
    free(in);
    return call_end(&c, ok, error);
}

anec_status anec_run_with(anec_kernel *k, const anec_input *input, int inputs,
                          const anec_run_options *options, anec_error *error)
{
    anec_run_options o = { 0 };
    if (options) memcpy(&o, options, options->size < sizeof o ? options->size : sizeof o);
    RunOptions opt = { .random_seed = o.seed, .max_steps = o.max_steps, .ctx = &o };
    if (o.value) opt.each = see_value;
    if (o.begin && o.end) {
        opt.begin = see_begin;
        opt.end = see_end;
    }
    if (o.phase) opt.phase = (PhaseHook){ see_phase, &o };
    anec_status s = enter(k, true, error);
    if (s) return s;
    join(k);
    s = run(k, input, inputs < 0 ? 0 : inputs, &opt, error);
    leave(k, k->func->body->nparam);
    return s;
}

void anec_macs(const anec_kernel *k, const anec_input *input, int inputs, anec_macs_info *out)
{
    const Block *b = k->func->body;
    const size_t size = out->size < sizeof *out ? out->size : sizeof *out;
    Arena a = { 0 };
    const Type **type = NEW_ARRAY(&a, b->nparam + 1, const Type *);
    Diag quiet = { .quiet = true };
    for (int i = 0; i < b->nparam; i++) {
        Tensor t = k->bound[i].value;
        bool have = k->bound[i].name != NULL;
        for (int j = 0; j < inputs; j++)
            if (input[j].tensor && !strcmp(b->param[i]->name, input[j].name))
                have = view_tensor(&quiet, input[j].name, input[j].tensor, true, &t);
        if (have && b->param[i]->type->kind == TY_TENSOR)
            type[i] = type_tensor(&a, t.dtype, t.shape);
    }
    pthread_mutex_lock(&k->model->lock); /* it marks values */
    const Macs m = func_macs(k->func, type);
    pthread_mutex_unlock(&k->model->lock);
    anec_macs_info r = { .size = size, .count = m.count, .blocks = m.blocks };
    if (m.open) r.open = anec_statement_name((const anec_statement *)m.open);
    memcpy(out, &r, size);
    diag_free(&quiet);
    arena_free(&a);
}

anec_status anec_run(anec_kernel *k, anec_error *error)
{
    return anec_run_with(k, NULL, 0, NULL, error);
}

static void *run_apart(void *kernel)
{
    anec_kernel *k = kernel;
    k->status = run(k, NULL, 0, &(RunOptions){ 0 }, &k->error);
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

/* ---- results --------------------------------------------------------------------------------- */

static Tensor *find(const Binding *b, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(b[i].name, name)) return (Tensor *)(uintptr_t)&b[i].value;
    return NULL;
}

static anec_status tell(const anec_kernel *k, const Tensor *t, const char *kind, const char *name,
                        anec_tensor *out, anec_error *error)
{
    ApiCall c;
    call_start(&c, k->model->device->config);
    if (t) tell_tensor(t, out);
    else diag_error(&c.d, (Loc){ 0 }, "%s has no %s %s", k->func->name, kind, name);
    return call_end(&c, t != NULL, error);
}

anec_status anec_result(anec_kernel *k, const char *name, anec_tensor *out, anec_error *error)
{
    const Binding *b;
    anec_status s = enter(k, false, error);
    if (s) return s;
    if (k->program->ran) {
        const int n = program_results(k->program, &b);
        s = tell(k, find(b, n, name), "result", name, out, error);
    } else s = say(error, ANEC_EMPTY, "there are no results of a run");
    leave(k, 0);
    return s;
}

anec_status anec_state(anec_kernel *k, const char *name, anec_tensor *out, anec_error *error)
{
    Binding *b;
    anec_status s = enter(k, false, error);
    if (s) return s;
    const int n = program_states(k->program, &b);
    s = tell(k, find(b, n, name), "state", name, out, error);
    leave(k, 0);
    return s;
}

static bool set_state(const anec_kernel *k, const char *name, const anec_tensor *tensor,
                      const char *origin, Diag *d)
{
    Binding *b;
    const int n = program_states(k->program, &b);
    Tensor from, *to = find(b, n, name);
    if (!to) return wrong(d, "%s has no state %s", k->func->name, name);
    if (!view_tensor(d, name, tensor, false, &from)) return false;
    if (from.dtype == to->dtype && shape_equal(&from.shape, &to->shape)) {
        if (to->bytes) memcpy(to->data, from.data, to->bytes);
        return true;
    }
    Arena a = { 0 };
    diag_error(d, (Loc){ 0 }, "state %s is %s %s, but %s holds %s %s", name, dtypes[to->dtype].name,
               shape_text(&a, &to->shape), origin ? origin : "the tensor given",
               dtypes[from.dtype].name, shape_text(&a, &from.shape));
    arena_free(&a);
    return false;
}

anec_status anec_set_state(anec_kernel *k, const char *name, const anec_tensor *tensor,
                           const char *origin, anec_error *error)
{
    ApiCall c;
    anec_status s = enter(k, false, error);
    if (s) return s;
    call_start(&c, k->model->device->config);
    bool ok = set_state(k, name, tensor, origin, &c.d);
    leave(k, 0);
    return call_end(&c, ok, error);
}

anec_status anec_reset(anec_kernel *k, anec_error *error)
{
    anec_status s = enter(k, false, error);
    if (s) return s;
    program_reset(k->program);
    leave(k, 0);
    return say(error, ANEC_OK, "");
}
