/* out.c -- atomic output: a temporary file in the same folder, fsynced, then renamed.
 *
 * What exists and is no regular file (a terminal, a pipe, /dev/null) is written as it is:
 * renaming over it would replace the device. A link to a file stays a link. Where the system
 * can, a file has no name before it is whole: nothing of it is left then, whatever ends the
 * process. */
#include "base.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TRIES = 100, ROOM = 1 << 16 };

static bool out_failed(OutFile *o, const char *what, int error)
{
    if (!o->failed)
        diag_fail(o->diag, "cannot %s %s: %s", what, o->path, strerror(error));
    o->failed = true;
    return false;
}

static char *out_copy(const char *s)
{
    char *p = mem_strdup(s);
    if (!p) mem_out(strlen(s) + 1);
    return p;
}

/* ---- opening ----------------------------------------------------------------------------- */

/* The folder's part of the path, without the slash before the name; "." when there is none. */
static void folder_of(const char *path, Buf *out)
{
    const size_t n = (size_t)(file_base(path) - path);
    if (n) buf_add(out, path, n);
    else buf_puts(out, "./");
}

/* A file without a name, in the folder; -1, errno EOPNOTSUPP: not here. */
static int open_unnamed(const char *folder)
{
#if defined(O_TMPFILE)
    if (access("/proc/self/fd", X_OK) == 0) { /* through which it gets its name */
        const int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
        if (fd < 0 && (errno == EISDIR || errno == EINVAL)) errno = EOPNOTSUPP;
        return fd;
    }
#endif
    (void)folder;
    errno = EOPNOTSUPP;
    return -1;
}

/* The next name that may be free, and noted for who removes temporaries. */
static void next_temp(OutFile *o, int attempt)
{
    Buf name = { 0 };
    temp_name(&name, o->path, (size_t)(file_base(o->path) - o->path), attempt);
    o->temp = name.s; /* mem_free's */
    o->place = temp_add(o->temp);
}

static void drop_temp(OutFile *o)
{
    temp_drop(o->place);
    mem_free(o->temp);
    o->temp = NULL;
    o->place = -1;
}

/* A new file beside path, which nobody else has: O_EXCL decides, the name only makes it
 * likely. */
static int open_named(OutFile *o)
{
    for (int i = 0;; i++) {
        next_temp(o, i);
        const int fd = open(o->temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        const int e = errno;
        if (fd >= 0) return fd;
        drop_temp(o);
        errno = e;
        if (e != EEXIST || i == TRIES) return -1;
    }
}

static void out_lost(void *out) { out_abort(out); }

static int open_temp(OutFile *o)
{
    Buf folder = { 0 };
    folder_of(o->path, &folder);
    temp_sweep(folder.s);
    int fd = open_unnamed(folder.s);
    const int e = errno;
    buf_free(&folder);
    errno = e;
    o->unnamed = fd >= 0;
    return fd < 0 && e == EOPNOTSUPP ? open_named(o) : fd;
}

bool out_open(OutFile *o, Diag *d, const char *path)
{
    struct stat st;
    *o = (OutFile){ .diag = d, .fd = -1, .place = -1 };
    bool there = !stat(path, &st);
    char *real = there ? file_real(path) : NULL;
    o->path = real && there && !lstat(path, &st) && S_ISLNK(st.st_mode) ? out_copy(real)
                                                                        : out_copy(path);
    mem_free(real);
    there = !stat(o->path, &st);
    o->device = there && !S_ISREG(st.st_mode);
    errno = EISDIR;
    o->fd = there && S_ISDIR(st.st_mode) ? -1
          : o->device                    ? open(o->path, O_WRONLY | O_CLOEXEC)
                                         : open_temp(o);
    guard_task(&o->lost, out_lost, o);
    if (o->fd >= 0 && there && !o->device)
        (void)!fchmod(o->fd, st.st_mode & 0777); /* the old file's, where allowed */
    if (o->fd >= 0 && !(o->room = mem_alloc(ROOM))) mem_out(ROOM);
    if (o->room) return true;
    out_failed(o, "write", errno);
    out_abort(o);
    return false;
}

/* ---- writing ----------------------------------------------------------------------------- */

static bool out_put(OutFile *o, const void *p, size_t n)
{
    for (const char *at = p; n;) {
        const ssize_t k = write(o->fd, at, n);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) return out_failed(o, "write", k ? errno : EIO);
        at += k;
        n -= (size_t)k;
    }
    return true;
}

bool out_flush(OutFile *o)
{
    const size_t n = o->used;
    o->used = 0;
    return !o->failed && out_put(o, o->room, n);
}

