/* cache.h -- the cache: compiled programs on disk, so that a machine compiles each of them
 * once.
 *
 *   DIR/v1/KEY.N/           an entry: MANIFEST, and the files that the engine's compiler left,
 *                           or a Core ML model
 *   DIR/v1/KEY.N.lock       held by whoever uses the entry; N is the first number that is free.
 *                           N 0 is kept, higher ones are for a process that has the same
 *                           program more than once
 *   DIR/v1/KEY.note         a small text with what was found out about a program
 *   DIR/v1/tally            how often programs were found (tally.c)
 *   DIR/v1/seen             which programs were started before (seen.c)
 *
 * An entry appears whole, by a rename. MANIFEST has the key, and for each file its size and
 * SHA-256; of files with the same bytes only the first is stored. An entry that does not
 * agree with its MANIFEST is removed and made again. Since the content is run, a folder that
 * is a link, or that others own or may write to, is not used. The cache never fails a run:
 * where it cannot be used `off` tells why. Several processes may use one cache. */
#ifndef ANEC_CACHE_H
#define ANEC_CACHE_H

#include "../../ir/ir.h"

typedef struct {
    char *dir;       /* DIR/v1 */
    const char *top; /* DIR, for messages */
    uint64_t limit;  /* bytes of all entries together; the least recently used go first */
    const char *off; /* why there is no cache; NULL: there is one */
    /* ..but the folder is this user's, and what lies there may be read: it is only that
     * nothing can be written */
    bool fixed;
    /* a warning for the user, given once, by cache_tell */
    const char *refused;
    Arena *arena;
} Cache;

enum { CACHE_LIMIT_GB = 4 }; /* without ANEC_CACHE_LIMIT */

/* dir NULL: ANEC_CACHE_DIR, else ~/.cache/anec. Lives in the arena. */
void cache_open(Cache *c, Arena *a, const char *dir);

/* SHA-256 over the names, sizes and bytes of all files in a folder. */
bool cache_digest(Diag *d, const char *dir, char hex[65]);

typedef struct {
    const char *key;
    /* "KEY.0"; path NULL: there is no cache, and the name is of this process alone */
    char *name, *path;
    int lock;        /* a file descriptor, -1: none; released when memory runs out */
    char *lock_path; /* the file that is locked */
    bool kept;       /* the first of its key, which cache_put stores */
    bool shared;     /* others may use it at the same time, so nobody may change it */
} CacheSlot;

/* A place for the program of this key that nobody else uses, in this process or another. */
CacheSlot cache_slot(Cache *c, Arena *a, const char *key);
/* The entry of this key, for any number of readers at once. False, and nothing is held: it
 * does not exist, and is to be made by cache_slot, cache_put and cache_leave; or it cannot
 * be shared. */
bool cache_share(Cache *c, Arena *a, const char *key, CacheSlot *out);
void cache_leave(CacheSlot *s); /* allocates nothing */
/* Checks the files of the entry and puts them into the new folder `to`, large ones as links,
 * which nobody may write to. With NULL it only checks them: they are in s->path. False:
 * there is no whole entry. A large file that is unchanged since its sum was taken (file_sums.c) is
 * not read. */
bool cache_get(Cache *c, const CacheSlot *s, const char *to);
/* Stores the files of a folder as the slot's entry and removes old entries where room is
 * needed. False: not stored, for instance because another process has stored it and uses it. */
bool cache_put(Cache *c, const CacheSlot *s, const char *from);
void cache_drop(const CacheSlot *s);
/* An entry of one file that is only read, by any number of users at once, who map it: the bytes
 * of n parts, one after the other. False: it is not stored, for instance because another process
 * is about to do so, or it would be larger than all of the cache may be. anew: what is there is no
 * such file; else what is there stays. */
#define CACHE_KEPT "packed" /* the file; entries of programs have none of this name */
typedef struct {
    const void *data;
    size_t size;
} CachePart;
bool cache_keep(Cache *c, const char *key, const CachePart *part, int n, bool anew);
/* That file, which stays as long as it is mapped, though the entry goes. False: there is no whole
 * entry. */
bool cache_find(Cache *c, const char *key, Mapped *out);
void cache_tell(Cache *c, Diag *d); /* gives the warning in `refused`, once */

char *cache_note(const Cache *c, Arena *a, const char *key); /* NULL: none */
void cache_set_note(const Cache *c, const char *key, const char *text);

/* Counts of the programs that were looked for since the cache was cleared: not found and
 * compiled, found, found and compiled nevertheless, since the system had not kept what it
 * had compiled (tally.c). */
typedef enum { TALLY_MISS, TALLY_HIT, TALLY_RECOMPILED, TALLY_COUNT } Tally;
typedef struct {
    uint64_t n[TALLY_COUNT];
} CacheTally;
CacheTally cache_tally(const Cache *c);
/* Counts one program; word is its RunsAs.cache. */
void cache_count_one(const Cache *c, const char *word);

typedef struct {
    int entries, notes;
    int kept; /* entries of cache_keep; they are among the entries */
    int busy; /* entries in use, which are not removed */
    uint64_t bytes;
} CacheCount;

/* Counts what is in the cache; with `remove` also removes everything that nobody uses. */
CacheCount cache_count(const Cache *c, bool remove);

/* Whether a program of this key, a guess, was asked about before, and notes that it was now
 * (seen.c). True also where that cannot be known. */
bool cache_seen(const Cache *c, const char *key);

/* ---- for the files of the cache alone (cache.c, cache_room.c) ---------------------------- */

/* Opens and locks a file as flock's `how` says. -1: somebody else holds it, or it cannot be
 * made (errno). */
int cache_lock_file(const char *path, int how);
/* Removes entries until all together are below the limit, those used longest ago first. Who
 * uses an entry holds its lock, so that it stays: the new one, too. */
void cache_make_room(const Cache *c);

/* ---- keys (key.c) ------------------------------------------------------------------------ */

/* The key of a program whose weights are all in files, from remembered sums of those files, so
 * that nothing is written and little read. False: some weights are computed or absent, and the
 * program has to be written for its key. */
bool cache_key(const Cache *c, const Module *m, char hex[65]);
/* The same of any program: weights that lie in no file are read for it. False: some are absent. */
bool cache_key_whole(const Cache *c, const Module *m, char hex[65]);
/* What stands for a program where a mistake costs time alone: of files their device, inode, size
 * and times, of other weights their first numbers. Nothing may be found by it. */
bool cache_key_guess(const Cache *c, const Module *m, char hex[65]);

/* ---- sums of large files (file_sums.c) -------------------------------------------------------- */

/* SHA-256 sums of large files, remembered with the file's path, device, inode, size and times.
 *
 * A sum is kept as a note of the cache, so it is written atomically, and only where there is
 * a cache. It holds as long as none of these changes. The sum of a file that was written in
 * the last seconds is not kept, since it could be written again with the same times. Files
 * below SUM_LARGE bytes are read each time. */
enum { SUM_LARGE = 1 << 20 };

/* Remembers a sum. own: it is a file of the cache; nobody writes into such a file, but links
 * are made to it, which changes its ctime, so ctime and age are not looked at. */
void sum_remember(const Cache *c, const char *path, const FileId *id, bool own,
                  const char *hex);
/* The sum of a mapped file: remembered, or computed now and remembered. */
void sum_file(const Cache *c, const char *path, bool own, const Mapped *m, char hex[65]);

#endif
