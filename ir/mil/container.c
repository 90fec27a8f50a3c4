/* container.c -- a model by its path: text, compiled folder or package. */
#include "read.h"
#include "spec.h"

#include <string.h>

typedef enum { FORM_NONE, FORM_MIL, FORM_COMPILED, FORM_PACKAGE, FORM_SPEC } Form;

static const struct {
    const char *ending;
    Form form;
} endings[] = {
    { ".mil", FORM_MIL },
    { ".mlmodelc", FORM_COMPILED },
    { ".mlpackage", FORM_PACKAGE },
    { ".mlmodel", FORM_SPEC },
};

/* The path without what follows the name of a folder. */
static char *trimmed(Arena *a, const char *path)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/') n--;
    return arena_strndup(a, path, n);
}

static Form form_of(const char *path)
{
    Arena a = { 0 };
    Form form = FORM_NONE;
    const char *name = trimmed(&a, path);
    for (size_t i = 0; i < COUNT(endings); i++)
        if (file_has_suffix(name, endings[i].ending)) form = endings[i].form;
    arena_free(&a);
    return form;
}

bool container_writes(const char *path)
{
    const Form form = form_of(path);
    return form != FORM_NONE && form != FORM_SPEC;
}

bool container_is_zip(Diag *d, const char *path, const Mapped *file)
{
    return foreign_zip(d, path, file);
}

bool container_beside(Module *m, Diag *d, const char *path) { return beside_read(m, d, path); }

static bool unknown(Diag *d, const char *path)
{
    return diag_error(d, (Loc){ .src = NULL },
                      "%s: the name must end in .mil, .mlmodelc or .mlpackage", path);
}

static Module *read_text(Diag *d, const char *path, const MilReading *how)
{
    Mapped map;
    if (!file_map(d, path, &map)) return NULL;
    Module *m = module_new();
    m->follow_links = how && how->follow_links;
    Source *src = module_source(m, path, &map);
    file_as_text(&map, src);
    const bool ok = mil_read_into(m, d, src, file_dir(&m->arena, path));
    if (module_stayed(m, d) && ok && beside_read(m, d, path)) return m;
    module_free(m);
    return NULL;
}

Module *container_read(Diag *d, const char *path) { return container_read_as(d, path, NULL); }

Module *container_read_as(Diag *d, const char *path, const MilReading *how)
{
    Arena a = { 0 };
    Module *m = NULL;
    const char *name = trimmed(&a, path);
    switch (form_of(path)) {
    case FORM_MIL: m = read_text(d, name, how); break;
    case FORM_COMPILED: m = mlmodelc_read(d, name, how); break;
    case FORM_PACKAGE: m = mlpackage_read(d, name, how); break;
    case FORM_SPEC: m = mlmodel_read(d, name, how); break;
    case FORM_NONE: unknown(d, path); break;
    }
    arena_free(&a);
    return m;
}

/* ---- writing ----------------------------------------------------------------------------- */

/* What is in the place of a container is replaced whole: it must be one, or what is left of
 * one. */
static bool may_replace(Diag *d, const char *path)
{
    static const char *const parts[] = { "model.mil", "coremldata.bin", "metadata.json",
                                         "weights",   "Manifest.json",  "Data" };
    Arena a = { 0 };
    bool known = !file_is_dir(path) || file_is_empty(path);
    for (size_t i = 0; !known && i < COUNT(parts); i++)
        known = file_exists(arena_printf(&a, "%s/%s", path, parts[i]));
    arena_free(&a);
    return known
        || diag_fail(d, "%s is a folder that holds no model: it is not replaced", path);
}

static bool save_text(Module *m, Diag *d, const char *path)
{
    Beside b;
    if (!beside_open(&b, m, d, path, BESIDE_MIL)) return false;
    const bool ok = mil_save_as(m, d, path, mil_print_text, &b);
    beside_close(&b);
    return ok;
}

static bool save_compiled(Module *m, Diag *d, const char *path)
{
    Stage s;
    if (!may_replace(d, path) || !stage_open(&s, d, path)) return false;
    if (mlmodelc_save(m, d, s.at, path) && module_stayed(m, d)) return stage_commit(&s);
    stage_abort(&s);
    return false;
}

/* The folder, and what stands beside it. */
static bool put_package(Beside *b, Stage *s)
{
    char sum[65];
    const char *file = arena_printf(&b->arena, "%s/Data/" MODEL_FILE, s->at);
    bool ok = beside_sum(b->diag, file, sum) && beside_prepare(b, sum);
    if (ok) ok = stage_commit(s);
    else stage_abort(s);
    if (s->placed) return beside_finish(b) && ok;
    beside_undo(b);
    return false;
}

static bool save_package(Module *m, Diag *d, const char *path)
{
    Stage s;
    Beside b;
    if (!may_replace(d, path) || !beside_open(&b, m, d, path, BESIDE_PACKAGE)) return false;
    bool ok = stage_open(&s, d, path);
    if (ok && mlpackage_save(m, d, s.at, path) && module_stayed(m, d)) {
        ok = put_package(&b, &s);
    } else if (ok) {
        stage_abort(&s);
        ok = false;
    }
    beside_close(&b);
    return ok;
}

bool container_save(Module *m, Diag *d, const char *path)
{
    Arena a = { 0 };
    bool ok = false;
    const char *name = trimmed(&a, path);
    switch (form_of(path)) {
    case FORM_MIL: ok = save_text(m, d, name); break;
    case FORM_COMPILED: ok = save_compiled(m, d, name); break;
    case FORM_PACKAGE: ok = save_package(m, d, name); break;
    case FORM_SPEC:
    case FORM_NONE: unknown(d, path); break;
    }
    arena_free(&a);
    return ok;
}
