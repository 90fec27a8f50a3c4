/* core_import.c -- makes a program of a text that Core AI's package printed: graphs are functions, a
 * graph that is invoked is inlined, states are states. What is computed from constants alone is a
 * constant at once, as parameters are operands there. */
#include "core_import.h"

#include "../mil/spec.h"

#include <stdlib.h>

enum {
    CORE_FOLD_MOST = 1 << 20, /* bytes of what is computed from constants */
    CORE_DEPTH = 32           /* graphs that invoke each other */
};

/* ---- names ------------------------------------------------------------------------------- */

/* The values of a name: one, or as many as an operation gives. v NULL: a token. */
typedef struct {
    Value **v;
    int count;
} CoreBound;

struct CoreScope {
    PtrMap bound;     /* CoreBound by interned name */
    CoreScope *outer; /* whose names are seen too, or NULL */
    Value **result;   /* what the block gives, once it has ended */
    int nresult;
};

static void scope_bind(CoreImport *im, CoreScope *s, const char *name, Value *const *v,
                       int n)
{
    CoreBound *b = NEW(im->arena, CoreBound);
    b->v = NEW_ARRAY(im->arena, n + 1, Value *);
    for (int i = 0; i < n; i++) b->v[i] = v[i];
    b->count = n;
    ptrmap_set(&s->bound, module_name(im->m, name), b);
}

static const CoreBound *scope_find(CoreImport *im, const CoreScope *s, const char *name)
{
    const char *key = module_name(im->m, name);
    for (; s; s = s->outer)
        if (ptrmap_get(&s->bound, key)) return ptrmap_get(&s->bound, key);
    return NULL;
}

/* ---- folding ----------------------------------------------------------------------------- */

static bool folds(const Op *op)
{
    size_t bytes = 0;
    if (op->nout > MAX_RESULT || !op_is_computable(op)) return false;
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++) {
            const Value *v = op->arg[i].val[k];
            if (!value_lit(v) || v->type->kind != TY_TENSOR) return false;
            bytes += type_bytes(v->type);
        }
    return bytes <= CORE_FOLD_MOST;
}

static void fold_replace(CoreCall *c, Op *op, const Value *old, Value *made)
{
    for (; op; op = op->next)
        for (int i = 0; i < op->narg; i++)
            for (int k = 0; k < arg_count(&op->arg[i]); k++)
                if (op->arg[i].val[k] == old) op_put_arg(op, i, k, made);
    for (int i = 0; i < c->nout; i++)
        if (c->out[i] == old) c->out[i] = made;
}

/* The ops of the node that follow from constants become constants. */
static void core_fold(CoreCall *c)
{
    const Const *lit[MAX_RESULT];
    Op *op = c->before ? c->before->next : c->b.block->first;
    for (Op *next; op; op = next) {
        next = op->next;
        if (!folds(op)) continue;
        if (!op_literals(c->b.m, op, CORE_FOLD_MOST, c->b.diag, lit)) continue;
        Builder b = builder_at(op->parent, op, c->b.diag, c->b.loc);
        for (int i = 0; i < op->nout; i++)
            fold_replace(c, next, op->out[i], build_const(&b, op->out[i]->name, lit[i]));
        op_unlink(op);
    }
}

/* ---- operations -------------------------------------------------------------------------- */

static bool import_block(CoreImport *im, Block *to, const CoreBlock *from, CoreScope *s);

/* What a type says, against what a value is. */
static bool type_agrees(CoreImport *im, const CoreType *t, const Value *v, CoreToken at,
                        const char *what)
{
    if ((t->kind == CORE_TOKEN) != (v == NULL))
        return core_error(im->text, at, "%s: a token and a tensor are not the same",
                          what);
    if (!v || v->type->kind == TY_POISON) return true;
    const Type *said = core_mil_type(im, t);
    if (!said) return false;
    const bool both = said->kind == v->type->kind;
    if (both && type_fits(said, v->type)) return true;
    return core_error(im->text, t->at, "%s is %s, and its type says %s", what,
                      type_text(im->arena, v->type), type_text(im->arena, said));
}

