/* rule_shape.c -- rules about dimensions and ranks, products, windows and reductions; and what all
 * rules ask of shapes. */
#include "rules.h"

#include <string.h>

/* ---- shared ------------------------------------------------------------------------------ */

const Shape *rule_tensor_shape(const Value *v)
{
    return v && v->type->kind == TY_TENSOR ? &v->type->shape : NULL;
}

const Shape *rule_arg_shape(const RuleCheck *c, ParamId p)
{
    return rule_tensor_shape(op_value(c->op, p));
}

int64_t rule_shape_dim(const Shape *s, int from_last)
{
    return s && s->rank > from_last ? s->dim[s->rank - 1 - from_last] : -1;
}

static bool arg_true(const Op *op, ParamId p)
{
    bool b = false;
    return value_bool(op_value(op, p), &b) && b;
}

bool rule_over(const RuleCheck *c, int limit, int64_t n)
{
    int64_t most = rule_limit(c->rules, limit);
    return most >= 0 && n > most;
}

/* ---- what is too long falls into parts --------------------------------------------------- */

const char rule_unequal_parts[] = "no few parts of one length are short enough";
const char rule_absent_bytes[] = "its bytes are not at hand";

int64_t rule_axis_most(const RuleSet *rs, int from_last)
{
    static const int of_axis[] = { LIMIT_width, LIMIT_height, LIMIT_channels,
                                   LIMIT_batch };
    const int64_t most = from_last < (int)COUNT(of_axis)
                           ? rule_limit(rs, of_axis[from_last])
                           : -1;
    return most > 0 ? most : INT64_MAX;
}

int64_t rule_equal_parts(const RuleSet *rs, const Shape *s, int axis, int64_t most)
{
    enum { PIECES = 4096 };
    const int64_t n = s->dim[axis], above = rule_axis_most(rs, s->rank - axis);
    const int64_t most_parts = above < PIECES ? above : PIECES;
    if (most <= 0 || n <= most) return 0;
    for (int64_t p = (n - 1) / most + 1; p <= most_parts && p <= n / 2; p++)
        if (n % p == 0) return p;
    return 0;
}

bool rule_falls_apart(const RuleCheck *c, const Shape *s, int axis, int64_t most)
{
    return s && shape_known(s) && rule_equal_parts(c->rules, s, axis, most) > 0;
}

/* ---- dimensions and ranks ---------------------------------------------------------------- */

/* Ops for which the pass tile has a form over an axis in two. */
static bool dim_has_form(const Op *op)
{
    if (op->kind == OP_NONE) return false;
    const OpInfo *info = &ops[op->kind];
    if (info->flags & F_ELEMENTWISE) return true;
    if (op->kind == OP_reduce_argmax || op->kind == OP_reduce_argmin) return false;
    return info->family == OPS_reduce || op->kind == OP_softmax || op->kind == OP_linear
        || op->kind == OP_matmul;
}

static bool dim_relabels(const Op *op)
{
    return op->kind != OP_NONE && op_laws[op->kind].relabels;
}

typedef struct {
    const Value *v;
    bool formless; /* an op without such a form reads v */
} DimUses;

static bool dim_use(void *ctx, const Op *op)
{
    DimUses *u = ctx;
    for (int i = 0; i < op->narg && !u->formless; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++)
            if (op->arg[i].val[k] == u->v)
                u->formless = !dim_has_form(op) && !dim_relabels(op);
    return !u->formless;
}

/* Why the pass leaves a long value that is no input and no result. A reshape has no form, but
 * goes where those that read it have one. */
static const char *dim_left(const RuleCheck *c, const Value *v)
{
    static const char formless[] = "the operation has no form with that axis in two";
    DimUses u = { .v = v };
    if (!v->def || dim_has_form(v->def)) return NULL;
    if (!dim_relabels(v->def)) return formless;
    func_read(c->func, dim_use, &u);
    return u.formless ? formless : NULL;
}

