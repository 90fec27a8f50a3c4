/* legal.c -- shared by the passes that make a program legal: walks, arguments, building ops. */
#include "legal.h"

#include <string.h>

/* ---- walking ----------------------------------------------------------------------------- */

/* What replaces a result must be its own and of its type, which is what the users were checked
 * with. Of dimensions that are not known the program may have said more than can be inferred. */
static void take_over(Func *f, Value *from, Value *with)
{
    if (!with->def || with->def->nout != 1)
        bug("%s becomes a value that is not its own", from->name);
    if (with->type->kind != TY_POISON) {
        if (!type_fits(with->type, from->type))
            bug("%s becomes a value of another type", from->name);
        with->type = from->type;
    }
    func_replace_uses(f, from, with);
}

static void legal_replace_all(Op *op, Value **with)
{
    Module *m = op->parent->func->module;
    for (int i = 0; i < op->nout; i++) take_over(op->parent->func, op->out[i], with[i]);
    op_unlink(op);
    for (int i = 0; i < op->nout; i++) {
        with[i]->name = op->out[i]->name;
        op_set_name(m, with[i]->def, with[i]->name);
    }
}

void legal_replace(Op *op, Value *with) { legal_replace_all(op, &with); }

typedef struct {
    Legal legal;
    Rewrite *one;
    RewriteAll *all;
    BuiltScalars scalars;
} Walker;

static bool legal_rewritable(const Op *op)
{
    if (op_nblock(op)) return false;
    for (int i = 0; i < op->nout; i++)
        if (op->out[i]->type->kind != TY_TENSOR) return false;
    return true;
}

static bool legal_visit(void *ctx, Op *op)
{
    Walker *w = ctx;
    Value *with[MAX_RESULT];
    if (!w->legal.options->about[op->kind] || op->kind == OP_const
        || !legal_rewritable(op) || op_is_ahead(op) || (w->one && op->nout != 1))
        return true;
    Builder b = before_op(op, w->legal.diag);
    b.scalars = &w->scalars;
    if (w->one ? !(with[0] = w->one(&w->legal, &b, op))
               : !w->all(&w->legal, &b, op, with))
        return true;
    legal_replace_all(op, with);
    w->legal.changes++;
    return true;
}

static int walk_all(Module *m, const PassOptions *o, Diag *d, Walker *w)
{
    w->legal = (Legal){ .m = m, .options = o, .rules = o->rules, .diag = d };
    int errors = diag_wrong(d);
    for (w->legal.func = m->first; w->legal.func; w->legal.func = w->legal.func->next) {
        w->scalars = (BuiltScalars){ .count = 0 };
        func_walk(w->legal.func, legal_visit, w);
    }
    return errors == diag_wrong(d) ? w->legal.changes : -1;
}

int legal_rewrite(Module *m, const PassOptions *o, Diag *d, Rewrite *fn)
{
    return walk_all(m, o, d, &(Walker){ .one = fn });
}

int legal_rewrite_all(Module *m, const PassOptions *o, Diag *d, RewriteAll *fn)
{
    return walk_all(m, o, d, &(Walker){ .all = fn });
}

/* ---- asking ------------------------------------------------------------------------------ */

const Shape *shape_of_value(const Value *v)
{
    return v && v->type->kind == TY_TENSOR && shape_known(&v->type->shape)
             ? &v->type->shape
             : NULL;
}

int64_t dim_of(const Value *v, int from_last)
{
    const Shape *s = shape_of_value(v);
    return s && s->rank > from_last ? s->dim[s->rank - 1 - from_last] : -1;
}

bool flag_of(const Op *op, ParamId arg)
{
    bool b = false;
    return value_bool(op_value(op, arg), &b) && b;
}

bool int_of(const Op *op, ParamId arg, int64_t other, int64_t *out)
{
    *out = other;
    return !op_value(op, arg) || value_int(op_value(op, arg), out);
}

bool float_of(const Op *op, ParamId arg, double other, double *out)
{
    *out = other;
    return !op_value(op, arg) || value_float(op_value(op, arg), out);
}