static bool call_operands(CoreCall *c)
{
    CoreImport *im = c->im;
    const CoreNode *n = c->node;
    bool ok = true;
    if (n->nuse > CORE_IN) return core_refuse(c, "it has more than %d operands", CORE_IN);
    for (int i = 0; i < n->nuse; i++) {
        const CoreBound *bound = scope_find(im, c->scope, n->use[i].name);
        if (!bound)
            return core_error(im->text, n->use[i].at, "%s is not defined",
                              n->use[i].name);
        if (n->use[i].index >= bound->count)
            return core_error(im->text, n->use[i].at, "%s has %d values", n->use[i].name,
                              bound->count);
        c->in[c->nin++] = bound->v[n->use[i].index];
    }
    if (n->in.count && n->in.count != n->nuse)
        return core_refuse(c, "it has %d operands and %d types of them", n->nuse,
                           n->in.count);
    for (int i = 0; i < n->in.count; i++)
        ok &= type_agrees(im, &n->in.item[i], c->in[i], n->use[i].at, n->use[i].name);
    return ok;
}

static int wanted_results(const CoreNode *n)
{
    int all = 0;
    for (int i = 0; i < n->nout; i++) all += n->out[i].count;
    return all;
}

/* Names what a node gives, and holds it against the types that the text has. */
static bool call_results(CoreCall *c)
{
    const CoreNode *n = c->node;
    int at = 0;
    if (n->given.count != c->nout || wanted_results(n) != c->nout)
        return core_refuse(c,
                           "it gives %d values, and the text has %d names and %d types",
                           c->nout, wanted_results(n), n->given.count);
    for (int i = 0; i < c->nout; i++)
        if (!type_agrees(c->im, &n->given.item[i], c->out[i], n->at, "what it computes"))
            return false;
    for (int i = 0; i < n->nout; i++) {
        scope_bind(c->im, c->scope, n->out[i].name, c->out + at, n->out[i].count);
        at += n->out[i].count;
    }
    return true;
}

static bool core_do_constant(CoreCall *c)
{
    if (c->node->given.count != 1) return core_refuse(c, "it has no type");
    const Const *lit = core_literal(c->im, c->node->dense, &c->node->given.item[0]);
    if (!lit) return false;
    const char *name = c->node->nout ? c->node->out[0].name + 1 : "c";
    c->out[c->nout++] = build_const(&c->b, arena_printf(c->im->arena, "v%s", name), lit);
    return true;
}

/* ---- graphs that are invoked, and branches ----------------------------------------------- */

static CoreGraph *find_graph(const CoreImport *im, const char *name)
{
    CoreGraph *g = im->text->first;
    while (g && strcmp(g->name, name) != 0) g = g->next;
    return g;
}

static bool invoke_graph(CoreCall *c, CoreGraph *g)
{
    CoreScope s = { .outer = NULL };
    if (g->nparam != c->nin)
        return core_refuse(c, "@%s takes %d values, not %d", g->name, g->nparam, c->nin);
    for (int i = 0; i < c->nin; i++) {
        if (!type_agrees(c->im, &g->param[i].type, c->in[i], c->node->at,
                         g->param[i].name))
            return false;
        scope_bind(c->im, &s, g->param[i].name, &c->in[i], 1);
    }
    g->busy = true;
    c->im->depth++;
    const bool ok = import_block(c->im, c->b.block, g->body, &s);
    c->im->depth--;
    g->busy = false;
    for (int i = 0; ok && i < s.nresult && i < CORE_OUT; i++)
        c->out[c->nout++] = s.result[i];
    ptrmap_free(&s.bound);
    return ok;
}

static bool core_do_invoke(CoreCall *c)
{
    CoreGraph *g = find_graph(c->im, c->node->callee);
    if (!g) return core_refuse(c, "there is no graph @%s", c->node->callee);
    if (g->busy) return core_refuse(c, "@%s invokes itself", g->name);
    if (c->im->depth == CORE_DEPTH)
        return core_refuse(c, "more than %d graphs invoke each other", CORE_DEPTH);
    return invoke_graph(c, g);
}

/* A branch as a block; its scope sees the names outside. */
static bool core_do_branch(CoreCall *c, Op *op, int which)
{
    Block *block = block_new(op, func_unique_name(c->im->func, which ? "other" : "then"));
    CoreScope s = { .outer = c->scope };
    bool ok = import_block(c->im, block, c->node->block[which], &s);
    for (int i = 0; ok && i < s.nresult; i++) {
        if (!s.result[i]) ok = core_refuse(c, "a branch gives a token");
        else block_result(block, s.result[i]);
    }
    ptrmap_free(&s.bound);
    return ok;
}

