/* lower_weight.c -- weights: their initial values, and their use in a program. No elements
 * are kept here: a weight is a rule, or a place in a mapped file (lower_load.c), until its
 * model is written or run. */
#include "lower.h"
#include "../ir/passes/passes.h"

#include <string.h>

/* ---- rules ------------------------------------------------------------------------------- */

typedef struct {
    Lower *l;
    const Type *type;
    const char *path;
    Loc loc;
    Args args;
} Init;

static bool number_arg(Init *in, const char *name, int at, double otherwise, double *out)
{
    *out = otherwise;
    for (int i = 0; i < in->args.n; i++) {
        const NamedVal *a = &in->args.at[i];
        if (a->name ? strcmp(a->name, name) : i != at) continue;
        if (!val_is_number(a->val))
            return lower_error(in->l, a->loc, "%s must be a number", name);
        *out = val_double(a->val);
    }
    return true;
}

static bool known_args(Init *in, const char *rule, int n, const char *const *names)
{
    for (int i = 0; i < in->args.n; i++) {
        const char *name = in->args.at[i].name, *near;
        bool known = !name && i < n;
        for (int k = 0; name && k < n; k++) known = known || !strcmp(names[k], name);
        if (known) continue;
        near = name ? name_nearest(name, names, (size_t)n) : NULL;
        return lower_error(in->l, in->args.at[i].name_loc,
                           name ? "%s has no argument %s%s%s%s"
                                : "%s has too many arguments%.0s",
                           rule, name ? name : "", near ? "; did you mean " : "",
                           near ? near : "", near ? "?" : "");
    }
    return true;
}

static const Const *rule_const(Init *in, InitKind kind, double a, double b, double seed)
{
    Const *c = NEW(&in->l->m->arena, Const);
    *c = (Const){ .type = in->type, .kind = CONST_INIT, .init = kind, .a = a, .b = b };
    if (kind != INIT_FILL) c->seed = rng_key((uint64_t)(int64_t)seed, in->path);
    c->loc = in->loc;
    if (in->type->dtype == DT_FP16) const_warn_range(c, in->path, in->l->diag);
    return c;
}

static const Const *init_normal(Init *in)
{
    static const char *const names[] = { "mean", "std", "seed" };
    double mean, std, seed;
    if (!known_args(in, "normal", 3, names) || !number_arg(in, "mean", 0, 0, &mean)
        || !number_arg(in, "std", 1, 1, &std) || !number_arg(in, "seed", 2, 0, &seed))
        return NULL;
    return rule_const(in, INIT_NORMAL, mean, std, seed);
}

static const Const *init_uniform(Init *in)
{
    static const char *const names[] = { "low", "high", "seed" };
    double low, high, seed;
    if (!known_args(in, "uniform", 3, names) || !number_arg(in, "low", 0, 0, &low)
        || !number_arg(in, "high", 1, 1, &high) || !number_arg(in, "seed", 2, 0, &seed))
        return NULL;
    return rule_const(in, INIT_UNIFORM, low, high, seed);
}

static const Const *init_fill(Init *in)
{
    static const char *const names[] = { "value" };
    double value;
    if (!known_args(in, "fill", 1, names) || !number_arg(in, "value", 0, 0, &value))
        return NULL;
    return rule_const(in, INIT_FILL, value, 0, 0);
}

static const Const *init_zeros(Init *in)
{
    return known_args(in, "zeros", 0, NULL) ? rule_const(in, INIT_FILL, 0, 0, 0) : NULL;
}

static const Const *init_ones(Init *in)
{
    return known_args(in, "ones", 0, NULL) ? rule_const(in, INIT_FILL, 1, 0, 0) : NULL;
}

/* Its file, tensor and dtype; NULL where one is not given. */
static bool load_args(Init *in, const char *to[3])
{
    int n = 0;
    for (int i = 0; i < in->args.n; i++) {
        const NamedVal *a = &in->args.at[i];
        const int at = !a->name ? n++ : strcmp(a->name, "dtype") ? 3 : 2;
        if (a->val.kind != V_STRING || at > 2 || n > 2)
            return lower_error(
                in->l, a->loc,
                "load takes a file, of a .safetensors a tensor's name, and where "
                "the file does not say what its elements are, dtype = \"bf16\"");
        to[at] = a->val.u.s;
    }
    return true;
}

static const Const *init_load(Init *in)
{
    SafeTensors file;
    Lower *l = in->l;
    const char *given[3] = { NULL };
    if (!load_args(in, given)) return NULL;
    const char *name = given[0] ? weight_name(l, given[0], in->path) : "";
    if (!given[1] && file_has_suffix(name, ".npy")) {
        const char *full = weight_inside(l, in->loc, name);
        return full ? weight_of_npy(l, in->loc, in->path, in->type, full, given[2])
                    : NULL;
    }
    if (given[1] && weight_file_of(name) >= 0) {
        const char *full = weight_inside(l, in->loc, name);
        if (!full || !weight_tensors(l, in->loc, full, &file)) return NULL;
        const SafeTensor *s = safetensors_find(&file, l->diag, lower_blame(l, in->loc),
                                               weight_name(l, given[1], in->path));
        return s ? weight_of_tensor(l, in->loc, in->path, in->type, s, full, given[2])
                 : NULL;
    }
    lower_error(l, in->loc,
                "load(\"w.npy\") or load(\"all.safetensors\", \"tensor\") is needed");
    return NULL;
}

