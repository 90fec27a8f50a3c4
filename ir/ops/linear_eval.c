/* linear_eval.c -- reference kernels of matmul, linear and einsum, by the labels of their
 * equation. */
#include "geometry.h"
#include "move.h"

#include <string.h>

/* ---- terms ------------------------------------------------------------------------------- */

/* A packed array of 8-byte numbers whose dimensions have labels, each once. Dimensions of
 * 1 carry none: they repeat wherever a partner is longer, so broadcasting needs no code. */
typedef struct {
    Labels l;
    Shape s;
    void *word; /* doubles, or int64s that wrap */
} Term;

enum { MAX_PRODUCT = 0x7fffffff }; /* elements */

static bool linear_has(const Labels *l, int id)
{
    for (int i = 0; i < l->rank; i++)
        if (l->label[i] == id) return true;
    return false;
}

static int64_t linear_dim(const Term *t, int id)
{
    for (int i = 0; i < t->l.rank; i++)
        if (t->l.label[i] == id) return t->s.dim[i];
    return 1;
}

/* The labels of t that are (are not) among those of `among`. */
static Labels linear_pick(const Labels *t, const Labels *among, bool inside)
{
    Labels l = { .rank = 0 };
    for (int i = 0; i < t->rank; i++)
        if (linear_has(among, t->label[i]) == inside) l.label[l.rank++] = t->label[i];
    return l;
}

static void linear_append(Labels *l, const Labels *more)
{
    for (int i = 0; i < more->rank; i++) l->label[l->rank++] = more->label[i];
}

static int64_t product_of(const Term *t, const Labels *l)
{
    int64_t n = 1;
    for (int i = 0; i < l->rank; i++) n *= linear_dim(t, l->label[i]);
    return n;
}

/* Elements of t, in the order of the labels; stride[i] steps through label i of t. */
static void *linear_reorder(Call *c, const Term *t, const Labels *order,
                            const int64_t *stride)
{
    int64_t from[MAX_RANK], to[MAX_RANK];
    Shape s = { .rank = order->rank };
    for (int i = 0; i < order->rank; i++) {
        s.dim[i] = linear_dim(t, order->label[i]);
        from[i] = 0;
        for (int k = 0; k < t->l.rank; k++)
            if (t->l.label[k] == order->label[i]) from[i] = stride[k];
    }
    shape_strides(&s, to);
    void *out = call_scratch(c, (size_t)shape_elements(&s, 0, s.rank) + 1,
                             sizeof(double));
    copy_strided(&s, sizeof(double), out, 0, to, t->word, 0, from);
    return out;
}

static void *words_of(Call *c, const Tensor *x, bool whole)
{
    if (!x) return NULL;
    return whole ? (void *)call_int64s_of(c, x) : (void *)call_doubles_of(c, x);
}

/* An operand as a term. A label that occurs twice walks the diagonal: its strides add up. */
static Term linear_load(Call *c, const Tensor *x, const Labels *l, bool whole)
{
    int64_t own[MAX_RANK], stride[MAX_RANK];
    Term t = { .word = words_of(c, x, whole) };
    shape_strides(&x->shape, own);
    bool diagonal = false;
    for (int i = 0; i < l->rank; i++) {
        int at = 0;
        while (at < t.l.rank && t.l.label[at] != l->label[i]) at++;
        if (x->shape.dim[i] == 1) continue;
        if (at < t.l.rank) {
            stride[at] += own[i];
            diagonal = true;
            continue;
        }
        t.l.label[t.l.rank++] = l->label[i];
        t.s.dim[t.s.rank] = x->shape.dim[i];
        stride[t.s.rank++] = own[i];
    }
    if (diagonal) t.word = linear_reorder(c, &t, &t.l, stride);
    return t;
}

static void *linear_packed(Call *c, const Term *t, const Labels *order)
{
    int64_t stride[MAX_RANK];
    bool same = order->rank == t->l.rank
             && !memcmp(order->label, t->l.label,
                        (size_t)order->rank * sizeof order->label[0]);
    if (same) return t->word;
    shape_strides(&t->s, stride);
    return linear_reorder(c, t, order, stride);
}

