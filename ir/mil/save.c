/* save.c -- writes a Module into a folder: its text, and the weights that the text refers
 * to. */
#include "mil_text.h"
#include "spec.h"

#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 1 << 16 };
/* more, and not spelled out by anyone, should not go to a terminal */
enum { TEXT_ELEMENTS = 1024 };

typedef struct {
    const Const *c;
    uint64_t offset;
} SavePlace;

typedef struct {
    Arena arena;
    Module *m;
    Diag *d;
    const char *path, *dir;
    MilWriter *write;
    SavePlace *place; /* literals that leave the text, sorted by address later */
    int nplace, place_cap;
    bool fresh; /* among them, some that no weight file holds yet */
    /* reference_stays, once per file */
    struct Asked {
        const WeightFile *file;
        bool stays;
    } * asked;
    int nasked, asked_cap;
    const char **kept; /* real paths of the folder's weight files that references stay with */
    int nkept, kept_cap;
    OutFile *copy;       /* weight files of another folder, copied whole */
    const char **copied; /* their paths */
    int ncopy;
    const char *weights; /* a new weight file, by its last name */
    bool aside;          /* which is not the usual one: that belongs to others */
    const char *made;    /* the folder of weights, where it was not there before */
    Beside *beside;      /* what changes with the text, or NULL */
} Save;

/* ---- every literal of a module ----------------------------------------------------------- */

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

static bool visit_op(void *ctx, const Op *op)
{
    const Visit *v = ctx;
    const Func *f = op->parent->func;
    Attr one;
    const Attrs attrs = op_attrs(op, &one);
    for (int i = 0; i < attrs.count; i++) visit_const(v, f, attrs.at[i].val);
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++) {
            const Value *val = op->arg[i].val[k];
            if (!val->name && value_lit(val)) visit_const(v, f, value_lit(val));
        }
    return true;
}

static void each_const(const Module *m, ConstVisitor *fn, void *ctx)
{
    Visit v = { .fn = fn, .ctx = ctx };
    for (const Func *f = m->first; f; f = f->next) {
        for (int i = 0; i < f->attrs.count; i++) visit_const(&v, f, f->attrs.at[i].val);
        func_read(f, visit_op, &v);
    }
}

/* ---- which literals belong in a file ----------------------------------------------------- */

typedef struct {
    bool marked, found;
} SaveLook;

/* Small literals that are marked for a file, which a text can hold all the same, count only
 * when asked for. */
static void look_for_weights(void *ctx, const Func *f, const Const *c)
{
    SaveLook *look = ctx;
    Const as_is = *c;
    if (!look->marked) as_is.in_file = false;
    /* of what the user has elsewhere */
    const bool made = c->kind != CONST_DATA && c->kind != CONST_OF;
    look->found |= const_leaves_text(f, &as_is, made ? CONST_FILE_MIN : TEXT_ELEMENTS);
}

bool mil_needs_weights(const Module *m, bool marked)
{
    SaveLook look = { .marked = marked };
    each_const(m, look_for_weights, &look);
    return look.found;
}

/* ---- what the folder has ----------------------------------------------------------------- */

static const char *real_path(Arena *a, const char *path)
{
    char *real = file_real(path);
    const char *kept = real ? arena_strdup(a, real) : NULL;
    mem_free(real);
    return kept;
}

/* The file that a reference would find from the folder that is saved to. */
static const char *found_from(Save *s, const char *ref)
{
    return arena_printf(&s->arena, "%s/%s", s->dir, weight_file_relative(ref));
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
        ARENA_ROOM(&s->arena, s->kept, s->nkept, s->kept_cap);
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
    ARENA_ROOM(&s->arena, s->asked, s->nasked, s->asked_cap);
    s->asked[s->nasked++] = (struct Asked){ c->file, stays };
    return stays;
}

static void save_collect(void *ctx, const Func *f, const Const *c)
{
    Save *s = ctx;
    const bool blob = c->kind == CONST_BLOB;
    if (blob ? reference_stays(s, c) : !const_leaves_text(f, c, CONST_FILE_MIN)) return;
    if (!blob || c->file->absent) s->fresh = true;
    ARENA_ROOM(&s->arena, s->place, s->nplace, s->place_cap);
    s->place[s->nplace++] = (SavePlace){ .c = c };
}

static bool save_mentions(const char *file, const char *ref)
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
        found = real && (!own || strcmp(real, own) != 0) && save_mentions(file, rel);
    }
    dir_close(dir);
    return found;
}

static const char *in_folder(Save *s, const char *rel)
{
    return arena_printf(&s->arena, "%s/%s", s->dir, rel);
}

