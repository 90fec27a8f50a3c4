/* blob.c -- weight files (MILBlob storage, version 2): read by mapping, written as a stream.
 *
 *   header, 64 bytes:  u32 count of records, u32 version = 2, zeros
 *   record, 64-aligned: u32 sentinel, u32 type code, u64 bytes of data, u64 offset of the data,
 *                      u64 bits of padding at its end (types below a byte), zeros; the data
 *                      follow
 *
 * A BLOBFILE's offset is that of the record. What writers in the field get wrong and can still
 * be read (a count that stayed 1, records without alignment, data elsewhere) is the warning
 * weight-file, once per file; what would read wrong bytes is an error. All is little endian. */
#include "mil_text.h"

#include <string.h>

enum { HEADER = 64, RECORD = 64, ALIGN = 64, VERSION = 2, CHUNK = 4 << 20 };
#define SENTINEL UINT32_C(0xDEADBEEF)

static uint64_t blob_get(const unsigned char *p, int bytes)
{
    uint64_t v = 0;
    for (int i = bytes; i-- > 0;) v = v << 8 | p[i];
    return v;
}

static void blob_set(unsigned char *p, int bytes, uint64_t v)
{
    for (int i = 0; i < bytes; i++) p[i] = (unsigned char)(v >> 8 * i);
}

typedef struct {
    uint32_t code;
    uint64_t bytes, offset;
} BlobRecord;

/* False when no whole record with its sentinel stands at `at`. */
static bool record_at(const Mapped *map, uint64_t at, BlobRecord *r)
{
    if (map->size < RECORD || at > map->size - RECORD) return false;
    const unsigned char *p = map->data + at;
    if (blob_get(p, 4) != SENTINEL) return false;
    *r = (BlobRecord){ .code = (uint32_t)blob_get(p + 4, 4),
                       .bytes = blob_get(p + 8, 8),
                       .offset = blob_get(p + 16, 8) };
    return true;
}

static bool in_file(const Mapped *map, const BlobRecord *r)
{
    return r->offset <= map->size && r->bytes <= map->size - r->offset;
}

static uint64_t blob_aligned(uint64_t at) { return (at + ALIGN - 1) / ALIGN * ALIGN; }

/* ---- opening ----------------------------------------------------------------------------- */

/* One walk over the records; the first deviation from the format is told, and ends it. Of data
 * that the file is too short for nothing is said here: whatever reads them reports it. */
void blob_check(const WeightFile *w, Diag *d, Loc loc)
{
    const Mapped *map = &w->map;
    uint64_t at = HEADER, count = 0;
    BlobRecord r;
    if (map->size < HEADER) {
        diag_warn(d, WARN_WEIGHT_FILE, loc, "%s has %zu bytes, less than its header", w->real,
                  map->size);
        return;
    }
    const uint64_t said = blob_get(map->data, 4), version = blob_get(map->data + 4, 4);
    if (version != VERSION) {
        diag_warn(d, WARN_WEIGHT_FILE, loc, "%s says version %llu; 2 is known", w->real,
                  (unsigned long long)version);
        return;
    }
    for (; record_at(map, at, &r); count++) {
        if (r.offset == at + RECORD && !in_file(map, &r)) return;
        if (r.offset != at + RECORD) {
            diag_warn(d, WARN_WEIGHT_FILE, loc,
                      "%s: the data of the record at %llu are said to be %llu bytes at %llu, "
                      "not right after it",
                      w->real, (unsigned long long)at, (unsigned long long)r.bytes,
                      (unsigned long long)r.offset);
            return;
        }
        const uint64_t end = r.offset + r.bytes;
        BlobRecord next;
        at = blob_aligned(end);
        if (at == end || at >= map->size || record_at(map, at, &next)) continue;
        if (!record_at(map, end, &next)) break;
        diag_warn(d, WARN_WEIGHT_FILE, loc, "%s: the record at %llu is not aligned to 64 bytes",
                  w->real, (unsigned long long)end);
        return;
    }
    if (count == said) return;
    diag_warn(d, WARN_WEIGHT_FILE, loc, "%s says it has %llu records, but %llu are there",
              w->real, (unsigned long long)said, (unsigned long long)count);
}

const char *blob_relative(const char *path)
{
    static const char prefix[] = "@model_path/";
    return strncmp(path, prefix, sizeof prefix - 1) ? path : path + sizeof prefix - 1;
}

