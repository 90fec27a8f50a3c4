/* legal_tile.c -- ops on axes that are longer than the engine addresses, and products that sum
 * over too many elements or have too many channels.
 *
 * An axis of n elements becomes two, of p and n / p, where p is the smallest number that
 * makes both short enough. Each op works on that shape between two reshapes; since all
 * choose the same p, algebra removes the reshapes between them, and with them every value
 * that is too long. Inputs and results keep their shapes, which the check reports, unless
 * the caller allows others (func_fold_edges). */
#include "legal_shape.h"

typedef struct {
    int rank, axis; /* of the shape whose axis falls into p times q */
    int64_t p, q;
    int64_t most_rank;
} TileFold;

static bool fold_axis(const RuleSet *rs, const Shape *s, int axis, int64_t most,
                      TileFold *f)
{
    *f = (TileFold){ .rank = s->rank,
                     .axis = axis,
                     .most_rank = rule_limit(rs, LIMIT_rank) };
    f->p = rule_equal_parts(rs, s, axis, most);
    f->q = f->p ? s->dim[axis] / f->p : 0;
    return f->p != 0;
}

/* Of the first axis that is too long. */
static bool fold_of(const RuleSet *rs, const Shape *s, TileFold *f)
{
    for (int i = 0; i < s->rank; i++) {
        const int64_t most = rule_axis_most(rs, s->rank - 1 - i);
        if (s->dim[i] > most) return fold_axis(rs, s, i, most, f);
    }
    return false;
}

/* s, which broadcasts with the shape that f is of; axes of 1 in front go where there are too
 * many. */
static Shape tile_folded(const void *ctx, const Shape *s)
{
    const TileFold *f = ctx;
    const int at = f->axis - (f->rank - s->rank);
    Shape r = { .rank = 0 };
    for (int i = 0; i < s->rank; i++) {
        if (i == at) r.dim[r.rank++] = s->dim[i] == 1 ? 1 : f->p;
        r.dim[r.rank++] = i == at && s->dim[i] != 1 ? f->q : s->dim[i];
    }
    while (f->most_rank > 0 && r.rank > f->most_rank && r.dim[0] == 1) {
        r.rank--;
        for (int i = 0; i < r.rank; i++) r.dim[i] = r.dim[i + 1];
    }
    return r;
}

/* ---- elementwise, reductions, softmax ---------------------------------------------------- */

static Value *tile_reduction(Builder *b, Op *op, Value *x, const TileFold *f)
{
    bool reduced[MAX_RANK];
    int64_t axes[MAX_RANK + 1];
    int n = 0;
    const Shape s = tile_folded(f, &x->type->shape);
    const int shift = s.rank
                    - f->rank; /* of the axes behind the folded one, which may be 0 */
    if (!reduced_axes(op, f->rank, reduced)) return NULL;
    for (int i = 0; i < f->rank; i++) {
        if (!reduced[i] || i + shift - 1 + (i >= f->axis) < 0) continue;
        if (i == f->axis) axes[n++] = i + shift - 1;
        axes[n++] = i + shift - (i < f->axis);
    }
    return n ? make_reduced(b, op, make_shape(b, x, &s), n, axes) : NULL;
}

static Value *over_both(Builder *b, int kind, Value *x, const int64_t *axes)
{
    return make_over(b, ops[kind].name, kind, x, 2, axes);
}

/* Over the folded axis in steps, as no softmax is over two axes. */
static Value *tile_softmax(Builder *b, Op *op, Value *x, const TileFold *f)
{
    const int axis = axis_of(op, P_axis, -1, f->rank);
    const Shape s = tile_folded(f, &x->type->shape);
    const int shift = s.rank - f->rank;
    if (axis < 0) return NULL;
    Value *y = make_shape(b, x, &s);
    const int64_t at[] = { axis + shift - 1, axis + shift };
    if (axis == f->axis) {
        Value *e = make_one(b, OP_exp,
                            make_two(b, OP_sub, y, over_both(b, OP_reduce_max, y, at)));
        y = make_two(b, OP_real_div, e, over_both(b, OP_reduce_sum, e, at));
    } else {
        const int64_t other = axis + shift - (axis < f->axis);
        if (other < 0) return NULL;
        y = mil_softmax(b, "softmax", .x = y, .axis = build_int(b, other));
    }
    return make_shape(b, y, &op->out[0]->type->shape);
}

static Value *tile_pointwise(const Legal *l, Builder *b, Op *op)
{
    TileFold f;
    const Shape *out = shape_of_value(op->out[0]);
    if (out && (ops[op->kind].flags & F_ELEMENTWISE) && fold_of(l->rules, out, &f))
        return make_relaid(b, op, tile_folded, &f);
    Value *x = op_value(op, P_x);
    const Shape *s = shape_of_value(x);
    if (!s || !out || !fold_of(l->rules, s, &f)) return NULL;
    if (op->kind == OP_softmax) return tile_softmax(b, op, x, &f);
    const bool one_axis = op->kind == OP_reduce_argmax || op->kind == OP_reduce_argmin;
    return op_is_of(op, OPS_reduce) && !one_axis ? tile_reduction(b, op, x, &f) : NULL;
}

