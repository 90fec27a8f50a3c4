/* coreml_features.c -- Core ML's classes for inputs and results of a prediction (arrays,
 * values, providers), and the classes of Foundation that they need. */
#include "standin.h"
#include "../backends/forms.h"

#include <stdlib.h>
#include <string.h>

enum { FLOAT_KIND = 0x10000, INT_KIND = 0x20000 };

long system_major(void) { return fault("macos") ? fault("macos") : 26; }

/* ---- arrays ------------------------------------------------------------------------------ */

static size_t element_size(const MultiArray *m) { return (size_t)(m->type & 0xffff) / 8; }

/* Those that MLMultiArrayDataType lists, int8 from macOS 26 on. */
static bool known_type(long type)
{
    return type == (FLOAT_KIND | 16) || type == (FLOAT_KIND | 32)
        || type == (FLOAT_KIND | 64) || type == (INT_KIND | 32)
        || (type == (INT_KIND | 8) && system_major() >= 26);
}

static void feature_measure(MultiArray *m)
{
    int64_t last = 0;
    for (int i = 0; i < m->rank; i++) last += (m->dim[i] - 1) * m->stride[i];
    m->bytes = (size_t)(last + 1) * element_size(m);
}

static void destroy_multi(Id o)
{
    MultiArray *m = (MultiArray *)o;
    if (m->owned) free(m->base);
}

MultiArray *multi_new(long type, int rank, const int64_t *dim)
{
    MultiArray *m = object_new(&ml_array_class);
    m->type = type;
    m->rank = rank;
    int64_t step = 1;
    for (int i = rank; i-- > 0;) {
        m->dim[i] = dim[i];
        m->stride[i] = step;
        step *= dim[i];
        const int64_t row = ENGINE_ROW / (int64_t)element_size(m);
        if (i == rank - 1 && rank > 1) step = (step + row - 1) / row * row;
    }
    feature_measure(m);
    m->owned = true;
    m->base = calloc(m->bytes, 1);
    if (!m->base) standin_abort("no memory for an array");
    return m;
}

void multi_copy(MultiArray *m, void *packed, bool to_array)
{
    const size_t size = element_size(m);
    int64_t at[ARRAY_RANK] = { 0 };
    char *p = packed;
    for (bool more = true; more; p += size) {
        int64_t offset = 0;
        for (int i = 0; i < m->rank; i++) offset += at[i] * m->stride[i];
        unsigned char *element = m->base + (size_t)offset * size;
        if (to_array) memcpy(element, p, size);
        else memcpy(p, element, size);
        more = false;
        for (int i = m->rank; i-- > 0 && !more;) {
            more = ++at[i] < m->dim[i];
            if (!more) at[i] = 0;
        }
    }
}

static int take_numbers(Id list, int64_t *v, Sel sel)
{
    const Array *a = expect(list, &array_class, sel);
    if (!a->count || a->count > ARRAY_RANK)
        standin_abort("%s: %zu dimensions", sel, a->count);
    for (size_t i = 0; i < a->count; i++) {
        v[i] = ((StandinNumber *)expect(a->item[i], &number_class, sel))->value;
        if (v[i] < 1)
            standin_abort("%s: a dimension or stride of %lld", sel, (long long)v[i]);
    }
    return (int)a->count;
}

static Id array_init(Id self, Sel sel, void *data, Id shape, long type, Id strides,
                     void *deallocator, Id *error)
{
    MultiArray *m = expect(self, &ml_array_class, sel);
    if (m->base) standin_abort("%s: the array has its memory already", sel);
    if (!data || deallocator || !known_type(type))
        standin_abort("%s: memory, deallocator or type %lx", sel, type);
    m->type = type;
    m->rank = take_numbers(shape, m->dim, sel);
    if (take_numbers(strides, m->stride, sel) != m->rank)
        standin_abort("%s: shape and strides differ in rank", sel);
    for (int i = 0; i + 1 < m->rank; i++)
        if (m->stride[i] < m->stride[i + 1] * m->dim[i + 1])
            standin_abort("%s: rows that overlap", sel);
    feature_measure(m);
    m->base = data;
    /* Memory that is smaller than it is said to be is found here, by a sanitizer at least. */
    const volatile unsigned char *touch = data;
    (void)touch[0];
    (void)touch[m->bytes - 1];
    if (!fault("ml-array")) return self;
    ml_refuse(error, 0, "Failed to create the multi array");
    object_release(self);
    return NULL;
}

