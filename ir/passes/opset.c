/* opset.c -- rewrites statements to the opset of the target, or says which cannot be. */
#include "legal.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    Module *m;
    Opset from, to;
    Diag *diag;
    int changes;
    bool failed;
} Level;

/* A parameter that checks more or less and never changes a result that is defined. */
static bool is_only_a_check(const char *param) { return !strcmp(param, "validate_indices"); }

static bool is_default(const Param *p, const Value *v)
{
    const char *text = value_string(v);
    int64_t n;
    bool flag;
    double x;
    if (!p->def) return false;
    if (text) return !strcmp(text, p->def);
    if (value_bool(v, &flag)) return flag == !strcmp(p->def, "true");
    if (value_int(v, &n)) return n == strtoll(p->def, NULL, 10);
    return value_float(v, &x) && x == strtod(p->def, NULL);
}

/* Arguments that the new opset has no parameter for go when they say what it does anyway. */
static void drop_arguments(Level *l, Op *op)
{
    for (int i = op->narg; i-- > 0;) {
        const Arg *a = &op->arg[i];
        const Param *p = op_param(&ops[op->kind], a->name);
        if (!p || param_in(p, l->to)) continue;
        if (is_only_a_check(p->name) || is_default(p, a->val[0])) {
            op_set_arg(l->m, op, a->name, NULL);
            l->changes++;
        } else {
            diag_error(l->diag, op->loc, "%s: parameter %s cannot be expressed in %s; --opset %s keeps it",
                       op->name, p->name, opset_text(l->to), opset_text(l->from));
            l->failed = true;
        }
    }
}

/* Up to ios16 parameters share one element type that ios17 lets differ: constants are converted. */
static void unify_types(Level *l, Op *op)
{
    const OpInfo *info = &ops[op->kind];
    const Value *x = NULL;
    if (l->to >= OPSET_IOS17) return;
    for (int i = 0; info->param[i].name; i++) {
        const Param *p = &info->param[i];
        Value *v = op_value(op, p->name);
        if (!v || v->type->kind != TY_TENSOR || p->var[0] != 'T') continue;
        if (!x) x = v;
        if (v->type->dtype == x->type->dtype || !p->var[1] || !v->lit) continue;
        Const *half = const_convert(l->m, v->lit, x->type->dtype, v->name, l->diag);
        Builder b = before_op(op, l->diag);
        if (!half) continue;
        op_set_arg(l->m, op, p->name, build_const(&b, v->name ? v->name : p->name, half));
        l->changes++;
    }
}

/* What a 0 in reshape's shape means changed with ios17; the extent itself means the same in both. */
static void spell_reshape(Level *l, Op *op)
{
    int64_t shape[MAX_RANK * 2];
    int n = op->kind == OP_reshape ? value_ints(op_value(op, "shape"), shape) : -1;
    bool zero = false;
    for (int i = 0; i < n; i++) zero = zero || shape[i] == 0;
    if (!zero || (l->from >= OPSET_IOS17) == (l->to >= OPSET_IOS17)) return;
    const Shape *s = &op->out[0]->type->shape;
    if (!shape_known(s)) {
        diag_error(l->diag, op->loc, "reshape: a 0 in its shape means another thing in %s", opset_text(l->to));
        l->failed = true;
        return;
    }
    Builder b = before_op(op, l->diag);
    op_set_arg(l->m, op, "shape", build_ints(&b, s->rank, s->dim));
    l->changes++;
}

/* Whether every attribute of a constexpr is still a parameter in the opset. */
static bool attributes_exist(const Op *op, Opset to)
{
    for (int i = 0; i < op->attrs.count; i++) {
        const Param *p = op_param(&ops[op->kind], op->attrs.at[i].name);
        if (p && !param_in(p, to)) return false;
    }
    return true;
}

/* A compressed weight that the opset cannot hold as it is: in another form, else decompressed. */
static bool level_weight(Level *l, Op *op)
{
    const OpInfo *info = &ops[op->kind];
    if (!(info->flags & F_CONSTEXPR) || (info->since <= l->to && attributes_exist(op, l->to))) return false;
    if (l->to >= OPSET_IOS18 || !legal_as_affine(l->m, op, l->to, l->diag))
        if (!legal_decompress(l->m, op, l->diag)) return false;
    l->changes++;
    return true;
}

static bool visit(void *ctx, Op *op)
{
    Level *l = ctx;
    if (op->kind == OP_NONE || op->opset) return true;
    if (level_weight(l, op)) return true;
    const OpInfo *info = &ops[op->kind];
    if (info->since > l->to) {
        diag_error(l->diag, op->loc, "%s exists from %s on and has no form in %s; --opset %s keeps it",
                   op->name, opset_text(info->since), opset_text(l->to), opset_text(l->from));
        l->failed = true;
        return true;
    }
    if ((info->flags & F_CONSTEXPR) && !attributes_exist(op, l->to)) {
        diag_error(l->diag, op->loc, "%s: its %s form cannot be written in %s; --opset ios17 keeps it",
                   op->name, opset_text(l->from), opset_text(l->to));
        l->failed = true;
        return true;
    }
    drop_arguments(l, op);
    unify_types(l, op);
    spell_reshape(l, op);
    return true;
}

int pass_opset(Module *m, const PassOptions *o, Diag *d)
{
    Level l = { .m = m, .to = o->opset ? o->opset : o->target->opset, .diag = d };
    for (Func *f = m->first; f; f = f->next) {
        if (f->opset == l.to) continue;
        l.from = f->opset;
        func_walk(f, visit, &l);
        f->opset = l.to;
        l.changes++;
    }
    return l.failed ? -1 : l.changes;
}
