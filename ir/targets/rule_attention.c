/* rule_attention.c -- rules about attention and the norms around it: how many layers, how long
 * a history, which norms with gamma and beta. */
#include "rules.h"

/* ---- layers and histories ---------------------------------------------------------------- */

/* A softmax that weighs the rows of a product, or the op for all of it. */
static bool is_attention(const Op *op)
{
    const Value *x = op->kind == OP_matmul ? op_value(op, P_x) : NULL;
    return op->kind == OP_scaled_dot_product_attention
        || (x && x->def && x->def->kind == OP_softmax);
}

void layers_count(Layers *l, const Op *op)
{
    uintptr_t depth = 0;
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++) {
            const uintptr_t d = (uintptr_t)ptrmap_get(&l->depth, op->arg[i].val[k]);
            if (d > depth) depth = d;
        }
    depth += is_attention(op);
    for (int i = 0; depth && i < op->nout; i++)
        ptrmap_set(&l->depth, op->out[i], (void *)depth);
    if (depth > l->most) l->most = depth;
}

void layers_free(Layers *l) { ptrmap_free(&l->depth); }

static bool count_layers(void *ctx, const Op *op)
{
    layers_count(ctx, op);
    return true;
}

int64_t func_layers(const Func *f)
{
    Layers l = { .most = 0 };
    func_read(f, count_layers, &l);
    layers_free(&l);
    return (int64_t)l.most;
}

void rule_deep_program(RuleCheck *c)
{
    const int64_t most = rule_limit(c->rules, LIMIT_layers), n = func_layers(c->func);
    if (most >= 0 && n > most)
        rule_broken(c, c->func->loc,
                    "function %s has %lld layers of attention in a row, more than %lld",
                    c->func->name, (long long)n, (long long)most);
}

/* The dimension of x along its last axis, or the one before; -1: not known. */
static int64_t dim_of(const Value *x, int from_last)
{
    const Shape *s = &x->type->shape;
    return s->rank > from_last ? s->dim[s->rank - 1 - from_last] : -1;
}

void rule_history(RuleCheck *c)
{
    const int64_t most = rule_limit(c->rules, LIMIT_history);
    const bool whole = c->op->kind == OP_scaled_dot_product_attention;
    if (!is_attention(c->op)) return;
    const int64_t n = whole ? dim_of(op_value(c->op, P_key), 1)
                            : dim_of(op_value(c->op, P_x), 0);
    if (most >= 0 && n > most)
        rule_broken(c, op_loc(c->op), "attention over %lld positions, more than %lld",
                    (long long)n, (long long)most);
}

/* ---- layer_norm with gamma and beta ------------------------------------------------------ */

typedef struct {
    size_t rows, width;
} Norm;

/* False: it has neither gamma nor beta, or is over what is not known. */
static bool norm_of(const Op *op, Norm *n)
{
    int64_t axes[MAX_RANK * 2];
    bool over[MAX_RANK] = { false };
    const Value *x = op_value(op, P_x), *given = op_value(op, P_axes);
    if (op->kind != OP_layer_norm || (!op_value(op, P_gamma) && !op_value(op, P_beta)))
        return false;
    const Shape *s = &x->type->shape;
    const int count = given ? value_ints(given, axes) : 0;
    if (!shape_known(s)) return false;
    for (int i = 0; i < count; i++)
        over[axes[i] < 0 ? axes[i] + s->rank : axes[i]] = true;
    *n = (Norm){ 1, 1 };
    for (int i = 0; i < s->rank; i++) {
        size_t *of = over[i] || !given ? &n->width : &n->rows;
        if (!size_mul(*of, (size_t)s->dim[i], of)) return false;
    }
    return true;
}

/* The widths that were seen to be wrong at these rows. */
static bool norm_rows_is(const Op *op)
{
    static const size_t rows = 512, widths[] = { 1024, 1536, 2560, 4096 };
    Norm n;
    if (!norm_of(op, &n) || n.rows != rows) return false;
    for (size_t i = 0; i < COUNT(widths); i++)
        if (n.width == widths[i]) return true;
    return false;
}

static bool norm_wide_is(const RuleSet *rs, const Op *op)
{
    Norm n;
    const int64_t from = rule_limit(rs, LIMIT_norm_width);
    return from >= 0 && norm_of(op, &n) && n.width > (size_t)from;
}

static bool norm_values_is(const Op *op)
{
    static const ParamId affine[] = { P_gamma, P_beta };
    double same;
    for (size_t i = 0; op->kind == OP_layer_norm && i < COUNT(affine); i++)
        if (op_value(op, affine[i]) && !value_float(op_value(op, affine[i]), &same))
            return true;
    return false;
}

static void broken_norm(RuleCheck *c, bool is)
{
    Norm n;
    if (is && norm_of(c->op, &n))
        rule_broken(c, op_loc(c->op), "layer_norm of %zu rows of %zu with gamma or beta",
                    n.rows, n.width);
}

void rule_norm_rows(RuleCheck *c) { broken_norm(c, norm_rows_is(c->op)); }
void rule_norm_wide(RuleCheck *c) { broken_norm(c, norm_wide_is(c->rules, c->op)); }

void rule_norm_values(RuleCheck *c)
{
    if (norm_values_is(c->op))
        rule_broken(c, op_loc(c->op),
                    "layer_norm with a gamma or beta of unequal elements");
}
