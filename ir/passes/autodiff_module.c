/* autodiff_module.c -- makes a model return its gradients: --grad and anec_grad. */
#include "passes.h"
#include "legal.h"

#include <ctype.h>
#include <string.h>

typedef struct {
    Module *m;
    Func *func;
    Diag *diag;
    const GradOptions *options;
    Arena scratch;
    Value **x;
    const char **name; /* of the result: d_<path> */
    int nx, cap;
} GradWork;

static bool is_float(const Value *v)
{
    return v->type->kind == TY_TENSOR && dtype_is_float(v->type->dtype);
}

/* A path as a name of MIL has it. */
static const char *as_name(Arena *a, const char *text, size_t n)
{
    char *s = arena_strndup(a, text, n);
    for (char *c = s; *c; c++)
        if (!isalnum((unsigned char)*c) && *c != '_') *c = '_';
    return s;
}

static void add_x(GradWork *w, Value *v)
{
    for (int i = 0; i < w->nx; i++)
        if (w->x[i] == v) return;
    if (w->nx == w->cap) {
        w->x = arena_grow(&w->scratch, w->x, (size_t)w->cap, sizeof *w->x);
        ARENA_ROOM(&w->scratch, w->name, w->nx, w->cap);
    }
    w->name[w->nx] = arena_printf(&w->scratch, "d_%s", v->name);
    w->x[w->nx++] = v;
}

/* ---- what is differentiated by ----------------------------------------------------------- */

static bool feeds_only_decoders(Func *f, const Value *v)
{
    bool any = false;
    for (const Op *op = f->body->first; op; op = op->next)
        for (int i = 0; i < op->narg; i++)
            for (int k = 0; k < arg_count(&op->arg[i]); k++) {
                if (op->arg[i].val[k] != v) continue;
                if (!op_decodes(op)) return false;
                any = true;
            }
    return any;
}

/* A declared weight, or without declarations a constant of more than one float. */
static bool is_weight(const GradWork *w, const Op *op)
{
    size_t n;
    if (op->kind != OP_const || !is_float(op->out[0])) return false;
    if (w->options->declared) return op->keep;
    return shape_count(&op->out[0]->type->shape, &n) && n > 1
        && !feeds_only_decoders(w->func, op->out[0]);
}

static void add_all(GradWork *w)
{
    for (int i = 0; i < w->func->body->nparam; i++)
        if (is_float(w->func->body->param[i])) add_x(w, w->func->body->param[i]);
    for (Op *op = w->func->body->first; op; op = op->next)
        if (is_weight(w, op)) add_x(w, op->out[0]);
}

static Value *find_value(const Func *f, const char *name)
{
    for (int i = 0; i < f->body->nparam; i++)
        if (!strcmp(f->body->param[i]->name, name)) return f->body->param[i];
    for (const Op *op = f->body->first; op; op = op->next)
        for (int i = 0; i < op->nout; i++)
            if (op->out[i]->name && !strcmp(op->out[i]->name, name)) return op->out[i];
    return NULL;
}

static bool autodiff_module_unknown(GradWork *w, const char *name)
{
    GradWork all = { .m = w->m, .func = w->func, .options = w->options };
    add_all(&all);
    const char **known = NEW_ARRAY(&all.scratch, all.nx + 1, const char *);
    for (int i = 0; i < all.nx; i++) known[i] = all.x[i]->name;
    const char *near = name_nearest(name, known, (size_t)all.nx);
    diag_error(w->diag, (Loc){ 0 }, "%s has no input, weight or value %s%s%s%s",
               w->func->name, name, near ? "; did you mean " : "", near ? near : "",
               near ? "?" : "");
    arena_free(&all.scratch);
    return false;
}

static bool add_named(GradWork *w)
{
    for (const char *s = w->options->names; s; s = list_next(s)) {
        const size_t n = strcspn(s, ",");
        const char *name = as_name(&w->scratch, s, n);
        Value *v = find_value(w->func, name);
        if (!v) return autodiff_module_unknown(w, arena_strndup(&w->scratch, s, n));
        if (!is_float(v))
            return diag_error(w->diag, value_loc(v),
                              "%s is %s: only floats have a gradient", name,
                              type_text(&w->scratch, v->type));
        add_x(w, v);
    }
    return true;
}

/* ---- seeds ------------------------------------------------------------------------------- */

/* The last result, which is multiplied with 1 or with an input; -1 after an error. */
static int add_last(GradWork *w, Builder *b, Value **y, Value **seed)
{
    size_t n;
    const Block *body = w->func->body;
    Value *v = body->nresult ? body->result[body->nresult - 1] : NULL;
    if (v && is_float(v) && shape_count(&v->type->shape, &n) && n == 1) {
        const char *name = w->options->seed;
        y[0] = v;
        if (!name) seed[0] = build_float(b, v->type->dtype, 1);
        else {
            name = func_unique_name(w->func, name);
            seed[0] = block_param(w->func->body, name, v->type, value_loc(v));
        }
        return 1;
    }
    diag_error(
        w->diag, v ? value_loc(v) : w->func->loc,
        "the last result of %s is what is to become small: a float of one element is "
        "needed, and it is %s",
        w->func->name, v ? type_text(&w->scratch, v->type) : "none");
    return -1;
}

