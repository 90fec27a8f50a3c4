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

#include <dirent.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define PRINTF(f, a) __attribute__((format(printf, f, a)))

/* ---- bug: a broken promise of ours, never of the input -------------------------------------
 *
 * Ends the process, or, inside of a call of the library, the call alone: see Guard.said. */

_Noreturn void bug_at(const char *file, int line, const char *fmt, ...) PRINTF(3, 4);
#define bug(...) bug_at(__FILE__, __LINE__, __VA_ARGS__)

/* ---- memory, and where it is not to be had --------------------------------------------------
 *
 * A call of the library and the main of a tool have a guard:
 *
 *     Guard g;
 *     if (guard_begin(&g)) return ANEC_WORLD; // memory has run out: the call came back here
 *     ...
 *     guard_end(&g);
 *
 * What this thread allocates from there on (arenas, texts, mem_ calls, mapped files) is on the
 * guard's list until it is freed or the guard ends. mem_out runs the tasks, then releases what
 * is on the list, each the latest first, and returns from guard_begin a second time, with true.
 * So no function has to free what it holds for when memory runs out in what it calls. It has to
 * see to these alone:
 *   - what is no memory (a lock, a temporary file): a task, or mem_own with its own release;
 *   - what it hangs into an object that is older than the call, and would be released under it:
 *     mem_follow, or a task that takes it off there. An arena that has memory from before the
 *     call keeps what it gets in it. */
typedef struct GuardTask GuardTask;
struct GuardTask { /* in the frame or object that it is about */
    void (*run)(void *ctx);
    void *ctx;
    GuardTask *before;
};

enum { GUARD_FIRST = 32 };
typedef void MemRelease(void *p, size_t size);
typedef struct Guard Guard;
struct Guard {
    jmp_buf back, next_task;
    Guard *outer;
    struct Owned *slot;
    size_t cap, count;
    uint64_t serial;
    GuardTask *task;
    bool released;
    Guard *paused;  /* of a call that calls back */
    size_t wanted;  /* bytes that were not to be had */
    bool keeps;     /* a bug ends the guarded call and not the process */
    char said[256]; /* of the bug that ended it; else empty */
    uint64_t first[4 * GUARD_FIRST];
};

#define guard_begin(g) (guard_push(g), _setjmp((g)->back) != 0)
void guard_push(Guard *g);
void guard_end(Guard *g); /* what is on its list is no more its business */
/* Around what a call calls back: what is allocated there is not the call's. */
Guard *guard_pause(void);
void guard_resume(Guard *g);
/* Runs `run` if memory runs out before guard_task_end or the guard's end. */
void guard_task(GuardTask *t, void (*run)(void *ctx), void *ctx);
void guard_task_end(GuardTask *t);
/* Holds the lock until guard_unlock, or until memory runs out; t is in the same frame. */
void guard_lock(GuardTask *t, pthread_mutex_t *lock);
void guard_unlock(GuardTask *t, pthread_mutex_t *lock);

/* bytes that this process may have: of memory and swap, or less where it is limited */
size_t mem_most(void);
/* as malloc: NULL when there is none, or it is more than mem_most */
void *mem_alloc(size_t size);
void *mem_zero(size_t count, size_t size); /* as calloc */
void *mem_resize(void *p, size_t size);    /* as realloc */
char *mem_strdup(const char *s);
void mem_free(void *p);                /* of these, and of anything malloc'd */
_Noreturn void mem_out(size_t wanted); /* without a guard: says so and exits with 3 */
/* Puts what is no block on the list; without room there it is released, and memory has run
 * out. */
void mem_own(void *p, size_t size, MemRelease *release);
/* off the list, as it is; false: it was not on it */
bool mem_disown(const void *p);
bool mem_owned(const void *p);
/* p is on the list only where its owner is */
void mem_follow(const void *owner, const void *p);

/* ---- arena: allocations that die together ------------------------------------------------ */

typedef struct ArenaChunk ArenaChunk;
typedef struct {
    ArenaChunk *chunk;
    char *at, *end;
    size_t total; /* bytes asked of the system so far */
} Arena;          /* {0} is an empty arena */

