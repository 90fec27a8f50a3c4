/* legal_join.c -- tile, stack, split and concat in terms of ops that an engine takes and
 * computes rightly, and concat of many values in groups. */
#include "legal_shape.h"

/* ---- joining ----------------------------------------------------------------------------- */

enum { MOST_COPIES = 64 };

static Value *repeat_along(Builder *b, Value *x, int axis, int64_t times)
{
    Value *copies[MOST_COPIES];
    for (int64_t i = 0; i < times; i++) copies[i] = x;
    return make_concat(b, copies, (int)times, axis);
}

/* Axes of one entry broadcast against ones; the others are concatenated. */
static Value *join_tile(Builder *b, const Op *op)
{
    int64_t reps[MAX_RANK * 2];
    Value *x = op_value(op, P_x);
    const Shape *s = shape_of_value(x);
    if (!s || value_ints(op_value(op, P_reps), reps) != s->rank) return NULL;
    const bool spread = dtype_is_float(x->type->dtype);
    Shape ones = { .rank = s->rank };
    bool any = false, changed = false;
    for (int i = 0; i < s->rank; i++) {
        if (reps[i] < 1 || (!(spread && s->dim[i] == 1) && reps[i] > MOST_COPIES))
            return NULL;
        ones.dim[i] = spread && s->dim[i] == 1 ? reps[i] : 1;
        any = any || ones.dim[i] > 1;
        changed = changed || reps[i] > 1;
    }
    if (!changed) return NULL;
    for (int i = 0; i < s->rank; i++)
        if (reps[i] > 1 && ones.dim[i] == 1) x = repeat_along(b, x, i, reps[i]);
    if (!any) return x;
    Const *c = NEW(&b->m->arena, Const);
    *c = (Const){ .type = type_tensor(&b->m->arena, x->type->dtype, ones),
                  .kind = CONST_INIT,
                  .init = INIT_FILL,
                  .a = 1 };
    return make_two(b, OP_mul, x, build_const(b, "ones", c));
}

static Value *join_stack(Builder *b, const Op *op)
{
    Value *part[MOST_COPIES];
    const Arg *values = op_find_arg(op, P_values);
    const Shape *s = values && arg_count(values) ? shape_of_value(values->val[0]) : NULL;
    if (!s || arg_count(values) > MOST_COPIES) return NULL;
    const int axis = axis_of(op, P_axis, 0, s->rank + 1);
    if (axis < 0) return NULL;
    const int64_t at[] = { axis };
    Value *axes = build_ints(b, 1, at);
    for (int i = 0; i < arg_count(values); i++)
        part[i] = mil_expand_dims(b, "part", .x = values->val[i], .axes = axes);
    return make_concat(b, part, arg_count(values), axis);
}

static bool join_split(Builder *b, const Op *op, Value **out)
{
    Value *x = op_value(op, P_x);
    const Shape *s = shape_of_value(x);
    const int axis = s ? axis_of(op, P_axis, 0, s->rank) : -1;
    for (int i = 0; i < op->nout; i++)
        if (axis < 0 || !shape_of_value(op->out[i])) return false;
    int64_t from = 0;
    for (int i = 0; i < op->nout; i++) {
        const int64_t n = op->out[i]->type->shape.dim[axis];
        out[i] = make_slice(b, x, axis, from, n);
        from += n;
    }
    return true;
}

/* x with zeros before and behind it along the axis. */
static Value *join_padded(Builder *b, Value *x, int axis, int64_t before, int64_t behind)
{
    int64_t pad[2 * MAX_RANK] = { 0 };
    if (!before && !behind) return x;
    pad[2 * axis] = before;
    pad[2 * axis + 1] = behind;
    return make_pad(b, x, pad, 0);
}

/* The sum of the parts, each among zeros in its place. */
static Value *join_concat(Builder *b, const Op *op)
{
    const Arg *values = op_find_arg(op, P_values);
    const Shape *out = shape_of_value(op->out[0]);
    const int axis = out ? axis_of(op, P_axis, 0, out->rank) : -1;
    if (axis < 0 || !values || arg_count(values) < 2) return NULL;
    for (int i = 0; i < arg_count(values); i++)
        if (!shape_of_value(values->val[i])) return NULL;
    Value *sum = NULL;
    int64_t from = 0;
    for (int i = 0; i < arg_count(values); i++) {
        const int64_t n = values->val[i]->type->shape.dim[axis];
        Value *part = join_padded(b, values->val[i], axis, from,
                                  out->dim[axis] - from - n);
        sum = sum ? make_two(b, OP_add, sum, part) : part;
        from += n;
    }
    return sum;
}

static Value *parts_joined(const Legal *l, Builder *b, Op *op)
{
    return legal_asks(l, RULE_concat, op) ? join_concat(b, op) : NULL;
}

static bool legal_join_join(const Legal *l, Builder *b, Op *op, Value **out)
{
    if (legal_asks(l, RULE_split, op)) return join_split(b, op, out);
    if (legal_asks(l, RULE_tile, op)) return (out[0] = join_tile(b, op)) != NULL;
    return legal_asks(l, RULE_stack, op) && (out[0] = join_stack(b, op)) != NULL;
}

/* concat comes second, for those that the others make. */
int pass_join(Module *m, const PassOptions *o, Diag *d)
{
    const int n = legal_rewrite_all(m, o, d, legal_join_join),
              k = n < 0 ? n : legal_rewrite(m, o, d, parts_joined);
    return k < 0 ? k : n + k;
}

/* ---- many values ------------------------------------------------------------------------- */

static Value *concat_in_groups(const Legal *l, Builder *b, Op *op)
{
    enum { MOST = 1024 };
    const Arg *values = legal_asks(l, RULE_fan_in, op) ? op_find_arg(op, P_values) : NULL;
    const int64_t most = rule_limit(l->rules, LIMIT_fan_in) - 1;
    const Shape *out = shape_of_value(op->out[0]);
    if (!values || !out || most < 2 || arg_count(values) > MOST) return NULL;
    const int axis = axis_of(op, P_axis, 0, out->rank);
    if (axis < 0) return NULL;
    Value *part[MOST];
    int64_t n = arg_count(values);
    for (int64_t i = 0; i < n; i++) part[i] = values->val[i];
    while (n > most) {
        const int64_t groups = piece_count(n, most);
        for (int64_t i = 0, from; i < groups; i++) {
            const int64_t size = piece_size(n, groups, i, &from);
            part[i] = size > 1 ? make_concat(b, part + from, (int)size, axis)
                               : part[from];
        }
        n = groups;
    }
    return make_concat(b, part, (int)n, axis);
}

int pass_fan_in(Module *m, const PassOptions *o, Diag *d)
{
    return legal_rewrite(m, o, d, concat_in_groups);
}
