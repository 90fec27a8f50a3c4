/* inputs.c -- what a function takes: flexible shapes, and whether tensors given fit. */
#include "backend.h"

#include "../ir/mil/described.h"

#include <string.h>

bool param_is_state(const Value *v) { return v->type->kind == TY_STATE; }

const Type *param_type(const Value *v) { return param_is_state(v) ? v->type->sub[0] : v->type; }

/* ---- the attribute FlexibleShapeInformation -------------------------------------------------- */

typedef struct {
    const Func *func;
    Diag *diag;
    Arena *arena;
    Flex *flex;
} Reader;

static bool malformed(Reader *r, const Const *at)
{
    return diag_error(r->diag, at->loc.src ? at->loc : r->func->loc,
                      "FlexibleShapeInformation of %s is not of the form this attribute has",
                      r->func->name);
}

static const char *text_of(const Const *c)
{
    bool text = c->kind == CONST_DATA && c->type->kind == TY_TENSOR && c->type->dtype == DT_STRING;
    return text ? *(const char *const *)c->data : NULL;
}

/* Up to max integers of an inline tensor; -1 when it is something else. */
static int ints_of(const Const *c, int64_t *out, int max)
{
    size_t n;
    if (c->kind != CONST_DATA || c->type->kind != TY_TENSOR || !dtype_is_int(c->type->dtype))
        return -1;
    if (!shape_count(&c->type->shape, &n)) n = (size_t)c->nelem;
    if (n > (size_t)max) return -1;
    const Shape s = SHAPE((int64_t)n);
    const Tensor t = tensor_view(c->type->dtype, &s, c->data);
    for (size_t i = 0; i < n; i++) out[i] = tensor_int(&t, i);
    return (int)n;
}

static int param_index(const Func *f, const char *name)
{
    for (int i = 0; name && i < f->body->nparam; i++)
        if (!strcmp(f->body->param[i]->name, name)) return i;
    return -1;
}

typedef bool EntryReader(Reader *r, int param, const Const *value, void *to);

/* Each (input, value) of a dict; inputs that the function does not have are passed over. */
static bool read_dict(Reader *r, const Const *dict, EntryReader *fn, void *to)
{
    if (dict->kind != CONST_GROUP || dict->nelem % 2) return malformed(r, dict);
    for (int64_t i = 0; i < dict->nelem; i += 2) {
        int p = param_index(r->func, text_of(dict->elem[i]));
        if (p >= 0 && !fn(r, p, dict->elem[i + 1], to)) return false;
    }
    return true;
}

static bool read_shape(Reader *r, const Const *c, Shape *out)
{
    out->rank = ints_of(c, out->dim, MAX_RANK);
    return out->rank >= 0 || malformed(r, c);
}

static bool read_default(Reader *r, int p, const Const *c, void *to)
{
    (void)to;
    r->flex->input[p].has_default = true;
    return read_shape(r, c, &r->flex->input[p].def);
}

static bool read_range(Reader *r, int p, const Const *c, void *to)
{
    (void)to;
    FlexInput *in = &r->flex->input[p];
    if (c->kind != CONST_GROUP || c->nelem > MAX_RANK
        || c->nelem != param_type(r->func->body->param[p])->shape.rank)
        return malformed(r, c);
    for (int64_t i = 0; i < c->nelem; i++) {
        int64_t pair[2];
        if (ints_of(c->elem[i], pair, 2) != 2) return malformed(r, c);
        in->lo[i] = pair[0];
        in->hi[i] = pair[1];
    }
    in->has_range = true;
    in->rank = (int)c->nelem;
    return true;
}

static bool read_config_shape(Reader *r, int p, const Const *c, void *to)
{
    return read_shape(r, c, (Shape *)to + p);
}

