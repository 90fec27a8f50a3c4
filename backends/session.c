/* session.c -- the backends of this build, the one that chooses, and programs whoever runs
 * them. */
#include "../ir/mil/described.h"
#include "../ir/passes/passes.h"
#include "ane/ane.h"
#include "backend.h"
#include "composed.h"
#include "cpu/cpu.h"
#include "ref/ref.h"
#include "forms.h"
#include "sim/sim.h"

#include <stdlib.h>
#include <string.h>

const Backend *backend_at(int i)
{
    static const Backend *const first[] = { &backend_ref, &backend_cpu };
    return i < (int)COUNT(first) ? first[i] : sim_at(i - (int)COUNT(first));
}

const Backend *backend_find(const char *name)
{
    const Backend *b;
    for (int i = 0; (b = backend_at(i)); i++)
        if (!strcmp(b->name, name)) return b;
    return NULL;
}

/* ---- auto: the engine, else the processor ------------------------------------------------ */

typedef struct {
    Arena arena;
    const Backend *engine; /* NULL: there is none, */
    const char *why;       /* for this reason */
} AutoRunner;

bool backend_rules(const Backend *b, RuleSet *out, Diag *d)
{
    return b->rules && b->rules(b, out, d);
}

/* As the backend itself, in parts where it is too deep, and what is the processor's before and
 * behind an engine too. */
static Program *compile_stateless(const Backend *b, const Module *m, const Func *f, Diag *d)
{
    Program *p;
    if (row_compile_behind(b, f, d, &p) || row_compile(b, m, f, d, &p)) return p;
    return b->engine && split_wanted(f) ? split_compile(b, m, f, d) : b->compile(b, m, f, d);
}

/* And with the states that it lacks. */
static Program *compile_whole(const Backend *b, const Module *m, const Func *f, Diag *d)
{
    return carry_wanted(b, f, d) ? carry_compile(b, m, f, d) : compile_stateless(b, m, f, d);
}

/* The processor's program, which says why it is not the engine's. */
static Program *fall_back(const Module *m, const Func *f, Diag *d, const char *why)
{
    Program *p = compile_whole(&backend_cpu, m, f, d);
    if (!p) return NULL;
    if (!p->backend) p->backend = &backend_cpu;
    p->as.why = why;
    return p;
}

/* The first error of what was said, without the word; `other` where nothing was. */
static const char *first_error(Arena *a, const Diag *d, const char *other)
{
    const char *said = d->text.s ? d->text.s : other, *error = strstr(said, "error: ");
    if (error) said = error + 7;
    return arena_strndup(a, said, strcspn(said, "\n"));
}

static Program *auto_compile(const Backend *self, const Module *m, const Func *f, Diag *d)
{
    AutoRunner *a = (AutoRunner *)(uintptr_t)self->row;
    Diag quiet = { .quiet = true };
    if (!a->engine) return fall_back(m, f, d, arena_printf(&a->arena, "no engine: %s", a->why));
    Program *p = compile_whole(a->engine, m, f, &quiet);
    const char *said = p ? NULL : first_error(&a->arena, &quiet, "no reason given");
    /* What the engine does not take the processor does without a word; a full disk should be
     * known. */
    if (!p && quiet.fails && ane_was_outside(a->engine))
        diag_warn(d, WARN_FALLBACK, (Loc){ 0 }, "the processor does this program: %s", said);
    ane_tell(a->engine, d);
    if (p) p->other = &backend_cpu; /* should a run fail there */
    else p = fall_back(m, f, d, arena_printf(&a->arena, "ane: %s", said));
    diag_free(&quiet);
    return p;
}

static void auto_close(const Backend *self)
{
    AutoRunner *a = (AutoRunner *)(uintptr_t)self->row;
    backend_close(a->engine);
    arena_free(&a->arena);
    mem_free(a);
    mem_free((void *)(uintptr_t)self);
}

