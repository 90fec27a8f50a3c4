/* core_dense.c -- constants of a text of Core AI: dense<..>, from elements or bytes, and
 * dense_resource<..>, whose bytes stand at the end of the text. */
#include "core_import.h"

#include <errno.h>
#include <stdlib.h>

typedef struct {
    CoreImport *im;
    const CoreDense *d;
    const CoreElem *elem;
    const Type *type;
    size_t count;
} DenseRead;

static bool dense_wrong(const DenseRead *r, CoreToken at, const char *what)
{
    return core_error(r->im->text, at, "%s", what);
}

/* ---- elements ---------------------------------------------------------------------------- */

/* Bits of a float, "0x7FC00000". */
static bool float_bits(const DenseRead *r, CoreToken t, const char *text, double *out)
{
    char *end;
    const int bits = dtypes[r->elem->as].bits;
    const unsigned long long v = strtoull(text, &end, 16);
    if (*end || strlen(text) != (size_t)bits / 4 + 2)
        return dense_wrong(r, t, "bits of a float have as many digits as its type");
    const uint16_t half = (uint16_t)v;
    const uint32_t word = (uint32_t)v;
    const Tensor one = tensor_view(r->elem->as, &(Shape){ .rank = 0 },
                                   bits == 16 ? (const void *)&half
                                              : (const void *)&word);
    *out = tensor_float(&one, 0);
    return true;
}

static bool int_fits(const DenseRead *r, long long v)
{
    const DTypeInfo *t = &dtypes[r->elem->as];
    const long long top = 1LL << (t->bits - (t->cls == CLASS_INT));
    return v < top && v >= (t->cls == CLASS_INT && !r->elem->wide ? -top : 0);
}

static bool put_element(const DenseRead *r, Tensor *to, size_t i, CoreToken t)
{
    char text[64], *end;
    if (t.len >= sizeof text) return dense_wrong(r, t, "a number is too long");
    memcpy(text, t.s, t.len);
    text[t.len] = 0;
    const bool truth = *text == 't' || *text == 'f', number = !truth && *text != '"';
    if (truth != (r->elem->as == DT_BOOL) || (!truth && !number))
        return dense_wrong(r, t, "an element is not of the constant's type");
    if (truth) return tensor_set_int(to, i, *text == 't'), true;
    if (dtype_is_float(r->elem->as)) {
        double v = strtod(text, &end);
        if (!strncmp(text, "0x", 2) && !float_bits(r, t, text, &v)) return false;
        return tensor_set_float(to, i, v), true;
    }
    errno = 0;
    const long long v = strtoll(text, &end, 0);
    if (*end || errno || !int_fits(r, v))
        return dense_wrong(r, t, "an integer does not fit into the constant's type");
    return tensor_set_int(to, i, v), true;
}

/* ---- bytes ------------------------------------------------------------------------------- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The bytes of a string "0x..", from the skip-th on; NULL: it is none, reported. */
static unsigned char *hex_bytes(const DenseRead *r, CoreToken t, size_t skip, size_t *n)
{
    const char *s = t.s + 1, *end = t.s + t.len - 1;
    if (end - s < 2 || memcmp(s, "0x", 2) != 0 || (end - s) % 2
        || (size_t)(end - s) / 2 - 1 < skip)
        return dense_wrong(r, t, "bytes are written as \"0x..\", two digits each"), NULL;
    s += 2 + 2 * skip;
    *n = (size_t)(end - s) / 2;
    unsigned char *out = arena_alloc(r->im->arena, *n + 1);
    for (size_t i = 0; i < *n; i++) {
        const int high = hex_digit(s[2 * i]), low = hex_digit(s[2 * i + 1]);
        if (high < 0 || low < 0)
            return dense_wrong(r, t, "bytes are written as \"0x..\", two digits each"),
                   NULL;
        out[i] = (unsigned char)(high << 4 | low);
    }
    return out;
}

/* Whole bytes are little endian; how bits share a byte is not public. */
static bool put_bytes(const DenseRead *r, Tensor *to, const unsigned char *p, size_t n,
                      CoreToken at)
{
    const int bits = dtypes[r->elem->as].bits;
    if (bits % 8 || r->elem->as == DT_BOOL)
        return dense_wrong(
            r, at,
            "how elements of less than a byte share one is not public: only a "
            "constant that lists its elements is read");
    const size_t each = (size_t)bits / 8;
    if (n != each && n != to->bytes)
        return dense_wrong(r, at, "there are not as many bytes as the type says");
    for (size_t i = 0; i < r->count; i++)
        memcpy((char *)to->data + i * each, p + (n == to->bytes ? i * each : 0), each);
    for (size_t i = 0; r->elem->wide && i < r->count; i++)
        if (tensor_int(to, i) < 0)
            return dense_wrong(
                r, at, "an integer does not fit into int32, and MIL has no other");
    return true;
}

