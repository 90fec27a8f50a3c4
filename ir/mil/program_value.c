/* program_value.c -- reads types and literals of MIL.proto. */
#include "spec.h"

#include <string.h>

/* ---- types ------------------------------------------------------------------------------- */

static bool read_size(PbIn in, int64_t *out)
{
    PbField f;
    *out = 0;
    while (pb_next(&in, &f))
        if (f.num == 1) {
            const uint64_t v = pb_number(&in, &f);
            if (v > INT64_MAX) return pb_wrong(&in, f.start, "a dimension is too large");
            *out = (int64_t)v;
        }
    return true;
}

static int64_t read_dim(PbIn in)
{
    PbField f;
    int64_t dim = 0;
    while (pb_next(&in, &f)) {
        if (f.num == 2) dim = DIM_ANY;
        if (f.num == 1) read_size(pb_sub(&in, &f), &dim);
    }
    return dim;
}

static const Type *read_tensor_type(ProgramReader *r, PbIn in)
{
    PbField f;
    DType dtype = DT_NONE;
    int64_t rank = 0;
    Shape s = { .rank = 0 };
    const unsigned char *start = in.at;
    while (pb_next(&in, &f)) {
        if (f.num == 1 && !(dtype = dtype_of_spec(pb_number(&in, &f))))
            pb_wrong(&in, f.start, "an element type has no known number");
        if (f.num == 2) rank = (int64_t)pb_number(&in, &f);
        if (f.num == 3 && s.rank == MAX_RANK)
            pb_wrong(&in, f.start, "a tensor has too many dimensions");
        else if (f.num == 3) s.dim[s.rank++] = read_dim(pb_sub(&in, &f));
    }
    if (dtype == DT_NONE) pb_wrong(&in, start, "a tensor has no element type");
    else if (rank != s.rank)
        pb_wrong(&in, start, "a tensor's rank and its dimensions differ in number");
    return type_tensor(&r->m->arena, dtype ? dtype : DT_FP32, s);
}

/* List, tuple, dictionary or state: the types inside. */
static const Type *read_group_type(ProgramReader *r, PbIn in, uint32_t kind)
{
    Arena *a = &r->m->arena;
    PbField f;
    const Type **sub = NULL;
    int n = 0, cap = 0;
    int64_t length = DIM_ANY;
    const unsigned char *start = in.at;
    while (pb_next(&in, &f)) {
        if (kind == 2 && f.num == 2) {
            length = read_dim(pb_sub(&in, &f));
        } else if (f.num == 1 || (kind == 4 && f.num == 2)) {
            ARENA_ROOM(&r->m->arena, sub, n, cap);
            sub[n++] = program_type(r, pb_sub(&in, &f));
        }
    }
    const int want = kind == 3 ? n : kind == 4 ? 2 : 1;
    if (n != want) {
        pb_wrong(&in, start, "a type lacks the types inside it");
        return &type_poison;
    }
    return kind == 2 ? type_list(a, sub[0], length)
         : kind == 3 ? type_tuple(a, n, sub)
         : kind == 4 ? type_dict(a, sub[0], sub[1])
                     : type_state(a, sub[0]);
}

const Type *program_type(ProgramReader *r, PbIn in)
{
    PbField f;
    const Type *t = NULL;
    const unsigned char *start = in.at;
    while (pb_next(&in, &f)) {
        if (f.num == 1) t = read_tensor_type(r, pb_sub(&in, &f));
        else if (f.num <= 5) t = read_group_type(r, pb_sub(&in, &f), f.num);
    }
    if (!t) pb_wrong(&in, start, "a type is empty, or of a kind that is not known");
    return t ? t : &type_poison;
}

/* ---- elements ---------------------------------------------------------------------------- */

static const int wires[] = {
    [FIELD_FLOATS] = PB_FIXED32, [FIELD_INTS] = PB_VARINT,  [FIELD_BOOLS] = PB_VARINT,
    [FIELD_STRINGS] = PB_BYTES,  [FIELD_LONGS] = PB_VARINT, [FIELD_DOUBLES] = PB_FIXED64,
    [FIELD_BYTES] = PB_BYTES
};

/* Elements that a list of numbers or texts holds; of raw bytes, their length. */
static size_t count_elements(PbIn in, uint32_t field)
{
    PbField f;
    size_t n = 0;
    while (pb_next(&in, &f))
        if (f.num == 1)
            n += field == FIELD_BYTES   ? f.len
               : field == FIELD_STRINGS ? 1
                                        : pb_count(&f, wires[field]);
    return n;
}

