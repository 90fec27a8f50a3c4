/* opset_weights.c -- conversion of compressed weights between the forms of two opsets.
 *
 * Up to ios17 indices and masks are packed bytes and a shape, given as attributes; from
 * ios18 on they are tensors of types below a byte, given as arguments. The bytes are the
 * same. A form that the other opset lacks, such as tables by blocks, is decompressed. */
#include "opset.h"

#include <string.h>

static const Const *opset_weights_literal(const Op *op, ParamId p)
{
    const Value *v = op_value(op, p);
    return v ? value_lit(v) : op_attr(op, param_names[p]);
}

/* The packed bytes of c as another type; NULL: they are not at hand. */
static const Const *opset_weights_repacked(Level *l, const Const *c, const Type *as)
{
    Tensor t;
    if (!const_at_hand(c) || !const_tensor(c, l->diag, &t)) return NULL;
    char *data = arena_alloc(&l->m->arena, t.bytes + 1);
    memcpy(data, t.data, t.bytes);
    tensor_free(&t);
    return const_data(&l->m->arena, as, data);
}

/* The same elements in another shape, wherever they are. */
static const Const *opset_weights_reshaped(Level *l, const Const *c, Shape s)
{
    Const *r = NEW(&l->m->arena, Const);
    *r = *c;
    r->type = type_tensor(&l->m->arena, c->type->dtype, s);
    return r;
}

/* ---- to bytes ---------------------------------------------------------------------------- */

static const Const *as_bytes(Level *l, const Const *c)
{
    const Type *t = type_tensor(&l->m->arena, DT_UINT8,
                                SHAPE((int64_t)type_bytes(c->type)));
    return opset_weights_repacked(l, c, t);
}

static const Const *shape_const(Level *l, const Shape *s)
{
    return const_ints(&l->m->arena, DT_UINT32, s->rank, s->dim);
}

/* One table for the whole weight, of single values, as long as the opset takes it. */
static bool one_table(const Const *indices, const Const *lut)
{
    const Shape *s = &lut->type->shape;
    const int bits = dtypes[indices->type->dtype].bits;
    if (s->rank < 2 || s->dim[s->rank - 1] != 1 || bits == 3) return false;
    for (int i = 0; i < s->rank - 2; i++)
        if (s->dim[i] != 1) return false;
    return s->dim[s->rank - 2] == (int64_t)1 << bits;
}

static bool lut_to_bytes(Level *l, Op *op, Op *to)
{
    const Const *indices = opset_weights_literal(op, P_indices),
                *lut = opset_weights_literal(op, P_lut);
    if (!indices || !lut || !one_table(indices, lut)) return false;
    const Const *bytes = as_bytes(l, indices);
    if (!bytes) return false;
    op_set_attr(l->m, to, param_names[P_indices], bytes);
    op_set_attr(l->m, to, param_names[P_lut],
                opset_weights_reshaped(
                    l, lut, SHAPE(lut->type->shape.dim[lut->type->shape.rank - 2])));
    op_set_attr(l->m, to, param_names[P_shape], shape_const(l, &indices->type->shape));
    return true;
}

static bool sparse_to_bytes(Level *l, Op *op, Op *to)
{
    const Const *mask = opset_weights_literal(op, P_mask),
                *data = opset_weights_literal(op, P_nonzero_data);
    const Param *p = op_param_of(&ops[op->kind], P_nonzero_data);
    if (!mask || !data || !(domain_types(p->dom, l->to) >> data->type->dtype & 1))
        return false;
    const Const *bytes = as_bytes(l, mask);
    if (!bytes) return false;
    op_set_attr(l->m, to, param_names[P_mask], bytes);
    op_set_attr(l->m, to, param_names[P_nonzero_data], data);
    op_set_attr(l->m, to, param_names[P_shape], shape_const(l, &mask->type->shape));
    return true;
}

/* ---- from bytes -------------------------------------------------------------------------- */

/* Bytes as a tensor of sub-byte elements of the result's shape. */
static const Const *as_packed(Level *l, const Op *op, const Const *c, DType t)
{
    return opset_weights_repacked(l, c,
                                  type_tensor(&l->m->arena, t, op->out[0]->type->shape));
}

static void opset_weights_give(Level *l, Op *to, ParamId p, const Const *c)
{
    op_arg(l->m, to, p, value_literal(l->m, c, op_loc(to)));
}

static DType index_type(int64_t entries)
{
    static const DType types[] = { DT_UINT1, DT_UINT2, DT_UINT4, DT_UINT6, DT_UINT8 };
    for (size_t i = 0; i < COUNT(types); i++)
        if (entries == (int64_t)1 << dtypes[types[i]].bits) return types[i];
    return DT_NONE;
}

