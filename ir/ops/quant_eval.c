/* quant_eval.c -- reference kernels that decode quantised, palettised and sparse tensors.
 *
 * Packed elements are converted to the result's type in small chunks. No array of doubles or of
 * indices is made for a whole tensor, since a weight may fill most of the memory. */
#include "geometry.h"
#include "eval.h"

#include <math.h>
#include <string.h>

enum { CHUNK = 512 };

/* ---- shift and scale --------------------------------------------------------------------- */

/* Scales and offsets of a call; either may be a single number where the other is not. */
typedef struct {
    const Tensor *scale, *offset; /* offset NULL: 0 */
    Blocks blocks;
} Scaling;

static double number_at(const Tensor *t, int64_t block)
{
    return !t ? 0 : tensor_float(t, t->count == 1 ? 0 : (size_t)block);
}

typedef void Rescale(double *v, size_t n, double scale, double offset, double low,
                     double high);

static void rescale_from(double *v, size_t n, double scale, double offset, double low,
                         double high)
{
    (void)low, (void)high;
    for (size_t i = 0; i < n; i++) v[i] = scale * (v[i] - offset);
}

static void rescale_to(double *v, size_t n, double scale, double offset, double low,
                       double high)
{
    for (size_t i = 0; i < n; i++) {
        double q = rint(v[i] / scale) + offset;
        v[i] = q > high ? high : q > low ? q : isnan(q) ? 0 : low;
    }
}

/* All elements of x, run by run, into z. */
static void quant_rescale(const Scaling *s, Rescale *f, const Tensor *x, Tensor *z)
{
    double v[CHUNK], low = z->dtype == DT_INT8 ? -128 : 0,
                     high = z->dtype == DT_INT8 ? 127 : 255;
    for (size_t i = 0; i < x->count;) {
        int64_t block = blocks_at(&s->blocks, (int64_t)i);
        double scale = number_at(s->scale, block), offset = number_at(s->offset, block);
        for (size_t end = i + (size_t)s->blocks.run; i < end;) {
            size_t n = end - i < CHUNK ? end - i : CHUNK;
            tensor_get_floats(x, i, n, v);
            f(v, n, scale, offset, low, high);
            tensor_put_floats(z, i, n, v);
            i += n;
        }
    }
}

static bool along_axis(Call *c, ParamId data, Rescale *f)
{
    const Tensor *x = call_val(c, data);
    Scaling s = { .scale = call_val(c, P_scale), .offset = call_val(c, P_zero_point) };
    bool vector = s.scale->shape.rank || (s.offset && s.offset->shape.rank);
    int axis = -1;
    if (vector && !call_axis(c, P_axis, x->shape.rank, &axis)) return false;
    blocks_of_axis(&s.blocks, &x->shape, axis);
    quant_rescale(&s, f, x, c->res[0]);
    return true;
}

bool eval_dequantize(Call *c) { return along_axis(c, P_input, rescale_from); }
bool eval_quantize(Call *c) { return along_axis(c, P_input, rescale_to); }
bool eval_constexpr_affine_dequantize(Call *c)
{
    return along_axis(c, P_quantized_data, rescale_from);
}

static Scaling block_scaling(Call *c, const Shape *dense)
{
    Scaling s = { .scale = call_val(c, P_scale), .offset = call_val(c, P_offset) };
    blocks_of(&s.blocks, dense->rank, dense->dim, s.scale->shape.dim);
    return s;
}

bool eval_constexpr_blockwise_shift_scale(Call *c)
{
    const Tensor *x = call_val(c, P_data);
    Scaling s = block_scaling(c, &x->shape);
    quant_rescale(&s, rescale_from, x, c->res[0]);
    return true;
}

static bool quant_bit(const Tensor *mask, size_t i)
{
    return ((const uint8_t *)mask->data)[i / 8] >> (i % 8) & 1;
}

bool eval_constexpr_sparse_blockwise_shift_scale(Call *c)
{
    const Tensor *mask = call_val(c, P_data_mask), *x = call_val(c, P_nonzero_data);
    Scaling s = block_scaling(c, &mask->shape);
    size_t k = 0;
    double scale = 0, offset = 0;
    memcpy(c->res[0]->data, mask->data, mask->bytes);
    for (size_t i = 0; i < mask->count; i++) {
        if (i % (size_t)s.blocks.run == 0) {
            int64_t block = blocks_at(&s.blocks, (int64_t)i);
            scale = number_at(s.scale, block);
            offset = number_at(s.offset, block);
        }
        if (!quant_bit(mask, i)) continue;
        tensor_set_float(c->res[1], k, scale * (tensor_float(x, k) - offset));
        k++;
    }
    return true;
}

