/* literal.c -- reads literals of MIL text. Elements become bytes at once, so that a
 * long literal needs no list of tokens. */
#include "mil_read.h"
#include "mil_text.h"

#include <stdlib.h>
#include <string.h>

/* ---- the literal being read: groups and tensors ------------------------------------------ */

static bool literal_bad(MilReader *r) { return !(r->lit.bad = true); }

static const char *text_of(const MilReader *r, const Type *t)
{
    return type_text(&r->m->arena, t);
}

static MilGroup *top_group(MilLiteral *l)
{
    return l->ngroup ? &l->group[l->ngroup - 1] : NULL;
}

/* The type that the next element must have; NULL after a report. */
static const Type *next_type(MilReader *r, MilToken at)
{
    const MilGroup *g = top_group(&r->lit);
    if (!g) return r->lit.type;
    if (g->type->kind != TY_TUPLE)
        return g->type->sub[g->type->kind == TY_DICT ? g->count & 1 : 0];
    if (g->count < g->type->nsub) return g->type->sub[g->count];
    mil_error(r, at, "%s has %d members, but more are given", text_of(r, g->type),
              g->type->nsub);
    literal_bad(r);
    return NULL;
}

static void element_done(MilReader *r, Const *c)
{
    MilGroup *g = top_group(&r->lit);
    if (!g) {
        r->lit.done = c;
        return;
    }
    MEM_ROOM(g->elem, g->count, g->cap);
    g->elem[g->count++] = c;
}

static bool leaf_begin(MilReader *r, const Type *t, MilToken at)
{
    MilLiteral *l = &r->lit;
    int open = 0;
    if (t->kind != TY_TENSOR) {
        mil_error(r, at, "%s has no literals of this form", text_of(r, t));
        return literal_bad(r);
    }
    for (int i = 0; i < t->shape.rank; i++) open += t->shape.dim[i] == DIM_ANY;
    if (open > 1) {
        mil_error(r, at, "a literal of type %s: at most one dimension may be ?",
                  text_of(r, t));
        return literal_bad(r);
    }
    l->leaf = t;
    l->depth = 0;
    l->flat = false;
    l->count = l->want = 0;
    l->known = shape_count(&t->shape, &l->want);
    if (!l->known && !open) {
        mil_error(r, at, "%s has more elements than memory can hold", text_of(r, t));
        return literal_bad(r);
    }
    memcpy(l->dims, t->shape.dim, sizeof l->dims);
    return true;
}

static bool group_begin(MilReader *r, const Type *t, MilToken at)
{
    static const struct {
        char open;
        const char *text;
    } form[] = {
        [TY_LIST] = { '[', "[a, b]" },
        [TY_TUPLE] = { '(', "(a, b)" },
        [TY_DICT] = { '{', "{{key, value}, {key, value}}" },
    };
    MilLiteral *l = &r->lit;
    if (t->kind >= COUNT(form) || !form[t->kind].open) return leaf_begin(r, t, at);
    if (*at.s != form[t->kind].open) {
        mil_error(r, at, "a value of type %s is written %s", text_of(r, t),
                  form[t->kind].text);
        return literal_bad(r);
    }
    MEM_ROOM(l->group, l->ngroup, l->group_cap);
    l->group[l->ngroup++] = (MilGroup){ .type = t, .at = at };
    return true;
}

static void group_end(MilReader *r, MilToken close)
{
    MilLiteral *l = &r->lit;
    MilGroup *g = top_group(l);
    Const *c = NEW(&r->m->arena, Const);
    *c = (Const){ .type = g->type, .kind = CONST_GROUP, .nelem = g->count };
    c->loc = loc_join(mil_loc(r, g->at), mil_loc(r, close));
    c->elem = NEW_ARRAY(&r->m->arena, g->count, const Const *);
    if (g->count) memcpy(c->elem, g->elem, (size_t)g->count * sizeof *c->elem);
    if (g->type->kind == TY_LIST && g->type->length != DIM_ANY
        && g->type->length != g->count) {
        diag_error(r->d, c->loc, "%s has %d elements here", text_of(r, g->type),
                   g->count);
        literal_bad(r);
    } else if (g->type->kind == TY_TUPLE && g->type->nsub != g->count) {
        diag_error(r->d, c->loc, "%s has %d members, but %d are given",
                   text_of(r, g->type), g->type->nsub, g->count);
        literal_bad(r);
    }
    mem_free(g->elem);
    l->ngroup--;
    element_done(r, c);
}

