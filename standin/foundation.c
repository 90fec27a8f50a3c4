/* foundation.c -- values of CoreFoundation and Foundation: strings, numbers, arrays, errors. */
#include "standin.h"

#include <stdlib.h>
#include <string.h>

enum { UTF8 = 0x08000100, LATIN1 = 0x0201, NUMBER_INT32 = 3, NUMBER_INT64 = 4 };

static void destroy_string(Id o) { free(((String *)o)->text); }
static void destroy_data(Id o)
{
    if (!((Data *)o)->lent) free(((Data *)o)->bytes);
}
static void destroy_error(Id o)
{
    free(((Error *)o)->text);
    object_release(&((Error *)o)->info->object);
}

static void destroy_array(Id o)
{
    Array *a = (Array *)o;
    for (size_t i = 0; i < a->count; i++) object_release(a->item[i]);
    free(a->item);
}

static void destroy_dict(Id o)
{
    Dict *d = (Dict *)o;
    for (size_t i = 0; i < d->count; i++) {
        object_release(d->key[i]);
        object_release(d->value[i]);
    }
    free(d->key);
    free(d->value);
}

CLASS(string_class, "NSString", String, destroy_string, NULL, NULL);
CLASS(number_class, "NSNumber", StandinNumber, NULL, NULL, NULL);
CLASS(data_class, "NSData", Data, destroy_data, NULL, NULL);
CLASS(array_class, "NSArray", Array, destroy_array, NULL, NULL);
CLASS(dict_class, "NSDictionary", Dict, destroy_dict, NULL, NULL);
CLASS(error_class, "NSError", Error, destroy_error, NULL, NULL);

static void *standin_copy(const void *p, size_t n)
{
    void *to = malloc(n + 1);
    if (!to) standin_abort("no memory for %zu bytes", n);
    if (n) memcpy(to, p, n);
    return to;
}

/* ---- making ------------------------------------------------------------------------------ */

Id standin_string(const char *s)
{
    String *o = object_new(&string_class);
    o->text = standin_copy(s, strlen(s) + 1);
    return &o->object;
}

Id standin_number(int64_t v)
{
    StandinNumber *o = object_new(&number_class);
    o->value = v;
    return &o->object;
}

Id standin_array(size_t n, const Id *item)
{
    Array *o = object_new(&array_class);
    o->count = n;
    o->item = standin_copy(item, n * sizeof *item);
    return &o->object;
}

Id standin_dict(size_t n, const char *const *key, const Id *value)
{
    Id all = standin_dict_of(n, (const Id *)(const void *)key, value);
    Dict *o = (Dict *)all;
    for (size_t i = 0; i < n; i++) o->key[i] = standin_string(key[i]);
    return all;
}

Id standin_dict_of(size_t n, const Id *key, const Id *value)
{
    Dict *o = object_new(&dict_class);
    o->count = n;
    o->key = standin_copy(key, n * sizeof *o->key);
    o->value = standin_copy(value, n * sizeof *o->value);
    return &o->object;
}

Id dict_find(const Dict *d, const char *key)
{
    for (size_t i = 0; i < d->count; i++)
        if (d->key[i]->isa == &string_class && !strcmp(((String *)d->key[i])->text, key))
            return d->value[i];
    return NULL;
}

/* An NSError's domain is a constant: made once, never counted. */
#define DOMAIN(v, domain) \
    static String v = { .object = { .isa = &string_class, .count = 1 << 30 }, \
                        .text = (char[]){ domain } }
DOMAIN(engine_domain, "com.apple.appleneuralengine");
DOMAIN(compiler_domain, "com.apple.appleneuralengine.compiler");
DOMAIN(ml_domain, "com.apple.CoreML");

/* Takes `info` over. */
static Error *error_new(String *domain, long code, const char *text, Id info)
{
    Error *e = object_new(&error_class);
    e->domain = domain;
    e->code = code;
    e->text = standin_copy(text, strlen(text) + 1);
    e->info = (Dict *)info;
    return e;
}

/* What an error of the engine says besides, where faults ask for it; the one that lies under
 * it. */
static Id info_made(String *domain)
{
    const char *key[3];
    Id value[3];
    size_t n = 0;
    if (domain != &engine_domain) return standin_dict(0, NULL, NULL);
    if (fault("error-status")) {
        key[n] = "_ANEErrorUnderlyingStatus";
        value[n++] = standin_number(fault("error-status"));
    }
    if (fault("error-stage")) {
        key[n] = "_ANEErrorLoadStage";
        value[n++] = standin_number(fault("error-stage"));
    }
    if (fault("error-under")) {
        key[n] = "NSUnderlyingError";
        value[n++] = &error_new(&engine_domain, fault("error-under"),
                                "what lies under it", standin_dict(0, NULL, NULL))
                          ->object;
    }
    return standin_dict(n, key, value);
}

static void refuse_by(String *domain, Id *error, long code, const char *fmt, va_list ap)
{
    Buf text = { 0 };
    if (!error) return;
    buf_vprintf(&text, fmt, ap);
    *error = object_autorelease(
        &error_new(domain, code, text.s ? text.s : "", info_made(domain))->object);
    buf_free(&text);
}

