/* mlmodelc.c -- .mlmodelc folders: model.mil, weights, coremldata.bin and metadata.json. */
#include "described.h"
#include "mil_read.h"
#include "spec.h"

#include <string.h>

#include <cjson/cJSON.h>

/* ---- coremldata.bin ----------------------------------------------------------------------
 *
 * As 20 files of Apple's compiler have it, all of one function and one opset below ios18: a
 * head of 83 bytes, the ModelDescription message, a tail of 16. All is little endian; what the
 * tables leave out is 0 in all files, and what the constants mean is not known. */

enum { HEAD = 83, TAIL = 16, AT_SPEC = 43, AT_LENGTH = 75 };
static const struct {
    size_t at, size;
    const char *bytes;
} fixed[] = {
    { 0, 4,
      "\xf6\x01\0" }, /* 502, the number of the ML program among the kinds of model */
    { 4, 4, "\5\0\0" },
    { 28, 8, "\7\0\0\0\0\0\0" }, /* the length of.. */
    { 36, 7, "generic" },
};
static const unsigned char tail[TAIL] = { 0xf6, 1 };

static uint64_t mlmodelc_little(const unsigned char *p)
{
    uint64_t v = 0;
    for (int i = 8; i-- > 0;) v = v << 8 | p[i];
    return v;
}

static void make_head(unsigned char head[HEAD], uint64_t spec, uint64_t length)
{
    memset(head, 0, HEAD);
    for (size_t i = 0; i < COUNT(fixed); i++)
        memcpy(head + fixed[i].at, fixed[i].bytes, fixed[i].size);
    for (int i = 0; i < 8; i++) {
        head[AT_SPEC + i] = (unsigned char)(spec >> 8 * i);
        head[AT_LENGTH + i] = (unsigned char)(length >> 8 * i);
    }
}

bool coremldata_read(Module *m, Diag *d, const char *path, const Mapped *file)
{
    const Loc none = { .src = NULL };
    unsigned char head[HEAD];
    if (file->size < HEAD + TAIL) return diag_error(d, none, "%s is too short", path);
    const uint64_t spec = mlmodelc_little(file->data + AT_SPEC),
                   length = mlmodelc_little(file->data + AT_LENGTH);
    make_head(head, spec, length);
    if (spec > 0xffff || length != file->size - HEAD - TAIL
        || memcmp(head, file->data, HEAD)
        || memcmp(tail, file->data + HEAD + length, TAIL))
        return diag_error(d, none, "%s has a layout that is not known", path);
    PbFile pb = { .data = file->data + HEAD, .size = (size_t)length };
    const Module bare = { .first = m->first };
    about_of(m)->spec = (int)spec;
    about_of(m)->read_spec = about_spec(&bare);
    if (about_read(m, d, pb_open(&pb))) {
        about_fix(m);
        return true;
    }
    if (pb.wrong)
        diag_error(d, none, "%s is damaged at byte %zu: %s", path, HEAD + pb.at,
                   pb.wrong);
    return false;
}

bool coremldata_write(const Module *m, Diag *d, Buf *out)
{
    unsigned char head[HEAD];
    Buf about = { 0 };
    const bool ok = about_write(m, d, &about);
    make_head(head, (uint64_t)about_spec(m), about.len);
    buf_add(out, head, HEAD);
    if (about.len) buf_add(out, about.s, about.len);
    buf_add(out, tail, TAIL);
    buf_free(&about);
    return ok;
}

/* ---- metadata.json ----------------------------------------------------------------------- */

static void add_text(cJSON *o, const char *name, const char *s)
{
    json_item(o, name, cJSON_CreateString(s));
}

static void shape_to(Buf *b, const FeatureInfo *o, const char *separator)
{
    for (int i = 0; i < o->rank; i++)
        buf_printf(b, "%s%lld", i ? separator : "", (long long)o->shape[i]);
}

