/* mem.h -- memory: whose it is, how it grows, and what happens where there is none. */
#ifndef ANEC_MEM_H
#define ANEC_MEM_H

#include <pthread.h>
#include <setjmp.h>
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

#define ARRAY_ROOM(array, count, cap, more) \
    do { \
        if ((count) < (cap)) break; \
        (array) = (more); \
        (cap) = (cap) ? 2 * (cap) : ARRAY_FIRST; \
    } while (0)
#define ARENA_ROOM(arena, array, count, cap) \
    ARRAY_ROOM(array, count, cap, arena_grow((arena), (array), (size_t)(cap), sizeof *(array)))
#define MEM_ROOM(array, count, cap) \
    ARRAY_ROOM(array, count, cap, mem_grow((array), (size_t)(cap), sizeof *(array)))

/* ---- sizes ------------------------------------------------------------------------------- */

bool size_mul(size_t a, size_t b, size_t *out); /* false on overflow */
bool size_add(size_t a, size_t b, size_t *out);

#endif
