/* tensor_io.c -- tensors from and to .npy files, of other element types, random ones, and
 * from an argument of the command line: FILE.npy, FILE.png, 0.5 or -. */
#include "tensor_io.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

DType npy_stand_in(DType t)
{
    if (dtypes[t].npy[0] || t == DT_STRING) return t;
    if (dtypes[t].cls == CLASS_FLOAT) return DT_FP32;
    return dtypes[t].cls == CLASS_INT ? DT_INT8 : DT_UINT8;
}

/* ---- reading ----------------------------------------------------------------------------- */

static bool take_array(Tensor *t, Diag *d, const char *name, const NpyArray *n)
{
    DType type = dtype_of_npy(n->descr);
    if (type == DT_NONE)
        return diag_error(d, (Loc){ 0 }, "%s: elements of type %s are none of MIL's",
                          name, n->descr);
    const Shape s = shape_of(n->rank, n->shape);
    if (!tensor_alloc(t, d, type, &s)) return false;
    if (n->bytes) memcpy(t->data, n->data, n->bytes);
    unsigned char *p = t->data;
    for (size_t i = 0; type == DT_BOOL && i < t->count; i++) p[i] = p[i] != 0;
    return true;
}

bool tensor_load(Tensor *t, Diag *d, const char *path)
{
    NpyArray n = { 0 };
    bool in = !strcmp(path, "-"), ok;
    Mapped m = { 0 };
    if (in)
        ok = file_read_stdin(d, SIZE_MAX / 2, &m)
          && npy_parse(d, "<stdin>", m.data, m.size, &n);
    else ok = npy_open(d, path, &n);
    if (ok) {
        ok = take_array(t, d, in ? "<stdin>" : path, &n);
        if (ok && !file_stayed(d, &n.map)) {
            tensor_free(t);
            ok = false;
        }
        npy_close(&n);
    }
    if (in) file_unmap(&m);
    return ok;
}

bool tensor_convert(Tensor *t, Diag *d, DType to, const char *what)
{
    Tensor r;
    bool real = dtype_is_float(t->dtype) || dtype_is_float(to);
    if (!tensor_alloc(&r, d, to, &t->shape)) return false;
    for (size_t i = 0; i < t->count; i++) {
        if (real) tensor_set_float(&r, i, tensor_float(t, i));
        else tensor_set_int(&r, i, tensor_int(t, i));
        if (!real && tensor_int(&r, i) != tensor_int(t, i)) {
            diag_error(d, (Loc){ 0 }, "%s: element %zu is %lld, which %s cannot hold",
                       what, i, (long long)tensor_int(t, i), dtypes[to].name);
            tensor_free(&r);
            return false;
        }
    }
    tensor_free(t);
    *t = r;
    return true;
}

/* ---- writing ----------------------------------------------------------------------------- */

/* The next code point of UTF-8 text; bytes that are no UTF-8 become U+FFFD. */
static uint32_t next_point(const char **s, const char *end)
{
    int len;
    const uint32_t c = text_code_point(*s, end, &len);
    *s += len;
    return c == TEXT_NOT_UTF8 ? 0xfffd : c;
}

static size_t count_points(const char *s)
{
    size_t n = 0;
    for (const char *end = s + strlen(s); s < end; n++) next_point(&s, end);
    return n;
}

/* As numpy's <U: each string padded with zeros to the longest. */
static bool save_strings(const Tensor *t, Diag *d, const char *path)
{
    const char *const *text = t->data;
    size_t width = 1, cells, bytes;
    char descr[32];
    for (size_t i = 0; i < t->count; i++) {
        size_t n = text[i] ? count_points(text[i]) : 0;
        if (n > width) width = n;
    }
    if (!size_mul(t->count, width, &cells) || !size_mul(cells, sizeof(uint32_t), &bytes))
        return diag_fail(d, "%s: these strings are too large to be written", path);
    uint32_t *cell = mem_zero(cells + 1, sizeof *cell);
    if (!cell) return diag_fail(d, "no memory to write %s", path);
    for (size_t i = 0; i < t->count; i++) {
        uint32_t *to = cell + i * width;
        const char *s = text[i] ? text[i] : "", *end = s + strlen(s);
        while (s < end) *to++ = next_point(&s, end);
    }
    snprintf(descr, sizeof descr, "<U%zu", width);
    bool ok = npy_write(d, path, descr, t->shape.rank, t->shape.dim, cell, bytes);
    mem_free(cell);
    return ok;
}

