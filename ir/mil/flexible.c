/* flexible.c -- the attribute FlexibleShapeInformation: read to run a program or to write its
 * description, and made from a description. */
#include "described.h"

#include <stdlib.h>
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
    return diag_error(
        r->diag, at->loc.src ? at->loc : r->func->loc,
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
    if (c->kind != CONST_DATA || c->type->kind != TY_TENSOR
        || !dtype_is_int(c->type->dtype))
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

const Shape *flex_shape(const Flex *x, int input, int k)
{
    const FlexInput *in = &x->input[input];
    return k < in->nshape && in->shape[k].rank >= 0 ? &in->shape[k] : NULL;
}

Shape *flex_shape_new(Arena *a, Flex *x, int input, int k)
{
    FlexInput *in = &x->input[input];
    while (in->nshape <= k) {
        ARENA_ROOM(a, in->shape, in->nshape, in->room);
        in->shape[in->nshape++].rank = -1;
    }
    return &in->shape[k];
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
    if (c->kind != CONST_GROUP
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
    return read_shape(r, c, flex_shape_new(r->arena, r->flex, p, *(const int *)to));
}

static bool read_configs(Reader *r, const Const *dict)
{
    if (dict->kind != CONST_GROUP || dict->nelem % 2) return flexible_malformed(r, dict);
    for (int64_t i = 1; i < dict->nelem; i += 2) {
        int k = r->flex->nconfig++;
        if (!read_dict(r, dict->elem[i], read_config_shape, &k)) return false;
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
    else if (flex_shape(flex, param, 0)) *out = *flex_shape(flex, param, 0);
    return shape_known(out);
}

/* ---- made -------------------------------------------------------------------------------- */

typedef struct {
    Module *m;
    const char *const *name; /* of inputs */
    int n;
    const Flex *flex;
    const Type *text, *shape, *pair, *pairs, *named, *ranges, *keyed;
} FlexMaking;

static void flex_types(FlexMaking *x)
{
    Arena *a = &x->m->arena;
    x->text = type_scalar(DT_STRING);
    x->shape = type_tensor(a, DT_INT32, SHAPE(DIM_ANY));
    x->pair = type_tensor(a, DT_INT32, SHAPE(2));
    x->pairs = type_list(a, x->pair, DIM_ANY);
    x->named = type_dict(a, x->text, x->shape);
    x->ranges = type_dict(a, x->text, x->pairs);
    x->keyed = type_dict(a, x->text, x->named);
}

static Const *flex_group(const FlexMaking *x, const Type *t, int64_t room)
{
    Const *c = NEW(&x->m->arena, Const);
    *c = (Const){ .type = t,
                  .kind = CONST_GROUP,
                  .elem = NEW_ARRAY(&x->m->arena, room + 1, const Const *) };
    return c;
}

static void flex_add(Const *g, const Const *c) { g->elem[g->nelem++] = c; }

static void flex_named(const FlexMaking *x, Const *g, const char *name, const Const *c)
{
    flex_add(g, const_string(&x->m->arena, name));
    flex_add(g, c);
}

static const Const *flex_ints(const FlexMaking *x, const Type *t, int n, const int64_t *v)
{
    Const *c = const_ints(&x->m->arena, DT_INT32, n, v);
    c->type = t;
    c->nelem = n;
    return c;
}

static const Const *default_shapes(const FlexMaking *x)
{
    Const *dict = flex_group(x, x->named, 2 * x->n);
    for (int i = 0; i < x->n; i++) {
        const FlexInput *in = &x->flex->input[i];
        if (in->has_default)
            flex_named(x, dict, x->name[i],
                       flex_ints(x, x->shape, in->def.rank, in->def.dim));
    }
    return dict;
}

static const Const *range_dims(const FlexMaking *x)
{
    Const *dict = flex_group(x, x->ranges, 2 * x->n);
    for (int i = 0; i < x->n; i++) {
        const FlexInput *in = &x->flex->input[i];
        if (!in->has_range) continue;
        Const *list = flex_group(x, x->pairs, in->rank);
        for (int k = 0; k < in->rank; k++)
            flex_add(list, flex_ints(x, x->pair, 2, (int64_t[]){ in->lo[k], in->hi[k] }));
        flex_named(x, dict, x->name[i], list);
    }
    return dict;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(text_of((*(const Const *const *)a)->elem[0]),
                  text_of((*(const Const *const *)b)->elem[0]));
}

/* Keys are eight hexadecimal digits that nothing is known to depend on: a hash of the
 * shapes. */
static const Const *flex_config(const FlexMaking *x, int k)
{
    Const *shapes = flex_group(x, x->named, 2 * x->n);
    uint32_t hash = 2166136261u;
    for (int i = 0; i < x->n; i++) {
        const Shape *s = flex_shape(x->flex, i, k);
        if (!s) continue;
        flex_named(x, shapes, x->name[i], flex_ints(x, x->shape, s->rank, s->dim));
        for (int j = 0; j < s->rank; j++) hash = (hash ^ (uint32_t)s->dim[j]) * 16777619u;
    }
    Const *pair = flex_group(x, x->keyed, 2);
    flex_named(x, pair, arena_printf(&x->m->arena, "%08x", (unsigned)hash), shapes);
    return pair;
}

static const Const *enumerated_shapes(const FlexMaking *x)
{
    const int n = x->flex->nconfig;
    const Const **entry = NEW_ARRAY(&x->m->arena, n + 1, const Const *);
    for (int k = 0; k < n; k++) entry[k] = flex_config(x, k);
    if (n) qsort(entry, (size_t)n, sizeof *entry, by_key);
    Const *dict = flex_group(x, x->keyed, 2 * n);
    for (int k = 0; k < n; k++) {
        flex_add(dict, entry[k]->elem[0]);
        flex_add(dict, entry[k]->elem[1]);
    }
    return dict;
}

const Const *flex_const(Module *m, const char *const *name, int n, const Flex *flex)
{
    FlexMaking x = { .m = m, .name = name, .n = n, .flex = flex };
    flex_types(&x);
    const struct {
        const char *name;
        const Const *dict;
    } part[] = {
        { "DefaultShapes", default_shapes(&x) },
        { "EnumeratedShapes", enumerated_shapes(&x) },
        { "RangeDims", range_dims(&x) },
    };
    const Type *types[COUNT(part)];
    const Const *pairs[COUNT(part)];
    int some = 0;
    for (size_t i = 0; i < COUNT(part); i++) {
        if (!part[i].dict->nelem) continue;
        types[some] = type_tuple(&m->arena, 2,
                                 (const Type *[]){ x.text, part[i].dict->type });
        Const *pair = flex_group(&x, types[some], 2);
        flex_named(&x, pair, part[i].name, part[i].dict);
        pairs[some++] = pair;
    }
    Const *all = flex_group(&x, type_tuple(&m->arena, some, types), some);
    for (int i = 0; i < some; i++) flex_add(all, pairs[i]);
    return all;
}
