/* inputs.c -- the parameters of a function, and checking the tensors that are given for
 * them. */
#include "backend.h"

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

int param_find(const Func *f, const char *name, int *at)
{
    const int n = f->body->nparam;
    for (int i = 0, p = *at; name && i < n; i++, p++) {
        if (p >= n) p -= n;
        if (strcmp(f->body->param[p]->name, name) != 0) continue;
        *at = p + 1;
        return p;
    }
    return -1;
}

/* ---- checking ---------------------------------------------------------------------------- */

typedef struct {
    const Func *func;
    Diag *diag;
    Arena scratch;
    Flex flex;
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
        if (param_is_kept(c->func, body->param[i])) continue;
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
        if (p < 0 || param_is_kept(c->func, c->func->body->param[p])) {
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
    const FlexInput *in = &c->flex.input[p];
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

/* One of the enumerated configurations must hold for all inputs at once. */
static void check_configs(Check *c)
{
    const int n = c->func->body->nparam;
    Buf list = { 0 };
    for (int k = 0; k < c->flex.nconfig; k++) {
        bool fits = true;
        const char *sep = k ? "; " : "";
        for (int p = 0; p < n; p++) {
            const Shape *want = flex_shape(&c->flex, p, k);
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
    if (c->flex.nconfig)
        c->ok = diag_error(c->diag, (Loc){ 0 },
                           "these input shapes are none that the model takes: %s",
                           list.s ? list.s : "");
    buf_free(&list);
}

bool inputs_check(const Func *f, Diag *d, const Binding *in, int nin)
{
    Check c = { .func = f, .diag = d, .ok = true };
    const int n = f->body->nparam;
    c.given = NEW_ARRAY(&c.scratch, n + 1, const Binding *);
    c.ok = flex_read(f, d, &c.scratch, &c.flex);
    bind_names(&c, in, nin);
    for (int p = 0; p < n; p++) {
        const Value *v = f->body->param[p];
        if (param_is_kept(f, v)) continue;
        if (c.given[p]) check_type(&c, v, c.given[p]);
        else check_absent(&c, v);
    }
    for (int p = 0; c.ok && p < n; p++)
        if (c.given[p]) check_range(&c, p);
    if (c.ok) check_configs(&c);
    arena_free(&c.scratch);
    return c.ok;
}
