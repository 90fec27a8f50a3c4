/* place.c -- decides which ops of a function run on the engine and which on the processor: all on
 * the engine where no rule forbids one; else what is worth the dispatch and the copies.
 *
 * A part is a run of ops in the order written. The cheapest choice of parts is found op by op: the
 * least cost up to here, ending on either side, is all that the next op has to know. */
#include "../ops/ops.h"
#include "passes.h"

#include <math.h>

enum { ON_HOST, ON_ENGINE };

typedef struct {
    Placement *out;
    const Func *func;
    const Target *target;
    PtrMap number; /* of an op of the body, plus 1 */
    Arena *arena;
    PlacedOp whole; /* its rule: what keeps the function as a whole from the engine */
} PlaceWork;

static PlacedOp *placed_of(const PlaceWork *p, const Op *op)
{
    while (op->parent != p->func->body) op = op->parent->owner;
    return &p->out->op[(uintptr_t)ptrmap_get(&p->number, op) - 1];
}

static void place_break(void *placing, const RuleBreak *b)
{
    PlaceWork *p = placing;
    if (b->rule == &rules[RULE_deep_program]) return; /* it runs as several (func_cut) */
    if (b->level != LEVEL_ERROR || (b->func && b->func != p->func)) return;
    PlacedOp *o = b->func && b->op ? placed_of(p, b->op) : &p->whole;
    if (o->rule) return;
    o->rule = b->rule;
    o->reason = PLACED_RULE;
    o->why = arena_strdup(p->arena, b->message);
}

static void place_cost(const PlaceWork *p, const RuleSet *rs, PlacedOp *o)
{
    if (o->free) return;
    o->work = cost_work(o->op);
    o->us[ON_HOST] = cost_processor(o->work);
    o->us[ON_ENGINE] = o->reason == PLACED_ASIDE ? o->us[ON_HOST]
                                                 : cost_op(rs, p->func, o->op);
}

static void place_ops(PlaceWork *p, const RuleSet *rs, Diag *d)
{
    Placement *out = p->out;
    for (const Op *op = p->func->body->first; op; op = op->next) out->nop++;
    out->op = NEW_ARRAY(p->arena, out->nop + 1, PlacedOp);
    int i = 0;
    for (const Op *op = p->func->body->first; op; op = op->next) {
        const bool fixed = op_is_fixed(op), aside = !fixed && op_on_processor(op);
        out->op[i++] = (PlacedOp){ .op = op,
                                   .free = fixed,
                                   .reason = aside ? PLACED_ASIDE : PLACED_ENGINE };
        ptrmap_set(&p->number, op, (void *)(uintptr_t)i);
    }
    rules_check(p->func->module, rs, d, place_break, p);
    for (i = 0; i < out->nop; i++) {
        place_cost(p, rs, &out->op[i]);
        out->alone = cost_add(out->alone, out->op[i].us[ON_HOST]);
    }
}

/* ---- the cheapest parts ------------------------------------------------------------------ */

/* What it costs to begin, or to go on at place i on the other side. */
static CostUs place_turn(const PlaceWork *p, const CutPlaces *at, int i, bool engine)
{
    const CostUs copy = i ? cost_copy(p->target, at->bytes[i]) : (CostUs){ 0 };
    return engine ? cost_add(copy, cost_dispatch(p->target)) : copy;
}

static void add_part(Placement *out, int from, int to, bool engine)
{
    out->part[out->npart++] = (PlacedPart){ .from = from, .to = to, .engine = engine };
}

static void turn_parts(Placement *out)
{
    for (int i = 0; i < out->npart / 2; i++) {
        const PlacedPart one = out->part[i];
        out->part[i] = out->part[out->npart - 1 - i];
        out->part[out->npart - 1 - i] = one;
    }
}

/* side[i][s]: where op i - 1 ran, when op i runs on side s. */
static void place_choose(PlaceWork *p, const CutPlaces *at)
{
    Placement *out = p->out;
    unsigned char(*side)[2] = arena_alloc(p->arena,
                                          (size_t)(out->nop + 1) * sizeof *side);
    double cost[2] = { 0, place_turn(p, at, 0, true).middle };
    for (int i = 0; i < out->nop; i++) {
        double next[2];
        for (int s = 0; s < 2; s++) {
            const double stay = cost[s];
            const double turn = i && at->open[i]
                                  ? cost[!s] + place_turn(p, at, i, s == ON_ENGINE).middle
                                  : INFINITY;
            side[i][s] = (unsigned char)(turn < stay ? !s : s);
            next[s] = (turn < stay ? turn : stay) + out->op[i].us[s].middle;
            if (s == ON_ENGINE && out->op[i].rule) next[s] = INFINITY;
        }
        cost[0] = next[0];
        cost[1] = next[1];
    }
    int s = cost[ON_ENGINE] < cost[ON_HOST];
    for (int i = out->nop; i > 0;) {
        const int end = i;
        while (--i > 0 && side[i][s] == s) {}
        add_part(out, i, end, s == ON_ENGINE);
        s = i > 0 ? side[i][s] : s;
    }
    turn_parts(out);
}

