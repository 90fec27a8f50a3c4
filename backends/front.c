/* front.c -- cuts a function into ops on integer inputs (lookups by token ids), which the
 * processor runs, and the rest. */
#include "composed.h"

#include "../ir/ops/ops.h"

bool front_wanted(const Func *f)
{
    for (const Op *op = f->body->first; op; op = op->next)
        if (op_is_ahead(op)) return true;
    return false;
}

/* ---- what is looked up ------------------------------------------------------------------- */

typedef struct {
    Func *func;
    PtrMap made; /* by value of the whole: what stands for it here */
} Ahead;

static Value *ahead_find(void *ctx, Value *v)
{
    Value *made = ptrmap_get(&((Ahead *)ctx)->made, v);
    return made ? made : v; /* a literal in the op */
}

static void ahead_copy(Ahead *a, const Op *op);

static void ahead_bring(Ahead *a, Value *v)
{
    if (ptrmap_get(&a->made, v) || (v->has_lit && !v->def)) return;
    if (v->def) ahead_copy(a, v->def);
    else
        ptrmap_set(&a->made, v,
                   block_param(a->func->body, v->name, v->type, value_loc(v)));
}

/* Behind what it reads, with the names that its results have in the whole. */
static void ahead_copy(Ahead *a, const Op *op)
{
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++)
            ahead_bring(a, op->arg[i].val[k]);
    Op *copy = op_clone(op, a->func->body, NULL, ahead_find, a);
    for (int k = 0; k < op->nout; k++) {
        copy->out[k]->name = op->out[k]->name;
        ptrmap_set(&a->made, op->out[k], copy->out[k]);
    }
}

/* What others read, and what the function returns, once each. */
static void ahead_results(Ahead *a, const Func *f)
{
    Arena scratch = { 0 };
    const Value **read;
    const int n = func_ahead_values(f, &scratch, &read);
    for (int i = 0; i < n; i++)
        block_result(a->func->body, ptrmap_get(&a->made, read[i]));
    for (int i = 0; i < f->body->nresult; i++) {
        const Value *v = f->body->result[i];
        Value *made = v->def && op_is_ahead(v->def) ? ptrmap_get(&a->made, v) : NULL;
        if (made && !is_result(made)) block_result(a->func->body, made);
    }
    arena_free(&scratch);
}

static Module *front_ahead(const Func *f)
{
    Module *m = module_new();
    Ahead a = { .func = func_new(m, f->name, f->opset) };
    m->version = f->module->version;
    m->default_func = module_name(m, f->name);
    for (const Op *op = f->body->first; op; op = op->next)
        if (op_is_ahead(op)) ahead_copy(&a, op);
    ahead_results(&a, f);
    ptrmap_free(&a.made);
    return m;
}

/* ---- the rest ---------------------------------------------------------------------------- */

/* An op that nothing needs any more, and constants and casts that it alone used. */
static void rest_drop(Func *f, Op *op)
{
    Arena scratch = { 0 };
    Op **from = NEW_ARRAY(&scratch, op->narg + 1, Op *);
    int n = 0;
    for (int i = 0; i < op->narg; i++) {
        Value *v = arg_count(&op->arg[i]) == 1 ? op->arg[i].val[0] : NULL;
        bool again = false; /* one constant may be two arguments */
        for (int k = 0; v && k < n; k++) again = again || from[k] == v->def;
        if (v && v->def && !again && !op_is_ahead(v->def)
            && (value_is_const(v) || v->def->kind == OP_cast))
            from[n++] = v->def;
    }
    op_unlink(op);
    for (int i = 0; i < n; i++)
        if (from[i]->nout == 1 && !func_count_uses(f, from[i]->out[0]))
            rest_drop(f, from[i]);
    arena_free(&scratch);
}

/* The results that were looked up are the other part's. */
static void rest_results(Func *f)
{
    int kept = 0;
    for (int i = 0; i < f->body->nresult; i++) {
        Value *v = f->body->result[i];
        if (!v->def || !op_is_ahead(v->def)) func_set_result(f, kept++, v);
    }
    func_drop_results(f, kept);
}

static Module *front_rest(const Func *whole)
{
    Module *m = func_extract(whole);
    Func *f = module_main(m);
    Arena scratch = { 0 };
    const Value **read;
    const int n = func_ahead_values(f, &scratch, &read);
    Value **param = NEW_ARRAY(&scratch, f->body->nparam + 1, Value *);
    int nparam = 0; /* those that are read: what is not stays an input */
    for (int i = 0; i < f->body->nparam; i++)
        if (func_count_uses(f, f->body->param[i])) param[nparam++] = f->body->param[i];
    Op **gone = NULL;
    int ngone = 0, room = 0;
    for (Op *op = f->body->first; op; op = op->next)
        if (op_is_ahead(op)) {
            ARENA_ROOM(&scratch, gone, ngone, room);
            gone[ngone++] = op;
        }
    rest_results(f);
    for (int i = 0; i < n; i++) {
        Value *v = read[i]->def->out[read[i]->index];
        func_replace_uses(f, v, block_param(f->body, v->name, v->type, value_loc(v)));
    }
    while (ngone > 0) rest_drop(f, gone[--ngone]);
    for (int i = 0; i < nparam; i++)
        if (!func_count_uses(f, param[i])) block_drop_param(f->body, param[i]);
    arena_free(&scratch);
    return m;
}

void front_cut(const Func *f, Module *part[2])
{
    part[0] = front_ahead(f);
    part[1] = front_rest(f);
}
