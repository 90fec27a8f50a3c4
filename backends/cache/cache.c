/* cache.c -- entries of the cache: making, checking and locking them. */
#include "cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC "anec cache 3\n"
enum { MAX_SAME = 1000 }; /* users of one program at once */

/* What was said, without what kind of message it was. */
static const char *plain_text(Arena *a, const Diag *d)
{
    const char *s = d->text.s ? d->text.s : "", *error = strstr(s, "error: ");
    if (error) s = error + 7;
    return arena_strndup(a, s, strcspn(s, "\n"));
}

/* What lies in a cache is run, so nobody else may have put it there. NULL: nobody can have. */
static const char *why_not(Arena *a, const char *path, bool folder)
{
    struct stat st;
    if (lstat(path, &st)) return arena_printf(a, "%s: %s", path, strerror(errno));
    if (S_ISLNK(st.st_mode)) return arena_printf(a, "%s is a link", path);
    if (folder ? !S_ISDIR(st.st_mode) : !S_ISREG(st.st_mode))
        return arena_printf(a, "%s is no %s", path, folder ? "folder" : "regular file");
    if (st.st_uid != geteuid())
        return arena_printf(a, "%s belongs to another user", path);
    if (st.st_mode & 022)
        return arena_printf(a, "others may write to %s; chmod go-w makes it yours alone",
                            path);
    return NULL;
}

static void cache_off(Cache *c, const char *why)
{
    c->off = why;
    c->fixed = false;
}

/* A folder of this user's alone: made so, or found so. */
static void make_own(Cache *c, Arena *a, const char *dir)
{
    const char *why;
    if (c->off && !c->fixed) return;
    if (mkdir(dir, 0700) && errno != EEXIST)
        cache_off(c,
                  arena_printf(a, "cannot make the folder %s: %s", dir, strerror(errno)));
    else if (file_is_dir(dir) && (why = why_not(a, dir, true)) != NULL) {
        cache_off(c, why);
        c->refused = arena_printf(a, "the cache is not used: %s", why);
    } else if (!file_is_dir(dir))
        cache_off(
            c, arena_printf(a, "cannot make the folder %s: %s", dir, strerror(ENOTDIR)));
    else if (faccessat(AT_FDCWD, dir, W_OK, AT_EACCESS)) {
        cache_off(c, arena_printf(a, "%s cannot be written: %s", dir, strerror(errno)));
        c->fixed = true;
    }
}

void cache_open(Cache *c, Arena *a, const char *dir)
{
    const char *limit = getenv("ANEC_CACHE_LIMIT");
    Diag d = { 0 };
    if (!dir) dir = file_cache_dir(a);
    *c = (Cache){ .top = dir ? dir : "",
                  .limit = (uint64_t)CACHE_LIMIT_GB << 30,
                  .arena = a };
    if (limit && *limit) c->limit = strtoull(limit, NULL, 10);
    if (!dir || !*dir) {
        c->off = "no folder is named for it";
        return;
    }
    size_t n = strlen(dir);
    while (n > 1 && dir[n - 1] == '/') n--; /* a slash would lead through a link */
    const char *top = arena_strndup(a, dir, n);
    c->dir = arena_printf(a, "%s/v1", top);
    if (!file_make_dirs(&d, file_dir(a, top))) c->off = plain_text(a, &d);
    make_own(c, a, top);
    make_own(c, a, c->dir);
    diag_free(&d);
}

/* ---- locks ------------------------------------------------------------------------------- */

/* A lock whose file was removed meanwhile is none: another process would lock the new file. */
int cache_lock_file(const char *path, int how)
{
    for (int i = 0; i < 10; i++) {
        struct stat mine, now;
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0) return -1;
        bool ours = !flock(fd, how);
        if (ours && !fstat(fd, &mine) && !stat(path, &now) && mine.st_ino == now.st_ino
            && mine.st_dev == now.st_dev)
            return fd;
        close(fd);
        if (!ours) {
            errno = EWOULDBLOCK;
            return -1;
        }
    }
    return -1;
}

static void lost_lock(void *path, size_t lock)
{
    (void)path;
    close((int)lock);
}

/* A slot whose lock is held. */
static CacheSlot cache_held(Arena *a, const char *key, int n, char *path, char *lock_path,
                            int lock)
{
    mem_own(lock_path, (size_t)lock, lost_lock);
    CacheSlot s = { .path = path, .lock_path = lock_path, .lock = lock };
    s.name = arena_printf(a, "%s.%d", key, n);
    s.key = arena_strdup(a, key);
    return s;
}

