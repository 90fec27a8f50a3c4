/* image_eval.c -- reference kernels of the image ops: planes of doubles sampled by taps. */
#include "eval.h"
#include "image.h"

#include <math.h>

/* ---- crop -------------------------------------------------------------------------------- */

bool eval_crop(Call *c)
{
    const Tensor *x = call_val(c, P_x);
    Tensor *z = c->res[0];
    int64_t top[2], left[2], from[MAX_RANK], to[MAX_RANK];
    if (!call_ints_or(c, P_crop_height, 2, 0, top)
        || !call_ints_or(c, P_crop_width, 2, 0, left))
        return false;
    shape_strides(&x->shape, from);
    shape_strides(&z->shape, to);
    copy_strided(&z->shape, tensor_elem_size(x), z->data, 0, to, x->data,
                 top[0] * from[x->shape.rank - 2] + left[0], from);
    return true;
}

/* ---- resizing ---------------------------------------------------------------------------- */

static Tap *grid_taps(Call *c, const Resize *r, int64_t in, int64_t out)
{
    Tap *tap = call_scratch(c, (size_t)out, sizeof *tap);
    for (int64_t i = 0; i < out; i++)
        tap[i] = tap_at(r->pick, EDGE_BORDER, in,
                        grid_point(r->grid, (double)in, out, i));
    return tap;
}

bool eval_resize(Call *c)
{
    Resize r;
    if (!c->res[0]->count) return true;
    if (!resize_of(c, &r)) return false;
    const Tensor *x = call_val(c, P_x);
    int lead = x->shape.rank - r.n;
    const int64_t *in = x->shape.dim + lead, *out = r.out + lead;
    Tap *tap[MAX_RANK];
    for (int i = 0; i < r.n; i++) tap[i] = grid_taps(c, &r, in[i], out[i]);
    int64_t planes = shape_elements(&x->shape, 0, lead);
    size_t from = (size_t)shape_elements(&x->shape, lead, x->shape.rank);
    size_t to = (size_t)shape_elements(&c->res[0]->shape, lead, x->shape.rank);
    double *src = call_scratch(c, from, sizeof *src);
    double *dst = call_scratch(c, to, sizeof *dst);
    for (int64_t n = 0; n < planes; n++) {
        tensor_get_floats(x, (size_t)n * from, from, src);
        sample_grid(r.n, in, out, tap, 0, src, dst);
        for (size_t i = 0; x->dtype == DT_INT32 && i < to; i++) dst[i] = rint(dst[i]);
        tensor_put_floats(c->res[0], (size_t)n * to, to, dst);
    }
    return true;
}

/* ---- points ------------------------------------------------------------------------------ */

/* What an image is sampled with: two taps for every result pixel, room for a plane in and
 * out. */
typedef struct {
    Tap *row, *col;
    double *src, *dst;
    size_t in, out;
} ImageWork;

static ImageWork work_of(Call *c)
{
    const Shape *x = call_shape(c, P_x), *z = &c->res[0]->shape;
    ImageWork k = { .in = (size_t)shape_elements(x, 2, 4),
                    .out = (size_t)shape_elements(z, 2, 4) };
    k.row = call_scratch(c, k.out, sizeof *k.row);
    k.col = call_scratch(c, k.out, sizeof *k.col);
    k.src = call_scratch(c, k.in, sizeof *k.src);
    k.dst = call_scratch(c, k.out, sizeof *k.dst);
    return k;
}

/* All channels of image n. */
static void sample_image(Call *c, int64_t n, const ImageWork *k)
{
    const Tensor *x = call_val(c, P_x);
    int64_t channels = x->shape.dim[1];
    double pad = call_float(c, P_padding_value);
    for (int64_t ch = 0; ch < channels; ch++) {
        size_t plane = (size_t)(n * channels + ch);
        tensor_get_floats(x, plane * k->in, k->in, k->src);
        for (size_t i = 0; i < k->out; i++) {
            const Tap *tap[2] = { &k->row[i], &k->col[i] };
            k->dst[i] = sample_point(2, x->shape.dim + 2, tap, pad, k->src);
        }
        tensor_put_floats(c->res[0], plane * k->out, k->out, k->dst);
    }
}

static Tap point_tap(const Points *p, int64_t len, double v)
{
    return tap_at(p->pick, p->edge, len, coord_to_pixel(p->coord, p->align, len, v));
}

