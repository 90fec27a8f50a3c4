/* ane.c -- the backend `ane`: programs whose inputs and results are surfaces of the engine. */
#include "ane.h"
#include "load.h"
#include "ane_model.h"
#include "../forms.h"

#include "../../ir/targets/rules.h"

#include <stdlib.h>
#include <string.h>

typedef struct AneProgram AneProgram;
typedef struct {
    Port port;
    Id surface;
    /* an input: whose result it is, once that has run; this program itself: */
    AneProgram *source;
    int result; /* the two surfaces change places before each run */
    bool stale; /* a result that is in its surface alone */
} AneSlot;

struct AneProgram {
    Program base; /* first */
    Arena arena;
    AneModel *model;
    Layout layout;
    AneSlot *in, *out; /* by parameter and by result of the function */
    Id request;        /* NULL: to be made */
    Binding *result;
    bool checked; /* the first run has shown that results are written */
    bool ahead; /* surfaces of results have not changed places since they were written */
    GuardTask lost; /* gives it up when memory runs out in the call that makes it */
};

static Engine *ane_open_engine(const AneProgram *p) { return ane_engine(p->model); }

/* ---- compiling --------------------------------------------------------------------------- */

static bool check_value(const Value *v, Diag *d)
{
    const Type *t = v->type;
    if (t->kind == TY_STATE)
        return diag_error(d, value_loc(v), "the engine keeps no states, and %s is one",
                          v->name);
    if (t->kind != TY_TENSOR || !shape_known(&t->shape) || dtypes[t->dtype].bits < 8)
        return diag_error(d, value_loc(v),
                          "the engine takes tensors of known shape; %s is none", v->name);
    return true;
}

static bool check_func(const Func *f, Diag *d)
{
    bool ok = true;
    for (int i = 0; i < f->body->nparam; i++)
        ok = check_value(f->body->param[i], d) && ok;
    for (int i = 0; i < f->body->nresult; i++)
        ok = check_value(f->body->result[i], d) && ok;
    return ok;
}

/* What is assumed of the layout is told of the program too. */
static bool find_layout(AneProgram *p, const Func *f, Diag *d)
{
    const char *said = NULL;
    if (!ane_layout(p->model, &p->arena, f, &p->layout, &said, d)) return false;
    const char *before = p->base.as.why;
    if (p->layout.guessed)
        p->base.as.why = before ? arena_printf(&p->arena, "%s; %s", before, said) : said;
    return true;
}

/* The port of each value by its name; the surfaces. */
static bool make_slots(AneProgram *p, Value *const *v, int n, const Port *port, int nport,
                       AneSlot **out, Diag *d)
{
    *out = NEW_ARRAY(&p->arena, n + 1, AneSlot);
    for (int i = 0; i < n; i++) {
        AneSlot *s = &(*out)[i];
        s->port = *port_find(port, nport, v[i]->name);
        if (!port_fit(&s->port, v[i]->type))
            return diag_fail(
                d,
                "the compiled program's port %s does not have the elements of the tensor",
                v[i]->name);
        s->surface = engine_surface_new(ane_open_engine(p), &s->port);
        if (!s->surface)
            return diag_fail(d, "no memory for the surface of %s (%zu bytes)", v[i]->name,
                             s->port.bytes);
        if (engine_surface_size(ane_open_engine(p), s->surface) < s->port.bytes)
            return diag_fail(d, "the surface of %s is smaller than its layout",
                             v[i]->name);
    }
    return true;
}

static bool make_results(AneProgram *p, const Func *f, Diag *d)
{
    const Block *b = f->body;
    p->result = NEW_ARRAY(&p->arena, b->nresult + 1, Binding);
    for (int i = 0; i < b->nresult; i++) {
        p->result[i].name = b->result[i]->name;
        if (!tensor_alloc(&p->result[i].value, d, b->result[i]->type->dtype,
                          &b->result[i]->type->shape))
            return false;
    }
    return true;
}

static void ane_program_free(Program *program)
{
    AneProgram *p = (AneProgram *)program;
    const Block *b = p->base.func->body;
    Objc *o = ane_open_engine(p)->objc;
    guard_task_end(&p->lost);
    objc_drop(o, &p->request);
    for (int i = 0; p->in && i < b->nparam; i++) objc_drop(o, &p->in[i].surface);
    for (int i = 0; p->out && i < b->nresult; i++) objc_drop(o, &p->out[i].surface);
    for (int i = 0; p->result && i < b->nresult; i++) tensor_free(&p->result[i].value);
    ane_model_free(p->model);
    arena_free(&p->arena);
    mem_free(p);
}

