/* tree.c -- folders with all that is in them. */
#include "base.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_DEPTH = 8 };

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void release_dir(void *dir, size_t size)
{
    (void)size;
    closedir(dir);
}

DIR *dir_open(const char *path)
{
    DIR *dir = opendir(path);
    if (!dir && errno == ENOMEM) mem_out(1);
    mem_own(dir, 0, release_dir);
    return dir;
}

void dir_close(DIR *dir)
{
    if (!dir) return;
    mem_disown(dir);
    closedir(dir);
}

bool file_is_empty(const char *dir)
{
    DIR *open = dir_open(dir);
    bool empty = open != NULL;
    for (const struct dirent *e; empty && (e = readdir(open)) != NULL;)
        empty = !strcmp(e->d_name, ".") || !strcmp(e->d_name, "..");
    dir_close(open);
    return empty;
}

/* The names in a folder, sorted; NULL: it cannot be read. In the arena. */
static const char **names_in(Arena *a, const char *dir, size_t *n)
{
    DIR *open = dir_open(dir);
    size_t room = 16;
    const char **name = NEW_ARRAY(a, room, const char *);
    *n = 0;
    for (const struct dirent *e; open && (e = readdir(open)) != NULL;) {
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")) continue;
        if (*n == room) {
            const char **more = NEW_ARRAY(a, room *= 2, const char *);
            memcpy(more, name, *n * sizeof *name);
            name = more;
        }
        name[(*n)++] = arena_strdup(a, e->d_name);
    }
    if (!open) return NULL;
    dir_close(open);
    qsort(name, *n, sizeof *name, by_name);
    return name;
}

static bool walk(Arena *a, const char *top, const char *rel, int depth, FileVisitor *fn, void *ctx)
{
    size_t n;
    const char **name = names_in(a, arena_printf(a, "%s/%s", top, rel), &n);
    bool ok = name && depth < MAX_DEPTH;
    for (size_t i = 0; ok && i < n; i++) {
        struct stat st;
        const char *inner = arena_printf(a, "%s%s%s", rel, *rel ? "/" : "", name[i]);
        if (lstat(arena_printf(a, "%s/%s", top, inner), &st)) continue; /* gone meanwhile */
        if (S_ISDIR(st.st_mode)) ok = walk(a, top, inner, depth + 1, fn, ctx);
        else if (S_ISREG(st.st_mode)) ok = fn(ctx, inner);
    }
    return ok;
}

bool file_walk(const char *dir, FileVisitor *fn, void *ctx)
{
    Arena a = { 0 };
    bool ok = walk(&a, dir, "", 0, fn, ctx);
    arena_free(&a);
    return ok;
}

static bool remove_below(Arena *a, const char *path, int depth)
{
    struct stat st;
    size_t n;
    if (lstat(path, &st)) return errno == ENOENT;
    if (!S_ISDIR(st.st_mode)) return !unlink(path);
    const char **name = depth < MAX_DEPTH ? names_in(a, path, &n) : NULL;
    bool ok = name != NULL;
    for (size_t i = 0; ok && i < n; i++)
        ok = remove_below(a, arena_printf(a, "%s/%s", path, name[i]), depth + 1);
    return ok && !rmdir(path);
}

bool file_remove_tree(const char *path)
{
    Arena a = { 0 };
    bool ok = remove_below(&a, path, 0);
    arena_free(&a);
    return ok;
}
