/* legal_pool.c -- pooling with windows that are too long: in two steps where the windows of the
 * second consist of whole windows of the first, max_pool in overlapping steps, avg_pool and
 * l2_pool in pieces. */
#include "legal_shape.h"

typedef struct {
    Op *op;
    Value *x;
    Window w;
    bool inside; /* a mean that does not count padding */
    int64_t most;
} PoolOp;

static bool pool_read(Op *op, PoolOp *p)
{
    Arena scratch = { 0 };
    Diag quiet = { .quiet = true };
    Call *c = NEW(&scratch, Call);
    int64_t kernel[MAX_SPATIAL];
    const Shape *s = shape_of_value(p->x);
    bool ok = s && shape_of_value(op->out[0]) && call_of_op(c, op, &scratch, &quiet)
           && call_check(c);
    ok = ok && call_ints_or(c, P_kernel_sizes, s->rank - 2, 1, kernel);
    ok = ok && window_of(c, WINDOW_POOL, s, kernel, &p->w);
    for (int i = 0; ok && i < MAX_SPATIAL; i++)
        ok = p->w.kernel[i] > 0 && p->w.out[i] > 0;
    diag_free(&quiet);
    arena_free(&scratch);
    return ok;
}

/* What the windows reach of padding, or beyond it, behind x. */
static int64_t pool_reached(const Window *w, int i)
{
    const int64_t end = (w->out[i] - 1) * w->stride[i] - w->before[i] + w->kernel[i];
    return end > w->in[i] ? end - w->in[i] : 0;
}

static Value *make_pool(Builder *b, const PoolOp *p, Value *x, const Window *w,
                        bool inside)
{
    const int first = MAX_SPATIAL - w->n;
    Value *size = build_ints(b, w->n, w->kernel + first);
    Value *step = build_ints(b, w->n, w->stride + first);
    Value *type = build_string(b, "custom"), *pad = build_padding(b, w);
    Value *given[] = { x, size, step, type, pad, build_bool(b, inside) };
    static const ParamId names[] = { P_x,       P_kernel_sizes,
                                     P_strides, P_pad_type,
                                     P_pad,     P_exclude_padding_from_average };
    BuildArg arg[COUNT(names)];
    for (size_t i = 0; i < COUNT(names); i++)
        arg[i] = (BuildArg){ .param = names[i], .val = &given[i], .count = 1 };
    const int n = (int)COUNT(names) - (p->op->kind != OP_avg_pool);
    return build_op(b, op_name(p->op), p->op->kind, arg, n)->out[0];
}

/* ---- two steps --------------------------------------------------------------------------- */

/* The windows of the first step, which lie side by side, along an axis; 0: there are none. */
static int64_t pool_factor(const PoolOp *p, int i)
{
    const Window *w = &p->w;
    if (w->kernel[i] <= p->most) return 1;
    if (w->before[i] || pool_reached(w, i)) return 0;
    for (int64_t f = p->most; f > 1; f--)
        if (w->kernel[i] % f == 0 && w->kernel[i] / f <= p->most
            && (w->stride[i] % f == 0 || w->out[i] == 1))
            return f;
    return 0;
}

/* Means of means of as many, largest of largest, roots of sums of squares of such. */
static Value *two_steps(Builder *b, const PoolOp *p)
{
    Window one = p->w, two = p->w;
    int64_t begin[MAX_RANK] = { 0 };
    Shape s = p->x->type->shape;
    for (int i = 0; i < MAX_SPATIAL; i++) {
        const int64_t f = pool_factor(p, i);
        if (!f || pool_reached(&p->w, i) > p->w.after[i]) return NULL;
        one.kernel[i] = one.stride[i] = f;
        one.before[i] = one.after[i] = 0;
        if (f == 1) continue;
        two.kernel[i] /= f;
        two.after[i] = 0; /* which no window reaches: factor asked */
        two.stride[i] = two.out[i] == 1 ? 1 : two.stride[i] / f;
        s.dim[window_axis(&p->w, i)] = (p->w.out[i] - 1) * p->w.stride[i]
                                     + p->w.kernel[i];
    }
    Value *x = make_pool(b, p, make_box(b, p->x, begin, s.dim), &one, false);
    return make_pool(b, p, x, &two, p->inside);
}

