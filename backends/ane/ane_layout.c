/* ane_layout.c -- where the inputs and results of a compiled program lie in surfaces: what its model
 * says, or what is assumed where it says nothing that fits. */
#include "ane_model.h"

#include <stdlib.h>
#include <string.h>

static int by_name(const void *a, const void *b)
{
    return strcmp(((const Port *)a)->name, ((const Port *)b)->name);
}

/* What the compiled model did not tell: names in order, which most users of the engine
 * found. */
static void guess_ports(const AneModel *model, Arena *arena, Value *const *v, int n,
                        Port **out)
{
    const bool half = !strcmp(model->as.io, "fp16");
    *out = NEW_ARRAY(arena, n + 1, Port);
    for (int i = 0; i < n; i++) {
        bool is_float = dtype_is_float(v[i]->type->dtype);
        port_guess(&(*out)[i], v[i]->name, v[i]->type,
                   is_float ? (half ? 2 : 4) : dtypes[v[i]->type->dtype].bits / 8);
    }
    qsort(*out, (size_t)n, sizeof **out, by_name);
    for (int i = 0; i < n; i++) (*out)[i].symbol = i;
}

/* Symbols are counted over all functions, so they can be guessed where there is one. */
static bool guess_layout(const AneModel *model, Arena *arena, const Func *f, Layout *l,
                         const char **why, Diag *d)
{
    const Module *m = ane_module(model);
    if (m->first->next)
        return diag_fail(
            d,
            "%s, and the program has several functions: where %s is bound cannot be guessed",
            *why, f->name);
    *l = (Layout){ .nin = f->body->nparam, .nout = f->body->nresult, .guessed = true };
    guess_ports(model, arena, f->body->param, l->nin, &l->in);
    guess_ports(model, arena, f->body->result, l->nout, &l->out);
    *why = arena_printf(arena, "%s: rows of 64 bytes and names in order are assumed",
                        *why);
    diag_warn(d, WARN_LAYOUT, f->loc, "%s", *why);
    return true;
}

static bool has_ports(Value *const *v, int n, const Port *port, int nport)
{
    if (n != nport) return false;
    for (int i = 0; i < n; i++)
        if (!port_find(port, nport, v[i]->name)) return false;
    return true;
}

bool ane_layout(const AneModel *model, Arena *arena, const Func *f, Layout *l,
                const char **why, Diag *d)
{
    LayoutFound found = engine_layout(ane_engine(model), arena, model->id, f->name, l,
                                      why);
    if (found == LAYOUT_REFUSED)
        return diag_fail(d, "the compiled program cannot be bound: %s", *why);
    if (found == LAYOUT_READ
        && (!has_ports(f->body->param, f->body->nparam, l->in, l->nin)
            || !has_ports(f->body->result, f->body->nresult, l->out, l->nout))) {
        found = LAYOUT_UNTOLD;
        *why = "the compiled model's ports have other names than the program's";
    }
    return found == LAYOUT_READ || guess_layout(model, arena, f, l, why, d);
}
