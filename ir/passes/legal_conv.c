/* legal_conv.c -- convolutions in the form that a target takes: over two axes, with narrow kernels,
 * and products of matrices where the weight is computed. */
#include "legal.h"

#include <string.h>

/* A convolution over an image as numbers; absent arguments have their defaults. */
typedef struct {
    Value *x, *weight, *bias;
    int64_t groups, stride[2], dilation[2], before[2], after[2]; /* height, width */
    int64_t in[2], kernel[2], out[2];
} Conv;

static bool pair(const Op *op, const char *arg, int64_t out[2])
{
    int64_t v[MAX_RANK * 2];
    out[0] = out[1] = 1;
    if (!op_value(op, arg)) return true;
    if (value_ints(op_value(op, arg), v) != 2) return false;
    out[0] = v[0];
    out[1] = v[1];
    return true;
}

/* What `same` pads: so much that the result has ceil(in / stride) entries. */
static void pad_same(Conv *c, int i, bool lower)
{
    const int64_t count = (c->in[i] + c->stride[i] - 1) / c->stride[i];
    int64_t total = (count - 1) * c->stride[i] + (c->kernel[i] - 1) * c->dilation[i] + 1 - c->in[i];
    if (total < 0) total = 0;
    c->before[i] = lower ? total - total / 2 : total / 2;
    c->after[i] = total - c->before[i];
}

static bool read_pads(Conv *c, const Op *op)
{
    int64_t pad[MAX_RANK * 2];
    const char *type = op_value(op, "pad_type") ? op_const_string(op, "pad_type") : "valid";
    if (!type) return false;
    for (int i = 0; i < 2; i++) {
        c->before[i] = c->after[i] = 0;
        if (!strncmp(type, "same", 4)) pad_same(c, i, !strcmp(type, "same_lower"));
    }
    if (strcmp(type, "custom") != 0) return true;
    if (!op_value(op, "pad")) return true;
    if (value_ints(op_value(op, "pad"), pad) != 4) return false;
    for (int i = 0; i < 2; i++) {
        c->before[i] = pad[2 * i];
        c->after[i] = pad[2 * i + 1];
    }
    return true;
}

static bool read_conv(Conv *c, const Op *op)
{
    *c = (Conv){ .x = op_value(op, "x"), .weight = op_value(op, "weight"), .bias = op_value(op, "bias") };
    const Shape *x = shape_of_value(c->x), *w = shape_of_value(c->weight), *out = shape_of_value(op->out[0]);
    if (!x || !w || !out || x->rank != 4 || w->rank != 4) return false;
    if (!pair(op, "strides", c->stride) || !pair(op, "dilations", c->dilation)) return false;
    for (int i = 0; i < 2; i++) {
        c->in[i] = x->dim[2 + i];
        c->kernel[i] = w->dim[2 + i];
        c->out[i] = out->dim[2 + i];
    }
    return int_of(op, "groups", 1, &c->groups) && read_pads(c, op);
}

/* x with its border of zeros, so that what follows need not pad. */
static Value *padded(Builder *b, const Conv *c)
{
    const int64_t pad[] = { 0, 0, 0, 0, c->before[0], c->after[0], c->before[1], c->after[1] };
    if (!pad[4] && !pad[5] && !pad[6] && !pad[7]) return c->x;
    return build(b, "pad", "pad", "x", c->x, "pad", build_ints(b, COUNT(pad), pad), "mode",
                 build_string(b, "constant"), "constant_val", make_number(b, c->x, 0), NULL);
}

/* The part of the padded x that taps [from, from + n) of one axis see. */
static Value *seen_by(Builder *b, const Conv *c, Value *x, int i, int64_t from, int64_t n)
{
    const int64_t first = from * c->dilation[i];
    const int64_t length = (c->out[i] - 1) * c->stride[i] + (n - 1) * c->dilation[i] + 1;
    return first == 0 && length == x->type->shape.dim[2 + i] ? x : make_slice(b, x, 2 + i, first, length);
}

static Value *with_bias(Builder *b, const Conv *c, Value *y)
{
    if (!c->bias) return y;
    const Shape s = SHAPE(1, c->bias->type->shape.dim[0], 1, 1);
    return make2(b, "add", y, make_shape(b, c->bias, &s));
}