/* May be written: not there, or nothing refers to it, the model that is there now neither. */
static bool is_free(Save *s, const char *rel)
{
    const char *file = in_folder(s, rel);
    return !file_exists(file)
        || (!is_kept(s, real_path(&s->arena, file)) && !save_mentions(s->path, rel)
            && !used_by_another(s, rel));
}

/* ---- files copied whole ------------------------------------------------------------------ */

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
    for (const WeightFile *w = module_files(s->m); w; w = w->next) {
        const char *to = found_from(s, w->path);
        if (w->absent || same_bytes(to, &w->map)) continue;
        if (!is_free(s, weight_file_relative(w->path))) return false;
    }
    return true;
}

static bool copy_file(Save *s, const WeightFile *w)
{
    const Loc none = { .src = NULL };
    char *to = file_join_inside(&s->arena, s->d, none, s->dir, weight_file_relative(w->path));
    if (!to) return false;
    const char *folder = file_dir(&s->arena, to);
    const bool there = file_is_dir(folder);
    if (!file_make_dirs(s->d, folder)) return false;
    if (!there) s->made = folder;
    OutFile *o = &s->copy[s->ncopy];
    if (!out_open(o, s->d, to)) return false;
    s->copied[s->ncopy++] = to;
    return out_write(o, w->map.data, w->map.size);
}

static bool copy_files(Save *s)
{
    int n = 0;
    for (const WeightFile *w = module_files(s->m); w; w = w->next) n++;
    s->copy = NEW_ARRAY(&s->arena, n, OutFile);
    s->copied = NEW_ARRAY(&s->arena, n, const char *);
    for (const WeightFile *w = module_files(s->m); w; w = w->next) {
        bool used = false;
        for (int i = 0; i < s->nplace && !used; i++)
            used = s->place[i].c->kind == CONST_BLOB && s->place[i].c->file == w;
        if (used && !same_bytes(found_from(s, w->path), &w->map) && !copy_file(s, w))
            return false;
    }
    s->nplace = 0; /* the references stay as they are */
    return true;
}

/* ---- a new weight file ------------------------------------------------------------------- */

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

/* Of these the first that is free or holds the bytes already: `rel`, then `rel` with
 * numbers. */
static const char *first_free(Save *s, BlobWriter *b, const char *rel, bool *there)
{
    const char *name = arena_printf(&s->arena, "%s.bin", rel);
    for (int i = 1; !(*there = blob_same(b, in_folder(s, name))) && !is_free(s, name); i++)
        name = arena_printf(&s->arena, "%s_%d.bin", rel, i);
    return name;
}

/* The name for what was written, which no text of now refers to: until the new text is in
 * its place the old one finds its weights. NULL: failed. there: a file holds these bytes
 * already. */
static const char *pick_name(Save *s, BlobWriter *b, bool *there)
{
    uint64_t sum;
    *there = blob_same(b, in_folder(s, usual));
    if (*there) return usual;
    if (save_mentions(s->path, "weights/weight-")) { /* the same again keeps its name */
        if (!blob_sum(b, &sum)) return NULL;
        const char *own = arena_printf(&s->arena, "weights/weight-%016llx.bin",
                                       (unsigned long long)sum);
        *there = blob_same(b, in_folder(s, own));
        if (*there) return own;
    }
    if (is_free(s, usual)) return usual;
    const bool own = !used_by_another(s, usual)
                  && !is_kept(s, real_path(&s->arena, in_folder(s, usual)));
    s->aside = !own;
    const char *rel = own ? "weights/weight"
                          : arena_printf(&s->arena, "weights/%s", stem_of(s));
    const char *plain = arena_printf(&s->arena, "%s.bin", rel);
    if (!own && (blob_same(b, in_folder(s, plain)) || !save_mentions(s->path, plain)))
        return first_free(s, b, rel, there);
    if (!blob_sum(b, &sum)) return NULL;
    return first_free(s, b, arena_printf(&s->arena, "%s-%016llx", rel, (unsigned long long)sum),
                      there);
}

static int by_address(const void *a, const void *b)
{
    const uintptr_t x = (uintptr_t)((const SavePlace *)a)->c,
                    y = (uintptr_t)((const SavePlace *)b)->c;
    return (x > y) - (x < y);
}

static bool find_place(const void *ctx, const Const *c, uint64_t *offset)
{
    const Save *s = ctx;
    const SavePlace want = { .c = c };
    if (!s->nplace) return false;
    const SavePlace *p = bsearch(&want, s->place, (size_t)s->nplace, sizeof want, by_address);
    if (p) *offset = p->offset;
    return p != NULL;
}

