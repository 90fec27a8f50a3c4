/* attention.c -- scaled_dot_product_attention. */
#include "eval.h"
#include "grad.h"
#include "move.h"

#include <math.h>

/* ==== inference
 * ============================================================================= */

static Shape attention_leading(const Shape *s)
{
    Shape b = *s;
    b.rank -= 2;
    return b;
}

static bool attention_differ(int64_t a, int64_t b)
{
    return a != b && a != DIM_ANY && b != DIM_ANY;
}

static bool batch_of(Call *c, const Shape *q, const Shape *k, const Shape *v,
                     Shape *batch)
{
    Shape bq = attention_leading(q), bk = attention_leading(k), bv = attention_leading(v);
    bool same = bq.rank == bk.rank && bq.rank == bv.rank;
    for (int i = 0; same && i < bq.rank; i++)
        same = !attention_differ(bq.dim[i], bk.dim[i])
            && !attention_differ(bq.dim[i], bv.dim[i])
            && !attention_differ(bk.dim[i], bv.dim[i]);
    *batch = bq;
    for (int i = 0; same && i < bq.rank; i++)
        if (bq.dim[i] == DIM_ANY)
            batch->dim[i] = bk.dim[i] != DIM_ANY ? bk.dim[i] : bv.dim[i];
    if (same) return true;
    return call_error(c, "batch dimensions differ: query is %s, key is %s, value is %s",
                      call_text(c, q), call_text(c, k), call_text(c, v));
}

static bool check_mask(Call *c, const Shape *scores)
{
    Shape both;
    const Shape *mask = call_shape(c, P_attn_mask);
    if (!mask) return true;
    if (!mask->rank)
        return call_error(
            c, "attn_mask is a scalar; it must be at least a vector, as long as key");
    if (attention_differ(mask->dim[mask->rank - 1], scores->dim[scores->rank - 1]))
        return call_error(
            c, "attn_mask is %s; its last dimension must be the length of key, %lld",
            call_text(c, mask), (long long)scores->dim[scores->rank - 1]);
    if (shape_broadcast(mask, scores, &both) && shape_fits(scores, &both)) return true;
    return call_error(
        c, "attn_mask is %s; it does not broadcast to the scores, which are %s",
        call_text(c, mask), call_text(c, scores));
}

bool infer_attention(Call *c)
{
    Shape out;
    const Shape *q = call_shape(c, P_query), *k = call_shape(c, P_key),
                *v = call_shape(c, P_value);
    if (q->rank < 3 || k->rank < 3 || v->rank < 3)
        return call_error(
            c, "query is %s, key is %s, value is %s; need [batch.., length, size]",
            call_text(c, q), call_text(c, k), call_text(c, v));
    if (attention_differ(q->dim[q->rank - 1], k->dim[k->rank - 1]))
        return call_error(c, "query and key differ in their last dimension: %s and %s",
                          call_text(c, q), call_text(c, k));
    if (attention_differ(k->dim[k->rank - 2], v->dim[v->rank - 2]))
        return call_error(c, "key and value differ in length: %s and %s", call_text(c, k),
                          call_text(c, v));
    if (!batch_of(c, q, k, v, &out)) return false;
    out.dim[out.rank++] = q->dim[q->rank - 2];
    out.dim[out.rank++] = k->dim[k->rank - 2];
    if (!check_mask(c, &out)) return false;
    out.dim[out.rank - 1] = v->dim[v->rank - 1];
    return call_out(c, call_dtype(c, P_query), out);
}

/* query by key, and the scores by value. */
double macs_attention(Call *c)
{
    Shape batch;
    const Shape *q = call_shape(c, P_query), *k = call_shape(c, P_key),
                *v = call_shape(c, P_value);
    if (!batch_of(c, q, k, v, &batch) || !shape_known(&batch) || !shape_known(q)
        || !shape_known(k) || !shape_known(v))
        return -1;
    double n = (double)q->dim[q->rank - 2] * (double)k->dim[k->rank - 2]
             * (double)(q->dim[q->rank - 1] + v->dim[v->rank - 1]);
    for (int i = 0; i < batch.rank; i++) n *= (double)batch.dim[i];
    return n;
}

/* ==== reference kernels =================================================================== */

/* Scores are made for some rows of the query at a time: all of them may be far more than the
 * operands and the result. */
enum { BLOCK = 64 };

typedef struct {
    /* query [rows, size], key [keys, size], value [keys, width] */
    int64_t rows, keys, size, width;
    double *score, *turned;     /* [BLOCK, keys]; the key as [size, keys] */
    const double *mask;         /* what is added to the scores, or NULL */
    int64_t mask_row, mask_key; /* its strides */
} Attention;

/* Rows [first, first + n) of the result. */
static void attend_rows(const Attention *a, int64_t first, int64_t n, const double *q,
                        const double *v, const double *mask, double *out)
{
    double root = sqrt((double)a->size);
    for (int64_t i = 0; i < n * a->keys; i++) a->score[i] = 0;
    gemm_double(n, a->keys, a->size, q + first * a->size, a->size, a->turned, a->keys,
                a->score, a->keys);
    for (int64_t i = 0; i < n; i++) {
        double *row = a->score + i * a->keys;
        for (int64_t j = 0; j < a->keys; j++) {
            row[j] /= root;
            if (mask) row[j] += mask[(first + i) * a->mask_row + j * a->mask_key];
        }
        softmax_of(row, a->keys, 1);
    }
    gemm_double(n, a->width, a->keys, a->score, a->keys, v, a->width,
                out + first * a->width, a->width);
}