static const Backend *auto_open(const BackendOptions *o, Diag *d)
{
    Backend *b = mem_zero(1, sizeof *b);
    AutoRunner *a = mem_zero(1, sizeof *a);
    if (!a || !b) mem_out(sizeof *b);
    (void)d;
    a->engine = ane_open(o, &a->arena, &a->why);
    *b = (Backend){ .name = "auto",
                    .doc = "the engine, else the processor",
                    .row = a,
                    .target = a->engine ? a->engine->target : backend_cpu.target,
                    .compile = auto_compile,
                    .close = auto_close };
    return b;
}

static const Backend *engine_alone(const BackendOptions *o, Diag *d)
{
    Arena a = { 0 };
    const char *why = NULL;
    const Backend *b = ane_open(o, &a, &why);
    if (!b) diag_fail(d, "the backend ane is not to be had here: %s", why);
    arena_free(&a);
    return b;
}

static const Backend *public_route(const BackendOptions *o, Diag *d)
{
    Arena a = { 0 };
    const char *why = NULL;
    const Backend *b = coreml_open(o, &a, &why);
    if (!b)
        diag_fail(
            d,
            "Core ML is not here: %s; it is a part of macOS, and --backend cpu runs programs on any machine",
            why);
    arena_free(&a);
    return b;
}

static const struct {
    const char *name;
    const Backend *(*open)(const BackendOptions *o, Diag *d);
} openers[] = {
    { "auto", auto_open },
    { "ane", engine_alone },
    { "coreml", public_route },
};

const char *backend_opened_at(int i)
{
    return i < (int)COUNT(openers) ? openers[i].name : NULL;
}

const Backend *backend_open(const char *name, const BackendOptions *o, Diag *d)
{
    for (size_t i = 0; i < COUNT(openers); i++)
        if (!strcmp(openers[i].name, name)) return openers[i].open(o, d);
    return backend_find(name);
}

void backend_close(const Backend *b)
{
    if (b && b->close) b->close(b);
}

/* ---- inputs that may be left out --------------------------------------------------------- */

struct LeftOut {
    bool may;
    double value;  /* of every element */
    Tensor tensor; /* made when it is first needed */
};

/* By the function as it was given: a copy has no description. */
static void note_optional(Program *p, const Func *f)
{
    const Block *b = f->body;
    Arena a = { 0 };
    Described say;
    for (int i = 0; i < b->nparam; i++) {
        described(f, b->param[i], true, &a, &say);
        if (!say.optional || !say.has_default || b->param[i]->type->kind != TY_TENSOR) continue;
        if (!p->left_out) p->left_out = mem_zero((size_t)b->nparam, sizeof *p->left_out);
        if (!p->left_out) mem_out((size_t)b->nparam * sizeof *p->left_out);
        p->left_out[i] = (struct LeftOut){ .may = true, .value = say.value };
    }
    arena_free(&a);
}

static bool make_default(Program *p, int param, Diag *d)
{
    Arena a = { 0 };
    Flex flex;
    Shape s;
    struct LeftOut *l = &p->left_out[param];
    Tensor *t = &l->tensor;
    bool ok = flex_read(p->func, d, &a, &flex);
    if (ok && flex_default(p->func, &flex, param, &s)) {
        const DType type = p->func->body->param[param]->type->dtype;
        ok = tensor_alloc(t, d, type, &s);
        for (size_t i = 0; ok && l->value != 0 && i < t->count; i++)
            if (dtype_is_float(type)) tensor_set_float(t, i, l->value);
            else tensor_set_int(t, i, (int64_t)l->value);
        if (ok) tensor_follow(p, t);
    }
    arena_free(&a);
    return ok;
}

/* Adds to what is given what is left out; `all` has room for every parameter more. */
static bool add_defaults(Program *p, Diag *d, Binding *all, int *n)
{
    const Block *b = p->func->body;
    const int given = *n;
    for (int i = 0; p->left_out && i < b->nparam; i++) {
        struct LeftOut *l = &p->left_out[i];
        bool have = !l->may;
        for (int k = 0; k < given; k++) have |= !strcmp(all[k].name, b->param[i]->name);
        if (have) continue;
        if (!l->tensor.owned && !make_default(p, i, d)) return false;
        if (!l->tensor.owned) continue; /* of unknown extents: it has to be given */
        all[*n] = (Binding){ .name = b->param[i]->name, .value = l->tensor };
        all[(*n)++].value.owned = false;
    }
    return true;
}