/* zeroed, 8-byte aligned, never NULL */
void *arena_alloc(Arena *a, size_t size);
void *arena_array(Arena *a, size_t count, size_t size); /* count * size, overflow-checked */
char *arena_strndup(Arena *a, const char *s, size_t n); /* NUL added */
char *arena_strdup(Arena *a, const char *s);
char *arena_printf(Arena *a, const char *fmt, ...) PRINTF(2, 3);
char *arena_vprintf(Arena *a, const char *fmt, va_list ap) PRINTF(2, 0);
void arena_free(Arena *a); /* everything; a is empty again */
/* What was allocated since a mark can be given back, as far as it is in the chunk of the
 * mark. */
typedef struct {
    const ArenaChunk *chunk;
    char *at;
} ArenaMark;
ArenaMark arena_mark(const Arena *a);
void arena_back(Arena *a, ArenaMark mark);
#define NEW(arena, T) ((T *)arena_alloc((arena), sizeof(T)))
#define NEW_ARRAY(arena, n, T) ((T *)arena_array((arena), (size_t)(n), sizeof(T)))

/* ---- growing arrays ----------------------------------------------------------------------
 *
 *   T *item; int count, cap;                        all zero: empty
 *   ARENA_ROOM(arena, item, count, cap);            room for one more, in an arena
 *   MEM_ROOM(item, count, cap);                     .. or as mem_resize gives it
 *   item[count++] = ..;
 *
 * Room doubles, from ARRAY_FIRST elements on. */

enum { ARRAY_FIRST = 16 };
/* An array of twice `cap` elements of that size, which begins as this one does. */
void *arena_grow(Arena *a, const void *array, size_t cap, size_t size);
void *mem_grow(void *array, size_t cap, size_t size);

#define ARRAY_ROOM(array, count, cap, more)                                                    \
    do {                                                                                       \
        if ((count) < (cap)) break;                                                            \
        (array) = (more);                                                                      \
        (cap) = (cap) ? 2 * (cap) : ARRAY_FIRST;                                               \
    } while (0)
#define ARENA_ROOM(arena, array, count, cap)                                                   \
    ARRAY_ROOM(array, count, cap, arena_grow((arena), (array), (size_t)(cap), sizeof *(array)))
#define MEM_ROOM(array, count, cap)                                                            \
    ARRAY_ROOM(array, count, cap, mem_grow((array), (size_t)(cap), sizeof *(array)))

/* ---- hashes: of words and bytes, for tables and names of files --------------------------- */

/* One more word. The multiplication carries each bit into all higher ones, the shift into the
 * low. */
static inline uint64_t hash_mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * UINT64_C(0x9E3779B97F4A7C15);
    return h ^ h >> 32;
}
uint64_t hash_bytes(uint64_t h, const void *p, size_t n); /* eight at a time */

/* ---- names: interned strings, so that equal names are equal pointers --------------------- */

typedef struct {
    Arena *arena;
    uint32_t *slot; /* where a name is, 0: free; */
    uint8_t *bits;  /* and some bits of its hash */
    size_t cap, count;
    char **page; /* what the names are in: intern.c */
    size_t pages, page_cap;
    uint32_t next, end; /* free room in the last page */
} Names; /* { .arena = a } is an empty set: names live in the arena, the table until
          * names_free */

const char *name_intern(Names *n, const char *s, size_t len);
const char *name_intern_z(Names *n, const char *s);
const char *name_find(const Names *n, const char *s); /* NULL: it was never interned */
/* all, one a call, from *at = 0; then NULL */
const char *name_each(const Names *n, size_t *at);
/* the table; names stay as long as the arena */
void names_free(Names *n);

/* What who owns a set keeps with each name, which spares tables: all zero at first. A program
 * has more names than anything else, so they are packed. */
typedef struct {
    void *tag; /* of who is at work; NULL again when he has done */
    uint16_t owner, count;
} __attribute__((packed, aligned(4))) NameNote;
NameNote *name_note(const char *name); /* of an interned name */
/* The candidate nearest to `want` by edit distance, or NULL when none is near enough to
 * suggest. */
const char *name_nearest(const char *want, const char *const *candidates, size_t count);

bool name_is_choice(const char *choices, const char *name); /* one of "a|b|c" */
/* What follows the first name of a list "a,b"; NULL: nothing. */
const char *list_next(const char *list);
/* pattern, of n characters, in which * stands for any characters */
bool name_matches(const char *pattern, size_t n, const char *name);

