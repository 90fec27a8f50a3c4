/* legal_batch.c -- a batch_norm behind a convolution becomes part of its weight and bias:
 * (W x + b - mean) s + beta is (s W) x + (b - mean) s + beta, where s is gamma / sqrt(variance +
 * epsilon). The weight is computed when it is written, in fp32, and rounded once. */
#include "legal.h"

#include <math.h>

typedef struct {
    Module *m;
    PtrMap made; /* literals of what is computed from constants, by value */
    Op *conv, *norm;
    Value *weight;
    const Const *lit;      /* the weight's elements */
    int64_t channels;      /* of the result */
    double *scale, *shift; /* of each channel, s and (b - mean) s + beta */
    double *most;          /* the largest magnitude of its weights */
} BatchFold;

/* ---- what is known ----------------------------------------------------------------------- */

/* A constant, or what is computed from constants alone; NULL: it is neither, or compressed, or
 * its bytes are not at hand. */
static const Const *batch_literal(BatchFold *f, Module *m, const Value *v)
{
    const Const *c = value_lit(v);
    if (!c && v->def && !op_decodes(v->def)) c = const_of_value(m, v, &f->made);
    return c && const_at_hand(c) ? c : NULL;
}

static bool batch_constant(BatchFold *f, Module *m, const Op *op, ParamId p)
{
    const Value *v = op_value(op, p);
    return !v || batch_literal(f, m, v);
}

/* A convolution whose result goes nowhere else, of constants that nothing else uses. */
static bool batch_read(BatchFold *f, Op *norm, const Legal *l)
{
    if (norm->kind != OP_batch_norm) return false;
    Value *x = op_value(norm, P_x);
    Op *conv = x->def;
    if (!conv || conv->parent != norm->parent) return false;
    if (conv->kind != OP_conv && conv->kind != OP_conv_transpose) return false;
    if (is_result(x) || func_count_uses(l->func, x) != 1) return false;
    static const ParamId given[] = { P_mean, P_variance, P_gamma, P_beta };
    for (size_t i = 0; i < COUNT(given); i++)
        if (!batch_constant(f, l->m, norm, given[i])) return false;
    Value *weight = op_value(conv, P_weight);
    const Const *lit = batch_literal(f, l->m, weight);
    if (!lit || func_count_uses(l->func, weight) != 1) return false;
    if (!dtype_is_float(lit->type->dtype) || !batch_constant(f, l->m, conv, P_bias))
        return false;
    int64_t groups;
    const bool back = conv->kind == OP_conv_transpose;
    if (!int_of(conv, P_groups, 1, &groups) || (back && groups != 1)) return false;
    f->m = l->m;
    f->conv = conv;
    f->norm = norm;
    f->weight = weight;
    f->lit = lit;
    f->channels = lit->type->shape.dim[back];
    return true;
}

/* Numbers of an argument of one for each channel; `other` where it is absent. */
static bool batch_numbers(BatchFold *f, const Op *op, ParamId p, double other, Diag *d,
                          double *to)
{
    Tensor t;
    const Value *v = op_value(op, p);
    for (int64_t i = 0; i < f->channels; i++) to[i] = other;
    if (!v) return true;
    if (!const_tensor(batch_literal(f, f->m, v), d, &t)) return false;
    const bool fits = t.count == (size_t)f->channels;
    for (size_t i = 0; fits && i < t.count; i++) to[i] = tensor_float(&t, i);
    tensor_free(&t);
    return fits;
}

/* Row by row, so that memory does not grow with the weight. */
static bool batch_most(BatchFold *f, Arena *a, Diag *d)
{
    const Type *t = f->lit->type;
    const bool back = f->conv->kind == OP_conv_transpose;
    const size_t rows = (size_t)t->shape.dim[0];
    size_t all;
    if (!shape_count(&t->shape, &all) || !all) return false;
    const size_t row = all / rows, of_one = back ? row / (size_t)f->channels : row;
    const Shape s = shape_of(1, (int64_t[]){ (int64_t)row });
    Tensor x = tensor_view(t->dtype, &s, arena_alloc(a, type_bytes(t) / rows));
    for (size_t r = 0; r < rows; r++) {
        if (!const_read(f->lit, d, r * row, row, x.data)) return false;
        for (size_t i = 0; i < row; i++) {
            double *most = &f->most[back ? i / of_one : r];
            *most = fmax(*most, fabs(tensor_float(&x, i)));
        }
    }
    return true;
}

/* A channel whose gamma is below the least number of fp16: its result is beta. */
#define BATCH_NOTHING 0x1p-24
/* the least normal number of fp16 */
#define BATCH_LEAST 0x1p-14

