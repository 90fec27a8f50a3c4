/* flat_codes.c -- a matrix of weights that stays compressed: its rows become floats a piece at a time,
 * where a product needs them. It is read where it lies. */
#include "flat_pack.h"
#include "../../ir/ops/geometry.h"

struct Codes {
    Blocks blocks; /* of elements that share a scale or a table */
    int64_t rows, cols;
    CodeRun run;                         /* what all have in common */
    const float *scale, *offset, *table; /* by block; table NULL: scales */
    const Tensor *mask, *value;          /* of a sparse one; mask NULL: it is none */
    const int64_t *start; /* values before element 0, MARK, 2 MARK and so on */
};

enum { MARK = 256 };

/* ---- what is compressed how -------------------------------------------------------------- */

static bool codes_whole(DType t)
{
    return t != DT_BOOL && !dtype_is_float(t) && dtypes[t].bits <= 8;
}

static bool codes_signed(DType t) { return t == DT_INT4 || t == DT_INT8; }

/* A number for each block; `add` to each. */
static const float *codes_numbers(const FlatLower *l, const Tensor *t, int64_t blocks,
                                  float add)
{
    float *to = NEW_ARRAY(&l->p->arena, blocks + 1, float);
    for (int64_t i = 0; i < blocks; i++)
        to[i] = add + (t ? (float)tensor_float(t, t->count == 1 ? 0 : (size_t)i) : 0);
    return to;
}

static int64_t codes_blocks(const Codes *c)
{
    const Blocks *b = &c->blocks;
    return c->rows / b->block[0] * (c->cols / b->block[1]);
}

/* Numbers of scale * (data - offset). */
static bool codes_scaled(const FlatLower *l, Codes *c, const Tensor *data,
                         const Tensor *scale, const Tensor *offset)
{
    if (!data || !scale || !codes_whole(data->dtype)) return false;
    const int half = 1 << (dtypes[data->dtype].bits - 1);
    c->run.code = data->data;
    c->run.bits = dtypes[data->dtype].bits;
    c->run.flip = codes_signed(data->dtype) ? half : 0;
    const int64_t blocks = codes_blocks(c);
    c->scale = codes_numbers(l, scale, blocks, 0);
    c->offset = codes_numbers(l, offset, blocks, (float)c->run.flip);
    return true;
}

static bool codes_blockwise(const FlatLower *l, Codes *c, Call *call)
{
    const Tensor *data = call_val(call, P_data), *scale = call_val(call, P_scale);
    if (!data || !scale || scale->shape.rank != 2) return false;
    blocks_of(&c->blocks, 2, data->shape.dim, scale->shape.dim);
    return codes_scaled(l, c, data, scale, call_val(call, P_offset));
}

static bool codes_affine(const FlatLower *l, Codes *c, Call *call)
{
    const Tensor *data = call_val(call, P_quantized_data),
                 *scale = call_val(call, P_scale), *zero = call_val(call, P_zero_point);
    int axis = -1;
    if (!data || !scale || !zero) return false;
    if ((scale->shape.rank || zero->shape.rank) && !call_axis(call, P_axis, 2, &axis))
        return false;
    blocks_of_axis(&c->blocks, &data->shape, axis);
    return codes_scaled(l, c, data, scale, zero);
}

static bool codes_palette(const FlatLower *l, Codes *c, Call *call)
{
    static const int64_t one[2] = { 1, 1 };
    const Tensor *lut = call_val(call, P_lut);
    Packed p;
    if (!lut || !lut_of(call, P_indices, P_NONE, &p) || !p.index || p.vector != 1
        || !codes_whole(p.index->dtype))
        return false;
    const bool grouped = !weight_in_bytes(call);
    blocks_of(&c->blocks, 2, p.shape.dim, grouped ? lut->shape.dim : one);
    c->run.code = p.index->data;
    c->run.bits = dtypes[p.index->dtype].bits;
    c->run.entries = 1 << c->run.bits;
    float *table = NEW_ARRAY(&l->p->arena, lut->count + 1, float);
    flat_floats(lut, 0, lut->count, table);
    c->table = table;
    return c->blocks.block[1] > 1;
}

/* Bits that are set of elements [first, end); the first is that of a byte. */
static int64_t codes_ones(const Codes *c, int64_t first, int64_t end)
{
    const uint8_t *bits = c->mask->data;
    const int64_t whole = (end - first) / 8;
    int64_t at = (int64_t)bits_set(bits + first / 8, (size_t)whole),
            i = first + 8 * whole;
    for (; i < end; i++) at += bits[i / 8] >> i % 8 & 1;
    return at;
}

