/* feature.c -- FeatureType messages and flexible shapes, in both of their forms. */
#include "spec.h"

#include <stdlib.h>
#include <string.h>

/* FeatureType, and ArrayFeatureType inside it. */
enum { FT_IMAGE = 4, FT_ARRAY = 5, FT_STATE = 8, FT_OPTIONAL = 1000 };
enum { MAX_SHAPES = 4096 }; /* Core ML itself takes 128 */
enum { ARRAY_SHAPE = 1, ARRAY_TYPE = 2, ARRAY_SHAPES = 21, ARRAY_RANGE = 31 };

static const Type *tensor_of(const Value *v)
{
    return v->type->kind == TY_STATE ? v->type->sub[0] : v->type;
}

/* ---- made from a program ----------------------------------------------------------------- */

static const char *text_of(const Const *c)
{
    const bool text = c->kind == CONST_DATA && c->type->kind == TY_TENSOR
                   && c->type->dtype == DT_STRING && c->type->shape.rank == 0;
    return text ? *(const char *const *)c->data : "";
}

static void put_ints(Buf *b, uint32_t num, const int64_t *v, int n)
{
    const size_t at = pb_begin(b, num);
    for (int i = 0; i < n; i++) pb_put_varint(b, (uint64_t)v[i]);
    pb_end(b, at);
}

static void put_range(Buf *b, const FlexInput *in)
{
    const size_t at = pb_begin(b, ARRAY_RANGE);
    for (int i = 0; i < in->rank; i++) {
        const size_t one = pb_begin(b, 1);
        if (in->lo[i]) pb_put_number(b, 1, (uint64_t)in->lo[i]);
        if (in->hi[i]) pb_put_number(b, 2, (uint64_t)in->hi[i]);
        pb_end(b, one);
    }
    pb_end(b, at);
}

static void put_shapes(Buf *b, const Flex *flex, int param)
{
    const size_t at = pb_begin(b, ARRAY_SHAPES);
    for (int i = 0; i < flex->nconfig; i++) {
        const Shape *s = &flex->config[i][param];
        if (s->rank < 0) continue;
        const size_t one = pb_begin(b, 1);
        put_ints(b, 1, s->dim, s->rank);
        pb_end(b, one);
    }
    pb_end(b, at);
}

static bool in_shapes(const Flex *flex, int param)
{
    for (int i = 0; i < flex->nconfig; i++)
        if (flex->config[i][param].rank >= 0) return true;
    return false;
}

/* ArrayFeatureType of a flexible input: default shape, type, and the shapes or ranges. */
static bool put_flexible(Diag *d, const Func *f, const Value *v, uint32_t dtype, Buf *out)
{
    Arena a = { 0 };
    Flex flex;
    int p = 0;
    while (p < f->body->nparam && f->body->param[p] != v) p++;
    const bool ok = p < f->body->nparam && flex_read(f, d, &a, &flex);
    const FlexInput *in = ok ? &flex.input[p] : NULL;
    const bool listed = ok && in_shapes(&flex, p);
    if (ok && in->has_default) put_ints(out, ARRAY_SHAPE, in->def.dim, in->def.rank);
    pb_put_number(out, ARRAY_TYPE, dtype);
    if (listed) put_shapes(out, &flex, p);
    else if (ok && in->has_range) put_range(out, in);
    else if (ok)
        diag_error(d, value_loc(v).src ? value_loc(v) : f->loc,
                   "%s of function %s has a `?`, but FlexibleShapeInformation does not say "
                   "which shapes it may have",
                   v->name, f->name);
    const bool said = ok && (listed || in->has_range);
    arena_free(&a);
    return said;
}

