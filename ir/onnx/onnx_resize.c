/* onnx_resize.c -- Resize and Upsample. Where an op of MIL samples at the same places it is that;
 * else elements are gathered (nearest), or each axis is multiplied by a matrix of weights. */
#include "onnx.h"

#include <math.h>
#include <string.h>

typedef struct {
    const char *mode, *where, *nearest;
    double cubic; /* the coefficient of cubic weights */
    bool outside; /* weights of places outside are left out, and the others grow */
    int rank;
    int64_t from[MAX_RANK], to[MAX_RANK];
    double scale[MAX_RANK];
} OnnxResize;

/* ---- what is asked ----------------------------------------------------------------------- */

/* Numbers for each axis, from a list for some of them. */
static bool resize_axes(OnnxCall *c, const OnnxResize *r, int n, int64_t *axis)
{
    int given = onnx_ints(c, "axes", axis);
    if (given < 0)
        for (given = 0; given < r->rank; given++) axis[given] = given;
    for (int i = 0; i < given; i++)
        if (!onnx_axis(c, &axis[i], r->rank)) return false;
    return given == n
        || onnx_refuse(c, "it has %d scales or sizes for %d axes", n, given);
}

static bool resize_by_sizes(OnnxCall *c, OnnxResize *r)
{
    int64_t size[MAX_RANK * 2], axis[MAX_RANK * 2];
    const int n = value_ints(c->in[3], size);
    if (n < 0) return onnx_refuse(c, "its sizes are not known before it runs");
    if (strcmp(onnx_text(c, "keep_aspect_ratio_policy", "stretch"), "stretch") != 0)
        return onnx_refuse(c, "its keep_aspect_ratio_policy is not read");
    if (n > MAX_RANK || !resize_axes(c, r, n, axis)) return false;
    for (int i = 0; i < n; i++) {
        r->to[axis[i]] = size[i];
        r->scale[axis[i]] = (double)size[i] / (double)r->from[axis[i]];
    }
    return true;
}

/* Scales are an attribute until opset 8, then input 1, from opset 11 on input 2. */
static bool resize_by_scales(OnnxCall *c, OnnxResize *r)
{
    int64_t axis[MAX_RANK * 2];
    const int input = c->file->opset < 11 ? 1 : 2;
    const OnnxAttr *listed = onnx_attr(c, "scales");
    float scale[MAX_RANK];
    int n = listed && listed->nfloats <= MAX_RANK ? listed->nfloats : 0;
    for (int i = 0; i < n; i++) scale[i] = listed->floats[i];
    if (!listed && onnx_given(c, input) && value_lit(c->in[input])) {
        Tensor t = { 0 };
        if (!value_tensor(c->in[input], c->b.diag, &t)) return false;
        n = t.count <= MAX_RANK ? (int)t.count : 0;
        for (int i = 0; i < n; i++) scale[i] = (float)tensor_float(&t, (size_t)i);
        tensor_free(&t);
    }
    if (!n)
        return onnx_refuse(c,
                           "neither its scales nor its sizes are known before it runs");
    if (!resize_axes(c, r, n, axis)) return false;
    for (int i = 0; i < n; i++) {
        if (!(scale[i] > 0 && scale[i] < 1e6f))
            return onnx_refuse(c, "a scale is %g", (double)scale[i]);
        r->scale[axis[i]] = (double)scale[i];
        r->to[axis[i]] = (int64_t)floor((double)r->from[axis[i]] * (double)scale[i]);
    }
    return true;
}

static bool resize_of(OnnxCall *c, OnnxResize *r)
{
    const bool early = c->file->opset < 11, upsample = !strcmp(c->node->op, "Upsample");
    const Shape *s = onnx_shape(c->in[0]);
    *r = (OnnxResize){
        .mode = onnx_text(c, "mode", "nearest"),
        .where = onnx_text(c, "coordinate_transformation_mode",
                           early ? "asymmetric" : "half_pixel"),
        .nearest = onnx_text(c, "nearest_mode", early ? "floor" : "round_prefer_floor"),
        .cubic = onnx_float(c, "cubic_coeff_a", -0.75),
        .outside = onnx_int(c, "exclude_outside", 0) != 0,
        .rank = s->rank,
    };
    for (int i = 0; i < s->rank; i++) {
        if (s->dim[i] < 1) return onnx_refuse(c, "its dimensions are not known");
        r->from[i] = r->to[i] = s->dim[i];
        r->scale[i] = 1;
    }
    if (onnx_int(c, "antialias", 0))
        return onnx_refuse(c, "resizing with antialias is not read");
    const bool sizes = !upsample && onnx_given(c, 3);
    if (!(sizes ? resize_by_sizes(c, r) : resize_by_scales(c, r))) return false;
    for (int i = 0; i < r->rank; i++)
        if (r->to[i] < 1 || r->to[i] > 1 << 20)
            return onnx_refuse(c, "a side becomes %lld", (long long)r->to[i]);
    return true;
}

