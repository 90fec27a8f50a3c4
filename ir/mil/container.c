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

bool container_beside(Module *m, Diag *d, const char *path)
{
    return beside_read(m, d, path);
}

static bool unknown(Diag *d, const char *path)
{
    return diag_error(d, (Loc){ .src = NULL },
                      "%s: the name must end in .mil, .mlmodelc or .mlpackage", path);
}

static Module *read_text(Diag *d, const char *path)
{
    Mapped map;
    if (!file_map(d, path, &map)) return NULL;
    Module *m = module_new();
    Source *src = module_source(m, path, &map);
    src->text = map.data ? (const char *)map.data : "";
    src->len = map.size;
    if (mil_read_into(m, d, src, file_dir(&m->arena, path)) && beside_read(m, d, path)) return m;
    module_free(m);
    return NULL;
}

Module *container_read(Diag *d, const char *path)
{
    Arena a = { 0 };
    Module *m = NULL;
    const char *name = trimmed(&a, path);
    switch (form_of(path)) {
    case FORM_MIL:
        m = read_text(d, name);
        break;
    case FORM_COMPILED:
        m = mlmodelc_read(d, name);
        break;
    case FORM_PACKAGE:
        m = mlpackage_read(d, name);
        break;
    case FORM_SPEC:
        m = mlmodel_read(d, name);
        break;
    case FORM_NONE:
        unknown(d, path);
        break;
    }
    arena_free(&a);
    return m;
}

bool container_save(Module *m, Diag *d, const char *path)
{
    Arena a = { 0 };
    bool ok = false;
    const char *name = trimmed(&a, path);
    switch (form_of(path)) {
    case FORM_MIL:
        ok = mil_save(m, d, name) && beside_write(m, d, name, BESIDE_MIL);
        break;
    case FORM_COMPILED:
        ok = mlmodelc_save(m, d, name);
        break;
    case FORM_PACKAGE:
        ok = mlpackage_save(m, d, name);
        break;
    case FORM_SPEC:
    case FORM_NONE:
        unknown(d, path);
        break;
    }
    arena_free(&a);
    return ok;
}
