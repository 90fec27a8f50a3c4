/* tally.c -- counts how often programs were found in the cache, and had to be compiled
 * nevertheless.
 *
 *   DIR/v1/tally        "anec tally 1", a line "WORD N" for each word, "end"
 *   DIR/v1/tally.lock   held while it is read and written again
 *
 * Only people read it, so nothing fails over it: where it cannot be written the count is
 * lost, and a file that is something else counts as none. */
#include "cache.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC "anec tally 1\n"

static const char *const words[TALLY_COUNT] = { "miss", "hit", "recompiled" };

/* After `at` the line "WORD N"; NULL: it is another. */
static const char *read_line(const char *at, const char *word, uint64_t *out)
{
    const size_t n = strlen(word);
    char *end;
    if (strncmp(at, word, n) != 0 || at[n] != ' ' || at[n + 1] < '0' || at[n + 1] > '9')
        return NULL;
    *out = strtoull(at + n + 1, &end, 10);
    return *end == '\n' ? end + 1 : NULL;
}

static void read_file(const char *path, CacheTally *out)
{
    Diag d = { .quiet = true };
    Mapped m = { 0 };
    CacheTally t = { { 0 } };
    const char *at = NULL;
    if (file_exists(path) && file_read(&d, path, &m) && m.data
        && strlen((const char *)m.data) == m.size
        && !strncmp((const char *)m.data, MAGIC, strlen(MAGIC)))
        at = (const char *)m.data + strlen(MAGIC);
    for (int i = 0; at && i < TALLY_COUNT; i++) at = read_line(at, words[i], &t.n[i]);
    *out = at && !strcmp(at, "end\n") ? t : (CacheTally){ { 0 } };
    file_unmap(&m);
    diag_free(&d);
}

CacheTally cache_tally(const Cache *c)
{
    Arena a = { 0 };
    CacheTally t = { { 0 } };
    if (c->dir) read_file(arena_printf(&a, "%s/tally", c->dir), &t);
    arena_free(&a);
    return t;
}

/* In place and in one call, for less than a new file costs: every start does so. */
static void write_file(const char *path, const CacheTally *t)
{
    Buf text = { 0 };
    buf_puts(&text, MAGIC);
    for (int i = 0; i < TALLY_COUNT; i++)
        buf_printf(&text, "%s %llu\n", words[i], (unsigned long long)t->n[i]);
    buf_puts(&text, "end\n");
    const int how = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    const int fd = open(path, how, 0600);
    if (fd >= 0 && pwrite(fd, text.s, text.len, 0) == (ssize_t)text.len) {
        struct stat st;
        if (!fstat(fd, &st) && st.st_size != (off_t)text.len
            && ftruncate(fd, (off_t)text.len)) {}
    }
    if (fd >= 0) close(fd);
    buf_free(&text);
}

static void lost_lock(void *path, size_t lock)
{
    (void)path;
    close((int)lock);
}

void cache_count_one(const Cache *c, const char *word)
{
    Arena a = { 0 };
    int which = 0;
    while (which < TALLY_COUNT && strcmp(words[which], word) != 0) which++;
    if (c->off || which == TALLY_COUNT)
        return; /* "off": there was nothing to find it in */
    char *path = arena_printf(&a, "%s/tally", c->dir),
         *lock_path = arena_printf(&a, "%s.lock", path);
    const int lock = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (lock >= 0 && !flock(lock, LOCK_EX)) {
        CacheTally t;
        mem_own(lock_path, (size_t)lock, lost_lock);
        read_file(path, &t);
        t.n[which]++;
        write_file(path, &t);
        mem_disown(lock_path);
    }
    if (lock >= 0) close(lock);
    arena_free(&a);
}
