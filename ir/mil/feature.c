/* feature.c -- FeatureType messages: reading and writing them, and flexible shapes in them. */
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
        const Shape *s = flex_shape(flex, param, i);
        if (!s) continue;
        const size_t one = pb_begin(b, 1);
        put_ints(b, 1, s->dim, s->rank);
        pb_end(b, one);
    }
    pb_end(b, at);
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
    const bool listed = in && in->nshape;
    if (ok && in->has_default) put_ints(out, ARRAY_SHAPE, in->def.dim, in->def.rank);
    pb_put_number(out, ARRAY_TYPE, dtype);
    if (listed) put_shapes(out, &flex, p);
    else if (ok && in->has_range) put_range(out, in);
    else if (ok)
        diag_error(
            d, value_loc(v).src ? value_loc(v) : f->loc,
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
    if (!o.array || o.state != (v->type->kind == TY_STATE)
        || o.dtype != dtypes[t->dtype].array)
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

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const Feature *const *)a)->name, (*(const Feature *const *)b)->name);
}

/* The k-th of its enumerated shapes goes together with the k-th of other inputs. */
static void flex_shapes(Arena *a, const FeatureInfo *o, int input, Flex *x)
{
    PbField f;
    int k = 0;
    for (PbIn all = o->shapes; pb_next(&all, &f);) {
        if (f.num != 1) continue;
        Shape *s = flex_shape_new(a, x, input, k++);
        s->rank = feature_ints(pb_sub(&all, &f), 1, s->dim);
    }
    if (k > x->nconfig) x->nconfig = k;
}

/* By default an input has the first of its shapes, or the smallest, where nothing is said. */
static void flex_input(Arena *a, const FeatureInfo *o, int input, Flex *x)
{
    FlexInput *in = &x->input[input];
    *in =
        (FlexInput){ .has_default = true, .has_range = o->nrange > 0, .rank = o->nrange };
    for (int i = 0; i < o->nrange; i++) {
        const bool open = o->high[i] < 0 || o->high[i] > INT32_MAX;
        in->lo[i] = o->low[i];
        in->hi[i] = open ? -1 : o->high[i];
    }
    flex_shapes(a, o, input, x);
    if (o->rank) {
        in->def.rank = o->rank;
        memcpy(in->def.dim, o->shape, sizeof o->shape);
    } else if (in->nshape && in->shape[0].rank > 0) {
        in->def = in->shape[0];
    } else {
        in->def.rank = o->nrange;
        memcpy(in->def.dim, o->low, sizeof o->low);
    }
}

const Const *flexible_make(Module *m, const AboutFunc *a)
{
    const struct Features *in = &a->side[ABOUT_INPUT];
    const Feature **some = NEW_ARRAY(&m->arena, in->count + 1, const Feature *);
    const char **name = NEW_ARRAY(&m->arena, in->count + 1, const char *);
    Flex x = { .input = NEW_ARRAY(&m->arena, in->count + 1, FlexInput) };
    FeatureInfo o;
    int n = 0;
    for (int i = 0; i < in->count; i++) {
        if (!in->at[i].type || !feature_info(in->at[i].type, in->at[i].len, &o)) continue;
        if (!o.nrange && !o.nshapes) continue;
        some[n++] = &in->at[i];
    }
    if (!n) return NULL;
    qsort(some, (size_t)n, sizeof *some, by_name);
    for (int i = 0; i < n; i++) {
        feature_info(some[i]->type, some[i]->len, &o);
        name[i] = some[i]->name;
        flex_input(&m->arena, &o, i, &x);
    }
    return flex_const(m, name, n, &x);
}
