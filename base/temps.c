/* temps.c -- temporary files and folders. Their names carry the number of their process, so
 * that a signal handler can remove those of this process, and a later run those of a process
 * that was killed.
 *
 * The list has file scope because a signal handler cannot be given an argument. An entry is
 * taken out by an atomic exchange, and whoever took it out frees it. */
#include "base.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PLACES = 1024, HEX = 16, DAY = 24 * 60 * 60, SWEPT = 16 };
static const char prefix[] = ".tmp-";

static _Atomic(char *) place[PLACES];
static atomic_int used; /* places from here on were never taken */

/* ---- names ------------------------------------------------------------------------------- */

void temp_name(Buf *out, const char *dir, size_t dirlen, int attempt)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    const uint64_t key = rng_u64((uint64_t)getpid(),
                                 (uint64_t)now.tv_nsec + (uint64_t)attempt);
    buf_add(out, dir, dirlen);
    buf_printf(out, "%s%ld-%016llx", prefix, (long)getpid(), (unsigned long long)key);
}

/* The process that a name belongs to; 0: it is none of temp_name's. */
static pid_t owner_of(const char *name)
{
    char *end;
    if (strncmp(name, prefix, sizeof prefix - 1) != 0) return 0;
    const char *digits = name + sizeof prefix - 1;
    if (!isdigit((unsigned char)*digits)) return 0;
    const long pid = strtol(digits, &end, 10);
    if (*end++ != '-' || strspn(end, "0123456789abcdef") != HEX || end[HEX] || pid <= 0)
        return 0;
    return (pid_t)pid == pid ? (pid_t)pid : 0;
}

bool temp_is_stale(const char *dir, const char *name)
{
    struct stat st;
    Buf path = { 0 };
    const pid_t pid = owner_of(name);
    if (!pid) return false;
    buf_printf(&path, "%s/%s", dir, name);
    const bool there = !lstat(path.s, &st);
    buf_free(&path);
    return there && st.st_uid == geteuid() && time(NULL) - st.st_mtime > DAY
        && kill(pid, 0) && errno == ESRCH;
}

/* ---- what this process has open ---------------------------------------------------------- */

static int temps_add(char *copy)
{
    for (int i = 0; copy && i < PLACES; i++) {
        char *none = NULL;
        if (!atomic_compare_exchange_strong(&place[i], &none, copy)) continue;
        for (int n = used; n <= i && !atomic_compare_exchange_weak(&used, &n, i + 1);)
            continue;
        return i;
    }
    free(copy); /* without a place it is the sweep's */
    return -1;
}

int temp_add(const char *path) { return temps_add(strdup(path)); }

void temp_drop(int at)
{
    if (at >= 0) free(atomic_exchange(&place[at], NULL));
}

static bool temp_below(const char *path, const char *top)
{
    const size_t n = strlen(top);
    return !strncmp(path, top, n) && path[n] == '/';
}

/* Nobody else takes out what lies below a folder of this thread's, but a handler, which does
 * not come back. */
bool temp_covers(const char *path)
{
    for (int i = 0, n = used; i < n; i++) {
        char *p = atomic_exchange(&place[i], NULL);
        const bool found = p && temp_below(path, p);
        if (p) atomic_store(&place[i], p);
        if (found) return true;
    }
    return false;
}

/* As temp_covers, of the folders that are held as trees: their paths end in a slash. */
bool temp_in_tree(const char *path)
{
    for (int i = 0, n = used; i < n; i++) {
        char *p = atomic_exchange(&place[i], NULL);
        const size_t len = p ? strlen(p) : 0;
        const bool found = len && p[len - 1] == '/' && !strncmp(path, p, len);
        if (p) atomic_store(&place[i], p);
        if (found) return true;
    }
    return false;
}

void temp_drop_below(const char *top)
{
    for (int i = 0, n = used; i < n; i++) {
        char *p = atomic_exchange(&place[i], NULL);
        if (p && temp_below(p, top)) free(p);
        else if (p) atomic_store(&place[i], p);
    }
}

/* A tree's path has a slash at its end. */
static bool remove_one(char *p)
{
    const size_t n = strlen(p);
    if (!n || p[n - 1] != '/') return !unlink(p) || errno == ENOENT || !rmdir(p);
    p[n - 1] = 0;
    const bool gone = file_remove_tree_now(p);
    p[n - 1] = '/';
    return gone;
}

