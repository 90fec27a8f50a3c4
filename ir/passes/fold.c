/* fold.c -- computes statements whose arguments are all constants, by their reference meaning: at once
 * where they are small, else when what they make is written or used. */
#include "pass.h"

#include <math.h>
#include <string.h>

enum {
    SMALL = 4096, /* bytes: results up to here may be larger than what they are computed from */
    GROWTH = 2,   /* of what depends on weights; what grows more stays computed: it would fill a file */
};

static bool is_small(const Value *v)
{
    return v->lit && v->lit->type->kind == TY_TENSOR && const_at_hand(v->lit) && type_bytes(v->lit->type) <= SMALL
           && v->lit->kind != CONST_INIT;
}

static bool foldable(const Op *op)
{
    if (op->kind == OP_NONE || op->kind == OP_const || op->nblock || !op->nout || !op->narg) return false;
    if (ops[op->kind].flags & (F_IMPURE | F_UNSUPPORTED | F_CONSTEXPR) || !ops[op->kind].eval) return false;
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < op->arg[i].count; k++)
            if (!is_small(op->arg[i].val[k])) return false;
    for (int i = 0; i < op->nout; i++) {
        size_t n = type_bytes(op->out[i]->type);
        if (n > SMALL || (!n && op->out[i]->type->kind != TY_TENSOR)) return false;
        if (is_result(op->out[i])) return false;
    }
    return true;
}

static const void *kept_data(Arena *a, const Tensor *t)
{
    void *p = arena_alloc(a, t->bytes + 1);
    if (t->dtype != DT_STRING) return t->bytes ? memcpy(p, t->data, t->bytes) : p;
    const char **s = arena_alloc(a, t->count * sizeof *s + 1);
    for (size_t i = 0; i < t->count; i++) s[i] = arena_strdup(a, ((const char **)t->data)[i]);
    return s;
}

/* The first element that is no finite number; NULL: there is none. */
static bool not_finite(const Tensor *t, double *out)
{
    for (size_t i = 0; dtype_is_float(t->dtype) && i < t->count; i++)
        if (!isfinite(*out = tensor_float(t, i))) return true;
    return false;
}

/* An overflow, or 0 / 0, where all that it is computed from is finite. */
static void warn_of_result(const Call *c, const Op *op, const Tensor *res, Diag *d)
{
    double v;
    for (int i = 0; c->info->param[i].name; i++)
        for (int k = 0; k < c->p[i].n; k++)
            if (c->p[i].v[k].val && not_finite(c->p[i].v[k].val, &v)) return;
    for (int i = 0; i < c->nout; i++)
        if (not_finite(&res[i], &v))
            diag_warn(d, WARN_PRECISION, op->loc,
                      "%s, computed from finite constants, holds %g", op->out[i]->name, v);
}

/* Weights that were declared and go into this one alone are in the program no more. */
static void let_go(const Op *op)
{
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < op->arg[i].count; k++) {
            Op *def = op->arg[i].val[k]->def;
            if (def && (def->kind == OP_const || ops[def->kind].flags & F_CONSTEXPR)) def->keep = false;
        }
}

/* A constant in the place and under the name of a result. */
static Value *stand_in(Module *m, Op *op, int i, const Const *c, Diag *d)
{
    Builder b = before_op(op, d);
    Value *v = build_const(&b, op->out[i]->name, c);
    func_replace_uses(op->parent->func, op->out[i], v);
    v->name = op->out[i]->name; /* which is free now */
    op_set_name(m, v->def, v->name);
    return v;
}

/* What cannot be computed (a wrong program, an unsupported form) is left for others to report. */
static bool fold(Module *m, Op *op, Diag *d, Value **with)
{
    Arena scratch = { 0 };
    Diag quiet = { .quiet = true };
    Call *c = NEW(&scratch, Call);
    Tensor *res = NEW_ARRAY(&scratch, MAX_RESULT, Tensor);
    bool ok = call_of_op(c, op, &scratch, &quiet) && call_run(c, res, MAX_RESULT) && c->nout == op->nout;
    for (int i = 0; ok && i < op->nout; i++)
        ok = !res[i].is_list && res[i].bytes <= SMALL;
    if (ok) {
        warn_of_result(c, op, res, d);
        let_go(op);
        for (int i = 0; i < op->nout; i++) {
            const Type *t = type_tensor(&m->arena, res[i].dtype, res[i].shape);
            Value *v = stand_in(m, op, i, const_data(&m->arena, t, kept_data(&m->arena, &res[i])), d);
            if (with) with[i] = v;
        }
        op_unlink(op);
    }
    for (int i = 0; i < MAX_RESULT; i++) tensor_free(&res[i]);
    diag_free(&quiet);
    arena_free(&scratch);
    return ok;
}