static void attention_attend(const Attention *a, const double *q, const double *k,
                             const double *v, const double *mask, double *out)
{
    for (int64_t j = 0; j < a->keys; j++)
        for (int64_t e = 0; e < a->size; e++)
            a->turned[e * a->keys + j] = k[j * a->size + e];
    for (int64_t i = 0; i < a->rows; i += BLOCK)
        attend_rows(a, i, a->rows - i < BLOCK ? a->rows - i : BLOCK, q, v, mask, out);
}

/* The mask as what is added: a bool one lets pass where it is true. */
static const double *mask_of(Call *c)
{
    const Tensor *t = call_val(c, P_attn_mask);
    double *m = t ? call_doubles_of(c, t) : NULL;
    for (size_t i = 0; t && t->dtype == DT_BOOL && i < t->count; i++)
        m[i] = m[i] != 0 ? 0 : -INFINITY;
    return m;
}

/* Strides of an argument through the batch dimensions, with the last two taken off. */
static void add_batches(Walk *w, const Shape *s, const Shape *batch, int64_t *row,
                        int64_t *key)
{
    int64_t stride[MAX_RANK];
    Shape as = *batch;
    as.dim[as.rank++] = s->rank > 1 ? s->dim[s->rank - 2] : 1;
    as.dim[as.rank++] = s->rank > 0 ? s->dim[s->rank - 1] : 1;
    shape_strides_as(s, &as, stride);
    *row = as.dim[as.rank - 2] == 1 ? 0 : stride[as.rank - 2];
    *key = as.dim[as.rank - 1] == 1 ? 0 : stride[as.rank - 1];
    walk_add(w, stride, 0);
}

bool eval_attention(Call *c)
{
    const Shape *q = call_shape(c, P_query), *k = call_shape(c, P_key),
                *v = call_shape(c, P_value);
    const Shape *mask = call_shape(c, P_attn_mask), scalar = { .rank = 0 };
    Tensor *y = c->res[0];
    Shape batch = y->shape;
    batch.rank -= 2;
    Attention a = { .rows = q->dim[q->rank - 2],
                    .keys = k->dim[k->rank - 2],
                    .size = q->dim[q->rank - 1],
                    .width = v->dim[v->rank - 1],
                    .mask = mask_of(c) };
    a.score = call_scratch(c, (size_t)(BLOCK * a.keys) + 1, sizeof(double));
    a.turned = call_scratch(c, (size_t)(a.size * a.keys) + 1, sizeof(double));
    const double *pq = call_doubles(c, P_query), *pk = call_doubles(c, P_key);
    const double *pv = call_doubles(c, P_value);
    double *out = call_scratch(c, y->count + 1, sizeof *out);
    Walk w;
    int64_t skip;
    walk_init(&w, &batch);
    add_batches(&w, &y->shape, &batch, &skip, &skip);
    add_batches(&w, q, &batch, &skip, &skip);
    add_batches(&w, k, &batch, &skip, &skip);
    add_batches(&w, v, &batch, &skip, &skip);
    add_batches(&w, mask ? mask : &scalar, &batch, &a.mask_row, &a.mask_key);
    for (bool go = walk_start(&w); go; go = walk_next(&w))
        for (int64_t i = 0; i < w.run; i++)
            attention_attend(&a, pq + w.at[1] + i * w.step[1],
                             pk + w.at[2] + i * w.step[2], pv + w.at[3] + i * w.step[3],
                             a.mask ? a.mask + w.at[4] + i * w.step[4] : NULL,
                             out + w.at[0] + i * w.step[0]);
    tensor_put_floats(y, 0, y->count, out);
    return true;
}

/* ==== gradients
 * ============================================================================= */

/* The mask as what is added to the scores; NULL: there is none. */
static Value *added_mask(Builder *b, Value *mask, const Value *like)
{
    enum { HELD_BACK = -40000 };
    if (!mask || mask->type->dtype == like->type->dtype) return mask;
    if (mask->type->dtype == DT_BOOL) {
        Value *zero = grad_spread(b, make_number(b, like, 0), &mask->type->shape);
        return grad_where(b, mask, zero, make_number(b, like, HELD_BACK));
    }
    return mil_cast(b, "cast", .x = mask,
                    .dtype = build_string(b, dtypes[like->type->dtype].name));
}

/* The shares are computed again, from which all four gradients follow. */
bool grad_attention(Grad *g)
{
    Builder *b = g->b;
    Value *q = grad_arg(g, P_query), *k = grad_arg(g, P_key), *v = grad_arg(g, P_value);
    Value *given = grad_arg(g, P_attn_mask), *mask = added_mask(b, given, q),
          *d = g->dy[0];
    const int last = q->type->shape.rank - 1;
    const double scale = 1 / sqrt((double)q->type->shape.dim[last]);
    Value *scores = make_matmul(b, grad_scaled(b, q, scale), k, false, true);
    if (mask) scores = make_two(b, OP_add, scores, mask);
    Value *s = mil_softmax(b, "softmax", .x = scores, .axis = build_int(b, -1));
    if (grad_wants(g, P_value))
        grad_give_sum(g, P_value, make_matmul(b, s, d, true, false));
    Value *p = make_matmul(b, d, v, false, true);
    Value *sum = grad_reduce_axis(b, OP_reduce_sum, grad_times(b, p, s),
                                  p->type->shape.rank - 1);
    Value *z = grad_times(b, s, make_two(b, OP_sub, p, sum));
    if (grad_wants(g, P_attn_mask)) {
        Value *dm = grad_sum_to(b, z, &given->type->shape);
        grad_give(g, P_attn_mask, dm);
    }
    z = grad_scaled(b, z, scale);
    if (grad_wants(g, P_query))
        grad_give_sum(g, P_query, make_matmul(b, z, k, false, false));
    if (grad_wants(g, P_key)) grad_give_sum(g, P_key, make_matmul(b, z, q, true, false));
    return true;
}
