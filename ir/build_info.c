/* build_info.c -- keys and values of buildInfo, and the notes that inputs stand for states and that
 * dimensions have one name.
 *
 * The notes are the texts "FUNCTION INPUT RESULT;FUNCTION INPUT;" and "FUNCTION INPUT.AXIS NAME;": names
 * have neither blanks nor semicolons. They come out of a file, so that each word may be anything. */
#include "ir.h"

#include <string.h>

static const char attribute[] = "buildInfo", carried[] = "anec-states",
                  named[] = "anec-dims";

/* Which versions they are is immaterial. */
static const char *const versions[] = {
    "coremlc-component-MIL",
    "3510.2.1",
    "coremlc-version",
    "3505.4.1",
};

/* ---- keys -------------------------------------------------------------------------------- */

/* NULL: it is no dictionary, or there is none. */
static const Const *build_info_dictionary(const Module *m)
{
    const Const *c = attr_get(&m->attrs, attribute);
    return c && c->kind == CONST_GROUP && c->type->kind == TY_DICT ? c : NULL;
}

static const char *text_of(const Const *c)
{
    const Literal l = const_literal(c);
    return value_string(&l.v);
}

static int64_t build_info_find(const Const *c, const char *key)
{
    for (int64_t i = 0; c && i + 1 < c->nelem; i += 2) {
        const char *s = text_of(c->elem[i]);
        if (s && !strcmp(s, key)) return i;
    }
    return -1;
}

const char *build_info_get(const Module *m, const char *key)
{
    const Const *c = build_info_dictionary(m);
    const int64_t at = build_info_find(c, key);
    return at < 0 ? NULL : text_of(c->elem[at + 1]);
}

static void build_info_put(Module *m, const Const **elem, int64_t n)
{
    const Type *string = type_scalar(DT_STRING);
    Const *c = NEW(&m->arena, Const);
    c->kind = CONST_GROUP;
    c->type = type_dict(&m->arena, string, string);
    c->elem = elem;
    c->nelem = n;
    attr_set(m, &m->attrs, attribute, c);
    m->has_attrs = true;
}

void build_info_set(Module *m, const char *key, const char *value)
{
    const Const *old = build_info_dictionary(m);
    const int64_t at = build_info_find(old, key), had = old ? old->nelem : 0;
    const Const **elem = NEW_ARRAY(&m->arena, had + 2, const Const *);
    int64_t n = 0;
    for (int64_t i = 0; i < had; i++)
        if (i != at && i != at + (at >= 0)) elem[n++] = old->elem[i];
    if (value) {
        elem[n++] = const_string(&m->arena, key);
        elem[n++] = const_string(&m->arena, value);
    }
    if (value || at >= 0) build_info_put(m, elem, n);
}

bool build_info_make(Module *m)
{
    if (attr_get(&m->attrs, attribute)) return false;
    const Const **elem = NEW_ARRAY(&m->arena, COUNT(versions), const Const *);
    for (size_t i = 0; i < COUNT(versions); i++)
        elem[i] = const_string(&m->arena, versions[i]);
    build_info_put(m, elem, (int64_t)COUNT(versions));
    return true;
}

/* ---- inputs that stand for states -------------------------------------------------------- */

typedef struct {
    const char *s;
    size_t n;
} Word;

/* The words of an entry; false: there is none left. */
static bool next_entry(const char **at, Word word[3])
{
    const char *s = *at, *end = s + strcspn(s, ";");
    if (!*s) return false;
    for (int i = 0; i < 3; i++) {
        while (s < end && *s == ' ') s++;
        word[i].s = s;
        while (s < end && *s != ' ') s++;
        word[i].n = (size_t)(s - word[i].s);
    }
    *at = *end ? end + 1 : end;
    return true;
}

static bool build_info_is(Word w, const char *name)
{
    return name && strlen(name) == w.n && !memcmp(name, w.s, w.n);
}

static int result_named(const Func *f, Word name)
{
    for (int i = 0; i < f->body->nresult; i++)
        if (build_info_is(name, f->body->result[i]->name)) return i;
    return -1;
}

/* The result that replaces param, or -1 where nothing does; false: it stands for no state. */
static bool entry_of(const Func *f, const Value *param, int *result)
{
    const char *at = build_info_get(f->module, carried);
    Word word[3];
    while (at && param->type->kind == TY_TENSOR && next_entry(&at, word)) {
        if (!build_info_is(word[0], f->name) || !build_info_is(word[1], param->name))
            continue;
        *result = result_named(f, word[2]);
        return !word[2].n
            || (*result >= 0 && type_equal(f->body->result[*result]->type, param->type));
    }
    return false;
}

void carried_add(Func *f, const char *input, const char *result)
{
    Module *m = f->module;
    build_info_make(m);
    const char *old = build_info_get(m, carried);
    build_info_set(m, carried,
                   arena_printf(&m->arena, "%s%s %s%s%s;", old ? old : "", f->name, input,
                                result ? " " : "", result ? result : ""));
}

bool carried_is(const Func *f, const Value *param)
{
    int result;
    return f->module->has_attrs && entry_of(f, param, &result);
}

int carried_result(const Func *f, const Value *param)
{
    int result;
    return entry_of(f, param, &result) ? result : -1;
}

void carried_forget(Module *m) { build_info_set(m, carried, NULL); }

/* ---- dimensions of one name -------------------------------------------------------------- */

void dim_names_set(Func *f, const NamedDim *dim, int n)
{
    Module *m = f->module;
    PtrMap count = { 0 }; /* by interned name */
    const char *old = build_info_get(m, named);
    Buf note = { 0 };
    for (int i = 0; i < n; i++) {
        const char *name = module_name(m, dim[i].name);
        ptrmap_set(&count, name, (void *)((intptr_t)ptrmap_get(&count, name) + 1));
    }
    for (int i = 0; i < n; i++)
        if ((intptr_t)ptrmap_get(&count, module_name(m, dim[i].name)) > 1
            && !strpbrk(dim[i].name, " ;"))
            buf_printf(&note, "%s %s.%d %s;", f->name, dim[i].input, dim[i].axis,
                       dim[i].name);
    if (note.len) {
        build_info_make(m);
        build_info_set(m, named, arena_printf(&m->arena, "%s%s", old ? old : "", note.s));
    }
    buf_free(&note);
    ptrmap_free(&count);
}

const char *dim_name(const Func *f, const Value *param, int axis, Arena *a)
{
    const char *at = f->module->has_attrs ? build_info_get(f->module, named) : NULL;
    Word word[3];
    if (!at) return NULL;
    const char *place = arena_printf(a, "%s.%d", param->name, axis);
    while (next_entry(&at, word))
        if (build_info_is(word[0], f->name) && build_info_is(word[1], place) && word[2].n)
            return arena_strndup(a, word[2].s, word[2].n);
    return NULL;
}
