/* attributes.c -- the attributes of a compiled model: its procedures, the symbols of their
 * ports, and the layout of each port. The keys are rows of attributes.def.
 *
 * The dictionary comes from another process, so nothing in it is trusted: a size that does
 * not fit its own surface, or an index out of range, counts as missing. */
#include "engine.h"

#include <string.h>

static const struct {
    const char *constant, *text;
} keys[] = {
#define KEY(id, constant, text) { constant, text },
#include "attributes.def"
};

static const struct {
    const char *name;
    int bytes;
} types[] = {
#define TYPE(name, bytes) { name, bytes },
#include "attributes.def"
};

void attributes_open(Engine *e)
{
    for (int i = 0; i < ATTRIBUTE_COUNT; i++)
        e->attribute[i] = keys[i].constant
                            ? objc_key_new(e->objc, keys[i].constant, keys[i].text)
                            : string_new(e->objc, keys[i].text);
}

void attributes_close(Engine *e)
{
    for (int i = 0; i < ATTRIBUTE_COUNT; i++) objc_drop(e->objc, &e->attribute[i]);
}

static Id attributes_get(Engine *e, Id dict, int key)
{
    return dict_get(e->objc, dict, e->attribute[key]);
}

static int64_t attributes_number(Engine *e, Id dict, int key, int64_t other)
{
    return number_value(e->objc, attributes_get(e, dict, key), other);
}

static const char *attributes_text(Engine *e, Arena *a, Id dict, int key)
{
    return string_text(e->objc, a, attributes_get(e, dict, key));
}

/* ---- ports ------------------------------------------------------------------------------- */

/* What is known of one port while its list is read. */
typedef struct {
    Engine *engine;
    Arena *arena;
    const char *why; /* why the layout is refused; NULL: it is not */
} AttributesReading;

/* Results are called NAME@output, in Symbol and in Name; inputs as the program calls them. */
static const char *without_suffix(Arena *a, const char *name)
{
    static const char suffix[] = "@output";
    if (!name || !file_has_suffix(name, suffix)) return name;
    return arena_strndup(a, name, strlen(name) - strlen(suffix));
}

static bool attributes_refuse(AttributesReading *r, const Port *p, const char *what)
{
    r->why = arena_printf(r->arena, "its port %s %s", p->name, what);
    return false;
}

static bool read_element(AttributesReading *r, Id d, Port *p)
{
    const char *type = attributes_text(r->engine, r->arena, d, ATTRIBUTE_TYPE);
    p->element = 2; /* Float16, which all dumps that name no type have */
    if (!type) return true;
    for (size_t i = 0; i < COUNT(types); i++) {
        if (strcmp(types[i].name, type) != 0) continue;
        p->element = types[i].bytes;
        return true;
    }
    return attributes_refuse(r, p,
                             arena_printf(r->arena, "has elements of type %s", type));
}

/* Images, volumes and interleaved channels lie in another order than the tensors that go
 * through. */
static bool read_order(AttributesReading *r, Id d, Port *p)
{
    static const struct {
        int key;
        const char *what;
    } one[] = { { ATTRIBUTE_DEPTH, "has a depth of" },
                { ATTRIBUTE_INTERLEAVE, "has channels interleaved by" } };
    if (attributes_get(r->engine, d, ATTRIBUTE_PIXEL_FORMAT)
        || attributes_get(r->engine, d, ATTRIBUTE_PLANES))
        return attributes_refuse(r, p, "is an image");
    for (size_t i = 0; i < COUNT(one); i++) {
        const int64_t n = attributes_number(r->engine, d, one[i].key, 1);
        if (n != 1)
            return attributes_refuse(
                r, p, arena_printf(r->arena, "%s %lld", one[i].what, (long long)n));
    }
    return true;
}

static bool is_dim(int64_t n)
{
    enum { MOST = 1 << 24 };
    return n >= 1 && n <= MOST;
}

