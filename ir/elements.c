/* elements.c -- tensors: packed elements of any type, read and written as numbers. */
#include "ir.h"

#include <stdlib.h>
#include <string.h>

bool tensor_alloc(Tensor *t, Diag *d, DType dtype, const Shape *s)
{
    size_t n, bits, bytes;
    *t = (Tensor){ .dtype = dtype, .shape = *s };
    bool fits = shape_count(s, &n)
             && size_mul(n, dtype == DT_STRING ? 64 : (size_t)dtypes[dtype].bits, &bits)
             && size_add(bits, 7, &bits) && bits / 8 <= PTRDIFF_MAX;
    bytes = fits ? bits / 8 : 0;
    void *p = fits ? mem_zero(bytes ? bytes : 1, 1) : NULL;
    /* who listens to nothing would take it for a wrong program */
    if (!p && d->quiet) mem_out(bytes);
    if (!p) {
        Arena a = { 0 };
        diag_fail(d, "no memory for a tensor of %s %s", dtypes[dtype].name,
                  shape_text(&a, s));
        arena_free(&a);
        return false;
    }
    t->count = n;
    t->bytes = bytes;
    t->data = p;
    t->owned = true;
    return true;
}

bool tensor_again(Tensor *t, Diag *d, DType dtype, const Shape *s)
{
    const Type type = { .kind = TY_TENSOR, .dtype = dtype, .shape = *s };
    size_t n;
    if (!t->owned || t->is_list || dtype == DT_STRING || t->dtype == DT_STRING
        || !t->bytes || !shape_count(s, &n) || type_bytes(&type) != t->bytes) {
        tensor_free(t);
        return tensor_alloc(t, d, dtype, s);
    }
    memset(t->data, 0, t->bytes);
    *t = (Tensor){ .dtype = dtype,
                   .shape = *s,
                   .count = n,
                   .bytes = t->bytes,
                   .data = t->data,
                   .owned = true };
    return true;
}

void tensor_free(Tensor *t)
{
    for (int64_t i = 0; i < t->nitem; i++)
        if (t->item[i]) {
            tensor_free(t->item[i]);
            mem_free(t->item[i]);
        }
    mem_free(t->item);
    if (t->owned) mem_free(t->data);
    *t = (Tensor){ 0 };
}

void tensor_follow(const void *owner, const Tensor *t)
{
    if (t->owned) mem_follow(owner, t->data);
    mem_follow(owner, t->item);
    for (int64_t i = 0; i < t->nitem; i++) {
        mem_follow(owner, t->item[i]);
        if (t->item[i]) tensor_follow(owner, t->item[i]);
    }
}

Tensor tensor_view(DType dtype, const Shape *s, const void *data)
{
    Tensor t = { .dtype = dtype, .shape = *s, .data = (void *)(uintptr_t)data };
    const Type type = { .kind = TY_TENSOR, .dtype = dtype, .shape = *s };
    if (!shape_count(s, &t.count)) bug("a view of unknown dimension");
    t.bytes = type_bytes(&type);
    return t;
}

bool tensor_copy(Tensor *dst, Diag *d, const Tensor *src)
{
    if (!src->is_list) {
        if (!tensor_alloc(dst, d, src->dtype, &src->shape)) return false;
        if (src->bytes) memcpy(dst->data, src->data, src->bytes);
        return true;
    }
    *dst = (Tensor){
        .is_list = true, .fixed = src->fixed, .dtype = src->dtype, .shape = src->shape
    };
    dst->item = mem_zero((size_t)src->nitem + 1, sizeof *dst->item);
    if (!dst->item)
        return diag_fail(d, "no memory for a list of %lld", (long long)src->nitem);
    for (dst->nitem = 0; dst->nitem < src->nitem; dst->nitem++) {
        Tensor *from = src->item[dst->nitem];
        if (!from) continue;
        Tensor *to = mem_zero(1, sizeof *to);
        if (!to) {
            tensor_free(dst);
            return diag_fail(d, "no memory for a list element");
        }
        dst->item[dst->nitem] = to;
        if (!tensor_copy(to, d, from)) {
            dst->nitem++;
            tensor_free(dst);
            return false;
        }
    }
    return true;
}

/* ---- elements below a byte --------------------------------------------------------------- */

static unsigned get_bits(const uint8_t *p, size_t i, int bits)
{
    size_t at = i * (size_t)bits;
    unsigned v = (unsigned)p[at / 8] >> (at % 8);
    if ((int)(at % 8) + bits > 8) v |= (unsigned)p[at / 8 + 1] << (8 - at % 8);
    return v & ((1u << bits) - 1);
}

static void set_bits(uint8_t *p, size_t i, int bits, unsigned v)
{
    size_t at = i * (size_t)bits;
    unsigned mask = ((1u << bits) - 1) << (at % 8), w = v << (at % 8);
    p[at / 8] = (uint8_t)((p[at / 8] & ~mask) | (w & mask));
    if ((int)(at % 8) + bits > 8)
        p[at / 8 + 1] = (uint8_t)((p[at / 8 + 1] & ~(mask >> 8)) | ((w & mask) >> 8));
}

