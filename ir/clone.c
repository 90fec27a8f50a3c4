/* clone.c -- copies of ops, functions and modules. */
#include "ir.h"

typedef struct {
    Module *m;
    PtrMap made; /* what stands in the copy for what nested blocks define */
    ValueMap *map;
    void *ctx;
    bool whole; /* a function of its own: names stay, legal or not */
} Cloning;

static const char *name_for(const Cloning *c, Func *f, const char *name)
{
    if (!c->whole) return func_unique_name(f, name);
    name = module_name(c->m, name);
    func_claim_name(f, name); /* two blocks may have one name each */
    return name;
}

static Value *clone_mapped(Cloning *c, Value *v)
{
    Value *made = ptrmap_get(&c->made, v);
    if (made) return made;
    if (!c->whole) return c->map ? c->map(c->ctx, v) : v;
    made = value_literal(c->m, value_lit(v), value_loc(v)); /* all else was made before */
    made->bare = v->bare;
    ptrmap_set(&c->made, v, made);
    return made;
}

/* ---- ops -------------------------------------------------------------------------- */

static void copy_attrs(Cloning *c, Op *to, const Op *op)
{
    Attr one;
    const Attrs attrs = op_attrs(op, &one);
    for (int i = 0; i < attrs.count; i++)
        op_set_attr(c->m, to, attrs.at[i].name, attrs.at[i].val);
}

static void copy_args(Cloning *c, Op *to, const Op *op)
{
    for (int i = 0; i < op->narg; i++) {
        const Arg *from = &op->arg[i];
        if (!arg_count(from)) continue;
        Arg *a = op_arg_new(c->m, to, arg_name(from));
        for (int k = 0; k < arg_count(from); k++)
            op_arg_add(c->m, to, a, clone_mapped(c, from->val[k]));
        a->at = from->at;
        a->len = from->len;
    }
}

static Op *copy_op(Cloning *c, const Op *op, Block *b, Op *before);

static void copy_block(Cloning *c, Op *to, const Block *from)
{
    Block *b = block_new(to, from->name);
    for (int i = 0; i < from->nparam; i++) {
        const Value *p = from->param[i];
        ptrmap_set(&c->made, p,
                   block_param(b, name_for(c, b->func, p->name), p->type, value_loc(p)));
    }
    for (const Op *op = from->first; op; op = op->next) {
        const Op *made = copy_op(c, op, b, NULL);
        for (int i = 0; i < op->nout; i++) ptrmap_set(&c->made, op->out[i], made->out[i]);
    }
    for (int i = 0; i < from->nresult; i++)
        block_result(b, clone_mapped(c, from->result[i]));
}

static Op *copy_op(Cloning *c, const Op *op, Block *b, Op *before)
{
    Op *to = op_new(c->m, b, before, op_name(op), op_loc(op));
    to->opset = op->opset;
    to->keep = op->keep;
    to->stop = op->stop;
    copy_attrs(c, to, op);
    copy_args(c, to, op);
    for (int i = 0; i < op_nblock(op); i++) copy_block(c, to, op_block(op, i));
    for (int i = 0; i < op->nout; i++) {
        const Value *v = op->out[i];
        op_out(c->m, to, name_for(c, b->func, v->name), v->type, value_loc(v));
    }
    const char *said = op_said_name(op);
    if (!c->whole && op->nout && op_has_name(op)) op_set_name(c->m, to, to->out[0]->name);
    else if (said) op_set_name(c->m, to, said);
    return to;
}

Op *op_clone(const Op *op, Block *b, Op *before, ValueMap *map, void *ctx)
{
    Cloning c = { .m = b->func->module, .map = map, .ctx = ctx };
    Op *to = copy_op(&c, op, b, before);
    ptrmap_free(&c.made);
    return to;
}

/* ---- functions --------------------------------------------------------------------------- */

static void copy_head(Module *to, const Func *f)
{
    const Module *m = f->module;
    to->version = m->version;
    to->has_attrs = m->has_attrs;
    for (int i = 0; i < m->attrs.count; i++)
        attr_set(to, &to->attrs, m->attrs.at[i].name, m->attrs.at[i].val);
    to->src = m->src;
    to->origin = m->origin ? m->origin : m;
    to->weight = m->weight;
    to->nweight = m->nweight;
    to->dir = m->dir;
    to->default_func = module_name(to, f->name);
    to->straight = m->straight;
    to->missing = m->missing;
    to->missing_seed = m->missing_seed;
    to->follow_links = m->follow_links;
}

static void copy_fixed(Func *to, const Func *f)
{
    to->fixed = NEW_ARRAY(&to->module->arena, f->nfixed + 1, struct Fixed);
    to->nfixed = f->nfixed;
    for (int i = 0; i < f->nfixed; i++)
        to->fixed[i] = (struct Fixed){ module_name(to->module, f->fixed[i].name),
                                       f->fixed[i].dtype };
}

static void copy_func(Cloning *c, const Func *f)
{
    Module *m = c->m;
    Func *to = func_new(m, f->name, f->opset);
    to->opset_name = f->opset_name;
    to->loc = f->loc;
    for (int i = 0; i < f->attrs.count; i++)
        attr_set(m, &to->attrs, f->attrs.at[i].name, f->attrs.at[i].val);
    copy_fixed(to, f);
    for (int i = 0; i < f->body->nparam; i++) {
        const Value *p = f->body->param[i];
        ptrmap_set(
            &c->made, p,
            block_param(to->body, name_for(c, to, p->name), p->type, value_loc(p)));
    }
    for (const Op *op = f->body->first; op; op = op->next) {
        const Op *made = copy_op(c, op, to->body, NULL);
        for (int i = 0; i < op->nout; i++) ptrmap_set(&c->made, op->out[i], made->out[i]);
    }
    for (int i = 0; i < f->body->nresult; i++)
        block_result(to->body, clone_mapped(c, f->body->result[i]));
}

Module *func_extract_all(const Func *f, int n)
{
    Module *m = module_new();
    Cloning c = { .m = m, .whole = true };
    copy_head(m, f);
    for (; n--; f = f->next) copy_func(&c, f);
    ptrmap_free(&c.made);
    return m;
}

Module *func_extract(const Func *f) { return func_extract_all(f, 1); }

Module *module_clone(const Module *m)
{
    int n = 0;
    for (const Func *f = m->first; f; f = f->next) n++;
    Module *to = func_extract_all(m->first, n);
    to->default_func = m->default_func ? module_name(to, m->default_func) : NULL;
    return to;
}
