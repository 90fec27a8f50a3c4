/* file.c -- files and folders: reading, names that must stay inside a folder. */
#include "base.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- reading ----------------------------------------------------------------------------- */

#if defined(__APPLE__)
#define MTIME st_mtimespec
#define CTIME st_ctimespec
#else
#define MTIME st_mtim
#define CTIME st_ctim
#endif

static int64_t file_nanoseconds(struct timespec t)
{
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

FileId file_id_of(const struct stat *st)
{
    return (FileId){ .device = (uint64_t)st->st_dev,
                     .inode = (uint64_t)st->st_ino,
                     .size = (uint64_t)st->st_size,
                     .written = file_nanoseconds(st->MTIME),
                     .changed = file_nanoseconds(st->CTIME) };
}

/* Names and rights of the file may change. */
bool file_id_same(const FileId *id, const struct stat *st)
{
    const FileId now = file_id_of(st);
    return id->device == now.device && id->inode == now.inode && id->size == now.size
        && id->written == now.written;
}

bool file_id(const char *path, FileId *out)
{
    struct stat st;
    if (stat(path, &st)) return false;
    *out = file_id_of(&st);
    return true;
}

static bool file_regular(Diag *d, const char *path, int fd, struct stat *st)
{
    if (fstat(fd, st)) return diag_fail(d, "cannot read %s: %s", path, strerror(errno));
    if (S_ISDIR(st->st_mode)) return diag_fail(d, "cannot read %s: it is a folder", path);
    return S_ISREG(st->st_mode)
        || diag_fail(d, "cannot read %s: it is not a regular file", path);
}

/* A text of a few lines, by which Git knows a file that is kept elsewhere. */
static bool is_lfs_pointer(const Mapped *m)
{
    static const char start[] = "version https://git-lfs.github.com/spec/";
    return m->size < 1024 && m->size >= sizeof start
        && !memcmp(m->data, start, sizeof start - 1);
}

/* All its bytes and a NUL; what is read of a file that changes meanwhile is nothing. */
static bool read_fd(Diag *d, const char *path, int fd, Mapped *out)
{
    struct stat st;
    const size_t size = out->size;
    size_t at = 0;
    unsigned char *p = mem_alloc(size + 1);
    ssize_t n = 1;
    if (!p) close(fd), mem_out(size + 1);
    while (at < size && (n = read(fd, p + at, size - at)) != 0)
        if (n > 0) at += (size_t)n;
        else if (errno != EINTR) break;
    p[at] = 0;
    out->data = p;
    if (n < 0) diag_fail(d, "cannot read %s: %s", path, strerror(errno));
    else if (fstat(fd, &st)) diag_fail(d, "cannot read %s: %s", path, strerror(errno));
    else if (at < size || !file_id_same(&out->id, &st))
        diag_fail(d, "%s was written to while it was read", path);
    else return true;
    mem_free(p);
    out->data = NULL;
    return false;
}

static bool open_file(Diag *d, const char *path, bool whole, Mapped *out)
{
    struct stat st;
    *out = (Mapped){ 0 };
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not block */
    if (fd < 0) return diag_fail(d, "cannot open %s: %s", path, strerror(errno));
    bool ok = file_regular(d, path, fd, &st), mapped = false;
    if (ok && st.st_size) {
        out->size = (size_t)st.st_size;
        out->id = file_id_of(&st);
        mapped = !whole && out->size >= FILE_MAPPED && mapped_open(path, fd, out);
        ok = mapped || read_fd(d, path, fd, out);
    } else if (ok) {
        out->id = file_id_of(&st);
    }
    if (!mapped) close(fd); /* else mapped.c has it */
    if (ok && is_lfs_pointer(out)) {
        file_unmap(out);
        ok = diag_error(
            d, (Loc){ 0 },
            "%s is a Git LFS pointer, which stands for the file: git lfs pull in its repository "
            "fetches the file itself",
            path);
    }
    if (!ok) *out = (Mapped){ 0 };
    return ok;
}

bool file_map(Diag *d, const char *path, Mapped *out)
{
    return open_file(d, path, false, out);
}
bool file_read(Diag *d, const char *path, Mapped *out)
{
    return open_file(d, path, true, out);
}

bool file_read_stdin(Diag *d, size_t max, Mapped *out)
{
    Buf b = { 0 };
    char block[1 << 16];
    ssize_t n;
    *out = (Mapped){ 0 };
    while ((n = read(STDIN_FILENO, block, sizeof block)) > 0
           || (n < 0 && errno == EINTR)) {
        if (n < 0) continue;
        if ((size_t)n > max || b.len > max - (size_t)n) {
            buf_free(&b);
            return diag_fail(d, "<stdin> is longer than the %zu bytes that are read",
                             max);
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
    if (m->file) mapped_close(m);
    else mem_free((void *)(uintptr_t)m->data);
    *m = (Mapped){ 0 };
}

void file_as_text(const Mapped *m, Source *src)
{
    src->text = m->data ? (const char *)m->data : "";
    src->len = m->size;
    src->mapped = m->mapped;
}

/* ---- folders and names ------------------------------------------------------------------- */

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
        if (!e && temp_covers(p)
            && temp_add(p) < 0) { /* nobody could take it away again */
            rmdir(p);
            e = ENOMEM;
        }
        if (e && !file_is_dir(p))
            ok = diag_fail(d, "cannot make the folder %s: %s", p,
                           strerror(e == EEXIST ? ENOTDIR : e));
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

/* The path of rel in dir, which neither is absolute nor has a "..". */
static char *file_join(Arena *a, Diag *d, Loc loc, const char *dir, const char *rel)
{
    if (!*rel) return diag_error(d, loc, "the path is empty"), NULL;
    if (*rel == '/')
        return diag_error(d, loc, "the path %s leaves the folder %s: it is absolute", rel,
                          dir),
               NULL;
    if (has_dotdot(rel))
        return diag_error(d, loc, "the path %s leaves the folder %s: it has a \"..\"",
                          rel, dir),
               NULL;
    bool slash = *dir && dir[strlen(dir) - 1] == '/';
    return !strcmp(dir, ".") || !*dir
             ? arena_strdup(a, rel)
             : arena_printf(a, "%s%s%s", dir, slash ? "" : "/", rel);
}

/* Whether the path that `join` gave stays inside of dir when its links are followed. */
static bool file_stays(Arena *a, Diag *d, Loc loc, const char *dir, const char *rel,
                       const char *joined, bool read)
{
    char *real_dir = file_real(*dir ? dir : "."),
         *real = real_dir ? real_place(a, joined) : NULL;
    bool escapes = real && !is_inside(real_dir, real);
    if (escapes && read)
        diag_error(
            d, loc,
            "the path %s leaves the folder %s: a link leads to %s; --follow-links reads it",
            rel, dir, real);
    else if (escapes)
        diag_error(d, loc, "the path %s leaves the folder %s: a link leads to %s", rel,
                   dir, real);
    mem_free(real_dir);
    mem_free(real);
    return !escapes;
}

char *file_join_inside(Arena *a, Diag *d, Loc loc, const char *dir, const char *rel)
{
    char *joined = file_join(a, d, loc, dir, rel);
    return joined && file_stays(a, d, loc, dir, rel, joined, false) ? joined : NULL;
}

char *file_join_linked(Arena *a, Diag *d, Loc loc, const char *dir, const char *rel,
                       bool follow)
{
    char *joined = file_join(a, d, loc, dir, rel);
    return joined && (follow || file_stays(a, d, loc, dir, rel, joined, true)) ? joined
                                                                               : NULL;
}

char *file_dir(Arena *a, const char *path)
{
    const char *base = file_base(path);
    size_t n = (size_t)(base - path);
    while (n > 1 && path[n - 1] == '/') n--;
    return n ? arena_strndup(a, path, n) : arena_strdup(a, ".");
}

const char *file_cache_dir(Arena *a)
{
    const char *named = getenv("ANEC_CACHE_DIR"), *home = getenv("HOME");
    if (named) return named;
    return home && *home ? arena_printf(a, "%s/.cache/anec", home) : NULL;
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
