/* coreml_folder.c -- a module as a compiled model on disk: written, kept in the cache, shared by
 * the programs of its functions, or compiled by Core ML from a package. */
#include "coreml.h"

#include "../../ir/mil/mil.h"

#include <string.h>

/* Of what is cached: it changes when older entries are of no use. */
#define SCHEMA "anec coreml 1"

/* Needs no memory. */
static void folder_free(Folder *f)
{
    temp_tree_end(f->compiled);
    temp_tree_end(f->top);
    cache_leave(&f->slot);
    arena_free(&f->arena);
    mem_free(f);
}

/* Of processes that come at once one makes the entry; all then have it together. */
static const char *make_entry(CoreMl *c, Folder *f, const char *key, const char *own)
{
    CacheSlot s = cache_slot(&c->cache, &f->arena, key);
    const bool there = cache_get(&c->cache, &s, NULL);
    const bool made = !there && cache_put(&c->cache, &s, own);
    cache_leave(&s);
    if (!cache_share(&c->cache, &f->arena, key, &f->slot)) return "off";
    return made ? "miss" : "hit";
}

/* Makes what was written to `own` an entry, unless there is one that is whole. */
static bool coreml_keep(CoreMl *c, Folder *f, const char *own, Diag *d)
{
    char hex[65];
    if (!cache_digest(d, own, hex)) return false;
    Sha256 sha = sha256_start();
    sha256_add(&sha, SCHEMA, sizeof SCHEMA);
    sha256_add(&sha, hex, sizeof hex);
    sha256_end(&sha, hex);
    f->cache = "hit";
    if (!cache_share(&c->cache, &f->arena, hex, &f->slot))
        f->cache = make_entry(c, f, hex, own);
    cache_tell(&c->cache, d);
    const bool kept = strcmp(f->cache, "off") != 0;
    f->path = arena_printf(&f->arena, "%s/model.mlmodelc", kept ? f->slot.path : own);
    return !kept || file_remove_tree(own);
}

/* Described by its program alone, which is what a clone has: images go in and out as the arrays
 * that they are inside, and what is optional is always given. */
static bool save_plainly(const Module *m, Diag *d, const char *path)
{
    Module *plain = module_clone(m);
    const bool ok = container_save(plain, d, path);
    module_free(plain);
    return ok;
}

static Folder *folder_new(CoreMl *c, const Module *m, Diag *d)
{
    Folder *f = mem_zero(1, sizeof *f);
    if (!f) mem_out(sizeof *f);
    *f = (Folder){ .module = m, .refs = 1, .slot.lock = -1 };
    f->top = temp_folder(&f->arena, d);
    const char *own = f->top ? arena_printf(&f->arena, "%s/own", f->top) : NULL;
    if (f->top && file_make_dirs(d, own)
        && save_plainly(m, d, arena_printf(&f->arena, "%s/model.mlmodelc", own))
        && coreml_keep(c, f, own, d)) {
        cache_count_one(&c->cache, f->cache);
        return f;
    }
    folder_free(f);
    return NULL;
}

Folder *coreml_folder(CoreMl *c, const Module *m, Diag *d)
{
    Folder *f = c->first;
    while (f && f->module != m) f = f->next;
    if (f) {
        f->refs++;
        return f;
    }
    f = folder_new(c, m, d);
    if (!f) return NULL;
    f->next = c->first;
    return c->first = f;
}

void coreml_folder_leave(CoreMl *c, Folder *f)
{
    if (--f->refs) return;
    Folder **at = &c->first;
    while (*at != f) at = &(*at)->next;
    *at = f->next;
    folder_free(f);
}

/* Has Core ML compile the module as a package: its own compiler knows more than we do of the
 * files that describe a compiled model. False: it does not, `why`. */
static bool compile_package(CoreMl *c, Folder *f, const Module *m, const Trouble *first,
                            Trouble *why)
{
    Diag quiet = { .quiet = true };
    const char *package = arena_printf(&f->arena, "%s/model.mlpackage", f->top);
    *why = (Trouble){ .text = "no package can be written" };
    if (save_plainly(m, &quiet, package))
        f->compiled = ml_compile(c->ml, &f->arena, package, why);
    if (f->compiled) temp_tree_hold(f->compiled);
    diag_free(&quiet);
    file_remove_tree(package);
    if (!f->compiled) return false;
    f->path = f->compiled;
    f->why = arena_printf(&f->arena,
                          "compiled by Core ML, which did not load what was written: %s",
                          trouble_text(&f->arena, first));
    return true;
}

bool coreml_load(MlProgram *p, Diag *d)
{
    Arena *a = &p->arena;
    Trouble why, other;
    Folder *f = p->folder;
    const char *function = p->base.func == module_main(p->base.module)
                             ? NULL
                             : p->base.func->name;
    p->model = ml_model_new(p->c->ml, a, f->path, function, &why);
    if (p->model) return true;
    const char *first = trouble_text(a, &why);
    if (f->compiled) return diag_fail(d, "Core ML does not load the program: %s", first);
    bool ok = compile_package(p->c, f, p->base.module, &why, &other);
    if (ok) p->model = ml_model_new(p->c->ml, a, f->path, function, &other);
    return p->model
        || diag_fail(d,
                     "Core ML does not load the program: %s; nor %s a package of it: %s",
                     first, ok ? "what it compiles from" : "does it compile",
                     trouble_text(a, &other));
}
