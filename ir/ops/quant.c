/* quant.c -- inference of compressed weights and quantised numbers; the reference kernels
 * are in quant_eval.c. */
#include "geometry.h"
#include "grad.h"

#include <string.h>

/* ==== inference
 * ============================================================================= */

/* Result types of quantisation and of the compressed weights. */

static bool quant_fits(int64_t a, int64_t b)
{
    return a == DIM_ANY || b == DIM_ANY || a == b;
}

/* ---- blocks ------------------------------------------------------------------------------ */

void blocks_of(Blocks *b, int rank, const int64_t *dim, const int64_t *groups)
{
    int64_t count = 1;
    bool inside = true; /* every later axis is one block */
    *b = (Blocks){ .rank = rank, .run = 1 };
    for (int i = rank; i-- > 0;) {
        b->dim[i] = dim[i];
        b->block[i] = groups[i] ? dim[i] / groups[i] : 0;
        b->stride[i] = count;
        count *= groups[i];
        if (inside) b->run *= b->block[i];
        inside = inside && groups[i] == 1;
    }
    if (b->run < 1) b->run = 1;
}

void blocks_of_axis(Blocks *b, const Shape *s, int axis)
{
    int64_t groups[MAX_RANK];
    for (int i = 0; i < s->rank; i++) groups[i] = i == axis ? s->dim[i] : 1;
    blocks_of(b, s->rank, s->dim, groups);
}

int64_t blocks_at(const Blocks *b, int64_t element)
{
    int64_t at = 0;
    for (int i = b->rank; i-- > 0;) {
        at += element % b->dim[i] / b->block[i] * b->stride[i];
        element /= b->dim[i];
    }
    return at;
}

/* data's dimensions must be multiples of those of `by`, which has `more` further dimensions. */
static bool quant_divides(Call *c, ParamId data, const Shape *d, ParamId by, int more)
{
    const Shape *s = call_shape(c, by);
    bool good = s->rank == d->rank + more;
    for (int i = 0; good && i < d->rank; i++)
        good = d->dim[i] == DIM_ANY || s->dim[i] == DIM_ANY
            || (s->dim[i] > 0 && d->dim[i] % s->dim[i] == 0);
    if (good) return true;
    return call_error(
        c,
        "%s is %s and %s is %s: %s must have %s, and each dimension must divide "
        "that of %s",
        param_names[data], shape_text(c->arena, d), param_names[by],
        shape_text(c->arena, s), param_names[by],
        more ? "two dimensions more" : "the same rank", param_names[data]);
}

/* ---- scales along an axis ---------------------------------------------------------------- */

/* A scale or offset is one number, or one an element of x's axis. */
static bool check_along(Call *c, ParamId param, const Shape *x)
{
    const Shape *s = call_shape(c, param);
    int axis;
    if (!s || s->rank == 0) return true;
    if (s->rank > 1)
        return call_error(c, "%s is %s; it must be a scalar or of rank 1",
                          param_names[param], shape_text(c->arena, s));
    if (!call_has(c, P_axis))
        return call_error(c, "%s is %s: a vector needs the parameter axis",
                          param_names[param], shape_text(c->arena, s));
    if (!call_known(c, P_axis)) return true;
    if (!call_axis(c, P_axis, x->rank, &axis)) return false;
    if (quant_fits(s->dim[0], x->dim[axis])) return true;
    return call_error(c, "%s is %s where dimension %d of %s has %lld elements",
                      param_names[param], shape_text(c->arena, s), axis,
                      shape_text(c->arena, x), (long long)x->dim[axis]);
}

/* Of quantize and dequantize: both are numbers, without an axis, or both vectors along one. */
static bool check_pair(Call *c, const Shape *x)
{
    const Shape *scale = call_shape(c, P_scale), *zero = call_shape(c, P_zero_point);
    if (!scale->rank && call_has(c, P_axis))
        return call_error(c,
                          "scale is a scalar, so the parameter axis must not be given");
    if (zero && (zero->rank == 0) != (scale->rank == 0))
        return call_error(
            c, "zero_point is %s and scale is %s; both must be scalars, or both vectors",
            shape_text(c->arena, zero), shape_text(c->arena, scale));
    return check_along(c, P_scale, x) && check_along(c, P_zero_point, x);
}

