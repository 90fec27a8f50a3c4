/* const.c -- literals: making them, and reading their elements, a piece at a time, from
 * wherever they are. */
#include "ir.h"

#include <math.h>
#include <string.h>

/* ---- making ------------------------------------------------------------------------------ */

Const *const_data(Arena *a, const Type *t, const void *data)
{
    Const *c = NEW(a, Const);
    c->type = t;
    c->kind = CONST_DATA;
    c->data = data;
    return c;
}

Const *const_room(Arena *a, const Type *t, size_t bytes, void **data)
{
    Const *c = const_data(a, t, NULL);
    *data = bytes <= sizeof c->near ? c->near : arena_alloc(a, bytes);
    c->data = *data;
    return c;
}

static Const *const_zeroed(Arena *a, DType t, Shape s, Tensor *view)
{
    const Type *type = s.rank ? type_tensor(a, t, s) : type_scalar(t);
    void *data;
    Const *c = const_room(a, type, type_bytes(type), &data);
    *view = tensor_view(t, &s, data);
    return c;
}

Const *const_windows(Arena *a, const Type *t, const Const *line, size_t first, int step)
{
    Const *c = NEW(a, Const);
    *c = (Const){ .type = t,
                  .kind = CONST_OF,
                  .loc = line->loc,
                  .of = line,
                  .first = first,
                  .width = (uint32_t)t->shape.dim[t->shape.rank - 1],
                  .step = step };
    return c;
}

Const *const_int(Arena *a, DType t, int64_t v)
{
    Tensor view;
    Const *c = const_zeroed(a, t, (Shape){ .rank = 0 }, &view);
    tensor_set_int(&view, 0, v);
    return c;
}

Const *const_float(Arena *a, DType t, double v)
{
    Tensor view;
    Const *c = const_zeroed(a, t, (Shape){ .rank = 0 }, &view);
    tensor_set_float(&view, 0, v);
    return c;
}

Const *const_bool(Arena *a, bool v) { return const_int(a, DT_BOOL, v); }

Const *const_string(Arena *a, const char *s)
{
    const char *own = arena_strdup(a, s);
    void *data;
    Const *c = const_room(a, type_scalar(DT_STRING), sizeof own, &data);
    memcpy(data, &own, sizeof own);
    return c;
}

Const *const_ints(Arena *a, DType t, int n, const int64_t *v)
{
    Tensor view;
    Const *c = const_zeroed(a, t, SHAPE(n), &view);
    for (int i = 0; i < n; i++) tensor_set_int(&view, (size_t)i, v[i]);
    return c;
}

Const *const_bools(Arena *a, int n, const bool *v)
{
    Tensor view;
    Const *c = const_zeroed(a, DT_BOOL, SHAPE(n), &view);
    for (int i = 0; i < n; i++) tensor_set_int(&view, (size_t)i, v[i]);
    return c;
}

/* ---- reading ----------------------------------------------------------------------------- */

static size_t const_elements(const Const *c)
{
    size_t n;
    if (c->type->kind != TY_TENSOR || !shape_count(&c->type->shape, &n))
        bug("a literal of type kind %d has no known size", (int)c->type->kind);
    return n;
}

/* What stands for the bytes of an absent file: zeros, or --random's numbers scaled like
 * weights. */
static void read_missing(const Const *c, const Module *m, size_t first, size_t n,
                         Tensor *out)
{
    uint64_t seed = rng_key(m->missing_seed, c->path) + c->offset;
    bool real = dtype_is_float(out->dtype);
    if (m->missing == 1) {
        memset(out->data, 0, out->bytes);
        return;
    }
    for (size_t i = 0; i < n; i++)
        if (real) tensor_set_float(out, i, (rng_unit(seed, first + i) * 2 - 1) / 16);
        else tensor_set_int(out, i, (int64_t)(rng_u64(seed, first + i) & 1));
}

/* Numbers into the type of out. Finite ones beyond fp16 go to its edge: const_convert says
 * so. */
static void put_numbers(Tensor *out, size_t i, size_t n, double *v)
{
    for (size_t k = 0; out->dtype == DT_FP16 && k < n; k++)
        if (fabs(v[k]) > F16_MAX && !isinf(v[k])) v[k] = v[k] < 0 ? -F16_MAX : F16_MAX;
    tensor_put_floats(out, i, n, v);
}

