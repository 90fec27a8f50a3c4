/* ml.c -- all calls of Core ML's classes but those for compute plans (ml_plan.c). */
#include "ml.h"

#include <string.h>

#define FRAMEWORK "/System/Library/Frameworks/CoreML.framework/CoreML"

enum { CPU_AND_ENGINE = 3 }; /* MLComputeUnitsCPUAndNeuralEngine */

/* ---- opening ----------------------------------------------------------------------------- */

static const char *look_up_classes(Ml *ml)
{
#define CLASS(id, name) \
    if (!(ml->id = ml->objc->objc_getClass(name))) return name;
#include "ml.def"
    return NULL;
}

Ml *ml_open(Arena *a, const char **why)
{
    Ml *ml = NEW(a, Ml);
    ml->objc = objc_open(a, why);
    if (!ml->objc) return NULL;
    const bool here = objc_library(ml->objc, a, FRAMEWORK, why);
    const char *missing = here ? look_up_classes(ml) : NULL;
    if (missing) *why = arena_printf(a, "this system has no class %s", missing);
    ObjcBlock block;
    const bool blocks = here && !missing && closure_make(ml->objc, &block, NULL, NULL);
    if (here && !missing && !blocks)
        *why = "this system's libraries have no _NSConcreteStackBlock";
    if (blocks && objc_check(ml->objc, a, PART_ML, why)) return ml;
    objc_close(ml->objc);
    return NULL;
}

void ml_close(Ml *ml) { objc_close(ml->objc); }

bool ml_system(Ml *ml, int major) { return objc_system(ml->objc, major); }

/* ---- models ------------------------------------------------------------------------------ */

Id ml_url(Ml *ml, const char *path)
{
    Objc *o = ml->objc;
    Id text = string_new(o, path);
    Id url = SEND(o, Id, (Id, Flag), ml->url, SEL_url, text, 1);
    objc_drop(o, &text);
    return url;
}

static Id ml_make(Ml *ml, Id class)
{
    Id o = SEND0(ml->objc, Id, SEND0(ml->objc, Id, class, SEL_alloc), SEL_init);
    if (!o) mem_out(1); /* these have nothing else to refuse */
    return objc_own(ml->objc, o);
}

Id ml_configuration_new(Ml *ml, const char *function)
{
    Objc *o = ml->objc;
    Id c = ml_make(ml, ml->configuration),
       name = function ? string_new(o, function) : NULL;
    SEND(o, void, (long), c, SEL_setUnits, CPU_AND_ENGINE);
    if (name) SEND(o, void, (Id), c, SEL_setFunction, name);
    const bool set = !raise_any(); /* else it would be another function, or the GPU */
    objc_drop(o, &name);
    if (!set) objc_drop(o, &c);
    return c;
}

Id ml_model_new(Ml *ml, Arena *a, const char *path, const char *function, Trouble *why)
{
    Objc *o = ml->objc;
    void *pool = objc_pool(o);
    Id url = ml_url(ml, path), configuration = ml_configuration_new(ml, function),
       error = NULL, model = NULL;
    if (url && configuration)
        model = SEND(o, Id, (Id, Id, Id *), ml->model, SEL_mlModel, url, configuration,
                     &error);
    if (model) objc_keep(o, model);
    else trouble_read(o, a, error, why);
    objc_drop(o, &configuration);
    objc_pool_end(o, pool);
    return model;
}

char *ml_compile(Ml *ml, Arena *a, const char *path, Trouble *why)
{
    Objc *o = ml->objc;
    void *pool = objc_pool(o);
    Id url = ml_url(ml, path), error = NULL;
    Id made = url ? SEND(o, Id, (Id, Id *), ml->model, SEL_compileModel, url, &error)
                  : NULL;
    char *to = made ? string_text(o, a, SEND0(o, Id, made, SEL_path)) : NULL;
    if (!to) trouble_read(o, a, error, why);
    objc_pool_end(o, pool);
    return to;
}