static void check_dim(RuleCheck *c, const Value *v, Loc loc)
{
    static const char *const axes[] = { "last", "second last", "third last",
                                        "fourth last" };
    const Shape *s = rule_tensor_shape(v);
    for (int i = 0; s && i < (int)COUNT(axes); i++) {
        const int64_t most = rule_axis_most(c->rules, i);
        if (rule_shape_dim(s, i) <= most) continue;
        if (!c->left) c->left = dim_left(c, v);
        if (!c->left && !rule_falls_apart(c, s, s->rank - 1 - i, most))
            c->left = rule_unequal_parts;
        rule_broken(c, loc, "%s is %s: its %s axis is longer than %lld",
                    v->name ? v->name : "a literal", type_text(c->scratch, v->type),
                    axes[i], (long long)most);
        return;
    }
}

/* Inputs are looked at with the first op, so that each is said once. */
static void each_value(RuleCheck *c, void (*check)(RuleCheck *, const Value *, Loc))
{
    static const char interface[] = "inputs and results keep their shape";
    const Block *b = c->func->body;
    c->left = interface;
    if (c->op == b->first)
        for (int i = 0; i < b->nparam; i++) check(c, b->param[i], value_loc(b->param[i]));
    for (int i = 0; i < c->op->nout && !op_is_fixed(c->op); i++) {
        c->left = is_result(c->op->out[i]) ? interface : NULL;
        check(c, c->op->out[i], op_loc(c->op));
    }
    c->left = NULL;
}

void rule_extent(RuleCheck *c) { each_value(c, check_dim); }

bool rule_rank_fits(const RuleSet *rs, int rank)
{
    const int64_t most = rule_limit(rs, LIMIT_rank);
    return most < 0 || rank <= most;
}

static void check_rank(RuleCheck *c, const Value *v, Loc loc)
{
    const Shape *s = rule_tensor_shape(v);
    if (s && !rule_rank_fits(c->rules, s->rank))
        rule_broken(c, loc, "%s has %d axes, more than %lld", v->name, s->rank,
                    (long long)rule_limit(c->rules, LIMIT_rank));
}

void rule_rank(RuleCheck *c) { each_value(c, check_rank); }

static void check_op_rank(RuleCheck *c, int limit)
{
    const Shape *x = rule_arg_shape(c, P_x), *y = rule_arg_shape(c, P_y);
    int rank = x ? x->rank : 0;
    if (y && y->rank > rank) rank = y->rank;
    if (rule_over(c, limit, rank))
        rule_broken(c, op_loc(c->op), "%s of tensors of %d axes, more than %lld",
                    op_name(c->op), rank, (long long)rule_limit(c->rules, limit));
}

void rule_matmul_rank(RuleCheck *c) { check_op_rank(c, LIMIT_matmul_rank); }
void rule_linear_rank(RuleCheck *c) { check_op_rank(c, LIMIT_linear_rank); }

/* ---- products ---------------------------------------------------------------------------- */

void rule_matmul_inner(RuleCheck *c)
{
    const Shape *x = rule_arg_shape(c, P_x);
    const int last = x && x->rank > 1 && arg_true(c->op, P_transpose_x);
    const int64_t k = rule_shape_dim(x, last),
                  most = rule_limit(c->rules, LIMIT_matmul_inner);
    if (!rule_over(c, LIMIT_matmul_inner, k)) return;
    c->left = rule_falls_apart(c, x, x->rank - 1 - last, most) ? NULL
                                                               : rule_unequal_parts;
    rule_broken(c, op_loc(c->op), "%s sums over %lld elements, more than %lld",
                op_name(c->op), (long long)k, (long long)most);
    c->left = NULL;
}

static const Const *literal_of(const Value *v) { return v ? value_lit(v) : NULL; }

/* A constant side becomes a matrix of two axes, turned or as it lies. */
static const char *why_constant_stays(const Op *op, const Value *v, bool turn)
{
    const Shape *s = rule_tensor_shape(v);
    if (value_is_const(op_value(op, P_x)) && value_is_const(op_value(op, P_y)))
        return "both sides are constants";
    if (!s || s->rank < 2) return "it has one axis";
    for (int i = 0; i < s->rank - 2; i++)
        if (s->dim[i] != 1) return "it is a batch of matrices";
    return (value_lit(v) && !turn) || value_at_hand(v) ? NULL : rule_absent_bytes;
}

