/* plan_room.c -- checks, before a run, whether the values of a function fit into memory. */
#include "plan.h"

typedef struct {
    const Plan *plan;
    Diag *diag;
    size_t most; /* bytes that the machine has */
} Room;

/* Bytes of a slot's value; a dimension that is not known counts nothing. */
static size_t slot_bytes(const Room *r, int slot)
{
    const Value *v = r->plan->slot[slot].value;
    return value_lit(v) || v->type->kind != TY_TENSOR ? 0 : type_bytes(v->type);
}

static bool too_large(const Room *r, const Op *op, const Value *v, size_t bytes)
{
    Arena a = { 0 };
    diag_fail(r->diag, "%s: %s is %s, which takes %zu bytes; this machine has %zu",
              op_name(op), v->name, type_text(&a, v->type), bytes, r->most);
    arena_free(&a);
    return false;
}

static bool too_many(const Room *r, const Op *op, size_t bytes)
{
    Arena a = { 0 };
    const Value *v = op->nout ? op->out[0] : NULL;
    diag_fail(
        r->diag,
        "%s: while it computes %s, %s, values that are still needed take %zu bytes together; "
        "this machine has %zu",
        op_name(op), v ? v->name : "nothing", v ? type_text(&a, v->type) : "none", bytes,
        r->most);
    arena_free(&a);
    return false;
}

static bool steps_fit(const Room *r, const Steps *b, size_t live);

/* A weight that is decoded lives for an op at a time: it counts alone. */
static bool step_fits(const Room *r, const Step *s, size_t *live)
{
    for (int i = 0; i < s->op->nout; i++) {
        const size_t bytes = slot_bytes(r, s->out[i]);
        if (bytes > r->most) return too_large(r, s->op, s->op->out[i], bytes);
        if (!s->decoded && !size_add(*live, bytes, live)) *live = SIZE_MAX;
    }
    if (*live > r->most) return too_many(r, s->op, *live);
    for (int i = 0; i < op_nblock(s->op); i++)
        if (!steps_fit(r, s->block[i], *live)) return false;
    for (int i = 0; i < s->ndrop; i++) /* parameters do not count */
        if (r->plan->slot[s->drop[i]].value->def) *live -= slot_bytes(r, s->drop[i]);
    return true;
}

static bool steps_fit(const Room *r, const Steps *b, size_t live)
{
    for (int i = 0; i < b->nstep; i++)
        if (!step_fits(r, &b->step[i], &live)) return false;
    return true;
}

bool plan_fits(const Plan *p, Diag *d)
{
    const Room r = { .plan = p, .diag = d, .most = mem_most() };
    return steps_fit(&r, p->body, 0);
}