static bool may_hold(uint32_t field, DType t)
{
    const DClass cls = dtypes[t].cls;
    return field == FIELD_FLOATS  ? t == DT_FP32 || t == DT_FP16
         : field == FIELD_DOUBLES ? t == DT_FP64
         : field == FIELD_STRINGS ? cls == CLASS_STRING
         : field == FIELD_BOOLS   ? cls == CLASS_BOOL
         : field == FIELD_BYTES   ? cls != CLASS_STRING
                                  : cls == CLASS_INT || cls == CLASS_UINT;
}

static void set_element(Tensor *t, size_t i, uint32_t field, uint64_t v)
{
    float single;
    const uint32_t low = (uint32_t)v;
    if (field == FIELD_FLOATS && t->dtype == DT_FP32) {
        memcpy((char *)t->data + 4 * i, &low, 4); /* a NaN's bits too */
    } else if (field == FIELD_FLOATS) {
        memcpy(&single, &low, 4);
        tensor_set_float(t, i, single);
    } else if (field == FIELD_DOUBLES) memcpy((char *)t->data + 8 * i, &v, 8);
    else tensor_set_int(t, i, field == FIELD_BOOLS ? v != 0 : (int64_t)v);
}

static void program_fill(ProgramReader *r, PbIn in, uint32_t field, Tensor *t)
{
    PbField f;
    uint64_t v;
    size_t i = 0;
    while (pb_next(&in, &f)) {
        if (f.num != 1) continue;
        if (field == FIELD_BYTES) {
            if (f.len) memcpy((char *)t->data + i, f.data, f.len);
            i += f.len;
        } else if (field == FIELD_STRINGS) {
            ((char **)t->data)[i++] = pb_string(&in, &f, &r->m->arena);
        } else {
            while (i < t->count && pb_item(&in, &f, wires[field], &v))
                set_element(t, i++, field, v);
        }
    }
}

/* How many elements a type asks for; a single `?` takes what is given. */
static bool program_wanted(const Type *t, size_t given, uint32_t field, size_t *count)
{
    Shape s = t->shape;
    int open = -1;
    for (int i = 0; i < s.rank; i++)
        if (s.dim[i] == DIM_ANY) {
            if (open >= 0) return false;
            open = i;
            s.dim[i] = 1;
        }
    if (!shape_count(&s, count)) return false;
    if (open < 0) return true;
    const size_t bits = (size_t)dtypes[t->dtype].bits;
    if (field == FIELD_BYTES) given = bits ? given * 8 / bits : 0;
    if (*count && given % *count) return false;
    if (*count) *count = given;
    return true;
}

static Const *read_elements(ProgramReader *r, PbIn in, const Type *t)
{
    PbField f;
    while (pb_next(&in, &f)) {
        if (f.num < FIELD_FLOATS || f.num > FIELD_BYTES) continue;
        PbIn list = pb_sub(&in, &f);
        size_t count, bits, want;
        const size_t given = count_elements(list, f.num);
        if (in.file->wrong) break;
        if (!may_hold(f.num, t->dtype) || !program_wanted(t, given, f.num, &count)
            || !size_mul(count, (size_t)dtypes[t->dtype].bits, &bits)
            || bits > SIZE_MAX - 7) {
            pb_wrong(&in, f.start, "elements are of another type than their literal");
            break;
        }
        want = f.num == FIELD_BYTES ? (bits + 7) / 8 : count;
        if (given != want) {
            pb_wrong(&in, f.start,
                     "a literal has another number of elements than its type");
            break;
        }
        const size_t bytes = f.num == FIELD_STRINGS ? count * sizeof(char *)
                                                    : (bits + 7) / 8;
        const Shape flat = SHAPE((int64_t)count);
        void *data = arena_alloc(&r->m->arena, bytes + 1);
        Tensor view = tensor_view(t->dtype, &flat, data);
        program_fill(r, list, f.num, &view);
        Const *c = const_data(&r->m->arena, t, data);
        c->nelem = (int64_t)count;
        return c;
    }
    pb_wrong(&in, in.at, "a literal has no elements");
    return NULL;
}

/* ---- literals ---------------------------------------------------------------------------- */

static void add_value(ProgramReader *r, Const *g, int *cap, const Const *c)
{
    ARENA_ROOM(&r->m->arena, g->elem, g->nelem, *cap);
    g->elem[g->nelem++] = c;
}

