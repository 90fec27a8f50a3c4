/* engine.c -- the private classes: descriptor, model, request, surface object. */
#include "engine.h"

#include <string.h>

#define FRAMEWORK \
    "/System/Library/PrivateFrameworks/AppleNeuralEngine.framework/AppleNeuralEngine"
/* QOS_CLASS_DEFAULT, 0x15; users measured no difference between any two values */
enum { QOS = 21 };
#define SECURITY "/System/Library/Frameworks/Security.framework/Security"

/* ---- opening ----------------------------------------------------------------------------- */

static void read_device(Engine *e, Arena *a)
{
    Objc *o = e->objc;
    Id info = o->objc_getClass("_ANEDeviceInfo");
    if (!info || !o->may[SEL_subType] || !o->may[SEL_buildVersion]) return;
    void *pool = objc_pool(o);
    e->arch = string_text(o, a, SEND0(o, Id, info, SEL_subType));
    e->build = string_text(o, a, SEND0(o, Id, info, SEL_buildVersion));
    const Target *chip = e->arch ? chip_of_arch(e->arch) : NULL;
    e->chip = chip ? chip->name : NULL;
    objc_pool_end(o, pool);
}

/* The signing identifier, by public functions of the Security framework, where it is. */
static void read_identity(Engine *e, Arena *a)
{
    Objc *o = e->objc;
    const char *ignored;
    if (!objc_library(o, a, SECURITY, &ignored)) return;
    objc_look_again(o);
    if (!o->SecTaskCreateFromSelf || !o->SecTaskCopySigningIdentifier) return;
    Id task = objc_own(o, o->SecTaskCreateFromSelf(NULL));
    Id name = task ? objc_own(o, o->SecTaskCopySigningIdentifier(task, NULL)) : NULL;
    e->identity = string_text(o, a, name);
    objc_drop(o, &name);
    objc_drop(o, &task);
}

static bool has_engine(Engine *e)
{
    Id info = e->objc->objc_getClass("_ANEDeviceInfo");
    return !info || !e->objc->may[SEL_hasEngine]
        || SEND0(e->objc, Flag, info, SEL_hasEngine);
}

Engine *engine_open(Arena *a, const char **why)
{
    Engine *e = NEW(a, Engine);
    const struct {
        Id *to;
        const char *name;
    } classes[] = {
        { &e->descriptor, "_ANEInMemoryModelDescriptor" },
        { &e->model, "_ANEInMemoryModel" },
        { &e->request, "_ANERequest" },
        { &e->surface, "_ANEIOSurfaceObject" },
    };
    e->objc = objc_open(a, why);
    if (!e->objc) return NULL;
    bool ok = objc_library(e->objc, a, FRAMEWORK, why);
    for (size_t i = 0; ok && i < COUNT(classes); i++) {
        *classes[i].to = e->objc->objc_getClass(classes[i].name);
        ok = *classes[i].to != NULL;
        if (!ok) *why = arena_printf(a, "the framework has no class %s", classes[i].name);
    }
    ok = ok && objc_check(e->objc, a, PART_ENGINE, why);
    if (ok && !has_engine(e)) {
        const char *exception = raise_text(e->objc, a);
        *why = exception ? exception : "this machine has no Neural Engine";
        ok = false;
    }
    if (ok) read_device(e, a);
    if (ok) read_identity(e, a);
    if (ok) attributes_open(e);
    if (ok) return e;
    objc_close(e->objc);
    return NULL;
}

void engine_close(Engine *e)
{
    attributes_close(e);
    objc_close(e->objc);
}

/* ---- models ------------------------------------------------------------------------------ */

/* { path: { "data": bytes } }: never nil, which some systems refuse; and one key, since the
 * framework takes the first object of the inner dictionary, whatever it is called. */
