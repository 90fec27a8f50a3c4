/* base.h -- files, and the one header that other folders include of base: it brings memory
 * (mem.h), text and diagnostics (text.h), numbers and arrays on disk (arrays.h) along.
 *
 * Nothing here knows of compilers. Conventions of the whole project:
 *   - A function that can fail returns bool (false: failed and reported to the Diag it was
 *     given) or a pointer (NULL: the same). Nothing in a library calls exit or prints.
 *   - Memory has three kinds of owner: an Arena (freed at once, never piecemeal), a Buf
 *     (buf_free), or a Mapped file (file_unmap). A header says which.
 *   - Allocation never returns NULL to an ordinary caller: where memory runs out, control goes
 *     back to the Guard of the call under way (mem.h), which releases what it had allocated.
 *   - Sizes are size_t bytes, dimensions int64_t elements, products checked by size_mul(). */
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

/* Identifies the contents of a file: two equal ids mean that nobody has written to it. */
typedef struct {
    uint64_t device, inode, size;
    int64_t written, changed; /* mtime and ctime, nanoseconds since 1970 */
} FileId;

typedef struct MappedFile MappedFile;

typedef struct {
    /* read-only, a NUL after the last byte; NULL for an empty file */
    const unsigned char *data;
    size_t size;
    bool mapped;      /* true: pages of the file; false: a copy in memory */
    FileId id;        /* of the file when it was opened */
    MappedFile *file; /* bookkeeping of mapped.c; NULL for a copy */
} Mapped;

enum { FILE_MAX_TEXT = 1 << 30 }; /* texts (programs, JSON) above 1 GiB are refused */

/* Opens a regular file: one below FILE_MAPPED bytes is read into memory, a larger one is
 * mapped. A mapped file can be cut by somebody else while it is in use, so callers ask
 * file_stayed after using the bytes and before handing on a result. A Git LFS pointer (a small
 * text that stands for a file which was never fetched) is refused and named as one. */
bool file_map(Diag *d, const char *path, Mapped *out);
/* Reads a text of FILE_MAX_TEXT bytes at most into memory, whatever its size. */
bool file_read(Diag *d, const char *path, Mapped *out);
/* True: the file is still what was mapped, or it was not mapped. False: it was cut or written
 * to, the failure is reported, and what was read from it must not be used. */
bool file_stayed(Diag *d, const Mapped *m);
/* Its path, which lives as long as the mapping. NULL: it is a copy. */
const char *file_mapped_path(const Mapped *m);
/* Sets src->text and src->len to the whole file, which must outlive src. The name stays. */
void file_as_text(const Mapped *m, Source *src);
/* Gives the pages between two addresses of a mapped file back to the system: they take no
 * memory until they are read again. */
void file_let_go(const void *from, const void *to);
/* Has the system bring the pages between two addresses of a mapped file now, all in one call,
 * where it can: reading them then raises no page fault. */
void file_bring(const void *from, const void *to);
bool file_read_stdin(Diag *d, size_t max, Mapped *out); /* all of stdin, malloc'd */
void file_unmap(Mapped *m);
/* false, and nothing reported: cannot be told */
bool file_id(const char *path, FileId *out);
/* The absolute path without links (realpath), to be freed by mem_free. NULL: errno says why. */
char *file_real(const char *path);
bool file_exists(const char *path);
bool file_is_dir(const char *path);
bool file_is_empty(const char *dir); /* whether it is a folder without entries */
bool file_make_dirs(Diag *d, const char *path); /* like mkdir -p */
/* dir/rel, in the arena. NULL, with an error at loc, where `rel` would leave `dir`: it is
 * absolute, has a "..", or a link on the way leads out. */
char *file_join_inside(Arena *a, Diag *d, Loc loc, const char *dir, const char *rel);
/* The same for files that are only read. Model hubs keep files in a store and links to them in
 * the model's folder: with `follow` a link may lead anywhere, without it the error names the
 * option --follow-links. */
char *file_join_linked(Arena *a, Diag *d, Loc loc, const char *dir, const char *rel,
                       bool follow);
char *file_dir(Arena *a, const char *path); /* "." when there is none */
/* The folder of what is kept from run to run: ANEC_CACHE_DIR, which may be empty, else ~/.cache/anec, else NULL. */
const char *file_cache_dir(Arena *a);
const char *file_base(const char *path);
/* Calls fn for every regular file below dir, in the order of names, with the path relative to
 * dir. Links are not followed. False: fn returned false, dir could not be read, or it is more
 * than eight folders deep. */
typedef bool FileVisitor(void *ctx, const char *rel);
bool file_walk(const char *dir, FileVisitor *fn, void *ctx);
/* The names in a folder, sorted, in the arena; NULL: it cannot be read. */
const char **folder_names(Arena *a, const char *dir, size_t *n);
/* Removes a file or a folder with all that is in it; a link is removed, not its target. True
 * too where there was nothing. */
bool file_remove_tree(const char *path);
/* The same without allocating, so that a signal handler may call it. */
bool file_remove_tree_now(const char *path);
bool file_has_suffix(const char *path, const char *suffix);
DIR *dir_open(const char *path); /* opendir; the guard closes it when memory runs out */
void dir_close(DIR *dir);        /* NULL is allowed */

