/* rule_pair.c -- rules about ops that are computed rightly alone and, silently, wrongly
 * together: behind a rounding, a product, a quantize and dequantize, a slice. */
#include "rules.h"

#include <stdlib.h>

static const ParamId sides[] = { P_x, P_y };

static bool made_by(const Value *v, int kind)
{
    return v && v->def && v->def->kind == kind;
}

/* ---- a rounding times a number ----------------------------------------------------------- */

static bool is_rounding(const Op *op)
{
    return op && (op->kind == OP_floor || op->kind == OP_ceil || op->kind == OP_round);
}

static bool is_number(const Value *v, const Type *of)
{
    size_t n;
    return v && value_is_const(v) && v->type->kind == TY_TENSOR
        && shape_count(&v->type->shape, &n) && n == 1
        && !shape_equal(&v->type->shape, &of->shape);
}

bool rule_scales_rounded(const Op *op, Value **rounded, Value **number)
{
    if (op->kind != OP_mul || op->out[0]->type->kind != TY_TENSOR) return false;
    for (int i = 0; i < 2; i++) {
        *rounded = op_value(op, sides[i]);
        *number = op_value(op, sides[1 - i]);
        if (*rounded && is_rounding((*rounded)->def)
            && is_number(*number, op->out[0]->type))
            return true;
    }
    return false;
}

void rule_rounded_scale(RuleCheck *c)
{
    Value *rounded, *number;
    if (rule_scales_rounded(c->op, &rounded, &number))
        rule_broken(c, op_loc(c->op), "mul: the %s %s times a single number",
                    op_name(rounded->def), rounded->name);
}

/* ---- a product and its hard-swish -------------------------------------------------------- */

bool rule_hard_swish(const Op *op, Value **product)
{
    for (int i = 0; op->kind == OP_mul && i < 2; i++) {
        const Value *hard = op_value(op, sides[i]);
        *product = op_value(op, sides[1 - i]);
        if (made_by(hard, OP_sigmoid_hard) && made_by(*product, OP_matmul)
            && op_value(hard->def, P_x) == *product && (*product)->type->kind == TY_TENSOR
            && (*product)->type->shape.rank == 2)
            return true;
    }
    return false;
}

void rule_hard_swish_rank(RuleCheck *c)
{
    Value *product;
    if (!rule_hard_swish(c->op, &product)) return;
    c->left = value_is_const(op_value(product->def, P_x))
                ? "the first operand is a constant"
                : NULL;
    rule_broken(c, op_loc(c->op),
                "mul: the hard-swish of the matmul %s, which has 2 axes", product->name);
    c->left = NULL;
}

/* ---- quantize, dequantize, mul ----------------------------------------------------------- */

void rule_quantized_scale(RuleCheck *c)
{
    for (int i = 0; i < 2; i++) {
        const Value *v = op_value(c->op, sides[i]);
        if (!made_by(v, OP_dequantize)
            || !made_by(op_value(v->def, P_input), OP_quantize))
            continue;
        rule_broken(c, op_loc(c->op), "mul of %s, which was quantized and dequantized",
                    v->name);
        return;
    }
}

/* ---- products that transpositions feed --------------------------------------------------- */

typedef struct {
    RuleCheck *check;
    int fed; /* matmuls that a transposition feeds */
} Fed;

/* One that exchanges the last two axes alone goes into the flags of a matmul. */
static bool goes_into_flags(const Op *transpose)
{
    int64_t perm[MAX_RANK * 2];
    const int n = value_ints(op_value(transpose, P_perm), perm);
    for (int i = 0; i < n; i++) {
        const int64_t from = perm[i] < 0 ? perm[i] + n : perm[i];
        if (from != (i < n - 2 ? i : i == n - 1 ? n - 2 : n - 1)) return false;
    }
    return n >= 2;
}

static bool count_fed(void *ctx, const Op *op)
{
    Fed *f = ctx;
    const Value *by = NULL;
    for (int i = 0; op->kind == OP_matmul && i < 2; i++)
        if (made_by(op_value(op, sides[i]), OP_transpose)) by = op_value(op, sides[i]);
    if (!by || ++f->fed < 2) return true;
    f->check->left = goes_into_flags(by->def) ? NULL : "more than the last two axes move";
    f->check->op = op;
    rule_broken(f->check, op_loc(op),
                "matmul is number %d of those that a transpose feeds: %s", f->fed,
                by->name);
    f->check->left = NULL;
    f->check->op = NULL;
    return true;
}