WeightFile *weight_file(Module *m, Diag *d, Loc loc, const char *path)
{
    for (WeightFile *w = m->files; w; w = w->next)
        if (!strcmp(w->path, path)) return w->refused ? NULL : w;
    const char *dir = m->dir ? m->dir : ".";
    char *real = file_join_linked(&m->arena, d, loc, dir, blob_relative(path), m->follow_links);
    WeightFile *w = NEW(&m->arena, WeightFile);
    *w = (WeightFile){ .owner = m, .path = path, .real = real ? real : path, .refused = !real };
    w->next = m->files;
    m->files = w;
    if (!real) return NULL;
    w->absent = !m->dir || !file_exists(real);
    if (w->absent)
        diag_warn(d, WARN_MISSING_WEIGHTS, loc, "the weight file %s is absent",
                  m->dir ? real : path);
    else if (!file_map(d, real, &w->map)) w->refused = true;
    else blob_check(w, d, loc);
    if (w->map.data) mem_follow(m, w->map.data);
    return w->refused ? NULL : w;
}

void weight_files_close(Module *m)
{
    for (WeightFile *w = m->files; w; w = w->next) file_unmap(&w->map);
    m->files = NULL;
}

/* ---- reading ----------------------------------------------------------------------------- */

static const char *code_name(uint32_t code)
{
    for (int i = 1; i < DT_COUNT; i++)
        if (dtypes[i].blob && (uint32_t)dtypes[i].blob == code) return dtypes[i].name;
    return code == 16 ? "f8e4m3fn" : code == 17 ? "f8e5m2" : NULL;
}

static bool data_bytes(DType t, size_t count, size_t *bytes)
{
    size_t bits;
    if (!size_mul(count, (size_t)dtypes[t].bits, &bits) || !size_add(bits, 7, &bits))
        return false;
    *bytes = bits / 8;
    return true;
}

const void *weight_data(const WeightFile *w, Diag *d, Loc loc, uint64_t offset, DType t,
                        size_t nelem)
{
    const unsigned long long at = offset;
    const size_t each = dtypes[t].bits < 8 ? 1 : (size_t)dtypes[t].bits / 8;
    size_t need;
    BlobRecord r;
    if (w->absent)
        return diag_error(d, loc,
                          "the weight file %s is absent; --missing-weights zero or random "
                          "stands in for it",
                          w->path),
               NULL;
    /* rather than what is wrong with the zeros in it */
    if (!file_stayed(d, &w->map)) return NULL;
    if (!data_bytes(t, nelem, &need))
        return diag_error(d, loc, "%zu elements of %s are more than memory can hold", nelem,
                          dtypes[t].name),
               NULL;
    if (offset < HEADER || w->map.size < RECORD || offset > w->map.size - RECORD)
        return diag_error_once(d, w, loc, "%s has no record at %llu: the file has %zu bytes",
                               w->real, at, w->map.size),
               NULL;
    if (!record_at(&w->map, offset, &r))
        return diag_error(d, loc,
                          "%s has no record at %llu: 0x%08llx stands there, not 0xdeadbeef",
                          w->real, at, (unsigned long long)blob_get(w->map.data + offset, 4)),
               NULL;
    const char *name = code_name(r.code);
    if (name && strcmp(name, dtypes[t].name) != 0)
        return diag_error(d, loc, "%s: the record at %llu holds %s, but the literal is %s",
                          w->real, at, name, dtypes[t].name),
               NULL;
    if (r.bytes != need)
        return diag_error(d, loc,
                          "%s: the record at %llu holds %llu bytes, but the literal needs "
                          "%zu: %zu elements of %s",
                          w->real, at, (unsigned long long)r.bytes, need, nelem,
                          dtypes[t].name),
               NULL;
    if (!in_file(&w->map, &r) || r.offset < HEADER)
        return diag_error_once(
                   d, w, loc,
                   "%s: the record at %llu has its %llu bytes at %llu, but the file "
                   "has %zu bytes",
                   w->real, at, (unsigned long long)r.bytes, (unsigned long long)r.offset,
                   w->map.size),
               NULL;
    if (r.offset % each)
        return diag_error(d, loc,
                          "%s: the data of the record at %llu begin at %llu, not a "
                          "multiple of the %zu bytes of %s",
                          w->real, at, (unsigned long long)r.offset, each, dtypes[t].name),
               NULL;
    return w->map.data + r.offset;
}

/* ---- writing ----------------------------------------------------------------------------- */

typedef struct {
    const Const *c; /* NULL: free */
    uint64_t key, offset;
} Written;

struct BlobWriter {
    Arena *arena;
    Diag *diag;
    OutFile out;
    uint32_t count;
    unsigned char *piece; /* CHUNK bytes, once something is written */
    Written *slot;        /* what was written, by key: identical weights are written once */
    size_t cap;
};

