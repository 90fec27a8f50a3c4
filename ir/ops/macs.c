/* macs.c -- multiply-adds of an op and of a function, by the rows' own count. */
#include "ops.h"

/* Value.tag: the type that a value has when the function is bound, where that differs from its
 * own. */
static const Type *bound_type(const Value *v) { return v->lit || !v->tag ? v->type : v->tag; }

static void bind_args(Call *c, const Op *op)
{
    for (int i = 0; i < op->narg; i++) {
        const int p = c->info->place[op->arg[i].param] - 1;
        for (int k = 0; p >= 0 && k < c->p[p].n; k++)
            c->p[p].v[k].type = bound_type(op->arg[i].val[k]);
    }
}

static bool all_known(const Op *op)
{
    for (int i = 0; i < op->nout; i++) {
        const Type *t = op->out[i]->type;
        if (t->kind == TY_TENSOR && !shape_known(&t->shape)) return false;
    }
    return true;
}

/* The result types that follow from bound arguments, in the arena. */
static void bind_results(Call *c, const Op *op, Arena *a)
{
    if (all_known(op) || !c->info->infer || !call_check(c) || !c->info->infer(c)) return;
    for (int i = 0; i < op->nout && i < c->nout; i++)
        if (c->out[i]->kind == TY_TENSOR)
            op->out[i]->tag = (void *)(uintptr_t)type_tensor(a, c->out[i]->dtype,
                                                             c->out[i]->shape);
}

/* bound NULL: as declared. */
static double count_op(const Op *op, Arena *bound)
{
    Arena scratch = { 0 };
    Diag quiet = { .quiet = true };
    double n = 0;
    if (op->kind == OP_NONE || (!ops[op->kind].macs && (!bound || all_known(op)))) return 0;
    Call *c = NEW(&scratch, Call);
    bool ok = call_of_op(c, op, &scratch, &quiet);
    if (ok && bound) bind_args(c, op);
    if (ops[op->kind].macs) n = ok ? ops[op->kind].macs(c) : -1;
    if (ok && bound) bind_results(c, op, bound);
    diag_free(&quiet);
    arena_free(&scratch);
    return n;
}

double op_macs(const Op *op) { return count_op(op, NULL); }

/* ---- of a function ----------------------------------------------------------------------- */

typedef struct {
    Macs macs;
    Arena arena;
} Count;

static bool clear_tags(void *ctx, Op *op)
{
    (void)ctx;
    for (int i = 0; i < op->nout; i++) op->out[i]->tag = NULL;
    for (int b = 0; b < op->nblock; b++)
        for (int i = 0; i < op->block[b]->nparam; i++) op->block[b]->param[i]->tag = NULL;
    return true;
}

static bool add_op(void *ctx, Op *op)
{
    Count *c = ctx;
    double n = count_op(op, &c->arena);
    c->macs.blocks |= op->nblock > 0;
    if (n > 0) c->macs.count += n;
    if (n < 0 && !c->macs.open) c->macs.open = op;
    return true;
}

Macs func_macs(Func *f, const Type *const *param)
{
    Count c = { .arena = { 0 } };
    func_walk(f, clear_tags, NULL);
    for (int i = 0; i < f->body->nparam; i++)
        f->body->param[i]->tag = param && param[i] ? (void *)(uintptr_t)param[i] : NULL;
    func_walk(f, add_op, &c);
    func_walk(f, clear_tags, NULL);
    for (int i = 0; i < f->body->nparam; i++) f->body->param[i]->tag = NULL;
    arena_free(&c.arena);
    return c.macs;
}
