/* transpose.c -- merges transposes: several in a row into one, and those of the operands of a
 * matmul into its flags transpose_x and transpose_y. */
#include "passes.h"

static int perm_of(const Op *op, int64_t perm[MAX_RANK * 2])
{
    const Value *x = op_value(op, P_x);
    int n = value_ints(op_value(op, P_perm), perm);
    if (!x || n != x->type->shape.rank || n > MAX_RANK) return -1;
    for (int i = 0; i < n; i++)
        if (perm[i] < 0) perm[i] += n;
    return n;
}

/* transpose(transpose(x, p), q) is transpose(x, r), r[i] = p[q[i]]. */
static bool fold_pair(Op *op, Diag *d)
{
    int64_t p[MAX_RANK * 2], q[MAX_RANK * 2], r[MAX_RANK];
    Op *inner = op_value(op, P_x)->def;
    if (!inner || inner->kind != OP_transpose) return false;
    int n = perm_of(op, q);
    if (n < 0 || perm_of(inner, p) != n) return false;
    for (int i = 0; i < n; i++) r[i] = p[q[i]];
    Builder b = before_op(op, d);
    op_set_arg(b.m, op, P_x, op_value(inner, P_x));
    op_set_arg(b.m, op, P_perm, build_ints(&b, n, r));
    return true;
}

static bool is_last_swap(const int64_t *perm, int n)
{
    for (int i = 0; i < n - 2; i++)
        if (perm[i] != i) return false;
    return n >= 2 && perm[n - 1] == n - 2 && perm[n - 2] == n - 1;
}

/* A side of matmul whose last two axes were exchanged is the side itself with its flag
 * turned. */
static bool fold_side(Op *op, ParamId side, ParamId flag, Diag *d)
{
    int64_t perm[MAX_RANK * 2];
    const Value *v = op_value(op, side), *f = op_value(op, flag);
    bool now = false;
    if (!v || !v->def || v->def->kind != OP_transpose || (f && !value_bool(f, &now)))
        return false;
    int n = perm_of(v->def, perm);
    if (n < 0 || !is_last_swap(perm, n)) return false;
    Builder b = before_op(op, d);
    op_set_arg(b.m, op, side, op_value(v->def, P_x));
    op_set_arg(b.m, op, flag, build_bool(&b, !now));
    return true;
}

typedef struct {
    Diag *diag;
    int changes;
} Fold;

static bool transpose_visit(void *ctx, Op *op)
{
    Fold *f = ctx;
    if (op->kind == OP_transpose)
        while (fold_pair(op, f->diag)) f->changes++;
    if (op->kind == OP_matmul)
        for (;;) {
            bool x = fold_side(op, P_x, P_transpose_x, f->diag);
            bool y = fold_side(op, P_y, P_transpose_y, f->diag);
            if (!x && !y) break;
            f->changes += x + y;
        }
    return true;
}

int pass_transpose(Module *m, const PassOptions *o, Diag *d)
{
    (void)o;
    Fold fold = { .diag = d };
    for (Func *f = m->first; f; f = f->next) func_walk(f, transpose_visit, &fold);
    return fold.changes;
}