/* The float results and what each is multiplied with; -1 after an error. */
static int add_seeds(GradWork *w, Builder *b, Value **y, Value **seed)
{
    int n = 0;
    const int results = w->func->body->nresult;
    if (w->options->last) return add_last(w, b, y, seed);
    for (int i = 0; i < results; i++) {
        Value *v = w->func->body->result[i];
        if (!is_float(v)) continue;
        if (!v->type->shape.rank) seed[n] = build_float(b, v->type->dtype, 1);
        else {
            const char *name = arena_printf(&w->scratch, "d_%s", v->name);
            if (find_value(w->func, name) && is_result(find_value(w->func, name)))
                return diag_error(
                           w->diag, value_loc(v),
                           "%s is a result already; the gradient of %s cannot come in "
                           "under that name",
                           name, v->name)
                         ? 0
                         : -1;
            Value *taken = find_value(w->func, name);
            if (taken && !taken->def)
                return diag_error(
                           w->diag, value_loc(v),
                           "%s is an input already; the gradient of %s cannot come in "
                           "under that name",
                           name, v->name)
                         ? 0
                         : -1;
            if (taken) value_rename(taken, func_unique_name(w->func, name));
            name = module_name(w->m, name);
            func_claim_name(w->func, name);
            seed[n] = block_param(w->func->body, name, v->type, value_loc(v));
        }
        y[n++] = v;
    }
    if (n) return n;
    diag_error(w->diag, w->func->loc,
               "no result of %s is a float: nothing has a gradient", w->func->name);
    return -1;
}

/* ---- results ----------------------------------------------------------------------------- */

/* A value of our own under that name, which another one may have to give up. */
static bool add_result(GradWork *w, Builder *b, Value *v, const char *wish)
{
    const char *name = module_name(w->m, wish);
    Value *taken = find_value(w->func, name);
    const bool own = v->def && v->def->kind != OP_const && v->def->nout == 1
                  && !is_result(v) && taken == v;
    if (taken && taken != v && (is_result(taken) || !taken->def))
        return diag_error(
            w->diag, value_loc(taken),
            "%s is the name of an input or result already; a gradient cannot "
            "have it",
            name);
    if (!own) {
        if (taken) value_rename(taken, func_unique_name(w->func, name));
        func_claim_name(w->func, name);
        v = mil_identity(b, wish, .x = v);
        v->name = name;
    }
    block_result(w->func->body, v);
    return true;
}

static Value *autodiff_module_zeros(GradWork *w, Builder *b, const Value *x)
{
    diag_warn(w->diag, WARN_ZERO_GRADIENT, value_loc(x),
              "no result depends on %s: its gradient is 0", x->name);
    if (!shape_known(&x->type->shape)) {
        diag_error(
            w->diag, value_loc(x),
            "the gradient of %s is zeros of its shape, %s, whose dimensions must be known",
            x->name, shape_text(&w->scratch, &x->type->shape));
        return NULL;
    }
    Const *c = NEW(&w->m->arena, Const);
    *c = (Const){ .type = x->type, .kind = CONST_INIT, .init = INIT_FILL };
    return build_const(b, "zeros", c);
}

static bool autodiff_module_differentiate(GradWork *w)
{
    Func *f = w->func;
    const int results = f->body->nresult;
    Value **y = NEW_ARRAY(&w->scratch, results + 1, Value *);
    Value **seed = NEW_ARRAY(&w->scratch, results + 1, Value *);
    if (w->options->names) {
        if (!add_named(w)) return false;
    } else add_all(w);
    if (w->options->only && !w->nx)
        return diag_error(
            w->diag, f->loc,
            "no input or weight of %s is a float: it would have no results, since "
            "gradients are to be all that it has",
            f->name);
    Value **dx = NEW_ARRAY(&w->scratch, w->nx + 1, Value *);
    Builder b = builder_at(f->body, NULL, w->diag, f->loc);
    const int n = add_seeds(w, &b, y, seed);
    if (n < 0 || !autodiff(&b, y, seed, n, w->x, w->nx, dx)) return false;
    b = builder_at(f->body, NULL, w->diag, f->loc);
    if (w->options->only) func_drop_results(f, 0);
    int flows = 0;
    for (int i = 0; i < w->nx; i++) flows += dx[i] != NULL;
    if (w->options->sparse && !flows)
        return diag_error(
            w->diag, value_loc(y[0]),
            "%s depends on none of %d weights, or by `stop` alone: nothing can be "
            "trained",
            y[0]->name, w->nx);
    for (int i = 0; i < w->nx; i++) {
        if (w->options->sparse && !dx[i]) continue;
        Value *g = dx[i] ? dx[i] : autodiff_module_zeros(w, &b, w->x[i]);
        if (!g || !add_result(w, &b, g, w->name[i])) return false;
    }
    return true;
}

bool autodiff_module(Module *m, const GradOptions *o, Diag *d)
{
    Func *f = o->function ? module_func(m, o->function) : module_main(m);
    GradWork w = { .m = m, .func = f, .diag = d, .options = o };
    bool ok = w.func ? autodiff_module_differentiate(&w)
                     : diag_error(d, (Loc){ 0 }, "the program has no function");
    if (ok) {
        PassOptions none = { .only = "dce" };
        pass_dce(m, &none, d);
        module_verify(m, d, "autodiff");
    }
    arena_free(&w.scratch);
    return ok;
}
