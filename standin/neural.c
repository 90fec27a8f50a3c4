/* neural.c -- the classes of the engine's private framework: descriptors, models, and what the
 * device is. Requests and their evaluation are in neural_request.c. */
#include "standin.h"
#include "../backends/forms.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- descriptors ------------------------------------------------------------------------- */

typedef struct {
    Object object;
    Data *text;
    Dict *weights;
} Descriptor;
extern Class descriptor_class, model_class, inner_class, device_class;

static void destroy_descriptor(Id o)
{
    Descriptor *d = (Descriptor *)o;
    object_release(&d->text->object);
    object_release(&d->weights->object);
}

static Id descriptor_make(Id class, Sel sel, Id text, Id weights, Id plist)
{
    (void)class;
    expect(text, &data_class, sel);
    expect_or_nil(plist, &data_class, sel);
    if (!weights || fault("nil-descriptor")) return NULL;
    const Dict *w = expect(weights, &dict_class, sel);
    for (size_t i = 0; i < w->count; i++) {
        const Dict *entry = expect(w->value[i], &dict_class, sel);
        expect(w->key[i], &string_class, sel);
        if (entry->count != 1)
            standin_abort("%s: %zu keys for a weight file, of which one is taken", sel,
                          entry->count);
        expect(dict_find(entry, "data"), &data_class, sel);
    }
    Descriptor *d = object_new(&descriptor_class);
    d->text = (Data *)object_retain(text);
    d->weights = (Dict *)object_retain(weights);
    return object_autorelease(&d->object);
}

static const Method descriptor_makers[] = {
    METHOD("modelWithMILText:weights:optionsPlist:", descriptor_make),
    { NULL, NULL },
};
CLASS(descriptor_class, "_ANEInMemoryModelDescriptor", Descriptor, destroy_descriptor,
      NULL, descriptor_makers);

/* ---- models ------------------------------------------------------------------------------ */

typedef struct {
    Object object;
    Id attributes;
} Inner;
typedef struct {
    Object object;
    pthread_mutex_t lock;
    char name[200]; /* of its folder: hashes of text, weights and options */
    bool compiled, fresh, tried, purged;
    Compiled *loaded;
    Compiled *kept; /* by the system, while the model is not loaded */
    const Descriptor *descriptor;
    Inner *inner;
} NeuralModel;

static pthread_mutex_t counts = PTHREAD_MUTEX_INITIALIZER;
static long compilations, slots_taken, busy_loads;

static void leave_slot(NeuralModel *m)
{
    if (!m->loaded) return;
    compiled_free(m->kept);
    m->kept = m->loaded;
    m->loaded = NULL;
    pthread_mutex_lock(&counts);
    slots_taken--;
    pthread_mutex_unlock(&counts);
}

static void destroy_inner(Id o) { object_release(((Inner *)o)->attributes); }
static Id inner_attributes(Id self, Sel sel)
{
    (void)sel;
    return ((Inner *)self)->attributes;
}
static const Method inner_methods[] = { METHOD("modelAttributes", inner_attributes),
                                        { NULL, NULL } };
CLASS(inner_class, "_ANEModel", Inner, destroy_inner, inner_methods, NULL);

static void destroy_model(Id o)
{
    NeuralModel *m = (NeuralModel *)o;
    if (m->loaded) standin_abort("a model is released while it is loaded");
    compiled_free(m->kept);
    object_release(m->inner ? &m->inner->object : NULL);
    object_release((Id)(uintptr_t)m->descriptor);
    pthread_mutex_destroy(&m->lock);
}

static int by_key(const void *a, const void *b)
{
    const Id *x = a, *y = b; /* a key and its value */
    return strcmp(((const String *)x[0])->text, ((const String *)y[0])->text);
}

static void add_hash(char *to, Sha256 *sha)
{
    sha256_end(sha, to);
    for (; *to; to++)
        if (*to >= 'a') *to = (char)(*to - 'a' + 'A');
}

/* SHA-256 of the text, of four zero bytes and all weights in the order of their keys, and of
 * the options (facts 10.3): content counts, paths do not. */
