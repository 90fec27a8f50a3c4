/* image.c -- inference of the image ops; the reference kernels are in image_eval.c. */
#include "eval.h"
#include "grad.h"
#include "image.h"

#include <math.h>
#include <string.h>

/* ==== inference
 * ============================================================================= */

/* Result types of the image ops. */

static bool check_rank(Call *c, ParamId param, int least, int most)
{
    const Shape *s = call_shape(c, param);
    if (s->rank >= least && s->rank <= most) return true;
    if (least == most)
        return call_error(c, "%s is %s; it must be of rank %d", param_names[param],
                          shape_text(c->arena, s), least);
    return call_error(c, "%s is %s; it must be of rank %d or more", param_names[param],
                      shape_text(c->arena, s), least);
}

/* ---- crop -------------------------------------------------------------------------------- */

static bool crop_axis(Call *c, ParamId param, Shape *s, int axis)
{
    int64_t v[2], was = s->dim[axis];
    if (!call_known(c, param)) {
        s->dim[axis] = DIM_ANY;
        return true;
    }
    if (!call_ints_or(c, param, 2, 0, v)) return false;
    if (v[0] < 0 || v[1] < 0 || (was != DIM_ANY && v[0] + v[1] > was))
        return call_error(c, "%s takes %lld and %lld away from dimension %d of %s",
                          param_names[param], (long long)v[0], (long long)v[1], axis,
                          shape_text(c->arena, call_shape(c, P_x)));
    if (was != DIM_ANY) s->dim[axis] = was - v[0] - v[1];
    return true;
}

bool infer_crop(Call *c)
{
    if (!check_rank(c, P_x, 3, MAX_RANK)) return false;
    Shape s = *call_shape(c, P_x);
    return crop_axis(c, P_crop_height, &s, s.rank - 2)
        && crop_axis(c, P_crop_width, &s, s.rank - 1)
        && call_out(c, call_dtype(c, P_x), s);
}

/* ---- resizing ---------------------------------------------------------------------------- */

/* A target dimension; DIM_ANY when the value is not known. */
static bool image_target(Call *c, ParamId param, int64_t *out)
{
    *out = call_known(c, param) ? call_int(c, param) : DIM_ANY;
    if (call_known(c, param) && *out < 1)
        return call_error(c, "%s is %lld", param_names[param], (long long)*out);
    return true;
}

/* The product with a factor of fp32 is one of fp32: 10 by 0.7 makes 7, though 0.7 is stored as
 * less. */
static bool image_scaled(Call *c, ParamId param, int64_t in, int64_t *out)
{
    double f = call_float(c, param),
           v = floor(round_to(call_dtype(c, param), (double)in * f));
    *out = DIM_ANY;
    if (!call_known(c, param)) return true;
    if (!(f > 0) || !isfinite(f))
        return call_error(c, "%s is %g; it must be above 0", param_names[param], f);
    if (in == DIM_ANY) return true;
    if (v < 1 || v > 1 << 30)
        return call_error(c,
                          "x is %s; scaled by %s = %g a dimension of %lld becomes %.0f",
                          shape_text(c->arena, call_shape(c, P_x)), param_names[param], f,
                          (long long)in, v);
    *out = (int64_t)v;
    return true;
}

static bool upsample_of(Call *c, Resize *r, int64_t *h, int64_t *w)
{
    return image_scaled(c, P_scale_factor_height, *h, h)
        && image_scaled(c, P_scale_factor_width, *w, w) && (r->n = 2);
}

static bool bilinear_grid(Call *c, Resize *r)
{
    bool align = call_bool(c, P_align_corners);
    bool half = call_has(c, P_half_pixel_centers) ? call_bool(c, P_half_pixel_centers)
                                                  : !align;
    if (align && half)
        return call_error(c, "align_corners and half_pixel_centers exclude each other");
    r->grid = align ? GRID_STRICT : half ? GRID_UNALIGN : GRID_DEFAULT;
    return true;
}

static bool named_grid(Call *c, Resize *r)
{
    int g = call_choice(c, P_sampling_mode);
    r->grid = g < 0 ? GRID_DEFAULT : (Grid)g;
    return g >= 0;
}

