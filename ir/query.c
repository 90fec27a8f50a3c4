/* query.c -- asking about values and arguments, and walking. */
#include "ops/ops.h"
#include "uses.h"

#include <string.h>

const Arg *op_find_arg(const Op *op, const char *name)
{
    for (int i = 0; i < op->narg; i++)
        if (!strcmp(op->arg[i].name, name)) return &op->arg[i];
    return NULL;
}

Value *op_value(const Op *op, const char *name)
{
    const Arg *a = op_find_arg(op, name);
    return a && a->count ? a->val[0] : NULL;
}

bool value_is_const(const Value *v)
{
    enum { CHAIN = 16 }; /* constexpr of constexpr: two are what ios18 has */
    for (int depth = 0; depth < CHAIN; depth++) {
        if (v->lit) return true;
        if (!v->def || v->def->kind == OP_NONE || !(ops[v->def->kind].flags & F_CONSTEXPR))
            return false;
        const Op *op = v->def;
        const Value *inner = NULL;
        for (int i = 0; i < op->narg; i++)
            for (int k = 0; k < op->arg[i].count; k++)
                if (!op->arg[i].val[k]->lit) {
                    if (inner && inner->def != op->arg[i].val[k]->def) return false;
                    inner = op->arg[i].val[k];
                }
        if (!inner) return true;
        v = inner;
    }
    return false;
}

/* The literal's bytes when they are in memory. */
static bool literal_of(const Value *v, Tensor *out)
{
    if (!v || !v->lit || v->lit->kind != CONST_DATA || v->lit->type->kind != TY_TENSOR) return false;
    *out = tensor_view(v->lit->type->dtype, &v->lit->type->shape, v->lit->data);
    return true;
}

bool value_int(const Value *v, int64_t *out)
{
    Tensor t;
    if (!literal_of(v, &t) || t.count != 1 || !dtype_is_int(t.dtype)) return false;
    *out = tensor_int(&t, 0);
    return true;
}

bool value_bool(const Value *v, bool *out)
{
    Tensor t;
    if (!literal_of(v, &t) || t.count != 1 || t.dtype != DT_BOOL) return false;
    *out = tensor_int(&t, 0) != 0;
    return true;
}

bool value_float(const Value *v, double *out)
{
    Tensor t;
    if (v && v->lit && v->lit->kind == CONST_INIT && v->lit->init == INIT_FILL) {
        *out = v->lit->a;
        return true;
    }
    if (!literal_of(v, &t) || t.count < 1 || t.dtype == DT_STRING) return false;
    for (size_t i = 1; i < t.count; i++)
        if (tensor_float(&t, i) != tensor_float(&t, 0)) return false;
    *out = tensor_float(&t, 0);
    return true;
}

const char *value_string(const Value *v)
{
    Tensor t;
    if (!literal_of(v, &t) || t.count != 1 || t.dtype != DT_STRING) return NULL;
    return ((const char *const *)t.data)[0];
}

int value_ints(const Value *v, int64_t out[MAX_RANK * 2])
{
    Tensor t;
    if (!literal_of(v, &t) || t.count > MAX_RANK * 2) return -1;
    if (!dtype_is_int(t.dtype) && t.dtype != DT_BOOL) return -1;
    for (size_t i = 0; i < t.count; i++) out[i] = tensor_int(&t, i);
    return (int)t.count;
}

bool is_result(const Func *f, const Value *v)
{
    for (int i = 0; i < f->body->nresult; i++)
        if (f->body->result[i] == v) return true;
    return false;
}

/* ---- walking --------------------------------------------------------------------------------- */

static bool block_walk(Block *b, OpVisitor *fn, void *ctx)
{
    for (Op *op = b->first, *next; op; op = next) {
        next = op->next;
        int nblock = op->nblock;
        if (!fn(ctx, op)) return false;
        for (int i = 0; i < nblock; i++)
            if (!block_walk(op->block[i], fn, ctx)) return false;
    }
    return true;
}

bool func_visit(Func *f, OpVisitor *fn, void *ctx) { return block_walk(f->body, fn, ctx); }

static void walk_ends(void *func)
{
    Func *f = func;
    if (!--f->walks) func_uses_drop(f);
}

bool func_walk(Func *f, OpVisitor *fn, void *ctx)
{
    GuardTask lost;
    guard_task(&lost, walk_ends, f);
    f->walks++;
    const bool all = func_visit(f, fn, ctx);
    guard_task_end(&lost);
    walk_ends(f);
    return all;
}
