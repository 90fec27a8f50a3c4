/* lower_form.c -- the compressed form that a weight is declared in: `as int4(block = 32)`.
 *
 * Names of forms and of their parameters stand for themselves; other names and expressions
 * are evaluated, so a form may be a string, and its numbers may depend on params and on
 * arguments of a layer. */
#include "../ir/passes/compress.h"
#include "lower.h"

#include <string.h>

typedef struct {
    Lower *l;
    CompressArg *arg;
    int n;
} WeightForm;

static bool form_value(WeightForm *f, const Node *n, CompressArg *arg)
{
    Lower *l = f->l;
    if (n->kind == N_NAME && !arg->name && compression_word(n->name)) {
        arg->word = n->name;
        return true;
    }
    const Val v = eval(l, n, NULL);
    if (v.kind == V_POISON) return false;
    if (v.kind == V_STRING) arg->word = v.u.s;
    else if (val_is_number(v)) arg->number = val_double(v);
    else
        return lower_error(l, n->loc, "a form is told numbers and words, not %s",
                           val_kind(l, v));
    return true;
}

static bool form_args(WeightForm *f, const Node *first)
{
    int count = 0;
    for (const Node *n = first; n; n = n->next) count++;
    f->arg = NEW_ARRAY(&f->l->arena, count + 1, CompressArg);
    for (const Node *n = first; n; n = n->next) {
        CompressArg *arg = &f->arg[f->n++];
        if (n->kind == N_KEYWORD) arg->name = n->name;
        if (!form_value(f, n->kind == N_KEYWORD ? n->a : n, arg)) return false;
    }
    return true;
}

/* A name is the form's own, or of a string that names it. */
static const char *form_name(Lower *l, const Node *n)
{
    if (n->kind == N_NAME && compression_word(n->name)) return n->name;
    if (n->kind == N_NAME && !known_name(l, n->name)) return n->name;
    const Val v = eval(l, n, NULL);
    if (v.kind == V_STRING) return v.u.s;
    if (v.kind != V_POISON)
        lower_error(l, n->loc,
                    "a form is a name, as int8 or lut4(group = 8), or a string, not %s",
                    val_kind(l, v));
    return NULL;
}

const Compression *weight_form(Lower *l, const Node *form, const Type *t)
{
    WeightForm f = { .l = l };
    const char *wrong;
    if (!form) return NULL;
    const bool call = form->kind == N_CALL;
    const char *name = form_name(l, call ? form->a : form);
    if (!name || !form_args(&f, call ? form->b : NULL)) return NULL;
    Compression *c = NEW(&l->m->arena, Compression);
    if (!compression_make(&l->m->arena, name, f.arg, f.n, c, &wrong)) {
        lower_error(l, form->loc, "%s", wrong);
        return NULL;
    }
    if (t->dtype == DT_FP16 || t->dtype == DT_FP32) return c;
    lower_error(l, form->loc, "a weight of %s has no other form: fp16 and fp32 have",
                dtypes[t->dtype].name);
    return NULL;
}