bool feature_make(Diag *d, const Func *f, const Value *v, bool input, Buf *out)
{
    const Type *t = tensor_of(v);
    const uint32_t dtype = t->kind == TY_TENSOR ? dtypes[t->dtype].array : 0;
    const bool state = v->type->kind == TY_STATE;
    if (!input && feature_label(v, out)) return true;
    if (!dtype)
        return diag_error(
            d, value_loc(v).src ? value_loc(v) : f->loc,
            "%s of function %s is no tensor of fp16, fp32, fp64, int8 or int32, the "
            "types that Core ML "
            "has for inputs and results",
            v->name, f->name);
    const size_t whole = state ? pb_begin(out, FT_STATE) : 0;
    const size_t at = pb_begin(out, state ? 1 : FT_ARRAY);
    bool ok = true;
    if (shape_known(&t->shape) || !input) {
        if (t->shape.rank && shape_known(&t->shape))
            put_ints(out, ARRAY_SHAPE, t->shape.dim, t->shape.rank);
        pb_put_number(out, ARRAY_TYPE, dtype);
    } else {
        ok = put_flexible(d, f, v, dtype, out);
    }
    pb_end(out, at);
    if (state) pb_end(out, whole);
    return ok;
}

/* ---- asked ------------------------------------------------------------------------------- */

int feature_ints(PbIn in, uint32_t num, int64_t out[MAX_RANK])
{
    PbField f;
    uint64_t v;
    int n = 0;
    while (pb_next(&in, &f))
        while (f.num == num && pb_item(&in, &f, PB_VARINT, &v)) {
            if (n == MAX_RANK) return -1;
            out[n++] = (int64_t)v;
        }
    return n;
}

static void ask_range(PbIn in, FeatureInfo *o)
{
    PbField f, g;
    while (pb_next(&in, &f)) {
        if (f.num != 1 || o->nrange == MAX_RANK) continue;
        PbIn one = pb_sub(&in, &f);
        o->low[o->nrange] = o->high[o->nrange] = 0;
        while (pb_next(&one, &g)) {
            if (g.num == 1) o->low[o->nrange] = (int64_t)pb_number(&one, &g);
            if (g.num == 2) o->high[o->nrange] = (int64_t)pb_number(&one, &g);
        }
        o->nrange++;
    }
}

static void ask_array(PbIn in, FeatureInfo *o)
{
    PbField f, g;
    o->array = true;
    o->rank = feature_ints(in, ARRAY_SHAPE, o->shape);
    while (pb_next(&in, &f)) {
        if (f.num == ARRAY_TYPE) o->dtype = pb_number(&in, &f);
        if (f.num == ARRAY_RANGE) ask_range(pb_sub(&in, &f), o);
        if (f.num != ARRAY_SHAPES) continue;
        o->shapes = pb_sub(&in, &f);
        for (PbIn all = o->shapes; pb_next(&all, &g);) o->nshapes += g.num == 1;
    }
}

bool feature_info(const void *type, size_t len, FeatureInfo *o)
{
    PbField f, g;
    *o = (FeatureInfo){ .file = { .data = type, .size = len } };
    o->shapes.file = &o->file;
    for (PbIn in = pb_open(&o->file); pb_next(&in, &f);) {
        if (f.num == FT_IMAGE) o->image = true;
        if (f.num == FT_OPTIONAL) o->optional = pb_number(&in, &f) != 0;
        if (f.num == FT_ARRAY) ask_array(pb_sub(&in, &f), o);
        if (f.num != FT_STATE) continue;
        o->state = true;
        for (PbIn sub = pb_sub(&in, &f); pb_next(&sub, &g);)
            if (g.num == 1) ask_array(pb_sub(&sub, &g), o);
    }
    return !o->file.wrong && o->rank >= 0 && o->nshapes <= MAX_SHAPES;
}

