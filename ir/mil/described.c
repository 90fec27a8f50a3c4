/* described.c -- features that are more than arrays: images, labels, optional inputs. */
#include "described.h"

#include "spec.h"

#include "../ops/ops.h"

#include <string.h>

/* FeatureType, and what is inside. */
enum {
    FT_INT64 = 1,
    FT_STRING = 3,
    FT_IMAGE = 4,
    FT_ARRAY = 5,
    FT_DICT = 6,
    FT_OPTIONAL = 1000
};
enum { IMAGE_COLOR = 3, IMAGE_SIZES = 21, IMAGE_RANGE = 31 };
enum { DEFAULT_INT = 41, DEFAULT_FLOAT = 51, DEFAULT_DOUBLE = 61 };
enum { MAX_SIZES = 4096 };

static const struct {
    Pixels pixels;
    const char *name;
    int channels;
    DType dtype; /* that the numbers have inside */
} spaces[] = {
    { PIXELS_GRAY, "GRAYSCALE", 1, DT_FP32 },
    { PIXELS_RGB, "RGB", 3, DT_FP32 },
    { PIXELS_BGR, "BGR", 3, DT_FP32 },
    { PIXELS_GRAY16, "GRAYSCALE_FLOAT16", 1, DT_FP16 },
};

static int space_of(uint64_t number)
{
    for (int i = 0; i < (int)COUNT(spaces); i++)
        if ((uint64_t)spaces[i].pixels == number) return i;
    return -1;
}

const char *pixels_name(Pixels p)
{
    const int i = space_of(p);
    return i < 0 ? NULL : spaces[i].name;
}

int pixels_channels(Pixels p)
{
    const int i = space_of(p);
    return i < 0 ? 0 : spaces[i].channels;
}

/* ---- reading a FeatureType --------------------------------------------------------------- */

static int64_t described_dim(PbIn *in, const PbField *f)
{
    const uint64_t v = pb_number(in, f);
    return v > INT64_MAX ? -1 : (int64_t)v;
}

/* ImageSize: width 1, height 2. */
static void read_size(PbIn in, int64_t size[2])
{
    PbField f;
    size[SIDE_WIDTH] = size[SIDE_HEIGHT] = 0;
    while (pb_next(&in, &f))
        if (f.num == 1 || f.num == 2) size[f.num - 1] = described_dim(&in, &f);
}

static void read_sizes(PbIn in, Arena *a, Described *o)
{
    PbField f;
    int n = 0;
    for (PbIn look = in; pb_next(&look, &f);) n += f.num == 1 && n < MAX_SIZES;
    o->sizes = arena_array(a, (size_t)n + 1, sizeof *o->sizes);
    while (pb_next(&in, &f))
        if (f.num == 1 && o->nsizes < n)
            read_size(pb_sub(&in, &f), o->sizes[o->nsizes++]);
}

/* ImageSizeRange: a SizeRange of each side. */
static void read_range(PbIn in, Described *o)
{
    PbField f, g;
    o->ranged = true;
    while (pb_next(&in, &f)) {
        if (f.num != 1 && f.num != 2) continue;
        PbIn side = pb_sub(&in, &f);
        while (pb_next(&side, &g)) {
            if (g.num == 1) o->low[f.num - 1] = described_dim(&side, &g);
            if (g.num == 2) o->high[f.num - 1] = described_dim(&side, &g);
        }
    }
}

static void read_image(PbIn in, Arena *a, Described *o)
{
    PbField f;
    while (pb_next(&in, &f)) {
        if (f.num == 1 || f.num == 2) o->size[f.num - 1] = described_dim(&in, &f);
        const int space = f.num == IMAGE_COLOR ? space_of(pb_number(&in, &f)) : -1;
        if (space >= 0) o->pixels = spaces[space].pixels;
        if (f.num == IMAGE_SIZES) read_sizes(pb_sub(&in, &f), a, o);
        if (f.num == IMAGE_RANGE) read_range(pb_sub(&in, &f), o);
    }
}

/* ArrayFeatureType.defaultOptionalValue. */
static void read_default(PbIn in, Described *o)
{
    PbField f;
    while (pb_next(&in, &f)) {
        float single;
        const uint32_t low = (uint32_t)f.value;
        if (f.num == DEFAULT_INT && f.wire == PB_VARINT) o->value = (double)(int32_t)low;
        else if (f.num == DEFAULT_FLOAT && f.wire == PB_FIXED32) {
            memcpy(&single, &low, sizeof single);
            o->value = (double)single;
        } else if (f.num == DEFAULT_DOUBLE && f.wire == PB_FIXED64) {
            memcpy(&o->value, &f.value, sizeof o->value);
        } else continue;
        o->has_default = true;
    }
}

