/* promote.c -- makes weights inputs, so that a program is not compiled again when they change.
 *
 * Some operations require their weight to be constant: they stay without it, and products
 * and sums behind them do the rest. */
#include "passes.h"
#include "../ops/grad.h"
#include "legal.h"

#include <string.h>

/* ---- an op that is to be made ------------------------------------------------------------ */

typedef struct {
    Builder *b;
    const char *wish;
    int kind;
    const BuildArg *arg;
    int narg;
} PromoteCall;

typedef Value *PromotedForm(const PromoteCall *c);

static Value *promote_arg(const PromoteCall *c, ParamId p)
{
    for (int i = 0; i < c->narg; i++)
        if (c->arg[i].param == p && c->arg[i].count) return c->arg[i].val[0];
    return NULL;
}

/* The same without some of its arguments. */
static Value *promote_without(const PromoteCall *c, const ParamId *drop, int n)
{
    BuildArg arg[MAX_PARAM];
    int narg = 0;
    for (int i = 0; i < c->narg; i++) {
        bool keep = true;
        for (int k = 0; k < n; k++) keep = keep && c->arg[i].param != drop[k];
        if (keep) arg[narg++] = c->arg[i];
    }
    const Op *op = build_op(c->b, c->wish, c->kind, arg, narg);
    return op ? op->out[0] : NULL;
}

static Value *promote_shaped(const PromoteCall *c, Value *v, const Shape *s)
{
    if (shape_equal(s, &v->type->shape)) return v;
    return mil_reshape(c->b, v->name ? v->name : "w", .x = v,
                       .shape = build_ints(c->b, s->rank, s->dim));
}

/* v, whose axes are those of x from `axis` on, in a shape that goes along them. */
static Value *promote_along(const PromoteCall *c, Value *v, const Value *x, int axis)
{
    Shape s = { .rank = x->type->shape.rank };
    for (int i = 0; i < s.rank; i++) {
        const int k = i - axis;
        s.dim[i] = k >= 0 && k < v->type->shape.rank ? v->type->shape.dim[k] : 1;
    }
    return promote_shaped(c, v, &s);
}

/* y * gamma + beta along an axis; what is absent changes nothing. */
static Value *promote_scaled(const PromoteCall *c, Value *y, int axis)
{
    Value *gamma = promote_arg(c, P_gamma), *beta = promote_arg(c, P_beta);
    if (y && gamma)
        y = mil_mul(c->b, c->wish, .x = y, .y = promote_along(c, gamma, y, axis));
    if (y && beta)
        y = mil_add(c->b, c->wish, .x = y, .y = promote_along(c, beta, y, axis));
    return y;
}

/* ---- the forms --------------------------------------------------------------------------- */

static Value *promote_linear(const PromoteCall *c)
{
    Value *bias = promote_arg(c, P_bias), *x = promote_arg(c, P_x);
    Value *as_is = build_bool(c->b, false), *turned = build_bool(c->b, true);
    Value *y = mil_matmul(c->b, c->wish, .x = x, .y = promote_arg(c, P_weight),
                          .transpose_x = as_is, .transpose_y = turned);
    return y && bias ? mil_add(c->b, c->wish, .x = y, .y = bias) : y;
}

static bool promote_dilated(const PromoteCall *c)
{
    Tensor t;
    bool more = false;
    const Value *weight = promote_arg(c, P_weight), *spread = promote_arg(c, P_dilations);
    if (!spread || value_is_const(weight) || !value_tensor(spread, c->b->diag, &t))
        return false;
    for (size_t i = 0; i < t.count; i++) more = more || tensor_int(&t, i) != 1;
    tensor_free(&t);
    return more;
}

/* The op with zeros for a weight, of which the geometry is read; it does not stay. */
static Value *promote_taps(const PromoteCall *c)
{
    BuildArg arg[MAX_PARAM];
    int narg = 0;
    Value *weight = promote_arg(c, P_weight);
    Const *none = NEW(&c->b->m->arena, Const);
    *none = (Const){ .type = weight->type, .kind = CONST_INIT, .init = INIT_FILL };
    Value *zeros = build_const(c->b, "zeros", none), *const one[] = { zeros };
    for (int i = 0; i < c->narg; i++) {
        if (c->arg[i].param == P_bias) continue;
        arg[narg] = c->arg[i];
        if (arg[narg++].param == P_weight) arg[narg - 1].val = one;
    }
    Op *op = build_op(c->b, c->wish, c->kind, arg, narg);
    Value *y = op ? grad_by_taps(c->b, op, weight) : NULL;
    if (op) op_unlink(op);
    return y;
}

