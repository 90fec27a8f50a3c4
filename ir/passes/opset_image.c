/* opset_image.c -- conversion of resize, crop_resize and non_maximum_suppression between
 * opsets. */
#include "../ops/image.h"
#include "opset.h"

#include <float.h>
#include <string.h>

static Value *opset_image_reshape(Builder *b, Value *x, Shape s)
{
    return mil_reshape(b, "reshape", .x = x, .shape = build_ints(b, s.rank, s.dim));
}

/* ---- resize ------------------------------------------------------------------------------ */

/* Which entry resize picks for each of the new ones: resize itself says it, of 0, 1, .. */
static Value *opset_image_picked(Builder *b, const Op *op, int64_t from, int64_t to)
{
    Arena scratch = { 0 };
    Diag *d = b->diag;
    Call *c = NEW(&scratch, Call);
    const Shape line = SHAPE(from), one = SHAPE(1), scalar = { .rank = 0 };
    float *ramp = arena_array(&scratch, (size_t)from, sizeof *ramp);
    for (int64_t i = 0; i < from; i++) ramp[i] = (float)i;
    const int32_t want = (int32_t)to;
    const uint32_t dims = 1;
    const char *mode = op_const_string(op, P_sampling_mode), *near = "NEAREST_NEIGHBOR";
    if (!mode) mode = "DEFAULT";
    const Tensor t[] = { tensor_view(DT_FP32, &line, ramp),
                         tensor_view(DT_INT32, &one, &want),
                         tensor_view(DT_UINT32, &scalar, &dims),
                         tensor_view(DT_STRING, &scalar, &near),
                         tensor_view(DT_STRING, &scalar, &mode) };
    static const ParamId names[] = { P_x, P_shape, P_resized_dims, P_interpolation_mode,
                                     P_sampling_mode };
    CallArg arg[COUNT(names)];
    Tensor res[1] = { { 0 } };
    call_init(c, &ops[OP_resize], OPSET_IOS18, &scratch, d, op_loc(op));
    for (size_t i = 0; i < COUNT(names); i++) {
        arg[i] = (CallArg){ .type = type_tensor(&scratch, t[i].dtype, t[i].shape),
                            .val = &t[i],
                            .constant = true };
        call_give(c, names[i], 1, &arg[i]);
    }
    const bool ok = call_run(c, res, 1);
    Value *v = NULL;
    if (ok) {
        int32_t *index = arena_array(&b->m->arena, (size_t)to, sizeof *index);
        for (int64_t i = 0; i < to; i++)
            index[i] = (int32_t)tensor_float(&res[0], (size_t)i);
        v = build_const(b, "picked",
                        const_data(&b->m->arena,
                                   type_tensor(&b->m->arena, DT_INT32, SHAPE(to)),
                                   index));
    }
    tensor_free(&res[0]);
    arena_free(&scratch);
    return v;
}

/* The last two axes, which a line gets one more for. An axis that stays as long as it was is
 * sampled at its own places, but by OFFSET_CORNERS, which no axis may meet that resize leaves
 * alone. */
static Value *opset_image_bilinear(Builder *b, const Op *op, Value *x, const Shape *s)
{
    const char *mode = op_const_string(op, P_sampling_mode);
    const bool moves = mode && !strcmp(mode, "OFFSET_CORNERS");
    const Shape *from = &x->type->shape;
    int64_t resized, lines = 1;
    if (!int_of(op, P_resized_dims, 0, &resized)) return NULL;
    if (!resized) return mil_identity(b, "same", .x = x);
    for (int i = 0; i < s->rank - 2; i++)
        if (s->dim[i] != from->dim[i] || (moves && s->rank - i <= resized)) return NULL;
    const bool alone = s->rank == 1 || (moves && resized == 1);
    for (int i = 0; i < s->rank - 1; i++) lines *= from->dim[i];
    const int64_t w = s->dim[s->rank - 1], h = alone ? 1 : s->dim[s->rank - 2];
    if (alone) x = make_as(b, x, SHAPE(lines, 1, from->dim[s->rank - 1]));
    else if (s->rank == 2) x = make_as(b, x, SHAPE(1, from->dim[0], from->dim[1]));
    Value *high = build_int(b, h), *wide = build_int(b, w);
    x = mil_resize_bilinear(b, "resize", .x = x, .target_size_height = high,
                            .target_size_width = wide,
                            .sampling_mode = build_string(b, mode ? mode : "DEFAULT"));
    return make_shape(b, x, s);
}