bool feature_fits(const void *type, size_t len, const Value *v)
{
    FeatureInfo o;
    const Type *t = tensor_of(v);
    if (!feature_info(type, len, &o)) return false;
    if (t->kind != TY_TENSOR || t->dtype == DT_STRING || t->dtype == DT_INT64)
        return feature_label_fits(type, len, v);
    if (o.image) return feature_image_fits(type, len, t);
    if (!o.array || o.state != (v->type->kind == TY_STATE) || o.dtype != dtypes[t->dtype].array)
        return false;
    const bool flexible = o.nrange || o.nshapes;
    if (!o.rank && !flexible)
        return v->def != NULL || !t->shape.rank; /* a result's may be left out */
    if (flexible) return !shape_known(&t->shape);
    if (o.rank != t->shape.rank) return false;
    for (int i = 0; i < o.rank; i++)
        if (t->shape.dim[i] != o.shape[i]) return false;
    return true;
}

/* ---- made from a description ------------------------------------------------------------- */

typedef struct {
    Module *m;
    const Feature **in; /* inputs of flexible shape, by name */
    int n;
} Flexible;

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const Feature *const *)a)->name, (*(const Feature *const *)b)->name);
}

static Const *feature_group(Module *m, const Type *t, int64_t room)
{
    Const *c = NEW(&m->arena, Const);
    *c = (Const){ .type = t,
                  .kind = CONST_GROUP,
                  .elem = NEW_ARRAY(&m->arena, room + 1, const Const *) };
    return c;
}

static void feature_add(Const *g, const Const *c) { g->elem[g->nelem++] = c; }

static const Const *shape_const(Module *m, const Type *t, int n, const int64_t *v)
{
    Const *c = const_ints(&m->arena, DT_INT32, n, v);
    c->type = t;
    c->nelem = n;
    return c;
}

typedef struct {
    const Type *text, *shape, *pair, *pairs, *named, *ranges, *keyed;
} FlexTypes;

static FlexTypes flex_types(Arena *a)
{
    FlexTypes t = { .text = type_scalar(DT_STRING),
                    .shape = type_tensor(a, DT_INT32, SHAPE(DIM_ANY)),
                    .pair = type_tensor(a, DT_INT32, SHAPE(2)) };
    t.pairs = type_list(a, t.pair, DIM_ANY);
    t.named = type_dict(a, t.text, t.shape);
    t.ranges = type_dict(a, t.text, t.pairs);
    t.keyed = type_dict(a, t.text, t.named);
    return t;
}

static const Const *default_shapes(const Flexible *x, const FlexTypes *t)
{
    Const *dict = feature_group(x->m, t->named, 2 * x->n);
    FeatureInfo o;
    for (int i = 0; i < x->n; i++) {
        feature_info(x->in[i]->type, x->in[i]->len, &o);
        if (!o.rank && o.nshapes) {
            PbField f;
            pb_next(&o.shapes, &f);
            o.rank = feature_ints(pb_sub(&o.shapes, &f), 1, o.shape);
        }
        if (!o.rank && o.nrange) memcpy(o.shape, o.low, sizeof o.shape);
        feature_add(dict, const_string(&x->m->arena, x->in[i]->name));
        feature_add(dict, shape_const(x->m, t->shape, o.rank > 0 ? o.rank : o.nrange, o.shape));
    }
    return dict;
}

static const Const *range_dims(const Flexible *x, const FlexTypes *t)
{
    Const *dict = feature_group(x->m, t->ranges, 2 * x->n);
    FeatureInfo o;
    for (int i = 0; i < x->n; i++) {
        if (!feature_info(x->in[i]->type, x->in[i]->len, &o) || !o.nrange) continue;
        Const *list = feature_group(x->m, t->pairs, o.nrange);
        for (int k = 0; k < o.nrange; k++) {
            const bool open = o.high[k] < 0 || o.high[k] > INT32_MAX;
            feature_add(list, shape_const(x->m, t->pair, 2,
                                          (int64_t[]){ o.low[k], open ? -1 : o.high[k] }));
        }
        feature_add(dict, const_string(&x->m->arena, x->in[i]->name));
        feature_add(dict, list);
    }
    return dict;
}