/* ---- arrays ------------------------------------------------------------------------------ */

static const struct {
    DType dtype;
    int since;
} types[] = {
#define TYPE(dtype, since) { dtype, since },
#include "ml.def"
};

int ml_type_since(DType t)
{
    for (size_t i = 0; i < COUNT(types); i++)
        if (types[i].dtype == t) return types[i].since;
    return 0;
}

static long number_of(DType t)
{
    if (dtypes[t].array) return dtypes[t].array;
    bug("an array of %s", dtypes[t].name);
}

static Id numbers_new(Objc *o, const int64_t *v, int n)
{
    Id item[MAX_RANK] = { NULL };
    for (int i = 0; i < n; i++) item[i] = number_new(o, v[i]);
    Id all = array_new(o, item, (size_t)n);
    for (int i = 0; i < n; i++) objc_drop(o, &item[i]);
    return all;
}

static bool numbers_read(Objc *o, Id list, int64_t *v, int n)
{
    if (array_count(o, list) != n) return false;
    for (int i = 0; i < n; i++) v[i] = number_value(o, array_at(o, list, i), -1);
    return true;
}

Id ml_array_new(Ml *ml, const Tensor *t, Arena *a, Trouble *why)
{
    Objc *o = ml->objc;
    int64_t stride[MAX_RANK + 1], step = 1;
    for (int i = t->shape.rank; i-- > 0; step *= t->shape.dim[i]) stride[i] = step;
    Id shape = numbers_new(o, t->shape.dim, t->shape.rank),
       strides = numbers_new(o, stride, t->shape.rank);
    Id error = NULL;
    void *pool = objc_pool(o);
    Id array = SEND0(o, Id, ml->array, SEL_alloc);
    array = SEND(o, Id, (void *, Id, long, Id, ObjcBlock *, Id *), array, SEL_initArray,
                 t->data, shape, number_of(t->dtype), strides, NULL, &error);
    if (objc_own(o, array) == NULL) trouble_read(o, a, error, why);
    objc_pool_end(o, pool);
    objc_drop(o, &shape);
    objc_drop(o, &strides);
    return array;
}

static bool read_layout(Objc *o, Id array, MlLayout *l)
{
    const long number = SEND0(o, long, array, SEL_dataType);
    Id shape = SEND0(o, Id, array, SEL_shape);
    const long rank = array_count(o, shape);
    *l = (MlLayout){ .dtype = number > 0 ? dtype_of_array((uint64_t)number) : DT_NONE };
    if (l->dtype == DT_NONE || rank > MAX_RANK) return false;
    l->shape.rank = (int)rank;
    if (!numbers_read(o, shape, l->shape.dim, l->shape.rank)
        || !numbers_read(o, SEND0(o, Id, array, SEL_strides), l->stride, l->shape.rank))
        return false;
    for (int i = 0; i < l->shape.rank; i++)
        if (l->shape.dim[i] < 0 || l->stride[i] < 0) return false;
    return true;
}

bool ml_array_layout(Ml *ml, Id array, MlLayout *out)
{
    void *pool = objc_pool(ml->objc);
    const bool ok = read_layout(ml->objc, array, out);
    objc_pool_end(ml->objc, pool);
    return ok;
}

/* ---- elements of arrays ------------------------------------------------------------------ */

typedef struct {
    Objc *objc;
    MlLayout layout;
    char *to; /* one of these is given */
    const char *from;
    bool ok;
} Copying;

/* The last element lies within n bytes. */
static bool ml_inside(const MlLayout *l, size_t size, long n)
{
    uint64_t last = 0;
    for (int i = 0; i < l->shape.rank; i++) {
        if (!l->shape.dim[i]) return true;
        size_t step;
        if (!size_mul((size_t)l->shape.dim[i] - 1, (size_t)l->stride[i], &step)
            || step > UINT32_MAX * 256ull)
            return false;
        last += step;
    }
    return n >= 0 && (last + 1) * size <= (uint64_t)n;
}