static bool read_configs(Reader *r, const Const *dict)
{
    const int n = r->func->body->nparam;
    if (dict->kind != CONST_GROUP || dict->nelem % 2) return malformed(r, dict);
    r->flex->config = NEW_ARRAY(r->arena, dict->nelem / 2 + 1, Shape *);
    for (int64_t i = 1; i < dict->nelem; i += 2) {
        Shape *shape = NEW_ARRAY(r->arena, n + 1, Shape);
        for (int k = 0; k < n; k++) shape[k].rank = -1;
        if (!read_dict(r, dict->elem[i], read_config_shape, shape)) return false;
        r->flex->config[r->flex->nconfig++] = shape;
    }
    return true;
}

bool flex_read(const Func *f, Diag *d, Arena *a, Flex *out)
{
    const Const *all = attr_get(&f->attrs, "FlexibleShapeInformation");
    Reader r = { .func = f, .diag = d, .arena = a, .flex = out };
    *out = (Flex){ .input = NEW_ARRAY(a, f->body->nparam + 1, FlexInput) };
    if (!all) return true;
    if (all->kind != CONST_GROUP) return malformed(&r, all);
    for (int64_t i = 0; i < all->nelem; i++) {
        const Const *part = all->elem[i];
        const char *name = part->kind == CONST_GROUP && part->nelem == 2 ? text_of(part->elem[0])
                                                                         : NULL;
        bool ok = true;
        if (!name) ok = malformed(&r, part);
        else if (!strcmp(name, "DefaultShapes"))
            ok = read_dict(&r, part->elem[1], read_default, NULL);
        else if (!strcmp(name, "RangeDims")) ok = read_dict(&r, part->elem[1], read_range, NULL);
        else if (!strcmp(name, "EnumeratedShapes")) ok = read_configs(&r, part->elem[1]);
        if (!ok) return false;
    }
    return true;
}

bool flex_default(const Func *f, const Flex *flex, int param, Shape *out)
{
    *out = param_type(f->body->param[param])->shape;
    if (shape_known(out)) return true;
    if (flex->input[param].has_default) *out = flex->input[param].def;
    else if (flex->nconfig && flex->config[0][param].rank >= 0) *out = flex->config[0][param];
    return shape_known(out);
}

/* ---- checking -------------------------------------------------------------------------------- */

typedef struct {
    const Func *func;
    Diag *diag;
    Arena scratch;
    Flex flex;
    const Binding **given; /* by parameter */
    bool ok;
} Check;

static const char *origin(const Binding *b) { return b->origin ? b->origin : "the tensor given"; }

static void check_name(Check *c, const Binding *b)
{
    const Block *body = c->func->body;
    const char **known = NEW_ARRAY(&c->scratch, body->nparam + 1, const char *);
    Buf list = { 0 };
    size_t n = 0;
    for (int i = 0; i < body->nparam; i++) {
        if (param_is_state(body->param[i])) continue;
        buf_printf(&list, "%s%s", n ? ", " : "", body->param[i]->name);
        known[n++] = body->param[i]->name;
    }
    const char *near = name_nearest(b->name, known, n);
    if (near)
        diag_error(c->diag, (Loc){ 0 }, "%s has no input called %s; did you mean %s?",
                   c->func->name, b->name, near);
    else
        diag_error(c->diag, (Loc){ 0 }, "%s has no input called %s; its inputs are: %s",
                   c->func->name, b->name, list.len ? list.s : "none");
    buf_free(&list);
    c->ok = false;
}

static void bind_names(Check *c, const Binding *in, int nin)
{
    for (int k = 0; k < nin; k++) {
        int p = param_index(c->func, in[k].name);
        if (p < 0 || param_is_state(c->func->body->param[p])) {
            check_name(c, &in[k]);
        } else if (c->given[p]) {
            c->ok = diag_error(c->diag, (Loc){ 0 }, "input %s is given twice", in[k].name);
        } else {
            c->given[p] = &in[k];
        }
    }
}

