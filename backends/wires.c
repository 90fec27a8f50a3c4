/* wires.c -- program_wire: inputs that are results of another program or of the run before,
 * without a copy where the backend can share memory. */
#include "backend.h"
#include "session.h"

#include <string.h>

struct Wire {
    Program *from; /* NULL: none */
    int result;
    bool shared; /* the backend sees to it: the memory is the same */
    Tensor held; /* a value of the run before, that this run would free */
};

void wire_unshare(Program *to, int param)
{
    struct Wire *w = &to->wire[param];
    if (w->shared) to->backend->wire(to, param, NULL, 0);
    w->shared = false;
}

int wire_port(Value *const *v, int n, const char *name)
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
        diag_error(d, (Loc){ 0 },
                   "input %s is %s, but result %s is %s: they cannot be one",
                   to->body->param[param]->name, type_text(&a, x),
                   from->body->result[result]->name, type_text(&a, y));
    arena_free(&a);
    return ok;
}

bool program_wire(Program *to, const char *input, Program *from, const char *result,
                  Diag *d)
{
    const Block *b = to->func->body;
    const int param = wire_port(b->param, b->nparam, input);
    if (param < 0 || param_is_kept(to->func, b->param[param]))
        return no_such(d, to->func, "input", input);
    if (!to->wire) to->wire = mem_zero((size_t)b->nparam, sizeof *to->wire);
    if (!to->wire) mem_out((size_t)b->nparam * sizeof *to->wire);
    mem_follow(to, to->wire);
    struct Wire *w = &to->wire[param];
    if (!from) {
        wire_unshare(to, param);
        tensor_free(&w->held);
        *w = (struct Wire){ 0 };
        return true;
    }
    const int k = wire_port(from->func->body->result, from->func->body->nresult, result);
    if (k < 0) return no_such(d, from->func, "result", result);
    if (!check_wire(to->func, param, from->func, k, d)) return false;
    if (w->from && !program_wire(to, input, NULL, NULL, d)) return false;
    *w = (struct Wire){ .from = from, .result = k };
    w->shared = !to->instead && !from->instead && to->backend == from->backend
             && to->backend->wire && to->backend->wire(to, param, from, k);
    return true;
}

bool wire_value(Program *to, int param, Diag *d, Tensor *out)
{
    const Binding *result;
    struct Wire *w = &to->wire[param];
    const Backend *b = program_backend(to);
    if (w->from->instead) wire_unshare(to, param);
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
    if (!b->take || !b->take(program_now(to), w->result, &w->held))
        if (!tensor_copy(&w->held, d, out)) return false;
    tensor_follow(to, &w->held);
    *out = w->held;
    return true;
}

bool wire_flows(const Program *to, int param)
{
    const Program *from = to->wire && param >= 0 ? to->wire[param].from : NULL;
    return from && from->ran;
}

bool wire_shares(const Program *to, int param)
{
    return to->wire && to->wire[param].shared;
}

void wires_free(Program *p)
{
    for (int i = 0; p->wire && i < p->func->body->nparam; i++)
        tensor_free(&p->wire[i].held);
    mem_free(p->wire);
}