bool form_resize(Level *l, Builder *b, Op *op, Value **out)
{
    Value *x = op_value(op, P_x), *v = x;
    const Shape *from = shape_of_value(x), *to = shape_of_value(op->out[0]);
    const char *how = op_const_string(op, P_interpolation_mode);
    (void)l;
    if (!from || !to || !from->rank) return false;
    if (!how || !strcmp(how, "LINEAR")) {
        if (!dtype_is_float(x->type->dtype)) return false;
        *out = opset_image_bilinear(b, op, x, to);
        return *out != NULL;
    }
    for (int i = 0; i < from->rank; i++) {
        if (from->dim[i] == to->dim[i]) continue;
        Value *index = from->dim[i] > 0
                         ? opset_image_picked(b, op, from->dim[i], to->dim[i])
                         : NULL;
        if (!index) return false;
        v = mil_gather(b, "picked", .x = v, .indices = index, .axis = build_int(b, i));
    }
    *out = v == x ? mil_identity(b, "same", .x = x) : v;
    return true;
}

/* ---- crop_resize ------------------------------------------------------------------------- */

/* The op with other boxes. */
static Value *opset_image_cropped(Builder *b, const Op *op, Value *boxes, Value *indices)
{
    BuildArg arg[MAX_PARAM];
    int n = 0;
    for (int i = 0; i < op->narg; i++) {
        const ParamId p = op->arg[i].param;
        if (p != P_roi && p != P_boxes && p != P_box_indices)
            arg[n++] = arg_given(&op->arg[i]);
    }
    arg[n++] =
        (BuildArg){ .param = indices ? P_boxes : P_roi, .val = &boxes, .count = 1 };
    if (indices)
        arg[n++] = (BuildArg){ .param = P_box_indices, .val = &indices, .count = 1 };
    return build_op(b, "crop", OP_crop_resize, arg, n)->out[0];
}

static Value *opset_image_counted(Builder *b, int64_t boxes, int64_t images)
{
    Arena *a = &b->m->arena;
    int32_t *v = arena_array(a, (size_t)(boxes * images) + 1, sizeof *v);
    for (int64_t i = 0; i < boxes * images; i++) v[i] = (int32_t)(i % images);
    return build_const(b, "images",
                       const_data(a, type_tensor(a, DT_INT32, SHAPE(boxes * images)), v));
}

/* [n, 1, 4 or 5, 1, 1] as boxes and the images they are of. Four numbers mean: of every
 * image. */
static bool from_roi(Builder *b, const Op *op, Value *roi, Value **out)
{
    const Shape *s = shape_of_value(roi), *x = shape_of_value(op_value(op, P_x)),
                *y = shape_of_value(op->out[0]);
    if (!s || !x || !y || s->rank != 5 || s->dim[0] > 1 << 20 || x->dim[0] > 1 << 10)
        return false;
    const int64_t n = s->dim[0], k = s->dim[2], images = x->dim[0];
    Value *v = opset_image_reshape(b, roi, SHAPE(n, k)), *index;
    if (k == 5) {
        index = opset_image_reshape(b, make_cast(b, make_slice(b, v, 1, 0, 1), DT_INT32),
                                    SHAPE(n));
        v = make_slice(b, v, 1, 1, 4);
    } else {
        index = opset_image_counted(b, n, images);
        if (images > 1) {
            const int64_t reps[] = { 1, images, 1 };
            v = opset_image_reshape(b, v, SHAPE(n, 1, 4));
            v = mil_tile(b, "tile", .x = v, .reps = build_ints(b, 3, reps));
            v = opset_image_reshape(b, v, SHAPE(n * images, 4));
        }
    }
    *out = opset_image_reshape(b, opset_image_cropped(b, op, v, index), *y);
    return true;
}

static bool to_roi(Builder *b, const Op *op, Value *boxes, Value **out)
{
    const DType t = op_value(op, P_x)->type->dtype;
    const Shape *s = shape_of_value(boxes), *y = shape_of_value(op->out[0]);
    Value *index = op_value(op, P_box_indices);
    if (!s || !y) return false;
    if (!index) index = opset_image_counted(b, 1, s->dim[0]);
    index = opset_image_reshape(b, opset_as(b, index, t), SHAPE(s->dim[0], 1));
    Value *both[] = { index, opset_as(b, boxes, t) };
    Value *roi = opset_image_reshape(b, make_concat(b, both, 2, 1),
                                     SHAPE(s->dim[0], 1, 5, 1, 1));
    *out = opset_image_reshape(b, opset_image_cropped(b, op, roi, NULL), *y);
    return true;
}

bool form_crop_resize(Level *l, Builder *b, Op *op, Value **out)
{
    Value *roi = op_value(op, P_roi), *boxes = op_value(op, P_boxes);
    for (int i = 0; i < op->narg; i++) { /* pad_value, which ios15 lacks, is no box */
        const Param *p = op_param_of(&ops[op->kind], op->arg[i].param);
        if (p->id == P_pad_value && !param_in(p, l->to)) return false;
    }
    if (roi) return from_roi(b, op, roi, out);
    return boxes && to_roi(b, op, boxes, out);
}

