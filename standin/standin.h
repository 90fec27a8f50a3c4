/* standin.h -- libanesim.so, a stand-in for Apple's libraries on any host; for this folder
 * alone.
 *
 * It exports the functions and classes that backends/ane looks up by name: the Objective-C
 * runtime, CoreFoundation, IOSurface, the engine's private classes, Core ML. Behind them
 * programs are compiled and run for the chip that ANESIM_CHIP names (any of ir/targets/chips,
 * by default the oldest). It is stricter than Apple's: an unknown selector, a message to a
 * released object, one release too many, an argument of the wrong class, access to a surface
 * that is not locked, and an object that is not released at the end all abort with a message.
 * ANESIM_FAULT, a list of rows of faults.def, makes it fail as the real libraries were seen to.
 *
 * Like those it keeps state for the whole process, as no other library of this project does. */
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

/* A method that raises an exception and does not return (exceptions.c). */
void standin_raise(Id self, Sel sel);
/* Raises what Apple's method raises for an argument that it does not take. */
_Noreturn void standin_raise_for(Sel sel, const char *why);
/* Whether this call of a function or selector has to raise: the faults raise and raise-from. */
bool raises(const char *name);
void may_raise(const char *function);

/* While it is on, memory counts as the system's, not as the program's (memory.c). */
void standin_hold(bool on);
void *pool_push(void); /* for threads that the stand-in starts */
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

/* These return retained objects, which the caller releases. */
Id standin_string(const char *s);
Id standin_number(int64_t v);
Id standin_array(size_t n, const Id *item); /* takes the items over */
Id standin_dict(size_t n, const char *const *key,
                const Id *value);                             /* takes the values over */
Id standin_dict_of(size_t n, const Id *key, const Id *value); /* takes both over */
Id dict_find(const Dict *d, const char *key);
/* Set *error, unless error is NULL, to an autoreleased NSError of the engine's domain, the
 * compiler's or Core ML's, and return NO. */
Flag refuse(Id *error, long code, const char *fmt, ...) PRINTF(3, 4);
Flag compiler_refuse(Id *error, long code, const char *fmt, ...) PRINTF(3, 4);
Flag ml_refuse(Id *error, long code, const char *fmt, ...) PRINTF(3, 4);

/* A block as compilers lay it out, in the caller's memory. */
typedef struct {
    const void *isa;
    int flags, reserved;
    Imp *invoke;
    const struct {
        unsigned long reserved, size;
    } * descriptor;
} BlockObject;
/* aborts unless it is one */
Imp *block_function(const BlockObject *b, const char *where);

/* ---- surfaces ---------------------------------------------------------------------------- */

typedef struct {
    Object object;
    unsigned char *base;
    size_t mapped, bytes, row;
    int readers, writers, users; /* locks held by the processor; uses by the engine */
    bool was_result;
} Surface;
extern Class surface_class;
/* Begins an access by the engine; false: the processor holds a lock. */
bool surface_take(Surface *s);
void surface_give(Surface *s);

/* ---- faults, and the machine that is stood in for ---------------------------------------- */

/* The number behind a fault in ANESIM_FAULT ("slots:3"), or 1 where it has none; 0: the
 * fault is not in it. */
long fault(const char *name);
/* Whether the fault `name` has the word `what` behind it, as in "refuse:fp32". */
bool fault_names(const char *name, const char *what);
/* Whether this call of a constructor has to return nil: the faults nil and nil-from. */
bool gives_nil(const char *constructor);
/* A line in the file that ANESIM_LOG names, of a compilation that was asked for; why: it was
 * refused, or NULL. */
void compile_told(const char *why);

typedef struct {
    const char *chip, *arch, *build;
    bool by_size; /* the compiler orders inputs by size; otherwise by name */
} Machine;
Machine machine(void);
/* NSTemporaryDirectory without the slash at its end: ANESIM_TEMP, else TMPDIR. */
const char *standin_temp(void);

/* ---- what the system keeps of what it compiled (vault.c) --------------------------------- */

/* Programs that the system has kept for the identity of this process; the name is the model's
 * hexStringIdentifier. */
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
/* features: an MLFeatureValue by name */
typedef struct {
    Object object;
    Dict *features;
} Provider;
/* backings: an MLMultiArray by name */
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
extern Class ml_array_class, ml_provider_class, ml_options_class, ml_value_class,
    url_class;

Id object_alloc(Class *c, Sel sel); /* +alloc */
Id object_init(Id self, Sel sel);   /* an -init that does nothing */
/* An array with memory of its own, whose rows are padded as in the engine's surfaces. */
MultiArray *multi_new(long type, int rank, const int64_t *dim);
void multi_copy(MultiArray *m, void *packed, bool to_array); /* elements in C order */
Id value_made(MultiArray *m);                                /* takes the array over */
long system_major(void);                                     /* the version of macOS */

extern Class ml_configuration_class;
/* Waits for the thread that makes a compute plan, if there is one (coreml_plan.c). */
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

/* The attributes of a compiled model with these procedures (attributes.dump). */
Id attributes_made(const Procedure *procedure, int n);
/* The key, or another text where a fault gives the exported constants other values. */
Id constant_renamed(const char *key);

/* A compiled program, from a folder with model.mil and weights. */
typedef struct Compiled Compiled;
Compiled *compiled_new(const char *dir, Buf *why); /* NULL: refused */
void compiled_free(Compiled *c);
int compiled_procedures(const Compiled *c, const Procedure **out);
/* Surfaces in the order of Procedure.in and .out. */
bool compiled_run(Compiled *c, int procedure, Surface *const *in, Surface *const *out,
                  Buf *why);

/* ---- what evaluations would cost (clock.c) ------------------------------------------------ */

struct Func;
/* Where ANESIM_CLOCK names a file, it gets a line for a request that was evaluated: what it costs by
 * the figures that others published, and the sum of all so far in this process. */
void clock_tell(const struct Func *f);

/* ---- what the files of the engine's framework share (neural.c, neural_request.c) --------- */

/* The engine's codes of errors (facts 10.4). */
enum {
    NEURAL_LOAD = 6,
    NEURAL_INFERENCE = 8,
    NEURAL_INVALID = 10,
    NEURAL_NOT_FOUND = 23,
    NEURAL_BAD_ARGUMENT = 26
};

extern Class request_class;
/* Evaluates a request, which is an object of that class. NO: it was refused, or loaded is NULL;
 * *error is set. */
Flag request_run(Id request, Compiled *loaded, Id *error);

#endif
