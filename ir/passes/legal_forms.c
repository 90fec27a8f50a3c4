/* legal_forms.c -- the passes that apply the column FORM of the op table: they find the form
 * that an op needs for its target. An op that the engine refuses and that depends on
 * constants alone becomes a constant. */
#include "legal.h"

/* the passes that apply forms */
enum { FORM_never, FORM_accurate, FORM_norm, FORM_decompose, FORM_sqrt, FORM_lift };
enum { RULE_OWN = -1 }; /* the rewrite asks which rules hold */

static const struct {
    int pass;
    int rule; /* RULE_op_refused: where the table says that the engine refuses the op */
    Rewrite *one;
    RewriteAll *all;
} forms[OP_COUNT] = {
#define NONE .pass = FORM_never
#define INSTEAD(p, r, f) .pass = FORM_##p, .rule = RULE_##r, .one = f
#define INSTEAD_ALL(p, r, f) .pass = FORM_##p, .rule = RULE_##r, .all = f
#define OP(name, ...) [OP_##name] =
#define FORM(...) { __VA_ARGS__ },
#include "../ops/ops.def"
};

/* ---- what is known ----------------------------------------------------------------------- */

static bool all_known(const Op *op)
{
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++)
            if (!value_at_hand(op->arg[i].val[k])
                || op->arg[i].val[k]->type->kind != TY_TENSOR)
                return false;
    return op_is_computable(op);
}

/* The results of an op of constants alone, by its reference kernel. */
static bool forms_compute(Builder *b, Op *op, Value **out)
{
    const Const *c[MAX_RESULT];
    size_t bytes = 0;
    for (int i = 0; i < op->nout; i++) bytes += type_bytes(op->out[i]->type);
    if (bytes > COMPUTED_MAX || !all_known(op)
        || !op_literals(b->m, op, COMPUTED_MAX, b->diag, c))
        return false;
    for (int i = 0; i < op->nout; i++) {
        if (!type_equal(c[i]->type, op->out[i]->type)) return false;
        out[i] = build_const(b, op->out[i]->name, c[i]);
    }
    return true;
}

/* ---- the passes -------------------------------------------------------------------------- */

static bool forms_asked(const Legal *l, const Op *op)
{
    const int rule = forms[op->kind].rule;
    return rule == RULE_OWN || (rule != RULE_op_refused && legal_asks(l, rule, op));
}

/* A row with a function for one result is of an op that has one. */
static bool take_form(const Legal *l, Builder *b, Op *op, int pass, Value **out)
{
    const bool refused = pass == FORM_decompose
                      && op_refused(l->rules, op->kind) >= STAND_REPORTED;
    if (refused && forms_compute(b, op, out)) return true;
    if (forms[op->kind].pass != pass || (!refused && !forms_asked(l, op))) return false;
    if (forms[op->kind].all) return forms[op->kind].all(l, b, op, out);
    return (out[0] = forms[op->kind].one(l, b, op)) != NULL;
}

#define FORM_PASS(name) \
    static bool forms_##name(const Legal *l, Builder *b, Op *op, Value **out) \
    { \
        return take_form(l, b, op, FORM_##name, out); \
    } \
    int pass_##name(Module *m, const PassOptions *o, Diag *d) \
    { \
        return legal_rewrite_all(m, o, d, forms_##name); \
    }
FORM_PASS(accurate)
FORM_PASS(norm)
FORM_PASS(decompose)
FORM_PASS(sqrt)
FORM_PASS(lift)
