/* cse.c -- merges ops that compute the same: equal ops with equal arguments and
 * attributes. */
#include "passes.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    Op **slot;
    uint8_t *bits; /* beside each, of its hash: behind the slots */
    size_t cap;
    ValueTable kept; /* of a value that was merged: the one that stays */
} CseTable;

static uint64_t hash_op(const Op *op)
{
    /* same_op asks for the opset, which seldom tells two apart */
    uint64_t h = hash_mix((uint64_t)op->kind, 0);
    for (int i = 0; i < op->narg; i++) {
        uint64_t one = 0; /* arguments count in any order */
        one = hash_bytes(one, arg_name(&op->arg[i]), strlen(arg_name(&op->arg[i])));
        for (int k = 0; k < arg_count(&op->arg[i]); k++) {
            const Value *v = op->arg[i].val[k];
            one = value_lit(v) && !v->name ? hash_mix(one, const_hash(value_lit(v)))
                                           : hash_mix(one, (uint64_t)(uintptr_t)v);
        }
        h += one;
    }
    Attr one;
    const Attrs attrs = op_attrs(op, &one);
    for (int i = 0; i < attrs.count; i++)
        if (strcmp(attrs.at[i].name, "name") != 0)
            h = hash_mix(h, const_hash(attrs.at[i].val));
    return h;
}

static bool same_value(const Value *a, const Value *b)
{
    return a == b
        || (!a->name && !b->name && value_lit(a) && value_lit(b)
            && const_equal(value_lit(a), value_lit(b)));
}

static bool same_args(const Op *a, const Op *b)
{
    if (a->narg != b->narg) return false;
    for (int i = 0; i < a->narg; i++) {
        const Arg *x = &a->arg[i], *y = op_same_arg(b, x);
        if (!y || arg_count(x) != arg_count(y)) return false;
        for (int k = 0; k < arg_count(x); k++)
            if (!same_value(x->val[k], y->val[k])) return false;
    }
    return true;
}

static bool same_attrs(const Op *a, const Op *b)
{
    Attr one, another;
    const Attrs those = op_attrs(a, &one), of_b = op_attrs(b, &another);
    int na = 0, nb = 0;
    for (int i = 0; i < of_b.count; i++) nb += strcmp(of_b.at[i].name, "name") != 0;
    for (int i = 0; i < those.count; i++) {
        if (!strcmp(those.at[i].name, "name")) continue;
        const Const *other = attr_get(&of_b, those.at[i].name);
        if (!other || !const_equal(those.at[i].val, other)) return false;
        na++;
    }
    return na == nb;
}

static bool same_op(const Op *a, const Op *b)
{
    if (a->kind != b->kind || a->opset != b->opset || a->nout != b->nout) return false;
    for (int i = 0; i < a->nout; i++)
        if (!type_equal(a->out[i]->type, b->out[i]->type)) return false;
    return same_args(a, b) && same_attrs(a, b);
}

/* Declared weights stay apart: two with equal numbers are still two, for who trains them. */
static bool may_merge(const Op *op)
{
    if (op->kind == OP_NONE || op_nblock(op) || op->keep || !op->nout) return false;
    if (ops[op->kind].flags & F_IMPURE) return false;
    for (int i = 0; i < op->nout; i++)
        if (is_result(op->out[i])) return false;
    return true;
}

static Op *find_or_add(CseTable *t, Op *op)
{
    const uint64_t h = hash_op(op);
    const uint8_t bits = (uint8_t)h;
    for (size_t i = (size_t)(h >> 8) % t->cap;; i = i + 1 < t->cap ? i + 1 : 0) {
        if (!t->slot[i]) {
            t->slot[i] = op;
            t->bits[i] = bits;
            return NULL;
        }
        if (t->bits[i] == bits && same_op(t->slot[i], op)) return t->slot[i];
    }
}

/* What was merged so far is followed, so that one walk suffices. */
static void cse_redirect(const CseTable *t, Value **val, int n)
{
    for (int i = 0; i < n; i++) {
        Value *kept = values_get(&t->kept, val[i]);
        if (kept) val[i] = kept;
    }
}

static void redirect_op(const CseTable *t, Op *op)
{
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++) {
            Value *kept = values_get(&t->kept, op->arg[i].val[k]);
            if (kept) arg_put(&op->arg[i], k, kept);
        }
    for (int b = 0; b < op_nblock(op); b++) {
        for (Op *in = op_block(op, b)->first; in; in = in->next) redirect_op(t, in);
        cse_redirect(t, op_block(op, b)->result, op_block(op, b)->nresult);
    }
}

/* The function's own ops; those in nested blocks are left as they are. */
static int cse_merge(Func *f)
{
    size_t count = 0;
    for (const Op *op = f->body->first; op; op = op->next) count++;
    CseTable t = { .cap = count + count / 2 + 1 };
    t.slot = mem_zero(t.cap, sizeof *t.slot + sizeof *t.bits);
    if (!t.slot) mem_out(t.cap * (sizeof *t.slot + sizeof *t.bits));
    t.bits = (uint8_t *)(t.slot + t.cap);
    int merged = 0;
    for (Op *op = f->body->first, *next; op; op = next) {
        next = op->next;
        redirect_op(&t, op);
        Op *same = may_merge(op) ? find_or_add(&t, op) : NULL;
        if (!same) continue;
        for (int i = 0; i < op->nout; i++) values_set(&t.kept, op->out[i], same->out[i]);
        op_unlink(op);
        merged++;
    }
    mem_free(t.slot);
    values_free(&t.kept);
    return merged;
}

int pass_cse(Module *m, const PassOptions *o, Diag *d)
{
    (void)o, (void)d;
    int merged = 0;
    for (Func *f = m->first; f; f = f->next) merged += cse_merge(f);
    return merged;
}
