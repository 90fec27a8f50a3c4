/* out.c -- atomic output: a temporary file in the same folder, fsynced, then renamed.
 *
 * What exists and is no regular file (a terminal, a pipe, /dev/null) is written as it is: renaming
 * over it would replace the device. A link to a file stays a link. */
#include "base.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { TRIES = 100 };

static bool failed(OutFile *o, const char *what, int error)
{
    if (!o->failed) diag_fail(o->diag, "cannot %s %s: %s", what, o->path, strerror(error));
    o->failed = true;
    return false;
}

static char *copy(const char *s)
{
    char *p = mem_strdup(s);
    if (!p) mem_out(strlen(s) + 1);
    return p;
}

/* A new file beside path, which nobody else has: O_EXCL decides, the name only makes it likely. */
static int open_temp(OutFile *o)
{
    size_t dir = (size_t)(file_base(o->path) - o->path);
    for (int i = 0;; i++) {
        struct timespec now;
        Buf name = { 0 };
        clock_gettime(CLOCK_REALTIME, &now);
        uint64_t key = rng_u64((uint64_t)getpid(), (uint64_t)now.tv_nsec + (uint64_t)i);
        buf_add(&name, o->path, dir);
        buf_printf(&name, ".tmp-%016llx", (unsigned long long)key);
        int fd = open(name.s, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0) {
            o->temp = name.s; /* malloc'd */
            return fd;
        }
        int e = errno;
        buf_free(&name);
        errno = e;
        if (e != EEXIST || i == TRIES) return -1;
    }
}

static void lost(void *out) { out_abort(out); }

bool out_open(OutFile *o, Diag *d, const char *path)
{
    struct stat st;
    *o = (OutFile){ .diag = d };
    bool there = !stat(path, &st);
    char *real = there ? file_real(path) : NULL;
    o->path = real && there && !lstat(path, &st) && S_ISLNK(st.st_mode) ? copy(real) : copy(path);
    mem_free(real);
    there = !stat(o->path, &st);
    bool device = there && !S_ISREG(st.st_mode);
    errno = EISDIR;
    int fd = there && S_ISDIR(st.st_mode) ? -1
             : device                     ? open(o->path, O_WRONLY | O_CLOEXEC)
                                          : open_temp(o);
    guard_task(&o->lost, lost, o);
    if (fd < 0) {
        failed(o, "write", errno);
        out_abort(o);
        return false;
    }
    if (there && !device) (void)!fchmod(fd, st.st_mode & 0777); /* the old file's, where allowed */
    o->f = fdopen(fd, "wb");
    if (o->f) return true;
    failed(o, "write", errno);
    close(fd);
    out_abort(o);
    return false;
}

bool out_write(OutFile *o, const void *p, size_t n)
{
    if (o->failed) return false;
    if (n && fwrite(p, 1, n, o->f) != n) return failed(o, "write", errno);
    o->at += n;
    if (o->at > o->written) o->written = o->at;
    if (o->diag->progress) o->diag->progress(o->diag->ctx, o->path, o->written);
    return true;
}

bool out_seek(OutFile *o, uint64_t at)
{
    if (o->failed) return false;
    if (at > INT64_MAX) return failed(o, "seek in", EINVAL);
    if (fseeko(o->f, (off_t)at, SEEK_SET)) return failed(o, "seek in", errno);
    o->at = at;
    return true;
}

bool out_commit(OutFile *o)
{
    bool ok = !o->failed;
    if (ok && fflush(o->f)) ok = failed(o, "write", errno);
    if (ok && o->temp && fsync(fileno(o->f))) ok = failed(o, "write", errno);
    if (o->f && fclose(o->f) && ok) ok = failed(o, "write", errno);
    o->f = NULL;
    if (ok && o->temp && rename(o->temp, o->path)) ok = failed(o, "replace", errno);
    if (ok) {
        mem_free(o->temp);
        o->temp = NULL;
    }
    out_abort(o);
    return ok;
}

void out_abort(OutFile *o)
{
    guard_task_end(&o->lost);
    if (o->f) fclose(o->f);
    if (o->temp) unlink(o->temp);
    mem_free(o->temp);
    mem_free(o->path);
    o->f = NULL;
    o->temp = o->path = NULL;
    o->failed = true; /* what is written after this is refused, silently: it was reported */
}

bool file_write_all(Diag *d, const char *path, const void *p, size_t n)
{
    OutFile o;
    return out_open(&o, d, path) && (out_write(&o, p, n) || true) && out_commit(&o);
}