/* The last resized_dims numbers of `shape`; 0 keeps the size of x. */
static bool target_shape(Call *c, const Shape *x, Resize *r)
{
    const Shape *s = call_shape(c, P_shape);
    int64_t v[MAX_RANK], n = call_int(c, P_resized_dims);
    if (s->rank != 1)
        return call_error(c, "shape is %s; it must be of rank 1",
                          shape_text(c->arena, s));
    if (s->dim[0] != DIM_ANY && s->dim[0] > x->rank)
        return call_error(c, "shape has %lld elements, x is %s", (long long)s->dim[0],
                          shape_text(c->arena, x));
    if (n < 0 || n > x->rank || (s->dim[0] != DIM_ANY && n > s->dim[0]))
        return call_error(c, "resized_dims is %lld, shape has %lld elements and x is %s",
                          (long long)n, (long long)s->dim[0], shape_text(c->arena, x));
    r->n = (int)n;
    int count = call_ints(c, P_shape, v, MAX_RANK);
    for (int i = 0; i < r->n; i++) {
        int64_t want = count < 0 ? DIM_ANY : v[count - r->n + i], at = x->rank - r->n + i;
        if (count >= 0 && (want < 0 || want > 1 << 30))
            return call_error(c, "shape asks for a dimension of %lld", (long long)want);
        if (count < 0) r->out[at] = DIM_ANY;
        else if (want > 0) r->out[at] = want;
    }
    return true;
}

static bool resize_any(Call *c, const Shape *x, Resize *r)
{
    int m = call_choice(c, P_interpolation_mode);
    r->pick = m == RESIZE_ROUND ? PICK_ROUND : PICK_LINEAR;
    return m >= 0 && named_grid(c, r) && target_shape(c, x, r);
}

bool resize_of(Call *c, Resize *r)
{
    const Shape *x = call_shape(c, P_x);
    bool general = call_takes(c, P_resized_dims), ok;
    *r = (Resize){ .grid = GRID_DEFAULT, .pick = PICK_LINEAR, .n = 2 };
    memcpy(r->out, x->dim, sizeof r->out);
    if (general) {
        ok = resize_any(c, x, r);
    } else {
        if (!check_rank(c, P_x, 3, MAX_RANK)) return false;
        int64_t *h = &r->out[x->rank - 2], *w = &r->out[x->rank - 1];
        bool by_factor = call_takes(c, P_scale_factor_height);
        ok = by_factor ? upsample_of(c, r, h, w)
                       : image_target(c, P_target_size_height, h)
                             && image_target(c, P_target_size_width, w);
        if (call_takes(c, P_align_corners)) ok = ok && bilinear_grid(c, r);
        else if (call_takes(c, P_sampling_mode)) ok = ok && named_grid(c, r);
        else r->pick = PICK_FLOOR;
    }
    for (int i = x->rank - r->n; ok && i < x->rank; i++)
        if (x->dim[i] == 0 && r->out[i] > 0)
            ok = call_error(c, "x is %s; there is nothing to resize along dimension %d",
                            shape_text(c->arena, x), i);
    return ok;
}

bool infer_resize(Call *c)
{
    Resize r;
    if (!resize_of(c, &r)) return false;
    return call_out(c, call_dtype(c, P_x), shape_of(call_shape(c, P_x)->rank, r.out));
}

/* ---- points ------------------------------------------------------------------------------ */

bool points_of(Call *c, Points *p)
{
    int pick = call_choice(c, P_sampling_mode);
    int edge = pick < 0 ? -1 : call_choice(c, P_padding_mode);
    int coord = edge < 0 ? -1 : call_choice(c, P_coordinates_mode);
    if (coord < 0) return false;
    *p = (Points){ pick == SAMPLE_ROUND ? PICK_ROUND : PICK_LINEAR, (Edge)edge,
                   (Coord)coord, call_bool(c, P_align_corners) };
    return true;
}

static bool image_fits(int64_t a, int64_t b)
{
    return a == DIM_ANY || b == DIM_ANY || a == b;
}

static bool not_empty(Call *c, const Shape *x)
{
    if (x->dim[2] && x->dim[3]) return true;
    return call_error(c, "x is %s; there are no pixels to sample",
                      shape_text(c->arena, x));
}

static bool unknown_modes(const Call *c)
{
    return !call_known(c, P_sampling_mode) || !call_known(c, P_padding_mode)
        || !call_known(c, P_coordinates_mode);
}

