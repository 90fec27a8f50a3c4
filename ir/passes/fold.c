/* fold.c -- computes statements whose arguments are all small constants, by their reference meaning. */
#include "pass.h"

#include <math.h>
#include <string.h>

/* Above this the result would be a weight that the source does not hold; it stays computed. */
enum { FOLD_MAX_BYTES = 4096 };

/* A CONST_FILE or CONST_BLOB is the user's weight: it is left to be seen in the text. */
static bool foldable_value(const Value *v)
{
    return v->lit && v->lit->kind == CONST_DATA && v->lit->type->kind == TY_TENSOR
           && type_bytes(v->lit->type) <= FOLD_MAX_BYTES;
}

static bool foldable(const Op *op)
{
    if (op->kind == OP_NONE || op->kind == OP_const || op->nblock || !op->nout || !op->narg) return false;
    if (ops[op->kind].flags & (F_IMPURE | F_UNSUPPORTED | F_CONSTEXPR) || !ops[op->kind].eval) return false;
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < op->arg[i].count; k++)
            if (!foldable_value(op->arg[i].val[k])) return false;
    for (int i = 0; i < op->nout; i++) {
        size_t n = type_bytes(op->out[i]->type);
        if (n > FOLD_MAX_BYTES || (!n && op->out[i]->type->kind != TY_TENSOR)) return false;
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

/* What cannot be computed (a wrong program, an unsupported form) is left for others to report. */
static bool fold(Module *m, Op *op, Diag *d, Value **with)
{
    Arena scratch = { 0 };
    Diag quiet = { .quiet = true };
    Call *c = NEW(&scratch, Call);
    Tensor *res = NEW_ARRAY(&scratch, MAX_RESULT, Tensor);
    bool ok = call_of_op(c, op, &scratch, &quiet) && call_run(c, res, MAX_RESULT) && c->nout == op->nout;
    for (int i = 0; ok && i < op->nout; i++)
        ok = !res[i].is_list && res[i].bytes <= FOLD_MAX_BYTES;
    if (ok) {
        warn_of_result(c, op, res, d);
        Builder b = before_op(op, d);
        for (int i = 0; i < op->nout; i++) {
            const Type *t = type_tensor(&m->arena, res[i].dtype, res[i].shape);
            Value *v = build_const(&b, op->out[i]->name, const_data(&m->arena, t, kept_data(&m->arena, &res[i])));
            func_replace_uses(op->parent->func, op->out[i], v);
            v->name = op->out[i]->name; /* which is free now */
            if (with) with[i] = v;
            attr_set(m, &v->def->attrs, "name", const_string(&m->arena, v->name));
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

typedef struct {
    Module *m;
    Func *func;
    Diag *diag;
    int changes;
} Folding;

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
    for (f.func = m->first; f.func; f.func = f.func->next) func_walk(f.func, visit, &f);
    return f.changes;
}
