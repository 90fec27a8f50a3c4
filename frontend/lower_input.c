/* lower_input.c -- the inputs of a model: their types, and dimensions of variable size,
 * which become the function's attribute FlexibleShapeInformation. */
#include "lower.h"
#include "grammar.h"

#include "../ir/mil/described.h"

#include <stdlib.h>
#include <string.h>

enum {
    MAX_SIZES =
        128, /* that an input may have, listed one by one: Core ML takes no more */
};

/* ---- one dimension ----------------------------------------------------------------------- */

static bool span_bound(Lower *l, const Node *n, int64_t *out)
{
    if (!eval_int(l, n, out)) return false;
    if (*out >= 1 && *out <= INT32_MAX) return true;
    return lower_error(l, n->loc, "a size must be from 1 to %d, not %lld", INT32_MAX,
                       (long long)*out);
}

static bool span_has(const DimSpan *s, int64_t v)
{
    if (!s->n) return v >= s->low && (s->high < 0 || v <= s->high);
    for (int i = 0; i < s->n; i++)
        if (s->size[i] == v) return true;
    return false;
}

static bool span_list(Lower *l, Loc loc, const List *list, DimSpan *s)
{
    if (!list->n || list->n > MAX_SIZES)
        return lower_error(l, loc, "1 to %d sizes may be listed, not %lld", MAX_SIZES,
                           (long long)list->n);
    int64_t *size = NEW_ARRAY(&l->arena, list->n, int64_t);
    *s = (DimSpan){ .size = size };
    for (int64_t i = 0; i < list->n; i++) {
        const Val v = list->at[i];
        if (v.kind != V_INT || v.u.i < 1 || v.u.i > INT32_MAX)
            return lower_error(l, loc, "sizes are ints from 1 on, not %s",
                               val_kind(l, v));
        if (span_has(s, v.u.i) && s->n)
            return lower_error(l, loc, "the size %lld is listed twice", (long long)v.u.i);
        size[s->n++] = v.u.i;
    }
    s->low = s->high = s->def = size[0];
    return true;
}

/* Behind the default and the name: `?`, a range, a list or a number. */
static bool span_sizes(Lower *l, const Node *n, DimSpan *s)
{
    *s = (DimSpan){ .low = 1, .high = -1, .def = 1 };
    if (n->kind == N_ANY) return true;
    if (n->kind == N_BINARY && n->op == TK_RANGE) {
        if (!span_bound(l, n->a, &s->low)) return false;
        if (n->b->kind != N_ANY && !span_bound(l, n->b, &s->high)) return false;
        s->def = s->low;
        if (s->high < 0 || s->low <= s->high) return true;
        return lower_error(l, n->loc,
                           "the sizes %lld..%lld are none: the smaller is first",
                           (long long)s->low, (long long)s->high);
    }
    const Val v = eval(l, n, NULL);
    if (v.kind == V_POISON) return false;
    if (v.kind == V_LIST) return span_list(l, n->loc, v.u.list, s);
    if (v.kind != V_INT)
        return lower_error(l, n->loc, "an int is needed here, not %s%s", val_kind(l, v),
                           v.kind == V_NONE ? "; a size that is known when it runs is ?"
                                            : "");
    if (v.u.i < 1 || v.u.i > INT32_MAX)
        return lower_error(l, n->loc, "a size must be from 1 to %d, not %lld", INT32_MAX,
                           (long long)v.u.i);
    s->low = s->high = s->def = v.u.i;
    return true;
}

const char *span_text(Lower *l, const DimSpan *s)
{
    if (!s->n && s->high < 0) return text_arg(l, "%lld..?", (long long)s->low);
    if (!s->n && s->low == s->high) return text_arg(l, "%lld", (long long)s->low);
    if (!s->n) return text_arg(l, "%lld..%lld", (long long)s->low, (long long)s->high);
    const char *all = "";
    for (int i = 0; i < s->n; i++)
        all = text_arg(l, "%s%s%lld", all, i ? ", " : "", (long long)s->size[i]);
    return text_arg(l, "[%s]", all);
}

bool span_read(Lower *l, const Node *n, DimSpan *s)
{
    const bool own = n->kind == N_DIM;
    if (!span_sizes(l, own ? n->b : n, s)) return false;
    s->name = own ? n->name : NULL;
    if (!own || !n->a) return true;
    if (!eval_int(l, n->a, &s->def)) return false;
    return span_has(s, s->def)
        || lower_error(l, n->a->loc, "%lld is none of the sizes %s", (long long)s->def,
                       span_text(l, s));
}

bool span_takes(Lower *l, const DimSpan *s, int64_t v, const char *what, Loc loc)
{
    return span_has(s, v)
        || lower_error(l, loc, "%s has the size %lld, which is none of %s", what,
                       (long long)v, span_text(l, s));
}

