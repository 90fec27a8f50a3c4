/* objc.h -- Objective-C and CoreFoundation from C, found at run time.
 *
 * Nothing of Apple's is needed to build: libraries are opened and functions looked up by name
 * (objc.def). ANEC_ANE_LIB names one library that stands for all of them.
 *
 * Ownership is Objective-C's: what a call named *_new returns is the caller's to release; other
 * objects belong to the autorelease pool that is open, and every function that sends opens one
 * around itself (objc_pool, objc_pool_end). Pools belong to their thread and nest.
 *
 * What is the caller's is on the guard's list until objc_drop (base.h): when memory runs out it
 * is released, pools are closed and libraries given back. Who hangs an object into what is
 * older calls mem_follow. */
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
typedef enum { PART_BASE, PART_ENGINE, PART_ML, PART_PLAN } ObjcPart; /* of selectors.def */

typedef struct {
    void *handle[8];
    int nlib;
    Sel selector[SEL_COUNT];
    bool may[SEL_COUNT]; /* it was asked for, and may be sent */
    /* of the runtime, where exceptions are caught (raise.c) */
    Id (*begin_catch)(void *exception);
    void (*end_catch)(void);
    void (*delete_foreign)(void *exception); /* NULL: there is none */
    const void *objc_types; /* what the type of every exception of Objective-C begins with */
#define FN(lib, ret, name, args) ret(*name) args;
#define MAY(ret, name, args) ret(*name) args;
#define DATA(lib, name) const void *name;
#include "objc.def"
} Objc;

/* NULL when a library or a name is not there; `why` then says which, in the arena. */
Objc *objc_open(Arena *a, const char **why);
void objc_close(Objc *o);
/* One more library, of classes; false: it is not on this system (`why`). */
bool objc_library(Objc *o, Arena *a, const char *path, const char **why);
/* A function of an opened library that a system may lack: false, and `to` stays as it is. */
bool objc_function(Objc *o, const char *name, void *to, size_t size);
/* Looks up the rows MAY of objc.def in the libraries that are open by now. */
void objc_look_again(Objc *o);
/* Asks all classes of a part for what is sent to them; false: `why` names the system and the
 * first that lacks. */
bool objc_check(Objc *o, Arena *a, ObjcPart part, const char **why);
/* This system is macOS `major` or later. */
bool objc_system(Objc *o, int major);
/* "macOS Version 26.1 (Build 25B78)", or "this system" where it does not say. */
const char *objc_system_name(Objc *o, Arena *a);
/* The value of a constant NSString that a library may export; else `text` itself, as an
 * object. */
Id objc_key_new(Objc *o, const char *symbol, const char *text);

/* A send: SEND(o, result, (types of the arguments), receiver, SEL_id, arguments). Only so may
 * objc_msgSend be called: on arm64 variadic arguments are passed elsewhere than declared ones,
 * so the type of every argument must be the method's own. */
#define SEND0(o, R, self, sel) (((R(*)(Id, Sel))(o)->objc_msgSend)((self), (o)->selector[sel]))
#define SEND(o, R, types, self, sel, ...) \
    (((R(*)(Id, Sel, SEND_LIST types))(o)->objc_msgSend)((self), (o)->selector[sel], \
                                                         __VA_ARGS__))
#define SEND_LIST(...) __VA_ARGS__

/* Exceptions (raise.c). From raise_guard on a send, or a call of a function of objc.def, in
 * which one is raised gives nil, NO or 0. It may be called again when more functions are
 * known. */
void raise_guard(Objc *o);
/* What this thread's last calls raised, as a text; NULL: nothing, or it was told before. */
const char *raise_text(Objc *o, Arena *a);
/* Something was: for a function whose 0 means that it worked. */
bool raise_any(void);
void raise_forget(Objc *o);

void *objc_pool(Objc *o); /* what was raised before it and nobody asked for is forgotten */
void objc_pool_end(Objc *o, void *pool);
void objc_drop(Objc *o, Id *object); /* releases unless NULL, and clears */
Id objc_keep(Objc *o, Id object);    /* retains: it is the caller's too; NULL is allowed */
/* what a method has given away for good: the caller's; NULL is allowed */
Id objc_own(Objc *o, Id object);

/* ---- values ------------------------------------------------------------------------------ */

Id string_new(Objc *o, const char *utf8);
Id number_new(Objc *o, int64_t v);
Id data_new(Objc *o, const void *p, size_t n);
Id data_view(Objc *o, const void *p, size_t n); /* of memory that must outlive it */
Id array_new(Objc *o, const Id *v, size_t n);
Id dict_new(Objc *o, const Id *key, const Id *value, size_t n);

/* Reading what may be of any class: NULL, or `other`, for an object that is none of that
 * class. */
char *string_text(Objc *o, Arena *a, Id s);
int64_t number_value(Objc *o, Id n, int64_t other);
long array_count(Objc *o, Id a); /* 0 for what is no array */
Id array_at(Objc *o, Id a, long i);
Id dict_at(Objc *o, Id d, const char *key);
Id dict_get(Objc *o, Id d, Id key);

/* ---- errors (trouble.c) ------------------------------------------------------------------ */

/* Why the system refused: Apple's words, and what the code and the status word in them are
 * known to mean (trouble.def). */
typedef struct {
    const char *text;    /* "domain 13: what Apple says"; in the arena */
    const char *meaning; /* NULL: not known */
    int64_t code;        /* of the NSError; 0: there was none */
    uint64_t status;     /* the status word that the meaning goes by; 0: none */
    int64_t stage;       /* of loading, where the error names one; 0: it does not */
    bool transient;      /* the same was seen to succeed a little later */
    bool full;           /* the engine holds as many programs as it can */
} Trouble;

/* error: an NSError, or NULL, which some failures leave. What lies under it is read too. */
void trouble_read(Objc *o, Arena *a, Id error, Trouble *out);
/* The words for a message: text and meaning. */
const char *trouble_text(Arena *a, const Trouble *t);

/* ---- blocks ------------------------------------------------------------------------------ */

/* A block literal as the compiler lays it out, without captured objects. It must outlive the
 * call that it is for: blocks that are copied go to the heap by the runtime, which then calls
 * with the copy; ctx is copied as a pointer. */
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
