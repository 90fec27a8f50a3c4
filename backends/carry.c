/* carry.c -- states on an engine, which has none: a run takes their values as inputs and gives
 * the new ones as results.
 *
 * The engine's program is a copy of the function in which each state is an input and a result
 * (ir/passes/states.c). A function that is like that already, with a note that says which
 * inputs stand for states (ir/query.h), is run in the same way.
 *
 * Where the engine can make an input the memory of a result (Backend.wire), the two are
 * exchanged before each run and nothing is copied: the values stay in the engine's memory.
 * They are copied out when somebody asks for them, since he may change them, and in again
 * with the next run. Elsewhere each run copies them in and out. A run that fails leaves them
 * as they were. */
#include "composed.h"

#include "../ir/ir.h"
#include "../ir/passes/passes.h"

#include <string.h>

typedef struct {
    Program base;  /* first */
    Backend calls; /* what base.backend points at: the engine's name, and these calls */
    Module *own;   /* the copy without states */
    Program *inner;
    int *takes; /* part_params of the copy */
    Binding *state;
    int *result; /* by state: which result of the copy it becomes; -1: it stays */
    int *param;  /* and which parameter it is */
    int nstate;
    /* by result of the copy: what a state becomes, and nobody else asks for */
    bool *unread;
    bool wired;  /* results become inputs without a copy */
    bool inside; /* what the states are is in the engine's memory alone */
    char *why;
} Carried;

static Carried *carried_of(Program *p) { return (Carried *)p; }

/* ---- whether ----------------------------------------------------------------------------- */

static bool has_state(const Func *f)
{
    for (int i = 0; i < f->body->nparam; i++)
        if (param_is_state(f->body->param[i])) return true;
    return false;
}

/* One that is written inside of a cond cannot be carried: the engine refuses it. */
static bool can_carry(const Func *f)
{
    for (int i = 0; i < f->body->nparam; i++)
        if (param_is_state(f->body->param[i])
            && rule_state_is_inside(f, f->body->param[i]))
            return false;
    return true;
}

bool carry_wanted(const Backend *b, const Func *f, Diag *d)
{
    RuleSet rs;
    for (int i = 0; i < f->body->nparam; i++)
        if (carried_is(f, f->body->param[i])) return true;
    return has_state(f) && backend_rules(b, &rs, d) && rule_fixes(&rs, RULE_state)
        && can_carry(f);
}

/* ---- the calls of a backend -------------------------------------------------------------- */

/* What became of the states. */
static void keep_states(Carried *c)
{
    const Binding *from;
    program_all_results(c->inner, &from);
    for (int i = 0; i < c->nstate; i++) {
        Tensor *t = &c->state[i].value;
        if (c->result[i] >= 0 && t->bytes)
            memcpy(t->data, from[c->result[i]].value.data, t->bytes);
    }
    c->inside = false;
}

/* Out of the memory that a run has left, where that failed or did not begin. */
static bool recover_states(Carried *c, Diag *d)
{
    bool ok = true;
    for (int i = 0; ok && i < c->nstate; i++) {
        Tensor was = { 0 }, *t = &c->state[i].value;
        if (c->result[i] < 0) continue;
        ok = c->inner->backend->given(c->inner, c->param[i], false, d, &was);
        if (ok && t->bytes) memcpy(t->data, was.data, t->bytes);
        tensor_free(&was);
    }
    c->inside = c->inside && !ok;
    return ok;
}

/* All of them go in, or none: without memory it is what is there. */
static void give_states(const Carried *c, Binding *to)
{
    for (int i = 0; i < c->nstate; i++) {
        to[i] = c->state[i];
        to[i].value.owned = false;
        if (c->inside) to[i].value.data = NULL;
    }
}

static bool carry_run(Program *p, Diag *d, const Binding *in, int nin,
                      const RunOptions *opt)
{
    Carried *c = carried_of(p);
    Arena a = { 0 };
    Binding *all = NEW_ARRAY(&a, nin + c->nstate + 1, Binding);
    const int n = part_given(p->func, c->inner->func, c->takes, in, nin, all);
    bool ok = !c->inside || c->inner->ran || recover_states(c, d);
    give_states(c, all + n);
    ok = ok && program_run(c->inner, d, all, n + c->nstate, opt);
    p->broke = c->inner->broke;
    if (!ok && c->inside) recover_states(c, d);
    if (ok) c->inside = c->wired;
    if (ok && !c->wired) keep_states(c);
    arena_free(&a);
    return ok;
}

/* Those of the function, before those that are states. */
static int carry_results(Program *p, const Binding **out)
{
    const int n = program_results(carried_of(p)->inner, out);
    return n < p->func->body->nresult ? n : p->func->body->nresult;
}

static int carry_states(Program *p, Binding **out)
{
    Carried *c = carried_of(p);
    Diag quiet = { .quiet = true };
    if (c->inside && c->inner->ran) keep_states(c);
    else if (c->inside && !recover_states(c, &quiet))
        mem_out(c->state->value.bytes); /* its surfaces cannot be locked any more */
    diag_free(&quiet);
    *out = c->state;
    return c->nstate;
}