static void read_init(const Const *c, size_t first, size_t n, Tensor *out)
{
    double part[256];
    for (size_t i = 0; i < n;) {
        size_t k = n - i < COUNT(part) ? n - i : COUNT(part);
        if (c->init == INIT_NORMAL) rng_normals(c->seed, first + i, k, part);
        for (size_t j = 0; j < k; j++)
            part[j] = c->init == INIT_FILL ? c->a
                    : c->init == INIT_NORMAL
                        ? c->a + c->b * part[j]
                        : c->a + (c->b - c->a) * rng_unit(c->seed, first + i + j);
        put_numbers(out, i, k, part);
        i += k;
    }
}

/* n elements from the first on, of which a block may hold more. */
static void put_blocks(const ByteFloat *f, const unsigned char *from, size_t first,
                       size_t n, float *to)
{
    float block[MAX_BLOCK];
    for (size_t i = 0; i < n;) {
        const size_t at = (first + i) % f->count, left = f->count - at;
        const size_t k = n - i < left ? n - i : left;
        f->block(from + (first + i) / f->count * f->bytes, block);
        memcpy(to + i, block + at, k * sizeof *to);
        i += k;
    }
}

static void put_coded(const ByteFloat *f, const unsigned char *from, size_t first,
                      size_t n, void *to)
{
    uint16_t *wide = to;
    if (f->block) put_blocks(f, from, first, n, to);
    else
        for (size_t i = 0; i < n; i++) wide[i] = f->widen(from[first + i]);
}

static void read_file(const Const *c, size_t first, size_t n, Tensor *out)
{
    const size_t bits = (size_t)dtypes[c->src].bits, each = bits / 8;
    const unsigned char *from = (const unsigned char *)c->src_data;
    if (!c->coded) from += first * bits / 8;
    if (c->src == out->dtype && !c->coded) { /* packed below a byte too */
        memcpy(out->data, from, out->bytes);
        return;
    }
    /* The file's elements may lie at any address: they are moved to an aligned place first. */
    double part[256], aligned[256];
    for (size_t i = 0; i < n;) {
        size_t k = n - i < COUNT(part) ? n - i : COUNT(part);
        const Shape part_shape = SHAPE((int64_t)k);
        if (c->coded) put_coded(c->coded, from, first + i, k, aligned);
        else memcpy(aligned, from + i * each, k * each);
        Tensor t = tensor_view(c->src, &part_shape, aligned);
        if (dtype_is_float(c->src) || dtype_is_float(out->dtype)) {
            tensor_get_floats(&t, 0, k, part);
            put_numbers(out, i, k, part);
        } else {
            for (size_t j = 0; j < k; j++) tensor_set_int(out, i + j, tensor_int(&t, j));
        }
        i += k;
    }
}

/* The elements are read in their own type, a run at a time; `at` is where they begin in out. */
static bool read_run(const Const *c, Diag *d, size_t first, size_t n, Tensor *out,
                     size_t at)
{
    const DType src = c->of->type->dtype;
    double raw[512], part[512];
    if (src == out->dtype)
        return const_read(c->of, d, first, n,
                          (char *)out->data + at * (size_t)dtypes[src].bits / 8);
    for (size_t i = 0; i < n;) {
        const size_t k = n - i < COUNT(raw) ? n - i : COUNT(raw);
        const Shape run = SHAPE((int64_t)k);
        const Tensor t = tensor_view(src, &run, raw);
        if (!const_read(c->of, d, first + i, k, raw)) return false;
        tensor_get_floats(&t, 0, k, part);
        put_numbers(out, at + i, k, part);
        i += k;
    }
    return true;
}

static bool read_other(const Const *c, Diag *d, size_t first, size_t n, Tensor *out)
{
    if (!c->width) return read_run(c, d, c->first + first, n, out, 0);
    for (size_t i = 0; i < n;) {
        const size_t row = (first + i) / c->width, column = (first + i) % c->width;
        const size_t left = c->width - column, k = n - i < left ? n - i : left;
        const int64_t begin = (int64_t)c->first + (int64_t)row * c->step;
        if (!read_run(c, d, (size_t)begin + column, k, out, i)) return false;
        i += k;
    }
    return true;
}

