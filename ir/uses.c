/* uses.c -- who uses a value: counted and replaced, by an index while a function is being walked.
 *
 * A pass that rewrites statements replaces one result after the other; looking through the whole
 * function for each made passes quadratic. The first replacement of a walk makes an index of users,
 * which the doors of module.c keep up (func_note_use) until the walk ends. An entry only says where
 * to look: an op that does not use the value any more is no harm. */
#include "uses.h"

#include <stdlib.h>

typedef struct User User;
struct User {
    Op *op;
    User *next;
};

typedef struct {
    const Value *value; /* NULL: free */
    User *first;
} Slot;

struct Uses {
    Arena arena; /* of the users */
    Slot *slot;
    size_t cap, count;
};

static Slot *slot_of(Slot *slot, size_t cap, const Value *v)
{
    size_t i = (size_t)(((uintptr_t)v >> 4) * UINT64_C(0x9E3779B97F4A7C15) >> 20) & (cap - 1);
    while (slot[i].value && slot[i].value != v) i = (i + 1) & (cap - 1);
    return &slot[i];
}

static void grow(Uses *u)
{
    const size_t cap = u->cap ? 2 * u->cap : 256;
    Slot *more = calloc(cap, sizeof *more);
    if (!more) bug("out of memory: uses of %zu values", cap);
    for (size_t i = 0; i < u->cap; i++)
        if (u->slot[i].value) *slot_of(more, cap, u->slot[i].value) = u->slot[i];
    free(u->slot);
    u->slot = more;
    u->cap = cap;
}

static void add(Uses *u, const Value *v, Op *op)
{
    if (2 * u->count >= u->cap) grow(u);
    Slot *s = slot_of(u->slot, u->cap, v);
    if (s->first && s->first->op == op) return;
    User *user = NEW(&u->arena, User);
    *user = (User){ .op = op, .next = s->first };
    if (!s->value) u->count++;
    *s = (Slot){ .value = v, .first = user };
}

void func_note_use(Func *f, const Value *v, Op *op)
{
    if (f->uses) add(f->uses, v, op);
}

/* ---- one op, and all ops --------------------------------------------------------------------- */

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

static bool look_at(void *ctx, Op *op)
{
    for (int i = 0; i < op->narg; i++) look_in(ctx, op->arg[i].val, op->arg[i].count);
    for (int i = 0; i < op->nblock; i++) look_in(ctx, op->block[i]->result, op->block[i]->nresult);
    return true;
}

static bool index_op(void *ctx, Op *op)
{
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < op->arg[i].count; k++) add(ctx, op->arg[i].val[k], op);
    for (int i = 0; i < op->nblock; i++)
        for (int k = 0; k < op->block[i]->nresult; k++) add(ctx, op->block[i]->result[k], op);
    return true;
}

/* ---- the doors ------------------------------------------------------------------------------- */

void func_uses_drop(Func *f)
{
    if (!f->uses) return;
    arena_free(&f->uses->arena);
    free(f->uses->slot);
    free(f->uses);
    f->uses = NULL;
}

static void make_index(Func *f)
{
    Uses *u = calloc(1, sizeof *u);
    if (!u) bug("out of memory");
    func_visit(f, index_op, u);
    f->uses = u;
}

int func_replace_uses(Func *f, Value *from, Value *to)
{
    Look l = { .from = from, .to = to };
    if (f->walks && !f->uses) make_index(f);
    if (f->uses && f->uses->cap) {
        const Slot *s = slot_of(f->uses->slot, f->uses->cap, from);
        for (User *user = s->first, *next; user; user = next) {
            const int before = l.count;
            next = user->next;
            if (user->op->parent) look_at(&l, user->op); /* else it was taken out */
            if (l.count > before) add(f->uses, to, user->op);
        }
    } else func_visit(f, look_at, &l);
    look_in(&l, f->body->result, f->body->nresult);
    return l.count;
}

int func_count_uses(const Func *f, const Value *v)
{
    Look l = { .from = v };
    func_visit((Func *)(uintptr_t)f, look_at, &l);
    look_in(&l, f->body->result, f->body->nresult);
    return l.count;
}