/* ---- products ---------------------------------------------------------------------------- */

/* Piece i of the folded axis of x, cut where x lies as p times q: along an axis in front of
 * it. */
static Value *folded_piece(Builder *b, Value *x, const TileFold *f, int64_t i)
{
    int64_t begin[MAX_RANK] = { 0 };
    Shape s = x->type->shape, piece = s;
    begin[f->axis] = i * f->q;
    piece.dim[f->axis] = f->q;
    Value *literal = make_literal_box(b, x, begin, piece.dim);
    if (literal) return literal;
    TileFold plain = *f;
    plain.most_rank = -1;
    const Shape two = tile_folded(&plain, &s);
    return make_shape(b, make_piece(b, make_shape(b, x, &two), f->axis, i, 1), &piece);
}

/* Results of pieces side by side: [.., q, ..] p times as one whose axis is p * q. */
static Value *join_folded(Builder *b, Value **part, const TileFold *f, const Shape *out)
{
    for (int64_t i = 0; i < f->p; i++) part[i] = make_expand(b, part[i], f->axis);
    return make_shape(b, make_concat(b, part, (int)f->p, f->axis), out);
}

enum { MOST_PIECES = 256 };

static Value *linear_of(Builder *b, Value *x, Value *weight, Value *bias)
{
    return mil_linear(b, "linear", .x = x, .weight = weight, .bias = bias);
}

static Value *tile_linear(const Legal *l, Builder *b, Op *op)
{
    TileFold fx, fw;
    Value *part[MOST_PIECES], *x = op_value(op, P_x), *w = op_value(op, P_weight),
                              *bias = op_value(op, P_bias);
    const Shape *sx = shape_of_value(x), *sw = shape_of_value(w),
                *out = shape_of_value(op->out[0]);
    if (!sx || !sw || !out || sw->rank != 2 || !can_cut(w)) return NULL;
    const int64_t inner = rule_limit(l->rules, LIMIT_matmul_inner);
    if (legal_asks(l, RULE_matmul_inner, op)) {
        if (!fold_axis(l->rules, sx, sx->rank - 1, inner, &fx)
            || !fold_axis(l->rules, sw, 1, fx.q, &fw) || fw.p != fx.p
            || fx.p > MOST_PIECES)
            return NULL;
        w = make_dense(b, w);
        for (int64_t i = 0; i < fx.p; i++) {
            Value *from = folded_piece(b, x, &fx, i);
            part[i] = linear_of(b, from, folded_piece(b, w, &fw, i), i ? NULL : bias);
        }
        return make_sum(b, part, (int)fx.p);
    }
    if (!rule_fixes(l->rules, RULE_extent) || !fold_of(l->rules, out, &fx)
        || fx.axis != out->rank - 1)
        return NULL;
    fw = (TileFold){ .rank = 2, .axis = 0, .p = fx.p, .q = fx.q };
    const TileFold fb = { .rank = 1, .axis = 0, .p = fx.p, .q = fx.q };
    if (fx.p > MOST_PIECES || (bias && !can_cut(bias))) return NULL;
    w = make_dense(b, w);
    bias = make_dense(b, bias);
    for (int64_t i = 0; i < fx.p; i++) {
        Value *rows = folded_piece(b, w, &fw, i);
        part[i] = linear_of(b, x, rows, bias ? folded_piece(b, bias, &fb, i) : NULL);
    }
    return join_folded(b, part, &fx, out);
}

static Value *tile_matmul(const Legal *l, Builder *b, Op *op)
{
    TileFold fx, fy;
    Value *part[MOST_PIECES], *x = op_value(op, P_x), *y = op_value(op, P_y);
    const Shape *sx = shape_of_value(x), *sy = shape_of_value(y),
                *out = shape_of_value(op->out[0]);
    const bool tx = flag_of(op, P_transpose_x), ty = flag_of(op, P_transpose_y);
    if (!sx || !sy || !out || sx->rank < 2 || sy->rank < 2) return NULL;
    const int kx = sx->rank - 1 - tx, ky = sy->rank - 2 + ty, ny = sy->rank - 1 - ty;
    const int64_t inner = rule_limit(l->rules, LIMIT_matmul_inner);
    if (legal_asks(l, RULE_matmul_inner, op)) {
        if (!fold_axis(l->rules, sx, kx, inner, &fx) || fx.p > MOST_PIECES) return NULL;
        x = make_dense(b, x);
        y = make_dense(b, y);
        fy = (TileFold){ .rank = sy->rank, .axis = ky, .p = fx.p, .q = fx.q };
        for (int64_t i = 0; i < fx.p; i++) {
            Value *left = folded_piece(b, x, &fx, i);
            part[i] = make_matmul(b, left, folded_piece(b, y, &fy, i), tx, ty);
        }
        return make_sum(b, part, (int)fx.p);
    }
    if (!rule_fixes(l->rules, RULE_extent) || !fold_of(l->rules, out, &fx)
        || fx.p > MOST_PIECES)
        return NULL;
    if (fx.axis < out->rank - 2) return NULL;
    const bool columns = fx.axis == out->rank - 1;
    if (columns) y = make_dense(b, y);
    else x = make_dense(b, x);
    fy = (TileFold){ .rank = columns ? sy->rank : sx->rank,
                     .axis = columns ? ny : sx->rank - 2 + tx,
                     .p = fx.p,
                     .q = fx.q };
    for (int64_t i = 0; i < fx.p; i++)
        part[i] = columns ? make_matmul(b, x, folded_piece(b, y, &fy, i), tx, ty)
                          : make_matmul(b, folded_piece(b, x, &fy, i), y, tx, ty);
    return join_folded(b, part, &fx, out);
}

