/* arena.c -- allocations that die together, the sizes they are made of, and bug(). */
#include "base.h"

#include <stdlib.h>
#include <string.h>

/* Chunks grow with what was asked for: a small arena costs little, a large one few calls. */
enum { MIN_CHUNK = 2 * 1024, MAX_CHUNK = 64 * 1024, ALIGN = 16 };

struct ArenaChunk {
    ArenaChunk *next;
    size_t size;
};

/* The first bytes of a chunk are its header; ALIGN keeps what follows aligned. */
_Static_assert(sizeof(ArenaChunk) <= ALIGN, "a chunk's header fits one unit of alignment");

_Noreturn void bug_at(const char *file, int line, const char *fmt, ...)
{
    va_list ap;
    fprintf(stderr, "%s:%d: bug: ", file, line);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    abort();
}

bool size_mul(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

bool size_add(size_t a, size_t b, size_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

/* A chunk of its own for a large request leaves the current chunk in use. */
static char *add_chunk(Arena *a, size_t body)
{
    size_t size;
    ArenaChunk *c = size_add(body, ALIGN, &size) ? calloc(1, size) : NULL;
    if (!c) bug("out of memory: %zu bytes after %zu", body, a->total);
    c->size = size;
    c->next = a->chunk;
    a->chunk = c;
    a->total += size;
    return (char *)c + ALIGN;
}

void *arena_alloc(Arena *a, size_t size)
{
    if (size > SIZE_MAX - ALIGN) bug("out of memory: %zu bytes", size);
    size_t need = size ? (size + ALIGN - 1) & ~(size_t)(ALIGN - 1) : ALIGN;
    if (need > (size_t)(a->end - a->at)) {
        size_t chunk = a->total < MIN_CHUNK ? MIN_CHUNK : a->total;
        if (chunk > MAX_CHUNK) chunk = MAX_CHUNK;
        if (need > chunk / 4) return add_chunk(a, need);
        a->at = add_chunk(a, chunk);
        a->end = a->at + chunk;
    }
    void *p = a->at;
    a->at += need;
    return p;
}

void *arena_array(Arena *a, size_t count, size_t size)
{
    size_t bytes;
    if (!size_mul(count, size, &bytes)) bug("out of memory: %zu elements of %zu bytes", count, size);
    return arena_alloc(a, bytes);
}

char *arena_strndup(Arena *a, const char *s, size_t n)
{
    size_t size;
    if (!size_add(n, 1, &size)) bug("out of memory: %zu bytes", n);
    char *p = arena_alloc(a, size);
    if (n) memcpy(p, s, n);
    return p;
}

char *arena_strdup(Arena *a, const char *s)
{
    return arena_strndup(a, s, strlen(s));
}

char *arena_vprintf(Arena *a, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (n < 0) bug("a format that cannot be printed: %s", fmt);
    char *p = arena_alloc(a, (size_t)n + 1);
    vsnprintf(p, (size_t)n + 1, fmt, ap);
    return p;
}

char *arena_printf(Arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *p = arena_vprintf(a, fmt, ap);
    va_end(ap);
    return p;
}

void arena_free(Arena *a)
{
    for (ArenaChunk *c = a->chunk, *next; c; c = next) {
        next = c->next;
        free(c);
    }
    *a = (Arena){ 0 };
}