static const Type *member_type(const Type *t, int64_t i)
{
    if (t->kind == TY_LIST) return t->sub[0];
    if (t->kind == TY_DICT) return t->sub[i % 2];
    return i < t->nsub ? t->sub[i] : NULL;
}

static const Const *read_member(ProgramReader *r, PbIn in, const Type *t, int64_t i)
{
    const unsigned char *start = in.at;
    const Type *want = member_type(t, i);
    const Const *c = program_value(r, in);
    if (in.file->wrong) return c;
    if (!want || !type_fits(c->type, want))
        pb_wrong(&in, start,
                 "a member of a list, tuple or dictionary is of another type");
    Const *same = NEW(&r->m->arena, Const);
    *same = *c;
    if (want) same->type = want;
    return same;
}

static Const *read_group(ProgramReader *r, PbIn in, const Type *t)
{
    PbField f, g;
    int cap = 0;
    Const *c = NEW(&r->m->arena, Const);
    *c = (Const){ .type = t, .kind = CONST_GROUP };
    while (pb_next(&in, &f)) {
        if (f.num != 1) continue;
        PbIn sub = pb_sub(&in, &f);
        if (t->kind != TY_DICT) {
            add_value(r, c, &cap, read_member(r, sub, t, c->nelem));
            continue;
        }
        const int64_t before = c->nelem;
        while (pb_next(&sub, &g))
            if (g.num == 1 || g.num == 2)
                add_value(r, c, &cap, read_member(r, pb_sub(&sub, &g), t, g.num - 1));
        if (c->nelem != before + 2)
            pb_wrong(&in, f.start, "an entry of a dictionary lacks its key or value");
    }
    const int64_t want = t->kind == TY_TUPLE ? t->nsub
                       : t->kind == TY_LIST  ? t->length
                                             : DIM_ANY;
    if (want != DIM_ANY && want != c->nelem)
        pb_wrong(&in, in.at,
                 "a list or tuple has another number of members than its type");
    return c;
}

static Const *read_immediate(ProgramReader *r, PbIn in, const Type *t)
{
    static const TypeKind kinds[] = { TY_POISON, TY_TENSOR, TY_TUPLE, TY_LIST, TY_DICT };
    PbField f;
    while (pb_next(&in, &f)) {
        if (!f.num || f.num >= COUNT(kinds)) continue;
        if (t->kind != kinds[f.num]) {
            pb_wrong(&in, f.start, "a literal is of another kind than its type");
            break;
        }
        return f.num == 1 ? read_elements(r, pb_sub(&in, &f), t)
                          : read_group(r, pb_sub(&in, &f), t);
    }
    pb_wrong(&in, in.at, "a literal has no value");
    return NULL;
}

static Const *read_reference(ProgramReader *r, PbIn in, const Type *t)
{
    PbField f;
    size_t count;
    const unsigned char *start = in.at;
    Const *c = NEW(&r->m->arena, Const);
    *c = (Const){ .type = t, .kind = CONST_BLOB, .loc = { .src = r->m->src } };
    while (pb_next(&in, &f)) {
        if (f.num == 1) c->path = pb_string(&in, &f, &r->m->arena);
        if (f.num == 2) c->offset = pb_number(&in, &f);
    }
    if (t->kind != TY_TENSOR || t->dtype == DT_STRING || !shape_count(&t->shape, &count)
        || !c->path) {
        pb_wrong(&in, start, "a weight file cannot hold a literal of this type");
        return NULL;
    }
    c->nelem = (int64_t)count;
    if (in.file->wrong) return NULL;
    c->file = weight_file(r->m, r->d, c->loc, c->path);
    if (!c->file) r->failed = true;
    return c->file ? c : NULL;
}

const Const *program_value(ProgramReader *r, PbIn in)
{
    PbField f, form = { 0 };
    const Type *t = NULL;
    Const *c = NULL;
    const unsigned char *start = in.at;
    while (pb_next(&in, &f)) {
        if (f.num == 2) t = program_type(r, pb_sub(&in, &f));
        if (f.num == 3 || f.num == 5) form = f;
    }
    if (!t || !form.num) pb_wrong(&in, start, "a literal has no type or no value");
    else if (!in.file->wrong)
        c = form.num == 3 ? read_immediate(r, pb_sub(&in, &form), t)
                          : read_reference(r, pb_sub(&in, &form), t);
    if (!c) {
        c = NEW(&r->m->arena, Const);
        *c = (Const){ .type = &type_poison, .kind = CONST_GROUP };
    }
    c->loc.src = r->m->src; /* spelled out there: it stays out of weight files */
    return c;
}