static Id weights_new(Objc *o, Arena *a, const EngineWeight *w, int n)
{
    Id *path = NEW_ARRAY(a, n + 1, Id), *entry = NEW_ARRAY(a, n + 1, Id);
    Id name = string_new(o, "data");
    for (int i = 0; i < n; i++) {
        Id value = data_view(o, w[i].data, w[i].size);
        path[i] = string_new(o, w[i].path);
        entry[i] = dict_new(o, &name, &value, 1);
        objc_drop(o, &value);
    }
    Id all = dict_new(o, path, entry, (size_t)n);
    for (int i = 0; i < n; i++) {
        objc_drop(o, &path[i]);
        objc_drop(o, &entry[i]);
    }
    objc_drop(o, &name);
    return all;
}

Id engine_model_new(Engine *e, Arena *a, const char *text, size_t len,
                    const EngineWeight *w, int nw, Trouble *why)
{
    Objc *o = e->objc;
    Id mil = data_new(o, text, len), weights = weights_new(o, a, w, nw), model = NULL;
    void *pool = objc_pool(o);
    Id descriptor = SEND(o, Id, (Id, Id, Id), e->descriptor, SEL_descriptor, mil, weights,
                         NULL);
    *why = (Trouble){ .text = "the framework gives no descriptor for this text" };
    if (descriptor) {
        *why = (Trouble){ .text = "the framework gives no model for its descriptor" };
        model = SEND(o, Id, (Id), e->model, SEL_model, descriptor);
    }
    const char *exception = model ? NULL : raise_text(o, a);
    if (exception) why->text = exception;
    objc_keep(o, model);
    objc_pool_end(o, pool);
    objc_drop(o, &mil);
    objc_drop(o, &weights);
    return model;
}

char *engine_model_dir(Engine *e, Arena *a, Id model)
{
    Objc *o = e->objc;
    void *pool = objc_pool(o);
    char *dir = o->may[SEL_localPath]
                  ? string_text(o, a, SEND0(o, Id, model, SEL_localPath))
                  : NULL;
    char *hex = string_text(o, a, SEND0(o, Id, model, SEL_hexName));
    char *temp = string_text(o, a, o->NSTemporaryDirectory());
    if (!dir && hex && *hex && temp)
        dir = arena_printf(a, "%s%s%s", temp,
                           *temp && temp[strlen(temp) - 1] == '/' ? "" : "/", hex);
    objc_pool_end(o, pool);
    return dir;
}

/* compileWithQoS: and loadWithQoS: are alike. */
static bool model_step(Engine *e, Arena *a, Id model, Selector selector, Trouble *why)
{
    Objc *o = e->objc;
    Id options = dict_new(o, NULL, NULL, 0), error = NULL;
    void *pool = objc_pool(o);
    bool ok = SEND(o, Flag, (unsigned, Id, Id *), model, selector, QOS, options, &error);
    if (!ok) trouble_read(o, a, error, why);
    objc_pool_end(o, pool);
    objc_drop(o, &options);
    return ok;
}

bool engine_compile(Engine *e, Arena *a, Id model, Trouble *why)
{
    return model_step(e, a, model, SEL_compile, why);
}

int engine_has_compiled(Engine *e, Id model)
{
    if (!e->objc->may[SEL_isCompiled]) return -1;
    return SEND0(e->objc, Flag, model, SEL_isCompiled) != 0;
}

bool engine_load(Engine *e, Arena *a, Id model, Trouble *why)
{
    return model_step(e, a, model, SEL_load, why);
}

bool engine_unload(Engine *e, Arena *a, Id model, Trouble *why)
{
    Objc *o = e->objc;
    Id error = NULL;
    void *pool = objc_pool(o);
    bool ok = SEND(o, Flag, (unsigned, Id *), model, SEL_unload, QOS, &error);
    if (!ok && why) trouble_read(o, a, error, why);
    objc_pool_end(o, pool);
    return ok;
}

/* ---- surfaces ---------------------------------------------------------------------------- */

