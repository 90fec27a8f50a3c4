/* grad_util.c -- shared by the functions of the gradient column: reading arguments, giving
 * gradients, building ops. */
#include "grad.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- rows that are no function ----------------------------------------------------------- */

/* Nothing flows back. */
bool grad_zero(Grad *g)
{
    (void)g;
    return true;
}

/* ir/passes/autodiff.c has put what these stand for in their place before. */
bool grad_expansion(Grad *g) { bug("%s was not expanded", op_name(g->op)); }
bool grad_blocks(Grad *g) { bug("%s is not given to its row", op_name(g->op)); }

/* ---- asking and answering ---------------------------------------------------------------- */

int grad_place(const Grad *g, ParamId name, int k)
{
    int at = 0;
    for (int i = 0; i < g->op->narg; i++) {
        if (g->op->arg[i].param == name)
            return k < arg_count(&g->op->arg[i]) ? at + k : -1;
        at += arg_count(&g->op->arg[i]);
    }
    return -1;
}

bool grad_wants(const Grad *g, ParamId name)
{
    const int at = grad_place(g, name, 0);
    return at >= 0 && g->wanted[at];
}

void grad_give(Grad *g, ParamId name, Value *dx)
{
    const int at = grad_place(g, name, 0);
    if (at < 0) bug("%s has no argument %s", op_name(g->op), param_names[name]);
    g->dx[at] = dx ? grad_typed(g->b, dx, grad_arg(g, name)) : NULL;
}

void grad_give_sum(Grad *g, ParamId name, Value *dx)
{
    grad_give(g, name, grad_sum_to(g->b, dx, &grad_arg(g, name)->type->shape));
}

bool grad_error(const Grad *g, const char *fmt, ...)
{
    Arena scratch = { 0 };
    va_list ap;
    va_start(ap, fmt);
    const char *text = arena_vprintf(&scratch, fmt, ap);
    va_end(ap);
    diag_error(g->b->diag, op_loc(g->op), "gradient of %s: %s", op_name(g->op), text);
    arena_free(&scratch);
    return false;
}

Value *grad_arg(const Grad *g, ParamId name) { return op_value(g->op, name); }

static const char *default_of(const Grad *g, ParamId name)
{
    const Param *p = op_param_of(&ops[g->op->kind], name);
    const char *def = p ? param_default(p) : NULL;
    return def ? def : "0";
}

double grad_float(const Grad *g, ParamId name)
{
    double v;
    const Value *given = grad_arg(g, name);
    return given && value_float(given, &v) ? v : strtod(default_of(g, name), NULL);
}

int64_t grad_int(const Grad *g, ParamId name)
{
    int64_t v;
    const Value *given = grad_arg(g, name);
    return given && value_int(given, &v) ? v : strtoll(default_of(g, name), NULL, 10);
}

bool grad_bool(const Grad *g, ParamId name)
{
    bool v;
    const Value *given = grad_arg(g, name);
    return given && value_bool(given, &v) ? v : *default_of(g, name) == 't';
}

const char *grad_str(const Grad *g, ParamId name)
{
    const Value *given = grad_arg(g, name);
    const char *text = given ? value_string(given) : NULL;
    return text ? text : default_of(g, name);
}

int grad_choice(const Grad *g, ParamId name)
{
    return domain_choice(op_param_of(&ops[g->op->kind], name)->dom, grad_str(g, name));
}

int grad_axis(const Grad *g, ParamId name, int rank)
{
    const int64_t axis = grad_int(g, name);
    return (int)(axis < 0 ? axis + rank : axis);
}

Call *grad_call(const Grad *g, Arena *scratch)
{
    Call *c = NEW(scratch, Call);
    return call_of_op(c, g->op, scratch, g->b->diag) && call_check(c) ? c : NULL;
}

/* ---- numbers ----------------------------------------------------------------------------- */

Value *grad_times(Builder *b, Value *x, Value *y) { return make_two(b, OP_mul, x, y); }

Value *grad_scaled(Builder *b, Value *x, double by)
{
    return by == 1 ? x : make_with(b, OP_mul, x, by);
}

Value *grad_where(Builder *b, Value *cond, Value *x, Value *y)
{
    if (!x) x = make_number(b, y, 0);
    if (!y) y = make_number(b, x, 0);
    return mil_select(b, "select", .cond = cond, .a = x, .b = y);
}

/* ---- shapes ------------------------------------------------------------------------------ */

static Value *zeros_of(Builder *b, const Type *t)
{
    Const *c = NEW(&b->m->arena, Const);
    *c = (Const){ .type = t, .kind = CONST_INIT, .init = INIT_FILL };
    return build_const(b, "zeros", c);
}

Value *grad_zeros(Builder *b, const Value *like) { return zeros_of(b, like->type); }

/* A tensor without elements, which no reshape and no tile needs to know x for; NULL: s has some. */
static Value *empty_of(Builder *b, const Value *x, const Shape *s)
{
    bool empty = false;
    for (int i = 0; i < s->rank; i++) empty = empty || !s->dim[i];
    if (!empty || x->type->kind == TY_POISON) return NULL;
    return zeros_of(b, module_tensor(b->m, x->type->dtype, s));
}

Value *grad_as(Builder *b, Value *x, Shape s)
{
    if (shape_equal(&x->type->shape, &s)) return x;
    Value *empty = empty_of(b, x, &s);
    if (empty) return empty;
    if (!s.rank) return mil_squeeze(b, "squeeze", .x = x);
    return mil_reshape(b, "reshape", .x = x, .shape = build_ints(b, s.rank, s.dim));
}

