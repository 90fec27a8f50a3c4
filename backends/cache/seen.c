/* seen.c -- which programs were started before, so that what is costly to keep is kept of those that
 * come again.
 *
 *   DIR/v1/seen     GROUPS groups of WAYS numbers, each of a key; 0: none
 *
 * A key has a group; those of a group stand in the order in which they came, and the one that
 * came first goes where there is no room. The file has one size for ever, holds no bytes that
 * are used, and is written without a lock: whatever stands in it, and whatever is lost of it,
 * keeps something one start earlier or later. */
#include "cache.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { GROUPS = 512, WAYS = 8 };

/* The first digits of a key as a number; never 0. */
static uint64_t seen_number(const char *key)
{
    char digits[17] = "";
    memcpy(digits, key, 16);
    return strtoull(digits, NULL, 16) | 1;
}

/* Whether the group at an offset of the file has the number; else it is put there. */
static bool seen_look(int fd, off_t at, uint64_t number)
{
    uint64_t way[WAYS + 1] = { number };
    ssize_t n = pread(fd, way + 1, WAYS * sizeof *way, at);
    if (n < 0) return true;
    memset((char *)(way + 1) + n, 0, WAYS * sizeof *way - (size_t)n);
    for (int i = 1; i <= WAYS; i++)
        if (way[i] == number) return true;
    n = pwrite(fd, way, WAYS * sizeof *way, at);
    return n != WAYS * sizeof *way;
}

bool cache_seen(const Cache *c, const char *key)
{
    Arena a = { 0 };
    struct stat st;
    const uint64_t number = seen_number(key);
    const int how = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    const int fd = c->off ? -1 : open(arena_printf(&a, "%s/seen", c->dir), how, 0600);
    const off_t at = (off_t)((number >> 1) % GROUPS * WAYS * sizeof number);
    bool seen = true;
    if (fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode))
        seen = seen_look(fd, at, number);
    if (fd >= 0) close(fd);
    arena_free(&a);
    return seen;
}
