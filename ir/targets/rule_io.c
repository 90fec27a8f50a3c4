/* rule_io.c -- rules about inputs, results and states of a function: types, sizes, order. */
#include "rules.h"

#include <stdlib.h>
#include <string.h>

enum { ELEMENT_BYTES = 8 };

static bool has_dtype(const Type *t, DType dtype)
{
    return t->kind == TY_TENSOR && t->dtype == dtype;
}

/* What goes into the engine's part of the function and comes out of it: the rules are about
 * these. */
typedef struct {
    const Value **in, **out;
    int nin, nout;
} Edges;

static Edges edges_of(const RuleCheck *c)
{
    Edges e;
    e.nin = func_engine_inputs(c->func, c->scratch, &e.in);
    e.nout = func_engine_results(c->func, c->scratch, &e.out);
    return e;
}

/* Calls fn with every input (states are not one) and result. */
typedef void RuleEdge(RuleCheck *c, const Value *v, const char *what);
static void each_edge(RuleCheck *c, RuleEdge *fn)
{
    const Edges e = edges_of(c);
    for (int i = 0; i < e.nin; i++)
        if (e.in[i]->type->kind != TY_STATE) fn(c, e.in[i], "input");
    for (int i = 0; i < e.nout; i++) fn(c, e.out[i], "result");
}

static void edge_fp32(RuleCheck *c, const Value *v, const char *what)
{
    if (has_dtype(v->type, DT_FP32))
        rule_broken(c, value_loc(v), "%s %s is %s", what, v->name,
                    type_text(c->scratch, v->type));
}

void rule_io_fp32(RuleCheck *c) { each_edge(c, edge_fp32); }

static void edge_type(RuleCheck *c, const Value *v, const char *what)
{
    if (v->type->kind == TY_TENSOR && dtypes[v->type->dtype].edge) return;
    rule_broken(c, value_loc(v), "%s %s is %s", what, v->name,
                type_text(c->scratch, v->type));
}

void rule_io_type(RuleCheck *c) { each_edge(c, edge_type); }

void rule_cast_int32(RuleCheck *c)
{
    if (c->op->nout && has_dtype(c->op->out[0]->type, DT_INT32))
        rule_broken(c, op_loc(c->op), "cast to int32: %s", c->op->out[0]->name);
}

/* ---- what is returned -------------------------------------------------------------------- */

void rule_returned_input(RuleCheck *c)
{
    const Edges e = edges_of(c);
    for (int i = 0; i < e.nout; i++)
        for (int k = 0; k < e.nin; k++)
            if (e.out[i] == e.in[k])
                rule_broken(c, value_loc(e.in[k]), "function %s returns its input %s",
                            c->func->name, e.in[k]->name);
}

void rule_constant_result(RuleCheck *c)
{
    const Edges e = edges_of(c);
    for (int i = 0; i < e.nout; i++)
        if (value_is_const(e.out[i]))
            rule_broken(c, value_loc(e.out[i]), "result %s is a constant",
                        e.out[i]->name);
}

void rule_identity_result(RuleCheck *c)
{
    const Edges e = edges_of(c);
    const Op *def = e.nout == 1 ? e.out[0]->def : NULL;
    if (def && def->kind == OP_identity)
        rule_broken(c, op_loc(def), "the only result, %s, is an identity",
                    e.out[0]->name);
}

/* ---- order, count and sizes -------------------------------------------------------------- */

/* Names that a caller who binds by position relies on, and whose alphabet says otherwise. */
static void check_order(RuleCheck *c, const Value *const *v, int n, const char *what)
{
    for (int i = 1; i < n; i++)
        if (strcmp(v[i - 1]->name, v[i]->name) > 0) {
            rule_broken(c, value_loc(v[i]),
                        "%s %s stands after %s, before it in the alphabet", what,
                        v[i]->name, v[i - 1]->name);
            return;
        }
}

void rule_slot_order(RuleCheck *c)
{
    const Edges e = edges_of(c);
    check_order(c, e.in, e.nin, "input");
    check_order(c, e.out, e.nout, "result");
}

void rule_many_inputs(RuleCheck *c)
{
    if (c->func->body->nparam > 1)
        rule_broken(c, c->func->loc, "function %s has %d inputs", c->func->name,
                    c->func->body->nparam);
}

static void check_sizes(RuleCheck *c, const Value *const *v, int n, const char *what)
{
    for (int i = 1; i < n; i++) {
        size_t a = type_bytes(v[0]->type), b = type_bytes(v[i]->type);
        if (!a || !b || a == b) continue;
        rule_broken(c, value_loc(v[i]), "%s %s has %zu bytes, %s has %zu", what,
                    v[i]->name, b, v[0]->name, a);
        return;
    }
}

void rule_equal_sizes(RuleCheck *c)
{
    const Edges e = edges_of(c);
    check_sizes(c, e.in, e.nin, "input");
    check_sizes(c, e.out, e.nout, "result");
}

