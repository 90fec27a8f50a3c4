/* export_weights.c -- --export-weights: the weights of a program as .npy files, which Python
 * reads. */
#include "views.h"
#include "../ir/coreai/core_py.h"

#include "../lib/tensor_io.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef struct {
    const char *name; /* of its file, without .npy */
    /* of a constant: the function that it stands in; NULL: a declared weight */
    const char *func;
    const Const *c;
    size_t order;
} Exported;

typedef struct {
    Arena arena;
    Exported *at;
    size_t n, room;
    const DslWeights *declared; /* the program's own weights, by their paths; or NULL */
} Export;

/* ---- which ------------------------------------------------------------------------------- */

/* A name of MIL may have characters that stand for folders. */
static const char *file_name(Export *e, const char *name)
{
    char *own = arena_strdup(&e->arena, *name ? name : "_");
    for (char *c = own; *c; c++)
        if (*c == '/' || *c == '\\' || (unsigned char)*c < ' ') *c = '_';
    if (*own == '.') *own = '_';
    return own;
}

static void add_exported(Export *e, const char *name, const char *func, const Const *c)
{
    ARENA_ROOM(&e->arena, e->at, e->n, e->room);
    e->at[e->n] = (Exported){ file_name(e, name), func, c, e->n };
    e->n++;
}

/* A declared weight stands in the program under its path with other dots, in some shape. */
static bool is_path(const char *name, const char *path)
{
    for (; *path && (*name == *path || (*path == '.' && *name == '_')); path++) name++;
    return !*path;
}

static bool is_declared(const Export *e, const char *name, const Const *c)
{
    for (int i = 0; e->declared && i < e->declared->count; i++) {
        const DslWeight *w = &e->declared->at[i];
        Const same = *c;
        same.type = w->value->type;
        if (same.type->dtype == c->type->dtype && is_path(name, w->path)
            && const_equal(&same, w->value))
            return true;
    }
    return false;
}

static bool visit_const(void *ctx, const Op *op)
{
    Export *e = ctx;
    const Func *f = op->parent->func;
    const Const *c = op->kind == OP_const ? value_lit(op->out[0]) : NULL;
    if (c && c->type->kind == TY_TENSOR && c->type->dtype != DT_STRING
        && const_in_file(f, c) && !is_declared(e, op->out[0]->name, c))
        add_exported(e, op->out[0]->name, f->name, c);
    return true;
}

/* In the order of their files, as a Mac's file system compares names: in one case. */
static int by_file(const void *a, const void *b)
{
    const Exported *x = a, *y = b;
    const int order = strcasecmp(x->name, y->name);
    if (order) return order;
    return x->order < y->order ? -1 : 1;
}

static void sort_exported(Export *e)
{
    if (e->n) qsort(e->at, e->n, sizeof *e->at, by_file);
}

static const char *apart(Export *e, const Exported *x, size_t number)
{
    return x->func ? arena_printf(&e->arena, "%s.%s", file_name(e, x->func), x->name)
                   : arena_printf(&e->arena, "%s-%zu", x->name, number);
}

/* What several functions have alike is one file; others of one name have their function's, or a
 * number. */
static bool name_apart(Export *e, Diag *d)
{
    size_t n = 0;
    sort_exported(e);
    for (size_t i = 0; i < e->n; i++) {
        const bool same = n && !strcasecmp(e->at[n - 1].name, e->at[i].name);
        if (!same || !const_equal(e->at[n - 1].c, e->at[i].c)) e->at[n++] = e->at[i];
    }
    e->n = n;
    for (size_t i = n; i-- > 1;) {
        size_t k =
            0; /* so many before it are called so; names before it are as they were */
        while (k < i && !strcasecmp(e->at[i - k - 1].name, e->at[i].name)) k++;
        if (k) e->at[i].name = apart(e, &e->at[i], k + 1);
    }
    sort_exported(e);
    for (size_t i = 1; i < n; i++)
        if (!strcasecmp(e->at[i - 1].name, e->at[i].name))
            return diag_error(
                d, (Loc){ 0 },
                "two constants would be written as %s.npy: another name for one of "
                "them in the program sets them apart",
                e->at[i].name);
    return true;
}