/* Runs of the last dimension, in C order, where the strides say. */
static void copy_rows(Copying *c, char *array)
{
    const MlLayout *l = &c->layout;
    const size_t size = (size_t)dtypes[l->dtype].bits / 8;
    const int outer = l->shape.rank ? l->shape.rank - 1 : 0;
    const int64_t width = l->shape.rank ? l->shape.dim[outer] : 1,
                  step = l->shape.rank ? l->stride[outer] : 1;
    int64_t at[MAX_RANK] = { 0 };
    size_t count, done = 0;
    if (!shape_count(&l->shape, &count)) return;
    while (done < count) {
        size_t row = 0;
        for (int i = 0; i < outer; i++) row += (size_t)(at[i] * l->stride[i]);
        for (int64_t k = 0; k < width; k++, done++) {
            char *element = array + (row + (size_t)(k * step)) * size;
            if (c->to) memcpy(c->to + done * size, element, size);
            else memcpy(element, c->from + done * size, size);
        }
        for (int i = outer; i-- > 0 && ++at[i] == l->shape.dim[i];) at[i] = 0;
    }
}

static void copy_bytes(Copying *c, void *bytes, long n)
{
    c->ok = bytes && ml_inside(&c->layout, (size_t)dtypes[c->layout.dtype].bits / 8, n);
    if (c->ok) copy_rows(c, bytes);
}

/* void (^)(const void *bytes, NSInteger size) */
static void on_bytes(ObjcBlock *self, const void *bytes, long n)
{
    copy_bytes(self->ctx, (void *)(uintptr_t)bytes, n);
}

/* void (^)(void *bytes, NSInteger size, NSArray<NSNumber *> *strides): which may be others than
 * before */
static void on_mutable_bytes(ObjcBlock *self, void *bytes, long n, Id strides)
{
    Copying *c = self->ctx;
    if (numbers_read(c->objc, strides, c->layout.stride, c->layout.shape.rank))
        copy_bytes(c, bytes, n);
}

static bool copy_array(Ml *ml, Id array, Copying *c)
{
    Objc *o = c->objc = ml->objc;
    ObjcBlock handler;
    void *pool = objc_pool(o);
    if (!closure_make(o, &handler,
                      c->to ? (void (*)(void))on_bytes : (void (*)(void))on_mutable_bytes,
                      c))
        bug("a system with Core ML and without blocks");
    if (read_layout(o, array, &c->layout))
        SEND(o, void, (ObjcBlock *), array, c->to ? SEL_getBytes : SEL_getMutableBytes,
             &handler);
    objc_pool_end(o, pool);
    return c->ok;
}

bool ml_array_read(Ml *ml, Id array, void *to)
{
    return copy_array(ml, array, &(Copying){ .to = to });
}

bool ml_array_write(Ml *ml, Id array, const void *from)
{
    return copy_array(ml, array, &(Copying){ .from = from });
}

/* ---- predictions ------------------------------------------------------------------------- */

/* A dictionary of the arrays, or of feature values that hold them; NULL: one of these is not
 * made. */
static Id named_new(Ml *ml, Arena *a, const MlFeature *f, int n, bool as_values)
{
    Objc *o = ml->objc;
    Id *name = NEW_ARRAY(a, n + 1, Id), *value = NEW_ARRAY(a, n + 1, Id);
    for (int i = 0; i < n; i++) {
        name[i] = string_new(o, f[i].name);
        value[i] = as_values ? SEND(o, Id, (Id), ml->value, SEL_valueOfArray, f[i].array)
                             : f[i].array;
    }
    bool whole = true;
    for (int i = 0; i < n; i++) whole = whole && value[i];
    Id all = whole ? dict_new(o, name, value, (size_t)n) : NULL;
    for (int i = 0; i < n; i++) objc_drop(o, &name[i]);
    return all;
}

