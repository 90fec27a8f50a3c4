/* arena.c -- arenas: allocations that are freed together; and checked products of sizes. */
#include "base.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* The address sanitizer is told where an allocation ends: behind each are bytes that nobody may
 * touch, as between those of malloc. */
#if defined __has_feature
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
enum { GAP = 8 };
#else
enum { GAP = 0 };
#define ASAN_POISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#endif

/* Chunks grow with what was asked for: a small arena costs little, a large one few calls. The
 * largest are huge pages: 500 faults of 4 KiB cost ten times as long as zeroing the 2 MiB in
 * one. */
enum { MIN_CHUNK = 2 * 1024, MAX_CHUNK = 2 * 1024 * 1024, ALIGN = 8, HEAD = 16 };

struct ArenaChunk {
    ArenaChunk *next;
    bool mapped; /* MAX_CHUNK bytes; else it is malloc'd */
};

_Static_assert(sizeof(ArenaChunk) <= HEAD && HEAD % ALIGN == 0,
               "a chunk begins with its header");
_Static_assert(_Alignof(double) <= ALIGN && _Alignof(uint64_t) <= ALIGN,
               "what arenas hold");

bool size_mul(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

bool size_add(size_t a, size_t b, size_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

/* MAX_CHUNK zeroed bytes at a multiple of MAX_CHUNK, as huge pages need; NULL: no memory. */
static void *map_huge(void)
{
    char *p = mmap(NULL, 2 * MAX_CHUNK, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) return NULL;
    const size_t before = (MAX_CHUNK - (uintptr_t)p % MAX_CHUNK) % MAX_CHUNK;
    if (before) munmap(p, before);
    munmap(p + before + MAX_CHUNK, MAX_CHUNK - before);
#ifdef MADV_HUGEPAGE
    /* a wish: without it pages are small */
    (void)madvise(p + before, MAX_CHUNK, MADV_HUGEPAGE);
#endif
    return p + before;
}

void mem_wide(void *p, size_t size)
{
#ifdef MADV_HUGEPAGE
    enum { PAGE = 2 << 20 };
    const uintptr_t at = (uintptr_t)p, first = (at + PAGE - 1) / PAGE * PAGE,
                    end = (at + size) / PAGE * PAGE;
    if (first < end) (void)madvise((void *)first, end - first, MADV_HUGEPAGE);
#else
    (void)p;
    (void)size;
#endif
}

static void release_chunk(void *chunk, size_t size)
{
    if (!((ArenaChunk *)chunk)->mapped) {
        free(chunk);
        return;
    }
    ASAN_UNPOISON_MEMORY_REGION(chunk, size);
    munmap(chunk, size);
}

/* A chunk of its own for a large request leaves the current chunk in use. A guard sees to it
 * where the arena is its call's: where it was empty, or what it has got is. */
static char *add_chunk(Arena *a, size_t size, bool huge)
{
    ArenaChunk *c = huge ? map_huge() : mem_zero(1, size);
    if (!c) mem_out(size);
    if (!huge) mem_disown(c); /* it is what an arena has from here on */
    c->mapped = huge;
    if (!a->chunk || mem_owned(a->chunk)) mem_own(c, size, release_chunk);
    c->next = a->chunk;
    a->chunk = c;
    a->total += size;
    ASAN_POISON_MEMORY_REGION((char *)c + HEAD, size - HEAD);
    return (char *)c + HEAD;
}

void *arena_alloc(Arena *a, size_t size)
{
    if (size > SIZE_MAX - 4 * HEAD) mem_out(size);
    size_t need = (size ? (size + ALIGN - 1) & ~(size_t)(ALIGN - 1) : ALIGN) + GAP;
    if (need > (size_t)(a->end - a->at)) {
        size_t chunk = a->total < MIN_CHUNK ? MIN_CHUNK : a->total;
        if (chunk > MAX_CHUNK) chunk = MAX_CHUNK;
        if (need > chunk / 4) {
            char *own = add_chunk(a, need + HEAD, false);
            ASAN_UNPOISON_MEMORY_REGION(own, size);
            return own;
        }
        a->at = add_chunk(a, chunk, chunk == MAX_CHUNK);
        a->end = a->at - HEAD + chunk;
    }
    void *p = a->at;
    a->at += need;
    ASAN_UNPOISON_MEMORY_REGION(p, size);
    return p;
}

void *arena_array(Arena *a, size_t count, size_t size)
{
    size_t bytes;
    if (!size_mul(count, size, &bytes)) mem_out(SIZE_MAX);
    return arena_alloc(a, bytes);
}

char *arena_strndup(Arena *a, const char *s, size_t n)
{
    size_t size;
    if (!size_add(n, 1, &size)) mem_out(n);
    char *p = arena_alloc(a, size);
    if (n) memcpy(p, s, n);
    return p;
}

char *arena_strdup(Arena *a, const char *s) { return arena_strndup(a, s, strlen(s)); }

char *arena_vprintf(Arena *a, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (n < 0 && errno == ENOMEM) mem_out(1);
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

ArenaMark arena_mark(const Arena *a)
{
    return (ArenaMark){ .chunk = a->chunk, .at = a->at };
}

void arena_back(Arena *a, ArenaMark mark)
{
    if (a->chunk != mark.chunk || a->at == mark.at) return;
    ASAN_UNPOISON_MEMORY_REGION(mark.at, (size_t)(a->at - mark.at));
    memset(mark.at, 0, (size_t)(a->at - mark.at));
    ASAN_POISON_MEMORY_REGION(mark.at, (size_t)(a->at - mark.at));
    a->at = mark.at;
}

void arena_free(Arena *a)
{
    for (ArenaChunk *c = a->chunk, *next; c; c = next) {
        next = c->next;
        mem_disown(c);
        release_chunk(c, MAX_CHUNK);
    }
    *a = (Arena){ 0 };
}

/* ---- growing arrays ---------------------------------------------------------------------- */

void *arena_grow(Arena *a, const void *array, size_t cap, size_t size)
{
    void *more = arena_array(a, cap ? 2 * cap : ARRAY_FIRST, size);
    return cap ? memcpy(more, array, cap * size) : more;
}

void *mem_grow(void *array, size_t cap, size_t size)
{
    size_t bytes = 2 * size;
    if (!size_mul(bytes, cap ? cap : ARRAY_FIRST / 2, &bytes)) mem_out(SIZE_MAX);
    void *more = mem_resize(array, bytes);
    if (!more) mem_out(bytes);
    return more;
}
