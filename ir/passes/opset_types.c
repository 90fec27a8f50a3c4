/* opset_types.c -- the types of elements that an opset computes, and arguments made to be of those
 * that its parameters take. */
#include "opset.h"

bool opset_computes(Opset o, DType t)
{
    /* cast is what makes them; what it never makes is decoded or written down. */
    const DTypes ever = domain_types(DOM_MOVE, OPSET_IOS18),
                 now = domain_types(DOM_MOVE, o);
    return !((ever & ~now) >> t & 1);
}

bool opset_lost(const Level *l, const Type *t)
{
    return t->kind == TY_TENSOR && !opset_computes(l->to, t->dtype);
}

const Type *opset_retyped(Level *l, const Type *t, DType to)
{
    return type_tensor(&l->m->arena, to, t->shape);
}

static Value *opset_converted(Builder *b, const Value *v, DType t)
{
    const Const *c = value_lit(v);
    Const *k = const_convert(b->m, c, t, v->name, b->diag);
    Tensor from;
    if (k) return build_const(b, v->name ? v->name : "c", k);
    if (!const_at_hand(c) || !const_tensor(c, b->diag, &from)) return NULL;
    const Type *type = type_tensor(&b->m->arena, t, c->type->shape);
    void *data = arena_alloc(&b->m->arena, type_bytes(type) + 1);
    Tensor to = tensor_view(t, &type->shape, data);
    for (size_t i = 0; i < from.count; i++)
        if (dtype_is_float(t)) tensor_set_float(&to, i, tensor_float(&from, i));
        else tensor_set_int(&to, i, tensor_int(&from, i));
    tensor_free(&from);
    return build_const(b, v->name ? v->name : "c", const_data(&b->m->arena, type, data));
}

Value *opset_as(Builder *b, Value *v, DType t)
{
    if (v->type->dtype == t) return v;
    /* beside the op that decodes it, which others may use as it is */
    v = make_dense(b, v);
    Value *k = value_lit(v) ? opset_converted(b, v, t) : NULL;
    return k ? k : make_cast(b, v, t);
}

/* The type that a parameter takes instead of t: t itself, or the nearest wider one; DT_NONE. */
static DType opset_taken(const Level *l, const Param *p, DType t)
{
    const DTypes set = domain_types(p->dom, l->to);
    if (set == ~0u) return opset_computes(l->to, t) ? t : dtype_wider(t);
    while (t != DT_NONE && !(set >> t & 1)) t = dtype_wider(t);
    return t;
}

static bool is_int(DType t) { return dtype_is_int(t); }

/* By type variable: the type that its arguments take, and whether integers and floats were one
 * product, which only one type for both can be now. */
typedef struct {
    DType want[128];
    bool mixed[128];
} Variables;

/* Whether parameters are of one type in the new opset that may be of two in the old. */
static bool opset_joins(const Level *l, const Op *op, int var)
{
    int was = 0;
    for (const Param *p = ops[op->kind].param; p->id; p++) {
        if ((param_var(p, l->to) & 127) != var) continue;
        if (was && param_var(p, l->from) != was) return true;
        was = param_var(p, l->from);
    }
    return false;
}

/* Integers are computed and a constant is of floats, where the old opset allows that: the
 * product is of floats. fp32 holds what either has. */
static void opset_mixed(const Level *l, const Op *op, Variables *vars)
{
    for (const Param *p = ops[op->kind].param; p->id; p++) {
        const Value *v = op_value(op, p->id);
        const int var = param_var(p, l->to) & 127;
        if (!v || !var || v->type->kind != TY_TENSOR || !value_is_const(v)) continue;
        if (!is_int(vars->want[var]) || !dtype_is_float(v->type->dtype)) continue;
        if (!opset_joins(l, op, var)) continue;
        vars->want[var] = DT_FP32;
        vars->mixed[var] = true;
    }
}

/* Which type the arguments of each type variable take: that of the first that is computed, or
 * int32 where ints differ. */
static void opset_variables(const Level *l, const Op *op, Variables *vars)
{
    DType *want = vars->want;
    bool computed[128] = { false };
    for (int i = 0; ops[op->kind].param[i].id; i++) {
        const Param *p = &ops[op->kind].param[i];
        const Value *v = op_value(op, p->id);
        const int var = param_var(p, l->to) & 127;
        if (!v || !var || v->type->kind != TY_TENSOR) continue;
        const DType t = opset_taken(l, p, v->type->dtype);
        if (t == DT_NONE) continue; /* inference will say so */
        const bool now = !value_is_const(v);
        if (want[var] == DT_NONE || (now && !computed[var])) {
            if (!(is_int(want[var]) && is_int(t))) want[var] = t;
            else if (want[var] != t) want[var] = DT_INT32;
            computed[var] = now;
        } else if (is_int(want[var]) && is_int(t) && want[var] != t) {
            want[var] = DT_INT32;
        }
    }
    opset_mixed(l, op, vars);
}

static void set_value(Level *l, Op *op, int arg, int k, Value *v)
{
    if (arg_count(&op->arg[arg]) == 1) op_set_arg(l->m, op, op->arg[arg].param, v);
    else op_put_arg(op, arg, k, v);
    l->changes++;
}

void opset_fit_types(Level *l, Builder *b, Op *op)
{
    Variables vars = { .want = { DT_NONE } };
    if (op_is_fixed(op)) return;
    if (ops[op->kind].since > l->to)
        return; /* what is written in its place asks itself */
    opset_variables(l, op, &vars);
    for (int i = 0; i < op->narg; i++) {
        const Param *p = op_param_of(&ops[op->kind], op->arg[i].param);
        const int var = p ? param_var(p, l->to) & 127 : 0;
        for (int k = 0; p && k < arg_count(&op->arg[i]); k++) {
            Value *v = op->arg[i].val[k];
            if (v->type->kind != TY_TENSOR) continue;
            const DType t = var ? vars.want[var] : opset_taken(l, p, v->type->dtype);
            /* ints as floats, where both were allowed */
            const bool whole = dtype_is_int(v->type->dtype);
            const bool same = t == v->type->dtype
                           || (dtype_is_int(t) != whole && !vars.mixed[var]
                               && !(whole && value_is_const(v) && dtype_is_float(t)));
            if (t != DT_NONE && !same) set_value(l, op, i, k, opset_as(b, v, t));
        }
    }
}