Value *grad_typed(Builder *b, Value *x, const Value *like)
{
    const DType t = like->type->dtype;
    if (x->type->dtype == t) return x;
    return mil_cast(b, "cast", .x = x, .dtype = build_string(b, dtypes[t].name));
}

Value *grad_like(Builder *b, Value *x, const Value *like)
{
    return grad_as(b, x, like->type->shape);
}

Value *grad_reduce(Builder *b, int kind, Value *x, const bool *axes, bool keep)
{
    int64_t list[MAX_RANK];
    int n = 0;
    for (int i = 0; i < x->type->shape.rank; i++)
        if (axes[i]) list[n++] = i;
    if (!n) return x;
    Value *over = build_ints(b, n, list), *kept = build_bool(b, keep);
    return build_of(b, ops[kind].name, kind, P_x, x, P_axes, over, P_keep_dims, kept,
                    P_NONE);
}

Value *grad_reduce_axis(Builder *b, int kind, Value *x, int axis)
{
    bool axes[MAX_RANK] = { false };
    axes[axis] = true;
    return grad_reduce(b, kind, x, axes, true);
}

Value *grad_sum_to(Builder *b, Value *x, const Shape *s)
{
    const Shape from = x->type->shape;
    bool axes[MAX_RANK] = { false };
    for (int i = 0; i < from.rank; i++) {
        const int at = i - (from.rank - s->rank);
        axes[i] = at < 0 ? from.dim[i] != 1 : s->dim[at] == 1 && from.dim[i] != 1;
    }
    return grad_as(b, grad_reduce(b, OP_reduce_sum, x, axes, true), *s);
}

Value *grad_spread(Builder *b, Value *x, const Shape *s)
{
    Shape ones = { .rank = s->rank };
    int64_t reps[MAX_RANK];
    bool more = false;
    if (shape_equal(&x->type->shape, s)) return x;
    Value *empty = empty_of(b, x, s);
    if (empty) return empty;
    for (int i = 0; i < s->rank; i++) {
        const int at = i - (s->rank - x->type->shape.rank);
        ones.dim[i] = at < 0 ? 1 : x->type->shape.dim[at];
        reps[i] = ones.dim[i] == s->dim[i] ? 1 : s->dim[i];
        more = more || reps[i] != 1;
    }
    x = grad_as(b, x, ones);
    if (!more) return x;
    return mil_tile(b, "tile", .x = x, .reps = build_ints(b, s->rank, reps));
}

Value *grad_slice(Builder *b, Value *x, int axis, int64_t from, int64_t n)
{
    if (!from && n == x->type->shape.dim[axis]) return x;
    return make_slice(b, x, axis, from, n);
}

Value *grad_concat(Builder *b, Value **v, int n, int axis)
{
    return n == 1 ? v[0] : make_concat(b, v, n, axis);
}

Value *grad_pad(Builder *b, Value *x, const int64_t *before, const int64_t *after)
{
    int64_t pad[2 * MAX_RANK];
    const int rank = x->type->shape.rank;
    bool any = false;
    for (int i = 0; i < rank; i++) {
        pad[2 * i] = before[i];
        pad[2 * i + 1] = after[i];
        any = any || before[i] || after[i];
    }
    return any ? make_pad(b, x, pad, 0) : x;
}

Value *grad_scatter_sum(Builder *b, Value *data, Value *at, Value *v, int axis)
{
    Value *along = build_int(b, axis), *mode = build_string(b, "add");
    return mil_scatter_along_axis(b, "scatter", .data = data, .indices = at, .updates = v,
                                  .axis = along, .mode = mode);
}

/* ---- constants --------------------------------------------------------------------------- */

Const *grad_table(Builder *b, DType t, Shape s, Tensor *room)
{
    const Type *type = module_tensor(b->m, t, &s);
    void *data = arena_alloc(&b->m->arena, type_bytes(type) + 1);
    memset(data, 0, type_bytes(type));
    *room = tensor_view(t, &s, data);
    return const_data(&b->m->arena, type, data);
}

Value *grad_along(Builder *b, Value *x, int axis, int64_t from, int64_t to,
                  const double *m)
{
    Shape out = x->type->shape;
    int64_t before = 1, after = 1;
    Tensor room;
    for (int i = 0; i < axis; i++) before *= out.dim[i];
    for (int i = axis + 1; i < out.rank; i++) after *= out.dim[i];
    out.dim[axis] = to;
    const bool last = after == 1;
    const Const *c = grad_table(b, x->type->dtype,
                                last ? SHAPE(from, to) : SHAPE(to, from), &room);
    for (int64_t i = 0; i < from; i++)
        for (int64_t k = 0; k < to; k++)
            tensor_set_float(&room, (size_t)(last ? i * to + k : k * from + i),
                             m[i * to + k]);
    Value *matrix = build_const(b, "matrix", c);
    if (last)
        return grad_as(
            b, make_matmul(b, grad_as(b, x, SHAPE(before, from)), matrix, false, false),
            out);
    Value *rows = grad_as(b, x,
                          before == 1 ? SHAPE(from, after) : SHAPE(before, from, after));
    return grad_as(b, make_matmul(b, matrix, rows, false, false), out);
}

Value *grad_same(Grad *g, int kind, int n, const BuildArg *with)
{
    BuildArg arg[MAX_PARAM];
    int count = 0;
    for (int i = 0; i < g->op->narg; i++) {
        const Arg *a = &g->op->arg[i];
        bool other = false;
        for (int k = 0; k < n; k++) other = other || with[k].param == a->param;
        if (!other && op_param_of(&ops[kind], (ParamId)a->param))
            arg[count++] = arg_given(a);
    }
    for (int k = 0; k < n; k++)
        if (with[k].count) arg[count++] = with[k];
    return build_op(g->b, ops[kind].name, kind, arg, count)->out[0];
}
