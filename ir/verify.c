/* verify.c -- checks what holds of every Module: SSA form, and each op as its row defines
 * it. */
#include "ir.h"
#include "ops/ops.h"

#include <string.h>

typedef struct {
    Func *func;
    Diag *diag;
    Arena *scratch;
    bool retype; /* store inferred types instead of comparing */
    bool doubt;  /* warn of what Core ML is known to get wrong */
    bool ok;
    ValueSet scope; /* has a value while it may be used */
} Verify;

static bool verify_wrong(Verify *v) { return v->ok = false; }

/* ---- scopes ------------------------------------------------------------------------------ */

/* They may be used from now on, or not any more. */
static void scope_set(Verify *v, Value *const *val, int n, bool in)
{
    for (int i = 0; i < n; i++) value_set_put(&v->scope, val[i], in);
}

static void check_use(Verify *v, const Value *val, Loc loc)
{
    if (!val->name || value_set_has(&v->scope, val)) return;
    diag_error(v->diag, loc, "%s is used where it is not defined", val->name);
    if (value_loc(val).src) diag_note(v->diag, value_loc(val), "it is defined here");
    verify_wrong(v);
}

static bool seen_before(Value *v)
{
    NameNote *note = name_note(v->name);
    const bool before = note->tag != NULL;
    note->tag = v;
    return before;
}

/* Names within one block are defined once. */
static void check_names(Verify *v, const Block *b)
{
    for (int i = 0; i < b->nparam; i++)
        if (seen_before(b->param[i])) {
            diag_error(v->diag, value_loc(b->param[i]),
                       "%s is the name of two parameters", b->param[i]->name);
            verify_wrong(v);
        }
    for (const Op *op = b->first; op; op = op->next)
        for (int i = 0; i < op->nout; i++)
            if (seen_before(op->out[i])) {
                diag_error(v->diag, value_loc(op->out[i]), "%s is defined a second time",
                           op->out[i]->name);
                verify_wrong(v);
            }
    for (int i = 0; i < b->nparam; i++) name_note(b->param[i]->name)->tag = NULL;
    for (const Op *op = b->first; op; op = op->next)
        for (int i = 0; i < op->nout; i++) name_note(op->out[i]->name)->tag = NULL;
}

/* ---- ops -------------------------------------------------------------------------- */

static void check_unknown(Verify *v, const Op *op)
{
    const char *known[OP_COUNT];
    for (int i = 0; i < OP_COUNT; i++) known[i] = ops[i].name;
    const char *near = name_nearest(op_name(op), known, OP_COUNT);
    if (near)
        diag_error(v->diag, op_loc(op), "there is no op called %s; did you mean %s?",
                   op_name(op), near);
    else diag_error(v->diag, op_loc(op), "there is no op called %s", op_name(op));
    verify_wrong(v);
}

static void check_const(Verify *v, const Op *op)
{
    const Const *val = op_attr(op, "val");
    if (op->nout != 1 || !val) {
        diag_error(v->diag, op_loc(op), "const needs one result and the attribute val");
        verify_wrong(v);
        return;
    }
    if (type_equal(op->out[0]->type, val->type)) return;
    diag_error(v->diag, op_loc(op), "%s is declared %s, but its value is %s",
               op->out[0]->name, type_text(v->scratch, op->out[0]->type),
               type_text(v->scratch, val->type));
    verify_wrong(v);
}

/* A literal that is computed with has as many elements as its type says: `?` stands in
 * attributes of functions alone. */
static void check_dim(Verify *v, const Const *c, Loc loc)
{
    for (int64_t i = 0; c && c->kind == CONST_GROUP && i < c->nelem; i++)
        check_dim(v, c->elem[i], loc);
    if (!c || c->type->kind != TY_TENSOR || shape_known(&c->type->shape)) return;
    diag_error(v->diag, c->loc.src ? c->loc : loc,
               "a constant of type %s: its dimensions must be known",
               type_text(v->scratch, c->type));
    verify_wrong(v);
}

