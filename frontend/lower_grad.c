/* lower_grad.c -- gradients in the language: grad, stop, weights, paths, zip. They are
 * evaluated where they stand, like any function on tensors. */
#include "lower.h"
#include "../ir/passes/passes.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static Val grad_fails(Lower *l, Loc loc, const char *text)
{
    lower_error(l, loc, "%s", text);
    return val_poison();
}

/* ---- grad -------------------------------------------------------------------------------- */

/* What is differentiated by: the values that stand for each x in this function. */
typedef struct {
    Value **value;
    int *of; /* which x */
    int n, cap;
} Wrt;

static void add_value(Lower *l, Wrt *w, Value *v, int of)
{
    if (w->n == w->cap) {
        w->value = arena_grow(&l->arena, w->value, (size_t)w->cap, sizeof *w->value);
        ARENA_ROOM(&l->arena, w->of, w->n, w->cap);
    }
    w->value[w->n] = v;
    w->of[w->n++] = of;
}

/* A weight is a constant for each shape that it was used in. */
static bool add_x(Lower *l, Loc loc, Wrt *w, Val x, int of)
{
    if (!val_is_tensor(x))
        return lower_error(
            l, loc, "grad: a tensor or a list of tensors is differentiated by, not %s",
            val_kind(l, x));
    if (!dtype_is_float(val_dtype(x)))
        return lower_error(l, loc, "grad: x is %s: only floats have a gradient",
                           dtypes[val_dtype(x)].name);
    if (x.kind == V_TENSOR) add_value(l, w, x.u.tensor, of);
    else if (weight_promoted(l, x.u.view->weight))
        add_value(l, w, weight_whole(l, x.u.view->weight), of);
    else
        for (const struct Made *m = x.u.view->weight->made; m; m = m->next)
            if (m->func == l->func) add_value(l, w, m->value, of);
    return true;
}

static Value *zeros_of(Lower *l, Loc loc, Val x)
{
    const Type *t = module_tensor(l->m, val_dtype(x), val_shape(x));
    const char *name = x.kind == V_WEIGHT ? x.u.view->weight->path
                     : x.u.tensor->name   ? x.u.tensor->name
                                          : "x";
    diag_warn(l->diag, WARN_ZERO_GRADIENT, lower_blame(l, loc),
              "y does not depend on %s: its gradient is 0", name);
    Const *c = NEW(&l->m->arena, Const);
    *c = (Const){ .type = t, .kind = CONST_INIT, .init = INIT_FILL };
    return build_const(&l->b, "zeros", c);
}

static Value *as_shape(Lower *l, Value *v, const Shape *s)
{
    if (shape_equal(&v->type->shape, s)) return v;
    if (!s->rank) return mil_squeeze(&l->b, "d", .x = v);
    return mil_reshape(&l->b, "d", .x = v, .shape = build_ints(&l->b, s->rank, s->dim));
}

/* The sum of what came of the values of one x. */
static Value *gradient_of(Lower *l, Loc loc, const Wrt *w, Value *const *dx, Val x,
                          int of)
{
    Value *sum = NULL;
    for (int i = 0; i < w->n; i++) {
        if (w->of[i] != of || !dx[i]) continue;
        Value *part = as_shape(l, dx[i], val_shape(x));
        sum = sum ? mil_add(&l->b, "d", .x = sum, .y = part) : part;
    }
    return sum ? sum : zeros_of(l, loc, x);
}

static Value *seed_of(Lower *l, Loc loc, const Value *y, const Val *given)
{
    const Shape *s = &y->type->shape;
    if (!given) {
        if (!s->rank) return build_float(&l->b, y->type->dtype, 1);
        lower_error(l, loc, "grad: y is %s, so it needs a seed of that shape",
                    shape_text(&l->arena, s));
        return NULL;
    }
    Value *seed = to_value(l, *given, y->type->dtype, "seed", loc);
    if (!seed) return NULL;
    if (shape_equal(&seed->type->shape, s) && seed->type->dtype == y->type->dtype)
        return seed;
    lower_error(l, loc, "grad: the seed is %s, y is %s; they must be the same",
                type_text(&l->arena, seed->type), type_text(&l->arena, y->type));
    return NULL;
}

Val builtin_grad(Lower *l, Loc loc, Val *a, int n)
{
    const bool list = a[1].kind == V_LIST;
    const int count = list ? (int)a[1].u.list->n : 1;
    const Val *x = list ? a[1].u.list->at : &a[1];
    Wrt w = { 0 };
    if (!l->func) return grad_fails(l, loc, "grad: there is no model here");
    if (!val_is_tensor(a[0])) {
        lower_error(l, loc, "grad: y must be a tensor, not %s", val_kind(l, a[0]));
        return val_poison();
    }
    Value *y = to_value(l, a[0], l->float_type, "y", loc);
    if (!y) return val_poison();
    if (!dtype_is_float(y->type->dtype)) {
        lower_error(l, loc, "grad: y is %s: only floats have a gradient",
                    dtypes[y->type->dtype].name);
        return val_poison();
    }
    for (int i = 0; i < count; i++)
        if (x[i].kind == V_POISON || !add_x(l, loc, &w, x[i], i)) return val_poison();
    Builder *b = &l->b;
    b->loc = lower_blame(l, loc);
    Value *seed = seed_of(l, loc, y, n > 2 ? &a[2] : NULL);
    if (!seed) return val_poison();
    Value **dx = NEW_ARRAY(&l->arena, w.n + 1, Value *);
    if (!autodiff(b, &y, &seed, 1, w.value, w.n, dx)) {
        lower_notes(l, loc);
        return val_poison();
    }
    if (!list) return val_tensor(gradient_of(l, loc, &w, dx, x[0], 0));
    Val out = val_list(l, count);
    for (int i = 0; i < count; i++)
        out.u.list->at[i] = val_tensor(gradient_of(l, loc, &w, dx, x[i], i));
    return out;
}