void mil_open(MilReader *r, MilToken bracket)
{
    MilLiteral *l = &r->lit;
    if (l->bad) return;
    if (!l->leaf) {
        const Type *t = next_type(r, bracket);
        if (!t || !group_begin(r, t, bracket) || !l->leaf) return;
    }
    const int rank = l->leaf->shape.rank;
    if (*bracket.s != '[') {
        mil_error(r, bracket, "the elements of %s stand in [ ]", text_of(r, l->leaf));
        literal_bad(r);
    } else if (l->depth == rank || l->flat) {
        mil_error(r, bracket, "%s: [ opens list %d within another, but the rank is %d",
                  text_of(r, l->leaf), l->depth + 1, rank);
        literal_bad(r);
    } else l->seen[l->depth++] = 0;
}

/* ---- elements ---------------------------------------------------------------------------- */

static size_t bytes_for(const MilLiteral *l, size_t count)
{
    const DType t = l->leaf->dtype;
    size_t bits = t == DT_STRING ? 8 * sizeof(char *) : (size_t)dtypes[t].bits;
    return bits % 8 ? (count * bits + 7) / 8 : count * (bits / 8);
}

/* The elements so far become a literal. */
static void leaf_end(MilReader *r, MilToken last)
{
    MilLiteral *l = &r->lit;
    const size_t size = bytes_for(l, l->count);
    void *data;
    Const *c = const_room(&r->m->arena, l->leaf, size, &data);
    if (size) memcpy(data, l->bytes, size);
    c->nelem = (int64_t)l->count;
    c->loc = mil_loc(r, last);
    l->leaf = NULL;
    element_done(r, c);
}

static void wrong_count(MilReader *r, MilToken at, int64_t has, int axis)
{
    const MilLiteral *l = &r->lit;
    if (l->flat)
        mil_error(r, at, "%s has %zu elements, but %lld are given", text_of(r, l->leaf),
                  l->want, (long long)has);
    else
        mil_error(r, at, "%s has size %lld along axis %d, but this list has %lld",
                  text_of(r, l->leaf), (long long)l->dims[axis], axis, (long long)has);
    literal_bad(r);
}

void mil_close(MilReader *r, MilToken bracket)
{
    MilLiteral *l = &r->lit;
    if (l->bad) return;
    if (!l->leaf) {
        group_end(r, bracket);
        return;
    }
    const int axis = --l->depth;
    const int64_t has = l->flat ? (int64_t)l->count : l->seen[axis];
    if (l->flat && !l->known) {
        mil_error(r, bracket, "%s: one list for all axes needs every dimension known",
                  text_of(r, l->leaf));
        literal_bad(r);
        return;
    }
    if (!l->flat && l->dims[axis] == DIM_ANY) l->dims[axis] = has;
    if (has != (l->flat ? (int64_t)l->want : l->dims[axis])) {
        wrong_count(r, bracket, has, axis);
        return;
    }
    if (axis) l->seen[axis - 1]++;
    else leaf_end(r, bracket);
}

/* Where the next element goes; NULL when it is not to be stored. Elements that the type has no
 * place for are counted only, and what is allocated follows what was read. */
