/* rule_op.c -- rules about single ops: which an engine has, which may follow which, and where
 * numbers are lost. */
#include "rules.h"

#include <string.h>

/* Which operations a pass has another form of: those that the column FORM names, and what has
 * blocks. */
static const char *why_op_stays(int kind)
{
    static const bool forms[OP_COUNT] = {
#define NONE false
#define FORM_accurate false
#define FORM_norm false
#define FORM_sqrt false
#define FORM_lift false
#define FORM_decompose true
#define INSTEAD(pass, rule, f) FORM_##pass
#define INSTEAD_ALL(pass, rule, f) FORM_##pass
#define OP(name, ...) [OP_##name] =
#define FORM(form) form,
#include "../ops/ops.def"
#undef NONE
#undef INSTEAD
#undef INSTEAD_ALL
    };
    if (kind == OP_read_state || kind == OP_write_state)
        return "it goes with the state, which the rule state is about";
    return forms[kind] || kind == OP_cond || kind == OP_while_loop
             ? NULL
             : "it has no other form here";
}

/* What an op of the E5 dialect has no form for, private-op says. */
void rule_op_refused(RuleCheck *c)
{
    const Standing s = op_refused(c->rules, c->op->kind);
    if (s < STAND_CONTRADICTED || (ops[c->op->kind].flags & F_PRIVATE)) return;
    c->left = s < STAND_REPORTED ? "other findings contradict it"
                                 : why_op_stays(c->op->kind);
    rule_broken_as(c, s, op_loc(c->op), "%s has no form on the engine: %s",
                   op_name(c->op), op_support[c->op->kind].note);
    c->left = NULL;
}

void rule_private_op(RuleCheck *c)
{
    bool private_type = false;
    for (int i = 0; i < c->op->nout; i++)
        private_type = private_type || c->op->out[i]->type->kind == TY_BUFFER;
    if (c->op->kind == OP_NONE || (ops[c->op->kind].flags & F_PRIVATE) || private_type)
        rule_broken(c, op_loc(c->op), "%s is not an operation of public Core ML",
                    op_name(c->op));
}

void rule_sdpa_mask(RuleCheck *c)
{
    if (op_value(c->op, P_attn_mask))
        rule_broken(c, op_loc(c->op),
                    "scaled_dot_product_attention with a mask, which is ignored");
}

void rule_epsilon_type(RuleCheck *c)
{
    const Value *x = op_value(c->op, P_x), *eps = op_value(c->op, P_epsilon);
    if (x && eps && eps->type->dtype != x->type->dtype)
        rule_broken(c, op_loc(c->op), "layer_norm of %s with an epsilon of %s",
                    dtypes[x->type->dtype].name, dtypes[eps->type->dtype].name);
}

void rule_norm_affine(RuleCheck *c)
{
    if (op_value(c->op, P_gamma) || op_value(c->op, P_beta))
        rule_broken(c, op_loc(c->op), "layer_norm with %s",
                    op_value(c->op, P_gamma) ? "gamma" : "beta");
}

bool rule_topk_refuses(int64_t k) { return k == 3 || k == 4; }

void rule_topk_k(RuleCheck *c)
{
    int64_t k;
    if (value_int(op_value(c->op, P_k), &k) && rule_topk_refuses(k))
        rule_broken(c, op_loc(c->op), "topk with k = %lld", (long long)k);
}

/* ---- what follows what ------------------------------------------------------------------- */

typedef struct {
    const Value *v;
    bool (*is)(const Op *);
    const Op *found;
} RuleUses;

static bool visit_use(void *ctx, const Op *op)
{
    RuleUses *u = ctx;
    if (!u->is(op)) return true;
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++)
            if (op->arg[i].val[k] == u->v) u->found = op;
    return u->found == NULL;
}

/* An op that uses v and is of the kind; NULL: none. */
static const Op *use_of(const RuleCheck *c, const Value *v, bool (*is)(const Op *))
{
    RuleUses u = { .v = v, .is = is };
    func_read(c->func, visit_use, &u);
    return u.found;
}

static bool is_product(const Op *op)
{
    return op->kind == OP_mul || op->kind == OP_real_div;
}

static bool is_activation(const Op *op) { return op_is_of(op, OPS_activation); }

static bool is_reduction(const Op *op) { return op_is_of(op, OPS_reduce); }

static bool is_conv_or_norm(const Op *op)
{
    return op->kind == OP_conv || op_is_of(op, OPS_norm);
}

void rule_sqrt(RuleCheck *c)
{
    const Op *use = c->op->nout ? use_of(c, c->op->out[0], is_product) : NULL;
    if (use)
        rule_broken(c, op_loc(use), "%s of the sqrt %s", op_name(use),
                    c->op->out[0]->name);
}

void rule_square(RuleCheck *c)
{
    if (!c->op->nout || c->op->out[0]->type->kind != TY_TENSOR) return;
    const Shape *s = &c->op->out[0]->type->shape;
    int64_t width = s->rank ? s->dim[s->rank - 1] : 1;
    const Op *use = width % 128 > 64 ? use_of(c, c->op->out[0], is_activation) : NULL;
    if (use)
        rule_broken(c, op_loc(use),
                    "%s of the square %s, whose width %lld is %lld modulo 128",
                    op_name(use), c->op->out[0]->name, (long long)width,
                    (long long)(width % 128));
}

