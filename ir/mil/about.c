/* about.c -- the description of a model in its container: features, functions, metadata. */
#include "spec.h"

#include <string.h>

const char *const about_texts[ABOUT_TEXTS] = { "shortDescription", "version", "author",
                                               "license" };

/* Where the features of each side stand: in a ModelDescription, and in a
 * FunctionDescription. */
static const uint32_t model_field[ABOUT_SIDES] = { 1, 10, 13 },
                      func_field[ABOUT_SIDES] = { 2, 3, 6 };
const char *const predicted_names[2] = { "predictedFeatureName",
                                         "predictedProbabilitiesName" };
static const uint32_t model_predicted[2] = { 11, 12 }, func_predicted[2] = { 4, 5 };

enum { DESC_FUNCTIONS = 20, DESC_DEFAULT = 21, DESC_METADATA = 100, META_USER = 100 };

About *about_of(Module *m)
{
    if (!m->about) m->about = NEW(&m->arena, About);
    return m->about;
}

/* Where the function's place stands, or would. At most half of the slots are taken, so the
 * search ends. */
static int *slot_of(const About *a, const char *name)
{
    size_t i = (size_t)(rng_key(0, name) >> 20) & (a->slots - 1);
    while (a->slot[i] && strcmp(a->func[a->slot[i] - 1].name, name))
        i = (i + 1) & (a->slots - 1);
    return &a->slot[i];
}

const AboutFunc *about_find(const About *a, const char *name)
{
    const int place = a && a->slots ? *slot_of(a, name) : 0;
    return place ? &a->func[place - 1] : NULL;
}

AboutFunc *about_func(Module *m, About *a, const char *name)
{
    const AboutFunc *have = about_find(a, name);
    if (have) return &a->func[have - a->func];
    if (2 * (size_t)a->nfunc >= a->slots) {
        a->slots = a->slots ? 2 * a->slots : 8;
        a->slot = NEW_ARRAY(&m->arena, a->slots, int);
        for (int i = 0; i < a->nfunc; i++) *slot_of(a, a->func[i].name) = i + 1;
    }
    ARENA_ROOM(&m->arena, a->func, a->nfunc, a->func_cap);
    a->func[a->nfunc] = (AboutFunc){ .name = name };
    *slot_of(a, name) = ++a->nfunc;
    return &a->func[a->nfunc - 1];
}

/* ---- reading ----------------------------------------------------------------------------- */

static void about_keep(Module *m, const void **rest, size_t *len, const PbIn *in,
                       const PbField *f)
{
    const size_t n = (size_t)(in->at - f->start);
    char *all = arena_alloc(&m->arena, *len + n);
    if (*len) memcpy(all, *rest, *len);
    memcpy(all + *len, f->start, n);
    *rest = all;
    *len += n;
}

static void read_feature(Module *m, PbIn in, struct Features *to)
{
    PbField f;
    Feature one = { .name = "" };
    while (pb_next(&in, &f)) {
        if (f.num == 1) one.name = pb_string(&in, &f, &m->arena);
        if (f.num == 2) one.doc = pb_string(&in, &f, &m->arena);
        if (f.num != 3) continue;
        one.len = pb_sub(&in, &f).end ? f.len : 0;
        char *copy = arena_alloc(&m->arena, f.len + 1);
        if (f.len) memcpy(copy, f.data, f.len);
        one.type = copy;
    }
    ARENA_ROOM(&m->arena, to->at, to->count, to->cap);
    to->at[to->count++] = one;
}

static int side_of(const uint32_t field[ABOUT_SIDES], uint32_t num)
{
    for (int i = 0; i < ABOUT_SIDES; i++)
        if (field[i] == num) return i;
    return -1;
}

