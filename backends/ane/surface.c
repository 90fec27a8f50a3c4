/* surface.c -- copies tensors into and out of surfaces: rows with a stride, other float
 * types. */
#include "ane_model.h"
#include "../forms.h"

#include <string.h>

static int64_t surface_elements(const Port *p)
{
    return p->channels * p->height * p->width;
}
static int64_t surface_rows(const Port *p) { return p->batch * p->channels * p->height; }

static size_t row_at(const Port *p, int64_t r)
{
    const int64_t plane = r / p->height, batch = plane / p->channels;
    return (size_t)batch * p->batch_stride + (size_t)(plane % p->channels) * p->plane
         + (size_t)(r % p->height) * p->row;
}

bool port_fit(Port *p, const Type *t)
{
    size_t count;
    const bool is_float = t->dtype == DT_FP16 || t->dtype == DT_FP32;
    if (!shape_count(&t->shape, &count) || !count || count % (size_t)surface_elements(p))
        return false;
    const int64_t batch = (int64_t)(count / (size_t)surface_elements(p));
    if (p->batch > 1 && p->batch != batch) return false;
    p->batch = batch;
    if (!size_mul(p->batch_stride, (size_t)batch, &p->bytes)) return false;
    return is_float ? p->element == 2 || p->element == 4
                    : p->element * 8 == dtypes[t->dtype].bits;
}

void port_guess(Port *p, const char *name, const Type *t, int element)
{
    const Shape *s = &t->shape;
    const int n = s->rank;
    *p = (Port){ .name = name,
                 .batch = 1,
                 .channels = 1,
                 .height = 1,
                 .element = element,
                 .width = n ? s->dim[n - 1] : 1 };
    for (int i = 0; i + 1 < n; i++) p->channels *= s->dim[i];
    p->row = ((size_t)p->width * (size_t)element + ENGINE_ROW - 1) / ENGINE_ROW
           * ENGINE_ROW;
    p->plane = p->row;
    p->batch_stride = p->bytes = p->plane * (size_t)p->channels;
}

/* ---- elements ---------------------------------------------------------------------------- */

void surface_write(void *base, const Port *p, const Tensor *t)
{
    const size_t n = (size_t)p->width;
    const int from = dtypes[t->dtype].bits / 8;
    for (int64_t r = 0; r < surface_rows(p); r++) {
        void *to = (char *)base + row_at(p, r);
        const void *src = (const char *)t->data + (size_t)r * n * (size_t)from;
        if (from == p->element) memcpy(to, src, n * (size_t)from);
        else if (from == 4) f16_from_floats(src, to, n);
        else f16_to_floats(src, to, n);
    }
}

void surface_read(const void *base, const Port *p, Tensor *t)
{
    const size_t n = (size_t)p->width;
    const int to = dtypes[t->dtype].bits / 8;
    for (int64_t r = 0; r < surface_rows(p); r++) {
        const void *src = (const char *)base + row_at(p, r);
        void *dst = (char *)t->data + (size_t)r * n * (size_t)to;
        if (to == p->element) memcpy(dst, src, n * (size_t)to);
        else if (to == 4) f16_to_floats(src, dst, n);
        else f16_from_floats(src, dst, n);
    }
}

/* ---- poison: a NaN with a payload; of bytes, a value that seldom fills a row ------------- */

static const unsigned char poison_2[2] = { 0x5a, 0x7e },
                           poison_4[4] = { 0x5a, 0x5a, 0xc0, 0x7f },
                           poison_1[1] = { 0x5a };

static const unsigned char *poison_of(const Port *p)
{
    return p->element == 4 ? poison_4 : p->element == 2 ? poison_2 : poison_1;
}

void surface_poison(void *base, const Port *p)
{
    const unsigned char *bytes = poison_of(p);
    for (size_t i = 0; i < p->bytes; i++)
        ((unsigned char *)base)[i] = bytes[i % (size_t)p->element];
}

int64_t surface_untouched(const void *base, const Port *p)
{
    const unsigned char *bytes = poison_of(p);
    const size_t line = (size_t)p->width * (size_t)p->element;
    int64_t n = 0;
    for (int64_t r = 0; r < surface_rows(p); r++) {
        const unsigned char *row = (const unsigned char *)base + row_at(p, r);
        size_t i = 0;
        while (i < line && row[i] == bytes[i % (size_t)p->element]) i++;
        n += i == line;
    }
    return p->element == 1 && n < surface_rows(p) ? 0 : n;
}
