/* op.c -- ops and their parts: attributes, blocks, arguments, results. */
#include "ir.h"
#include "ops/ops.h"

#include <stdlib.h>
#include <string.h>

/* ---- attributes -------------------------------------------------------------------------- */

const Const *attr_get(const Attrs *a, const char *name)
{
    for (int i = 0; i < a->count; i++)
        if (!strcmp(a->at[i].name, name)) return a->at[i].val;
    return NULL;
}

/* The next power of two: arrays of the arena keep no capacity. */
static size_t room_for(size_t count)
{
    size_t n = 1;
    while (n < count) n *= 2;
    return n;
}

/* Room for one more element. */
static void *module_grown(Module *m, void *array, int count, size_t size, bool tight)
{
    if (!tight && count & (count - 1)) return array;
    void *p = arena_array(&m->arena, room_for((size_t)count + 1), size);
    if (count) memcpy(p, array, (size_t)count * size);
    return p;
}

void *module_appended(Module *m, void *array, int count, void *item)
{
    void **all = module_grown(m, array, count, sizeof *all, false);
    all[count] = item;
    return all;
}

void attr_set(Module *m, Attrs *a, const char *name, const Const *val)
{
    for (int i = 0; i < a->count; i++) {
        if (strcmp(a->at[i].name, name)) continue;
        a->at = module_grown(m, a->at, a->count, sizeof *a->at, true);
        if (val) a->at[i].val = val;
        else memmove(&a->at[i], &a->at[i + 1], (size_t)(--a->count - i) * sizeof *a->at);
        return;
    }
    if (!val) return;
    a->at = module_grown(m, a->at, a->count, sizeof *a->at, false);
    a->at[a->count++] = (Attr){ .name = module_name(m, name), .val = val };
}

/* Those of an op that has other attributes than `val`, or blocks. */
static OpMore *op_more(Module *m, Op *op)
{
    if (!op->plain && op->more) return op->more;
    const Const *val = op->plain ? op->val : NULL;
    op->plain = false;
    op->more = NEW(&m->arena, OpMore);
    if (val) attr_set(m, &op->more->attrs, "val", val);
    return op->more;
}

Attrs op_attrs(const Op *op, Attr *one)
{
    if (!op->plain) return op->more ? op->more->attrs : (Attrs){ 0 };
    *one = (Attr){ .name = "val", .val = op->val };
    return (Attrs){ .at = one, .count = 1 };
}

const Const *op_attr(const Op *op, const char *name)
{
    Attr one;
    const Attrs all = op_attrs(op, &one);
    return attr_get(&all, name);
}

static const char *text_of(const Const *c)
{
    const Literal l = const_literal(c);
    return value_string(&l.v);
}

void op_take_name(Module *m, Op *op, const char *name)
{
    op->named = op->nout && !strcmp(op->out[0]->name, name);
    if (!op->named) op_more(m, op)->said = name;
}

void op_set_attr(Module *m, Op *op, const char *name, const Const *val)
{
    const bool alone = op->plain || !op->more;
    if (!strcmp(name, "name")) {
        const char *said = text_of(val);
        if (!alone) op->more->said = NULL;
        op->named = false;
        if (said) op_take_name(m, op, said);
        if (said) val = NULL;
    }
    if (alone && !strcmp(name, "val")) {
        op->val = val;
        op->plain = val != NULL;
    } else if (val || !alone) attr_set(m, &op_more(m, op)->attrs, name, val);
}

void op_take_attrs(Module *m, Op *op, Attrs attrs)
{
    if (attrs.count == 1 && !strcmp(attrs.at->name, "val"))
        op_set_attr(m, op, "val", attrs.at->val);
    else if (attrs.count) op_more(m, op)->attrs = attrs;
    const Const *name = attr_get(&attrs, "name");
    if (text_of(name)) op_set_attr(m, op, "name", name);
}

const char *op_said_name(const Op *op)
{
    return op->named ? op->out[0]->name : op->plain || !op->more ? NULL : op->more->said;
}

bool op_has_name(const Op *op) { return op_said_name(op) || op_attr(op, "name"); }

void op_set_name(Module *m, Op *op, const char *name)
{
    op_set_attr(m, op, "name", NULL);
    op_take_name(m, op, name);
    if (!op->named) op->more->said = arena_strdup(&m->arena, name);
}

void value_rename(Value *v, const char *name)
{
    const char *was = v->name;
    v->name = name;
    if (v->def && v->def->named && !v->index)
        op_set_name(v->def->parent->func->module, v->def, was);
}

/* ---- blocks ------------------------------------------------------------------------------ */

Block *block_new(Op *owner, const char *name)
{
    Module *m = owner->parent->func->module;
    Block *b = NEW(&m->arena, Block);
    b->name = module_name(m, name);
    b->func = owner->parent->func;
    b->owner = owner;
    OpMore *more = op_more(m, owner);
    more->block = module_appended(m, more->block, more->nblock, b);
    more->nblock++;
    return b;
}

