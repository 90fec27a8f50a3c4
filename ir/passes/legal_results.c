/* legal_results.c -- results that are computed, where a target wants a statement in front of each.
 *
 * An input that is returned under its own name stays: no other value can have that name. */
#include "legal.h"

static Value *computed(const Legal *l, Builder *b, Op *op)
{
    const Block *body = l->func->body;
    if (op->kind != OP_identity || body->nresult != 1 || body->result[0] != op->out[0]) return NULL;
    Value *x = op_value(op, "x");
    if (!dtype_is_float(x->type->dtype) || !rule_heals(l->rules, RULE_identity_result)) return NULL;
    return make_with(b, "add", x, 0);
}

/* A constant takes another name; the sum with 0 behind it takes its own. */
static void compute_constant(Legal *l, int i)
{
    Block *body = l->func->body;
    Value *v = body->result[i];
    if (!v->lit || !v->def || v->type->kind != TY_TENSOR || !dtype_is_float(v->type->dtype)) return;
    const char *name = v->name;
    Builder b = builder_at(body, NULL, l->diag, v->loc);
    v->name = func_unique_name(l->func, name);
    attr_set(l->m, &v->def->attrs, "name", const_string(&l->m->arena, v->name));
    Value *sum = make_with(&b, "add", v, 0);
    sum->name = name;
    attr_set(l->m, &sum->def->attrs, "name", const_string(&l->m->arena, name));
    body->result[i] = sum;
    l->changes++;
}

int pass_results(Module *m, const PassOptions *o, Diag *d)
{
    Legal l = { .m = m, .options = o, .rules = o->rules, .diag = d };
    if (rule_heals(o->rules, RULE_constant_result))
        for (l.func = m->first; l.func; l.func = l.func->next)
            for (int i = 0; i < l.func->body->nresult; i++) compute_constant(&l, i);
    const int more = legal_rewrite(m, o, d, computed);
    return more < 0 ? more : more + l.changes;
}
