/* layout.c -- layout of surfaces, in which rows are padded to 64 bytes. */
#include "sim.h"

#include "../../ir/ops/eval.h"
#include "../forms.h"

#include <string.h>

static int64_t layout_dim(const Shape *s, int from_end)
{
    return s->rank >= from_end ? s->dim[s->rank - from_end] : 1;
}

bool layout_of(const char *name, DType t, const Shape *s, SimLayout *out)
{
    size_t planes, padded;
    *out = (SimLayout){ .name = name,
                        .type = t,
                        .width = layout_dim(s, 1),
                        .height = layout_dim(s, 2),
                        .channels = layout_dim(s, 3),
                        .batch = 1 };
    if (dtypes[t].bits < 8) return false;
    if (s->rank > 3) out->batch = shape_elements(s, 0, s->rank - 3);
    if (!size_mul((size_t)out->width, (size_t)dtypes[t].bits / 8, &out->row)
        || !size_add(out->row, ENGINE_ROW - 1, &padded))
        return false;
    out->row_stride = padded / ENGINE_ROW * ENGINE_ROW;
    return size_mul(out->row_stride, (size_t)out->height, &out->plane_stride)
        && size_mul((size_t)out->batch, (size_t)out->channels, &planes)
        && size_mul(out->plane_stride, planes, &out->bytes);
}

void layout_poison(const SimLayout *l, void *surface)
{
    if (l->bytes) memset(surface, 0xff, l->bytes);
}

static int64_t rows_of(const SimLayout *l)
{
    return l->row ? l->batch * l->channels * l->height : 0;
}

void layout_put(const SimLayout *l, const void *packed, void *surface)
{
    for (int64_t i = 0; i < rows_of(l); i++)
        memcpy((char *)surface + (size_t)i * l->row_stride,
               (const char *)packed + (size_t)i * l->row, l->row);
}

void layout_get(const SimLayout *l, const void *surface, void *packed)
{
    for (int64_t i = 0; i < rows_of(l); i++)
        memcpy((char *)packed + (size_t)i * l->row,
               (const char *)surface + (size_t)i * l->row_stride, l->row);
}

void layouts_order(SimLayout *l, int n)
{
    for (int i = 0; i < n; i++) {
        l[i].symbol = 0;
        for (int k = 0; k < n; k++) {
            int cmp = strcmp(l[k].name, l[i].name);
            l[i].symbol += cmp < 0 || (cmp == 0 && k < i);
        }
    }
}