static CacheSlot cache_unshared(Arena *a, const char *key)
{
    /* An address of this arena is this process's own for as long as the slot is. */
    return (CacheSlot){ .name = arena_printf(a, "%s.%ld.%p", key, (long)getpid(),
                                             arena_alloc(a, 1)),
                        .key = arena_strdup(a, key),
                        .lock = -1 };
}

/* False: errno says why. */
static bool cache_hold(const Cache *c, Arena *a, const char *key, int n, int how,
                       CacheSlot *out)
{
    char *path = arena_printf(a, "%s/%s.%d", c->dir, key, n);
    char *lock_path = arena_printf(a, "%s.lock", path);
    const int lock = cache_lock_file(lock_path, how);
    if (lock < 0) return false;
    *out = cache_held(a, key, n, path, lock_path, lock);
    out->kept = !n;
    out->shared = how & LOCK_SH;
    return true;
}

CacheSlot cache_slot(Cache *c, Arena *a, const char *key)
{
    CacheSlot s;
    for (int n = 0; !c->off && n < MAX_SAME; n++) {
        if (cache_hold(c, a, key, n, LOCK_EX | LOCK_NB, &s)) return s;
        if (errno != EWOULDBLOCK)
            c->off = arena_printf(a, "%s/%s.%d.lock: %s", c->dir, key, n,
                                  strerror(errno));
    }
    return cache_unshared(a, key);
}

/* Who makes the entry holds the lock alone, for as long as that takes. */
bool cache_share(Cache *c, Arena *a, const char *key, CacheSlot *out)
{
    *out = cache_unshared(a, key);
    if (c->off || !cache_hold(c, a, key, 0, LOCK_SH, out)) return false;
    if (cache_get(c, out, NULL)) return true;
    cache_leave(out);
    return false;
}

void cache_leave(CacheSlot *s)
{
    if (s->lock < 0) return;
    /* nothing was kept: the lock goes too */
    if (!s->shared && !file_exists(s->path)) unlink(s->lock_path);
    mem_disown(s->lock_path);
    close(s->lock);
    s->lock = -1;
}

/* ---- digests ----------------------------------------------------------------------------- */

typedef struct {
    Sha256 sha;
    const char *dir;
    Diag *diag;
} Digest;

static bool add_file(void *ctx, const char *rel)
{
    Digest *g = ctx;
    Mapped m;
    Buf path = { 0 };
    buf_printf(&path, "%s/%s", g->dir, rel);
    bool ok = file_map(g->diag, path.s, &m);
    buf_free(&path);
    if (!ok) return false;
    sha256_add(&g->sha, rel, strlen(rel) + 1);
    sha256_add(&g->sha, &m.size, sizeof m.size);
    sha256_add(&g->sha, m.data, m.size);
    file_unmap(&m);
    return true;
}

bool cache_digest(Diag *d, const char *dir, char hex[65])
{
    Digest g = { .sha = sha256_start(), .dir = dir, .diag = d };
    const bool ok = file_walk(dir, add_file, &g);
    sha256_end(&g.sha, hex);
    return ok;
}

/* ---- copying ----------------------------------------------------------------------------- */

typedef struct {
    Arena arena;
    const Cache *cache;
    const char *from, *to;
    bool out;    /* of the cache: large files are linked where the file system can */
    bool closed; /* the entry, to everybody else */
    Buf manifest;
    Diag diag;
} CacheCopy;

static void copy_end(CacheCopy *c)
{
    buf_free(&c->manifest);
    diag_free(&c->diag);
    arena_free(&c->arena);
}

/* Where the bytes of a file lie that has this beginning of a line, "DIGEST SIZE ": in the first
 * file of the manifest so far that has the same, else in itself. */
static const char *stored_as(CacheCopy *c, const char *sum, size_t n, const char *rel)
{
    const char *at = c->manifest.s;
    for (; at && *at; at += strcspn(at, "\n"), at += *at == '\n')
        if (!strncmp(at, sum, n))
            return arena_strndup(&c->arena, at + n, strcspn(at + n, "\n"));
    return rel;
}

/* Copies a file, where there is a place to, and adds its line to the manifest. What an entry
 * has already, as the engine's compiler leaves text and weights a second time, is stored once:
 * its bytes lie in the file `stored`, which is rel for all others. */
