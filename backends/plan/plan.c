/* plan.c -- makes the steps of a function, with the step after which each slot is free. */
#include "plan.h"

#include <limits.h>
#include <string.h>

enum { MAX_DEPTH = 100 }; /* blocks inside blocks */

/* ---- slots ------------------------------------------------------------------------------- */

static int slot_new(Plan *p, Steps *owner, const Value *v)
{
    ARENA_ROOM(p->arena, p->slot, p->nslot, p->cap);
    p->slot[p->nslot] =
        (SlotInfo){ .value = v, .lit = value_lit(v), .owner = owner, .last = -1 };
    return p->nslot++;
}

static int slot_define(Plan *p, Steps *owner, const Value *v)
{
    int s = slot_new(p, owner, v);
    ptrmap_set(&p->slot_of, v, (void *)(uintptr_t)(s + 1));
    return s;
}

/* A use at step `at` of block b: in nested blocks it counts for the op that owns
 * them. */
static int slot_use(Plan *p, Steps *b, int at, const Value *v)
{
    int s = !v->def && value_lit(v) ? slot_new(p, b, v)
                                    : (int)(uintptr_t)ptrmap_get(&p->slot_of, v) - 1;
    if (s < 0) bug("%s is used before it is defined", v->name ? v->name : "(a literal)");
    while (b && b != p->slot[s].owner) {
        at = b->at;
        b = b->parent;
    }
    if (p->slot[s].last < at) p->slot[s].last = at;
    p->slot[s].used = true;
    return s;
}

/* ---- steps ------------------------------------------------------------------------------- */

static StepArg *add_arg(Step *s, ParamId param, int n, Arena *a)
{
    StepArg *arg = &s->arg[s->narg++];
    *arg = (StepArg){ .param = param, .n = n, .slot = NEW_ARRAY(a, n + 1, int) };
    return arg;
}

/* Up to ios17 the constexpr ops have their data in the attribute list. */
static void add_attrs(Plan *p, Steps *b, Step *s)
{
    const Op *op = s->op;
    Attr one;
    const Attrs attrs = op_attrs(op, &one);
    for (int i = 0; i < attrs.count; i++) {
        const Attr *at = &attrs.at[i];
        const Param *param = op_param(&ops[op->kind], at->name);
        if (!param) continue;
        Literal *lit = NEW(p->arena, Literal);
        *lit = const_literal(at->val);
        add_arg(s, param->id, 1, p->arena)->slot[0] = slot_use(p, b, b->nstep, &lit->v);
    }
}

static void add_decoder(Plan *p, Step *s)
{
    s->decoded = NEW(p->arena, struct Decoded);
    for (int i = 0; i < s->narg; i++)
        for (int k = 0; k < s->arg[i].n; k++) {
            const Const *lit = p->slot[s->arg[i].slot[k]].lit;
            if (lit) p->compressed += type_bytes(lit->type);
        }
}

static bool make_block(Plan *p, Steps *b, int depth, Diag *d);

static bool make_step(Plan *p, Steps *b, const Op *op, int depth, Diag *d)
{
    Step *s = &b->step[b->nstep];
    const OpInfo *info = &ops[op->kind];
    bool decodes = (info->flags & F_CONSTEXPR) != 0, constant = decodes;
    *s = (Step){ .op = op, .opset = op_opset(op) };
    Attr one;
    s->arg = NEW_ARRAY(p->arena, op->narg + (decodes ? op_attrs(op, &one).count : 0) + 1,
                       StepArg);
    for (int i = 0; i < op->narg; i++) {
        const Arg *from = &op->arg[i];
        StepArg *to = add_arg(s, from->param, arg_count(from), p->arena);
        for (int k = 0; k < arg_count(from); k++) {
            to->slot[k] = slot_use(p, b, b->nstep, from->val[k]);
            const SlotInfo *si = &p->slot[to->slot[k]];
            constant = constant && (si->lit || si->constant);
        }
    }
    if (decodes) add_attrs(p, b, s);
    if (constant) add_decoder(p, s);
    s->choice = op_choices(op, s->opset, p->arena);
    s->equation = op_equation(op, p->arena);
    s->drawn = NEW(p->arena, struct Drawn);
    s->block = NEW_ARRAY(p->arena, op_nblock(op) + 1, Steps *);
    for (int i = 0; i < op_nblock(op); i++) {
        s->block[i] = NEW(p->arena, Steps);
        *s->block[i] = (Steps){ .block = op_block(op, i), .parent = b, .at = b->nstep };
        if (!make_block(p, s->block[i], depth + 1, d)) return false;
    }
    s->out = NEW_ARRAY(p->arena, op->nout + 1, int);
    for (int i = 0; i < op->nout; i++) {
        s->out[i] = slot_define(p, b, op->out[i]);
        p->slot[s->out[i]].last = b->nstep;
        p->slot[s->out[i]].constant = constant;
        p->slot[s->out[i]].decoder = constant ? s : NULL;
    }
    b->nstep++;
    return true;
}

static bool make_block(Plan *p, Steps *b, int depth, Diag *d)
{
    const Block *block = b->block;
    size_t count = 0;
    if (depth > MAX_DEPTH)
        return diag_error(d, op_loc(block->owner), "blocks are nested more than %d deep",
                          MAX_DEPTH);
    for (const Op *op = block->first; op; op = op->next) count++;
    b->step = NEW_ARRAY(p->arena, count + 1, Step);
    b->first = p->nslot;
    b->param = NEW_ARRAY(p->arena, block->nparam + 1, int);
    for (int i = 0; i < block->nparam; i++)
        b->param[i] = slot_define(p, b, block->param[i]);
    for (const Op *op = block->first; op; op = op->next)
        if (op->kind == OP_const) slot_define(p, b, op->out[0]);
        else if (!make_step(p, b, op, depth, d)) return false;
    b->result = NEW_ARRAY(p->arena, block->nresult + 1, int);
    for (int i = 0; i < block->nresult; i++) {
        b->result[i] = slot_use(p, b, b->nstep, block->result[i]);
        SlotInfo *s = &p->slot[b->result[i]];
        if (s->owner == b) s->last = INT_MAX;
    }
    b->end = p->nslot;
    return true;
}

/* ---- liveness ---------------------------------------------------------------------------- */

static bool is_dropped(const SlotInfo *s)
{
    return !s->lit && !s->constant && s->owner && s->last >= 0
        && s->last < s->owner->nstep;
}

static void place_drops(Plan *p)
{
    for (int i = 0; i < p->nslot; i++)
        if (is_dropped(&p->slot[i])) p->slot[i].owner->step[p->slot[i].last].ndrop++;
    for (int i = 0; i < p->nslot; i++) {
        const SlotInfo *s = &p->slot[i];
        if (!is_dropped(s)) continue;
        Step *step = &s->owner->step[s->last];
        if (!step->drop) {
            step->drop = NEW_ARRAY(p->arena, step->ndrop, int);
            step->ndrop = 0;
        }
        step->drop[step->ndrop++] = i;
    }
}

bool plan_make(Plan *p, const Func *f, Diag *d)
{
    p->body = NEW(p->arena, Steps);
    p->body->block = f->body;
    const bool ok = make_block(p, p->body, 0, d);
    ptrmap_free(&p->slot_of);
    if (ok) place_drops(p);
    return ok;
}

bool plan_turns(const Op *op, uint64_t turn, uint64_t most, Diag *d)
{
    return !most || turn != most
        || diag_error(d, op_loc(op), "while_loop has not ended after %llu steps",
                      (unsigned long long)turn);
}