static const char *crop_outside(Opset o)
{
    return o < OPSET_IOS16 ? "the image's edge goes on" : "there is pad_value";
}

void opset_say_edge(Level *l, const Op *op)
{
    if (op->kind != OP_crop_resize || (l->from < OPSET_IOS16) == (l->to < OPSET_IOS16))
        return;
    Arena scratch = { 0 };
    Call *c = NEW(&scratch, Call);
    if (!call_of_op(c, op, &scratch, l->diag) || !crop_is_inside(c))
        diag_warn(
            l->diag, WARN_OPSET_EDGE, op_loc(op),
            "where a box reaches outside of its image %s in %s, and in %s %s: boxes "
            "that stay inside give the same",
            crop_outside(l->from), opset_text(l->from), opset_text(l->to),
            crop_outside(l->to));
    arena_free(&scratch);
}

/* ---- non_maximum_suppression ------------------------------------------------------------- */

/* The op over [n, B, 4] and [n, B, K], or over those transposed. */
static Op *opset_image_suppressed(Builder *b, const Op *op, Value *threshold)
{
    BuildArg arg[MAX_PARAM];
    Value *boxes = make_swap(b, op_value(op, P_boxes));
    Value *turned[2] = { boxes, make_swap(b, op_value(op, P_scores)) };
    int n = 0;
    for (int i = 0; i < op->narg; i++) {
        const ParamId p = op->arg[i].param;
        if (p == P_score_threshold) continue;
        arg[n] = arg_given(&op->arg[i]);
        if (p == P_boxes) arg[n].val = &turned[0];
        if (p == P_scores) arg[n].val = &turned[1];
        n++;
    }
    if (threshold)
        arg[n++] =
            (BuildArg){ .param = P_score_threshold, .val = &threshold, .count = 1 };
    return build_op(b, "nms", op->kind, arg, n);
}

static bool suppress_down(Builder *b, const Op *op, Value **out)
{
    const DType t = op_value(op, P_scores)->type->dtype;
    const Op *to = opset_image_suppressed(
        b, op, build_float(b, t, t == DT_FP16 ? -65504 : -(double)FLT_MAX));
    if (to->nout < 4) return false;
    out[0] = make_swap(b, to->out[0]);
    out[1] = make_swap(b, to->out[1]);
    out[2] = mil_identity(b, "same", .x = to->out[2]);
    return true;
}

/* Without a threshold more boxes come, the lesser ones last: those at or below it go, but the
 * first. */
static bool suppress_up(Builder *b, const Op *op, Value **out)
{
    const Op *to = opset_image_suppressed(b, op, NULL);
    const Value *threshold = op_value(op, P_score_threshold);
    double above;
    if (to->nout < 3 || !threshold || !value_float(threshold, &above)) return false;
    Value *boxes = make_swap(b, to->out[0]), *scores = make_swap(b, to->out[1]),
          *index = to->out[2];
    const Shape *s = shape_of_value(index);
    const int64_t last = -1, axis = 1;
    if (!s) return false;
    Value *axes = build_ints(b, 1, &last), *no = build_bool(b, false);
    Value *best = mil_reduce_max(b, "best", .x = scores, .axes = axes, .keep_dims = no);
    Value *keep = make_with(b, OP_greater, best, above);
    bool *first = arena_array(&b->m->arena, (size_t)s->dim[1] + 1, sizeof *first);
    if (s->dim[1]) first[0] = true;
    keep = make_two(
        b, OP_logical_or, keep,
        build_const(b, "first", const_bools(&b->m->arena, (int)s->dim[1], first)));
    keep = make_two(b, OP_logical_and, keep,
                    make_two(b, OP_greater_equal, index, build_int(b, 0)));
    Value *wide = opset_image_reshape(b, keep, SHAPE(s->dim[0], s->dim[1], 1));
    out[0] = make_select(b, wide, boxes, make_number(b, boxes, 0));
    out[1] = make_select(b, wide, scores, make_number(b, scores, 0));
    out[2] = make_select(b, keep, index, build_int(b, -1));
    if (op->nout > 3) {
        keep = make_cast(b, keep, DT_INT32);
        axes = build_ints(b, 1, &axis);
        no = build_bool(b, false);
        out[3] = mil_reduce_sum(b, "count", .x = keep, .axes = axes, .keep_dims = no);
    }
    return true;
}

bool form_nms(Level *l, Builder *b, Op *op, Value **out)
{
    return l->to < OPSET_IOS17 ? suppress_down(b, op, out) : suppress_up(b, op, out);
}
