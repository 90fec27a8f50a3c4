/* save.c -- a Module into a folder: its text, and the weights that the text refers to. */
#include "blob.h"
#include "print.h"
#include "spec.h"

#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_ELEMENTS = 1024 }; /* more, and not spelled out by anyone, should not go to a terminal */

typedef struct {
    const Const *c;
    uint64_t offset;
} Place;

typedef struct {
    Arena arena;
    Module *m;
    Diag *d;
    const char *path, *dir;
    MilWriter *write;
    Place *place;        /* literals that leave the text, sorted by address later */
    int nplace, place_cap;
    bool fresh;          /* among them, some that no weight file holds yet */
    struct Asked { const WeightFile *file; bool stays; } *asked; /* reference_stays, once per file */
    int nasked, asked_cap;
    const char **kept;   /* real paths of the folder's weight files that references stay with */
    int nkept, kept_cap;
    OutFile *copy;       /* weight files of another folder, copied whole */
    int ncopy;
} Save;

/* ---- every literal of a module --------------------------------------------------------------- */

typedef void ConstVisitor(void *ctx, const Func *f, const Const *c);

typedef struct {
    ConstVisitor *fn;
    void *ctx;
} Visit;

static void visit_const(const Visit *v, const Func *f, const Const *c)
{
    v->fn(v->ctx, f, c);
    if (c->kind == CONST_GROUP)
        for (int64_t i = 0; i < c->nelem; i++) visit_const(v, f, c->elem[i]);
}

static bool visit_op(void *ctx, Op *op)
{
    const Visit *v = ctx;
    const Func *f = op->parent->func;
    for (int i = 0; i < op->attrs.count; i++) visit_const(v, f, op->attrs.at[i].val);
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < op->arg[i].count; k++) {
            const Value *val = op->arg[i].val[k];
            if (!val->name && val->lit) visit_const(v, f, val->lit);
        }
    return true;
}

static void each_const(const Module *m, ConstVisitor *fn, void *ctx)
{
    Visit v = { .fn = fn, .ctx = ctx };
    for (Func *f = m->first; f; f = f->next) {
        for (int i = 0; i < f->attrs.count; i++) visit_const(&v, f, f->attrs.at[i].val);
        func_walk(f, visit_op, &v);
    }
}

/* ---- which literals belong in a file --------------------------------------------------------- */

typedef struct {
    bool marked, found;
} Look;

/* Small literals that are marked for a file, which a text can hold all the same, count only when asked for. */
static void look_for_weights(void *ctx, const Func *f, const Const *c)
{
    Look *look = ctx;
    Const as_is = *c;
    if (!look->marked) as_is.in_file = false;
    const bool made = c->kind != CONST_DATA && c->kind != CONST_OF; /* of what the user has elsewhere */
    look->found |= const_leaves_text(f, &as_is, made ? CONST_FILE_MIN : TEXT_ELEMENTS);
}

bool mil_needs_weights(const Module *m, bool marked)
{
    Look look = { .marked = marked };
    each_const(m, look_for_weights, &look);
    return look.found;
}

/* ---- what the folder has --------------------------------------------------------------------- */

static const char *real_path(Arena *a, const char *path)
{
    char *real = file_real(path);
    const char *kept = real ? arena_strdup(a, real) : NULL;
    mem_free(real);
    return kept;
}

static void *room(Save *s, void *array, int count, int *cap, size_t size)
{
    if (count < *cap) return array;
    *cap = *cap ? 2 * *cap : 32;
    void *more = arena_array(&s->arena, (size_t)*cap, size);
    if (count) memcpy(more, array, (size_t)count * size);
    return more;
}

/* The file that a reference would find from the folder that is saved to. */
static const char *found_from(Save *s, const char *ref)
{
    return arena_printf(&s->arena, "%s/%s", s->dir, blob_relative(ref));
}

static bool is_kept(const Save *s, const char *real)
{
    for (int i = 0; i < s->nkept; i++)
        if (real && !strcmp(s->kept[i], real)) return true;
    return false;
}

static bool leads_to_same(Save *s, const WeightFile *w)
{
    const char *there = real_path(&s->arena, found_from(s, w->path));
    const char *here = real_path(&s->arena, w->real);
    if (!there || !here || strcmp(there, here) != 0) return false;
    if (!is_kept(s, here)) {
        s->kept = room(s, s->kept, s->nkept, &s->kept_cap, sizeof *s->kept);
        s->kept[s->nkept++] = here;
    }
    return true;
}

