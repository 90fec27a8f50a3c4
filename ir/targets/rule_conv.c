/* rule_conv.c -- rules about convolutions: their axes, channels, groups, kernels and weights. */
#include "../ops/geometry.h"
#include "rules.h"

static const Shape *conv_weight(const RuleCheck *c)
{
    return rule_arg_shape(c, P_weight);
}

static void check_spatial(RuleCheck *c, int rank, const char *what)
{
    const Shape *x = rule_arg_shape(c, P_x);
    if (x && x->rank == rank)
        rule_broken(c, op_loc(c->op), "%s over %s: x is %s", op_name(c->op), what,
                    shape_text(c->scratch, x));
}

void rule_conv_3d(RuleCheck *c) { check_spatial(c, 5, "a volume"); }
void rule_conv_1d(RuleCheck *c) { check_spatial(c, 3, "a line"); }

/* Those of the input, or else of the result, in parts of one length, by weights to match. */
static const char *why_channels_stay(const RuleCheck *c, const Shape *x, int64_t most)
{
    const Value *w = op_value(c->op, P_weight);
    const Shape *out = c->op->nout ? rule_tensor_shape(c->op->out[0]) : NULL;
    const Shape *s = x->dim[1] > most ? x : out;
    int64_t groups = 1;
    if (op_value(c->op, P_groups)
        && (!value_int(op_value(c->op, P_groups), &groups) || groups != 1))
        return "the channels are in groups";
    if (value_is_const(w) && !value_at_hand(w)) return rule_absent_bytes;
    return rule_falls_apart(c, s, 1, most) ? NULL : rule_unequal_parts;
}

void rule_conv_channels(RuleCheck *c)
{
    const Shape *x = rule_arg_shape(c, P_x), *w = conv_weight(c);
    if (!x || !w || x->rank < 3) return;
    int64_t most = rule_limit(c->rules, LIMIT_conv_channels), in = x->dim[1],
            out = w->dim[0];
    if (most < 0 || (in <= most && out <= most)) return;
    c->left = why_channels_stay(c, x, most);
    rule_broken(c, op_loc(c->op), "conv of %lld to %lld channels, more than %lld",
                (long long)in, (long long)out, (long long)most);
    c->left = NULL;
}

void rule_kernel_width(RuleCheck *c)
{
    const Shape *w = conv_weight(c);
    if (w && w->rank >= 3 && rule_over(c, LIMIT_kernel_width, rule_shape_dim(w, 0)))
        rule_broken(c, op_loc(c->op), "%s: the kernel is %lld wide, more than %lld",
                    op_name(c->op), (long long)rule_shape_dim(w, 0),
                    (long long)rule_limit(c->rules, LIMIT_kernel_width));
}

void rule_kernel_height(RuleCheck *c)
{
    const Shape *w = conv_weight(c);
    if (w && w->rank >= 4 && rule_over(c, LIMIT_kernel_height, rule_shape_dim(w, 1)))
        rule_broken(c, op_loc(c->op), "%s: the kernel is %lld high, more than %lld",
                    op_name(c->op), (long long)rule_shape_dim(w, 1),
                    (long long)rule_limit(c->rules, LIMIT_kernel_height));
}

/* The width of a convolution's input with its zeros; -1: it is not known. */
static int64_t padded_width(const Op *op)
{
    Arena scratch = { 0 };
    Diag quiet = { .quiet = true };
    Call *call = NEW(&scratch, Call);
    Conv conv;
    const int last = MAX_SPATIAL - 1;
    const bool ok = op->kind == OP_conv && call_of_op(call, op, &scratch, &quiet)
                 && call_check(call) && conv_of(call, false, &conv);
    const Window *w = &conv.window;
    const bool known = ok && w->in[last] >= 0 && w->before[last] >= 0
                    && w->after[last] >= 0;
    const int64_t width = known ? w->in[last] + w->before[last] + w->after[last] : -1;
    diag_free(&quiet);
    arena_free(&scratch);
    return width;
}

static bool conv_padded_is(const RuleSet *rs, const Op *op)
{
    const int64_t most = rule_limit(rs, LIMIT_width);
    return most >= 0 && padded_width(op) > most;
}

void rule_conv_padded(RuleCheck *c)
{
    if (conv_padded_is(c->rules, c->op))
        rule_broken(c, op_loc(c->op),
                    "conv: its input is %lld wide with its padding, more than %lld",
                    (long long)padded_width(c->op),
                    (long long)rule_limit(c->rules, LIMIT_width));
}

void rule_groups(RuleCheck *c)
{
    int64_t groups;
    if (value_int(op_value(c->op, P_groups), &groups) && groups != 1 && groups != 2
        && groups != 4)
        rule_broken(c, op_loc(c->op), "conv of %lld groups", (long long)groups);
}

static bool weight_is_computed(const RuleCheck *c)
{
    const Value *w = op_value(c->op, P_weight);
    return w && !value_is_const(w);
}

void rule_conv_weight_batch(RuleCheck *c)
{
    const Shape *x = rule_arg_shape(c, P_x);
    if (weight_is_computed(c) && x && x->rank && x->dim[0] > 1)
        rule_broken(c, op_loc(c->op),
                    "conv: the weight %s is computed, and the batch is %lld",
                    op_value(c->op, P_weight)->name, (long long)x->dim[0]);
}

void rule_conv_weight(RuleCheck *c)
{
    if (weight_is_computed(c))
        rule_broken(c, op_loc(c->op), "conv: the weight %s is computed",
                    op_value(c->op, P_weight)->name);
}

void rule_conv_dip(RuleCheck *c)
{
    const Shape *w = conv_weight(c);
    if (w && w->rank >= 2
        && (w->dim[0] == 4096 || w->dim[0] == 5120 || w->dim[0] == 8192))
        rule_broken(c, op_loc(c->op), "%s to %lld channels", op_name(c->op),
                    (long long)w->dim[0]);
}
