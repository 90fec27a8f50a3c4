/* legal_results.c -- inserts add(x, 0) where a value has to be computed: behind a constant that
 * is returned, behind an identity that is all a function returns, and between two ops that a
 * profile says must not follow each other.
 *
 * Results keep their names. An input that is returned as it is stays so, since both names are
 * taken, and the check reports it. */
#include "legal_shape.h"

static bool can_add(const Value *v)
{
    const Type *t = v->type;
    return t->kind == TY_TENSOR
        && (t->dtype == DT_FP16 || t->dtype == DT_FP32 || t->dtype == DT_INT32);
}

static Value *add_zero(Builder *b, Value *v)
{
    if (v->type->dtype == DT_INT32) return make_two(b, OP_add, v, build_int(b, 0));
    return make_with(b, OP_add, v, 0);
}

/* Every place of the result v among the results becomes `with`; other uses stay. */
static void return_instead(Func *f, const Value *v, Value *with)
{
    for (int i = 0; i < f->body->nresult; i++)
        if (f->body->result[i] == v) func_set_result(f, i, with);
}

/* The new op takes the name of a constant, which is nobody's business elsewhere. */
static bool compute_result(Legal *l, Value *v)
{
    Func *f = l->func;
    Builder b = builder_at(f->body, NULL, l->diag, value_loc(v));
    const char *name = v->name;
    v->name = func_unique_name(f, arena_printf(&l->m->arena, "%s_value", name));
    op_set_name(l->m, v->def, v->name);
    Value *with = add_zero(&b, v);
    with->name = name;
    return_instead(f, v, with);
    return true;
}

static int of_function(Legal *l)
{
    const Block *body = l->func->body;
    int changes = 0;
    for (int i = 0; i < body->nresult && legal_asks(l, RULE_constant_result, NULL); i++) {
        Value *v = body->result[i];
        if (can_add(v) && v->def && value_is_const(v)) changes += compute_result(l, v);
    }
    if (legal_asks(l, RULE_identity_result, NULL) && can_add(body->result[0])) {
        Op *def = body->result[0]->def;
        Builder b = before_op(def, l->diag);
        legal_replace(def, add_zero(&b, op_value(def, P_x)));
        changes++;
    }
    return changes;
}

/* ---- an op between ----------------------------------------------------------------------- */

/* The op with a sum behind it: a slice of an input before a convolution, a product as a
 * row at the end. */
static Value *results_followed(const Legal *l, Builder *b, Op *op)
{
    Value *x = op_value(op, P_x);
    const Block *body = l->func->body;
    const bool slice = legal_asks(l, RULE_slice_input, op),
               last = body->result[0] == op->out[0]
                   && legal_asks(l, RULE_matmul_reshape, NULL);
    if ((!slice && !last) || !can_add(op->out[0])) return NULL;
    BuildArg arg[MAX_PARAM];
    const int n = args_with(op, arg, op->narg, P_x, &x);
    return add_zero(b, build_op(b, op_name(op), op->kind, arg, n)->out[0]);
}

int pass_results(Module *m, const PassOptions *o, Diag *d)
{
    Legal l = { .m = m, .options = o, .rules = o->rules, .diag = d };
    for (l.func = m->first; l.func; l.func = l.func->next) l.changes += of_function(&l);
    const int n = legal_rewrite(m, o, d, results_followed);
    return n < 0 ? n : n + l.changes;
}
