/* legal_weights.c -- compressed weights in another form, or decompressed.
 *
 * Between opsets a blockwise form with one scale for the tensor or one for each channel
 * becomes the affine form of ios16; other forms are decompressed. Weights whose file is
 * absent stay as they are. */
#include "legal.h"

#include <string.h>

/* ---- dense ------------------------------------------------------------------------------- */

/* The literal of a parameter, an argument or (up to ios17) an attribute. */
static const Const *literal_of(const Op *op, ParamId p)
{
    const Value *v = op_value(op, p);
    return v ? value_lit(v) : op_attr(op, param_names[p]);
}

/* The elements that a constexpr decodes, as a literal of their own. */
Const *legal_decoded(Module *m, const Value *v, Diag *d)
{
    Tensor t;
    if (!value_at_hand(v) || !value_tensor(v, d, &t)) return NULL;
    void *data = arena_alloc(&m->arena, t.bytes + 1);
    if (t.bytes) memcpy(data, t.data, t.bytes);
    Const *c = const_data(&m->arena, type_tensor(&m->arena, t.dtype, t.shape), data);
    c->in_file = true; /* as a weight is */
    tensor_free(&t);
    return c;
}

Value *make_dense(Builder *b, Value *w)
{
    if (!w || value_lit(w) || !value_is_const(w)) return w;
    const Const *c = legal_decoded(b->m, w, b->diag);
    return c ? build_const(b, w->name, c) : w;
}

bool legal_decompress(Module *m, Op *op, Diag *d)
{
    const Const *dense[MAX_RESULT];
    for (int i = 0; i < op->nout; i++)
        if (!(dense[i] = legal_decoded(m, op->out[i], d))) return false;
    Builder b = before_op(op, d);
    for (int i = 0; i < op->nout; i++) {
        Value *v = build_const(&b, op->out[i]->name, dense[i]);
        func_replace_uses(op->parent->func, op->out[i], v);
        v->name = op->out[i]->name; /* which is free now */
        v->def->keep = op->keep;
        op_set_name(m, v->def, v->name);
    }
    op_unlink(op);
    return true;
}

/* ---- affine ------------------------------------------------------------------------------ */

static const Const *weights_relabelled(Module *m, const Const *c, Shape s)
{
    Const *r = NEW(&m->arena, Const);
    *r = *c;
    r->type = type_tensor(&m->arena, c->type->dtype, s);
    return r;
}

/* The only axis along which the blocks differ, each of one entry; 0 when there is one block;
 * -1: no. */
static int block_axis(const Shape *data, const Shape *blocks)
{
    int axis = 0, count = 0;
    if (blocks->rank != data->rank) return -1;
    for (int i = 0; i < data->rank; i++) {
        if (blocks->dim[i] == 1) continue;
        if (blocks->dim[i] != data->dim[i]) return -1;
        axis = i;
        count++;
    }
    return count > 1 ? -1 : axis;
}

bool legal_as_affine(Module *m, Op *op, Opset to, Diag *d)
{
    const Const *data = literal_of(op, P_data), *scale = literal_of(op, P_scale),
                *offset = literal_of(op, P_offset);
    if (op->kind != OP_constexpr_blockwise_shift_scale || !data || !scale
        || !data->type->shape.rank)
        return false;
    const DType t = data->type->dtype;
    const int axis = block_axis(&data->type->shape, &scale->type->shape);
    if ((t != DT_INT8 && t != DT_UINT8) || axis < 0) return false;
    if (offset
        && (offset->type->dtype != t
            || !shape_equal(&offset->type->shape, &scale->type->shape)))
        return false;
    const int64_t n = scale->type->shape.dim[axis];
    const Shape s = n > 1 ? SHAPE(n) : (Shape){ .rank = 0 };
    Builder b = before_op(op, d);
    b.opset = to;
    Op *affine = op_new_of(m, op->parent, op, OP_constexpr_affine_dequantize, op_loc(op));
    op_set_attr(m, affine, param_names[P_axis], const_int(&m->arena, DT_INT32, axis));
    op_set_name(m, affine, op->out[0]->name);
    op_set_attr(m, affine, param_names[P_quantized_data], data);
    op_set_attr(m, affine, param_names[P_scale], weights_relabelled(m, scale, s));
    op_set_attr(m, affine, param_names[P_zero_point],
                offset ? weights_relabelled(m, offset, s) : const_int(&m->arena, t, 0));
    if (!build_infer(&b, op->out[0]->name, affine)) return false;
    affine->keep = op->keep;
    legal_replace(op, affine->out[0]);
    return true;
}

/* ---- the pass ---------------------------------------------------------------------------- */

/* A convolution's weight that the engine decodes wrongly. */
static void weights_ungroup(Legal *l, const Op *op)
{
    if (!legal_asks(l, RULE_grouped_palettes, op)) return;
    if (legal_decompress(l->m, op_value(op, P_weight)->def, l->diag)) l->changes++;
}

static bool weights_visit(void *ctx, Op *op)
{
    Legal *l = ctx;
    weights_ungroup(l, op);
    if ((legal_asks(l, RULE_constexpr_affine, op)
         || legal_asks(l, RULE_constexpr_blockwise, op))
        && legal_decompress(l->m, op, l->diag))
        l->changes++;
    return true;
}

int pass_decompress(Module *m, const PassOptions *o, Diag *d)
{
    Legal l = { .m = m, .options = o, .rules = o->rules, .diag = d };
    int errors = diag_wrong(d);
    for (l.func = m->first; l.func; l.func = l.func->next)
        func_walk(l.func, weights_visit, &l);
    return errors == diag_wrong(d) ? l.changes : -1;
}