Val builtin_stop(Lower *l, Loc loc, Val *a, int n)
{
    (void)n;
    if (!val_is_tensor(*a)) return *a;
    Value *x = to_value(l, *a, l->float_type, "x", loc);
    if (!x) return val_poison();
    l->b.loc = lower_blame(l, loc);
    Value *v = mil_identity(&l->b, "stop", .x = x);
    v->def->stop = true;
    return val_tensor(v);
}

/* ---- weights ----------------------------------------------------------------------------- */

/* Numbers in paths by their size: blocks.2 before blocks.10. */
static int by_path(const void *a, const void *b)
{
    const char *x = (*(Weight *const *)a)->path, *y = (*(Weight *const *)b)->path;
    for (; *x && *y; x++, y++) {
        if (isdigit((unsigned char)*x) && isdigit((unsigned char)*y)) {
            const size_t nx = strspn(x, "0123456789"), ny = strspn(y, "0123456789");
            if (nx != ny) return nx < ny ? -1 : 1;
        }
        if (*x != *y) return (unsigned char)*x < (unsigned char)*y ? -1 : 1;
    }
    return *x ? 1 : *y ? -1 : 0;
}

/* The float weights that are declared so far, of this model and of files, in the order of their
 * paths; NULL after an error. */
static Weight **grad_chosen(Lower *l, Loc loc, const Val *pattern, const char *what,
                            int *n)
{
    int all = 0;
    *n = 0;
    if (pattern && pattern->kind != V_STRING) {
        lower_error(l, loc, "%s takes a pattern like \"blocks.*.w\", not %s", what,
                    val_kind(l, *pattern));
        return NULL;
    }
    for (const Weight *w = l->first_weight; w; w = w->next) all++;
    Weight **list = NEW_ARRAY(&l->arena, all + 1, Weight *);
    for (Weight *w = l->first_weight; w; w = w->next) {
        const bool here = w->of_file || w->pass == l->pass;
        if (here && w->value && dtype_is_float(w->value->type->dtype)
            && (!pattern || name_matches(pattern->u.s, strlen(pattern->u.s), w->path)))
            list[(*n)++] = w;
    }
    if (*n) qsort(list, (size_t)*n, sizeof(*list), by_path);
    if (*n) return list;
    if (!all) lower_error(l, loc, "%s: no weight is declared before this", what);
    else
        lower_error(l, loc, "%s: no weight has a path like %s; the first is %s", what,
                    pattern ? pattern->u.s : "*", l->first_weight->path);
    return NULL;
}

const char *const *weight_paths(Lower *l, Loc loc, int *n)
{
    Weight **list = grad_chosen(l, loc, NULL, "weights", n);
    const char **path = NEW_ARRAY(&l->arena, *n + 1, const char *);
    for (int i = 0; i < *n; i++) path[i] = list[i]->path;
    return list ? path : NULL;
}

void tell_promoted(Lower *l, DslWeights *out)
{
    int n = 0;
    for (const Weight *w = l->first_weight; w; w = w->next) n++;
    Weight **list = NEW_ARRAY(&l->arena, n + 1, Weight *);
    n = 0;
    for (Weight *w = l->first_weight; w; w = w->next)
        for (const struct Made *m = w->made; m && weight_promoted(l, w); m = m->next)
            if (m->func == l->func) {
                list[n++] = w;
                break;
            }
    if (n) qsort(list, (size_t)n, sizeof(*list), by_path);
    *out = (DslWeights){ .at = NEW_ARRAY(&l->m->arena, n + 1, DslWeight), .count = n };
    for (int i = 0; i < n; i++)
        out->at[i] = (DslWeight){ .path = list[i]->path,
                                  .input = weight_whole(l, list[i])->name,
                                  .value = list[i]->value };
}

Val builtin_weights(Lower *l, Loc loc, Val *a, int n)
{
    int count;
    Weight **list = grad_chosen(l, loc, n ? a : NULL, "weights", &count);
    if (!list) return val_poison();
    Val out = val_list(l, count);
    for (int i = 0; i < count; i++) {
        View *view = NEW(&l->arena, View);
        *view = (View){ .weight = list[i], .shape = list[i]->value->type->shape };
        out.u.list->at[i] = (Val){ .kind = V_WEIGHT, .u.view = view };
    }
    return out;
}

Val builtin_paths(Lower *l, Loc loc, Val *a, int n)
{
    int count;
    Weight **list = grad_chosen(l, loc, n ? a : NULL, "paths", &count);
    if (!list) return val_poison();
    Val out = val_list(l, count);
    for (int i = 0; i < count; i++) out.u.list->at[i] = val_string(list[i]->path);
    return out;
}

Val builtin_zip(Lower *l, Loc loc, Val *a, int n)
{
    for (int i = 0; i < n; i++) {
        if (a[i].kind != V_LIST) {
            lower_error(l, loc, "zip takes lists, not %s", val_kind(l, a[i]));
            return val_poison();
        }
        if (a[i].u.list->n == a[0].u.list->n) continue;
        lower_error(l, loc, "zip: the lists have %lld and %lld elements",
                    (long long)a[0].u.list->n, (long long)a[i].u.list->n);
        return val_poison();
    }
    Val out = val_list(l, a[0].u.list->n);
    for (int64_t k = 0; k < out.u.list->n; k++) {
        out.u.list->at[k] = val_list(l, n);
        for (int i = 0; i < n; i++) out.u.list->at[k].u.list->at[i] = a[i].u.list->at[k];
    }
    return out;
}
