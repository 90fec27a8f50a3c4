/* opset_forms.c -- the column OPSETS: ops in terms of those that another opset has; casts,
 * quantisation, and single ops. */
#include "opset.h"
#include "passes.h"

#include <string.h>

static Value *cast_to(Builder *b, Value *x, DType t)
{
    return mil_cast(b, "cast", .x = x, .dtype = build_string(b, dtypes[t].name));
}

static Value *int_op(Builder *b, int kind, Value *x, int64_t y)
{
    return make_two(b, kind, x, build_int(b, y));
}

/* ---- integers of fewer bits -------------------------------------------------------------- */

static DType opset_forms_narrow(const Level *l, const Value *v)
{
    const Was *w = values_get(&l->was, v);
    return w && w->dtype != DT_NONE ? w->dtype : v->type->dtype;
}

static int64_t opset_forms_least(DType t)
{
    return dtypes[t].cls == CLASS_INT ? -((int64_t)1 << (dtypes[t].bits - 1)) : 0;
}
static int64_t opset_forms_most(DType t)
{
    return opset_forms_least(t) + ((int64_t)1 << dtypes[t].bits) - 1;
}

static bool opset_forms_holds(DType t, DType all)
{
    if (all == DT_BOOL) return true;
    return dtype_is_int(all) && dtypes[all].bits <= 32
        && opset_forms_least(all) >= opset_forms_least(t)
        && opset_forms_most(all) <= opset_forms_most(t);
}

/* Places along axes that are no longer than the type counts. */
static bool places_within(const Value *v, int64_t last)
{
    static const int kinds[] = { OP_reduce_argmax, OP_reduce_argmin, OP_argsort,
                                 OP_topk };
    const Shape *x = v->def ? shape_of_value(op_value(v->def, P_x)) : NULL;
    bool place = false;
    for (size_t i = 0; x && i < COUNT(kinds); i++)
        place = place || v->def->kind == kinds[i];
    for (int i = 0; place && i < x->rank; i++) place = x->dim[i] - 1 <= last;
    return place && (v->def->kind != OP_topk || v->index == 1);
}

/* A cast to a type that is int32 now: floats go into its range, ints wrap around in it. */
bool form_cast(Level *l, Builder *b, Op *op, Value **out)
{
    Value *x = op_value(op, P_x);
    const char *name = op_const_string(op, P_dtype);
    const DType t = dtype_find(name, strlen(name)), wide = dtype_wider(t),
                from = opset_forms_narrow(l, x);
    const Was *w = values_get(&l->was, op->out[0]);
    if (wide != DT_INT32) return false;
    if ((w && w->reach <= opset_forms_most(t) + 1) || opset_forms_holds(t, from)
        || places_within(x, opset_forms_most(t))) {
        *out = cast_to(b, x, wide);
    } else if (dtype_is_float(from)) {
        Value *v = int_op(b, OP_maximum, cast_to(b, x, wide), opset_forms_least(t));
        *out = int_op(b, OP_minimum, v, opset_forms_most(t));
    } else {
        Value *v = make_cast(b, x, wide);
        if (opset_forms_least(t)) v = int_op(b, OP_sub, v, opset_forms_least(t));
        v = int_op(b, OP_mod, v, (int64_t)1 << dtypes[t].bits);
        *out = opset_forms_least(t) ? int_op(b, OP_add, v, opset_forms_least(t)) : v;
    }
    return true;
}

/* ---- quantisation ------------------------------------------------------------------------ */

/* A number or one an element of the axis, so that it broadcasts against x; NULL: not known. */
static Value *opset_forms_along(Builder *b, const Op *op, ParamId arg, const Value *x,
                                DType t)
{
    Value *v = opset_as(b, op_value(op, arg), t);
    Shape s = { .rank = x->type->shape.rank };
    if (!v->type->shape.rank) return v;
    const int axis = axis_of(op, P_axis, 0, s.rank);
    if (axis < 0 || v->type->shape.rank != 1) return NULL;
    for (int i = 0; i < s.rank; i++) s.dim[i] = 1;
    s.dim[axis] = v->type->shape.dim[0];
    return make_shape(b, v, &s);
}

