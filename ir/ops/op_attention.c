/* op_attention.c -- inference of scaled_dot_product_attention. */
#include "move.h"

static Shape leading(const Shape *s)
{
    Shape b = *s;
    b.rank -= 2;
    return b;
}

static bool differ(int64_t a, int64_t b) { return a != b && a != DIM_ANY && b != DIM_ANY; }

static bool batch_of(Call *c, const Shape *q, const Shape *k, const Shape *v, Shape *batch)
{
    Shape bq = leading(q), bk = leading(k), bv = leading(v);
    bool same = bq.rank == bk.rank && bq.rank == bv.rank;
    for (int i = 0; same && i < bq.rank; i++)
        same = !differ(bq.dim[i], bk.dim[i]) && !differ(bq.dim[i], bv.dim[i])
            && !differ(bk.dim[i], bv.dim[i]);
    *batch = bq;
    for (int i = 0; same && i < bq.rank; i++)
        if (bq.dim[i] == DIM_ANY) batch->dim[i] = bk.dim[i] != DIM_ANY ? bk.dim[i] : bv.dim[i];
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
    if (differ(mask->dim[mask->rank - 1], scores->dim[scores->rank - 1]))
        return call_error(c,
                          "attn_mask is %s; its last dimension must be the length of key, %lld",
                          call_text(c, mask), (long long)scores->dim[scores->rank - 1]);
    if (shape_broadcast(mask, scores, &both) && shape_fits(scores, &both)) return true;
    return call_error(c, "attn_mask is %s; it does not broadcast to the scores, which are %s",
                      call_text(c, mask), call_text(c, scores));
}

bool infer_attention(Call *c)
{
    Shape out;
    const Shape *q = call_shape(c, P_query), *k = call_shape(c, P_key),
                *v = call_shape(c, P_value);
    if (q->rank < 3 || k->rank < 3 || v->rank < 3)
        return call_error(c,
                          "query is %s, key is %s, value is %s; need [batch.., length, size]",
                          call_text(c, q), call_text(c, k), call_text(c, v));
    if (differ(q->dim[q->rank - 1], k->dim[k->rank - 1]))
        return call_error(c, "query and key differ in their last dimension: %s and %s",
                          call_text(c, q), call_text(c, k));
    if (differ(k->dim[k->rank - 2], v->dim[v->rank - 2]))
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