static void check_literals(Verify *v, const Op *op)
{
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++)
            if (!op->arg[i].val[k]->def)
                check_dim(v, value_lit(op->arg[i].val[k]), op_loc(op));
    bool data = op_is_fixed(op);
    Attr one;
    const Attrs attrs = op_attrs(op, &one);
    for (int i = 0; data && i < attrs.count; i++)
        check_dim(v, attrs.at[i].val, op_loc(op));
}

static void check_results(Verify *v, Op *op, const Call *c)
{
    if (c->nout != op->nout) {
        diag_error(v->diag, op_loc(op), "%s has %d result%s, but %d %s named",
                   op_name(op), c->nout, c->nout == 1 ? "" : "s", op->nout,
                   op->nout == 1 ? "is" : "are");
        verify_wrong(v);
        return;
    }
    for (int i = 0; i < op->nout; i++) {
        Value *out = op->out[i];
        if (v->retype && c->out[i]->kind == TY_TENSOR) {
            if (!type_equal(out->type, c->out[i]))
                out->type = module_type(v->func->module, c->out[i]);
        } else if (!type_fits(out->type, c->out[i])) {
            diag_error(v->diag, value_loc(out).src ? value_loc(out) : op_loc(op),
                       "%s is declared %s, but %s results in %s", out->name,
                       type_text(v->scratch, out->type), op_name(op),
                       type_text(v->scratch, c->out[i]));
            verify_wrong(v);
        }
    }
}

static const char *types_of(Arena *a, int n, Value *const *val)
{
    Buf b = { 0 };
    for (int i = 0; i < n; i++)
        buf_printf(&b, "%s%s", i ? ", " : "", type_text(a, val[i]->type));
    const char *s = arena_strndup(a, b.s ? b.s : "nothing",
                                  b.s ? b.len : strlen("nothing"));
    buf_free(&b);
    return s;
}

static bool block_yields(Verify *v, const Op *op, const Block *b, int n,
                         Value *const *like)
{
    bool same = b->nresult == n;
    for (int i = 0; same && i < n; i++)
        same = type_fits(b->result[i]->type, like[i]->type);
    if (same) return true;
    diag_error(v->diag, op_loc(op), "%s: its %s yields %s where %s is needed",
               op_name(op), b == op_block(op, 0) ? "first block" : "second block",
               types_of(v->scratch, b->nresult, b->result),
               types_of(v->scratch, n, like));
    return verify_wrong(v);
}

/* cond: two blocks without parameters that yield the results. while_loop: a condition that
 * yields a bool and a body that yields the loop variables, both taking them. */
static void check_block_shape(Verify *v, const Op *op)
{
    const Arg *vars = op_find_arg(op, P_loop_vars);
    if (op_nblock(op) != 2) {
        diag_error(v->diag, op_loc(op), "%s needs two blocks, not %d", op_name(op),
                   op_nblock(op));
        verify_wrong(v);
        return;
    }
    const Block *first = op_block(op, 0), *second = op_block(op, 1);
    int nparam = vars ? arg_count(vars) : 0;
    if (first->nparam != nparam || second->nparam != nparam) {
        diag_error(v->diag, op_loc(op), "%s: its blocks take %d and %d values, not %d",
                   op_name(op), first->nparam, second->nparam, nparam);
        verify_wrong(v);
        return;
    }
    if (!block_yields(v, op, second, op->nout, op->out)) return;
    if (!vars) {
        block_yields(v, op, first, op->nout, op->out);
    } else if (first->nresult != 1 || first->result[0]->type->dtype != DT_BOOL) {
        diag_error(v->diag, op_loc(op), "while_loop: its condition must yield one bool");
        verify_wrong(v);
    } else {
        block_yields(v, op, second, nparam, vars->val);
    }
}

static void check_block(Verify *v, Block *b);