/* --set n=64: the dimension of this name is this one. */
static bool span_set(Lower *l, Loc loc, DimSpan *s)
{
    for (int i = 0; s->name && i < l->opt->nset; i++) {
        if (strcmp(l->opt->set[i].name, s->name) != 0) continue;
        char *end;
        const char *text = l->opt->set[i].value;
        const int64_t v = strtoll(text, &end, 10);
        if (*end || end == text || !span_has(s, v))
            return lower_error(l, loc, "--set %s=%s: the dimension %s is one of %s",
                               s->name, text, s->name, span_text(l, s));
        *s = (DimSpan){ .name = s->name, .low = v, .high = v, .def = v };
    }
    return true;
}

static bool span_single(const DimSpan *s) { return !s->n && s->low == s->high; }

/* ---- all inputs of a model --------------------------------------------------------------- */

typedef struct {
    DimSpan *span; /* by axis */
    int rank;
} InputSpans;

typedef struct {
    Lower *l;
    InputSpans *in;
    int n;
    Env names;   /* of dimensions -> INT, input * MAX_RANK + axis */
    int nconfig; /* in how many ways listed sizes go together */
    int nchoice; /* lists that are chosen from on their own */
    DimSpan *choice[MAX_RANK];
} Inputs;

static DimSpan *span_named(const Inputs *x, const char *name)
{
    const Val *at = env_get(&x->names, name);
    return at ? &x->in[at->u.i / MAX_RANK].span[at->u.i % MAX_RANK] : NULL;
}

static bool input_span(Inputs *x, const Node *n, int input, int axis)
{
    Lower *l = x->l;
    DimSpan *s = &x->in[input].span[axis];
    const DimSpan *known = n->kind == N_NAME ? span_named(x, n->name) : NULL;
    if (known) {
        *s = *known;
        return true;
    }
    const char *name = n->kind == N_DIM ? n->name : NULL;
    if (name && (span_named(x, name) || known_name(l, name)))
        return lower_error(l, n->loc, "%s has a value already: a dimension is named once",
                           name);
    if (name) env_set(l, &x->names, name, val_int((int64_t)input * MAX_RANK + axis));
    return span_read(l, n, s) && span_set(l, n->loc, s);
}

static bool input_dtype(Lower *l, const Node *arg, DType *out)
{
    static const DTypes allowed = 1u << DT_FP16 | 1u << DT_FP32 | 1u << DT_INT32
                                | 1u << DT_BOOL | 1u << DT_INT8 | 1u << DT_UINT8
                                | 1u << DT_INT16 | 1u << DT_UINT16;
    const Node *t = arg->a;
    if (!t || !t->name)
        return lower_error(l, arg->loc,
                           "input %s needs a type with an element type: `%s: fp16[..]`",
                           arg->name, arg->name);
    *out = dtype_find(t->name, strlen(t->name));
    return (*out != DT_NONE && allowed >> *out & 1)
        || lower_error(
               l, t->loc,
               "%s is no element type of an input; fp16, fp32, int32 and bool are",
               t->name);
}

static bool input_type(Inputs *x, const Node *arg, int input, const Type **out)
{
    Lower *l = x->l;
    DType dtype = DT_NONE;
    Shape s = { .rank = 0 }, most = { .rank = 0 };
    InputSpans *in = &x->in[input];
    if (!input_dtype(l, arg, &dtype)) return false;
    in->span = NEW_ARRAY(&l->arena, MAX_RANK, DimSpan);
    for (const Node *n = arg->a->a; n; n = n->next) {
        if (s.rank == MAX_RANK)
            return lower_error(l, n->loc, "a tensor has at most %d dimensions", MAX_RANK);
        if (!input_span(x, n, input, s.rank)) return false;
        const DimSpan *span = &in->span[s.rank];
        s.dim[s.rank++] = span_single(span) ? span->low : DIM_ANY;
        most.dim[most.rank++] = span->def;
    }
    size_t count;
    in->rank = s.rank;
    if (!shape_count(&most, &count) || count > (size_t)1 << 40)
        return lower_error(l, arg->a->a->loc, "a tensor %s is too large",
                           shape_text(&l->arena, &most));
    *out = type_tensor(&l->m->arena, dtype, s);
    return true;
}

/* ---- the attribute ----------------------------------------------------------------------- */

/* Lists are chosen from together where they have one name, else each on its own. */
static int choice_of(const Inputs *x, const DimSpan *s)
{
    for (int i = 0; i < x->nchoice; i++)
        if (x->choice[i] == s || (s->name && x->choice[i]->name == s->name)) return i;
    return -1;
}

static bool choices_count(Inputs *x, Loc loc)
{
    x->nconfig = 0;
    for (int i = 0; i < x->n; i++)
        for (int k = 0; k < x->in[i].rank; k++) {
            DimSpan *s = &x->in[i].span[k];
            if (!s->n || choice_of(x, s) >= 0) continue;
            x->nconfig = (x->nconfig ? x->nconfig : 1) * s->n;
            if (x->nchoice == MAX_RANK || x->nconfig > MAX_SIZES)
                return lower_error(x->l, loc,
                                   "the listed sizes go together in more than %d ways",
                                   MAX_SIZES);
            x->choice[x->nchoice++] = s;
        }
    return true;
}

