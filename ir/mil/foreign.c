/* foreign.c -- files that people bring and that are no ML program: an error tells what the file
 * is and what can be done. */
#include "spec.h"

#include <string.h>

/* The kinds of a Model message, by their field of Model.proto. */
static const struct {
    uint32_t num;
    const char *what;
} kinds[] = {
    { 200, "a pipeline classifier" },
    { 201, "a pipeline regressor" },
    { 202, "a pipeline" },
    { 300, "a linear regressor" },
    { 301, "a support vector regressor" },
    { 302, "a tree ensemble regressor" },
    { 303, "a neural network regressor" },
    { 304, "a Bayesian probit regressor" },
    { 400, "a linear classifier" },
    { 401, "a support vector classifier" },
    { 402, "a tree ensemble classifier" },
    { 403, "a neural network classifier" },
    { 404, "a nearest neighbors classifier" },
    { 500, "a neural network" },
    { 501, "a recommender" },
    { MODEL_PROGRAM, "an ML program" },
    { 555, "a custom model" },
    { 556, "a linked model" },
    { 560, "a confidence threshold" },
    { 600, "a one-hot encoder" },
    { 601, "an imputer" },
    { 602, "a feature vectorizer" },
    { 603, "a dictionary vectorizer" },
    { 604, "a scaler" },
    { 606, "a categorical mapping" },
    { 607, "a normalizer" },
    { 609, "an array feature extractor" },
    { 610, "a non-maximum suppression" },
    { 900, "an identity" },
    { 2000, "a text classifier" },
    { 2001, "a word tagger" },
    { 2002, "a vision feature print" },
    { 2003, "a sound analysis preprocessing" },
    { 2004, "a gazetteer" },
    { 2005, "a word embedding" },
    { 2006, "an audio feature print" },
    { 3000, "a serialized model" },
};

static const char *kind_text(uint32_t num)
{
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (kinds[i].num == num) return kinds[i].what;
    return "of a kind that is not known";
}

bool foreign_is_kind(uint32_t num)
{
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (kinds[i].num == num) return true;
    return false;
}

bool foreign_is_pipeline(uint32_t num) { return num >= 200 && num <= 202; }

bool foreign_refuse(Diag *d, const char *path, uint32_t num)
{
    const Loc none = { .src = NULL };
    if (num == 303 || num == 403 || num == 500)
        return diag_error(
            d, none,
            "%s is %s, an older form that has no MIL program: convert the original once more with "
            "coremltools, convert_to=\"mlprogram\"",
            path, kind_text(num));
    if (foreign_is_kind(num))
        return diag_error(d, none,
                          "%s is %s, which has no MIL program: only ML programs are read",
                          path, kind_text(num));
    return diag_error(
        d, none,
        "%s holds no ML program, nor any kind of model that is known: only ML programs are read",
        path);
}

/* ---- pipelines --------------------------------------------------------------------------- */

typedef struct {
    const char *name;
    PbIn model;
    uint32_t kind;
} Part;

static uint32_t kind_of(PbIn model)
{
    PbField f;
    uint32_t kind = 0;
    while (pb_next(&model, &f))
        if (foreign_is_kind(f.num)) kind = f.num;
    return kind;
}

/* Models and names of a Pipeline message; a model without a name has its number. */
static Part *parts_of(Module *m, PbIn in, int *count)
{
    Part *part = NULL;
    PbField f;
    int cap = 0, nnames = 0;
    *count = 0;
    for (PbIn all = in; pb_next(&all, &f);) {
        if (f.num != 1) continue;
        ARENA_ROOM(&m->arena, part, *count, cap);
        part[*count] = (Part){ .name = arena_printf(&m->arena, "%d", *count),
                               .model = pb_sub(&all, &f) };
        part[*count].kind = kind_of(part[*count].model);
        ++*count;
    }
    while (pb_next(&in, &f))
        if (f.num == 2 && nnames < *count)
            part[nnames++].name = pb_string(&in, &f, &m->arena);
    return part;
}

static bool no_part(Diag *d, const char *path, const char *want, const Part *part, int n,
                    const char *list)
{
    Arena a = { 0 };
    const Loc none = { .src = NULL };
    const char **names = NEW_ARRAY(&a, n + 1, const char *);
    for (int i = 0; i < n; i++) names[i] = part[i].name;
    const char *near = name_nearest(want, names, (size_t)n);
    if (near)
        diag_error(d, none, "%s has no part %s; did you mean %s?", path, want, near);
    else diag_error(d, none, "%s has no part %s; its parts are: %s", path, want, list);
    arena_free(&a);
    return false;
}