static void name_model(NeuralModel *m, const Descriptor *d)
{
    const Dict *w = d->weights;
    Id *pair = calloc(2 * w->count + 1, sizeof *pair);
    Sha256 text = sha256_start(), weights = sha256_start(), options = sha256_start();
    if (!pair) standin_abort("no memory for the weights' keys");
    for (size_t i = 0; i < w->count; i++) {
        pair[2 * i] = w->key[i];
        pair[2 * i + 1] = w->value[i];
    }
    qsort(pair, w->count, 2 * sizeof *pair, by_key);
    sha256_add(&text, d->text->bytes, d->text->size);
    sha256_add(&weights, "\0\0\0", 4);
    for (size_t i = 0; i < w->count; i++) {
        const Data *data = (Data *)dict_find((Dict *)pair[2 * i + 1], "data");
        sha256_add(&weights, data->bytes, data->size);
    }
    free(pair);
    add_hash(m->name, &text);
    m->name[64] = '_';
    add_hash(m->name + 65, &weights);
    m->name[129] = '_';
    add_hash(m->name + 130, &options);
}

static Id model_make(Id class, Sel sel, Id descriptor)
{
    const Descriptor *d = expect(descriptor, &descriptor_class, sel);
    (void)class;
    NeuralModel *m = object_new(&model_class);
    pthread_mutex_init(&m->lock, NULL);
    object_retain(descriptor);
    m->descriptor = d;
    name_model(m, d);
    return object_autorelease(&m->object);
}

static Id model_name(Id self, Sel sel)
{
    (void)sel;
    return object_autorelease(standin_string(((NeuralModel *)self)->name));
}

static Id model_path(Id self, Sel sel)
{
    (void)self, (void)sel;
    return NULL; /* as before compiling */
}

static Flag model_exists(Id self, Sel sel)
{
    const NeuralModel *m = (NeuralModel *)self;
    (void)sel;
    return !m->purged && !(fault("purge") && !m->fresh)
        && (m->fresh || vault_has(m->name));
}

static char *neural_folder(const NeuralModel *m, Arena *a)
{
    return arena_printf(a, "%s/%s", standin_temp(), m->name);
}

/* ---- compiling: leaves net.plist, the text again, and data, the last weights again
 * --------- */

static bool leave_files(const NeuralModel *m, Arena *a, const char *dir)
{
    Diag d = { .quiet = true };
    const Data *text = m->descriptor->text, *last = NULL;
    const Dict *w = m->descriptor->weights;
    const char *key = "";
    for (size_t i = 0; i < w->count; i++) {
        const char *name = ((String *)w->key[i])->text;
        if (strcmp(name, key) < 0) continue;
        key = name;
        last = (Data *)dict_find((Dict *)w->value[i], "data");
    }
    bool ok = file_write_all(&d, arena_printf(a, "%s/net.plist", dir), text->bytes,
                             text->size)
           && file_write_all(&d, arena_printf(a, "%s/data", dir),
                             last ? last->bytes : NULL, last ? last->size : 0);
    diag_free(&d);
    if (ok) vault_put(m->name);
    return ok;
}

/* One of the system's classes of service: QOS_CLASS_BACKGROUND to
 * QOS_CLASS_USER_INTERACTIVE. */
static void expect_quality(unsigned qos, Sel sel)
{
    static const unsigned classes[] = { 0x09, 0x11, 0x15, 0x19, 0x21 };
    for (size_t i = 0; i < COUNT(classes); i++)
        if (classes[i] == qos) return;
    standin_abort("%s: a quality of service of %u, which there is not", sel, qos);
}

static bool may_compile(void)
{
    const long most = fault("compiles") ? fault("compiles") : ENGINE_COMPILES;
    pthread_mutex_lock(&counts);
    bool ok = compilations < most;
    if (ok) compilations++;
    pthread_mutex_unlock(&counts);
    return ok;
}

/* What macOS 27.2 says of several weight files (N16). */
static bool files_refused(const NeuralModel *m, Id *error)
{
    if (m->descriptor->weights->count < 2 || !fault("one-file")) return false;
    refuse(error, NEURAL_INVALID, "verifyBundleAtPath: invalid model");
    return true;
}