/* Input channels in pieces are added, output channels side by side. */
static Value *tile_conv(const Legal *l, Builder *b, Op *op)
{
    ConvOp v;
    TileFold f;
    Value *part[MOST_PIECES];
    if (!legal_asks(l, RULE_conv_channels, op) || !conv_read(op, &v)) return NULL;
    const Window *w = &v.conv.window;
    const int64_t most = rule_limit(l->rules, LIMIT_conv_channels);
    const bool in = v.conv.cin > most;
    if (value_is_const(v.weight) && !can_cut(v.weight)) return NULL;
    const Shape *s = in ? &v.x->type->shape : &op->out[0]->type->shape;
    if (!fold_axis(l->rules, s, 1, most, &f) || f.p > MOST_PIECES) return NULL;
    v.weight = make_dense(b, v.weight);
    v.bias = make_dense(b, v.bias);
    TileFold fw = f;
    fw.axis = in;
    const TileFold fb = { .rank = 1, .axis = 0, .p = f.p, .q = f.q };
    for (int64_t i = 0; i < f.p; i++) {
        Value *weight = folded_piece(b, v.weight, &fw, i);
        Value *bias = !v.bias || (in && i) ? NULL
                    : in                   ? v.bias
                                           : folded_piece(b, v.bias, &fb, i);
        part[i] = make_conv(b, false, in ? folded_piece(b, v.x, &f, i) : v.x, weight,
                            bias, 1, w);
    }
    return in ? make_sum(b, part, (int)f.p)
              : join_folded(b, part, &f, &op->out[0]->type->shape);
}

static Value *tile_op(const Legal *l, Builder *b, Op *op)
{
    if (op->kind == OP_linear) return tile_linear(l, b, op);
    if (op->kind == OP_matmul) return tile_matmul(l, b, op);
    if (op->kind == OP_conv) return tile_conv(l, b, op);
    return rule_fixes(l->rules, RULE_extent) ? tile_pointwise(l, b, op) : NULL;
}

int pass_tile(Module *m, const PassOptions *o, Diag *d)
{
    return legal_rewrite(m, o, d, tile_op);
}

/* ---- the edge ---------------------------------------------------------------------------- */

/* v's shape without an axis that is too long; false: it has none, or it cannot be. */
static bool tile_edge_shape(const RuleSet *rs, const Value *v, Shape *s)
{
    TileFold f;
    const Shape *is = shape_of_value(v);
    if (!is) return false;
    for (*s = *is; fold_of(rs, s, &f); *s = tile_folded(&f, s))
        if (s->rank == MAX_RANK || over_limit(rs, LIMIT_rank, s->rank + 1)) return false;
    return !shape_equal(s, is);
}

static int fold_inputs(Func *f, const RuleSet *rs, Diag *d)
{
    int changes = 0;
    Module *m = f->module;
    for (int i = 0; i < f->body->nparam; i++) {
        Shape s;
        Value *p = f->body->param[i];
        if (is_result(p) || !tile_edge_shape(rs, p, &s)) continue;
        const Type *inside = p->type;
        p->type = type_tensor(&m->arena, inside->dtype, s);
        Builder b = builder_at(f->body, f->body->first, d, value_loc(p));
        Value *v = make_shape(&b, p, &inside->shape);
        func_replace_uses(f, p, v);
        op_set_arg(m, v->def, P_x, p);
        changes++;
    }
    return changes;
}

static int fold_results(Func *f, const RuleSet *rs, Diag *d)
{
    int changes = 0;
    for (int i = 0; i < f->body->nresult; i++) {
        Shape s;
        Value *r = f->body->result[i];
        if (!r->def || r->def->kind == OP_const || !tile_edge_shape(rs, r, &s)) continue;
        const char *name = r->name;
        Builder b = builder_at(f->body, NULL, d, value_loc(r));
        value_rename(r, func_unique_name(f, name));
        Value *v = make_shape(&b, r, &s);
        v->name = name;
        for (int k = i; is_result(r); k++)
            if (f->body->result[k] == r) func_set_result(f, k, v);
        changes++;
    }
    return changes;
}

int func_fold_edges(Func *f, const RuleSet *rs, Diag *d)
{
    GuardTask lost;
    if (!rule_fixes(rs, RULE_extent)) return 0;
    func_walk_begin(f, &lost);
    int changes = fold_inputs(f, rs, d);
    changes += fold_results(f, rs, d);
    func_walk_end(f, &lost);
    return changes;
}
