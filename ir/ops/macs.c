/* macs.c -- multiply-adds of an op and of a function, counted by the column MACS. */
#include "ops.h"

typedef struct {
    Macs macs;
    Arena arena;
    /* of the values that have another one, when the function is bound, than their own */
    PtrMap type;
} Count;

static void bind_args(Call *c, const Op *op, const PtrMap *bound)
{
    for (int i = 0; i < op->narg; i++) {
        const int p = c->info->place[op->arg[i].param] - 1;
        for (int k = 0; p >= 0 && k < c->p[p].n; k++) {
            const Type *t = ptrmap_get(bound, op->arg[i].val[k]);
            if (t) c->p[p].v[k].type = t;
        }
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

/* The result types that follow from bound arguments. */
static void bind_results(Call *c, const Op *op, Count *n)
{
    if (all_known(op) || !c->info->infer || !call_check(c) || !c->info->infer(c)) return;
    for (int i = 0; i < op->nout && i < c->nout; i++) {
        if (c->out[i]->kind != TY_TENSOR) continue;
        const Type *t = type_tensor(&n->arena, c->out[i]->dtype, c->out[i]->shape);
        ptrmap_set(&n->type, op->out[i], (void *)(uintptr_t)t);
    }
}

/* bound NULL: as declared. */
static double count_op(const Op *op, Count *bound)
{
    Arena scratch = { 0 };
    Diag quiet = { .quiet = true };
    double n = 0;
    if (op->kind == OP_NONE || (!ops[op->kind].macs && (!bound || all_known(op))))
        return 0;
    Call *c = NEW(&scratch, Call);
    bool ok = call_of_op(c, op, &scratch, &quiet);
    if (ok && bound) bind_args(c, op, &bound->type);
    if (ops[op->kind].macs) n = ok ? ops[op->kind].macs(c) : -1;
    if (ok && bound) bind_results(c, op, bound);
    diag_free(&quiet);
    arena_free(&scratch);
    return n;
}

double op_macs(const Op *op) { return count_op(op, NULL); }

/* ---- of a function ----------------------------------------------------------------------- */

static bool add_op(void *ctx, const Op *op)
{
    Count *c = ctx;
    double n = count_op(op, c);
    c->macs.blocks |= op_nblock(op) > 0;
    if (n > 0) c->macs.count += n;
    if (n < 0 && !c->macs.open) c->macs.open = op;
    return true;
}

Macs func_macs(const Func *f, const Type *const *param)
{
    Count c = { .arena = { 0 } };
    for (int i = 0; i < f->body->nparam; i++)
        if (param && param[i])
            ptrmap_set(&c.type, f->body->param[i], (void *)(uintptr_t)param[i]);
    func_read(f, add_op, &c);
    ptrmap_free(&c.type);
    arena_free(&c.arena);
    return c.macs;
}