static void check_type(Check *c, const Value *v, const Binding *b)
{
    const Tensor *t = &b->value;
    if (v->type->kind != TY_TENSOR) {
        c->ok = diag_error(c->diag, v->loc, "input %s is a %s; only tensors can be given", v->name,
                           type_text(&c->scratch, v->type));
        return;
    }
    if (v->type->dtype == t->dtype && shape_fits(&v->type->shape, &t->shape)) return;
    const char *want = dtypes[v->type->dtype].name;
    c->ok = diag_error(c->diag, (Loc){ 0 }, "input %s is %s %s, but %s holds %s %s%s%s", v->name,
                       want, shape_text(&c->scratch, &v->type->shape), origin(b),
                       dtypes[t->dtype].name, shape_text(&c->scratch, &t->shape),
                       v->type->dtype == t->dtype ? "" : ": convert it to ",
                       v->type->dtype == t->dtype ? "" : want);
}

static void check_absent(Check *c, const Value *v)
{
    Described say;
    described(c->func, v, true, &c->scratch, &say);
    c->ok = diag_error(c->diag, (Loc){ 0 }, "input %s (%s) is not given%s", v->name,
                       type_text(&c->scratch, v->type),
                       say.optional ? ": the description makes it optional, and says no value" : "");
}

static void check_range(Check *c, int p)
{
    const FlexInput *in = &c->flex.input[p];
    const Value *v = c->func->body->param[p];
    const Shape *s = &c->given[p]->value.shape;
    for (int i = 0; in->has_range && i < s->rank; i++) {
        if (s->dim[i] >= in->lo[i] && (in->hi[i] < 0 || s->dim[i] <= in->hi[i])) continue;
        Buf upto = { 0 };
        if (in->hi[i] >= 0) buf_printf(&upto, " to %lld", (long long)in->hi[i]);
        c->ok = diag_error(c->diag, (Loc){ 0 },
                           "input %s: dimension %d of %s is %lld; the model takes %lld%s", v->name,
                           i, origin(c->given[p]), (long long)s->dim[i], (long long)in->lo[i],
                           upto.s ? upto.s : " and more");
        buf_free(&upto);
    }
}

/* One of the enumerated configurations must hold for all inputs at once. */
static void check_configs(Check *c)
{
    const int n = c->func->body->nparam;
    Buf list = { 0 };
    for (int k = 0; k < c->flex.nconfig; k++) {
        bool fits = true;
        const char *sep = k ? "; " : "";
        for (int p = 0; p < n; p++) {
            const Shape *want = &c->flex.config[k][p];
            if (want->rank < 0 || !c->given[p]) continue;
            fits = fits && shape_equal(want, &c->given[p]->value.shape);
            buf_printf(&list, "%s%s %s", sep, c->given[p]->name, shape_text(&c->scratch, want));
            sep = ", ";
        }
        if (fits) {
            buf_free(&list);
            return;
        }
    }
    if (c->flex.nconfig)
        c->ok = diag_error(c->diag, (Loc){ 0 },
                           "these input shapes are none that the model takes: %s",
                           list.s ? list.s : "");
    buf_free(&list);
}

bool inputs_check(const Func *f, Diag *d, const Binding *in, int nin)
{
    Check c = { .func = f, .diag = d, .ok = true };
    const int n = f->body->nparam;
    c.given = NEW_ARRAY(&c.scratch, n + 1, const Binding *);
    c.ok = flex_read(f, d, &c.scratch, &c.flex);
    bind_names(&c, in, nin);
    for (int p = 0; p < n; p++) {
        const Value *v = f->body->param[p];
        if (param_is_state(v)) continue;
        if (c.given[p]) check_type(&c, v, c.given[p]);
        else check_absent(&c, v);
    }
    for (int p = 0; c.ok && p < n; p++)
        if (c.given[p]) check_range(&c, p);
    if (c.ok) check_configs(&c);
    arena_free(&c.scratch);
    return c.ok;
}