bool ane_was_outside(const Backend *ane)
{
    return ane_failed_outside((Ane *)(uintptr_t)ane->row);
}

void ane_tell(const Backend *ane, Diag *d)
{
    ane_tell_cache((Ane *)(uintptr_t)ane->row, d);
}

static void model_lost(void *model) { ane_model_free(model); }
static void program_lost(void *program) { ane_program_free(program); }

static Program *ane_compile(const Backend *self, const Module *m, const Func *f, Diag *d)
{
    Ane *s = (Ane *)(uintptr_t)self->row;
    const Block *b = f->body;
    AneModel *model = check_func(f, d) ? ane_model(s, m, f, d) : NULL;
    if (!model) return NULL;
    GuardTask lost;
    guard_task(&lost, model_lost, model);
    AneProgram *p = mem_zero(1, sizeof *p);
    if (!p) mem_out(sizeof *p);
    guard_task_end(&lost);
    *p = (AneProgram){
        .base = { .backend = self, .module = m, .func = f, .as = model->as },
        .model = model
    };
    guard_task(&p->lost, program_lost, p);
    phase_begin(ane_phase(s), "bind");
    bool ok = find_layout(p, f, d)
           && make_slots(p, b->param, b->nparam, p->layout.in, p->layout.nin, &p->in, d)
           && make_slots(p, b->result, b->nresult, p->layout.out, p->layout.nout, &p->out,
                         d)
           && make_results(p, f, d);
    phase_end(ane_phase(s), "bind");
    if (ok) return &p->base;
    ane_program_free(&p->base);
    return NULL;
}

/* ---- running ----------------------------------------------------------------------------- */

static bool write_inputs(AneProgram *p, const Binding *in, int nin, Diag *d)
{
    int at = 0;
    for (int k = 0; k < nin; k++) {
        const int i = param_find(p->base.func, in[k].name, &at);
        if (i < 0 || !in[k].value.data) continue;
        void *base = engine_lock(ane_open_engine(p), p->in[i].surface, 0);
        if (!base) return diag_fail(d, "the surface of %s cannot be locked", in[k].name);
        surface_write(base, &p->in[i].port, &in[k].value);
        engine_unlock(ane_open_engine(p), p->in[i].surface, 0);
    }
    return true;
}

static bool poison_results(AneProgram *p, Diag *d)
{
    for (int i = 0; i < p->base.func->body->nresult; i++) {
        void *base = engine_lock(ane_open_engine(p), p->out[i].surface, 0);
        if (!base)
            return diag_fail(d, "the surface of %s cannot be locked", p->result[i].name);
        surface_poison(base, &p->out[i].port);
        engine_unlock(ane_open_engine(p), p->out[i].surface, 0);
    }
    return true;
}

static bool check_written(AneProgram *p, Diag *d)
{
    bool ok = true;
    for (int i = 0; i < p->base.func->body->nresult; i++) {
        const Port *port = &p->out[i].port;
        const void *base = engine_lock(ane_open_engine(p), p->out[i].surface,
                                       SURFACE_READ);
        if (!base)
            return diag_fail(d, "the surface of %s cannot be locked", p->result[i].name);
        const int64_t n = surface_untouched(base, port),
                      all = port->batch * port->channels * port->height;
        engine_unlock(ane_open_engine(p), p->out[i].surface, SURFACE_READ);
        if (n)
            ok = diag_fail(
                d,
                "the engine says that it has run, and has not written %lld of the %lld rows of %s",
                (long long)n, (long long)all, p->result[i].name);
    }
    return ok;
}

/* In the layout's order, from the function's. */
static bool make_request(AneProgram *p, Diag *d)
{
    const Block *b = p->base.func->body;
    Arena a = { 0 };
    Id *in = NEW_ARRAY(&a, p->layout.nin + 1, Id),
       *out = NEW_ARRAY(&a, p->layout.nout + 1, Id);
    for (int k = 0; k < p->layout.nin; k++)
        for (int i = 0; i < b->nparam; i++)
            if (p->in[i].port.symbol == p->layout.in[k].symbol) in[k] = p->in[i].surface;
    for (int k = 0; k < p->layout.nout; k++)
        for (int i = 0; i < b->nresult; i++)
            if (p->out[i].port.symbol == p->layout.out[k].symbol)
                out[k] = p->out[i].surface;
    p->request = engine_request_new(ane_open_engine(p), &p->layout, in, out);
    mem_follow(p, p->request);
    const char *why = p->request ? NULL : raise_text(ane_open_engine(p)->objc, &a);
    if (!p->request)
        diag_fail(d, "the framework does not take these surfaces for the program%s%s",
                  why ? ": " : "", why ? why : "");
    arena_free(&a);
    return p->request != NULL;
}

