/* type.c -- element types, shapes and types. */
#include "ir.h"

#include <string.h>

const DTypeInfo dtypes[DT_COUNT] = {
    [DT_NONE] = { .name = "none", .npy = "", .safetensors = "", .schema = "" },
#define DT(id, text, bits_, class_, npy_, safe_, blob_, spec_, field_, array_, schema_, \
           edge_) \
    [DT_##id] = { .name = text, \
                  .bits = bits_, \
                  .cls = class_, \
                  .npy = npy_, \
                  .safetensors = safe_, \
                  .blob = blob_, \
                  .spec = spec_, \
                  .field = FIELD_##field_, \
                  .array = array_, \
                  .schema = schema_, \
                  .edge = edge_ },
#include "dtypes.def"
};

DType dtype_find(const char *name, size_t len)
{
    for (int i = 1; i < DT_COUNT; i++)
        if (strlen(dtypes[i].name) == len && !memcmp(dtypes[i].name, name, len))
            return (DType)i;
    return DT_NONE;
}

/* The type of which a column says this; what no type has is nobody's. */
#define DTYPE_OF(is) \
    for (int i = 1; i < DT_COUNT; i++) \
        if (is) return (DType)i; \
    return DT_NONE

DType dtype_of_npy(const char *descr)
{
    DTYPE_OF(*descr && !strcmp(dtypes[i].npy, descr));
}

DType dtype_of_safetensors(const char *name)
{
    DTYPE_OF(*name && !strcmp(dtypes[i].safetensors, name));
}

DType dtype_of_spec(uint64_t number)
{
    DTYPE_OF(number && (uint64_t)dtypes[i].spec == number);
}

DType dtype_of_array(uint64_t number) { DTYPE_OF(number && dtypes[i].array == number); }

#define BYTE(name, stored, as, widen) \
    { \
        name, stored, as, widen, 1, 1, NULL \
    }
#define BLOCK(name, count, bytes, block) \
    { \
        name, name, DT_FP32, NULL, count, bytes, block \
    }
static const ByteFloat byte_floats[] = {
    BYTE("fp8_e4m3", "F8_E4M3", DT_FP16, f8_e4m3_to_f16),
    BYTE("fp8_e5m2", "F8_E5M2", DT_FP16, f8_e5m2_to_f16),
    BYTE("fp8_e8m0", "F8_E8M0", DT_BF16, f8_e8m0_to_bf16),
    BLOCK("Q4_0", 32, 18, gguf_q4_0),
    BLOCK("Q4_1", 32, 20, gguf_q4_1),
    BLOCK("Q5_0", 32, 22, gguf_q5_0),
    BLOCK("Q5_1", 32, 24, gguf_q5_1),
    BLOCK("Q8_0", 32, 34, gguf_q8_0),
    BLOCK("Q2_K", 256, 84, gguf_q2_k),
    BLOCK("Q3_K", 256, 110, gguf_q3_k),
    BLOCK("Q4_K", 256, 144, gguf_q4_k),
    BLOCK("Q5_K", 256, 176, gguf_q5_k),
    BLOCK("Q6_K", 256, 210, gguf_q6_k),
};
#undef BLOCK
#undef BYTE

const ByteFloat *byte_float_find(const char *name)
{
    for (size_t i = 0; i < COUNT(byte_floats) && byte_floats[i].widen; i++)
        if (!strcmp(byte_floats[i].name, name)) return &byte_floats[i];
    return NULL;
}

const ByteFloat *byte_float_of_file(const char *stored)
{
    for (size_t i = 0; i < COUNT(byte_floats); i++)
        if (!strcmp(byte_floats[i].stored, stored)) return &byte_floats[i];
    return NULL;
}

const char *byte_float_name(int i)
{
    return (size_t)i < COUNT(byte_floats) && byte_floats[i].widen ? byte_floats[i].name
                                                                  : NULL;
}

/* ---- shapes ------------------------------------------------------------------------------ */

Shape shape_of(int rank, const int64_t *dim)
{
    Shape s = { .rank = rank };
    if (rank > MAX_RANK) bug("rank %d", rank);
    if (rank) memcpy(s.dim, dim, (size_t)rank * sizeof *dim);
    return s;
}

bool shape_known(const Shape *s)
{
    for (int i = 0; i < s->rank; i++)
        if (s->dim[i] == DIM_ANY) return false;
    return true;
}

bool shape_equal(const Shape *a, const Shape *b)
{
    return a->rank == b->rank
        && !memcmp(a->dim, b->dim, (size_t)a->rank * sizeof a->dim[0]);
}

