/* move.c -- strided copies for ops that only move elements, and checked dimensions. */
#include "move.h"

#include <string.h>

/* ---- the copy ---------------------------------------------------------------------------- */

/* An axis that continues the one outside it on both sides becomes part of that one. */
void move_axis(Move *m, int64_t dim, int64_t src, int64_t dst)
{
    if (dim == 1) return;
    int k = m->rank - 1;
    if (k >= 0 && dim > 0 && m->src[k] == src * dim && m->dst[k] == dst * dim) {
        m->dim[k] *= dim;
        m->src[k] = src;
        m->dst[k] = dst;
        return;
    }
    if (m->rank == MOVE_RANK) bug("a move over more than %d axes", MOVE_RANK);
    m->dim[m->rank] = dim;
    m->src[m->rank] = src;
    m->dst[m->rank++] = dst;
}

void move_run(const Move *m, const Tensor *src, Tensor *dst)
{
    if (m->rank > MAX_RANK) { /* more axes than a shape has: the outermost by hand */
        Move inner = *m;
        inner.rank = 0;
        for (int i = 1; i < m->rank; i++)
            move_axis(&inner, m->dim[i], m->src[i], m->dst[i]);
        for (int64_t k = 0; k < m->dim[0]; k++) {
            move_run(&inner, src, dst);
            inner.src_at += m->src[0];
            inner.dst_at += m->dst[0];
        }
        return;
    }
    Shape s = shape_of(m->rank, m->dim);
    copy_strided(&s, tensor_elem_size(src), dst->data, m->dst_at, m->dst, src->data,
                 m->src_at, m->src);
}

void move_all(const Tensor *src, Tensor *dst)
{
    if (src->bytes != dst->bytes)
        bug("moving %zu bytes into %zu", src->bytes, dst->bytes);
    if (src->bytes) memcpy(dst->data, src->data, src->bytes);
}

void move_fill(const Tensor *elem, Tensor *dst)
{
    Move m = { 0 };
    move_axis(&m, (int64_t)dst->count, 0, 1);
    move_run(&m, elem, dst);
}

/* ---- dimensions -------------------------------------------------------------------------- */

static bool too_large(Call *c)
{
    return call_error(c, "the result has too many elements");
}

bool dim_mul(Call *c, int64_t a, int64_t b, int64_t *out)
{
    size_t n;
    *out = DIM_ANY;
    if (a == DIM_ANY || b == DIM_ANY) return true;
    if (!size_mul((size_t)a, (size_t)b, &n) || n > INT64_MAX) return too_large(c);
    *out = (int64_t)n;
    return true;
}

bool dim_add(Call *c, int64_t a, int64_t b, int64_t *out)
{
    *out = DIM_ANY;
    if (a == DIM_ANY || b == DIM_ANY) return true;
    if (a > INT64_MAX - b) return too_large(c);
    *out = a + b;
    return true;
}

bool dim_fits(int64_t a, int64_t b) { return a == b || a == DIM_ANY || b == DIM_ANY; }

bool shape_append(Call *c, Shape *s, int64_t dim)
{
    if (s->rank == MAX_RANK)
        return call_error(c, "the result's rank is above %d", MAX_RANK);
    s->dim[s->rank++] = dim;
    return true;
}

bool shape_append_some(Call *c, Shape *s, const Shape *from, int first, int end)
{
    for (int i = first; i < end; i++)
        if (!shape_append(c, s, from->dim[i])) return false;
    return true;
}

const char *call_text(Call *c, const Shape *s) { return shape_text(c->arena, s); }

/* ---- vectors ----------------------------------------------------------------------------- */

bool call_vector(Call *c, ParamId param, int max, Vector *out)
{
    const Shape *s = call_shape(c, param);
    *out = (Vector){ .n = -1 };
    DType t = call_dtype(c, param);
    if (!s || (!dtype_is_int(t) && t != DT_BOOL))
        return call_error(c, "%s must be a vector of integers", param_names[param]);
    if (s->rank > 1)
        return call_error(c, "%s must be a vector, not %s", param_names[param],
                          call_text(c, s));
    int64_t n = s->rank ? s->dim[0] : 1;
    if (n == DIM_ANY) return true;
    if (n > max)
        return call_error(c, "%s has %lld elements; %d is the most", param_names[param],
                          (long long)n, max);
    out->n = (int)n;
    out->known = call_val(c, param) && call_ints(c, param, out->v, max) == n;
    return true;
}

bool call_per_axis(Call *c, ParamId param, const Shape *s, int64_t fill, Vector *out)
{
    if (!call_has(c, param)) {
        *out = (Vector){ .n = s->rank, .known = true };
        for (int i = 0; i < s->rank; i++) out->v[i] = fill;
        return true;
    }
    if (!call_vector(c, param, MOVE_RANK, out)) return false;
    if (out->n < 0 || out->n == s->rank) return true;
    return call_error(
        c, "%s has %d elements, but x is %s: one is needed for each of its %d axes",
        param_names[param], out->n, call_text(c, s), s->rank);
}

bool call_axes(Call *c, ParamId param, int rank, bool set[MAX_RANK], bool *known)
{
    Vector a;
    memset(set, 0, MAX_RANK * sizeof *set);
    if (!call_vector(c, param, MAX_RANK, &a)) return false;
    *known = a.known;
    for (int i = 0; a.known && i < a.n; i++) {
        int k;
        if (!call_norm_axis(c, param, a.v[i], rank, &k)) return false;
        if (set[k]) return call_error(c, "%s names axis %d twice", param_names[param], k);
        set[k] = true;
    }
    return true;
}

bool call_tensors(Call *c, ParamId param)
{
    for (int i = 0; i < call_has(c, param); i++) {
        const Type *t = call_arg(c, param, i)->type;
        if (t->kind != TY_TENSOR)
            return call_error(c, "%s[%d] must be a tensor, not %s", param_names[param], i,
                              type_text(c->arena, t));
    }
    return true;
}