static bool element_place(MilReader *r, MilToken at)
{
    MilLiteral *l = &r->lit;
    if (l->bad) return false;
    if (!l->leaf) {
        const Type *t = next_type(r, at);
        if (!t || !leaf_begin(r, t, at)) return false;
    }
    const int rank = l->leaf->shape.rank;
    if (l->depth == 1 && rank > 1 && !l->seen[0]) l->flat = true;
    if (!l->flat && l->depth < rank && !(l->depth == 0 && l->known && l->want == 1)) {
        mil_error(r, at, "%s: this element is inside %d of %d lists", text_of(r, l->leaf),
                  l->depth, rank);
        return literal_bad(r);
    }
    if (l->depth) l->seen[l->depth - 1]++;
    if (l->known && l->count >= l->want) {
        l->count++;
        return false;
    }
    const size_t need = bytes_for(l, l->count + 1);
    if (need > l->size) {
        l->size = need < 512 ? 1024 : 2 * need;
        l->bytes = mem_resize(l->bytes, l->size);
        if (!l->bytes) mem_out(need);
    }
    return true;
}

static void element_end(MilReader *r, MilToken at)
{
    r->lit.count++;
    if (r->lit.depth == 0) leaf_end(r, at);
}

static void put_bits(MilLiteral *l, uint64_t v)
{
    const unsigned bits = (unsigned)dtypes[l->leaf->dtype].bits;
    unsigned char *p = l->bytes + l->count * (bits / 8);
    switch (bits) { /* little endian, whatever the host */
    case 64:
    case 32:
    case 16:
    case 8:
        for (unsigned i = 0; i < bits / 8; i++) p[i] = (unsigned char)(v >> 8 * i);
        return;
    default:
        break;
    }
    /* what follows in the byte is zero until it is written */
    for (unsigned i = 0; i < bits; i++) {
        const size_t at = l->count * bits + i;
        const unsigned char before = (unsigned char)((1u << at % 8) - 1);
        l->bytes[at / 8] = (unsigned char)((l->bytes[at / 8] & before)
                                           | (v >> i & 1) << at % 8);
    }
}

static bool wrong_kind(MilReader *r, MilToken at)
{
    mil_error(r, at, "%.*s is not an element of %s", at.len > 40 ? 40 : (int)at.len, at.s,
              text_of(r, r->lit.leaf));
    return literal_bad(r);
}

/* Bits of a number in type t; what cannot be is reported, what becomes infinity is warned
 * of. */
static bool number_bits(MilReader *r, MilToken t, DType to, uint64_t *bits)
{
    const int n = t.len > 60 ? 60 : (int)t.len;
    switch (number_parse(t.s, t.len, to, bits)) {
    case NUMBER_OK:
        return true;
    case NUMBER_INFINITE:
        diag_warn(r->d, WARN_PRECISION, mil_loc(r, t), "%.*s is infinite in %s", n, t.s,
                  dtypes[to].name);
        return true;
    case NUMBER_NOT_WHOLE:
        return mil_error(r, t, "%s wants a whole number, not %.*s", dtypes[to].name, n,
                         t.s);
    case NUMBER_RANGE:
        break;
    }
    return mil_error(r, t, "%.*s does not fit %s", n, t.s, dtypes[to].name);
}

void mil_number(MilReader *r, MilToken t)
{
    uint64_t bits = 0;
    const bool place = element_place(r, t);
    if (r->lit.bad) return;
    const DType to = r->lit.leaf->dtype;
    if (!dtype_is_float(to) && !dtype_is_int(to)) {
        wrong_kind(r, t);
        return;
    }
    if (!place) return;
    if (!number_bits(r, t, to, &bits)) {
        literal_bad(r);
        return;
    }
    put_bits(&r->lit, bits);
    element_end(r, t);
}

void mil_bool(MilReader *r, MilToken t)
{
    const bool place = element_place(r, t);
    if (r->lit.bad) return;
    if (r->lit.leaf->dtype != DT_BOOL) {
        wrong_kind(r, t);
        return;
    }
    if (!place) return;
    put_bits(&r->lit, *t.s == 't');
    element_end(r, t);
}

/* \n, \t and \r are what they are in C; a backslash before anything else stands for that. */
static const char *literal_unquoted(MilReader *r, MilToken t)
{
    char *s = arena_alloc(&r->m->arena, t.len), *to = s;
    for (const char *p = t.s + 1, *end = t.s + t.len - 1; p < end; p++) {
        char c = *p;
        if (c == '\\') {
            c = *++p;
            c = (char)(c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c);
        }
        *to++ = c;
    }
    *to = 0;
    return s;
}

