/* eval_attention.c -- the reference meaning of scaled_dot_product_attention, rounded once. */
#include "eval.h"

#include <math.h>

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
    gemm_double(n, a->keys, a->size, q + first * a->size, a->size, a->turned, a->keys, a->score,
                a->keys);
    for (int64_t i = 0; i < n; i++) {
        double *row = a->score + i * a->keys;
        for (int64_t j = 0; j < a->keys; j++) {
            row[j] /= root;
            if (mask) row[j] += mask[(first + i) * a->mask_row + j * a->mask_key];
        }
        softmax_of(row, a->keys, 1);
    }
    gemm_double(n, a->width, a->keys, a->score, a->keys, v, a->width, out + first * a->width,
                a->width);
}

static void attend(const Attention *a, const double *q, const double *k, const double *v,
                   const double *mask, double *out)
{
    for (int64_t j = 0; j < a->keys; j++)
        for (int64_t e = 0; e < a->size; e++) a->turned[e * a->keys + j] = k[j * a->size + e];
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
static void add_batches(Walk *w, const Shape *s, const Shape *batch, int64_t *row, int64_t *key)
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
            attend(&a, pq + w.at[1] + i * w.step[1], pk + w.at[2] + i * w.step[2],
                   pv + w.at[3] + i * w.step[3],
                   a.mask ? a.mask + w.at[4] + i * w.step[4] : NULL,
                   out + w.at[0] + i * w.step[0]);
    tensor_put_floats(y, 0, y->count, out);
    return true;
}