bool shape_fits(const Shape *a, const Shape *b)
{
    if (a->rank != b->rank) return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dim[i] != b->dim[i] && a->dim[i] != DIM_ANY && b->dim[i] != DIM_ANY)
            return false;
    return true;
}

bool shape_count(const Shape *s, size_t *count)
{
    size_t n = 1;
    bool zero = false;
    for (int i = 0; i < s->rank; i++) {
        if (s->dim[i] < 0) return false;
        if (s->dim[i] == 0) zero = true;
        else if (!size_mul(n, (size_t)s->dim[i], &n)) return false;
    }
    *count = zero ? 0 : n;
    return true;
}

bool shape_broadcast(const Shape *a, const Shape *b, Shape *out)
{
    Shape r = { .rank = a->rank > b->rank ? a->rank : b->rank };
    for (int i = 1; i <= r.rank; i++) {
        int64_t x = i <= a->rank ? a->dim[a->rank - i] : 1;
        int64_t y = i <= b->rank ? b->dim[b->rank - i] : 1;
        int64_t z = x;
        if (x == 1) z = y;
        else if (x == DIM_ANY) z = y == 1 ? DIM_ANY : y;
        else if (y != x && y != 1 && y != DIM_ANY) return false;
        r.dim[r.rank - i] = z;
    }
    *out = r;
    return true;
}

static void shape_print(Buf *b, const Shape *s)
{
    buf_putc(b, '[');
    for (int i = 0; i < s->rank; i++) {
        if (i) buf_puts(b, ", ");
        if (s->dim[i] == DIM_ANY) buf_putc(b, '?');
        else buf_printf(b, "%lld", (long long)s->dim[i]);
    }
    buf_putc(b, ']');
}

static const char *buf_to_arena(Arena *a, Buf *b)
{
    const char *s = arena_strndup(a, b->s ? b->s : "", b->len);
    buf_free(b);
    return s;
}

const char *shape_text(Arena *a, const Shape *s)
{
    Buf b = { 0 };
    shape_print(&b, s);
    return buf_to_arena(a, &b);
}

/* ---- types ------------------------------------------------------------------------------- */

const Type type_poison = { .kind = TY_POISON };

const Type *type_tensor(Arena *a, DType t, Shape s)
{
    Type *r = NEW(a, Type);
    r->kind = TY_TENSOR;
    r->dtype = t;
    r->shape = s;
    return r;
}

static const Type scalars[DT_COUNT] = {
    [DT_NONE] = { .kind = TY_TENSOR },
#define DT(id, ...) [DT_##id] = { .kind = TY_TENSOR, .dtype = DT_##id },
#include "dtypes.def"
};

const Type *type_scalar(DType t) { return &scalars[t]; }

static Type *type_of_subs(Arena *a, TypeKind kind, int n, const Type *const *sub)
{
    Type *r = NEW(a, Type);
    r->kind = kind;
    r->nsub = n;
    r->sub = NEW_ARRAY(a, n, const Type *);
    for (int i = 0; i < n; i++) r->sub[i] = sub[i];
    return r;
}

const Type *type_state(Arena *a, const Type *of)
{
    return type_of_subs(a, TY_STATE, 1, &of);
}

const Type *type_list(Arena *a, const Type *of, int64_t length)
{
    Type *r = type_of_subs(a, TY_LIST, 1, &of);
    r->length = length;
    return r;
}

const Type *type_tuple(Arena *a, int n, const Type *const *sub)
{
    return type_of_subs(a, TY_TUPLE, n, sub);
}

const Type *type_dict(Arena *a, const Type *key, const Type *value)
{
    return type_of_subs(a, TY_DICT, 2, (const Type *const[]){ key, value });
}

static bool type_matches(const Type *a, const Type *b, bool loosely)
{
    if (a == b) return true;
    if (a->kind == TY_POISON || b->kind == TY_POISON) return loosely;
    if (a->kind != b->kind || a->nsub != b->nsub || a->nfield != b->nfield) return false;
    if (a->kind == TY_TENSOR || a->kind == TY_BUFFER) {
        if (a->dtype != b->dtype) return false;
        if (loosely ? !shape_fits(&a->shape, &b->shape)
                    : !shape_equal(&a->shape, &b->shape))
            return false;
    }
    if (a->kind == TY_LIST && a->length != b->length
        && !(loosely && (a->length == DIM_ANY || b->length == DIM_ANY)))
        return false;
    for (int i = 0; i < a->nsub; i++)
        if (!type_matches(a->sub[i], b->sub[i], loosely)) return false;
    for (int i = 0; i < a->nfield; i++)
        if (strcmp(a->field[i].name, b->field[i].name)
            || !shape_equal(&a->field[i].dims, &b->field[i].dims))
            return false;
    return true;
}