static bool put_resource(const DenseRead *r, Tensor *to)
{
    const CoreBlob *b = r->im->text->blobs;
    size_t n;
    while (b && strcmp(b->key, r->d->key) != 0) b = b->next;
    if (!b)
        return core_error(
            r->im->text, r->d->at,
            "the text has no bytes of the resource %s, in dialect_resources at "
            "its end",
            r->d->key);
    unsigned char *p = hex_bytes(r, b->text, 4, &n); /* behind the alignment */
    return p && put_bytes(r, to, p, n, b->text);
}

/* ---- the whole --------------------------------------------------------------------------- */

static bool put_list(const DenseRead *r, Tensor *to)
{
    const CoreDense *d = r->d;
    const Shape *s = &r->type->shape;
    if (d->ragged || d->shape.rank != s->rank || d->count != r->count)
        return dense_wrong(r, d->at, "the elements are not as many as the type says");
    for (int i = 0; i < s->rank; i++)
        if (d->shape.dim[i] != s->dim[i])
            return dense_wrong(r, d->at, "the elements are not as many as the type says");
    for (size_t i = 0; i < d->count; i++)
        if (!put_element(r, to, i, d->item[i])) return false;
    return true;
}

static bool dense_fill(const DenseRead *r, Tensor *to)
{
    const CoreDense *d = r->d;
    size_t n;
    if (d->key) return put_resource(r, to);
    if (!d->count && !d->shape.rank)
        return !r->count
            || dense_wrong(r, d->at, "the elements are not as many as the type says");
    if (d->count != 1 || d->shape.rank) return put_list(r, to);
    if (*d->item[0].s == '"') {
        unsigned char *p = hex_bytes(r, d->item[0], 0, &n);
        return p && put_bytes(r, to, p, n, d->item[0]);
    }
    if (!put_element(r, to, 0, d->item[0])) return false;
    const bool whole = !dtype_is_float(r->elem->as);
    for (size_t i = 1; i < r->count; i++) {
        if (whole) tensor_set_int(to, i, tensor_int(to, 0));
        else tensor_set_float(to, i, tensor_float(to, 0));
    }
    return true;
}

/* One number everywhere takes no memory of its own. */
static bool is_large_splat(const DenseRead *r)
{
    enum { SPLAT_LARGE = 64 };
    return !r->d->key && r->d->count == 1 && !r->d->shape.rank && r->count > SPLAT_LARGE
        && *r->d->item[0].s != '"' && dtypes[r->elem->as].bits >= 8;
}

static const Const *dense_splat(const DenseRead *r)
{
    double one[2] = { 0, 0 };
    Tensor t = tensor_view(r->elem->as, &(Shape){ .rank = 0 }, one);
    if (!put_element(r, &t, 0, r->d->item[0])) return NULL;
    Const *c = NEW(&r->im->m->arena, Const);
    *c = (Const){ .type = r->type, .kind = CONST_INIT, .init = INIT_FILL };
    c->a = tensor_float(&t, 0);
    return c;
}

const Const *core_literal(CoreImport *im, const CoreDense *d, const CoreType *t)
{
    DenseRead r = { .im = im, .d = d };
    if (t->kind != CORE_TENSOR)
        return core_error(im->text, t->at, "a constant is a tensor"), NULL;
    if (!(r.type = core_mil_type(im, t))) return NULL;
    r.elem = core_elem(t->elem);
    if (!shape_count(&r.type->shape, &r.count) || (r.count && !type_bytes(r.type)))
        return core_error(im->text, t->at, "a constant has a size that is known"), NULL;
    if (is_large_splat(&r)) return dense_splat(&r);
    if (r.count > im->text->src->len)
        return core_error(im->text, d->at,
                          "the elements are not as many as the type says"),
               NULL;
    void *data;
    Const *c = const_room(&im->m->arena, r.type, type_bytes(r.type), &data);
    Tensor to = tensor_view(r.elem->as, &r.type->shape, data);
    return dense_fill(&r, &to) ? c : NULL;
}
