/* cache.h -- compiled programs on disk, so that a program is compiled once a machine.
 *
 *   DIR/v1/KEY.N/           an entry: MANIFEST, and the files that the engine's compiler left,
 *                           or a Core ML model
 *   DIR/v1/KEY.N.lock       held by who uses the entry: N is the first that is free. Of one
 *                           program N 0 is kept, others for a process that has it more than
 *                           once
 *   DIR/v1/KEY.note         what was found out about a program: a small text
 *   DIR/v1/tally            how often programs were found (tally.c)
 *
 * Entries appear whole by a rename; MANIFEST names the key, and each file with its size and
 * SHA-256; of several with the same bytes the first alone is stored. What does not agree with
 * it is removed and made again. What lies in a cache is run: a folder that is a link, or that
 * others own or may write to, is none. Nothing here fails a run: without a folder that can be
 * written there is no cache, and `off` says why. Processes may share a cache. */
#ifndef ANEC_CACHE_H
#define ANEC_CACHE_H

#include "../../base/base.h"

typedef struct {
    char *dir;       /* DIR/v1 */
    const char *top; /* DIR, for messages */
    uint64_t limit;  /* bytes of all entries together; the least recently used go first */
    const char *off; /* NULL: it works */
    /* what the user should hear of it; told once, by who has somebody to tell */
    const char *refused;
    Arena *arena;
} Cache;

enum { CACHE_LIMIT_GB = 4 }; /* without ANEC_CACHE_LIMIT */

/* dir NULL: ANEC_CACHE_DIR, else ~/.cache/anec. Lives in the arena. */
void cache_open(Cache *c, Arena *a, const char *dir);

/* SHA-256 over all files of a folder, their names and sizes. */
bool cache_digest(Diag *d, const char *dir, char hex[65]);

typedef struct {
    const char *key;
    /* "KEY.0"; path NULL: there is no cache, the name is this process's own */
    char *name, *path;
    int lock;        /* a file descriptor, -1: none; released when memory runs out */
    char *lock_path; /* of its file */
    bool kept;       /* cache_put keeps it: the first of its key */
    bool shared;     /* others may have it too: who has it leaves it as it is */
} CacheSlot;

/* A name for the program of this key that no other user has, in this process or another. */
CacheSlot cache_slot(Cache *c, Arena *a, const char *key);
/* The entry of this key for any number of readers at once. False, nothing held: it is to be
 * made, with cache_slot, cache_put and cache_leave, or cannot be shared. */
bool cache_share(Cache *c, Arena *a, const char *key, CacheSlot *out);
void cache_leave(CacheSlot *s); /* needs no memory */
/* Puts the entry's files into the new folder `to`, large ones as links to the entry's, which
 * nobody may write into, or with NULL checks them alone: they are in s->path. False: there is
 * no whole one (any more). A large file that is as it was when its sum was taken (key.c) is
 * not read. */
bool cache_get(Cache *c, const CacheSlot *s, const char *to);
/* Stores what the folder holds as the slot's entry, and makes room. False: not stored, as of a
 * program that another process has stored and uses. */
bool cache_put(Cache *c, const CacheSlot *s, const char *from);
void cache_drop(const CacheSlot *s);
void cache_tell(Cache *c, Diag *d); /* warns, once, of what was refused */

char *cache_note(const Cache *c, Arena *a, const char *key); /* NULL: none */
void cache_set_note(const Cache *c, const char *key, const char *text);

/* What became of the programs that were looked for since the cache was cleared: compiled and
 * stored, found, found and compiled all the same, since the system had not kept what it had
 * compiled (tally.c). */
typedef enum { TALLY_MISS, TALLY_HIT, TALLY_RECOMPILED, TALLY_COUNT } Tally;
typedef struct {
    uint64_t n[TALLY_COUNT];
} CacheTally;
CacheTally cache_tally(const Cache *c);
/* word: RunsAs.cache of one that was compiled or found */
void cache_count_one(const Cache *c, const char *word);

typedef struct {
    int entries, notes, busy; /* busy: in use, which clear leaves */
    uint64_t bytes;
} CacheCount;

/* Counts; with `remove`, removes everything that nobody uses (and counts it). */
CacheCount cache_count(const Cache *c, bool remove);

/* ---- sums of large files (key.c) --------------------------------------------------------- */

/* SHA-256 of large files, remembered by what the file is: place, device, inode, size, times.
 *
 * A sum is remembered as a note of the cache, so atomically and only where there is a cache,
 * and holds as long as nothing of that differs. A file that was written in the last seconds is
 * not remembered: it could be written again without another time. Files below SUM_LARGE are
 * read each time. */
enum { SUM_LARGE = 1 << 20 };

/* own: a file of the cache. Nobody writes into one, but links are made to it, which changes its
 * ctime: that one is not looked at, and neither is its age. */
void sum_remember(const Cache *c, const char *path, const FileId *id, bool own,
                  const char *hex);
/* Of a file as it is mapped: known, or read and remembered. */
void sum_file(const Cache *c, const char *path, bool own, const Mapped *m, char hex[65]);

#endif
