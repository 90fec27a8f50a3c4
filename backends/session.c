/* session.c -- program_new and program_run: chooses how a function is compiled for its
 * backend, fills in inputs that are not given, and repeats a run on another backend when it
 * breaks. */
#include "../ir/mil/described.h"
#include "../ir/passes/passes.h"
#include "backend.h"
#include "composed.h"
#include "forms.h"

#include <stdlib.h>
#include <string.h>

/* ---- how a function becomes a program ---------------------------------------------------- */

/* As the backend itself, in parts where it is too deep, and what is the processor's before and
 * behind an engine too. */
static Program *compile_stateless(const Backend *b, const Module *m, const Func *f,
                                  Diag *d)
{
    Program *p;
    if (row_compile_behind(b, f, d, &p) || row_compile(b, m, f, d, &p)) return p;
    return b->engine && split_wanted(f) ? split_compile(b, m, f, d)
                                        : b->compile(b, m, f, d);
}

Program *program_whole(const Backend *b, const Module *m, const Func *f, Diag *d)
{
    return carry_wanted(b, f, d) ? carry_compile(b, m, f, d)
                                 : compile_stateless(b, m, f, d);
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
        if (!say.optional || !say.has_default || b->param[i]->type->kind != TY_TENSOR)
            continue;
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

/* Adds to what is given, by parameter, what is left out; `all` has room for every parameter
 * more. */
static bool add_defaults(Program *p, Diag *d, const bool *given, Binding *all, int *n)
{
    const Block *b = p->func->body;
    for (int i = 0; p->left_out && i < b->nparam; i++) {
        struct LeftOut *l = &p->left_out[i];
        if (!l->may || given[i]) continue;
        if (!l->tensor.owned && !make_default(p, i, d)) return false;
        if (!l->tensor.owned) continue; /* of unknown dimensions: it has to be given */
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
    inputs_forget(p->takes); /* "auto" hands on what it has chosen */
    p->takes = inputs_facts(f);
    if (!p->as.io) p->as.io = boundary_text(f);
    p->as.precision = precision_text(f);
    if (!p->as.dialect) p->as.dialect = m->version;
    return p;
}

/* The one that chooses leaves states to what it chooses. */
static Program *compile_for(const Backend *b, const Module *m, const Func *f, Diag *d)
{
    return compile_by(auto_chooses(b) ? b->compile : program_whole, b, m, f, d);
}

Program *program_under(const Backend *b, const Module *m, const Func *f, Diag *d)
{
    return compile_by(compile_stateless, b, m, f, d);
}

static Program *as_given(const Backend *b, const Module *m, const Func *f, Diag *d)
{
    return compile_by(b->compile, b, m, f, d);
}

static Program *new_program(Compile *how, const Backend *b, const Module *m,
                            const Func *f, Diag *d)
{
    if (m->broken) {
        diag_fail(
            d, "memory ran out while the model was rewritten: it has to be loaded again");
        return NULL;
    }
    Program *p = how(b, m, f, d);
    if (!p) return NULL;
    note_optional(p, f);
    if (module_stayed(m, d)) return p;
    program_free(p);
    return NULL;
}

static Program *buckets_by(const Backend *b, const Module *m, const Func *f, Diag *d)
{
    return compile_by(buckets_compile, b, m, f, d);
}

Program *program_new(const Backend *b, const Module *m, const Func *f, Diag *d)
{
    return new_program(buckets_wanted(m) ? buckets_by : compile_for, b, m, f, d);
}

Program *program_new_as_given(const Backend *b, const Module *m, const Func *f, Diag *d)
{
    return new_program(as_given, b, m, f, d);
}

bool program_place(Program *p, Arena *a, Diag *d, Placings *out)
{
    const Backend *b = program_backend(p);
    if (b->place) return b->place(program_now(p), a, d, out);
    return diag_error(d, (Loc){ 0 },
                      "%s has no plan; --backend coreml says where operations would run, "
                      "and cpu by which steps",
                      b->name);
}

const Backend *program_backend(const Program *p)
{
    return p->instead ? p->instead->backend : p->backend;
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
               auto_reason(&a, said, "no reason given"));
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
    const int param = wire_port(b->param, b->nparam, in->name);
    return wire_shares(p, param) && !in->value.data;
}

/* The run again, with what the broken one was given. */
static bool run_again(Program *p, Diag *d, const Binding *in, int nin,
                      const RunOptions *opt)
{
    const Block *b = p->func->body;
    Arena a = { 0 };
    Binding *all = NEW_ARRAY(&a, nin + 1, Binding);
    bool ok = true;
    memcpy(all, in, (size_t)nin * sizeof *all);
    for (int i = 0; i < nin; i++) {
        const int param = wire_port(b->param, b->nparam, in[i].name);
        if (!is_inside(p, &in[i])) continue;
        all[i].value = (Tensor){ 0 };
        ok = ok && p->backend->given(p, param, false, d, &all[i].value);
    }
    ok = ok && p->instead->backend->run(p->instead, d, all, nin, opt);
    for (int i = 0; i < nin; i++) {
        if (is_inside(p, &in[i])) tensor_free(&all[i].value);
    }
    for (int i = 0; p->wire && i < b->nparam; i++) wire_unshare(p, i);
    arena_free(&a);
    return ok;
}

/* What a run that failed by what it was given had to say. */
static void session_retell(Diag *d, const Diag *said)
{
    Arena a = { 0 };
    if (said->fails) diag_fail(d, "%s", auto_reason(&a, said, "no reason given"));
    else if (said->errors)
        diag_error(d, (Loc){ 0 }, "%s", auto_reason(&a, said, "no reason given"));
    arena_free(&a);
}

static bool run_or_fall(Program *p, Diag *d, const Binding *in, int nin,
                        const RunOptions *opt)
{
    Diag said = { .quiet = true };
    if (p->instead || !p->other)
        return program_backend(p)->run(program_now(p), d, in, nin, opt);
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
    bool *given = NEW_ARRAY(&a, b->nparam + 1, bool), ok = true;
    int n = 0;
    for (int i = 0; ok && p->wire && i < b->nparam; i++) {
        if (!wire_flows(p, i)) continue;
        given[i] = true;
        all[n].name = b->param[i]->name;
        ok = wire_value(p, i, d, &all[n++].value);
    }
    int at = 0;
    for (int i = 0; i < nin; i++) {
        const int param = param_find(p->func, in[i].name, &at);
        if (param >= 0) given[param] = true;
        if (!wire_flows(p, param)) all[n++] = in[i];
    }
    ok = ok && add_defaults(p, d, given, all, &n) && inputs_suit(p->takes, d, all, n)
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
                : inputs_suit(p->takes, d, in, nin) && run_or_fall(p, d, in, nin, opt);
    guard_task_end(&lost);
    p->ran = ok
          && module_stayed(p->module, d); /* else it computed with what is left of them */
    return p->ran;
}

int program_results(Program *p, const Binding **out)
{
    return program_backend(p)->results(program_now(p), out);
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
    return program_backend(p)->states(program_now(p), out);
}
void program_reset(Program *p) { program_backend(p)->reset(program_now(p)); }

void program_free(Program *p)
{
    if (!p) return;
    guard_task_end(&p->fell);
    for (int i = 0; p->left_out && i < p->func->body->nparam; i++)
        tensor_free(&p->left_out[i].tensor);
    wires_free(p);
    inputs_forget(p->takes);
    mem_free(p->left_out);
    program_free(p->instead);
    mem_free(p->broke_why);
    p->backend->free(p);
}
