/* pictures.c -- folders of PNG files as samples: one file is one sample, in the order of names.
 * Files of different inputs that belong together have the same name.
 *
 * The files are read once, at the beginning, and kept as bytes, channel by channel. */
#include "train.h"

#include <stdlib.h>

bool pictures_named(const char *path) { return file_is_dir(path); }

/* ---- names ------------------------------------------------------------------------------- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool picture_names(TrainData *t, TrainColumn *c)
{
    size_t cap = 0;
    DIR *dir = dir_open(c->file);
    if (!dir) return diag_fail(t->diag, "cannot read the folder %s", c->file);
    for (const struct dirent *e; (e = readdir(dir));) {
        if (!file_has_suffix(e->d_name, ".png")) continue;
        ARENA_ROOM(&t->arena, c->name, c->names, cap);
        c->name[c->names++] = arena_strdup(&t->arena, e->d_name);
    }
    dir_close(dir);
    if (!c->names) return diag_error(t->diag, (Loc){ 0 }, "%s has no .png", c->file);
    qsort(c->name, c->names, sizeof *c->name, by_text);
    return true;
}

/* Both are in order: the first name that one of them has alone. */
static bool same_names(TrainData *t, const TrainColumn *a, const TrainColumn *b)
{
    size_t i = 0;
    while (i < a->names && i < b->names && !strcmp(a->name[i], b->name[i])) i++;
    if (i == a->names && i == b->names) return true;
    const bool lacks = i == a->names
                    || (i < b->names && strcmp(b->name[i], a->name[i]) < 0);
    const TrainColumn *has = lacks ? b : a, *other = lacks ? a : b;
    return diag_error(
        t->diag, (Loc){ 0 },
        "%s has no %s, as %s has: pictures that belong together have one name",
        other->file, has->name[i], has->file);
}

/* ---- pixels ------------------------------------------------------------------------------ */

/* From [height, width, of] to [channels, height, width]; grey is the same in all channels. */
static void lay_pixels(const anec_tensor *t, size_t channels, unsigned char *to)
{
    const size_t of = (size_t)t->shape[2], plane = t->bytes / of;
    const unsigned char *from = t->data;
    for (size_t c = 0; c < channels; c++)
        for (size_t i = 0; i < plane; i++)
            to[c * plane + i] = from[i * of + (of == 1 ? 0 : c)];
}

static bool picture_fits(TrainData *t, const TrainColumn *c, const char *path,
                         const anec_tensor *got)
{
    const NpyArray *a = &c->array;
    const int64_t *side = a->shape + a->rank - 2,
                  channels = a->rank == 4 ? a->shape[1] : 1;
    if (got->shape[0] != side[0] || got->shape[1] != side[1])
        return diag_error(t->diag, (Loc){ 0 },
                          "%s is %lld x %lld pixels (width x height), the input %s takes "
                          "%lld x %lld",
                          path, (long long)got->shape[1], (long long)got->shape[0],
                          c->input, (long long)side[1], (long long)side[0]);
    if (channels == 1 && got->shape[2] != 1)
        return diag_error(
            t->diag, (Loc){ 0 },
            "%s has colours, and the input %s one channel: make it grey first", path,
            c->input);
    return true;
}

static bool load_picture(TrainData *t, const TrainColumn *c, size_t i)
{
    anec_error error;
    anec_tensor got;
    Arena a = { 0 };
    const char *path = arena_printf(&a, "%s/%s", c->file, c->name[i]);
    const anec_status s = anec_tensor_load(NULL, path, &got, &error);
    if (s == ANEC_WRONG) diag_error(t->diag, (Loc){ 0 }, "%s", error.text);
    else if (s) diag_fail(t->diag, "%s", error.text);
    const size_t channels = c->array.rank == 4 ? (size_t)c->array.shape[1] : 1;
    const bool ok = !s && picture_fits(t, c, path, &got);
    if (ok)
        lay_pixels(&got, channels,
                   (unsigned char *)c->array.copy + i * c->array.bytes / c->names);
    anec_tensor_free(&got);
    arena_free(&a);
    return ok;
}

/* What the array of all pictures is. */
static bool picture_array(TrainData *t, TrainColumn *c, const anec_tensor *port)
{
    NpyArray *a = &c->array;
    const bool colours = port->rank == 4 && (port->shape[1] == 1 || port->shape[1] == 3);
    if (port->rank != 3 && !colours)
        return diag_error(
            t->diag, (Loc){ 0 },
            "%s: the input %s has no pictures: those are [samples, height, "
            "width], or [samples, channels, height, width] of 1 or 3 channels",
            c->file, c->input);
    a->descr = "|u1";
    a->rank = port->rank;
    a->shape[0] = (int64_t)c->names;
    a->count = c->names;
    for (int i = 1; i < port->rank; i++) {
        a->shape[i] = port->shape[i];
        if (!size_mul(a->count, (size_t)port->shape[i], &a->count)) mem_out(SIZE_MAX);
    }
    a->bytes = a->count;
    a->data = a->copy = mem_alloc(a->bytes + 1);
    if (!a->copy) mem_out(a->bytes);
    return true;
}

bool pictures_open(TrainData *t, TrainColumn *c, const anec_tensor *port)
{
    if (!picture_names(t, c)) return false;
    const TrainColumn *first = t->column;
    if (c != first && first->names && !same_names(t, first, c)) return false;
    if (!picture_array(t, c, port)) return false;
    for (size_t i = 0; i < c->names; i++)
        if (!load_picture(t, c, i)) return false;
    return true;
}

/* ---- img and mask ------------------------------------------------------------------------ */

const char *pictures_pairs(Arena *a, const char *text)
{
    const char *image = arena_printf(a, "%s/img", text);
    if (!file_is_dir(image)) return text;
    return arena_printf(a, "%s,%s/mask", image, text);
}