/* A reference stays when it leads to the same file from there, or to none at all. */
static bool reference_stays(Save *s, const Const *c)
{
    if (c->file->absent) return !s->m->missing;
    for (int i = s->nasked; i-- > 0;)
        if (s->asked[i].file == c->file) return s->asked[i].stays;
    const bool stays = leads_to_same(s, c->file);
    s->asked = room(s, s->asked, s->nasked, &s->asked_cap, sizeof *s->asked);
    s->asked[s->nasked++] = (struct Asked){ c->file, stays };
    return stays;
}

static void collect(void *ctx, const Func *f, const Const *c)
{
    Save *s = ctx;
    const bool blob = c->kind == CONST_BLOB;
    if (blob ? reference_stays(s, c) : !const_leaves_text(f, c, CONST_FILE_MIN)) return;
    if (!blob || c->file->absent) s->fresh = true;
    s->place = room(s, s->place, s->nplace, &s->place_cap, sizeof *s->place);
    s->place[s->nplace++] = (Place){ .c = c };
}

static bool mentions(const char *file, const char *ref)
{
    Diag quiet = { .quiet = true };
    Mapped map;
    const bool found = file_map(&quiet, file, &map) && map.size
                       && memmem(map.data, map.size, ref, strlen(ref)) != NULL;
    file_unmap(&map);
    diag_free(&quiet);
    return found;
}

/* Another .mil of the folder refers to this weight file. */
static bool used_by_another(Save *s, const char *rel)
{
    const char *own = real_path(&s->arena, s->path);
    DIR *dir = dir_open(s->dir);
    bool found = false;
    for (struct dirent *e; dir && !found && (e = readdir(dir)) != NULL;) {
        if (!file_has_suffix(e->d_name, ".mil")) continue;
        const char *file = arena_printf(&s->arena, "%s/%s", s->dir, e->d_name);
        const char *real = real_path(&s->arena, file);
        found = real && (!own || strcmp(real, own) != 0) && mentions(file, rel);
    }
    dir_close(dir);
    return found;
}

/* May be replaced: not there, or nothing but the .mil that is being written uses it. */
static bool is_free(Save *s, const char *rel)
{
    const char *file = arena_printf(&s->arena, "%s/%s", s->dir, rel);
    return !file_exists(file)
           || (!is_kept(s, real_path(&s->arena, file)) && !used_by_another(s, rel));
}

/* ---- files copied whole ---------------------------------------------------------------------- */

static bool same_bytes(const char *path, const Mapped *map)
{
    Diag quiet = { .quiet = true };
    Mapped old = { 0 };
    const bool same = file_map(&quiet, path, &old) && old.size == map->size
                      && (!old.size || !memcmp(old.data, map->data, old.size));
    file_unmap(&old);
    diag_free(&quiet);
    return same;
}

/* Every file that a leaving reference needs can stand under its own name in the new folder. */
static bool can_copy(Save *s)
{
    for (const WeightFile *w = s->m->files; w; w = w->next) {
        const char *to = found_from(s, w->path);
        if (w->absent || same_bytes(to, &w->map)) continue;
        if (!is_free(s, blob_relative(w->path))) return false;
    }
    return true;
}

static bool copy_file(Save *s, const WeightFile *w)
{
    const Loc none = { .src = NULL };
    char *to = file_join_inside(&s->arena, s->d, none, s->dir, blob_relative(w->path));
    if (!to || !file_make_dirs(s->d, file_dir(&s->arena, to))) return false;
    OutFile *o = &s->copy[s->ncopy];
    if (!out_open(o, s->d, to)) return false;
    s->ncopy++;
    return out_write(o, w->map.data, w->map.size);
}

static bool copy_files(Save *s)
{
    int n = 0;
    for (const WeightFile *w = s->m->files; w; w = w->next) n++;
    s->copy = NEW_ARRAY(&s->arena, n, OutFile);
    for (const WeightFile *w = s->m->files; w; w = w->next) {
        bool used = false;
        for (int i = 0; i < s->nplace && !used; i++) used = s->place[i].c->file == w;
        if (used && !same_bytes(found_from(s, w->path), &w->map) && !copy_file(s, w)) return false;
    }
    s->nplace = 0; /* the references stay as they are */
    return true;
}

/* ---- a new weight file ----------------------------------------------------------------------- */

static const char usual[] = "weights/weight.bin";

/* The file's name without its ending, in letters that are safe in any path and text. */
static const char *stem_of(Save *s)
{
    char *stem = arena_strdup(&s->arena, file_base(s->path));
    char *dot = strrchr(stem, '.');
    if (dot && dot != stem) *dot = 0;
    for (char *c = stem; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("._-", *c)) *c = '_';
    return stem;
}