static bool core_do_if(CoreCall *c)
{
    const CoreNode *n = c->node;
    if (c->nin != 1 || !n->block[1]) return core_refuse(c, "it has no else");
    if (!c->in[0] || core_dtype(c->in[0]) != DT_BOOL || core_rank(c->in[0]))
        return core_refuse(c, "its condition is no single truth value");
    Op *op = op_new_of(c->b.m, c->b.block, NULL, OP_cond, c->b.loc);
    op_arg(c->b.m, op, P_pred, c->in[0]);
    if (!core_do_branch(c, op, 0) || !core_do_branch(c, op, 1)) return false;
    const Block *yes = op_block(op, 0), *no = op_block(op, 1);
    if (yes->nresult != no->nresult || yes->nresult > CORE_OUT)
        return core_refuse(c, "its branches give %d and %d values", yes->nresult,
                           no->nresult);
    for (int i = 0; i < yes->nresult; i++) {
        if (!type_equal(yes->result[i]->type, no->result[i]->type))
            return core_refuse(c, "value %d of a branch is %s, of the other %s", i,
                               type_text(c->im->arena, yes->result[i]->type),
                               type_text(c->im->arena, no->result[i]->type));
        const char *name = func_unique_name(c->im->func, "t");
        c->out[c->nout++] = op_out(c->b.m, op, name, yes->result[i]->type, c->b.loc);
        if (!i) op_set_name(c->b.m, op, name);
    }
    return true;
}

/* ---- one operation ----------------------------------------------------------------------- */

/* What is no row: it has a syntax of its own. */
static CoreLower *core_do_special(const char *name)
{
    static const struct {
        const char *name;
        CoreLower *lower;
    } special[] = { { "constant", core_do_constant },
                    { "invoke", core_do_invoke },
                    { "if", core_do_if } };
    for (size_t i = 0; i < COUNT(special); i++)
        if (!strcmp(special[i].name, name)) return special[i].lower;
    return NULL;
}

static bool takes_tokens(const CoreRow *r)
{
    return r->lower == core_do_read_handle || r->lower == core_do_write_handle;
}

static bool call_lower(CoreCall *c)
{
    const char *name = c->node->name;
    CoreLower *special = core_do_special(name);
    if (special) return call_operands(c) && special(c);
    c->row = core_row(name);
    if (!c->row) return core_refuse(c, "this operation is not known");
    if (!c->row->lower) return core_refuse(c, "it is not read: %s", c->row->why);
    if (!call_operands(c)) return false;
    if (c->nin < c->row->min || c->nin > c->row->max)
        return core_refuse(c, "it has %d operands", c->nin);
    for (int i = 0; i < c->nin; i++)
        if (!c->in[i] && !takes_tokens(c->row))
            return core_refuse(c, "%s is a token", c->node->use[i].name);
    return c->row->lower(c);
}

static bool import_node(CoreImport *im, Block *to, CoreNode *n, CoreScope *s)
{
    CoreCall *c = NEW(im->arena, CoreCall);
    const int errors = diag_wrong(im->diag);
    *c = (CoreCall){ .im = im, .node = n, .scope = s, .before = to->last };
    c->b = builder_at(to, NULL, im->diag, core_loc(im->text, n->at));
    const bool ok = call_lower(c);
    if (diag_wrong(im->diag) > errors) return false;
    if (!ok) bug("%s fails without a word", n->name);
    core_fold(c);
    return call_results(c);
}

/* What stands at the end of a graph or block: its values. */
static bool import_end(CoreImport *im, CoreNode *n, CoreScope *s)
{
    CoreCall c = { .im = im, .node = n, .scope = s };
    if (!call_operands(&c)) return false;
    s->result = NEW_ARRAY(im->arena, c.nin + 1, Value *);
    for (int i = 0; i < c.nin; i++) s->result[s->nresult++] = c.in[i];
    return true;
}

static bool import_block(CoreImport *im, Block *to, const CoreBlock *from, CoreScope *s)
{
    for (CoreNode *n = from->first; n; n = n->next) {
        const bool last = !n->next;
        if (last ? !import_end(im, n, s) : !import_node(im, to, n, s)) return false;
    }
    return true;
}

/* ---- functions --------------------------------------------------------------------------- */

/* A name that the text says of a port: coreai.name, or its own. */
static const char *port_name(const CoreParam *p, const char *other)
{
    const CoreAttr *a = core_attr(p->attrs, "coreai.name");
    if (a && *a->text) return a->text;
    return *p->name ? p->name + 1 : other;
}

