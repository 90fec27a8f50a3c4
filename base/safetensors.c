/* safetensors.c -- .safetensors files: 8 bytes with the length of a JSON header, the header,
 * then the data. Finds the tensors of one, and makes headers for the writers. */
#include "base.h"

#include <math.h>
#include <string.h>

#include <cjson/cJSON.h>

/* the limit that the format's own library sets */
enum { LENGTH_BYTES = 8, MAX_HEADER = 100 << 20 };

static const struct {
    const char *name;
    size_t bits;
} dtypes[] = {
    { "BOOL", 8 },    { "U8", 8 },      { "I8", 8 },   { "F8_E4M3", 8 },
    { "F8_E5M2", 8 }, { "F8_E8M0", 8 }, { "I16", 16 }, { "U16", 16 },
    { "F16", 16 },    { "BF16", 16 },   { "I32", 32 }, { "U32", 32 },
    { "F32", 32 },    { "I64", 64 },    { "U64", 64 }, { "F64", 64 },
};

typedef struct {
    Arena *arena;
    Diag *d;
    Loc loc;
    const char *path;
    const unsigned char *data; /* what offsets count from */
    size_t size;
} SafetensorsReader;

#define WRONG(r, ...) diag_error((r)->d, (r)->loc, __VA_ARGS__)

/* JSON numbers are doubles here: whole ones are exact below 2^53, and no file is larger. */
static bool safetensors_whole(const cJSON *v, int64_t *out)
{
    double x = cJSON_IsNumber(v) ? v->valuedouble : -1;
    if (!(x >= 0 && x < 0x1p53) || floor(x) != x) return false;
    *out = (int64_t)x;
    return true;
}

static size_t bytes_of(const char *dtype)
{
    for (size_t i = 0; i < COUNT(dtypes); i++)
        if (!strcmp(dtypes[i].name, dtype)) return dtypes[i].bits / 8;
    return 0;
}

static bool read_shape(const SafetensorsReader *r, const cJSON *shape, SafeTensor *t)
{
    const cJSON *dim;
    if (!cJSON_IsArray(shape))
        return WRONG(r, "%s: tensor '%s' has no shape", r->path, t->name);
    cJSON_ArrayForEach(dim, shape)
    {
        if (t->rank == ARRAY_MAX_RANK)
            return WRONG(r, "%s: tensor '%s' has more than %d dimensions", r->path,
                         t->name, ARRAY_MAX_RANK);
        if (!safetensors_whole(dim, &t->shape[t->rank++]))
            return WRONG(r, "%s: a dimension of tensor '%s' is no whole number", r->path,
                         t->name);
    }
    return true;
}

static bool read_place(const SafetensorsReader *r, const cJSON *offsets, SafeTensor *t)
{
    int64_t from, to;
    size_t want = bytes_of(t->dtype);
    if (!want)
        return WRONG(r, "%s: tensor '%s' has the unknown dtype '%s'", r->path, t->name,
                     t->dtype);
    for (int i = 0; i < t->rank; i++)
        if (!size_mul(want, (size_t)t->shape[i], &want))
            return WRONG(r, "%s: tensor '%s' is too large", r->path, t->name);
    if (cJSON_GetArraySize(offsets) != 2
        || !safetensors_whole(cJSON_GetArrayItem(offsets, 0), &from)
        || !safetensors_whole(cJSON_GetArrayItem(offsets, 1), &to) || from > to)
        return WRONG(r, "%s: tensor '%s' has no data_offsets", r->path, t->name);
    if ((uint64_t)to > r->size)
        return WRONG(r, "%s: tensor '%s' ends at byte %lld of %zu: the file is cut off",
                     r->path, t->name, (long long)to, r->size);
    if (want != (size_t)(to - from))
        return WRONG(r, "%s: tensor '%s' has %lld bytes, its shape and dtype ask for %zu",
                     r->path, t->name, (long long)(to - from), want);
    t->data = r->data + from;
    t->bytes = want;
    return true;
}

