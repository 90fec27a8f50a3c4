/* values.c -- tensors to and from .npy files, between element types, and from --random. */
#include "values.h"

#include <stdlib.h>
#include <string.h>

DType npy_stand_in(DType t)
{
    if (dtypes[t].npy[0] || t == DT_STRING) return t;
    if (dtypes[t].cls == CLASS_FLOAT) return DT_FP32;
    return dtypes[t].cls == CLASS_INT ? DT_INT8 : DT_UINT8;
}

/* ---- reading ----------------------------------------------------------------------------- */

static bool take_array(Tensor *t, Diag *d, const char *name, const NpyArray *n)
{
    DType type = dtype_of_npy(n->descr);
    if (type == DT_NONE)
        return diag_error(d, (Loc){ 0 }, "%s: elements of type %s are none of MIL's", name,
                          n->descr);
    const Shape s = shape_of(n->rank, n->shape);
    if (!tensor_alloc(t, d, type, &s)) return false;
    if (n->bytes) memcpy(t->data, n->data, n->bytes);
    unsigned char *p = t->data;
    for (size_t i = 0; type == DT_BOOL && i < t->count; i++) p[i] = p[i] != 0;
    return true;
}

bool tensor_load(Tensor *t, Diag *d, const char *path)
{
    NpyArray n = { 0 };
    bool in = !strcmp(path, "-"), ok;
    Mapped m = { 0 };
    if (in)
        ok = file_read_stdin(d, SIZE_MAX / 2, &m)
          && npy_parse(d, "<stdin>", m.data, m.size, &n);
    else ok = npy_open(d, path, &n);
    if (ok) {
        ok = take_array(t, d, in ? "<stdin>" : path, &n);
        if (ok && !file_stayed(d, &n.map)) {
            tensor_free(t);
            ok = false;
        }
        npy_close(&n);
    }
    if (in) file_unmap(&m);
    return ok;
}

bool tensor_convert(Tensor *t, Diag *d, DType to, const char *what)
{
    Tensor r;
    bool real = dtype_is_float(t->dtype) || dtype_is_float(to);
    if (!tensor_alloc(&r, d, to, &t->shape)) return false;
    for (size_t i = 0; i < t->count; i++) {
        if (real) tensor_set_float(&r, i, tensor_float(t, i));
        else tensor_set_int(&r, i, tensor_int(t, i));
        if (!real && tensor_int(&r, i) != tensor_int(t, i)) {
            diag_error(d, (Loc){ 0 }, "%s: element %zu is %lld, which %s cannot hold", what, i,
                       (long long)tensor_int(t, i), dtypes[to].name);
            tensor_free(&r);
            return false;
        }
    }
    tensor_free(t);
    *t = r;
    return true;
}

/* ---- writing ----------------------------------------------------------------------------- */

/* The next code point of UTF-8 text; bytes that are no UTF-8 become U+FFFD. */
static uint32_t next_point(const unsigned char **s)
{
    const unsigned char *p = *s;
    int more = *p < 0x80 ? 0 : *p >= 0xf0 ? 3 : *p >= 0xe0 ? 2 : *p >= 0xc0 ? 1 : -1;
    if (more < 0) {
        *s = p + 1;
        return 0xfffd;
    }
    uint32_t c = more ? *p & (0x3fu >> more) : *p;
    for (p++; more && (*p & 0xc0) == 0x80; more--, p++) c = c << 6 | (*p & 0x3fu);
    *s = p;
    return more ? 0xfffd : c;
}

static size_t count_points(const char *s)
{
    size_t n = 0;
    for (const unsigned char *p = (const unsigned char *)s; *p; n++) next_point(&p);
    return n;
}