#define REFUSE(name, domain) \
    Flag name(Id *error, long code, const char *fmt, ...) \
    { \
        va_list ap; \
        va_start(ap, fmt); \
        refuse_by(&(domain), error, code, fmt, ap); \
        va_end(ap); \
        return 0; \
    }
REFUSE(refuse, engine_domain)
REFUSE(compiler_refuse, compiler_domain)
REFUSE(ml_refuse, ml_domain)

/* ---- what is exported -------------------------------------------------------------------- */

EXPORT const long kCFTypeArrayCallBacks[5], kCFTypeDictionaryKeyCallBacks[6],
    kCFTypeDictionaryValueCallBacks[5];
const long kCFTypeArrayCallBacks[5], kCFTypeDictionaryKeyCallBacks[6],
    kCFTypeDictionaryValueCallBacks[5];

static Object no_allocator;
EXPORT Object *const kCFAllocatorNull;
Object *const kCFAllocatorNull = &no_allocator;

#define EXPORTED(ret, name, args) \
    EXPORT ret name args; \
    EXPORT ret name args

EXPORTED(void, CFRelease, (Id o))
{
    if (!o) standin_abort("CFRelease of nil");
    object_release(o);
}

EXPORTED(unsigned long, CFGetTypeID, (Id o))
{
    may_raise(__func__);
    if (!o) standin_abort("CFGetTypeID of nil");
    return (unsigned long)(uintptr_t)o->isa;
}

EXPORTED(unsigned long, CFStringGetTypeID, (void))
{
    may_raise(__func__);
    return (unsigned long)(uintptr_t)&string_class;
}
EXPORTED(unsigned long, CFNumberGetTypeID, (void))
{
    may_raise(__func__);
    return (unsigned long)(uintptr_t)&number_class;
}
EXPORTED(unsigned long, CFArrayGetTypeID, (void))
{
    may_raise(__func__);
    return (unsigned long)(uintptr_t)&array_class;
}
EXPORTED(unsigned long, CFDictionaryGetTypeID, (void))
{
    may_raise(__func__);
    return (unsigned long)(uintptr_t)&dict_class;
}

EXPORTED(Id, CFStringCreateWithCString, (Id allocator, const char *s, uint32_t encoding))
{
    may_raise(__func__);
    if (allocator || !s || (encoding != UTF8 && encoding != LATIN1))
        standin_abort("CFStringCreateWithCString: wrong arguments");
    for (const char *at = s, *end = s + strlen(s); encoding == UTF8 && at < end;) {
        int len;
        if (text_code_point(at, end, &len) == TEXT_NOT_UTF8) return NULL;
        at += len;
    }
    return gives_nil("CFStringCreateWithCString") ? NULL : standin_string(s);
}

EXPORTED(long, CFStringGetLength, (Id s))
{
    may_raise(__func__);
    return (long)strlen(((String *)expect(s, &string_class, "CFStringGetLength"))->text);
}

EXPORTED(long, CFStringGetMaximumSizeForEncoding, (long n, uint32_t encoding))
{
    may_raise(__func__);
    return encoding == UTF8 ? 3 * n : -1;
}

EXPORTED(Flag, CFStringGetCString, (Id s, char *to, long room, uint32_t encoding))
{
    may_raise(__func__);
    const char *text = ((String *)expect(s, &string_class, "CFStringGetCString"))->text;
    if (gives_nil("CFStringGetCString")) return 0;
    if (encoding != UTF8 || (size_t)room < strlen(text) + 1) return 0;
    strcpy(to, text);
    return 1;
}

EXPORTED(Id, CFNumberCreate, (Id allocator, long type, const void *v))
{
    may_raise(__func__);
    int32_t small;
    int64_t n;
    if (allocator || !v || (type != NUMBER_INT32 && type != NUMBER_INT64))
        standin_abort("CFNumberCreate: wrong arguments");
    if (type == NUMBER_INT64) memcpy(&n, v, sizeof n);
    else memcpy(&small, v, sizeof small), n = small;
    return gives_nil("CFNumberCreate") ? NULL : standin_number(n);
}

EXPORTED(Flag, CFNumberGetValue, (Id n, long type, void *to))
{
    may_raise(__func__);
    const StandinNumber *number = expect(n, &number_class, "CFNumberGetValue");
    if (type != NUMBER_INT64) standin_abort("CFNumberGetValue: type %ld", type);
    if (gives_nil("CFNumberGetValue")) return 0;
    memcpy(to, &number->value, sizeof number->value);
    return 1;
}

EXPORTED(Id, CFDataCreate, (Id allocator, const uint8_t *p, long n))
{
    may_raise(__func__);
    if (allocator || n < 0 || (n && !p)) standin_abort("CFDataCreate: wrong arguments");
    if (gives_nil("CFDataCreate")) return NULL;
    Data *d = object_new(&data_class);
    d->bytes = standin_copy(p, (size_t)n);
    d->size = (size_t)n;
    return &d->object;
}