int axis_of(const Op *op, ParamId arg, int64_t other, int rank)
{
    int64_t axis;
    if (!int_of(op, arg, other, &axis)) return -1;
    if (axis < 0) axis += rank;
    return axis >= 0 && axis < rank ? (int)axis : -1;
}

bool ints_of(const Op *op, ParamId arg, int64_t *v, int *n)
{
    *n = op_value(op, arg) ? value_ints(op_value(op, arg), v) : 0;
    return *n >= 0;
}

int args_with(const Op *op, BuildArg *arg, int n, ParamId p, Value **with)
{
    const BuildArg given = { .param = p, .val = with, .count = 1 };
    int at = n;
    for (int i = 0; i < n; i++) {
        if (op) arg[i] = arg_given(&op->arg[i]);
        if (arg[i].param == p) at = i;
    }
    arg[at] = given;
    return at < n ? n : n + 1;
}

bool over_limit(const RuleSet *rs, int limit, int64_t n)
{
    const int64_t most = rule_limit(rs, limit);
    return most > 0 && n > most;
}

/* ---- building ---------------------------------------------------------------------------- */

Value *make_select(Builder *b, Value *cond, Value *x, Value *y)
{
    return mil_select(b, "select", .cond = cond, .a = x, .b = y);
}

Value *make_cast(Builder *b, Value *x, DType t)
{
    if (x->type->dtype == t) return x;
    return mil_cast(b, "cast", .x = x, .dtype = build_string(b, dtypes[t].name));
}

/* The same bytes under another shape. */
static Value *legal_relabelled(Builder *b, const Value *x, const Shape *s)
{
    Const *c = NEW(&b->m->arena, Const);
    *c = *value_lit(x);
    c->type = type_tensor(&b->m->arena, x->type->dtype, *s);
    return build_const(b, x->name ? x->name : "const", c);
}

/* A tensor of no elements: to reshape, a 0 says that a dimension stays. */
static Value *legal_nothing(Builder *b, const Value *x, const Shape *s)
{
    Const *c = NEW(&b->m->arena, Const);
    *c = (Const){ .type = type_tensor(&b->m->arena, x->type->dtype, *s),
                  .kind = CONST_INIT,
                  .init = INIT_FILL };
    return build_const(b, "none", c);
}

Value *make_shape(Builder *b, Value *x, const Shape *s)
{
    size_t n;
    if (shape_equal(&x->type->shape, s)) return x;
    if (shape_count(s, &n) && !n) return legal_nothing(b, x, s);
    x = make_dense(b, x);
    if (value_lit(x) && value_lit(x)->kind != CONST_GROUP)
        return legal_relabelled(b, x, s);
    if (!s->rank) return mil_squeeze(b, "squeeze", .x = x);
    return mil_reshape(b, "reshape", .x = x, .shape = build_ints(b, s->rank, s->dim));
}

Value *make_swap(Builder *b, Value *x)
{
    int64_t perm[MAX_RANK];
    const int n = x->type->shape.rank;
    for (int i = 0; i < n; i++) perm[i] = i;
    perm[n - 1] = n - 2;
    perm[n - 2] = n - 1;
    return make_transpose(b, x, perm);
}

Value *make_strided(Builder *b, Value *x, const int64_t *begin, const int64_t *end,
                    const int64_t *stride)
{
    const int rank = x->type->shape.rank;
    Value *from = build_ints(b, rank, begin), *to = build_ints(b, rank, end);
    Value *step = build_ints(b, rank, stride);
    return mil_slice_by_index(b, "slice", .x = x, .begin = from, .end = to,
                              .stride = step);
}

Value *make_clip(Builder *b, Value *x, double low, double high)
{
    Value *least = make_number(b, x, low), *most = make_number(b, x, high);
    return mil_clip(b, "clip", .x = x, .alpha = least, .beta = most);
}

Value *make_over(Builder *b, const char *wish, int kind, Value *x, int n,
                 const int64_t *axes)
{
    Value *over = build_ints(b, n, axes), *keep = build_bool(b, true);
    return build_of(b, wish, kind, P_x, x, P_axes, over, P_keep_dims, keep, P_NONE);
}
