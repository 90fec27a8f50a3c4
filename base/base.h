/* base.h -- what every room stands on: memory, text, diagnostics, files, numbers, arrays.
 *
 * Nothing here knows of compilers. Conventions of the whole project:
 *   - A function that can fail returns bool (false: failed and reported to the Diag it was
 *     given) or a pointer (NULL: the same). Nothing in a library calls exit or prints.
 *   - Memory has three kinds of owner: an Arena (freed at once, never piecemeal), a Buf
 *     (buf_free), or a Mapped file (file_unmap). A header says which.
 *   - Running out of memory is a condition of the world: arena and buf calls return to the
 *     Guard of the call that is under way, which releases what the call has allocated.
 *   - Sizes are size_t bytes, extents int64_t elements, products checked by size_mul(). */
#ifndef ANEC_BASE_H
#define ANEC_BASE_H

#include "mem.h"
#include "text.h"

#include <dirent.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- files ------------------------------------------------------------------------------- */

typedef struct {
    uint64_t device, inode, size;
    int64_t written, changed; /* mtime and ctime, nanoseconds since 1970 */
} FileId;

typedef struct MappedFile MappedFile;

typedef struct {
    /* read-only, a NUL after the last byte; NULL for an empty file */
    const unsigned char *data;
    size_t size;
    bool mapped;      /* munmap or free */
    FileId id;        /* of what is mapped or was read, at that time */
    MappedFile *file; /* of what is mapped: mapped.c */
} Mapped;

enum { FILE_MAX_TEXT = 1 << 30 }; /* texts (programs, JSON) above 1 GiB are refused */

/* A regular file: a small one is read, as file_read does, a large one mapped. Whoever uses what
 * may be mapped asks file_stayed afterwards, before anything comes of it. A Git LFS pointer is
 * refused by that name: it stands for a file that was never fetched, whatever was going to be
 * read. */
bool file_map(Diag *d, const char *path, Mapped *out);
/* whole, into memory: texts */
bool file_read(Diag *d, const char *path, Mapped *out);
/* False, a failure that names the file: it is not any more what was mapped; what was read from
 * it is of no use. True for what is not mapped. */
bool file_stayed(Diag *d, const Mapped *m);
/* All of it as the text of src, whose name is left; the file must outlive it. */
void file_as_text(const Mapped *m, Source *src);
/* What lies between these in a mapped file takes no memory until it is read again. */
void file_let_go(const void *from, const void *to);
bool file_read_stdin(Diag *d, size_t max, Mapped *out); /* all of stdin, malloc'd */
void file_unmap(Mapped *m);
bool file_id(const char *path, FileId *out); /* quietly false */
/* realpath; NULL: cannot be told, errno says why. mem_free's */
char *file_real(const char *path);
bool file_exists(const char *path);
bool file_is_dir(const char *path);
bool file_is_empty(const char *dir);            /* a folder with nothing in it */
bool file_make_dirs(Diag *d, const char *path); /* like mkdir -p */
/* Joins, then refuses (error at loc) what leaves `dir`: absolute, "..", NUL, a link that
 * escapes. */
char *file_join_inside(Arena *a, Diag *d, Loc loc, const char *dir, const char *rel);
/* The same for what is read. Model hubs lay files out as links into a store of theirs: with
 * `follow` a link may lead anywhere; without, the refusal names --follow-links. */
char *file_join_linked(Arena *a, Diag *d, Loc loc, const char *dir, const char *rel,
                       bool follow);
char *file_dir(Arena *a, const char *path); /* "." when there is none */
/* The folder of what is kept from run to run: ANEC_CACHE_DIR, which may be empty, else ~/.cache/anec, else NULL. */
const char *file_cache_dir(Arena *a);
const char *file_base(const char *path);
/* Every regular file below dir, with its path relative to it; links are not followed. False: fn
 * said so, or dir could not be read or is more than eight folders deep. In order of names. */
typedef bool FileVisitor(void *ctx, const char *rel);
bool file_walk(const char *dir, FileVisitor *fn, void *ctx);
/* The names in a folder, sorted, in the arena; NULL: it cannot be read. */
const char **folder_names(Arena *a, const char *dir, size_t *n);
/* what is not there is removed; links are, not their targets */
bool file_remove_tree(const char *path);
/* without memory: a handler of signals may call it */
bool file_remove_tree_now(const char *path);
bool file_has_suffix(const char *path, const char *suffix);
DIR *dir_open(const char *path); /* opendir and closedir, */
void dir_close(DIR *dir);        /* with the guard seeing to it; NULL is allowed */

