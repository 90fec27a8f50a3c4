/* text.h -- text: hashes, interned names, growing buffers, escaping of foreign text in
 * messages, and diagnostics with a place in a source. */
#ifndef ANEC_TEXT_H
#define ANEC_TEXT_H

#include "mem.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* ---- hashes: of words and bytes, for tables and names of files --------------------------- */

/* Adds a word to the hash h. The multiplication spreads each bit to all higher ones, the shift
 * to the lower. */
static inline uint64_t hash_mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * UINT64_C(0x9E3779B97F4A7C15);
    return h ^ h >> 32;
}
/* adds n bytes, eight at a time */
uint64_t hash_bytes(uint64_t h, const void *p, size_t n);

/* ---- names: interned strings, so that equal names are equal pointers --------------------- */

typedef struct {
    Arena *arena;
    uint32_t *slot; /* hash table: the place of a name, 0 where the slot is free, */
    uint8_t *bits;  /* and some bits of the name's hash */
    size_t cap, count;
    char **page; /* the texts themselves, packed (intern.c) */
    size_t pages, page_cap;
    uint32_t next, end; /* free room in the last page */
} Names; /* { .arena = a } is an empty set: names live in the arena, the table until
          * names_free */

/* The one pointer for this text; it is copied where it is new. */
const char *name_intern(Names *n, const char *s, size_t len);
const char *name_intern_z(Names *n, const char *s);
const char *name_find(const Names *n, const char *s); /* NULL: it was never interned */
/* Goes through all names, one a call, beginning with *at = 0. NULL: there are no more. */
const char *name_each(const Names *n, size_t *at);
/* Frees the table. The names stay as long as the arena. */
void names_free(Names *n);

/* A few bytes that the owner of a set may keep with each name in place of a table of its own;
 * all zero at first. A program has more names than anything else, hence packed. */
typedef struct {
    void *tag; /* for one walk at a time, which sets it to NULL again when it is done */
    uint16_t owner, count;
} __attribute__((packed, aligned(4))) NameNote;
NameNote *name_note(const char *name); /* of an interned name */
/* The candidate nearest to `want` by edit distance, or NULL when none is near enough to
 * suggest. */
const char *name_nearest(const char *want, const char *const *candidates, size_t count);

bool name_is_choice(const char *choices, const char *name); /* whether it is in "a|b|c" */
/* The rest of a list "a,b" behind its first name; NULL: there is none. */
const char *list_next(const char *list);
/* Whether the whole name matches a pattern of n characters, in which * stands for any text. */
bool name_matches(const char *pattern, size_t n, const char *name);

/* ---- ptrmap: a hash map from pointer to pointer, as from interned name to value ---------- */

typedef struct {
    struct PtrSlot {
        const void *key;
        void *val;
    } * slot; /* a free one has key NULL */
    size_t cap, count;
} PtrMap; /* {0} is empty; its memory is malloc'd */

void *ptrmap_get(const PtrMap *m, const void *key);      /* NULL: the key has no value */
void *ptrmap_set(PtrMap *m, const void *key, void *val); /* returns the value before */
void ptrmap_clear(PtrMap *m); /* empties it and keeps its memory */
void ptrmap_free(PtrMap *m);

/* ---- buf: growing text ------------------------------------------------------------------- */

typedef struct {
    char *s; /* NUL-terminated once anything was appended; malloc'd */
    size_t len, cap;
} Buf; /* {0} is empty */

void buf_add(Buf *b, const void *p, size_t n);
void buf_room(Buf *b, size_t n); /* makes room for n more bytes and a NUL */
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

/* ---- foreign text in messages ------------------------------------------------------------ */

/* Like buf_printf, for messages: what %s and %c insert is escaped. So the name of a file or a
 * model can neither send commands to a terminal nor pretend to be a message of its own. */
void buf_message(Buf *b, const char *fmt, ...) PRINTF(2, 3);
void buf_vmessage(Buf *b, const char *fmt, va_list ap) PRINTF(2, 0);
/* Writes control characters as \n or \x1b, bytes that are not UTF-8 as \xff, and characters
 * that turn the direction of text as \u202e; everything else, a backslash too, as it is. */
void buf_escape(Buf *b, const char *s, size_t n);
/* Writes text as HTML shows it, in an element or between double quotes. */
void buf_html(Buf *b, const char *s);
enum { TEXT_NOT_UTF8 = 0x110000 };
/* The code point at s, or TEXT_NOT_UTF8; *len is its length in bytes. */
uint32_t text_code_point(const char *s, const char *end, int *len);
/* Whether buf_escape writes this character otherwise than it is. */
bool text_is_odd(uint32_t c);

