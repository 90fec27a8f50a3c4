/* container.c -- the table of containers, by the ending of a path: text, compiled folder,
 * package, and the specification file in a package. */
#include "mil.h"
#include "mil_read.h"
#include "spec.h"

#include "../coreai/coreai.h"
#include "../onnx/onnx.h"

#include <string.h>

/* The path without what follows the name of a folder. */
static char *container_trimmed(Arena *a, const char *path)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/') n--;
    return arena_strndup(a, path, n);
}

bool container_is_zip(Diag *d, const char *path, const Mapped *file)
{
    return foreign_zip(d, path, file);
}

bool container_beside(Module *m, Diag *d, const char *path)
{
    return beside_read(m, d, path);
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
    const bool ok = mil_save_beside(m, d, path, &b);
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
    if (!may_replace(d, path) || !beside_open(&b, m, d, path, BESIDE_PACKAGE))
        return false;
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

/* ---- the containers ---------------------------------------------------------------------- */

static const Container containers[] = {
    { .ending = ".mil", .text = true, .read = read_text, .write = save_text },
    { .ending = ".mlmodelc",
      .folder = true,
      .read = mlmodelc_read,
      .write = save_compiled },
    { .ending = ".mlpackage",
      .folder = true,
      .read = mlpackage_read,
      .write = save_package },
    { .ending = ".mlmodel", .read = mlmodel_read },
    { .ending = ".onnx", .named_dims = true, .read = onnx_read },
    { .ending = ".mlir", .read = core_text_read },
    { .ending = ".aimodel",
      .folder = true,
      .read = asset_read,
      .check = asset_check,
      .show = asset_show },
    { .ending = ".aimodelc",
      .folder = true,
      .read = asset_read,
      .check = asset_check,
      .show = asset_show },
};

const Container *container_find(const char *path)
{
    Arena a = { 0 };
    const Container *found = NULL;
    const char *name = container_trimmed(&a, path);
    for (size_t i = 0; i < COUNT(containers); i++)
        if (file_has_suffix(name, containers[i].ending)) found = &containers[i];
    arena_free(&a);
    return found;
}

const char *container_endings(Arena *a, bool folders)
{
    const char *list = "", *last = NULL;
    for (size_t i = 0; i < COUNT(containers); i++) {
        if (!containers[i].write || (folders && !containers[i].folder)) continue;
        if (last) list = arena_printf(a, "%s%s%s", list, *list ? ", " : "", last);
        last = containers[i].ending;
    }
    return *list ? arena_printf(a, "%s or %s", list, last) : last;
}

bool container_writes(const char *path)
{
    const Container *c = container_find(path);
    return c && c->write;
}

static void container_unknown(Diag *d, Arena *a, const char *path)
{
    diag_error(d, (Loc){ .src = NULL }, "%s: the name must end in %s", path,
               container_endings(a, false));
}

Module *container_read(Diag *d, const char *path)
{
    return container_read_as(d, path, NULL);
}

Module *container_read_as(Diag *d, const char *path, const MilReading *how)
{
    Arena a = { 0 };
    const Container *c = container_find(path);
    Module *m = c ? c->read(d, container_trimmed(&a, path), how) : NULL;
    if (!c) container_unknown(d, &a, path);
    arena_free(&a);
    return m;
}

bool container_check(Diag *d, const char *path)
{
    Arena a = { 0 };
    const Container *c = container_find(path);
    if (!c || !c->check) bug("%s is checked as a program is", path);
    const bool ok = c->check(d, container_trimmed(&a, path));
    arena_free(&a);
    return ok;
}

bool container_show(Buf *out, Diag *d, const char *path, bool json)
{
    Arena a = { 0 };
    const Container *c = container_find(path);
    if (!c || !c->show) bug("%s is shown as a program is", path);
    const bool ok = c->show(out, d, container_trimmed(&a, path), json);
    arena_free(&a);
    return ok;
}

bool container_save(Module *m, Diag *d, const char *path)
{
    Arena a = { 0 };
    const Container *c = container_find(path);
    const bool known = c && c->write,
               ok = known && c->write(m, d, container_trimmed(&a, path));
    if (!known) container_unknown(d, &a, path);
    arena_free(&a);
    return ok;
}