/* Whether the field names a classifier's label or probabilities. */
static bool read_predicted(Module *m, const uint32_t field[2], PbIn *in, const PbField *f,
                           AboutFunc *to)
{
    for (int i = 0; i < 2; i++) {
        if (field[i] != f->num) continue;
        to->predicted[i] = pb_string(in, f, &m->arena);
        return true;
    }
    return false;
}

static void read_function(Module *m, PbIn in)
{
    PbField f;
    const char *name = NULL;
    for (PbIn look = in; pb_next(&look, &f);)
        if (f.num == 1) name = pb_string(&look, &f, &m->arena);
    if (!name) {
        pb_wrong(&in, in.at, "the description of a function has no name");
        return;
    }
    AboutFunc *to = about_func(m, about_of(m), name);
    while (pb_next(&in, &f)) {
        const int side = side_of(func_field, f.num);
        if (side >= 0) read_feature(m, pb_sub(&in, &f), &to->side[side]);
        else if (f.num != 1 && !read_predicted(m, func_predicted, &in, &f, to))
            about_keep(m, &to->rest, &to->rest_len, &in, &f);
    }
}

static void read_metadata(Module *m, PbIn in)
{
    About *a = about_of(m);
    PbField f, g;
    a->metadata = true;
    while (pb_next(&in, &f)) {
        if (f.num >= 1 && f.num <= ABOUT_TEXTS)
            a->text[f.num - 1] = pb_string(&in, &f, &m->arena);
        if (f.num != META_USER) continue;
        PbIn entry = pb_sub(&in, &f);
        const char *pair[2] = { "", "" };
        while (pb_next(&entry, &g))
            if (g.num == 1 || g.num == 2)
                pair[g.num - 1] = pb_string(&entry, &g, &m->arena);
        for (int i = 0; i < 2; i++) {
            ARENA_ROOM(&m->arena, a->user, a->nuser, a->user_cap);
            a->user[a->nuser++] = pair[i];
        }
    }
}

bool about_read(Module *m, Diag *d, PbIn in)
{
    About *a = about_of(m);
    PbField f;
    const Func *main = module_main(m);
    while (pb_next(&in, &f)) {
        const int side = side_of(model_field, f.num);
        if (side >= 0 && main)
            read_feature(m, pb_sub(&in, &f), &about_func(m, a, main->name)->side[side]);
        else if (f.num == DESC_FUNCTIONS) read_function(m, pb_sub(&in, &f));
        else if (f.num == DESC_DEFAULT) m->default_func = pb_string(&in, &f, &m->arena);
        else if (f.num == DESC_METADATA) read_metadata(m, pb_sub(&in, &f));
        else if (!main
                 || !read_predicted(m, model_predicted, &in, &f,
                                    about_func(m, a, main->name)))
            about_keep(m, &a->rest, &a->rest_len, &in, &f);
    }
    if (in.file->wrong) return false;
    if (m->first && *m->default_func && strcmp(m->default_func, "main")
        && !module_func(m, m->default_func))
        return diag_error(d, (Loc){ .src = m->src },
                          "the default function %s is not in the program",
                          m->default_func);
    return true;
}

/* ---- what is shown ----------------------------------------------------------------------- */

int about_side_of(const Value *param)
{
    return param->type->kind == TY_STATE ? ABOUT_STATE : ABOUT_INPUT;
}

static bool on_side(const Value *v, int side)
{
    return side == ABOUT_OUTPUT || about_side_of(v) == side;
}

/* Values that are still to be shown are the tags of their names: a result that is given twice
 * is shown once. */
static Value *about_take(const char *name)
{
    NameNote *note = name ? name_note(name) : NULL;
    Value *v = note ? note->tag : NULL;
    if (v) note->tag = NULL;
    return v;
}