bool eval_resample(Call *c)
{
    Points p;
    if (!c->res[0]->count) return true;
    if (!points_of(c, &p)) return false;
    const Shape *x = call_shape(c, P_x);
    const double *at = call_doubles(c, P_coordinates);
    ImageWork k = work_of(c);
    for (int64_t n = 0; n < x->dim[0]; n++) {
        for (size_t i = 0; i < k.out; i++, at += 2) {
            k.col[i] = point_tap(&p, x->dim[3], at[0]);
            k.row[i] = point_tap(&p, x->dim[2], at[1]);
        }
        sample_image(c, n, &k);
    }
    return true;
}

bool eval_affine(Call *c)
{
    Points p;
    if (!c->res[0]->count) return true;
    if (!points_of(c, &p)) return false;
    const Shape *x = call_shape(c, P_x), *z = &c->res[0]->shape;
    const double *m = call_doubles(c, P_transform_matrix);
    ImageWork k = work_of(c);
    int64_t step = call_shape(c, P_transform_matrix)->dim[0] == 1 ? 0 : 6;
    for (int64_t n = 0; n < x->dim[0]; n++, m += step) {
        for (size_t i = 0; i < k.out; i++) {
            double u = coord_of_pixel(p.coord, p.align, z->dim[3],
                                      (int64_t)i % z->dim[3]);
            double v = coord_of_pixel(p.coord, p.align, z->dim[2],
                                      (int64_t)i / z->dim[3]);
            k.col[i] = point_tap(&p, x->dim[3], m[0] * u + m[1] * v + m[2]);
            k.row[i] = point_tap(&p, x->dim[2], m[3] * u + m[4] * v + m[5]);
        }
        sample_image(c, n, &k);
    }
    return true;
}

/* ---- crop_resize ------------------------------------------------------------------------- */

typedef struct {
    Grid grid;
    BoxMode mode;
    Edge edge; /* ios15 clamps what lies outside x, later ones read pad_value */
    double scale, pad;
    bool normalized;
    int64_t in[2], out[2];
    Tap *tap[2];
    double *src, *dst;
} Crop;

typedef struct {
    double from, to;
} Span;

static void box_spans(const Crop *k, const double *v, Span s[2])
{
    bool width_first = k->mode == BOX_CORNERS_WH || k->mode == BOX_CENTER_WH;
    bool center = k->mode == BOX_CENTER_HW || k->mode == BOX_CENTER_WH;
    for (int i = 0; i < 2; i++) {
        int at = width_first ? 1 - i : i;
        double a = v[at], b = v[at + 2];
        double f = k->scale * (k->normalized ? (double)(k->in[i] - 1) : 1);
        s[i].from = f * (center ? a - b / 2 : a);
        s[i].to = f * (center ? a + b / 2 : b);
    }
}

/* Where point n of axis i is: a box from a to b is an axis of |b - a| + 1 pixels that begins at a. One
 * that runs backwards is mirrored; under UNALIGN_CORNERS Core ML reads the whole axis instead. */
static double span_point(const Crop *k, int i, Span s, int64_t n)
{
    double len = fabs(s.to - s.from) + 1, way = s.to < s.from ? -1 : 1;
    if (way < 0 && k->grid == GRID_UNALIGN) {
        s.from = 0;
        len = (double)k->in[i];
        way = 1;
    }
    return s.from + way * grid_point(k->grid, len, k->out[i], n);
}

static bool crop_is_outside(const Crop *k, int i, double at)
{
    return !(at >= 0 && at <= (double)(k->in[i] - 1));
}

static void span_taps(const Crop *k, int i, Span s)
{
    for (int64_t n = 0; n < k->out[i]; n++) {
        const double at = span_point(k, i, s, n);
        const bool outside = crop_is_outside(k, i, at);
        k->tap[i][n] = outside && k->edge == EDGE_CONSTANT
                         ? (Tap){ -1, -1, 0 }
                         : tap_at(PICK_LINEAR, EDGE_BORDER, k->in[i],
                                  outside && at > 0 ? (double)(k->in[i] - 1)
                                  : outside         ? 0
                                                    : at);
    }
}

/* All channels of one image to result planes from `plane` on. */
static void crop_box(Call *c, const Crop *k, const double *box, int64_t image,
                     int64_t plane)
{
    const Tensor *x = call_val(c, P_x);
    size_t from = (size_t)(k->in[0] * k->in[1]), to = (size_t)(k->out[0] * k->out[1]);
    Span s[2];
    box_spans(k, box, s);
    for (int i = 0; i < 2; i++) span_taps(k, i, s[i]);
    for (int64_t ch = 0; ch < x->shape.dim[1]; ch++) {
        tensor_get_floats(x, (size_t)(image * x->shape.dim[1] + ch) * from, from, k->src);
        sample_grid(2, k->in, k->out, k->tap, k->pad, k->src, k->dst);
        tensor_put_floats(c->res[0], (size_t)(plane + ch) * to, to, k->dst);
    }
}