/* ---- one axis ----------------------------------------------------------------------------------------- */

/* A vector argument with a 1 (or zeros, of pads) for the axis that is added in front. */
static bool widen_arg(Builder *b, const Op *op, const char *name, int64_t fill, Arg *arg, Value **room)
{
    int64_t v[MAX_RANK * 2], w[4] = { fill, fill };
    const int n = value_ints(op_value(op, name), v);
    if (n < 1 || n > 2) return false;
    for (int i = 0; i < n; i++) w[n + i] = v[i];
    *room = build_ints(b, 2 * n, w);
    *arg = (Arg){ .name = name, .val = room, .count = 1 };
    return true;
}

/* [N, C, W] as [N, C, 1, W]. */
static Value *widened(Builder *b, Value *v)
{
    const Shape *s = &v->type->shape;
    const Shape wide = SHAPE(s->dim[0], s->dim[1], 1, s->dim[2]);
    return make_shape(b, v, &wide);
}

static Value *flat(const Legal *l, Builder *b, Op *op)
{
    if (op->kind != OP_conv && op->kind != OP_conv_transpose) return NULL;
    const Shape *x = shape_of_value(op_value(op, "x")), *w = shape_of_value(op_value(op, "weight"));
    const Shape *out = shape_of_value(op->out[0]);
    if (!rule_heals(l->rules, RULE_conv_flat) || !x || !w || !out || x->rank != 3 || w->rank != 3) return NULL;
    Arg arg[MAX_PARAM];
    Value *room[MAX_PARAM];
    if (op->narg > MAX_PARAM || op_value(op, "output_shape")) return NULL;
    for (int i = 0; i < op->narg; i++) {
        arg[i] = op->arg[i];
        if (!strcmp(arg[i].name, "x") || !strcmp(arg[i].name, "weight")) {
            room[i] = widened(b, arg[i].val[0]);
            arg[i].val = &room[i];
        } else if ((!strcmp(arg[i].name, "strides") || !strcmp(arg[i].name, "dilations"))
                   && !widen_arg(b, op, arg[i].name, 1, &arg[i], &room[i])) {
            return NULL;
        } else if (!strcmp(arg[i].name, "pad") && !widen_arg(b, op, "pad", 0, &arg[i], &room[i])) {
            return NULL;
        }
    }
    return make_shape(b, build_op(b, "conv", op->name, arg, op->narg)->out[0], out);
}

int pass_conv_shape(Module *m, const PassOptions *o, Diag *d) { return legal_rewrite(m, o, d, flat); }

/* ---- kernels that are too large ------------------------------------------------------------------------- */

static Value *plain_conv(Builder *b, const Conv *c, Value *x, Value *weight)
{
    return build(b, "conv", "conv", "x", x, "weight", weight, "strides", build_ints(b, 2, c->stride), "pad_type",
                 build_string(b, "valid"), "dilations", build_ints(b, 2, c->dilation), "groups",
                 build_int(b, c->groups), NULL);
}

/* Part of a constant along one axis, read and written anew; of another value a slice. */
static Value *weight_part(const Legal *l, Builder *b, Value *w, int axis, int64_t from, int64_t n)
{
    Tensor t;
    Arena *a = &b->m->arena;
    const Shape *s = &w->type->shape;
    if (!w->lit || !legal_bytes_at_hand(l->m, l->diag, w->lit) || dtypes[w->type->dtype].bits < 8) return make_slice(b, w, axis, from, n);
    if (!const_tensor(w->lit, l->diag, &t)) return make_slice(b, w, axis, from, n);
    Shape part = *s;
    part.dim[axis] = n;
    const Type *type = type_tensor(a, w->type->dtype, part);
    size_t outer = 1, inner = (size_t)dtypes[type->dtype].bits / 8;
    for (int i = 0; i < axis; i++) outer *= (size_t)s->dim[i];
    for (int i = axis + 1; i < s->rank; i++) inner *= (size_t)s->dim[i];
    char *data = arena_alloc(a, type_bytes(type) + 1);
    for (size_t i = 0; i < outer; i++)
        memcpy(data + i * (size_t)n * inner,
               (const char *)t.data + (i * (size_t)s->dim[axis] + (size_t)from) * inner, (size_t)n * inner);
    tensor_free(&t);
    return build_const(b, w->name ? w->name : "weight", const_data(a, type, data));
}