void mil_string(MilReader *r, MilToken t)
{
    const bool place = element_place(r, t);
    if (r->lit.bad) return;
    if (r->lit.leaf->dtype != DT_STRING) {
        wrong_kind(r, t);
        return;
    }
    if (!place) return;
    const char *s = literal_unquoted(r, t);
    r->lit.behind = arena_mark(&r->m->arena);
    memcpy(r->lit.bytes + r->lit.count * sizeof s, &s, sizeof s);
    element_end(r, t);
}

/* ---- weights ----------------------------------------------------------------------------- */

static bool blob_names(MilReader *r, MilToken at, MilToken path, MilToken offset)
{
    const bool ok = path.len == 4 && !memcmp(path.s, "path", 4) && offset.len == 6
                 && !memcmp(offset.s, "offset", 6);
    return ok
        || mil_error(r, at, "BLOBFILE takes path = .. and offset = .., in this order");
}

void mil_blob(MilReader *r, MilToken at, MilToken path_name, MilToken path,
              MilToken offset_name, MilToken offset)
{
    MilLiteral *l = &r->lit;
    uint64_t where = 0;
    size_t count;
    if (l->bad) return;
    literal_bad(r);
    if (!blob_names(r, at, path_name, offset_name)) return;
    if (*path.s != '"' || *offset.s == '"') {
        mil_error(r, at, "BLOBFILE takes a string and a uint64");
        return;
    }
    if (!number_bits(r, offset, DT_UINT64, &where)) return;
    const Type *t = l->leaf ? NULL : next_type(r, at);
    if (!t || t->kind != TY_TENSOR || t->dtype == DT_STRING
        || !shape_count(&t->shape, &count)) {
        mil_error(r, at, "BLOBFILE gives all elements of a tensor of known shape%s%s",
                  t ? ", not of " : "", t ? text_of(r, t) : "");
        return;
    }
    Const *c = NEW(&r->m->arena, Const);
    *c = (Const){
        .type = t, .kind = CONST_BLOB, .loc = mil_loc(r, path), .offset = where
    };
    c->nelem = (int64_t)count;
    c->path = literal_unquoted(r, path);
    c->file = weight_file(r->m, r->d, c->loc, c->path);
    if (!c->file) return;
    l->bad = false;
    element_done(r, c);
}

/* ---- values ------------------------------------------------------------------------------ */

static void literal_reset(MilLiteral *l)
{
    while (l->ngroup) mem_free(l->group[--l->ngroup].elem);
    l->leaf = NULL;
    l->done = NULL;
    l->bad = false;
    l->depth = 0;
}

void mil_value_begin(MilReader *r, MilType t)
{
    literal_reset(&r->lit);
    r->lit.mark = arena_mark(&r->m->arena);
    r->lit.type = t.type;
    r->lit.at = t.at;
}

const Const *mil_value_end(MilReader *r, MilToken close)
{
    MilLiteral *l = &r->lit;
    if (l->bad || !l->done) {
        /* Reported; the program is not going to be used. */
        Const *c = NEW(&r->m->arena, Const);
        *c = (Const){ .type = &type_poison, .kind = CONST_GROUP };
        literal_reset(l);
        return c;
    }
    if (l->done->kind != CONST_BLOB)
        l->done->loc = loc_join(mil_loc(r, l->at), mil_loc(r, close));
    return l->done;
}

const Const *mil_bare_const(MilReader *r, DType t, MilBare kind, MilToken at)
{
    mil_value_begin(r, (MilType){ .type = type_scalar(t), .at = at });
    if (kind == MIL_BARE_NUMBER) mil_number(r, at);
    else if (kind == MIL_BARE_BOOL) mil_bool(r, at);
    else mil_string(r, at);
    return mil_value_end(r, at);
}