void rule_transposed_products(RuleCheck *c)
{
    Fed f = { .check = c };
    func_read(c->func, count_fed, &f);
}

/* ---- slices of the last axis that feed products ------------------------------------------ */

typedef struct {
    Arena *arena;
    struct Sliced {
        Op *op;
        int64_t begin;
        int nth; /* in the order of the text */
    } * at;
    int count, cap;
} Slices;

static bool rule_pair_relabels(const Op *op)
{
    return op->kind == OP_reshape || op->kind == OP_transpose
        || op->kind == OP_expand_dims || op->kind == OP_squeeze;
}

static void add_slice(Slices *s, const Value *v)
{
    while (v && v->def && rule_pair_relabels(v->def)) v = op_value(v->def, P_x);
    if (!made_by(v, OP_slice_by_index) && !made_by(v, OP_slice_by_size)) return;
    ARENA_ROOM(s->arena, s->at, s->count, s->cap);
    s->at[s->count] = (struct Sliced){ v->def, rule_width_begin(v->def), s->count };
    s->count++;
}

static bool visit_product(void *ctx, const Op *op)
{
    for (int i = 0; op->kind == OP_matmul && i < 2; i++)
        add_slice(ctx, op_value(op, sides[i]));
    return true;
}

static int by_op(const void *a, const void *b)
{
    const struct Sliced *x = a, *y = b;
    const uintptr_t p = (uintptr_t)x->op, q = (uintptr_t)y->op;
    return p != q ? (p > q) - (p < q) : x->nth - y->nth;
}

static int by_place(const void *a, const void *b)
{
    return ((const struct Sliced *)a)->nth - ((const struct Sliced *)b)->nth;
}

/* A slice feeds several products: each once, and those alone that do not begin at 0. */
static int each_once(Slices *s)
{
    int n = 0;
    qsort(s->at, (size_t)s->count, sizeof *s->at, by_op);
    for (int i = 0; i < s->count; i++)
        if ((!n || s->at[n - 1].op != s->at[i].op) && s->at[i].begin != 0)
            s->at[n++] = s->at[i];
    qsort(s->at, (size_t)n, sizeof *s->at, by_place);
    return n;
}

int rule_sliced_for_products(const Func *f, Arena *a, Op ***out)
{
    Slices s = { .arena = a };
    bool differ = false;
    func_read(f, visit_product, &s);
    for (int i = 1; i < s.count; i++)
        differ = differ || s.at[i].begin != s.at[0].begin || s.at[i].begin < 0;
    if (!differ) return 0;
    const int n = each_once(&s);
    *out = NEW_ARRAY(a, n + 1, Op *);
    for (int i = 0; i < n; i++) (*out)[i] = s.at[i].op;
    return n;
}

void rule_sliced_products(RuleCheck *c)
{
    Op **slice;
    const int n = rule_sliced_for_products(c->func, c->scratch, &slice);
    for (int i = 0; i < n; i++) {
        c->op = slice[i];
        rule_broken(
            c, op_loc(c->op),
            "%s begins at %lld of the last axis and feeds a matmul, as another that "
            "begins elsewhere does",
            op_name(c->op), (long long)rule_width_begin(c->op));
    }
    c->op = NULL;
}

/* ---- softplus ---------------------------------------------------------------------------- */

typedef struct {
    const Value *v, *x;
    bool bare;
} Bare;

/* Whatever uses v but the larger of it and x. */
static bool visit_bare(void *ctx, const Op *op)
{
    Bare *s = ctx;
    const Value *x = op_value(op, P_x), *y = op_value(op, P_y);
    const bool guards = op->kind == OP_maximum
                     && ((x == s->v && y == s->x) || (y == s->v && x == s->x));
    for (int i = 0; i < op->narg && !guards; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++)
            s->bare |= op->arg[i].val[k] == s->v;
    return !s->bare;
}

static bool softplus_is_bare(const Func *f, const Op *op)
{
    Bare s = { .v = op->out[0],
               .x = op_value(op, P_x),
               .bare = op->out[0]->returned > 0 };
    if (!s.bare) func_read(f, visit_bare, &s);
    return s.bare;
}

void rule_softplus_range(RuleCheck *c)
{
    if (softplus_is_bare(c->func, c->op))
        rule_broken(c, op_loc(c->op), "softplus of %s, which may be above 10.4",
                    op_value(c->op, P_x)->name ? op_value(c->op, P_x)->name
                                               : "a literal");
}