static bool codes_sparse(const FlatLower *l, Codes *c, Call *call)
{
    Packed *p = NEW(&l->p->arena, Packed);
    if (!sparse_of(call, P_mask, P_nonzero_data, p) || !p->mask) return false;
    c->mask = p->mask;
    c->value = call_val(call, P_nonzero_data);
    if (!c->value || !dtype_fast(c->value->dtype)) return false;
    const int64_t all = c->rows * c->cols;
    int64_t *start = NEW_ARRAY(&l->p->arena, all / MARK + 1, int64_t);
    for (int64_t i = MARK; i <= all; i += MARK)
        start[i / MARK] = start[i / MARK - 1] + codes_ones(c, i - MARK, i);
    c->start = start;
    return true;
}

const Codes *codes_of(const FlatLower *l, int slot)
{
    typedef bool CodesFn(const FlatLower *l, Codes *c, Call *call);
    static CodesFn *const kinds[OP_COUNT] = {
        [OP_constexpr_blockwise_shift_scale] = codes_blockwise,
        [OP_constexpr_affine_dequantize] = codes_affine,
        [OP_constexpr_lut_to_dense] = codes_palette,
        [OP_constexpr_sparse_to_dense] = codes_sparse,
    };
    const FlatSlot *f = &l->p->slot[slot];
    const Shape *s = &f->type->shape;
    if (!f->coded || s->rank != 2 || !dtype_fast(f->type->dtype)) return NULL;
    CodesFn *kind = kinds[f->coded->info - ops];
    Codes *c = NEW(&l->p->arena, Codes);
    c->rows = s->dim[0];
    c->cols = s->dim[1];
    c->run.round = f->type->dtype == DT_FP16;
    return kind && kind(l, c, f->coded) ? c : NULL;
}

size_t codes_bytes(const Codes *c)
{
    if (c->mask) return c->mask->bytes + c->value->bytes;
    return (size_t)(c->rows * c->cols * c->run.bits / 8);
}

/* ---- reading ----------------------------------------------------------------------------- */

static void codes_spread(const Codes *c, const Kernels *k, CodesPart p, CodeUse use,
                         const float *x, float *to)
{
    const bool half = c->value->dtype == DT_FP16;
    const int64_t first = p.row * c->cols + p.first, mark = first / MARK;
    const int64_t at = c->start[mark] + codes_ones(c, mark * MARK, first);
    const SpreadRun s = { .mask = c->mask->data,
                          .first = first,
                          .value = (const char *)c->value->data + at * (half ? 2 : 4),
                          .left = (int64_t)c->value->count - at,
                          .half = half,
                          .use = use,
                          .x = x };
    k->spread(&s, to, (size_t)p.n);
}

/* Runs of the part, and what the first has in common. */
static CodeRun codes_run(const Codes *c, CodesPart p)
{
    const int64_t size = c->blocks.block[1];
    CodeRun run = c->run;
    run.first = p.row * c->cols + p.first;
    run.run = size;
    run.first_run = size - p.first % size;
    run.each = size == 1;
    const int64_t block = blocks_at(&c->blocks, run.first);
    if (c->table) run.table = c->table + block * run.entries;
    else {
        run.scale = c->scale + block;
        run.offset = c->offset + block;
    }
    return run;
}

void codes_row(const Codes *c, const Kernels *k, CodesPart p, float *to)
{
    if (c->mask) {
        codes_spread(c, k, p, CODE_STORE, NULL, to);
        return;
    }
    const CodeRun run = codes_run(c, p);
    k->decode(&run, to, (size_t)p.n);
}

void codes_add(const Codes *c, const Kernels *k, CodesPart p, float by, float *to)
{
    if (c->mask) {
        codes_spread(c, k, p, CODE_ADD, &by, to);
        return;
    }
    CodeRun run = codes_run(c, p);
    run.use = CODE_ADD;
    run.x = &by;
    k->decode(&run, to, (size_t)p.n);
}

float codes_dot(const Codes *c, const Kernels *k, CodesPart p, const float *x)
{
    float sum[2 * ELEM_PAD] = { 0 };
    if (c->mask) {
        codes_spread(c, k, p, CODE_DOT, x, sum);
        return k->row[ROW_SUM](sum, COUNT(sum));
    }
    CodeRun run = codes_run(c, p);
    run.use = CODE_DOT;
    run.x = x;
    k->decode(&run, sum, (size_t)p.n);
    return k->row[ROW_SUM](sum, COUNT(sum));
}
