/* npy.c -- .npy arrays: reads versions 1 to 3, both element orders and both byte orders; writes
 * version 1 in C order. */
#include "base.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64, MAGIC = 8 };
static const char magic[] = "\x93NUMPY";

static const struct {
    char kind;
    int size;
    const char *descr;
} elements[] = {
    { 'b', 1, "|b1" }, { 'i', 1, "|i1" }, { 'u', 1, "|u1" }, { 'i', 2, "<i2" },
    { 'u', 2, "<u2" }, { 'i', 4, "<i4" }, { 'u', 4, "<u4" }, { 'i', 8, "<i8" },
    { 'u', 8, "<u8" }, { 'f', 2, "<f2" }, { 'f', 4, "<f4" }, { 'f', 8, "<f8" },
};

/* ---- the header: a Python dict literal --------------------------------------------------- */

typedef struct {
    Diag *d;
    Loc loc;
    const char *at, *end;
    NpyArray *out;
    int item; /* bytes of an element */
    bool big_endian, fortran;
    bool has_descr, has_order, has_shape;
} Header;

#define WRONG(h, ...) diag_error((h)->d, (h)->loc, __VA_ARGS__)

static void skip_space(Header *h)
{
    while (h->at < h->end
           && (*h->at == ' ' || *h->at == '\t' || *h->at == '\n' || *h->at == '\r'))
        h->at++;
}

static bool npy_take(Header *h, char c)
{
    skip_space(h);
    if (h->at == h->end || *h->at != c) return false;
    h->at++;
    return true;
}

static bool npy_want(Header *h, char c)
{
    return npy_take(h, c)
        || WRONG(h, "the .npy header is malformed: no '%c' where one belongs", c);
}

static bool take_word(Header *h, const char *word)
{
    size_t n = strlen(word);
    skip_space(h);
    if ((size_t)(h->end - h->at) < n || memcmp(h->at, word, n)) return false;
    h->at += n;
    return true;
}

/* A string without escapes, which are never needed for what a header holds. */
static bool want_string(Header *h, const char **s, int *len)
{
    skip_space(h);
    char quote = h->at < h->end ? *h->at : 0;
    if (quote != '\'' && quote != '"')
        return WRONG(h, "the .npy header is malformed: no string where one belongs");
    *s = ++h->at;
    while (h->at < h->end && *h->at != quote && *h->at != '\\' && *h->at != '\n') h->at++;
    if (h->at == h->end || *h->at != quote)
        return WRONG(h, "the .npy header is malformed: a string does not end");
    *len = (int)(h->at++ - *s);
    return true;
}

static bool read_descr(Header *h)
{
    const char *s;
    int len;
    skip_space(h);
    if (h->at < h->end && *h->at == '[')
        return WRONG(h, "an array of records cannot be read; give an array of numbers");
    if (!want_string(h, &s, &len)) return false;
    bool order = len == 3 && strchr("<>=|", s[0]);
    for (size_t i = 0; order && i < COUNT(elements); i++)
        if (s[1] == elements[i].kind && s[2] == '0' + elements[i].size) {
            if (s[0] == '|' && elements[i].size > 1) break;
            h->out->descr = elements[i].descr;
            h->item = elements[i].size;
            h->big_endian = s[0] == '>';
            return true;
        }
    return WRONG(
        h,
        "element type '%.*s' cannot be read: only b1, i1 to i8, u1 to u8, f2, f4, f8 can",
        len < 40 ? len : 40, s);
}

static bool read_npy_dim(Header *h, int64_t *out)
{
    int64_t v = 0;
    skip_space(h);
    const char *start = h->at;
    for (; h->at < h->end && *h->at >= '0' && *h->at <= '9'; h->at++)
        if (__builtin_mul_overflow(v, 10, &v)
            || __builtin_add_overflow(v, *h->at - '0', &v))
            return WRONG(h, "a dimension of the array is too large");
    if (h->at == start)
        return WRONG(h, "the .npy header is malformed: a dimension is no whole number");
    if (h->at < h->end && *h->at == 'L') h->at++; /* Python 2 wrote so */
    *out = v;
    return true;
}

