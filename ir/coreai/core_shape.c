/* core_shape.c -- operations of Core AI that change shapes, cut, join and take by index. */
#include "core_import.h"

static bool gives_shaped(CoreCall *c, Value *v)
{
    c->out[c->nout++] = v;
    return v != NULL;
}

/* ---- another shape ----------------------------------------------------------------------- */

bool core_do_transpose(CoreCall *c)
{
    int64_t perm[MAX_RANK * 2];
    int n;
    if (!core_ints(c, 1, perm, &n)) return false;
    Value *order = build_ints(&c->b, n, perm);
    return gives_shaped(c, mil_transpose(&c->b, "t", .x = c->in[0], .perm = order));
}

bool core_do_reshape(CoreCall *c)
{
    Builder *b = &c->b;
    return gives_shaped(c, mil_reshape(b, "t", .x = c->in[0], .shape = c->in[1]));
}

bool core_do_expand_dims(CoreCall *c)
{
    Builder *b = &c->b;
    int64_t axis[MAX_RANK * 2];
    int n;
    if (!core_ints(c, 1, axis, &n)) return false;
    if (n + core_rank(c->in[0]) > MAX_RANK)
        return core_refuse(c, "it gives more than %d dimensions", MAX_RANK);
    if (!n) return gives_shaped(c, c->in[0]);
    Value *axes = build_ints(b, n, axis);
    return gives_shaped(c, mil_expand_dims(b, "t", .x = c->in[0], .axes = axes));
}

bool core_do_shrink_dims(CoreCall *c)
{
    Builder *b = &c->b;
    int64_t axis[MAX_RANK * 2];
    int n;
    if (!core_ints(c, 1, axis, &n)) return false;
    if (!n) return gives_shaped(c, c->in[0]);
    Value *axes = build_ints(b, n, axis);
    return gives_shaped(c, mil_squeeze(b, "t", .x = c->in[0], .axes = axes));
}

/* x repeated so that its dimensions are those that are wanted. */
static bool spread(CoreCall *c, Value *x, const Shape *wanted)
{
    Builder *b = &c->b;
    int64_t reps[MAX_RANK];
    bool same = true;
    for (int i = 0; i < wanted->rank; i++) {
        const int64_t from = core_shape(x)->dim[i], to = wanted->dim[i];
        if (from != 1 && from != to)
            return core_refuse(c, "%s does not become %s",
                               shape_text(c->im->arena, core_shape(x)),
                               shape_text(c->im->arena, wanted));
        reps[i] = from == 1 ? to : 1;
        same = same && reps[i] == 1;
    }
    if (same) return gives_shaped(c, x);
    Value *times = build_ints(b, wanted->rank, reps);
    return gives_shaped(c, mil_tile(b, "t", .x = x, .reps = times));
}

bool core_do_broadcast_in_dims(CoreCall *c)
{
    int64_t size[MAX_RANK * 2], axis[MAX_RANK * 2];
    int n, m;
    Shape wanted = *core_shape(c->in[0]);
    if (!core_ints(c, 1, size, &n) || !core_ints(c, 2, axis, &m)) return false;
    if (n != m) return core_refuse(c, "it has %d sizes and %d axes", n, m);
    for (int i = 0; i < n; i++) {
        if (axis[i] < 0 || axis[i] >= wanted.rank)
            return core_refuse(c, "there is no dimension %lld", (long long)axis[i]);
        wanted.dim[axis[i]] = size[i];
    }
    return spread(c, c->in[0], &wanted);
}

bool core_do_broadcast_to(CoreCall *c)
{
    int64_t dim[MAX_RANK * 2], own[MAX_RANK];
    int n;
    if (!core_ints(c, 1, dim, &n)) return false;
    if (n > MAX_RANK || n < core_rank(c->in[0]))
        return core_refuse(c, "its shape has %d dimensions", n);
    const Shape wanted = shape_of(n, dim);
    const int added = n - core_rank(c->in[0]);
    for (int i = 0; i < n; i++)
        own[i] = i < added ? 1 : core_shape(c->in[0])->dim[i - added];
    Value *x = added ? core_reshaped(c, c->in[0], n, own) : c->in[0];
    return spread(c, x, &wanted);
}