/* ---- writing ----------------------------------------------------------------------------- */

enum { PIECE = 8192 }; /* elements: whole bytes of any type */

/* A piece in the type that .npy has for it. */
static bool put_piece(OutFile *o, DType as, const Tensor *from)
{
    double number[PIECE], wide[PIECE] = { 0 };
    const size_t n = from->count;
    if (as == from->dtype) return out_write(o, from->data, from->bytes);
    Tensor to = tensor_view(as, &from->shape, wide);
    if (dtype_is_float(as)) {
        tensor_get_floats(from, 0, n, number);
        tensor_put_floats(&to, 0, n, number);
    } else {
        for (size_t i = 0; i < n; i++) tensor_set_int(&to, i, tensor_int(from, i));
    }
    return out_write(o, wide, to.bytes);
}

static bool put_elements(OutFile *o, Diag *d, const Const *c)
{
    const DType type = c->type->dtype;
    double raw[PIECE];
    size_t all;
    if (!shape_count(&c->type->shape, &all)) return false;
    for (size_t i = 0; i < all; i += PIECE) {
        const Shape run = SHAPE((int64_t)(all - i < PIECE ? all - i : PIECE));
        const Tensor t = tensor_view(type, &run, raw);
        if (!const_read(c, d, i, t.count, raw) || !put_piece(o, npy_stand_in(type), &t))
            return false;
    }
    return true;
}

static bool write_one(Diag *d, const char *path, const Const *c)
{
    OutFile o;
    Buf header = { 0 };
    npy_header(&header, dtypes[npy_stand_in(c->type->dtype)].npy, c->type->shape.rank,
               c->type->shape.dim);
    bool ok = out_open(&o, d, path) && out_write(&o, header.s, header.len)
           && put_elements(&o, d, c);
    if (ok) ok = out_commit(&o);
    else out_abort(&o);
    buf_free(&header);
    return ok;
}

/* What is in the folder's place goes: it must be an older export, or nothing. */
static bool may_replace(Export *e, Diag *d, const char *dir)
{
    size_t n = 0;
    if (!file_exists(dir)) return true;
    const char **name = folder_names(&e->arena, dir, &n);
    bool known = name != NULL;
    for (size_t i = 0; i < n; i++) known = known && file_has_suffix(name[i], ".npy");
    return known
        || diag_fail(d, "%s is no folder of .npy files alone: it is not replaced", dir);
}

static bool write_all(Export *e, Diag *d, const Module *m, const char *dir)
{
    Stage s;
    if (!may_replace(e, d, dir) || !file_make_dirs(d, file_dir(&e->arena, dir))
        || !stage_open(&s, d, dir))
        return false;
    bool ok = true;
    temp_tree_hold(
        s.at); /* there may be more files than there are places for temporaries */
    for (size_t i = 0; ok && i < e->n; i++)
        ok = write_one(d, arena_printf(&e->arena, "%s/%s.npy", s.at, e->at[i].name),
                       e->at[i].c);
    if (ok && module_stayed(m, d)) {
        temp_tree_let(s.at);
        return stage_commit(&s);
    }
    temp_tree_end(s.at);
    stage_abort(&s);
    return false;
}

bool export_weights(const Model *model, Diag *d, const char *dir)
{
    const Module *m = model->module;
    const DslWeights *declared = model->dsl ? &model->declared : NULL;
    Export e = { .declared = declared };
    for (int i = 0; declared && i < declared->count; i++)
        add_exported(&e, declared->at[i].path, NULL, declared->at[i].value);
    for (const Func *f = m->first; f; f = f->next) func_read(f, visit_const, &e);
    const bool ok = name_apart(&e, d) && write_all(&e, d, m, dir);
    arena_free(&e.arena);
    return ok;
}

bool export_core_weights(const Model *model, Diag *d, const char *dir,
                         const CoreWeight *w, size_t n)
{
    Export e = { .n = 0 };
    for (size_t i = 0; i < n; i++) add_exported(&e, w[i].file, NULL, w[i].c);
    const bool ok = write_all(&e, d, model->module, dir);
    arena_free(&e.arena);
    return ok;
}