static void edge_minimum(RuleCheck *c, const Value *v, const char *what)
{
    int64_t least = rule_limit(c->rules, LIMIT_surface_min);
    size_t bytes = type_bytes(v->type);
    if (bytes && least > 0 && bytes < (size_t)least)
        rule_broken(c, value_loc(v), "%s %s has %zu bytes, less than %lld", what, v->name,
                    bytes, (long long)least);
}

void rule_surface_minimum(RuleCheck *c) { each_edge(c, edge_minimum); }

static void edge_row(RuleCheck *c, const Value *v, const char *what)
{
    const Type *t = v->type;
    int64_t align = rule_limit(c->rules, LIMIT_row_bytes);
    if (t->kind != TY_TENSOR || !t->shape.rank || dtypes[t->dtype].bits < 8 || align <= 0)
        return;
    int64_t width = t->shape.dim[t->shape.rank - 1], each = dtypes[t->dtype].bits / 8;
    if (width < 0 || width > INT64_MAX / ELEMENT_BYTES || width * each % align == 0)
        return;
    rule_broken(c, value_loc(v),
                "%s %s has rows of %lld bytes, which the engine pads to %lld", what,
                v->name, (long long)(width * each),
                (long long)((width * each + align - 1) / align * align));
}

void rule_row_padding(RuleCheck *c) { each_edge(c, edge_row); }

void rule_buffers(RuleCheck *c)
{
    const Edges e = edges_of(c);
    const int n = e.nin + e.nout;
    int64_t most = rule_limit(c->rules, LIMIT_buffers);
    if (most >= 0 && n > most)
        rule_broken(c, c->func->loc,
                    "function %s has %d inputs, states and results, more than %lld",
                    c->func->name, n, (long long)most);
}

void rule_no_input(RuleCheck *c)
{
    const Edges e = edges_of(c);
    if (!e.nin) rule_broken(c, c->func->loc, "function %s has no input", c->func->name);
    if (!e.nout) rule_broken(c, c->func->loc, "function %s has no result", c->func->name);
}

/* ---- all functions of a program ---------------------------------------------------------- */

/* Inputs and results are numbered over all functions, each on their own. */
void rule_symbols(RuleCheck *c)
{
    const int64_t most = rule_limit(c->rules, LIMIT_symbols);
    const char *const what[2] = { "inputs", "results" };
    int64_t n[2] = { 0, 0 };
    int nfunc = 0;
    for (const Func *f = c->module->first; f; f = f->next, nfunc++) {
        const Value **v;
        n[0] += func_engine_inputs(f, c->scratch, &v);
        n[1] += func_engine_results(f, c->scratch, &v);
    }
    for (int k = 0; k < 2; k++)
        if (most >= 0 && n[k] > most && nfunc > 1)
            rule_broken(c, c->module->first->loc,
                        "the %d functions have together %lld %s, more than %lld", nfunc,
                        (long long)n[k], what[k], (long long)most);
}

void rule_procedures(RuleCheck *c)
{
    const int64_t most = rule_limit(c->rules, LIMIT_procedures);
    int64_t n = 0;
    for (const Func *f = c->module->first; f; f = f->next) n++;
    if (most >= 0 && n > most)
        rule_broken(c, c->module->first->loc,
                    "the program has %lld functions, more than %lld", (long long)n,
                    (long long)most);
}

/* ---- flexible dimensions and states ------------------------------------------------------ */

static void edge_flexible(RuleCheck *c, const Value *v, const char *what)
{
    if (v->type->kind == TY_TENSOR && !shape_known(&v->type->shape))
        rule_broken(c, value_loc(v), "%s %s has dimensions that are not known: %s", what,
                    v->name, shape_text(c->scratch, &v->type->shape));
}

void rule_flexible(RuleCheck *c) { each_edge(c, edge_flexible); }

typedef struct {
    const Func *func;
    const Value *state;
    bool inside;
} Nested;

/* Reading there is reading what it held before. */
static bool find_nested(void *ctx, const Op *op)
{
    Nested *n = ctx;
    if (op->parent == n->func->body || op->kind == OP_read_state) return true;
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++)
            n->inside |= op->arg[i].val[k] == n->state;
    return !n->inside;
}

bool rule_state_is_inside(const Func *f, const Value *state)
{
    Nested n = { .func = f, .state = state };
    func_read(f, find_nested, &n);
    return n.inside;
}

void rule_state(RuleCheck *c)
{
    const Block *b = c->func->body;
    for (int i = 0; i < b->nparam; i++) {
        if (b->param[i]->type->kind != TY_STATE) continue;
        c->left = rule_state_is_inside(c->func, b->param[i])
                    ? "a cond or while_loop writes it inside"
                    : NULL;
        rule_broken(c, value_loc(b->param[i]), "%s is a state: %s", b->param[i]->name,
                    type_text(c->scratch, b->param[i]->type));
    }
    c->left = NULL;
}
