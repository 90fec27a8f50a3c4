/* lower_load.c -- tensors of .npy, .safetensors and .gguf files as weights. Their bytes are
 * not read before the model is written or run, except to find numbers that fp16 cannot hold. */
#include "lower.h"

#include <string.h>

/* ---- files ------------------------------------------------------------------------------- */

static void keep_map(Lower *l, Mapped map)
{
    Module *m = l->m;
    Mapped *all = NEW_ARRAY(&m->arena, m->nmaps + 1, Mapped);
    if (m->nmaps) memcpy(all, m->maps, (size_t)m->nmaps * sizeof *all);
    all[m->nmaps++] = map;
    m->maps = all;
}

/* What the elements of a file are. */
typedef struct {
    DType type;
    const ByteFloat *coded; /* as bytes that are read as `type`; or NULL */
} FileElements;

static const char *elements_name(FileElements e)
{
    return e.coded ? e.coded->name : dtypes[e.type].name;
}

static const Const *file_const(Lower *l, Loc loc, const char *path, const Type *t,
                               FileElements e, const void *data)
{
    Const *c = NEW(&l->m->arena, Const);
    *c = (Const){ .type = t,
                  .kind = CONST_FILE,
                  .loc = loc,
                  .src = e.type,
                  .coded = e.coded,
                  .src_data = data };
    if (t->dtype == DT_FP16) const_warn_range(c, path, l->diag);
    return c;
}

bool weight_same_shape(Lower *l, Loc loc, const char *path, const Type *t,
                       const char *where, int rank, const int64_t *dim)
{
    Shape s = shape_of(rank, dim);
    if (shape_equal(&s, &t->shape)) return true;
    return lower_error(l, loc, "weight %s is %s, but %s holds %s", path,
                       shape_text(&l->arena, &t->shape), where,
                       shape_text(&l->arena, &s));
}

bool weight_same_class(Lower *l, Loc loc, const char *path, const Type *t,
                       const char *where, DType src, const char *name)
{
    if (dtype_is_float(t->dtype) == dtype_is_float(src) || dtype_is_float(t->dtype))
        return true;
    return lower_error(l, loc, "weight %s is %s, but %s holds %s", path,
                       dtypes[t->dtype].name, where, name);
}

static bool no_such_elements(Lower *l, Loc loc, const char *as)
{
    const char *known[DT_COUNT + 8], *one, *near;
    size_t n = 0;
    for (int i = 1; i < DT_COUNT; i++)
        if (dtypes[i].bits >= 8) known[n++] = dtypes[i].name;
    for (int i = 0; n < COUNT(known) && (one = byte_float_name(i)) != NULL; i++)
        known[n++] = one;
    near = name_nearest(as, known, n);
    return lower_error(l, loc, "load: %s is no element type of a file%s%s%s", as,
                       near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

/* Containers without a type for some floats hold them as integers of their width: `as` says
 * what these are. What a file says of itself stays so. */
static bool elements_as(Lower *l, Loc loc, const char *as, const char *where,
                        FileElements *e)
{
    if (!as || !strcmp(as, elements_name(*e))) return true;
    const ByteFloat *coded = byte_float_find(as);
    const DType type = coded ? coded->as : dtype_find(as, strlen(as));
    if (!type || dtypes[type].bits < 8) return no_such_elements(l, loc, as);
    const int bits = coded ? 8 : dtypes[type].bits;
    if (!dtype_is_int(e->type) || dtypes[e->type].bits != bits || type == DT_BOOL)
        return lower_error(l, loc, "load: %s holds %s, which cannot be %s", where,
                           elements_name(*e), as);
    *e = (FileElements){ type, coded };
    return true;
}

const char *weight_inside(Lower *l, Loc loc, const char *name)
{
    const char *path = file_join_linked(&l->arena, l->diag, loc, l->root, name,
                                        l->opt->follow_links);
    if (path && !file_exists(path)) {
        lower_error(l, loc, "there is no file %s", path);
        return NULL;
    }
    return path;
}

const Const *weight_of_npy(Lower *l, Loc loc, const char *path, const Type *t,
                           const char *full, const char *as)
{
    NpyArray a;
    const char *name = file_base(full);
    if (!npy_open(l->diag, full, &a)) return NULL;
    FileElements e = { .type = dtype_of_npy(a.descr) };
    /* every type that npy_open gives is in dtypes */
    if (!e.type) bug("elements of type %s", a.descr);
    if (!elements_as(l, loc, as, name, &e)
        || !weight_same_shape(l, loc, path, t, name, a.rank, a.shape)
        || !weight_same_class(l, loc, path, t, name, e.type, elements_name(e))) {
        npy_close(&a);
        return NULL;
    }
    const void *data = a.data;
    if (a.map.data) keep_map(l, a.map);
    if (a.copy) keep_map(l, (Mapped){ .data = a.copy, .size = a.bytes });
    return file_const(l, loc, path, t, e, data);
}

static const struct {
    const char *ending;
    bool (*parse)(Arena *, Diag *, Loc, const char *, const Mapped *, SafeTensors *);
} weight_files[] = {
    { ".safetensors", safetensors_parse },
    { ".gguf", gguf_parse },
    { ".bin", bin_weights_parse },
};

int weight_file_of(const char *path)
{
    for (size_t i = 0; i < COUNT(weight_files); i++)
        if (file_has_suffix(path, weight_files[i].ending)) return (int)i;
    return -1;
}

bool weight_tensors(Lower *l, Loc loc, const char *full, SafeTensors *out)
{
    Mapped map;
    if (!file_map(l->diag, full, &map)) return false;
    keep_map(l, map);
    return weight_files[weight_file_of(full)].parse(&l->arena, l->diag, loc, full, &map,
                                                    out);
}

const Const *weight_of_tensor(Lower *l, Loc loc, const char *path, const Type *t,
                              const SafeTensor *s, const char *file, const char *as)
{
    const ByteFloat *coded = byte_float_of_file(s->dtype);
    FileElements e = { coded ? coded->as : dtype_of_safetensors(s->dtype), coded };
    const char *where = text_arg(l, "%s of %s", s->name, file_base(file));
    /* every type that safetensors_parse gives is in one of these tables */
    if (!e.type) bug("elements of type %s", s->dtype);
    if (!elements_as(l, loc, as, where, &e)
        || !weight_same_shape(l, loc, path, t, where, s->rank, s->shape)
        || !weight_same_class(l, loc, path, t, where, e.type, elements_name(e)))
        return NULL;
    return file_const(l, loc, path, t, e, s->data);
}

const char *weight_name(Lower *l, const char *pattern, const char *path)
{
    Buf b = { 0 };
    for (const char *s = pattern; *s;) {
        if (!strncmp(s, "{path}", 6)) {
            buf_puts(&b, path);
            s += 6;
        } else {
            buf_putc(&b, *s++);
        }
    }
    const char *r = arena_strndup(&l->arena, b.s ? b.s : "", b.len);
    buf_free(&b);
    return r;
}