bool core_do_tile(CoreCall *c)
{
    Builder *b = &c->b;
    return gives_shaped(c, mil_tile(b, "t", .x = c->in[0], .reps = c->in[1]));
}

bool core_do_reverse(CoreCall *c)
{
    int64_t axis[MAX_RANK * 2];
    int n;
    if (!core_ints(c, 1, axis, &n)) return false;
    Value *axes = build_ints(&c->b, n, axis);
    return gives_shaped(c, mil_reverse(&c->b, "t", .x = c->in[0], .axes = axes));
}

bool core_do_get_shape(CoreCall *c)
{
    Builder *b = &c->b;
    const Shape *s = core_shape(c->in[0]);
    if (shape_known(s)) return gives_shaped(c, build_ints(b, s->rank, s->dim));
    return gives_shaped(c, mil_shape(b, "t", .x = c->in[0]));
}

bool core_do_range(CoreCall *c)
{
    Builder *b = &c->b;
    return gives_shaped(
        c, mil_range_1d(b, "t", .start = c->in[0], .end = c->in[1], .step = c->in[2]));
}

/* ---- joining and cutting ----------------------------------------------------------------- */

bool core_do_concat(CoreCall *c)
{
    Builder *b = &c->b;
    int64_t axis;
    if (!core_axis(c, 0, core_rank(c->in[1]), &axis)) return false;
    if (c->nin == 2) return gives_shaped(c, c->in[1]);
    const Values all = { c->nin - 1, c->in + 1 };
    Value *along = build_int(b, axis);
    Value *never = build_bool(b, false);
    return gives_shaped(
        c, mil_concat(b, "t", .values = &all, .axis = along, .interleave = never));
}

bool core_do_split(CoreCall *c)
{
    Builder *b = &c->b;
    int64_t size[MAX_RANK * 2], axis;
    int n;
    if (!core_ints(c, 1, size, &n) || !core_axis(c, 2, core_rank(c->in[0]), &axis))
        return false;
    if (n == 1) return gives_shaped(c, c->in[0]);
    Value *sizes = build_ints(b, n, size);
    Value *along = build_int(b, axis);
    Value *y = mil_split(b, "t", .x = c->in[0], .split_sizes = sizes, .axis = along);
    for (int i = 0; y && i < y->def->nout; i++) gives_shaped(c, y->def->out[i]);
    return y != NULL;
}

/* Begin, end and stride of each dimension, operands `at` and the two behind it. */
typedef struct {
    Value *begin, *end, *stride, *mask;
} CoreCut;

/* An end beyond the dimension is its end; whether a negative place counts from there is not
 * public. */
static bool cut_of(CoreCall *c, int at, CoreCut *out)
{
    int64_t v[3][MAX_RANK * 2];
    bool whole[MAX_RANK];
    const Shape *s = core_shape(c->in[0]);
    for (int k = 0; k < 3; k++) {
        int n;
        if (!core_ints(c, at + k, v[k], &n)) return false;
        if (n != s->rank)
            return core_refuse(c, "it has %d places for %d dimensions", n, s->rank);
    }
    for (int i = 0; i < s->rank; i++) {
        if (v[0][i] < 0 || v[1][i] < 0 || v[2][i] < 1)
            return core_refuse(c, "what a negative place or stride means is not public");
        whole[i] = s->dim[i] >= 0 ? v[1][i] >= s->dim[i] : v[1][i] == INT32_MAX;
        if (whole[i]) v[1][i] = 0;
    }
    out->begin = build_ints(&c->b, s->rank, v[0]);
    out->end = build_ints(&c->b, s->rank, v[1]);
    out->stride = build_ints(&c->b, s->rank, v[2]);
    out->mask = build_const(&c->b, "mask", const_bools(&c->b.m->arena, s->rank, whole));
    return true;
}

