/* core_math.c -- operations of Core AI that compute element by element, and along axes. */
#include "core_import.h"

static bool gives(CoreCall *c, Value *v)
{
    c->out[c->nout++] = v;
    return v != NULL;
}

static bool is_float(const Value *v) { return dtype_is_float(core_dtype(v)); }

/* ---- one operand ------------------------------------------------------------------------- */

bool core_do_one(CoreCall *c)
{
    return gives(c, build_of(&c->b, "t", c->row->kind, P_x, c->in[0], P_NONE));
}

bool core_do_gelu(CoreCall *c)
{
    Builder *b = &c->b;
    const char *how = core_option(c, "approximate");
    if (how && strcmp(how, "none") != 0 && strcmp(how, "tanh") != 0)
        return core_refuse(c, "approximate = <%s> is not known", how);
    const bool rough = how && !strcmp(how, "tanh");
    Value *mode = build_string(b, rough ? "TANH_APPROXIMATION" : "EXACT");
    return gives(c, mil_gelu(b, "t", .x = c->in[0], .mode = mode));
}

static Value *log_of(CoreCall *c, Value *x)
{
    Builder *b = &c->b;
    return mil_log(b, "log", .x = x, .epsilon = core_number(c, x, 0));
}

bool core_do_log(CoreCall *c) { return gives(c, log_of(c, c->in[0])); }

bool core_do_rsqrt(CoreCall *c)
{
    Builder *b = &c->b;
    Value *none = core_number(c, c->in[0], 0);
    return gives(c, mil_rsqrt(b, "t", .x = c->in[0], .epsilon = none));
}

/* The root of x * x plus or minus 1. */
static Value *root_of(CoreCall *c, int kind, Value *x)
{
    Value *one = core_number(c, x, 1);
    Value *square = core_both(c, OP_mul, x, x);
    return mil_sqrt(&c->b, "root", .x = core_both(c, kind, square, one));
}

/* By the magnitude, since a large negative x would cancel. */
bool core_do_asinh(CoreCall *c)
{
    Value *x = c->in[0], *size = mil_abs(&c->b, "size", .x = x);
    Value *root = root_of(c, OP_add, x);
    Value *grown = log_of(c, core_both(c, OP_add, size, root));
    Value *sign = mil_sign(&c->b, "sign", .x = x);
    return gives(c, core_both(c, OP_mul, sign, grown));
}

bool core_do_acosh(CoreCall *c)
{
    Value *x = c->in[0], *root = root_of(c, OP_sub, x);
    return gives(c, log_of(c, core_both(c, OP_add, x, root)));
}

bool core_do_neg(CoreCall *c)
{
    Value *minus = core_number(c, c->in[0], -1);
    return gives(c, core_both(c, OP_mul, c->in[0], minus));
}

/* Cut off towards zero: the sign of x, and the whole part of its size. */
static Value *cut_off(CoreCall *c, Value *x)
{
    Builder *b = &c->b;
    Value *size = mil_abs(b, "size", .x = x);
    Value *whole = mil_floor(b, "whole", .x = size);
    return core_both(c, OP_mul, mil_sign(b, "sign", .x = x), whole);
}

bool core_do_trunc(CoreCall *c) { return gives(c, cut_off(c, c->in[0])); }

bool core_do_cast(CoreCall *c)
{
    if (c->node->given.count != 1) return core_refuse(c, "it has no type");
    const Type *t = core_mil_type(c->im, &c->node->given.item[0]);
    return t && gives(c, core_cast(c, c->in[0], t->dtype));
}

/* ---- two and three ----------------------------------------------------------------------- */

/* Those that are not decomposable take operands of one shape. */
static bool same_shapes(CoreCall *c)
{
    const Shape *x = core_shape(c->in[0]), *y = core_shape(c->in[1]);
    const bool matrix = c->row->kind == OP_matmul;
    if (!c->node->strict || matrix || shape_fits(x, y)) return true;
    return core_refuse(
        c,
        "its operands are %s and %s; only coreai.decomposable.broadcasting_%s "
        "takes two shapes",
        shape_text(c->im->arena, x), shape_text(c->im->arena, y), c->node->name);
}

