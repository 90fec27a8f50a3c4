/* file.c -- files and folders: mapping, reading, names that must stay inside a folder. */
#include "base.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- reading --------------------------------------------------------------------------------- */

static size_t with_nul(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return (size / page + 1) * page; /* whole pages, at least one byte more than size */
}

/* The file over the start of zero pages, so that a NUL follows its last byte in every case. */
static unsigned char *map(int fd, size_t size)
{
    size_t all = with_nul(size);
    unsigned char *p = mmap(NULL, all, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) return NULL;
    if (mmap(p, size, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0) != MAP_FAILED) return p;
    int e = errno;
    munmap(p, all);
    errno = e;
    return NULL;
}

#if defined(__APPLE__)
#define MTIME st_mtimespec
#define CTIME st_ctimespec
#else
#define MTIME st_mtim
#define CTIME st_ctim
#endif

static int64_t nanoseconds(struct timespec t) { return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec; }

static FileId id_of(const struct stat *st)
{
    return (FileId){ .device = (uint64_t)st->st_dev, .inode = (uint64_t)st->st_ino,
                     .size = (uint64_t)st->st_size, .written = nanoseconds(st->MTIME),
                     .changed = nanoseconds(st->CTIME) };
}

bool file_id(const char *path, FileId *out)
{
    struct stat st;
    if (stat(path, &st)) return false;
    *out = id_of(&st);
    return true;
}

static void release_map(void *p, size_t size) { munmap(p, size); }

static bool map_fd(Diag *d, const char *path, int fd, Mapped *out)
{
    struct stat st;
    if (fstat(fd, &st)) return diag_fail(d, "cannot read %s: %s", path, strerror(errno));
    if (S_ISDIR(st.st_mode)) return diag_fail(d, "cannot read %s: it is a folder", path);
    if (!S_ISREG(st.st_mode)) return diag_fail(d, "cannot read %s: it is not a regular file", path);
    out->size = (size_t)st.st_size;
    out->id = id_of(&st);
    if (!out->size) return true;
    out->data = map(fd, out->size);
    out->mapped = out->data != NULL;
    mem_own((void *)(uintptr_t)out->data, with_nul(out->size), release_map);
    return out->mapped || diag_fail(d, "cannot map %s: %s", path, strerror(errno));
}

bool file_map(Diag *d, const char *path, Mapped *out)
{
    *out = (Mapped){ 0 };
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not block */
    if (fd < 0) return diag_fail(d, "cannot open %s: %s", path, strerror(errno));
    bool ok = map_fd(d, path, fd, out);
    close(fd);
    if (!ok) *out = (Mapped){ 0 };
    return ok;
}

bool file_read_stdin(Diag *d, size_t max, Mapped *out)
{
    Buf b = { 0 };
    char block[1 << 16];
    ssize_t n;
    *out = (Mapped){ 0 };
    while ((n = read(STDIN_FILENO, block, sizeof block)) > 0 || (n < 0 && errno == EINTR)) {
        if (n < 0) continue;
        if ((size_t)n > max || b.len > max - (size_t)n) {
            buf_free(&b);
            return diag_fail(d, "<stdin> is longer than the %zu bytes that are read", max);
        }
        buf_add(&b, block, (size_t)n);
    }
    if (n < 0) {
        buf_free(&b);
        return diag_fail(d, "cannot read <stdin>: %s", strerror(errno));
    }
    out->data = (const unsigned char *)b.s;
    out->size = b.len;
    return true;
}

void file_unmap(Mapped *m)
{
    void *p = (void *)(uintptr_t)m->data;
    if (m->mapped) mem_disown(p);
    if (m->mapped) munmap(p, with_nul(m->size));
    else mem_free(p);
    *m = (Mapped){ 0 };
}

/* ---- folders and names ----------------------------------------------------------------------- */

bool file_exists(const char *path)
{
    struct stat st;
    return !stat(path, &st);
}

bool file_is_dir(const char *path)
{
    struct stat st;
    return !stat(path, &st) && S_ISDIR(st.st_mode);
}

bool file_make_dirs(Diag *d, const char *path)
{
    Arena a = { 0 };
    char *p = arena_strdup(&a, path);
    bool ok = true;
    for (char *at = p + (*p == '/'), *end; ok && *at; at = end) {
        end = at + strcspn(at, "/");
        bool more = *end == '/';
        *end = 0;
        int e = mkdir(p, 0777) ? errno : 0;
        if (e && !file_is_dir(p))
            ok = diag_fail(d, "cannot make the folder %s: %s", p, strerror(e == EEXIST ? ENOTDIR : e));
        if (more) *end++ = '/';
    }
    arena_free(&a);
    return ok;
}

static bool has_dotdot(const char *rel)
{
    for (const char *at = rel; *at;) {
        size_t n = strcspn(at, "/");
        if (n == 2 && at[0] == '.' && at[1] == '.') return true;
        at += n;
        at += strspn(at, "/");
    }
    return false;
}

static void release_block(void *p, size_t size)
{
    (void)size;
    free(p);
}

char *file_real(const char *path)
{
    char *real = realpath(path, NULL);
    if (!real && errno == ENOMEM) mem_out(PATH_MAX);
    if (real) mem_own(real, 0, release_block);
    return real;
}

/* Where path really is; of a path that is not there, where the part of it that exists is.
 * NULL: cannot be told (no permission, a loop of links). malloc'd. */
static char *real_place(Arena *a, const char *path)
{
    for (;;) {
        char *real = file_real(path);
        if (real || errno != ENOENT || !strchr(path, '/')) return real;
        path = file_dir(a, path);
    }
}

static bool is_inside(const char *dir, const char *path)
{
    size_t n = strlen(dir);
    return !strcmp(dir, "/") || (!strncmp(path, dir, n) && (!path[n] || path[n] == '/'));
}

char *file_join_inside(Arena *a, Diag *d, Loc loc, const char *dir, const char *rel)
{
    if (!*rel) return diag_error(d, loc, "the path is empty"), NULL;
    if (*rel == '/')
        return diag_error(d, loc, "the path %s leaves the folder %s: it is absolute", rel, dir), NULL;
    if (has_dotdot(rel))
        return diag_error(d, loc, "the path %s leaves the folder %s: it has a \"..\"", rel, dir), NULL;
    bool slash = *dir && dir[strlen(dir) - 1] == '/';
    char *joined = !strcmp(dir, ".") || !*dir ? arena_strdup(a, rel)
                                             : arena_printf(a, "%s%s%s", dir, slash ? "" : "/", rel);
    char *real_dir = file_real(*dir ? dir : "."), *real = real_dir ? real_place(a, joined) : NULL;
    bool escapes = real && !is_inside(real_dir, real);
    if (escapes) diag_error(d, loc, "the path %s leaves the folder %s: a link leads to %s", rel, dir, real);
    mem_free(real_dir);
    mem_free(real);
    return escapes ? NULL : joined;
}

char *file_dir(Arena *a, const char *path)
{
    const char *base = file_base(path);
    size_t n = (size_t)(base - path);
    while (n > 1 && path[n - 1] == '/') n--;
    return n ? arena_strndup(a, path, n) : arena_strdup(a, ".");
}

const char *file_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

bool file_has_suffix(const char *path, const char *suffix)
{
    size_t n = strlen(path), m = strlen(suffix);
    return n >= m && !strcmp(path + n - m, suffix);
}
