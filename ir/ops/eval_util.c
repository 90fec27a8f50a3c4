/* eval_util.c -- shared by the reference kernels: walks over strided elements, and elements as
 * numbers. */
#include "eval.h"

#include <math.h>
#include <string.h>

/* ---- shapes ------------------------------------------------------------------------------ */

void shape_strides(const Shape *s, int64_t *stride)
{
    int64_t n = 1;
    for (int i = s->rank; i-- > 0;) {
        stride[i] = n;
        n *= s->dim[i] > 0 ? s->dim[i] : 1;
    }
}

void shape_strides_as(const Shape *s, const Shape *as, int64_t *stride)
{
    int64_t own[MAX_RANK];
    int pad = as->rank - s->rank;
    if (pad < 0) bug("rank %d read as rank %d", s->rank, as->rank);
    shape_strides(s, own);
    for (int i = 0; i < as->rank; i++)
        stride[i] = i < pad || (s->dim[i - pad] == 1 && as->dim[i] != 1) ? 0
                                                                         : own[i - pad];
}

int64_t shape_elements(const Shape *s, int from, int to)
{
    int64_t n = 1;
    for (int i = from; i < to; i++) n *= s->dim[i];
    return n;
}

/* ---- walks ------------------------------------------------------------------------------- */

void walk_init(Walk *w, const Shape *s)
{
    *w = (Walk){ .rank = s->rank };
    memcpy(w->dim, s->dim, sizeof w->dim);
}

int walk_add(Walk *w, const int64_t *stride, int64_t first)
{
    if (w->nop == WALK_MAX) bug("a walk of more than %d operands", WALK_MAX);
    if (w->rank) memcpy(w->stride[w->nop], stride, (size_t)w->rank * sizeof *stride);
    w->at[w->nop] = first;
    return w->nop++;
}

int walk_broadcast(Walk *w, const Shape *operand)
{
    int64_t stride[MAX_RANK];
    Shape all = { .rank = w->rank };
    memcpy(all.dim, w->dim, sizeof all.dim);
    shape_strides_as(operand, &all, stride);
    return walk_add(w, stride, 0);
}

/* Dimension d can continue dimension d - 1 when every operand steps through both evenly. */
static bool can_merge(const Walk *w, int d)
{
    if (w->dim[d - 1] == 1 || w->dim[d] == 1) return true;
    for (int k = 0; k < w->nop; k++)
        if (w->stride[k][d - 1] != w->stride[k][d] * w->dim[d]) return false;
    return true;
}

static void eval_merge(Walk *w, int d)
{
    for (int k = 0; k < w->nop; k++) {
        if (w->dim[d] != 1) w->stride[k][d - 1] = w->stride[k][d];
        memmove(&w->stride[k][d], &w->stride[k][d + 1],
                (size_t)(w->rank - d - 1) * sizeof w->stride[k][0]);
    }
    w->dim[d - 1] *= w->dim[d];
    memmove(&w->dim[d], &w->dim[d + 1], (size_t)(w->rank - d - 1) * sizeof w->dim[0]);
    w->rank--;
}

bool walk_start(Walk *w)
{
    for (int i = 0; i < w->rank; i++)
        if (w->dim[i] <= 0) return false;
    for (int d = w->rank - 1; d > 0; d--)
        if (can_merge(w, d)) eval_merge(w, d);
    w->run = w->rank ? w->dim[w->rank - 1] : 1;
    for (int k = 0; k < w->nop; k++) w->step[k] = w->rank ? w->stride[k][w->rank - 1] : 0;
    memset(w->index, 0, sizeof w->index);
    return true;
}

bool walk_next(Walk *w)
{
    for (int d = w->rank - 2; d >= 0; d--) {
        bool wrap = ++w->index[d] == w->dim[d];
        int64_t steps = wrap ? 1 - w->dim[d] : 1;
        for (int k = 0; k < w->nop; k++) w->at[k] += steps * w->stride[k][d];
        if (!wrap) return true;
        w->index[d] = 0;
    }
    return false;
}

#define COPY_RUN(T) \
    do { \
        T *to = (T *)dst + w.at[0]; \
        const T *from = (const T *)src + w.at[1]; \
        for (int64_t i = 0; i < w.run; i++) to[i * w.step[0]] = from[i * w.step[1]]; \
    } while (0)

