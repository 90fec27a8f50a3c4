/* loc.c -- where in the sources ops, values and arguments stand. Most stand in the source of their
 * op, so that they have a position alone; a module numbers its sources. */
#include "ir.h"

#include <stddef.h>

/* Ops say in two bytes which source they stand in; 0 is none. */
static uint16_t known_source(Module *m, const Source *src)
{
    int i = m->nknown;
    while (i > 0 && m->known[i - 1] != src) i--;
    if (i || !src || m->nknown == UINT16_MAX) return (uint16_t)i;
    m->known = module_appended(m, m->known, m->nknown, (void *)(uintptr_t)src);
    return (uint16_t)++m->nknown;
}

static uint16_t short_len(uint32_t len)
{
    return len < UINT16_MAX ? (uint16_t)len : UINT16_MAX;
}

static const Source *op_source(const Op *op)
{
    return op->source ? op->parent->func->module->known[op->source - 1] : NULL;
}

Loc op_loc(const Op *op)
{
    return (Loc){ .src = op_source(op), .at = op->at, .len = op->len };
}

void op_set_loc(Op *op, Loc loc)
{
    op->source = known_source(op->parent->func->module, loc.src);
    op->at = loc.at;
    op->len = short_len(loc.len);
}

/* Values without an op have their source before them. */
typedef struct {
    const Source *src;
    Literal of; /* a value alone where it is none */
} PlacedValue;

static Value *placed(Module *m, Loc loc, size_t size)
{
    PlacedValue *p = arena_alloc(&m->arena, size);
    p->src = loc.src;
    p->of.v = (Value){ .placed = true, .at = loc.at, .len = short_len(loc.len) };
    return &p->of.v;
}

Value *value_placed(Module *m, Loc loc)
{
    return placed(m, loc, offsetof(PlacedValue, of) + sizeof(Value));
}

Value *literal_placed(Module *m, const Const *c, Loc loc)
{
    const bool own = loc.src == c->loc.src && loc.at == c->loc.at
                  && loc.len == c->loc.len;
    Value *v = own ? &NEW(&m->arena, Literal)->v : placed(m, loc, sizeof(PlacedValue));
    v->type = c->type;
    v->has_lit = true;
    value_set_lit(v, c);
    return v;
}

void value_set_lit(Value *v, const Const *c)
{
    if (!v->def) ((Literal *)v)->lit = c;
    else op_set_attr(v->def->parent->func->module, v->def, "val", c);
}

static const Source *source_of_value(const Value *v)
{
    if (v->placed)
        return ((const PlacedValue *)(const void *)((const char *)v
                                                    - offsetof(PlacedValue, of)))
            ->src;
    return v->def ? op_source(v->def) : value_lit(v) ? value_lit(v)->loc.src : NULL;
}

Loc value_loc(const Value *v)
{
    if (v->len || v->placed)
        return (Loc){ .src = source_of_value(v), .at = v->at, .len = v->len };
    return v->def       ? op_loc(v->def)
         : value_lit(v) ? value_lit(v)->loc
                        : (Loc){ .src = NULL };
}

void value_set_loc(Value *v, Loc loc)
{
    const bool own = loc.src && loc.src == source_of_value(v);
    v->at = own ? loc.at : 0;
    v->len = own ? short_len(loc.len) : 0;
}

Loc arg_loc(const Op *op, const Arg *a)
{
    return a->len ? (Loc){ .src = op_source(op), .at = a->at, .len = a->len }
                  : op_loc(op);
}

void arg_set_loc(const Op *op, Arg *a, Loc loc)
{
    enum { MOST = (1 << 22) - 1 };
    const bool own = loc.src == op_source(op);
    a->at = own ? loc.at : 0;
    a->len = (!own ? 0 : loc.len < MOST ? loc.len : MOST) & MOST;
}