bool infer_resample(Call *c)
{
    Points p;
    const Shape *x = call_shape(c, P_x), *at = call_shape(c, P_coordinates);
    if (!check_rank(c, P_x, 4, 4) || !check_rank(c, P_coordinates, 4, 4)
        || !not_empty(c, x))
        return false;
    if (!image_fits(at->dim[0], x->dim[0]) || !image_fits(at->dim[3], 2))
        return call_error(
            c,
            "x is %s and coordinates is %s; coordinates must be [batch of x, "
            "height, width, 2]",
            shape_text(c->arena, x), shape_text(c->arena, at));
    if (!unknown_modes(c) && !points_of(c, &p)) return false;
    int64_t batch = x->dim[0] != DIM_ANY ? x->dim[0] : at->dim[0];
    return call_out(c, call_dtype(c, P_x),
                    SHAPE(batch, x->dim[1], at->dim[1], at->dim[2]));
}

/* Of what resample samples by, affine has one way. */
static bool affine_allowed(Call *c)
{
    Points p;
    const double pad = call_float(c, P_padding_value);
    if (unknown_modes(c)) return true;
    if (!points_of(c, &p)) return false;
    if (p.pick == PICK_LINEAR && p.edge == EDGE_CONSTANT && p.coord == COORD_SIGNED
        && pad == 0)
        return true;
    return call_error(
        c,
        "sampling_mode is \"%s\", padding_mode \"%s\", padding_value %g and "
        "coordinates_mode \"%s\"; Core ML has \"bilinear\", \"constant\", 0 and "
        "\"normalized_minus_one_to_one\" alone: resample has the others",
        call_str(c, P_sampling_mode), call_str(c, P_padding_mode), pad,
        call_str(c, P_coordinates_mode));
}

bool infer_affine(Call *c)
{
    int64_t h, w;
    const Shape *x = call_shape(c, P_x), *m = call_shape(c, P_transform_matrix);
    if (!check_rank(c, P_x, 4, 4) || !check_rank(c, P_transform_matrix, 2, 2)
        || !not_empty(c, x))
        return false;
    if (!image_fits(m->dim[1], 6)
        || (m->dim[0] != 1 && !image_fits(m->dim[0], x->dim[0])))
        return call_error(
            c, "x is %s and transform_matrix is %s; it must be [1 or batch of x, 6]",
            shape_text(c->arena, x), shape_text(c->arena, m));
    return affine_allowed(c) && image_target(c, P_output_height, &h)
        && image_target(c, P_output_width, &w)
        && call_out(c, call_dtype(c, P_x), SHAPE(x->dim[0], x->dim[1], h, w));
}

/* ---- crop_resize ------------------------------------------------------------------------- */

/* Up to ios16: roi is [n, 1, 4 or 5, 1, 1], the result [n, batch or 1, channels, height,
 * width]. */
static bool infer_roi(Call *c, const Shape *x, int64_t h, int64_t w)
{
    const Shape *r = call_shape(c, P_roi);
    bool good = r->rank == 5 && image_fits(r->dim[1], 1) && image_fits(r->dim[3], 1)
             && image_fits(r->dim[4], 1) && (image_fits(r->dim[2], 4) || r->dim[2] == 5);
    if (!good)
        return call_error(c, "roi is %s; it must be [boxes, 1, 4 or 5, 1, 1]",
                          shape_text(c->arena, r));
    bool either = r->dim[2] == DIM_ANY && x->dim[0] != 1;
    int64_t images = r->dim[2] == 5 ? 1 : either ? DIM_ANY : x->dim[0];
    return call_out(c, call_dtype(c, P_x), SHAPE(r->dim[0], images, x->dim[1], h, w));
}

static bool indices_within(Call *c, const Shape *x)
{
    const Tensor *at = call_val(c, P_box_indices);
    for (size_t i = 0; at && x->dim[0] != DIM_ANY && i < at->count; i++)
        if (tensor_int(at, i) >= x->dim[0])
            return call_error(c, "box_indices holds %lld; x is %s",
                              (long long)tensor_int(at, i), shape_text(c->arena, x));
    return true;
}