bool infer_dequantize(Call *c)
{
    const Shape *x = call_shape(c, P_input);
    return check_pair(c, x) && call_out(c, call_dtype(c, P_scale), *x);
}

bool infer_quantize(Call *c)
{
    const Shape *x = call_shape(c, P_input);
    const char *name = call_str(c, P_output_dtype);
    DType t = call_type_named(c, P_output_dtype), zero = call_dtype(c, P_zero_point);
    if (!name && zero != DT_NONE) t = zero;
    if (t != DT_INT8 && t != DT_UINT8)
        return call_error(c, "output_dtype is \"%s\"; it must be \"int8\" or \"uint8\"",
                          name ? name : "not known");
    if (zero != DT_NONE && zero != t)
        return call_error(c, "zero_point is %s but output_dtype is \"%s\"",
                          dtypes[zero].name, dtypes[t].name);
    return check_pair(c, x) && call_out(c, t, *x);
}

bool infer_constexpr_affine_dequantize(Call *c)
{
    const Shape *x = call_shape(c, P_quantized_data);
    int axis;
    if (call_known(c, P_axis) && !call_axis(c, P_axis, x->rank, &axis)) return false;
    return check_along(c, P_scale, x) && check_along(c, P_zero_point, x)
        && call_out(c, call_dtype(c, P_scale), *x);
}

/* ---- blockwise --------------------------------------------------------------------------- */

static bool check_offset(Call *c, DType data)
{
    const Shape *o = call_shape(c, P_offset), *s = call_shape(c, P_scale);
    DType t = call_dtype(c, P_offset);
    if (!o) return true;
    if (o->rank != s->rank || !shape_fits(o, s))
        return call_error(c, "offset is %s but scale is %s; they must agree",
                          shape_text(c->arena, o), shape_text(c->arena, s));
    if (!dtype_is_float(t) && t != data)
        return call_error(c, "offset is %s; it must be a float type or %s as the data",
                          dtypes[t].name, dtypes[data].name);
    return true;
}

bool infer_constexpr_blockwise_shift_scale(Call *c)
{
    const Shape *x = call_shape(c, P_data);
    if (x->rank == 0) return call_error(c, "data must not be a scalar");
    return quant_divides(c, P_data, x, P_scale, 0)
        && check_offset(c, call_dtype(c, P_data))
        && call_out(c, call_dtype(c, P_scale), *x);
}

bool infer_constexpr_sparse_blockwise_shift_scale(Call *c)
{
    Packed p;
    if (!sparse_of(c, P_data_mask, P_nonzero_data, &p)
        || !quant_divides(c, P_data_mask, &p.shape, P_scale, 0)
        || !check_offset(c, call_dtype(c, P_nonzero_data)))
        return false;
    call_out(c, DT_UINT1, p.shape);
    return call_out(c, call_dtype(c, P_scale), *call_shape(c, P_nonzero_data));
}

bool infer_constexpr_cast(Call *c)
{
    const char *name = call_str(c, P_output_dtype);
    DType t = call_type_named(c, P_output_dtype);
    if (t != DT_FP32)
        return call_error(c, "output_dtype is \"%s\"; it must be \"fp32\"",
                          name ? name : "not known");
    return call_out(c, t, *call_shape(c, P_source_val));
}

/* ---- masks and indices ------------------------------------------------------------------- */

int64_t mask_count(const Tensor *mask)
{
    const uint8_t *p = mask->data;
    int64_t n = (int64_t)bits_set(p, mask->count / 8);
    for (size_t i = mask->count / 8 * 8; i < mask->count; i++)
        n += p[i / 8] >> (i % 8) & 1;
    return n;
}