bool fold_op(Module *m, Op *op, Diag *d, Value **with)
{
    return foldable(op) && fold(m, op, d, with);
}

/* A constant that is only given another shape is the same bytes under another type, wherever they
 * are: nothing is read, so this holds for weights too. The statement of the constant is rewritten
 * when this is its only use, so that it keeps its name and place. */
static bool relabel_const(Func *f, Op *op, Module *m)
{
    Value *x = is_relabel(op) ? op_value(op, "x") : NULL;
    if (!x || !x->lit || !x->def || x->lit->kind == CONST_GROUP || is_result(op->out[0])) return false;
    const Type *t = op->out[0]->type;
    if (!shape_known(&t->shape) || is_result(x) || func_count_uses(f, x) != 1) return false;
    Const *c = NEW(&m->arena, Const);
    *c = *x->lit;
    c->type = t;
    attr_set(m, &x->def->attrs, "val", c);
    x->lit = c;
    x->type = t;
    replace_op(op, x);
    return true;
}

/* ---- what depends on weights alone ----------------------------------------------------------- */

typedef struct {
    Module *m;
    Func *func;
    Diag *diag;
    PtrMap made; /* literals by result, of statements of this function that constants alone go into */
    int changes;
} Folding;

static const Const *made_of(void *ctx, const Value *v)
{
    const Folding *f = ctx;
    return ptrmap_get(&f->made, v);
}

/* A statement of constants: each of its results as a literal, for those that follow it. */
static bool note_made(void *ctx, Op *op)
{
    Folding *f = ctx;
    if (op->parent->owner || op->kind == OP_NONE || ops[op->kind].flags & F_CONSTEXPR) return true;
    for (int i = 0; i < op->nout; i++) {
        const Const *c = const_made(f->m, op, i, made_of, f);
        if (!c) return true;
        ptrmap_set(&f->made, op->out[i], (void *)(uintptr_t)c);
    }
    let_go(op);
    return true;
}

/* Marks what statements use that are computed when the program runs. */
static bool note_uses(void *ctx, Op *op)
{
    Folding *f = ctx;
    if (op->nout && ptrmap_get(&f->made, op->out[0])) return true;
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < op->arg[i].count; k++)
            if (ptrmap_get(&f->made, op->arg[i].val[k])) op->arg[i].val[k]->tag = f;
    return true;
}

/* Whether the statement's results are to stand in the program as literals. */
static bool is_worth(const Folding *f, const Op *op)
{
    bool used = false;
    for (int i = 0; i < op->nout; i++) {
        const Const *c = ptrmap_get(&f->made, op->out[i]);
        if (!c || is_result(op->out[i])) return false;
        if (type_bytes(c->type) > SMALL && type_bytes(c->type) > GROWTH * const_made_from(c)) return false;
        used = used || op->out[i]->tag == f;
    }
    return used;
}

static bool put_made(void *ctx, Op *op)
{
    Folding *f = ctx;
    if (!is_worth(f, op)) return true;
    for (int i = 0; i < op->nout; i++) stand_in(f->m, op, i, ptrmap_get(&f->made, op->out[i]), f->diag);
    op_unlink(op);
    f->changes++;
    return true;
}

static bool clear_tags(void *ctx, Op *op)
{
    (void)ctx;
    for (int i = 0; i < op->nout; i++) op->out[i]->tag = NULL;
    return true;
}

/* Those that others are computed from go when nothing else uses them: the pass dce. */
static void fold_weights(Folding *f)
{
    func_walk(f->func, clear_tags, f);
    func_walk(f->func, note_made, f);
    if (f->made.count) {
        func_walk(f->func, note_uses, f);
        func_walk(f->func, put_made, f);
    }
    ptrmap_free(&f->made);
}

static bool visit(void *ctx, Op *op)
{
    Folding *f = ctx;
    if (relabel_const(f->func, op, f->m)) f->changes++;
    else if (fold_op(f->m, op, f->diag, NULL)) f->changes++;
    return true;
}

int pass_fold(Module *m, const PassOptions *o, Diag *d)
{
    (void)o;
    Folding f = { .m = m, .diag = d };
    for (f.func = m->first; f.func; f.func = f.func->next) {
        func_walk(f.func, visit, &f);
        fold_weights(&f);
    }
    return f.changes;
}
