/* scratch.c -- memory for large results that are kept until they are written: the pages of a
 * file without a name, which the system can write out when memory is short. Small ones, and all
 * on a machine where no such file can be made, are ordinary memory.
 *
 * The file's blocks are reserved before anybody writes to its pages, so that a full disk is an
 * error here and not a signal later. */
#include "base.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SCRATCH_FILED = 1 << 20, SCRATCH_PIECE = 1 << 16, SCRATCH_NAMES = 100 };

static int scratch_open(const char *dir)
{
    Buf folder = { 0 };
    int fd = -1;
    bool again = true;
    buf_printf(&folder, "%s/", dir);
    for (int i = 0; i < SCRATCH_NAMES && fd < 0 && again; i++) {
        Buf path = { 0 };
        temp_name(&path, folder.s, folder.len, i);
        fd = open(path.s, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        again = errno == EEXIST;
        if (fd >= 0) unlink(path.s);
        buf_free(&path);
    }
    buf_free(&folder);
    return fd;
}

static bool scratch_filled(int fd, size_t size)
{
    static const char zeros[SCRATCH_PIECE];
    for (size_t at = 0; at < size;) {
        const size_t left = size - at, n = left < sizeof zeros ? left : sizeof zeros;
        const ssize_t put = pwrite(fd, zeros, n, (off_t)at);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return false;
        at += (size_t)put;
    }
    return true;
}

static void scratch_release(void *p, size_t size) { munmap(p, size); }

static void *scratch_mapped(size_t size)
{
    const char *dir = getenv("TMPDIR");
    const int fd = scratch_open(dir && *dir ? dir : "/tmp");
    if (fd < 0) return NULL;
    void *p = scratch_filled(fd, size)
                ? mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
                : MAP_FAILED;
    close(fd);
    if (p == MAP_FAILED) return NULL;
    mem_own(p, size, scratch_release);
    return p;
}

Scratch *scratch_new(size_t size)
{
    Scratch *s = mem_zero(1, sizeof *s);
    if (!s) mem_out(sizeof *s);
    s->size = size;
    s->data = size >= SCRATCH_FILED ? scratch_mapped(size) : NULL;
    s->mapped = s->data != NULL;
    if (!s->data) s->data = mem_zero(size + 1, 1);
    if (!s->data) mem_out(size);
    return s;
}

void scratch_free(Scratch *s)
{
    if (!s) return;
    if (s->mapped) {
        mem_disown(s->data);
        munmap(s->data, s->size);
    } else {
        mem_free(s->data);
    }
    mem_free(s);
}
