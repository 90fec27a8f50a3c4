/* given.c -- a tensor for an input or a state, as the command line has it: FILE.npy, 0.5, -. */
#include "values.h"

#include <stdlib.h>
#include <string.h>

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

static bool load_number(const char *name, const char *text, Tensor *out, Diag *d, const Type *want,
                        double v, bool whole)
{
    Arena scratch = { 0 };
    Shape s;
    bool ok = one_element(want, &s);
    if (!ok)
        diag_error(d, (Loc){ 0 }, "%s is %s: one number, '%s', does not fill it; give a .npy file",
                   name, type_text(&scratch, want), text);
    arena_free(&scratch);
    if (!ok || !tensor_alloc(out, d, want->dtype, &s)) return false;
    if (dtype_is_float(want->dtype)) tensor_set_float(out, 0, v);
    else if (!whole || !set_whole(out, text))
        return diag_error(d, (Loc){ 0 }, "%s is %s, which cannot hold '%s'", name,
                          dtypes[want->dtype].name, text);
    return true;
}

/* One text, in the tensor's own memory. */
static bool load_text(const char *name, const char *text, Tensor *out, Diag *d, const Type *want)
{
    const size_t n = strlen(text) + 1;
    Shape s;
    if (!one_element(want, &s))
        return diag_error(d, (Loc){ 0 }, "%s holds more than one string; -i gives one", name);
    char **cell = mem_alloc(sizeof *cell + n);
    if (!cell) return diag_fail(d, "no memory to read %s", name);
    *cell = memcpy(cell + 1, text, n);
    *out =
        (Tensor){ .dtype = DT_STRING, .shape = s, .count = 1, .bytes = sizeof *cell, .data = cell };
    out->owned = true;
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

bool tensor_given(Tensor *t, Diag *d, const char *name, const char *text, const Type *want,
                  const Type *own)
{
    double v;
    bool whole;
    const bool file = !strcmp(text, "-") || file_has_suffix(text, ".npy");
    *t = (Tensor){ 0 };
    if (!file && want->dtype == DT_STRING) return load_text(name, text, t, d, want);
    if (!file && number(text, &v, &whole)) return load_number(name, text, t, d, want, v, whole);
    if (!tensor_load(t, d, text)) return false;
    const DType type = meant(t, want, own);
    return type == t->dtype || tensor_convert(t, d, type, text);
}