static Id array_numbers(const int64_t *v, int n)
{
    Id item[ARRAY_RANK];
    for (int i = 0; i < n; i++) item[i] = standin_number(v[i]);
    return object_autorelease(standin_array((size_t)n, item));
}

static MultiArray *feature_ready(Id self, Sel sel)
{
    MultiArray *m = (MultiArray *)self;
    if (!m->base) standin_abort("%s to an array without memory", sel);
    return m;
}

static long array_type(Id self, Sel sel)
{
    return fault("ml-kind") && feature_ready(self, sel)->owned
             ? FLOAT_KIND | 8
             : feature_ready(self, sel)->type;
}
static Id array_shape(Id self, Sel sel)
{
    return array_numbers(feature_ready(self, sel)->dim, feature_ready(self, sel)->rank);
}
static Id array_strides(Id self, Sel sel)
{
    return array_numbers(feature_ready(self, sel)->stride,
                         feature_ready(self, sel)->rank);
}

static long told_bytes(const MultiArray *m)
{
    return (long)(fault("ml-short") ? m->bytes / 2 : m->bytes);
}

static void *bytes_of(const MultiArray *m)
{
    return fault("ml-no-bytes") ? NULL : m->base;
}

static void array_bytes(Id self, Sel sel, BlockObject *handler)
{
    const MultiArray *m = feature_ready(self, sel);
    typedef void Handler(BlockObject *, const void *, long);
    ((Handler *)block_function(handler, sel))(handler, bytes_of(m), told_bytes(m));
}

static void array_mutable_bytes(Id self, Sel sel, BlockObject *handler)
{
    const MultiArray *m = feature_ready(self, sel);
    typedef void Handler(BlockObject *, void *, long, Id);
    ((Handler *)block_function(handler, sel))(handler, bytes_of(m), told_bytes(m),
                                              array_numbers(m->stride, m->rank));
}

static const Method array_methods[] = {
    METHOD("initWithDataPointer:shape:dataType:strides:deallocator:error:", array_init),
    METHOD("dataType", array_type),
    METHOD("shape", array_shape),
    METHOD("strides", array_strides),
    METHOD("getBytesWithHandler:", array_bytes),
    METHOD("getMutableBytesWithHandler:", array_mutable_bytes),
    { NULL, NULL },
};
static const Method array_makers[] = { METHOD("alloc", object_alloc), { NULL, NULL } };
CLASS(ml_array_class, "MLMultiArray", MultiArray, destroy_multi, array_methods,
      array_makers);

/* ---- values ------------------------------------------------------------------------------ */

static void destroy_value(Id o) { object_release(&((FeatureValue *)o)->array->object); }

Id value_made(MultiArray *m)
{
    FeatureValue *v = object_new(&ml_value_class);
    v->array = m;
    return &v->object;
}

static Id value_with(Id class, Sel sel, Id array)
{
    (void)class;
    feature_ready(expect(array, &ml_array_class, sel), sel);
    return object_autorelease(value_made((MultiArray *)object_retain(array)));
}

static Id value_array(Id self, Sel sel)
{
    (void)sel;
    return &((FeatureValue *)self)->array->object;
}

static const Method value_methods[] = { METHOD("multiArrayValue", value_array),
                                        { NULL, NULL } };
static const Method value_makers[] = { METHOD("featureValueWithMultiArray:", value_with),
                                       { NULL, NULL } };
CLASS(ml_value_class, "MLFeatureValue", FeatureValue, destroy_value, value_methods,
      value_makers);

/* ---- providers and options --------------------------------------------------------------- */

