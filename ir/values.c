/* values.c -- side tables by a value's number in its module. */
#include "ir.h"

static void add_pages(ValueTable *t, uint32_t page)
{
    uint32_t n = t->npage ? t->npage : 4;
    while (n <= page) n *= 2;
    void ***more = mem_resize(t->page, n * sizeof *more);
    if (!more) mem_out(n * sizeof *more);
    for (uint32_t i = t->npage; i < n; i++) more[i] = NULL;
    t->page = more;
    t->npage = n;
}

void values_set(ValueTable *t, const Value *v, void *p)
{
    const uint32_t page = v->id / VALUE_PAGE;
    if (!v->id) bug("a value of no module is noted");
    if (!p && !values_get(t, v)) return;
    if (page >= t->npage) add_pages(t, page);
    if (!t->page[page]) t->page[page] = mem_zero(VALUE_PAGE, sizeof(void *));
    if (!t->page[page]) mem_out(VALUE_PAGE * sizeof(void *));
    t->page[page][v->id % VALUE_PAGE] = p;
}

void values_free(ValueTable *t)
{
    for (uint32_t i = 0; i < t->npage; i++) mem_free(t->page[i]);
    mem_free(t->page);
    *t = (ValueTable){ 0 };
}