static bool read_elements(const Const *c, Diag *d, size_t first, size_t n, void *dst)
{
    const Shape run = SHAPE((int64_t)n);
    Tensor out = tensor_view(c->type->dtype, &run, dst);
    const size_t bits = (size_t)dtypes[out.dtype].bits;
    switch (c->kind) {
    case CONST_INIT:
        read_init(c, first, n, &out);
        return true;
    case CONST_FILE:
        read_file(c, first, n, &out);
        return true;
    case CONST_OF:
        return read_other(c, d, first, n, &out);
    case CONST_MADE:
        return made_read(c, d, first, n, dst);
    case CONST_DATA:
        if (out.dtype == DT_STRING)
            memcpy(dst, (const char *const *)c->data + first, n * sizeof(char *));
        else memcpy(dst, (const char *)c->data + first * bits / 8, out.bytes);
        return true;
    case CONST_BLOB: {
        const Module *m = c->file->owner;
        if (c->file->absent && m->missing) {
            read_missing(c, m, first, n, &out);
            return true;
        }
        const char *p = weight_data(c->file, d, c->loc, c->offset, out.dtype,
                                    const_elements(c));
        if (p) memcpy(dst, p + first * bits / 8, out.bytes);
        return p != NULL;
    }
    case CONST_GROUP:
        break;
    }
    bug("const_read of a group");
}

/* The last byte of elements below a byte may have bits to spare: they are zero, whatever stood
 * there in a file or in dst, so that equal literals are written as equal bytes. */
static void clear_spare_bits(DType t, size_t n, unsigned char *dst)
{
    const size_t bits = (size_t)dtypes[t].bits, used = bits < 8 ? n % 8 * bits % 8 : 0;
    if (used) dst[n / 8 * bits + n % 8 * bits / 8] &= (unsigned char)((1u << used) - 1);
}

bool const_read(const Const *c, Diag *d, size_t first, size_t n, void *dst)
{
    const bool ok = read_elements(c, d, first, n, dst);
    if (ok && c->type->dtype != DT_STRING) clear_spare_bits(c->type->dtype, n, dst);
    return ok;
}

/* Where the elements stand in memory, or in a mapped file, as they are; NULL: nowhere, or an
 * error. */
static const void *in_memory(const Const *c, Diag *d)
{
    if (c->kind == CONST_DATA) return c->data;
    if (c->kind == CONST_BLOB && !(c->file->absent && c->file->owner->missing))
        return weight_data(c->file, d, c->loc, c->offset, c->type->dtype,
                           const_elements(c));
    if (c->kind != CONST_OF || c->width || c->of->type->dtype != c->type->dtype)
        return NULL;
    const char *whole = in_memory(c->of, d);
    return whole ? whole + c->first * (size_t)dtypes[c->type->dtype].bits / 8 : NULL;
}

bool const_tensor(const Const *c, Diag *d, Tensor *out)
{
    const Shape *s = &c->type->shape;
    const int errors = diag_wrong(d);
    const void *p = in_memory(c, d);
    if (errors != diag_wrong(d)) return false;
    if (p) {
        *out = tensor_view(c->type->dtype, s, p);
        return true;
    }
    if (c->kind == CONST_MADE) return made_tensor(c, d, out);
    if (!tensor_alloc(out, d, c->type->dtype, s)) return false;
    if (const_read(c, d, 0, out->count, out->data)) return true;
    tensor_free(out);
    return false;
}

void const_let_go(const Const *c)
{
    Diag quiet = { .quiet = true };
    while (c->kind == CONST_OF && !c->width) c = c->of;
    if (c->kind != CONST_BLOB || !c->file || c->file->absent || !c->file->map.mapped)
        return;
    const char *p = in_memory(c, &quiet);
    const size_t bits = (size_t)dtypes[c->type->dtype].bits;
    if (p) file_let_go(p, p + const_elements(c) * bits / 8);
    diag_free(&quiet);
}

bool const_at_hand(const Const *c)
{
    if (c->kind == CONST_GROUP || c->type->kind != TY_TENSOR) return false;
    if (c->kind == CONST_OF) return const_at_hand(c->of);
    return c->kind != CONST_BLOB
        || (c->file && (!c->file->absent || c->file->owner->missing));
}

/* ---- comparing --------------------------------------------------------------------------- */

static bool same_strings(const Const *a, const Const *b)
{
    const char *const *x = a->data, *const *y = b->data;
    for (size_t i = 0, n = const_elements(a); i < n; i++)
        if (strcmp(x[i], y[i])) return false;
    return true;
}