/* ---- products ---------------------------------------------------------------------------- */

static void linear_gemm(const Call *c, bool whole, int64_t m, int64_t n, int64_t k,
                        const void *a, const void *b, void *out)
{
    if (whole) gemm_int(m, n, k, a, k, b, n, out, n);
    else call_gemm(c, m, n, k, a, k, b, n, out, n);
}

/* Sums over the labels of t that `keep` lacks. */
static void sum_out(Call *c, Term *t, const Labels *keep, bool whole)
{
    Labels kept = linear_pick(&t->l, keep, true), gone = linear_pick(&t->l, keep, false),
           order = kept;
    if (!gone.rank) return;
    linear_append(&order, &gone);
    int64_t m = product_of(t, &kept), k = product_of(t, &gone);
    void *a = linear_packed(c, t, &order),
         *sum = call_scratch(c, (size_t)m + 1, sizeof(double));
    void *ones = call_scratch(c, (size_t)k + 1, sizeof(double));
    for (int64_t i = 0; i < k; i++)
        if (whole) ((int64_t *)ones)[i] = 1;
        else ((double *)ones)[i] = 1;
    linear_gemm(c, whole, m, 1, k, a, ones, sum);
    Term out = { .l = kept, .s = { .rank = kept.rank }, .word = sum };
    for (int i = 0; i < kept.rank; i++) out.s.dim[i] = linear_dim(t, kept.label[i]);
    *t = out;
}

static Labels linear_together(const Labels *a, const Labels *b)
{
    Labels l = *a;
    for (int i = 0; i < b->rank && l.rank < MAX_RANK; i++)
        if (!linear_has(&l, b->label[i])) l.label[l.rank++] = b->label[i];
    return l;
}

/* *a becomes the product of a and b, summed over what `keep` lacks: for each combination of the
 * labels that both have and keep, a matrix product. All labels of the product are in keep. */
static bool linear_contract(Call *c, Term *a, Term *b, const Labels *keep, bool whole)
{
    Labels need_a = linear_pick(&a->l, keep, true),
           shared = linear_pick(&a->l, &b->l, true);
    Labels need_b = linear_pick(&b->l, keep, true);
    need_a = linear_together(&need_a, &shared);
    need_b = linear_together(&need_b, &shared);
    sum_out(c, a, &need_a, whole);
    sum_out(c, b, &need_b, whole);
    Labels batch = linear_pick(&shared, keep, true),
           inner = linear_pick(&shared, keep, false);
    Labels rows = linear_pick(&a->l, &shared, false),
           cols = linear_pick(&b->l, &shared, false);
    Labels left = batch, right = batch, out = batch;
    linear_append(&left, &rows);
    linear_append(&left, &inner);
    linear_append(&right, &inner);
    linear_append(&right, &cols);
    linear_append(&out, &rows);
    linear_append(&out, &cols);
    int64_t n = product_of(b, &cols), m = product_of(a, &rows), k = product_of(a, &inner);
    int64_t times = product_of(a, &batch);
    const char *x = linear_packed(c, a, &left), *y = linear_packed(c, b, &right);
    size_t total, w = sizeof(double);
    if (!size_mul((size_t)(times * m), (size_t)n, &total) || total > MAX_PRODUCT)
        return call_error(c, "a product on the way has more than 2^31 elements");
    char *z = call_scratch(c, total + 1, w);
    for (int64_t i = 0; i < times; i++)
        linear_gemm(c, whole, m, n, k, x + (size_t)(i * m * k) * w,
                    y + (size_t)(i * k * n) * w, z + (size_t)(i * m * n) * w);
    Term t = { .l = out, .s = { .rank = out.rank }, .word = z };
    for (int i = 0; i < out.rank; i++)
        t.s.dim[i] = linear_has(&a->l, out.label[i]) ? linear_dim(a, out.label[i])
                                                     : linear_dim(b, out.label[i]);
    *a = t;
    return true;
}