/* No weight leaves what fp16 holds by the scale of its channel. */
static bool batch_holds(const BatchFold *f, const double *gamma)
{
    for (int64_t i = 0; i < f->channels; i++) {
        const double most = f->most[i] * fabs(f->scale[i]);
        if (!(most <= F16_MAX) || !(fabs(f->shift[i]) <= F16_MAX)) return false;
        if (most < BATCH_LEAST && f->most[i] >= BATCH_LEAST
            && fabs(gamma[i]) > BATCH_NOTHING)
            return false;
    }
    return true;
}

static bool batch_scales(BatchFold *f, Arena *a, Diag *d)
{
    const size_t n = (size_t)f->channels;
    double *mean = NEW_ARRAY(a, n, double), *variance = NEW_ARRAY(a, n, double),
           *gamma = NEW_ARRAY(a, n, double), *beta = NEW_ARRAY(a, n, double),
           *bias = NEW_ARRAY(a, n, double), epsilon;
    f->scale = NEW_ARRAY(a, n, double);
    f->shift = NEW_ARRAY(a, n, double);
    f->most = NEW_ARRAY(a, n, double);
    if (!float_of(f->norm, P_epsilon, 1e-5, &epsilon)
        || !batch_numbers(f, f->norm, P_mean, 0, d, mean)
        || !batch_numbers(f, f->norm, P_variance, 1, d, variance)
        || !batch_numbers(f, f->norm, P_gamma, 1, d, gamma)
        || !batch_numbers(f, f->norm, P_beta, 0, d, beta)
        || !batch_numbers(f, f->conv, P_bias, 0, d, bias) || !batch_most(f, a, d))
        return false;
    for (size_t i = 0; i < n; i++) {
        f->scale[i] = gamma[i] / sqrt(variance[i] + epsilon);
        f->shift[i] = (bias[i] - mean[i]) * f->scale[i] + beta[i];
    }
    return batch_holds(f, gamma);
}

/* ---- the convolution --------------------------------------------------------------------- */

/* Numbers of the channels as a constant in which they lie along that axis of rank axes. */
static Value *batch_constants(Builder *b, const BatchFold *f, const char *name, DType t,
                              const double *from, int rank, int axis)
{
    Shape s = { .rank = rank };
    void *data;
    for (int i = 0; i < rank; i++) s.dim[i] = 1;
    s.dim[axis] = f->channels;
    const Type *type = module_tensor(b->m, t, &s);
    Const *c = const_room(&b->m->arena, type, type_bytes(type), &data);
    Tensor to = tensor_view(t, &s, data);
    for (size_t i = 0; i < to.count; i++) tensor_set_float(&to, i, from[i]);
    return build_const(b, name, c);
}

/* The weight times the scales, as a literal that is computed when it is read. */
static Value *batch_weight(Builder *b, BatchFold *f)
{
    const DType t = f->lit->type->dtype;
    const int rank = f->lit->type->shape.rank;
    Value *scale = batch_constants(b, f, "scale", DT_FP32, f->scale, rank,
                                   f->conv->kind == OP_conv_transpose);
    Value *wide = make_cast(b, f->weight, DT_FP32);
    Value *product = make_cast(b, make_two(b, OP_mul, wide, scale), t);
    const Const *c = const_of_value(b->m, product, &f->made);
    return c ? build_const(b, f->weight->name, c) : NULL;
}

static Value *batch_folded(const Legal *l, Builder *b, Op *op)
{
    BatchFold f = { .channels = 0 };
    Arena a = { 0 };
    Value *weight = NULL;
    if (batch_read(&f, op, l) && batch_scales(&f, &a, l->diag))
        weight = batch_weight(b, &f);
    Value *y = NULL;
    if (weight) {
        BuildArg arg[MAX_PARAM];
        const Value *had = op_value(f.conv, P_bias);
        const char *name = had && had->name ? had->name : "bias";
        Value *bias = batch_constants(b, &f, name, f.lit->type->dtype, f.shift, 1, 0);
        int n = args_with(f.conv, arg, f.conv->narg, P_weight, &weight);
        n = args_with(NULL, arg, n, P_bias, &bias);
        y = build_op(b, op_name(f.conv), f.conv->kind, arg, n)->out[0];
        op_let_weights_go(op, &f.made);
        op_let_weights_go(f.conv, &f.made);
    }
    ptrmap_free(&f.made);
    arena_free(&a);
    return y;
}

int pass_batch(Module *m, const PassOptions *o, Diag *d)
{
    return legal_rewrite(m, o, d, batch_folded);
}