static void add_array(cJSON *one, const FeatureInfo *o)
{
    const char *dtype = dtypes[dtype_of_array(o->dtype)].schema;
    Buf shape = { 0 }, formatted = { 0 };
    buf_putc(&shape, '[');
    shape_to(&shape, o, ", ");
    buf_putc(&shape, ']');
    buf_printf(&formatted, "%s (%s", o->state ? "State" : "MultiArray", dtype);
    if (o->rank) buf_putc(&formatted, ' ');
    shape_to(&formatted, o, " \xc3\x97 ");
    buf_putc(&formatted, ')');
    add_text(one, "dataType", dtype);
    add_text(one, "formattedType", formatted.s);
    add_text(one, "shape", shape.s);
    add_text(one, "type", o->state ? "State" : "MultiArray");
    buf_free(&shape);
    buf_free(&formatted);
}

/* Labels, dictionaries and images. */
static void add_other(cJSON *one, const FeatureInfo *o, const Func *f, const Value *v,
                      bool input)
{
    Arena a = { 0 };
    Described say;
    Buf formatted = { 0 };
    const Type *t = v->type, *key = t->kind == TY_DICT ? t->sub[0] : t;
    const char *name = key->dtype == DT_STRING ? "String" : "Int64";
    described(f, v, input, &a, &say);
    if (o->image) {
        const bool color = pixels_channels(say.pixels) == 3;
        buf_printf(&formatted, "Image (%s %lld \xc3\x97 %lld)",
                   color ? "Color" : "Grayscale", (long long)say.size[SIDE_WIDTH],
                   (long long)say.size[SIDE_HEIGHT]);
        add_text(one, "width", arena_printf(&a, "%lld", (long long)say.size[SIDE_WIDTH]));
        add_text(one, "height",
                 arena_printf(&a, "%lld", (long long)say.size[SIDE_HEIGHT]));
        add_text(one, "colorspace", say.pixels ? pixels_name(say.pixels) : "");
        add_text(one, "isColor", color ? "1" : "0");
        add_text(one, "hasSizeFlexibility", say.nsizes || say.ranged ? "1" : "0");
    } else if (t->kind == TY_DICT) {
        buf_printf(&formatted, "Dictionary (%s \xe2\x86\x92 Double)", name);
        add_text(one, "keyType", name);
    } else buf_puts(&formatted, name);
    add_text(one, "formattedType", formatted.s);
    add_text(one, "type", o->image ? "Image" : t->kind == TY_DICT ? "Dictionary" : name);
    buf_free(&formatted);
    arena_free(&a);
}

static void add_schema(const Module *m, const Func *f, int side, const char *name,
                       cJSON *to)
{
    int n;
    const Shown *x = about_side(m, f, side, &n);
    cJSON *list = json_item(to, name, cJSON_CreateArray());
    for (int i = 0; i < n; i++) {
        FeatureInfo o;
        Buf made = { 0 };
        Diag quiet = { .quiet = true };
        cJSON *one = json_root(cJSON_CreateObject());
        if (x[i].type) buf_add(&made, x[i].type, x[i].len);
        else feature_make(&quiet, f, x[i].v, side != ABOUT_OUTPUT, &made);
        const bool known = made.len && feature_info(made.s, made.len, &o);
        add_text(one, "name", x[i].v->name);
        add_text(one, "shortDescription", x[i].doc ? x[i].doc : "");
        add_text(one, "isOptional", known && o.optional ? "1" : "0");
        add_text(one, "hasShapeFlexibility",
                 known && (o.nrange || o.nshapes) ? "1" : "0");
        if (known && o.array) add_array(one, &o);
        else if (known) add_other(one, &o, f, x[i].v, side != ABOUT_OUTPUT);
        else add_text(one, "type", "");
        json_item(list, NULL, one);
        buf_free(&made);
        diag_free(&quiet);
    }
}

static void add_metadata(const Module *m, cJSON *o)
{
    const About *a = m->about;
    for (int i = 0; a && i < ABOUT_TEXTS; i++)
        if (a->text[i] && *a->text[i]) add_text(o, about_texts[i], a->text[i]);
    cJSON *user = json_item(o, "userDefinedMetadata", cJSON_CreateObject());
    for (int i = 0; a && i + 1 < a->nuser; i += 2)
        add_text(user, a->user[i], a->user[i + 1]);
}