static Value *split_kernel(const Legal *l, Builder *b, Conv *c, int i, int64_t most)
{
    Value *x = padded(b, c), *sum = NULL;
    for (int64_t from = 0; from < c->kernel[i]; from += most) {
        const int64_t n = c->kernel[i] - from < most ? c->kernel[i] - from : most;
        Value *part = plain_conv(b, c, seen_by(b, c, x, i, from, n), weight_part(l, b, c->weight, 2 + i, from, n));
        sum = sum ? make2(b, "add", sum, part) : part;
    }
    return with_bias(b, c, sum);
}

static Value *split(const Legal *l, Builder *b, Op *op)
{
    static const struct { int rule, limit; } axes[] = {
        { RULE_kernel_height, LIMIT_kernel_height }, { RULE_kernel_width, LIMIT_kernel_width },
    };
    Conv c;
    if (op->kind != OP_conv || !read_conv(&c, op)) return NULL;
    for (int i = 0; i < 2; i++)
        if (rule_heals(l->rules, axes[i].rule) && over_limit(l->rules, axes[i].limit, c.kernel[i]))
            return split_kernel(l, b, &c, i, rule_limit(l->rules, axes[i].limit));
    return NULL;
}

int pass_conv_split(Module *m, const PassOptions *o, Diag *d) { return legal_rewrite(m, o, d, split); }

/* ---- weights that are computed --------------------------------------------------------------------------- */

/* Every stride-th entry of one axis. */
static Value *strided(Builder *b, Value *x, const int64_t stride[2])
{
    if (stride[0] == 1 && stride[1] == 1) return x;
    const Shape *s = &x->type->shape;
    const int64_t begin[4] = { 0 }, step[4] = { 1, 1, stride[0], stride[1] };
    return build(b, "slice", "slice_by_index", "x", x, "begin", build_ints(b, 4, begin), "end",
                 build_ints(b, 4, s->dim), "stride", build_ints(b, 4, step), NULL);
}

/* weight[:, :, i, k] by what that tap sees, [N, C, OH * OW]. */
static Value *tap(Builder *b, const Conv *c, Value *x, int64_t i, int64_t k)
{
    Value *seen = seen_by(b, c, seen_by(b, c, x, 0, i, 1), 1, k, 1), *w = c->weight;
    seen = strided(b, seen, c->stride);
    const Shape *s = &seen->type->shape, *ws = &w->type->shape;
    if (ws->dim[2] > 1) w = make_slice(b, w, 2, i, 1);
    if (ws->dim[3] > 1) w = make_slice(b, w, 3, k, 1);
    const Shape rows = SHAPE(1, ws->dim[0], ws->dim[1]), cols = SHAPE(s->dim[0], s->dim[1], s->dim[2] * s->dim[3]);
    return make_matmul(b, make_shape(b, w, &rows), make_shape(b, seen, &cols), false, false);
}

static Value *as_matmul(const Legal *l, Builder *b, Op *op)
{
    Conv c;
    if (op->kind != OP_conv || !read_conv(&c, op) || value_is_const(c.weight) || c.groups != 1) return NULL;
    const bool batch = c.x->type->shape.dim[0] > 1 && rule_heals(l->rules, RULE_conv_weight_batch);
    if (!batch && !rule_heals(l->rules, RULE_conv_weight)) return NULL;
    Value *x = padded(b, &c), *sum = NULL;
    for (int64_t i = 0; i < c.kernel[0]; i++)
        for (int64_t k = 0; k < c.kernel[1]; k++) {
            Value *part = tap(b, &c, x, i, k);
            sum = sum ? make2(b, "add", sum, part) : part;
        }
    return sum ? with_bias(b, &c, make_shape(b, sum, &op->out[0]->type->shape)) : NULL;
}

int pass_conv_matmul(Module *m, const PassOptions *o, Diag *d) { return legal_rewrite(m, o, d, as_matmul); }