/* Labels that the result or an operand after t still needs. */
static void needed_after(const Equation *e, int t, bool *need)
{
    memset(need, 0, LABELS * sizeof *need);
    for (int i = 0; i < e->out.rank; i++) need[e->out.label[i]] = true;
    for (int k = t + 1; k < e->n; k++)
        for (int i = 0; i < e->in[k].rank; i++) need[e->in[k].label[i]] = true;
}

static bool linear_wanted(Call *c, const Labels *a, const Labels *b, const bool *need,
                          Labels *l)
{
    l->rank = 0;
    for (int i = 0; i < a->rank; i++)
        if (need[a->label[i]]) l->label[l->rank++] = a->label[i];
    for (int i = 0; i < b->rank; i++) {
        if (!need[b->label[i]] || linear_has(l, b->label[i])) continue;
        if (l->rank == MAX_RANK)
            return call_error(c, "a product on the way has more than %d dimensions",
                              MAX_RANK);
        l->label[l->rank++] = b->label[i];
    }
    return true;
}

/* Evaluates e over the operands from the left; the result's numbers, in its order, or NULL. */
static void *linear_evaluate(Call *c, const Equation *e, const Tensor *const *in,
                             bool whole)
{
    bool need[LABELS];
    Labels none = { .rank = 0 }, keep;
    Term t = linear_load(c, in[0], &e->in[0], whole);
    needed_after(e, 0, need);
    if (!linear_wanted(c, &t.l, &none, need, &keep)) return NULL;
    sum_out(c, &t, &keep, whole);
    for (int i = 1; i < e->n; i++) {
        Term next = linear_load(c, in[i], &e->in[i], whole);
        needed_after(e, i, need);
        if (!linear_wanted(c, &t.l, &next.l, need, &keep)
            || !linear_contract(c, &t, &next, &keep, whole))
            return NULL;
    }
    return linear_packed(c, &t, &e->out);
}

/* ---- the ops ----------------------------------------------------------------------------- */

static bool linear_put(Call *c, const void *words, bool whole)
{
    Tensor *y = c->res[0];
    const double *v = words;
    if (whole) tensor_put_ints(y, 0, y->count, words);
    else if (dtype_is_float(y->dtype)) tensor_put_floats(y, 0, y->count, v);
    else
        for (size_t i = 0; i < y->count; i++)
            tensor_set_int(y, i, int_from_double(y->dtype, v[i]));
    return true;
}

bool eval_matmul(Call *c)
{
    Equation e;
    const Tensor *in[] = { call_val(c, P_x), call_val(c, P_y) };
    bool whole = !dtype_is_float(in[0]->dtype) && !dtype_is_float(in[1]->dtype);
    if (!equation_matmul(c, &e)) return false;
    void *z = linear_evaluate(c, &e, in, whole);
    return z && linear_put(c, z, whole);
}

bool eval_linear(Call *c)
{
    Equation e;
    const Tensor *in[] = { call_val(c, P_x), call_val(c, P_weight) },
                 *bias = call_val(c, P_bias);
    bool whole = !dtype_is_float(in[0]->dtype) && !dtype_is_float(in[1]->dtype)
              && (!bias || !dtype_is_float(bias->dtype));
    equation_linear(c, &e);
    void *z = linear_evaluate(c, &e, in, whole);
    if (!z) return false;
    size_t n = bias ? bias->count : 0;
    const void *b = words_of(c, bias, whole);
    for (size_t i = 0; bias && i < c->res[0]->count; i++)
        if (whole) ((uint64_t *)z)[i] += ((const uint64_t *)b)[i % n];
        else ((double *)z)[i] += ((const double *)b)[i % n];
    return linear_put(c, z, whole);
}

bool eval_einsum(Call *c)
{
    Equation e;
    const Tensor *in[MAX_TERM];
    if (!equation_einsum(c, &e)) return false;
    for (int i = 0; i < e.n; i++) in[i] = call_arg(c, P_values, i)->val;
    bool whole = !dtype_is_float(in[0]->dtype);
    void *z = linear_evaluate(c, &e, in, whole);
    return z && linear_put(c, z, whole);
}
