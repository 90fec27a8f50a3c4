/* place.c -- decides which ops of a function run on the engine and which on the processor: what no
 * rule forbids there, where it is worth the dispatch and the copies.
 *
 * A part is a run of ops in the order written. The cheapest choice of parts is found op by op: the
 * least cost up to here, ending on either side, is all that the next op has to know. */
#include "../ops/ops.h"
#include "passes.h"

#include <math.h>

/* What the processor is taken for; an assumption of this project, since chips differ less in it
 * than in the engine: products in fp32 by the vector units of one core, and memory. */
enum { PLACE_HOST_GFLOPS = 90, PLACE_HOST_GBS = 50, PLACE_HOST_NS = 500 };

enum { ON_HOST, ON_ENGINE };

typedef struct {
    Placement *out;
    const Func *func;
    PtrMap number; /* of an op of the body, plus 1 */
    Arena *arena;
} PlaceWork;

static PlacedOp *placed_of(const PlaceWork *p, const Op *op)
{
    while (op->parent != p->func->body) op = op->parent->owner;
    return &p->out->op[(uintptr_t)ptrmap_get(&p->number, op) - 1];
}

static void place_break(void *placing, const RuleBreak *b)
{
    PlaceWork *p = placing;
    if (b->level != LEVEL_ERROR || b->func != p->func || !b->op) return;
    PlacedOp *o = placed_of(p, b->op);
    if (o->rule) return;
    o->rule = b->rule;
    o->why = arena_strdup(p->arena, b->message);
}

/* ---- costs ------------------------------------------------------------------------------- */

/* Weights that it reads, and what it writes; what it reads of other ops stays near. */
static double place_bytes(const Op *op)
{
    double bytes = 0;
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++) {
            const Value *v = op->arg[i].val[k];
            if (value_is_const(v)) bytes += (double)type_bytes(v->type);
        }
    for (int i = 0; i < op->nout; i++)
        if (op->out[i]->type->kind == TY_TENSOR && shape_known(&op->out[i]->type->shape))
            bytes += (double)type_bytes(op->out[i]->type);
    return bytes;
}

static double middle(ChipCost c) { return (c.low + c.high) / 2; }

static double place_larger(double a, double b) { return a > b ? a : b; }

static void place_cost(PlacedOp *o, const Target *t)
{
    const double macs = o->op->kind == OP_NONE ? 0 : op_macs(o->op);
    o->macs = macs > 0 ? macs : 0;
    o->bytes = place_bytes(o->op);
    const double flop = 2 * o->macs;
    o->us[ON_HOST] = place_larger(flop / (PLACE_HOST_GFLOPS * 1e3),
                                  o->bytes / (PLACE_HOST_GBS * 1e3))
                   + PLACE_HOST_NS / 1e3;
    o->us[ON_ENGINE] = place_larger(flop / (middle(target_cost(t, COST_compute)) * 1e6),
                                    o->bytes
                                        / (middle(target_cost(t, COST_stream)) * 1e3));
    if (o->free) o->us[ON_HOST] = o->us[ON_ENGINE] = 0;
}

static void place_ops(PlaceWork *p, const RuleSet *rs, Diag *d)
{
    Placement *out = p->out;
    for (const Op *op = p->func->body->first; op; op = op->next) out->nop++;
    out->op = NEW_ARRAY(p->arena, out->nop + 1, PlacedOp);
    int i = 0;
    for (const Op *op = p->func->body->first; op; op = op->next) {
        out->op[i++] = (PlacedOp){ .op = op, .free = op_is_fixed(op) };
        ptrmap_set(&p->number, op, (void *)(uintptr_t)i);
    }
    rules_check(p->func->module, rs, d, place_break, p);
    for (i = 0; i < out->nop; i++) {
        place_cost(&out->op[i], rs->target);
        out->alone += out->op[i].us[ON_HOST];
    }
}

/* ---- the cheapest parts ------------------------------------------------------------------ */

/* What it costs to go on at place i on the other side. */
static double place_turn(const CutPlaces *at, int i, int to, const Target *t)
{
    const double copy = at->bytes[i] / (middle(target_cost(t, COST_stream)) * 1e3);
    return copy + (to == ON_ENGINE ? middle(target_cost(t, COST_dispatch)) : 0);
}

/* side[i][s]: where op i - 1 ran, when op i runs on side s. */
static void place_choose(Placement *out, const CutPlaces *at, const Target *t, Arena *a)
{
    unsigned char(*side)[2] = arena_alloc(a, (size_t)(out->nop + 1) * sizeof *side);
    double cost[2] = { 0, middle(target_cost(t, COST_dispatch)) };
    for (int i = 0; i < out->nop; i++) {
        double next[2];
        for (int s = 0; s < 2; s++) {
            const double stay = cost[s];
            const double turn = i && at->open[i] ? cost[!s] + place_turn(at, i, s, t)
                                                 : INFINITY;
            side[i][s] = (unsigned char)(turn < stay ? !s : s);
            next[s] = (turn < stay ? turn : stay) + out->op[i].us[s];
            if (s == ON_ENGINE && out->op[i].rule) next[s] = INFINITY;
        }
        cost[0] = next[0];
        cost[1] = next[1];
    }
    int s = cost[ON_ENGINE] < cost[ON_HOST];
    out->us = cost[s];
    out->part = NEW_ARRAY(a, out->nop + 1, PlacedPart);
    for (int i = out->nop; i > 0;) {
        const int end = i;
        while (--i > 0 && side[i][s] == s) {}
        out->part[out->npart++] =
            (PlacedPart){ .from = i, .to = end, .engine = s == ON_ENGINE };
        s = i > 0 ? side[i][s] : s;
    }
    for (int i = 0; i < out->npart / 2; i++) {
        const PlacedPart one = out->part[i];
        out->part[i] = out->part[out->npart - 1 - i];
        out->part[out->npart - 1 - i] = one;
    }
}

static void place_tell(Placement *out, const CutPlaces *at, const Target *t)
{
    for (int i = 0; i < out->npart; i++) {
        PlacedPart *p = &out->part[i];
        out->engines += p->engine;
        p->bytes = i ? at->bytes[p->from] : 0;
        p->us = i         ? place_turn(at, p->from, p->engine, t)
              : p->engine ? middle(target_cost(t, COST_dispatch))
                          : 0;
        for (int k = p->from; k < p->to; k++) p->us += out->op[k].us[p->engine];
    }
}

bool func_place(const Func *f, const RuleSet *rs, Arena *a, Diag *d, Placement *out)
{
    PlaceWork p = { .out = out, .func = f, .arena = a };
    CutPlaces at;
    *out = (Placement){ 0 };
    place_ops(&p, rs, d);
    ptrmap_free(&p.number);
    if (!out->nop || !func_cut_places(f, rs, a, &at)) return false;
    place_choose(out, &at, rs->target, a);
    place_tell(out, &at, rs->target);
    return true;
}
