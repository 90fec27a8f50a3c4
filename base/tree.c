/* tree.c -- folders with all that is in them: walking, listing, removing. */
#include "base.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/syscall.h>
#else
#include <spawn.h>
#include <sys/wait.h>
#endif

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

const char **folder_names(Arena *a, const char *dir, size_t *n)
{
    DIR *open = dir_open(dir);
    size_t room = 0;
    const char **name = NULL;
    *n = 0;
    for (const struct dirent *e; open && (e = readdir(open)) != NULL;) {
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")) continue;
        ARENA_ROOM(a, name, *n, room);
        name[(*n)++] = arena_strdup(a, e->d_name);
    }
    if (!open) return NULL;
    dir_close(open);
    if (*n) qsort(name, *n, sizeof *name, by_name);
    return *n ? name : NEW(a, const char *);
}

static bool tree_walk(Arena *a, const char *top, const char *rel, int depth,
                      FileVisitor *fn, void *ctx)
{
    size_t n;
    const char **name = folder_names(a, arena_printf(a, "%s/%s", top, rel), &n);
    bool ok = name && depth < MAX_DEPTH;
    for (size_t i = 0; ok && i < n; i++) {
        struct stat st;
        const char *inner = arena_printf(a, "%s%s%s", rel, *rel ? "/" : "", name[i]);
        if (lstat(arena_printf(a, "%s/%s", top, inner), &st))
            continue; /* gone meanwhile */
        if (S_ISDIR(st.st_mode)) ok = tree_walk(a, top, inner, depth + 1, fn, ctx);
        else if (S_ISREG(st.st_mode)) ok = fn(ctx, inner);
    }
    return ok;
}

bool file_walk(const char *dir, FileVisitor *fn, void *ctx)
{
    Arena a = { 0 };
    bool ok = tree_walk(&a, dir, "", 0, fn, ctx);
    arena_free(&a);
    return ok;
}

/* ---- removing ---------------------------------------------------------------------------- */

#if defined(__linux__)

/* Names come from the kernel, into the stack: opendir would ask for memory. */
static bool remove_at(int folder, const char *name, int depth);

static bool remove_names(int fd, int depth)
{
    _Alignas(8) char block[4096];
    struct { /* linux_dirent64 */
        uint64_t inode;
        int64_t next;
        unsigned short length;
        unsigned char type;
    } head;
    enum { NAME_AT = 19 };
    bool ok = true;
    for (long n; (n = syscall(SYS_getdents64, fd, block, sizeof block)) > 0;)
        for (long at = 0; at < n; at += head.length) {
            const char *name = block + at + NAME_AT;
            memcpy(&head, block + at, NAME_AT);
            if (!strcmp(name, ".") || !strcmp(name, "..")) continue;
            ok = remove_at(fd, name, depth) && ok;
        }
    return ok;
}

static bool remove_at(int folder, const char *name, int depth)
{
    enum { ROUNDS = 3 }; /* some file systems skip names while others are removed */
    const int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return !unlinkat(folder, name, 0) || errno == ENOENT;
    bool gone = false;
    for (int i = 0; i < ROUNDS && !gone && depth < MAX_DEPTH; i++) {
        lseek(fd, 0, SEEK_SET);
        gone = remove_names(fd, depth + 1) && !unlinkat(folder, name, AT_REMOVEDIR);
    }
    close(fd);
    return gone;
}

bool file_remove_tree_now(const char *path) { return remove_at(AT_FDCWD, path, 0); }
bool file_remove_tree(const char *path) { return file_remove_tree_now(path); }

#else

static bool remove_below(Arena *a, const char *path, int depth)
{
    struct stat st;
    size_t n;
    if (lstat(path, &st)) return errno == ENOENT;
    if (!S_ISDIR(st.st_mode)) return !unlink(path);
    const char **name = depth < MAX_DEPTH ? folder_names(a, path, &n) : NULL;
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

/* Nothing here reads a folder without memory, so another program does. */
bool file_remove_tree_now(const char *path)
{
    char *const argv[] = { (char[]){ "rm" }, (char[]){ "-rf" }, (char[]){ "--" },
                           (char *)(uintptr_t)path, NULL };
    char *const none[] = { NULL };
    pid_t child;
    int status = 1;
    if (posix_spawn(&child, "/bin/rm", NULL, NULL, argv, none)) return false;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
    return !status;
}

#endif
