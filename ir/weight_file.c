/* weight_file.c -- weight files (MILBlob storage, version 2), read by mapping.
 *
 *   header, 64 bytes:  u32 count of records, u32 version = 2, zeros
 *   record, 64-aligned: u32 sentinel, u32 type code, u64 bytes of data, u64 offset of the data,
 *                      u64 bits of padding at its end (types below a byte), zeros; the data
 *                      follow
 *
 * All numbers are little endian. The offset of a BLOBFILE is that of the record. Deviations
 * that existing writers have and that can still be read (a count that stayed 1, records that
 * are not aligned, data elsewhere) give the warning weight-file, once for each file; what
 * would make us read wrong bytes is an error. */
#include "ir.h"

#include <string.h>

static uint64_t weight_get(const unsigned char *p, int bytes)
{
    uint64_t v = 0;
    for (int i = bytes; i-- > 0;) v = v << 8 | p[i];
    return v;
}

typedef struct {
    uint32_t code;
    uint64_t bytes, offset;
} WeightRecord;

/* False when no whole record with its sentinel stands at `at`. */
static bool record_at(const Mapped *map, uint64_t at, WeightRecord *r)
{
    if (map->size < WEIGHT_RECORD || at > map->size - WEIGHT_RECORD) return false;
    const unsigned char *p = map->data + at;
    if (weight_get(p, 4) != WEIGHT_SENTINEL) return false;
    *r = (WeightRecord){ .code = (uint32_t)weight_get(p + 4, 4),
                         .bytes = weight_get(p + 8, 8),
                         .offset = weight_get(p + 16, 8) };
    return true;
}

static bool in_file(const Mapped *map, const WeightRecord *r)
{
    return r->offset <= map->size && r->bytes <= map->size - r->offset;
}

/* ---- opening ----------------------------------------------------------------------------- */

/* One walk over the records; the first deviation from the format is told, and ends it. Of data
 * that the file is too short for nothing is said here: whatever reads them reports it. */
void weight_file_check(const WeightFile *w, Diag *d, Loc loc)
{
    const Mapped *map = &w->map;
    uint64_t at = WEIGHT_HEADER, count = 0;
    WeightRecord r;
    if (map->size < WEIGHT_HEADER) {
        diag_warn(d, WARN_WEIGHT_FILE, loc, "%s has %zu bytes, less than its header",
                  w->real, map->size);
        return;
    }
    const uint64_t said = weight_get(map->data, 4),
                   version = weight_get(map->data + 4, 4);
    if (version != WEIGHT_VERSION) {
        diag_warn(d, WARN_WEIGHT_FILE, loc, "%s says version %llu; 2 is known", w->real,
                  (unsigned long long)version);
        return;
    }
    for (; record_at(map, at, &r); count++) {
        if (r.offset == at + WEIGHT_RECORD && !in_file(map, &r)) return;
        if (r.offset != at + WEIGHT_RECORD) {
            diag_warn(
                d, WARN_WEIGHT_FILE, loc,
                "%s: the data of the record at %llu are said to be %llu bytes at %llu, "
                "not right after it",
                w->real, (unsigned long long)at, (unsigned long long)r.bytes,
                (unsigned long long)r.offset);
            return;
        }
        const uint64_t end = r.offset + r.bytes;
        WeightRecord next;
        at = weight_aligned(end);
        if (at == end || at >= map->size || record_at(map, at, &next)) continue;
        if (!record_at(map, end, &next)) break;
        diag_warn(d, WARN_WEIGHT_FILE, loc,
                  "%s: the record at %llu is not aligned to 64 bytes", w->real,
                  (unsigned long long)end);
        return;
    }
    if (count == said) return;
    diag_warn(d, WARN_WEIGHT_FILE, loc, "%s says it has %llu records, but %llu are there",
              w->real, (unsigned long long)said, (unsigned long long)count);
}

const char *weight_file_relative(const char *path)
{
    static const char prefix[] = "@model_path/";
    return strncmp(path, prefix, sizeof prefix - 1) ? path : path + sizeof prefix - 1;
}

WeightFile *weight_file(Module *m, Diag *d, Loc loc, const char *path)
{
    for (WeightFile *w = m->files; w; w = w->next)
        if (!strcmp(w->path, path)) return w->refused ? NULL : w;
    const char *dir = m->dir ? m->dir : ".";
    char *real = file_join_linked(&m->arena, d, loc, dir, weight_file_relative(path),
                                  m->follow_links);
    WeightFile *w = NEW(&m->arena, WeightFile);
    *w = (WeightFile){
        .owner = m, .path = path, .real = real ? real : path, .refused = !real
    };
    w->next = m->files;
    m->files = w;
    if (!real) return NULL;
    w->absent = !m->dir || !file_exists(real);
    if (w->absent)
        diag_warn(d, WARN_MISSING_WEIGHTS, loc, "the weight file %s is absent",
                  m->dir ? real : path);
    else if (!file_map(d, real, &w->map)) w->refused = true;
    else weight_file_check(w, d, loc);
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

bool weight_bytes(DType t, size_t count, size_t *bytes)
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
    WeightRecord r;
    if (w->absent)
        return diag_error(
                   d, loc,
                   "the weight file %s is absent; --missing-weights zero or random "
                   "stands in for it",
                   w->path),
               NULL;
    /* rather than what is wrong with the zeros in it */
    if (!file_stayed(d, &w->map)) return NULL;
    if (!weight_bytes(t, nelem, &need))
        return diag_error(d, loc, "%zu elements of %s are more than memory can hold",
                          nelem, dtypes[t].name),
               NULL;
    if (offset < WEIGHT_HEADER || w->map.size < WEIGHT_RECORD
        || offset > w->map.size - WEIGHT_RECORD)
        return diag_error_once(d, w, loc,
                               "%s has no record at %llu: the file has %zu bytes",
                               w->real, at, w->map.size),
               NULL;
    if (!record_at(&w->map, offset, &r))
        return diag_error(
                   d, loc,
                   "%s has no record at %llu: 0x%08llx stands there, not 0xdeadbeef",
                   w->real, at, (unsigned long long)weight_get(w->map.data + offset, 4)),
               NULL;
    const char *name = code_name(r.code);
    if (name && strcmp(name, dtypes[t].name) != 0)
        return diag_error(d, loc,
                          "%s: the record at %llu holds %s, but the literal is %s",
                          w->real, at, name, dtypes[t].name),
               NULL;
    if (r.bytes != need)
        return diag_error(
                   d, loc,
                   "%s: the record at %llu holds %llu bytes, but the literal needs "
                   "%zu: %zu elements of %s",
                   w->real, at, (unsigned long long)r.bytes, need, nelem, dtypes[t].name),
               NULL;
    if (!in_file(&w->map, &r) || r.offset < WEIGHT_HEADER)
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
                          w->real, at, (unsigned long long)r.offset, each,
                          dtypes[t].name),
               NULL;
    return w->map.data + r.offset;
}
