/* inputs.c -- the parameters of a function, and checking the tensors that are given for
 * them. */
#include "composed.h"

#include "../ir/ir.h"
#include "../ir/mil/described.h"

#include <string.h>

bool param_is_state(const Value *v) { return v->type->kind == TY_STATE; }

bool param_is_kept(const Func *f, const Value *v)
{
    return param_is_state(v) || carried_is(f, v);
}

const Type *param_type(const Value *v)
{
    return param_is_state(v) ? v->type->sub[0] : v->type;
}

typedef bool ParamIs(const Value *param, const char *name);

static bool param_owns(const Value *v, const char *name) { return v->name == name; }
static bool param_called(const Value *v, const char *name)
{
    return !strcmp(v->name, name);
}

static int param_search(const Func *f, ParamIs *is, const char *name, int at)
{
    const int n = f->body->nparam;
    for (int i = 0, p = at; i < n; i++, p++) {
        if (p >= n) p -= n;
        if (is(f->body->param[p], name)) return p;
    }
    return -1;
}

int param_find(const Func *f, const char *name, int *at)
{
    int p = name ? param_search(f, param_owns, name, *at) : -1;
    if (p < 0 && name) p = param_search(f, param_called, name, *at);
    if (p >= 0) *at = p + 1;
    return p;
}

/* ---- parameters of a part ---------------------------------------------------------------- */

int *part_params(const Func *whole, const Func *part)
{
    const int n = whole->body->nparam;
    int at = 0, *param = mem_zero((size_t)n + 1, sizeof *param);
    if (!param) mem_out(((size_t)n + 1) * sizeof *param);
    for (int i = 0; i < n; i++)
        param[i] = param_find(part, whole->body->param[i]->name, &at);
    return param;
}

int part_given(const Func *whole, const Func *part, const int *param, const Binding *in,
               int nin, Binding *out)
{
    int n = 0, at = 0;
    for (int i = 0; i < nin; i++) {
        const int p = param_find(whole, in[i].name, &at);
        if (p < 0 || param[p] < 0) continue;
        out[n] = in[i];
        out[n++].name = part->body->param[param[p]]->name;
    }
    return n;
}

/* ---- what a function takes --------------------------------------------------------------- */

struct InputFacts {
    const Func *func;
    Arena arena;
    bool *kept; /* by parameter: param_is_kept */
    /* by parameter and axis: the first place of the dimension that has its name; -1: none before */
    int *shared;
    Flex flex;
    bool told; /* the attribute that flex is of can be read */
};

/* Which flexible dimensions have the name of one before. */
static void facts_shared(InputFacts *facts)
{
    const Block *b = facts->func->body;
    Names names = { .arena = &facts->arena };
    PtrMap first = { 0 }; /* by name: its place, plus 1 */
    facts->shared = NEW_ARRAY(&facts->arena, (b->nparam + 1) * MAX_RANK, int);
    for (int i = 0; i < b->nparam * MAX_RANK; i++) {
        const Value *v = b->param[i / MAX_RANK];
        const int axis = i % MAX_RANK;
        facts->shared[i] = -1;
        if (v->type->kind != TY_TENSOR || axis >= v->type->shape.rank
            || v->type->shape.dim[axis] != DIM_ANY)
            continue;
        const char *name = dim_name(facts->func, v, axis, &facts->arena);
        if (!name) continue;
        name = name_intern(&names, name, strlen(name));
        const intptr_t at = (intptr_t)ptrmap_get(&first, name);
        if (at) facts->shared[i] = (int)(at - 1);
        else ptrmap_set(&first, name, (void *)(intptr_t)(i + 1));
    }
    ptrmap_free(&first);
    names_free(&names);
}

InputFacts *inputs_facts(const Func *f)
{
    InputFacts *facts = mem_zero(1, sizeof *facts);
    Diag quiet = { .quiet = true };
    if (!facts) mem_out(sizeof *facts);
    facts->func = f;
    facts->kept = NEW_ARRAY(&facts->arena, f->body->nparam + 1, bool);
    for (int i = 0; i < f->body->nparam; i++)
        facts->kept[i] = param_is_kept(f, f->body->param[i]);
    facts_shared(facts);
    facts->told = flex_read(f, &quiet, &facts->arena, &facts->flex);
    diag_free(&quiet);
    return facts;
}

void inputs_forget(InputFacts *facts)
{
    if (facts) arena_free(&facts->arena);
    mem_free(facts);
}

/* ---- checking ---------------------------------------------------------------------------- */

typedef struct {
    const InputFacts *facts;
    const Func *func;
    Diag *diag;
    Arena scratch;
    const Binding **given; /* by parameter */
    bool ok;
} Check;

static const char *inputs_origin(const Binding *b)
{
    return b->origin ? b->origin : "the tensor given";
}

static void check_name(Check *c, const Binding *b)
{
    const Block *body = c->func->body;
    const char **known = NEW_ARRAY(&c->scratch, body->nparam + 1, const char *);
    Buf list = { 0 };
    size_t n = 0;
    for (int i = 0; i < body->nparam; i++) {
        if (c->facts->kept[i]) continue;
        buf_printf(&list, "%s%s", n ? ", " : "", body->param[i]->name);
        known[n++] = body->param[i]->name;
    }
    const char *near = name_nearest(b->name, known, n);
    if (near)
        diag_error(c->diag, (Loc){ 0 }, "%s has no input called %s; did you mean %s?",
                   c->func->name, b->name, near);
    else
        diag_error(c->diag, (Loc){ 0 }, "%s has no input called %s; its inputs are: %s",
                   c->func->name, b->name, list.len ? list.s : "none");
    buf_free(&list);
    c->ok = false;
}