Value *block_param(Block *b, const char *name, const Type *t, Loc loc)
{
    Module *m = b->func->module;
    Value *v = value_placed(m, loc);
    v->name = module_name(m, name);
    v->type = t;
    v->id = ++m->nvalue;
    func_claim_name(b->func, v->name);
    b->param = module_appended(m, b->param, b->nparam, v);
    b->nparam++;
    return v;
}

void block_drop_param(Block *b, const Value *v)
{
    int n = 0;
    for (int i = 0; i < b->nparam; i++)
        if (b->param[i] != v) {
            b->param[n] = b->param[i];
            b->param[n]->index = (uint16_t)n;
            n++;
        }
    b->nparam = n;
}

void block_result(Block *b, Value *v)
{
    b->result = module_appended(b->func->module, b->result, b->nresult, v);
    b->nresult++;
    if (b->owner) func_note_use(b->func, v, b->owner);
    else v->returned++;
}

void func_set_result(Func *f, int i, Value *v)
{
    f->body->result[i]->returned--;
    f->body->result[i] = v;
    v->returned++;
}

void func_drop_results(Func *f, int n)
{
    for (int i = n; i < f->body->nresult; i++) f->body->result[i]->returned--;
    f->body->nresult = n;
}

/* ---- ops -------------------------------------------------------------------------- */

static void op_link(Op *op, Block *b, Op *before)
{
    b->func->module->links++;
    op->parent = b;
    op->gone = false;
    op->next = before;
    op->prev = before ? before->prev : b->last;
    if (op->prev) op->prev->next = op;
    else b->first = op;
    if (before) before->prev = op;
    else b->last = op;
}

/* Ops lie beside each other, not among what they have: forty passes walk over all of them, and
 * look into few. There is room for an eighth of what there is already. */
static Op *op_room(Module *m)
{
    enum { ROOM_LEAST = 8, ROOM_MOST = 1024 };
    if (!m->op_room) {
        const uint32_t more = m->nop / 8;
        m->op_room = more < ROOM_LEAST ? ROOM_LEAST : more > ROOM_MOST ? ROOM_MOST : more;
        m->op_next = NEW_ARRAY(&m->arena, m->op_room, Op);
    }
    m->op_room--;
    m->nop++;
    return m->op_next++;
}

_Static_assert(OP_COUNT <= 64 * sizeof((Module *)0)->kinds / sizeof *((Module *)0)->kinds,
               "a bit for each kind");

static Op *op_begin(Module *m, Block *b, Op *before, int kind, Loc loc)
{
    Op *op = op_room(m);
    op->kind = (int16_t)kind;
    if (kind != OP_NONE) m->kinds[kind / 64] |= UINT64_C(1) << kind % 64;
    op_link(op, b, before);
    op_set_loc(op, loc);
    if (m->layer) ptrmap_set(&m->layer_of, op, (void *)(uintptr_t)m->layer);
    return op;
}

Op *op_new(Module *m, Block *b, Op *before, const char *name, Loc loc)
{
    Op *op = op_begin(m, b, before, op_find(name), loc);
    if (op->kind == OP_NONE) op_more(m, op)->name = module_name(m, name);
    return op;
}

Op *op_new_of(Module *m, Block *b, Op *before, int kind, Loc loc)
{
    return op_begin(m, b, before, kind, loc);
}

const char *op_name(const Op *op)
{
    return op->kind == OP_NONE ? op->more->name : ops[op->kind].name;
}

void op_unlink(Op *op)
{
    Block *b = op->parent;
    b->func->module->links++;
    if (op->prev) op->prev->next = op->next;
    else b->first = op->next;
    if (op->next) op->next->prev = op->prev;
    else b->last = op->prev;
    op->prev = op->next = NULL;
    op->gone = true;
}

void op_move_before(Op *op, Block *b, Op *before)
{
    op_unlink(op);
    op_link(op, b, before);
}

static Arg *op_arg_slot(const Op *op, ParamId p)
{
    for (int i = 0; i < op->narg; i++)
        if (op->arg[i].param == p) return &op->arg[i];
    return NULL;
}

/* One value's list is in the value, so that it takes no room in whoever has it. */
static Value *const *list_of_one(Value *v)
{
    if (v->self != v)
        v->self = v; /* copies of a function share literals, and threads copies */
    return &v->self;
}

/* count: of those in list. */
static Value *const *list_with(Module *m, Value *const *list, int count, Value *v)
{
    if (!count) return list_of_one(v);
    Value **all = module_grown(m, (void *)(uintptr_t)list, count, sizeof *all, false);
    all[count] = v;
    return all;
}