/* Writes all places to a file that waits for its commit. */
static BlobWriter *write_weights(Save *s)
{
    char *file = file_join_inside(&s->arena, s->d, (Loc){ .src = NULL }, s->dir, usual);
    const char *folder = file ? file_dir(&s->arena, file) : NULL;
    const bool there = folder && file_is_dir(folder);
    if (!file || !file_make_dirs(s->d, folder)) return NULL;
    if (!there) s->made = folder;
    BlobWriter *b = blob_create(&s->arena, s->d, file);
    if (!b) return NULL;
    bool ok = true;
    for (int i = 0; ok && i < s->nplace; i++)
        ok = blob_add(b, s->place[i].c, &s->place[i].offset);
    if (ok && blob_finish(b)) {
        qsort(s->place, (size_t)s->nplace, sizeof *s->place, by_address);
        return b;
    }
    blob_abort(b);
    return NULL;
}

/* ---- weights that nothing refers to any more --------------------------------------------- */

/* Rels as they are given here: weights/NAME.bin, and NAME-SUM.bin with 16 digits. */
static bool is_ours(Save *s, const char *rel)
{
    static const char folder[] = "weights/";
    const char *stems[] = { "weight", stem_of(s) }, *name = rel + sizeof folder - 1;
    if (strncmp(rel, folder, sizeof folder - 1) != 0) return false;
    for (size_t i = 0; i < COUNT(stems); i++) {
        const size_t n = strlen(stems[i]);
        if (strncmp(name, stems[i], n) != 0) continue;
        if (!strcmp(name + n, ".bin")) return true;
        if (name[n] == '-' && strspn(name + n + 1, "0123456789abcdef") == 16
            && !strcmp(name + n + 17, ".bin"))
            return true;
    }
    return false;
}

typedef struct {
    const char **at;
    int count, cap;
} Rels;

/* The weight files of ours that a text refers to. */
static void add_references(Save *s, const char *text, Rels *out)
{
    static const char mark[] = "@model_path/weights/";
    Diag quiet = { .quiet = true };
    Mapped map = { 0 };
    const bool read = file_map(&quiet, text, &map) && map.data;
    const char *at = read ? (const char *)map.data : "", *end = at + (read ? map.size : 0);
    while ((at = memmem(at, (size_t)(end - at), mark, sizeof mark - 1)) != NULL) {
        at += strlen("@model_path/");
        const char *rel = arena_strndup(&s->arena, at, strcspn(at, "\"\n"));
        bool known = !is_ours(s, rel);
        for (int i = 0; i < out->count && !known; i++) known = !strcmp(out->at[i], rel);
        if (known) continue;
        ARENA_ROOM(&s->arena, out->at, out->count, out->cap);
        out->at[out->count++] = rel;
    }
    file_unmap(&map);
    diag_free(&quiet);
}

static void remove_unused(Save *s, const Rels *n)
{
    for (int i = 0; i < n->count; i++)
        if (!save_mentions(s->path, n->at[i]) && !used_by_another(s, n->at[i]))
            unlink(in_folder(s, n->at[i]));
}

/* A run that was killed between the new weights and the new text left the text under its
 * temporary name, which says what the weights are called. */
static void save_sweep(Save *s)
{
    Rels names = { 0 };
    DIR *dir = dir_open(s->dir);
    for (struct dirent *e; dir && (e = readdir(dir)) != NULL;)
        if (temp_is_stale(s->dir, e->d_name))
            add_references(s, in_folder(s, e->d_name), &names);
    dir_close(dir);
    remove_unused(s, &names);
}

/* ---- saving ------------------------------------------------------------------------------ */

static bool write_text(Save *s, const char *rel, OutFile *text)
{
    const MilPlaces places = { .find = find_place,
                               .ctx = s,
                               .path = arena_printf(&s->arena, "@model_path/%s",
                                                    rel ? rel : "") };
    if (!out_open(text, s->d, s->path)) return false;
    bool ok = s->write(s->m, s->d, &places, text);
    ok = ok && out_flush(text);
    if (!ok) out_abort(text);
    return ok;
}

/* The sum of what was written, for who asks. */
static bool sum_text(Save *s, OutFile *text, char hex[65])
{
    Sha256 sha = sha256_start();
    unsigned char *piece = arena_alloc(&s->arena, PIECE);
    for (uint64_t at = 0; at < text->written; at += PIECE) {
        const size_t n = text->written - at < PIECE ? (size_t)(text->written - at) : PIECE;
        if (!out_read(text, at, piece, n)) return false;
        sha256_add(&sha, piece, n);
    }
    sha256_end(&sha, hex);
    return true;
}