static bool read_shape(Header *h)
{
    NpyArray *out = h->out;
    bool comma = true;
    if (!npy_want(h, '(')) return false;
    for (out->rank = 0; !npy_take(h, ')'); out->rank++) {
        if (!comma) return npy_want(h, ')');
        if (out->rank == ARRAY_MAX_RANK)
            return WRONG(h, "the array has more than %d dimensions", ARRAY_MAX_RANK);
        if (!read_npy_dim(h, &out->shape[out->rank])) return false;
        comma = npy_take(h, ',');
        if (!out->rank && !comma)
            return npy_want(h, ','); /* (3) is a number, (3,) a tuple */
    }
    return true;
}

static bool read_value(Header *h, const char *key, int len)
{
    static const char *const keys[] = { "descr", "fortran_order", "shape" };
    bool *const seen[] = { &h->has_descr, &h->has_order, &h->has_shape };
    for (size_t i = 0; i < COUNT(keys); i++) {
        if ((size_t)len != strlen(keys[i]) || memcmp(key, keys[i], (size_t)len)) continue;
        if (*seen[i]) return WRONG(h, "the .npy header gives '%s' twice", keys[i]);
        *seen[i] = true;
        if (i == 0) return read_descr(h);
        if (i == 2) return read_shape(h);
        h->fortran = take_word(h, "True");
        return h->fortran || take_word(h, "False")
            || WRONG(
                   h,
                   "the .npy header is malformed: 'fortran_order' is neither True nor False");
    }
    return WRONG(h, "the .npy header has an unknown key '%.*s'", len < 40 ? len : 40,
                 key);
}

static bool read_header(Header *h)
{
    const char *key;
    int len;
    bool comma = true;
    if (!npy_want(h, '{')) return false;
    while (!npy_take(h, '}')) {
        if (!comma) return npy_want(h, '}');
        if (!want_string(h, &key, &len) || !npy_want(h, ':') || !read_value(h, key, len))
            return false;
        comma = npy_take(h, ',');
    }
    skip_space(h);
    if (h->at != h->end)
        return WRONG(h, "the .npy header is malformed: more follows its end");
    const char *missing = !h->has_descr ? "descr"
                        : !h->has_order ? "fortran_order"
                        : !h->has_shape ? "shape"
                                        : NULL;
    return !missing || WRONG(h, "the .npy header has no '%s'", missing);
}

/* Where the header is; its length is 2 bytes in version 1 and 4 after it. */
static bool find_header(Header *h, const unsigned char *p, size_t size)
{
    if (size < MAGIC || memcmp(p, magic, sizeof magic - 1))
        return WRONG(h, "not a .npy file: it does not begin with \\x93NUMPY");
    if (p[6] < 1 || p[6] > 3 || p[7])
        return WRONG(h, "version %d.%d of .npy cannot be read: only 1.0, 2.0 and 3.0 can",
                     p[6], p[7]);
    size_t start = p[6] == 1 ? MAGIC + 2 : MAGIC + 4, len = 0;
    for (size_t i = start; size >= start && i-- > MAGIC;) len = len << 8 | p[i];
    if (size < start || len > size - start)
        return WRONG(h, "the file is cut off in its .npy header: %zu bytes", size);
    h->at = (const char *)p + start;
    h->end = h->at + len;
    return true;
}

/* ---- elements ---------------------------------------------------------------------------- */

/* Copies one element of `item` bytes, turned around or as it is. */
static void put_element(unsigned char *dst, const unsigned char *src, int item,
                        bool turned)
{
    if (!turned) memcpy(dst, src, (size_t)item);
    else
        for (int i = 0; i < item; i++) dst[i] = src[item - 1 - i];
}

static void npy_convert(const Header *h, const unsigned char *src, unsigned char *dst)
{
    const NpyArray *n = h->out;
    int64_t index[ARRAY_MAX_RANK] = { 0 };
    size_t stride[ARRAY_MAX_RANK] = { 0 }, step = (size_t)h->item, at = 0;
    for (int k = 0; k < n->rank; k++) {
        int dim = h->fortran ? k : n->rank - 1 - k; /* from the fastest in the file */
        stride[dim] = step;
        step *= (size_t)n->shape[dim];
    }
    for (size_t i = 0; i < n->count; i++, dst += h->item) {
        put_element(dst, src + at, h->item, h->big_endian);
        for (int k = n->rank - 1; k >= 0; k--) {
            at += stride[k];
            if (++index[k] < n->shape[k]) break;
            at -= stride[k] * (size_t)n->shape[k];
            index[k] = 0;
        }
    }
}