static Dict *take_dict(Id dict, const Class *of, Sel sel)
{
    const Dict *d = expect(dict, &dict_class, sel);
    for (size_t i = 0; i < d->count; i++) {
        expect(d->key[i], &string_class, sel);
        expect(d->value[i], of, sel);
    }
    return (Dict *)object_retain(dict);
}

static void destroy_provider(Id o)
{
    Provider *p = (Provider *)o;
    object_release(p->features ? &p->features->object : NULL);
}

static Id provider_init(Id self, Sel sel, Id dict, Id *error)
{
    Provider *p = (Provider *)self;
    if (p->features) standin_abort("%s, twice", sel);
    p->features = take_dict(dict, &ml_value_class, sel);
    if (!fault("ml-inputs")) return self;
    ml_refuse(error, 1, "Failed to create the features");
    object_release(self);
    return NULL;
}

static Id provider_value(Id self, Sel sel, Id name)
{
    const Provider *p = (Provider *)self;
    const String *key = expect(name, &string_class, sel);
    return p->features ? dict_find(p->features, key->text) : NULL;
}

static const Method provider_methods[] = {
    METHOD("initWithDictionary:error:", provider_init),
    METHOD("featureValueForName:", provider_value),
    { NULL, NULL },
};
CLASS(ml_provider_class, "MLDictionaryFeatureProvider", Provider, destroy_provider,
      provider_methods, array_makers);

static void destroy_options(Id o)
{
    PredictionOptions *p = (PredictionOptions *)o;
    object_release(p->backings ? &p->backings->object : NULL);
}

static void options_set(Id self, Sel sel, Id dict)
{
    PredictionOptions *p = (PredictionOptions *)self;
    if (p->backings) standin_abort("%s, twice", sel);
    p->backings = take_dict(dict, &ml_array_class, sel);
}

static const Method options_methods[] = {
    METHOD("init", object_init),
    METHOD("setOutputBackings:", options_set),
    { NULL, NULL },
};
CLASS(ml_options_class, "MLPredictionOptions", PredictionOptions, destroy_options,
      options_methods, array_makers);

/* ---- of Foundation ----------------------------------------------------------------------- */

static void destroy_url(Id o) { free(((Url *)o)->path); }

static Id url_with(Id class, Sel sel, Id path, Flag is_dir)
{
    if (!path) standin_raise_for(sel, "nil string parameter");
    const String *s = expect(path, &string_class, sel);
    (void)class;
    if (!is_dir || !*s->text) standin_abort("%s: every model here is a folder", sel);
    Url *u = object_new(&url_class);
    u->path = strdup(s->text);
    if (!u->path) standin_abort("no memory for a path");
    return object_autorelease(&u->object);
}

static Id url_path(Id self, Sel sel)
{
    (void)sel;
    return object_autorelease(standin_string(((Url *)self)->path));
}

static const Method url_methods[] = { METHOD("path", url_path), { NULL, NULL } };
static const Method url_makers[] = { METHOD("fileURLWithPath:isDirectory:", url_with),
                                     { NULL, NULL } };
CLASS(url_class, "NSURL", Url, destroy_url, url_methods, url_makers);

typedef struct {
    long major, minor, patch;
} StandinVersion;
extern Class process_class;

static Id process_info(Id class, Sel sel)
{
    (void)class, (void)sel;
    return object_autorelease(object_new(&process_class));
}

static Flag process_at_least(Id self, Sel sel, StandinVersion v)
{
    (void)self, (void)sel;
    return system_major() >= v.major;
}

static Id process_system(Id self, Sel sel)
{
    char text[80];
    (void)self, (void)sel;
    snprintf(text, sizeof text, "Version %ld.0 (Build %s)", system_major(),
             machine().build);
    return object_autorelease(standin_string(text));
}

static const Method process_methods[] = {
    METHOD("isOperatingSystemAtLeastVersion:", process_at_least),
    METHOD("operatingSystemVersionString", process_system),
    { NULL, NULL },
};
static const Method process_makers[] = { METHOD("processInfo", process_info),
                                         { NULL, NULL } };
CLASS(process_class, "NSProcessInfo", Object, NULL, process_methods, process_makers);
