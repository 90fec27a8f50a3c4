/* mil_read.c -- reads MIL text into a Module: functions, blocks, ops and their names. */
#include "mil.h"
#include "mil_read.h"
#include "mil_text.h"

#include <string.h>

/* ---- small things ------------------------------------------------------------------------ */

Loc mil_loc(const MilReader *r, MilToken t)
{
    if (!t.s) return (Loc){ .src = NULL };
    return (Loc){ .src = r->src, .at = (uint32_t)(t.s - r->src->text), .len = t.len };
}

const char *mil_name(MilReader *r, MilToken t)
{
    return name_intern(&r->m->names, t.s, t.len);
}

#define PUSH(array, count, cap, ...) \
    do { \
        MEM_ROOM(array, count, cap); \
        array[count] = __VA_ARGS__; \
        count++; \
    } while (0)

/* ---- names in scope ---------------------------------------------------------------------- */

/* The value that a name stands for is in the tag of its note. */
static void mil_bind(MilReader *r, Value *v)
{
    NameNote *note = name_note(v->name);
    if (r->nmark)
        PUSH(r->undo, r->nundo, r->undo_cap,
             (MilBinding){ .name = v->name, .val = note->tag });
    note->tag = v;
}

static void scope_begin(MilReader *r) { PUSH(r->mark, r->nmark, r->mark_cap, r->nundo); }

static void scope_end(MilReader *r)
{
    const int mark = r->mark[--r->nmark];
    while (r->nundo > mark) {
        const MilBinding *u = &r->undo[--r->nundo];
        name_note(u->name)->tag = u->val;
    }
}

static void mil_unbind(Value *const *val, int n)
{
    for (int i = 0; i < n; i++) name_note(val[i]->name)->tag = NULL;
}

static bool unbind_op(void *ctx, Op *op)
{
    (void)ctx;
    mil_unbind(op->out, op->nout);
    for (int i = 0; i < op_nblock(op); i++)
        mil_unbind(op_block(op, i)->param, op_block(op, i)->nparam);
    return true;
}

void mil_unbind_all(MilReader *r)
{
    if (!r->func) return;
    mil_unbind(r->func->body->param, r->func->body->nparam);
    func_walk(r->func, unbind_op, NULL);
    r->nmark = r->nundo = 0;
}

/* The name in scope that is nearest, looked for only where the message is shown: a text may
 * have a million undefined names. */
static const char *near_name(const MilReader *r, const char *name)
{
    Arena scratch = { 0 };
    if (diag_full(r->d)) return NULL;
    const char **known = NEW_ARRAY(&scratch, r->m->names.count, const char *), *one;
    size_t n = 0;
    for (size_t at = 0; (one = name_each(&r->m->names, &at)) != NULL;)
        if (name_note(one)->tag) known[n++] = one;
    const char *near = name_nearest(name, known, n);
    arena_free(&scratch);
    return near;
}

static void mil_undefined(MilReader *r, MilToken t, const char *name)
{
    if (r->syntax) return; /* the op that defines it may be the one that was skipped */
    const char *near = near_name(r, name);
    if (near) mil_error(r, t, "%s is not defined; did you mean %s?", name, near);
    else mil_error(r, t, "%s is not defined", name);
}

/* NULL after a report. */
static Value *mil_lookup(MilReader *r, MilToken t)
{
    const char *name = mil_name(r, t);
    Value *v = name_note(name)->tag;
    if (!v) mil_undefined(r, t, name);
    return v;
}

/* ---- attributes -------------------------------------------------------------------------- */

void mil_read_attrs(MilReader *r)
{
    r->attrs = (Attrs){ 0 };
    r->val = NULL;
    r->named = false;
    r->said = NULL;
    r->has_attrs = true;
}

static bool is_word(MilToken t, const char *word)
{
    return t.len == strlen(word) && !memcmp(t.s, word, t.len);
}

/* Nearly every op has the name of its first result once more, and what has another keeps
 * its letters alone: the literal that they were read as is gone. */
static bool says_name(MilReader *r, MilToken t, const Const *c)
{
    const Literal l = const_literal(c);
    const char *said = r->nout && is_word(t, "name") ? value_string(&l.v) : NULL;
    if (!said || r->named || r->said || attr_get(&r->attrs, "name")) return false;
    r->named = is_word(r->out[0].name, said);
    r->said = r->named ? NULL : said;
    arena_back(&r->m->arena, r->named ? r->lit.mark : r->lit.behind);
    return true;
}