/* ---- where a pixel comes from ------------------------------------------------------------ */

/* The place in the input, of pixel i of axis k; the formulas are those of the operator's schema.
 * False: there is no such way. */
static bool resize_place(const OnnxResize *r, int k, int64_t i, double *at)
{
    const double x = (double)i, scale = r->scale[k], to = (double)r->from[k] * scale;
    if (!strcmp(r->where, "half_pixel")) *at = (x + 0.5) / scale - 0.5;
    else if (!strcmp(r->where, "pytorch_half_pixel"))
        *at = to > 1 ? (x + 0.5) / scale - 0.5 : 0;
    else if (!strcmp(r->where, "asymmetric")) *at = x / scale;
    else if (!strcmp(r->where, "align_corners"))
        *at = to > 1 ? x * ((double)r->from[k] - 1) / (to - 1) : 0;
    else if (!strcmp(r->where, "tf_half_pixel_for_nn")) *at = (x + 0.5) / scale;
    else if (!strcmp(r->where, "half_pixel_symmetric")) {
        const double adjust = (double)r->to[k] / to, center = (double)r->from[k] / 2;
        *at = center * (1 - adjust) + (x + 0.5) / scale - 0.5;
    } else return false;
    return true;
}

static int64_t resize_inside(const OnnxResize *r, int k, double at)
{
    return at < 0 ? 0 : at > (double)(r->from[k] - 1) ? r->from[k] - 1 : (int64_t)at;
}

static int64_t resize_nearest(const OnnxResize *r, int k, double at)
{
    const double down = floor(at), part = at - down;
    if (!strcmp(r->nearest, "floor")) return resize_inside(r, k, down);
    if (!strcmp(r->nearest, "ceil")) return resize_inside(r, k, ceil(at));
    const bool up = strcmp(r->nearest, "round_prefer_ceil") ? part > 0.5 : part >= 0.5;
    return resize_inside(r, k, up ? down + 1 : down);
}

