/* linear_grad.c -- gradients of products: matmul, linear and einsum. */
#include "grad.h"
#include "geometry.h"
#include "move.h"

#include <math.h>

/* ---- matmul ------------------------------------------------------------------------------ */

/* A vector as the matrix that the product takes it as: a row on the left, a column on the
 * right. */
static Value *as_matrix(Builder *b, Value *v, bool left)
{
    const Shape s = v->type->shape;
    if (s.rank != 1) return v;
    return grad_as(b, v, left ? SHAPE(1, s.dim[0]) : SHAPE(s.dim[0], 1));
}

/* d with the axes that vectors left out. */
static Value *as_product(Builder *b, Value *d, bool row, bool column)
{
    Shape s = d->type->shape;
    if (row) {
        s.dim[s.rank] = s.rank ? s.dim[s.rank - 1] : 1;
        if (s.rank) s.dim[s.rank - 1] = 1;
        s.rank++;
        if (!column && s.rank == 1) s.dim[0] = 1;
    }
    if (column) s.dim[s.rank++] = 1;
    return grad_as(b, d, s);
}

static void give_product(Grad *g, ParamId name, const Value *matrix, Value *dx)
{
    dx = grad_sum_to(g->b, dx, &matrix->type->shape);
    grad_give(g, name, grad_like(g->b, dx, grad_arg(g, name)));
}

bool grad_matmul_op(Grad *g)
{
    Builder *b = g->b;
    const bool row = grad_arg(g, P_x)->type->shape.rank == 1;
    const bool column = grad_arg(g, P_y)->type->shape.rank == 1;
    const bool tx = !row && grad_bool(g, P_transpose_x);
    const bool ty = !column && grad_bool(g, P_transpose_y);
    Value *x = as_matrix(b, grad_arg(g, P_x), true),
          *y = as_matrix(b, grad_arg(g, P_y), false);
    Value *d = as_product(b, g->dy[0], row, column);
    if (grad_wants(g, P_x))
        give_product(g, P_x, x,
                     tx ? make_matmul(b, y, d, ty, true)
                        : make_matmul(b, d, y, false, !ty));
    if (grad_wants(g, P_y))
        give_product(g, P_y, y,
                     ty ? make_matmul(b, d, x, true, tx)
                        : make_matmul(b, x, d, !tx, false));
    return true;
}

/* ---- linear ------------------------------------------------------------------------------ */

/* All axes but the last as one. */
static Value *rows_of(Builder *b, Value *v)
{
    const Shape s = v->type->shape;
    int64_t n = 1;
    for (int i = 0; i + 1 < s.rank; i++) n *= s.dim[i];
    return grad_as(b, v, SHAPE(n, s.dim[s.rank - 1]));
}

bool grad_linear_op(Grad *g)
{
    Builder *b = g->b;
    Value *x = grad_arg(g, P_x), *w = grad_arg(g, P_weight), *d = g->dy[0];
    if (grad_wants(g, P_x)) {
        Value *dx = make_matmul(b, x->type->shape.rank == 1 ? rows_of(b, d) : d, w, false,
                                false);
        grad_give(g, P_x, grad_like(b, dx, x));
    }
    if (grad_wants(g, P_weight)) {
        Value *rows = rows_of(b, d);
        grad_give(g, P_weight, make_matmul(b, rows, rows_of(b, x), true, false));
    }
    if (grad_wants(g, P_bias)) grad_give_sum(g, P_bias, d);
    return true;
}

/* ---- einsum ------------------------------------------------------------------------------ */

/* v, whose axes have the labels `from`, in the order of `to` with 1 for labels that it lacks;
 * first summed over those that `to` lacks. */
static Value *linear_grad_align(Builder *b, Value *v, const Labels *from,
                                const Labels *to)
{
    bool gone[MAX_RANK] = { false };
    int64_t perm[MAX_RANK];
    int kept[MAX_RANK], nkept = 0, n = 0;
    for (int i = 0; i < from->rank; i++) {
        bool found = false;
        for (int k = 0; k < to->rank; k++)
            found = found || to->label[k] == from->label[i];
        gone[i] = !found;
        if (found) kept[nkept++] = from->label[i];
    }
    v = grad_reduce(b, OP_reduce_sum, v, gone, true);
    Shape s = { .rank = 0 }, out = { .rank = to->rank };
    for (int i = 0; i < from->rank; i++)
        if (!gone[i]) s.dim[s.rank++] = v->type->shape.dim[i];
    v = grad_as(b, v, s);
    for (int k = 0; k < to->rank; k++) {
        out.dim[k] = 1;
        for (int i = 0; i < nkept; i++) {
            if (kept[i] != to->label[k]) continue;
            out.dim[k] = s.dim[i];
            perm[n++] = i;
        }
    }
    bool same = true;
    for (int i = 0; i < n; i++) same = same && perm[i] == i;
    if (!same) v = make_transpose(b, v, perm);
    return grad_as(b, v, out);
}

