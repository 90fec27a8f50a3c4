/* gguf.c -- finds the tensors of a .gguf file, versions 2 and 3, little endian: a magic number,
 * values by key, which are passed over but for the alignment, where each tensor lies, data. */
#include "base.h"

#include <string.h>

enum {
    GGUF_MAX_NAME = 1 << 16,
    GGUF_MAX_NESTING = 8,
    GGUF_ALIGNMENT = 32, /* where the file says no other */
    GGUF_LEAST_INFO = 24 /* bytes that say where a tensor lies, at least */
};

/* Types of values by key. */
enum { GGUF_UINT32 = 4, GGUF_STRING = 8, GGUF_ARRAY = 9 };
static const unsigned char gguf_value_bytes[] = { 1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8 };

/* Types of elements: so many stand together, in so many bytes. */
static const struct {
    const char *name;
    uint32_t number;
    size_t count, bytes;
} gguf_types[] = {
    { "F32", 0, 1, 4 },       { "F16", 1, 1, 2 },       { "Q4_0", 2, 32, 18 },
    { "Q4_1", 3, 32, 20 },    { "Q5_0", 6, 32, 22 },    { "Q5_1", 7, 32, 24 },
    { "Q8_0", 8, 32, 34 },    { "Q2_K", 10, 256, 84 },  { "Q3_K", 11, 256, 110 },
    { "Q4_K", 12, 256, 144 }, { "Q5_K", 13, 256, 176 }, { "Q6_K", 14, 256, 210 },
    { "I8", 24, 1, 1 },       { "I16", 25, 1, 2 },      { "I32", 26, 1, 4 },
    { "I64", 27, 1, 8 },      { "F64", 28, 1, 8 },      { "BF16", 30, 1, 2 },
};

typedef struct {
    Arena *arena;
    Diag *d;
    Loc loc;
    const char *path;
    const unsigned char *data;
    size_t size, at;
    size_t align, begin; /* of the tensors' data */
} GgufReader;

#define WRONG(r, ...) diag_error((r)->d, (r)->loc, __VA_ARGS__)

static bool gguf_cut(const GgufReader *r)
{
    return WRONG(
        r, "%s: the file is cut off: what is said of its tensors goes on at byte %zu",
        r->path, r->size);
}

static bool gguf_number(GgufReader *r, int bytes, uint64_t *out)
{
    *out = 0;
    if (r->size - r->at < (size_t)bytes) return gguf_cut(r);
    for (int i = bytes; i-- > 0;) *out = *out << 8 | r->data[r->at + (size_t)i];
    r->at += (size_t)bytes;
    return true;
}

static bool gguf_skip(GgufReader *r, uint64_t n)
{
    if (n > r->size - r->at) return gguf_cut(r);
    r->at += (size_t)n;
    return true;
}

static bool gguf_string(GgufReader *r, const char **out)
{
    uint64_t n;
    const size_t at = r->at;
    if (!gguf_number(r, 8, &n)) return false;
    if (n > GGUF_MAX_NAME)
        return WRONG(r, "%s: the name at byte %zu has %llu bytes", r->path, at,
                     (unsigned long long)n);
    const char *s = (const char *)r->data + r->at;
    if (!gguf_skip(r, n)) return false;
    if (memchr(s, '\0', (size_t)n))
        return WRONG(r, "%s: the name at byte %zu has a 0 in it", r->path, at);
    *out = arena_strndup(r->arena, s, (size_t)n);
    return true;
}

/* ---- values by key ------------------------------------------------------------------------ */

static bool gguf_value(GgufReader *r, uint64_t type, int depth)
{
    uint64_t n, of;
    if (type == GGUF_STRING) return gguf_number(r, 8, &n) && gguf_skip(r, n);
    if (type > COUNT(gguf_value_bytes) - 1 || depth == GGUF_MAX_NESTING)
        return WRONG(r, "%s: the value at byte %zu is of the unknown type %llu", r->path,
                     r->at, (unsigned long long)type);
    if (type != GGUF_ARRAY) return gguf_skip(r, gguf_value_bytes[type]);
    if (!gguf_number(r, 4, &of) || !gguf_number(r, 8, &n)) return false;
    if (of != GGUF_STRING && of != GGUF_ARRAY && of < COUNT(gguf_value_bytes)) {
        const uint64_t each = gguf_value_bytes[of];
        return n <= r->size / each ? gguf_skip(r, n * each) : gguf_cut(r);
    }
    for (uint64_t i = 0; i < n; i++)
        if (!gguf_value(r, of, depth + 1)) return false;
    return true;
}

static bool gguf_entry(GgufReader *r)
{
    const char *key;
    uint64_t type, align;
    if (!gguf_string(r, &key) || !gguf_number(r, 4, &type)) return false;
    if (strcmp(key, "general.alignment") != 0 || type != GGUF_UINT32)
        return gguf_value(r, type, 0);
    if (!gguf_number(r, 4, &align)) return false;
    if (!align || align % 8 || align > 1 << 20)
        return WRONG(r, "%s: an alignment of %llu bytes", r->path,
                     (unsigned long long)align);
    r->align = (size_t)align;
    return true;
}

