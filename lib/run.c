/* run.c -- the public library: runs and their callbacks, results and states. */
#include "library.h"
#include "report.h"

#include <stdlib.h>
#include <string.h>

/* ---- what a run shows -------------------------------------------------------------------- */

const char *anec_value_name(const anec_value *value)
{
    return value ? ((const Value *)value)->name : NULL;
}

const char *anec_value_op(const anec_value *value)
{
    const Op *def = value ? ((const Value *)value)->def : NULL;
    return def ? op_name(def) : NULL;
}

const char *anec_value_precision(const anec_value *value)
{
    return value ? dtypes[report_precision((const Value *)value)].name : NULL;
}

void anec_value_where(const anec_value *value, char *out, size_t size)
{
    const Op *def = value ? ((const Value *)value)->def : NULL;
    const Loc loc = def ? op_loc(def) : (Loc){ 0 };
    int line, col;
    if (!out || !size) return;
    *out = 0;
    if (!loc.src || !loc.src->text) return;
    loc_line_col(loc, &line, &col);
    snprintf(out, size, "%s:%d:%d", loc.src->name, line, col);
}

const char *anec_op_type(const anec_op *op)
{
    return op ? op_name((const Op *)op) : NULL;
}

const char *anec_op_name(const anec_op *op)
{
    const Op *o = (const Op *)op;
    if (!o) return NULL;
    return o->nout ? o->out[0]->name : op_name(o);
}

const anec_value *anec_result_value(const anec_kernel *kernel, int i)
{
    const Block *b = kernel ? kernel->func->body : NULL;
    return b && i >= 0 && i < b->nresult ? (const anec_value *)b->result[i] : NULL;
}

static bool see_value(void *ctx, const Value *v, const Tensor *t)
{
    const anec_run_options *o = ctx;
    anec_tensor told;
    tell_tensor(t, &told);
    Guard *g = guard_pause();
    const bool goes_on = !o->value(o->ctx, (const anec_value *)v, &told);
    guard_resume(g);
    return goes_on;
}

static void see_begin(void *ctx, const Op *op)
{
    const anec_run_options *o = ctx;
    Guard *g = guard_pause();
    o->begin(o->ctx, (const anec_op *)op);
    guard_resume(g);
}

static void see_end(void *ctx, const Op *op, const Tensor *result)
{
    const anec_run_options *o = ctx;
    anec_tensor told;
    if (result) tell_tensor(result, &told);
    Guard *g = guard_pause();
    o->end(o->ctx, (const anec_op *)op, result ? &told : NULL);
    guard_resume(g);
}

static void see_step(void *ctx, const TimedStep *t)
{
    const anec_run_options *o = ctx;
    const PlanStep *s = t->step;
    const anec_timed_step told = { .number = t->number,
                                   .how = s->how,
                                   .result = s->name,
                                   .operations = s->ops,
                                   .bytes = s->bytes,
                                   .weights = s->weights,
                                   .flop = s->flop,
                                   .least = s->least,
                                   .begun = t->begun,
                                   .ended = t->ended };
    Guard *g = guard_pause();
    o->step(o->ctx, &told);
    guard_resume(g);
}

static void see_phase(void *ctx, const char *phase, bool begins)
{
    const anec_run_options *o = ctx;
    Guard *g = guard_pause();
    o->phase(o->ctx, phase, begins);
    guard_resume(g);
}

/* ---- running ----------------------------------------------------------------------------- */

/* What is given for this run, under the parameters' own names, which no more need be compared;
 * and what is bound. */
static bool kernel_gather(anec_kernel *k, const anec_input *input, int inputs,
                          Binding *in, int *nin, Diag *d)
{
    const Block *b = k->func->body;
    bool ok = true;
    Arena scratch = { 0 };
    bool *given = NEW_ARRAY(&scratch, b->nparam + 1, bool);
    for (int j = 0; j < inputs; j++) {
        Binding *to = &in[(*nin)++];
        const int p = param_of(k, input[j].name);
        *to = (Binding){ .name = input[j].name, .origin = input[j].origin };
        if (p >= 0) {
            given[p] = true;
            to->name = b->param[p]->name;
        }
        if (input[j].tensor)
            ok = view_tensor(d, to->name, input[j].tensor, true, &to->value) && ok;
    }
    for (int i = 0; i < b->nparam; i++)
        if (k->bound[i].name && !given[i]) in[(*nin)++] = k->bound[i];
    arena_free(&scratch);
    return ok;
}

