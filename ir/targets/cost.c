/* cost.c -- what work costs, by published figures. */
#include "cost.h"

/* What the processor is taken for; an assumption of this project, since chips differ less in it
 * than in the engine: products in fp32 by the vector units of one core, and memory. */
enum { COST_HOST_GFLOPS = 90, COST_HOST_GBS = 50, COST_HOST_NS = 500 };

static double cost_larger(double a, double b) { return a > b ? a : b; }

static double cost_middle(ChipCost c) { return (c.low + c.high) / 2; }

CostUs cost_add(CostUs a, CostUs b)
{
    return (CostUs){ a.least + b.least, a.middle + b.middle, a.most + b.most };
}

/* ---- what there is to do ----------------------------------------------------------------- */

static double cost_bytes(const Type *t)
{
    return t->kind == TY_TENSOR && shape_known(&t->shape) ? (double)type_bytes(t) : 0;
}

static CostWork work_own(const Op *op)
{
    CostWork w = { 0 };
    const double macs = op->kind == OP_NONE ? 0 : op_macs(op);
    if (macs > 0) w.macs = macs;
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++) {
            const Value *v = op->arg[i].val[k];
            if (value_is_const(v)) w.weights += (double)type_bytes(v->type);
        }
    for (int i = 0; i < op->nout; i++) w.values += cost_bytes(op->out[i]->type);
    return w;
}

CostWork cost_work(const Op *op)
{
    CostWork w = work_own(op);
    for (int i = 0; i < op_nblock(op); i++)
        for (const Op *in = op_block(op, i)->first; in; in = in->next) {
            const CostWork inner = op_is_fixed(in) ? (CostWork){ 0 } : cost_work(in);
            w.macs += inner.macs;
            w.weights += inner.weights;
            w.values += inner.values;
        }
    return w;
}

/* ---- what it costs ----------------------------------------------------------------------- */

CostUs cost_dispatch(const Target *t)
{
    const ChipCost c = target_cost(t, COST_dispatch);
    return (CostUs){ c.low, cost_middle(c), c.high };
}

CostUs cost_copy(const Target *t, double bytes)
{
    const ChipCost c = target_cost(t, COST_stream);
    return (CostUs){ bytes / (c.high * 1e3), bytes / (cost_middle(c) * 1e3),
                     bytes / (c.low * 1e3) };
}

CostUs cost_engine(const Target *t, CostWork w)
{
    const ChipCost rate = target_cost(t, COST_compute);
    const double flop = 2 * w.macs;
    return (CostUs){
        .least = cost_larger(flop / (rate.high * 1e6), cost_copy(t, w.weights).least),
        .middle = cost_larger(flop / (cost_middle(rate) * 1e6),
                              cost_copy(t, w.weights + w.values / 2).middle),
        .most = cost_larger(flop / (rate.low * 1e6),
                            cost_copy(t, w.weights + w.values).most),
    };
}

CostUs cost_op(const RuleSet *rs, const Func *f, const Op *op)
{
    const double slower = rules_slower(rs, f, op);
    CostUs c = cost_engine(rs->target, cost_work(op));
    c.middle *= (1 + slower) / 2;
    c.most *= slower;
    return c;
}

CostUs cost_processor(CostWork w)
{
    const double us = cost_larger(2 * w.macs / (COST_HOST_GFLOPS * 1e3),
                                  (w.weights + w.values) / (COST_HOST_GBS * 1e3))
                    + COST_HOST_NS / 1e3;
    return (CostUs){ us, us, us };
}

CostUs cost_run(const RuleSet *rs, const Func *f)
{
    CostUs c = cost_dispatch(rs->target);
    for (const Op *op = f->body->first; op; op = op->next)
        if (!op_is_fixed(op) && !op_on_processor(op)) c = cost_add(c, cost_op(rs, f, op));
    return c;
}
