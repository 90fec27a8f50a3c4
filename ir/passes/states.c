/* states.c -- states as inputs and results: what a state holds comes in under its name, and what
 * it holds at the end goes out as NAME_out. Engines have no states, and neither have opsets
 * before ios18; the caller binds both to one buffer, or gives each run what the last one left.
 *
 * A state that is never written is an input alone. */
#include "pass.h"

typedef struct {
    Func *func;
    Diag *diag;
    Value *state, *now; /* now: what it holds at this place */
    int changes;
    bool inside; /* some statement of a nested block has it */
} Carry;

static bool find_inside(void *ctx, Op *op)
{
    Carry *c = ctx;
    if (op->parent == c->func->body) return true;
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < op->arg[i].count; k++) c->inside |= op->arg[i].val[k] == c->state;
    return !c->inside;
}

/* A result keeps its name, so that something has to make it. */
static Value *copied(Builder *b, const char *name, Value *v)
{
    Value *copy = mil_identity(b, "identity", .x = v);
    copy->name = name;
    op_set_name(b->m, copy->def, name);
    return copy;
}

static void take_read(Carry *c, Op *op)
{
    Value *old = op->out[0], *with = c->now;
    Builder b = before_op(op, c->diag);
    if (is_result(old)) with = copied(&b, old->name, c->now);
    func_replace_uses(c->func, old, with);
    op_unlink(op);
    c->changes++;
}

static bool carry(void *ctx, Op *op)
{
    Carry *c = ctx;
    if (op_value(op, P_input) != c->state) return true;
    if (op->kind == OP_read_state) {
        take_read(c, op);
    } else if (op->kind == OP_write_state) {
        c->now = op_value(op, P_data);
        op_unlink(op);
        c->changes++;
    }
    return true;
}

/* What it holds at the end, under a name of its own. */
static void give_out(Carry *c)
{
    Func *f = c->func;
    Value *v = c->now;
    const char *name = func_unique_name(
        f, arena_printf(&f->module->arena, "%s_out", c->state->name));
    Builder b = builder_at(f->body, NULL, c->diag, c->state->loc);
    if (is_result(v) || !v->def || v->lit) {
        v = copied(&b, name, v);
    } else {
        value_rename(v, name);
        if (v->def->nout == 1) op_set_name(f->module, v->def, name);
    }
    block_result(f->body, v);
}

static bool state_as_io(Func *f, Value *state, Diag *d, int *changes)
{
    Carry c = { .func = f, .diag = d, .state = state, .now = state };
    func_walk(f, find_inside, &c);
    if (c.inside)
        return diag_error(
            d, state->loc,
            "the state %s is used inside of a cond or while_loop: it cannot become "
            "an input and a result",
            state->name);
    state->type = state->type->sub[0];
    func_walk(f, carry, &c);
    if (c.now != state) give_out(&c);
    *changes += c.changes + 1;
    return true;
}

int pass_states(Module *m, const PassOptions *o, Diag *d)
{
    int changes = 0;
    bool ok = true;
    for (Func *f = m->first; f && o->states_as_io; f = f->next)
        for (int i = 0; i < f->body->nparam; i++)
            if (f->body->param[i]->type->kind == TY_STATE)
                ok = state_as_io(f, f->body->param[i], d, &changes) && ok;
    return ok ? changes : -1;
}