/* Of an entered kernel; ends the call. */
static anec_status kernel_run(ApiCall *c, anec_kernel *k, const anec_input *input,
                              int inputs, const RunOptions *opt)
{
    const size_t room = (size_t)k->func->body->nparam + (size_t)inputs + 1;
    Binding *in = mem_zero(room, sizeof *in);
    int nin = 0;
    if (!in) mem_out(room * sizeof *in);
    bool ok = kernel_gather(k, input, inputs, in, &nin, &c->d);
    if (ok) {
        ok = program_run(k->program, &c->d, in, nin, opt);
        if (!k->how_now && k->program->instead) describe_kernel(k, &k->how_now);
    }
    mem_free(in);
    return call_end(c, ok);
}

static bool inputs_given(const anec_input *input, int inputs)
{
    bool ok = !inputs || input;
    for (int i = 0; ok && i < inputs; i++) ok = input[i].name != NULL;
    return ok;
}

anec_status anec_run_with(anec_kernel *kernel, const anec_input *input, int inputs,
                          const anec_run_options *options, anec_error *error)
{
    ApiCall c;
    anec_run_options o = { 0 };
    GIVEN(kernel);
    const int n = inputs < 0 ? 0 : inputs;
    if (!inputs_given(input, n))
        return say(error, ANEC_WRONG, "an input or its name is NULL");
    if (options) memcpy(&o, options, options->size < sizeof o ? options->size : sizeof o);
    RunOptions opt = { .random_seed = o.seed,
                       .max_steps = o.max_steps,
                       .threads = o.threads,
                       .lean = o.lean != 0,
                       .exact = o.exact != 0,
                       .ctx = &o };
    if (o.value) opt.each = see_value;
    if (o.begin && o.end) {
        opt.begin = see_begin;
        opt.end = see_end;
    }
    if (o.step) opt.step = see_step;
    if (o.phase) opt.phase = (PhaseHook){ see_phase, &o };
    ENTER(&c, kernel, true, error);
    join(kernel);
    return kernel_run(&c, kernel, input, n, &opt);
}

/* The types that the inputs have, in the arena. */
static const Type **types_of(const anec_kernel *k, const anec_input *input, int inputs,
                             Arena *a)
{
    const Block *b = k->func->body;
    const Type **type = NEW_ARRAY(a, b->nparam + 1, const Type *);
    Diag quiet = { .quiet = true };
    for (int i = 0; i < b->nparam; i++) {
        const Tensor *t = &k->bound[i].value;
        if (k->bound[i].name && b->param[i]->type->kind == TY_TENSOR)
            type[i] = type_tensor(a, t->dtype, t->shape);
    }
    for (int j = 0; j < inputs; j++) {
        const int p = input[j].tensor ? param_of(k, input[j].name) : -1;
        Tensor t;
        if (p < 0 || b->param[p]->type->kind != TY_TENSOR) continue;
        const bool have = view_tensor(&quiet, input[j].name, input[j].tensor, true, &t);
        type[p] = have ? type_tensor(a, t.dtype, t.shape) : NULL;
    }
    diag_free(&quiet);
    return type;
}

void anec_macs(const anec_kernel *kernel, const anec_input *input, int inputs,
               anec_macs_info *out)
{
    ApiCall c;
    Arena a = { 0 };
    if (!out) return;
    anec_macs_info r = { .size = out->size < sizeof *out ? out->size : sizeof *out };
    memcpy(out, &r, r.size);
    if (!kernel || inputs < 0 || !inputs_given(input, inputs)) return;
    if (call_start(&c, kernel->model->device->config, NULL)) return;
    const Type **type = types_of(kernel, input, inputs, &a);
    const Macs m = func_macs(kernel->func, type);
    arena_free(&a);
    call_end(&c, true);
    r.count = m.count;
    r.blocks = m.blocks;
    if (m.open) r.open = anec_op_name((const anec_op *)m.open);
    memcpy(out, &r, r.size);
}

anec_status anec_run(anec_kernel *k, anec_error *error)
{
    return anec_run_with(k, NULL, 0, NULL, error);
}

/* The kernel was entered by the call that made the thread; the run's own call leaves it. */
static void *run_apart(void *kernel)
{
    anec_kernel *k = kernel;
    ApiCall c;
    call_begin(&c, k->model->device->config, &k->error);
    c.kernel[0] = k;
    c.sources = true;
    if (_setjmp(c.guard.back) && call_lost(&c)) k->status = call_status(&c);
    else k->status = kernel_run(&c, k, NULL, 0, &(RunOptions){ 0 });
    if (k->done) k->done(k->ctx, k->status, k->error.text);
    return NULL;
}