/* What other tools show of a model; Core ML itself takes all this from coremldata.bin. */
static bool write_metadata(const Module *m, Diag *d, const char *path, const char *name)
{
    cJSON *root = json_root(cJSON_CreateArray()), *o = json_root(cJSON_CreateObject());
    const Func *main = module_main(m);
    json_item(root, NULL, o);
    add_text(o, "metadataOutputVersion", "3.0");
    add_metadata(m, o);
    if (main) {
        add_schema(m, main, ABOUT_INPUT, "inputSchema", o);
        add_schema(m, main, ABOUT_OUTPUT, "outputSchema", o);
        add_schema(m, main, ABOUT_STATE, "stateSchema", o);
    }
    json_item(o, "modelParameters", cJSON_CreateArray());
    json_item(o, "specificationVersion", cJSON_CreateNumber(about_spec(m)));
    add_text(o, "isUpdatable", m->about && m->about->updatable ? "1" : "0");
    add_text(json_item(o, "modelType", cJSON_CreateObject()), "name",
             "MLModelType_mlProgram");
    add_text(o, "generatedClassName", name);
    add_text(o, "method", "predict");
    const bool ok = json_write(d, path, root);
    json_free(root);
    return ok;
}

/* ---- the folder -------------------------------------------------------------------------- */

static bool read_about(Module *m, Diag *d, const char *path)
{
    const char *file = arena_printf(&m->arena, "%s/coremldata.bin", path);
    Mapped map;
    if (!file_exists(file)) return true; /* the program alone is a model too */
    if (!file_read(d, file, &map)) return false;
    const bool ok = coremldata_read(m, d, file, &map);
    file_unmap(&map);
    return ok;
}

/* Of a compiled pipeline, the folder that is asked for. */
static Module *read_folder_of(Diag *d, const char *path, const MilReading *how)
{
    Arena a = { 0 };
    const MilReading whole = { .follow_links = how->follow_links };
    const char *inside = file_join_inside(&a, d, (Loc){ .src = NULL }, path, how->part);
    Module *m = inside ? mlmodelc_read(d, inside, &whole) : NULL;
    arena_free(&a);
    return m;
}

Module *mlmodelc_read(Diag *d, const char *path, const MilReading *how)
{
    Mapped map;
    if (foreign_not_a_folder(d, path)) return NULL;
    Module *m = module_new();
    const char *file = arena_printf(&m->arena, "%s/model.mil", path);
    m->follow_links = how && how->follow_links;
    bool ok = file_exists(file);
    if (!ok && how && how->part
        && file_is_dir(arena_printf(&m->arena, "%s/model0", path))) {
        module_free(m);
        return read_folder_of(d, path, how);
    }
    if (!ok) foreign_compiled(d, path);
    else if (how && how->part) ok = foreign_no_pipeline(d, path, how->part);
    ok = ok && file_map(d, file, &map);
    if (ok) {
        Source *src = module_source(m, file, &map);
        file_as_text(&map, src);
        ok = mil_read_into(m, d, src, path);
        ok = module_stayed(m, d) && ok && read_about(m, d, path);
    }
    if (ok) return m;
    module_free(m);
    return NULL;
}

bool mlmodelc_save(Module *m, Diag *d, const char *at, const char *path)
{
    Arena a = { 0 };
    Buf data = { 0 };
    char *name = arena_strdup(&a, file_base(path)), *dot = strrchr(name, '.');
    if (dot) *dot = 0;
    const bool ok = coremldata_write(m, d, &data)
                 && mil_save(m, d, arena_printf(&a, "%s/model.mil", at))
                 && file_write_all(d, arena_printf(&a, "%s/coremldata.bin", at), data.s,
                                   data.len)
                 && write_metadata(m, d, arena_printf(&a, "%s/metadata.json", at), name);
    buf_free(&data);
    arena_free(&a);
    return ok;
}