static const char *pick_name(Save *s)
{
    if (is_free(s, usual)) return usual;
    const char *stem = stem_of(s), *rel = arena_printf(&s->arena, "weights/%s.bin", stem);
    for (int i = 1; !is_free(s, rel); i++)
        rel = arena_printf(&s->arena, "weights/%s_%d.bin", stem, i);
    return rel;
}

static int by_address(const void *a, const void *b)
{
    const uintptr_t x = (uintptr_t)((const Place *)a)->c, y = (uintptr_t)((const Place *)b)->c;
    return (x > y) - (x < y);
}

static bool find_place(const void *ctx, const Const *c, uint64_t *offset)
{
    const Save *s = ctx;
    const Place want = { .c = c };
    if (!s->nplace) return false;
    const Place *p = bsearch(&want, s->place, (size_t)s->nplace, sizeof want, by_address);
    if (p) *offset = p->offset;
    return p != NULL;
}

/* Writes all places to a file that waits for its commit; *rel becomes its name. */
static BlobWriter *write_weights(Save *s, const char **rel)
{
    *rel = pick_name(s);
    char *file = file_join_inside(&s->arena, s->d, (Loc){ .src = NULL }, s->dir, *rel);
    if (!file || !file_make_dirs(s->d, file_dir(&s->arena, file))) return NULL;
    BlobWriter *b = blob_create(&s->arena, s->d, file);
    if (!b) return NULL;
    bool ok = true;
    for (int i = 0; ok && i < s->nplace; i++) ok = blob_add(b, s->place[i].c, &s->place[i].offset);
    if (ok && blob_finish(b)) {
        qsort(s->place, (size_t)s->nplace, sizeof *s->place, by_address);
        return b;
    }
    blob_abort(b);
    return NULL;
}

/* ---- saving ---------------------------------------------------------------------------------- */

static bool write_text(Save *s, const char *rel, OutFile *text)
{
    const MilPlaces places = { .find = find_place, .ctx = s,
                               .path = arena_printf(&s->arena, "@model_path/%s", rel ? rel : "") };
    if (!out_open(text, s->d, s->path)) return false;
    bool ok = s->write(s->m, s->d, &places, text);
    if (ok && fflush(text->f)) ok = diag_fail(s->d, "cannot write %s", s->path);
    if (!ok) out_abort(text);
    return ok;
}

/* Everything is on disk under temporary names: weights get theirs first, then the text does. */
static bool commit(Save *s, BlobWriter *b, OutFile *text)
{
    bool ok = true;
    for (int i = 0; i < s->ncopy; i++) {
        if (ok) ok = out_commit(&s->copy[i]);
        else out_abort(&s->copy[i]);
    }
    s->ncopy = 0;
    if (b && ok) ok = blob_commit(b);
    else if (b) blob_abort(b);
    if (ok) return out_commit(text);
    out_abort(text);
    return false;
}

static bool save(Save *s)
{
    BlobWriter *b = NULL;
    const char *rel = NULL;
    OutFile text;
    each_const(s->m, collect, s);
    if (s->nplace && !s->fresh && can_copy(s)) {
        if (!copy_files(s)) return false;
    } else if (s->nplace) {
        b = write_weights(s, &rel);
        if (!b) return false;
    }
    const char *first = arena_printf(&s->arena, "%s/%s", s->dir, usual);
    const bool same = b && strcmp(rel, usual) != 0 && blob_same(b, first);
    if (same) {
        blob_abort(b);
        b = NULL;
        rel = usual;
    }
    const bool aside = b && strcmp(rel, usual) != 0;
    if (!write_text(s, rel, &text)) {
        if (b) blob_abort(b);
        return false;
    }
    if (!commit(s, b, &text)) return false;
    if (aside)
        diag_note(s->d, (Loc){ .src = NULL }, "%s belongs to others; the weights are in %s",
                  first, rel);
    return true;
}

static bool put_piece(void *ctx, const void *text, size_t n) { return out_write(ctx, text, n); }

static bool print_text(const Module *m, Diag *d, const MilPlaces *places, OutFile *out)
{
    (void)d;
    return mil_print_placed(m, places, put_piece, out);
}

bool mil_save(Module *m, Diag *d, const char *path) { return mil_save_as(m, d, path, print_text); }

bool mil_save_as(Module *m, Diag *d, const char *path, MilWriter *write)
{
    Save s = { .m = m, .d = d, .path = path, .write = write };
    s.dir = file_dir(&s.arena, path);
    const bool ok = file_is_dir(s.dir)
                        ? save(&s)
                        : diag_fail(d, "cannot write %s: there is no folder %s", path, s.dir);
    for (int i = 0; i < s.ncopy; i++) out_abort(&s.copy[i]);
    arena_free(&s.arena);
    return ok;
}