/* Where the weight may not be computed it is multiplied with x, and the elements laid to their
 * places by a constant kernel, which every opset takes, and which needs to know how many. */
static Value *promote_conv(const PromoteCall *c)
{
    static const ParamId no_bias = P_bias;
    Value *weight = promote_arg(c, P_weight), *bias = promote_arg(c, P_bias);
    const bool taps = !value_is_const(weight) && shape_known(&weight->type->shape)
                   && (c->kind == OP_conv ? promote_dilated(c)
                                          : c->b->opset < OPSET_IOS17);
    Value *y = taps ? promote_taps(c) : promote_without(c, &no_bias, 1);
    return y && bias ? mil_add(c->b, c->wish, .x = y, .y = promote_along(c, bias, y, 1))
                     : y;
}

static Value *promote_instance(const PromoteCall *c)
{
    static const ParamId affine[] = { P_gamma, P_beta };
    return promote_scaled(c, promote_without(c, affine, 2), 1);
}

/* v, which has an element for each of x along these axes, in the order of x, as it goes along x. */
static Value *promote_over(const PromoteCall *c, Value *v, const Value *x, int n,
                           const int64_t *at)
{
    Shape s = { .rank = x->type->shape.rank };
    for (int i = 0; i < s.rank; i++) s.dim[i] = 1;
    for (int i = 0; i < n; i++) s.dim[at[i]] = v->type->shape.dim[i];
    return promote_shaped(c, v, &s);
}

/* gamma and beta have a dimension for each axis that is given; their elements follow each other as
 * those of x do, whatever the order of the axes. */
static Value *promote_layer(const PromoteCall *c)
{
    static const ParamId affine[] = { P_gamma, P_beta };
    const Value *x = promote_arg(c, P_x), *axes = promote_arg(c, P_axes);
    Value *gamma = promote_arg(c, P_gamma), *beta = promote_arg(c, P_beta);
    int64_t at[MAX_RANK * 2];
    int n = axes ? value_ints(axes, at) : x->type->shape.rank;
    if (n < 0 || n > x->type->shape.rank) return NULL;
    for (int i = 0; i < n; i++) {
        if (!axes) at[i] = i;
        if (at[i] < 0) at[i] += x->type->shape.rank;
    }
    Value *y = promote_without(c, affine, 2);
    if (y && gamma)
        y = mil_mul(c->b, c->wish, .x = y, .y = promote_over(c, gamma, y, n, at));
    if (y && beta)
        y = mil_add(c->b, c->wish, .x = y, .y = promote_over(c, beta, y, n, at));
    return y;
}

/* (x - mean) / sqrt(variance + epsilon) */
static Value *promote_batch(const PromoteCall *c)
{
    Builder *b = c->b;
    Value *x = promote_arg(c, P_x), *epsilon = promote_arg(c, P_epsilon);
    if (!epsilon) epsilon = build_float(b, x->type->dtype, 1e-5);
    Value *mean = promote_along(c, promote_arg(c, P_mean), x, 1);
    Value *variance = promote_along(c, promote_arg(c, P_variance), x, 1);
    Value *root = mil_rsqrt(b, c->wish, .x = variance, .epsilon = epsilon);
    Value *from = mil_sub(b, c->wish, .x = x, .y = mean);
    return promote_scaled(c, mil_mul(b, c->wish, .x = from, .y = root), 1);
}

static Value *promote_prelu(const PromoteCall *c)
{
    Builder *b = c->b;
    Value *x = promote_arg(c, P_x),
          *alpha = promote_along(c, promote_arg(c, P_alpha), x, 1);
    Value *less = mil_mul(b, c->wish, .x = x, .y = alpha);
    Value *up = mil_greater(b, c->wish, .x = x, .y = build_float(b, x->type->dtype, 0));
    return mil_select(b, c->wish, .cond = up, .a = x, .b = less);
}

static const struct {
    int kind;
    ParamId weight[4]; /* those that may be computed then */
    PromotedForm *form;
} forms[] = {
    { OP_linear, { P_weight, P_bias }, promote_linear },
    { OP_conv, { P_weight, P_bias }, promote_conv },
    { OP_conv_transpose, { P_weight, P_bias }, promote_conv },
    { OP_instance_norm, { P_gamma, P_beta }, promote_instance },
    { OP_layer_norm, { P_gamma, P_beta }, promote_layer },
    { OP_batch_norm, { P_mean, P_variance, P_gamma, P_beta }, promote_batch },
    { OP_prelu, { P_alpha }, promote_prelu },
};