static bool read_type(const void *type, size_t len, Arena *a, Described *o)
{
    PbField f;
    PbFile file = { .data = type, .size = len };
    *o = (Described){ 0 };
    for (PbIn in = pb_open(&file); pb_next(&in, &f);) {
        if (f.num == FT_IMAGE) read_image(pb_sub(&in, &f), a, o);
        if (f.num == FT_ARRAY) read_default(pb_sub(&in, &f), o);
        if (f.num == FT_OPTIONAL) o->optional = pb_number(&in, &f) != 0;
    }
    return !file.wrong;
}

static const Feature *find_feature(const Func *f, const Value *v, int side)
{
    const AboutFunc *a = about_find(f->module->about, f->name);
    for (int i = 0; a && v->name && i < a->side[side].count; i++)
        if (!strcmp(a->side[side].at[i].name, v->name)) return &a->side[side].at[i];
    return NULL;
}

void described(const Func *f, const Value *v, bool input, Arena *a, Described *out)
{
    const Feature *x = find_feature(f, v, input ? about_side_of(v) : ABOUT_OUTPUT);
    if (!x || !x->type || !read_type(x->type, x->len, a, out)) *out = (Described){ 0 };
}

/* ---- sizes of images --------------------------------------------------------------------- */

bool described_size_fits(const Described *d, const int64_t size[2])
{
    bool fits = d->ranged;
    for (int i = 0; i < 2 && d->ranged; i++)
        fits = fits && size[i] >= d->low[i] && (d->high[i] < 0 || size[i] <= d->high[i]);
    for (int i = 0; i < d->nsizes; i++)
        fits = fits || (size[0] == d->sizes[i][0] && size[1] == d->sizes[i][1]);
    return fits || (size[0] == d->size[0] && size[1] == d->size[1]);
}

void described_sizes(const Described *d, Buf *out)
{
    for (int i = 0; i < d->nsizes; i++)
        buf_printf(out, "%s%lld x %lld", i ? " or " : "", (long long)d->sizes[i][0],
                   (long long)d->sizes[i][1]);
    for (int i = 0; i < 2 && d->ranged && !d->nsizes; i++) {
        buf_printf(out, "%s%lld..", i ? " x " : "", (long long)d->low[i]);
        if (d->high[i] >= 0) buf_printf(out, "%lld", (long long)d->high[i]);
    }
    if (!d->nsizes && !d->ranged)
        buf_printf(out, "%lld x %lld", (long long)d->size[0], (long long)d->size[1]);
}

/* ---- does a feature fit a value ---------------------------------------------------------- */

bool feature_image_fits(const void *type, size_t len, const Type *t)
{
    Arena a = { 0 };
    Described o;
    const bool read = read_type(type, len, &a, &o);
    const int64_t want[] = { 1, pixels_channels(o.pixels), o.size[SIDE_HEIGHT],
                             o.size[SIDE_WIDTH] };
    const int n = o.nsizes || o.ranged ? 2 : 4;
    bool fits = read && o.pixels && t->shape.rank == 4
             && (t->dtype == DT_FP16 || t->dtype == DT_FP32);
    for (int i = 0; fits && i < n; i++)
        fits = t->shape.dim[i] == DIM_ANY || t->shape.dim[i] == want[i];
    arena_free(&a);
    return fits;
}

/* A text, a whole number, or a dictionary from one of them to numbers: results of
 * `classify`. */
bool feature_label(const Value *v, Buf *out)
{
    const Type *t = v->type, *key = t->kind == TY_DICT ? t->sub[0] : t;
    if (key->kind != TY_TENSOR || key->shape.rank) return false;
    const bool text = key->dtype == DT_STRING;
    if (!text && key->dtype != DT_INT64) return false;
    if (t->kind != TY_DICT) {
        pb_put_bytes(out, text ? FT_STRING : FT_INT64, "", 0);
        return true;
    }
    const size_t at = pb_begin(out, FT_DICT);
    pb_put_bytes(out, text ? 2 : 1, "", 0);
    pb_end(out, at);
    return true;
}

bool feature_label_fits(const void *type, size_t len, const Value *v)
{
    Buf made = { 0 };
    const bool same = feature_label(v, &made) && made.len == len
                   && !memcmp(made.s, type, len);
    buf_free(&made);
    return same;
}

/* ---- a feature of a value that has changed ----------------------------------------------- */