bool core_do_slice(CoreCall *c)
{
    Builder *b = &c->b;
    CoreCut cut;
    if (!cut_of(c, 1, &cut)) return false;
    return gives_shaped(c, mil_slice_by_index(b, "t", .x = c->in[0], .begin = cut.begin,
                                              .end = cut.end, .stride = cut.stride,
                                              .end_mask = cut.mask));
}

bool core_do_slice_update(CoreCall *c)
{
    Builder *b = &c->b;
    CoreCut cut;
    if (!cut_of(c, 2, &cut)) return false;
    return gives_shaped(c, mil_slice_update(b, "t", .x = c->in[0], .update = c->in[1],
                                            .begin = cut.begin, .end = cut.end,
                                            .stride = cut.stride, .end_mask = cut.mask));
}

/* Two numbers for each dimension; MIL has them of the last dimensions alone. */
bool core_do_pad(CoreCall *c)
{
    Builder *b = &c->b;
    int64_t pad[MAX_RANK * 2];
    double value;
    int n, first = 0;
    const char *mode = core_option(c, "mode");
    const int rank = core_rank(c->in[0]);
    if (!mode || !name_is_choice("constant|reflect|replicate", mode))
        return core_refuse(c, "mode = <%s> is not known", mode ? mode : "");
    if (!core_ints(c, 1, pad, &n)) return false;
    if (n != 2 * rank) return core_refuse(c, "it has %d pads for %d dimensions", n, rank);
    if (!value_float(c->in[2], &value))
        return core_refuse(c, "its value must be a constant");
    while (first < n && !pad[first] && !pad[first + 1]) first += 2;
    if (first == n) return gives_shaped(c, c->in[0]);
    Value *pads = build_ints(b, n - first, pad + first);
    Value *how = build_string(b, mode);
    Value *with = core_number(c, c->in[0], value);
    return gives_shaped(c, mil_pad(b, "t", .x = c->in[0], .pad = pads, .mode = how,
                                   .constant_val = with));
}

/* ---- by index ---------------------------------------------------------------------------- */

bool core_do_gather_nd(CoreCall *c)
{
    Builder *b = &c->b;
    Value *none = build_int(b, 0);
    return gives_shaped(
        c, mil_gather_nd(b, "t", .x = c->in[0], .indices = c->in[1], .batch_dims = none));
}

bool core_do_gather_along_axis(CoreCall *c)
{
    Builder *b = &c->b;
    int64_t axis;
    if (!core_axis(c, 2, core_rank(c->in[0]), &axis)) return false;
    Value *along = build_int(b, axis);
    return gives_shaped(c, mil_gather_along_axis(b, "t", .x = c->in[0],
                                                 .indices = c->in[1], .axis = along));
}

bool core_do_scatter(CoreCall *c)
{
    Builder *b = &c->b;
    const char *mode = core_option(c, "scatter_mode");
    int64_t axis;
    if (mode && !name_is_choice("add|mul", mode))
        return core_refuse(c, "scatter_mode = <%s> is not known", mode);
    Value *how = build_string(b, mode ? mode : "update");
    if (c->row->kind == OP_scatter_nd)
        return gives_shaped(c,
                            mil_scatter_nd(b, "t", .data = c->in[0], .indices = c->in[1],
                                           .updates = c->in[2], .mode = how));
    if (!core_axis(c, 3, core_rank(c->in[0]), &axis)) return false;
    Value *along = build_int(b, axis);
    return gives_shaped(
        c, mil_scatter_along_axis(b, "t", .data = c->in[0], .indices = c->in[1],
                                  .updates = c->in[2], .axis = along, .mode = how));
}

bool core_do_non_zero(CoreCall *c)
{
    Builder *b = &c->b;
    return gives_shaped(c, mil_non_zero(b, "t", .x = c->in[0]));
}