/* The k-th of the enumerated shapes of an input; -1: it has fewer. */
static int nth_shape(const Feature *in, int k, int64_t out[MAX_RANK])
{
    FeatureInfo o;
    PbField f;
    if (!feature_info(in->type, in->len, &o)) return -1;
    while (pb_next(&o.shapes, &f))
        if (f.num == 1 && k-- == 0) return feature_ints(pb_sub(&o.shapes, &f), 1, out);
    return -1;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(text_of((*(const Const *const *)a)->elem[0]),
                  text_of((*(const Const *const *)b)->elem[0]));
}

/* Keys are eight hexadecimal digits that nothing is known to depend on: a hash of the
 * shapes. */
static const Const *enumerated_shapes(const Flexible *x, const FlexTypes *t)
{
    Module *m = x->m;
    int count = 0, cap = 0;
    const Const **entry = NULL;
    for (int k = 0;; k++) {
        Const *shapes = feature_group(m, t->named, 2 * x->n);
        uint32_t hash = 2166136261u;
        for (int i = 0; i < x->n; i++) {
            int64_t v[MAX_RANK];
            const int n = nth_shape(x->in[i], k, v);
            if (n < 0) continue;
            feature_add(shapes, const_string(&m->arena, x->in[i]->name));
            feature_add(shapes, shape_const(m, t->shape, n, v));
            for (int j = 0; j < n; j++) hash = (hash ^ (uint32_t)v[j]) * 16777619u;
        }
        if (!shapes->nelem) break;
        Const *pair = feature_group(m, t->keyed, 2);
        feature_add(pair,
                    const_string(&m->arena, arena_printf(&m->arena, "%08x", (unsigned)hash)));
        feature_add(pair, shapes);
        ARENA_ROOM(&m->arena, entry, count, cap);
        entry[count++] = pair;
    }
    if (count) qsort(entry, (size_t)count, sizeof *entry, by_key);
    Const *dict = feature_group(m, t->keyed, 2 * count);
    for (int i = 0; i < count; i++) {
        feature_add(dict, entry[i]->elem[0]);
        feature_add(dict, entry[i]->elem[1]);
    }
    return dict;
}

const Const *flexible_make(Module *m, const AboutFunc *a)
{
    const struct Features *in = &a->side[ABOUT_INPUT];
    Flexible x = { .m = m, .in = NEW_ARRAY(&m->arena, in->count + 1, const Feature *) };
    FeatureInfo o;
    for (int i = 0; i < in->count; i++)
        if (in->at[i].type && feature_info(in->at[i].type, in->at[i].len, &o)
            && (o.nrange || o.nshapes))
            x.in[x.n++] = &in->at[i];
    if (!x.n) return NULL;
    qsort(x.in, (size_t)x.n, sizeof *x.in, by_name);
    const FlexTypes t = flex_types(&m->arena);
    const struct {
        const char *name;
        const Const *dict;
    } part[] = {
        { "DefaultShapes", default_shapes(&x, &t) },
        { "EnumeratedShapes", enumerated_shapes(&x, &t) },
        { "RangeDims", range_dims(&x, &t) },
    };
    const Type *types[COUNT(part)];
    const Const *pairs[COUNT(part)];
    int n = 0;
    for (size_t i = 0; i < COUNT(part); i++) {
        if (!part[i].dict->nelem) continue;
        types[n] = type_tuple(&m->arena, 2, (const Type *[]){ t.text, part[i].dict->type });
        Const *pair = feature_group(m, types[n], 2);
        feature_add(pair, const_string(&m->arena, part[i].name));
        feature_add(pair, part[i].dict);
        pairs[n++] = pair;
    }
    Const *all = feature_group(m, type_tuple(&m->arena, n, types), n);
    for (int i = 0; i < n; i++) feature_add(all, pairs[i]);
    return all;
}