static void put_default(const Described *o, DType t, Buf *out)
{
    const float single = (float)o->value;
    unsigned char bytes[8];
    if (dtype_is_int(t)) {
        pb_put_number(out, DEFAULT_INT, (uint64_t)(int64_t)o->value);
        return;
    }
    const bool wide = t == DT_FP64;
    if (wide) memcpy(bytes, &o->value, 8);
    else memcpy(bytes, &single, 4);
    pb_put_varint(out, wide ? DEFAULT_DOUBLE << 3 | PB_FIXED64
                            : DEFAULT_FLOAT << 3 | PB_FIXED32);
    buf_add(out, bytes, wide ? 8 : 4);
}

bool feature_renew(const Func *f, const Value *v, const Feature *old, Shown *to)
{
    Arena *a = &f->module->arena;
    Described o;
    Buf made = { 0 }, out = { 0 };
    Diag quiet = { .quiet = true };
    PbField field;
    if (!old->type || !read_type(old->type, old->len, a, &o) || o.pixels || !o.optional
        || v->def || about_side_of(v) != ABOUT_INPUT)
        return false;
    const bool ok = feature_make(&quiet, f, v, true, &made);
    PbFile file = { .data = (const unsigned char *)made.s, .size = made.len };
    for (PbIn in = pb_open(&file); ok && pb_next(&in, &field);) {
        if (field.num != FT_ARRAY) continue;
        const size_t at = pb_begin(&out, FT_ARRAY);
        buf_add(&out, field.data, field.len);
        if (o.has_default) put_default(&o, v->type->dtype, &out);
        pb_end(&out, at);
    }
    if (ok) {
        pb_put_number(&out, FT_OPTIONAL, 1);
        to->type = arena_strndup(a, out.s, out.len);
        to->len = out.len;
    }
    buf_free(&made);
    buf_free(&out);
    diag_free(&quiet);
    return ok;
}

/* ---- what passes have to leave ----------------------------------------------------------- */

static void fix_side(Func *f, const struct Features *x, Value *const *v, int n)
{
    Arena *a = &f->module->arena;
    for (int i = 0; i < x->count; i++)
        for (int k = 0; k < n; k++) {
            Described o;
            const Feature *one = &x->at[i];
            if (strcmp(one->name, v[k]->name) != 0 || !one->type
                || !read_type(one->type, one->len, a, &o) || !o.pixels
                || !feature_image_fits(one->type, one->len, v[k]->type))
                continue;
            f->fixed[f->nfixed++] = (struct Fixed){ one->name,
                                                    spaces[space_of(o.pixels)].dtype };
            break;
        }
}

void about_fix(Module *m)
{
    for (Func *f = m->first; f; f = f->next) {
        const AboutFunc *a = about_find(m->about, f->name);
        f->nfixed = 0;
        if (!a) continue;
        const struct Features *in = &a->side[ABOUT_INPUT], *out = &a->side[ABOUT_OUTPUT];
        f->fixed = NEW_ARRAY(&m->arena, in->count + out->count + 1, struct Fixed);
        fix_side(f, in, f->body->param, f->body->nparam);
        fix_side(f, out, f->body->result, f->body->nresult);
    }
}

/* ---- classifiers ------------------------------------------------------------------------- */

/* The first, or the one whose label is called `name`. */
static bool find_classifier(const Func *f, const char *name, Classifier *out)
{
    const Block *b = f->body;
    *out = (Classifier){ 0 };
    for (int i = 0; i < b->nresult; i++) {
        const Value *label = b->result[i];
        const Op *op = label->def;
        if (!op || op->kind != OP_classify || op->nout != 2 || op->out[0] != label)
            continue;
        const Value *classes = op_value(op, P_classes);
        if (!classes || !value_lit(classes) || value_lit(classes)->kind != CONST_GROUP)
            continue;
        const bool named = name && !strcmp(name, label->name);
        if (out->label && !named) continue;
        *out = (Classifier){ .label = label, .classes = value_lit(classes) };
        for (int k = 0; k < b->nresult; k++)
            if (b->result[k] == op->out[1]) out->probabilities = op->out[1];
    }
    return out->label != NULL;
}

bool described_classifier(const Func *f, Classifier *out)
{
    const AboutFunc *a = about_find(f->module->about, f->name);
    return find_classifier(f, a ? a->predicted[0] : NULL, out);
}

void about_predicted(const Func *f, const char *out[2])
{
    Classifier c;
    const bool any = find_classifier(f, NULL, &c);
    out[0] = any ? c.label->name : NULL;
    out[1] = any && c.probabilities ? c.probabilities->name : NULL;
}
