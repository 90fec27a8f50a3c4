/* lower_block.c -- cond and while_loop: the functions that they are given become nested blocks.
 *
 * The blocks of a cond see the values outside of them; the arguments behind its two
 * functions are passed to both. The variables of a loop are parameters of its blocks. */
#include "lower.h"

#include <string.h>

/* Their MIL form has no parameters for the functions: these are the names that Core ML's
 * definition gives them. */
static const struct {
    const char *op, *name[3];
    bool loop;
} forms[] = {
    { "cond", { "pred", "_true_fn", "_false_fn" }, false },
    { "while_loop", { "_cond", "_body", "loop_vars" }, true },
};

typedef struct {
    Lower *l;
    Loc loc;
    const char *op;
    bool loop;
    NamedVal part[3];
    Value **var; /* the loop's, as they come in */
    int nvar;
    Args given; /* a cond's functions get these */
} BlockCall;

static bool block_place(BlockCall *b, const char *const *name, const Args *a)
{
    int plain = 0;
    b->given = (Args){ .at = NEW_ARRAY(&b->l->arena, a->n + 1, NamedVal), .ok = true };
    for (int i = 0; i < a->n; i++) {
        const NamedVal *v = &a->at[i];
        int at = v->name ? -1 : plain++;
        for (int k = 0; v->name && k < 3; k++)
            if (!strcmp(v->name, name[k])) at = k;
        if (!v->name && at > 2 && !b->loop) {
            b->given.at[b->given.n++] = *v;
            continue;
        }
        if (at < 0 || at > 2)
            return lower_error(b->l, v->loc, "%s takes %s, %s and %s", b->op, name[0],
                               name[1], name[2]);
        b->part[at] = *v;
    }
    for (int k = 0; k < 3; k++)
        if (b->part[k].val.kind == V_NONE)
            return lower_error(b->l, b->loc, "%s takes %s, %s and %s; %s is missing",
                               b->op, name[0], name[1], name[2], name[k]);
    return true;
}

static Value *value_of(BlockCall *b, Val v)
{
    DType t = v.kind == V_INT ? DT_INT32 : v.kind == V_BOOL ? DT_BOOL : b->l->float_type;
    return to_value(b->l, v, t, b->op, b->loc);
}

/* One value, or each of a list. */
static bool values_of(BlockCall *b, Val v, Value ***out, int *n)
{
    bool list = v.kind == V_LIST;
    *n = list ? (int)v.u.list->n : 1;
    *out = NEW_ARRAY(&b->l->arena, *n + 1, Value *);
    for (int i = 0; i < *n; i++) {
        (*out)[i] = value_of(b, list ? v.u.list->at[i] : v);
        if (!(*out)[i]) return false;
    }
    return true;
}

/* The function inlined into a new block of op, with the block's own parameters for a loop's
 * variables. */
static Block *make_block(BlockCall *b, Op *op, const NamedVal *fn, const char *name)
{
    Lower *l = b->l;
    Builder outside = l->b;
    Block *block = block_new(op, name);
    NamedVal *arg = NEW_ARRAY(&l->arena, b->nvar + 1, NamedVal);
    for (int i = 0; i < b->nvar; i++) {
        const char *wish = b->var[i]->name ? b->var[i]->name : "v";
        Value *p = block_param(block, func_unique_name(l->func, wish), b->var[i]->type,
                               b->loc);
        arg[i] = (NamedVal){ .val = val_tensor(p), .loc = fn->loc };
    }
    l->b = builder_at(block, NULL, l->diag, b->loc);
    l->b.opset = outside.opset;
    Args args = { .n = b->nvar, .at = arg, .ok = true };
    Val v = call_value(l, fn->val, b->loop ? &args : &b->given, fn->loc, b->op);
    Value **result = NULL;
    int n = 0;
    bool ok = v.kind != V_POISON && values_of(b, v, &result, &n);
    for (int i = 0; ok && i < n; i++) block_result(block, result[i]);
    l->b = outside;
    return ok ? block : NULL;
}

static bool same_types(BlockCall *b, Value *const *x, int nx, const char *what_x,
                       Value *const *y, int ny, const char *what_y)
{
    if (nx != ny)
        return lower_error(b->l, b->loc, "%s: %s has %d values, %s %d", b->op, what_x, nx,
                           what_y, ny);
    for (int i = 0; i < nx; i++)
        if (!type_equal(x[i]->type, y[i]->type))
            return lower_error(b->l, b->loc,
                               "%s: value %d of %s is %s, but of %s it is %s", b->op, i,
                               what_x, type_text(&b->l->arena, x[i]->type), what_y,
                               type_text(&b->l->arena, y[i]->type));
    return true;
}

static bool check_blocks(BlockCall *b, const Block *first, const Block *second)
{
    if (!b->loop)
        return same_types(b, first->result, first->nresult, "_true_fn", second->result,
                          second->nresult, "_false_fn");
    const Type *t = first->nresult == 1 ? first->result[0]->type : &type_poison;
    size_t n;
    if (t->kind != TY_TENSOR || t->dtype != DT_BOOL || !shape_count(&t->shape, &n)
        || n != 1)
        return lower_error(b->l, b->loc, "while_loop: _cond must result in one bool");
    return same_types(b, b->var, b->nvar, "loop_vars", second->result, second->nresult,
                      "_body");
}

static bool are_functions(BlockCall *b, int first)
{
    for (int k = first; k < first + 2; k++)
        if (!may_be_called(b->part[k].val) || b->part[k].val.kind == V_LIST)
            return lower_error(b->l, b->part[k].loc,
                               "%s: a function is needed here, not %s", b->op,
                               val_kind(b->l, b->part[k].val));
    return true;
}

static bool block_make(BlockCall *b, Op *op, const char *wish)
{
    Lower *l = b->l;
    int fn = b->loop ? 0 : 1;
    const Block *block[2];
    for (int i = 0; i < 2; i++) {
        block[i] = make_block(b, op, &b->part[fn + i], i ? "block1" : "block0");
        if (!block[i]) return false;
    }
    if (!check_blocks(b, block[0], block[1])) return false;
    l->b.loc = lower_blame(l, b->loc);
    if (!build_infer(&l->b, wish, op)) {
        lower_notes(l, b->loc);
        return false;
    }
    op_set_name(l->m, op, op->nout ? op->out[0]->name : b->op);
    return true;
}

Op *emit_blocks(Lower *l, Loc loc, const OpInfo *info, const char *wish, const Args *a)
{
    BlockCall b = { .l = l, .loc = loc, .op = info->name };
    size_t form = 0;
    while (strcmp(forms[form].op, info->name) != 0)
        if (++form == COUNT(forms)) bug("%s has no form", info->name);
    b.loop = forms[form].loop;
    if (!block_place(&b, forms[form].name, a) || !are_functions(&b, b.loop ? 0 : 1))
        return NULL;
    Value *pred = b.loop ? NULL : value_of(&b, b.part[0].val);
    if (b.loop ? !values_of(&b, b.part[2].val, &b.var, &b.nvar) : !pred) return NULL;
    Op *op = op_new(l->m, l->b.block, l->b.before, info->name, lower_blame(l, loc));
    if (pred) op_arg(l->m, op, P_pred, pred);
    for (int i = 0; i < b.nvar; i++) op_arg(l->m, op, P_loop_vars, b.var[i]);
    if (block_make(&b, op, wish)) return op;
    op_unlink(op);
    return NULL;
}
