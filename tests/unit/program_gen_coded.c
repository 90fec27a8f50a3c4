/* program_gen_coded.c -- weights of programs made at random that are compressed: scaled integers by
 * blocks, palettes and sparse ones, of every number of bits. */
#include "program_gen.h"

#include <math.h>

/* As many elements as are kept compressed. */
enum { LEAST = 4096 };

/* Elements of a type, drawn as bits. */
static Value *draw_bits(Gen *g, DType t, Shape s, int unlikely)
{
    void *data;
    const Type *type = type_tensor(&g->m->arena, t, s);
    Const *c = const_room(&g->m->arena, type, type_bytes(type), &data);
    Tensor v = tensor_view(t, &s, data);
    for (size_t i = 0; i < v.count; i++)
        tensor_set_int(&v, i, unlikely ? gen_draw(g, unlikely) == 0 : gen_draw(g, 256));
    return build_const(&g->b, "q", c);
}

/* A number that divides n. */
static int64_t draw_part(Gen *g, int64_t n)
{
    const int64_t parts = 1 + gen_draw(g, 8);
    return gen_draw(g, 3) == 0 ? n : n % parts ? 1 : parts;
}

static Value *draw_scaled(Gen *g, Shape s)
{
    static const DType types[] = { DT_INT4, DT_UINT4, DT_INT8, DT_UINT8 };
    const DType t = types[gen_draw(g, COUNT(types))];
    const Shape blocks = SHAPE(draw_part(g, s.dim[0]), draw_part(g, s.dim[1]));
    const double size = dtypes[t].bits == 8 ? 1 / 1024.0 : 1 / 64.0;
    return mil_constexpr_blockwise_shift_scale(
        &g->b, "w", .data = draw_bits(g, t, s, 0), .scale = gen_constant(g, blocks, size),
        .offset = gen_draw(g, 2) ? draw_bits(g, t, blocks, 0) : NULL);
}

static Value *draw_affine(Gen *g, Shape s)
{
    const DType t = gen_draw(g, 2) ? DT_INT8 : DT_UINT8;
    const int axis = gen_draw(g, 2);
    const Shape one = { .rank = 0 }, many = SHAPE(s.dim[axis]);
    return mil_constexpr_affine_dequantize(
        &g->b, "w", .quantized_data = draw_bits(g, t, s, 0),
        .zero_point = draw_bits(g, t, gen_draw(g, 2) ? one : many, 0),
        .scale = gen_constant(g, gen_draw(g, 2) ? one : many, 1 / 1024.0),
        .axis = build_int(&g->b, axis));
}

static Value *draw_palette(Gen *g, Shape s)
{
    static const DType types[] = { DT_UINT1, DT_UINT2, DT_UINT3,
                                   DT_UINT4, DT_UINT6, DT_UINT8 };
    const DType t = types[gen_draw(g, COUNT(types))];
    const int64_t entries = (int64_t)1 << dtypes[t].bits;
    const Shape tables = SHAPE(draw_part(g, s.dim[0]), draw_part(g, s.dim[1]), entries,
                               1);
    return mil_constexpr_lut_to_dense(&g->b, "w", .indices = draw_bits(g, t, s, 0),
                                      .lut = gen_constant(g, tables, 0.25));
}

static Value *draw_sparse(Gen *g, Shape s)
{
    Value *mask = draw_bits(g, DT_UINT1, s, 2 + gen_draw(g, 4));
    const Tensor t = tensor_view(DT_UINT1, &s, value_lit(mask)->data);
    int64_t set = 0;
    for (size_t i = 0; i < t.count; i++) set += tensor_int(&t, i);
    return mil_constexpr_sparse_to_dense(
        &g->b, "w", .mask = mask, .nonzero_data = gen_constant(g, SHAPE(set), 0.5));
}

Value *gen_coded(Gen *g, int64_t cols, bool turned)
{
    static Value *(*const kinds[])(Gen *, Shape) = { draw_scaled, draw_affine,
                                                     draw_palette, draw_sparse };
    if (cols > LEAST / 8 || cols < 3) return NULL;
    const int64_t rows = LEAST / cols + gen_dim(g);
    const Shape s = turned ? SHAPE(cols, rows) : SHAPE(rows, cols);
    return kinds[gen_draw(g, COUNT(kinds))](g, s);
}