/* ---- attributes, one by one -------------------------------------------------------------- */

static bool has_attr(const MilReader *r, const char *name)
{
    return attr_get(&r->attrs, name) || ((r->named || r->said) && !strcmp(name, "name"))
        || (r->val && !strcmp(name, "val"));
}

/* All of them in the list. */
static void list_attrs(MilReader *r)
{
    if (r->val) attr_set(r->m, &r->attrs, "val", r->val);
    r->val = NULL;
}

void mil_read_attr(MilReader *r, MilToken t, const Const *c)
{
    if (says_name(r, t, c)) return;
    if (!r->val && !r->attrs.count && is_word(t, "val")) {
        r->val = mil_shared_const(r, c);
        return;
    }
    const char *name = mil_name(r, t);
    if (has_attr(r, name)) {
        mil_error(r, t, "the attribute %s is given twice", name);
        return;
    }
    list_attrs(r);
    attr_set(r->m, &r->attrs, name, c);
}

static Attrs taken_attrs(MilReader *r)
{
    list_attrs(r);
    const Attrs a = r->attrs;
    r->attrs = (Attrs){ 0 };
    r->has_attrs = false;
    return a;
}

/* ---- program and functions --------------------------------------------------------------- */

void mil_read_version(MilReader *r, MilToken v)
{
    const bool one = v.s[0] == '1'
                  && (v.len == 1
                      || (v.s[1] == '.' && number_is_whole(v.s + 2, v.len - 2)));
    if (!one)
        mil_error(r, v, "program(%.*s) is not a version of MIL: it is 1.0 or 1.3",
                  v.len > 20 ? 20 : (int)v.len, v.s);
    r->m->version = mil_name(r, v);
}

void mil_read_head(MilReader *r)
{
    r->m->has_attrs = r->has_attrs;
    r->m->attrs = taken_attrs(r);
}

void mil_read_func_name(MilReader *r, MilToken name, MilToken opset)
{
    const char *text = opset.s ? mil_name(r, opset) : NULL;
    const char *own = mil_name(r, name);
    const Func *before = module_func(r->m, own);
    if (before) {
        mil_error(r, name, "the function %s is defined a second time", own);
        diag_note(r->d, before->loc, "it is first defined here");
    }
    mil_unbind_all(r);
    r->func = func_new(r->m, own, text ? opset_find(text) : OPSET_NONE);
    r->func->loc = mil_loc(r, name);
    if (r->func->opset == OPSET_NONE) r->func->opset_name = text;
    r->block = r->func->body;
}

void mil_read_param(MilReader *r, MilType t, MilToken name)
{
    PUSH(r->param, r->nparam, r->param_cap, (MilNamed){ .type = t.type, .name = name });
}

static void add_params(MilReader *r)
{
    for (int i = 0; i < r->nparam; i++) {
        const MilNamed *p = &r->param[i];
        mil_bind(
            r, block_param(r->block, mil_name(r, p->name), p->type, mil_loc(r, p->name)));
    }
    r->nparam = 0;
}

void mil_read_func_head(MilReader *r)
{
    add_params(r);
    r->func->attrs = taken_attrs(r);
}

Op *mil_read_block_head(MilReader *r, Op *owner, MilToken name)
{
    r->block = block_new(owner, mil_name(r, name));
    scope_begin(r);
    add_params(r);
    return owner;
}

void mil_read_name(MilReader *r, MilToken name)
{
    PUSH(r->name, r->nname, r->name_cap, name);
}

void mil_read_results(MilReader *r)
{
    for (int i = 0; i < r->nname; i++) {
        Value *v = mil_lookup(r, r->name[i]);
        if (v) block_result(r->block, v);
    }
    r->nname = 0;
}

void mil_read_block_end(MilReader *r)
{
    const Op *owner = r->block->owner;
    if (!owner) return;
    scope_end(r);
    r->block = owner->parent;
}

/* ---- ops -------------------------------------------------------------------------- */