/* Of the k-th way that they go together. */
static int64_t span_at(const Inputs *x, const DimSpan *s, int k)
{
    if (!s->n) return s->def;
    for (int i = 0; x->choice[i] != s && x->choice[i]->name != s->name; i++)
        k /= x->choice[i]->n;
    return s->size[k % s->n];
}

static bool flex_of_input(Inputs *x, int input, Flex *flex, int to, Loc loc)
{
    const InputSpans *in = &x->in[input];
    FlexInput *f = &flex->input[to];
    bool listed = false, ranged = false;
    *f =
        (FlexInput){ .has_default = true, .rank = in->rank, .def = { .rank = in->rank } };
    for (int k = 0; k < in->rank; k++) {
        const DimSpan *s = &in->span[k];
        f->lo[k] = s->low;
        f->hi[k] = s->high;
        f->def.dim[k] = s->def;
        listed = listed || s->n;
        ranged = ranged || (!s->n && !span_single(s));
    }
    if (listed && ranged)
        return lower_error(
            x->l, loc, "an input has sizes that are listed or ranges of them, not both");
    f->has_range = ranged;
    for (int k = 0; listed && k < x->nconfig; k++) {
        Shape *s = flex_shape_new(&x->l->m->arena, flex, to, k);
        s->rank = in->rank;
        for (int i = 0; i < in->rank; i++) s->dim[i] = span_at(x, &in->span[i], k);
    }
    return true;
}

static int by_input_name(const void *a, const void *b)
{
    return strcmp((*(const Node *const *)a)->name, (*(const Node *const *)b)->name);
}

static int input_number(const Node *decl, const Node *arg)
{
    int i = 0;
    for (const Node *a = decl->a; a != arg; a = a->next) i++;
    return i;
}

/* Inputs that share the name of a dimension agree in it in each run. */
static void say_names(Inputs *x, const Node *decl)
{
    NamedDim *dim = NEW_ARRAY(&x->l->arena, x->n * MAX_RANK + 1, NamedDim);
    int n = 0, i = 0;
    for (const Node *a = decl->a; a; a = a->next, i++)
        for (int k = 0; k < x->in[i].rank; k++) {
            const DimSpan *s = &x->in[i].span[k];
            if (s->name && !span_single(s)) dim[n++] = (NamedDim){ a->name, k, s->name };
        }
    dim_names_set(x->l->func, dim, n);
}

/* In the order of names, as the attribute has them. */
static bool say_flexible(Inputs *x, const Node *decl)
{
    Lower *l = x->l;
    Block *body = l->func->body;
    const Node **arg = NEW_ARRAY(&l->arena, x->n, const Node *);
    const char **name = NEW_ARRAY(&l->arena, x->n, const char *);
    Flex flex = { .input = NEW_ARRAY(&l->m->arena, x->n, FlexInput) };
    int n = 0, i = 0;
    for (const Node *a = decl->a; a; a = a->next, i++)
        if (!shape_known(&body->param[i]->type->shape)) arg[n++] = a;
    if (!n) return true;
    qsort(arg, (size_t)n, sizeof *arg, by_input_name);
    if (!choices_count(x, decl->loc)) return false;
    flex.nconfig = x->nconfig;
    for (i = 0; i < n; i++) {
        name[i] = arg[i]->name;
        if (!flex_of_input(x, input_number(decl, arg[i]), &flex, i, arg[i]->loc))
            return false;
    }
    attr_set(l->m, &l->func->attrs, FLEXIBLE, flex_const(l->m, name, n, &flex));
    say_names(x, decl);
    return true;
}

bool add_inputs(Lower *l, const Node *decl, Val *args)
{
    Inputs x = { .l = l };
    bool ok = true;
    int n = 0;
    for (const Node *a = decl->a; a; a = a->next) x.n++;
    x.in = NEW_ARRAY(&l->arena, x.n, InputSpans);
    for (const Node *a = decl->a; a; a = a->next, n++) {
        const Type *t = &type_poison;
        for (const Node *b = decl->a; b != a; b = b->next)
            if (b->name == a->name)
                ok = lower_error(l, a->loc, "%s is the name of two inputs", a->name);
        if (a->b) ok = lower_error(l, a->b->loc, "an input of a model has no default");
        if (!input_type(&x, a, n, &t)) ok = false;
        args[n] = val_tensor(block_param(l->func->body, a->name, t, a->loc));
    }
    return ok && say_flexible(&x, decl);
}

bool names_dim(const Node *file, const char *name)
{
    for (const Node *m = file->a; m; m = m->next) {
        if (m->kind != N_MODEL) continue;
        for (const Node *a = m->a; a; a = a->next)
            for (const Node *e = a->a ? a->a->a : NULL; e; e = e->next)
                if (e->kind == N_DIM && e->name && !strcmp(e->name, name)) return true;
    }
    return false;
}