/* ---- tensors ------------------------------------------------------------------------------ */

/* The innermost dimension stands first in the file. */
static bool gguf_shape(GgufReader *r, SafeTensor *t)
{
    uint64_t rank, dim;
    if (!gguf_number(r, 4, &rank)) return false;
    if (rank > ARRAY_MAX_RANK)
        return WRONG(r, "%s: tensor '%s' has more than %d dimensions", r->path, t->name,
                     ARRAY_MAX_RANK);
    t->rank = (int)rank;
    for (int i = t->rank; i-- > 0;) {
        if (!gguf_number(r, 8, &dim)) return false;
        if (dim > INT64_MAX)
            return WRONG(r, "%s: tensor '%s' is too large", r->path, t->name);
        t->shape[i] = (int64_t)dim;
    }
    return true;
}

/* Blocks lie in a row: its dimension is a multiple of theirs. */
static bool gguf_size(GgufReader *r, uint64_t type, SafeTensor *t)
{
    size_t i = 0;
    while (i < COUNT(gguf_types) && gguf_types[i].number != type) i++;
    if (i == COUNT(gguf_types))
        return WRONG(
            r,
            "%s: tensor '%s' is of type %llu, which is not read: %s, %s and others are",
            r->path, t->name, (unsigned long long)type, "F16, Q8_0, Q4_0, Q4_K", "Q6_K");
    const size_t count = gguf_types[i].count;
    t->dtype = gguf_types[i].name;
    t->bytes = gguf_types[i].bytes;
    const int64_t row = t->rank ? t->shape[t->rank - 1] : 1;
    if (row % (int64_t)count)
        return WRONG(
            r, "%s: tensor '%s' has rows of %lld elements, but %s has %zu in a block",
            r->path, t->name, (long long)row, t->dtype, count);
    for (int k = 0; k < t->rank; k++) {
        const size_t n = (size_t)t->shape[k] / (k == t->rank - 1 ? count : 1);
        if (!size_mul(t->bytes, n, &t->bytes))
            return WRONG(r, "%s: tensor '%s' is too large", r->path, t->name);
    }
    return true;
}

/* Where it lies is checked when it is known where data begin. */
static bool gguf_info(GgufReader *r, SafeTensor *t, uint64_t *offset)
{
    uint64_t type;
    return gguf_string(r, &t->name) && gguf_shape(r, t) && gguf_number(r, 4, &type)
        && gguf_number(r, 8, offset) && gguf_size(r, type, t);
}

static bool gguf_place(const GgufReader *r, SafeTensor *t, uint64_t offset)
{
    if (offset % r->align)
        return WRONG(r,
                     "%s: tensor '%s' begins at byte %llu, which is no multiple of %zu",
                     r->path, t->name, (unsigned long long)offset, r->align);
    const size_t left = r->size > r->begin ? r->size - r->begin : 0;
    if (offset > left || t->bytes > left - offset)
        return WRONG(r, "%s: tensor '%s' ends behind the file's %zu bytes: it is cut off",
                     r->path, t->name, r->size);
    t->data = r->data + r->begin + offset;
    return true;
}

static bool gguf_header(GgufReader *r, uint64_t *tensors, uint64_t *values)
{
    uint64_t version;
    if (r->size < 4 || memcmp(r->data, "GGUF", 4) != 0)
        return WRONG(r, "%s: not a .gguf file: it does not begin with GGUF", r->path);
    r->at = 4;
    if (!gguf_number(r, 4, &version)) return false;
    if (version != 2 && version != 3)
        return WRONG(r, "%s: a .gguf of version %llu; 2 and 3 are read, little endian",
                     r->path, (unsigned long long)version);
    return gguf_number(r, 8, tensors) && gguf_number(r, 8, values);
}

bool gguf_parse(Arena *a, Diag *d, Loc loc, const char *path, const Mapped *file,
                SafeTensors *out)
{
    GgufReader r = { .arena = a,
                     .d = d,
                     .loc = loc,
                     .path = path,
                     .data = file->data,
                     .size = file->size,
                     .align = GGUF_ALIGNMENT };
    uint64_t tensors = 0, values = 0;
    *out = (SafeTensors){ .path = arena_strdup(a, path) };
    if (!gguf_header(&r, &tensors, &values)) return false;
    for (uint64_t i = 0; i < values; i++)
        if (!gguf_entry(&r)) return false;
    if (tensors > (r.size - r.at) / GGUF_LEAST_INFO) return gguf_cut(&r);
    out->tensor = NEW_ARRAY(a, tensors + 1, SafeTensor);
    uint64_t *offset = NEW_ARRAY(a, tensors + 1, uint64_t);
    for (; out->count < tensors; out->count++)
        if (!gguf_info(&r, &out->tensor[out->count], &offset[out->count])) return false;
    r.begin = (r.at + r.align - 1) / r.align * r.align;
    for (size_t i = 0; i < out->count; i++)
        if (!gguf_place(&r, &out->tensor[i], offset[i])) return false;
    return true;
}