bool eval_constexpr_cast(Call *c)
{
    const Tensor *x = call_val(c, P_source_val);
    double v[CHUNK];
    for (size_t i = 0; i < x->count; i += CHUNK) {
        size_t n = x->count - i < CHUNK ? x->count - i : CHUNK;
        tensor_get_floats(x, i, n, v);
        tensor_put_floats(c->res[0], i, n, v);
    }
    return true;
}

/* ---- sparse ------------------------------------------------------------------------------ */

/* One element from one tensor to another of its type. */
static void quant_move(Tensor *z, size_t to, const Tensor *x, size_t from)
{
    if (dtypes[x->dtype].bits < 8) {
        tensor_set_int(z, to, tensor_int(x, from));
        return;
    }
    size_t size = (size_t)dtypes[x->dtype].bits / 8;
    memcpy((char *)z->data + to * size, (const char *)x->data + from * size, size);
}

bool eval_constexpr_sparse_to_dense(Call *c)
{
    Packed p;
    size_t k = 0;
    if (!sparse_of(c, P_mask, P_nonzero_data, &p)) return false;
    for (size_t i = 0; i < p.mask->count; i++)
        if (quant_bit(p.mask, i))
            quant_move(c->res[0], i, call_val(c, P_nonzero_data), k++);
    return true;
}

/* ---- palettes ---------------------------------------------------------------------------- */

/* A row is what lies behind one index along vector_axis; each of its elements becomes `vector`,
 * as far apart as the row is long. Where entries hold one value a row is a run of a block. */
typedef struct {
    const Packed *p;
    const Tensor *lut;
    Blocks blocks;
    int64_t entries;     /* of a table */
    int64_t row, dense;  /* indices of a row and of all */
    Tensor *data, *mask; /* results; mask NULL: not wanted */
    size_t next;         /* of data */
} Expansion;

/* `taken`: indices that earlier rows used. The number that this one used. */
static int64_t expand_row(Expansion *e, int64_t first, int64_t taken)
{
    const Packed *p = e->p;
    int64_t used = 0, table = 0;
    for (int64_t v = 0; v < p->vector; v++) {
        used = 0;
        for (int64_t i = first; i < first + e->row; i++) {
            if (i == first || i % e->blocks.run == 0)
                table = blocks_at(&e->blocks, i) * e->entries;
            if (p->mask && !quant_bit(p->mask, (size_t)i)) continue;
            int64_t entry = table
                          + tensor_int(p->index, (size_t)(p->mask ? taken + used : i));
            quant_move(e->data, e->next++, e->lut, (size_t)(entry * p->vector + v));
            int64_t to = first * p->vector + v * e->row + i - first;
            if (e->mask) tensor_set_int(e->mask, (size_t)to, 1);
            used++;
        }
    }
    return used;
}

static void quant_expand(Call *c, const Packed *p, Tensor *mask, Tensor *data)
{
    const Tensor *lut = call_val(c, P_lut);
    int rank = p->shape.rank;
    int64_t one[MAX_RANK], taken = 0;
    for (int i = 0; i < MAX_RANK; i++) one[i] = 1;
    bool grouped = !weight_in_bytes(c);
    Expansion e = { .p = p,
                    .lut = lut,
                    .data = data,
                    .mask = mask,
                    .dense = shape_elements(&p->shape, 0, rank),
                    .entries = lut->shape.dim[grouped ? rank : 0] };
    blocks_of(&e.blocks, rank, p->shape.dim, grouped ? lut->shape.dim : one);
    e.row = p->vector > 1 ? shape_elements(&p->shape, p->axis + 1, rank) : e.blocks.run;
    for (int64_t i = 0; i < e.dense; i += e.row) taken += expand_row(&e, i, taken);
}

bool eval_constexpr_lut_to_dense(Call *c)
{
    Packed p;
    if (!lut_of(c, P_indices, P_NONE, &p)) return false;
    quant_expand(c, &p, NULL, c->res[0]);
    return true;
}

bool eval_constexpr_lut_to_sparse(Call *c)
{
    Packed p;
    if (!lut_of(c, P_indices_nonzero_data, P_indices_mask, &p)) return false;
    quant_expand(c, &p, c->res[0], c->res[1]);
    return true;
}