/* ---- ptrmap: pointers by pointer, like values by interned name --------------------------- */

typedef struct {
    struct PtrSlot {
        const void *key;
        void *val;
    } * slot; /* a free one has key NULL */
    size_t cap, count;
} PtrMap; /* {0} is empty; its memory is malloc'd */

void *ptrmap_get(const PtrMap *m, const void *key);      /* NULL: nothing was set */
void *ptrmap_set(PtrMap *m, const void *key, void *val); /* what was there before */
void ptrmap_clear(PtrMap *m);                            /* its memory stays for more */
void ptrmap_free(PtrMap *m);

/* ---- buf: growing text ------------------------------------------------------------------- */

typedef struct {
    char *s; /* NUL-terminated once anything was appended; malloc'd */
    size_t len, cap;
} Buf; /* {0} is empty */

void buf_add(Buf *b, const void *p, size_t n);
void buf_room(Buf *b, size_t n); /* for n more bytes and a NUL; what all others call first */
static inline void buf_puts(Buf *b, const char *s) { buf_add(b, s, strlen(s)); }
static inline void buf_putc(Buf *b, char c)
{
    if (b->cap - b->len < 2) buf_room(b, 1);
    b->s[b->len++] = c;
    b->s[b->len] = 0;
}
void buf_printf(Buf *b, const char *fmt, ...) PRINTF(2, 3);
void buf_vprintf(Buf *b, const char *fmt, va_list ap) PRINTF(2, 0);
void buf_quote(Buf *b, const char *s); /* s between double quotes, with \" and \\ */
void buf_free(Buf *b);

/* ---- text of others in messages ---------------------------------------------------------- */

/* Like buf_printf, for messages: what %s and %c print is escaped, so that a file's name, an
 * option's value or a model's name reaches no terminal as a command and looks like no line of
 * ours. */
void buf_message(Buf *b, const char *fmt, ...) PRINTF(2, 3);
void buf_vmessage(Buf *b, const char *fmt, va_list ap) PRINTF(2, 0);
/* Control characters as \n, \x1b, bytes that are not UTF-8 as \xff, what turns the direction of
 * text as \u202e; everything else, a backslash too, as it is. */
void buf_escape(Buf *b, const char *s, size_t n);
enum { TEXT_NOT_UTF8 = 0x110000 };
/* at s; its length in bytes */
uint32_t text_code_point(const char *s, const char *end, int *len);
/* buf_escape spells it out */
bool text_is_odd(uint32_t c);

/* ---- sizes ------------------------------------------------------------------------------- */

bool size_mul(size_t a, size_t b, size_t *out); /* false on overflow */
bool size_add(size_t a, size_t b, size_t *out);

/* ---- source text and diagnostics --------------------------------------------------------- */

typedef struct {
    const char *name; /* as the user gave it; "<stdin>" */
    const char *text; /* not owned; may be NULL when a file has no text (a container, a .npy) */
    size_t len;
    bool mapped; /* text is of a mapped file: what was read of it may be given back */
} Source;

/* A span of a source. {0} means nowhere: the message is printed with no place. */
typedef struct {
    const Source *src;
    uint32_t at, len; /* byte offset and length */
} Loc;

Loc loc_join(Loc first, Loc last);
void loc_line_col(Loc loc, int *line, int *col); /* both from 1; col counts code points */

typedef enum { DIAG_NOTE, DIAG_WARNING, DIAG_ERROR, DIAG_FAIL } DiagKind;

/* A report in its parts. */
typedef struct {
    DiagKind kind;
    Loc loc;
    const char *message; /* the text alone, its first line */
    const char *warning; /* the name of one, promoted or not; or NULL */
} DiagItem;

/* Where reports go. One per command or library call, never shared between threads.
 *   error: what was given is wrong (exit 1). fail: the world is (exit 3).
 * After max_errors the rest is counted, not kept. `emit` receives each finished message at once
 * when set (the tools print there); otherwise the text gathers in `text`. With `item` set neither
 * happens: it gets the parts. */