static const struct {
    const char *name;
    const Const *(*make)(Init *);
} weight_rules[] = {
    { "normal", init_normal }, { "uniform", init_uniform }, { "zeros", init_zeros },
    { "ones", init_ones },     { "fill", init_fill },       { "load", init_load },
};

static const Const *value_const(Init *in, const Node *n)
{
    Lower *l = in->l;
    Val v = eval(l, n, NULL);
    if (v.kind == V_POISON) return NULL;
    if (val_is_number(v)) return rule_const(in, INIT_FILL, val_double(v), 0, 0);
    if (v.kind == V_LIST) {
        const Const *c = make_const(l, v, in->type->dtype, n->loc);
        const Shape *s = c ? &c->type->shape : NULL;
        return c
                    && weight_same_shape(l, n->loc, in->path, in->type, "its value",
                                         s->rank, s->dim)
                 ? c
                 : NULL;
    }
    lower_error(
        l, n->loc,
        "a weight begins as a number, a list, or normal, uniform, zeros, ones, fill, load; "
        "not as %s",
        val_kind(l, v));
    return NULL;
}

const Const *weight_begin(Lower *l, const Node *n, const Type *t, const char *path)
{
    Init in = { .l = l, .type = t, .path = path, .loc = n->loc };
    bool call = n->kind == N_CALL && n->a->kind == N_NAME;
    const Node *name = call ? n->a : n;
    for (size_t i = 0; name->kind == N_NAME && i < COUNT(weight_rules); i++) {
        if (strcmp(weight_rules[i].name, name->name)) continue;
        in.args = eval_args(l, call ? n->b : NULL);
        return in.args.ok ? weight_rules[i].make(&in) : NULL;
    }
    return value_const(&in, n);
}

/* ---- which ------------------------------------------------------------------------------- */

/* Files for all weights go before a weight's own beginning, unless that is a `load`. */
static const Const *choose_const(Lower *l, const Node *n, const Type *t, const char *path)
{
    const WeightSource *s = &l->source;
    const bool load = n->b && n->b->kind == N_CALL && n->b->a->kind == N_NAME
                   && !strcmp(n->b->a->name, "load");
    if (n->b && (load || !s->files)) return weight_begin(l, n->b, t, path);
    if (s->files) return source_const(l, n->loc, t, path);
    if (s->init) return weight_begin(l, s->init, t, path);
    lower_error(
        l, n->loc,
        "weight %s has no value: write `= normal(std = 0.02)` or the like behind its type, or "
        "`weights from \"file.safetensors\"` or `weights init ..` at the top",
        path);
    return NULL;
}

/* Which of the weights that are given from outside has this path; -1: none. */
static int weight_given(const Lower *l, const char *path)
{
    for (int i = 0; i < l->opt->ngiven; i++)
        if (!strcmp(l->opt->given[i].path, path)) return i;
    return -1;
}

static const Const *given_const(Lower *l, const Node *n, const Type *t, int given)
{
    const Const *from = l->opt->given[given].value;
    const Shape *s = &from->type->shape;
    const char *path = l->opt->given[given].path;
    l->given_used[given] = true;
    if (!weight_same_shape(l, n->loc, path, t, "what is given for it", s->rank, s->dim)
        || !weight_same_class(l, n->loc, path, t, "what is given for it",
                              from->type->dtype, dtypes[from->type->dtype].name))
        return NULL;
    return t->dtype == from->type->dtype
             ? from
             : const_convert(l->m, from, t->dtype, path, l->diag);
}

void check_given(Lower *l)
{
    for (int i = 0; i < l->opt->ngiven; i++)
        if (!l->given_used[i])
            diag_error(l->diag, (Loc){ 0 },
                       "the program declares no weight %s, which is given",
                       l->opt->given[i].path);
}

/* ---- declarations ------------------------------------------------------------------------ */

static bool weight_type(Lower *l, const Node *n, const Type **out)
{
    Shape s;
    DType t = n->a->name ? dtype_find(n->a->name, strlen(n->a->name)) : l->float_type;
    if (t == DT_NONE || t == DT_STRING)
        return lower_error(l, n->a->loc, "%s is no element type", n->a->name);
    if (!eval_dims(l, n->a->a, false, &s)) return false;
    *out = type_tensor(&l->m->arena, t, s);
    return true;
}

static Val view_of(Lower *l, Weight *w)
{
    if (!w->value) return val_poison();
    View *view = NEW(&l->arena, View);
    *view = (View){ .weight = w, .shape = w->value->type->shape };
    return (Val){ .kind = V_WEIGHT, .u.view = view };
}

static Val weight_again(Lower *l, const Node *n, Weight *w)
{
    if (w->pass == l->pass || w->loc.at != n->loc.at || w->loc.src != n->loc.src) {
        lower_error(l, n->loc, "there is a weight %s already", w->path);
        diag_note(l->diag, w->loc, "it is declared here");
        return val_poison();
    }
    w->pass = l->pass;
    return view_of(l, w);
}