static bool image_index(Call *c, double v, int64_t count, int64_t *out)
{
    if (!(v >= 0 && v < (double)count) || v != floor(v))
        return call_error(c, "a box names image %g; x holds %lld", v, (long long)count);
    *out = (int64_t)v;
    return true;
}

static bool crop_roi(Call *c, const Crop *k)
{
    const Shape *x = call_shape(c, P_x), *r = call_shape(c, P_roi);
    const double *v = call_doubles(c, P_roi);
    int64_t width = r->dim[2], plane = 0, images = width == 5 ? 1 : x->dim[0];
    for (int64_t n = 0; n < r->dim[0]; n++, v += width)
        for (int64_t b = 0; b < images; b++, plane += x->dim[1]) {
            int64_t image = b;
            if (width == 5 && !image_index(c, v[0], x->dim[0], &image)) return false;
            crop_box(c, k, v + width - 4, image, plane);
        }
    return true;
}

static bool crop_boxes(Call *c, const Crop *k)
{
    const Shape *x = call_shape(c, P_x), *b = call_shape(c, P_boxes);
    const double *v = call_doubles(c, P_boxes), *at = call_doubles(c, P_box_indices);
    for (int64_t n = 0; n < b->dim[0]; n++, v += 4) {
        int64_t image = n;
        if (!image_index(c, at ? at[n] : (double)n, x->dim[0], &image)) return false;
        crop_box(c, k, v, image, n * x->dim[1]);
    }
    return true;
}

static bool crop_of(Call *c, Crop *k)
{
    const Shape *x = call_shape(c, P_x);
    const int g = call_choice(c, P_sampling_mode),
              m = call_choice(c, P_box_coordinate_mode);
    *k = (Crop){ .scale = call_float(c, P_spatial_scale),
                 .pad = call_float(c, P_pad_value),
                 .normalized = call_bool(c, P_normalized_coordinates),
                 .edge = c->opset < OPSET_IOS16 ? EDGE_BORDER : EDGE_CONSTANT,
                 .in = { x->dim[2], x->dim[3] },
                 .out = { call_int(c, P_target_height), call_int(c, P_target_width) } };
    if (g < 0 || m < 0) return false;
    k->grid = (Grid)g;
    k->mode = (BoxMode)m;
    return true;
}

bool eval_crop_resize(Call *c)
{
    Crop k;
    if (!crop_of(c, &k)) return false;
    if (!c->res[0]->count) return true;
    for (int i = 0; i < 2; i++) k.tap[i] = call_scratch(c, (size_t)k.out[i], sizeof(Tap));
    k.src = call_scratch(c, (size_t)(k.in[0] * k.in[1]), sizeof(double));
    k.dst = call_scratch(c, (size_t)(k.out[0] * k.out[1]), sizeof(double));
    return call_has(c, P_roi) ? crop_roi(c, &k) : crop_boxes(c, &k);
}

/* The points of an axis are one behind the other, so the first and the last tell of all. */
static bool crop_box_is_inside(const Crop *k, const double *box)
{
    Span s[2];
    box_spans(k, box, s);
    for (int i = 0; i < 2; i++)
        if (k->out[i] > 0
            && (crop_is_outside(k, i, span_point(k, i, s[i], 0))
                || crop_is_outside(k, i, span_point(k, i, s[i], k->out[i] - 1))))
            return false;
    return true;
}

bool crop_is_inside(Call *c)
{
    const ParamId boxes = call_has(c, P_roi) ? P_roi : P_boxes;
    const Shape *x = call_shape(c, P_x);
    Crop k;
    if (!call_known(c, boxes) || x->dim[2] == DIM_ANY || x->dim[3] == DIM_ANY
        || !crop_of(c, &k))
        return false;
    const Tensor *t = call_val(c, boxes);
    const size_t width = boxes == P_roi ? (size_t)t->shape.dim[2] : 4;
    const double *v = call_doubles(c, boxes);
    for (size_t i = 0; i < t->count; i += width)
        if (!crop_box_is_inside(&k, v + i + width - 4)) return false;
    return true;
}
