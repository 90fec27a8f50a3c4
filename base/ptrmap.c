/* ptrmap.c -- a table from pointers to pointers. */
#include "base.h"

#include <stdlib.h>

enum { FIRST_CAP = 256 };

/* Where the key is, or would go. At most half of the slots are taken, so the search ends. */
static struct PtrSlot *ptrmap_find(struct PtrSlot *slot, size_t cap, const void *key)
{
    size_t i = (size_t)(((uintptr_t)key >> 3) * UINT64_C(0x9E3779B97F4A7C15) >> 24) & (cap - 1);
    while (slot[i].key && slot[i].key != key) i = (i + 1) & (cap - 1);
    return &slot[i];
}

static void ptrmap_grow(PtrMap *m)
{
    const size_t cap = m->cap ? 2 * m->cap : FIRST_CAP;
    struct PtrSlot *more = mem_zero(cap, sizeof *more);
    if (!more) mem_out(cap * sizeof *more);
    for (size_t i = 0; i < m->cap; i++)
        if (m->slot[i].key) *ptrmap_find(more, cap, m->slot[i].key) = m->slot[i];
    mem_free(m->slot);
    m->slot = more;
    m->cap = cap;
}

void *ptrmap_get(const PtrMap *m, const void *key)
{
    return m->cap ? ptrmap_find(m->slot, m->cap, key)->val : NULL;
}

void *ptrmap_set(PtrMap *m, const void *key, void *val)
{
    if (2 * m->count >= m->cap) ptrmap_grow(m);
    struct PtrSlot *s = ptrmap_find(m->slot, m->cap, key);
    void *before = s->val;
    if (!s->key) m->count++;
    *s = (struct PtrSlot){ key, val };
    return before;
}

void ptrmap_clear(PtrMap *m)
{
    if (m->count) memset(m->slot, 0, m->cap * sizeof *m->slot);
    m->count = 0;
}

void ptrmap_free(PtrMap *m)
{
    mem_free(m->slot);
    *m = (PtrMap){ 0 };
}
