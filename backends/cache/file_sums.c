/* file_sums.c -- SHA-256 sums of large files, which are remembered as long as the files stay as they are. */
#include "cache.h"

#include <string.h>
#include <time.h>

#define SETTLED ((int64_t)2000000000) /* file systems keep times to 2 s at worst */

/* What the file is, as text; NULL: it is too small or too new to be remembered. */
static const char *sums_identity(Arena *a, const FileId *id, bool own)
{
    const int64_t now = (int64_t)time(NULL) * 1000000000;
    const bool settled = now - id->written > SETTLED && now - id->changed > SETTLED;
    if (id->size < SUM_LARGE || (!own && !settled)) return NULL;
    return arena_printf(a, "%llu %llu %llu %lld %lld", (unsigned long long)id->device,
                        (unsigned long long)id->inode, (unsigned long long)id->size,
                        (long long)id->written, own ? 0 : (long long)id->changed);
}

static const char *key_of(Arena *a, const char *path)
{
    char *hex = arena_alloc(a, 65);
    Sha256 sha = sha256_start();
    sha256_add(&sha, "sum", 4);
    sha256_add(&sha, path, strlen(path) + 1);
    sha256_end(&sha, hex);
    return hex;
}

/* A note: a line of what the file is, and the sum. */
static bool sums_known(const Cache *c, Arena *a, const char *path, const char *is,
                       char hex[65])
{
    const char *note = cache_note(c, a, key_of(a, path)),
               *sum = note ? strchr(note, '\n') : NULL;
    if (!sum || (size_t)(sum - note) != strlen(is) || strncmp(note, is, strlen(is)) != 0)
        return false;
    if (strspn(++sum, "0123456789abcdef") != 64 || strcmp(sum + 64, "\n") != 0)
        return false;
    memcpy(hex, sum, 64);
    hex[64] = 0;
    return true;
}

void sum_remember(const Cache *c, const char *path, const FileId *id, bool own,
                  const char *hex)
{
    Arena a = { 0 };
    const char *is = sums_identity(&a, id, own);
    if (is) cache_set_note(c, key_of(&a, path), arena_printf(&a, "%s\n%s\n", is, hex));
    arena_free(&a);
}

void sum_file(const Cache *c, const char *path, bool own, const Mapped *m, char hex[65])
{
    Arena a = { 0 };
    const char *is = sums_identity(&a, &m->id, own);
    if (!is || !sums_known(c, &a, path, is, hex)) {
        Sha256 sha = sha256_start();
        sha256_add(&sha, m->data, m->size);
        sha256_end(&sha, hex);
        sum_remember(c, path, &m->id, own, hex);
    }
    arena_free(&a);
}