Shown *about_side(const Module *m, const Func *f, int side, int *count)
{
    const bool out = side == ABOUT_OUTPUT;
    Value *const *v = out ? f->body->result : f->body->param;
    const int n = out ? f->body->nresult : f->body->nparam;
    const AboutFunc *a = about_find(m->about, f->name);
    Shown *list = NEW_ARRAY(&((Module *)(uintptr_t)m)->arena, n + 1, Shown);
    *count = 0;
    for (int k = n; k-- > 0;)
        if (on_side(v[k], side)) name_note(v[k]->name)->tag = v[k];
    for (int i = 0; a && i < a->side[side].count; i++) {
        const Feature *x = &a->side[side].at[i];
        Value *one = about_take(name_find(&m->names, x->name));
        if (!one) continue;
        const bool fits = x->type && feature_fits(x->type, x->len, one);
        list[*count] = (Shown){ one, x->doc, fits ? x->type : NULL, fits ? x->len : 0 };
        if (!fits) feature_renew(f, one, x, &list[*count]);
        ++*count;
    }
    for (int k = 0; k < n; k++) {
        Value *one = about_take(v[k]->name);
        if (one) list[(*count)++].v = one;
    }
    return list;
}

/* What MIL.proto and a specification call the opsets. */
static const struct {
    Opset opset;
    const char *core;
    int spec;
} opsets[] = {
    { OPSET_IOS15, "CoreML5", 6 },  { OPSET_IOS16, "CoreML6", 7 },
    { OPSET_IOS17, "CoreML7", 8 },  { OPSET_IOS18, "CoreML8", 9 },
    { OPSET_IOS26, "CoreML9", 10 },
};

const char *spec_opset(const Func *f)
{
    for (size_t i = 0; i < COUNT(opsets); i++)
        if (opsets[i].opset == f->opset) return opsets[i].core;
    return f->opset_name;
}

Opset opset_of_core(const char *text)
{
    for (size_t i = 0; i < COUNT(opsets); i++)
        if (!strcmp(opsets[i].core, text)) return opsets[i].opset;
    return OPSET_NONE;
}

int spec_of_opset(Opset o)
{
    for (size_t i = 0; i < COUNT(opsets); i++)
        if (opsets[i].opset == o) return opsets[i].spec;
    return opsets[0].spec;
}

/* The first specificationVersion that knows what a function uses. Versions are those of the
 * releases: 7 is iOS 16, 9 iOS 18, 10 iOS 26. */
static int func_needs(const Func *f)
{
    enum { FP16_ARRAYS = 7, STATES = 9, INT8_ARRAYS = 10 };
    int needs = spec_of_opset(f->opset);
    for (int i = 0; i < f->body->nparam + f->body->nresult; i++) {
        const Value *v = i < f->body->nparam ? f->body->param[i]
                                             : f->body->result[i - f->body->nparam];
        const bool state = v->type->kind == TY_STATE;
        const Type *t = state ? v->type->sub[0] : v->type;
        const DType dtype = t->kind == TY_TENSOR ? t->dtype : DT_NONE;
        const int own = dtype == DT_INT8 ? INT8_ARRAYS
                      : state            ? STATES
                      : dtype == DT_FP16 ? FP16_ARRAYS
                                         : 0;
        needs = own > needs ? own : needs;
    }
    return needs;
}

/* What the program alone needs. */
static int program_needs(const Module *m)
{
    enum { FUNCTIONS = 9 }; /* more than one, or one that is not called main */
    const Func *first = m->first;
    int needs = first && (first->next || strcmp(first->name, "main")) ? FUNCTIONS : 0;
    for (const Func *f = first; f; f = f->next) {
        const int own = func_needs(f);
        needs = own > needs ? own : needs;
    }
    return needs;
}

/* The version that was read stays while the program needs what it did then, or nothing
 * newer. */
int about_spec(const Module *m)
{
    const int own = program_needs(m);
    const About *a = m->about;
    return a && a->spec > own && (a->read_spec == own || !a->read_spec) ? a->spec : own;
}

/* ---- writing ----------------------------------------------------------------------------- */