/* Truth values are compared as numbers. */
static bool core_compares(int kind)
{
    return kind == OP_equal || kind == OP_not_equal || kind == OP_greater;
}

bool core_do_pair(CoreCall *c)
{
    Value *x = c->in[0], *y = c->in[1];
    if (!same_shapes(c)) return false;
    if (core_compares(c->row->kind) && core_dtype(x) == DT_BOOL
        && core_dtype(y) == DT_BOOL) {
        x = core_cast(c, x, DT_INT32);
        y = core_cast(c, y, DT_INT32);
    }
    return gives(c, core_both(c, c->row->kind, x, y));
}

/* What is left has the sign of x, as converters use it for a remainder of C. */
bool core_do_modulo(CoreCall *c)
{
    Value *x = c->in[0], *y = c->in[1];
    if (!same_shapes(c)) return false;
    Value *q = core_both(c, OP_real_div, x, y);
    if (is_float(x)) q = cut_off(c, q);
    return gives(c, core_both(c, OP_sub, x, core_both(c, OP_mul, q, y)));
}

bool core_do_bitwise(CoreCall *c)
{
    if (core_dtype(c->in[0]) != DT_BOOL)
        return core_refuse(c, "MIL computes with no bits of integers");
    return same_shapes(c) && gives(c, core_both(c, c->row->kind, c->in[0], c->in[1]));
}

bool core_do_where(CoreCall *c)
{
    Builder *b = &c->b;
    return gives(c, mil_select(b, "t", .cond = c->in[0], .a = c->in[1], .b = c->in[2]));
}

/* ---- along axes -------------------------------------------------------------------------- */

static Value *reduced(CoreCall *c, int kind, Value *x, int n, const int64_t *axis)
{
    Value *axes = build_ints(&c->b, n, axis);
    Value *keep = build_bool(&c->b, true);
    return build_of(&c->b, "t", kind, P_x, x, P_axes, axes, P_keep_dims, keep, P_NONE);
}

bool core_do_reduce(CoreCall *c)
{
    int64_t axis[MAX_RANK * 2];
    int n;
    return core_ints(c, 1, axis, &n)
        && gives(c, reduced(c, c->row->kind, c->in[0], n, axis));
}

bool core_do_any(CoreCall *c)
{
    int64_t axis[MAX_RANK * 2];
    int n;
    if (!core_ints(c, 1, axis, &n)) return false;
    Value *x = core_cast(c, c->in[0], DT_INT32);
    return gives(c, core_cast(c, reduced(c, OP_reduce_max, x, n, axis), DT_BOOL));
}

bool core_do_argmax(CoreCall *c)
{
    Builder *b = &c->b;
    int64_t axis;
    if (!core_axis(c, 1, core_rank(c->in[0]), &axis)) return false;
    Value *along = build_int(b, axis);
    Value *keep = build_bool(b, true);
    return gives(
        c, mil_reduce_argmax(b, "t", .x = c->in[0], .axis = along, .keep_dims = keep));
}

bool core_do_softmax(CoreCall *c)
{
    Builder *b = &c->b;
    int64_t axis;
    if (!core_axis(c, 1, core_rank(c->in[0]), &axis)) return false;
    return gives(c, mil_softmax(b, "t", .x = c->in[0], .axis = build_int(b, axis)));
}

bool core_do_scan(CoreCall *c)
{
    Builder *b = &c->b;
    const char *how = core_option(c, "combiner");
    int64_t axis;
    bool flag;
    if (!how || strcmp(how, "sum") != 0)
        return core_refuse(c, "combiner = <%s> is not known", how ? how : "");
    if (!core_axis(c, 1, core_rank(c->in[0]), &axis)) return false;
    if (!value_bool(c->in[2], &flag) || flag)
        return core_refuse(c, "what its flag means where it is true is not public");
    return gives(c, mil_cumsum(b, "t", .x = c->in[0], .axis = build_int(b, axis)));
}
