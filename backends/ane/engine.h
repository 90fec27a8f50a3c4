/* engine.h -- the Neural Engine's private framework as C calls: models, requests, surfaces.
 *
 * Every call that can be refused says why in a Trouble; nothing here retries, caches or
 * chooses. Objects returned are the caller's, to be released with objc_drop. */
#ifndef ANEC_ENGINE_H
#define ANEC_ENGINE_H

#include "objc.h"
#include "../../ir/targets/targets.h"

/* The keys of what a compiled model says of itself. */
enum {
#define KEY(id, constant, text) ATTRIBUTE_##id,
#include "attributes.def"
    ATTRIBUTE_COUNT
};

typedef struct {
    Objc *objc;
    Id attribute[ATTRIBUTE_COUNT];          /* the keys as objects */
    Id descriptor, model, request, surface; /* classes */
    /* the row of ir/targets/chips; NULL: an architecture we do not know */
    const char *chip;
    const char *arch;  /* as the framework names it: "h13g" */
    const char *build; /* of the system: "25F84" */
    /* what this process is signed as, by which the system keeps what it compiled; NULL: it has
     * no signature, or the system does not tell */
    const char *identity;
} Engine;

/* Everything lives in the arena. NULL: no engine here, and `why` says what is missing. */
Engine *engine_open(Arena *a, const char **why);
void engine_close(Engine *e);

typedef struct {
    const char *path; /* as the text names it: "@model_path/weights/weight.bin" */
    const void *data;
    size_t size;
} EngineWeight;

/* A model in memory from MIL text and its weights, whose bytes must outlive it; NULL:
 * refused. */
Id engine_model_new(Engine *e, Arena *a, const char *text, size_t len, const EngineWeight *w,
                    int nw, Trouble *why);
/* The folder where the compiler looks for model.mil and weights; NULL: the model has no
 * name. */
char *engine_model_dir(Engine *e, Arena *a, Id model);
bool engine_compile(Engine *e, Arena *a, Id model, Trouble *why);
/* Whether the system has the compiled program, so that loading it compiles nothing: 1 or 0; -1:
 * this system does not tell. */
int engine_has_compiled(Engine *e, Id model);
bool engine_load(Engine *e, Arena *a, Id model, Trouble *why);
bool engine_unload(Engine *e, Arena *a, Id model, Trouble *why); /* why NULL: needs no memory */

/* ---- layout (attributes.c) --------------------------------------------------------------- */

/* Where the elements of one input or result lie in its surface: rows of `width` elements, `row`
 * bytes apart, `height` of them a plane, planes `plane` bytes apart, `channels` of them, all of
 * it `batch` times, `batch_stride` bytes apart. */
typedef struct {
    const char *name;  /* the program's: its symbol without what the compiler appends */
    const char *other; /* what the port is called besides; NULL: nothing else */
    int symbol;        /* its index in a request, among those of all functions */
    int64_t batch, channels, height, width; /* batch 0: not said */
    size_t row, plane, batch_stride, bytes; /* bytes: of the whole surface */
    int element;                            /* bytes of an element */
} Port;

typedef struct {
    Port *in, *out;
    int nin, nout;
    int procedure;
    bool guessed; /* the compiled model did not say: rows padded to 64 bytes, names in order */
} Layout;

typedef enum {
    LAYOUT_READ,    /* the compiled model says where everything lies */
    LAYOUT_UNTOLD,  /* it does not; `why` says what is missing, and a layout may be guessed */
    LAYOUT_REFUSED, /* it lies as we cannot read or write it; `why` names the port */
} LayoutFound;

/* What the compiled and loaded model says of one of its functions, which are its procedures. */
LayoutFound engine_layout(Engine *e, Arena *a, Id model, const char *function, Layout *out,
                          const char **why);
/* The port of a value of the program: by symbol, else by name; NULL: there is none. */
const Port *port_find(const Port *port, int n, const char *name);

/* Makes the keys, and releases them: engine_open and engine_close call these. */
void attributes_open(Engine *e);
void attributes_close(Engine *e);

/* ---- running ----------------------------------------------------------------------------- */

Id engine_surface_new(Engine *e, const Port *p); /* NULL: not enough memory */
enum { SURFACE_READ = 1 };                       /* how: this, or 0 to write too */
void *engine_lock(Engine *e, Id surface, int how);
void engine_unlock(Engine *e, Id surface, int how);
size_t engine_surface_size(Engine *e, Id surface);

/* Surfaces in the layout's order. NULL: the framework would not take them. */
Id engine_request_new(Engine *e, const Layout *l, const Id *in, const Id *out);
bool engine_run(Engine *e, Arena *a, Id model, Id request, Trouble *why);

#endif
