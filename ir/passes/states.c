/* states.c -- turns states into inputs and results: the value of a state comes in under its
 * name, and its value at the end goes out as NAME_out. Engines have no states, nor have opsets
 * before ios18. A state that is never written becomes an input only.
 *
 * With --states-as-io the caller binds both and hands results on to the next run. For a target
 * without states the pass runs by itself, and notes in the program which input stands for which
 * state (query.h), so that backends keep them as they keep states. */
#include "passes.h"

#include "../ir.h"

typedef struct {
    Func *func;
    Diag *diag;
    Value *state, *now; /* now: what it holds at this place */
    int changes;
} Carry;

/* A result keeps its name, so that something has to make it. */
static Value *states_copied(Builder *b, const char *name, Value *v)
{
    Value *copy = mil_identity(b, "identity", .x = v);
    copy->name = name;
    return copy;
}

static void take_read(Carry *c, Op *op)
{
    Value *old = op->out[0], *with = c->now;
    Builder b = before_op(op, c->diag);
    if (is_result(old)) with = states_copied(&b, old->name, c->now);
    func_replace_uses(c->func, old, with);
    op_unlink(op);
    c->changes++;
}

static bool states_carry(void *ctx, Op *op)
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

/* What it holds at the end, under a name of its own; NULL: what it did at the start. */
static const char *give_out(Carry *c)
{
    Func *f = c->func;
    Value *v = c->now;
    if (v == c->state) return NULL;
    const char *name = func_unique_name(
        f, arena_printf(&f->module->arena, "%s_out", c->state->name));
    Builder b = builder_at(f->body, NULL, c->diag, value_loc(c->state));
    if (is_result(v) || !v->def || value_lit(v)) {
        v = states_copied(&b, name, v);
    } else {
        value_rename(v, name);
        if (v->def->nout == 1) op_set_name(f->module, v->def, name);
    }
    block_result(f->body, v);
    return name;
}

/* The number of changes; result: what it holds at the end, or NULL. */
static int state_as_io(Func *f, Value *state, Diag *d, const char **result)
{
    Carry c = { .func = f, .diag = d, .state = state, .now = state };
    state->type = state->type->sub[0];
    func_walk(f, states_carry, &c);
    *result = give_out(&c);
    return c.changes + 1;
}

/* Nobody asked for another interface. */
static void states_tell(const PassOptions *o, const Value *state, const char *result,
                        Diag *d)
{
    if (result)
        diag_warn(
            d, WARN_IO_TYPE, value_loc(state),
            "%s has no states: %s becomes an input, and what it holds at the end the "
            "result %s",
            o->target->name, state->name, result);
    else
        diag_warn(d, WARN_IO_TYPE, value_loc(state),
                  "%s has no states: %s becomes an input", o->target->name, state->name);
    diag_note(
        d, (Loc){ 0 },
        "anerun and the library keep it from run to run, as a state; who runs the program "
        "otherwise begins with zeros%s. --states-as-io says that this is meant",
        result ? " and gives each run what the last one left" : "");
}

/* False: it cannot be, which is an error where it was asked for. */
static bool take_state(Func *f, Value *state, const PassOptions *o, Diag *d, int *changes)
{
    const char *result;
    if (rule_state_is_inside(f, state))
        return !o->states_as_io
            || diag_error(
                d, value_loc(state),
                "the state %s is written inside of a cond or while_loop: it cannot "
                "become an input and a result",
                state->name);
    *changes += state_as_io(f, state, d, &result);
    if (o->states_as_io) return true;
    carried_add(f, state->name, result);
    states_tell(o, state, result, d);
    return true;
}

int pass_states(Module *m, const PassOptions *o, Diag *d)
{
    int changes = 0;
    bool ok = true;
    if (!o->states_as_io && !rule_fixes(o->rules, RULE_state)) return 0;
    for (Func *f = m->first; f; f = f->next)
        for (int i = 0; i < f->body->nparam; i++)
            if (f->body->param[i]->type->kind == TY_STATE)
                ok = take_state(f, f->body->param[i], o, d, &changes) && ok;
    return ok ? changes : -1;
}