anec_status anec_run_async(anec_kernel *kernel, anec_done done, void *ctx,
                           anec_error *error)
{
    ApiCall c;
    GIVEN(kernel);
    ENTER(&c, kernel, true, error);
    join(kernel);
    kernel->done = done;
    kernel->ctx = ctx;
    kernel->started = !pthread_create(&kernel->thread, NULL, run_apart, kernel);
    if (!kernel->started) return call_say(&c, ANEC_WORLD, "no thread can be made");
    c.kernel[0] = NULL; /* the thread's now */
    return call_end(&c, true);
}

anec_status anec_wait(anec_kernel *kernel, anec_error *error)
{
    GIVEN(kernel);
    if (!kernel->started) return say(error, ANEC_OK, "");
    join(kernel);
    return say(error, kernel->status, kernel->error.text);
}

/* ---- results ----------------------------------------------------------------------------- */

/* The search begins behind the last one's find: whoever asks in order pays one comparison
 * each. */
static Tensor *kernel_find(anec_kernel *k, const Binding *b, int n, const char *name)
{
    for (int i = 0, at = k->found; i < n; i++, at++) {
        if (at >= n) at = 0;
        if (strcmp(b[at].name, name) != 0) continue;
        k->found = at + 1;
        return (Tensor *)(uintptr_t)&b[at].value;
    }
    return NULL;
}

/* Ends the call. */
static anec_status kernel_tell(ApiCall *c, const anec_kernel *k, const Tensor *t,
                               const char *kind, const char *name, anec_tensor *out)
{
    if (t) tell_tensor(t, out);
    else diag_error(&c->d, (Loc){ 0 }, "%s has no %s %s", k->func->name, kind, name);
    return call_end(c, t != NULL);
}

anec_status anec_result(anec_kernel *kernel, const char *name, anec_tensor *out,
                        anec_error *error)
{
    ApiCall c;
    const Binding *b;
    GIVEN(kernel);
    GIVEN(name);
    GIVEN(out);
    ENTER(&c, kernel, false, error);
    if (!kernel->program->ran)
        return call_say(&c, ANEC_EMPTY, "there are no results of a run");
    const int n = program_results(kernel->program, &b);
    return kernel_tell(&c, kernel, kernel_find(kernel, b, n, name), "result", name, out);
}

anec_status anec_state(anec_kernel *kernel, const char *name, anec_tensor *out,
                       anec_error *error)
{
    ApiCall c;
    Binding *b;
    GIVEN(kernel);
    GIVEN(name);
    GIVEN(out);
    ENTER(&c, kernel, false, error);
    const int n = program_states(kernel->program, &b);
    return kernel_tell(&c, kernel, kernel_find(kernel, b, n, name), "state", name, out);
}

static bool set_state(anec_kernel *k, const char *name, const anec_tensor *tensor,
                      const char *origin, Diag *d)
{
    Binding *b;
    const int n = program_states(k->program, &b);
    Tensor from, *to = kernel_find(k, b, n, name);
    if (!to) return wrong(d, "%s has no state %s", k->func->name, name);
    if (!view_tensor(d, name, tensor, false, &from)) return false;
    if (from.dtype == to->dtype && shape_equal(&from.shape, &to->shape)) {
        if (to->bytes) memcpy(to->data, from.data, to->bytes);
        return true;
    }
    Arena a = { 0 };
    diag_error(d, (Loc){ 0 }, "state %s is %s %s, but %s holds %s %s", name,
               dtypes[to->dtype].name, shape_text(&a, &to->shape),
               origin ? origin : "the tensor given", dtypes[from.dtype].name,
               shape_text(&a, &from.shape));
    arena_free(&a);
    return false;
}

anec_status anec_set_state(anec_kernel *kernel, const char *name,
                           const anec_tensor *tensor, const char *origin,
                           anec_error *error)
{
    ApiCall c;
    GIVEN(kernel);
    GIVEN(name);
    GIVEN(tensor);
    ENTER(&c, kernel, false, error);
    return call_end(&c, set_state(kernel, name, tensor, origin, &c.d));
}

anec_status anec_reset(anec_kernel *kernel, anec_error *error)
{
    ApiCall c;
    GIVEN(kernel);
    ENTER(&c, kernel, false, error);
    program_reset(kernel->program);
    return call_end(&c, true);
}
