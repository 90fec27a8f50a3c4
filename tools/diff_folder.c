/* diff_folder.c -- finds the first array that differs between two folders of .npy files. */
#include "views.h"
#include "../lib/tensor_io.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *name;   /* without .npy */
    uint64_t iteration; /* of it<k>_NAME */
    size_t place;       /* of the value in the model; what it lacks comes last */
    bool in_a, in_b;
} DiffFile;

typedef struct {
    Arena arena;
    DiffFile *file;
    size_t count, cap;
} DiffFiles;

/* ---- what there is ----------------------------------------------------------------------- */

static int by_name(const void *x, const void *y)
{
    const DiffFile *a = x, *b = y;
    return strcmp(a->name, b->name);
}

static int by_place(const void *x, const void *y)
{
    const DiffFile *a = x, *b = y;
    if (a->iteration != b->iteration) return a->iteration < b->iteration ? -1 : 1;
    if (a->place != b->place) return a->place < b->place ? -1 : 1;
    return by_name(x, y);
}

static void diff_folder_add(DiffFiles *f, DiffFile file)
{
    MEM_ROOM(f->file, f->count, f->cap);
    f->file[f->count++] = file;
}

static bool diff_folder_list(DiffFiles *f, Diag *d, const char *dir, bool first)
{
    DIR *handle = dir_open(dir);
    if (!handle) return diag_fail(d, "cannot read %s: %s", dir, strerror(errno));
    for (const struct dirent *e; (e = readdir(handle));) {
        if (!file_has_suffix(e->d_name, ".npy")) continue;
        const char *name = arena_strndup(&f->arena, e->d_name, strlen(e->d_name) - 4);
        diff_folder_add(f, (DiffFile){ .name = name, .in_a = first, .in_b = !first });
    }
    dir_close(handle);
    return true;
}

/* Those of both folders become one. */
static void diff_folder_merge(DiffFiles *f)
{
    size_t n = 0;
    if (f->count) qsort(f->file, f->count, sizeof *f->file, by_name);
    for (size_t i = 0; i < f->count; i++)
        if (n && !strcmp(f->file[n - 1].name, f->file[i].name)) {
            f->file[n - 1].in_a |= f->file[i].in_a;
            f->file[n - 1].in_b |= f->file[i].in_b;
        } else {
            f->file[n++] = f->file[i];
        }
    f->count = n;
}

/* ---- the model's order ------------------------------------------------------------------- */

static int find_name(const void *key, const void *file)
{
    return strcmp(key, ((const DiffFile *)file)->name);
}

typedef struct {
    DiffFiles known; /* values by name, with their places */
} Order;

static bool add_results(void *ctx, Op *op)
{
    Order *o = ctx;
    for (int i = 0; i < op->nout; i++)
        diff_folder_add(&o->known,
                        (DiffFile){ .name = op->out[i]->name, .place = o->known.count });
    return true;
}

static const DiffFile *place_of(const Order *o, const char *name)
{
    return o->known.count ? bsearch(name, o->known.file, o->known.count,
                                    sizeof *o->known.file, find_name)
                          : NULL;
}

static void put_in_order(DiffFiles *f, const Module *m)
{
    Order o = { 0 };
    for (Func *fn = m->first; fn; fn = fn->next) {
        for (int i = 0; i < fn->body->nparam; i++)
            diff_folder_add(&o.known, (DiffFile){ .name = fn->body->param[i]->name,
                                                  .place = o.known.count });
        func_walk(fn, add_results, &o);
    }
    if (o.known.count) qsort(o.known.file, o.known.count, sizeof *o.known.file, by_name);
    for (size_t i = 0; i < f->count; i++) {
        DiffFile *file = &f->file[i];
        const DiffFile *at = place_of(&o, file->name);
        if (!at && !strncmp(file->name, "it", 2)) {
            char *end;
            uint64_t k = strtoull(file->name + 2, &end, 10);
            if (*end == '_' && (at = place_of(&o, end + 1))) file->iteration = k;
        }
        file->place = at ? at->place : SIZE_MAX;
    }
    mem_free(o.known.file);
    if (f->count) qsort(f->file, f->count, sizeof *f->file, by_place);
}

/* ---- comparing --------------------------------------------------------------------------- */

static DiffVerdict diff_folder_compare(Buf *out, Diag *d, const char *a, const char *b,
                                       const DiffFile *f, const Tolerance *tol)
{
    if (!f->in_a || !f->in_b) {
        buf_message(out, "%s: only in %s\n", f->name, f->in_a ? a : b);
        return DIFF_OTHER;
    }
    Tensor x = { 0 }, y = { 0 };
    Buf path = { 0 };
    buf_printf(&path, "%s/%s.npy", a, f->name);
    bool ok = tensor_load(&x, d, path.s);
    path.len = 0;
    buf_printf(&path, "%s/%s.npy", b, f->name);
    ok = ok && tensor_load(&y, d, path.s);
    if (ok) buf_message(out, "%s: ", f->name);
    DiffVerdict v = !ok                                       ? DIFF_FAILED
                  : report_compare(out, &x, &y, x.dtype, tol) ? DIFF_SAME
                                                              : DIFF_OTHER;
    tensor_free(&x);
    tensor_free(&y);
    buf_free(&path);
    return v;
}

static DiffVerdict compare_all(Buf *out, Diag *d, const char *a, const char *b,
                               const DiffFiles *f, const Tolerance *tol)
{
    size_t others = 0;
    Buf line = { 0 };
    DiffVerdict v = DIFF_SAME;
    for (size_t i = 0; i < f->count && v != DIFF_FAILED; i++) {
        line.len = 0;
        v = diff_folder_compare(&line, d, a, b, &f->file[i], tol);
        if (v != DIFF_OTHER) continue;
        if (!others++) buf_add(out, line.s, line.len);
    }
    buf_free(&line);
    if (others) buf_printf(out, "%zu of %zu arrays differ\n", others, f->count);
    return v == DIFF_FAILED ? v : others ? DIFF_OTHER : DIFF_SAME;
}

DiffVerdict diff_folders(Buf *out, Diag *d, const char *a, const char *b,
                         const Module *order, const Tolerance *tol)
{
    DiffFiles f = { 0 };
    DiffVerdict v = DIFF_FAILED;
    if (diff_folder_list(&f, d, a, true) && diff_folder_list(&f, d, b, false)) {
        diff_folder_merge(&f);
        if (order) put_in_order(&f, order);
        if (f.count) v = compare_all(out, d, a, b, &f, tol);
        else diag_error(d, (Loc){ 0 }, "neither %s nor %s holds a .npy file", a, b);
    }
    mem_free(f.file);
    arena_free(&f.arena);
    return v;
}
