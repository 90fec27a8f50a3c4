/* text.h -- texts: names, growing text, text of others in messages, sources and what is said of
 * them. */
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

#endif