static bool import_params(CoreImport *im, const CoreGraph *g, CoreScope *s)
{
    for (int i = 0; i < g->nparam; i++) {
        const CoreParam *p = &g->param[i];
        if (p->type.kind == CORE_TOKEN)
            return core_error(im->text, p->at,
                              "a graph that is an entry takes no tokens");
        const Type *t = core_mil_type(im, &p->type);
        if (!t) return false;
        const char *name = func_unique_name(im->func, port_name(p, "x"));
        Value *v = block_param(im->func->body, name, t, core_loc(im->text, p->at));
        scope_bind(im, s, p->name, &v, 1);
    }
    return true;
}

/* Names of results are taken before any value gets one. */
static void claim_results(CoreImport *im, CoreGraph *g)
{
    for (int i = 0; i < g->nresult; i++) {
        CoreParam *p = &g->result[i];
        if (p->type.kind == CORE_TOKEN) continue;
        const char *wish = port_name(p, arena_printf(im->arena, "result_%d", i));
        p->name = func_unique_name(im->func, wish);
    }
}

static bool import_result(CoreImport *im, const CoreParam *said, Value *v)
{
    Builder b = builder_at(im->func->body, NULL, im->diag, core_loc(im->text, said->at));
    if (!type_agrees(im, &said->type, v, said->at, "a result")) return false;
    if (!v) return true; /* a token: the state says it */
    const bool own = v->def && !value_lit(v) && !is_result(v);
    if (!own) v = mil_identity(&b, "t", .x = v);
    v->name = said->name;
    if (v->index == 0) op_set_name(im->m, v->def, v->name);
    block_result(im->func->body, v);
    return true;
}

static bool import_graph(CoreImport *im, CoreGraph *g)
{
    CoreScope s = { .outer = NULL };
    im->func = func_new(im->m, module_name(im->m, g->name), OPSET_IOS18);
    g->busy = true;
    bool ok = import_params(im, g, &s);
    claim_results(im, g);
    ok = ok && import_block(im, im->func->body, g->body, &s);
    g->busy = false;
    if (ok && s.nresult != g->nresult)
        ok = core_error(im->text, g->at, "@%s gives %d values, and says %d", g->name,
                        s.nresult, g->nresult);
    for (int i = 0; ok && i < g->nresult; i++)
        ok = import_result(im, &g->result[i], s.result[i]);
    ptrmap_free(&s.bound);
    return ok;
}

/* Constants that nothing reads: parameters that have become part of an op. */
static void drop_unread(Func *f)
{
    for (Op *op = f->body->last, *before; op; op = before) {
        before = op->prev;
        if (op->kind == OP_const && !func_count_uses(f, op->out[0])) op_unlink(op);
    }
}

static bool import_text(CoreImport *im)
{
    bool ok = true;
    int entries = 0;
    for (CoreGraph *g = im->text->first; g; g = g->next) {
        if (g->hidden) continue;
        ok &= import_graph(im, g);
        entries++;
    }
    if (!entries)
        return diag_error(im->diag, (Loc){ .src = im->text->src },
                          "%s has no coreai.graph that is not private",
                          im->text->src->name);
    for (Func *f = im->m->first; ok && f; f = f->next) drop_unread(f);
    return ok;
}

Module *core_text_parse(Diag *d, const char *path, const Mapped *map)
{
    Arena a = { 0 };
    Module *m = module_new();
    Source *src = module_source(m, path, map);
    file_as_text(map, src);
    m->src = src;
    m->dir = file_dir(&m->arena, path);
    m->version = module_name(m, "1.3");
    CoreReader r = { .arena = &a, .diag = d, .src = src };
    r.at = src->text;
    r.end = src->text + src->len;
    CoreImport im = { .text = &r, .m = m, .diag = d, .arena = &a };
    const bool ok = core_parse(&r) && import_text(&im);
    arena_free(&a);
    if (ok && module_stayed(m, d)) return m;
    module_free(m);
    return NULL;
}

Module *core_text_read(Diag *d, const char *path, const MilReading *how)
{
    Mapped map;
    (void)how;
    if (!file_map(d, path, &map)) return NULL;
    if (map.size <= FILE_MAX_TEXT) return core_text_parse(d, path, &map);
    file_unmap(&map);
    diag_error(d, (Loc){ 0 }, "%s is larger than the 1 GiB that a text may have", path);
    return NULL;
}
