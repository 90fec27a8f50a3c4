/* objc.c -- opens Apple's libraries, looks up functions and selectors, and makes and reads
 * values. */
#include "objc.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

/* kCFStringEncodingUTF8, kCFStringEncodingISOLatin1, kCFNumberSInt64Type */
enum { UTF8 = 0x08000100, LATIN1 = 0x0201, NUMBER_INT64 = 4 };

/* ---- libraries --------------------------------------------------------------------------- */

enum {
#define LIB(id, path) LIB_##id,
#include "objc.def"
    LIB_COUNT
};
static const char *const lib_paths[] = {
#define LIB(id, path) path,
#include "objc.def"
};

static void close_library(void *lib, size_t size)
{
    (void)size;
    dlclose(lib);
}

static void *open_library(Objc *o, Arena *a, const char *path, const char **why)
{
    const char *stand_in = getenv("ANEC_ANE_LIB");
    if (stand_in && *stand_in) path = stand_in;
    void *lib = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!lib) {
        const char *said = dlerror();
        /* On a Mac libraries are in a cache of the loader's and no file: what it says is the
         * reason. */
        *why = file_exists(path) || file_is_dir("/System/Library/Frameworks")
                 ? arena_printf(a, "%s cannot be opened: %s", path, said ? said : "")
                 : arena_printf(a, "%s is not on this system", path);
        return NULL;
    }
    if (o->nlib == (int)COUNT(o->handle)) bug("more libraries than objc.h has room for");
    mem_own(lib, 0, close_library);
    return o->handle[o->nlib++] = lib;
}

/* dlsym gives a pointer to data; what it points to is a function, and its bytes are the
 * same. */
static bool look_up(void *lib, const char *name, void *to, size_t size)
{
    void *p = dlsym(lib, name);
    if (p) memcpy(to, &p, size);
    return p != NULL;
}