/* Inputs that are results take over the surfaces. */
static void follow_wires(AneProgram *p)
{
    for (int i = 0; i < p->base.func->body->nparam; i++) {
        AneSlot *in = &p->in[i];
        if (!in->source || !in->source->base.ran) continue;
        Id *from = &in->source->out[in->result].surface, was = in->surface;
        if (*from == was) continue;
        in->surface = *from;
        if (in->source == p) {
            *from = was;
            p->ahead = false;
        } else {
            objc_keep(ane_open_engine(p)->objc, in->surface);
            mem_follow(p, in->surface);
            objc_drop(ane_open_engine(p)->objc, &was);
        }
        objc_drop(ane_open_engine(p)->objc, &p->request);
    }
}

static bool bind_surfaces(AneProgram *p, Diag *d)
{
    return (p->checked || poison_results(p, d)) && (p->request || make_request(p, d));
}

static bool ane_evaluate(AneProgram *p, Diag *d)
{
    Arena a = { 0 };
    Trouble why;
    bool ok = ane_model_run(p->model, &a, p->request, &why);
    if (!ok)
        diag_fail(d, "the engine did not run the program: %s", trouble_text(&a, &why));
    arena_free(&a);
    return ok;
}

static bool report_results(AneProgram *p, const RunOptions *opt);

static void run_lost(void *model) { ane_model_end(model); }

static bool ane_run(Program *program, Diag *d, const Binding *in, int nin,
                    const RunOptions *opt)
{
    AneProgram *p = (AneProgram *)program;
    const PhaseHook *phase = &opt->phase;
    follow_wires(p);
    p->base.broke = !ane_model_begin(p->model, phase, d);
    if (p->base.broke) return false;
    GuardTask lost;
    guard_task(&lost, run_lost, p->model);
    phase_begin(phase, "copy in");
    bool ok = write_inputs(p, in, nin, d);
    phase_end(phase, "copy in");
    phase_begin(phase, "bind");
    ok = ok && bind_surfaces(p, d);
    phase_end(phase, "bind");
    phase_begin(phase, "run");
    ok = ok && ane_evaluate(p, d) && (p->checked || check_written(p, d));
    phase_end(phase, "run");
    p->checked |= ok;
    p->base.broke = !ok;
    for (int i = 0; i < p->base.func->body->nresult; i++) p->out[i].stale = ok;
    guard_task_end(&lost);
    ane_model_end(p->model);
    ok = ok && report_results(p, opt);
    p->ahead |= ok; /* who watches may have ended it: then inputs stay what they were */
    return ok;
}

static int ane_results(Program *program, const Binding **out)
{
    AneProgram *p = (AneProgram *)program;
    const int n = p->base.func->body->nresult;
    for (int i = 0; i < n; i++) {
        if (!p->out[i].stale || (p->base.unread && p->base.unread[i])) continue;
        const void *base = engine_lock(ane_open_engine(p), p->out[i].surface,
                                       SURFACE_READ);
        /* it was locked when the run ended: the system has no room for it now */
        if (!base) mem_out(p->out[i].port.bytes);
        surface_read(base, &p->out[i].port, &p->result[i].value);
        engine_unlock(ane_open_engine(p), p->out[i].surface, SURFACE_READ);
        p->out[i].stale = false;
    }
    *out = p->result;
    return n;
}

/* Of the values computed the results alone can be seen. */
static bool report_results(AneProgram *p, const RunOptions *opt)
{
    const Binding *result;
    if (!opt->each && !opt->phase.mark) return true;
    phase_begin(&opt->phase, "copy out");
    int n = ane_results(&p->base, &result);
    phase_end(&opt->phase, "copy out");
    for (int i = 0; opt->each && i < n; i++) {
        if (p->base.unread && p->base.unread[i]) continue;
        if (!opt->each(opt->ctx, p->base.func->body->result[i], &result[i].value))
            return false;
    }
    return true;
}

static int ane_states(Program *p, Binding **out)
{
    (void)p;
    *out = NULL;
    return 0;
}

static void ane_reset(Program *p) { (void)p; }

/* ---- wiring ------------------------------------------------------------------------------ */