/* Brackets the use of mapped files. Reading behind the end of a file that somebody has cut
 * raises SIGBUS; between these two calls such a read gives zeros, and file_stayed reports it.
 * The process's handler of SIGBUS is replaced meanwhile, and called for addresses that are in
 * none of our files. A thread that blocks the signal has it unblocked meanwhile. */
typedef struct {
    sigset_t before;
} FileUse;
void file_use_begin(FileUse *u);
void file_use_end(const FileUse *u);

bool file_sync_folder(Diag *d, const char *dir); /* fsync: its entries are on disk */

/* ---- temporary files and folders, named `.tmp-PID-` and 16 digits -------------------------
 *
 * The process keeps a list of those that it has, so that they can be removed when it is ended
 * by a signal. */

/* Appends a fresh name behind dir, which ends in a slash or is "". */
void temp_name(Buf *out, const char *dir, size_t dirlen, int attempt);
/* Whether the name is that of a temporary older than a day whose process is gone. */
bool temp_is_stale(const char *dir, const char *name);
/* Removes the stale ones in a folder; only the first call for a folder does anything. */
void temp_sweep(const char *dir);
/* Puts a path on the list; the number returned is for temp_drop. -1: the list is full. */
int temp_add(const char *path);
void temp_drop(int place);             /* off the list; the file stays */
bool temp_covers(const char *path);    /* whether it lies in a folder of the list */
void temp_drop_below(const char *top); /* takes off all that lie in this folder */
/* Removes everything on the list. A signal handler may call it before it ends the process: the
 * tools have such a handler (tools/main.c), the library installs none. */
void temp_remove_all(void);
void temp_remove_below(const char *top); /* those in this folder; allocates nothing */
/* A folder into which others write too (a compiler that is run). While it is held,
 * temp_remove_all removes it with all that is in it, and so does the guard when memory runs
 * out. `path` must stay until temp_tree_end or temp_tree_let. */
void temp_tree_hold(const char *path);
bool temp_in_tree(const char *path); /* whether it lies in a folder that is held */
/* removes the folder; allocates nothing; NULL is allowed */
bool temp_tree_end(const char *path);
void temp_tree_let(const char *path); /* ends the hold; the folder stays */
/* Makes a folder that this user alone may enter, in TMPDIR or else in /tmp, and holds it; the
 * path is in the arena. Stale ones there are swept. NULL: none can be made, reported. */
char *temp_folder(Arena *a, Diag *d);
/* Delays SIGINT, SIGTERM and SIGHUP for this thread, around two changes on disk of which
 * neither may happen alone. */
typedef struct {
    sigset_t before;
    GuardTask lost; /* ends the delay when memory runs out */
} SignalHold;
void temp_hold_signals(SignalHold *h);
void temp_let_signals(SignalHold *h);

/* `size` bytes of zeros for large results. From a MiB on they lie in a file without a name, so
 * that they may be more than fits into memory. Never NULL. */
typedef struct Scratch {
    void *data;
    size_t size;
    bool mapped;
    struct Scratch *next; /* for the owner's list */
} Scratch;
Scratch *scratch_new(size_t size);
void scratch_free(Scratch *s); /* NULL is allowed */

/* Atomic output: bytes go to a temporary file in the folder of `path`. out_commit syncs and
 * renames it; out_abort, or a call that failed, removes it. So a reader sees either the old
 * file or the whole new one. */
typedef struct {
    int fd;
    bool device;  /* a terminal, pipe or the like: written directly */
    bool unnamed; /* the file gets its name, and temp, at commit */
    char *path, *temp;
    int place;            /* what temp_add returned for temp */
    unsigned char *room;  /* buffer of bytes not yet written, */
    size_t used;          /* and how many there are */
    uint64_t written, at; /* the file's length and the place of the next byte */
    /* set by the caller: it may be lost when the machine stops, and is not synced */
    bool brief;
    bool failed; /* an error was reported: later calls do nothing and return false */
    Diag *diag;
    GuardTask lost; /* aborts it when memory runs out */
} OutFile;

bool out_open(OutFile *o, Diag *d, const char *path);
bool out_write(OutFile *o, const void *p, size_t n);
bool out_seek(OutFile *o, uint64_t at); /* to patch a header; `written` is not changed */
bool out_flush(OutFile *o);
/* what was written; not of a device */
bool out_read(OutFile *o, uint64_t at, void *p, size_t n);
/* whether that file holds these very bytes */
bool out_same(OutFile *o, const char *path);
/* Chooses another name in the same folder; only before commit. */
void out_name(OutFile *o, const char *path);
bool out_commit(OutFile *o);
void out_abort(OutFile *o);
/* out_open, out_write and out_commit in one call. */
bool file_write_all(Diag *d, const char *path, const void *p, size_t n);
/* The same, with OutFile.brief. */
bool file_write_brief(Diag *d, const char *path, const void *p, size_t n);

/* The rest is shared by file.c and mapped.c alone. */
struct stat;
enum {
    FILE_MAPPED = 1 << 20
}; /* bytes from which on a file is mapped: reading less is quick */

FileId file_id_of(const struct stat *st);
/* Compares device, inode, size and time of writing. */
bool file_id_same(const FileId *id, const struct stat *st);

/* Maps the open file, whose size and id are in `out`, and takes fd over. False: it cannot be
 * mapped, and the caller should read it. */
bool mapped_open(const char *path, int fd, Mapped *out);
void mapped_close(Mapped *m);

#include "arrays.h"

#endif