/* Up to ios17 bytes hold the elements of `shape`: makes a view of them as such, when known. */
static bool quant_unpack(Call *c, ParamId param, DType t, Shape *shape, Tensor *view)
{
    const Shape *bytes = call_shape(c, param);
    int64_t dim[MAX_RANK];
    size_t count, bits;
    int rank = call_ints(c, P_shape, dim, MAX_RANK);
    if (rank < 0)
        return call_error(c, "shape is not known, or has more than %d elements",
                          MAX_RANK);
    *shape = shape_of(rank, dim);
    if (!shape_count(shape, &count) || !size_mul(count, (size_t)dtypes[t].bits, &bits))
        return call_error(c, "shape %s is too large", shape_text(c->arena, shape));
    size_t need = bits / 8 + (bits % 8 != 0);
    if (bytes->rank != 1 || (bytes->dim[0] != DIM_ANY && (size_t)bytes->dim[0] != need))
        return call_error(c, "%s is %s; shape %s with %d bits an element takes [%zu]",
                          param_names[param], shape_text(c->arena, bytes),
                          shape_text(c->arena, shape), dtypes[t].bits, need);
    if (call_val(c, param)) *view = tensor_view(t, shape, call_val(c, param)->data);
    return true;
}

bool weight_in_bytes(const Call *c)
{
    return c->opset < OPSET_IOS18 && call_takes(c, P_shape);
}

static bool packed_tensor(Call *c, ParamId param, DType t, Shape *shape, Tensor *view,
                          const Tensor **out)
{
    *out = NULL;
    if (!weight_in_bytes(c)) {
        *shape = *call_shape(c, param);
        *out = call_val(c, param);
        return true;
    }
    if (!quant_unpack(c, param, t, shape, view)) return false;
    if (call_val(c, param)) *out = view;
    return true;
}

/* The bits of the last byte that stand for no element are 0. */
static bool spare_bits_clear(Call *c, ParamId mask, size_t count)
{
    const Tensor *t = call_val(c, mask);
    if (!t || !weight_in_bytes(c) || count % 8 == 0 || !t->count) return true;
    const unsigned last = ((const uint8_t *)t->data)[t->count - 1];
    return !(last >> count % 8)
        || call_error(
            c,
            "%s: the last byte is %u; of its bits the first %zu are elements, and the "
            "others must be 0",
            param_names[mask], last, count % 8);
}

bool sparse_of(Call *c, ParamId mask, ParamId data, Packed *p)
{
    const Shape *d = call_shape(c, data);
    *p = (Packed){ .vector = 1 };
    if (!packed_tensor(c, mask, DT_UINT1, &p->shape, &p->mask_view, &p->mask))
        return false;
    if (d->rank != 1)
        return call_error(c, "%s is %s; it must be of rank 1", param_names[data],
                          shape_text(c->arena, d));
    if (!p->mask || d->dim[0] == DIM_ANY) return true;
    if (!spare_bits_clear(c, mask, p->mask->count)) return false;
    int64_t n = mask_count(p->mask);
    if (n != d->dim[0])
        return call_error(c, "%s has %lld bits set, %s is %s", param_names[mask],
                          (long long)n, param_names[data], shape_text(c->arena, d));
    return true;
}

bool infer_constexpr_sparse_to_dense(Call *c)
{
    Packed p;
    return sparse_of(c, P_mask, P_nonzero_data, &p)
        && call_out(c, call_dtype(c, P_nonzero_data), p.shape);
}

/* ---- palettes ---------------------------------------------------------------------------- */

/* Up to ios17 the length of the table tells the bits of an index. */
static DType index_type(Call *c, const Shape *lut)
{
    static const DType types[] = { DT_UINT1, DT_UINT2, DT_UINT4, DT_UINT6, DT_UINT8 };
    for (size_t i = 0; lut->rank == 1 && i < COUNT(types); i++)
        if (lut->dim[0] == (int64_t)1 << dtypes[types[i]].bits) return types[i];
    call_error(c, "lut is %s; it must be of 2, 4, 16, 64 or 256 values",
               shape_text(c->arena, lut));
    return DT_NONE;
}