bool const_equal(const Const *a, const Const *b)
{
    if (a == b) return true;
    if (a->kind != b->kind || !type_equal(a->type, b->type)) return false;
    switch (a->kind) {
    case CONST_DATA:
        if (a->type->dtype == DT_STRING) return same_strings(a, b);
        return a->data == b->data || !memcmp(a->data, b->data, type_bytes(a->type));
    case CONST_BLOB:
        return a->offset == b->offset && a->file == b->file && !strcmp(a->path, b->path);
    case CONST_FILE:
        return a->src == b->src && a->coded == b->coded && a->src_data == b->src_data;
    case CONST_OF:
        return a->first == b->first && a->width == b->width && a->step == b->step
            && const_equal(a->of, b->of);
    case CONST_MADE:
        return a->made == b->made; /* nobody computes them to compare them */
    case CONST_INIT:
        return a->init == b->init && a->seed == b->seed
            && !memcmp(&a->a, &b->a, sizeof a->a) && !memcmp(&a->b, &b->b, sizeof a->b);
    case CONST_GROUP:
        if (a->nelem != b->nelem) return false;
        for (int64_t i = 0; i < a->nelem; i++)
            if (!const_equal(a->elem[i], b->elem[i])) return false;
        return true;
    }
    return false;
}

uint64_t const_hash(const Const *c)
{
    uint64_t h = hash_mix((uint64_t)c->kind, (uint64_t)c->type->dtype);
    if (c->type->kind == TY_TENSOR)
        for (int i = 0; i < c->type->shape.rank; i++)
            h = hash_mix(h, (uint64_t)c->type->shape.dim[i]);
    switch (c->kind) {
    case CONST_DATA:
        return c->type->dtype == DT_STRING ? h
                                           : hash_bytes(h, c->data, type_bytes(c->type));
    case CONST_BLOB:
        return hash_mix(hash_mix(h, c->offset), (uintptr_t)c->file);
    case CONST_FILE:
        return hash_mix(hash_mix(h, (uint64_t)c->src), (uintptr_t)c->src_data);
    case CONST_INIT:
        return hash_mix(hash_mix(h, (uint64_t)c->init), c->seed);
    case CONST_OF:
        return hash_mix(hash_mix(hash_mix(h, const_hash(c->of)), c->first), c->width);
    case CONST_MADE:
        return hash_mix(h, (uintptr_t)c->made);
    case CONST_GROUP:
        return hash_mix(h, (uint64_t)c->nelem);
    }
    return h;
}

/* ---- where it is written ----------------------------------------------------------------- */

/* First opset in which literals of a type go to the weight file. */
static const Opset blob_since[DT_COUNT] = {
    [DT_FP16] = OPSET_IOS15,  [DT_FP32] = OPSET_IOS15,   [DT_INT8] = OPSET_IOS15,
    [DT_UINT8] = OPSET_IOS15, [DT_INT16] = OPSET_IOS18,  [DT_UINT16] = OPSET_IOS18,
    [DT_INT32] = OPSET_IOS18, [DT_UINT32] = OPSET_IOS18, [DT_BF16] = OPSET_IOS18,
    [DT_INT4] = OPSET_IOS18,  [DT_UINT1] = OPSET_IOS18,  [DT_UINT2] = OPSET_IOS18,
    [DT_UINT3] = OPSET_IOS18, [DT_UINT4] = OPSET_IOS18,  [DT_UINT6] = OPSET_IOS18,
};

bool const_leaves_text(const Func *f, const Const *c, size_t min)
{
    size_t n;
    if (c->kind == CONST_BLOB || c->kind == CONST_GROUP) return false;
    if (c->type->kind != TY_TENSOR || !shape_count(&c->type->shape, &n)) return false;
    if (n < (c->in_file ? 1 : min) || !blob_since[c->type->dtype]) return false;
    if (f->opset != OPSET_NONE && f->opset < blob_since[c->type->dtype]) return false;
    const bool spelled_out = c->loc.src && c->loc.src == f->module->src;
    return c->kind != CONST_DATA || !spelled_out || c->in_file;
}

bool const_in_file(const Func *f, const Const *c)
{
    return c->kind == CONST_BLOB || const_leaves_text(f, c, CONST_FILE_MIN);
}
