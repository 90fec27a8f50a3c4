/* autodiff_cond.c -- the gradient of a cond: another cond with the same predicate. Each of its
 * blocks recomputes what the block of the first one computed, and differentiates it by the
 * values that it uses from outside.
 *
 * Values of a block are not visible outside of it, so they have to be recomputed. */
#include "passes.h"
#include "../ops/grad.h"

typedef struct {
    Builder *b;
    const Op *op;
    Value *const *dy;
    CondFlow *flow;
    PtrMap inside; /* what the blocks define: a value, or an op */
    PtrMap taken;  /* what of outside is in flow->x */
    PtrMap copy;   /* of a value of the block at work */
    Arena *arena;
    int cap;
} Branches;

/* ---- what the blocks take from outside --------------------------------------------------- */

static void autodiff_cond_take(Branches *t, Value *v)
{
    CondFlow *f = t->flow;
    if (ptrmap_get(&t->inside, v) || ptrmap_get(&t->taken, v)) return;
    if (!ptrmap_get(f->depends, v) || v->type->kind != TY_TENSOR
        || !dtype_is_float(v->type->dtype))
        return;
    ARENA_ROOM(t->arena, f->x, f->n, t->cap);
    f->x[f->n++] = v;
    ptrmap_set(&t->taken, v, v);
}

static void take_block(Branches *t, const Block *block)
{
    for (int i = 0; i < block->nparam; i++)
        ptrmap_set(&t->inside, block->param[i], block->param[i]);
    for (const Op *op = block->first; op; op = op->next) {
        for (int i = 0; i < op->narg; i++)
            for (int k = 0; k < arg_count(&op->arg[i]); k++)
                autodiff_cond_take(t, op->arg[i].val[k]);
        for (int i = 0; i < op_nblock(op); i++) take_block(t, op_block(op, i));
        for (int i = 0; i < op->nout; i++) ptrmap_set(&t->inside, op->out[i], op->out[i]);
    }
    for (int i = 0; i < block->nresult; i++) autodiff_cond_take(t, block->result[i]);
}

/* ---- a block ----------------------------------------------------------------------------- */

static Value *copy_of(void *ctx, Value *v)
{
    const Branches *t = ctx;
    Value *made = ptrmap_get(&t->copy, v);
    return made ? made : v;
}

/* Again what `from` computes, and back from there to each x; NULL where nothing flows. */
static bool back_through(Branches *t, const Block *from, Block *to, Value **dx)
{
    Value **y = NEW_ARRAY(t->arena, from->nresult + 1, Value *);
    Value **seed = NEW_ARRAY(t->arena, from->nresult + 1, Value *);
    int n = 0;
    for (const Op *op = from->first; op; op = op->next) {
        const Op *made = op_clone(op, to, NULL, copy_of, t);
        for (int i = 0; i < op->nout; i++) ptrmap_set(&t->copy, op->out[i], made->out[i]);
    }
    for (int i = 0; i < from->nresult; i++) {
        if (!t->dy[i]) continue;
        y[n] = copy_of(t, from->result[i]);
        seed[n++] = t->dy[i];
    }
    Builder inner = builder_at(to, NULL, t->b->diag, t->b->loc);
    inner.opset = t->b->opset;
    return autodiff_within(&inner, to, y, seed, n, t->flow->x, t->flow->n, dx);
}

/* A block yields what it defines itself. */
static Value *autodiff_cond_own(Branches *t, Block *block, Value *dx, const Value *x)
{
    Builder inner = builder_at(block, NULL, t->b->diag, t->b->loc);
    inner.opset = t->b->opset;
    if (!dx) return grad_zeros(&inner, x);
    return dx->def && dx->def->parent == block ? dx : mil_identity(&inner, "d", .x = dx);
}

/* ---- the op ----------------------------------------------------------------------- */

static bool autodiff_cond_build(Branches *t)
{
    CondFlow *f = t->flow;
    Value **dx[2] = { NULL };
    Op *made = op_new_of(t->b->m, t->b->block, t->b->before, OP_cond, op_loc(t->op));
    made->opset = t->op->opset;
    op_arg(t->b->m, made, P_pred, op_value(t->op, P_pred));
    for (int i = 0; i < 2; i++) {
        dx[i] = NEW_ARRAY(t->arena, f->n + 1, Value *);
        Block *block = block_new(made, op_block(t->op, i)->name);
        if (!back_through(t, op_block(t->op, i), block, dx[i])) return false;
    }
    f->dx = NEW_ARRAY(t->arena, f->n + 1, Value *);
    for (int j = 0; j < f->n; j++) {
        const Value *x = f->x[j];
        if (!dx[0][j] && !dx[1][j]) continue;
        for (int i = 0; i < 2; i++)
            block_result(op_block(made, i),
                         autodiff_cond_own(t, op_block(made, i), dx[i][j], x));
        f->dx[j] = op_out(t->b->m, made, func_unique_name(t->b->block->func, "d_cond"),
                          x->type, op_loc(t->op));
    }
    if (made->nout) op_set_name(t->b->m, made, made->out[0]->name);
    else op_unlink(made);
    return true;
}

bool autodiff_cond(Builder *b, const Op *op, Value *const *dy, Arena *arena,
                   CondFlow *flow)
{
    Branches t = { .b = b, .op = op, .dy = dy, .flow = flow, .arena = arena };
    for (int i = 0; i < op_nblock(op); i++) take_block(&t, op_block(op, i));
    const bool ok = op_nblock(op) == 2 && autodiff_cond_build(&t);
    ptrmap_free(&t.inside);
    ptrmap_free(&t.taken);
    ptrmap_free(&t.copy);
    return ok;
}