static bool check_table(Call *c, ParamId indices, ParamId dense, Packed *p)
{
    const Shape *lut = call_shape(c, P_lut);
    int64_t entries = (int64_t)1 << dtypes[call_dtype(c, indices)].bits;
    if (p->shape.rank == 0)
        return call_error(c, "%s must not be a scalar", param_names[dense]);
    if (!quant_divides(c, dense, &p->shape, P_lut, 2)) return false;
    p->vector = lut->dim[lut->rank - 1];
    if (!quant_fits(lut->dim[lut->rank - 2], entries) || p->vector == 0)
        return call_error(
            c, "lut is %s; with %s indices it must be [.., %lld, values an entry]",
            shape_text(c->arena, lut), dtypes[call_dtype(c, indices)].name,
            (long long)entries);
    if (p->vector > 1 && !call_has(c, P_vector_axis))
        return call_error(
            c, "lut is %s: entries of %lld values need the parameter vector_axis",
            shape_text(c->arena, lut), (long long)p->vector);
    p->axis = p->shape.rank - 1;
    return !call_has(c, P_vector_axis)
        || call_axis(c, P_vector_axis, p->shape.rank, &p->axis);
}

bool lut_of(Call *c, ParamId indices, ParamId mask, Packed *p)
{
    if (mask) {
        if (!sparse_of(c, mask, indices, p)) return false;
        p->index = call_val(c, indices);
        return check_table(c, indices, mask, p);
    }
    *p = (Packed){ .vector = 1 };
    if (!weight_in_bytes(c))
        return packed_tensor(c, indices, DT_NONE, &p->shape, &p->index_view, &p->index)
            && check_table(c, indices, indices, p);
    DType t = index_type(c, call_shape(c, P_lut));
    return t != DT_NONE
        && packed_tensor(c, indices, t, &p->shape, &p->index_view, &p->index);
}

static bool quant_widen(Call *c, const Packed *p, Shape *s)
{
    size_t n;
    if (s->dim[p->axis] == DIM_ANY || p->vector == DIM_ANY) s->dim[p->axis] = DIM_ANY;
    else if (!size_mul((size_t)s->dim[p->axis], (size_t)p->vector, &n) || n > INT64_MAX)
        return call_error(c, "the result is too large");
    else s->dim[p->axis] = (int64_t)n;
    return true;
}

bool infer_constexpr_lut_to_dense(Call *c)
{
    Packed p;
    if (!lut_of(c, P_indices, P_NONE, &p)
        || !(p.vector == 1 || quant_widen(c, &p, &p.shape)))
        return false;
    return call_out(c, call_dtype(c, P_lut), p.shape);
}

bool infer_constexpr_lut_to_sparse(Call *c)
{
    Packed p;
    if (!lut_of(c, P_indices_nonzero_data, P_indices_mask, &p)) return false;
    Shape data = *call_shape(c, P_indices_nonzero_data), mask = p.shape;
    Packed flat = { .vector = p.vector };
    if (p.vector != 1 && (!quant_widen(c, &p, &mask) || !quant_widen(c, &flat, &data)))
        return false;
    call_out(c, DT_UINT1, mask);
    return call_out(c, call_dtype(c, P_lut), data);
}

/* ==== gradients
 * ============================================================================= */

/* The gradient of dequantize, whose only float is its scale. */

bool grad_dequantize(Grad *g)
{
    Builder *b = g->b;
    Value *scale = grad_arg(g, P_scale);
    if (!grad_wants(g, P_scale)) return true;
    Value *one = grad_spread(b, make_number(b, scale, 1), &scale->type->shape);
    const BuildArg with = { .param = P_scale, .val = &one, .count = 1 };
    Value *whole = grad_same(g, OP_dequantize, 1, &with);
    Value *dx = grad_times(b, g->dy[0], whole);
    bool axes[MAX_RANK];
    const int rank = dx->type->shape.rank;
    for (int i = 0; i < MAX_RANK; i++) axes[i] = true;
    if (scale->type->shape.rank) axes[grad_axis(g, P_axis, rank)] = false;
    grad_give(g, P_scale,
              grad_like(b, grad_reduce(b, OP_reduce_sum, dx, axes, true), scale));
    return true;
}
