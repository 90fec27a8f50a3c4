/* lower_arg.c -- arguments of a call: their values, the parameters that they are for, and whether
 * they are of the types that these have. */
#include "lower.h"

#include <string.h>

/* ---- types of parameters ----------------------------------------------------------------- */

static const struct {
    const char *name;
    ValKind kind;
} kinds[] = {
    { "int", V_INT },       { "float", V_FLOAT }, { "bool", V_BOOL },
    { "string", V_STRING }, { "list", V_LIST },   { "layer", V_INSTANCE },
    { "function", V_FN },
};

ValKind kind_of_type(const Node *type)
{
    for (size_t i = 0; type->name && !type->b && i < COUNT(kinds); i++)
        if (!strcmp(kinds[i].name, type->name)) return kinds[i].kind;
    return V_NONE;
}

static const char *type_words(Lower *l, const Node *type, const Shape *s)
{
    const char *dims = type->b ? shape_text(&l->arena, s) : "";
    return text_arg(l, "%s%s", type->name ? type->name : "", dims);
}

/* A dimension that has a name: what it is is known from now on, if it was not. */
static bool bind_dim(Lower *l, const char *name, const char *what, Loc loc, Val of,
                     int axis)
{
    const Val *known = known_name(l, name), is = dim_value(l, of, axis);
    if (!known || (known->kind == V_DIM && is.kind == V_INT))
        env_set(l, l->frame->env, name, is);
    else if (known->kind == V_INT && is.kind == V_INT && known->u.i != is.u.i)
        return lower_error(l, loc, "%s is %s, so %s would be both %lld and %lld", what,
                           shape_text(&l->arena, val_shape(of)), name,
                           (long long)known->u.i, (long long)is.u.i);
    return true;
}

bool bind_dims(Lower *l, const Node *type, const char *what, Loc loc, Val v)
{
    const Shape *s = val_shape(v);
    int i = 0;
    for (const Node *n = type->a; n && i < s->rank; n = n->next, i++) {
        DimSpan span;
        if (n->kind == N_DIM && s->dim[i] != DIM_ANY
            && (!span_read(l, n, &span) || !span_takes(l, &span, s->dim[i], what, loc)))
            return false;
        if ((n->kind != N_NAME && n->kind != N_DIM) || !n->name || !strcmp(n->name, "_"))
            continue;
        if (!bind_dim(l, n->name, what, loc, v, i)) return false;
    }
    return true;
}

static bool check_tensor_type(Lower *l, const Node *type, const char *what, Loc loc,
                              Val v)
{
    Shape s;
    DType t = type->name ? dtype_find(type->name, strlen(type->name)) : DT_NONE;
    if (type->name && (t == DT_NONE || t == DT_STRING))
        return lower_error(
            l, type->loc,
            "%s is no type; fp16, fp32, int32, bool and int, float, string, list are",
            type->name);
    if (!eval_dims(l, type->a, true, &s)) return false;
    if (!val_is_tensor(v))
        return lower_error(l, loc, "%s must be a tensor %s, not %s", what,
                           type_words(l, type, &s), val_kind(l, v));
    if ((!type->b || shape_fits(&s, val_shape(v))) && (!t || t == val_dtype(v)))
        return bind_dims(l, type, what, loc, v);
    return lower_error(l, loc, "%s must be %s, but it is %s%s", what,
                       type_words(l, type, &s), dtypes[val_dtype(v)].name,
                       shape_text(&l->arena, val_shape(v)));
}

bool check_type(Lower *l, const Node *type, const char *what, Loc loc, Val *v)
{
    if (!type || v->kind == V_POISON) return true;
    const ValKind kind = kind_of_type(type);
    if (type->name && !type->b && !strcmp(type->name, "tensor"))
        return val_is_tensor(*v)
            || lower_error(l, loc, "%s must be a tensor, but it is %s", what,
                           val_kind(l, *v));
    if (kind == V_NONE || (kind == V_BOOL && val_is_tensor(*v)))
        return check_tensor_type(l, type, what, loc, *v);
    if (kind == V_FLOAT && v->kind == V_INT) *v = val_float((double)v->u.i);
    const bool called = kind == V_FN && (v->kind == V_OP || v->kind == V_BUILTIN);
    if (v->kind == kind || called) return true;
    return lower_error(l, loc, "%s must be of type %s, but it is %s", what, type->name,
                       val_kind(l, *v));
}

/* ---- arguments --------------------------------------------------------------------------- */

NamedVal given(ParamId p, Val v, Loc loc)
{
    return (NamedVal){ .param = p, .val = v, .loc = loc, .name_loc = loc };
}

Args eval_args(Lower *l, const Node *args)
{
    Args a = { .ok = true };
    for (const Node *n = args; n; n = n->next) a.n++;
    a.at = lower_take(l, (size_t)a.n * sizeof *a.at);
    int i = 0;
    for (const Node *n = args; n; n = n->next, i++) {
        const Node *e = n->kind == N_KEYWORD ? n->a : n;
        a.at[i] = (NamedVal){ .name = n->kind == N_KEYWORD ? n->name : NULL,
                              .loc = e->loc,
                              .name_loc = n->loc };
        a.at[i].val = eval(l, e, NULL);
        if (a.at[i].val.kind == V_POISON) a.ok = false;
        if (!a.at[i].name && i && a.at[i - 1].name)
            a.ok = lower_error(
                l, e->loc, "an argument without a name stands behind one with a name");
    }
    return a;
}

static const Node *find_param(const Node *params, const char *name)
{
    for (const Node *p = params; p; p = p->next)
        if (p->name == name) return p;
    return NULL;
}

static bool unknown_argument(Lower *l, const Node *params, const NamedVal *a,
                             const char *what)
{
    const char *known[64];
    size_t n = 0;
    for (const Node *p = params; p && n < COUNT(known); p = p->next) known[n++] = p->name;
    return lower_error(l, a->name_loc, "%s has no parameter %s%s%s", what, a->name,
                       lower_meant(l, WORD_PARAM, a->name, known, n),
                       lower_reduces(l, what));
}

bool bind_args(Lower *l, const Node *params, const Args *a, Loc loc, const char *what)
{
    const Node *p = params;
    int i = 0, count = 0;
    bool ok = true;
    for (const Node *q = params; q; q = q->next) count++;
    for (; i < a->n && !a->at[i].name; i++, p = p->next) {
        if (!p)
            return lower_error(l, loc, "%s takes %d argument%s, not %d", what, count,
                               count == 1 ? "" : "s", a->n);
        env_set(l, l->frame->env, p->name, a->at[i].val);
    }
    for (; i < a->n; i++) {
        if (!find_param(params, a->at[i].name))
            ok = unknown_argument(l, params, &a->at[i], what);
        else if (env_get(l->frame->env, a->at[i].name))
            ok = lower_error(l, a->at[i].name_loc, "argument %s is given twice",
                             a->at[i].name);
        else env_set(l, l->frame->env, a->at[i].name, a->at[i].val);
    }
    for (p = params; ok && p; p = p->next) {
        if (!env_get(l->frame->env, p->name)) {
            if (!p->b)
                return lower_error(l, loc, "argument %s of %s is missing", p->name, what);
            env_set(l, l->frame->env, p->name, eval(l, p->b, NULL));
        }
        Val v = *env_get(l->frame->env, p->name);
        const char *says = p->a ? text_arg(l, "argument %s of %s", p->name, what) : NULL;
        ok = check_type(l, p->a, says, loc, &v);
        lower_bind(l, p, v);
    }
    return ok;
}