static bool has_label(const Labels *l, int id)
{
    for (int i = 0; i < l->rank; i++)
        if (l->label[i] == id) return true;
    return false;
}

/* Adds the labels of `from` that both `with` and `without` (or its lack) ask for. */
static void add_labels(Labels *l, const Labels *from, const Labels *in, const Labels *out)
{
    for (int i = 0; i < from->rank; i++)
        if ((!in || has_label(in, from->label[i]))
            && (!out || !has_label(out, from->label[i])) && !has_label(l, from->label[i]))
            l->label[l->rank++] = from->label[i];
}

static int64_t linear_grad_dim(const Value *v, int from, int to)
{
    int64_t n = 1;
    for (int i = from; i < to; i++) n *= v->type->shape.dim[i];
    return n;
}

/* d and the other operand y as one product of matrices: labels of x that both have are its
 * batch, those of d alone its rows, those of y alone its columns, and what x lacks is summed
 * over. */
static Value *linear_grad_contract(Builder *b, Value *d, const Labels *ld, Value *y,
                                   const Labels *ly, const Value *x, const Labels *lx)
{
    Labels batch = { 0 }, rows = { 0 }, columns = { 0 }, inner = { 0 };
    for (int i = 0; i < lx->rank; i++) {
        const int id = lx->label[i];
        const bool in_d = has_label(ld, id), in_y = has_label(ly, id);
        Labels *to = in_d && in_y ? &batch : in_d ? &rows : &columns;
        to->label[to->rank++] = id;
    }
    add_labels(&inner, ld, ly, lx);
    Labels left = batch, right = batch, made = batch;
    add_labels(&left, &rows, NULL, NULL);
    add_labels(&left, &inner, NULL, NULL);
    add_labels(&right, &inner, NULL, NULL);
    add_labels(&right, &columns, NULL, NULL);
    add_labels(&made, &rows, NULL, NULL);
    add_labels(&made, &columns, NULL, NULL);
    d = linear_grad_align(b, d, ld, &left);
    y = linear_grad_align(b, y, ly, &right);
    const int n = batch.rank, r = n + rows.rank, k = n + inner.rank;
    Shape whole = { .rank = made.rank };
    for (int i = 0; i < r; i++) whole.dim[i] = d->type->shape.dim[i];
    for (int i = 0; i < columns.rank; i++) whole.dim[r + i] = y->type->shape.dim[k + i];
    for (int i = 0; i < n; i++)
        if (whole.dim[i] == 1) whole.dim[i] = y->type->shape.dim[i];
    Shape ds = { .rank = n + 2 }, ys = { .rank = n + 2 };
    for (int i = 0; i < n; i++) {
        ds.dim[i] = d->type->shape.dim[i];
        ys.dim[i] = y->type->shape.dim[i];
    }
    ds.dim[n] = linear_grad_dim(d, n, r);
    ds.dim[n + 1] = linear_grad_dim(d, r, left.rank);
    ys.dim[n] = linear_grad_dim(y, n, k);
    ys.dim[n + 1] = linear_grad_dim(y, k, right.rank);
    d = grad_as(b, d, ds);
    Value *z = make_matmul(b, d, grad_as(b, y, ys), false, false);
    z = linear_grad_align(b, grad_as(b, z, whole), &made, lx);
    Shape summed =
        x->type->shape; /* of a dimension that x alone has, one element for all */
    for (int i = 0; i < summed.rank; i++)
        if (z->type->shape.dim[i] == 1) summed.dim[i] = 1;
    return grad_spread(b, grad_sum_to(b, z, &summed), &x->type->shape);
}

bool grad_einsum(Grad *g)
{
    Arena scratch = { 0 };
    Equation e;
    Call *c = grad_call(g, &scratch);
    bool ok = c && equation_einsum(c, &e);
    if (ok && e.n != 2) ok = grad_error(g, "only products of two operands have one");
    const Arg *v = op_find_arg(g->op, P_values);
    for (int t = 0; ok && t < 2; t++)
        for (int i = 0; i < e.in[t].rank; i++)
            for (int k = 0; ok && k < i; k++)
                if (e.in[t].label[i] == e.in[t].label[k])
                    ok = grad_error(g, "a term that names a dimension twice has none");
    for (int t = 0; ok && t < 2; t++) {
        const int at = grad_place(g, P_values, t);
        if (g->wanted[at])
            g->dx[at] = linear_grad_contract(g->b, g->dy[0], &e.out, v->val[!t],
                                             &e.in[!t], v->val[t], &e.in[t]);
    }
    arena_free(&scratch);
    return ok;
}