/* A list of its own with room for n. */
static ArgList *arg_listed(Module *m, Arg *a, int n)
{
    const size_t room = room_for((size_t)n) * sizeof(Value *);
    ArgList *list = arena_alloc(&m->arena, sizeof *list + room);
    a->val = list->val;
    a->listed = true;
    return list;
}

void arg_reserve(Module *m, Arg *a, int n)
{
    const char *name = a->listed ? arg_list(a)->name : NULL;
    a->val = NULL;
    a->listed = false;
    if (n <= 1 && !name) return;
    ArgList *list = arg_listed(m, a, n);
    list->name = name;
    list->count = n;
}

void arg_cut(Arg *a, int n)
{
    if (a->listed) ((ArgList *)(uintptr_t)arg_list(a))->count = n;
    else if (!n) a->val = NULL;
}

void arg_add(Module *m, Arg *a, Value *v)
{
    const int n = arg_count(a);
    if (!n && !a->listed) {
        a->val = list_of_one(v);
        return;
    }
    if (!a->listed || (n && !(n & (n - 1)))) {
        Value *const *was = a->val;
        const char *name = a->listed ? arg_list(a)->name : NULL;
        ArgList *list = arg_listed(m, a, n + 1);
        list->name = name;
        if (n) memcpy(list->val, was, (size_t)n * sizeof *was);
    }
    ArgList *list = (ArgList *)(uintptr_t)arg_list(a);
    list->val[list->count = n] = v;
    list->count++;
}

void arg_put(Arg *a, int k, Value *v)
{
    if (a->listed) ((Value **)(uintptr_t)a->val)[k] = v;
    else a->val = list_of_one(v);
}

const char *arg_name(const Arg *a)
{
    return a->param == P_NONE ? arg_list(a)->name : param_names[a->param];
}

/* Room for one more; most that are built have two, so the first has room for another. */
static Arg *arg_room(Module *m, const Op *op)
{
    if (!op->narg) return NEW_ARRAY(&m->arena, 2, Arg);
    if (op->narg == 1 && !op->tight) return op->arg;
    return module_grown(m, op->arg, op->narg, sizeof *op->arg, op->tight);
}

void op_arg_begin(Module *m, Arg *a, const char *name, ParamId p)
{
    *a = (Arg){ .param = (uint8_t)p };
    if (p == P_NONE) arg_listed(m, a, 1)->name = name;
}

static Arg *op_arg_more(Module *m, Op *op, const char *name, ParamId p)
{
    op->arg = arg_room(m, op);
    op->tight = false;
    Arg *a = &op->arg[op->narg++];
    op_arg_begin(m, a, name, p);
    return a;
}

_Static_assert(PARAM_COUNT <= UINT8_MAX, "Arg.param holds a ParamId");

Arg *op_arg_new(Module *m, Op *op, const char *name)
{
    const Param *p = op->kind == OP_NONE ? NULL : op_param(&ops[op->kind], name);
    return op_arg_more(m, op, name, p ? p->id : P_NONE);
}

void op_arg_add(Module *m, Op *op, Arg *a, Value *v)
{
    arg_add(m, a, v);
    func_note_use(op->parent->func, v, op);
}

void op_arg(Module *m, Op *op, ParamId p, Value *v)
{
    Arg *a = op_arg_slot(op, p);
    if (op->kind == OP_NONE || !ops[op->kind].place[p])
        bug("%s has no parameter %s", op_name(op), param_names[p]);
    if (!a) {
        a = op_arg_more(m, op, param_names[p], p);
        arg_set_loc(op, a, value_loc(v));
    }
    op_arg_add(m, op, a, v);
}

void op_set_arg(Module *m, Op *op, ParamId p, Value *v)
{
    Arg *a = op_arg_slot(op, p);
    if (a && !v) {
        memmove(a, a + 1, (size_t)(op->arg + op->narg - a - 1) * sizeof *a);
        op->narg--;
    } else if (a) arg_reserve(m, a, 0);
    if (v) op_arg(m, op, p, v);
}

void op_put_arg(Op *op, int arg, int k, Value *v)
{
    arg_put(&op->arg[arg], k, v);
    func_note_use(op->parent->func, v, op);
}

Value *op_out(Module *m, Op *op, const char *name, const Type *t, Loc loc)
{
    Value *v = NEW(&m->arena, Value);
    if (op->nout == OP_RESULTS)
        bug("%s has more than %d results", op_name(op), OP_RESULTS);
    *v = (Value){ .name = module_name(m, name),
                  .type = t,
                  .def = op,
                  .index = op->nout,
                  .id = ++m->nvalue };
    value_set_loc(v, loc);
    v->has_lit = op->kind == OP_const;
    func_claim_name(op->parent->func, v->name);
    op->out = list_with(m, op->out, op->nout, v);
    op->nout++;
    return v;
}
