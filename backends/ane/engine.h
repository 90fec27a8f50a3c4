/* engine.h -- the Neural Engine's private framework as C calls: models, requests, surfaces.
 *
 * A call that can be refused gives the reason in a Trouble. Nothing here retries, caches or
 * chooses. Objects returned belong to the caller, who releases them with objc_drop. */
#ifndef ANEC_ENGINE_H
#define ANEC_ENGINE_H

#include "objc.h"
#include "../../ir/targets/targets.h"

/* Keys in the attributes of a compiled model. */
enum {
#define KEY(id, constant, text) ATTRIBUTE_##id,
#include "attributes.def"
    ATTRIBUTE_COUNT
};

typedef struct {
    Objc *objc;
    Id attribute[ATTRIBUTE_COUNT];          /* the keys as objects */
    Id descriptor, model, request, surface; /* classes */
    /* name of the row in ir/targets/chips; NULL: the architecture is not known */
    const char *chip;
    const char *arch;  /* as the framework calls it: "h13g" */
    const char *build; /* of the system: "25F84" */
    /* the code identity that this process is signed with, by which the system keeps what it has
     * compiled; NULL: it has no signature, or the system does not tell */
    const char *identity;
} Engine;

/* All is in the arena. NULL: there is no engine here, and *why tells what is missing. */
Engine *engine_open(Arena *a, const char **why);
void engine_close(Engine *e);

typedef struct {
    const char *path; /* as the text names it: "@model_path/weights/weight.bin" */
    const void *data;
    size_t size;
} EngineWeight;

/* A model from MIL text and weights, whose bytes must outlive it; NULL: refused. */
Id engine_model_new(Engine *e, Arena *a, const char *text, size_t len,
                    const EngineWeight *w, int nw, Trouble *why);
/* The folder where the engine's compiler looks for model.mil and weights; NULL: the model
 * has no name. */
char *engine_model_dir(Engine *e, Arena *a, Id model);
bool engine_compile(Engine *e, Arena *a, Id model, Trouble *why);
/* Whether the system has the compiled program, so that loading it compiles nothing: 1 or 0.
 * -1: the system does not tell. */
int engine_has_compiled(Engine *e, Id model);
bool engine_load(Engine *e, Arena *a, Id model, Trouble *why);
/* why NULL: allocates nothing */
bool engine_unload(Engine *e, Arena *a, Id model, Trouble *why);

/* ---- layout (attributes.c) --------------------------------------------------------------- */

/* Where the elements of one input or result lie in its surface: rows of `width` elements, `row`
 * bytes apart, `height` of them a plane, planes `plane` bytes apart, `channels` of them, all of
 * it `batch` times, `batch_stride` bytes apart. */
typedef struct {
    const char *name;  /* as in the program: its symbol without the compiler's suffix */
    const char *other; /* another name of the port, or NULL */
    int symbol;        /* its index in a request, among the ports of all functions */
    int64_t batch, channels, height, width; /* batch 0: not told */
    size_t row, plane, batch_stride, bytes; /* bytes: of the whole surface */
    int element;                            /* bytes of an element */
} Port;

typedef struct {
    Port *in, *out;
    int nin, nout;
    int procedure;
    /* the model does not tell: rows are padded to 64 bytes, names in order */
    bool guessed;
} Layout;

typedef enum {
    LAYOUT_READ, /* the compiled model tells the whole layout */
    LAYOUT_UNTOLD, /* it does not; *why tells what is missing, and a layout may be guessed */
    LAYOUT_REFUSED, /* the layout is one that cannot be read or written; *why names the port */
} LayoutFound;

/* Reads the layout of a function from the attributes of the compiled and loaded model, in which
 * functions are procedures. */
LayoutFound engine_layout(Engine *e, Arena *a, Id model, const char *function,
                          Layout *out, const char **why);
/* The port for a value of the program, found by symbol or else by name; NULL: there is none. */
const Port *port_find(const Port *port, int n, const char *name);

/* Make and release the keys; called by engine_open and engine_close. */
void attributes_open(Engine *e);
void attributes_close(Engine *e);

/* ---- running ----------------------------------------------------------------------------- */

Id engine_surface_new(Engine *e, const Port *p); /* NULL: not enough memory */
enum { SURFACE_READ = 1 }; /* `how`: to read; 0: to read and write */
void *engine_lock(Engine *e, Id surface, int how);
void engine_unlock(Engine *e, Id surface, int how);
size_t engine_surface_size(Engine *e, Id surface);

/* The surfaces are in the order of the layout. NULL: the framework does not take them. */
Id engine_request_new(Engine *e, const Layout *l, const Id *in, const Id *out);
bool engine_run(Engine *e, Arena *a, Id model, Id request, Trouble *why);

#endif