void rule_mul_zero(RuleCheck *c)
{
    static const ParamId side[] = { P_x, P_y };
    for (int i = 0; i < 2; i++) {
        const Value *zero = op_value(c->op, side[i]),
                    *other = op_value(c->op, side[1 - i]);
        double f;
        if (value_float(zero, &f) && f == 0 && other && other->def
            && is_reduction(other->def))
            rule_broken(c, op_loc(c->op), "the reduction %s times 0", other->name);
    }
}

void rule_slice_input(RuleCheck *c)
{
    const Value *x = op_value(c->op, P_x);
    const Op *use = x && !x->def && !value_lit(x) && c->op->nout
                      ? use_of(c, c->op->out[0], is_conv_or_norm)
                      : NULL;
    if (use)
        rule_broken(c, op_loc(use), "%s of a slice of the input %s", op_name(use),
                    x->name);
}

void rule_broadcast(RuleCheck *c)
{
    static const ParamId side[] = { P_x, P_y };
    for (int i = 0; i < 2; i++) {
        const Value *a = op_value(c->op, side[i]), *b = op_value(c->op, side[1 - i]);
        if (!a || !b || a->type->kind != TY_TENSOR || b->type->kind != TY_TENSOR)
            continue;
        const Shape *s = &a->type->shape, *t = &b->type->shape;
        if (s->rank < 2 || !t->rank || s->dim[s->rank - 1] != 1
            || t->dim[t->rank - 1] <= 1)
            continue;
        rule_broken(c, op_loc(c->op), "%s: %s is %s beside %s", op_name(c->op),
                    param_names[side[i]], shape_text(c->scratch, s),
                    shape_text(c->scratch, t));
    }
}

void rule_matmul_reshape(RuleCheck *c)
{
    const Block *b = c->func->body;
    const Op *last = b->nresult == 1 ? b->result[0]->def : NULL;
    if (!last || last->kind != OP_reshape) return;
    const Value *x = op_value(last, P_x);
    if (x && x->def && x->def->kind == OP_matmul)
        rule_broken(c, op_loc(last), "the only result, %s, is a reshape of a matmul",
                    b->result[0]->name);
}

/* ---- slices of the last axis ------------------------------------------------------------- */

int64_t rule_width_begin(const Op *op)
{
    int64_t begin[MAX_RANK * 2];
    const Value *x = op_value(op, P_x);
    if (!x || x->type->kind != TY_TENSOR || !x->type->shape.rank) return 0;
    const int rank = x->type->shape.rank, n = value_ints(op_value(op, P_begin), begin);
    const Value *mask = op_value(op, P_begin_mask);
    int64_t skip[MAX_RANK * 2];
    if (n != rank) return -1;
    if (mask && value_ints(mask, skip) == rank && skip[rank - 1]) return 0;
    int64_t at = begin[rank - 1], width = x->type->shape.dim[rank - 1];
    return at < 0 ? (width < 0 ? -1 : at + width) : at;
}

bool rule_begins_inside(const Op *op)
{
    return (op->kind == OP_slice_by_index || op->kind == OP_slice_by_size)
        && rule_width_begin(op) != 0;
}

/* It is moved to another axis by its numbers. */
static const char *why_slice_stays(const Op *op)
{
    const Value *x = op_value(op, P_x);
    const bool known = rule_width_begin(op) > 0 && shape_known(&x->type->shape)
                    && shape_known(&op->out[0]->type->shape);
    if (!known) return "what it takes is not known before a run";
    return x->type->shape.rank < 2 ? "there is no other axis" : NULL;
}

void rule_width_slice(RuleCheck *c)
{
    if (!rule_begins_inside(c->op)) return;
    int64_t most = rule_limit(c->rules, LIMIT_slice_max);
    c->left = why_slice_stays(c->op);
    rule_broken(c, op_loc(c->op),
                "%s begins at %lld of the last axis: above %lld values become infinite",
                op_name(c->op), (long long)rule_width_begin(c->op),
                (long long)(most < 0 ? 4094 : most));
    c->left = NULL;
}

/* The sum that stands for it has each part among zeros. */
void rule_concat(RuleCheck *c)
{
    const bool floats = c->op->nout && c->op->out[0]->type->kind == TY_TENSOR
                     && dtype_is_float(c->op->out[0]->type->dtype);
    bool turns = false;
    value_bool(op_value(c->op, P_interleave), &turns);
    c->left = turns  ? "the values are interleaved"
            : floats ? NULL
                     : "the values are no floats";
    rule_broken(c, op_loc(c->op), "concat");
    c->left = NULL;
}

void rule_joined_slices(RuleCheck *c)
{
    const Arg *a = op_find_arg(c->op, P_values);
    int n = 0;
    for (int i = 0; a && i < arg_count(a); i++)
        if (a->val[i]->def && rule_begins_inside(a->val[i]->def)) n++;
    if (n > 1)
        rule_broken(c, op_loc(c->op),
                    "concat of %d slices that begin inside of the last axis", n);
}

void rule_log_floor(RuleCheck *c)
{
    const double floor = 0x1.0cp-17;
    const Value *eps = op_value(c->op, P_epsilon);
    double f;
    if (eps && value_float(eps, &f) && f < floor)
        rule_broken(c, op_loc(c->op), "%s: an epsilon of %g is below %g", op_name(c->op),
                    f, floor);
}