static double resize_weight(const OnnxResize *r, double off)
{
    const double a = r->cubic, x = fabs(off);
    if (!strcmp(r->mode, "linear")) return x < 1 ? 1 - x : 0;
    if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

/* A row of weights: of what lies outside, the pixel at the edge has it, or nobody. */
static void resize_row(const OnnxResize *r, int k, double at, float *row)
{
    const double down = floor(at);
    double sum = 0, weight[4];
    for (int i = 0; i < 4; i++) {
        const double from = down - 1 + i;
        const bool inside = from >= 0 && from < (double)r->from[k];
        weight[i] = r->outside && !inside ? 0 : resize_weight(r, at - from);
        sum += weight[i];
    }
    for (int i = 0; i < 4; i++)
        row[resize_inside(r, k, down - 1 + i)] += (float)(r->outside ? weight[i] / sum
                                                                     : weight[i]);
}

/* ---- in MIL ------------------------------------------------------------------------------ */

static Value *resize_gathered(OnnxCall *c, const OnnxResize *r, Value *x, int k)
{
    Builder *b = &c->b;
    int64_t *from = NEW_ARRAY(c->file->arena, r->to[k], int64_t);
    double at = 0;
    for (int64_t i = 0; i < r->to[k]; i++) {
        resize_place(r, k, i, &at);
        from[i] = resize_nearest(r, k, at);
    }
    const Const *list = const_ints(&c->b.m->arena, DT_INT32, (int)r->to[k], from);
    Value *places = build_const(b, "places", list);
    Value *axis = build_int(b, k);
    return mil_gather(b, "t", .x = x, .indices = places, .axis = axis);
}

/* The axis is the last one for the product. */
static Value *resize_weighed(OnnxCall *c, const OnnxResize *r, Value *x, int k)
{
    Builder *b = &c->b;
    const Type *t = type_tensor(&c->b.m->arena, DT_FP32, SHAPE(r->to[k], r->from[k]));
    void *data;
    double at = 0;
    Const *lit = const_room(&c->b.m->arena, t, type_bytes(t), &data);
    for (int64_t i = 0; i < r->to[k]; i++) {
        resize_place(r, k, i, &at);
        resize_row(r, k, at, (float *)data + i * r->from[k]);
    }
    Value *weights = onnx_folded(
        c, onnx_cast(c, build_const(b, "weights", lit), onnx_dtype(x)));
    if (k == r->rank - 2 && r->rank >= 2) return mil_matmul(b, "t", .x = weights, .y = x);
    int64_t perm[MAX_RANK];
    for (int i = 0; i < r->rank; i++) perm[i] = i;
    perm[k] = r->rank - 1;
    perm[r->rank - 1] = k;
    Value *order = build_ints(b, r->rank, perm);
    const bool last = k == r->rank - 1;
    if (!last) x = mil_transpose(b, "turned", .x = x, .perm = order);
    x = mil_matmul(b, "t", .x = x, .y = weights, .transpose_y = build_bool(b, true));
    return last ? x : mil_transpose(b, "t", .x = x, .perm = order);
}

/* An op of MIL for images, whose last two axes change alone; NULL: none samples so. */
static Value *resize_image(OnnxCall *c, const OnnxResize *r)
{
    Builder *b = &c->b;
    const double sy = r->scale[2], sx = r->scale[3];
    Value *x = c->in[0];
    if (r->rank != 4 || r->to[0] != r->from[0] || r->to[1] != r->from[1]) return NULL;
    const bool whole = sy >= 1 && sx >= 1 && sy == floor(sy) && sx == floor(sx);
    if (!strcmp(r->mode, "nearest")) {
        /* by a whole factor each pixel is repeated, whichever of these says so */
        const bool floors = !strcmp(r->where, "asymmetric")
                         && !strcmp(r->nearest, "floor");
        const bool rounds = !strcmp(r->where, "half_pixel")
                         && !strncmp(r->nearest, "round", 5);
        if (!whole || !(floors || rounds)) return NULL;
        Value *up = build_int(b, (int64_t)sy);
        Value *across = build_int(b, (int64_t)sx);
        return mil_upsample_nearest_neighbor(b, "t", .x = x, .scale_factor_height = up,
                                             .scale_factor_width = across);
    }
    static const char *const sampling[][2] = { { "align_corners",
                                                 "STRICT_ALIGN_CORNERS" },
                                               { "half_pixel", "UNALIGN_CORNERS" },
                                               { "asymmetric", "DEFAULT" } };
    const bool exact = (double)r->from[2] * sy == (double)r->to[2]
                    && (double)r->from[3] * sx == (double)r->to[3];
    if (strcmp(r->mode, "linear") != 0 || !exact || r->to[2] < 2 || r->to[3] < 2)
        return NULL;
    for (size_t i = 0; i < COUNT(sampling); i++) {
        if (strcmp(sampling[i][0], r->where) != 0) continue;
        Value *h = build_int(b, r->to[2]);
        Value *w = build_int(b, r->to[3]);
        Value *way = build_string(b, sampling[i][1]);
        return mil_resize_bilinear(b, "t", .x = x, .target_size_height = h,
                                   .target_size_width = w, .sampling_mode = way);
    }
    return NULL;
}

bool node_resize(OnnxCall *c)
{
    OnnxResize r;
    double at;
    if (!resize_of(c, &r)) return false;
    if (!resize_place(&r, 0, 0, &at))
        return onnx_refuse(c, "its coordinates are %s", r.where);
    const bool nearest = !strcmp(r.mode, "nearest");
    if (!nearest && strcmp(r.mode, "linear") != 0 && strcmp(r.mode, "cubic") != 0)
        return onnx_refuse(c, "its mode is %s", r.mode);
    Value *x = c->in[0],
          *image = dtype_is_float(onnx_dtype(x)) ? resize_image(c, &r) : NULL;
    for (int k = 0; !image && k < r.rank && x; k++) {
        if (r.to[k] == r.from[k] && r.scale[k] == 1) continue;
        x = nearest ? resize_gathered(c, &r, x, k) : resize_weighed(c, &r, x, k);
    }
    c->out[0] = image ? image : x;
    return true;
}
