/* inject.c -- makes one call of the system fail: preloaded, before the C library.
 *
 *   INJECT=N         the N-th of the calls below fails (from 1), with "input/output error"
 *   INJECT_KILL=N    at the N-th the process is killed instead
 *   INJECT_OLD=1     files without a name, and folders that are exchanged, are not to be had
 *   INJECT_LOG=FILE  how many there were is written there at the end; without INJECT it counts
 *                    alone
 *
 * Counted are calls that may write or make something: open and openat for writing or of a
 * folder, write, fsync, rename, renameat2, linkat, mkdir. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_int count;

static void *next(const char *name) { return dlsym(RTLD_NEXT, name); }

#define REAL(name, result, ...) \
    static result (*real)(__VA_ARGS__); \
    if (!real) { \
        void *found = next(name); \
        memcpy(&real, &found, sizeof real); \
    }

static int number(const char *name)
{
    const char *text = getenv(name);
    return text ? atoi(text) : 0;
}

static int fails(void)
{
    const int n = ++count;
    if (n == number("INJECT_KILL")) raise(SIGKILL);
    if (n != number("INJECT")) return 0;
    errno = EIO;
    return 1;
}

static int counts(const char *path, int flags)
{
    const int writes = flags & (O_WRONLY | O_RDWR | O_CREAT) || (flags & O_DIRECTORY);
    return writes && strncmp(path, "/dev/", 5) != 0 && strncmp(path, "/proc/", 6) != 0;
}

int open(const char *path, int flags, ...)
{
    REAL("open", int, const char *, int, ...)
    va_list ap;
    va_start(ap, flags);
    const mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(ap, mode_t) : 0;
    va_end(ap);
    if ((flags & O_TMPFILE) == O_TMPFILE && number("INJECT_OLD")) {
        errno = EOPNOTSUPP;
        return -1;
    }
    return counts(path, flags) && fails() ? -1 : real(path, flags, mode);
}

ssize_t write(int fd, const void *p, size_t n)
{
    REAL("write", ssize_t, int, const void *, size_t)
    return fd > 2 && fails() ? -1 : real(fd, p, n);
}

int fsync(int fd)
{
    REAL("fsync", int, int)
    return fails() ? -1 : real(fd);
}

int rename(const char *from, const char *to)
{
    REAL("rename", int, const char *, const char *)
    return fails() ? -1 : real(from, to);
}

int renameat2(int a, const char *from, int b, const char *to, unsigned flags)
{
    REAL("renameat2", int, int, const char *, int, const char *, unsigned)
    if (number("INJECT_OLD")) {
        errno = EPERM; /* as a sandbox says that knows no such call */
        return -1;
    }
    return fails() ? -1 : real(a, from, b, to, flags);
}

int linkat(int a, const char *from, int b, const char *to, int flags)
{
    REAL("linkat", int, int, const char *, int, const char *, int)
    return fails() ? -1 : real(a, from, b, to, flags);
}

int mkdir(const char *path, mode_t mode)
{
    REAL("mkdir", int, const char *, mode_t)
    return fails() ? -1 : real(path, mode);
}

static void __attribute__((destructor)) tell(void)
{
    const char *path = getenv("INJECT_LOG");
    FILE *f = path ? fopen(path, "w") : NULL;
    if (!f) return;
    fprintf(f, "%d\n", (int)count);
    fclose(f);
}