/* ---- the largest, in steps --------------------------------------------------------------- */

/* Windows of k1, and of k2 such ones a step apart, are windows of k1 + k2 - 1. Each step takes
 * as much of the padding as leaves an element of x in every window: what the first one's
 * windows in front of x hold, its first window holds, too. */
static Value *pool_overlapping(Builder *b, const PoolOp *p)
{
    int64_t steps = 1, before[MAX_SPATIAL], after[MAX_SPATIAL], in[MAX_SPATIAL];
    Value *x = p->x;
    for (int i = 0; i < MAX_SPATIAL; i++) {
        const int64_t n = piece_count(p->w.kernel[i] - 1, p->most - 1);
        if (n > steps) steps = n;
        before[i] = p->w.before[i];
        after[i] = pool_reached(&p->w, i);
        in[i] = p->w.in[i];
        /* a window of padding alone has no place in x */
        if (before[i] >= p->w.kernel[i] || after[i] >= p->w.kernel[i]) return NULL;
    }
    for (int64_t k = 0; k < steps; k++) {
        const bool last = k + 1 == steps;
        Window w = p->w;
        for (int i = 0; i < MAX_SPATIAL; i++) {
            int64_t from = 0, more = w.kernel[i] - 1;
            if (w.kernel[i] > p->most) more = piece_size(more, steps, k, &from);
            else if (!last) more = 0;
            w.kernel[i] = more + 1;
            w.before[i] = before[i] < more ? before[i] : more;
            w.after[i] = after[i] < more ? after[i] : more;
            before[i] -= w.before[i];
            after[i] -= w.after[i];
            if (!last) w.stride[i] = 1;
            in[i] += w.before[i] + w.after[i] - more;
            if (in[i] < 1) return NULL;
        }
        x = make_pool(b, p, x, &w, false);
    }
    return x;
}

/* ---- means and roots, in pieces ---------------------------------------------------------- */

/* How many elements of window o a mean divides by, along an axis. */
static int64_t pool_counted(const PoolOp *p, int i, int64_t o)
{
    const Window *w = &p->w;
    int64_t from = o * w->stride[i] - w->before[i], to = from + w->kernel[i];
    const int64_t end = w->in[i] + (p->inside ? 0 : w->after[i]);
    if (p->inside && from < 0) from = 0;
    if (to > end) to = end;
    return to > from ? to - from : 0;
}

static bool counts_all(const PoolOp *p)
{
    for (int i = 0; i < MAX_SPATIAL; i++)
        for (int64_t o = 0; o < p->w.out[i]; o++)
            if (pool_counted(p, i, o) != p->w.kernel[i]) return false;
    return true;
}

/* Times means over all of the window: what makes them means of what counts. NULL: too many. */
static Value *pool_correction(Builder *b, const PoolOp *p)
{
    enum { MOST_BYTES = 1 << 24 };
    const Window *w = &p->w;
    Shape s = p->op->out[0]->type->shape;
    s.dim[0] = s.dim[1] = 1;
    const Type *t = type_tensor(&b->m->arena, p->x->type->dtype, s);
    if (!type_bytes(t) || type_bytes(t) > MOST_BYTES) return NULL;
    Tensor all = tensor_view(t->dtype, &s, arena_alloc(&b->m->arena, type_bytes(t)));
    for (size_t k = 0; k < all.count; k++) {
        double f = 1;
        size_t rest = k;
        for (int i = MAX_SPATIAL - 1; i >= 0; i--) {
            const int64_t n = pool_counted(p, i, (int64_t)(rest % (size_t)w->out[i]));
            f = n ? f * (double)w->kernel[i] / (double)n : 0;
            rest /= (size_t)w->out[i];
        }
        tensor_set_float(&all, k, f);
    }
    return build_const(b, "counted", const_data(&b->m->arena, t, all.data));
}