Id ml_features_new(Ml *ml, Arena *a, const MlFeature *f, int n, Trouble *why)
{
    Objc *o = ml->objc;
    void *pool = objc_pool(o);
    Id all = named_new(ml, a, f, n, true), error = NULL;
    Id features = !all ? NULL
                       : SEND(o, Id, (Id, Id *), SEND0(o, Id, ml->provider, SEL_alloc),
                              SEL_initFeatures, all, &error);
    if (objc_own(o, features) == NULL) trouble_read(o, a, error, why);
    objc_drop(o, &all);
    objc_pool_end(o, pool);
    return features;
}

Id ml_options_new(Ml *ml, Arena *a, const MlFeature *backing, int n)
{
    Objc *o = ml->objc;
    Id options = ml_make(ml, ml->options), all = named_new(ml, a, backing, n, false);
    SEND(o, void, (Id), options, SEL_setBackings, all);
    objc_drop(o, &all);
    return options;
}

Id ml_predict(Ml *ml, Arena *a, Id model, Id features, Id state, Id options, Trouble *why)
{
    Objc *o = ml->objc;
    void *pool = objc_pool(o);
    Id error = NULL, results;
    if (state)
        results = SEND(o, Id, (Id, Id, Id, Id *), model, SEL_predictState, features,
                       state, options, &error);
    else
        results = SEND(o, Id, (Id, Id, Id *), model, SEL_predict, features, options,
                       &error);
    if (results) objc_keep(o, results);
    else trouble_read(o, a, error, why);
    objc_pool_end(o, pool);
    return results;
}

Id ml_feature_new(Ml *ml, Id features, const char *name)
{
    Objc *o = ml->objc;
    Id key = string_new(o, name);
    void *pool = objc_pool(o);
    Id value = SEND(o, Id, (Id), features, SEL_feature, key);
    Id array = value ? SEND0(o, Id, value, SEL_arrayOfValue) : NULL;
    objc_keep(o, array);
    objc_pool_end(o, pool);
    objc_drop(o, &key);
    return array;
}

/* ---- states ------------------------------------------------------------------------------ */

Id ml_state_new(Ml *ml, Id model)
{
    void *pool = objc_pool(ml->objc);
    Id state = objc_own(ml->objc, SEND0(ml->objc, Id, model, SEL_newState));
    objc_pool_end(ml->objc, pool);
    return state;
}

typedef struct {
    Ml *ml;
    Tensor *to;
    const Tensor *from;
    bool ok, lost; /* lost: memory has run out */
} StateCopy;

/* void (^)(MLMultiArray *buffer). The system's frames lie between, which nothing may leave but
 * by returning: also where memory runs out. */
static void on_state(ObjcBlock *self, Id array)
{
    StateCopy *c = self->ctx;
    const Tensor *t = c->to ? c->to : c->from;
    MlLayout l;
    Guard here;
    c->lost = guard_begin(&here);
    if (c->lost) return;
    c->ok = ml_array_layout(c->ml, array, &l) && l.dtype == t->dtype
         && shape_equal(&l.shape, &t->shape)
         && (c->to ? ml_array_read(c->ml, array, t->data)
                   : ml_array_write(c->ml, array, t->data));
    guard_end(&here);
}

static bool copy_state(StateCopy c, Id state, const char *name)
{
    Objc *o = c.ml->objc;
    ObjcBlock handler;
    Id key = string_new(o, name);
    void *pool = objc_pool(o);
    if (!closure_make(o, &handler, (void (*)(void))on_state, &c))
        bug("a system with Core ML and without blocks");
    SEND(o, void, (Id, ObjcBlock *), state, SEL_stateArray, key, &handler);
    objc_pool_end(o, pool);
    objc_drop(o, &key);
    if (c.lost) mem_out(1);
    return c.ok;
}

bool ml_state_read(Ml *ml, Id state, const char *name, Tensor *to)
{
    return copy_state((StateCopy){ .ml = ml, .to = to }, state, name);
}

bool ml_state_write(Ml *ml, Id state, const char *name, const Tensor *from)
{
    return copy_state((StateCopy){ .ml = ml, .from = from }, state, name);
}
