/* engine.h -- the Neural Engine's private framework as C calls: models, requests, surfaces.
 *
 * Every call that can be refused says why in a Trouble; nothing here retries, caches or chooses.
 * Objects returned are the caller's, to be released with objc_drop. */
#ifndef ANEC_ENGINE_H
#define ANEC_ENGINE_H

#include "objc.h"
#include "../../ir/targets/targets.h"

typedef struct {
    Objc *objc;
    Id descriptor, model, request, surface; /* classes */
    const char *chip;       /* the row of targets.def: "m1"; NULL: an architecture we do not know */
    const char *arch;       /* as the framework names it: "h13g" */
    const char *build;      /* of the system: "25F84" */
} Engine;

/* Everything lives in the arena. NULL: no engine here, and `why` says what is missing. */
Engine *engine_open(Arena *a, const char **why);
void engine_close(Engine *e);

typedef struct {
    const char *path; /* as the text names it: "@model_path/weights/weight.bin" */
    const void *data;
    size_t size;
} EngineWeight;

/* A model in memory from MIL text and its weights, whose bytes must outlive it; NULL: refused. */
Id engine_model_new(Engine *e, Arena *a, const char *text, size_t len, const EngineWeight *w, int nw,
                    Trouble *why);
/* The folder where the compiler looks for model.mil and weights; NULL: the model has no name. */
char *engine_model_dir(Engine *e, Arena *a, Id model);
bool engine_compile(Engine *e, Arena *a, Id model, Trouble *why);
bool engine_load(Engine *e, Arena *a, Id model, Trouble *why);
bool engine_unload(Engine *e, Arena *a, Id model, Trouble *why);

/* ---- layout ---------------------------------------------------------------------------------- */

/* Where the elements of one input or result lie in its surface: rows of `width` elements, `row`
 * bytes apart, `height` of them a plane, planes `plane` bytes apart, `channels` of them, all of it
 * `batch` times. */
typedef struct {
    const char *name;
    int symbol;               /* its index in a request */
    int64_t batch, channels, height, width;
    size_t row, plane, bytes; /* bytes: of the whole surface */
    int element;              /* bytes of an element */
} Port;

typedef struct {
    Port *in, *out;
    int nin, nout;
    int procedure;
    bool guessed; /* the compiled model did not say: rows padded to 64 bytes, names in order */
} Layout;

/* What the compiled model says of the function (a procedure of it); false: nothing usable. */
bool engine_layout(Engine *e, Arena *a, Id model, const char *function, Layout *out);

/* ---- running --------------------------------------------------------------------------------- */

Id engine_surface_new(Engine *e, const Port *p); /* NULL: not enough memory */
enum { SURFACE_READ = 1 };                       /* how: this, or 0 to write too */
void *engine_lock(Engine *e, Id surface, int how);
void engine_unlock(Engine *e, Id surface, int how);
size_t engine_surface_size(Engine *e, Id surface);

/* Surfaces in the layout's order. NULL: the framework would not take them. */
Id engine_request_new(Engine *e, const Layout *l, const Id *in, const Id *out);
bool engine_run(Engine *e, Arena *a, Id model, Id request, Trouble *why);

#endif