bool type_equal(const Type *a, const Type *b) { return type_matches(a, b, false); }
bool type_fits(const Type *a, const Type *b) { return type_matches(a, b, true); }

static void type_print(Buf *b, const Type *t)
{
    static const char *const word[] = {
        [TY_POISON] = "(unknown)",    [TY_TENSOR] = "tensor", [TY_LIST] = "list",
        [TY_DICT] = "dict",           [TY_TUPLE] = "tuple",   [TY_STATE] = "state",
        [TY_BUFFER] = "tensor_buffer"
    };
    if (t->kind == TY_TENSOR && t->shape.rank == 0) {
        buf_puts(b, dtypes[t->dtype].name);
        return;
    }
    buf_puts(b, word[t->kind]);
    if (t->kind == TY_POISON) return;
    buf_putc(b, '<');
    if (t->kind == TY_TENSOR || t->kind == TY_BUFFER) {
        buf_printf(b, "%s, ", dtypes[t->dtype].name);
        shape_print(b, &t->shape);
    }
    for (int i = 0; i < t->nsub; i++) {
        if (i) buf_puts(b, ", ");
        type_print(b, t->sub[i]);
    }
    if (t->kind == TY_LIST) {
        if (t->length == DIM_ANY) buf_puts(b, ", ?");
        else buf_printf(b, ", %lld", (long long)t->length);
    }
    buf_putc(b, '>');
}

const char *type_text(Arena *a, const Type *t)
{
    Buf b = { 0 };
    type_print(&b, t);
    return buf_to_arena(a, &b);
}

/* ---- types of a module ------------------------------------------------------------------- */

static const Type **type_slot(const Type **slot, size_t cap, DType t, const Shape *s)
{
    uint64_t h = (uint64_t)t;
    for (int i = 0; i < s->rank; i++) h = hash_mix(h, (uint64_t)s->dim[i]);
    size_t at = (size_t)(h >> 24) & (cap - 1);
    while (slot[at] && (slot[at]->dtype != t || !shape_equal(&slot[at]->shape, s)))
        at = (at + 1) & (cap - 1);
    return &slot[at];
}

/* Types are immutable, and a program has few. */
const Type *module_tensor(Module *m, DType t, const Shape *s)
{
    if (!s->rank) return type_scalar(t);
    if (2 * m->type_count >= m->type_cap) {
        const size_t cap = m->type_cap ? 2 * m->type_cap : 32;
        const Type **more = NEW_ARRAY(&m->arena, cap, const Type *);
        for (size_t i = 0; i < m->type_cap; i++)
            if (m->type[i])
                *type_slot(more, cap, m->type[i]->dtype, &m->type[i]->shape) = m->type[i];
        m->type = more;
        m->type_cap = cap;
    }
    const Type **own = type_slot(m->type, m->type_cap, t, s);
    if (!*own) {
        *own = type_tensor(&m->arena, t, *s);
        m->type_count++;
    }
    return *own;
}

const Type *module_type(Module *m, const Type *t)
{
    if (t->kind == TY_TENSOR) return module_tensor(m, t->dtype, &t->shape);
    if (t->kind == TY_POISON) return &type_poison;
    Type *r = NEW(&m->arena, Type);
    *r = *t;
    if (t->nsub) r->sub = NEW_ARRAY(&m->arena, t->nsub, const Type *);
    for (int i = 0; i < t->nsub; i++) r->sub[i] = module_type(m, t->sub[i]);
    if (t->nfield) r->field = NEW_ARRAY(&m->arena, t->nfield, struct TypeField);
    for (int i = 0; i < t->nfield; i++)
        r->field[i] = (struct TypeField){ module_name(m, t->field[i].name),
                                          t->field[i].dims };
    return r;
}

size_t type_bytes(const Type *t)
{
    size_t n, bits;
    if (t->kind != TY_TENSOR || !shape_count(&t->shape, &n)) return 0;
    if (t->dtype == DT_STRING) return size_mul(n, sizeof(char *), &bits) ? bits : 0;
    if (!size_mul(n, (size_t)dtypes[t->dtype].bits, &bits) || !size_add(bits, 7, &bits))
        return 0;
    return bits / 8;
}
