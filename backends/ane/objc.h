/* objc.h -- calling Objective-C and CoreFoundation from C.
 *
 * Nothing of Apple's is needed to build: libraries are opened at run time, and functions looked
 * up by name (objc.def). ANEC_ANE_LIB names one library that is used in place of all of them.
 *
 * Ownership is as in Objective-C: an object that a function named *_new returns belongs to the
 * caller, who releases it; other objects belong to the autorelease pool that is open. Every
 * function that sends a message opens a pool around itself (objc_pool, objc_pool_end). Pools
 * nest, and belong to their thread.
 *
 * Objects of the caller's are on the guard's list (mem.h) until objc_drop, so that they are
 * released when memory runs out; pools are closed then and libraries given back. For an
 * object that is hung into an older one mem_follow is called. */
#ifndef ANEC_OBJC_H
#define ANEC_OBJC_H

#include "../../base/base.h"

typedef void *Id;
typedef const struct Selector *Sel;
typedef signed char Flag; /* BOOL: one byte, of either sign, on both processors */

typedef enum {
#define SELECTOR(part, class, kind, id, selector, since, need) SEL_##id,
#include "selectors.def"
    SEL_COUNT
} Selector;
typedef enum {
    PART_BASE,
    PART_ENGINE,
    PART_ML,
    PART_PLAN
} ObjcPart; /* of selectors.def */

typedef struct {
    void *handle[8];
    int nlib;
    Sel selector[SEL_COUNT];
    bool may[SEL_COUNT]; /* objc_check has found it, so it may be sent */
    /* functions of the runtime for catching exceptions (raise.c) */
    Id (*begin_catch)(void *exception);
    void (*end_catch)(void);
    void (*delete_foreign)(void *exception); /* NULL: there is none */
    /* the vtable that the type of every Objective-C exception has */
    const void *objc_types;
#define FN(lib, ret, name, args) ret(*name) args;
#define MAY(ret, name, args) ret(*name) args;
#define DATA(lib, name) const void *name;
#include "objc.def"
} Objc;

/* NULL: a library or a function is missing; *why, in the arena, tells which. */
Objc *objc_open(Arena *a, const char **why);
void objc_close(Objc *o);
/* Opens another library, for its classes; false: it is not on this system (*why). */
bool objc_library(Objc *o, Arena *a, const char *path, const char **why);
/* Looks up a function that a system may lack; false: it does, and `to` is not changed. */
bool objc_function(Objc *o, const char *name, void *to, size_t size);
/* Looks up the rows MAY of objc.def in all libraries that are open now. */
void objc_look_again(Objc *o);
/* Checks that the classes of a part have all methods that are called here. False: *why names
 * the system and the first method that is missing. */
bool objc_check(Objc *o, Arena *a, ObjcPart part, const char **why);
/* Whether the system is macOS `major` or later. */
bool objc_system(Objc *o, int major);
/* "macOS Version 26.1 (Build 25B78)", or "this system" where it does not tell. */
const char *objc_system_name(Objc *o, Arena *a);
/* The value of an NSString constant that a library may export, else `text` as a string. */
Id objc_key_new(Objc *o, const char *symbol, const char *text);

/* Sends a message: SEND(o, result type, (types of the arguments), receiver, SEL_id,
 * arguments). objc_msgSend must be called in no other way: on arm64 variadic arguments are
 * passed differently from declared ones, so every argument must have the very type that the
 * method declares. */
#define SEND0(o, R, self, sel) \
    (((R(*)(Id, Sel))(o)->objc_msgSend)((self), (o)->selector[sel]))
#define SEND(o, R, types, self, sel, ...) \
    (((R(*)(Id, Sel, SEND_LIST types))(o)->objc_msgSend)((self), (o)->selector[sel], \
                                                         __VA_ARGS__))
#define SEND_LIST(...) __VA_ARGS__

/* Exceptions (raise.c). After raise_guard a message, or a function of objc.def, in which an
 * exception is raised returns nil, NO or 0. It is called again when more functions were looked
 * up. */
void raise_guard(Objc *o);
/* The exception that calls of this thread raised last, as a text; NULL: none since it was
 * asked. */
const char *raise_text(Objc *o, Arena *a);
/* Whether there was one: for a function that returns 0 when it worked. */
bool raise_any(void);
void raise_forget(Objc *o);

void *objc_pool(Objc *o); /* forgets exceptions of earlier calls too */
void objc_pool_end(Objc *o, void *pool);
/* releases the object, unless NULL, and clears the pointer */
void objc_drop(Objc *o, Id *object);
Id objc_keep(Objc *o, Id object); /* retains it for the caller; NULL is allowed */
/* Takes over an object that a method returns retained; NULL is allowed. */
Id objc_own(Objc *o, Id object);

/* ---- values ------------------------------------------------------------------------------ */

Id string_new(Objc *o, const char *utf8);
Id number_new(Objc *o, int64_t v);
Id data_new(Objc *o, const void *p, size_t n);
Id data_view(Objc *o, const void *p, size_t n); /* without a copy: p must outlive it */
Id array_new(Objc *o, const Id *v, size_t n);
Id dict_new(Objc *o, const Id *key, const Id *value, size_t n);

/* Reading objects that may be of any class: NULL, or `other`, for one of another class. */
char *string_text(Objc *o, Arena *a, Id s);
int64_t number_value(Objc *o, Id n, int64_t other);
long array_count(Objc *o, Id a); /* 0 for what is no array */
Id array_at(Objc *o, Id a, long i);
Id dict_at(Objc *o, Id d, const char *key);
Id dict_get(Objc *o, Id d, Id key);

/* ---- errors (trouble.c) ------------------------------------------------------------------ */

/* Why the system refused something: Apple's text, and the known meaning of its code and
 * status word (trouble.def). */
typedef struct {
    const char *text;    /* "domain 13: Apple's text"; in the arena */
    const char *meaning; /* NULL: not known */
    int64_t code;        /* of the NSError; 0: there was none */
    uint64_t status;     /* the status word that the meaning belongs to; 0: none */
    int64_t stage;       /* the stage of loading, where the error names one; else 0 */
    bool transient;      /* the same was seen to succeed a little later */
    bool full;           /* the engine holds as many programs as it can */
} Trouble;

/* Reads an NSError with the errors below it. Some failures leave none: NULL is allowed. */
void trouble_read(Objc *o, Arena *a, Id error, Trouble *out);
/* Text and meaning, for a message. */
const char *trouble_text(Arena *a, const Trouble *t);

/* ---- blocks ------------------------------------------------------------------------------ */

/* A block literal as compilers lay it out, without captured objects. It must outlive the
 * call that it is passed to. A callee that keeps it copies it to the heap, and calls with
 * the copy, in which ctx is the same pointer. */
typedef struct {
    const void *isa;
    int flags, reserved;
    void (*invoke)(void); /* void (ObjcBlock *self, the block's own arguments) */
    const void *descriptor;
    void *ctx;
} ObjcBlock;
/* False: this system has no blocks. */
bool closure_make(Objc *o, ObjcBlock *c, void (*invoke)(void), void *ctx);

#endif