bool foreign_part(Module *m, Diag *d, PbIn pipeline, uint32_t kind, const char *path,
                  const char **part, PbIn *out)
{
    PbField f;
    int n;
    if (kind != 202) { /* the others have the pipeline inside of them */
        PbIn inner = pipeline;
        while (pb_next(&pipeline, &f))
            if (f.num == 1) inner = pb_sub(&pipeline, &f);
        pipeline = inner;
    }
    const Part *parts = parts_of(m, pipeline, &n);
    if (pipeline.file->wrong) return false;
    for (int i = 0; *part && i < n; i++) {
        const size_t len = strlen(parts[i].name);
        if (strncmp(*part, parts[i].name, len) != 0
            || ((*part)[len] && (*part)[len] != '/'))
            continue;
        *out = parts[i].model;
        *part = (*part)[len] ? *part + len + 1 : NULL;
        return true;
    }
    Buf list = { 0 };
    for (int i = 0; i < n; i++)
        buf_printf(&list, "%s%s (%s)", i ? ", " : "", parts[i].name,
                   kind_text(parts[i].kind));
    const char *text = list.s ? list.s : "none";
    if (*part) no_part(d, path, *part, parts, n, text);
    else
        diag_error(d, (Loc){ .src = NULL },
                   "%s is %s of %d models: %s; --part NAME takes one of them", path,
                   kind_text(kind), n, text);
    buf_free(&list);
    return false;
}

bool foreign_no_pipeline(Diag *d, const char *path, const char *part)
{
    return diag_error(d, (Loc){ .src = NULL }, "%s is no pipeline: it has no part %s",
                      path, part);
}

/* ---- files and folders ------------------------------------------------------------------- */

static bool is_zip(const Mapped *map)
{
    return map->size > 4 && !memcmp(map->data, "PK\3\4", 4);
}

bool foreign_zip(Diag *d, const char *path, const Mapped *map)
{
    if (map && !is_zip(map)) return false;
    diag_error(
        d, (Loc){ .src = NULL },
        "%s is a zip archive: unpack it, and give the .mlpackage, .mlmodelc or .mil that is inside",
        path);
    return true;
}

bool foreign_not_a_folder(Diag *d, const char *path)
{
    Mapped map;
    if (file_is_dir(path) || !file_exists(path)) return false;
    if (!file_map(d, path, &map)) return true;
    const bool zip = foreign_zip(d, path, &map);
    file_unmap(&map);
    if (!zip)
        diag_error(
            d, (Loc){ .src = NULL },
            "%s is a file, but a model of this ending is a folder; a bare specification ends in .mlmodel",
            path);
    return true;
}

/* The folders of a compiled pipeline are model0, model1 .. */
static void compiled_pipeline(Diag *d, Arena *a, const char *path)
{
    Buf list = { 0 };
    for (int i = 0;; i++) {
        const char *one = arena_printf(a, "%s/model%d", path, i);
        if (!file_is_dir(one)) break;
        const bool program = file_exists(arena_printf(a, "%s/model.mil", one));
        buf_printf(&list, "%smodel%d (%s)", i ? ", " : "", i,
                   program ? "an ML program" : "no ML program");
    }
    diag_error(d, (Loc){ .src = NULL },
               "%s is a compiled pipeline: %s; --part NAME takes one of them", path,
               list.s ? list.s : "none");
    buf_free(&list);
}

bool foreign_compiled(Diag *d, const char *path)
{
    Arena a = { 0 };
    const Loc none = { .src = NULL };
    if (!file_exists(path)) diag_fail(d, "cannot open %s: there is no such folder", path);
    else if (file_exists(arena_printf(&a, "%s/model.espresso.net", path)))
        diag_error(
            d, none,
            "%s is a neural network compiled for Espresso, an older form that has no MIL program: convert "
            "the original once more with coremltools, convert_to=\"mlprogram\"",
            path);
    else if (file_is_dir(arena_printf(&a, "%s/model0", path)))
        compiled_pipeline(d, &a, path);
    else
        diag_error(d, none, "%s has no model.mil: only compiled ML programs are read",
                   path);
    arena_free(&a);
    return false;
}