/* Elements of one shape and type become one array with a dimension more. */
static bool save_list(const Tensor *t, Diag *d, const char *path)
{
    const Tensor *first = t->nitem ? t->item[0] : NULL;
    if (!first)
        return diag_error(d, (Loc){ 0 }, "%s: a list that is empty cannot be written",
                          path);
    Shape s = { .rank = first->shape.rank + 1 };
    if (s.rank > MAX_RANK)
        return diag_error(d, (Loc){ 0 }, "%s: a list of rank %d", path,
                          first->shape.rank);
    s.dim[0] = t->nitem;
    memcpy(s.dim + 1, first->shape.dim, (size_t)first->shape.rank * sizeof *s.dim);
    Tensor all;
    if (!tensor_alloc(&all, d, first->dtype, &s)) return false;
    bool ok = true;
    for (int64_t i = 0; ok && i < t->nitem; i++) {
        const Tensor *e = t->item[i];
        ok = e && e->dtype == first->dtype && shape_equal(&e->shape, &first->shape)
          && e->dtype != DT_STRING && dtypes[e->dtype].bits >= 8;
        if (ok && e->bytes)
            memcpy((char *)all.data + (size_t)i * e->bytes, e->data, e->bytes);
    }
    if (!ok)
        diag_error(d, (Loc){ 0 }, "%s: the elements of this list differ in shape or type",
                   path);
    ok = ok && tensor_save(&all, d, path);
    tensor_free(&all);
    return ok;
}

bool tensor_save(const Tensor *t, Diag *d, const char *path)
{
    if (t->is_list) return save_list(t, d, path);
    if (t->dtype == DT_STRING) return save_strings(t, d, path);
    DType as = npy_stand_in(t->dtype);
    if (as == t->dtype)
        return npy_write(d, path, dtypes[as].npy, t->shape.rank, t->shape.dim, t->data,
                         t->bytes);
    Tensor copy;
    bool ok = tensor_copy(&copy, d, t);
    if (!ok) return false;
    ok = tensor_convert(&copy, d, as, path) && tensor_save(&copy, d, path);
    tensor_free(&copy);
    return ok;
}

/* ---- --random ---------------------------------------------------------------------------- */

bool tensor_random(Tensor *t, Diag *d, uint64_t seed, const char *name, DType dtype,
                   const Shape *s)
{
    enum { STEPS = 1024 };
    Arena scratch = { 0 };
    if (dtype == DT_STRING)
        return diag_error(d, (Loc){ 0 }, "--random makes no strings: give %s with -i",
                          name);
    uint64_t key = rng_key(seed,
                           arena_printf(&scratch, "%s%s", name, shape_text(&scratch, s)));
    arena_free(&scratch);
    if (!tensor_alloc(t, d, dtype, s)) return false;
    for (size_t i = 0; i < t->count; i++) {
        uint64_t u = rng_u64(key, i);
        if (dtype_is_float(dtype))
            tensor_set_float(t, i, (double)((int64_t)(u >> 53) - STEPS) / STEPS);
        else tensor_set_int(t, i, (int64_t)(u >> 63));
    }
    return true;
}

/* ---- from a word of the command line ----------------------------------------------------- */

/* A number that fills all of s: 3, -0.5, 0x1p-3, inf, nan, true, false. */
static bool given_number(const char *s, double *v, bool *whole)
{
    char *end;
    if (!strcmp(s, "true") || !strcmp(s, "false")) {
        *v = *s == 't';
        *whole = true;
        return true;
    }
    *v = strtod(s, &end);
    *whole = !s[strspn(s, "+-0123456789")];
    return end != s && !*end;
}

/* Whether an integer type holds what the text says. */
static bool set_whole(Tensor *t, const char *s)
{
    if (!strcmp(s, "true") || !strcmp(s, "false")) {
        tensor_set_int(t, 0, *s == 't');
        return true;
    }
    if (t->dtype == DT_UINT64) {
        tensor_set_int(t, 0, (int64_t)strtoull(s, NULL, 10));
        return *s != '-';
    }
    long long v = strtoll(s, NULL, 10);
    tensor_set_int(t, 0, v);
    return tensor_int(t, 0) == v;
}

static bool one_element(const Type *want, Shape *s)
{
    *s = want->shape;
    for (int i = 0; i < s->rank; i++)
        if (s->dim[i] == DIM_ANY) s->dim[i] = 1;
        else if (s->dim[i] != 1) return false;
    return true;
}

static bool load_number(const char *name, const char *text, Tensor *out, Diag *d,
                        const Type *want, double v, bool whole)
{
    Arena scratch = { 0 };
    Shape s;
    bool ok = one_element(want, &s);
    if (!ok)
        diag_error(d, (Loc){ 0 },
                   "%s is %s: one number, '%s', does not fill it; give a .npy file", name,
                   type_text(&scratch, want), text);
    arena_free(&scratch);
    if (!ok || !tensor_alloc(out, d, want->dtype, &s)) return false;
    if (dtype_is_float(want->dtype)) tensor_set_float(out, 0, v);
    else if (!whole || !set_whole(out, text))
        return diag_error(d, (Loc){ 0 }, "%s is %s, which cannot hold '%s'", name,
                          dtypes[want->dtype].name, text);
    return true;
}

/* One text, in the tensor's own memory. */
static bool load_text(const char *name, const char *text, Tensor *out, Diag *d,
                      const Type *want)
{
    const size_t n = strlen(text) + 1;
    Shape s;
    if (!one_element(want, &s))
        return diag_error(d, (Loc){ 0 }, "%s holds more than one string; -i gives one",
                          name);
    char **cell = mem_alloc(sizeof *cell + n);
    if (!cell) return diag_fail(d, "no memory to read %s", name);
    *cell = memcpy(cell + 1, text, n);
    *out = (Tensor){
        .dtype = DT_STRING, .shape = s, .count = 1, .bytes = sizeof *cell, .data = cell
    };
    out->owned = true;
    return true;
}