/* ---- one element ------------------------------------------------------------------------- */

#define AT(T) (((const T *)t->data)[i])
#define PUT(T) (((T *)t->data)[i])

int64_t tensor_int(const Tensor *t, size_t i)
{
    switch (t->dtype) {
    case DT_BOOL:
        return AT(uint8_t) != 0;
    case DT_INT8:
        return AT(int8_t);
    case DT_INT16:
        return AT(int16_t);
    case DT_INT32:
        return AT(int32_t);
    case DT_INT64:
        return AT(int64_t);
    case DT_UINT8:
        return AT(uint8_t);
    case DT_UINT16:
        return AT(uint16_t);
    case DT_UINT32:
        return AT(uint32_t);
    case DT_UINT64:
        return (int64_t)AT(uint64_t);
    case DT_INT4: {
        int v = (int)get_bits(t->data, i, 4);
        return v >= 8 ? v - 16 : v;
    }
    case DT_UINT1:
    case DT_UINT2:
    case DT_UINT3:
    case DT_UINT4:
    case DT_UINT6:
        return get_bits(t->data, i, dtypes[t->dtype].bits);
    default:
        bug("tensor_int of %s", dtypes[t->dtype].name);
    }
}

double tensor_float(const Tensor *t, size_t i)
{
    switch (t->dtype) {
    case DT_FP16:
        return f16_to_double(AT(uint16_t));
    case DT_BF16:
        return bf16_to_double(AT(uint16_t));
    case DT_FP32:
        return (double)AT(float);
    case DT_FP64:
        return AT(double);
    case DT_UINT64:
        return (double)AT(uint64_t);
    default:
        return (double)tensor_int(t, i);
    }
}

void tensor_set_int(Tensor *t, size_t i, int64_t v)
{
    switch (t->dtype) {
    case DT_BOOL:
        PUT(uint8_t) = v != 0;
        return;
    case DT_INT8:
    case DT_UINT8:
        PUT(uint8_t) = (uint8_t)v;
        return;
    case DT_INT16:
    case DT_UINT16:
        PUT(uint16_t) = (uint16_t)v;
        return;
    case DT_INT32:
    case DT_UINT32:
        PUT(uint32_t) = (uint32_t)v;
        return;
    case DT_INT64:
    case DT_UINT64:
        PUT(uint64_t) = (uint64_t)v;
        return;
    case DT_INT4:
    case DT_UINT1:
    case DT_UINT2:
    case DT_UINT3:
    case DT_UINT4:
    case DT_UINT6:
        set_bits(t->data, i, dtypes[t->dtype].bits, (unsigned)v & 0xff);
        return;
    default:
        tensor_set_float(t, i, (double)v);
    }
}

/* Out of range saturates, NaN is 0: what C leaves undefined has to be one thing on every
 * machine. */
static int64_t to_int64(double v)
{
    if (v != v) return 0;
    if (v >= 9223372036854775808.0) return INT64_MAX;
    if (v < -9223372036854775808.0) return INT64_MIN;
    return (int64_t)v;
}

void tensor_set_float(Tensor *t, size_t i, double v)
{
    switch (t->dtype) {
    case DT_FP16:
        PUT(uint16_t) = f16_from_double(v);
        return;
    case DT_BF16:
        PUT(uint16_t) = bf16_from_double(v);
        return;
    case DT_FP32:
        PUT(float) = (float)v;
        return;
    case DT_FP64:
        PUT(double) = v;
        return;
    case DT_BOOL:
        PUT(uint8_t) = v != 0;
        return;
    case DT_STRING:
    case DT_NONE:
        bug("tensor_set_float of %s", dtypes[t->dtype].name);
    default:
        tensor_set_int(t, i, to_int64(v));
    }
}

/* ---- runs -------------------------------------------------------------------------------- */

void tensor_get_floats(const Tensor *t, size_t i, size_t n, double *dst)
{
    switch (t->dtype) {
    case DT_FP16:
        f16_to_doubles((const uint16_t *)t->data + i, dst, n);
        return;
    case DT_FP32: {
        const float *p = (const float *)t->data + i;
        for (size_t k = 0; k < n; k++) dst[k] = (double)p[k];
        return;
    }
    case DT_INT32: {
        const int32_t *p = (const int32_t *)t->data + i;
        for (size_t k = 0; k < n; k++) dst[k] = p[k];
        return;
    }
    default:
        for (size_t k = 0; k < n; k++) dst[k] = tensor_float(t, i + k);
    }
}

void tensor_put_floats(Tensor *t, size_t i, size_t n, const double *src)
{
    switch (t->dtype) {
    case DT_FP16:
        f16_from_doubles(src, (uint16_t *)t->data + i, n);
        return;
    case DT_FP32: {
        float *p = (float *)t->data + i;
        for (size_t k = 0; k < n; k++) p[k] = (float)src[k];
        return;
    }
    default:
        for (size_t k = 0; k < n; k++) tensor_set_float(t, i + k, src[k]);
    }
}