void rule_matmul_constant(RuleCheck *c)
{
    const Value *x = op_value(c->op, P_x), *y = op_value(c->op, P_y);
    if (!x || !y) return;
    const Shape *s = rule_tensor_shape(y);
    const bool turned = arg_true(c->op, P_transpose_y);
    if (value_is_const(x)) {
        c->left = why_constant_stays(c->op, x, arg_true(c->op, P_transpose_x));
        rule_broken(c, op_loc(c->op), "matmul: x, %s, is a constant",
                    x->name ? x->name : "a literal");
    } else if (value_is_const(y) && (!turned || !s || s->rank != 2)) {
        c->left = why_constant_stays(c->op, y, !turned);
        rule_broken(c, op_loc(c->op),
                    "matmul: the constant y is %s with transpose_y = %s",
                    type_text(c->scratch, y->type), turned ? "true" : "false");
    } else if (literal_of(y) && !const_in_file(c->func, value_lit(y)))
        rule_broken(c, op_loc(c->op),
                    "matmul: the constant y is spelled out in the text");
    c->left = NULL;
}

void rule_matmul_shape(RuleCheck *c)
{
    const Value *y = op_value(c->op, P_y);
    const Shape *x = rule_arg_shape(c, P_x), *w = rule_tensor_shape(y);
    if (!x || !w || w->rank != 2 || !value_is_const(y) || !arg_true(c->op, P_transpose_y))
        return;
    int64_t rows = rule_shape_dim(x, 1), k = rule_shape_dim(x, 0), n = w->dim[0];
    if (arg_true(c->op, P_transpose_x) || rows != 128 || k != 8192) return;
    if (n == 2048 || n == 4096 || n == 8192)
        rule_broken(c, op_loc(c->op), "matmul: [128, 8192] times a constant of %lld rows",
                    (long long)n);
}

void rule_rank3_matmul(RuleCheck *c)
{
    const Value *x = op_value(c->op, P_x), *y = op_value(c->op, P_y);
    const Shape *s = rule_tensor_shape(x);
    if (x && y && s && s->rank != 3 && !value_is_const(x) && !value_is_const(y))
        rule_broken(c, op_loc(c->op), "matmul of two run-time values of %d axes",
                    s->rank);
}

/* ---- windows, reductions, branches, bytes ------------------------------------------------ */

void rule_working_set(RuleCheck *c)
{
    int64_t most = rule_limit(c->rules, LIMIT_working_set);
    for (int i = 0; i < c->op->narg; i++) {
        const Arg *a = &c->op->arg[i];
        size_t bytes = arg_count(a) ? type_bytes(a->val[0]->type) : 0;
        if (most < 0 || bytes <= (size_t)most) continue;
        rule_broken(c, op_loc(c->op), "%s: %s has %zu bytes, more than %lld",
                    op_name(c->op), arg_name(a), bytes, (long long)most);
        return;
    }
}

void rule_pool_window(RuleCheck *c)
{
    int64_t size[MAX_RANK * 2];
    int n = value_ints(op_value(c->op, P_kernel_sizes), size);
    for (int i = 0; i < n; i++)
        if (rule_over(c, LIMIT_pool_window, size[i])) {
            rule_broken(c, op_loc(c->op), "%s: a window of %lld, more than %lld",
                        op_name(c->op), (long long)size[i],
                        (long long)rule_limit(c->rules, LIMIT_pool_window));
            return;
        }
}

/* The dimension of one axis of x, which may be counted from the last; -1 when it is not
 * known. */
static int64_t axis_dim(const Shape *x, int64_t axis)
{
    if (x && axis < 0) axis += x->rank;
    return x && axis >= 0 && axis < x->rank ? x->dim[axis] : -1;
}