/* Strides are bytes. Nothing is taken whose rows or planes would overlap. */
static bool read_dims(AttributesReading *r, Id d, Port *p)
{
    Engine *e = r->engine;
    const int64_t row = attributes_number(e, d, ATTRIBUTE_ROW_STRIDE, 0);
    const int64_t plane = attributes_number(e, d, ATTRIBUTE_PLANE_STRIDE, 0);
    p->batch = attributes_number(e, d, ATTRIBUTE_BATCHES, 0);
    p->channels = attributes_number(e, d, ATTRIBUTE_CHANNELS, 0);
    p->height = attributes_number(e, d, ATTRIBUTE_HEIGHT, 1);
    p->width = attributes_number(e, d, ATTRIBUTE_WIDTH, 0);
    if (!is_dim(p->channels) || !is_dim(p->height) || !is_dim(p->width)) return false;
    if (p->batch && !is_dim(p->batch)) return false;
    if (row < p->width * p->element || row > INT64_MAX / p->height || row % p->element)
        return false;
    if (plane < row * p->height || plane % row) return false;
    p->row = (size_t)row;
    p->plane = (size_t)plane;
    size_t least;
    if (!size_mul(p->plane, (size_t)p->channels, &least)) return false;
    const int64_t told = p->batch > 1 ? attributes_number(e, d, ATTRIBUTE_BATCH_STRIDE, 0)
                                      : 0;
    if ((told && (size_t)told < least) || told % row) return false;
    p->batch_stride = told ? (size_t)told : least;
    /* one below 0 is too large here, since there are two batches */
    return size_mul(p->batch_stride, (size_t)(p->batch ? p->batch : 1), &p->bytes);
}

static bool read_port(AttributesReading *r, Id d, Port *p)
{
    const char *symbol = attributes_text(r->engine, r->arena, d, ATTRIBUTE_SYMBOL);
    const char *name = attributes_text(r->engine, r->arena, d, ATTRIBUTE_NAME);
    *p = (Port){ .name = symbol ? symbol : name, .other = symbol ? name : NULL };
    return p->name && read_order(r, d, p) && read_element(r, d, p) && read_dims(r, d, p);
}

/* Appends the ports of a list. */
static bool read_ports(AttributesReading *r, Id list, Port *port, int *n)
{
    const long count = array_count(r->engine->objc, list);
    for (long i = 0; i < count; i++)
        if (!read_port(r, array_at(r->engine->objc, list, i), &port[(*n)++]))
            return false;
    return true;
}

/* symbols: what the ports of all procedures are called; indices: which of them are this
 * procedure's. */
static bool read_symbols(AttributesReading *r, Id symbols, Id indices, Port *port, int n)
{
    Objc *o = r->engine->objc;
    if (array_count(o, indices) != n) return false;
    for (int i = 0; i < n; i++) {
        Port *p = &port[i];
        p->symbol = -1;
        for (int k = 0; k < n; k++) {
            const int64_t at = number_value(o, array_at(o, indices, k), -1);
            const char *called = string_text(o, r->arena, array_at(o, symbols, (long)at));
            if (!called) continue;
            if (!strcmp(called, p->name)
                || (p->other && !strcmp(called, p->other) && p->symbol < 0))
                p->symbol = (int)at;
        }
        if (p->symbol < 0) return false;
        p->name = without_suffix(r->arena, p->name);
        p->other = without_suffix(r->arena, p->other);
    }
    return true;
}

const Port *port_find(const Port *port, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(port[i].name, name)) return &port[i];
    for (int i = 0; i < n; i++)
        if (port[i].other && !strcmp(port[i].other, name)) return &port[i];
    return NULL;
}

/* ---- procedures -------------------------------------------------------------------------- */

/* The position in ANEFModelProcedures of the procedure with this number; -1: there is none. */
static long find_procedure(Engine *e, Id procedures, int64_t id)
{
    const long n = array_count(e->objc, procedures);
    for (long i = 0; i < n; i++)
        if (attributes_number(e, array_at(e->objc, procedures, i), ATTRIBUTE_PROCEDURE_ID,
                              -1)
            == id)
            return i;
    return -1;
}

/* The status of a procedure's network: the one of its name, else the one at its position. */
static Id find_network(Engine *e, Arena *a, Id networks, const char *function,
                       long position)
{
    const long n = array_count(e->objc, networks);
    for (long i = 0; i < n; i++) {
        Id network = array_at(e->objc, networks, i);
        const char *name = attributes_text(e, a, network, ATTRIBUTE_NAME);
        if (name && !strcmp(name, function)) return network;
    }
    return array_at(e->objc, networks, position);
}