BlobWriter *blob_create(Arena *a, Diag *d, const char *path)
{
    static const unsigned char zeros[HEADER];
    BlobWriter *b = NEW(a, BlobWriter);
    b->arena = a;
    b->diag = d;
    if (out_open(&b->out, d, path) && out_write(&b->out, zeros, HEADER)) return b;
    blob_abort(b);
    return NULL;
}

static Written *written_slot(Written *slot, size_t cap, const Const *c, uint64_t key)
{
    size_t i = (size_t)key & (cap - 1);
    while (slot[i].c && !(slot[i].key == key && const_equal(slot[i].c, c)))
        i = (i + 1) & (cap - 1);
    return &slot[i];
}

static Written *blob_written(BlobWriter *b, const Const *c)
{
    if (2 * (size_t)b->count >= b->cap) {
        const size_t cap = b->cap ? 2 * b->cap : 64;
        Written *more = NEW_ARRAY(b->arena, cap, Written);
        for (size_t i = 0; i < b->cap; i++)
            if (b->slot[i].c)
                *written_slot(more, cap, b->slot[i].c, b->slot[i].key) = b->slot[i];
        b->slot = more;
        b->cap = cap;
    }
    const uint64_t key = const_hash(c);
    Written *w = written_slot(b->slot, b->cap, c, key);
    if (!w->c) w->key = key;
    return w;
}

/* Zeros up to the next multiple of 64. */
static bool blob_pad(BlobWriter *b)
{
    static const unsigned char zeros[ALIGN];
    return out_write(&b->out, zeros, (size_t)(blob_aligned(b->out.written) - b->out.written));
}

static bool write_record(BlobWriter *b, DType t, size_t count, size_t bytes)
{
    unsigned char r[RECORD] = { 0 };
    blob_set(r, 4, SENTINEL);
    blob_set(r + 4, 4, (uint64_t)dtypes[t].blob);
    blob_set(r + 8, 8, bytes);
    blob_set(r + 16, 8, b->out.written + RECORD);
    blob_set(r + 24, 8, bytes * 8 - count * (size_t)dtypes[t].bits);
    return out_write(&b->out, r, RECORD);
}

/* Pieces of at most CHUNK bytes and of whole bytes. */
static bool write_elements(BlobWriter *b, const Const *c, size_t count)
{
    const DType t = c->type->dtype;
    const size_t most = (size_t)CHUNK * 8 / (size_t)dtypes[t].bits / 8 * 8;
    bool ok = true;
    if (!b->piece) b->piece = arena_alloc(b->arena, CHUNK);
    for (size_t first = 0; ok && first < count;) {
        const size_t n = count - first < most ? count - first : most;
        size_t bytes;
        ok = data_bytes(t, n, &bytes) && const_read(c, b->diag, first, n, b->piece)
          && out_write(&b->out, b->piece, bytes);
        first += n;
    }
    return ok;
}

bool blob_add(BlobWriter *b, const Const *c, uint64_t *offset)
{
    size_t count, bytes;
    const DType t = c->type->dtype;
    if (c->type->kind != TY_TENSOR || !dtypes[t].blob || !shape_count(&c->type->shape, &count)
        || !data_bytes(t, count, &bytes))
        return diag_error(b->diag, c->loc, "a literal of type %s cannot be in a weight file",
                          type_text(b->arena, c->type));
    Written *w = blob_written(b, c);
    if (w->c) {
        *offset = w->offset;
        return true;
    }
    if (!blob_pad(b)) return false;
    *offset = b->out.written;
    if (!write_record(b, t, count, bytes) || !write_elements(b, c, count)) return false;
    w->c = c;
    w->offset = *offset;
    b->count++;
    return true;
}

bool blob_finish(BlobWriter *b)
{
    unsigned char header[8];
    blob_set(header, 4, b->count);
    blob_set(header + 4, 4, VERSION);
    return blob_pad(b) && out_seek(&b->out, 0) && out_write(&b->out, header, sizeof header);
}

bool blob_same(BlobWriter *b, const char *path) { return out_same(&b->out, path); }

bool blob_sum(BlobWriter *b, uint64_t *sum)
{
    const uint64_t size = b->out.written;
    uint64_t h = size;
    if (!b->piece) b->piece = arena_alloc(b->arena, CHUNK);
    for (uint64_t at = 0; at < size; at += CHUNK) { /* whole words: records are aligned */
        const size_t n = size - at < CHUNK ? (size_t)(size - at) : CHUNK;
        if (!out_read(&b->out, at, b->piece, n)) return false;
        h = hash_bytes(h, b->piece, n);
    }
    *sum = h;
    return true;
}

void blob_name(BlobWriter *b, const char *path) { out_name(&b->out, path); }
bool blob_commit(BlobWriter *b) { return out_commit(&b->out); }
void blob_abort(BlobWriter *b) { out_abort(&b->out); }
