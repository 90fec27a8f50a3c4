/* compress_form.c -- builds the ops that decode a compressed weight: up to ios17 one op that
 * has all parts as attributes, elements below a byte as packed bytes and a shape; from ios18
 * on ops that take tensors, one behind the other. */
#include "compress_part.h"

#include <string.h>

typedef struct {
    Module *m;
    Op *at; /* the op that is replaced: they are built in front of it */
    Diag *diag;
    Opset opset;
    const Coded *coded;
    const char *name;
    int channel;
} Forming;

/* ---- one op ----------------------------------------------------------------------- */

static Op *form_op(Forming *f, int kind)
{
    return op_new_of(f->m, f->at->parent, f->at, kind, op_loc(f->at));
}

static void form_give(Forming *f, Op *op, ParamId p, const Const *c)
{
    if (!c) return;
    if (f->opset < OPSET_IOS18) op_set_attr(f->m, op, param_names[p], c);
    else op_arg(f->m, op, p, value_literal(f->m, c, op_loc(f->at)));
}

/* Infers its results, the first of which has the weight's name and that suffix. */
static Op *form_done(Forming *f, Op *op, const char *suffix)
{
    Builder b = builder_at(f->at->parent, f->at, f->diag, op_loc(f->at));
    b.opset = f->opset;
    const char *name = arena_printf(&f->m->arena, "%s%s", f->name, suffix);
    if (!build_infer(&b, name, op))
        bug("a weight was encoded to what %s does not take", op_name(op));
    op_set_name(f->m, op, op->out[0]->name);
    return op;
}

/* ---- ios16 and ios17 --------------------------------------------------------------------- */

static const Const *form_bytes(Forming *f, const Const *c)
{
    return const_data(
        &f->m->arena,
        type_tensor(&f->m->arena, DT_UINT8, SHAPE((int64_t)type_bytes(c->type))),
        c->data);
}

static const Const *form_shape(Forming *f, const Shape *s)
{
    return const_ints(&f->m->arena, DT_UINT32, s->rank, s->dim);
}

static const Const *form_relabelled(Forming *f, const Const *c, Shape s)
{
    Const *r = NEW(&f->m->arena, Const);
    *r = *c;
    r->type = type_tensor(&f->m->arena, c->type->dtype, s);
    return r;
}

/* A number, or one for each channel. */
static const Const *form_along(Forming *f, const Const *c)
{
    size_t n;
    if (!shape_count(&c->type->shape, &n)) bug("scales of no known count");
    return form_relabelled(f, c, n > 1 ? SHAPE((int64_t)n) : (Shape){ .rank = 0 });
}

static Op *form_affine(Forming *f)
{
    const Coded *c = f->coded;
    Op *op = form_op(f, OP_constexpr_affine_dequantize);
    op_set_attr(f->m, op, param_names[P_axis],
                const_int(&f->m->arena, DT_INT32, f->channel));
    op_set_name(f->m, op, f->name);
    form_give(f, op, P_quantized_data, c->data);
    form_give(f, op, P_scale, form_along(f, c->scale));
    form_give(f, op, P_zero_point,
              c->offset ? form_along(f, c->offset)
                        : const_int(&f->m->arena, c->data->type->dtype, 0));
    return form_done(f, op, "");
}

static Op *form_old(Forming *f, const Shape *dense)
{
    const Coded *c = f->coded;
    if (c->scale) return form_affine(f);
    Op *op = form_op(f,
                     c->table ? OP_constexpr_lut_to_dense : OP_constexpr_sparse_to_dense);
    op_set_name(f->m, op, f->name);
    if (c->table) {
        const Shape *s = &c->table->type->shape;
        form_give(f, op, P_indices, form_bytes(f, c->data));
        form_give(f, op, P_lut, form_relabelled(f, c->table, SHAPE(s->dim[s->rank - 2])));
    } else {
        form_give(f, op, P_mask, form_bytes(f, c->mask));
        form_give(f, op, P_nonzero_data, c->data);
    }
    form_give(f, op, P_shape, form_shape(f, dense));
    return form_done(f, op, "");
}

/* ---- ios18 and later --------------------------------------------------------------------- */

static void form_vectors(Forming *f, Op *op)
{
    const Shape *s = &f->coded->table->type->shape;
    if (s->dim[s->rank - 1] > 1)
        form_give(f, op, P_vector_axis, const_int(&f->m->arena, DT_INT32, f->channel));
}

/* The table's values in the places of the elements that stay, and the mask. */
static Op *form_lut_sparse(Forming *f)
{
    Op *op = form_op(f, OP_constexpr_lut_to_sparse);
    form_give(f, op, P_indices_mask, f->coded->mask);
    form_give(f, op, P_indices_nonzero_data, f->coded->data);
    form_give(f, op, P_lut, f->coded->table);
    form_vectors(f, op);
    return form_done(f, op, "_kept");
}

static Op *form_scale_sparse(Forming *f, const Op *before)
{
    Op *op = form_op(f, OP_constexpr_sparse_blockwise_shift_scale);
    if (before) {
        op_arg(f->m, op, P_data_mask, before->out[0]);
        op_arg(f->m, op, P_nonzero_data, before->out[1]);
    } else {
        form_give(f, op, P_data_mask, f->coded->mask);
        form_give(f, op, P_nonzero_data, f->coded->data);
    }
    form_give(f, op, P_scale, f->coded->scale);
    form_give(f, op, P_offset, f->coded->offset);
    return form_done(f, op, "_scaled");
}

static Op *form_sparse(Forming *f)
{
    const Coded *c = f->coded;
    const Op *before = c->table ? form_lut_sparse(f) : NULL;
    if (c->scale) before = form_scale_sparse(f, before);
    Op *op = form_op(f, OP_constexpr_sparse_to_dense);
    if (before) {
        op_arg(f->m, op, P_nonzero_data, before->out[1]);
        op_arg(f->m, op, P_mask, before->out[0]);
    } else {
        form_give(f, op, P_nonzero_data, c->data);
        form_give(f, op, P_mask, c->mask);
    }
    return form_done(f, op, "");
}

static Op *form_now(Forming *f)
{
    const Coded *c = f->coded;
    Op *table = NULL, *op;
    if (c->mask) return form_sparse(f);
    if (c->table) {
        table = form_op(f, OP_constexpr_lut_to_dense);
        form_give(f, table, P_indices, c->data);
        form_give(f, table, P_lut, c->table);
        form_vectors(f, table);
        form_done(f, table, c->scale ? "_table" : "");
    }
    if (!c->scale) return table;
    op = form_op(f, OP_constexpr_blockwise_shift_scale);
    if (table) op_arg(f->m, op, P_data, table->out[0]);
    else form_give(f, op, P_data, c->data);
    form_give(f, op, P_scale, c->scale);
    form_give(f, op, P_offset, c->offset);
    return form_done(f, op, "");
}

Value *compress_form(Module *m, Op *at, const Value *v, const Encoder *e, Diag *d)
{
    const Func *func = at->parent->func;
    Forming f = { .m = m,
                  .at = at,
                  .diag = d,
                  .opset = op_opset(at),
                  .coded = &e->to,
                  .name = v->name,
                  .channel = e->channel };
    Op *op = f.opset < OPSET_IOS18 ? form_old(&f, &e->shape) : form_now(&f);
    if (f.opset != func->opset) op->opset = (uint8_t)f.opset;
    return op->out[0];
}
