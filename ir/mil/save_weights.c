/* save_weights.c -- the weight files of a folder that a module is saved to: which references stay
 * as they are, which files are copied, what a new one is called, and which go because no text
 * refers to them any more. */
#include "save.h"

#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

bool save_reference_stays(Save *s, const Const *c)
{
    if (c->file->absent) return !s->m->missing;
    for (int i = s->nasked; i-- > 0;)
        if (s->asked[i].file == c->file) return s->asked[i].stays;
    const bool stays = leads_to_same(s, c->file);
    ARENA_ROOM(&s->arena, s->asked, s->nasked, s->asked_cap);
    s->asked[s->nasked++] = (struct Asked){ c->file, stays };
    return stays;
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

const char *save_in_folder(Save *s, const char *rel)
{
    return arena_printf(&s->arena, "%s/%s", s->dir, rel);
}

/* May be written: not there, or nothing refers to it, the model that is there now neither. */
static bool is_free(Save *s, const char *rel)
{
    const char *file = save_in_folder(s, rel);
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

bool save_can_copy(Save *s)
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
    char *to = file_join_inside(&s->arena, s->d, none, s->dir,
                                weight_file_relative(w->path));
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

bool save_copy_files(Save *s)
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

const char save_usual[] = "weights/weight.bin";

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
    for (int i = 1;
         !(*there = blob_same(b, save_in_folder(s, name))) && !is_free(s, name); i++)
        name = arena_printf(&s->arena, "%s_%d.bin", rel, i);
    return name;
}

const char *save_pick_name(Save *s, BlobWriter *b, bool *there)
{
    uint64_t sum;
    *there = blob_same(b, save_in_folder(s, save_usual));
    if (*there) return save_usual;
    if (save_mentions(s->path, "weights/weight-")) { /* the same again keeps its name */
        if (!blob_sum(b, &sum)) return NULL;
        const char *own = arena_printf(&s->arena, "weights/weight-%016llx.bin",
                                       (unsigned long long)sum);
        *there = blob_same(b, save_in_folder(s, own));
        if (*there) return own;
    }
    if (is_free(s, save_usual)) return save_usual;
    const bool own = !used_by_another(s, save_usual)
                  && !is_kept(s, real_path(&s->arena, save_in_folder(s, save_usual)));
    s->aside = !own;
    const char *rel = own ? "weights/weight"
                          : arena_printf(&s->arena, "weights/%s", stem_of(s));
    const char *plain = arena_printf(&s->arena, "%s.bin", rel);
    if (!own
        && (blob_same(b, save_in_folder(s, plain)) || !save_mentions(s->path, plain)))
        return first_free(s, b, rel, there);
    if (!blob_sum(b, &sum)) return NULL;
    return first_free(
        s, b, arena_printf(&s->arena, "%s-%016llx", rel, (unsigned long long)sum), there);
}

static int by_address(const void *a, const void *b)
{
    const uintptr_t x = (uintptr_t)((const SavePlace *)a)->c,
                    y = (uintptr_t)((const SavePlace *)b)->c;
    return (x > y) - (x < y);
}

bool save_find_place(const void *ctx, const Const *c, uint64_t *offset)
{
    const Save *s = ctx;
    const SavePlace want = { .c = c };
    if (!s->nplace) return false;
    const SavePlace *p = bsearch(&want, s->place, (size_t)s->nplace, sizeof want,
                                 by_address);
    if (p) *offset = p->offset;
    return p != NULL;
}

/* In the order of addresses, as save_find_place looks for them. */
static bool add_weights(Save *s, BlobWriter *b)
{
    for (int i = 0; i < s->nplace; i++)
        if (!blob_add(b, s->place[i].c, &s->place[i].offset)) return false;
    qsort(s->place, (size_t)s->nplace, sizeof *s->place, by_address);
    return true;
}

bool save_count_weights(Save *s, uint32_t *weights, uint64_t *bytes)
{
    BlobWriter *b = blob_counter(&s->arena, s->d);
    if (!add_weights(s, b)) return false;
    *weights = blob_records(b, bytes);
    return true;
}

BlobWriter *save_write_weights(Save *s)
{
    char *file = file_join_inside(&s->arena, s->d, (Loc){ .src = NULL }, s->dir,
                                  save_usual);
    const char *folder = file ? file_dir(&s->arena, file) : NULL;
    const bool there = folder && file_is_dir(folder);
    if (!file || !file_make_dirs(s->d, folder)) return NULL;
    if (!there) s->made = folder;
    BlobWriter *b = blob_create(&s->arena, s->d, file);
    if (!b) return NULL;
    if (add_weights(s, b) && blob_finish(b)) return b;
    blob_abort(b);
    return NULL;
}

/* ---- weights that nothing refers to any more --------------------------------------------- */

/* SaveRels as they are given here: weights/NAME.bin, and NAME-SUM.bin with 16 digits. */
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

void save_references(Save *s, const char *text, SaveRels *out)
{
    static const char mark[] = "@model_path/weights/";
    Diag quiet = { .quiet = true };
    Mapped map = { 0 };
    const bool read = file_map(&quiet, text, &map) && map.data;
    const char *at = read ? (const char *)map.data : "",
               *end = at + (read ? map.size : 0);
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

void save_remove_unused(Save *s, const SaveRels *n)
{
    for (int i = 0; i < n->count; i++)
        if (!save_mentions(s->path, n->at[i]) && !used_by_another(s, n->at[i]))
            unlink(save_in_folder(s, n->at[i]));
}

/* A run that was killed between the new weights and the new text left the text under its
 * temporary name, which says what the weights are called. */
void save_sweep(Save *s)
{
    SaveRels names = { 0 };
    DIR *dir = dir_open(s->dir);
    for (struct dirent *e; dir && (e = readdir(dir)) != NULL;)
        if (temp_is_stale(s->dir, e->d_name))
            save_references(s, save_in_folder(s, e->d_name), &names);
    dir_close(dir);
    save_remove_unused(s, &names);
}