/* ---- programs ---------------------------------------------------------------------------- */

/* How a backend makes a program of a function. */
typedef Program *Compile(const Backend *b, const Module *m, const Func *f, Diag *d);

static Program *compile_by(Compile *how, const Backend *b, const Module *m, const Func *f,
                           Diag *d)
{
    Program *p = how(b, m, f, d);
    if (!p) return NULL;
    if (!p->backend) p->backend = b;
    p->module = m;
    p->func = f;
    if (!p->as.io) p->as.io = boundary_text(f);
    p->as.precision = precision_text(f);
    if (!p->as.dialect) p->as.dialect = m->version;
    return p;
}

/* The one that chooses leaves states to what it chooses. */
static Program *compile_for(const Backend *b, const Module *m, const Func *f, Diag *d)
{
    return compile_by(b->compile == auto_compile ? auto_compile : compile_whole, b, m, f, d);
}

Program *program_under(const Backend *b, const Module *m, const Func *f, Diag *d)
{
    return compile_by(compile_stateless, b, m, f, d);
}

static Program *as_given(const Backend *b, const Module *m, const Func *f, Diag *d)
{
    return compile_by(b->compile, b, m, f, d);
}

static Program *new_program(Compile *how, const Backend *b, const Module *m, const Func *f,
                            Diag *d)
{
    if (m->broken) {
        diag_fail(d, "memory ran out while the model was rewritten: it has to be loaded again");
        return NULL;
    }
    Program *p = how(b, m, f, d);
    if (!p) return NULL;
    note_optional(p, f);
    if (module_stayed(m, d)) return p;
    program_free(p);
    return NULL;
}

Program *program_new(const Backend *b, const Module *m, const Func *f, Diag *d)
{
    return new_program(compile_for, b, m, f, d);
}

Program *program_new_as_given(const Backend *b, const Module *m, const Func *f, Diag *d)
{
    return new_program(as_given, b, m, f, d);
}

/* Itself, or what runs in its place. */
static Program *session_now(Program *p) { return p->instead ? p->instead : p; }

bool program_place(Program *p, Arena *a, Diag *d, Placings *out)
{
    const Backend *b = program_backend(p);
    if (b->place) return b->place(session_now(p), a, d, out);
    return diag_error(d, (Loc){ 0 },
                      "%s has no plan; --backend coreml says where operations would run, "
                      "and cpu by which steps",
                      b->name);
}

const Backend *program_backend(const Program *p)
{
    return p->instead ? p->instead->backend : p->backend;
}

/* ---- wires: inputs that are another run's results ---------------------------------------- */

struct Wire {
    Program *from; /* NULL: none */
    int result;
    bool shared; /* the backend sees to it: the memory is the same */
    Tensor held; /* a value of the run before, that this run would free */
};

static void session_unshare(Program *to, int param)
{
    struct Wire *w = &to->wire[param];
    if (w->shared) to->backend->wire(to, param, NULL, 0);
    w->shared = false;
}

static int index_of(Value *const *v, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(v[i]->name, name)) return i;
    return -1;
}

static bool no_such(Diag *d, const Func *f, const char *kind, const char *name)
{
    return diag_error(d, (Loc){ 0 }, "%s has no %s %s", f->name, kind, name);
}

static bool check_wire(const Func *to, int param, const Func *from, int result, Diag *d)
{
    Arena a = { 0 };
    const Type *x = to->body->param[param]->type, *y = from->body->result[result]->type;
    bool ok = type_equal(x, y);
    if (!ok)
        diag_error(d, (Loc){ 0 }, "input %s is %s, but result %s is %s: they cannot be one",
                   to->body->param[param]->name, type_text(&a, x),
                   from->body->result[result]->name, type_text(&a, y));
    arena_free(&a);
    return ok;
}