/* ---- arrays of another type -------------------------------------------------------------- */

/* The type that was read stands for the wanted one, or is that which the model itself
 * declares. */
static bool stands_for(DType read, const Place *p)
{
    const DType want = p->want->dtype;
    if (read == want || npy_stand_in(want) == read) return true;
    return p->own && dtype_is_float(read) && dtype_is_float(want)
        && npy_stand_in(p->own->dtype) == read;
}

/* An element that the type cannot hold: a float that would become infinite, an integer out of
 * range. */
static bool in_range(const Tensor *t, DType to, Diag *d, const char *text)
{
    const Shape one = { .rank = 0 };
    uint64_t room = 0;
    Tensor r = tensor_view(to, &one, &room);
    for (size_t i = 0; i < t->count; i++) {
        if (dtype_is_float(to)) {
            const double v = tensor_float(t, i);
            tensor_set_float(&r, 0, v);
            if (!isfinite(v) || isfinite(tensor_float(&r, 0))) continue;
            return diag_error(d, (Loc){ 0 },
                              "%s: element %zu is %.9g, which %s cannot hold", text, i, v,
                              dtypes[to].name);
        }
        const int64_t v = tensor_int(t, i);
        const bool large = t->dtype == DT_UINT64 && v < 0;
        tensor_set_int(&r, 0, v);
        if (tensor_int(&r, 0) == v && large == (to == DT_UINT64 && v < 0)) continue;
        if (large)
            return diag_error(d, (Loc){ 0 },
                              "%s: element %zu is %llu, which %s cannot hold", text, i,
                              (unsigned long long)v, dtypes[to].name);
        return diag_error(d, (Loc){ 0 }, "%s: element %zu is %lld, which %s cannot hold",
                          text, i, (long long)v, dtypes[to].name);
    }
    return true;
}

/* Floats and integers of another width are taken when each fits; whoever is strict takes
 * none. */
static bool as_wanted(Tensor *t, Diag *d, const char *text, const Place *p)
{
    const DType want = p->want->kind == TY_TENSOR ? p->want->dtype : t->dtype;
    if (stands_for(t->dtype, p))
        return want == t->dtype || tensor_convert(t, d, want, text);
    const bool same = (dtype_is_float(t->dtype) && dtype_is_float(want))
                   || (dtype_is_int(t->dtype) && dtype_is_int(want));
    /* Where the shape is wrong too, the run says what the file holds. */
    if (p->strict || !same || !shape_fits(&p->want->shape, &t->shape)) return true;
    return in_range(t, want, d, text) && tensor_convert(t, d, want, text);
}

/* ---- images ------------------------------------------------------------------------------ */

static bool load_png(Tensor *t, Diag *d, const char *text, const Place *p)
{
    Picture picture;
    if (!p->described.pixels)
        return diag_error(d, (Loc){ 0 },
                          "%s is a PNG, and %s is no image: give a .npy file", text,
                          p->name);
    if (!picture_read(&picture, d, text, p->name, &p->described)) return false;
    const bool ok = picture_to_tensor(&picture, d, &p->described, p->want->dtype, t);
    mem_free(picture.data);
    return ok;
}

/* Bytes for an image are its pixels. */
static bool take_pixels(Tensor *t, Diag *d, const char *text, const Place *p)
{
    Tensor r;
    const bool pixels = p->described.pixels && t->dtype == DT_UINT8 && t->shape.rank < 4;
    if (!pixels) return true;
    if (!pixels_to_tensor(t, d, text, p->name, &p->described, p->want->dtype, &r))
        return false;
    tensor_free(t);
    *t = r;
    return true;
}

/* Numbers for an image have one of its sizes too. */
static bool check_size(const Tensor *t, Diag *d, const char *text, const Place *p)
{
    const Shape *s = &t->shape;
    if (!p->described.pixels || s->rank != 4) return true;
    const int64_t size[2] = { s->dim[3], s->dim[2] };
    if (described_size_fits(&p->described, size)) return true;
    return picture_other_size(d, text, p->name, size, &p->described);
}

bool tensor_given(Tensor *t, Diag *d, const char *text, const Place *p)
{
    double v;
    bool whole;
    const bool png = file_has_suffix(text, ".png") || file_has_suffix(text, ".PNG");
    const bool file = png || !strcmp(text, "-") || file_has_suffix(text, ".npy");
    *t = (Tensor){ 0 };
    if (!file && p->want->dtype == DT_STRING)
        return load_text(p->name, text, t, d, p->want);
    if (!file && given_number(text, &v, &whole))
        return load_number(p->name, text, t, d, p->want, v, whole);
    if (png) return load_png(t, d, text, p);
    return tensor_load(t, d, text) && take_pixels(t, d, text, p)
        && check_size(t, d, text, p) && as_wanted(t, d, text, p);
}
