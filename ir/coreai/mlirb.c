/* mlirb.c -- MLIR bytecode without its dialects: header, sections, strings, names of dialects
 * and operations, keys and sizes of resources. The layout is that of LLVM's page
 * "MLIR Bytecode Format", versions 0 to 6. */
#include "coreai.h"

static const unsigned char magic[] = { 'M', 'L', 0xEF, 'R' };

/* From which version on a detail holds. */
enum { DIALECTS_VERSIONED = 1, OPS_COUNTED = 4, OPS_FLAGGED = 5 };

typedef struct {
    Mlirb *file;
    Arena *arena;
    const unsigned char *data, *at, *end;
} MlirbIn;

const char *mlirb_section(int id)
{
    static const char *const names[MLIRB_SECTIONS] = {
        "strings",    "dialects",  "attributes and types", "sizes of attributes",
        "operations", "resources", "sizes of resources",   "dialect versions",
        "properties",
    };
    return id >= 0 && id < MLIRB_SECTIONS ? names[id] : NULL;
}

/* Notes the first fault; everything ends then. */
static bool mlirb_wrong(MlirbIn *in, const unsigned char *at, const char *what)
{
    if (!in->file->wrong) {
        in->file->wrong = what;
        in->file->at = (size_t)(at - in->data);
    }
    in->at = in->end;
    return false;
}

static size_t mlirb_left(const MlirbIn *in) { return (size_t)(in->end - in->at); }

/* A number whose first byte says, by the zeros at its low end, how many more there are. */
static bool get_number(MlirbIn *in, uint64_t *out)
{
    const unsigned char *start = in->at;
    if (in->at == in->end) return mlirb_wrong(in, start, "a number is cut off");
    const unsigned first = *in->at++;
    int more = 0;
    while (more < 8 && !(first >> more & 1)) more++;
    if (mlirb_left(in) < (size_t)more)
        return mlirb_wrong(in, start, "a number is cut off");
    uint64_t high = 0;
    for (int i = more; i-- > 0;) high = high << 8 | in->at[i];
    in->at += more;
    *out = more < 8 ? high << (7 - more) | first >> (more + 1) : high;
    return true;
}

/* A number of things that take a byte each at least. */
static bool get_count(MlirbIn *in, const char *what, int *out)
{
    const unsigned char *start = in->at;
    uint64_t n;
    if (!get_number(in, &n)) return false;
    if (n > mlirb_left(in) || n > INT32_MAX) return mlirb_wrong(in, start, what);
    *out = (int)n;
    return true;
}

/* The text with a number; with a flag, its lowest bit is one. */
static bool get_name(MlirbIn *in, bool flagged, const char **out, bool *flag)
{
    const unsigned char *start = in->at;
    uint64_t n;
    if (!get_number(in, &n)) return false;
    if (flagged) {
        *flag = n & 1;
        n >>= 1;
    }
    if (n >= (uint64_t)in->file->nstring)
        return mlirb_wrong(in, start, "a name is none of the strings");
    *out = in->file->string[n];
    return true;
}

/* ---- header and sections ----------------------------------------------------------------- */

bool mlirb_is(const unsigned char *data, size_t size)
{
    return size >= sizeof magic && !memcmp(data, magic, sizeof magic);
}

static bool get_header(MlirbIn *in)
{
    Mlirb *f = in->file;
    if (!mlirb_is(in->at, mlirb_left(in)))
        return mlirb_wrong(in, in->at, "it does not begin as MLIR bytecode does");
    in->at += sizeof magic;
    if (!get_number(in, &f->version)) return false;
    const unsigned char *end = mlirb_left(in) ? memchr(in->at, 0, mlirb_left(in)) : NULL;
    if (!end) return mlirb_wrong(in, in->at, "the name of its producer does not end");
    f->producer = arena_strndup(in->arena, (const char *)in->at, (size_t)(end - in->at));
    f->newer = f->version > MLIRB_NEWEST;
    in->at = end + 1;
    return true;
}

/* Bytes that fill up to where aligned data begin. */
static bool skip_filling(MlirbIn *in, uint64_t align)
{
    const unsigned char *start = in->at;
    if (!align || align & (align - 1) || align > SIZE_MAX / 2)
        return mlirb_wrong(in, start, "an alignment is no power of two");
    while ((uint64_t)(in->at - in->data) & (align - 1)) {
        if (in->at == in->end) return mlirb_wrong(in, start, "what fills is cut off");
        if (*in->at++ != 0xCB)
            return mlirb_wrong(in, in->at - 1, "what fills is not the byte CB");
    }
    return true;
}