typedef struct Diag Diag;
struct Diag {
    Buf text; /* the messages, formatted, when emit is NULL */
    void (*emit)(void *ctx, DiagKind kind, const char *message);
    void (*item)(void *item_ctx, const DiagItem *item);
    void *item_ctx;
    /* as a file grows, or NULL */
    void (*progress)(void *ctx, const char *path, uint64_t written);
    void *ctx;                   /* of both */
    int errors, fails, warnings; /* counts so far */
    int max_errors;              /* 0: 20 */
    uint64_t off, promoted;      /* bit i: warning i of warnings.def is silent / an error */
    bool quiet;                  /* no warnings or notes at all (-q) */
    DiagKind last;               /* a note follows its message, or vanishes with it */
    bool dropped;                /* the last message was not shown */
    const void *once[8];         /* what diag_error_once has said already */
    bool ended;                  /* diag_end has said how many were not */
};

typedef enum {
#define W(id, name, text) WARN_##id,
#include "warnings.def"
    WARN_COUNT
} Warning;
extern const char *const warning_names[WARN_COUNT];
extern const char *const warning_texts[WARN_COUNT];
int warning_find(const char *name); /* -1 when unknown */

bool diag_error(Diag *d, Loc loc, const char *fmt, ...) PRINTF(3, 4); /* always false */
/* An error about `what` as a whole, a file that many literals refer to: a second one is not
 * said. */
/* always false */
bool diag_error_once(Diag *d, const void *what, Loc loc, const char *fmt, ...) PRINTF(4, 5);
bool diag_fail(Diag *d, const char *fmt, ...) PRINTF(2, 3); /* always false */
void diag_warn(Diag *d, Warning w, Loc loc, const char *fmt, ...) PRINTF(4, 5);
/* to the last message */
void diag_note(Diag *d, Loc loc, const char *fmt, ...) PRINTF(3, 4);
int diag_exit(const Diag *d);  /* 0, 1 or 3: the exit code that the counts call for */
bool diag_ok(const Diag *d);   /* neither errors nor fails */
bool diag_full(const Diag *d); /* one more error would be counted and not shown */
void diag_end(Diag *d);        /* says once how many messages past the limit were not shown */
void diag_free(Diag *d);       /* with emit set, diag_end first */

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

/* ---- JSON: cJSON's trees, where memory runs out as it does in an arena ------------------- */

struct cJSON;
struct cJSON *json_parse(const char *text, size_t n); /* NULL: it is no JSON; json_free's */
/* of cJSON_Create..: never NULL, json_free's */
struct cJSON *json_root(struct cJSON *made);
void json_free(struct cJSON *root); /* NULL is allowed */
/* Hangs what cJSON_Create.. or json_root made into an object, or with name NULL into an array;
 * gives it. */
struct cJSON *json_item(struct cJSON *parent, const char *name, struct cJSON *made);
char *json_text(const struct cJSON *root, bool lines); /* json_text_free's */
void json_text_free(char *text);
/* A folder that appears whole: what belongs into `path` is written into `at`, and commit puts
 * that in its place in one step, with all that was there before gone; abort (or a failed call)
 * leaves what was. */
typedef struct {
    Arena arena;
    char *path, *at;
    int place;
    bool placed; /* commit put it in its place, even where it then failed */
    Diag *diag;
    GuardTask lost; /* aborts it when memory runs out */
} Stage;

bool stage_open(Stage *s, Diag *d, const char *path);
bool stage_commit(Stage *s);
void stage_abort(Stage *s);

/* ---- numbers ----------------------------------------------------------------------------- */

/* fp16 is its bits in a uint16_t; bf16 likewise. One rounding, to nearest even, from double;
 * too large becomes infinity, NaN stays NaN (quiet), subnormals are kept. */
double f16_to_double(uint16_t h);
uint16_t f16_from_double(double v);
double bf16_to_double(uint16_t h);
uint16_t bf16_from_double(double v);
/* Floats of eight bits, exactly: F8_E4M3 (finite: S.1111.111 is its one NaN) and F8_E5M2 as fp16, F8_E8M0, which
 * is powers of two alone, as bf16. */
uint16_t f8_e4m3_to_f16(uint8_t v);
uint16_t f8_e5m2_to_f16(uint8_t v);
uint16_t f8_e8m0_to_bf16(uint8_t v);
void f16_to_doubles(const uint16_t *src, double *dst, size_t n);
void f16_from_doubles(const double *src, uint16_t *dst, size_t n);
void f16_to_floats(const uint16_t *src, float *dst, size_t n);
void f16_from_floats(const float *src, uint16_t *dst, size_t n);

