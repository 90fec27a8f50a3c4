/* iosurface.c -- IOSurfaces: memory that can be accessed only while it is locked. */
#include "standin.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void destroy_surface(Id o)
{
    Surface *s = (Surface *)o;
    if (s->readers || s->writers)
        standin_abort("a surface is released while it is locked");
    munmap(s->base, s->mapped);
}

CLASS(surface_class, "IOSurface", Surface, destroy_surface, NULL, NULL);

/* ---- keys: variables that hold strings which are never released -------------------------- */

#define KEY(name) \
    static String name##_text = { .object = { .isa = &string_class, .count = 1 << 30 }, \
                                  .text = (char[]){ #name } }; \
    EXPORT extern const Id name; \
    const Id name = &name##_text.object;
KEY(kIOSurfaceWidth)
KEY(kIOSurfaceHeight)
KEY(kIOSurfaceBytesPerElement)
KEY(kIOSurfaceBytesPerRow)
KEY(kIOSurfaceAllocSize)
KEY(kIOSurfacePixelFormat)

static size_t size_of(const Dict *d, const char *key)
{
    const StandinNumber *n = expect(dict_find(d, key), &number_class, key);
    if (n->value < 0) standin_abort("%s is %lld", key, (long long)n->value);
    return (size_t)n->value;
}

#define EXPORTED(ret, name, args) \
    EXPORT ret name args; \
    EXPORT ret name args

EXPORTED(Id, IOSurfaceCreate, (Id description))
{
    may_raise(__func__);
    const Dict *d = expect(description, &dict_class, "IOSurfaceCreate");
    size_t page = (size_t)sysconf(_SC_PAGESIZE),
           bytes = size_of(d, "kIOSurfaceAllocSize");
    size_t row = size_of(d, "kIOSurfaceBytesPerRow"),
           height = size_of(d, "kIOSurfaceHeight");
    size_t line = size_of(d, "kIOSurfaceWidth") * size_of(d, "kIOSurfaceBytesPerElement");
    if (!bytes || fault("no-surface") || gives_nil("IOSurfaceCreate") || row < line
        || bytes < (height - 1) * row + line)
        return NULL;
    Surface *s = object_new(&surface_class);
    s->bytes = bytes;
    s->row = row;
    s->mapped = (bytes + page - 1) / page * page;
    s->base = mmap(NULL, s->mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (s->base == MAP_FAILED)
        standin_abort("no memory for a surface of %zu bytes", bytes);
    return &s->object;
}

static void iosurface_protect(const Surface *s)
{
    mprotect(s->base, s->mapped,
             s->writers || s->users ? PROT_READ | PROT_WRITE
             : s->readers           ? PROT_READ
                                    : PROT_NONE);
}

EXPORTED(int, IOSurfaceLock, (Id o, uint32_t how, uint32_t *seed))
{
    may_raise(__func__);
    Surface *s = expect(o, &surface_class, "IOSurfaceLock");
    (void)seed;
    if (fault("no-lock")) return 1;
    if (fault("locks-told"))
        fprintf(stderr, "anesim: locked to %s: %zu bytes\n", how & 1 ? "read" : "write",
                s->bytes);
    pthread_mutex_lock(&lock);
    if (how & 1) s->readers++;
    else s->writers++;
    iosurface_protect(s);
    pthread_mutex_unlock(&lock);
    return 0;
}

EXPORTED(int, IOSurfaceUnlock, (Id o, uint32_t how, uint32_t *seed))
{
    Surface *s = expect(o, &surface_class, "IOSurfaceUnlock");
    (void)seed;
    pthread_mutex_lock(&lock);
    if (--*(how & 1 ? &s->readers : &s->writers) < 0)
        standin_abort("a surface is unlocked that is not locked so");
    iosurface_protect(s);
    pthread_mutex_unlock(&lock);
    may_raise(__func__);
    return 0;
}

EXPORTED(void *, IOSurfaceGetBaseAddress, (Id o))
{
    may_raise(__func__);
    const Surface *s = expect(o, &surface_class, "IOSurfaceGetBaseAddress");
    if (!s->readers && !s->writers)
        standin_abort("the address of a surface that is not locked");
    if (gives_nil("IOSurfaceGetBaseAddress")) return NULL;
    return s->base;
}

EXPORTED(size_t, IOSurfaceGetAllocSize, (Id o))
{
    may_raise(__func__);
    const Surface *s = expect(o, &surface_class, "IOSurfaceGetAllocSize");
    return fault("small-surface") ? 1 : s->mapped;
}

/* ---- the engine's side ------------------------------------------------------------------- */

bool surface_take(Surface *s)
{
    pthread_mutex_lock(&lock);
    bool ok = !s->writers && !s->readers;
    if (ok) s->users++;
    iosurface_protect(s);
    pthread_mutex_unlock(&lock);
    return ok;
}

void surface_give(Surface *s)
{
    pthread_mutex_lock(&lock);
    s->users--;
    iosurface_protect(s);
    pthread_mutex_unlock(&lock);
}