bool out_write(OutFile *o, const void *p, size_t n)
{
    if (o->failed) return false;
    if (n > ROOM - o->used && !out_flush(o)) return false;
    if (n >= ROOM) {
        if (!out_put(o, p, n)) return false;
    } else if (n) {
        memcpy(o->room + o->used, p, n);
        o->used += n;
    }
    o->at += n;
    if (o->at > o->written) o->written = o->at;
    if (o->diag->progress) o->diag->progress(o->diag->ctx, o->path, o->written);
    return true;
}

bool out_seek(OutFile *o, uint64_t at)
{
    if (o->failed) return false;
    if (at > INT64_MAX) return out_failed(o, "seek in", EINVAL);
    if (!out_flush(o)) return false;
    if (lseek(o->fd, (off_t)at, SEEK_SET) < 0) return out_failed(o, "seek in", errno);
    o->at = at;
    return true;
}

bool out_read(OutFile *o, uint64_t at, void *p, size_t n)
{
    if (!out_flush(o)) return false;
    for (char *to = p; n;) {
        const ssize_t k = pread(o->fd, to, n, (off_t)at);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) return out_failed(o, "read", k ? errno : EIO);
        to += k;
        at += (uint64_t)k;
        n -= (size_t)k;
    }
    return true;
}

bool out_same(OutFile *o, const char *path)
{
    Diag quiet = { .quiet = true };
    Mapped old = { 0 };
    unsigned char *piece = mem_alloc(ROOM);
    if (!piece) mem_out(ROOM);
    bool same = file_map(&quiet, path, &old) && old.size == o->written;
    for (size_t at = 0; same && at < old.size; at += ROOM) {
        const size_t n = old.size - at < ROOM ? old.size - at : ROOM;
        same = out_read(o, at, piece, n) && !memcmp(piece, old.data + at, n);
    }
    same = same && file_stayed(&quiet, &old);
    file_unmap(&old);
    diag_free(&quiet);
    mem_free(piece);
    return same;
}

void out_name(OutFile *o, const char *path)
{
    char *old = o->path;
    o->path = out_copy(path);
    mem_free(old);
}

/* ---- ending ------------------------------------------------------------------------------ */

/* A name for the file that has none: its own where that is free, else one to rename. */
static bool give_name(OutFile *o, bool *done)
{
    char self[64];
    snprintf(self, sizeof self, "/proc/self/fd/%d", o->fd);
    *done = !linkat(AT_FDCWD, self, AT_FDCWD, o->path, AT_SYMLINK_FOLLOW);
    for (int i = 0; !*done; i++) {
        if (errno != EEXIST || i == TRIES) return out_failed(o, "write", errno);
        next_temp(o, i);
        if (!linkat(AT_FDCWD, self, AT_FDCWD, o->temp, AT_SYMLINK_FOLLOW)) return true;
        const int e = errno;
        drop_temp(o);
        errno = e;
    }
    return true;
}

/* Inside of a folder that is temporary as a whole its files are so too: one that could not be
 * noted would stay where memory runs out. */
static bool put_in_place(OutFile *o)
{
    bool done = o->device;
    const bool inside = !o->device && !temp_in_tree(o->path) && temp_covers(o->path);
    const int inner = inside ? temp_add(o->path) : -1;
    if (inside && inner < 0) return out_failed(o, "write", ENOMEM);
    if (o->unnamed && !give_name(o, &done)) return temp_drop(inner), false;
    if (!done && rename(o->temp, o->path))
        return temp_drop(inner), out_failed(o, "replace", errno);
    if (o->temp) drop_temp(o);
    return true;
}

bool out_commit(OutFile *o)
{
    bool ok = out_flush(o);
    if (ok && !o->device && !o->brief && fsync(o->fd)) ok = out_failed(o, "write", errno);
    ok = ok && put_in_place(o);
    if (o->fd >= 0 && close(o->fd) && ok && o->device) ok = out_failed(o, "write", errno);
    o->fd = -1;
    out_abort(o);
    return ok;
}

void out_abort(OutFile *o)
{
    guard_task_end(&o->lost);
    if (o->fd >= 0) close(o->fd);
    if (o->temp) {
        unlink(o->temp);
        drop_temp(o);
    }
    mem_free(o->room);
    mem_free(o->path);
    o->fd = -1;
    o->room = NULL;
    o->path = NULL;
    o->failed =
        true; /* what is written after this is refused, silently: it was reported */
}

static bool write_file(Diag *d, const char *path, const void *p, size_t n, bool brief)
{
    OutFile o;
    if (!out_open(&o, d, path)) return false;
    o.brief = brief;
    return (out_write(&o, p, n) || true) && out_commit(&o);
}

bool file_write_brief(Diag *d, const char *path, const void *p, size_t n)
{
    return write_file(d, path, p, n, true);
}

bool file_write_all(Diag *d, const char *path, const void *p, size_t n)
{
    return write_file(d, path, p, n, false);
}