static bool copy_as(CacheCopy *c, const char *stored, const char *rel)
{
    Mapped m;
    char digest[65];
    const char *from = arena_printf(&c->arena, "%s/%s", c->from, stored);
    const char *to = arena_printf(&c->arena, "%s/%s", c->to ? c->to : "", rel);
    if (c->out && !c->closed && why_not(&c->arena, from, false)) return false;
    if (!file_map(&c->diag, from, &m)) return false;
    sum_file(c->cache, from, c->out, &m, digest);
    const char *sum = arena_printf(&c->arena, "%s %zu ", digest, m.size);
    const bool there = !c->out && stored_as(c, sum, strlen(sum), NULL);
    buf_printf(&c->manifest, "%s%s\n", sum, rel);
    bool ok = !c->to || there
           || (file_make_dirs(&c->diag, file_dir(&c->arena, to))
               && ((c->out && m.size >= SUM_LARGE && !link(from, to))
                   || file_write_all(&c->diag, to, m.data, m.size)));
    ok = ok && file_stayed(&c->diag, &m);
    file_unmap(&m);
    return ok;
}

/* Of a folder that becomes an entry. */
static bool copy_file(void *ctx, const char *rel)
{
    return !strcmp(rel, "MANIFEST") || strchr(rel, '\n') || copy_as(ctx, rel, rel);
}

/* The first lines of a manifest: what it is, and of which entry. */
static const char *head_of(Arena *a, const CacheSlot *s)
{
    return arena_printf(a, MAGIC "key %s\n", s->key);
}

/* What was copied into the entry is as its manifest says: the next to use it need not read
 * it. */
static void remember_sums(CacheCopy *c, const CacheSlot *s)
{
    const char *entry = s->path;
    for (const char *at = c->manifest.s + strlen(head_of(&c->arena, s));
         strncmp(at, "end\n", 4) != 0; at = strchr(at, '\n') + 1) {
        const char *name = strchr(at + 65, ' ') + 1;
        if (strtoull(at + 65, NULL, 10) < SUM_LARGE) continue;
        FileId id;
        const char *path = arena_printf(&c->arena, "%s/%.*s", entry,
                                        (int)strcspn(name, "\n"), name);
        if (file_id(path, &id))
            sum_remember(c->cache, path, &id, true, arena_strndup(&c->arena, at, 64));
    }
}