void mil_read_out(MilReader *r, MilType t, MilToken name)
{
    PUSH(r->out, r->nout, r->out_cap, (MilNamed){ .type = t.type, .name = name });
}

void mil_read_arg(MilReader *r, MilToken name)
{
    PUSH(r->arg, r->narg, r->arg_cap,
         (MilArg){ .name = name, .at = name, .first = r->nitem });
}

void mil_read_tuple(MilReader *r, MilToken open)
{
    r->arg[r->narg - 1].tuple = true;
    r->arg[r->narg - 1].at = open;
}

static void add_item(MilReader *r, MilItem item)
{
    MilArg *a = &r->arg[r->narg - 1];
    PUSH(r->item, r->nitem, r->item_cap, item);
    if (!a->tuple) a->at = item.at;
    a->count++;
}

void mil_read_use(MilReader *r, MilToken name)
{
    add_item(r, (MilItem){ .val = mil_lookup(r, name), .at = name });
}

void mil_read_inline(MilReader *r, const Const *c)
{
    add_item(r, (MilItem){ .val = mil_shared_literal(r, c), .at = r->lit.at });
}

void mil_read_bare(MilReader *r, MilBare kind, MilToken t)
{
    /* inf and nan may be names, and a name in scope comes first. */
    const bool word = kind == MIL_BARE_NUMBER && (*t.s == 'i' || *t.s == 'n');
    if (word && name_note(mil_name(r, t))->tag) {
        mil_read_use(r, t);
        return;
    }
    add_item(r, (MilItem){ .bare = kind, .at = t });
}

/* ---- an op is complete ------------------------------------------------------------------- */

static void add_args(MilReader *r, Op *op)
{
    if (r->narg) op->arg = NEW_ARRAY(&r->m->arena, r->narg, Arg);
    op->tight = true;
    for (int i = 0; i < r->narg; i++) {
        const MilArg *from = &r->arg[i];
        const char *name = mil_name(r, from->name);
        if (op->narg == OP_ARGS) {
            mil_error(r, from->name, "an op has %d arguments at the most", OP_ARGS);
            break;
        }
        if (op_named_arg(op, name)) {
            diag_error(r->d, mil_loc(r, from->name), "the argument %s is given twice",
                       name);
            continue;
        }
        Arg *a = &op->arg[op->narg++];
        const Param *p = op->kind == OP_NONE ? NULL : op_param(&ops[op->kind], name);
        op_arg_begin(r->m, a, name, p ? p->id : P_NONE);
        arg_set_loc(op, a, mil_loc(r, from->at));
        arg_reserve(r->m, a, from->count);
        int n = 0;
        for (int k = 0; k < from->count; k++) {
            const MilItem *item = &r->item[from->first + k];
            Value *v = item->bare ? mil_bare_value(r, op, name, p, item) : item->val;
            if (v) arg_put(a, n++, v);
        }
        arg_cut(a, n);
    }
    r->narg = r->nitem = 0;
}

Op *mil_read_op(MilReader *r, MilToken name, MilToken opset)
{
    Op *op = op_new(r->m, r->block, NULL, mil_name(r, name), mil_loc(r, name));
    if (opset.s) {
        const char *text = mil_name(r, opset);
        op->opset = (uint8_t)opset_find(text);
        if (op->opset == OPSET_NONE)
            mil_error(r, opset, "%s is not an opset: ios15 to ios18, ios26", text);
    }
    add_args(r, op);
    if (r->val) op_set_attr(r->m, op, "val", r->val);
    r->val = NULL;
    op_take_attrs(r->m, op, taken_attrs(r));
    if (r->nout > OP_RESULTS) {
        mil_error(r, r->out[OP_RESULTS].name, "an op has %d results at the most",
                  OP_RESULTS);
        r->nout = OP_RESULTS;
    }
    for (int i = 0; i < r->nout; i++)
        op_out(r->m, op, mil_name(r, r->out[i].name), r->out[i].type,
               mil_loc(r, r->out[i].name));
    op->named = r->named && op->nout;
    if (r->said) op_take_name(r->m, op, r->said);
    r->named = false;
    r->said = NULL;
    r->nout = 0;
    return op;
}

void mil_read_op_end(MilReader *r, Op *op)
{
    for (int i = 0; i < op->nout; i++) mil_bind(r, op->out[i]);
}
