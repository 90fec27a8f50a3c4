/* mlpackage.c -- .mlpackage folders and the .mlmodel specification in them, read and
 * written. */
#include "spec.h"

#include <string.h>

#include <cjson/cJSON.h>

static const char data_folder[] = "Data", model_file[] = MODEL_FILE,
                  weights_folder[] = "com.apple.CoreML/weights",
                  author[] = "com.apple.CoreML";

/* ---- the specification ------------------------------------------------------------------- */

Source *module_source(Module *m, const char *path, const Mapped *file)
{
    Source *s = NEW(&m->arena, Source);
    *s = (Source){ .name = arena_strdup(&m->arena, path) };
    Mapped *maps = NEW_ARRAY(&m->arena, m->nmaps + 1, Mapped);
    if (m->nmaps) memcpy(maps, m->maps, (size_t)m->nmaps * sizeof *maps);
    maps[m->nmaps++] = *file;
    m->maps = maps;
    return s;
}

static void add_flexible(Module *m)
{
    for (Func *f = m->first; f; f = f->next) {
        const Const *c = attr_get(&f->attrs, FLEXIBLE)
                           ? NULL
                           : flexible_make(m, about_func(m, m->about, f->name));
        if (c) attr_set(m, &f->attrs, FLEXIBLE, c);
    }
}

/* A Model message; of a pipeline, the part that is asked for. */
static bool read_model(Module *m, Diag *d, PbIn in, const char *part)
{
    PbField f;
    PbFile *file = in.file;
    PbIn program = in, description = in;
    uint32_t kind = 0;
    bool described = false;
    About *a = about_of(m);
    while (pb_next(&in, &f)) {
        if (f.num == MODEL_VERSION) a->spec = (int)(pb_number(&in, &f) & 0xffff);
        if (f.num == MODEL_UPDATABLE) a->updatable = pb_number(&in, &f) != 0;
        if (f.num == MODEL_DESCRIPTION) description = pb_sub(&in, &f), described = true;
        if (foreign_is_kind(f.num)) program = pb_sub(&in, &f), kind = f.num;
    }
    if (file->wrong) return false;
    if (foreign_is_pipeline(kind)) {
        PbIn model = in;
        a->updatable = false;
        return foreign_part(m, d, program, kind, m->src->name, &part, &model)
            && read_model(m, d, model, part);
    }
    if (kind != MODEL_PROGRAM) return foreign_refuse(d, m->src->name, kind);
    if (part) return foreign_no_pipeline(d, m->src->name, part);
    if (!program_read(m, d, program) || (described && !about_read(m, d, description)))
        return false;
    const Module bare = { .first = m->first };
    a->read_spec = about_spec(&bare);
    add_flexible(m);
    about_fix(m);
    return true;
}

Module *mlmodel_parse(Diag *d, const char *path, const Mapped *map, const MilReading *how)
{
    Module *m = module_new();
    const int errors = diag_wrong(d);
    m->src = module_source(m, path, map);
    m->dir = file_dir(&m->arena, path);
    m->follow_links = how && how->follow_links;
    PbFile file = { .data = map->data, .size = map->size };
    const bool ok = !foreign_zip(d, path, map)
                 && read_model(m, d, pb_open(&file), how ? how->part : NULL);
    if (file.wrong && diag_wrong(d) == errors)
        diag_error(d, (Loc){ .src = NULL }, "%s is damaged at byte %zu: %s", path,
                   file.at, file.wrong);
    if (ok && !file.wrong) return m;
    module_free(m);
    return NULL;
}

Module *mlmodel_read(Diag *d, const char *path, const MilReading *how)
{
    Mapped map;
    return file_read(d, path, &map) ? mlmodel_parse(d, path, &map, how) : NULL;
}

/* ---- reading a package ------------------------------------------------------------------- */

static const char *root_path(const cJSON *manifest)
{
    const char *root = cJSON_GetStringValue(
        cJSON_GetObjectItemCaseSensitive(manifest, "rootModelIdentifier"));
    const cJSON *all = cJSON_GetObjectItemCaseSensitive(manifest, "itemInfoEntries");
    const cJSON *entry = root ? cJSON_GetObjectItemCaseSensitive(all, root) : NULL;
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, "path"));
}