Val declare_weight(Lower *l, const Node *n)
{
    const Type *t = NULL;
    const char *path = module_name(l->m, join_path(l, frame_path(l, l->frame), n->name));
    const Val *old = env_get(&l->weights, path);
    if (old) return weight_again(l, n, (Weight *)(uintptr_t)old->u.s);
    if (!weight_type(l, n, &t)) return val_poison();
    Weight *w = NEW(&l->arena, Weight);
    *w = (Weight){ .path = path, .loc = n->loc, .pass = l->pass, .of_file = !l->func };
    w->as = weight_form(l, n->a->c, t);
    const int given = weight_given(l, path);
    w->value = given < 0 ? choose_const(l, n, t, path) : given_const(l, n, t, given);
    env_set(l, &l->weights, path,
            (Val){ .kind = V_NONE, .u.s = (const char *)(void *)w });
    if (l->last_weight) l->last_weight->next = w;
    else l->first_weight = w;
    l->last_weight = w;
    return view_of(l, w);
}

void tell_declared(const Lower *l, DslWeights *out)
{
    int n = 0;
    for (const Weight *w = l->first_weight; w; w = w->next) n++;
    *out = (DslWeights){ .at = NEW_ARRAY(&l->m->arena, n + 1, DslWeight) };
    for (const Weight *w = l->first_weight; w; w = w->next)
        if (w->value)
            out->at[out->count++] = (DslWeight){ .path = w->path, .value = w->value };
}

/* ---- in a function ----------------------------------------------------------------------- */

static struct Made *made_of(const Lower *l, const Weight *w, const Shape *s)
{
    for (struct Made *m = w->made; m; m = m->next)
        if (m->func == l->func && shape_equal(&m->shape, s)) return m;
    return NULL;
}

static Value *note_made(Lower *l, Weight *w, const Shape *s, Value *v)
{
    struct Made *m = NEW(&l->arena, struct Made);
    *m = (struct Made){ .next = w->made, .func = l->func, .shape = *s, .value = v };
    w->made = m;
    w->used = true;
    return v;
}

bool weight_promoted(const Lower *l, const Weight *w)
{
    const char *some = l->opt->promoted;
    return l->promote && w->value && dtype_is_float(w->value->type->dtype)
        && (!some || promote_listed(some, w->path));
}

/* The input that stands for it; another shape is one op more each time, since inner
 * blocks may be where it is asked for. */
static Value *promoted_value(Lower *l, const View *v)
{
    Weight *w = v->weight;
    const Shape *whole = &w->value->type->shape;
    const struct Made *m = made_of(l, w, whole);
    Value *in = m ? m->value : NULL;
    if (!in) {
        char *name = arena_strdup(&l->arena, w->path);
        for (char *c = name; *c; c++)
            if (*c == '.') *c = '_';
        in = block_param(l->func->body, func_unique_name(l->func, name), w->value->type,
                         w->loc);
        note_made(l, w, whole, in);
    }
    if (shape_equal(whole, &v->shape)) return in;
    return mil_reshape(&l->b, w->path, .x = in,
                       .shape = build_ints(&l->b, v->shape.rank, v->shape.dim));
}

Value *weight_value(Lower *l, const View *v)
{
    Weight *w = v->weight;
    if (weight_promoted(l, w)) return promoted_value(l, v);
    const struct Made *old = made_of(l, w, &v->shape);
    if (old) return old->value;
    Const *c = NEW(&l->m->arena, Const);
    *c = *w->value;
    c->type = type_tensor(&l->m->arena, w->value->type->dtype, v->shape);
    c->loc = w->loc;
    if (!w->number) w->number = module_name_weight(l->m, w->path, w->as);
    c->weight = w->number;
    Builder b = l->b; /* outside of all blocks, for whoever uses the weight later */
    b.loc = lower_blame(l, w->loc);
    for (; b.block->owner; b.block = b.before->parent) b.before = b.block->owner;
    Value *value = build_const(&b, w->path, c);
    value->def->keep = true;
    return note_made(l, w, &v->shape, value);
}

Value *weight_whole(Lower *l, Weight *w)
{
    const View whole = { .weight = w, .shape = w->value->type->shape };
    return weight_value(l, &whole);
}

void keep_weights(Lower *l, bool of_file)
{
    for (Weight *w = l->first_weight; w; w = w->next) {
        bool made = false;
        if (weight_promoted(l, w)) continue; /* what is not used is no input */
        if (!w->value || w->of_file != of_file || (of_file && w->used)) continue;
        if (!of_file && w->pass != l->pass) continue;
        for (const struct Made *m = w->made; m; m = m->next)
            made = made || m->func == l->func;
        if (made) continue;
        /* a statement that failed may be the one that uses it */
        if (!w->told && !l->diag->errors)
            diag_warn(l->diag, WARN_UNUSED_WEIGHT, w->loc,
                      "no statement uses the weight %s", w->path);
        w->told = true;
        weight_whole(l, w);
    }
}