/* A function that the map of names lacks is a procedure only where there is no other. */
static int64_t procedure_of(Engine *e, Id about, const char *function)
{
    Id name = string_new(e->objc, function);
    Id id = dict_get(e->objc, attributes_get(e, about, ATTRIBUTE_PROCEDURE_IDS), name);
    objc_drop(e->objc, &name);
    Id procedures = attributes_get(e, about, ATTRIBUTE_PROCEDURES);
    if (id || array_count(e->objc, procedures) != 1) return number_value(e->objc, id, -1);
    return attributes_number(e, array_at(e->objc, procedures, 0), ATTRIBUTE_PROCEDURE_ID,
                             -1);
}

static Port *ports_for(Engine *e, Arena *a, Id first, Id second)
{
    return NEW_ARRAY(a, array_count(e->objc, first) + array_count(e->objc, second) + 1,
                     Port);
}

static bool read_network(AttributesReading *r, Id network, Layout *out)
{
    Engine *e = r->engine;
    Id inputs = attributes_get(e, network, ATTRIBUTE_LIVE_INPUTS),
       outputs = attributes_get(e, network, ATTRIBUTE_LIVE_OUTPUTS);
    Id parameters = attributes_get(e, network, ATTRIBUTE_LIVE_PARAMETERS);
    if (array_count(e->objc, attributes_get(e, network, ATTRIBUTE_LIVE_STATES))) {
        r->why = "it keeps states, which requests of ours do not bind";
        return false;
    }
    out->in = ports_for(e, r->arena, inputs, parameters);
    out->out = ports_for(e, r->arena, outputs, NULL);
    return read_ports(r, inputs, out->in, &out->nin)
        && read_ports(r, parameters, out->in, &out->nin)
        && read_ports(r, outputs, out->out, &out->nout);
}

static LayoutFound attributes_untold(const char **why, const char *what)
{
    *why = what;
    return LAYOUT_UNTOLD;
}

static LayoutFound read_layout(Engine *e, Arena *a, Id attributes, const char *function,
                               Layout *out, const char **why)
{
    AttributesReading r = { .engine = e, .arena = a };
    Id about = attributes_get(e, attributes, ATTRIBUTE_DESCRIPTION);
    *out = (Layout){ .procedure = -1 };
    if (!about)
        return attributes_untold(why, "the compiled model does not describe itself");
    const int64_t id = procedure_of(e, about, function);
    Id procedures = attributes_get(e, about, ATTRIBUTE_PROCEDURES);
    const long position = find_procedure(e, procedures, id);
    if (position < 0)
        return attributes_untold(
            why, arena_printf(a, "the compiled model names no procedure %s", function));
    out->procedure = (int)id;
    Id procedure = array_at(e->objc, procedures, position);
    Id network = find_network(e, a, attributes_get(e, attributes, ATTRIBUTE_NETWORKS),
                              function, position);
    if (!read_network(&r, network, out)) {
        *why = r.why;
        return r.why ? LAYOUT_REFUSED
                     : attributes_untold(
                         why, "the compiled model does not say where its tensors lie");
    }
    if (!out->nout
        || !read_symbols(&r, attributes_get(e, about, ATTRIBUTE_INPUT_SYMBOLS),
                         attributes_get(e, procedure, ATTRIBUTE_INPUT_INDICES), out->in,
                         out->nin)
        || !read_symbols(&r, attributes_get(e, about, ATTRIBUTE_OUTPUT_SYMBOLS),
                         attributes_get(e, procedure, ATTRIBUTE_OUTPUT_INDICES), out->out,
                         out->nout))
        return attributes_untold(
            why, "the compiled model's symbols are not those of its ports");
    return LAYOUT_READ;
}

LayoutFound engine_layout(Engine *e, Arena *a, Id model, const char *function,
                          Layout *out, const char **why)
{
    void *pool = objc_pool(e->objc);
    const bool asked = e->objc->may[SEL_innerModel] && e->objc->may[SEL_attributes];
    Id inner = !asked ? NULL : SEND0(e->objc, Id, model, SEL_innerModel);
    Id attributes = inner ? SEND0(e->objc, Id, inner, SEL_attributes) : NULL;
    const LayoutFound found = read_layout(e, a, attributes, function, out, why);
    objc_pool_end(e->objc, pool);
    return found;
}
