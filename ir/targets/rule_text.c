/* rule_text.c -- rules about how a program is written: literals, arguments, names, versions. */
#include "rules.h"

#include <ctype.h>
#include <string.h>

void rule_bare_literal(RuleCheck *c)
{
    for (int i = 0; i < c->op->narg; i++)
        for (int k = 0; k < arg_count(&c->op->arg[i]); k++)
            if (c->op->arg[i].val[k]->bare)
                rule_broken(c, arg_loc(c->op, &c->op->arg[i]),
                            "%s: the literal of %s has no type", op_name(c->op),
                            arg_name(&c->op->arg[i]));
}

ParamId rule_argument_missing(const Op *op)
{
    static const struct {
        int op;
        ParamId param;
    } needed[] = {
        { OP_concat, P_interleave }, { OP_gelu, P_mode },       { OP_log, P_epsilon },
        { OP_rsqrt, P_epsilon },     { OP_inverse, P_epsilon },
    };
    for (size_t i = 0; i < COUNT(needed); i++)
        if (needed[i].op == op->kind && !op_find_arg(op, needed[i].param))
            return needed[i].param;
    return P_NONE;
}

void rule_missing_argument(RuleCheck *c)
{
    const ParamId p = rule_argument_missing(c->op);
    if (p != P_NONE)
        rule_broken(c, op_loc(c->op), "%s without %s", op_name(c->op), param_names[p]);
}

void rule_missing_name(RuleCheck *c)
{
    if (c->op->nout && !op_has_name(c->op))
        rule_broken(c, op_loc(c->op), "%s %s has no name attribute", op_name(c->op),
                    c->op->out[0]->name);
}

/* ---- the program ------------------------------------------------------------------------- */

static Loc program_loc(const RuleCheck *c)
{
    return (Loc){ .src = c->module->src, .len = 1 };
}

void rule_build_info(RuleCheck *c)
{
    if (!attr_get(&c->module->attrs, "buildInfo"))
        rule_broken(c, program_loc(c), "program(%s) has no buildInfo",
                    c->module->version);
}

void rule_version(RuleCheck *c)
{
    if (strcmp(c->module->version, "1.0") != 0 && strcmp(c->module->version, "1.3") != 0)
        rule_broken(c, program_loc(c), "program(%s)", c->module->version);
}

void rule_short_scalars(RuleCheck *c)
{
    if (module_short_scalars(c->module))
        rule_broken(c, program_loc(c), "program(%s) spells scalars short",
                    c->module->version);
}

bool rule_name_taken(const char *name)
{
    static const char *const words[] = { "var", "diff", "mean", "std",   "eps", "x",
                                         "y",   "mul",  "add",  "rsqrt", "c" };
    for (size_t i = 0; i < COUNT(words); i++) {
        const char *a = words[i], *b = name;
        while (*a && tolower((unsigned char)*b) == *a) a++, b++;
        if (!*a && !*b) return true;
    }
    return false;
}

/* By these the caller binds them. */
static const char interface_names[] =
    "inputs and results keep their names; rename it where it is written";

static bool visit_names(void *ctx, const Op *op)
{
    RuleCheck *c = ctx;
    for (int i = 0; i < op->nout; i++) {
        if (!rule_name_taken(op->out[i]->name)) continue;
        c->left = is_result(op->out[i]) ? interface_names : NULL;
        rule_broken(c, op_loc(op), "a %s is called %s", c->left ? "result" : "value",
                    op->out[i]->name);
    }
    c->left = NULL;
    return true;
}

void rule_names(RuleCheck *c)
{
    c->left = interface_names;
    for (int i = 0; i < c->func->body->nparam; i++)
        if (rule_name_taken(c->func->body->param[i]->name))
            rule_broken(c, value_loc(c->func->body->param[i]), "an input is called %s",
                        c->func->body->param[i]->name);
    c->left = NULL;
    func_read(c->func, visit_names, c);
}

/* ---- constants beside operations --------------------------------------------------------- */

static bool in_text(const RuleCheck *c, const Value *v)
{
    return v && value_lit(v) && v->type->kind == TY_TENSOR
        && !const_in_file(c->func, value_lit(v));
}

void rule_conv_bias(RuleCheck *c)
{
    const Value *bias = op_value(c->op, P_bias);
    if (in_text(c, bias))
        rule_broken(c, op_loc(c->op), "conv: the bias %s is spelled out in the text",
                    bias->name ? bias->name : "");
}

void rule_inline_constant(RuleCheck *c)
{
    static const ParamId sides[] = { P_x, P_y };
    for (size_t i = 0; i < COUNT(sides); i++) {
        const Value *v = op_value(c->op, sides[i]);
        size_t n;
        if (!in_text(c, v) || v->type->dtype != DT_FP16 || !v->type->shape.rank) continue;
        if (shape_count(&v->type->shape, &n) && n > 1)
            rule_broken(c, op_loc(c->op),
                        "%s: %s is a constant of %zu elements in the text",
                        op_name(c->op), param_names[sides[i]], n);
    }
}
