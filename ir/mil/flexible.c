/* flexible.c -- the attribute FlexibleShapeInformation, as whoever runs a program and whoever
 * writes a description of it read it. */
#include "flexible.h"

#include <string.h>

static const Type *tensor_type(const Value *v)
{
    return v->type->kind == TY_STATE ? v->type->sub[0] : v->type;
}

typedef struct {
    const Func *func;
    Diag *diag;
    Arena *arena;
    Flex *flex;
} Reader;

static bool flexible_malformed(Reader *r, const Const *at)
{
    return diag_error(r->diag, at->loc.src ? at->loc : r->func->loc,
                      "FlexibleShapeInformation of %s is not of the form this attribute has",
                      r->func->name);
}

static const char *text_of(const Const *c)
{
    bool text = c->kind == CONST_DATA && c->type->kind == TY_TENSOR
             && c->type->dtype == DT_STRING;
    return text ? *(const char *const *)c->data : NULL;
}

/* Up to max integers of an inline tensor of any integer type; -1 when it is something else. */
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
    if (dict->kind != CONST_GROUP || dict->nelem % 2) return flexible_malformed(r, dict);
    for (int64_t i = 0; i < dict->nelem; i += 2) {
        int p = param_index(r->func, text_of(dict->elem[i]));
        if (p >= 0 && !fn(r, p, dict->elem[i + 1], to)) return false;
    }
    return true;
}

static bool read_shape(Reader *r, const Const *c, Shape *out)
{
    out->rank = ints_of(c, out->dim, MAX_RANK);
    return out->rank >= 0 || flexible_malformed(r, c);
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
        || c->nelem != tensor_type(r->func->body->param[p])->shape.rank)
        return flexible_malformed(r, c);
    for (int64_t i = 0; i < c->nelem; i++) {
        int64_t pair[2];
        if (ints_of(c->elem[i], pair, 2) != 2) return flexible_malformed(r, c);
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
    if (dict->kind != CONST_GROUP || dict->nelem % 2) return flexible_malformed(r, dict);
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
    const Const *all = attr_get(&f->attrs, FLEXIBLE);
    Reader r = { .func = f, .diag = d, .arena = a, .flex = out };
    *out = (Flex){ .input = NEW_ARRAY(a, f->body->nparam + 1, FlexInput) };
    if (!all) return true;
    if (all->kind != CONST_GROUP) return flexible_malformed(&r, all);
    for (int64_t i = 0; i < all->nelem; i++) {
        const Const *part = all->elem[i];
        const char *name = part->kind == CONST_GROUP && part->nelem == 2
                             ? text_of(part->elem[0])
                             : NULL;
        bool ok = true;
        if (!name) ok = flexible_malformed(&r, part);
        else if (!strcmp(name, "DefaultShapes"))
            ok = read_dict(&r, part->elem[1], read_default, NULL);
        else if (!strcmp(name, "RangeDims"))
            ok = read_dict(&r, part->elem[1], read_range, NULL);
        else if (!strcmp(name, "EnumeratedShapes")) ok = read_configs(&r, part->elem[1]);
        if (!ok) return false;
    }
    return true;
}

bool flex_default(const Func *f, const Flex *flex, int param, Shape *out)
{
    *out = tensor_type(f->body->param[param])->shape;
    if (shape_known(out)) return true;
    if (flex->input[param].has_default) *out = flex->input[param].def;
    else if (flex->nconfig && flex->config[0][param].rank >= 0) *out = flex->config[0][param];
    return shape_known(out);
}