/* ---- source text and diagnostics --------------------------------------------------------- */

typedef struct {
    const char *name; /* as the user gave it; "<stdin>" */
    /* not owned; NULL for a file that is no text (a container, a .npy) */
    const char *text;
    size_t len;
    /* the text lies in a mapped file: pages may be given back (file_let_go) */
    bool mapped;
} Source;

/* A span of a source. {0} means nowhere: the message is printed with no place. */
typedef struct {
    const Source *src;
    uint32_t at, len; /* byte offset and length */
} Loc;

Loc loc_join(Loc first, Loc last);
void loc_line_col(Loc loc, int *line, int *col); /* both from 1; col counts code points */

/* An error is a fault of what was given (exit code 1), a failure one of the world: a file that
 * cannot be read, a full disk (exit code 3). */
typedef enum { DIAG_NOTE, DIAG_WARNING, DIAG_ERROR, DIAG_FAIL } DiagKind;

/* A message in its parts, for output that is no text (JSON, an editor). */
typedef struct {
    DiagKind kind;
    Loc loc;
    const char *message; /* without place and kind; its first line */
    /* the name of the warning, also where it became an error; or NULL */
    const char *warning;
} DiagItem;

/* Where messages go: one for each command or call of the library, never shared by threads.
 * A message goes to `item` where that is set, else as a line to `emit` (the tools print there),
 * else it is appended to `text`. Behind max_errors errors the rest is only counted. */
typedef struct Diag Diag;
struct Diag {
    Buf text; /* the messages, formatted, when emit is NULL */
    void (*emit)(void *ctx, DiagKind kind, const char *message);
    void (*item)(void *item_ctx, const DiagItem *item);
    void *item_ctx;
    /* called while a large file is written; may be NULL */
    void (*progress)(void *ctx, const char *path, uint64_t written);
    void *ctx;                   /* for emit and progress */
    int errors, fails, warnings; /* counts so far */
    int max_errors;              /* 0: 20 */
    uint64_t off, promoted; /* bit i: warning i of warnings.def is silent / an error */
    bool quiet;             /* neither warnings nor notes (-q) */
    DiagKind last;          /* kind of the last message, which a note belongs to */
    bool dropped;           /* the last message was not shown, so its notes are not */
    const void *once[8];    /* what diag_error_once was already called for */
    bool ended;             /* diag_end has been called */
};

typedef enum {
#define W(id, name, text) WARN_##id,
#include "warnings.def"
    WARN_COUNT
} Warning;
extern const char *const warning_names[WARN_COUNT];
extern const char *const warning_texts[WARN_COUNT];
int warning_find(const char *name); /* -1 when unknown */
/* What a word of -W does to Diag.off and Diag.promoted, and to the warnings that were asked for
 * (NULL: nobody wants to know). The name in it, if it is no warning's; or NULL. */
const char *warnings_take(const char *word, uint64_t *off, uint64_t *promoted,
                          uint64_t *asked);

/* These three always return false, so that a function can end with `return diag_error(..)`.
 * diag_error_once reports one error for each `what`: a file that many literals refer to is
 * reported once. */
bool diag_error(Diag *d, Loc loc, const char *fmt, ...) PRINTF(3, 4);
bool diag_error_once(Diag *d, const void *what, Loc loc, const char *fmt, ...)
    PRINTF(4, 5);
bool diag_fail(Diag *d, const char *fmt, ...) PRINTF(2, 3);
void diag_warn(Diag *d, Warning w, Loc loc, const char *fmt, ...) PRINTF(4, 5);
/* Adds a note to the last message; it is not shown where that was not. */
void diag_note(Diag *d, Loc loc, const char *fmt, ...) PRINTF(3, 4);
int diag_exit(const Diag *d); /* 0, 1 or 3: the exit code that the counts call for */
bool diag_ok(const Diag *d);  /* neither errors nor fails */
/* How many errors and failures there were so far: more behind a call than before it says that it
 * reported one. */
int diag_wrong(const Diag *d);
bool diag_full(const Diag *d); /* max_errors is reached: one more would not be shown */
void diag_end(Diag *d);        /* reports, once, how many errors were not shown */
void diag_free(Diag *d);       /* where emit is set, after diag_end */

#endif
