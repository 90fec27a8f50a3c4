/* given.c -- what -i gives: NAME=FILE.npy, NAME=0.5, NAME=-, NAME@k=.. */
#include "values.h"

#include <stdlib.h>
#include <string.h>

static bool parse_one(Given *g, Args *a, const char *s, uint64_t iterations)
{
    size_t n = strcspn(s, "=");
    if (!n || !s[n] || !s[n + 1])
        return usage_error(a->tool, "-i takes NAME=FILE.npy, NAME=NUMBER or NAME=-, not '%s'", s);
    char *name = arena_strndup(&a->arena, s, n);
    char *at = strchr(name, '@');
    *g = (Given){ .name = name, .text = s + n + 1, .each = at != NULL };
    if (!at) return true;
    *at = 0;
    if (!*name || !parse_count(at + 1, &g->iteration))
        return usage_error(a->tool, "-i NAME@k takes the number of an iteration, not '%s'", s);
    if (g->iteration < iterations) return true;
    return usage_error(a->tool,
                       "-i %s: there is no iteration %llu; --iterations %llu counts from 0", s,
                       (unsigned long long)g->iteration, (unsigned long long)iterations);
}

static bool same_place(const Given *a, const Given *b)
{
    return !strcmp(a->name, b->name) && a->each == b->each && a->iteration == b->iteration;
}

bool given_parse(GivenList *g, Args *a, const OptValue *list, uint64_t iterations)
{
    const Given *in = NULL;
    *g = (GivenList){ .item = NEW_ARRAY(&a->arena, list->count + 1, Given) };
    for (int i = 0; i < list->count; i++) {
        Given *it = &g->item[i];
        if (!parse_one(it, a, list->all[i], iterations)) return false;
        for (int k = 0; k < i; k++)
            if (same_place(&g->item[k], it))
                return usage_error(a->tool, "-i %s is given twice", it->name);
        if (!strcmp(it->text, "-")) {
            if (in || (a->operand && !strcmp(a->operand, "-")))
                return usage_error(a->tool, "the standard input can be read once");
            in = it;
        }
        g->count++;
    }
    return true;
}

void given_free(GivenList *g)
{
    for (int i = 0; i < g->count; i++) tensor_free(&g->item[i].value);
}

void given_done(Given *g, uint64_t iteration)
{
    if (!g->each || g->iteration != iteration) return;
    tensor_free(&g->value);
    g->loaded = false;
}

Given *given_find(const GivenList *g, const char *name, uint64_t iteration)
{
    Given *all = NULL;
    for (int i = 0; i < g->count; i++) {
        Given *it = &g->item[i];
        if (strcmp(it->name, name) != 0) continue;
        if (it->each && it->iteration == iteration) return it;
        if (!it->each) all = it;
    }
    return all;
}

/* ---- loading --------------------------------------------------------------------------------- */

/* A number that fills all of s: 3, -0.5, 0x1p-3, inf, nan, true, false. */
static bool number(const char *s, double *v, bool *whole)
{
    char *end;
    if (!strcmp(s, "true") || !strcmp(s, "false")) {
        *v = *s == 't';
        *whole = true;
        return true;
    }
    *v = strtod(s, &end);
    *whole = !s[strspn(s, "+-0123456789")];
    return end != s && !*end;
}

/* Whether an integer type holds what the text says. */
static bool set_whole(Tensor *t, const char *s)
{
    if (!strcmp(s, "true") || !strcmp(s, "false")) {
        tensor_set_int(t, 0, *s == 't');
        return true;
    }
    if (t->dtype == DT_UINT64) {
        tensor_set_int(t, 0, (int64_t)strtoull(s, NULL, 10));
        return *s != '-';
    }
    long long v = strtoll(s, NULL, 10);
    tensor_set_int(t, 0, v);
    return tensor_int(t, 0) == v;
}

static bool one_element(const Type *want, Shape *s)
{
    *s = want->shape;
    for (int i = 0; i < s->rank; i++)
        if (s->dim[i] == DIM_ANY) s->dim[i] = 1;
        else if (s->dim[i] != 1) return false;
    return true;
}

static bool load_number(Given *g, Diag *d, const Type *want, double v, bool whole)
{
    Arena scratch = { 0 };
    Shape s;
    bool ok = one_element(want, &s);
    if (!ok)
        diag_error(d, (Loc){ 0 }, "%s is %s: one number, '%s', does not fill it; give a .npy file",
                   g->name, type_text(&scratch, want), g->text);
    arena_free(&scratch);
    if (!ok || !tensor_alloc(&g->value, d, want->dtype, &s)) return false;
    if (dtype_is_float(want->dtype)) tensor_set_float(&g->value, 0, v);
    else if (!whole || !set_whole(&g->value, g->text))
        return diag_error(d, (Loc){ 0 }, "%s is %s, which cannot hold '%s'", g->name,
                          dtypes[want->dtype].name, g->text);
    return true;
}

static bool load_text(Given *g, Diag *d, const Type *want)
{
    Shape s;
    if (!one_element(want, &s))
        return diag_error(d, (Loc){ 0 }, "%s holds more than one string; -i gives one",
                          g->name);
    if (!tensor_alloc(&g->value, d, DT_STRING, &s)) return false;
    *(const char **)g->value.data = g->text;
    return true;
}

/* The type that the model declares, when what was read stands for it. */
static DType meant(const Tensor *t, const Type *want, const Type *own)
{
    bool both_float = dtype_is_float(t->dtype) && dtype_is_float(want->dtype);
    if (t->dtype == want->dtype) return t->dtype;
    if (npy_stand_in(want->dtype) == t->dtype) return want->dtype;
    if (both_float && own && npy_stand_in(own->dtype) == t->dtype) return want->dtype;
    return t->dtype;
}

bool given_load(Given *g, Diag *d, const Type *want, const Type *own)
{
    double v;
    bool whole, file = !strcmp(g->text, "-") || file_has_suffix(g->text, ".npy"), ok = true;
    if (g->loaded) return true;
    if (!file && want->dtype == DT_STRING) ok = load_text(g, d, want);
    else if (!file && number(g->text, &v, &whole)) ok = load_number(g, d, want, v, whole);
    else if ((ok = tensor_load(&g->value, d, g->text))) {
        DType t = meant(&g->value, want, own);
        ok = t == g->value.dtype || tensor_convert(&g->value, d, t, g->text);
    }
    g->loaded = ok;
    return ok;
}
