/* legal_text.c -- the spelling of ops: literals with their types or in the weight file,
 * arguments that the engine's compiler requires, names. */
#include "legal.h"

#include <stdlib.h>
#include <string.h>

/* ---- literals ---------------------------------------------------------------------------- */

/* Arguments whose constants are to be in the weight file when they have more than one
 * element. */
static const struct {
    int op;
    ParamId arg;
    int rule;
} filed[] = {
    { OP_add, P_x, RULE_inline_constant },
    { OP_add, P_y, RULE_inline_constant },
    { OP_sub, P_x, RULE_inline_constant },
    { OP_sub, P_y, RULE_inline_constant },
    { OP_mul, P_x, RULE_inline_constant },
    { OP_mul, P_y, RULE_inline_constant },
    { OP_real_div, P_x, RULE_inline_constant },
    { OP_real_div, P_y, RULE_inline_constant },
    { OP_maximum, P_x, RULE_inline_constant },
    { OP_maximum, P_y, RULE_inline_constant },
    { OP_minimum, P_x, RULE_inline_constant },
    { OP_minimum, P_y, RULE_inline_constant },
    { OP_pow, P_x, RULE_inline_constant },
    { OP_pow, P_y, RULE_inline_constant },
    { OP_conv, P_bias, RULE_conv_bias },
    { OP_matmul, P_y, RULE_matmul_constant },
};

/* Puts the literal of a value into the weight file; whether it was in the text. */
static bool file_literal(Legal *l, Op *op, ParamId arg)
{
    Value *v = op_value(op, arg);
    size_t n;
    if (!v || !value_lit(v) || value_lit(v)->kind == CONST_GROUP
        || const_in_file(l->func, value_lit(v)))
        return false;
    if (v->type->kind != TY_TENSOR || !dtype_is_float(v->type->dtype)) return false;
    if (!shape_count(&v->type->shape, &n) || (n < 2 && !v->type->shape.rank))
        return false;
    Const *c = NEW(&l->m->arena, Const);
    *c = *value_lit(v);
    c->in_file = true;
    if (v->def) value_set_lit(v, c);
    else {
        Builder b = before_op(op, l->diag);
        op_set_arg(l->m, op, arg, build_const(&b, param_names[arg], c));
    }
    return true;
}

static bool visit_literals(void *ctx, Op *op)
{
    Legal *l = ctx;
    for (int i = 0; i < op->narg && legal_asks(l, RULE_bare_literal, op); i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++) {
            Value *v = op->arg[i].val[k];
            if (v->bare) l->changes++;
            v->bare = false;
        }
    for (size_t i = 0; i < COUNT(filed); i++)
        if (op->kind == filed[i].op && legal_asks(l, filed[i].rule, op)
            && file_literal(l, op, filed[i].arg))
            l->changes++;
    return true;
}

static int text_walk(Module *m, const PassOptions *o, Diag *d, OpVisitor *fn)
{
    Legal l = { .m = m, .options = o, .rules = o->rules, .diag = d };
    for (l.func = m->first; l.func; l.func = l.func->next) func_walk(l.func, fn, &l);
    return l.changes;
}

int pass_literals(Module *m, const PassOptions *o, Diag *d)
{
    return text_walk(m, o, d, visit_literals);
}

/* ---- arguments and names ----------------------------------------------------------------- */

static Value *default_value(Builder *b, const Op *op, const Param *p)
{
    const Value *x = op_value(op, P_x);
    if (!strcmp(p->def, "true") || !strcmp(p->def, "false"))
        return build_bool(b, !strcmp(p->def, "true"));
    if (domain_types(p->dom, OPSET_IOS18) == 1u << DT_STRING)
        return build_string(b, p->def);
    return x ? make_number(b, x, strtod(p->def, NULL)) : NULL;
}

static bool visit_explicit(void *ctx, Op *op)
{
    Legal *l = ctx;
    if (legal_asks(l, RULE_missing_argument, op)) {
        const ParamId p = rule_argument_missing(op);
        Builder b = before_op(op, l->diag);
        Value *v = default_value(&b, op, op_param_of(&ops[op->kind], p));
        if (v) op_set_arg(l->m, op, p, v);
        l->changes += v != NULL;
    }
    if (legal_asks(l, RULE_missing_name, op)) {
        op_set_name(l->m, op, op->out[0]->name);
        l->changes++;
    }
    return true;
}

int pass_explicit(Module *m, const PassOptions *o, Diag *d)
{
    return text_walk(m, o, d, visit_explicit);
}