/* Needs no memory. top NULL: all, as a handler of signals asks for: it may not free. */
static void remove_places(const char *top)
{
    enum { DEEP = 8 };
    for (int round = 0; round < DEEP; round++) /* what is in a folder goes before it */
        for (int i = used; i-- > 0;) {
            char *p = atomic_exchange(&place[i], NULL);
            const bool ours = p && (!top || temp_below(p, top));
            if (p && (!ours || !remove_one(p))) atomic_store(&place[i], p);
            else if (top) free(p);
        }
}

void temp_remove_all(void) { remove_places(NULL); }

void temp_remove_below(const char *top) { remove_places(top); }

/* ---- trees ------------------------------------------------------------------------------- */

/* The place of this tree is taken out of the table. */
static void drop_tree(const char *path)
{
    const size_t n = strlen(path);
    for (int i = 0; i < used; i++) {
        char *p = atomic_exchange(&place[i], NULL);
        if (p && !strncmp(p, path, n) && p[n] == '/' && !p[n + 1]) {
            free(p);
            return;
        }
        if (p) atomic_store(&place[i], p);
    }
}

static void lost_tree(void *path, size_t size)
{
    (void)size;
    file_remove_tree_now(path);
    drop_tree(path);
}

void temp_tree_hold(const char *path)
{
    const size_t n = strlen(path);
    char *copy = malloc(n + 2);
    if (copy) {
        memcpy(copy, path, n);
        memcpy(copy + n, "/", 2);
    }
    temps_add(copy);
    mem_own((void *)(uintptr_t)path, 0, lost_tree);
}

void temp_tree_let(const char *path)
{
    mem_disown(path);
    drop_tree(path);
}

bool temp_tree_end(const char *path)
{
    if (!path) return true;
    const bool gone = file_remove_tree_now(path);
    temp_tree_let(path);
    return gone;
}

char *temp_folder(Arena *a, Diag *d)
{
    enum { TRIES = 100 };
    const char *set = getenv("TMPDIR"), *dir = set && *set ? set : "/tmp";
    const char *top = arena_printf(a, "%s%s", dir,
                                   dir[strlen(dir) - 1] == '/' ? "" : "/");
    temp_sweep(dir);
    for (int i = 0; i < TRIES; i++) {
        Buf name = { 0 };
        temp_name(&name, top, strlen(top), i);
        char *path = arena_strdup(a, name.s);
        buf_free(&name);
        temp_tree_hold(path);
        if (!mkdir(path, 0700)) return path;
        const int e = errno;
        temp_tree_let(path);
        errno = e;
        if (e != EEXIST) break;
    }
    diag_fail(d, "no temporary folder can be made: %s: %s", dir, strerror(errno));
    return NULL;
}

static void temp_let(void *hold)
{
    pthread_sigmask(SIG_SETMASK, &((SignalHold *)hold)->before, NULL);
}

void temp_hold_signals(SignalHold *h)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, &h->before);
    guard_task(&h->lost, temp_let, h);
}

void temp_let_signals(SignalHold *h)
{
    guard_task_end(&h->lost);
    temp_let(h);
}

/* ---- what others left -------------------------------------------------------------------- */

/* A folder with thousands of outputs is looked through once, not for each of them. */
static bool first_time(const char *dir)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static struct {
        dev_t device;
        ino_t inode;
        uint64_t name; /* an inode may come back as another folder's */
    } swept[SWEPT];
    static int next;
    struct stat st;
    bool known = false;
    const uint64_t name = rng_key(1, dir);
    if (stat(dir, &st)) return false;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < SWEPT; i++)
        known |= swept[i].device == st.st_dev && swept[i].inode == st.st_ino
              && swept[i].name == name;
    if (!known) {
        swept[next].device = st.st_dev;
        swept[next].inode = st.st_ino;
        swept[next].name = name;
        next = (next + 1) % SWEPT;
    }
    pthread_mutex_unlock(&lock);
    return !known;
}

void temp_sweep(const char *dir)
{
    DIR *open = first_time(dir) ? dir_open(dir) : NULL;
    for (const struct dirent *e; open && (e = readdir(open)) != NULL;) {
        if (!temp_is_stale(dir, e->d_name)) continue;
        Buf path = { 0 };
        buf_printf(&path, "%s/%s", dir, e->d_name);
        file_remove_tree(path.s);
        buf_free(&path);
    }
    dir_close(open);
}