Module *mlpackage_read(Diag *d, const char *path, const MilReading *how)
{
    if (foreign_not_a_folder(d, path)) return NULL;
    Arena a = { 0 };
    const Loc none = { .src = NULL };
    const char *file = arena_printf(&a, "%s/Manifest.json", path), *inside = NULL;
    cJSON *manifest = json_read(d, file);
    if (manifest && !root_path(manifest))
        diag_error(
            d, none,
            "%s names no root model: rootModelIdentifier and its entry in itemInfoEntries do",
            file);
    else if (manifest)
        inside = file_join_linked(&a, d, none,
                                  arena_printf(&a, "%s/%s", path, data_folder),
                                  root_path(manifest), how && how->follow_links);
    Module *m = inside ? mlmodel_read(d, inside, how) : NULL;
    if (m && !beside_read(m, d, path)) {
        module_free(m);
        m = NULL;
    }
    json_free(manifest);
    arena_free(&a);
    return m;
}

/* ---- writing ----------------------------------------------------------------------------- */

bool mlmodel_write(const Module *m, Diag *d, const MilPlaces *places, Buf *out)
{
    pb_put_number(out, MODEL_VERSION, (uint64_t)about_spec(m));
    const size_t at = pb_begin(out, MODEL_DESCRIPTION);
    const bool ok = about_write(m, d, out);
    pb_end(out, at);
    if (m->about && m->about->updatable) pb_put_number(out, MODEL_UPDATABLE, 1);
    return ok && program_write(m, d, places, out);
}

static bool write_model(const Module *m, Diag *d, const MilPlaces *places, OutFile *out)
{
    Buf b = { 0 };
    const bool ok = mlmodel_write(m, d, places, &b) && out_write(out, b.s, b.len);
    buf_free(&b);
    return ok;
}

/* Identifiers need only differ: the same model gives the same package. */
static const char *mlpackage_identifier(Arena *a, const char *name, const char *what)
{
    const uint64_t x = rng_key(1, name), y = rng_key(x, what);
    return arena_printf(a, "%08X-%04X-4%03X-8%03X-%012llX", (unsigned)(x >> 32),
                        (unsigned)(x >> 16 & 0xffff), (unsigned)(x & 0xfff),
                        (unsigned)(y >> 48 & 0xfff),
                        (unsigned long long)(y & 0xffffffffffff));
}

static void add_entry(cJSON *all, const char *id, const char *what, const char *name,
                      const char *path)
{
    cJSON *e = json_item(all, id, cJSON_CreateObject());
    json_item(e, "author", cJSON_CreateString(author));
    json_item(e, "description", cJSON_CreateString(what));
    json_item(e, "name", cJSON_CreateString(name));
    json_item(e, "path", cJSON_CreateString(path));
}

static bool write_manifest(Arena *a, Diag *d, const char *at, const char *path)
{
    const char *base = file_base(path), *id = mlpackage_identifier(a, base, "model");
    cJSON *root = json_root(cJSON_CreateObject());
    json_item(root, "fileFormatVersion", cJSON_CreateString("1.0.0"));
    cJSON *all = json_item(root, "itemInfoEntries", cJSON_CreateObject());
    add_entry(all, id, "CoreML Model Specification", file_base(model_file), model_file);
    if (file_is_dir(arena_printf(a, "%s/%s/%s", at, data_folder, weights_folder)))
        add_entry(all, mlpackage_identifier(a, base, "weights"), "CoreML Model Weights",
                  file_base(weights_folder), weights_folder);
    json_item(root, "rootModelIdentifier", cJSON_CreateString(id));
    const bool ok = json_write(d, arena_printf(a, "%s/Manifest.json", at), root);
    json_free(root);
    return ok;
}

bool mlpackage_save(Module *m, Diag *d, const char *at, const char *path)
{
    Arena a = { 0 };
    const char *file = arena_printf(&a, "%s/%s/%s", at, data_folder, model_file);
    Buf description = { 0 };
    /* what it cannot hold is said before anything is made */
    const bool holds = about_write(m, d, &description);
    buf_free(&description);
    const bool ok = holds && file_make_dirs(d, file_dir(&a, file))
                 && mil_save_as(m, d, file, write_model, NULL)
                 && write_manifest(&a, d, at, path);
    arena_free(&a);
    return ok;
}