static bool same_place(const Port *a, const Port *b)
{
    return a->element == b->element && a->row == b->row && a->plane == b->plane
        && a->bytes == b->bytes && a->batch_stride == b->batch_stride
        && a->width == b->width && a->height == b->height;
}

static bool ane_wire(Program *to, int param, Program *from, int result)
{
    AneProgram *p = (AneProgram *)to, *q = (AneProgram *)from;
    AneSlot *in = &p->in[param];
    if (q && !same_place(&in->port, &q->out[result].port)) return false;
    for (int i = 0; q == p && i < to->func->body->nparam;
         i++) /* it has one to change with */
        if (p->in[i].source == p && p->in[i].result == result) return false;
    if (!q && in->source && in->source != p) {
        objc_drop(ane_open_engine(p)->objc, &in->surface);
        in->surface = engine_surface_new(ane_open_engine(p), &in->port);
        if (!in->surface) mem_out(in->port.bytes);
        mem_follow(p, in->surface);
        objc_drop(ane_open_engine(p)->objc, &p->request);
    }
    in->source = q;
    in->result = result;
    return true;
}

/* A run that broke has left its inputs as they were; one that did not begin has left what was
 * to be its input where it was a result. */
static bool ane_given(Program *program, int param, bool undone, Diag *d, Tensor *out)
{
    AneProgram *p = (AneProgram *)program;
    const Value *v = p->base.func->body->param[param];
    const AneSlot *s = &p->in[param];
    if (s->source == p && p->ahead && !undone) s = &p->out[s->result];
    if (!tensor_alloc(out, d, v->type->dtype, &v->type->shape)) return false;
    const void *base = engine_lock(ane_open_engine(p), s->surface, SURFACE_READ);
    if (!base) return diag_fail(d, "the surface of %s cannot be locked", v->name);
    surface_read(base, &s->port, out);
    engine_unlock(ane_open_engine(p), s->surface, SURFACE_READ);
    return true;
}

/* ---- the backend ------------------------------------------------------------------------- */

static bool ane_rules(const Backend *self, RuleSet *out, Diag *d)
{
    (void)d;
    ruleset_init(out, self->target ? self->target : target_find("generic"), NULL);
    return true;
}

static void ane_close(const Backend *self)
{
    ane_free((Ane *)(uintptr_t)self->row);
    mem_free((void *)(uintptr_t)self);
}

const Backend *ane_open(const BackendOptions *o, Arena *a, const char **why)
{
    Ane *s = ane_new(o, a, why);
    Backend *b = s ? mem_zero(1, sizeof *b) : NULL;
    if (!s) return NULL;
    if (!b) mem_out(sizeof *b);
    *b = (Backend){ .name = "ane",
                    .doc = "the Apple Neural Engine through its private framework",
                    .pause = 15,
                    .compiles = ENGINE_COMPILES_SAFE,
                    .target = ane_target(s),
                    .row = s,
                    .compile = ane_compile,
                    .rules = ane_rules,
                    .engine = true,
                    .run = ane_run,
                    .results = ane_results,
                    .states = ane_states,
                    .reset = ane_reset,
                    .free = ane_program_free,
                    .wire = ane_wire,
                    .given = ane_given,
                    .close = ane_close };
    return b;
}

bool ane_compile_folder(const char *dir, Buf *answer)
{
    Arena a = { 0 };
    const char *none = NULL, *asks = getenv(HELPER_FOR);
    Weights *w = NEW(&a, Weights);
    Engine *e = engine_open(&a, &none);
    Trouble why = { .text = none };
    if (e && asks && e->identity && strcmp(asks, e->identity) != 0) {
        buf_printf(answer, "another identity: %s\n", e->identity);
        engine_close(e);
        arena_free(&a);
        return false;
    }
    Id model = e ? ane_folder_model(e, &a, dir, w, &why) : NULL;
    const char *expected = model ? engine_model_dir(e, &a, model) : NULL;
    if (expected && strcmp(expected, dir) != 0)
        why = (Trouble){ .text = arena_printf(&a, "the program of %s belongs into %s",
                                              dir, expected) };
    else if (expected && engine_compile(e, &a, model, &why)) why.text = NULL;
    if (why.text) buf_printf(answer, "refused: %s\n", trouble_text(&a, &why));
    else buf_puts(answer, "compiled\n");
    if (model) objc_drop(e->objc, &model);
    ane_weights_free(w);
    if (e) engine_close(e);
    const bool ok = !why.text;
    arena_free(&a);
    return ok;
}