static void check_op(Verify *v, Op *op)
{
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++)
            check_use(v, op->arg[i].val[k], arg_loc(op, &op->arg[i]));
    if (op->kind == OP_NONE) {
        check_unknown(v, op);
        return;
    }
    check_literals(v, op);
    for (int i = 0; i < op_nblock(op); i++) check_block(v, op_block(op, i));
    Opset o = op_opset(op);
    if (ops[op->kind].since > o && !(ops[op->kind].flags & F_PRIVATE)) {
        diag_error(v->diag, op_loc(op), "%s exists from %s on; this function is %s",
                   op_name(op), opset_text(ops[op->kind].since), opset_text(o));
        verify_wrong(v);
        return;
    }
    if (op->kind == OP_const) {
        check_const(v, op);
        return;
    }
    const ArenaMark mark = arena_mark(v->scratch);
    Call *c = NEW(v->scratch, Call);
    int before = diag_wrong(v->diag);
    if (op_infer(op, c, v->scratch, v->diag)) {
        if (c->info->infer || c->nout) check_results(v, op, c);
        if (v->doubt) call_doubt(c);
        if (c->info->flags & F_BLOCKS) check_block_shape(v, op);
    } else {
        if (v->retype)
            for (int i = 0; i < op->nout; i++) op->out[i]->type = &type_poison;
        if (before != diag_wrong(v->diag) || v->retype) verify_wrong(v);
    }
    arena_back(v->scratch, mark);
}

static void check_block(Verify *v, Block *b)
{
    scope_set(v, b->param, b->nparam, true);
    for (Op *op = b->first; op; op = op->next) {
        check_op(v, op);
        scope_set(v, op->out, op->nout, true);
    }
    for (int i = 0; i < b->nresult; i++)
        check_use(v, b->result[i], b->owner ? op_loc(b->owner) : v->func->loc);
    check_names(v, b);
    if (!b->owner) return;
    for (Op *op = b->first; op; op = op->next) scope_set(v, op->out, op->nout, false);
    scope_set(v, b->param, b->nparam, false);
}

/* ---- functions --------------------------------------------------------------------------- */

static void check_func(Verify *v)
{
    Func *f = v->func;
    if (!f->opset) {
        diag_error(v->diag, f->loc, "the opset %s is not known",
                   f->opset_name ? f->opset_name : "(none)");
        verify_wrong(v);
        return;
    }
    if (!f->body->nresult) {
        diag_error(v->diag, f->loc, "function %s has no result", f->name);
        verify_wrong(v);
    }
    check_block(v, f->body);
}

static bool verify_func(Func *f, Diag *d, bool retype, bool doubt)
{
    Arena scratch = { 0 };
    Verify v = { .func = f,
                 .diag = d,
                 .scratch = &scratch,
                 .retype = retype,
                 .doubt = doubt,
                 .ok = true };
    check_func(&v);
    value_set_free(&v.scope);
    arena_free(&scratch);
    return v.ok;
}

bool func_infer(Func *f, Diag *d, bool retype)
{
    return verify_func(f, d, retype, false);
}

bool module_verify(Module *m, Diag *d, const char *after)
{
    bool ok = true;
    const int fails = d->fails;
    /* before any pass: the author's own ops */
    const bool first = !after || !strcmp(after, "lower");
    if (!m->first)
        ok = diag_error(d, (Loc){ .src = m->src }, "the program has no function");
    for (Func *f = m->first; f; f = f->next) {
        if (module_func(m, f->name) != f)
            ok = diag_error(d, f->loc, "function %s is defined a second time", f->name);
        if (!verify_func(f, d, false, first)) ok = false;
    }
    /* What a file would not give while a literal was read is the world's. */
    if (!ok && after && fails == d->fails)
        bug("after the pass %s the program is wrong:\n%s", after,
            d->text.s ? d->text.s : "");
    return ok;
}