static bool is_bool(const NpyArray *n) { return n->descr[1] == 'b'; }

static bool odd_bools(const NpyArray *n, const unsigned char *p)
{
    for (size_t i = 0; i < n->count; i++)
        if (p[i] > 1) return true;
    return false;
}

static bool set_data(const Header *h, const unsigned char *data, size_t left)
{
    NpyArray *n = h->out;
    bool empty = false, fits = true;
    n->count = 1;
    for (int k = 0; k < n->rank; k++) empty = empty || !n->shape[k];
    for (int k = 0; k < n->rank && fits; k++)
        fits = empty || size_mul(n->count, (size_t)n->shape[k], &n->count);
    if (empty) n->count = 0;
    if (!fits || !size_mul(n->count, (size_t)h->item, &n->bytes) || n->bytes > left)
        return WRONG(
            h,
            "the file is cut off: %zu bytes of elements are there, its shape asks for more",
            left);
    bool plain = !(h->big_endian && h->item > 1) && (!h->fortran || n->rank < 2)
              && (uintptr_t)data % (size_t)h->item == 0;
    n->data = data;
    if (!n->count || (plain && !(is_bool(n) && odd_bools(n, data)))) return true;
    unsigned char *copy = mem_alloc(n->bytes);
    if (!copy)
        return diag_fail(h->d, "no memory for the %zu bytes of %s", n->bytes,
                         h->loc.src->name);
    npy_convert(h, data, copy);
    for (size_t i = 0; is_bool(n) && i < n->count; i++) copy[i] = copy[i] != 0;
    n->data = n->copy = copy;
    return true;
}

bool npy_parse(Diag *d, const char *name, const void *file, size_t size, NpyArray *out)
{
    const Source src = { .name = name };
    Header h = { .d = d, .loc = { .src = &src }, .out = out };
    *out = (NpyArray){ 0 };
    if (find_header(&h, file, size) && read_header(&h)
        && set_data(&h, (const unsigned char *)h.end,
                    size - (size_t)(h.end - (const char *)file)))
        return true;
    npy_close(out);
    return false;
}

bool npy_open(Diag *d, const char *path, NpyArray *out)
{
    Mapped map;
    *out = (NpyArray){ 0 };
    if (!file_map(d, path, &map)) return false;
    if (!npy_parse(d, path, map.data, map.size, out)) {
        file_unmap(&map);
        return false;
    }
    out->map = map;
    return true;
}

void npy_close(NpyArray *n)
{
    mem_free(n->copy);
    file_unmap(&n->map);
    *n = (NpyArray){ 0 };
}

/* ---- writing ----------------------------------------------------------------------------- */

void npy_header(Buf *out, const char *descr, int rank, const int64_t *shape)
{
    Buf dict = { 0 };
    buf_printf(&dict, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr);
    for (int i = 0; i < rank; i++)
        buf_printf(&dict,
                   rank == 1 ? "%lld,"
                   : i       ? ", %lld"
                             : "%lld",
                   (long long)shape[i]);
    buf_puts(&dict, "), }");
    while ((MAGIC + 2 + dict.len + 1) % ALIGN) buf_putc(&dict, ' ');
    buf_putc(&dict,
             '\n'); /* at most 16 dimensions: far below the 65535 bytes of version 1 */
    buf_puts(out, magic);
    buf_add(out, (const char[]){ 1, 0, (char)(dict.len & 0xff), (char)(dict.len >> 8) },
            4);
    buf_add(out, dict.s, dict.len);
    buf_free(&dict);
}

bool npy_write(Diag *d, const char *path, const char *descr, int rank,
               const int64_t *shape, const void *data, size_t bytes)
{
    OutFile o;
    Buf header = { 0 };
    npy_header(&header, descr, rank, shape);
    bool ok = out_open(&o, d, path) && out_write(&o, header.s, header.len)
           && out_write(&o, data, bytes);
    if (ok) ok = out_commit(&o);
    else out_abort(&o);
    buf_free(&header);
    return ok;
}
