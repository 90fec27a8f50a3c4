/* uses.c -- uses of a value: counting and replacing them, by an index while a function is being
 * walked.
 *
 * A pass that rewrites ops replaces one result after the other; looking through the
 * whole function for each made passes quadratic. The first replacement of a walk makes an index
 * of uses, which the functions of build.h keep current (func_note_use) until the walk ends. An
 * entry only says where to look: one of an op that no longer uses the value does no harm.
 *
 * What a pass replaces was mostly there before the pass: values that are made after the
 * index are not in it, so that building an expansion costs nothing here. When such a value
 * is replaced nevertheless, the index is made anew; where that happens repeatedly it covers
 * all values. */
#include "ir.h"

#include <stdlib.h>

typedef struct User User;
struct User {
    Op *op;
    User *next;
};

struct Uses {
    Arena arena;        /* of the users */
    ValueTable user_of; /* the first User of each */
    int made;           /* how often */
};

enum { MADE_MOST = 4 }; /* from then on values are in the index whenever they are made */

static void uses_add(Uses *u, Value *v, Op *op)
{
    if (v->name)
        v->noted = true; /* copies of a function share literals, and threads copies */
    User *first = values_get(&u->user_of, v), *user;
    if (first && first->op == op) return;
    user = NEW(&u->arena, User);
    *user = (User){ .op = op, .next = first };
    values_set(&u->user_of, v, user);
}

void func_note_use(Func *f, Value *v, Op *op)
{
    if (f->uses && (v->noted || f->uses->made >= MADE_MOST)) uses_add(f->uses, v, op);
}

/* ---- one op, and all ops ----------------------------------------------------------------- */

typedef struct {
    const Value *from;
    Value *to; /* NULL: only count */
    int count;
} Look;

static void look_in(Look *l, Value **list, int n)
{
    for (int i = 0; i < n; i++)
        if (list[i] == l->from) {
            l->count++;
            if (l->to) list[i] = l->to;
        }
}

static void look_in_arg(Look *l, Arg *a)
{
    for (int k = 0; k < arg_count(a); k++)
        if (a->val[k] == l->from) {
            l->count++;
            if (l->to) arg_put(a, k, l->to);
        }
}

static bool look_at(void *ctx, Op *op)
{
    for (int i = 0; i < op->narg; i++) look_in_arg(ctx, &op->arg[i]);
    for (int i = 0; i < op_nblock(op); i++)
        look_in(ctx, op_block(op, i)->result, op_block(op, i)->nresult);
    return true;
}

static void uses_note(Value *const *val, int n)
{
    for (int i = 0; i < n; i++) val[i]->noted = true;
}

/* Values that nothing uses yet are in the index too. */
static bool index_op(void *ctx, Op *op)
{
    uses_note(op->out, op->nout);
    for (int i = 0; i < op_nblock(op); i++)
        uses_note(op_block(op, i)->param, op_block(op, i)->nparam);
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++)
            uses_add(ctx, op->arg[i].val[k], op);
    for (int i = 0; i < op_nblock(op); i++)
        for (int k = 0; k < op_block(op, i)->nresult; k++)
            uses_add(ctx, op_block(op, i)->result[k], op);
    return true;
}

/* ---- the doors --------------------------------------------------------------------------- */

static void uses_forget(Uses *u)
{
    arena_free(&u->arena);
    values_free(&u->user_of);
}

static void drop_index(Func *f)
{
    if (!f->uses) return;
    uses_forget(f->uses);
    mem_free(f->uses);
    f->uses = NULL;
}

static void make_index(Func *f, Uses *u)
{
    f->uses = NULL; /* until it is whole */
    u->made++;
    uses_note(f->body->param, f->body->nparam);
    func_visit(f, index_op, u);
    f->uses = u;
}

/* An index that has v, made where a walk is at work; NULL: there is none. */
static const Uses *index_of(Func *f, const Value *v)
{
    if (f->walks && !f->uses) {
        Uses *u = mem_zero(1, sizeof *u);
        if (!u) mem_out(sizeof *u);
        make_index(f, u);
    } else if (f->uses && !v->noted && f->uses->made < MADE_MOST) {
        uses_forget(f->uses);
        make_index(f, f->uses);
    }
    return f->uses;
}

static void walk_ends(void *func)
{
    Func *f = func;
    if (!--f->walks) drop_index(f);
}

void func_walk_begin(Func *f, GuardTask *lost)
{
    guard_task(lost, walk_ends, f);
    f->walks++;
}

void func_walk_end(Func *f, GuardTask *lost)
{
    guard_task_end(lost);
    walk_ends(f);
}

int func_replace_uses(Func *f, Value *from, Value *to)
{
    Look l = { .from = from, .to = to };
    if (index_of(f, from)) {
        for (User *user = values_get(&f->uses->user_of, from), *next; user; user = next) {
            const int before = l.count;
            next = user->next;
            if (!user->op->gone) look_at(&l, user->op);
            if (l.count > before) func_note_use(f, to, user->op);
        }
    } else func_visit(f, look_at, &l);
    for (int i = 0; is_result(from); i++)
        if (f->body->result[i] == from) {
            func_set_result(f, i, to);
            l.count++;
        }
    return l.count;
}

int func_count_uses(Func *f, const Value *v)
{
    Look l = { .from = v };
    const Uses *u = index_of(f, v);
    for (User *user = u ? values_get(&u->user_of, v) : NULL; user; user = user->next)
        if (!user->op->gone) look_at(&l, user->op);
    if (!u) func_visit(f, look_at, &l);
    return l.count + v->returned;
}
