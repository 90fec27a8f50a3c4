/* query.c -- questions about values and arguments, and walks over a function. */
#include "ops/ops.h"
#include "ir.h"

#include <math.h>
#include <string.h>

const Arg *op_find_arg(const Op *op, ParamId p)
{
    for (int i = 0; i < op->narg; i++)
        if (op->arg[i].param == p) return &op->arg[i];
    return NULL;
}

const Arg *op_named_arg(const Op *op, const char *name)
{
    for (int i = 0; i < op->narg; i++)
        if (!strcmp(arg_name(&op->arg[i]), name)) return &op->arg[i];
    return NULL;
}

const Arg *op_same_arg(const Op *op, const Arg *like)
{
    if (like->param == P_NONE) return op_named_arg(op, arg_name(like));
    for (int i = 0; i < op->narg; i++)
        if (op->arg[i].param == like->param) return &op->arg[i];
    return NULL;
}

Value *op_value(const Op *op, ParamId p)
{
    const Arg *a = op_find_arg(op, p);
    return a && arg_count(a) ? a->val[0] : NULL;
}

/* ---- small literals ---------------------------------------------------------------------- */

enum { SMALL = 2 * MAX_RANK * 8 }; /* bytes */

/* The literal's elements, wherever they are: in room when they are few, else those in
 * memory. */
static bool literal_of(const Value *v, double room[SMALL / 8], Tensor *out)
{
    const Const *c = v ? value_lit(v) : NULL;
    Diag quiet = { .quiet = true };
    if (!c || !const_at_hand(c) || !shape_known(&c->type->shape)) return false;
    *out = tensor_view(c->type->dtype, &c->type->shape,
                       c->kind == CONST_DATA ? c->data : room);
    bool ok = c->kind == CONST_DATA || out->bytes <= SMALL;
    if (ok && c->kind != CONST_DATA) ok = const_read(c, &quiet, 0, out->count, room);
    diag_free(&quiet);
    return ok;
}

bool value_int(const Value *v, int64_t *out)
{
    double room[SMALL / 8];
    Tensor t;
    if (!literal_of(v, room, &t) || t.count != 1 || !dtype_is_int(t.dtype)) return false;
    *out = tensor_int(&t, 0);
    return true;
}

bool value_bool(const Value *v, bool *out)
{
    double room[SMALL / 8];
    Tensor t;
    if (!literal_of(v, room, &t) || t.count != 1 || t.dtype != DT_BOOL) return false;
    *out = tensor_int(&t, 0) != 0;
    return true;
}

/* Element k is that number, and none that only rounds to it. */
static bool is_number(const Tensor *t, size_t k, double first)
{
    if (dtype_is_float(t->dtype) || t->dtype == DT_BOOL)
        return tensor_float(t, k) == first;
    return fabs(first) < 0x1p63 && tensor_int(t, k) == (int64_t)first;
}

/* Few literals of more than one element are all equal: most end with the first run. */
static bool all_equal(const Const *c, double *out)
{
    double room[64];
    const size_t run = COUNT(room);
    Diag quiet = { .quiet = true };
    size_t n;
    bool ok = shape_count(&c->type->shape, &n) && n > 0
           && dtypes[c->type->dtype].bits % 8 == 0;
    for (size_t i = 0; ok && i < n; i += run) {
        const Shape s = SHAPE((int64_t)(n - i < run ? n - i : run));
        const Tensor t = tensor_view(c->type->dtype, &s, room);
        ok = const_read(c, &quiet, i, t.count, room);
        if (ok && !i) *out = tensor_float(&t, 0);
        for (size_t k = 0; ok && k < t.count; k++) ok = is_number(&t, k, *out);
    }
    diag_free(&quiet);
    return ok;
}

bool value_float(const Value *v, double *out)
{
    const Const *c = v ? value_lit(v) : NULL;
    if (!c || !const_at_hand(c) || c->type->dtype == DT_STRING) return false;
    if (c->kind == CONST_INIT && c->init == INIT_FILL) {
        *out = c->a;
        return true;
    }
    return c->kind != CONST_INIT && all_equal(c, out);
}

const char *value_string(const Value *v)
{
    const Const *c = v ? value_lit(v) : NULL;
    size_t n;
    if (!c || c->kind != CONST_DATA || c->type->kind != TY_TENSOR
        || c->type->dtype != DT_STRING)
        return NULL;
    return shape_count(&c->type->shape, &n) && n == 1 ? ((const char *const *)c->data)[0]
                                                      : NULL;
}

int value_ints(const Value *v, int64_t out[MAX_RANK * 2])
{
    double room[SMALL / 8];
    Tensor t;
    if (!literal_of(v, room, &t) || t.count > MAX_RANK * 2) return -1;
    if (!dtype_is_int(t.dtype) && t.dtype != DT_BOOL) return -1;
    for (size_t i = 0; i < t.count; i++) out[i] = tensor_int(&t, i);
    return (int)t.count;
}

bool is_result(const Value *v) { return v->returned > 0; }

/* ---- walking ----------------------------------------------------------------------------- */

static bool block_walk(Block *b, OpVisitor *fn, void *ctx)
{
    for (Op *op = b->first, *next; op; op = next) {
        next = op->next;
        int nblock = op_nblock(op);
        if (!fn(ctx, op)) return false;
        for (int i = 0; i < nblock; i++)
            if (!block_walk(op_block(op, i), fn, ctx)) return false;
    }
    return true;
}

static bool block_read(const Block *b, OpReader *fn, void *ctx)
{
    for (const Op *op = b->first; op; op = op->next) {
        if (!fn(ctx, op)) return false;
        for (int i = 0; i < op_nblock(op); i++)
            if (!block_read(op_block(op, i), fn, ctx)) return false;
    }
    return true;
}

bool func_read(const Func *f, OpReader *fn, void *ctx)
{
    return block_read(f->body, fn, ctx);
}

bool func_visit(Func *f, OpVisitor *fn, void *ctx)
{
    return block_walk(f->body, fn, ctx);
}

bool func_walk(Func *f, OpVisitor *fn, void *ctx)
{
    GuardTask lost;
    func_walk_begin(f, &lost);
    const bool all = func_visit(f, fn, ctx);
    func_walk_end(f, &lost);
    return all;
}