static void carry_reset(Program *p)
{
    Carried *c = carried_of(p);
    for (int i = 0; i < c->nstate; i++)
        if (c->state[i].value.bytes)
            memset(c->state[i].value.data, 0, c->state[i].value.bytes);
    c->inside = false;
    program_reset(c->inner);
}

static bool carry_place(Program *p, Arena *a, Diag *d, Placings *out)
{
    return program_place(carried_of(p)->inner, a, d, out);
}

static void carry_free(Program *p)
{
    Carried *c = carried_of(p);
    program_free(c->inner);
    module_free(c->own);
    for (int i = 0; i < c->nstate; i++) tensor_free(&c->state[i].value);
    mem_free(c->takes);
    mem_free(c->state);
    mem_free(c->result);
    mem_free(c->param);
    mem_free(c->unread);
    mem_free(c->why);
    mem_free(c);
}

/* ---- compiling --------------------------------------------------------------------------- */

/* It cannot fail: what is written inside of a cond is not carried. */
static bool take_states(Module *m, const Backend *b, Diag *d)
{
    RuleSet rs;
    Diag quiet = { .quiet = true };
    bool ok = backend_rules(b, &rs, d);
    const PassOptions o = { .target = rs.target, .rules = &rs, .only = "states" };
    ok = ok && passes_run(m, &o, &quiet);
    diag_free(&quiet);
    return ok;
}

static bool add_state(Carried *c, const Func *f, int param, Diag *d)
{
    const Value *v = f->body->param[param];
    Binding *s = &c->state[c->nstate];
    const Type *t = v->type;
    Arena a = { 0 };
    const bool known = shape_known(&t->shape)
                    || diag_error(d, value_loc(v),
                                  "the state %s has an unknown dimension: %s", v->name,
                                  shape_text(&a, &t->shape));
    arena_free(&a);
    if (!known || !tensor_alloc(&s->value, d, t->dtype, &t->shape)) return false;
    s->name = v->name;
    c->param[c->nstate] = param;
    c->result[c->nstate++] = carried_result(f, v);
    return true;
}

static bool make_states(Carried *c, const Func *f, Diag *d)
{
    const Block *b = f->body;
    const size_t n = (size_t)b->nparam + 1;
    if (!(c->state = mem_zero(n, sizeof *c->state))
        || !(c->result = mem_zero(n, sizeof *c->result))
        || !(c->param = mem_zero(n, sizeof *c->param)))
        mem_out(n * sizeof *c->state);
    bool ok = true;
    for (int i = 0; ok && i < b->nparam; i++)
        if (carried_is(f, b->param[i])) ok = add_state(c, f, i, d);
    carried_forget(c->own); /* for what runs it they are inputs */
    return ok;
}

static char *carry_also(const Carried *c, const char *why)
{
    Buf b = { 0 };
    buf_printf(&b, "%s%sits states are kept %s", why ? why : "", why ? "; " : "",
               c->wired ? "in its memory" : "outside");
    return b.s;
}

/* Each state that is written becomes an input of the next run where it lies; all or none.
 * `shown`: results of the function itself, which a noted one may have among them. */
static void wire_states(Carried *c, int shown)
{
    Program *p = c->inner;
    const size_t nresult = (size_t)p->func->body->nresult + 1;
    int n = 0;
    if (!p->backend->wire) return;
    if (!(c->unread = mem_zero(nresult, sizeof *c->unread))) mem_out(nresult);
    while (n < c->nstate
           && (c->result[n] < 0 || p->backend->wire(p, c->param[n], p, c->result[n])))
        n++;
    c->wired = n == c->nstate;
    while (!c->wired && n-- > 0)
        if (c->result[n] >= 0) p->backend->wire(p, c->param[n], NULL, 0);
    if (!c->wired) return;
    for (int i = 0; i < c->nstate; i++)
        if (c->result[i] >= shown) c->unread[c->result[i]] = true;
    p->unread = c->unread;
}

static bool make_inner(Carried *c, const Backend *b, const Func *f, Diag *d)
{
    c->own = func_extract(f);
    Func *g = module_main(c->own);
    if ((has_state(f) && !take_states(c->own, b, d)) || !make_states(c, g, d))
        return false;
    c->inner = program_under(b, c->own, g, d);
    c->takes = part_params(f, g);
    return c->inner != NULL;
}

Program *carry_compile(const Backend *b, const Module *m, const Func *f, Diag *d)
{
    Carried *c = mem_zero(1, sizeof *c);
    if (!c) mem_out(sizeof *c);
    (void)m;
    c->calls = (Backend){ .name = b->name,
                          .doc = b->doc,
                          .target = b->target,
                          .row = b->row,
                          .run = carry_run,
                          .results = carry_results,
                          .states = carry_states,
                          .reset = carry_reset,
                          .free = carry_free };
    if (b->place) c->calls.place = carry_place;
    c->base.backend = &c->calls;
    c->base.func = f;
    if (!make_inner(c, b, f, d)) {
        carry_free(&c->base);
        return NULL;
    }
    wire_states(c, f->body->nresult);
    c->base.as = c->inner->as;
    c->base.as.why = c->why = carry_also(c, c->inner->as.why);
    return &c->base;
}