static Flag model_compile(Id self, Sel sel, unsigned qos, Id options, Id *error)
{
    NeuralModel *m = (NeuralModel *)self;
    Arena a = { 0 };
    Buf why = { 0 };
    expect_quality(qos, sel);
    expect(options, &dict_class, sel);
    if (files_refused(m, error)) return 0;
    usleep((useconds_t)fault("slow") * 1000);
    const char *dir = neural_folder(m, &a);
    Compiled *c = may_compile() ? compiled_new(dir, &why) : NULL;
    bool ok = c && (fault("uncompiled") || leave_files(m, &a, dir));
    compiled_free(c);
    pthread_mutex_lock(&m->lock);
    m->compiled |= ok;
    m->fresh = ok;
    m->purged &= !ok;
    pthread_mutex_unlock(&m->lock);
    const char *text = why.s ? why.s : "",
               *own = strstr(text, "_ANECompiler")
                        ? ""
                        : "_ANECompiler : ANECCompile() FAILED: ";
    if (!ok) compiler_refuse(error, 1, "%s%s", own, text);
    compile_told(ok ? NULL : text);
    buf_free(&why);
    arena_free(&a);
    return ok;
}

/* ---- what a compiled model says of itself ------------------------------------------------ */

/* Exported strings, as they are read by name: each a variable that holds an object. */
#define CONSTANT(name, text) \
    EXPORT extern Id name; \
    Id name;
#include "constants.def"

Id constant_renamed(const char *key)
{
    char text[128];
    snprintf(text, sizeof text, "renamed %s", key);
#define CONSTANT(name, value) \
    if (!strcmp(key, value)) return standin_string(text);
#include "constants.def"
    return standin_string(key);
}

typedef struct {
    String object;
    char text[128];
} Constant;

static Id constant_made(Constant *c, const char *value)
{
    snprintf(c->text, sizeof c->text, "%s%s", fault("other-keys") ? "renamed " : "",
             value);
    c->object = (String){ .object = { .isa = &string_class, .count = 1 << 30 },
                          .text = c->text };
    return fault("no-constants") ? NULL : &c->object.object;
}

