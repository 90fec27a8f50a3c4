/* opset_ios26.c -- conversion of a function below ios26, for two things that ios26 introduced.
 *
 * Tables of integers: from ios26 on an element is looked up and then scaled; before, the
 * table is scaled first. The numbers are the same where each table has one scale, so tables
 * are repeated where scales are finer. Arrays of int8: older models have int32 inputs and
 * results. */
#include "opset.h"
#include "../ops/geometry.h"

#include <string.h>

/* ---- tables ------------------------------------------------------------------------------ */

/* A scale whose data are looked up in tables; NULL members: it is none. */
typedef struct {
    Op *scale, *lookup;
    Shape shape; /* of the indices */
    const Const *table, *by, *shift;
    int64_t groups[MAX_RANK]; /* tables along each axis, once each has one scale */
} Scaled;

static const Const *opset_ios26_literal(const Op *op, ParamId p)
{
    const Value *v = op_value(op, p);
    return v ? value_lit(v) : NULL;
}

static bool find_lookup(Op *op, Scaled *s)
{
    const bool sparse = op->kind == OP_constexpr_sparse_blockwise_shift_scale;
    if (!sparse && op->kind != OP_constexpr_blockwise_shift_scale) return false;
    const int lookup = sparse ? OP_constexpr_lut_to_sparse : OP_constexpr_lut_to_dense;
    const Value *data = op_value(op, sparse ? P_nonzero_data : P_data),
                *mask = sparse ? op_value(op, P_data_mask) : NULL;
    if (!data || !data->def || data->def->kind != lookup
        || (mask && mask->def != data->def))
        return false;
    const Value *indices = op_value(data->def, sparse ? P_indices_mask : P_indices);
    *s = (Scaled){ .scale = op,
                   .lookup = data->def,
                   .table = opset_ios26_literal(data->def, P_lut),
                   .by = opset_ios26_literal(op, P_scale),
                   .shift = opset_ios26_literal(op, P_offset) };
    if (!indices || indices->type->kind != TY_TENSOR) return false;
    s->shape = indices->type->shape;
    return s->table && s->by && (s->shift || !op_value(op, P_offset))
        && shape_known(&s->shape);
}

/* The coarsest division of each axis into tables that have one scale; false: there is none. */
static bool opset_ios26_divide(Scaled *s)
{
    const Shape *table = &s->table->type->shape, *by = &s->by->type->shape;
    if (by->rank != s->shape.rank || table->rank != by->rank + 2) return false;
    for (int i = 0; i < by->rank; i++) {
        const int64_t t = table->dim[i], n = by->dim[i], all = s->shape.dim[i];
        if (t < 1 || n < 1) return false;
        s->groups[i] = t % n == 0 ? t : n;
        if (s->groups[i] % t || all % s->groups[i]) return false;
    }
    return true;
}

/* Each table as often as there are groups that it serves. */
static const Const *opset_ios26_repeat(Level *l, const Scaled *s)
{
    Tensor from;
    Blocks of;
    Shape to = s->table->type->shape;
    const int rank = s->shape.rank;
    size_t count, bytes = 1;
    for (int i = 0; i < rank; i++) to.dim[i] = s->groups[i];
    if (shape_equal(&to, &s->table->type->shape)) return s->table;
    if (!const_at_hand(s->table) || !shape_count(&to, &count)
        || !const_tensor(s->table, l->diag, &from))
        return NULL;
    for (int i = rank; i < to.rank; i++) bytes *= (size_t)to.dim[i];
    bytes *= (size_t)dtypes[from.dtype].bits / 8;
    blocks_of(&of, rank, s->groups, s->table->type->shape.dim);
    const Type *type = type_tensor(&l->m->arena, from.dtype, to);
    char *data = arena_alloc(&l->m->arena, type_bytes(type) + 1);
    for (size_t i = 0; i < type_bytes(type) / bytes; i++)
        memcpy(data + i * bytes,
               (char *)from.data + (size_t)blocks_at(&of, (int64_t)i) * bytes, bytes);
    tensor_free(&from);
    Const *c = const_data(&l->m->arena, type, data);
    c->in_file = s->table->in_file || s->table->kind == CONST_BLOB;
    return c;
}

/* The same numbers, one for all values of a table. */
static Value *for_tables(Level *l, const Const *c, Loc loc)
{
    if (!c) return NULL;
    Const *r = NEW(&l->m->arena, Const);
    *r = *c;
    Shape s = c->type->shape;
    s.dim[s.rank++] = 1;
    s.dim[s.rank++] = 1;
    r->type = type_tensor(&l->m->arena, c->type->dtype, s);
    return value_literal(l->m, r, loc);
}

/* Looks up in `table` instead, with the arguments that the op has. */
static Op *lookup_in(Builder *b, const Op *op, Value *table)
{
    BuildArg arg[MAX_PARAM];
    const int n = args_with(op, arg, op->narg, P_lut, &table);
    return build_op(b, op->out[0]->name, op->kind, arg, n);
}

static void scale_first(Level *l, Scaled *s)
{
    const Const *table = opset_ios26_divide(s) ? opset_ios26_repeat(l, s) : NULL;
    if (!table) return; /* it is decoded where the opset takes no such op */
    Builder b = builder_at(s->scale->parent, s->scale, l->diag, op_loc(s->lookup));
    Value *scaled = mil_constexpr_blockwise_shift_scale(
        &b, "table", .data = value_literal(l->m, table, op_loc(s->lookup)),
        .scale = for_tables(l, s->by, op_loc(s->scale)),
        .offset = for_tables(l, s->shift, op_loc(s->scale)));
    Op *looked = lookup_in(&b, s->lookup, scaled);
    Op *scale = s->scale;
    for (int i = 0; i < scale->nout; i++) {
        func_replace_uses(l->func, scale->out[i], looked->out[i]);
        looked->out[i]->name = scale->out[i]->name;
    }
    op_set_name(l->m, looked, scale->out[0]->name);
    looked->keep = scale->keep;
    op_unlink(scale);
    l->changes++;
}

/* Nobody looks the ints themselves up any more. */
static void drop_lookup(Level *l, Op *op)
{
    for (int i = 0; i < op->nout; i++)
        if (func_count_uses(l->func, op->out[i]) || is_result(op->out[i])) return;
    op_unlink(op);
}

static bool opset_ios26_visit(void *ctx, Op *op)
{
    Level *l = ctx;
    Scaled s;
    if (!find_lookup(op, &s)) return true;
    scale_first(l, &s);
    drop_lookup(l, s.lookup);
    return true;
}

void opset_scale_tables(Level *l)
{
    if (l->from >= OPSET_IOS26 && l->to < OPSET_IOS26)
        func_walk(l->func, opset_ios26_visit, l);
}

/* ---- arrays ------------------------------------------------------------------------------ */

static DType array_type(void *ctx, const Func *f, const Value *v)
{
    const Level *l = ctx;
    const DType wide = dtype_wider(DT_INT8);
    bool input = false;
    if (v->type->dtype != DT_INT8) return DT_NONE;
    for (int i = 0; i < f->body->nparam; i++) input = input || f->body->param[i] == v;
    if (input) opset_say_input(l, v, wide);
    else opset_say_result(l, v, DT_INT8, wide);
    return wide;
}

void opset_arrays(Level *l)
{
    if (l->arrays && l->from >= OPSET_IOS26 && l->to < OPSET_IOS26)
        l->changes += edges_take(l->func, l->diag, array_type, l);
}
