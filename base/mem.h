/* mem.h -- memory: who owns it, how arrays grow, and what happens when none is left. */
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

/* ---- bug: a fault of this program, never of its input --------------------------------------
 *
 * Ends the process; inside of a call of the library it ends that call alone (Guard.keeps). */

_Noreturn void bug_at(const char *file, int line, const char *fmt, ...) PRINTF(3, 4);
#define bug(...) bug_at(__FILE__, __LINE__, __VA_ARGS__)

/* ---- memory, and what happens when it runs out ----------------------------------------------
 *
 * Every call of the library, and the main function of every tool, has a guard:
 *
 *     Guard g;
 *     if (guard_begin(&g)) return ANEC_WORLD; // memory has run out: the call came back here
 *     ...
 *     guard_end(&g);
 *
 * Whatever this thread allocates after guard_begin (arenas, texts, mem_ calls, mapped files) is
 * on the guard's list until it is freed or the guard ends. When memory runs out, mem_out runs
 * the tasks, releases what is on the list, both in reverse order, and returns from guard_begin
 * a second time, with true. So a function need not free what it holds in case a function that
 * it calls runs out of memory. Two kinds of things are its own to care for:
 *   - what is no memory (a lock, a temporary file): it sets a GuardTask, or calls mem_own with
 *     a release function;
 *   - memory that it hangs into an object which is older than the call: mem_follow, or a task
 *     that takes it off there. An arena that has memory from before the call keeps what is
 *     allocated in it. */
typedef struct GuardTask GuardTask;
struct GuardTask { /* lies in the stack frame or object that it is about */
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
    Guard *paused;  /* the guard that guard_pause has set aside */
    size_t wanted;  /* bytes that could not be allocated */
    bool keeps;     /* a bug() ends the guarded call and not the process */
    char said[256]; /* message of the bug that ended the call; else "" */
    uint64_t first[4 * GUARD_FIRST];
};

#define guard_begin(g) (guard_push(g), _setjmp((g)->back) != 0)
void guard_push(Guard *g);
void guard_end(Guard *g); /* what is still on the list stays allocated */
/* Around a callback of the user's: what is allocated in it is not on the call's list. */
Guard *guard_pause(void);
void guard_resume(Guard *g);
/* Has `run` called if memory runs out before guard_task_end or the guard's end. */
void guard_task(GuardTask *t, void (*run)(void *ctx), void *ctx);
void guard_task_end(GuardTask *t);
/* Holds the lock until guard_unlock, or until memory runs out; t is in the same frame. */
void guard_lock(GuardTask *t, pthread_mutex_t *lock);
void guard_unlock(GuardTask *t, pthread_mutex_t *lock);

/* The most bytes that this process may have: memory and swap, or its limit. */
size_t mem_most(void);
/* malloc, calloc, realloc, strdup and free of memory that is on the guard's list. mem_alloc is
 * the one that returns NULL: where there is no memory, or more than mem_most is asked for.
 * mem_free also takes what malloc gave. */
void *mem_alloc(size_t size);
/* The system is asked for large pages there, which are brought with fewer faults: for memory that
 * is filled whole. A wish. */
void mem_wide(void *p, size_t size);
void *mem_zero(size_t count, size_t size);
void *mem_resize(void *p, size_t size);
char *mem_strdup(const char *s);
void mem_free(void *p);
_Noreturn void mem_out(size_t wanted); /* without a guard it reports and exits with 3 */
/* Puts an object on the list that `release` gives back. Where the list itself cannot grow the
 * object is released and mem_out called. */
void mem_own(void *p, size_t size, MemRelease *release);
/* Takes it off the list and leaves it as it is. False: it was not on the list. */
bool mem_disown(const void *p);
bool mem_owned(const void *p);
/* Takes p off the list unless its owner is on it, so that both are released or none. */
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
/* count * size, overflow-checked */
void *arena_array(Arena *a, size_t count, size_t size);
char *arena_strndup(Arena *a, const char *s, size_t n); /* NUL added */
char *arena_strdup(Arena *a, const char *s);
char *arena_printf(Arena *a, const char *fmt, ...) PRINTF(2, 3);
char *arena_vprintf(Arena *a, const char *fmt, va_list ap) PRINTF(2, 0);
void arena_free(Arena *a); /* everything; a is empty again */
/* arena_back gives back what was allocated since the mark, as far as it lies in the same chunk
 * as the mark; the rest stays until arena_free. */
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
/* A copy of the array with twice `cap` elements, `size` bytes each. */
void *arena_grow(Arena *a, const void *array, size_t cap, size_t size);
void *mem_grow(void *array, size_t cap, size_t size);

#define ARRAY_ROOM(array, count, cap, more) \
    do { \
        if ((count) < (cap)) break; \
        (array) = (more); \
        (cap) = (cap) ? 2 * (cap) : ARRAY_FIRST; \
    } while (0)
#define ARENA_ROOM(arena, array, count, cap) \
    ARRAY_ROOM(array, count, cap, \
               arena_grow((arena), (array), (size_t)(cap), sizeof *(array)))
#define MEM_ROOM(array, count, cap) \
    ARRAY_ROOM(array, count, cap, mem_grow((array), (size_t)(cap), sizeof *(array)))

/* What is freed from now on stays with the process, for requests to come: for one that asks for
 * the same memory again and again, which the system would have to clear each time. */
void mem_keep(void);

/* ---- sizes ------------------------------------------------------------------------------- */

bool size_mul(size_t a, size_t b, size_t *out); /* false on overflow */
bool size_add(size_t a, size_t b, size_t *out);

#endif