/* A folder's entries are on disk when the folder is synced. */
static void sync_dir(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

/* Puts files into the folder copy->to, with a line in the manifest for each. */
typedef bool FillFn(CacheCopy *copy, const void *ctx);

/* The slot's entry, of what fill puts there: it appears whole, or not at all. */
static bool put_entry(Cache *c, const CacheSlot *s, FillFn *fill, const void *ctx)
{
    CacheCopy copy = { .cache = c };
    const char *temp = arena_printf(&copy.arena, "%s.tmp", s->path);
    copy.to = temp;
    buf_puts(&copy.manifest, head_of(&copy.arena, s));
    temp_tree_hold(temp);
    bool ok = file_remove_tree(temp) && !mkdir(temp, 0700) && fill(&copy, ctx);
    buf_puts(&copy.manifest, "end\n");
    ok = ok
      && file_write_all(&copy.diag, arena_printf(&copy.arena, "%s/MANIFEST", temp),
                        copy.manifest.s, copy.manifest.len);
    ok = ok && file_remove_tree(s->path) && !rename(temp, s->path);
    temp_tree_end(temp); /* where it could not be put in its place */
    if (ok) sync_dir(c->dir);
    if (ok) remember_sums(&copy, s);
    copy_end(&copy);
    if (ok) cache_make_room(c);
    return ok;
}

static bool fill_folder(CacheCopy *copy, const void *from)
{
    copy->from = from;
    return file_walk(from, copy_file, copy);
}

bool cache_put(Cache *c, const CacheSlot *s, const char *from)
{
    return s->path && s->kept && put_entry(c, s, fill_folder, from);
}

/* ---- entries of one file ----------------------------------------------------------------- */

typedef struct {
    const CachePart *part;
    int n;
    size_t size;
} CacheParts;

static bool fill_parts(CacheCopy *copy, const void *ctx)
{
    const CacheParts *p = ctx;
    OutFile o;
    char digest[65];
    Sha256 sha = sha256_start();
    if (!out_open(&o, &copy->diag,
                  arena_printf(&copy->arena, "%s/" CACHE_KEPT, copy->to)))
        return false;
    bool ok = true;
    for (int i = 0; ok && i < p->n; i++) {
        ok = out_write(&o, p->part[i].data, p->part[i].size);
        sha256_add(&sha, p->part[i].data, p->part[i].size);
    }
    if (!ok) out_abort(&o);
    sha256_end(&sha, digest);
    buf_printf(&copy->manifest, "%s %zu " CACHE_KEPT "\n", digest, p->size);
    return ok && out_commit(&o);
}

bool cache_keep(Cache *c, const char *key, const CachePart *part, int n, bool anew)
{
    Arena a = { 0 };
    CacheSlot s;
    CacheParts p = { .part = part, .n = n };
    for (int i = 0; i < n; i++) p.size += part[i].size;
    bool ok = !c->off && p.size < c->limit
           && cache_hold(c, &a, key, 0, LOCK_EX | LOCK_NB, &s);
    if (ok) {
        ok = (!anew && cache_get(c, &s, NULL)) || put_entry(c, &s, fill_parts, &p);
        cache_leave(&s);
    }
    arena_free(&a);
    return ok;
}

bool cache_find(Cache *c, const char *key, Mapped *out)
{
    Arena a = { 0 };
    Diag quiet = { .quiet = true };
    char *entry = arena_printf(&a, "%s/%s.0", c->dir ? c->dir : "", key);
    CacheSlot s = { .key = key, .path = entry, .lock = -1, .shared = true };
    bool ok = (!c->off || c->fixed) && file_exists(entry)
           && (c->fixed || cache_hold(c, &a, key, 0, LOCK_SH | LOCK_NB, &s));
    if (ok) {
        ok = cache_get(c, &s, NULL)
          && file_map(&quiet, arena_printf(&a, "%s/" CACHE_KEPT, entry), out);
        cache_leave(&s);
    }
    diag_free(&quiet);
    arena_free(&a);
    return ok;
}

/* ---- what an entry has ------------------------------------------------------------------- */

/* Every file of the manifest is there and as it says, and no other matters. */
static bool get_files(CacheCopy *c, const char *head, const char *text)
{
    size_t n = strlen(head);
    if (strncmp(text, head, n) != 0) return false;
    buf_puts(&c->manifest, head);
    for (const char *at = text + n; *at; at += strcspn(at, "\n") + 1) {
        size_t line = strcspn(at, "\n");
        if (at[line] != '\n') return false;
        if (line == 3 && !memcmp(at, "end", 3)) {
            buf_puts(&c->manifest, "end\n");
            return !at[4]
                && !strcmp(c->manifest.s, text); /* copying made the same lines */
        }
        const char *digest_end = memchr(at, ' ', line);
        const char *name = digest_end ? memchr(digest_end + 1, ' ',
                                               line - (size_t)(digest_end + 1 - at))
                                      : NULL;
        if (!name) return false;
        const char *rel = arena_strndup(&c->arena, name + 1,
                                        line - (size_t)(name + 1 - at));
        const char *stored = stored_as(c, at, (size_t)(name + 1 - at), rel);
        if (!strcmp(rel, "MANIFEST")
            || !file_join_inside(&c->arena, &c->diag, (Loc){ 0 }, c->from, rel)
            || !copy_as(c, stored, rel))
            return false;
    }
    return false; /* no end */
}

/* The entry is this user's alone; else that is to be told. */
static bool is_own(Cache *c, CacheCopy *copy, const char *entry)
{
    struct stat st;
    const char *why = why_not(c->arena, entry, true);
    if (why)
        c->refused = arena_printf(c->arena, "an entry of the cache is made anew: %s",
                                  why);
    copy->closed = !why && !lstat(entry, &st) && !(st.st_mode & 077);
    return !why;
}

bool cache_get(Cache *c, const CacheSlot *s, const char *to)
{
    CacheCopy copy = { .cache = c, .from = s->path, .to = to, .out = true };
    Mapped manifest = { 0 };
    struct stat st;
    if (!s->path || lstat(s->path, &st)) return false;
    const char *path = arena_printf(&copy.arena, "%s/MANIFEST", s->path);
    bool ok = is_own(c, &copy, s->path) && (!to || file_make_dirs(&copy.diag, to))
           && file_read(&copy.diag, path, &manifest) && manifest.data
           && get_files(&copy, head_of(&copy.arena, s), (const char *)manifest.data);
    file_unmap(&manifest);
    if (ok) utimensat(AT_FDCWD, path, NULL, 0); /* it was used now */
    else cache_drop(s);
    if (!ok && to) file_remove_tree(to);
    copy_end(&copy);
    return ok;
}

void cache_drop(const CacheSlot *s)
{
    if (s->path && !s->shared) file_remove_tree(s->path);
}

void cache_tell(Cache *c, Diag *d)
{
    if (!c->refused || d->quiet) return; /* who does not listen now may do so later */
    diag_warn(d, WARN_CACHE, (Loc){ 0 }, "%s", c->refused);
    c->refused = NULL;
}