__attribute__((constructor)) static void make_constants(void)
{
#define CONSTANT(name, value) \
    static Constant name##_string; \
    name = constant_made(&name##_string, value);
#include "constants.def"
}

static Id neural_describe(const Compiled *c)
{
    const Procedure *p;
    const int n = compiled_procedures(c, &p);
    return attributes_made(p, n);
}

/* ---- loading ----------------------------------------------------------------------------- */

static Flag take_slot(Id *error)
{
    const long asked = fault("slots"), most = asked < 0 ? 0
                                            : asked     ? asked
                                                        : ENGINE_PLACES;
    pthread_mutex_lock(&counts);
    bool busy = busy_loads < fault("load-busy"), full = slots_taken >= most;
    if (busy) busy_loads++;
    else if (!full) slots_taken++;
    pthread_mutex_unlock(&counts);
    if (busy)
        return refuse(error, NEURAL_LOAD,
                      "Program load failure: status=0x5: no ANE resources");
    if (full) return refuse(error, NEURAL_LOAD, "Program load failure (0x50004)");
    return 1;
}

/* What the system has not kept it compiles as needed, from the folder, where that still is. */
static Flag find_compiled(NeuralModel *m, Arena *a, const char *dir, Id *error)
{
    if (files_refused(m, error)) return 0;
    if (fault("purge") && !m->fresh) vault_drop(m->name);
    if (m->fresh || vault_has(m->name)) return 1;
    if (!file_exists(arena_printf(a, "%s/model.mil", dir)))
        return refuse(error, NEURAL_NOT_FOUND, "Program load failure: it is not there");
    if (!may_compile())
        return refuse(error, NEURAL_LOAD,
                      "Program load failure: must re-compile (0x20004)");
    usleep((useconds_t)fault("slow") * 1000);
    if (!fault("uncompiled")) vault_put(m->name);
    return 1;
}

static Flag neural_load(NeuralModel *m, Id *error)
{
    Arena a = { 0 };
    Buf why = { 0 };
    const char *dir = neural_folder(m, &a);
    bool first = !m->tried;
    m->tried = true;
    Flag ok = !m->loaded ? 1 : refuse(error, NEURAL_BAD_ARGUMENT, "the model is loaded");
    if (ok && m->purged) ok = refuse(error, NEURAL_NOT_FOUND, "Program load failure");
    if (ok && first && fault("load-once"))
        ok = refuse(error, NEURAL_LOAD, "Program load failure");
    if (ok && fault("load-error"))
        ok = refuse(error, fault("load-error"), "Program load failure");
    if (ok && !m->compiled && fault("load-never"))
        ok = refuse(error, NEURAL_LOAD,
                    "Program load failure: must re-compile (0x20004)");
    if (ok) ok = find_compiled(m, &a, dir, error);
    if (ok) ok = take_slot(error);
    m->fresh &= !ok;
    if (ok)
        m->loaded = file_exists(arena_printf(&a, "%s/model.mil", dir))
                      ? compiled_new(dir, &why)
                      : m->kept;
    if (m->loaded && m->loaded == m->kept) m->kept = NULL;
    if (ok && !m->loaded) {
        pthread_mutex_lock(&counts);
        slots_taken--;
        pthread_mutex_unlock(&counts);
        ok = refuse(error, NEURAL_LOAD, "Program load failure: %s", why.s ? why.s : "");
    }
    if (ok && !m->inner) {
        m->inner = object_new(&inner_class);
        m->inner->attributes = fault("no-attributes") ? standin_dict(0, NULL, NULL)
                                                      : neural_describe(m->loaded);
    }
    buf_free(&why);
    arena_free(&a);
    return ok;
}

static Flag model_load(Id self, Sel sel, unsigned qos, Id options, Id *error)
{
    NeuralModel *m = (NeuralModel *)self;
    expect_quality(qos, sel);
    expect(options, &dict_class, sel);
    pthread_mutex_lock(&m->lock);
    Flag ok = neural_load(m, error);
    pthread_mutex_unlock(&m->lock);
    return ok;
}

static Flag model_unload(Id self, Sel sel, unsigned qos, Id *error)
{
    NeuralModel *m = (NeuralModel *)self;
    expect_quality(qos, sel);
    pthread_mutex_lock(&m->lock);
    bool was = m->loaded != NULL;
    leave_slot(m);
    m->purged = was && fault("purged");
    Arena a = { 0 };
    if (was) file_remove_tree(neural_folder(m, &a)); /* as Apple's does (facts 10.3) */
    arena_free(&a);
    pthread_mutex_unlock(&m->lock);
    return was ? 1 : refuse(error, NEURAL_BAD_ARGUMENT, "the model is not loaded");
}

static Id model_inner(Id self, Sel sel)
{
    Inner *inner = ((NeuralModel *)self)->inner;
    (void)sel;
    return inner ? &inner->object : NULL;
}

/* ---- the class --------------------------------------------------------------------------- */

static Flag model_evaluate(Id self, Sel sel, unsigned qos, Id options, Id request,
                           Id *error)
{
    NeuralModel *m = (NeuralModel *)self;
    expect_quality(qos, sel);
    expect(options, &dict_class, sel);
    expect(request, &request_class, sel);
    pthread_mutex_lock(&m->lock);
    Flag ok = request_run(request, m->loaded, error);
    pthread_mutex_unlock(&m->lock);
    return ok;
}

static const Method model_methods[] = {
    METHOD("hexStringIdentifier", model_name),
    METHOD("localModelPath", model_path),
    METHOD("compiledModelExists", model_exists),
    METHOD("compileWithQoS:options:error:", model_compile),
    METHOD("loadWithQoS:options:error:", model_load),
    METHOD("unloadWithQoS:error:", model_unload),
    METHOD("model", model_inner),
    METHOD("evaluateWithQoS:options:request:error:", model_evaluate),
    { NULL, NULL },
};
static const Method model_makers[] = { METHOD("inMemoryModelWithDescriptor:", model_make),
                                       { NULL, NULL } };
CLASS(model_class, "_ANEInMemoryModel", NeuralModel, destroy_model, model_methods,
      model_makers);

/* ---- the device -------------------------------------------------------------------------- */

static Flag device_has(Id class, Sel sel)
{
    (void)class, (void)sel;
    return !fault("no-engine");
}

static Id device_type(Id class, Sel sel)
{
    (void)class, (void)sel;
    return object_autorelease(
        standin_string(fault("unknown-arch") ? "h99x" : machine().arch));
}

static Id device_build(Id class, Sel sel)
{
    (void)class, (void)sel;
    return object_autorelease(standin_string(machine().build));
}

static const Method device_methods[] = {
    METHOD("hasANE", device_has),
    METHOD("aneSubType", device_type),
    METHOD("buildVersion", device_build),
    { NULL, NULL },
};
CLASS(device_class, "_ANEDeviceInfo", Object, NULL, NULL, device_methods);