static bool get_section(MlirbIn *in, MlirbSection *s)
{
    const unsigned char *start = in->at;
    const unsigned head = *in->at++;
    *s = (MlirbSection){ .id = (int)(head & 127) };
    if (!get_number(in, &s->size)) return false;
    if (head >> 7 && (!get_number(in, &s->align) || !skip_filling(in, s->align)))
        return false;
    if (s->size > mlirb_left(in))
        return mlirb_wrong(in, start, "a section is longer than the file");
    s->at = (uint64_t)(in->at - in->data);
    in->at += s->size;
    return true;
}

static bool get_sections(MlirbIn *in)
{
    Mlirb *f = in->file;
    int room = 0;
    while (in->at < in->end) {
        const unsigned char *start = in->at;
        MlirbSection s;
        if (!get_section(in, &s)) return false;
        for (int i = 0; i < f->nsection; i++)
            if (f->section[i].id == s.id)
                return mlirb_wrong(in, start, "a section is there twice");
        if (!f->newer && !mlirb_section(s.id))
            return mlirb_wrong(in, start, "a section is of no known kind");
        ARENA_ROOM(in->arena, f->section, f->nsection, room);
        f->section[f->nsection++] = s;
    }
    return true;
}

/* A reader of a section; an empty one where it is not there. */
static MlirbIn section_of(const MlirbIn *all, int id)
{
    MlirbIn in = *all;
    in.at = in.end = all->data;
    for (int i = 0; i < all->file->nsection; i++) {
        const MlirbSection *s = &all->file->section[i];
        if (s->id != id) continue;
        in.at = all->data + s->at;
        in.end = in.at + s->size;
    }
    return in;
}

/* ---- strings, dialects, operations ------------------------------------------------------- */

/* Their lengths stand first, that of the last one before all others, each with its NUL. */
static bool get_strings(MlirbIn in)
{
    Mlirb *f = in.file;
    int n;
    if (in.at == in.end) return true;
    if (!get_count(&in, "there are more strings than bytes", &n)) return false;
    uint64_t *size = NEW_ARRAY(in.arena, n + 1, uint64_t), all = 0;
    for (int i = n; i-- > 0;) {
        const unsigned char *start = in.at;
        if (!get_number(&in, &size[i])) return false;
        if (!size[i] || size[i] > (uint64_t)(in.end - in.data) - all)
            return mlirb_wrong(&in, start, "a string is longer than all of them");
        all += size[i];
    }
    if (all != mlirb_left(&in))
        return mlirb_wrong(&in, in.at, "the strings are not as long as they say");
    f->string = NEW_ARRAY(in.arena, n + 1, const char *);
    for (int i = 0; i < n; i++) {
        if (in.at[size[i] - 1])
            return mlirb_wrong(&in, in.at, "a string has no end of its own");
        f->string[i] = arena_strndup(in.arena, (const char *)in.at, (size_t)size[i] - 1);
        in.at += size[i];
        f->nstring = i + 1;
    }
    return true;
}

/* What a dialect says of its version is a section inside of this one. */
static bool skip_version(MlirbIn *in)
{
    MlirbSection s;
    const unsigned char *start = in->at;
    if (in->at == in->end) return mlirb_wrong(in, start, "a version is cut off");
    return get_section(in, &s)
        && (s.id == MLIRB_DIALECT_VERSIONS
            || mlirb_wrong(in, start, "a dialect's version is another section"));
}

static bool get_dialect_names(MlirbIn *in)
{
    Mlirb *f = in->file;
    int n;
    if (!get_count(in, "there are more dialects than bytes", &n)) return false;
    f->dialect = NEW_ARRAY(in->arena, n + 1, MlirbDialect);
    for (; f->ndialect < n; f->ndialect++) {
        MlirbDialect *d = &f->dialect[f->ndialect];
        const bool flagged = f->version >= DIALECTS_VERSIONED;
        if (!get_name(in, flagged, &d->name, &d->versioned)) return false;
        if (d->versioned && !skip_version(in)) return false;
    }
    return true;
}