static void bind_names(Check *c, const Binding *in, int nin)
{
    int at = 0;
    for (int k = 0; k < nin; k++) {
        int p = param_find(c->func, in[k].name, &at);
        if (p < 0 || c->facts->kept[p]) {
            check_name(c, &in[k]);
        } else if (c->given[p]) {
            c->ok = diag_error(c->diag, (Loc){ 0 }, "input %s is given twice",
                               in[k].name);
        } else {
            c->given[p] = &in[k];
        }
    }
}

static void check_type(Check *c, const Value *v, const Binding *b)
{
    const Tensor *t = &b->value;
    if (v->type->kind != TY_TENSOR) {
        c->ok = diag_error(c->diag, value_loc(v),
                           "input %s is a %s; only tensors can be given", v->name,
                           type_text(&c->scratch, v->type));
        return;
    }
    if (v->type->dtype == t->dtype && shape_fits(&v->type->shape, &t->shape)) return;
    const char *want = dtypes[v->type->dtype].name;
    c->ok = diag_error(c->diag, (Loc){ 0 }, "input %s is %s %s, but %s holds %s %s%s%s",
                       v->name, want, shape_text(&c->scratch, &v->type->shape),
                       inputs_origin(b), dtypes[t->dtype].name,
                       shape_text(&c->scratch, &t->shape),
                       v->type->dtype == t->dtype ? "" : ": convert it to ",
                       v->type->dtype == t->dtype ? "" : want);
}

static void check_absent(Check *c, const Value *v)
{
    Described say;
    described(c->func, v, true, &c->scratch, &say);
    c->ok = diag_error(
        c->diag, (Loc){ 0 }, "input %s (%s) is not given%s", v->name,
        type_text(&c->scratch, v->type),
        say.optional ? ": the description makes it optional, and says no value" : "");
}

static void check_range(Check *c, int p)
{
    const FlexInput *in = &c->facts->flex.input[p];
    const Value *v = c->func->body->param[p];
    const Shape *s = &c->given[p]->value.shape;
    for (int i = 0; in->has_range && i < s->rank; i++) {
        if (s->dim[i] >= in->lo[i] && (in->hi[i] < 0 || s->dim[i] <= in->hi[i])) continue;
        Buf upto = { 0 };
        if (in->hi[i] >= 0) buf_printf(&upto, " to %lld", (long long)in->hi[i]);
        c->ok = diag_error(c->diag, (Loc){ 0 },
                           "input %s: dimension %d of %s is %lld; the model takes %lld%s",
                           v->name, i, inputs_origin(c->given[p]), (long long)s->dim[i],
                           (long long)in->lo[i], upto.s ? upto.s : " and more");
        buf_free(&upto);
    }
}

/* Dimensions of one name are one. */
static void check_shared(Check *c, int p)
{
    const Binding *here = c->given[p];
    for (int i = 0; i < here->value.shape.rank; i++) {
        const int at = c->facts->shared[p * MAX_RANK + i];
        const Binding *first = at < 0 ? NULL : c->given[at / MAX_RANK];
        if (!first) continue;
        const int64_t x = first->value.shape.dim[at % MAX_RANK],
                      y = here->value.shape.dim[i];
        if (x != y)
            c->ok = diag_error(
                c->diag, (Loc){ 0 },
                "dimension %d of input %s has %lld elements and dimension "
                "%d of %s has %lld: they have one name, %s",
                at % MAX_RANK, first->name, (long long)x, i, here->name, (long long)y,
                dim_name(c->func, c->func->body->param[p], i, &c->scratch));
    }
}

/* One of the enumerated configurations must hold for all inputs at once. */
static void check_configs(Check *c)
{
    const int n = c->func->body->nparam;
    Buf list = { 0 };
    for (int k = 0; k < c->facts->flex.nconfig; k++) {
        bool fits = true;
        const char *sep = k ? "; " : "";
        for (int p = 0; p < n; p++) {
            const Shape *want = flex_shape(&c->facts->flex, p, k);
            if (!want || !c->given[p]) continue;
            fits = fits && shape_equal(want, &c->given[p]->value.shape);
            buf_printf(&list, "%s%s %s", sep, c->given[p]->name,
                       shape_text(&c->scratch, want));
            sep = ", ";
        }
        if (fits) {
            buf_free(&list);
            return;
        }
    }
    if (c->facts->flex.nconfig)
        c->ok = diag_error(c->diag, (Loc){ 0 },
                           "these input shapes are none that the model takes: %s",
                           list.s ? list.s : "");
    buf_free(&list);
}

bool inputs_suit(const InputFacts *facts, Diag *d, const Binding *in, int nin)
{
    const Func *f = facts->func;
    Check c = { .facts = facts, .func = f, .diag = d, .ok = true };
    const int n = f->body->nparam;
    Flex none;
    c.given = NEW_ARRAY(&c.scratch, n + 1, const Binding *);
    if (!facts->told) c.ok = flex_read(f, d, &c.scratch, &none); /* says why */
    bind_names(&c, in, nin);
    for (int p = 0; p < n; p++) {
        const Value *v = f->body->param[p];
        if (facts->kept[p]) continue;
        if (c.given[p]) check_type(&c, v, c.given[p]);
        else check_absent(&c, v);
    }
    for (int p = 0; c.ok && p < n; p++)
        if (c.given[p]) check_range(&c, p);
    for (int p = 0; c.ok && p < n; p++)
        if (c.given[p]) check_shared(&c, p);
    if (c.ok) check_configs(&c);
    arena_free(&c.scratch);
    return c.ok;
}

bool inputs_check(const Func *f, Diag *d, const Binding *in, int nin)
{
    InputFacts *facts = inputs_facts(f);
    const bool ok = inputs_suit(facts, d, in, nin);
    inputs_forget(facts);
    return ok;
}