/* ---- why --------------------------------------------------------------------------------- */

/* What goes over a place where a part of the engine's would begin or end. */
static double place_edge(const PlaceWork *p, const CutPlaces *at, int i)
{
    return i == 0 || i == p->out->nop ? 0 : cost_copy(p->target, at->bytes[i]).middle;
}

/* The ops from..to - 1, of which no rule says anything, are the processor's: the cut among them
 * that would save most, or least lose. */
static void tell_run(PlaceWork *p, const CutPlaces *at, int from, int to)
{
    double saved = 0, begun = INFINITY, best = -INFINITY, sum = 0, edge = 0;
    int met = 0, met_at = 0;
    PlacedSaving *found = NULL;
    for (int i = from; i <= to; i++) {
        if (i > from) {
            const PlacedOp *o = &p->out->op[i - 1];
            saved += o->us[ON_HOST].middle - o->us[ON_ENGINE].middle;
            met += !o->free;
        }
        if (!at->open[i] && i > 0 && i < p->out->nop) continue;
        const double here = place_edge(p, at, i);
        if (met > met_at && saved - here - begun > best) {
            if (!found) found = NEW(p->arena, PlacedSaving);
            best = saved - here - begun;
            *found = (PlacedSaving){ .ops = met - met_at,
                                     .saves = saved - sum,
                                     .dispatch = cost_dispatch(p->target).middle,
                                     .copies = here + edge };
        }
        if (saved + here < begun) {
            begun = saved + here;
            sum = saved;
            edge = here;
            met_at = met;
        }
    }
    for (int i = from; i < to; i++) {
        PlacedOp *o = &p->out->op[i];
        if (o->free || o->reason == PLACED_ASIDE) continue;
        o->reason = found ? PLACED_COST : PLACED_UNCUT;
        o->saving = found;
    }
}

static void tell_reasons(PlaceWork *p, const CutPlaces *at)
{
    for (int i = 0; i < p->out->npart; i++) {
        const PlacedPart *part = &p->out->part[i];
        for (int k = part->from, end; !part->engine && k < part->to; k = end + 1) {
            for (end = k; end < part->to && !p->out->op[end].rule;) end++;
            tell_run(p, at, k, end);
        }
    }
}

/* ---- all of it on one side --------------------------------------------------------------- */

/* all: what is said of each op that has no reason of its own. */
static void place_whole(PlaceWork *p, bool engine, const PlacedOp *all)
{
    add_part(p->out, 0, p->out->nop, engine);
    for (int i = 0; i < p->out->nop; i++) {
        PlacedOp *o = &p->out->op[i];
        if (engine || o->free || o->reason != PLACED_ENGINE) continue;
        o->reason = all->reason;
        o->rule = all->rule;
        o->why = all->why;
    }
}

static void place_tell(PlaceWork *p, const CutPlaces *at)
{
    Placement *out = p->out;
    for (int i = 0; i < out->npart; i++) {
        PlacedPart *part = &out->part[i];
        out->engines += part->engine;
        part->bytes = i ? at->bytes[part->from] : 0;
        part->us = place_turn(p, at, part->from, part->engine);
        for (int k = part->from; k < part->to; k++)
            part->us = cost_add(part->us, out->op[k].us[part->engine]);
        out->us = cost_add(out->us, part->us);
    }
}

static bool place_refused(const Placement *out)
{
    for (int i = 0; i < out->nop; i++)
        if (out->op[i].rule) return true;
    return false;
}

static bool place_states(const Func *f)
{
    for (int i = 0; i < f->body->nparam; i++)
        if (f->body->param[i]->type->kind == TY_STATE || carried_is(f, f->body->param[i]))
            return true;
    return false;
}

void func_place(const Func *f, const RuleSet *rs, Arena *a, Diag *d, Placement *out)
{
    PlaceWork p = { .out = out, .func = f, .target = rs->target, .arena = a };
    CutPlaces at = { 0 };
    *out = (Placement){ 0 };
    place_ops(&p, rs, d);
    ptrmap_free(&p.number);
    out->part = NEW_ARRAY(a, out->nop + 1, PlacedPart);
    if (p.whole.rule || func_on_processor(f)) {
        place_whole(&p, false, &p.whole);
    } else if (!place_refused(out)) {
        place_whole(&p, true, NULL);
    } else if (place_states(f)) {
        place_whole(&p, false, &(PlacedOp){ .reason = PLACED_STATES });
    } else if (!func_cut_places(f, rs, a, &at)) {
        place_whole(&p, false, &(PlacedOp){ .reason = PLACED_UNCUT });
    } else {
        place_choose(&p, &at);
        tell_reasons(&p, &at);
    }
    place_tell(&p, &at);
    out->slower = out->npart == 1 && out->engines && out->alone.middle < out->us.least;
}