static bool wants_const(const Builder *b, int kind, ParamId param)
{
    const Param *p = kind == OP_NONE ? NULL : op_param_of(&ops[kind], param);
    return p && (param_flags(p, b->opset) & P_CONST) != 0;
}

static size_t form_of(int kind)
{
    size_t i = 0;
    while (i < COUNT(forms) && forms[i].kind != kind) i++;
    return i;
}

static bool form_takes(size_t form, ParamId param)
{
    bool takes = false;
    for (size_t k = 0; form < COUNT(forms) && k < COUNT(forms[0].weight); k++)
        takes = takes || (param && forms[form].weight[k] == param);
    return takes;
}

Value *promoted_form(Builder *b, const char *wish, int kind, const BuildArg *arg,
                     int narg)
{
    const PromoteCall c = { b, wish, kind, arg, narg };
    bool computed = kind == OP_conv && promote_dilated(&c);
    const size_t form = form_of(kind);
    for (int i = 0; i < narg; i++) {
        if (!arg[i].count || value_is_const(arg[i].val[0])
            || !wants_const(b, kind, arg[i].param))
            continue;
        if (!form_takes(form, arg[i].param)) return NULL;
        computed = true;
    }
    return computed ? forms[form].form(&c) : NULL;
}

/* ---- a program that is there ------------------------------------------------------------- */

bool promote_listed(const char *names, const char *name)
{
    for (const char *s = names; s; s = list_next(s))
        if (name_matches(s, strcspn(s, ","), name)) return true;
    return false;
}

/* Whether every use of a value may be of an input. */
typedef struct {
    const Value *v;
    Diag *diag;
    const Op *against; /* wants a constant, or NULL */
} PromoteUses;

static bool promote_asks(void *ctx, const Op *op)
{
    PromoteUses *u = ctx;
    const Builder b = before_op((Op *)(uintptr_t)op, u->diag);
    const bool decodes = op_decodes(op);
    const size_t form = form_of(op->kind);
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++) {
            const ParamId param = (ParamId)op->arg[i].param;
            if (op->arg[i].val[k] != u->v) continue;
            if (decodes || (wants_const(&b, op->kind, param) && !form_takes(form, param)))
                u->against = op;
        }
    return !u->against;
}

static int promote_one(Func *f, Op *op)
{
    Value *v = op->out[0];
    const char *name = v->name;
    Value *in = block_param(f->body, func_unique_name(f, name), v->type, value_loc(v));
    func_replace_uses(f, v, in);
    op_unlink(op);
    in->name = name;
    return 1;
}

static bool promote_rewrite(void *ctx, Op *op)
{
    Diag *d = ctx;
    if (op->kind == OP_NONE || op->nout != 1) return true;
    Builder b = before_op(op, d);
    BuildArg arg[MAX_PARAM];
    for (int i = 0; i < op->narg; i++) arg[i] = arg_given(&op->arg[i]);
    Value *v = promoted_form(&b, op->out[0]->name, op->kind, arg, op->narg);
    if (v) legal_replace(op, v);
    return diag_ok(d);
}

static bool is_promotable(const Op *op)
{
    size_t n;
    const Type *t = op->kind == OP_const ? op->out[0]->type : NULL;
    return t && t->kind == TY_TENSOR && dtype_is_float(t->dtype)
        && shape_count(&t->shape, &n) && n > 1;
}

bool promote_module(Module *m, const char *names, Diag *d)
{
    Func *f = module_main(m);
    int n = 0;
    for (Op *op = f ? f->body->first : NULL, *next; op; op = next) {
        next = op->next;
        if (!is_promotable(op) || (names && !promote_listed(names, op->out[0]->name)))
            continue;
        PromoteUses u = { .v = op->out[0], .diag = d };
        func_read(f, promote_asks, &u);
        if (u.against && names)
            return diag_error(
                d, op_loc(u.against),
                "%s cannot be an input: %s wants a constant there, and has no form "
                "that takes another",
                op->out[0]->name, ops[u.against->kind].name);
        if (!u.against) n += promote_one(f, op);
    }
    if (!n)
        return diag_error(d, (Loc){ 0 },
                          "%s has no float constant of more than one element%s%s",
                          f ? f->name : "the program",
                          names ? " that is called like " : "", names ? names : "");
    const PassOptions dead = { .only = "dce" };
    if (!func_walk(f, promote_rewrite, d)) return false;
    pass_dce(m, &dead, d);
    return module_verify(m, d, "promote");
}