void copy_strided(const Shape *s, size_t size, void *dst, int64_t dst_first,
                  const int64_t *dst_stride, const void *src, int64_t src_first,
                  const int64_t *src_stride)
{
    Walk w;
    walk_init(&w, s);
    walk_add(&w, dst_stride, dst_first);
    walk_add(&w, src_stride, src_first);
    for (bool go = walk_start(&w); go; go = walk_next(&w)) switch (size) {
        case 1:
            COPY_RUN(uint8_t);
            break;
        case 2:
            COPY_RUN(uint16_t);
            break;
        case 4:
            COPY_RUN(uint32_t);
            break;
        case 8:
            COPY_RUN(uint64_t);
            break;
        default:
            bug("elements of %zu bytes", size);
        }
}

size_t tensor_elem_size(const Tensor *t)
{
    if (t->dtype == DT_STRING) return sizeof(const char *);
    int bits = dtypes[t->dtype].bits;
    if (bits % 8) bug("%s elements have no whole bytes", dtypes[t->dtype].name);
    return (size_t)bits / 8;
}

/* ---- numbers ----------------------------------------------------------------------------- */

int64_t *call_int64s_of(Call *c, const Tensor *t)
{
    int64_t *p = call_scratch(c, t->count + 1, sizeof *p);
    if (t->dtype == DT_INT32) {
        const int32_t *v = t->data;
        for (size_t i = 0; i < t->count; i++) p[i] = v[i];
        return p;
    }
    for (size_t i = 0; i < t->count; i++) p[i] = tensor_int(t, i);
    return p;
}

int64_t *call_int64s(Call *c, ParamId param)
{
    const Tensor *t = call_val(c, param);
    return t ? call_int64s_of(c, t) : NULL;
}

void tensor_put_ints(Tensor *t, size_t i, size_t n, const int64_t *src)
{
    if (t->dtype == DT_INT32) {
        uint32_t *v = (uint32_t *)t->data + i;
        for (size_t k = 0; k < n; k++) v[k] = (uint32_t)src[k];
        return;
    }
    for (size_t k = 0; k < n; k++) tensor_set_int(t, i + k, src[k]);
}

/* Out of range goes to the nearest number of the type, NaN to 0, as the conversions of Apple's
 * processors do; C leaves both undefined. */
int64_t int_from_double(DType t, double v)
{
    int bits = dtypes[t].bits;
    bool is_signed = dtypes[t].cls == CLASS_INT;
    double top = ldexp(1, is_signed ? bits - 1 : bits), bottom = is_signed ? -top : 0;
    uint64_t most = UINT64_MAX >> (is_signed ? 65 - bits : 64 - bits);
    if (v != v) return 0;
    if (v >= top) return (int64_t)most;
    if (v < bottom) return is_signed ? -(int64_t)most - 1 : 0;
    return v < 9223372036854775808.0 ? (int64_t)v : (int64_t)(uint64_t)v;
}

double round_to(DType t, double v)
{
    switch (t) {
    case DT_FP16:
        return f16_to_double(f16_from_double(v));
    case DT_BF16:
        return bf16_to_double(bf16_from_double(v));
    case DT_FP32:
        return (double)(float)v;
    default:
        return v;
    }
}

double call_float_like(Call *c, ParamId param, ParamId x)
{
    double v = call_float(c, param);
    return call_has(c, param) ? v : round_to(call_dtype(c, x), v);
}

/* ---- rows -------------------------------------------------------------------------------- */

/* The dimensions of s outside `in`, then those inside, each in order; how many are outside. */
static int row_order(const Shape *s, const bool *in, int *perm)
{
    int n = 0, kept;
    for (int i = 0; i < s->rank; i++)
        if (!in[i]) perm[n++] = i;
    kept = n;
    for (int i = 0; i < s->rank; i++)
        if (in[i]) perm[n++] = i;
    return kept;
}

AxisRows axis_rows(Call *c, const Shape *s, const bool *in, const void *words)
{
    int perm[MAX_RANK];
    int64_t own[MAX_RANK], packed[MAX_RANK];
    AxisRows r = { .order = { .rank = s->rank } };
    int kept = row_order(s, in, perm);
    shape_strides(s, own);
    for (int i = 0; i < s->rank; i++) {
        r.order.dim[i] = s->dim[perm[i]];
        r.stride[i] = own[perm[i]];
    }
    r.count = shape_elements(&r.order, 0, kept);
    r.length = shape_elements(&r.order, kept, s->rank);
    shape_strides(&r.order, packed);
    r.word = call_scratch(c, (size_t)(r.count * r.length) + 1, sizeof(double));
    copy_strided(&r.order, sizeof(double), r.word, 0, packed, words, 0, r.stride);
    return r;
}

void axis_rows_put(const AxisRows *r, void *words)
{
    int64_t packed[MAX_RANK];
    shape_strides(&r->order, packed);
    copy_strided(&r->order, sizeof(double), words, 0, r->stride, r->word, 0, packed);
}