/* Operations come in groups, each of one dialect. */
static bool get_op_group(MlirbIn *in, int *room)
{
    Mlirb *f = in->file;
    const unsigned char *start = in->at;
    uint64_t dialect;
    int n;
    bool registered;
    if (!get_number(in, &dialect)) return false;
    if (dialect >= (uint64_t)f->ndialect)
        return mlirb_wrong(in, start, "an operation is of no dialect that is listed");
    if (!get_count(in, "there are more operations than bytes", &n)) return false;
    for (int i = 0; i < n; i++) {
        MlirbOp op = { .dialect = (int)dialect };
        if (!get_name(in, f->version >= OPS_FLAGGED, &op.name, &registered)) return false;
        ARENA_ROOM(in->arena, f->op, f->nop, *room);
        f->op[f->nop++] = op;
    }
    return true;
}

static bool get_dialects(MlirbIn in)
{
    Mlirb *f = in.file;
    const unsigned char *start = in.at;
    uint64_t count = 0;
    int room = 0;
    if (in.at == in.end) return true;
    if (!get_dialect_names(&in)) return false;
    if (f->version >= OPS_COUNTED && !get_number(&in, &count)) return false;
    while (in.at < in.end)
        if (!get_op_group(&in, &room)) return false;
    return f->wrong == NULL
        && (f->version < OPS_COUNTED || count == (uint64_t)f->nop
            || mlirb_wrong(&in, start, "there are not as many operations as it says"));
}

/* ---- how many attributes, which resources ------------------------------------------------ */

static bool get_attrs(MlirbIn in)
{
    if (in.at == in.end) return true;
    return get_number(&in, &in.file->nattr) && get_number(&in, &in.file->ntype);
}

static bool get_resource(MlirbIn *in, int *room)
{
    Mlirb *f = in->file;
    const unsigned char *start = in->at;
    uint64_t key;
    MlirbResource r = { .key = NULL };
    if (!get_number(in, &key) || !get_number(in, &r.size)) return false;
    if (in->at == in->end) return mlirb_wrong(in, start, "a resource is cut off");
    in->at++; /* what kind it is */
    if (key < (uint64_t)f->nstring) r.key = f->string[key];
    ARENA_ROOM(in->arena, f->resource, f->nresource, *room);
    f->resource[f->nresource++] = r;
    return true;
}

/* Groups of a provider each, those from outside first; both are laid out alike. */
static bool get_resources(MlirbIn in)
{
    uint64_t outside, provider;
    int n, room = 0;
    if (in.at == in.end) return true;
    if (!get_number(&in, &outside)) return false;
    while (in.at < in.end) {
        if (!get_number(&in, &provider)) return false;
        if (!get_count(&in, "there are more resources than bytes", &n)) return false;
        for (int i = 0; i < n; i++)
            if (!get_resource(&in, &room)) return false;
    }
    return in.file->wrong == NULL;
}

/* Without these there is no program. */
static bool get_needed(MlirbIn *in)
{
    static const int needed[] = { MLIRB_STRINGS, MLIRB_DIALECTS, MLIRB_ATTRS,
                                  MLIRB_ATTR_SIZES, MLIRB_IR };
    for (size_t i = 0; i < COUNT(needed); i++) {
        int k = 0;
        while (k < in->file->nsection && in->file->section[k].id != needed[i]) k++;
        if (k < in->file->nsection) continue;
        const char *what = arena_printf(in->arena, "it has no section of %s",
                                        mlirb_section(needed[i]));
        return mlirb_wrong(in, in->end, what);
    }
    return true;
}

bool mlirb_read(Mlirb *f, Arena *a, const unsigned char *data, size_t size)
{
    *f = (Mlirb){ .producer = "" };
    MlirbIn in = { .file = f, .arena = a, .data = data, .at = data, .end = data };
    if (data) in.end += size;
    if (!get_header(&in) || !get_sections(&in)) return false;
    if (f->newer) return true;
    return get_needed(&in) && get_strings(section_of(&in, MLIRB_STRINGS))
        && get_dialects(section_of(&in, MLIRB_DIALECTS))
        && get_attrs(section_of(&in, MLIRB_ATTR_SIZES))
        && get_resources(section_of(&in, MLIRB_RESOURCE_SIZES));
}
