/* fold.c -- computes ops whose arguments are all constants, by their reference kernels: small
 * ones at once, large ones when the result is written or used. */
#include "passes.h"

enum {
    SMALL =
        4096, /* bytes: results up to here may be larger than what they are computed from */
    GROWTH =
        /* of what depends on weights; what grows more stays computed: it would fill a file */
    2,
};

static bool is_small(const Value *v)
{
    return value_lit(v) && value_lit(v)->type->kind == TY_TENSOR
        && const_at_hand(value_lit(v)) && type_bytes(value_lit(v)->type) <= SMALL
        && value_lit(v)->kind != CONST_INIT;
}

static bool fold_foldable(const Op *op)
{
    if (!op_is_computable(op)) return false;
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++)
            if (!is_small(op->arg[i].val[k])) return false;
    for (int i = 0; i < op->nout; i++) {
        size_t n = type_bytes(op->out[i]->type);
        if (n > SMALL || (!n && op->out[i]->type->kind != TY_TENSOR)) return false;
        if (is_result(op->out[i])) return false;
    }
    return true;
}

/* A constant in the place and under the name of a result. */
static Value *stand_in(Op *op, int i, const Const *c, Diag *d)
{
    Builder b = before_op(op, d);
    Value *v = build_const(&b, op->out[i]->name, c);
    func_replace_uses(op->parent->func, op->out[i], v);
    v->name = op->out[i]->name; /* which is free now */
    return v;
}

/* What cannot be computed (a wrong program, an unsupported form) is left for others to
 * report. */
bool fold_op(Module *m, Op *op, Diag *d, Value **with)
{
    const Const *c[MAX_RESULT];
    if (!fold_foldable(op) || !op_literals(m, op, MAX_RESULT * SMALL, d, c)) return false;
    op_let_weights_go(op, NULL);
    for (int i = 0; i < op->nout; i++) {
        Value *v = stand_in(op, i, c[i], d);
        if (with) with[i] = v;
    }
    op_unlink(op);
    return true;
}

/* A constant that is only given another shape is the same bytes under another type, wherever
 * they are: nothing is read, so this holds for weights too. The op of the constant is
 * rewritten when this is its only use, so that it keeps its name and place. */
static bool relabel_const(Func *f, Op *op, Module *m)
{
    Value *x = is_relabel(op) ? op_value(op, P_x) : NULL;
    if (!x || !value_lit(x) || !x->def || value_lit(x)->kind == CONST_GROUP
        || is_result(op->out[0]))
        return false;
    const Type *t = op->out[0]->type;
    if (!shape_known(&t->shape) || is_result(x) || func_count_uses(f, x) != 1)
        return false;
    Const *c = NEW(&m->arena, Const);
    *c = *value_lit(x);
    c->type = t;
    value_set_lit(x, c);
    x->type = t;
    replace_op(op, x);
    return true;
}

/* ---- what depends on weights alone ------------------------------------------------------- */

typedef struct {
    Module *m;
    Func *func;
    Diag *diag;
    PtrMap
        /* literals by result, of ops of this function that constants alone go into */
        made;
    ValueTable used; /* of those: what is used where the program runs */
    int changes;
} Folding;

static const Const *made_of(void *ctx, const Value *v)
{
    const Folding *f = ctx;
    return ptrmap_get(&f->made, v);
}

/* An op of constants: each of its results as a literal, for those that follow it. */
static bool note_made(void *ctx, Op *op)
{
    Folding *f = ctx;
    if (op->parent->owner || op->kind == OP_NONE || op_decodes(op)) return true;
    for (int i = 0; i < op->nout; i++) {
        const Const *c = const_made(f->m, op, i, made_of, f);
        if (!c) return true;
        ptrmap_set(&f->made, op->out[i], (void *)(uintptr_t)c);
    }
    return true;
}

/* Marks what ops use that are computed when the program runs. */
static bool note_uses(void *ctx, Op *op)
{
    Folding *f = ctx;
    if (op->nout && ptrmap_get(&f->made, op->out[0])) return true;
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++)
            if (ptrmap_get(&f->made, op->arg[i].val[k]))
                values_set(&f->used, op->arg[i].val[k], f);
    return true;
}

/* Whether the op's results are to stand in the program as literals. */
static bool is_worth(const Folding *f, const Op *op)
{
    bool used = false;
    for (int i = 0; i < op->nout; i++) {
        const Const *c = ptrmap_get(&f->made, op->out[i]);
        if (!c || is_result(op->out[i])) return false;
        if (type_bytes(c->type) > SMALL
            && type_bytes(c->type) > GROWTH * const_made_from(c))
            return false;
        used = used || values_get(&f->used, op->out[i]);
    }
    return used;
}

static bool put_made(void *ctx, Op *op)
{
    Folding *f = ctx;
    if (!is_worth(f, op)) return true;
    op_let_weights_go(op, &f->made);
    for (int i = 0; i < op->nout; i++)
        stand_in(op, i, ptrmap_get(&f->made, op->out[i]), f->diag);
    op_unlink(op);
    f->changes++;
    return true;
}

/* Those that others are computed from go when nothing else uses them: the pass dce. */
static void fold_weights(Folding *f)
{
    func_walk(f->func, note_made, f);
    if (f->made.count) {
        func_walk(f->func, note_uses, f);
        func_walk(f->func, put_made, f);
    }
    ptrmap_free(&f->made);
    values_free(&f->used);
}

static bool fold_visit(void *ctx, Op *op)
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
        func_walk(f.func, fold_visit, &f);
        fold_weights(&f);
    }
    return f.changes;
}
