/* stage.c -- a folder that appears whole: it is made beside its place, then exchanged with what
 * is there. */
#include "base.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__linux__)
#include <sys/syscall.h>
#endif

enum { TRIES = 100 };

static bool stage_failed(Stage *s, const char *what)
{
    diag_fail(s->diag, "cannot %s the folder %s: %s", what, s->path, strerror(errno));
    stage_abort(s);
    return false;
}

static bool make_folder(Stage *s)
{
    for (int i = 0;; i++) {
        Buf name = { 0 };
        temp_name(&name, s->path, (size_t)(file_base(s->path) - s->path), i);
        s->at = arena_strdup(&s->arena, name.s);
        buf_free(&name);
        s->place = temp_add(s->at);
        if (!mkdir(s->at, 0777)) return true;
        const int e = errno;
        temp_drop(s->place);
        s->at = NULL;
        errno = e;
        if (e != EEXIST || i == TRIES) return stage_failed(s, "make");
    }
}

/* Where the old folder is while neither stands in its place; a system that can exchange has
 * none. */
static const char *stage_aside(Stage *s)
{
    const size_t n = (size_t)(file_base(s->path) - s->path);
    return arena_printf(&s->arena, "%.*s.tmp-old-%s", (int)n, s->path, s->path + n);
}

static void stage_lost(void *stage) { stage_abort(stage); }

bool stage_open(Stage *s, Diag *d, const char *path)
{
    struct stat st;
    *s = (Stage){ .diag = d, .place = -1 };
    guard_task(&s->lost, stage_lost, s);
    char *real = file_real(path);
    const bool link = !lstat(path, &st) && S_ISLNK(st.st_mode);
    s->path = arena_strdup(&s->arena,
                           real && link ? real : path); /* a link stays a link */
    mem_free(real);
    const char *old = stage_aside(s), *parent = file_dir(&s->arena, s->path);
    temp_sweep(parent);
    if (file_exists(s->path)) file_remove_tree(old); /* what was ended in between */
    else (void)!rename(old, s->path);
    const bool there = !stat(s->path, &st);
    errno = ENOTDIR;
    if (there && !S_ISDIR(st.st_mode)) return stage_failed(s, "make");
    if (!make_folder(s)) return false;
    if (there) (void)!chmod(s->at, st.st_mode & 0777);
    return true;
}

static int stage_exchange(const char *a, const char *b)
{
#if defined(__linux__) && defined(SYS_renameat2) && defined(RENAME_EXCHANGE)
    return renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE);
#elif defined(__APPLE__)
    return renamex_np(a, b, RENAME_SWAP);
#else
    (void)a;
    (void)b;
    errno = ENOSYS;
    return -1;
#endif
}

/* Where folders cannot be exchanged at once the old one is moved away for the moment. Systems
 * say so in many ways: ENOSYS, EINVAL, ENOTSUP, and EPERM where a sandbox knows no such call. */
static bool stage_replace(Stage *s)
{
    const char *old = stage_aside(s);
    if (!stage_exchange(s->at, s->path)) return true;
    file_remove_tree(old);
    if (rename(s->path, old)) return false;
    if (rename(s->at, s->path)) {
        const int e = errno;
        (void)!rename(old, s->path);
        errno = e;
        return false;
    }
    if (rename(old, s->at)) file_remove_tree(old);
    return true;
}

static bool sync_folder(const char *dir)
{
    const int fd = open(dir, O_RDONLY | O_CLOEXEC);
    const bool ok = fd >= 0 && (!fsync(fd) || errno == EINVAL || errno == ENOTSUP);
    const int e = errno;
    if (fd >= 0) close(fd);
    errno = e;
    return ok;
}

bool file_sync_folder(Diag *d, const char *dir)
{
    return sync_folder(dir)
        || diag_fail(d, "cannot write the folder %s: %s", dir, strerror(errno));
}

typedef struct {
    Stage *stage;
    const char *last; /* folder that was synced last: names come in order */
} Sync;

static bool sync_parent(void *ctx, const char *rel)
{
    Sync *y = ctx;
    const char *dir = file_dir(&y->stage->arena, rel);
    if (!strcmp(dir, y->last)) return true;
    y->last = dir;
    return sync_folder(arena_printf(&y->stage->arena, "%s/%s", y->stage->at, dir));
}

static bool put_in_place(Stage *s, bool *there)
{
    Sync sync = { .stage = s, .last = "" };
    *there = file_is_dir(s->path);
    errno = EIO;
    if (!file_walk(s->at, sync_parent, &sync) || !sync_folder(s->at))
        return stage_failed(s, "write");
    if (*there ? !stage_replace(s) : rename(s->at, s->path))
        return stage_failed(s, "replace");
    return true;
}

/* Signals that would end the process wait until the old folder is gone. */
bool stage_commit(Stage *s)
{
    SignalHold hold;
    bool there;
    temp_hold_signals(&hold);
    bool ok = put_in_place(s, &there);
    s->placed = ok;
    if (ok) {
        const char *parent = file_dir(&s->arena, s->path);
        ok = file_sync_folder(s->diag, parent);
        if (there && !file_remove_tree(s->at) && !file_remove_tree(s->at))
            ok = diag_fail(s->diag, "cannot remove the folder %s", s->at);
        guard_task_end(&s->lost);
        temp_drop_below(s->at);
        temp_drop(s->place);
        arena_free(&s->arena);
    }
    temp_let_signals(&hold);
    return ok;
}

void stage_abort(Stage *s)
{
    guard_task_end(&s->lost);
    if (s->at) temp_remove_below(s->at); /* memory may be what is missing */
    if (s->at && rmdir(s->at)) file_remove_tree(s->at);
    if (s->at) temp_drop_below(s->at);
    if (s->at) temp_drop(s->place);
    s->at = NULL;
    arena_free(&s->arena);
}
