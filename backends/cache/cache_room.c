/* cache_room.c -- what lies in a cache: notes about programs, how large its entries are, and which
 * of them go so that it stays below its limit. */
#include "cache.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- notes ------------------------------------------------------------------------------- */

char *cache_note(const Cache *c, Arena *a, const char *key)
{
    Diag d = { 0 };
    Mapped m = { 0 };
    char *text = NULL;
    const char *path = c->off ? NULL : arena_printf(a, "%s/%s.note", c->dir, key);
    if (path && file_map(&d, path, &m) && m.size > 4
        && !memcmp(m.data + m.size - 4, "end\n", 4)
        && strlen((const char *)m.data) == m.size)
        text = arena_strndup(a, (const char *)m.data, m.size - 4);
    file_unmap(&m);
    diag_free(&d);
    return text;
}

void cache_set_note(const Cache *c, const char *key, const char *text)
{
    Buf path = { 0 }, all = { 0 };
    Diag d = { 0 };
    if (c->off) return;
    buf_printf(&path, "%s/%s.note", c->dir, key);
    buf_printf(&all, "%send\n", text);
    /* without it the forms are tried again */
    file_write_brief(&d, path.s, all.s, all.len);
    buf_free(&path);
    buf_free(&all);
    diag_free(&d);
}

/* ---- what there is ----------------------------------------------------------------------- */

typedef struct {
    char *name, *path;
    uint64_t bytes;
    struct timespec used;
    bool kept; /* by cache_keep */
} CacheEntry;

static bool add_size(void *ctx, const char *rel)
{
    CacheEntry *e = ctx;
    struct stat st;
    Buf path = { 0 };
    buf_printf(&path, "%s/%s", e->path, rel);
    if (!lstat(path.s, &st)) e->bytes += (uint64_t)st.st_size;
    buf_free(&path);
    return true;
}

static struct timespec last_change(const struct stat *st)
{
#if defined(__APPLE__)
    return st->st_mtimespec;
#else
    return st->st_mtim;
#endif
}

static CacheEntry *list_entries(const Cache *c, Arena *a, size_t *n, int *notes)
{
    DIR *dir = c->dir ? dir_open(c->dir) : NULL;
    size_t room = 16;
    CacheEntry *all = NEW_ARRAY(a, room, CacheEntry);
    *n = 0;
    for (const struct dirent *e; dir && (e = readdir(dir)) != NULL;) {
        struct stat st;
        CacheEntry it = { .name = arena_strdup(a, e->d_name),
                          .path = arena_printf(a, "%s/%s", c->dir, e->d_name) };
        if (*e->d_name == '.' || lstat(it.path, &st)) continue;
        if (!S_ISDIR(st.st_mode)) {
            *notes += file_has_suffix(it.name, ".note");
            continue;
        }
        if (!stat(arena_printf(a, "%s/MANIFEST", it.path), &st))
            it.used = last_change(&st);
        it.kept = file_exists(arena_printf(a, "%s/" CACHE_KEPT, it.path));
        file_walk(it.path, add_size, &it);
        if (*n == room) {
            CacheEntry *more = NEW_ARRAY(a, room *= 2, CacheEntry);
            memcpy(more, all, *n * sizeof *all);
            all = more;
        }
        all[(*n)++] = it;
    }
    dir_close(dir);
    return all;
}

static int by_use(const void *a, const void *b)
{
    const struct timespec x = ((const CacheEntry *)a)->used,
                          y = ((const CacheEntry *)b)->used;
    return x.tv_sec != y.tv_sec ? (x.tv_sec < y.tv_sec ? -1 : 1)
                                : (x.tv_nsec > y.tv_nsec) - (x.tv_nsec < y.tv_nsec);
}

/* False: it is in use. A folder that is being made belongs to the entry's lock. */
static bool remove_entry(const CacheEntry *e, Arena *a)
{
    size_t n = strlen(e->path) - (file_has_suffix(e->path, ".tmp") ? 4 : 0);
    const char *path = arena_printf(a, "%.*s.lock", (int)n, e->path);
    int lock = cache_lock_file(path, LOCK_EX | LOCK_NB);
    if (lock < 0) return false;
    bool ok = file_remove_tree(e->path); /* which needs no memory here */
    unlink(path);
    close(lock);
    return ok;
}

void cache_make_room(const Cache *c)
{
    Arena a = { 0 };
    size_t n;
    int notes = 0;
    uint64_t total = 0;
    CacheEntry *all = list_entries(c, &a, &n, &notes);
    qsort(all, n, sizeof *all, by_use);
    for (size_t i = 0; i < n; i++) total += all[i].bytes;
    for (size_t i = 0; i < n && total > c->limit; i++)
        if (remove_entry(&all[i], &a)) total -= all[i].bytes;
    arena_free(&a);
}

static void remove_notes(const Cache *c, Arena *a)
{
    DIR *dir = dir_open(c->dir);
    for (const struct dirent *e; dir && (e = readdir(dir)) != NULL;)
        if (file_has_suffix(e->d_name, ".note") || !strcmp(e->d_name, "tally")
            || !strcmp(e->d_name, "seen"))
            unlink(arena_printf(a, "%s/%s", c->dir, e->d_name));
    dir_close(dir);
}

CacheCount cache_count(const Cache *c, bool remove)
{
    Arena a = { 0 };
    CacheCount count = { 0 };
    size_t n;
    CacheEntry *all = list_entries(c, &a, &n, &count.notes);
    for (size_t i = 0; i < n; i++) {
        if (remove && !remove_entry(&all[i], &a)) {
            count.busy++;
            continue;
        }
        count.entries++;
        count.kept += all[i].kept;
        count.bytes += all[i].bytes;
    }
    if (remove && c->dir) remove_notes(c, &a);
    arena_free(&a);
    return count;
}