bool program_wire(Program *to, const char *input, Program *from, const char *result, Diag *d)
{
    const Block *b = to->func->body;
    const int param = index_of(b->param, b->nparam, input);
    if (param < 0 || param_is_kept(to->func, b->param[param]))
        return no_such(d, to->func, "input", input);
    if (!to->wire) to->wire = mem_zero((size_t)b->nparam, sizeof *to->wire);
    if (!to->wire) mem_out((size_t)b->nparam * sizeof *to->wire);
    mem_follow(to, to->wire);
    struct Wire *w = &to->wire[param];
    if (!from) {
        session_unshare(to, param);
        tensor_free(&w->held);
        *w = (struct Wire){ 0 };
        return true;
    }
    const int k = index_of(from->func->body->result, from->func->body->nresult, result);
    if (k < 0) return no_such(d, from->func, "result", result);
    if (!check_wire(to->func, param, from->func, k, d)) return false;
    if (w->from && !program_wire(to, input, NULL, NULL, d)) return false;
    *w = (struct Wire){ .from = from, .result = k };
    w->shared = !to->instead && !from->instead && to->backend == from->backend
             && to->backend->wire && to->backend->wire(to, param, from, k);
    return true;
}

/* The value that flows through a wire now. A run frees the results of the one before, so what a
 * program hands to itself is taken from it first. */
static bool wire_value(Program *to, int param, Diag *d, Tensor *out)
{
    const Binding *result;
    struct Wire *w = &to->wire[param];
    const Backend *b = program_backend(to);
    if (w->from->instead) session_unshare(to, param);
    if (w->shared) {
        const Type *t = w->from->func->body->result[w->result]->type;
        *out = tensor_view(t->dtype, &t->shape, NULL);
        return true;
    }
    const int n = program_all_results(w->from, &result);
    if (w->result >= n) bug("a result is not there");
    *out = result[w->result].value;
    if (w->from != to) return true;
    tensor_free(&w->held);
    if (!b->take || !b->take(session_now(to), w->result, &w->held))
        if (!tensor_copy(&w->held, d, out)) return false;
    tensor_follow(to, &w->held);
    *out = w->held;
    return true;
}

/* ---- runs that break --------------------------------------------------------------------- */

/* States of the same names, in the same order. */
static void hand_states_over(Program *from, Program *to)
{
    Binding *old, *kept;
    const int n = program_states(from, &old);
    if (program_states(to, &kept) != n) bug("%s has other states", to->backend->name);
    for (int i = 0; i < n; i++)
        if (kept[i].value.bytes)
            memcpy(kept[i].value.data, old[i].value.data, kept[i].value.bytes);
}

/* What the call had made goes with it. */
static void fall_lost(void *program)
{
    Program *p = program;
    p->instead = NULL;
    p->broke_why = NULL;
    p->as = p->before;
}

/* `other` compiles the program anew, and tells why it runs there. */
static bool session_fall(Program *p, Diag *d, const Diag *said)
{
    Arena a = { 0 };
    Buf why = { 0 };
    buf_printf(&why, "a run failed on %s: %s", p->backend->name,
               first_error(&a, said, "no reason given"));
    arena_free(&a);
    diag_warn(d, WARN_FALLBACK, (Loc){ 0 }, "%s does this program from here on: %s",
              p->other->name, why.s);
    p->before = p->as;
    p->broke_why = why.s;
    guard_task(&p->fell, fall_lost, p);
    Program *q = compile_for(p->other, p->module, p->func, d);
    if (!q) return false;
    hand_states_over(p, q);
    q->as.why = p->broke_why;
    p->as = q->as;
    p->instead = q;
    return true;
}

/* Whether what a broken run had for an input is in memory that it shares alone. */
static bool is_inside(const Program *p, const Binding *in)
{
    const Block *b = p->func->body;
    const int param = index_of(b->param, b->nparam, in->name);
    return p->wire && p->wire[param].shared && !in->value.data;
}

/* The run again, with what the broken one was given. */
static bool run_again(Program *p, Diag *d, const Binding *in, int nin, const RunOptions *opt)
{
    const Block *b = p->func->body;
    Arena a = { 0 };
    Binding *all = NEW_ARRAY(&a, nin + 1, Binding);
    bool ok = true;
    memcpy(all, in, (size_t)nin * sizeof *all);
    for (int i = 0; i < nin; i++) {
        const int param = index_of(b->param, b->nparam, in[i].name);
        if (!is_inside(p, &in[i])) continue;
        all[i].value = (Tensor){ 0 };
        ok = ok && p->backend->given(p, param, false, d, &all[i].value);
    }
    ok = ok && p->instead->backend->run(p->instead, d, all, nin, opt);
    for (int i = 0; i < nin; i++) {
        if (is_inside(p, &in[i])) tensor_free(&all[i].value);
    }
    for (int i = 0; p->wire && i < b->nparam; i++) session_unshare(p, i);
    arena_free(&a);
    return ok;
}