/* Weights of the new text, where no text finds them yet. */
static bool commit_weights(Save *s, BlobWriter *b, Rels *made)
{
    const char *last = NULL;
    for (int i = 0; i < s->ncopy; i++) {
        const bool there = file_exists(s->copied[i]);
        if (!out_commit(&s->copy[i])) return false;
        last = s->copied[i];
        if (there) continue;
        ARENA_ROOM(&s->arena, made->at, made->count, made->cap);
        made->at[made->count++] = last;
    }
    if (b) {
        const bool there = file_exists(s->weights);
        if (!blob_commit(b)) return false;
        last = s->weights;
        ARENA_ROOM(&s->arena, made->at, made->count, made->cap);
        if (!there) made->at[made->count++] = last;
    }
    return !last || file_sync_folder(s->d, file_dir(&s->arena, last));
}

static bool commit_text(Save *s, OutFile *text)
{
    char sum[65];
    const bool ok = !s->beside || (sum_text(s, text, sum) && beside_prepare(s->beside, sum));
    if (ok) return out_commit(text);
    out_abort(text);
    return false;
}

/* Everything is on disk without a name of its own. Weights get theirs first, then what stands
 * beside; the text is what makes both the model's. A signal waits until it is one model or the
 * other. */
static bool save_commit(Save *s, BlobWriter *b, OutFile *text)
{
    SignalHold hold;
    Rels made = { 0 }, old = { 0 };
    temp_hold_signals(&hold);
    add_references(s, s->path, &old);
    bool ok = module_stayed(s->m, s->d) && commit_weights(s, b, &made);
    if (ok) {
        ok = commit_text(s, text);
        if (!ok && s->beside) beside_undo(s->beside);
    } else {
        out_abort(text);
    }
    if (ok) {
        ok = file_sync_folder(s->d, s->dir);
        if (s->beside) ok = beside_finish(s->beside) && ok;
        remove_unused(s, &old);
    } else {
        for (int i = 0; i < made.count; i++) unlink(made.at[i]);
    }
    temp_let_signals(&hold);
    return ok;
}

static bool write_all(Save *s, BlobWriter **b)
{
    const char *rel = NULL;
    OutFile text;
    bool there = false;
    if (s->nplace && !s->fresh && can_copy(s)) {
        if (!copy_files(s)) return false;
    } else if (s->nplace) {
        *b = write_weights(s);
        rel = *b ? pick_name(s, *b, &there) : NULL;
        if (!rel) return false;
        s->weights = in_folder(s, rel);
        blob_name(*b, s->weights);
    }
    if (!write_text(s, rel, &text)) return false;
    BlobWriter *own = there ? NULL : *b;
    if (there) blob_abort(*b);
    if (there) *b = NULL;
    if (!save_commit(s, own, &text)) return false;
    if (own && s->aside)
        diag_note(s->d, (Loc){ .src = NULL }, "%s belongs to others; the weights are in %s",
                  in_folder(s, usual), rel);
    return true;
}

static bool save_whole(Save *s)
{
    BlobWriter *b = NULL;
    save_sweep(s);
    each_const(s->m, save_collect, s);
    const bool ok = write_all(s, &b);
    if (b) blob_abort(b);
    for (int i = 0; i < s->ncopy; i++) out_abort(&s->copy[i]);
    if (!ok && s->made) rmdir(s->made);
    return ok;
}

static bool put_piece(void *ctx, const void *text, size_t n) { return out_write(ctx, text, n); }

static bool print_text(const Module *m, Diag *d, const MilPlaces *places, OutFile *out)
{
    (void)d;
    return mil_print_placed(m, places, put_piece, out);
}

bool mil_save_beside(Module *m, Diag *d, const char *path, Beside *beside)
{
    return mil_free_words(m, d) && mil_save_as(m, d, path, print_text, beside);
}

bool mil_save(Module *m, Diag *d, const char *path)
{
    return mil_save_beside(m, d, path, NULL);
}

bool mil_save_as(Module *m, Diag *d, const char *path, MilWriter *write, Beside *beside)
{
    Save s = { .m = m, .d = d, .path = path, .write = write, .beside = beside };
    s.dir = file_dir(&s.arena, path);
    mil_hoist(m);
    const bool ok = file_is_dir(s.dir)
                      ? save_whole(&s)
                      : diag_fail(d, "cannot write %s: there is no folder %s", path, s.dir);
    arena_free(&s.arena);
    return ok;
}