void rule_arg_axis(RuleCheck *c)
{
    int64_t axis = -1;
    const Shape *x = rule_arg_shape(c, P_x);
    if (op_value(c->op, P_axis) && !value_int(op_value(c->op, P_axis), &axis)) return;
    if (rule_over(c, LIMIT_arg_axis, axis_dim(x, axis)))
        rule_broken(c, op_loc(c->op), "%s over %lld elements, more than %lld",
                    op_name(c->op), (long long)axis_dim(x, axis),
                    (long long)rule_limit(c->rules, LIMIT_arg_axis));
}

void rule_reduce_route(RuleCheck *c)
{
    int64_t axes[MAX_RANK * 2];
    const Shape *x = rule_arg_shape(c, P_x);
    int n = value_ints(op_value(c->op, P_axes), axes);
    int64_t from = rule_limit(c->rules, LIMIT_reduce_route);
    for (int i = 0; i < n; i++)
        if (from >= 0 && axis_dim(x, axes[i]) >= from) {
            rule_broken(c, op_loc(c->op), "%s over %lld elements, %lld or more",
                        op_name(c->op), (long long)axis_dim(x, axes[i]), (long long)from);
            return;
        }
}

void rule_channel_reduce(RuleCheck *c)
{
    int64_t axes[MAX_RANK * 2];
    const Shape *x = rule_arg_shape(c, P_x);
    int n = value_ints(op_value(c->op, P_axes), axes);
    if (n == 1 && x && x->rank >= 3 && (axes[0] == 1 || axes[0] == 1 - x->rank)
        && x->dim[1] == 512 && rule_shape_dim(x, 0) == 32)
        rule_broken(c, op_loc(c->op), "reduce_mean over the 512 channels of %s",
                    shape_text(c->scratch, x));
}

/* Only what joins has a form by groups. */
static const char *why_many_stay(const Op *op)
{
    if (op->kind != OP_concat) return "the values are no concat's";
    return arg_true(op, P_interleave) ? "the values are interleaved" : NULL;
}

void rule_fan_in(RuleCheck *c)
{
    int64_t most = rule_limit(c->rules, LIMIT_fan_in);
    for (int i = 0; i < c->op->narg; i++)
        if (most >= 0 && arg_count(&c->op->arg[i]) >= most) {
            c->left = why_many_stay(c->op);
            rule_broken(c, op_loc(c->op), "%s: %d values meet, %lld or more",
                        op_name(c->op), arg_count(&c->op->arg[i]), (long long)most);
            c->left = NULL;
            return;
        }
}

void rule_softmax_axis(RuleCheck *c)
{
    int64_t axis = -1;
    const Shape *x = rule_arg_shape(c, P_x);
    if (op_value(c->op, P_axis) && !value_int(op_value(c->op, P_axis), &axis)) return;
    int64_t n = axis_dim(x, axis);
    if (n > 0 && (n & (n - 1)))
        rule_broken(c, op_loc(c->op), "softmax over %lld elements, not a power of two",
                    (long long)n);
}

void rule_lrn_channels(RuleCheck *c)
{
    const Shape *x = rule_arg_shape(c, P_x);
    if (x && x->rank >= 3 && rule_over(c, LIMIT_lrn_channels, x->dim[1]))
        rule_broken(
            c, op_loc(c->op), "local_response_norm of %lld channels, more than %lld",
            (long long)x->dim[1], (long long)rule_limit(c->rules, LIMIT_lrn_channels));
}

static bool rule_block_factor_is(int64_t f)
{
    while (f > 1 && f % 2 == 0) f /= 2;
    while (f > 1 && f % 3 == 0) f /= 3;
    return f <= 1;
}

void rule_block_factor(RuleCheck *c)
{
    static const ParamId params[] = { P_block_size, P_upscale_factor, P_downscale_factor,
                                      P_block_shape };
    int64_t f[MAX_RANK * 2];
    for (size_t i = 0; i < COUNT(params); i++) {
        const Value *by = op_value(c->op, params[i]);
        const int n = by ? value_ints(by, f) : 0;
        for (int k = 0; k < n; k++) {
            if (rule_block_factor_is(f[k])) continue;
            rule_broken(c, op_loc(c->op), "%s by %lld", op_name(c->op), (long long)f[k]);
            return;
        }
    }
}