static bool lut_from_bytes(Level *l, Op *op, Op *to)
{
    const Const *indices = opset_weights_literal(op, P_indices),
                *lut = opset_weights_literal(op, P_lut);
    Shape table = { .rank = op->out[0]->type->shape.rank };
    if (!indices || !lut || lut->type->shape.rank != 1 || !table.rank
        || table.rank > MAX_RANK - 2)
        return false;
    const DType t = index_type(lut->type->shape.dim[0]);
    const Const *packed = t == DT_NONE ? NULL : as_packed(l, op, indices, t);
    if (!packed) return false;
    for (int i = 0; i < table.rank; i++) table.dim[i] = 1;
    table.dim[table.rank++] = lut->type->shape.dim[0];
    table.dim[table.rank++] = 1;
    opset_weights_give(l, to, P_indices, packed);
    opset_weights_give(l, to, P_lut, opset_weights_reshaped(l, lut, table));
    return true;
}

static bool sparse_from_bytes(Level *l, Op *op, Op *to)
{
    const Const *mask = opset_weights_literal(op, P_mask),
                *data = opset_weights_literal(op, P_nonzero_data);
    const Const *packed = mask && data ? as_packed(l, op, mask, DT_UINT1) : NULL;
    if (!packed) return false;
    opset_weights_give(l, to, P_mask, packed);
    opset_weights_give(l, to, P_nonzero_data, data);
    return true;
}

/* ---- which ------------------------------------------------------------------------------- */

static bool other_form(Level *l, Op *op)
{
    const bool down = l->to < OPSET_IOS18;
    Op *to = op_new_of(l->m, op->parent, op, op->kind, op_loc(op));
    Builder b = builder_at(op->parent, op, l->diag, op_loc(op));
    bool ok = false;
    if (op->kind == OP_constexpr_lut_to_dense)
        ok = down ? lut_to_bytes(l, op, to) : lut_from_bytes(l, op, to);
    if (op->kind == OP_constexpr_sparse_to_dense)
        ok = down ? sparse_to_bytes(l, op, to) : sparse_from_bytes(l, op, to);
    if (!ok || !build_infer(&b, op->out[0]->name, to)) {
        op_unlink(to);
        return false;
    }
    op_set_name(l->m, to, op->out[0]->name);
    to->keep = op->keep;
    legal_replace(op, to->out[0]);
    return true;
}

/* Forms change between ios17 and ios18; a form of one side may be newer than the other's
 * ops. */
static bool same_form(const Level *l, const Op *op)
{
    const bool crossed = (l->from >= OPSET_IOS18) != (l->to >= OPSET_IOS18);
    if (ops[op->kind].since > l->to) return false;
    if (!crossed) return true;
    return op->kind != OP_constexpr_lut_to_dense
        && op->kind != OP_constexpr_sparse_to_dense;
}

/* Up to ios17 all of a compressed weight stands among the attributes. */
static void arguments_to_attributes(Level *l, Op *op)
{
    for (int i = op->narg; i-- > 0;) {
        const Value *v = op->arg[i].val[0];
        if (!value_lit(v)) continue;
        op_set_attr(l->m, op, arg_name(&op->arg[i]), value_lit(v));
        op_set_arg(l->m, op, op->arg[i].param, NULL);
        l->changes++;
    }
}

/* A weight that is made of another one cannot be read before that is decoded. */
static void decode_operands(Level *l, Op *op)
{
    for (int i = 0; i < op->narg; i++) {
        Op *def = op->arg[i].val[0]->def;
        if (def && op_decodes(def)) legal_decompress(l->m, def, l->diag);
    }
}

bool opset_weight(Level *l, Op *op)
{
    if (!op_decodes(op)) return false;
    if (same_form(l, op)) {
        if (l->to < OPSET_IOS18) arguments_to_attributes(l, op);
        return false;
    }
    l->changes++;
    decode_operands(l, op);
    const bool compressed = l->to >= OPSET_IOS16; /* there are forms at all */
    if (compressed && (other_form(l, op) || legal_as_affine(l->m, op, l->to, l->diag)))
        return true;
    if (legal_decompress(l->m, op, l->diag)) return true;
    diag_error(
        l->diag, op_loc(op),
        "%s: it has no form in %s, and its data, which are not at hand, cannot be decoded; "
        "--opset %s keeps it",
        op_name(op), opset_text(l->to), opset_text(l->from));
    l->failed = true;
    return true;
}
