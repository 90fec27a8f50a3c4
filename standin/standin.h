/* standin.h -- a stand-in for Apple's libraries, built on any host as libanesim.so.
 *
 * It exports what backends/ane looks up by name: the Objective-C runtime, CoreFoundation,
 * IOSurface, the engine's private classes, Core ML. Behind them programs are compiled and run
 * for the chip that ANESIM_CHIP names (any of ir/targets/chips; the oldest without it). It is
 * stricter than Apple's: an unknown selector, a message to a released object, a release too
 * many, an argument of the wrong class, a surface touched while it is not locked, an object
 * that is left at the end: each aborts with a line that says so. ANESIM_FAULT, a list of rows
 * of faults.def, makes it fail as the real ones were seen to.
 *
 * Like what it stands for it keeps state for the whole process; no library of ours does. */
#ifndef ANEC_STANDIN_H
#define ANEC_STANDIN_H

#include "../base/base.h"

#include <stdatomic.h>

#define EXPORT __attribute__((visibility("default")))

typedef struct Class Class;
typedef struct {
    Class *isa; /* first, as in Objective-C */
    atomic_int count;
} Object;
typedef Object *Id;
typedef const char *Sel;
typedef signed char Flag;
typedef void Imp(void);

typedef struct {
    const char *selector; /* NULL ends a table */
    Imp *fn;
} Method;
#define METHOD(selector, fn) \
    { \
        selector, (Imp *)(void (*)(void))(fn) \
    }

struct Class {
    Object object;
    const char *name;
    const Method *method;
    void (*destroy)(Id);
    size_t size;
    atomic_int live;
    Class *meta; /* of a class: where its class methods are; NULL in a metaclass */
};