static bool infer_boxes(Call *c, const Shape *x, int64_t h, int64_t w)
{
    const Shape *b = call_shape(c, P_boxes), *at = call_shape(c, P_box_indices);
    if (b->rank != 2 || !image_fits(b->dim[1], 4))
        return call_error(c, "boxes is %s; it must be [boxes, 4]",
                          shape_text(c->arena, b));
    if (at && (at->rank != 1 || !image_fits(at->dim[0], b->dim[0])))
        return call_error(c, "box_indices is %s, boxes is %s; one index a box is needed",
                          shape_text(c->arena, at), shape_text(c->arena, b));
    if (!at && b->dim[0] != DIM_ANY && x->dim[0] != DIM_ANY && b->dim[0] > x->dim[0])
        return call_error(
            c, "boxes is %s and x is %s: without box_indices box i is of image i",
            shape_text(c->arena, b), shape_text(c->arena, x));
    if (!indices_within(c, x)) return false;
    if (call_bool(c, P_normalized_coordinates) && !dtype_is_float(call_dtype(c, P_boxes)))
        return call_error(
            c, "boxes is %s; with normalized_coordinates it must be fp16 or fp32",
            dtypes[call_dtype(c, P_boxes)].name);
    return call_out(c, call_dtype(c, P_x), SHAPE(b->dim[0], x->dim[1], h, w));
}

bool infer_crop_resize(Call *c)
{
    const Shape *x = call_shape(c, P_x);
    int64_t h, w;
    if (!check_rank(c, P_x, 4, 4) || !not_empty(c, x)
        || !image_target(c, P_target_height, &h) || !image_target(c, P_target_width, &w)
        || call_choice(c, P_sampling_mode) < 0
        || call_choice(c, P_box_coordinate_mode) < 0)
        return false;
    return call_has(c, P_roi) ? infer_roi(c, x, h, w) : infer_boxes(c, x, h, w);
}

/* ==== gradients
 * ============================================================================= */

/* Gradients of cropping and resizing. A resize is a product with a constant
 * matrix along each axis, and so is its gradient: with the transposed one. */

bool grad_crop(Grad *g)
{
    int64_t h[MAX_RANK * 2], w[MAX_RANK * 2], before[MAX_RANK] = { 0 },
                                              after[MAX_RANK] = { 0 };
    if (!grad_wants(g, P_x)) return true;
    const int rank = grad_arg(g, P_x)->type->shape.rank;
    value_ints(grad_arg(g, P_crop_height), h);
    value_ints(grad_arg(g, P_crop_width), w);
    before[rank - 2] = h[0], after[rank - 2] = h[1];
    before[rank - 1] = w[0], after[rank - 1] = w[1];
    grad_give(g, P_x, grad_pad(g->b, g->dy[0], before, after));
    return true;
}

static Value *resize_axis(Builder *b, Value *d, const Resize *r, int axis, int64_t n)
{
    Arena scratch = { 0 };
    const int64_t from = d->type->shape.dim[axis];
    double *m = NEW_ARRAY(&scratch, from * n + 1, double);
    for (int64_t i = 0; i < from; i++) {
        const Tap t = tap_at(r->pick, EDGE_BORDER, n,
                             grid_point(r->grid, (double)n, from, i));
        m[i * n + t.a] += 1 - t.t;
        m[i * n + t.b] += t.t;
    }
    d = grad_along(b, d, axis, from, n, m);
    arena_free(&scratch);
    return d;
}

/* Each element was copied to a block of equal size: the sum of the block, by its mean. */
static Value *blocks_summed(Builder *b, Value *d, int64_t high, int64_t wide)
{
    const int64_t size[] = { high, wide }, none[] = { 0, 0, 0, 0 };
    Value *kernel = build_ints(b, 2, size);
    Value *type = build_string(b, "valid");
    d = mil_avg_pool(b, "avg_pool", .x = d, .kernel_sizes = kernel, .strides = kernel,
                     .pad_type = type, .pad = build_ints(b, 4, none));
    return grad_scaled(b, d, (double)(high * wide));
}

bool grad_resize(Grad *g)
{
    Arena scratch = { 0 };
    Resize r;
    Value *x = grad_arg(g, P_x), *d = g->dy[0];
    const Shape *from = &x->type->shape, *to = &d->type->shape;
    if (!grad_wants(g, P_x)) return true;
    Call *c = grad_call(g, &scratch);
    const bool ok = c && resize_of(c, &r);
    const int last = from->rank - 1;
    const bool blocks = ok && from->rank == 4 && r.n == 2 && r.pick == PICK_FLOOR
                     && to->dim[2] % from->dim[2] == 0 && to->dim[3] % from->dim[3] == 0;
    if (blocks)
        d = blocks_summed(g->b, d, to->dim[2] / from->dim[2], to->dim[3] / from->dim[3]);
    for (int i = last; ok && !blocks && i > last - r.n; i--)
        if (from->dim[i] != to->dim[i]) d = resize_axis(g->b, d, &r, i, from->dim[i]);
    if (ok) grad_give(g, P_x, d);
    arena_free(&scratch);
    return ok;
}
