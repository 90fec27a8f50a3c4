/* legal_flatten.c -- programs without blocks for targets that have none.
 *
 * Of a cond both branches are computed, and select picks one. A while_loop whose condition
 * depends on constants alone is unrolled. A loop that depends on data or has more than
 * MOST_STEPS steps stays, as do blocks with an effect or with random numbers. */
#include "legal.h"

enum { MOST_STEPS = 256, MOST_OPS = 1 << 16 };

static bool is_pure(const Block *b)
{
    for (const Op *op = b->first; op; op = op->next)
        if (op->kind == OP_NONE || op_nblock(op)
            || (ops[op->kind].flags & (F_IMPURE | F_UNSUPPORTED)))
            return false;
    return true;
}

/* Result i of op becomes `with`, which keeps its own name only where the result is nobody's
 * outside. */
static void flatten_give(Legal *l, Builder *b, Op *op, int i, Value *with)
{
    Value *out = op->out[i];
    if (is_result(out)) {
        with = make_one(b, OP_identity, with);
        with->name = out->name;
        op_set_name(l->m, with->def, out->name);
    }
    func_replace_uses(l->func, out, with);
}

/* ---- cond -------------------------------------------------------------------------------- */

/* What select takes for a value of type t; DT_NONE: nothing that holds its numbers. */
static DType flatten_selects(DType t)
{
    const DTypes set = domain_types(op_param_of(&ops[OP_select], P_a)->dom, OPSET_IOS18);
    while (t != DT_NONE && !(set >> t & 1)) t = dtype_wider(t);
    return t;
}

static bool can_select(const Op *op, const Value *pred)
{
    const Block *yes = op_block(op, 0), *no = op_block(op, 1);
    size_t n;
    if (!shape_count(&pred->type->shape, &n) || n != 1) return false;
    if (!is_pure(yes) || !is_pure(no) || yes->nresult != op->nout
        || no->nresult != op->nout)
        return false;
    for (int i = 0; i < op->nout; i++) {
        const Type *a = yes->result[i]->type, *b = no->result[i]->type;
        if (a->kind != TY_TENSOR || !type_equal(a, b) || !type_equal(a, op->out[i]->type))
            return false;
        if (pred->type->shape.rank > a->shape.rank) return false;
        if (flatten_selects(a->dtype) == DT_NONE) return false;
    }
    return true;
}

static void move_out(Block *from, Op *before)
{
    for (Op *op = from->first, *next; op; op = next) {
        next = op->next;
        op_move_before(op, before->parent, before);
    }
}

static Value *flatten_select(Builder *b, Value *pred, Value *yes, Value *no)
{
    const DType t = yes->type->dtype, as = flatten_selects(t);
    yes = make_cast(b, yes, as);
    no = make_cast(b, no, as);
    return make_cast(b, mil_select(b, "select", .cond = pred, .a = yes, .b = no), t);
}

static bool flatten_cond(Legal *l, Op *op)
{
    bool known, *decided = NULL;
    Value *pred = op_value(op, P_pred);
    if (op_nblock(op) != 2 || !pred || pred->type->kind != TY_TENSOR
        || !can_select(op, pred))
        return false;
    if (value_bool(pred, &known)) decided = &known;
    for (int i = 0; i < 2; i++) move_out(op_block(op, i), op);
    Builder b = before_op(op, l->diag);
    for (int i = 0; i < op->nout; i++) {
        Value *yes = op_block(op, 0)->result[i], *no = op_block(op, 1)->result[i];
        flatten_give(l, &b, op, i,
                     decided ? (*decided ? yes : no) : flatten_select(&b, pred, yes, no));
    }
    op_unlink(op);
    return true;
}

/* ---- while_loop -------------------------------------------------------------------------- */

/* Where a value of the blocks that are being copied is in the copy that was made last; what is
 * not of them is itself. */
static Value *flatten_copied(void *copies, Value *v)
{
    Value *copy = values_get(copies, v);
    return copy ? copy : v;
}

/* Constants of a body are one for all steps. */
static bool is_constant(const Op *op) { return op->nout && value_is_const(op->out[0]); }

static void flatten_copy(Builder *b, ValueTable *copies, Op *op)
{
    Value *with[MAX_RESULT];
    Op *made = op_clone(op, b->block, b->before, flatten_copied, copies);
    if (!is_constant(op)) build_infer(b, NULL, made); /* of what is known by now */
    const bool folded = fold_op(b->m, made, b->diag, with);
    for (int i = 0; i < op->nout; i++)
        values_set(copies, op->out[i], folded ? with[i] : made->out[i]);
}

