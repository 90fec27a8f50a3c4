/* values.c -- tables and sets of values, by the id that each has in its module. */
#include "ir.h"

/* Pointers to pages with room for one more, at least `page`: the new ones are NULL. */
static void *more_pages(void *pages, uint32_t *npage, uint32_t page)
{
    uint32_t n = *npage ? *npage : 4;
    while (n <= page) n *= 2;
    void **more = mem_resize(pages, n * sizeof *more);
    if (!more) mem_out(n * sizeof *more);
    for (uint32_t i = *npage; i < n; i++) more[i] = NULL;
    *npage = n;
    return more;
}

static void *new_page(size_t count, size_t size)
{
    void *page = mem_zero(count, size);
    if (!page) mem_out(count * size);
    return page;
}

/* ---- pointers ---------------------------------------------------------------------------- */

void values_set(ValueTable *t, const Value *v, void *p)
{
    const uint32_t page = v->id / VALUE_PAGE;
    if (!v->id) bug("a value of no module is noted");
    if (!p && !values_get(t, v)) return;
    if (page >= t->npage) t->page = more_pages(t->page, &t->npage, page);
    if (!t->page[page]) t->page[page] = new_page(VALUE_PAGE, sizeof(void *));
    t->page[page][v->id % VALUE_PAGE] = p;
}

void values_free(ValueTable *t)
{
    for (uint32_t i = 0; i < t->npage; i++) mem_free(t->page[i]);
    mem_free(t->page);
    *t = (ValueTable){ 0 };
}

/* ---- sets -------------------------------------------------------------------------------- */

bool value_set_has(const ValueSet *s, const Value *v)
{
    const uint32_t page = v->id / VALUE_SET_PAGE, bit = v->id % VALUE_SET_PAGE;
    return page < s->npage && s->page[page] && s->page[page][bit / 64] >> bit % 64 & 1;
}

void value_set_put(ValueSet *s, const Value *v, bool in)
{
    const uint32_t page = v->id / VALUE_SET_PAGE, bit = v->id % VALUE_SET_PAGE;
    if (!v->id) bug("a value of no module is noted");
    if (in == value_set_has(s, v)) return;
    if (page >= s->npage) s->page = more_pages(s->page, &s->npage, page);
    if (!s->page[page]) s->page[page] = new_page(VALUE_SET_PAGE / 64, sizeof(uint64_t));
    s->page[page][bit / 64] ^= UINT64_C(1) << bit % 64;
}

void value_set_free(ValueSet *s)
{
    for (uint32_t i = 0; i < s->npage; i++) mem_free(s->page[i]);
    mem_free(s->page);
    *s = (ValueSet){ 0 };
}