Id engine_surface_new(Engine *e, const Port *p)
{
    Objc *o = e->objc;
    Id key[6], value[6], description;
    const struct {
        const void *key;
        size_t value;
    } rows[6] = {
        { o->kIOSurfaceWidth, (size_t)p->width },
        { o->kIOSurfaceHeight, p->bytes / p->row },
        { o->kIOSurfaceBytesPerElement, (size_t)p->element },
        { o->kIOSurfaceBytesPerRow, p->row },
        { o->kIOSurfaceAllocSize, p->bytes },
        { o->kIOSurfacePixelFormat, 0 },
    };
    for (int i = 0; i < 6; i++) {
        /* the symbol is a variable that holds it */
        memcpy(&key[i], rows[i].key, sizeof key[i]);
        if (!key[i]) return NULL;
    }
    for (int i = 0; i < 6; i++) value[i] = number_new(o, (int64_t)rows[i].value);
    description = dict_new(o, key, value, 6);
    Id s = objc_own(o, o->IOSurfaceCreate(description));
    objc_drop(o, &description);
    for (int i = 0; i < 6; i++) objc_drop(o, &value[i]);
    return s;
}

void *engine_lock(Engine *e, Id surface, int how)
{
    raise_forget(e->objc);
    if (e->objc->IOSurfaceLock(surface, (uint32_t)how, NULL) || raise_any()) return NULL;
    void *base = e->objc->IOSurfaceGetBaseAddress(surface);
    if (!base) engine_unlock(e, surface, how);
    return base;
}

void engine_unlock(Engine *e, Id surface, int how)
{
    e->objc->IOSurfaceUnlock(surface, (uint32_t)how, NULL);
}

size_t engine_surface_size(Engine *e, Id surface)
{
    return e->objc->IOSurfaceGetAllocSize(surface);
}

/* ---- requests ---------------------------------------------------------------------------- */

/* Arrays of surface objects and of their indices; false: an object is not made. */
static bool bind_ports(Engine *e, const Port *port, const Id *surface, int n, Id out[2])
{
    Objc *o = e->objc;
    Arena scratch = { 0 };
    Id *object = NEW_ARRAY(&scratch, n + 1, Id), *index = NEW_ARRAY(&scratch, n + 1, Id);
    bool ok = true;
    for (int i = 0; i < n; i++) {
        object[i] = surface[i] ? SEND(o, Id, (Id), e->surface, SEL_surface, surface[i])
                               : NULL;
        index[i] = number_new(o, port[i].symbol);
        ok = ok && object[i];
    }
    out[0] = ok ? array_new(o, object, (size_t)n) : NULL;
    out[1] = array_new(o, index, (size_t)n);
    for (int i = 0; i < n; i++) objc_drop(o, &index[i]);
    arena_free(&scratch);
    return ok;
}

Id engine_request_new(Engine *e, const Layout *l, const Id *in, const Id *out)
{
    Objc *o = e->objc;
    Id ins[2] = { NULL, NULL }, outs[2] = { NULL, NULL }, request = NULL,
       procedure = number_new(o, l->procedure);
    void *pool = objc_pool(o);
    const bool bound = bind_ports(e, l->in, in, l->nin, ins)
                    && bind_ports(e, l->out, out, l->nout, outs);
    if (bound)
        request = SEND(o, Id, (Id, Id, Id, Id, Id, Id, Id), e->request, SEL_request,
                       ins[0], ins[1], outs[0], outs[1], NULL, NULL, procedure);
    bool ok = request && (!o->may[SEL_validate] || SEND0(o, Flag, request, SEL_validate));
    if (ok) objc_keep(o, request);
    objc_pool_end(o, pool);
    for (int i = 0; i < 2; i++) {
        objc_drop(o, &ins[i]);
        objc_drop(o, &outs[i]);
    }
    objc_drop(o, &procedure);
    return ok ? request : NULL;
}

bool engine_run(Engine *e, Arena *a, Id model, Id request, Trouble *why)
{
    Objc *o = e->objc;
    Id options = dict_new(o, NULL, NULL, 0), error = NULL;
    void *pool = objc_pool(o);
    bool ok = SEND(o, Flag, (unsigned, Id, Id, Id *), model, SEL_evaluate, QOS, options,
                   request, &error);
    if (!ok) trouble_read(o, a, error, why);
    objc_pool_end(o, pool);
    objc_drop(o, &options);
    return ok;
}