/* What a run that failed by what it was given had to say. */
static void session_retell(Diag *d, const Diag *said)
{
    Arena a = { 0 };
    if (said->fails) diag_fail(d, "%s", first_error(&a, said, "no reason given"));
    else if (said->errors)
        diag_error(d, (Loc){ 0 }, "%s", first_error(&a, said, "no reason given"));
    arena_free(&a);
}

static bool run_or_fall(Program *p, Diag *d, const Binding *in, int nin, const RunOptions *opt)
{
    Diag said = { .quiet = true };
    if (p->instead || !p->other)
        return program_backend(p)->run(session_now(p), d, in, nin, opt);
    bool ok = p->backend->run(p, &said, in, nin, opt);
    if (!ok && p->broke && !p->broke_why)
        ok = session_fall(p, d, &said) && run_again(p, d, in, nin, opt);
    else if (!ok) session_retell(d, &said);
    diag_free(&said);
    return ok;
}

/* With what comes through wires, and what is left out. */
static bool run_completed(Program *p, Diag *d, const Binding *in, int nin,
                          const RunOptions *opt)
{
    const Block *b = p->func->body;
    Arena a = { 0 };
    Binding *all = NEW_ARRAY(&a, 2 * b->nparam + nin + 1, Binding);
    int n = 0;
    bool ok = true;
    for (int i = 0; ok && p->wire && i < b->nparam; i++) {
        struct Wire *w = &p->wire[i];
        if (!w->from || !w->from->ran) continue;
        all[n].name = b->param[i]->name;
        ok = wire_value(p, i, d, &all[n++].value);
    }
    int at = 0;
    for (int i = 0; i < nin; i++) {
        const int param = param_find(p->func, in[i].name, &at);
        const Program *from = param < 0 || !p->wire ? NULL : p->wire[param].from;
        if (!from || !from->ran) all[n++] = in[i];
    }
    ok = ok && add_defaults(p, d, all, &n) && inputs_check(p->func, d, all, n)
      && run_or_fall(p, d, all, n, opt);
    arena_free(&a);
    return ok;
}

static void run_lost(void *program) { ((Program *)program)->ran = false; }

bool program_run(Program *p, Diag *d, const Binding *in, int nin, const RunOptions *opt)
{
    GuardTask lost;
    guard_task(&lost, run_lost, p);
    bool ok = p->wire || p->left_out
                ? run_completed(p, d, in, nin, opt)
                : inputs_check(p->func, d, in, nin) && run_or_fall(p, d, in, nin, opt);
    guard_task_end(&lost);
    p->ran = ok && module_stayed(p->module, d); /* else it computed with what is left of them */
    return p->ran;
}

int program_results(Program *p, const Binding **out)
{
    return program_backend(p)->results(session_now(p), out);
}

int program_all_results(Program *p, const Binding **out)
{
    const bool *unread = p->unread;
    p->unread = NULL;
    const int n = program_results(p, out);
    p->unread = unread;
    return n;
}

int program_states(Program *p, Binding **out)
{
    return program_backend(p)->states(session_now(p), out);
}
void program_reset(Program *p) { program_backend(p)->reset(session_now(p)); }

void program_free(Program *p)
{
    if (!p) return;
    guard_task_end(&p->fell);
    for (int i = 0; p->wire && i < p->func->body->nparam; i++) tensor_free(&p->wire[i].held);
    for (int i = 0; p->left_out && i < p->func->body->nparam; i++)
        tensor_free(&p->left_out[i].tensor);
    mem_free(p->wire);
    mem_free(p->left_out);
    program_free(p->instead);
    mem_free(p->broke_why);
    p->backend->free(p);
}
