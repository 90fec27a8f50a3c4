/* blob.c -- writes weight files, a piece at a time; ir/weight_file.c describes the format and
 * reads it. */
#include "mil_text.h"

#include <string.h>

enum { CHUNK = 4 << 20 };

static void blob_set(unsigned char *p, int bytes, uint64_t v)
{
    for (int i = 0; i < bytes; i++) p[i] = (unsigned char)(v >> 8 * i);
}

typedef struct {
    const Const *c; /* NULL: free */
    uint64_t key, offset;
} Written;

struct BlobWriter {
    Arena *arena;
    Diag *diag;
    OutFile out;
    bool counts; /* there is no file: out.written alone grows */
    uint32_t count;
    unsigned char *piece; /* CHUNK bytes, once something is written */
    Written *slot; /* what was written, by key: identical weights are written once */
    size_t cap;
};

BlobWriter *blob_create(Arena *a, Diag *d, const char *path)
{
    static const unsigned char zeros[WEIGHT_HEADER];
    BlobWriter *b = NEW(a, BlobWriter);
    b->arena = a;
    b->diag = d;
    if (out_open(&b->out, d, path) && out_write(&b->out, zeros, WEIGHT_HEADER)) return b;
    blob_abort(b);
    return NULL;
}

BlobWriter *blob_counter(Arena *a, Diag *d)
{
    BlobWriter *b = NEW(a, BlobWriter);
    b->arena = a;
    b->diag = d;
    b->counts = true;
    b->out.written = WEIGHT_HEADER;
    return b;
}

uint32_t blob_records(const BlobWriter *b, uint64_t *bytes)
{
    *bytes = b->out.written;
    return b->count;
}

static bool blob_put(BlobWriter *b, const void *p, size_t n)
{
    if (!b->counts) return out_write(&b->out, p, n);
    b->out.written += n;
    return true;
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
    static const unsigned char zeros[WEIGHT_ALIGN];
    return blob_put(b, zeros, (size_t)(weight_aligned(b->out.written) - b->out.written));
}

static bool write_record(BlobWriter *b, DType t, size_t count, size_t bytes)
{
    unsigned char r[WEIGHT_RECORD] = { 0 };
    blob_set(r, 4, WEIGHT_SENTINEL);
    blob_set(r + 4, 4, (uint64_t)dtypes[t].blob);
    blob_set(r + 8, 8, bytes);
    blob_set(r + 16, 8, b->out.written + WEIGHT_RECORD);
    blob_set(r + 24, 8, bytes * 8 - count * (size_t)dtypes[t].bits);
    return blob_put(b, r, WEIGHT_RECORD);
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
        ok = weight_bytes(t, n, &bytes)
          && (b->counts || const_read(c, b->diag, first, n, b->piece))
          && blob_put(b, b->piece, bytes);
        first += n;
    }
    return ok;
}

bool blob_add(BlobWriter *b, const Const *c, uint64_t *offset)
{
    size_t count, bytes;
    const DType t = c->type->dtype;
    if (c->type->kind != TY_TENSOR || !dtypes[t].blob
        || !shape_count(&c->type->shape, &count) || !weight_bytes(t, count, &bytes))
        return diag_error(b->diag, c->loc,
                          "a literal of type %s cannot be in a weight file",
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
    blob_set(header + 4, 4, WEIGHT_VERSION);
    return blob_pad(b) && out_seek(&b->out, 0)
        && out_write(&b->out, header, sizeof header);
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
