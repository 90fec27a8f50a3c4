/* mapped.c -- files that are mapped into memory, and what happens when somebody cuts them.
 *
 * Reading a page behind the new end of a file that was cut raises SIGBUS, possibly in the
 * middle of a kernel that computes. The handler then replaces the file's pages by zeros, notes
 * it, and lets the kernel go on; the caller asks file_stayed before it uses the result. Nothing
 * is unwound, so no lock is left held and nothing leaks; nothing is copied, so that weights of
 * any size cost what mapping them costs. file_stayed compares size and time of writing too,
 * since a file that is cut within a page, or written over, raises no signal.
 *
 * A handler can be given nothing, so its table is the process's. It is installed while somebody
 * is between file_use_begin and file_use_end and something is mapped, passes on what is not
 * ours, and gives way to the one before, which a host may have. */
#include "base.h"

#include <sys/stat.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PLACES = 256 }; /* files mapped at once; more are read */

struct MappedFile {
    int place, fd;
    FileId id;
    char path[];
};

static struct {
    _Atomic uintptr_t from, to; /* from 0: free */
    atomic_bool torn;
    MappedFile *file;
} place[PLACES];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int users, mapped;
static bool installed;
static struct sigaction other; /* whose handler was there */

/* ---- the handler ------------------------------------------------------------------------- */

static void pass_on(int sig, siginfo_t *info, void *context)
{
    if (other.sa_flags & SA_SIGINFO) other.sa_sigaction(sig, info, context);
    else if (other.sa_handler == SIG_DFL || other.sa_handler == SIG_IGN)
        signal(sig, SIG_DFL);
    else
        other.sa_handler(
            sig); /* after the default the read fails again, and ends the process */
}

static void on_bus_error(int sig, siginfo_t *info, void *context)
{
    const int e = errno;
    const uintptr_t at = (uintptr_t)info->si_addr,
                    page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (int i = 0; i < PLACES; i++) {
        const uintptr_t from = atomic_load(&place[i].from),
                        to = atomic_load(&place[i].to);
        if (!from || at < from || at >= to) continue;
        const uintptr_t first = at / page * page;
        atomic_store(&place[i].torn, true);
        if (mmap((void *)first, to - first, PROT_READ,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0)
            == MAP_FAILED)
            break;
        errno = e;
        return;
    }
    pass_on(sig, info, context);
    errno = e;
}

static bool is_ours(const struct sigaction *a)
{
    return a->sa_flags & SA_SIGINFO && a->sa_sigaction == on_bus_error;
}

/* Under the lock: the handler is there when it is needed, and only then. */
static void mapped_settle(void)
{
    struct sigaction now, mine = { .sa_flags = SA_SIGINFO | SA_ONSTACK };
    const bool want = users && mapped;
    if (want && !installed) {
        mine.sa_sigaction = on_bus_error;
        sigemptyset(&mine.sa_mask);
        installed = !sigaction(SIGBUS, &mine, &other);
    } else if (!want && installed) { /* what somebody has set over it stays */
        if (!sigaction(SIGBUS, NULL, &now) && is_ours(&now))
            sigaction(SIGBUS, &other, NULL);
        installed = false;
    }
}

void file_use_begin(FileUse *u)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGBUS);
    /* where it is blocked it ends the process */
    pthread_sigmask(SIG_UNBLOCK, &set, &u->before);
    pthread_mutex_lock(&lock);
    users++;
    mapped_settle();
    pthread_mutex_unlock(&lock);
}

void file_use_end(const FileUse *u)
{
    pthread_mutex_lock(&lock);
    users--;
    mapped_settle();
    pthread_mutex_unlock(&lock);
    if (sigismember(&u->before, SIGBUS)) pthread_sigmask(SIG_SETMASK, &u->before, NULL);
}

/* ---- mapping ----------------------------------------------------------------------------- */

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
    munmap(p, all);
    return NULL;
}

static int take_place(void)
{
    int free = -1;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < PLACES && free < 0; i++)
        if (!atomic_load(&place[i].to)) free = i;
    if (free >= 0) atomic_store(&place[free].to, 1);
    mapped += free >= 0;
    mapped_settle();
    pthread_mutex_unlock(&lock);
    return free;
}

static void leave_place(int i)
{
    pthread_mutex_lock(&lock);
    atomic_store(&place[i].from, 0);
    atomic_store(&place[i].to, 0);
    atomic_store(&place[i].torn, false);
    mapped--;
    mapped_settle();
    pthread_mutex_unlock(&lock);
}

static void mapped_drop(MappedFile *g, void *data, size_t size)
{
    leave_place(g->place);
    munmap(data, with_nul(size));
    close(g->fd);
    free(g);
}

/* Where memory runs out what is mapped is known by where it lies. */
static void release_map(void *data, size_t size)
{
    for (int i = 0; i < PLACES; i++)
        if (atomic_load(&place[i].from) == (uintptr_t)data) {
            mapped_drop(place[i].file, data, size);
            return;
        }
}

bool mapped_open(const char *path, int fd, Mapped *out)
{
    struct stat st;
    const size_t n = strlen(path) + 1;
    MappedFile *g = malloc(sizeof *g + n);
    const int i = g ? take_place() : -1;
    const unsigned char *p = i >= 0 ? map(fd, out->size) : NULL;
    if (!p || fstat(fd, &st)
        || !file_id_same(&out->id, &st)) { /* changed: reading will tell */
        if (p) munmap((void *)(uintptr_t)p, with_nul(out->size));
        if (i >= 0) leave_place(i);
        free(g);
        return false;
    }
    *g = (MappedFile){ .place = i, .fd = fd, .id = out->id };
    memcpy(g->path, path, n);
    place[i].file = g;
    atomic_store(&place[i].to, (uintptr_t)p + with_nul(out->size));
    atomic_store(&place[i].from, (uintptr_t)p);
    out->data = p;
    out->mapped = true;
    out->file = g;
    mem_own((void *)(uintptr_t)p, out->size, release_map);
    return true;
}

void mapped_close(Mapped *m)
{
    mem_disown(m->data);
    mapped_drop(m->file, (void *)(uintptr_t)m->data, m->size);
}

void file_let_go(const void *from, const void *to)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t first = ((uintptr_t)from + page - 1) / page * page,
                    last = (uintptr_t)to / page * page;
    if (last > first)
        (void)madvise((void *)first, last - first, MADV_DONTNEED); /* a wish */
}

void file_bring(const void *from, const void *to)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t first = (uintptr_t)from / page * page;
    void *at = (void *)first;
    const size_t size = (uintptr_t)to - first;
    if (to <= from) return;
#ifdef MADV_POPULATE_READ
    if (!madvise(at, size, MADV_POPULATE_READ)) return;
#endif
    (void)madvise(at, size, MADV_WILLNEED); /* a wish */
}

const char *file_mapped_path(const Mapped *m) { return m->file ? m->file->path : NULL; }

bool file_stayed(Diag *d, const Mapped *m)
{
    struct stat st;
    const MappedFile *g = m->file;
    if (!g) return true;
    if (fstat(g->fd, &st))
        return diag_fail(d, "cannot read %s: %s", g->path, strerror(errno));
    if ((uint64_t)st.st_size < g->id.size)
        return diag_fail(d, "%s was cut to %lld bytes while its %llu were in use",
                         g->path, (long long)st.st_size, (unsigned long long)g->id.size);
    if (atomic_load(&place[g->place].torn))
        return diag_fail(d, "%s could not be read any more while it was in use", g->path);
    return file_id_same(&g->id, &st)
        || diag_fail(d, "%s was written to while it was in use", g->path);
}
