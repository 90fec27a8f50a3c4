/* module.c -- modules and functions: making and freeing them, names, types, named weights. */
#include "ir.h"
#include "ops/ops.h"

#include <string.h>

/* ---- opsets ------------------------------------------------------------------------------ */

static const struct {
    const char *text;
    Opset opset;
} opset_names[] = {
    { "ios13", OPSET_IOS15 }, { "ios14", OPSET_IOS15 }, { "ios15", OPSET_IOS15 },
    { "ios16", OPSET_IOS16 }, { "ios17", OPSET_IOS17 }, { "ios18", OPSET_IOS18 },
    { "ios26", OPSET_IOS26 },
};

Opset opset_find(const char *text)
{
    for (size_t i = 0; i < COUNT(opset_names); i++)
        if (!strcmp(opset_names[i].text, text)) return opset_names[i].opset;
    return OPSET_NONE;
}

const char *opset_text(Opset o)
{
    for (size_t i = COUNT(opset_names); i-- > 0;)
        if (opset_names[i].opset == o) return opset_names[i].text;
    return "ios15";
}

/* ---- modules and functions --------------------------------------------------------------- */

Module *module_new(void)
{
    Module *m = mem_zero(1, sizeof *m);
    if (!m) mem_out(sizeof *m);
    m->names.arena = &m->arena;
    m->version = "1.0";
    m->default_func = "main";
    return m;
}

void module_free(Module *m)
{
    if (!m) return;
    made_free(m);
    weight_files_close(m);
    for (int i = 0; i < m->nmaps; i++) file_unmap(&m->maps[i]);
    for (Scratch *s = m->scratch, *next; s; s = next) {
        next = s->next;
        scratch_free(s);
    }
    ptrmap_free(&m->func_of);
    ptrmap_free(&m->layer_of);
    names_free(&m->names);
    arena_free(&m->arena);
    mem_free(m);
}

const WeightFile *module_files(const Module *m)
{
    return m->origin ? m->origin->files : m->files;
}

uint32_t module_name_weight(Module *m, const char *path, const struct Compression *as)
{
    if (!m->nweight) m->nweight = 1;
    if (m->nweight >= m->weight_cap) {
        const uint32_t cap = m->weight_cap ? 2 * m->weight_cap : m->nweight + ARRAY_FIRST;
        NamedWeight *more = NEW_ARRAY(&m->arena, cap, NamedWeight);
        if (m->weight) memcpy(more, m->weight, m->nweight * sizeof *more);
        m->weight = more;
        m->weight_cap = cap;
    }
    m->weight[m->nweight] = (NamedWeight){ path, as };
    return m->nweight++;
}

const NamedWeight *const_weight(const Module *m, const Const *c)
{
    for (;;) {
        if (c->weight) return c->weight < m->nweight ? &m->weight[c->weight] : NULL;
        if (c->kind == CONST_OF) c = c->of;
        else if (c->kind == CONST_MADE && const_made_largest(c))
            c = const_made_largest(c);
        else return NULL;
    }
}

bool module_stayed(const Module *m, Diag *d)
{
    for (int i = 0; i < m->nmaps; i++)
        if (!file_stayed(d, &m->maps[i])) return false;
    if (m->origin) return module_stayed(m->origin, d);
    for (const WeightFile *w = module_files(m); w; w = w->next)
        if (!file_stayed(d, &w->map)) return false;
    return true;
}

const char *module_name(Module *m, const char *s) { return name_intern_z(&m->names, s); }

Func *module_func(const Module *m, const char *name)
{
    const char *own = name_find(&m->names, name);
    return own ? ptrmap_get(&m->func_of, own) : NULL;
}

Func *module_main(const Module *m)
{
    Func *f = module_func(m, m->default_func);
    return f ? f : m->first;
}

bool module_short_scalars(const Module *m)
{
    return strcmp(m->version, "1.0") != 0 && strcmp(m->version, "1") != 0;
}

Func *func_new(Module *m, const char *name, Opset opset)
{
    Func *f = NEW(&m->arena, Func);
    f->name = module_name(m, name);
    f->module = m;
    f->opset = opset;
    f->number = m->last ? m->last->number + 1 : 1;
    f->body = NEW(&m->arena, Block);
    f->body->func = f;
    if (m->last) m->last->next = f;
    else m->first = f;
    m->last = f;
    if (!ptrmap_get(&m->func_of, f->name)) ptrmap_set(&m->func_of, f->name, f);
    return f;
}

/* A name's note says which function uses it; what others use too stands in a table of each of
 * those. */
static struct NameUse *name_slot(struct NameUse *used, size_t cap, const char *name)
{
    size_t i = (size_t)(((uintptr_t)name >> 2) * 0x9E3779B97F4A7C15u >> 20) & (cap - 1);
    while (used[i].name && used[i].name != name) i = (i + 1) & (cap - 1);
    return &used[i];
}

static bool claim_shared(Func *f, const char *name)
{
    if (2 * f->used_count >= f->used_cap) {
        size_t cap = f->used_cap ? 2 * f->used_cap : 8;
        struct NameUse *more = NEW_ARRAY(&f->module->arena, cap, struct NameUse);
        for (size_t i = 0; i < f->used_cap; i++)
            if (f->used[i].name) *name_slot(more, cap, f->used[i].name) = f->used[i];
        f->used = more;
        f->used_cap = cap;
    }
    struct NameUse *s = name_slot(f->used, f->used_cap, name);
    if (s->name) return false;
    s->name = name;
    f->used_count++;
    return true;
}

/* Notes are short: a function beyond those has its table alone, 0. */
static uint16_t short_number(const Func *f)
{
    return f->number <= UINT16_MAX ? (uint16_t)f->number : 0;
}

bool func_claim_name(Func *f, const char *name)
{
    const uint16_t own = short_number(f);
    NameNote *note = name_note(name);
    if (!own || (note->owner && note->owner != own)) return claim_shared(f, name);
    const bool is_free = !note->owner;
    note->owner = own;
    return is_free;
}

int func_next_suffix(Func *f, const char *base)
{
    NameNote *note = name_note(base);
    const bool own = note->owner && note->owner == short_number(f);
    if (own && note->count < UINT16_MAX) return note->count++;
    if (own && claim_shared(f, base))
        name_slot(f->used, f->used_cap, base)->next = UINT16_MAX;
    return name_slot(f->used, f->used_cap, base)->next++;
}
