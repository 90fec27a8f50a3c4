/* onnx_index.c -- nodes that take or replace elements by index. */
#include "onnx.h"

#include <string.h>

bool node_gather(OnnxCall *c)
{
    Builder *b = &c->b;
    int64_t axis = onnx_int(c, "axis", 0);
    if (!onnx_axis(c, &axis, onnx_rank(c->in[0]))) return false;
    c->out[0] = mil_gather(b, "t", .x = c->in[0], .indices = c->in[1],
                           .axis = build_int(b, axis));
    return true;
}

bool node_gather_elements(OnnxCall *c)
{
    Builder *b = &c->b;
    int64_t axis = onnx_int(c, "axis", 0);
    if (!onnx_axis(c, &axis, onnx_rank(c->in[0]))) return false;
    c->out[0] = mil_gather_along_axis(b, "t", .x = c->in[0], .indices = c->in[1],
                                      .axis = build_int(b, axis));
    return true;
}

bool node_gather_nd(OnnxCall *c)
{
    Builder *b = &c->b;
    c->out[0] = mil_gather_nd(b, "t", .x = c->in[0], .indices = c->in[1],
                              .batch_dims = build_int(b, onnx_int(c, "batch_dims", 0)));
    return true;
}

/* How an update meets what is there, by ONNX's word. */
static Value *scatter_mode(OnnxCall *c)
{
    Builder *b = &c->b;
    static const char *const modes[][2] = { { "none", "update" },
                                            { "add", "add" },
                                            { "mul", "mul" },
                                            { "max", "max" },
                                            { "min", "min" } };
    const char *asked = onnx_text(c, "reduction", "none");
    for (size_t i = 0; i < COUNT(modes); i++)
        if (!strcmp(modes[i][0], asked)) return build_string(b, modes[i][1]);
    onnx_refuse(c, "its reduction is %s", asked);
    return NULL;
}

bool node_scatter_elements(OnnxCall *c)
{
    Builder *b = &c->b;
    int64_t axis = onnx_int(c, "axis", 0);
    Value *mode = scatter_mode(c);
    if (!mode || !onnx_axis(c, &axis, onnx_rank(c->in[0]))) return false;
    c->out[0] = mil_scatter_along_axis(b, "t", .data = c->in[0], .indices = c->in[1],
                                       .updates = c->in[2], .axis = build_int(b, axis),
                                       .mode = mode);
    return true;
}

bool node_scatter_nd(OnnxCall *c)
{
    Builder *b = &c->b;
    Value *mode = scatter_mode(c);
    if (!mode) return false;
    c->out[0] = mil_scatter_nd(b, "t", .data = c->in[0], .indices = c->in[1],
                               .updates = c->in[2], .mode = mode);
    return true;
}

/* ONNX has a column for each element, MIL a row. */
bool node_non_zero(OnnxCall *c)
{
    Builder *b = &c->b;
    const int64_t perm[] = { 1, 0 };
    Value *rows = mil_non_zero(b, "rows", .x = c->in[0]);
    c->out[0] = mil_transpose(b, "t", .x = rows, .perm = build_ints(b, 2, perm));
    return true;
}

/* Indices may count from the end, and be floats; depth and values are constants. */
bool node_one_hot(OnnxCall *c)
{
    Builder *b = &c->b;
    int64_t depth[MAX_RANK * 2], axis = onnx_int(c, "axis", -1);
    Value *at = onnx_cast(c, c->in[0], DT_INT32), *values = c->in[2];
    double d;
    if (value_ints(c->in[1], depth) != 1) {
        if (!value_float(c->in[1], &d))
            return onnx_refuse(c, "its depth is not known before it runs");
        depth[0] = (int64_t)d;
    }
    if (!onnx_axis(c, &axis, onnx_rank(at) + 1)) return false;
    Value *off = onnx_reshape(c, onnx_part(c, values, 0, 0, 1), 0, NULL);
    Value *on = onnx_reshape(c, onnx_part(c, values, 0, 1, 2), 0, NULL);
    Value *size = build_int(b, depth[0]);
    Value *negative = onnx_both(c, OP_less, at, build_int(b, 0));
    Value *end = onnx_both(c, OP_add, at, size);
    Value *from = mil_select(b, "from", .cond = negative, .a = end, .b = at);
    /* each place along the new axis is compared with the index */
    const int64_t rank = onnx_rank(at) + 1;
    int64_t places[MAX_RANK];
    for (int i = 0; i < rank; i++) places[i] = i == axis ? depth[0] : 1;
    Value *zero = build_int(b, 0);
    Value *one = build_int(b, 1);
    Value *line = mil_range_1d(b, "line", .start = zero, .end = size, .step = one);
    Value *axes = build_ints(b, 1, &axis);
    Value *wide = mil_expand_dims(b, "wide", .x = from, .axes = axes);
    line = onnx_reshape(c, line, (int)rank, places);
    Value *hit = onnx_both(c, OP_equal, wide, line);
    c->out[0] = mil_select(b, "t", .cond = hit, .a = on, .b = off);
    return true;
}
