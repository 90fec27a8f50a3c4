/* core_call.c -- what the functions of operations use: the rows of operations and types, operands that
 * are known, options, and small ops that many of them are made of. */
#include "core_import.h"
#include "../mil/spec.h"
#include <stdlib.h>

/* ---- rows and types ---------------------------------------------------------------------- */

#define OTHER(name) #name, NULL, OP_NONE, 0, CORE_IN, NULL
const CoreRow core_rows[] = {
#define SAME(name, kind, python) { #name, core_do_one, kind, 1, 1, python, NULL },
#define PAIR(name, kind, python) { #name, core_do_pair, kind, 2, 2, python, NULL },
#define CORE(name, lower, kind, min, max, python) \
    { #name, lower, kind, min, max, python, NULL },
#define CLOSED(name, why) { OTHER(name), why },
#include "core_ops.def"
#undef SAME
#undef PAIR
#undef CORE
#undef CLOSED
};
const int core_row_count = (int)COUNT(core_rows);

const CoreRow *core_row(const char *name)
{
    for (int i = 0; i < core_row_count; i++)
        if (!strcmp(core_rows[i].name, name)) return &core_rows[i];
    return NULL;
}

const CoreRow *core_row_of(int kind)
{
    for (int i = 0; i < core_row_count; i++) {
        const CoreRow *r = &core_rows[i];
        if (r->kind == kind && (r->lower == core_do_one || r->lower == core_do_pair))
            return r;
    }
    return NULL;
}

static const CoreElem elems[] = {
    { "f16", DT_FP16, false, "float16" },  { "f32", DT_FP32, false, "float32" },
    { "i1", DT_BOOL, false, "bool_" },     { "si4", DT_INT4, false, NULL },
    { "si8", DT_INT8, false, "int8" },     { "si16", DT_INT16, false, "int16" },
    { "si32", DT_INT32, false, "int32" },  { "ui1", DT_UINT1, false, NULL },
    { "ui2", DT_UINT2, false, NULL },      { "ui3", DT_UINT3, false, NULL },
    { "ui4", DT_UINT4, false, NULL },      { "ui6", DT_UINT6, false, NULL },
    { "ui8", DT_UINT8, false, "uint8" },   { "ui16", DT_UINT16, false, "uint16" },
    { "ui32", DT_INT32, true, "uint32" },  { "bf16", DT_NONE, false, NULL },
    { "f8E4M3FN", DT_NONE, false, NULL },  { "f8E5M2", DT_NONE, false, NULL },
    { "f8E8M0FNU", DT_NONE, false, NULL }, { "f4E2M1FN", DT_NONE, false, NULL },
};

const CoreElem *core_elem(const char *name)
{
    for (size_t i = 0; i < COUNT(elems); i++)
        if (!strcmp(elems[i].name, name)) return &elems[i];
    return NULL;
}

const CoreElem *core_elem_of(DType t)
{
    for (size_t i = 0; i < COUNT(elems); i++)
        if (elems[i].as == t && t != DT_NONE) return &elems[i];
    return NULL;
}

const Type *core_mil_type(CoreImport *im, const CoreType *t)
{
    const CoreElem *e = core_elem(t->elem);
    if (!e || e->as == DT_NONE) {
        core_error(im->text, t->at, "MIL has no tensors of %s", t->elem);
        return NULL;
    }
    const Type *tensor = module_tensor(im->m, e->as, &t->shape);
    return t->kind == CORE_HANDLE ? type_state(&im->m->arena, tensor) : tensor;
}

/* ---- what operations ask ----------------------------------------------------------------- */

bool core_refuse(CoreCall *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *why = arena_vprintf(c->im->arena, fmt, ap);
    va_end(ap);
    return core_error(c->im->text, c->node->at, "%s: %s", c->node->name, why);
}

const char *core_option(const CoreCall *c, const char *key)
{
    const CoreAttr *a = core_attr(c->node->attrs, key);
    return a ? a->text : NULL;
}

bool core_int(CoreCall *c, int i, int64_t *out)
{
    int64_t all[MAX_RANK * 2];
    if (value_int(c->in[i], out)) return true;
    if (value_ints(c->in[i], all) == 1) return (*out = all[0]), true;
    return core_error(c->im->text, c->node->use[i].at,
                      "%s: %s must be a constant of one number", c->node->name,
                      c->node->use[i].name);
}

bool core_ints(CoreCall *c, int i, int64_t out[MAX_RANK * 2], int *n)
{
    *n = value_ints(c->in[i], out);
    return *n >= 0
        || core_error(c->im->text, c->node->use[i].at,
                      "%s: %s must be a constant, of %d numbers at most", c->node->name,
                      c->node->use[i].name, MAX_RANK * 2);
}

bool core_axis(CoreCall *c, int i, int rank, int64_t *out)
{
    if (!core_int(c, i, out)) return false;
    if (*out < -rank || *out >= rank)
        return core_refuse(c, "there is no dimension %lld in %d", (long long)*out, rank);
    if (*out < 0) *out += rank;
    return true;
}

Value *core_cast(CoreCall *c, Value *x, DType t)
{
    Builder *b = &c->b;
    if (core_dtype(x) == t) return x;
    return mil_cast(b, "cast", .x = x, .dtype = build_string(b, dtypes[t].name));
}

Value *core_both(CoreCall *c, int kind, Value *x, Value *y)
{
    return build_of(&c->b, "t", kind, P_x, x, P_y, y, P_NONE);
}

Value *core_number(CoreCall *c, const Value *like, double v)
{
    const DType t = core_dtype(like);
    if (dtype_is_float(t)) return build_float(&c->b, t, v);
    return build_const(&c->b, "number", const_int(&c->b.m->arena, t, (int64_t)v));
}

Value *core_reshaped(CoreCall *c, Value *x, int n, const int64_t *dim)
{
    Builder *b = &c->b;
    return mil_reshape(b, "shaped", .x = x, .shape = build_ints(b, n, dim));
}