/* Roots of sums of squares, along a last axis of their own: no square is stored. */
static Value *root_of(Builder *b, Value **part, int n, const Shape *out)
{
    Shape s = *out;
    const int64_t last = -1;
    s.dim[s.rank++] = 1;
    for (int i = 0; i < n; i++) part[i] = make_shape(b, part[i], &s);
    Value *all = make_concat(b, part, n, s.rank - 1);
    Value *axes = build_ints(b, 1, &last), *keep = build_bool(b, true);
    Value *y = mil_reduce_l2_norm(b, "root", .x = all, .axes = axes, .keep_dims = keep);
    return make_shape(b, y, out);
}

/* Piece k of the window, over x with its padding written out. */
static Value *pool_piece(Builder *b, const PoolOp *p, Value *x, const int64_t *pieces,
                         int64_t k)
{
    Window w = p->w;
    int64_t begin[MAX_RANK] = { 0 };
    double share = 1;
    Shape s = x->type->shape;
    for (int i = MAX_SPATIAL - 1; i >= 0; i--) {
        int64_t from;
        const int axis = window_axis(&w, i);
        w.kernel[i] = piece_size(p->w.kernel[i], pieces[i], k % pieces[i], &from);
        w.before[i] = w.after[i] = 0;
        k /= pieces[i];
        share *= (double)w.kernel[i] / (double)p->w.kernel[i];
        if (axis < 0) continue;
        begin[axis] = from;
        s.dim[axis] = (w.out[i] - 1) * w.stride[i] + w.kernel[i];
    }
    Value *y = make_pool(b, p, make_box(b, x, begin, s.dim), &w, false);
    return p->op->kind == OP_avg_pool ? make_with(b, OP_mul, y, share) : y;
}

static Value *in_pieces(Builder *b, const PoolOp *p)
{
    enum { MOST = 256 };
    const bool mean = p->op->kind == OP_avg_pool, whole = !mean || counts_all(p);
    Value *part[MOST], *by = whole ? NULL : pool_correction(b, p);
    int64_t pieces[MAX_SPATIAL], all = 1, before[MAX_RANK] = { 0 },
                                 after[MAX_RANK] = { 0 };
    if (!whole && !by) return NULL;
    for (int i = 0; i < MAX_SPATIAL; i++) {
        const int axis = window_axis(&p->w, i);
        pieces[i] = piece_count(p->w.kernel[i], p->most);
        if (pieces[i] > MOST || (all *= pieces[i]) > MOST) return NULL;
        if (axis < 0) continue;
        before[axis] = p->w.before[i];
        after[axis] = pool_reached(&p->w, i);
    }
    Value *x = make_zeros(b, p->x, before, after);
    for (int64_t k = 0; k < all; k++) part[k] = pool_piece(b, p, x, pieces, k);
    if (!mean) return root_of(b, part, (int)all, &p->op->out[0]->type->shape);
    Value *y = make_sum(b, part, (int)all);
    return whole ? y : make_two(b, OP_mul, y, by);
}

/* ---- the pass ---------------------------------------------------------------------------- */

static Value *legal_pool_pool(const Legal *l, Builder *b, Op *op)
{
    if (!legal_asks(l, RULE_pool_window, op)) return NULL;
    PoolOp p = { .op = op,
                 .x = op_value(op, P_x),
                 .inside = flag_of(op, P_exclude_padding_from_average),
                 .most = rule_limit(l->rules, LIMIT_pool_window) };
    if (p.most < 2 || !pool_read(op, &p)) return NULL;
    Value *y = two_steps(b, &p);
    if (y) return y;
    return op->kind == OP_max_pool ? pool_overlapping(b, &p) : in_pieces(b, &p);
}

int pass_pool(Module *m, const PassOptions *o, Diag *d)
{
    return legal_rewrite(m, o, d, legal_pool_pool);
}
