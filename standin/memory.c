/* memory.c -- allocation that tests of memory running out do not count: Apple's libraries
 * have other processes behind them, whose allocations do not fail when this program's do.
 * Only where the C library allows it. */
#include "standin.h"

#include <dirent.h>
#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED
#endif
#endif

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) \
    && !defined(__SANITIZE_THREAD__) && !defined(SANITIZED)

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *p, size_t size);
void __libc_free(void *p);

void *malloc(size_t size) { return __libc_malloc(size); }
void *calloc(size_t count, size_t size) { return __libc_calloc(count, size); }
void *realloc(void *p, size_t size) { return __libc_realloc(p, size); }
void free(void *p) { __libc_free(p); }

char *strdup(const char *s)
{
    const size_t n = strlen(s) + 1;
    char *p = __libc_malloc(n);
    return p ? memcpy(p, s, n) : NULL;
}

char *__realpath_chk(const char *path, char *to, size_t room);

char *realpath(const char *path, char *to)
{
    char *own = to ? to : __libc_malloc(PATH_MAX);
    char *real = own ? __realpath_chk(path, own, PATH_MAX) : NULL;
    if (!real && !to) __libc_free(own);
    return real;
}

/* What the C library asks for by itself is not counted either: tests/memory/nomem.c. */
extern void nomem_hold(int on) __attribute__((weak));

void standin_hold(bool on)
{
    if (nomem_hold) nomem_hold(on);
}

DIR *opendir(const char *path)
{
    static DIR *(*real)(const char *path);
    standin_hold(true);
    void *found = real ? NULL : dlsym(RTLD_NEXT, "opendir");
    if (found) memcpy(&real, &found, sizeof real);
    DIR *dir = real(path);
    standin_hold(false);
    return dir;
}

#else
void standin_hold(bool on) { (void)on; }
#endif