/* While a thread is between these two, a mapped file that is cut under it reads as zeros from
 * there on and file_stayed tells, in place of a SIGBUS. The process's handler of that signal is
 * replaced for as long, and called for what is no mapped file of ours; a thread that blocks the
 * signal does not for as long. */
typedef struct {
    sigset_t before;
} FileUse;
void file_use_begin(FileUse *u);
void file_use_end(const FileUse *u);

bool file_sync_folder(Diag *d, const char *dir); /* its entries are on disk */

/* Temporary files and folders: `.tmp-PID-` and 16 digits. */
/* dir ends in a slash, or is "" */
void temp_name(Buf *out, const char *dir, size_t dirlen, int attempt);
/* The name is one, older than a day, and its process is gone. */
bool temp_is_stale(const char *dir, const char *name);
/* removes all of these; once a folder and process, later calls do nothing */
void temp_sweep(const char *dir);
/* this process has it, in a place that temp_drop frees; -1: no place */
int temp_add(const char *path);
void temp_drop(int place);
bool temp_covers(const char *path);    /* it lies in a folder that was added */
void temp_drop_below(const char *top); /* all that lies in this one */
/* Removes all that was added and not dropped. May be called by a handler of signals, after
 * which the process ends: a tool has one (tools/main.c), the library installs none. */
void temp_remove_all(void);
void temp_remove_below(const char *top); /* those in this folder, without a need for memory */
/* Folders into which other hands write too. What is held is removed whole by temp_remove_all,
 * and when memory runs out before the guard of the call ends; `path` must stay until
 * temp_tree_end or temp_tree_let. */
void temp_tree_hold(const char *path);
bool temp_in_tree(const char *path);  /* it lies in one that is held: it needs no place */
bool temp_tree_end(const char *path); /* removes it; needs no memory; NULL is allowed */
void temp_tree_let(const char *path); /* it stays, or is another's */
/* A new folder, of this user's alone, in TMPDIR or else in /tmp; held, its path in the arena.
 * What killed processes left there is swept. NULL, reported: none can be made. */
char *temp_folder(Arena *a, Diag *d);
/* SIGINT, SIGTERM and SIGHUP wait, for this thread, while two changes must not be parted. */
typedef struct {
    sigset_t before;
    GuardTask lost; /* they wait no more when memory runs out */
} SignalHold;
void temp_hold_signals(SignalHold *h);
void temp_let_signals(SignalHold *h);

/* Room of `size` zeros for what is made in large: a file without a name where it is a MiB or
 * more, so that it may be larger than memory; else memory. Never NULL. */
typedef struct Scratch {
    void *data;
    size_t size;
    bool mapped;
    struct Scratch *next; /* of its owner's */
} Scratch;
Scratch *scratch_new(size_t size);
void scratch_free(Scratch *s); /* NULL is allowed */

/* Atomic output: bytes go to a temporary file in the folder of `path`; commit fsyncs and
 * renames, abort (or a failed call) removes it, so that a reader sees the old file or the whole
 * new one. */
typedef struct {
    int fd;
    bool device, unnamed; /* unnamed: temp is NULL until the file gets its name */
    char *path, *temp;
    int place;           /* of temp: temp_add */
    unsigned char *room; /* bytes on their way */
    size_t used;
    uint64_t written, at; /* the file's length and the place of the next byte */
    bool failed;          /* reported; later calls do nothing and return false */
    Diag *diag;
    GuardTask lost; /* aborts it when memory runs out */
} OutFile;

bool out_open(OutFile *o, Diag *d, const char *path);
bool out_write(OutFile *o, const void *p, size_t n);
bool out_seek(OutFile *o, uint64_t at); /* to patch a header; written is not changed */
bool out_flush(OutFile *o);
bool out_read(OutFile *o, uint64_t at, void *p, size_t n); /* what was written; of no device */
bool out_same(OutFile *o, const char *path); /* the file there holds these bytes */
/* another name in the same folder, before commit */
void out_name(OutFile *o, const char *path);
bool out_commit(OutFile *o);
void out_abort(OutFile *o);
/* atomic, in one call */
bool file_write_all(Diag *d, const char *path, const void *p, size_t n);

/* What file.c and mapped.c share; not for outside. */
struct stat;
enum { FILE_MAPPED = 4 << 20 }; /* from this size on: to read 4 MiB takes a millisecond */

FileId file_id_of(const struct stat *st);
/* device, inode, size, time of writing */
bool file_id_same(const FileId *id, const struct stat *st);

/* Maps the open file, whose size and id `out` has, and keeps fd; false: it should be read. */
bool mapped_open(const char *path, int fd, Mapped *out);
void mapped_close(Mapped *m);

#include "arrays.h"

#endif