/* The bytes stay the caller's: no other deallocator is known here. */
EXPORTED(Id, CFDataCreateWithBytesNoCopy,
         (Id allocator, const uint8_t *p, long n, Id deallocator))
{
    may_raise(__func__);
    if (allocator || n < 0 || (n && !p) || deallocator != kCFAllocatorNull)
        standin_abort("CFDataCreateWithBytesNoCopy: wrong arguments");
    if (gives_nil("CFDataCreateWithBytesNoCopy")) return NULL;
    Data *d = object_new(&data_class);
    d->bytes = (unsigned char *)(uintptr_t)p;
    d->size = (size_t)n;
    d->lent = true;
    return &d->object;
}

EXPORTED(Id, CFArrayCreate, (Id allocator, const void **item, long n, const void *calls))
{
    may_raise(__func__);
    if (allocator || n < 0 || calls != kCFTypeArrayCallBacks)
        standin_abort("CFArrayCreate: wrong arguments");
    if (gives_nil("CFArrayCreate")) return NULL;
    Array *a = object_new(&array_class);
    a->item = standin_copy(item, (size_t)n * sizeof *a->item);
    a->count = (size_t)n;
    for (long i = 0; i < n; i++) {
        if (!a->item[i]) standin_abort("CFArrayCreate: item %ld is nil", i);
        object_retain(a->item[i]);
    }
    return &a->object;
}

EXPORTED(long, CFArrayGetCount, (Id a))
{
    may_raise(__func__);
    return (long)((Array *)expect(a, &array_class, "CFArrayGetCount"))->count;
}

EXPORTED(Id, CFArrayGetValueAtIndex, (Id a, long i))
{
    may_raise(__func__);
    const Array *array = expect(a, &array_class, "CFArrayGetValueAtIndex");
    if (i < 0 || (size_t)i >= array->count)
        standin_abort("index %ld beyond an array's end", i);
    return gives_nil("CFArrayGetValueAtIndex") ? NULL : array->item[i];
}

EXPORTED(Id, CFDictionaryCreate,
         (Id allocator, const void **key, const void **value, long n,
          const void *key_calls, const void *value_calls))
{
    may_raise(__func__);
    if (allocator || n < 0 || key_calls != kCFTypeDictionaryKeyCallBacks
        || value_calls != kCFTypeDictionaryValueCallBacks)
        standin_abort("CFDictionaryCreate: wrong arguments");
    if (gives_nil("CFDictionaryCreate")) return NULL;
    Dict *d = object_new(&dict_class);
    d->count = (size_t)n;
    d->key = standin_copy(key, (size_t)n * sizeof *d->key);
    d->value = standin_copy(value, (size_t)n * sizeof *d->value);
    for (long i = 0; i < n; i++) {
        if (!d->key[i] || !d->value[i])
            standin_abort("CFDictionaryCreate: nil at %ld", i);
        object_retain(d->key[i]);
        object_retain(d->value[i]);
    }
    return &d->object;
}

EXPORTED(Id, CFDictionaryGetValue, (Id d, Id key))
{
    may_raise(__func__);
    const String *k = expect(key, &string_class, "CFDictionaryGetValue");
    const Dict *dict = expect(d, &dict_class, "CFDictionaryGetValue");
    return gives_nil("CFDictionaryGetValue") ? NULL : dict_find(dict, k->text);
}

EXPORTED(Id, CFErrorGetDomain, (Id e))
{
    may_raise(__func__);
    const Error *error = expect(e, &error_class, "CFErrorGetDomain");
    return gives_nil("CFErrorGetDomain") ? NULL : &error->domain->object;
}

EXPORTED(long, CFErrorGetCode, (Id e))
{
    may_raise(__func__);
    return ((Error *)expect(e, &error_class, "CFErrorGetCode"))->code;
}

EXPORTED(unsigned long, CFErrorGetTypeID, (void))
{
    may_raise(__func__);
    return (unsigned long)(uintptr_t)&error_class;
}

EXPORTED(Id, CFErrorCopyUserInfo, (Id e))
{
    may_raise(__func__);
    if (gives_nil("CFErrorCopyUserInfo")) return NULL;
    return object_retain(
        &((Error *)expect(e, &error_class, "CFErrorCopyUserInfo"))->info->object);
}

EXPORTED(Id, CFErrorCopyDescription, (Id e))
{
    may_raise(__func__);
    if (gives_nil("CFErrorCopyDescription")) return NULL;
    return standin_string(
        ((Error *)expect(e, &error_class, "CFErrorCopyDescription"))->text);
}

/* Where the framework looks; TMPDIR is where its users work, which is the same on most Macs. */
const char *standin_temp(void)
{
    const char *own = getenv("ANESIM_TEMP"), *temp = own && *own ? own : getenv("TMPDIR");
    return temp && *temp ? temp : "/tmp";
}

EXPORTED(Id, NSTemporaryDirectory, (void))
{
    may_raise(__func__);
    const char *temp = standin_temp();
    char path[4096];
    if (gives_nil("NSTemporaryDirectory")) return NULL;
    snprintf(path, sizeof path, "%s/", temp);
    return object_autorelease(standin_string(path));
}