static bool write_side(const Module *m, Diag *d, const Func *f, int side, uint32_t num,
                       Buf *out)
{
    int n;
    bool ok = true;
    const Shown *list = about_side(m, f, side, &n);
    for (int i = 0; ok && i < n; i++) {
        const size_t at = pb_begin(out, num);
        pb_put_string(out, 1, list[i].v->name);
        if (list[i].doc && *list[i].doc) pb_put_string(out, 2, list[i].doc);
        const size_t type = pb_begin(out, 3);
        if (list[i].type) buf_add(out, list[i].type, list[i].len);
        else ok = feature_make(d, f, list[i].v, side != ABOUT_OUTPUT, out);
        pb_end(out, type);
        pb_end(out, at);
    }
    return ok;
}

static bool has_result(const Func *f, const char *name)
{
    for (int i = 0; i < f->body->nresult; i++)
        if (!strcmp(f->body->result[i]->name, name)) return true;
    return false;
}

/* As the description had them, where there are such results, else the program's own. */
static void write_predicted(const Module *m, const Func *f, const uint32_t field[2],
                            Buf *out)
{
    const AboutFunc *a = about_find(m->about, f->name);
    const char *name[2];
    about_predicted(f, name);
    for (int i = 0; i < 2; i++) {
        if (a && a->predicted[i] && has_result(f, a->predicted[i]))
            name[i] = a->predicted[i];
        if (name[i]) pb_put_string(out, field[i], name[i]);
    }
}

static bool write_sides(const Module *m, Diag *d, const Func *f,
                        const uint32_t side[ABOUT_SIDES], const uint32_t predicted[2],
                        Buf *out)
{
    if (!write_side(m, d, f, ABOUT_INPUT, side[ABOUT_INPUT], out)
        || !write_side(m, d, f, ABOUT_OUTPUT, side[ABOUT_OUTPUT], out))
        return false;
    write_predicted(m, f, predicted, out);
    return write_side(m, d, f, ABOUT_STATE, side[ABOUT_STATE], out);
}

static void write_metadata(const About *a, Buf *out)
{
    bool any = a->metadata || a->nuser;
    for (int i = 0; i < ABOUT_TEXTS; i++) any = any || (a->text[i] && *a->text[i]);
    if (!any) return;
    const size_t at = pb_begin(out, DESC_METADATA);
    for (int i = 0; i < ABOUT_TEXTS; i++)
        if (a->text[i] && *a->text[i]) pb_put_string(out, (uint32_t)i + 1, a->text[i]);
    for (int i = 0; i + 1 < a->nuser; i += 2) {
        const size_t entry = pb_begin(out, META_USER);
        pb_put_string(out, 1, a->user[i]);
        pb_put_string(out, 2, a->user[i + 1]);
        pb_end(out, entry);
    }
    pb_end(out, at);
}

static bool write_function(const Module *m, Diag *d, const Func *f, Buf *out)
{
    const AboutFunc *a = about_find(m->about, f->name);
    const size_t at = pb_begin(out, DESC_FUNCTIONS);
    pb_put_string(out, 1, f->name);
    const bool ok = write_sides(m, d, f, func_field, func_predicted, out);
    if (a && a->rest_len) buf_add(out, a->rest, a->rest_len);
    pb_end(out, at);
    return ok;
}

bool about_write(const Module *m, Diag *d, Buf *out)
{
    const About *a = m->about;
    const Func *main = module_main(m);
    const bool single = main && !main->next && main == m->first
                     && !strcmp(main->name, "main");
    bool ok = !single || write_sides(m, d, main, model_field, model_predicted, out);
    for (const Func *f = single ? NULL : m->first; ok && f; f = f->next)
        ok = write_function(m, d, f, out);
    if (!single && main) pb_put_string(out, DESC_DEFAULT, main->name);
    if (a && a->rest_len) buf_add(out, a->rest, a->rest_len);
    if (a) write_metadata(a, out);
    return ok;
}