/* In fp32, since a quotient that fp16 rounds may end on the other side of a half. */
bool form_quantize(Level *l, Builder *b, Op *op, Value **out)
{
    const DType t = op->out[0]->type->dtype;
    Value *x = opset_as(b, op_value(op, P_input), DT_FP32),
          *scale = opset_forms_along(b, op, P_scale, x, DT_FP32);
    (void)l;
    if (!scale) return false;
    Value *v = make_one(b, OP_round, make_two(b, OP_real_div, x, scale));
    if (op_value(op, P_zero_point)) {
        Value *zero = opset_forms_along(b, op, P_zero_point, x, DT_FP32);
        if (!zero) return false;
        v = make_two(b, OP_add, v, zero);
    }
    v = make_clip(b, v, (double)opset_forms_least(t), (double)opset_forms_most(t));
    Was *w = values_get(&l->was, op->out[0]);
    if (w) w->real = v;
    *out = cast_to(b, v, dtype_wider(t));
    return true;
}

bool form_dequantize(Level *l, Builder *b, Op *op, Value **out)
{
    Value *x = op_value(op, P_input);
    const Was *w = values_get(&l->was, x);
    const DType t = op->out[0]->type->dtype;
    Value *v = opset_as(b, w && w->real ? w->real : x, t),
          *scale = opset_forms_along(b, op, P_scale, x, t);
    (void)l;
    if (!scale) return false;
    if (op_value(op, P_zero_point)) {
        Value *zero = opset_forms_along(b, op, P_zero_point, x, t);
        if (!zero) return false;
        v = make_two(b, OP_sub, v, zero);
    }
    *out = make_two(b, OP_mul, v, scale);
    return true;
}

/* ---- single ops -------------------------------------------------------------------------- */

bool form_attention(Level *l, Builder *b, Op *op, Value **out)
{
    (void)l;
    *out = legal_attention(b, op);
    return *out != NULL;
}

/* reset_after and input_bias: step by step. */
bool form_gru(Level *l, Builder *b, Op *op, Value **out)
{
    (void)l;
    return legal_unroll(b, op, op->out[0]->type->dtype, out);
}

/* A bias that is computed is added behind the convolution, a computed weight of a transposed
 * one multiplied before it. */
bool form_bias(Level *l, Builder *b, Op *op, Value **out)
{
    BuildArg arg[MAX_PARAM];
    (void)l;
    for (int i = 0; i < op->narg; i++) arg[i] = arg_given(&op->arg[i]);
    *out = promoted_form(b, op_name(op), op->kind, arg, op->narg);
    return *out != NULL;
}

/* Blocks into channels channel major: block major, and the channels exchanged. */
bool form_pixel_unshuffle(Level *l, Builder *b, Op *op, Value **out)
{
    Value *x = op_value(op, P_x);
    const Shape *s = shape_of_value(x);
    int64_t r;
    (void)l;
    if (!s || s->rank != 4 || !int_of(op, P_downscale_factor, 1, &r)) return false;
    Value *v = mil_space_to_depth(b, "depth", .x = x, .block_size = build_int(b, r));
    const Shape t = v->type->shape;
    v = make_as(b, v, SHAPE(t.dim[0], r * r, s->dim[1], t.dim[2], t.dim[3]));
    v = make_transpose(b, v, (const int64_t[]){ 0, 2, 1, 3, 4 });
    *out = mil_reshape(b, "reshape", .x = v, .shape = build_ints(b, 4, t.dim));
    return true;
}

bool form_fill_like(Level *l, Builder *b, Op *op, Value **out)
{
    Value *like = op_value(op, P_ref_tensor), *value = op_value(op, P_value);
    const Shape *s = shape_of_value(like);
    (void)l;
    Value *shape = s ? build_ints(b, s->rank, s->dim) : make_one(b, OP_shape, like);
    if (!value) value = build_float(b, DT_FP32, 0);
    *out = mil_fill(b, "fill", .shape = shape, .value = value);
    return true;
}

bool form_reshape_like(Level *l, Builder *b, Op *op, Value **out)
{
    const Shape *s = shape_of_value(op->out[0]);
    (void)l;
    if (!s) return false;
    *out = mil_reshape(b, "reshape", .x = op_value(op, P_x),
                       .shape = build_ints(b, s->rank, s->dim));
    return true;
}