/* Copies a block with the values `in` as its parameters; its results to out. */
static void copy_block(Builder *b, ValueTable *copies, const Block *from, int step,
                       Value *const *in, Value **out)
{
    for (int i = 0; i < from->nparam; i++) values_set(copies, from->param[i], in[i]);
    for (Op *op = from->first; op; op = op->next)
        if (!step || !is_constant(op)) flatten_copy(b, copies, op);
    for (int i = 0; i < from->nresult; i++)
        out[i] = flatten_copied(copies, from->result[i]);
}

static int flatten_ops(const Block *b)
{
    int n = 0;
    for (const Op *op = b->first; op; op = op->next) n++;
    return n;
}

/* Whether every value is of the type of its loop variable, so that the next step is as the
 * first. */
static bool same_types(const Op *op, Value *const *v)
{
    for (int i = 0; i < op->nout; i++)
        if (!type_equal(v[i]->type, op->out[i]->type)) return false;
    return true;
}

/* The steps in front of op; false when it cannot be said how many there are. */
static bool unroll_into(Legal *l, Op *op, ValueTable *copies, Value **v)
{
    const int each = flatten_ops(op_block(op, 0)) + flatten_ops(op_block(op, 1));
    Value *next[MAX_RESULT];
    for (int step = 0;; step++) {
        bool more;
        Builder b = before_op(op, l->diag);
        copy_block(&b, copies, op_block(op, 0), step, v, next);
        if (!same_types(op, v) || !value_bool(next[0], &more)) return false;
        if (!more) return true;
        if (step == MOST_STEPS || (step + 1) * each > MOST_OPS) return false;
        copy_block(&b, copies, op_block(op, 1), step, v, next);
        for (int i = 0; i < op->nout; i++) v[i] = next[i];
    }
}

static bool flatten_unroll(Legal *l, Op *op, Value **v)
{
    ValueTable copies = { 0 };
    const bool ok = unroll_into(l, op, &copies, v);
    values_free(&copies);
    return ok;
}

static bool flatten_loop(Legal *l, Op *op)
{
    Value *v[MAX_RESULT];
    const Arg *vars = op_find_arg(op, P_loop_vars);
    if (op_nblock(op) != 2 || !vars || arg_count(vars) != op->nout
        || op->nout > MAX_RESULT)
        return false;
    if (!is_pure(op_block(op, 0)) || !is_pure(op_block(op, 1))
        || op_block(op, 0)->nresult != 1)
        return false;
    for (int i = 0; i < 2; i++)
        if (op_block(op, i)->nparam != op->nout) return false;
    if (op_block(op, 1)->nresult != op->nout) return false;
    for (int i = 0; i < op->nout; i++) v[i] = vars->val[i];
    Op *last = op->prev;
    if (!flatten_unroll(l, op, v)) {
        while (op->prev != last) op_unlink(op->prev);
        return false;
    }
    Builder b = before_op(op, l->diag);
    for (int i = 0; i < op->nout; i++) flatten_give(l, &b, op, i, v[i]);
    op_unlink(op);
    return true;
}

/* ---- the pass ---------------------------------------------------------------------------- */

static bool flatten_applies(const Legal *l, const Op *op)
{
    return rule_fixes(l->rules, RULE_op_refused)
        && op_refused(l->rules, op->kind) >= STAND_REPORTED;
}

/* Inner blocks first, so that what holds them is free of blocks where that can be. */
static void flatten_block(Legal *l, Block *b)
{
    for (Op *op = b->first, *next; op; op = next) {
        next = op->next;
        for (int i = 0; i < op_nblock(op); i++) flatten_block(l, op_block(op, i));
        if (op->kind == OP_cond && flatten_applies(l, op))
            l->changes += flatten_cond(l, op);
        else if (op->kind == OP_while_loop && flatten_applies(l, op))
            l->changes += flatten_loop(l, op);
    }
}

int pass_flatten(Module *m, const PassOptions *o, Diag *d)
{
    Legal l = { .m = m, .options = o, .rules = o->rules, .diag = d };
    for (l.func = m->first; l.func; l.func = l.func->next)
        flatten_block(&l, l.func->body);
    return l.changes;
}