/* Counter-based random numbers: a pure function of (seed, index), so that any element can be
 * made alone, on any platform, in any order. docs/runtime.md writes the generator out. */
uint64_t rng_u64(uint64_t seed, uint64_t index);
double rng_unit(uint64_t seed, uint64_t index);    /* uniform in [0, 1), 53 bits */
double rng_normal(uint64_t seed, uint64_t index);  /* standard normal */
uint64_t rng_key(uint64_t seed, const char *name); /* a seed of its own for a named stream */
/* elements first.. of it */
void rng_normals(uint64_t seed, uint64_t first, size_t n, double *dst);

/* SHA-256: sha256_start, any number of sha256_add, sha256_end with the digest in
 * hexadecimal. */
typedef struct {
    uint32_t state[8];
    uint64_t bytes;
    unsigned char part[64];
} Sha256;

Sha256 sha256_start(void);
void sha256_add(Sha256 *s, const void *p, size_t n);
void sha256_end(Sha256 *s, char hex[65]);

/* ---- .npy arrays ------------------------------------------------------------------------- */

enum { ARRAY_MAX_RANK = 16 };

/* Numbers and bools of a .npy file, whatever its version, order and endianness were, in C order
 * and little endian, aligned to the element. data is valid until npy_close; it lies in the
 * file's mapping where nothing had to be converted. */
typedef struct {
    /* "<f2": one of |b1 |i1 |u1 <i2 <u2 .. <i8 <u8 <f2 <f4 <f8 */
    const char *descr;
    int rank;                      /* 0: a scalar */
    int64_t shape[ARRAY_MAX_RANK]; /* >= 0 */
    size_t count, bytes;
    const void *data; /* never NULL */
    Mapped map;       /* owned */
    void *copy;       /* owned: the elements where they were converted */
} NpyArray;

bool npy_open(Diag *d, const char *path, NpyArray *out);
/* The same from memory, which must outlive the array; name is for messages. */
bool npy_parse(Diag *d, const char *name, const void *file, size_t size, NpyArray *out);
void npy_close(NpyArray *n);
/* A version 1 header, padded so that what follows it is 64-byte aligned. */
void npy_header(Buf *out, const char *descr, int rank, const int64_t *shape);
/* Header and `bytes` bytes of elements in C order, little endian; atomic. */
bool npy_write(Diag *d, const char *path, const char *descr, int rank, const int64_t *shape,
               const void *data, size_t bytes);

/* ---- .safetensors files ------------------------------------------------------------------ */

typedef struct {
    /* "F16", "F32", "BF16", "I32".. as written, of a known size */
    const char *name, *dtype;
    int rank;
    int64_t shape[ARRAY_MAX_RANK];
    /* in the file: little endian, C order, of no known alignment */
    const void *data;
    size_t bytes; /* what shape and dtype ask for */
} SafeTensor;

typedef struct {
    const char *path;
    SafeTensor *tensor; /* in the arena, in the file's order */
    size_t count;
} SafeTensors;

/* Reads the header of a mapped file, which must outlive the tensors; all are checked to lie
 * inside. Errors name path and tensor, at loc (of the statement that wants the file; {0} for
 * none). */
bool safetensors_parse(Arena *a, Diag *d, Loc loc, const char *path, const Mapped *file,
                       SafeTensors *out);
/* NULL: no such tensor (an error at loc, with the name that was probably meant). */
/* Into the header of a file that is written: a tensor of so many bytes at *at, which goes on. */
void safetensors_entry(struct cJSON *header, const char *name, const char *dtype, int rank,
                       const int64_t *shape, uint64_t bytes, uint64_t *at);
const SafeTensor *safetensors_find(const SafeTensors *s, Diag *d, Loc loc, const char *name);

/* The index of a checkpoint in several files: model.safetensors.index.json. */
typedef struct {
    const char *tensor,
        *file; /* as the index has them: a hostile path, relative to its folder */
} ShardPlace;

typedef struct {
    const char *path;
    ShardPlace *place; /* in the arena, in the order of the tensors' names */
    size_t count;
    const char **file; /* each file once, in the order of their names */
    size_t files;
} Shards;

bool shards_parse(Arena *a, Diag *d, Loc loc, const char *path, const Mapped *file,
                  Shards *out);

#endif