/* A class and its metaclass. */
#define CLASS(v, class_name, type, destroyer, methods, class_methods) \
    static Class v##_meta = { .name = class_name, .method = class_methods }; \
    Class v = { .object = { .isa = &v##_meta }, \
                .name = class_name, \
                .method = methods, \
                .destroy = destroyer, \
                .size = sizeof(type), \
                .meta = &v##_meta }

_Noreturn void standin_abort(const char *fmt, ...) PRINTF(1, 2);

/* What a method does that raises (exceptions.c): it does not return. */
void standin_raise(Id self, Sel sel);
/* As Apple's method does for an argument that it cannot take. */
_Noreturn void standin_raise_for(Sel sel, const char *why);
bool raises(
    const char *name); /* this call of the function or selector: faults raise, raise-from */
void may_raise(const char *function);

/* What the C library asks for meanwhile is the system's memory, not the program's (memory.c). */
void standin_hold(bool on);
void *pool_push(void); /* of a thread of the stand-in's own */
void pool_pop(void *token);
void *object_new(Class *c); /* zeroed, count 1 */
Id object_retain(Id o);
void object_release(Id o);
Id object_autorelease(Id o);
/* Aborts unless o is an object of that class (or NULL where that is allowed). */
void *expect(const void *o, const Class *c, const char *where);
void *expect_or_nil(const void *o, const Class *c, const char *where);

/* ---- values ------------------------------------------------------------------------------ */

typedef struct {
    Object object;
    char *text;
} String;
typedef struct {
    Object object;
    int64_t value;
} StandinNumber;
typedef struct {
    Object object;
    unsigned char *bytes;
    size_t size;
    bool lent;
} Data;
typedef struct {
    Object object;
    size_t count;
    Id *item;
} Array;
typedef struct {
    Object object;
    size_t count;
    Id *key, *value;
} Dict;
typedef struct {
    Object object;
    char *text;
    long code;
    String *domain;
    Dict *info;
} Error;
extern Class string_class, number_class, data_class, array_class, dict_class, error_class;

Id standin_string(const char *s); /* all retained: the caller's */
Id standin_number(int64_t v);
Id standin_array(size_t n, const Id *item);                         /* takes the items over */
Id standin_dict(size_t n, const char *const *key, const Id *value); /* takes the values over */
Id standin_dict_of(size_t n, const Id *key, const Id *value);       /* takes both over */
Id dict_find(const Dict *d, const char *key);
/* *error, where there is one, becomes an autoreleased NSError; always NO. */
Flag refuse(Id *error, long code, const char *fmt, ...) PRINTF(3, 4);
/* of the compiler's domain */
Flag compiler_refuse(Id *error, long code, const char *fmt, ...) PRINTF(3, 4);
/* of Core ML's */
Flag ml_refuse(Id *error, long code, const char *fmt, ...) PRINTF(3, 4);

/* What a compiler makes of a block; the caller's memory. */
typedef struct {
    const void *isa;
    int flags, reserved;
    Imp *invoke;
    const struct {
        unsigned long reserved, size;
    } * descriptor;
} BlockObject;
Imp *block_function(const BlockObject *b, const char *where); /* aborts unless it is one */

/* ---- surfaces ---------------------------------------------------------------------------- */

typedef struct {
    Object object;
    unsigned char *base;
    size_t mapped, bytes, row;
    int readers, writers, users; /* locks of the processor; uses by the engine */
    bool was_result;
} Surface;
extern Class surface_class;
/* The engine's own access; false: the processor holds a lock. */
bool surface_take(Surface *s);
void surface_give(Surface *s);

/* ---- faults, and the machine that is stood in for ---------------------------------------- */

/* The number of a fault that is asked for ("slots:3"), 1 without one; 0: it is not asked
 * for. */
long fault(const char *name);
/* "refuse:fp32": name refuse, what fp32 */
bool fault_names(const char *name, const char *what);
/* This call makes nothing: faults nil and nil-from. */
bool gives_nil(const char *constructor);

typedef struct {
    const char *chip, *arch, *build;
    bool by_size; /* the compiler orders inputs by size; otherwise by name */
} Machine;
Machine machine(void);
const char *standin_temp(
    void); /* NSTemporaryDirectory, without a slash: ANESIM_TEMP, else TMPDIR */

/* ---- what the system keeps of what it compiled (vault.c) --------------------------------- */

/* name: hexStringIdentifier of the model. Each is the vault of this process's identity. */
bool vault_has(const char *name);
void vault_put(const char *name);
void vault_drop(const char *name);
const char *vault_identity(Arena *a); /* NULL: the process has no signature */

/* ---- Core ML's arrays -------------------------------------------------------------------- */

enum { ARRAY_RANK = 16 };
typedef struct {
    Object object;
    long type; /* MLMultiArrayDataType */
    int rank;
    int64_t dim[ARRAY_RANK], stride[ARRAY_RANK]; /* strides in elements */
    unsigned char *base;
    size_t bytes;
    bool owned;
} MultiArray;
/* name: MLFeatureValue */
typedef struct {
    Object object;
    Dict *features;
} Provider;
/* name: MLMultiArray */
typedef struct {
    Object object;
    Dict *backings;
} PredictionOptions;
typedef struct {
    Object object;
    MultiArray *array;
} FeatureValue;
typedef struct {
    Object object;
    char *path;
} Url;
extern Class ml_array_class, ml_provider_class, ml_options_class, ml_value_class, url_class;

Id object_alloc(Class *c, Sel sel); /* +alloc */
Id object_init(Id self, Sel sel);   /* -init of what needs none */
/* Memory of its own, rows padded as the engine's surfaces have them. */
MultiArray *multi_new(long type, int rank, const int64_t *dim);
void multi_copy(MultiArray *m, void *packed, bool to_array); /* elements in C order */
Id value_made(MultiArray *m);                                /* takes the array over */
long system_major(void);                                     /* macOS */

extern Class ml_configuration_class;
/* Waits for the thread that makes a compute plan (coreml_plan.c). */
void standin_join(void);

/* ---- programs ---------------------------------------------------------------------------- */

typedef struct {
    const char *name;
    int64_t batch, channels, height, width;
    size_t row, plane, batch_stride, bytes;
    int element, symbol;
} StandinPlace;

typedef struct {
    const char *name;
    StandinPlace *in, *out; /* in the order of their symbols */
    int nin, nout;
} Procedure;

/* What a compiled model of these procedures says of itself (attributes.dump). */
Id attributes_made(const Procedure *procedure, int n);
/* The key under another name, where a fault wants the exported constants to have other
 * values. */
Id constant_renamed(const char *key);

/* A folder with model.mil and weights, compiled. */
typedef struct Compiled Compiled;
Compiled *compiled_new(const char *dir, Buf *why); /* NULL: refused */
void compiled_free(Compiled *c);
int compiled_procedures(const Compiled *c, const Procedure **out);
/* Surfaces in the order of Procedure.in and .out. */
bool compiled_run(Compiled *c, int procedure, Surface *const *in, Surface *const *out,
                  Buf *why);

#endif