static bool read_tensor(const SafetensorsReader *r, const cJSON *item, SafeTensor *t)
{
    const cJSON *dtype = cJSON_GetObjectItemCaseSensitive(item, "dtype");
    *t = (SafeTensor){ .name = arena_strdup(r->arena, item->string) };
    if (!cJSON_IsString(dtype))
        return WRONG(r, "%s: tensor '%s' has no dtype", r->path, t->name);
    t->dtype = arena_strdup(r->arena, dtype->valuestring);
    return read_shape(r, cJSON_GetObjectItemCaseSensitive(item, "shape"), t)
        && read_place(r, cJSON_GetObjectItemCaseSensitive(item, "data_offsets"), t);
}

static bool read_all(const SafetensorsReader *r, const cJSON *root, SafeTensors *out)
{
    const cJSON *item;
    if (!cJSON_IsObject(root))
        return WRONG(r, "%s: its .safetensors header is no JSON object", r->path);
    out->tensor = NEW_ARRAY(r->arena, cJSON_GetArraySize(root), SafeTensor);
    cJSON_ArrayForEach(item, root)
    {
        if (!strcmp(item->string, "__metadata__")) continue;
        if (!read_tensor(r, item, &out->tensor[out->count])) return false;
        out->count++;
    }
    return true;
}

bool safetensors_parse(Arena *a, Diag *d, Loc loc, const char *path, const Mapped *file,
                       SafeTensors *out)
{
    SafetensorsReader r = { .arena = a, .d = d, .loc = loc, .path = path };
    uint64_t len = 0;
    *out = (SafeTensors){ .path = arena_strdup(a, path) };
    if (file->size < LENGTH_BYTES)
        return WRONG(&r, "%s: not a .safetensors file: %zu bytes", path, file->size);
    for (int i = LENGTH_BYTES; i-- > 0;) len = len << 8 | file->data[i];
    if (len > MAX_HEADER || len > file->size - LENGTH_BYTES)
        return WRONG(
            &r,
            "%s: not a .safetensors file, or cut off: its header has %llu bytes, the file %zu",
            path, (unsigned long long)len, file->size);
    r.data = file->data + LENGTH_BYTES + len;
    r.size = file->size - LENGTH_BYTES - (size_t)len;
    cJSON *root = json_parse((const char *)file->data + LENGTH_BYTES, (size_t)len);
    bool ok = read_all(&r, root, out);
    json_free(root);
    return ok;
}

const SafeTensor *safetensors_find(const SafeTensors *s, Diag *d, Loc loc,
                                   const char *name)
{
    Arena scratch = { 0 };
    const char **names = NEW_ARRAY(&scratch, s->count + 1, const char *);
    for (size_t i = 0; i < s->count; i++) {
        if (!strcmp(s->tensor[i].name, name)) {
            arena_free(&scratch);
            return &s->tensor[i];
        }
        names[i] = s->tensor[i].name;
    }
    const char *near = name_nearest(name, names, s->count);
    diag_error(d, loc, "%s has no tensor '%s' among its %zu%s%s%s", s->path, name,
               s->count, near ? "; did you mean '" : "", near ? near : "",
               near ? "'?" : "");
    arena_free(&scratch);
    return NULL;
}

/* ---- writing ----------------------------------------------------------------------------- */

void safetensors_entry(cJSON *header, const char *name, const char *dtype, int rank,
                       const int64_t *shape, uint64_t bytes, uint64_t *at)
{
    cJSON *t = json_item(header, name, cJSON_CreateObject());
    json_item(t, "dtype", cJSON_CreateString(dtype));
    cJSON *dims = json_item(t, "shape", cJSON_CreateArray());
    for (int i = 0; i < rank; i++)
        json_item(dims, NULL, cJSON_CreateNumber((double)shape[i]));
    cJSON *place = json_item(t, "data_offsets", cJSON_CreateArray());
    json_item(place, NULL, cJSON_CreateNumber((double)*at));
    *at += bytes;
    json_item(place, NULL, cJSON_CreateNumber((double)*at));
}