static const char *look_up_all(Objc *o)
{
#define FN(lib, ret, name, args) \
    if (!look_up(o->handle[LIB_##lib], #name, &o->name, sizeof o->name)) return #name;
#define DATA(lib, name) \
    if (!look_up(o->handle[LIB_##lib], #name, &o->name, sizeof o->name)) return #name;
#include "objc.def"
    return NULL;
}

void objc_look_again(Objc *o)
{
#define MAY(ret, name, args) objc_function(o, #name, &o->name, sizeof o->name);
#include "objc.def"
    raise_guard(o);
}

/* ---- selectors --------------------------------------------------------------------------- */

typedef enum { MAY, NEED } ObjcNeed;

static const struct Row {
    ObjcPart part;
    const char *class;
    char kind;
    Selector id;
    int since;
    ObjcNeed need;
} rows[] = {
#define SELECTOR(part, class, kind, id, selector, since, need) \
    { PART_##part, class, kind, SEL_##id, since, need },
#define ALSO(part, class, kind, id, since, need) \
    { PART_##part, class, kind, SEL_##id, since, need },
#include "selectors.def"
};

static const char *const selector_names[] = {
#define SELECTOR(part, class, kind, id, selector, since, need) selector,
#include "selectors.def"
};

static bool objc_understands(Objc *o, const struct Row *r)
{
    Id class = o->objc_getClass(r->class);
    if (class && r->kind == '+') class = o->object_getClass(class);
    return class && o->class_respondsToSelector(class, o->selector[r->id]);
}

typedef struct {
    long major, minor, patch; /* NSOperatingSystemVersion */
} SystemVersion;

static Id process_info(Objc *o)
{
    return SEND0(o, Id, o->objc_getClass("NSProcessInfo"), SEL_processInfo);
}

bool objc_system(Objc *o, int major)
{
    void *pool = objc_pool(o);
    Id info = process_info(o);
    bool ok = info
           && SEND(o, Flag, (SystemVersion), info, SEL_systemAtLeast,
                   ((SystemVersion){ .major = major }));
    objc_pool_end(o, pool);
    return ok;
}

const char *objc_system_name(Objc *o, Arena *a)
{
    if (!o->may[SEL_systemName]) return "this system";
    void *pool = objc_pool(o);
    Id info = process_info(o);
    const char *name = info ? string_text(o, a, SEND0(o, Id, info, SEL_systemName))
                            : NULL;
    objc_pool_end(o, pool);
    return name ? arena_printf(a, "macOS %s", name) : "this system";
}

bool objc_check(Objc *o, Arena *a, ObjcPart part, const char **why)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct Row *r = &rows[i];
        if (r->part != part || (r->since && !objc_system(o, r->since))) continue;
        o->may[r->id] = objc_understands(o, r);
        if (o->may[r->id] || r->need == MAY) continue;
        *why = raise_text(o, a); /* one that cannot be asked */
        if (*why) return false;
        *why = o->objc_getClass(r->class)
                 ? arena_printf(a, "%s has no %c[%s %s], which is sent here",
                                objc_system_name(o, a), r->kind, r->class,
                                selector_names[r->id])
                 : arena_printf(a, "%s has no class %s", objc_system_name(o, a),
                                r->class);
        return false;
    }
    return true;
}

/* False: `why` says which name has no selector. */
static bool register_selectors(Objc *o, Arena *a, const char **why)
{
    for (int i = 0; i < SEL_COUNT; i++) {
        o->selector[i] = o->sel_registerName(selector_names[i]);
        if (o->selector[i]) continue;
        const char *raised = raise_text(o, a);
        *why = arena_printf(a, "this system has no selector %s%s%s", selector_names[i],
                            raised ? ": " : "", raised ? raised : "");
        return false;
    }
    return true;
}

/* Memory has run out while it was opened: before the libraries are given back. */
static void lost_objc(void *o, size_t size)
{
    (void)size;
    raise_forget(o);
}

Objc *objc_open(Arena *a, const char **why)
{
    Objc *o = NEW(a, Objc);
    bool ok = true;
    for (int i = 0; ok && i < LIB_COUNT; i++)
        ok = open_library(o, a, lib_paths[i], why) != NULL;
    const char *missing = ok ? look_up_all(o) : NULL;
    if (missing) *why = arena_printf(a, "this system's libraries have no %s", missing);
    ok = ok && !missing;
    if (ok) raise_guard(o);
    mem_own(o, 0, lost_objc);
    if (ok && register_selectors(o, a, why) && objc_check(o, a, PART_BASE, why)) return o;
    objc_close(o);
    return NULL;
}

void objc_close(Objc *o)
{
    if (o) raise_forget(o);
    if (o) mem_disown(o);
    for (int i = 0; o && i < o->nlib; i++) {
        mem_disown(o->handle[i]);
        dlclose(o->handle[i]);
    }
    if (o) o->nlib = 0;
}

bool objc_library(Objc *o, Arena *a, const char *path, const char **why)
{
    return open_library(o, a, path, why) != NULL;
}

bool objc_function(Objc *o, const char *name, void *to, size_t size)
{
    for (int i = 0; i < o->nlib; i++)
        if (look_up(o->handle[i], name, to, size)) return true;
    return false;
}

Id objc_key_new(Objc *o, const char *symbol, const char *text)
{
    for (int i = 0; i < o->nlib; i++) {
        Id *p = dlsym(o->handle[i], symbol);
        if (p && *p) return objc_keep(o, *p);
    }
    return string_new(o, text);
}

/* What the guard's list releases: the size of an entry is the Objc it belongs to. */
static void lost_object(void *object, size_t objc)
{
    ((Objc *)(uintptr_t)objc)->objc_release(object);
}
static void lost_pool(void *pool, size_t objc)
{
    ((Objc *)(uintptr_t)objc)->objc_autoreleasePoolPop(pool);
}

void *objc_pool(Objc *o)
{
    raise_forget(o);
    void *pool = o->objc_autoreleasePoolPush();
    if (!pool) mem_out(1); /* it has nothing else to refuse */
    mem_own(pool, (size_t)(uintptr_t)o, lost_pool);
    return pool;
}

void objc_pool_end(Objc *o, void *pool)
{
    mem_disown(pool);
    o->objc_autoreleasePoolPop(pool);
}

Id objc_own(Objc *o, Id object)
{
    mem_own(object, (size_t)(uintptr_t)o, lost_object);
    return object;
}

Id objc_keep(Objc *o, Id object)
{
    Id kept = object ? o->objc_retain(object) : NULL;
    if (object && !kept)
        mem_out(1); /* who goes on with it would hold what is not its own */
    return objc_own(o, kept);
}

void objc_drop(Objc *o, Id *object)
{
    Id was = *object;
    *object = NULL;
    if (!was) return;
    mem_disown(was);
    o->objc_release(was);
}

/* ---- values ------------------------------------------------------------------------------ */

/* What is made of good arguments is NULL where the system has no memory, and for nothing
 * else. */
static Id objc_made(Objc *o, Id v, size_t size)
{
    if (!v) mem_out(size);
    return objc_own(o, v);
}

Id string_new(Objc *o, const char *utf8)
{
    Id s = o->CFStringCreateWithCString(NULL, utf8, UTF8);
    /* Names of a program are ASCII; a path is what its owner made it, and one that is no
     * UTF-8 is read as Latin-1, of which no byte is refused: that file is then not found,
     * and named. */
    return objc_made(o, s ? s : o->CFStringCreateWithCString(NULL, utf8, LATIN1),
                     strlen(utf8));
}

Id number_new(Objc *o, int64_t v)
{
    return objc_made(o, o->CFNumberCreate(NULL, NUMBER_INT64, &v), sizeof v);
}

Id data_new(Objc *o, const void *p, size_t n)
{
    return objc_made(o, o->CFDataCreate(NULL, p, (long)n), n);
}

Id data_view(Objc *o, const void *p, size_t n)
{
    Id nobody; /* frees it: the symbol is a variable that holds the allocator */
    memcpy(&nobody, o->kCFAllocatorNull, sizeof nobody);
    if (!nobody) return data_new(o, p, n); /* NULL would be somebody */
    Id data = n ? o->CFDataCreateWithBytesNoCopy(NULL, p, (long)n, nobody)
                : o->CFDataCreate(NULL, p, 0);
    return objc_made(o, data, 1);
}

/* A nil among the items ends the process: the system retains each without a look. */
static const void **items_of(const Id *v, size_t n, const void **item)
{
    for (size_t i = 0; i < n; i++) {
        if (!v[i]) bug("item %zu of an array or a dictionary is nil", i);
        item[i] = v[i];
    }
    return item;
}

Id array_new(Objc *o, const Id *v, size_t n)
{
    const void **item = mem_zero(n + 1, sizeof *item);
    if (!item) mem_out(n * sizeof *item);
    Id a = o->CFArrayCreate(NULL, items_of(v, n, item), (long)n,
                            o->kCFTypeArrayCallBacks);
    mem_free(item);
    return objc_made(o, a, n * sizeof *item);
}

Id dict_new(Objc *o, const Id *key, const Id *value, size_t n)
{
    const void **item = mem_zero(2 * n + 1, sizeof *item);
    if (!item) mem_out(2 * n * sizeof *item);
    items_of(key, n, item);
    items_of(value, n, item + n);
    Id d = o->CFDictionaryCreate(NULL, item, item + n, (long)n,
                                 o->kCFTypeDictionaryKeyCallBacks,
                                 o->kCFTypeDictionaryValueCallBacks);
    mem_free(item);
    return objc_made(o, d, 2 * n * sizeof *item);
}

static bool is_of(Objc *o, Id v, unsigned long type)
{
    return v && o->CFGetTypeID(v) == type;
}

char *string_text(Objc *o, Arena *a, Id s)
{
    if (!is_of(o, s, o->CFStringGetTypeID())) return NULL;
    long room = o->CFStringGetMaximumSizeForEncoding(o->CFStringGetLength(s), UTF8) + 1;
    char *text = arena_alloc(a, room > 0 ? (size_t)room : 1);
    return o->CFStringGetCString(s, text, room, UTF8) ? text : NULL;
}

int64_t number_value(Objc *o, Id n, int64_t other)
{
    int64_t v;
    bool ok = is_of(o, n, o->CFNumberGetTypeID())
           && o->CFNumberGetValue(n, NUMBER_INT64, &v);
    return ok ? v : other;
}

long array_count(Objc *o, Id a)
{
    return is_of(o, a, o->CFArrayGetTypeID()) ? o->CFArrayGetCount(a) : 0;
}

Id array_at(Objc *o, Id a, long i)
{
    return i >= 0 && i < array_count(o, a) ? o->CFArrayGetValueAtIndex(a, i) : NULL;
}

Id dict_get(Objc *o, Id d, Id key)
{
    return is_of(o, d, o->CFDictionaryGetTypeID()) ? o->CFDictionaryGetValue(d, key)
                                                   : NULL;
}

Id dict_at(Objc *o, Id d, const char *key)
{
    Id k = string_new(o, key);
    Id v = dict_get(o, d, k);
    objc_drop(o, &k);
    return v;
}

/* ---- blocks ------------------------------------------------------------------------------ */

static const struct {
    unsigned long reserved, size;
} closure_descriptor = { 0, sizeof(ObjcBlock) };

bool closure_make(Objc *o, ObjcBlock *c, void (*invoke)(void), void *ctx)
{
    const void *isa = NULL;
    for (int i = 0; i < o->nlib && !isa; i++)
        isa = dlsym(o->handle[i], "_NSConcreteStackBlock");
    *c = (ObjcBlock){
        .isa = isa, .invoke = invoke, .descriptor = &closure_descriptor, .ctx = ctx
    };
    return isa != NULL;
}