/* As numpy's <U: each string padded with zeros to the longest. */
static bool save_strings(const Tensor *t, Diag *d, const char *path)
{
    const char *const *text = t->data;
    size_t width = 1, cells, bytes;
    char descr[32];
    for (size_t i = 0; i < t->count; i++) {
        size_t n = text[i] ? count_points(text[i]) : 0;
        if (n > width) width = n;
    }
    if (!size_mul(t->count, width, &cells) || !size_mul(cells, sizeof(uint32_t), &bytes))
        return diag_fail(d, "%s: these strings are too large to be written", path);
    uint32_t *cell = mem_zero(cells + 1, sizeof *cell);
    if (!cell) return diag_fail(d, "no memory to write %s", path);
    for (size_t i = 0; i < t->count; i++) {
        uint32_t *to = cell + i * width;
        const unsigned char *p = (const unsigned char *)(text[i] ? text[i] : "");
        while (*p) *to++ = next_point(&p);
    }
    snprintf(descr, sizeof descr, "<U%zu", width);
    bool ok = npy_write(d, path, descr, t->shape.rank, t->shape.dim, cell, bytes);
    mem_free(cell);
    return ok;
}

/* Elements of one shape and type become one array with a dimension more. */
static bool save_list(const Tensor *t, Diag *d, const char *path)
{
    const Tensor *first = t->nitem ? t->item[0] : NULL;
    if (!first)
        return diag_error(d, (Loc){ 0 }, "%s: a list that is empty cannot be written", path);
    Shape s = { .rank = first->shape.rank + 1 };
    if (s.rank > MAX_RANK)
        return diag_error(d, (Loc){ 0 }, "%s: a list of rank %d", path, first->shape.rank);
    s.dim[0] = t->nitem;
    memcpy(s.dim + 1, first->shape.dim, (size_t)first->shape.rank * sizeof *s.dim);
    Tensor all;
    if (!tensor_alloc(&all, d, first->dtype, &s)) return false;
    bool ok = true;
    for (int64_t i = 0; ok && i < t->nitem; i++) {
        const Tensor *e = t->item[i];
        ok = e && e->dtype == first->dtype && shape_equal(&e->shape, &first->shape)
          && e->dtype != DT_STRING && dtypes[e->dtype].bits >= 8;
        if (ok && e->bytes) memcpy((char *)all.data + (size_t)i * e->bytes, e->data, e->bytes);
    }
    if (!ok)
        diag_error(d, (Loc){ 0 }, "%s: the elements of this list differ in shape or type",
                   path);
    ok = ok && tensor_save(&all, d, path);
    tensor_free(&all);
    return ok;
}

bool tensor_save(const Tensor *t, Diag *d, const char *path)
{
    if (t->is_list) return save_list(t, d, path);
    if (t->dtype == DT_STRING) return save_strings(t, d, path);
    DType as = npy_stand_in(t->dtype);
    if (as == t->dtype)
        return npy_write(d, path, dtypes[as].npy, t->shape.rank, t->shape.dim, t->data,
                         t->bytes);
    Tensor copy;
    bool ok = tensor_copy(&copy, d, t);
    if (!ok) return false;
    ok = tensor_convert(&copy, d, as, path) && tensor_save(&copy, d, path);
    tensor_free(&copy);
    return ok;
}

/* ---- --random ---------------------------------------------------------------------------- */

bool tensor_random(Tensor *t, Diag *d, uint64_t seed, const char *name, DType dtype,
                   const Shape *s)
{
    enum { STEPS = 1024 };
    Arena scratch = { 0 };
    if (dtype == DT_STRING)
        return diag_error(d, (Loc){ 0 }, "--random makes no strings: give %s with -i", name);
    uint64_t key = rng_key(seed, arena_printf(&scratch, "%s%s", name, shape_text(&scratch, s)));
    arena_free(&scratch);
    if (!tensor_alloc(t, d, dtype, s)) return false;
    for (size_t i = 0; i < t->count; i++) {
        uint64_t u = rng_u64(key, i);
        if (dtype_is_float(dtype))
            tensor_set_float(t, i, (double)((int64_t)(u >> 53) - STEPS) / STEPS);
        else tensor_set_int(t, i, (int64_t)(u >> 63));
    }
    return true;
}
